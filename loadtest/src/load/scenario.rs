//! A scenario as it stands in its TOML file: who sends what and when, to which broker or endpoint, and what goes wrong meanwhile.
//!
//! Owns the form only; [`check`] makes of it what can be run. Invariant: a key that is not known is an error that names it, so that a
//! misspelt one is not ignored. `docs/load-harness.md` explains each key.

pub mod check;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use estafette_loadtest::ledger::Channel;
use estafette_loadtest::{Faults, Settings};
use serde::Deserialize;

use super::arrivals::Process;

/// A scenario.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    /// What reports call it.
    pub name: String,
    /// What it is for, in a sentence or two.
    #[serde(default)]
    pub about: String,
    /// Another seed gives other chances.
    #[serde(default = "one")]
    pub seed: u64,
    /// How long arrivals come.
    pub length_seconds: f64,
    /// How long what was accepted may take to be handed over after that, at most.
    #[serde(default = "ten")]
    pub settle_seconds: f64,
    /// A broker that the run starts and ends.
    pub broker: Option<Broker>,
    /// A broker that runs already.
    pub running: Option<Running>,
    /// The simulators of the channels.
    pub simulators: Option<Simulators>,
    /// Who sends.
    #[serde(default)]
    pub sender: Vec<Sender>,
    /// What goes wrong at a channel from some moment on.
    #[serde(default)]
    pub fault: Vec<Fault>,
}

/// A broker of the run's own.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Broker {
    /// The channels that it has: `sms`, `govapp`, `ebox`.
    pub channels: Option<Vec<Channel>>,
    /// Whether SMS go over SMPP, else over the HTTP gateway.
    pub smpp: bool,
    /// Any keys of its configuration, put over those that the run writes.
    pub config: toml::Table,
}

/// A broker that runs already.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Running {
    /// Its API, such as `http://127.0.0.1:8080`.
    pub api: String,
    /// Its admin port, for what waits in its queues.
    pub admin: Option<SocketAddr>,
}

/// The simulators.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Simulators {
    /// Where they run already, such as `http://127.0.0.1:9090`; without it the run starts its own.
    pub at: Option<String>,
    /// Where the SMSC of those listens.
    pub smsc_at: Option<SocketAddr>,
    /// How they behave. Of those that run already, only secrets and faults count.
    pub settings: Settings,
}

/// A sender. It has one of `message`, `broadcast` and `request`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sender {
    /// What reports call it; each has its own.
    pub name: String,
    /// The institution that it sends for; its own name without it. Senders of one institution share a key.
    pub institution: Option<String>,
    /// The institution's key at a running broker.
    pub key: Option<String>,
    /// An environment variable that has that key.
    pub key_from: Option<String>,
    /// When its requests begin.
    pub arrivals: Option<Process>,
    /// When it starts, in seconds after the beginning.
    #[serde(default)]
    pub start_seconds: f64,
    /// When it stops; at the end without it.
    pub stop_seconds: Option<f64>,
    /// Requests under way at once.
    #[serde(default = "in_flight")]
    pub in_flight: usize,
    /// Requests that wait for a place among those.
    #[serde(default = "waiting")]
    pub waiting: usize,
    /// How long a request may take.
    #[serde(default = "twenty")]
    pub timeout_seconds: f64,
    /// Single messages.
    pub message: Option<Message>,
    /// Broadcasts; one at the sender's start without `arrivals`.
    pub broadcast: Option<Broadcast>,
    /// Requests of any form, to any HTTP endpoint.
    pub request: Option<Request>,
}

/// Whom a message is for.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recipient {
    /// A mobile number.
    #[default]
    Mobile,
    /// A NISS.
    Niss,
    /// Both, so that a step may fall back to SMS.
    Person,
}

/// The lane of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Before all else.
    Urgent,
    /// What single messages are.
    Normal,
    /// What broadcasts are.
    Bulk,
}

impl Lane {
    /// As the API calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Normal => "normal",
            Self::Bulk => "bulk",
        }
    }
}

/// Single messages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// The strategy, which decides the channel.
    #[serde(default = "sms_only")]
    pub strategy: String,
    /// The lane.
    #[serde(default = "normal")]
    pub priority: Lane,
    /// Whom they are for.
    #[serde(default)]
    pub recipient: Recipient,
    /// The French text.
    #[serde(default = "reminder")]
    pub text: String,
    /// How long each call waits for the channel; 0 is answered on acceptance.
    #[serde(default)]
    pub wait_seconds: u32,
}

/// Broadcasts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broadcast {
    /// Recipients of each.
    pub rows: u64,
    /// The strategy, which decides the channel.
    #[serde(default = "sms_only")]
    pub strategy: String,
    /// The lane.
    #[serde(default = "bulk")]
    pub priority: Lane,
    /// Whom they are for.
    #[serde(default)]
    pub recipient: Recipient,
    /// The French text; `{{NAME}}` is a variable of each row.
    #[serde(default = "greeting")]
    pub text: String,
    /// When recipients are uploaded.
    #[serde(default)]
    pub upload: Upload,
}

/// When recipients are uploaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Upload {
    /// Before the clock runs: an arrival only starts the broadcast.
    #[default]
    Before,
    /// An arrival creates, uploads and starts it.
    During,
}

/// Requests from a template.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Where they go.
    pub to: To,
    /// The path, with its query; may have placeholders.
    pub path: String,
    /// The method.
    #[serde(default = "get")]
    pub method: String,
    /// Headers; may have placeholders.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body; may have placeholders.
    pub body: Option<String>,
    /// The statuses that are right.
    #[serde(default = "ok")]
    pub expect: Vec<u16>,
    /// The sender whose messages `{{id}}` names.
    pub ids_from: Option<String>,
    /// A PEM file of the authorities to believe, for https; those of the system without it.
    pub ca_file: Option<PathBuf>,
}

/// Where requests go: a word, or an address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum To {
    /// The broker's API, with the institution's key.
    Broker,
    /// The simulators.
    Simulators,
    /// Scheme, host and port.
    Url(String),
}

impl From<String> for To {
    fn from(text: String) -> Self {
        match text.as_str() {
            "broker" => Self::Broker,
            "simulators" => Self::Simulators,
            _ => Self::Url(text),
        }
    }
}

/// What goes wrong at a channel from some moment on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// When, in seconds after the beginning.
    pub at_seconds: f64,
    /// Where.
    pub channel: Channel,
    /// What reports call it.
    #[serde(default)]
    pub name: String,
    /// From then on; what is not given goes back to its default.
    #[serde(default)]
    pub set: Faults,
}

fn one() -> u64 {
    1
}

fn ten() -> f64 {
    10.0
}

fn twenty() -> f64 {
    20.0
}

fn in_flight() -> usize {
    256
}

fn waiting() -> usize {
    100_000
}

fn ok() -> Vec<u16> {
    vec![200]
}

fn get() -> String {
    "GET".into()
}

fn sms_only() -> String {
    "sms-only".into()
}

fn normal() -> Lane {
    Lane::Normal
}

fn bulk() -> Lane {
    Lane::Bulk
}

fn reminder() -> String {
    "Votre rendez-vous est demain a 10 h.".into()
}

fn greeting() -> String {
    "Bonjour {{NAME}}, votre rendez-vous est demain.".into()
}

#[cfg(test)]
mod tests;
