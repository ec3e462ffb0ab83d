//! Two checked configurations side by side: which keys differ, what they were and are, and what of
//! it holds at once.
//!
//! Invariant: a secret is masked in whatever leaves here, and a key that no line of [`LIVE`] names
//! needs a restart: what is new is safe before it is live.
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// Keys that hold at once; `*` is one part of a key, and everything below what is named holds too.
const LIVE: &[&str] = &[
    "admin.half_frame_seconds",
    "admin.idle_seconds",
    "admin.password",
    "admin.viewer_password",
    "admin.write_timeout_seconds",
    "admission",
    "delivery",
    "http.requests_burst",
    "http.requests_per_second",
    "institution",
    "log.level",
    "prices",
    "strategy",
];
/// Endings of the names of keys whose values nobody is shown.
const SECRET: &[&str] = &["password", "secret", "secrets", "token", "api_key", "private_key", "credentials"];
/// What is shown of a secret that is set.
const MASK: &str = "(secret)";

/// Lists whose items have names: by the key that names them.
const NAMED: &[(&str, &str)] = &[("institution", "cbe"), ("strategy", "name")];

/// When a changed key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Applies {
    /// At once.
    Now,
    /// After a restart.
    Restart,
}

/// A key that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The key; items of lists by their name: `institution.0206731645.retention_days`.
    pub key: String,
    /// What it was; `null` when it is new.
    pub old: Value,
    /// What it is; `null` when it is gone.
    pub new: Value,
    /// When it holds.
    pub applies: Applies,
}

/// Every key of a configuration with its value, flat; with secrets, so it shows itself masked only.
#[derive(Clone, Default)]
pub struct Keys(BTreeMap<String, Value>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.shown()).finish()
    }
}

impl Keys {
    pub(super) fn of(raw: &impl Serialize) -> Self {
        let mut keys = BTreeMap::new();
        flatten("", &serde_json::to_value(raw).unwrap_or_default(), &mut keys);
        Self(keys)
    }

    /// Every key with its value, masked.
    pub fn shown(&self) -> BTreeMap<String, Value> {
        self.0.iter().map(|(key, value)| masked(key.clone(), value.clone())).collect()
    }

    /// Takes over from `newer` what holds at once; what needs a restart stays different.
    pub fn follow(&mut self, newer: &Self) {
        self.0.retain(|key, _| !is_live(key));
        self.0.extend(newer.0.iter().filter(|(key, _)| is_live(key)).map(|(key, value)| (key.clone(), value.clone())));
    }

    /// What differs in `newer`, by key.
    pub fn difference(&self, newer: &Self) -> Vec<Difference> {
        let (old, new) = (&self.0, &newer.0);
        let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        let differing = keys.into_iter().filter(|key| old.get(*key) != new.get(*key));
        let shown = |side: &BTreeMap<String, Value>, key: &String| {
            side.get(key).map_or(Value::Null, |value| masked(key.clone(), value.clone()).1)
        };
        differing
            .map(|key| Difference {
                key: key.clone(),
                old: shown(old, key),
                new: shown(new, key),
                applies: if is_live(key) { Applies::Now } else { Applies::Restart },
            })
            .collect()
    }
}

fn is_live(key: &str) -> bool {
    LIVE.iter().any(|live| {
        let mut parts = key.split('.');
        live.split('.').all(|wanted| parts.next().is_some_and(|part| wanted == "*" || wanted == part))
    })
}

fn masked(key: String, value: Value) -> (String, Value) {
    let name = key.rsplit('.').next().unwrap_or_default();
    let is_set = !matches!(&value, Value::Null) && value.as_str() != Some("");
    let is_secret = SECRET.iter().any(|ending| name.ends_with(ending));
    let value = if is_secret && is_set { Value::from(MASK) } else { value };
    (key, value)
}

fn flatten(at: &str, value: &Value, keys: &mut BTreeMap<String, Value>) {
    let below = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    match value {
        Value::Object(pairs) => pairs.iter().for_each(|(name, value)| flatten(&below(name), value, keys)),
        Value::Array(items) if items.iter().any(Value::is_object) => {
            let name_of = NAMED.iter().find(|(list, _)| *list == at).map(|(_, name)| *name);
            for (place, item) in items.iter().enumerate() {
                let named = name_of.and_then(|name| item.get(name)).and_then(Value::as_str);
                flatten(&below(&named.map_or_else(|| place.to_string(), str::to_owned)), item, keys);
            }
        }
        leaf => {
            keys.insert(at.to_owned(), leaf.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    fn config(toml: &str) -> Keys {
        parse(Some(toml), Vec::new()).unwrap().keys
    }

    fn differing(old: &str, new: &str) -> Vec<(String, Value, Value, Applies)> {
        let told = config(old).difference(&config(new));
        told.into_iter().map(|one| (one.key, one.old, one.new, one.applies)).collect()
    }

    #[test]
    fn keys_that_differ_are_told_with_both_values_and_when_they_hold() {
        let told = differing(
            "[delivery.sms]\nwindow = 5\n[journal]\ncache_mib = 64\n",
            "[delivery.sms]\nwindow = 9\n[journal]\ncache_mib = 128\n",
        );
        assert_eq!(
            told,
            [
                ("delivery.sms.window".to_owned(), 5.into(), 9.into(), Applies::Now),
                ("journal.cache_mib".to_owned(), 64.into(), 128.into(), Applies::Restart),
            ]
        );
        assert_eq!(differing("", "[delivery.sms]\nwindow = 256\n"), [], "a default that is written out is the same");
    }

    #[test]
    fn what_needs_a_restart_stays_different_until_there_was_one() {
        let mut now = config("");
        let newer = config("[delivery.sms]\nwindow = 9\n[journal]\ncache_mib = 128\n");
        now.follow(&newer);
        let left: Vec<_> = now.difference(&newer).into_iter().map(|one| one.key).collect();
        assert_eq!(left, ["journal.cache_mib"]);
        assert_eq!(now.shown()["delivery.sms.window"], 9);
        assert_eq!(now.shown()["journal.cache_mib"], 64);
    }

    #[test]
    fn items_of_lists_go_by_their_names_and_not_by_their_places() {
        let one = "[[institution]]\ncbe = \"0206731645\"\nname = \"A\"\n";
        let other = "[[institution]]\ncbe = \"0403019261\"\nname = \"B\"\n";
        assert_eq!(differing(&format!("{one}{other}"), &format!("{other}{one}")), []);
        let told = differing(one, &format!("{other}{}", one.replace('A', "C")));
        let keys: Vec<_> = told.iter().map(|(key, ..)| key.as_str()).collect();
        assert!(keys.contains(&"institution.0403019261.cbe") && keys.contains(&"institution.0206731645.name"));
        assert!(!keys.contains(&"institution.0206731645.cbe"));
        assert!(told.iter().all(|(.., applies)| *applies == Applies::Now));
    }

    #[test]
    fn a_secret_is_said_to_differ_and_never_shown() {
        let sms = |key: &str, secret: &str| {
            format!(
                "[channels.sms]\napi_key = \"{key}\"\ncallback_secret = \"{secret}\"\nbase_url = \"http://x\"\n[admin]\npassword = \"{key}\"\n"
            )
        };
        let (old, new) = (config(&sms("hush-1", "hush-2")), config(&sms("hush-3", "hush-2")));
        let told = old.difference(&new);
        assert_eq!(told.len(), 2);
        for text in [format!("{told:?}"), format!("{:?}", new.shown()), format!("{new:?}")] {
            assert!(!text.contains("hush"), "{text}");
        }
        assert_eq!(told[0].key, "admin.password");
        assert_eq!((told[1].key.as_str(), told[1].applies), ("channels.sms.api_key", Applies::Restart));
        assert_eq!(new.shown()["channels.sms.base_url"], "http://x");
        assert_eq!(config("").shown()["admin.password"], "", "that none is set may be seen");
    }

    #[test]
    fn every_live_key_is_there() {
        let keys = config("[[institution]]\ncbe = \"0206731645\"\nname = \"A\"\n[[strategy]]\nname = \"s\"\n[[strategy.step]]\nchannel = \"sms\"\n").shown();
        for live in LIVE {
            assert!(keys.keys().any(|key| key.starts_with(live)), "{live} is no key");
        }
    }
}
