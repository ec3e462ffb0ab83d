//! `POST /v1/register/rows/import`: many inscriptions, CSV or NDJSON, each as if it came alone.
use std::collections::HashMap;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, post, web};
use estafette_actors::domain::birth::BirthDate;
use estafette_actors::domain::dossier::Code;
use estafette_actors::domain::identity::{Claim, Registered};
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::period::{Inscribed, Period};
use estafette_actors::ports::register::{Access, Deed, Import, Trouble};
use estafette_actors::register::{Inscription, Refusal, Register, Remark};
use futures_util::{StreamExt, stream};
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::bulk::{self, Batch, Body, Fields, Source, Told, Wrong, apart, missing, read};
use super::refused::Refused;
use super::wire::{day, name, sex};
use super::{access_to_persons, examples, schemas};
use crate::api::App;
use crate::api::answer::json;
use crate::api::caller::Caller;
use crate::api::listing::query;
use crate::api::problem::{Fault, Kind, Problem, refuses, sets};
use crate::api::rows::BadRow;
use crate::api::submission::today;

const COLUMNS: &[&str] = &["niss", "type", "begin", "end", "surname", "given_names", "birth_date", "sex"];
/// Look-ups at the authentic source at once.
const AT_ONCE: usize = 64;

/// What became of the lines of an import.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = RegisterImported, example = examples::imported)]
pub struct Report {
    /// Lines taken.
    accepted: u64,
    /// Lines not taken.
    refused: u64,
    /// Rows added.
    added: u64,
    /// Lines that became one with rows that they overlapped.
    merged: u64,
    /// Lines that a row covered already.
    covered: u64,
    /// Lines whose number was replaced: the one that counts was inscribed.
    replaced: u64,
    /// Lines about somebody who died since.
    deceased: u64,
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

impl Report {
    fn count(&mut self, outcomes: &[Inscribed]) {
        for outcome in outcomes {
            self.accepted += 1;
            match outcome {
                Inscribed::Added(_) => self.added += 1,
                Inscribed::Merged { .. } => self.merged += 1,
                Inscribed::Covered(_) => self.covered += 1,
            }
        }
    }

    fn finished(mut self) -> Self {
        let tally = self.told.finish();
        Self { refused: tally.refused, errors: tally.errors, ..self }
    }
}

fn inscription(fields: &Fields<'_>, today: Date) -> Result<Inscription, Wrong> {
    let [niss, code, begin, end, surname, given_names, birth, sex_given] = fields.as_slice() else {
        return Err(Wrong::new("", "has other fields than the header"));
    };
    let niss = bulk::niss("niss", niss.as_deref(), today)?.ok_or_else(|| missing("niss"))?;
    let code = read("type", code.as_deref(), Code::parse)?.ok_or_else(|| missing("type"))?;
    let begin = read("begin", begin.as_deref(), day)?.ok_or_else(|| missing("begin"))?;
    let end = read("end", end.as_deref(), day)?;
    let period = Period::new(begin, end).map_err(|error| Wrong::new("end", error))?;
    let claim = Claim {
        surname: read("surname", surname.as_deref(), name)?,
        given_names: read("given_names", given_names.as_deref(), name)?,
        birth: read("birth_date", birth.as_deref(), BirthDate::parse)?,
        sex: read("sex", sex_given.as_deref(), sex)?,
    };
    Ok(Inscription { niss, code, period, claim })
}

type Followed = Result<(Registered, Vec<Remark>), Refusal>;

/// Goes through an import.
struct Importing {
    register: Register,
    access: Access,
    /// Numbers are looked up at the authentic source.
    asks: bool,
}

impl Importing {
    /// What the authentic source knows of those named in a batch, each asked about once.
    async fn known(&self, lines: &[(u64, Inscription)]) -> HashMap<Niss, Arc<Followed>> {
        let mut named: Vec<Niss> = lines.iter().map(|(_, line)| line.niss).collect();
        named.sort_unstable();
        named.dedup();
        let asked = named.into_iter().map(async |niss| (niss, Arc::new(self.register.follow(niss).await)));
        stream::iter(asked).buffer_unordered(AT_ONCE).collect().await
    }

    /// The lines that can be inscribed, under the number that counts.
    async fn fit(
        &self,
        lines: Vec<(u64, Inscription)>,
        is_done: bool,
        report: &mut Report,
    ) -> Result<Vec<(u64, Import)>, Problem> {
        let known = if self.asks { self.known(&lines).await } else { HashMap::new() };
        let mut good = Vec::with_capacity(lines.len());
        for (number, line) in lines {
            let usable = self.register.usable(self.access.institution, &line.code, line.period);
            let judged = usable.and_then(|_| match known.get(&line.niss).map(|found| &**found) {
                None => Ok((line.niss, Vec::new())),
                Some(Err(refusal)) => Err(refusal.clone()),
                Some(Ok((person, remarks))) => {
                    let deceased = Register::judge(person, &line.claim, line.period)?;
                    Ok((person.niss, remarks.iter().copied().chain(deceased).collect()))
                }
            });
            match judged {
                Ok((niss, remarks)) => {
                    for remark in remarks {
                        match remark {
                            Remark::Replaced { .. } => report.replaced += 1,
                            Remark::Deceased(_) => report.deceased += 1,
                            Remark::Covered => {}
                        }
                    }
                    good.push((number, Import { niss, code: line.code, period: line.period }));
                }
                Err(Refusal::Trouble(trouble)) if !matches!(trouble, Trouble::Refused(_)) => return Err(trouble.into()),
                Err(refusal) => {
                    let (field, code) = Refused::field(&refusal);
                    if is_done {
                        let dossiers = self.register.dossiers();
                        let (about, code) = (Some(line.niss), Some(&line.code));
                        dossiers.note(&self.access, Deed::Import, about, code, refusal.kind());
                    }
                    report.told.bad(number, Wrong::new(field, &refusal).coded(code));
                }
            }
        }
        Ok(good)
    }

    /// The same lines under the numbers that count now.
    async fn counting(&self, mut lines: Vec<Import>) -> Result<Vec<Import>, Trouble> {
        for line in &mut lines {
            match self.register.follow(line.niss).await {
                Ok((person, _)) => line.niss = person.niss,
                Err(Refusal::Trouble(trouble)) if !matches!(trouble, Trouble::Refused(_)) => return Err(trouble),
                // It stands for nobody now, and is refused.
                Err(_) => {}
            }
        }
        Ok(lines)
    }

    async fn act(&self, batch: Batch<Inscription>, is_done: bool, report: &mut Report) -> Result<(), Problem> {
        let lines = report.told.good(batch);
        let lines = self.fit(lines, is_done, report).await?;
        if !is_done {
            return Ok(());
        }
        let is_for_one = |trouble: &Trouble| matches!(trouble, Trouble::TooManyRows(_) | Trouble::Conflict(_));
        let import = async |lines: Vec<Import>| {
            let import = |lines| self.register.dossiers().import(self.access.clone(), lines);
            match import(lines.clone()).await {
                // One was replaced since it was looked up.
                Err(Trouble::Conflict(_)) if self.asks => import(self.counting(lines).await?).await,
                done => done,
            }
        };
        let done = |outcomes: Vec<Inscribed>| report.count(&outcomes);
        for (line, wrong) in apart(lines, is_for_one, import, done).await? {
            report.told.bad(line, wrong);
        }
        Ok(())
    }
}

refuses!(
    Refusing: sets::KEYED,
    sets::REGISTER,
    sets::BODY,
    sets::WRITING,
    sets::READING,
    sets::GROWING,
    &[Kind::InvalidQuery, Kind::InvalidHeader, Kind::BadRows, Kind::OperatorOnly, Kind::Spool, Kind::SourceAway],
);

/// Inscribes many at once: NDJSON, or CSV with a header of `niss`, `type`, `begin`, and as wanted `end`, `surname`, `given_names`,
/// `birth_date` and `sex`. Sorted by NISS it goes fastest.
///
/// Each line is taken as if it were inscribed alone, some thousands in a commit. With `on_error=refuse` one bad line refuses
/// all of it; with `keep` the others are taken. An import that broke off may be sent again: what is there already is `covered`.
#[utoipa::path(
    operation_id = "import_rows",
    tag = "register",
    params(
        ("on_error" = Option<crate::api::schemas::OnError>, Query, description = "What one bad line does; `refuse` by default"),
        ("persons" = Option<schemas::PersonsCheck>, Query, description = "Whether numbers are looked up at the authentic source; `trust` is the operator's"),
        ("Legal-Context" = Option<schemas::LegalContext>, Header, description = "Needed, unless the operator gave you a default"),
        ("X-Correlation-Id" = Option<schemas::LegalContext>, Header, description = "Your own reference of the request, for the audit trail"),
    ),
    request_body(
        content(
            (String = "application/x-ndjson", example = json!(examples::import_ndjson())),
            (String = "text/csv", example = json!(examples::import_csv())),
        ),
        description = "One row a line",
    ),
    responses((status = 200, description = "On disk, with a report by line", body = Report), Refusing),
)]
#[post("/v1/register/rows/import")]
pub async fn import_rows(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let register = app.register()?.clone();
    let access = access_to_persons(&request, &caller)?;
    let (on_error, others) = bulk::on_error(query(&request)?)?;
    let mut asks = true;
    for (name, value) in others {
        match (name.as_str(), value.as_str()) {
            ("persons", "check") => asks = true,
            ("persons", "trust") => {
                caller.operator()?;
                asks = false;
            }
            ("persons", _) => return Err(Problem::InvalidQuery(vec![Fault::new(name, "give check or trust")])),
            _ => bulk::none_left(vec![(name, value)], "on_error, persons")?,
        }
    }
    let form = bulk::form(&request, true)?;
    let body = Body::arrive(&app, payload, form, on_error).await?;
    let today = today(app.parts.broker.now());
    let source = Source::columns(COLUMNS, &["niss", "type", "begin"], move |fields| inscription(fields, today));
    let importing = Importing { register, access, asks };
    // A task of its own: what arrived whole is taken whole, whoever hangs up.
    let report = actix_web::rt::spawn(async move {
        let report = |told| Report { told, ..Report::default() };
        let act = async |batch, is_done, report: &mut Report| importing.act(batch, is_done, report).await;
        body.go_through(&source, report, act).await
    });
    let report = report.await.map_err(|_| Problem::Restarting)??;
    Ok(json(HttpResponse::Ok(), &report.finished()))
}
