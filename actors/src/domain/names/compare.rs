//! What an institution says of a person against what the authentic source says, field by field.
//!
//! Invariant: what is not told on one side is no mismatch; a mismatch names the field and never what stands in it.

use super::Name;
use super::fold::{self, Marks};
use crate::domain::birth::Agreement;
use crate::domain::identity::{Claim, Field, Identity};

/// The fields in which a claim differs from the authentic source, in the order of [`Field`]; none when they agree. What is
/// not claimed, or not known there, differs from nothing.
///
/// Tolerated are: case, accents, ligatures, hyphens, apostrophes and spaces; `ü` for `ue` and its like; particles
/// written apart, joined or left out; given names beyond the first, and initials; a birth date that is less complete on
/// one side.
pub fn compare(claim: &Claim, source: &Identity) -> Vec<Field> {
    let name = |claimed: &Option<Box<str>>, known: &str, same: fn(&str, &str) -> bool| {
        claimed.as_ref().is_none_or(|claimed| same(claimed, known))
    };
    let is_compatible = |agreement| matches!(agreement, Agreement::Same | Agreement::Compatible);
    let agreed = [
        (Field::Surname, name(&claim.surname, &source.surname, same_surname)),
        (Field::GivenNames, name(&claim.given_names, &source.given_names, same_given_name)),
        (Field::BirthDate, claim.birth.is_none_or(|birth| is_compatible(birth.agrees(source.birth)))),
        (Field::Sex, claim.sex.zip(source.sex).is_none_or(|(claimed, known)| claimed == known)),
    ];
    agreed.into_iter().filter(|(_, agreed)| !agreed).map(|(field, _)| field).collect()
}

/// Whether two written surnames are one name.
fn same_surname(first: &str, second: &str) -> bool {
    if neither_folds(first, second) {
        return same_characters(first, second);
    }
    let forms = |text| both_ways(|marks| fold::surname(text, marks));
    let cores = |text| both_ways(|marks| fold::without_particles(text, marks));
    any_pair(&forms(first), &forms(second), Name::same_letters)
        || any_pair(&cores(first), &cores(second), same_and_some)
        // One has its particles joined and the other leaves them out.
        || any_pair(&cores(first), &forms(second), Name::is_core_of)
        || any_pair(&cores(second), &forms(first), Name::is_core_of)
}

/// Whether the first given names are one.
fn same_given_name(first: &str, second: &str) -> bool {
    if neither_folds(first, second) {
        return same_characters(first, second);
    }
    let forms = |text| both_ways(|marks| fold::given_names(text, marks));
    any_pair(&forms(first), &forms(second), |first, second| {
        !first.is_empty() && !second.is_empty() && (first.begins_as(second) || super::score::initials(first, second))
    })
}

fn both_ways(fold: impl Fn(Marks) -> Name) -> [Name; 2] {
    [fold(Marks::Dropped), fold(Marks::Expanded)]
}

fn any_pair(first: &[Name; 2], second: &[Name; 2], same: impl Fn(&Name, &Name) -> bool) -> bool {
    first.iter().any(|first| second.iter().any(|second| same(first, second)))
}

fn same_and_some(first: &Name, second: &Name) -> bool {
    !first.is_empty() && first.same_letters(second)
}

/// Names of another script have no Latin letter to compare.
fn neither_folds(first: &str, second: &str) -> bool {
    [first, second].iter().all(|text| fold::given_names(text, Marks::Dropped).is_empty())
}

fn same_characters(first: &str, second: &str) -> bool {
    let letters = |text: &str| -> Vec<char> {
        text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    letters(first) == letters(second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::birth::BirthDate;
    use crate::domain::niss::Sex;

    fn source(surname: &str, given_names: &str) -> Identity {
        Identity {
            surname: surname.into(),
            given_names: given_names.into(),
            birth: BirthDate::parse("1985-07-30").unwrap(),
            sex: Some(Sex::Male),
            language: None,
            deceased: None,
        }
    }

    fn surnames(claimed: &str, known: &str) -> bool {
        let claim = Claim { surname: Some(claimed.into()), ..Claim::default() };
        compare(&claim, &source(known, "Jan")).is_empty()
    }

    fn given_names(claimed: &str, known: &str) -> bool {
        let claim = Claim { given_names: Some(claimed.into()), ..Claim::default() };
        compare(&claim, &source("Peeters", known)).is_empty()
    }

    #[test]
    fn one_surname_written_in_two_ways_is_no_mismatch() {
        for (first, second) in [
            ("PEETERS", "Peeters"),
            ("Gerard", "Gérard"),
            ("Ge\u{301}rard", "Gérard"),
            ("Lefevre", "LEFÈVRE"),
            ("Vandenbroeck", "Van den Broeck"),
            ("Van Den Broeck", "Vanden Broeck"),
            ("Broeck", "Van den Broeck"),
            ("Broeck", "Vandenbroeck"),
            ("Van der Broeck", "Van den Broeck"),
            ("Broeck, Van den", "Van den Broeck"),
            ("DHondt", "d'Hondt"),
            ("D’HONDT", "D'hondt"),
            ("t Kint", "'t Kint"),
            ("Dupont Lambert", "Dupont-Lambert"),
            ("Dupont\u{2010}Lambert", "Dupont - Lambert"),
            ("Mueller", "Müller"),
            ("Muller", "Müller"),
            ("Mu\u{308}ller", "Mueller"),
            ("Weiss", "Weiß"),
            ("Oeztuerk", "Öztürk"),
            ("Ozturk", "Öztürk"),
            ("SAHIN", "Şahin"),
            ("YILDIZ", "Yıldız"),
            ("İnan", "Inan"),
            ("Elamrani", "El Amrani"),
            ("Al Amrani", "El Amrani"),
            ("Lukasiewicz", "Łukasiewicz"),
            ("Soerensen", "Sørensen"),
            ("Nguyen", "Nguyễn"),
            ("Ванин", "ВАНИН"),
        ] {
            assert!(surnames(first, second), "{first} {second}");
            assert!(surnames(second, first), "{second} {first}");
        }
    }

    #[test]
    fn two_surnames_are_a_mismatch_even_when_they_sound_alike() {
        for (first, second) in [
            ("Peeters", "Pieters"),
            ("Janssen", "Janssens"),
            ("Dupont", "Dupond"),
            ("Dupont", "Dupont-Lambert"),
            ("Van den Broeck", "Van den Berghe"),
            ("De", "Van"),
            ("Nis", "Denis"),
            ("Maes", ""),
            ("Ванин", "Вонин"),
            ("Ванин", "Vanin"),
        ] {
            assert!(!surnames(first, second), "{first} {second}");
            assert!(!surnames(second, first), "{second} {first}");
        }
    }

    #[test]
    fn the_first_of_several_given_names_is_enough() {
        for (supplied, authentic) in [
            ("Jean", "Jean Marie Louis"),
            ("Jean-Pierre", "Jean Pierre Marie"),
            ("Jeanpierre", "Jean-Pierre Marie"),
            ("Jean", "Jean-Pierre"),
            ("J.P.", "Jean-Pierre Marie"),
            ("J.-P.", "Jean-Pierre"),
            ("JP", "Jean-Pierre"),
            ("J.", "Jean"),
            ("Francois", "François Joseph"),
            ("Jean Marie", "Jean"),
            ("Jürgen", "Juergen"),
        ] {
            assert!(given_names(supplied, authentic), "{supplied} {authentic}");
        }
        for (supplied, authentic) in [
            ("Marie", "Jean Marie"),
            ("Jea", "Jean"),
            ("P.", "Jean-Pierre"),
            ("JM", "Jean-Pierre"),
            ("", "Jean"),
            ("Jean Louis", "Jean Marie Louis"),
        ] {
            assert!(!given_names(supplied, authentic), "{supplied} {authentic}");
        }
    }

    #[test]
    fn each_field_that_differs_is_named_once_and_in_order() {
        let known = source("Peeters", "Jan Frans");
        let claim = |surname: &str, given_names: &str, birth, sex| Claim {
            surname: Some(surname.into()),
            given_names: Some(given_names.into()),
            birth: BirthDate::parse(birth).ok(),
            sex: Some(sex),
        };
        assert_eq!(compare(&claim("Peeters", "Jan Frans", "1985-07-30", Sex::Male), &known), []);
        assert_eq!(compare(&Claim::default(), &known), []);
        assert_eq!(compare(&claim("Peeters", "Jan", "1985-07", Sex::Male), &known), [], "less complete");
        let unknown = Identity { sex: None, ..known.clone() };
        assert_eq!(compare(&claim("Peeters", "Jan", "1985", Sex::Female), &unknown), [], "not known there");
        let other = compare(&claim("Maes", "An", "1985-07-31", Sex::Female), &known);
        assert_eq!(other, [Field::Surname, Field::GivenNames, Field::BirthDate, Field::Sex]);
    }
}
