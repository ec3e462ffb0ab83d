//! XML in and out, as the register's SOAP face and its files of mutations need it.
//!
//! Invariant: what is read is bounded in every direction, whoever wrote it; no document type, and no entity beyond the five of XML
//! itself. It knows no element: what a document means is the affair of the one that reads it.
mod reader;
mod writer;

pub use reader::{At, Error, Name, Reader, Tag, Token};
pub use writer::Writer;
