//! The same work beside others: what `loadtest/peers/run` measures of this broker, of a bare loop and of some peers.
//!
//! Invariant: each side does the same work with the same generator and the same simulators, and a figure counts from the first byte
//! sent to the last thing that the side promises, with nothing left waiting. How a peer is installed and started is the script's;
//! the one exception is Kannel, which stands between the generator and the simulated SMSC.

pub mod broadcast;
mod counter;
mod kannel;
pub mod nats;
mod parse;
pub mod rows;
pub mod sample;
pub mod submit;
pub mod through;
