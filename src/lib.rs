//! Estafette.
pub mod channels;
pub mod api;
pub mod store;
