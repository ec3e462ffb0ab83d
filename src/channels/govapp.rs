//! GovApp: notifications to the receivers (devices) of a citizen.
//!
//! A letter goes to each active receiver, under one correlation id: our reference. Nobody without a
//! receiver is sent anything. Letters that say the same go in one call to many, each under its own reference
//! and with its own outcome. Invariant: the letter counts as sent when one receiver's copy was taken,
//! and as unknown when one may have been. What is kept of receivers is bounded and short-lived, and
//! never the absence of one: a citizen who installs the app is reached at once.
use std::sync::Arc;
use std::time::Duration;

use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::receipt::Receipt;
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::submission::{Identifier, Recipient};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{CallbackError, CallbackRequest, Inquiry, Letter, Received, ReceiverKey, Transport};
use futures_util::future::{self, BoxFuture};
use reqwest::{Method, RequestBuilder};
use uuid::Uuid;

use super::expiring::Expiring;
use super::gathering::{Gathering, Told};
use super::http::{Effect, Peer, Trouble, failed};
use super::settings::{Checks, Secret, Table, address, span};
use super::{Error, http};

mod calls;
mod settings;
mod wire;

pub use settings::Settings;

const NAME: &str = "govapp";
/// Devices of one citizen that are notified; more is a mistake of the platform.
const DEVICES: usize = 20;
/// Notifications of a page.
const PAGE: usize = 100;
/// How long callbacks count after another configuration replaced the one that they answer to.
const HEARD_FOR: Duration = Duration::from_secs(60);
/// Citizens whose receivers are remembered.
const REMEMBERED: usize = 100_000;

/// Makes the channel from its table.
pub fn build(table: &Table) -> Result<Arc<dyn Transport>, Error> {
    Ok(Arc::new(table.make(NAME, GovApp::new)?))
}

/// The channel.
pub struct GovApp(Arc<Inner>);

struct Inner {
    peer: Peer,
    base: String,
    token: Secret,
    callback_secret: Option<Secret>,
    receivers: Expiring<Identifier, Arc<[Uuid]>>,
    gathering: Gathering<Uuid>,
    poll: Option<(Duration, usize)>,
}

impl GovApp {
    /// Makes it; nothing is asked of the platform yet.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let mut checks = Checks::default();
        let base = checks.note(address(NAME, "base_url", &settings.base_url));
        let timeout = checks.note(span(NAME, "timeout_ms", settings.timeout_ms));
        checks.note(settings.token.check(NAME, "token"));
        checks.note(settings.callback_secret.as_ref().map_or(Ok(()), |secret| secret.check(NAME, "callback_secret")));
        let back = checks.note(span(NAME, "poll_back_ms", settings.poll_back_ms));
        let within = checks.note(settings.within());
        let most = checks.note(settings.most());
        let peer = base.as_deref().zip(timeout).map(|(base, timeout)| Peer::new(NAME, base, timeout));
        let peer = peer.and_then(|peer| checks.note(peer));
        let gathering = most.zip(within).map(|(most, within)| Gathering::new(most, within));
        let parts = base.zip(peer).zip(back.zip(gathering));
        let ((base, peer), (back, gathering)) = checks.made(parts)?;
        Ok(Self(Arc::new(Inner {
            peer,
            base: format!("{base}/api/v1/pushNotifications/notifications"),
            token: settings.token,
            callback_secret: settings.callback_secret,
            receivers: Expiring::new(Duration::from_millis(settings.receivers_cache_ms), REMEMBERED),
            gathering,
            poll: settings.poll.then_some((back, settings.poll_pages.max(1))),
        })))
    }
}

impl Transport for GovApp {
    fn channel(&self) -> Channel {
        Channel::GOVAPP
    }

    fn provider(&self) -> &'static str {
        NAME
    }

    fn send(&self, letter: Letter) -> BoxFuture<'static, Outcome> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.send(&letter).await })
    }

    fn inquire(&self, letter: Letter) -> BoxFuture<'static, Inquiry> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            inner.gathering.ended(letter.reference).await;
            inner.inquire(&letter).await
        })
    }

    fn can_tell(&self) -> &'static str {
        "whether it has a notification with our reference, and how far it got"
    }

    fn receivers(&self, recipient: Recipient) -> Option<BoxFuture<'static, Result<Vec<ReceiverKey>, Failure>>> {
        let inner = Arc::clone(&self.0);
        Some(Box::pin(async move { inner.keys(&recipient).await }))
    }

    fn receipts(&self, request: &CallbackRequest) -> Result<Received, CallbackError> {
        let expected = self.0.callback_secret.as_ref().ok_or(CallbackError::Secret)?;
        let given = request.headers.iter().find(|(name, _)| name == "x-callback-secret");
        if !given.is_some_and(|(_, value)| expected.matches(value.as_bytes())) {
            return Err(CallbackError::Secret);
        }
        read_events(&request.body)
    }

    fn retire(&self, _: Arc<dyn Transport>) -> BoxFuture<'static, ()> {
        // Callbacks under the secret from before count until the platform has the new one.
        Box::pin(tokio::time::sleep(HEARD_FOR))
    }

    fn poll(&self, since: Timestamp) -> Option<BoxFuture<'static, Result<Vec<Receipt>, String>>> {
        let (back, pages) = self.0.poll?;
        let inner = Arc::clone(&self.0);
        // `sentAfter` looks at the sending, and events come later: hence further back than the last poll.
        let back = u64::try_from(back.as_millis()).unwrap_or(u64::MAX);
        let sent_after = Timestamp::from_millis(since.millis().saturating_sub(back));
        Some(Box::pin(async move { inner.poll(sent_after, pages).await }))
    }
}

/// The events of a callback: an array, or one object. An event that can't be read is counted and
/// passed over, so that it doesn't hold up the others.
fn read_events(body: &[u8]) -> Result<Received, CallbackError> {
    let form = |what: &str| CallbackError::Form(what.to_owned());
    let events = match serde_json::from_slice(body).map_err(|_| form("the body is not JSON"))? {
        serde_json::Value::Array(events) => events,
        one @ serde_json::Value::Object(_) => vec![one],
        _ => return Err(form("give an event, or an array of events")),
    };
    let mut received = Received::default();
    for event in events {
        match serde_json::from_value::<wire::Event>(event).ok().and_then(|event| event.receipt()) {
            Some(receipt) => received.receipts.push(receipt),
            None => received.ignored += 1,
        }
    }
    Ok(received)
}

impl Inner {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.peer.request(method, &format!("{}{path}", self.base)).bearer_auth(self.token.expose())
    }

    async fn send(self: &Arc<Self>, letter: &Letter) -> Outcome {
        let (who, receivers) = match self.find(letter).await {
            Ok(Some(found)) => found,
            Ok(None) => return failed(Failure::Unreachable),
            Err(trouble) => return trouble.outcome(Effect::LookUp),
        };
        let sealed = &letter.envelope.content.sealed;
        let outcome = if sealed.is_empty() {
            match self.together(letter, &receivers).await {
                Told::Outcome(outcome) => outcome,
                Told::Alone => {
                    let notification = wire::Notification::of(&letter.envelope, letter.reference.to_string());
                    let copies = receivers.iter().map(|receiver| self.notify(*receiver, &notification));
                    best(future::join_all(copies).await)
                }
            }
        } else {
            // To devices of this citizen only, and to each what only it can read.
            let theirs = sealed.iter().filter(|(to, _)| receivers.contains(&Uuid::from_u128(to.0)));
            let copies = theirs.map(|(to, jwe)| async move {
                self.notify(Uuid::from_u128(to.0), &wire::Notification::sealed(letter, jwe)).await
            });
            best(future::join_all(copies).await)
        };
        if outcome == failed(Failure::Unreachable) {
            self.receivers.remove(&who);
        }
        outcome
    }

    /// Active receivers of the recipient, by the identifier under which there are some. Asked first is
    /// what the sender gave, then what the registry added.
    async fn find(&self, letter: &Letter) -> Result<Option<(Identifier, Arc<[Uuid]>)>, Trouble> {
        let given = known_to_govapp(&letter.envelope.recipient);
        let added = known_to_govapp(&letter.recipient);
        for who in given.iter().chain(added.iter().filter(|who| !given.contains(who))) {
            let receivers = self.receivers_of(*who, letter).await?;
            if !receivers.is_empty() {
                return Ok(Some((*who, receivers)));
            }
        }
        Ok(None)
    }

    async fn receivers_of(&self, who: Identifier, letter: &Letter) -> Result<Arc<[Uuid]>, Trouble> {
        // An encrypted content names devices that may be newer than what is remembered.
        let known = self.receivers.get(&who).filter(|known| {
            let sealed = &letter.envelope.content.sealed;
            sealed.iter().all(|(to, _)| known.contains(&Uuid::from_u128(to.0)))
        });
        if let Some(known) = known {
            return Ok(known);
        }
        let answer = self.look_up(who, letter.reference.to_string()).await?;
        let receivers: Arc<[Uuid]> = answer.receivers.iter().take(DEVICES).map(|receiver| receiver.id).collect();
        if !receivers.is_empty() {
            self.receivers.set(who, Arc::clone(&receivers));
        }
        Ok(receivers)
    }

    async fn look_up(&self, who: Identifier, correlation: String) -> Result<wire::Receivers, Trouble> {
        let by = match who {
            Identifier::Mobile(mobile) => ("phoneNumber", mobile.digits()),
            Identifier::Niss(niss) => ("ssin", niss.digits()),
            Identifier::Cbe(_) => return Ok(wire::Receivers::default()),
        };
        let request = self
            .request(Method::GET, "/receivers")
            .query(&[by, ("limit", DEVICES.to_string()), ("offset", "0".to_owned())])
            .header("x-correlation-id", correlation);
        self.peer.ask(request).await?.json()
    }

    /// Devices with their keys, by the first identifier that has some. One without a usable key is left out.
    async fn keys(&self, recipient: &Recipient) -> Result<Vec<ReceiverKey>, Failure> {
        for who in known_to_govapp(recipient) {
            let answer = self.look_up(who, Uuid::now_v7().to_string()).await;
            let answer = answer.map_err(|trouble| match trouble.outcome(Effect::LookUp) {
                Outcome::Is(status, _) => status.failure().unwrap_or(Failure::ChannelDown),
                Outcome::Throttled(_) | Outcome::NotYet(_) => Failure::Throttled,
                Outcome::Unknown => Failure::ChannelDown,
            })?;
            let keys: Vec<_> = answer.receivers.iter().take(DEVICES).filter_map(wire::Receiver::key).collect();
            if !keys.is_empty() {
                return Ok(keys);
            }
        }
        Ok(Vec::new())
    }

    async fn notify(&self, receiver: Uuid, notification: &wire::Notification<'_>) -> Outcome {
        let request = self
            .request(Method::POST, &format!("/receivers/{receiver}/notifications"))
            .header("x-correlation-id", &notification.message_correlation_id)
            .json(notification);
        let created = match self.peer.ask(request).await {
            Ok(answer) => answer.json::<wire::Created>(),
            Err(trouble) => Err(trouble),
        };
        match created {
            Ok(created) => Outcome::Is(AttemptStatus::Sent, Some(created.id)),
            Err(trouble) => refused(&trouble),
        }
    }

    async fn inquire(&self, letter: &Letter) -> Inquiry {
        let reference = letter.reference.to_string();
        let request = self
            .request(Method::GET, "")
            .query(&[("messageCorrelationId", &*reference), ("limit", "100"), ("offset", "0")])
            .header("x-correlation-id", &reference);
        let answer = match self.peer.ask(request).await {
            Ok(answer) => answer.json::<wire::Notifications>(),
            Err(trouble) => Err(trouble),
        };
        let Ok(found) = answer else { return Inquiry::CannotTell };
        let furthest =
            found.notifications.iter().filter_map(|notification| Some((notification.status()?, notification)));
        match furthest.max_by_key(|(status, _)| status.rank()) {
            Some((status, notification)) => Inquiry::Known(status, Some(notification.id.clone())),
            None if found.notifications.is_empty() && found.total_amount == 0 => Inquiry::NotFound,
            None => Inquiry::CannotTell,
        }
    }

    async fn poll(&self, sent_after: Timestamp, pages: usize) -> Result<Vec<Receipt>, String> {
        let mut receipts = Vec::new();
        let after = sent_after.to_string();
        for page in 0..pages {
            let (limit, offset) = (PAGE.to_string(), (page * PAGE).to_string());
            let request = self
                .request(Method::GET, "")
                .query(&[("sentAfter", &*after), ("limit", &limit), ("offset", &offset)])
                .header("x-correlation-id", Uuid::now_v7().to_string());
            let answer = self.peer.ask(request).await.and_then(|answer| answer.json::<wire::Notifications>());
            let answer = answer.map_err(|trouble| trouble.words())?;
            receipts.extend(answer.notifications.iter().flat_map(wire::Listed::receipts));
            if answer.notifications.is_empty() || (page + 1) * PAGE >= answer.total_amount {
                return Ok(receipts);
            }
        }
        tracing::warn!(
            channel = NAME,
            pages,
            "a poll did not see all notifications: raise poll_pages, or shorten poll_back_ms"
        );
        Ok(receipts)
    }
}

fn known_to_govapp(recipient: &Recipient) -> Vec<Identifier> {
    let mobile = recipient.mobile.map(Identifier::Mobile);
    mobile.into_iter().chain(recipient.niss.map(Identifier::Niss)).collect()
}

/// What it says of a letter that its notification was not taken, or may not have been.
fn refused(trouble: &Trouble) -> Outcome {
    match trouble {
        // The receiver was there at the look-up and is not active any more.
        Trouble::Status { status, .. } if status.as_u16() == 404 => failed(Failure::Unreachable),
        trouble => trouble.outcome(Effect::Post),
    }
}

/// What the outcomes of several copies say of the letter: sent if one was, unknown if one may have been.
fn best(outcomes: Vec<Outcome>) -> Outcome {
    let rank = |outcome: &Outcome| match outcome {
        Outcome::Is(status, _) if status.rank() > 0 => 4,
        Outcome::Unknown => 3,
        Outcome::Throttled(_) | Outcome::NotYet(_) => 2,
        Outcome::Is(status, _) if status.failure() == Some(Failure::Unreachable) => 0,
        Outcome::Is(..) => 1,
    };
    // Of equal ones the first, so that the reference kept is always the same device's.
    outcomes.into_iter().rev().max_by_key(rank).unwrap_or_else(|| http::failed(Failure::Unreachable))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_callback_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_events(&body);
        }

        #[test]
        fn no_json_callback_makes_it_panic(kind in "[A-Z_]{0,14}|null|1", id in "\\PC{0,40}") {
            let id = serde_json::to_string(&id).unwrap();
            let body = format!(r#"[{{"type": {kind}, "notificationId": {id}, "messageCorrelationId": {id}}}, {id}, 7]"#);
            let _ = read_events(body.as_bytes());
            let body = format!(r#"{{"type": "{kind}", "notificationId": {id}, "messageCorrelationId": {id}}}"#);
            let received = read_events(body.as_bytes()).unwrap();
            prop_assert_eq!(received.receipts.len() + received.ignored, 1);
        }
    }

    #[test]
    fn one_copy_that_was_taken_makes_the_letter_sent() {
        let sent = |id: &str| Outcome::Is(AttemptStatus::Sent, Some(id.into()));
        let down = failed(Failure::ChannelDown);
        assert_eq!(best(vec![down.clone(), sent("a"), sent("b"), Outcome::Unknown]), sent("a"));
        assert_eq!(best(vec![down.clone(), Outcome::Unknown]), Outcome::Unknown);
        assert_eq!(best(vec![failed(Failure::Unreachable), down.clone()]), down);
        assert_eq!(best(vec![]), failed(Failure::Unreachable));
    }
}
