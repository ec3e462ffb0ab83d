//! Limits on a clock that the test moves.
use governor::clock::FakeRelativeClock;

use super::*;
use crate::domain::cbe::Cbe;
use crate::domain::mobile::Mobile;

fn sender(number: &str) -> Institution {
    Institution(Cbe::parse(number).expect("a valid number"))
}

fn one() -> Institution {
    sender("0403019261")
}

fn another() -> Institution {
    sender("0206731645")
}

fn citizen(number: u32) -> Recipient {
    Recipient { mobile: Mobile::parse(&format!("+32470{number:06}")).ok(), ..Recipient::default() }
}

fn rates() -> (Rates<FakeRelativeClock>, FakeRelativeClock) {
    let clock = FakeRelativeClock::default();
    (Rates::new(clock.clone()), clock)
}

fn check(rates: &Rates<FakeRelativeClock>, institution: Institution, parts: u16, number: u32) -> Verdict {
    rates.check(institution, Lane::Normal, parts, || citizen(number))
}

#[test]
fn a_place_that_a_sender_may_not_use_is_kept_for_another() {
    let (rates, _clock) = rates();
    rates.set_channel(NonZeroU32::new(1));
    rates.set_institutions(NonZeroU32::new(1));
    assert!(rates.channel_allows());
    assert_eq!(check(&rates, one(), 1, 1), Verdict::Go);
    // The sender has had its one a second; the channel's next place is not lost with that.
    assert_eq!(check(&rates, one(), 1, 1), Verdict::SenderWaits(Duration::from_secs(1)));
    assert_eq!(rates.turned_away(one()), Some(Duration::ZERO));
    rates.give_back();
    assert!(rates.channel_allows() && !rates.channel_allows());
}

#[test]
fn a_message_of_three_parts_uses_three_places() {
    let (rates, clock) = rates();
    rates.set_channel(NonZeroU32::new(60));
    rates.set_institutions(NonZeroU32::new(60));
    // A burst of three: one message of three parts, and nothing more.
    assert!(rates.channel_allows());
    assert_eq!(check(&rates, one(), 3, 1), Verdict::Go);
    assert!(!rates.channel_allows());
    assert!(matches!(check(&rates, one(), 1, 1), Verdict::SenderWaits(_)));
    // What is owed by one sender keeps no other.
    assert_eq!(check(&rates, another(), 1, 1), Verdict::Go);
    clock.advance(Duration::from_secs(1));
    assert!(rates.channel_allows());
}

#[test]
fn a_recipient_is_sent_no_more_than_its_limit_and_keeps_no_other() {
    let (rates, clock) = rates();
    let parts = NonZeroU32::new(3).expect("not zero");
    rates.set_recipients(Some(PerRecipient { parts, period: Duration::from_secs(60), remembered: 1_000 }));
    assert_eq!(check(&rates, one(), 2, 1), Verdict::Go);
    assert_eq!(check(&rates, one(), 1, 1), Verdict::Go);
    assert_eq!(check(&rates, one(), 1, 1), Verdict::RecipientWaits(Duration::from_secs(20)));
    assert!(rates.keeps_back(one(), Lane::Normal, || citizen(1)));
    // Another citizen, another institution, an urgent message.
    assert_eq!(check(&rates, one(), 1, 2), Verdict::Go);
    assert_eq!(check(&rates, another(), 1, 1), Verdict::Go);
    assert_eq!(rates.check(one(), Lane::Urgent, 1, || citizen(1)), Verdict::Go);
    clock.advance(Duration::from_secs(20));
    assert!(!rates.keeps_back(one(), Lane::Normal, || citizen(1)));
    assert_eq!(check(&rates, one(), 1, 1), Verdict::Go);
    // Longer than the limit: it goes when all places are free, and not never.
    clock.advance(Duration::from_secs(60));
    assert_eq!(check(&rates, one(), 9, 1), Verdict::Go);
    assert!(matches!(check(&rates, one(), 1, 1), Verdict::RecipientWaits(_)));
}

#[test]
fn a_place_of_a_sender_that_its_recipient_may_not_use_is_kept() {
    let (rates, _clock) = rates();
    rates.set_institutions(NonZeroU32::new(40));
    rates.set_recipients(Some(PerRecipient {
        parts: NonZeroU32::MIN,
        period: Duration::from_secs(60),
        remembered: 1_000,
    }));
    // A burst of two.
    assert_eq!(check(&rates, one(), 1, 1), Verdict::Go);
    assert!(matches!(check(&rates, one(), 1, 1), Verdict::RecipientWaits(_)));
    assert_eq!(check(&rates, one(), 1, 2), Verdict::Go);
    assert!(matches!(check(&rates, one(), 1, 3), Verdict::SenderWaits(_)));
}

#[test]
fn no_more_recipients_are_remembered_than_is_set_and_none_is_sent_more_for_that() {
    let (rates, clock) = rates();
    let period = Duration::from_secs(60);
    rates.set_recipients(Some(PerRecipient { parts: NonZeroU32::MIN, period, remembered: 100 }));
    let allowed = (0..10_000).filter(|number| check(&rates, one(), 1, *number) == Verdict::Go).count();
    assert!((90..=100).contains(&allowed), "{allowed}");
    assert!(rates.remembered() <= 100);
    assert!(matches!(check(&rates, one(), 1, 10_001), Verdict::SenderWaits(_)));
    clock.advance(period + period);
    assert_eq!(check(&rates, one(), 1, 10_001), Verdict::Go);
    rates.shrink();
    assert!(rates.remembered() <= 1);
}
