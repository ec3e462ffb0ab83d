//! Days, amounts and sizes as people write them in each language, on Brussels' clock.
use estafette_actors::domain::language::Language;
use estafette_actors::domain::month::BRUSSELS;
use estafette_actors::domain::time::Timestamp;
use jiff::civil::{Date, DateTime};

const MONTHS: [[&str; 12]; 4] = [
    [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    [
        "januari",
        "februari",
        "maart",
        "april",
        "mei",
        "juni",
        "juli",
        "augustus",
        "september",
        "oktober",
        "november",
        "december",
    ],
    [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
    [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
];

/// Keeps a number and its unit on one line.
const TIE: char = '\u{a0}';

fn local(at: Timestamp) -> DateTime {
    let millis = i64::try_from(at.millis()).unwrap_or(i64::MAX);
    BRUSSELS.to_datetime(jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX))
}

/// The day of a moment.
pub fn date(at: Timestamp) -> Date {
    local(at).date()
}

/// For `<time datetime>`.
pub fn machine_day(at: Timestamp) -> String {
    date(at).to_string()
}

/// `28 novembre 2026`.
pub fn day(at: Timestamp, language: Language) -> String {
    let date = date(at);
    let (number, month, year) =
        (date.day(), MONTHS[language as usize][usize::from(date.month().unsigned_abs()) - 1], date.year());
    match language {
        Language::Fr if number == 1 => format!("1er{TIE}{month} {year}"),
        Language::De => format!("{number}.{TIE}{month} {year}"),
        _ => format!("{number}{TIE}{month} {year}"),
    }
}

/// `28 novembre 2026 à 21:45`.
pub fn moment(at: Timestamp, language: Language) -> String {
    let time = local(at).time();
    let between = match language {
        Language::Fr => "à",
        Language::Nl => "om",
        Language::De => "um",
        Language::En => "at",
    };
    let after = if language == Language::De { "\u{a0}Uhr" } else { "" };
    format!("{} {between}{TIE}{:02}:{:02}{after}", day(at, language), time.hour(), time.minute())
}

/// `1 234,50 EUR`: hundredths of a currency.
pub fn amount(hundredths: i64, currency: [u8; 3], language: Language) -> String {
    let (group, point) = match language {
        Language::Fr => ("\u{202f}", ','),
        Language::Nl | Language::De => (".", ','),
        Language::En => (",", '.'),
    };
    let whole = (hundredths.unsigned_abs() / 100).to_string();
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push_str(group);
        }
        grouped.push(digit);
    }
    let sign = if hundredths < 0 { "−" } else { "" };
    let currency = String::from_utf8_lossy(&currency);
    format!("{sign}{grouped}{point}{:02}{TIE}{currency}", hundredths.unsigned_abs() % 100)
}

/// `1,2 MB`: decimal, as shops count.
pub fn size(bytes: u64, language: Language) -> String {
    let unit = |unit: &'static str| match (language, unit) {
        (Language::Fr, "B") => "octets",
        (Language::Nl | Language::De, "B") => "Bytes",
        (Language::En, "B") => "bytes",
        (Language::Fr, "kB") => "ko",
        (Language::Fr, _) => "Mo",
        _ => unit,
    };
    let point = if language == Language::En { '.' } else { ',' };
    match bytes {
        0..1_000 => format!("{bytes}{TIE}{}", unit("B")),
        1_000..1_000_000 => format!("{}{TIE}{}", bytes.div_ceil(1_000).min(999), unit("kB")),
        _ => {
            let tenths = bytes.div_ceil(100_000);
            let rest = if tenths.is_multiple_of(10) { String::new() } else { format!("{point}{}", tenths % 10) };
            format!("{}{rest}{TIE}{}", tenths / 10, unit("MB"))
        }
    }
}

/// `BE68 5390 0754 7034`.
pub fn iban(iban: &str) -> String {
    let groups: Vec<String> =
        iban.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group).into_owned()).collect();
    groups.join("\u{a0}")
}

#[cfg(test)]
mod tests {
    use Language::{De, En, Fr, Nl};

    use super::*;

    #[test]
    fn a_day_is_in_words_on_brussels_clock() {
        // Ten in the evening in London, and the next month in Brussels.
        let at = Timestamp::parse("2026-11-30T23:05:00Z").unwrap();
        assert_eq!(
            [Fr, Nl, De, En].map(|language| day(at, language).replace(TIE, " ")),
            ["1er décembre 2026", "1 december 2026", "1. Dezember 2026", "1 December 2026"]
        );
        assert_eq!(
            [Fr, Nl, De, En].map(|language| moment(at, language).replace(TIE, " ")),
            [
                "1er décembre 2026 à 00:05",
                "1 december 2026 om 00:05",
                "1. Dezember 2026 um 00:05 Uhr",
                "1 December 2026 at 00:05"
            ]
        );
        let summer = Timestamp::parse("2026-07-01T10:00:00Z").unwrap();
        assert_eq!(moment(summer, En).replace(TIE, " "), "1 July 2026 at 12:00");
        assert_eq!(machine_day(at), "2026-12-01");
    }

    #[test]
    fn amounts_and_sizes_are_written_as_each_language_does() {
        let written = [Fr, Nl, De, En].map(|language| amount(123_456_750, *b"EUR", language).replace(TIE, " "));
        assert_eq!(
            written,
            ["1\u{202f}234\u{202f}567,50 EUR", "1.234.567,50 EUR", "1.234.567,50 EUR", "1,234,567.50 EUR"]
        );
        assert_eq!(amount(-5, *b"EUR", En).replace(TIE, " "), "−0.05 EUR");
        assert_eq!(amount(99_999, *b"USD", Nl).replace(TIE, " "), "999,99 USD");
        let sizes = [
            (999, "999 octets"),
            (1_000, "1 ko"),
            (999_999, "999 ko"),
            (1_250_000, "1,3 Mo"),
            (25_000_000, "25 Mo"),
            (104_857_600, "104,9 Mo"),
        ];
        for (bytes, written) in sizes {
            assert_eq!(size(bytes, Fr).replace(TIE, " "), written);
        }
        assert_eq!(iban("BE68539007547034").replace(TIE, " "), "BE68 5390 0754 7034");
    }
}
