//! A list of recipients as a task: taken whole, answered at once, worked through behind, and asked about.
use actix_web::http::header;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use bytes::Bytes;
use estafette_actors::domain::mailbox::document::DocumentId;
use estafette_actors::ports::mailbox::{ContentTrouble, Stage, TASKS, Task};
use futures_util::StreamExt;
use futures_util::future::join;
use serde::Serialize;
use utoipa::ToSchema;

use super::owner;
use crate::api::App;
use crate::api::body::media_type;
use crate::api::registry::access::Party;
use crate::api::registry::codes::{Code, sets};
use crate::api::registry::link::own;
use crate::api::registry::publish::arriving::{Progress, Stopped, arriving};
use crate::api::registry::publish::parts::{Unneeded, Why, stopped_by};
use crate::api::registry::refused::{Refused, refusing};
use crate::api::registry::wire::seconds;
use crate::api::registry::{answer, examples, schemas};

/// A line that is no recipient.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EboxTaskError)]
pub struct LineError {
    /// Which, from 1, the header counted.
    line: u64,
    /// What is wrong with it; nobody's number.
    #[schema(value_type = String)]
    message: Box<str>,
}

/// How far a list of recipients is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EboxMulticastTask, example = examples::task)]
pub struct View {
    /// Names the task.
    multicast_task_id: String,
    /// The publication.
    publication_id: String,
    /// Whether it is being worked through, or how it ended.
    #[schema(value_type = schemas::EboxTaskStatus)]
    status: &'static str,
    /// Lines that were worked through, without the header.
    lines: u64,
    /// Of these, those whose mailbox has the message now.
    linked: u64,
    /// Of those, the ones that nobody reads digitally yet.
    no_digital_user: u64,
    /// Lines that are no recipient, or one that the message is not for.
    refused: u64,
    /// The first thousand of those, by line; of a task that failed the last one says why.
    errors: Vec<LineError>,
    /// When it began.
    #[schema(format = DateTime)]
    begin_date: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, required = false)]
    end_date: Option<String>,
}

impl View {
    fn of(task: Task) -> Self {
        Self {
            multicast_task_id: task.id.to_string(),
            publication_id: task.document.to_string(),
            status: match task.stage {
                Stage::Running => "RUNNING",
                Stage::Done => "DONE",
                Stage::Failed => "FAILED",
            },
            lines: task.lines,
            linked: task.linked,
            no_digital_user: task.without_reader,
            refused: task.refused,
            errors: task.errors.into_iter().map(|(line, message)| LineError { line, message }).collect(),
            begin_date: seconds(task.id.at()),
            end_date: task.ended_at.map(seconds),
        }
    }
}

/// Where a task is.
fn location(sender: &str, task: DocumentId) -> String {
    format!("/messageRegistry/v3/ebox/{sender}/multicastTasks/{task}/messagePublicationStatuses")
}

refusing!(Beginning: sets::KNOWN, sets::ONE, sets::BODY, sets::WRITING);

/// Links a publication to a list of recipients: a CSV with the columns `enterpriseNumber` and `ssin`, one of which each line fills in.
/// It is taken whole, and worked through afterwards, also after a restart; `Location` says where it can be asked how far that is.
#[utoipa::path(
    operation_id = "create_multicast_task",
    tag = "mailbox",
    params(
        ("enterpriseNumber" = schemas::EboxCbe, Path, description = "Your institution"),
        ("publicationId" = schemas::EboxMessageId, Path, description = "The publication"),
    ),
    request_body(content = schemas::EboxRecipientList, content_type = "text/csv"),
    responses(
        (status = 202, description = "The list is there, and is worked through", body = View,
            headers(("Location" = String, description = "How far it is"))),
        Beginning,
    ),
    security(("token" = ["ebox:publish"]), ("key" = [])),
)]
#[post("/messageRegistry/v3/ebox/{enterpriseNumber}/publications/{publicationId}/multicastTasks")]
pub async fn begin(
    request: HttpRequest,
    app: web::Data<App>,
    path: web::Path<(String, String)>,
    payload: Payload,
) -> Result<HttpResponse, Refused> {
    let party = Party::of(&request, &app).await?;
    let sender = owner(&party, &path.0)?;
    let id = own(&path.1)?;
    if media_type(&request).as_deref() != Some("text/csv") {
        return Err(Refused::new(Code::InvalidMediaType, "Content-Type: send the list as text/csv"));
    }
    party.ebox().published(sender.institution, id).await?;
    let running = party.ebox().mailboxes().running_tasks().await?;
    if running.iter().filter(|task| task.sender == sender.institution).count() >= TASKS {
        return Err(Refused::new(
            Code::Overloaded,
            format!("{TASKS} lists of yours are being worked through: wait for one"),
        ));
    }
    let _place = party.registry.place()?;
    let (pump, pieces, progress) = arriving(app.parts.settings.body_timeout);
    let why = std::sync::Arc::new(std::sync::OnceLock::new());
    let noted = std::sync::Arc::clone(&why);
    let incoming = pieces.map(move |piece| taken(piece, &progress, &noted)).boxed();
    let contents = std::sync::Arc::clone(party.ebox().contents());
    let taking = contents.take(incoming, party.registry.settings().task_bytes);
    let (is_whole, kept) = join(pump.run(payload), taking).await;
    let kept = match (kept, why.get()) {
        (Ok(kept), _) => kept,
        (Err(ContentTrouble::Broken), Some(stopped)) => return Err(stopped_by(Why::Stopped(*stopped))),
        (Err(trouble), _) => {
            let refused = Refused::from(trouble);
            return Err(if is_whole { refused } else { refused.ending() });
        }
    };
    let mut unneeded = Unneeded::none(contents);
    unneeded.taken(kept.name.clone());
    let key = match &sender.access.actor {
        estafette_actors::ports::mailbox::Actor::Sender { key, .. } => key.clone(),
        _ => "".into(),
    };
    // On a task of its own: who hangs up now does not take the list away from a task that is there.
    let (ebox, institution) = (party.ebox().clone(), sender.institution);
    let beginning = tokio::spawn(async move {
        let begun = ebox.link_list(institution, &key, id, kept.name).await;
        match &begun {
            Ok(_) => unneeded.needed(),
            Err(_) => unneeded.remove().await,
        }
        begun
    });
    let ended = |_| Refused::new(Code::Overloaded, "the program is about to end: send the list again");
    let task = beginning.await.map_err(ended)??;
    party.registry.tell_of_tasks();
    let location = location(&path.0, task.id);
    let mut accepted = HttpResponse::Accepted();
    accepted.insert_header((header::LOCATION, location)).insert_header((header::CACHE_CONTROL, "no-store"));
    Ok(crate::api::answer::json(accepted, &View::of(task)))
}

fn taken(
    piece: Result<Bytes, Stopped>,
    progress: &Progress,
    why: &std::sync::OnceLock<Stopped>,
) -> std::io::Result<Bytes> {
    progress.made();
    piece.map_err(|stopped| {
        let _ = why.set(stopped);
        std::io::Error::other("the body ended early")
    })
}

refusing!(Looking: sets::KNOWN, sets::ONE, sets::READING);

/// How far a list of recipients is, and which of its lines are none.
#[utoipa::path(
    operation_id = "multicast_task",
    tag = "mailbox",
    params(
        ("enterpriseNumber" = schemas::EboxCbe, Path, description = "Your institution"),
        ("multicastTaskId" = schemas::EboxMessageId, Path, description = "The task"),
    ),
    responses((status = 200, description = "How far it is", body = View), Looking),
    security(("token" = ["ebox:publish"]), ("key" = [])),
)]
#[get("/messageRegistry/v3/ebox/{enterpriseNumber}/multicastTasks/{multicastTaskId}/messagePublicationStatuses")]
pub async fn look(
    request: HttpRequest,
    app: web::Data<App>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Refused> {
    let party = Party::of(&request, &app).await?;
    let sender = owner(&party, &path.0)?;
    let found = party.ebox().mailboxes().task(sender.institution, own(&path.1)?).await?;
    let found = found.ok_or_else(|| Refused::new(Code::NotFound, "no list of yours has this id"))?;
    Ok(answer(&View::of(found)))
}
