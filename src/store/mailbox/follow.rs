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

/// The name of the number of a feed's last event.
pub const fn last(of: Audience) -> &'static [u8] {
    match of {
        Audience::Citizen => counter::CITIZEN_EVENT,
        Audience::Enterprise => counter::ENTERPRISE_EVENT,
    }
}

/// Up to which event a feed was followed; of one that never was, up to the last.
pub fn place(draft: &mut Draft<'_>, of: Audience, follower: &str) -> Result<u64, Trouble> {
    let name = name(of, follower);
    if draft.get(NEXT, &name)?.is_some() {
        return counter::get(draft, &name);
    }
    let last = counter::get(draft, last(of))?;
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use estafette_actors::domain::mailbox::document::Digest;
    use estafette_actors::ports::mailbox::{Mailboxes as _, Publication};

    use super::super::tests::{Hand, access, citizen, letter, open, publish, sender};
    use super::*;

    #[tokio::test]
    async fn a_follower_begins_with_what_comes_and_goes_on_where_it_ended() {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::new());
        let mailboxes = open(folder.path(), &clock);
        publish(&mailboxes, letter(1), vec![citizen(1), citizen(2)]).await.unwrap();
        assert_eq!(mailboxes.follow(Audience::Citizen, "one").await, Ok(2));
        publish(&mailboxes, letter(2), vec![citizen(1)]).await.unwrap();
        assert_eq!(mailboxes.follow(Audience::Citizen, "one").await, Ok(2));
        mailboxes.followed(Audience::Citizen, "one", 3).await.unwrap();
        mailboxes.followed(Audience::Citizen, "one", 1).await.unwrap();
        mailboxes.close();
        drop(mailboxes);
        let mailboxes = open(folder.path(), &clock);
        assert_eq!(mailboxes.follow(Audience::Citizen, "one").await, Ok(3));
        assert_eq!(mailboxes.follow(Audience::Enterprise, "one").await, Ok(0), "each feed has its own numbers");
    }

    #[tokio::test]
    async fn a_document_is_found_by_its_key_as_long_as_that_is_known() {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::new());
        let mailboxes = open(folder.path(), &clock);
        let (document, idempotency) = (letter(1), Some(("key".into(), Digest([1; 32]))));
        let (id, application) = (document.id, document.application.clone());
        mailboxes.publish(access(), Publication { document, recipients: vec![], idempotency }).await.unwrap();
        let found = async |key: &str, with: bool| {
            let application = application.clone().filter(|_| with);
            mailboxes.published_under(sender(), application, key.into()).await.unwrap()
        };
        assert_eq!((found("key", true).await, found("other", true).await), (Some(id), None));
        assert_eq!(found("key", false).await, None, "another application's");
        clock.on(Duration::from_secs(31 * 24 * 3_600).as_millis() as u64);
        assert_eq!(found("key", true).await, None);
    }
}
