//! What is known of recipients: the NISS indexes that routing reads.
//!
//! The actor is the only writer of persons; everybody reads the snapshot, and nobody asks the actor. Which NISS took the place
//! of another comes from the register, which writes it here itself once it is durable: no attempt may miss it. What a
//! channel's answers teach (not reachable just now) is kept for a short time beside it.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix::{Actor, Context, Handler, Message};
use actix_rt::ArbiterHandle;
use arc_swap::ArcSwapOption;
use dashmap::DashMap;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use self::known::Known;
use crate::domain::channel::Channel;
use crate::domain::failure::Failure;
use crate::domain::language::Language;
use crate::domain::life::Reach;
use crate::domain::niss::Niss;
use crate::domain::submission::{Identifier, Institution, Recipient};
use crate::domain::time::Timestamp;
use crate::messages::Refused;
use crate::nursery::{Budget, Child, Vitals};
use crate::ports::{Suppressions, Unsuppressed};
use crate::register::Demands;

mod known;

/// What is known of one recipient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Who.
    pub recipient: Recipient,
    /// The language preferred.
    pub language: Option<Language>,
    /// Whether GovApp reaches them, where that is known.
    pub govapp: Option<bool>,
    /// Whether their mailbox is active, where that is known.
    pub mailbox: Option<bool>,
}

/// Channels that were found unreachable are remembered for so many recipients at most.
const MAX_NOTICES: usize = 100_000;

/// The snapshot that everybody reads.
#[derive(Default)]
pub struct Snapshot {
    known: Known,
    unreachable: DashMap<(Channel, Identifier), Timestamp>,
    learned: AtomicU64,
}

/// The registry's figures.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RegistryFigures {
    /// Citizens known by NISS.
    pub nisses: usize,
    /// Mobile numbers known.
    pub mobiles: usize,
    /// Enterprises known.
    pub enterprises: usize,
    /// NISSs that another stands for.
    pub replaced: usize,
    /// Recipients found unreachable of late.
    pub unreachable: usize,
    /// Updates taken since the start.
    pub learned: u64,
}

/// The handle: the snapshot, and the actor that writes it.
#[derive(Clone)]
pub struct Registry {
    snapshot: Arc<Snapshot>,
    child: Child<Keeper>,
    suppressions: Arc<dyn Suppressions>,
    demands: Arc<ArcSwapOption<Demands>>,
    /// How long a channel's "not reachable" is believed.
    believed: Duration,
}

impl Registry {
    /// Starts the actor with an empty snapshot.
    pub fn start(arbiter: &ArbiterHandle, budget: Budget, believed: Duration) -> Self {
        let snapshot = Arc::new(Snapshot::default());
        let child = Child::named("registry");
        let shared = Arc::clone(&snapshot);
        child.start(arbiter, budget, 1_024, move |_| Keeper { snapshot: Arc::clone(&shared) });
        Self { snapshot, child, suppressions: Arc::new(Unsuppressed), demands: Arc::default(), believed }
    }

    /// With the lists of those to whom a sender may not write.
    #[must_use]
    pub fn with_suppressions(mut self, suppressions: Arc<dyn Suppressions>) -> Self {
        self.suppressions = suppressions;
        self
    }

    /// What strategies demand of the register from now on.
    pub fn demand(&self, demands: Demands) {
        self.demands.store(Some(Arc::new(demands)));
    }

    /// The lists of those to whom a sender may not write.
    pub fn suppressions(&self) -> &Arc<dyn Suppressions> {
        &self.suppressions
    }

    /// How the actor fares.
    pub fn vitals(&self) -> Vitals {
        self.child.vitals()
    }

    /// Takes what is known of persons; ends when every reader sees it.
    pub async fn learn(&self, persons: Vec<Person>) -> Result<(), Refused> {
        let (done, learned) = oneshot::channel();
        self.child.tell(Learn { persons, done })?;
        learned.await.map_err(|_| Refused::Restarting)
    }

    /// A channel said that it doesn't reach this recipient now.
    pub fn notice_unreachable(&self, channel: Channel, recipient: Recipient, now: Timestamp) {
        if self.snapshot.unreachable.len() >= MAX_NOTICES {
            self.snapshot.unreachable.retain(|_, until| *until > now);
        }
        if self.snapshot.unreachable.len() < MAX_NOTICES {
            for identifier in recipient.identifiers() {
                self.snapshot.unreachable.insert((channel, identifier), now.plus(self.believed));
            }
        }
    }

    /// From now on the first NISS of each pair stands for the second, or for itself again. Every reader sees it when this returns.
    pub fn replace(&self, pairs: &[(Niss, Option<Niss>)]) {
        for (old, by) in pairs {
            self.snapshot.known.replace(*old, *by);
        }
    }

    /// What is known of a recipient, by any of the identifiers given, under the NISS that counts.
    pub fn person(&self, recipient: &Recipient) -> Option<Person> {
        self.snapshot.known.person(recipient)
    }

    /// The recipient with what the registry adds: a number for a NISS, a NISS for a number, and for a NISS that was replaced the
    /// one in its place.
    pub fn resolve(&self, recipient: &Recipient) -> Recipient {
        let known = self.person(recipient).map(|person| person.recipient).unwrap_or_default();
        Recipient {
            niss: match recipient.niss {
                // Who was found is found under the number that counts.
                Some(niss) if known.niss != Some(niss) => Some(self.snapshot.known.current(niss)),
                _ => known.niss,
            },
            mobile: recipient.mobile.or(known.mobile),
            cbe: recipient.cbe.or(known.cbe),
        }
    }

    /// Whether a channel reaches the recipient, as far as is known without asking it.
    pub fn reach(&self, recipient: &Recipient, channel: Channel, now: Timestamp) -> Reach {
        let known = self.person(recipient);
        let whole = self.resolve(recipient);
        let (possible, said) = match channel {
            Channel::GOVAPP => (whole.mobile.is_some() || whole.niss.is_some(), known.and_then(|p| p.govapp)),
            Channel::SMS => (whole.mobile.is_some(), None),
            Channel::EBOX => (whole.niss.is_some() || whole.cbe.is_some(), known.and_then(|p| p.mailbox)),
            _ => (!whole.is_empty(), None),
        };
        if !possible {
            return Reach::No;
        }
        let unreachable = |identifier| {
            let noticed = self.snapshot.unreachable.get(&(channel, identifier));
            noticed.is_some_and(|until| *until > now)
        };
        match said {
            Some(true) => Reach::Yes,
            Some(false) => Reach::No,
            // What was noticed of the number that was given, or of the one in its place.
            None if !self.snapshot.unreachable.is_empty()
                && recipient.identifiers().chain(whole.niss.map(Identifier::Niss)).any(unreachable) =>
            {
                Reach::No
            }
            None => Reach::Ask,
        }
    }

    /// As [`Self::reach`], and whether this sender may write to the recipient there at all, with this strategy. What the
    /// registry adds to a recipient counts too: a number that said STOP is not reached by its NISS.
    pub fn reach_of(
        &self,
        (sender, strategy): (Institution, &str),
        recipient: &Recipient,
        channel: Channel,
        now: Timestamp,
    ) -> Reach {
        let whole = self.resolve(recipient);
        let barred = |recipient: &Recipient| self.suppressions.bar(sender, recipient, channel);
        // Who said no under the former number said no.
        let bar = barred(&whole).or_else(|| if whole.niss == recipient.niss { None } else { barred(recipient) });
        if let Some(bar) = bar {
            return Reach::Barred(bar.failure());
        }
        let demands = self.demands.load();
        if demands.as_ref().is_some_and(|demands| !demands.are_met(sender, strategy, whole.niss, now)) {
            return Reach::Barred(Failure::NotInRegister);
        }
        self.reach(recipient, channel, now)
    }

    /// Its figures.
    pub fn figures(&self) -> RegistryFigures {
        let (nisses, mobiles, enterprises) = self.snapshot.known.counts();
        RegistryFigures {
            nisses,
            mobiles,
            enterprises,
            replaced: self.snapshot.known.replacements(),
            unreachable: self.snapshot.unreachable.len(),
            learned: self.snapshot.learned.load(Ordering::Relaxed),
        }
    }

    /// Test builds only: makes the actor panic.
    #[cfg(feature = "fault-injection")]
    pub fn panic(&self) -> Result<(), Refused> {
        self.child.tell(crate::messages::Panic)
    }
}

/// To the registry: this is known of these.
#[derive(Message)]
#[rtype(result = "()")]
struct Learn {
    persons: Vec<Person>,
    done: oneshot::Sender<()>,
}

/// The actor: the one writer of the snapshot.
pub struct Keeper {
    snapshot: Arc<Snapshot>,
}

impl Actor for Keeper {
    type Context = Context<Self>;
}

impl Handler<Learn> for Keeper {
    type Result = ();

    fn handle(&mut self, learn: Learn, _: &mut Self::Context) {
        for person in learn.persons {
            self.snapshot.known.learn(&person);
            for identifier in person.recipient.identifiers() {
                for channel in [Channel::GOVAPP, Channel::EBOX] {
                    self.snapshot.unreachable.remove(&(channel, identifier));
                }
            }
            self.snapshot.learned.fetch_add(1, Ordering::Relaxed);
        }
        // Whoever asked may have gone away.
        let _ = learn.done.send(());
    }
}

#[cfg(feature = "fault-injection")]
impl Handler<crate::messages::Panic> for Keeper {
    type Result = ();

    fn handle(&mut self, _: crate::messages::Panic, _: &mut Self::Context) {
        panic!("planted in the registry");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::cbe::Cbe;
    use crate::domain::mobile::Mobile;

    fn mobile(text: &str) -> Option<Mobile> {
        Mobile::parse(text).ok()
    }

    #[actix_rt::test]
    async fn routing_reads_what_was_learned_and_forgets_what_was_only_noticed() {
        let arbiter = actix_rt::Arbiter::new();
        let registry = Registry::start(&arbiter.handle(), Budget::default(), Duration::from_secs(60));
        while registry.vitals().generation == 0 {
            tokio::task::yield_now().await;
        }
        let now = Timestamp::from_millis(1_000);
        let today = jiff::civil::date(2026, 11, 23);
        let citizen = Recipient { niss: Niss::parse("85073003328", today).ok(), ..Recipient::default() };
        assert_eq!(registry.reach(&citizen, Channel::SMS, now), Reach::No, "no number is known");
        let known = Recipient { mobile: mobile("+32470123456"), ..citizen };
        let person = Person { recipient: known, govapp: Some(false), ..Person::default() };
        registry.learn(vec![person]).await.unwrap();
        assert_eq!(registry.reach(&citizen, Channel::SMS, now), Reach::Ask);
        assert_eq!(registry.reach(&citizen, Channel::GOVAPP, now), Reach::No);
        assert_eq!(registry.resolve(&citizen).mobile, known.mobile);

        let other = Recipient { mobile: mobile("+32470123457"), ..Recipient::default() };
        registry.notice_unreachable(Channel::GOVAPP, other, now);
        assert_eq!(registry.reach(&other, Channel::GOVAPP, now), Reach::No);
        let later = now.plus(Duration::from_secs(61));
        assert_eq!(registry.reach(&other, Channel::GOVAPP, later), Reach::Ask);
    }

    #[actix_rt::test]
    async fn a_number_that_was_given_up_leads_to_nobody_and_one_that_was_given_on_to_its_new_holder() {
        let arbiter = actix_rt::Arbiter::new();
        let registry = Registry::start(&arbiter.handle(), Budget::default(), Duration::from_secs(60));
        while registry.vitals().generation == 0 {
            tokio::task::yield_now().await;
        }
        let today = jiff::civil::date(2026, 11, 23);
        let niss = |text: &str| Niss::parse(text, today).ok();
        let of = |recipient| Person { recipient, ..Person::default() };
        let at = |number: &str| Recipient { mobile: mobile(number), ..Recipient::default() };
        let (old, new) = ("+32470123456", "+32470123457");
        let anna = |number: &str| Recipient { niss: niss("85073003328"), ..at(number) };
        let bert = |number: &str| Recipient { niss: niss("17073003384"), ..at(number) };
        let cbe = Cbe::parse("0403019261").ok();
        let firm = |number: &str| Recipient { cbe, ..at(number) };

        registry.learn(vec![of(anna(old)), of(anna(new))]).await.unwrap();
        assert_eq!(registry.person(&at(old)), None, "the number that Anna gave up is not hers");
        assert_eq!(registry.resolve(&at(new)), anna(new));
        registry.learn(vec![of(bert(new)), of(anna(old))]).await.unwrap();
        assert_eq!(registry.resolve(&at(new)), bert(new), "what Bert has by now is not taken from him");
        let without = Recipient { mobile: None, ..bert(new) };
        registry.learn(vec![of(without)]).await.unwrap();
        assert_eq!(registry.person(&at(new)), None);
        assert_eq!(registry.resolve(&without), without);

        registry.learn(vec![of(firm(new)), of(firm("+32470123458"))]).await.unwrap();
        assert_eq!(registry.person(&at(new)), None, "the former number of an enterprise");
        assert_eq!(registry.resolve(&at("+32470123458")).cbe, cbe);
    }

    #[actix_rt::test]
    async fn a_message_to_a_number_that_was_replaced_goes_to_the_one_in_its_place() {
        let arbiter = actix_rt::Arbiter::new();
        let registry = Registry::start(&arbiter.handle(), Budget::default(), Duration::from_secs(60));
        while registry.vitals().generation == 0 {
            tokio::task::yield_now().await;
        }
        let now = Timestamp::from_millis(1_000);
        let today = jiff::civil::date(2026, 11, 23);
        let niss = |text: &str| Niss::parse(text, today).unwrap();
        let (old, between, new) = (niss("85273003371"), niss("85473003317"), niss("85073003328"));
        let to = |niss| Recipient { niss: Some(niss), ..Recipient::default() };
        let at = |niss, number: &str| Recipient { mobile: mobile(number), ..to(niss) };
        let of = |recipient, govapp| Person { recipient, govapp: Some(govapp), ..Person::default() };

        registry.learn(vec![of(at(old, "+32470123456"), false)]).await.unwrap();
        registry.replace(&[(old, Some(between)), (between, Some(new))]);
        assert_eq!(registry.resolve(&to(old)), at(new, "+32470123456"), "what was known of the old number still holds");
        let by_number = Recipient { mobile: mobile("+32470123456"), ..Recipient::default() };
        assert_eq!(registry.resolve(&by_number).niss, Some(new));
        assert_eq!(registry.resolve(&to(between)), to(new));

        registry.learn(vec![of(at(new, "+32470123457"), true)]).await.unwrap();
        assert_eq!(registry.resolve(&to(old)), at(new, "+32470123457"));
        assert_eq!(registry.reach(&to(old), Channel::GOVAPP, now), Reach::Yes);
        assert_eq!(registry.figures().replaced, 2);

        registry.replace(&[(old, None)]);
        assert_eq!(registry.resolve(&to(old)), at(old, "+32470123456"));
        assert_eq!(registry.reach(&to(old), Channel::GOVAPP, now), Reach::No);
    }
}
