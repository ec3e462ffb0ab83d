//! Between which keys lies what a closed segment holds.
use estafette_actors::ports::Position;
use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable};

use super::super::Error;
use super::super::layout::{BROADCAST, CHUNK, FEED, MESSAGE, Record, TRAIL};

/// Between which keys lies what a closed segment holds, so that its tables are opened by those only who may find something there: a
/// long history has hundreds of segments.
#[derive(Clone, Copy, Debug)]
pub struct Spans {
    /// Of single messages.
    pub messages: Span,
    /// Of chunks.
    pub chunks: Span,
    /// Of broadcasts.
    pub broadcasts: Span,
    /// Of the messages and chunks that facts are about.
    pub trail: Span,
    /// The last position.
    pub last: Position,
}

/// The first and the last key of a table, unless it is empty.
pub type Span = Option<(u128, u128)>;

impl Spans {
    /// Looks at the ends of each table.
    pub fn of(database: &Database) -> Result<Self, Error> {
        let read = database.begin_read()?;
        let trail = read.open_table(TRAIL)?;
        let trail = trail.first()?.zip(trail.last()?).map(|((first, _), (last, _))| (first.value().0, last.value().0));
        let (messages, chunks) = (span(&read.open_table(MESSAGE)?)?, span(&read.open_table(CHUNK)?)?);
        let broadcasts = span(&read.open_table(BROADCAST)?)?;
        let last = read.open_table(FEED)?.last()?.map_or(0, |(position, _)| position.value());
        Ok(Self { messages, chunks, broadcasts, trail, last })
    }
}

/// Of a table.
pub fn span(table: &ReadOnlyTable<u128, Record>) -> Result<Span, Error> {
    let first = table.first()?.map(|(key, _)| key.value());
    let last = table.last()?.map(|(key, _)| key.value());
    Ok(first.zip(last))
}

/// Whether a key may be there.
pub fn holds(span: Span, key: u128) -> bool {
    span.is_some_and(|(first, last)| (first..=last).contains(&key))
}
