//! Tells what the domain rules say about each line of standard input: the side of this project in `tests/interop/domain`.
//!
//! `verdicts niss|cbe|mobile` answers `valid <normalised>` or `invalid <kind of error>`; `verdicts person` takes NISSs
//! and answers `<birth date> <sex>`, with a dash for what a number doesn't tell; `verdicts segment` takes JSON strings and
//! answers `<alphabet> <units> <parts>`. It shows numbers in full: for made-up ones only.

use std::io::{self, BufRead, BufWriter, Write};

use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::niss::{Niss, Sex};
use estafette_actors::domain::segment;
use jiff::civil::{Date, date};

/// The day against which birth dates are judged: fixed, so that both sides of a comparison know it.
const TODAY: Date = date(2026, 1, 1);

fn main() -> io::Result<()> {
    let verdict = match std::env::args().nth(1).as_deref() {
        Some("niss") => niss,
        Some("person") => person,
        Some("cbe") => cbe,
        Some("mobile") => mobile,
        Some("segment") => segmentation,
        _ => {
            return Err(io::Error::other("say what the lines are: niss, person, cbe, mobile or segment"));
        }
    };
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut input = io::stdin().lock();
    let mut line = String::new();
    while input.read_line(&mut line)? > 0 {
        writeln!(out, "{}", verdict(line.trim_end_matches('\n')))?;
        line.clear();
    }
    out.flush()
}

fn niss(line: &str) -> String {
    match Niss::parse(line, TODAY) {
        Ok(niss) => format!("valid {}", niss.digits()),
        Err(error) => format!("invalid {}", error.kind()),
    }
}

fn person(line: &str) -> String {
    let Ok(niss) = Niss::parse(line, TODAY) else { return "invalid".to_owned() };
    let born = niss.birth_date().map_or_else(|| "-".to_owned(), |date| date.to_string());
    let sex = match niss.sex() {
        Some(Sex::Female) => "F",
        Some(Sex::Male) => "M",
        None => "-",
    };
    format!("{born} {sex}")
}

fn cbe(line: &str) -> String {
    match Cbe::parse(line) {
        Ok(cbe) => format!("valid {}", cbe.digits()),
        Err(error) => format!("invalid {}", error.kind()),
    }
}

fn mobile(line: &str) -> String {
    match Mobile::parse(line) {
        Ok(mobile) => format!("valid {}", mobile.e164()),
        Err(error) => format!("invalid {}", error.kind()),
    }
}

fn segmentation(line: &str) -> String {
    match serde_json::from_str::<String>(line) {
        Ok(text) => {
            let segment::Segmentation { alphabet, units, parts } = segment::measure(&text);
            format!("{} {units} {parts}", alphabet.as_str())
        }
        Err(error) => format!("invalid {error}"),
    }
}
