//! OAuth 2.0 access tokens: JWTs in the profile of RFC 9068, checked here against the issuer's public keys.
//!
//! Invariant: a token counts only when it is an access token (`typ`), of this issuer, for this audience, not expired, and signed by one
//! of the issuer's keys with an algorithm that needs a private key. What a token says of a mailbox is the issuer's word [ours]: the claim
//! `ebox_id` is `{eboxType, eboxIdValue}`, `ebox_rights` the access rights of an enterprise's user. No token is ever logged.
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::mailbox::reference::RefId;
use estafette_actors::domain::mailbox::{ClientId, MailboxId};
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::time::Timestamp;
use jiff::civil::Date;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

use super::settings;
use keys::Keys;

mod keys;
#[cfg(test)]
pub mod tests;

pub use keys::Error;

/// Characters of a token at most.
const LENGTH: usize = 8 * 1024;
/// Access rights that a token names at most.
const RIGHTS: usize = 1_000;
/// What is taken: a secret shared with the issuer would let it be made here.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// What a client may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Reading in a mailbox.
    Consult,
    /// Publishing.
    Publish,
    /// Preferences and consents of a mailbox.
    Preferences,
}

impl Scope {
    /// As `scope` has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Consult => "ebox:consult",
            Self::Publish => "ebox:publish",
            Self::Preferences => "ebox:preferences",
        }
    }
}

/// What a good token says.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Which client has it.
    pub client: ClientId,
    /// What it may ask for.
    pub scopes: Vec<Scope>,
    /// In whose mailbox.
    pub mailbox: Option<MailboxId>,
    /// With which access rights; none named: the issuer says nothing of them.
    pub rights: Option<Vec<RefId>>,
}

#[derive(Deserialize)]
struct Claims {
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
    client_id: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    ebox_id: Option<EboxId>,
    #[serde(default)]
    ebox_rights: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EboxId {
    ebox_type: String,
    ebox_id_value: String,
}

impl EboxId {
    fn read(&self, today: Date) -> Option<MailboxId> {
        match self.ebox_type.as_str() {
            "citizen" => Niss::parse(&self.ebox_id_value, today).ok().map(MailboxId::Citizen),
            "enterprise" => Cbe::parse(&self.ebox_id_value).ok().map(MailboxId::Enterprise),
            _ => None,
        }
    }
}

/// Checks tokens.
pub struct Tokens {
    settings: settings::Tokens,
    keys: Keys,
}

impl Tokens {
    /// Reads no key yet.
    pub fn new(settings: settings::Tokens) -> Result<Self, Error> {
        let keys = Keys::new(settings.keys.clone(), settings.refresh)?;
        Ok(Self { settings, keys })
    }

    /// What a token says, or none when it is not good: the reason is nobody's but the issuer's.
    pub async fn check(&self, token: &str, now: Timestamp, today: Date) -> Option<Token> {
        if token.len() > LENGTH {
            return None;
        }
        let header = decode_header(token).ok()?;
        let is_access = header.typ.as_deref().is_some_and(|kind| {
            let kind = kind.to_ascii_lowercase();
            kind.strip_prefix("application/").unwrap_or(&kind) == "at+jwt"
        });
        if !is_access || !ALGORITHMS.contains(&header.alg) {
            return None;
        }
        let keys = self.keys.find(header.kid.as_deref(), header.alg).await;
        let claims = keys.iter().find_map(|key| self.claims(token, header.alg, key))?;
        self.read(claims, now, today)
    }

    fn claims(&self, token: &str, algorithm: Algorithm, key: &DecodingKey) -> Option<Claims> {
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_audience(&[&self.settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        // By the clock that is injected, below.
        validation.validate_exp = false;
        decode::<Claims>(token, key, &validation).ok().map(|data| data.claims)
    }

    fn read(&self, claims: Claims, now: Timestamp, today: Date) -> Option<Token> {
        let (now, leeway) = (now.millis() as f64 / 1_000.0, self.settings.leeway.as_secs_f64());
        let is_over = claims.exp.is_nan() || claims.exp + leeway <= now;
        let is_early = claims.nbf.is_some_and(|begin| begin - leeway > now);
        if is_over || is_early {
            return None;
        }
        // A claim that can't be read is not one of less: the whole token is not good then.
        let mailbox = match claims.ebox_id {
            Some(id) => Some(id.read(today)?),
            None => None,
        };
        let rights = match claims.ebox_rights {
            Some(rights) if rights.len() > RIGHTS => return None,
            Some(rights) => Some(rights.iter().map(|right| RefId::parse(right).ok()).collect::<Option<_>>()?),
            None => None,
        };
        Some(Token { client: ClientId::parse(&claims.client_id).ok()?, scopes: scopes(&claims.scope), mailbox, rights })
    }
}

fn scopes(text: &str) -> Vec<Scope> {
    let known = [Scope::Consult, Scope::Publish, Scope::Preferences];
    known.into_iter().filter(|scope| text.split(' ').any(|given| given == scope.as_str())).collect()
}
