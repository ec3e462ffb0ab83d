//! Two checked configurations side by side: which keys differ, what they were and are, and what of
//! it holds at once.
//!
//! Invariant: a secret is masked in whatever leaves here, and a key that no line of [`LIVE`] names
//! needs a restart: what is new is safe before it is live. What is said to hold at once is what [`Keys::follow`] takes over.
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// Keys that hold at once, and everything below them; `*` is a table that is there before and after.
const LIVE: &[&str] = &[
    "admin.half_frame_seconds",
    "admin.idle_seconds",
    "admin.password",
    "admin.viewer_password",
    "admin.write_timeout_seconds",
    "admission",
    "channels.*",
    "delivery",
    "http.requests_burst",
    "http.requests_per_second",
    "institution",
    "log.level",
    "mailbox.client",
    "mailbox.provider_elsewhere",
    "prices",
    "sandbox.channels.*",
    "service",
    "strategy",
];
/// Endings of the names of keys whose values nobody is shown.
const SECRET: &[&str] = &["password", "secret", "secrets", "token", "api_key", "private_key", "credentials"];
/// What is shown of a secret that is set.
const MASK: &str = "(secret)";

/// Lists whose items have names: by the key that names them.
const NAMED: &[(&str, &str)] = &[
    ("channels.sms.providers", "name"),
    ("institution", "cbe"),
    ("mailbox.client", "id"),
    ("mailbox.provider_elsewhere", "id"),
    ("sandbox.channels.sms.providers", "name"),
    ("strategy", "name"),
];

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

/// A configuration as it was read, every key with its value; with secrets, so it shows itself masked only.
#[derive(Clone, Default)]
pub struct Keys(Value);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.shown()).finish()
    }
}

impl Keys {
    pub(super) fn of(raw: &impl Serialize) -> Self {
        Self(serde_json::to_value(raw).unwrap_or_default())
    }

    /// The whole of it, for those who check it.
    pub(super) fn whole(&self) -> &Value {
        &self.0
    }

    fn flat(&self) -> BTreeMap<String, Value> {
        let mut keys = BTreeMap::new();
        flatten("", &self.0, &mut keys);
        keys
    }

    /// Every key with its value, masked.
    pub fn shown(&self) -> BTreeMap<String, Value> {
        self.flat().into_iter().map(|(key, value)| masked(key, value)).collect()
    }

    /// Whether nothing below a key differs in `other`.
    pub fn is_same(&self, other: &Self, key: &str) -> bool {
        let below = |keys: &Self| key.split('.').try_fold(&keys.0, |at, part| at.get(part)).cloned();
        below(self) == below(other)
    }

    /// What is in force when `newer` is read: of `newer` what holds at once, and all else as it is.
    #[must_use]
    pub fn follow(&self, newer: &Self) -> Self {
        let mut whole = self.0.clone();
        for live in LIVE {
            let path: Vec<&str> = live.split('.').collect();
            take_over(&mut whole, &newer.0, &path);
        }
        Self(whole)
    }

    /// What differs in `newer`, by key.
    pub fn difference(&self, newer: &Self) -> Vec<Difference> {
        let in_force = self.follow(newer).flat();
        let (old, new) = (self.flat(), newer.flat());
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
                old: shown(&old, key),
                new: shown(&new, key),
                applies: if in_force.get(key) == new.get(key) { Applies::Now } else { Applies::Restart },
            })
            .collect()
    }
}

fn take_over(now: &mut Value, newer: &Value, path: &[&str]) {
    match path.split_first() {
        None => now.clone_from(newer),
        Some((&"*", rest)) => {
            for (name, now) in now.as_object_mut().into_iter().flatten() {
                if let Some(newer) = newer.get(name) {
                    take_over(now, newer, rest);
                }
            }
        }
        Some((part, rest)) => {
            if let (Some(now), Some(newer)) = (now.get_mut(*part), newer.get(*part)) {
                take_over(now, newer, rest);
            }
        }
    }
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
        let newer = config("[delivery.sms]\nwindow = 9\n[journal]\ncache_mib = 128\n");
        let now = config("").follow(&newer);
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
    fn a_channel_may_change_and_neither_come_nor_go_without_a_restart() {
        let sms = |weight: u32| {
            format!(
                "[[channels.sms.providers]]\nname = \"a\"\nweight = {weight}\n[[channels.sms.providers]]\nname = \"b\"\n"
            )
        };
        assert_eq!(
            differing(&sms(1), &sms(2)),
            [("channels.sms.providers.a.weight".to_owned(), 1.into(), 2.into(), Applies::Now)]
        );
        for (old, new) in [(String::new(), sms(1)), (sms(1), String::new())] {
            let told = differing(&old, &new);
            assert!(!told.is_empty() && told.iter().all(|(.., applies)| *applies == Applies::Restart), "{told:?}");
            assert!(config(&old).is_same(&config(&old).follow(&config(&new)), "channels"));
        }
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
        assert_eq!((told[1].key.as_str(), told[1].applies), ("channels.sms.api_key", Applies::Now));
        assert_eq!(new.shown()["channels.sms.base_url"], "http://x");
        assert_eq!(config("").shown()["admin.password"], "", "that none is set may be seen");
    }

    #[test]
    fn every_live_key_is_there() {
        let keys = config(
            "[channels.sms]\nbase_url = \"b\"\n[sandbox.channels.sms]\nbase_url = \"b\"\n\
             [[institution]]\ncbe = \"0206731645\"\nname = \"A\"\n\
             [[strategy]]\nname = \"s\"\n[[strategy.step]]\nchannel = \"sms\"\n",
        );
        let keys = keys.shown();
        for live in LIVE {
            let live = live.trim_end_matches('*');
            assert!(keys.keys().any(|key| key.starts_with(live)), "{live} is no key");
        }
    }
}
