//! The configuration as it is written: every key with its unit in its name, and its default.
//!
//! Invariant: every key has a default here, so that an empty file is a whole configuration. What
//! a value may be is checked in [`super::check`]; nothing here may be used behind this module.
use std::collections::BTreeMap;

use estafette_actors::domain::backoff::Backoff;
use figment::value::Dict;
use serde::{Deserialize, Serialize};

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

/// `[http]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    pub address: String,
    pub workers: u64,
    pub body_bytes: u64,
    pub stream_bytes: u64,
    pub connections: u64,
    pub request_timeout_seconds: u64,
    pub requests_per_second: u64,
    pub requests_burst: u64,
    pub head_timeout_seconds: u64,
    pub keep_alive_seconds: u64,
    pub callback_bytes: u64,
    pub envelope_bytes: u64,
    pub uploads: u64,
    pub reported_rows: u64,
}

/// `[admin]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    pub address: String,
    pub password: String,
    pub viewer_password: String,
    pub connections: u64,
    pub idle_seconds: u64,
    pub half_frame_seconds: u64,
    pub write_timeout_seconds: u64,
}

/// `[data]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    pub folder: String,
}

/// `[journal]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Journal {
    pub trigger_ms: u64,
    pub segment_bytes: u64,
    pub segment_age_hours: u64,
    pub cache_mib: u64,
    pub flush_after_ms: u64,
    pub derived_sync_ms: u64,
    pub keep_free_mib: u64,
    pub retention_days: u64,
    pub receipts_days: u64,
    pub parked_days: u64,
    pub parked_receipts: u64,
    pub unwritten_states: u64,
    pub waiting_batches: u64,
}

/// `[lookup]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lookup {
    pub days: u64,
    pub idempotency_hours: u64,
}

/// `[messages]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Messages {
    pub wait_seconds: u64,
    pub wait_max_seconds: u64,
    pub validity_hours: u64,
    pub validity_max_hours: u64,
}

/// `[actors]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Actors {
    pub mailbox: u64,
    pub restarts: u64,
    pub restarts_within_seconds: u64,
    pub restart_pause_ms: u64,
}

/// `[events]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Events {
    pub kept_days: u64,
    pub streams: u64,
    pub institution_streams: u64,
    pub heartbeat_seconds: u64,
    pub reader_timeout_seconds: u64,
}

/// `[webhooks]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    pub each_institution: u64,
    pub concurrency: u64,
    pub connect_seconds: u64,
    pub call_seconds: u64,
    pub retry_first_seconds: u64,
    pub retry_factor: f64,
    pub retry_max_seconds: u64,
    pub retry_jitter: f64,
    pub give_up_hours: u64,
    pub secret_overlap_hours: u64,
    pub allowed_networks: Vec<String>,
}

/// `[admission]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admission {
    pub submissions: u64,
    pub chunks: u64,
    pub receipts: u64,
}

/// `[service]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Service {
    pub urgent_within_ms: u64,
}

/// `[delivery.<channel>]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Delivery {
    pub window: u64,
    pub page: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_per_second: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub institution_rate_per_second: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient_parts: Option<u64>,
    pub recipient_seconds: u64,
    pub recipients_remembered: u64,
    pub breaker_failures: u64,
    pub breaker_pause_ms: u64,
    pub attempt_timeout_seconds: u64,
    pub confirm_within_ms: u64,
    pub poll_seconds: u64,
    pub poll_overlap_seconds: u64,
    pub retry: Retry,
}

/// `[delivery.<channel>.retry]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    pub first_ms: u64,
    pub factor: f64,
    pub max_ms: u64,
    pub jitter: f64,
    pub attempts: u64,
}

/// `[prices.<channel>]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Price {
    pub per_message: f64,
    pub per_part: f64,
}

/// `[registry]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Registry {
    pub file: String,
    pub unreachable_seconds: u64,
}

/// `[register]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Register {
    pub enabled: bool,
    pub cache_mib: u64,
    pub flush_after_ms: u64,
    pub unwritten_mib: u64,
    pub waiting_changes: u64,
    pub audit_within_ms: u64,
    pub audit_waiting: u64,
    pub audit_days: u64,
    pub mutations_per_file: u64,
    pub mutations_kept_days: u64,
    pub persons: Persons,
}

/// `[register.persons]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Persons {
    pub source: String,
    pub base_url: String,
    pub token: String,
    pub timeout_ms: u64,
}

impl Default for Persons {
    fn default() -> Self {
        Self { source: "embedded".into(), base_url: String::new(), token: String::new(), timeout_ms: 2_000 }
    }
}

/// `[sandbox]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sandbox {
    pub simulated: bool,
    pub channels: BTreeMap<String, Dict>,
}

/// `[suppressions]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Suppressions {
    pub entries: u64,
}

/// `[backup]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Backup {
    pub folder: String,
}

/// `[shutdown]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shutdown {
    pub drain_seconds: u64,
}

/// `[log]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    pub level: String,
    pub format: String,
}

/// `[[institution]]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Institution {
    pub cbe: String,
    pub name: String,
    pub default_language: String,
    pub sender_name: String,
    pub sender_names: Vec<String>,
    pub strategies: Vec<String>,
    pub retention_days: u64,
    pub requests_per_second: u64,
    pub legal_context: String,
    pub operator: bool,
}

/// `[[strategy]]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Strategy {
    pub name: String,
    pub on_unknown: String,
    pub order: String,
    pub require_dossier: Vec<String>,
    pub step: Vec<Step>,
}

/// `[[strategy.step]]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Step {
    pub channel: String,
    pub track: u64,
    pub condition: String,
    pub success: String,
    pub horizon: String,
    pub otherwise: String,
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

impl Default for Http {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:8080".into(),
            workers: 1,
            body_bytes: 256 * 1024,
            stream_bytes: 4 * 1024 * 1024 * 1024,
            connections: 1_024,
            request_timeout_seconds: 35,
            requests_per_second: 0,
            requests_burst: 0,
            head_timeout_seconds: 5,
            keep_alive_seconds: 75,
            callback_bytes: 256 * 1024,
            envelope_bytes: 256 * 1024,
            uploads: 4,
            reported_rows: 1_000,
        }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:7070".into(),
            password: String::new(),
            viewer_password: String::new(),
            connections: 64,
            idle_seconds: 300,
            half_frame_seconds: 10,
            write_timeout_seconds: 10,
        }
    }
}

impl Default for Data {
    fn default() -> Self {
        Self { folder: "data".into() }
    }
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            trigger_ms: 0,
            segment_bytes: 512 * 1024 * 1024,
            segment_age_hours: 24,
            cache_mib: 64,
            flush_after_ms: 1_000,
            derived_sync_ms: 10_000,
            keep_free_mib: 256,
            retention_days: 7,
            receipts_days: 400,
            parked_days: 3,
            parked_receipts: 100_000,
            unwritten_states: 131_072,
            waiting_batches: 4_096,
        }
    }
}

impl Default for Register {
    fn default() -> Self {
        Self {
            enabled: true,
            cache_mib: 64,
            flush_after_ms: 1_000,
            unwritten_mib: 64,
            waiting_changes: 4_096,
            audit_within_ms: 100,
            audit_waiting: 65_536,
            audit_days: 3_653,
            mutations_per_file: 50_000,
            mutations_kept_days: 400,
            persons: Persons::default(),
        }
    }
}

impl Default for Lookup {
    fn default() -> Self {
        Self { days: 90, idempotency_hours: 24 }
    }
}

impl Default for Messages {
    fn default() -> Self {
        Self { wait_seconds: 10, wait_max_seconds: 30, validity_hours: 24, validity_max_hours: 720 }
    }
}

impl Default for Actors {
    fn default() -> Self {
        Self { mailbox: 65_536, restarts: 5, restarts_within_seconds: 60, restart_pause_ms: 20 }
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self { file: String::new(), unreachable_seconds: 300 }
    }
}

impl Default for Events {
    fn default() -> Self {
        Self { kept_days: 30, streams: 256, institution_streams: 8, heartbeat_seconds: 15, reader_timeout_seconds: 30 }
    }
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            each_institution: 5,
            concurrency: 32,
            connect_seconds: 5,
            call_seconds: 15,
            retry_first_seconds: 5,
            retry_factor: 3.0,
            retry_max_seconds: 21_600,
            retry_jitter: 0.3,
            give_up_hours: 72,
            secret_overlap_hours: 24,
            allowed_networks: Vec::new(),
        }
    }
}

impl Default for Admission {
    fn default() -> Self {
        Self { submissions: 16_384, chunks: 16, receipts: 1_024 }
    }
}

impl Default for Service {
    fn default() -> Self {
        Self { urgent_within_ms: 1_000 }
    }
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            window: 256,
            page: 256,
            rate_per_second: None,
            institution_rate_per_second: None,
            recipient_parts: None,
            recipient_seconds: 3_600,
            recipients_remembered: 1_000_000,
            breaker_failures: 10,
            breaker_pause_ms: 500,
            attempt_timeout_seconds: 20,
            confirm_within_ms: 5_000,
            poll_seconds: 30,
            poll_overlap_seconds: 60,
            retry: Retry::default(),
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        let backoff = Backoff::default();
        Self {
            first_ms: backoff.first.as_millis() as u64,
            factor: backoff.factor,
            max_ms: backoff.max.as_millis() as u64,
            jitter: backoff.jitter,
            attempts: backoff.attempts.into(),
        }
    }
}

impl Default for Suppressions {
    fn default() -> Self {
        Self { entries: 1_000_000 }
    }
}

impl Default for Backup {
    fn default() -> Self {
        Self { folder: "backups".into() }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { drain_seconds: 10 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), format: "text".into() }
    }
}

impl Default for Institution {
    fn default() -> Self {
        Self {
            cbe: String::new(),
            name: String::new(),
            default_language: "fr".into(),
            sender_name: String::new(),
            sender_names: Vec::new(),
            strategies: Vec::new(),
            retention_days: 7,
            requests_per_second: 0,
            legal_context: String::new(),
            operator: false,
        }
    }
}

impl Default for Strategy {
    fn default() -> Self {
        Self {
            name: String::new(),
            on_unknown: "fail".into(),
            order: "given".into(),
            require_dossier: Vec::new(),
            step: Vec::new(),
        }
    }
}

impl Default for Step {
    fn default() -> Self {
        Self {
            channel: String::new(),
            track: 0,
            condition: "reachable".into(),
            success: "delivered".into(),
            horizon: "24h".into(),
            otherwise: "next".into(),
        }
    }
}
