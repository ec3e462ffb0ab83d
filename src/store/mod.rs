//! What is on disk.
pub mod atomic;
pub mod folder;
pub mod index;
pub mod keys;
pub mod persons;
