//! The events of mailboxes: two feeds, one of enterprises and one of citizens, each numbered without a gap.
//!
//! Invariant: who asks sees events of mailboxes that are theirs to know: the one that their token names, those whose holders consent to
//! their portal, those of their own documents when they are a sender, all when they are set up to follow all. What is not theirs is
//! passed over; `lastSequenceNbr` goes on all the same. Source: the event interface 1.1.1; the feed of citizens is [ours].
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use estafette_actors::domain::language::Translated;
use estafette_actors::domain::mailbox::document::Document;
use estafette_actors::domain::mailbox::event::{Event, Kind, PAGE_MAX};
use estafette_actors::domain::mailbox::{Audience, MailboxId};
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ebox::EBox;
use estafette_actors::ports::mailbox::Rights;
use serde::Serialize;
use serde::de::value::{Error as Unreadable, StrDeserializer};
use serde::de::{Deserialize, IntoDeserializer};
use utoipa::ToSchema;

use super::access::Party;
use super::codes::{Code, sets};
use super::refused::{Refused, refusing};
use super::wire::seconds;
use super::{answer, asked, examples, schemas};
use crate::api::App;
use crate::api::listing::query;
use crate::api::problem::Fault;

/// Events that one request looks through at most: who sees few of them may get a short page, and goes on.
const LOOKED_AT: usize = 20_000;
const PARAMETERS: &str = "clientId, lastSequenceNbr, startTime, pageSize, filter";

/// What happened to a document in a mailbox.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EboxEvent)]
pub struct EventData {
    /// What happened.
    #[schema(value_type = schemas::EboxEventType)]
    event_type: Kind,
    /// Names the event.
    event_correlation_id: String,
    /// Whose mailbox, of an enterprise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    enterprise_id: Option<String>,
    /// Whose mailbox, of a citizen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    citizen_id: Option<String>,
    /// The message.
    message_id: String,
    /// When it came.
    #[schema(format = DateTime)]
    receipt_date: String,
    /// When it goes.
    #[schema(format = DateTime)]
    expiration_date: String,
    /// Whether it is registered mail.
    registered_mail: bool,
    /// Of which type.
    message_type_id: String,
    /// Who sends it.
    #[schema(value_type = schemas::EboxCbe)]
    sender_organization_id: String,
    /// By which application.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    sender_application_id: Option<String>,
    /// What it is about.
    #[schema(value_type = schemas::EboxText)]
    subject: Translated<Box<str>>,
}

/// An event in its place.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EboxEventItem)]
pub struct EventItem {
    /// Its number in the feed.
    event_sequence_nbr: u64,
    /// When.
    #[schema(format = DateTime)]
    event_time: String,
    /// Which document provider tells it.
    #[schema(value_type = String)]
    event_provider_id: Box<str>,
    /// What happened.
    event_data: EventData,
}

/// How a page goes on.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EboxEventPageInfo)]
pub struct PageInfo {
    /// Give it as `lastSequenceNbr` to go on.
    last_sequence_nbr: u64,
    /// There are more.
    has_next: bool,
}

/// Events of enterprises.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EboxEnterpriseEvents, example = examples::enterprise_events)]
pub struct EnterprisePage {
    /// The oldest first. A page may be short, even empty, and yet not the last one.
    #[serde(rename = "EboxEnterpriseDocumentEvents")]
    events: Vec<EventItem>,
    /// How it goes on.
    #[serde(rename = "pageInfo")]
    page: PageInfo,
}

/// Events of citizens.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EboxCitizenEvents, example = examples::citizen_events)]
pub struct CitizenPage {
    /// The oldest first. A page may be short, even empty, and yet not the last one.
    #[serde(rename = "EboxCitizenDocumentEvents")]
    events: Vec<EventItem>,
    /// How it goes on.
    #[serde(rename = "pageInfo")]
    page: PageInfo,
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    after: u64,
    from: Option<Timestamp>,
    limit: usize,
    kinds: Vec<Kind>,
    client: Option<String>,
}

fn wanted(parameters: Vec<(String, String)>) -> Result<Wanted, Refused> {
    let (mut after, mut limit, mut faults) = (None, None, Vec::new());
    let (mut from, mut kinds, mut client) = (None, Vec::new(), None);
    for (name, value) in parameters {
        let read: Result<(), String> = match name.as_str() {
            "lastSequenceNbr" => value
                .parse::<i64>()
                .ok()
                .and_then(|number| u64::try_from(number).ok())
                .map(|number| after = Some(number))
                .ok_or_else(|| "give 0, or what `pageInfo` of the last page has".to_owned()),
            "startTime" => Timestamp::parse(&value).map(|at| from = Some(at)).map_err(|error| error.to_string()),
            "pageSize" => asked::number(&value, PAGE_MAX).map(|number| limit = Some(number)),
            "filter" => filtered(&value).map(|found| kinds = found),
            "clientId" => {
                client = Some(value);
                Ok(())
            }
            _ => Err(format!("unknown here: give {PARAMETERS}")),
        };
        if let Err(detail) = read {
            let name: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
            faults.push(Fault::new(name, detail));
        }
    }
    for (name, is_there) in [("lastSequenceNbr", after.is_some()), ("pageSize", limit.is_some())] {
        if !is_there && !faults.iter().any(|fault| fault.pointer == name) {
            faults.push(Fault::new(name, "missing: give it"));
        }
    }
    match (after, limit) {
        (Some(after), Some(limit)) if faults.is_empty() => Ok(Wanted { after, from, limit, kinds, client }),
        _ => Err(Refused::faults(Code::InvalidInput, faults)),
    }
}

/// Names of event types, separated by commas.
fn filtered(text: &str) -> Result<Vec<Kind>, String> {
    let kind = |name: &str| {
        let name: StrDeserializer<'_, Unreadable> = name.trim().into_deserializer();
        Kind::deserialize(name)
    };
    text.split(',').map(kind).collect::<Result<_, _>>().map_err(|_| {
        "give event types, separated by commas: newDocument, newDocumentReminder, readDocument, documentExpirationAlert".to_owned()
    })
}

/// Whose events somebody may see.
enum Sees {
    All,
    /// Of one mailbox.
    Mailbox(MailboxId, Rights),
    /// Of mailboxes whose holders consent to the portal.
    Consenting,
    /// Of documents of one sender.
    Sent(Institution),
}

fn sees(party: &Party, of: Audience) -> Result<Sees, Refused> {
    if party.operator().is_ok() {
        return Ok(Sees::All);
    }
    match party.consults() {
        Ok(_) if party.follows_events() => Ok(Sees::All),
        Ok(Some(own)) => {
            let reader = party.reader()?;
            if own.audience() != of {
                let message = "the mailbox that the token names has its events in the other feed";
                return Err(Refused::not_allowed(message));
            }
            Ok(Sees::Mailbox(own, reader.rights))
        }
        Ok(None) if party.is_portal() => Ok(Sees::Consenting),
        _ => Ok(Sees::Sent(party.sender()?.institution)),
    }
}

/// An event as it is told, unless it is not theirs or its document is gone.
async fn told(party: &Party, sees: &Sees, event: &Event) -> Result<Option<EventItem>, Refused> {
    let ebox: &EBox = party.ebox();
    let rights = match sees {
        Sees::Mailbox(own, _) if *own != event.mailbox => return Ok(None),
        Sees::Mailbox(_, rights) => rights.clone(),
        Sees::Consenting => {
            let mailbox = ebox.mailboxes().mailbox(event.mailbox)?;
            if !party.client_id().is_some_and(|portal| mailbox.is_active() && mailbox.consents_to(portal)) {
                return Ok(None);
            }
            // A portal has no user's rights here.
            match event.mailbox.audience() {
                Audience::Citizen => Rights::All,
                Audience::Enterprise => Rights::Only(Vec::new()),
            }
        }
        Sees::All | Sees::Sent(_) => Rights::All,
    };
    let Some(item) = ebox.mailboxes().item(event.mailbox, rights, event.document).await? else { return Ok(None) };
    if matches!(sees, Sees::Sent(own) if *own != item.document.sender) {
        return Ok(None);
    }
    let document: &Document = &item.document;
    let (enterprise_id, citizen_id) = match event.mailbox {
        MailboxId::Enterprise(cbe) => (Some(cbe.digits()), None),
        MailboxId::Citizen(niss) => (None, Some(niss.digits())),
    };
    Ok(Some(EventItem {
        event_sequence_nbr: event.sequence,
        event_time: event.at.to_string(),
        event_provider_id: party.registry.settings().provider.clone(),
        event_data: EventData {
            event_type: event.kind,
            event_correlation_id: format!("{}-{}", super::wire::audience(event.mailbox.audience()), event.sequence),
            enterprise_id,
            citizen_id,
            message_id: document.id.to_string(),
            receipt_date: seconds(item.received_at),
            expiration_date: seconds(item.expires_at),
            registered_mail: document.is_registered,
            message_type_id: document.message_type.to_string(),
            sender_organization_id: document.sender.0.digits(),
            sender_application_id: document.application.as_ref().map(ToString::to_string),
            subject: document.subject.clone(),
        },
    }))
}

async fn page(
    request: &HttpRequest,
    app: &web::Data<App>,
    of: Audience,
) -> Result<(Vec<EventItem>, PageInfo), Refused> {
    let party = Party::of(request, app).await?;
    let sees = sees(&party, of)?;
    let wanted = wanted(query(request)?)?;
    if wanted.client.as_deref().is_some_and(|named| party.client_id().is_none_or(|own| own.as_str() != named)) {
        return Err(Refused::not_allowed("clientId is not the client of the token: name that one, or none"));
    }
    let (mut events, mut last, mut looked_at) = (Vec::new(), wanted.after, 0);
    loop {
        let found = party.ebox().mailboxes().events(of, last, wanted.from, PAGE_MAX).await?;
        let mut rest = found.events.iter();
        for event in rest.by_ref() {
            last = event.sequence;
            looked_at += 1;
            if !wanted.kinds.is_empty() && !wanted.kinds.contains(&event.kind) {
                continue;
            }
            if let Some(item) = told(&party, &sees, event).await? {
                events.push(item);
                if events.len() == wanted.limit {
                    break;
                }
            }
        }
        let has_next = rest.len() > 0 || found.has_next;
        if !has_next || events.len() == wanted.limit || looked_at >= LOOKED_AT {
            return Ok((events, PageInfo { last_sequence_nbr: last, has_next }));
        }
    }
}

refusing!(Following: sets::FORBIDDEN);

/// Events of documents in the mailboxes of enterprises, oldest first: those that are yours to know. Once more for whoever asks twice.
#[utoipa::path(
    operation_id = "ebox_enterprise_events",
    tag = "mailbox",
    params(
        ("clientId" = Option<String>, Query, description = "The client of the token"),
        ("lastSequenceNbr" = i64, Query, description = "Only those after this number; 0 at first", minimum = 0),
        ("startTime" = Option<crate::api::schemas::Time>, Query, description = "Only those of this moment or later"),
        ("pageSize" = i32, Query, description = "How many at most, 1 to 1000", minimum = 1, maximum = 1000),
        ("filter" = Option<schemas::EboxEventTypes>, Query, description = "Only these types, separated by commas"),
    ),
    responses((status = 200, description = "A page", body = EnterprisePage), Following),
    security(("token" = ["ebox:consult"]), ("key" = [])),
)]
#[get("/events-api/v1/ebox/enterprise/document/events")]
pub async fn of_enterprises(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Refused> {
    let (events, page) = page(&request, &app, Audience::Enterprise).await.map_err(Refused::forbidden)?;
    Ok(answer(&EnterprisePage { events, page }))
}

/// Events of documents in the mailboxes of citizens, as those of enterprises; the citizen stands in `citizenId`.
#[utoipa::path(
    operation_id = "ebox_citizen_events",
    tag = "mailbox",
    params(
        ("clientId" = Option<String>, Query, description = "The client of the token"),
        ("lastSequenceNbr" = i64, Query, description = "Only those after this number; 0 at first", minimum = 0),
        ("startTime" = Option<crate::api::schemas::Time>, Query, description = "Only those of this moment or later"),
        ("pageSize" = i32, Query, description = "How many at most, 1 to 1000", minimum = 1, maximum = 1000),
        ("filter" = Option<schemas::EboxEventTypes>, Query, description = "Only these types, separated by commas"),
    ),
    responses((status = 200, description = "A page", body = CitizenPage), Following),
    security(("token" = ["ebox:consult"]), ("key" = [])),
)]
#[get("/events-api/v1/ebox/citizen/document/events")]
pub async fn of_citizens(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Refused> {
    let (events, page) = page(&request, &app, Audience::Citizen).await.map_err(Refused::forbidden)?;
    Ok(answer(&CitizenPage { events, page }))
}

refusing!(Submitting: &[Code::Forbidden]);

/// Not taken: events are what happens to documents that are published here, and nobody's word for it.
#[utoipa::path(
    operation_id = "submit_ebox_enterprise_events",
    tag = "mailbox",
    responses(Submitting),
    security(("token" = ["ebox:consult"]), ("key" = [])),
)]
#[post("/events-api/v1/ebox/enterprise/document/events")]
pub async fn submit() -> Result<HttpResponse, Refused> {
    Err(Refused::new(
        Code::Forbidden,
        "events follow from what is published and read here: none is taken from others; publish the document",
    )
    .ending())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn both_numbers_must_be_there_and_each_within_its_bounds() {
        let good = wanted(pairs(&[
            ("lastSequenceNbr", "41"),
            ("pageSize", "1000"),
            ("startTime", "2026-11-28T10:00:00+01:00"),
            ("filter", "newDocument,readDocument"),
            ("clientId", "doccle"),
        ]))
        .unwrap();
        assert_eq!(
            (good.after, good.limit, &good.kinds[..]),
            (41, 1_000, &[Kind::NewDocument, Kind::ReadDocument][..])
        );
        for wrong in [
            &[][..],
            &[("lastSequenceNbr", "0")],
            &[("pageSize", "1")],
            &[("lastSequenceNbr", "-1"), ("pageSize", "1")],
            &[("lastSequenceNbr", "9223372036854775808"), ("pageSize", "1")],
            &[("lastSequenceNbr", "0"), ("pageSize", "0")],
            &[("lastSequenceNbr", "0"), ("pageSize", "1001")],
            &[("lastSequenceNbr", "0"), ("pageSize", "1"), ("startTime", "today")],
            &[("lastSequenceNbr", "0"), ("pageSize", "1"), ("filter", "deleted")],
            &[("lastSequenceNbr", "0"), ("pageSize", "1"), ("x", "1")],
        ] {
            assert_eq!(wanted(pairs(wrong)).unwrap_err().code, Code::InvalidInput, "{wrong:?}");
        }
    }
}
