//! The register on disk: who is known to which institution, in which role, when, and who looked.
//!
//! Two files: `register.redb` has the tables, `register.log.redb` what they lack; [`engine`] keeps them.
pub mod engine;
