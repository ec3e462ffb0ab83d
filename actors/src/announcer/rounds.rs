//! One round through the feed: what was read, what is being told, and up to where all of it is.
//! Pure: it neither reads nor calls.
use std::collections::{BTreeMap, VecDeque};

use crate::domain::event::{Event, Place};
use crate::domain::webhook::before;
use crate::ports::FeedPage;

/// A round.
#[derive(Debug)]
pub struct Round {
    /// Read up to here.
    pub read: Place,
    /// The end, where there is one.
    until: Option<Place>,
    /// Read, and not being told yet.
    waiting: VecDeque<Event>,
    /// Being told; true when it is done with.
    out: BTreeMap<Place, bool>,
}

impl Round {
    /// From a place on, up to another where one is given.
    pub fn new(done: Place, until: Option<Place>) -> Self {
        Self { read: done, until, waiting: VecDeque::new(), out: BTreeMap::new() }
    }

    /// Whether more can be read and is wanted.
    pub fn is_hungry(&self) -> bool {
        self.waiting.is_empty() && !self.is_read()
    }

    fn is_read(&self) -> bool {
        self.until.is_some_and(|until| self.read >= until)
    }

    /// Takes a page that was read behind [`Self::read`].
    pub fn take(&mut self, page: FeedPage) {
        let until = self.until;
        self.read = page.next;
        self.waiting.extend(page.events.into_iter().filter(|event| until.is_none_or(|until| event.place <= until)));
        if let Some(until) = until
            && !page.has_more
        {
            // The end was in the past when it was named: nothing can come before it any more.
            self.read = self.read.max(until);
        }
    }

    /// The next event to be told.
    pub fn next(&mut self) -> Option<Event> {
        let event = self.waiting.pop_front()?;
        self.out.insert(event.place, false);
        Some(event)
    }

    /// An event is done with: taken, or noted to come again.
    pub fn done_with(&mut self, place: Place) {
        if let Some(done) = self.out.get_mut(&place) {
            *done = true;
        }
        while let Some(first) = self.out.first_entry().filter(|first| *first.get()) {
            first.remove();
        }
    }

    /// Everything up to here is done with.
    pub fn done(&self) -> Place {
        let first =
            self.out.keys().next().copied().into_iter().chain(self.waiting.front().map(|event| event.place)).min();
        first.map_or(self.read, before)
    }

    /// Whether it came to its end.
    pub fn is_over(&self) -> bool {
        self.is_read() && self.waiting.is_empty() && self.out.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{About, Kind};
    use crate::domain::fact::Change;
    use crate::domain::submission::Institution;
    use crate::domain::time::Timestamp;

    fn at(position: u64, index: u32) -> Place {
        Place { position, index }
    }

    fn page(places: &[Place], next: Place, has_more: bool) -> FeedPage {
        let event = |place: &Place| Event {
            place: *place,
            institution: Institution("0403019261".parse().unwrap()),
            at: Timestamp::ZERO,
            about: About::Institution,
            kind: Kind::Settled,
            reference: None,
            channel: None,
            test: false,
            change: Change::Stopped,
        };
        FeedPage { events: places.iter().map(event).collect(), next, has_more }
    }

    #[test]
    fn what_is_done_never_passes_what_is_still_out_whatever_the_order_of_answers() {
        let mut round = Round::new(at(1, 0), None);
        assert!(round.is_hungry());
        round.take(page(&[at(2, 0), at(2, 3), at(4, 1)], Place::behind(9), false));
        assert_eq!(round.done(), Place::behind(1));
        let told: Vec<_> = std::iter::from_fn(|| round.next()).map(|event| event.place).collect();
        assert_eq!(told.len(), 3);
        round.done_with(told[2]);
        round.done_with(told[1]);
        assert_eq!(round.done(), Place::behind(1), "the first one is out");
        round.done_with(told[0]);
        assert_eq!(round.done(), Place::behind(9));
        assert!(!round.is_over() && round.is_hungry());
    }

    #[test]
    fn a_range_ends_at_its_end_and_tells_nothing_behind_it() {
        let mut round = Round::new(at(1, 0), Some(at(4, 1)));
        round.take(page(&[at(2, 0), at(4, 1), at(4, 2)], at(4, 2), true));
        let told: Vec<_> = std::iter::from_fn(|| round.next()).map(|event| event.place).collect();
        assert_eq!(told, [at(2, 0), at(4, 1)]);
        assert!(!round.is_hungry() && !round.is_over());
        for place in told {
            round.done_with(place);
        }
        assert!(round.is_over());
        let mut empty = Round::new(at(1, 0), Some(at(4, 1)));
        empty.take(page(&[], at(3, 0), false));
        assert!(empty.is_over());
    }
}
