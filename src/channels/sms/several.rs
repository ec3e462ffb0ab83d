//! Several providers of the one channel: who gets a letter, and what is done when one can't take it.
//!
//! Invariant: a letter goes to another provider only when the one before is known not to have it, and not after its validity. A provider's message ids
//! are told apart from another's by its name before them. How letters are shared is decided in `domain::balance`.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use estafette_actors::domain::balance::Balance;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::inbound::Inbound;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::receipt::{About, Receipt};
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::messages::Refused;
use estafette_actors::ports::{
    CallbackError, CallbackRequest, Clock, Ear, Inquiry, Letter, Received, SystemClock, Transport,
};
use futures_util::future::{self, BoxFuture};
use tokio::time::Instant;

use crate::channels::Error;
use crate::channels::http::failed;
use crate::channels::settings::Table;
use crate::channels::sms::NAME;

/// The provider's name, of all of them together.
pub const PROVIDER: &str = "several";
/// Providers at most.
const MOST: usize = 8;
/// Characters of a provider's name at most.
const NAME_MAX: usize = 20;
const SECOND: Duration = Duration::from_secs(1);

/// One of them.
pub(super) struct Provider {
    name: Box<str>,
    transport: Arc<dyn Transport>,
    weight: u32,
    /// Country prefixes that it may be used for; empty for all.
    countries: Vec<u16>,
}

/// The providers as one transport.
pub struct Several(Arc<Inner>);

struct Inner {
    providers: Vec<Provider>,
    /// Of the channel as a whole.
    countries: Vec<u16>,
    balance: Mutex<Shared>,
}

struct Shared {
    balance: Balance,
    second: Instant,
}

fn wrong(key: &'static str, message: impl Into<String>) -> Error {
    Error::Setting { channel: NAME, key, message: message.into() }
}

/// Takes a list of country prefixes out of a table.
pub(super) fn countries(table: &mut Table) -> Result<Vec<u16>, Error> {
    let Some(given) = table.take_value("countries") else { return Ok(Vec::new()) };
    let read: Result<Vec<u16>, _> = serde_json::from_value(given);
    let read = read.ok().filter(|all| all.iter().all(|prefix| (1..=999).contains(prefix)));
    read.ok_or_else(|| wrong("countries", "give a list of country prefixes, such as [32, 352]"))
}

/// Makes the channel of its tables, each with a name, a weight and the settings of its own provider.
pub(super) fn build(
    tables: serde_json::Value,
    countries: Vec<u16>,
    make: impl Fn(&Table) -> Result<Arc<dyn Transport>, Error>,
) -> Result<Several, Error> {
    let serde_json::Value::Array(tables) = tables else {
        return Err(wrong("providers", "give tables, each headed [[channels.sms.providers]]"));
    };
    if tables.is_empty() || tables.len() > MOST {
        return Err(wrong("providers", format!("give 1 to {MOST} of them")));
    }
    let mut providers: Vec<Provider> = Vec::new();
    for table in tables {
        let mut table = Table::of(table);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let name = table.take("name").filter(|name| (1..=NAME_MAX).contains(&name.len()) && name.chars().all(plain));
        let what = "give each provider a name of 1 to 20 lower-case letters, digits or hyphens, and each another";
        let name = name.filter(|name| providers.iter().all(|known| *known.name != **name));
        let name = name.ok_or_else(|| wrong("providers.name", what))?;
        let weight = match table.take_value("weight") {
            None => 1,
            Some(weight) => {
                let weight = weight.as_u64().and_then(|weight| u32::try_from(weight).ok());
                weight.filter(|weight| *weight <= 1_000).ok_or_else(|| wrong("providers.weight", "give 0 to 1000"))?
            }
        };
        let countries = self::countries(&mut table)?;
        providers.push(Provider { name: name.into(), transport: make(&table)?, weight, countries });
    }
    Ok(Several::new(providers, countries))
}

impl Several {
    fn new(providers: Vec<Provider>, countries: Vec<u16>) -> Self {
        let balance = Balance::new(providers.iter().map(|provider| provider.weight));
        let balance = Mutex::new(Shared { balance, second: Instant::now() });
        Self(Arc::new(Inner { providers, countries, balance }))
    }

    /// One provider that is only used for some countries.
    pub(super) fn one(transport: Arc<dyn Transport>, countries: Vec<u16>) -> Self {
        let name = transport.provider().into();
        Self::new(vec![Provider { name, transport, weight: 1, countries: Vec::new() }], countries)
    }

    /// Each provider's name and its share now, of [`estafette_actors::domain::balance::FULL`].
    pub fn shares(&self) -> Vec<(Box<str>, u8)> {
        let shares = self.0.balance().balance.shares();
        self.0.providers.iter().map(|provider| provider.name.clone()).zip(shares).collect()
    }
}

/// A provider's message id as the channel knows it.
fn named(name: &str, id: &str) -> Box<str> {
    format!("{name}:{id}").into()
}

impl Inner {
    /// The balance, with the seconds counted that are over.
    fn balance(&self) -> MutexGuard<'_, Shared> {
        let mut shared = self.balance.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        // After a time without letters a few steps bring everybody back: more say nothing.
        let mut steps = 0;
        while now.duration_since(shared.second) >= SECOND && steps < 64 {
            shared.second += SECOND;
            shared.balance.second();
            steps += 1;
        }
        if steps == 64 {
            shared.second = now;
        }
        shared
    }

    fn may(&self, place: usize, country: u16) -> bool {
        let of = |countries: &[u16]| countries.is_empty() || countries.contains(&country);
        of(&self.countries) && of(&self.providers[place].countries)
    }

    fn one_more(&self, place: usize, receipt: Receipt) -> Receipt {
        let ended = match receipt.status {
            AttemptStatus::Delivered | AttemptStatus::Read | AttemptStatus::Acted => Some(true),
            AttemptStatus::Failed(_) | AttemptStatus::ChannelExpired => Some(false),
            _ => None,
        };
        if let Some(delivered) = ended {
            self.balance().balance.received(place, delivered);
        }
        let name = &self.providers[place].name;
        let about = match receipt.about {
            About::ChannelReference(id) => About::ChannelReference(named(name, &id)),
            about @ About::Attempt(_) => about,
        };
        Receipt { about, channel_reference: receipt.channel_reference.map(|id| named(name, &id)), ..receipt }
    }

    async fn send(&self, letter: Letter) -> (Outcome, Option<Box<str>>) {
        let Some(mobile) = letter.recipient.mobile else { return (failed(Failure::Unreachable), None) };
        let country = mobile.country_prefix();
        let mut left: Vec<bool> = (0..self.providers.len()).map(|place| self.may(place, country)).collect();
        let mut last = (failed(Failure::Unreachable), None);
        loop {
            let ready = |place: usize| left[place] && self.providers[place].transport.is_ready();
            let picked = {
                let mut shared = self.balance();
                shared.balance.pick(ready).or_else(|| shared.balance.pick(|place| left[place]))
            };
            let Some(place) = picked else { return last };
            // Whoever had it before may have kept it until its time was over.
            if last.1.is_some() && SystemClock.now() >= letter.envelope.valid_until {
                return last;
            }
            left[place] = false;
            let provider = &self.providers[place];
            let began = Instant::now();
            let outcome = provider.transport.send(letter.clone()).await;
            let elsewhere = matches!(
                &outcome,
                Outcome::Throttled(_) | Outcome::Is(AttemptStatus::Failed(Failure::ChannelDown | Failure::Timeout), _)
            );
            let ok = !elsewhere && outcome != Outcome::Unknown;
            self.balance().balance.answered(place, ok, began.elapsed().as_millis() as u64);
            let outcome = match outcome {
                Outcome::Is(status, id) => Outcome::Is(status, id.map(|id| named(&provider.name, &id))),
                other => other,
            };
            // Of all that can't take it now, one that asks to wait says more than one that is down.
            if !matches!((&last.0, &outcome), (Outcome::Throttled(_), Outcome::Is(..))) || !elsewhere {
                last = (outcome, Some(provider.name.clone()));
            }
            if !elsewhere {
                return last;
            }
        }
    }

    async fn inquire(&self, letter: Letter) -> Inquiry {
        let asked = self.providers.iter().map(|provider| provider.transport.inquire(letter.clone()));
        let mut nobody = true;
        for (provider, told) in self.providers.iter().zip(future::join_all(asked).await) {
            match told {
                Inquiry::Known(status, id) => return Inquiry::Known(status, id.map(|id| named(&provider.name, &id))),
                Inquiry::CannotTell => nobody = false,
                Inquiry::NotFound => {}
            }
        }
        if nobody { Inquiry::NotFound } else { Inquiry::CannotTell }
    }
}

/// The ear that one provider speaks to.
struct Named {
    inner: Arc<Inner>,
    place: usize,
    ear: Arc<dyn Ear>,
}

impl Ear for Named {
    fn receipts(&self, receipts: Vec<Receipt>) -> BoxFuture<'static, Result<(), Refused>> {
        self.ear.receipts(receipts.into_iter().map(|receipt| self.inner.one_more(self.place, receipt)).collect())
    }

    fn inbound(&self, inbound: Vec<Inbound>) -> BoxFuture<'static, Result<(), Refused>> {
        self.ear.inbound(inbound)
    }
}

impl Transport for Several {
    fn channel(&self) -> Channel {
        Channel::SMS
    }

    fn provider(&self) -> &'static str {
        match &*self.0.providers {
            [one] => one.transport.provider(),
            _ => PROVIDER,
        }
    }

    fn send(&self, letter: Letter) -> BoxFuture<'static, Outcome> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.send(letter).await.0 })
    }

    fn send_via(&self, letter: Letter) -> BoxFuture<'static, (Outcome, Option<Box<str>>)> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.send(letter).await })
    }

    fn is_ready(&self) -> bool {
        self.0.providers.iter().any(|provider| provider.transport.is_ready())
    }

    fn inquire(&self, letter: Letter) -> BoxFuture<'static, Inquiry> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.inquire(letter).await })
    }

    fn can_tell(&self) -> &'static str {
        match &*self.0.providers {
            [one] => one.transport.can_tell(),
            _ => "what the provider that had it can tell; that nobody has it only when all can tell",
        }
    }

    fn receipts(&self, _: &CallbackRequest) -> Result<Received, CallbackError> {
        Err(CallbackError::None)
    }

    fn receipts_of(&self, provider: &str, request: &CallbackRequest) -> Option<Result<Received, CallbackError>> {
        let by_name = self.0.providers.iter().position(|known| *known.name == *provider);
        let place =
            by_name.or_else(|| self.0.providers.iter().position(|known| known.transport.provider() == provider))?;
        let received = self.0.providers[place].transport.receipts(request);
        Some(received.map(|received| Received {
            receipts: received.receipts.into_iter().map(|receipt| self.0.one_more(place, receipt)).collect(),
            ignored: received.ignored,
        }))
    }

    fn poll(&self, since: Timestamp) -> Option<BoxFuture<'static, Result<Vec<Receipt>, String>>> {
        let inner = Arc::clone(&self.0);
        let polls = self.0.providers.iter().map(|provider| provider.transport.poll(since));
        let asked: Vec<_> = polls.enumerate().filter_map(|(place, poll)| Some((place, poll?))).collect();
        if asked.is_empty() {
            return None;
        }
        Some(Box::pin(async move {
            let mut all = Vec::new();
            for (place, poll) in asked {
                all.extend(poll.await?.into_iter().map(|receipt| inner.one_more(place, receipt)));
            }
            Ok(all)
        }))
    }

    fn close(&self) -> Option<BoxFuture<'static, ()>> {
        let closing: Vec<_> = self.0.providers.iter().filter_map(|provider| provider.transport.close()).collect();
        Some(Box::pin(async move { drop(future::join_all(closing).await) }))
    }

    fn listen(&self, ear: Arc<dyn Ear>) -> Option<BoxFuture<'static, ()>> {
        let listening: Vec<_> = (0..self.0.providers.len())
            .filter_map(|place| {
                let ear = Arc::new(Named { inner: Arc::clone(&self.0), place, ear: Arc::clone(&ear) });
                self.0.providers[place].transport.listen(ear)
            })
            .collect();
        if listening.is_empty() {
            return None;
        }
        Some(Box::pin(async move {
            future::join_all(listening).await;
        }))
    }
}
