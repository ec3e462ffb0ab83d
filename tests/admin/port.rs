//! The protocol over real sockets, with frames written by hand: pieces, bounds, patience.
use std::fmt::Write as _;
use std::time::Duration;

use estafette::admin;
use estafette::config::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::talk::{LONG, read, serve, settings, talk, to_the_end};

#[actix_rt::test]
async fn commands_in_one_piece_are_answered_in_their_order() {
    let (address, _world) = serve(settings()).await;
    let mut many = String::new();
    let mut expected = String::new();
    for number in 0..5_000 {
        let _ = write!(many, "*2\r\n$4\r\nECHO\r\n$4\r\n{number:04}\r\n");
        let _ = write!(expected, "$4\r\n{number:04}\r\n");
    }
    assert_eq!(talk(address, many.as_bytes()).await, expected);
}

#[actix_rt::test]
async fn a_frame_may_arrive_byte_by_byte_and_lines_may_stand_between_frames() {
    let (address, _world) = serve(settings()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in b"*1\r\n$4\r\nPING\r\nping \"a b\"\n*1\r\n$4\r\nping\r\n\r\nQUIT\r\n" {
        stream.write_all(&[*byte]).await.unwrap();
    }
    assert_eq!(to_the_end(&mut stream).await, "+PONG\r\n$3\r\na b\r\n+PONG\r\n+OK\r\n");
}

#[actix_rt::test]
async fn what_is_echoed_need_not_be_text() {
    // redis-cli --pipe ends with twenty random bytes, and waits until it sees them again.
    let (address, _world) = serve(settings()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"*2\r\n$4\r\nECHO\r\n$4\r\n\xff\x00\r\n\r\n").await.unwrap();
    let mut answer = [0; 10];
    tokio::time::timeout(LONG, stream.read_exact(&mut answer)).await.expect("an answer comes").unwrap();
    assert_eq!(&answer, b"$4\r\n\xff\x00\r\n\r\n");
}

#[actix_rt::test]
async fn what_is_no_command_is_told_and_ends_the_connection() {
    let (address, _world) = serve(settings()).await;
    for (wrong, told) in [
        ("*1\r\n$1099511627776\r\n", "a length is"),
        ("*1099511627776\r\n", "a length is"),
        ("*1\r\n$-1\r\n", "a length is"),
        ("*1\r\n$65537\r\n", "65536 bytes"),
        ("*1\r\n$x\r\n", "a length is"),
        ("*9999\r\n", "1024 arguments"),
        ("*1\r\n*1\r\n$4\r\nPING\r\n", "array of bulk strings"),
        ("echo \"open\r\n", "quote"),
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "speaks RESP"),
    ] {
        let answer = talk(address, format!("PING\r\n{wrong}PING\r\n").as_bytes()).await;
        assert!(answer.starts_with("+PONG\r\n-ERR protocol error"), "{wrong:?}: {answer}");
        assert!(answer.contains(told) && answer.matches("\r\n").count() == 2, "{wrong:?}: {answer}");
    }
    // A line without an end is refused when it reaches the cap, not kept on.
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(&vec![b'a'; 200_000]).await;
    let answer = to_the_end(&mut stream).await;
    assert!(answer.is_empty() || answer.starts_with("-ERR protocol error"), "{answer}");
    assert_eq!(talk(address, b"PING\r\n").await, "+PONG\r\n");
}

#[actix_rt::test]
async fn maps_are_maps_after_hello_3_and_flat_before() {
    let (address, _world) = serve(settings()).await;
    let two = talk(address, b"COMMAND DOCS ping\r\n").await;
    let argument2 =
        "*6\r\n$4\r\nname\r\n$7\r\nmessage\r\n$4\r\ntype\r\n$6\r\nstring\r\n$5\r\nflags\r\n*1\r\n+optional\r\n";
    assert!(two.starts_with("*2\r\n$4\r\nping\r\n*8\r\n$7\r\nsummary\r\n"), "{two}");
    assert!(two.ends_with(&format!("$9\r\narguments\r\n*1\r\n{argument2}")), "{two}");
    let three = talk(address, b"HELLO 3\r\nCOMMAND DOCS ping\r\nCLIENT GETNAME\r\n").await;
    assert!(three.starts_with("%7\r\n$6\r\nserver\r\n$9\r\nestafette\r\n"), "{three}");
    assert!(three.contains("$5\r\nproto\r\n:3\r\n"), "{three}");
    assert!(three.contains("%1\r\n$4\r\nping\r\n%4\r\n$7\r\nsummary\r\n"), "{three}");
    assert!(three.contains("*1\r\n%3\r\n$4\r\nname\r\n$7\r\nmessage\r\n"), "{three}");
    assert!(three.ends_with("_\r\n"), "{three}");
    assert!(talk(address, b"HELLO 4\r\n").await.starts_with("-NOPROTO "));
}

#[actix_rt::test]
async fn a_channel_is_paused_paced_and_resumed_and_why_says_so() {
    let (address, world) = serve(settings()).await;
    assert_eq!(talk(address, b"CHANNEL sms PAUSE\r\n").await, "+OK\r\n");
    assert!(talk(address, b"CHANNEL sms\r\n").await.contains("$5\r\nstate\r\n$6\r\npaused\r\n"));
    let id = world.submit(world.envelope("sms-only", 1)).await.unwrap();
    let why = talk(address, format!("WHY {id}\r\n").as_bytes()).await;
    assert!(why.contains("$6\r\nreason\r\n$6\r\npaused\r\n$7\r\nchannel\r\n$3\r\nsms\r\n"), "{why}");
    assert_eq!(talk(address, b"channel SMS rate 50\r\nCHANNEL sms RESUME\r\n").await, "+OK\r\n+OK\r\n");
    world.until_all(|kept| kept.state.settled.is_some()).await;
    let why = talk(address, format!("WHY {id}\r\n").as_bytes()).await;
    assert!(why.contains("$9\r\ndelivered\r\n$6\r\nreason\r\n$-1\r\n"), "{why}");
    for (wrong, told) in [
        ("CHANNEL fax", "no such channel; there are govapp, sms"),
        ("CHANNEL sms RATE 0", "a rate is a whole number"),
        ("CHANNEL sms FASTER", "use it as CHANNEL name [PAUSE|RESUME|DRAIN|RATE per_second]"),
        ("WHY nothing", "not an id of this broker"),
        ("WHY 01939f3a-7c1e-7000-8000-000000000001", "no message has this id"),
        ("FIND mobile 12", ""),
        ("WHY", "wrong number of arguments; use it as WHY id"),
        ("NONSENSE", "unknown command 'NONSENSE'"),
    ] {
        let answer = talk(address, format!("{wrong}\r\n").as_bytes()).await;
        assert!(answer.starts_with("-ERR ") && answer.contains(told), "{wrong}: {answer}");
    }
}

#[actix_rt::test]
async fn every_command_is_in_help_and_in_the_documentation_for_clients() {
    let (address, _world) = serve(settings()).await;
    let list = talk(address, b"COMMAND LIST\r\n").await;
    let names: Vec<_> = list.lines().filter(|line| !line.starts_with(['*', '$'])).collect();
    assert!(names.contains(&"status") && names.contains(&"channel"));
    let count = talk(address, b"COMMAND COUNT\r\n").await;
    assert_eq!(count, format!(":{}\r\n", names.len()));
    let help = talk(address, b"HELP\r\n").await;
    let docs = talk(address, b"COMMAND DOCS\r\n").await;
    let traits = talk(address, b"COMMAND INFO\r\n").await;
    for name in &names {
        assert!(help.contains(&format!("\n{}", name.to_uppercase())), "{name} is not in {help}");
        assert!(docs.contains(&format!("\r\n{name}\r\n")) && traits.contains(&format!("\r\n{name}\r\n")), "{name}");
    }
    assert!(help.contains("CHANNEL name [PAUSE|RESUME|DRAIN|RATE per_second]"), "{help}");
    assert!(talk(address, b"HELP channel\r\n").await.contains("CHANNEL name [PAUSE|RESUME|DRAIN|RATE per_second]\r\n"));
}

#[actix_rt::test]
async fn info_has_its_sections_and_shows_every_actor() {
    let (address, _world) = serve(settings()).await;
    let all = talk(address, b"INFO\r\n").await;
    for line in ["# Server\r\n", "# Journal\r\n", "# Channels\r\n", "# Actors\r\n", "# Messages\r\n", "\r\nposition:"] {
        assert!(all.contains(line), "{line:?} is not in {all}");
    }
    for actor in ["supervisor:condition=", "delivery-sms:condition=", "connected_clients:1"] {
        assert!(all.contains(actor), "{actor} is not in {all}");
    }
    let one = talk(address, b"info channels\r\n").await;
    assert!(one.contains("sms:state=") && !one.contains("# Server"), "{one}");
}

#[actix_rt::test]
async fn nothing_is_said_before_the_password() {
    let password = Some(Secret::new("open sesame"));
    let (address, _world) = serve(admin::Settings { password, ..settings() }).await;
    let before = talk(address, b"PING\r\nINFO\r\nNONSENSE\r\nHELLO 3\r\n").await;
    assert!(before.split_terminator("\r\n").all(|line| line.starts_with("-NOAUTH ")), "{before}");
    assert_eq!(talk(address, b"AUTH 'open sesame'\r\nPING\r\n").await, "+OK\r\n+PONG\r\n");
    assert_eq!(talk(address, b"AUTH default 'open sesame'\r\nPING\r\n").await, "+OK\r\n+PONG\r\n");
    assert!(talk(address, b"HELLO 3 AUTH default 'open sesame'\r\n").await.starts_with("%7\r\n"));
    // Guessing is slow, and a connection has few guesses.
    let guesses = talk(address, "AUTH no\r\n".repeat(9).as_bytes()).await;
    assert_eq!(guesses.matches("-WRONGPASS ").count(), 5, "{guesses}");
}

#[actix_rt::test]
async fn a_command_that_never_gets_whole_is_given_up() {
    let half_frame = Duration::from_millis(100);
    let (address, _world) = serve(admin::Settings { half_frame, ..settings() }).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"PING\r\n*1\r\n$4\r\nPI").await.unwrap();
    assert_eq!(to_the_end(&mut stream).await, "+PONG\r\n-ERR the command did not arrive whole in time\r\n");
}

#[actix_rt::test]
async fn a_connection_on_which_nothing_is_asked_is_closed() {
    let idle = Duration::from_millis(100);
    let (address, _world) = serve(admin::Settings { idle, ..settings() }).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert_eq!(to_the_end(&mut stream).await, "");
}

#[actix_rt::test]
async fn a_client_that_never_reads_is_cut_off_and_gives_its_place_to_another() {
    let write_timeout = Duration::from_millis(200);
    let (address, _world) = serve(admin::Settings { write_timeout, connections: 1, ..settings() }).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"PING\r\n").await.unwrap();
    assert_eq!(read(&mut stream, 7).await, "+PONG\r\n");
    assert!(talk(address, b"PING\r\n").await.starts_with("-ERR too many connections"));
    let ask = "COMMAND DOCS\r\n".repeat(1_000);
    // Ends with an error once the other side has closed: that is the point.
    let asked = async { while stream.write_all(ask.as_bytes()).await.is_ok() {} };
    tokio::time::timeout(LONG, asked).await.expect("the connection is cut off");
    let mut last = String::new();
    for _ in 0..200 {
        last = talk(address, b"PING\r\n").await;
        if last == "+PONG\r\n" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(last, "+PONG\r\n");
}
