//! The broker is killed again and again at seeded instants, while senders submit and the channels
//! misbehave, citizens write, and an endpoint is called; in the end what it told anyone must be true. The channels and the
//! endpoint outlive it.
//!
//! `ESTAFETTE_CRASH_KILLS` says how often (8), `ESTAFETTE_CRASH_SEED` repeats the choices of a run (its
//! timing is the machine's), `ESTAFETTE_CRASH_PROGRAM` tests another build. One large broadcast is killed by itself:
//! `ESTAFETTE_CRASH_ROWS` (3,000) and `ESTAFETTE_CRASH_BROADCAST_KILLS` (4). It must not
//! look into the data folder: what isn't told over HTTP or found at a channel doesn't count.
#![cfg(feature = "sandbox")]
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rand::SeedableRng;
use rand::rngs::StdRng;

mod books;
mod broadcasts;
mod broker;
mod channels;
mod citizens;
mod endpoint;
mod feed;
mod instants;
mod ledgers;
mod one_broadcast;
mod plan;
#[path = "../webhooks/receiver.rs"]
mod receiver;
mod senders;
mod verdict;

use books::Books;
use broker::Broker;
use channels::Channels;
use endpoint::Endpoint;
use instants::{Fell, Moment};
use plan::Plan;
use senders::World;

/// How long it may take until all is settled once nothing is killed any more.
const DRAIN: Duration = Duration::from_secs(150);
/// How long a kill may take with what it waits for and the start after it, on a slow machine.
const KILL: Duration = Duration::from_secs(10);
/// How long the verdict may take; so much more for each fifty kills.
const VERDICT: Duration = Duration::from_secs(300);
/// From so many kills on a run must have met each kind of instant.
const MANY: u32 = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_told_survives_sigkill_at_any_instant() {
    let plan = Plan::from_environment();
    let (began, limit) = (Instant::now(), KILL * plan.kills + VERDICT * (1 + plan.kills / 50));
    eprintln!("crash: {} kills, ESTAFETTE_CRASH_SEED={}, {limit:?} at most", plan.kills, plan.seed);
    let folder = tempfile::tempdir().expect("a folder for the run");
    let outcome = tokio::time::timeout(limit, run(&plan, folder.path()))
        .await
        .unwrap_or_else(|_| Err(anyhow::anyhow!("not done after {limit:?}")));
    eprintln!("crash: {:.0} s in all", began.elapsed().as_secs_f64());
    if let Err(error) = outcome {
        let kept = folder.keep();
        panic!("{error:#}\nkept: {} (ESTAFETTE_CRASH_SEED={})", kept.display(), plan.seed);
    }
}

async fn run(plan: &Plan, folder: &std::path::Path) -> anyhow::Result<()> {
    let ports = plan::Ports::free()?;
    let channels = Arc::new(Channels::start(plan, ports, folder).await?);
    let mut broker = Broker::prepare(plan, ports, &channels, folder)?;
    let world = Arc::new(World::new(ports, broker.new_key()?, Books::default())?);

    broker.start()?;
    broker.ready(&world).await?;
    let endpoint = Endpoint::start(plan.seed);
    endpoint.register(&world).await?;
    let following = tokio::spawn(feed::follow(Arc::clone(&world)));
    let tasks = senders::start(&world, &channels, plan);
    let mut chance = StdRng::seed_from_u64(plan.seed);
    let began = Instant::now();
    for kill in 1..=plan.kills {
        let moment = Moment::choose(&mut chance);
        moment.wait(&mut chance, &mut broker, &world).await.with_context(|| format!("before kill {kill}"))?;
        broker.kill()?;
        world.books.kill();
        broker.start()?;
        let (told, seconds) = (world.books.accepted(), began.elapsed().as_secs_f64());
        eprintln!("crash: kill {kill} of {} {moment}, {told} accepted, {seconds:.1} s", plan.kills);
        if world.books.found_any() {
            break;
        }
    }
    broker.ready(&world).await?;
    world.stop.store(true, Relaxed);
    for task in tasks {
        tokio::time::timeout(DRAIN, task).await.context("a sender waited for an answer without end")??;
    }
    let followed = following.await?;
    let told = world.books.accepted();
    eprintln!("crash: {told} accepted, {} broadcasts; draining", world.books.broadcasts().len());
    let fell = Fell::read(broker.log(), plan.kills);

    let evidence = Evidence { world: &world, channels: &channels, endpoint: &endpoint, followed };
    let judged = evidence.judge(&mut broker, &mut chance).await;
    for id in world.books.suspects() {
        let trail = broker.trail(&id).await.unwrap_or_else(|error| format!("no answer: {error}"));
        eprintln!("crash: all that happened to {id}:\n    {trail}");
    }
    broker.kill()?;
    world.books.verdict()?;
    judged?;
    eprintln!("crash: {} kills: {fell}", plan.kills);
    ensure!(told >= u64::from(plan.kills) * 4, "only {told} messages were accepted: this run proves nothing");
    let is_many_sided = fell.before_late_writing > 0 && fell.in_closing > 0;
    ensure!(plan.kills < MANY || is_many_sided, "kills of some kind are missing: this run proves little");
    Ok(())
}

/// All that the outside saw.
struct Evidence<'r> {
    world: &'r World,
    channels: &'r Channels,
    endpoint: &'r Endpoint,
    followed: Vec<feed::Seen>,
}

impl Evidence<'_> {
    /// Notes all that is wrong after the last kill; the broker runs before and after.
    async fn judge(&self, broker: &mut Broker, chance: &mut StdRng) -> anyhow::Result<()> {
        let Self { world, channels, .. } = *self;
        verdict::drained(world, channels, DRAIN).await?;
        verdict::keys_still_hold(world, chance).await;
        ledgers::agree(world, channels).await?;
        broadcasts::are_whole(world).await?;
        // Nothing is under way any more, so neither death may change a word.
        let before = verdict::everything(world).await?;
        feed::is_whole(world, &self.followed, self.endpoint, &before.settled()?).await?;
        broker.kill()?;
        broker.start()?;
        broker.ready(world).await?;
        verdict::unchanged(world, &before, "a kill at rest").await?;
        broker.terminate().await?;
        broker.start()?;
        broker.ready(world).await?;
        verdict::unchanged(world, &before, "an orderly stop").await
    }
}
