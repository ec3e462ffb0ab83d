//! Answers, before it is known in which version of the protocol they go out.
//!
//! Invariant: RESP3 has maps where RESP2 has flat arrays of the same things in the same order.
use redis_protocol::resp2::types::{OwnedFrame as Frame2, Resp2Frame};
use redis_protocol::resp3::types::{OwnedFrame as Frame3, Resp3Frame, VerbatimStringFormat};
use redis_protocol::{resp2, resp3};
use serde::Serialize;

/// Which version a client asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// What every client begins with.
    #[default]
    Two,
    /// After `HELLO 3`.
    Three,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// A word of the protocol, such as OK.
    Simple(&'static str),
    /// Any text.
    Text(String),
    /// Any bytes.
    Bytes(Vec<u8>),
    /// Several lines for people.
    Lines(String),
    /// A number.
    Integer(i64),
    /// A number with a fraction.
    Double(f64),
    /// Yes or no.
    Boolean(bool),
    /// Nothing.
    Null,
    /// A list.
    List(Vec<Reply>),
    /// Names and values, in this order.
    Map(Vec<(String, Reply)>),
    /// What went wrong: a code in capitals, then words.
    Error(String),
}

impl Reply {
    /// All went well.
    pub const OK: Self = Self::Simple("OK");

    /// An error with the usual code.
    pub fn error(what: impl std::fmt::Display) -> Self {
        Self::Error(format!("ERR {what}"))
    }

    /// Any text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Anything serialisable.
    pub fn of(value: &impl Serialize) -> Self {
        serde_json::to_value(value).map_or_else(Self::error, Self::from)
    }

    /// Names and values.
    pub fn map<K: Into<String>>(pairs: impl IntoIterator<Item = (K, Reply)>) -> Self {
        Self::Map(pairs.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// Appends the bytes for a client.
    pub fn write(self, version: Version, out: &mut Vec<u8>) {
        let start = out.len();
        let written = match version {
            Version::Two => {
                let frame = self.second();
                out.resize(start + frame.encode_len(false), 0);
                resp2::encode::encode(&mut out[start..], &frame, false)
            }
            Version::Three => {
                let frame = self.third();
                out.resize(start + frame.encode_len(false), 0);
                resp3::encode::complete::encode(&mut out[start..], &frame, false)
            }
        };
        if written.is_err() {
            out.truncate(start);
            out.extend_from_slice(b"-ERR this answer can't be written; please report it\r\n");
        }
    }

    fn second(self) -> Frame2 {
        match self {
            Self::Simple(word) => Frame2::SimpleString(word.into()),
            Self::Text(text) | Self::Lines(text) => Frame2::BulkString(text.into()),
            Self::Bytes(bytes) => Frame2::BulkString(bytes),
            Self::Integer(number) => Frame2::Integer(number),
            Self::Double(number) => Frame2::BulkString(number.to_string().into()),
            Self::Boolean(yes) => Frame2::Integer(yes.into()),
            Self::Null => Frame2::Null,
            Self::List(items) => Frame2::Array(items.into_iter().map(Self::second).collect()),
            Self::Map(pairs) => {
                let flat =
                    pairs.into_iter().flat_map(|(name, value)| [Frame2::BulkString(name.into()), value.second()]);
                Frame2::Array(flat.collect())
            }
            Self::Error(what) => Frame2::Error(one_line(&what)),
        }
    }

    fn third(self) -> Frame3 {
        let blob = |text: String| Frame3::BlobString { data: text.into(), attributes: None };
        match self {
            Self::Simple(word) => Frame3::SimpleString { data: word.into(), attributes: None },
            Self::Text(text) => blob(text),
            Self::Bytes(data) => Frame3::BlobString { data, attributes: None },
            Self::Lines(text) => {
                Frame3::VerbatimString { data: text.into(), format: VerbatimStringFormat::Text, attributes: None }
            }
            Self::Integer(data) => Frame3::Number { data, attributes: None },
            Self::Double(data) => Frame3::Double { data, attributes: None },
            Self::Boolean(data) => Frame3::Boolean { data, attributes: None },
            Self::Null => Frame3::Null,
            Self::List(items) => Frame3::Array { data: items.into_iter().map(Self::third).collect(), attributes: None },
            Self::Map(pairs) => {
                let data = pairs.into_iter().map(|(name, value)| (blob(name), value.third())).collect();
                Frame3::Map { data, attributes: None }
            }
            Self::Error(what) => Frame3::SimpleError { data: one_line(&what), attributes: None },
        }
    }
}

/// A line break would end the error and begin something else.
fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

impl From<serde_json::Value> for Reply {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Self::Null,
            Value::Bool(yes) => Self::Boolean(yes),
            Value::Number(number) => match number.as_i64() {
                Some(whole) => Self::Integer(whole),
                None => number.as_f64().map_or(Self::Null, Self::Double),
            },
            Value::String(text) => Self::Text(text),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Object(pairs) => Self::map(pairs.into_iter().map(|(name, value)| (name, Self::from(value)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(reply: Reply, version: Version) -> String {
        let mut out = Vec::new();
        reply.write(version, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_map_is_a_map_in_version_3_and_flat_in_version_2() {
        let map =
            || Reply::map([("b", Reply::Integer(1)), ("a", Reply::List(vec![Reply::Boolean(true), Reply::Null]))]);
        assert_eq!(written(map(), Version::Two), "*4\r\n$1\r\nb\r\n:1\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n");
        assert_eq!(written(map(), Version::Three), "%2\r\n$1\r\nb\r\n:1\r\n$1\r\na\r\n*2\r\n#t\r\n_\r\n");
    }

    #[test]
    fn an_error_stays_on_its_line() {
        assert_eq!(written(Reply::error("a\r\n+OK"), Version::Two), "-ERR a  +OK\r\n");
    }
}
