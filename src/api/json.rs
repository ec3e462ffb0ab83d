//! JSON as it came, borrowed from the body, and objects that are emptied member by member: so that
//! every wrong field of a request is reported at once, with its place, in one pass.
//!
//! It reads any JSON and knows no field of ours.
use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::problem::{Fault, Problem};

/// Faults reported at most for one request.
const MAX_FAULTS: usize = 100;

/// A JSON value.
#[derive(Debug)]
pub enum Json<'b> {
    /// `null`, which counts as absent.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string, borrowed where it has no escapes.
    Text(Cow<'b, str>),
    /// An array.
    Array(Vec<Json<'b>>),
    /// An object, its members in the order given.
    Object(Vec<(Cow<'b, str>, Json<'b>)>),
}

/// A number, as far as bodies have any.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    /// Which one, where it is whole and not negative.
    pub whole: Option<u64>,
    /// As near as a double comes to it.
    pub near: f64,
}

#[derive(serde::Deserialize)]
struct Name<'b>(#[serde(borrow)] Cow<'b, str>);

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Json<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Json::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Json::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Json::Number(Number { whole: u64::try_from(value).ok(), near: value as f64 }))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Json::Number(Number { whole: Some(value), near: value as f64 }))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
                // To JSON 7.0 is the whole number 7; beyond 53 bits a double no longer tells one from the next.
                let is_whole = value.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&value);
                Ok(Json::Number(Number { whole: is_whole.then_some(value as u64), near: value }))
            }

            fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
                Ok(Json::Text(Cow::Borrowed(value)))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
                Ok(Json::Text(Cow::Owned(value.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut array = Vec::new();
                while let Some(item) = items.next_element()? {
                    array.push(item);
                }
                Ok(Json::Array(array))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                let mut object = Vec::with_capacity(8);
                while let Some((Name(name), value)) = members.next_entry()? {
                    object.push((name, value));
                }
                Ok(Json::Object(object))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl<'b> Json<'b> {
    /// Reads one value that is the whole of `body`.
    pub fn parse(body: &'b [u8]) -> Result<Self, Problem> {
        serde_json::from_slice(body).map_err(|error| Problem::MalformedJson(place(&error)))
    }

    /// The same for whoever keeps it as it is.
    pub fn value(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(truth) => (*truth).into(),
            Self::Number(Number { whole: Some(whole), .. }) => (*whole).into(),
            Self::Number(Number { near, .. }) => (*near).into(),
            Self::Text(text) => (&**text).into(),
            Self::Array(items) => items.iter().map(Self::value).collect(),
            Self::Object(members) => {
                members.iter().map(|(name, value)| (name.clone().into_owned(), value.value())).collect()
            }
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a truth value",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// Where the JSON breaks, without a byte of what it says.
pub fn place(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Syntax => "a syntax error",
        _ => "it can't be read",
    };
    format!("{what} at line {}, column {}", error.line(), error.column())
}

/// What was found wrong so far.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Notes a fault; beyond a hundred they are left out.
    pub fn add(&mut self, pointer: impl Into<String>, detail: impl fmt::Display) {
        if self.0.len() < MAX_FAULTS {
            self.0.push(Fault::new(pointer, detail.to_string()));
        }
    }

    /// Notes a fault that has a code of the BCSS.
    pub fn add_coded(&mut self, pointer: impl Into<String>, detail: impl fmt::Display, code: &'static str) {
        if self.0.len() < MAX_FAULTS {
            self.0.push(Fault { code: Some(code), ..Fault::new(pointer, detail.to_string()) });
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many were noted.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether something was noted at a member of the object at `pointer`.
    pub fn mentions(&self, pointer: &str, name: &str) -> bool {
        self.0.iter().any(|fault| {
            fault.pointer.strip_prefix(pointer).and_then(|rest| rest.strip_prefix('/')).is_some_and(|rest| rest == name)
        })
    }

    /// What was noted.
    pub fn into_inner(self) -> Vec<Fault> {
        self.0
    }
}

/// An object that is emptied member by member; what is left at the end is unknown.
#[derive(Debug)]
pub struct Object<'b> {
    pointer: &'static str,
    members: Vec<(Cow<'b, str>, Json<'b>)>,
}

impl<'b> Object<'b> {
    /// Of a value that must be an object. `pointer` is its place, empty for the whole body.
    pub fn of(value: Json<'b>, pointer: &'static str, faults: &mut Faults) -> Option<Self> {
        match value {
            Json::Object(members) => Some(Self { pointer, members }),
            other => {
                faults.add(pointer, format_args!("must be an object and is {}", other.kind()));
                None
            }
        }
    }

    /// Its place.
    pub fn pointer(&self) -> &'static str {
        self.pointer
    }

    /// Notes a fault at one of its members.
    pub fn fault(&self, name: &str, detail: impl fmt::Display, faults: &mut Faults) {
        faults.add(format!("{}/{name}", self.pointer), detail);
    }

    /// Takes a member out; `null` counts as absent.
    pub fn take(&mut self, name: &str) -> Option<Json<'b>> {
        let at = self.members.iter().position(|(known, _)| known == name)?;
        match self.members.swap_remove(at).1 {
            Json::Null => None,
            value => Some(value),
        }
    }

    /// Takes out a string.
    pub fn text(&mut self, name: &str, faults: &mut Faults) -> Option<Cow<'b, str>> {
        match self.take(name)? {
            Json::Text(text) => Some(text),
            other => {
                self.fault(name, format_args!("must be a string and is {}", other.kind()), faults);
                None
            }
        }
    }

    /// Takes out a truth value.
    pub fn truth(&mut self, name: &str, faults: &mut Faults) -> Option<bool> {
        match self.take(name)? {
            Json::Bool(value) => Some(value),
            other => {
                self.fault(name, format_args!("must be true or false and is {}", other.kind()), faults);
                None
            }
        }
    }

    /// Takes out a whole number within bounds.
    pub fn whole(&mut self, name: &str, bounds: RangeInclusive<u64>, faults: &mut Faults) -> Option<u64> {
        match self.take(name)? {
            Json::Number(Number { whole: Some(number), .. }) if bounds.contains(&number) => Some(number),
            _ => {
                let (least, most) = (bounds.start(), bounds.end());
                self.fault(name, format_args!("must be a whole number from {least} to {most}"), faults);
                None
            }
        }
    }

    /// Takes out an array.
    pub fn array(&mut self, name: &str, faults: &mut Faults) -> Option<Vec<Json<'b>>> {
        match self.take(name)? {
            Json::Array(items) => Some(items),
            other => {
                self.fault(name, format_args!("must be an array and is {}", other.kind()), faults);
                None
            }
        }
    }

    /// Takes out a string and reads it.
    pub fn parsed<T, E: fmt::Display>(
        &mut self,
        name: &str,
        faults: &mut Faults,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(name, faults)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(name, error, faults);
                None
            }
        }
    }

    /// Takes out a member that is an object.
    pub fn object(&mut self, name: &str, pointer: &'static str, faults: &mut Faults) -> Option<Self> {
        let value = self.take(name)?;
        Self::of(value, pointer, faults)
    }

    /// All members, for objects whose names are data.
    pub fn into_members(self) -> Vec<(Cow<'b, str>, Json<'b>)> {
        self.members
    }

    /// Reports what is left: unknown members, and those given twice. `known` is for the hint.
    pub fn finish(self, known: &'static str, faults: &mut Faults) {
        for (name, _) in &self.members {
            // A name that somebody made up could be anything, a phone number too: cut it.
            let name: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
            let name = name.replace('~', "~0").replace('/', "~1");
            self.fault(&name, format_args!("unknown here or given twice: give {known}, each once"), faults);
        }
    }
}
