//! A bind that stands: requests out, answers in, what the SMSC brings in batches to the journal.
//!
//! Invariant: a PDU that can't be understood is refused or ignored, and no request under way is lost for it; the link is given
//! up when the octets make no sense any more, or when an enquire_link has no answer in time. Time in which nothing is read
//! here says nothing of the link.
//! Bounded: requests without an answer by the window, what was brought and is not acknowledged by [`BROUGHT`], late answers
//! that are still waited for by [`OVERDUE`] and [`OVERDUE_FOR`].
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::inbound::Inbound;
use estafette_actors::domain::receipt::{About, Receipt};
use estafette_actors::domain::segment;
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::messages::Refused;
use estafette_actors::ports::{Clock, Ear, SystemClock};
use estafette_smpp::codec::Frame;
use estafette_smpp::coding;
use estafette_smpp::pdu::{Body, Pdu, RESPONSE, ShortMessage, command, next_sequence};
use estafette_smpp::{Status, receipt, septets};
use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tokio::time::Instant;

use super::bind::{Answered, Asked, Lost, Order, Reply, Wire, closed};
use super::inbound::{self, Committed, Receipted, Told};
use super::parts::Part;
use super::settings::{Alphabet, Terms};
use super::{Memory, letter, verdict};

/// What was brought and is not acknowledged, at most: above it nothing is read.
const BROUGHT: usize = 2_048;
/// Requests taken over at once.
const ORDERS: usize = 256;
/// Answers that are waited for past their limit: at most, and how long.
const OVERDUE: usize = 10_000;
const OVERDUE_FOR: Duration = Duration::from_secs(300);
/// At an orderly end: how long what is under way may take before the unbind, and how long the SMSC has to answer that.
const PATIENCE: Duration = Duration::from_secs(1);
const UNBINDING: Duration = Duration::from_millis(1_500);

/// A request without an answer.
struct Pending {
    reply: oneshot::Sender<Answered>,
    part: Option<Part>,
    /// Kept until the answer, or its time limit.
    _place: OwnedSemaphorePermit,
}

/// What the SMSC brought, until it is committed, each with the numbers under which it came.
#[derive(Default)]
struct Brought {
    receipts: (Vec<Receipt>, Vec<u32>),
    inbound: Vec<Inbound>,
    /// Parts of it, those too that came earlier or over another bind.
    receipted: Vec<Receipted>,
}

/// The orderly end.
#[derive(Clone, Copy)]
enum Leaving {
    /// What is under way may end until then.
    Waiting(Instant),
    /// The SMSC was told, and may answer until then.
    Told(Instant),
}

/// The session.
pub(super) struct Session<'b> {
    wire: Wire,
    terms: &'b Terms,
    memory: &'b Arc<Memory>,
    ear: Arc<dyn Ear>,
    sequence: u32,
    pending: HashMap<u32, Pending>,
    /// Time limits of what is pending, in their order; those answered are passed over.
    limits: VecDeque<(Instant, u32)>,
    /// Requests past their limit whose answer may still come, and since when, the oldest first.
    overdue: HashMap<u32, Part>,
    overdue_since: VecDeque<(Instant, u32)>,
    heard_at: Instant,
    enquired: Option<Instant>,
    /// Since when nothing is read here, because of what was brought and is not acknowledged.
    deaf_since: Option<Instant>,
    leaving: Option<Leaving>,
    brought: Brought,
    unanswered: usize,
    committed: (mpsc::UnboundedSender<Committed>, mpsc::UnboundedReceiver<Committed>),
}

impl<'b> Session<'b> {
    pub(super) fn new(wire: Wire, terms: &'b Terms, memory: &'b Arc<Memory>, ear: Arc<dyn Ear>) -> Self {
        Self {
            wire,
            terms,
            memory,
            ear,
            sequence: 1,
            pending: HashMap::with_capacity(terms.window),
            limits: VecDeque::new(),
            overdue: HashMap::new(),
            overdue_since: VecDeque::new(),
            heard_at: Instant::now(),
            enquired: None,
            deaf_since: None,
            leaving: None,
            brought: Brought::default(),
            unanswered: 0,
            committed: mpsc::unbounded_channel(),
        }
    }

    /// Until the link is lost; then every request without an answer is.
    pub(super) async fn run(mut self, orders: &mut mpsc::Receiver<Order>, closing: watch::Receiver<bool>) -> Lost {
        let lost = self.work(orders, closing).await;
        for (_, pending) in self.pending.drain() {
            pending.part.iter().for_each(Part::lost);
            // Whoever asked may be gone.
            let _ = pending.reply.send(Ok(Reply::Lost));
        }
        self.overdue.values().for_each(Part::lost);
        lost
    }

    async fn work(&mut self, orders: &mut mpsc::Receiver<Order>, mut closing: watch::Receiver<bool>) -> Lost {
        let mut taken = Vec::with_capacity(ORDERS);
        loop {
            loop {
                match self.wire.take() {
                    Ok(Some(frame)) => {
                        if let Some(lost) = self.hear(frame) {
                            return lost;
                        }
                    }
                    Ok(None) => break,
                    Err(error) => return error.into(),
                }
            }
            let now = Instant::now();
            let pieces_due = self.put_pieces(now);
            self.commit();
            let listens = self.unanswered < BROUGHT;
            self.note_deafness(listens, now);
            let mut wake = match self.look_at_the_clock(now) {
                Ok(wake) => wake,
                Err(lost) => return lost,
            };
            match self.leave(now) {
                Ok(None) => {}
                Ok(Some(until)) => wake = wake.min(until),
                Err(lost) => return lost,
            }
            wake = pieces_due.map_or(wake, |due| wake.min(due));
            tokio::select! {
                turned = self.wire.turn(listens) => {
                    if let Err(error) = turned {
                        return error.into();
                    }
                }
                () = closed(&mut closing), if self.leaving.is_none() => {
                    self.leaving = Some(Leaving::Waiting(Instant::now() + PATIENCE));
                }
                count = orders.recv_many(&mut taken, ORDERS), if self.leaving.is_none() => {
                    if count == 0 {
                        return Lost::Unbound;
                    }
                    let now = Instant::now();
                    for order in taken.drain(..) {
                        self.ask(order, now);
                    }
                }
                Some((sequences, durable)) = self.committed.1.recv() => {
                    let status = if durable { Status::OK } else { Status::RECEIVER_TEMPORARY };
                    self.unanswered -= sequences.len();
                    for sequence in sequences {
                        self.wire.put(&Pdu::answer(sequence, status, Body::DeliverSmResp));
                    }
                }
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    fn next(&mut self) -> u32 {
        loop {
            self.sequence = next_sequence(self.sequence);
            if !self.pending.contains_key(&self.sequence) && !self.overdue.contains_key(&self.sequence) {
                return self.sequence;
            }
        }
    }

    fn ask(&mut self, order: Order, now: Instant) {
        let Order { asked: Asked { mut body, part, valid_until }, reply, place } = order;
        if reply.is_closed() {
            return;
        }
        if let (Body::SubmitSm(message), Some(valid_until)) = (&mut body, valid_until) {
            // Now, and not when it was made: it may have waited for a bind, or for a place in its window.
            let Some(validity) = letter::validity(valid_until, SystemClock.now()) else {
                let _ = reply.send(Ok(Reply::Expired));
                return;
            };
            message.validity = validity;
        }
        let sequence = self.next();
        self.wire.put(&Pdu::request(sequence, body));
        let pending = Pending { reply, part: part.map(Part::asked), _place: place };
        self.pending.insert(sequence, pending);
        self.limits.push_back((now + self.terms.response, sequence));
    }

    /// While nothing is read here the clock stands still for the link: who does not listen can't tell whether it is silent.
    fn note_deafness(&mut self, listens: bool, now: Instant) {
        let Some(since) = self.deaf_since else {
            self.deaf_since = (!listens).then_some(now);
            return;
        };
        let deaf = now.duration_since(since);
        self.heard_at += deaf;
        self.enquired = self.enquired.map(|at| at + deaf);
        self.limits.iter_mut().for_each(|(limit, _)| *limit += deaf);
        self.overdue_since.iter_mut().for_each(|(since, _)| *since += deaf);
        self.deaf_since = (!listens).then_some(now);
    }

    /// The orderly end, one thing after the other; until when to wait for the next.
    fn leave(&mut self, now: Instant) -> Result<Option<Instant>, Lost> {
        match self.leaving {
            None => Ok(None),
            Some(Leaving::Waiting(until)) if until > now && !(self.pending.is_empty() && self.unanswered == 0) => {
                Ok(Some(until))
            }
            Some(Leaving::Waiting(_)) => {
                let sequence = self.next();
                self.wire.put(&Pdu::request(sequence, Body::Unbind));
                self.leaving = Some(Leaving::Told(now + UNBINDING));
                Ok(Some(now + UNBINDING))
            }
            Some(Leaving::Told(until)) if until > now => Ok(Some(until)),
            Some(Leaving::Told(_)) => Err(Lost::Closed),
        }
    }

    /// What fell due; when to look again.
    fn look_at_the_clock(&mut self, now: Instant) -> Result<Instant, Lost> {
        if self.deaf_since.is_some() {
            return Ok(now + self.terms.response);
        }
        while let Some((since, sequence)) = self.overdue_since.front().copied() {
            let is_over = since + OVERDUE_FOR <= now || self.overdue.len() > OVERDUE;
            if !is_over && self.overdue.contains_key(&sequence) {
                break;
            }
            if let Some(part) = self.overdue.remove(&sequence) {
                part.lost();
            }
            self.overdue_since.pop_front();
        }
        let mut doubt = now.duration_since(self.heard_at) >= self.terms.enquire_after;
        while let Some((limit, sequence)) = self.limits.front().copied() {
            if self.pending.contains_key(&sequence) {
                if limit > now {
                    break;
                }
                // Nothing at all since it was asked: the link may be dead, whatever TCP thinks.
                doubt |= now.duration_since(self.heard_at) >= self.terms.response;
                self.give_up(sequence, now);
            }
            self.limits.pop_front();
        }
        if self.enquired.is_some_and(|at| now.duration_since(at) >= self.terms.response) {
            return Err(Lost::Silent);
        }
        if self.enquired.is_none() && doubt {
            let sequence = self.next();
            self.wire.put(&Pdu::request(sequence, Body::EnquireLink));
            self.enquired = Some(now);
        }
        let enquiry = match self.enquired {
            Some(at) => at + self.terms.response,
            None => self.heard_at + self.terms.enquire_after,
        };
        Ok(self.limits.front().map_or(enquiry, |(limit, _)| (*limit).min(enquiry)))
    }

    /// Its answer is late: nobody waits for it any longer, but what it says will be known.
    fn give_up(&mut self, sequence: u32, now: Instant) {
        let Some(pending) = self.pending.remove(&sequence) else { return };
        if let Some(part) = pending.part {
            self.overdue.insert(sequence, part);
            self.overdue_since.push_back((now, sequence));
        }
        let _ = pending.reply.send(Ok(Reply::Lost));
    }

    fn hear(&mut self, frame: Frame) -> Option<Lost> {
        self.heard_at = Instant::now();
        self.enquired = None;
        match frame {
            Frame::Pdu(Pdu { status, sequence, body }) => match body {
                Body::DeliverSm(message) => self.bring(sequence, &message),
                Body::EnquireLink => self.wire.put(&Pdu::answer(sequence, Status::OK, Body::EnquireLinkResp)),
                Body::Unbind => {
                    // It takes no more; what it has not answered is lost with the link.
                    self.wire.put(&Pdu::answer(sequence, Status::OK, Body::UnbindResp));
                    return Some(Lost::Unbound);
                }
                Body::UnbindResp if self.leaving.is_some() => return Some(Lost::Closed),
                Body::Other(command::ALERT_NOTIFICATION, _) => {}
                body if body.is_response() => self.answered(status, sequence, body),
                _ => self.wire.put(&Pdu::answer(sequence, Status::INVALID_COMMAND_ID, Body::GenericNack)),
            },
            // The answer can't be read; what it says of its request by its status can.
            Frame::Malformed { command, status, sequence, .. } if command & RESPONSE != 0 => {
                self.answered(status, sequence, Body::Other(command, bytes::Bytes::new()));
            }
            Frame::Malformed { sequence, .. } => {
                self.wire.put(&Pdu::answer(sequence, Status::INVALID_COMMAND_LENGTH, Body::GenericNack));
            }
        }
        None
    }

    fn answered(&mut self, status: Status, sequence: u32, body: Body) {
        // A refusal of the whole PDU is one, whatever the number says.
        let status = match body {
            Body::GenericNack if status.is_ok() => Status::UNKNOWN_ERROR,
            _ => status,
        };
        let pending = self.pending.remove(&sequence);
        let (part, reply) = match pending {
            Some(pending) => (pending.part, Some(pending.reply)),
            None => (self.overdue.remove(&sequence), None),
        };
        // Noted even when nobody waits for it any longer: what was taken is not sent again.
        if let Some(part) = part {
            match &body {
                Body::SubmitSmResp(id) if status.is_ok() => {
                    let reference = verdict::of_answer(self.terms.receipt_id, &coding::from_latin_1(id));
                    if part.is_followed() && !reference.is_empty() {
                        self.memory.parts.set(reference.clone(), part.clone());
                    }
                    part.taken(id.clone(), reference);
                }
                _ if status.is_ok() => part.lost(),
                _ => part.refused(),
            }
        }
        if let Some(reply) = reply {
            let _ = reply.send(Ok(Reply::Answer(status, body)));
        }
    }

    fn bring(&mut self, sequence: u32, message: &ShortMessage) {
        if receipt::is_receipt(message) {
            let Some(receipt) = self.receipt(message) else {
                // Of a part, or of a state that is none; or else its provider writes receipts in a way of its own.
                tracing::debug!("a receipt that says nothing of a letter was acknowledged and left");
                return self.wire.put(&Pdu::answer(sequence, Status::OK, Body::DeliverSmResp));
            };
            self.brought.receipts.0.push(receipt);
            self.brought.receipts.1.push(sequence);
        } else {
            match inbound::read(message, self.terms.alphabet) {
                Ok(piece) => {
                    let receipted = (self.committed.0.clone(), sequence);
                    let told = self.memory.pieces.take(piece, receipted, Instant::now());
                    self.put(told.unwrap_or_default());
                }
                Err(why) => {
                    let (ton, npi, data_coding) = (message.source.ton, message.source.npi, message.data_coding);
                    tracing::info!(%why, ton, npi, data_coding, "a message that is nobody's was acknowledged and left");
                    return self.wire.put(&Pdu::answer(sequence, Status::OK, Body::DeliverSmResp));
                }
            }
        }
        self.unanswered += 1;
    }

    fn put(&mut self, told: Told) {
        self.brought.inbound.extend(told.inbound);
        self.brought.receipted.extend(told.receipted);
    }

    /// Parts whose others are long in coming; when to look again.
    fn put_pieces(&mut self, now: Instant) -> Option<Instant> {
        let (told, next) = self.memory.pieces.due(now);
        self.put(told);
        next
    }

    /// What a receipt says; none when it says nothing of a letter.
    fn receipt(&self, message: &ShortMessage) -> Option<Receipt> {
        let read = receipt::read(message).or_else(|| receipt::read(&self.unpacked(message)?))?;
        let status = read.state.and_then(verdict::status)?;
        let id = verdict::of_receipt(self.terms.receipt_id, &read.message_id);
        let channel = Channel::SMS;
        match self.memory.parts.get(&id) {
            // That a part arrived says nothing of the others: the last one tells.
            Some(_) if !matches!(status, AttemptStatus::Failed(_) | AttemptStatus::ChannelExpired) => None,
            Some(part) => {
                let about = About::Attempt(part.failed()?);
                Some(Receipt { channel, about, status, channel_reference: Some(id) })
            }
            None => {
                let about = About::ChannelReference(id.clone());
                Some(Receipt { channel, about, status, channel_reference: Some(id) })
            }
        }
    }

    /// A receipt whose text is packed as well: most that pack leave receipts as they are.
    fn unpacked(&self, message: &ShortMessage) -> Option<ShortMessage> {
        let packed = self.terms.alphabet == Alphabet::Gsm7Packed && message.data_coding == coding::DEFAULT;
        packed.then(|| {
            let text = segment::from_septets(&septets::unpack(&message.content(), 0));
            ShortMessage { short_message: text.into(), ..message.clone() }
        })
    }

    /// Hands what was brought to the journal, all that was read at once together. Receipts don't wait for words, which
    /// cost more: who is asked for an answer in time would bring both again.
    fn commit(&mut self) {
        let Brought { receipts, inbound, receipted } = std::mem::take(&mut self.brought);
        if !receipts.0.is_empty() {
            let of_this_bind = receipts.1.into_iter().map(|sequence| (self.committed.0.clone(), sequence));
            answer_after(self.ear.receipts(receipts.0), of_this_bind.collect());
        }
        if !inbound.is_empty() || !receipted.is_empty() {
            answer_after(self.ear.inbound(inbound), receipted);
        }
    }
}

/// Tells each session that brought something whether that is durable.
fn answer_after(commit: BoxFuture<'static, Result<(), Refused>>, receipted: Vec<Receipted>) {
    tokio::spawn(async move {
        let durable = commit.await.is_ok();
        for (committed, sequence) in receipted {
            // The session may be over: then the SMSC brings it again.
            let _ = committed.send((vec![sequence], durable));
        }
    });
}
