//! The simple and complex types of the schemas, as they are read: each takes exactly what its schema takes.
//!
//! What a schema can't say (check digits, a day that the calendar lacks in a birth date) is no affair of these.
use estafette_actors::domain::dossier::Code;
use estafette_actors::domain::language::Language;
use estafette_actors::domain::niss::Sex;
use jiff::civil::Date;

use super::names::{COMMON, REGISTER, SCHEMA};

/// A type by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its namespace.
    pub space: &'static str,
    /// Its name there.
    pub name: &'static str,
}

impl Named {
    const fn common(name: &'static str) -> Self {
        Self { space: COMMON, name }
    }

    const fn register(name: &'static str) -> Self {
        Self { space: REGISTER, name }
    }
}

/// A type of single values.
pub struct Simple<T> {
    /// Its name.
    pub named: Named,
    /// What it takes, in words.
    pub takes: &'static str,
    /// Reads a value whose blanks were collapsed.
    pub read: fn(&str) -> Option<T>,
}

/// `OpenPeriodType`.
pub const OPEN_PERIOD: Named = Named::common("OpenPeriodType");
/// `InformationCustomerType`.
pub const INFORMATION_CUSTOMER: Named = Named::common("InformationCustomerType");
/// `OrganizationIdentificationType`.
pub const ORGANIZATION: Named = Named::common("OrganizationIdentificationType");
/// `PersonType`.
pub const PERSON: Named = Named::common("PersonType");
/// `ClaimType`.
pub const CLAIM: Named = Named::register("ClaimType");
/// `SearchedType`.
pub const SEARCHED: Named = Named::register("SearchedType");
/// `CorrectionType`.
pub const CORRECTION: Named = Named::register("CorrectionType");

/// `SsinType`: eleven digits, of which nothing else is known yet.
pub const SSIN: Simple<Box<str>> =
    Simple { named: Named::common("SsinType"), takes: "11 digits", read: |text| digits(text, 11) };
/// `CbeNumberType`: ten digits.
pub const CBE_NUMBER: Simple<Box<str>> =
    Simple { named: Named::common("CbeNumberType"), takes: "10 digits", read: |text| digits(text, 10) };
/// `TicketType`.
pub const TICKET: Simple<Box<str>> =
    Simple { named: Named::common("TicketType"), takes: "at most 36 characters", read: |text| characters(text, 0, 36) };
/// `LegalContextType`.
pub const LEGAL_CONTEXT: Simple<Box<str>> = Simple {
    named: Named::common("LegalContextType"),
    takes: "1 to 64 characters",
    read: |text| characters(text, 1, 64),
};
/// `NameType`.
pub const NAME: Simple<Box<str>> =
    Simple { named: Named::common("NameType"), takes: "1 to 150 characters", read: |text| characters(text, 1, 150) };
/// `CodeType`.
pub const CODE: Simple<Code> = Simple {
    named: Named::common("CodeType"),
    takes: "1 to 32 of A-Z, 0-9, _ and -",
    read: |text| Code::parse(text).ok(),
};
/// `DateType`.
pub const DATE: Simple<Date> =
    Simple { named: Named::common("DateType"), takes: "a day of the calendar, YYYY-MM-DD", read: date };
/// `IncompleteDateType`: the form only.
pub const INCOMPLETE_DATE: Simple<Box<str>> = Simple {
    named: Named::common("IncompleteDateType"),
    takes: "YYYY-MM-DD, with 00 for what is not known",
    read: |text| has_form(text, "0000-00-00").then(|| text.into()),
};
/// `TimestampType`, kept as it is written.
pub const TIMESTAMP: Simple<Box<str>> = Simple {
    named: Named::common("TimestampType"),
    takes: "a time such as 2026-11-23T09:30:00+01:00",
    read: |text| timestamp(text).then(|| text.into()),
};
/// `GenderType`.
pub const GENDER: Simple<Sex> = Simple {
    named: Named::common("GenderType"),
    takes: "FEMALE or MALE",
    read: |text| match text {
        "FEMALE" => Some(Sex::Female),
        "MALE" => Some(Sex::Male),
        _ => None,
    },
};
/// `LanguageType`.
pub const LANGUAGE: Simple<Language> = Simple {
    named: Named::common("LanguageType"),
    takes: "FR, NL, DE or EN",
    read: |text| match text {
        "FR" => Some(Language::Fr),
        "NL" => Some(Language::Nl),
        "DE" => Some(Language::De),
        "EN" => Some(Language::En),
        _ => None,
    },
};
/// `SequenceNumberType`.
pub const SEQUENCE: Simple<u64> = Simple {
    named: Named::common("SequenceNumberType"),
    takes: "a number from 1 on, of 15 digits at most",
    read: |text| integer(text, 1, 999_999_999_999_999),
};
/// `CursorType`.
pub const CURSOR: Simple<Box<str>> = Simple {
    named: Named::register("CursorType"),
    takes: "what `next` of an earlier answer said",
    read: |text| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        (!text.is_empty() && text.len() <= 128 && text.bytes().all(fits)).then(|| text.into())
    },
};
/// `RowsLimitType`.
pub const ROWS_LIMIT: Simple<u64> =
    Simple { named: Named::register("RowsLimitType"), takes: "1 to 1000", read: |text| integer(text, 1, 1_000) };
/// `PersonsLimitType`.
pub const PERSONS_LIMIT: Simple<u64> =
    Simple { named: Named::register("PersonsLimitType"), takes: "1 to 100", read: |text| integer(text, 1, 100) };
/// `BirthYearsType`.
pub const BIRTH_YEARS: Simple<u64> =
    Simple { named: Named::register("BirthYearsType"), takes: "0 to 10", read: |text| integer(text, 0, 10) };
/// XML Schema's `boolean`.
pub const BOOLEAN: Simple<bool> = Simple {
    named: Named { space: SCHEMA, name: "boolean" },
    takes: "true or false",
    read: |text| match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    },
};

fn digits(text: &str, count: usize) -> Option<Box<str>> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.into())
}

fn characters(text: &str, least: usize, most: usize) -> Option<Box<str>> {
    (least..=most).contains(&text.chars().count()).then(|| text.into())
}

/// Whether a text has a form in which each `0` stands for any digit.
fn has_form(text: &str, form: &str) -> bool {
    let fits = |(byte, wanted): (u8, u8)| if wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

/// XML Schema 1.0 has no year 0.
fn date(text: &str) -> Option<Date> {
    let found: Date = if has_form(text, "0000-00-00") { text.parse().ok()? } else { return None };
    (found.year() > 0).then_some(found)
}

fn timestamp(text: &str) -> bool {
    let Some((day, rest)) = text.split_at_checked(10) else { return false };
    let Some((clock, rest)) = rest.split_at_checked(9) else { return false };
    let number = |text: &str| text.parse::<u8>().unwrap_or(u8::MAX);
    if date(day).is_none() || !has_form(clock, "T00:00:00") {
        return false;
    }
    if number(&clock[1..3]) > 23 || number(&clock[4..6]) > 59 || number(&clock[7..9]) > 59 {
        return false;
    }
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            if !(1..=9).contains(&digits) {
                return false;
            }
            &fraction[digits..]
        }
        None => rest,
    };
    // XML Schema has offsets up to 14 hours.
    let offset = |text: &str| has_form(text, "+00:00") || has_form(text, "-00:00");
    matches!(rest, "" | "Z")
        || (offset(rest) && number(&rest[4..6]) < 60 && (number(&rest[1..3]) < 14 || &rest[1..] == "14:00"))
}

/// XML Schema's integers may have a plus sign and leading zeros.
fn integer(text: &str, least: u64, most: u64) -> Option<u64> {
    let negative_zero =
        text.strip_prefix('-').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte == b'0'));
    let value = if negative_zero { 0 } else { text.parse().ok()? };
    (least..=most).contains(&value).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_one_of_the_calendar_in_one_form() {
        for good in ["2026-11-23", "2024-02-29", "0001-01-01", "9999-12-31"] {
            assert!((DATE.read)(good).is_some(), "{good}");
        }
        for wrong in [
            "",
            "2026-02-29",
            "2026-13-01",
            "0000-01-01",
            "2026-1-1",
            "20261123",
            "2026-11-23Z",
            "-2026-11-23",
            "+2026-11-2",
        ] {
            assert!((DATE.read)(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_time_is_taken_with_and_without_offset_and_fraction() {
        for good in [
            "2026-11-23T09:30:00",
            "2026-11-23T09:30:00Z",
            "2026-11-23T23:59:59.123456789+14:00",
            "2026-11-23T00:00:00.1-05:30",
        ] {
            assert!((TIMESTAMP.read)(good).is_some(), "{good}");
        }
        for wrong in [
            "",
            "2026-11-23",
            "2026-11-23T24:00:00",
            "2026-11-23T09:60:00",
            "2026-11-23T09:30:60",
            "2026-11-23T09:30:00.",
            "2026-11-23 09:30:00",
            "2026-11-23T09:30:00.1234567890",
            "2026-11-23T09:30:00+14:01",
            "2026-11-23T09:30:00+01",
            "2026-02-30T09:30:00",
            "2026-11-23T09:30:00é",
        ] {
            assert!((TIMESTAMP.read)(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn numbers_have_the_forms_and_bounds_of_the_schema() {
        for (text, read) in [
            ("1", Some(1)),
            ("+007", Some(7)),
            ("1000", Some(1_000)),
            ("1001", None),
            ("0", None),
            ("-1", None),
            ("1.0", None),
            ("", None),
        ] {
            assert_eq!((ROWS_LIMIT.read)(text), read, "{text}");
        }
        assert_eq!((BIRTH_YEARS.read)("-0"), Some(0));
        assert_eq!((SEQUENCE.read)("1000000000000000"), None);
    }
}
