//! Sets the stage of the demo: simulators, broker, faces and a key, each over its own socket.
use std::path::Path;

use anyhow::Context;
use estafette_actors::broker::Broker;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::id::MessageId;
use estafette_loadtest::{Settings, Simulators};
use serde_json::json;

use crate::app::{self, Blueprint};
use crate::channels::{self, Table};

/// The institution that sends in the demo.
const INSTITUTION: &str = "0403019261";
/// Shared with the simulators, which are nobody's real system.
const CALLBACK_SECRET: &str = "sandbox-callback-secret";

/// Everything that runs in the demo.
pub struct Stage {
    /// Address of the API.
    pub api: String,
    /// Address of the admin port.
    pub admin: String,
    /// Address of the ledgers.
    pub ledgers: String,
    /// A sender's bearer key.
    pub key: String,
    /// For the ledgers.
    pub http: reqwest::Client,
    running: app::Running,
    simulators: Simulators,
}
