//! Lets go of what the trail has kept long enough, the oldest first, a part at a time.
use std::ops::ControlFlow;
use std::time::Duration;

use estafette_actors::domain::time::Timestamp;

use super::{AUDIT, AUDIT_ABOUT, AUDIT_OF, AUDIT_RUN, Record, about_key, of_key, owners};
use crate::store::codec;
use crate::store::register::engine::{Draft, Error};

/// How often it is looked.
pub const EVERY: Duration = Duration::from_secs(3_600);
/// How long until the next part.
pub const PAUSE: Duration = Duration::from_millis(200);
/// Records of a part.
const PART: usize = 1_000;

/// One part; gives whether there is more.
pub fn let_go(draft: &mut Draft<'_>, now: Timestamp, kept: Duration) -> Result<bool, Error> {
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
        match record.run {
            // Lines of an import are as old as each other: its pages go with the first.
            Some(run) if run == *place => let_go_run(draft, run)?,
            Some(_) => {}
            None => {
                for (position, line) in (*place..).zip(&record.lines) {
                    if let Some(about) = line.about {
                        draft.remove(AUDIT_ABOUT, &about_key(about, position));
                    }
                }
            }
        }
    }
    Ok(old.len() == PART)
}

fn let_go_run(draft: &mut Draft<'_>, run: u64) -> Result<(), Error> {
    let mut keys = Vec::new();
    draft.scan(AUDIT_RUN, &run.to_be_bytes(), Some(&(run + 1).to_be_bytes()), |key, _| {
        keys.push(key.to_vec());
        ControlFlow::Continue(())
    })?;
    for key in keys {
        draft.remove(AUDIT_RUN, &key);
    }
    Ok(())
}
