//! The channels as the broker meets them: GovApp, and SMS over a web gateway and two SMSCs. They outlive the broker.
//!
//! Invariant: whatever a provider took is in its ledger, and whatever it has to say waits until it was taken.
use std::collections::BTreeMap;
use std::path::Path;

use estafette_loadtest::Simulators;
use estafette_loadtest::ledger::{Channel, Entry};
use serde_json::Value;

use crate::plan::{Plan, Ports};

/// The provider of SMS that is told our reference and can be called by it.
pub const WEB: &str = "web";
/// The SMSC that gets long messages in parts.
pub const PARTS: &str = "gate-a";
/// The SMSC that gets long messages whole, and whose message ids look different in receipts.
pub const WHOLE: &str = "gate-b";

/// What one provider took under one reference.
pub type Taken = Vec<(&'static str, Entry)>;

/// All of them.
pub struct Channels {
    /// GovApp, the web gateway and the first SMSC.
    pub first: Simulators,
    /// The second SMSC.
    pub second: Simulators,
}

impl Channels {
    /// Starts them.
    pub async fn start(plan: &Plan, ports: Ports, folder: &Path) -> anyhow::Result<Self> {
        let [first, second] = plan.simulators(ports, folder);
        Ok(Self { first: Simulators::start(first).await?, second: Simulators::start(second).await? })
    }

    /// What a channel took, by reference, from all its providers.
    pub fn ledger(&self, channel: &'static str) -> BTreeMap<String, Taken> {
        let providers: &[(&'static str, &Simulators, Channel)] = match channel {
            "govapp" => &[("govapp", &self.first, Channel::Govapp)],
            _ => &[
                (WEB, &self.first, Channel::Sms),
                (PARTS, &self.first, Channel::Smsc),
                (WHOLE, &self.second, Channel::Smsc),
            ],
        };
        let mut ledger: BTreeMap<String, Taken> = BTreeMap::new();
        for (name, simulators, channel) in providers {
            let mut after = 0;
            loop {
                let page = simulators.ledger(*channel, None, after, 10_000);
                if page.entries.is_empty() {
                    break;
                }
                after = page.next;
                for entry in page.entries {
                    ledger.entry(entry.reference.clone()).or_default().push((name, entry));
                }
            }
        }
        ledger
    }

    /// How many receipts wait to be called, how many wait to be brought over links, and how many the broker refused.
    pub async fn unsaid(&self) -> anyhow::Result<[u64; 3]> {
        let url = format!("http://{}/stats", self.first.address());
        let told: Value = reqwest::get(&url).await?.json().await?;
        let number = |name: &str| told["callbacks"][name].as_u64().unwrap_or(u64::MAX);
        let to_bring = self.first.to_bring() + self.second.to_bring();
        Ok([number("waiting"), to_bring as u64, number("rejected")])
    }
}
