//! Reference data as the operator defines them, and as they are answered.
use std::fmt::Display;

use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::language::Translated;
use estafette_actors::domain::mailbox::Audience;
use estafette_actors::domain::mailbox::reference::{
    Application, DESCRIPTION_LENGTH, Error, MessageType, NAME_LENGTH, NAMED, Organization, RefId, Unit, Validity,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::json::{Faults, Json, Object};
use crate::api::problem::{Fault, Problem};
use crate::api::registry::wire::{line, needed, read_audience, translated};
use crate::api::registry::{examples, schemas};

/// How long documents of a type stay.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MailboxValidity)]
pub struct ValidityView {
    /// So many.
    number: u16,
    /// Of these.
    #[schema(value_type = schemas::EboxUnit)]
    unit: Unit,
}

/// A message type, as it is defined.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MailboxType, example = examples::mailbox_type)]
pub struct TypeView {
    /// Its identifier.
    #[schema(value_type = schemas::EboxRefId)]
    id: String,
    /// Its name.
    #[schema(value_type = schemas::EboxText)]
    names: Translated<Box<str>>,
    /// What it is about.
    #[schema(value_type = schemas::EboxText)]
    descriptions: Translated<Box<str>>,
    /// How long documents of it stay.
    validity: ValidityView,
    /// For whom; null for everybody.
    #[schema(value_type = Option<schemas::EboxType>, required)]
    audience: Option<Audience>,
    /// It may be published as registered mail.
    may_be_registered: bool,
    /// In an enterprise only users with this right see it.
    #[schema(value_type = Option<schemas::EboxRefId>, required)]
    right: Option<String>,
    /// Who may publish it; everybody when none is named.
    organizations: Vec<String>,
    /// By which applications; by any when none is named.
    applications: Vec<String>,
}

impl TypeView {
    /// Of a definition.
    pub fn of(one: &MessageType) -> Self {
        Self {
            id: one.id.to_string(),
            names: one.names.clone(),
            descriptions: one.descriptions.clone(),
            validity: ValidityView { number: one.validity.number, unit: one.validity.unit },
            audience: one.audience,
            may_be_registered: one.may_be_registered,
            right: one.right.as_ref().map(RefId::to_string),
            organizations: one.organizations.iter().map(Cbe::digits).collect(),
            applications: one.applications.iter().map(RefId::to_string).collect(),
        }
    }
}

/// An application, as it is defined.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MailboxApplication, example = examples::mailbox_application)]
pub struct ApplicationView {
    /// Its identifier.
    #[schema(value_type = schemas::EboxRefId)]
    id: String,
    /// Its name.
    #[schema(value_type = schemas::EboxText)]
    names: Translated<Box<str>>,
    /// What it is.
    #[schema(value_type = schemas::EboxText)]
    descriptions: Translated<Box<str>>,
    /// Where it is on the web.
    #[schema(value_type = schemas::EboxText)]
    urls: Translated<Box<str>>,
    /// For whom it publishes; for everybody when none is named.
    organizations: Vec<String>,
    /// Whom a reader may ask.
    #[schema(value_type = Option<String>, required)]
    contact: Option<Box<str>>,
}

impl ApplicationView {
    /// Of a definition.
    pub fn of(one: &Application) -> Self {
        Self {
            id: one.id.to_string(),
            names: one.names.clone(),
            descriptions: one.descriptions.clone(),
            urls: one.urls.clone(),
            organizations: one.organizations.iter().map(Cbe::digits).collect(),
            contact: one.contact.clone(),
        }
    }
}

/// An organisation, as it is defined.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MailboxOrganization, example = examples::mailbox_organization)]
pub struct OrganizationView {
    /// Its CBE number.
    cbe: String,
    /// Its short name.
    #[schema(value_type = schemas::EboxText)]
    names: Translated<Box<str>>,
    /// Its whole name.
    #[schema(value_type = schemas::EboxText)]
    long_names: Translated<Box<str>>,
    /// Where it is on the web.
    #[schema(value_type = schemas::EboxText)]
    urls: Translated<Box<str>>,
    /// Whom a reader may ask.
    #[schema(value_type = Option<String>, required)]
    contact: Option<Box<str>>,
}

impl OrganizationView {
    /// Of a definition.
    pub fn of(one: &Organization) -> Self {
        Self {
            cbe: one.cbe.digits(),
            names: one.names.clone(),
            long_names: one.long_names.clone(),
            urls: one.urls.clone(),
            contact: one.contact.clone(),
        }
    }
}

fn validity(object: &mut Object<'_>, faults: &mut Faults) -> Option<Validity> {
    let given = object.object("validity", "/validity", faults);
    let mut given = needed(given, object, "validity", faults)?;
    let number = given.whole("number", 1..=3_650, faults);
    let number = needed(number, &given, "number", faults);
    let unit = given.parsed("unit", faults, |text| match text {
        "day" => Ok(Unit::Day),
        "month" => Ok(Unit::Month),
        "year" => Ok(Unit::Year),
        _ => Err("give day, month or year"),
    });
    let unit = needed(unit, &given, "unit", faults);
    given.finish("number, unit", faults);
    match Validity::new(number? as u16, unit?) {
        Ok(validity) => Some(validity),
        Err(error) => {
            faults.add("/validity", error);
            None
        }
    }
}

/// Takes out a list of identifiers.
fn listed<T, E: Display>(
    object: &mut Object<'_>,
    name: &str,
    faults: &mut Faults,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Vec<T> {
    let items = object.array(name, faults).unwrap_or_default();
    if items.len() > NAMED {
        object.fault(name, format_args!("more than {NAMED}: name fewer"), faults);
        return Vec::new();
    }
    let mut found = Vec::with_capacity(items.len());
    for (place, item) in items.into_iter().enumerate() {
        let read = match item {
            Json::Text(text) => parse(&text).map_err(|error| error.to_string()),
            _ => Err("must be a string".to_owned()),
        };
        match read {
            Ok(one) => found.push(one),
            Err(detail) => faults.add(format!("/{name}/{place}"), detail),
        }
    }
    found
}

/// Reads a definition, and checks what its parts don't say themselves.
fn read<T>(
    body: &[u8],
    take: impl FnOnce(&mut Object<'_>, &mut Faults) -> Option<T>,
    known: &'static str,
    check: impl FnOnce(T) -> Result<T, Error>,
) -> Result<T, Problem> {
    let mut faults = Faults::default();
    let found = Object::of(Json::parse(body)?, "", &mut faults).and_then(|mut object| {
        let found = take(&mut object, &mut faults);
        object.finish(known, &mut faults);
        found
    });
    match found {
        Some(found) if faults.is_empty() => {
            check(found).map_err(|error| Problem::InvalidRequest(vec![Fault::new("", error.to_string())]))
        }
        _ => Err(Problem::InvalidRequest(faults.into_inner())),
    }
}

/// Reads a message type.
pub fn message_type(id: RefId, body: &[u8]) -> Result<MessageType, Problem> {
    let take = |object: &mut Object<'_>, faults: &mut Faults| {
        let names = translated(object, "names", faults, line(NAME_LENGTH));
        let descriptions = translated(object, "descriptions", faults, line(DESCRIPTION_LENGTH));
        let validity = validity(object, faults);
        let audience = object.parsed("audience", faults, read_audience);
        let may_be_registered = object.truth("may_be_registered", faults).unwrap_or(false);
        let right = object.parsed("right", faults, RefId::parse);
        let organizations = listed(object, "organizations", faults, Cbe::parse);
        let applications = listed(object, "applications", faults, RefId::parse);
        let validity = validity?;
        Some(MessageType {
            id,
            names,
            descriptions,
            validity,
            audience,
            may_be_registered,
            right,
            organizations,
            applications,
        })
    };
    let known = "names, descriptions, validity, audience, may_be_registered, right, organizations, applications";
    read(body, take, known, MessageType::checked)
}

/// Reads an application; it has no pictures yet.
pub fn application(id: RefId, body: &[u8]) -> Result<Application, Problem> {
    let take = |object: &mut Object<'_>, faults: &mut Faults| {
        let names = translated(object, "names", faults, line(NAME_LENGTH));
        let descriptions = translated(object, "descriptions", faults, line(DESCRIPTION_LENGTH));
        let urls = translated(object, "urls", faults, web);
        let organizations = listed(object, "organizations", faults, Cbe::parse);
        let contact = object.parsed("contact", faults, line(DESCRIPTION_LENGTH));
        Some(Application { id, names, descriptions, urls, organizations, contact, images: Vec::new() })
    };
    read(body, take, "names, descriptions, urls, organizations, contact", Application::checked)
}

/// Reads an organisation; it has no pictures yet.
pub fn organization(cbe: Cbe, body: &[u8]) -> Result<Organization, Problem> {
    let take = |object: &mut Object<'_>, faults: &mut Faults| {
        let names = translated(object, "names", faults, line(NAME_LENGTH));
        let long_names = translated(object, "long_names", faults, line(DESCRIPTION_LENGTH));
        let urls = translated(object, "urls", faults, web);
        let contact = object.parsed("contact", faults, line(DESCRIPTION_LENGTH));
        Some(Organization { cbe, names, long_names, urls, contact, images: Vec::new() })
    };
    read(body, take, "names, long_names, urls, contact", Organization::checked)
}

/// The address of a page: readers are led there.
fn web(text: &str) -> Result<Box<str>, String> {
    let address = line(DESCRIPTION_LENGTH)(text)?;
    let is_page = reqwest::Url::parse(&address).is_ok_and(|url| matches!(url.scheme(), "https" | "http"));
    if is_page { Ok(address) } else { Err("not the address of a page: give one with https://".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(refused: Problem) -> Vec<String> {
        refused.faults().iter().map(|fault| fault.pointer.clone()).collect()
    }

    #[test]
    fn a_definition_is_read_whole_or_refused_by_place() {
        let names = r#""names":{"fr":"a","nl":"b","de":"c","en":"d"}"#;
        let id = || RefId::parse("letter").unwrap();
        let good = format!(
            r#"{{{names},"validity":{{"number":2,"unit":"year"}},"audience":"citizen","may_be_registered":true,
                "organizations":["0403019261"],"applications":["app"]}}"#
        );
        let found = message_type(id(), good.as_bytes()).unwrap();
        assert_eq!((found.audience, found.organizations.len(), found.right), (Some(Audience::Citizen), 1, None));
        let wrong = message_type(id(), br#"{"names":{"es":"a"},"validity":{"number":11,"unit":"year"},"audience":"all","organizations":["1"],"x":1}"#);
        assert_eq!(places(wrong.unwrap_err()), ["/names/es", "/validity", "/audience", "/organizations/0", "/x"]);
        let three = message_type(id(), br#"{"names":{"fr":"a"},"validity":{"number":1,"unit":"day"}}"#).unwrap_err();
        assert_eq!(places(three), [""]);
        assert!(application(id(), format!(r#"{{{names},"urls":{{"fr":"https://a.be/"}}}}"#).as_bytes()).is_ok());
        let script = application(id(), format!(r#"{{{names},"urls":{{"fr":"javascript:alert(1)"}}}}"#).as_bytes());
        assert_eq!(places(script.unwrap_err()), ["/urls/fr"]);
        let cbe = Cbe::parse("0403019261").unwrap();
        assert!(
            organization(cbe, format!(r#"{{{names},"long_names":{{"fr":"A"}},"contact":"02 000 00 00"}}"#).as_bytes())
                .is_ok()
        );
    }
}
