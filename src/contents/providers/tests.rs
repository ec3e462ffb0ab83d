//! The client against small servers over real sockets: what it asks, what it makes of answers, and when it gives up.
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use estafette_actors::domain::mailbox::document::{Digest, DocumentId};
use estafette_actors::domain::time::Timestamp;
use futures_util::TryStreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;

/// What a server does after a request: bytes to send, or nothing for so many milliseconds.
#[derive(Clone)]
enum Step {
    Send(Vec<u8>),
    Wait(u64),
}

type Answering = dyn Fn(usize, &str) -> Vec<Step> + Send + Sync;

/// A server that answers by the number of the request and its head, and hangs up after each.
struct Server {
    address: String,
    heads: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Server {
    async fn start(answering: impl Fn(usize, &str) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (heads, answering) = (Arc::<Mutex<Vec<String>>>::default(), Arc::new(answering) as Arc<Answering>);
        let noted = Arc::clone(&heads);
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (noted, answering) = (Arc::clone(&noted), Arc::clone(&answering));
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(stream.read_u8().await?);
                    }
                    let head = String::from_utf8(head).unwrap();
                    let number = {
                        let mut noted = noted.lock().unwrap();
                        noted.push(head.clone());
                        noted.len() - 1
                    };
                    for step in answering(number, &head) {
                        match step {
                            Step::Send(bytes) => stream.write_all(&bytes).await?,
                            Step::Wait(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
                        }
                    }
                    stream.shutdown().await
                });
            }
        });
        Self { address, heads, serving }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<Step> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n", body.len());
    vec![Step::Send([head.as_bytes(), body].concat())]
}

fn ok(body: &[u8]) -> Vec<Step> {
    answer("200 OK", "content-type: application/octet-stream\r\n", body)
}

struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

struct Asking {
    providers: HttpProviders,
    clock: Arc<Hand>,
}

const PDF: &[u8] = b"%PDF-1.7\n";

fn onss() -> RefId {
    RefId::parse("onss").unwrap()
}

fn loopback() -> Reach {
    Reach { listed: ["127.0.0.0/8".parse().unwrap()].into() }
}

fn settings(base: &str, token: Option<TokenSettings>) -> Settings {
    let provider = Provider { id: onss(), base_url: format!("http://{base}/"), path: PATH.to_owned(), token };
    let (first, between) = (Duration::from_millis(400), Duration::from_millis(200));
    Settings { providers: vec![provider], reach: loopback(), first, between, failures: 3, ..Settings::default() }
}

fn asking_with(settings: Settings) -> Asking {
    let clock = Arc::new(Hand(AtomicU64::new(1_000)));
    let providers = HttpProviders::new(settings, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    Asking { providers, clock }
}

fn asking(server: &Server) -> Asking {
    asking_with(settings(&server.address, None))
}

/// A PDF of this size, which is not all the same.
fn content(size: usize) -> Vec<u8> {
    let rest = (0..size - PDF.len()).map(|place| (place % 251) as u8);
    PDF.iter().copied().chain(rest).collect()
}

fn digest(bytes: &[u8]) -> Digest {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    Digest(hash.as_ref().try_into().unwrap())
}

fn wanted(of: &[u8]) -> Wanted {
    let document = DocumentId::new(Timestamp::from_millis(1_700_000_000_000), 7);
    let (size, digest) = (Some(of.len() as u64), Some(digest(of)));
    Wanted { document, attachment: 2, media_type: MediaType::Pdf, size, digest, range: None }
}

impl Asking {
    async fn fetch(&self, wanted: Wanted) -> Result<Incoming, Trouble> {
        self.providers.fetch(&onss(), wanted).await
    }

    /// All of it, or how far it came and that it broke.
    async fn whole(&self, wanted: Wanted) -> Result<Result<Vec<u8>, usize>, Trouble> {
        let mut stream = self.fetch(wanted).await?;
        let mut got = Vec::new();
        loop {
            match stream.try_next().await {
                Ok(Some(piece)) => got.extend_from_slice(&piece),
                Ok(None) => return Ok(Ok(got)),
                Err(_) => return Ok(Err(got.len())),
            }
        }
    }

    fn away_since(&self) -> Option<u64> {
        self.providers.states()[0].away_since.map(Timestamp::millis)
    }
}

#[tokio::test]
async fn a_content_comes_whole_when_size_and_digest_agree() {
    let body = content(300_000);
    let served = body.clone();
    let server = Server::start(move |_, _| ok(&served)).await;
    let asking = asking(&server);
    assert_eq!(asking.whole(wanted(&body)).await, Ok(Ok(body.clone())));
    let unknown = Wanted { size: None, digest: None, ..wanted(&body) };
    assert_eq!(asking.whole(unknown).await, Ok(Ok(body)));
    let head = &server.heads()[0];
    let document = wanted(b"").document;
    assert!(
        head.starts_with(&format!("GET /messageRegistry/v2/ebox/messages/{document}/attachments/2/content HTTP/1.1")),
        "{head}"
    );
    assert!(!head.contains("range") && !head.contains("authorization"), "{head}");
    assert_eq!(asking.away_since(), None);
}

#[tokio::test]
async fn a_wrong_content_is_never_given_whole() {
    let body = content(100_000);
    let mut other = body.clone();
    *other.last_mut().unwrap() ^= 1;
    let chunked = |pieces: &[&[u8]]| {
        let mut all = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n".to_vec();
        for piece in pieces {
            all.extend(format!("{:x}\r\n", piece.len()).bytes());
            all.extend_from_slice(piece);
            all.extend(b"\r\n");
        }
        all.extend(b"0\r\n\r\n");
        vec![Step::Send(all)]
    };
    let longer = [&body[..], b"x"].concat();
    let answers = [
        ok(&other),
        chunked(&[&other[..60_000], &other[60_000..]]),
        chunked(&[&body[..60_000], &body[60_000..99_999]]),
        chunked(&[&longer[..60_000], &longer[60_000..]]),
    ];
    let server = Server::start(move |number, _| answers[number].clone()).await;
    let asking = asking(&server);
    for number in 0..4 {
        match asking.whole(wanted(&body)).await {
            Ok(Err(got)) => assert!(got < body.len(), "{number}: {got} bytes were given"),
            other => panic!("{number}: {other:?}"),
        }
    }
    assert_eq!(asking.away_since(), None, "it answers, and wrongly");
}

#[tokio::test]
async fn more_than_the_bound_is_not_read() {
    let body = content(60_000);
    let served = body.clone();
    let server = Server::start(move |_, _| ok(&served)).await;
    let asking = asking_with(Settings { most: 50_000, ..settings(&server.address, None) });
    let unknown = Wanted { size: None, digest: None, ..wanted(&body) };
    assert_eq!(asking.whole(unknown).await, Err(Trouble::ProviderWrong));
}

#[tokio::test]
async fn a_part_is_asked_for_and_one_who_sends_all_is_cut_to_it() {
    let body = content(50_000);
    let part = |head: &str| {
        let range = head.lines().find_map(|line| line.strip_prefix("range: bytes=")).unwrap();
        let (start, last) = range.split_once('-').unwrap();
        start.parse::<usize>().unwrap()..last.parse::<usize>().unwrap() + 1
    };
    let served = body.clone();
    let server = Server::start(move |number, head| {
        let part = part(head);
        let told = format!("content-range: bytes {}-{}/{}\r\n", part.start, part.end - 1, served.len());
        match number {
            0 | 1 => answer("206 Partial Content", &told, &served[part]),
            2 => ok(&served),
            3 => answer("206 Partial Content", "content-range: bytes 0-99/50000\r\n", &served[..100]),
            4 => answer("206 Partial Content", "content-range: bytes 100-199/60000\r\n", &served[100..200]),
            5 => answer("206 Partial Content", "", &served[part]),
            _ => answer("206 Partial Content", &told, &served[part.start..part.end - 1]),
        }
    })
    .await;
    let asking = asking(&server);
    let ranged = |range: std::ops::Range<u64>| Wanted { range: Some(range), ..wanted(&body) };
    assert_eq!(asking.whole(ranged(100..200)).await, Ok(Ok(body[100..200].to_vec())));
    assert_eq!(asking.whole(ranged(0..20)).await, Ok(Ok(body[..20].to_vec())));
    assert_eq!(asking.whole(ranged(40_000..50_000)).await, Ok(Ok(body[40_000..].to_vec())));
    for number in 3..7 {
        assert_eq!(asking.whole(ranged(100..200)).await, Err(Trouble::ProviderWrong), "{number}");
    }
    assert_eq!(server.heads().len(), 7);
}

#[tokio::test]
async fn what_is_something_else_is_not_shown() {
    let body = content(1_000);
    let served = body.clone();
    let server = Server::start(move |number, _| match number {
        0 => answer("404 Not Found", "", b"no"),
        1 => answer("200 OK", "content-type: text/html\r\n", &served),
        2 => ok(&[b"<html>Sorry".to_vec(), vec![b' '; 989]].concat()),
        3 => ok(&served[..999]),
        4 => answer("206 Partial Content", "content-range: bytes 0-999/1000\r\n", &served),
        5 => answer("200 OK", "content-encoding: gzip\r\n", &served),
        _ => answer("204 No Content", "", b""),
    })
    .await;
    let asking = asking(&server);
    for number in 0..7 {
        assert_eq!(asking.whole(wanted(&body)).await, Err(Trouble::ProviderWrong), "{number}");
    }
    assert_eq!(asking.away_since(), None);
    let typed =
        Server::start(move |_, _| answer("200 OK", "content-type: Application/PDF; x=y\r\n", &content(1_000))).await;
    assert_eq!(super::tests::asking(&typed).whole(wanted(&body)).await, Ok(Ok(body)));
}

#[tokio::test]
async fn one_who_is_slow_or_stops_is_waited_for_so_long_only() {
    let body = content(100_000);
    let served = body.clone();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    let server = Server::start(move |number, _| {
        let (some, rest) = served.split_at(50_000);
        let send = |bytes: &[u8]| Step::Send(bytes.to_vec());
        match number {
            0 => vec![Step::Wait(2_000)],
            1 => vec![send(&head), Step::Wait(2_000)],
            2 => vec![send(&head), send(some), Step::Wait(2_000)],
            3 => vec![send(&head), send(some)],
            // Slowly, but never too slow.
            _ => {
                let pieces = rest.chunks(10_000).flat_map(|piece| [Step::Wait(100), Step::Send(piece.to_vec())]);
                [send(&head), send(some)].into_iter().chain(pieces).collect()
            }
        }
    })
    .await;
    let asking = asking_with(Settings { failures: 100, ..settings(&server.address, None) });
    for _ in 0..2 {
        assert_eq!(asking.whole(wanted(&body)).await, Err(Trouble::ProviderAway));
    }
    for number in 2..4 {
        match asking.whole(wanted(&body)).await {
            Ok(Err(got)) => assert!(got <= 50_000, "{got}"),
            other => panic!("{number}: {other:?}"),
        }
    }
    assert_eq!(asking.whole(wanted(&body)).await, Ok(Ok(body)));
}

#[tokio::test]
async fn one_who_fails_again_and_again_is_not_asked_until_one_reader_finds_it_well() {
    let body = content(5_000);
    let served = body.clone();
    let server = Server::start(move |number, _| match number {
        0 => answer("503 Service Unavailable", "", b""),
        1 => vec![Step::Send(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n%PDF-1.7 and no more".to_vec())],
        2 | 3 => answer("500 Internal Server Error", "", b""),
        _ => ok(&served),
    })
    .await;
    let asking = asking(&server);
    let at = |millis| asking.clock.0.store(millis, Ordering::Relaxed);
    for number in 0..3 {
        at(2_000 + number);
        assert_eq!(asking.away_since(), None);
        assert_eq!(asking.whole(wanted(&body)).await, Err(Trouble::ProviderAway));
    }
    let state = asking.providers.states().remove(0);
    assert_eq!((state.provider, state.away_since.map(Timestamp::millis)), (onss(), Some(2_000)));
    assert_eq!(state.trouble, Some("it answers with an error of its own"));
    for _ in 0..10 {
        assert_eq!(asking.whole(wanted(&body)).await, Err(Trouble::ProviderAway));
    }
    assert_eq!(server.heads().len(), 3, "nobody asked");
    at(40_000);
    assert_eq!(asking.whole(wanted(&body)).await, Err(Trouble::ProviderAway));
    at(69_999);
    assert_eq!(asking.whole(wanted(&body)).await, Err(Trouble::ProviderAway));
    assert_eq!(server.heads().len(), 4, "one asked, in vain");
    at(70_000);
    let trying = asking.fetch(wanted(&body)).await.map(drop);
    assert_eq!(trying, Ok(()), "one who reads no further says nothing of it");
    assert_eq!(asking.away_since(), Some(2_000));
    assert_eq!(asking.whole(wanted(&body)).await, Ok(Ok(body.clone())));
    assert_eq!(asking.away_since(), None);
    assert_eq!(asking.whole(wanted(&body)).await, Ok(Ok(body)));
}

fn token(server: &Server) -> TokenSettings {
    let url = format!("http://{}/token", server.address);
    TokenSettings { url, client_id: "estafette".into(), client_secret: "s3cret".into() }
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once() {
    let body = content(2_000);
    let served = body.clone();
    let issued = AtomicU64::new(0);
    let issuer = Server::start(move |_, _| {
        let number = issued.fetch_add(1, Ordering::Relaxed);
        let body = format!(r#"{{"access_token": "t{number}", "expires_in": 3600}}"#);
        answer("200 OK", "content-type: application/json\r\n", body.as_bytes())
    })
    .await;
    let server = Server::start(move |_, head| {
        if head.contains("authorization: Bearer t1\r\n") { ok(&served) } else { answer("401 Unauthorized", "", b"") }
    })
    .await;
    let asking = asking_with(settings(&server.address, Some(token(&issuer))));
    assert_eq!(asking.whole(wanted(&body)).await, Ok(Ok(body.clone())));
    assert_eq!(asking.whole(wanted(&body)).await, Ok(Ok(body)));
    assert_eq!((issuer.heads().len(), server.heads().len()), (2, 3), "the second one is kept");
}

#[tokio::test]
async fn credentials_that_are_refused_and_redirects_count_against_it_and_lead_nowhere() {
    let elsewhere = Server::start(|_, _| ok(&content(100))).await;
    let issuer = Server::start(|_, _| answer("200 OK", "", br#"{"access_token": "t"}"#)).await;
    let location = format!("location: http://{}/\r\n", elsewhere.address);
    let server = Server::start(move |number, _| match number {
        0 | 1 => answer("401 Unauthorized", "", b""),
        2 => answer("403 Forbidden", "", b""),
        _ => answer("302 Found", &location, b""),
    })
    .await;
    let asking = asking_with(settings(&server.address, Some(token(&issuer))));
    for _ in 0..3 {
        assert_eq!(asking.whole(wanted(&content(100))).await, Err(Trouble::ProviderWrong));
    }
    assert_eq!(asking.whole(wanted(&content(100))).await, Err(Trouble::ProviderAway), "not asked any more");
    assert_eq!((server.heads().len(), elsewhere.heads().len()), (4, 0));
    let no_token = Server::start(|_, _| answer("400 Bad Request", "", br#"{"error": "invalid_client"}"#)).await;
    let asking = asking_with(settings(&server.address, Some(token(&no_token))));
    assert_eq!(asking.whole(wanted(&content(100))).await, Err(Trouble::ProviderWrong));
    assert_eq!(server.heads().len(), 4, "not without a token");
}

#[tokio::test]
async fn only_so_many_are_fetched_at_a_time_and_who_hangs_up_makes_room() {
    let body = content(900_000);
    let served = body.clone();
    let server = Server::start(move |_, _| ok(&served)).await;
    let asking = asking_with(Settings { at_once: 1, ..settings(&server.address, None) });
    let first = asking.fetch(wanted(&body)).await.map_err(|_| ()).unwrap();
    assert_eq!(asking.whole(wanted(&body)).await, Err(Trouble::Overloaded));
    drop(first);
    assert_eq!(asking.whole(wanted(&body)).await, Ok(Ok(body)));
}

#[tokio::test]
async fn nobody_is_there_and_nobody_is_asked_whom_the_operator_did_not_list() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let away = asking_with(settings(&nobody, None));
    assert_eq!(away.whole(wanted(&content(100))).await, Err(Trouble::ProviderAway));
    let unknown = away.providers.fetch(&RefId::parse("other").unwrap(), wanted(&content(100))).await;
    assert_eq!(unknown.map(drop), Err(Trouble::ProviderAway));

    let refused = |change: &dyn Fn(&mut Settings)| {
        let mut settings = settings("127.0.0.1:1", None);
        change(&mut settings);
        HttpProviders::new(settings, Arc::new(Hand(AtomicU64::new(0)))).err().expect("refused").message
    };
    assert!(refused(&|settings| settings.reach = Reach::default()).contains("may not be called"));
    assert!(
        refused(&|settings| settings.providers[0].base_url = "https://10.0.0.1".into()).contains("may not be called")
    );
    assert!(refused(&|settings| settings.providers[0].base_url = "https://a:b@x.be".into()).contains("leave out user"));
    assert!(refused(&|settings| settings.providers[0].path = "/x/{id}".into()).contains("{n}"));
    assert!(refused(&|settings| settings.providers.push(settings.providers[0].clone())).contains("twice"));
    // A name that leads to a private address is found out when it is called.
    let server = Server::start(|_, _| ok(&content(100))).await;
    let port = server.address.rsplit_once(':').unwrap().1;
    let mut named = settings(&format!("localhost:{port}"), None);
    named.reach = Reach { listed: ["10.0.0.0/8".parse().unwrap()].into() };
    assert_eq!(asking_with(named).whole(wanted(&content(100))).await, Err(Trouble::ProviderAway));
    assert!(server.heads().is_empty());
}
