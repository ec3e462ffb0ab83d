//! Pages of a register's rows: of one person, or of all, sorted by NISS, code and beginning.
//!
//! Invariant: a page reads a bounded number of rows, whatever is asked; where it ended, the next begins.
use std::ops::ControlFlow;

use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::submission::Institution;
use estafette_actors::ports::register::{DossierRow, PAGE_MAX, Place, Question, Rows, Trouble};

use super::engine::Engine;
use super::types::Known;
use super::{ROWS, damaged, rows};

/// Rows that a page reads at most, and those of one person more.
const READ: usize = if cfg!(test) { 50 } else { 20_000 };

/// A page.
pub fn read(engine: &Engine, owner: Institution, known: &Known, question: &Question) -> Result<Rows, Trouble> {
    let mut page = Page {
        owner,
        known,
        question,
        limit: question.limit.clamp(1, PAGE_MAX),
        rows: Vec::new(),
        read: 0,
        last: None,
        is_full: false,
    };
    let number = owner.0.as_u32();
    if let Some(niss) = question.niss {
        if question.after.as_ref().is_some_and(|after| after.niss > niss) {
            return Ok(Rows::default());
        }
        engine.with(ROWS, &rows::key(number, niss.as_u64()), |value| {
            value.map_or(Ok(()), |value| page.take(niss, value))
        })??;
    } else {
        let from = rows::key(number, question.after.as_ref().map_or(0, |after| after.niss.as_u64()));
        let (until, mut outcome) = (rows::key(number, u64::MAX), Ok(()));
        engine.scan(ROWS, &from, Some(&until), |key, value| {
            let taken = rows::niss_of(key).ok_or_else(damaged);
            outcome = taken.and_then(|niss| page.take(Niss::from_trusted_u64(niss), value));
            if outcome.is_err() || page.is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        outcome?;
    }
    Ok(Rows { next: if page.is_full { page.last } else { None }, rows: page.rows })
}

struct Page<'p> {
    owner: Institution,
    known: &'p Known,
    question: &'p Question,
    limit: usize,
    rows: Vec<DossierRow>,
    read: usize,
    /// The last row that was looked at.
    last: Option<Place>,
    is_full: bool,
}

impl Page<'_> {
    /// Takes what is asked of one person's rows.
    fn take(&mut self, niss: Niss, value: &[u8]) -> Result<(), Trouble> {
        let rows = rows::unpack(value).ok_or_else(damaged)?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            found.push((self.known.code(row.number).ok_or_else(damaged)?, row.period));
        }
        found.sort_by(|(one, first), (other, second)| one.cmp(other).then(first.begin().cmp(&second.begin())));
        let question = self.question;
        for (code, period) in found {
            let after = question.after.as_ref();
            if after.is_some_and(|after| (niss, code, period.begin()) <= (after.niss, &after.code, after.begin)) {
                continue;
            }
            if self.rows.len() == self.limit || self.read >= READ {
                self.is_full = true;
                return Ok(());
            }
            self.read += 1;
            self.last = Some(Place { niss, code: *code, begin: period.begin() });
            let is_asked = question.code.as_ref().is_none_or(|asked| asked == code)
                && question.period.is_none_or(|asked| asked.overlaps(period));
            if is_asked {
                self.rows.push(DossierRow { owner: self.owner, niss, code: *code, period });
            }
        }
        Ok(())
    }
}
