//! The simulators over real sockets: each test starts its own on port 0, with a broker of its own that receives the receipts.
//!
//! Nothing here sleeps for luck: a test waits for what must come, with a limit.

mod broker;
mod control;
mod ebox;
mod faults;
mod govapp;
mod ringring;

use estafette_loadtest::ledger::Page;
use estafette_loadtest::{Settings, Simulators};
use serde_json::Value;

/// Simulators with a client for them.
pub(crate) struct Running {
    pub(crate) simulators: Simulators,
    pub(crate) client: reqwest::Client,
}

/// Settings on port 0 with receipts as soon as possible.
pub(crate) fn quick() -> Settings {
    let mut settings = Settings { address: ([127, 0, 0, 1], 0).into(), ..Settings::default() };
    for faults in [&mut settings.govapp.faults, &mut settings.sms.faults, &mut settings.ebox.faults] {
        (faults.receipts.delay_min_ms, faults.receipts.delay_max_ms) = (0, 0);
    }
    settings
}

impl Running {
    pub(crate) async fn start(settings: Settings) -> Self {
        let simulators = Simulators::start(settings).await.expect("starts on a free port");
        Self { simulators, client: reqwest::Client::builder().no_proxy().build().expect("a provider is installed") }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.simulators.address())
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.client.get(self.url(path)).send().await.expect("answered").json().await.expect("JSON")
    }

    pub(crate) async fn ledger(&self, channel: &str, reference: &str) -> Page {
        let page = self.get(&format!("/ledger/{channel}?reference={reference}")).await;
        serde_json::from_value(page).expect("a page of the ledger")
    }
}
