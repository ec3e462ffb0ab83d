//! Follows the feeds of events: what is to be told of them goes into the book, page by page, with the place in the same commit.
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use estafette_actors::domain::mailbox::document::DocumentId;
use estafette_actors::domain::mailbox::event::{Event, Kind, PAGE_MAX};
use estafette_actors::domain::mailbox::notice::{FEEDS, OLDEST, Told, Way, next_digest, route, told};
use estafette_actors::domain::mailbox::{Audience, MailboxId};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::mailbox::Trouble;

use super::Inner;
use crate::store::notices::{Entry, Place};

/// After trouble it is tried again so much later.
const TROUBLED: Duration = Duration::from_secs(5);

/// Follows both, for ever.
pub async fn run(inner: &Inner) {
    let mut is_troubled = false;
    loop {
        match all(inner).await {
            Ok(()) => {
                is_troubled = false;
                tokio::time::sleep(inner.settings.look).await;
            }
            Err(trouble) => {
                if !is_troubled {
                    tracing::warn!(trouble, "what came into mailboxes is not told for now");
                }
                is_troubled = true;
                tokio::time::sleep(TROUBLED).await;
            }
        }
    }
}

/// Up to the end of both.
async fn all(inner: &Inner) -> Result<(), String> {
    for feed in FEEDS {
        while page(inner, feed).await? {}
    }
    Ok(())
}

/// A page of a feed; says whether there are more.
async fn page(inner: &Inner, feed: Audience) -> Result<bool, String> {
    let now = inner.clock.now();
    let oldest = Timestamp::from_millis(now.millis().saturating_sub(OLDEST.as_millis() as u64));
    let place = inner.booked(move |book| book.place(feed)).await?.unwrap_or(Place { after: 0, since: now });
    let from = place.since.max(oldest);
    let read = inner.mailboxes.events(feed, place.after, Some(from), PAGE_MAX).await;
    let read = read.map_err(|trouble| trouble.to_string())?;
    let Some(last) = read.events.last() else { return Ok(false) };
    let place = Place { after: last.sequence, ..place };
    let entries = entries(inner, &read.events, now).await?;
    inner.booked(move |book| book.follow(feed, place, &entries)).await?;
    Ok(read.has_next)
}

/// How the holders of these are told now; who is not there is not told. Reads them on a thread that may wait for the disk.
async fn told_by(inner: &Inner, of: HashSet<MailboxId>) -> Result<HashMap<MailboxId, Way>, String> {
    let (mailboxes, ways) = (Arc::clone(&inner.mailboxes), inner.ways());
    let read = tokio::task::spawn_blocking(move || {
        let of = of.into_iter().map(|id| Ok(route(id, &mailboxes.mailbox(id)?, ways).map(|route| (id, route.way()))));
        of.filter_map(Result::transpose).collect::<Result<_, Trouble>>()
    });
    read.await.map_err(|error| error.to_string())?.map_err(|trouble| trouble.to_string())
}

async fn entries(inner: &Inner, events: &[Event], now: Timestamp) -> Result<Vec<Entry>, String> {
    let concerned = events.iter().filter(|event| event.kind != Kind::ReadDocument).map(|event| event.mailbox);
    let ways = told_by(inner, concerned.collect()).await?;
    let digest = next_digest(now, inner.settings.digest_hour);
    // A call that links a document is many events about it.
    let mut registered: HashMap<DocumentId, Option<bool>> = HashMap::new();
    let mut entries = Vec::with_capacity(events.len());
    for event in events {
        let (mailbox, document) = (event.mailbox, event.document);
        if event.kind == Kind::ReadDocument {
            entries.push(Entry::Over(mailbox, document));
            continue;
        }
        let Some(&way) = ways.get(&mailbox) else { continue };
        let is_registered = if let Some(known) = registered.get(&document) {
            *known
        } else {
            let found = inner.mailboxes.document(document).await.map_err(|trouble| trouble.to_string())?;
            let found = found.map(|document| document.is_registered);
            registered.insert(document, found);
            found
        };
        // One that is gone meanwhile is not told.
        let Some(is_registered) = is_registered else { continue };
        entries.push(match told(event.kind, is_registered) {
            Told::AtOnce => Entry::AtOnce(mailbox, document, way, now),
            Told::InDigest(waits) => Entry::InDigest(mailbox, document, waits, way, digest),
            Told::Over => Entry::Over(mailbox, document),
        });
    }
    Ok(entries)
}
