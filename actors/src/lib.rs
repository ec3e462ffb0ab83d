//! What decides in Estafette: the domain's rules and the actors that apply them.
//!
//! This crate knows no disk, no socket and no HTTP. The edges implement [`ports`], and everything
//! that the actors say to each other is written down in [`messages`].
pub mod announcer;
pub mod broker;
pub mod delivery;
pub mod domain;
pub mod ebox;
pub mod intake;
pub mod latency;
pub mod messages;
pub mod nursery;
pub mod ports;
pub mod register;
pub mod registry;
pub mod service;
pub mod supervisor;
