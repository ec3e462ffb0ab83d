//! A broadcast as it is answered.
use std::collections::HashMap;

use estafette_actors::domain::id::BroadcastId;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{BroadcastPhase, BroadcastView, Held};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answer::{optional, plain};
use crate::api::examples;
use crate::api::schemas::{self, Id, Phase};
use crate::api::window::WindowAnswer;

/// A broadcast, as answered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Broadcast, example = examples::broadcast)]
pub struct BroadcastAnswer {
    /// Its id.
    #[serde(serialize_with = "plain")]
    #[schema(value_type = Id)]
    id: BroadcastId,
    /// Whether it is being filled, sent, held up, or over.
    #[schema(value_type = Phase)]
    phase: BroadcastPhase,
    /// How it is sent.
    #[schema(value_type = schemas::StrategyName)]
    strategy: Box<str>,
    /// How urgently.
    #[schema(value_type = schemas::Priority)]
    priority: &'static str,
    /// Its recipients.
    rows: u64,
    /// Recipients by status.
    #[schema(value_type = HashMap<String, u64>)]
    by_status: HashMap<&'static str, u64>,
    /// The variables of its content: each row has a value for each.
    #[schema(value_type = Vec<String>)]
    variables: Vec<Box<str>>,
    /// The sender's own reference.
    #[schema(value_type = Option<String>, required)]
    sender_reference: Option<Box<str>>,
    /// When it was created.
    #[serde(serialize_with = "plain")]
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was started.
    #[serde(serialize_with = "optional")]
    #[schema(value_type = Option<String>, format = DateTime, required)]
    started_at: Option<Timestamp>,
    /// Nothing is sent before this time, where one was given.
    #[serde(serialize_with = "optional")]
    #[schema(value_type = Option<String>, format = DateTime, required)]
    not_before: Option<Timestamp>,
    /// Nothing is sent from this time on.
    #[serde(serialize_with = "plain")]
    #[schema(value_type = String, format = DateTime)]
    valid_until: Timestamp,
    /// When it may be sent, where that was said.
    #[schema(value_type = Option<schemas::Window>, required)]
    window: Option<WindowAnswer>,
    /// When the window opens, while it is closed and nothing more is begun for it.
    #[serde(serialize_with = "optional")]
    #[schema(value_type = Option<String>, format = DateTime, required)]
    opens_at: Option<Timestamp>,
    /// Recipients settled a second, of late; while the window is closed, those of the time before.
    #[schema(required)]
    per_second: Option<f64>,
    /// When all are settled at that rate, within the window. Later than `valid_until`: some will expire.
    #[serde(serialize_with = "optional")]
    #[schema(value_type = Option<String>, format = DateTime, required)]
    expected_end: Option<Timestamp>,
    /// Where to go from here.
    links: BroadcastLinks,
}

/// Where to go from here.
#[derive(Debug, Serialize, ToSchema)]
pub struct BroadcastLinks {
    /// The broadcast itself.
    #[serde(rename = "self")]
    this: String,
    /// Where recipients are put.
    recipients: String,
    /// Each recipient's outcome.
    report: String,
}

/// What starting it found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = examples::started)]
pub struct Started {
    /// Rows whose key came before: settled as duplicates, the first one counts.
    pub duplicates: usize,
    /// The broadcast.
    pub broadcast: BroadcastAnswer,
}

impl BroadcastAnswer {
    /// Of what is known of it.
    pub fn of(view: BroadcastView) -> Self {
        let BroadcastView { broadcast, phase, rows, by_status, started_at, held, per_second, expected_end, .. } = view;
        let this = location(broadcast.id);
        let links = BroadcastLinks { recipients: format!("{this}/recipients"), report: format!("{this}/report"), this };
        Self {
            id: broadcast.id,
            phase,
            strategy: broadcast.strategy.name.clone(),
            priority: broadcast.lane.as_str(),
            rows,
            by_status,
            variables: broadcast.variables.clone(),
            sender_reference: broadcast.sender_reference.clone(),
            created_at: broadcast.created_at,
            started_at,
            not_before: Some(broadcast.not_before).filter(|at| *at > Timestamp::ZERO),
            valid_until: broadcast.valid_until,
            window: broadcast.window.as_deref().map(WindowAnswer::of),
            opens_at: if let Some(Held::Closed(at)) = held { Some(at) } else { None },
            // To a thousandth.
            per_second: per_second.map(|rate| (rate * 1_000.0).round() / 1_000.0),
            expected_end,
            links,
        }
    }
}

/// Where it is found.
pub fn location(id: BroadcastId) -> String {
    format!("/v1/broadcasts/{id}")
}
