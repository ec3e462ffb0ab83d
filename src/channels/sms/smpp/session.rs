//! A bind that stands: requests out, answers in, what the SMSC brings in batches to the journal.
//!
//! Invariant: a PDU that can't be understood is refused or ignored, and no request under way is lost for it; the link is given
//! up when the octets make no sense any more, or when an enquire_link has no answer in time.
//! Bounded: requests without an answer by the window, what was brought and is not acknowledged by [`BROUGHT`].
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::id::AttemptRef;
use estafette_actors::domain::inbound::Inbound;
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::receipt::{About, Receipt};
use estafette_actors::domain::segment;
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::ports::Ear;
use estafette_smpp::codec::Frame;
use estafette_smpp::coding::{self, Coding};
use estafette_smpp::pdu::{Address, Body, Pdu, RESPONSE, ShortMessage, command, esm_class, next_sequence};
use estafette_smpp::{Status, receipt, udh};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::Instant;

use super::bind::{Lost, Order, Reply, Wire};
use super::settings::Terms;
use super::{Late, Memory, verdict};

/// What was brought and is not acknowledged, at most: above it nothing is read.
const BROUGHT: usize = 2_048;
/// Requests taken over at once.
const ORDERS: usize = 256;

/// A request without an answer.
struct Pending {
    reply: oneshot::Sender<Result<Reply, Body>>,
    attempt: Option<AttemptRef>,
    source: Address,
    /// Kept until the answer, or its time limit.
    _place: OwnedSemaphorePermit,
}

/// What the SMSC brought, until it is committed.
#[derive(Default)]
struct Brought {
    receipts: Vec<Receipt>,
    inbound: Vec<Inbound>,
    sequences: Vec<u32>,
}

/// What was brought under these numbers, and whether it is durable.
type Committed = (Vec<u32>, bool);

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
    /// Requests past their limit whose answer may still come.
    overdue: HashMap<u32, (AttemptRef, Address)>,
    heard_at: Instant,
    enquired: Option<Instant>,
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
            heard_at: Instant::now(),
            enquired: None,
            brought: Brought::default(),
            unanswered: 0,
            committed: mpsc::unbounded_channel(),
        }
    }

    /// Until the link is lost; then every request without an answer is.
    pub(super) async fn run(mut self, orders: &mut mpsc::Receiver<Order>) -> Lost {
        let lost = self.work(orders).await;
        for (_, pending) in self.pending.drain() {
            // Whoever asked may be gone.
            let _ = pending.reply.send(Ok(Reply::Lost));
        }
        for (attempt, _) in self.overdue.into_values() {
            self.memory.overdue.remove(&attempt);
        }
        lost
    }

    async fn work(&mut self, orders: &mut mpsc::Receiver<Order>) -> Lost {
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
            self.commit();
            let wake = match self.look_at_the_clock(Instant::now()) {
                Ok(wake) => wake,
                Err(lost) => return lost,
            };
            tokio::select! {
                turned = self.wire.turn(self.unanswered < BROUGHT) => {
                    if let Err(error) = turned {
                        return error.into();
                    }
                }
                count = orders.recv_many(&mut taken, ORDERS) => {
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
            if !self.pending.contains_key(&self.sequence) {
                return self.sequence;
            }
        }
    }

    fn ask(&mut self, order: Order, now: Instant) {
        if order.reply.is_closed() {
            return;
        }
        let sequence = self.next();
        let source = match &order.body {
            Body::SubmitSm(message) => message.source.clone(),
            _ => Address::default(),
        };
        self.wire.put(&Pdu::request(sequence, order.body));
        let pending = Pending { reply: order.reply, attempt: order.attempt, source, _place: order.place };
        self.pending.insert(sequence, pending);
        self.limits.push_back((now + self.terms.response, sequence));
    }

    /// What fell due; when to look again.
    fn look_at_the_clock(&mut self, now: Instant) -> Result<Instant, Lost> {
        let mut doubt = now.duration_since(self.heard_at) >= self.terms.enquire_after;
        while let Some((limit, sequence)) = self.limits.front().copied() {
            if self.pending.contains_key(&sequence) {
                if limit > now {
                    break;
                }
                // Nothing at all since it was asked: the link may be dead, whatever TCP thinks.
                doubt |= now.duration_since(self.heard_at) >= self.terms.response;
                self.give_up(sequence);
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
    fn give_up(&mut self, sequence: u32) {
        let Some(pending) = self.pending.remove(&sequence) else { return };
        if let Some(attempt) = pending.attempt
            && self.overdue.len() < self.terms.window * 4
        {
            self.overdue.insert(sequence, (attempt, pending.source));
            self.memory.overdue.set(attempt, ());
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
        if let Some(pending) = self.pending.remove(&sequence) {
            let _ = pending.reply.send(Ok(Reply::Answer(status, body)));
            return;
        }
        if let Some((attempt, source)) = self.overdue.remove(&sequence) {
            let late = match body {
                Body::SubmitSmResp(message_id) if status.is_ok() => Some(Late::Taken { message_id, source }),
                _ if status.is_ok() => None,
                _ => Some(Late::Refused),
            };
            if let Some(late) = late {
                self.memory.late.set(attempt, late);
            }
            self.memory.overdue.remove(&attempt);
        }
    }

    fn bring(&mut self, sequence: u32, message: &ShortMessage) {
        if receipt::is_receipt(message) {
            match self.receipt(message) {
                Some(receipt) => self.brought.receipts.push(receipt),
                None => return self.wire.put(&Pdu::answer(sequence, Status::OK, Body::DeliverSmResp)),
            }
        } else {
            match inbound(message) {
                Some(inbound) => self.brought.inbound.push(inbound),
                // From nobody who has a mobile number, or without words.
                None => return self.wire.put(&Pdu::answer(sequence, Status::OK, Body::DeliverSmResp)),
            }
        }
        self.brought.sequences.push(sequence);
        self.unanswered += 1;
    }

    /// What a receipt says; none when it says nothing of a letter.
    fn receipt(&self, message: &ShortMessage) -> Option<Receipt> {
        let read = receipt::read(message)?;
        let status = read.state.and_then(verdict::status)?;
        let id = verdict::of_receipt(self.terms.receipt_id, &read.message_id);
        let channel = Channel::SMS;
        match self.memory.parts.get(&id) {
            // That a part arrived says nothing of the others: the last one tells.
            Some(_) if !matches!(status, AttemptStatus::Failed(_) | AttemptStatus::ChannelExpired) => None,
            Some(attempt) => {
                Some(Receipt { channel, about: About::Attempt(attempt), status, channel_reference: Some(id) })
            }
            None => {
                let about = About::ChannelReference(id.clone());
                Some(Receipt { channel, about, status, channel_reference: Some(id) })
            }
        }
    }

    /// Hands what was brought to the journal, all that was read at once together.
    fn commit(&mut self) {
        if self.brought.sequences.is_empty() {
            return;
        }
        let Brought { receipts, inbound, sequences } = std::mem::take(&mut self.brought);
        let (ear, committed) = (Arc::clone(&self.ear), self.committed.0.clone());
        tokio::spawn(async move {
            let mut durable = true;
            if !receipts.is_empty() {
                durable &= ear.receipts(receipts).await.is_ok();
            }
            if !inbound.is_empty() && durable {
                durable &= ear.inbound(inbound).await.is_ok();
            }
            // The session may be over: then the SMSC brings it again.
            let _ = committed.send((sequences, durable));
        });
    }
}

/// A message of a citizen.
fn inbound(message: &ShortMessage) -> Option<Inbound> {
    let digits = coding::from_latin_1(&message.source.digits);
    let digits = if digits.starts_with('+') { digits } else { format!("+{digits}") };
    let from = Mobile::parse(&digits).ok()?;
    let mut octets = message.content();
    if message.esm_class & esm_class::UDH != 0 {
        octets = udh::read(&octets).1;
    }
    let text = match Coding::of(message.data_coding) {
        Coding::Default => segment::from_septets(&octets),
        Coding::Ascii | Coding::Latin1 => coding::from_latin_1(&octets),
        Coding::Ucs2 => coding::from_ucs_2(&octets),
        Coding::Binary => return None,
    };
    Some(Inbound { from, to: coding::from_latin_1(&message.destination.digits).into(), text: text.into() })
}
