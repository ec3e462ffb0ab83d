//! Webhooks over real sockets and the real store: endpoints that hang, drip, redirect, go away and
//! come back; and a kill that loses no event.
#![allow(clippy::unwrap_used)] // a failed step fails the test
mod api;
#[path = "webhooks/receiver.rs"]
mod receiver;
#[path = "../actors/tests/support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use api::{Face, KEY, OTHERS, message, problem};
use estafette::announce;
use estafette::api::{Settings, Source};
use estafette::app::{Blueprint, Core};
use estafette::store;
use estafette_actors::domain::backoff::Backoff;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::webhook::Patience;
use estafette_actors::ports::Transport;
use receiver::{Reaction, Receiver};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Told, taken};
use tempfile::TempDir;

struct World {
    face: Face,
    core: Core,
    folder: PathBuf,
    _kept: TempDir,
}

fn patience() -> Patience {
    let first = Duration::from_millis(40);
    let backoff = Backoff { first, factor: 1.5, max: Duration::from_millis(400), jitter: 0.2, attempts: 200 };
    Patience { backoff, give_up: Duration::from_secs(3600), trouble: 5 }
}

fn world_of(kept: TempDir, folder: PathBuf, patience: Patience) -> World {
    world_in(kept, folder, |blueprint| blueprint.announcer.patience = patience)
}

fn world_with(change: impl FnOnce(&mut Blueprint)) -> World {
    let kept = TempDir::new().unwrap();
    let folder = kept.path().join("data");
    world_in(kept, folder, change)
}

fn world_in(kept: TempDir, folder: PathBuf, change: impl FnOnce(&mut Blueprint)) -> World {
    let transports: Vec<Arc<dyn Transport>> = vec![Told::new(Channel::SMS, taken)];
    let mut blueprint = Blueprint::new(store::Settings::new(&folder), transports.clone());
    blueprint.announcer.patience = patience();
    blueprint.announcer.concurrency = 8;
    let listed = vec!["127.0.0.1/32".parse().unwrap()].into();
    let (connect, whole) = (Duration::from_millis(500), Duration::from_millis(700));
    blueprint.announce = announce::Settings { connect, whole, idle: 8, reach: announce::Reach { listed } };
    change(&mut blueprint);
    let core = Core::start(blueprint).unwrap();
    let events = Source { feed: core.feed(), cursors: core.cursors.clone() };
    let face = Face::with(core.broker.clone(), transports, events, Settings::default());
    World { face, core, folder, _kept: kept }
}

fn world() -> World {
    world_with(|_| {})
}

impl World {
    async fn send(&self, times: usize) -> Vec<String> {
        let mut ids = Vec::new();
        for _ in 0..times {
            let answer = self.face.submit(&[("prefer", "respond-async")], &message()).await;
            ids.push(answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned());
        }
        ids
    }

    async fn put(&self, name: &str, url: &str, types: &[&str]) -> Value {
        let body = json!({"url": url, "types": types});
        let answer = self.face.ask(Method::PUT, &format!("/v1/webhooks/{name}")).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    async fn state(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..1_500 {
            let state = self.face.get("/v1/webhooks/main").await;
            if wanted(&state) {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it never came to that: {}", self.face.get("/v1/webhooks/main").await);
    }

    /// What a process that was killed at this instant would leave.
    fn killed(&self) -> World {
        let kept = TempDir::new().unwrap();
        copy(&self.folder, kept.path());
        let folder = kept.path().join("data");
        world_of(kept, folder, patience())
    }
}

fn copy(from: &Path, into: &Path) {
    assert!(std::process::Command::new("cp").arg("-a").arg(from).arg(into).status().unwrap().success());
}

async fn until(what: impl Fn() -> bool) {
    for _ in 0..1_500 {
        if what() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to that");
}

const SETTLED: &[&str] = &["message.settled"];

#[actix_rt::test]
async fn calls_are_signed_by_each_valid_secret_and_carry_the_event_of_the_feed() {
    let world = world();
    let receiver = Receiver::start(|_| Reaction::Status(204));
    let made = world.put("main", &receiver.url, SETTLED).await;
    let old = made["secret"].as_str().unwrap().to_owned();
    assert!(world.face.get("/v1/webhooks/main").await.get("secret").is_none(), "a secret is shown once");
    let ids = world.send(20).await;
    until(|| receiver.events().len() == 20).await;
    let settled = world.face.get("/v1/events?type=message.settled&limit=100").await;
    let fed: BTreeSet<String> = settled["events"].as_array().unwrap().iter().map(ToString::to_string).collect();
    let told: BTreeSet<String> = receiver.events().iter().map(ToString::to_string).collect();
    assert_eq!(told, fed);
    assert!(ids.iter().all(|id| receiver.events().iter().any(|event| event["data"]["message"] == id.as_str())));
    assert!(receiver.calls().iter().all(|call| call.is_signed_by(&old) && call.id() == call.event()["id"]));
    let rotated = world.face.ask(Method::POST, "/v1/webhooks/main/secret").send().await.unwrap();
    let new = rotated.json::<Value>().await.unwrap()["secret"].as_str().unwrap().to_owned();
    assert_ne!(old, new);
    let trial = world.face.ask(Method::POST, "/v1/webhooks/main/test").send().await.unwrap();
    assert_eq!(trial.json::<Value>().await.unwrap()["delivered"], true);
    let last = receiver.calls().pop().unwrap();
    assert_eq!(last.event()["type"], "webhook.test");
    assert!(last.is_signed_by(&old) && last.is_signed_by(&new) && !last.is_signed_by("whsec_AAAA"));
    // Another institution sees none of it.
    let others = world.face.ask_as(OTHERS, Method::GET, "/v1/webhooks/main").send().await.unwrap();
    assert_eq!(problem(others).await, (404, "unknown-webhook".to_owned()));
    assert_eq!(world.face.ask(Method::DELETE, "/v1/webhooks/main").send().await.unwrap().status(), 204);
    world.send(3).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(receiver.calls().len(), 21, "nothing is sent to a webhook that was removed");
}

#[actix_rt::test]
async fn an_endpoint_that_hangs_or_drips_is_left_after_bounded_time_and_tried_again() {
    let world = world();
    let receiver = Receiver::start(|call| match call {
        0 => Reaction::Hang,
        1 => Reaction::Drip,
        2 => Reaction::Status(500),
        3 => Reaction::Endless,
        _ => Reaction::Status(200),
    });
    world.put("main", &receiver.url, SETTLED).await;
    let ids = world.send(6).await;
    let state = world.state(|state| state["delivered"].as_u64() >= Some(6) && state["overdue"] == 0).await;
    assert_eq!(state["state"], "on");
    for id in ids {
        assert!(receiver.events().iter().any(|event| event["data"]["message"] == id.as_str()));
    }
}

#[actix_rt::test]
async fn a_redirect_leads_nowhere_and_private_addresses_are_refused_in_every_form() {
    let world = world();
    let inside = Receiver::start(|_| Reaction::Status(200));
    let target = inside.url.clone();
    let receiver = Receiver::start(move |_| Reaction::Redirect(target.clone()));
    world.put("main", &receiver.url, SETTLED).await;
    world.send(1).await;
    world.state(|state| state["state"] == "failing").await;
    until(|| receiver.calls().len() >= 2).await;
    assert!(inside.calls().is_empty());
    for url in ["http://10.0.0.1/", "https://192.168.1.1/", "https://[::1]/", "https://169.254.169.254/", "gopher://x/"]
    {
        let body = json!({"url": url});
        let refused = world.face.ask(Method::PUT, "/v1/webhooks/other").json(&body).send().await.unwrap();
        assert_eq!(problem(refused).await, (422, "invalid-request".to_owned()), "{url}");
    }
}

#[actix_rt::test]
async fn a_name_that_leads_to_a_private_address_is_refused_for_that_and_nothing_connects() {
    let world = world_with(|blueprint| blueprint.announce.reach.listed = Arc::default());
    let inside = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    inside.set_nonblocking(true).unwrap();
    // Its form tells nothing: what a name leads to is looked at when the connection is made.
    let url = format!("https://localhost:{}/", inside.local_addr().unwrap().port());
    world.put("main", &url, SETTLED).await;
    let trial = world.face.ask(Method::POST, "/v1/webhooks/main/test").send().await.unwrap();
    let trial = trial.json::<Value>().await.unwrap();
    assert_eq!(trial["delivered"], false);
    assert_eq!(trial["reason"], "the name leads to addresses that may not be called");
    assert_eq!(inside.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[actix_rt::test]
async fn a_range_that_is_not_kept_any_more_is_refused_and_nothing_is_told_again() {
    let world = world_with(|blueprint| {
        blueprint.store.segment_age = Duration::from_millis(1);
        blueprint.store.events_kept = Duration::from_millis(300);
    });
    let receiver = Receiver::start(|_| Reaction::Status(200));
    world.put("main", &receiver.url, SETTLED).await;
    world.send(1).await;
    let first = world.face.get("/v1/events?limit=1").await["next"].as_str().unwrap().to_owned();
    let part = json!({"after": first});
    let again = || world.face.ask(Method::POST, "/v1/webhooks/main/redeliver").json(&part).send();
    let refused = async {
        loop {
            world.send(1).await;
            let answer = again().await.unwrap();
            // Under way, or the one before still is.
            if !matches!(answer.status().as_u16(), 202 | 409) {
                return problem(answer).await;
            }
        }
    };
    let refused = tokio::time::timeout(Duration::from_secs(20), refused).await.unwrap();
    assert_eq!(refused, (410, "cursor-too-old".to_owned()));
    world.state(|state| state["redelivering"] == false).await;
    assert_eq!(problem(again().await.unwrap()).await.0, 410);
    assert_eq!(world.face.get("/v1/webhooks/main").await["redelivering"], false);
}

#[actix_rt::test]
async fn gone_switches_off_at_once_and_is_told_and_on_again_nothing_is_missing() {
    let world = world();
    let receiver = Receiver::start(|call| if call == 0 { Reaction::Status(410) } else { Reaction::Status(200) });
    world.put("main", &receiver.url, SETTLED).await;
    let first = world.send(1).await;
    let state = world.state(|state| state["state"] == "off").await;
    assert!(state["reason"].as_str().unwrap().contains("410"));
    let told = world.face.get("/v1/events?type=webhook.disabled").await;
    assert_eq!(told["events"][0]["data"]["webhook"], "main");
    assert_eq!(world.face.get("/readyz").await["webhooks_off"], 1);
    let later = world.send(3).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(receiver.calls().len(), 1);
    world.put("main", &receiver.url, SETTLED).await;
    until(|| {
        let events = receiver.events();
        first
            .iter()
            .chain(&later)
            .all(|id| events.iter().filter(|event| event["data"]["message"] == id.as_str()).count() > 0)
    })
    .await;
    world.state(|state| state["state"] == "on" && state["overdue"] == 0).await;
}

#[actix_rt::test]
async fn an_endpoint_that_stays_dead_is_switched_off_and_one_that_comes_back_gets_everything() {
    let strict = Patience { give_up: Duration::from_millis(1_500), ..patience() };
    let kept = TempDir::new().unwrap();
    let folder = kept.path().join("data");
    let world = world_of(kept, folder, strict);
    let receiver = Receiver::start(|call| if call < 12 { Reaction::Status(503) } else { Reaction::Status(200) });
    world.put("main", &receiver.url, SETTLED).await;
    let ids = world.send(40).await;
    until(|| receiver.delivered().len() >= 40).await;
    assert!(ids.iter().all(|id| receiver.delivered().iter().any(|event| event["data"]["message"] == id.as_str())));
    world.state(|state| state["state"] == "on" && state["overdue"] == 0).await;
    // Nobody listens there any more.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    world.put("main", &format!("http://{gone}/"), SETTLED).await;
    world.send(2).await;
    let off = world.state(|state| state["state"] == "off").await;
    assert!(off["reason"].as_str().unwrap().contains("too long"), "{off}");
}

#[actix_rt::test]
async fn a_kill_loses_no_event_and_repetitions_keep_their_id() {
    let world = world();
    let receiver = Receiver::start(|call| if call % 3 == 0 { Reaction::Status(500) } else { Reaction::Status(200) });
    world.put("main", &receiver.url, SETTLED).await;
    let mut ids = world.send(60).await;
    until(|| receiver.calls().len() > 20).await;
    // In the middle of it, and not at an instant when all is written.
    let again = world.killed();
    world.core.stop().await;
    ids.truncate(60);
    ids.extend(again.send(5).await);
    until(|| ids.iter().all(|id| receiver.delivered().iter().any(|event| event["data"]["message"] == id.as_str())))
        .await;
    let mut by_message = std::collections::BTreeMap::<String, BTreeSet<String>>::new();
    for call in receiver.calls() {
        let event = call.event();
        let message = event["data"]["message"].as_str().unwrap().to_owned();
        by_message.entry(message).or_default().insert(call.id());
    }
    for id in &ids {
        assert_eq!(by_message[id].len(), 1, "one event, one webhook-id");
    }
}

#[actix_rt::test]
async fn a_part_of_the_feed_is_told_once_more_under_the_same_ids() {
    let world = world();
    let receiver = Receiver::start(|_| Reaction::Status(200));
    world.put("main", &receiver.url, SETTLED).await;
    world.send(10).await;
    until(|| receiver.calls().len() == 10).await;
    let all = world.face.get("/v1/events?type=message.settled").await;
    let id = |at: usize| all["events"][at]["id"].as_str().unwrap().to_owned();
    let part = json!({"after": id(2), "until": id(6)});
    let begun = world.face.ask(Method::POST, "/v1/webhooks/main/redeliver").json(&part).send().await.unwrap();
    assert_eq!(begun.status(), 202);
    world.state(|state| state["redelivering"] == false).await;
    until(|| receiver.calls().len() >= 14).await;
    let again: BTreeSet<String> = receiver.calls()[10..].iter().map(receiver::Call::id).collect();
    assert_eq!(again, (3..=6).map(id).collect());
    assert_eq!(receiver.calls().len(), 14);
    let wrong = json!({"after": "evt_x"});
    let refused = world.face.ask(Method::POST, "/v1/webhooks/main/redeliver").json(&wrong).send().await.unwrap();
    assert_eq!(problem(refused).await, (400, "invalid-cursor".to_owned()));
    for number in 0..4 {
        world.put(&format!("more-{number}"), &receiver.url, SETTLED).await;
    }
    let body = json!({"url": receiver.url});
    let full = world.face.ask_as(KEY, Method::PUT, "/v1/webhooks/sixth").json(&body).send().await.unwrap();
    assert_eq!(problem(full).await, (409, "too-many-webhooks".to_owned()));
}
