//! Panics planted in each actor, over the real store and real sockets: HTTP in, GovApp and SMPP out, a webhook called.
#![allow(clippy::unwrap_used)] // a failed step fails the test
mod api;
#[path = "webhooks/receiver.rs"]
mod receiver;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use api::{Face, problem};
use estafette::api::{Settings, Source};
use estafette::app::{Blueprint, Core};
use estafette::channels::{Table, govapp, sms};
use estafette::{announce, store};
use estafette_actors::delivery;
use estafette_actors::domain::channel::Channel;
use estafette_actors::messages::Panic;
use estafette_actors::nursery::{Budget, Condition};
use estafette_actors::ports::Transport;
use estafette_loadtest::simulators::SmscSettings;
use estafette_loadtest::{Simulators, ledger, simulators};
use futures_util::{StreamExt, stream};
use receiver::{Reaction, Receiver};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Messages under which the actors panic, and how many of them lie between two panics.
const MESSAGES: usize = 400;
const BETWEEN: usize = 40;
/// Submissions at once.
const AT_ONCE: usize = 16;
/// How long anything may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct World {
    simulators: Simulators,
    core: Core,
    face: Face,
    _folder: TempDir,
}

async fn world(budget: Budget) -> World {
    let smsc = SmscSettings { address: Some(([127, 0, 0, 1], 0).into()), ..SmscSettings::default() };
    let settings =
        simulators::Settings { address: ([127, 0, 0, 1], 0).into(), smsc, ..simulators::Settings::default() };
    let simulators = Simulators::start(settings).await.unwrap();
    let gateway = json!({
        "provider": "smpp", "address": simulators.smsc_address().unwrap().to_string(), "system_id": "estafette",
        "password": "sandbox", "reference_tlv": 0x1501,
    });
    let platform = json!({
        "base_url": format!("http://{}/govapp", simulators.address()), "token": "sandbox-govapp-token",
        "callback_secret": "secret",
    });
    let transports: Vec<Arc<dyn Transport>> =
        vec![sms::build(&Table::of(gateway)).unwrap(), govapp::build(&Table::of(platform)).unwrap()];
    let folder = TempDir::new().unwrap();
    let mut blueprint = Blueprint::new(store::Settings::new(folder.path()), transports.clone());
    blueprint.budget = budget;
    let delivery = delivery::Settings { confirm_within: Duration::from_millis(200), ..delivery::Settings::default() };
    blueprint.deliveries = [Channel::SMS, Channel::GOVAPP].map(|channel| (channel, delivery)).into();
    blueprint.announce.reach = announce::Reach { listed: vec!["127.0.0.1/32".parse().unwrap()].into() };
    let core = Core::start(blueprint).unwrap();
    let events = Source { feed: core.feed(), cursors: core.cursors.clone() };
    let face = Face::with(core.broker.clone(), transports, events, Settings::default());
    simulators.set_govapp_callback(Some(&format!("{}/v1/callbacks/govapp", face.base)), "secret").unwrap();
    World { simulators, core, face, _folder: folder }
}

impl World {
    /// Submits until it is accepted, as a sender does.
    async fn submit(&self, number: usize) -> String {
        let strategy = ["sms-only", "govapp-first"][number % 2];
        let body = json!({
            "recipient": {"mobile": format!("+32470{number:06}")}, "strategy": strategy,
            "content": {"title": {"fr": "Essai"}, "text": {"fr": "Bonjour"}},
        });
        let key = format!("key-{number}");
        let accepted = async {
            loop {
                let headers = [("prefer", "respond-async"), ("idempotency-key", key.as_str())];
                let answer = self.face.submit(&headers, &body).await;
                match answer.status().as_u16() {
                    200 | 202 => return answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned(),
                    409 | 503 => tokio::time::sleep(Duration::from_millis(5)).await,
                    _ => panic!("{}", answer.text().await.unwrap()),
                }
            }
        };
        tokio::time::timeout(PATIENCE, accepted).await.expect("it is accepted")
    }

    /// Its answer, once it is settled.
    async fn settled(&self, id: &str) -> Value {
        let settled = async {
            loop {
                let view = self.face.get(&format!("/v1/messages/{id}")).await;
                if view["status"] != "waiting" {
                    return view;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, settled).await.unwrap_or_else(|_| panic!("{id} is not settled in time"))
    }

    /// Waits for its receipt.
    async fn raised(&self, id: &str) {
        let raised = async {
            loop {
                let view = self.face.get(&format!("/v1/messages/{id}")).await;
                if ["delivered", "read", "acted"].iter().any(|status| view["status"] == *status) {
                    return;
                }
                assert_eq!(view["status"], "sent", "{view}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, raised).await.unwrap_or_else(|_| panic!("the receipt of {id} was lost"));
    }

    /// Every event of the feed.
    async fn feed(&self) -> BTreeMap<String, Value> {
        let (mut all, mut after) = (BTreeMap::new(), "oldest".to_owned());
        loop {
            let page = self.face.get(&format!("/v1/events?limit=1000&after={after}")).await;
            let events = page["events"].as_array().unwrap();
            all.extend(events.iter().map(|event| (event["id"].as_str().unwrap().to_owned(), event.clone())));
            if page["has_more"] == false {
                return all;
            }
            page["next"].as_str().unwrap().clone_into(&mut after);
        }
    }
}

#[actix_rt::test]
async fn a_panic_planted_in_each_actor_under_load_loses_no_message_no_receipt_and_no_call() {
    let budget = Budget { restarts: 1_000, first_pause: Duration::from_millis(1), ..Budget::default() };
    let world = world(budget).await;
    let receiver = Receiver::start(|_| Reaction::Status(204));
    let body = json!({"url": receiver.url});
    let made = world.face.ask(Method::PUT, "/v1/webhooks/main").json(&body).send().await.unwrap();
    assert!(made.status().is_success());
    let submitted = stream::iter(0..MESSAGES).map(|number| {
        if number % BETWEEN == BETWEEN / 2 {
            // One that is being replaced already is spared.
            let _ = world.core.broker.plant(Panic);
        }
        world.submit(number)
    });
    let ids: Vec<String> = submitted.buffered(AT_ONCE).collect().await;
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), MESSAGES);
    for id in &ids {
        world.settled(id).await;
        // Over GovApp it is settled once it is sent, and its receipt raises it.
        world.raised(id).await;
    }
    // What both channels took: each reference once, unless the attempt says that it may be twice.
    for channel in [ledger::Channel::Smsc, ledger::Channel::Govapp] {
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for entry in world.simulators.ledger(channel, None, 0, 10 * MESSAGES).entries {
            *times.entry(entry.reference).or_default() += 1;
        }
        for (reference, times) in times {
            let [id, step, retry] = reference.splitn(3, '.').collect::<Vec<_>>()[..] else { panic!("{reference}") };
            assert!(ids.iter().any(|known| known == id), "{reference} was not submitted");
            let view = world.settled(id).await;
            let (step, retry): (u64, u64) = (step.parse().unwrap(), retry.parse().unwrap());
            let is_it = |one: &&Value| one["step"] == step && one["retry"] == retry;
            let attempt = view["attempts"].as_array().unwrap().iter().find(is_it).expect("an attempt that was begun");
            assert!(times == 1 || attempt["possible_duplicate"] == true, "{times} times {reference}: {view}");
        }
    }
    let told = async {
        loop {
            let heard = receiver.delivered();
            let fed = world.feed().await;
            let mut left: BTreeSet<&str> = fed.keys().map(String::as_str).collect();
            for event in &heard {
                let id = event["id"].as_str().unwrap();
                assert_eq!(fed.get(id), Some(event), "the endpoint was told something else than the feed has");
                left.remove(id);
            }
            if left.is_empty() {
                return fed;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let fed = tokio::time::timeout(PATIENCE, told).await.expect("every event is called out");
    for id in &ids {
        let is_its_end = |event: &&Value| event["data"]["message"] == **id && event["type"] == "message.settled";
        assert_eq!(fed.values().filter(is_its_end).count(), 1, "{id}");
    }
    let vitals = world.core.broker.vitals();
    assert_eq!(vitals.len(), 5, "{vitals:?}");
    assert!(vitals.iter().all(|vitals| vitals.panics >= 5 && vitals.condition == Condition::Running), "{vitals:?}");
    world.core.stop().await;
}

#[actix_rt::test]
async fn each_actor_that_keeps_failing_is_reported_as_down_and_nothing_more_is_promised() {
    let budget = Budget { restarts: 2, first_pause: Duration::from_millis(1), ..Budget::default() };
    let world = world(budget).await;
    let before = world.submit(1).await;
    let down = async {
        while !world.core.broker.vitals().iter().all(|vitals| vitals.condition == Condition::Down) {
            let _ = world.core.broker.plant(Panic);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, down).await.expect("each is given up in the end");
    for vitals in world.core.broker.vitals() {
        assert_eq!((vitals.panics, vitals.generation), (3, 3), "{vitals:?}");
        assert!(vitals.last_panic.is_some_and(|said| said.starts_with("planted")), "{}", vitals.name);
    }
    let refused = world.face.submit(&[("prefer", "respond-async")], &api::message()).await;
    assert_eq!(problem(refused).await, (503, "restarting".to_owned()));
    let kept = world.face.get(&format!("/v1/messages/{before}")).await;
    assert_eq!(kept["id"], *before, "what was accepted is still answered for");
    world.core.stop().await;
}
