//! `PUT /v1/register/persons`: what the operator tells the embedded authentic source, CSV or NDJSON; the first millions too.
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, put, web};
use estafette_actors::domain::birth::BirthDate;
use estafette_actors::domain::identity::{Identity, Registered, Standing};
use estafette_actors::domain::language::Language;
use estafette_actors::ports::register::{Access, Filled, Persons, Trouble};
use jiff::civil::Date;
use serde::Serialize;
use tokio::sync::mpsc;
use utoipa::ToSchema;

use super::bulk::{self, Batch, Body, Fields, Source, Told, Wrong, apart, missing, read};
use super::wire::{day, name, sex};
use super::{access_to_persons, examples, schemas};
use crate::api::App;
use crate::api::answer::json;
use crate::api::caller::Caller;
use crate::api::listing::query;
use crate::api::problem::{Fault, Kind, Problem, refuses, sets};
use crate::api::rows::BadRow;
use crate::api::submission::today;

const COLUMNS: &[&str] =
    &["niss", "surname", "given_names", "birth_date", "sex", "language", "deceased", "replaced_by", "cancelled"];

/// Batches of a first filling between the one who reads and the one who writes.
const AHEAD: usize = 4;
const UNSORTED: &str =
    "not after the one before: a first filling has each number once, in their order; sort the lines by niss";

/// What became of the lines of a load of persons.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = RegisterLoaded, example = examples::loaded)]
pub struct Report {
    /// Lines taken.
    accepted: u64,
    /// Lines not taken.
    refused: u64,
    /// Numbers that were not known before.
    new: u64,
    /// Numbers of which something changed; what changed becomes mutations.
    changed: u64,
    /// The first thousand of those not taken, by line.
    errors: Vec<BadRow>,
    #[serde(skip)]
    #[schema(ignore)]
    told: Told,
}

impl AsRef<Told> for Report {
    fn as_ref(&self) -> &Told {
        &self.told
    }
}

impl AsMut<Told> for Report {
    fn as_mut(&mut self) -> &mut Told {
        &mut self.told
    }
}

fn person(fields: &Fields<'_>, today: Date) -> Result<Registered, Wrong> {
    let at = |place: usize| fields.get(place).and_then(Option::as_deref);
    let niss = bulk::niss("niss", at(0), today)?.ok_or_else(|| missing("niss"))?;
    let identity = Identity {
        surname: read("surname", at(1), name)?.ok_or_else(|| missing("surname"))?,
        given_names: read("given_names", at(2), name)?.unwrap_or_default(),
        birth: read("birth_date", at(3), BirthDate::parse)?.ok_or_else(|| missing("birth_date"))?,
        sex: read("sex", at(4), sex)?,
        language: read("language", at(5), Language::parse)?,
        deceased: read("deceased", at(6), day)?,
    };
    let replaced_by = bulk::niss("replaced_by", at(7), today)?;
    let cancelled = match at(8) {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Wrong::new("cancelled", "give true or false")),
    };
    let standing = match (replaced_by, cancelled) {
        (Some(_), true) => {
            return Err(Wrong::new("cancelled", "a replaced number is not cancelled too: give one of both"));
        }
        (Some(by), false) if by == niss => {
            return Err(Wrong::new("replaced_by", "a number can't take its own place: give the other one"));
        }
        (Some(by), false) => Standing::ReplacedBy(by),
        (None, true) => Standing::Cancelled,
        (None, false) => Standing::InUse,
    };
    Ok(Registered { niss, standing, identity })
}

refuses!(
    Loading: sets::KEYED,
    sets::REGISTER,
    sets::BODY,
    sets::WRITING,
    sets::READING,
    sets::GROWING,
    sets::SOURCE,
    &[Kind::InvalidQuery, Kind::InvalidHeader, Kind::BadRows, Kind::OperatorOnly, Kind::Spool, Kind::Conflict],
);

/// Tells the authentic source that is kept here of persons: NDJSON, or CSV with a header of `niss`, `surname`, `birth_date`, and
/// as wanted `given_names`, `sex`, `language`, `deceased`, `replaced_by` and `cancelled`. What a line leaves out is so no more.
///
/// The operator's. Some thousands of lines in a commit. With `on_error=refuse` one bad line refuses all of it; with `keep` the
/// others are taken. The same may be sent again: what did not change changes nothing.
///
/// With `first=true` it is the first filling, of millions, several times as fast: the lines are sorted by NISS, each number once; nobody
/// is told, no row moves, and whoever is known already must be the same, else the line is refused alone, with either `on_error`. What was
/// taken stays when it is cut short, and sent again it goes on. Until it ends nobody is searched for or created (409).
#[utoipa::path(
    operation_id = "put_persons",
    tag = "register",
    params(
        ("on_error" = Option<crate::api::schemas::OnError>, Query, description = "What one bad line does; `refuse` by default"),
        ("first" = Option<bool>, Query, description = "Whether this is the first filling; `false` by default"),
        ("Legal-Context" = Option<schemas::LegalContext>, Header, description = "Needed, unless the operator gave you a default"),
        ("X-Correlation-Id" = Option<schemas::LegalContext>, Header, description = "Your own reference of the request, for the audit trail"),
    ),
    request_body(
        content(
            (String = "application/x-ndjson", example = json!(examples::persons_ndjson())),
            (String = "text/csv", example = json!(examples::persons_csv())),
        ),
        description = "One person a line",
    ),
    responses((status = 200, description = "On disk, with a report by line", body = Report), Loading),
    security(("key" = ["operator"])),
)]
#[put("/v1/register/persons")]
pub async fn load(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    caller.operator()?;
    let register = app.register()?.clone();
    let access = access_to_persons(&request, &caller)?;
    let (on_error, others) = bulk::on_error(query(&request)?)?;
    let is_first = first(others)?;
    let form = bulk::form(&request, true)?;
    let body = Body::arrive(&app, payload, form, on_error).await?;
    let today = today(app.parts.broker.now());
    let source = Source::columns(COLUMNS, &["niss", "surname", "birth_date"], move |fields| person(fields, today));
    let persons = Arc::clone(register.persons());
    // A task of its own: what arrived whole is taken whole, whoever hangs up.
    let report = actix_web::rt::spawn(async move {
        if is_first { fill(body, &source, persons, access).await } else { put(body, &source, persons, access).await }
    });
    let mut report = report.await.map_err(|_| Problem::Restarting)??;
    let tally = report.told.finish();
    let report = Report { refused: tally.refused, errors: tally.errors, ..report };
    Ok(json(HttpResponse::Ok(), &report))
}

/// Whether it is a first filling.
fn first(parameters: Vec<(String, String)>) -> Result<bool, Problem> {
    let mut is_first = false;
    for (name, value) in parameters {
        match (name.as_str(), value.as_str()) {
            ("first", "true") => is_first = true,
            ("first", "false") => is_first = false,
            ("first", _) => return Err(Problem::InvalidQuery(vec![Fault::new(name, "give true or false")])),
            _ => bulk::none_left(vec![(name, value)], "on_error, first")?,
        }
    }
    Ok(is_first)
}

fn report(told: Told) -> Report {
    Report { told, ..Report::default() }
}

async fn put(
    body: Body,
    source: &Source<Registered>,
    persons: Arc<dyn Persons>,
    access: Access,
) -> Result<Report, Problem> {
    let act = async |batch: Batch<Registered>, is_done: bool, report: &mut Report| {
        let lines = report.told.good(batch);
        if !is_done {
            return Ok(());
        }
        let put = async |some: Vec<Registered>| {
            let count = some.len() as u64;
            persons.put(access.clone(), some).await.map(|(new, changed)| (count, new, changed))
        };
        let refuses = |trouble: &Trouble| matches!(trouble, Trouble::Refused(_));
        let bad = apart(lines, refuses, put, |(count, new, changed)| {
            report.accepted += count;
            report.new += new;
            report.changed += changed;
        });
        for (line, wrong) in bad.await? {
            report.told.bad(line, wrong);
        }
        Ok(())
    };
    body.go_through(source, report, act).await
}

/// Hands lines on as they are read: the source takes them while later ones are read.
async fn fill(
    body: Body,
    source: &Source<Registered>,
    persons: Arc<dyn Persons>,
    access: Access,
) -> Result<Report, Problem> {
    let (sender, mut lines) = mpsc::channel::<Vec<(u64, Registered)>>(AHEAD);
    let each = std::iter::from_fn(move || lines.blocking_recv()).flatten();
    let filling = actix_web::rt::spawn(persons.fill(access, Box::new(each)));
    let mut last = None;
    let act = async |batch: Batch<Registered>, is_done: bool, report: &mut Report| {
        let good = report.told.good(batch);
        if is_done {
            // Nobody takes them when the filling has ended in trouble, which is told below.
            return sender.send(good).await.map_err(|_| Problem::Restarting);
        }
        for (line, person) in good {
            if last.is_some_and(|last| last >= person.niss) {
                report.told.bad(line, Wrong::new("niss", UNSORTED));
            } else {
                last = Some(person.niss);
            }
        }
        Ok(())
    };
    let gone_through = body.go_through(source, report, act).await;
    drop(sender);
    let Filled { new, same, refused, wrong } = filling.await.map_err(|_| Problem::Restarting)??;
    let mut report = gone_through?;
    report.told.tally.refused += refused - wrong.len() as u64;
    for (line, what) in wrong {
        report.told.bad(line, Wrong::new("", what));
    }
    Ok(Report { accepted: new + same, new, ..report })
}
