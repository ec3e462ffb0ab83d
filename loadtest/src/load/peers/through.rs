//! Single submissions through to SMPP, by this broker or by Kannel: from the first request to the last message in the SMSC's ledger,
//! or to the last receipt.
//!
//! The raw limit is a bare loop of the codec on one bind with the same window, against the same SMSC. Invariant: what was accepted
//! in a round has all arrived at its end, so nobody gains by letting it wait.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use estafette_loadtest::bare_smpp::{self, Work};
use estafette_loadtest::ledger::Channel;
use estafette_loadtest::{Settings, Simulators};

use super::counter::Counter;
use super::kannel::Kannel;
use super::sample::{Report, Sample};
use super::submit::{Until, submit, wait};
use crate::load::broker::{self, Own, Plan, Program};
use crate::load::request::Requests;
use crate::load::sender::{Sender, Told};

/// Messages before the clock runs.
const WARM_UP: u64 = 500;
/// Messages of the bare loop.
const BARE: u64 = 200_000;

/// Who carries the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum By {
    /// This broker.
    Estafette,
    /// Debian's Kannel, with its file store.
    Kannel,
    /// A bare loop that submits to the SMSC itself.
    Bare,
}

/// What becomes of receipts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Receipts {
    /// The SMSC gives none.
    None,
    /// Each is taken, and the message settled by it.
    Settled,
    /// And the sender is called for each message.
    Called,
}

/// What is asked on the command line.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Who carries the messages.
    #[arg(long, value_enum, default_value_t = By::Estafette)]
    by: By,
    /// What becomes of receipts.
    #[arg(long, value_enum, default_value_t = Receipts::Called)]
    receipts: Receipts,
    #[command(flatten)]
    program: Program,
    /// How long submissions come; what waits then is waited for.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Kept connections.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Rounds, each with a side that is started anew.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Prints a line of JSON for each measurement.
    #[arg(long)]
    json: bool,
}

/// Measures, and prints.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    ensure!(arguments.rounds > 0 && arguments.seconds > 0 && arguments.connections > 0, "give at least 1 of each");
    ensure!(
        arguments.by != By::Kannel || arguments.receipts != Receipts::Settled,
        "Kannel keeps no state of a message: give --receipts none or called"
    );
    let title = format!(
        "single submissions through to SMPP, {} connections, {} s, {} rounds",
        arguments.connections, arguments.seconds, arguments.rounds
    );
    let mut report = Report::new(title, arguments.json);
    for _ in 0..arguments.rounds {
        report.add(&once(&arguments).await?)?;
    }
    report.end();
    Ok(())
}

async fn once(arguments: &Arguments) -> anyhow::Result<Sample> {
    let settings = smsc(arguments.receipts != Receipts::None);
    let simulators = Simulators::start(settings.clone()).await?;
    let parent = arguments.program.parent();
    let sample = match arguments.by {
        By::Estafette => estafette(arguments, &simulators, &settings).await,
        By::Kannel => kannel(arguments, &parent, &simulators, &settings).await,
        By::Bare => bare(BARE, arguments.receipts != Receipts::None, &simulators, &settings).await,
    };
    simulators.stop().await;
    sample
}

/// Simulators whose SMSC listens, and gives receipts soon, or none.
pub fn smsc(receipts: bool) -> Settings {
    let mut settings = Settings::default();
    settings.address.set_port(0);
    settings.smsc.address = Some(settings.address);
    let faults = &mut settings.smsc.faults.receipts;
    (faults.delay_min_ms, faults.delay_max_ms) = (10, 50);
    faults.missing = if receipts { 0.0 } else { 1.0 };
    settings
}

/// The bare loop of the codec.
pub async fn bare(
    messages: u64,
    receipts: bool,
    simulators: &Simulators,
    settings: &Settings,
) -> anyhow::Result<Sample> {
    let smsc = simulators.smsc_address().context("the simulated SMSC does not listen")?;
    let text = "Votre rendez-vous est demain a 10 h. Repondez STOP pour ne plus rien recevoir.";
    let window = u64::from(broker::SMPP_WINDOW);
    let work = Work { messages, window, text, receipts, account: &settings.smsc };
    Ok(Sample::of("raw", messages, bare_smpp::send(smsc, work).await?))
}

/// Messages of which nothing is waited for any more at the SMSC.
pub fn over(simulators: &Simulators) -> u64 {
    // What waits is looked at last: a receipt is planned when its message is in the ledger.
    let taken = simulators.count(Channel::Smsc).total;
    taken.saturating_sub(simulators.to_bring() as u64)
}

async fn estafette(arguments: &Arguments, simulators: &Simulators, settings: &Settings) -> anyhow::Result<Sample> {
    let plan = Plan { smpp: true, ..Plan::default() };
    let mut own = Own::prepare(&arguments.program, simulators, settings, &plan)?;
    own.start()?;
    own.ready().await?;
    let sender = Sender::new(&own)?;
    let counter = Counter::start().await?;
    if arguments.receipts == Receipts::Called {
        sender.listen(&format!("http://{}/", counter.address), &["message.settled"]).await?;
    }
    let done = || match arguments.receipts {
        Receipts::None => simulators.count(Channel::Smsc).total,
        Receipts::Settled => over(simulators),
        Receipts::Called => counter.count(),
    };
    let requests = Arc::new(Requests::submissions(own.api, &own.key, "respond-async"));
    let (api, connections) = (own.api, arguments.connections);
    submit(api, &requests, connections, 0, Until::Count(WARM_UP), 202).await?;
    wait("warming up", WARM_UP, done, || own.still_there()).await?;
    let begun = Instant::now();
    let until = Until::After(Duration::from_secs(arguments.seconds));
    let taken = submit(api, &requests, connections, WARM_UP, until, 202).await?;
    wait("messages", WARM_UP + taken, done, || own.still_there()).await?;
    let took = begun.elapsed();
    if arguments.receipts != Receipts::None {
        settled(&sender, WARM_UP + taken).await?;
    }
    own.kill()?;
    counter.stop().await?;
    let side = match arguments.receipts {
        Receipts::None => "estafette",
        Receipts::Settled => "estafette, receipts settled",
        Receipts::Called => "estafette, sender called",
    };
    Ok(Sample::of(side, taken, took))
}

/// Fails when the feed has not as many settlements as there were messages: then the figure would be of receipts that were taken for others.
async fn settled(sender: &Sender, messages: u64) -> anyhow::Result<()> {
    let (begun, mut told) = (Instant::now(), Told::default());
    loop {
        sender.read(&mut told, &[]).await?;
        if told.settled.len() as u64 == messages {
            return Ok(());
        }
        if begun.elapsed() > Duration::from_secs(20) {
            bail!("{} of {messages} messages are settled, although every receipt was taken", told.settled.len());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn kannel(
    arguments: &Arguments,
    parent: &Path,
    simulators: &Simulators,
    settings: &Settings,
) -> anyhow::Result<Sample> {
    let smsc = simulators.smsc_address().context("the simulated SMSC does not listen")?;
    let mut kannel = Kannel::start(parent, smsc, &settings.smsc).await?;
    let counter = Counter::start().await?;
    let is_called = arguments.receipts == Receipts::Called;
    let done = || if is_called { counter.count() } else { simulators.count(Channel::Smsc).total };
    let requests = Arc::new(Requests::sendsms(kannel.sendsms, is_called.then_some(counter.address)));
    let (api, connections) = (kannel.sendsms, arguments.connections);
    submit(api, &requests, connections, 0, Until::Count(WARM_UP), 202).await?;
    wait("warming up", WARM_UP, done, || kannel.still_there()).await?;
    let begun = Instant::now();
    let until = Until::After(Duration::from_secs(arguments.seconds));
    let taken = submit(api, &requests, connections, WARM_UP, until, 202).await?;
    wait("messages", WARM_UP + taken, done, || kannel.still_there()).await?;
    let took = begun.elapsed();
    drop(kannel);
    counter.stop().await?;
    Ok(Sample::of("kannel", taken, took))
}
