//! The institutions, the log, and the end.
use serde::{Deserialize, Serialize};

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

/// `[log]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    pub level: String,
    pub format: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), format: "text".into() }
    }
}

/// `[shutdown]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shutdown {
    pub drain_seconds: u64,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { drain_seconds: 10 }
    }
}
