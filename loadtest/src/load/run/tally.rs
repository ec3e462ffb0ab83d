//! What happened to each sender's requests, second by second, and when what they sent was handed to a channel.
//!
//! Invariant: each arrival is counted once as begun or not begun, and each begun one once as right or wrong; an entry of a ledger belongs to
//! the sender whose recipient it names. Nothing here waits or reads a clock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use estafette_loadtest::ledger::Entry;
use estafette_loadtest::{mobile, niss};
use hdrhistogram::Histogram;

use super::stage::Outcome;
use crate::load::figures;
use crate::load::open::{Arrival, Seen};
use crate::load::report::Latency;

/// Kinds of wrong outcomes that are told apart for each sender; the others are counted together.
const KINDS: usize = 20;
/// A moment that has not come.
const NEVER: u64 = u64::MAX;

/// One second of a sender.
#[derive(Clone, Debug, Default)]
pub struct Second {
    /// Arrivals that were meant to begin in it.
    pub arrived: u64,
    /// Of these, those that were not begun.
    pub refused: u64,
    /// Right answers that came in it.
    pub right: u64,
    /// Wrong ones, and failures.
    pub wrong: u64,
    /// Messages and rows that were handed over in it, each once.
    pub handed: u64,
    /// From the intended start to the right answer, of those meant to begin in it, in microseconds.
    pub latency_us: Vec<u32>,
    /// From the intended start to the hand-over, of the same.
    pub handover_us: Vec<u32>,
}

/// The times of one request, in microseconds after the beginning.
#[derive(Clone, Copy)]
struct Trip {
    intended: u64,
    answered: u64,
    handed: u64,
}

/// What is known of one sender.
pub struct Tally {
    /// The indexes of its recipients.
    recipients: std::ops::Range<u64>,
    /// Whether each recipient is of a request; else it is a row of a broadcast.
    is_single: bool,
    /// Requests that were begun.
    pub begun: u64,
    /// Of these, those that waited for a place.
    pub waited: u64,
    /// Requests that were not begun, since too many waited.
    pub refused: u64,
    /// Right answers.
    pub right: u64,
    /// Wrong ones, and failures.
    pub wrong: u64,
    /// How often each status came, and each failure.
    pub outcomes: BTreeMap<String, u64>,
    /// From the intended start to the right answer.
    pub latency: Histogram<u64>,
    /// From the moment that a request had a place: what a generator that waits for answers would have told.
    pub service: Histogram<u64>,
    /// From the intended start to the moment that the generator got to it.
    pub lag: Histogram<u64>,
    /// Messages and rows that were handed over, each once.
    pub handed: u64,
    /// Hand-overs of one that had been handed over before.
    pub again: u64,
    /// Second by second.
    pub seconds: Vec<Second>,
    trips: Vec<Trip>,
    rows: Vec<u64>,
}

impl Tally {
    /// Nothing has happened yet. `singles` is how many requests have a recipient of their own; with none recipients are rows.
    pub fn new(recipients: std::ops::Range<u64>, is_single: bool) -> Self {
        let count = (recipients.end - recipients.start) as usize;
        let (trips, rows) = if is_single { (count, 0) } else { (0, count.div_ceil(64)) };
        Self {
            recipients,
            is_single,
            begun: 0,
            waited: 0,
            refused: 0,
            right: 0,
            wrong: 0,
            outcomes: BTreeMap::new(),
            latency: figures::histogram(),
            service: figures::histogram(),
            lag: figures::histogram(),
            handed: 0,
            again: 0,
            seconds: Vec::new(),
            trips: vec![Trip { intended: NEVER, answered: NEVER, handed: NEVER }; trips],
            rows: vec![0; rows],
        }
    }

    fn second(&mut self, offset: Duration) -> &mut Second {
        let place = offset.as_secs() as usize;
        if self.seconds.len() <= place {
            self.seconds.resize_with(place + 1, Second::default);
        }
        &mut self.seconds[place]
    }

    fn note(&mut self, outcome: String) {
        let is_known = self.outcomes.contains_key(&outcome);
        let kind = if is_known || self.outcomes.len() < KINDS { outcome } else { "others".into() };
        *self.outcomes.entry(kind).or_default() += 1;
    }

    /// Takes what the loop tells; `begin` is the beginning of all.
    pub fn see(&mut self, seen: Seen<Outcome>, begin: Instant) {
        match seen {
            Seen::Refused(arrival) => {
                self.refused += 1;
                let second = self.second(arrival.offset);
                second.arrived += 1;
                second.refused += 1;
            }
            Seen::Begun { arrival, lag, waits } => {
                self.begun += 1;
                self.waited += u64::from(waits);
                self.lag.saturating_record(micros(lag));
                self.second(arrival.offset).arrived += 1;
                if let Some(trip) = self.trips.get_mut(arrival.number as usize) {
                    trip.intended = micros(arrival.offset);
                }
            }
            Seen::Ended(arrival, outcome) => self.end(arrival, outcome, begin),
        }
    }

    fn end(&mut self, arrival: Arrival, outcome: Outcome, begin: Instant) {
        let at = outcome.at.saturating_duration_since(begin);
        if outcome.is_right {
            let latency = micros(outcome.at.saturating_duration_since(arrival.intended));
            self.right += 1;
            self.latency.saturating_record(latency);
            self.service.saturating_record(micros(outcome.service));
            self.second(arrival.offset).latency_us.push(latency.min(u64::from(u32::MAX)) as u32);
            self.second(at).right += 1;
            if let Some(trip) = self.trips.get_mut(arrival.number as usize) {
                trip.answered = micros(at);
            }
        } else {
            self.wrong += 1;
            self.second(at).wrong += 1;
        }
        self.note(outcome.told.map_or_else(|error| error, |status| format!("status {status}")));
    }

    /// Whether a recipient is this sender's; then it was handed over at that moment after the beginning.
    fn hand(&mut self, recipient: u64, at: Duration) -> bool {
        if !self.recipients.contains(&recipient) {
            return false;
        }
        let place = (recipient - self.recipients.start) as usize;
        let is_first = if self.is_single {
            let trip = &mut self.trips[place];
            let is_first = trip.handed == NEVER;
            trip.handed = trip.handed.min(micros(at));
            is_first
        } else {
            let (word, bit) = (&mut self.rows[place / 64], 1 << (place % 64));
            let is_first = *word & bit == 0;
            *word |= bit;
            is_first
        };
        if is_first {
            self.handed += 1;
            self.second(at).handed += 1;
        } else {
            self.again += 1;
        }
        true
    }

    /// From the intended start, and from the acceptance, to the hand-over. Ends the count: each second gets its own.
    pub fn handover(&mut self) -> (Option<Latency>, Option<Latency>) {
        let (mut whole, mut accepted) = (figures::histogram(), figures::histogram());
        for trip in std::mem::take(&mut self.trips) {
            if trip.intended == NEVER || trip.handed == NEVER {
                continue;
            }
            let taken = trip.handed.saturating_sub(trip.intended);
            whole.saturating_record(taken);
            if trip.answered != NEVER {
                accepted.saturating_record(trip.handed.saturating_sub(trip.answered));
            }
            let second = self.second(Duration::from_micros(trip.intended));
            second.handover_us.push(taken.min(u64::from(u32::MAX)) as u32);
        }
        (Latency::of(&whole), Latency::of(&accepted))
    }
}

/// Notes the entries of a ledger with the sender that each is of; `begin_ms` is the beginning in milliseconds since 1970. Those before the beginning, and
/// of recipients that nobody has, are left out.
pub fn hand_over(tallies: &mut [Tally], entries: &[Entry], begin_ms: i64) {
    for entry in entries {
        let index = mobile::index(&entry.recipient).or_else(|| niss::index(&entry.recipient));
        let after = u64::try_from(entry.at.as_millisecond() - begin_ms);
        if let (Some(index), Ok(after)) = (index, after) {
            let at = Duration::from_millis(after);
            // Few senders: a search by halves would not be felt.
            let _ = tallies.iter_mut().any(|tally| tally.hand(index, at));
        }
    }
}

fn micros(duration: Duration) -> u64 {
    duration.as_micros() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use estafette_loadtest::ledger::Outcome as Taken;

    fn entry(recipient: String, at_ms: i64) -> Entry {
        let at = jiff::Timestamp::from_millisecond(at_ms).unwrap();
        Entry {
            sequence: 1,
            reference: String::new(),
            recipient,
            at,
            possible_duplicate: false,
            outcome: Taken::Accepted,
        }
    }

    fn arrival(begin: Instant, number: u64, offset_ms: u64) -> Arrival {
        let offset = Duration::from_millis(offset_ms);
        Arrival { sender: 0, number, offset, intended: begin + offset }
    }

    #[test]
    fn an_entry_counts_for_the_sender_whose_recipient_it_names_and_once() {
        let mut tallies = [Tally::new(0..10, true), Tally::new(10..200, false)];
        let begin = Instant::now();
        for number in 0..2 {
            let arrival = arrival(begin, number, 100);
            tallies[0].see(Seen::Begun { arrival, lag: Duration::ZERO, waits: false }, begin);
            let at = begin + Duration::from_millis(120);
            let outcome = Outcome { service: Duration::from_millis(20), at, told: Ok(202), is_right: true };
            tallies[0].see(Seen::Ended(arrival, outcome), begin);
        }
        let entries = [
            entry(mobile::generate(0), 1_150),
            entry(niss::generate(1), 3_100),
            entry(mobile::generate(1), 2_100),
            entry(mobile::generate(11), 1_500),
            entry(mobile::generate(11), 1_600),
            entry(niss::generate(199), 1_700),
            entry(mobile::generate(500), 1_800),
            entry(mobile::generate(12), 999),
        ];
        hand_over(&mut tallies, &entries, 1_000);
        assert_eq!((tallies[0].handed, tallies[0].again), (2, 1));
        assert_eq!((tallies[1].handed, tallies[1].again, tallies[1].seconds[0].handed), (2, 1, 2));
        let (whole, accepted) = tallies[0].handover();
        // The first of several counts: 50 ms, and 1,000 ms; from the answer on 30 and 980.
        let (whole, accepted) = (whole.unwrap(), accepted.unwrap());
        assert!((whole.p50_ms - 50.0).abs() < 0.1 && (whole.max_ms - 1_000.0).abs() < 2.0, "{whole:?}");
        assert!((accepted.p50_ms - 30.0).abs() < 0.1 && (accepted.max_ms - 980.0).abs() < 2.0, "{accepted:?}");
        assert_eq!(tallies[0].seconds[0].handover_us, [50_000, 1_000_000]);
    }

    #[test]
    fn a_latency_counts_from_the_intended_start_however_late_the_place_was() {
        let begin = Instant::now();
        let mut tally = Tally::new(0..0, false);
        let one = arrival(begin, 0, 500);
        tally.see(Seen::Begun { arrival: one, lag: Duration::from_millis(3), waits: true }, begin);
        let at = begin + Duration::from_millis(2_500);
        tally.see(
            Seen::Ended(one, Outcome { service: Duration::from_millis(10), at, told: Ok(200), is_right: true }),
            begin,
        );
        assert_eq!((tally.waited, tally.seconds[0].latency_us.as_slice()), (1, [2_000_000].as_slice()));
        assert!((figures::at_ms(&tally.latency, 1.0) - 2_000.0).abs() < 2.0);
        assert!((figures::at_ms(&tally.service, 1.0) - 10.0).abs() < 0.1);
        // It came in the third second, and was meant to begin in the first.
        assert_eq!((tally.seconds[0].arrived, tally.seconds[0].right, tally.seconds[2].right), (1, 0, 1));
    }

    #[test]
    fn kinds_of_failures_are_bounded_and_none_is_dropped() {
        let begin = Instant::now();
        let mut tally = Tally::new(0..0, false);
        for number in 0..50 {
            let told = Err(format!("failure {number}"));
            let outcome = Outcome { service: Duration::ZERO, at: begin, told, is_right: false };
            tally.see(Seen::Ended(arrival(begin, number, 0), outcome), begin);
        }
        tally.see(Seen::Refused(arrival(begin, 50, 0)), begin);
        assert_eq!((tally.outcomes.len(), tally.outcomes.values().sum::<u64>()), (KINDS + 1, 50));
        assert_eq!((tally.wrong, tally.refused, tally.seconds[0].arrived), (50, 1, 1));
    }
}
