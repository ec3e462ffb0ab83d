//! Estafette.
pub mod channels;
pub mod store;
