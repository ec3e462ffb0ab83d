//! Strategies are data: tracks of ordered steps. Steps of one track follow each other when one
//! fails or takes too long; several tracks run side by side and the best outcome counts.
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::channel::Channel;
use super::price::PriceList;
use super::status::AttemptStatus;

/// Steps of a strategy at most: a row's status byte has three bits for them.
pub const MAX_STEPS: usize = 8;
/// The longest time to wait for a receipt.
pub const MAX_HORIZON: Duration = Duration::from_secs(30 * 24 * 3600);

/// What counts as success of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Success {
    /// The channel took it.
    Sent,
    /// It reached the device, handset or mailbox.
    Delivered,
    /// The citizen opened it.
    Read,
}

/// When a step is taken at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// When the recipient is not known to be unreachable there.
    #[default]
    Reachable,
    /// Whatever is known of the recipient.
    Always,
}

/// What follows a step that failed, or had no success within its horizon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// The next step of the track.
    #[default]
    Next,
    /// Nothing: the track ends.
    End,
}

/// What to do about an attempt of which nobody can tell the outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// Send again under the same reference, marked as a possible duplicate.
    Resend,
    /// Let the attempt be unknown, and go on as after a failure.
    #[default]
    Fail,
}

/// In which order the steps of a track are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// As given.
    #[default]
    Given,
    /// The cheapest first, by the price list at acceptance.
    Cheapest,
}

/// One step: a channel to try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which track it belongs to; steps of a track stand together, in order.
    pub track: u8,
    /// The channel.
    pub channel: Channel,
    /// When it is taken.
    pub condition: Condition,
    /// What counts as success.
    pub success: Success,
    /// How long to wait for success after the channel took it.
    pub horizon: Duration,
    /// What follows a failure or the end of the horizon.
    pub otherwise: Otherwise,
}

/// A named strategy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strategy {
    /// Its name, as senders give it.
    pub name: Box<str>,
    /// Its steps.
    pub steps: Vec<Step>,
    /// About attempts of unknown outcome.
    pub on_unknown: OnUnknown,
    /// The order of the steps in a track.
    pub order: Order,
}

/// What is wrong with a strategy.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// No name, or one that is no name.
    #[error("a strategy's name has 1 to 40 lower-case letters, digits or hyphens")]
    Name,
    /// None, or too many.
    #[error("a strategy has 1 to {MAX_STEPS} steps")]
    Steps,
    /// Tracks in disorder.
    #[error("steps of one track stand together, and tracks are numbered from 0 without gaps")]
    Tracks,
    /// Too short or too long a wait.
    #[error("a horizon lies between 1 second and 30 days")]
    Horizon,
}

impl Success {
    /// The rank of [`AttemptStatus`] that it asks for.
    pub fn rank(self) -> u8 {
        match self {
            Self::Sent => AttemptStatus::Sent.rank(),
            Self::Delivered => AttemptStatus::Delivered.rank(),
            Self::Read => AttemptStatus::Read.rank(),
        }
    }
}

impl Strategy {
    /// Checks the rules that the types don't express.
    pub fn check(&self) -> Result<(), Error> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=40).contains(&self.name.len()) || !self.name.bytes().all(plain) {
            return Err(Error::Name);
        }
        if self.steps.is_empty() || self.steps.len() > MAX_STEPS {
            return Err(Error::Steps);
        }
        let mut next = 0;
        for step in &self.steps {
            match step.track {
                track if track == next => next += 1,
                track if track + 1 == next => {}
                _ => return Err(Error::Tracks),
            }
            if step.horizon < Duration::from_secs(1) || step.horizon > MAX_HORIZON {
                return Err(Error::Horizon);
            }
        }
        Ok(())
    }

    /// The first step of each track.
    pub fn entries(&self) -> impl Iterator<Item = u8> + '_ {
        (0..self.steps.len()).filter(|i| *i == 0 || self.steps[*i].track != self.steps[i - 1].track).map(|i| i as u8)
    }

    /// The step after `step` in its track.
    pub fn next(&self, step: u8) -> Option<u8> {
        let here = self.steps.get(usize::from(step))?;
        let next = self.steps.get(usize::from(step) + 1)?;
        (next.track == here.track).then_some(step + 1)
    }

    /// A step by number.
    pub fn step(&self, step: u8) -> Option<&Step> {
        self.steps.get(usize::from(step))
    }

    /// Whether a fallback may follow `step` when it fails.
    pub fn has_fallback(&self, step: u8) -> bool {
        self.step(step).is_some_and(|here| here.otherwise == Otherwise::Next) && self.next(step).is_some()
    }

    /// Whether `rank` at `step` is an answer for a waiting sender: what the step counts as
    /// success, or a first `sent` after which no other channel would be tried.
    pub fn accepts(&self, step: u8, rank: u8) -> bool {
        rank > 0 && self.step(step).is_some_and(|here| rank >= here.success.rank() || !self.has_fallback(step))
    }

    /// Every channel that it may use.
    pub fn channels(&self) -> impl Iterator<Item = Channel> + '_ {
        self.steps.iter().map(|step| step.channel)
    }

    /// With the order of its steps decided: what is stored with a message never depends on a
    /// later price list.
    #[must_use]
    pub fn ordered(mut self, prices: &PriceList, parts: u32) -> Self {
        if self.order == Order::Cheapest {
            self.steps.sort_by_key(|step| (step.track, prices.price(step.channel.as_str(), parts)));
            self.order = Order::Given;
        }
        self
    }
}

/// A day: how long a receipt of an SMS is waited for.
const DAY: Duration = Duration::from_secs(24 * 3600);

fn step(track: u8, channel: Channel, success: Success, horizon: Duration) -> Step {
    Step { track, channel, condition: Condition::Reachable, success, horizon, otherwise: Otherwise::Next }
}

/// The strategies that every installation has (DOMAIN section 5).
///
/// GovApp counts as success once GovApp took the message for an active receiver; an SMS once
/// the handset has it; the e-Box once the mailbox has it.
pub fn built_in() -> Vec<Strategy> {
    let govapp = |track| step(track, Channel::GOVAPP, Success::Sent, DAY);
    let sms = |track| step(track, Channel::SMS, Success::Delivered, DAY);
    let ebox = |track| step(track, Channel::EBOX, Success::Delivered, DAY);
    let named = |name: &str, steps, order| Strategy { name: name.into(), steps, on_unknown: OnUnknown::Resend, order };
    vec![
        named("govapp-only", vec![govapp(0)], Order::Given),
        named("govapp-first", vec![govapp(0), sms(0)], Order::Given),
        named("sms-only", vec![sms(0)], Order::Given),
        named("ebox-only", vec![ebox(0)], Order::Given),
        named("ebox-first", vec![ebox(0), govapp(0), sms(0)], Order::Given),
        named("ebox-and-notify", vec![ebox(0), govapp(1), sms(1)], Order::Given),
        named("cheapest", vec![govapp(0), ebox(0), sms(0)], Order::Cheapest),
        named("all", vec![govapp(0), sms(1), ebox(2)], Order::Given),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(name: &str) -> Strategy {
        built_in().into_iter().find(|strategy| &*strategy.name == name).unwrap()
    }

    #[test]
    fn the_built_in_ones_obey_their_own_rules() {
        for strategy in built_in() {
            assert_eq!(strategy.check(), Ok(()), "{}", strategy.name);
        }
    }

    #[test]
    fn tracks_are_entered_side_by_side_and_steps_follow_in_one() {
        let notify = find("ebox-and-notify");
        assert_eq!(notify.entries().collect::<Vec<_>>(), [0, 1]);
        assert_eq!((notify.next(0), notify.next(1), notify.next(2)), (None, Some(2), None));
        assert!(notify.has_fallback(1) && !notify.has_fallback(0));
    }

    #[test]
    fn a_waiting_sender_hears_of_the_first_sent_that_no_fallback_can_follow() {
        let first = find("govapp-first");
        assert!(first.accepts(0, AttemptStatus::Sent.rank()));
        assert!(first.accepts(1, AttemptStatus::Sent.rank()));
        let ebox = find("ebox-first");
        assert!(!ebox.accepts(0, AttemptStatus::Sent.rank()));
        assert!(ebox.accepts(0, AttemptStatus::Delivered.rank()));
    }

    #[test]
    fn disorder_is_refused() {
        let mut wrong = find("all");
        wrong.steps[2].track = 5;
        assert_eq!(wrong.check(), Err(Error::Tracks));
        wrong.steps.clear();
        assert_eq!(wrong.check(), Err(Error::Steps));
        let mut long = find("sms-only");
        long.steps[0].horizon = MAX_HORIZON + Duration::from_secs(1);
        assert_eq!(long.check(), Err(Error::Horizon));
    }
}
