//! When a broadcast may be sent, as JSON says it and as it is answered.
use estafette_actors::domain::time::Timestamp;
use estafette_actors::domain::window::{Clock, Days, Error, Hours, Window, ZONE};
use serde::Serialize;

use super::json::{Faults, Json, Object};

const AT: &str = "/window";

/// A window, as answered.
#[derive(Debug, Serialize)]
pub struct WindowAnswer {
    time_zone: String,
    hours: Vec<HoursAnswer>,
}

#[derive(Debug, Serialize)]
struct HoursAnswer {
    days: Vec<&'static str>,
    from: String,
    until: String,
}

impl WindowAnswer {
    /// Of a window.
    pub fn of(window: &Window) -> Self {
        let hours = window.hours().iter().map(|hours| HoursAnswer {
            days: hours.days().names().collect(),
            from: hours.from().to_string(),
            until: hours.until().to_string(),
        });
        Self { time_zone: window.zone().to_owned(), hours: hours.collect() }
    }
}

/// Takes `window` out of a broadcast, where it is given.
pub fn read(object: &mut Object<'_>, faults: &mut Faults) -> Option<Window> {
    let mut window = object.object("window", AT, faults)?;
    let before = faults.len();
    let zone = window.text("time_zone", faults);
    let given = match window.take("hours") {
        Some(Json::Array(items)) => items,
        Some(_) => {
            window.fault("hours", "must be an array of hours", faults);
            Vec::new()
        }
        None => Vec::new(),
    };
    window.finish("time_zone, hours", faults);
    let read = given.into_iter().enumerate().filter_map(|(place, item)| hours(place, item, faults));
    let read: Vec<Hours> = read.collect();
    if faults.len() > before {
        return None;
    }
    let zone = zone.as_deref().unwrap_or(ZONE);
    let at = |error: &Error| format!("{AT}/{}", if *error == Error::Zone { "time_zone" } else { "hours" });
    Window::new(zone, read).map_err(|error| faults.add(at(&error), error)).ok()
}

fn hours(place: usize, item: Json<'_>, faults: &mut Faults) -> Option<Hours> {
    let at = format!("{AT}/hours/{place}");
    // Its own list: a fault names the place in the array.
    let mut inner = Faults::default();
    let found = Object::of(item, "", &mut inner).and_then(|mut object| {
        let days = days(object.take("days"), &mut inner);
        let from = clock(&mut object, "from", &mut inner);
        let until = clock(&mut object, "until", &mut inner);
        object.finish("days, from, until", &mut inner);
        Hours::new(days?, from?, until?).map_err(|error| inner.add("", error)).ok()
    });
    for fault in inner.into_inner() {
        faults.add(format!("{at}{}", fault.pointer), fault.detail);
    }
    found
}

fn clock(object: &mut Object<'_>, name: &str, faults: &mut Faults) -> Option<Clock> {
    let before = faults.len();
    let found = object.parsed(name, faults, Clock::parse);
    if found.is_none() && faults.len() == before {
        object.fault(name, "missing: give a time of the day, such as 08:00", faults);
    }
    found
}

/// Every day when none is named.
fn days(given: Option<Json<'_>>, faults: &mut Faults) -> Option<Days> {
    let mut fault = |error: &dyn std::fmt::Display| {
        faults.add("/days", error);
        None
    };
    match given {
        None => Some(Days::ALL),
        Some(Json::Array(items)) => {
            let named = items.iter().try_fold(Days::default(), |days, item| match item {
                Json::Text(name) => days.with(name),
                _ => Err(Error::Day),
            });
            named.map_or_else(|error| fault(&error), Some)
        }
        Some(_) => fault(&"must be an array of days"),
    }
}

/// Refuses a window that does not open in time.
pub fn opens(window: &Window, from: Timestamp, valid_until: Timestamp) -> Result<(), String> {
    match window.opening(from) {
        Some(at) if at < valid_until => Ok(()),
        Some(at) => Err(format!(
            "the window never opens in time: it opens next at {at}, and nothing is sent from {valid_until} on; give wider \
             hours or a later valid_until"
        )),
        None => Err("the window never opens: give wider hours".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read_of(window: &Value) -> (Option<Window>, Vec<String>) {
        let body = json!({ "window": window }).to_string();
        let mut faults = Faults::default();
        let mut object = Object::of(Json::parse(body.as_bytes()).unwrap(), "", &mut faults).unwrap();
        let found = read(&mut object, &mut faults);
        (found, faults.into_inner().iter().map(|fault| fault.pointer.clone()).collect())
    }

    #[test]
    fn a_window_is_answered_as_it_was_given_with_what_was_left_out() {
        let (found, faults) = read_of(
            &json!({"hours": [{"from": "22:00", "until": "06:00"}, {"days": ["sun", "sat"], "from": "10:00", "until": "24:00"}]}),
        );
        assert!(faults.is_empty(), "{faults:?}");
        let all = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let answer = serde_json::to_value(WindowAnswer::of(&found.unwrap())).unwrap();
        let wanted = json!({"time_zone": "Europe/Brussels", "hours": [
            {"days": all, "from": "22:00", "until": "06:00"}, {"days": ["sat", "sun"], "from": "10:00", "until": "24:00"},
        ]});
        assert_eq!(answer, wanted);
        assert_eq!(read_of(&Value::Null), (None, Vec::new()));
        let (found, _) =
            read_of(&json!({"time_zone": "America/New_York", "hours": [{"from": "09:00", "until": "17:00"}]}));
        assert_eq!(found.unwrap().zone(), "America/New_York");
    }

    #[test]
    fn whatever_is_wrong_in_a_window_is_named_by_its_place() {
        let good = json!({"from": "08:00", "until": "20:00"});
        let table = [
            (json!([]), vec!["/window"]),
            (json!({}), vec!["/window/hours"]),
            (json!({"hours": []}), vec!["/window/hours"]),
            (json!({"hours": "always"}), vec!["/window/hours"]),
            (json!({"hours": vec![good.clone(); 17]}), vec!["/window/hours"]),
            (json!({"time_zone": "Mars/Olympus", "hours": [good]}), vec!["/window/time_zone"]),
            (json!({"hours": [good], "days": []}), vec!["/window/days"]),
            (json!({"hours": [good, 1]}), vec!["/window/hours/1"]),
            (json!({"hours": [{"from": "08:00", "until": "08:00"}]}), vec!["/window/hours/0"]),
            (json!({"hours": [{"days": [], "from": "08:00", "until": "20:00"}]}), vec!["/window/hours/0"]),
            (
                json!({"hours": [{"days": ["lun"], "from": "8", "to": "9"}]}),
                vec!["/window/hours/0/days", "/window/hours/0/from", "/window/hours/0/until", "/window/hours/0/to"],
            ),
        ];
        for (window, places) in table {
            let (found, faults) = read_of(&window);
            assert_eq!((found, faults.iter().map(String::as_str).collect::<Vec<_>>()), (None, places), "{window}");
        }
    }

    #[test]
    fn a_window_that_opens_too_late_is_refused_with_when_it_would_open() {
        let (found, _) = read_of(&json!({"hours": [{"days": ["mon"], "from": "08:00", "until": "20:00"}]}));
        let window = found.unwrap();
        let at = |text| Timestamp::parse(text).unwrap();
        let friday = at("2026-11-27T12:00:00Z");
        assert_eq!(opens(&window, friday, at("2026-11-30T07:00:00.001Z")), Ok(()));
        let error = opens(&window, friday, at("2026-11-30T07:00:00Z")).unwrap_err();
        assert!(error.contains("2026-11-30T07:00:00.000Z"), "{error}");
    }
}
