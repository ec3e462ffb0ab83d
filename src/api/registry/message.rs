//! A message and its parts, as they are answered: a document in one mailbox.
use estafette_actors::domain::language::Translated;
use estafette_actors::domain::mailbox::document::{self, Document};
use estafette_actors::domain::mailbox::item::Item;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::wire::{DigestView, Listed, kilobytes, seconds};
use super::{examples, schemas};

/// A message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EboxMessage, example = examples::message)]
pub struct Message {
    /// Names it.
    message_id: String,
    /// The one that it replies to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    original_message_id: Option<String>,
    /// What it is about.
    #[schema(value_type = schemas::EboxText)]
    subject: Translated<Box<str>>,
    /// When it came.
    #[schema(format = DateTime)]
    receipt_date: String,
    /// When it goes.
    #[schema(format = DateTime)]
    expiration_date: String,
    /// Whether its main content was read.
    read_status: bool,
    /// Whether its holder wants it to be shown.
    visible: bool,
    /// Whether it is registered mail.
    registered_mail: bool,
    /// For whom in an enterprise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    for_the_attention_of: Option<Attention>,
    /// Of which type.
    #[schema(value_type = schemas::EboxRefId)]
    message_type_id: String,
    /// Who sends it.
    #[schema(value_type = schemas::EboxCbe)]
    sender_organization_id: String,
    /// By which application.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schemas::EboxRefId>, required = false)]
    sender_application_id: Option<String>,
    /// Its files.
    attachments: Listed<Attachment>,
    /// Whether its body is the main content; false where it has none.
    body_main_content: bool,
    /// What is to be paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    payment_data: Option<Payment>,
    /// For programs.
    business_data_list: Listed<BusinessData>,
    /// Whether it takes a reply.
    reply_authorized: bool,
}

impl Message {
    /// Of an item; addresses begin with `place`.
    pub fn of(item: &Item, place: &str) -> Self {
        let document = &item.document;
        Self {
            message_id: document.id.to_string(),
            original_message_id: document.replies_to.map(|id| id.to_string()),
            subject: document.subject.clone(),
            receipt_date: seconds(item.received_at),
            expiration_date: seconds(item.expires_at),
            read_status: item.state.read_at.is_some(),
            visible: item.state.is_visible,
            registered_mail: document.is_registered,
            for_the_attention_of: document.attention.as_ref().map(Attention::of),
            message_type_id: document.message_type.to_string(),
            sender_organization_id: document.sender.0.digits(),
            sender_application_id: document.application.as_ref().map(ToString::to_string),
            attachments: attachments(document, place),
            body_main_content: document.body.as_ref().is_some_and(|body| body.is_main),
            payment_data: document.payment.as_ref().map(Payment::of),
            business_data_list: Listed::all(document.business.iter().map(BusinessData::of).collect()),
            reply_authorized: document.may_be_replied_to,
        }
    }
}

/// The files of a document; addresses begin with `place`.
pub fn attachments(document: &Document, place: &str) -> Listed<Attachment> {
    Listed::all(document.attachments.iter().map(|one| Attachment::of(document, one, place)).collect())
}

/// For whom in an enterprise.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EboxAttention)]
pub struct Attention {
    /// The identifier, as the sender gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false)]
    id: Option<Box<str>>,
    /// Of which kind it is.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false)]
    kind: Option<Box<str>>,
    /// A name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false)]
    name: Option<Box<str>>,
}

impl Attention {
    fn of(one: &document::Attention) -> Self {
        Self { id: one.id.clone(), kind: one.kind.clone(), name: one.name.clone() }
    }
}

/// A file of a message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EboxAttachment, example = examples::attachment)]
pub struct Attachment {
    /// Names it in its message.
    attachment_id: String,
    /// Its title.
    #[schema(value_type = schemas::EboxText)]
    attachment_title: Translated<Box<str>>,
    /// The name of the file.
    #[schema(value_type = String)]
    file_name: Box<str>,
    /// Whether it is the main content.
    main_content: bool,
    /// What it is.
    #[schema(value_type = schemas::EboxMediaType)]
    media_type: &'static str,
    /// Kilobytes, of 1,024 bytes.
    size: f64,
    /// What its bytes hash to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    digest: Option<DigestView>,
    /// Whether the sender says that it is signed.
    attachment_signed: bool,
    /// Where its bytes are.
    #[schema(value_type = schemas::EboxUri)]
    content_href: String,
}

impl Attachment {
    /// Of a file of a document; its address begins with `place`.
    pub fn of(document: &Document, one: &document::Attachment, place: &str) -> Self {
        Self {
            attachment_id: one.number.to_string(),
            attachment_title: one.title.clone(),
            file_name: one.file_name.clone(),
            main_content: one.is_main,
            media_type: one.media_type.as_str(),
            size: kilobytes(one.size),
            digest: one.digest.map(DigestView::from),
            attachment_signed: one.is_signed,
            content_href: format!(
                "{place}/messageRegistry/v2/ebox/messages/{}/attachments/{}/content",
                document.id, one.number
            ),
        }
    }
}

/// Something about a message for programs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EboxBusinessData)]
pub struct BusinessData {
    /// Its key.
    #[schema(value_type = String)]
    key: Box<str>,
    /// Its name.
    #[schema(value_type = schemas::EboxText)]
    name: Translated<Box<str>>,
    /// What it is.
    #[serde(skip_serializing_if = "Translated::is_empty")]
    #[schema(value_type = schemas::EboxText, required = false)]
    description: Translated<Box<str>>,
    /// Its values.
    #[schema(value_type = Vec<schemas::EboxText>)]
    values: Vec<Translated<Box<str>>>,
}

impl BusinessData {
    fn of(one: &document::BusinessData) -> Self {
        let (name, description) = (one.name.clone(), one.description.clone());
        Self { key: one.key.clone(), name, description, values: one.values.clone() }
    }
}

/// What is to be paid.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EboxPaymentData, example = examples::payment)]
pub struct Payment {
    /// Its identifier.
    #[schema(value_type = String)]
    payment_data_id: Box<str>,
    /// Without VAT.
    amount: f64,
    /// VAT, to be added.
    vat_amount: f64,
    /// ISO 4217.
    #[schema(example = "EUR")]
    currency: String,
    /// By when.
    #[schema(format = DateTime)]
    due_date: String,
    /// To which account (ISO 13616).
    #[schema(value_type = String, example = "BE68539007547034")]
    iban: Box<str>,
    /// Of which bank (ISO 9362).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false)]
    bic: Option<Box<str>>,
    /// What to write beside it, as the sender gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schemas::EboxReference>, required = false)]
    reference: Option<Value>,
}

impl Payment {
    /// Of what a document has.
    pub fn of(one: &document::Payment) -> Self {
        let hundredths = |amount: i64| amount as f64 / 100.0;
        Self {
            payment_data_id: one.id.clone(),
            amount: hundredths(one.amount),
            vat_amount: hundredths(one.vat),
            currency: String::from_utf8_lossy(&one.currency).into_owned(),
            due_date: seconds(one.due),
            iban: one.iban.clone(),
            bic: one.bic.clone(),
            reference: one.reference.as_ref().and_then(|text| serde_json::from_str(text).ok()),
        }
    }
}
