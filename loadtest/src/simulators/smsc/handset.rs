//! What handsets show: the parts of a message put together, in the SMSC's alphabet.
//!
//! Invariant: a text is shown once all its parts came, and each time they do; of texts and of parts that wait only the latest
//! are kept.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use estafette_smpp::coding::{self, Coding};
use estafette_smpp::pdu::{Address, ShortMessage, esm_class};
use estafette_smpp::{septets, udh};

use super::lock;
use crate::simulators::parts;
use crate::simulators::settings::{Alphabet, SmscSettings};

/// A text on a handset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Whose, in E.164 digits without the plus sign.
    pub to: String,
    /// What.
    pub text: String,
}

/// Who sends to whom, under which reference, in how many parts.
type Key = (Address, Address, u16, u8);

#[derive(Default)]
pub(crate) struct Handsets(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    shown: VecDeque<Shown>,
    waiting: VecDeque<(Key, BTreeMap<u8, String>)>,
}

impl Handsets {
    pub(crate) fn show(&self, message: &ShortMessage, settings: &SmscSettings) {
        let most = settings.handsets;
        let (part, text) = read(message, settings.alphabet);
        let mut kept = lock(&self.0);
        let text = match part {
            Some(part) => {
                let key = (message.source.clone(), message.destination.clone(), part.reference, part.total);
                let place = kept.waiting.iter().position(|(known, _)| *known == key);
                let place = place.unwrap_or_else(|| {
                    kept.waiting.push_back((key, BTreeMap::new()));
                    kept.waiting.len() - 1
                });
                let parts = &mut kept.waiting[place].1;
                parts.insert(part.number, text);
                if parts.len() < usize::from(part.total) {
                    while kept.waiting.len() > most {
                        kept.waiting.pop_front();
                    }
                    return;
                }
                kept.waiting.remove(place).map(|(_, parts)| parts.into_values().collect()).unwrap_or_default()
            }
            None => text,
        };
        kept.shown.push_back(Shown { to: coding::from_latin_1(&message.destination.digits), text });
        while kept.shown.len() > most {
            kept.shown.pop_front();
        }
    }

    /// The texts, the oldest first, and how many wait for parts.
    pub(crate) fn read(&self) -> (Vec<Shown>, usize) {
        let kept = lock(&self.0);
        (kept.shown.iter().cloned().collect(), kept.waiting.len())
    }
}

fn read(message: &ShortMessage, alphabet: Alphabet) -> (Option<udh::Part>, String) {
    let whole = message.content();
    let (part, content) =
        if message.esm_class & esm_class::UDH == 0 { (None, whole.clone()) } else { udh::read(&whole) };
    let text = match (Coding::of(message.data_coding), alphabet) {
        (Coding::Default, Alphabet::Gsm7) => parts::from_septets(&content),
        (Coding::Default, Alphabet::Gsm7Packed) => {
            parts::from_septets(&septets::unpack(&content, whole.len() - content.len()))
        }
        (Coding::Ucs2, _) => coding::from_ucs_2(&content),
        (Coding::Default | Coding::Ascii | Coding::Latin1 | Coding::Binary, _) => coding::from_latin_1(&content),
    };
    (part, text)
}
