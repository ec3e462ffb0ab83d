//! Runs a scenario: sends as it says, watches what becomes of it, and tells it in a report.
//!
//! Invariant: the whole scenario is checked before anything starts, all that must be there before is made before the clock runs, and what
//! was started is ended in any case.

mod progress;
mod stage;
mod tally;
mod watch;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::broker::Program;
use super::fairness::max_min;
use super::figures::say;
use super::open::{self, Bounds, Seen};
use super::report::{self, Fault, Latency, PerSecond, Report, Share, page::page};
use super::scenario::Lane;
use super::scenario::check::{self, Part, Scenario, Work};
use super::template::Ids;
use progress::Progress;
use stage::Stage;
use tally::Tally;
use watch::Watched;

/// From the moment that everything is there until the first arrival.
const LEAD: Duration = Duration::from_millis(200);
/// A generator that is later than this at the 99th percentile is a reason to doubt the figures, in milliseconds.
const LATE_MS: f64 = 10.0;

/// What is asked on the command line.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The scenario, in TOML.
    scenario: PathBuf,
    /// Where to write the report for people, one HTML page.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Where to write the report for programs.
    #[arg(long, value_name = "FILE.json")]
    json: Option<PathBuf>,
    /// Checks the scenario, and sends nothing.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    program: Program,
}

/// What is asked on the command line.
#[derive(Debug, clap::Args)]
pub struct Compared {
    /// The report that the other one is compared with, in JSON.
    before: PathBuf,
    /// The other one.
    after: PathBuf,
    /// Where to write both on one HTML page.
    #[arg(long, value_name = "FILE.html", default_value = "compared.html")]
    report: PathBuf,
}

/// Runs a scenario, writes its reports, and prints a summary.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let scenario = check::read(&arguments.scenario)?;
    let folder = arguments.scenario.parent().unwrap_or(Path::new("."));
    if arguments.check {
        let requests: u64 = scenario.senders.iter().map(|part| part.count).sum();
        say(&format!("{} can be run: {} senders, {requests} requests", scenario.name, scenario.senders.len()));
        return Ok(());
    }
    for file in [&arguments.report, &arguments.json].into_iter().flatten() {
        // Better now than when everything has been measured.
        std::fs::write(file, "").with_context(|| format!("write {}", file.display()))?;
    }
    let report = measure(&scenario, folder, &arguments.program).await?;
    if let Some(file) = &arguments.json {
        report.write(file)?;
    }
    if let Some(file) = &arguments.report {
        std::fs::write(file, page(&[&report])).with_context(|| format!("write {}", file.display()))?;
    }
    report.summary().iter().for_each(|line| say(line));
    Ok(())
}

/// Puts two runs on one page.
pub fn compare(arguments: &Compared) -> anyhow::Result<()> {
    let (before, after) = (Report::read(&arguments.before)?, Report::read(&arguments.after)?);
    let file = &arguments.report;
    std::fs::write(file, page(&[&before, &after])).with_context(|| format!("write {}", file.display()))?;
    say(&format!("{} and {} are compared in {}", before.name, after.name, file.display()));
    Ok(())
}

/// Sends, and gives the report.
pub async fn measure(scenario: &Scenario, folder: &Path, program: &Program) -> anyhow::Result<Report> {
    let mut stage = Stage::set(scenario, program).await?;
    let report = tokio::select! {
        report = play(scenario, folder, &mut stage) => report,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    stage.strike().await?;
    report
}

async fn play(scenario: &Scenario, folder: &Path, stage: &mut Stage) -> anyhow::Result<Report> {
    let mut engaged = Vec::new();
    for place in 0..scenario.senders.len() {
        let one = stage.engage(scenario, place, folder).await;
        engaged.push(one.with_context(|| format!("prepare {}", scenario.senders[place].name))?);
    }
    let ids: Vec<Ids> = scenario.senders.iter().map(|_| Ids::default()).collect();
    let is_asked = |place: usize| {
        scenario.senders.iter().any(|part| matches!(part.work, Work::Requests(_, Some(from)) if from == place))
    };
    let is_single = |part: &Part| !matches!(part.work, Work::Broadcasts(_));
    let tallies = scenario.senders.iter().map(|part| Tally::new(part.recipients.clone(), is_single(part)));
    let tallies = RefCell::new(tallies.collect::<Vec<_>>());
    let bounds: Vec<Bounds> = scenario.senders.iter().map(|part| part.bounds).collect();
    let begin = Instant::now() + LEAD;
    let began_at = jiff::Timestamp::now() + LEAD;
    let schedules = scenario.senders.iter().enumerate().map(|(place, part)| -> super::arrivals::Offsets {
        let start = part.start;
        Box::new(part.arrivals.offsets(check::seed_of(scenario.seed, place)).map(move |offset| start + offset))
    });
    let mut watched = Watched::start(stage, begin, began_at).await?;
    let (pacing, ticking) = open::pace(begin, schedules.collect())?;
    let start = |arrival: open::Arrival| {
        let (part, place) = (&scenario.senders[arrival.sender], arrival.sender);
        let asks = match &part.work {
            Work::Requests(_, Some(from)) => Some(ids[*from].clone()),
            _ => None,
        };
        let given = is_asked(place).then(|| ids[place].clone());
        let recipient = part.recipients.start + arrival.number;
        engaged[place].begin(arrival.number, recipient, asks, given, part.timeout)
    };
    let mut progress = Progress::new(scenario);
    let tell = |seen: Seen<stage::Outcome>| {
        let sender = match &seen {
            Seen::Begun { arrival, .. } | Seen::Refused(arrival) | Seen::Ended(arrival, _) => arrival.sender,
        };
        tallies.borrow_mut()[sender].see(seen, begin);
    };
    let driving = async {
        open::drive(ticking, &bounds, start, tell).await?;
        // What was begun early may be handed over until the end.
        tokio::time::sleep_until((begin + scenario.length).into()).await;
        Ok(())
    };
    watched.during(driving, stage, scenario, &tallies, &mut progress).await?;
    pacing.join().map_err(|_| anyhow::anyhow!("the pacing thread failed"))?;
    watched.settle(stage, scenario, &tallies, &mut progress).await?;
    progress.end();
    let tallies = tallies.into_inner();
    ensure!(tallies.iter().any(|tally| tally.begun + tally.refused > 0), "no request was to begin");
    Ok(told(scenario, stage, watched, tallies, began_at, begin.elapsed()))
}

fn told(
    scenario: &Scenario,
    stage: &Stage,
    watched: Watched,
    mut tallies: Vec<Tally>,
    began_at: jiff::Timestamp,
    whole: Duration,
) -> Report {
    let fairness = shares(scenario, &tallies);
    let mut notes = watched.notes;
    let (mut senders, mut late) = (Vec::new(), Vec::new());
    for (part, tally) in scenario.senders.iter().zip(&mut tallies) {
        let sender = sender(part, tally);
        let name = &sender.name;
        if sender.not_begun > 0 {
            notes.push(format!(
                "{name}: {} requests were not begun, since in_flight and waiting were both full; no latency counts for them, so the others look better than they are",
                sender.not_begun
            ));
        }
        if let Some(lag) = sender.lag.as_ref().filter(|lag| lag.p99_ms > LATE_MS) {
            late.push(format!("{name} {:.0} ms", lag.p99_ms));
        }
        let left = offered(part, tally).saturating_sub(tally.handed);
        if watched.has_ledgers && left > 0 && sender.kind != "requests" {
            notes.push(format!(
                "{name}: {left} messages or rows that were accepted were not handed over before the run ended (unreachable, failed, or waiting)"
            ));
        }
        senders.push(sender);
    }
    if !late.is_empty() {
        let late = late.join(", ");
        notes.push(format!("the generator itself was late, which is part of the latencies, at p99 by: {late}"));
    }
    let mut queues = watched.queues;
    for queue in &mut queues.series {
        queue.institution = stage.name_of(&queue.institution);
    }
    let fault = |fault: &super::scenario::Fault| Fault {
        at_seconds: fault.at_seconds,
        channel: fault.channel.name().into(),
        name: fault.name.clone(),
    };
    Report {
        format: report::FORMAT.into(),
        version: report::VERSION,
        program: env!("CARGO_PKG_VERSION").into(),
        name: scenario.name.clone(),
        about: scenario.about.clone(),
        seed: scenario.seed,
        began_at,
        length_seconds: scenario.length.as_secs_f64(),
        whole_seconds: report::round(whole.as_secs_f64()),
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
        senders,
        queues,
        memory_mib: watched.memory_mib,
        faults: scenario.faults.iter().map(fault).collect(),
        fairness,
        notes,
    }
}

/// Messages that were accepted, or rows of broadcasts that were started.
fn offered(part: &Part, tally: &Tally) -> u64 {
    match &part.work {
        Work::Broadcasts(broadcast) => tally.right * broadcast.rows,
        Work::Messages(_) | Work::Requests(..) => tally.right,
    }
}

fn sender(part: &Part, tally: &mut Tally) -> report::Sender {
    let (kind, rows) = match &part.work {
        Work::Messages(_) => ("messages", 0),
        Work::Broadcasts(_) => ("broadcasts", offered(part, tally)),
        Work::Requests(..) => ("requests", 0),
    };
    let (handover, handover_after_answer) = tally.handover();
    // A call that waits for the channel is answered after it, so nothing lies between.
    let is_waiting = matches!(&part.work, Work::Messages(message) if message.wait_seconds > 0);
    let is_accepted = matches!(part.work, Work::Messages(_)) && !is_waiting;
    let mut per_second = PerSecond::default();
    for second in &mut tally.seconds {
        per_second.arrived.push(second.arrived);
        per_second.not_begun.push(second.refused);
        per_second.right.push(second.right);
        per_second.wrong.push(second.wrong);
        per_second.handed.push(second.handed);
        per_second.latency.push(&mut second.latency_us);
        per_second.handover.push(&mut second.handover_us);
    }
    report::Sender {
        name: part.name.clone(),
        institution: part.institution.clone(),
        kind: kind.into(),
        lane: part.lane().map(|lane| lane.name().to_owned()),
        planned: part.count,
        begun: tally.begun,
        waited_for_place: tally.waited,
        not_begun: tally.refused,
        right: tally.right,
        wrong: tally.wrong,
        outcomes: tally.outcomes.clone(),
        latency: Latency::of(&tally.latency),
        service: Latency::of(&tally.service),
        lag: Latency::of(&tally.lag),
        rows,
        handed: tally.handed,
        handed_again: tally.again,
        handover,
        handover_after_answer: handover_after_answer.filter(|_| is_accepted),
        per_second,
    }
}

/// What each institution got of each lane and strategy while arrivals came, where several share one.
fn shares(scenario: &Scenario, tallies: &[Tally]) -> Vec<Share> {
    let seconds = scenario.length.as_secs() as usize;
    let mut groups: BTreeMap<(Lane, &str), Vec<Share>> = BTreeMap::new();
    for (part, tally) in scenario.senders.iter().zip(tallies) {
        let (Some(lane), Some(strategy)) = (part.lane(), part.strategy()) else { continue };
        let handed: u64 = tally.seconds.iter().take(seconds).map(|second| second.handed).sum();
        let offered = offered(part, tally);
        let group = groups.entry((lane, strategy)).or_default();
        if let Some(share) = group.iter_mut().find(|share| share.institution == part.institution) {
            share.offered += offered;
            share.handed += handed;
        } else {
            let (lane, strategy, institution) = (lane.name().into(), strategy.into(), part.institution.clone());
            group.push(Share { lane, strategy, institution, offered, handed, fair: 0.0 });
        }
    }
    groups.retain(|_, group| group.len() > 1);
    for group in groups.values_mut() {
        let demands: Vec<f64> = group.iter().map(|share| share.offered as f64).collect();
        let capacity = group.iter().map(|share| share.handed as f64).sum();
        for (share, fair) in group.iter_mut().zip(max_min(&demands, capacity)) {
            share.fair = report::round(fair);
        }
    }
    groups.into_values().flatten().collect()
}
