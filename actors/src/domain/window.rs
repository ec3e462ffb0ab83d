//! When a broadcast may be sent: hours of the week by the clock of a place. Pure: no clock of its own.
//!
//! A moment is open when the clock on the wall of that place shows an open hour, and closed otherwise. So an hour that
//! does not exist opens nothing, and one that comes twice is open twice: at no moment is anything sent that a citizen
//! would call outside of the hours.
use std::fmt;
use std::time::Duration;

use jiff::civil::{DateTime, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use serde::{Deserialize, Serialize};

use super::time::Timestamp;

/// The place whose clock counts when none is named.
pub const ZONE: &str = "Europe/Brussels";
/// Hours of a window at most.
pub const MAX_HOURS: usize = 16;
/// Minutes of a day.
const DAY: u16 = 24 * 60;
/// Days that are looked ahead: two weeks, since a clock change may swallow the only hours of one, and the day begun.
const AHEAD: i64 = 15;
/// Changes between open and closed that are followed at most when open time is counted: years of any window.
const MOST_CHANGES: usize = 10_000;

/// Why this is no window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No hours.
    #[error(
        "the window never opens: give hours, such as {{\"days\": [\"mon\"], \"from\": \"08:00\", \"until\": \"20:00\"}}"
    )]
    NoHours,
    /// Too many hours.
    #[error("more than {MAX_HOURS} hours: give fewer, each for several days")]
    TooMany,
    /// Hours on no day.
    #[error("the window never opens on these hours, which have no day: name days, or leave `days` out for every day")]
    NoDays,
    /// Hours that end when they begin.
    #[error("the window never opens on these hours, which end when they begin: give 00:00 and 24:00 for a whole day")]
    Empty,
    /// Not a time of the day.
    #[error("not a time of the day: give hours and minutes, such as 08:30, and 24:00 for the end of a day")]
    Clock,
    /// Not a day.
    #[error("not a day: give mon, tue, wed, thu, fri, sat or sun")]
    Day,
    /// Not a time zone.
    #[error("not a time zone that is known here: give a name of the IANA database, such as {ZONE}")]
    Zone,
}

/// Days of the week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Days(u8);

impl Days {
    /// Their names, from Monday on.
    pub const NAMES: [&'static str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    /// Every day.
    pub const ALL: Self = Self(0b111_1111);

    /// With the day of this name.
    ///
    /// # Errors
    /// When it is no name of a day.
    pub fn with(self, name: &str) -> Result<Self, Error> {
        let place = Self::NAMES.iter().position(|known| *known == name).ok_or(Error::Day)?;
        Ok(Self(self.0 | 1 << place))
    }

    /// The names of those that are in it.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().enumerate().filter(move |(place, _)| self.0 >> place & 1 == 1).map(|(_, name)| name)
    }

    fn has(self, day: Weekday) -> bool {
        self.0 >> day.to_monday_zero_offset() & 1 == 1
    }
}

/// A time of the day in minutes: 0 to 1440, the end of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Clock(u16);

impl Clock {
    /// Reads `HH:MM`; `24:00` is the end of the day.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (hours, minutes) = text.split_once(':').ok_or(Error::Clock)?;
        let number = |digits: &str| -> Result<u16, Error> {
            let is_plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            if is_plain { digits.parse().map_err(|_| Error::Clock) } else { Err(Error::Clock) }
        };
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        let all = hours * 60 + minutes;
        if minutes < 60 && all <= DAY { Ok(Self(all)) } else { Err(Error::Clock) }
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// Hours of some days. What begins late in one day and ends early in the next belongs to the day on which it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// On which days.
    days: Days,
    /// From when.
    from: Clock,
    /// Until when, not included; at or before `from`: on the day after.
    until: Clock,
}

impl Hours {
    /// On these days, from a time of the day until another, which is on the day after when it is the earlier one.
    ///
    /// # Errors
    /// When they never begin, or end when they begin.
    pub fn new(days: Days, from: Clock, until: Clock) -> Result<Self, Error> {
        if days == Days::default() {
            return Err(Error::NoDays);
        }
        // The end of a day is the beginning of the next one: hours can't begin there.
        if from.0 == DAY {
            return Err(Error::Clock);
        }
        if from == until {
            return Err(Error::Empty);
        }
        Ok(Self { days, from, until })
    }

    /// On which days they begin.
    pub fn days(self) -> Days {
        self.days
    }

    /// When they begin.
    pub fn from(self) -> Clock {
        self.from
    }

    /// When they end.
    pub fn until(self) -> Clock {
        self.until
    }

    fn is_overnight(self) -> bool {
        self.until < self.from
    }

    fn has(self, at: DateTime) -> bool {
        let minute = u16::from(at.hour().unsigned_abs()) * 60 + u16::from(at.minute().unsigned_abs());
        let (from, until) = (self.from.0, self.until.0);
        let today = self.days.has(at.weekday());
        if self.is_overnight() {
            today && minute >= from || self.days.has(at.weekday().previous()) && minute < until
        } else {
            today && (from..until).contains(&minute)
        }
    }
}

/// A send window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Window {
    name: Box<str>,
    zone: TimeZone,
    hours: Box<[Hours]>,
}

/// A window as a record: the name of its zone, and its hours.
#[derive(Serialize, Deserialize)]
struct Stored(Box<str>, Box<[Hours]>);

impl TryFrom<Stored> for Window {
    type Error = Error;

    fn try_from(Stored(name, hours): Stored) -> Result<Self, Error> {
        let zone = TimeZone::get(&name).map_err(|_| Error::Zone)?;
        Ok(Self { name, zone, hours })
    }
}

impl From<Window> for Stored {
    fn from(window: Window) -> Self {
        Self(window.name, window.hours)
    }
}

impl Window {
    /// These hours by the clock of a time zone of the IANA database.
    ///
    /// # Errors
    /// When the zone is not known, or there are no or too many hours.
    pub fn new(zone: &str, hours: Vec<Hours>) -> Result<Self, Error> {
        match hours.len() {
            0 => Err(Error::NoHours),
            1..=MAX_HOURS => Stored(zone.into(), hours.into()).try_into(),
            _ => Err(Error::TooMany),
        }
    }

    /// The name of its time zone.
    pub fn zone(&self) -> &str {
        &self.name
    }

    /// Its hours.
    pub fn hours(&self) -> &[Hours] {
        &self.hours
    }

    /// Whether a moment is in it.
    pub fn is_open(&self, at: Timestamp) -> bool {
        instant(at).is_some_and(|at| self.shows_open(at))
    }

    /// When it is open next: `at` itself when it is open then. `None` when that is beyond the calendar.
    pub fn opening(&self, at: Timestamp) -> Option<Timestamp> {
        if self.is_open(at) { Some(at) } else { self.change(at) }
    }

    /// When it next opens, or closes, after a moment; `None` when it does not within two weeks.
    pub fn change(&self, at: Timestamp) -> Option<Timestamp> {
        let now = instant(at)?;
        let was_open = self.shows_open(now);
        let today = self.zone.to_datetime(now).date();
        let mut found = None::<jiff::Timestamp>;
        let mut offer = |edge: jiff::Timestamp| {
            if edge > now && found.is_none_or(|best| edge < best) && self.shows_open(edge) != was_open {
                found = Some(edge);
            }
        };
        for change in self.zone.following(now).take(4) {
            offer(change.timestamp());
        }
        for ahead in -1..=AHEAD {
            let Ok(date) = today.checked_add(jiff::Span::new().days(ahead)) else { break };
            for hours in self.hours.iter().filter(|hours| hours.days.has(date.weekday())) {
                let midnight = date.to_datetime(jiff::civil::Time::midnight());
                let overnight = if hours.is_overnight() { DAY } else { 0 };
                for minutes in [hours.from.0, hours.until.0 + overnight] {
                    let Ok(edge) = midnight.checked_add(jiff::Span::new().minutes(i64::from(minutes))) else {
                        continue;
                    };
                    self.instants(edge).into_iter().flatten().for_each(&mut offer);
                }
            }
        }
        let millis = u64::try_from(found?.as_millisecond()).ok()?;
        Some(Timestamp::from_millis(millis))
    }

    /// When it was open for so long since `from`; `None` when that is not before `limit`.
    pub fn after_open(&self, from: Timestamp, span: Duration, limit: Timestamp) -> Option<Timestamp> {
        let (mut now, mut left) = (from, span);
        for _ in 0..MOST_CHANGES {
            let opens = self.opening(now).filter(|opens| *opens < limit)?;
            let closes = self.change(opens).unwrap_or(Timestamp::MAX);
            if left <= closes.since(opens) {
                return Some(opens.plus(left)).filter(|end| *end < limit);
            }
            left -= closes.since(opens);
            now = closes;
        }
        None
    }

    fn shows_open(&self, at: jiff::Timestamp) -> bool {
        let wall = self.zone.to_datetime(at);
        self.hours.iter().any(|hours| hours.has(wall))
    }

    /// The moments at which the clock on the wall shows a time: none, one or two.
    fn instants(&self, wall: DateTime) -> [Option<jiff::Timestamp>; 2] {
        let offsets = match self.zone.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => [Some(offset), None],
            AmbiguousOffset::Gap { .. } => [None, None],
            AmbiguousOffset::Fold { before, after } => [Some(before), Some(after)],
        };
        offsets.map(|offset| offset?.to_timestamp(wall).ok())
    }
}

fn instant(at: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_millisecond(i64::try_from(at.millis()).ok()?).ok()
}

#[cfg(test)]
mod tests;
