//! What may be kept of a person. What is wrong is told without the value.
use estafette_actors::domain::identity::{Identity, NAME_LENGTH};
use estafette_actors::domain::names::Name;
use jiff::civil::Date;

/// Of anybody: the source's own spelling is not ours to judge.
pub fn identity(identity: &Identity) -> Result<(), &'static str> {
    let length = |name: &str| name.chars().count();
    if identity.surname.trim().is_empty() {
        return Err("a person has a surname: give it");
    }
    if length(&identity.surname) > NAME_LENGTH || length(&identity.given_names) > NAME_LENGTH {
        return Err("a surname, and all given names together, have 150 characters at most: shorten them");
    }
    if identity.surname.chars().chain(identity.given_names.chars()).any(char::is_control) {
        return Err("a name has no control characters: take them out");
    }
    Ok(())
}

/// Of somebody who is made or corrected here: they must be found again by name.
pub fn told(told: &Identity, today: Date) -> Result<(), &'static str> {
    identity(told)?;
    if Name::surname(&told.surname).is_err() {
        return Err("the surname has no letter of the Latin alphabet: write it in Latin letters");
    }
    if told.birth.is_after(today) {
        return Err("the birth date is in the future: check it");
    }
    if told.deceased.is_some_and(|died| died > today) {
        return Err("the day of death is in the future: check it");
    }
    if told.deceased.zip(told.birth.whole()).is_some_and(|(died, born)| died < born) {
        return Err("the day of death is before the birth date: check both");
    }
    Ok(())
}
