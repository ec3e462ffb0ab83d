//! The admin port over real sockets.
#![allow(clippy::unwrap_used)] // a failed step fails the test
#[path = "../../actors/tests/support/mod.rs"]
mod support;

mod backup;
mod durable;
mod figures;
mod monitor;
mod port;
mod program;
#[cfg(feature = "sandbox")]
mod providers;
mod roles;
mod steering;
mod talk;
mod usage;
