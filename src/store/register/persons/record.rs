//! A person as bytes, and the entries under which a search finds one.
//!
//! Invariant: of a number that is not in use there are no entries: what is found can be used. An entry's value is all that a
//! candidate is scored by, so that a search reads its ranges and nothing else: a look-up for each of twenty thousand candidates
//! would cost a page of the disk each.
//!
//! A record: the form, flags (sex in 2 bits, language in 3, then whether it was replaced, was cancelled, has died), the birth date
//! (4), the NISS in its place (8) and the day of death (4) where there are any, the length of the surname (2), the surname, the
//! given names. An entry: the code (4), the year (2) and the NISS (5), all of them as they sort; its value the sex and the length of
//! the surname (1), the birth date (4), the folded surname and given names.
use estafette_actors::domain::birth::BirthDate;
use estafette_actors::domain::identity::{Identity, Registered, Standing};
use estafette_actors::domain::language::Language;
use estafette_actors::domain::names::{self, Name};
use estafette_actors::domain::niss::{Niss, Sex};

use super::memo::Findable;
use crate::store::register::{array, rows};

const FORM: u8 = 1;
const REPLACED: u8 = 1 << 5;
const CANCELLED: u8 = 1 << 6;
const DECEASED: u8 = 1 << 7;
/// Bits of a folded name's length; the sex is above them.
const LENGTH: u8 = 63;
/// Bytes of an entry's value before the names.
const HEAD: usize = 5;

/// The key of an entry.
pub type Key = [u8; 11];

const fn sex_bits(sex: Option<Sex>) -> u8 {
    match sex {
        None => 0,
        Some(Sex::Female) => 1,
        Some(Sex::Male) => 2,
    }
}

/// None when the bits say nothing.
#[expect(clippy::option_option, reason = "the outer one is what can't be read")]
const fn sex_of(bits: u8) -> Option<Option<Sex>> {
    match bits {
        0 => Some(None),
        1 => Some(Some(Sex::Female)),
        2 => Some(Some(Sex::Male)),
        _ => None,
    }
}

/// The bytes of a person.
pub fn pack(person: &Registered) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(20 + person.identity.surname.len() + person.identity.given_names.len());
    pack_to(person, &mut bytes);
    bytes
}

/// Puts them behind others.
pub fn pack_to(person: &Registered, bytes: &mut Vec<u8>) {
    let Registered { standing, identity, .. } = person;
    let language = identity.language.and_then(|known| Language::ALL.iter().position(|one| *one == known));
    let mut flags = sex_bits(identity.sex) | (language.map_or(0, |place| place as u8 + 1) << 2);
    flags |= match standing {
        Standing::InUse => 0,
        Standing::ReplacedBy(_) => REPLACED,
        Standing::Cancelled => CANCELLED,
    };
    flags |= if identity.deceased.is_some() { DECEASED } else { 0 };
    bytes.extend([FORM, flags]);
    bytes.extend(identity.birth.to_u32().to_be_bytes());
    if let Standing::ReplacedBy(by) = standing {
        bytes.extend(by.as_u64().to_be_bytes());
    }
    if let Some(died) = identity.deceased {
        bytes.extend(rows::day(died).to_be_bytes());
    }
    bytes.extend((identity.surname.len() as u16).to_be_bytes());
    bytes.extend(identity.surname.as_bytes());
    bytes.extend(identity.given_names.as_bytes());
}

/// The person of bytes; none when they are of another form or damaged.
pub fn unpack(niss: Niss, bytes: &[u8]) -> Option<Registered> {
    let (&[FORM, flags], rest) = bytes.split_first_chunk::<2>()? else { return None };
    let (birth, mut rest) = rest.split_first_chunk()?;
    let standing = match flags & (REPLACED | CANCELLED) {
        0 => Standing::InUse,
        CANCELLED => Standing::Cancelled,
        REPLACED => {
            let (by, after) = rest.split_first_chunk()?;
            rest = after;
            Standing::ReplacedBy(Niss::from_trusted_u64(u64::from_be_bytes(*by)))
        }
        _ => return None,
    };
    let mut deceased = None;
    if flags & DECEASED != 0 {
        let (day, after) = rest.split_first_chunk()?;
        (deceased, rest) = (Some(rows::date(i32::from_be_bytes(*day))?), after);
    }
    let (length, rest) = rest.split_first_chunk()?;
    let (surname, given_names) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(Box::<str>::from);
    let language = match flags >> 2 & 7 {
        0 => None,
        place => Some(*Language::ALL.get(usize::from(place) - 1)?),
    };
    let identity = Identity {
        surname: text(surname)?,
        given_names: text(given_names)?,
        birth: BirthDate::from_u32(u32::from_be_bytes(*birth)).ok()?,
        sex: sex_of(flags & 3)?,
        language,
        deceased,
    };
    Some(Registered { niss, standing, identity })
}

/// The key of a person's record.
pub fn key(niss: Niss) -> [u8; 8] {
    niss.as_u64().to_be_bytes()
}

/// The NISS of such a key.
pub fn niss_of(key: &[u8]) -> Option<Niss> {
    Some(Niss::from_trusted_u64(u64::from_be_bytes(array(key)?)))
}

/// The names as they are compared.
pub fn folded(identity: &Identity) -> names::Person {
    names::Person {
        surname: Name::surname(&identity.surname).unwrap_or(Name::EMPTY),
        given: Name::given(&identity.given_names).unwrap_or(Name::EMPTY),
        birth: Some(identity.birth),
        sex: identity.sex,
    }
}

/// What finds a person: keys that share a value.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Entries {
    /// Sorted.
    pub keys: Vec<Key>,
    /// Of each of them.
    pub value: Vec<u8>,
}

impl Entries {
    /// Of a person.
    pub fn of(person: &Registered) -> Self {
        let Some(Findable { folded, codes }) = Findable::new(person) else { return Self::default() };
        let year = folded.year();
        let mut keys: Vec<Key> = codes.iter().map(|code| entry_key(code, year, person.niss)).collect();
        keys.sort_unstable();
        Self { keys, value: entry_value(&folded) }
    }

    /// The key that fewest others are near: of somebody who is the same in all, it is there too.
    pub fn rarest(identity: &Identity) -> Option<(u32, i16)> {
        let folded = folded(identity);
        Some((folded.codes().iter().last()?, folded.year()))
    }
}

/// The key of an entry.
pub fn entry_key(code: u32, year: i16, niss: Niss) -> Key {
    let mut key = [0; 11];
    key[..6].copy_from_slice(&entry_prefix(code, year));
    key[6..].copy_from_slice(&niss.as_u64().to_be_bytes()[3..]);
    key
}

/// What the entries of a code and a year begin with.
pub fn entry_prefix(code: u32, year: i16) -> [u8; 6] {
    let mut prefix = [0; 6];
    prefix[..4].copy_from_slice(&code.to_be_bytes());
    // Years are 0 and above, so they sort.
    prefix[4..].copy_from_slice(&year.unsigned_abs().to_be_bytes());
    prefix
}

/// Whom an entry leads to.
pub fn entry_niss(key: &[u8]) -> Option<Niss> {
    let mut number = [0; 8];
    number[3..].copy_from_slice(key.get(6..11)?);
    Some(Niss::from_trusted_u64(u64::from_be_bytes(number)))
}

/// The value of the entries of a person.
pub fn entry_value(person: &names::Person) -> Vec<u8> {
    let (surname, given) = (person.surname.as_bytes(), person.given.as_bytes());
    let mut value = Vec::with_capacity(HEAD + surname.len() + given.len());
    value.push(sex_bits(person.sex) << 6 | surname.len() as u8 & LENGTH);
    value.extend(person.birth.map_or(0, BirthDate::to_u32).to_be_bytes());
    value.extend(surname);
    value.extend(given);
    value
}

/// The candidate of an entry's value.
pub fn candidate(value: &[u8]) -> Option<names::Person> {
    let (head, rest) = value.split_first_chunk::<HEAD>()?;
    let [first, birth @ ..] = *head;
    let (surname, given) = rest.split_at_checked(usize::from(first & LENGTH))?;
    Some(names::Person {
        surname: Name::from_folded(surname).ok()?,
        given: Name::from_folded(given).ok()?,
        birth: BirthDate::from_u32(u32::from_be_bytes(birth)).ok(),
        sex: sex_of(first >> 6)?,
    })
}
