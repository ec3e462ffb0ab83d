//! The part that says what is published: `messageToPublish`, with the names of version 2.1 or those of version 3.
//!
//! Invariant: what comes out of here is read, cleaned and bounded; whether it makes a document and may be published is decided behind.
use std::borrow::Cow;

use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::html;
use estafette_actors::domain::language::Translated;
use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::domain::mailbox::document::{
    ATTACHMENTS, Attention, BODY_BYTES, BUSINESS_DATA, BUSINESS_LENGTH, Body, BusinessData, Digest, DocumentId,
    SUBJECT_LENGTH,
};
use estafette_actors::domain::mailbox::media::MediaType;
use estafette_actors::domain::mailbox::reference::RefId;
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::time::Timestamp;
use jiff::civil::Date;

use super::payment::payment;
use crate::api::json::{Faults, Json, Number, Object};
use crate::api::registry::refused::Refused;
use crate::api::registry::wire::{
    digest, ebox_id, line, needed, placed, read_audience, read_number, translated, translation,
};

/// Characters of the name of a part, of an identifier or a name of whom it is for.
const NAME_LENGTH: usize = 200;
/// The most kilobytes that a file elsewhere may have.
const ELSEWHERE_KB: f64 = 1e9;

/// How a version names things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 2.1
    Two,
    /// 3
    Three,
}

/// Whom a description names as recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// Exactly one.
    One,
    /// None: they follow.
    Later,
}

/// A file that is described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its title.
    pub title: Translated<Box<str>>,
    /// It is the main content.
    pub is_main: bool,
    /// What its bytes hash to, where the sender says so.
    pub digest: Option<Digest>,
    /// The sender says that it is signed.
    pub is_signed: bool,
    /// Where its bytes are.
    pub bytes: Bytes,
}

/// Where the bytes of a file are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bytes {
    /// In the part of this name.
    Part(Box<str>),
    /// With the institution.
    Elsewhere {
        /// The name of the file.
        file_name: Box<str>,
        /// What it is.
        media_type: MediaType,
        /// Bytes; 0 where the sender does not say.
        size: u64,
    },
}

/// What is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// To whom.
    pub recipient: Option<MailboxId>,
    /// Who says to publish it.
    pub sender: Option<Cbe>,
    /// By which application.
    pub application: Option<RefId>,
    /// Of which type.
    pub message_type: RefId,
    /// What it is about.
    pub subject: Translated<Box<str>>,
    /// Its text, cleaned.
    pub body: Option<Body>,
    /// Its files.
    pub files: Vec<File>,
    /// For programs.
    pub business: Vec<BusinessData>,
    /// What is to be paid.
    pub payment: Option<estafette_actors::domain::mailbox::document::Payment>,
    /// For whom in an enterprise.
    pub attention: Option<Attention>,
    /// What it replies to.
    pub replies_to: Option<DocumentId>,
    /// It takes a reply.
    pub may_be_replied_to: bool,
    /// It is registered mail.
    pub is_registered: bool,
    /// When it goes, where the sender says so.
    pub expires_at: Option<Timestamp>,
    /// The provider that keeps the bytes, where that is not here.
    pub provider: Option<RefId>,
}

impl Version {
    /// The name of a truth value.
    fn truth(self, name: &'static str) -> Cow<'static, str> {
        match self {
            Self::Two => name.into(),
            Self::Three => format!("is{}{}", name[..1].to_ascii_uppercase(), &name[1..]).into(),
        }
    }
}

/// Reads a description.
pub fn read(json: &[u8], version: Version, addressing: Addressing, today: Date) -> Result<Description, Refused> {
    let mut faults = Faults::default();
    let read = Object::of(Json::parse(json)?, "", &mut faults)
        .and_then(|object| Reader { version, today, faults: &mut faults }.all(object, addressing));
    Refused::unless(read, faults)
}

struct Reader<'f> {
    version: Version,
    today: Date,
    faults: &'f mut Faults,
}

impl Reader<'_> {
    fn all(&mut self, mut object: Object<'_>, addressing: Addressing) -> Option<Description> {
        let is_later = addressing == Addressing::Later;
        let recipient = if is_later { None } else { self.recipient(&mut object) };
        let sender = self.sender(&mut object);
        let application = object.parsed("senderApplicationId", self.faults, RefId::parse);
        let message_type = object.parsed("messageTypeId", self.faults, RefId::parse);
        let message_type = needed(message_type, &object, "messageTypeId", self.faults);
        let before = self.faults.len();
        let subject = translated(&mut object, "subject", self.faults, line(SUBJECT_LENGTH));
        if subject.is_empty() && self.faults.len() == before {
            object.fault("subject", "missing: give it in at least one of nl, fr, de and en", self.faults);
        }
        let body = self.body(&mut object);
        let provider = object.parsed("messageProviderId", self.faults, RefId::parse);
        let files = self.files(&mut object, provider.is_some());
        let business = self.business(&mut object);
        let payment = match object.take("paymentData") {
            Some(value) => placed("/paymentData", self.faults, |own| payment(value, own)),
            None => None,
        };
        let attention = self.attention(&mut object);
        let replies_to = object.parsed("originalMessageId", self.faults, str::parse::<DocumentId>);
        let may_be_replied_to = self.needed_truth(&mut object, "replyAuthorized");
        let is_registered = object.truth(&self.version.truth("registeredMail"), self.faults).unwrap_or(false);
        let expires_at = object.parsed("expirationDate", self.faults, Timestamp::parse);
        object.finish(
            "recipient, forTheAttentionOf, originalMessageId, subject, messageTypeId, expirationDate, the sender, senderApplicationId, \
             registeredMail, attachments, bodyMainContent, bodyContent, businessDataList, paymentData, replyAuthorized, \
             messageProviderId, as this version names them",
            self.faults,
        );
        if recipient.is_none() && !is_later {
            return None;
        }
        Some(Description {
            recipient,
            sender,
            application,
            message_type: message_type?,
            subject,
            body,
            files,
            business,
            payment,
            attention,
            replies_to,
            may_be_replied_to: may_be_replied_to?,
            is_registered,
            expires_at,
            provider,
        })
    }

    fn needed_truth(&mut self, object: &mut Object<'_>, name: &'static str) -> Option<bool> {
        let name = self.version.truth(name);
        let found = object.truth(&name, self.faults);
        needed(found, object, &name, self.faults)
    }

    fn recipient(&mut self, object: &mut Object<'_>) -> Option<MailboxId> {
        let Some(value) = object.take("recipient") else {
            object.fault("recipient", "missing: say to whom it is published", self.faults);
            return None;
        };
        let (version, today) = (self.version, self.today);
        placed("/recipient", self.faults, |own| match version {
            Version::Two => ebox_id(value, today, own),
            Version::Three => numbered(value, today, own),
        })
    }

    fn sender(&mut self, object: &mut Object<'_>) -> Option<Cbe> {
        match self.version {
            Version::Two => object.parsed("senderOrganizationId", self.faults, Cbe::parse),
            Version::Three => {
                let value = object.take("sender")?;
                let today = self.today;
                placed("/sender", self.faults, |own| match numbered(value, today, own)? {
                    MailboxId::Enterprise(cbe) => Some(cbe),
                    MailboxId::Citizen(_) => {
                        own.add("/eboxType", "a sender is an enterprise: give enterprise");
                        None
                    }
                })
            }
        }
    }

    fn body(&mut self, object: &mut Object<'_>) -> Option<Body> {
        let is_main = self.needed_truth(object, "bodyMainContent");
        let before = self.faults.len();
        let given = translated(object, "bodyContent", self.faults, |text| {
            if text.len() > BODY_BYTES {
                return Err(format!("more than {} KiB: publish the text as an attachment", BODY_BYTES / 1024));
            }
            let cleaned = html::clean_letter(text);
            if html::to_text(&cleaned).trim().is_empty() {
                return Err("nothing is left of it that a reader would see: give a text, or leave it out".to_owned());
            }
            Ok(cleaned.into())
        });
        if given.is_empty() {
            if is_main == Some(true) && self.faults.len() == before {
                object.fault("bodyContent", "missing, and said to be the main content: give it", self.faults);
            }
            return None;
        }
        Some(Body { html: given, is_main: is_main? })
    }

    fn files(&mut self, object: &mut Object<'_>, is_elsewhere: bool) -> Vec<File> {
        let items = object.array("attachments", self.faults).unwrap_or_default();
        if items.len() > ATTACHMENTS {
            object.fault("attachments", format_args!("more than {ATTACHMENTS}: give fewer"), self.faults);
            return Vec::new();
        }
        let version = self.version;
        let one = |(place, item)| {
            placed(format_args!("/attachments/{place}"), self.faults, |own| {
                let reader = Reader { version, today: Date::MIN, faults: own };
                reader.file(item, is_elsewhere)
            })
        };
        items.into_iter().enumerate().filter_map(one).collect()
    }

    fn file(mut self, value: Json<'_>, is_elsewhere: bool) -> Option<File> {
        let mut object = Object::of(value, "", self.faults)?;
        let title = translated(&mut object, "attachmentTitle", self.faults, line(SUBJECT_LENGTH));
        let is_main = self.needed_truth(&mut object, "mainContent");
        let is_signed = object.truth(&self.version.truth("attachmentSigned"), self.faults).unwrap_or(false);
        let digest = digest(&mut object, self.faults);
        let bytes = if is_elsewhere { self.elsewhere(&mut object) } else { self.part(&mut object) };
        object.finish(
            "httpPartName, mainContent, attachmentTitle, digest, attachmentSigned, as this version names them",
            self.faults,
        );
        Some(File { title, is_main: is_main?, digest, is_signed, bytes: bytes? })
    }

    fn part(&mut self, object: &mut Object<'_>) -> Option<Bytes> {
        let name = object.parsed("httpPartName", self.faults, line(NAME_LENGTH));
        needed(name, object, "httpPartName", self.faults).map(Bytes::Part)
    }

    /// What has to be said of a file that stays with its institution.
    fn elsewhere(&mut self, object: &mut Object<'_>) -> Option<Bytes> {
        let file_name = object.parsed("fileName", self.faults, line(NAME_LENGTH));
        let file_name = needed(file_name, object, "fileName", self.faults);
        let media_type = object.parsed("mediaType", self.faults, MediaType::parse);
        let media_type = needed(media_type, object, "mediaType", self.faults);
        let size = match object.take("size") {
            // Kilobytes of 1,024 bytes: a double has each byte of them.
            Some(Json::Number(Number { near, .. }))
                if (0.0..=ELSEWHERE_KB).contains(&near) && (near * 1_024.0).fract() == 0.0 =>
            {
                Some((near * 1_024.0) as u64)
            }
            Some(_) => {
                object.fault(
                    "size",
                    "must be kilobytes of 1,024 bytes, exact to the byte; or leave it out",
                    self.faults,
                );
                None
            }
            None => Some(0),
        };
        Some(Bytes::Elsewhere { file_name: file_name?, media_type: media_type?, size: size? })
    }

    fn business(&mut self, object: &mut Object<'_>) -> Vec<BusinessData> {
        let items = object.array("businessDataList", self.faults).unwrap_or_default();
        if items.len() > BUSINESS_DATA {
            object.fault("businessDataList", format_args!("more than {BUSINESS_DATA}: give fewer"), self.faults);
            return Vec::new();
        }
        let one =
            |(place, item)| placed(format_args!("/businessDataList/{place}"), self.faults, |own| business(item, own));
        items.into_iter().enumerate().filter_map(one).collect()
    }

    fn attention(&mut self, object: &mut Object<'_>) -> Option<Attention> {
        let value = object.take("forTheAttentionOf")?;
        let (version, today) = (self.version, self.today);
        placed("/forTheAttentionOf", self.faults, |own| {
            let mut given = Object::of(value, "", own)?;
            let mut text = |name: &str, own: &mut Faults| given.parsed(name, own, line(NAME_LENGTH));
            match version {
                Version::Two => {
                    let (id, kind, name) = (text("id", own), text("type", own), text("name", own));
                    given.finish("id, type, name", own);
                    Some(Attention { id, kind, name })
                }
                Version::Three => {
                    let name = text("label", own);
                    let read = |text: &str| Niss::parse(text, today).map(|niss| Box::from(niss.digits()));
                    let id = given.parsed("ssin", own, read);
                    given.finish("ssin, label", own);
                    Some(Attention { id, kind: Some("person".into()), name })
                }
            }
        })
    }
}

/// A mailbox as version 3 names it.
pub fn numbered(value: Json<'_>, today: Date, faults: &mut Faults) -> Option<MailboxId> {
    use estafette_actors::domain::mailbox::Audience;
    let mut object = Object::of(value, "", faults)?;
    let kind = needed(object.parsed("eboxType", faults, read_audience), &object, "eboxType", faults);
    let name = match kind {
        Some(Audience::Citizen) => "ssin",
        _ => "enterpriseNumber",
    };
    let number = needed(object.text(name, faults), &object, name, faults);
    let found = kind.zip(number).map(|(kind, number)| read_number(kind, &number, today));
    if let Some(Err(error)) = &found {
        object.fault(name, error, faults);
    }
    object.finish("eboxType with enterpriseNumber or ssin", faults);
    found?.ok()
}

fn business(value: Json<'_>, faults: &mut Faults) -> Option<BusinessData> {
    let mut object = Object::of(value, "", faults)?;
    let key = object.parsed("key", faults, line(BUSINESS_LENGTH));
    let key = needed(key, &object, "key", faults);
    let name = translated(&mut object, "name", faults, line(BUSINESS_LENGTH));
    let description = translated(&mut object, "description", faults, line(BUSINESS_LENGTH));
    let given = object.array("values", faults);
    let given = needed(given, &object, "values", faults).unwrap_or_default();
    if given.len() > BUSINESS_DATA {
        object.fault("values", format_args!("more than {BUSINESS_DATA}: give fewer"), faults);
        return None;
    }
    let value = |(place, value)| {
        placed(format_args!("/values/{place}"), faults, |own| translation(value, own, line(BUSINESS_LENGTH)))
    };
    let values = given.into_iter().enumerate().filter_map(value).collect();
    object.finish("key, name, description, values", faults);
    Some(BusinessData { key: key?, name, description, values })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const TODAY: Date = Date::constant(2026, 11, 28);

    fn two() -> Value {
        json!({
            "recipient": {"eboxType": "citizen", "eboxIdValue": "85.07.30-033.28"},
            "subject": {"fr": "Votre pension", "nl": "Uw pensioen"},
            "messageTypeId": "letter", "senderApplicationId": "app:1", "senderOrganizationId": "0403019261",
            "attachments": [{"httpPartName": "upfile1", "mainContent": true, "attachmentTitle": {"fr": "Lettre"}, "attachmentSigned": true,
                "digest": {"digestMethod": "sha_256", "digestValue": "A".repeat(43)}}],
            "bodyMainContent": false, "bodyContent": {"fr": "<p onclick=a()>Bonjour</p><script>x()</script>"},
            "businessDataList": [{"key": "file", "values": [{"fr": "17"}]}], "replyAuthorized": true,
            "originalMessageId": "0193b1c2-5b1e-7c3a-8f00-000000000001", "expirationDate": "2027-01-01T00:00:00+01:00",
            "forTheAttentionOf": {"type": "person", "id": "85073003328", "name": "J. Peeters"}, "registeredMail": true,
        })
    }

    fn three() -> Value {
        json!({
            "recipient": {"eboxType": "enterprise", "enterpriseNumber": "0206731645"},
            "sender": {"eboxType": "enterprise", "enterpriseNumber": "0403019261"},
            "subject": {"fr": "Votre pension"}, "messageTypeId": "letter",
            "attachments": [{"httpPartName": "a", "isMainContent": true, "isAttachmentSigned": false}],
            "isBodyMainContent": false, "isReplyAuthorized": false, "isRegisteredMail": true,
            "forTheAttentionOf": {"ssin": "85.07.30-033.28", "label": "J. Peeters"},
        })
    }

    fn found(json: &Value, version: Version) -> Result<Description, Refused> {
        read(json.to_string().as_bytes(), version, Addressing::One, TODAY)
    }

    #[test]
    fn a_description_of_either_version_is_read_and_its_body_cleaned() {
        let description = found(&two(), Version::Two).unwrap();
        assert_eq!(description.recipient.unwrap().digits(), "85073003328");
        assert_eq!(description.body.as_ref().unwrap().html.iter().next().unwrap().1.as_ref(), "<p>Bonjour</p>");
        assert!(description.files[0].digest.is_some() && description.files[0].is_signed && description.is_registered);
        assert_eq!(description.business[0].values.len(), 1);
        assert!(description.may_be_replied_to && description.replies_to.is_some() && description.expires_at.is_some());
        let description = found(&three(), Version::Three).unwrap();
        assert_eq!((description.sender.unwrap().digits().as_str(), description.is_registered), ("0403019261", true));
        assert_eq!(description.attention.unwrap().id.as_deref(), Some("85073003328"));
        let mut without = three();
        without.as_object_mut().unwrap().remove("recipient");
        let later = read(without.to_string().as_bytes(), Version::Three, Addressing::Later, TODAY).unwrap();
        assert_eq!(later.recipient, None);
        assert!(read(three().to_string().as_bytes(), Version::Three, Addressing::Later, TODAY).is_err());
    }

    #[test]
    fn each_mistake_is_told_by_its_place_and_repeats_nothing() {
        for (pointer, value, place) in [
            ("/recipient", json!(null), "/recipient"),
            ("/recipient/eboxIdValue", json!("85073003329"), "/recipient/eboxIdValue"),
            ("/recipient/eboxType", json!("enterprise"), "/recipient/eboxIdValue"),
            ("/subject", json!({}), "/subject"),
            ("/subject/fr", json!("a\u{7}"), "/subject/fr"),
            ("/subject/fr", json!("a".repeat(401)), "/subject/fr"),
            ("/subject/es", json!("a"), "/subject/es"),
            ("/messageTypeId", json!(null), "/messageTypeId"),
            ("/senderOrganizationId", json!("0403019262"), "/senderOrganizationId"),
            ("/replyAuthorized", json!("true"), "/replyAuthorized"),
            ("/bodyMainContent", json!(null), "/bodyMainContent"),
            ("/bodyContent/fr", json!("<script>x()</script> "), "/bodyContent/fr"),
            ("/attachments/0/digest/digestMethod", json!("md5"), "/attachments/0/digest/digestMethod"),
            ("/attachments/0/httpPartName", json!(null), "/attachments/0/httpPartName"),
            ("/attachments", json!([1, 2, 3, 4, 5, 6, 7]), "/attachments"),
            ("/businessDataList/0/values", json!(null), "/businessDataList/0/values"),
            ("/originalMessageId", json!("42"), "/originalMessageId"),
            ("/expirationDate", json!("tomorrow"), "/expirationDate"),
            ("/recipients", json!([]), "/recipients"),
        ] {
            let mut wrong = two();
            let (above, name) = pointer.rsplit_once('/').unwrap();
            wrong
                .pointer_mut(above)
                .and_then(Value::as_object_mut)
                .map(|all| all.insert(name.to_owned(), value.clone()));
            if name == "0" {
                *wrong.pointer_mut(pointer).unwrap() = value;
            }
            let refused = found(&wrong, Version::Two).unwrap_err();
            assert!(refused.message.starts_with(&format!("{place}: ")), "{pointer}: {refused}");
            assert!(!refused.message.contains("8507300332"), "{refused}");
        }
        let mut main = two();
        main.as_object_mut().unwrap().remove("bodyContent");
        main["bodyMainContent"] = true.into();
        assert!(found(&main, Version::Two).unwrap_err().message.starts_with("/bodyContent: "));
        assert!(found(&two(), Version::Three).is_err() && found(&three(), Version::Two).is_err());
    }

    #[test]
    fn files_that_stay_with_their_institution_are_described_whole() {
        let mut elsewhere = two();
        elsewhere["messageProviderId"] = "fps".into();
        assert!(found(&elsewhere, Version::Two).unwrap_err().message.contains("/attachments/0/fileName: missing"));
        elsewhere["attachments"] =
            json!([{"fileName": "a.pdf", "mediaType": "application/pdf", "size": 1.5, "mainContent": true}]);
        let description = found(&elsewhere, Version::Two).unwrap();
        let Bytes::Elsewhere { size, .. } = description.files[0].bytes else { panic!("a part") };
        assert_eq!(size, 1_536);
    }
}
