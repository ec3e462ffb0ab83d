//! Lets go of what the trail has kept long enough, the oldest first, a part at a time.
use std::ops::ControlFlow;
use std::time::Duration;

use estafette_actors::domain::time::Timestamp;

use super::about::Open;
use super::{AUDIT, AUDIT_OF, Record, of_key, owners};
use crate::store::codec;
use crate::store::register::engine::{Draft, Error};

/// How often it is looked.
pub const EVERY: Duration = Duration::from_secs(3_600);
/// How long until the next part.
pub const PAUSE: Duration = Duration::from_millis(200);
/// Records of a part.
const PART: usize = 1_000;

/// One part; gives whether there is more.
pub fn let_go(draft: &mut Draft<'_>, found: &Open, now: Timestamp, kept: Duration) -> Result<bool, Error> {
    let mut old = Vec::new();
    draft.scan(AUDIT, &[], None, |key, value| {
        let (Ok(record), Some(place)) = (codec::decode::<Record>(value), super::array(key)) else {
            // What can't be read is not let go.
            return ControlFlow::Break(());
        };
        if now.since(record.at) < kept || old.len() == PART {
            return ControlFlow::Break(());
        }
        old.push((u64::from_be_bytes(place), record));
        ControlFlow::Continue(())
    })?;
    for (place, record) in &old {
        draft.remove(AUDIT, &place.to_be_bytes());
        for owner in owners(record) {
            draft.remove(AUDIT_OF, &of_key(owner, *place));
        }
    }
    if let Some((place, last)) = old.last() {
        found.let_go(draft, place + last.lines.len() as u64)?;
    }
    Ok(old.len() == PART)
}
