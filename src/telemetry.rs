//! What the program tells of itself while it runs: the log and the metrics.
//!
//! Invariant: names of metrics stand here and nowhere else, and no label holds anything of a
//! recipient or a content. Figures are read from the broker's observable state when somebody
//! asks, so that counting costs nothing where messages pass.
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use estafette_actors::broker::Broker;
use estafette_actors::domain::balance::FULL;
use estafette_actors::domain::channel::Channel;
use estafette_actors::latency::Latency;
use estafette_actors::nursery::Condition;
use estafette_actors::ports::{Binds, ProviderState};
use estafette_actors::service::Stage;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Names of metrics. Units at the end, as Prometheus has them.
pub mod names {
    /// Bytes of memory that the process has in use.
    pub const RESIDENT: &str = "process_resident_memory_bytes";
    /// Which version runs.
    pub const BUILD: &str = "estafette_build_info";
    /// Notices of mailboxes, by figure.
    pub const NOTICES: &str = "estafette_notices";
    /// Commits of the journal.
    pub const COMMITS: &str = "estafette_journal_commits_total";
    /// Facts that became durable.
    pub const FACTS: &str = "estafette_journal_facts_total";
    /// The last durable position.
    pub const POSITION: &str = "estafette_journal_position";
    /// Duration of a commit, by quantile, over the last ones.
    pub const COMMIT: &str = "estafette_journal_commit_seconds";
    /// Bytes of the journal on disk.
    pub const BYTES: &str = "estafette_journal_bytes";
    /// Segments of the journal on disk.
    pub const SEGMENTS: &str = "estafette_journal_segments";
    /// Live states in memory.
    pub const LIVE: &str = "estafette_journal_live_messages";
    /// Batches that wait for the writer.
    pub const BACKLOG: &str = "estafette_journal_backlog_batches";
    /// Receipts that match nothing yet.
    pub const PARKED: &str = "estafette_journal_parked_receipts";
    /// 1 when nothing can be written any more.
    pub const READ_ONLY: &str = "estafette_journal_read_only";
    /// Messages that wait in queues.
    pub const QUEUED: &str = "estafette_queued_messages";
    /// Messages by status.
    pub const MESSAGES: &str = "estafette_messages_since_start";
    /// Attempts that ended, by outcome.
    pub const ATTEMPTS: &str = "estafette_attempts_total";
    /// Attempts under way.
    pub const UNDER_WAY: &str = "estafette_attempts_under_way";
    /// Attempts under way at most.
    pub const WINDOW: &str = "estafette_attempts_window";
    /// 1 for the state in which a channel is.
    pub const CHANNEL: &str = "estafette_channel_state";
    /// 1 when letters can go over a provider of a channel.
    pub const PROVIDER_UP: &str = "estafette_provider_up";
    /// How much of its weight a provider has now: 1 for all, less while others do better.
    pub const PROVIDER_SHARE: &str = "estafette_provider_share";
    /// Connections of a provider that stand.
    pub const PROVIDER_BINDS: &str = "estafette_provider_binds";
    /// Connections of a provider that should stand.
    pub const PROVIDER_BINDS_WANTED: &str = "estafette_provider_binds_wanted";
    /// 1 when an actor runs.
    pub const ACTOR: &str = "estafette_actor_up";
    /// How often an actor panicked.
    pub const PANICS: &str = "estafette_actor_panics_total";
    /// Messages of citizens: kept, asking for no more, and of no institution that is known.
    pub const WORDS: &str = "estafette_inbound_messages_total";
    /// Urgent messages that were handed to a channel, by whether that was in time.
    pub const URGENT: &str = "estafette_urgent_messages_total";
    /// What counts as in time.
    pub const URGENT_WITHIN: &str = "estafette_urgent_within_seconds";
    /// From the arrival of an urgent message until it is handed to its channel. A histogram.
    pub const URGENT_HANDED: &str = "estafette_urgent_handed_seconds";
    /// Where the time of urgent messages goes, by stage. A histogram.
    pub const URGENT_STAGE: &str = "estafette_urgent_stage_seconds";
    /// Recipients of whom something is known.
    pub const KNOWN: &str = "estafette_registry_recipients";
}

/// States of a channel, as its status names them.
const CHANNEL_STATES: [&str; 5] = ["running", "recovering", "paused", "down", "throttled"];
const MICROS: f64 = 1_000_000.0;

type SetLevel = Box<dyn Fn(&str) + Send + Sync>;

/// Changes the level of the log that was started, if one was.
static LEVEL: OnceLock<SetLevel> = OnceLock::new();

fn filter(level: &str) -> EnvFilter {
    EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"))
}

/// Another level of the log from now on: what was checked as `log.level`.
pub fn set_level(level: &str) {
    if let Some(set) = LEVEL.get() {
        set(level);
    }
}

/// Starts the log, on standard error. Once a process; later calls change nothing.
pub fn start_log(log: &Log) {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        let writer = tracing_subscriber::fmt().with_env_filter(filter(&log.level)).with_writer(std::io::stderr);
        // An error means that somebody else (a test's harness) logs already: then so be it.
        let (_, set): (_, SetLevel) = match log.format {
            LogFormat::Text => {
                let writer = writer.with_ansi(false).with_filter_reloading();
                let handle = writer.reload_handle();
                (writer.try_init(), Box::new(move |level| drop(handle.reload(filter(level)))))
            }
            LogFormat::Json => {
                let writer = writer.json().flatten_event(true).with_filter_reloading();
                let handle = writer.reload_handle();
                (writer.try_init(), Box::new(move |level| drop(handle.reload(filter(level)))))
            }
        };
        let _ = LEVEL.set(set);
    });
}

/// The metrics. Not global: a test has its own.
pub struct Metrics {
    recorder: PrometheusRecorder,
    /// Providers that were told of, by channel and name, and whether they have connections: one that is gone must fall to zero.
    providers: Mutex<BTreeMap<(Channel, Box<str>), bool>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { recorder: PrometheusBuilder::new().build_recorder(), providers: Mutex::default() }
    }
}

impl Metrics {
    /// All figures as of now, in Prometheus' text format.
    pub fn render(&self, broker: &Broker) -> String {
        metrics::with_local_recorder(&self.recorder, || {
            process();
            journal(broker);
            channels(broker);
            words(broker);
            self.providers(broker);
            actors(broker);
            service(broker);
        });
        let handle = self.recorder.handle();
        handle.run_upkeep();
        let mut text = handle.render();
        histograms(&mut text, broker);
        text
    }

    fn providers(&self, broker: &Broker) {
        let mut known = self.providers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut gone = std::mem::take(&mut *known);
        for desk in broker.desks() {
            for provider in desk.status().providers {
                let key = (desk.channel, provider.name.clone());
                gone.remove(&key);
                known.insert(key, provider.binds.is_some());
                let is_up = provider.state != ProviderState::Down;
                let share = f64::from(provider.share) / f64::from(FULL);
                figures(desk.channel, &provider.name, is_up, share, provider.binds);
            }
        }
        // A provider that comes back is told of again; one that does not stays at zero.
        for ((channel, name), has_binds) in gone {
            figures(channel, &name, false, 0.0, has_binds.then_some(Binds { bound: 0, wanted: 0 }));
        }
    }
}

fn figures(channel: Channel, provider: &str, is_up: bool, share: f64, binds: Option<Binds>) {
    let labels = [("channel", channel.to_string()), ("provider", provider.to_owned())];
    metrics::gauge!(names::PROVIDER_UP, &labels).set(f64::from(u8::from(is_up)));
    metrics::gauge!(names::PROVIDER_SHARE, &labels).set(share);
    if let Some(binds) = binds {
        metrics::gauge!(names::PROVIDER_BINDS, &labels).set(binds.bound as f64);
        metrics::gauge!(names::PROVIDER_BINDS_WANTED, &labels).set(binds.wanted as f64);
    }
}

fn process() {
    metrics::describe_gauge!(names::RESIDENT, "Memory that the process has in use");
    metrics::gauge!(names::RESIDENT).set(resident_bytes() as f64);
    metrics::gauge!(names::BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

fn journal(broker: &Broker) {
    let figures = broker.journal().figures();
    metrics::counter!(names::COMMITS).absolute(figures.commits);
    metrics::counter!(names::FACTS).absolute(figures.facts);
    metrics::gauge!(names::POSITION).set(figures.position as f64);
    metrics::gauge!(names::COMMIT, "quantile" => "0.5").set(figures.commit_p50_us as f64 / MICROS);
    metrics::gauge!(names::COMMIT, "quantile" => "0.99").set(figures.commit_p99_us as f64 / MICROS);
    metrics::gauge!(names::BYTES).set(figures.bytes as f64);
    metrics::gauge!(names::SEGMENTS).set(f64::from(figures.segments));
    metrics::gauge!(names::LIVE).set(figures.live as f64);
    metrics::gauge!(names::BACKLOG).set(figures.backlog as f64);
    metrics::gauge!(names::PARKED).set(figures.parked as f64);
    let read_only = broker.journal().read_only().is_some();
    metrics::gauge!(names::READ_ONLY).set(f64::from(u8::from(read_only)));
    for (status, count) in broker.archive().totals_since_start() {
        let failure = match status {
            estafette_actors::domain::status::MessageStatus::Failed(failure) => failure.as_str(),
            _ => "",
        };
        metrics::gauge!(names::MESSAGES, "status" => status.as_str(), "failure" => failure).set(count as f64);
    }
}

fn channels(broker: &Broker) {
    // What was there at an earlier look and is gone must fall to zero: all lanes are always told.
    let depths = broker.archive().depths();
    for desk in broker.desks() {
        let status = desk.status();
        let channel = status.channel.to_string();
        for lane in estafette_actors::domain::submission::Lane::ALL {
            let here = depths.iter().filter(|depth| depth.channel == status.channel && depth.lane == lane);
            let waiting: u64 = here.map(|depth| depth.messages).sum();
            metrics::gauge!(names::QUEUED, "channel" => channel.clone(), "lane" => lane.as_str()).set(waiting as f64);
        }
        let ended = [
            ("sent", status.sent),
            ("failed", status.failed),
            ("throttled", status.throttled),
            ("unknown", status.unknown),
        ];
        for (outcome, count) in ended {
            metrics::counter!(names::ATTEMPTS, "channel" => channel.clone(), "outcome" => outcome).absolute(count);
        }
        for state in CHANNEL_STATES {
            let is_it = f64::from(u8::from(state == status.state));
            metrics::gauge!(names::CHANNEL, "channel" => channel.clone(), "state" => state).set(is_it);
        }
        metrics::gauge!(names::UNDER_WAY, "channel" => channel.clone()).set(status.under_way as f64);
        metrics::gauge!(names::WINDOW, "channel" => channel).set(status.window as f64);
    }
}

fn words(broker: &Broker) {
    let words = broker.words();
    metrics::describe_counter!(names::WORDS, "Messages that citizens wrote");
    for (kind, count) in [("heard", words.heard), ("stop", words.stops), ("unattributed", words.nobodys)] {
        metrics::counter!(names::WORDS, "kind" => kind).absolute(count);
    }
}

fn actors(broker: &Broker) {
    for vitals in broker.vitals() {
        let up = vitals.condition == Condition::Running;
        metrics::gauge!(names::ACTOR, "actor" => vitals.name.clone()).set(f64::from(u8::from(up)));
        metrics::counter!(names::PANICS, "actor" => vitals.name).absolute(vitals.panics);
    }
    let known = broker.registry().figures();
    for (kind, count) in [("niss", known.nisses), ("mobile", known.mobiles), ("cbe", known.enterprises)] {
        metrics::gauge!(names::KNOWN, "kind" => kind).set(count as f64);
    }
}

fn service(broker: &Broker) {
    let level = broker.service().level();
    metrics::describe_counter!(names::URGENT, "Urgent messages that were handed to a channel");
    metrics::counter!(names::URGENT, "in_time" => "true").absolute(level.within);
    metrics::counter!(names::URGENT, "in_time" => "false").absolute(level.handed.saturating_sub(level.within));
    metrics::gauge!(names::URGENT_WITHIN).set(level.threshold.as_secs_f64());
}

/// Upper bounds of the histograms' buckets, in milliseconds.
const BUCKETS_MS: [u64; 14] = [1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 60_000, 600_000];

/// What is kept as histograms already, in Prometheus' text format: the recorder would keep each a second time.
fn histograms(text: &mut String, broker: &Broker) {
    let service = broker.service();
    let title = |text: &mut String, name: &str, help: &str| {
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} histogram\n");
    };
    title(text, names::URGENT_HANDED, "From the arrival of an urgent message until it is handed to its channel");
    histogram(text, names::URGENT_HANDED, "", service.handing());
    text.push('\n');
    title(text, names::URGENT_STAGE, "Where the time of urgent messages goes");
    for stage in Stage::ALL {
        let label = format!("stage=\"{}\"", stage.as_str());
        histogram(text, names::URGENT_STAGE, &label, service.stage(stage));
    }
    text.push('\n');
}

fn histogram(text: &mut String, name: &str, label: &str, latency: &Latency) {
    let told = latency.buckets(&BUCKETS_MS.map(Duration::from_millis));
    let comma = if label.is_empty() { "" } else { "," };
    for (bound, count) in BUCKETS_MS.iter().zip(&told.below) {
        let bound = Duration::from_millis(*bound).as_secs_f64();
        let _ = writeln!(text, "{name}_bucket{{{label}{comma}le=\"{bound}\"}} {count}");
    }
    let count = told.count;
    let _ = writeln!(text, "{name}_bucket{{{label}{comma}le=\"+Inf\"}} {count}");
    let label = if label.is_empty() { String::new() } else { format!("{{{label}}}") };
    let _ = writeln!(text, "{name}_sum{label} {}\n{name}_count{label} {count}", told.sum.as_secs_f64());
}

/// Figures of notices of mailboxes, in Prometheus' text format; nothing where there are none.
pub fn notices(figures: &[(&'static str, u64)]) -> String {
    let mut text = String::new();
    if !figures.is_empty() {
        let help = "What waits, and what was done since the start";
        let _ = writeln!(text, "# HELP {0} {help}\n# TYPE {0} gauge", names::NOTICES);
    }
    for (name, value) in figures {
        let _ = writeln!(text, "{}{{figure=\"{name}\"}} {value}", names::NOTICES);
    }
    text
}

/// Bytes of memory in use, as the system counts them; 0 where it doesn't say.
pub fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or_default() * 1_024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_is_told_as_prometheus_reads_it() {
        let latency = Latency::default();
        for millis in [3, 30, 30, 2_000] {
            latency.record(Duration::from_millis(millis));
        }
        let mut text = String::new();
        histogram(&mut text, "some_seconds", "stage=\"wait\"", &latency);
        for line in [
            "some_seconds_bucket{stage=\"wait\",le=\"0.001\"} 0",
            "some_seconds_bucket{stage=\"wait\",le=\"0.005\"} 1",
            "some_seconds_bucket{stage=\"wait\",le=\"1\"} 3",
            "some_seconds_bucket{stage=\"wait\",le=\"+Inf\"} 4",
            "some_seconds_count{stage=\"wait\"} 4",
        ] {
            assert!(text.lines().any(|told| told == line), "{line} is not in {text}");
        }
        let sum = text.lines().find_map(|line| line.strip_prefix("some_seconds_sum{stage=\"wait\"} ")).unwrap();
        assert!((sum.parse::<f64>().unwrap() - 2.063).abs() < 0.03, "{sum}");
        let mut plain = String::new();
        histogram(&mut plain, "some_seconds", "", &latency);
        assert!(plain.starts_with("some_seconds_bucket{le=\"0.001\"} 0\n"), "{plain}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_knows_how_much_memory_it_has_in_use() {
        assert!(resident_bytes() > 1_000_000);
    }
}
