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

/// Whether a name is what a pattern with `*` means.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|name| {
            (0..=name.len()).filter(|at| name.is_char_boundary(*at)).any(|at| fits(rest, &name[at..]))
        }),
    }
}

/// `CONFIG GET [pattern]`, `CONFIG RELOAD`.
pub fn config(call: Call<'_>) -> BoxFuture<'_, Reply> {
    answered(async move {
        let (what, rest) = (call.words[0].to_ascii_lowercase(), &call.words[1..]);
        match (what.as_str(), rest) {
            ("get", patterns) => {
                let mut all = call.desk.control.configuration().map_err(Reply::error)?;
                if let (Value::Object(keys), false) = (&mut all, patterns.is_empty()) {
                    keys.retain(|key, _| patterns.iter().any(|pattern| pattern.len() <= 100 && fits(pattern, key)));
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
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
