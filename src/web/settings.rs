//! What the pages are told: where they stand, who signs people in, and their bounds. Each has a key in the configuration.
use std::time::Duration;

use estafette_actors::domain::language::Translated;
use estafette_actors::domain::mailbox::ClientId;

/// The pages.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The origin at which people reach the pages, such as `https://mailbox.example.be`: https, or http on the own machine.
    pub public_url: String,
    /// Who signs people in.
    pub sign_in: SignIn,
    /// A session that is not used for so long ends.
    pub idle: Duration,
    /// A session ends after so long, however much it is used.
    pub absolute: Duration,
    /// Sessions at once; above it the one that was not used for longest ends. One takes about 3 KB.
    pub sessions: usize,
    /// Messages on one page of the list, 100 at most.
    pub page_items: usize,
    /// Bytes of a file of text or HTML that is shown on a page; a larger one is downloaded.
    pub shown_bytes: u64,
    /// Bytes of each file of a reply at most.
    pub reply_bytes: u64,
    /// Replies that are being sent at once, of all people.
    pub replies: usize,
    /// How long a reply may pause on its way: then it is refused.
    pub reply_timeout: Duration,
    /// The portals of partners to which a consent can be given.
    pub portals: Vec<Portal>,
    /// Where people get help by mail; none leaves the sentence out.
    pub help_email: Option<Box<str>>,
}

/// The provider of OpenID Connect.
#[derive(Clone)]
pub struct SignIn {
    /// Its issuer, as its discovery document names it.
    pub issuer: String,
    /// As whom it knows the pages.
    pub client_id: String,
    /// Their secret there; none for a public client.
    pub client_secret: Option<String>,
    /// What is asked for besides `openid`.
    pub scopes: Vec<String>,
    /// The claim with a citizen's NISS.
    pub niss_claim: String,
    /// The claim with a name for people.
    pub name_claim: String,
    /// The claim with the enterprises for which somebody may read: a list of `{cbe, name, rights}`.
    pub enterprises_claim: String,
    /// The levels of authentication of which one is demanded (`acr_values`); none demands none.
    pub levels: Vec<String>,
    /// How long one request to the provider may take.
    pub timeout: Duration,
    /// For how long its discovery document and keys are believed.
    pub fresh: Duration,
}

impl std::fmt::Debug for SignIn {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// A partner's portal in which people may read their mail.
#[derive(Clone, Debug)]
pub struct Portal {
    /// As its tokens name it.
    pub id: ClientId,
    /// Its name.
    pub names: Translated<Box<str>>,
    /// Where it is on the web.
    pub url: Option<Box<str>>,
}

impl Default for SignIn {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            client_id: "estafette".to_owned(),
            client_secret: None,
            scopes: vec!["profile".to_owned()],
            niss_claim: "niss".to_owned(),
            name_claim: "name".to_owned(),
            enterprises_claim: "enterprises".to_owned(),
            levels: vec![],
            timeout: Duration::from_secs(5),
            fresh: Duration::from_secs(3_600),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: String::new(),
            sign_in: SignIn::default(),
            idle: Duration::from_secs(15 * 60),
            absolute: Duration::from_secs(8 * 3_600),
            sessions: 100_000,
            page_items: 25,
            shown_bytes: 256 * 1024,
            reply_bytes: 25_000_000,
            replies: 64,
            reply_timeout: Duration::from_secs(30),
            portals: vec![],
            help_email: None,
        }
    }
}

/// What can't be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The origin.
    #[error(
        "public_url: give the origin of the pages and no path, https, or http on the own machine only: `{0}` is something else"
    )]
    PublicUrl(String),
    /// The issuer.
    #[error(
        "sign_in.issuer: give the address of the provider, https, or http on the own machine only: `{0}` is something else"
    )]
    Issuer(String),
    /// The client of the provider.
    #[error("the client that asks the provider of the sign-in can't be made: {0}")]
    Client(String),
}

impl Settings {
    /// Checks the two addresses; the origin comes back without a slash at its end.
    pub fn checked(mut self) -> Result<Self, Error> {
        let origin = self.public_url.trim_end_matches('/').to_owned();
        let is_origin = safe(&origin).is_some_and(|url| url.origin().ascii_serialization() == origin);
        if !is_origin {
            return Err(Error::PublicUrl(self.public_url));
        }
        if safe(&self.sign_in.issuer).is_none() {
            return Err(Error::Issuer(self.sign_in.issuer));
        }
        self.public_url = origin;
        self.page_items = self.page_items.clamp(1, estafette_actors::ports::mailbox::PAGE_MAX);
        Ok(self)
    }

    /// Whether people come over https.
    pub fn is_secure(&self) -> bool {
        self.public_url.starts_with("https:")
    }
}

/// An address to which passwords and cookies may go: over https, or to the own machine.
fn safe(text: &str) -> Option<reqwest::Url> {
    let url = reqwest::Url::parse(text).ok()?;
    let is_own = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    (url.scheme() == "https" || url.scheme() == "http" && is_own).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_the_own_machine_only() {
        let with = |public_url: &str, issuer: &str| {
            let sign_in = SignIn { issuer: issuer.to_owned(), ..SignIn::default() };
            Settings { public_url: public_url.to_owned(), sign_in, ..Settings::default() }.checked()
        };
        assert_eq!(with("https://a.example/", "https://idp.example").unwrap().public_url, "https://a.example");
        assert!(with("http://127.0.0.1:8080", "http://localhost:9/oidc").is_ok());
        for wrong in ["http://a.example", "https://a.example/mailbox", "ftp://a.example", "a.example", ""] {
            assert!(matches!(with(wrong, "https://idp.example"), Err(Error::PublicUrl(_))), "{wrong}");
        }
        assert!(matches!(with("https://a.example", "http://idp.example"), Err(Error::Issuer(_))));
    }
}
