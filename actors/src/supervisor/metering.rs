//! Counts an attempt when its channel is first known to have taken it, whoever says so: its answer or a receipt.
use super::Supervisor;
use crate::domain::channel::Channel;
use crate::domain::fact::Change;
use crate::domain::life::State;
use crate::domain::submission::Envelope;
use crate::domain::usage;

impl Supervisor {
    /// Adds what the attempt that `changes` take to `sent` for the first time counts. What a test key sent to a
    /// simulated channel counts nothing.
    pub(super) fn meter(&self, envelope: &Envelope, channel: Channel, before: &State, changes: &mut Vec<Change>) {
        let Some((step, retry)) = usage::first_sent(before, changes) else { return };
        if self.desk(channel).is_some_and(|desk| desk.transport().rehearses(envelope)) {
            return;
        }
        let preferred = self.parts.registry.person(&envelope.recipient).and_then(|person| person.language);
        let parts = usage::parts(envelope, channel, preferred);
        let cost = self.parts.prices.load().price(channel.as_str(), parts.into());
        changes.push(Change::Metered { step, retry, channel, parts, cost });
    }
}
