//! An endpoint as nasty as a test wants it: plain sockets, a thread a connection.
#![allow(dead_code, clippy::unwrap_used)] // a failed step fails the test
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// What an endpoint does with a call.
pub enum Reaction {
    Status(u16),
    /// Closes the connection without an answer.
    Close,
    Redirect(String),
    /// Reads and never answers.
    Hang,
    /// Answers a byte at a time.
    Drip,
    /// A good answer whose body never ends.
    Endless,
}

/// A call as it came.
#[derive(Clone)]
pub struct Call {
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub was_taken: bool,
}

impl Call {
    pub fn id(&self) -> String {
        self.headers["webhook-id"].to_str().unwrap().to_owned()
    }

    pub fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn is_signed_by(&self, secret: &str) -> bool {
        standardwebhooks::Webhook::new(secret).unwrap().verify(&self.body, &self.headers).is_ok()
    }
}

pub struct Receiver {
    pub url: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Receiver {
    /// `react` is given how many calls came before.
    pub fn start(react: impl Fn(usize) -> Reaction + Send + Sync + 'static) -> Self {
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let kept = Arc::clone(&calls);
        let url = listen(move |headers, body| {
            let mut calls = kept.lock().unwrap();
            let reaction = react(calls.len());
            let was_taken = matches!(reaction, Reaction::Status(200 | 204) | Reaction::Endless);
            calls.push(Call { headers, body, was_taken });
            reaction
        });
        Self { url, calls }
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    pub fn events(&self) -> Vec<Value> {
        self.calls().iter().map(Call::event).collect()
    }

    /// Events of calls that were answered well.
    pub fn delivered(&self) -> Vec<Value> {
        self.calls().iter().filter(|call| call.was_taken).map(Call::event).collect()
    }
}

/// Gives each call to `take`, which says what is done with it; gives the address.
pub fn listen(take: impl Fn(HeaderMap, Vec<u8>) -> Reaction + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let take = Arc::new(take);
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let take = Arc::clone(&take);
            std::thread::spawn(move || serve(&socket.unwrap(), &*take));
        }
    });
    url
}

fn serve(socket: &TcpStream, take: &(dyn Fn(HeaderMap, Vec<u8>) -> Reaction + Send + Sync)) {
    let mut reader = BufReader::new(socket);
    while let Some((headers, body)) = request(&mut reader) {
        if answer(socket, take(headers, body)).is_err() {
            return;
        }
    }
}

fn request(reader: &mut BufReader<&TcpStream>) -> Option<(HeaderMap, Vec<u8>)> {
    let mut line = String::new();
    // A caller may die in the middle of a line.
    reader.read_line(&mut line).ok()?;
    if !line.ends_with('\n') {
        return None;
    }
    assert!(line.starts_with("POST /hook"), "{line}");
    let mut headers = HeaderMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        if !line.ends_with('\n') {
            return None;
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let length = headers["content-length"].to_str().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((headers, body))
}

fn answer(mut socket: &TcpStream, reaction: Reaction) -> std::io::Result<()> {
    match reaction {
        Reaction::Status(204) => write!(socket, "HTTP/1.1 204 No Content\r\n\r\n"),
        Reaction::Status(status) => write!(socket, "HTTP/1.1 {status} X\r\ncontent-length: 2\r\n\r\nok"),
        Reaction::Redirect(to) => {
            write!(socket, "HTTP/1.1 307 X\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
        }
        Reaction::Close => socket.shutdown(Shutdown::Both).and(Err(ErrorKind::ConnectionAborted.into())),
        Reaction::Hang => socket.set_read_timeout(Some(Duration::from_secs(5))).and_then(|()| {
            let _ = socket.read(&mut [0; 1]);
            Err(ErrorKind::Other.into())
        }),
        Reaction::Drip => {
            for byte in b"HTTP/1.1 200 OK\r\nx-slow: slow\r\nx-slow: slow\r\n" {
                socket.write_all(&[*byte])?;
                std::thread::park_timeout(Duration::from_millis(100));
            }
            Ok(())
        }
        Reaction::Endless => {
            write!(socket, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            loop {
                write!(socket, "400\r\n{}\r\n", "x".repeat(1_024))?;
            }
        }
    }
}
