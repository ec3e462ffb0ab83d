//! Callbacks: how fast a sender is told while messages travel, and whether a kill loses any.
//!
//! A callback tells one event; `--types` says which are wanted, so by default one for each message. In the end the feed is read from its
//! beginning: what the webhook wants and was not called for is lost. The raw limit is the same endpoint called by a bare loop with bodies of the same size,
//! signed, over as many connections; beside it the broker tells a part of the feed once more while nothing else goes on.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use estafette_loadtest::ledger::Channel;
use estafette_loadtest::{Settings, Simulators};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use super::broker::{Own, Plan, Program};
use super::endpoint::{Endpoint, Signer};
use super::figures::{self, Rounds, at_ms, say, verdict};
use super::open;
use super::request::Requests;
use super::sender::{Draft, Sender, Told};

/// The share of the rate that must be told in the median second.
const TARGET: f64 = 0.99;
/// Calls at once: as the broker's default for a webhook.
const AT_ONCE: usize = 32;
/// Seconds at the beginning that are not counted.
const WARM_UP: Duration = Duration::from_secs(2);
/// How long everything may take to be settled and told once nothing new comes.
const PATIENCE: Duration = Duration::from_secs(120);
/// Events that are told again in a round.
const AGAIN: usize = 30_000;
/// Length of a round of the bare loop.
const ROUND: Duration = Duration::from_secs(4);

/// What is asked on the command line.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    program: Program,
    /// Messages a second.
    #[arg(long, default_value_t = 5_000)]
    rate: u32,
    /// How long they come.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Kills the broker in the middle (SIGKILL), and starts it again at once.
    #[arg(long)]
    kill: bool,
    /// Messages are rows of one broadcast, else single submissions over HTTP.
    #[arg(long)]
    broadcast: bool,
    /// Messages go over the HTTP gateway, else over SMPP.
    #[arg(long)]
    http: bool,
    /// Types of events wanted, with commas between them.
    #[arg(long, value_delimiter = ',', default_value = "message.settled")]
    types: Vec<String>,
    /// Rounds of the bare loop, and of telling again.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

impl Arguments {
    fn channel(&self) -> Channel {
        if self.http { Channel::Sms } else { Channel::Smsc }
    }

    fn messages(&self) -> u64 {
        u64::from(self.rate) * self.seconds
    }

    fn types(&self) -> Vec<&str> {
        self.types.iter().map(String::as_str).collect()
    }
}

/// How far everything was at a moment.
#[derive(Clone, Copy)]
struct Sample {
    at: Instant,
    told: u64,
    sent: u64,
}

/// A stretch of time, and how long after their events calls came in it.
struct Stretch {
    from: Instant,
    to: Instant,
    delay: Histogram<u64>,
}

impl Stretch {
    /// Ends here; what the endpoint noted since the last stretch is of this one.
    fn since(from: Instant, endpoint: &Endpoint) -> Self {
        let delay = endpoint.look(|noted| std::mem::replace(&mut noted.delay, figures::histogram()));
        Self { from, to: Instant::now(), delay }
    }

    /// Callbacks and messages of each whole second in it.
    fn seconds(&self, samples: &[Sample]) -> (Rounds, Rounds) {
        let (mut told, mut sent) = (Rounds::default(), Rounds::default());
        for pair in samples.windows(2).filter(|pair| pair[0].at >= self.from && pair[1].at <= self.to) {
            let seconds = (pair[1].at - pair[0].at).as_secs_f64();
            told.push((pair[1].told - pair[0].told) as f64 / seconds);
            sent.push((pair[1].sent - pair[0].sent) as f64 / seconds);
        }
        (told, sent)
    }

    fn say(&self, name: &str, samples: &[Sample]) {
        let (told, sent) = self.seconds(samples);
        let (half, most) = (at_ms(&self.delay, 0.5), at_ms(&self.delay, 0.99));
        let (told, sent) = (told.shown(0), sent.shown(0));
        say(&format!(
            "{name:<14} {told} callbacks a second, {sent} messages a second; p50 {half:.0}, p99 {most:.0} ms after the event"
        ));
    }
}

/// What came of the messages.
struct Travelled {
    samples: Vec<Sample>,
    before: Option<Stretch>,
    last: Stretch,
    down: Option<Duration>,
    /// Submissions that were acknowledged, or rows.
    acknowledged: u64,
    others: Vec<String>,
}

/// Measures, and prints.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    ensure!(arguments.rate > 0 && arguments.seconds > 5, "give a rate, and more than 5 seconds");
    let mut settings = Settings::default();
    settings.address.set_port(0);
    settings.smsc.address = (!arguments.http).then_some(settings.address);
    let simulators = Simulators::start(settings.clone()).await?;
    let sms_per_second = if arguments.broadcast { arguments.rate } else { 0 };
    let plan = Plan { sms_per_second, smpp: !arguments.http, ..Plan::default() };
    let mut own = Own::prepare(&arguments.program, &simulators, &settings, &plan)?;
    own.start()?;
    own.ready().await?;
    let sender = Sender::new(&own)?;
    let endpoint = Endpoint::start().await?;
    let signer = Signer::new(&sender.listen(&endpoint.url(), &arguments.types()).await?)?;
    endpoint.trust(signer.clone())?;
    let travelled = travel(&arguments, &mut own, &sender, &endpoint, &simulators).await?;
    let (told, missing, drained) = compare(&arguments, &sender, &endpoint, &travelled).await?;
    own.still_there()?;
    let (calls, ids) = endpoint.look(|noted| (noted.calls, noted.ids.len() as u64));
    let (checked, forged) = endpoint.look(|noted| (noted.checked, noted.forged));
    let (raw, again) = alone(&arguments, &sender, &endpoint, &signer, &told).await?;
    let bytes = endpoint.look(|noted| noted.bytes / noted.calls.max(1));
    own.kill()?;
    endpoint.stop().await?;
    simulators.stop().await;

    let (how, over) = (
        if arguments.broadcast { "rows of a broadcast" } else { "single submissions" },
        if arguments.http { "the HTTP gateway" } else { "SMPP" },
    );
    say(&format!(
        "callbacks for {}, {} {how} a second for {} s over {over}: median second (smallest to largest)",
        arguments.types.join(", "),
        arguments.rate,
        arguments.seconds
    ));
    if let (Some(before), Some(down)) = (&travelled.before, travelled.down) {
        before.say("before a kill", &travelled.samples);
        say(&format!("down           {:.2} s, from SIGKILL to ready", down.as_secs_f64()));
        travelled.last.say("after it", &travelled.samples);
    } else {
        travelled.last.say("broker", &travelled.samples);
    }
    for other in &travelled.others {
        say(&format!("not taken      {other}"));
    }
    let (events, acknowledged) = (told.wanted.len(), travelled.acknowledged);
    say(&format!(
        "told           {ids} of {events} events, {missing} lost; {} calls repeated one; all told {drained:.1} s after the last message",
        calls - ids
    ));
    let messages = if arguments.broadcast { acknowledged } else { told.accepted };
    let unsettled = messages.saturating_sub(told.settled.len() as u64);
    say(&format!(
        "messages       {acknowledged} acknowledged, {messages} on disk, {unsettled} of them not settled; {forged} of {checked} signatures wrong"
    ));
    say(&format!(
        "alone          raw limit {} a second, broker {} a second, ratio {:.2}; {AT_ONCE} at once, {bytes} bytes a call",
        raw.shown(0),
        again.shown(0),
        again.median() / raw.median()
    ));
    let steady = travelled.before.as_ref().unwrap_or(&travelled.last).seconds(&travelled.samples).0.median();
    let least = TARGET * f64::from(arguments.rate);
    let is_met = steady >= least && missing == 0 && unsettled == 0 && forged == 0 && messages >= acknowledged;
    say(&format!("target         {least:.0} callbacks in the median second, none lost: {}", verdict(is_met)));
    Ok(())
}

/// Sends the messages, with the kill in their middle, and looks every second how far everything is.
async fn travel(
    arguments: &Arguments,
    own: &mut Own,
    sender: &Sender,
    endpoint: &Endpoint,
    simulators: &Simulators,
) -> anyhow::Result<Travelled> {
    let requests = Arc::new(Requests::submissions(own.api, &own.key, "respond-async"));
    let draft = if arguments.broadcast { Some(sender.draft(&Draft::sms(arguments.messages())).await?) } else { None };
    let (api, length) = (own.api, Duration::from_secs(arguments.seconds));
    let begun = Instant::now();
    let drive = async {
        let Some(draft) = draft else {
            let round = open::run(api, &requests, arguments.rate, length, 202).await?;
            let others = round.others.into_iter().map(|(what, count)| format!("{count} times {what}")).collect();
            return Ok((round.latency.len(), others));
        };
        sender.start(&draft).await?;
        while simulators.count(arguments.channel()).total < arguments.messages() {
            ensure!(begun.elapsed() < length + PATIENCE, "the broadcast was not sent within {PATIENCE:?} more");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::Ok((arguments.messages(), Vec::new()))
    };
    let kill = async {
        if !arguments.kill {
            return anyhow::Ok(None);
        }
        tokio::time::sleep(length / 2).await;
        let before = Stretch::since(begun + WARM_UP, endpoint);
        let killed = Instant::now();
        own.kill()?;
        own.start()?;
        own.ready().await?;
        Ok(Some((before, killed.elapsed(), Instant::now())))
    };
    let mut samples = Vec::new();
    let ((acknowledged, others), killed) = tokio::select! {
        both = futures_util::future::try_join(drive, kill) => both?,
        never = sample(&mut samples, arguments.channel(), endpoint, simulators) => match never {},
    };
    let (before, down, from) = match killed {
        Some((before, down, again)) => (Some(before), Some(down), again),
        None => (None, None, begun + WARM_UP),
    };
    Ok(Travelled { samples, before, last: Stretch::since(from, endpoint), down, acknowledged, others })
}

async fn sample(
    samples: &mut Vec<Sample>,
    channel: Channel,
    endpoint: &Endpoint,
    simulators: &Simulators,
) -> Infallible {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        second.tick().await;
        let told = endpoint.look(|noted| noted.ids.len() as u64);
        samples.push(Sample { at: Instant::now(), told, sent: simulators.count(channel).total });
    }
}

/// Reads the feed until all is settled and told; gives it, how many events nobody was called for, and the seconds that it took.
async fn compare(
    arguments: &Arguments,
    sender: &Sender,
    endpoint: &Endpoint,
    travelled: &Travelled,
) -> anyhow::Result<(Told, usize, f64)> {
    let begun = Instant::now();
    let mut told = Told::default();
    loop {
        let looked = begun.elapsed();
        sender.read(&mut told, &arguments.types()).await?;
        let missing = endpoint.look(|noted| told.wanted.iter().filter(|id| !noted.ids.contains(*id)).count());
        let messages = if arguments.broadcast { travelled.acknowledged } else { told.accepted };
        if (missing == 0 && told.settled.len() as u64 >= messages) || looked > PATIENCE {
            return Ok((told, missing, looked.as_secs_f64()));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The bare loop and the broker in turn, with nothing else going on; calls a second of each.
async fn alone(
    arguments: &Arguments,
    sender: &Sender,
    endpoint: &Endpoint,
    signer: &Signer,
    told: &Told,
) -> anyhow::Result<(Rounds, Rounds)> {
    let (mut raw, mut again) = (Rounds::default(), Rounds::default());
    let count = AGAIN.min(told.wanted.len().saturating_sub(1));
    let (Some(after), Some(until)) = (told.wanted.first(), told.wanted.get(count)) else { return Ok((raw, again)) };
    for round in 1..=arguments.rounds {
        raw.push(bare(endpoint, signer, round).await?);
        let before = endpoint.calls();
        let begun = Instant::now();
        sender.listen_again(after, until).await?;
        while endpoint.calls() < before + count as u64 {
            ensure!(begun.elapsed() < PATIENCE, "a part of the feed was not told again within {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        again.push(count as f64 / begun.elapsed().as_secs_f64());
        // Its end is noted a moment after the last call; before that no other part is taken.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok((raw, again))
}

/// Calls a second of the raw limit: a client of the same kind in a loop on each of so many connections.
async fn bare(endpoint: &Endpoint, signer: &Signer, round: u32) -> anyhow::Result<f64> {
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).tcp_nodelay(true);
    let client = client.pool_max_idle_per_host(AT_ONCE).build()?;
    let body = endpoint.look(|noted| noted.last.clone());
    let (before, begun) = (endpoint.calls(), Instant::now());
    let mut tasks = JoinSet::new();
    for place in 0..AT_ONCE {
        let (client, signer, body, url) = (client.clone(), signer.clone(), body.clone(), endpoint.url());
        tasks.spawn(async move {
            let mut number = 0_u64;
            while begun.elapsed() < ROUND {
                number += 1;
                // As long as the id of an event.
                let (id, at) = (format!("raw_{round:02}{place:02}{number:028}"), "1800000000");
                let request = client.post(&url).header("content-type", "application/json").header("webhook-id", &id);
                let request = request.header("webhook-timestamp", at);
                let signed = request.header("webhook-signature", signer.sign(&id, at, &body));
                let answer = signed.body(body.clone()).send().await.context("call the endpoint")?;
                ensure!(answer.status().is_success(), "the endpoint answered {}", answer.status());
                answer.bytes().await?;
            }
            Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok((endpoint.calls() - before) as f64 / begun.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_that_the_kill_cut_counts_for_no_side() {
        let begun = Instant::now();
        let at = |second: u64, told| Sample { at: begun + Duration::from_secs(second), told, sent: told * 2 };
        let samples = [at(0, 0), at(1, 10), at(2, 30), at(3, 31), at(4, 61)];
        let stretch = |from_ms, to_ms| Stretch {
            from: begun + Duration::from_millis(from_ms),
            to: begun + Duration::from_millis(to_ms),
            delay: figures::histogram(),
        };
        assert_eq!(stretch(0, 2_500).seconds(&samples).0.shown(0), "10 (10 to 20)");
        assert_eq!(stretch(2_600, 4_000).seconds(&samples).1.shown(0), "60 (60 to 60)");
    }
}
