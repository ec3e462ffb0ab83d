//! The e-Box for programs over real sockets: mailboxes and contents on disk, in a folder of each test's own.
#![allow(clippy::unwrap_used)] // a failed step fails the test
#[path = "../../actors/tests/support/mod.rs"]
mod support;

#[path = "../api/mod.rs"]
mod api;

mod consult;
mod desk;
mod events;
mod federation;
mod folder;
mod issuer;
mod link;
mod multicast;
mod operator;
mod publish;
mod refusals;
mod rights;
