//! The SMPP client against the simulated SMSC over real sockets: both ends say the same, whatever goes wrong between them.
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use estafette::channels::sms::smpp::{Settings, Smpp};
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::inbound::Inbound;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::receipt::{About, Receipt};
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::stop;
use estafette_actors::messages::Refused;
use estafette_actors::ports::{Clock, Ear, Inquiry, SystemClock, Transport};
use estafette_loadtest::Simulators;
use estafette_loadtest::ledger::Channel;
use estafette_loadtest::sandbox::Behaviour;
use estafette_loadtest::simulators::{Alphabet, MessageIds, Settings as World, SmscSettings};
use estafette_smpp::pdu::{Address, ShortMessage};
use estafette_smpp::{septets, udh};
use futures_util::future::{BoxFuture, join_all};
use serde_json::{Value, json};

use crate::letter::{MOBILE, letter, mobile, saying, valid_for};

/// What was heard; it can be told to refuse.
#[derive(Default)]
struct Heard {
    receipts: Mutex<Vec<Receipt>>,
    inbound: Mutex<Vec<Inbound>>,
    deaf: AtomicBool,
    /// Nothing is durable while it is set.
    held: AtomicBool,
    /// Never done with receipts, and with what citizens write.
    stuck: [AtomicBool; 2],
}

impl Heard {
    fn take<T>(
        self: &Arc<Self>,
        into: &Mutex<Vec<T>>,
        stuck: &AtomicBool,
        told: Vec<T>,
    ) -> BoxFuture<'static, Result<(), Refused>> {
        if stuck.load(Ordering::Relaxed) {
            return Box::pin(std::future::pending());
        }
        if self.deaf.load(Ordering::Relaxed) {
            return Box::pin(async { Err(Refused::Restarting) });
        }
        into.lock().unwrap().extend(told);
        let me = Arc::clone(self);
        Box::pin(async move {
            until("it is durable", || !me.held.load(Ordering::Relaxed)).await;
            Ok(())
        })
    }
}

/// Waits for something that must come about.
async fn until(what: &str, comes: impl Fn() -> bool) {
    let waiting = async {
        while !comes() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap_or_else(|_| panic!("{what}"));
}

struct Ears(Arc<Heard>);

impl Ear for Ears {
    fn receipts(&self, receipts: Vec<Receipt>) -> BoxFuture<'static, Result<(), Refused>> {
        self.0.take(&self.0.receipts, &self.0.stuck[0], receipts)
    }

    fn inbound(&self, inbound: Vec<Inbound>) -> BoxFuture<'static, Result<(), Refused>> {
        self.0.take(&self.0.inbound, &self.0.stuck[1], inbound)
    }
}

struct Line {
    simulators: Simulators,
    channel: Smpp,
    heard: Arc<Heard>,
    listening: tokio::task::JoinHandle<()>,
}

fn smsc() -> SmscSettings {
    let mut smsc = SmscSettings { address: Some(([127, 0, 0, 1], 0).into()), ..SmscSettings::default() };
    (smsc.faults.receipts.delay_min_ms, smsc.faults.receipts.delay_max_ms) = (0, 0);
    smsc
}

impl Line {
    async fn start(smsc: SmscSettings, more: Value) -> Self {
        let settings = World { address: ([127, 0, 0, 1], 0).into(), smsc, ..World::default() };
        let simulators = Simulators::start(settings).await.unwrap();
        let mut table = json!({
            "address": simulators.smsc_address().unwrap().to_string(),
            "system_id": "estafette",
            "password": "sandbox",
            "reference_tlv": 0x1501,
            "response_timeout_ms": 2_000,
            "reconnect_min_ms": 20,
            "reconnect_max_ms": 200,
        });
        let pairs = more.as_object().unwrap().clone();
        table.as_object_mut().unwrap().extend(pairs);
        let settings: Settings = serde_json::from_value(table).unwrap();
        let channel = Smpp::new(&settings).unwrap();
        let heard = Arc::new(Heard::default());
        let listening = tokio::spawn(channel.listen(Arc::new(Ears(Arc::clone(&heard)))).unwrap());
        Self { simulators, channel, heard, listening }
    }

    async fn send(&self, to: &str, text: &str) -> Outcome {
        self.channel.send(saying(mobile(to), text)).await
    }

    /// Waits for receipts, so many of them.
    async fn receipts(&self, count: usize) -> Vec<Receipt> {
        until("the receipts come", || self.heard.receipts.lock().unwrap().len() >= count).await;
        self.heard.receipts.lock().unwrap().clone()
    }

    async fn bound(&self, count: usize) {
        until("it binds", || self.channel.bound() == count).await;
    }

    /// Waits for what citizens wrote, so many of them.
    async fn inbound(&self, count: usize) -> Vec<Inbound> {
        until("it is heard", || self.heard.inbound.lock().unwrap().len() >= count).await;
        std::mem::take(&mut *self.heard.inbound.lock().unwrap())
    }

    fn texts(&self) -> Vec<String> {
        self.simulators.shown().0.into_iter().map(|shown| shown.text).collect()
    }

    async fn stop(self) {
        self.listening.abort();
        self.simulators.stop().await;
    }
}

fn id(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Is(AttemptStatus::Sent, Some(id)) => id,
        other => panic!("not sent: {other:?}"),
    }
}

fn failed(failure: Failure) -> Outcome {
    Outcome::Is(AttemptStatus::Failed(failure), None)
}

#[tokio::test]
async fn a_message_goes_out_and_its_receipt_names_it_in_each_form_of_id() {
    for (message_ids, receipt_id) in
        [(MessageIds::Text, "as_is"), (MessageIds::HexThenDec, "hex_to_dec"), (MessageIds::DecThenHex, "dec_to_hex")]
    {
        for (receipt_text, receipt_tlvs) in [(true, false), (false, true)] {
            let smsc = SmscSettings { message_ids, receipt_text, receipt_tlvs, ..smsc() };
            let line = Line::start(smsc, json!({ "receipt_id": receipt_id })).await;
            let outcome = line.send(MOBILE, "Votre dossier est prêt").await;
            let receipt = line.receipts(1).await.remove(0);
            assert_eq!(receipt.about, About::ChannelReference(id(&outcome).into()), "{receipt_id}");
            assert_eq!(receipt.status, AttemptStatus::Delivered);
            let entry = line.simulators.ledger(Channel::Smsc, None, 0, 10).entries.remove(0);
            assert_eq!((entry.recipient.as_str(), entry.reference.is_empty()), (MOBILE, false));
            line.stop().await;
        }
    }
}

#[tokio::test]
async fn each_reserved_recipient_comes_out_as_its_table_says() {
    let line = Line::start(smsc(), json!({ "response_timeout_ms": 500 })).await;
    let to = |behaviour: Behaviour| line.channel.send(letter(mobile(&behaviour.mobile(7))));
    assert!(matches!(to(Behaviour::Deliver).await, Outcome::Is(AttemptStatus::Sent, Some(_))));
    assert_eq!(to(Behaviour::Reject).await, failed(Failure::RejectedByChannel));
    assert_eq!(to(Behaviour::FailForAWhile).await, failed(Failure::ChannelDown));
    // Neither takes the link of others with it.
    let (slow, lost, fine) = tokio::join!(to(Behaviour::Slow), to(Behaviour::AnswerLost), to(Behaviour::Deliver));
    assert_eq!((slow, lost), (Outcome::Unknown, Outcome::Unknown));
    assert!(matches!(fine, Outcome::Is(AttemptStatus::Sent, Some(_))));
    let undelivered = to(Behaviour::FailForGood).await;
    let receipts = line.receipts(3).await;
    let about = About::ChannelReference(id(&undelivered).into());
    let last = receipts.iter().find(|receipt| receipt.about == about).expect("it is reported");
    assert_eq!(last.status, AttemptStatus::Failed(Failure::RejectedByChannel));
    line.stop().await;
}

#[tokio::test]
async fn a_long_message_is_one_letter_with_one_receipt_in_each_way_to_send_it() {
    let texts = ["a".repeat(400), "Voilà l'été à Liège. ".repeat(20), "Ολα καλά 😀 ".repeat(30)];
    for (long, coding) in [("udh", "gsm7"), ("udh", "latin1"), ("udh", "ucs2"), ("payload", "gsm7")] {
        let line = Line::start(smsc(), json!({ "long": long, "coding": coding })).await;
        for (place, text) in texts.iter().enumerate() {
            let outcome = line.send(MOBILE, text).await;
            let receipts = line.receipts(place + 1).await;
            assert_eq!(receipts.len(), place + 1, "{long} {coding}");
            assert_eq!(receipts[place].about, About::ChannelReference(id(&outcome).into()));
        }
        assert_eq!(line.simulators.count(Channel::Smsc).total, 3, "{long} {coding}");
        line.stop().await;
    }
}

#[tokio::test]
async fn rubbish_costs_no_message_its_answer() {
    let smsc = SmscSettings { rubbish: 0.7, reversed: true, ..smsc() };
    let line = Line::start(smsc, json!({ "window": 50 })).await;
    let sent = join_all((0..300).map(|n| line.channel.send(saying(mobile(MOBILE), &format!("message {n}"))))).await;
    let ids: HashSet<&str> = sent.iter().map(id).collect();
    assert_eq!(ids.len(), 300);
    assert_eq!(line.simulators.count(Channel::Smsc).total, 300);
    line.receipts(300).await;
    line.stop().await;
}

#[tokio::test]
async fn a_lost_link_makes_outcomes_unknown_and_is_found_again() {
    for smsc in [
        SmscSettings { bad_length: 0.05, ..smsc() },
        SmscSettings { cut: 0.05, ..smsc() },
        SmscSettings { close_on_bind: 0.5, bad_length: 0.02, ..smsc() },
    ] {
        let line = Line::start(smsc, json!({ "binds": 3, "window": 5 })).await;
        let sent = join_all((0..200).map(|n| line.channel.send(saying(mobile(MOBILE), &format!("message {n}"))))).await;
        let count = |wanted: fn(&Outcome) -> bool| sent.iter().filter(|outcome| wanted(outcome)).count();
        let told = count(|outcome| matches!(outcome, Outcome::Is(AttemptStatus::Sent, Some(_))));
        let unknown = count(|outcome| *outcome == Outcome::Unknown);
        let down = count(|outcome| *outcome == failed(Failure::ChannelDown));
        assert_eq!(told + unknown + down, 200);
        assert!(told > 50, "{told} of 200");
        let taken = line.simulators.count(Channel::Smsc).total as usize;
        assert!((told..=told + unknown).contains(&taken), "told {told}, unknown {unknown}, taken {taken}");
        line.stop().await;
    }
}

#[tokio::test]
async fn binds_come_back_after_every_link_was_dropped() {
    let line = Line::start(smsc(), json!({ "binds": 4 })).await;
    line.bound(4).await;
    line.simulators.drop_links();
    line.bound(0).await;
    line.bound(4).await;
    id(&line.send(MOBILE, "again").await);
    line.stop().await;
}

#[tokio::test]
async fn who_asks_to_slow_down_is_heard() {
    let mut smsc = smsc();
    smsc.faults.throttle = 1.0;
    let line = Line::start(smsc, json!({})).await;
    assert_eq!(line.send(MOBILE, "one").await, Outcome::Throttled(None));
    line.stop().await;
}

#[tokio::test]
async fn without_a_bind_a_letter_is_not_taken_and_says_so() {
    let line = Line::start(smsc(), json!({ "password": "wrong" })).await;
    assert_eq!(line.send(MOBILE, "one").await, failed(Failure::ChannelDown));
    assert_eq!(line.simulators.count(Channel::Smsc).total, 0);
    line.stop().await;
}

#[tokio::test]
async fn a_letter_whose_time_is_over_before_a_bind_stands_is_not_sent() {
    let line = Line::start(SmscSettings { close_on_bind: 1.0, ..smsc() }, json!({})).await;
    let letter = valid_for(saying(mobile(MOBILE), "one"), Duration::from_millis(200));
    let sent = line.channel.send(letter);
    let opened = async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        line.simulators.set_smsc(smsc());
    };
    let (outcome, ()) = tokio::join!(sent, opened);
    assert_eq!(outcome, failed(Failure::Expired));
    line.bound(1).await;
    id(&line.send(MOBILE, "another").await);
    assert_eq!(line.simulators.count(Channel::Smsc).total, 1);
    line.stop().await;
}

#[tokio::test]
async fn a_receipt_that_could_not_be_kept_is_brought_again() {
    let line = Line::start(smsc(), json!({})).await;
    line.heard.deaf.store(true, Ordering::Relaxed);
    let outcome = line.send(MOBILE, "one").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(line.heard.receipts.lock().unwrap().is_empty());
    line.heard.deaf.store(false, Ordering::Relaxed);
    let receipt = line.receipts(1).await.remove(0);
    assert_eq!(receipt.about, About::ChannelReference(id(&outcome).into()));
    line.stop().await;
}

#[tokio::test]
async fn receipts_come_before_the_answer_twice_and_of_strangers() {
    let mut smsc = smsc();
    smsc.faults.receipts.early = 1.0;
    smsc.faults.receipts.double = 1.0;
    smsc.faults.receipts.stranger = 1.0;
    let line = Line::start(smsc, json!({})).await;
    let outcome = line.send(MOBILE, "one").await;
    let own = About::ChannelReference(id(&outcome).into());
    let receipts = line.receipts(3).await;
    assert_eq!(receipts[0].about, own);
    assert_eq!(receipts.iter().filter(|receipt| receipt.about == own).count(), 2);
    line.stop().await;
}

#[tokio::test]
async fn an_answer_that_comes_late_is_known_when_it_is_asked_for() {
    for query in [false, true] {
        let mut smsc = smsc();
        (smsc.faults.latency_min_ms, smsc.faults.latency_max_ms) = (600, 600);
        let line = Line::start(smsc, json!({ "response_timeout_ms": 400, "query": query })).await;
        let letter = saying(mobile(MOBILE), "one");
        let other = line.channel.send(letter.clone());
        assert_eq!(other.await, Outcome::Unknown);
        let known = line.channel.inquire(letter).await;
        let status = match known {
            Inquiry::Known(status, Some(_)) => status,
            other => panic!("{other:?}"),
        };
        assert_eq!(status, if query { AttemptStatus::Delivered } else { AttemptStatus::Sent });
        line.stop().await;
    }
}

#[tokio::test]
async fn who_never_answers_blocks_nothing_but_its_own() {
    let line = Line::start(
        SmscSettings { silent: 1.0, ..smsc() },
        json!({ "response_timeout_ms": 200, "enquire_link_ms": 50, "window": 2 }),
    )
    .await;
    let sent = join_all((0..6).map(|_| line.channel.send(saying(mobile(MOBILE), "one")))).await;
    assert!(sent.iter().all(|outcome| *outcome == Outcome::Unknown), "{sent:?}");
    assert_eq!(line.channel.inquire(saying(mobile(MOBILE), "another")).await, Inquiry::CannotTell);
    // The link answers enquiries, so it stands.
    assert_eq!(line.channel.bound(), 1);
    line.stop().await;
}

#[tokio::test]
async fn what_citizens_write_is_heard() {
    let line = Line::start(smsc(), json!({})).await;
    line.bound(1).await;
    for text in ["STOP", "Arrêt, s'il vous plaît 😀"] {
        assert!(line.simulators.write(MOBILE, "8686", text));
        let inbound = line.inbound(1).await.remove(0);
        assert_eq!((inbound.from.e164().as_str(), &*inbound.to, &*inbound.text), (MOBILE, "8686", text));
    }
    line.stop().await;
}

#[tokio::test]
async fn a_long_message_is_known_to_be_sent_only_when_every_part_was_taken() {
    let mut smsc = SmscSettings { handsets: 10, ..smsc() };
    (smsc.faults.latency_min_ms, smsc.faults.latency_max_ms) = (600, 600);
    let line = Line::start(smsc, json!({ "response_timeout_ms": 400 })).await;
    let text = "Voici ce que vous recevrez. ".repeat(16);
    let mut letter = saying(mobile(MOBILE), &text);
    for _ in 0..2 {
        assert_eq!(line.channel.send(letter.clone()).await, Outcome::Unknown);
        // One part more is taken, and not all: it must not be taken for sent.
        assert_eq!(line.channel.inquire(letter.clone()).await, Inquiry::NotFound);
        letter.reference.retry += 1;
    }
    assert_eq!(line.channel.send(letter.clone()).await, Outcome::Unknown);
    let id = match line.channel.inquire(letter.clone()).await {
        Inquiry::Known(AttemptStatus::Sent, Some(id)) => id,
        other => panic!("{other:?}"),
    };
    // The handset shows it once and whole, from parts of three tries, and no part went twice.
    assert_eq!((line.texts(), line.simulators.shown().1), (vec![text], 0));
    assert_eq!(line.simulators.count(Channel::Smsc).total, 1);
    assert_eq!(line.receipts(1).await[0].about, About::ChannelReference(id));
    line.stop().await;
}

#[tokio::test]
async fn a_letter_that_was_taken_late_is_not_sent_twice_when_it_is_sent_again() {
    let mut smsc = SmscSettings { handsets: 10, ..smsc() };
    (smsc.faults.latency_min_ms, smsc.faults.latency_max_ms) = (400, 400);
    let line = Line::start(smsc, json!({ "response_timeout_ms": 200 })).await;
    let letter = saying(mobile(MOBILE), "one");
    assert_eq!(line.channel.send(letter.clone()).await, Outcome::Unknown);
    until("it is taken", || line.texts().len() == 1).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    id(&line.channel.send(letter).await);
    assert_eq!(line.texts(), ["one"]);
    line.stop().await;
}

#[tokio::test]
async fn late_answers_are_known_however_many_are_late() {
    let mut smsc = smsc();
    (smsc.faults.latency_min_ms, smsc.faults.latency_max_ms) = (1_500, 1_500);
    let line = Line::start(smsc, json!({ "response_timeout_ms": 100, "window": 1 })).await;
    line.bound(1).await;
    let letters: Vec<_> = (0..10).map(|n| saying(mobile(MOBILE), &format!("message {n}"))).collect();
    let sent = join_all(letters.iter().map(|letter| line.channel.send(letter.clone()))).await;
    assert!(sent.iter().all(|outcome| *outcome == Outcome::Unknown), "{sent:?}");
    until("all are taken", || line.simulators.count(Channel::Smsc).total == 10).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    for letter in letters {
        let known = line.channel.inquire(letter).await;
        assert!(matches!(known, Inquiry::Known(AttemptStatus::Sent, Some(_))), "{known:?}");
    }
    line.stop().await;
}

#[tokio::test]
async fn each_alphabet_reaches_the_handset_and_comes_back_from_it() {
    let texts =
        ["Voilà l'été, 5 € {ou} moins", "STOPPEN", "Ολα καλά 😀", &"Prêt à Liège. ".repeat(30), &"[a]~".repeat(90)];
    for (coding, alphabet) in [
        ("gsm7", Alphabet::Gsm7),
        ("gsm7_packed", Alphabet::Gsm7Packed),
        ("default_latin1", Alphabet::Latin1),
        ("latin1", Alphabet::Gsm7),
        ("ucs2", Alphabet::Gsm7Packed),
    ] {
        for long in ["udh", "payload"] {
            let smsc = SmscSettings { alphabet, handsets: 10, ..smsc() };
            let line = Line::start(smsc, json!({ "coding": coding, "long": long })).await;
            for text in texts {
                id(&line.send(MOBILE, text).await);
            }
            assert_eq!(line.texts(), texts, "{coding} {long}");
            line.stop().await;
        }
        if coding == "ucs2" {
            continue;
        }
        let line = Line::start(SmscSettings { alphabet, ..smsc() }, json!({ "coding": coding })).await;
        line.bound(1).await;
        for text in ["STOP", "ARRÊT", "Arrêtez svp", "stopzetten"] {
            assert!(line.simulators.write(MOBILE, "8686", text));
            let inbound = line.inbound(1).await.remove(0);
            assert_eq!(&*inbound.text, text, "{coding}");
            assert!(stop::asked(&inbound.text).is_some());
        }
        line.stop().await;
    }
}

fn brought(octets: &[u8]) -> ShortMessage {
    ShortMessage {
        source: Address { ton: 2, npi: 8, digits: "0470123456".into() },
        destination: Address { ton: 3, npi: 0, digits: "8686".into() },
        short_message: octets.to_vec().into(),
        ..ShortMessage::default()
    }
}

#[tokio::test]
async fn a_national_source_is_a_citizen_and_parts_are_one_message() {
    let line = Line::start(SmscSettings { window: 1, ..smsc() }, json!({})).await;
    line.bound(1).await;
    assert!(line.simulators.bring(brought(b"STOP")));
    let inbound = line.inbound(1).await.remove(0);
    assert_eq!((inbound.from.e164().as_str(), &*inbound.text), (MOBILE, "STOP"));
    // One at a time: the second part comes only when the first was acknowledged.
    for number in [1, 2] {
        let part = udh::Part { reference: 7, total: 2, number };
        let octets = part.before(if number == 1 { b"The bus does not " } else { b"stop" });
        assert!(line.simulators.bring(ShortMessage { esm_class: 0x40, ..brought(&octets) }));
    }
    let inbound = line.inbound(2).await;
    let texts: Vec<&str> = inbound.iter().map(|inbound| &*inbound.text).collect();
    assert_eq!(texts, ["(1/2) The bus does not ", "The bus does not stop"]);
    line.stop().await;
    // Both at once, the second first.
    let line = Line::start(smsc(), json!({})).await;
    line.bound(1).await;
    for number in [2, 1] {
        let part = udh::Part { reference: 7, total: 2, number };
        let octets = part.before(if number == 1 { b"The bus does not " } else { b"stop" });
        assert!(line.simulators.bring(ShortMessage { esm_class: 0x40, ..brought(&octets) }));
    }
    let inbound = line.inbound(1).await;
    assert_eq!((inbound.len(), &*inbound[0].text), (1, "The bus does not stop"));
    line.stop().await;
}

#[tokio::test]
async fn a_receipt_in_packed_septets_is_read_like_any_other() {
    let mute = SmscSettings { alphabet: Alphabet::Gsm7Packed, ..smsc() };
    let line = Line::start(mute, json!({ "coding": "gsm7_packed" })).await;
    line.bound(1).await;
    let text = "id:0042 sub:001 dlvrd:001 submit date:2611240101 done date:2611240102 stat:DELIVRD err:000 text:";
    let receipt = ShortMessage { esm_class: 0x04, ..brought(&septets::pack(text.as_bytes(), 0)) };
    assert!(line.simulators.bring(receipt));
    let receipt = line.receipts(1).await.remove(0);
    assert_eq!((receipt.about, receipt.status), (About::ChannelReference("0042".into()), AttemptStatus::Delivered));
    line.stop().await;
}

#[tokio::test]
async fn nothing_is_sent_when_its_validity_is_over() {
    let line = Line::start(smsc(), json!({})).await;
    line.bound(1).await;
    let mut letter = saying(mobile(MOBILE), "one");
    let mut envelope = (*letter.envelope).clone();
    envelope.valid_until = SystemClock.now();
    letter.envelope = Arc::new(envelope);
    assert_eq!(line.channel.send(letter).await, failed(Failure::Expired));
    assert_eq!(line.simulators.count(Channel::Smsc).total, 0);
    line.stop().await;
}

#[tokio::test]
async fn a_message_waits_no_longer_for_its_place_than_it_is_valid() {
    let mut smsc = smsc();
    (smsc.faults.latency_min_ms, smsc.faults.latency_max_ms) = (600, 600);
    let line = Line::start(smsc, json!({ "window": 1 })).await;
    line.bound(1).await;
    let mut second = saying(mobile(MOBILE), "two");
    let mut envelope = (*second.envelope).clone();
    envelope.valid_until = SystemClock.now().plus(Duration::from_millis(300));
    second.envelope = Arc::new(envelope);
    let (first, second) = tokio::join!(line.send(MOBILE, "one"), line.channel.send(second));
    id(&first);
    assert_eq!(second, failed(Failure::Expired));
    assert_eq!(line.simulators.count(Channel::Smsc).total, 1);
    line.stop().await;
}

#[tokio::test]
async fn who_takes_the_connection_and_never_answers_the_bind_is_left_and_tried_again() {
    let line = Line::start(SmscSettings { silent_bind: 1.0, ..smsc() }, json!({ "connect_timeout_ms": 200 })).await;
    assert_eq!(line.send(MOBILE, "one").await, failed(Failure::ChannelDown));
    assert_eq!(line.channel.bound(), 0);
    line.simulators.set_smsc(smsc());
    line.bound(1).await;
    id(&line.send(MOBILE, "one").await);
    line.stop().await;
}

#[tokio::test]
async fn a_link_on_which_nothing_is_answered_is_replaced() {
    let mute = SmscSettings { silent: 1.0, silent_enquiry: 1.0, ..smsc() };
    let line = Line::start(mute, json!({ "response_timeout_ms": 200, "enquire_link_ms": 100 })).await;
    line.bound(1).await;
    let letter = saying(mobile(MOBILE), "one");
    let lost = line.channel.send(letter.clone());
    let (lost, ()) = tokio::join!(lost, line.bound(0));
    assert_eq!(lost, Outcome::Unknown);
    assert_eq!(line.channel.inquire(letter.clone()).await, Inquiry::CannotTell);
    line.simulators.set_smsc(smsc());
    line.bound(1).await;
    id(&line.channel.send(letter).await);
    line.stop().await;
}

#[tokio::test]
async fn a_link_that_is_not_read_here_is_not_silent() {
    let line = Line::start(
        SmscSettings { window: 10_000, ..smsc() },
        json!({ "response_timeout_ms": 200, "enquire_link_ms": 100, "window": 10 }),
    )
    .await;
    line.bound(1).await;
    line.heard.held.store(true, Ordering::Relaxed);
    // So many that nothing more is read until they are durable.
    for n in 0..4_000 {
        assert!(line.simulators.write(MOBILE, "8686", &format!("word {n}")));
    }
    until("no more is read", || line.heard.inbound.lock().unwrap().len() >= 2_048).await;
    let (sent, ()) = tokio::join!(line.send(MOBILE, "one"), async {
        tokio::time::sleep(Duration::from_millis(900)).await;
        assert_eq!(line.channel.bound(), 1);
        line.heard.held.store(false, Ordering::Relaxed);
    });
    id(&sent);
    assert_eq!((line.inbound(4_000).await.len(), line.channel.bound()), (4_000, 1));
    line.stop().await;
}

#[tokio::test]
async fn an_orderly_end_tells_the_smsc_once_what_is_under_way_was_answered() {
    let mut slow = smsc();
    (slow.faults.latency_min_ms, slow.faults.latency_max_ms) = (300, 300);
    let line = Line::start(slow, json!({ "binds": 2 })).await;
    line.bound(2).await;
    let sending = async {
        // Under way when the end begins.
        let (sent, ()) = tokio::join!(line.send(MOBILE, "one"), async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            line.channel.close().expect("it has links").await;
        });
        sent
    };
    id(&sending.await);
    assert_eq!((line.simulators.unbound(), line.channel.bound()), (2, 0));
    assert_eq!(line.send(MOBILE, "two").await, failed(Failure::ChannelDown));
    line.stop().await;
}

#[tokio::test]
async fn a_receipt_is_acknowledged_while_words_that_came_with_it_still_wait_for_their_commit() {
    let line = Line::start(smsc(), json!({})).await;
    line.bound(1).await;
    let [receipts, words] = &line.heard.stuck;
    receipts.store(true, Ordering::Relaxed);
    words.store(true, Ordering::Relaxed);
    for number in 0..20 {
        assert!(line.simulators.write(MOBILE, "8686", "STOP"));
        id(&line.send(MOBILE, &format!("message {number}")).await);
    }
    let left = async |count: usize| {
        let left = async {
            while line.simulators.to_bring() != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), left).await.expect("receipts are acknowledged by themselves");
    };
    left(40).await;
    receipts.store(false, Ordering::Relaxed);
    // All that was not acknowledged comes again at once, and is read together.
    line.simulators.drop_links();
    left(20).await;
    assert!(line.heard.inbound.lock().unwrap().is_empty());
    line.stop().await;
}

#[test]
fn settings_that_can_t_work_are_refused_with_their_key() {
    for (key, value) in [
        ("address", json!("smsc.example.be")),
        ("system_id", json!("")),
        ("system_id", json!("sixteen-letters!")),
        ("password", json!("ninechars")),
        ("binds", json!(0)),
        ("window", json!(0)),
        ("sender_id", json!("Sécurité")),
        ("reconnect_max_ms", json!(1)),
    ] {
        let mut table = json!({ "address": "127.0.0.1:1", "system_id": "a", "password": "b" });
        table[key] = value;
        let settings: Settings = serde_json::from_value(table).unwrap();
        let told = Smpp::new(&settings).map(|_| ()).expect_err("it is refused").to_string();
        assert!(told.contains(key), "{told}");
    }
}
