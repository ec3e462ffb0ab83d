//! Send windows: what is closed waits, says so, and goes once when it opens.
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use estafette::app::{Blueprint, Core};
use estafette::store;
use estafette_actors::delivery;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::status::WaitReason;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{Clock, Letter, Transport};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::{Face, problem};
use crate::support::{Told, taken};

/// A Friday evening, ten seconds before eight in Brussels.
const EVENING: &str = "2026-11-27T18:59:50Z";
/// Monday morning at eight.
const MORNING: &str = "2026-11-30T07:00:00.000Z";

/// A clock that stands where it is put.
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

impl Hand {
    fn set(&self, text: &str) {
        self.0.store(Timestamp::parse(text).unwrap().millis(), Ordering::SeqCst);
    }
}

struct Desk {
    face: Face,
    core: Core,
    clock: Arc<Hand>,
    sms: Arc<Told>,
    _folder: TempDir,
}

impl Desk {
    fn over(sms: Arc<Told>) -> Self {
        let (folder, clock) = (TempDir::new().unwrap(), Arc::new(Hand(AtomicU64::new(0))));
        clock.set(EVENING);
        let transports: Vec<Arc<dyn Transport>> = vec![sms.clone()];
        let mut blueprint = Blueprint::new(store::Settings::new(folder.path()), transports.clone());
        let narrow = delivery::Settings { window: 4, page: 16, ..delivery::Settings::default() };
        blueprint.deliveries.insert(Channel::SMS, narrow);
        blueprint.clock = clock.clone();
        let core = Core::start(blueprint).unwrap();
        Self { face: Face::over(core.broker.clone(), transports), core, clock, sms, _folder: folder }
    }

    /// A broadcast to so many in working hours, uploaded; gives where it is.
    async fn filled(&self, rows: usize, more: &Value) -> String {
        let mut body = json!({"strategy": "sms-only", "content": {"text": {"fr": "Bonjour"}},
            "valid_until": "2026-12-02T12:00:00Z",
            "window": {"hours": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "until": "20:00"}]}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let created = self.face.ask(Method::POST, "/v1/broadcasts").json(&body).send().await.unwrap();
        assert_eq!(created.status(), 201, "{}", created.text().await.unwrap());
        let path = created.headers()["location"].to_str().unwrap().to_owned();
        let rows: Vec<String> = (0..rows).map(|row| format!("k{row},0470{:06}\n", row + 1)).collect();
        let put = self.face.ask(Method::PUT, &format!("{path}/recipients")).header("content-type", "text/csv");
        assert_eq!(put.body(format!("key,mobile\n{}", rows.concat())).send().await.unwrap().status(), 200);
        path
    }

    async fn start(&self, path: &str) -> Value {
        self.face.ask(Method::POST, &format!("{path}/start")).send().await.unwrap().json().await.unwrap()
    }

    fn sent(&self) -> usize {
        self.sms.ledger.lock().unwrap().len()
    }

    async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..4_000 {
            last = self.face.get(path).await;
            if wanted(&last) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{path} never got there: {last}");
    }

    async fn report(&self, path: &str) -> Vec<Value> {
        let report = self.face.ask(Method::GET, &format!("{path}/report")).send().await.unwrap().text().await.unwrap();
        report.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn each_once(&self, rows: usize) {
        let sent: Vec<_> = self.sms.ledger.lock().unwrap().iter().map(|(attempt, _)| *attempt).collect();
        let messages: HashSet<_> = sent.iter().map(|attempt| attempt.message).collect();
        assert_eq!((sent.len(), messages.len()), (rows, rows));
        assert!(sent.iter().all(|attempt| attempt.retry == 0), "waiting used up a retry");
    }
}

/// Long enough for anything that would go wrongly to go.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(400)).await;
}

#[actix_rt::test]
async fn a_broadcast_that_is_started_after_hours_waits_says_until_when_and_goes_once_in_the_morning() {
    let desk = Desk::over(Told::new(Channel::SMS, taken));
    let path = desk.filled(60, &json!({})).await;
    desk.clock.set("2026-11-27T19:30:00Z");
    let started = desk.start(&path).await;
    assert_eq!(started["broadcast"]["opens_at"], MORNING, "{started}");
    a_moment().await;
    assert_eq!(desk.sent(), 0);
    let report = desk.report(&path).await;
    assert!(report.iter().all(|row| row["reason"] == "window_closed"), "{}", report[0]);
    let id = report[7]["id"].as_str().unwrap().to_owned();
    let message = desk.face.get(&format!("/v1/messages/{id}")).await;
    assert_eq!((&message["status"], &message["reason"]), (&json!("waiting"), &json!("window_closed")));
    let loaded = desk.core.broker.archive().load(vec![id.parse().unwrap()]).await.unwrap().remove(0).unwrap();
    let why = desk.core.broker.why(&loaded).unwrap();
    assert_eq!((why.reason, why.until), (WaitReason::WindowClosed, Some(Timestamp::parse(MORNING).unwrap())));
    let told = desk.face.get(&path).await;
    let window = json!({"time_zone": "Europe/Brussels",
        "hours": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "until": "20:00"}]});
    assert_eq!((&told["window"], &told["opens_at"], &told["expected_end"]), (&window, &json!(MORNING), &Value::Null));

    // Paused in the night, and resumed: it is the window then.
    assert_eq!(desk.face.ask(Method::POST, &format!("{path}/pause")).send().await.unwrap().status(), 200);
    assert_eq!(desk.core.broker.why(&loaded).unwrap().reason, WaitReason::Paused);
    assert_eq!(desk.face.ask(Method::POST, &format!("{path}/resume")).send().await.unwrap().status(), 200);
    desk.clock.set("2026-11-30T06:59:59.999Z");
    a_moment().await;
    assert_eq!(desk.sent(), 0);
    desk.clock.set(MORNING);
    let done = desk.until(&path, |it| it["phase"] == "done").await;
    assert_eq!((&done["by_status"]["delivered"], &done["opens_at"]), (&json!(60), &Value::Null));
    desk.each_once(60);
    desk.core.stop().await;
}

#[actix_rt::test]
async fn what_is_left_when_the_window_closes_goes_on_when_it_opens_again() {
    let desk = Desk::over(Told::new(Channel::SMS, |letter| (Duration::from_millis(5), taken(letter).1)));
    let path = desk.filled(300, &json!({})).await;
    desk.start(&path).await;
    desk.until(&path, |_| desk.sent() >= 20).await;
    desk.clock.set("2026-11-27T19:00:00Z");
    // What was begun ends; nothing is begun any more.
    a_moment().await;
    let before = desk.sent();
    assert!(before < 300, "it was over before the window closed");
    a_moment().await;
    assert_eq!(desk.sent(), before);
    let closed = desk.face.get(&path).await;
    // Of the moment before: what is left would go in the morning.
    assert!(closed["per_second"].as_f64().unwrap() > 0.0, "{closed}");
    assert!(closed["expected_end"].as_str().unwrap() >= MORNING, "{closed}");
    // The clock was wrong by an hour: it is set back, and the window is open.
    desk.clock.set("2026-11-27T18:00:00Z");
    desk.until(&path, |_| desk.sent() >= before + 20).await;
    desk.clock.set("2026-11-27T19:00:00Z");
    a_moment().await;
    desk.clock.set(MORNING);
    desk.until(&path, |it| it["phase"] == "done").await;
    desk.each_once(300);
    desk.core.stop().await;
}

#[actix_rt::test]
async fn nothing_is_sent_after_the_validity_though_the_window_opens_then() {
    let desk = Desk::over(Told::new(Channel::SMS, |letter: &Letter| (Duration::from_millis(5), taken(letter).1)));
    let valid = json!({"valid_until": "2026-11-27T22:00:00Z"});
    let path = desk.filled(300, &valid).await;
    let late = desk.filled(1, &valid).await;
    desk.start(&path).await;
    desk.until(&path, |_| desk.sent() >= 20).await;
    desk.clock.set("2026-11-27T19:00:00Z");
    let refused = desk.face.ask(Method::POST, &format!("{late}/start")).send().await.unwrap();
    assert_eq!(problem(refused).await, (409, "conflict".to_owned()), "it opens on Monday, and is valid until ten");
    desk.clock.set(MORNING);
    let done = desk.until(&path, |it| it["phase"] == "done").await;
    let (sent, expired) = (desk.sent(), done["by_status"]["expired"].as_u64().unwrap());
    assert_eq!(sent as u64 + expired, 300, "{done}");
    assert!(expired > 0);
    desk.core.stop().await;
}

#[actix_rt::test]
async fn what_is_urgent_is_sent_at_any_hour_and_is_in_no_ones_way() {
    let desk = Desk::over(Told::new(Channel::SMS, taken));
    let (bulk, urgent) = (desk.filled(40, &json!({})).await, desk.filled(40, &json!({"priority": "urgent"})).await);
    desk.clock.set("2026-11-28T02:00:00Z");
    desk.start(&bulk).await;
    desk.start(&urgent).await;
    let done = desk.until(&urgent, |it| it["phase"] == "done").await;
    assert_eq!((&done["by_status"]["delivered"], &done["opens_at"]), (&json!(40), &Value::Null));
    assert_eq!(desk.face.get(&bulk).await["by_status"]["waiting"], 40);
    desk.core.stop().await;
}

#[actix_rt::test]
async fn a_window_that_never_opens_in_time_is_refused_with_its_place() {
    let desk = Desk::over(Told::new(Channel::SMS, taken));
    let body = |window: Value| {
        json!({"strategy": "sms-only", "content": {"text": {"fr": "Bonjour"}}, "window": window,
            "valid_until": "2026-11-29T12:00:00Z"})
    };
    let hours = |days: Value, from: &str, until: &str| json!({"hours": [{"days": days, "from": from, "until": until}]});
    for (window, place) in [
        (hours(json!(["mon"]), "08:00", "20:00"), "/window"),
        (hours(json!([]), "08:00", "20:00"), "/window/hours/0"),
        (hours(json!(["sat"]), "08:00", "08:00"), "/window/hours/0"),
        (json!({"hours": []}), "/window/hours"),
        (json!({"hours": [{"from": "08:00", "until": "20:00"}], "time_zone": "Europe/Waterloo"}), "/window/time_zone"),
    ] {
        let refused = desk.face.ask(Method::POST, "/v1/broadcasts").json(&body(window.clone())).send().await.unwrap();
        assert_eq!(refused.status(), 422, "{window}");
        let refused: Value = refused.json().await.unwrap();
        assert_eq!(refused["errors"][0]["pointer"], place, "{refused}");
    }
    let sunday = body(hours(json!(["sun"]), "00:00", "24:00"));
    let taken = desk.face.ask(Method::POST, "/v1/broadcasts").json(&sunday).send().await.unwrap();
    assert_eq!(taken.status(), 201);
    desk.core.stop().await;
}
