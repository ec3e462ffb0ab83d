//! An SMS that a citizen sent us: not a receipt, but words.
use std::fmt;

use serde::{Deserialize, Serialize};

use super::language::Language;
use super::mobile::Mobile;

/// Bytes of its text that are kept at most: some ten SMS.
pub const TEXT_MAX: usize = 3_000;

/// It says who wrote what to which of our numbers. Whose it is is found where it is recorded.
#[derive(Clone, PartialEq, Eq)]
pub struct Inbound {
    /// Who wrote.
    pub from: Mobile,
    /// Our number, or the name, that it was written to: as the provider gives it.
    pub to: Box<str>,
    /// What was written.
    pub text: Box<str>,
}

impl fmt::Debug for Inbound {
    /// Without the number and the words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound").field("to", &self.to).finish_non_exhaustive()
    }
}

impl fmt::Debug for Heard {
    /// Without the number and the words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heard").field("to", &self.to).field("stop", &self.stop).finish_non_exhaustive()
    }
}

/// One that was heard, as the feed keeps it and its sender is told.
///
/// Its record has the form of an [`Inbound`] with `stop` behind it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Who wrote; none once its retention is over.
    #[serde(with = "super::mobile::or_zero")]
    pub from: Option<Mobile>,
    /// Our number, or the name, that it was written to.
    pub to: Box<str>,
    /// What was written; empty once its retention is over.
    pub text: Box<str>,
    /// Whether it asks for no more, in the language of its word.
    pub stop: Option<Language>,
}

impl Heard {
    /// With its text cut to what is kept.
    pub fn of(mut inbound: Inbound) -> Self {
        let stop = super::stop::asked(&inbound.text);
        if inbound.text.len() > TEXT_MAX {
            let end = (0..=TEXT_MAX).rev().find(|end| inbound.text.is_char_boundary(*end)).unwrap_or(0);
            inbound.text = inbound.text[..end].into();
        }
        Self { from: Some(inbound.from), to: inbound.to, text: inbound.text, stop }
    }

    /// What stays when its retention is over: that something was heard, and whether it was a stop. A number of the
    /// sandbox is nobody's, and tells that it was a test.
    #[must_use]
    pub fn bare(&self) -> Self {
        let from = self.from.filter(|from| from.is_reserved());
        Self { from, to: self.to.clone(), text: Box::default(), stop: self.stop }
    }
}
