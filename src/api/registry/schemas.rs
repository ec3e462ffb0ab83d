//! Schemas of these faces' bodies that no type of theirs has. For the OpenAPI document only; what refuses is the code that reads.
use estafette_actors::domain::language::Language;
use estafette_actors::domain::mailbox::document::{ATTACHMENTS, BUSINESS_DATA, BUSINESS_LENGTH, LINKS, SUBJECT_LENGTH};
use estafette_actors::domain::mailbox::item::SEARCH_LENGTH;
use estafette_actors::domain::mailbox::media::MediaType;
use estafette_actors::domain::mailbox::reference::{DESCRIPTION_LENGTH, NAME_LENGTH, NAMED};
use estafette_actors::domain::mailbox::{CLIENT_LENGTH, CONSENTS};
use serde_json::json;
use utoipa::openapi::encoding::EncodingBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, KnownFormat, Object, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};

use super::examples;
use crate::api::schemas::{form, line, members, or_null};
use crate::events::schemas::{names, schemas, text};

/// What an identifier of reference data is made of.
const REF_ID: &str = "^[A-Za-z0-9._:-]{1,64}$";

schemas! {
    /// Whose mailbox: a citizen's or an enterprise's.
    EboxType = names(["citizen", "enterprise"]).examples(["enterprise"]);
    /// Names a mailbox: the CBE number of an enterprise, or the NISS of a citizen.
    EboxId = members(&[("eboxType", "EboxType"), ("eboxIdValue", "EboxIdValue")], &["eboxType", "eboxIdValue"]).examples([examples::ebox_id()]);
    /// The CBE number of an enterprise, or the NISS of a citizen.
    EboxIdValue = form("ebox-id", "^[0-9BEbe. -]{9,16}$").examples(["0206731645"]);
    /// A CBE number of ten digits.
    EboxCbe = form("cbe10", "^[01][0-9]{9}$").examples(["0403019261"]);
    /// The identifier of a message type, an application, a picture, a provider or an access right.
    EboxRefId = form("ref-id", REF_ID).examples(["pension-letter"]);
    /// The name of a client of the issuer of tokens.
    EboxClientId = text().pattern(Some(format!("^[A-Za-z0-9._:-]{{1,{CLIENT_LENGTH}}}$"))).examples(["doccle"]);
    /// The name of a message: a UUID.
    EboxMessageId = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))).examples([examples::ID]);
    /// The number of a file in its message.
    EboxAttachmentId = text().pattern(Some("^[0-9]{1,3}$")).examples(["1"]);
    /// A day, YYYY-MM-DD, in Brussels.
    EboxDay = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Date))).examples(["2026-11-01"]);
    /// Words to look for.
    EboxWords = text().min_length(Some(1)).max_length(Some(SEARCH_LENGTH)).pattern(Some("\\S")).examples(["pension"]);
    /// A text by language. The definition of the Message Registry names nl, fr and de; English stands beside them.
    EboxText = by_language(DESCRIPTION_LENGTH.max(262_144)).examples([json!({"fr": "Votre pension", "nl": "Uw pensioen"})]);
    /// A subject or a title by language: at least one.
    EboxSubject = by_language(SUBJECT_LENGTH).min_properties(Some(1)).examples([json!({"fr": "Votre pension"})]);
    /// What business data say, by language.
    EboxDataText = by_language(BUSINESS_LENGTH).examples([json!({"fr": "17"})]);
    /// The kinds of files that a message may have.
    EboxMediaType = names(MediaType::ALL.map(MediaType::as_str)).examples(["application/pdf"]);
    /// The kinds of pictures.
    EboxImageType = names(["image/png", "image/jpeg", "image/gif"]).examples(["image/png"]);
    /// How a digest is made.
    DigestMethod = names(["sha_256"]).examples(["sha_256"]);
    /// A SHA-256 digest of the bytes of a file, base64url.
    EboxNewDigest = members(&[("digestMethod", "DigestMethod"), ("digestValue", "EboxDigestValue")], &["digestMethod", "digestValue"])
        .examples([examples::digest()]);
    /// 32 bytes in base64url, with or without padding.
    EboxDigestValue = form("sha256", "^[A-Za-z0-9_-]{43}=?$").examples([examples::DIGEST]);
    /// The unit of a validity.
    EboxUnit = names(["day", "month", "year"]).examples(["year"]);
    /// The address of something.
    EboxUri = text().format(Some(SchemaFormat::Custom("uri".to_owned()))).examples(["https://ebox.example.be/federation/v1/api"]);
    /// Bytes, of whatever kind.
    EboxBytes = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary))).examples(["%PDF-1.7 ..."]);
    /// A mail, as it came.
    EboxMail = text().examples(["To: bounces+0123@mail.example.be\r\nContent-Type: multipart/report\r\n\r\n..."]);
    /// The key of a publication: 1 to 255 visible characters, in quotation marks or not.
    EboxKey = text().min_length(Some(1)).max_length(Some(257)).pattern(Some("^[!-~]+$")).examples(["\"8e03978e-40d5-43e8-bc93-6894a57f9324\""]);
    /// What to write beside a payment: any object.
    EboxReference = ObjectBuilder::new().schema_type(Type::Object).additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .examples([json!({"structured": "+++090/9337/55493+++"})]);
    /// Whether somebody reads it digitally.
    EboxPublicationCode = names(["SUCCESS", "NO_DIGITAL_USER"]).examples(["SUCCESS"]);
    /// Whether it is in a mailbox, and read digitally.
    EboxRecipientCode = names(["SUCCESS", "NO_DIGITAL_USER", "INVALID_RECIPIENT"]).examples(["SUCCESS"]);
    /// What happened to a document in a mailbox.
    EboxEventType = names(["newDocument", "newDocumentReminder", "documentExpirationAlert", "readDocument"]).examples(["newDocument"]);
    /// Event types, separated by commas.
    EboxEventTypes = text().pattern(Some("^(newDocument|newDocumentReminder|documentExpirationAlert|readDocument)(,(newDocument|newDocumentReminder|documentExpirationAlert|readDocument))*$"))
        .examples(["newDocument,readDocument"]);
    /// Which messages are shown and which put away.
    EboxMessagesToUpdate = members(&[], &[]).property("items", maybe("EboxMessageToUpdate", LINKS))
        .property("totalItems", count()).examples([examples::to_update()]);
    /// Whether a message is shown.
    EboxMessageToUpdate = members(&[("messageId", "EboxMessageId")], &["messageId"]).property("visible", truth()).required("visible");
    /// A message and further mailboxes for it.
    EboxMessageToLink = members(&[("messageId", "EboxMessageId")], &["messageId"])
        .property("recipients", array("EboxId").min_items(Some(1)).max_items(Some(LINKS))).required("recipients")
        .examples([examples::to_link()]);
    /// Messages in mailboxes.
    EboxMessagesStatusRequest = ArrayBuilder::new().items(Ref::from_schema_name("EboxMessageIdEboxId")).min_items(Some(1)).max_items(Some(LINKS))
        .examples([examples::status_request()]);
    /// A message in a mailbox.
    EboxMessageIdEboxId = members(&[("messageId", "EboxMessageId"), ("eboxId", "EboxId")], &["messageId", "eboxId"]);
    /// Something about a message for programs.
    EboxBusinessDataToPublish = members(&[("name", "EboxDataText"), ("description", "EboxDataText")], &[]).property("key", line(BUSINESS_LENGTH)).required("key")
        .property("values", array("EboxDataText").min_items(Some(1)).max_items(Some(BUSINESS_DATA))).required("values");
    /// What is to be paid.
    EboxNewPayment = members(&[("dueDate", "Time"), ("reference", "EboxReference")], &["dueDate"])
        .property("paymentDataId", line(200)).required("paymentDataId").property("amount", amount()).required("amount")
        .property("vatAmount", amount()).required("vatAmount")
        .property("currency", text().pattern(Some("^[A-Z]{3}$"))).required("currency")
        .property("iban", form("iban", "^[A-Z]{2}[0-9]{2}[A-Z0-9 ]{11,40}$")).required("iban")
        .property("bic", or_null(text().pattern(Some("^[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?$")).build())).examples([examples::payment()]);
    /// For whom in an enterprise.
    EboxNewAttention = members(&[], &[]).property("id", optional(200)).property("type", optional(200)).property("name", optional(200))
        .examples([json!({"type": "person", "id": "85073003328", "name": "J. Peeters"})]);
    /// A file, whose bytes are in the part `httpPartName`; with `messageProviderId` they stay with their institution, and `fileName`, `mediaType` and `size` describe it.
    EboxAttachmentToPublish = file("mainContent", "attachmentSigned");
    /// What is published, with the names of version 2.1.
    EboxMessageToPublish = publication(Names::TWO).property("recipient", Ref::from_schema_name("EboxId")).required("recipient")
        .property("senderOrganizationId", or_null(Ref::from_schema_name("EboxCbe")))
        .property("forTheAttentionOf", or_null(Ref::from_schema_name("EboxNewAttention")))
        .examples([examples::to_publish()]);
    /// A publication: its description, and its files under the names that this gives.
    EboxPublication = parts("EboxMessageToPublish").examples([examples::multipart(examples::to_publish())]);
    /// A mailbox, with the names of version 3.
    EboxRecipient3 = members(&[("eboxType", "EboxType"), ("enterpriseNumber", "EboxIdValue"), ("ssin", "EboxIdValue")], &["eboxType"])
        .examples([json!({"eboxType": "citizen", "ssin": "85073003328"})]);
    /// For whom in an enterprise, with the names of version 3.
    EboxNewAttention3 = members(&[("ssin", "Niss")], &[]).property("label", optional(200)).examples([json!({"ssin": "85073003328", "label": "J. Peeters"})]);
    /// A file of a message, with the names of version 3.
    EboxAttachmentToPublish3 = file("isMainContent", "isAttachmentSigned");
    /// What is published, with the names of version 3.
    EboxMessageToPublish3 = publication(Names::THREE).property("recipient", Ref::from_schema_name("EboxRecipient3")).required("recipient")
        .property("sender", or_null(Ref::from_schema_name("EboxRecipient3")))
        .property("forTheAttentionOf", or_null(Ref::from_schema_name("EboxNewAttention3")))
        .examples([examples::to_publish_3()]);
    /// A publication with the names of version 3.
    EboxPublication3 = parts("EboxMessageToPublish3").examples([examples::multipart(examples::to_publish_3())]);
    /// What is published to recipients who follow, with the names of version 3.
    EboxPublicationToCreate = publication(Names::THREE).property("sender", or_null(Ref::from_schema_name("EboxRecipient3")))
        .property("forTheAttentionOf", or_null(Ref::from_schema_name("EboxNewAttention3")))
        .examples([examples::to_multicast()]);
    /// A publication to recipients who follow.
    EboxMulticast = parts("EboxPublicationToCreate").examples([examples::multipart(examples::to_multicast())]);
    /// Up to 100 recipients.
    EboxRecipients = members(&[], &[]).property("recipients", array("EboxRecipient3").min_items(Some(1)).max_items(Some(100))).required("recipients")
        .examples([examples::recipients()]);
    /// A bundle of evidence: the document's digests, signed records (JWS) in their order, the provider's public keys, and how to check them.
    EboxEvidence = ObjectBuilder::new().schema_type(Type::Object).additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .examples([examples::evidence()]);
    /// Public keys: EC keys of P-256 (RFC 7517, RFC 7518), each named by its thumbprint (RFC 7638).
    EboxKeySet = members(&[], &[]).property("keys", array("EboxPublicKey").min_items(Some(1))).required("keys").examples([examples::keys()]);
    /// A public key.
    EboxPublicKey = members(&[("x", "EboxCoordinate"), ("y", "EboxCoordinate")], &["x", "y"])
        .property("kty", names(["EC"])).required("kty").property("crv", names(["P-256"])).required("crv")
        .property("alg", names(["ES256"])).property("use", names(["sig"])).property("kid", text()).examples([examples::key()]);
    /// A coordinate of a point: 32 bytes in base64url.
    EboxCoordinate = form("coordinate", "^[A-Za-z0-9_-]{43}$").examples([examples::COORDINATE]);
    /// Which evidence is asked for.
    EboxEvidenceSearch = members(&[("messageId", "EboxMessageId"), ("recipient", "EboxRecipient3")], &["messageId", "recipient"])
        .examples([examples::evidence_search()]);
    /// A list of recipients: a CSV with the columns `enterpriseNumber` and `ssin`, one of which each line fills in.
    EboxRecipientList = text().examples(["enterpriseNumber,ssin\r\n0206731645,\r\n,85073003328\r\n"]);
    /// Whether a list is being worked through, or how it ended.
    EboxTaskStatus = names(["RUNNING", "DONE", "FAILED"]).examples(["DONE"]);
    /// Mailboxes of one kind. `eboxIdType`: `EnterpriseNumber` for enterprises, `NISS` for citizens.
    FederationIdList = members(&[("eboxType", "FederationType"), ("eboxIdType", "FederationIdType")], &["eboxType", "eboxIdType"])
        .property("eboxIdValueList", strings(LINKS).min_items(Some(1))).required("eboxIdValueList").examples([examples::id_list()]);
    /// Whose mailbox, in capitals or small letters.
    FederationType = text().pattern(Some("^([Cc][Ii][Tt][Ii][Zz][Ee][Nn]|[Ee][Nn][Tt][Ee][Rr][Pp][Rr][Ii][Ss][Ee])$")).examples(["ENTERPRISE"]);
    /// What numbers there are: `EnterpriseNumber`, or one of `NISS`, `SSIN` and `INSZ`.
    FederationIdType = text().pattern(Some("^(EnterpriseNumber|NISS|SSIN|INSZ)$")).examples(["EnterpriseNumber"]);
    /// Names a mailbox.
    FederationNewId = members(&[("eboxType", "FederationType"), ("eboxIdValue", "EboxIdValue")], &["eboxType", "eboxIdValue"])
        .examples([json!({"eboxType": "ENTERPRISE", "eboxIdValue": "0206731645"})]);
    /// Whether the holder of a mailbox wants no paper any more.
    FederationPreferencesToUpdate = members(&[("eboxId", "FederationNewId")], &["eboxId"]).property("exclusivelyEbox", truth()).required("exclusivelyEbox")
        .examples([examples::new_preferences()]);
    /// Whether a portal may read in a mailbox.
    FederationConsentToUpdate = members(&[("eboxId", "FederationNewId"), ("clientId", "EboxClientId")], &["eboxId", "clientId"])
        .property("consent", truth()).required("consent").examples([examples::new_consent()]);
    /// A description, or a part of one.
    FederationJson = ObjectBuilder::new().schema_type(Type::Object).additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .examples([json!({"openapi": "3.1.0"})]);
    /// The name of a schema of the description.
    FederationSchemaName = text().pattern(Some("^[A-Za-z0-9_]+$")).examples(["FederationPreferences"]);
    /// One line of at most so many characters as a name of reference data has.
    MailboxName = line(NAME_LENGTH).examples(["Pension letter"]);
    /// A name in the four languages.
    MailboxNames = members(&[("fr", "MailboxName"), ("nl", "MailboxName"), ("de", "MailboxName"), ("en", "MailboxName")], &["fr", "nl", "de", "en"])
        .examples([examples::names()]);
    /// A description by language.
    MailboxDescription = by_language(DESCRIPTION_LENGTH).examples([examples::names()]);
    /// The addresses of pages by language.
    MailboxPages = by_language(DESCRIPTION_LENGTH).examples([json!({"fr": "https://www.example.be/fr"})]);
    /// How long documents of a type stay: 1 to 3,650 days, 1 to 120 months, or 1 to 10 years.
    NewMailboxValidity = members(&[("unit", "EboxUnit")], &["unit"]).property("number", whole(1, 3_650)).required("number")
        .examples([json!({"number": 2, "unit": "year"})]);
    /// A message type, as it is to be.
    NewMailboxType = members(&[("names", "MailboxNames"), ("descriptions", "MailboxDescription"), ("validity", "NewMailboxValidity"),
        ("audience", "EboxType"), ("right", "EboxRefId")], &["names", "validity"]).property("may_be_registered", or_null(truth()))
        .property("organizations", maybe("Cbe", NAMED)).property("applications", maybe("EboxRefId", NAMED))
        .examples([examples::new_type()]);
    /// An application, as it is to be.
    NewMailboxApplication = members(&[("names", "MailboxNames"), ("descriptions", "MailboxDescription"), ("urls", "MailboxPages")], &["names"])
        .property("organizations", maybe("Cbe", NAMED)).property("contact", optional(DESCRIPTION_LENGTH))
        .examples([examples::new_application()]);
    /// An organisation, as it is to be.
    NewMailboxOrganization = members(&[("names", "MailboxNames"), ("long_names", "MailboxDescription"), ("urls", "MailboxPages")], &["names"])
        .property("contact", optional(DESCRIPTION_LENGTH)).examples([examples::new_organization()]);
    /// What came of a notice that came back.
    MailboxBounceOutcome = names(["turned_off", "other_address", "passing", "no_report", "not_ours"]).examples(["turned_off"]);
    /// How the holder is told of what came.
    MailboxNotice = names(["none", "email", "message"]).examples(["email"]);
    /// What a holder wants; what is left out is not wanted.
    NewMailboxPreferences = members(&[("language", "Language"), ("notice", "MailboxNotice")], &[])
        .property("email", or_null(text().format(Some(SchemaFormat::Custom("email".to_owned()))).max_length(Some(254)).build()))
        .property("exclusively_digital", or_null(truth()));
    /// Whether a portal may read.
    NewMailboxConsent = members(&[("portal", "EboxClientId")], &["portal"]).property("stands", truth()).required("stands");
    /// A mailbox, as it is to be; what is left out stays.
    NewMailbox = members(&[("ebox_id", "EboxId"), ("preferences", "NewMailboxPreferences")], &["ebox_id"]).property("active", or_null(truth()))
        .property("consents", maybe("NewMailboxConsent", CONSENTS)).examples([examples::new_mailbox()]);
}

/// Says of the parts of a publication what each is sent as.
pub fn encode(operation: &mut Operation) {
    let Some(RefOr::T(body)) = &mut operation.request_body else { return };
    let Some(RefOr::T(content)) = body.content.get_mut("multipart/form-data") else { return };
    let files = MediaType::ALL.map(MediaType::as_str).join(", ");
    let parts = std::iter::once(("messageToPublish".to_owned(), "application/json"));
    for (part, kind) in parts.chain((1..=ATTACHMENTS).map(|number| (format!("upfile{number}"), files.as_str()))) {
        content.encoding.insert(part, EncodingBuilder::new().content_type(Some(kind)).build());
    }
}

/// Names that differ between the versions.
struct Names {
    body_is_main: &'static str,
    takes_reply: &'static str,
    is_registered: &'static str,
    file: &'static str,
}

impl Names {
    const TWO: Self = Self {
        body_is_main: "bodyMainContent",
        takes_reply: "replyAuthorized",
        is_registered: "registeredMail",
        file: "EboxAttachmentToPublish",
    };
    const THREE: Self = Self {
        body_is_main: "isBodyMainContent",
        takes_reply: "isReplyAuthorized",
        is_registered: "isRegisteredMail",
        file: "EboxAttachmentToPublish3",
    };
}

fn publication(names: Names) -> ObjectBuilder {
    let known = [
        ("subject", "EboxSubject"),
        ("messageTypeId", "EboxRefId"),
        ("senderApplicationId", "EboxRefId"),
        ("originalMessageId", "EboxMessageId"),
        ("expirationDate", "Time"),
        ("bodyContent", "EboxText"),
        ("paymentData", "EboxNewPayment"),
        ("messageProviderId", "EboxRefId"),
    ];
    members(&known, &["subject", "messageTypeId"])
        .property(names.body_is_main, truth())
        .required(names.body_is_main)
        .property(names.takes_reply, truth())
        .required(names.takes_reply)
        .property(names.is_registered, or_null(truth()))
        .property("attachments", maybe(names.file, ATTACHMENTS))
        .property("businessDataList", maybe("EboxBusinessDataToPublish", BUSINESS_DATA))
}

fn file(is_main: &'static str, is_signed: &'static str) -> ObjectBuilder {
    members(&[("attachmentTitle", "EboxSubject"), ("digest", "EboxNewDigest"), ("mediaType", "EboxMediaType")], &[])
        .property(is_main, truth())
        .required(is_main)
        .property(is_signed, or_null(truth()))
        .property("httpPartName", optional(200))
        .property("fileName", optional(200))
        .property(
            "size",
            ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Number, Type::Null])).minimum(Some(0)),
        )
}

/// A body of parts: the description, and files.
fn parts(description: &str) -> ObjectBuilder {
    let file = || text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)));
    let all =
        ObjectBuilder::new().schema_type(Type::Object).property("messageToPublish", Ref::from_schema_name(description));
    (1..=ATTACHMENTS)
        .fold(all.required("messageToPublish"), |all, number| all.property(format!("upfile{number}"), file()))
}

fn truth() -> Object {
    Object::with_type(Type::Boolean)
}

fn count() -> Schema {
    or_null(whole(0, LINKS as u64))
}

fn whole(least: u64, most: u64) -> Object {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least as f64)).maximum(Some(most as f64)).build()
}

fn amount() -> Object {
    ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0)).maximum(Some(1e12)).multiple_of(Some(0.01)).build()
}

fn optional(length: usize) -> Schema {
    or_null(line(length).build())
}

/// An array that has to be there.
fn array(of: &str) -> ArrayBuilder {
    ArrayBuilder::new().items(Ref::from_schema_name(of))
}

/// An array that may be left out, or null.
fn maybe(of: &str, most: usize) -> ArrayBuilder {
    array(of).schema_type(SchemaType::from_iter([Type::Array, Type::Null])).max_items(Some(most))
}

fn strings(most: usize) -> ArrayBuilder {
    ArrayBuilder::new().items(RefOr::T(Schema::from(Object::with_type(Type::String)))).max_items(Some(most))
}

fn by_language(length: usize) -> ObjectBuilder {
    let object = ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(AdditionalProperties::FreeForm(false)));
    Language::ALL.into_iter().fold(object, |object, language| {
        let text = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]));
        let text = text.min_length(Some(1)).max_length(Some(length));
        object.property(language.as_str(), text)
    })
}
