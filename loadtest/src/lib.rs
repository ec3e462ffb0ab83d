//! Simulators of the channels that Estafette sends over, and the load that measures it.
//!
//! Owns what stands on the other side of the broker: a GovApp push platform, a RingRing SMS gateway and an e-Box provider, which
//! misbehave as asked and remember all that they took, so that what a broker claims can be compared with what was received.
//! Invariant: this crate speaks the network protocols only. It must not depend on `estafette` or `estafette-actors`; its own
//! generator of valid NISSs is the one deliberate duplicate.

mod addressee;
pub mod bare_smpp;
pub mod cbe;
pub mod faults;
mod hash;
pub mod ledger;
pub mod mobile;
pub mod niss;
pub mod recipients;
pub mod sandbox;
pub mod simulators;

pub use faults::Faults;
pub use hash::Chance;
pub use simulators::{Settings, Simulators};
