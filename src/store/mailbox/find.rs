//! Finds the calls that linked documents to a mailbox.
//!
//! An entry of the index is a mailbox, mixed so that all bits count and none is lost, and the position of a call's record with the low
//! half of its document: so one document's is told from others' without a look at the records. Invariant: every call up to
//! [`Finder::known`] is found. It is derived: opening makes what is missing again from the records.
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::domain::mailbox::document::DocumentId;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::mailbox::Trouble;

use super::super::engine::{Draft, Engine};
use super::super::index::{Figures, Index, MAX_FOUND, Mark, Options, Within, mixed};
use super::link::View;
use super::{INDEX, LINKS, LINKS_OF, counter, damaged, last_u64, pair};

/// Calls whose entries are made again in one go.
const PIECE: usize = 64;

/// See the head of this file.
pub struct Finder {
    index: Index,
    known: AtomicU64,
}

/// A call that linked, as it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where its record is.
    pub position: u64,
    /// The low half of its document.
    low: u64,
}

fn low(document: DocumentId) -> u64 {
    document.as_u128() as u64
}

impl Finder {
    /// Opens the file, or makes it, and adds what it lacks.
    pub fn open(folder: &Path, options: Options, engine: &Engine) -> Result<Self, Trouble> {
        let path = folder.join(INDEX);
        let last = counter::read(engine, counter::LINK)?;
        let mut index = Index::open(&path, options)?;
        if index.sealed_position() > last {
            tracing::warn!(file = %path.display(), "an index of other mailboxes: it is made again from the links");
            drop(index);
            std::fs::remove_file(&path).map_err(|error| Trouble::Unreadable(error.to_string()))?;
            index = Index::open(&path, options)?;
        }
        let finder = Self { index, known: AtomicU64::new(last) };
        finder.catch_up(engine)?;
        Ok(finder)
    }

    fn catch_up(&self, engine: &Engine) -> Result<(), Trouble> {
        let mut from = self.index.sealed_position() + 1;
        loop {
            let mut links = Vec::new();
            engine.scan(LINKS, &from.to_be_bytes(), None, |key, value| {
                links.push((last_u64(key), value.to_vec()));
                if links.len() == PIECE { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            for (position, value) in &links {
                let (Some(position), Some(view)) = (position, View::of(value)) else { return Err(damaged()) };
                self.index.insert_all(entries(*position, &view), view.at().millis())?;
                from = position + 1;
            }
            self.index.note_position(from - 1);
            if links.len() < PIECE {
                return Ok(());
            }
        }
    }

    /// The position up to which every call is found.
    pub fn known(&self) -> u64 {
        self.known.load(Ordering::Acquire)
    }

    /// A call is durable. On the writer thread, in the order of positions.
    pub fn linked(&self, position: u64, record: &[u8]) {
        if let Some(view) = View::of(record)
            && let Err(error) = self.index.insert_all(entries(position, &view), view.at().millis())
        {
            // The entries are in memory all the same.
            tracing::error!(%error, "the index of mailboxes can't be written");
        }
        self.index.note_position(position);
        self.known.store(position, Ordering::Release);
    }

    /// The calls that linked something to a mailbox after a mark, newest first, up to [`MAX_FOUND`] before a position.
    fn before(&self, mailbox: MailboxId, before: Option<u64>, after: Mark) -> Result<Vec<Entry>, Trouble> {
        let below = before.map_or(u128::MAX, |position| u128::from(position) << 64);
        let within = Within { after, ..Within::default() };
        let found = self.index.lookup_within(mixed(mailbox.key()), below, within)?;
        Ok(found.into_iter().map(Entry::of).collect())
    }

    /// All calls that linked something to a mailbox after a mark, newest first.
    pub fn all(&self, mailbox: MailboxId, after: Mark) -> Result<Vec<Entry>, Trouble> {
        let mut all = self.before(mailbox, None, after)?;
        let mut is_full = all.len() == MAX_FOUND;
        while is_full {
            let more = self.before(mailbox, all.last().map(|last| last.position), after)?;
            is_full = more.len() == MAX_FOUND;
            all.extend(more);
        }
        Ok(all)
    }

    /// A point after which [`Self::all`] finds what is new without going through the rest.
    pub fn mark(&self) -> Mark {
        self.index.mark()
    }

    /// When a document, published at some time, was linked to a mailbox, if it was.
    pub fn one(
        &self,
        engine: &Engine,
        mailbox: MailboxId,
        (document, published_at): (DocumentId, Timestamp),
    ) -> Result<Option<Timestamp>, Trouble> {
        // No call links a document before it was published.
        let within = Within { since_ms: published_at.millis(), low: Some(low(document)), ..Within::default() };
        for entry in self.index.lookup_within(mixed(mailbox.key()), u128::MAX, within)?.into_iter().map(Entry::of) {
            let found = engine.with(LINKS, &entry.position.to_be_bytes(), |link| {
                let view = link.map(|link| View::of(link).ok_or_else(damaged)).transpose()?;
                let is_it = |view: &View<'_>| view.document() == document && view.has(mailbox.key());
                Ok::<_, Trouble>(view.filter(is_it).map(|view| view.at()))
            })??;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The index itself, for its upkeep.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// In figures.
    pub fn figures(&self) -> Figures {
        self.index.figures()
    }
}

impl Entry {
    fn of(value: u128) -> Self {
        Self { position: (value >> 64) as u64, low: value as u64 }
    }

    /// Whether a record is the one of this entry.
    pub fn is_of(&self, view: &View<'_>, mailbox: MailboxId) -> bool {
        low(view.document()) == self.low && view.has(mailbox.key())
    }
}

fn entries<'v>(position: u64, view: &View<'v>) -> impl Iterator<Item = (u64, u128)> + use<'v> {
    let value = u128::from(position) << 64 | u128::from(low(view.document()));
    view.recipients().map(move |key| (mixed(key), value))
}

/// Takes out those whom calls after a position linked to a document: on the writer thread, where it sees all calls. What is sorted
/// stays sorted.
pub fn keep_new(draft: &Draft<'_>, document: DocumentId, after: u64, recipients: &mut Vec<u64>) -> Result<(), Trouble> {
    let mut positions = Vec::new();
    let (from, until) = (pair(document.as_u128(), after + 1), pair(document.as_u128(), u64::MAX));
    draft.scan(LINKS_OF, &from, Some(&until), |key, _| {
        positions.extend(last_u64(key));
        ControlFlow::Continue(())
    })?;
    for position in positions {
        let record = draft.get(LINKS, &position.to_be_bytes())?.ok_or_else(damaged)?;
        let view = View::of(&record).ok_or_else(damaged)?;
        recipients.retain(|key| !view.has(*key));
    }
    Ok(())
}
