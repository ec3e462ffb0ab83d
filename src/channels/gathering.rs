//! Letters that say the same to many, gathered until they go in one call. It sends nothing. Who receives a letter is each channel's own:
//! the devices of a citizen, or a mailbox.
//!
//! Only rows of a broadcast that all say the same are gathered: nothing urgent, nothing encrypted, and nothing that was
//! filled in for one row. Invariant: a letter is in one group at most, no group has more receivers than a call may have,
//! and none has a receiver twice, so that what is answered about a receiver is about one letter. Whoever stops waiting
//! before the call begins is not in it.
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use estafette_actors::domain::id::{AttemptRef, Kind};
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::submission::{Envelope, Institution, Lane};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::Letter;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

/// When nobody came for this part of the time, nobody more is waited for: letters that are ready together come together.
const LULL: u32 = 5;
/// Timers are not finer.
const LULL_MIN: Duration = Duration::from_millis(1);

/// What makes letters say the same. The content by its place in memory: rows of a broadcast share it, and a group keeps
/// it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Same {
    content: usize,
    institution: Institution,
    valid_until: Timestamp,
}

impl Same {
    fn of(envelope: &Envelope) -> Self {
        Self {
            content: Arc::as_ptr(&envelope.content).addr(),
            institution: envelope.institution,
            valid_until: envelope.valid_until,
        }
    }
}

/// What a letter that was gathered is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// What became of it.
    Outcome(Outcome),
    /// It was in no call, or in one of which nothing was taken: it goes by itself.
    Alone,
}

/// A letter in a group.
#[derive(Debug)]
pub(super) struct Gathered<R> {
    reference: AttemptRef,
    /// Who receives it.
    pub receivers: Arc<[R]>,
    told: oneshot::Sender<Told>,
}

impl<R> Gathered<R> {
    /// Our reference at the channel.
    pub fn reference(&self) -> AttemptRef {
        self.reference
    }

    /// Its last word. Nobody hears it whose time was over.
    pub fn tell(self, told: Told) {
        let _ = self.told.send(told);
    }
}

/// What goes in one call.
#[derive(Debug)]
pub(super) struct Group<R> {
    number: u64,
    /// One of them, for what they all say.
    pub envelope: Arc<Envelope>,
    pub letters: Vec<Gathered<R>>,
    receivers: HashSet<R>,
}

impl<R: Copy + Eq + Hash> Group<R> {
    fn has_room(&self, receivers: &[R], most: usize) -> bool {
        self.receivers.len() + receivers.len() <= most
            && !receivers.iter().any(|receiver| self.receivers.contains(receiver))
    }

    /// Leaves out those for whom nobody waits any more.
    pub fn awaited(&mut self) {
        self.letters.retain(|letter| !letter.told.is_closed());
    }
}

/// A group that was begun, by which its time is kept.
#[derive(Debug)]
pub(super) struct Begun {
    same: Same,
    number: u64,
    /// Its letters at the last look.
    letters: usize,
}

/// What a look at a group found.
#[derive(Debug)]
pub(super) enum Looked<R> {
    /// Others came since the last look, and there is time for more.
    Grows,
    /// It takes nothing more.
    Closed(Group<R>),
    /// It was full before.
    Gone,
}

/// A letter's place.
pub(super) struct Joined<R> {
    /// What becomes of it.
    pub told: oneshot::Receiver<Told>,
    /// It is the first of a group, which is to be looked at, and is closed after [`Gathering::within`] at the latest.
    pub begun: Option<Begun>,
    /// Groups that take nothing more.
    pub full: Vec<Group<R>>,
}

struct Open<R> {
    groups: HashMap<Same, Group<R>>,
    next: u64,
}

struct UnderWay {
    number: u64,
    references: Box<[AttemptRef]>,
    ended: watch::Receiver<()>,
}

/// What waits for its call, and the calls under way.
pub(super) struct Gathering<R> {
    /// Receivers of a call at most.
    most: usize,
    /// How long a letter waits for others.
    pub within: Duration,
    open: Mutex<Open<R>>,
    calls: Mutex<Vec<UnderWay>>,
}

/// Keeps a call among those under way.
pub(super) struct Call<'g> {
    calls: &'g Mutex<Vec<UnderWay>>,
    number: u64,
    _ended: watch::Sender<()>,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        lock(self.calls).retain(|call| call.number != self.number);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<R: Copy + Eq + Hash> Gathering<R> {
    /// Calls of at most so many receivers, for which a letter waits so long; no time for none.
    pub fn new(most: usize, within: Duration) -> Self {
        let open = Mutex::new(Open { groups: HashMap::new(), next: 0 });
        Self { most, within, open, calls: Mutex::default() }
    }

    /// Whether a letter may go with others, and there may be some.
    pub fn takes(&self, letter: &Letter, receivers: &[R]) -> bool {
        let Envelope { id, lane, content, .. } = &*letter.envelope;
        !self.within.is_zero()
            && receivers.len() < self.most
            && matches!(id.kind(), Kind::Row { .. })
            && *lane != Lane::Urgent
            && content.sealed.is_empty()
            // How a reserved recipient behaves is about its own letter.
            && !letter.recipient.is_reserved()
            // What nobody else holds was filled in for this one.
            && Arc::strong_count(content) > 1
    }

    /// A place among those that say the same.
    pub fn join(&self, letter: &Letter, receivers: &Arc<[R]>) -> Joined<R> {
        let (tell, told) = oneshot::channel();
        let gathered = Gathered { reference: letter.reference, receivers: Arc::clone(receivers), told: tell };
        let same = Same::of(&letter.envelope);
        let (mut full, mut begun) = (Vec::new(), None);
        let mut open = lock(&self.open);
        if let Entry::Occupied(group) = open.groups.entry(same)
            && !group.get().has_room(receivers, self.most)
        {
            full.push(group.remove());
        }
        let Open { groups, next } = &mut *open;
        let group = groups.entry(same).or_insert_with(|| {
            *next += 1;
            begun = Some(Begun { same, number: *next, letters: 1 });
            let envelope = Arc::clone(&letter.envelope);
            Group { number: *next, envelope, letters: Vec::new(), receivers: HashSet::new() }
        });
        group.receivers.extend(&**receivers);
        group.letters.push(gathered);
        if group.receivers.len() >= self.most {
            begun = None;
            full.extend(groups.remove(&same));
        }
        Joined { told, begun, full }
    }

    /// A letter that goes by itself, as a group.
    pub fn alone(&self, letter: &Letter, receivers: &Arc<[R]>) -> (Group<R>, oneshot::Receiver<Told>) {
        let (tell, told) = oneshot::channel();
        let gathered = Gathered { reference: letter.reference, receivers: Arc::clone(receivers), told: tell };
        let mut open = lock(&self.open);
        open.next += 1;
        let (number, envelope) = (open.next, Arc::clone(&letter.envelope));
        (Group { number, envelope, letters: vec![gathered], receivers: HashSet::new() }, told)
    }

    /// A group once nobody comes to it any more, or its time is up; none when it was full before.
    pub async fn closed(&self, mut begun: Begun) -> Option<Group<R>> {
        let (ends, lull) = (Instant::now() + self.within, (self.within / LULL).max(LULL_MIN));
        loop {
            let look = ends.min(Instant::now() + lull);
            tokio::time::sleep_until(look).await;
            match self.look(&mut begun, look == ends) {
                Looked::Grows => {}
                Looked::Closed(group) => return Some(group),
                Looked::Gone => return None,
            }
        }
    }

    /// Looks at a group: it is closed when nobody came since the last look, or its time is up.
    pub fn look(&self, begun: &mut Begun, is_over: bool) -> Looked<R> {
        match lock(&self.open).groups.entry(begun.same) {
            Entry::Occupied(group) if group.get().number == begun.number => {
                let before = std::mem::replace(&mut begun.letters, group.get().letters.len());
                if is_over || begun.letters == before { Looked::Closed(group.remove()) } else { Looked::Grows }
            }
            _ => Looked::Gone,
        }
    }

    /// A group's call begins: until it is dropped, its letters are known to be under way.
    pub fn begin(&self, group: &Group<R>) -> Call<'_> {
        let (ended, ends) = watch::channel(());
        let references = group.letters.iter().map(Gathered::reference).collect();
        lock(&self.calls).push(UnderWay { number: group.number, references, ended: ends });
        Call { calls: &self.calls, number: group.number, _ended: ended }
    }

    /// Waits for the end of the call that an attempt is in, if it is in one: before that nobody can tell whether the
    /// platform will have it.
    pub async fn ended(&self, attempt: AttemptRef) {
        let call =
            lock(&self.calls).iter().find(|call| call.references.contains(&attempt)).map(|call| call.ended.clone());
        if let Some(mut ended) = call {
            // An error, since nothing is ever said: it has ended.
            let _ = ended.changed().await;
        }
    }
}

/// The last word of each.
pub(super) fn tell<R>(letters: Vec<Gathered<R>>, told: impl Fn(&Gathered<R>) -> Told) {
    for letter in letters {
        let told = told(&letter);
        letter.tell(told);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use estafette_actors::domain::cbe::Cbe;
    use estafette_actors::domain::content::Content;
    use estafette_actors::domain::id::BroadcastId;
    use estafette_actors::domain::language::Language;
    use estafette_actors::domain::strategy;
    use estafette_actors::domain::submission::Recipient;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn row(content: &Arc<Content>, index: u16) -> Letter {
        let institution = Institution(Cbe::parse("0403019261").unwrap());
        let envelope = Envelope {
            id: BroadcastId::new(Timestamp::ZERO, 0, 1).chunk(0).row(index),
            institution,
            recipient: Recipient::default(),
            strategy: Arc::new(strategy::built_in().remove(0)),
            content: Arc::clone(content),
            lane: Lane::Bulk,
            not_before: Timestamp::ZERO,
            valid_until: Timestamp::MAX,
            language: None,
            default_language: Language::Fr,
            sender_name: None,
            sender_reference: None,
            accepted_at: Timestamp::ZERO,
            idempotency: None,
            window: None,
        };
        Letter {
            reference: AttemptRef::first(envelope.id, 0),
            institution,
            recipient: Recipient::default(),
            rendition: content.in_language(None, None, Language::Fr),
            envelope: Arc::new(envelope),
            possible_duplicate: false,
        }
    }

    fn devices(ids: &[u8]) -> Arc<[Uuid]> {
        ids.iter().map(|id| Uuid::from_u128(u128::from(*id))).collect()
    }

    /// The group whose time is up, unless it was full before.
    fn closed(gathering: &Gathering<Uuid>, begun: &mut Begun) -> Option<Group<Uuid>> {
        match gathering.look(begun, true) {
            Looked::Closed(group) => Some(group),
            Looked::Gone => None,
            Looked::Grows => panic!("its time is up"),
        }
    }

    #[test]
    fn a_group_ends_with_the_first_look_that_finds_nobody_new() {
        let content = Arc::new(Content::default());
        let gathering = Gathering::new(100, Duration::from_millis(5));
        let mut begun = gathering.join(&row(&content, 0), &devices(&[0])).begun.unwrap();
        for n in 1..5 {
            let _told = gathering.join(&row(&content, n), &devices(&[n as u8]));
            assert!(matches!(gathering.look(&mut begun, false), Looked::Grows));
        }
        assert!(matches!(gathering.look(&mut begun, false), Looked::Closed(group) if group.letters.len() == 5));
        assert!(matches!(gathering.look(&mut begun, false), Looked::Gone));
    }

    proptest! {
        #[test]
        fn every_letter_is_in_one_group_and_every_group_keeps_its_bounds(
            letters in prop::collection::vec((0..3_usize, prop::collection::btree_set(0..40_u8, 1..4)), 1..60),
            most in 4..12_usize,
            closings in prop::collection::vec(any::<bool>(), 60),
        ) {
            let contents: Vec<_> = (0..3).map(|_| Arc::new(Content::default())).collect();
            let gathering = Gathering::new(most, Duration::from_millis(5));
            let (mut groups, mut begun, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
            for (index, (content, ids)) in letters.iter().enumerate() {
                let letter = row(&contents[*content], index as u16);
                let ids: Vec<u8> = ids.iter().copied().collect();
                prop_assert!(gathering.takes(&letter, &devices(&ids)));
                let joined = gathering.join(&letter, &devices(&ids));
                waiting.push(joined.told);
                groups.extend(joined.full);
                begun.extend(joined.begun);
                if closings[index] && !begun.is_empty() {
                    groups.extend(closed(&gathering, &mut begun.remove(0)));
                }
            }
            // Whatever was begun and is not full has its time.
            groups.extend(begun.iter_mut().filter_map(|begun| closed(&gathering, begun)));
            prop_assert!(lock(&gathering.open).groups.is_empty());
            let mut references = Vec::new();
            for group in groups {
                let ids: Vec<Uuid> = group.letters.iter().flat_map(|letter| letter.receivers.to_vec()).collect();
                prop_assert!(ids.len() <= most);
                prop_assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
                for letter in &group.letters {
                    let Kind::Row { index, .. } = letter.reference().message.kind() else { unreachable!() };
                    let content = &contents[letters[usize::from(index)].0];
                    prop_assert!(Arc::ptr_eq(content, &group.envelope.content));
                    references.push(letter.reference());
                }
            }
            references.sort();
            let expected: Vec<_> = (0..letters.len()).map(|index| row(&contents[0], index as u16).reference).collect();
            prop_assert_eq!(references, expected);
        }
    }

    #[test]
    fn who_waits_no_more_is_left_out_and_a_full_group_is_not_closed_again() {
        let content = Arc::new(Content::default());
        let gathering = Gathering::new(3, Duration::from_millis(5));
        let first = gathering.join(&row(&content, 0), &devices(&[1]));
        let second = gathering.join(&row(&content, 1), &devices(&[2]));
        assert!(first.begun.is_some() && second.begun.is_none() && second.full.is_empty());
        let mut third = gathering.join(&row(&content, 2), &devices(&[3]));
        let mut full = third.full.remove(0);
        drop(second.told);
        full.awaited();
        assert_eq!(full.letters.iter().map(|letter| letter.receivers[0].as_u128()).collect::<Vec<_>>(), [1, 3]);
        // Another group of the same since: the first one's time is not its.
        let fourth = gathering.join(&row(&content, 3), &devices(&[4]));
        assert!(closed(&gathering, &mut first.begun.unwrap()).is_none());
        assert_eq!(closed(&gathering, &mut fourth.begun.unwrap()).map(|group| group.letters.len()), Some(1));
    }
}
