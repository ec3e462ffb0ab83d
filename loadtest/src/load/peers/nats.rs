//! Publishing to NATS JetStream, each message acknowledged, so many without an acknowledgement at a time.
//!
//! A client of the text protocol, as far as this needs it: the stream is kept in a file. JetStream of NATS 2.9 acknowledges before it
//! syncs. Invariant: a figure counts acknowledgements that name a sequence in the stream; anything else ends the run.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::sample::{Report, Sample};
use crate::load::request::{self, Requests};

/// How long the server may say nothing.
const PATIENCE: Duration = Duration::from_secs(20);
/// Acknowledgements before the clock runs.
const WARM_UP: u64 = 2_000;
/// The longest message that is read.
const MESSAGE_MAX: usize = 1 << 20;
const STREAM: &str = "LOAD";
const SUBJECT: &str = "load.messages";
const INBOX: &str = "_INBOX.load";

/// What is asked on the command line.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where the server listens; it keeps JetStream on (`-js`). The stream LOAD must not be there yet.
    #[arg(long, value_name = "HOST:PORT")]
    server: SocketAddr,
    /// Length of a round.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Messages without an acknowledgement at most.
    #[arg(long, default_value_t = 64)]
    in_flight: u64,
    /// Rounds.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Prints a line of JSON for each measurement.
    #[arg(long)]
    json: bool,
}

/// Measures, and prints.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    ensure!(arguments.rounds > 0 && arguments.seconds > 0 && arguments.in_flight > 0, "give at least 1 of each");
    let requests = Requests::submissions(arguments.server, "", "respond-async");
    let mut client = Client::connect(arguments.server).await?;
    client.create_stream().await?;
    client.publish(&requests, arguments.in_flight, |acknowledged, _| acknowledged >= WARM_UP).await?;
    let title = format!(
        "NATS JetStream, {} in flight on one connection, {} rounds of {} s",
        arguments.in_flight, arguments.rounds, arguments.seconds
    );
    let mut report = Report::new(title, arguments.json);
    let length = Duration::from_secs(arguments.seconds);
    for _ in 0..arguments.rounds {
        let begun = Instant::now();
        let count = client.publish(&requests, arguments.in_flight, |_, elapsed| elapsed >= length).await?;
        report.add(&Sample::of("nats", count, begun.elapsed()))?;
    }
    report.end();
    Ok(())
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    seq: u64,
    error: Option<serde_json::Value>,
}

struct Client {
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
    turn: usize,
}

impl Client {
    async fn connect(server: SocketAddr) -> anyhow::Result<Self> {
        let stream =
            TcpStream::connect(server).await.with_context(|| format!("connect to the NATS server {server}"))?;
        stream.set_nodelay(true)?;
        let stream = BufReader::with_capacity(1 << 16, stream);
        let mut client = Self { stream, line: String::new(), body: Vec::new(), turn: 0 };
        client.read_line().await?;
        ensure!(client.line.starts_with("INFO "), "this is no NATS server: it said {:?}", client.line);
        let hello = format!(
            "CONNECT {{\"verbose\":false,\"pedantic\":false,\"lang\":\"rust\",\"version\":\"0\",\"protocol\":1}}\r\nSUB {INBOX}.* 1\r\n"
        );
        client.stream.write_all(hello.as_bytes()).await?;
        Ok(client)
    }

    async fn create_stream(&mut self) -> anyhow::Result<()> {
        let wanted = serde_json::json!({
            "name": STREAM, "subjects": [SUBJECT], "storage": "file", "retention": "limits", "discard": "old",
            "max_msgs": -1, "max_bytes": -1, "max_age": 0, "max_consumers": -1, "num_replicas": 1,
        });
        let mut frame = Vec::new();
        put(&mut frame, &format!("$JS.API.STREAM.CREATE.{STREAM}"), wanted.to_string().as_bytes());
        self.stream.write_all(&frame).await?;
        self.message().await?;
        let answer: Answer = serde_json::from_slice(&self.body).context("understand the answer about the stream")?;
        match answer.error {
            Some(error) => bail!("the server does not make the stream {STREAM}: {error}"),
            None => Ok(()),
        }
    }

    /// Publishes until `is_over`, which is asked at each acknowledgement with their number and the time; what is in flight then is
    /// waited for. Gives the number of acknowledgements.
    async fn publish(
        &mut self,
        requests: &Requests,
        in_flight: u64,
        is_over: impl Fn(u64, Duration) -> bool,
    ) -> anyhow::Result<u64> {
        let begun = Instant::now();
        let (mut sent, mut acknowledged, mut over) = (0_u64, 0_u64, false);
        let mut frames = Vec::new();
        loop {
            while !over && sent - acknowledged < in_flight {
                put(&mut frames, SUBJECT, request::body(requests.get(self.turn)));
                self.turn += 1;
                sent += 1;
            }
            self.stream.write_all(&frames).await?;
            frames.clear();
            if over && sent == acknowledged {
                return Ok(acknowledged);
            }
            // All that has arrived, so that one write follows one read.
            loop {
                self.message().await?;
                let answer: Answer = serde_json::from_slice(&self.body).context("understand an acknowledgement")?;
                ensure!(answer.seq > 0, "a message was not taken: {}", String::from_utf8_lossy(&self.body));
                acknowledged += 1;
                if self.stream.buffer().is_empty() || acknowledged == sent {
                    break;
                }
            }
            over = over || is_over(acknowledged, begun.elapsed());
        }
    }

    /// Reads up to the next message of the inbox, whose body it keeps.
    async fn message(&mut self) -> anyhow::Result<()> {
        loop {
            self.read_line().await?;
            match self.line.split_once(' ').map_or(self.line.as_str(), |(verb, _)| verb) {
                "MSG" => {
                    let length = self.line.rsplit(' ').next().and_then(|length| length.parse::<usize>().ok());
                    let length = length.filter(|length| *length <= MESSAGE_MAX);
                    let length = length.with_context(|| format!("a message of no known length: {:?}", self.line))?;
                    self.body.resize(length + 2, 0);
                    let read = tokio::time::timeout(PATIENCE, self.stream.read_exact(&mut self.body));
                    read.await.context("the NATS server stopped in a message")??;
                    self.body.truncate(length);
                    return Ok(());
                }
                "PING" => self.stream.write_all(b"PONG\r\n").await?,
                "INFO" | "PONG" | "+OK" => {}
                _ => bail!("the NATS server said {:?}", self.line),
            }
        }
    }

    async fn read_line(&mut self) -> anyhow::Result<()> {
        self.line.clear();
        let read = tokio::time::timeout(PATIENCE, self.stream.read_line(&mut self.line));
        ensure!(read.await.context("the NATS server says nothing")?? > 0, "the NATS server hung up");
        self.line.truncate(self.line.trim_end().len());
        Ok(())
    }
}

fn put(frames: &mut Vec<u8>, subject: &str, body: &[u8]) {
    frames.extend_from_slice(format!("PUB {subject} {INBOX}.a {}\r\n", body.len()).as_bytes());
    frames.extend_from_slice(body);
    frames.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that acknowledges each message in two pieces, asks for a sign of life, and refuses the one with number `refused`.
    async fn server(refused: u64) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            stream.write_all(b"INFO {\"version\":\"2.9.10\"}\r\nPING\r\n").await.unwrap();
            let (mut line, mut number) = (String::new(), 0);
            while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
                if let Some(length) = line.strip_prefix("PUB ").and_then(|rest| rest.trim_end().rsplit(' ').next()) {
                    let mut body = vec![0; length.parse::<usize>().unwrap() + 2];
                    stream.read_exact(&mut body).await.unwrap();
                    assert!(body.starts_with(b"{") && body.ends_with(b"}\r\n"));
                    let answer = match number {
                        0 => r#"{"type":"stream"}"#.to_owned(),
                        number if number == refused => r#"{"error":{"code":503}}"#.to_owned(),
                        number => format!(r#"{{"stream":"LOAD","seq":{number}}}"#),
                    };
                    let head = format!("MSG {INBOX}.a 1 {}\r\n", answer.len());
                    stream.write_all(head.as_bytes()).await.unwrap();
                    stream.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
                    number += 1;
                }
                line.clear();
            }
        });
        address
    }

    #[tokio::test]
    async fn each_acknowledgement_counts_once_and_a_refusal_ends_the_run() {
        for (refused, expected) in [(u64::MAX, Some(100)), (50, None)] {
            let address = server(refused).await;
            let requests = Requests::submissions(address, "", "respond-async");
            let mut client = Client::connect(address).await.unwrap();
            client.create_stream().await.unwrap();
            let count = client.publish(&requests, 8, |acknowledged, _| acknowledged >= 93).await.ok();
            // Over at 93 at the latest, with what was in flight.
            assert_eq!(count.is_some(), expected.is_some(), "{count:?}");
            assert!(count.is_none_or(|count| (93..=101).contains(&count)), "{count:?}");
        }
    }
}
