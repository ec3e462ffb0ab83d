//! The real program is killed again and again while it keeps a register: at its first start, in imports, in loads of persons, in
//! single inscriptions and removals, and while it makes the files of mutations of the days that are over. After each kill what it
//! answered is there, rows are what a model makes of them, and the audit trail has a line for each change and no gap.
//!
//! `ESTAFETTE_CRASH_KILLS` says how often each kind (4), `ESTAFETTE_CRASH_SEED` repeats the choices of a run (its timing is the
//! machine's), `ESTAFETTE_CRASH_PROGRAM` tests another build. It looks into the data folder only while the program doesn't run, for
//! what a clock decides: days that are over.
#![allow(clippy::unwrap_used)] // a failed step fails the test
mod imports;
mod inscriptions;
mod loads;
mod model;
mod nights;
mod offline;
mod program;
mod starts;

use rand::SeedableRng;
use rand::rngs::StdRng;

/// Kills in one data folder; then another one is begun.
const IN_A_FOLDER: u64 = 10;

fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// How often each kind is killed.
fn kills() -> u64 {
    given("ESTAFETTE_CRASH_KILLS").unwrap_or(4)
}

/// The choices of a run, which are told.
fn chance(kind: &str) -> StdRng {
    let seed = given("ESTAFETTE_CRASH_SEED").unwrap_or_else(rand::random);
    eprintln!("{kind}: {} kills, ESTAFETTE_CRASH_SEED={seed}", kills());
    StdRng::seed_from_u64(seed)
}
