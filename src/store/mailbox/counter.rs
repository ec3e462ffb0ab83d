//! Numbers that are given out one after the other, and times that don't go back.
use std::time::Duration;

use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::mailbox::Trouble;

use super::super::engine::{Draft, Engine};
use super::{NEXT, array, damaged};

/// The position of the last call that linked.
pub const LINK: &[u8] = b"link";
/// The number of the last event for citizens.
pub const CITIZEN_EVENT: &[u8] = b"event_citizen";
/// The number of the last event for enterprises.
pub const ENTERPRISE_EVENT: &[u8] = b"event_enterprise";
/// The position of the last line of the trail.
pub const LINE: &[u8] = b"audit";
/// How many documents there are.
pub const DOCUMENTS: &[u8] = b"documents";
/// The time of the last event.
const MOMENT: &[u8] = b"moment";
/// A clock that was put back by more was wrong before.
const BACK: Duration = Duration::from_secs(3_600);

/// What a number is now.
pub fn get(draft: &Draft<'_>, name: &[u8]) -> Result<u64, Trouble> {
    number(draft.get(NEXT, name)?.as_deref())
}

/// What a number is now, for readers.
pub fn read(engine: &Engine, name: &[u8]) -> Result<u64, Trouble> {
    engine.with(NEXT, name, number)?
}

fn number(found: Option<&[u8]>) -> Result<u64, Trouble> {
    found.map_or(Some(0), |bytes| array(bytes).map(u64::from_be_bytes)).ok_or_else(damaged)
}

/// Sets a number.
pub fn set(draft: &mut Draft<'_>, name: &[u8], number: u64) {
    draft.put(NEXT, name, number.to_be_bytes().as_slice());
}

/// The first of so many numbers that follow.
pub fn take(draft: &mut Draft<'_>, name: &[u8], count: u64) -> Result<u64, Trouble> {
    let first = get(draft, name)? + 1;
    set(draft, name, first + count - 1);
    Ok(first)
}

/// The time at which something is told: never before what was told last, unless the clock was put back by an hour and more.
pub fn moment(draft: &mut Draft<'_>, now: Timestamp) -> Result<Timestamp, Trouble> {
    let last = Timestamp::from_millis(get(draft, MOMENT)?);
    let at = if last.since(now) < BACK { last.max(now) } else { now };
    if at != last {
        set(draft, MOMENT, at.millis());
    }
    Ok(at)
}
