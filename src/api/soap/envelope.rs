//! SOAP 1.1's envelope around a call: headers, body, and the one element in it.
//!
//! Source: Simple Object Access Protocol 1.1, sections 4 and 6; one element in the body, as in document/literal.
use super::decoder::{Decoder, INVALID, NAMESPACE};
use super::fault::{Fault, Party};
use super::names::{ENVELOPE, ENVELOPE_12, NEXT, Operation, REGISTER};
use super::requests::{self, Request};
use super::types::{CBE_NUMBER, INFORMATION_CUSTOMER, LEGAL_CONTEXT, ORGANIZATION, TICKET, TIMESTAMP};
use crate::xml::{Tag, Writer};

/// Who says that they ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Their own reference of the request.
    pub ticket: Option<Box<str>>,
    /// When they sent it, as they wrote it.
    pub sent: Option<Box<str>>,
    /// Ten digits.
    pub cbe_number: Box<str>,
}

impl Customer {
    /// `informationCustomer`, as it came.
    pub fn write(&self, writer: &mut Writer) {
        writer.element("informationCustomer", |writer| {
            writer.optional("ticket", self.ticket.as_deref());
            writer.optional("timestampSent", self.sent.as_deref());
            writer.element("customerIdentification", |writer| writer.value("cbeNumber", &self.cbe_number));
        });
    }
}

/// A call.
#[derive(Debug)]
pub struct Call {
    /// What is asked.
    pub operation: Operation,
    /// By whom.
    pub customer: Customer,
    /// In which legal context.
    pub legal_context: Box<str>,
    /// With what.
    pub request: Request,
}

/// Reads a call. Who asks is `told` as soon as it is read, so that a fault can name them too.
pub fn read(bytes: &[u8], told: &mut Option<Customer>) -> Result<Call, Fault> {
    let mut decoder = Decoder::new(bytes)?;
    envelope(&mut decoder)?;
    if let Some(header) = decoder.tag_if(|name| name.is(Some(ENVELOPE), "Header"))? {
        decoder.enter("Header");
        own_attributes(&decoder, &header)?;
        while let Some(entry) = decoder.tag_if(|_| true)? {
            understood(&decoder, &entry)?;
            decoder.skip()?;
        }
        decoder.close()?;
    }
    let Some(body) = decoder.tag_if(|name| name.is(Some(ENVELOPE), "Body"))? else {
        return Err(decoder.fault(INVALID, format!("the envelope has no Body of the namespace {ENVELOPE} here")));
    };
    decoder.enter("Body");
    own_attributes(&decoder, &body)?;
    let operation = operation(&mut decoder)?;
    let customer = customer(&mut decoder)?;
    *told = Some(customer.clone());
    let legal_context = decoder.value("legalContext", &LEGAL_CONTEXT)?;
    let request = requests::read(operation, &mut decoder)?;
    for _ in ["operation", "Body", "Envelope"] {
        decoder.close()?;
    }
    decoder.end()?;
    Ok(Call { operation, customer, legal_context, request })
}

fn envelope(decoder: &mut Decoder<'_>) -> Result<(), Fault> {
    let mut version = None;
    let tag = decoder.tag_if(|name| {
        version = name.space.as_deref().filter(|_| &*name.local == "Envelope").map(|space| space == ENVELOPE_12);
        name.is(Some(ENVELOPE), "Envelope")
    })?;
    match (tag, version) {
        (Some(tag), _) => {
            decoder.enter("Envelope");
            own_attributes(decoder, &tag)
        }
        (None, Some(newer)) => {
            let is = if newer { "this is SOAP 1.2" } else { "this is no version of SOAP" };
            let what = format!("{is}: send an Envelope of SOAP 1.1, of the namespace {ENVELOPE}");
            Err(decoder.fault("VERSION_MISMATCH", what).by(Party::VersionMismatch))
        }
        (None, None) => {
            Err(decoder.fault(INVALID, format!("the document is no Envelope of the namespace {ENVELOPE}: send one")))
        }
    }
}

/// SOAP 1.1 lets its own elements have attributes of any namespace, such as an encoding style or an id; they mean nothing here.
fn own_attributes(decoder: &Decoder<'_>, tag: &Tag) -> Result<(), Fault> {
    if tag.attributes.iter().all(|(name, _)| name.space.is_some()) {
        return Ok(());
    }
    Err(decoder.fault(INVALID, "an element of SOAP has an attribute without a namespace: leave it out"))
}

/// No entry of a header is understood, so none may have to be by this program.
fn understood(decoder: &Decoder<'_>, entry: &Tag) -> Result<(), Fault> {
    if entry.name.space.is_none() {
        return Err(decoder.fault(INVALID, "an entry of the header has no namespace: give it one, or leave it out"));
    }
    let attribute = |wanted: &str| {
        let found = entry.attributes.iter().find(|(name, _)| name.is(Some(ENVELOPE), wanted));
        found.map(|(_, value)| value.trim())
    };
    let ours = matches!(attribute("actor"), None | Some("" | NEXT));
    match attribute("mustUnderstand") {
        None | Some("0" | "false") => Ok(()),
        Some("1" | "true") if !ours => Ok(()),
        Some("1" | "true") => {
            let what = "an entry of the header has to be understood and is not: leave it out, or its mustUnderstand; \
                a key goes into the HTTP header Authorization";
            Err(decoder.fault("MUST_UNDERSTAND", what).by(Party::MustUnderstand))
        }
        Some(_) => Err(decoder.fault(INVALID, "mustUnderstand takes 0 or 1")),
    }
}

fn operation(decoder: &mut Decoder<'_>) -> Result<Operation, Fault> {
    let mut found = None;
    let mut elsewhere = false;
    let tag = decoder.tag_if(|name| {
        found = Operation::ALL.into_iter().find(|operation| *operation.as_str() == *name.local);
        elsewhere = name.space.as_deref() != Some(REGISTER);
        true
    })?;
    let Some(tag) = tag else {
        return Err(decoder.fault(INVALID, "the Body is empty: it holds the element of an operation"));
    };
    match found {
        _ if elsewhere => {
            Err(decoder.fault(NAMESPACE, format!("the element in the Body belongs to the namespace {REGISTER}")))
        }
        None => {
            let all = Operation::ALL.map(Operation::as_str).join(", ");
            Err(decoder.fault("UNKNOWN_OPERATION", format!("no such operation: there are {all}")))
        }
        Some(operation) => {
            decoder.enter(operation.as_str());
            decoder.check(&tag, None)?;
            Ok(operation)
        }
    }
}

fn customer(decoder: &mut Decoder<'_>) -> Result<Customer, Fault> {
    decoder.open("informationCustomer", Some(INFORMATION_CUSTOMER))?;
    let ticket = decoder.optional("ticket", &TICKET)?;
    let sent = decoder.optional("timestampSent", &TIMESTAMP)?;
    decoder.open("customerIdentification", Some(ORGANIZATION))?;
    let cbe_number = decoder.value("cbeNumber", &CBE_NUMBER)?;
    decoder.close()?;
    decoder.close()?;
    Ok(Customer { ticket, sent, cbe_number })
}
