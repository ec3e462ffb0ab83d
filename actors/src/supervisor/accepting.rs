//! What senders ask: accept messages, cancel one, and the orders about broadcasts.
use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use actix::{Handler, Message};
use tokio::sync::oneshot;

use super::aftermath::Aftermath;
use super::{SWEEP_FROM, Supervisor};
use crate::domain::channel::Channel;
use crate::domain::fact::Change;
use crate::domain::id::MessageId;
use crate::domain::life::{self, State};
use crate::domain::status::MessageStatus;
use crate::domain::submission::Envelope;
use crate::messages::{BroadcastOrder, Cancel, Command, Progress, Refused, Submit, Submitted};
use crate::ports::{Entry, Loaded};

impl Supervisor {
    /// What acceptance makes of a message: where nothing waits before it, its attempt begins in
    /// the same commit.
    pub(super) fn accept(&self, envelope: &Envelope) -> (State, Vec<Change>) {
        let mut changes = self.decide(envelope, None, |situation| life::accept(situation, envelope.not_before));
        let mut state = State::default();
        state.apply_all(&changes);
        let ready: Vec<Channel> = state.agenda(envelope.valid_until).queued.into_iter().flatten().collect();
        for channel in ready {
            if self.desk(channel).is_some_and(|desk| desk.may_take_fresh(envelope, &self.parts.registry)) {
                let begun = self.decide(envelope, Some(channel), |now| life::begin(&state, now, channel));
                state.apply_all(&begun);
                changes.extend(begun);
            }
        }
        (state, changes)
    }

    pub(super) fn waiters(&self) -> MutexGuard<'_, HashMap<MessageId, oneshot::Sender<Progress>>> {
        self.parts.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waiting calls whose caller is gone need no answer.
    pub(super) fn sweep_waiters(&mut self) {
        let mut waiters = self.waiters();
        if waiters.len() < self.sweep_at {
            return;
        }
        waiters.retain(|_, waiter| !waiter.is_closed());
        let next = (waiters.len() * 2).max(SWEEP_FROM);
        drop(waiters);
        self.sweep_at = next;
    }
}

impl Handler<Submit> for Supervisor {
    type Result = ();

    fn handle(&mut self, Submit { submitted, accepted }: Submit, _: &mut Self::Context) {
        let mut after = Aftermath::default();
        let (mut entries, mut told) = (Vec::with_capacity(submitted.len()), Vec::with_capacity(submitted.len()));
        let mut waiting = Vec::new();
        for Submitted { envelope, answered, retry_of } in submitted {
            let id = envelope.id;
            let (state, mut changes) = self.accept(&envelope);
            changes.extend(retry_of.map(Change::RetryOf));
            if let Some(waiter) = answered {
                self.waiters().insert(id, waiter);
                waiting.push(id);
            }
            self.follow(&envelope, &state, &changes, &mut after);
            let status = state.status();
            told.push(Progress { id, status, answered: status != MessageStatus::Waiting });
            entries.push(Entry::Message { envelope, changes });
        }
        self.sweep_waiters();
        let waiters = Arc::clone(&self.parts.waiters);
        self.append(entries, after, move |after, committed| match committed {
            Ok(()) => {
                let _ = accepted.send(Ok(told));
                after.committed(None);
            }
            Err(refused) => {
                let mut waiters = waiters.lock().unwrap_or_else(PoisonError::into_inner);
                for id in &waiting {
                    waiters.remove(id);
                }
                drop(waiters);
                let _ = accepted.send(Err(refused));
                after.failed();
            }
        });
    }
}

/// Loaded for [`Cancel`].
#[derive(Message)]
#[rtype(result = "()")]
struct CancelLoaded(Option<Loaded>, Cancel);

impl Handler<Cancel> for Supervisor {
    type Result = ();

    fn handle(&mut self, cancel: Cancel, _: &mut Self::Context) {
        self.load_then(vec![cancel.id], move |mut loaded| CancelLoaded(loaded.pop().flatten(), cancel));
    }
}

impl Handler<CancelLoaded> for Supervisor {
    type Result = ();

    fn handle(&mut self, CancelLoaded(loaded, cancel): CancelLoaded, _: &mut Self::Context) {
        let owned = |loaded: &Loaded| cancel.owner.is_none_or(|owner| owner == loaded.envelope.institution);
        let Some(loaded) = loaded.filter(owned) else {
            let _ = cancel.cancelled.send(Err(Refused::NotFound));
            return;
        };
        let state = self.parts.journal.live(cancel.id).unwrap_or(loaded.state);
        let changes = self.decide(&loaded.envelope, None, |now| life::cancel(&state, now));
        if changes.is_empty() {
            let refused = Refused::Conflict("the message is settled: nothing of it waits to be cancelled");
            let _ = cancel.cancelled.send(Err(refused));
            return;
        }
        let mut after = Aftermath::default();
        let mut then = state.clone();
        then.apply_all(&changes);
        let entries = self.decide_all(std::iter::once((&loaded.envelope, state, changes)), &mut after);
        self.append(entries, after, move |after, committed| match committed {
            Ok(()) => {
                let _ = cancel.cancelled.send(Ok(then.status()));
                after.committed(None);
            }
            Err(refused) => {
                let _ = cancel.cancelled.send(Err(refused));
                after.failed();
            }
        });
    }
}

impl Handler<Command> for Supervisor {
    type Result = ();

    fn handle(&mut self, Command { order, done }: Command, _: &mut Self::Context) {
        let mut after = Aftermath::default();
        let mut rewound = Vec::new();
        // Of what was appended so far, whoever asked first.
        if let Err(refused) = order.check(|id| self.parts.journal.phase(id)) {
            let _ = done.send(Err(refused));
            return;
        }
        let entry = match order {
            BroadcastOrder::Create(broadcast) => Entry::Broadcast(broadcast),
            BroadcastOrder::Fill(broadcast, rows) => Entry::Chunk { broadcast, rows },
            BroadcastOrder::Start(broadcast, duplicates) => {
                for desk in &self.parts.desks {
                    after.queue(desk);
                }
                Entry::Start { broadcast, duplicates }
            }
            BroadcastOrder::Cancel(broadcast) => Entry::CancelBroadcast(broadcast),
            BroadcastOrder::Pause(broadcast) => Entry::PauseBroadcast(broadcast),
            BroadcastOrder::Resume(broadcast) => {
                rewound.clone_from(&self.parts.desks);
                Entry::ResumeBroadcast(broadcast)
            }
        };
        self.append(vec![entry], after, move |after, committed| {
            match &committed {
                Ok(()) => {
                    after.committed(None);
                    for desk in rewound {
                        desk.rewind();
                    }
                }
                Err(_) => after.failed(),
            }
            let _ = done.send(committed);
        });
    }
}
