//! The first start, in which every file is made: one that was killed in the middle of it starts again, and keeps a register.
use std::time::{Duration, Instant};

use rand::Rng;

use crate::program::Program;
use crate::{chance, kills};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_start_that_was_killed_is_made_again() {
    let (kills, mut chance, mut typical) = (kills(), chance("starts"), Duration::from_millis(500));
    for _ in 0..kills {
        let program = Program::prepare("");
        program.launch();
        tokio::time::sleep(typical.mul_f64(chance.random_range(0.0..1.0))).await;
        program.kill();
        let began = Instant::now();
        program.start().await;
        typical = began.elapsed();
        program.define(0, &["A"]).await;
        assert_eq!(program.get_as(0, "register/types").await["types"][0]["code"], "A");
    }
}
