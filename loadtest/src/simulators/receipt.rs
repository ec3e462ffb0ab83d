//! What a simulator reports of a message afterwards, and how it looks on the wire.
//!
//! Invariant: a receipt carries all that it needs, so it can wait for a broker that is down. RingRing's statuses are those of its
//! public help pages: the code is a text whose range says what it means, times are `YYYY-MM-DD hh:mm:ss`, here in UTC.

use std::sync::Arc;

use reqwest::Url;
use serde::Serialize;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::faults::ReceiptFate;

/// How much later a receipt that is alone comes when it is reordered, in milliseconds.
const SWAP_MS: u64 = 1_000;

/// 100 to 199: handed to the operator.
pub(crate) const SUBMITTED: u16 = 100;
/// 200 and 201: delivered.
pub(crate) const DELIVERED: u16 = 200;
/// 300 to 399: not delivered by the operator.
pub(crate) const UNDELIVERED: u16 = 300;
/// In the same range, ours: the validity that the sender gave ended first.
pub(crate) const EXPIRED: u16 = 301;

/// Where RingRing reports to, and how.
pub(crate) struct StatusTarget {
    pub(crate) url: Url,
    /// GET with a query instead of POST with JSON.
    pub(crate) get: bool,
}

/// A status of an SMS.
pub(crate) struct SmsStatus {
    pub(crate) target: Arc<StatusTarget>,
    pub(crate) message_id: String,
    pub(crate) reference: Box<str>,
    /// Digits without a plus sign.
    pub(crate) to: u64,
    pub(crate) code: u16,
    pub(crate) parts: u16,
    pub(crate) submitted_ms: u64,
    pub(crate) delivered_ms: u64,
}

/// Status and event type of a GovApp notification, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Stage {
    Created,
    Received,
    Opened,
    ActionTaken,
}

impl Stage {
    /// Which action was taken, for the last stage.
    pub(crate) fn action(self) -> Option<&'static str> {
        (self == Self::ActionTaken).then_some("link")
    }
}

/// An event of a GovApp notification.
pub(crate) struct GovAppEvent {
    pub(crate) notification: Uuid,
    pub(crate) receiver: Uuid,
    pub(crate) correlation: Box<str>,
    pub(crate) stage: Stage,
    pub(crate) at_ms: u64,
}

/// What is reported.
pub(crate) enum Report {
    Sms(SmsStatus),
    GovApp(GovAppEvent),
}

/// A report that waits to be sent.
pub(crate) struct Receipt {
    pub(crate) report: Report,
    /// Told when it was sent, or given up.
    pub(crate) done: Option<oneshot::Sender<()>>,
}

/// A RingRing status as it is sent.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SmsStatusBody<'a> {
    message_id: &'a str,
    reference: Option<&'a str>,
    status_code: String,
    status_description: &'static str,
    time_submitted: String,
    delivery_time: String,
    result_code: u8,
    result_description: &'static str,
    to: String,
    number_of_parts: u16,
}

impl SmsStatus {
    pub(crate) fn body(&self) -> SmsStatusBody<'_> {
        SmsStatusBody {
            message_id: &self.message_id,
            reference: Some(&*self.reference).filter(|reference| !reference.is_empty()),
            status_code: self.code.to_string(),
            status_description: match self.code {
                SUBMITTED => "Submitted",
                DELIVERED => "Delivered",
                EXPIRED => "Expired",
                _ => "Not delivered",
            },
            time_submitted: clock(self.submitted_ms),
            delivery_time: clock(self.delivered_ms),
            result_code: 0,
            result_description: "Success",
            to: self.to.to_string(),
            number_of_parts: self.parts,
        }
    }
}

fn clock(at_ms: u64) -> String {
    let at = jiff::Timestamp::from_millisecond(at_ms as i64).unwrap_or_default();
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A GovApp event as it is sent, one of an array.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GovAppEventBody<'a> {
    notification_id: Uuid,
    receiver_id: Uuid,
    message_correlation_id: &'a str,
    #[serde(rename = "type")]
    stage: Stage,
    action: Option<&'static str>,
    timestamp: jiff::Timestamp,
}

impl GovAppEvent {
    pub(crate) fn body(&self) -> GovAppEventBody<'_> {
        GovAppEventBody {
            notification_id: self.notification,
            receiver_id: self.receiver,
            message_correlation_id: &self.correlation,
            stage: self.stage,
            action: self.stage.action(),
            timestamp: jiff::Timestamp::from_millisecond(self.at_ms as i64).unwrap_or_default(),
        }
    }
}

/// When (in milliseconds) each of the receipts that are due after `delays_ms` is sent, in the order of sending.
pub(crate) fn timetable(fate: &ReceiptFate, delays_ms: &[u64]) -> Vec<(u64, usize)> {
    if fate.missing {
        return Vec::new();
    }
    let last = delays_ms.len().saturating_sub(1);
    let in_order = delays_ms.iter().enumerate().map(|(which, delay_ms)| match (fate.reordered, last) {
        (false, _) => (*delay_ms, which),
        (true, 0) => (*delay_ms + SWAP_MS, which),
        (true, _) => (*delay_ms, last - which),
    });
    in_order.flat_map(|one| std::iter::repeat_n(one, if fate.double { 2 } else { 1 })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timetable_follows_the_fate() {
        let plain =
            ReceiptFate { delay_ms: 0, double: false, early: false, missing: false, stranger: false, reordered: false };
        for (fate, delays_ms, expected) in [
            (plain, &[1, 5][..], vec![(1, 0), (5, 1)]),
            (ReceiptFate { missing: true, ..plain }, &[1, 5], vec![]),
            (ReceiptFate { double: true, ..plain }, &[1, 5], vec![(1, 0), (1, 0), (5, 1), (5, 1)]),
            (ReceiptFate { reordered: true, ..plain }, &[1, 5], vec![(1, 1), (5, 0)]),
            (ReceiptFate { reordered: true, ..plain }, &[1], vec![(1 + SWAP_MS, 0)]),
            (plain, &[], vec![]),
        ] {
            assert_eq!(timetable(&fate, delays_ms), expected, "{fate:?}");
        }
    }
}
