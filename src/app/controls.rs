//! What an operator may ask of the running program: stop, and another configuration.
//!
//! Invariant: a configuration is put in force whole, as far as it holds without a stop, or not at
//! all; it was checked in the same way as at the start, and so was what it makes together with the keys that
//! stay as they are until a restart, such as the address that the admin port is bound to.
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use estafette_actors::broker::Broker;
use estafette_actors::delivery;
use estafette_actors::domain::backoff::Backoff;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::price::PriceList;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::Transport;
use estafette_actors::register::Demands;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Configured, mailbox};
use crate::channels::Changing;
use crate::config::{self, Applies, Config, Difference, Keys, Source};
use crate::contents::providers::HttpProviders;
use crate::notices::Notices;
use crate::store::persons::Persons;
use crate::store::register::{self, Dossiers};
use crate::store::suppressions::Lists;
use crate::store::webhooks::{FILE, Webhooks};
use crate::store::{self, Store, backup};
use crate::{admin, api, telemetry};

/// How the program is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// What is under way may end, within the bound of the configuration.
    Drained,
    /// Nothing is waited for.
    AtOnce,
}

/// See the head of this file.
pub struct Controls {
    pub(super) broker: Broker,
    pub(super) api: Arc<api::App>,
    pub(super) admin: Arc<ArcSwap<admin::Settings>>,
    pub(super) backoff: Arc<ArcSwap<HashMap<Channel, Backoff>>>,
    pub(super) prices: Arc<ArcSwap<PriceList>>,
    pub(super) transports: Vec<Arc<Changing>>,
    pub(super) numbers: Arc<ArcSwap<HashMap<Box<str>, Institution>>>,
    /// What of the e-Box may change; none when it is switched off.
    pub(super) ebox: Option<mailbox::Live>,
    /// Where the configuration came from, and the one in force; none for a demo.
    pub(super) config: Option<Mutex<(Source, Keys)>>,
    pub(super) stop: watch::Sender<Option<Stop>>,
    pub(super) data: Data,
}

/// What a backup takes along.
#[derive(Clone)]
pub struct Data {
    pub(super) store: Store,
    pub(super) persons: Arc<Persons>,
    pub(super) lists: Arc<Lists>,
    pub(super) webhooks: Arc<Webhooks>,
    pub(super) dossiers: Option<Arc<Dossiers>>,
    pub(super) mailboxes: Option<Arc<store::mailbox::Mailboxes>>,
    pub(super) notices: Option<Notices>,
    /// Where backups go.
    pub(super) backups: Option<PathBuf>,
}

impl Data {
    fn backup(&self, name: &str) -> Result<backup::Backup, String> {
        let folder = self.backups.as_ref().ok_or("no folder of backups is set: give backup.folder")?;
        let persons = |path: &Path| self.persons.copy_to(path).map_err(|error| error.to_string());
        let lists = |path: &Path| self.lists.copy_to(path).map_err(|error| error.to_string());
        let webhooks = |path: &Path| self.webhooks.copy_to(path).map_err(|error| error.to_string());
        let mut beside: Vec<backup::Beside<'_>> =
            vec![("persons.redb", &persons), ("suppressions.redb", &lists), (FILE, &webhooks)];
        let dossiers = self.dossiers.as_ref();
        let dossiers = dossiers.map(|all| |path: &Path| all.copy_to(path).map_err(|error| error.to_string()));
        if let Some(dossiers) = &dossiers {
            beside.push((register::FILE, dossiers));
        }
        // Before the mailboxes: what comes between the two is told again after a restore, and not forgotten.
        let book = self.notices.as_ref().map(Notices::book);
        let book = book.map(|book| |path: &Path| book.copy_to(path).map_err(|error| error.to_string()));
        if let Some(book) = &book {
            beside.push((store::notices::FILE, book));
        }
        let mailboxes = self.mailboxes.as_ref();
        let mailboxes = mailboxes.map(|all| |path: &Path| all.copy_to(path).map_err(|error| error.to_string()));
        if let Some(mailboxes) = &mailboxes {
            beside.push((store::mailbox::FILE, mailboxes));
        }
        let made = self.store.backup(folder, name, &beside).map_err(|error| error.to_string())?;
        tracing::info!(name, position = made.position, files = made.files.len(), "a backup was made");
        Ok(made)
    }
}

/// Runs what blocks, and gives what it says as it is shown.
fn blocking<T: Serialize + Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> BoxFuture<'static, admin::Outcome> {
    async move {
        let done = tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())??;
        serde_json::to_value(done).map_err(|error| error.to_string())
    }
    .boxed()
}

impl Controls {
    /// Reads the configuration again and puts in force what can be; says what differs. What needs
    /// a restart stays said at each reload until there was one.
    pub fn read_again(&self) -> Result<Vec<Difference>, String> {
        let known = self.config.as_ref().ok_or("this broker was started without a configuration")?;
        // Held throughout: two reloads at once must not mix.
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let (source, now) = &mut *known;
        let (config, _) = Configured::load(source).map_err(|error| error.to_string())?;
        let in_force = now.follow(&config.keys);
        let mixed =
            |error: String| format!("what needs a restart stays as it is until there is one, and with it {error}");
        let in_force = config::check(&in_force).map_err(|error| mixed(error.to_string()))?;
        let configured = configured(&in_force).map_err(mixed)?;
        // What may fail, before anything is changed.
        let changes_providers = !now.is_same(&in_force.keys, "mailbox.provider_elsewhere");
        let plan = self.ebox.as_ref().zip(configured.blueprint.ebox.as_ref()).filter(|_| changes_providers);
        let providers = plan.map(|(ebox, plan)| ebox.prepare(plan)).transpose().map_err(|error| error.to_string())?;
        let difference = now.difference(&config.keys);
        for one in &difference {
            tracing::info!(key = one.key, old = %one.old, new = %one.new, applies = ?one.applies, "the configuration changed");
        }
        self.put_in_force(now, &in_force, configured, providers.as_ref());
        *now = in_force.keys;
        Ok(difference)
    }

    fn put_in_force(&self, before: &Keys, config: &Config, configured: Configured, providers: Option<&HttpProviders>) {
        let Configured { blueprint, faces } = configured;
        for transport in blueprint.transports {
            let channel = transport.channel();
            let tables = [format!("channels.{channel}"), format!("sandbox.channels.{channel}")];
            if tables.iter().all(|table| before.is_same(&config.keys, table)) {
                continue;
            }
            if let Some(ebox) = &self.ebox {
                transport.at_home(&ebox.home);
            }
            if let Some(here) = self.transports.iter().find(|here| here.channel() == channel) {
                here.change(transport);
            }
        }
        if let Some((ebox, plan)) = self.ebox.as_ref().zip(blueprint.ebox) {
            ebox.know(plan, providers);
        }
        self.numbers.store(Arc::new(blueprint.numbers));
        self.data.store.keep_content_of(blueprint.store.keep.content_of);
        for desk in self.broker.desks() {
            let settings: delivery::Settings = blueprint.deliveries.get(&desk.channel).copied().unwrap_or_default();
            desk.set(settings);
        }
        self.broker.admit(blueprint.admission);
        self.broker.service().set_threshold(blueprint.urgent_within);
        self.backoff.store(Arc::new(blueprint.backoff));
        self.prices.store(Arc::new(blueprint.prices));
        if let Some(dossiers) = &self.data.dossiers {
            self.broker.registry().demand(Demands::new(Arc::clone(dossiers) as _, blueprint.demands));
        }
        self.api.know(faces.known());
        self.admin.store(Arc::new(faces.admin));
        telemetry::set_level(&config.log.level);
    }
}

/// Sets everything up, or says what of the channels can't be.
fn configured(config: &Config) -> Result<Configured, String> {
    Configured::of(config).map_err(|mistakes| {
        let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        format!("the channels can't be set up:\n  {}", mistakes.join("\n  "))
    })
}

impl admin::Control for Arc<Controls> {
    fn shut_down(&self, at_once: bool) -> Result<(), String> {
        self.stop.send_replace(Some(if at_once { Stop::AtOnce } else { Stop::Drained }));
        Ok(())
    }

    fn register(&self) -> Option<admin::Kept> {
        let institutions = self.api.known().institutions.iter().map(|profile| profile.institution).collect();
        Some(admin::Kept { register: self.api.kept()?, institutions })
    }

    fn notices(&self) -> Option<Vec<(&'static str, u64)>> {
        self.data.notices.as_ref().map(Notices::figures)
    }

    fn configuration(&self) -> admin::Outcome {
        let known = self.config.as_ref().ok_or("this broker was started without a configuration")?;
        let shown = known.lock().unwrap_or_else(PoisonError::into_inner).1.shown();
        serde_json::to_value(shown).map_err(|error| error.to_string())
    }

    fn reload(&self) -> BoxFuture<'static, admin::Outcome> {
        let controls = Arc::clone(self);
        blocking(move || controls.read_again().map(|difference| told(&difference)))
    }

    fn backup(&self, name: String) -> BoxFuture<'static, admin::Outcome> {
        let data = self.data.clone();
        blocking(move || {
            let made = data.backup(&name)?;
            let bytes: u64 = made.files.iter().map(|file| file.bytes).sum();
            let (position, files) = (made.position, made.files.len());
            Ok(json!({ "name": name, "position": position, "files": files, "bytes": bytes }))
        })
    }

    fn journal_stats(&self) -> BoxFuture<'static, admin::Outcome> {
        let store = self.data.store.clone();
        blocking(move || store.stats().map_err(|error| error.to_string()))
    }

    fn journal_verify(&self) -> BoxFuture<'static, admin::Outcome> {
        let store = self.data.store.clone();
        blocking(move || store.verify().map_err(|error| error.to_string()))
    }
}

/// What a reload came to.
fn told(difference: &[Difference]) -> Value {
    let needs = difference.iter().filter(|one| one.applies == Applies::Restart).count();
    json!({ "changed": difference, "in_force": difference.len() - needs, "after_a_restart": needs })
}

#[cfg(test)]
mod tests;
