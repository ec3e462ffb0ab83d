//! Uploads that go wrong, and several at once.
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use estafette::app::{Blueprint, Core};
use estafette::store;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::receipt::Receipt;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{CallbackError, CallbackRequest, Inquiry, Letter, Received, Transport};
use futures_util::future::BoxFuture;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::{Face, KEY, problem};
use crate::program::{Program, csv};
use crate::support::{Told, taken};

/// Characters that an SMS may have here.
const LONGEST: usize = 40;

/// A channel that takes short texts.
struct Short(Arc<Told>);

impl Transport for Short {
    fn channel(&self) -> Channel {
        self.0.channel()
    }

    fn provider(&self) -> &'static str {
        "short"
    }

    fn send(&self, letter: Letter) -> BoxFuture<'static, Outcome> {
        self.0.send(letter)
    }

    fn inquire(&self, letter: Letter) -> BoxFuture<'static, Inquiry> {
        self.0.inquire(letter)
    }

    fn can_tell(&self) -> &'static str {
        "nothing"
    }

    fn longest_text(&self) -> Option<usize> {
        Some(LONGEST)
    }

    fn receipts(&self, _: &CallbackRequest) -> Result<Received, CallbackError> {
        Err(CallbackError::None)
    }

    fn poll(&self, _: Timestamp) -> Option<BoxFuture<'static, Result<Vec<Receipt>, String>>> {
        None
    }
}

struct Desk {
    face: Face,
    core: Core,
    sms: Arc<Told>,
    _folder: TempDir,
}

impl Desk {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let sms = Told::new(Channel::SMS, taken);
        let transports: Vec<Arc<dyn Transport>> = vec![Arc::new(Short(Arc::clone(&sms)))];
        let core = Core::start(Blueprint::new(store::Settings::new(folder.path()), transports.clone())).unwrap();
        Self { face: Face::over(core.broker.clone(), transports), core, sms, _folder: folder }
    }

    async fn created(&self) -> String {
        let body = json!({"strategy": "sms-only", "content": {"text": {"fr": "Bonjour {{n}}"}}});
        let created = self.face.ask(Method::POST, "/v1/broadcasts").json(&body).send().await.unwrap();
        created.headers()["location"].to_str().unwrap().to_owned()
    }

    async fn put(&self, path: &str, rows: impl Into<reqwest::Body>) -> Response {
        let put = self.face.ask(Method::PUT, &format!("{path}/recipients")).header("content-type", "text/csv");
        put.body(rows).send().await.unwrap()
    }

    async fn post(&self, path: &str) -> Response {
        self.face.ask(Method::POST, path).send().await.unwrap()
    }

    async fn done(&self, path: &str) -> Value {
        let mut last = Value::Null;
        for _ in 0..6_000 {
            last = self.face.get(path).await;
            if last["phase"] == "done" {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{path} was never done: {last}");
    }
}

/// Rows of an upload that is not over before it is told to be.
struct Slow {
    _rows: tokio::sync::mpsc::UnboundedSender<String>,
}

impl Slow {
    /// More rows, each so long, than connections hold: when they were taken, the broker is reading them.
    const ROWS: usize = 300;
    const PADDING: usize = 60_000;

    /// Begins to send, and waits until the broker reads; gives what the upload is answered in the end.
    async fn begin(
        desk: &Desk,
        path: &str,
        first: usize,
    ) -> (Self, tokio::task::JoinHandle<reqwest::Result<Response>>) {
        let (rows, pieces) = tokio::sync::mpsc::unbounded_channel::<String>();
        let taken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&taken);
        let stream = futures_util::stream::unfold((pieces, count), |(mut pieces, count)| async {
            let piece = pieces.recv().await?;
            count.fetch_add(1, Ordering::SeqCst);
            Some((Ok::<_, std::io::Error>(piece), (pieces, count)))
        });
        let put = desk.face.ask(Method::PUT, &format!("{path}/recipients"));
        let put = put.header("content-type", "application/x-ndjson").body(reqwest::Body::wrap_stream(stream));
        let answer = tokio::spawn(put.send());
        for row in first..first + Self::ROWS {
            let mobile = format!("+32470{row:06}");
            let line = json!({"key": format!("k{row}"), "recipient": {"mobile": mobile}, "variables": {"n": "1"}});
            rows.send(format!("{line}{}\n", " ".repeat(Self::PADDING))).unwrap();
        }
        while taken.load(Ordering::SeqCst) < Self::ROWS {
            assert!(!answer.is_finished(), "it was refused: {:?}", answer.await);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        (Self { _rows: rows }, answer)
    }
}

#[actix_rt::test]
async fn a_long_file_with_a_broken_row_near_its_end_stores_nothing_and_names_the_line() {
    let rows = std::env::var("ESTAFETTE_UPLOAD_ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(30_000_usize);
    let desk = Desk::start();
    let path = desk.created().await;
    let good = csv(0..rows);
    let broken = good.replace(&format!("k{0},+32470{0:06},", rows - 3), &format!("k{0},+32,", rows - 3));
    let refused = desk.put(&path, broken.clone()).await;
    assert_eq!(refused.status(), 422);
    let refused: Value = refused.json().await.unwrap();
    let told = &refused["rows"];
    assert_eq!((&told["accepted"], &told["refused"]), (&json!(0), &json!(1)));
    // The header is line 1.
    assert_eq!((&told["errors"][0]["line"], &told["errors"][0]["column"]), (&json!(rows - 1), &json!("mobile")));
    assert_eq!(desk.face.get(&path).await["rows"], 0);
    let kept = desk.face.ask(Method::PUT, &format!("{path}/recipients?on_error=keep"));
    let kept =
        kept.header("content-type", "text/csv").body(broken).send().await.unwrap().json::<Value>().await.unwrap();
    assert_eq!((&kept["accepted"], &kept["refused"]), (&json!(rows - 1), &json!(1)));
    desk.core.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_twice_also_over_a_kill_reaches_each_recipient_once() {
    let mut program = Program::prepare("").await;
    program.start().await;
    let body = json!({"strategy": "sms-only", "content": {"text": {"fr": "Bonjour {{n}}"}}});
    let created: Value = program.post("/v1/broadcasts", &body).await.json().await.unwrap();
    let id = created["id"].as_str().unwrap();
    assert_eq!(program.put(id, csv(0..3_000)).await.status(), 200);
    program.kill();
    program.start().await;
    assert_eq!(program.put(id, csv(0..3_000)).await.status(), 200);
    let path = format!("/v1/broadcasts/{id}");
    let started: Value = program.post(&format!("{path}/start"), &json!({})).await.json().await.unwrap();
    assert_eq!((&started["duplicates"], &started["broadcast"]["rows"]), (&json!(3_000), &json!(6_000)));
    let done = program.until(&path, |it| it["by_status"]["waiting"].is_null()).await;
    assert_eq!(done["by_status"]["failed"], 3_000, "{done}");
    assert_eq!(program.taken().len(), 3_000);
}

#[actix_rt::test]
async fn a_connection_that_drops_in_the_middle_of_an_upload_stores_nothing_and_leaves_the_draft_free() {
    let desk = Desk::start();
    let path = desk.created().await;
    let (address, body) = (desk.face.base.trim_start_matches("http://").to_owned(), csv(0..2_000));
    let head = format!(
        "PUT {path}/recipients HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Type: text/csv\r\n\
         Content-Length: {}\r\n\r\n",
        body.len() * 2
    );
    let sent = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        // Dropped: the connection ends in the midst of the body.
    });
    sent.await.unwrap();
    // The draft is free as soon as the broker has seen that: a start finds no rows, and no upload.
    for _ in 0..2_000 {
        let (status, slug) = problem(desk.post(&format!("{path}/start")).await).await;
        assert_eq!(status, 409);
        if slug == "conflict" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(desk.face.get(&path).await["rows"], 0);
    assert_eq!(desk.put(&path, csv(0..2_000)).await.status(), 200);
    assert_eq!(desk.post(&format!("{path}/start")).await.status(), 200);
    assert_eq!(desk.done(&path).await["by_status"]["delivered"], 2_000);
    desk.core.stop().await;
}

#[actix_rt::test]
async fn uploads_go_side_by_side_a_start_waits_for_them_and_a_cancellation_does_not() {
    let desk = Desk::start();
    let path = desk.created().await;
    let (mut uploads, mut answers) = (Vec::new(), Vec::new());
    for number in 0..3 {
        let (upload, answer) = Slow::begin(&desk, &path, number * Slow::ROWS).await;
        uploads.push(upload);
        answers.push(answer);
    }
    // All three are under way.
    let refused = problem(desk.post(&format!("{path}/start")).await).await;
    assert_eq!(refused, (409, "upload-in-progress".to_owned()));
    drop(uploads);
    for answer in answers {
        let answer = answer.await.unwrap().unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.json::<Value>().await.unwrap()["accepted"], Slow::ROWS);
    }
    let all = 3 * Slow::ROWS;
    assert_eq!(desk.face.get(&path).await["rows"], all);
    // Two starts at once: one of them starts it.
    let start = format!("{path}/start");
    let (one, other) = tokio::join!(desk.post(&start), desk.post(&start));
    let mut statuses = [one.status().as_u16(), other.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    assert_eq!(desk.done(&path).await["by_status"]["delivered"], all);

    let path = desk.created().await;
    let (upload, answer) = Slow::begin(&desk, &path, 0).await;
    let cancelled: Value = desk.post(&format!("{path}/cancel")).await.json().await.unwrap();
    assert_eq!(cancelled["phase"], "cancelled");
    drop(upload);
    assert_eq!(problem(answer.await.unwrap().unwrap()).await, (409, "conflict".to_owned()));
    assert_eq!(desk.sms.ledger.lock().unwrap().len(), all);
    desk.core.stop().await;
}

#[actix_rt::test]
async fn what_was_started_or_cancelled_takes_no_more_rows_and_no_second_start() {
    let desk = Desk::start();
    for end in ["start", "cancel"] {
        let path = desk.created().await;
        assert_eq!(desk.put(&path, csv(0..3)).await.status(), 200);
        assert_eq!(desk.post(&format!("{path}/{end}")).await.status(), 200);
        assert_eq!(problem(desk.put(&path, csv(0..3)).await).await, (409, "conflict".to_owned()));
        assert_eq!(problem(desk.post(&format!("{path}/start")).await).await, (409, "conflict".to_owned()));
        assert_eq!(desk.face.get(&path).await["rows"], 3);
    }
    desk.core.stop().await;
}

#[actix_rt::test]
async fn missing_and_unknown_variables_are_told_with_their_lines_before_the_start() {
    let desk = Desk::start();
    let path = desk.created().await;
    let good = json!({"key": "a", "recipient": {"mobile": "0470123456"}, "variables": {"n": "1"}});
    let missing = json!({"key": "b", "recipient": {"mobile": "0470123457"}, "variables": {}});
    let unknown = json!({"key": "c", "recipient": {"mobile": "0470123458"}, "variables": {"n": "1", "m": "2"}});
    let put = desk.face.ask(Method::PUT, &format!("{path}/recipients")).header("content-type", "application/x-ndjson");
    let refused = put.body(format!("{good}\n{missing}\n{unknown}\n")).send().await.unwrap();
    let refused: Value = refused.json().await.unwrap();
    let told: Vec<_> = refused["rows"]["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["line"].clone(), row["column"].clone()))
        .collect();
    assert_eq!(told, [(json!(2), json!("var.n")), (json!(3), json!("variables"))], "{refused}");
    for header in ["mobile\n0470123456\n", "mobile,var.n,var.m\n0470123456,1,2\n"] {
        assert_eq!(problem(desk.put(&path, header).await).await, (422, "invalid-header".to_owned()));
    }
    desk.core.stop().await;
}

#[actix_rt::test]
async fn a_text_that_no_sms_can_hold_is_refused_when_the_broadcast_is_created() {
    let desk = Desk::start();
    let create = |strategy: &str, length: usize| {
        let text = format!("{}{{{{n}}}}", "x".repeat(length));
        let body = json!({"strategy": strategy, "content": {"text": {"fr": text}}});
        desk.face.ask(Method::POST, "/v1/broadcasts").json(&body).send()
    };
    assert_eq!(create("sms-only", LONGEST).await.unwrap().status(), 201, "an empty value would fit");
    let refused = create("govapp-first", LONGEST + 1).await.unwrap();
    assert_eq!(refused.status(), 422);
    let refused: Value = refused.json().await.unwrap();
    assert_eq!(refused["errors"][0]["pointer"], "/content", "{refused}");
    assert_eq!(create("govapp-only", LONGEST + 1).await.unwrap().status(), 201, "it never goes by SMS");
    desk.core.stop().await;
}
