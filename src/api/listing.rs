//! Looking messages up: by recipient, status or reference, newest first, page by page.
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, web};
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::id::{BroadcastId, MessageId};
use estafette_actors::domain::mobile::Mobile;
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::status::MessageStatus;
use estafette_actors::domain::submission::Identifier;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::{Filter, Loaded};
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::answer::{json, location, plain, reason};
use super::caller::Caller;
use super::problem::{Fault, Kind, Problem, refuses, sets};
use super::submission::{MAX_REFERENCE, line, today};
use super::{examples, schemas};

/// Messages on a page at most.
pub const MAX_PAGE: usize = 500;
const DEFAULT_PAGE: usize = 50;
const PARAMETERS: &str = "recipient, status, reference, after, limit";
/// What to do about a reference that no message can have.
pub const NO_REFERENCE: &str = "give a reference of yours, as in sender_reference";

/// A page of messages.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = examples::messages)]
pub struct Messages {
    /// Newest first. A page may be short, even empty, and yet not the last one.
    messages: Vec<Summary>,
    /// Where to go on (also as `Link: rel="next"`); null on the last page.
    #[schema(required)]
    next: Option<String>,
}

/// A message of a listing.
#[derive(Debug, Serialize, ToSchema)]
pub struct Summary {
    /// Its id.
    #[serde(serialize_with = "plain")]
    #[schema(value_type = schemas::Id)]
    id: MessageId,
    /// Its status.
    #[schema(value_type = schemas::MessageStatus)]
    status: &'static str,
    /// Why it waits, or why it failed.
    #[schema(value_type = Option<schemas::Reason>, required)]
    reason: Option<&'static str>,
    /// The strategy's name.
    #[schema(value_type = String)]
    strategy: Box<str>,
    /// The sender's own reference.
    #[schema(value_type = Option<String>, required)]
    sender_reference: Option<Box<str>>,
    /// When it was accepted.
    #[serde(serialize_with = "plain")]
    #[schema(value_type = String, format = DateTime)]
    accepted_at: Timestamp,
    /// The message itself.
    href: String,
}

/// The query of a request, decoded.
pub fn query(request: &HttpRequest) -> Result<Vec<(String, String)>, Problem> {
    let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
    let broken = |_| Problem::InvalidQuery(vec![Fault::new("query", "can't be read: encode it as name=value&...")]);
    query.map(web::Query::into_inner).map_err(broken)
}

/// A parameter that means nothing here.
pub fn unknown(name: &str, known: &str) -> Problem {
    let name: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
    Problem::InvalidQuery(vec![Fault::new(name, format!("unknown here: give {known}"))])
}

/// Reads `niss:`, `mobile:` or `cbe:` and a number.
pub fn identifier(text: &str, today: Date) -> Result<Identifier, String> {
    match text.split_once(':') {
        Some(("niss", niss)) => Niss::parse(niss, today).map(Identifier::Niss).map_err(|error| error.to_string()),
        Some(("mobile", mobile)) => {
            // A + in a query means a space unless it was encoded.
            let mobile = mobile.strip_prefix(' ').map_or_else(|| mobile.to_owned(), |rest| format!("+{rest}"));
            Mobile::parse(&mobile).map(Identifier::Mobile).map_err(|error| error.to_string())
        }
        Some(("cbe", cbe)) => Cbe::parse(cbe).map(Identifier::Cbe).map_err(|error| error.to_string()),
        _ => Err("give niss:, mobile: or cbe: and the number".to_owned()),
    }
}

/// The place of an id: that of a message, or behind all rows of a broadcast.
fn given(text: &str) -> Option<MessageId> {
    let of_broadcast = |text: &str| Some(MessageId::from_u128(text.parse::<BroadcastId>().ok()?.as_u128()));
    text.parse().ok().or_else(|| of_broadcast(text))
}

/// `place` reads where a page goes on; another's place, or one that was made up, is none.
fn filter(
    parameters: Vec<(String, String)>,
    today: Date,
    place: impl Fn(&str) -> Option<MessageId>,
) -> Result<Filter, Problem> {
    let mut filter = Filter { limit: DEFAULT_PAGE, ..Filter::default() };
    let mut faults = Vec::new();
    for (name, value) in parameters {
        let read: Result<(), String> = match name.as_str() {
            "recipient" => identifier(&value, today).map(|found| filter.recipient = Some(found)),
            "status" if MessageStatus::NAMES.contains(&value.as_str()) => {
                filter.status = Some(value);
                Ok(())
            }
            "status" => Err(format!("give one of {}", MessageStatus::NAMES.join(", "))),
            "reference" => match line(&value, MAX_REFERENCE) {
                Ok(_) => {
                    filter.reference = Some(value);
                    Ok(())
                }
                Err(_) => Err(NO_REFERENCE.to_owned()),
            },
            "after" => match given(&value).or_else(|| place(&value)) {
                Some(after) => {
                    filter.after = Some(after);
                    Ok(())
                }
                None => Err("give what the last page's `next` has, or the id of a message".to_owned()),
            },
            "limit" => match value.parse() {
                Ok(limit) if (1..=MAX_PAGE).contains(&limit) => {
                    filter.limit = limit;
                    Ok(())
                }
                _ => Err(format!("give 1 to {MAX_PAGE}")),
            },
            _ => return Err(unknown(&name, PARAMETERS)),
        };
        if let Err(detail) = read {
            faults.push(Fault::new(name, detail));
        }
    }
    if faults.is_empty() { Ok(filter) } else { Err(Problem::InvalidQuery(faults)) }
}

impl Summary {
    fn of(found: Loaded, app: &App) -> Self {
        let status = found.state.status();
        let wait = app.parts.broker.why(&found).map(|why| why.reason);
        let envelope = found.envelope;
        Self {
            id: envelope.id,
            status: status.as_str(),
            reason: reason(status, wait),
            strategy: envelope.strategy.name.clone(),
            sender_reference: envelope.sender_reference.clone(),
            accepted_at: envelope.accepted_at,
            href: location(envelope.id),
        }
    }
}

refuses!(Listing: sets::KEYED, sets::READING, &[Kind::InvalidQuery]);

/// The caller's messages, newest first.
#[utoipa::path(
    operation_id = "messages",
    tag = "messages",
    params(
        ("recipient" = Option<schemas::Identifier>, Query, description = "niss:, mobile: or cbe: and the number"),
        ("status" = Option<schemas::MessageStatus>, Query, description = "Only those with this status"),
        ("reference" = Option<schemas::Reference>, Query, description = "Only those with this reference of the sender"),
        ("after" = Option<schemas::PagePlace>, Query, description = "Only those after this place, as `next` has it, or older than the message with this id"),
        ("limit" = Option<u16>, Query, description = "How many at most, 1 to 500; 50 by default",
            minimum = 1, maximum = 500),
    ),
    responses(
        (status = 200, description = "A page; Link names the next one (RFC 8288)", body = Messages,
            headers(("Link" = String, description = "The next page, `rel=\"next\"`"))),
        Listing,
    ),
)]
#[get("/v1/messages")]
pub async fn list(request: HttpRequest, app: web::Data<App>, caller: Caller) -> Result<HttpResponse, Problem> {
    let parameters = query(&request)?;
    let (owner, cursors) = (caller.institution(), &app.parts.events.cursors);
    let filter = filter(parameters, today(app.parts.broker.now()), |text| cursors.read_page(owner, text))?;
    let page = app.parts.broker.archive().list(Some(owner), filter).await?;
    let next = page.next.map(|next| {
        // The last record that was looked at may be another's.
        let next = cursors.write_page(owner, next);
        let kept = request.query_string().split('&').filter(|part| !part.is_empty() && !part.starts_with("after="));
        let mut all: Vec<String> = kept.map(str::to_owned).collect();
        all.push(format!("after={next}"));
        format!("/v1/messages?{}", all.join("&"))
    });
    let mut answer = HttpResponse::Ok();
    if let Some(next) = &next {
        answer.insert_header((header::LINK, format!("<{next}>; rel=\"next\"")));
    }
    let seen = page.messages.into_iter().filter(|found| caller.reaches().sees(&found.envelope.recipient));
    let messages = seen.map(|found| Summary::of(found, &app)).collect();
    Ok(json(answer, &Messages { messages, next }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_whole_or_each_fault_is_named() {
        let today = jiff::civil::date(2026, 11, 23);
        let read = |pairs: &[(&str, &str)]| {
            filter(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(), today, |_| {
                None
            })
        };
        let good = read(&[("recipient", "mobile: 32470123456"), ("status", "sent"), ("limit", "500")]).unwrap();
        assert!(matches!(good.recipient, Some(Identifier::Mobile(_))));
        assert_eq!((good.status.as_deref(), good.limit), (Some("sent"), 500));
        // The last row that could be, and the id of a broadcast, which has the same form.
        for last in ["ffffffff-ffff-7fff-bfff-fffffffffffe", "ffffffff-ffff-7fff-bfff-ffffffffffff"] {
            let after = read(&[("after", last)]).unwrap().after.unwrap();
            assert_eq!(format!("{:032x}", after.as_u128()), last.replace('-', ""));
        }
        let wrong = [
            ("recipient", "99073003360"),
            ("status", "lost"),
            ("limit", "0"),
            ("limit", "501"),
            ("after", "x"),
            ("reference", "a\n"),
        ];
        let Err(Problem::InvalidQuery(faults)) = read(&wrong) else { panic!("accepted") };
        assert_eq!(faults.len(), wrong.len());
        assert!(faults.iter().all(|fault| !fault.detail.contains("99073003360")));
        assert!(matches!(read(&[("offset", "1")]), Err(Problem::InvalidQuery(_))));
    }
}
