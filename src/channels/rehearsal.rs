//! Keeps sandbox and live apart at a channel: a reserved recipient never goes to the live one, and what a
//! test key sends goes to a simulated one, where there is one.
//!
//! Invariant: a letter whose recipient is reserved, as given or as the registry completed it, never
//! reaches the live transport; and a simulator is told nothing that the sender didn't give.
use std::any::Any;
use std::sync::Arc;

use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::receipt::Receipt;
use estafette_actors::domain::submission::{Envelope, Recipient};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{
    CallbackError, CallbackRequest, Ear, Inquiry, Letter, ProviderView, Received, ReceiverKey, Transport,
};
use futures_util::future::{self, BoxFuture};

use super::http::failed;

/// A live transport, and perhaps the simulated one beside it.
pub struct Guarded {
    live: Arc<dyn Transport>,
    simulated: Option<Arc<dyn Transport>>,
}

impl Guarded {
    /// Of these.
    pub fn new(live: Arc<dyn Transport>, simulated: Option<Arc<dyn Transport>>) -> Self {
        Self { live, simulated }
    }

    /// Who takes a letter, with the letter as it may be seen there; nobody when it must not be sent.
    fn way(&self, mut letter: Letter) -> Option<(&Arc<dyn Transport>, Letter)> {
        if letter.envelope.recipient.is_reserved() {
            // Not what the registry adds: a simulator is no place for a citizen's number.
            letter.recipient = letter.envelope.recipient;
            return self.simulated.as_ref().map(|simulated| (simulated, letter));
        }
        (!letter.recipient.is_reserved()).then_some((&self.live, letter))
    }
}

impl Transport for Guarded {
    fn channel(&self) -> Channel {
        self.live.channel()
    }

    fn provider(&self) -> &'static str {
        self.live.provider()
    }

    fn send(&self, letter: Letter) -> BoxFuture<'static, Outcome> {
        match self.way(letter) {
            Some((way, letter)) => way.send(letter),
            None => Box::pin(future::ready(failed(Failure::RejectedByChannel))),
        }
    }

    fn send_via(&self, letter: Letter) -> BoxFuture<'static, (Outcome, Option<Box<str>>)> {
        match self.way(letter) {
            Some((way, letter)) => way.send_via(letter),
            None => Box::pin(future::ready((failed(Failure::RejectedByChannel), None))),
        }
    }

    fn is_ready(&self) -> bool {
        self.live.is_ready()
    }

    fn inquire(&self, letter: Letter) -> BoxFuture<'static, Inquiry> {
        match self.way(letter) {
            Some((way, letter)) => way.inquire(letter),
            None => Box::pin(future::ready(Inquiry::NotFound)),
        }
    }

    fn close(&self) -> Option<BoxFuture<'static, ()>> {
        let simulated = self.simulated.as_ref().and_then(|simulated| simulated.close());
        let closing: Vec<_> = self.live.close().into_iter().chain(simulated).collect();
        Some(Box::pin(async move { drop(future::join_all(closing).await) }))
    }

    fn can_tell(&self) -> &'static str {
        self.live.can_tell()
    }

    fn rehearses(&self, envelope: &Envelope) -> bool {
        envelope.recipient.is_reserved()
    }

    fn receivers(&self, recipient: Recipient) -> Option<BoxFuture<'static, Result<Vec<ReceiverKey>, Failure>>> {
        if recipient.is_sandbox() {
            return self.simulated.as_ref()?.receivers(recipient);
        }
        if recipient.is_reserved() { None } else { self.live.receivers(recipient) }
    }

    fn receipts(&self, request: &CallbackRequest) -> Result<Received, CallbackError> {
        match (self.live.receipts(request), &self.simulated) {
            (Err(CallbackError::Secret | CallbackError::None), Some(simulated)) => simulated.receipts(request),
            (answered, _) => answered,
        }
    }

    fn receipts_of(&self, provider: &str, request: &CallbackRequest) -> Option<Result<Received, CallbackError>> {
        let live = self.live.receipts_of(provider, request);
        match (&live, &self.simulated) {
            (None | Some(Err(CallbackError::Secret | CallbackError::None)), Some(simulated)) => {
                simulated.receipts_of(provider, request).or(live)
            }
            _ => live,
        }
    }

    fn poll(&self, since: Timestamp) -> Option<BoxFuture<'static, Result<Vec<Receipt>, String>>> {
        let live = self.live.poll(since);
        let simulated = self.simulated.as_ref().and_then(|simulated| simulated.poll(since));
        match (live, simulated) {
            (Some(live), Some(simulated)) => Some(Box::pin(async move {
                let (live, simulated) = future::join(live, simulated).await;
                let mut receipts = live?;
                // A simulator that is down holds up no citizen's receipt.
                receipts.extend(simulated.unwrap_or_default());
                Ok(receipts)
            })),
            (live, simulated) => live.or(simulated),
        }
    }

    fn listen(&self, ear: Arc<dyn Ear>) -> Option<BoxFuture<'static, ()>> {
        let simulated = self.simulated.as_ref().and_then(|simulated| simulated.listen(Arc::clone(&ear)));
        match (self.live.listen(ear), simulated) {
            (Some(live), Some(simulated)) => Some(Box::pin(async move {
                future::join(live, simulated).await;
            })),
            (live, simulated) => live.or(simulated),
        }
    }

    fn providers(&self) -> Vec<ProviderView> {
        self.live.providers()
    }

    fn countries(&self) -> Option<Vec<u16>> {
        self.live.countries()
    }

    fn replaced_by(&self, newer: Arc<dyn Transport>) -> Arc<dyn Transport> {
        let Some(guarded) = (&*newer as &dyn Any).downcast_ref::<Self>() else { return newer };
        let simulated = match (&self.simulated, &guarded.simulated) {
            (Some(simulated), Some(newer)) => Some(simulated.replaced_by(Arc::clone(newer))),
            (_, newer) => newer.clone(),
        };
        Arc::new(Self { live: self.live.replaced_by(Arc::clone(&guarded.live)), simulated })
    }

    fn retire(&self, heir: Arc<dyn Transport>) -> BoxFuture<'static, ()> {
        let (live, simulated) = match (&*heir as &dyn Any).downcast_ref::<Self>() {
            Some(guarded) => (Arc::clone(&guarded.live), guarded.simulated.clone()),
            None => (Arc::clone(&heir), None),
        };
        let simulated = self.simulated.as_ref().map(|ours| ours.retire(simulated.unwrap_or(heir)));
        let live = self.live.retire(live);
        Box::pin(async move {
            future::join(live, future::join_all(simulated)).await;
        })
    }
}
