//! Fills a data folder with messages that are all delivered, most of them rows of broadcasts and the others single ones, so that a broker
//! with a long history can be measured (`estafette-loadtest history`).
//!
//! Invariant: everything goes through the store as a broker's supervisor would have it: chunks, an attempt before each sending, the channel's
//! reference and the price with its end, receipts in another order than messages, segments that the writer closes. Only time is
//! not lived through: the clock of the store goes over so many days while the folder is filled. It must not be given a folder in use.
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use clap::Parser;
use estafette::store::{Settings, Store};
use estafette_actors::domain::backoff::Backoff;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::content::Content;
use estafette_actors::domain::fact::Change;
use estafette_actors::domain::id::{BroadcastId, ChunkId, MAX_CHUNK_ROWS, MessageId};
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::life::{self, Context, Outcome, Reach, State};
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::price::Money;
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::strategy::{Strategy, built_in};
use estafette_actors::domain::submission::{Broadcast, Envelope, Institution, Lane, Recipient, Row};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{Batch, Clock, Entry, Journal, PackedRows, SystemClock};
use rand::seq::SliceRandom;

/// Rows that are begun, end and are receipted together, about as many as a window of a bind.
const SLICE: usize = 128;
/// Slices between an end and its receipts.
const RECEIPTS_AFTER: usize = 4;
/// Of so many messages one is single.
const SINGLE_OF: u64 = 100;
/// Batches on their way to the writer.
const IN_FLIGHT: usize = 64;
/// Citizens: each is written to again and again.
const CITIZENS: u64 = 5_000_000;
/// How long a message may be sent.
const VALID: Duration = Duration::from_secs(7 * 24 * 3600);
/// The ids that are noted.
const IDS: u64 = 200_000;

/// Fills a data folder with delivered messages.
#[derive(Parser)]
struct Arguments {
    /// Messages.
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// Rows of a broadcast.
    #[arg(long, default_value_t = 500_000)]
    broadcast: u64,
    /// Days that they are spread over, up to now: a segment each, and longer than look-ups go back (90 days).
    #[arg(long, default_value_t = 120)]
    days: u64,
    /// The folder below which `data` is made; `ids` beside it names some of the messages.
    #[arg(long)]
    folder: PathBuf,
    /// Who sent them: the institution of `estafette-loadtest`.
    #[arg(long, default_value = "0403019261")]
    institution: String,
}

/// A clock that is set.
struct Past(AtomicU64);

impl Clock for Past {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// What happens to a message, one state after the other.
struct Course {
    strategy: Arc<Strategy>,
    backoff: Backoff,
}

impl Course {
    fn decide(&self, now: Timestamp, decide: impl FnOnce(&Context<'_>) -> Vec<Change>) -> Vec<Change> {
        let (strategy, backoff, valid_until) = (&*self.strategy, &self.backoff, Timestamp::MAX);
        decide(&Context { strategy, now, valid_until, reach: &|_| Reach::Ask, backoff, random: 3 })
    }

    fn begun(&self, state: &mut State, now: Timestamp) -> Vec<Change> {
        let changes = self.decide(now, |context| life::begin(state, context, Channel::SMS));
        state.apply_all(&changes);
        changes
    }

    fn sent(&self, mut state: State, now: Timestamp, reference: String, number: Option<u64>) -> (Vec<Change>, State) {
        let outcome = Outcome::Is(AttemptStatus::Sent, Some(reference.into()));
        let mut changes = self.decide(now, |context| life::outcome(&state, context, 0, 0, outcome));
        state.apply_all(&changes);
        changes.push(Change::Metered { step: 0, retry: 0, channel: Channel::SMS, parts: 1, cost: Money::ZERO });
        changes.extend(number.map(|number| Change::WentTo { step: 0, retry: 0, number }));
        (changes, state)
    }

    fn delivered(&self, state: &State, now: Timestamp) -> Vec<Change> {
        self.decide(now, |context| life::outcome(state, context, 0, 0, Outcome::Is(AttemptStatus::Delivered, None)))
    }
}

struct Filling {
    store: Store,
    clock: Arc<Past>,
    course: Course,
    institution: Institution,
    content: Arc<Content>,
    room: (mpsc::SyncSender<()>, mpsc::Receiver<()>),
    total: u64,
    done: u64,
    from: u64,
    until: u64,
    ids: std::io::BufWriter<std::fs::File>,
}

fn mobile(index: u64) -> Mobile {
    Mobile::from_trusted_u64(32_470_000_000 + index % CITIZENS)
}

impl Filling {
    /// Appends in bounded memory: waits for the oldest batch when many are on their way.
    fn append(&self, entries: Vec<Entry>) {
        let _ = self.room.1.recv();
        let told = self.room.0.clone();
        let after = Box::new(move |outcome: Result<u64, _>| {
            outcome.expect("the disk of the history");
            let _ = told.send(());
        });
        let batch = Batch { at: self.clock.now(), entries, after };
        self.store.append(batch).expect("a journal that takes what its bounds allow");
    }

    fn finished(&mut self, count: u64, ids: impl Iterator<Item = MessageId>) -> std::io::Result<()> {
        let every = (self.total / IDS).max(1);
        for (number, id) in (self.done..).zip(ids) {
            if number % every == 0 {
                writeln!(self.ids, "{id}")?;
            }
        }
        self.done += count;
        let share = u128::from(self.until - self.from) * u128::from(self.done) / u128::from(self.total);
        self.clock.0.store(self.from + share as u64, Ordering::Relaxed);
        Ok(())
    }

    fn broadcast(&mut self, rows: u64) -> std::io::Result<()> {
        let now = self.clock.now();
        let id = BroadcastId::new(now, 0, self.store.next_broadcast());
        self.append(vec![Entry::Broadcast(Arc::new(Broadcast {
            id,
            institution: self.institution,
            strategy: Arc::clone(&self.course.strategy),
            content: Arc::clone(&self.content),
            variables: vec!["NAME".into()],
            lane: Lane::Bulk,
            not_before: Timestamp::ZERO,
            valid_until: now.plus(VALID),
            default_language: Language::Fr,
            sender_name: None,
            sender_reference: None,
            created_at: now,
            window: None,
        }))]);
        let sizes: Vec<u64> =
            (0..rows).step_by(MAX_CHUNK_ROWS).map(|from| (rows - from).min(MAX_CHUNK_ROWS as u64)).collect();
        let first = self.done;
        for (n, size) in (0_u64..).zip(&sizes) {
            let from = n * MAX_CHUNK_ROWS as u64;
            let row = |number: u64| Row {
                key: Some(format!("{number:x}").into()),
                recipient: Recipient { mobile: Some(mobile(first + number)), ..Recipient::default() },
                language: Some(Language::Fr),
                values: vec!["Marie".into()],
            };
            let rows: Vec<Row> = (from..from + size).map(row).collect();
            self.append(vec![Entry::Chunk { broadcast: id, rows: PackedRows::of(&self.store, &rows) }]);
        }
        self.append(vec![Entry::Start { broadcast: id, duplicates: Vec::new() }]);
        for (n, size) in (0..).zip(&sizes) {
            self.chunk(id.chunk(n), *size as usize)?;
        }
        Ok(())
    }

    /// Sends the rows of a chunk, slice by slice.
    fn chunk(&mut self, chunk: ChunkId, size: usize) -> std::io::Result<()> {
        let (now, first) = (self.clock.now(), self.done);
        let mut begun = State::of_fresh_row(&self.course.strategy, Timestamp::ZERO);
        let begins = self.course.begun(&mut begun, now);
        let mut receipts: Vec<Change> = Vec::new();
        let slices: Vec<Vec<u16>> = (0..size as u16).collect::<Vec<_>>().chunks(SLICE).map(<[u16]>::to_vec).collect();
        for turn in 0..slices.len() + 1 + RECEIPTS_AFTER {
            let mut entries = Vec::with_capacity(SLICE * 2);
            if let Some(rows) = slices.get(turn) {
                entries.push(Entry::Rows { chunk, rows: rows.clone(), changes: begins.clone() });
            }
            for row in turn.checked_sub(1).and_then(|turn| slices.get(turn)).into_iter().flatten() {
                let number = first + u64::from(*row);
                let hash = self.store.hash_of(mobile(number));
                let (changes, sent) = self.course.sent(begun.clone(), now, format!("{number:010x}"), hash);
                if receipts.is_empty() {
                    receipts = self.course.delivered(&sent, now);
                }
                entries.push(Entry::Rows { chunk, rows: vec![*row], changes });
            }
            if let Some(rows) = turn.checked_sub(1 + RECEIPTS_AFTER).and_then(|turn| slices.get(turn)) {
                let mut rows = rows.clone();
                rows.shuffle(&mut rand::rng());
                for ascending in rows.chunk_by(|a, b| a < b) {
                    entries.push(Entry::Rows { chunk, rows: ascending.to_vec(), changes: receipts.clone() });
                }
            }
            self.append(entries);
        }
        self.finished(size as u64, (0..size as u16).map(|row| chunk.row(row)))?;
        self.singles(size as u64 / SINGLE_OF)
    }

    fn singles(&mut self, count: u64) -> std::io::Result<()> {
        let (now, first) = (self.clock.now(), self.done);
        let (mut entries, mut ends, mut receipts, mut ids) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for number in first..first + count {
            let id = MessageId::single(now, 0, number);
            let envelope = Arc::new(Envelope {
                id,
                institution: self.institution,
                recipient: Recipient { mobile: Some(mobile(number)), ..Recipient::default() },
                strategy: Arc::clone(&self.course.strategy),
                content: Arc::clone(&self.content),
                lane: Lane::Normal,
                not_before: Timestamp::ZERO,
                valid_until: now.plus(VALID),
                language: None,
                default_language: Language::Fr,
                sender_name: None,
                sender_reference: Some(format!("single-{number}").into()),
                accepted_at: now,
                idempotency: None,
                window: None,
            });
            let mut state = State::default();
            let mut changes = self.course.decide(now, |context| life::accept(context, Timestamp::ZERO));
            state.apply_all(&changes);
            changes.extend(self.course.begun(&mut state, now));
            entries.push(Entry::Message { envelope, changes });
            let hash = self.store.hash_of(mobile(number));
            let (changes, sent) = self.course.sent(state, now, format!("{number:010x}"), hash);
            ends.push(Entry::Changes { id, changes });
            receipts.push(Entry::Changes { id, changes: self.course.delivered(&sent, now) });
            ids.push(id);
        }
        for entries in [entries, ends, receipts] {
            self.append(entries);
        }
        self.finished(count, ids.into_iter())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Arguments { rows, broadcast, days, folder, institution } = Arguments::parse();
    std::fs::create_dir_all(&folder)?;
    let until = SystemClock.now().millis();
    let from = until - days * 24 * 3_600_000;
    let clock = Arc::new(Past(AtomicU64::new(from)));
    let strategy = built_in().into_iter().find(|strategy| &*strategy.name == "sms-only").ok_or("no strategy")?;
    let text = Translated::of(Language::Fr, Box::from("Bonjour {{NAME}}, votre rendez-vous est demain a 10 h."));
    let room = mpsc::sync_channel(IN_FLIGHT);
    for _ in 0..IN_FLIGHT {
        room.0.send(())?;
    }
    let mut filling = Filling {
        store: Store::open(Settings::new(folder.join("data")), Arc::clone(&clock) as Arc<dyn Clock>)?,
        clock,
        course: Course { strategy: Arc::new(strategy), backoff: Backoff::default() },
        institution: Institution(Cbe::parse(&institution)?),
        content: Arc::new(Content::checked(Translated::default(), text, Translated::default())?),
        room,
        total: rows,
        done: 0,
        from,
        until,
        ids: std::io::BufWriter::new(std::fs::File::create(folder.join("ids"))?),
    };
    let (begun, mut told) = (Instant::now(), Instant::now());
    while filling.done < rows {
        filling.broadcast(broadcast.min(rows - filling.done))?;
        if told.elapsed() > Duration::from_secs(10) || filling.done >= rows {
            told = Instant::now();
            let (figures, seconds) = (filling.store.figures(), begun.elapsed().as_secs_f64());
            let (done, mib) = (filling.done, figures.bytes >> 20);
            eprintln!("{done} in {seconds:.0} s, {mib} MiB in {} segments and states", figures.segments);
        }
    }
    filling.ids.flush()?;
    filling.store.close();
    eprintln!("closed after {:.0} s", begun.elapsed().as_secs_f64());
    Ok(())
}
