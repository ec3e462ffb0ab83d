//! The channels: each turns letters into requests of its provider, and answers into outcomes.
//!
//! Owns the list of channels that exist ([`REGISTERED`]); a new one is a file and a line in it
//! (docs/adding-a-channel.md). Invariant: an outcome is `Unknown` whenever the channel may have taken
//! the letter, and a failure only when it is known not to have it. Nothing here decides what follows
//! from an outcome, and nothing logs a recipient or a content.
use std::sync::Arc;

use estafette_actors::domain::channel::Channel;
use estafette_actors::ports::Transport;

mod changing;
mod expiring;
mod gathering;
mod http;
mod rehearsal;
mod settings;
mod token;
mod wording;

pub mod ebox;
pub mod govapp;
pub mod mailbox;
pub mod sms;

pub use changing::Changing;
pub use http::{Answer, Effect, Peer, Trouble};
pub use rehearsal::Guarded;
pub use settings::{Secret, Settings, Table};
pub use token::{Token, Tokens};

/// Makes the transport of a channel from its table in the configuration.
pub type Build = fn(&Table) -> Result<Arc<dyn Transport>, Error>;

/// A channel that can be used.
#[derive(Clone, Copy, Debug)]
pub struct Registration {
    /// The name of its table: `[channels.NAME]`.
    pub name: &'static str,
    /// Makes it.
    pub build: Build,
}

/// Every channel that this build knows, a line each.
pub const REGISTERED: &[Registration] = &[
    Registration { name: "govapp", build: govapp::build },
    Registration { name: "sms", build: sms::build },
    Registration { name: "ebox", build: ebox::build },
];

/// The names of [`REGISTERED`], for whoever checks a name or lists them.
pub const NAMES: [&str; REGISTERED.len()] = {
    let mut names = [""; REGISTERED.len()];
    let mut place = 0;
    while place < names.len() {
        names[place] = REGISTERED[place].name;
        place += 1;
    }
    names
};

/// Why a channel can't be made.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// A table without a channel.
    #[error("[channels.{name}] is no channel of this build: remove it, or use one of {known}")]
    NoSuchChannel {
        /// The table's name.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// A table that can't be read.
    #[error("[channels.{channel}]: {message}")]
    Settings {
        /// The channel.
        channel: &'static str,
        /// What is wrong.
        message: String,
    },
    /// A value that can't be used.
    #[error("[channels.{channel}] {key}: {message}")]
    Setting {
        /// The channel.
        channel: &'static str,
        /// The key.
        key: &'static str,
        /// What to do.
        message: String,
    },
    /// A value that can't be read, or a key too many.
    #[error("[channels.{channel}] {key}: {message}")]
    Written {
        /// The channel.
        channel: &'static str,
        /// The key, from the channel's table on.
        key: String,
        /// What to do.
        message: String,
    },
    /// Mistakes of one table, all of them.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Several(Vec<Error>),
    /// A simulated channel without the live one that it stands beside.
    #[error("[sandbox.channels]: {0} has no live channel beside it: set up [channels.{0}], or remove it")]
    Alone(Channel),
    /// The machine gives no way out.
    #[error("[channels.{channel}]: no HTTPS client: {message}; install the certificates of the system")]
    Client {
        /// The channel.
        channel: &'static str,
        /// What is wrong.
        message: String,
    },
}

impl Error {
    /// Of several mistakes, of which there is one at least.
    fn of(mut all: Vec<Self>) -> Self {
        match all.pop() {
            Some(only) if all.is_empty() => only,
            Some(last) => {
                all.push(last);
                Self::Several(all)
            }
            None => Self::Several(all),
        }
    }

    /// Each mistake by itself.
    fn each(self) -> Vec<Self> {
        match self {
            Self::Several(all) => all.into_iter().flat_map(Self::each).collect(),
            one => vec![one],
        }
    }

    /// The same under a key of the table.
    fn within(self, place: &str) -> Self {
        match self {
            Self::Several(all) => Self::Several(all.into_iter().map(|one| one.within(place)).collect()),
            Self::Setting { channel, key, message } => {
                Self::Written { channel, key: format!("{place}.{key}"), message }
            }
            Self::Written { channel, key, message } => {
                Self::Written { channel, key: format!("{place}.{key}"), message }
            }
            other => other,
        }
    }

    /// The key under `[channels]` where it is, and what to do, as mistakes of a configuration are told.
    pub fn located(&self) -> (String, String) {
        match self {
            Self::NoSuchChannel { name, known } => {
                (name.clone(), format!("no channel of this build: remove it, or use one of {known}"))
            }
            Self::Settings { channel, message } => ((*channel).to_owned(), message.clone()),
            Self::Setting { channel, key, message } => (format!("{channel}.{key}"), message.clone()),
            Self::Written { channel, key, message } => (format!("{channel}.{key}"), message.clone()),
            Self::Several(_) => (String::new(), self.to_string()),
            Self::Alone(channel) => {
                let what = "it has no live channel beside it: set up [channels], or remove it";
                (channel.to_string(), what.to_owned())
            }
            Self::Client { channel, message } => {
                ((*channel).to_owned(), format!("no HTTPS client: {message}; install the certificates of the system"))
            }
        }
    }
}

/// Makes every channel that has a table, from the channels of `registered`; all mistakes are told at once.
pub fn build_from(registered: &[Registration], settings: &Settings) -> Result<Vec<Arc<dyn Transport>>, Vec<Error>> {
    let mut made = Vec::new();
    let mut wrong = Vec::new();
    for (name, table) in &settings.0 {
        let registration = registered.iter().find(|registration| registration.name == name);
        let known = || {
            let names: Vec<_> = registered.iter().map(|registration| registration.name).collect();
            Error::NoSuchChannel { name: name.clone(), known: names.join(", ") }
        };
        let transport = registration.ok_or_else(known).and_then(|registration| (registration.build)(table));
        match transport {
            Ok(transport) => made.push(transport),
            Err(error) => wrong.extend(error.each()),
        }
    }
    if wrong.is_empty() { Ok(made) } else { Err(wrong) }
}

/// Makes every channel of [`REGISTERED`] that has a table.
pub fn build(settings: &Settings) -> Result<Vec<Arc<dyn Transport>>, Vec<Error>> {
    build_from(REGISTERED, settings)
}

/// Guards live transports: reserved recipients go to the simulated one of the same channel, or nowhere.
pub fn guard(
    live: Vec<Arc<dyn Transport>>,
    mut simulated: Vec<Arc<dyn Transport>>,
) -> Result<Vec<Arc<dyn Transport>>, Vec<Error>> {
    let guarded = live.into_iter().map(|live| {
        let beside = simulated.iter().position(|simulated| simulated.channel() == live.channel());
        let beside = beside.map(|place| simulated.swap_remove(place));
        Arc::new(Guarded::new(live, beside)) as Arc<dyn Transport>
    });
    let guarded: Vec<_> = guarded.collect();
    let alone = simulated.iter().map(|simulated| Error::Alone(simulated.channel()));
    let alone: Vec<_> = alone.collect();
    if alone.is_empty() { Ok(guarded) } else { Err(alone) }
}
