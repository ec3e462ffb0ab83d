//! What connections of channels bring: receipts to the broker, words of citizens to the institution that they are for.
//!
//! Invariant: a word that asks to stop is on the suppression list before the channel is told that it was heard.
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use estafette_actors::broker::Broker;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::inbound::{Heard, Inbound};
use estafette_actors::domain::receipt::Receipt;
use estafette_actors::domain::submission::{Identifier, Institution};
use estafette_actors::messages::Refused;
use estafette_actors::ports::{Bar, Ear, Suppression};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt, TryStreamExt};

/// Looks at the disk at once, of all that was brought together.
const LOOKS: usize = 8;
/// Before a stop that could not be kept is brought again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The ear of one application.
#[derive(Clone)]
pub struct Hearing(Arc<Inner>);

struct Inner {
    broker: Broker,
    numbers: Arc<ArcSwap<HashMap<Box<str>, Institution>>>,
}

impl Hearing {
    /// With the numbers that are one institution's own, whatever they are at the time.
    pub fn new(broker: Broker, numbers: Arc<ArcSwap<HashMap<Box<str>, Institution>>>) -> Self {
        Self(Arc::new(Inner { broker, numbers }))
    }
}

impl Ear for Hearing {
    fn receipts(&self, receipts: Vec<Receipt>) -> BoxFuture<'static, Result<(), Refused>> {
        let broker = self.0.broker.clone();
        Box::pin(async move { broker.receive(receipts).await })
    }

    fn inbound(&self, inbound: Vec<Inbound>) -> BoxFuture<'static, Result<(), Refused>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let addressed = inbound.into_iter().map(async |inbound| {
                let institution = inner.addressed(&inbound).await?;
                Ok::<_, Refused>((institution, Heard::of(inbound)))
            });
            let heard: Vec<_> = stream::iter(addressed).buffered(LOOKS).try_collect().await?;
            inner.stop(&heard).await?;
            inner.broker.hear(heard).await
        })
    }
}

impl Inner {
    /// Nothing more by SMS from these senders to those who asked for that.
    async fn stop(&self, heard: &[(Option<Institution>, Heard)]) -> Result<(), Refused> {
        for (sender, entries) in stops(heard) {
            if let Err(error) = self.broker.suppressions().add(sender, entries).await {
                tracing::error!(%sender, %error, "a citizen's stop can't be kept; the provider will bring it again");
                return Err(Refused::Overloaded { retry_after: RETRY_AFTER });
            }
        }
        Ok(())
    }

    /// Whom a citizen wrote to: whose number it is, else whose SMS went to that citizen's number last.
    async fn addressed(&self, inbound: &Inbound) -> Result<Option<Institution>, Refused> {
        if let Some(institution) = self.numbers.load().get(plain(&inbound.to)) {
            return Ok(Some(*institution));
        }
        let found = self.broker.archive().last_to(inbound.from).await?;
        if found.is_none() {
            tracing::info!(
                "a citizen wrote, and no institution is known to have sent an SMS to that number: kept as nobody's"
            );
        }
        Ok(found)
    }
}

/// A number without what stands before its digits: providers differ in it.
pub(super) fn plain(number: &str) -> &str {
    let digits = number.strip_prefix('+').unwrap_or(number);
    digits.strip_prefix("00").unwrap_or(digits)
}

/// What goes on each sender's list. All that was brought together is written together: one after the other, the last
/// would wait for as many commits as there are before it.
fn stops(heard: &[(Option<Institution>, Heard)]) -> BTreeMap<Institution, Vec<Suppression>> {
    let mut stops: BTreeMap<Institution, Vec<Suppression>> = BTreeMap::new();
    for (institution, heard) in heard {
        if let (Some(sender), Some(_), Some(from)) = (institution, heard.stop, heard.from) {
            let who = Identifier::Mobile(from);
            let entry = Suppression { who, channel: Some(Channel::SMS), why: Bar::Suppressed };
            stops.entry(*sender).or_default().push(entry);
        }
    }
    stops
}

#[cfg(test)]
mod tests {
    use estafette_actors::domain::mobile::Mobile;

    use super::*;

    #[test]
    fn stops_that_come_together_are_one_commit_of_each_sender_and_words_are_none() {
        let (one, other) = (Institution("0403019261".parse().unwrap()), Institution("0206731645".parse().unwrap()));
        let heard = |sender, number: u32, text: &str| {
            let from = Mobile::parse(&format!("+32470{number:06}")).unwrap();
            (sender, Heard::of(Inbound { from, to: "8686".into(), text: text.into() }))
        };
        let all = [
            heard(Some(one), 1, "STOP"),
            heard(Some(other), 2, "Arrêt"),
            heard(Some(one), 3, "Merci"),
            heard(Some(one), 4, "stop svp"),
            heard(None, 5, "STOP"),
        ];
        let numbers = |entries: &[Suppression]| entries.iter().map(|entry| entry.who).collect::<Vec<_>>();
        let who = |place: usize| Identifier::Mobile(all[place].1.from.unwrap());
        let found: Vec<_> = stops(&all).into_iter().map(|(sender, entries)| (sender, numbers(&entries))).collect();
        let mut expected = vec![(one, vec![who(0), who(3)]), (other, vec![who(1)])];
        expected.sort_by_key(|(sender, _)| *sender);
        assert_eq!(found, expected);
    }
}
