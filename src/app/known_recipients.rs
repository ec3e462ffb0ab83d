//! The file of known recipients that fills the registry until the register exists: CSV with the
//! header `niss,mobile,cbe,language,govapp,mailbox`, any subset in any order.
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::language::Language;
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::submission::Recipient;
use estafette_actors::registry::Person;
use jiff::civil::Date;

const COLUMNS: [&str; 6] = ["niss", "mobile", "cbe", "language", "govapp", "mailbox"];
/// Mistakes that are told at most; the others are counted.
const TOLD: usize = 20;

/// Why the file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It can't be read.
    #[error("{} can't be read: {reason}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: csv::Error,
    },
    /// A column that means nothing.
    #[error("{}: the header has {column:?}; use any of niss, mobile, cbe, language, govapp, mailbox", path.display())]
    Column {
        /// Which file.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// Wrong rows.
    #[error("{} has {count} wrong rows:{told}", path.display())]
    Rows {
        /// Which file.
        path: PathBuf,
        /// How many.
        count: usize,
        /// The first of them, a line each, without the identifiers.
        told: String,
    },
}

/// Reads the file whole; one wrong row refuses it, so that nobody is forgotten silently.
pub fn read(path: &Path, today: Date) -> Result<Vec<Person>, Error> {
    let read = |reason| Error::Read { path: path.to_owned(), reason };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).map_err(read)?;
    let header = reader.headers().map_err(read)?.clone();
    if let Some(column) = header.iter().find(|column| !COLUMNS.contains(column)) {
        return Err(Error::Column { path: path.to_owned(), column: column.to_owned() });
    }
    let mut persons = Vec::new();
    let (mut count, mut told) = (0, String::new());
    for record in reader.records() {
        let record = record.map_err(read)?;
        let field = |name: &str| {
            let place = header.iter().position(|column| column == name)?;
            record.get(place).filter(|value| !value.is_empty())
        };
        match person(field, today) {
            Ok(person) => persons.push(person),
            Err(what) => {
                count += 1;
                if count <= TOLD {
                    let line = record.position().map_or(0, csv::Position::line);
                    let _ = write!(told, "\n  line {line}: {what}");
                }
            }
        }
    }
    if count > 0 { Err(Error::Rows { path: path.to_owned(), count, told }) } else { Ok(persons) }
}

fn person<'r>(field: impl Fn(&str) -> Option<&'r str>, today: Date) -> Result<Person, String> {
    let wrong = |column: &str, error: &dyn std::fmt::Display| format!("{column}: {error}");
    let truth = |column: &str| match field(column) {
        None => Ok(None),
        Some("true" | "yes" | "1") => Ok(Some(true)),
        Some("false" | "no" | "0") => Ok(Some(false)),
        Some(_) => Err(format!("{column}: give true or false")),
    };
    let recipient = Recipient {
        niss: field("niss").map(|text| Niss::parse(text, today)).transpose().map_err(|error| wrong("niss", &error))?,
        mobile: field("mobile").map(Mobile::parse).transpose().map_err(|error| wrong("mobile", &error))?,
        cbe: field("cbe").map(Cbe::parse).transpose().map_err(|error| wrong("cbe", &error))?,
    };
    if recipient.is_empty() {
        return Err("give a niss, a mobile or a cbe".to_owned());
    }
    let language = field("language").map(Language::parse).transpose().map_err(|error| wrong("language", &error))?;
    Ok(Person { recipient, language, govapp: truth("govapp")?, mailbox: truth("mailbox")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known.csv");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    const TODAY: Date = jiff::civil::date(2026, 11, 23);

    #[test]
    fn what_is_known_is_read_in_any_order_of_columns() {
        let (_folder, path) = file("mobile,language,niss,govapp\n0470123456,nl,85073003328,false\n+32470123457,,,\n");
        let persons = read(&path, TODAY).unwrap();
        assert_eq!(persons.len(), 2);
        assert_eq!((persons[0].language, persons[0].govapp), (Some(Language::Nl), Some(false)));
        assert!(persons[0].recipient.niss.is_some() && persons[1].recipient.niss.is_none());
    }

    #[test]
    fn wrong_rows_are_told_by_line_without_their_numbers() {
        let (_folder, path) = file("niss,mobile\n85073003329,\n,0470123456\n,\n");
        let error = read(&path, TODAY).unwrap_err().to_string();
        assert!(error.contains("2 wrong rows") && error.contains("line 2") && error.contains("line 4"), "{error}");
        assert!(!error.contains("85073003329"));
        let (_folder, path) = file("nis\n1\n");
        assert!(matches!(read(&path, TODAY), Err(Error::Column { .. })));
    }
}
