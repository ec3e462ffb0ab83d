//! Whether the bytes of a content are what its sender says they are.
//!
//! [`watch`] notes what is needed of a content while it streams to its place, whatever it is said to be, since that may come last.
//! [`Inspector::verify`] then holds it against the media type: the first bytes are enough for most; an archive or an Office file is
//! read once more from its place, within bounds, off the event loop.
//!
//! | declared | must be |
//! |---|---|
//! | PDF | `%PDF-` with a version in the first 1,024 bytes, and no other kind of file before it |
//! | plain, CSV | text: UTF-8, or Latin-1 (Windows-1252), without control characters; no HTML, PDF, RTF or PostScript |
//! | HTML | text that begins as HTML |
//! | XML | text that begins as XML, without entities of its own, and is no XHTML |
//! | DOC, XLS, PPT | a compound file whose root has that program's stream |
//! | ZIP | an archive that [`archive`] finds in order |
//! | DOCX, XLSX | one whose content types name that main part, and without macros |
//! | ODT, ODS, ODP, ODG | one whose `mimetype` says so |
//!
//! Invariant: what is refused is refused with a reason in words; nothing of a content is in it.
use std::sync::{Arc, Mutex, PoisonError};

use estafette_actors::domain::mailbox::media::MediaType;
use estafette_actors::ports::mailbox::{ContentTrouble, Contents, Incoming, Kept};
use futures_util::StreamExt;
use tokio::sync::Semaphore;

use self::reading::Reading;
use self::text::Text;

pub mod archive;
mod begins;
mod ole;
mod package;
mod reading;
mod text;

/// First bytes that are kept.
pub const HEAD: usize = 4_096;

/// Why a content is not what it is said to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    /// Nothing.
    #[error("it is empty: send a file that has something in it")]
    Empty,
    /// It is something else that is known.
    #[error("it is declared as {} and is {found}: declare what it is, or send the right file", declared.as_str())]
    Other {
        /// As which it was declared.
        declared: MediaType,
        /// What it is.
        found: &'static str,
    },
    /// It is not what it was declared as.
    #[error("it is declared as {} and is nothing of the kind: {why}", declared.as_str())]
    NotThat {
        /// As which it was declared.
        declared: MediaType,
        /// What is missing.
        why: &'static str,
    },
    /// The archive, or the file that is one inside.
    #[error("its archive is refused: {0}")]
    Archive(#[from] archive::Refused),
    /// It could not be looked at; nothing is wrong with it.
    #[error(transparent)]
    Contents(ContentTrouble),
}

/// What is known of a content once it has streamed by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    head: Vec<u8>,
    text: Text,
}

impl Seen {
    /// Of bytes that are all there.
    pub fn of(bytes: &[u8]) -> Self {
        let mut seen = Self::default();
        seen.push(bytes);
        seen
    }

    fn push(&mut self, bytes: &[u8]) {
        let missing = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..missing]);
        self.text.push(bytes);
    }
}

/// What [`watch`] saw.
#[derive(Clone, Debug)]
pub struct Watch(Arc<Mutex<Seen>>);

impl Watch {
    /// What passed until now: all of it once the stream has ended.
    pub fn seen(&self) -> Seen {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Notes what is needed of a content while it streams by, unchanged.
pub fn watch(incoming: Incoming) -> (Incoming, Watch) {
    let watch = Watch(Arc::default());
    let seen = Arc::clone(&watch.0);
    let watched = incoming.inspect(move |chunk| {
        if let Ok(chunk) = chunk {
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(chunk);
        }
    });
    (watched.boxed(), watch)
}

/// What has to be looked at beside what [`watch`] saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deeper {
    Nothing,
    Archive,
    Compound,
}

/// Whether what was seen agrees with a media type, as far as the first bytes and the text tell. Enough for what is not kept here.
pub fn begins_as(declared: MediaType, seen: &Seen) -> Result<(), Unsound> {
    looked_at(declared, seen).map(drop)
}

fn looked_at(declared: MediaType, seen: &Seen) -> Result<Deeper, Unsound> {
    let head = &seen.head[..];
    if head.is_empty() {
        return Err(Unsound::Empty);
    }
    let not_that = |why| match begins::kind(head).filter(|found| *found != declared.as_str()) {
        Some(found) => Unsound::Other { declared, found },
        None => Unsound::NotThat { declared, why },
    };
    match declared {
        MediaType::Pdf if begins::is_pdf(head) => Ok(Deeper::Nothing),
        MediaType::Pdf => Err(not_that("no %PDF- with a version is in its first 1,024 bytes")),
        MediaType::Plain | MediaType::Csv | MediaType::Html | MediaType::Xml => {
            if !seen.text.is_text() {
                return Err(not_that("it is neither UTF-8 nor Latin-1, or has control characters"));
            }
            begins::text(declared, head).map(|()| Deeper::Nothing)
        }
        MediaType::Doc | MediaType::Xls | MediaType::Ppt if head.starts_with(&ole::MAGIC) => Ok(Deeper::Compound),
        MediaType::Doc | MediaType::Xls | MediaType::Ppt => Err(not_that("it is no compound file")),
        _ if head.starts_with(&archive::MAGIC) => Ok(Deeper::Archive),
        _ => Err(not_that("it is no ZIP archive with files in it")),
    }
}

/// Looks at contents at their place.
#[derive(Clone)]
pub struct Inspector {
    contents: Arc<dyn Contents>,
    bounds: archive::Bounds,
    slots: Arc<Semaphore>,
}

impl Inspector {
    /// Of these contents, so many at a time: a look takes a processor and a thread.
    pub fn new(contents: Arc<dyn Contents>, bounds: archive::Bounds, at_once: usize) -> Self {
        Self { contents, bounds, slots: Arc::new(Semaphore::new(at_once.clamp(1, Semaphore::MAX_PERMITS))) }
    }

    /// Holds a content that was taken against the media type that it is said to have. One that is refused is still at its place.
    pub async fn verify(&self, declared: MediaType, seen: &Seen, kept: &Kept) -> Result<(), Unsound> {
        let deeper = looked_at(declared, seen)?;
        if deeper == Deeper::Nothing {
            return Ok(());
        }
        let closing = || Unsound::Contents(ContentTrouble::Store("it is closing".to_owned()));
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| closing())?;
        let (contents, bounds, runtime) = (Arc::clone(&self.contents), self.bounds, tokio::runtime::Handle::current());
        let (name, size) = (kept.name.clone(), kept.size);
        let looking = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            let mut reading = Reading::new(contents, runtime, name, size);
            match deeper {
                Deeper::Compound => ole::verify(declared, &mut reading, size),
                _ => package::verify(declared, &mut reading, size, &bounds),
            }
        });
        looking.await.unwrap_or_else(|_| Err(closing()))
    }
}

#[cfg(test)]
mod tests;
