//! What decides in Estafette.

pub mod domain;
