//! Who calls. The extractor refuses before the body is read.
use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::event::Tests;
use estafette_actors::domain::mailbox::ClientId;
use estafette_actors::domain::submission::{Institution, Recipient};

use super::problem::Problem;
use super::rate::Standing;
use super::submission::Rules;
use super::{App, InstitutionProfile, Known};

/// The one behind a key.
#[derive(Clone, Debug)]
pub struct Principal {
    /// Whose key.
    pub institution: Institution,
    /// The key's id, which is no secret.
    pub key: Box<str>,
    /// A test key reaches the sandbox only.
    pub test: bool,
    /// The key may do what is the operator's.
    pub operator: bool,
}

/// Tells whose key it is. Called for each request: a look-up in memory.
pub trait Authenticate: Send + Sync {
    /// The one behind `presented`, unless it is unknown or revoked.
    fn authenticate(&self, presented: &str) -> Option<Principal>;
}

/// A request of somebody known.
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// What the configuration said when the request began.
    pub known: Arc<Known>,
    app: Arc<App>,
}

impl Caller {
    /// Their institution.
    pub fn institution(&self) -> Institution {
        self.principal.institution
    }

    /// Their institution's profile.
    pub fn profile(&self) -> Result<&InstitutionProfile, Problem> {
        self.known.institution(self.principal.institution).ok_or(Problem::UnknownInstitution)
    }

    /// What this request is checked against.
    pub(super) fn rules(&self) -> Result<Rules<'_>, Problem> {
        let settings = &self.app.parts.settings;
        Ok(Rules {
            now: self.app.parts.broker.now(),
            strategies: &self.known.strategies,
            profile: self.profile()?,
            prices: &self.known.prices,
            validity_default: settings.validity_default,
            validity_max: settings.validity_max,
            reaches: self.reaches(),
        })
    }

    /// Refuses who is no operator.
    pub fn operator(&self) -> Result<(), Problem> {
        if self.principal.operator || self.profile()?.operator { Ok(()) } else { Err(Problem::OperatorOnly) }
    }

    /// To whom the key may write, and whose messages it may see.
    pub fn reaches(&self) -> Reaches {
        match (self.app.parts.settings.sandbox, self.principal.test) {
            (true, _) => Reaches::All,
            (false, true) => Reaches::Sandbox,
            (false, false) => Reaches::Live,
        }
    }

    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let (scheme, key) = authorization(request)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Problem::Unauthorized);
        }
        Self::admit(request, key)
    }

    /// The same, also with the key as the password of HTTP Basic, for programs that know nothing else. A user that is a
    /// CBE number has to be that of the key's institution; any other says nothing.
    pub(super) fn with_password(request: &HttpRequest) -> Result<Self, Problem> {
        let (scheme, given) = authorization(request)?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return Self::of(request);
        }
        let pair = STANDARD.decode(given).ok().and_then(|pair| String::from_utf8(pair).ok());
        let pair = pair.ok_or(Problem::Unauthorized)?;
        let (user, key) = pair.split_once(':').ok_or(Problem::Unauthorized)?;
        let caller = Self::admit(request, key)?;
        match Cbe::parse(user) {
            Ok(named) if named != caller.institution().0 => Err(Problem::Unauthorized),
            _ => Ok(caller),
        }
    }

    /// Who has a key.
    pub(super) fn admit(request: &HttpRequest, key: &str) -> Result<Self, Problem> {
        let app = request.app_data::<web::Data<App>>().ok_or(Problem::Restarting)?;
        let principal = app.parts.authenticate.authenticate(key).ok_or(Problem::Unauthorized)?;
        let settings = &app.parts.settings;
        if principal.test && !settings.sandbox {
            if !settings.rehearsal {
                return Err(Problem::TestKey);
            }
            if !open_to_test_keys(request.path()) {
                return Err(Problem::LiveOnly);
            }
        }
        Self::count(request, app, principal.institution)?;
        Ok(Self { principal, known: app.known(), app: Arc::clone(app) })
    }

    /// Counts a request of an institution, unless it makes more than it may.
    pub(super) fn count(request: &HttpRequest, app: &App, institution: Institution) -> Result<(), Problem> {
        let limiters = app.limiters.load();
        let Some(limiter) = limiters.get(institution) else { return Ok(()) };
        counted(request, limiter.spend()).map_err(Problem::RateLimited)
    }

    /// Counts a request of a client that belongs to no institution, unless it makes more than it may: then after how long it may.
    /// `client` is one that is set up here, of those that `is_known` knows.
    pub(super) fn count_client(
        request: &HttpRequest,
        app: &App,
        client: Option<&ClientId>,
        is_known: impl Fn(&ClientId) -> bool,
    ) -> Result<(), Duration> {
        let standing = app.clients.spend(&app.known.load().requests, client, is_known);
        standing.map_or(Ok(()), |standing| counted(request, standing))
    }
}

/// Notes where the caller stands, for the answer; gives after how long it may come, when this request was too many.
fn counted(request: &HttpRequest, standing: Standing) -> Result<(), Duration> {
    request.extensions_mut().insert(standing);
    standing.refused.map_or(Ok(()), Err)
}

/// What is sent to show who calls: the scheme, and what belongs to it.
pub(super) fn authorization(request: &HttpRequest) -> Result<(&str, &str), Problem> {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, rest) = given.and_then(|given| given.split_once(' ')).ok_or(Problem::Unauthorized)?;
    Ok((scheme, rest.trim()))
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}

/// To whom a key may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaches {
    /// To everybody: every channel is simulated.
    All,
    /// To all but the sandbox's recipients.
    Live,
    /// To the sandbox's recipients only.
    Sandbox,
}

impl Reaches {
    /// Whether it may write to this recipient; otherwise what to do.
    pub fn check(self, recipient: &Recipient) -> Result<(), &'static str> {
        match self {
            Self::Live if recipient.is_reserved() => {
                Err("reserved for the sandbox: a live channel doesn't take it; use a test key, or another recipient")
            }
            Self::Sandbox if !recipient.is_sandbox() => {
                Err("a test key reaches the sandbox only: give a reserved mobile number or NISS, and nothing else")
            }
            _ => Ok(()),
        }
    }

    /// The events that it is told of: of tests when these are its own, and when it asks for them.
    pub fn tests(self, include: bool) -> Tests {
        match self {
            Self::All => Tests::With,
            Self::Sandbox => Tests::Only,
            Self::Live if include => Tests::With,
            Self::Live => Tests::Without,
        }
    }

    /// Whether it may see what was sent to this recipient.
    pub fn sees(self, recipient: &Recipient) -> bool {
        self != Self::Sandbox || recipient.is_sandbox()
    }
}

/// A test key beside live channels sends and sees single messages to the sandbox and their events, and nothing of what
/// is live.
pub(super) fn open_to_test_keys(path: &str) -> bool {
    let single = path.strip_prefix("/v1/messages/").is_some_and(|id| !id.is_empty());
    single
        || matches!(
            path,
            "/v1/messages" | "/v1/events" | "/v1/recipients/receivers" | "/v1/check" | "/v1/strategies" | "/v1/limits"
        )
}
