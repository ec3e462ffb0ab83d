//! The reserved recipients: each makes every simulated channel behave in one known way, whatever the faults are set to.
//!
//! Owns the block of mobile numbers +32 460 00 BB NN (BB the behaviour, NN 00 to 99) and of NISSs born on 1 January 1900 with
//! sequence BBN. A live channel must refuse them. Served at `GET /sandbox`.
//!
//! | BB | behaviour | SMS | GovApp | e-Box |
//! |----|-----------|-----|--------|-------|
//! | 01 | deliver | delivered | received, opened | published, read |
//! | 02 | reject | refused with a result code | refused with 422 | refused with 400 |
//! | 03 | fail_for_good | taken, then reported undelivered | taken, never received | taken, never read |
//! | 04 | fail_for_a_while | 503 twice, then as deliver; then twice again | same | same |
//! | 05 | slow | answers after 3 s | same | same |
//! | 06 | late_receipt | report 10 s later | events 10 s later | read 10 s later |
//! | 07 | double_receipt | each report twice | each event twice | - |
//! | 08 | early_receipt | report before the response | event before the response | - |
//! | 09 | no_receipt | no report | no event, no change | never read |
//! | 10 | answer_lost | taken, connection dropped instead of an answer once; then as deliver; then again | same | same |
//! | 11 | not_on_govapp | delivered | no receivers | published, read |
//! | 12 | no_ebox | delivered | received, opened | taken with `NO_DIGITAL_USER` |
//! | 13 | govapp_unread | delivered | received, never opened | published, never read |
//!
//! Those without another word are on GovApp and have an active mailbox.

use serde::Serialize;

use crate::addressee::{Addressee, Kind};
use crate::niss;

/// How many first requests `fail_for_a_while` refuses before one passes.
pub const FAILURES_FIRST: u32 = 2;
/// How long `slow` takes to answer, in milliseconds.
pub const SLOW_MS: u64 = 3_000;
/// How much later than usual `late_receipt` reports, in milliseconds.
pub const LATE_MS: u64 = 10_000;

const FIRST_MOBILE: u64 = 32_460_000_000;
const BIRTH: jiff::civil::Date = jiff::civil::date(1900, 1, 1);

/// What a reserved recipient makes of a message; see the table of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Behaviour {
    /// Everything works.
    Deliver = 1,
    /// Each channel refuses the message.
    Reject = 2,
    /// Each channel takes it, and it never arrives.
    FailForGood = 3,
    /// The first requests get 503.
    FailForAWhile = 4,
    /// The answer takes long.
    Slow = 5,
    /// The receipt takes long.
    LateReceipt = 6,
    /// Each receipt comes twice.
    DoubleReceipt = 7,
    /// The receipt comes before the response.
    EarlyReceipt = 8,
    /// No receipt ever comes.
    NoReceipt = 9,
    /// The message is taken, and the connection drops instead of an answer.
    AnswerLost = 10,
    /// GovApp knows no receivers.
    NotOnGovapp = 11,
    /// The mailbox is not active.
    NoEbox = 12,
    /// Delivered, and never opened.
    GovappUnread = 13,
}

use Behaviour as B;

/// All behaviours with what they mean, in the order of the table.
pub const BEHAVIOURS: [(Behaviour, &str); 13] = [
    (B::Deliver, "delivered everywhere, opened and read"),
    (B::Reject, "refused by each channel for good"),
    (B::FailForGood, "taken by each channel, then undelivered (SMS), never received (GovApp), never read (e-Box)"),
    (B::FailForAWhile, "the first two requests get 503, the third passes, and so on"),
    (B::Slow, "answered after 3 seconds"),
    (B::LateReceipt, "receipts 10 seconds later than usual"),
    (B::DoubleReceipt, "each receipt comes twice"),
    (B::EarlyReceipt, "the receipt comes before the response"),
    (B::NoReceipt, "no receipt ever comes"),
    (B::AnswerLost, "taken, but every other request loses its answer"),
    (B::NotOnGovapp, "not on GovApp, otherwise delivered"),
    (B::NoEbox, "mailbox not active, otherwise delivered"),
    (B::GovappUnread, "delivered, never opened or read"),
];

impl Behaviour {
    /// Reserved mobile number `n` (taken modulo 100) of this behaviour, in E.164 with its plus sign.
    pub fn mobile(self, n: u8) -> String {
        format!("+{}", FIRST_MOBILE + self as u64 * 100 + u64::from(n % 100))
    }

    /// Reserved NISS `n` (taken modulo 10) of this behaviour.
    pub fn niss(self, n: u8) -> String {
        niss::with_check(BIRTH, u16::from(self as u8) * 10 + u16::from(n % 10))
    }

    /// The behaviour of a reserved mobile number (`+32...`) or NISS; none for an ordinary recipient.
    pub fn of(recipient: &str) -> Option<Self> {
        Self::of_addressee(Addressee::parse(recipient)?)
    }

    pub(crate) fn of_addressee(addressee: Addressee) -> Option<Self> {
        let block = match addressee.kind {
            Kind::Mobile => addressee.number.checked_sub(FIRST_MOBILE).filter(|n| *n < 10_000)? / 100,
            // YYMMDD NNN CC with 000101 in front; 2000 is told apart by its check digits.
            Kind::Niss if addressee.number / 100_000 == 101 => {
                let nine = addressee.number / 100;
                (97 - nine % 97 == addressee.number % 100).then_some(nine % 1_000 / 10)?
            }
            Kind::Niss | Kind::Cbe => return None,
        };
        BEHAVIOURS.iter().map(|(behaviour, _)| *behaviour).find(|behaviour| *behaviour as u64 == block)
    }
}

/// A line of the table that `GET /sandbox` serves.
#[derive(Debug, Serialize)]
pub struct Line {
    /// What happens.
    pub behaviour: Behaviour,
    /// The same in words.
    pub meaning: &'static str,
    /// First and last reserved mobile number.
    pub mobiles: [String; 2],
    /// The reserved NISSs (the check digits leave no simple range).
    pub nisses: Vec<String>,
}

/// The whole table.
pub fn table() -> Vec<Line> {
    let line = |(behaviour, meaning): &(Behaviour, &'static str)| Line {
        behaviour: *behaviour,
        meaning,
        mobiles: [behaviour.mobile(0), behaviour.mobile(99)],
        nisses: (0..10).map(|n| behaviour.niss(n)).collect(),
    };
    BEHAVIOURS.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reserved_recipient_has_its_behaviour_and_is_valid() {
        for (behaviour, _) in BEHAVIOURS {
            for n in 0..100 {
                assert_eq!(Behaviour::of(&behaviour.mobile(n)), Some(behaviour));
                assert_eq!(Behaviour::of(&behaviour.niss(n)), Some(behaviour));
                assert!(niss::is_valid(&behaviour.niss(n)));
                assert_eq!(behaviour.mobile(n).len(), 12);
            }
        }
        assert_eq!(B::Deliver.mobile(1), "+32460000101");
    }

    #[test]
    fn ordinary_recipients_have_none() {
        for recipient in ["+32470123456", "85073003328", "0403019261", "+32460000000", "+32460001400", "+32460010101"] {
            assert_eq!(Behaviour::of(recipient), None, "{recipient}");
        }
        // The same date in 2000 is an ordinary citizen.
        assert_eq!(Behaviour::of(&niss::with_check(jiff::civil::date(2000, 1, 1), 11)), None);
    }
}
