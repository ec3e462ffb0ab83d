//! What sending came to: when an attempt is metered, in how many parts, and sums of that.
//!
//! Invariant: an attempt is metered once, with the change that first takes it to `sent` or further; what its channel
//! says of it later, or again, costs nothing more. The price is decided then and is part of the fact.
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::channel::Channel;
use super::content::Content;
use super::fact::Change;
use super::language::Language;
use super::life::State;
use super::month::Month;
use super::price::Money;
use super::segment;
use super::submission::{Envelope, Institution};

/// What attempts came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Attempts that a channel took.
    pub messages: u64,
    /// Their parts: of an SMS its segments, of anything else one.
    pub parts: u64,
    /// What they cost, by the prices of the moment of each.
    pub cost: Money,
}

impl Used {
    /// So many attempts alike.
    pub fn alike(attempts: u64, parts: u16, cost: Money) -> Self {
        Self { messages: attempts, parts: attempts.saturating_mul(parts.into()), cost: cost.times(attempts) }
    }
}

impl AddAssign for Used {
    fn add_assign(&mut self, other: Self) {
        self.messages = self.messages.saturating_add(other.messages);
        self.parts = self.parts.saturating_add(other.parts);
        self.cost = self.cost + other.cost;
    }
}

/// What was used of a channel in a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// By whom.
    pub institution: Institution,
    /// When.
    pub month: Month,
    /// Of what.
    pub channel: Channel,
    /// How much.
    pub used: Used,
}

/// The attempt, its step and its retry, that these changes take to `sent` or further for the first time.
pub fn first_sent(before: &State, changes: &[Change]) -> Option<(u8, u8)> {
    changes.iter().find_map(|change| match change {
        Change::Moved { step, retry, status, .. } if status.rank() > 0 => {
            let attempt = before.attempt(*step, *retry)?;
            (attempt.status.rank() == 0 && attempt.status.may_become(*status)).then_some((*step, *retry))
        }
        _ => None,
    })
}

/// The parts of a message at a channel: of an SMS those of the text that the citizen gets, `preferred` being the
/// citizen's language. A content past its retention counts one.
pub fn parts(envelope: &Envelope, channel: Channel, preferred: Option<Language>) -> u16 {
    if channel != Channel::SMS {
        return 1;
    }
    let content: &Content = &envelope.content;
    let language = content.language(envelope.language, preferred, envelope.default_language);
    u16::try_from(segment::measure(&content.text_in(language)).parts).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::failure::Failure;
    use crate::domain::life::Attempt;
    use crate::domain::status::AttemptStatus;

    fn state(status: AttemptStatus) -> State {
        State { attempts: vec![Attempt { step: 1, retry: 0, status }], ..State::default() }
    }

    fn moved(status: AttemptStatus) -> Vec<Change> {
        vec![Change::Moved { step: 1, retry: 0, status, reference: None }]
    }

    #[test]
    fn an_attempt_counts_at_its_first_sent_and_never_again() {
        use AttemptStatus::{Acted, Attempting, ChannelExpired, Delivered, Failed, Read, Sent, Unknown};
        let all = [Attempting, Sent, Delivered, Read, Acted, Failed(Failure::Timeout), ChannelExpired, Unknown];
        for first in all {
            for then in all {
                let counts = matches!(first, Attempting | Unknown) && then.rank() > 0;
                let found = first_sent(&state(first), &moved(then));
                assert_eq!(found, counts.then_some((1, 0)), "{first:?} {then:?}");
            }
        }
        assert_eq!(first_sent(&State::default(), &moved(Sent)), None, "an attempt that nobody knows");
        // Whatever happens to one attempt, it counts once at most.
        for number in 0..all.len().pow(3) {
            let path = [number, number / all.len(), number / all.len().pow(2)].map(|place| all[place % all.len()]);
            let mut state = state(Attempting);
            let counted: usize = path
                .iter()
                .map(|status| {
                    let counts = usize::from(first_sent(&state, &moved(*status)).is_some());
                    state.apply_all(&moved(*status));
                    counts
                })
                .sum();
            assert!(counted <= 1, "{path:?}");
            assert!(counted == 1 || state.best_rank() == 0, "{path:?}");
        }
    }

    #[test]
    fn sums_of_many_alike_are_those_of_each() {
        let mut each = Used::default();
        for _ in 0..3 {
            each += Used::alike(1, 2, Money(90_000));
        }
        assert_eq!(each, Used::alike(3, 2, Money(90_000)));
        assert_eq!(each, Used { messages: 3, parts: 6, cost: Money(270_000) });
    }
}
