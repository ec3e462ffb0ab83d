//! The program as a whole: CONFIG, BACKUP, JOURNAL, SHUTDOWN. What they do is [`super::Control`]'s.
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::commands::Call;
use super::messages::{Answer, answered};
use super::reply::Reply;
use super::{Desk, Role};

fn told(outcome: super::control::Outcome) -> Answer {
    outcome.map(Reply::from).map_err(Reply::error)
}

/// Bytes of a pattern, and patterns of one question, at most.
const PATTERN_BYTES: usize = 100;
const PATTERNS: usize = 16;

/// Whether a name is what a pattern with `*` means. Each piece between two stars goes to the first place at which it fits:
/// nothing is tried twice, however many stars there are.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let (pieces, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut name) = name.strip_prefix(start).and_then(|name| name.strip_suffix(end)) else { return false };
    pieces.split('*').all(|piece| {
        name.find(piece).is_some_and(|at| {
            name = &name[at + piece.len()..];
            true
        })
    })
}

/// `CONFIG GET [pattern]`, `CONFIG RELOAD`.
pub fn config(call: Call<'_>) -> BoxFuture<'_, Reply> {
    answered(async move {
        let (what, rest) = (call.words[0].to_ascii_lowercase(), &call.words[1..]);
        match (what.as_str(), rest) {
            ("get", patterns) => {
                if patterns.len() > PATTERNS || patterns.iter().any(|pattern| pattern.len() > PATTERN_BYTES) {
                    let what = format_args!("give at most {PATTERNS} patterns of at most {PATTERN_BYTES} bytes each");
                    return Err(Reply::error(what));
                }
                let mut all = call.desk.control.configuration().map_err(Reply::error)?;
                if let (Value::Object(keys), false) = (&mut all, patterns.is_empty()) {
                    keys.retain(|key, _| patterns.iter().any(|pattern| fits(pattern, key)));
                }
                Ok(Reply::from(all))
            }
            ("reload", []) => {
                operator(call.session.role)?;
                told(call.desk.control.reload().await)
            }
            _ => Err(Reply::error("use it as CONFIG GET [pattern ...] or CONFIG RELOAD")),
        }
    })
}

fn operator(role: Option<Role>) -> Result<(), Reply> {
    match role {
        Some(Role::Operator) => Ok(()),
        _ => Err(Reply::Error("NOPERM a viewer may look and change nothing; give AUTH as the operator".into())),
    }
}

/// `BACKUP name`.
pub fn backup(call: Call<'_>) -> BoxFuture<'_, Reply> {
    answered(async move {
        let begun = call.desk.control.backup(call.words[0].clone());
        told(one_at_a_time(call.desk, begun).await?)
    })
}

/// `JOURNAL STATS|VERIFY`.
pub fn journal(call: Call<'_>) -> BoxFuture<'_, Reply> {
    answered(async move {
        let asked = match call.words[0].to_ascii_lowercase().as_str() {
            "stats" => call.desk.control.journal_stats(),
            "verify" => call.desk.control.journal_verify(),
            _ => return Err(Reply::error("use it as JOURNAL STATS or JOURNAL VERIFY")),
        };
        told(one_at_a_time(call.desk, asked).await?)
    })
}

/// Work that reads all of the disk is done once at a time, whoever asks.
async fn one_at_a_time<T>(desk: &Desk, work: BoxFuture<'static, T>) -> Result<T, Reply> {
    let Ok(_held) = desk.heavy.try_acquire() else {
        return Err(Reply::error("a backup or a survey of the journal is under way; try again when it is done"));
    };
    Ok(work.await)
}

/// `SHUTDOWN [NOW]`.
pub fn shutdown(call: Call<'_>) -> BoxFuture<'_, Reply> {
    answered(async move {
        let at_once = match call.words.first() {
            None => false,
            Some(word) if word.eq_ignore_ascii_case("now") => true,
            Some(_) => return Err(Reply::error("use it as SHUTDOWN [NOW]")),
        };
        call.desk.control.shut_down(at_once).map_err(Reply::error)?;
        tracing::info!(at_once, "an operator ends the program");
        call.session.leaving = true;
        Ok(Reply::OK)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("*", "http.address", true),
            ("delivery.*", "delivery.sms.window", true),
            ("*.window", "delivery.sms.window", true),
            ("delivery.*.win*", "delivery.sms.window", true),
            ("delivery", "delivery.sms.window", false),
            ("*é", "café", true),
            ("a*b", "ab", true),
            ("a*b", "ba", false),
            ("a*a", "a", false),
            ("*b*b", "ab", false),
            ("*ab*b", "aabb", true),
            ("**", "", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn many_stars_hang_nobody() {
        let (stars, name) = ("*a".repeat(50), "a".repeat(100));
        assert!(fits(&stars, &name));
        // Tried at every place, this would outlive the sun.
        assert!(!fits(&format!("{stars}b"), &name));
        assert!(!fits(&format!("{stars}*b*"), &name));
    }

    proptest::proptest! {
        #[test]
        fn a_pattern_means_what_trying_every_place_says(pattern in "[ab*]{0,8}", name in "[ab]{0,8}") {
            fn tried(pattern: &str, name: &str) -> bool {
                match pattern.split_once('*') {
                    None => pattern == name,
                    Some((start, rest)) => name
                        .strip_prefix(start)
                        .is_some_and(|name| (0..=name.len()).any(|at| tried(rest, &name[at..]))),
                }
            }
            proptest::prop_assert_eq!(fits(&pattern, &name), tried(&pattern, &name));
        }
    }
}
