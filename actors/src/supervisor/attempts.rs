//! What deliveries ask and tell: which attempts may begin, and how those that were sent ended.
use std::sync::Arc;

use actix::{Handler, Message};

use super::aftermath::Aftermath;
use super::{Holds, Supervisor};
use crate::domain::fact::Change;
use crate::domain::id::AttemptRef;
use crate::domain::life::{self, Context as Situation, Outcome};
use crate::messages::{Begin, Ended, Record, Recorded};

impl Supervisor {
    pub(super) fn begin(&self, Begin { work, mut wish }: Begin, loaded: bool) {
        let channel = wish.desk().channel;
        let mut missing = Vec::new();
        let mut after = Aftermath::default();
        let mut decided = Vec::with_capacity(work.len());
        let (mut holds, now) = (Holds::default(), self.parts.clock.now());
        for envelope in &work {
            if holds.hold(&*self.parts.journal, envelope.id, now) {
                continue;
            }
            match self.live(envelope.id) {
                Some(state) => {
                    let changes = self.decide(envelope, Some(channel), |now| life::begin(&state, now, channel));
                    decided.push((envelope, state, changes));
                }
                None => missing.push(Arc::clone(envelope)),
            }
        }
        let entries = self.decide_all(decided.into_iter(), &mut after);
        if !loaded && !missing.is_empty() {
            let ids = missing.iter().map(|envelope| envelope.id).collect();
            let again = Begin { wish: wish.split(missing.len()), work: missing };
            self.load_then(ids, move |_| BeginLoaded(again));
        }
        if entries.is_empty() {
            after.committed(Some(wish));
            return;
        }
        self.append(entries, after, move |after, committed| match committed {
            Ok(()) => after.committed(Some(wish)),
            // The wish is lost with it, and its messages are read again.
            Err(_) => after.failed(),
        });
    }

    pub(super) fn record(&self, record: Record, loaded: bool) {
        let Some(desk) = self.desk(record.channel).map(Arc::clone) else { return };
        let mut missing: Vec<Ended> = Vec::new();
        let mut confirmed = Vec::with_capacity(record.ended.len());
        let mut references = Vec::new();
        let mut after = Aftermath::default();
        let mut decided = Vec::with_capacity(record.ended.len());
        for ended in &record.ended {
            let Some(state) = self.live(ended.attempt.message) else {
                missing.push(ended.clone());
                continue;
            };
            let AttemptRef { step, retry, .. } = ended.attempt;
            let outcome = ended.outcome.clone();
            if let Outcome::Is(_, Some(reference)) = &outcome {
                references.push((ended.attempt, reference.clone()));
            }
            let may_have_gone = match &outcome {
                Outcome::Is(status, _) => status.rank() > 0,
                Outcome::Unknown => true,
                Outcome::Throttled(_) | Outcome::NotYet(_) => false,
            };
            let run = |now: &Situation<'_>| life::outcome(&state, now, step, retry, outcome);
            let mut changes = self.decide(&ended.envelope, Some(record.channel), run);
            self.meter(&ended.envelope, record.channel, &state, &mut changes);
            // Repeated until it is confirmed: said again, it says nothing.
            let provider = ended.provider.as_ref().filter(|_| !changes.is_empty());
            changes.extend(provider.map(|provider| Change::Via { step, retry, provider: provider.clone() }));
            // Also when the channel's receipt was here first, so that nothing else is left to say.
            let number = ended.mobile.filter(|_| may_have_gone).and_then(|mobile| self.parts.journal.hash_of(mobile));
            changes.extend(number.map(|number| Change::WentTo { step, retry, number }));
            confirmed.push(ended.attempt);
            decided.push((&ended.envelope, state, changes));
        }
        let entries = self.decide_all(decided.into_iter(), &mut after);
        if !loaded && !missing.is_empty() {
            let ids = missing.iter().map(|ended| ended.attempt.message).collect();
            let again = Record { channel: record.channel, ended: missing };
            self.load_then(ids, move |_| RecordLoaded(again));
        }
        self.unpark(record.channel, references);
        let recorded = move |after: Aftermath| {
            let _ = desk.child.tell(Recorded(confirmed));
            after.committed(None);
        };
        if entries.is_empty() {
            recorded(after);
            return;
        }
        self.append(entries, after, move |after, committed| match committed {
            Ok(()) => recorded(after),
            // Not confirmed: the delivery tells it again.
            Err(_) => after.failed(),
        });
    }
}

/// Loaded for [`Begin`].
#[derive(Message)]
#[rtype(result = "()")]
struct BeginLoaded(Begin);

/// Loaded for [`Record`].
#[derive(Message)]
#[rtype(result = "()")]
struct RecordLoaded(Record);

impl Handler<Begin> for Supervisor {
    type Result = ();

    fn handle(&mut self, begin: Begin, _: &mut Self::Context) {
        self.begin(begin, false);
    }
}

impl Handler<BeginLoaded> for Supervisor {
    type Result = ();

    fn handle(&mut self, BeginLoaded(begin): BeginLoaded, _: &mut Self::Context) {
        self.begin(begin, true);
    }
}

impl Handler<Record> for Supervisor {
    type Result = ();

    fn handle(&mut self, record: Record, _: &mut Self::Context) {
        self.record(record, false);
    }
}

impl Handler<RecordLoaded> for Supervisor {
    type Result = ();

    fn handle(&mut self, RecordLoaded(record): RecordLoaded, _: &mut Self::Context) {
        self.record(record, true);
    }
}
