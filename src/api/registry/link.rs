//! Broadcast publication: a message that is there is linked to more mailboxes, and what became of messages in mailboxes.
use std::collections::HashSet;

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, post, web};
use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::domain::mailbox::document::{DocumentId, LINKS};
use estafette_actors::domain::mailbox::item::Item;
use estafette_actors::ports::mailbox::Deed;
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::access::Party;
use super::codes::{Code, sets};
use super::refused::{Refused, refusing};
use super::wire::{EboxId, ebox_id, int32, needed, placed, read_number, seconds};
use super::{JSON, body, created, examples, schemas, wire};
use crate::api::App;
use crate::api::json::{Faults, Json, Object};

/// Characters that a recipient who is none is repeated with at most.
const REPEATED: usize = 20;

/// A recipient that was not linked, as it was given.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EboxErrorCase)]
pub struct ErrorCase {
    /// Whose mailbox it was to be.
    #[schema(value_type = schemas::EboxType)]
    ebox_type: String,
    /// The number.
    ebox_id_value: String,
}

impl From<MailboxId> for ErrorCase {
    fn from(mailbox: MailboxId) -> Self {
        Self { ebox_type: wire::audience(mailbox.audience()).to_owned(), ebox_id_value: mailbox.digits() }
    }
}

/// What came of a link.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EboxLinkResponse, example = examples::linked)]
pub struct LinkResponse {
    /// The message.
    message_id: String,
    /// When it goes.
    #[schema(format = DateTime)]
    expiration_date: String,
    /// In how many of the mailboxes given it is now; one given twice counts once.
    nb_success_links: i32,
    /// Those that are no mailboxes, or for which messages of this type are not.
    error_cases: Vec<ErrorCase>,
}

/// Recipients of one call: those that are mailboxes, each once, and those that are not.
#[derive(Debug, Default)]
struct Recipients {
    good: Vec<MailboxId>,
    wrong: Vec<ErrorCase>,
}

fn recipients(items: Vec<Json<'_>>, today: Date, faults: &mut Faults) -> Recipients {
    let (mut found, mut seen) = (Recipients::default(), HashSet::with_capacity(items.len()));
    for (place, item) in items.into_iter().enumerate() {
        // What has another form is a mistake of the program that asks; a number that is none may be one of its data.
        let given = placed(format_args!("/recipients/{place}"), faults, |own| {
            let mut object = Object::of(item, "", own)?;
            let kind = needed(object.parsed("eboxType", own, wire::read_audience), &object, "eboxType", own);
            let number = needed(object.text("eboxIdValue", own), &object, "eboxIdValue", own);
            object.finish("eboxType, eboxIdValue", own);
            Some((kind?, number?.into_owned()))
        });
        let Some((kind, number)) = given else { continue };
        match read_number(kind, &number, today) {
            Ok(mailbox) if seen.insert(mailbox) => found.good.push(mailbox),
            Ok(_) => {}
            Err(_) => found.wrong.push(ErrorCase {
                ebox_type: wire::audience(kind).to_owned(),
                ebox_id_value: number.chars().take(REPEATED).collect(),
            }),
        }
    }
    found
}

fn link_of(body: &[u8], today: Date) -> Result<(String, Recipients), Refused> {
    let mut faults = Faults::default();
    let read = Object::of(Json::parse(body)?, "", &mut faults).and_then(|mut object| {
        let id = needed(object.text("messageId", &mut faults), &object, "messageId", &mut faults);
        let given = object.array("recipients", &mut faults);
        let given = needed(given, &object, "recipients", &mut faults);
        object.finish("messageId, recipients", &mut faults);
        let given = given?;
        if !(1..=LINKS).contains(&given.len()) {
            faults.add("/recipients", format_args!("give 1 to {LINKS} at once"));
            return None;
        }
        Some((id?.into_owned(), recipients(given, today, &mut faults)))
    });
    Refused::unless(read, faults)
}

/// A message of a sender, by its name.
pub fn own(text: &str) -> Result<DocumentId, Refused> {
    text.parse().map_err(|_| Refused::new(Code::NotFound, "no such message of yours"))
}

refusing!(Linking: sets::KNOWN, sets::ONE, sets::BODY, sets::JSON, sets::WRITING, &[Code::InvalidRecipient]);

/// Links a message that you published to up to 1,000 more mailboxes: it is kept once, however many have it. Asked again, it changes
/// nothing twice.
#[utoipa::path(
    operation_id = "link_ebox_message",
    tag = "mailbox",
    request_body(content = schemas::EboxMessageToLink, content_type = "application/json"),
    responses((status = 201, description = "Linked", body = LinkResponse), Linking),
    security(("token" = ["ebox:publish"]), ("key" = [])),
)]
#[post("/messageRegistry/v2/linkEboxMessage")]
pub async fn link(request: HttpRequest, app: web::Data<App>, payload: Payload) -> Result<HttpResponse, Refused> {
    let party = Party::of(&request, &app).await?;
    let sender = party.sender()?;
    let body = body(&request, payload, &app, JSON).await?;
    let (id, Recipients { good, mut wrong }) = link_of(&body, party.today())?;
    let asked = good.len();
    let (linked, left_out) = party.ebox().link(&sender.access, sender.institution, own(&id)?, good).await?;
    let links = asked - left_out.len();
    wrong.extend(left_out.into_iter().map(ErrorCase::from));
    Ok(created(&LinkResponse {
        message_id: linked.document.id.to_string(),
        expiration_date: seconds(linked.document.expires_at),
        nb_success_links: int32(links as u64),
        error_cases: wrong,
    }))
}

/// What became of a message in a mailbox.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EboxMessageStatus, example = examples::status)]
pub struct Status {
    /// The message.
    message_id: String,
    /// The mailbox.
    ebox_id: EboxId,
    /// When it goes.
    #[schema(format = DateTime)]
    expiration_date: String,
    /// Whether its main content was read.
    read_status: bool,
    /// Whether its holder wants it to be shown.
    visible: bool,
}

impl Status {
    fn of(item: &Item) -> Self {
        Self {
            message_id: item.document.id.to_string(),
            ebox_id: item.mailbox.into(),
            expiration_date: seconds(item.expires_at),
            read_status: item.state.read_at.is_some(),
            visible: item.state.is_visible,
        }
    }
}

/// What is asked for; a name that no message can have is that of none.
fn asked(body: &[u8], today: Date) -> Result<Vec<(Option<DocumentId>, MailboxId)>, Refused> {
    let mut faults = Faults::default();
    let read = match Json::parse(body)? {
        Json::Array(items) if (1..=LINKS).contains(&items.len()) => {
            let one = |(place, item)| {
                placed(format_args!("/{place}"), &mut faults, |own| {
                    let mut object = Object::of(item, "", own)?;
                    let id = needed(object.text("messageId", own), &object, "messageId", own);
                    let mailbox = object.take("eboxId");
                    let mailbox = mailbox.map(|value| placed("/eboxId", own, |inner| ebox_id(value, today, inner)));
                    let mailbox = needed(mailbox, &object, "eboxId", own);
                    object.finish("messageId, eboxId", own);
                    Some((id?.parse().ok(), mailbox??))
                })
            };
            Some(items.into_iter().enumerate().filter_map(one).collect())
        }
        _ => {
            faults.add("", format_args!("give an array of 1 to {LINKS} pairs of messageId and eboxId"));
            None
        }
    };
    Refused::unless(read, faults)
}

refusing!(Asking: sets::KNOWN, sets::ONE, sets::BODY, sets::JSON, sets::READING);

/// What became of up to 1,000 messages of yours in mailboxes. Those that are not there, or not any more, are left out; 404 when none
/// is there.
#[utoipa::path(
    operation_id = "search_message_status",
    tag = "mailbox",
    request_body(content = schemas::EboxMessagesStatusRequest, content_type = "application/json"),
    responses(
        (status = 201, description = "What is known of them", body = Vec<Status>),
        Asking,
    ),
    security(("token" = ["ebox:publish"]), ("key" = [])),
)]
#[post("/messageRegistry/v2/searchMessageStatus")]
pub async fn search(request: HttpRequest, app: web::Data<App>, payload: Payload) -> Result<HttpResponse, Refused> {
    let party = Party::of(&request, &app).await?;
    let sender = party.sender()?;
    let body = body(&request, payload, &app, JSON).await?;
    let wanted: Vec<_> =
        asked(&body, party.today())?.into_iter().filter_map(|(id, mailbox)| Some((id?, mailbox))).collect();
    let mailboxes = party.ebox().mailboxes();
    let found = if wanted.is_empty() { Vec::new() } else { mailboxes.states(sender.institution, wanted).await? };
    let found: Vec<Status> = found.iter().flatten().map(Status::of).collect();
    mailboxes.note(sender.access, Deed::Ask, None, None, if found.is_empty() { "unknown" } else { "done" });
    if found.is_empty() {
        return Err(Refused::new(Code::NotFound, "none of these messages of yours is in these mailboxes"));
    }
    Ok(created(&found))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Date = Date::constant(2026, 11, 28);
    const ID: &str = "0193b1c2-5b1e-7c3a-8f00-000000000001";

    #[test]
    fn a_number_that_is_none_is_an_error_case_and_another_form_is_a_mistake() {
        let citizen = r#"{"eboxType":"citizen","eboxIdValue":"85073003328"}"#;
        let wrong = r#"{"eboxType":"enterprise","eboxIdValue":"85073003328"}"#;
        let body = format!(r#"{{"messageId":"{ID}","recipients":[{citizen},{wrong},{citizen}]}}"#);
        let (id, found) = link_of(body.as_bytes(), TODAY).unwrap();
        assert_eq!((id.as_str(), found.good.len(), found.wrong.len()), (ID, 1, 1));
        assert_eq!(found.wrong[0].ebox_id_value, "85073003328");
        let none = format!(r#"{{"messageId":"{ID}","recipients":[]}}"#);
        let many = format!(r#"{{"messageId":"{ID}","recipients":[{}]}}"#, vec![citizen; LINKS + 1].join(","));
        for wrong in [none.as_str(), &many, r#"{"recipients":[{"eboxType":"x"}]}"#, "{}", "[]"] {
            assert_eq!(link_of(wrong.as_bytes(), TODAY).unwrap_err().code, Code::InvalidInput);
        }
    }

    #[test]
    fn statuses_are_asked_for_in_pairs() {
        let pair = format!(r#"{{"messageId":"{ID}","eboxId":{{"eboxType":"enterprise","eboxIdValue":"0206731645"}}}}"#);
        let found = asked(format!("[{pair}]").as_bytes(), TODAY).unwrap();
        assert_eq!(found[0].0.unwrap().to_string(), ID);
        assert_eq!(asked(pair.as_bytes(), TODAY).unwrap_err().code, Code::InvalidInput);
        assert_eq!(asked(format!("[{}]", pair.replace(ID, "7")).as_bytes(), TODAY).unwrap()[0].0, None);
        let wrong =
            asked(br#"[{"messageId":"x","eboxId":{"eboxType":"citizen","eboxIdValue":"1"}},{"eboxId":1}]"#, TODAY)
                .unwrap_err();
        for place in ["/0/eboxId/eboxIdValue: ", "/1/messageId: ", "/1/eboxId: "] {
            assert!(wrong.message.contains(place), "{wrong}");
        }
    }
}
