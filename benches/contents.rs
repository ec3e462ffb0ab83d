//! Taking small documents into a folder beside the limit: a plain streamed write of a file with fsync, by as many threads. Then what one
//! large content takes, up and down.
//!
//! `cargo bench --bench contents -- [--documents 2000] [--bytes 50000] [--callers 64] [--rounds 7] [--folder DIR]`. By hand and not with
//! criterion: disks are bursty, so both are measured by turns on the same disk, and the ratio is that of the medians.
#![allow(clippy::print_stdout, reason = "what it measures is for people to read")]
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use estafette::contents::{Place, Settings, Store};
use estafette_actors::ports::mailbox::{Contents as _, Incoming};
use futures_util::{StreamExt as _, TryStreamExt as _};

/// Bytes that come at a time, as from a socket.
const PIECE: usize = 16 << 10;
const LARGE: usize = 100 << 20;

struct Plan {
    documents: usize,
    bytes: usize,
    callers: usize,
    rounds: usize,
    folder: Option<PathBuf>,
}

impl Plan {
    fn of_arguments() -> Self {
        let mut plan = Self { documents: 2_000, bytes: 50_000, callers: 64, rounds: 7, folder: None };
        let mut given = std::env::args().skip(1);
        while let Some(name) = given.next() {
            let mut number = || given.next().and_then(|text| text.replace('_', "").parse().ok());
            match name.as_str() {
                "--documents" => plan.documents = number().expect("--documents: a number"),
                "--bytes" => plan.bytes = number().expect("--bytes: a number"),
                "--callers" => plan.callers = number().expect("--callers: a number"),
                "--rounds" => plan.rounds = number().expect("--rounds: a number"),
                "--folder" => plan.folder = given.next().map(PathBuf::from),
                // What cargo adds.
                _ => {}
            }
        }
        plan
    }
}

fn stream(bytes: &Bytes) -> Incoming {
    let bytes = bytes.clone();
    let pieces = (0..bytes.len()).step_by(PIECE).map(move |at| Ok(bytes.slice(at..bytes.len().min(at + PIECE))));
    futures_util::stream::iter(pieces).boxed()
}

/// Documents a second by plain writes.
fn plain(plan: &Plan, folder: &Path, content: &Bytes) -> f64 {
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..plan.callers {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= plan.documents {
                        return;
                    }
                    let mut file = File::create_new(folder.join(number.to_string())).expect("a file");
                    content.chunks(PIECE).for_each(|piece| file.write_all(piece).expect("written"));
                    file.sync_all().expect("synced");
                }
            });
        }
    });
    plan.documents as f64 / began.elapsed().as_secs_f64()
}

/// Documents a second by the store.
async fn taken(plan: &Plan, store: &Store, content: &Bytes) -> f64 {
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let caller = || {
        let (next, store, content, documents) = (Arc::clone(&next), store.clone(), content.clone(), plan.documents);
        tokio::spawn(async move {
            while next.fetch_add(1, Ordering::Relaxed) < documents {
                store.take(stream(&content), u64::MAX).await.expect("taken");
            }
        })
    };
    let callers: Vec<_> = (0..plan.callers).map(|_| caller()).collect();
    for caller in callers {
        caller.await.expect("a caller");
    }
    plan.documents as f64 / began.elapsed().as_secs_f64()
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let plan = Plan::of_arguments();
    let parent = plan.folder.clone().unwrap_or_else(|| PathBuf::from("target"));
    let folder = tempfile::tempdir_in(parent).expect("a folder");
    let content = Bytes::from((0..plan.bytes).map(|place| (place % 251) as u8).collect::<Vec<_>>());
    let (mut plain_rates, mut taken_rates) = (Vec::new(), Vec::new());
    for round in 0..plan.rounds {
        let path = folder.path().join(round.to_string());
        std::fs::create_dir_all(path.join("plain")).expect("a folder");
        let place = Place::Folder { path: path.join("store"), keep_free: 1 };
        let store = Store::open(Settings::new(place)).expect("a store");
        // Who begins has the better disk as often.
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                plain_rates.push(plain(&plan, &path.join("plain"), &content));
            } else {
                taken_rates.push(taken(&plan, &store, &content).await);
            }
        }
        println!("round {round}: plain {:7.0} a second, taken {:7.0}", plain_rates[round], taken_rates[round]);
        std::fs::remove_dir_all(&path).expect("removed");
    }
    let (limit, ours) = (median(&mut plain_rates), median(&mut taken_rates));
    println!(
        "{} bytes, {} callers: plain {limit:.0} a second, taken {ours:.0}, {:.2} of it",
        plan.bytes,
        plan.callers,
        ours / limit
    );

    let large = Bytes::from(vec![7; LARGE]);
    let store =
        Store::open(Settings::new(Place::Folder { path: folder.path().join("large"), keep_free: 1 })).expect("a store");
    let began = Instant::now();
    let kept = store.take(stream(&large), u64::MAX).await.expect("taken");
    let up = began.elapsed();
    let began = Instant::now();
    let given = store.give(&kept.name, None).await.expect("given");
    let size = given.try_fold(0, |size, piece| async move { Ok(size + piece.len()) }).await.expect("given");
    println!("{size} bytes: taken in {up:.2?}, given in {:.2?}", began.elapsed());
}
