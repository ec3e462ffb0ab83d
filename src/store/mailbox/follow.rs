//! How far parts of the program have followed what is told, in the same file as what is told: neither is ever ahead of the other, and a
//! backup has both.
use estafette_actors::domain::mailbox::Audience;
use estafette_actors::ports::mailbox::Trouble;

use super::super::engine::Draft;
use super::{NEXT, counter};

fn name(of: Audience, follower: &str) -> Vec<u8> {
    let feed = match of {
        Audience::Citizen => "citizen",
        Audience::Enterprise => "enterprise",
    };
    format!("followed_{feed}_{follower}").into_bytes()
}

/// Up to which event a feed was followed; of one that never was, up to the last.
pub fn place(draft: &mut Draft<'_>, of: Audience, follower: &str) -> Result<u64, Trouble> {
    let name = name(of, follower);
    if draft.get(NEXT, &name)?.is_some() {
        return counter::get(draft, &name);
    }
    let last = match of {
        Audience::Citizen => counter::get(draft, counter::CITIZEN_EVENT)?,
        Audience::Enterprise => counter::get(draft, counter::ENTERPRISE_EVENT)?,
    };
    counter::set(draft, &name, last);
    Ok(last)
}

/// It was followed up to this one.
pub fn set(draft: &mut Draft<'_>, of: Audience, follower: &str, up_to: u64) -> Result<(), Trouble> {
    let name = name(of, follower);
    if counter::get(draft, &name)? < up_to {
        counter::set(draft, &name, up_to);
    }
    Ok(())
}
