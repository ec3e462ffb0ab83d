//! Estafette.
pub mod store;
