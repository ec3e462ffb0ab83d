//! The register of a program that doesn't run, opened as it opens it, with a clock that is set: days that are over, and what is in
//! their files.
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest;
use estafette::mutations::render;
use estafette::store::folder::DataFolder;
use estafette::store::register::{Dossiers, Mutations, SECRET, Settings};
use estafette_actors::domain::mutation::Mutation;
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::Clock;
use estafette_actors::ports::register::{Mutations as _, PAGE_MAX};

/// A clock that is set.
pub struct Hand(pub AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

pub fn institution(cbe: &str) -> Institution {
    Institution(cbe.parse().unwrap())
}

/// Opens it. It is to be closed before the program starts.
pub fn open(data: &Path, clock: &Arc<Hand>) -> (Dossiers, Mutations) {
    let folder = DataFolder::open(data).unwrap();
    let secret = folder.secret(SECRET).unwrap();
    let dossiers = Dossiers::open(Settings::new(data), secret, Arc::clone(clock) as _).unwrap();
    let mutations = Mutations::open(&dossiers, Arc::clone(clock) as _, render).unwrap();
    (dossiers, mutations)
}

/// All files of an institution: without a gap, and each as its voucher says.
pub async fn files(mutations: &Mutations, owner: &str) -> Vec<Vec<Mutation>> {
    let (owner, mut files) = (institution(owner), vec![]);
    loop {
        let vouchers = mutations.vouchers(owner, files.len() as u64, PAGE_MAX).await.unwrap();
        if vouchers.is_empty() {
            return files;
        }
        for voucher in vouchers {
            let sequence = files.len() as u64 + 1;
            assert_eq!(voucher.sequence, sequence, "a gap, or a repetition");
            let (same, bytes) = mutations.file(owner, sequence).await.unwrap();
            assert_eq!((&same, bytes.len() as u64), (&voucher, voucher.bytes));
            assert_eq!(voucher.sha256, digest::digest(&digest::SHA256, &bytes).as_ref());
            let inside = mutations.mutations(owner, sequence).await.unwrap();
            assert_eq!(inside.len(), voucher.count as usize);
            files.push(inside);
        }
    }
}
