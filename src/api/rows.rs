//! One recipient of a broadcast, out of a line of CSV or of NDJSON. Pure: a row that is wrong says
//! in which column and what to do, and repeats nothing of what it holds.
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::language::Language;
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::submission::Row;
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::json::{Faults, Json, Object};
use super::problem::{Fault, Problem};
use super::submission::{self, MAX_REFERENCE};

/// Characters of a variable's value at most.
pub const MAX_VALUE: usize = 1_000;
const COLUMNS: &str = "key, niss, mobile, cbe, language and var.NAME for each variable of the content";

/// A row that is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct BadRow {
    /// Its line in the upload, from 1; the header of a CSV is line 1.
    pub line: u64,
    /// The column, where it is one column's fault.
    #[schema(example = "niss")]
    pub column: String,
    /// What is wrong and what to do.
    pub detail: String,
    /// The code of the BCSS for it, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
}

/// What is wrong in a row: the column, and what to do.
pub type Wrong = (String, String);

/// A column of a CSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The sender's key of the row.
    Key,
    /// A citizen.
    Niss,
    /// A mobile number.
    Mobile,
    /// An enterprise.
    Cbe,
    /// The language.
    Language,
    /// The variable at this place of the broadcast's list.
    Variable(usize),
}

/// Reads the header of a CSV: any subset in any order, as long as somebody can be named and each
/// variable of the content has its column.
pub fn header(names: &csv::ByteRecord, variables: &[Box<str>]) -> Result<Vec<Column>, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut columns = Vec::with_capacity(names.len());
    for (place, name) in names.iter().enumerate() {
        let name = std::str::from_utf8(name).unwrap_or_default();
        let name = if place == 0 { name.trim_start_matches('\u{feff}') } else { name }.trim();
        let column = match name {
            "key" => Some(Column::Key),
            "niss" => Some(Column::Niss),
            "mobile" => Some(Column::Mobile),
            "cbe" => Some(Column::Cbe),
            "language" => Some(Column::Language),
            _ => name
                .strip_prefix("var.")
                .and_then(|name| variables.iter().position(|known| **known == *name))
                .map(Column::Variable),
        };
        let at = || format!("column {}", place + 1);
        match column {
            None => faults.push(Fault::new(at(), format!("unknown: the columns are {COLUMNS}"))),
            Some(column) if columns.contains(&column) => faults.push(Fault::new(at(), "given twice: give it once")),
            Some(column) => columns.push(column),
        }
    }
    if !columns.iter().any(|column| matches!(column, Column::Niss | Column::Mobile | Column::Cbe)) {
        faults.push(Fault::new("header", "no column names a recipient: give niss, mobile or cbe"));
    }
    for (place, name) in variables.iter().enumerate() {
        if !columns.contains(&Column::Variable(place)) {
            faults.push(Fault::new(format!("var.{name}"), "missing: the content has this variable"));
        }
    }
    if faults.is_empty() { Ok(columns) } else { Err(faults) }
}

/// Reads a record of a CSV.
pub fn record(record: &csv::ByteRecord, columns: &[Column], variables: &[Box<str>], today: Date) -> Result<Row, Wrong> {
    if record.len() != columns.len() {
        let detail = format!("has {} fields and the header {}: give as many", record.len(), columns.len());
        return Err((String::new(), detail));
    }
    let mut row = Row { values: vec![Box::default(); variables.len()], ..Row::default() };
    for (field, column) in record.iter().zip(columns) {
        let Ok(text) = std::str::from_utf8(field) else {
            return Err((name(*column, variables), "is not UTF-8: save the file as UTF-8".to_owned()));
        };
        let wrong = |detail: String| (name(*column, variables), detail);
        if let Column::Variable(place) = *column {
            row.values[place] = value(text).map_err(wrong)?;
            continue;
        }
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        match *column {
            Column::Key => row.key = Some(submission::line(text, MAX_REFERENCE).map_err(wrong)?),
            Column::Niss => {
                row.recipient.niss = Some(Niss::parse(text, today).map_err(|error| wrong(error.to_string()))?);
            }
            Column::Mobile => {
                row.recipient.mobile = Some(Mobile::parse(text).map_err(|error| wrong(error.to_string()))?);
            }
            Column::Cbe => row.recipient.cbe = Some(Cbe::parse(text).map_err(|error| wrong(error.to_string()))?),
            Column::Language => {
                row.language = Some(Language::parse(text).map_err(|error| wrong(error.to_string()))?);
            }
            Column::Variable(_) => {}
        }
    }
    somebody(row)
}

fn somebody(row: Row) -> Result<Row, Wrong> {
    if row.recipient.is_empty() {
        return Err((String::new(), "nobody is named: give niss, mobile or cbe".to_owned()));
    }
    Ok(row)
}

fn name(column: Column, variables: &[Box<str>]) -> String {
    match column {
        Column::Key => "key".to_owned(),
        Column::Niss => "niss".to_owned(),
        Column::Mobile => "mobile".to_owned(),
        Column::Cbe => "cbe".to_owned(),
        Column::Language => "language".to_owned(),
        Column::Variable(place) => format!("var.{}", variables[place]),
    }
}

fn value(text: &str) -> Result<Box<str>, String> {
    if text.len() > MAX_VALUE && text.chars().count() > MAX_VALUE {
        return Err(format!("has more than {MAX_VALUE} characters: shorten it"));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err("has a control character: only line breaks and tabs are allowed".to_owned());
    }
    Ok(text.into())
}

/// Reads a line of NDJSON: at once when all is well, else member by member to say what is wrong.
pub fn json(line: &[u8], variables: &[Box<str>], today: Date) -> Result<Row, Wrong> {
    line::good(line, variables, today).map_or_else(|| by_members(line, variables, today), Ok)
}

fn by_members(line: &[u8], variables: &[Box<str>], today: Date) -> Result<Row, Wrong> {
    let parsed = Json::parse(line).map_err(|problem| match problem {
        Problem::MalformedJson(what) => (String::new(), format!("not JSON: {}", what.replace("at line 1, ", "at "))),
        other => (String::new(), other.to_string()),
    })?;
    let mut faults = Faults::default();
    let row = Object::of(parsed, "", &mut faults).map(|mut object| {
        let key = object.parsed("key", &mut faults, |text| submission::line(text, MAX_REFERENCE));
        let recipient = if let Some(recipient) = object.object("recipient", "/recipient", &mut faults) {
            submission::recipient(recipient, today, &mut faults)
        } else {
            object.fault("recipient", "missing: give niss, mobile or cbe", &mut faults);
            None
        };
        let language = object.parsed("language", &mut faults, Language::parse);
        let values = values(&mut object, variables, &mut faults);
        object.finish("key, recipient, language, variables", &mut faults);
        Row { key, recipient: recipient.unwrap_or_default(), language, values }
    });
    let first = faults.into_inner().into_iter().next();
    match (row, first) {
        (Some(row), None) => Ok(row),
        (_, Some(fault)) => Err((column_of(&fault.pointer), fault.detail)),
        (None, None) => Err((String::new(), "not a row: give an object".to_owned())),
    }
}

/// Columns have one name, however the row came.
fn column_of(pointer: &str) -> String {
    let pointer = pointer.strip_prefix("/recipient/").unwrap_or(pointer);
    match pointer.strip_prefix("/variables/") {
        Some(name) => format!("var.{name}"),
        None => pointer.trim_start_matches('/').to_owned(),
    }
}

fn values(object: &mut Object<'_>, variables: &[Box<str>], faults: &mut Faults) -> Vec<Box<str>> {
    let mut values = vec![None; variables.len()];
    if let Some(given) = object.object("variables", "/variables", faults) {
        for (name, given) in given.into_members() {
            let place = variables.iter().position(|known| **known == *name);
            match (place, given) {
                (None, _) => faults.add("/variables", "one of its members is no variable of the content: leave it out"),
                (Some(place), Json::Text(text)) => match value(&text) {
                    Ok(value) => values[place] = Some(value),
                    Err(detail) => faults.add(format!("/variables/{}", variables[place]), detail),
                },
                (Some(place), _) => faults.add(format!("/variables/{}", variables[place]), "must be a string"),
            }
        }
    }
    for (name, value) in variables.iter().zip(&values) {
        if value.is_none() && faults.is_empty() {
            faults.add(format!("/variables/{name}"), "missing: the content has this variable");
        }
    }
    values.into_iter().map(Option::unwrap_or_default).collect()
}

mod line;

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Date = jiff::civil::date(2026, 11, 23);

    fn names(list: &[&str]) -> Vec<Box<str>> {
        list.iter().map(|name| Box::from(*name)).collect()
    }

    fn fields(list: &[&str]) -> csv::ByteRecord {
        csv::ByteRecord::from(list.to_vec())
    }

    #[test]
    fn a_header_takes_any_subset_in_any_order_and_names_what_is_wrong() {
        let variables = names(&["amount"]);
        let good = header(&fields(&["\u{feff}var.amount", "mobile", "key"]), &variables).unwrap();
        assert_eq!(good, [Column::Variable(0), Column::Mobile, Column::Key]);
        let wrong: [(&[&str], &[&str]); 4] = [
            (&["mobile"], &["var.amount"]),
            (&["key", "var.amount"], &["header"]),
            (&["mobile", "mobile", "var.amount"], &["column 2"]),
            (&["mobile", "phone", "var.other", "var.amount"], &["column 2", "column 3"]),
        ];
        for (given, places) in wrong {
            let faults = header(&fields(given), &variables).unwrap_err();
            assert_eq!(faults.iter().map(|fault| &*fault.pointer).collect::<Vec<_>>(), places, "{given:?}");
        }
    }

    #[test]
    fn a_row_is_the_same_from_csv_and_from_ndjson() {
        let variables = names(&["amount", "due"]);
        let columns =
            [Column::Key, Column::Niss, Column::Mobile, Column::Language, Column::Variable(1), Column::Variable(0)];
        let csv = fields(&["k1", "85073003328", "0470 12 34 56", "nl", "1 May", "12,50"]);
        let json = br#"{"key":"k1","recipient":{"niss":"85073003328","mobile":"+32470123456"},"language":"nl",
            "variables":{"amount":"12,50","due":"1 May"}}"#;
        let row = record(&csv, &columns, &variables, TODAY).unwrap();
        assert_eq!(row, super::json(json, &variables, TODAY).unwrap());
        assert_eq!(row.values, names(&["12,50", "1 May"]));
    }

    #[test]
    fn a_bad_row_names_its_column_however_it_came() {
        let variables = names(&["a"]);
        let columns = [Column::Mobile, Column::Niss, Column::Variable(0)];
        let csv: [(&[&str], &str); 5] = [
            (&["12", "", "x"], "mobile"),
            (&["", "99073003360", "x"], "niss"),
            (&["", "", "x"], ""),
            (&["0470123456", "", "x\u{1}"], "var.a"),
            (&["0470123456", ""], ""),
        ];
        for (fields_given, column) in csv {
            let (found, _) = record(&fields(fields_given), &columns, &variables, TODAY).unwrap_err();
            assert_eq!(found, column, "{fields_given:?}");
        }
        let json = [
            (r#"{"recipient":{"mobile":"12"},"variables":{"a":"x"}}"#, "mobile"),
            (r#"{"recipient":{"niss":"99073003360"},"variables":{"a":"x"}}"#, "niss"),
            (r#"{"recipient":{},"variables":{"a":"x"}}"#, "recipient"),
            (r#"{"variables":{"a":"x"}}"#, "recipient"),
            (r#"{"recipient":{"mobile":"0470123456"}}"#, "var.a"),
            (r#"{"recipient":{"mobile":"0470123456"},"variables":{"a":1}}"#, "var.a"),
            (r#"{"recipient":{"mobile":"0470123456"},"variables":{"a":"1","b":"2"}}"#, "variables"),
            (r#"{"recipient":{"mobile":"0470123456"},"variables":{"a":"1"},"x":1}"#, "x"),
            ("nonsense", ""),
            ("[]", ""),
        ];
        for (line, column) in json {
            let (found, detail) = super::json(line.as_bytes(), &variables, TODAY).unwrap_err();
            assert_eq!(found, column, "{line}: {detail}");
            assert!(!detail.contains("99073003360"));
        }
    }

    #[test]
    fn a_line_that_is_read_at_once_is_what_its_members_say() {
        let variables = names(&["a", "b"]);
        let key =
            [r#""key":"k\u00e9\"1","#, r#""key":null,"#, r#""key":"","#, r#""key":1,"#, r#""key":"x","key":"y","#, ""];
        let recipient = [
            r#""recipient":{"mobile":"0470 12 34 56","niss":null},"#,
            r#""recipient":{"niss":"85073003328","cbe":"0403019261","mobile":"+32470123456"},"#,
            r#""recipient":{"niss":"85073003329"},"#,
            r#""recipient":{"niss":null},"#,
            r#""recipient":{"mobile":"0470123456","mobile":"0470123456"},"#,
            r#""recipient":{"mobile":"0470123456","other":1},"#,
            r#""recipient":null,"#,
            "",
        ];
        let language = [r#""language":"nl","#, r#""language":null,"#, r#""language":"xx","#, r#""other":[],"#, ""];
        let values = [
            r#""variables":{"b":"2\n","a":"1"}"#,
            r#""variables":{"a":"1","b":"2","a":"3"}"#,
            r#""variables":{"a":"1","b":""}"#,
            r#""variables":{"a":"1"}"#,
            r#""variables":{"a":"1","b":"2","c":"3"}"#,
            r#""variables":{"a":"1","b":null}"#,
            r#""variables":{"a":"1","b":"\u0001"}"#,
            r#""variables":null"#,
            r#""variables":{"a":"1","b":"2"},"variables":{}"#,
        ];
        let mut good = 0;
        for (key, recipient) in key.iter().flat_map(|key| recipient.iter().map(move |recipient| (key, recipient))) {
            for (language, values) in language.iter().flat_map(|l| values.iter().map(move |values| (l, values))) {
                let line = format!(" {{{key}{recipient}{language}{values}}} ");
                let at_once = line::good(line.as_bytes(), &variables, TODAY);
                let members = by_members(line.as_bytes(), &variables, TODAY);
                assert_eq!(at_once, members.ok(), "{line}");
                good += usize::from(at_once.is_some());
            }
        }
        assert!(good > 50, "{good}");
    }
}
