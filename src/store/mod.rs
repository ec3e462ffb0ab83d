//! What is on disk.
pub mod atomic;
pub mod folder;
