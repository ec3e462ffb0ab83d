//! The list and a message on the pages, of people who have signed in, beside a handler that gives the same bytes to all.
//!
//! Invariant: both sides are asked by the same generator over as many connections, in turn. A time counts until the whole answer is there,
//! which is later than its first byte.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::ServiceConfig;
use actix_web::{HttpRequest, HttpResponse, web};
use anyhow::{Context, ensure};
use bytes::Bytes;
use estafette_loadtest::simulators::SamplePerson;

use super::browser::Browser;
use super::{Asked, document, large};
use crate::load::broker::Own;
use crate::load::figures::{Rounds, at_ms, say, verdict};
use crate::load::peer::Connection;
use crate::load::peers::sample::Sample;
use crate::load::request::Requests;
use crate::load::served::Served;
use crate::load::{closed, open};

/// Messages of each person.
const MESSAGES: u64 = 60;
/// Of these, so many are looked at.
const LOOKED_AT: usize = 20;
/// The text of a message.
const TEXT: &str = "<h2>Votre releve</h2><p>Madame, Monsieur,</p><p>Vous trouverez ci-joint le releve de l'annee.</p><ul><li>Periode</li><li>Montant</li></ul>";
/// Bytes of its file.
const FILE: usize = 2_000;
/// At a steady rate, at p99.
const TARGET_MS: f64 = 20.0;
/// A page with all that it needs.
const TARGET_BYTES: usize = 100_000;
/// The share of what the broker gets done that is a steady load.
const STEADY: f64 = 0.5;
/// Between a loop at full speed and what follows it.
const BREATH: Duration = Duration::from_secs(1);

/// A page: its name, and the requests for it with who may see it.
struct Kind {
    name: &'static str,
    /// Paths and cookies.
    asked: Vec<(String, String)>,
    /// Bytes of the page, and with all that it needs.
    bytes: (usize, usize),
    page: Bytes,
}

impl Kind {
    fn requests(&self, address: SocketAddr) -> Arc<Requests> {
        let one = |(path, cookies): &(String, String)| {
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept-Language: fr\r\nCookie: {cookies}\r\n\r\n")
                .into_bytes()
        };
        Arc::new(Requests::of(self.asked.iter().map(one).collect()))
    }
}

/// Measures, and prints.
pub async fn run(asked: &Asked, own: &Own, people: &[SamplePerson]) -> anyhow::Result<()> {
    for kind in kinds(own, people).await? {
        measure(asked, own, &kind).await?;
    }
    Ok(())
}

/// Publishes what there is to see, signs everybody in, and looks once.
async fn kinds(own: &Own, people: &[SamplePerson]) -> anyhow::Result<[Kind; 2]> {
    let (mut lists, mut messages) = (Vec::new(), Vec::new());
    let mut connection = Connection::open(own.api).await?;
    let mut first = None;
    for (place, person) in people.iter().enumerate() {
        let browser = Browser::signed_in(own, place).await?;
        for number in 0..MESSAGES {
            let file = document::pdf(number, FILE);
            let sent = document::publication(own.api, &own.key, &person.niss, Some(TEXT), &file);
            let status = connection.exchange(&sent).await?;
            let id = large::identifier(connection.body()).filter(|_| status == 201);
            let id = id.with_context(|| format!("publishing was answered with {status}"))?;
            messages.push((format!("/mailbox/messages/{id}"), browser.cookies()));
        }
        lists.push(("/mailbox/messages".to_owned(), browser.cookies()));
        first.get_or_insert(browser);
    }
    let mut browser = first.context("nobody signs in")?;
    // In an order in which neighbours are not of one person.
    let messages: Vec<_> =
        (0..LOOKED_AT).flat_map(|turn| messages.iter().skip(turn).step_by(MESSAGES as usize).cloned()).collect();
    let (list, message) = (weighed(&mut browser, &lists[0].0).await?, weighed(&mut browser, &messages[0].0).await?);
    Ok([
        Kind { name: "list of messages", asked: lists, bytes: (list.0.len(), list.1), page: list.0 },
        Kind { name: "message", asked: messages, bytes: (message.0.len(), message.1), page: message.0 },
    ])
}

/// A page, and its bytes with those of style, pictures and scripts that it names; nothing is compressed.
async fn weighed(browser: &mut Browser, path: &str) -> anyhow::Result<(Bytes, usize)> {
    let text = browser.page(path).await?;
    let mut all = text.len();
    let mut names: Vec<&str> = Vec::new();
    for tag in text.split('<').filter(|tag| ["link ", "img ", "script "].iter().any(|name| tag.starts_with(name))) {
        let value = |name: &str| tag.split_once(&format!("{name}=\"")).and_then(|(_, rest)| rest.split('"').next());
        names.extend(value("href").or_else(|| value("src")).filter(|name| name.starts_with('/')));
    }
    names.sort_unstable();
    names.dedup();
    for name in names {
        all += browser.page(name).await?.len();
    }
    Ok((text.into(), all))
}

async fn measure(asked: &Asked, own: &Own, kind: &Kind) -> anyhow::Result<()> {
    let page = kind.page.clone();
    let routes = move |app: &mut ServiceConfig| {
        app.app_data(web::Data::new(page.clone())).default_service(web::to(answer));
    };
    let floor = Served::start("floor-http", routes).await?;
    let sides = [floor.address, own.api].map(|address| (address, kind.requests(address)));
    let length = Duration::from_secs(asked.seconds);
    let mut rates = [Rounds::default(), Rounds::default()];
    let mut waits = [Rounds::default(), Rounds::default()];
    let mut steady = [Rounds::default(), Rounds::default()];
    let mut at_rate = Rounds::default();
    for round in 1..=asked.rounds {
        for (side, (address, requests)) in sides.iter().enumerate() {
            let told = closed::run(*address, requests, asked.connections, length, 200).await?;
            rates[side].push(told.per_second);
            waits[side].push(at_ms(&told.latency, 0.99));
            if asked.json {
                Sample::rate(["raw", "estafette"][side], told.per_second, length, at_ms(&told.latency, 0.99))
                    .print()?;
            }
        }
        let rate = ((rates[1].last() * STEADY) as u32).max(1);
        at_rate.push(f64::from(rate));
        for (side, (address, requests)) in sides.iter().enumerate() {
            tokio::time::sleep(BREATH).await;
            let told = open::run(*address, requests, rate, length, 200).await?;
            ensure!(told.lost() == 0, "not all were answered with 200: {:?}", told.others);
            steady[side].push(at_ms(&told.latency, 0.99));
        }
        eprintln!(
            "round {round}: {}: bare {:.0}, broker {:.0} a second; at {rate} a second p99 {:.2} and {:.2} ms",
            kind.name,
            rates[0].last(),
            rates[1].last(),
            steady[0].last(),
            steady[1].last()
        );
    }
    floor.stop().await?;
    if asked.json {
        return Ok(());
    }
    let (connections, rounds, seconds) = (asked.connections, asked.rounds, asked.seconds);
    say(&format!(
        "{}, {connections} connections, {rounds} rounds of {seconds} s: median (smallest to largest)",
        kind.name
    ));
    for (side, name) in ["bare answer", "broker     "].iter().enumerate() {
        say(&format!("{name} {} a second, p99 {} ms", rates[side].shown(0), waits[side].shown(1)));
    }
    let met = verdict(steady[1].median() <= TARGET_MS);
    let (rate, bare, broker) = (at_rate.shown(0), steady[0].shown(2), steady[1].shown(2));
    say(&format!(
        "steadily    {rate} a second: whole answer p99 {broker} ms, bare {bare} ms; target {TARGET_MS} ms: {met}"
    ));
    let met = verdict(kind.bytes.1 < TARGET_BYTES);
    say(&format!(
        "weight      {} bytes, {} with all that it needs; target {TARGET_BYTES}: {met}",
        kind.bytes.0, kind.bytes.1
    ));
    Ok(())
}

async fn answer(_: HttpRequest, page: web::Data<Bytes>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body(page.as_ref().clone())
}
