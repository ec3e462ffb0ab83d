//! Where the program is reached, and how it tells what happened.
use serde::{Deserialize, Serialize};

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

impl Default for Events {
    fn default() -> Self {
        Self { kept_days: 30, streams: 256, institution_streams: 8, heartbeat_seconds: 15, reader_timeout_seconds: 30 }
    }
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
