//! LATENCY and BOTTLENECK.
use std::num::NonZeroU32;
use std::time::Duration;

use estafette_actors::delivery::{self, Limits, PerRecipient};
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::submission::{Envelope, Lane};
use estafette_actors::nursery::Budget;
use estafette_actors::ports::Letter;
use serde_json::{Value, json};

use crate::support::{Told, World, taken};
use crate::talk::{ask, listen, over, serve, settings, submit, until};

fn row<'v>(rows: &'v Value, what: &str) -> &'v Value {
    rows.as_array().unwrap().iter().find(|row| row["what"] == what).unwrap()
}

#[actix_rt::test]
async fn latencies_are_those_of_the_messages_that_went_through() {
    let slow = |letter: &Letter| (Duration::from_millis(30), taken(letter).1);
    let (address, core, _folder) = over(Told::new(Channel::SMS, slow), delivery::Settings::default()).await;
    let before = ask(address, "LATENCY").await;
    assert_eq!(row(&before, "channel")["count"], 0);
    let world = World::new(Vec::new(), delivery::Settings::default(), Budget::default());
    for number in 0..5 {
        submit(&core, world.envelope("sms-only", number)).await;
    }
    let after = until(address, "LATENCY sms", |told| row(told, "end_to_end")["count"] == 5).await;
    assert_eq!(after.as_array().unwrap().len(), 2, "with a channel only its own are told: {after}");
    let channel = row(&after, "channel");
    assert_eq!(channel["channel"], "sms");
    let micros = |row: &Value, name: &str| row[name].as_u64().unwrap();
    assert!((29_000..5_000_000).contains(&micros(channel, "p50_us")), "{channel}");
    for (lower, upper) in [("p50_us", "p90_us"), ("p90_us", "p99_us"), ("p99_us", "p999_us"), ("p999_us", "max_us")] {
        assert!(micros(channel, lower) <= micros(channel, upper), "{channel}");
    }
    let all = ask(address, "LATENCY").await;
    assert_eq!(row(&all, "accept")["count"], 5);
    assert!(micros(row(&all, "commit"), "count") > 0 && micros(row(&all, "accept"), "max_us") > 0, "{all}");
    assert!(ask(address, "LATENCY fax").await["error"].as_str().unwrap().contains("no such channel"));
}

/// What binds at the SMS channel once messages wait there.
async fn binding(settings: delivery::Settings, sms: std::sync::Arc<Told>) -> String {
    let (address, core, _folder) = over(sms, settings).await;
    let world = World::new(Vec::new(), delivery::Settings::default(), Budget::default());
    for number in 0..60 {
        submit(&core, world.envelope("sms-only", number)).await;
    }
    let told = until(address, "BOTTLENECK", |told| told.as_array().is_some_and(|rows| !rows.is_empty())).await;
    assert_eq!(told[0]["where"], "sms", "{told}");
    assert!(told[0]["waiting"].as_u64().unwrap() > 0, "{told}");
    told[0]["limit"].as_str().unwrap().to_owned()
}

fn never(_: &Letter) -> (Duration, Outcome) {
    (Duration::from_secs(10), Outcome::Is(AttemptStatus::Sent, None))
}

#[actix_rt::test]
async fn the_limit_that_binds_is_named() {
    let limits = Limits::default();
    let one = NonZeroU32::new(1);
    let slow = |limits| delivery::Settings { limits, ..delivery::Settings::default() };
    let told = || Told::new(Channel::SMS, taken);
    let down = |_: &Letter| {
        let failure = estafette_actors::domain::failure::Failure::ChannelDown;
        (Duration::ZERO, Outcome::Is(AttemptStatus::Failed(failure), None))
    };
    let throttles = |_: &Letter| (Duration::ZERO, Outcome::Throttled(Some(Duration::from_secs(9))));
    let narrow = delivery::Settings { window: 2, ..delivery::Settings::default() };
    assert_eq!(binding(slow(Limits { rate: one, ..limits }), told()).await, "channel_rate");
    assert_eq!(binding(slow(Limits { institution_rate: one, ..limits }), told()).await, "institution_rate");
    assert_eq!(binding(narrow, Told::new(Channel::SMS, never)).await, "window");
    let breaker = Limits { breaker_failures: 1, breaker_pause: Duration::from_secs(9), ..limits };
    assert_eq!(binding(slow(breaker), Told::new(Channel::SMS, down)).await, "breaker");
    assert_eq!(binding(narrow, Told::new(Channel::SMS, throttles)).await, "throttled");
}

#[actix_rt::test]
async fn why_and_bottleneck_name_a_recipients_limit_and_info_the_service_level() {
    let recipient = PerRecipient { parts: NonZeroU32::MIN, period: Duration::from_secs(3_600), remembered: 1_000 };
    let limits = Limits { recipient: Some(recipient), ..Limits::default() };
    let sms = delivery::Settings { limits, ..delivery::Settings::default() };
    let (address, core, _folder) = over(Told::new(Channel::SMS, taken), sms).await;
    let world = World::new(Vec::new(), delivery::Settings::default(), Budget::default());
    let urgent = || Envelope { lane: Lane::Urgent, ..world.envelope("sms-only", 7) };
    submit(&core, urgent()).await;
    let id = submit(&core, urgent()).await;
    let told = until(address, "BOTTLENECK", |told| told[0]["limit"] == "recipient_rate").await;
    assert_eq!((&told[0]["where"], &told[0]["waiting"]), (&json!("sms"), &json!(1)), "{told}");
    let why = ask(address, &format!("WHY {id}")).await;
    assert_eq!(
        (&why["reason"], &why["limit"], &why["channel"]),
        (&json!("limit"), &json!("recipient_rate"), &json!("sms"))
    );
    let told =
        until(address, "INFO service", |told| told.as_str().is_some_and(|text| text.contains("urgent_handed:1"))).await;
    let told = told.as_str().unwrap();
    assert!(told.contains("urgent_within_ms:1000\r\n"), "{told}");
    for stage in ["until_handed", "accept", "wait", "send", "receipt"] {
        assert!(told.contains(&format!("\nurgent_{stage}:count=")), "{stage} is not in {told}");
    }
}

#[actix_rt::test]
async fn nothing_binds_where_nothing_waits_and_a_paused_channel_is_said() {
    let (address, _world) = serve(settings()).await;
    assert_eq!(ask(address, "BOTTLENECK").await, json!([]));
    let (address, core, _folder) = over(Told::new(Channel::SMS, taken), delivery::Settings::default()).await;
    assert_eq!(ask(address, "CHANNEL sms PAUSE").await, "OK");
    let world = World::new(Vec::new(), delivery::Settings::default(), Budget::default());
    submit(&core, world.envelope("sms-only", 1)).await;
    let told = until(address, "BOTTLENECK", |told| told.as_array().is_some_and(|rows| !rows.is_empty())).await;
    assert_eq!((&told[0]["limit"], &told[0]["waiting"]), (&json!("paused"), &json!(1)), "{told}");
}

#[actix_rt::test]
async fn a_full_entrance_is_said() {
    let world = World::new(vec![Told::new(Channel::SMS, taken)], delivery::Settings::default(), Budget::default());
    let address = listen(&world.broker, settings()).await;
    world.broker.close_entrance();
    assert!(world.broker.submit(world.envelope("sms-only", 1), None).await.is_err());
    let told = ask(address, "BOTTLENECK").await;
    assert_eq!((&told[0]["where"], &told[0]["limit"]), (&json!("submissions"), &json!("admission")), "{told}");
}
