//! Tables and properties of the life of a message.
use super::*;
use crate::domain::strategy::{Strategy, Success, built_in};
use proptest::prelude::*;
use proptest::strategy::Strategy as Generator;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const VALID: Timestamp = Timestamp::from_millis(100_000_000_000);

fn strategy(name: &str) -> Strategy {
    built_in().into_iter().find(|strategy| &*strategy.name == name).unwrap()
}

/// A world in which a message lives.
struct World {
    strategy: Strategy,
    now: Timestamp,
    unreachable: Vec<Channel>,
    barred: Vec<Channel>,
    backoff: Backoff,
    state: State,
    changes: Vec<Change>,
}

impl World {
    fn new(name: &str) -> Self {
        Self {
            strategy: strategy(name),
            now: NOW,
            unreachable: Vec::new(),
            barred: Vec::new(),
            backoff: Backoff::default(),
            state: State::default(),
            changes: Vec::new(),
        }
    }

    fn decide(&mut self, run: impl FnOnce(&State, &Context<'_>) -> Vec<Change>) -> Vec<Change> {
        let unreachable = self.unreachable.clone();
        let barred = self.barred.clone();
        let reach = move |channel: Channel| match channel {
            channel if barred.contains(&channel) => Reach::Barred(Failure::Suppressed),
            channel if unreachable.contains(&channel) => Reach::No,
            _ => Reach::Ask,
        };
        let context = Context {
            strategy: &self.strategy,
            now: self.now,
            valid_until: VALID,
            reach: &reach,
            backoff: &self.backoff,
            random: 7,
        };
        let changes = run(&self.state, &context);
        self.state.apply_all(&changes);
        self.changes.extend(changes.clone());
        changes
    }

    fn accept(&mut self) {
        self.decide(|_, context| accept(context, Timestamp::ZERO));
    }

    fn begin(&mut self, channel: Channel) -> bool {
        let changes = self.decide(|state, context| begin(state, context, channel));
        changes.iter().any(|change| matches!(change, Change::Began { .. }))
    }

    fn is(&mut self, step: u8, retry: u8, status: AttemptStatus) {
        self.decide(|state, context| outcome(state, context, step, retry, Outcome::Is(status, None)));
    }

    fn pass(&mut self, span: Duration) {
        self.now = self.now.plus(span);
        self.decide(due);
    }
}

#[test]
fn a_bar_that_comes_while_a_step_waits_leaves_it_out_and_a_fallback_goes_on() {
    let mut world = World::new("govapp-first");
    world.accept();
    world.barred.push(Channel::GOVAPP);
    assert!(!world.begin(Channel::GOVAPP));
    assert!(world.begin(Channel::SMS), "only GovApp is barred");
    let mut world = World::new("sms-only");
    world.strategy.steps[0].condition = Condition::Always;
    world.barred.push(Channel::SMS);
    world.accept();
    assert_eq!(world.state.status(), MessageStatus::Failed(Failure::Suppressed), "whatever the condition says");
}

#[test]
fn govapp_first_falls_back_to_sms_when_the_app_is_not_there() {
    let mut world = World::new("govapp-first");
    world.accept();
    assert!(world.begin(Channel::GOVAPP));
    world.is(0, 0, AttemptStatus::Failed(Failure::Unreachable));
    assert_eq!(world.state.status(), MessageStatus::Waiting);
    assert!(world.begin(Channel::SMS));
    world.is(1, 0, AttemptStatus::Sent);
    assert_eq!(world.state.wait_reason(), Some(WaitReason::AwaitingReceipt));
    world.is(1, 0, AttemptStatus::Delivered);
    assert_eq!(world.state.status(), MessageStatus::Delivered);
}

#[test]
fn a_step_known_to_reach_nobody_is_left_out_without_an_attempt() {
    let mut world = World::new("govapp-first");
    world.unreachable.push(Channel::GOVAPP);
    world.accept();
    assert!(world.state.attempts.is_empty());
    assert!(!world.begin(Channel::GOVAPP));
    assert!(world.begin(Channel::SMS));
}

#[test]
fn nobody_reachable_settles_at_once_as_failed() {
    let mut world = World::new("govapp-first");
    world.unreachable.extend([Channel::GOVAPP, Channel::SMS]);
    world.accept();
    assert_eq!(world.state.status(), MessageStatus::Failed(Failure::Unreachable));
}

#[test]
fn a_passing_trouble_is_tried_again_under_the_next_reference() {
    let mut world = World::new("sms-only");
    world.accept();
    assert!(world.begin(Channel::SMS));
    world.is(0, 0, AttemptStatus::Failed(Failure::ChannelDown));
    assert_eq!(world.state.wait_reason(), Some(WaitReason::Scheduled));
    assert!(!world.begin(Channel::SMS), "not before its time");
    world.pass(Duration::from_secs(3));
    assert!(world.begin(Channel::SMS));
    assert_eq!(world.state.attempts.last().map(|attempt| attempt.retry), Some(1));
}

#[test]
fn throttling_uses_up_no_retry_and_leaves_no_attempt() {
    let mut world = World::new("sms-only");
    world.accept();
    for _ in 0..50 {
        assert!(world.begin(Channel::SMS));
        world.decide(|state, context| outcome(state, context, 0, 0, Outcome::Throttled(Some(Duration::from_secs(1)))));
        assert!(world.state.attempts.is_empty());
        world.pass(Duration::from_secs(2));
    }
}

#[test]
fn an_unknown_outcome_is_sent_again_under_the_same_reference_and_marked() {
    let mut world = World::new("sms-only");
    world.accept();
    assert!(world.begin(Channel::SMS));
    for _ in 0..MAX_RESENDS {
        world.decide(|state, context| outcome(state, context, 0, 0, Outcome::Unknown));
        world.pass(Duration::from_secs(1_000));
        let changes = world.decide(|state, context| begin(state, context, Channel::SMS));
        assert!(
            changes.iter().any(|change| matches!(change, Change::Began { retry: 0, possible_duplicate: true, .. }))
        );
    }
    world.decide(|state, context| outcome(state, context, 0, 0, Outcome::Unknown));
    assert_eq!(world.state.status(), MessageStatus::Failed(Failure::OutcomeUnknown));
}

#[test]
fn what_may_have_been_taken_keeps_its_reference_also_when_sending_it_again_fails() {
    let mut world = World::new("sms-only");
    world.accept();
    assert!(world.begin(Channel::SMS));
    world.decide(|state, context| outcome(state, context, 0, 0, Outcome::Unknown));
    world.pass(Duration::from_secs(1_000));
    assert!(world.begin(Channel::SMS));
    world.is(0, 0, AttemptStatus::Failed(Failure::ChannelDown));
    world.pass(Duration::from_secs(1_000));
    let changes = world.decide(|state, context| begin(state, context, Channel::SMS));
    assert!(changes.iter().any(|change| matches!(change, Change::Began { retry: 0, possible_duplicate: true, .. })));
    // The first was taken after all.
    world.is(0, 0, AttemptStatus::Delivered);
    assert_eq!(world.state.status(), MessageStatus::Delivered);
}

#[test]
fn what_may_have_been_taken_is_not_said_to_be_expired_or_cancelled() {
    for cancels in [false, true] {
        let mut world = World::new("sms-only");
        world.accept();
        assert!(world.begin(Channel::SMS));
        world.decide(|state, context| outcome(state, context, 0, 0, Outcome::Unknown));
        assert!(matches!(world.state.tracks[0].phase, Phase::Queued { .. }), "it is to be made again");
        if cancels {
            world.decide(cancel);
        } else {
            world.pass(VALID.since(NOW));
        }
        assert_eq!(world.state.attempt(0, 0).map(|attempt| attempt.status), Some(AttemptStatus::Unknown));
        assert_eq!(world.state.status(), MessageStatus::Failed(Failure::OutcomeUnknown));
    }
}

#[test]
fn an_attempt_that_was_to_be_made_again_and_never_is_ends_as_unknown_whatever_comes_between() {
    type Between = fn(&mut World);
    let all: [(&str, Between); 5] = [
        ("cancelled", |world| drop(world.decide(cancel))),
        ("expired", |world| world.pass(VALID.since(NOW))),
        ("expired when it begins", |world| {
            world.now = VALID;
            assert!(!world.begin(Channel::SMS));
        }),
        ("barred", |world| {
            world.barred.push(Channel::SMS);
            world.pass(Duration::from_secs(60));
            assert!(!world.begin(Channel::SMS));
        }),
        ("delivered by the step before", |world| world.is(0, 0, AttemptStatus::Delivered)),
    ];
    for (what, between) in all {
        let mut world = World::new("govapp-first");
        world.strategy.steps[0].success = Success::Delivered;
        world.accept();
        assert!(world.begin(Channel::GOVAPP));
        world.is(0, 0, AttemptStatus::Sent);
        world.pass(world.strategy.steps[0].horizon);
        assert!(world.begin(Channel::SMS), "{what}");
        world.decide(|state, context| outcome(state, context, 1, 0, Outcome::Unknown));
        assert!(matches!(world.state.tracks[0].phase, Phase::Queued { .. }), "{what}");
        between(&mut world);
        assert!(world.state.settled.is_some(), "{what}");
        assert_eq!(world.state.attempt(1, 0).map(|attempt| attempt.status), Some(AttemptStatus::Unknown), "{what}");
        // A receipt that names it is still heard.
        world.is(1, 0, AttemptStatus::Delivered);
        assert_eq!(world.state.status(), MessageStatus::Delivered, "{what}");
    }
}

#[test]
fn a_receipt_before_the_answer_counts_and_the_answer_changes_nothing() {
    let mut world = World::new("sms-only");
    world.accept();
    world.begin(Channel::SMS);
    world.is(0, 0, AttemptStatus::Delivered);
    assert_eq!(world.state.status(), MessageStatus::Delivered);
    let before = world.state.clone();
    world.is(0, 0, AttemptStatus::Sent);
    world.is(0, 0, AttemptStatus::Delivered);
    assert_eq!(world.state, before);
}

#[test]
fn a_contradiction_is_noted_and_changes_nothing() {
    let mut world = World::new("sms-only");
    world.accept();
    world.begin(Channel::SMS);
    world.is(0, 0, AttemptStatus::Delivered);
    let before = world.state.clone();
    let told = world.changes.len();
    for _ in 0..3 {
        world.is(0, 0, AttemptStatus::Failed(Failure::RejectedByChannel));
    }
    let noted = vec![(0, 0, AttemptStatus::Failed(Failure::RejectedByChannel))];
    assert_eq!(world.state, State { noted, ..before });
    assert!(matches!(world.changes[told..], [Change::Noted { .. }]), "one that comes again changes nothing");
    assert_eq!(world.state.to_code(&world.strategy), None, "a row's byte has no place for it");
    for retry in 1..=200 {
        world.is(0, retry, AttemptStatus::Delivered);
    }
    assert!(world.state.noted.len() <= MAX_NOTED, "nor is there no end to them");
}

#[test]
fn simultaneous_steps_settle_when_each_has_ended_and_the_best_counts() {
    let mut world = World::new("all");
    world.accept();
    for channel in [Channel::GOVAPP, Channel::SMS, Channel::EBOX] {
        assert!(world.begin(channel));
    }
    world.is(0, 0, AttemptStatus::Failed(Failure::Unreachable));
    world.is(1, 0, AttemptStatus::Failed(Failure::RejectedByChannel));
    assert_eq!(world.state.status(), MessageStatus::Waiting);
    world.is(2, 0, AttemptStatus::Delivered);
    assert_eq!(world.state.status(), MessageStatus::Delivered);
}

#[test]
fn nothing_is_sent_after_its_validity() {
    let mut world = World::new("sms-only");
    world.accept();
    world.now = VALID;
    assert!(!world.begin(Channel::SMS));
    assert_eq!(world.state.status(), MessageStatus::Expired);
}

#[test]
fn a_cancelled_message_that_was_not_sent_is_cancelled_and_one_under_way_is_not_followed() {
    let mut world = World::new("govapp-first");
    world.accept();
    world.decide(cancel);
    assert_eq!(world.state.status(), MessageStatus::Cancelled);

    let mut world = World::new("govapp-first");
    world.accept();
    world.begin(Channel::GOVAPP);
    world.decide(cancel);
    assert_eq!(world.state.status(), MessageStatus::Waiting);
    world.is(0, 0, AttemptStatus::Failed(Failure::Unreachable));
    assert!(!world.begin(Channel::SMS));
    assert!(world.state.settled.is_some());
}

#[test]
fn without_a_receipt_in_the_horizon_it_is_settled_as_sent() {
    let mut world = World::new("sms-only");
    world.accept();
    world.begin(Channel::SMS);
    world.is(0, 0, AttemptStatus::Sent);
    world.pass(Duration::from_secs(25 * 3600));
    assert_eq!(world.state.status(), MessageStatus::Sent);
    world.is(0, 0, AttemptStatus::Delivered);
    assert_eq!(world.state.status(), MessageStatus::Delivered, "a late receipt raises it");
}

fn any_outcome() -> impl Generator<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Is(AttemptStatus::Sent, None)),
        Just(Outcome::Is(AttemptStatus::Delivered, None)),
        Just(Outcome::Is(AttemptStatus::Read, None)),
        Just(Outcome::Is(AttemptStatus::Acted, None)),
        Just(Outcome::Is(AttemptStatus::ChannelExpired, None)),
        prop::sample::select(Failure::ALL.to_vec()).prop_map(|f| Outcome::Is(AttemptStatus::Failed(f), None)),
        Just(Outcome::Throttled(None)),
        Just(Outcome::Unknown),
    ]
}

#[derive(Clone, Debug)]
enum Event {
    Begin(u8),
    Ends(u8, u8, Outcome),
    Pass(u64),
    Cancel,
}

fn any_event() -> impl Generator<Value = Event> {
    prop_oneof![
        4 => (0_u8..3).prop_map(Event::Begin),
        4 => (0_u8..3, 0_u8..3, any_outcome()).prop_map(|(step, retry, outcome)| Event::Ends(step, retry, outcome)),
        3 => (0_u64..200_000).prop_map(Event::Pass),
        1 => Just(Event::Cancel),
    ]
}

proptest! {
    #[test]
    fn a_message_settles_at_most_once_and_facts_alone_make_its_state(
        place in 0_usize..8, events in prop::collection::vec(any_event(), 0..60), blind in any::<bool>(),
    ) {
        let name = built_in()[place].name.clone();
        let mut world = World::new(&name);
        if blind {
            world.unreachable.push(Channel::GOVAPP);
        }
        world.accept();
        let mut best = 0;
        for event in events {
            match event {
                Event::Begin(channel) => {
                    let channel = [Channel::GOVAPP, Channel::SMS, Channel::EBOX][usize::from(channel)];
                    let settled = world.state.settled.is_some();
                    let began = world.begin(channel);
                    prop_assert!(!(began && settled), "nothing begins after settlement");
                }
                Event::Ends(step, retry, said) => {
                    world.decide(|state, context| outcome(state, context, step, retry, said));
                }
                Event::Pass(seconds) => world.pass(Duration::from_secs(seconds)),
                Event::Cancel => {
                    world.decide(cancel);
                }
            }
            if world.state.settled.is_some_and(|settled| settled.rank() > 0) {
                prop_assert!(world.state.status().rank() >= best, "a status never falls");
                best = world.state.status().rank();
            }
            let waits = world.state.settled.is_none();
            let open = world.state.attempts.iter().any(|attempt| attempt.status == AttemptStatus::Attempting);
            prop_assert!(waits || !open, "nothing is under way after settlement: {:?}", world.state);
            prop_assert_eq!(waits, world.state.wait_reason().is_some());
            let agenda = world.state.agenda(VALID);
            let looked_at = agenda.due.is_some()
                || agenda.queued.iter().chain(&agenda.open).any(Option::is_some);
            prop_assert!(!waits || looked_at, "what waits is looked at again: {:?}", world.state);
        }
        let settled = world.changes.iter().filter(|change| matches!(change, Change::Settled { .. })).count();
        prop_assert!(settled <= 1);
        let mut again = State::default();
        again.apply_all(&world.changes);
        prop_assert_eq!(again, world.state);
    }

    #[test]
    fn a_byte_stands_for_a_state_that_goes_on_alike(
        place in 0_usize..6, events in prop::collection::vec(any_event(), 0..12),
    ) {
        let name = built_in()[place].name.clone();
        let mut world = World::new(&name);
        world.state = State::of_fresh_row(&world.strategy, Timestamp::ZERO);
        for event in events {
            match event {
                Event::Begin(n) => {
                    world.begin([Channel::GOVAPP, Channel::SMS, Channel::EBOX][usize::from(n)]);
                }
                Event::Ends(step, retry, said) => {
                    world.decide(|state, context| outcome(state, context, step, retry, said));
                }
                Event::Pass(seconds) => world.pass(Duration::from_secs(seconds % 20)),
                Event::Cancel => {
                    world.decide(cancel);
                }
            }
            if let Some(code) = world.state.to_code(&world.strategy) {
                let until = world.now.plus(Duration::from_secs(9));
                let kept = State::from_code(code, &world.strategy, until).unwrap();
                prop_assert_eq!(kept.status(), world.state.status());
                prop_assert_eq!(kept.wait_reason(), world.state.wait_reason());
                prop_assert_eq!(kept.to_code(&world.strategy), Some(code));
                prop_assert_eq!(kept.tracks.len(), 1);
                prop_assert_eq!(kept.tracks[0].step, world.state.tracks[0].step);
            }
        }
    }

    #[test]
    fn any_byte_is_a_state_or_none(code in any::<u8>()) {
        for strategy in built_in() {
            if let Some(state) = State::from_code(code, &strategy, NOW) {
                prop_assert!(code != EXCEPTION);
                prop_assert_eq!(state.to_code(&strategy), Some(code));
            }
        }
    }
}
