//! Estafette.
pub mod api;
pub mod channels;
pub mod store;
