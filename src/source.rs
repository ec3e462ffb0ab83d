//! An authentic source of persons that is elsewhere: the port over HTTP and JSON, so that any register of persons can be put behind
//! it with a small adapter.
//!
//! Each request is a `POST` with a JSON body and a bearer token, so that no NISS and no name stands in an address or a log of one.
//!
//! | path below the base | body | answer |
//! |---|---|---|
//! | `persons/find` | `{niss}` | `{person}`, null when it is not known |
//! | `persons/search` | `{surname, given_names?, birth_date?, sex?, years, limit}` | `{hits: [{person, score}], incomplete?}`, true where others may fit too |
//! | `persons/create` | `{access, person, although_alike}` | `{niss}`, or `{alike: [{person, score}]}` |
//! | `persons/correct` | `{access, niss, surname?, given_names?, birth_date?, sex?, deceased?}` | `{person}` |
//! | `persons/put` | `{access, persons}` | `{new, changed}` |
//!
//! A person is `{niss, standing, replaced_by?, surname, given_names, birth_date, sex?, language?, deceased?}`, where the standing is
//! `in_use`, `replaced` or `cancelled`, and unknown parts of a birth date are left out (`1985-07`, `1985`). 400, 404, 409, 413 and
//! 422 with `{refused}` say in words why it is not done. 408, 429, 5xx and no answer are asked again, with the same
//! `Idempotency-Key`, by which the other side does nothing twice. A first filling is not asked for: such a source is filled where it is.
//!
//! Invariant: nothing of a person is kept beyond the request, and nothing of one is in an error or a log. What doesn't come within
//! the time limit is [`Trouble::SourceAway`]; so is an answer about somebody else.
use std::sync::Arc;
use std::time::Duration;

use estafette_actors::domain::day;
use estafette_actors::domain::identity::{Identity, Registered};
use estafette_actors::domain::niss::Niss;
use estafette_actors::ports::Clock;
use estafette_actors::ports::register::{Access, Correction, Created, Found, NewPerson, Persons, Search, Trouble};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::civil::Date;
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use self::wire::Unreadable;
use crate::channels::{self, Answer, Peer, Secret};

mod wire;

/// How often something is asked at most.
const ATTEMPTS: u32 = 3;
/// How long until it is asked again, the first time; twice as long each time.
const PAUSE: Duration = Duration::from_millis(50);
/// The name under which the operator finds it in the log.
const NAME: &str = "persons";

/// Where it is, and how long it is waited for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the paths come behind: `https://persons.example.be/v1`.
    pub base_url: String,
    /// The bearer token; none for a source that wants none.
    pub token: Option<Secret>,
    /// How long a question may take, with all its attempts.
    pub timeout: Duration,
}

/// The port over HTTP. Clones share their connections.
#[derive(Clone)]
pub struct HttpPersons(Arc<Inner>);

struct Inner {
    peer: Peer,
    settings: Settings,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for HttpPersons {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("HttpPersons").field(&self.0.settings).finish()
    }
}

impl HttpPersons {
    /// Connects to nobody yet.
    pub fn new(mut settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, channels::Error> {
        settings.base_url.truncate(settings.base_url.trim_end_matches('/').len());
        let peer = Peer::new(NAME, &settings.base_url, settings.timeout)?;
        Ok(Self(Arc::new(Inner { peer, settings, clock })))
    }

    /// Asks, on a task of its own: who has asked for a change may go, and it is made all the same.
    fn ask<B, T, R>(
        &self,
        path: &'static str,
        body: &B,
        read: impl FnOnce(T, Date) -> Result<R, Unreadable> + Send + 'static,
    ) -> BoxFuture<'static, Result<R, Trouble>>
    where
        B: Serialize,
        T: DeserializeOwned + 'static,
        R: Send + 'static,
    {
        let inner = Arc::clone(&self.0);
        // Plain data: there is nothing in it that can't be written.
        let body = serde_json::to_vec(body).unwrap_or_default();
        let task = tokio::spawn(async move {
            let answer = inner.patiently(path, body).await?;
            let told = answer.json::<T>().map_err(|_| Unreadable);
            let today = day::of(inner.clock.now());
            told.and_then(|told| read(told, today)).map_err(|Unreadable| {
                tracing::error!(path, "the authentic source gives an answer that can't be read: check its version");
                Trouble::SourceAway
            })
        });
        async move { task.await.unwrap_or(Err(Trouble::SourceAway)) }.boxed()
    }
}

impl Inner {
    async fn patiently(&self, path: &str, body: Vec<u8>) -> Result<Answer, Trouble> {
        let url = format!("{}/{path}", self.settings.base_url);
        let key = uuid::Uuid::now_v7().to_string();
        let end = Instant::now() + self.settings.timeout;
        let mut pause = PAUSE;
        for attempt in 1..=ATTEMPTS {
            let mut request = self.peer.request(Method::POST, &url).header("content-type", "application/json");
            request = request.header("idempotency-key", &key).body(body.clone());
            if let Some(token) = &self.settings.token {
                request = request.bearer_auth(token.expose());
            }
            let Ok(asked) = tokio::time::timeout_at(end, self.peer.ask(request)).await else { break };
            let trouble = match asked {
                Ok(answer) => return Ok(answer),
                Err(trouble) => trouble,
            };
            let wait = match &trouble {
                channels::Trouble::Status { status, body, .. }
                    if matches!(status.as_u16(), 400 | 404 | 409 | 413 | 422) =>
                {
                    return Err(wire::refusal(body));
                }
                channels::Trouble::Status { status, retry_after, .. } => match status.as_u16() {
                    408 | 429 | 500..=599 => retry_after.unwrap_or(pause),
                    _ => break,
                },
                channels::Trouble::Unreadable => break,
                channels::Trouble::NotSent | channels::Trouble::TimedOut | channels::Trouble::Broken => pause,
            };
            if attempt == ATTEMPTS || Instant::now() + wait >= end {
                tracing::warn!(trouble = trouble.words(), attempt, "the authentic source does not answer");
                break;
            }
            tokio::time::sleep(wait).await;
            pause *= 2;
        }
        Err(Trouble::SourceAway)
    }
}

impl Persons for HttpPersons {
    fn find(&self, niss: Niss) -> BoxFuture<'static, Result<Option<Registered>, Trouble>> {
        self.ask("persons/find", &wire::Find::new(niss), move |found: wire::Found, today| {
            let person = found.person.map(|person| person.read(today)).transpose()?;
            // Nobody is shown somebody else.
            if person.as_ref().is_some_and(|person| person.niss != niss) { Err(Unreadable) } else { Ok(person) }
        })
    }

    fn search(&self, search: Search) -> BoxFuture<'static, Result<Found, Trouble>> {
        let limit = search.limit;
        self.ask("persons/search", &wire::Asked::new(&search), move |found: wire::Hits, today| {
            let mut hits = wire::hits(found.hits, today)?;
            hits.truncate(limit);
            Ok(Found { hits, is_incomplete: found.incomplete })
        })
    }

    fn create(&self, access: Access, person: NewPerson) -> BoxFuture<'static, Result<Created, Trouble>> {
        self.ask("persons/create", &wire::Create::new(&access, &person), |made: wire::Made, today| made.read(today))
    }

    fn correct(
        &self,
        access: Access,
        niss: Niss,
        correction: Correction,
    ) -> BoxFuture<'static, Result<Identity, Trouble>> {
        self.ask("persons/correct", &wire::Correct::new(&access, niss, &correction), move |now: wire::Found, today| {
            let person = now.person.ok_or(Unreadable)?.read(today)?;
            if person.niss == niss { Ok(person.identity) } else { Err(Unreadable) }
        })
    }

    fn put(&self, access: Access, persons: Vec<Registered>) -> BoxFuture<'static, Result<(u64, u64), Trouble>> {
        self.ask("persons/put", &wire::Put::new(&access, &persons), |counts: wire::Counts, _| {
            Ok((counts.new, counts.changed))
        })
    }
}

#[cfg(test)]
mod tests;
