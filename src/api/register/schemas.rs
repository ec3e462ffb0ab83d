//! Schemas of the register's bodies that no type of this face has. For the OpenAPI document only; what refuses is the code that
//! reads.
use estafette_actors::domain::dossier::{CODE_LENGTH, NAME_LENGTH, PARTNERS};
use estafette_actors::domain::identity;
use estafette_actors::domain::mutation::{FIELDS, VALUE_LENGTH};
use estafette_actors::ports::register::{CONTEXT_LENGTH, PAGE_MAX};
use utoipa::openapi::Ref;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};

use super::examples;
use crate::api::schemas::{form, line, members};
use crate::events::schemas::{names, schemas, text};

/// Every deed, as lines of the audit trail have it.
pub const DEEDS: [&str; 15] = [
    "define",
    "inscribe",
    "remove",
    "consult",
    "import",
    "export",
    "person",
    "search",
    "create",
    "correct",
    "replace",
    "fetch",
    "confirm",
    "subscribe",
    "tell",
];

schemas! {
    /// The code of a dossier type, or the kind of an event.
    Code = text().min_length(Some(1)).max_length(Some(CODE_LENGTH)).pattern(Some("^[A-Za-z0-9_-]+$")).examples(["PENSIONER"]);
    /// 1 to 64 visible ASCII characters.
    LegalContext = text().min_length(Some(1)).max_length(Some(CONTEXT_LENGTH)).pattern(Some("^[!-~]+$")).examples(["PENSIONS:2026"]);
    /// A day, YYYY-MM-DD.
    CalendarDay = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Date))).examples(["2026-01-01"]);
    /// A birth date as far as it is known: YYYY-MM-DD, YYYY-MM or YYYY.
    BirthDate = form("birth-date", "^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$").examples(["1985-07-30"]);
    /// A sex.
    Sex = names(["female", "male"]).examples(["male"]);
    /// Surname, or given names.
    PersonName = line(identity::NAME_LENGTH).examples(["Peeters"]);
    /// What became of a number.
    Standing = names(["in_use", "replaced", "cancelled"]).examples(["in_use"]);
    /// What a remark is about. More may be added.
    RemarkKind = names(["replaced", "deceased", "covered"]).examples(["covered"]);
    /// What an inscription did.
    InscriptionOutcome = names(["added", "merged", "covered"]).examples(["added"]);
    /// Where a list of rows goes on: `next` of the page before. Opaque, and yours alone.
    RowsPlace = form("rows", "^rows_[A-Za-z0-9_-]+$");
    /// Whether numbers are looked up at the authentic source.
    PersonsCheck = names(["check", "trust"]).examples(["check"]);
    /// What happened to a person.
    ChangeKind = names(["replaced", "restored", "cancelled", "identified", "event"]).examples(["replaced"]);
    /// A part of what the authentic source has of a person.
    PersonField = names(["surname", "given_names", "birth_date", "sex", "language", "deceased"]).examples(["surname"]);
    /// What was done.
    Deed = names(DEEDS).examples(["inscribe"]);
    /// What came of it.
    Outcome = form("outcome", "^[a-z_]+$").examples(["done"]);
    /// Over which face something came.
    Face = names(["rest", "soap", "admin", "program"]).examples(["rest"]);
    /// A name in the four languages.
    FourNames = members(&[("fr", "TypeName"), ("nl", "TypeName"), ("de", "TypeName"), ("en", "TypeName")], &["fr", "nl", "de", "en"])
        .examples([examples::names()]);
    /// One line without spaces around it.
    TypeName = text().min_length(Some(1)).max_length(Some(NAME_LENGTH)).examples(["Pensioner"]);
    /// What another institution may do with the rows of a type.
    NewRights = members(&[("partner", "Cbe")], &["partner"]).property("consult", truth()).property("mutations", truth());
    /// A dossier type, as it is to be.
    NewType = members(&[("names", "FourNames"), ("valid_from", "CalendarDay"), ("valid_until", "CalendarDay"), ("partner", "Cbe")], &["names"])
        .property("rights", array().items(Ref::from_schema_name("NewRights")).max_items(Some(PARTNERS)))
        .examples([examples::new_type()]);
    /// What is said of a person; compared, where given, with the authentic source.
    Claim = members(&[("surname", "PersonName"), ("given_names", "PersonName"), ("birth_date", "BirthDate"), ("sex", "Sex")], &[])
        .examples([examples::claim()]);
    /// A person, to be inscribed in a role for a period; without `end` it goes on.
    Inscription = members(&[("niss", "Niss"), ("type", "Code"), ("begin", "CalendarDay"), ("end", "CalendarDay"), ("person", "Claim")],
        &["niss", "type", "begin"]).examples([examples::inscription()]);
    /// Days to be removed; without `begin` all up to `end`, without `end` all from `begin` on, without both all.
    Removal = members(&[("niss", "Niss"), ("type", "Code"), ("begin", "CalendarDay"), ("end", "CalendarDay")], &["niss", "type"])
        .examples([examples::removal()]);
    /// Which rows are asked for; `on` instead of `begin` and `end`. Another's (`owner`) by `type` only.
    Consultation = members(&[("niss", "Niss"), ("type", "Code"), ("begin", "CalendarDay"), ("end", "CalendarDay"), ("on", "CalendarDay"), ("owner", "Cbe"),
        ("after", "RowsPlace")], &[]).property("limit", whole(1, PAGE_MAX as u64)).examples([examples::consultation()]);
    /// Whom to look up.
    Lookup = members(&[("niss", "Niss")], &["niss"]).examples([examples::whom()]);
    /// Whom to look for; `years` by which the birth date may be off.
    Search = members(&[("surname", "PersonName"), ("given_names", "PersonName"), ("birth_date", "BirthDate"), ("sex", "Sex")], &["surname"])
        .property("years", whole(0, 10)).property("limit", whole(1, 100)).examples([examples::search()]);
    /// For whom a number is created.
    NewPerson = members(&[("surname", "PersonName"), ("given_names", "PersonName"), ("birth_date", "BirthDate"), ("sex", "Sex"),
        ("language", "Language")], &["surname", "given_names", "birth_date"]).property("although_alike", truth())
        .examples([examples::new_person()]);
    /// What is so from now on: at least one beside the number.
    Correction = members(&[("niss", "Niss"), ("surname", "PersonName"), ("given_names", "PersonName"), ("birth_date", "BirthDate"),
        ("sex", "Sex"), ("deceased", "CalendarDay")], &["niss"]).examples([examples::correction()]);
    /// In which dossier types the person must be known on the day of an event; none of them: in any.
    NewSubscription = members(&[], &[]).property("types", array().items(Ref::from_schema_name("Code")).max_items(Some(100)))
        .examples([examples::new_subscription()]);
    /// About whom lines of the audit trail are asked for.
    AuditSearch = members(&[("niss", "Niss"), ("institution", "Cbe")], &["niss"]).property("after", whole(0, super::MOST))
        .property("limit", whole(1, 1_000)).examples([examples::audit_search()]);
    /// An event of the network.
    RegisterEvent = members(&[("niss", "Niss"), ("on", "CalendarDay"), ("kind", "Code")], &["niss", "on", "kind"])
        .property("says", says()).examples([examples::event()]);
}

fn array() -> ArrayBuilder {
    ArrayBuilder::new().schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
}

fn truth() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Boolean, Type::Null]))
}

fn whole(least: u64, most: u64) -> ObjectBuilder {
    let number = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
        .minimum(Some(least as f64));
    // Beyond this a JSON number is not exact.
    if most < 1 << 53 { number.maximum(Some(most as f64)) } else { number }
}

fn says() -> ObjectBuilder {
    let object = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Object, Type::Null]));
    let name = text().pattern(Some("^[A-Za-z0-9_-]{1,32}$")).build();
    object
        .property_names(Some(Schema::from(name)))
        .additional_properties(Some(AdditionalProperties::RefOr(
            Schema::from(text().max_length(Some(VALUE_LENGTH)).build()).into(),
        )))
        .max_properties(Some(FIELDS))
}
