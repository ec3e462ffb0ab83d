//! The feed over real sockets and the real store: no gap, no repetition, nothing of another's, and
//! readers that don't read cost nothing.
#![allow(clippy::unwrap_used)] // a failed step fails the test
mod api;
#[path = "../actors/tests/support/mod.rs"]
mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::{Face, KEY, OTHERS, message, problem};
use estafette::api::{Settings, Source};
use estafette::app::{Blueprint, Core};
use estafette::store;
use estafette_actors::domain::channel::Channel;
use estafette_actors::ports::Transport;
use reqwest::Method;
use serde_json::{Value, json};
use support::{Told, taken};
use tempfile::TempDir;

struct World {
    face: Face,
    core: Core,
    folder: TempDir,
}

fn world(settings: Settings, store: impl FnOnce(&mut store::Settings)) -> World {
    let folder = TempDir::new().unwrap();
    over(folder, settings, store)
}

fn over(folder: TempDir, settings: Settings, change: impl FnOnce(&mut store::Settings)) -> World {
    let transports: Vec<Arc<dyn Transport>> = vec![Told::new(Channel::SMS, taken)];
    let mut store = store::Settings::new(folder.path());
    change(&mut store);
    let core = Core::start(Blueprint::new(store, transports.clone())).unwrap();
    let events = Source { feed: core.feed(), cursors: core.cursors.clone() };
    World { face: Face::with(core.broker.clone(), transports, events, settings), core, folder }
}

impl World {
    async fn send(&self, key: &str, reference: &str) -> String {
        let mut body = message();
        body["sender_reference"] = json!(reference);
        loop {
            let answer = self.face.ask_as(key, Method::POST, "/v1/messages").json(&body).send().await.unwrap();
            // An actor may still be on its way.
            if answer.status() == 503 {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            }
            return answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
        }
    }

    async fn page(&self, key: &str, query: &str) -> Value {
        let answer = self.face.ask_as(key, Method::GET, &format!("/v1/events?{query}")).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{query}");
        answer.json().await.unwrap()
    }

    /// Every event after a cursor, page by page.
    async fn all(&self, key: &str, query: &str, limit: usize) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), "oldest".to_owned());
        loop {
            let page = self.page(key, &format!("{query}&limit={limit}&after={after}")).await;
            let events = page["events"].as_array().unwrap();
            assert!(events.len() <= limit);
            all.extend(events.iter().cloned());
            page["next"].as_str().unwrap().clone_into(&mut after);
            if !page["has_more"].as_bool().unwrap() {
                return all;
            }
        }
    }
}

fn ids(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["id"].as_str().unwrap()).collect()
}

fn kinds_of<'e>(events: &'e [Value], message: &str) -> Vec<&'e str> {
    let of = events.iter().filter(|event| event["data"]["message"] == message);
    of.map(|event| event["type"].as_str().unwrap()).collect()
}

#[actix_rt::test]
async fn pages_of_any_length_leave_nothing_out_and_repeat_nothing_also_after_a_restart() {
    let world = world(Settings::default(), |_| {});
    let mut sent = Vec::new();
    for number in 0..12 {
        sent.push(world.send(KEY, &format!("r{number}")).await);
    }
    let whole = world.all(KEY, "", 1_000).await;
    for id in &sent {
        let expected = ["message.accepted", "attempt.started", "attempt.delivered", "message.settled"];
        assert_eq!(kinds_of(&whole, id), expected);
    }
    assert!(whole.iter().all(|event| event["data"]["sender_reference"].is_string()));
    for limit in [1, 3, 7] {
        assert_eq!(world.all(KEY, "", limit).await, whole, "limit {limit}");
    }
    // Going on from the id of any event gives what follows it.
    let middle = whole[17]["id"].as_str().unwrap();
    let rest = world.page(KEY, &format!("limit=1000&after={middle}")).await;
    assert_eq!(rest["events"].as_array().unwrap(), &whole[18..]);
    let end = rest["next"].as_str().unwrap().to_owned();
    // The face still holds the folder: what a new process would find is a copy.
    let World { core, folder, .. } = world;
    core.stop().await;
    let copied = TempDir::new().unwrap();
    let status = std::process::Command::new("cp").arg("-a").arg(folder.path()).arg(copied.path()).status().unwrap();
    assert!(status.success());
    let place = copied.path().join(folder.path().file_name().unwrap());
    let again = over(copied, Settings::default(), |store| store.dir = place);
    assert_eq!(again.all(KEY, "", 5).await, whole, "the same events have the same ids after a restart");
    let new = again.send(KEY, "later").await;
    let page = again.page(KEY, &format!("after={end}")).await;
    let fresh = page["events"].as_array().unwrap();
    assert_eq!(kinds_of(fresh, &new).len(), fresh.len());
    assert_eq!(fresh.len(), 4);
}

#[actix_rt::test]
async fn filters_narrow_and_another_institution_sees_its_own_only() {
    let world = world(Settings::default(), |_| {});
    let (mine, other) = (world.send(KEY, "mine").await, world.send(KEY, "other").await);
    let theirs = world.send(OTHERS, "mine").await;
    let all = world.all(KEY, "", 1_000).await;
    assert!(kinds_of(&all, &theirs).is_empty());
    assert_eq!(world.all(KEY, &format!("message={other}"), 2).await.len(), 4);
    assert_eq!(world.all(KEY, &format!("message={theirs}"), 2).await.len(), 0);
    let by_reference = world.all(KEY, "reference=mine", 3).await;
    assert_eq!(kinds_of(&by_reference, &mine).len(), by_reference.len());
    assert_eq!(by_reference.len(), 4);
    let settled = world.all(KEY, "type=message.settled", 1).await;
    assert!(settled.iter().all(|event| event["type"] == "message.settled"));
    assert_eq!(settled.len(), 2);
    assert_eq!(world.page(KEY, "after=newest").await["events"], json!([]));
    // A cursor of another's, and a forged one.
    let cursor = ids(&all)[0].to_owned();
    for (key, after) in [(OTHERS, cursor.clone()), (KEY, cursor.replace("evt_", "evt_A")), (KEY, "1".to_owned())] {
        let refused = world.face.ask_as(key, Method::GET, &format!("/v1/events?after={after}")).send().await.unwrap();
        assert_eq!(problem(refused).await, (400, "invalid-cursor".to_owned()));
    }
}

#[actix_rt::test]
async fn a_cursor_older_than_what_is_kept_is_told_so() {
    let tiny = |store: &mut store::Settings| {
        store.segment_age = Duration::from_millis(1);
        store.events_kept = Duration::from_millis(300);
    };
    let world = world(Settings::default(), tiny);
    world.send(KEY, "first").await;
    let cursor = world.page(KEY, "limit=1").await["next"].as_str().unwrap().to_owned();
    world.send(KEY, "second").await;
    let gone = async {
        loop {
            world.send(KEY, "again").await;
            let answer = world.face.ask(Method::GET, &format!("/v1/events?after={cursor}")).send().await.unwrap();
            if answer.status() != 200 {
                return problem(answer).await;
            }
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();
    assert_eq!(told, (410, "cursor-too-old".to_owned()));
    assert_eq!(world.face.get("/v1/limits").await["events_kept_s"], 30 * 24 * 3600);
}

/// A stream read by hand.
struct Stream(TcpStream);

impl Stream {
    fn open(world: &World, headers: &str) -> Self {
        let address = world.face.base.strip_prefix("http://").unwrap();
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let host = "Host: x\r\nAccept: text/event-stream";
        write!(socket, "GET /v1/events HTTP/1.1\r\n{host}\r\nAuthorization: Bearer {KEY}\r\n{headers}\r\n").unwrap();
        Self(socket)
    }

    /// Reads until a text has come so often.
    fn until(&mut self, text: &str, times: usize) -> String {
        let (mut all, mut buffer) = (String::new(), [0; 4096]);
        while all.matches(text).count() < times {
            let read = self.0.read(&mut buffer).unwrap();
            assert!(read > 0, "the stream ended after {all}");
            all.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        all
    }
}

fn ids_in(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| Some(line.trim_end().strip_prefix("id: ")?.to_owned())).collect()
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[actix_rt::test]
async fn a_stream_tells_what_happens_and_goes_on_behind_the_last_event_id() {
    let heartbeat = Settings { event_heartbeat: Duration::from_millis(200), ..Settings::default() };
    let world = world(heartbeat, |_| {});
    world.send(KEY, "before").await;
    let mut stream = Stream::open(&world, "");
    let (first, mut stream) = blocking(move || (stream.until("\nevent: ", 4), stream)).await;
    assert!(first.contains("200 OK") && first.contains("text/event-stream"));
    world.send(KEY, "while").await;
    let (second, mut stream) = blocking(move || (stream.until("\nevent: ", 4), stream)).await;
    let beat = blocking(move || stream.until(": alive", 1)).await;
    assert!(!beat.contains("event:"));
    let seen: Vec<String> = [ids_in(&first), ids_in(&second)].concat();
    let all = world.all(KEY, "", 1_000).await;
    assert_eq!(seen, ids(&all));
    let mut again = Stream::open(&world, &format!("Last-Event-ID: {}\r\n", seen[5]));
    let rest = blocking(move || again.until("\nevent: ", 2)).await;
    assert_eq!(ids_in(&rest), seen[6..]);
    let mut forged = Stream::open(&world, "Last-Event-ID: evt_forged\r\n");
    assert!(blocking(move || forged.until("invalid-cursor", 1)).await.contains("400 Bad Request"));
}

#[actix_rt::test]
async fn a_reader_that_never_reads_is_cut_off_and_gives_its_place_to_another() {
    let strict = Settings {
        event_streams_each: 1,
        event_heartbeat: Duration::from_millis(100),
        event_reader_timeout: Duration::from_secs(1),
        ..Settings::default()
    };
    let world = world(strict, |_| {});
    // The smallest window that the system gives, so that little fills it.
    let silent = Stream::open(&world, "");
    let stuck = small_window(&silent.0);
    let mut sent = 0;
    let began = Instant::now();
    let refused = loop {
        let answer = world.face.ask(Method::GET, "/v1/events").header("accept", "text/event-stream").send().await;
        let answer = answer.unwrap();
        if answer.status() == 429 {
            break answer;
        }
        assert!(began.elapsed() < Duration::from_secs(5), "one stream was allowed");
    };
    assert_eq!(problem(refused).await, (429, "too-many-streams".to_owned()));
    loop {
        for _ in 0..50 {
            world.send(KEY, &"r".repeat(90)).await;
            sent += 1;
        }
        let answer = world.face.ask(Method::GET, "/v1/events").header("accept", "text/event-stream").send().await;
        if answer.unwrap().status() == 200 {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{sent} messages and the silent reader keeps its place");
    }
    drop((silent, stuck));
}

/// Shrinks what the system buffers for a socket.
fn small_window(socket: &TcpStream) -> bool {
    rustix::net::sockopt::set_socket_recv_buffer_size(socket, 4096).is_ok()
}
