//! The SMSC: takes what is submitted over SMPP 3.4, answers, brings receipts and what citizens write.
//!
//! Invariant: an answer without an error means that the message is in the ledger (of a long one, with its
//! last part: those before it show a citizen nothing). A receipt leaves only when it
//! was acknowledged: a lost link or a refusal brings it again, over any link of the same system. What waits is bounded: who would bring
//! one receipt too many is told that the queue is full.

mod handset;
mod outbox;
mod session;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use estafette_smpp::pdu::{Address, ShortMessage, esm_class};
use estafette_smpp::receipt::{self, State};
use estafette_smpp::{Tlvs, coding, septets, tlv};
use tokio::sync::watch;

use handset::Handsets;
pub use handset::Shown;
use outbox::Outbox;

use super::desk::{Desk, now_ms};
use super::parts;
use super::settings::{Alphabet, MessageIds, Settings, SmscSettings};
use crate::hash::{self, ByHash};
use crate::ledger::Channel;

/// Message ids that query_sm knows, in each of two generations.
const KNOWN: usize = 100_000;
/// Links at once; others are closed.
const LINKS: usize = 256;

/// The SMSC.
pub(crate) struct Smsc {
    pub(crate) desk: Desk,
    seed: u64,
    settings: RwLock<Arc<SmscSettings>>,
    pub(crate) outbox: Outbox,
    pub(crate) handsets: Handsets,
    /// Binds that their peer ended with an unbind.
    pub(crate) unbound: AtomicU64,
    known: Mutex<Known>,
    numbers: AtomicU64,
    drops: watch::Sender<u64>,
    links: AtomicU64,
}

/// What became of messages, for query_sm.
#[derive(Default)]
struct Known {
    young: HashMap<u64, (u64, State), ByHash>,
    old: HashMap<u64, (u64, State), ByHash>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Smsc {
    pub(crate) fn open(settings: &Settings) -> anyhow::Result<Self> {
        Ok(Self {
            desk: Desk::open(Channel::Smsc, settings.smsc.faults, settings)?,
            seed: settings.seed,
            settings: RwLock::new(Arc::new(settings.smsc.clone())),
            outbox: Outbox::new(settings.callbacks.waiting),
            handsets: Handsets::default(),
            unbound: AtomicU64::new(0),
            known: Mutex::default(),
            numbers: AtomicU64::new(now_ms() << 20),
            drops: watch::channel(0).0,
            links: AtomicU64::new(0),
        })
    }

    pub(crate) fn settings(&self) -> Arc<SmscSettings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set(&self, settings: SmscSettings) {
        self.desk.set_faults(settings.faults);
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    pub(crate) fn drop_links(&self) {
        self.drops.send_modify(|drops| *drops += 1);
    }

    /// A citizen writes to whoever is bound.
    pub(crate) fn write(&self, from: &str, to: &str, text: &str) -> bool {
        let in_default = match self.settings().alphabet {
            Alphabet::Gsm7 => parts::to_septets(text),
            Alphabet::Gsm7Packed => parts::to_septets(text).map(|septets| septets::pack(&septets, 0)),
            Alphabet::Latin1 => coding::to_latin_1(text),
        };
        let (data_coding, octets) = match in_default {
            Some(octets) => (coding::DEFAULT, octets),
            None => (coding::UCS_2, coding::to_ucs_2(text)),
        };
        let mut message = ShortMessage {
            source: Address { ton: 1, npi: 1, digits: from.trim_start_matches('+').to_owned().into() },
            destination: Address { ton: 3, npi: 0, digits: to.to_owned().into() },
            data_coding,
            ..ShortMessage::default()
        };
        if octets.len() > estafette_smpp::pdu::SHORT_MESSAGE {
            message.tlvs = Tlvs::default().with(tlv::MESSAGE_PAYLOAD, &octets);
        } else {
            message.short_message = octets.into();
        }
        self.bring(message)
    }

    /// Brings this to whoever is bound, as it is.
    pub(crate) fn bring(&self, message: ShortMessage) -> bool {
        self.outbox.push(0, message)
    }

    /// A number for a message: grows, also over restarts.
    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Relaxed)
    }

    fn know(&self, number: u64, at_ms: u64, state: State) {
        let mut known = lock(&self.known);
        if known.young.len() >= KNOWN {
            known.old = std::mem::take(&mut known.young);
        }
        known.young.insert(hash::mix(number), (at_ms, state));
    }

    /// The state of a message now.
    fn state(&self, number: u64) -> Option<State> {
        let known = lock(&self.known);
        let key = hash::mix(number);
        let (at_ms, state) = known.young.get(&key).or_else(|| known.old.get(&key)).copied()?;
        Some(if at_ms <= now_ms() { state } else { State::Enroute })
    }
}

/// The id of a message in its answer, and in its receipt.
fn ids(form: MessageIds, number: u64) -> (String, String) {
    match form {
        MessageIds::Text => (format!("{number:024}"), format!("{number:024}")),
        MessageIds::HexThenDec => (format!("{number:X}"), number.to_string()),
        MessageIds::DecThenHex => (number.to_string(), format!("{number:X}")),
    }
}

/// The number of an id as it stood in an answer.
fn number(form: MessageIds, id: &str) -> Option<u64> {
    match form {
        MessageIds::Text | MessageIds::DecThenHex => id.parse().ok(),
        MessageIds::HexThenDec => u64::from_str_radix(id, 16).ok(),
    }
}

/// A receipt for a message, in the forms that are asked for.
fn report(settings: &SmscSettings, message: &ShortMessage, id: &str, state: State, at_ms: u64) -> ShortMessage {
    let time = clock(at_ms);
    let mut report = ShortMessage {
        source: message.destination.clone(),
        destination: message.source.clone(),
        esm_class: esm_class::RECEIPT,
        ..ShortMessage::default()
    };
    if settings.receipt_text || !settings.receipt_tlvs {
        report.short_message = receipt::text(id, state, &time, &time).into_bytes().into();
    }
    if settings.receipt_tlvs {
        let id = [id.as_bytes(), &[0]].concat();
        let tlvs = Tlvs::default().with(tlv::RECEIPTED_MESSAGE_ID, &id);
        report.tlvs = tlvs.with(tlv::MESSAGE_STATE, &[state as u8]);
    }
    report
}

/// YYMMDDhhmm.
fn clock(at_ms: u64) -> String {
    let at = jiff::Timestamp::from_millisecond(at_ms as i64).unwrap_or_default();
    at.strftime("%y%m%d%H%M").to_string()
}

/// Takes links until the simulators stop.
pub(crate) async fn serve(listener: std::net::TcpListener, smsc: Arc<Smsc>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the SMSC can't listen"),
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) if smsc.links.load(Relaxed) < LINKS as u64 => {
                // It only costs time when it is refused.
                let _ = stream.set_nodelay(true);
                smsc.links.fetch_add(1, Relaxed);
                let smsc = Arc::clone(&smsc);
                actix_web::rt::spawn(async move {
                    session::Session::new(stream, &smsc).run().await;
                    smsc.links.fetch_sub(1, Relaxed);
                });
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "a link to the SMSC can't be taken");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}
