//! What the tests share: a port over a broker, bytes back and forth, and answers as JSON.
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use estafette::app::{Blueprint, Core};
use estafette::config;
use estafette::{admin, store};
use estafette_actors::delivery;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::id::MessageId;
use estafette_actors::domain::submission::Envelope;
use estafette_actors::nursery::{Budget, Condition};
use estafette_actors::ports::Transport;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Told, World, taken};

/// Longer than any answer takes; a test that meets it has failed.
pub const LONG: Duration = Duration::from_secs(20);

pub fn settings() -> admin::Settings {
    config::parse(None, Vec::new()).unwrap().admin
}

pub async fn serve(settings: admin::Settings) -> (SocketAddr, World) {
    let channels = vec![Told::new(Channel::GOVAPP, taken), Told::new(Channel::SMS, taken)];
    let world = World::new(channels, delivery::Settings::default(), Budget::default());
    (listen(&world.broker, settings).await, world)
}

/// A port over a broker.
pub async fn listen(broker: &estafette_actors::broker::Broker, settings: admin::Settings) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(admin::serve(listener, broker.clone(), settings, std::future::pending()));
    address
}

/// A port over a broker with a real store.
pub async fn over(sms: Arc<Told>, sms_settings: delivery::Settings) -> (SocketAddr, Core, tempfile::TempDir) {
    over_with(sms, sms_settings, settings()).await
}

/// The same with settings of the port's own.
pub async fn over_with(
    sms: Arc<Told>,
    sms_settings: delivery::Settings,
    settings: admin::Settings,
) -> (SocketAddr, Core, tempfile::TempDir) {
    let folder = tempfile::TempDir::new().unwrap();
    let transports: Vec<Arc<dyn Transport>> = vec![sms];
    let mut blueprint = Blueprint::new(store::Settings::new(folder.path()), transports);
    blueprint.deliveries.insert(Channel::SMS, sms_settings);
    let core = Core::start(blueprint).unwrap();
    all_run(&core).await;
    (listen(&core.broker, settings).await, core, folder)
}

/// Waits for the actors, which are on their way after a start.
async fn all_run(core: &Core) {
    for _ in 0..2_000 {
        if core.broker.vitals().iter().all(|vitals| vitals.condition == Condition::Running) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the actors never came");
}

/// Submits a message.
pub async fn submit(core: &Core, envelope: Envelope) -> MessageId {
    core.broker.submit(envelope, None).await.unwrap().id
}

/// Sends all, says that no more comes, and reads to the end.
pub async fn talk(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream.shutdown().await.unwrap();
    to_the_end(&mut stream).await
}

pub async fn to_the_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A connection that is cut with data unread ends in an error: what came before counts.
    let _ = tokio::time::timeout(LONG, stream.read_to_end(&mut answer)).await.expect("the connection ends");
    String::from_utf8(answer).unwrap()
}

pub async fn read(stream: &mut TcpStream, length: usize) -> String {
    let mut answer = vec![0; length];
    tokio::time::timeout(LONG, stream.read_exact(&mut answer)).await.expect("an answer comes").unwrap();
    String::from_utf8(answer).unwrap()
}

/// The answer to one command in version 3, as JSON; an error is `{"error": ...}`.
pub async fn ask(address: SocketAddr, command: &str) -> Value {
    let answers = talk(address, format!("HELLO 3\r\n{command}\r\n").as_bytes()).await;
    let mut rest = answers.as_str();
    let _hello = value(&mut rest);
    value(&mut rest)
}

/// Asks until it is so, for a bounded time.
pub async fn until(address: SocketAddr, command: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..1_000 {
        last = ask(address, command).await;
        if wanted(&last) {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{command} never got there: {last}");
}

fn line<'t>(rest: &mut &'t str) -> &'t str {
    let (line, after) = rest.split_once("\r\n").expect("every line of the protocol ends");
    *rest = after;
    line
}

fn value(rest: &mut &str) -> Value {
    let line = line(rest);
    let (kind, body) = line.split_at(1);
    let count = || body.parse::<usize>().unwrap();
    match kind {
        "+" => json!(body),
        "-" => json!({ "error": body }),
        ":" => json!(body.parse::<i64>().unwrap()),
        "," => json!(body.parse::<f64>().unwrap()),
        "#" => json!(body == "t"),
        "_" => Value::Null,
        "$" | "=" => {
            let (text, after) = rest.split_at(count());
            *rest = after.strip_prefix("\r\n").expect("a text ends with a line's end");
            json!(text)
        }
        "*" => (0..count()).map(|_| value(rest)).collect(),
        "%" => {
            let pairs = (0..count()).map(|_| (value(rest).as_str().unwrap().to_owned(), value(rest)));
            Value::Object(pairs.collect::<Map<_, _>>())
        }
        _ => panic!("{line:?} is not of the protocol"),
    }
}
