//! What a run is made of: the number of kills, the seed, the addresses, how the channels misbehave.
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::Context;
use estafette_loadtest::Faults;
use estafette_loadtest::faults::ReceiptFaults;
use estafette_loadtest::simulators::Settings;

/// One run.
pub struct Plan {
    /// How often the broker is killed.
    pub kills: u32,
    /// The seed of all that is chosen.
    pub seed: u64,
    /// The program.
    pub program: PathBuf,
}

/// The broker's ports: the same after each restart, since the channels call back.
#[derive(Clone, Copy)]
pub struct Ports {
    /// The API.
    pub http: u16,
    /// The admin port.
    pub admin: u16,
}

impl Plan {
    /// Of the variables that `main.rs` names.
    pub fn from_environment() -> Self {
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        Self {
            kills: number("ESTAFETTE_CRASH_KILLS").map_or(8, |kills| kills as u32),
            seed: number("ESTAFETTE_CRASH_SEED").unwrap_or_else(rand::random),
            program: std::env::var_os("ESTAFETTE_CRASH_PROGRAM")
                .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_estafette")), PathBuf::from),
        }
    }

    /// Channels that lose answers after they took a message, fail, slow down, and send receipts
    /// late, twice, early, in disorder and for strangers; each receipt comes in the end.
    pub fn simulators(&self, ports: Ports, folder: &Path) -> Settings {
        let faults = Faults {
            latency_max_ms: 60,
            loss_before: 0.02,
            loss_after: 0.04,
            server_error: 0.04,
            // Each costs the channel a second.
            throttle: 0.004,
            receipts: ReceiptFaults {
                delay_min_ms: 5,
                delay_max_ms: 400,
                late: 0.05,
                late_seconds: 4,
                double: 0.1,
                early: 0.1,
                stranger: 0.05,
                reordered: 0.1,
                ..ReceiptFaults::default()
            },
            ..Faults::default()
        };
        let mut settings = Settings {
            address: ([127, 0, 0, 1], 0).into(),
            seed: self.seed,
            ledger_dir: Some(folder.join("ledgers")),
            ..Settings::default()
        };
        settings.callbacks.retry_max_ms = 200;
        settings.govapp.faults = faults;
        settings.govapp.callback_url = Some(format!("http://127.0.0.1:{}/v1/callbacks/govapp", ports.http));
        settings.sms.faults = faults;
        settings.sms.undelivered = 0.05;
        settings.sms.report_submitted = true;
        settings
    }
}

impl Ports {
    /// Below the range that the system gives to outgoing connections: a restart must find them free.
    pub fn free() -> anyhow::Result<Self> {
        let mut found = (0..200)
            .map(|_| rand::random_range(20_000..32_000_u16))
            .filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
        let mut next = || found.next().context("no free port between 20000 and 32000");
        let (http, mut admin) = (next()?, next()?);
        if admin == http {
            admin = next()?;
        }
        Ok(Self { http, admin })
    }
}
