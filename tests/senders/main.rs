//! The whole program as senders meet it: configuration, faces and channels over real sockets, simulators behind.
#![cfg(feature = "sandbox")]
#![allow(dead_code, clippy::unwrap_used)] // each test takes what it needs; a failed step fails the test
mod place;
mod reads;
#[path = "../webhooks/receiver.rs"]
mod receiver;
mod sandbox;
mod sealed;
mod smsc;
mod usage;
