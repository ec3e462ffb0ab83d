//! What every page has around its own part: language, title, who is signed in, where they are, what was just done.
use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use askama::Template;
use estafette_actors::domain::language::Language;

use super::texts::Texts;

/// Where somebody is, for the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In none of its entries.
    Elsewhere,
    /// The list.
    Messages,
    /// What was put away.
    Away,
    /// Preferences.
    Preferences,
    /// Consents.
    Consents,
}

/// Who is signed in, as the page says it.
#[derive(Clone, Debug)]
pub struct Who {
    /// The person.
    pub name: String,
    /// Whose mailbox is open; empty before one is chosen.
    pub mailbox: String,
    /// There is another mailbox to choose.
    pub has_others: bool,
    /// The mailbox can be read.
    pub is_active: bool,
    /// What each form carries.
    pub token: String,
}

/// What every page has.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its texts.
    pub texts: Texts,
    /// Its title, different for each page.
    pub title: String,
    /// The style sheet's address, which changes with what is in it.
    pub style: &'static str,
    /// Where it is, for the language switch: a path under `/mailbox`.
    pub path: String,
    /// Who is signed in.
    pub who: Option<Who>,
    /// In which entry of the navigation.
    pub place: Place,
    /// What was just done.
    pub done: Option<String>,
}

/// The languages, each in itself.
pub const LANGUAGES: [(Language, &str); 4] =
    [(Language::Nl, "Nederlands"), (Language::Fr, "Français"), (Language::De, "Deutsch"), (Language::En, "English")];

impl Frame {
    /// A text of the page.
    pub fn t(&self, key: &str) -> String {
        self.texts.say(key)
    }

    /// A text with one word in it.
    pub fn with(&self, key: &str, name: &str, value: &str) -> String {
        self.texts.with(key, name, value)
    }

    /// Its language.
    pub fn lang(&self) -> &'static str {
        self.texts.0.as_str()
    }

    /// The language switch: the code, the name, whether it is this page's, and where it leads.
    pub fn languages(&self) -> Vec<(&'static str, &'static str, bool, String)> {
        let path = super::request::encoded(&self.path);
        let one = |(language, name): (Language, &'static str)| {
            let code = language.as_str();
            (code, name, language == self.texts.0, format!("/mailbox/language/{code}?to={path}"))
        };
        LANGUAGES.into_iter().map(one).collect()
    }

    /// The token of the forms; empty for who is not signed in.
    pub fn token(&self) -> &str {
        self.who.as_ref().map_or("", |who| &who.token)
    }

    /// Whether the page is in the entry of the navigation that is named so.
    pub fn is_at(&self, entry: &str) -> bool {
        let own = match self.place {
            Place::Elsewhere => "",
            Place::Messages => "messages",
            Place::Away => "away",
            Place::Preferences => "preferences",
            Place::Consents => "consents",
        };
        own == entry
    }
}

/// A mistake in a form: the field that it is about, and what to do.
#[derive(Clone, Debug)]
pub struct Mistake {
    /// The field's id in the page.
    pub field: &'static str,
    /// What to do about it.
    pub text: String,
}

/// A page as an answer.
pub fn page<T: Template>(status: StatusCode, template: &T) -> HttpResponse {
    match template.render() {
        Ok(html) => {
            HttpResponse::build(status).insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8")).body(html)
        }
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            HttpResponse::InternalServerError().finish()
        }
    }
}
