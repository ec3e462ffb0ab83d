//! Thousands of generated cases of the scheduler on a clock of their own: institutions, broadcasts, lengths, limits, pauses
//! and reads that take their time, against the lanes and the limits that run in production.
//!
//! A case that fails names its seed: `ESTAFETTE_SEED=<seed> cargo test -p estafette-actors simulation` runs it alone.
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::FakeRelativeClock;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::rates::{PerRecipient, Rates};
use super::lane::{LEAD_OF_FLOWS, LEAD_OF_SENDERS, LEAST_SHARE, PARKED};
use super::{Held, Lanes, Wanted};
use crate::domain::cbe::Cbe;
use crate::domain::channel::Channel;
use crate::domain::content::Content;
use crate::domain::id::{BroadcastId, MessageId};
use crate::domain::language::Language;
use crate::domain::mobile::Mobile;
use crate::domain::strategy::{Strategy, built_in};
use crate::domain::submission::{Envelope, Institution, Lane, Recipient};
use crate::domain::time::Timestamp;
use crate::ports::{Cursor, Flow, Queue};

const CASES: u64 = 500;
const CHANNEL: Channel = Channel::SMS;
/// Between two times at which the simulated channel takes something.
const STEP: Duration = Duration::from_millis(10);
/// Times that the delivery is woken in a step: pages are read meanwhile.
const ROUNDS: usize = 5;

pub(super) fn institution(number: u64) -> Institution {
    let first = 4_030_192 + number;
    Institution(Cbe::parse(&format!("{first:08}{:02}", 97 - first % 97)).expect("a valid number"))
}

/// A message as it lies on the simulated disk.
#[derive(Clone, Copy, Debug)]
struct Stored {
    id: MessageId,
    parts: u16,
    recipient: u32,
    /// It was handed over.
    gone: bool,
}

#[derive(Debug, Default)]
struct Disk {
    queues: BTreeMap<Queue, Vec<Stored>>,
    paused: Vec<Queue>,
}

impl Disk {
    fn waits(&self, queue: &Queue) -> bool {
        self.queues.get(queue).is_some_and(|stored| stored.iter().any(|one| !one.gone))
    }

    /// As the archive: what is gone is passed over, a paused flow is passed over whole, a page at a time.
    fn pull(&self, wanted: &Wanted, envelopes: &mut Envelopes) -> (Cursor, Vec<Held>) {
        let stored = &self.queues[&wanted.queue];
        let mut place = wanted.cursor.position as usize;
        let mut work = Vec::new();
        let is_paused = self.paused.contains(&wanted.queue);
        while place < stored.len() && work.len() < wanted.most {
            let one = stored[place];
            if !one.gone && !is_paused {
                work.push(Held { envelope: envelopes.of(&wanted.queue, one), parts: one.parts });
            }
            place += 1;
            if is_paused && place.is_multiple_of(50) {
                break;
            }
        }
        (Cursor { position: place as u64, ..Cursor::default() }, work)
    }
}

struct Envelopes {
    strategy: Arc<Strategy>,
    content: Arc<Content>,
}

impl Envelopes {
    fn new() -> Self {
        let strategy = built_in().into_iter().find(|known| &*known.name == "sms-only").expect("a built-in strategy");
        Self { strategy: Arc::new(strategy), content: Arc::default() }
    }

    fn of(&mut self, queue: &Queue, stored: Stored) -> Arc<Envelope> {
        Arc::new(Envelope {
            id: stored.id,
            institution: queue.institution,
            recipient: citizen(stored.recipient),
            strategy: Arc::clone(&self.strategy),
            content: Arc::clone(&self.content),
            lane: queue.lane,
            not_before: Timestamp::ZERO,
            valid_until: Timestamp::MAX,
            language: None,
            default_language: Language::Fr,
            sender_name: None,
            sender_reference: None,
            accepted_at: Timestamp::ZERO,
            idempotency: None,
            window: None,
        })
    }
}

fn citizen(number: u32) -> Recipient {
    Recipient { mobile: Mobile::parse(&format!("+32470{number:06}")).ok(), ..Recipient::default() }
}

/// What was handed over, and when.
#[derive(Clone, Copy, Debug)]
struct Sent {
    at: Duration,
    queue: Queue,
    parts: u16,
    recipient: u32,
}

/// What a case is made of.
#[derive(Debug, Default)]
struct Case {
    page: usize,
    /// Parts that the channel takes in a step.
    room: u32,
    channel: Option<NonZeroU32>,
    each: Option<NonZeroU32>,
    recipient: Option<PerRecipient>,
    /// Rounds until a page that was asked for is there.
    latency: usize,
}

struct World {
    case: Case,
    disk: Disk,
    envelopes: Envelopes,
    lanes: Lanes,
    clock: FakeRelativeClock,
    rates: Rates<FakeRelativeClock>,
    now: Duration,
    /// Pages under way: the round at which each is there, and what was on disk when it was asked for.
    reading: Vec<(usize, Queue, Cursor, Vec<Held>)>,
    rounds: usize,
    steps: usize,
    sent: Vec<Sent>,
    /// Parts that were handed over.
    parts: u64,
    numbers: HashMap<MessageId, (Queue, usize)>,
    ids: u64,
    most_held: usize,
    news: Vec<Queue>,
}

impl World {
    fn new(case: Case) -> Self {
        let clock = FakeRelativeClock::default();
        let rates = Rates::new(clock.clone());
        rates.set_channel(case.channel);
        rates.set_institutions(case.each);
        rates.set_recipients(case.recipient);
        Self {
            case,
            disk: Disk::default(),
            envelopes: Envelopes::new(),
            lanes: Lanes::default(),
            clock,
            rates,
            now: Duration::ZERO,
            reading: Vec::new(),
            rounds: 0,
            steps: 0,
            sent: Vec::new(),
            parts: 0,
            numbers: HashMap::new(),
            ids: 0,
            most_held: 0,
            news: Vec::new(),
        }
    }

    fn put(&mut self, lane: Lane, institution: Institution, flow: Flow, parts: u16, recipient: u32) {
        let queue = Queue { channel: CHANNEL, lane, institution, flow };
        self.ids += 1;
        let id = match flow {
            Flow::SINGLES => MessageId::single(Timestamp::ZERO, 0, self.ids),
            Flow(number) => {
                let chunk = BroadcastId::new(Timestamp::ZERO, 0, number).chunk((self.ids / 4_000) as u32);
                chunk.row((self.ids % 4_000) as u16)
            }
        };
        let stored = self.disk.queues.entry(queue).or_default();
        self.numbers.insert(id, (queue, stored.len()));
        stored.push(Stored { id, parts, recipient, gone: false });
        self.news.push(queue);
    }

    fn step(&mut self) {
        self.steps += 1;
        self.now += STEP;
        self.clock.advance(STEP);
        let mut room = i64::from(self.case.room);
        (0..ROUNDS).for_each(|_| self.round(&mut room));
    }

    /// What was read arrives, what may go goes, what is wanted is asked for.
    fn round(&mut self, room: &mut i64) {
        self.rounds += 1;
        let now = self.rounds;
        for (_, queue, cursor, work) in self.reading.extract_if(.., |(at, ..)| *at <= now) {
            self.lanes.take(&queue, cursor, work);
        }
        self.go(room);
        self.lanes.announce(&std::mem::take(&mut self.news));
        for lane in Lane::ALL {
            if self.reading.iter().any(|(_, queue, ..)| queue.lane == lane) {
                continue;
            }
            for wanted in self.lanes.plan(CHANNEL, lane, self.case.page) {
                let (cursor, work) = self.disk.pull(&wanted, &mut self.envelopes);
                self.reading.push((now + self.case.latency, wanted.queue, cursor, work));
            }
        }
        let disk = &self.disk;
        self.lanes.sweep(CHANNEL, |queue| disk.waits(queue));
        self.most_held = self.most_held.max(self.lanes.held());
    }

    fn go(&mut self, room: &mut i64) {
        self.lanes.release(self.rates.now());
        while *room > 0 && self.lanes.held() > 0 {
            if !self.rates.channel_allows() {
                return;
            }
            let rates = &self.rates;
            let may = &mut |held: &Held| {
                let envelope = &held.envelope;
                rates.check(envelope.institution, envelope.lane, held.parts, || envelope.recipient)
            };
            let Some(held) = self.lanes.pick(may) else {
                self.rates.give_back();
                return;
            };
            let (queue, place) = self.numbers[&held.envelope.id];
            let stored = &mut self.disk.queues.get_mut(&queue).expect("it was put there")[place];
            // What is read again from the beginning may still be in hand: it is begun once.
            if !std::mem::replace(&mut stored.gone, true) {
                *room -= i64::from(held.parts);
                self.parts += u64::from(held.parts);
                self.sent.push(Sent { at: self.now, queue, parts: stored.parts, recipient: stored.recipient });
            }
        }
    }

    fn left(&self) -> usize {
        self.disk.queues.values().flatten().filter(|one| !one.gone).count()
    }

    /// Parts served, by whatever tells them apart, from a time on.
    fn served<K: Ord>(&self, from: Duration, key: impl Fn(&Sent) -> K) -> BTreeMap<K, u64> {
        let mut served = BTreeMap::new();
        for sent in self.sent.iter().filter(|sent| sent.at > from) {
            *served.entry(key(sent)).or_default() += u64::from(sent.parts);
        }
        served
    }
}

/// What each of `wanted` gets of `all` when nobody gets more than it wants and what is left is shared alike.
pub(super) fn max_min(wanted: &[f64], all: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|one, other| wanted[*one].total_cmp(&wanted[*other]));
    let (mut shares, mut left) = (vec![0.0; wanted.len()], all);
    for (done, place) in order.iter().enumerate() {
        shares[*place] = wanted[*place].min(left / (wanted.len() - done) as f64);
        left -= shares[*place];
    }
    shares
}

fn seeds() -> Vec<u64> {
    match std::env::var("ESTAFETTE_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => (0..CASES).collect(),
    }
}

/// So many parts at most lie between two who compete, however long it lasts: one message each, and the lead.
fn slack(lead: u64, longest: u16) -> u64 {
    lead + 2 * u64::from(longest)
}

#[test]
fn backlogged_senders_and_their_flows_share_alike_in_parts_whatever_is_read_when() {
    for seed in seeds() {
        let mut random = StdRng::seed_from_u64(seed);
        let (page, room, latency) =
            (random.random_range(16..256), random.random_range(1..80), random.random_range(1..4));
        let mut world = World::new(Case { page, room, latency, ..Case::default() });
        let (senders, longest) = (random.random_range(2..7), random.random_range(1..12));
        for sender in 0..senders {
            for flow in 0..random.random_range(1..5) {
                let parts = random.random_range(1..=longest);
                for _ in 0..200 {
                    world.put(Lane::Bulk, institution(sender), Flow(flow), parts, 1);
                }
            }
        }
        // Until the first of them has no more left than goes in a step, all are backlogged.
        let is_full = |world: &World| world.disk.queues.values().all(|stored| !stored[stored.len() - 81].gone);
        while is_full(&world) && world.steps < 2_000 {
            world.step();
        }
        assert!(world.sent.len() > 100, "seed {seed}: {}", world.sent.len());
        let served = world.served(Duration::ZERO, |sent| sent.queue.institution);
        let (least, most) = (served.values().min().unwrap_or(&0), served.values().max().unwrap_or(&0));
        assert_eq!(served.len() as u64, senders, "seed {seed}");
        assert!(most - least <= slack(LEAD_OF_SENDERS, longest), "seed {seed}: {served:?}");
        for sender in 0..senders {
            let own: Vec<u64> = world
                .served(Duration::ZERO, |sent| (sent.queue.institution, sent.queue.flow))
                .into_iter()
                .filter(|((whose, _), _)| *whose == institution(sender))
                .map(|(_, parts)| parts)
                .collect();
            let (least, most) = (own.iter().min().unwrap_or(&0), own.iter().max().unwrap_or(&0));
            assert!(most - least <= slack(LEAD_OF_FLOWS, longest), "seed {seed}: {own:?}");
        }
        let most = page.max(LEAST_SHARE * senders as usize) + senders as usize;
        assert!(world.most_held <= most, "seed {seed}: {}", world.most_held);
    }
}

#[test]
fn who_asks_for_less_gets_it_and_the_rest_is_shared_alike() {
    for seed in seeds() {
        let mut random = StdRng::seed_from_u64(seed);
        let room = random.random_range(4..40);
        let mut world = World::new(Case { page: 128, room, latency: 1, ..Case::default() });
        let senders = random.random_range(2..8_usize);
        // Parts that each offers in a step, up to a thousand times apart.
        let offers: Vec<f64> = (0..senders).map(|_| 10_f64.powf(random.random_range(-1.7..1.3))).collect();
        let mut owed = vec![0.0; senders];
        let steps = 150;
        for _ in 0..steps {
            for sender in 0..senders {
                owed[sender] += offers[sender];
                while owed[sender] >= 1.0 {
                    owed[sender] -= 1.0;
                    world.put(Lane::Normal, institution(sender as u64), Flow::SINGLES, 1, 1);
                }
            }
            world.step();
        }
        let served = world.served(Duration::ZERO, |sent| sent.queue.institution);
        let wanted: Vec<f64> = offers.iter().map(|offer| offer * f64::from(steps)).collect();
        let all: u64 = served.values().sum();
        for (sender, share) in max_min(&wanted, all as f64).into_iter().enumerate() {
            let got = served.get(&institution(sender as u64)).copied().unwrap_or(0) as f64;
            // What was offered in the last steps is still being read.
            let slack = slack(LEAD_OF_SENDERS, 1) as f64 + offers[sender] * 4.0 + f64::from(room);
            assert!((got - share).abs() <= slack, "seed {seed}: sender {sender} got {got} of {share}");
        }
        // Nothing is left undone that could be done.
        let could = (wanted.iter().sum::<f64>()).min(f64::from(room) * f64::from(steps));
        assert!(all as f64 >= could - f64::from(room) * 6.0, "seed {seed}: {all} of {could}");
    }
}

#[test]
fn limits_are_kept_and_what_they_leave_is_the_others() {
    for seed in seeds() {
        let mut random = StdRng::seed_from_u64(seed);
        let each = NonZeroU32::new(random.random_range(20..400));
        let per = NonZeroU32::new(random.random_range(1..5)).unwrap_or(NonZeroU32::MIN);
        let recipient = PerRecipient { parts: per, period: Duration::from_millis(200), remembered: 100_000 };
        let case = Case {
            page: 64,
            room: 40,
            channel: NonZeroU32::new(random.random_range(50..2_000)).filter(|_| seed % 3 != 0),
            each: each.filter(|_| seed % 2 == 0),
            recipient: Some(recipient).filter(|_| seed % 5 < 3),
            latency: 1,
        };
        let mut world = World::new(case);
        let (citizens, longest) = (random.random_range(1..200), random.random_range(1..4_u16));
        for _ in 0..400 {
            let (lane, sender) = (Lane::ALL[random.random_range(0..3)], random.random_range(0..4));
            let flow = Flow(random.random_range(0..3));
            let recipient = random.random_range(0..citizens);
            world.put(lane, institution(sender), flow, random.random_range(1..=longest), recipient);
        }
        for _ in 0..400 {
            world.step();
        }
        let longest = u64::from(longest);
        // In any time, from any message on: a burst, what the rate gives since, a place that was kept, and the message that
        // was let go last. A message counts for no more than the whole limit of its recipient.
        let check = |sent: &[&Sent], burst: u64, rate: f64, longest: u64, what: &str| {
            for (first, from) in sent.iter().enumerate().step_by(7) {
                let mut parts = 0;
                for until in &sent[first..] {
                    parts += u64::from(until.parts).min(longest);
                    let most = burst as f64
                        + rate * (until.at.saturating_sub(from.at) + STEP).as_secs_f64()
                        + longest as f64
                        + 1.0;
                    assert!(parts as f64 <= most, "seed {seed}: {parts} of {most} of {what}");
                }
            }
        };
        let burst = |rate: NonZeroU32| u64::from((rate.get() / 20).max(1));
        let all: Vec<&Sent> = world.sent.iter().collect();
        if let Some(rate) = world.case.channel {
            check(&all, burst(rate), f64::from(rate.get()), longest, "the channel");
        }
        for sender in 0..4 {
            let own: Vec<&Sent> =
                all.iter().filter(|sent| sent.queue.institution == institution(sender)).copied().collect();
            if let Some(rate) = world.case.each {
                check(&own, burst(rate), f64::from(rate.get()), longest, "an institution");
            }
            if let Some(limit) = world.case.recipient {
                for to in 0..citizens {
                    for is_urgent in [false, true] {
                        let fits =
                            |sent: &&&Sent| sent.recipient == to && (sent.queue.lane == Lane::Urgent) == is_urgent;
                        let own: Vec<&Sent> = own.iter().filter(fits).copied().collect();
                        let rate = f64::from(limit.parts.get()) / limit.period.as_secs_f64();
                        let most = u64::from(limit.parts.get());
                        check(&own, most, rate, most.min(longest), "a recipient");
                    }
                }
            }
        }
        // Nobody starves: with time, all of it goes.
        for _ in 0..200_000 {
            if world.left() == 0 {
                break;
            }
            world.step();
        }
        assert_eq!(world.left(), 0, "seed {seed}");
    }
}

#[test]
fn lower_lanes_have_their_share_and_no_more_while_upper_ones_are_full() {
    for seed in seeds() {
        let mut random = StdRng::seed_from_u64(seed);
        let mut world = World::new(Case { page: 256, room: random.random_range(4..40), latency: 1, ..Case::default() });
        let longest: u16 = random.random_range(1..6);
        for (lane, messages) in Lane::ALL.into_iter().zip([1_500, 400, 400]) {
            for _ in 0..messages {
                world.put(lane, institution(random.random_range(0..3)), Flow(1), random.random_range(1..=longest), 1);
            }
        }
        // Until one has no more left than goes in a step.
        let full = |world: &World| world.disk.queues.values().all(|stored| !stored[stored.len() - 41].gone);
        // From when all lanes have something in hand.
        (0..4).for_each(|_| world.step());
        let from = world.now;
        while full(&world) && world.parts < 2_500 {
            world.step();
        }
        let served = world.served(from, |sent| sent.queue.lane);
        let all: u64 = served.values().sum();
        for lane in [Lane::Normal, Lane::Bulk] {
            let got = served.get(&lane).copied().unwrap_or(0) as f64;
            let share = all as f64 / 32.0;
            assert!((got - share).abs() <= f64::from(longest) * 3.0 + 2.0, "seed {seed}: {lane:?} {got} of {share}");
        }
    }
}

#[test]
fn pauses_hide_what_they_hold_and_stall_nobody() {
    for seed in seeds() {
        let mut random = StdRng::seed_from_u64(seed);
        let mut world = World::new(Case { page: 64, room: 20, latency: random.random_range(1..3), ..Case::default() });
        for flow in 1..5 {
            for _ in 0..random.random_range(20..300) {
                world.put(Lane::Bulk, institution(u64::from(flow % 2)), Flow(flow), 1, 1);
            }
        }
        let all: Vec<Queue> = world.disk.queues.keys().copied().collect();
        for queue in &all {
            if random.random_bool(0.5) {
                world.disk.paused.push(*queue);
            }
        }
        let paused = world.disk.paused.clone();
        for _ in 0..200 {
            world.step();
        }
        for queue in &all {
            let (waits, is_paused) = (world.disk.waits(queue), paused.contains(queue));
            assert_eq!(waits, is_paused, "seed {seed}: {queue:?}");
        }
        assert!(world.sent.iter().all(|sent| !paused.contains(&sent.queue)), "seed {seed}");
        // Resumed: the delivery begins anew, and hears of all that waits.
        world.disk.paused.clear();
        world.lanes = Lanes::default();
        world.reading.clear();
        world.news = all.iter().filter(|queue| world.disk.waits(queue)).copied().collect();
        for _ in 0..200 {
            world.step();
        }
        assert_eq!(world.left(), 0, "seed {seed}");
    }
}

#[test]
fn ten_thousand_broadcasts_of_one_sender_have_one_senders_share_and_a_bounded_place_in_memory() {
    let page = 256;
    let mut world = World::new(Case { page, room: 50, latency: 1, ..Case::default() });
    for flow in 1..=10_000 {
        for _ in 0..3 {
            world.put(Lane::Bulk, institution(0), Flow(flow), 2, 1);
        }
    }
    for _ in 0..20_000 {
        world.put(Lane::Bulk, institution(1), Flow(20_000), 1, 1);
    }
    while world.parts < 20_000 {
        world.step();
    }
    let served = world.served(Duration::ZERO, |sent| sent.queue.institution);
    let (many, one) = (served[&institution(0)], served[&institution(1)]);
    assert!(many.abs_diff(one) <= slack(LEAD_OF_SENDERS, 2), "{many} and {one}");
    assert!(world.most_held <= page + 2, "{}", world.most_held);
}

#[test]
fn a_recipient_at_its_limit_is_passed_over_however_much_waits_for_it() {
    let recipient = PerRecipient { parts: NonZeroU32::MIN, period: Duration::from_millis(100), remembered: 100_000 };
    let mut world = World::new(Case { page: 64, room: 50, latency: 1, recipient: Some(recipient), ..Case::default() });
    for _ in 0..PARKED + 500 {
        world.put(Lane::Normal, institution(0), Flow::SINGLES, 1, 0);
    }
    for number in 1..=500 {
        world.put(Lane::Normal, institution(0), Flow::SINGLES, 1, number);
    }
    // Behind all of those, and within a few seconds: a page at a time is looked at.
    for _ in 0..400 {
        world.step();
    }
    let others = world.sent.iter().filter(|sent| sent.recipient != 0).count();
    let limited = world.sent.iter().filter(|sent| sent.recipient == 0).count();
    assert_eq!(others, 500);
    assert!((30..=60).contains(&limited), "{limited}");
    assert!(world.most_held <= 64 + PARKED);
    while world.left() > 0 && world.steps < 20 * PARKED + 20_000 {
        world.step();
    }
    assert_eq!(world.left(), 0);
}
