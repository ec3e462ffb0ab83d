//! The register for operators: REGISTER, and the rows that FIND shows beside messages.
//!
//! Invariant: a number goes out to an operator only, and only the one that stands in the place of the one that was asked about; a
//! viewer sees whose register has the person, and in which type. Whatever is looked at is in the audit trail.
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::register::{Access, Deed, Face, PAGE_MAX, Question};
use estafette_actors::register::Refusal;
use futures_util::future::BoxFuture;

use super::commands::Call;
use super::connection::Session;
use super::control::Kept;
use super::messages::answered;
use super::reply::Reply;
use super::{Desk, Role};

/// Rows that FIND shows at most.
const MOST_ROWS: usize = 1_000;
/// In which legal context an operator looks.
const CONTEXT: &str = "operator";

fn number(number: u64) -> Reply {
    Reply::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Files that an institution has not confirmed.
async fn waiting(kept: &Kept, owner: Institution) -> Result<u64, Reply> {
    let (mut after, mut count) = (0, 0);
    loop {
        let page = kept.register.mutations().vouchers(owner, after, PAGE_MAX).await.map_err(Reply::error)?;
        count += page.iter().filter(|voucher| voucher.confirmed.is_none()).count() as u64;
        match page.last() {
            Some(last) if page.len() == PAGE_MAX => after = last.sequence,
            _ => return Ok(count),
        }
    }
}

/// `REGISTER`.
pub fn register(call: Call<'_>) -> BoxFuture<'_, Reply> {
    answered(async move {
        let kept = call.desk.control.register();
        let kept = kept.ok_or_else(|| Reply::error("no register is kept here: see the configuration"))?;
        let dossiers = kept.register.dossiers();
        let (mut total, mut registers) = (0, Vec::new());
        for owner in &kept.institutions {
            let counts = dossiers.counts(*owner);
            let rows: u64 = counts.iter().map(|(_, rows)| rows).sum();
            total += rows;
            registers.push(Reply::map([
                ("institution", Reply::text(owner.to_string())),
                ("rows", number(rows)),
                ("vouchers_waiting", number(waiting(&kept, *owner).await?)),
                ("types", Reply::map(counts.iter().map(|(code, rows)| (code.as_str(), number(*rows))))),
            ]));
        }
        let mut told = vec![("rows", number(total))];
        told.extend(dossiers.figures().into_iter().map(|(name, value)| (name, number(value))));
        told.push(("registers", Reply::List(registers)));
        Ok(Reply::map(told))
    })
}

fn access(session: &Session, institution: Institution) -> Access {
    Access {
        institution,
        key: format!("admin:{}", session.number).into(),
        legal_context: CONTEXT.into(),
        ticket: None,
        face: Face::Admin,
    }
}

/// The rows about a person, of all registers, where one is kept.
pub(super) async fn rows(desk: &Desk, session: &Session, given: Niss) -> Result<Vec<Reply>, Reply> {
    let Some(kept) = desk.control.register() else { return Ok(Vec::new()) };
    let niss = match kept.register.follow(given).await {
        Ok((person, _)) => person.niss,
        Err(Refusal::UnknownNiss | Refusal::CancelledNiss) => given,
        Err(refusal) => return Err(Reply::error(refusal)),
    };
    let mut shown = Vec::new();
    for owner in &kept.institutions {
        shown.extend(rows_of(&kept, session, *owner, given, niss).await?);
        shown.truncate(MOST_ROWS);
    }
    // Nobody's rows were seen: that somebody looked is kept nevertheless, with whoever is first.
    if shown.is_empty()
        && let Some(first) = kept.institutions.first()
    {
        kept.register.dossiers().note(&access(session, *first), Deed::Consult, Some(niss), None, "nothing");
    }
    Ok(shown)
}

async fn rows_of(
    kept: &Kept,
    session: &Session,
    owner: Institution,
    given: Niss,
    niss: Niss,
) -> Result<Vec<Reply>, Reply> {
    let dossiers = kept.register.dossiers();
    let mut question = Question { niss: Some(niss), limit: PAGE_MAX, ..Question::default() };
    let mut shown = Vec::new();
    loop {
        let page = dossiers.rows(owner, question.clone()).await.map_err(Reply::error)?;
        shown.extend(page.rows.iter().map(|row| {
            let mut told = vec![
                ("register", Reply::text(owner.to_string())),
                ("type", Reply::text(row.code.as_str())),
                ("begin", Reply::text(row.period.begin().to_string())),
                ("end", row.period.end().map_or(Reply::Null, |end| Reply::text(end.to_string()))),
            ];
            if niss != given && session.role == Some(Role::Operator) {
                told.push(("replaced_by", Reply::text(niss.digits())));
            }
            Reply::map(told)
        }));
        question.after = page.next;
        if question.after.is_none() || shown.len() >= MOST_ROWS {
            break;
        }
    }
    if !shown.is_empty() {
        dossiers.note(&access(session, owner), Deed::Consult, Some(niss), None, "done");
    }
    Ok(shown)
}
