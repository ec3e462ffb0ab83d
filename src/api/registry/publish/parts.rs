//! The parts of a publication, in whatever order they come: files go to the contents as they arrive, the description is read when it is
//! there.
//!
//! Invariant: a content that was taken and is not published is taken away again, whatever goes wrong and whoever hangs up.
use std::sync::{Arc, OnceLock};

use actix_web::http::header::{ContentDisposition, HeaderValue};
use bytes::{Bytes, BytesMut};
use estafette_actors::domain::mailbox::document::{ATTACHMENTS, is_file_name};
use estafette_actors::domain::mailbox::media::MediaType;
use estafette_actors::ports::mailbox::{ContentTrouble, Contents, Incoming, Kept};
use futures_util::StreamExt;
use multer::{Constraints, Field, Multipart, SizeLimit};

use super::arriving::{Arriving, Progress, Stopped};
use crate::api::registry::codes::Code;
use crate::api::registry::refused::Refused;
use crate::api::registry::{Unfit, Verify};

/// The name of the part that describes.
pub const DESCRIPTION: &str = "messageToPublish";
/// Bytes of it at most: four bodies as large as they may be, and all the rest.
const DESCRIPTION_BYTES: usize = 4 << 20;
/// Bytes that a body has besides.
const HEADS: u64 = 1 << 20;

/// A file that was taken.
#[derive(Debug)]
pub struct Taken {
    /// The name of its part.
    pub part: Box<str>,
    /// The name of the file.
    pub file_name: Box<str>,
    /// What it is.
    pub media_type: MediaType,
    /// Where it is.
    pub kept: Kept,
}

/// Contents that nothing needs yet.
pub struct Unneeded {
    contents: Arc<dyn Contents>,
    names: Vec<Box<str>>,
}

impl Unneeded {
    /// None so far.
    pub fn none(contents: Arc<dyn Contents>) -> Self {
        Self { contents, names: Vec::new() }
    }

    /// One more.
    pub fn taken(&mut self, name: Box<str>) {
        self.names.push(name);
    }

    /// A document needs them now.
    pub fn needed(mut self) {
        self.names.clear();
    }

    /// Takes them away.
    pub async fn remove(mut self) {
        let names = std::mem::take(&mut self.names);
        if !names.is_empty() {
            removed(Arc::clone(&self.contents), names).await;
        }
    }
}

async fn removed(contents: Arc<dyn Contents>, names: Vec<Box<str>>) {
    if let Err(error) = contents.remove(names).await {
        tracing::warn!(%error, "contents that were not published stay until they are swept");
    }
}

impl Drop for Unneeded {
    /// Who sent them hung up.
    fn drop(&mut self) {
        let names = std::mem::take(&mut self.names);
        if names.is_empty() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(removed(Arc::clone(&self.contents), names));
        }
    }
}

/// How parts are read.
pub struct Reader<'r> {
    /// Where files go.
    pub contents: &'r Arc<dyn Contents>,
    /// Whether they are what they say.
    pub verify: &'r Arc<dyn Verify>,
    /// Bytes of a file at most.
    pub most: u64,
    /// Whether a part is named by the description, which may be there already; none when it isn't.
    pub is_named: &'r dyn Fn(&str) -> bool,
}

/// What came.
pub struct Parts {
    /// The description.
    pub description: Bytes,
    /// The files, in the order in which they came.
    pub files: Vec<Taken>,
}

impl Reader<'_> {
    /// Reads all parts. `describe` hears of the description as soon as it is there.
    pub async fn read(
        &self,
        arriving: Arriving,
        boundary: String,
        progress: &Progress,
        unneeded: &mut Unneeded,
        describe: impl Fn(&[u8]) -> Result<(), Refused>,
    ) -> Result<Parts, Refused> {
        let most = self.most.saturating_mul(ATTACHMENTS as u64).saturating_add(DESCRIPTION_BYTES as u64 + HEADS);
        let limits = Constraints::new().size_limit(SizeLimit::new().whole_stream(most));
        let mut multipart = Multipart::with_constraints(arriving, boundary, limits);
        let (mut description, mut files) = (None, Vec::<Taken>::new());
        while let Some(field) = multipart.next_field().await.map_err(|error| unread(&error))? {
            progress.made();
            let (name, file_name) = names(&field)?;
            if *name == *DESCRIPTION {
                if description.is_some() {
                    return Err(Refused::new(Code::DuplicatePart, format!("{DESCRIPTION} came twice: send it once")));
                }
                let bytes = described(field, progress).await?;
                describe(&bytes)?;
                description = Some(bytes);
                continue;
            }
            if files.iter().any(|file| *file.part == *name) {
                return Err(Refused::new(Code::DuplicatePart, "two parts have the same name: give each its own"));
            }
            if files.len() == ATTACHMENTS {
                return Err(Refused::new(Code::SurplusPart, format!("more than {ATTACHMENTS} files: send fewer")));
            }
            if !(self.is_named)(&name) {
                return Err(surplus());
            }
            files.push(self.file(field, name, file_name, progress, unneeded).await?);
        }
        let missing =
            || Refused::new(Code::MissingPart, format!("{DESCRIPTION} did not come: send it as one of the parts"));
        Ok(Parts { description: description.ok_or_else(missing)?, files })
    }

    async fn file(
        &self,
        field: Field<'static>,
        part: Box<str>,
        file_name: Option<String>,
        progress: &Progress,
        unneeded: &mut Unneeded,
    ) -> Result<Taken, Refused> {
        let at = format!("part {}", files_part(&part));
        let declared = field.headers().get("content-type").and_then(|value| value.to_str().ok());
        let declared = declared
            .ok_or_else(|| Refused::new(Code::InvalidMediaType, format!("{at}: say in Content-Type what it is")))?;
        let media_type = MediaType::parse(declared);
        let media_type = media_type.map_err(|error| Refused::new(Code::InvalidMediaType, format!("{at}: {error}")))?;
        let file_name = file_name.filter(|name| is_file_name(name));
        let named =
            || Refused::input(format!("{at}: give the name of the file in Content-Disposition, without a folder"));
        let file_name = file_name.ok_or_else(named)?.into();
        let why = Arc::new(OnceLock::new());
        let (incoming, look) = self.verify.watch(content(field, progress.clone(), Arc::clone(&why)));
        let taken = self.contents.take(incoming, self.most).await;
        let kept = match (taken, why.get()) {
            (Ok(kept), _) => kept,
            (Err(ContentTrouble::Broken), Some(stopped)) => return Err(stopped_by(*stopped)),
            (Err(trouble), _) => return Err(trouble.into()),
        };
        unneeded.taken(kept.name.clone());
        if kept.size == 0 {
            return Err(Refused::input(format!("{at}: it has no bytes: send the file, or leave it out")));
        }
        match look.verdict(media_type, kept.clone()).await {
            Ok(()) => Ok(Taken { part, file_name, media_type, kept }),
            Err(Unfit::Other(what)) => Err(Refused::new(Code::ContentMismatch, format!("{at}: {what}"))),
            Err(Unfit::Trouble(trouble)) => Err(trouble.into()),
        }
    }
}

/// A part that no file names.
pub fn surplus() -> Refused {
    Refused::new(Code::SurplusPart, "a part came that no attachment names in httpPartName: name it, or leave it out")
}

/// The name of a part as far as it is shown: somebody else's data may stand in it.
fn files_part(name: &str) -> String {
    name.chars().filter(char::is_ascii_graphic).take(40).collect()
}

/// The name of a part and of its file.
fn names(field: &Field<'static>) -> Result<(Box<str>, Option<String>), Refused> {
    let broken = || Refused::new(Code::InvalidMultipart, "a part has no name: give it in Content-Disposition");
    let value = field.headers().get("content-disposition").ok_or_else(broken)?;
    let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| broken())?;
    let given = ContentDisposition::from_raw(&value).map_err(|_| broken())?;
    let name = given.get_name().filter(|name| !name.is_empty()).ok_or_else(broken)?;
    let extended = given.get_filename_ext().and_then(|name| String::from_utf8(name.value.clone()).ok());
    Ok((name.into(), extended.or_else(|| given.get_filename().map(ToOwned::to_owned))))
}

async fn described(mut field: Field<'static>, progress: &Progress) -> Result<Bytes, Refused> {
    let kind = field.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or("application/json");
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !matches!(kind.as_str(), "application/json" | "text/plain") {
        return Err(Refused::new(
            Code::InvalidMediaType,
            format!("{DESCRIPTION} is JSON: send it as application/json"),
        ));
    }
    let mut bytes = BytesMut::new();
    while let Some(piece) = field.chunk().await.map_err(|error| unread(&error))? {
        progress.made();
        if bytes.len() + piece.len() > DESCRIPTION_BYTES {
            let message = format!("{DESCRIPTION} has more than {DESCRIPTION_BYTES} bytes: shorten it");
            return Err(Refused::new(Code::TooLarge, message));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

/// The bytes of a file. Why they stop is noted apart: who keeps them knows only that they did.
fn content(field: Field<'static>, progress: Progress, why: Arc<OnceLock<Why>>) -> Incoming {
    let pieces = field.map(move |piece| {
        progress.made();
        piece.map_err(|error| {
            let _ = why.set(Why::of(&error));
            std::io::Error::other("the body ended early")
        })
    });
    pieces.boxed()
}

/// Why a body can't be read.
#[derive(Clone, Copy, Debug)]
pub enum Why {
    /// Nothing more comes.
    Stopped(Stopped),
    /// It has too many bytes.
    TooLarge,
    /// It is not in parts.
    Form,
}

impl Why {
    fn of(error: &multer::Error) -> Self {
        match error {
            multer::Error::StreamReadFailed(error) => {
                Self::Stopped(error.downcast_ref().copied().unwrap_or(Stopped::Broken))
            }
            multer::Error::StreamSizeExceeded { .. } => Self::TooLarge,
            _ => Self::Form,
        }
    }
}

fn unread(error: &multer::Error) -> Refused {
    stopped_by(Why::of(error))
}

/// The same, for who sent it.
pub fn stopped_by(why: Why) -> Refused {
    match why {
        Why::Stopped(Stopped::Slow) => {
            Refused::new(Code::TooSlow, "the body did not arrive in time: send it faster, or less at once").ending()
        }
        Why::Stopped(Stopped::Broken) => {
            Refused::new(Code::BrokenBody, "the body could not be read to its end: send it again")
        }
        Why::Stopped(Stopped::Heads) => {
            Refused::new(Code::InvalidMultipart, "the head of a part does not end: send multipart/form-data").ending()
        }
        Why::TooLarge => {
            Refused::new(Code::TooLarge, "the body has more bytes than all of its parts may have: send less").ending()
        }
        Why::Form => Refused::new(
            Code::InvalidMultipart,
            "the body can't be taken apart, or ends before its last boundary: send multipart/form-data, whole",
        ),
    }
}
