//! Schemas of the OpenAPI document for what events and answers name alike, and the form in which a schema is given a name. For
//! the document only.
use estafette_actors::domain::{event, failure, status};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::LENGTH;

/// A cursor, for examples.
pub const CURSOR: &str = "evt_o1BvTn0pGQ6V3yXq0lO4bP9cM2sKdR7u";

/// Gives schemas names of their own; what is said of each is its description.
macro_rules! schemas {
    ($(#[doc = $about:literal] $name:ident = $schema:expr;)+) => {
        /// Each of these under its name.
        pub fn all() -> Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)> {
            vec![$((stringify!($name).to_owned(), <$name as utoipa::PartialSchema>::schema()),)+]
        }

        $(#[doc = $about]
        pub struct $name;

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::schema::Schema::from($schema.description(Some($about.trim())).build()).into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
        })+
    };
}
pub(crate) use schemas;

schemas! {
    /// An event's id, which is also the place behind it in the feed. Opaque, and its owner's alone.
    Cursor = text().pattern(Some(format!("^evt_[A-Za-z0-9_-]{{{}}}$", LENGTH - 4))).examples([CURSOR]);
    /// Whether a message waits, or as what it is settled.
    MessageStatus = names(status::MessageStatus::NAMES).examples(["delivered"]);
    /// Where an attempt stands.
    AttemptStatus = names(status::AttemptStatus::NAMES).examples(["sent"]);
    /// Why an attempt, or a message as a whole, failed.
    Failure = names(failure::Failure::ALL.map(failure::Failure::as_str)).examples(["unreachable"]);
    /// The type of an event. More may be added.
    EventType = names(event::Kind::ALL.map(event::Kind::as_str)).examples(["message.settled"]);
}

/// Any text.
pub fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// One of these names.
pub fn names<const N: usize>(names: [&'static str; N]) -> ObjectBuilder {
    text().enum_values(Some(names))
}
