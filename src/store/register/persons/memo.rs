//! What finds a person, and what of it is kept from one person to the next: among millions names repeat, and what follows from one
//! is worked out once.
//!
//! Invariant: what is kept is bounded, and changes no outcome.
use std::collections::HashMap;

use estafette_actors::domain::identity::{Registered, Standing};
use estafette_actors::domain::names::{Codes, Name, OfGiven, OfSurname, Person};

/// Names of each kind that are kept at most; of later ones nothing is. Some 16 MiB of either kind.
const NAMES: usize = if cfg!(test) { 2 } else { 65_536 };

/// What finds a person in use.
pub struct Findable {
    /// What a candidate is scored by.
    pub folded: Person,
    /// Under which codes.
    pub codes: Codes,
}

/// Names that were met.
#[derive(Default)]
pub struct Memo {
    surnames: HashMap<Box<str>, (Name, OfSurname), foldhash::fast::RandomState>,
    given: HashMap<Box<str>, (Name, OfGiven), foldhash::fast::RandomState>,
}

fn surname(written: &str) -> (Name, OfSurname) {
    let name = Name::surname(written).unwrap_or(Name::EMPTY);
    (name, OfSurname::new(&name))
}

fn given_names(written: &str) -> (Name, OfGiven) {
    let name = Name::given(written).unwrap_or(Name::EMPTY);
    (name, OfGiven::new(&name))
}

fn met<T: Copy>(
    known: &mut HashMap<Box<str>, T, foldhash::fast::RandomState>,
    written: &str,
    work_out: impl Fn(&str) -> T,
) -> T {
    if let Some(found) = known.get(written) {
        return *found;
    }
    let found = work_out(written);
    if known.len() < NAMES {
        known.insert(written.into(), found);
    }
    found
}

impl Findable {
    /// Of one person; none of a number that is not in use.
    pub fn new(person: &Registered) -> Option<Self> {
        Self::with(person, surname, given_names)
    }

    fn with(
        person: &Registered,
        surname: impl FnOnce(&str) -> (Name, OfSurname),
        given: impl FnOnce(&str) -> (Name, OfGiven),
    ) -> Option<Self> {
        if person.standing != Standing::InUse {
            return None;
        }
        let identity = &person.identity;
        let ((surname, of_surname), (given, of_given)) = (surname(&identity.surname), given(&identity.given_names));
        let folded = Person { surname, given, birth: Some(identity.birth), sex: identity.sex };
        Some(Self { codes: of_surname.with(of_given, folded.birth), folded })
    }
}

impl Memo {
    /// As [`Findable::new`].
    pub fn findable(&mut self, person: &Registered) -> Option<Findable> {
        let Self { surnames, given } = self;
        Findable::with(person, |name| met(surnames, name, surname), |name| met(given, name, given_names))
    }
}
