//! When the broker is killed, and where those kills fell.
//!
//! Where one fell is what the broker says at its next start of how it found its files. That only
//! counts kills, and has no say in the verdict; one whose next start was killed too fell into a start.
use std::fmt;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use rand::Rng;
use rand::rngs::StdRng;

use crate::broker::Broker;
use crate::senders::World;

/// How long a kill waits for what it wants to fall into.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a kill waits for.
#[derive(Clone, Copy)]
pub enum Moment {
    /// A short time after the start, wherever that may be.
    Start,
    /// The second after an acceptance, when facts are on disk and what is derived from them is not.
    Acceptance,
    /// A new segment, while the one before is not sealed yet.
    Closing,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "after a start",
            Self::Acceptance => "after an acceptance",
            Self::Closing => "at a new segment",
        })
    }
}

impl Moment {
    /// Chooses one.
    pub fn choose(chance: &mut StdRng) -> Self {
        match chance.random_range(0..8) {
            0..=2 => Self::Start,
            3..=5 => Self::Acceptance,
            _ => Self::Closing,
        }
    }

    /// Waits for it.
    pub async fn wait(self, chance: &mut StdRng, broker: &mut Broker, world: &World) -> anyhow::Result<()> {
        if let Self::Start = self {
            tokio::time::sleep(Duration::from_millis(chance.random_range(5..1_500))).await;
            return broker.alive();
        }
        broker.ready(world).await?;
        let until = Instant::now() + PATIENCE;
        if let Self::Closing = self {
            world.fill.store(true, Relaxed);
            let before = segments(broker.data());
            while segments(broker.data()) == before && Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            world.fill.store(false, Relaxed);
            let more = chance.random_range(0..4);
            if more > 0 {
                tokio::time::sleep(Duration::from_millis(more)).await;
            }
        } else {
            let before = world.books.accepted();
            while world.books.accepted() == before && Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(Duration::from_micros(chance.random_range(0..1_000_000))).await;
        }
        broker.alive()
    }
}

/// How many there are.
fn segments(data: &Path) -> usize {
    std::fs::read_dir(data.join("journal")).map_or(0, Iterator::count)
}

/// Where the kills of a run fell.
#[derive(Default)]
pub struct Fell {
    /// Before the start got so far as to say anything.
    pub in_start: usize,
    /// Between a commit and the late writing of what follows from it.
    pub before_late_writing: usize,
    /// While a segment was closed and the next one begun.
    pub in_closing: usize,
    /// With a segment that was not sealed.
    pub unsealed: usize,
}

impl Fell {
    /// Of the broker's log, after so many kills.
    pub fn read(log: &Path, kills: u32) -> Self {
        let log = std::fs::read_to_string(log).unwrap_or_default();
        let read: Vec<&str> = log.lines().filter(|line| line.contains("the journal was read")).collect();
        let number = |line: &str, name: &str| {
            let rest = line.split_once(&format!(" {name}=")).map(|(_, rest)| rest).unwrap_or_default();
            rest.split(' ').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0)
        };
        let with = |name: &str| read.iter().filter(|line| number(line, name) > 0).count();
        Self {
            // The first start followed no kill.
            in_start: (kills as usize + 1).saturating_sub(read.len()),
            before_late_writing: with("replayed"),
            in_closing: read.iter().filter(|line| line.contains(" in_closing=true")).count(),
            unsealed: with("walked"),
        }
    }
}

impl fmt::Display for Fell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { in_start, before_late_writing, in_closing, unsealed } = self;
        write!(
            f,
            "{in_start} during a start, {before_late_writing} between a commit and the late writing of its states, \
             {in_closing} while a segment was closed, {unsealed} with an unsealed segment"
        )
    }
}

#[test]
fn where_kills_fell_is_read_from_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let lines = [
        "INFO estafette::store: the journal was read millis=3 position=0 replayed=0 walked=0 in_closing=false",
        "INFO actix: something else",
        "INFO estafette::store: the journal was read millis=3 position=9 replayed=4 walked=1 in_closing=true",
        "INFO estafette::store: the journal was read millis=3 position=9 replayed=0 walked=1 in_closing=false",
    ];
    std::fs::write(&log, lines.join("\n")).expect("a log");
    let fell = Fell::read(&log, 3);
    let told = (fell.in_start, fell.before_late_writing, fell.in_closing, fell.unsealed);
    assert_eq!(told, (1, 1, 1, 2));
}
