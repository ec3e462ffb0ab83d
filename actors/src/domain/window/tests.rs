//! Windows against the clock on the wall, above all on the two days on which that clock is changed.
use proptest::prelude::*;

use super::*;

/// Europe springs forward at 01:00 UTC of 29 March 2026, and falls back at 01:00 UTC of 25 October.
const SPRING: &str = "2026-03-29T01:00:00Z";
const AUTUMN: &str = "2026-10-25T01:00:00Z";
const MINUTE: Duration = Duration::from_secs(60);

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn clock(text: &str) -> Clock {
    Clock::parse(text).unwrap()
}

fn days(names: &str) -> Days {
    names.split(' ').fold(Days::default(), |days, name| days.with(name).unwrap())
}

fn window(hours: &[(&str, &str, &str)]) -> Window {
    let hours = hours.iter().map(|(on, from, until)| {
        let on = if on.is_empty() { Days::ALL } else { days(on) };
        Hours::new(on, clock(from), clock(until)).unwrap()
    });
    Window::new(ZONE, hours.collect()).unwrap()
}

/// The changes of a day, as times in UTC.
fn changes(window: &Window, from: &str, times: usize) -> Vec<String> {
    let mut now = at(from);
    let next = || {
        now = window.change(now)?;
        Some(format!("{} {now}", if window.is_open(now) { "opens" } else { "closes" }))
    };
    std::iter::from_fn(next).take(times).collect()
}

#[test]
fn working_hours_are_those_of_brussels_in_winter_and_in_summer() {
    let office = window(&[("mon tue wed thu fri", "09:00", "17:30")]);
    assert_eq!(
        changes(&office, "2026-11-27T12:00:00Z", 3),
        ["closes 2026-11-27T16:30:00.000Z", "opens 2026-11-30T08:00:00.000Z", "closes 2026-11-30T16:30:00.000Z"]
    );
    assert_eq!(changes(&office, "2026-07-04T12:00:00Z", 1), ["opens 2026-07-06T07:00:00.000Z"]);
    assert_eq!(office.opening(at("2026-11-27T12:00:00Z")), Some(at("2026-11-27T12:00:00Z")), "it is open");
}

#[test]
fn an_hour_that_does_not_exist_opens_nothing_and_one_that_is_cut_opens_when_it_exists() {
    let missing = window(&[("", "02:00", "03:00")]);
    assert_eq!(changes(&missing, "2026-03-28T12:00:00Z", 1), ["opens 2026-03-30T00:00:00.000Z"]);
    let cut = window(&[("", "02:30", "05:00")]);
    assert_eq!(
        changes(&cut, "2026-03-28T12:00:00Z", 2),
        ["opens 2026-03-29T01:00:00.000Z", "closes 2026-03-29T03:00:00.000Z"]
    );
    let sundays = window(&[("sun", "02:00", "03:00")]);
    assert_eq!(changes(&sundays, "2026-03-28T12:00:00Z", 1), ["opens 2026-04-05T00:00:00.000Z"], "a week later");
}

#[test]
fn an_hour_that_comes_twice_is_open_both_times() {
    let twice = window(&[("", "02:00", "03:00")]);
    assert_eq!(
        changes(&twice, "2026-10-24T12:00:00Z", 2),
        ["opens 2026-10-25T00:00:00.000Z", "closes 2026-10-25T02:00:00.000Z"]
    );
    let halves = window(&[("", "02:30", "04:00")]);
    assert_eq!(
        changes(&halves, "2026-10-24T12:00:00Z", 4),
        [
            "opens 2026-10-25T00:30:00.000Z",
            // The clock shows 02:00 again.
            "closes 2026-10-25T01:00:00.000Z",
            "opens 2026-10-25T01:30:00.000Z",
            "closes 2026-10-25T03:00:00.000Z"
        ]
    );
}

#[test]
fn hours_over_midnight_belong_to_the_day_on_which_they_begin() {
    let night = window(&[("fri", "22:00", "06:00")]);
    assert_eq!(
        changes(&night, "2026-11-25T12:00:00Z", 3),
        ["opens 2026-11-27T21:00:00.000Z", "closes 2026-11-28T05:00:00.000Z", "opens 2026-12-04T21:00:00.000Z"]
    );
    let evening = window(&[("sun", "20:00", "24:00"), ("mon", "00:00", "02:00")]);
    assert_eq!(
        changes(&evening, "2026-11-27T12:00:00Z", 2),
        ["opens 2026-11-29T19:00:00.000Z", "closes 2026-11-30T01:00:00.000Z"],
        "hours that touch are one opening"
    );
}

#[test]
fn what_is_always_open_never_changes() {
    let always = window(&[("", "00:00", "24:00")]);
    assert_eq!(always.change(at(SPRING)), None);
    assert_eq!(always.opening(at(AUTUMN)), Some(at(AUTUMN)));
    let (now, hour) = (at("2026-11-27T12:00:00Z"), Duration::from_secs(3600));
    assert_eq!(always.after_open(now, hour, Timestamp::MAX), Some(now.plus(hour)));
}

#[test]
fn open_time_passes_in_open_hours_only_and_not_beyond_the_limit() {
    let office = window(&[("mon tue wed thu fri", "09:00", "17:00")]);
    let (friday, monday) = (at("2026-11-27T15:00:00Z"), at("2026-11-30T09:00:00Z"));
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    assert_eq!(office.after_open(friday, hours(1), Timestamp::MAX), Some(friday.plus(hours(1))));
    assert_eq!(office.after_open(friday, hours(2), Timestamp::MAX), Some(monday));
    assert_eq!(office.after_open(friday, hours(2), monday), None);
    let night = window(&[("sat", "22:00", "06:00")]);
    // Seven hours in the night of spring, nine in that of autumn.
    for (from, open, end) in
        [("2026-03-28T12:00:00Z", 7, "2026-03-29T04:00:00Z"), ("2026-10-24T12:00:00Z", 9, "2026-10-25T05:00:00Z")]
    {
        assert_eq!(night.after_open(at(from), hours(open), Timestamp::MAX), Some(at(end)));
    }
}

#[test]
fn what_never_opens_and_what_is_no_hour_is_refused() {
    let (morning, evening) = (clock("08:00"), clock("20:00"));
    assert_eq!(Hours::new(Days::default(), morning, evening), Err(Error::NoDays));
    assert_eq!(Hours::new(Days::ALL, morning, morning), Err(Error::Empty));
    assert_eq!(Hours::new(Days::ALL, clock("24:00"), morning), Err(Error::Clock));
    assert_eq!(Window::new(ZONE, Vec::new()), Err(Error::NoHours));
    let hours = Hours::new(Days::ALL, morning, evening).unwrap();
    assert_eq!(Window::new(ZONE, vec![hours; MAX_HOURS + 1]), Err(Error::TooMany));
    assert_eq!(Window::new("Europe/Waterloo", vec![hours]), Err(Error::Zone));
    for text in ["8:00", "08:60", "24:01", "0800", "08:00:00", "", "-1:00", "+8:00", "08:0x"] {
        assert_eq!(Clock::parse(text), Err(Error::Clock), "{text}");
    }
    assert_eq!(Days::default().with("lundi"), Err(Error::Day));
    assert_eq!(days("sat mon").names().collect::<Vec<_>>(), ["mon", "sat"]);
    assert_eq!(clock("24:00").to_string(), "24:00");
}

#[test]
fn a_window_is_the_same_after_it_was_stored() {
    let stored = window(&[("mon sat", "22:00", "06:00"), ("", "12:00", "13:00")]);
    let text = serde_json::to_string(&stored).unwrap();
    assert_eq!(serde_json::from_str::<Window>(&text).unwrap(), stored);
}

fn any_window() -> impl Strategy<Value = Window> {
    let hours = (1_u8..128, 0_u16..DAY, 1_u16..=DAY)
        .prop_filter_map("hours that open", |(on, from, until)| Hours::new(Days(on), Clock(from), Clock(until)).ok());
    prop::collection::vec(hours, 1..4).prop_map(|hours| Window::new(ZONE, hours).unwrap())
}

/// Three days before a clock change to three days after it.
fn near_a_change() -> impl Strategy<Value = Timestamp> {
    (prop::sample::select(vec![SPRING, AUTUMN]), 0_u64..6 * 24 * 60).prop_map(|(change, minutes)| {
        let start = at(change).millis() - 3 * 24 * 3_600_000;
        Timestamp::from_millis(start + minutes * 60_000)
    })
}

/// What a clock on a wall in Brussels shows, by the directive and not by the database.
fn shows(at: Timestamp) -> (usize, u64) {
    let summer = (self::at(SPRING)..self::at(AUTUMN)).contains(&at);
    let minutes = at.millis() / 60_000 + if summer { 120 } else { 60 };
    // 1 January 1970 was a Thursday.
    let day = usize::try_from((minutes / u64::from(DAY) + 3) % 7).unwrap();
    (day, minutes % u64::from(DAY))
}

/// The rule in other words.
fn open_by_hand(window: &Window, at: Timestamp) -> bool {
    let (day, minute) = shows(at);
    let on = |hours: &Hours, day: usize| hours.days.0 >> (day % 7) & 1 == 1;
    window.hours.iter().any(|hours| {
        let (from, until) = (u64::from(hours.from.0), u64::from(hours.until.0));
        if until > from {
            on(hours, day) && minute >= from && minute < until
        } else {
            on(hours, day) && minute >= from || on(hours, day + 6) && minute < until
        }
    })
}

proptest! {
    #[test]
    fn it_is_open_when_the_clock_on_the_wall_says_so(window in any_window(), at in near_a_change()) {
        prop_assert_eq!(window.is_open(at), open_by_hand(&window, at));
    }

    #[test]
    fn the_next_opening_is_open_and_nothing_before_it_is(window in any_window(), at in near_a_change()) {
        let opening = window.opening(at).unwrap();
        prop_assert!(opening >= at && open_by_hand(&window, opening), "{opening}");
        let mut minute = at;
        while minute < opening {
            prop_assert!(!open_by_hand(&window, minute), "{minute} is open, before {opening}");
            minute = minute.plus(MINUTE);
        }
    }

    #[test]
    fn between_two_changes_nothing_changes(window in any_window(), at in near_a_change()) {
        let is_open = window.is_open(at);
        let far = at.plus(Duration::from_secs(3 * 24 * 3600));
        let end = window.change(at).map_or(far, |change| change.min(far));
        let mut minute = at;
        while minute < end {
            prop_assert_eq!(window.is_open(minute), is_open, "{} before {}", minute, end);
            minute = minute.plus(MINUTE);
        }
    }

    #[test]
    fn so_much_open_time_has_passed_as_was_asked_for(
        window in any_window(), at in near_a_change(), minutes in 0_u64..3_000,
    ) {
        let far = at.plus(Duration::from_secs(6 * 24 * 3600));
        let end = window.after_open(at, Duration::from_secs(minutes * 60), far);
        let is_within = end.is_some();
        let end = end.unwrap_or(far);
        let mut open = 0;
        let mut minute = at;
        while minute < end {
            open += u64::from(open_by_hand(&window, minute));
            minute = minute.plus(MINUTE);
        }
        prop_assert!(if is_within { open == minutes } else { open <= minutes }, "{} of {}", open, minutes);
    }
}
