//! What is known of the parts of each letter: which the SMSC took, which it may have, which it never got.
//!
//! Invariant: a letter is known to be sent only when each of its parts was taken, and what was taken is not sent again while
//! this is remembered. It is kept beside the journal for a better answer: losing it loses no message.
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use estafette_actors::domain::id::{AttemptRef, MessageId};
use estafette_smpp::pdu::{Address, ShortMessage};

use crate::channels::expiring::Expiring;

/// The letter of one step: another try of the step goes on with what this one left.
type Key = (MessageId, u8);

fn key(attempt: AttemptRef) -> Key {
    (attempt.message, attempt.step)
}

fn content(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The letters that are not known to be sent.
pub(super) struct Letters(Expiring<Key, Arc<Progress>>);

/// How far a letter has come.
pub(super) struct Progress {
    /// What its parts share in their headers.
    number: u16,
    content: u64,
    source: Address,
    now: Mutex<Now>,
}

struct Now {
    attempt: AttemptRef,
    /// Whether it is being sent, or may have been: only then what becomes of a part says something of it.
    counts: bool,
    parts: Vec<Slot>,
}

#[derive(Default)]
struct Slot {
    /// How often it was handed to a link.
    asks: u32,
    held: Held,
}

#[derive(Default)]
enum Held {
    /// The SMSC does not have it.
    #[default]
    Missing,
    /// It was handed to a link that lives: an answer may come.
    Asked,
    /// It was handed to a link, and there will be no answer.
    Doubtful,
    /// It has it, under its own id and our form of it.
    Taken(Bytes, Box<str>),
}

/// How a letter stands as a whole.
pub(super) enum Standing {
    /// Every part was taken; of the last one the SMSC's id and our form of it.
    Whole(Bytes, Box<str>),
    /// The SMSC does not have all of it.
    Missing,
    /// It may have what it did not confirm.
    Doubtful,
}

/// One part of a letter, each time it is asked for.
#[derive(Clone)]
pub(super) struct Part {
    progress: Arc<Progress>,
    place: usize,
    ask: u32,
}

impl Letters {
    pub(super) fn new(life: Duration, most: usize) -> Self {
        Self(Expiring::new(life, most))
    }

    fn earlier(&self, attempt: AttemptRef, text: &str) -> Option<Arc<Progress>> {
        self.0.get(&key(attempt)).filter(|known| known.content == content(text))
    }

    /// The number that the parts of this text had when it was tried before: those that were taken wait for the others under it.
    pub(super) fn number(&self, attempt: AttemptRef, text: &str) -> Option<u16> {
        self.earlier(attempt, text).map(|progress| progress.number)
    }

    /// It is being sent: goes on with an earlier try of the same text, or begins.
    pub(super) fn begin(
        &self,
        attempt: AttemptRef,
        number: u16,
        text: &str,
        messages: &[ShortMessage],
    ) -> Arc<Progress> {
        let earlier = self.earlier(attempt, text).filter(|known| known.now().parts.len() == messages.len());
        if let Some(known) = earlier {
            let mut now = known.now();
            (now.attempt, now.counts) = (attempt, true);
            drop(now);
            return known;
        }
        let parts = messages.iter().map(|_| Slot::default()).collect();
        let source = messages.first().map(|message| message.source.clone()).unwrap_or_default();
        let now = Mutex::new(Now { attempt, counts: true, parts });
        let progress = Arc::new(Progress { number, content: content(text), source, now });
        self.0.set(key(attempt), Arc::clone(&progress));
        progress
    }

    /// What is known of an attempt, if it is the one tried last.
    pub(super) fn of(&self, attempt: AttemptRef) -> Option<Arc<Progress>> {
        self.0.get(&key(attempt)).filter(|progress| progress.now().attempt == attempt)
    }

    /// It is known to be sent.
    pub(super) fn end(&self, attempt: AttemptRef) {
        self.0.remove(&key(attempt));
    }
}

impl Progress {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From whom it goes.
    pub(super) fn source(&self) -> &Address {
        &self.source
    }

    /// A part that the SMSC is not known to have.
    pub(super) fn wanted(self: &Arc<Self>, place: usize) -> Option<Part> {
        let is_taken = matches!(self.now().parts.get(place)?.held, Held::Taken(..));
        (!is_taken).then(|| Part { progress: Arc::clone(self), place, ask: 0 })
    }

    /// It is not sent further for now: what becomes of its parts says nothing of it. Whether anything of it is worth
    /// remembering for another try.
    pub(super) fn leave(&self) -> bool {
        let mut now = self.now();
        now.counts = false;
        now.parts.iter().any(|part| !matches!(part.held, Held::Missing))
    }

    /// Whether an answer may still come.
    pub(super) fn is_asked(&self) -> bool {
        self.now().parts.iter().any(|part| matches!(part.held, Held::Asked))
    }

    /// How it stands.
    pub(super) fn standing(&self) -> Standing {
        let now = self.now();
        if now.parts.iter().any(|part| matches!(part.held, Held::Asked | Held::Doubtful)) {
            return Standing::Doubtful;
        }
        if now.parts.iter().any(|part| matches!(part.held, Held::Missing)) {
            return Standing::Missing;
        }
        match now.parts.last().map(|part| &part.held) {
            Some(Held::Taken(id, reference)) => Standing::Whole(id.clone(), reference.clone()),
            _ => Standing::Missing,
        }
    }
}

impl Part {
    fn with(&self, change: impl FnOnce(&mut Slot)) {
        if let Some(slot) = self.progress.now().parts.get_mut(self.place) {
            change(slot);
        }
    }

    /// It is being written.
    pub(super) fn asked(mut self) -> Self {
        let mut asks = 0;
        self.with(|slot| {
            slot.asks += 1;
            (slot.held, asks) = (Held::Asked, slot.asks);
        });
        self.ask = asks;
        self
    }

    /// The SMSC took it.
    pub(super) fn taken(&self, id: Bytes, reference: Box<str>) {
        self.with(|slot| slot.held = Held::Taken(id, reference));
    }

    /// The SMSC refused it. That says nothing when it was asked for again since.
    pub(super) fn refused(&self) {
        self.with(|slot| {
            if slot.asks == self.ask && !matches!(slot.held, Held::Taken(..)) {
                slot.held = Held::Missing;
            }
        });
    }

    /// There will be no answer.
    pub(super) fn lost(&self) {
        self.with(|slot| {
            if slot.asks == self.ask && matches!(slot.held, Held::Asked) {
                slot.held = Held::Doubtful;
            }
        });
    }

    /// It did not reach the handset: gives the attempt that failed with it, when that is being sent or was.
    pub(super) fn failed(&self) -> Option<AttemptRef> {
        self.with(|slot| slot.held = Held::Missing);
        let now = self.progress.now();
        now.counts.then_some(now.attempt)
    }

    /// Whether others follow it.
    pub(super) fn is_followed(&self) -> bool {
        self.place + 1 < self.progress.now().parts.len()
    }
}

#[cfg(test)]
mod tests {
    use estafette_actors::domain::time::Timestamp;

    use super::*;

    fn attempt(retry: u8) -> AttemptRef {
        AttemptRef { message: MessageId::single(Timestamp::from_millis(1), 0, 7), step: 0, retry }
    }

    fn messages(parts: usize) -> Vec<ShortMessage> {
        vec![ShortMessage::default(); parts]
    }

    fn letters() -> Letters {
        Letters::new(Duration::from_secs(60), 10)
    }

    #[test]
    fn a_letter_is_whole_only_when_each_part_was_taken() {
        let letters = letters();
        let progress = letters.begin(attempt(0), 1, "one two", &messages(2));
        assert!(matches!(progress.standing(), Standing::Missing));
        let first = progress.wanted(0).unwrap().asked();
        assert!(matches!(progress.standing(), Standing::Doubtful) && progress.is_asked());
        first.taken(Bytes::from("1"), "1".into());
        assert!(matches!(progress.standing(), Standing::Missing), "the second part never went");
        let second = progress.wanted(1).unwrap().asked();
        second.lost();
        assert!(matches!(progress.standing(), Standing::Doubtful) && !progress.is_asked());
        second.taken(Bytes::from("2"), "2".into());
        assert!(matches!(progress.standing(), Standing::Whole(_, id) if &*id == "2"));
    }

    #[test]
    fn another_try_sends_only_what_is_missing_unless_the_text_is_another() {
        let letters = letters();
        let progress = letters.begin(attempt(0), 1, "one two", &messages(2));
        progress.wanted(0).unwrap().asked().taken(Bytes::from("1"), "1".into());
        progress.wanted(1).unwrap().asked().refused();
        assert_eq!((letters.number(attempt(1), "one two"), letters.number(attempt(1), "een twee")), (Some(1), None));
        let again = letters.begin(attempt(1), 1, "one two", &messages(2));
        assert!(again.wanted(0).is_none() && again.wanted(1).is_some());
        assert!(letters.of(attempt(0)).is_none(), "it is the later attempt's now");
        let other = letters.begin(attempt(1), 2, "een twee", &messages(2));
        assert!(other.wanted(0).is_some());
    }

    #[test]
    fn an_answer_to_an_earlier_ask_takes_nothing_back() {
        let letters = letters();
        let progress = letters.begin(attempt(0), 1, "one", &messages(1));
        let early = progress.wanted(0).unwrap().asked();
        early.lost();
        let late = progress.wanted(0).unwrap().asked();
        early.refused();
        early.lost();
        assert!(progress.is_asked());
        late.taken(Bytes::from("1"), "1".into());
        late.refused();
        assert!(matches!(progress.standing(), Standing::Whole(..)));
    }

    #[test]
    fn a_part_that_failed_fails_its_letter_only_while_that_counts() {
        let letters = letters();
        let progress = letters.begin(attempt(2), 1, "one two", &messages(2));
        let first = progress.wanted(0).unwrap().asked();
        first.taken(Bytes::from("1"), "1".into());
        assert_eq!(first.failed(), Some(attempt(2)));
        assert!(progress.wanted(0).is_some(), "it must go again");
        assert!(!progress.leave(), "nothing of it is there");
        assert_eq!(first.failed(), None);
        assert!(first.is_followed() && !progress.wanted(1).unwrap().is_followed());
    }
}
