//! Access tokens of message registries and of institutions that keep documents: OAuth 2.0 client credentials (RFC 6749, 4.4).
//!
//! Invariant: one request for a token at a time, whoever waits for it gets its result, a refusal
//! included; a token is not used in its last moments. A token never leaves this file but in a header.
use std::sync::Arc;
use std::time::{Duration, Instant};

use estafette_actors::domain::failure::Failure;
use estafette_actors::domain::life::Outcome;
use reqwest::{Method, Url};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::http::{Effect, Peer, Trouble, failed};
use super::settings::Secret;

/// How long before its end a token is replaced; a quarter of its life where that is shorter.
const MARGIN: Duration = Duration::from_secs(30);
/// The life of a token whose issuer doesn't tell it.
const UNTOLD: Duration = Duration::from_secs(300);
/// How long a failure is the answer for those who come after it.
const SHARED: Duration = Duration::from_millis(500);

/// A token for the header of a request.
#[derive(Clone)]
pub struct Token(Arc<str>);

impl Token {
    /// For the wire.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

enum Last {
    None,
    Token(Token, Instant),
    Failure(Outcome, Instant),
}

/// Gets tokens, and keeps the last one.
pub struct Tokens {
    peer: Peer,
    url: String,
    client_id: String,
    client_secret: Secret,
    last: Mutex<Last>,
}

#[derive(Deserialize)]
struct Issued {
    access_token: Box<str>,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl Tokens {
    /// From the token endpoint `url`, to which the peer's connections lead; none is asked for yet.
    pub fn new(peer: Peer, url: String, client_id: String, client_secret: Secret) -> Self {
        Self { peer, url, client_id, client_secret, last: Mutex::new(Last::None) }
    }

    /// A token that is not `refused`, or the outcome of a letter that can't be sent without.
    pub async fn get(&self, refused: Option<&Token>) -> Result<Token, Outcome> {
        let mut last = self.last.lock().await;
        let now = Instant::now();
        match &*last {
            Last::Token(token, until) if *until > now && refused.is_none_or(|refused| refused.0 != token.0) => {
                return Ok(token.clone());
            }
            Last::Failure(outcome, at) if now.duration_since(*at) < SHARED => return Err(outcome.clone()),
            _ => {}
        }
        match self.ask().await {
            Ok(issued) => {
                let life = issued.expires_in.map_or(UNTOLD, Duration::from_secs);
                let token = Token(issued.access_token.into());
                let until = now.checked_add(life.saturating_sub(MARGIN.min(life / 4)));
                *last = Last::Token(token.clone(), until.unwrap_or(now + UNTOLD));
                Ok(token)
            }
            Err(trouble) => {
                let outcome = self.outcome(&trouble);
                *last = Last::Failure(outcome.clone(), Instant::now());
                Err(outcome)
            }
        }
    }

    async fn ask(&self) -> Result<Issued, Trouble> {
        let request = self
            .peer
            .request(Method::POST, &self.url)
            .basic_auth(form_encoded(&self.client_id), Some(form_encoded(self.client_secret.expose())))
            .form(&[("grant_type", "client_credentials")]);
        self.peer.ask(request).await?.json()
    }

    /// A refusal (400 `invalid_client` and its like) is about us, not about the letter.
    fn outcome(&self, trouble: &Trouble) -> Outcome {
        match trouble.status() {
            Some(code @ 400..=499) if code != 429 && code != 408 => {
                self.peer.complain("the token endpoint refuses us: check client_id and client_secret", code);
                failed(Failure::ChannelDown)
            }
            _ => trouble.outcome(Effect::LookUp),
        }
    }
}

/// As RFC 6749, 2.3.1 wants the parts of HTTP Basic.
fn form_encoded(text: &str) -> String {
    let url = Url::parse_with_params("http://x/", [("", text)]).ok();
    url.and_then(|url| url.query().map(|query| query.trim_start_matches('=').to_owned())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_form_encoded() {
        assert_eq!(form_encoded("estafette"), "estafette");
        assert_eq!(form_encoded("a:b c=é"), "a%3Ab+c%3D%C3%A9");
    }
}
