//! Who calls. The extractor refuses before the body is read.
use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};
use estafette_actors::domain::submission::Institution;

use super::problem::Problem;
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
        })
    }

    /// Refuses who is no operator.
    pub fn operator(&self) -> Result<(), Problem> {
        if self.principal.operator || self.profile()?.operator { Ok(()) } else { Err(Problem::OperatorOnly) }
    }

    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let app = request.app_data::<web::Data<App>>().ok_or(Problem::Restarting)?;
        let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, key) = given.and_then(|given| given.split_once(' ')).ok_or(Problem::Unauthorized)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Problem::Unauthorized);
        }
        let principal = app.parts.authenticate.authenticate(key.trim()).ok_or(Problem::Unauthorized)?;
        if principal.test && !app.parts.settings.sandbox {
            return Err(Problem::TestKey);
        }
        Ok(Self { principal, known: app.known(), app: Arc::clone(app) })
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}
