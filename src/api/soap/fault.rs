//! What is technically wrong with a call, as a SOAP 1.1 fault whose detail is `fault` of the common schema.
//!
//! Nothing here repeats what a caller sent: a fault names the place and says what to do.
use actix_web::HttpResponse;
use actix_web::ResponseError;
use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};

use super::envelope::Customer;
use super::names::{COMMON, ENVELOPE};
use super::reply::{MEDIA_TYPE, Received, cut};
use crate::api::problem::Problem;
use crate::xml::{At, Error, Writer};

/// Who is to mend it, as SOAP 1.1 names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// The envelope is of another version of SOAP.
    VersionMismatch,
    /// A header had to be understood, and isn't.
    MustUnderstand,
    /// The caller.
    Client,
    /// This program, or its operator.
    Server,
}

impl Party {
    const fn as_str(self) -> &'static str {
        match self {
            Self::VersionMismatch => "VersionMismatch",
            Self::MustUnderstand => "MustUnderstand",
            Self::Client => "Client",
            Self::Server => "Server",
        }
    }
}

/// Why a call isn't answered.
#[derive(Debug)]
pub struct Fault {
    /// Who is to mend it.
    pub party: Party,
    /// A stable word for it.
    pub reason: &'static str,
    /// What is wrong, and what to do.
    pub diagnostic: String,
    /// Where.
    pub place: Option<Place>,
    /// An answer of HTTP that came before SOAP: its status and headers stand.
    http: Option<Box<HttpResponse>>,
}

/// A place in an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The elements around it, from the outermost; those that the schema names.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
}

impl Fault {
    /// The caller's.
    pub fn client(reason: &'static str, diagnostic: impl Into<String>) -> Self {
        Self { party: Party::Client, reason, diagnostic: diagnostic.into(), place: None, http: None }
    }

    /// This program's.
    pub fn server(reason: &'static str, diagnostic: impl Into<String>) -> Self {
        Self { party: Party::Server, ..Self::client(reason, diagnostic) }
    }

    /// To be mended by another.
    #[must_use]
    pub fn by(self, party: Party) -> Self {
        Self { party, ..self }
    }

    /// At a place.
    #[must_use]
    pub fn at(self, path: String, line: usize) -> Self {
        Self { place: Some(Place { path, line }), ..self }
    }

    /// What can't be read as XML.
    pub fn xml(wrong: At<Error>, path: String) -> Self {
        let reason = match wrong.error {
            Error::Wide | Error::Encoding => "ENCODING",
            Error::Version | Error::Malformed(_) => "MALFORMED_XML",
            Error::DocumentType | Error::Entity | Error::Instruction => "FORBIDDEN_XML",
            Error::Depth | Error::Names => "TOO_MUCH_XML",
        };
        Self::client(reason, wrong.error.to_string()).at(path, wrong.line)
    }

    /// The answer: 500 as SOAP 1.1 over HTTP has it, unless HTTP itself refused.
    pub fn answer(self, received: Received, customer: Option<&Customer>) -> HttpResponse {
        let body = self.write(received, customer);
        let mut answer = match self.http {
            Some(refused) => refused.set_body(BoxBody::new(body)),
            None => HttpResponse::build(StatusCode::INTERNAL_SERVER_ERROR).body(body),
        };
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if answer.status() == StatusCode::UNAUTHORIZED {
            let basic = HeaderValue::from_static("Basic realm=\"estafette\", charset=\"UTF-8\"");
            answer.headers_mut().append(header::WWW_AUTHENTICATE, basic);
        }
        answer
    }

    fn write(&self, received: Received, customer: Option<&Customer>) -> Vec<u8> {
        let mut writer = Writer::document();
        writer.open_with("soap:Envelope", &[("xmlns:soap", ENVELOPE)]);
        writer.open("soap:Body");
        writer.open("soap:Fault");
        writer.value("faultcode", format_args!("soap:{}", self.party.as_str()));
        writer.value("faultstring", &self.diagnostic);
        writer.open("detail");
        writer.open_with("com:fault", &[("xmlns:com", COMMON)]);
        if let Some(customer) = customer {
            customer.write(&mut writer);
        }
        received.write(&mut writer);
        writer.element("detail", |writer| {
            writer.value("severity", "FATAL");
            writer.value("reasonCode", self.reason);
            writer.value("diagnostic", cut(&self.diagnostic));
            writer.value("authorCode", "estafette");
            if let Some(place) = &self.place {
                information(writer, "path", &place.path);
                information(writer, "line", &place.line.to_string());
            }
        });
        writer.close("com:fault");
        writer.close("detail");
        writer.close("soap:Fault");
        writer.close("soap:Body");
        writer.close("soap:Envelope");
        writer.finish()
    }
}

/// A field of information.
pub fn information(writer: &mut Writer, name: &str, value: &str) {
    writer.element("information", |writer| {
        writer.value("fieldName", name);
        writer.value("fieldValue", cut(value));
    });
}

/// What HTTP refuses before the envelope is read keeps its status and headers; the body becomes a fault.
impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        let status = problem.status_code();
        let party = if status.is_server_error() { Party::Server } else { Party::Client };
        let diagnostic = match &problem {
            Problem::Unauthorized => {
                "send a key of your institution as `Authorization: Bearer est_...`, or as the password of HTTP Basic"
                    .to_owned()
            }
            other => other.to_string(),
        };
        let reason = match status {
            StatusCode::UNAUTHORIZED => "UNAUTHORIZED",
            StatusCode::FORBIDDEN => "FORBIDDEN",
            StatusCode::NOT_FOUND => "NOT_HERE",
            StatusCode::PAYLOAD_TOO_LARGE => "TOO_LARGE",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "MEDIA_TYPE",
            StatusCode::REQUEST_TIMEOUT => "TOO_SLOW",
            StatusCode::TOO_MANY_REQUESTS => "TOO_MANY_REQUESTS",
            StatusCode::SERVICE_UNAVAILABLE => "UNAVAILABLE",
            status if status.is_server_error() => "TROUBLE",
            _ => "BAD_REQUEST",
        };
        Self { party, http: Some(Box::new(problem.error_response())), ..Self::client(reason, diagnostic) }
    }
}
