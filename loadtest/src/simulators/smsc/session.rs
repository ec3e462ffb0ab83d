//! One link to the SMSC: from its bind to its end.
//!
//! Invariant: what a peer sends never ends anything but its own link, and what was brought over it and not acknowledged is brought again.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use estafette_smpp::codec::{Codec, Frame};
use estafette_smpp::pdu::{Bind, Body, Bound, HEADER, Pdu, ShortMessage, next_sequence, receipts};
use estafette_smpp::receipt::State;
use estafette_smpp::{Line, Status, Tlvs, coding, tlv, udh};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Smsc, ids, number, report};
use crate::addressee::Addressee;
use crate::faults::{Course, ReceiptFate};
use crate::hash::{self, Chance};
use crate::ledger::Outcome;
use crate::ledger::book::{Fact, NEVER};
use crate::sandbox::Behaviour;
use crate::simulators::desk::{Passed, now_ms};
use crate::simulators::receipt::timetable;
use crate::simulators::settings::SmscSettings;

/// Milliseconds before what was refused is brought again.
const AGAIN_MS: u64 = 500;
/// Receipts that one message may ask for: its own twice, and a stranger's.
const RECEIPTS: usize = 3;
/// Requests whose latency runs, at most; above it nothing is read.
const SLOW: usize = 10_000;

/// A submission after its latency.
struct Judged {
    sequence: u32,
    message: Box<ShortMessage>,
    course: Course,
    passed: Passed,
}

/// The link.
pub(crate) struct Session<'s> {
    smsc: &'s Arc<Smsc>,
    line: Line<TcpStream>,
    bound: Option<Bound>,
    sequence: u32,
    unacknowledged: HashMap<u32, ShortMessage>,
    slow: usize,
    judged: (mpsc::UnboundedSender<Judged>, mpsc::UnboundedReceiver<Judged>),
    /// Answers that are held to be turned round.
    held: Vec<Pdu>,
    chance: Chance,
}

/// The link ends.
struct End;

impl Drop for Session<'_> {
    fn drop(&mut self) {
        for (_, message) in self.unacknowledged.drain() {
            self.smsc.outbox.put_back(AGAIN_MS, message);
        }
    }
}

impl<'s> Session<'s> {
    pub(crate) fn new(stream: TcpStream, smsc: &'s Arc<Smsc>) -> Self {
        let chance = Chance::new(hash::mix(smsc.seed ^ smsc.number()));
        Self {
            smsc,
            line: Line::over(stream, Codec::default()),
            bound: None,
            sequence: 0,
            unacknowledged: HashMap::new(),
            slow: 0,
            judged: mpsc::unbounded_channel(),
            held: Vec::new(),
            chance,
        }
    }

    /// Until the link ends.
    pub(crate) async fn run(mut self) {
        let mut drops = self.smsc.drops.subscribe();
        tokio::select! {
            _ = drops.changed() => {}
            End = self.work() => {
                // What was answered last may still be read there.
                let _ = tokio::time::timeout(Duration::from_millis(200), async {
                    while self.line.unsent() > 0 && self.line.turn(false).await.is_ok() {}
                })
                .await;
            }
        }
    }

    async fn work(&mut self) -> End {
        let smsc = Arc::clone(self.smsc);
        loop {
            let settings = smsc.settings();
            loop {
                match self.line.take() {
                    Ok(Some(frame)) => {
                        if self.hear(frame, &settings).await.is_err() {
                            return End;
                        }
                    }
                    Ok(None) => break,
                    Err(_) => return End,
                }
            }
            for answer in std::mem::take(&mut self.held).into_iter().rev() {
                self.line.put(&answer);
            }
            let next = self.bring(&settings);
            let changed = smsc.outbox.changed.notified();
            tokio::select! {
                turned = self.line.turn(self.slow < SLOW) => {
                    if turned.is_err() {
                        return End;
                    }
                }
                Some(judged) = self.judged.1.recv() => {
                    self.slow -= 1;
                    if self.dealt_with(judged, &settings).await.is_err() {
                        return End;
                    }
                }
                () = changed, if self.receives() => {}
                () = tokio::time::sleep_until(next) => {}
            }
        }
    }

    fn receives(&self) -> bool {
        matches!(self.bound, Some(Bound::Receiver | Bound::Transceiver))
    }

    /// Brings what is due; when to look again.
    fn bring(&mut self, settings: &SmscSettings) -> Instant {
        let later = Instant::now() + Duration::from_secs(60);
        let room = settings.window.saturating_sub(self.unacknowledged.len());
        if !self.receives() || room == 0 {
            return later;
        }
        for message in self.smsc.outbox.due(room) {
            self.deliver(message);
        }
        if self.unacknowledged.len() >= settings.window { later } else { self.smsc.outbox.next().unwrap_or(later) }
    }

    fn deliver(&mut self, message: ShortMessage) {
        self.sequence = next_sequence(self.sequence);
        self.line.put(&Pdu::request(self.sequence, Body::DeliverSm(Box::new(message.clone()))));
        self.unacknowledged.insert(self.sequence, message);
    }

    async fn hear(&mut self, frame: Frame, settings: &SmscSettings) -> Result<(), End> {
        let Frame::Pdu(Pdu { status, sequence, body }) = frame else {
            let Frame::Malformed { sequence, .. } = frame else { return Ok(()) };
            self.line.put(&Pdu::answer(sequence, Status::INVALID_COMMAND_LENGTH, Body::GenericNack));
            return Ok(());
        };
        match body {
            Body::Bind(bound, bind) => return self.bind(sequence, bound, &bind, settings),
            Body::EnquireLink if self.chance.hits(settings.silent_enquiry) => {}
            Body::EnquireLink => self.line.put(&Pdu::answer(sequence, Status::OK, Body::EnquireLinkResp)),
            Body::Unbind => {
                self.smsc.unbound.fetch_add(1, Ordering::Relaxed);
                self.line.put(&Pdu::answer(sequence, Status::OK, Body::UnbindResp));
                return Err(End);
            }
            Body::SubmitSm(message) if self.bound.is_some_and(|bound| bound != Bound::Receiver) => {
                return self.submit(sequence, message, settings).await;
            }
            Body::SubmitSm(_) => {
                let answer = Body::SubmitSmResp(Bytes::new());
                self.line.put(&Pdu::answer(sequence, Status::INVALID_BIND_STATUS, answer));
            }
            Body::QuerySm { message_id, .. } if self.bound.is_some() => self.query(sequence, message_id, settings),
            Body::DeliverSmResp => {
                if let Some(message) = self.unacknowledged.remove(&sequence) {
                    if status.is_ok() {
                        self.smsc.outbox.done();
                    } else {
                        self.smsc.outbox.put_back(AGAIN_MS, message);
                    }
                }
            }
            body if body.is_response() => {}
            _ => self.line.put(&Pdu::answer(sequence, Status::INVALID_COMMAND_ID, Body::GenericNack)),
        }
        Ok(())
    }

    fn bind(&mut self, sequence: u32, bound: Bound, bind: &Bind, settings: &SmscSettings) -> Result<(), End> {
        if self.chance.hits(settings.close_on_bind) {
            return Err(End);
        }
        if self.chance.hits(settings.silent_bind) {
            return Ok(());
        }
        let differs =
            |known: &Option<String>, given: &Bytes| known.as_ref().is_some_and(|known| known.as_bytes() != given);
        let status = if self.bound.is_some() {
            Status::ALREADY_BOUND
        } else if differs(&settings.system_id, &bind.system_id) {
            Status::INVALID_SYSTEM_ID
        } else if differs(&settings.password, &bind.password) {
            Status::INVALID_PASSWORD
        } else {
            self.bound = Some(bound);
            Status::OK
        };
        let version = Tlvs::default().with(tlv::SC_INTERFACE_VERSION, &[0x34]);
        let answer = Body::BindResp(bound, Bytes::from_static(b"SIMULATOR"), version);
        self.line.put(&Pdu::answer(sequence, status, answer));
        Ok(())
    }

    fn query(&mut self, sequence: u32, message_id: Bytes, settings: &SmscSettings) {
        let id = coding::from_latin_1(&message_id);
        let state = number(settings.message_ids, &id).and_then(|number| self.smsc.state(number));
        let (status, state) = match state {
            Some(state) => (Status::OK, state as u8),
            None => (Status::QUERY_FAILED, 0),
        };
        self.line.put(&Pdu::answer(sequence, status, Body::QuerySmResp { message_id, state, error: 0 }));
    }

    async fn submit(&mut self, sequence: u32, message: Box<ShortMessage>, settings: &SmscSettings) -> Result<(), End> {
        let Some(to) = addressee(&message) else {
            self.refuse(sequence, Status::INVALID_DESTINATION);
            return Ok(());
        };
        let reference = reference(&message, settings);
        let part = part(&message).map_or(0, |part| u64::from(part.number));
        let content = message.content();
        let key = if reference.is_empty() { hash::bytes(to.key(), &content) } else { hash::bytes(part, &reference) };
        let behaviour = Behaviour::of_addressee(to);
        let (latency_ms, passed, course) =
            self.smsc.desk.judge(key, behaviour.map(|behaviour| (behaviour, to.key() ^ part)));
        let judged = Judged { sequence, message, course, passed };
        if latency_ms == 0 {
            return self.dealt_with(judged, settings).await;
        }
        self.slow += 1;
        let tell = self.judged.0.clone();
        actix_web::rt::spawn(async move {
            tokio::time::sleep(Duration::from_millis(latency_ms)).await;
            // The link may be gone.
            let _ = tell.send(judged);
        });
        Ok(())
    }

    async fn dealt_with(&mut self, judged: Judged, settings: &SmscSettings) -> Result<(), End> {
        let Judged { sequence, message, course, passed } = judged;
        let Some(to) = addressee(&message) else { return Ok(()) };
        let behaviour = Behaviour::of_addressee(to);
        match course {
            Course::Pass | Course::LoseAfter => {}
            Course::LoseBefore => return self.fall_silent(passed).await,
            Course::ServerError | Course::Unavailable => {
                self.refuse(sequence, Status::SYSTEM_ERROR);
                return Ok(());
            }
            Course::Throttle => {
                let full = self.chance.hits(0.5);
                self.refuse(sequence, if full { Status::QUEUE_FULL } else { Status::THROTTLED });
                return Ok(());
            }
        }
        if behaviour == Some(Behaviour::Reject) {
            self.refuse(sequence, Status::RECEIVER_PERMANENT);
            return Ok(());
        }
        if !self.smsc.outbox.has_room(RECEIPTS) {
            self.refuse(sequence, Status::QUEUE_FULL);
            return Ok(());
        }
        let number = self.take(&message, to, passed, settings);
        if passed.lose_answer {
            // Of a reserved recipient only its own answer is lost: the link carries those of others.
            return if behaviour.is_some() { Ok(()) } else { self.fall_silent(passed).await };
        }
        if !self.chance.hits(settings.silent) {
            let (id, _) = ids(settings.message_ids, number);
            self.answer(Pdu::answer(sequence, Status::OK, Body::SubmitSmResp(id.into_bytes().into())), settings)?;
        }
        Ok(())
    }

    fn refuse(&mut self, sequence: u32, status: Status) {
        self.line.put(&Pdu::answer(sequence, status, Body::SubmitSmResp(Bytes::new())));
    }

    /// The link is dropped, after the silence that is set.
    async fn fall_silent(&mut self, passed: Passed) -> Result<(), End> {
        tokio::time::sleep(Duration::from_millis(passed.silence_ms)).await;
        Err(End)
    }

    /// Records the message and plans its receipts; gives its number.
    fn take(&mut self, message: &ShortMessage, to: Addressee, passed: Passed, settings: &SmscSettings) -> u64 {
        let mut chance = Chance::new(passed.seed ^ to.key());
        let behaviour = Behaviour::of_addressee(to);
        let faults = self.smsc.desk.faults().receipts;
        let fate = ReceiptFate::draw(&faults, behaviour, &mut chance);
        let unlucky = chance.hits(settings.undelivered) && behaviour.is_none();
        let state = if behaviour == Some(Behaviour::FailForGood) || unlucky {
            State::Undeliverable
        } else if fate.delay_ms > validity_ms(&message.validity) {
            State::Expired
        } else {
            State::Delivered
        };
        let at_ms = now_ms();
        let delay_ms = fate.delay_ms.min(validity_ms(&message.validity));
        if part(message).is_none_or(|part| part.number == part.total) {
            let reference = reference(message, settings);
            let outcome = match state {
                _ if passed.lose_answer => Outcome::AnswerLost,
                State::Delivered => Outcome::Accepted,
                _ => Outcome::Undelivered,
            };
            self.smsc.desk.record(std::iter::once(Fact {
                reference: std::str::from_utf8(&reference).unwrap_or_default(),
                addressee: to,
                device: 0,
                at_ms,
                outcome,
                steps: [delay_ms.min(u64::from(NEVER)) as u32, NEVER, NEVER],
                until_s: 0,
            }));
        }
        if settings.handsets > 0 {
            self.smsc.handsets.show(message, settings);
        }
        let number = self.smsc.number();
        self.smsc.know(number, at_ms + delay_ms, state);
        let wanted = match message.registered_delivery & 0x03 {
            receipts::NONE => false,
            receipts::FAILURE => state != State::Delivered,
            _ => true,
        };
        if wanted {
            let (_, id) = ids(settings.message_ids, number);
            let told = report(settings, message, &id, state, at_ms + delay_ms);
            let mut plan = timetable(&fate, &[delay_ms]);
            if fate.early && !plan.is_empty() && self.receives() {
                plan.remove(0);
                self.smsc.outbox.brought_at_once();
                self.deliver(told.clone());
            }
            for (when_ms, _) in plan {
                self.smsc.outbox.push(when_ms, told.clone());
            }
            if fate.stranger {
                let (_, id) = ids(settings.message_ids, chance.word() >> 1);
                self.smsc.outbox.push(delay_ms, report(settings, message, &id, State::Delivered, at_ms));
            }
        }
        number
    }

    fn answer(&mut self, answer: Pdu, settings: &SmscSettings) -> Result<(), End> {
        if self.chance.hits(settings.cut) {
            let mut octets = BytesMut::new();
            answer.write(&mut octets);
            self.line.put_raw(&octets[..octets.len() / 2]);
            return Err(End);
        }
        if self.chance.hits(settings.rubbish) {
            self.rubbish(answer);
            return Ok(());
        }
        if self.chance.hits(settings.bad_length) {
            self.line.put(&answer);
            self.line.put_raw(&[0, 0, 0, HEADER as u8 - 1, 1, 2, 3, 4]);
            return Err(End);
        }
        if settings.reversed {
            self.held.push(answer);
        } else {
            self.line.put(&answer);
        }
        Ok(())
    }

    /// An answer with something that makes no sense before it, or in it.
    fn rubbish(&mut self, answer: Pdu) {
        let noise: Vec<u8> = (0..24).map(|_| self.chance.word() as u8).collect();
        let mut octets = BytesMut::new();
        match self.chance.between(0, 3) {
            0 => Pdu::request(7, Body::Other(0x0000_0777, noise.into())).write(&mut octets),
            // A deliver_sm that ends in its first field.
            1 => Pdu::request(8, Body::Other(0x05, Bytes::from_static(b"cut"))).write(&mut octets),
            // An answer to what nobody asked.
            2 => Pdu::answer(0x7000_0000, Status::OK, Body::SubmitSmResp(noise.into())).write(&mut octets),
            _ => {
                // A parameter that says to be longer than the PDU, behind the message id.
                answer.write(&mut octets);
                octets.extend_from_slice(&[0x04, 0x24, 0xFF, 0xFF, 1, 2]);
                let length = octets.len() as u32;
                octets[..4].copy_from_slice(&length.to_be_bytes());
                self.line.put_raw(&octets);
                return;
            }
        }
        self.line.put_raw(&octets);
        self.line.put(&answer);
    }
}

fn addressee(message: &ShortMessage) -> Option<Addressee> {
    let digits = std::str::from_utf8(&message.destination.digits).ok()?;
    Addressee::mobile(digits.trim_start_matches('+'))
}

fn reference(message: &ShortMessage, settings: &SmscSettings) -> Bytes {
    message.tlvs.get(settings.reference_tlv).unwrap_or_default()
}

fn part(message: &ShortMessage) -> Option<udh::Part> {
    let flagged = message.esm_class & estafette_smpp::pdu::esm_class::UDH != 0;
    flagged.then(|| udh::read(&message.short_message).0)?
}

/// A relative validity in milliseconds; without one that can be read, for ever.
fn validity_ms(validity: &[u8]) -> u64 {
    let fields = |at: usize| std::str::from_utf8(validity.get(at..at + 2)?).ok()?.parse::<u64>().ok();
    let seconds = || {
        let days = fields(0)? * 365 + fields(2)? * 30 + fields(4)?;
        Some(((days * 24 + fields(6)?) * 60 + fields(8)?) * 60 + fields(10)?)
    };
    if validity.len() == 16 && validity.ends_with(b"R") { seconds().map_or(u64::MAX, |s| s * 1_000) } else { u64::MAX }
}
