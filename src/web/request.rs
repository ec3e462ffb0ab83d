//! What a request says of who asks: language, session, and, of a form, that it is one of ours.
//!
//! [`Visit`] is anybody, [`Person`] has signed in, [`Holder`] reads in an active mailbox. A handler that changes something takes [`Posted`],
//! which is there only when the form came from one of our pages: so no handler can forget to look.
use std::fmt::Write as _;
use std::time::Instant;

use actix_web::dev::Payload;
use actix_web::http::{Method, header};
use actix_web::web::{Data, Form};
use actix_web::{FromRequest, HttpRequest};
use estafette_actors::domain::language::Language;
use estafette_actors::domain::mailbox::{Mailbox, MailboxId};
use estafette_actors::ebox::Reader;
use estafette_actors::ports::mailbox::{Access, Actor, Face, Rights};
use futures_util::future::{LocalBoxFuture, Ready, ready};

use super::frame::{Frame, Place, Who};
use super::problem::Problem;
use super::session::Signed;
use super::texts::Texts;
use super::{Site, cookie, statics};

/// The cookie with the language.
pub const LANGUAGE: &str = "mailbox-language";
/// Characters of a path to which somebody is sent back.
const PATH_MAX: usize = 1_500;

/// Anybody.
#[derive(Clone)]
pub struct Visit {
    /// The site.
    pub site: Data<Site>,
    /// In which language they read.
    pub language: Language,
    /// Who signed in.
    pub signed: Option<Signed>,
    /// Where the page is: of a form, where it came from.
    pub path: String,
}

/// Somebody who signed in.
#[derive(Clone)]
pub struct Person {
    /// The visit.
    pub visit: Visit,
    /// The session.
    pub signed: Signed,
}

/// Somebody who reads in a mailbox that is active.
#[derive(Clone)]
pub struct Holder {
    /// The person.
    pub person: Person,
    /// As who they read.
    pub reader: Reader,
    /// The mailbox.
    pub mailbox: Mailbox,
}

impl Visit {
    /// The texts.
    pub fn texts(&self) -> Texts {
        Texts(self.language)
    }

    /// What a page has around it.
    pub fn frame(&self, place: Place, title: String) -> Frame {
        let who = self.signed.as_ref().map(|signed| self.who(signed));
        Frame {
            texts: self.texts(),
            title,
            style: &statics::STYLE_PATH,
            path: self.path.clone(),
            who,
            place,
            done: None,
        }
    }

    fn who(&self, signed: &Signed) -> Who {
        let is_active = |id| self.site.ebox.mailboxes().mailbox(id).is_ok_and(|mailbox| mailbox.is_active());
        Who {
            name: signed.identity.name.to_string(),
            mailbox: signed.mailbox.map(|id| self.named(signed, id)).unwrap_or_default(),
            has_others: !signed.identity.enterprises.is_empty(),
            is_active: signed.mailbox.is_some_and(is_active),
            token: signed.token(),
        }
    }

    /// What a mailbox is called for who reads in it.
    pub fn named(&self, signed: &Signed, id: MailboxId) -> String {
        match id {
            MailboxId::Citizen(_) if signed.identity.name.is_empty() => self.texts().say("mailbox-own"),
            MailboxId::Citizen(_) => signed.identity.name.to_string(),
            MailboxId::Enterprise(cbe) => {
                let name = signed.identity.enterprise(id).and_then(|one| one.name.as_deref());
                name.map_or_else(|| cbe.formatted(), |name| format!("{name} ({})", cbe.formatted()))
            }
        }
    }
}

impl Holder {
    /// The visit.
    pub fn visit(&self) -> &Visit {
        &self.person.visit
    }

    /// The site.
    pub fn site(&self) -> &Site {
        &self.person.visit.site
    }
}

fn visit(request: &HttpRequest) -> Result<Visit, Problem> {
    let site = request.app_data::<Data<Site>>().ok_or(Problem::Inside)?.clone();
    let session = cookie::read(request, site.session_cookie());
    let signed = session.and_then(|id| site.sessions.used(id, Instant::now()));
    let chosen = cookie::read(request, LANGUAGE).and_then(|code| Language::parse(code).ok());
    let preferred = || {
        let mailbox = site.ebox.mailboxes().mailbox(signed.as_ref()?.mailbox?).ok()?;
        mailbox.preferences.language
    };
    let language = chosen.or_else(preferred).unwrap_or_else(|| accepted(request));
    let path = request.uri().path_and_query().map_or("/mailbox/", |path| path.as_str());
    Ok(Visit { language, signed, path: local(path).to_owned(), site })
}

/// The language that the browser asks for: the first of its list that there is.
fn accepted(request: &HttpRequest) -> Language {
    let wanted =
        request.headers().get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut tags = wanted.split(',').take(20).filter_map(|tag| tag.trim().get(..2));
    tags.find_map(|tag| Language::parse(&tag.to_ascii_lowercase()).ok()).unwrap_or(Language::Fr)
}

/// A path of ours, as it came; anything else leads to the beginning.
pub fn local(path: &str) -> &str {
    let is_ours = path.starts_with("/mailbox/") && path.len() <= PATH_MAX;
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>'));
    if is_ours && is_plain && !path.contains("//") { path } else { "/mailbox/" }
}

/// A text as it goes into a query.
pub fn encoded(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                written.push(char::from(byte));
            }
            _ => {
                let _ = write!(written, "%{byte:02X}");
            }
        }
    }
    written
}

impl FromRequest for Visit {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(visit(request))
    }
}

fn person(request: &HttpRequest) -> Result<Person, Problem> {
    let visit = visit(request)?;
    match visit.signed.clone() {
        Some(signed) => Ok(Person { visit, signed }),
        // A form is not sent again by signing in.
        None if request.method() != Method::GET => Err(Problem::SignedOut("/mailbox/messages".to_owned())),
        None => Err(Problem::SignedOut(visit.path)),
    }
}

impl FromRequest for Person {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(person(request))
    }
}

impl Person {
    /// As who this person reads in a mailbox, if they may.
    pub fn reader(&self, mailbox: MailboxId) -> Option<Reader> {
        let rights: Rights = self.signed.identity.rights(mailbox)?;
        let access = Access { actor: Actor::Person(self.signed.identity.niss), face: Face::Web, ticket: None };
        Some(Reader { mailbox, rights, access })
    }
}

fn holder(request: &HttpRequest) -> Result<Holder, Problem> {
    let person = person(request)?;
    let reader = person.signed.mailbox.and_then(|mailbox| person.reader(mailbox)).ok_or(Problem::Unchosen)?;
    match person.visit.site.ebox.reads(&reader, false) {
        Ok(mailbox) => Ok(Holder { person, reader, mailbox }),
        Err(estafette_actors::ebox::Refusal::NotActive) => Err(Problem::Inactive),
        Err(refusal) => Err(refusal.into()),
    }
}

impl FromRequest for Holder {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(holder(request))
    }
}

/// The fields of a form, each as often as it was sent.
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// A field, without white space around it; empty when it was not sent.
    pub fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(given, _)| given == name);
        found.map_or("", |(_, value)| value.trim())
    }

    /// All of one name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

/// A form that came from one of our pages, by who it was made for.
pub struct Posted<W> {
    /// Who.
    pub by: W,
    /// What it says.
    pub fields: Fields,
}

/// Who can be asked for the token of their forms.
pub trait Signs: FromRequest<Error = Problem> {
    /// The session.
    fn signed(&self) -> &Signed;
}

impl Signs for Person {
    fn signed(&self) -> &Signed {
        &self.signed
    }
}

impl Signs for Holder {
    fn signed(&self) -> &Signed {
        &self.person.signed
    }
}

impl<W: Signs + 'static> FromRequest for Posted<W>
where
    W::Future: 'static,
{
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (by, form) =
            (W::from_request(request, payload), Form::<Vec<(String, String)>>::from_request(request, payload));
        let is_ours = is_ours(request);
        Box::pin(async move {
            let (by, fields) = (by.await?, Fields(form.await.map_err(|_| Problem::Unreadable)?.into_inner()));
            if !is_ours || !by.signed().is_token(fields.get("token")) {
                return Err(Problem::Forged);
            }
            Ok(Self { by, fields })
        })
    }
}

/// Whether a form came from a page of this site, as far as the browser says. Since our pages send no referrer, a browser names their origin `null`;
/// newer ones say beside it whether the page was of the same origin. What a browser does not say the token of the form decides.
pub fn is_ours(request: &HttpRequest) -> bool {
    let said = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    let own = request.app_data::<Data<Site>>().map(|site| site.settings.public_url.as_str());
    match (said("sec-fetch-site"), said("origin")) {
        (Some(site), _) => site == "same-origin",
        (None, None | Some("null")) => true,
        (None, origin) => origin == own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        assert_eq!(local("/mailbox/messages?unread=1"), "/mailbox/messages?unread=1");
        for foreign in [
            "https://e.example",
            "//e.example",
            "/\\e.example",
            "/mailbox/\\e",
            "/mailbox//e.example",
            "/mailbox",
            "",
            "/mailbox/\r\nx",
            "/other",
        ] {
            assert_eq!(local(foreign), "/mailbox/", "{foreign:?}");
        }
        assert_eq!(encoded("/mailbox/a?b=1&c=é"), "/mailbox/a%3Fb%3D1%26c%3D%C3%A9");
    }
}
