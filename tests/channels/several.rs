//! Two SMPP gateways as one channel: shared by weight, without a letter lost when one goes.
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use estafette::channels::{Table, sms};
use estafette_actors::domain::balance::FULL;
use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::inbound::Inbound;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::receipt::{About, Receipt};
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::messages::Refused;
use estafette_actors::ports::{Binds, CallbackRequest, Ear, ProviderState, Transport};
use estafette_loadtest::Simulators;
use estafette_loadtest::ledger::Channel as SimulatedChannel;
use estafette_loadtest::simulators::{Settings as World, SmscSettings};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::letter::{MOBILE, mobile, saying, valid_for};

#[derive(Clone, Default)]
pub struct Ears(pub Arc<Mutex<Vec<Receipt>>>);

impl Ear for Ears {
    fn receipts(&self, receipts: Vec<Receipt>) -> BoxFuture<'static, Result<(), Refused>> {
        self.0.lock().unwrap().extend(receipts);
        Box::pin(async { Ok(()) })
    }

    fn inbound(&self, _: Vec<Inbound>) -> BoxFuture<'static, Result<(), Refused>> {
        Box::pin(async { Ok(()) })
    }
}

/// A gateway's faults: nothing but a time for each answer.
fn answering_in(ms: u64) -> SmscSettings {
    let mut smsc = SmscSettings::default();
    (smsc.faults.receipts.delay_min_ms, smsc.faults.receipts.delay_max_ms) = (0, 0);
    (smsc.faults.latency_min_ms, smsc.faults.latency_max_ms) = (ms, ms);
    smsc
}

pub async fn gateway() -> Simulators {
    let mut smsc = SmscSettings { address: Some(([127, 0, 0, 1], 0).into()), ..SmscSettings::default() };
    (smsc.faults.receipts.delay_min_ms, smsc.faults.receipts.delay_max_ms) = (0, 0);
    let settings = World { address: ([127, 0, 0, 1], 0).into(), smsc, ..World::default() };
    Simulators::start(settings).await.unwrap()
}

pub fn provider(name: &str, weight: u32, gateway: &Simulators) -> Value {
    json!({
        "name": name, "weight": weight, "provider": "smpp", "address": gateway.smsc_address().unwrap().to_string(),
        "system_id": "estafette", "password": "sandbox", "response_timeout_ms": 1_000,
        "reconnect_min_ms": 20, "reconnect_max_ms": 200,
    })
}

/// The channel, listening, once all its gateways are bound.
async fn channel(table: Value, ears: &Ears) -> (Arc<dyn Transport>, tokio::task::JoinHandle<()>) {
    let channel = sms::build(&Table::of(table)).unwrap();
    let listening = tokio::spawn(channel.listen(Arc::new(ears.clone())).unwrap());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(channel.is_ready());
    (channel, listening)
}

pub async fn send(channel: &Arc<dyn Transport>, letters: usize) -> HashMap<String, usize> {
    let mut by_provider = HashMap::new();
    for _ in 0..letters {
        let (outcome, provider) = channel.send_via(saying(mobile(MOBILE), "one")).await;
        let provider = provider.expect("somebody took it").to_string();
        match outcome {
            Outcome::Is(AttemptStatus::Sent, Some(id)) => assert!(id.starts_with(&format!("{provider}:")), "{id}"),
            other => panic!("{other:?}"),
        }
        *by_provider.entry(provider).or_default() += 1;
    }
    by_provider
}

#[tokio::test]
async fn letters_are_shared_by_weight_and_each_says_over_whom_it_went() {
    let (one, two, ears) = (gateway().await, gateway().await, Ears::default());
    let table = json!({ "providers": [provider("one", 3, &one), provider("two", 1, &two)] });
    let (channel, listening) = channel(table, &ears).await;
    assert_eq!(send(&channel, 40).await, HashMap::from([("one".into(), 30), ("two".into(), 10)]));
    let receipts = async {
        while ears.0.lock().unwrap().len() < 40 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), receipts).await.expect("the receipts come");
    let from = |name: &str| {
        let names = |receipt: &&Receipt| matches!(&receipt.about, About::ChannelReference(id) if id.starts_with(name));
        ears.0.lock().unwrap().iter().filter(names).count()
    };
    assert_eq!((from("one:"), from("two:")), (30, 10));
    listening.abort();
}

#[tokio::test]
async fn a_gateway_that_goes_takes_no_letter_with_it() {
    let (one, two, ears) = (gateway().await, gateway().await, Ears::default());
    let table = json!({ "providers": [provider("one", 1, &one), provider("two", 1, &two)] });
    let (channel, listening) = channel(table, &ears).await;
    send(&channel, 10).await;
    one.stop().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = std::time::Instant::now();
    assert_eq!(send(&channel, 50).await, HashMap::from([("two".into(), 50)]));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    two.stop().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let (outcome, _) = channel.send_via(saying(mobile(MOBILE), "one")).await;
    assert_eq!(outcome, Outcome::Is(AttemptStatus::Failed(Failure::ChannelDown), None));
    listening.abort();
}

#[tokio::test]
async fn one_that_throttles_is_left_for_the_other() {
    let (one, two, ears) = (gateway().await, gateway().await, Ears::default());
    let mut throttled = SmscSettings::default();
    throttled.faults.throttle = 1.0;
    one.set_smsc(throttled);
    let table = json!({ "providers": [provider("one", 1, &one), provider("two", 1, &two)] });
    let (channel, listening) = channel(table, &ears).await;
    assert_eq!(send(&channel, 20).await, HashMap::from([("two".into(), 20)]));
    listening.abort();
}

/// A third provider beside two SMPP gateways: the HTTP gateway that the simulators of one of them have too.
fn web(name: &str, weight: u32, gateway: &Simulators) -> Value {
    json!({
        "name": name, "weight": weight, "provider": "ringring",
        "base_url": format!("http://{}/ringring", gateway.address()), "api_key": "sandbox-ringring-key",
    })
}

#[tokio::test]
async fn a_web_gateway_and_two_smpp_gateways_all_send() {
    let (one, two, ears) = (gateway().await, gateway().await, Ears::default());
    let table = json!({ "providers": [provider("one", 2, &one), provider("two", 1, &two), web("web", 1, &two)] });
    let (channel, listening) = channel(table, &ears).await;
    let sent = send(&channel, 40).await;
    assert_eq!(sent, HashMap::from([("one".into(), 20), ("two".into(), 10), ("web".into(), 10)]));
    assert_eq!(one.count(SimulatedChannel::Smsc).total, 20);
    assert_eq!((two.count(SimulatedChannel::Smsc).total, two.count(SimulatedChannel::Sms).total), (10, 10));
    listening.abort();
}

#[tokio::test]
async fn when_one_of_three_dies_the_others_have_its_letters_within_seconds() {
    let (one, two, ears) = (gateway().await, gateway().await, Ears::default());
    let table = json!({ "providers": [provider("one", 1, &one), provider("two", 1, &two), web("web", 1, &two)] });
    let (channel, listening) = channel(table, &ears).await;
    send(&channel, 12).await;
    one.stop().await;
    let began = std::time::Instant::now();
    // Those that were handed to the dying link are of unknown outcome; nobody else's is.
    let mut in_a_row = 0;
    while in_a_row < 20 {
        let (outcome, over) = channel.send_via(saying(mobile(MOBILE), "one")).await;
        match (outcome, over.as_deref()) {
            (Outcome::Is(AttemptStatus::Sent, Some(_)), Some("two" | "web")) => in_a_row += 1,
            (Outcome::Unknown, Some("one")) => in_a_row = 0,
            other => panic!("{other:?}"),
        }
        assert!(began.elapsed() < Duration::from_secs(5), "letters are still lost to the one that is gone");
    }
    let states: Vec<_> = channel.providers().iter().map(|one| (one.name.to_string(), one.state)).collect();
    assert_eq!(states[0], ("one".to_owned(), ProviderState::Down));
    assert_eq!(channel.providers()[0].binds, Some(Binds { bound: 0, wanted: 1 }));
    assert_eq!(states[1], ("two".to_owned(), ProviderState::Up));
    listening.abort();
}

/// Sends without a pause, sixteen letters at a time, and tells each share that was seen, until it is enough.
async fn shares(channel: &Arc<dyn Transport>, place: usize, mut enough: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut seen = vec![channel.providers()[place].share];
    let patience = std::time::Instant::now() + Duration::from_secs(60);
    let mut letters = tokio::task::JoinSet::new();
    while !enough(&seen) {
        assert!(std::time::Instant::now() < patience, "the shares never got there: {seen:?}");
        while letters.len() < 16 {
            let channel = Arc::clone(channel);
            letters.spawn(async move { channel.send_via(saying(mobile(MOBILE), "one")).await });
        }
        let _ = tokio::time::timeout(Duration::from_millis(2), letters.join_next()).await;
        let share = channel.providers()[place].share;
        if seen.last() != Some(&share) {
            seen.push(share);
        }
    }
    seen
}

#[tokio::test]
async fn one_that_is_slow_loses_its_share_by_steps_and_drifts_back() {
    let (one, two, ears) = (gateway().await, gateway().await, Ears::default());
    let table = json!({ "step_ms": 100, "providers": [provider("one", 1, &one), provider("two", 1, &two)] });
    let (channel, listening) = channel(table, &ears).await;
    two.set_smsc(answering_in(450));
    let lost = shares(&channel, 1, |seen| seen.last() == Some(&1)).await;
    assert!(lost.is_sorted_by(|before, after| after < before), "it comes and goes: {lost:?}");
    assert!(lost.len() > 2 && lost.iter().all(|share| share.is_power_of_two()), "not by halves: {lost:?}");
    assert_eq!(channel.providers()[1].state, ProviderState::Worse);
    assert_eq!(channel.providers()[0].share, FULL, "the other has all of its own");
    two.set_smsc(answering_in(0));
    let won = shares(&channel, 1, |seen| seen.last() == Some(&FULL)).await;
    assert!(won.is_sorted() && won.len() > 3, "not by steps: {won:?}");
    assert_eq!(channel.providers()[1].state, ProviderState::Up);
    listening.abort();
}

#[tokio::test]
async fn nothing_is_shifted_when_all_are_slow() {
    let (one, two, ears) = (gateway().await, gateway().await, Ears::default());
    let table = json!({ "step_ms": 100, "providers": [provider("one", 1, &one), provider("two", 1, &two)] });
    let (channel, listening) = channel(table, &ears).await;
    for gateway in [&one, &two] {
        gateway.set_smsc(answering_in(300));
    }
    let enough = std::time::Instant::now() + Duration::from_secs(3);
    let is_over = |_: &[u8]| std::time::Instant::now() > enough;
    assert_eq!(shares(&channel, 0, is_over).await, [FULL]);
    assert_eq!(channel.providers()[1].share, FULL);
    assert!(channel.providers().iter().all(|one| one.answers_in_ms.is_some_and(|ms| ms >= 300)));
    let (one, two) = (one.count(SimulatedChannel::Smsc).total, two.count(SimulatedChannel::Smsc).total);
    assert!(one.abs_diff(two) <= 20, "{one} and {two}");
    listening.abort();
}

#[tokio::test]
async fn a_letter_whose_time_is_over_when_one_throttles_is_not_given_to_the_other() {
    let (one, two, ears) = (gateway().await, gateway().await, Ears::default());
    let mut throttled = SmscSettings::default();
    throttled.faults.throttle = 1.0;
    (throttled.faults.latency_min_ms, throttled.faults.latency_max_ms) = (400, 400);
    one.set_smsc(throttled);
    let table = json!({ "providers": [provider("one", 1_000, &one), provider("two", 1, &two)] });
    let (channel, listening) = channel(table, &ears).await;
    let letter = valid_for(saying(mobile(MOBILE), "one"), Duration::from_millis(200));
    let (outcome, over) = channel.send_via(letter).await;
    assert_eq!((outcome, over.as_deref()), (Outcome::Throttled(None), Some("one")));
    assert_eq!(two.count(SimulatedChannel::Smsc).total, 0);
    listening.abort();
}

#[tokio::test]
async fn only_allowed_countries_are_reached_and_each_over_who_may() {
    let (one, two, ears) = (gateway().await, gateway().await, Ears::default());
    let mut abroad = provider("two", 1, &two);
    abroad["countries"] = json!([352]);
    let mut home = provider("one", 1, &one);
    home["countries"] = json!([32]);
    let table = json!({ "countries": [32, 352], "providers": [home, abroad] });
    let (channel, listening) = channel(table, &ears).await;
    for (to, provider) in [(MOBILE, Some("one")), ("+352621123456", Some("two")), ("+33612345678", None)] {
        let (outcome, over) = channel.send_via(saying(mobile(to), "one")).await;
        assert_eq!(over.as_deref(), provider);
        let reached = matches!(outcome, Outcome::Is(AttemptStatus::Sent, Some(_)));
        assert_eq!(reached, provider.is_some(), "{outcome:?}");
    }
    listening.abort();
}

#[test]
fn callbacks_find_their_provider_by_either_name() {
    let ringring = json!({ "name": "web", "provider": "ringring", "base_url": "http://127.0.0.1:1", "api_key": "k", "callback_secret": "s" });
    let smpp =
        json!({ "name": "gate", "provider": "smpp", "address": "127.0.0.1:1", "system_id": "a", "password": "b" });
    let channel = sms::build(&Table::of(json!({ "providers": [ringring, smpp] }))).unwrap();
    let query = [("secret", "s"), ("MessageId", "007"), ("StatusCode", "200")];
    let query = query.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let request = CallbackRequest { method: "GET".into(), query, ..CallbackRequest::default() };
    for name in ["web", "ringring"] {
        let received = channel.receipts_of(name, &request).expect("it is known").unwrap();
        assert_eq!(received.receipts[0].about, About::ChannelReference("web:007".into()));
    }
    assert!(channel.receipts_of("other", &request).is_none());
    assert!(channel.receipts_of("gate", &request).expect("it is known").is_err());
}

#[test]
fn tables_that_can_t_work_are_refused_with_what_to_do() {
    let one = json!({ "name": "one", "provider": "smpp", "address": "127.0.0.1:1", "system_id": "a", "password": "b" });
    for (table, told) in [
        (json!({ "providers": [] }), "1 to 8"),
        (json!({ "providers": [one.clone(), one.clone()] }), "each another"),
        (json!({ "providers": [{ "provider": "smpp" }] }), "name"),
        (json!({ "providers": [one.clone()], "api_key": "k" }), "api_key"),
        (json!({ "providers": [one.clone()], "countries": [0] }), "[32, 352]"),
        (json!({ "providers": "one" }), "[[channels.sms.providers]]"),
    ] {
        let error = sms::build(&Table::of(table)).map(|_| ()).expect_err("it is refused").to_string();
        assert!(error.contains(told), "{error}");
    }
}
