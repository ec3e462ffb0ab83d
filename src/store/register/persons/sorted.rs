//! The entries of very many persons, brought into the index in the order of their keys: keys in random order cost many times what
//! sorted ones do.
//!
//! Invariant: they are sorted beside the tables, in files without a name, of which a crash leaves none; memory holds one of the
//! [`RUNS`] parts, and three pieces. Sorting and writing go on at once, each on a thread of its own.
use std::fs::File;
use std::io::{BufWriter, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use estafette_actors::domain::identity::Registered;
use estafette_actors::ports::register::Trouble;

use super::memo::Memo;
use super::record::{self, Key};
use crate::store::register::PERSON_CODES;
use crate::store::register::engine::{Engine, Run, Straight};

/// Parts into which entries go: by the highest bits of their codes, of which a third of the values have no kind.
const RUNS: usize = 128;
const RUN_SHIFT: u32 = 25;
/// Entries of one commit.
const PIECE: usize = if cfg!(test) { 11 } else { 500_000 };
/// Bytes of a part that wait to be written.
const BUFFER: usize = 1 << 16;
const KEY: usize = size_of::<Key>();

/// Entries that wait to be sorted: a key, the length of its value (1), and the value.
pub struct Spill {
    runs: Vec<BufWriter<File>>,
    memo: Memo,
    dir: PathBuf,
}

impl Spill {
    /// In a folder with room for all of them, some 200 bytes a person.
    pub fn new(dir: &Path) -> Result<Self, Trouble> {
        let new = |_| Ok(BufWriter::with_capacity(BUFFER, tempfile::tempfile_in(dir)?));
        let runs: Result<_, std::io::Error> = (0..RUNS).map(new).collect();
        Ok(Self { runs: runs.map_err(|error| failed(dir, &error))?, memo: Memo::default(), dir: dir.to_owned() })
    }

    /// Takes what finds a person.
    pub fn take(&mut self, person: &Registered) -> Result<(), Trouble> {
        let Some(found) = self.memo.findable(person) else { return Ok(()) };
        let (value, year) = (record::entry_value(&found.folded), found.folded.year());
        let mut write = |code: u32| -> std::io::Result<()> {
            let run = &mut self.runs[(code >> RUN_SHIFT) as usize];
            run.write_all(&record::entry_key(code, year, person.niss))?;
            // Two folded names are shorter.
            run.write_all(&[value.len() as u8])?;
            run.write_all(&value)
        };
        found.codes.iter().try_for_each(&mut write).map_err(|error| failed(&self.dir, &error))
    }

    /// Brings all of it into the index.
    pub fn bring_in(self, engine: &Engine) -> Result<(), Trouble> {
        let here = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let here = here.map_err(|error| Trouble::Unreadable(error.to_string()))?;
        let (sender, pieces) = sync_channel(1);
        std::thread::scope(|scope| {
            let sorting = scope.spawn(|| self.sort(sender));
            let written = write(engine, &here, pieces);
            written.and(sorting.join().unwrap_or_else(|_| Err(Trouble::Unreadable("sorting panicked".to_owned()))))
        })
    }

    fn sort(self, pieces: SyncSender<Run>) -> Result<(), Trouble> {
        let Self { runs, dir, .. } = self;
        let mut sorted = Sorted::default();
        for run in runs {
            let file = run.into_inner().map_err(std::io::IntoInnerError::into_error);
            file.and_then(|file| sorted.read(file)).map_err(|error| failed(&dir, &error))?;
            for piece in sorted.places.chunks(PIECE) {
                // Nobody takes it when writing failed.
                if pieces.send(sorted.piece(piece)).is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

fn failed(dir: &Path, error: &std::io::Error) -> Trouble {
    Trouble::ReadOnly(format!("the index of names can't be sorted in {}: {error}", dir.display()))
}

fn write(engine: &Engine, here: &tokio::runtime::Runtime, pieces: Receiver<Run>) -> Result<(), Trouble> {
    for run in pieces {
        here.block_on(engine.straight(move |_| Ok::<_, Trouble>(((), vec![Straight::Rows(PERSON_CODES, run)]))))?;
    }
    Ok(())
}

/// An entry's place: the key as two numbers that sort as it does, and where its value's length stands.
type Place = (u64, u32, u32);

/// A part, sorted. The next one takes its room.
#[derive(Default)]
struct Sorted {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

impl Sorted {
    fn read(&mut self, mut run: File) -> std::io::Result<()> {
        let Self { bytes, places } = self;
        bytes.clear();
        places.clear();
        run.rewind()?;
        run.read_to_end(bytes)?;
        let mut at = 0;
        while let Some(key) = bytes.get(at..).and_then(|rest| rest.first_chunk::<KEY>()) {
            let (high, low) = numbers(key);
            places.push((high, low, (at + KEY) as u32));
            at += KEY + 1 + usize::from(bytes[at + KEY]);
        }
        places.sort_unstable();
        Ok(())
    }

    fn piece(&self, places: &[Place]) -> Run {
        let value = |at: u32| {
            let at = at as usize;
            &self.bytes[at + 1..=at + usize::from(self.bytes[at])]
        };
        let bytes = places.iter().map(|(.., at)| KEY + value(*at).len()).sum();
        let mut run = Run::with_capacity(places.len(), bytes);
        for (high, low, at) in places {
            run.push(&key(*high, *low), value(*at));
        }
        run
    }
}

fn numbers(key: &Key) -> (u64, u32) {
    let mut whole = [0; 16];
    whole[..KEY].copy_from_slice(key);
    let whole = u128::from_be_bytes(whole);
    ((whole >> 64) as u64, (whole >> 40) as u32 & 0x00ff_ffff)
}

fn key(high: u64, low: u32) -> Key {
    let mut key = [0; KEY];
    key[..8].copy_from_slice(&high.to_be_bytes());
    key[8..].copy_from_slice(&low.to_be_bytes()[1..]);
    key
}
