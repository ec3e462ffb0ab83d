//! Idempotency-Key: the same key of one institution never makes two messages.
//!
//! A key is in progress from its arrival until the archive can find its message; the mark is held
//! by the task that submits, not by the connection, so that hanging up frees nothing too early.
use std::sync::Arc;

use actix_web::HttpRequest;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use estafette_actors::domain::submission::{Idempotency, Institution};

use super::problem::Problem;
use super::{App, Hash};

/// Characters of a key at most.
const MAX_KEY: usize = 255;

/// The key of a request, hashed, with the fingerprint of the request.
pub fn of(
    request: &HttpRequest,
    hash: &Hash,
    institution: Institution,
    body: &[u8],
) -> Result<Option<Idempotency>, Problem> {
    let mut given = request.headers().get_all("idempotency-key");
    let Some(key) = given.next() else { return Ok(None) };
    let key = key.as_bytes();
    let visible = (1..=MAX_KEY).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
    if !visible || given.next().is_some() {
        return Err(Problem::InvalidIdempotencyKey);
    }
    let mut owned = institution.to_string().into_bytes();
    owned.push(0);
    owned.extend_from_slice(key);
    Ok(Some(Idempotency { key: hash(&owned), fingerprint: hash(body) }))
}

/// Marks a key as in progress until it is dropped.
pub struct InProgress {
    keys: Arc<DashMap<u64, u64>>,
    key: u64,
}

impl InProgress {
    /// Refuses when the same key is in progress.
    pub fn mark(app: &App, given: Idempotency) -> Result<Self, Problem> {
        match app.keys_in_progress.entry(given.key) {
            Entry::Occupied(other) if *other.get() == given.fingerprint => Err(Problem::IdempotencyInProgress),
            Entry::Occupied(_) => Err(Problem::IdempotencyMismatch),
            Entry::Vacant(free) => {
                free.insert(given.fingerprint);
                Ok(Self { keys: Arc::clone(&app.keys_in_progress), key: given.key })
            }
        }
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.keys.remove(&self.key);
    }
}
