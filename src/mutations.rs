//! Mutations as institutions get them: files in XML and their vouchers, as `api/soap/schemas/mutations.xsd` says.
//!
//! Invariant: the same mutations make the same bytes, so that a file can be made again and its SHA-256 holds. Pure: nothing here
//! reads a clock or a disk.
use estafette_actors::domain::birth::BirthDate;
use estafette_actors::domain::identity::{Field, Identity};
use estafette_actors::domain::language::Language;
use estafette_actors::domain::mutation::{Change, Mutation, Voucher};
use estafette_actors::domain::niss::Sex;
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use jiff::civil::Date;

use crate::xml::Writer;

/// The namespace of files and vouchers.
pub const NAMESPACE: &str = "urn:estafette:mutations:v1";

/// What stands at the head of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Whose.
    pub institution: Institution,
    /// 1, 2, 3 and so on for each institution.
    pub sequence: u64,
    /// The first day of what it holds, in Brussels.
    pub from: Date,
    /// The last.
    pub until: Date,
    /// When it is made.
    pub made: Timestamp,
}

/// The file of mutations, in the order in which they are given.
pub fn render(head: &Head, mutations: &[Mutation]) -> Vec<u8> {
    let mut writer = Writer::document();
    writer.open_with("m:mutations", &[("xmlns:m", NAMESPACE)]);
    writer.line();
    writer.element("head", |writer| {
        writer.value("cbeNumber", head.institution.0);
        writer.value("sequence", head.sequence);
        days(writer, head.from, head.until);
        writer.value("count", mutations.len());
        writer.value("madeAt", head.made);
    });
    writer.line();
    for mutation in mutations {
        writer.element("mutation", |writer| {
            writer.value("ssin", mutation.niss.digits());
            writer.value("date", date(mutation.on));
            writer.value("recordedAt", mutation.recorded);
            change(writer, &mutation.change);
        });
        writer.line();
    }
    writer.close("m:mutations");
    writer.line();
    writer.finish()
}

/// The voucher of a file, as a document of its own.
pub fn voucher(voucher: &Voucher) -> Vec<u8> {
    let mut writer = Writer::document();
    writer.open_with("m:voucher", &[("xmlns:m", NAMESPACE)]);
    inside_voucher(&mut writer, voucher);
    writer.close("m:voucher");
    writer.line();
    writer.finish()
}

/// What stands inside of a voucher, here and in answers.
pub fn inside_voucher(writer: &mut Writer, voucher: &Voucher) {
    writer.value("cbeNumber", voucher.institution.0);
    writer.value("sequence", voucher.sequence);
    days(writer, voucher.from, voucher.until);
    writer.value("count", voucher.count);
    writer.value("bytes", voucher.bytes);
    writer.value("sha256", Hexadecimal(&voucher.sha256));
    writer.value("madeAt", voucher.made);
    writer.optional("confirmedAt", voucher.confirmed);
}

/// What stands inside of a person: all of it, or some fields.
pub fn inside_person(writer: &mut Writer, person: &Identity, only: Option<&[Field]>) {
    let wanted = |field| only.is_none_or(|only| only.contains(&field));
    let given = |field, name: &str| (wanted(field) && !name.is_empty()).then(|| name.to_owned());
    writer.optional("lastName", given(Field::Surname, &person.surname));
    writer.optional("firstName", given(Field::GivenNames, &person.given_names));
    writer.optional("birthDate", wanted(Field::BirthDate).then(|| birth(person.birth)));
    writer.optional("gender", person.sex.filter(|_| wanted(Field::Sex)).map(gender));
    writer.optional("language", person.language.filter(|_| wanted(Field::Language)).map(language));
    writer.optional("deceasedDate", person.deceased.filter(|_| wanted(Field::Deceased)).map(date));
}

/// The name of a field, as elements are called.
pub const fn element_of(field: Field) -> &'static str {
    match field {
        Field::Surname => "lastName",
        Field::GivenNames => "firstName",
        Field::BirthDate => "birthDate",
        Field::Sex => "gender",
        Field::Language => "language",
        Field::Deceased => "deceasedDate",
    }
}

/// A day. XML has no year before 1: what is open to the past begins with the first day that it has.
pub fn date(date: Date) -> String {
    date.max(jiff::civil::date(1, 1, 1)).to_string()
}

/// A birth date, with zeros for what is not known.
pub fn birth(birth: BirthDate) -> String {
    let packed = birth.to_u32();
    format!("{:04}-{:02}-{:02}", packed / 10_000, packed / 100 % 100, packed % 100)
}

fn days(writer: &mut Writer, from: Date, until: Date) {
    writer.element("period", |writer| {
        writer.value("beginDate", date(from));
        writer.value("endDate", date(until));
    });
}

/// Bytes, two small digits each.
struct Hexadecimal<'b>(&'b [u8]);

impl std::fmt::Display for Hexadecimal<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

const fn gender(sex: Sex) -> &'static str {
    match sex {
        Sex::Female => "FEMALE",
        Sex::Male => "MALE",
    }
}

fn language(language: Language) -> String {
    language.as_str().to_ascii_uppercase()
}

fn change(writer: &mut Writer, change: &Change) {
    match change {
        Change::Replaced { by } => writer.element("replaced", |writer| writer.value("by", by.digits())),
        Change::Restored { from } => writer.element("restored", |writer| writer.value("from", from.digits())),
        Change::Cancelled => writer.element("canceled", |_| {}),
        Change::Identified { fields, now } => writer.element("identityChanged", |writer| {
            for field in fields {
                writer.value("field", element_of(*field));
            }
            writer.element("now", |writer| inside_person(writer, now, Some(fields)));
        }),
        Change::Event { kind, says } => writer.element("event", |writer| {
            writer.value("kind", kind);
            for (name, value) in says {
                writer.value_with("field", &[("name", name)], value);
            }
        }),
    }
}

#[cfg(test)]
mod tests;
