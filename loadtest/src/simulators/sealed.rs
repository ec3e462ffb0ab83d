//! What the GovApp simulator was given encrypted: checked for form, kept, and never opened.
//!
//! Invariant: at most [`HELD`] are kept, the newest. `GET /sealed?reference=` tells them, for a test that has the private key.
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use actix_web::HttpResponse;
use actix_web::web::{Data, Query};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::World;

/// Encrypted contents that are kept.
const HELD: usize = 1_000;

/// One of them.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Sealed {
    receiver: Uuid,
    reference: String,
    encrypted_body: String,
}

/// Those that are kept.
#[derive(Default)]
pub(crate) struct Kept(Mutex<VecDeque<Sealed>>);

impl Kept {
    /// Keeps one; the oldest goes.
    pub(crate) fn keep(&self, receiver: Uuid, reference: &str, body: &str) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == HELD {
            kept.pop_front();
        }
        kept.push_back(Sealed { receiver, reference: reference.to_owned(), encrypted_body: body.to_owned() });
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    enc: String,
}

/// A compact JWE with the platform's algorithms.
pub(crate) fn check(text: &str) -> Result<(), (u16, &'static str)> {
    let parts: Vec<&str> = text.split('.').collect();
    let decoded: Option<Vec<Vec<u8>>> = parts.iter().map(|part| URL_SAFE_NO_PAD.decode(part).ok()).collect();
    let Some([header, key, iv, _, tag]) = decoded.as_deref() else {
        return Err((400, "encryptedBody is no compact JWE"));
    };
    let header: Header = serde_json::from_slice(header).map_err(|_| (400, "encryptedBody has no JWE header"))?;
    if header.alg != "RSA-OAEP-256" || header.enc != "A256GCM" || (key.len(), iv.len(), tag.len()) != (256, 12, 16) {
        return Err((400, "encryptedBody takes RSA-OAEP-256 with A256GCM"));
    }
    Ok(())
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    reference: Option<String>,
}

/// `GET /sealed`
pub(crate) async fn page(asked: Query<Asked>, world: Data<World>) -> HttpResponse {
    let kept = world.sealed.0.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = |sealed: &&Sealed| asked.reference.as_ref().is_none_or(|reference| *reference == sealed.reference);
    let found: Vec<Sealed> = kept.iter().filter(wanted).cloned().collect();
    HttpResponse::Ok().json(serde_json::json!({ "sealed": found }))
}
