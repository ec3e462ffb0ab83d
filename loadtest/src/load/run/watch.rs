//! Looks at everything while requests travel: ledgers, queues, memory, and faults whose moment has come.
//!
//! Invariant: looking goes on beside sending and is never waited for by it; a look that is cut short loses nothing. It asks often enough that
//! a drawing by seconds is true, and seldom enough that it is no load itself.

use std::cell::RefCell;
use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::Context;
use estafette_loadtest::ledger::Channel;

use super::offered;
use super::progress::Progress;
use super::stage::Stage;
use super::tally::{Tally, hand_over};
use crate::load::admin;
use crate::load::report::{Queue, Queues, round};
use crate::load::scenario::check::{Scenario, Work};

/// From one look at the ledgers to the next.
const PAUSE: Duration = Duration::from_millis(100);
/// From one look at queues and memory to the next.
const SECOND: Duration = Duration::from_secs(1);
/// With empty queues and no hand-over for so long nothing more is waited for.
const QUIET: Duration = Duration::from_secs(5);
/// Queues that are told apart at most.
const QUEUES: usize = 2_000;

/// What was seen.
pub struct Watched {
    begin: Instant,
    begin_ms: i64,
    /// How far each ledger was read.
    after: [(Channel, u64); 4],
    /// Whether there are ledgers.
    pub has_ledgers: bool,
    /// What waited.
    pub queues: Queues,
    /// Resident memory at the same moments.
    pub memory_mib: Vec<f64>,
    /// What a reader must know.
    pub notes: Vec<String>,
    faults: usize,
    looked: Option<Instant>,
}

impl Watched {
    /// Nothing was seen yet; what is in the ledgers already does not count.
    pub async fn start(stage: &Stage, begin: Instant, began_at: jiff::Timestamp) -> anyhow::Result<Self> {
        let mut after = Channel::ALL.map(|channel| (channel, 0));
        if let Some(channels) = &stage.channels {
            for (channel, after) in &mut after {
                *after = channels.end(*channel).await?;
            }
        }
        Ok(Self {
            begin,
            begin_ms: began_at.as_millisecond(),
            after,
            has_ledgers: stage.channels.is_some(),
            queues: Queues::default(),
            memory_mib: Vec::new(),
            notes: Vec::new(),
            faults: 0,
            looked: None,
        })
    }

    /// Looks until `driving` has ended.
    pub async fn during(
        &mut self,
        driving: impl Future<Output = anyhow::Result<()>>,
        stage: &mut Stage,
        scenario: &Scenario,
        tallies: &RefCell<Vec<Tally>>,
        progress: &mut Progress,
    ) -> anyhow::Result<()> {
        let looking = async {
            loop {
                self.look(stage, scenario, tallies, progress).await?;
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::select! {
            done = driving => done,
            failed = looking => failed,
        }
    }

    /// Looks until everything that was accepted has been handed over, or the scenario's time for it is up.
    pub async fn settle(
        &mut self,
        stage: &mut Stage,
        scenario: &Scenario,
        tallies: &RefCell<Vec<Tally>>,
        progress: &mut Progress,
    ) -> anyhow::Result<()> {
        let until = Instant::now() + scenario.settle;
        let (mut known, mut moved) = (0, Instant::now());
        loop {
            self.look(stage, scenario, tallies, progress).await?;
            let handed = tallies.borrow().iter().map(|tally| tally.handed + tally.again).sum();
            if std::mem::replace(&mut known, handed) != handed {
                moved = Instant::now();
            }
            // What is left then was unreachable or has failed; what is to be retried is in no queue meanwhile.
            let is_over = self.is_empty() && moved.elapsed() >= QUIET;
            let is_done =
                scenario.senders.iter().zip(tallies.borrow().iter()).all(|(part, tally)| {
                    matches!(part.work, Work::Requests(..)) || tally.handed >= offered(part, tally)
                });
            if is_done || is_over || !self.has_ledgers || Instant::now() >= until {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn look(
        &mut self,
        stage: &mut Stage,
        scenario: &Scenario,
        tallies: &RefCell<Vec<Tally>>,
        progress: &mut Progress,
    ) -> anyhow::Result<()> {
        self.make_faults(stage, scenario).await?;
        self.read_ledgers(stage, tallies).await?;
        if self.looked.is_none_or(|looked| looked.elapsed() >= SECOND) && Instant::now() >= self.begin {
            self.looked = Some(Instant::now());
            self.look_inside(stage).await?;
            let waiting = self.queues.series.iter().filter_map(|queue| queue.messages.last()).sum();
            progress.show(self.begin.elapsed(), &tallies.borrow(), waiting, !self.queues.at_seconds.is_empty());
        }
        Ok(())
    }

    async fn make_faults(&mut self, stage: &Stage, scenario: &Scenario) -> anyhow::Result<()> {
        while let Some(fault) = scenario.faults.get(self.faults)
            && Instant::now() >= self.begin + Duration::from_secs_f64(fault.at_seconds)
        {
            let channels = stage.channels.as_ref().context("there are no simulators")?;
            channels.set(fault).await?;
            self.faults += 1;
        }
        Ok(())
    }

    async fn read_ledgers(&mut self, stage: &Stage, tallies: &RefCell<Vec<Tally>>) -> anyhow::Result<()> {
        let Some(channels) = &stage.channels else { return Ok(()) };
        for (channel, after) in &mut self.after {
            loop {
                let page = channels.page(*channel, *after).await?;
                if page.entries.is_empty() {
                    break;
                }
                hand_over(&mut tallies.borrow_mut(), &page.entries, self.begin_ms);
                *after = page.next;
                // Others are to send meanwhile.
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    async fn look_inside(&mut self, stage: &mut Stage) -> anyhow::Result<()> {
        let Some(admin) = stage.admin else { return Ok(()) };
        if let Some(own) = &mut stage.own {
            own.still_there()?;
        }
        let at = self.begin.elapsed().as_secs_f64();
        match admin::queues(admin).await {
            Ok(seen) => self.note_queues(at, seen),
            Err(error) => {
                let note = format!("the queues could not be read: {error:#}");
                if !self.notes.contains(&note) && self.notes.len() < 10 {
                    self.notes.push(note);
                }
                return Ok(());
            }
        }
        if let Some(own) = &stage.own {
            self.memory_mib.push(round(own.memory_mib()?.0));
        }
        Ok(())
    }

    /// Whether it is known that nothing waits.
    fn is_empty(&self) -> bool {
        let is_known = !self.queues.at_seconds.is_empty();
        is_known && self.queues.series.iter().all(|queue| queue.messages.last() == Some(&0))
    }

    fn note_queues(&mut self, at: f64, seen: Vec<admin::Depth>) {
        let before = self.queues.at_seconds.len();
        self.queues.at_seconds.push(round(at));
        for queue in &mut self.queues.series {
            queue.messages.push(0);
        }
        for depth in seen {
            let is_it = |queue: &&mut Queue| {
                (&queue.channel, &queue.lane, &queue.institution) == (&depth.channel, &depth.lane, &depth.institution)
            };
            if let Some(queue) = self.queues.series.iter_mut().find(is_it) {
                queue.messages[before] = depth.messages;
            } else if self.queues.series.len() < QUEUES {
                let mut messages = vec![0; before];
                messages.push(depth.messages);
                let admin::Depth { channel, lane, institution, .. } = depth;
                self.queues.series.push(Queue { channel, lane, institution, messages });
            }
        }
    }
}
