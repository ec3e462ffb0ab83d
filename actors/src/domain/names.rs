//! Names, compared as they are spelt in Belgium.
use super::identity::{Claim, Field, Identity};

/// The fields of a claim that differ from the authentic source.
pub fn compare(claim: &Claim, source: &Identity) -> Vec<Field> {
    let differs = |given: &Option<Box<str>>, known: &str| {
        given.as_ref().is_some_and(|given| given.to_lowercase() != known.to_lowercase())
    };
    let mut fields = vec![];
    if differs(&claim.surname, &source.surname) {
        fields.push(Field::Surname);
    }
    if differs(&claim.given_names, &source.given_names) {
        fields.push(Field::GivenNames);
    }
    if claim.birth.is_some_and(|birth| birth != source.birth) {
        fields.push(Field::BirthDate);
    }
    if claim.sex.is_some() && source.sex.is_some() && claim.sex != source.sex {
        fields.push(Field::Sex);
    }
    fields
}
