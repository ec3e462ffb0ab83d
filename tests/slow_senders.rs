//! Senders that are too slow are told so, over real sockets, and hold nothing up.
#![allow(clippy::unwrap_used)] // a failed step fails the test
mod api;
#[path = "../actors/tests/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::Duration;

use api::{Face, KEY};
use estafette::api::{Settings, Source};
use estafette::app::{Blueprint, Core};
use estafette::store;
use estafette_actors::domain::channel::Channel;
use estafette_actors::ports::Transport;
use reqwest::{Method, StatusCode};
use serde_json::json;
use support::{Told, taken};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than any answer takes; a test that meets it has failed.
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

/// A face whose patience is short, for heads and for bodies.
fn impatient() -> (Face, Core, TempDir) {
    let folder = TempDir::new().unwrap();
    let transports: Vec<Arc<dyn Transport>> = vec![Told::new(Channel::SMS, taken)];
    let core = Core::start(Blueprint::new(store::Settings::new(folder.path()), transports.clone())).unwrap();
    let events = Source { feed: core.feed(), cursors: core.cursors.clone() };
    let settings = Settings { body_timeout: SHORT, head_timeout: SHORT, ..Settings::default() };
    (Face::with(core.broker.clone(), transports, events, settings), core, folder)
}

/// Sends a beginning and no more, and gives what comes until the other side ends it.
async fn begin(face: &Face, beginning: &str) -> String {
    let mut stream = TcpStream::connect(face.base.strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(beginning.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(LONG, stream.read_to_end(&mut answer)).await.expect("a slow sender is let go").unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn head(method: &str, path: &str, kind: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Type: {kind}\r\n\
         Content-Length: 100\r\nConnection: close\r\n\r\n"
    )
}

/// Whether the others are served.
async fn is_served(face: &Face) -> bool {
    face.ask(Method::GET, "/v1/strategies").send().await.unwrap().status() == StatusCode::OK
}

#[actix_rt::test]
async fn a_body_that_stops_half_way_is_told_that_it_is_too_slow() {
    let (face, core, _folder) = impatient();
    let half = format!("{}{{\"recipient\":", head("POST", "/v1/messages", "application/json"));
    let (answer, served) = tokio::join!(begin(&face, &half), is_served(&face));
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("urn:estafette:problem:too-slow"), "{answer}");
    assert!(answer.contains("application/problem+json") && served, "{answer}");
    core.stop().await;
}

#[actix_rt::test]
async fn an_upload_that_pauses_is_told_that_it_is_too_slow_and_may_begin_again() {
    let (face, core, _folder) = impatient();
    let body = json!({ "strategy": "sms-only", "content": { "text": { "fr": "Bonjour" } } });
    let created = face.ask(Method::POST, "/v1/broadcasts").json(&body).send().await.unwrap();
    let path = format!("{}/recipients", created.headers()["location"].to_str().unwrap());
    let answer = begin(&face, &format!("{}mobile\n0470123451\n", head("PUT", &path, "text/csv"))).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("urn:estafette:problem:too-slow"), "{answer}");
    let whole = face.ask(Method::PUT, &path).header("content-type", "text/csv").body("mobile\n0470123451\n");
    assert_eq!(whole.send().await.unwrap().status(), StatusCode::OK, "its mark is gone");
    core.stop().await;
}

#[actix_rt::test]
async fn a_head_that_does_not_end_is_cut_off() {
    let (face, core, _folder) = impatient();
    let (answer, served) = tokio::join!(begin(&face, "GET /v1/strategies HTTP/1.1\r\nHost: x\r\n"), is_served(&face));
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(served);
    core.stop().await;
}
