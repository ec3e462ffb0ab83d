//! The scanner against a small clamd that speaks the protocol to the letter: what it sends, what it makes of answers, and when it
//! gives up.
use std::io;

use bytes::Bytes;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;

use super::*;

/// How the small clamd behaves.
#[derive(Clone, Copy)]
enum Mode {
    /// Looks for the word EICAR.
    Honest,
    /// Says no more after so many bytes than that this is too much, as with `StreamMaxLength`, and hangs up.
    Limit(usize),
    /// Answers so.
    Says(&'static str),
    /// Reads all and says nothing.
    Silent,
    /// Reads nothing at all.
    Deaf,
    /// Hangs up at once.
    Gone,
}

/// Speaks `zINSTREAM`; gives what it was sent, or how the protocol was broken.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, mode: Mode) -> Result<Vec<u8>, String> {
    match mode {
        Mode::Gone => return Ok(Vec::new()),
        Mode::Deaf => std::future::pending::<()>().await,
        _ => {}
    }
    let mut command = [0; 10];
    stream.read_exact(&mut command).await.map_err(|error| error.to_string())?;
    if &command != b"zINSTREAM\0" {
        return Err("another command".to_owned());
    }
    let mut content = Vec::new();
    loop {
        let length = stream.read_u32().await.map_err(|error| format!("no length: {error}"))? as usize;
        if length == 0 {
            break;
        }
        if let Mode::Limit(most) = mode
            && content.len() + length > most
        {
            let _ = stream.write_all(b"INSTREAM size limit exceeded. ERROR\0").await;
            return Ok(content);
        }
        let start = content.len();
        content.resize(start + length, 0);
        stream.read_exact(&mut content[start..]).await.map_err(|error| format!("a piece is cut off: {error}"))?;
    }
    let answer = match mode {
        Mode::Says(answer) => answer,
        Mode::Silent => std::future::pending().await,
        _ if content.windows(5).any(|word| word == b"EICAR") => "stream: Eicar-Signature FOUND\0",
        _ => "stream: OK\0",
    };
    stream.write_all(answer.as_bytes()).await.map_err(|error| error.to_string())?;
    Ok(content)
}

async fn clamd(mode: Mode) -> (Clamd, JoinHandle<Result<Vec<u8>, String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move { serve(listener.accept().await.unwrap().0, mode).await });
    let (connect, step, verdict) = (Duration::from_secs(5), Duration::from_millis(300), Duration::from_millis(300));
    let settings = Settings { connect, step, verdict, ..Settings::new(address.parse().unwrap()) };
    (Clamd::new(settings), serving)
}

fn content(chunks: Vec<io::Result<Bytes>>) -> Incoming {
    futures_util::stream::iter(chunks).boxed()
}

fn pieces(count: usize, each: usize) -> Incoming {
    content((0..count).map(|number| Ok(Bytes::from(vec![number as u8; each]))).collect())
}

#[tokio::test]
async fn a_content_arrives_whole_and_its_verdict_is_told() {
    let (scanner, serving) = clamd(Mode::Honest).await;
    assert_eq!(scanner.scan(pieces(3, 100_000)).await, Ok(Verdict::Clean));
    let arrived = serving.await.unwrap().unwrap();
    assert!(arrived.len() == 300_000 && arrived[100_000] == 1 && arrived[299_999] == 2);

    let (scanner, _) = clamd(Mode::Honest).await;
    let infected = content(vec![Ok(Bytes::from_static(b"..EIC")), Ok(Bytes::from_static(b"AR..")), Ok(Bytes::new())]);
    assert_eq!(scanner.scan(infected).await, Ok(Verdict::Found("Eicar-Signature".into())));

    let (scanner, serving) = clamd(Mode::Honest).await;
    assert_eq!(scanner.scan(content(vec![])).await, Ok(Verdict::Clean));
    assert_eq!(serving.await.unwrap(), Ok(vec![]));
}

#[tokio::test]
async fn a_socket_of_the_machine_does_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clamd.ctl");
    let listener = UnixListener::bind(&path).unwrap();
    let serving = tokio::spawn(async move { serve(listener.accept().await.unwrap().0, Mode::Honest).await });
    let address: Address = format!("unix:{}", path.display()).parse().unwrap();
    assert_eq!(Clamd::new(Settings::new(address)).scan(pieces(1, 10)).await, Ok(Verdict::Clean));
    assert_eq!(serving.await.unwrap().unwrap().len(), 10);
}

#[tokio::test]
async fn a_content_that_is_too_large_for_it_is_told_as_such_and_is_not_clean() {
    for pieces_sent in [2, 400] {
        let (scanner, _) = clamd(Mode::Limit(65_536)).await;
        let told = scanner.scan(pieces(pieces_sent, 65_536)).await.unwrap_err();
        assert!(told.contains("StreamMaxLength"), "{told}");
    }
}

#[tokio::test]
async fn whatever_is_no_verdict_leaves_the_content_waiting() {
    let answers = [
        "stream: OK and so on\0",
        "OK\0",
        "stream: \0",
        "UNKNOWN COMMAND\0",
        "\0",
        "stream: OK",
        "stream: Can't open file ERROR\0",
    ];
    for mode in answers.map(Mode::Says).into_iter().chain([Mode::Silent, Mode::Gone]) {
        let (scanner, _serving) = clamd(mode).await;
        assert!(scanner.scan(pieces(2, 1_000)).await.is_err());
    }
    // More than the socket's buffers hold.
    let (scanner, _serving) = clamd(Mode::Deaf).await;
    let told = scanner.scan(pieces(400, 65_536)).await.unwrap_err();
    assert!(told.contains("takes no more"), "{told}");
}

#[tokio::test]
async fn a_content_that_breaks_off_is_never_told_to_be_whole() {
    let (scanner, serving) = clamd(Mode::Honest).await;
    let broken = content(vec![Ok(Bytes::from_static(b"abc")), Err(io::Error::other("cut"))]);
    assert_eq!(scanner.scan(broken).await, Err("the content could not be read to its end".to_owned()));
    assert!(serving.await.unwrap().unwrap_err().contains("no length"), "no end was sent");

    let (scanner, _serving) = clamd(Mode::Honest).await;
    let stuck = futures_util::stream::pending().boxed();
    assert!(scanner.scan(stuck).await.is_err());
}

#[tokio::test]
async fn a_scanner_that_is_not_there_is_told_and_an_address_is_read() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let scanner = Clamd::new(Settings::new(Address::Tcp(nobody.to_string())));
    let told = scanner.scan(pieces(1, 1)).await.unwrap_err();
    assert!(told.contains("connection refused"), "{told}");
    assert_eq!("unix:/run/clamd".parse(), Ok(Address::Unix("/run/clamd".into())));
    assert_eq!("[::1]:3310".parse(), Ok(Address::Tcp("[::1]:3310".into())));
    for bad in ["", "clamd", ":3310", "host:port", "unix:clamd", "host:99999"] {
        assert!(bad.parse::<Address>().is_err(), "{bad}");
    }
}
