//! A mailbox as a whole: what is in it, page by page, and what its holder puts away.
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, get, patch, web};
use estafette_actors::domain::mailbox::document::{DocumentId, LINKS};
use serde::Serialize;
use utoipa::ToSchema;

use super::access::{Party, place};
use super::asked;
use super::codes::{Code, sets};
use super::message::Message;
use super::refused::{Refused, refusing};
use super::wire::{Listed, int32, kilobytes, needed, placed, seconds};
use super::{answer, body, examples, schemas};
use crate::api::App;
use crate::api::json::{Faults, Json, Object};
use crate::api::listing::query;

/// What is known of a mailbox as a whole.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Ebox, example = examples::ebox)]
pub struct Summary {
    /// Messages in it.
    number_of_messages: i32,
    /// Of these, those not read.
    number_of_unread_messages: i32,
    /// When the last one came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, required = false)]
    last_receipt_date: Option<String>,
    /// When the holder looked last, before now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, required = false)]
    last_consultation_date: Option<String>,
    /// Kilobytes of all, of 1,024 bytes.
    ebox_size: f64,
}

refusing!(Summing: sets::KNOWN, sets::HELD);

/// How much is in the mailbox that the token names.
#[utoipa::path(
    operation_id = "ebox",
    tag = "mailbox",
    responses((status = 200, description = "The mailbox", body = Summary), Summing),
    security(("token" = ["ebox:consult"])),
)]
#[get("/messageRegistry/v2/ebox")]
pub async fn summary(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Refused> {
    let party = Party::of(&request, &app).await?;
    let reader = party.reader()?;
    let found = party.ebox().summary(&reader).await?;
    party.registry.consulted(&reader);
    Ok(answer(&Summary {
        number_of_messages: int32(found.count),
        number_of_unread_messages: int32(found.unread),
        last_receipt_date: found.last_received_at.map(seconds),
        last_consultation_date: found.consulted_at.map(seconds),
        ebox_size: kilobytes(found.bytes),
    }))
}

refusing!(Listing: sets::KNOWN, sets::HELD, sets::ASKED);

/// Messages of the mailbox that the token names, the newest first. Days are those of Brussels.
#[utoipa::path(
    operation_id = "ebox_messages",
    tag = "mailbox",
    params(
        ("page" = Option<i32>, Query, description = "Which page, from 1", minimum = 1),
        ("pageSize" = Option<i32>, Query, description = "How many on a page, 1 to 100; 25 by default", minimum = 1, maximum = 100),
        ("receivedBefore" = Option<schemas::EboxDay>, Query, description = "Only those that came before this day"),
        ("receivedAfter" = Option<schemas::EboxDay>, Query, description = "Only those that came on this day or later"),
        ("expiredBefore" = Option<schemas::EboxDay>, Query, description = "Only those that go before this day"),
        ("expiredAfter" = Option<schemas::EboxDay>, Query, description = "Only those that go on this day or later"),
        ("readStatus" = Option<bool>, Query, description = "Only those read, or not"),
        ("visible" = Option<bool>, Query, description = "Only those shown, or put away"),
        ("messageTypeId" = Option<schemas::EboxRefId>, Query, description = "Only those of this type"),
        ("senderOrganizationId" = Option<schemas::EboxCbe>, Query, description = "Only those from this organisation"),
        ("senderApplicationId" = Option<schemas::EboxRefId>, Query, description = "Only those by this application"),
        ("registeredMail" = Option<bool>, Query, description = "Only registered mail, or only other"),
        ("q" = Option<schemas::EboxWords>, Query, description = "Only those with these words in what is said of them, in the language `qlang`; capitals and accents don't matter"),
        ("qlang" = Option<crate::api::schemas::Language>, Query, description = "The language of `q`, which needs it"),
    ),
    responses((status = 200, description = "A page", body = Listed<Message>, example = json!(examples::messages())), Listing),
    security(("token" = ["ebox:consult"])),
)]
#[get("/messageRegistry/v2/ebox/messages")]
pub async fn messages(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Refused> {
    let party = Party::of(&request, &app).await?;
    let reader = party.reader()?;
    let (page, filter) = asked::filter(query(&request)?)?;
    let found = party.ebox().items(&reader, filter, page.skip, page.limit).await?;
    party.registry.consulted(&reader);
    let place = place(&request, &party.registry);
    let items = found.items.iter().map(|item| Message::of(item, &place)).collect();
    Ok(answer(&Listed { items, total_items: int32(found.total) }))
}

fn changes(body: &[u8]) -> Result<Vec<(DocumentId, bool)>, Refused> {
    let mut faults = Faults::default();
    let read = Object::of(Json::parse(body)?, "", &mut faults).map(|mut object| {
        let items = object.array("items", &mut faults).unwrap_or_default();
        // How many there are, once more.
        object.whole("totalItems", 0..=LINKS as u64, &mut faults);
        object.finish("items, totalItems", &mut faults);
        if items.len() > LINKS {
            faults.add("/items", format_args!("more than {LINKS}: give fewer at once"));
            return Vec::new();
        }
        let one = |(place, item), faults: &mut Faults| {
            placed(format_args!("/items/{place}"), faults, |own| {
                let mut object = Object::of(item, "", own)?;
                let id = needed(object.text("messageId", own), &object, "messageId", own);
                let visible = needed(object.truth("visible", own), &object, "visible", own);
                object.finish("messageId, visible", own);
                Some((id?, visible?))
            })
        };
        items.into_iter().enumerate().filter_map(|item| one(item, &mut faults)).collect::<Vec<_>>()
    });
    // A name that no message can have is that of none.
    let read = Refused::unless(read, faults)?.into_iter().map(|(id, visible)| Ok((document(&id)?, visible)));
    read.collect()
}

/// Reads the name of a message.
pub fn document(text: &str) -> Result<DocumentId, Refused> {
    text.parse().map_err(|_| Refused::new(Code::NotFound, "no such message in this mailbox"))
}

refusing!(Showing: sets::KNOWN, sets::HELD, sets::ONE, sets::BODY, sets::JSON, sets::WRITING);

/// Shows messages, or puts them away; all or none.
#[utoipa::path(
    operation_id = "patch_ebox_messages",
    tag = "mailbox",
    request_body(content = schemas::EboxMessagesToUpdate, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "It is so now"), Showing),
    security(("token" = ["ebox:consult"])),
)]
#[patch("/messageRegistry/v2/ebox/messages")]
pub async fn show(request: HttpRequest, app: web::Data<App>, payload: Payload) -> Result<HttpResponse, Refused> {
    let party = Party::of(&request, &app).await?;
    let reader = party.reader()?;
    let body = body(&request, payload, &app, &["application/merge-patch+json", "application/json"]).await?;
    let changes = changes(&body)?;
    if !changes.is_empty() {
        party.ebox().show(&reader, changes).await?;
    }
    Ok(HttpResponse::Ok().finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_read_whole_or_refused_by_place() {
        let id = "0193b1c2-5b1e-7c3a-8f00-000000000001";
        let good = format!(r#"{{"items":[{{"messageId":"{id}","visible":false}}],"totalItems":1}}"#);
        assert_eq!(changes(good.as_bytes()).unwrap(), [(id.parse().unwrap(), false)]);
        assert!(changes(b"{}").unwrap().is_empty());
        let wrong = changes(br#"{"items":[{"messageId":1,"visible":"x"},{}],"x":1}"#).unwrap_err();
        for place in ["/items/0/messageId:", "/items/0/visible:", "/items/1/messageId:", "/items/1/visible:", "/x:"] {
            assert!(wrong.message.contains(place), "{wrong}");
        }
        assert_eq!(changes(br#"{"items":[{"messageId":"1","visible":true}]}"#).unwrap_err().code, Code::NotFound);
        assert_eq!(changes(b"{").unwrap_err().code, Code::InvalidJson);
    }
}
