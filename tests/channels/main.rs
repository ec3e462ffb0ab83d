//! The channels over real sockets: what goes out, and what each answer (or none) makes of a letter.
#![allow(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

#[cfg(feature = "sandbox")]
mod changing;
mod desk;
mod ebox;
mod example;
mod file;
mod govapp;
mod govapp_many;
mod letter;
mod own;
mod own_store;
mod ringring;
#[cfg(feature = "sandbox")]
mod several;
mod simulators;
#[cfg(feature = "sandbox")]
mod smpp;
