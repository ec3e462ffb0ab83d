//! What the bodies of these faces have in common: mailboxes, digests, times, kilobytes.
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::mailbox::document::Digest;
use estafette_actors::domain::mailbox::{Audience, MailboxId};
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::time::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::schemas;
use crate::api::json::{Faults, Json, Object};

/// The one method of a digest.
const SHA_256: &str = "sha_256";
/// base64url as RFC 4648 has it; some write the padding and some don't.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EboxIdAnswer)]
pub struct EboxId {
    /// Whose.
    #[schema(value_type = schemas::EboxType)]
    ebox_type: &'static str,
    /// The CBE number of an enterprise, or the NISS of a citizen.
    ebox_id_value: String,
}

impl From<MailboxId> for EboxId {
    fn from(mailbox: MailboxId) -> Self {
        Self { ebox_type: audience(mailbox.audience()), ebox_id_value: mailbox.digits() }
    }
}

/// As the registry writes it.
pub const fn audience(audience: Audience) -> &'static str {
    match audience {
        Audience::Citizen => "citizen",
        Audience::Enterprise => "enterprise",
    }
}

/// Reads the kind of a mailbox.
pub fn read_audience(text: &str) -> Result<Audience, &'static str> {
    match text {
        "citizen" => Ok(Audience::Citizen),
        "enterprise" => Ok(Audience::Enterprise),
        _ => Err("give citizen or enterprise"),
    }
}

/// Reads the number of a mailbox of a kind.
pub fn read_number(audience: Audience, text: &str, today: Date) -> Result<MailboxId, String> {
    match audience {
        Audience::Citizen => Niss::parse(text, today).map(MailboxId::Citizen).map_err(|error| error.to_string()),
        Audience::Enterprise => Cbe::parse(text).map(MailboxId::Enterprise).map_err(|error| error.to_string()),
    }
}

/// Takes a mailbox out of a value.
pub fn ebox_id(value: Json<'_>, today: Date, faults: &mut Faults) -> Option<MailboxId> {
    let mut object = Object::of(value, "", faults)?;
    let found = numbered(&mut object, today, faults);
    object.finish("eboxType, eboxIdValue", faults);
    found
}

fn numbered(object: &mut Object<'_>, today: Date, faults: &mut Faults) -> Option<MailboxId> {
    let kind = needed(object.parsed("eboxType", faults, read_audience), object, "eboxType", faults);
    let number = needed(object.text("eboxIdValue", faults), object, "eboxIdValue", faults);
    match read_number(kind?, &number?, today) {
        Ok(mailbox) => Some(mailbox),
        Err(error) => {
            object.fault("eboxIdValue", error, faults);
            None
        }
    }
}

/// Notes that a member is missing, unless it was there and wrong.
pub fn needed<T>(found: Option<T>, object: &Object<'_>, name: &str, faults: &mut Faults) -> Option<T> {
    if found.is_none() && !faults.mentions(object.pointer(), name) {
        object.fault(name, "missing: give it", faults);
    }
    found
}

/// Reads one of several things alike, and puts its mistakes under its place.
pub fn placed<T>(
    place: impl std::fmt::Display,
    faults: &mut Faults,
    read: impl FnOnce(&mut Faults) -> Option<T>,
) -> Option<T> {
    let mut own = Faults::default();
    let found = read(&mut own);
    let is_good = own.is_empty();
    for fault in own.into_inner() {
        faults.add(format!("{place}{}", fault.pointer), fault.detail);
    }
    found.filter(|_| is_good)
}

/// Takes a text in some of the languages out of an object; each is one that `check` takes.
pub fn translated(
    object: &mut Object<'_>,
    name: &str,
    faults: &mut Faults,
    check: impl Fn(&str) -> Result<Box<str>, String>,
) -> Translated<Box<str>> {
    match object.take(name) {
        Some(value) => {
            placed(format_args!("{}/{name}", object.pointer()), faults, |own| translation(value, own, check))
                .unwrap_or_default()
        }
        None => Translated::new(),
    }
}

/// A text in some of the languages.
pub fn translation(
    value: Json<'_>,
    faults: &mut Faults,
    check: impl Fn(&str) -> Result<Box<str>, String>,
) -> Option<Translated<Box<str>>> {
    let mut given = Object::of(value, "", faults)?;
    let mut found = Translated::new();
    for language in Language::ALL {
        if let Some(text) = given.parsed(language.as_str(), faults, &check) {
            found.set(language, text);
        }
    }
    given.finish("nl, fr, de, en", faults);
    Some(found)
}

/// The digest of a content.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EboxDigest)]
pub struct DigestView {
    /// How it was made.
    #[schema(value_type = schemas::DigestMethod)]
    digest_method: &'static str,
    /// In base64url.
    digest_value: String,
}

impl From<Digest> for DigestView {
    fn from(digest: Digest) -> Self {
        Self { digest_method: SHA_256, digest_value: encoded(&digest) }
    }
}

/// A digest in base64url.
pub fn encoded(digest: &Digest) -> String {
    BASE64.encode(digest.0)
}

/// Takes a digest out of an object.
pub fn digest(object: &mut Object<'_>, faults: &mut Faults) -> Option<Digest> {
    let value = object.take("digest")?;
    placed(format_args!("{}/digest", object.pointer()), faults, |own| {
        let mut given = Object::of(value, "", own)?;
        let is_sha = |text: &str| if text == SHA_256 { Ok(()) } else { Err("give sha_256") };
        let method = needed(given.parsed("digestMethod", own, is_sha), &given, "digestMethod", own);
        let value = needed(given.parsed("digestValue", own, decoded), &given, "digestValue", own);
        given.finish("digestMethod, digestValue", own);
        method.and(value)
    })
}

fn decoded(text: &str) -> Result<Digest, &'static str> {
    let bytes = BASE64.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(Digest).ok_or("not a SHA-256 in base64url: give its 32 bytes so")
}

/// `yyyy-MM-dd'T'HH:mm:ssXXX`, as the registry writes times.
pub fn seconds(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_second((at.millis() / 1_000) as i64).unwrap_or(jiff::Timestamp::MAX);
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Bytes as the registry counts them: 1 kB is 1,024 bytes.
pub fn kilobytes(bytes: u64) -> f64 {
    bytes as f64 / 1_024.0
}

/// A count that fits into an int32.
pub fn int32(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// One line of so many characters at most.
pub fn line(limit: usize) -> impl Fn(&str) -> Result<Box<str>, String> {
    move |text| crate::api::submission::line(text, limit)
}

/// A list, or a page of one.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Listed<T> {
    /// These.
    pub items: Vec<T>,
    /// How many there are in all.
    pub total_items: i32,
}

impl<T> Listed<T> {
    /// All that there are.
    pub fn all(items: Vec<T>) -> Self {
        let total_items = int32(items.len() as u64);
        Self { items, total_items }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_with_and_without_padding_and_nothing_else_is_one() {
        let digest = Digest([0xfb; 32]);
        let text = encoded(&digest);
        assert!(text.contains('-') || text.contains('_'));
        assert_eq!(decoded(&text), Ok(digest));
        assert_eq!(decoded(&format!("{text}=")), Ok(digest));
        for wrong in ["", "YQ", &text.replace(['-', '_'], "+"), &text[1..]] {
            assert!(decoded(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_has_whole_seconds_and_an_offset() {
        assert_eq!(seconds(Timestamp::parse("2026-11-28T10:00:00.999+01:00").unwrap()), "2026-11-28T09:00:00Z");
        assert_eq!(seconds(Timestamp::MAX).len(), 20);
    }

    #[test]
    fn a_mailbox_that_is_none_is_told_by_its_place() {
        let read = |json: &str| {
            let mut faults = Faults::default();
            let found = ebox_id(Json::parse(json.as_bytes()).unwrap(), jiff::civil::date(2026, 11, 28), &mut faults);
            (found, faults.into_inner().into_iter().map(|fault| fault.pointer).collect::<Vec<_>>())
        };
        let good = read(r#"{"eboxType":"citizen","eboxIdValue":"85073003328"}"#);
        assert_eq!((good.0.unwrap().digits().as_str(), good.1.len()), ("85073003328", 0));
        for (json, places) in [
            (r#"{"eboxType":"CITIZEN","eboxIdValue":"85073003328"}"#, &["/eboxType"][..]),
            (r#"{"eboxType":"enterprise","eboxIdValue":"85073003328"}"#, &["/eboxIdValue"]),
            (r#"{"x":1}"#, &["/eboxType", "/eboxIdValue", "/x"]),
            ("[]", &[""]),
        ] {
            assert_eq!(read(json), (None, places.iter().map(ToString::to_string).collect()), "{json}");
        }
    }
}
