//! Bodies of many lines, CSV or NDJSON: kept in a temporary file while they are read, in batches, with a report by line.
//!
//! Invariant: memory holds a few batches, whatever the length of a body or of a line. Nothing is done before all of a body arrived,
//! and with `refuse` before every line of it was found good. A report names lines, fields and what to do, and never a value.
use std::borrow::Cow;
use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};
use std::sync::Arc;

use actix_web::{HttpRequest, web};
use estafette_actors::domain::niss::Niss;
use estafette_actors::ports::register::Trouble;
use jiff::civil::Date;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::refused::INVALID;
use crate::api::App;
use crate::api::body::media_type;
use crate::api::json::{Faults, Json, Object};
use crate::api::problem::{Fault, Problem};
use crate::api::records::{MAX_RECORD, Records};
use crate::api::rows::BadRow;
use crate::api::upload::{self, Form, Tally, lines};

/// Lines that are handed on at once: a commit, mostly.
pub const BATCH: usize = 4_096;
/// Batches between the one who reads and the one who acts.
const AHEAD: usize = 2;

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    field: Cow<'static, str>,
    detail: String,
    code: Option<&'static str>,
}

impl Wrong {
    /// In a field; an empty name for the line as a whole.
    pub fn new(field: impl Into<Cow<'static, str>>, detail: impl ToString) -> Self {
        Self { field: field.into(), detail: detail.to_string(), code: None }
    }

    /// With a code of the BCSS.
    pub fn coded(mut self, code: Option<&'static str>) -> Self {
        self.code = code;
        self
    }
}

/// The fields of a line, in the order of the columns that its source names; what is empty is not there.
pub type Fields<'f> = Vec<Option<Cow<'f, str>>>;

/// Reads a field, where it is there.
pub fn read<T, E: ToString>(
    field: &'static str,
    text: Option<&str>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, Wrong> {
    text.map(parse).transpose().map_err(|error| Wrong::new(field, error))
}

/// Reads a NISS, where it is there.
pub fn niss(field: &'static str, text: Option<&str>, today: Date) -> Result<Option<Niss>, Wrong> {
    let read = text.map(|text| Niss::parse(text, today)).transpose();
    read.map_err(|error| Wrong::new(field, error).coded(Some(INVALID)))
}

type OfFields<T> = Arc<dyn Fn(&Fields<'_>) -> Result<T, Wrong> + Send + Sync>;
type OfLine<T> = Arc<dyn Fn(&[u8]) -> Result<T, Wrong> + Send + Sync>;

/// What lines say, and how it is read.
pub struct Source<T> {
    columns: &'static [&'static str],
    needed: &'static [&'static str],
    fields: OfFields<T>,
    line: OfLine<T>,
}

impl<T> Clone for Source<T> {
    fn clone(&self) -> Self {
        Self {
            columns: self.columns,
            needed: self.needed,
            fields: Arc::clone(&self.fields),
            line: Arc::clone(&self.line),
        }
    }
}

impl<T: 'static> Source<T> {
    /// Of columns, which are members of the same names in NDJSON.
    pub fn columns(
        columns: &'static [&'static str],
        needed: &'static [&'static str],
        parse: impl Fn(&Fields<'_>) -> Result<T, Wrong> + Send + Sync + 'static,
    ) -> Self {
        let fields: OfFields<T> = Arc::new(parse);
        let of_json = Arc::clone(&fields);
        Self { columns, needed, fields, line: Arc::new(move |line| of_json(&members(line, columns)?)) }
    }

    /// Of objects only.
    pub fn objects(parse: impl Fn(&[u8]) -> Result<T, Wrong> + Send + Sync + 'static) -> Self {
        let no_columns = Arc::new(|_: &Fields<'_>| Err(Wrong::new("", "send NDJSON")));
        Self { columns: &[], needed: &[], fields: no_columns, line: Arc::new(parse) }
    }
}

/// The object of a line of NDJSON.
pub fn object<'l>(line: &'l [u8], faults: &mut Faults) -> Result<Option<Object<'l>>, Wrong> {
    let parsed = Json::parse(line).map_err(|problem| match problem {
        Problem::MalformedJson(what) => Wrong::new("", format!("not JSON: {}", what.replace("at line 1, ", "at "))),
        other => Wrong::new("", other),
    })?;
    Ok(Object::of(parsed, "", faults))
}

/// The first of some faults, as what is wrong with a line.
pub fn first(faults: Faults) -> Result<(), Wrong> {
    match faults.into_inner().into_iter().next() {
        None => Ok(()),
        Some(fault) => {
            let field = fault.pointer.trim_start_matches('/').to_owned();
            Err(Wrong { field: field.into(), detail: fault.detail, code: fault.code })
        }
    }
}

/// The members of a line of NDJSON by the names of columns; true and false stand as words.
fn members<'l>(line: &'l [u8], columns: &'static [&'static str]) -> Result<Fields<'l>, Wrong> {
    let mut faults = Faults::default();
    let mut found: Fields<'l> = vec![None; columns.len()];
    if let Some(object) = object(line, &mut faults)? {
        for (name, value) in object.into_members() {
            let place = columns.iter().position(|known| **known == *name);
            let Some(place) = place else {
                return Err(Wrong::new("", format!("one of its members is unknown: give {}", columns.join(", "))));
            };
            let value = match value {
                Json::Null => continue,
                Json::Text(text) => text,
                Json::Bool(truth) => Cow::Borrowed(if truth { "true" } else { "false" }),
                _ => return Err(Wrong::new(columns[place], "must be a string")),
            };
            if found[place].is_some() {
                return Err(Wrong::new(columns[place], "given twice: give it once"));
            }
            found[place] = Some(value).filter(|value| !value.trim().is_empty());
        }
    }
    first(faults).map(|()| found)
}

/// The places of a CSV's columns among those that are known.
fn header(
    names: &csv::ByteRecord,
    columns: &'static [&'static str],
    needed: &[&'static str],
) -> Result<Vec<usize>, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut places = Vec::with_capacity(names.len());
    for (number, name) in (1..).zip(names.iter()) {
        let name = std::str::from_utf8(name).unwrap_or_default().trim_start_matches('\u{feff}').trim();
        match columns.iter().position(|known| *known == name) {
            None => {
                let detail = format!("unknown: the columns are {}", columns.join(", "));
                faults.push(Fault::new(format!("column {number}"), detail));
            }
            Some(place) if places.contains(&place) => {
                faults.push(Fault::new(format!("column {number}"), "given twice: give it once"));
            }
            Some(place) => places.push(place),
        }
    }
    for name in needed {
        if !places.iter().any(|place| columns[*place] == *name) {
            faults.push(Fault::new(*name, "missing: the header must have this column"));
        }
    }
    if faults.is_empty() { Ok(places) } else { Err(faults) }
}

fn record<'r>(record: &'r csv::ByteRecord, places: &[usize], columns: &[&'static str]) -> Result<Fields<'r>, Wrong> {
    if record.len() != places.len() {
        let detail = format!("has {} fields and the header {}: give as many", record.len(), places.len());
        return Err(Wrong::new("", detail));
    }
    let mut found: Fields<'r> = vec![None; columns.len()];
    for (field, place) in record.iter().zip(places) {
        let text = std::str::from_utf8(field);
        let text = text.map_err(|_| Wrong::new(columns[*place], "is not UTF-8: save the file as UTF-8"))?.trim();
        found[*place] = (!text.is_empty()).then_some(Cow::Borrowed(text));
    }
    Ok(found)
}

/// Lines that were read, with their numbers.
pub type Batch<T> = Vec<(u64, Result<T, Wrong>)>;

/// What one bad line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// Nothing is done.
    Refuse,
    /// The others are taken.
    Keep,
}

/// Reads `on_error` out of a query; gives the other parameters back.
pub fn on_error(parameters: Vec<(String, String)>) -> Result<(OnError, Vec<(String, String)>), Problem> {
    let (mut on_error, mut others) = (OnError::Refuse, Vec::new());
    for (name, value) in parameters {
        match (name.as_str(), value.as_str()) {
            ("on_error", "refuse") => on_error = OnError::Refuse,
            ("on_error", "keep") => on_error = OnError::Keep,
            ("on_error", _) => return Err(Problem::InvalidQuery(vec![Fault::new(name, "give refuse or keep")])),
            _ => others.push((name, value)),
        }
    }
    Ok((on_error, others))
}

/// In which form the lines of a body are, by its type.
pub fn form(request: &HttpRequest, has_columns: bool) -> Result<Form, Problem> {
    match media_type(request).as_deref() {
        Some("application/x-ndjson" | "application/ndjson" | "application/jsonl") => Ok(Form::Ndjson),
        Some("text/csv") if has_columns => Ok(Form::Csv),
        _ if has_columns => Err(Problem::UnsupportedMediaType("application/x-ndjson or text/csv")),
        _ => Err(Problem::UnsupportedMediaType("application/x-ndjson")),
    }
}

/// A body that arrived whole.
pub struct Body {
    file: File,
    form: Form,
    reported: usize,
    on_error: OnError,
    _slot: OwnedSemaphorePermit,
}

impl Body {
    /// Takes a body in.
    pub async fn arrive(app: &App, payload: web::Payload, form: Form, on_error: OnError) -> Result<Self, Problem> {
        let slot = Arc::clone(&app.upload_slots).try_acquire_owned();
        let slot = slot.map_err(|_| Problem::Overloaded(std::time::Duration::from_secs(1)))?;
        let file = upload::spool(app, payload).await?;
        Ok(Self { file, form, reported: app.parts.settings.reported_rows, on_error, _slot: slot })
    }

    /// Goes through its lines: `act` is handed each batch, and whether it is to do it or only to look; what it refuses it puts into the
    /// report.
    pub async fn go_through<T: Send + 'static, R: AsRef<Told> + AsMut<Told>>(
        self,
        source: &Source<T>,
        report: impl Fn(Told) -> R,
        mut act: impl AsyncFnMut(Batch<T>, bool, &mut R) -> Result<(), Problem>,
    ) -> Result<R, Problem> {
        let mut file = self.file;
        let told = || Told { tally: Tally::default(), reported: self.reported };
        for is_done in [false, true] {
            if !is_done && self.on_error == OnError::Keep {
                continue;
            }
            let mut report = report(told());
            let (mut batches, reading) = batches(file, self.form, source.clone());
            while let Some(batch) = batches.recv().await {
                act(batch, is_done, &mut report).await?;
            }
            file = reading.await.map_err(|_| Problem::Spool)??;
            if is_done {
                return Ok(report);
            }
            if report.as_ref().tally.refused > 0 {
                return Err(Problem::BadRows(Box::new(report.as_mut().finish())));
            }
        }
        Ok(report(told()))
    }
}

/// What is told of lines.
#[derive(Debug, Default)]
pub struct Told {
    /// How many were taken and not, and why not.
    pub tally: Tally,
    reported: usize,
}

impl Told {
    /// A line is not taken.
    pub fn bad(&mut self, line: u64, wrong: Wrong) {
        self.tally.refused += 1;
        if self.tally.errors.len() < self.reported {
            let Wrong { field, detail, code } = wrong;
            self.tally.errors.push(BadRow { line, column: field.into_owned(), detail, code });
        }
    }

    /// All that is told, by line.
    pub fn finish(&mut self) -> Tally {
        self.tally.errors.sort_by_key(|error| error.line);
        std::mem::take(&mut self.tally)
    }

    /// The good lines of a batch; the bad ones are told.
    pub fn good<T>(&mut self, batch: Batch<T>) -> Vec<(u64, T)> {
        let mut good = Vec::with_capacity(batch.len());
        for (line, read) in batch {
            match read {
                Ok(read) => good.push((line, read)),
                Err(wrong) => self.bad(line, wrong),
            }
        }
        good
    }
}

type Reading = tokio::task::JoinHandle<Result<File, Problem>>;

/// Reads a file on a thread of its own.
fn batches<T: Send + 'static>(mut file: File, form: Form, source: Source<T>) -> (mpsc::Receiver<Batch<T>>, Reading) {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let reading = tokio::task::spawn_blocking(move || {
        file.seek(SeekFrom::Start(0)).map_err(|_| Problem::Spool)?;
        let mut batch = Vec::with_capacity(BATCH);
        let mut take = |line, read| {
            batch.push((line, read));
            batch.len() < BATCH
                || sender.blocking_send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH))).is_ok()
        };
        match form {
            Form::Csv => csv(&file, &source, &mut take)?,
            Form::Ndjson => ndjson(&file, &source, &mut take)?,
        }
        // Nobody waits for it when the one who acts has given up.
        if !batch.is_empty() {
            let _ = sender.blocking_send(batch);
        }
        Ok(file)
    });
    (receiver, reading)
}

fn csv<T: 'static>(
    file: &File,
    source: &Source<T>,
    take: &mut dyn FnMut(u64, Result<T, Wrong>) -> bool,
) -> Result<(), Problem> {
    let mut records = Records::of(BufReader::with_capacity(256 * 1024, file));
    let mut fields = csv::ByteRecord::new();
    let unreadable = |detail: String| Problem::InvalidHeader(vec![Fault::new("header", detail)]);
    let Some(first) = records.next(&mut fields).map_err(|_| Problem::Spool)? else {
        return Err(unreadable("there is none: give a header and rows".to_owned()));
    };
    if first.is_too_long {
        return Err(unreadable(format!("has more than {MAX_RECORD} bytes: check the quotes")));
    }
    let places = header(&fields, source.columns, source.needed).map_err(Problem::InvalidHeader)?;
    while let Some(found) = records.next(&mut fields).map_err(|_| Problem::Spool)? {
        let read = if found.is_too_long {
            let detail = format!("the row that begins here has more than {MAX_RECORD} bytes: check the quotes");
            Err(Wrong::new("", detail))
        } else {
            record(&fields, &places, source.columns).and_then(|fields| (source.fields)(&fields))
        };
        if !take(found.line, read) {
            break;
        }
    }
    Ok(())
}

fn ndjson<T: Send + 'static>(
    file: &File,
    source: &Source<T>,
    take: &mut dyn FnMut(u64, Result<T, Wrong>) -> bool,
) -> Result<(), Problem> {
    let too_long = || format!("has more than {MAX_RECORD} bytes: end each row with a line break");
    let parse = |number: u64, line: Option<&[u8]>, batch: &mut Batch<T>| {
        let read = line.map_or_else(|| Err(Wrong::new("", too_long())), |line| (source.line)(line));
        batch.push((number, read));
    };
    let reading = lines::Reading { longest: MAX_RECORD, parse };
    let taken = |batch: Batch<T>| Ok(batch.into_iter().all(|(number, read)| take(number, read)));
    lines::each(file, &reading, taken).map_err(|_| Problem::Spool)
}

/// Does lines all at once, or where some of them can't be done, the others: a batch that is refused for one is cut until that one
/// stands alone. Gives the lines that can't be done, with why.
pub async fn apart<L: Clone, R>(
    lines: Vec<(u64, L)>,
    is_for_one: impl Fn(&Trouble) -> bool,
    act: impl AsyncFn(Vec<L>) -> Result<R, Trouble>,
    mut done: impl FnMut(R),
) -> Result<Vec<(u64, Wrong)>, Problem> {
    let mut bad = Vec::new();
    let mut parts = vec![lines];
    while let Some(mut part) = parts.pop() {
        if part.is_empty() {
            continue;
        }
        match act(part.iter().map(|(_, line)| line.clone()).collect()).await {
            Ok(outcome) => done(outcome),
            Err(trouble) if is_for_one(&trouble) && part.len() == 1 => {
                bad.extend(part.iter().map(|(line, _)| (*line, Wrong::new("", &trouble))));
            }
            Err(trouble) if is_for_one(&trouble) => {
                let rest = part.split_off(part.len() / 2);
                parts.extend([rest, part]);
            }
            Err(trouble) => return Err(trouble.into()),
        }
    }
    Ok(bad)
}

/// A parameter that is given where it means nothing.
pub fn none_left(others: Vec<(String, String)>, known: &str) -> Result<(), Problem> {
    match others.into_iter().next() {
        None => Ok(()),
        Some((name, _)) => Err(crate::api::listing::unknown(&name, known)),
    }
}

/// What came of a NISS that is needed in a line.
pub fn missing(field: &'static str) -> Wrong {
    Wrong::new(field, "missing: every row has it")
}

#[cfg(test)]
mod tests;
