//! The federation's central part: what holders of mailboxes prefer, to which portals they consent, and who keeps documents.
//!
//! Invariant: a sender learns whether somebody wants no paper, and no more; when a holder looked and how much is in a mailbox is told
//! to its holder only. A portal gives itself no consent.
use std::sync::Arc;

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, get, patch, post, web};
use estafette_actors::domain::mailbox::document::LINKS;
use estafette_actors::domain::mailbox::{Audience, ClientId, Mailbox, MailboxId, Preferences};
use estafette_actors::ebox::Reader;
use estafette_actors::ports::mailbox::{Access, Change, Deed, Rights, Summary, Trouble};
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::access::Party;
use super::codes::{Code, sets};
use super::refused::{Refused, refusing};
use super::tokens::Scope;
use super::wire::{needed, placed, read_number, seconds};
use super::{JSON, PATCH, answer, body, examples, schemas};
use crate::api::App;
use crate::api::json::{Faults, Json, Object};

pub mod documentation;
pub mod providers;

/// A mailbox, as the federation writes it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FederationEboxId)]
pub struct EboxId {
    /// `CITIZEN` or `ENTERPRISE`.
    ebox_type: &'static str,
    /// The CBE number of an enterprise, or the NISS of a citizen.
    ebox_id_value: String,
}

impl From<MailboxId> for EboxId {
    fn from(mailbox: MailboxId) -> Self {
        let ebox_type = match mailbox.audience() {
            Audience::Citizen => "CITIZEN",
            Audience::Enterprise => "ENTERPRISE",
        };
        Self { ebox_type, ebox_id_value: mailbox.digits() }
    }
}

/// What the holder of a mailbox prefers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FederationPreferences, example = examples::preferences)]
pub struct View {
    /// The mailbox.
    ebox_id: EboxId,
    /// Whether its holder wants no paper any more.
    exclusively_ebox: bool,
    /// When the holder looked last; for the holder only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, required = false)]
    last_connection_date: Option<String>,
    /// Messages in it; for the holder only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    total_number_of_messages: Option<u64>,
    /// Of these, those not read; for the holder only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    total_number_of_unread_messages: Option<u64>,
}

impl View {
    fn of(id: MailboxId, mailbox: &Mailbox, summary: Option<&Summary>) -> Self {
        Self {
            ebox_id: id.into(),
            exclusively_ebox: mailbox.preferences.exclusively_digital,
            last_connection_date: summary.and(mailbox.consulted_at).map(seconds),
            total_number_of_messages: summary.map(|summary| summary.count),
            total_number_of_unread_messages: summary.map(|summary| summary.unread),
        }
    }
}

/// Reads the kind of mailboxes in small letters or capitals: the definition enumerates none, and its examples have capitals.
fn audience(text: &str) -> Result<Audience, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "citizen" => Ok(Audience::Citizen),
        "enterprise" => Ok(Audience::Enterprise),
        _ => Err("give CITIZEN or ENTERPRISE"),
    }
}

/// Whether a kind of number is that of a kind of mailbox.
fn numbers(audience: Audience, text: &str) -> bool {
    match audience {
        Audience::Enterprise => text.eq_ignore_ascii_case("EnterpriseNumber"),
        Audience::Citizen => ["NISS", "SSIN", "INSZ"].iter().any(|name| text.eq_ignore_ascii_case(name)),
    }
}

/// The numbers asked for; one that is none, is the number of nobody.
fn list(body: &[u8], today: Date) -> Result<Vec<MailboxId>, Refused> {
    let mut faults = Faults::default();
    let read = Object::of(Json::parse(body)?, "", &mut faults).and_then(|mut object| {
        let kind = needed(object.parsed("eboxType", &mut faults, audience), &object, "eboxType", &mut faults);
        let numbered = needed(object.text("eboxIdType", &mut faults), &object, "eboxIdType", &mut faults);
        let given = object.array("eboxIdValueList", &mut faults);
        let given = needed(given, &object, "eboxIdValueList", &mut faults)?;
        if kind.zip(numbered).is_some_and(|(kind, name)| !numbers(kind, &name)) {
            object.fault("eboxIdType", "give EnterpriseNumber for enterprises, NISS for citizens", &mut faults);
        }
        if !(1..=LINKS).contains(&given.len()) {
            object.fault("eboxIdValueList", format_args!("give 1 to {LINKS} at once"), &mut faults);
        }
        object.finish("eboxType, eboxIdType, eboxIdValueList", &mut faults);
        let mut found = Vec::with_capacity(given.len());
        for (place, value) in given.into_iter().enumerate() {
            match value {
                Json::Text(text) => found.extend(read_number(kind?, &text, today).ok()),
                _ => faults.add(format!("/eboxIdValueList/{place}"), "must be a string"),
            }
        }
        found.sort_unstable();
        found.dedup();
        Some(found)
    });
    Refused::unless(read, faults)
}

refusing!(Searching: sets::KNOWN, sets::ONE, sets::BODY, sets::JSON, sets::READING);

/// Which of up to 1,000 mailboxes of one kind are active, and whether their holders want no paper. Those that are not active are left
/// out; 404 when none is.
#[utoipa::path(
    operation_id = "search_ebox_preferences",
    tag = "mailbox",
    request_body(content = schemas::FederationIdList, content_type = "application/json"),
    responses((status = 200, description = "The active ones", body = Vec<View>), Searching),
    security(("token" = ["ebox:preferences"]), ("key" = [])),
)]
#[post("/federation/v1/eboxPreferences/search")]
pub async fn search(request: HttpRequest, app: web::Data<App>, payload: Payload) -> Result<HttpResponse, Refused> {
    let party = Party::of(&request, &app).await?;
    // A holder, for their own; otherwise a sender, or the operator.
    let own = party.named(Scope::Preferences);
    let access = match own {
        Some(_) => party.holder(Scope::Preferences)?.0.access,
        None => party.sender().map(|sender| sender.access).or_else(|refused| party.operator().map_err(|_| refused))?,
    };
    let body = body(&request, payload, &app, JSON).await?;
    let wanted = list(&body, party.today())?;
    let found = match own {
        Some(own) => {
            let mailbox = party.ebox().mailboxes().mailbox(own)?;
            let is_asked = wanted.contains(&own) && mailbox.is_active();
            if is_asked {
                vec![View::of(own, &mailbox, Some(&summary(&party, own, &access).await?))]
            } else {
                Vec::new()
            }
        }
        None => active(&party, wanted).await?,
    };
    party.ebox().mailboxes().note(access, Deed::Ask, own, None, if found.is_empty() { "unknown" } else { "done" });
    if found.is_empty() {
        return Err(Refused::new(Code::NotFound, "none of these mailboxes is active"));
    }
    Ok(answer(&found))
}

/// Those that are active. Many look-ups of the disk, beside who does none.
async fn active(party: &Party, wanted: Vec<MailboxId>) -> Result<Vec<View>, Refused> {
    let mailboxes = Arc::clone(party.ebox().mailboxes());
    let task = tokio::task::spawn_blocking(move || {
        let view = |id: MailboxId| {
            let mailbox = mailboxes.mailbox(id)?;
            Ok(mailbox.is_active().then(|| View::of(id, &mailbox, None)))
        };
        wanted.into_iter().map(view).filter_map(Result::transpose).collect::<Result<Vec<_>, Trouble>>()
    });
    let ended = |_| Refused::new(Code::Overloaded, "the program is about to end: ask again");
    Ok(task.await.map_err(ended)??)
}

async fn summary(party: &Party, mailbox: MailboxId, access: &Access) -> Result<Summary, Refused> {
    let reader = Reader { mailbox, rights: Rights::All, access: access.clone() };
    Ok(party.ebox().summary(&reader).await?)
}

/// Takes a mailbox out of an object.
fn ebox_id(object: &mut Object<'_>, today: Date, faults: &mut Faults) -> Option<MailboxId> {
    let value = needed(object.take("eboxId"), object, "eboxId", faults)?;
    placed("/eboxId", faults, |own| {
        let mut given = Object::of(value, "", own)?;
        let kind = needed(given.parsed("eboxType", own, audience), &given, "eboxType", own);
        let number = needed(given.text("eboxIdValue", own), &given, "eboxIdValue", own);
        let found = read_number(kind?, &number?, today);
        if let Err(error) = &found {
            given.fault("eboxIdValue", error, own);
        }
        given.finish("eboxType, eboxIdValue", own);
        found.ok()
    })
}

/// The mailbox that a request is about: the one of the token, or any when it is the operator's.
fn meant(party: &Party, id: MailboxId) -> Result<(Access, Mailbox), Refused> {
    if let Ok(access) = party.operator() {
        return Ok((access, party.ebox().mailboxes().mailbox(id)?));
    }
    let (reader, mailbox) = party.holder(Scope::Preferences)?;
    if reader.mailbox != id {
        // Whether that one exists is not said.
        return Err(Refused::not_allowed("the token names another mailbox: get one for this"));
    }
    Ok((reader.access, mailbox))
}

fn preferred(body: &[u8], today: Date) -> Result<(MailboxId, bool), Refused> {
    let mut faults = Faults::default();
    let read = Object::of(Json::parse(body)?, "", &mut faults).and_then(|mut object| {
        let id = ebox_id(&mut object, today, &mut faults);
        let wanted = object.truth("exclusivelyEbox", &mut faults);
        let wanted = needed(wanted, &object, "exclusivelyEbox", &mut faults);
        object.finish("eboxId, exclusivelyEbox", &mut faults);
        Some((id?, wanted?))
    });
    Refused::unless(read, faults)
}

refusing!(Preferring: sets::KNOWN, sets::HELD, sets::ONE, sets::BODY, sets::JSON, sets::WRITING);

/// Says whether the holder of the mailbox that the token names wants no paper any more.
#[utoipa::path(
    operation_id = "patch_ebox_preferences",
    tag = "mailbox",
    request_body(content = schemas::FederationPreferencesToUpdate, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "As it is now", body = View), Preferring),
    security(("token" = ["ebox:preferences"]), ("key" = ["operator"])),
)]
#[patch("/federation/v1/eboxPreferences")]
pub async fn prefer(request: HttpRequest, app: web::Data<App>, payload: Payload) -> Result<HttpResponse, Refused> {
    let party = Party::of(&request, &app).await?;
    party.holds(Scope::Preferences)?;
    let body = body(&request, payload, &app, PATCH).await?;
    let (id, exclusively_digital) = preferred(&body, party.today())?;
    let (access, mailbox) = meant(&party, id)?;
    if !mailbox.is_active() {
        return Err(Refused::new(Code::NotActive, "this mailbox is not active: its holder has to activate it"));
    }
    let preferences = Preferences { exclusively_digital, ..mailbox.preferences };
    let changed = party.ebox().mailboxes().change(access.clone(), id, Change::Prefer(preferences)).await?;
    let summary = summary(&party, id, &access).await?;
    Ok(answer(&View::of(id, &changed, Some(&summary))))
}

/// A consent of a holder.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FederationConsent)]
pub struct Consent {
    /// The portal.
    client_id: String,
    /// When it was given last.
    #[schema(format = DateTime)]
    given_date: String,
    /// When it was withdrawn, unless it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, required = false)]
    withdrawn_date: Option<String>,
}

/// The consents of a holder.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FederationConsents, example = examples::consents)]
pub struct Consents {
    /// The mailbox.
    ebox_id: EboxId,
    /// By portal.
    consents: Vec<Consent>,
}

impl Consents {
    /// Those that `only` may see, where it is a portal: its own.
    fn of(id: MailboxId, mailbox: &Mailbox, only: Option<&ClientId>) -> Self {
        let seen = mailbox.consents.iter().filter(|one| only.is_none_or(|portal| one.portal == *portal));
        let view = |one: &estafette_actors::domain::mailbox::Consent| Consent {
            client_id: one.portal.as_str().to_owned(),
            given_date: seconds(one.given_at),
            withdrawn_date: one.withdrawn_at.map(seconds),
        };
        Self { ebox_id: id.into(), consents: seen.map(view).collect() }
    }
}

refusing!(Consenting: sets::KNOWN, sets::HELD);

/// To which portals the holder of the mailbox that the token names consents, or did. A portal sees its own.
#[utoipa::path(
    operation_id = "ebox_consents",
    tag = "mailbox",
    responses((status = 200, description = "By portal", body = Consents), Consenting),
    security(("token" = ["ebox:preferences"])),
)]
#[get("/federation/v1/eboxConsents")]
pub async fn consents(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Refused> {
    let party = Party::of(&request, &app).await?;
    let (reader, mailbox) = party.holder(Scope::Preferences)?;
    let only = party.client_id().filter(|_| party.is_portal());
    Ok(answer(&Consents::of(reader.mailbox, &mailbox, only)))
}

fn consented(body: &[u8], today: Date) -> Result<(MailboxId, ClientId, bool), Refused> {
    let mut faults = Faults::default();
    let read = Object::of(Json::parse(body)?, "", &mut faults).and_then(|mut object| {
        let id = ebox_id(&mut object, today, &mut faults);
        let portal = object.parsed("clientId", &mut faults, ClientId::parse);
        let portal = needed(portal, &object, "clientId", &mut faults);
        let stands = needed(object.truth("consent", &mut faults), &object, "consent", &mut faults);
        object.finish("eboxId, clientId, consent", &mut faults);
        Some((id?, portal?, stands?))
    });
    Refused::unless(read, faults)
}

refusing!(Changing: sets::KNOWN, sets::HELD, sets::BODY, sets::JSON, sets::WRITING);

/// Gives a consent, or withdraws it: it counts from the portal's next request on. A portal may only withdraw its own.
#[utoipa::path(
    operation_id = "patch_ebox_consents",
    tag = "mailbox",
    request_body(content = schemas::FederationConsentToUpdate, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "As it is now", body = Consents), Changing),
    security(("token" = ["ebox:preferences"]), ("key" = ["operator"])),
)]
#[patch("/federation/v1/eboxConsents")]
pub async fn consent(request: HttpRequest, app: web::Data<App>, payload: Payload) -> Result<HttpResponse, Refused> {
    let party = Party::of(&request, &app).await?;
    party.holds(Scope::Preferences)?;
    let body = body(&request, payload, &app, PATCH).await?;
    let (id, portal, stands) = consented(&body, party.today())?;
    let (access, _) = meant(&party, id)?;
    let only = party.client_id().filter(|_| party.is_portal()).cloned();
    if only.as_ref().is_some_and(|own| stands || *own != portal) {
        return Err(Refused::not_allowed(
            "a portal withdraws its own consent and changes no other: the holder gives consents",
        ));
    }
    let change = if stands { Change::Consent(portal) } else { Change::Withdraw(portal) };
    let changed = party.ebox().mailboxes().change(access, id, change).await?;
    Ok(answer(&Consents::of(id, &changed, only.as_ref())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Date = Date::constant(2026, 11, 28);

    #[test]
    fn a_list_is_of_one_kind_and_a_number_that_is_none_is_nobodys() {
        let read = |kind: &str, numbered: &str, list: &str| {
            super::list(
                format!(r#"{{"eboxType":"{kind}","eboxIdType":"{numbered}","eboxIdValueList":{list}}}"#).as_bytes(),
                TODAY,
            )
        };
        let two = r#"["0206731645","0403019261","0206731645","1"]"#;
        assert_eq!(read("ENTERPRISE", "EnterpriseNumber", two).unwrap().len(), 2);
        assert_eq!(read("citizen", "SSIN", r#"["85.07.30-033.28"]"#).unwrap().len(), 1);
        assert!(read("CITIZEN", "NISS", r#"["0206731645"]"#).unwrap().is_empty());
        for (kind, numbered, list) in [
            ("ENTERPRISE", "NISS", "[\"0206731645\"]"),
            ("PROFESSIONAL", "NISS", "[\"1\"]"),
            ("CITIZEN", "NISS", "[]"),
            ("CITIZEN", "NISS", "[1]"),
            ("CITIZEN", "NISS", "{}"),
        ] {
            assert_eq!(read(kind, numbered, list).unwrap_err().code, Code::InvalidInput, "{kind} {numbered} {list}");
        }
    }

    #[test]
    fn what_a_holder_wants_is_read_whole() {
        let id = r#""eboxId":{"eboxType":"ENTERPRISE","eboxIdValue":"0206731645"}"#;
        let (mailbox, wanted) = preferred(format!("{{{id},\"exclusivelyEbox\":true}}").as_bytes(), TODAY).unwrap();
        assert_eq!((mailbox.digits().as_str(), wanted), ("0206731645", true));
        let given = format!(r#"{{{id},"clientId":"doccle","consent":false}}"#);
        assert_eq!(consented(given.as_bytes(), TODAY).unwrap().1.as_str(), "doccle");
        let wrong = preferred(br#"{"eboxId":{"eboxType":"x"}}"#, TODAY).unwrap_err();
        for place in ["/eboxId/eboxType: ", "/eboxId/eboxIdValue: ", "/exclusivelyEbox: "] {
            assert!(wrong.message.contains(place), "{wrong}");
        }
    }
}
