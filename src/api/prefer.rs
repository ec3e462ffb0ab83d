//! The `Prefer` header (RFC 7240), as far as it means something here: `respond-async` and
//! `wait=N`. Preferences that are unknown or can't be read are ignored, as the RFC asks.
use std::time::Duration;

use actix_web::http::header::HeaderMap;

/// How a caller wants to be answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prefer {
    /// Answer with 202.
    pub respond_async: bool,
    /// Wait so many seconds first.
    pub wait: Option<u64>,
}

impl Prefer {
    /// Reads all `Prefer` fields; the first mention of a preference counts.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut prefer = Self::default();
        for field in headers.get_all("prefer").filter_map(|field| field.to_str().ok()) {
            for preference in field.split(',') {
                let preference = preference.split(';').next().unwrap_or_default();
                let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
                let (name, value) = (name.trim(), value.trim().trim_matches('"'));
                if name.eq_ignore_ascii_case("respond-async") {
                    prefer.respond_async = true;
                } else if name.eq_ignore_ascii_case("wait") && prefer.wait.is_none() {
                    prefer.wait = value.parse().ok();
                }
            }
        }
        prefer
    }

    /// How long to wait for an answer; `None` to answer once the message is accepted. Both
    /// preferences together mean: wait, then answer with 202.
    pub fn patience(self, default: Duration, max: Duration) -> Option<Duration> {
        match self {
            Self { wait: Some(0), .. } | Self { respond_async: true, wait: None } => None,
            Self { wait: Some(seconds), .. } => Some(Duration::from_secs(seconds).min(max)),
            Self { wait: None, .. } => Some(default),
        }
    }

    /// What `Preference-Applied` says, when something was preferred.
    pub fn applied(self, patience: Option<Duration>) -> Option<String> {
        match (self, patience) {
            (Self { respond_async: false, wait: None }, _) => None,
            (_, None) => Some("respond-async".to_owned()),
            (Self { respond_async, .. }, Some(patience)) => {
                let also = if respond_async { "respond-async, " } else { "" };
                Some(format!("{also}wait={}", patience.as_secs()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    const DEFAULT: Duration = Duration::from_secs(10);
    const MAX: Duration = Duration::from_secs(30);

    #[test]
    fn preferences_are_read_as_the_rfc_says_and_the_others_ignored() {
        let cases = [
            ("", Some(10), None),
            ("respond-async", None, Some("respond-async")),
            ("Respond-Async; foo=1", None, Some("respond-async")),
            ("wait=3", Some(3), Some("wait=3")),
            ("wait=\"3\"", Some(3), Some("wait=3")),
            ("wait=300", Some(30), Some("wait=30")),
            ("wait=0", None, Some("respond-async")),
            ("wait=-1", Some(10), None),
            ("wait=soon, return=minimal", Some(10), None),
            ("respond-async, wait=5", Some(5), Some("respond-async, wait=5")),
            ("wait=5, wait=9", Some(5), Some("wait=5")),
        ];
        for (given, seconds, applied) in cases {
            let mut headers = HeaderMap::new();
            headers.append(HeaderName::from_static("prefer"), HeaderValue::from_static(given));
            let prefer = Prefer::of(&headers);
            let patience = prefer.patience(DEFAULT, MAX);
            assert_eq!(patience, seconds.map(Duration::from_secs), "{given}");
            assert_eq!(prefer.applied(patience).as_deref(), applied, "{given}");
        }
    }
}
