//! From a checked configuration to what an application is made of.
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::Arc;

use estafette_actors::announcer;
use estafette_actors::broker::Admission;
use estafette_actors::delivery::{self, Limits};
use estafette_actors::domain::event::Tests;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::{SystemClock, Transport};

use super::{Blueprint, Faces, hearing};
use crate::config::{Config, Mistake};
use crate::store::register;
use crate::{announce, api, channels, config, store};

/// A blueprint and its faces.
pub struct Configured {
    /// What is behind the faces.
    pub blueprint: Blueprint,
    /// The faces.
    pub faces: Faces,
}

impl Configured {
    /// Reads a configuration, and makes what it says. All mistakes are told at once, those of the channels beside
    /// those of the file.
    pub fn load(source: &config::Source) -> Result<(Config, Self), config::Error> {
        let (config, mut mistakes) = source.survey()?;
        match Self::of(&config) {
            Ok(configured) if mistakes.is_empty() => return Ok((config, configured)),
            Ok(_) => {}
            Err(channels) => {
                let new = |one: &Mistake| mistakes.iter().all(|known| known.key != one.key);
                let new: Vec<Mistake> = channels.into_iter().filter(new).collect();
                mistakes.extend(new);
            }
        }
        Err(config::Error::Mistakes(mistakes))
    }

    /// Of a configuration; the channels' own mistakes all at once.
    pub fn of(config: &Config) -> Result<Self, Vec<Mistake>> {
        let live = transports("channels", &config.channel_tables());
        let simulated = transports("sandbox.channels", &config.sandbox_tables());
        let (live, simulated) = match (live, simulated) {
            (Ok(live), Ok(simulated)) => (live, simulated),
            (live, simulated) => return Err(live.err().into_iter().chain(simulated.err()).flatten().collect()),
        };
        let misplaced = misplaced(config);
        if !misplaced.is_empty() {
            return Err(misplaced);
        }
        let rehearsal = !simulated.is_empty();
        let transports = if config.simulated {
            live
        } else {
            channels::guard(live, simulated).map_err(|wrong| located("sandbox.channels", &wrong))?
        };
        let mut store = store::Settings::new(&config.data_folder);
        store.segment_bytes = config.journal.segment_bytes;
        store.segment_age = config.journal.segment_age;
        store.trigger = config.journal.trigger;
        store.cache_bytes = config.journal.cache_bytes;
        store.flush_after = config.journal.flush_after;
        store.derived_sync = config.journal.derived_sync;
        store.keep_free = config.journal.keep_free;
        store.park_for = config.journal.parked;
        store.max_parked = config.journal.parked_receipts;
        store.max_dirty = config.journal.unwritten_states;
        store.max_backlog = config.journal.waiting_batches;
        store.retention = config.lookup.kept;
        store.idempotency_retention = config.lookup.idempotency;
        store.events_kept = config.events.kept;
        store.keep.content = config.journal.retention;
        store.keep.content_of = config.institutions.iter().map(|known| (known.id, known.retention)).collect();
        store.keep.receipts = config.journal.receipts;
        let register = config.register.map(|given| {
            let mut register = register::Settings::new(&config.data_folder);
            register.engine.cache_bytes = given.cache_bytes;
            register.engine.flush_after = given.flush_after;
            register.engine.most_unwritten = given.unwritten_bytes;
            register.engine.waiting = given.waiting_changes;
            register.engine.keep_free = config.journal.keep_free;
            register.audit_within = given.audit_within;
            register.audit_waiting = given.audit_waiting;
            register.audit_kept = given.audit_kept;
            register.mutations.file_mutations = given.file_mutations;
            register.mutations.kept = given.mutations_kept;
            register
        });
        let ebox = config.mailbox.clone().map(|given| {
            let mut store = store::mailbox::Settings::new(&config.data_folder);
            store.engine.cache_bytes = given.cache_bytes;
            store.engine.most_unwritten = given.unwritten_bytes;
            store.engine.waiting = given.waiting_changes;
            store.engine.keep_free = config.journal.keep_free;
            super::mailbox::Plan {
                store,
                contents: given.contents,
                scanner: given.scanner,
                evidence_key: given.evidence_key,
                evidence_earlier: given.evidence_earlier,
                registry: given.registry,
                pages: given.pages,
                providers: given.providers,
                notices: given.notices,
            }
        });
        let deliveries = config.delivery.iter().map(|(channel, given)| {
            let limits = Limits {
                rate: given.rate,
                institution_rate: given.institution_rate,
                recipient: given.recipient,
                breaker_failures: given.breaker_failures,
                breaker_pause: given.breaker_pause,
            };
            let settings = delivery::Settings {
                window: given.window,
                page: given.page,
                attempt_timeout: given.attempt_timeout,
                confirm_within: given.confirm_within,
                polling: given.polling,
                limits,
            };
            (*channel, settings)
        });
        let admission = Admission {
            submissions: config.admission.submissions,
            chunks: config.admission.chunks,
            receipts: config.admission.receipts,
        };
        let blueprint = Blueprint {
            store,
            deliveries: deliveries.collect(),
            backoff: config.delivery.iter().map(|(channel, given)| (*channel, given.retry)).collect::<HashMap<_, _>>(),
            prices: config.prices.clone(),
            transports,
            numbers: numbers(config),
            admission,
            urgent_within: config.urgent_within,
            budget: config.actors.budget,
            mailbox: config.actors.mailbox,
            believed: config.believed,
            known_recipients: config.registry_file.clone(),
            suppressions: config.suppressions,
            register,
            ebox,
            demands: config.demands.clone(),
            persons: config.persons.clone(),
            announcer: announcer::Settings {
                each: config.webhooks.each,
                concurrency: config.webhooks.concurrency,
                overlap: config.webhooks.overlap,
                patience: config.webhooks.patience,
                tests: if config.simulated { Tests::With } else { Tests::Without },
            },
            announce: announce::Settings {
                connect: config.webhooks.connect,
                whole: config.webhooks.whole,
                idle: config.webhooks.concurrency,
                reach: announce::Reach { listed: config.webhooks.allowed.clone().into() },
            },
            clock: Arc::new(SystemClock),
        };
        let institutions = config.institutions.iter().map(|known| api::InstitutionProfile {
            institution: known.id,
            name: known.name.as_str().into(),
            default_language: known.default_language,
            sender_name: known.sender_name.as_deref().map(Into::into),
            sender_names: known.sender_names.iter().map(|name| name.as_str().into()).collect(),
            strategies: (!known.strategies.is_empty())
                .then(|| known.strategies.iter().map(|name| name.as_str().into()).collect()),
            retention_days: (known.retention.as_secs() / 86_400) as u16,
            legal_context: known.legal_context.as_deref().map(Into::into),
            operator: known.operator,
        });
        let rates =
            config.delivery.iter().filter_map(|(channel, given)| Some((*channel, given.rate.map(NonZeroU32::get)?)));
        let http = api::Settings {
            body_bytes: config.http.body_bytes,
            upload_bytes: config.http.stream_bytes,
            max_connections: config.http.connections,
            spool: config.data_folder.join("spool"),
            body_timeout: config.http.request_timeout,
            requests: api::Requests {
                per_second: config.http.requests,
                burst: config.http.requests_burst,
                of: config.institutions.iter().filter_map(|known| Some((known.id, known.requests?))).collect(),
            },
            head_timeout: config.http.head_timeout,
            keep_alive: config.http.keep_alive,
            callback_bytes: config.http.callback_bytes,
            envelope_bytes: config.http.envelope_bytes,
            uploads: config.http.uploads,
            reported_rows: config.http.reported_rows,
            wait_default: config.messages.wait,
            wait_max: config.messages.wait_max,
            validity_default: config.messages.validity,
            validity_max: config.messages.validity_max,
            sandbox: config.simulated,
            rehearsal,
            events_kept: config.events.kept,
            event_streams: config.events.streams,
            event_streams_each: config.events.institution_streams,
            event_heartbeat: config.events.heartbeat,
            event_reader_timeout: config.events.reader_timeout,
        };
        let faces = Faces {
            http,
            workers: config.http.workers,
            admin: config.admin.clone(),
            institutions: institutions.collect(),
            strategies: config.strategies.iter().cloned().map(Arc::new).collect(),
            prices: config.prices.clone(),
            rates: rates.collect(),
            drain: config.drain,
            backups: Some(config.backup_folder.clone()),
            source: None,
        };
        Ok(Self { blueprint, faces })
    }
}

/// Names and numbers that one institution has for itself as a sender: what is written to them is for it.
fn numbers(config: &Config) -> HashMap<Box<str>, Institution> {
    let mut owners: HashMap<Box<str>, Option<Institution>> = HashMap::new();
    for known in &config.institutions {
        for name in known.sender_name.iter().chain(&known.sender_names) {
            let owner = owners.entry(hearing::plain(name).into()).or_insert(Some(known.id));
            if *owner != Some(known.id) {
                *owner = None;
            }
        }
    }
    owners.into_iter().filter_map(|(name, owner)| Some((name, owner?))).collect()
}

/// Channels that publish into the own e-Box where there is none, or where citizens' mailboxes are no place for them.
fn misplaced(config: &Config) -> Vec<Mistake> {
    let is_own = |tables: serde_json::Value| tables_of(&tables).get("ebox").is_some_and(channels::ebox::is_own);
    let mut mistakes = Vec::new();
    if is_own(config.channel_tables()) && config.mailbox.is_none() {
        let what = "\"own\" is this program's e-Box, which is switched off: give mailbox.enabled = true, or \"remote\"";
        mistakes.push(Mistake { key: "channels.ebox.place".to_owned(), what: what.to_owned() });
    }
    if is_own(config.sandbox_tables()) {
        let what = "a simulated channel does not publish into the mailboxes of citizens: give the simulator's address";
        mistakes.push(Mistake { key: "sandbox.channels.ebox.place".to_owned(), what: what.to_owned() });
    }
    mistakes
}

fn tables_of(tables: &serde_json::Value) -> BTreeMap<String, channels::Table> {
    let tables = tables.as_object().into_iter().flatten();
    tables.map(|(name, table)| (name.clone(), channels::Table::of(table.clone()))).collect()
}

fn transports(table: &str, tables: &serde_json::Value) -> Result<Vec<Arc<dyn Transport>>, Vec<Mistake>> {
    channels::build(&channels::Settings(tables_of(tables))).map_err(|wrong| located(table, &wrong))
}

/// As mistakes of the configuration: under the table where the channels stand.
fn located(table: &str, wrong: &[channels::Error]) -> Vec<Mistake> {
    let mistake = |error: &channels::Error| {
        let (key, what) = error.located();
        Mistake { key: format!("{table}.{key}"), what }
    };
    wrong.iter().map(mistake).collect()
}
