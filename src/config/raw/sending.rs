//! What may be sent, how much at once, and how each channel is fed.
use std::collections::BTreeMap;

use estafette_actors::domain::backoff::Backoff;
use figment::value::Dict;
use serde::{Deserialize, Serialize};

/// `[messages]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Messages {
    pub wait_seconds: u64,
    pub wait_max_seconds: u64,
    pub validity_hours: u64,
    pub validity_max_hours: u64,
}

impl Default for Messages {
    fn default() -> Self {
        Self { wait_seconds: 10, wait_max_seconds: 30, validity_hours: 24, validity_max_hours: 720 }
    }
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

impl Default for Actors {
    fn default() -> Self {
        Self { mailbox: 65_536, restarts: 5, restarts_within_seconds: 60, restart_pause_ms: 20 }
    }
}

/// `[admission]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admission {
    pub submissions: u64,
    pub chunks: u64,
    pub receipts: u64,
}

impl Default for Admission {
    fn default() -> Self {
        Self { submissions: 16_384, chunks: 16, receipts: 1_024 }
    }
}

/// `[service]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Service {
    pub urgent_within_ms: u64,
}

impl Default for Service {
    fn default() -> Self {
        Self { urgent_within_ms: 1_000 }
    }
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

impl Default for Registry {
    fn default() -> Self {
        Self { file: String::new(), unreachable_seconds: 300 }
    }
}

/// `[sandbox]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sandbox {
    pub simulated: bool,
    pub channels: BTreeMap<String, Dict>,
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
