//! Who calls, and what they may do here.
//!
//! Senders come with a key of their institution, as everywhere, or with an access token of a client that publishes for it. Who reads in a
//! mailbox comes with a token that names it. Invariant: a client that is not set up here, or is set up as a portal, reads with the
//! holder's consent only, asked for at each request; and what is refused never tells whether something is there.
use actix_web::http::header;
use actix_web::{HttpRequest, web};
use estafette_actors::domain::mailbox::{Audience, ClientId, Mailbox, MailboxId};
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ebox::{EBox, Reader};
use estafette_actors::ports::mailbox::{Access, Actor, Face, Rights};
use jiff::civil::Date;

use super::Registry;
use super::codes::Code;
use super::refused::Refused;
use super::settings::Client;
use super::tokens::{Scope, Token};
use crate::api::App;
use crate::api::caller::{Caller, authorization};
use crate::api::submission::today;

/// What all keys begin with; no token does.
const KEY: &str = "est_";
/// The caller's own reference of a request.
const CORRELATION: &str = "x-correlation-id";
const TICKET: usize = 64;

/// How somebody has shown who they are.
enum Shown {
    /// With a key of an institution.
    Key(Caller),
    /// With a token.
    Token(Token),
}

/// Somebody known.
pub struct Party {
    /// The registry.
    pub registry: Registry,
    /// When the request came.
    pub now: Timestamp,
    shown: Shown,
    /// The client of a token, as it was set up here when the request began.
    client: Option<Client>,
    ticket: Option<Box<str>>,
}

/// A sender, known.
pub struct Sender {
    /// For whom it publishes.
    pub institution: Institution,
    /// For the trail.
    pub access: Access,
}

impl Party {
    /// Who calls; refuses before the body is read.
    pub async fn of(request: &HttpRequest, app: &web::Data<App>) -> Result<Self, Refused> {
        let (scheme, given) = authorization(request).map_err(|_| nobody())?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(nobody());
        }
        let registry = app.registry()?.clone();
        let now = app.parts.broker.now();
        let (shown, client) = if given.starts_with(KEY) {
            (Shown::Key(Caller::admit(request, given)?), None)
        } else {
            let tokens = registry.tokens().ok_or_else(nobody)?;
            let token = tokens.check(given, now, today(now)).await.ok_or_else(nobody)?;
            let client = registry.client(&token.client);
            let institution = client.as_ref().and_then(|client| client.institution);
            if let Some(institution) = institution.filter(|one| app.known().institution(*one).is_some()) {
                Caller::count(request, app, institution)?;
            } else {
                let set_up = client.as_ref().map(|client| &client.id);
                let is_known = |id: &ClientId| registry.client(id).is_some();
                let counted = Caller::count_client(request, app, set_up, is_known);
                counted.map_err(|wait| Refused::limited(wait, set_up.is_some()))?;
            }
            (Shown::Token(token), client)
        };
        Ok(Self { registry, now, shown, client, ticket: ticket(request)? })
    }

    /// The mailboxes.
    pub fn ebox(&self) -> &EBox {
        self.registry.ebox()
    }

    /// The date, for birth dates in the future.
    pub fn today(&self) -> Date {
        today(self.now)
    }

    fn access(&self, actor: Actor) -> Access {
        Access { actor, face: Face::Registry, ticket: self.ticket.clone() }
    }

    fn token(&self, scope: Scope) -> Result<&Token, Refused> {
        match &self.shown {
            Shown::Token(token) if token.scopes.contains(&scope) => Ok(token),
            Shown::Token(_) => {
                Err(Refused::not_allowed(format!("this asks for an access token with the scope {}", scope.as_str())))
            }
            Shown::Key(_) => {
                Err(Refused::not_allowed("a key of a sender opens no mailbox: send an access token that names one"))
            }
        }
    }

    /// As a sender.
    pub fn sender(&self) -> Result<Sender, Refused> {
        let (institution, key) = match &self.shown {
            Shown::Key(caller) => (caller.profile()?.institution, caller.principal.key.clone()),
            Shown::Token(_) => {
                let token = self.token(Scope::Publish)?;
                let institution = self.client.as_ref().and_then(|client| client.institution);
                let nobodys =
                    || Refused::not_allowed("this client publishes for no institution here: ask the operator");
                (institution.ok_or_else(nobodys)?, token.client.as_str().into())
            }
        };
        Ok(Sender { institution, access: self.access(Actor::Sender { institution, key }) })
    }

    /// Somebody who reads in the mailbox that the token names: it is active, and its holder consents now.
    pub fn reader(&self) -> Result<Reader, Refused> {
        self.holder(Scope::Consult).map(|(reader, _)| reader)
    }

    /// Somebody who acts for the mailbox that the token names, and the mailbox as it is.
    pub fn holder(&self, scope: Scope) -> Result<(Reader, Mailbox), Refused> {
        let token = self.token(scope)?;
        let mailbox = token
            .mailbox
            .ok_or_else(|| Refused::not_allowed("the token names no mailbox: get one with the claim ebox_id"))?;
        let is_portal = self.is_portal();
        let rights = match &token.rights {
            _ if mailbox.audience() == Audience::Citizen => Rights::All,
            Some(rights) => Rights::Only(rights.clone()),
            // A portal stands for a user, and this one has no right that is known.
            None if is_portal => Rights::Only(Vec::new()),
            None => Rights::All,
        };
        let access = self.access(Actor::Client(token.client.clone()));
        let reader = Reader { mailbox, rights, access };
        let found = self.ebox().reads(&reader, is_portal)?;
        Ok((reader, found))
    }

    /// Somebody who may act for a mailbox at all, or the operator: before a body is read.
    pub fn holds(&self, scope: Scope) -> Result<(), Refused> {
        self.operator().map(drop).or_else(|_| self.holder(scope).map(drop))
    }

    /// Whether the client reads with consents only.
    pub fn is_portal(&self) -> bool {
        self.client.as_ref().is_none_or(|client| client.is_portal)
    }

    /// The client of a token.
    pub fn client_id(&self) -> Option<&ClientId> {
        match &self.shown {
            Shown::Key(_) => None,
            Shown::Token(token) => Some(&token.client),
        }
    }

    /// The mailbox that a token names, with a scope.
    pub fn named(&self, scope: Scope) -> Option<MailboxId> {
        self.token(scope).ok().and_then(|token| token.mailbox)
    }

    /// Who may know what types, applications and organisations there are: a sender, or who has any scope here.
    pub fn informed(&self) -> Result<(), Refused> {
        match &self.shown {
            Shown::Token(token) if token.scopes.is_empty() => Err(Refused::not_allowed(
                "this asks for an access token with one of the scopes ebox:consult, ebox:publish, ebox:preferences",
            )),
            _ => Ok(()),
        }
    }

    /// The operator's access, with an operator's key.
    pub fn operator(&self) -> Result<Access, Refused> {
        match &self.shown {
            Shown::Key(caller) => {
                caller.operator()?;
                Ok(self.access(Actor::Operator(caller.principal.key.clone())))
            }
            Shown::Token(_) => Err(Refused::not_allowed("this is for the operator's keys: ask the operator")),
        }
    }

    /// Whether the client may follow the events of all mailboxes.
    pub fn follows_events(&self) -> bool {
        self.client.as_ref().is_some_and(|client| client.follows_events)
    }

    /// Somebody who may read, in whosever mailbox; the one that the token names, if it names any.
    pub fn consults(&self) -> Result<Option<MailboxId>, Refused> {
        self.token(Scope::Consult).map(|token| token.mailbox)
    }
}

fn nobody() -> Refused {
    Refused::new(
        Code::Unauthorized,
        "send a valid access token, or a key of your institution, as `Authorization: Bearer ...`",
    )
}

fn ticket(request: &HttpRequest) -> Result<Option<Box<str>>, Refused> {
    let mut given = request.headers().get_all(CORRELATION);
    let Some(value) = given.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let fits = (1..=TICKET).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits && given.next().is_none() {
        return Ok(Some(text.into()));
    }
    Err(Refused::input("X-Correlation-Id: give one of 1 to 64 visible ASCII characters, or none"))
}

/// Where a request is answered from, as it is seen from outside: what addresses in answers begin with.
pub fn place(request: &HttpRequest, registry: &Registry) -> String {
    if let Some(url) = &registry.settings().public_url {
        return url.to_string();
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let is_host = |host: &&str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
    format!("http://{}", host.filter(is_host).filter(|host| !host.is_empty()).unwrap_or("localhost"))
}
