//! The JSON of the message registry. Source: its REST definition, version 2.1.
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::submission::Recipient;
use estafette_actors::ports::Letter;
use serde::{Deserialize, Serialize};

use crate::channels::wording;

/// The name of the part that holds the document.
pub(super) const DOCUMENT: &str = "upfile1";
/// The code of a message that is stored, and that nobody reads digitally yet.
pub(super) const NO_DIGITAL_USER: &str = "NO_DIGITAL_USER";

/// A mailbox: of a citizen by NISS, of an enterprise by CBE number.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EboxId {
    ebox_type: Box<str>,
    ebox_id_value: Box<str>,
}

impl EboxId {
    /// The mailbox of a recipient; none for one who is known by a mobile number only.
    pub(super) fn of(recipient: &Recipient) -> Option<Self> {
        let (ebox_type, ebox_id_value) = match (recipient.niss, recipient.cbe) {
            (Some(niss), _) => ("citizen", niss.digits()),
            (None, Some(cbe)) => ("enterprise", cbe.digits()),
            (None, None) => return None,
        };
        Some(Self { ebox_type: ebox_type.into(), ebox_id_value: ebox_id_value.into() })
    }
}

/// A text in the languages of the registry, which knows no English.
#[derive(Default, Serialize)]
pub(super) struct TranslatedString {
    #[serde(skip_serializing_if = "Option::is_none")]
    fr: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nl: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    de: Option<Box<str>>,
}

impl TranslatedString {
    /// English is left out; where there is nothing else, it stands in the place of `home`, because a
    /// subject there must be.
    fn of(words: &Translated<Box<str>>, home: Language) -> Self {
        let get = |language| words.get(language).cloned();
        let mut all = Self { fr: get(Language::Fr), nl: get(Language::Nl), de: get(Language::De) };
        if all.fr.is_none() && all.nl.is_none() && all.de.is_none() {
            let only = get(Language::En);
            match home {
                Language::Nl => all.nl = only,
                Language::De => all.de = only,
                Language::Fr | Language::En => all.fr = only,
            }
        }
        all
    }

    /// The same in every language.
    fn same(text: &str) -> Self {
        Self { fr: Some(text.into()), nl: Some(text.into()), de: Some(text.into()) }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Digest {
    digest_method: &'static str,
    digest_value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DocumentPart {
    attachment_title: TranslatedString,
    http_part_name: &'static str,
    main_content: bool,
    digest: Digest,
    attachment_signed: bool,
}

#[derive(Serialize)]
struct BusinessData {
    key: &'static str,
    values: [TranslatedString; 1],
}

/// The part `messageToPublish`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessageToPublish<'a> {
    recipient: EboxId,
    subject: TranslatedString,
    message_type_id: &'a str,
    sender_organization_id: String,
    sender_application_id: &'a str,
    registered_mail: bool,
    attachments: [DocumentPart; 1],
    body_main_content: bool,
    business_data_list: [BusinessData; 1],
    reply_authorized: bool,
}

impl<'a> MessageToPublish<'a> {
    /// A letter with its one document.
    pub(super) fn of(
        letter: &Letter,
        recipient: EboxId,
        document: &Document,
        message_type_id: &'a str,
        sender_application_id: &'a str,
    ) -> Self {
        let home = letter.envelope.default_language;
        let titles = wording::titles(&letter.envelope.content);
        let digest = digest::digest(&digest::SHA256, document.content.as_bytes());
        Self {
            recipient,
            subject: TranslatedString::of(&titles, home),
            message_type_id,
            sender_organization_id: letter.institution.0.digits(),
            sender_application_id,
            registered_mail: false,
            attachments: [DocumentPart {
                attachment_title: TranslatedString::of(&titles, home),
                http_part_name: DOCUMENT,
                main_content: true,
                digest: Digest { digest_method: "sha_256", digest_value: URL_SAFE.encode(digest) },
                attachment_signed: false,
            }],
            body_main_content: false,
            business_data_list: [BusinessData {
                key: "reference",
                values: [TranslatedString::same(&letter.reference.to_string())],
            }],
            reply_authorized: false,
        }
    }
}

/// The main content: a page where there is HTML in the language chosen, otherwise plain text.
pub(super) struct Document {
    pub(super) file_name: &'static str,
    pub(super) media_type: &'static str,
    pub(super) content: String,
}

impl Document {
    /// The document of a letter; none when it has nothing to read.
    pub(super) fn of(letter: &Letter) -> Option<Self> {
        let rendition = &letter.rendition;
        if let Some(html) = rendition.html.as_deref() {
            let language = rendition.language;
            let head =
                format!("<!DOCTYPE html>\n<html lang=\"{language}\"><head><meta charset=\"utf-8\"></head><body>");
            let content = format!("{head}{html}</body></html>\n");
            return Some(Self { file_name: "message.html", media_type: "text/html", content });
        }
        let content = rendition.text.to_string();
        (!content.trim().is_empty()).then_some(Self { file_name: "message.txt", media_type: "text/plain", content })
    }
}

/// The answer to a publication.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Published {
    pub(super) message_id: Box<str>,
    #[serde(default)]
    pub(super) code: Option<Box<str>>,
}

/// One message of a question about statuses.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    pub(super) message_id: Box<str>,
    pub(super) ebox_id: EboxId,
}

/// One message of its answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessageStatus {
    pub(super) message_id: Box<str>,
    #[serde(default)]
    pub(super) read_status: bool,
}
