//! The SMPP client on one bind beside a bare loop of the same codec, both against the simulated SMSC, receipts on.
//!
//! Prints both sides of each round and the median of the rounds' ratios: `cargo bench -p estafette --bench smpp`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program that prints its figures; a failed step ends it"
)]

#[path = "../tests/channels/letter.rs"]
#[allow(dead_code, reason = "shared with the tests of the channels")]
mod letter;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use estafette::channels::sms::smpp::{Settings, Smpp};
use estafette_actors::domain::id::MessageId;
use estafette_actors::domain::inbound::Inbound;
use estafette_actors::domain::life::Outcome;
use estafette_actors::domain::receipt::Receipt;
use estafette_actors::domain::status::AttemptStatus;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::messages::Refused;
use estafette_actors::ports::{Ear, Transport};
use estafette_loadtest::Simulators;
use estafette_loadtest::bare_smpp::{self, Work};
use estafette_loadtest::simulators::{Settings as World, SmscSettings};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};

const WINDOW: usize = 100;
const MESSAGES: u64 = 40_000;
const ROUNDS: usize = 5;
const TEXT: &str = "Votre dossier est pret: prenez rendez-vous au guichet.";

#[derive(Clone, Default)]
struct Count(Arc<AtomicU64>);

impl Ear for Count {
    fn receipts(&self, receipts: Vec<Receipt>) -> BoxFuture<'static, Result<(), Refused>> {
        self.0.fetch_add(receipts.len() as u64, Ordering::Relaxed);
        Box::pin(async { Ok(()) })
    }

    fn inbound(&self, _: Vec<Inbound>) -> BoxFuture<'static, Result<(), Refused>> {
        Box::pin(async { Ok(()) })
    }
}

async fn smsc() -> Simulators {
    let mut smsc = SmscSettings { address: Some(([127, 0, 0, 1], 0).into()), ..SmscSettings::default() };
    (smsc.faults.receipts.delay_min_ms, smsc.faults.receipts.delay_max_ms) = (0, 20);
    let settings = World { address: ([127, 0, 0, 1], 0).into(), smsc, ..World::default() };
    Simulators::start(settings).await.unwrap()
}

fn a_second(began: Instant) -> f64 {
    MESSAGES as f64 / began.elapsed().as_secs_f64()
}

/// The codec alone: a window of submissions, receipts acknowledged as they come.
async fn bare() -> f64 {
    let simulators = smsc().await;
    let account = SmscSettings::default();
    let work = Work { messages: MESSAGES, window: WINDOW as u64, text: TEXT, receipts: true, account: &account };
    let took = bare_smpp::send(simulators.smsc_address().unwrap(), work).await.unwrap();
    simulators.stop().await;
    MESSAGES as f64 / took.as_secs_f64()
}

/// The client: each letter made into its message, in the window of one bind.
async fn client() -> f64 {
    let simulators = smsc().await;
    let settings: Settings = serde_json::from_value(serde_json::json!({
        "address": simulators.smsc_address().unwrap().to_string(), "system_id": "estafette", "password": "sandbox",
        "window": WINDOW,
    }))
    .unwrap();
    let channel = Smpp::new(&settings).unwrap();
    let heard = Count::default();
    let listening = tokio::spawn(channel.listen(Arc::new(heard.clone())).unwrap());
    while channel.bound() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let letter = letter::saying(letter::mobile(letter::MOBILE), TEXT);
    let began = Instant::now();
    let mut flying = FuturesUnordered::new();
    let (mut asked, mut answered) = (0, 0);
    while answered < MESSAGES {
        while asked < MESSAGES && flying.len() < WINDOW {
            // Each an attempt of its own: parts are known by theirs.
            let mut letter = letter.clone();
            letter.reference.message = MessageId::single(Timestamp::from_millis(1), 0, asked);
            flying.push(channel.send(letter));
            asked += 1;
        }
        match flying.next().await {
            Some(Outcome::Is(AttemptStatus::Sent, Some(_))) => answered += 1,
            other => panic!("{other:?}"),
        }
    }
    while heard.0.load(Ordering::Relaxed) < MESSAGES {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let speed = a_second(began);
    listening.abort();
    simulators.stop().await;
    speed
}

fn main() {
    // `cargo test --benches` only wants to see it start.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut ratios = Vec::new();
    for round in 1..=ROUNDS {
        let (bare, client) = runtime.block_on(async { (bare().await, client().await) });
        println!(
            "round {round}: bare loop {bare:>9.0} a second, client {client:>9.0} a second, ratio {:.2}",
            client / bare
        );
        ratios.push(client / bare);
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.2} ({:.2} to {:.2}); target 0.5", ratios[ROUNDS / 2], ratios[0], ratios[ROUNDS - 1]);
}
