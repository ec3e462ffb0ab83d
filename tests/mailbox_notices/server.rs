//! A mail server for tests: speaks enough SMTP, keeps what it takes, and refuses whom it is told to.
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

/// A mail that was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    pub from: String,
    pub to: String,
    pub text: String,
}

impl Taken {
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\r\n\r\n").next().unwrap();
        let found =
            head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{}:", name.to_ascii_lowercase())));
        found.map(|line| line[name.len() + 1..].trim())
    }

    /// Subject and text, decoded.
    pub fn read(&self) -> (String, String) {
        let mail = mail_parser::MessageParser::default().parse(self.text.as_bytes()).unwrap();
        assert_eq!(mail.text_body_count(), 1);
        (mail.subject().unwrap().to_owned(), mail.body_text(0).unwrap().into_owned())
    }
}

#[derive(Default)]
struct Kept {
    taken: Mutex<Vec<Taken>>,
    refusals: Mutex<HashMap<String, String>>,
    asked: Mutex<Vec<String>>,
    came: Notify,
}

/// The server; what it took outlives a stop.
pub struct Server {
    pub address: SocketAddr,
    kept: Arc<Kept>,
    running: Option<JoinHandle<()>>,
}

impl Server {
    /// Not listening yet, on a port that is free.
    pub async fn new() -> Self {
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        Self { address, kept: Arc::default(), running: None }
    }

    pub async fn started() -> Self {
        let mut server = Self::new().await;
        server.start().await;
        server
    }

    pub async fn start(&mut self) {
        let listener = loop {
            match TcpListener::bind(self.address).await {
                Ok(listener) => break listener,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        let kept = Arc::clone(&self.kept);
        self.running = Some(tokio::spawn(async move {
            let mut visits = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                visits.spawn(serve(stream, Arc::clone(&kept)));
            }
        }));
    }

    /// Ends, and all connections with it.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
            let _ = running.await;
        }
    }

    /// Answers to a recipient, or a sender, with this from now on.
    pub fn refuse(&self, to: &str, answer: &str) {
        self.kept.refusals.lock().unwrap().insert(to.to_owned(), answer.to_owned());
    }

    pub fn accept(&self, to: &str) {
        self.kept.refusals.lock().unwrap().remove(to);
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.kept.taken.lock().unwrap().clone()
    }

    /// Recipients that were named, also those that were refused.
    pub fn asked(&self) -> Vec<String> {
        self.kept.asked.lock().unwrap().clone()
    }

    /// Waits until so many were taken.
    pub async fn has(&self, count: usize) -> Vec<Taken> {
        loop {
            let came = self.kept.came.notified();
            let taken = self.taken();
            if taken.len() >= count {
                return taken;
            }
            came.await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}

async fn serve(stream: TcpStream, kept: Arc<Kept>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let (mut from, mut to) = (String::new(), String::new());
    let _ = write.write_all(b"220 mx.example.org ESMTP\r\n").await;
    while let Ok(Some(line)) = lines.next_line().await {
        let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let named = || line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(one, _)| one.to_owned());
        let answer = match word.as_str() {
            "EHLO" => "250-mx.example.org\r\n250 8BITMIME".to_owned(),
            "MAIL" if line.contains("SMTPUTF8") => "555 5.5.4 what is SMTPUTF8".to_owned(),
            "MAIL" => {
                from = named().unwrap();
                let refusal = kept.refusals.lock().unwrap().get(&from).cloned();
                refusal.unwrap_or_else(|| "250 ok".to_owned())
            }
            "RCPT" => {
                to = named().unwrap();
                kept.asked.lock().unwrap().push(to.clone());
                let refusal = kept.refusals.lock().unwrap().get(&to).cloned();
                refusal.unwrap_or_else(|| "250 ok".to_owned())
            }
            "DATA" => {
                let _ = write.write_all(b"354 go on\r\n").await;
                let mut text = String::new();
                while let Ok(Some(line)) = lines.next_line().await {
                    if line == "." {
                        break;
                    }
                    text.push_str(line.strip_prefix('.').unwrap_or(&line));
                    text.push_str("\r\n");
                }
                kept.taken.lock().unwrap().push(Taken { from: from.clone(), to: to.clone(), text });
                kept.came.notify_waiters();
                "250 taken".to_owned()
            }
            "RSET" | "NOOP" => "250 ok".to_owned(),
            "QUIT" => "221 bye".to_owned(),
            _ => "500 what".to_owned(),
        };
        if write.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() || word == "QUIT" {
            return;
        }
    }
}
