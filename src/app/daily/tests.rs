//! What is due when, and that each file is told once.
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::dossier::{Code, DossierType};
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::period::Period;
use estafette_actors::ports::register::{Access, Dossiers as _, Face};

use super::*;
use crate::store::register::Dossiers;
use crate::store::{self, Store, register};

struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[test]
fn a_day_is_due_at_the_start_and_once_shortly_after_each_midnight_in_brussels() {
    // The day of 23 hours, and that of 25.
    for (before, midnight, hours) in [
        ("2026-03-28T12:00:00+01:00", "2026-03-29T00:00:00+01:00", 23),
        ("2026-10-24T12:00:00+02:00", "2026-10-25T00:00:00+02:00", 25),
        ("2026-12-31T12:00:00+01:00", "2027-01-01T00:00:00+01:00", 24),
    ] {
        let (before, midnight) = (at(before), at(midnight));
        let mut calendar = Calendar::default();
        let today = day::of(before);
        assert_eq!(calendar.due(before), Some(today), "at the start");
        calendar.done = Some(today);
        assert_eq!(calendar.due(midnight), None, "in the grace");
        let tomorrow = today.tomorrow().unwrap();
        assert_eq!(calendar.due(midnight.plus(GRACE)), Some(tomorrow));
        calendar.done = Some(tomorrow);
        assert_eq!(calendar.due(before), None, "a clock that went back");
        let next = midnight.plus(Duration::from_secs(hours * 3_600));
        assert_eq!(calendar.due(Timestamp::from_millis(next.millis() - 1)), None);
        assert_eq!(calendar.due(next.plus(GRACE)), tomorrow.tomorrow().ok());
    }
    assert_eq!(Calendar::default().due(at("2026-03-29T00:00:00+01:00")), Some(Date::constant(2026, 3, 29)));
}

#[test]
fn nothing_that_is_due_waits_longer_than_a_look() {
    let begin = at("2026-10-24T20:00:00+02:00").millis();
    for millis in (0..8 * 3_600_000).step_by(997) {
        let now = Timestamp::from_millis(begin + millis);
        let pause = Calendar::pause(now);
        assert!(pause > Duration::ZERO && pause <= LOOK);
        let due = |now| Calendar { done: Some(Date::constant(2026, 10, 24)) }.due(now).is_some();
        assert!(due(now) || !due(Timestamp::from_millis(now.plus(pause).millis() - 1)), "slept through {now}");
    }
}

fn institution(n: u32) -> Institution {
    Institution(Cbe::from_trusted_u32(403_019_261 + n))
}

fn access(n: u32) -> Access {
    let (key, legal_context) = ("k1".into(), "art. 5".into());
    Access { institution: institution(n), key, legal_context, ticket: None, face: Face::Program }
}

struct World {
    store: Store,
    clock: Arc<Hand>,
    daily: Daily,
}

impl World {
    async fn open(dir: &Path, now: u64) -> Self {
        let clock = Arc::new(Hand(AtomicU64::new(now)));
        // A store that was dropped a moment ago may hold its lock still.
        let store = loop {
            match Store::open(store::Settings::new(dir), Arc::clone(&clock) as _) {
                Ok(store) => break store,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        let mut settings = register::Settings::new(dir);
        settings.mutations.file_mutations = 2;
        let dossiers = Dossiers::open(settings, [7; 32], Arc::clone(&clock) as _).unwrap();
        let mutations = Mutations::open(&dossiers, Arc::clone(&clock) as _, crate::mutations::render).unwrap();
        let code = Code::parse("A").unwrap();
        for n in 0..3 {
            let mut names = Translated::new();
            for language in Language::ALL {
                names.set(language, "Name".into());
            }
            let valid = Period::always();
            let definition = DossierType { code, names, valid, partner: None, rights: vec![] };
            dossiers.define(access(n), definition).await.unwrap();
            let niss = Niss::from_trusted_u64(1);
            dossiers.inscribe(access(n), niss, code, Period::always()).await.unwrap();
        }
        let journal: Arc<dyn Journal> = Arc::new(store.clone());
        let daily =
            Daily { mutations, journal, feed: Arc::new(store.clone()), clock: Arc::clone(&clock) as Arc<dyn Clock> };
        Self { store, clock, daily }
    }

    async fn tell(&self, many: usize) {
        use estafette_actors::domain::mutation::Change;
        let one = (Niss::from_trusted_u64(1), day::of(self.clock.now()), Change::Cancelled);
        self.daily.mutations.tell(access(9), vec![one; many]).await.unwrap();
    }

    async fn next_day(&self) -> u64 {
        let tomorrow = day::of(self.clock.now()).tomorrow().unwrap();
        self.clock.0.store(day::begins(tomorrow).millis() + 2_000, Ordering::Relaxed);
        self.daily.mutations.produce(tomorrow).await.unwrap()
    }

    /// The events of an institution: number, count and digest of each file.
    async fn told(&self, n: u32) -> Vec<(u64, u32, [u8; 32])> {
        let page = self.store.page(institution(n), Place::default(), Wanted::default(), 1_000).await.unwrap();
        assert!(!page.has_more);
        let each = page.events.into_iter().map(|event| match event.change {
            Change::MutationsReady { sequence, count, sha256 } if event.kind == Kind::RegisterMutations => {
                (sequence, count, *sha256)
            }
            other => panic!("{other:?}"),
        });
        each.collect()
    }

    async fn check(&self, files: u64) {
        for n in 0..3 {
            let vouchers = self.daily.mutations.vouchers(institution(n), 0, 1_000).await.unwrap();
            let expected: Vec<_> = vouchers.iter().map(|one| (one.sequence, one.count, one.sha256)).collect();
            assert_eq!(self.told(n).await, expected);
            assert_eq!(expected.len() as u64, files);
        }
    }

    async fn reopen(self, dir: &Path) -> Self {
        let now = self.clock.now().millis();
        drop(self);
        Self::open(dir, now).await
    }
}

const NOON: &str = "2026-11-23T12:00:00+01:00";

#[tokio::test]
async fn each_file_is_told_once_wherever_a_crash_came_in_between() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::open(folder.path(), at(NOON).millis()).await;
    // How many of nine are in the feed when it stops, and whether that telling began was noted.
    for (stops, (in_feed, is_noted)) in (1..).zip([(0, false), (0, true), (4, true), (9, true)]) {
        world.tell(5).await;
        assert_eq!(world.next_day().await, 9);
        let untold = world.daily.mutations.untold().await.unwrap();
        assert_eq!(untold.len(), 9);
        if is_noted {
            let from = world.daily.feed.newest().position;
            world.daily.mutations.tell_from(from).await.unwrap();
        }
        world.daily.append(untold.iter().take(in_feed).map(entry).collect()).await.unwrap();
        world = world.reopen(folder.path()).await;
        world.daily.tell().await.unwrap();
        world.check(3 * stops).await;
        world.daily.tell().await.unwrap();
        world.check(3 * stops).await;
    }
}

#[tokio::test]
async fn the_work_of_days_that_were_missed_is_done_at_the_start_and_told_also_when_an_operator_asked() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::open(folder.path(), at(NOON).millis()).await;
    world.tell(1).await;
    world.clock.0.fetch_add(4 * 86_400_000, Ordering::Relaxed);
    let World { store, clock, daily } = world;
    let (mutations, feed) = (daily.mutations.clone(), Arc::clone(&daily.feed));
    let (journal, same_clock) = (Arc::clone(&daily.journal), Arc::clone(&daily.clock));
    let running = tokio::spawn(daily.run());
    let look = Daily { mutations, journal, feed, clock: same_clock };
    let world = World { store, clock, daily: look };
    let mut commits = world.store.commits();
    while world.told(2).await.is_empty() {
        commits.changed().await.unwrap();
    }
    world.tell(1).await;
    let tomorrow = day::of(world.clock.now()).tomorrow().unwrap();
    assert_eq!(world.daily.mutations.produce(tomorrow).await.unwrap(), 3);
    while world.told(2).await.len() < 2 {
        commits.changed().await.unwrap();
    }
    running.abort();
    world.check(2).await;
}
