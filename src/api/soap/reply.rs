//! Replies: the envelope, who asked and who answers, the status, the anomalies, and what came of it.
use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use estafette_actors::domain::identity::{Identity, Standing};
use estafette_actors::domain::mutation::Voucher;
use estafette_actors::domain::niss::Niss;
use estafette_actors::domain::period::{Inscribed, Period, Removed};
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::register::{DossierRow, Hit};
use uuid::Uuid;

use super::anomaly::{Anomaly, NOTHING, SUCCESS, Severity};
use super::envelope::Customer;
use super::fault::information;
use super::names::{ENVELOPE, Operation, REGISTER};
use crate::mutations::{date, inside_person, inside_voucher};
use crate::xml::Writer;

/// The media type of everything that is answered.
pub const MEDIA_TYPE: &str = "text/xml; charset=utf-8";
/// Characters of a description or a field of information.
const DESCRIPTION: usize = 256;
/// Anomalies that a reply may have.
const ANOMALIES: usize = 25;

/// When a request came, and our own reference of it.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// The reference.
    pub ticket: Uuid,
    /// When it came.
    pub at: Timestamp,
    /// When it is answered.
    pub answered: Timestamp,
}

impl Received {
    /// `informationCBSS`.
    pub fn write(self, writer: &mut Writer) {
        writer.element("informationCBSS", |writer| {
            writer.value("ticketCBSS", self.ticket);
            writer.value("timestampReceive", self.at);
            writer.value("timestampReply", self.answered);
        });
    }
}

/// What came of a call.
#[derive(Debug, Default)]
pub struct Reply {
    /// What is worth knowing, or why nothing came of it.
    pub anomalies: Vec<Anomaly>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a call, as its operation says it.
#[derive(Debug, Default)]
pub enum Outcome {
    /// Nothing.
    #[default]
    Nothing,
    /// A period was inscribed.
    Inscribed(Niss, Inscribed),
    /// Days were removed.
    Removed(Niss, Removed),
    /// Rows, and where to go on.
    Rows(Vec<DossierRow>, Option<String>),
    /// Persons who may be meant.
    Hits(Vec<Hit>),
    /// A number was created.
    Created(Niss),
    /// No number was created: these are alike.
    Alike(Vec<Hit>),
    /// Data was corrected.
    Corrected(Niss, Box<Identity>),
    /// Vouchers.
    Vouchers(Vec<Voucher>),
    /// A file.
    File(Box<Voucher>, Vec<u8>),
}

impl Outcome {
    const fn is_empty(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Rows(rows, next) => rows.is_empty() && next.is_none(),
            Self::Hits(hits) => hits.is_empty(),
            Self::Vouchers(vouchers) => vouchers.is_empty(),
            _ => false,
        }
    }

    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Nothing => {}
            Self::Inscribed(niss, inscribed) => inscription(writer, *niss, inscribed),
            Self::Removed(niss, removed) => writer.element("removal", |writer| {
                writer.value("ssin", niss.digits());
                periods(writer, "touched", &removed.touched);
                periods(writer, "left", &removed.left);
            }),
            Self::Rows(rows, next) => {
                for one in rows {
                    row(writer, one);
                }
                writer.optional("next", next.as_ref());
            }
            Self::Hits(found) => hits(writer, "hit", found),
            Self::Created(niss) => writer.value("ssin", niss.digits()),
            Self::Alike(found) => hits(writer, "alike", found),
            Self::Corrected(niss, person) => {
                writer.value("ssin", niss.digits());
                writer.element("person", |writer| inside_person(writer, person, None));
            }
            Self::Vouchers(vouchers) => {
                for voucher in vouchers {
                    writer.element("voucher", |writer| inside_voucher(writer, voucher));
                }
            }
            Self::File(voucher, file) => {
                writer.element("voucher", |writer| inside_voucher(writer, voucher));
                writer.value("content", STANDARD.encode(file));
            }
        }
    }
}

impl From<Outcome> for Reply {
    fn from(outcome: Outcome) -> Self {
        Self { anomalies: vec![], outcome }
    }
}

impl From<Anomaly> for Reply {
    fn from(anomaly: Anomaly) -> Self {
        Self { anomalies: vec![anomaly], outcome: Outcome::Nothing }
    }
}

impl Reply {
    /// The answer to a call.
    pub fn answer(
        &self,
        operation: Operation,
        customer: &Customer,
        legal_context: &str,
        received: Received,
    ) -> HttpResponse {
        let mut answer = HttpResponse::Ok();
        answer.insert_header((header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE)));
        answer.insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")));
        answer.body(self.write(operation, customer, legal_context, received))
    }

    fn write(&self, operation: Operation, customer: &Customer, legal_context: &str, received: Received) -> Vec<u8> {
        let mut writer = Writer::document();
        writer.open_with("soap:Envelope", &[("xmlns:soap", ENVELOPE)]);
        writer.open("soap:Body");
        let name = format!("reg:{}Response", operation.as_str());
        writer.open_with(&name, &[("xmlns:reg", REGISTER)]);
        customer.write(&mut writer);
        received.write(&mut writer);
        writer.value("legalContext", legal_context);
        self.status(&mut writer, operation);
        if !self.anomalies.is_empty() {
            writer.element("businessAnomalies", |writer| {
                for one in self.anomalies.iter().take(ANOMALIES) {
                    anomaly(writer, one);
                }
            });
        }
        self.outcome.write(&mut writer);
        writer.close(&name);
        writer.close("soap:Body");
        writer.close("soap:Envelope");
        writer.finish()
    }

    fn status(&self, writer: &mut Writer, operation: Operation) {
        let fatal = self.anomalies.iter().find(|anomaly| anomaly.severity == Severity::Fatal);
        let (value, code, description) = match (fatal, operation.only_asks()) {
            (Some(fatal), true) => ("NO_RESULT", fatal.code, fatal.description.as_str()),
            (Some(fatal), false) => ("NOK", fatal.code, fatal.description.as_str()),
            (None, true) if self.outcome.is_empty() => ("NO_DATA_FOUND", NOTHING, "nothing fits what was asked for"),
            (None, true) => ("DATA_FOUND", SUCCESS, "found"),
            (None, false) => ("OK", SUCCESS, "done"),
        };
        writer.element("status", |writer| {
            writer.value("value", value);
            writer.value("code", code);
            writer.value("description", cut(description));
            for (field, said) in fatal.iter().flat_map(|fatal| &fatal.information) {
                information(writer, field, said);
            }
        });
    }
}

/// The beginning of a text, as much as the schema takes.
pub fn cut(text: &str) -> String {
    text.chars().take(DESCRIPTION).collect()
}

fn anomaly(writer: &mut Writer, anomaly: &Anomaly) {
    writer.element("businessAnomaly", |writer| {
        writer.value("code", anomaly.code);
        writer.value("severity", anomaly.severity.as_str());
        writer.value("description", cut(&anomaly.description));
        for (field, said) in &anomaly.information {
            information(writer, field, said);
        }
    });
}

fn period(writer: &mut Writer, name: &str, period: Period) {
    writer.element(name, |writer| {
        writer.value("beginDate", date(period.begin()));
        writer.optional("endDate", period.end().map(date));
    });
}

fn periods(writer: &mut Writer, name: &str, all: &[Period]) {
    for one in all {
        period(writer, name, *one);
    }
}

fn inscription(writer: &mut Writer, niss: Niss, inscribed: &Inscribed) {
    let (outcome, row, merged): (_, _, &[Period]) = match inscribed {
        Inscribed::Added(row) => ("ADDED", *row, &[]),
        Inscribed::Merged { row, of } => ("MERGED", *row, of),
        Inscribed::Covered(row) => ("COVERED", *row, &[]),
    };
    writer.element("inscription", |writer| {
        writer.value("ssin", niss.digits());
        writer.value("outcome", outcome);
        period(writer, "period", row);
        periods(writer, "merged", merged);
    });
}

fn row(writer: &mut Writer, row: &DossierRow) {
    writer.element("row", |writer| {
        writer.value("ssin", row.niss.digits());
        writer.value("dossierType", row.code);
        period(writer, "period", row.period);
    });
}

fn hits(writer: &mut Writer, name: &str, hits: &[Hit]) {
    for Hit { person, score } in hits {
        writer.element(name, |writer| {
            writer.value("ssin", person.niss.digits());
            match person.standing {
                Standing::InUse => {}
                Standing::ReplacedBy(by) => writer.value("replacedBy", by.digits()),
                Standing::Cancelled => writer.value("canceled", true),
            }
            writer.value("score", score);
            writer.element("person", |writer| inside_person(writer, &person.identity, None));
        });
    }
}
