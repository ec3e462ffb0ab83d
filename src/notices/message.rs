//! A notice as a message of the broker: over GovApp or SMS, as a strategy says.
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use estafette_actors::broker::Broker;
use estafette_actors::domain::content::Content;
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::submission::{Envelope, Idempotency, Lane, Recipient};
use estafette_actors::domain::time::Timestamp;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::Messages;

/// A notice is worth sending for so long: the next digest says it too.
const VALID: Duration = Duration::from_secs(24 * 3_600);

/// What is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brief {
    /// To whom.
    pub niss: Niss,
    /// In which language it is.
    pub language: Language,
    /// Its title.
    pub title: String,
    /// Its text.
    pub text: String,
    /// The same for the same notice: it is taken once.
    pub key: u64,
}

/// Takes messages.
pub trait Submit: Send + Sync {
    /// Takes one; ends when it is durable. Fails, in words, when nothing is taken now: all that waits is tried again.
    fn submit(&self, brief: Brief) -> BoxFuture<'static, Result<(), String>>;
}

/// The broker, for an institution.
pub struct ByBroker {
    /// The broker.
    pub broker: Broker,
    /// As whom, which may change.
    pub messages: Arc<ArcSwap<Messages>>,
}

impl Submit for ByBroker {
    fn submit(&self, brief: Brief) -> BoxFuture<'static, Result<(), String>> {
        let (broker, messages) = (self.broker.clone(), self.messages.load_full());
        async move {
            // A kill may have come between the acceptance and our book.
            let known = broker.archive().idempotent(brief.key).await.map_err(|error| error.to_string())?;
            if known.is_some() {
                return Ok(());
            }
            let Brief { niss, language, title, text, key } = brief;
            let content = Content::checked(
                Translated::of(language, title.into()),
                Translated::of(language, text.into()),
                Translated::new(),
            );
            let now = broker.now();
            let envelope = Envelope {
                id: broker.mint(),
                institution: messages.institution,
                recipient: Recipient { niss: Some(niss), ..Recipient::default() },
                strategy: Arc::clone(&messages.strategy),
                content: content.map_err(|error| error.to_string())?.into(),
                lane: Lane::Normal,
                not_before: Timestamp::ZERO,
                valid_until: now.plus(VALID),
                language: Some(language),
                default_language: messages.default_language,
                sender_name: None,
                sender_reference: Some("ebox-notice".into()),
                accepted_at: now,
                idempotency: Some(Idempotency { key, fingerprint: key }),
                window: None,
            };
            broker.submit(envelope, None).await.map(drop).map_err(|refused| refused.to_string())
        }
        .boxed()
    }
}
