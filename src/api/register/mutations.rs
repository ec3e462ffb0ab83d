//! Mutations: files of what changed about the persons in one's register, each with its voucher, fetched and confirmed in order.
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use estafette_actors::domain::dossier::Code;
use estafette_actors::domain::identity::Field;
use estafette_actors::domain::mutation::{Change, Mutation, Voucher};
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::register::{Deed, Mutations, Trouble};
use jiff::civil::Date;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

use super::refused::Refused;
use super::wire::Who;
use super::{MOST, access, access_to_persons, examples, schemas};
use crate::api::App;
use crate::api::answer::json;
use crate::api::caller::Caller;
use crate::api::listing::{query, unknown};
use crate::api::problem::{Fault, Kind, Problem, refuses, sets};

/// Vouchers on a page at most.
const MAX_PAGE: usize = 1_000;
const DEFAULT_PAGE: usize = 100;

/// What comes with a file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisterVoucher, example = examples::voucher)]
pub struct VoucherView {
    /// 1, 2, 3 and so on, without a gap.
    sequence: u64,
    /// The first day of what it holds, in Brussels.
    #[schema(value_type = String, format = Date)]
    from: Date,
    /// The last day.
    #[schema(value_type = String, format = Date)]
    until: Date,
    /// Mutations in the file.
    count: u32,
    /// Bytes of the XML file.
    bytes: u64,
    /// SHA-256 of the XML file, in hexadecimal.
    sha256: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    made_at: String,
    /// When you confirmed it; null as long as it waits.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    confirmed_at: Option<String>,
    /// The file.
    href: String,
}

/// A page of vouchers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisterVouchers, example = examples::vouchers)]
pub struct Page {
    /// The oldest first.
    vouchers: Vec<VoucherView>,
    /// Give it as `after` to go on; null on the last page.
    #[schema(required)]
    next: Option<u64>,
}

/// A file, as JSON.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisterMutations, example = examples::mutations)]
pub struct List {
    /// Its voucher, of which count and digest are those of the XML file.
    voucher: VoucherView,
    /// What it holds, in the same order.
    mutations: Vec<MutationView>,
}

/// A mutation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisterMutation)]
pub struct MutationView {
    /// Whose number, as it was in your register.
    niss: String,
    /// The day on which it happened, in Brussels.
    #[schema(value_type = String, format = Date)]
    on: Date,
    /// When it was told here.
    #[schema(value_type = String, format = DateTime)]
    recorded_at: String,
    /// What happened.
    #[schema(value_type = schemas::ChangeKind)]
    what: &'static str,
    /// The number that took its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    by: Option<String>,
    /// The number that had taken its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    from: Option<String>,
    /// Which data changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<schemas::PersonField>, required = false)]
    fields: Vec<Field>,
    /// What is so now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    now: Option<Who>,
    /// The kind of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schemas::Code>, required = false)]
    kind: Option<Code>,
    /// What the event says, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>, required = false)]
    says: Option<BTreeMap<Box<str>, Box<str>>>,
}

impl VoucherView {
    fn of(voucher: &Voucher) -> Self {
        Self {
            sequence: voucher.sequence,
            from: voucher.from,
            until: voucher.until,
            count: voucher.count,
            bytes: voucher.bytes,
            sha256: voucher.sha256.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}")),
            made_at: voucher.made.to_string(),
            confirmed_at: voucher.confirmed.map(|at| at.to_string()),
            href: format!("/v1/register/mutations/{}", voucher.sequence),
        }
    }
}

impl MutationView {
    fn of(mutation: Mutation) -> Self {
        let mut view = Self {
            niss: mutation.niss.digits(),
            on: mutation.on,
            recorded_at: mutation.recorded.to_string(),
            what: "",
            by: None,
            from: None,
            fields: Vec::new(),
            now: None,
            kind: None,
            says: None,
        };
        match mutation.change {
            Change::Replaced { by } => {
                view.what = "replaced";
                view.by = Some(by.digits());
            }
            Change::Restored { from } => {
                view.what = "restored";
                view.from = Some(from.digits());
            }
            Change::Cancelled => view.what = "cancelled",
            Change::Identified { fields, now } => {
                view.what = "identified";
                view.fields = fields;
                view.now = Some(Who::of(&now));
            }
            Change::Event { kind, says } => {
                view.what = "event";
                view.kind = Some(kind);
                view.says = Some(says);
            }
        }
        view
    }
}

/// A file's number out of a path.
fn sequence(path: &str) -> Result<u64, Problem> {
    let number = path.parse().ok().filter(|number| *number > 0 && path.bytes().all(|byte| byte.is_ascii_digit()));
    number.ok_or(Problem::from(Trouble::NotFound))
}

/// The voucher of a file.
async fn voucher_of(mutations: &dyn Mutations, owner: Institution, sequence: u64) -> Result<Voucher, Problem> {
    let found = mutations.vouchers(owner, sequence - 1, 1).await?;
    let found = found.into_iter().next().filter(|voucher| voucher.sequence == sequence);
    found.ok_or(Problem::from(Trouble::NotFound))
}

/// The first file that is not confirmed.
async fn waiting(mutations: &dyn Mutations, owner: Institution) -> Result<Option<u64>, Problem> {
    let mut after = 0;
    loop {
        let page = mutations.vouchers(owner, after, MAX_PAGE).await?;
        if let Some(voucher) = page.iter().find(|voucher| voucher.confirmed.is_none()) {
            return Ok(Some(voucher.sequence));
        }
        match page.last() {
            Some(last) if page.len() == MAX_PAGE => after = last.sequence,
            _ => return Ok(None),
        }
    }
}

refuses!(Listing: sets::KEYED, sets::REGISTER, sets::READING, &[Kind::InvalidQuery, Kind::Overloaded]);

/// The vouchers of your files, oldest first. A file is made every day on which something is told.
#[utoipa::path(
    operation_id = "vouchers",
    tag = "register",
    params(
        ("after" = Option<u64>, Query, description = "Only files after this number; 0 by default"),
        ("limit" = Option<u16>, Query, description = "How many at most, 1 to 1000; 100 by default", minimum = 1, maximum = 1000),
    ),
    responses(
        (status = 200, description = "A page; Link names the next one (RFC 8288)", body = Page,
            headers(("Link" = String, description = "The next page, `rel=\"next\"`"))),
        Listing,
    ),
)]
#[get("/v1/register/mutations")]
pub async fn list(request: HttpRequest, app: web::Data<App>, caller: Caller) -> Result<HttpResponse, Problem> {
    let register = app.register()?;
    let (mut after, mut limit, mut faults) = (0, DEFAULT_PAGE, Vec::new());
    for (name, value) in query(&request)? {
        match (name.as_str(), value.parse::<u64>()) {
            ("after", Ok(number)) if number <= MOST => after = number,
            ("after", _) => faults.push(Fault::new(name, "give the number of a file, or 0")),
            ("limit", Ok(number)) if (1..=MAX_PAGE as u64).contains(&number) => limit = number as usize,
            ("limit", _) => faults.push(Fault::new(name, format!("give 1 to {MAX_PAGE}"))),
            _ => return Err(unknown(&name, "after, limit")),
        }
    }
    if !faults.is_empty() {
        return Err(Problem::InvalidQuery(faults));
    }
    let mut found = register.mutations().vouchers(caller.institution(), after, limit + 1).await?;
    let is_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| is_more).map(|last| last.sequence);
    let mut answer = HttpResponse::Ok();
    if let Some(next) = next {
        let link = format!("</v1/register/mutations?limit={limit}&after={next}>; rel=\"next\"");
        answer.insert_header((header::LINK, link));
    }
    Ok(json(answer, &Page { vouchers: found.iter().map(VoucherView::of).collect(), next }))
}

/// Whether XML is wanted rather than JSON.
fn wants_xml(request: &HttpRequest) -> Result<bool, Problem> {
    let Some(accept) = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()) else {
        return Ok(false);
    };
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        if parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000")) {
            continue;
        }
        match name.as_str() {
            "application/xml" | "text/xml" => return Ok(true),
            "application/json" | "application/*" | "*/*" => return Ok(false),
            _ => {}
        }
    }
    Err(Problem::NotAcceptable("application/json or application/xml"))
}

refuses!(
    Fetching: sets::KEYED,
    sets::REGISTER,
    sets::READING,
    &[Kind::NotFound, Kind::NotAcceptable, Kind::Overloaded],
);

/// A file: as JSON, or with `Accept: application/xml` exactly the file of which the voucher tells the digest. Fetched as often as you
/// like.
#[utoipa::path(
    operation_id = "mutations",
    tag = "register",
    params(
        ("sequence" = u64, Path, description = "The number of the file", minimum = 1),
        ("Legal-Context" = Option<schemas::LegalContext>, Header, description = "Needed, unless the operator gave you a default"),
        ("X-Correlation-Id" = Option<schemas::LegalContext>, Header, description = "Your own reference of the request, for the audit trail"),
    ),
    responses(
        (status = 200, description = "The file", content(
            (List = "application/json"),
            (String = "application/xml", example = json!(examples::file())),
        ), headers(
            ("Content-Digest" = String, description = "SHA-256 of the XML file (RFC 9530), as in the voucher"),
        )),
        Fetching,
    ),
)]
#[get("/v1/register/mutations/{sequence}")]
pub async fn fetch(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let register = app.register()?;
    let access = access_to_persons(&request, &caller)?;
    let (sequence, owner, wants_xml) = (sequence(&path)?, caller.institution(), wants_xml(&request)?);
    let mutations = register.mutations();
    let answer = if wants_xml {
        let (voucher, file) = mutations.file(owner, sequence).await?;
        let digest = format!("sha-256=:{}:", STANDARD.encode(voucher.sha256));
        HttpResponse::Ok()
            .insert_header((header::CONTENT_TYPE, "application/xml"))
            .insert_header(("Content-Digest", digest.as_str()))
            .insert_header(("Repr-Digest", digest.as_str()))
            .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"mutations-{sequence}.xml\"")))
            .body(file)
    } else {
        let voucher = voucher_of(&**mutations, owner, sequence).await?;
        let found = mutations.mutations(owner, sequence).await?;
        let mutations = found.into_iter().map(MutationView::of).collect();
        json(HttpResponse::Ok(), &List { voucher: VoucherView::of(&voucher), mutations })
    };
    register.dossiers().note(&access, Deed::Fetch, None, None, "done");
    Ok(answer)
}

refuses!(Looking: sets::KEYED, sets::REGISTER, sets::READING, &[Kind::NotFound, Kind::Overloaded]);

/// The voucher of a file.
#[utoipa::path(
    operation_id = "voucher",
    tag = "register",
    params(("sequence" = u64, Path, description = "The number of the file", minimum = 1)),
    responses((status = 200, description = "The voucher", body = VoucherView), Looking),
)]
#[get("/v1/register/mutations/{sequence}/voucher")]
pub async fn show_voucher(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let register = app.register()?;
    let voucher = voucher_of(&**register.mutations(), caller.institution(), sequence(&path)?).await?;
    Ok(json(HttpResponse::Ok(), &VoucherView::of(&voucher)))
}

refuses!(
    Confirming: sets::KEYED,
    sets::REGISTER,
    sets::WRITING,
    sets::READING,
    &[Kind::OutOfOrder],
);

/// Confirms a file: you have it, and what it says is done on your side. Files are confirmed in their order; one that is
/// confirmed already stays so.
#[utoipa::path(
    operation_id = "confirm_mutations",
    tag = "register",
    params(("sequence" = u64, Path, description = "The number of the file", minimum = 1)),
    responses((status = 200, description = "Confirmed, on disk", body = VoucherView), Confirming),
)]
#[post("/v1/register/mutations/{sequence}/confirm")]
pub async fn confirm(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let register = app.register()?;
    let access = access(&request, &caller)?;
    let (mutations, owner) = (register.mutations(), caller.institution());
    // What can't be a number is one of no file.
    let sequence = sequence(&path).unwrap_or(0);
    let confirmed = match sequence {
        0 => Err(Trouble::NotFound),
        sequence => mutations.confirm(access, sequence).await,
    };
    let voucher = match confirmed {
        Ok(voucher) => voucher,
        Err(Trouble::Conflict(_) | Trouble::NotFound) => {
            let there = if sequence == 0 { None } else { voucher_of(&**mutations, owner, sequence).await.ok() };
            match there.filter(|voucher| voucher.confirmed.is_some()) {
                Some(voucher) => voucher,
                None => return Err(Refused::out_of_order(waiting(&**mutations, owner).await?)),
            }
        }
        Err(trouble) => return Err(trouble.into()),
    };
    Ok(json(HttpResponse::Ok(), &VoucherView::of(&voucher)))
}
