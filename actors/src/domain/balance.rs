//! How a channel shares its letters among several providers: by weight, less to one that is slow or fails, back by steps.
//!
//! Invariant: what is taken from one goes to others that do better; when all do alike, badly or well, nothing is shifted.
//! A provider is never left without a letter now and then, so that its recovery is seen. No clock: it is told each second.

/// The steps of a share; a provider in good health has all.
pub const FULL: u8 = 16;
/// How much of the last second counts, against all before.
const FRESH: f64 = 0.3;
/// Slow is: so many times slower than the best of the others, and slower than this, in milliseconds.
const SLOWER: f64 = 3.0;
const SLOW_MS: f64 = 200.0;
/// Failing is: a larger part of its letters than this, and twice that of the best of the others.
const FAILING: f64 = 0.2;
const MORE_OFTEN: f64 = 2.0;
/// Failures of the provider itself in a row after which it is not waited for the end of the second.
const IN_A_ROW: u32 = 3;

/// What was seen of a provider in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    /// Letters that came to an end there.
    pub answers: u32,
    /// Of them, those that the provider itself failed: down, no answer in time, throttled.
    pub failures: u32,
    /// How long they took, all together, in milliseconds.
    pub took_ms: u64,
    /// Receipts that told the end of a message.
    pub receipts: u32,
    /// Of them, those of a failure.
    pub undelivered: u32,
}

/// How a provider does.
#[derive(Clone, Copy, Debug)]
struct Health {
    weight: u32,
    share: u8,
    /// For the turns: grows by its weight, and falls by all of them when it is picked.
    turn: i64,
    in_a_row: u32,
    took_ms: Option<f64>,
    failing: f64,
    undelivered: f64,
    seen: Seen,
}

/// How a provider does, for people.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// Its weight.
    pub weight: u32,
    /// Its share, of [`FULL`].
    pub share: u8,
    /// Milliseconds that a letter takes there, of late.
    pub answers_in_ms: Option<u64>,
    /// The part of its letters that it failed itself, of late: 0 to 1.
    pub failing: f64,
    /// The part of its receipts that told of a failure, of late: 0 to 1.
    pub undelivered: f64,
    /// Its last letters all failed.
    pub is_down: bool,
}

/// The providers of a channel, by their place.
#[derive(Clone, Debug)]
pub struct Balance(Vec<Health>);

impl Balance {
    /// With these weights. A weight of 0 is only used when no other can.
    pub fn new(weights: impl IntoIterator<Item = u32>) -> Self {
        let health = |weight| Health {
            weight,
            share: FULL,
            turn: 0,
            in_a_row: 0,
            took_ms: None,
            failing: 0.0,
            undelivered: 0.0,
            seen: Seen::default(),
        };
        Self(weights.into_iter().map(health).collect())
    }

    /// Goes on with what is known of a provider that was at a place of another balance; its weight may be another.
    pub fn take_over(&mut self, place: usize, other: &Self, from: usize) {
        if let (Some(health), Some(known)) = (self.0.get_mut(place), other.0.get(from)) {
            *health = Health { weight: health.weight, turn: 0, ..*known };
        }
    }

    /// How each does.
    pub fn standings(&self) -> impl Iterator<Item = Standing> + '_ {
        self.0.iter().map(|health| Standing {
            weight: health.weight,
            share: health.share,
            answers_in_ms: health.took_ms.map(|took_ms| took_ms.round() as u64),
            failing: health.failing,
            undelivered: health.undelivered,
            is_down: health.in_a_row >= IN_A_ROW,
        })
    }

    /// The share that each has now, of [`FULL`].
    pub fn shares(&self) -> Vec<u8> {
        self.0.iter().map(|health| health.share).collect()
    }

    /// Whose turn it is among those that `may`: in proportion to weight and share, evenly spread.
    pub fn pick(&mut self, may: impl Fn(usize) -> bool) -> Option<usize> {
        let pull = |health: &Health| i64::from(health.weight) * i64::from(health.share);
        let mut total = 0;
        let mut best: Option<usize> = None;
        for place in 0..self.0.len() {
            if !may(place) {
                continue;
            }
            let pull = pull(&self.0[place]);
            total += pull;
            self.0[place].turn += pull;
            if best.is_none_or(|best| self.0[place].turn > self.0[best].turn) {
                best = Some(place);
            }
        }
        let best = best?;
        self.0[best].turn -= total;
        Some(best)
    }

    /// A letter came to an end at a provider after so long; `ok` unless the provider itself failed.
    pub fn answered(&mut self, place: usize, ok: bool, took_ms: u64) {
        let Some(health) = self.0.get_mut(place) else { return };
        health.seen.answers += 1;
        health.seen.took_ms += took_ms;
        health.seen.failures += u32::from(!ok);
        health.in_a_row = if ok { 0 } else { health.in_a_row + 1 };
        if health.in_a_row >= IN_A_ROW && self.0.iter().any(|other| other.in_a_row == 0) {
            self.0[place].share = 1;
        }
    }

    /// So many receipts told the end of a message, and so many of them that it failed.
    pub fn received(&mut self, place: usize, receipts: u32, undelivered: u32) {
        if let Some(health) = self.0.get_mut(place) {
            health.seen.receipts += receipts;
            health.seen.undelivered += undelivered;
        }
    }

    /// A second is over: shifts by a step.
    pub fn second(&mut self) {
        for health in &mut self.0 {
            let seen = std::mem::take(&mut health.seen);
            if seen.answers > 0 {
                let answers = f64::from(seen.answers);
                let took_ms = seen.took_ms as f64 / answers;
                health.took_ms = Some(health.took_ms.map_or(took_ms, |before| mixed(before, took_ms)));
                health.failing = mixed(health.failing, f64::from(seen.failures) / answers);
            }
            if seen.receipts > 0 {
                health.undelivered = mixed(health.undelivered, f64::from(seen.undelivered) / f64::from(seen.receipts));
            }
        }
        let bad: Vec<bool> = (0..self.0.len()).map(|place| self.is_worse(place)).collect();
        for (health, bad) in self.0.iter_mut().zip(bad) {
            health.share = if bad { (health.share / 2).max(1) } else { (health.share + 1).min(FULL) };
        }
    }

    /// Whether others do better, and clearly.
    fn is_worse(&self, place: usize) -> bool {
        let health = &self.0[place];
        let others = || self.0.iter().enumerate().filter(move |(other, _)| *other != place).map(|(_, other)| other);
        let least = |of: fn(&Health) -> f64| others().map(of).reduce(f64::min);
        let above = |own: f64, best: Option<f64>| best.is_some_and(|best| own > FAILING && own > best * MORE_OFTEN);
        let best_ms = others().filter_map(|other| other.took_ms).reduce(f64::min);
        let slow = |own: f64| best_ms.is_some_and(|best| own > SLOW_MS && own > best * SLOWER);
        health.took_ms.is_some_and(slow)
            || above(health.failing, least(|other| other.failing))
            || above(health.undelivered, least(|other| other.undelivered))
    }
}

fn mixed(before: f64, fresh: f64) -> f64 {
    before + (fresh - before) * FRESH
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// So many seconds of 100 letters shared by the balance; what each provider takes, and whether it works.
    fn run(balance: &mut Balance, seconds: usize, doing: &[(u64, bool)]) -> Vec<u32> {
        let mut picked = vec![0; doing.len()];
        for _ in 0..seconds {
            for _ in 0..100 {
                let place = balance.pick(|_| true).unwrap();
                picked[place] += 1;
                balance.answered(place, doing[place].1, doing[place].0);
            }
            balance.second();
        }
        picked
    }

    #[test]
    fn letters_are_shared_by_weight() {
        let mut balance = Balance::new([3, 1, 0]);
        assert_eq!(run(&mut balance, 4, &[(20, true); 3]), [300, 100, 0]);
        assert_eq!(balance.pick(|place| place == 2), Some(2));
        assert_eq!(balance.pick(|_| false), None);
    }

    #[test]
    fn one_that_is_slow_loses_by_steps_and_drifts_back() {
        let mut balance = Balance::new([1, 1]);
        run(&mut balance, 5, &[(20, true), (20, true)]);
        let mut before = FULL;
        for _ in 0..6 {
            run(&mut balance, 1, &[(20, true), (2_000, true)]);
            let share = balance.shares()[1];
            assert!(share <= before && share >= before / 2, "{before} to {share}");
            before = share;
        }
        assert_eq!(balance.shares(), [FULL, 1]);
        let picked = run(&mut balance, 1, &[(20, true), (2_000, true)]);
        assert!(picked[1] > 0 && picked[1] < 10, "{picked:?}");
        run(&mut balance, 40, &[(20, true), (20, true)]);
        assert_eq!(balance.shares(), [FULL, FULL]);
    }

    #[test]
    fn nothing_is_shifted_when_all_are_slow_or_all_fail() {
        for doing in [(5_000, true), (20, false), (5_000, false)] {
            let mut balance = Balance::new([1, 1, 1]);
            run(&mut balance, 5, &[(20, true); 3]);
            let picked = run(&mut balance, 20, &[doing; 3]);
            assert_eq!(balance.shares(), [FULL; 3], "{doing:?}");
            assert!(picked.iter().all(|picked| picked.abs_diff(2_000 / 3) < 60), "{picked:?}");
        }
    }

    #[test]
    fn one_that_is_down_is_left_within_the_second() {
        let mut balance = Balance::new([1, 1]);
        run(&mut balance, 5, &[(20, true), (20, true)]);
        let picked = run(&mut balance, 1, &[(20, true), (5, false)]);
        assert!(picked[1] < 15, "{picked:?}");
    }

    #[test]
    fn receipts_of_failure_count_too() {
        let mut balance = Balance::new([1, 1]);
        for _ in 0..10 {
            for _ in 0..50 {
                balance.received(0, 1, 0);
                balance.received(1, 1, 1);
            }
            balance.second();
        }
        assert_eq!(balance.shares(), [FULL, 1]);
    }

    #[test]
    fn what_is_known_of_a_provider_goes_over_to_another_configuration() {
        let mut before = Balance::new([1, 1]);
        run(&mut before, 10, &[(20, true), (2_000, true)]);
        let mut after = Balance::new([1, 5, 1]);
        after.take_over(1, &before, 1);
        assert_eq!(after.shares(), [FULL, 1, FULL]);
        let slow: Vec<_> = after.standings().collect();
        assert_eq!((slow[1].weight, slow[1].answers_in_ms, slow[1].is_down), (5, Some(2_000), false));
        let picked = run(&mut after, 1, &[(20, true), (2_000, true), (20, true)]);
        assert!(picked[1] < picked[0], "{picked:?}");
    }

    proptest! {
        #[test]
        fn shares_stay_in_bounds_and_somebody_is_always_picked(
            weights in prop::collection::vec(0_u32..10, 1..5),
            events in prop::collection::vec((0_usize..5, any::<bool>(), 0_u64..10_000, 0_u8..4), 0..200)
        ) {
            let mut balance = Balance::new(weights.clone());
            for (place, ok, took_ms, what) in events {
                match what {
                    0 => balance.second(),
                    1 => balance.received(place, 1, u32::from(!ok)),
                    _ => balance.answered(place, ok, took_ms),
                }
                prop_assert!(balance.shares().iter().all(|share| (1..=FULL).contains(share)));
                prop_assert!(balance.pick(|_| true).is_some_and(|place| place < weights.len()));
            }
        }
    }
}
