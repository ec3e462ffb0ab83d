//! An upload of recipients: kept in a temporary file while it is checked, then stored chunk by
//! chunk. Memory is bounded by a few chunks, whatever the length of the upload.
//!
//! Invariant: nothing of an upload is stored before all of it arrived, and with `refuse` before
//! every row of it was found good.
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use actix_web::web;
use bytes::BytesMut;
use dashmap::DashMap;
use estafette_actors::domain::id::{BroadcastId, MAX_CHUNK_ROWS};
use estafette_actors::domain::submission::Row;
use estafette_actors::domain::template::Template;
use estafette_actors::messages::Refused;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use jiff::civil::Date;
use serde::Serialize;
use tokio::sync::mpsc;
use utoipa::ToSchema;

use super::caller::Reaches;
use super::problem::{Fault, Problem};
use super::records::{MAX_RECORD, Records};
use super::rows::{self, BadRow, Wrong};
use super::{App, examples};

pub(super) mod lines;

/// Bytes of rows in a chunk at most.
const CHUNK_BYTES: usize = 262_000;
/// Bytes gathered before they go to the file.
const PIECE: usize = 1024 * 1024;
/// Chunks between the one that reads and the one that stores.
const AHEAD: usize = 2;
/// Chunks that are being stored: several share a commit, and one that is read meanwhile waits for none.
const UNDER_WAY: usize = 4;

/// What became of the rows of an upload.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(example = examples::tally)]
pub struct Tally {
    /// Rows stored.
    pub accepted: u64,
    /// Rows not taken.
    pub refused: u64,
    /// The first thousand of those, by line.
    pub errors: Vec<BadRow>,
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `text/csv`.
    Csv,
    /// `application/x-ndjson`.
    Ndjson,
}

/// What rows are checked against.
#[derive(Clone)]
pub struct Check {
    /// How they are written.
    pub form: Form,
    /// The content's variables.
    pub variables: Arc<[Box<str>]>,
    /// How long it gets with their values.
    pub template: Arc<Template>,
    /// The date, for birth dates in the future.
    pub today: Date,
    /// To whom the key may write.
    pub reaches: Reaches,
    /// Bad rows described at most.
    pub reported: usize,
}

/// What is being done with drafts just now.
pub type Marks = DashMap<BroadcastId, Mark>;

/// What is being done with a draft.
#[derive(Debug)]
pub enum Mark {
    /// So many uploads fill it.
    Filling(usize),
    /// It is being started: keys that came before are looked for, so nothing may be put in meanwhile.
    Starting,
}

/// A draft that is being filled or started, as long as this is kept: by any number of uploads, or by one start.
pub struct Marked {
    marks: Arc<Marks>,
    id: BroadcastId,
}

impl Marked {
    /// As being filled, also by others; refuses while it is being started.
    pub fn filling(app: &App, id: BroadcastId) -> Result<Self, Problem> {
        let marks = Arc::clone(&app.drafts);
        match &mut *marks.entry(id).or_insert(Mark::Filling(0)) {
            Mark::Filling(uploads) => *uploads += 1,
            Mark::Starting => return Err(Problem::UploadInProgress),
        }
        Ok(Self { marks, id })
    }

    /// As being started; refuses while it is being filled or started.
    pub fn starting(app: &App, id: BroadcastId) -> Result<Self, Problem> {
        let marks = Arc::clone(&app.drafts);
        match marks.entry(id) {
            dashmap::Entry::Vacant(free) => drop(free.insert(Mark::Starting)),
            dashmap::Entry::Occupied(_) => return Err(Problem::UploadInProgress),
        }
        Ok(Self { marks, id })
    }
}

impl Drop for Marked {
    fn drop(&mut self) {
        self.marks.remove_if_mut(&self.id, |_, mark| match mark {
            Mark::Filling(uploads) => {
                *uploads -= 1;
                *uploads == 0
            }
            Mark::Starting => true,
        });
    }
}

/// Puts a body into a temporary file without a name.
pub async fn spool(app: &App, mut payload: web::Payload) -> Result<File, Problem> {
    let settings = &app.parts.settings;
    let folder = settings.spool.clone();
    let mut file = blocking(move || tempfile::tempfile_in(folder)).await?;
    let (mut piece, mut total) = (BytesMut::with_capacity(PIECE), 0_u64);
    loop {
        let next = tokio::time::timeout(settings.body_timeout, payload.next()).await.map_err(|_| Problem::TooSlow)?;
        if let Some(bytes) = next {
            let bytes = bytes.map_err(|_| Problem::BrokenBody)?;
            total += bytes.len() as u64;
            if total > settings.upload_bytes {
                return Err(Problem::TooLarge(settings.upload_bytes));
            }
            piece.extend_from_slice(&bytes);
            if piece.len() < PIECE {
                continue;
            }
        }
        let over = piece.len() < PIECE;
        // The spool is on the journal's disk: what was accepted before needs its room.
        if app.parts.broker.journal().room() == 0 {
            return Err(Problem::DiskFull);
        }
        let full = std::mem::replace(&mut piece, BytesMut::with_capacity(PIECE));
        file = blocking(move || file.write_all(&full).map(|()| file)).await?;
        if over {
            return Ok(file);
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|_| Problem::Spool)?;
    done.map_err(|error| {
        tracing::warn!(%error, "an upload could not be kept in the spool folder");
        Problem::Spool
    })
}

/// Checks every row and stores none.
pub async fn check(mut file: File, check: Check) -> Result<(File, Tally), Problem> {
    let work = move || {
        file.seek(SeekFrom::Start(0)).map_err(|_| Problem::Spool)?;
        let tally = read(&file, &check, &mut |_| true)?;
        Ok((file, tally))
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| Problem::Spool)?
}

/// Whether the disk has room for all of an upload: rows take about as many bytes as in it.
pub async fn fits(app: &App, file: File) -> Result<File, Problem> {
    let (file, bytes) = blocking(move || file.metadata().map(|about| (file, about.len()))).await?;
    if app.parts.broker.journal().room() < bytes { Err(Problem::DiskFull) } else { Ok(file) }
}

/// Ends when a chunk is stored.
type Filling = LocalBoxFuture<'static, Result<(), Refused>>;

/// Stores the good rows, behind those that are there.
pub async fn store(app: &App, id: BroadcastId, mut file: File, check: Check) -> Result<Tally, Problem> {
    let (chunks, mut filled) = mpsc::channel::<Vec<Row>>(AHEAD);
    let reading = tokio::task::spawn_blocking(move || {
        file.seek(SeekFrom::Start(0)).map_err(|_| Problem::Spool)?;
        let mut chunk = Filler { rows: Vec::new(), bytes: 0, chunks };
        let tally = read(&file, &check, &mut |row| chunk.take(row))?;
        chunk.hand_over();
        Ok::<_, Problem>(tally)
    });
    let mut under_way: VecDeque<Filling> = VecDeque::with_capacity(UNDER_WAY);
    while let Some(rows) = filled.recv().await {
        if under_way.len() == UNDER_WAY
            && let Some(first) = under_way.pop_front()
        {
            first.await?;
        }
        under_way.push_back(Box::pin(app.parts.broker.fill(id, rows).await?));
    }
    for stored in under_way {
        stored.await?;
    }
    reading.await.map_err(|_| Problem::Spool)?
}

/// Gathers rows to chunks.
struct Filler {
    rows: Vec<Row>,
    bytes: usize,
    chunks: mpsc::Sender<Vec<Row>>,
}

impl Filler {
    /// Takes a row; false when nobody stores chunks any more.
    fn take(&mut self, row: Row) -> bool {
        let weight = rows::weight(&row);
        let full = self.bytes + weight > CHUNK_BYTES || self.rows.len() == MAX_CHUNK_ROWS;
        if full && !self.hand_over() {
            return false;
        }
        self.bytes += weight;
        self.rows.push(row);
        true
    }

    fn hand_over(&mut self) -> bool {
        self.bytes = 0;
        self.rows.is_empty() || self.chunks.blocking_send(std::mem::take(&mut self.rows)).is_ok()
    }
}

/// Reads all rows, gives the good ones to `take` and counts; ends early when `take` says false.
fn read(file: &File, check: &Check, take: &mut dyn FnMut(Row) -> bool) -> Result<Tally, Problem> {
    let mut tally = Tally::default();
    let mut row = |line: u64, row: Result<Row, Wrong>| match row {
        Ok(row) => {
            tally.accepted += 1;
            take(row)
        }
        Err((column, detail)) => {
            tally.refused += 1;
            if tally.errors.len() < check.reported {
                tally.errors.push(BadRow { line, column, detail, code: None });
            }
            true
        }
    };
    match check.form {
        Form::Csv => csv(BufReader::with_capacity(256 * 1024, file), check, &mut row)?,
        Form::Ndjson => ndjson(file, check, &mut row)?,
    }
    Ok(tally)
}

impl Check {
    /// A row that the key may write to, and whose values the content has room for.
    fn fit(&self, row: Row) -> Result<Row, Wrong> {
        self.reaches.check(&row.recipient).map_err(|what| ("recipient".to_owned(), what.to_owned()))?;
        let filled = self.template.check(&row.values, row.language);
        filled.map_err(|error| (String::new(), format!("with these values {error}")))?;
        Ok(row)
    }
}

type Take<'t> = &'t mut dyn FnMut(u64, Result<Row, Wrong>) -> bool;

fn csv(input: impl BufRead, check: &Check, take: Take<'_>) -> Result<(), Problem> {
    let mut records = Records::of(input);
    let mut record = csv::ByteRecord::new();
    let unreadable = |fault: Fault| Problem::InvalidHeader(vec![fault]);
    let Some(first) = records.next(&mut record).map_err(|_| Problem::Spool)? else {
        return Err(unreadable(Fault::new("header", "the upload is empty: give a header and rows")));
    };
    if first.is_too_long {
        return Err(unreadable(Fault::new("header", format!("has more than {MAX_RECORD} bytes: check the quotes"))));
    }
    let columns = rows::header(&record, &check.variables).map_err(Problem::InvalidHeader)?;
    while let Some(found) = records.next(&mut record).map_err(|_| Problem::Spool)? {
        let row = if found.is_too_long {
            let detail = format!("the row that begins here has more than {MAX_RECORD} bytes: check the quotes");
            Err((String::new(), detail))
        } else {
            rows::record(&record, &columns, &check.variables, check.today).and_then(|row| check.fit(row))
        };
        if !take(found.line, row) {
            break;
        }
    }
    Ok(())
}

fn ndjson(input: impl Read, check: &Check, take: Take<'_>) -> Result<(), Problem> {
    let reading = lines::Reading {
        longest: MAX_RECORD,
        parse: |line: &[u8]| rows::json(line, &check.variables, check.today).and_then(|row| check.fit(row)),
        too_long: || Err((String::new(), format!("has more than {MAX_RECORD} bytes: end each row with a line break"))),
    };
    lines::each(input, &reading, take).map_err(|_| Problem::Spool)
}
