//! What may become of a message, before it is accepted: what it costs at least and at most, and when it is settled at
//! the latest.
//!
//! Invariant: a forecast follows the same way through a strategy as [`super::life`] does, and promises nothing that
//! depends on a channel.
use std::time::Duration;

use super::price::Money;
use super::strategy::{Otherwise, Strategy, Success};
use super::time::Timestamp;

/// What is foreseen of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// It would be left out.
    pub is_skipped: bool,
    /// What it costs once its channel took it.
    pub price: Money,
    /// How long it would wait for what goes before it; `None` when nobody can tell.
    pub wait: Option<Duration>,
}

/// The steps of a track that may be taken, in order.
fn way<'s>(strategy: &'s Strategy, outlooks: &'s [Outlook], entry: u8) -> impl Iterator<Item = (u8, Outlook)> + 's {
    let mut next = Some(entry);
    std::iter::from_fn(move || {
        loop {
            let step = next?;
            let here = strategy.step(step)?;
            next = if here.otherwise == Otherwise::Next { strategy.next(step) } else { None };
            match outlooks.get(usize::from(step)) {
                Some(outlook) if !outlook.is_skipped => return Some((step, *outlook)),
                _ => {}
            }
        }
    })
}

/// The price of the cheapest way in which it is sent, and that of the dearest, in which every channel that may be asked
/// takes it.
pub fn prices(strategy: &Strategy, outlooks: &[Outlook]) -> (Money, Money) {
    let of_track = |entry| {
        let prices: Vec<Money> = way(strategy, outlooks, entry).map(|(_, outlook)| outlook.price).collect();
        (prices.iter().copied().min().unwrap_or_default(), prices.into_iter().sum::<Money>())
    };
    strategy
        .entries()
        .map(of_track)
        .fold((Money::ZERO, Money::ZERO), |(least, most), (here, there)| (least + here, most + there))
}

/// When no further step would be taken, if no channel has to be tried again: each step waits its turn, and then for as
/// long as the strategy says. Nothing begins at or after `valid_until`; what has begun is waited for all the same.
pub fn settled_by(strategy: &Strategy, outlooks: &[Outlook], start: Timestamp, valid_until: Timestamp) -> Timestamp {
    let of_track = |entry| {
        let mut now = start;
        for (step, outlook) in way(strategy, outlooks, entry) {
            if now >= valid_until {
                break;
            }
            // A wait of which nobody knows the length ends with the validity, in one way or the other.
            let begins = outlook.wait.map_or(valid_until, |wait| now.plus(wait));
            if begins >= valid_until && outlook.wait.is_some() {
                return valid_until;
            }
            let horizon = strategy.step(step).filter(|here| here.success != Success::Sent).map(|here| here.horizon);
            now = begins.min(valid_until).plus(horizon.unwrap_or_default());
        }
        now
    };
    strategy.entries().map(of_track).max().unwrap_or(start)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::strategy::{self, built_in};

    const HOUR: u64 = 3_600;

    fn find(name: &str) -> strategy::Strategy {
        built_in().into_iter().find(|strategy| &*strategy.name == name).unwrap()
    }

    fn at(hours: u64) -> Timestamp {
        Timestamp::ZERO.plus(Duration::from_secs(hours * HOUR))
    }

    fn step(price: u64) -> Outlook {
        Outlook { is_skipped: false, price: Money(price), wait: Some(Duration::ZERO) }
    }

    fn skipped(price: u64) -> Outlook {
        Outlook { is_skipped: true, ..step(price) }
    }

    #[test]
    fn the_cheapest_way_is_one_step_of_each_track_and_the_dearest_all_of_them() {
        let table = [
            ("govapp-first", vec![step(1), step(45)], (1, 46)),
            ("govapp-first", vec![skipped(1), step(45)], (45, 45)),
            ("govapp-first", vec![step(50), step(45)], (45, 95)),
            ("govapp-first", vec![skipped(1), skipped(45)], (0, 0)),
            ("all", vec![step(1), step(45), step(100)], (146, 146)),
            ("ebox-and-notify", vec![step(100), step(1), step(45)], (101, 146)),
        ];
        for (name, outlooks, (least, most)) in table {
            assert_eq!(prices(&find(name), &outlooks), (Money(least), Money(most)), "{name} {outlooks:?}");
        }
        let mut ends = find("govapp-first");
        ends.steps[0].otherwise = Otherwise::End;
        assert_eq!(prices(&ends, &[step(1), step(45)]), (Money(1), Money(1)), "nothing follows");
        assert_eq!(
            prices(&ends, &[skipped(1), step(45)]),
            (Money(0), Money(0)),
            "nothing follows a step left out either"
        );
    }

    #[test]
    fn the_end_is_after_each_wait_and_horizon_and_nothing_begins_past_the_validity() {
        // GovApp has success when it took the message; an SMS waits a day for its receipt.
        let first = find("govapp-first");
        let (now, late) = (at(1), at(100));
        let waits =
            |hours: Option<u64>| Outlook { wait: hours.map(|hours| Duration::from_secs(hours * HOUR)), ..step(1) };
        let table = [
            (vec![step(1), step(1)], late, at(25)),
            (vec![step(1), skipped(1)], late, now),
            (vec![waits(Some(2)), waits(Some(3))], late, at(30)),
            (vec![skipped(1), skipped(1)], late, now),
            // It begins before the validity ends, and is waited for beyond it.
            (vec![step(1), waits(Some(3))], at(5), at(28)),
            // It would begin later, so it expires.
            (vec![step(1), waits(Some(4))], at(5), at(5)),
            (vec![waits(Some(9)), step(1)], at(5), at(5)),
            // Nobody knows when it begins: till the end of the validity.
            (vec![step(1), waits(None)], at(5), at(29)),
        ];
        for (outlooks, valid_until, end) in table {
            assert_eq!(settled_by(&first, &outlooks, now, valid_until), end, "{outlooks:?} {valid_until}");
        }
        let mut two = find("ebox-first");
        two.steps.iter_mut().for_each(|step| step.success = Success::Delivered);
        two.steps.iter_mut().for_each(|step| step.horizon = Duration::from_secs(10 * HOUR));
        assert_eq!(settled_by(&two, &[step(1), step(1), step(1)], at(0), at(11)), at(20), "a third step is past it");
    }

    proptest! {
        #[test]
        fn no_forecast_is_less_than_nothing_or_before_the_start(
            which in 0_usize..8,
            parts in prop::collection::vec((any::<bool>(), 0_u64..1_000, prop::option::of(0_u64..200)), 3),
            start in 0_u64..50, validity in 1_u64..50,
        ) {
            let strategy = built_in().swap_remove(which);
            let outlooks: Vec<Outlook> = parts
                .into_iter()
                .map(|(is_skipped, price, wait)| {
                    Outlook { is_skipped, price: Money(price), wait: wait.map(Duration::from_secs) }
                })
                .collect();
            let (least, most) = prices(&strategy, &outlooks);
            prop_assert!(least <= most);
            let (start, valid_until) = (at(start), at(start + validity));
            let longest = strategy.steps.iter().map(|step| step.horizon).max().unwrap_or_default();
            let end = settled_by(&strategy, &outlooks, start, valid_until);
            prop_assert!(end >= start && end <= valid_until.plus(longest));
        }
    }
}
