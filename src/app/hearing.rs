//! What connections of channels bring: receipts to the broker, words of citizens to the institution that they are for.
//!
//! Invariant: a word that asks to stop is on the suppression list before the channel is told that it was heard.
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use estafette_actors::broker::Broker;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::inbound::{Heard, Inbound};
use estafette_actors::domain::receipt::Receipt;
use estafette_actors::domain::submission::{Identifier, Institution};
use estafette_actors::messages::Refused;
use estafette_actors::ports::{Bar, Ear, Suppression};
use futures_util::future::BoxFuture;

/// Before a stop that could not be kept is brought again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The ear of one application.
#[derive(Clone)]
pub struct Hearing(Arc<Inner>);

struct Inner {
    broker: Broker,
    numbers: HashMap<Box<str>, Institution>,
}

impl Hearing {
    /// With the numbers that are one institution's own.
    pub fn new(broker: Broker, numbers: HashMap<Box<str>, Institution>) -> Self {
        let numbers = numbers.into_iter().map(|(number, whose)| (plain(&number).into(), whose)).collect();
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
            let mut heard = Vec::with_capacity(inbound.len());
            for inbound in inbound {
                let institution = inner.addressed(&inbound).await?;
                let one = Heard::of(inbound);
                if let (Some(institution), Some(_)) = (institution, one.stop) {
                    inner.stop(institution, &one.inbound).await?;
                }
                heard.push((institution, one));
            }
            inner.broker.hear(heard).await
        })
    }
}

impl Inner {
    /// Nothing more by SMS from this sender to this number.
    async fn stop(&self, sender: Institution, inbound: &Inbound) -> Result<(), Refused> {
        let who = Identifier::Mobile(inbound.from);
        let entry = Suppression { who, channel: Some(Channel::SMS), why: Bar::Suppressed };
        let lists = self.broker.registry().suppressions();
        match lists.add(sender, vec![entry]).await {
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::error!(%sender, %error, "a citizen's stop can't be kept; the provider will bring it again");
                Err(Refused::Overloaded { retry_after: RETRY_AFTER })
            }
        }
    }

    /// Whom a citizen wrote to: whose number it is, else whose SMS went to that citizen's number last.
    async fn addressed(&self, inbound: &Inbound) -> Result<Option<Institution>, Refused> {
        if let Some(institution) = self.numbers.get(plain(&inbound.to)) {
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
fn plain(number: &str) -> &str {
    let digits = number.strip_prefix('+').unwrap_or(number);
    digits.strip_prefix("00").unwrap_or(digits)
}
