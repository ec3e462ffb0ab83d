//! What is published: a document, its parts, and what makes it one.
//!
//! Invariant: a document has exactly one main content, its body or one of its attachments; it says the same in every mailbox to which
//! it is linked, and never changes once it is published. Its contents are elsewhere: here is what is known of them.
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::media::MediaType;
use super::reference::RefId;
use crate::domain::id::MessageId;
use crate::domain::language::Translated;
use crate::domain::submission::Institution;
use crate::domain::time::Timestamp;

/// Characters of a subject, and of the title of an attachment, in each language.
pub const SUBJECT_LENGTH: usize = 400;
/// Bytes of a body in each language.
pub const BODY_BYTES: usize = 256 << 10;
/// Attachments of a document, as many as the Message Registry has parts for.
pub const ATTACHMENTS: usize = 6;
/// Bytes of an attachment.
pub const ATTACHMENT_BYTES: u64 = 100 << 20;
/// Characters of the name of a file.
pub const FILE_NAME_LENGTH: usize = 200;
/// Business data of a document, and values of each.
pub const BUSINESS_DATA: usize = 100;
/// Characters of the key of business data, and of each of its texts.
pub const BUSINESS_LENGTH: usize = 1_000;
/// How long a document stays at most: ten years, and some days for what the calendar makes of them.
pub const LONGEST: Duration = Duration::from_secs(3_660 * 24 * 60 * 60);
/// Recipients of one call that links a document, or publishes it to many.
pub const LINKS: usize = 1_000;

/// Names a document: in the form of a UUIDv7, so that it tells when it was published.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DocumentId(u128);

/// Not the name of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a document is named by a UUID, such as 0193b1c2-5b1e-7c3a-8f00-000000000001: check it")]
pub struct NotADocument;

impl DocumentId {
    /// The name of a document that is published now; `unique` (61 bits) tells apart those of one millisecond.
    pub fn new(at: Timestamp, unique: u64) -> Self {
        Self(MessageId::single(at, 0, unique).as_u128())
    }

    /// The millisecond in it.
    pub fn at(self) -> Timestamp {
        MessageId::from_u128(self.0).at()
    }

    /// As a number, for keys that grow with time.
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// From [`Self::as_u128`].
    pub const fn from_u128(raw: u128) -> Self {
        Self(raw)
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&MessageId::from_u128(self.0), f)
    }
}

impl fmt::Debug for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for DocumentId {
    type Err = NotADocument;

    fn from_str(text: &str) -> Result<Self, NotADocument> {
        text.parse::<MessageId>().map(|id| Self(id.as_u128())).map_err(|_| NotADocument)
    }
}

/// SHA-256 of a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Digest(pub [u8; 32]);

/// Where the contents of a document are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hosting {
    /// Here.
    Here,
    /// With the institution: they are fetched when somebody reads.
    Elsewhere {
        /// The provider, as it is configured.
        provider: RefId,
    },
}

/// Whether what came may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scan {
    /// No scanner is configured, or the content is elsewhere.
    NotScanned,
    /// The scanner has not answered yet: nobody may read it.
    Waiting,
    /// Nothing was found.
    Clean,
    /// Something was found: nobody may ever read it.
    Quarantined,
}

impl Scan {
    /// Whether it may be read.
    pub const fn is_readable(self) -> bool {
        matches!(self, Self::NotScanned | Self::Clean)
    }
}

/// A file of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its number in the document, from 1.
    pub number: u8,
    /// Its title.
    pub title: Translated<Box<str>>,
    /// The name of the file, without any folder.
    pub file_name: Box<str>,
    /// What it is.
    pub media_type: MediaType,
    /// It is the main content.
    pub is_main: bool,
    /// Bytes.
    pub size: u64,
    /// What its bytes hash to; none where the contents are elsewhere and the institution did not say.
    pub digest: Option<Digest>,
    /// The sender says that it is signed.
    pub is_signed: bool,
    /// Under which name the contents have it; none where they are elsewhere.
    pub content: Option<Box<str>>,
    /// What the scanner says.
    pub scan: Scan,
}

/// The text of a document, as HTML.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// In each language that the sender gave; already without anything that is not shown.
    pub html: Translated<Box<str>>,
    /// It is the main content.
    pub is_main: bool,
}

/// Something about a document for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusinessData {
    /// Its key.
    pub key: Box<str>,
    /// Its name.
    pub name: Translated<Box<str>>,
    /// What it is.
    pub description: Translated<Box<str>>,
    /// Its values.
    pub values: Vec<Translated<Box<str>>>,
}

/// What is to be paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Its identifier.
    pub id: Box<str>,
    /// Amount in hundredths of the currency, without VAT.
    pub amount: i64,
    /// VAT, in hundredths.
    pub vat: i64,
    /// ISO 4217.
    pub currency: [u8; 3],
    /// By when.
    pub due: Timestamp,
    /// To which account (ISO 13616), without spaces; its check digits are right.
    pub iban: Box<str>,
    /// Of which bank (ISO 9362).
    pub bic: Option<Box<str>>,
    /// What to write beside it: a JSON object, as the sender gave it, of 1,000 bytes at most.
    pub reference: Option<Box<str>>,
}

/// For whom in an enterprise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attention {
    /// The identifier, as the sender gave it.
    pub id: Option<Box<str>>,
    /// Of which kind it is.
    pub kind: Option<Box<str>>,
    /// A name.
    pub name: Option<Box<str>>,
}

/// A document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Its name.
    pub id: DocumentId,
    /// The organisation that sends it.
    pub sender: Institution,
    /// By which application.
    pub application: Option<RefId>,
    /// Of which type.
    pub message_type: RefId,
    /// What it is about.
    pub subject: Translated<Box<str>>,
    /// Its text.
    pub body: Option<Body>,
    /// Its files, by number.
    pub attachments: Vec<Attachment>,
    /// For programs.
    pub business: Vec<BusinessData>,
    /// What is to be paid.
    pub payment: Option<Payment>,
    /// For whom in an enterprise.
    pub attention: Option<Attention>,
    /// The document that this replies to.
    pub replies_to: Option<DocumentId>,
    /// A reply may be written.
    pub may_be_replied_to: bool,
    /// Published as registered mail, with evidence.
    pub is_registered: bool,
    /// When it was published.
    pub published_at: Timestamp,
    /// When it goes.
    pub expires_at: Timestamp,
    /// Where its contents are.
    pub hosting: Hosting,
}

/// Why something can't be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// None or several.
    #[error("a document has exactly one main content, its body or one attachment: {0} are marked")]
    MainContents(usize),
    /// No subject.
    #[error("give a subject of 1 to 400 characters in at least one of fr, nl, de and en")]
    Subject,
    /// A body that is too large.
    #[error("a body has 256 KiB at most in each language: publish the text as an attachment")]
    Body,
    /// Too many files.
    #[error("a document has 6 attachments at most")]
    Attachments,
    /// A name that names no file, or more than one.
    #[error("a file name has 1 to 200 characters and no folder, no control character and none of <>:\"|?*")]
    FileName,
    /// Too much business data.
    #[error(
        "a document has 100 business data at most, each with a key and 1 to 100 values of 1,000 characters at most"
    )]
    Business,
    /// An account that can't be.
    #[error("the IBAN is wrong: check it for a typing mistake")]
    Iban,
    /// Money that can't be.
    #[error("an amount is given with two decimals at most, and its currency by the three letters of ISO 4217")]
    Amount,
    /// It would be gone already, or never be.
    #[error("it would expire before it is published, or more than ten years after: give another date, or none")]
    Expiry,
}

impl Document {
    /// Checks what its parts don't say themselves.
    pub fn checked(self) -> Result<Self, Error> {
        let mains = self.attachments.iter().filter(|one| one.is_main).count()
            + usize::from(self.body.as_ref().is_some_and(|body| body.is_main));
        let fits = |text: &str, most: usize| (1..=most).contains(&text.chars().count());
        let texts_fit = |texts: &Translated<Box<str>>| texts.iter().all(|(_, text)| fits(text, BUSINESS_LENGTH));
        if self.attachments.len() > ATTACHMENTS {
            return Err(Error::Attachments);
        }
        if mains != 1 {
            return Err(Error::MainContents(mains));
        }
        if self.subject.is_empty() || !self.subject.iter().all(|(_, text)| fits(text, SUBJECT_LENGTH)) {
            return Err(Error::Subject);
        }
        if self.body.iter().flat_map(|body| body.html.iter()).any(|(_, html)| html.len() > BODY_BYTES) {
            return Err(Error::Body);
        }
        if !self.attachments.iter().all(|one| is_file_name(&one.file_name)) {
            return Err(Error::FileName);
        }
        let is_business = |one: &BusinessData| {
            fits(&one.key, BUSINESS_LENGTH)
                && texts_fit(&one.name)
                && texts_fit(&one.description)
                && (1..=BUSINESS_DATA).contains(&one.values.len())
                && one.values.iter().all(texts_fit)
        };
        if self.business.len() > BUSINESS_DATA || !self.business.iter().all(is_business) {
            return Err(Error::Business);
        }
        if self.payment.as_ref().is_some_and(|payment| !is_iban(&payment.iban)) {
            return Err(Error::Iban);
        }
        if self.expires_at <= self.published_at || self.expires_at > self.published_at.plus(LONGEST) {
            return Err(Error::Expiry);
        }
        Ok(self)
    }

    /// The attachment of a number.
    pub fn attachment(&self, number: u8) -> Option<&Attachment> {
        self.attachments.iter().find(|one| one.number == number)
    }

    /// Bytes of all its contents.
    pub fn size(&self) -> u64 {
        let body = self.body.iter().flat_map(|body| body.html.iter()).map(|(_, html)| html.len() as u64);
        self.attachments.iter().map(|one| one.size).chain(body).sum()
    }
}

/// Whether a text names one file and no folder, on any system.
pub fn is_file_name(name: &str) -> bool {
    let length = name.chars().count();
    let is_bad = |c: char| c.is_control() || matches!(c, '/' | '\\' | '<' | '>' | ':' | '"' | '|' | '?' | '*');
    // Characters that turn the direction of writing make `fdp.exe` of `exe.pdf`.
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (1..=FILE_NAME_LENGTH).contains(&length)
        && !name.chars().any(|c| is_bad(c) || turns(c))
        && name.trim() == name
        && !name.starts_with('.')
        && !name.ends_with('.')
}

/// Whether an IBAN has the form and the check digits of ISO 13616: the rest of its digits, with letters as 10 to 35, by 97 is 1.
pub fn is_iban(text: &str) -> bool {
    let is_form = (15..=34).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        && text.as_bytes()[..2].iter().all(u8::is_ascii_uppercase)
        && text.as_bytes()[2..4].iter().all(u8::is_ascii_digit);
    is_form
        && text[4..]
            .chars()
            .chain(text[..4].chars())
            .filter_map(|c| c.to_digit(36))
            .fold(0_u32, |rest, digit| (if digit < 10 { rest * 10 } else { rest * 100 } + digit) % 97)
            == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::cbe::Cbe;
    use crate::domain::language::Language;

    fn attachment(number: u8, is_main: bool, file_name: &str) -> Attachment {
        Attachment {
            number,
            title: Translated::new(),
            file_name: file_name.into(),
            media_type: MediaType::Pdf,
            is_main,
            size: 5,
            digest: Some(Digest([1; 32])),
            is_signed: false,
            content: Some("a".into()),
            scan: Scan::NotScanned,
        }
    }

    fn letter() -> Document {
        let published_at = Timestamp::from_millis(1_000);
        Document {
            id: DocumentId::new(published_at, 7),
            sender: Institution(Cbe::parse("0403019261").unwrap()),
            application: None,
            message_type: RefId::parse("letter").unwrap(),
            subject: Translated::of(Language::Fr, "Votre pension".into()),
            body: Some(Body { html: Translated::of(Language::Fr, "<p>Bonjour</p>".into()), is_main: false }),
            attachments: vec![attachment(1, true, "pension.pdf")],
            business: vec![],
            payment: None,
            attention: None,
            replies_to: None,
            may_be_replied_to: false,
            is_registered: false,
            published_at,
            expires_at: Timestamp::from_millis(2_000),
            hosting: Hosting::Here,
        }
    }

    #[test]
    fn a_document_has_exactly_one_main_content() {
        assert!(letter().checked().is_ok());
        let none = Document { attachments: vec![attachment(1, false, "a.pdf")], ..letter() };
        assert_eq!(none.checked(), Err(Error::MainContents(0)));
        let two =
            Document { attachments: vec![attachment(1, true, "a.pdf"), attachment(2, true, "b.pdf")], ..letter() };
        assert_eq!(two.checked(), Err(Error::MainContents(2)));
        let mut body = letter();
        body.body.as_mut().unwrap().is_main = true;
        assert_eq!(body.clone().checked(), Err(Error::MainContents(2)));
        body.attachments[0].is_main = false;
        assert!(body.checked().is_ok());
        assert_eq!(Document { subject: Translated::new(), ..letter() }.checked(), Err(Error::Subject));
        for expires_at in [Timestamp::ZERO, letter().published_at.plus(LONGEST + Duration::from_millis(1))] {
            assert_eq!(Document { expires_at, ..letter() }.checked(), Err(Error::Expiry));
        }
    }

    #[test]
    fn a_file_name_names_one_file_and_no_folder() {
        for good in ["a.pdf", "Été 2026 (1).pdf", "données", "a..b"] {
            assert!(is_file_name(good), "{good}");
        }
        let long = "a".repeat(201);
        for bad in ["", "../a.pdf", "a/b", "a\\b", "C:a", ".htaccess", "a\0b", "a\u{202e}fdp.exe", " a", "a.", &long] {
            assert!(!is_file_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn an_iban_has_right_check_digits() {
        for good in ["BE68539007547034", "NL91ABNA0417164300", "DE89370400440532013000", "GB82WEST12345698765432"] {
            assert!(is_iban(good), "{good}");
        }
        for bad in
            ["BE68539007547035", "BE6853900754703", "be68539007547034", "BE68 5390 0754 7034", "", "éE68539007547034"]
        {
            assert!(!is_iban(bad), "{bad}");
        }
    }

    #[test]
    fn a_name_is_a_uuid_that_tells_when() {
        let id = DocumentId::new(Timestamp::from_millis(1_700_000_000_000), 99);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.at().millis(), 1_700_000_000_000);
        assert_eq!("42".parse::<DocumentId>(), Err(NotADocument));
    }
}
