//! The configuration as it is written: every key with its unit in its name, and its default.
//!
//! Invariant: every key has a default here, so that an empty file is a whole configuration. What
//! a value may be is checked in [`super::check`]; nothing here may be used behind this module.
use std::collections::BTreeMap;

use figment::value::Dict;
use serde::{Deserialize, Serialize};

pub use self::faces::{Admin, Events, Http, Webhooks};
pub use self::mailbox::{Client, Documents, Mailbox, Notices, ProviderElsewhere, Tokens};
pub use self::program::{Institution, Log, Shutdown};
pub use self::register::{Persons, Register};
pub use self::sending::{Actors, Admission, Delivery, Messages, Price, Registry, Sandbox, Service, Step, Strategy};
pub use self::storage::{Backup, Data, Journal, Lookup, Suppressions};

mod faces;
mod mailbox;
mod program;
mod register;
mod sending;
mod storage;

/// The whole file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Raw {
    /// HTTP.
    pub http: Http,
    /// The admin port.
    pub admin: Admin,
    /// The data folder.
    pub data: Data,
    /// The journal.
    pub journal: Journal,
    /// What is looked up.
    pub lookup: Lookup,
    /// What a sender may ask for.
    pub messages: Messages,
    /// The actors.
    pub actors: Actors,
    /// What happened, for senders.
    pub events: Events,
    /// Where senders are called.
    pub webhooks: Webhooks,
    /// What may be under way at once.
    pub admission: Admission,
    /// How each channel is fed.
    pub delivery: BTreeMap<String, Delivery>,
    /// The channels' own settings, read by their modules.
    pub channels: BTreeMap<String, Dict>,
    /// Prices by channel.
    pub prices: BTreeMap<String, Price>,
    /// Known recipients.
    pub registry: Registry,
    /// Who is known to which institution.
    pub register: Register,
    /// The e-Box.
    pub mailbox: Mailbox,
    /// The sandbox.
    pub sandbox: Sandbox,
    /// Suppression lists.
    pub suppressions: Suppressions,
    /// The service level that is measured.
    pub service: Service,
    /// Backups.
    pub backup: Backup,
    /// How the program ends.
    pub shutdown: Shutdown,
    /// The log.
    pub log: Log,
    /// Institutions.
    pub institution: Vec<Institution>,
    /// Strategies beside the built-in ones.
    pub strategy: Vec<Strategy>,
}

/// Channels that every installation can have.
pub const CHANNELS: [&str; crate::channels::NAMES.len()] = crate::channels::NAMES;

impl Default for Raw {
    fn default() -> Self {
        let price = |per_message, per_part| Price { per_message, per_part };
        let prices = [("govapp", price(0.001, 0.0)), ("sms", price(0.0, 0.045)), ("ebox", price(0.0, 0.0))];
        Self {
            http: Http::default(),
            admin: Admin::default(),
            data: Data::default(),
            journal: Journal::default(),
            lookup: Lookup::default(),
            messages: Messages::default(),
            actors: Actors::default(),
            events: Events::default(),
            webhooks: Webhooks::default(),
            admission: Admission::default(),
            service: Service::default(),
            delivery: CHANNELS.map(|name| (name.to_owned(), Delivery::default())).into(),
            channels: BTreeMap::new(),
            prices: prices.map(|(name, price)| (name.to_owned(), price)).into(),
            registry: Registry::default(),
            register: Register::default(),
            mailbox: Mailbox::default(),
            sandbox: Sandbox::default(),
            suppressions: Suppressions::default(),
            backup: Backup::default(),
            shutdown: Shutdown::default(),
            log: Log::default(),
            institution: Vec::new(),
            strategy: Vec::new(),
        }
    }
}
