//! Several providers of the one channel: who gets a letter, and what is done when one can't take it.
//!
//! Invariant: a letter goes to another provider only when the one before is known not to have it, and not after its
//! validity. A provider's message ids are told apart from another's by its name before them; one that stands alone has no name there, so that a limit to some
//! countries changes no id. How letters are shared is decided in `domain::balance`.
//!
//! Another configuration goes on with the providers whose own settings are the same, connections and all: a weight or a
//! country breaks no bind.
use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use estafette_actors::domain::balance::{Balance, FULL, Standing};
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::inbound::Inbound;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::receipt::{About, Receipt};
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::messages::Refused;
use estafette_actors::ports::{
    CallbackError, CallbackRequest, Clock, Ear, Inquiry, Letter, ProviderState, ProviderView, Received, SystemClock,
    Transport,
};
use futures_util::future::{self, BoxFuture};
use tokio::time::Instant;

use crate::channels::Error;
use crate::channels::http::failed;
use crate::channels::settings::{Checks, Table};
use crate::channels::sms::NAME;

/// The provider's name, of all of them together.
pub const PROVIDER: &str = "several";
/// Providers at most.
const MOST: usize = 8;
/// Characters of a provider's name at most.
const NAME_MAX: usize = 20;
/// Between two steps of the shares when nobody says, and at most.
const STEP_MS: u64 = 1_000;
const STEP_MS_MAX: u64 = 60_000;
/// How long one that was taken out is heard when nobody says, and at most: most receipts come within seconds.
const LINGER_MS: u64 = 60_000;
const LINGER_MS_MAX: u64 = 24 * 3_600_000;
/// Settings that say whose account it is at the provider, and how receipts prove that they come from there: where all are the
/// same, what was heard by one is heard by the other.
const ACCOUNT: [&str; 6] = ["provider", "address", "system_id", "base_url", "api_key", "callback_secret"];

/// One of them as it is set up for itself: lives as long as its settings stay the same.
struct Line {
    /// None when it stands alone.
    name: Option<Box<str>>,
    settings: Table,
    transport: Arc<dyn Transport>,
    is_listening: AtomicBool,
    told: Mutex<Told>,
}

/// Receipts that told of an end since the last step, and those of them that told of a failure.
#[derive(Clone, Copy, Default)]
struct Told {
    receipts: u32,
    undelivered: u32,
}

/// One of them.
struct Provider {
    line: Arc<Line>,
    weight: u32,
    /// Country prefixes that it may be used for; empty for all.
    countries: Vec<u16>,
}

/// The providers as one transport.
pub struct Several(Arc<Inner>);

struct Inner {
    providers: Vec<Provider>,
    terms: Terms,
    balance: Mutex<Shared>,
}

struct Shared {
    balance: Balance,
    stepped_at: Instant,
}

fn wrong(key: &'static str, message: impl Into<String>) -> Error {
    Error::Setting { channel: NAME, key, message: message.into() }
}

/// Takes a list of country prefixes out of a table.
fn countries(table: &mut Table) -> Result<Vec<u16>, Error> {
    let Some(given) = table.take_value("countries") else { return Ok(Vec::new()) };
    let read: Result<Vec<u16>, _> = serde_json::from_value(given);
    let read = read.ok().filter(|all| all.iter().all(|prefix| (1..=999).contains(prefix)));
    read.ok_or_else(|| wrong("countries", "give a list of country prefixes, such as [32, 352]"))
}

/// How the providers of the channel are dealt with together.
#[derive(Clone)]
pub(super) struct Terms {
    /// Country prefixes of the channel as a whole; empty for all.
    countries: Vec<u16>,
    /// How long those that are no longer here are heard.
    linger: Duration,
    /// Between two steps of the shares.
    step: Duration,
}

/// Takes them out of a table.
pub(super) fn terms(table: &mut Table) -> Result<Terms, Error> {
    let countries = countries(table)?;
    let mut millis = |key: &'static str, usual: u64, least: u64, most: u64| {
        let given = table.take_value(key).map_or(Some(usual), |given| given.as_u64());
        let read = given.filter(|ms| (least..=most).contains(ms)).map(Duration::from_millis);
        read.ok_or_else(|| wrong(key, format!("give {least} to {most} milliseconds")))
    };
    let linger = millis("linger_ms", LINGER_MS, 0, LINGER_MS_MAX)?;
    Ok(Terms { countries, linger, step: millis("step_ms", STEP_MS, 10, STEP_MS_MAX)? })
}

/// Makes the channel of its tables, each with a name, a weight and the settings of its own provider.
pub(super) fn build(
    tables: serde_json::Value,
    terms: Terms,
    make: impl Fn(&Table) -> Result<Arc<dyn Transport>, Error>,
) -> Result<Several, Error> {
    let serde_json::Value::Array(tables) = tables else {
        return Err(wrong("providers", "give tables, each headed [[channels.sms.providers]]"));
    };
    if tables.is_empty() || tables.len() > MOST {
        return Err(wrong("providers", format!("give 1 to {MOST} of them")));
    }
    let mut providers: Vec<Provider> = Vec::new();
    let mut checks = Checks::default();
    for (place, table) in tables.into_iter().enumerate() {
        let mut table = Table::of(table);
        let mut note = Checks::default();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let name = table.take("name").filter(|name| (1..=NAME_MAX).contains(&name.len()) && name.chars().all(plain));
        let what = "give each provider a name of 1 to 20 lower-case letters, digits or hyphens, and each another";
        let name = name.filter(|name| providers.iter().all(|known| known.line.name.as_deref() != Some(name)));
        let name = note.note(name.ok_or_else(|| wrong("name", what)));
        let weight = note.note(weight(&mut table));
        let countries = note.note(self::countries(&mut table));
        let transport = note.note(make(&table));
        let whole = name.zip(weight).zip(countries.zip(transport));
        let provider = note.made(whole).map_err(|error| error.within(&format!("providers.{place}")));
        if let Some(((name, weight), (countries, transport))) = checks.note(provider) {
            providers.push(Provider { line: Line::new(Some(name.into()), table, transport), weight, countries });
        }
    }
    let providers = checks.made(Some(providers))?;
    Ok(Several::new(providers, terms))
}

/// Takes the weight of a provider out of its table.
fn weight(table: &mut Table) -> Result<u32, Error> {
    let Some(weight) = table.take_value("weight") else { return Ok(1) };
    let weight = weight.as_u64().and_then(|weight| u32::try_from(weight).ok());
    weight.filter(|weight| *weight <= 1_000).ok_or_else(|| wrong("weight", "give 0 to 1000"))
}

impl Line {
    fn new(name: Option<Box<str>>, settings: Table, transport: Arc<dyn Transport>) -> Arc<Self> {
        let (is_listening, told) = (AtomicBool::new(false), Mutex::default());
        Arc::new(Self { name, settings, transport, is_listening, told })
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message id of this provider as the channel knows it.
    fn named(&self, id: Box<str>) -> Box<str> {
        self.name.as_ref().map_or(id.clone(), |name| format!("{name}:{id}").into())
    }

    fn one_more(&self, receipt: Receipt) -> Receipt {
        let ended = match receipt.status {
            AttemptStatus::Delivered | AttemptStatus::Read | AttemptStatus::Acted => Some(true),
            AttemptStatus::Failed(_) | AttemptStatus::ChannelExpired => Some(false),
            _ => None,
        };
        if let Some(delivered) = ended {
            let mut told = self.told();
            told.receipts = told.receipts.saturating_add(1);
            told.undelivered = told.undelivered.saturating_add(u32::from(!delivered));
        }
        let about = match receipt.about {
            About::ChannelReference(id) => About::ChannelReference(self.named(id)),
            about @ About::Attempt(_) => about,
        };
        Receipt { about, channel_reference: receipt.channel_reference.map(|id| self.named(id)), ..receipt }
    }

    fn is_account_of(&self, other: &Self) -> bool {
        ACCOUNT.iter().all(|key| self.settings.value(key) == other.settings.value(key))
    }
}

impl Several {
    fn new(providers: Vec<Provider>, terms: Terms) -> Self {
        let balance = Balance::new(providers.iter().map(|provider| provider.weight));
        Self::with(providers, terms, balance)
    }

    fn with(providers: Vec<Provider>, terms: Terms, balance: Balance) -> Self {
        let balance = Mutex::new(Shared { balance, stepped_at: Instant::now() });
        Self(Arc::new(Inner { providers, terms, balance }))
    }

    /// One provider, which its table is of.
    pub(super) fn alone(table: Table, transport: Arc<dyn Transport>, terms: Terms) -> Self {
        let line = Line::new(None, table, transport);
        Self::new(vec![Provider { line, weight: 1, countries: Vec::new() }], terms)
    }

    /// As newly set up, with the providers of an older one whose own settings are the same.
    fn after(&self, older: &Self) -> Self {
        let mut balance = Balance::new(self.0.providers.iter().map(|provider| provider.weight));
        let known = older.0.balance();
        let providers = self.0.providers.iter().enumerate().map(|(place, provider)| {
            let same = |other: &Provider| {
                (&other.line.name, &other.line.settings) == (&provider.line.name, &provider.line.settings)
            };
            let from = older.0.providers.iter().position(same);
            let line = from.map_or(&provider.line, |from| &older.0.providers[from].line);
            if let Some(from) = from {
                balance.take_over(place, &known.balance, from);
            }
            Provider { line: Arc::clone(line), weight: provider.weight, countries: provider.countries.clone() }
        });
        let providers = providers.collect();
        Self::with(providers, self.0.terms.clone(), balance)
    }
}

fn view(line: &Line, standing: &Standing) -> ProviderView {
    let percent = |part: f64| (part * 100.0).round() as u8;
    let is_ready = line.transport.is_ready();
    let kind = line.transport.provider();
    ProviderView {
        name: line.name.as_deref().unwrap_or(kind).into(),
        provider: kind,
        state: match standing.share {
            _ if !is_ready || standing.is_down => ProviderState::Down,
            FULL => ProviderState::Up,
            _ => ProviderState::Worse,
        },
        weight: standing.weight,
        share: standing.share,
        binds: line.transport.providers().first().and_then(|provider| provider.binds),
        answers_in_ms: standing.answers_in_ms,
        failing_percent: percent(standing.failing),
        undelivered_percent: percent(standing.undelivered),
    }
}

impl Inner {
    /// The balance, with the steps taken that are due.
    fn balance(&self) -> MutexGuard<'_, Shared> {
        let mut shared = self.balance.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        // After a time without letters a few steps bring everybody back: more say nothing.
        let mut steps = 0;
        while now.duration_since(shared.stepped_at) >= self.terms.step && steps < 64 {
            shared.stepped_at += self.terms.step;
            for (place, provider) in self.providers.iter().enumerate() {
                let Told { receipts, undelivered } = std::mem::take(&mut *provider.line.told());
                shared.balance.received(place, receipts, undelivered);
            }
            shared.balance.second();
            steps += 1;
        }
        if steps == 64 {
            shared.stepped_at = now;
        }
        shared
    }

    fn may(&self, place: usize, country: u16) -> bool {
        let of = |countries: &[u16]| countries.is_empty() || countries.contains(&country);
        of(&self.terms.countries) && of(&self.providers[place].countries)
    }

    async fn send(&self, letter: Letter) -> (Outcome, Option<Box<str>>) {
        let Some(mobile) = letter.recipient.mobile else { return (failed(Failure::Unreachable), None) };
        let country = mobile.country_prefix();
        let mut left: Vec<bool> = (0..self.providers.len()).map(|place| self.may(place, country)).collect();
        let mut last = (failed(Failure::Unreachable), None);
        loop {
            let ready = |place: usize| left[place] && self.providers[place].line.transport.is_ready();
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
            let line = &self.providers[place].line;
            let began = Instant::now();
            let outcome = line.transport.send(letter.clone()).await;
            let elsewhere = matches!(
                &outcome,
                Outcome::Throttled(_) | Outcome::Is(AttemptStatus::Failed(Failure::ChannelDown | Failure::Timeout), _)
            );
            let ok = !elsewhere && outcome != Outcome::Unknown;
            self.balance().balance.answered(place, ok, began.elapsed().as_millis() as u64);
            let outcome = match outcome {
                Outcome::Is(status, id) => Outcome::Is(status, id.map(|id| line.named(id))),
                other => other,
            };
            // Of all that can't take it now, one that asks to wait says more than one that is down.
            if !matches!((&last.0, &outcome), (Outcome::Throttled(_), Outcome::Is(..))) || !elsewhere {
                last = (outcome, line.name.clone());
            }
            if !elsewhere {
                return last;
            }
        }
    }

    async fn inquire(&self, letter: Letter) -> Inquiry {
        let asked = self.providers.iter().map(|provider| provider.line.transport.inquire(letter.clone()));
        let mut nobody = true;
        for (provider, told) in self.providers.iter().zip(future::join_all(asked).await) {
            match told {
                Inquiry::Known(status, id) => return Inquiry::Known(status, id.map(|id| provider.line.named(id))),
                Inquiry::CannotTell => nobody = false,
                Inquiry::NotFound => {}
            }
        }
        if nobody { Inquiry::NotFound } else { Inquiry::CannotTell }
    }
}

/// The ear that one provider speaks to.
struct Named {
    line: Arc<Line>,
    ear: Arc<dyn Ear>,
}

impl Ear for Named {
    fn receipts(&self, receipts: Vec<Receipt>) -> BoxFuture<'static, Result<(), Refused>> {
        self.ear.receipts(receipts.into_iter().map(|receipt| self.line.one_more(receipt)).collect())
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
            [one] => one.line.transport.provider(),
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

    fn longest_text(&self) -> Option<usize> {
        // One that can't take a letter passes it on to another.
        let each = self.0.providers.iter().map(|provider| provider.line.transport.longest_text());
        each.collect::<Option<Vec<usize>>>()?.into_iter().max()
    }

    fn is_ready(&self) -> bool {
        self.0.providers.iter().any(|provider| provider.line.transport.is_ready())
    }

    fn inquire(&self, letter: Letter) -> BoxFuture<'static, Inquiry> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.inquire(letter).await })
    }

    fn can_tell(&self) -> &'static str {
        match &*self.0.providers {
            [one] => one.line.transport.can_tell(),
            _ => "what the provider that had it can tell; that nobody has it only when all can tell",
        }
    }

    fn receipts(&self, request: &CallbackRequest) -> Result<Received, CallbackError> {
        match &*self.0.providers {
            [one] => one.line.transport.receipts(request),
            _ => Err(CallbackError::None),
        }
    }

    fn receipts_of(&self, provider: &str, request: &CallbackRequest) -> Option<Result<Received, CallbackError>> {
        let lines = || self.0.providers.iter().map(|provider| &provider.line);
        let by_name = lines().find(|line| line.name.as_deref() == Some(provider));
        let line = by_name.or_else(|| lines().find(|line| line.transport.provider() == provider))?;
        let received = line.transport.receipts(request);
        Some(received.map(|received| Received {
            receipts: received.receipts.into_iter().map(|receipt| line.one_more(receipt)).collect(),
            ignored: received.ignored,
        }))
    }

    fn poll(&self, since: Timestamp) -> Option<BoxFuture<'static, Result<Vec<Receipt>, String>>> {
        let lines = self.0.providers.iter().map(|provider| Arc::clone(&provider.line));
        let asked: Vec<_> = lines.filter_map(|line| Some((line.transport.poll(since)?, line))).collect();
        if asked.is_empty() {
            return None;
        }
        Some(Box::pin(async move {
            let mut all = Vec::new();
            for (poll, line) in asked {
                all.extend(poll.await?.into_iter().map(|receipt| line.one_more(receipt)));
            }
            Ok(all)
        }))
    }

    fn close(&self) -> Option<BoxFuture<'static, ()>> {
        let closing: Vec<_> = self.0.providers.iter().filter_map(|provider| provider.line.transport.close()).collect();
        Some(Box::pin(async move { drop(future::join_all(closing).await) }))
    }

    fn listen(&self, ear: Arc<dyn Ear>) -> Option<BoxFuture<'static, ()>> {
        // What an older one of this channel had is listened to there.
        let lines = self.0.providers.iter().map(|provider| &provider.line);
        let listening: Vec<_> = lines
            .filter(|line| !line.is_listening.swap(true, Ordering::AcqRel))
            .filter_map(|line| {
                let ear = Named { line: Arc::clone(line), ear: Arc::clone(&ear) };
                line.transport.listen(Arc::new(ear))
            })
            .collect();
        if listening.is_empty() {
            return None;
        }
        Some(Box::pin(async move {
            future::join_all(listening).await;
        }))
    }

    fn providers(&self) -> Vec<ProviderView> {
        let standings: Vec<_> = self.0.balance().balance.standings().collect();
        let providers = self.0.providers.iter().zip(&standings);
        providers.map(|(provider, standing)| view(&provider.line, standing)).collect()
    }

    fn countries(&self) -> Option<Vec<u16>> {
        let mut all = Vec::new();
        for provider in &self.0.providers {
            match (&*self.0.terms.countries, &*provider.countries) {
                ([], []) => return None,
                ([], some) | (some, []) => all.extend(some),
                (some, others) => all.extend(some.iter().filter(|prefix| others.contains(prefix))),
            }
        }
        all.sort_unstable();
        all.dedup();
        Some(all)
    }

    fn replaced_by(&self, newer: Arc<dyn Transport>) -> Arc<dyn Transport> {
        match (&*newer as &dyn Any).downcast_ref::<Self>() {
            Some(several) => Arc::new(several.after(self)),
            None => newer,
        }
    }

    fn retire(&self, heir: Arc<dyn Transport>) -> BoxFuture<'static, ()> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let (kept, linger): (Vec<Arc<Line>>, _) = match (&*heir as &dyn Any).downcast_ref::<Self>() {
                Some(Self(heir)) => {
                    (heir.providers.iter().map(|provider| Arc::clone(&provider.line)).collect(), heir.terms.linger)
                }
                None => (Vec::new(), inner.terms.linger),
            };
            let lines = inner.providers.iter().map(|provider| &provider.line);
            let gone = lines.filter(|line| kept.iter().all(|kept| !Arc::ptr_eq(kept, line)));
            let retired = gone.map(|line| {
                let (line, heir) = (Arc::clone(line), Arc::clone(&heir));
                // Many SMSCs refuse a second bind of an account: then the heir waits for ours to go.
                let heard_elsewhere = kept.iter().any(|kept| kept.is_account_of(&line));
                async move {
                    if !heard_elsewhere {
                        tokio::time::sleep(linger).await;
                    }
                    line.transport.retire(heir).await;
                }
            });
            future::join_all(retired).await;
        })
    }
}
