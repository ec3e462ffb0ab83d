//! The broker is killed again and again at seeded instants, while senders submit and the channels
//! misbehave; in the end what it told anyone must be true. The channels outlive it.
//!
//! `ESTAFETTE_CRASH_KILLS` says how often (8), `ESTAFETTE_CRASH_SEED` repeats the choices of a run (its
//! timing is the machine's), `ESTAFETTE_CRASH_PROGRAM` tests another build. It must not
//! look into the data folder: what isn't told over HTTP or found at a channel doesn't count.
#![cfg(feature = "sandbox")]
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use estafette_loadtest::Simulators;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

mod books;
mod broadcasts;
mod broker;
mod ledgers;
mod plan;
mod senders;
mod verdict;

use books::Books;
use broker::Broker;
use plan::Plan;
use senders::World;

/// How long it may take until all is settled once nothing is killed any more.
const DRAIN: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_told_survives_sigkill_at_any_instant() {
    let plan = Plan::from_environment();
    eprintln!("crash: {} kills, ESTAFETTE_CRASH_SEED={}", plan.kills, plan.seed);
    let folder = tempfile::tempdir().expect("a folder for the run");
    let outcome = run(&plan, folder.path()).await;
    if let Err(error) = outcome {
        let kept = folder.keep();
        panic!("{error:#}\nkept: {} (ESTAFETTE_CRASH_SEED={})", kept.display(), plan.seed);
    }
}

async fn run(plan: &Plan, folder: &std::path::Path) -> anyhow::Result<()> {
    let ports = plan::Ports::free()?;
    let simulators = Simulators::start(plan.simulators(ports, folder)).await?;
    let mut broker = Broker::prepare(plan, ports, simulators.address(), folder)?;
    let world = Arc::new(World::new(ports, broker.new_key()?, Books::default())?);

    broker.start()?;
    broker.ready(&world).await?;
    let tasks = senders::start(&world, plan);
    let mut chance = StdRng::seed_from_u64(plan.seed);
    let began = Instant::now();
    for kill in 1..=plan.kills {
        wait_for_the_instant(&mut chance, &mut broker, &world).await.with_context(|| format!("before kill {kill}"))?;
        broker.kill()?;
        broker.start()?;
        if kill % 20 == 0 {
            let told = world.books.accepted();
            eprintln!("crash: {kill} kills, {told} accepted, {:.0} s", began.elapsed().as_secs_f64());
        }
        if world.books.found_any() {
            break;
        }
    }
    broker.ready(&world).await?;
    world.stop.store(true, Relaxed);
    for task in tasks {
        tokio::time::timeout(DRAIN, task).await.context("a sender waited for an answer without end")??;
    }
    let told = world.books.accepted();
    eprintln!("crash: {told} accepted, {} broadcasts; draining", world.books.broadcasts().len());

    verdict::drained(&world, &simulators, DRAIN).await?;
    verdict::keys_still_hold(&world, &mut chance).await;
    ledgers::agree(&world, &simulators).await?;
    broadcasts::are_whole(&world).await?;
    // Nothing is under way any more, so neither death may change a word.
    let before = verdict::everything(&world).await?;
    broker.kill()?;
    broker.start()?;
    broker.ready(&world).await?;
    verdict::unchanged(&world, &before, "a kill at rest").await?;
    broker.terminate().await?;
    broker.start()?;
    broker.ready(&world).await?;
    verdict::unchanged(&world, &before, "an orderly stop").await?;
    broker.kill()?;
    simulators.stop().await;
    world.books.verdict()?;
    ensure!(told >= u64::from(plan.kills) * 4, "only {told} messages were accepted: this run proves nothing");
    Ok(())
}

/// Half of the kills come a short time after the start, wherever that may be; the others in the second
/// after an acceptance, when facts are on disk and what is derived from them is not.
async fn wait_for_the_instant(chance: &mut StdRng, broker: &mut Broker, world: &World) -> anyhow::Result<()> {
    if chance.random_bool(0.5) {
        tokio::time::sleep(Duration::from_millis(chance.random_range(5..1_500))).await;
        return broker.alive();
    }
    broker.ready(world).await?;
    let before = world.books.accepted();
    let until = Instant::now() + Duration::from_secs(5);
    while world.books.accepted() == before && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_micros(chance.random_range(0..1_000_000))).await;
    broker.alive()
}
