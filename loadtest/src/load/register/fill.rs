//! Fills a register over REST, each body as a stream: persons, then rows, sorted by NISS.
//!
//! Invariant: memory holds a piece of a body, whatever its length; what a filling counts is what the broker says it took.

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::people::{FILLED, SINGLE, Size};
use crate::load::broker::Own;
use crate::load::peer::Connection;
use crate::load::request::{self, LEGAL_CONTEXT};

/// Bytes of a piece, about.
const PIECE: usize = 256 << 10;

/// A filling.
pub struct Filled {
    /// Lines.
    pub lines: u64,
    /// From the first byte to the answer.
    pub took: Duration,
    /// Making the same bytes alone.
    pub made_in: Duration,
}

impl Filled {
    /// Lines a second.
    pub fn per_second(&self) -> f64 {
        self.lines as f64 / self.took.as_secs_f64()
    }

    /// Lines a second that could be made.
    pub fn made_per_second(&self) -> f64 {
        self.lines as f64 / self.made_in.as_secs_f64()
    }
}

/// Makes the lines of the person at a place; gives how many.
pub type Make = fn(Size, u64, &mut Vec<u8>) -> u64;

/// A line of a person.
pub fn person(size: Size, place: u64, out: &mut Vec<u8>) -> u64 {
    size.write_person(place, out);
    1
}

/// Where a body goes, and what it is made of.
pub struct Upload {
    /// The method.
    pub method: &'static str,
    /// The path, with its query.
    pub path: String,
    /// The first line.
    pub header: &'static str,
    /// The others.
    pub make: Make,
}

/// Sends one body.
pub async fn send(own: &Own, size: Size, upload: &Upload) -> anyhow::Result<Filled> {
    let mut connection = Connection::open(own.api).await?;
    let begun = Instant::now();
    connection.send(&request::register_chunked(own.api, upload.method, &upload.path, &own.key, "text/csv")).await?;
    let (mut lines, mut made_in, mut place) = (0, Duration::ZERO, 0);
    let (mut piece, mut chunk) = (upload.header.as_bytes().to_vec(), Vec::new());
    while place < size.persons {
        let making = Instant::now();
        while place < size.persons && piece.len() < PIECE {
            lines += (upload.make)(size, place, &mut piece);
            place += 1;
        }
        made_in += making.elapsed();
        chunk.clear();
        write!(chunk, "{:x}\r\n", piece.len())?;
        chunk.append(&mut piece);
        chunk.extend(b"\r\n");
        connection.send(&chunk).await.with_context(|| format!("{} was cut short", upload.path))?;
    }
    let status = connection.exchange(b"0\r\n\r\n").await?;
    let took = begun.elapsed();
    let answer = String::from_utf8_lossy(connection.body());
    ensure!(status == 200, "{} was answered with {status}: {answer}", upload.path);
    let told: Value = serde_json::from_str(&answer).context("understand the answer to a filling")?;
    ensure!(told["accepted"].as_u64() == Some(lines), "not all of {lines} lines were taken: {answer}");
    Ok(Filled { lines, took, made_in })
}

/// Asks something of the register.
pub async fn ask(own: &Own, method: reqwest::Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
    let request = reqwest::Client::new().request(method, format!("http://{}{path}", own.api)).bearer_auth(&own.key);
    let request = request.header("Legal-Context", LEGAL_CONTEXT);
    let request = match body {
        Some(body) => request.header("Content-Type", "application/json").body(body.to_string()),
        None => request,
    };
    let answer = request.send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status.is_success(), "{path} was answered with {status}: {text}");
    serde_json::from_str(&text).with_context(|| format!("understand the answer of {path}"))
}

/// Defines the dossier types.
pub async fn define(own: &Own) -> anyhow::Result<()> {
    for code in FILLED.into_iter().chain([SINGLE]) {
        let names = json!({ "fr": code, "nl": code, "de": code, "en": code });
        let definition = json!({ "names": names, "valid_from": "1900-01-01" });
        ask(own, reqwest::Method::PUT, &format!("/v1/register/types/{code}"), Some(&definition)).await?;
    }
    Ok(())
}

/// How many rows of these types there are.
pub async fn count(own: &Own, codes: &[&str]) -> anyhow::Result<u64> {
    let told = ask(own, reqwest::Method::GET, "/v1/register/counts", None).await?;
    let all = told["types"].as_array().context("understand the counts of the register")?;
    let of = |code: &str| all.iter().find(|one| one["type"] == code).and_then(|one| one["rows"].as_u64());
    Ok(codes.iter().filter_map(|code| of(code)).sum())
}
