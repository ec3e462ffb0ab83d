//! The first millions: persons in the order of their numbers go straight behind those that are there, and what finds them is sorted
//! beside and brought in at the end.
//!
//! Invariant: what a piece brought is durable before the one after the next begins; until the end nobody is searched for or created.
//! What finds a person is kept for those only that the writer found new, so that nothing is found that was not taken. Memory holds
//! four pieces at most.
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use estafette_actors::domain::identity::Registered;
use estafette_actors::domain::niss::Niss;
use estafette_actors::ports::register::{Access, Deed, Filled, Trouble, WRONG_MAX};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::put::replaced_by;
use super::sorted::Spill;
use super::{Inner, check, index, record};
use crate::store::register::audit::{Line, Told};
use crate::store::register::engine::{Draft, Run, Straight};
use crate::store::register::{PERSON_REPLACED, PERSONS, damaged};

/// Persons of one commit.
const PIECE: usize = if cfg!(test) { 5 } else { 100_000 };
/// How often a piece is asked for again when more waits for the writer than may wait.
const ATTEMPTS: usize = 600;
/// How long until then.
const PAUSE: Duration = Duration::from_millis(100);

const UNSORTED: &str = "the numbers are not in their order, each once: sort the lines by niss";
const OTHERWISE: &str = "this number is known with other data: send the line again without first";

/// Persons with their lines, by NISS.
type Piece = Vec<(u64, Registered)>;

/// What the writer decided of a piece.
struct Decided {
    piece: Arc<Piece>,
    /// Places of those that were not new.
    known: BTreeSet<usize>,
    /// Places of those that are known with other data.
    otherwise: Vec<usize>,
}

/// A piece that the writer was asked to put.
struct Asked {
    piece: Arc<Piece>,
    outcome: BoxFuture<'static, Result<Decided, Trouble>>,
}

/// Fills the source: see the port.
pub fn load(
    inner: &Arc<Inner>,
    access: &Access,
    persons: impl Iterator<Item = (u64, Registered)>,
) -> Result<Filled, Trouble> {
    let here = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let here = here.map_err(|error| Trouble::Unreadable(error.to_string()))?;
    let mut loading = Loading { inner, access, here, last: None, filled: Filled::default() };
    let (loaded, spilled) = std::thread::scope(|scope| {
        let (sender, decided) = sync_channel(1);
        let spilling = scope.spawn(|| spill(inner, decided));
        let loaded = loading.go_through(persons, &sender);
        drop(sender);
        (loaded, spilling.join().unwrap_or_else(|_| Err(Trouble::Unreadable("sorting panicked".to_owned()))))
    });
    // What came until then is found all the same.
    let brought = spilled.and_then(|spill| match spill {
        Some(spill) => index::bring_in(&inner.engine, &inner.index, spill),
        None => Ok(()),
    });
    if let Err(trouble) = &brought {
        tracing::error!(%trouble, "the index of names is not whole: restart to have it made");
    }
    loaded.and(brought).map(|()| loading.filled)
}

struct Loading<'l> {
    inner: &'l Arc<Inner>,
    access: &'l Access,
    here: tokio::runtime::Runtime,
    last: Option<Niss>,
    filled: Filled,
}

impl Loading<'_> {
    fn go_through(
        &mut self,
        mut persons: impl Iterator<Item = (u64, Registered)>,
        sender: &SyncSender<Decided>,
    ) -> Result<(), Trouble> {
        let mut asked = None;
        loop {
            // While the writer has the piece before.
            let piece = self.take(&mut persons);
            if let Some(asked) = asked.take() {
                let decided = self.decided(asked)?;
                // Nobody takes it when spilling failed.
                if !decided.is_all_known() && sender.send(decided).is_err() {
                    return Ok(());
                }
            }
            if piece.is_empty() {
                return Ok(());
            }
            asked = Some(self.ask(Arc::new(piece)));
        }
    }

    /// Those of the next piece that can be taken; empty at the end.
    fn take(&mut self, persons: &mut impl Iterator<Item = (u64, Registered)>) -> Piece {
        let mut piece = Vec::with_capacity(PIECE);
        while piece.len() < PIECE
            && let Some((line, person)) = persons.next()
        {
            if self.last.is_some_and(|last| last >= person.niss) {
                self.refuse(line, UNSORTED);
            } else if let Err(what) = check::identity(&person.identity) {
                self.refuse(line, what);
            } else {
                self.last = Some(person.niss);
                piece.push((line, person));
            }
        }
        piece
    }

    fn refuse(&mut self, line: u64, what: &'static str) {
        self.filled.refused += 1;
        if self.filled.wrong.len() < WRONG_MAX {
            self.filled.wrong.push((line, what));
        }
    }

    fn ask(&self, piece: Arc<Piece>) -> Asked {
        let (inner, access, deciding) = (Arc::clone(self.inner), self.access.clone(), Arc::clone(&piece));
        let outcome = self.inner.engine.straight(move |draft| write(draft, &inner, &access, deciding)).boxed();
        Asked { piece, outcome }
    }

    fn decided(&mut self, mut asked: Asked) -> Result<Decided, Trouble> {
        let mut attempts = 1;
        let decided = loop {
            match self.here.block_on(asked.outcome) {
                Err(Trouble::Overloaded) if attempts < ATTEMPTS => attempts += 1,
                decided => break decided?,
            }
            self.here.block_on(tokio::time::sleep(PAUSE));
            asked = self.ask(asked.piece);
        };
        self.filled.new += decided.piece.len() as u64 - decided.known.len() as u64;
        self.filled.same += (decided.known.len() - decided.otherwise.len()) as u64;
        for place in &decided.otherwise {
            self.refuse(decided.piece[*place].0, OTHERWISE);
        }
        Ok(decided)
    }
}

/// On a thread of its own; none when nobody was new.
fn spill(inner: &Inner, pieces: Receiver<Decided>) -> Result<Option<Spill>, Trouble> {
    let mut spill = None;
    for Decided { piece, known, .. } in pieces {
        let into = match &mut spill {
            Some(spill) => spill,
            none => none.insert(Spill::new(&inner.dir)?),
        };
        for (place, (_, person)) in piece.iter().enumerate() {
            if !known.contains(&place) {
                into.take(person)?;
            }
        }
    }
    Ok(spill)
}

impl Decided {
    fn is_all_known(&self) -> bool {
        self.known.len() == self.piece.len()
    }
}

/// On the writer thread.
fn write(
    draft: &mut Draft<'_>,
    inner: &Inner,
    access: &Access,
    piece: Arc<Piece>,
) -> Result<(Decided, Vec<Straight>), Trouble> {
    let mut decided = Decided { piece: Arc::clone(&piece), known: BTreeSet::new(), otherwise: Vec::new() };
    let is_new = is_all_new(draft, &piece)?;
    let (mut run, mut bytes) = (Run::with_capacity(piece.len(), piece.len() * 48), Vec::new());
    let mut followed = Vec::new();
    for (place, (_, person)) in piece.iter().enumerate() {
        let key = record::key(person.niss);
        bytes.clear();
        record::pack_to(person, &mut bytes);
        if !is_new && let Some(known) = draft.get(PERSONS, &key)? {
            decided.known.insert(place);
            if *known != *bytes && record::unpack(person.niss, &known).ok_or_else(damaged)? != *person {
                decided.otherwise.push(place);
            }
            continue;
        }
        run.push(&key, &bytes);
        if let Some(by) = replaced_by(person) {
            draft.put(PERSON_REPLACED, &key, record::key(by).as_slice());
            followed.push((person.niss, Some(by)));
        }
    }
    if run.is_empty() {
        return Ok((decided, vec![]));
    }
    let (lines, outcomes) = ([Line { about: None, code: 0, outcome: 0 }], &["loaded"]);
    let told = Told { access, deed: Deed::Import, register: None, codes: &[], outcomes, lines: &lines };
    inner.audit.write(draft, &told)?;
    inner.follow(draft, followed);
    inner.index.begin(draft);
    Ok((decided, vec![Straight::Rows(PERSONS, run)]))
}

/// Whether nobody is known between the first and the last of a piece.
fn is_all_new(draft: &Draft<'_>, piece: &Piece) -> Result<bool, Trouble> {
    let (Some((_, first)), Some((_, last))) = (piece.first(), piece.last()) else { return Ok(true) };
    let mut is_new = true;
    draft.scan(PERSONS, &record::key(first.niss), None, |key, _| {
        is_new = *key > record::key(last.niss)[..];
        ControlFlow::Break(())
    })?;
    Ok(is_new)
}
