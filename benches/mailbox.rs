//! Mailboxes at their size: a document linked to many, beside append and fdatasync; listing random mailboxes, and a large one; bytes a
//! link; and opening after a kill.
//!
//! `cargo bench --bench mailbox -- [--mailboxes 200000] [--links 1000000] [--recipients 100000] [--callers 4] [--seconds 5]
//! [--folder DIR]`. By hand and not with criterion: each measurement needs the one before it on disk. A folder that has links keeps
//! them, and gets none before the measurement. The process that is killed is this program again.
#![allow(clippy::print_stdout, reason = "what it measures is for people to read")]
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use estafette::store::mailbox::{Mailboxes, Settings};
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::domain::mailbox::document::{
    Attachment, Body, Digest, Document, DocumentId, Hosting, LINKS, Scan,
};
use estafette_actors::domain::mailbox::evidence::Signed;
use estafette_actors::domain::mailbox::item::Filter;
use estafette_actors::domain::mailbox::media::MediaType;
use estafette_actors::domain::mailbox::reference::RefId;
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::mailbox::{Access, Actor, Face, Mailboxes as _, Publication, Rights, Signer, Trouble};
use estafette_actors::ports::{Clock, SystemClock};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const FILES: [&str; 3] = ["mailbox.redb", "mailbox.log.redb", "index-mailbox.redb"];
/// Links of one document before the measurement.
const EACH: u64 = 1_000_000;
/// Items of the large mailbox.
const LARGE: u64 = 10_000;
const KILLED: &str = "--killed";

struct Plan {
    mailboxes: u64,
    links: u64,
    recipients: u64,
    callers: usize,
    seconds: u64,
    folder: Option<PathBuf>,
    is_killed: bool,
}

impl Plan {
    fn of_arguments() -> Self {
        let mut plan = Self {
            mailboxes: 200_000,
            links: 1_000_000,
            recipients: 100_000,
            callers: 4,
            seconds: 5,
            folder: None,
            is_killed: false,
        };
        let mut given = std::env::args().skip(1);
        while let Some(name) = given.next() {
            let mut number = || given.next().and_then(|text| text.replace('_', "").parse().ok());
            match name.as_str() {
                "--mailboxes" => plan.mailboxes = number().expect("--mailboxes: a number"),
                "--links" => plan.links = number().expect("--links: a number"),
                "--recipients" => plan.recipients = number().expect("--recipients: a number"),
                "--callers" => plan.callers = number().expect("--callers: a number") as usize,
                "--seconds" => plan.seconds = number().expect("--seconds: a number"),
                "--folder" => plan.folder = given.next().map(PathBuf::from),
                KILLED => plan.is_killed = true,
                // What cargo adds.
                _ => {}
            }
        }
        assert!(plan.recipients <= plan.mailboxes, "a document is linked to a mailbox once");
        plan
    }
}

struct Plain;

impl Signer for Plain {
    fn sign(&self, payload: &[u8]) -> Signed {
        Signed(String::from_utf8_lossy(payload).into())
    }
}

fn open(folder: &Path) -> Mailboxes {
    Mailboxes::open(Settings::new(folder), [7; 32], Arc::new(Plain), Arc::new(SystemClock)).expect("mailboxes")
}

fn mailbox(number: u64) -> MailboxId {
    // Spread as birth dates are, and nobody's.
    MailboxId::Citizen(Niss::from_trusted_u64(10_000_000_000 + number * 7_001))
}

/// All mailboxes once, in an order that looks like none: the step has no factor in common with their number.
fn shuffled(place: u64, round: u64, mailboxes: u64) -> u64 {
    let mut step = (mailboxes / 5 * 3 + 1 + round * 2) | 1;
    while gcd(step, mailboxes) != 1 {
        step += 2;
    }
    (u128::from(place) * u128::from(step) % u128::from(mailboxes)) as u64
}

fn gcd(one: u64, other: u64) -> u64 {
    if other == 0 { one } else { gcd(other, one % other) }
}

fn sender() -> Institution {
    Institution(Cbe::parse("0403019261").expect("a valid number"))
}

fn access() -> Access {
    let actor = Actor::Sender { institution: sender(), key: "k-0123456789".into() };
    Access { actor, face: Face::Registry, ticket: Some("2026-11-28-000001".into()) }
}

fn document(number: u64) -> Document {
    let published_at = SystemClock.now();
    let attachment = Attachment {
        number: 1,
        title: Translated::of(Language::Fr, "Votre lettre".into()),
        file_name: "lettre.pdf".into(),
        media_type: MediaType::Pdf,
        is_main: true,
        size: 50_000,
        digest: Some(Digest([1; 32])),
        is_signed: false,
        content: Some(format!("content-{number:032}").into()),
        scan: Scan::Clean,
    };
    let html: Box<str> = "<p>Bonjour</p>".repeat(50).into();
    Document {
        id: DocumentId::new(published_at, number),
        sender: sender(),
        application: Some(RefId::parse("application-1").expect("an identifier")),
        message_type: RefId::parse("pension-statement").expect("an identifier"),
        subject: Translated::of(Language::Fr, format!("Votre pension {number}").into()),
        body: Some(Body { html: Translated::of(Language::Fr, html), is_main: false }),
        attachments: vec![attachment],
        business: vec![],
        payment: None,
        author: None,
        attention: None,
        replies_to: None,
        may_be_replied_to: false,
        is_registered: false,
        published_at,
        expires_at: published_at.plus(Duration::from_secs(365 * 24 * 3_600)),
        hosting: Hosting::Here,
    }
}

fn percentile(times: &mut [Duration], of: f64) -> Duration {
    times.sort_unstable();
    times.get(((times.len() as f64 - 1.0) * of) as usize).copied().unwrap_or_default()
}

/// Links a document to mailboxes at some places of an order, in calls of 1,000, by so many callers; gives the time of each call.
async fn link(mailboxes: &Mailboxes, id: DocumentId, recipients: Arc<Vec<u64>>, callers: usize) -> Vec<Duration> {
    let next = Arc::new(AtomicU64::new(0));
    let caller = || {
        let (mailboxes, recipients, next) = (mailboxes.clone(), Arc::clone(&recipients), Arc::clone(&next));
        tokio::spawn(async move {
            let mut times = Vec::new();
            loop {
                let call = next.fetch_add(1, Ordering::Relaxed) as usize;
                let Some(some) = recipients.chunks(LINKS).nth(call) else { return times };
                let some: Vec<MailboxId> = some.iter().map(|number| mailbox(*number)).collect();
                let (count, asked) = (some.len() as u32, Instant::now());
                let linked = mailboxes.link(access(), sender(), id, some).await.expect("a link");
                assert_eq!(linked.new, count);
                times.push(asked.elapsed());
            }
        })
    };
    let callers: Vec<_> = (0..callers).map(|_| caller()).collect();
    let mut times = Vec::new();
    for caller in callers {
        times.extend(caller.await.expect("a caller"));
    }
    times
}

async fn publish(mailboxes: &Mailboxes, number: u64, first: u64) -> DocumentId {
    loop {
        let publication =
            Publication { document: document(number), recipients: vec![mailbox(first)], idempotency: None };
        match mailboxes.publish(access(), publication).await {
            Ok(linked) => return linked.document.id,
            Err(Trouble::Overloaded) => tokio::time::sleep(Duration::from_millis(1)).await,
            Err(trouble) => unreachable!("the disk of the bench: {trouble}"),
        }
    }
}

fn main() {
    let plan = Plan::of_arguments();
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = plan.folder.clone().unwrap_or_else(|| temporary.path().to_owned());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    if plan.is_killed {
        return runtime.block_on(until_killed(&open(&folder), &plan));
    }
    runtime.block_on(measure(&plan, &folder));
}

async fn measure(plan: &Plan, folder: &Path) {
    let mailboxes = open(folder);
    let figure = |mailboxes: &Mailboxes, name: &str| {
        mailboxes.figures().into_iter().find(|(known, _)| *known == name).map_or(0, |(_, value)| value)
    };
    if figure(&mailboxes, "documents") == 0 {
        before(&mailboxes, plan).await;
        large(&mailboxes, plan).await;
    }
    mailboxes.engine().flush().expect("a flush");
    println!("before: {}", files(folder).0);
    raw(folder, plan);
    let recipients: Arc<Vec<u64>> =
        Arc::new((1..=plan.recipients).map(|place| shuffled(place, 77, plan.mailboxes)).collect());
    let (bytes, begun) = (files(folder).1, Instant::now());
    let id = publish(&mailboxes, 900_000_000, shuffled(0, 77, plan.mailboxes)).await;
    let mut times = link(&mailboxes, id, Arc::clone(&recipients), plan.callers).await;
    let rate = plan.recipients as f64 / begun.elapsed().as_secs_f64();
    println!(
        "one document linked to {} mailboxes in calls of {LINKS} by {} callers: {rate:.0} links/s, a call p50 {:?}, p99 {:?}, slowest {:?}",
        plan.recipients,
        plan.callers,
        percentile(&mut times, 0.5),
        percentile(&mut times, 0.99),
        percentile(&mut times, 1.0),
    );
    let some: Vec<MailboxId> = recipients.iter().take(LINKS).map(|number| mailbox(*number)).collect();
    let asked = Instant::now();
    let again = mailboxes.link(access(), sender(), id, some).await.expect("a link");
    println!("a call that was made before: {:?}, {} new", asked.elapsed(), again.new);
    tokio::time::sleep(Duration::from_secs(2)).await;
    println!("bytes a link on disk: {:.1}", (files(folder).1.saturating_sub(bytes)) as f64 / plan.recipients as f64);
    println!("after: {}; {:?}", files(folder).0, mailboxes.figures());
    lists(&mailboxes, plan).await;
    mailboxes.close();
    drop(mailboxes);
    killed(plan, folder).await;
}

/// What is there before: documents of a million links each.
async fn before(mailboxes: &Mailboxes, plan: &Plan) {
    let begun = Instant::now();
    let rounds = plan.mailboxes / EACH.min(plan.mailboxes);
    for number in 0..plan.links.div_ceil(EACH) {
        let round = number / rounds.max(1);
        let first = number % rounds.max(1) * EACH;
        let count = EACH.min(plan.mailboxes).min(plan.links - number * EACH);
        let recipients = (first + 1..first + count).map(|place| shuffled(place, round, plan.mailboxes)).collect();
        let id = publish(mailboxes, number, shuffled(first, round, plan.mailboxes)).await;
        link(mailboxes, id, Arc::new(recipients), plan.callers).await;
    }
    println!("{} links before: {:.0} links/s", plan.links, plan.links as f64 / begun.elapsed().as_secs_f64());
}

/// A mailbox of many items.
async fn large(mailboxes: &Mailboxes, plan: &Plan) {
    let begun = Instant::now();
    let caller = |caller: u64| {
        let (mailboxes, of) = (mailboxes.clone(), plan.mailboxes);
        tokio::spawn(async move {
            for number in (caller..LARGE).step_by(64) {
                publish(&mailboxes, 1_000_000_000 + number, of).await;
            }
        })
    };
    for caller in (0..64).map(caller).collect::<Vec<_>>() {
        caller.await.expect("a caller");
    }
    println!("single publications, 64 callers: {:.0}/s", LARGE as f64 / begun.elapsed().as_secs_f64());
}

async fn lists(mailboxes: &Mailboxes, plan: &Plan) {
    let list = async |number: u64| {
        let asked = Instant::now();
        let page = mailboxes.items(mailbox(number), Rights::All, Filter::default(), 0, 20).await.expect("a page");
        (asked.elapsed(), page.total)
    };
    let mut chance = StdRng::seed_from_u64(1);
    for when in ["at first", "again"] {
        let (took, total) = list(plan.mailboxes).await;
        println!("a mailbox of {total} items, {when}: {took:?}");
    }
    let (mut times, mut items, begun) = (Vec::new(), 0, Instant::now());
    while begun.elapsed() < Duration::from_secs(plan.seconds) {
        let (took, total) = list(chance.random_range(0..plan.mailboxes)).await;
        times.push(took);
        items += total;
    }
    println!(
        "random mailboxes of {:.1} items: {:.0} lists/s, p50 {:?}, p99 {:?}, slowest {:?}",
        items as f64 / times.len() as f64,
        times.len() as f64 / begun.elapsed().as_secs_f64(),
        percentile(&mut times, 0.5),
        percentile(&mut times, 0.99),
        percentile(&mut times, 1.0),
    );
}

/// The same bytes, appended and made durable: what four callers bring at once, in one go.
fn raw(folder: &Path, plan: &Plan) {
    let path = folder.join("raw");
    let mut file = std::fs::File::create(&path).expect("a file");
    let group = vec![7_u8; plan.callers * (LINKS * 8 + 120)];
    let groups = (plan.recipients as usize / LINKS / plan.callers).max(1);
    let begun = Instant::now();
    for _ in 0..groups {
        file.write_all(&group).and_then(|()| file.sync_data()).expect("a disk");
    }
    let rate = (groups * plan.callers * LINKS) as f64 / begun.elapsed().as_secs_f64();
    let _ = std::fs::remove_file(path);
    println!("append and fdatasync of the same bytes, {} calls in one: {rate:.0} links/s", plan.callers);
}

/// Links until it is killed.
async fn until_killed(mailboxes: &Mailboxes, plan: &Plan) {
    println!("opened");
    for number in 0.. {
        let id = publish(mailboxes, 2_000_000_000 + number, 0).await;
        let recipients = (1..plan.mailboxes).map(|place| shuffled(place, 99, plan.mailboxes)).collect();
        link(mailboxes, id, Arc::new(recipients), plan.callers).await;
    }
}

async fn killed(plan: &Plan, folder: &Path) {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args([KILLED, "--mailboxes", &plan.mailboxes.to_string(), "--recipients", "1", "--folder"])
        .arg(folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    // After that it links.
    let _ = lines.map_while(Result::ok).find(|line| line == "opened");
    tokio::time::sleep(Duration::from_secs(plan.seconds)).await;
    child.kill().and_then(|()| child.wait()).expect("a kill");
    let begun = Instant::now();
    let mailboxes = open(folder);
    let (opened, replayed) = (begun.elapsed(), mailboxes.engine().unwritten());
    let begun = Instant::now();
    mailboxes.items(mailbox(1), Rights::All, Filter::default(), 0, 20).await.expect("a page");
    println!(
        "opened after a kill under load: {opened:?}, {replayed} bytes of the log replayed; the first list after {:?}",
        begun.elapsed()
    );
    mailboxes.close();
    drop(mailboxes);
    let begun = Instant::now();
    drop(open(folder));
    println!("opened after an end: {:?}", begun.elapsed());
}

fn files(folder: &Path) -> (String, u64) {
    let (mut told, mut all) = (String::new(), 0);
    for file in FILES {
        use std::os::unix::fs::MetadataExt;
        let bytes = std::fs::metadata(folder.join(file)).map_or(0, |found| found.blocks() * 512);
        let _ = write!(told, "{file} {} MiB  ", bytes >> 20);
        all += bytes;
    }
    (told, all)
}
