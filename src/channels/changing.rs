//! The place of a channel's transport, which may be another one from a moment to the next.
//!
//! Invariant: a letter is sent, and an inquiry made, by the transport that was there when it began. One that was replaced is
//! retired once its last letter has ended; until then its connections stay, what is heard there counts, and so do callbacks
//! under its secret.
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::receipt::Receipt;
use estafette_actors::domain::submission::{Envelope, Recipient};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{
    CallbackError, CallbackRequest, Ear, Home, Inquiry, Letter, ProviderView, Received, ReceiverKey, Taken, Transport,
};
use futures_util::future::{self, BoxFuture};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// A transport, held by each of its letters.
struct Tenure {
    transport: Arc<dyn Transport>,
    /// Gone when the last of its letters is.
    _held: oneshot::Sender<Infallible>,
}

impl Tenure {
    fn of(transport: Arc<dyn Transport>) -> (Arc<Self>, oneshot::Receiver<Infallible>) {
        let (held, released) = oneshot::channel();
        (Arc::new(Self { transport, _held: held }), released)
    }
}

/// One replaced the other.
struct Succession {
    older: Arc<dyn Transport>,
    heir: Arc<dyn Transport>,
    /// Ends when the older has no letter any more.
    released: oneshot::Receiver<Infallible>,
}

/// The place.
pub struct Changing {
    now: ArcSwap<Tenure>,
    /// For the one that is there now.
    released: Mutex<oneshot::Receiver<Infallible>>,
    /// Replaced, and not retired yet.
    older: Arc<Mutex<Vec<Arc<dyn Transport>>>>,
    /// One entry for each change, taken at once by whoever listens.
    changed: mpsc::UnboundedSender<Succession>,
    changes: Mutex<Option<mpsc::UnboundedReceiver<Succession>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Changing {
    /// With the transport of the start.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        let (tenure, released) = Tenure::of(transport);
        let (changed, changes) = mpsc::unbounded_channel();
        Self {
            now: ArcSwap::new(tenure),
            released: Mutex::new(released),
            older: Arc::default(),
            changed,
            changes: Mutex::new(Some(changes)),
        }
    }

    /// Another one of the same channel from now on; what is set up alike in both goes on.
    pub fn change(&self, newer: Arc<dyn Transport>) {
        let mut released = lock(&self.released);
        let older = Arc::clone(&self.now.load().transport);
        let heir = older.replaced_by(newer);
        let (tenure, released_next) = Tenure::of(Arc::clone(&heir));
        lock(&self.older).push(Arc::clone(&older));
        self.now.store(tenure);
        let released = std::mem::replace(&mut *released, released_next);
        // Nobody listens any more at the end of the program: then everything ends anyway.
        let _ = self.changed.send(Succession { older, heir, released });
    }

    fn transport(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.now.load().transport)
    }

    /// The one that is there and those before it, the newest first.
    fn all(&self) -> Vec<Arc<dyn Transport>> {
        let older = lock(&self.older).iter().rev().cloned().collect::<Vec<_>>();
        std::iter::once(self.transport()).chain(older).collect()
    }
}

/// Waits for the last letter of the older one, and retires it.
async fn retire(succession: Succession, older: Arc<Mutex<Vec<Arc<dyn Transport>>>>) {
    // An error, since nothing is ever sent: every letter has ended.
    let _ = succession.released.await;
    succession.older.retire(succession.heir).await;
    lock(&older).retain(|one| !Arc::ptr_eq(one, &succession.older));
}

impl Transport for Changing {
    fn channel(&self) -> Channel {
        self.now.load().transport.channel()
    }

    fn provider(&self) -> &'static str {
        self.now.load().transport.provider()
    }

    fn send(&self, letter: Letter) -> BoxFuture<'static, Outcome> {
        let tenure = self.now.load_full();
        Box::pin(async move { tenure.transport.send(letter).await })
    }

    fn send_via(&self, letter: Letter) -> BoxFuture<'static, (Outcome, Option<Box<str>>)> {
        let tenure = self.now.load_full();
        Box::pin(async move { tenure.transport.send_via(letter).await })
    }

    fn at_home(&self, home: &Home) {
        self.now.load().transport.at_home(home);
    }

    fn longest_text(&self) -> Option<usize> {
        self.now.load().transport.longest_text()
    }

    fn is_ready(&self) -> bool {
        self.now.load().transport.is_ready()
    }

    fn receipts_of(&self, provider: &str, request: &CallbackRequest) -> Option<Result<Received, CallbackError>> {
        let mut first = None;
        for transport in self.all() {
            let answered = transport.receipts_of(provider, request);
            if !matches!(answered, None | Some(Err(CallbackError::Secret | CallbackError::None))) {
                return answered;
            }
            first = first.or(answered);
        }
        first
    }

    fn inquire(&self, letter: Letter) -> BoxFuture<'static, Inquiry> {
        let tenure = self.now.load_full();
        Box::pin(async move { tenure.transport.inquire(letter).await })
    }

    fn can_tell(&self) -> &'static str {
        self.now.load().transport.can_tell()
    }

    fn rehearses(&self, envelope: &Envelope) -> bool {
        self.now.load().transport.rehearses(envelope)
    }

    fn close(&self) -> Option<BoxFuture<'static, ()>> {
        let closing: Vec<_> = self.all().iter().filter_map(|transport| transport.close()).collect();
        Some(Box::pin(async move { drop(future::join_all(closing).await) }))
    }

    fn receivers(&self, recipient: Recipient) -> Option<BoxFuture<'static, Result<Vec<ReceiverKey>, Failure>>> {
        self.now.load().transport.receivers(recipient)
    }

    fn receipts(&self, request: &CallbackRequest) -> Result<Received, CallbackError> {
        self.now.load().transport.receipts(request)
    }

    fn poll(&self, since: Timestamp) -> Option<BoxFuture<'static, Result<Vec<Receipt>, String>>> {
        self.now.load().transport.poll(since)
    }

    fn listen(&self, ear: Arc<dyn Ear>) -> Option<BoxFuture<'static, ()>> {
        let mut changes = lock(&self.changes).take()?;
        let first = self.transport().listen(Arc::clone(&ear));
        let older = Arc::clone(&self.older);
        Some(Box::pin(async move {
            let mut tasks = JoinSet::new();
            if let Some(listening) = first {
                tasks.spawn(listening);
            }
            loop {
                tokio::select! {
                    Some(succession) = changes.recv() => {
                        if let Some(listening) = succession.heir.listen(Arc::clone(&ear)) {
                            tasks.spawn(listening);
                        }
                        tasks.spawn(retire(succession, Arc::clone(&older)));
                    }
                    Some(ended) = tasks.join_next() => if let Err(error) = ended {
                        tracing::error!(%error, "what keeps connections of a channel has ended; restart the broker");
                    },
                    else => std::future::pending().await,
                }
            }
        }))
    }

    fn remembers(&self) -> Option<(Duration, usize)> {
        self.now.load().transport.remembers()
    }

    fn remember(&self, taken: Vec<Taken>) {
        self.now.load().transport.remember(taken);
    }

    fn providers(&self) -> Vec<ProviderView> {
        self.now.load().transport.providers()
    }

    fn countries(&self) -> Option<Vec<u16>> {
        self.now.load().transport.countries()
    }
}
