//! A mailbox as it is listed: one slot for each item, newest first, with what filters and totals need.
//!
//! It is made of the records of the calls that linked something to the mailbox, and of the states of its items. A large one stays in
//! memory: what is linked later is added when it is looked at again, a state when it changes. Invariant: a slot of a shelf in
//! memory is what the disk says; an item that is gone may have one a little longer, and is passed over.
use std::sync::Arc;

use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::domain::mailbox::document::DocumentId;
use estafette_actors::domain::mailbox::item::{State, Traits};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::mailbox::Trouble;

use super::super::engine::Engine;
use super::super::index::Mark;
use super::cache::Cache;
use super::find::Finder;
use super::link::{Brief, View};
use super::{LINKS, damaged, touch};

/// From so many items on a mailbox stays in memory; a smaller one is read faster than it is kept.
const LARGE: usize = if cfg!(test) { 3 } else { 64 };

/// An item.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Of the call that linked it.
    pub position: u64,
    /// When that was.
    pub at: Timestamp,
    /// What it is.
    pub brief: Arc<Brief>,
    /// What the holder did with it.
    pub state: State,
}

impl Slot {
    /// What a filter looks at.
    pub fn traits(&self) -> Traits<'_> {
        Traits {
            received_at: self.at,
            expires_at: self.brief.expires_at,
            state: self.state,
            is_registered: self.brief.is_registered,
            message_type: &self.brief.message_type,
            sender: self.brief.sender,
            application: self.brief.application.as_ref(),
        }
    }
}

/// A mailbox.
#[derive(Clone)]
pub struct Shelf {
    /// What was linked after it is not in it.
    mark: Mark,
    /// Newest first.
    pub slots: Vec<Slot>,
}

/// Large mailboxes that were listed of late.
pub struct Shelves(Cache<u64, Arc<Shelf>>);

impl Shelves {
    /// With so many items in memory at most.
    pub fn new(items: usize) -> Self {
        Self(Cache::new(items))
    }

    /// A mailbox, as it is now.
    pub fn get(&self, engine: &Engine, finder: &Finder, mailbox: MailboxId) -> Result<Arc<Shelf>, Trouble> {
        let (kept, stamp) = self.0.get(mailbox.key());
        let mark = finder.mark();
        let (after, newest) = match &kept {
            Some(shelf) => (shelf.mark, shelf.slots.first().map_or(0, |slot| slot.position)),
            None => (Mark::default(), 0),
        };
        let mut slots = Vec::new();
        for entry in finder.all(mailbox, after)?.into_iter().filter(|entry| entry.position > newest) {
            let found = engine.with(LINKS, &entry.position.to_be_bytes(), |link| {
                let view = link.map(|link| View::of(link).ok_or_else(damaged)).transpose()?;
                let Some(view) = view.filter(|view| entry.is_of(view, mailbox)) else { return Ok(None) };
                Ok::<_, Trouble>(Some((view.at(), view.brief().ok_or_else(damaged)?)))
            })??;
            // What is gone may be found a little longer.
            let Some((at, brief)) = found else { continue };
            let state = touch::state(engine, brief.document, mailbox)?;
            slots.push(Slot { position: entry.position, at, brief, state });
        }
        let shelf = match kept {
            Some(shelf) if slots.is_empty() => return Ok(shelf),
            Some(shelf) => {
                slots.extend(shelf.slots.iter().cloned());
                Arc::new(Shelf { mark, slots })
            }
            None => Arc::new(Shelf { mark, slots }),
        };
        if shelf.slots.len() >= LARGE {
            self.0.put(mailbox.key(), Arc::clone(&shelf), shelf.slots.len(), stamp);
        }
        Ok(shelf)
    }

    /// The state of an item changed.
    pub fn touched(&self, mailbox: MailboxId, document: DocumentId, state: State) {
        self.0.change(mailbox.key(), |shelf| {
            let shelf = Arc::make_mut(shelf);
            if let Some(slot) = shelf.slots.iter_mut().find(|slot| slot.brief.document == document) {
                slot.state = state;
            }
        });
    }

    /// Items in memory.
    pub fn items(&self) -> usize {
        self.0.weight()
    }
}
