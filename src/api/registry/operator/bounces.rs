//! Notices by e-mail that came back, as a mail server pipes them: where a report in one says that an address is none, no more go there.
use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::{OPERATED, mailboxes};
use crate::api::App;
use crate::api::answer::json;
use crate::api::body::{media_type, read_payload};
use crate::api::caller::Caller;
use crate::api::problem::{Problem, refuses, sets};
use crate::api::registry::{examples, schemas};

/// Bytes of a mail at most: ours are a few thousand, and a report has one with it.
const MAIL_BYTES: usize = 1 << 20;
const MAIL: &str = "message/rfc822";

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MailboxBounce, example = examples::bounce)]
pub struct View {
    /// `turned_off`: the address gets no more e-mail until its holder gives another. `other_address`: the holder has given another since.
    /// `passing`: it did not fail for good, or not because of the address. `no_report`: it is no delivery report. `not_ours`: it came to no
    /// address of a notice.
    #[schema(value_type = schemas::MailboxBounceOutcome)]
    outcome: &'static str,
}

refuses!(Bouncing: sets::KEYED, sets::BODY, sets::WRITING, OPERATED);

/// Takes a mail that came to the address for bounces, as it came. For the operator.
#[utoipa::path(
    operation_id = "take_mailbox_bounce",
    tag = "mailbox",
    request_body(content = schemas::EboxMail, content_type = "message/rfc822"),
    responses((status = 200, description = "It was read", body = View), Bouncing),
    security(("key" = ["operator"])),
)]
#[post("/v1/mailbox/bounces")]
pub async fn take(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    mailboxes(&app, &request, &caller)?;
    if media_type(&request).as_deref() != Some(MAIL) {
        return Err(Problem::UnsupportedMediaType(MAIL));
    }
    let mail = read_payload(&request, payload.into_inner(), MAIL_BYTES, &app).await?;
    let outcome = match app.parts.ebox.as_ref().and_then(|registry| registry.came_back()) {
        Some(came_back) => came_back(mail).await?,
        // Where no mail goes none comes back.
        None => "not_ours",
    };
    Ok(json(HttpResponse::Ok(), &View { outcome }))
}
