//! The snapshot that routing reads, at its size: bytes of memory a person, and a look-up by NISS and by number.
//!
//! `cargo bench --bench registry -- [--persons 12000000] [--huge-pages]`. By hand and not with criterion: it fills the memory
//! once. Memory is what the system counts as resident, so it holds for the whole program and the allocator's share too.
#![allow(clippy::print_stdout, reason = "what it measures is for people to read")]
use std::hint::black_box;
use std::time::{Duration, Instant};

use estafette_actors::domain::language::Language;
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::submission::Recipient;
use estafette_actors::nursery::Budget;
use estafette_actors::registry::{Person, Registry};

/// As the program's: where memory lies decides what a look-up costs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const LOOK_UPS: u64 = 5_000_000;
const CHUNK: u64 = 100_000;

fn resident() -> f64 {
    told("/proc/self/status", "VmRSS:")
}

/// Bytes in pages of 2 MiB, whose places the processor finds sooner.
fn in_huge_pages() -> f64 {
    told("/proc/self/smaps_rollup", "AnonHugePages:")
}

fn told(file: &str, name: &str) -> f64 {
    let status = std::fs::read_to_string(file).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<f64>().ok()).unwrap_or_default() * 1024.0
}

/// Seconds of the processor that this program has used.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    // The 14th and 15th field of all, in hundredths.
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn niss(place: u64) -> Niss {
    Niss::from_trusted_u64(10_000_000_000 + place * 7_001)
}

fn mobile(place: u64) -> Mobile {
    Mobile::from_trusted_u64(32_400_000_000 + place * 7)
}

fn main() {
    // As the program does, unless it is seen what they would give.
    #[cfg(target_os = "linux")]
    if !std::env::args().any(|argument| argument == "--huge-pages") {
        rustix::thread::disable_transparent_huge_pages(true).expect("the system can do it");
    }
    let mut arguments = std::env::args().skip_while(|argument| argument != "--persons").skip(1);
    let persons: u64 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(12_000_000);
    actix_rt::System::new().block_on(async {
        let arbiter = actix_rt::Arbiter::new();
        let registry = Registry::start(&arbiter.handle(), Budget::default(), Duration::from_secs(60));
        while registry.vitals().generation == 0 {
            tokio::task::yield_now().await;
        }
        let before = resident();
        let begun = Instant::now();
        for from in (0..persons).step_by(CHUNK as usize) {
            let person = |place| Person {
                recipient: Recipient { niss: Some(niss(place)), mobile: Some(mobile(place)), cbe: None },
                language: Some(Language::Nl),
                govapp: Some(true),
                mailbox: None,
            };
            let some = (from..persons.min(from + CHUNK)).map(person).collect();
            registry.learn(some).await.expect("it learns");
        }
        let took = begun.elapsed();
        println!("{persons} persons, each with a mobile number, learned in {took:.1?}");
        println!("memory: {:.1} bytes a person", (resident() - before) / persons as f64);
        println!("in huge pages: {:.0} % of it", 100.0 * in_huge_pages() / resident());
        // One in twenty was replaced.
        let pairs: Vec<_> = (0..persons).step_by(20).map(|place| (niss(place), Some(niss(place + 1)))).collect();
        registry.replace(&pairs);
        println!("memory with one in twenty replaced: {:.1} bytes a person", (resident() - before) / persons as f64);
        let look_ups = |what: &str, of: &dyn Fn(u64) -> Recipient| {
            let (begun, used) = (Instant::now(), processor());
            for n in 0..LOOK_UPS {
                // Far from each other, so that no cache has the next one.
                let place = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % persons;
                assert!(black_box(registry.person(&of(place))).is_some());
            }
            let (took, used) = (begun.elapsed().as_nanos() as f64, (processor() - used) * 1e9);
            println!("look-up by {what}: {:.0} ns, processor {:.0} ns", took / LOOK_UPS as f64, used / LOOK_UPS as f64);
        };
        // The least that memory asks: one place of a table as large, as far from the one before.
        let bare = vec![[1_u64; 3]; (persons * 7 / 5) as usize];
        let (begun, used, mut sum) = (Instant::now(), processor(), 0);
        for n in 0..LOOK_UPS {
            sum += black_box(&bare)[(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % bare.len() as u64) as usize][1];
        }
        assert_eq!(sum, LOOK_UPS);
        let (took, used) = (begun.elapsed().as_nanos() as f64, (processor() - used) * 1e9);
        println!("bare place of a table: {:.0} ns, processor {:.0} ns", took / LOOK_UPS as f64, used / LOOK_UPS as f64);
        drop(bare);
        look_ups("NISS", &|place| Recipient { niss: Some(niss(place)), ..Recipient::default() });
        look_ups("mobile number", &|place| Recipient { mobile: Some(mobile(place)), ..Recipient::default() });
    });
}
