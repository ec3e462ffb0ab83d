//! The rules of the domain, pure: no clock, no input or output, no actor.

pub mod cbe;
pub mod language;
pub mod mobile;
pub mod niss;
pub mod segment;
