//! Tells senders what happened: a durable cursor over the feed for each webhook.
//!
//! The feed is the log, so nothing is kept of what is to be told but how far it was told, and the
//! few events that come again out of order. That is written about twice a second, after the calls:
//! a crash repeats what was told since, under the same ids, and loses nothing.
//!
//! One courier a webhook, a task of the announcer's. The book outlives the announcer's generations.
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, Message};
use actix_rt::task::JoinHandle;

mod book;
mod courier;
mod rounds;

pub use book::{Announcements, Error, Secret, Settings, View};

use book::{Book, Entry, Key};

/// How often couriers are looked after.
const LOOK_AFTER: Duration = Duration::from_secs(1);
/// How often progress is written.
const KEEP: Duration = Duration::from_millis(500);

/// A courier at work, and for which entry: another one may have its key by now.
struct Courier {
    entry: Arc<Entry>,
    task: JoinHandle<()>,
}

/// The actor.
pub struct Announcer {
    book: Arc<Book>,
    couriers: HashMap<Key, Courier>,
    keeper: Option<JoinHandle<()>>,
}

impl Announcer {
    fn new(book: Arc<Book>) -> Self {
        Self { book, couriers: HashMap::new(), keeper: None }
    }

    /// A courier for each webhook, and none for those that are no more, also when another has their name now. One that
    /// panicked is replaced.
    fn look_after(&mut self) {
        let entries: HashMap<Key, Arc<Entry>> = self.book.entries().into_iter().collect();
        self.couriers.retain(|key, courier| {
            let is_same = entries.get(key).is_some_and(|entry| Arc::ptr_eq(entry, &courier.entry));
            let stays = is_same && !courier.task.is_finished();
            if !stays {
                courier.task.abort();
            }
            stays
        });
        for (key, entry) in entries {
            let book = &self.book;
            self.couriers.entry(key).or_insert_with(|| {
                let task = actix_rt::spawn(courier::run(Arc::clone(book), Arc::clone(&entry)));
                Courier { entry, task }
            });
        }
        if self.keeper.as_ref().is_none_or(JoinHandle::is_finished) {
            self.keeper = Some(actix_rt::spawn(keep(Arc::clone(&self.book))));
        }
    }
}

/// Writes progress as long as it lives.
async fn keep(book: Arc<Book>) {
    loop {
        tokio::time::sleep(KEEP).await;
        book.keep().await;
    }
}

impl Actor for Announcer {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        self.look_after();
        context.run_interval(LOOK_AFTER, |this, _| this.look_after());
    }
}

impl Drop for Announcer {
    /// Its couriers go with it: the next generation has its own.
    fn drop(&mut self) {
        for task in self.couriers.values().map(|courier| &courier.task).chain(&self.keeper) {
            task.abort();
        }
    }
}

/// To the announcer: webhooks came or went.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct LookAfter;

impl Handler<LookAfter> for Announcer {
    type Result = ();

    fn handle(&mut self, _: LookAfter, _: &mut Self::Context) {
        self.look_after();
    }
}

/// To the announcer: end.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Close;

impl Handler<Close> for Announcer {
    type Result = ();

    fn handle(&mut self, _: Close, context: &mut Self::Context) {
        context.stop();
    }
}

#[cfg(feature = "fault-injection")]
impl Handler<crate::messages::Panic> for Announcer {
    type Result = ();

    fn handle(&mut self, _: crate::messages::Panic, _: &mut Self::Context) {
        panic!("planted in the announcer");
    }
}

#[cfg(test)]
mod tests;
