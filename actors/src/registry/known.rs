//! What is known of recipients, packed: a place is 16 bytes under the NISS and under the mobile number, key included.
//!
//! Invariant: a person is kept once, under the NISS, without one under the CBE number, without either under the mobile number; the
//! other numbers lead there. A number that leads to somebody who has another by now leads to nobody. One writer: readers may meet a
//! person between two numbers, who is then not found, and never somebody else.
use dashmap::DashMap;
use foldhash::fast::RandomState;

use self::citizens::{Citizen, Citizens};
use super::Person;
use crate::domain::cbe::Cbe;
use crate::domain::language::Language;
use crate::domain::mobile::Mobile;
use crate::domain::niss::Niss;
use crate::domain::submission::Recipient;
use crate::register::CHAIN;

mod citizens;

type Map<K, V> = DashMap<K, V, RandomState>;

/// A mobile number has 15 digits at most, which are 50 bits. None is 0.
const MOBILE: u64 = (1 << 50) - 1;
const LANGUAGE: u32 = 50;
const GOVAPP: u32 = 53;
const MAILBOX: u32 = 55;
/// The NISS under which this is kept may have been replaced. Without it none was: most look-ups then need no second map.
const REPLACED: u64 = 1 << 57;
/// The two highest bits: what the rest is.
const KIND: u32 = 62;
const REST: u64 = (1 << KIND) - 1;
/// What is known of the person.
const OWN: u64 = 0;
/// The NISS under which it is kept.
const BY_NISS: u64 = 1;
/// The CBE number under which it is kept.
const BY_CBE: u64 = 2;

impl Citizen {
    fn person(self, niss: Niss) -> Person {
        let mut person = unpack(self.word);
        person.recipient.niss = Some(niss);
        person.recipient.cbe = (self.cbe != 0).then(|| Cbe::from_trusted_u32(self.cbe));
        person
    }
}

/// See the head of this file.
#[derive(Default)]
pub struct Known {
    by_niss: Citizens,
    by_mobile: Map<u64, u64>,
    by_cbe: Map<u32, u64>,
    /// A NISS that was replaced, and the one in its place.
    replaced: Map<u64, u64>,
}

impl Known {
    /// How many by NISS, by mobile number and by CBE number.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.by_niss.len(), self.by_mobile.len(), self.by_cbe.len())
    }

    /// How many were replaced.
    pub fn replacements(&self) -> usize {
        self.replaced.len()
    }

    /// From now on a NISS stands for another, or again for itself.
    pub fn replace(&self, old: Niss, by: Option<Niss>) {
        match by {
            Some(by) => self.replaced.insert(old.as_u64(), by.as_u64()),
            None => self.replaced.remove(&old.as_u64()).map(|(_, by)| by),
        };
        self.mark(old);
    }

    /// After the map of replacements, here and in [`Self::learn`]: whoever comes second sees what the first did.
    fn mark(&self, niss: Niss) {
        self.by_niss.change(niss.as_u64(), |kept| {
            if self.replaced.contains_key(&niss.as_u64()) {
                kept.word |= REPLACED;
            }
        });
    }

    /// The NISS that counts for a NISS.
    pub fn current(&self, niss: Niss) -> Niss {
        let mut at = niss.as_u64();
        for _ in 0..CHAIN {
            match self.replaced.get(&at) {
                Some(by) => at = *by,
                None => return Niss::from_trusted_u64(at),
            }
        }
        // Without an end: a mistake of the source, and no reason to lose the message.
        niss
    }

    /// Whoever a recipient is, by any of the identifiers given, under the numbers that count.
    pub fn person(&self, recipient: &Recipient) -> Option<Person> {
        let by_niss = recipient.niss.and_then(|niss| self.citizen(niss));
        let by_mobile = || recipient.mobile.and_then(|mobile| self.holder(mobile));
        by_niss.or_else(by_mobile).or_else(|| recipient.cbe.and_then(|cbe| self.enterprise(cbe)))
    }

    fn citizen(&self, niss: Niss) -> Option<Person> {
        let kept = |niss: Niss| self.by_niss.get(niss.as_u64());
        let given = kept(niss);
        if let Some(citizen) = given.filter(|given| given.word & REPLACED == 0) {
            return Some(citizen.person(niss));
        }
        let current = self.current(niss);
        // Until the new number is told of, what is known of the old one holds.
        let citizen = if current == niss { given } else { kept(current).or(given) };
        citizen.map(|citizen| citizen.person(current))
    }

    fn holder(&self, mobile: Mobile) -> Option<Person> {
        let word = *self.by_mobile.get(&mobile.as_u64())?;
        let person = match word >> KIND {
            BY_NISS => {
                let niss = Niss::from_trusted_u64(word & REST);
                let citizen = self.by_niss.get(niss.as_u64())?;
                citizen.person(if citizen.word & REPLACED == 0 { niss } else { self.current(niss) })
            }
            BY_CBE => self.enterprise(Cbe::from_trusted_u32((word & REST) as u32))?,
            _ => Person { recipient: Recipient { mobile: Some(mobile), ..Recipient::default() }, ..unpack(word) },
        };
        Some(person).filter(|person| person.recipient.mobile == Some(mobile))
    }

    fn enterprise(&self, cbe: Cbe) -> Option<Person> {
        let word = *self.by_cbe.get(&cbe.as_u32())?;
        let person = if word >> KIND == BY_NISS {
            self.citizen(Niss::from_trusted_u64(word & REST))?
        } else {
            let mut person = unpack(word);
            person.recipient.cbe = Some(cbe);
            person
        };
        Some(person).filter(|person| person.recipient.cbe == Some(cbe))
    }

    /// Takes what is known of a person. Numbers that another was learned under since stay that one's.
    pub fn learn(&self, person: &Person) {
        self.forget_former(&person.recipient);
        let Recipient { niss, mobile, cbe } = person.recipient;
        let word = pack(person);
        let leads = match (niss, cbe) {
            (Some(niss), _) => BY_NISS << KIND | niss.as_u64(),
            (None, Some(cbe)) => BY_CBE << KIND | u64::from(cbe.as_u32()),
            (None, None) => word,
        };
        if let Some(niss) = niss {
            self.by_niss.insert(niss.as_u64(), Citizen { word, cbe: cbe.map_or(0, Cbe::as_u32) });
            self.mark(niss);
        }
        if let Some(cbe) = cbe {
            self.by_cbe.insert(cbe.as_u32(), if niss.is_some() { leads } else { word });
        }
        if let Some(mobile) = mobile {
            self.by_mobile.insert(mobile.as_u64(), leads);
        }
    }

    /// Takes away the numbers under which this recipient was known before and is no more: a number that was given to somebody else
    /// would lead to the former holder. A citizen is who has the NISS; without one, an enterprise is who has the CBE number.
    fn forget_former(&self, now: &Recipient) {
        let (leads, former, former_cbe) = match (now.niss, now.cbe) {
            (Some(niss), _) => {
                let Some(Citizen { word, cbe }) = self.by_niss.get(niss.as_u64()) else { return };
                (BY_NISS << KIND | niss.as_u64(), word, cbe)
            }
            (None, Some(cbe)) => {
                let word = self.by_cbe.get(&cbe.as_u32()).map(|kept| *kept);
                let Some(word) = word.filter(|word| word >> KIND == OWN) else { return };
                (BY_CBE << KIND | u64::from(cbe.as_u32()), word, 0)
            }
            (None, None) => return,
        };
        let mobile = former & MOBILE;
        if mobile != 0 && now.mobile.is_none_or(|now| now.as_u64() != mobile) {
            self.by_mobile.remove_if(&mobile, |_, word| *word == leads);
        }
        if former_cbe != 0 && now.cbe.is_none_or(|now| now.as_u32() != former_cbe) {
            self.by_cbe.remove_if(&former_cbe, |_, word| *word == leads);
        }
    }
}

/// The mobile number, the language, and what channels said.
fn pack(person: &Person) -> u64 {
    let language = person.language.and_then(|known| Language::ALL.iter().position(|one| *one == known));
    let said = |answer: Option<bool>| answer.map_or(0, |yes| 1 + u64::from(yes));
    person.recipient.mobile.map_or(0, |mobile| mobile.as_u64() & MOBILE)
        | language.map_or(0, |place| place as u64 + 1) << LANGUAGE
        | said(person.govapp) << GOVAPP
        | said(person.mailbox) << MAILBOX
}

fn unpack(word: u64) -> Person {
    let said = |bits: u64| match bits & 3 {
        0 => None,
        answer => Some(answer == 2),
    };
    let language = (word >> LANGUAGE & 7).checked_sub(1);
    let mobile = Some(word & MOBILE).filter(|mobile| *mobile != 0).map(Mobile::from_trusted_u64);
    Person {
        recipient: Recipient { mobile, ..Recipient::default() },
        language: language.and_then(|place| Language::ALL.get(place as usize).copied()),
        govapp: said(word >> GOVAPP),
        mailbox: said(word >> MAILBOX),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_person() -> impl Strategy<Value = Person> {
        let language = prop::sample::select(vec![
            None,
            Some(Language::Fr),
            Some(Language::Nl),
            Some(Language::De),
            Some(Language::En),
        ]);
        let said = || prop::option::of(any::<bool>());
        // Few, so that numbers go from one to another.
        let (niss, mobile, cbe) = (prop::option::of(1_u64..4), prop::option::of(1_u64..4), prop::option::of(1_u32..4));
        (niss, mobile, cbe, language, said(), said()).prop_map(|(niss, mobile, cbe, language, govapp, mailbox)| {
            Person {
                recipient: Recipient {
                    niss: niss.map(Niss::from_trusted_u64),
                    mobile: mobile.map(|mobile| Mobile::from_trusted_u64(mobile + 999_999_999_999_990)),
                    cbe: cbe.map(Cbe::from_trusted_u32),
                },
                language,
                govapp,
                mailbox,
            }
        })
    }

    fn only(niss: Option<Niss>, mobile: Option<Mobile>, cbe: Option<Cbe>) -> Recipient {
        Recipient { niss, mobile, cbe }
    }

    proptest! {
        #[test]
        fn whoever_was_learned_last_is_found_whole_by_each_identifier(persons in prop::collection::vec(any_person(), 1..12)) {
            let known = Known::default();
            for person in &persons {
                known.learn(person);
                let Recipient { niss, mobile, cbe } = person.recipient;
                for one in [only(niss, None, None), only(None, mobile, None), only(None, None, cbe)] {
                    if !one.is_empty() {
                        prop_assert_eq!(known.person(&one), Some(*person));
                    }
                }
            }
            // Nobody is found by a number that is not theirs.
            for person in &persons {
                let Recipient { niss, mobile, cbe } = person.recipient;
                for one in [only(niss, None, None), only(None, mobile, None), only(None, None, cbe)] {
                    if let Some(found) = known.person(&one) {
                        let has = found.recipient;
                        prop_assert!(has.niss == one.niss || one.niss.is_none());
                        prop_assert!(has.mobile == one.mobile || one.mobile.is_none());
                        prop_assert!(has.cbe == one.cbe || one.cbe.is_none());
                        prop_assert!(persons.contains(&found));
                    }
                }
            }
        }
    }

    #[test]
    fn a_number_that_leads_round_in_a_circle_stands_for_itself() {
        let known = Known::default();
        let niss = Niss::from_trusted_u64;
        known.replace(niss(1), Some(niss(2)));
        known.replace(niss(2), Some(niss(3)));
        assert_eq!((known.current(niss(1)), known.current(niss(3))), (niss(3), niss(3)));
        known.replace(niss(3), Some(niss(1)));
        assert_eq!(known.current(niss(2)), niss(2));
        known.replace(niss(3), None);
        known.replace(niss(2), None);
        assert_eq!((known.current(niss(1)), known.replacements()), (niss(2), 1));
    }
}
