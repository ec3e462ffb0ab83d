//! What strategies demand of the register: that the sender has the recipient there, in a role, today.
//!
//! It is looked at whenever a step is about to be taken, not at acceptance only: a row that ended since ends the message too. What a
//! strategy demands is the configuration's of the moment.
use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::day;
use crate::domain::dossier::Code;
use crate::domain::niss::Niss;
use crate::domain::submission::Institution;
use crate::domain::time::Timestamp;
use crate::ports::register::Dossiers;

/// The register, and which roles are demanded by which strategy.
#[derive(Clone)]
pub struct Demands {
    dossiers: Arc<dyn Dossiers>,
    by_strategy: HashMap<Box<str>, Vec<Code>>,
}

impl Demands {
    /// Of the strategies that demand something.
    pub fn new(dossiers: Arc<dyn Dossiers>, by_strategy: HashMap<Box<str>, Vec<Code>>) -> Self {
        Self { dossiers, by_strategy }
    }

    /// Whether nothing is demanded, or the sender has the person in its register, in one of the roles, on the day that it is in
    /// Brussels. A recipient without a NISS is in no register, and neither is anybody while it can't be read.
    pub fn are_met(&self, sender: Institution, strategy: &str, niss: Option<Niss>, now: Timestamp) -> bool {
        let Some(types) = self.by_strategy.get(strategy) else { return true };
        let Some(niss) = niss else { return false };
        self.dossiers.holds(sender, niss, types, day::of(now)).unwrap_or_else(|trouble| {
            tracing::error!(%trouble, "whether a recipient is in a register can't be told, and nothing is sent");
            false
        })
    }
}
