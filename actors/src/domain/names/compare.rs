//! What an institution says of a person against what the authentic source says, field by field.
//!
//! Invariant: what is not told on one side is no mismatch; a mismatch names the field and never what stands in it.

use super::fold::{self, Marks};
use super::{Name, Sex};
use crate::domain::birth::{Agreement, BirthDate};

/// What one side says of a person.
#[derive(Clone, Copy, Default)]
pub struct Identity<'a> {
    /// The surname, as written.
    pub surname: Option<&'a str>,
    /// The given names, as written; the first may be all.
    pub given: Option<&'a str>,
    /// The birth date, as far as it is known.
    pub birth: Option<BirthDate>,
    /// The sex.
    pub sex: Option<Sex>,
}

/// A field that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// The surname.
    Surname,
    /// The given name.
    GivenName,
    /// The birth date.
    BirthDate,
    /// The sex.
    Sex,
}

impl Field {
    /// A stable word for this field, for answers to programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Surname => "surname",
            Self::GivenName => "given_name",
            Self::BirthDate => "birth_date",
            Self::Sex => "sex",
        }
    }
}

/// A field that differs from the authentic source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {} differs from the authentic source: check the number and this field", field.as_str())]
pub struct Mismatch {
    /// Which.
    pub field: Field,
}

/// The fields in which `supplied` differs from `authentic`, in the order of [`Field`]; none when they agree.
///
/// Tolerated are: case, accents, ligatures, hyphens, apostrophes and spaces; `ü` for `ue` and its like; particles
/// written apart, joined or left out; given names beyond the first, and initials; a birth date that is less complete on
/// one side.
pub fn compare(supplied: &Identity<'_>, authentic: &Identity<'_>) -> Vec<Mismatch> {
    let both = |first: Option<&str>, second: Option<&str>, same: fn(&str, &str) -> bool| {
        first.zip(second).is_none_or(|(first, second)| same(first, second))
    };
    let agreed = [
        (Field::Surname, both(supplied.surname, authentic.surname, same_surname)),
        (Field::GivenName, both(supplied.given, authentic.given, same_given_name)),
        (
            Field::BirthDate,
            supplied
                .birth
                .zip(authentic.birth)
                .is_none_or(|(first, second)| matches!(first.agrees(second), Agreement::Same | Agreement::Compatible)),
        ),
        (Field::Sex, supplied.sex.zip(authentic.sex).is_none_or(|(first, second)| first == second)),
    ];
    agreed.into_iter().filter(|(_, agreed)| !agreed).map(|(field, _)| Mismatch { field }).collect()
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

    fn surnames(supplied: &str, authentic: &str) -> bool {
        let of = |surname| Identity { surname: Some(surname), ..Identity::default() };
        compare(&of(supplied), &of(authentic)).is_empty()
    }

    fn given_names(supplied: &str, authentic: &str) -> bool {
        let of = |given| Identity { given: Some(given), ..Identity::default() };
        compare(&of(supplied), &of(authentic)).is_empty()
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
        let authentic = Identity {
            surname: Some("Peeters"),
            given: Some("Jan Frans"),
            birth: BirthDate::parse("1985-07-30").ok(),
            sex: Some(Sex::Male),
        };
        assert_eq!(compare(&authentic, &authentic), []);
        assert_eq!(compare(&Identity::default(), &authentic), []);
        assert_eq!(compare(&authentic, &Identity::default()), []);
        let less = Identity { birth: BirthDate::parse("1985-07").ok(), ..authentic };
        assert_eq!(compare(&less, &authentic), []);
        let other = Identity {
            surname: Some("Maes"),
            given: Some("An"),
            birth: BirthDate::parse("1985-07-31").ok(),
            sex: Some(Sex::Female),
        };
        let fields: Vec<Field> = compare(&other, &authentic).iter().map(|mismatch| mismatch.field).collect();
        assert_eq!(fields, [Field::Surname, Field::GivenName, Field::BirthDate, Field::Sex]);
    }

    #[test]
    fn a_mismatch_shows_nothing_of_what_differs() {
        let of = |surname| Identity { surname: Some(surname), ..Identity::default() };
        let mismatch = compare(&of("Peeters"), &of("Maes"))[0];
        assert_eq!(
            mismatch.to_string(),
            "the surname differs from the authentic source: check the number and this field"
        );
        assert!(!format!("{mismatch:?}").contains("Maes"));
    }
}
