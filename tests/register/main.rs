//! The register over real sockets, on disk in a temporary folder: REST, the command and the admin port.
#![allow(clippy::unwrap_used)] // a failed step fails the test
#[path = "../../actors/tests/support/mod.rs"]
mod support;

#[path = "../api/mod.rs"]
mod api;

mod admin;
mod audit;
mod bulk;
mod command;
mod desk;
mod filling;
mod mutations;
mod persons;
mod rows;
mod store;
