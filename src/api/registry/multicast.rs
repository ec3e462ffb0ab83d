//! One message to many, with the names of version 3: a publication without recipients, who follow in calls of up to 100 or as a list.
//!
//! The names are those of version 3 of the Message Registry, as its public pages mention them; the bodies are [ours].
use std::collections::HashSet;

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, post, web};
use estafette_actors::domain::mailbox::{Audience, MailboxId};
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::access::{Party, Sender};
use super::codes::{Code, sets};
use super::link::own;
use super::publish::description::{Addressing, Version, numbered};
use super::publish::{outcome, taken};
use super::refused::{Refused, refusing};
use super::wire::{Listed, needed, placed, seconds};
use super::{JSON, answer, body, created, examples, schemas};
use crate::api::App;
use crate::api::json::{Faults, Json, Object};

mod list;
pub mod running;
pub mod tasks;

/// Recipients of one call at most.
const RECIPIENTS: usize = 100;

/// A publication, to which recipients follow.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EboxMulticastPublication, example = examples::publication)]
pub struct Publication {
    /// Names it: it is the name of the message too.
    publication_id: String,
    /// When the message goes.
    #[schema(format = DateTime)]
    expiration_date: String,
}

refusing!(Publishing: sets::KNOWN, sets::ONE, sets::BODY, sets::JSON, sets::PUBLISHING, sets::WRITING);

/// Publishes a message to nobody yet: recipients follow. The body is that of a message of version 3 without `recipient`.
#[utoipa::path(
    operation_id = "create_publication",
    tag = "mailbox",
    params(
        ("enterpriseNumber" = schemas::EboxCbe, Path, description = "Your institution"),
        ("Idempotency-Key" = Option<schemas::EboxKey>, Header, description = "Of this publication: a second one of the same sender and application under it is refused"),
    ),
    request_body(content = schemas::EboxMulticast, content_type = "multipart/form-data"),
    responses((status = 201, description = "It is there", body = Publication), Publishing),
    security(("token" = ["ebox:publish"]), ("key" = [])),
)]
#[post("/messageRegistry/v3/ebox/{enterpriseNumber}/publications")]
pub async fn publish(
    request: HttpRequest,
    app: web::Data<App>,
    path: web::Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Refused> {
    let linked = taken(&request, &app, payload, Version::Three, Addressing::Later, Some(&path)).await?;
    let (publication_id, expiration_date) = (linked.document.id.to_string(), seconds(linked.document.expires_at));
    Ok(created(&Publication { publication_id, expiration_date }))
}

/// A recipient, as version 3 writes it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EboxRecipient)]
pub struct Recipient {
    /// Whose mailbox.
    #[schema(value_type = schemas::EboxType)]
    ebox_type: &'static str,
    /// The number of an enterprise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    enterprise_number: Option<String>,
    /// The number of a citizen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    ssin: Option<String>,
}

impl From<MailboxId> for Recipient {
    fn from(mailbox: MailboxId) -> Self {
        let (number, ebox_type) = (mailbox.digits(), super::wire::audience(mailbox.audience()));
        match mailbox.audience() {
            Audience::Enterprise => Self { ebox_type, enterprise_number: Some(number), ssin: None },
            Audience::Citizen => Self { ebox_type, enterprise_number: None, ssin: Some(number) },
        }
    }
}

/// What became of a publication for one recipient.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EboxRecipientStatus)]
pub struct RecipientStatus {
    /// Who.
    recipient: Recipient,
    /// The message.
    message_id: String,
    /// Whether it is in the mailbox, and read digitally.
    #[schema(value_type = schemas::EboxRecipientCode)]
    code: &'static str,
    /// The same in words.
    message: &'static str,
}

fn recipients(body: &[u8], today: Date) -> Result<Vec<MailboxId>, Refused> {
    let mut faults = Faults::default();
    let read = Object::of(Json::parse(body)?, "", &mut faults).and_then(|mut object| {
        let given = object.array("recipients", &mut faults);
        let given = needed(given, &object, "recipients", &mut faults)?;
        object.finish("recipients", &mut faults);
        if !(1..=RECIPIENTS).contains(&given.len()) {
            faults
                .add("/recipients", format_args!("give 1 to {RECIPIENTS} at once; more as a list, to multicastTasks"));
            return None;
        }
        let one =
            |(place, item)| placed(format_args!("/recipients/{place}"), &mut faults, |own| numbered(item, today, own));
        let found: Vec<_> = given.into_iter().enumerate().filter_map(one).collect();
        let mut seen = HashSet::new();
        Some(found.into_iter().filter(|mailbox| seen.insert(*mailbox)).collect::<Vec<_>>())
    });
    Refused::unless(read, faults)
}

/// A sender whose own the path is.
pub fn owner(party: &Party, enterprise: &str) -> Result<Sender, Refused> {
    let sender = party.sender()?;
    if sender.institution.0.digits() == enterprise {
        return Ok(sender);
    }
    Err(Refused::new(Code::NotFound, "no publications of yours are here: give the number of your institution"))
}

refusing!(Adding: sets::KNOWN, sets::ONE, sets::BODY, sets::JSON, sets::WRITING);

/// Links a publication to up to 100 recipients, and says of each what became of it. Asked again, it changes nothing twice.
#[utoipa::path(
    operation_id = "add_recipients",
    tag = "mailbox",
    params(
        ("enterpriseNumber" = schemas::EboxCbe, Path, description = "Your institution"),
        ("publicationId" = schemas::EboxMessageId, Path, description = "The publication"),
    ),
    request_body(content = schemas::EboxRecipients, content_type = "application/json"),
    responses(
        (status = 200, description = "Each of them", body = Listed<RecipientStatus>, example = json!(examples::recipient_statuses())),
        Adding,
    ),
    security(("token" = ["ebox:publish"]), ("key" = [])),
)]
#[post("/messageRegistry/v3/ebox/{enterpriseNumber}/publications/{publicationId}/addRecipients")]
pub async fn add(
    request: HttpRequest,
    app: web::Data<App>,
    path: web::Path<(String, String)>,
    payload: Payload,
) -> Result<HttpResponse, Refused> {
    let party = Party::of(&request, &app).await?;
    let sender = owner(&party, &path.0)?;
    let id = own(&path.1)?;
    let body = body(&request, payload, &app, JSON).await?;
    let recipients = recipients(&body, party.today())?;
    let (linked, left_out) = party.ebox().link(&sender.access, sender.institution, id, recipients.clone()).await?;
    let mut items = Vec::with_capacity(recipients.len());
    for recipient in recipients {
        let (code, message) = if left_out.contains(&recipient) {
            ("INVALID_RECIPIENT", "messages of this type are not for this kind of mailbox")
        } else {
            outcome(!linked.without_reader.contains(&recipient))
        };
        items.push(RecipientStatus { recipient: recipient.into(), message_id: id.to_string(), code, message });
    }
    Ok(answer(&Listed::all(items)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_are_read_each_once_and_at_most_a_hundred() {
        let today = jiff::civil::date(2026, 11, 28);
        let (one, two) = (
            r#"{"eboxType":"enterprise","enterpriseNumber":"0206731645"}"#,
            r#"{"eboxType":"citizen","ssin":"85073003328"}"#,
        );
        let read = |list: &[&str]| recipients(format!(r#"{{"recipients":[{}]}}"#, list.join(",")).as_bytes(), today);
        assert_eq!(read(&[one, two, one]).unwrap().len(), 2);
        assert!(read(&[one; 101]).is_err() && read(&[]).is_err());
        let wrong = read(&[r#"{"eboxType":"citizen","enterpriseNumber":"0206731645"}"#]).unwrap_err();
        assert!(wrong.message.contains("/recipients/0/ssin: missing"), "{wrong}");
    }
}
