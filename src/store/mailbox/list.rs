//! Listing a mailbox, and what is known of it as a whole.
//!
//! Totals count the slots of the mailbox, which are all its items: documents themselves are read for one page only, and for each item
//! where words are searched for.
use std::collections::HashMap;
use std::sync::Arc;

use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::domain::mailbox::document::Document;
use estafette_actors::domain::mailbox::item::{Filter, Item};
use estafette_actors::domain::mailbox::reference::{RefId, Reference};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::mailbox::{PAGE_MAX, Page, Rights, Summary, Trouble};

use super::mailboxes::Inner;
use super::shelf::{Shelf, Slot};

/// Which types a reader does not see.
pub struct Hidden<'r> {
    rights: &'r Rights,
    reference: &'r Reference,
    known: HashMap<&'r RefId, bool>,
}

impl<'r> Hidden<'r> {
    pub fn new(rights: &'r Rights, reference: &'r Reference) -> Self {
        Self { rights, reference, known: HashMap::new() }
    }

    /// Whether a document of a type is not there for the reader: it needs a right that they lack.
    pub fn hides(&mut self, message_type: &'r RefId) -> bool {
        let Rights::Only(rights) = self.rights else { return false };
        let reference = self.reference;
        *self.known.entry(message_type).or_insert_with(|| {
            let needed = reference.message_type(message_type).and_then(|one| one.right.as_ref());
            needed.is_some_and(|needed| !rights.contains(needed))
        })
    }
}

/// The slots of a mailbox that are there for a reader.
fn seen<'s>(
    inner: &Inner,
    shelf: &'s Shelf,
    hidden: &mut Hidden<'s>,
    mut each: impl FnMut(&'s Slot) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let now = inner.clock.now();
    for slot in &shelf.slots {
        if inner.is_there(&slot.brief, now)? && !hidden.hides(&slot.brief.message_type) {
            each(slot)?;
        }
    }
    Ok(())
}

fn item(mailbox: MailboxId, slot: &Slot, document: Arc<Document>) -> Item {
    Item { mailbox, document, received_at: slot.at, expires_at: slot.brief.expires_at, state: slot.state }
}

/// See the port.
pub fn items(
    inner: &Inner,
    mailbox: MailboxId,
    rights: &Rights,
    filter: &Filter,
    skip: usize,
    limit: usize,
) -> Result<Page, Trouble> {
    let (reference, shelf) = (inner.catalogue.now(), inner.shelf(mailbox)?);
    let (skip, limit) = (skip as u64, limit.min(PAGE_MAX));
    let mut page = Page::default();
    seen(inner, &shelf, &mut Hidden::new(rights, &reference), |slot| {
        if !filter.fits(&slot.traits()) {
            return Ok(());
        }
        let is_on_page = page.total >= skip && page.items.len() < limit;
        if filter.words.is_some() || is_on_page {
            // It may have gone meanwhile.
            let Some(document) = inner.documents.get(&inner.engine, slot.brief.document)? else { return Ok(()) };
            let item = item(mailbox, slot, document);
            if !filter.takes(&item, &reference) {
                return Ok(());
            }
            if is_on_page {
                page.items.push(item);
            }
        }
        page.total += 1;
        Ok(())
    })?;
    Ok(page)
}

/// See the port.
pub fn summary(inner: &Inner, mailbox: MailboxId, rights: &Rights) -> Result<Summary, Trouble> {
    let (reference, shelf) = (inner.catalogue.now(), inner.shelf(mailbox)?);
    let consulted_at = inner.mailbox(mailbox)?.consulted_at;
    let mut summary = Summary { consulted_at, ..Summary::default() };
    seen(inner, &shelf, &mut Hidden::new(rights, &reference), |slot| {
        summary.count += 1;
        summary.unread += u64::from(slot.state.read_at.is_none());
        summary.last_received_at = summary.last_received_at.max(Some(slot.at));
        summary.bytes = summary.bytes.saturating_add(slot.brief.bytes);
        Ok(())
    })?;
    Ok(summary)
}

impl Inner {
    /// Whether an item is there. Where time was told to be later than the clock says it is looked up.
    fn is_there(&self, brief: &super::link::Brief, now: Timestamp) -> Result<bool, Trouble> {
        if brief.is_over(now) {
            return Ok(false);
        }
        Ok(!brief.is_over(self.ticked()) || self.documents.get(&self.engine, brief.document)?.is_some())
    }
}
