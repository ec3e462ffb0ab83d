//! Dossier types: on disk by institution and code, in memory for whoever asks.
//!
//! Invariant: a type's number within its institution is given once and never again, and rows know their type by it. What is in
//! memory was durable before.
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use arc_swap::ArcSwap;
use estafette_actors::domain::dossier::{self, Code, DossierType};
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::register::Trouble;
use serde::{Deserialize, Serialize};

use super::super::codec;
use super::engine::{Draft, Engine};
use super::{TYPES, array, damaged};

/// A type on disk.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    number: u16,
    definition: DossierType,
}

/// The types of one institution.
#[derive(Clone, Default)]
pub struct Known {
    /// Sorted by code.
    pub types: Arc<Vec<Arc<DossierType>>>,
    /// Their numbers, in the same order.
    numbers: Vec<u16>,
    codes: HashMap<u16, Code>,
}

impl Known {
    /// The number of a type.
    pub fn number(&self, code: &Code) -> Option<u16> {
        let place = self.types.binary_search_by(|one| one.code.cmp(code)).ok()?;
        self.numbers.get(place).copied()
    }

    /// The type of a number.
    pub fn code(&self, number: u16) -> Option<&Code> {
        self.codes.get(&number)
    }

    fn with(&self, number: u16, definition: Arc<DossierType>) -> Self {
        let mut types = Vec::clone(&self.types);
        let (mut numbers, mut codes) = (self.numbers.clone(), self.codes.clone());
        codes.insert(number, definition.code);
        match types.binary_search_by(|one| one.code.cmp(&definition.code)) {
            Ok(place) => types[place] = definition,
            Err(place) => {
                types.insert(place, definition);
                numbers.insert(place, number);
            }
        }
        Self { types: Arc::new(types), numbers, codes }
    }
}

/// By institution.
type Snapshot = HashMap<u32, Arc<Known>>;

/// Those of all institutions.
#[derive(Clone)]
pub struct Types(Arc<ArcSwap<Snapshot>>);

impl Types {
    /// Reads all of them.
    pub fn load(engine: &Engine) -> Result<Self, Trouble> {
        let (mut all, mut is_whole) = (Snapshot::new(), true);
        engine.scan(TYPES, &[], None, |key, value| {
            if let Some((owner, code)) = key.split_first_chunk()
                && !code.is_empty()
            {
                let Ok(Record { number, definition }) = codec::decode(value) else {
                    is_whole = false;
                    return ControlFlow::Break(());
                };
                let known = all.entry(u32::from_be_bytes(*owner)).or_default();
                *known = Arc::new(known.with(number, Arc::new(definition)));
            }
            ControlFlow::Continue(())
        })?;
        if is_whole { Ok(Self(Arc::new(ArcSwap::from_pointee(all)))) } else { Err(damaged()) }
    }

    /// Those of an institution.
    pub fn of(&self, owner: Institution) -> Option<Arc<Known>> {
        self.0.load().get(&owner.0.as_u32()).cloned()
    }

    /// The institutions that have any.
    pub fn owners(&self) -> Vec<u32> {
        let mut owners: Vec<_> = self.0.load().keys().copied().collect();
        owners.sort_unstable();
        owners
    }

    /// Defines one or changes it; seen by all once it is durable.
    pub fn define(&self, draft: &mut Draft<'_>, owner: Institution, definition: DossierType) -> Result<(), Trouble> {
        let owner = owner.0.as_u32();
        let last_key = owner.to_be_bytes();
        let key = [&last_key, definition.code.as_str().as_bytes()].concat();
        let number = if let Some(record) = draft.get(TYPES, &key)? {
            codec::decode::<Record>(&record).map_err(|_| damaged())?.number
        } else {
            let last = draft.get(TYPES, &last_key)?;
            let last = last.map_or(Some(0), |last| array(&last).map(u16::from_be_bytes)).ok_or_else(damaged)?;
            if usize::from(last) >= dossier::TYPES {
                return Err(Trouble::Conflict("a register has 1000 dossier types at most: change one that there is"));
            }
            draft.put(TYPES, &last_key, (last + 1).to_be_bytes().as_slice());
            last + 1
        };
        let record = Record { number, definition };
        draft.put(TYPES, &key, codec::encode(&record));
        let (all, definition) = (Arc::clone(&self.0), Arc::new(record.definition));
        draft.after(move || {
            // Only the writer thread comes here.
            let mut now = Snapshot::clone(&all.load());
            let known = now.entry(owner).or_default();
            *known = Arc::new(known.with(number, definition));
            all.store(Arc::new(now));
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use estafette_actors::domain::cbe::Cbe;
    use estafette_actors::domain::dossier::Rights;
    use estafette_actors::domain::language::{Language, Translated};
    use estafette_actors::domain::period::Period;
    use jiff::civil::Date;

    #[test]
    fn a_type_stays_what_it_was_on_disk() {
        let mut names = Translated::new();
        for (language, name) in Language::ALL.into_iter().zip(["F", "N", "D", "E"]) {
            names.set(language, name.into());
        }
        let cbe = Cbe::parse("0403019261").unwrap();
        let definition = DossierType {
            code: Code::parse("PENS").unwrap(),
            names,
            valid: Period::new(Date::constant(2026, 1, 2), None).unwrap(),
            partner: Some(cbe),
            rights: vec![(cbe, Rights { consult: true, mutations: false })],
        };
        let record = Record { number: 300, definition };
        let mut golden = vec![1, 251, 44, 1, 4];
        golden.extend(b"PENS");
        for name in [b'F', b'N', b'D', b'E'] {
            golden.extend([1, 1, name]);
        }
        golden.push(10);
        golden.extend(b"2026-01-02");
        let number = [252, 253, 149, 5, 24];
        golden.extend([&[0, 1][..], &number, &[1], &number, &[1, 0]].concat());
        assert_eq!(codec::encode(&record), golden);
        assert_eq!(codec::decode::<Record>(&golden).unwrap(), record);
    }
}
