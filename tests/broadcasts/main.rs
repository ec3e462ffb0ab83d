//! Broadcasts as senders meet them: send windows under a clock of the test's own, uploads that go wrong, disks that fill, and
//! the command.
#![cfg(feature = "sandbox")]
#![allow(dead_code, clippy::unwrap_used)] // each test takes what it needs; a failed step fails the test
#[path = "../api/mod.rs"]
mod api;
mod command;
mod disk;
mod dossiers;
mod program;
#[path = "../../actors/tests/support/mod.rs"]
mod support;
mod uploads;
mod windows;
