//! A line of NDJSON in which all is well, read in one pass.
//!
//! Invariant: what it gives is what the members say when they are read one by one; where anything is wrong it gives nothing.
use std::borrow::Cow;
use std::fmt;

use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::language::Language;
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::submission::{Recipient, Row};
use jiff::civil::Date;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::{MAX_REFERENCE, submission};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'b> {
    #[serde(borrow, default)]
    key: Option<Text<'b>>,
    #[serde(borrow)]
    recipient: Whom<'b>,
    #[serde(borrow, default)]
    language: Option<Text<'b>>,
    #[serde(borrow, default)]
    variables: Option<Variables<'b>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whom<'b> {
    #[serde(borrow, default)]
    niss: Option<Text<'b>>,
    #[serde(borrow, default)]
    mobile: Option<Text<'b>>,
    #[serde(borrow, default)]
    cbe: Option<Text<'b>>,
}

/// A string, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Text<'b>(#[serde(borrow)] Cow<'b, str>);

/// Names and values as they came.
struct Variables<'b>(Vec<(Text<'b>, Text<'b>)>);

impl<'de: 'b, 'b> Deserialize<'de> for Variables<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Variables<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::with_capacity(4);
                while let Some(member) = members.next_entry()? {
                    all.push(member);
                }
                Ok(Variables(all))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// A text that may be absent, read; nothing when it is there and wrong.
#[allow(clippy::option_option, reason = "what is absent is well, and what is wrong is not")]
fn read<T, E>(text: Option<&Text<'_>>, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<Option<T>> {
    text.map(|text| parse(&text.0)).transpose().ok()
}

/// The row of a line; nothing when anything in it is wrong.
pub fn good(line: &[u8], variables: &[Box<str>], today: Date) -> Option<Row> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    let recipient = Recipient {
        niss: read(line.recipient.niss.as_ref(), |text| Niss::parse(text, today))?,
        mobile: read(line.recipient.mobile.as_ref(), Mobile::parse)?,
        cbe: read(line.recipient.cbe.as_ref(), Cbe::parse)?,
    };
    let mut values = vec![None; variables.len()];
    for (name, value) in line.variables.map(|variables| variables.0).unwrap_or_default() {
        let place = variables.iter().position(|known| **known == *name.0)?;
        values[place] = Some(super::value(&value.0).ok()?);
    }
    let row = Row {
        key: read(line.key.as_ref(), |text| submission::line(text, MAX_REFERENCE))?,
        recipient,
        language: read(line.language.as_ref(), Language::parse)?,
        values: values.into_iter().collect::<Option<_>>()?,
    };
    (!recipient.is_empty()).then_some(row)
}
