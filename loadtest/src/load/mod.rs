//! The load that measures a broker, and its figures.
//!
//! Owns the generators, the raw limits that each figure stands beside, and the broker that a run starts for itself. Invariant: the
//! broker is reached over its network ports only, and the raw limit is measured in the same run with the same generator. A
//! run must not touch a process that it did not start.

pub mod accept;
mod admin;
mod arrivals;
mod bare;
mod broker;
pub mod callbacks;
mod closed;
mod endpoint;
mod fairness;
mod figures;
pub mod history;
pub mod mailbox;
mod open;
mod peer;
pub mod peers;
pub mod register;
mod report;
mod request;
pub mod restart;
pub mod run;
mod scenario;
mod sender;
mod served;
mod template;
pub mod waiting;
