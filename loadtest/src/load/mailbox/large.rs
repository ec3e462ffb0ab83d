//! A file as large as one may be, up and down, and the memory that the broker takes meanwhile.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use estafette_loadtest::simulators::SamplePerson;

use super::browser::Browser;
use super::document;
use crate::load::broker::Own;
use crate::load::figures::{say, verdict};
use crate::load::peer::Connection;

/// The most that an attachment may have.
const BYTES: usize = 100 << 20;
/// Bytes that are sent at a time.
const PIECE: usize = 64 << 10;
/// More memory at most, in MiB: 32 MB, as what it is to reach has it.
const TARGET_MIB: f64 = 32_000_000.0 / 1_048_576.0;
/// What was used for the start is given back.
const BREATH: Duration = Duration::from_secs(1);

/// Measures, and prints.
pub async fn run(json: bool, own: &Own, people: &[SamplePerson]) -> anyhow::Result<()> {
    let person = people.first().context("nobody signs in")?;
    let mut browser = Browser::signed_in(own, 0).await?;
    // Both ways are used once before: what they keep for good is no part of it.
    for round in 0..2 {
        let is_counted = round > 0;
        let bytes = if is_counted { BYTES } else { 50_000 };
        let file = document::pdf(round, bytes);
        tokio::time::sleep(BREATH).await;
        own.forget_most()?;
        let before = own.memory_mib()?.0;
        let begun = Instant::now();
        let id = up(own, &person.niss, &file).await?;
        let (took_up, most_up) = (begun.elapsed(), own.memory_mib()?.1);
        own.forget_most()?;
        let before_down = own.memory_mib()?.0;
        let begun = Instant::now();
        let got = down(&mut browser, &id, &file).await?;
        let (took_down, most_down) = (begun.elapsed(), own.memory_mib()?.1);
        ensure!(got == bytes, "{bytes} bytes were published, and {got} came back");
        if !is_counted {
            continue;
        }
        let lines = [("up", took_up, most_up - before, before), ("down", took_down, most_down - before, before_down)];
        for (way, took, more, resident) in lines {
            let met = verdict(more <= TARGET_MIB);
            let per_second = bytes as f64 / 1e6 / took.as_secs_f64();
            let line = format!(
                "{} MiB {way}: {:.2} s, {per_second:.0} MB a second; resident {resident:.1} MiB before, at most {more:.1} MiB more than before the upload; target {TARGET_MIB:.1}: {met}",
                bytes >> 20,
                took.as_secs_f64(),
            );
            if json { eprintln!("{line}") } else { say(&line) }
        }
    }
    Ok(())
}

/// Publishes it, as a stream; gives its identifier.
async fn up(own: &Own, niss: &str, file: &[u8]) -> anyhow::Result<String> {
    let (before, after) = document::around(own.api, &own.key, niss, None, file.len());
    let mut connection = Connection::open(own.api).await?;
    connection.send(&before).await?;
    for piece in file.chunks(PIECE) {
        connection.send(piece).await?;
    }
    let status = connection.exchange(&after).await?;
    let told = || format!("publishing was answered with {status}: {}", String::from_utf8_lossy(connection.body()));
    ensure!(status == 201, "{}", told());
    identifier(connection.body()).with_context(told)
}

/// Of the message that was published.
pub fn identifier(body: &[u8]) -> Option<String> {
    let told: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(told["messageId"].as_str()?.to_owned())
}

/// Downloads it from the pages, and compares; gives how many bytes came.
async fn down(browser: &mut Browser, id: &str, file: &[u8]) -> anyhow::Result<usize> {
    let mut answer = browser.get(&format!("/mailbox/messages/{id}/files/1")).await?;
    ensure!(answer.status() == 200, "the download was answered with {}", answer.status());
    let mut got = 0;
    while let Some(piece) = answer.chunk().await? {
        ensure!(file.get(got..got + piece.len()) == Some(&piece[..]), "other bytes came back");
        got += piece.len();
    }
    Ok(got)
}
