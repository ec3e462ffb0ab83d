//! A scenario that can be run, made of what its file says; all mistakes are told at once, each with its key.
//!
//! Invariant: what comes out of here is not checked again. Each request and row has a recipient of its own, by an index below what the
//! generators can make, so that an entry of a ledger tells whose it is.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use estafette_loadtest::niss;

use super::{Broadcast, Broker, Fault, Lane, Message, Raw, Request, Running, Sender, Simulators, To, Upload};
use crate::load::arrivals::{Arrivals, Process};
use crate::load::open::Bounds;
use crate::load::template::Template;

/// The longest run, in seconds.
const LONGEST_S: f64 = 86_400.0;
/// Senders at most: each has a panel of the report.
const SENDERS: usize = 100;
/// Requests of all senders at most: of each, some times are kept in memory until the end.
const REQUESTS: u64 = 20_000_000;

/// A checked scenario.
#[derive(Debug)]
pub struct Scenario {
    /// What reports call it.
    pub name: String,
    /// What it is for.
    pub about: String,
    /// What chances follow from.
    pub seed: u64,
    /// How long arrivals come.
    pub length: Duration,
    /// How long the rest may take, at most.
    pub settle: Duration,
    /// The broker, if one is measured.
    pub target: Target,
    /// The simulators, if there are any.
    pub simulators: Option<Simulators>,
    /// Who sends.
    pub senders: Vec<Part>,
    /// What goes wrong, the earliest first.
    pub faults: Vec<Fault>,
}

/// The broker that is measured.
#[derive(Debug)]
pub enum Target {
    /// Started and ended by the run.
    Own(Broker),
    /// One that runs already.
    Running(Running),
    /// None: requests go elsewhere.
    None,
}

/// A sender.
#[derive(Debug)]
pub struct Part {
    /// What reports call it.
    pub name: String,
    /// For whom it sends.
    pub institution: String,
    /// The institution's key at a running broker.
    pub key: Option<String>,
    /// When it starts.
    pub start: Duration,
    /// When its requests begin, after that.
    pub arrivals: Arrivals,
    /// How many there will be.
    pub count: u64,
    /// The index of its first recipient; it has as many as it needs from there.
    pub recipients: std::ops::Range<u64>,
    /// What it may have at once.
    pub bounds: Bounds,
    /// How long a request may take.
    pub timeout: Duration,
    /// What it sends.
    pub work: Work,
}

/// What a sender sends.
#[derive(Debug)]
pub enum Work {
    /// Single messages.
    Messages(Message),
    /// Broadcasts.
    Broadcasts(Broadcast),
    /// Anything; `ids_from` is the place of the sender that `{{id}}` names.
    Requests(Request, Option<usize>),
}

impl Part {
    /// The lane of what it sends, where that is known.
    pub fn lane(&self) -> Option<Lane> {
        match &self.work {
            Work::Messages(message) => Some(message.priority),
            Work::Broadcasts(broadcast) => Some(broadcast.priority),
            Work::Requests(..) => None,
        }
    }

    /// The strategy of what it sends, which decides the channel, where that is known.
    pub fn strategy(&self) -> Option<&str> {
        match &self.work {
            Work::Messages(message) => Some(&message.strategy),
            Work::Broadcasts(broadcast) => Some(&broadcast.strategy),
            Work::Requests(..) => None,
        }
    }
}

/// Reads and checks a file.
pub fn read(path: &Path) -> anyhow::Result<Scenario> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    understand(&text, folder, |name| std::env::var(name).ok()).with_context(|| format!("understand {}", path.display()))
}

/// Checks a scenario; files are looked for in `folder`, and variables with `variable`.
pub fn understand(text: &str, folder: &Path, variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Scenario> {
    let raw: Raw = toml::from_str(text)?;
    let mut wrong = Wrong(Vec::new());
    let length_s = wrong.seconds("length_seconds", raw.length_seconds, 0.1);
    let settle_s = wrong.seconds("settle_seconds", raw.settle_seconds, 0.0);
    wrong.unless(!raw.name.trim().is_empty(), "name: say what reports call it");
    let target = wrong.target(raw.broker, raw.running, raw.simulators.as_ref());
    if let Some(simulators) = &raw.simulators {
        wrong.note("simulators.settings", simulators.settings.check());
        wrong.note("simulators.at", simulators.at.as_deref().map_or(Ok(()), |at| url(at).map(drop)));
        let is_needless = simulators.smsc_at.is_some() && simulators.at.is_none();
        wrong.unless(!is_needless, "simulators.smsc_at: give `at` too, or neither: the run starts an SMSC itself");
    }
    wrong.unless(!raw.sender.is_empty(), "sender: there is none: give at least one [[sender]]");
    wrong.unless(raw.sender.len() <= SENDERS, "sender: there are more than 100");
    let names: Vec<String> = raw.sender.iter().map(|sender| sender.name.clone()).collect();
    wrong.unless(names.iter().collect::<BTreeSet<_>>().len() == names.len(), "sender.name: give each its own");
    let around = Around { length_s, folder, names: &names, has_simulators: raw.simulators.is_some(), seed: raw.seed };
    let mut senders = Vec::new();
    let (mut next, mut requests) = (0, 0);
    for (place, sender) in raw.sender.into_iter().enumerate() {
        let key = format!("sender[{place}] {}", sender.name);
        match wrong.part(&key, sender, place, &target, &around, &variable) {
            Ok(mut part) => {
                requests += part.count;
                let needed = part.recipients.end;
                part.recipients = next..next + needed;
                next += needed;
                senders.push(part);
            }
            Err(error) => wrong.0.push(format!("{key}: {error:#}")),
        }
    }
    wrong.unless(requests <= REQUESTS, "sender: together they send more than 20000000 requests");
    wrong.unless(next <= niss::DISTINCT, "sender: together they need more recipients than can be made");
    for (place, sender) in senders.iter().enumerate() {
        if let Work::Requests(_, Some(from)) = &sender.work {
            let is_right = senders.get(*from).is_some_and(|other| matches!(other.work, Work::Messages(_)));
            // After a mistake the places are not those of the file.
            let is_known = senders.len() == names.len();
            wrong.unless(!is_known || is_right, &format!("sender[{place}].request.ids_from: name one with `message`"));
        }
    }
    let mut faults = raw.fault;
    for (place, fault) in faults.iter().enumerate() {
        let is_in = (0.0..=length_s).contains(&fault.at_seconds);
        wrong.unless(is_in, &format!("fault[{place}].at_seconds: give a moment of the run"));
        wrong.note(&format!("fault[{place}].set"), fault.set.check());
        wrong.unless(raw.simulators.is_some(), &format!("fault[{place}]: there are no [simulators]"));
    }
    faults.sort_by(|one, other| one.at_seconds.total_cmp(&other.at_seconds));
    if !wrong.0.is_empty() {
        bail!("{}", wrong.0.join("\n"));
    }
    let (length, settle) = (Duration::from_secs_f64(length_s), Duration::from_secs_f64(settle_s));
    let (name, about, seed, simulators) = (raw.name, raw.about, raw.seed, raw.simulators);
    Ok(Scenario { name, about, seed, length, settle, target, simulators, senders, faults })
}

/// What senders are checked against.
struct Around<'a> {
    length_s: f64,
    folder: &'a Path,
    names: &'a [String],
    has_simulators: bool,
    seed: u64,
}

/// The seed of a sender's chances.
pub fn seed_of(seed: u64, place: usize) -> u64 {
    estafette_loadtest::Chance::new(seed.wrapping_add(place as u64)).word()
}

fn url(text: &str) -> anyhow::Result<reqwest::Url> {
    let url = reqwest::Url::parse(text).with_context(|| format!("{text} is no URL: give http://HOST:PORT"))?;
    let is_bare = matches!(url.scheme(), "http" | "https") && url.path() == "/" && url.query().is_none();
    anyhow::ensure!(is_bare && url.has_host(), "{text}: give http or https, host and port, and nothing behind them");
    Ok(url)
}

/// The mistakes so far.
struct Wrong(Vec<String>);

impl Wrong {
    fn unless(&mut self, is_right: bool, what: &str) {
        if !is_right {
            self.0.push(what.to_owned());
        }
    }

    fn note(&mut self, key: &str, told: anyhow::Result<()>) {
        self.0.extend(told.err().map(|error| format!("{key}: {error:#}")));
    }

    /// The value, or something harmless and a mistake.
    fn seconds(&mut self, key: &str, value: f64, least: f64) -> f64 {
        let is_right = (least..=LONGEST_S).contains(&value);
        self.unless(is_right, &format!("{key} = {value}: give {least} to {LONGEST_S} seconds"));
        if is_right { value } else { 1.0 }
    }

    fn target(&mut self, own: Option<Broker>, running: Option<Running>, there: Option<&Simulators>) -> Target {
        match (own, running) {
            (Some(_), Some(_)) => {
                self.unless(false, "broker, running: give one of them");
                Target::None
            }
            (Some(own), None) => {
                self.unless(there.is_some(), "simulators: a broker of the run's own sends to them: add [simulators]");
                let is_reached = there.is_none_or(|there| there.at.is_none() || there.smsc_at.is_some());
                self.unless(!own.smpp || is_reached, "simulators.smsc_at: say where the SMSC listens");
                let channels = own.channels.as_deref().unwrap_or_default();
                let is_smsc = channels.contains(&estafette_loadtest::ledger::Channel::Smsc);
                self.unless(!is_smsc, "broker.channels: smsc is no channel of a broker: give sms, and smpp = true");
                Target::Own(own)
            }
            (None, Some(running)) => {
                self.note("running.api", url(&running.api).map(drop));
                Target::Running(running)
            }
            (None, None) => Target::None,
        }
    }

    fn part(
        &mut self,
        key: &str,
        sender: Sender,
        place: usize,
        target: &Target,
        around: &Around<'_>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Part> {
        let start_s = sender.start_seconds;
        let stop_s = sender.stop_seconds.unwrap_or(around.length_s);
        let is_right = start_s >= 0.0 && start_s < stop_s && stop_s <= around.length_s;
        self.unless(is_right, &format!("{key}: start_seconds, stop_seconds: give two moments of the run in order"));
        let length_s = if is_right { stop_s - start_s } else { 1.0 };
        let timeout_s = self.seconds(&format!("{key}: timeout_seconds"), sender.timeout_seconds, 0.001);
        self.unless((1..=20_000).contains(&sender.in_flight), &format!("{key}: in_flight: give 1 to 20000"));
        self.unless(sender.waiting <= 10_000_000, &format!("{key}: waiting: give 0 to 10000000"));
        let is_ours = |request: &Request| request.to == To::Broker;
        let needs_broker =
            sender.message.is_some() || sender.broadcast.is_some() || sender.request.as_ref().is_some_and(is_ours);
        let has_broker = !matches!(target, Target::None);
        self.unless(!needs_broker || has_broker, &format!("{key}: there is no [broker] and no [running]"));
        let key_given = match (sender.key, &sender.key_from) {
            (Some(_), Some(_)) => bail!("key, key_from: give one of them"),
            (None, Some(name)) => {
                Some(variable(name).with_context(|| format!("key_from: there is no variable {name}"))?)
            }
            (given, None) => given,
        };
        let is_running = matches!(target, Target::Running(_));
        self.unless(
            key_given.is_some() == (is_running && needs_broker),
            &format!("{key}: key: a sender at a [running] broker needs one, and no other"),
        );
        let single = Process::At { seconds: vec![0.0] };
        let process = match (&sender.arrivals, &sender.broadcast) {
            (Some(process), _) => process,
            (None, Some(_)) => &single,
            (None, None) => bail!("arrivals: say when its requests begin"),
        };
        let arrivals = Arrivals::new(process, Duration::from_secs_f64(length_s), around.folder).context("arrivals")?;
        let count = arrivals.offsets(seed_of(around.seed, place)).take(REQUESTS as usize + 1).count() as u64;
        let (work, recipients) = match (sender.message, sender.broadcast, sender.request) {
            (Some(message), None, None) => {
                self.unless(message.wait_seconds <= 30, &format!("{key}: message.wait_seconds: give 0 to 30"));
                self.unless(!message.text.contains("{{"), &format!("{key}: message.text: it has no variables"));
                (Work::Messages(message), count)
            }
            (None, Some(broadcast), None) => {
                let is_right = (1..=20_000_000).contains(&broadcast.rows);
                self.unless(is_right, &format!("{key}: broadcast.rows: give 1 to 20000000"));
                let is_few = broadcast.upload == Upload::During || count <= 1_000;
                self.unless(is_few, &format!("{key}: broadcast.upload: more than 1000 can't be made before"));
                let rows = broadcast.rows;
                (Work::Broadcasts(broadcast), count.saturating_mul(rows).min(niss::DISTINCT + 1))
            }
            (None, None, Some(request)) => {
                let template = self.request(key, &request, around)?;
                let from = request.ids_from.as_ref().map(|from| around.names.iter().position(|name| name == from));
                let from = from.map(|place| place.context("request.ids_from: there is no such sender")).transpose()?;
                self.unless(
                    template.wants_ids() == from.is_some(),
                    &format!("{key}: request.ids_from: it goes with {{{{id}}}}, and only with it"),
                );
                let recipients = if template.wants_recipients() { count } else { 0 };
                (Work::Requests(request, from), recipients)
            }
            _ => bail!("give one of message, broadcast and request"),
        };
        Ok(Part {
            institution: sender.institution.unwrap_or_else(|| sender.name.clone()),
            name: sender.name,
            key: key_given,
            start: Duration::try_from_secs_f64(start_s).unwrap_or_default(),
            arrivals,
            count,
            recipients: 0..recipients,
            bounds: Bounds { in_flight: sender.in_flight, waiting: sender.waiting },
            timeout: Duration::from_secs_f64(timeout_s),
            work,
        })
    }

    fn request(&mut self, key: &str, request: &Request, around: &Around<'_>) -> anyhow::Result<Template> {
        match &request.to {
            To::Broker => {}
            To::Simulators => {
                self.unless(around.has_simulators, &format!("{key}: request.to: there are no [simulators]"));
            }
            To::Url(text) => self.note(&format!("{key}: request.to"), url(text).map(drop)),
        }
        let is_status = |status: &u16| (200..600).contains(status);
        let is_right = !request.expect.is_empty() && request.expect.iter().all(is_status);
        self.unless(is_right, &format!("{key}: request.expect: give statuses from 200 to 599"));
        if let Some(file) = &request.ca_file {
            let is_there = around.folder.join(file).is_file();
            self.unless(is_there, &format!("{key}: request.ca_file: {} is not there", file.display()));
        }
        let headers: Vec<_> = request.headers.clone().into_iter().collect();
        Template::new(&request.method, "host", &request.path, &headers, request.body.as_deref()).context("request")
    }
}
