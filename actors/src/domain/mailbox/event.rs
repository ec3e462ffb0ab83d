//! What is told of documents: the four events of the e-Box, and when two of them come.
//!
//! Source: the event interface 1.1.1 names them. A reminder comes when a document was not read 15 days after it came, an alert 7 days
//! before it expires, when it was not read either.
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::MailboxId;
use super::document::DocumentId;
use crate::domain::time::Timestamp;

/// Unread for so long: a reminder.
pub const REMINDER_AFTER: Duration = Duration::from_secs(15 * 24 * 60 * 60);
/// So long before expiry: an alert.
pub const ALERT_BEFORE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Events of one page at most.
pub const PAGE_MAX: usize = 1_000;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A document came.
    NewDocument,
    /// It was not read for 15 days.
    NewDocumentReminder,
    /// It expires in 7 days, and was not read.
    DocumentExpirationAlert,
    /// Its main content was read.
    ReadDocument,
}

/// An event of the feed of all citizens or all enterprises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its number in that feed: 1, 2, 3 and so on, without a gap.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: Kind,
    /// In which mailbox.
    pub mailbox: MailboxId,
    /// Of which document.
    pub document: DocumentId,
}

/// What comes by itself for an unread document, and when, after a moment; the earliest first. What expires so soon after it came that a
/// reminder would follow the alert is not reminded of.
pub fn next(received_at: Timestamp, expires_at: Timestamp, after: Timestamp) -> Option<(Timestamp, Kind)> {
    let reminder = received_at.plus(REMINDER_AFTER);
    let alert = Timestamp::from_millis(expires_at.millis().saturating_sub(ALERT_BEFORE.as_millis() as u64));
    let due = [(reminder, Kind::NewDocumentReminder), (alert, Kind::DocumentExpirationAlert)];
    // An alert about something that came less than seven days before it expires would come with it.
    let is_due = |(at, kind): &(Timestamp, Kind)| match kind {
        Kind::NewDocumentReminder => *at < alert,
        _ => *at > received_at,
    } && *at > after;
    due.into_iter().filter(is_due).min_by_key(|(at, _)| *at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reminder_comes_after_15_days_and_an_alert_7_days_before_the_end() {
        let day = |n: u64| Timestamp::from_millis(n * 24 * 60 * 60 * 1_000);
        let (reminder, alert) = (Kind::NewDocumentReminder, Kind::DocumentExpirationAlert);
        assert_eq!(next(day(100), day(200), day(100)), Some((day(115), reminder)));
        assert_eq!(next(day(100), day(200), day(115)), Some((day(193), alert)));
        assert_eq!(next(day(100), day(200), day(193)), None);
        // The alert comes first, and says the same.
        assert_eq!(next(day(100), day(120), day(100)), Some((day(113), alert)));
        assert_eq!(next(day(100), day(105), day(100)), None);
    }

    #[test]
    fn events_are_named_as_the_interface_names_them() {
        let named = [Kind::NewDocument, Kind::NewDocumentReminder, Kind::DocumentExpirationAlert, Kind::ReadDocument]
            .map(|kind| serde_json::to_value(kind).unwrap());
        assert_eq!(named, ["newDocument", "newDocumentReminder", "documentExpirationAlert", "readDocument"]);
    }
}
