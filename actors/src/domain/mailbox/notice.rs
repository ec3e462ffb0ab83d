//! What holders are told of what came into their mailboxes, and when.
//!
//! Registered mail goes at once; all else waits for the day's digest, of which a mailbox has one a day at most. Both say how many and
//! nothing else: a notice may be read by anybody who sees the screen or the mail server.
//!
//! Source: "one digest a day a mailbox, registered mail at once", with reminders after 15 days and alerts 7 days before expiry
//! ([`super::event`] says when those come).
use std::time::Duration;

use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};

use super::event::Kind;
use super::{Audience, Mailbox, MailboxId, Notice};
use crate::domain::day;
use crate::domain::language::Language;
use crate::domain::month::BRUSSELS;
use crate::domain::niss::Niss;
use crate::domain::time::Timestamp;

/// Events of which nobody was told for so long are not told any more: notices were switched off meanwhile.
pub const OLDEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Said at once, in a notice of its own.
    AtOnce,
    /// Said in the next digest.
    InDigest(Waits),
    /// There is nothing to say of that document any more: it was read.
    Over,
}

/// Why a document is in a digest; the strongest reason counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Waits {
    /// It is new.
    New,
    /// It was not read for 15 days.
    Unread,
    /// It expires in 7 days, and was not read.
    Expires,
}

/// What becomes of an event of this kind.
pub const fn told(kind: Kind, is_registered: bool) -> Told {
    match kind {
        Kind::NewDocument if is_registered => Told::AtOnce,
        Kind::NewDocument => Told::InDigest(Waits::New),
        Kind::NewDocumentReminder => Told::InDigest(Waits::Unread),
        Kind::DocumentExpirationAlert => Told::InDigest(Waits::Expires),
        Kind::ReadDocument => Told::Over,
    }
}

/// What a digest says: documents of each kind, each document once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// New ones.
    pub new: u64,
    /// Those not read for 15 days.
    pub unread: u64,
    /// Those that expire in 7 days.
    pub expiring: u64,
}

impl Digest {
    /// Counts a document.
    pub const fn count(&mut self, waits: Waits) {
        match waits {
            Waits::New => self.new += 1,
            Waits::Unread => self.unread += 1,
            Waits::Expires => self.expiring += 1,
        }
    }

    /// Whether there is nothing to say.
    pub const fn is_empty(&self) -> bool {
        self.new == 0 && self.unread == 0 && self.expiring == 0
    }
}

/// When the next digest is due after a moment: at that hour by the clock of Brussels. An hour that a day does not have, when the clock
/// is put forward, is the one after it; one that a day has twice is the first.
pub fn next_digest(after: Timestamp, hour: u8) -> Timestamp {
    let today = day::of(after);
    let due = on(today, hour);
    if due > after { due } else { today.tomorrow().map_or(Timestamp::MAX, |day| on(day, hour)) }
}

fn on(day: Date, hour: u8) -> Timestamp {
    let time = Time::new(i8::try_from(hour.min(23)).unwrap_or(0), 0, 0, 0).unwrap_or_default();
    // `to_timestamp` is of the compatible kind: forward through a gap, the earlier of two.
    let at = BRUSSELS.to_timestamp(day.to_datetime(time));
    let millis = at.map_or(u64::MAX, |at| u64::try_from(at.as_millisecond()).unwrap_or(0));
    Timestamp::from_millis(millis)
}

/// How a notice goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Way {
    /// By e-mail.
    Mail,
    /// By a message of the broker.
    Message,
}

/// The ways that there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    /// E-mail is set up.
    pub mail: bool,
    /// Messages are.
    pub message: bool,
}

/// Where a notice goes, and in which language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To this address.
    Mail(Box<str>, Language),
    /// To this citizen.
    Message(Niss, Language),
}

impl Route {
    /// How it goes.
    pub const fn way(&self) -> Way {
        match self {
            Self::Mail(..) => Way::Mail,
            Self::Message(..) => Way::Message,
        }
    }
}

/// How the holder of a mailbox is told now; none where nobody reads it, its holder wants no notices, or they can't get there. An
/// enterprise has no telephone: it gets e-mail where it gave an address. Who gave no language is addressed in French, as on the pages.
pub fn route(id: MailboxId, mailbox: &Mailbox, ways: Ways) -> Option<Route> {
    let wanted = &mailbox.preferences;
    if !mailbox.is_active() {
        return None;
    }
    let language = wanted.language.unwrap_or(Language::Fr);
    let address = wanted.email.clone().filter(|_| ways.mail && !wanted.email_fails);
    let by_mail = || address.map(|address| Route::Mail(address, language));
    match (wanted.notice, id) {
        (Notice::None, _) => None,
        (Notice::Message, MailboxId::Citizen(niss)) => ways.message.then_some(Route::Message(niss, language)),
        (Notice::Email, _) | (Notice::Message, MailboxId::Enterprise(_)) => by_mail(),
    }
}

/// Both feeds, in the order in which they are followed.
pub const FEEDS: [Audience; 2] = [Audience::Citizen, Audience::Enterprise];

/// Whether a mail server's refusal of a recipient is about the address, which then gets no mail any more, and not about us, the mail or
/// the moment. Only the enhanced status says that: servers answer a bare `550` to an address that is none as to a sender that they don't
/// let relay.
///
/// Source: RFC 3463. 5.1.7 and 5.1.8 are about the sender's address; 5.2.1 is a mailbox that is disabled, 5.4.4 a host without a route.
pub const fn is_about_the_address(status: Option<(u8, u16, u16)>) -> bool {
    match status {
        Some((5, 1, detail)) => !matches!(detail, 7 | 8),
        Some((5, 2, 1) | (5, 4, 4)) => true,
        _ => false,
    }
}

/// The enhanced status at the beginning of a text, such as `5.1.1 no such user`.
pub fn status_of(text: &str) -> Option<(u8, u16, u16)> {
    let word = text.split_whitespace().next()?;
    let mut numbers = word.split('.');
    let (class, subject, detail) = (numbers.next()?, numbers.next()?, numbers.next()?);
    let fits =
        numbers.next().is_none() && [class, subject, detail].iter().all(|number| (1..=3).contains(&number.len()));
    let class = class.parse().ok().filter(|class| matches!(class, 2 | 4 | 5))?;
    fits.then_some((class, subject.parse().ok()?, detail.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::cbe::Cbe;
    use crate::domain::mailbox::Preferences;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn registered_mail_goes_at_once_and_all_else_waits_for_the_digest() {
        let table = [
            (Kind::NewDocument, true, Told::AtOnce),
            (Kind::NewDocument, false, Told::InDigest(Waits::New)),
            (Kind::NewDocumentReminder, true, Told::InDigest(Waits::Unread)),
            (Kind::NewDocumentReminder, false, Told::InDigest(Waits::Unread)),
            (Kind::DocumentExpirationAlert, true, Told::InDigest(Waits::Expires)),
            (Kind::ReadDocument, true, Told::Over),
            (Kind::ReadDocument, false, Told::Over),
        ];
        for (kind, is_registered, expected) in table {
            assert_eq!(told(kind, is_registered), expected, "{kind:?} {is_registered}");
        }
        assert!(Waits::New < Waits::Unread && Waits::Unread < Waits::Expires);
    }

    #[test]
    fn a_digest_comes_at_its_hour_in_brussels_also_when_the_clock_is_changed() {
        let table = [
            ("2026-01-10T07:59:59+01:00", 8, "2026-01-10T08:00:00+01:00"),
            ("2026-01-10T08:00:00+01:00", 8, "2026-01-11T08:00:00+01:00"),
            ("2026-07-10T23:30:00+02:00", 8, "2026-07-11T08:00:00+02:00"),
            // The day of 23 hours, and the day of 25.
            ("2026-03-28T08:00:00+01:00", 8, "2026-03-29T08:00:00+02:00"),
            ("2026-10-24T08:00:00+02:00", 8, "2026-10-25T08:00:00+01:00"),
            // The hour that is not there, and the one that is there twice: its first.
            ("2026-03-28T12:00:00+01:00", 2, "2026-03-29T03:00:00+02:00"),
            ("2026-10-24T12:00:00+02:00", 2, "2026-10-25T02:00:00+02:00"),
            ("2026-10-25T02:30:00+02:00", 2, "2026-10-26T02:00:00+01:00"),
            ("2026-12-31T23:00:00+01:00", 0, "2027-01-01T00:00:00+01:00"),
        ];
        for (after, hour, due) in table {
            assert_eq!(next_digest(at(after), hour), at(due), "{after} {hour}");
        }
        assert_eq!(next_digest(Timestamp::MAX, 8), Timestamp::MAX);
    }

    #[test]
    fn only_who_reads_and_wants_it_is_told_and_where_they_can_be_reached() {
        let today = jiff::civil::date(2026, 11, 28);
        let niss = Niss::parse("85073003328", today).unwrap();
        let (citizen, enterprise) =
            (MailboxId::Citizen(niss), MailboxId::Enterprise(Cbe::parse("0403019261").unwrap()));
        let all = Ways { mail: true, message: true };
        let wants = |notice, email: Option<&str>| Mailbox {
            active_since: Some(Timestamp::ZERO),
            preferences: Preferences {
                notice,
                email: email.map(Into::into),
                language: Some(Language::De),
                ..Preferences::default()
            },
            ..Mailbox::default()
        };
        let mail = |to: &str| Some(Route::Mail(to.into(), Language::De));
        let given = wants(Notice::Email, Some("a@example.org"));
        assert_eq!(route(citizen, &given, all), mail("a@example.org"));
        assert_eq!(route(enterprise, &given, all), mail("a@example.org"));
        assert_eq!(route(citizen, &given, Ways { mail: false, message: true }), None);
        assert_eq!(route(citizen, &wants(Notice::Email, None), all), None);
        assert_eq!(route(citizen, &Mailbox { active_since: None, ..given.clone() }, all), None);
        let mut fails = given.clone();
        fails.preferences.email_fails = true;
        assert_eq!(route(citizen, &fails, all), None);
        let message = wants(Notice::Message, Some("a@example.org"));
        assert_eq!(route(citizen, &message, all), Some(Route::Message(niss, Language::De)));
        assert_eq!(route(citizen, &message, Ways { mail: true, message: false }), None);
        assert_eq!(route(enterprise, &message, all), mail("a@example.org"));
        assert_eq!(route(enterprise, &wants(Notice::Message, None), all), None);
        assert_eq!(route(citizen, &wants(Notice::None, Some("a@example.org")), all), None);
        let mut silent = given;
        silent.preferences.language = None;
        assert_eq!(route(citizen, &silent, all), Some(Route::Mail("a@example.org".into(), Language::Fr)));
    }

    #[test]
    fn an_address_is_given_up_only_for_what_is_about_it() {
        for about in [(5, 1, 0), (5, 1, 1), (5, 1, 2), (5, 1, 3), (5, 1, 6), (5, 1, 10), (5, 2, 1), (5, 4, 4)] {
            assert!(is_about_the_address(Some(about)), "{about:?}");
        }
        // Full, a policy, our own address, our mail, a server that takes no mail now, for the moment.
        for other in [(5, 2, 2), (5, 7, 1), (5, 1, 7), (5, 1, 8), (5, 3, 4), (5, 0, 0), (4, 1, 1), (2, 1, 5)] {
            assert!(!is_about_the_address(Some(other)), "{other:?}");
        }
        assert!(!is_about_the_address(None), "a bare code says nothing of whom it is about");
    }

    #[test]
    fn a_status_is_read_where_there_is_one() {
        assert_eq!(status_of("5.1.1 <a@example.org>: no such user"), Some((5, 1, 1)));
        assert_eq!(status_of("  4.2.2\tfull"), Some((4, 2, 2)));
        for none in ["", "no such user", "5.1", "5.1.1.1", "3.1.1", "550 5.1.1", "5..1", "5.1.1000 x", "192.0.2.1 x"] {
            assert_eq!(status_of(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn the_next_digest_is_later_and_within_25_hours(millis in 0..4_000_000_000_000_u64, hour in 0..24_u8) {
            let after = Timestamp::from_millis(millis);
            let due = next_digest(after, hour);
            prop_assert!(due > after && due.since(after) <= Duration::from_secs(25 * 3_600));
            // Nothing is due between the two.
            let before = Timestamp::from_millis(due.millis() - 1);
            prop_assert_eq!(next_digest(before.max(after), hour), due);
        }

        #[test]
        fn nothing_that_a_server_may_say_is_misread(text in ".{0,40}") {
            if let Some((class, ..)) = status_of(&text) {
                prop_assert!(matches!(class, 2 | 4 | 5));
            }
        }
    }
}
