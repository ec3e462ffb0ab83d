//! From a file and an environment to the raw configuration, with every mistake noted.
//!
//! Invariant: a mistake ends nothing: its key is left out and reading goes on, so that all are
//! found in one run. It must not read the process's environment: the caller hands it in.
use std::collections::BTreeMap;

use figment::error::Kind;
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::de::DeserializeOwned;

use super::raw::Raw;
use super::{Mistake, PREFIX};

/// More mistakes than this are not looked for.
const MOST_MISTAKES: usize = 100;

/// What the environment sets: the key's path, and the text as it was given.
#[derive(Default)]
pub struct Overrides {
    texts: BTreeMap<Vec<String>, String>,
}

impl Overrides {
    /// Of the variables that start with [`PREFIX`]; all others are nobody's business here.
    pub fn of(environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut texts = BTreeMap::new();
        for (name, text) in environment {
            if let Some(key) = name.strip_prefix(PREFIX) {
                texts.insert(key.to_ascii_lowercase().split("__").map(str::to_owned).collect(), text);
            }
        }
        Self { texts }
    }
}

impl Provider for Overrides {
    fn metadata(&self) -> Metadata {
        Metadata::named("environment")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut whole = Dict::new();
        for (path, text) in &self.texts {
            put(&mut whole, path, typed(text));
        }
        Ok(Profile::Default.collect(whole))
    }
}

/// Reads all sources: defaults, then the file, then the environment.
pub fn read(toml: Option<&str>, overrides: Overrides, mistakes: &mut Vec<Mistake>) -> Raw {
    let texts = overrides.texts.clone();
    let mut figment = Figment::from(Serialized::defaults(Raw::default()));
    if let Some(toml) = toml {
        figment = figment.merge(Toml::string(toml));
    }
    match figment.merge(overrides).extract::<Value>() {
        Ok(value) => extract(value, &texts, mistakes),
        Err(error) => {
            // Not TOML at all: there is nothing to go on with.
            mistakes.push(Mistake { key: "(file)".into(), what: first_line(&error.kind.to_string()) });
            Raw::default()
        }
    }
}

/// Reads a whole type, leaving out each key that can't be read.
fn extract<T: DeserializeOwned + Default>(
    mut value: Value,
    texts: &BTreeMap<Vec<String>, String>,
    mistakes: &mut Vec<Mistake>,
) -> T {
    for _ in 0..MOST_MISTAKES {
        let error = match value.deserialize::<T>() {
            Ok(read) => return read,
            Err(error) => error,
        };
        let path = error.path.clone();
        // A variable has no type: what reads as a number may be meant as a text, such as a password.
        if let Some(text) = texts.get(&path)
            && expects_text(&error.kind)
        {
            replace(&mut value, &path, Some(Value::from(text.as_str())));
            continue;
        }
        mistakes.push(Mistake { key: shown(&path, texts), what: explain(&error.kind) });
        if path.is_empty() || !replace(&mut value, &path, None) {
            break;
        }
    }
    T::default()
}

/// The value that a variable's text means. What only looks like a number, such as 00123, is a text.
fn typed(text: &str) -> Value {
    let value: Value = text.parse().unwrap_or_else(|_| Value::from(text));
    let same = match &value {
        Value::Num(..) => value.to_u128().is_none_or(|number| number.to_string() == text),
        _ => true,
    };
    if same { value } else { Value::from(text) }
}

fn expects_text(kind: &Kind) -> bool {
    match kind {
        Kind::InvalidType(figment::error::Actual::Str(_), _) => false,
        Kind::InvalidType(_, expected) => expected.contains("string"),
        _ => false,
    }
}

fn shown(path: &[String], texts: &BTreeMap<Vec<String>, String>) -> String {
    let key = path.join(".");
    if texts.contains_key(path) {
        format!("{key} (from {PREFIX}{})", path.join("__").to_ascii_uppercase())
    } else {
        key
    }
}

/// What is wrong with a value, and what to give; without the value, which may be a secret.
pub(crate) fn explain(kind: &Kind) -> String {
    match kind {
        Kind::UnknownField(_, []) => "no such key; there are none here".into(),
        Kind::UnknownField(_, known) => format!("no such key; here are known {}", known.join(", ")),
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => format!("give {}", plain(expected)),
        Kind::MissingField(_) => "missing: give it".into(),
        Kind::UnknownVariant(_, known) => format!("give one of {}", known.join(", ")),
        other => other.to_string(),
    }
}

/// Names of Rust types mean nothing to an operator.
fn plain(expected: &str) -> String {
    match expected {
        "u64" | "u32" | "u16" | "usize" => "a whole number".into(),
        "f64" => "a number".into(),
        "a string" | "string" => "a text in quotes".into(),
        "a boolean" | "bool" => "true or false".into(),
        "a sequence" => "a list".into(),
        other if other.starts_with("struct ") => "a table".into(),
        other => other.into(),
    }
}

fn first_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

fn put(whole: &mut Dict, path: &[String], value: Value) {
    let Some((last, tables)) = path.split_last() else { return };
    let mut here = whole;
    for table in tables {
        let next = here.entry(table.clone()).or_insert_with(|| Value::from(Dict::new()));
        let Value::Dict(_, inner) = next else { return };
        here = inner;
    }
    here.insert(last.clone(), value);
}

/// Puts another value at a path, or takes it out. False when there is nothing at the path.
pub(crate) fn replace(value: &mut Value, path: &[String], with: Option<Value>) -> bool {
    let Some((first, rest)) = path.split_first() else { return false };
    match value {
        Value::Dict(_, dict) if rest.is_empty() => match with {
            Some(with) => dict.insert(first.clone(), with).is_some(),
            None => dict.remove(first).is_some(),
        },
        Value::Dict(_, dict) => dict.get_mut(first).is_some_and(|next| replace(next, rest, with)),
        Value::Array(_, items) => {
            let Some(at) = first.parse::<usize>().ok().filter(|at| *at < items.len()) else { return false };
            if !rest.is_empty() {
                return replace(&mut items[at], rest, with);
            }
            // An item is emptied and not taken out, so that those behind it keep their numbers.
            items[at] = with.unwrap_or_else(|| Value::from(Dict::new()));
            true
        }
        _ => false,
    }
}
