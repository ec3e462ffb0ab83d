//! Estafette.
pub mod admin;
pub mod api;
pub mod channels;
pub mod config;
pub mod store;
pub mod telemetry;
