//! An upload of recipients: read while it arrives, its rows kept in a temporary file as the journal keeps them, then stored
//! chunk by chunk. Memory is bounded by a few chunks, whatever the length of the upload.
//!
//! Invariant: nothing of an upload is stored before all of it arrived, and with `refuse` before
//! every row of it was found good. Each line is read once.
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use actix_web::web;
use bytes::{Buf, Bytes};
use dashmap::DashMap;
use estafette_actors::domain::id::{BroadcastId, MAX_CHUNK_ROWS};
use estafette_actors::domain::submission::Row;
use estafette_actors::domain::template::Template;
use estafette_actors::messages::Refused;
use estafette_actors::ports::{Journal, PackedRows};
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
/// Bytes that arrive between two looks at the room on the disk.
const STRETCH: u64 = 1024 * 1024;
/// Pieces of a body between the one that takes them and the one that reads.
const PIECES: usize = 16;
/// Records of a CSV that are counted at once.
const RECORDS: usize = 1_024;
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
    /// Whether good rows are kept when there are bad ones.
    pub keep: bool,
    /// In whose form rows are kept.
    pub journal: Arc<dyn Journal>,
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

/// Takes a body in, piece by piece, within the bounds of uploads.
async fn arrive(
    app: &App,
    mut payload: web::Payload,
    mut take: impl AsyncFnMut(Bytes) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let settings = &app.parts.settings;
    let (mut total, mut looked_at) = (0_u64, 0_u64);
    loop {
        let next = tokio::time::timeout(settings.body_timeout, payload.next()).await.map_err(|_| Problem::TooSlow)?;
        let Some(bytes) = next else { return Ok(()) };
        let bytes = bytes.map_err(|_| Problem::BrokenBody)?;
        total += bytes.len() as u64;
        if total > settings.upload_bytes {
            return Err(Problem::TooLarge(settings.upload_bytes));
        }
        // The spool is on the journal's disk: what was accepted before needs its room.
        if total >= looked_at + STRETCH {
            looked_at = total;
            if app.parts.broker.journal().room() == 0 {
                return Err(Problem::DiskFull);
            }
        }
        take(bytes).await?;
    }
}

/// A temporary file without a name.
async fn temporary(app: &App) -> Result<File, Problem> {
    let folder = app.parts.settings.spool.clone();
    blocking(move || tempfile::tempfile_in(folder)).await
}

/// Reads a body while it arrives. Gives its good rows, in a temporary file, and what there was.
pub async fn receive(app: &App, payload: web::Payload, check: Check) -> Result<(File, Tally), Problem> {
    let file = temporary(app).await?;
    let (pieces, arriving) = mpsc::channel(PIECES);
    let arriving = Arriving { pieces: arriving, piece: Bytes::new() };
    let reading = tokio::task::spawn_blocking(move || read(arriving, file, &check));
    arrive(app, payload, async |bytes| {
        // Who reads may have ended over a header: what still comes is passed over, so that the sender hears of it.
        let _ = pieces.send(bytes).await;
        Ok(())
    })
    .await?;
    drop(pieces);
    reading.await.map_err(|_| Problem::Spool)?
}

/// Puts a body into a temporary file as it is.
pub async fn spool(app: &App, payload: web::Payload) -> Result<File, Problem> {
    let mut file = temporary(app).await?;
    let (pieces, arriving) = mpsc::channel(PIECES);
    let mut arriving = Arriving { pieces: arriving, piece: Bytes::new() };
    let writing = tokio::task::spawn_blocking(move || io::copy(&mut arriving, &mut file).map(|_| file));
    arrive(app, payload, async |bytes| pieces.send(bytes).await.map_err(|_| Problem::Spool)).await?;
    drop(pieces);
    writing.await.map_err(|_| Problem::Spool)?.map_err(unspooled)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|_| Problem::Spool)?;
    done.map_err(unspooled)
}

fn unspooled(error: io::Error) -> Problem {
    tracing::warn!(%error, "an upload could not be kept in the spool folder");
    Problem::Spool
}

/// Whether the disk has room for the rows of an upload.
pub async fn fits(app: &App, file: File) -> Result<File, Problem> {
    let (file, bytes) = blocking(move || file.metadata().map(|about| (file, about.len()))).await?;
    if app.parts.broker.journal().room() < bytes { Err(Problem::DiskFull) } else { Ok(file) }
}

/// Ends when a chunk is stored.
type Filling = LocalBoxFuture<'static, Result<(), Refused>>;

/// Stores the rows that [`receive`] kept, behind those that are there.
pub async fn store(app: &App, id: BroadcastId, mut file: File) -> Result<(), Problem> {
    let (chunks, mut filled) = mpsc::channel(AHEAD);
    let reading = tokio::task::spawn_blocking(move || {
        file.seek(SeekFrom::Start(0))?;
        let mut kept = BufReader::with_capacity(CHUNK_BYTES, file);
        while let Some(chunk) = kept_chunk(&mut kept)? {
            if chunks.blocking_send(chunk).is_err() {
                break;
            }
        }
        Ok::<_, io::Error>(())
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
    reading.await.map_err(|_| Problem::Spool)?.map_err(unspooled)
}

/// Puts a chunk into the file: how many rows, how many bytes, and these.
fn keep_chunk(out: &mut impl Write, chunk: &PackedRows) -> io::Result<()> {
    out.write_all(&chunk.count().to_le_bytes())?;
    out.write_all(&(chunk.bytes().len() as u32).to_le_bytes())?;
    out.write_all(chunk.bytes())
}

/// The next chunk of the file, unless that is over.
fn kept_chunk(kept: &mut impl BufRead) -> io::Result<Option<PackedRows>> {
    if kept.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let (mut count, mut length) = ([0; 2], [0; 4]);
    kept.read_exact(&mut count)?;
    kept.read_exact(&mut length)?;
    let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
    kept.read_exact(&mut bytes)?;
    Ok(Some(PackedRows::new(u16::from_le_bytes(count), bytes)))
}

/// A body, for a thread that waits for it.
struct Arriving {
    pieces: mpsc::Receiver<Bytes>,
    piece: Bytes,
}

impl Read for Arriving {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let there = self.fill_buf()?;
        let length = there.len().min(out.len());
        out[..length].copy_from_slice(&there[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Arriving {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.piece.is_empty()
            && let Some(piece) = self.pieces.blocking_recv()
        {
            self.piece = piece;
        }
        Ok(&self.piece)
    }

    fn consume(&mut self, length: usize) {
        self.piece.advance(length);
    }
}

/// What was read of some lines.
#[derive(Default)]
struct Parsed {
    /// Good rows, packed, one behind the other.
    rows: Vec<u8>,
    /// Where each ends.
    ends: Vec<u32>,
    wrong: Vec<(u64, Wrong)>,
}

impl Parsed {
    fn take(&mut self, line: u64, row: Result<Row, Wrong>, check: &Check) {
        match row.and_then(|row| check.fit(row)) {
            Ok(row) => {
                check.journal.pack(&row, &mut self.rows);
                self.ends.push(self.rows.len() as u32);
            }
            Err(wrong) => self.wrong.push((line, wrong)),
        }
    }
}

/// Keeps the good rows, and counts.
struct Keeper<'c> {
    check: &'c Check,
    tally: Tally,
    chunk: PackedRows,
    out: BufWriter<File>,
}

impl Keeper<'_> {
    fn take(&mut self, parsed: Parsed) -> io::Result<()> {
        self.tally.accepted += parsed.ends.len() as u64;
        self.tally.refused += parsed.wrong.len() as u64;
        for (line, (column, detail)) in parsed.wrong {
            if self.tally.errors.len() == self.check.reported {
                break;
            }
            self.tally.errors.push(BadRow { line, column, detail, code: None });
        }
        if self.tally.refused > 0 && !self.check.keep {
            // Nothing of it will be stored.
            return Ok(());
        }
        let mut begin = 0;
        for end in parsed.ends {
            let row = &parsed.rows[begin..end as usize];
            if self.chunk.bytes().len() + row.len() > CHUNK_BYTES || usize::from(self.chunk.count()) == MAX_CHUNK_ROWS {
                keep_chunk(&mut self.out, &self.chunk)?;
                self.chunk.clear();
            }
            self.chunk.push(row);
            begin = end as usize;
        }
        Ok(())
    }
}

/// Reads all rows, keeps the good ones, and counts.
fn read(arriving: Arriving, file: File, check: &Check) -> Result<(File, Tally), Problem> {
    let out = BufWriter::with_capacity(CHUNK_BYTES, file);
    let mut keeper = Keeper { check, tally: Tally::default(), chunk: PackedRows::default(), out };
    match check.form {
        Form::Csv => csv(arriving, check, &mut keeper)?,
        Form::Ndjson => ndjson(arriving, check, &mut keeper)?,
    }
    let Keeper { tally, chunk, mut out, .. } = keeper;
    if chunk.count() > 0 {
        keep_chunk(&mut out, &chunk).map_err(unspooled)?;
    }
    let file = out.into_inner().map_err(|error| unspooled(error.into_error()))?;
    Ok((file, tally))
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

fn csv(input: impl BufRead, check: &Check, keeper: &mut Keeper<'_>) -> Result<(), Problem> {
    let mut records = Records::of(input);
    let mut record = csv::ByteRecord::new();
    let unreadable = |fault: Fault| Problem::InvalidHeader(vec![fault]);
    let Some(first) = records.next(&mut record).map_err(unspooled)? else {
        return Err(unreadable(Fault::new("header", "the upload is empty: give a header and rows")));
    };
    if first.is_too_long {
        return Err(unreadable(Fault::new("header", format!("has more than {MAX_RECORD} bytes: check the quotes"))));
    }
    let columns = rows::header(&record, &check.variables).map_err(Problem::InvalidHeader)?;
    let mut parsed = Parsed::default();
    while let Some(found) = records.next(&mut record).map_err(unspooled)? {
        let row = if found.is_too_long {
            let detail = format!("the row that begins here has more than {MAX_RECORD} bytes: check the quotes");
            Err((String::new(), detail))
        } else {
            rows::record(&record, &columns, &check.variables, check.today)
        };
        parsed.take(found.line, row, check);
        if parsed.ends.len() + parsed.wrong.len() == RECORDS {
            keeper.take(std::mem::take(&mut parsed)).map_err(unspooled)?;
        }
    }
    keeper.take(parsed).map_err(unspooled)
}

fn ndjson(input: impl Read, check: &Check, keeper: &mut Keeper<'_>) -> Result<(), Problem> {
    let too_long = || format!("has more than {MAX_RECORD} bytes: end each row with a line break");
    let parse = |number: u64, line: Option<&[u8]>, parsed: &mut Parsed| {
        let row = line
            .map_or_else(|| Err((String::new(), too_long())), |line| rows::json(line, &check.variables, check.today));
        parsed.take(number, row, check);
    };
    let reading = lines::Reading { longest: MAX_RECORD, parse };
    lines::each(input, &reading, |parsed| keeper.take(parsed).map(|()| true)).map_err(unspooled)
}
