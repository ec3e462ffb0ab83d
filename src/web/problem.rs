//! Why a page can't be shown, as a page that says what to do.
//!
//! Handlers give a [`Problem`]; the page is made at the door (`dress`), where the language is known. Invariant: whether something is another's or is
//! not there at all is the same problem.
use actix_web::http::{StatusCode, header};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError, dev};
use askama::Template;
use estafette_actors::domain::mailbox::document::Scan;
use estafette_actors::ebox::Refusal;
use estafette_actors::ports::mailbox::{ContentTrouble, Trouble};

use super::frame::{Frame, Place, page};
use super::provider;
use super::request::{Visit, encoded};

/// Why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Nobody is signed in; they wanted to go here.
    #[error("nobody is signed in")]
    SignedOut(String),
    /// No mailbox is chosen.
    #[error("no mailbox is chosen")]
    Unchosen,
    /// The mailbox has to be activated first.
    #[error("the mailbox is not active")]
    Inactive,
    /// No such page.
    #[error("no such page")]
    NoPage,
    /// A link of a mail that is none of ours, or not any more.
    #[error("no such link")]
    NoLink,
    /// The document is not there, not any more, or somebody else's.
    #[error("no such document")]
    Gone,
    /// The institution that keeps it does not answer.
    #[error("the institution does not answer")]
    Away,
    /// It answers with something else.
    #[error("the institution answers with something else")]
    Wrong,
    /// It is being scanned.
    #[error("being scanned")]
    Scanning,
    /// Something was found in it.
    #[error("quarantined")]
    Quarantined,
    /// No reply may be written.
    #[error("no reply may be written")]
    NoReply,
    /// The form is not one of ours, or of another mailbox or session.
    #[error("the form is out of date")]
    Forged,
    /// What was sent can't be read.
    #[error("what was sent can't be read")]
    Unreadable,
    /// Too much is under way.
    #[error("too much is under way")]
    Busy,
    /// Nothing can be changed now.
    #[error("nothing can be changed")]
    ReadOnly,
    /// It can't be read now.
    #[error("the mailbox can't be read")]
    Down,
    /// The sign-in failed.
    #[error("the sign-in failed")]
    SignIn(provider::Trouble),
    /// The sign-in took too long, or was begun in another window.
    #[error("the sign-in is out of date")]
    Stale,
    /// The person did not want to, or the provider did not let them.
    #[error("the sign-in was refused")]
    Denied,
    /// A mistake of the program.
    #[error("a mistake of the program")]
    Inside,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotActive => Self::Inactive,
            Refusal::NoReply => Self::NoReply,
            Refusal::Trouble(trouble) => trouble.into(),
            // A reply was checked before it came so far.
            refusal => {
                tracing::warn!(%refusal, "the mailbox refused something that a page let pass");
                Self::Unreadable
            }
        }
    }
}

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::NotFound => Self::Gone,
            Trouble::ProviderAway => Self::Away,
            Trouble::ProviderWrong => Self::Wrong,
            Trouble::NotReadable(Scan::Quarantined) => Self::Quarantined,
            Trouble::NotReadable(_) => Self::Scanning,
            Trouble::Overloaded => Self::Busy,
            Trouble::ReadOnly(_) | Trouble::Full => Self::ReadOnly,
            Trouble::TooMany(_) | Trouble::Duplicate(_) | Trouble::KeyReused => Self::Unreadable,
            Trouble::Unreadable(reason) => {
                tracing::error!(reason, "the mailbox can't be read");
                Self::Down
            }
        }
    }
}

impl From<ContentTrouble> for Problem {
    fn from(trouble: ContentTrouble) -> Self {
        match trouble {
            ContentTrouble::Gone => Self::Gone,
            ContentTrouble::TooLarge(_) | ContentTrouble::Broken => Self::Unreadable,
            ContentTrouble::Full => Self::ReadOnly,
            ContentTrouble::Store(reason) => {
                tracing::error!(reason, "the store of documents does not answer");
                Self::Down
            }
        }
    }
}

impl From<provider::Trouble> for Problem {
    fn from(trouble: provider::Trouble) -> Self {
        tracing::warn!(%trouble, "nobody was signed in");
        Self::SignIn(trouble)
    }
}

impl Problem {
    /// Where it sends the browser instead of showing a page.
    fn leads_to(&self) -> Option<String> {
        match self {
            Self::SignedOut(to) => Some(format!("/mailbox/sign-in?to={}", encoded(to))),
            Self::Unchosen => Some("/mailbox/choose".to_owned()),
            Self::Inactive => Some("/mailbox/activate".to_owned()),
            _ => None,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::SignedOut(_) | Self::Unchosen | Self::Inactive => StatusCode::SEE_OTHER,
            Self::NoPage | Self::NoLink | Self::Gone | Self::NoReply => StatusCode::NOT_FOUND,
            Self::Away | Self::Wrong | Self::SignIn(provider::Trouble::Away | provider::Trouble::Wrong(_)) => {
                StatusCode::BAD_GATEWAY
            }
            Self::Scanning | Self::Busy | Self::ReadOnly | Self::Down => StatusCode::SERVICE_UNAVAILABLE,
            Self::Quarantined | Self::Forged | Self::Denied | Self::SignIn(_) => StatusCode::FORBIDDEN,
            Self::Unreadable | Self::Stale => StatusCode::BAD_REQUEST,
            Self::Inside => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Its title, what it means, and what to do: keys of texts.
    fn keys(&self) -> (&'static str, &'static str) {
        match self {
            Self::SignedOut(_) | Self::Unchosen | Self::Inactive | Self::NoPage => {
                ("error-no-page", "error-no-page-text")
            }
            Self::NoLink => ("error-no-link", "error-no-link-text"),
            Self::Gone => ("error-gone", "error-gone-text"),
            Self::Away => ("error-away", "error-away-text"),
            Self::Wrong => ("error-wrong", "error-wrong-text"),
            Self::Scanning => ("error-scanning", "error-scanning-text"),
            Self::Quarantined => ("error-quarantined", "error-quarantined-text"),
            Self::NoReply => ("error-no-reply", "error-no-reply-text"),
            Self::Forged => ("error-forged", "error-forged-text"),
            Self::Unreadable => ("error-unreadable", "error-unreadable-text"),
            Self::Busy => ("error-busy", "error-busy-text"),
            Self::ReadOnly => ("error-read-only", "error-read-only-text"),
            Self::Down | Self::Inside => ("error-down", "error-down-text"),
            Self::SignIn(provider::Trouble::Away) => ("error-sign-in-away", "error-sign-in-away-text"),
            Self::SignIn(provider::Trouble::Weak) => ("error-sign-in-weak", "error-sign-in-weak-text"),
            Self::SignIn(provider::Trouble::NoNumber) => ("error-sign-in-number", "error-sign-in-number-text"),
            Self::SignIn(provider::Trouble::Code) | Self::Stale => ("error-stale", "error-stale-text"),
            Self::SignIn(provider::Trouble::Wrong(_)) => ("error-sign-in-wrong", "error-sign-in-wrong-text"),
            Self::Denied => ("error-denied", "error-denied-text"),
        }
    }

    /// The page, for who made the request; none where the browser is sent elsewhere.
    pub fn shown(&self, request: &HttpRequest) -> Option<HttpResponse> {
        if self.leads_to().is_some() {
            return None;
        }
        let mut visit = Visit::from_request(request, &mut dev::Payload::None).into_inner().ok()?;
        if request.method() != actix_web::http::Method::GET {
            "/mailbox/".clone_into(&mut visit.path);
        }
        let (title, text) = self.keys();
        let is_about_signing_in = matches!(self, Self::SignIn(_) | Self::Stale | Self::Denied);
        if is_about_signing_in {
            // Not the provider's answer once more.
            "/mailbox/sign-in".clone_into(&mut visit.path);
        }
        let frame = visit.frame(Place::Elsewhere, visit.texts().say(title));
        let text = visit.texts().say(text);
        let is_signed = visit.signed.is_some();
        let mut response = page(self.status(), &Page { f: frame, text, is_about_signing_in, is_signed });
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("10"));
        }
        Some(response)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status());
        if let Some(to) = self.leads_to() {
            response.insert_header((header::LOCATION, to));
        }
        response.finish()
    }
}

#[derive(Template)]
#[template(path = "web/problem.html")]
struct Page {
    f: Frame,
    text: String,
    is_about_signing_in: bool,
    is_signed: bool,
}
