//! What a run is made of: the number of kills, the seed, the addresses, how the channels misbehave.
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::Context;
use estafette_loadtest::Faults;
use estafette_loadtest::faults::ReceiptFaults;
use estafette_loadtest::simulators::{MessageIds, Settings, SmscSettings};

/// One run.
pub struct Plan {
    /// How often the broker is killed.
    pub kills: u32,
    /// The seed of all that is chosen.
    pub seed: u64,
    /// The program.
    pub program: PathBuf,
    /// Channels are quick and lose little: for many messages.
    pub is_calm: bool,
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
            is_calm: false,
        }
    }

    /// So many kills, over channels that are quick.
    pub fn calm(kills: u32) -> Self {
        Self { kills, is_calm: true, ..Self::from_environment() }
    }

    /// What goes wrong at the channels.
    fn faults(&self) -> Faults {
        if self.is_calm {
            let receipts = ReceiptFaults {
                delay_min_ms: 1,
                delay_max_ms: 100,
                double: 0.01,
                early: 0.01,
                ..ReceiptFaults::default()
            };
            return Faults { latency_max_ms: 5, loss_after: 0.0005, receipts, ..Faults::default() };
        }
        Faults {
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
        }
    }

    /// What goes wrong at an SMSC besides.
    fn smsc(&self, faults: Faults) -> SmscSettings {
        let address = Some(([127, 0, 0, 1], 0).into());
        if self.is_calm {
            return SmscSettings { address, faults, ..SmscSettings::default() };
        }
        SmscSettings {
            address,
            close_on_bind: 0.05,
            rubbish: 0.02,
            bad_length: 0.004,
            cut: 0.004,
            silent: 0.004,
            // A link that is lost takes the answers of others with it.
            faults: Faults { loss_before: 0.01, loss_after: 0.01, ..faults },
            ..SmscSettings::default()
        }
    }

    /// Channels that lose answers after they took a message, fail, slow down, drop links, talk rubbish, and send receipts
    /// late, twice, early, in disorder and for strangers; each receipt comes in the end.
    pub fn simulators(&self, ports: Ports, folder: &Path) -> [Settings; 2] {
        let undelivered = if self.is_calm { 0.0 } else { 0.05 };
        let faults = self.faults();
        let smsc = self.smsc(faults);
        let named = |name: &str| Settings {
            address: ([127, 0, 0, 1], 0).into(),
            seed: self.seed,
            ledger_dir: Some(folder.join("ledgers").join(name)),
            ..Settings::default()
        };
        let mut first = Settings { smsc: smsc.clone(), ..named("first") };
        first.callbacks.retry_max_ms = 200;
        first.govapp.faults = faults;
        first.govapp.callback_url = Some(format!("http://127.0.0.1:{}/v1/callbacks/govapp", ports.http));
        first.sms.faults = faults;
        first.sms.undelivered = undelivered;
        first.sms.report_submitted = true;
        let [receipt_text, receipt_tlvs] = [[true, false], [false, true], [true, true]][(self.seed / 2 % 3) as usize];
        let message_ids = if self.is_hexadecimal() { MessageIds::HexThenDec } else { MessageIds::DecThenHex };
        let smsc = SmscSettings { message_ids, receipt_text, receipt_tlvs, reversed: true, undelivered, ..smsc };
        [first, Settings { smsc, ..named("second") }]
    }

    /// Whether the second SMSC gives hexadecimal message ids in its answers, and decimal ones in receipts.
    pub fn is_hexadecimal(&self) -> bool {
        self.seed.is_multiple_of(2)
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
