//! Follows what is read in the mailboxes, and tells it of the letters that it is about.
//!
//! Invariant: the place in the feed moves on only once what was read before it is durable with the broker: a crash repeats some, which
//! changes nothing, and loses none.
use std::sync::Arc;
use std::time::Duration;

use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::mailbox::Audience;
use estafette_actors::domain::mailbox::event::{Event, Kind, PAGE_MAX};
use estafette_actors::domain::receipt::{About, Receipt};
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::ports::mailbox::Trouble;
use estafette_actors::ports::{Ear, Home};

use super::{Inner, NAME, document, reference};

/// Under which name its place is kept.
const FOLLOWER: &str = "channel";
/// Before the next try when something is wrong.
const PAUSE: Duration = Duration::from_secs(5);

/// Follows until another transport takes its place.
pub(super) async fn run(inner: Arc<Inner>, ear: Arc<dyn Ear>) {
    let mut retired = inner.retired.subscribe();
    let mut places = [(Audience::Citizen, None), (Audience::Enterprise, None)];
    loop {
        let mut pause = inner.reads_every;
        if let Some(home) = inner.home.get() {
            for (audience, place) in &mut places {
                if let Err(reason) = follow(home, &*ear, *audience, place).await {
                    tracing::warn!(channel = NAME, reason, "reads of letters wait to be told");
                    pause = PAUSE;
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            // An error when everything ends.
            _ = retired.wait_for(|retired| *retired) => return,
        }
    }
}

/// Tells what was read since.
async fn follow(home: &Home, ear: &dyn Ear, audience: Audience, place: &mut Option<u64>) -> Result<(), String> {
    let words = |trouble: Trouble| trouble.to_string();
    let mailboxes = home.ebox.mailboxes();
    let begun = match *place {
        Some(place) => place,
        None => mailboxes.follow(audience, FOLLOWER).await.map_err(words)?,
    };
    let mut after = begun;
    loop {
        let page = mailboxes.events(audience, after, None, PAGE_MAX).await.map_err(words)?;
        let Some(last) = page.events.last().map(|event| event.sequence) else { break };
        let mut receipts = Vec::new();
        for event in page.events.iter().filter(|event| event.kind == Kind::ReadDocument) {
            receipts.extend(receipt(home, event).await.map_err(words)?);
        }
        if !receipts.is_empty() {
            ear.receipts(receipts).await.map_err(|refused| refused.to_string())?;
        }
        (after, *place) = (last, Some(last));
        if !page.has_next {
            break;
        }
    }
    *place = Some(after);
    if after > begun {
        mailboxes.followed(audience, FOLLOWER, after).await.map_err(words)?;
    }
    Ok(())
}

/// What a read says of a letter; nothing of a document that is none.
async fn receipt(home: &Home, event: &Event) -> Result<Option<Receipt>, Trouble> {
    let document = home.ebox.mailboxes().document(event.document).await?;
    Ok(document.filter(|document| document::is_letter(document)).map(|document| {
        let reference = reference(home, document.id, event.mailbox);
        Receipt {
            channel: Channel::EBOX,
            about: About::ChannelReference(reference.clone()),
            status: AttemptStatus::Read,
            channel_reference: Some(reference),
        }
    }))
}
