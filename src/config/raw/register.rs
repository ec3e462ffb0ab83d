//! The register, and the authentic source of persons.
use serde::{Deserialize, Serialize};

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
