//! From the raw configuration to the checked one. Every rule is looked at, whatever was found
//! before; a value out of bounds is replaced by one that lets checking go on.
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use estafette_actors::delivery::PerRecipient;
use estafette_actors::domain::backoff::Backoff;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::price::{Money, PriceList, Tariff};
use estafette_actors::domain::webhook::Patience;
use estafette_actors::nursery::Budget;
use estafette_actors::ports::Polling;

use super::checked::{
    Actors, Admin, Admission, Config, Delivery, Events, Http, Journal, Log, LogFormat, Lookup, Messages, Register,
    Secret, Webhooks,
};
use super::{Mistake, raw};

const MICROS_IN_EURO: f64 = 1_000_000.0;
const HOUR: u64 = 3_600;
/// Seconds of a day.
pub(super) const DAY: u64 = 24 * HOUR;

/// Notes mistakes under the key that is looked at.
pub(super) struct Checker<'m> {
    mistakes: &'m mut Vec<Mistake>,
}

impl<'m> Checker<'m> {
    pub(super) fn new(mistakes: &'m mut Vec<Mistake>) -> Self {
        Self { mistakes }
    }

    pub(super) fn mistakes_so_far(&self) -> usize {
        self.mistakes.len()
    }

    pub(super) fn wrong(&mut self, key: &str, what: impl Into<String>) {
        self.mistakes.push(Mistake { key: key.into(), what: what.into() });
    }

    /// A number within bounds, both included.
    pub(super) fn within(&mut self, key: &str, value: u64, least: u64, most: u64) -> u64 {
        if !(least..=most).contains(&value) {
            self.wrong(key, format!("{value} is out of bounds; give {least} to {most}"));
        }
        value.clamp(least, most)
    }

    pub(super) fn millis(&mut self, key: &str, value: u64, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.within(key, value, least, most))
    }

    fn seconds(&mut self, key: &str, value: u64, least: u64, most: u64) -> Duration {
        Duration::from_secs(self.within(key, value, least, most))
    }

    fn hours(&mut self, key: &str, value: u64, least: u64, most: u64) -> Duration {
        Duration::from_secs(self.within(key, value, least, most) * HOUR)
    }

    pub(super) fn count(&mut self, key: &str, value: u64, least: u64, most: u64) -> usize {
        usize::try_from(self.within(key, value, least, most)).unwrap_or(usize::MAX)
    }

    /// A number of messages or requests a second; 0 for no limit.
    pub(super) fn rate(&mut self, key: &str, value: u64) -> Option<NonZeroU32> {
        NonZeroU32::new(u32::try_from(self.within(key, value, 0, 1_000_000)).unwrap_or(u32::MAX))
    }

    /// A limit, which may be left out. None of it would be a channel that sends nothing and says nothing of it.
    fn limit(&mut self, key: &str, value: Option<u64>, most: u64) -> Option<NonZeroU32> {
        if value == Some(0) {
            self.wrong(
                key,
                format!("0 would let nothing through; give 1 to {most}, or leave the key out for no limit"),
            );
        }
        let value = value.filter(|value| *value > 0)?;
        NonZeroU32::new(u32::try_from(self.within(key, value, 1, most)).unwrap_or(u32::MAX))
    }

    fn fraction(&mut self, key: &str, value: f64, least: f64, most: f64) -> f64 {
        if !(least..=most).contains(&value) {
            self.wrong(key, format!("{value} is out of bounds; give {least} to {most}"));
            return least;
        }
        value
    }

    fn address(&mut self, key: &str, text: &str) -> SocketAddr {
        text.parse().unwrap_or_else(|_| {
            self.wrong(key, "not an address; give an IP address and a port, such as 127.0.0.1:8080");
            SocketAddr::from(([127, 0, 0, 1], 0))
        })
    }

    pub(super) fn one_of<T: Copy>(&mut self, key: &str, text: &str, known: &[(&str, T)]) -> T {
        if let Some((_, value)) = known.iter().find(|(name, _)| *name == text) {
            return *value;
        }
        let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
        self.wrong(key, format!("unknown; give {}", names.join(" or ")));
        known[0].1
    }

    pub(super) fn channel(&mut self, key: &str, name: &str) -> Option<Channel> {
        match name.parse() {
            Ok(channel) => Some(channel),
            Err(error) => {
                let error: estafette_actors::domain::channel::Error = error;
                self.wrong(key, error.to_string());
                None
            }
        }
    }

    /// Checks everything.
    pub(super) fn config(&mut self, raw: raw::Raw) -> Config {
        let strategies = self.strategies(&raw.strategy);
        let mut delivery = BTreeMap::new();
        for (name, table) in &raw.delivery {
            if let Some(channel) = self.channel(&format!("delivery.{name}"), name) {
                delivery.insert(channel, self.delivery(&format!("delivery.{name}"), table));
            }
        }
        for name in raw.channels.keys() {
            self.channel(&format!("channels.{name}"), name);
        }
        for name in raw.sandbox.channels.keys() {
            self.channel(&format!("sandbox.channels.{name}"), name);
        }
        if raw.sandbox.simulated && !raw.sandbox.channels.is_empty() {
            let what = "true means that [channels] are simulators already: remove [sandbox.channels], or give false";
            self.wrong("sandbox.simulated", what);
        }
        let institutions = self.institutions(&raw.institution, &strategies);
        let mut mailbox = self.mailbox(&raw.mailbox, (&raw.data.folder, raw.journal.keep_free_mib));
        let notices = self.notices(&raw.mailbox, &raw.data.folder, (&institutions, &strategies));
        if let Some(mailbox) = &mut mailbox {
            mailbox.notices = notices;
        }
        Config {
            http: self.http(&raw.http),
            admin: self.admin(&raw.admin),
            data_folder: self.folder("data.folder", &raw.data.folder),
            journal: self.journal(&raw.journal),
            lookup: Lookup {
                kept: Duration::from_secs(self.within("lookup.days", raw.lookup.days, 1, 3_650) * DAY),
                idempotency: self.hours("lookup.idempotency_hours", raw.lookup.idempotency_hours, 1, 24 * 30),
            },
            messages: self.messages(&raw.messages),
            actors: self.actors(&raw.actors),
            events: self.events(&raw.events),
            webhooks: self.webhooks(&raw.webhooks),
            admission: Admission {
                submissions: self.count("admission.submissions", raw.admission.submissions, 1, 1_000_000),
                chunks: self.count("admission.chunks", raw.admission.chunks, 1, 1_024),
                receipts: self.count("admission.receipts", raw.admission.receipts, 1, 100_000),
            },
            delivery,
            channels: raw.channels,
            prices: self.prices(&raw.prices),
            registry_file: Some(raw.registry.file).filter(|file| !file.is_empty()).map(PathBuf::from),
            register: self.register(&raw.register),
            persons: self.persons(&raw.register.persons),
            mailbox,
            believed: self.seconds("registry.unreachable_seconds", raw.registry.unreachable_seconds, 1, DAY),
            simulated: raw.sandbox.simulated,
            sandbox: raw.sandbox.channels,
            suppressions: self.count("suppressions.entries", raw.suppressions.entries, 0, 50_000_000),
            urgent_within: self.millis("service.urgent_within_ms", raw.service.urgent_within_ms, 1, DAY * 1_000),
            log: self.log(raw.log),
            backup_folder: self.folder("backup.folder", &raw.backup.folder),
            drain: self.seconds("shutdown.drain_seconds", raw.shutdown.drain_seconds, 0, 300),
            keys: super::Keys::default(),
            institutions,
            demands: self.demands(&raw.strategy, raw.register.enabled),
            strategies,
        }
    }

    fn http(&mut self, raw: &raw::Http) -> Http {
        if raw.requests_burst > 0 && raw.requests_burst < raw.requests_per_second {
            self.wrong("http.requests_burst", "less than requests_per_second; give at least as much, or 0");
        }
        Http {
            address: self.address("http.address", &raw.address),
            workers: self.count("http.workers", raw.workers, 1, 64),
            body_bytes: self.count("http.body_bytes", raw.body_bytes, 64 << 10, 64 << 20),
            stream_bytes: self.within("http.stream_bytes", raw.stream_bytes, 1 << 20, 1 << 40),
            connections: self.count("http.connections", raw.connections, 1, 100_000),
            request_timeout: self.seconds("http.request_timeout_seconds", raw.request_timeout_seconds, 1, 3_600),
            requests: self.rate("http.requests_per_second", raw.requests_per_second),
            requests_burst: self.rate("http.requests_burst", raw.requests_burst),
            head_timeout: self.seconds("http.head_timeout_seconds", raw.head_timeout_seconds, 1, 300),
            keep_alive: self.seconds("http.keep_alive_seconds", raw.keep_alive_seconds, 1, 3_600),
            callback_bytes: self.count("http.callback_bytes", raw.callback_bytes, 4 << 10, 16 << 20),
            envelope_bytes: self.count("http.envelope_bytes", raw.envelope_bytes, 16 << 10, 4 << 20),
            uploads: self.count("http.uploads", raw.uploads, 1, 64),
            reported_rows: self.count("http.reported_rows", raw.reported_rows, 1, 10_000),
        }
    }

    fn messages(&mut self, raw: &raw::Messages) -> Messages {
        let messages = Messages {
            wait: self.seconds("messages.wait_seconds", raw.wait_seconds, 0, 30),
            wait_max: self.seconds("messages.wait_max_seconds", raw.wait_max_seconds, 1, 30),
            validity: self.hours("messages.validity_hours", raw.validity_hours, 1, 24 * 30),
            validity_max: self.hours("messages.validity_max_hours", raw.validity_max_hours, 1, 24 * 30),
        };
        if messages.wait > messages.wait_max {
            self.wrong("messages.wait_seconds", "longer than wait_max_seconds; give at most as much");
        }
        if messages.validity > messages.validity_max {
            self.wrong("messages.validity_hours", "longer than validity_max_hours; give at most as much");
        }
        messages
    }

    fn actors(&mut self, raw: &raw::Actors) -> Actors {
        Actors {
            mailbox: self.count("actors.mailbox", raw.mailbox, 1_024, 1_048_576),
            budget: Budget {
                restarts: self.count("actors.restarts", raw.restarts, 0, 1_000),
                within: self.seconds("actors.restarts_within_seconds", raw.restarts_within_seconds, 1, HOUR),
                first_pause: self.millis("actors.restart_pause_ms", raw.restart_pause_ms, 1, 60_000),
            },
        }
    }

    fn events(&mut self, raw: &raw::Events) -> Events {
        Events {
            kept: Duration::from_secs(self.within("events.kept_days", raw.kept_days, 1, 365) * DAY),
            streams: self.count("events.streams", raw.streams, 1, 10_000),
            institution_streams: self.count("events.institution_streams", raw.institution_streams, 1, 1_000),
            heartbeat: self.seconds("events.heartbeat_seconds", raw.heartbeat_seconds, 1, 300),
            reader_timeout: self.seconds("events.reader_timeout_seconds", raw.reader_timeout_seconds, 1, 300),
        }
    }

    fn webhooks(&mut self, raw: &raw::Webhooks) -> Webhooks {
        let hours = |hours| Duration::from_secs(hours * HOUR);
        let mut allowed = Vec::new();
        for text in &raw.allowed_networks {
            match text.parse() {
                Ok(network) => allowed.push(network),
                Err(what) => {
                    let what: String = what;
                    self.wrong("webhooks.allowed_networks", what);
                }
            }
        }
        let backoff = Backoff {
            first: self.seconds("webhooks.retry_first_seconds", raw.retry_first_seconds, 1, HOUR),
            factor: self.fraction("webhooks.retry_factor", raw.retry_factor, 1.0, 100.0),
            max: self.seconds("webhooks.retry_max_seconds", raw.retry_max_seconds, 1, DAY),
            jitter: self.fraction("webhooks.retry_jitter", raw.retry_jitter, 0.0, 1.0),
            attempts: 200,
        };
        let give_up = hours(self.within("webhooks.give_up_hours", raw.give_up_hours, 1, 24 * 30));
        Webhooks {
            each: self.count("webhooks.each_institution", raw.each_institution, 1, 100),
            concurrency: self.count("webhooks.concurrency", raw.concurrency, 1, 200),
            connect: self.seconds("webhooks.connect_seconds", raw.connect_seconds, 1, 60),
            whole: self.seconds("webhooks.call_seconds", raw.call_seconds, 1, 300),
            patience: Patience { backoff, give_up, ..Patience::default() },
            overlap: hours(self.within("webhooks.secret_overlap_hours", raw.secret_overlap_hours, 1, 24 * 30)),
            allowed,
        }
    }

    fn admin(&mut self, raw: &raw::Admin) -> Admin {
        let address = self.address("admin.address", &raw.address);
        if raw.password.is_empty() && !address.ip().is_loopback() {
            let what = "an address that others can reach needs a password: set one, or listen on 127.0.0.1";
            self.wrong("admin.password", what);
        }
        if !raw.viewer_password.is_empty() && raw.password.is_empty() {
            let what = "without a password of the operator everybody is the operator: set admin.password too";
            self.wrong("admin.viewer_password", what);
        }
        if !raw.viewer_password.is_empty() && raw.viewer_password == raw.password {
            self.wrong("admin.viewer_password", "the same as admin.password; give another");
        }
        let secret = |text: &str| Some(text).filter(|text| !text.is_empty()).map(Secret::new);
        Admin {
            address,
            password: secret(&raw.password),
            viewer_password: secret(&raw.viewer_password),
            connections: self.count("admin.connections", raw.connections, 1, 10_000),
            idle: self.seconds("admin.idle_seconds", raw.idle_seconds, 1, DAY),
            half_frame: self.seconds("admin.half_frame_seconds", raw.half_frame_seconds, 1, 300),
            write_timeout: self.seconds("admin.write_timeout_seconds", raw.write_timeout_seconds, 1, 300),
        }
    }

    fn folder(&mut self, key: &str, folder: &str) -> PathBuf {
        if folder.is_empty() {
            self.wrong(key, "empty; give a folder");
        }
        PathBuf::from(folder)
    }

    fn journal(&mut self, raw: &raw::Journal) -> Journal {
        let hours = self.within("journal.segment_age_hours", raw.segment_age_hours, 1, 24 * 31);
        Journal {
            trigger: self.millis("journal.trigger_ms", raw.trigger_ms, 0, 100),
            segment_bytes: self.within("journal.segment_bytes", raw.segment_bytes, 1 << 20, 16 << 30),
            segment_age: Duration::from_secs(hours * HOUR),
            cache_bytes: self.count("journal.cache_mib", raw.cache_mib, 4, 4_096) << 20,
            flush_after: self.millis("journal.flush_after_ms", raw.flush_after_ms, 10, 60_000),
            keep_free: self.within("journal.keep_free_mib", raw.keep_free_mib, 0, 1 << 30) << 20,
            derived_sync: self.millis("journal.derived_sync_ms", raw.derived_sync_ms, 0, 600_000),
            retention: Duration::from_secs(self.within("journal.retention_days", raw.retention_days, 3, 90) * DAY),
            receipts: Duration::from_secs(self.within("journal.receipts_days", raw.receipts_days, 90, 3_650) * DAY),
            parked: Duration::from_secs(self.within("journal.parked_days", raw.parked_days, 1, 30) * DAY),
            parked_receipts: self.count("journal.parked_receipts", raw.parked_receipts, 1_000, 10_000_000),
            unwritten_states: self.count("journal.unwritten_states", raw.unwritten_states, 1_024, 10_000_000),
            waiting_batches: self.count("journal.waiting_batches", raw.waiting_batches, 16, 65_536),
        }
    }

    fn persons(&mut self, raw: &raw::Persons) -> Option<crate::source::Settings> {
        let forms = [("embedded", false), ("http", true)];
        let is_elsewhere = self.one_of("register.persons.source", &raw.source, &forms);
        let timeout = self.millis("register.persons.timeout_ms", raw.timeout_ms, 10, 60_000);
        if !is_elsewhere {
            return None;
        }
        let rest = ["http://", "https://"].iter().find_map(|scheme| raw.base_url.strip_prefix(scheme));
        if rest.is_none_or(|rest| rest.is_empty() || rest.contains(['@', '?', '#', ' '])) {
            let what = "not an address; give http:// or https:// with a host, such as https://persons.example.be/v1";
            self.wrong("register.persons.base_url", what);
        }
        if !raw.token.bytes().all(|byte| byte.is_ascii_graphic()) {
            self.wrong("register.persons.token", "has characters that fit in no header; give the token as you got it");
        }
        let token = Some(raw.token.as_str()).filter(|token| !token.is_empty()).map(Into::into);
        Some(crate::source::Settings { base_url: raw.base_url.clone(), token, timeout })
    }

    fn register(&mut self, raw: &raw::Register) -> Option<Register> {
        let register = Register {
            cache_bytes: self.count("register.cache_mib", raw.cache_mib, 4, 65_536) << 20,
            flush_after: self.millis("register.flush_after_ms", raw.flush_after_ms, 10, 60_000),
            unwritten_bytes: self.count("register.unwritten_mib", raw.unwritten_mib, 1, 4_096) << 20,
            waiting_changes: self.count("register.waiting_changes", raw.waiting_changes, 16, 65_536),
            audit_within: self.millis("register.audit_within_ms", raw.audit_within_ms, 1, 10_000),
            audit_waiting: self.count("register.audit_waiting", raw.audit_waiting, 1_024, 10_000_000),
            audit_kept: Duration::from_secs(self.within("register.audit_days", raw.audit_days, 1, 36_525) * DAY),
            file_mutations: self.count("register.mutations_per_file", raw.mutations_per_file, 1, 100_000),
            mutations_kept: Duration::from_secs(
                self.within("register.mutations_kept_days", raw.mutations_kept_days, 1, 36_525) * DAY,
            ),
        };
        raw.enabled.then_some(register)
    }

    fn delivery(&mut self, table: &str, raw: &raw::Delivery) -> Delivery {
        let key = |name: &str| format!("{table}.{name}");
        let breaker = self.within(&key("breaker_failures"), raw.breaker_failures, 1, 10_000);
        let retry = &raw.retry;
        let attempts = self.within(&key("retry.attempts"), retry.attempts, 0, 200);
        let backoff = Backoff {
            first: self.millis(&key("retry.first_ms"), retry.first_ms, 1, HOUR * 1_000),
            factor: self.fraction(&key("retry.factor"), retry.factor, 1.0, 100.0),
            max: self.millis(&key("retry.max_ms"), retry.max_ms, 1, DAY * 1_000),
            jitter: self.fraction(&key("retry.jitter"), retry.jitter, 0.0, 1.0),
            attempts: u8::try_from(attempts).unwrap_or(u8::MAX),
        };
        if backoff.max < backoff.first {
            self.wrong(&key("retry.max_ms"), "shorter than first_ms; give at least as much");
        }
        let recipient = self.limit(&key("recipient_parts"), raw.recipient_parts, 10_000);
        let period = self.seconds(&key("recipient_seconds"), raw.recipient_seconds, 1, 30 * DAY);
        let remembered = self.count(&key("recipients_remembered"), raw.recipients_remembered, 1_000, 100_000_000);
        Delivery {
            window: self.count(&key("window"), raw.window, 1, 100_000),
            page: self.count(&key("page"), raw.page, 1, 16_384),
            rate: self.limit(&key("rate_per_second"), raw.rate_per_second, 1_000_000),
            institution_rate: self.limit(
                &key("institution_rate_per_second"),
                raw.institution_rate_per_second,
                1_000_000,
            ),
            recipient: recipient.map(|parts| PerRecipient { parts, period, remembered }),
            breaker_failures: u32::try_from(breaker).unwrap_or(u32::MAX),
            breaker_pause: self.millis(&key("breaker_pause_ms"), raw.breaker_pause_ms, 10, 600_000),
            attempt_timeout: self.seconds(&key("attempt_timeout_seconds"), raw.attempt_timeout_seconds, 1, 300),
            confirm_within: self.millis(&key("confirm_within_ms"), raw.confirm_within_ms, 100, 60_000),
            polling: Polling {
                every: self.seconds(&key("poll_seconds"), raw.poll_seconds, 1, HOUR),
                overlap: self.seconds(&key("poll_overlap_seconds"), raw.poll_overlap_seconds, 0, DAY),
            },
            retry: backoff,
        }
    }

    fn prices(&mut self, raw: &BTreeMap<String, raw::Price>) -> PriceList {
        let mut tariffs = Vec::new();
        for (name, price) in raw {
            self.channel(&format!("prices.{name}"), name);
            let per_message = self.money(&format!("prices.{name}.per_message"), price.per_message);
            let per_part = self.money(&format!("prices.{name}.per_part"), price.per_part);
            tariffs.push((name.clone(), Tariff { per_message, per_part }));
        }
        PriceList::new(tariffs)
    }

    fn money(&mut self, key: &str, euros: f64) -> Money {
        let micros = euros * MICROS_IN_EURO;
        if !(0.0..=1_000.0).contains(&euros) {
            self.wrong(key, "out of bounds; give 0 to 1000 euro");
            return Money::ZERO;
        }
        if (micros - micros.round()).abs() > 1e-3 {
            self.wrong(key, "too fine; give euros with at most six decimals");
        }
        Money(micros.round() as u64)
    }

    fn log(&mut self, raw: raw::Log) -> Log {
        if raw.level.parse::<tracing_subscriber::EnvFilter>().is_err() {
            self.wrong(
                "log.level",
                "not a level; give error, warn, info, debug or trace, or a filter such as info,estafette=debug",
            );
        }
        let forms = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        Log { format: self.one_of("log.format", &raw.format, &forms), level: raw.level }
    }
}
