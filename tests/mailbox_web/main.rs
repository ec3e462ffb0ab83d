//! The pages of the mailbox over real sockets: signing in through the sandbox's provider, reading, writing, and all that must be
//! refused.
#![cfg(feature = "sandbox")]
#![allow(clippy::unwrap_used)] // a failed step fails the test
mod browser;
mod coming;
mod disk;
mod files;
mod memory;
mod reading;
mod samples;
mod settling;
mod site;
mod writing;
