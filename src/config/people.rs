//! Checks of institutions and strategies: the parts of the configuration that are lists.
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::dossier::Code;
use estafette_actors::domain::language::Language;
use estafette_actors::domain::strategy::{self, Condition, OnUnknown, Order, Otherwise, Step, Strategy, Success};
use estafette_actors::domain::submission;
use estafette_actors::ports::register::CONTEXT_LENGTH;

use super::check::{Checker, DAY};
use super::checked::Institution;
use super::raw;

/// Names that an institution may send as at most, and characters of each: as many as a message may give.
const SENDER_NAMES_MAX: usize = 50;
const SENDER_NAME_MAX: usize = 40;

impl Checker<'_> {
    pub(super) fn institutions(&mut self, raw: &[raw::Institution], strategies: &[Strategy]) -> Vec<Institution> {
        let mut institutions = Vec::new();
        let mut numbers = BTreeSet::new();
        for (place, one) in raw.iter().enumerate() {
            let key = |name: &str| format!("institution.{place}.{name}");
            let id = match Cbe::parse(&one.cbe) {
                Ok(cbe) => Some(submission::Institution(cbe)),
                Err(_) if one.cbe.is_empty() => {
                    self.wrong(&key("cbe"), "missing; give the CBE number of the institution");
                    None
                }
                Err(error) => {
                    self.wrong(&key("cbe"), error.to_string());
                    None
                }
            };
            if id.is_some_and(|id| !numbers.insert(id)) {
                self.wrong(&key("cbe"), "given twice; keep one of the two tables");
            }
            if one.name.trim().is_empty() {
                self.wrong(&key("name"), "missing; give the name that people know it by");
            }
            for name in &one.strategies {
                if !strategies.iter().any(|strategy| *strategy.name == **name) {
                    self.wrong(&key("strategies"), format!("no strategy is named {name:?}; define it or leave it out"));
                }
            }
            let default_language = Language::parse(&one.default_language).unwrap_or_else(|_| {
                self.wrong(&key("default_language"), "unknown; give fr, nl, de or en");
                Language::Fr
            });
            for name in &one.sender_names {
                let length = name.chars().count();
                if name.trim().is_empty() || length > SENDER_NAME_MAX || name.chars().any(char::is_control) {
                    self.wrong(
                        &key("sender_names"),
                        format!("give each as one line of 1 to {SENDER_NAME_MAX} characters"),
                    );
                }
            }
            if one.sender_names.len() > SENDER_NAMES_MAX {
                self.wrong(&key("sender_names"), format!("too many; give at most {SENDER_NAMES_MAX}"));
            }
            let mut sender_names = one.sender_names.clone();
            if sender_names.is_empty() {
                sender_names.push(one.name.trim().to_owned());
            }
            let days = self.within(&key("retention_days"), one.retention_days, 3, 90);
            let legal_context = &one.legal_context;
            if legal_context.len() > CONTEXT_LENGTH || !legal_context.bytes().all(|byte| byte.is_ascii_graphic()) {
                self.wrong(&key("legal_context"), format!("give at most {CONTEXT_LENGTH} visible ASCII characters"));
            }
            let requests = self.rate(&key("requests_per_second"), one.requests_per_second);
            if let Some(id) = id {
                institutions.push(Institution {
                    id,
                    name: one.name.clone(),
                    default_language,
                    sender_name: Some(one.sender_name.clone()).filter(|name| !name.is_empty()),
                    sender_names,
                    strategies: one.strategies.clone(),
                    retention: Duration::from_secs(days * DAY),
                    requests,
                    legal_context: Some(legal_context.clone()).filter(|context| !context.is_empty()),
                    operator: one.operator,
                });
            }
        }
        institutions
    }

    pub(super) fn strategies(&mut self, raw: &[raw::Strategy]) -> Vec<Strategy> {
        let mut strategies = strategy::built_in();
        for (place, one) in raw.iter().enumerate() {
            let table = format!("strategy.{place}");
            let unknown = [("resend", OnUnknown::Resend), ("fail", OnUnknown::Fail)];
            let orders = [("given", Order::Given), ("cheapest", Order::Cheapest)];
            let on_unknown = self.one_of(&format!("{table}.on_unknown"), &one.on_unknown, &unknown);
            let order = self.one_of(&format!("{table}.order"), &one.order, &orders);
            let found = self.mistakes_so_far();
            let steps =
                one.step.iter().enumerate().filter_map(|(n, step)| self.step(&format!("{table}.step.{n}"), step));
            let steps = steps.collect();
            let steps_are_right = self.mistakes_so_far() == found;
            let made = Strategy { name: one.name.clone().into(), steps, on_unknown, order };
            if strategies.iter().any(|other| other.name == made.name) {
                self.wrong(&format!("{table}.name"), "given twice, or that of a built-in strategy; choose another");
            } else if steps_are_right && let Err(error) = made.check() {
                let key =
                    if error == strategy::Error::Name { format!("{table}.name") } else { format!("{table}.step") };
                self.wrong(&key, error.to_string());
            } else {
                strategies.push(made);
            }
        }
        strategies
    }

    /// Of which dossier types each strategy demands one.
    pub(super) fn demands(&mut self, raw: &[raw::Strategy], has_register: bool) -> HashMap<Box<str>, Vec<Code>> {
        let mut demands = HashMap::new();
        for (place, one) in raw.iter().enumerate().filter(|(_, one)| !one.require_dossier.is_empty()) {
            let key = format!("strategy.{place}.require_dossier");
            if !has_register {
                self.wrong(&key, "needs the register: set register.enabled, or leave it out");
            }
            let codes: Result<Vec<Code>, _> = one.require_dossier.iter().map(|code| Code::parse(code)).collect();
            match codes {
                Ok(codes) => drop(demands.insert(one.name.clone().into(), codes)),
                Err(error) => self.wrong(&key, error.to_string()),
            }
        }
        demands
    }

    fn step(&mut self, table: &str, raw: &raw::Step) -> Option<Step> {
        let key = |name: &str| format!("{table}.{name}");
        let conditions = [("reachable", Condition::Reachable), ("always", Condition::Always)];
        let successes = [("sent", Success::Sent), ("delivered", Success::Delivered), ("read", Success::Read)];
        let others = [("next", Otherwise::Next), ("end", Otherwise::End)];
        let track = self.within(&key("track"), raw.track, 0, strategy::MAX_STEPS as u64 - 1);
        let condition = self.one_of(&key("condition"), &raw.condition, &conditions);
        let success = self.one_of(&key("success"), &raw.success, &successes);
        let otherwise = self.one_of(&key("otherwise"), &raw.otherwise, &others);
        let horizon = self.span(&key("horizon"), &raw.horizon);
        let channel = self.channel(&key("channel"), &raw.channel)?;
        if !raw::CHANNELS.contains(&channel.as_str()) {
            self.wrong(&key("channel"), format!("no such channel; there are {}", raw::CHANNELS.join(", ")));
        }
        Some(Step { track: track as u8, channel, condition, success, horizon, otherwise })
    }

    /// A span in words, such as `24h` or `1h 30m`.
    fn span(&mut self, key: &str, text: &str) -> Duration {
        let read = text.parse::<jiff::SignedDuration>().ok().and_then(|span| Duration::try_from(span).ok());
        let least = Duration::from_secs(1);
        match read {
            Some(span) if (least..=strategy::MAX_HORIZON).contains(&span) => span,
            Some(_) => {
                self.wrong(key, "out of bounds; give 1s to 720h");
                least
            }
            None => {
                self.wrong(key, "not a span of time; give hours, minutes or seconds, such as 24h or 90m");
                least
            }
        }
    }
}
