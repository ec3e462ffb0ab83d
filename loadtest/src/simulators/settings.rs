//! The settings of the simulators, as they come from code or from TOML.
//!
//! Invariant: the defaults make simulators that work and never fail. Secrets here are for made-up systems; a real one must not be put here.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::openid::OpenIdSettings;
use crate::Faults;

/// All settings; each has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Another seed gives another run; the same one repeats it.
    pub seed: u64,
    /// Entries each ledger holds; the oldest go first. An entry takes about 150 bytes.
    pub ledger_entries: usize,
    /// A folder in which the ledgers are kept across restarts; none keeps them in memory only.
    pub ledger_dir: Option<PathBuf>,
    /// How receipts are sent.
    pub callbacks: CallbackSettings,
    /// The GovApp platform.
    pub govapp: GovAppSettings,
    /// The RingRing gateway.
    pub sms: SmsSettings,
    /// The SMSC.
    pub smsc: SmscSettings,
    /// The e-Box provider.
    pub ebox: EboxSettings,
    /// The provider of the sign-in.
    pub openid: OpenIdSettings,
}

/// How receipts are sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallbackSettings {
    /// Receipts that may wait; above it the simulators take no message that asks for one (503), so that none is lost.
    pub waiting: usize,
    /// Posts at once, for each origin that is called.
    pub concurrency: usize,
    /// GovApp events in one post.
    pub batch: usize,
    /// How long a post may take, in milliseconds.
    pub timeout_ms: u64,
    /// First pause after a failed post, in milliseconds; it doubles.
    pub retry_min_ms: u64,
    /// Longest pause after failed posts, in milliseconds.
    pub retry_max_ms: u64,
}

/// The GovApp platform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GovAppSettings {
    /// The bearer token that is accepted; none accepts any.
    pub token: Option<String>,
    /// Share of people with the app, from 0 to 1.
    pub reachable: f64,
    /// Receivers (devices) of each of them.
    pub devices: u8,
    /// The public key of every receiver, as a padded base64url modulus of 2048 bits; none for one that nobody can open.
    pub public_key: Option<String>,
    /// Where events are posted; none posts nothing. `PUT /govapp/callback` changes it.
    pub callback_url: Option<String>,
    /// Sent with each event in `X-Callback-Secret`.
    pub callback_secret: String,
    /// Share of received notifications that are opened.
    pub opened: f64,
    /// Share of opened notifications that are acted upon.
    pub acted: f64,
    /// From received to opened, and from opened to acted upon, in milliseconds.
    pub reaction_ms: u32,
    /// What goes wrong.
    pub faults: Faults,
}

/// The RingRing gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmsSettings {
    /// The ApiKey that is accepted; none accepts any.
    pub api_key: Option<String>,
    /// Share of messages that are reported as not delivered.
    pub undelivered: f64,
    /// Whether a report says first that the message was handed to the operator.
    pub report_submitted: bool,
    /// What goes wrong.
    pub faults: Faults,
}

/// The SMSC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmscSettings {
    /// Where to listen; none for not at all.
    pub address: Option<SocketAddr>,
    /// Who may bind; none lets anybody.
    pub system_id: Option<String>,
    /// The password that is accepted; none accepts any.
    pub password: Option<String>,
    /// How message ids are written in answers and in receipts.
    pub message_ids: MessageIds,
    /// What data_coding 0 means, in both directions.
    pub alphabet: Alphabet,
    /// Texts that are kept as handsets showed them, the latest; 0 keeps none.
    pub handsets: usize,
    /// Whether receipts have optional parameters besides their text.
    pub receipt_tlvs: bool,
    /// Whether receipts have a text besides their optional parameters.
    pub receipt_text: bool,
    /// deliver_sm without an answer on each link at most.
    pub window: usize,
    /// The tag of the optional parameter in which senders give their reference.
    pub reference_tlv: u16,
    /// Share of messages that are reported as not delivered.
    pub undelivered: f64,
    /// Probability that a bind is closed as soon as it was asked for.
    pub close_on_bind: f64,
    /// Probability that a bind has no answer, and its connection stays.
    pub silent_bind: f64,
    /// Probability that an enquire_link has no answer.
    pub silent_enquiry: f64,
    /// Probability that a PDU that makes no sense goes before an answer, or that the answer has a malformed parameter.
    pub rubbish: f64,
    /// Probability that a length that can't be believed follows an answer, and the link is closed.
    pub bad_length: f64,
    /// Probability that an answer is cut in its middle, and the link closed.
    pub cut: f64,
    /// Probability that there is no answer at all.
    pub silent: f64,
    /// Whether what came together is answered in the opposite order.
    pub reversed: bool,
    /// What goes wrong.
    pub faults: Faults,
}

/// An SMSC's default alphabet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alphabet {
    /// GSM 03.38, a septet in each octet.
    #[default]
    Gsm7,
    /// GSM 03.38, eight septets in seven octets.
    Gsm7Packed,
    /// ISO 8859-1.
    Latin1,
}

/// How an SMSC writes message ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageIds {
    /// A text with leading zeros, the same everywhere.
    #[default]
    Text,
    /// Hexadecimal in the answer, decimal in the receipt.
    HexThenDec,
    /// Decimal in the answer, hexadecimal in the receipt.
    DecThenHex,
}

/// The e-Box provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EboxSettings {
    /// OAuth 2.0 client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// How long an access token is valid, in seconds.
    pub token_seconds: u32,
    /// Share of mailboxes that are active, from 0 to 1.
    pub active: f64,
    /// Share of messages in active mailboxes that are read.
    pub read: f64,
    /// How long it takes until they are, in milliseconds, after the delay of a receipt.
    pub reaction_ms: u32,
    /// What goes wrong.
    pub faults: Faults,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 9090)),
            seed: 1,
            ledger_entries: 2_000_000,
            ledger_dir: None,
            callbacks: CallbackSettings::default(),
            govapp: GovAppSettings::default(),
            sms: SmsSettings::default(),
            smsc: SmscSettings::default(),
            ebox: EboxSettings::default(),
            openid: OpenIdSettings::default(),
        }
    }
}

impl Default for CallbackSettings {
    fn default() -> Self {
        Self {
            waiting: 200_000,
            concurrency: 16,
            batch: 64,
            timeout_ms: 10_000,
            retry_min_ms: 100,
            retry_max_ms: 2_000,
        }
    }
}

impl Default for GovAppSettings {
    fn default() -> Self {
        Self {
            token: Some("sandbox-govapp-token".into()),
            reachable: 0.6,
            devices: 1,
            public_key: None,
            callback_url: None,
            callback_secret: "sandbox-callback-secret".into(),
            opened: 0.5,
            acted: 0.1,
            reaction_ms: 500,
            faults: Faults::default(),
        }
    }
}

impl Default for SmsSettings {
    fn default() -> Self {
        Self {
            api_key: Some("sandbox-ringring-key".into()),
            undelivered: 0.0,
            report_submitted: false,
            faults: Faults::default(),
        }
    }
}

impl Default for SmscSettings {
    fn default() -> Self {
        Self {
            address: None,
            system_id: Some("estafette".into()),
            password: Some("sandbox".into()),
            message_ids: MessageIds::Text,
            alphabet: Alphabet::Gsm7,
            handsets: 0,
            receipt_tlvs: true,
            receipt_text: true,
            window: 100,
            reference_tlv: 0x1501,
            undelivered: 0.0,
            close_on_bind: 0.0,
            silent_bind: 0.0,
            silent_enquiry: 0.0,
            rubbish: 0.0,
            bad_length: 0.0,
            cut: 0.0,
            silent: 0.0,
            reversed: false,
            faults: Faults::default(),
        }
    }
}

impl Default for EboxSettings {
    fn default() -> Self {
        Self {
            client_id: "estafette".into(),
            client_secret: "sandbox-ebox-secret".into(),
            token_seconds: 3_600,
            active: 0.7,
            read: 0.5,
            reaction_ms: 1_000,
            faults: Faults::default(),
        }
    }
}

impl Settings {
    /// Fails with all that is out of bounds, each with its key.
    pub fn check(&self) -> anyhow::Result<()> {
        let shares = [
            ("govapp.reachable", self.govapp.reachable),
            ("govapp.opened", self.govapp.opened),
            ("govapp.acted", self.govapp.acted),
            ("sms.undelivered", self.sms.undelivered),
            ("smsc.undelivered", self.smsc.undelivered),
            ("smsc.close_on_bind", self.smsc.close_on_bind),
            ("smsc.silent_bind", self.smsc.silent_bind),
            ("smsc.silent_enquiry", self.smsc.silent_enquiry),
            ("smsc.rubbish", self.smsc.rubbish),
            ("smsc.bad_length", self.smsc.bad_length),
            ("smsc.cut", self.smsc.cut),
            ("smsc.silent", self.smsc.silent),
            ("ebox.active", self.ebox.active),
            ("ebox.read", self.ebox.read),
        ];
        let mut wrong: Vec<String> = shares
            .iter()
            .filter(|(_, share)| !(0.0..=1.0).contains(share))
            .map(|(key, share)| format!("{key} = {share}: give a share from 0 to 1"))
            .collect();
        let counts = [
            ("ledger_entries", self.ledger_entries),
            ("callbacks.waiting", self.callbacks.waiting),
            ("callbacks.concurrency", self.callbacks.concurrency),
            ("callbacks.batch", self.callbacks.batch),
            ("smsc.window", self.smsc.window),
            ("govapp.devices", usize::from(self.govapp.devices)),
        ];
        wrong.extend(counts.iter().filter(|(_, count)| *count == 0).map(|(key, _)| format!("{key}: give at least 1")));
        let faults = [
            ("govapp", &self.govapp.faults),
            ("sms", &self.sms.faults),
            ("smsc", &self.smsc.faults),
            ("ebox", &self.ebox.faults),
        ];
        for (key, faults) in faults {
            wrong.extend(faults.check().err().map(|error| format!("{key}.faults: {error}")));
        }
        anyhow::ensure!(wrong.is_empty(), "{}", wrong.join("; "));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_out_of_bounds_is_told_at_once() {
        let mut settings = Settings { ledger_entries: 0, ..Settings::default() };
        settings.ebox.active = 2.0;
        settings.sms.faults.loss_before = -1.0;
        let told = settings.check().expect_err("out of bounds").to_string();
        for key in ["ledger_entries", "ebox.active", "sms.faults: loss_before"] {
            assert!(told.contains(key), "{told}");
        }
        assert!(Settings::default().check().is_ok());
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(serde_json::from_str::<Settings>(r#"{"seed": 2}"#).is_ok());
        assert!(serde_json::from_str::<Settings>(r#"{"sed": 2}"#).is_err());
        assert!(serde_json::from_str::<Settings>(r#"{"sms": {"faults": {"los": 1}}}"#).is_err());
    }
}
