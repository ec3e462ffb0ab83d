//! One call to many receivers, and what it says of each letter in it.
//!
//! The call is a task of its own: it goes on for the others when one of its letters is not waited for any more. Invariant:
//! nothing of a letter leaves before its turn in `together`, by when its attempt is durable. A call that was refused for
//! what it says is taken apart: each letter then goes by itself, so that none fails for what is wrong with another.
use std::collections::HashMap;
use std::sync::Arc;

use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::ports::Letter;
use reqwest::Method;
use uuid::Uuid;

use super::{Effect, Inner, Trouble, best, refused, wire};
use crate::channels::gathering::{Group, Told, tell};

impl Inner {
    /// Sends a letter together with others that say the same, where it may be.
    pub(super) async fn together(self: &Arc<Self>, letter: &Letter, receivers: &Arc<[Uuid]>) -> Told {
        if !self.gathering.takes(letter, receivers) {
            return Told::Alone;
        }
        let joined = self.gathering.join(letter, receivers);
        for group in joined.full {
            let inner = Arc::clone(self);
            tokio::spawn(async move { inner.call(group).await });
        }
        if let Some(begun) = joined.begun {
            let inner = Arc::clone(self);
            tokio::spawn(async move {
                if let Some(group) = inner.gathering.closed(begun).await {
                    inner.call(group).await;
                }
            });
        }
        // Without a last word the call ended in a panic: nobody knows what was taken.
        joined.told.await.unwrap_or(Told::Outcome(Outcome::Unknown))
    }

    async fn call(&self, mut group: Group<Uuid>) {
        // Before those are left out for whom nobody waits: who asks about them from now on waits for the end.
        let _under_way = self.gathering.begin(&group);
        group.awaited();
        if group.letters.len() < 2 {
            tell(group.letters, |_| Told::Alone);
            return;
        }
        match self.notify_many(&group).await {
            Ok(of_receivers) => tell(group.letters, |letter| {
                let copies = letter.receivers.iter().map(|receiver| {
                    // Of whom nothing is said the platform may have been told all the same.
                    of_receivers.get(receiver).cloned().unwrap_or(Outcome::Unknown)
                });
                Told::Outcome(best(copies.collect()))
            }),
            Err(trouble) if trouble.blames_request() => {
                let what =
                    "a call to many receivers is refused; each is notified alone: if that stays so, set gather_ms = 0";
                self.peer.complain(what, trouble.status().unwrap_or_default());
                tell(group.letters, |_| Told::Alone);
            }
            Err(trouble) => {
                let outcome = trouble.outcome(Effect::Post);
                tell(group.letters, |_| Told::Outcome(outcome.clone()));
            }
        }
    }

    /// The outcome of each receiver.
    async fn notify_many(&self, group: &Group<Uuid>) -> Result<HashMap<Uuid, Outcome>, Trouble> {
        let references: Vec<String> = group.letters.iter().map(|letter| letter.reference().to_string()).collect();
        let of_letter = group.letters.iter().zip(&references).flat_map(|(letter, reference)| {
            letter.receivers.iter().map(|id| wire::To { id: *id, message_correlation_id: reference })
        });
        let mut notification = wire::Notification::of(&group.envelope, Uuid::now_v7().to_string());
        notification.receivers = of_letter.collect();
        let request = self
            .request(Method::POST, "")
            .header("x-correlation-id", &notification.message_correlation_id)
            .json(&notification);
        let told = self.peer.ask(request).await?.json::<wire::ManyCreated>()?;
        let errors = told.errors.iter().map(|error| (error.receiver_id, refused(&error.trouble())));
        let created = told.notifications.into_iter();
        let created = created.map(|created| (created.receiver_id, Outcome::Is(AttemptStatus::Sent, Some(created.id))));
        // Who is named twice was taken.
        Ok(errors.chain(created).collect())
    }
}
