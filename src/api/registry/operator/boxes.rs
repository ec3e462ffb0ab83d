//! Single mailboxes, as the operator sets them for tests and migration: active or not, preferences, consents.
use actix_web::{HttpRequest, HttpResponse, put, web};
use email_address::EmailAddress;
use estafette_actors::domain::language::Language;
use estafette_actors::domain::mailbox::{CONSENTS, ClientId, Mailbox, MailboxId, Notice, Preferences};
use estafette_actors::ports::mailbox::Change;
use jiff::civil::Date;
use serde::Serialize;
use serde::de::value::{Error as Unreadable, StrDeserializer};
use serde::de::{Deserialize, IntoDeserializer};
use utoipa::ToSchema;

use super::{OPERATED, mailboxes};
use crate::api::App;
use crate::api::answer::json;
use crate::api::body::JsonBody;
use crate::api::caller::Caller;
use crate::api::json::{Faults, Json, Object};
use crate::api::problem::{Problem, refuses, sets};
use crate::api::registry::wire::{EboxId, ebox_id, needed, placed, seconds};
use crate::api::registry::{examples, schemas};
use crate::api::submission::today;

/// What a holder wants.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MailboxPreferences)]
pub struct PreferencesView {
    /// In which language the holder is addressed.
    #[schema(value_type = Option<crate::api::schemas::Language>, required)]
    language: Option<Language>,
    /// Where e-mail goes.
    #[schema(value_type = Option<String>, required)]
    email: Option<Box<str>>,
    /// E-mail to that address came back.
    email_fails: bool,
    /// How the holder is told of what came.
    #[schema(value_type = schemas::MailboxNotice)]
    notice: Notice,
    /// No paper any more.
    exclusively_digital: bool,
}

/// A consent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MailboxConsent)]
pub struct ConsentView {
    /// The portal.
    #[schema(value_type = schemas::EboxClientId)]
    portal: ClientId,
    /// Whether it stands.
    stands: bool,
}

/// A mailbox.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Mailbox, example = examples::mailbox)]
pub struct View {
    /// Whose.
    ebox_id: EboxId,
    /// Since when it is active; null while it is not.
    #[schema(format = DateTime, required)]
    active_since: Option<String>,
    /// When the holder looked last.
    #[schema(format = DateTime, required)]
    consulted_at: Option<String>,
    /// What the holder wants.
    preferences: PreferencesView,
    /// By portal.
    consents: Vec<ConsentView>,
}

impl View {
    fn of(id: MailboxId, one: &Mailbox) -> Self {
        let wanted = &one.preferences;
        let consent = |one: &estafette_actors::domain::mailbox::Consent| ConsentView {
            portal: one.portal.clone(),
            stands: one.withdrawn_at.is_none(),
        };
        Self {
            ebox_id: id.into(),
            active_since: one.active_since.map(seconds),
            consulted_at: one.consulted_at.map(seconds),
            preferences: PreferencesView {
                language: wanted.language,
                email: wanted.email.clone(),
                email_fails: wanted.email_fails,
                notice: wanted.notice,
                exclusively_digital: wanted.exclusively_digital,
            },
            consents: one.consents.iter().map(consent).collect(),
        }
    }
}

/// What a mailbox is to be; what is left out stays.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    id: MailboxId,
    active: Option<bool>,
    preferences: Option<Preferences>,
    consents: Vec<(ClientId, bool)>,
}

fn email(text: &str) -> Result<Box<str>, &'static str> {
    let is_address = text.len() <= 254 && EmailAddress::is_valid(text);
    if is_address { Ok(text.into()) } else { Err("not an e-mail address: give one like name@example.be") }
}

fn notice(text: &str) -> Result<Notice, &'static str> {
    let name: StrDeserializer<'_, Unreadable> = text.into_deserializer();
    Notice::deserialize(name).map_err(|_| "give none, email or message")
}

fn preferences(object: &mut Object<'_>, faults: &mut Faults) -> Option<Preferences> {
    let mut given = object.object("preferences", "/preferences", faults)?;
    let preferences = Preferences {
        language: given.parsed("language", faults, Language::parse),
        email: given.parsed("email", faults, email),
        email_fails: false,
        notice: given.parsed("notice", faults, notice).unwrap_or_default(),
        exclusively_digital: given.truth("exclusively_digital", faults).unwrap_or(false),
    };
    given.finish("language, email, notice, exclusively_digital", faults);
    Some(preferences)
}

fn consents(object: &mut Object<'_>, faults: &mut Faults) -> Vec<(ClientId, bool)> {
    let items = object.array("consents", faults).unwrap_or_default();
    if items.len() > CONSENTS {
        object.fault("consents", format_args!("more than {CONSENTS}: give fewer"), faults);
        return Vec::new();
    }
    let one = |(place, item)| {
        placed(format_args!("/consents/{place}"), faults, |own| {
            let mut given = Object::of(item, "", own)?;
            let portal = needed(given.parsed("portal", own, ClientId::parse), &given, "portal", own);
            let stands = needed(given.truth("stands", own), &given, "stands", own);
            given.finish("portal, stands", own);
            Some((portal?, stands?))
        })
    };
    items.into_iter().enumerate().filter_map(one).collect()
}

fn wanted(body: &[u8], today: Date) -> Result<Wanted, Problem> {
    let mut faults = Faults::default();
    let read = Object::of(Json::parse(body)?, "", &mut faults).and_then(|mut object| {
        let id = needed(object.take("ebox_id"), &object, "ebox_id", &mut faults);
        let id = id.and_then(|value| placed("/ebox_id", &mut faults, |own| ebox_id(value, today, own)));
        let active = object.truth("active", &mut faults);
        let preferences = preferences(&mut object, &mut faults);
        let consents = consents(&mut object, &mut faults);
        object.finish("ebox_id, active, preferences, consents", &mut faults);
        Some(Wanted { id: id?, active, preferences, consents })
    });
    match read {
        Some(read) if faults.is_empty() => Ok(read),
        _ => Err(Problem::InvalidRequest(faults.into_inner())),
    }
}

impl Wanted {
    /// The changes that make it so, in their order.
    fn changes(self, there: &Mailbox) -> Vec<Change> {
        let mut changes = Vec::new();
        match (self.active, self.preferences) {
            (Some(true), preferences) if !there.is_active() => {
                changes.push(Change::Activate(preferences.unwrap_or_else(|| there.preferences.clone())));
            }
            (active, preferences) => {
                changes.extend(preferences.map(Change::Prefer));
                if active == Some(false) && there.is_active() {
                    changes.push(Change::Deactivate);
                }
            }
        }
        let consent = |(portal, stands)| if stands { Change::Consent(portal) } else { Change::Withdraw(portal) };
        changes.extend(self.consents.into_iter().map(consent));
        changes
    }
}

refuses!(Setting: sets::KEYED, sets::BODY, sets::JSON, sets::WRITING, OPERATED);

/// Activates a mailbox or not, and sets what its holder wants and to whom the holder consents; what is left out stays. For the
/// operator: for tests, and for who comes from another system. Holders do it themselves on the pages.
#[utoipa::path(
    operation_id = "put_mailbox",
    tag = "mailbox",
    request_body(content = schemas::NewMailbox, content_type = "application/json"),
    responses((status = 200, description = "As it is now", body = View), Setting),
    security(("key" = ["operator"])),
)]
#[put("/v1/mailbox/boxes")]
pub async fn set(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let (mailboxes, access) = mailboxes(&app, &request, &caller)?;
    let wanted = wanted(&body.0, today(app.parts.broker.now()))?;
    let id = wanted.id;
    let mut mailbox = mailboxes.mailbox(id)?;
    for change in wanted.changes(&mailbox) {
        mailbox = mailboxes.change(access.clone(), id, change).await?;
    }
    Ok(json(HttpResponse::Ok(), &View::of(id, &mailbox)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Date = Date::constant(2026, 11, 28);

    #[test]
    fn what_is_left_out_stays_and_each_mistake_has_its_place() {
        let id = r#""ebox_id":{"eboxType":"citizen","eboxIdValue":"85073003328"}"#;
        let read = |rest: &str| wanted(format!("{{{id}{rest}}}").as_bytes(), TODAY).unwrap();
        let there = Mailbox::default();
        assert!(read("").changes(&there).is_empty());
        let all = read(
            r#","active":true,"preferences":{"language":"nl","email":"a@example.be","notice":"email"},"consents":[{"portal":"doccle","stands":true}]"#,
        );
        let changes = all.changes(&there);
        let Change::Activate(preferences) = &changes[0] else { panic!("{changes:?}") };
        assert_eq!((preferences.language, preferences.notice, changes.len()), (Some(Language::Nl), Notice::Email, 2));
        let active = Mailbox { active_since: Some(estafette_actors::domain::time::Timestamp::ZERO), ..there };
        assert!(read(r#","active":true"#).changes(&active).is_empty());
        assert_eq!(read(r#","active":false"#).changes(&active), [Change::Deactivate]);
        let wrong = wanted(br#"{"ebox_id":{"eboxType":"citizen","eboxIdValue":"1"},"preferences":{"email":"a","notice":"fax"},"consents":[{"portal":"a b"}]}"#, TODAY);
        let places: Vec<_> = wrong.unwrap_err().faults().iter().map(|fault| fault.pointer.clone()).collect();
        let expected = [
            "/ebox_id/eboxIdValue",
            "/preferences/email",
            "/preferences/notice",
            "/consents/0/portal",
            "/consents/0/stands",
        ];
        assert_eq!(places, expected);
    }
}
