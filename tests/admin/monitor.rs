//! MONITOR: live events, and nobody waits for the one who watches.
use std::time::Duration;

use estafette_actors::delivery;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::nursery::Budget;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{Told, World, taken};
use crate::talk::{LONG, ask, over, over_with, settings, submit, until};

fn makes() -> World {
    World::new(Vec::new(), delivery::Settings::default(), Budget::default())
}

type Lines = tokio::io::Lines<BufReader<TcpStream>>;

async fn watching(address: std::net::SocketAddr, command: &str) -> Lines {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{command}\r\n").as_bytes()).await.unwrap();
    let mut lines = BufReader::new(stream).lines();
    assert_eq!(next(&mut lines).await, "+OK");
    lines
}

async fn next(lines: &mut Lines) -> String {
    tokio::time::timeout(LONG, lines.next_line()).await.expect("a line comes").unwrap().expect("it goes on")
}

#[actix_rt::test]
async fn what_happens_to_a_message_is_shown_in_its_order_and_without_its_recipient() {
    let (address, core, _folder) = over(Told::new(Channel::SMS, taken), delivery::Settings::default()).await;
    let mut all = watching(address, "MONITOR").await;
    let world = makes();
    let id = submit(&core, world.envelope("sms-only", 7)).await.to_string();
    let mut shown = Vec::new();
    loop {
        let line = next(&mut all).await;
        assert!(line.starts_with('+') && line.contains(&id) && !line.contains("32470"), "{line}");
        let is_last = line.contains(" settled ");
        shown.push(line);
        if is_last {
            break;
        }
    }
    let place = |what: &str| shown.iter().position(|line| line.contains(&format!(" {what}"))).unwrap();
    assert!(place("accepted") < place("began") && place("began") < place("moved"), "{shown:?}");
    // Anything said ends it, and is answered.
    let mut stream = all.into_inner().into_inner();
    stream.write_all(b"PING\r\nQUIT\r\n").await.unwrap();
    let mut rest = String::new();
    tokio::time::timeout(LONG, stream.read_to_string(&mut rest)).await.expect("it ends").unwrap();
    assert_eq!(rest, "+PONG\r\n+OK\r\n");
}

#[actix_rt::test]
async fn one_message_is_watched_among_many() {
    let slow = |letter: &estafette_actors::ports::Letter| (Duration::from_millis(200), taken(letter).1);
    let (address, core, _folder) = over(Told::new(Channel::SMS, slow), delivery::Settings::default()).await;
    let world = makes();
    let wanted = submit(&core, world.envelope("sms-only", 1)).await.to_string();
    let mut one = watching(address, &format!("MONITOR {wanted}")).await;
    for number in 2..30 {
        submit(&core, world.envelope("sms-only", number)).await;
    }
    loop {
        let line = next(&mut one).await;
        assert!(line.contains(&wanted), "{line}");
        if line.contains(" settled ") {
            break;
        }
    }
    for wrong in ["MONITOR nothing", "MONITOR 0403019262"] {
        assert!(ask(address, wrong).await["error"].as_str().unwrap().contains("give the id"), "{wrong}");
    }
}

#[actix_rt::test]
async fn a_monitor_that_never_reads_is_cut_off_and_slows_nobody() {
    // Each message makes a line of some 2,000 bytes: more than any socket keeps.
    let reference: Box<str> = "r".repeat(2_000).into();
    let wordy = move |_: &estafette_actors::ports::Letter| {
        (Duration::ZERO, Outcome::Is(AttemptStatus::Delivered, Some(reference.clone())))
    };
    let patience = Duration::from_millis(300);
    let impatient = estafette::admin::Settings { write_timeout: patience, ..settings() };
    let settings = delivery::Settings::default();
    let (address, core, _folder) = over_with(Told::new(Channel::SMS, wordy), settings, impatient).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    stream.write_all(b"MONITOR\r\n").await.unwrap();
    let world = makes();
    submit(&core, world.envelope("sms-only", 0)).await;
    let sent = async {
        for wave in 0..40 {
            let all = (0..100).map(|number| core.broker.submit(world.envelope("sms-only", wave * 100 + number), None));
            for accepted in futures_util::future::join_all(all).await {
                accepted.unwrap();
            }
        }
    };
    tokio::time::timeout(LONG, sent).await.expect("nobody waits for the monitor");
    until(address, "CHANNEL sms", |told| told["under_way"] == 0 && told["sent"] == 4_001).await;
    // Once its patience is over, however fast the messages were.
    until(address, "INFO server", |told| told.as_str().unwrap().contains("connected_clients:1\r\n")).await;
    // What reached the system is still there, and then the end.
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(LONG, stream.read_to_end(&mut rest)).await.expect("the connection ends");
    assert!(rest.starts_with(b"+OK\r\n"));
    assert_eq!(ask(address, "BOTTLENECK").await, json!([]));
}
