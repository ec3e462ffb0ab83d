//! Estafette: one program through which public institutions reach citizens and enterprises, over
//! GovApp, SMS and the e-Box.
//!
//! The edges live here, around `estafette-actors`, which decides. They don't import each other:
//! faces see ports; [`app`] puts everything together.
pub mod admin;
pub mod announce;
pub mod api;
pub mod app;
pub mod channels;
pub mod cli;
pub mod config;
pub mod contents;
pub mod events;
pub mod evidence;
mod fluent;
pub mod mutations;
pub mod notices;
pub mod source;
pub mod store;
pub mod telemetry;
pub mod web;
pub mod xml;
