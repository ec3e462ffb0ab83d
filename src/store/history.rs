//! What people see of a message: its attempts and facts, found by its trail through the feed; and
//! look-ups that end in a record.
use std::collections::HashMap;

use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::fact::{Change, Fact, Subject};
use estafette_actors::domain::id::{AttemptRef, BroadcastId, MessageId};
use estafette_actors::domain::life::State;
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::strategy::Strategy;
use estafette_actors::domain::submission::{Envelope, Identifier, Institution};
use estafette_actors::ports::{ArchiveError, AttemptView, Filter, Listing, Loaded, MessageView, Position};

use super::broadcasts::Info;
use super::codec;
use super::layout::BROADCAST_STATE;
use super::live::{Body, Item};
use super::look::Look;
use super::{Error, Inner, Store};

/// Looks at a message that moves on meanwhile.
const LOOKS: usize = 5;
/// Records that one look-up reads at most.
const STEPS: usize = 1_000;
/// Messages under one reference of a channel that are looked at; where there are more it tells nothing.
const ALIKE: usize = 16;
/// Messages to a number that are looked through for whom its owner answers, where none is known to have gone there.
const ANSWERED: usize = 20;
/// Rows whose keys are compared at a time: some 50 MB of hashes.
const DUPLICATE_ROWS: u64 = 4_000_000;

impl Store {
    /// The facts of an institution after `position`, in order, with the position of each: a feed
    /// without gaps. Facts of one position come together, so a page may hold some more than `limit`.
    pub async fn facts(
        &self,
        owner: Institution,
        position: Position,
        limit: usize,
    ) -> Result<Vec<(Position, Fact)>, ArchiveError> {
        self.read(move |inner| inner.facts(owner, position, limit)).await
    }
}

impl Inner {
    fn facts(&self, owner: Institution, position: Position, limit: usize) -> Result<Vec<(Position, Fact)>, Error> {
        let segments = self.segments.reader();
        let mut facts = Vec::new();
        for at in segments.feed_of(codec::institution_number(owner), position, limit.clamp(1, STEPS))? {
            for group in segments.facts(at)?.into_iter().flat_map(|packed| packed.groups) {
                let codec::Group { subject, at: told_at, changes } = group;
                let fact = |change| Fact { institution: Some(owner), subject: subject.clone(), at: told_at, change };
                facts.extend(changes.into_iter().map(|change| (at, fact(change))));
            }
            if facts.len() >= limit {
                break;
            }
        }
        Ok(facts)
    }

    /// A message with its history.
    pub fn message(&self, owner: Option<Institution>, id: MessageId) -> Result<Option<MessageView>, Error> {
        let Some((envelope, mut state)) = self.peek(&Look::open(self)?, id)? else { return Ok(None) };
        if owner.is_some_and(|owner| owner != envelope.institution) {
            return Ok(None);
        }
        let (item, row) = Item::holding(id);
        let mut facts = Vec::new();
        for _ in 0..LOOKS {
            // After the look at the state: what is told of it is durable, and its facts can be read.
            self.wait_durable_of(item)?;
            facts = facts_of(&Look::open(self)?, id)?;
            // And before: or else the facts tell of an end, and the state of an attempt.
            let now = self.live.items.get(&item.key()).and_then(|live| live.state(row));
            match now {
                Some(now) if now != state => state = now,
                _ => break,
            }
        }
        let attempts = attempts(&facts);
        let is_settlement = |fact: &&Fact| matches!(fact.change, Change::Settled { .. });
        let settled_at = facts.iter().find(is_settlement).map(|fact| fact.at);
        Ok(Some(MessageView { envelope, state, attempts, settled_at, facts }))
    }

    /// Messages, the newest first.
    pub fn list(&self, owner: Option<Institution>, filter: &Filter) -> Result<Listing, Error> {
        let look = Look::open(self)?;
        let limit = filter.limit.clamp(1, 500);
        let before = filter.after.map_or(u128::MAX, MessageId::as_u128);
        let mut ids = match (&filter.recipient, &filter.reference, owner) {
            (Some(recipient), ..) => self.indexes.by_recipient(owner, recipient, before)?,
            (None, Some(reference), Some(owner)) => self.indexes.by_reference(owner, reference, before)?,
            _ => look.segments.messages_before(before, STEPS)?.into_iter().map(|envelope| envelope.id).collect(),
        };
        ids.truncate(STEPS);
        let is_full = ids.len() == STEPS;
        let mut listing = Listing::default();
        for id in &ids {
            listing.next = Some(*id);
            let Some((envelope, state)) = self.peek(&look, *id)? else { continue };
            if matches(owner, filter, &envelope, &state) {
                listing.messages.push(Loaded { envelope, state });
            }
            if listing.messages.len() == limit {
                break;
            }
        }
        let has_more = is_full || listing.next != ids.last().copied();
        listing.next = listing.next.filter(|_| has_more);
        // Last, here as wherever people look: what was read in memory may have been ahead of the disk.
        self.wait_durable()?;
        Ok(listing)
    }

    /// The attempt that a channel knows under its own reference. Where the channel has several providers, each has its name
    /// before its references; what was sent while there was one alone is found without it, as long as it waits for a receipt.
    pub fn attempts_of(&self, named: &[(Channel, Box<str>)]) -> Result<Vec<Option<AttemptRef>>, Error> {
        let look = Look::open(self)?;
        named.iter().map(|(channel, reference)| self.attempt_of(&look, *channel, reference)).collect()
    }

    fn attempt_of(&self, look: &Look, channel: Channel, reference: &str) -> Result<Option<AttemptRef>, Error> {
        let found = self.attempt_named(look, channel, reference)?;
        let is_name = |name: &str| {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            !name.is_empty() && name.bytes().all(plain)
        };
        match reference.split_once(':') {
            Some((name, alone)) if found.is_none() && is_name(name) => self.attempt_alone(look, channel, alone),
            _ => Ok(found),
        }
    }

    /// The one attempt under a reference without a provider that waits for a receipt; none when there are several, since
    /// references of two providers may be alike.
    fn attempt_alone(&self, look: &Look, channel: Channel, reference: &str) -> Result<Option<AttemptRef>, Error> {
        let mut found = None;
        let ids = self.indexes.by_channel_reference(reference)?;
        if ids.len() > ALIKE {
            return Ok(None);
        }
        for id in ids {
            let attempts = attempts(&facts_of(look, id)?);
            let waits = attempts.into_iter().filter(|attempt| {
                attempt.channel == channel
                    && attempt.provider.is_none()
                    && attempt.status == AttemptStatus::Sent
                    && attempt.channel_reference.as_deref() == Some(reference)
            });
            for AttemptView { step, retry, .. } in waits {
                if found.replace(AttemptRef { message: id, step, retry }).is_some() {
                    return Ok(None);
                }
            }
        }
        Ok(found)
    }

    /// The channel of an attempt; none when its message is not known.
    fn channel_of(&self, look: &Look, attempt: AttemptRef) -> Result<Option<Channel>, Error> {
        let (item, _) = Item::holding(attempt.message);
        let at = |strategy: &Strategy| strategy.step(attempt.step).map(|step| step.channel);
        if let Item::Chunk(chunk) = item {
            let record = self.broadcast_record(&look.segments, chunk.broadcast)?;
            return Ok(record.and_then(|record| at(&record.strategy)));
        }
        if let Some(live) = self.live.items.get(&item.key())
            && let Body::Single { envelope, .. } = &live.body
        {
            return Ok(at(&envelope.strategy));
        }
        Ok(look.segments.message(attempt.message)?.and_then(|envelope| at(&envelope.strategy)))
    }

    /// The attempt of a message at a channel, when it is the only one there. Its facts are not read: those of a row lie in all
    /// that was ever said of its chunk. That the reference is its own, and not one with the same keyed hash of 64 bits, is
    /// taken for granted: among a thousand million of them a foreign one meets it once in 18 thousand million times.
    fn only_attempt(&self, look: &Look, channel: Channel, id: MessageId) -> Result<Option<AttemptRef>, Error> {
        let (item, row) = Item::holding(id);
        let live = self.live.items.get(&item.key()).map(|live| (live.strategy(), live.state(row)));
        let known = match live {
            Some(known) => Some(known),
            None => look.item(self, item)?.map(|found| (found.strategy(), found.state(row))),
        };
        let Some((strategy, Some(state))) = known else { return Ok(None) };
        let is_here = |step: u8| strategy.step(step).is_some_and(|step| step.channel == channel);
        let mut here = state.attempts.iter().filter(|attempt| is_here(attempt.step));
        Ok(match (here.next(), here.next()) {
            (Some(only), None) => Some(AttemptRef { message: id, step: only.step, retry: only.retry }),
            _ => None,
        })
    }

    fn attempt_named(&self, look: &Look, channel: Channel, reference: &str) -> Result<Option<AttemptRef>, Error> {
        if let Some(attempt) = self.indexes.recent(reference)
            && self.channel_of(look, attempt)? == Some(channel)
        {
            return Ok(Some(attempt));
        }
        let ids = self.indexes.by_channel_reference(reference)?;
        if let [id] = ids[..]
            && let Some(attempt) = self.only_attempt(look, channel, id)?
        {
            return Ok(Some(attempt));
        }
        for id in ids {
            let Some((envelope, _)) = self.peek(look, id)? else { continue };
            let is_it = |change: &Change| match change {
                Change::Moved { step, retry, reference: Some(known), .. } if &**known == reference => {
                    let at = envelope.strategy.step(*step)?.channel;
                    (at == channel).then_some(AttemptRef { message: id, step: *step, retry: *retry })
                }
                _ => None,
            };
            if let Some(attempt) = facts_of(look, id)?.iter().find_map(|fact| is_it(&fact.change)) {
                return Ok(Some(attempt));
            }
        }
        Ok(None)
    }

    /// Whose message went to a mobile number last.
    pub fn last_to(&self, mobile: Mobile) -> Result<Option<Institution>, Error> {
        let look = Look::open(self)?;
        for id in self.indexes.by_number(mobile)? {
            let Some((envelope, _)) = self.peek(&look, id)? else { continue };
            // Two numbers may share a hash. Where the message names its own, that is seen.
            if envelope.recipient.mobile.is_none_or(|named| named == mobile) {
                return Ok(Some(envelope.institution));
            }
        }
        // The end of an attempt may not be recorded yet; once it is, where it went is too.
        let named = self.indexes.by_recipient(None, &Identifier::Mobile(mobile), u128::MAX)?;
        for id in named.into_iter().take(ANSWERED) {
            let Some((envelope, state)) = self.peek(&look, id)? else { continue };
            let by_sms = |step| envelope.strategy.step(step).is_some_and(|step| step.channel == Channel::SMS);
            let mut open = state.attempts.iter().filter(|attempt| attempt.status == AttemptStatus::Attempting);
            if open.any(|attempt| by_sms(attempt.step)) && envelope.recipient.mobile == Some(mobile) {
                return Ok(Some(envelope.institution));
            }
        }
        Ok(None)
    }

    /// A broadcast that is over, or not known.
    pub fn broadcast_on_disk(look: &Look, id: BroadcastId) -> Result<Option<Info>, Error> {
        let states = look.derived().open_table(BROADCAST_STATE)?;
        let Some(bytes) = states.get(id.as_u128())? else { return Ok(None) };
        let state = codec::decode(bytes.value())?;
        Self::broadcast_info(&look.segments, look.derived(), id, state)
    }

    /// Rows whose key came before, in passes of bounded memory: by hashes of keys, sorted.
    pub fn duplicates(&self, id: BroadcastId) -> Result<Vec<MessageId>, Error> {
        self.wait_durable()?;
        let Some(info) = self.broadcasts.known.get(&id).map(|info| info.clone()) else { return Ok(Vec::new()) };
        let rows: u64 = info.state.rows.iter().map(|rows| u64::from(*rows)).sum();
        let passes = rows.div_ceil(DUPLICATE_ROWS).max(1);
        let mut found = Vec::new();
        for pass in 0..passes {
            let mut hashes: Vec<(u128, u32)> = Vec::new();
            for chunk in info.chunks() {
                let rows = self.segments.reader().rows(chunk)?.unwrap_or_default();
                for (index, row) in (0_u16..).zip(&rows) {
                    let Some(key) = &row.key else { continue };
                    let hash = hash_of(key);
                    if hash as u64 % passes == pass {
                        hashes.push((hash, (chunk.n << 12) | u32::from(index)));
                    }
                }
            }
            hashes.sort_unstable();
            let again = hashes.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1);
            found.extend(again.map(|ordinal| id.chunk(ordinal >> 12).row((ordinal & 0xFFF) as u16)));
        }
        found.sort_unstable();
        Ok(found)
    }
}

/// 128 bits, so that two keys of a broadcast never share them by chance.
fn hash_of(key: &str) -> u128 {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.as_bytes());
    digest.as_ref().iter().take(16).fold(0, |hash, byte| (hash << 8) | u128::from(*byte))
}

fn matches(owner: Option<Institution>, filter: &Filter, envelope: &Envelope, state: &State) -> bool {
    let of_owner = owner.is_none_or(|owner| owner == envelope.institution);
    let to = |wanted| envelope.recipient.identifiers().any(|identifier| identifier == wanted);
    let of_status = |wanted: &String| state.status().as_str() == wanted;
    let with = |wanted: &String| envelope.sender_reference.as_deref() == Some(wanted);
    of_owner
        && filter.recipient.is_none_or(to)
        && filter.status.as_ref().is_none_or(of_status)
        && filter.reference.as_ref().is_none_or(with)
}

/// The facts about a message, in order.
pub(super) fn facts_of(look: &Look, id: MessageId) -> Result<Vec<Fact>, Error> {
    let (item, row) = Item::holding(id);
    let mut facts = Vec::new();
    for position in look.segments.trail(item.key(), row)? {
        let Some(packed) = look.segments.facts(position)? else { continue };
        for group in packed.groups {
            let is_about = match (&group.subject, row) {
                (Subject::Message(known), _) => *known == id,
                (Subject::Rows(chunk, rows), Some(row)) => {
                    Item::Chunk(*chunk) == item && rows.binary_search(&row).is_ok()
                }
                _ => false,
            };
            if is_about {
                facts.extend(group.changes.into_iter().map(|change| Fact {
                    institution: packed.institution,
                    subject: Subject::Message(id),
                    at: group.at,
                    change,
                }));
            }
        }
    }
    Ok(facts)
}

/// Attempts as people see them, made of facts.
pub(super) fn attempts(facts: &[Fact]) -> Vec<AttemptView> {
    let mut attempts: Vec<AttemptView> = Vec::new();
    let mut places: HashMap<(u8, u8), usize> = HashMap::new();
    for fact in facts {
        match &fact.change {
            Change::Began { step, retry, channel, possible_duplicate, .. } => {
                if let Some(known) = places.get(&(*step, *retry)).and_then(|place| attempts.get_mut(*place)) {
                    // Made again, or for the first time after the channel asked to slow down.
                    known.possible_duplicate |= *possible_duplicate;
                    continue;
                }
                places.insert((*step, *retry), attempts.len());
                attempts.push(AttemptView {
                    step: *step,
                    retry: *retry,
                    channel: *channel,
                    provider: None,
                    status: AttemptStatus::Attempting,
                    started_at: fact.at,
                    ended_at: None,
                    channel_reference: None,
                    possible_duplicate: *possible_duplicate,
                });
            }
            Change::Via { step, retry, provider } => {
                if let Some(known) = places.get(&(*step, *retry)).and_then(|place| attempts.get_mut(*place)) {
                    known.provider = Some(provider.clone());
                }
            }
            Change::Moved { step, retry, status, reference } => {
                let Some(known) = places.get(&(*step, *retry)).and_then(|place| attempts.get_mut(*place)) else {
                    continue;
                };
                if known.status.may_become(*status) {
                    known.status = *status;
                    known.ended_at = Some(fact.at);
                }
                if let Some(reference) = reference {
                    known.channel_reference = Some(reference.clone());
                }
            }
            _ => {}
        }
    }
    attempts
}
