//! The announcer over a feed, a disk and endpoints in memory: who calls whom when webhooks change at
//! the worst moment.
use std::future::pending;
use std::sync::Mutex;

use actix_rt::time::timeout;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot, watch};

use super::*;
use crate::domain::backoff::Backoff;
use crate::domain::event::{About, Event, Kind, Place, Wanted};
use crate::domain::fact::Change;
use crate::domain::submission::Institution;
use crate::domain::time::Timestamp;
use crate::domain::webhook::{Patience, Progress, Webhook};
use crate::nursery::Budget;
use crate::ports::{
    Announce, ArchiveError, Batch, Call, Called, Feed, FeedError, FeedPage, Journal, JournalError, JournalFigures,
    Notice, Position, SystemClock, Webhooks,
};

fn owner() -> Institution {
    Institution("0403019261".parse().unwrap())
}

/// A disk on which everything is kept at once, and nothing was before.
struct Disk;

impl Webhooks for Disk {
    fn load(&self) -> Result<Vec<(Webhook, Progress)>, ArchiveError> {
        Ok(Vec::new())
    }

    fn put(&self, _: &Webhook, _: Option<&Progress>) -> Result<(), ArchiveError> {
        Ok(())
    }

    fn remove(&self, _: Institution, _: &str) -> Result<(), ArchiveError> {
        Ok(())
    }

    fn note(&self, _: &[(Institution, Box<str>, Progress)]) -> Result<(), ArchiveError> {
        Ok(())
    }
}

/// A feed with an event at each position.
struct Happenings(watch::Sender<Position>);

impl Happenings {
    fn happen(&self, events: Position) {
        self.0.send_modify(|last| *last += events);
    }
}

impl Feed for Happenings {
    fn page(
        &self,
        institution: Institution,
        after: Place,
        _: Wanted,
        limit: usize,
    ) -> BoxFuture<'static, Result<FeedPage, FeedError>> {
        let last = *self.0.borrow();
        let event = |position| Event {
            place: Place { position, index: 0 },
            institution,
            at: Timestamp::ZERO,
            about: About::Institution,
            kind: Kind::Settled,
            reference: None,
            channel: None,
            test: false,
            change: Change::Stopped,
        };
        let behind = |position: &Position| Place { position: *position, index: 0 } > after;
        let events: Vec<_> = (1..=last).filter(behind).map(event).take(limit).collect();
        let next = events.last().map_or_else(|| after.max(Place::behind(last)), |event| event.place);
        let has_more = next.position < last;
        async move { Ok(FeedPage { events, next, has_more }) }.boxed()
    }

    fn oldest(&self) -> Place {
        Place::default()
    }

    fn newest(&self) -> Place {
        Place::behind(*self.0.borrow())
    }

    fn last_of(&self, _: Institution) -> Option<Position> {
        Some(*self.0.borrow())
    }

    fn commits(&self) -> watch::Receiver<Position> {
        self.0.subscribe()
    }
}

/// A journal that takes everything.
struct Takes;

impl Journal for Takes {
    fn append(&self, batch: Batch) -> Result<(), JournalError> {
        (batch.after)(Ok(1));
        Ok(())
    }

    fn pack(&self, row: &crate::domain::submission::Row, bytes: &mut Vec<u8>) {
        serde_json::to_writer(bytes, row).unwrap();
    }

    fn live(&self, _: crate::domain::id::MessageId) -> Option<crate::domain::life::State> {
        None
    }

    fn broadcast(&self, _: crate::domain::id::BroadcastId) -> Option<Arc<crate::domain::submission::Broadcast>> {
        None
    }

    fn next_broadcast(&self) -> u32 {
        1
    }

    fn read_only(&self) -> Option<String> {
        None
    }

    fn figures(&self) -> JournalFigures {
        JournalFigures::default()
    }
}

/// A call that waits for its answer.
struct Waiting {
    url: Box<str>,
    position: Position,
    answer: oneshot::Sender<Called>,
}

/// Endpoints that answer what the test says, when it says so.
struct Endpoints(mpsc::UnboundedSender<Waiting>);

impl Announce for Endpoints {
    fn call(&self, call: Call) -> BoxFuture<'static, Called> {
        let Notice::Event(event) = call.notice else { return pending().boxed() };
        let (answer, answered) = oneshot::channel();
        self.0.send(Waiting { url: call.webhook.url.clone(), position: event.place.position, answer }).unwrap();
        async move {
            match answered.await {
                Ok(called) => called,
                Err(_) => pending().await,
            }
        }
        .boxed()
    }

    fn acceptable(&self, _: &str) -> Result<(), String> {
        Ok(())
    }
}

struct World {
    announcements: Announcements,
    feed: Arc<Happenings>,
    calls: Mutex<mpsc::UnboundedReceiver<Waiting>>,
}

/// Pauses of hours, and trouble after two failures: nothing is tried again while a test runs unless it is due.
fn world() -> World {
    let (tell, calls) = mpsc::unbounded_channel();
    let feed = Arc::new(Happenings(watch::Sender::new(0)));
    let hour = Duration::from_secs(3600);
    let backoff = Backoff { first: hour, factor: 1.0, max: hour, jitter: 0.0, attempts: 200 };
    let patience = Patience { backoff, give_up: 100 * hour, trouble: 2 };
    let announcements = Announcements::start(
        Settings { concurrency: 4, patience, ..Settings::default() },
        Arc::new(Disk),
        Arc::new(Endpoints(tell)),
        Arc::clone(&feed) as _,
        (Arc::new(Takes), Arc::new(SystemClock)),
        (&actix_rt::Arbiter::current(), Budget::default()),
    );
    World { announcements: announcements.unwrap(), feed, calls: Mutex::new(calls) }
}

impl World {
    async fn put(&self, url: &str) -> (View, Option<Secret>) {
        self.announcements.put(owner(), "main", url, Vec::new(), false).await.unwrap()
    }

    #[allow(clippy::await_holding_lock)] // one test, one reader
    async fn call(&self) -> Waiting {
        timeout(Duration::from_secs(20), self.calls.lock().unwrap().recv()).await.expect("nobody was called").unwrap()
    }

    async fn until(&self, wanted: impl Fn(&View) -> bool) -> View {
        for _ in 0..2_000 {
            let view = self.announcements.get(owner(), "main").unwrap();
            if wanted(&view) {
                return view;
            }
            actix_rt::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it never came to that");
    }
}

fn down() -> Called {
    Called::Failed { status: Some(503), reason: "down".into(), retry_after: None }
}

#[actix_rt::test]
async fn a_webhook_that_takes_the_name_of_a_removed_one_is_not_served_by_the_courier_of_that_one() {
    let world = world();
    let mut announcer = Announcer::new(Arc::clone(&world.announcements.book));
    world.put("https://old.be/").await;
    announcer.look_after();
    let key = announcer.couriers.keys().next().unwrap().clone();
    let old = announcer.couriers[&key].task.abort_handle();
    // Both before anybody is looked after.
    world.announcements.remove(owner(), "main").await.unwrap();
    world.put("https://new.be/").await;
    announcer.look_after();
    let now = world.announcements.book.entries();
    assert!(Arc::ptr_eq(&announcer.couriers[&key].entry, &now[0].1), "the courier calls for the old one");
    actix_rt::task::yield_now().await;
    assert!(old.is_finished(), "two couriers for one name");
}

#[actix_rt::test]
async fn two_who_set_up_the_same_webhook_at_once_make_one_of_which_one_secret_is_told() {
    let world = world();
    let (first, second) = futures_util::future::join(world.put("https://one.be/"), world.put("https://two.be/")).await;
    assert!(first.1.is_some() && second.1.is_none(), "the secret of the first is lost");
    let kept = world.announcements.get(owner(), "main").unwrap().webhook;
    assert_eq!((&*kept.url, &kept.secrets), ("https://two.be/", &first.0.webhook.secrets));
    world.feed.happen(1);
    assert_eq!(&*world.call().await.url, "https://two.be/");
}

#[actix_rt::test]
async fn one_that_is_set_up_anew_is_told_at_once_what_its_endpoint_refused() {
    let world = world();
    world.put("https://one.be/").await;
    world.feed.happen(2);
    for _ in 0..2 {
        world.call().await.answer.send(down()).unwrap();
    }
    world.until(|view| view.strikes == 2 && view.progress.overdue.len() == 2).await;
    world.put("https://one.be/").await;
    let mut again = Vec::new();
    for _ in 0..2 {
        let call = world.call().await;
        again.push(call.position);
        call.answer.send(Called::Delivered(200)).unwrap();
    }
    again.sort_unstable();
    assert_eq!(again, [1, 2]);
    world.until(|view| view.progress.overdue.is_empty() && view.progress.delivered == 2).await;
}

#[actix_rt::test]
async fn a_late_gone_of_the_old_address_does_not_switch_off_the_new_one_which_gets_the_event() {
    let world = world();
    world.put("https://old.be/").await;
    world.feed.happen(1);
    let late = world.call().await;
    assert_eq!(&*late.url, "https://old.be/");
    world.put("https://new.be/").await;
    late.answer.send(Called::Gone).unwrap();
    let again = world.call().await;
    assert_eq!((&*again.url, again.position), ("https://new.be/", 1));
    again.answer.send(Called::Delivered(200)).unwrap();
    let view = world.until(|view| view.progress.delivered == 1).await;
    assert!(view.webhook.off.is_none() && view.progress.overdue.is_empty());
}

#[actix_rt::test]
async fn what_is_done_to_a_webhook_that_was_removed_does_not_bring_it_back() {
    let world = world();
    world.put("https://old.be/").await;
    let entry = world.announcements.book.entries().remove(0).1;
    world.announcements.remove(owner(), "main").await.unwrap();
    let changed = world.announcements.book.change(&entry, |_| {}).await;
    assert!(matches!(changed, Err(Error::NotFound)), "it is on disk again");
}
