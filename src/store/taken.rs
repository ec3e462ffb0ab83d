//! What a channel took and may still say more of: for a transport that has to ask, and was started anew.
//!
//! It follows from the facts alone, so it is the same before a restart and after it. A page looks at a
//! bounded number of records, or at one chunk.
use std::collections::BTreeMap;

use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::fact::{Fact, Subject};
use estafette_actors::domain::id::{AttemptRef, ChunkId, MessageId};
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::strategy::Strategy;
use estafette_actors::domain::submission::Recipient;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{Taken, TakenPage};

use super::history::{attempts, facts_of};
use super::live::Item;
use super::look::Look;
use super::{Error, Inner};

/// Records that one page looks at.
const STEPS: usize = 500;

fn goes_over(strategy: &Strategy, channel: Channel) -> bool {
    strategy.steps.iter().any(|step| step.channel == channel)
}

/// The last attempt at a channel, when the channel has it and told of no reading yet.
fn taken(id: MessageId, recipient: Recipient, facts: &[Fact], channel: Channel) -> Option<Taken> {
    let attempt = attempts(facts).into_iter().rfind(|attempt| attempt.channel == channel)?;
    let is_open = matches!(attempt.status, AttemptStatus::Sent | AttemptStatus::Delivered);
    let reference = AttemptRef { message: id, step: attempt.step, retry: attempt.retry };
    let channel_reference = attempt.channel_reference.filter(|_| is_open)?;
    Some(Taken { reference, recipient, channel_reference })
}

impl Inner {
    /// Single messages accepted from `since` on, the newest first, after `before`.
    pub fn taken(&self, channel: Channel, since: Timestamp, before: Option<MessageId>) -> Result<TakenPage, Error> {
        let look = Look::open(self)?;
        let before = before.map_or(u128::MAX, MessageId::as_u128);
        let records = look.segments.messages_before(before, STEPS)?;
        let last = records.last().map(|envelope| (envelope.id, envelope.accepted_at));
        let mut page = TakenPage { taken: Vec::new(), next: last.filter(|(_, at)| *at >= since).map(|(id, _)| id) };
        let recent = records.into_iter().filter(|envelope| envelope.accepted_at >= since);
        for envelope in recent.filter(|envelope| goes_over(&envelope.strategy, channel)) {
            let facts = facts_of(&look, envelope.id)?;
            page.taken.extend(taken(envelope.id, envelope.recipient, &facts, channel));
        }
        Ok(page)
    }

    /// Rows of a chunk: its facts are read once for all of them.
    pub fn taken_rows(&self, channel: Channel, chunk: ChunkId) -> Result<Vec<Taken>, Error> {
        let look = Look::open(self)?;
        let Some(record) = self.broadcast_record(&look.segments, chunk.broadcast)? else { return Ok(Vec::new()) };
        if !goes_over(&record.strategy, channel) {
            return Ok(Vec::new());
        }
        let mut facts: BTreeMap<MessageId, Vec<Fact>> = BTreeMap::new();
        for position in look.segments.trail(Item::Chunk(chunk).key(), None)? {
            let Some(packed) = look.segments.facts(position)? else { continue };
            for group in packed.groups {
                let ids: Vec<MessageId> = match &group.subject {
                    Subject::Message(id) if Item::holding(*id).0 == Item::Chunk(chunk) => vec![*id],
                    Subject::Rows(known, rows) if *known == chunk => rows.iter().map(|row| chunk.row(*row)).collect(),
                    _ => continue,
                };
                for id in ids {
                    let fact = |change: &_| Fact {
                        institution: packed.institution,
                        subject: Subject::Message(id),
                        at: group.at,
                        change: Clone::clone(change),
                    };
                    facts.entry(id).or_default().extend(group.changes.iter().map(fact));
                }
            }
        }
        let rows = self.rows(&look, chunk)?;
        let one = |(id, facts): (MessageId, Vec<Fact>)| {
            let row = rows.get(usize::from(Item::holding(id).1?))?;
            taken(id, row.recipient, &facts, channel)
        };
        Ok(facts.into_iter().filter_map(one).collect())
    }
}
