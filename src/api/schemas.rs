//! Schemas of the OpenAPI document that no type of this face has: texts of a stated form, names out of closed lists, and
//! the bodies that `submission` reads. For the document only; what refuses is the code that reads.
//!
//! A pattern says what is accepted as far as a pattern can; check digits and number plans are the program's.
use estafette_actors::domain::content::{MAX_HTML, MAX_TEXT, MAX_TITLE};
use estafette_actors::domain::event;
use estafette_actors::domain::failure;
use estafette_actors::domain::jwe::{MAX_JWE, MAX_RECEIVERS};
use estafette_actors::domain::language;
use estafette_actors::domain::status;
use estafette_actors::domain::submission::Lane;
use estafette_actors::domain::webhook::{MAX_NAME, MAX_URL};
use estafette_actors::domain::window::{Days, MAX_HOURS, ZONE};
use serde_json::{Value, json};
use utoipa::openapi::schema::{
    AdditionalProperties, AllOfBuilder, AnyOfBuilder, Array, ArrayBuilder, KnownFormat, Object, ObjectBuilder,
    OneOfBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};

use super::examples;
use super::rows::MAX_VALUE;
use super::submission::{MAX_REFERENCE, MAX_SENDER_NAME};
use crate::events::LENGTH as CURSOR;
pub use crate::events::schemas::{AttemptStatus, Cursor, EventType, Failure, MessageStatus};
use crate::events::schemas::{names, schemas, text};

/// Eight, four, four, four and twelve hexadecimal digits of a UUID of version 7.
const UUID_7: &str = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-7[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$";
/// No control character: neither C0 with DEL, nor C1.
const PLAIN: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";
/// As [`PLAIN`], with line breaks, tabs and form feeds.
const PLAIN_LINES: &str = "^[^\\u0000-\\u0008\\u000b\\u000e-\\u001f\\u007f-\\u009f]*$";

schemas! {
    /// A citizen's number of the National Register or of the BCSS: eleven digits, or written `85.07.30-033.28`.
    Niss = form("niss", "^[0-9]{2}[. -]?[0-9]{2}[. -]?[0-9]{2}[. -]?[0-9]{3}[. -]?[0-9]{2}$").examples(["85.07.30-033.28"]);
    /// An enterprise's number: nine or ten digits with a right check number, with or without `BE` before it.
    Cbe = form("cbe", "^([Bb][Ee][. ]?)?([01][. ]?)?[0-9]([. ]?[0-9]){8}$").examples(["0403019261"]);
    /// A mobile number, E.164 or in Belgian national form; foreign ones after + or 00.
    Mobile = form("mobile", "^[ ./()-]*\\+?[ ./()-]*([0-9][ ./()-]*){1,20}$").examples(["+32470123456"]);
    /// A JWE in compact form with RSA-OAEP-256 (2048 bits) and A256GCM, not compressed.
    Jwe = form("jwe", "^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]{342}\\.[A-Za-z0-9_-]{16}\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]{22}$")
        .max_length(Some(MAX_JWE)).examples([examples::jwe()]);
    /// `niss:`, `mobile:` or `cbe:` and the number.
    Identifier = form("identifier", "^(niss|mobile|cbe):.+$").examples(["mobile:+32470123456"]);
    /// The id of a message or of a broadcast: a UUID of version 7.
    Id = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))).pattern(Some(UUID_7)).examples([examples::ID]);
    /// A place in the feed: a cursor, `oldest` or `newest`.
    Place = form("place", &format!("^(oldest|newest|evt_[A-Za-z0-9_-]{{{}}})$", CURSOR - 4)).examples(["oldest"]);
    /// Where a listing goes on: `next` of the page before, or the id of a message.
    PagePlace = form("page", &format!("^page_[A-Za-z0-9_-]+$|{UUID_7}")).examples([examples::ID]);
    /// A calendar month in Brussels.
    Month = form("month", "^(19[7-9][0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2])$").examples(["2026-11"]);
    /// The id of an entry of the suppression list.
    EntryId = text().pattern(Some("^[0-9a-fA-F]{32}$")).examples([examples::ENTRY]);
    /// A time in RFC 3339, with an offset.
    Time = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).examples([examples::TIME]);
    /// The sender's own reference.
    Reference = line(MAX_REFERENCE).examples(["dossier-17"]);
    /// Whom the citizen sees as the sender.
    SenderName = line(MAX_SENDER_NAME);
    /// The name of one of `GET /v1/strategies`.
    StrategyName = form("strategy", "^.").examples(["govapp-first"]);
    /// The name of a channel: govapp, sms, ebox, or one that the operator added.
    ChannelName = form("channel", "^[a-z0-9-]{1,12}$").examples(["sms"]);
    /// The name of a webhook.
    WebhookName = text().pattern(Some(format!("^[a-z0-9-]{{1,{MAX_NAME}}}$"))).examples(["main"]);
    /// The name of a provider that sends callbacks, as in `GET /v1/limits`.
    Provider = form("provider", "^.").examples(["ringring"]);
    /// Why a message waits, or why it failed.
    Reason = names(reasons()).examples(["in_progress"]);
    /// A language, in ISO 639-1.
    Language = names(language::Language::ALL.map(language::Language::as_str)).examples(["fr"]);
    /// How urgent a message is.
    Priority = names(Lane::ALL.map(Lane::as_str)).examples(["normal"]);
    /// Whether a broadcast is being filled, sent, held up, or over.
    Phase = names(["draft", "started", "paused", "cancelled", "done"]).examples(["started"]);
    /// What one bad row of an upload does: refuse all of it, or keep the others.
    OnError = names(["refuse", "keep"]).examples(["refuse"]);
    /// Whether a step would reach the recipient; `ask`: the channel is asked when the step is taken.
    Reachable = names(["yes", "no", "ask", "suppressed", "consent_withdrawn"]).examples(["ask"]);
    /// The alphabet of an SMS.
    Alphabet = names(["gsm", "ucs2"]).examples(["gsm"]);
    /// What is done when nobody can tell what a channel did.
    OnUnknown = names(["resend", "fail"]).examples(["resend"]);
    /// When a step is taken: to who is not known to be unreachable there, or always.
    Condition = names(["reachable", "always"]).examples(["reachable"]);
    /// What counts as success of a step.
    Success = names(["sent", "delivered", "read"]).examples(["delivered"]);
    /// What follows a step without success: the next one of its track, or the track's end.
    Otherwise = names(["next", "end"]).examples(["next"]);
    /// Why a recipient is on the suppression list.
    Why = names(["suppressed", "consent_withdrawn"]).examples(["suppressed"]);
    /// Whether a webhook is called; `failing`: calls fail and are made again.
    WebhookState = names(["on", "failing", "off"]).examples(["on"]);
    /// A title by language.
    Title = by_language(MAX_TITLE, PLAIN_LINES).examples([json!({"fr": "Rappel", "nl": "Herinnering"})]);
    /// A plain text by language.
    Text = by_language(MAX_TEXT, PLAIN_LINES).examples([json!({"fr": "Bonjour", "nl": "Goeiedag"})]);
    /// HTML by language, cleaned to what GovApp renders; the length is in bytes.
    Html = by_language(MAX_HTML, "").examples([json!({"fr": "<b>Bonjour</b>"})]);
    /// For GovApp, encrypted end to end: a JWE for each device of `GET /v1/recipients/receivers`. Single messages only.
    Encrypted = encrypted();
    /// Who is written to: at least one of the three.
    Recipient = AllOfBuilder::new()
        .item(members(&[("mobile", "Mobile"), ("niss", "Niss"), ("cbe", "Cbe")], &[]))
        .item(one_of(&["mobile", "niss", "cbe"])).examples([json!({"mobile": "+32470123456"})]);
    /// What a message says: at least one of them, in at least one language.
    Content = AllOfBuilder::new()
        .item(members(&[("title", "Title"), ("text", "Text"), ("html", "Html"), ("encrypted", "Encrypted")], &[]))
        .item(one_of(&["title", "text", "html", "encrypted"]))
        .examples([json!({"text": {"fr": "Bonjour", "nl": "Goeiedag"}})]);
    /// What a broadcast says to all its recipients, with `{{variables}}` that each row fills in.
    BroadcastContent = AllOfBuilder::new()
        .item(members(&[("title", "Title"), ("text", "Text"), ("html", "Html")], &[]))
        .item(one_of(&["title", "text", "html"])).examples([json!({"text": {"fr": "Bonjour {{NAME}}"}})]);
    /// A message, as submitted.
    Submission = terms(&[("recipient", "Recipient"), ("content", "Content"), ("language", "Language")], &["recipient"])
        .examples([examples::submission()]);
    /// A broadcast, as created: what all its recipients share.
    NewBroadcast = terms(&[("content", "BroadcastContent"), ("window", "Window")], &[]).examples([examples::new_broadcast()]);
    /// A day of the week.
    Day = names(Days::NAMES).examples(["mon"]);
    /// A time of the day; `24:00` is its end.
    Clock = text().pattern(Some("^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")).examples(["08:00"]);
    /// A time zone of the IANA database.
    TimeZone = form("time-zone", "^[A-Za-z0-9_+/-]+$").examples([ZONE]);
    /// On which days of the week; every day when it is left out.
    WeekDays = ArrayBuilder::new().items(Ref::from_schema_name("Day")).min_items(Some(1)).max_items(Some(7))
        .examples([json!(["mon", "tue"])]);
    /// Hours of some days, from a time of the day until another, which is on the day after when it is the earlier one.
    Hours = members(&[("days", "WeekDays"), ("from", "Clock"), ("until", "Clock")], &["from", "until"])
        .examples([json!({"days": ["mon", "tue"], "from": "08:00", "until": "20:00"})]);
    /// When a broadcast may be sent: some hours by the clock of a time zone, that of Brussels when none is named.
    Window = members(&[("time_zone", "TimeZone")], &[])
        .property("hours", ArrayBuilder::new().items(Ref::from_schema_name("Hours")).min_items(Some(1)).max_items(Some(MAX_HOURS)))
        .required("hours").examples([examples::window()]);
    /// A row of an upload as NDJSON, one a line: who, in which language, and a value for each variable of the content.
    Row = members(&[("key", "Reference"), ("recipient", "Recipient"), ("language", "Language")], &["recipient"])
        .property("variables", variables()).examples([examples::row()]);
    /// What is known of a recipient; `govapp` and `mailbox` say whether they are reached there, where that is known.
    KnownRecipient = AllOfBuilder::new().item(known_recipient()).item(one_of(&["mobile", "niss", "cbe"]))
        .examples([examples::person()]);
    /// What is known of one recipient, or of several.
    KnownRecipients = one_or_several("KnownRecipient").examples([examples::persons()]);
    /// Somebody to be put on the list, by exactly one of the three; without `channel`, on all channels.
    NewSuppression = AllOfBuilder::new().item(members(&[("mobile", "Mobile"), ("niss", "Niss"), ("cbe", "Cbe"),
        ("channel", "ChannelName"), ("why", "Why")], &[])).item(exactly_one_of(&["mobile", "niss", "cbe"]))
        .examples([examples::new_suppression()]);
    /// One to be put on the list, or several.
    NewSuppressions = one_or_several("NewSuppression").examples([examples::new_suppressions()]);
    /// Where a webhook is called: https, a public host.
    WebhookUrl = text().format(Some(SchemaFormat::Custom("uri".to_owned()))).pattern(Some("^https://"))
        .max_length(Some(MAX_URL)).examples(["https://receiver.example.be/estafette"]);
    /// The types of events wanted; all when it is empty.
    EventTypes = ArrayBuilder::new().items(Ref::from_schema_name("EventType")).max_items(Some(event::Kind::ALL.len()))
        .examples([json!(["message.settled", "webhook.disabled"])]);
    /// What a webhook is to be.
    NewWebhook = members(&[("url", "WebhookUrl"), ("types", "EventTypes")], &["url"])
        .property("include_test", ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Boolean, Type::Null]))).examples([examples::new_webhook()]);
    /// A part of the feed: behind `after` up to `until`, included; up to now when it is left out.
    Part = members(&[("after", "Place"), ("until", "Place")], &["after"]).examples([examples::part()]);
    /// What a provider brings, in its own form: one object or an array of them.
    Receipts = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Object, Type::Array]))
        .examples([json!([{"Reference": format!("{}.0.0", examples::ID), "StatusCode": 2}])]);
}

/// A text of a form that has a name of its own.
pub(super) fn form(format: &str, pattern: &str) -> ObjectBuilder {
    text().format(Some(SchemaFormat::Custom(format.to_owned()))).pattern(Some(pattern)).min_length(Some(1))
}

/// One line of so many characters at most.
pub(super) fn line(limit: usize) -> ObjectBuilder {
    text().min_length(Some(1)).max_length(Some(limit)).pattern(Some(PLAIN))
}

/// Every reason to wait, then every failure that is not one of them.
fn reasons() -> [&'static str; status::WaitReason::ALL.len() + failure::Failure::ALL.len() - 1] {
    let waits = status::WaitReason::ALL.map(status::WaitReason::as_str);
    let fails = failure::Failure::ALL.map(failure::Failure::as_str);
    let mut all = waits.into_iter().chain(fails.into_iter().filter(|name| !waits.contains(name)));
    std::array::from_fn(|_| all.next().unwrap_or_default())
}

/// A schema, or null: what is null counts as absent.
pub(super) fn or_null(schema: impl Into<RefOr<Schema>>) -> Schema {
    AnyOfBuilder::new().item(schema).item(Object::with_type(Type::Null)).build().into()
}

/// An object of these members only; those that are not required may be null.
pub(super) fn members(all: &[(&str, &str)], required: &[&str]) -> ObjectBuilder {
    let object = ObjectBuilder::new().schema_type(Type::Object);
    let object = object.additional_properties(Some(AdditionalProperties::FreeForm(false)));
    all.iter().fold(object, |object, (name, schema)| {
        let schema = Ref::from_schema_name(*schema);
        if required.contains(name) {
            object.property(*name, schema).required(*name)
        } else {
            object.property(*name, or_null(schema))
        }
    })
}

/// At least one of these members is there, and is not null.
fn one_of(all: &[&str]) -> Schema {
    given(all).into_iter().fold(AnyOfBuilder::new(), AnyOfBuilder::item).build().into()
}

/// Exactly one of these members is there, and is not null.
fn exactly_one_of(all: &[&str]) -> Schema {
    given(all).into_iter().fold(OneOfBuilder::new(), OneOfBuilder::item).build().into()
}

/// For each of these members, that it is there and is not null.
fn given(all: &[&str]) -> Vec<Object> {
    let each = all.iter().map(|name| {
        let kind = if matches!(*name, "mobile" | "niss" | "cbe") { Type::String } else { Type::Object };
        let any = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
        any.property(*name, Object::with_type(kind)).required(*name).build()
    });
    each.collect()
}

fn one_or_several(schema: &str) -> AnyOfBuilder {
    let one = Ref::from_schema_name(schema);
    AnyOfBuilder::new().item(one.clone()).item(Array::new(one))
}

fn variables() -> ObjectBuilder {
    let object = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Object, Type::Null]));
    object.additional_properties(Some(Schema::from(text().max_length(Some(MAX_VALUE)).build())))
}

fn known_recipient() -> ObjectBuilder {
    let truth = || ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Boolean, Type::Null]));
    members(&[("mobile", "Mobile"), ("niss", "Niss"), ("cbe", "Cbe"), ("language", "Language")], &[])
        .property("govapp", truth())
        .property("mailbox", truth())
}

/// What messages and broadcasts have in common, with these members besides.
fn terms(besides: &[(&str, &str)], required: &[&str]) -> ObjectBuilder {
    let common = [
        ("strategy", "StrategyName"),
        ("priority", "Priority"),
        ("not_before", "Time"),
        ("valid_until", "Time"),
        ("sender_reference", "Reference"),
        ("sender_name", "SenderName"),
    ];
    let required: Vec<_> = ["strategy", "content"].iter().chain(required).copied().collect();
    members(&[&common, besides].concat(), &required)
}

/// A text in some of the four languages.
fn by_language(limit: usize, pattern: &str) -> ObjectBuilder {
    let object = ObjectBuilder::new().schema_type(Type::Object);
    let object = object.additional_properties(Some(AdditionalProperties::FreeForm(false)));
    language::Language::ALL.into_iter().fold(object, |object, language| {
        let pattern = (!pattern.is_empty()).then_some(pattern);
        let text = text().schema_type(SchemaType::from_iter([Type::String, Type::Null]));
        object.property(language.as_str(), text.max_length(Some(limit)).pattern(pattern))
    })
}

fn encrypted() -> ObjectBuilder {
    let receiver = text().pattern(Some("^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")).build();
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property_names(Some(Schema::from(receiver)))
        .additional_properties(Some(Ref::from_schema_name("Jwe")))
        .min_properties(Some(1))
        .max_properties(Some(MAX_RECEIVERS))
        .examples([Value::Object([(examples::RECEIVER.to_owned(), examples::jwe().into())].into_iter().collect())])
}
