//! What lies on disk.
use serde::{Deserialize, Serialize};

/// `[data]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    pub folder: String,
}

impl Default for Data {
    fn default() -> Self {
        Self { folder: "data".into() }
    }
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

/// `[lookup]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lookup {
    pub days: u64,
    pub idempotency_hours: u64,
}

impl Default for Lookup {
    fn default() -> Self {
        Self { days: 90, idempotency_hours: 24 }
    }
}

/// `[suppressions]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Suppressions {
    pub entries: u64,
}

impl Default for Suppressions {
    fn default() -> Self {
        Self { entries: 1_000_000 }
    }
}

/// `[backup]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Backup {
    pub folder: String,
}

impl Default for Backup {
    fn default() -> Self {
        Self { folder: "backups".into() }
    }
}
