//! What is told: one feed for the mailboxes of citizens, one for those of enterprises.
//!
//! Invariant: numbers follow each other without a gap, and times don't go back unless the clock was put back by an hour. The events of
//! one change, kind and document are one record, under the number of the last: of a call that linked the mailboxes stand in its
//! record, which stays as long as its events; of others they stand here.
use std::ops::ControlFlow;

use estafette_actors::domain::mailbox::document::DocumentId;
use estafette_actors::domain::mailbox::event::{Event, Kind};
use estafette_actors::domain::mailbox::{Audience, MailboxId};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::mailbox::{Events, Trouble};
use serde::{Deserialize, Serialize};

use super::super::codec;
use super::super::engine::{Draft, Engine, Value};
use super::link::View;
use super::{EVENTS, LINKS, array, counter, damaged, last_u64};

/// Whose mailboxes a record is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum About {
    /// Those of a call that linked, all of the feed's audience.
    Link(u64),
    /// These, eight bytes each.
    These(Vec<u8>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    first: u64,
    at: Timestamp,
    kind: Kind,
    document: DocumentId,
    about: About,
}

const fn feed(audience: Audience) -> (u8, &'static [u8]) {
    match audience {
        Audience::Citizen => (b'c', counter::CITIZEN_EVENT),
        Audience::Enterprise => (b'e', counter::ENTERPRISE_EVENT),
    }
}

fn key(audience: Audience, number: u64) -> [u8; 9] {
    let mut key = [0; 9];
    key[0] = feed(audience).0;
    key[1..].copy_from_slice(&number.to_be_bytes());
    key
}

fn put(draft: &mut Draft<'_>, audience: Audience, count: u64, record: Record) -> Result<(), Trouble> {
    if count == 0 {
        return Ok(());
    }
    let first = counter::take(draft, feed(audience).1, count)?;
    draft.put(EVENTS, &key(audience, first + count - 1), codec::encode(&Record { first, ..record }));
    Ok(())
}

/// Tells of a call that linked: its record, and how many of its mailboxes are citizens', who come first.
pub fn linked(
    draft: &mut Draft<'_>,
    position: u64,
    document: DocumentId,
    at: Timestamp,
    counts: (usize, usize),
) -> Result<(), Trouble> {
    for (audience, count) in [(Audience::Citizen, counts.0), (Audience::Enterprise, counts.1)] {
        let record = Record { first: 0, at, kind: Kind::NewDocument, document, about: About::Link(position) };
        put(draft, audience, count as u64, record)?;
    }
    Ok(())
}

/// Tells the same of some mailboxes, which are sorted.
pub fn told(
    draft: &mut Draft<'_>,
    kind: Kind,
    document: DocumentId,
    at: Timestamp,
    mailboxes: &[u64],
) -> Result<(), Trouble> {
    let citizens = mailboxes.partition_point(|key| MailboxId::from_key(*key).audience() == Audience::Citizen);
    let (citizens, enterprises) = mailboxes.split_at(citizens);
    for (audience, some) in [(Audience::Citizen, citizens), (Audience::Enterprise, enterprises)] {
        let about = About::These(some.iter().flat_map(|key| key.to_be_bytes()).collect());
        put(draft, audience, some.len() as u64, Record { first: 0, at, kind, document, about })?;
    }
    Ok(())
}

impl Record {
    /// Puts the events of this record from a number on behind others, up to so many; gives whether they are still known.
    fn events(
        &self,
        engine: &Engine,
        audience: Audience,
        last: u64,
        from: u64,
        most: usize,
        into: &mut Vec<Event>,
    ) -> Result<bool, Trouble> {
        let skip = from.saturating_sub(self.first) as usize;
        let mut take = |keys: &mut dyn Iterator<Item = u64>| {
            for (number, key) in (self.first..=last).zip(keys).skip(skip) {
                if into.len() >= most {
                    break;
                }
                let (at, kind, document) = (self.at, self.kind, self.document);
                into.push(Event { sequence: number, at, kind, mailbox: MailboxId::from_key(key), document });
            }
        };
        match &self.about {
            About::These(bytes) => {
                let (keys, _) = bytes.as_chunks::<8>();
                take(&mut keys.iter().map(|key| u64::from_be_bytes(*key)));
                Ok(true)
            }
            About::Link(position) => engine.with(LINKS, &position.to_be_bytes(), |link| {
                let Some(link) = link else { return Ok(false) };
                let view = View::of(link).ok_or_else(damaged)?;
                let first = if audience == Audience::Citizen { 0 } else { view.citizens() };
                take(&mut view.recipients().skip(first));
                Ok(true)
            })?,
        }
    }
}

fn decode(value: &[u8]) -> Result<Record, Trouble> {
    codec::decode(value).map_err(|_| damaged())
}

/// Events after a number, oldest first; with `from` those of that time or later only.
pub fn events(
    engine: &Engine,
    audience: Audience,
    after: u64,
    from: Option<Timestamp>,
    limit: usize,
) -> Result<Events, Trouble> {
    let mut first = after.saturating_add(1);
    if let Some(from) = from {
        first = first.max(first_at(engine, audience, from)?);
    }
    let mut records: Vec<(u64, Value)> = Vec::new();
    let end = [feed(audience).0 + 1];
    let mut seen = 0_u64;
    // One more than is wanted tells whether there is more.
    let wanted = limit as u64 + 1;
    engine.scan(EVENTS, &key(audience, first), Some(&end), |key, value| {
        let Some(last) = last_u64(key) else { return ControlFlow::Break(()) };
        records.push((last, value.into()));
        seen = (last + 1).saturating_sub(first);
        if seen >= wanted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let mut events = Vec::with_capacity(limit.min(seen as usize));
    for (last, value) in records {
        let record = decode(&value)?;
        if !record.events(engine, audience, last, first, limit, &mut events)? {
            // Past its time: it went meanwhile.
            seen = seen.saturating_sub(last + 1 - record.first.max(first));
        }
    }
    Ok(Events { has_next: seen > events.len() as u64, events })
}

/// The record that holds a number, or the next: its first number and its time.
fn at_or_after(engine: &Engine, audience: Audience, number: u64) -> Result<Option<(u64, u64, Timestamp)>, Trouble> {
    let mut found = None;
    engine.scan(EVENTS, &key(audience, number), Some(&[feed(audience).0 + 1]), |key, value| {
        found = Some((key.get(1..).and_then(array).map_or(0, u64::from_be_bytes), decode(value)));
        ControlFlow::Break(())
    })?;
    found.map(|(last, record)| record.map(|record| (record.first, last, record.at))).transpose()
}

/// The number of the first event of a time or later: times grow with numbers, so by halves.
fn first_at(engine: &Engine, audience: Audience, from: Timestamp) -> Result<u64, Trouble> {
    let (mut low, mut high) = (1, counter::read(engine, feed(audience).1)? + 1);
    while low < high {
        let middle = u64::midpoint(low, high);
        match at_or_after(engine, audience, middle)? {
            Some((_, last, at)) if at < from => low = last + 1,
            Some((first, ..)) if first <= low => return Ok(low),
            Some((first, ..)) => high = first.min(middle),
            None => high = middle,
        }
    }
    Ok(low)
}

/// Lets go of a part of what was told before a time; gives how many records went.
pub fn let_go(draft: &mut Draft<'_>, before: Timestamp, most: usize) -> Result<usize, Trouble> {
    let mut old: Vec<Vec<u8>> = Vec::new();
    for audience in [Audience::Citizen, Audience::Enterprise] {
        draft.scan(EVENTS, &key(audience, 0), Some(&[feed(audience).0 + 1]), |key, value| {
            // What can't be read is not let go.
            let is_old = decode(value).is_ok_and(|record| record.at < before);
            if !is_old || old.len() >= most {
                return ControlFlow::Break(());
            }
            old.push(key.to_vec());
            ControlFlow::Continue(())
        })?;
    }
    for key in &old {
        draft.remove(EVENTS, key);
    }
    Ok(old.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_stays_what_it_was_on_disk() {
        let record = Record {
            first: 7,
            at: Timestamp::from_millis(300),
            kind: Kind::ReadDocument,
            document: DocumentId::from_u128(5),
            about: About::These(3_u64.to_be_bytes().to_vec()),
        };
        let bytes = codec::encode(&record);
        assert_eq!(bytes, b"\x01\x07\xfb\x2c\x01\x03\x05\x01\x08\0\0\0\0\0\0\0\x03");
        assert_eq!(decode(&bytes).unwrap(), record);
        let linked = Record { about: About::Link(9), ..record };
        assert_eq!(codec::encode(&linked), b"\x01\x07\xfb\x2c\x01\x03\x05\0\x09");
        assert_eq!(key(Audience::Enterprise, 258), *b"e\0\0\0\0\0\0\x01\x02");
    }
}
