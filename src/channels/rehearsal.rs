//! Keeps sandbox and live apart at a channel: a reserved recipient never goes to the live one, and what a
//! test key sends goes to a simulated one, where there is one.
//!
//! Invariant: a letter whose recipient is reserved, as given or as the registry completed it, never
//! reaches the live transport; a simulator is told nothing that the sender didn't give; and what it says
//! moves no citizen's message: its references are told apart by a prefix, and it brings words of reserved
//! numbers only.
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::inbound::Inbound;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::receipt::{About, Receipt};
use estafette_actors::domain::submission::{Envelope, Recipient};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::messages::Refused;
use estafette_actors::ports::{
    CallbackError, CallbackRequest, Ear, Home, Inquiry, Letter, ProviderView, Received, ReceiverKey, Taken, Transport,
};
use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};

use super::http::failed;

/// Before each reference of a simulator: both may count from the same number.
const PREFIX: &str = "sandbox:";

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
    fn way(&self, mut letter: Letter) -> Option<(Way<'_>, Letter)> {
        if letter.envelope.recipient.is_reserved() {
            // Not what the registry adds: a simulator is no place for a citizen's number.
            letter.recipient = letter.envelope.recipient;
            return self.simulated.as_ref().map(|simulated| (Way::Simulated(simulated), letter));
        }
        (!letter.recipient.is_reserved()).then_some((Way::Live(&self.live), letter))
    }
}

/// A simulator's own reference as the broker knows it.
fn prefixed(reference: &str) -> Box<str> {
    format!("{PREFIX}{reference}").into()
}

fn simulated_outcome(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Is(status, reference) => Outcome::Is(status, reference.as_deref().map(prefixed)),
        other => other,
    }
}

fn simulated_receipts(receipts: Vec<Receipt>) -> Vec<Receipt> {
    let one = |receipt: Receipt| {
        let about = match receipt.about {
            About::ChannelReference(reference) => About::ChannelReference(prefixed(&reference)),
            about @ About::Attempt(_) => about,
        };
        Receipt { about, channel_reference: receipt.channel_reference.as_deref().map(prefixed), ..receipt }
    };
    receipts.into_iter().map(one).collect()
}

fn simulated_received(received: Received) -> Received {
    Received { receipts: simulated_receipts(received.receipts), ..received }
}

/// The ear that a simulator speaks to.
struct SimulatedEar(Arc<dyn Ear>);

impl Ear for SimulatedEar {
    fn receipts(&self, receipts: Vec<Receipt>) -> BoxFuture<'static, Result<(), Refused>> {
        self.0.receipts(simulated_receipts(receipts))
    }

    fn inbound(&self, inbound: Vec<Inbound>) -> BoxFuture<'static, Result<(), Refused>> {
        self.0.inbound(inbound.into_iter().filter(|inbound| inbound.from.is_reserved()).collect())
    }
}

/// Where a letter goes.
enum Way<'w> {
    Live(&'w Arc<dyn Transport>),
    Simulated(&'w Arc<dyn Transport>),
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
            Some((Way::Live(live), letter)) => live.send(letter),
            Some((Way::Simulated(simulated), letter)) => simulated.send(letter).map(simulated_outcome).boxed(),
            None => Box::pin(future::ready(failed(Failure::RejectedByChannel))),
        }
    }

    fn send_via(&self, letter: Letter) -> BoxFuture<'static, (Outcome, Option<Box<str>>)> {
        match self.way(letter) {
            Some((Way::Live(live), letter)) => live.send_via(letter),
            Some((Way::Simulated(simulated), letter)) => {
                simulated.send_via(letter).map(|(outcome, via)| (simulated_outcome(outcome), via)).boxed()
            }
            None => Box::pin(future::ready((failed(Failure::RejectedByChannel), None))),
        }
    }

    fn at_home(&self, home: &Home) {
        // A simulator publishes into no mailbox of citizens.
        self.live.at_home(home);
    }

    fn is_ready(&self) -> bool {
        self.live.is_ready()
    }

    fn longest_text(&self) -> Option<usize> {
        self.live.longest_text()
    }

    fn inquire(&self, letter: Letter) -> BoxFuture<'static, Inquiry> {
        match self.way(letter) {
            Some((Way::Live(live), letter)) => live.inquire(letter),
            Some((Way::Simulated(simulated), letter)) => {
                let told = |inquiry| match inquiry {
                    Inquiry::Known(status, reference) => Inquiry::Known(status, reference.as_deref().map(prefixed)),
                    other => other,
                };
                simulated.inquire(letter).map(told).boxed()
            }
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
            (Err(CallbackError::Secret | CallbackError::None), Some(simulated)) => {
                simulated.receipts(request).map(simulated_received)
            }
            (answered, _) => answered,
        }
    }

    fn receipts_of(&self, provider: &str, request: &CallbackRequest) -> Option<Result<Received, CallbackError>> {
        let live = self.live.receipts_of(provider, request);
        match (&live, &self.simulated) {
            (None | Some(Err(CallbackError::Secret | CallbackError::None)), Some(simulated)) => {
                let told = simulated.receipts_of(provider, request);
                told.map(|told| told.map(simulated_received)).or(live)
            }
            _ => live,
        }
    }

    fn poll(&self, since: Timestamp) -> Option<BoxFuture<'static, Result<Vec<Receipt>, String>>> {
        let live = self.live.poll(since);
        let simulated = self.simulated.as_ref().and_then(|simulated| simulated.poll(since));
        let simulated = simulated.map(|polled| polled.map(|polled| polled.map(simulated_receipts)).boxed());
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

    fn remembers(&self) -> Option<(Duration, usize)> {
        self.live.remembers().or_else(|| self.simulated.as_ref()?.remembers())
    }

    fn remember(&self, taken: Vec<Taken>) {
        let (simulated, live): (Vec<Taken>, _) = taken.into_iter().partition(|taken| taken.recipient.is_reserved());
        self.live.remember(live);
        if let Some(beside) = &self.simulated {
            let own = |taken: Taken| {
                let channel_reference = taken.channel_reference.strip_prefix(PREFIX)?.into();
                Some(Taken { channel_reference, ..taken })
            };
            beside.remember(simulated.into_iter().filter_map(own).collect());
        }
    }

    fn listen(&self, ear: Arc<dyn Ear>) -> Option<BoxFuture<'static, ()>> {
        let simulated = self.simulated.as_ref();
        let simulated = simulated.and_then(|simulated| simulated.listen(Arc::new(SimulatedEar(Arc::clone(&ear)))));
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use estafette_actors::domain::mobile::Mobile;
    use estafette_actors::domain::status::AttemptStatus;

    use super::*;
    use crate::channels::{Error, guard};

    /// A provider that counts its message ids from 1, as several do, and says of callbacks that 1 was delivered.
    struct Counting(&'static str);

    fn delivered() -> Receipt {
        let about = About::ChannelReference("1".into());
        Receipt { channel: Channel::SMS, about, status: AttemptStatus::Delivered, channel_reference: Some("1".into()) }
    }

    impl Transport for Counting {
        fn channel(&self) -> Channel {
            Channel::SMS
        }

        fn provider(&self) -> &'static str {
            self.0
        }

        fn send(&self, _: Letter) -> BoxFuture<'static, Outcome> {
            future::ready(Outcome::Is(AttemptStatus::Sent, Some("1".into()))).boxed()
        }

        fn inquire(&self, _: Letter) -> BoxFuture<'static, Inquiry> {
            future::ready(Inquiry::Known(AttemptStatus::Sent, Some("1".into()))).boxed()
        }

        fn can_tell(&self) -> &'static str {
            "everything"
        }

        fn receipts(&self, _: &CallbackRequest) -> Result<Received, CallbackError> {
            Ok(Received { receipts: vec![delivered()], ignored: 0 })
        }

        fn poll(&self, _: Timestamp) -> Option<BoxFuture<'static, Result<Vec<Receipt>, String>>> {
            Some(future::ready(Ok(vec![delivered()])).boxed())
        }

        fn listen(&self, ear: Arc<dyn Ear>) -> Option<BoxFuture<'static, ()>> {
            let written =
                |from: &str| Inbound { from: Mobile::parse(from).unwrap(), to: "8686".into(), text: self.0.into() };
            let inbound = vec![written("+32470123456"), written("+32460000003")];
            Some(Box::pin(async move {
                ear.receipts(vec![delivered()]).await.unwrap();
                ear.inbound(inbound).await.unwrap();
            }))
        }
    }

    #[derive(Default)]
    struct Ears {
        receipts: Mutex<Vec<Receipt>>,
        inbound: Mutex<Vec<Inbound>>,
    }

    impl Ear for Ears {
        fn receipts(&self, receipts: Vec<Receipt>) -> BoxFuture<'static, Result<(), Refused>> {
            self.receipts.lock().unwrap().extend(receipts);
            future::ready(Ok(())).boxed()
        }

        fn inbound(&self, inbound: Vec<Inbound>) -> BoxFuture<'static, Result<(), Refused>> {
            self.inbound.lock().unwrap().extend(inbound);
            future::ready(Ok(())).boxed()
        }
    }

    fn guarded(live: &'static str, simulated: &'static str) -> Arc<dyn Transport> {
        let (live, simulated): (Arc<dyn Transport>, Arc<dyn Transport>) =
            (Arc::new(Counting(live)), Arc::new(Counting(simulated)));
        guard(vec![live], vec![simulated]).unwrap().remove(0)
    }

    /// What receipts name: of what they are about, and the reference that they tell.
    fn named(receipts: &[Receipt]) -> Vec<(String, Option<String>)> {
        let name = |receipt: &Receipt| match &receipt.about {
            About::ChannelReference(id) => (id.to_string(), receipt.channel_reference.as_deref().map(str::to_owned)),
            About::Attempt(attempt) => panic!("{attempt:?}"),
        };
        receipts.iter().map(name).collect()
    }

    #[test]
    fn several_live_providers_have_one_simulated_beside_them_and_none_stands_alone() {
        let both = guarded("several", "smpp");
        let request = CallbackRequest::default();
        assert!(both.receipts_of("several", &request).is_some());
        assert!(both.receipts_of("smpp", &request).is_some(), "the simulated one is not reached");
        let alone = guard(Vec::new(), vec![Arc::new(Counting("smpp"))]).err().unwrap();
        assert!(matches!(alone[..], [Error::Alone(Channel::SMS)]), "{alone:?}");
    }

    #[tokio::test]
    async fn a_reference_of_a_simulator_is_never_one_of_a_citizens_message() {
        let both = guarded("smpp-live", "smpp");
        let request = CallbackRequest::default();
        let own = ("1".to_owned(), Some("1".to_owned()));
        let apart = ("sandbox:1".to_owned(), Some("sandbox:1".to_owned()));
        let told = |provider| both.receipts_of(provider, &request).unwrap().unwrap().receipts;
        assert_eq!((named(&told("smpp-live")), named(&told("smpp"))), (vec![own.clone()], vec![apart.clone()]));
        let polled = both.poll(Timestamp::ZERO).unwrap().await.unwrap();
        assert_eq!(named(&polled), [own.clone(), apart.clone()]);
        let ears = Arc::new(Ears::default());
        both.listen(Arc::clone(&ears) as _).unwrap().await;
        assert_eq!(named(&ears.receipts.lock().unwrap()), [own, apart]);
        // A simulator has no words of citizens to bring.
        let heard = ears.inbound.lock().unwrap();
        let texts = heard.iter().map(|inbound| (&*inbound.text, inbound.from.is_reserved()));
        assert_eq!(texts.collect::<Vec<_>>(), [("smpp-live", false), ("smpp-live", true), ("smpp", true)]);
    }

    #[test]
    fn what_a_simulator_answers_carries_the_same_prefix_as_its_receipts() {
        let sent = simulated_outcome(Outcome::Is(AttemptStatus::Sent, Some("1".into())));
        assert_eq!(sent, Outcome::Is(AttemptStatus::Sent, Some("sandbox:1".into())));
        assert_eq!(simulated_outcome(Outcome::Unknown), Outcome::Unknown);
    }
}
