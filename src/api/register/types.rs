//! Dossier types: in which roles and qualities an institution knows persons, and what its partners may do with the rows.
use actix_web::{HttpRequest, HttpResponse, get, put, web};
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::dossier::{Code, DossierType, NAME_LENGTH, PARTNERS, Rights};
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::period::Period;
use estafette_actors::ports::register::Trouble;
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::wire::{done, missing, period, truth};
use super::{access, examples, schemas};
use crate::api::App;
use crate::api::answer::json;
use crate::api::body::JsonBody;
use crate::api::caller::Caller;
use crate::api::json::{Faults, Json, Object};
use crate::api::problem::{Kind, Problem, refuses, sets};

/// A dossier type.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisterType, example = examples::dossier_type)]
pub struct View {
    /// Its code.
    #[schema(value_type = schemas::Code)]
    code: Code,
    /// Its name in the four languages.
    #[schema(value_type = schemas::FourNames)]
    names: Translated<Box<str>>,
    /// The first day on which rows of it may lie; null for no bound.
    #[schema(value_type = Option<String>, format = Date, required)]
    valid_from: Option<Date>,
    /// The last day; null for no bound.
    #[schema(value_type = Option<String>, format = Date, required)]
    valid_until: Option<Date>,
    /// The institution for which the NISS is known, where that is another than yours.
    #[schema(required)]
    partner: Option<String>,
    /// What other institutions may do with the rows.
    rights: Vec<RightsView>,
}

/// What another institution may do with the rows of a type.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisterRights)]
pub struct RightsView {
    /// Its CBE number.
    partner: String,
    /// It may consult them.
    consult: bool,
    /// It gets the mutations of their NISSs too.
    mutations: bool,
}

/// The dossier types of a register.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisterTypes, example = examples::dossier_types)]
pub struct List {
    /// By code.
    types: Vec<View>,
}

impl View {
    fn of(one: &DossierType) -> Self {
        let rights = one.rights.iter().map(|(partner, rights)| RightsView {
            partner: partner.to_string(),
            consult: rights.consult,
            mutations: rights.mutations,
        });
        Self {
            code: one.code,
            names: one.names.clone(),
            valid_from: Some(one.valid.begin()).filter(|day| *day > Date::MIN),
            valid_until: one.valid.end(),
            partner: one.partner.map(|partner| partner.to_string()),
            rights: rights.collect(),
        }
    }
}

fn name(text: &str) -> Result<Box<str>, String> {
    let length = text.chars().count();
    if (1..=NAME_LENGTH).contains(&length) && text.trim() == text && !text.chars().any(char::is_control) {
        return Ok(text.into());
    }
    Err(format!("a name is one line of 1 to {NAME_LENGTH} characters, without spaces around it: write it so"))
}

fn names(object: &mut Object<'_>, faults: &mut Faults) -> Option<Translated<Box<str>>> {
    let Some(mut given) = object.object("names", "/names", faults) else {
        missing(object, "names", "give the name in fr, nl, de and en", faults);
        return None;
    };
    let mut names = Translated::new();
    for language in Language::ALL {
        match given.parsed(language.as_str(), faults, name) {
            Some(name) => drop(names.set(language, name)),
            None => missing(&given, language.as_str(), "give the name in all four languages", faults),
        }
    }
    given.finish("fr, nl, de, en", faults);
    Some(names)
}

fn rights(object: &mut Object<'_>, faults: &mut Faults) -> Vec<(Cbe, Rights)> {
    let items = object.array("rights", faults).unwrap_or_default();
    if items.len() > PARTNERS {
        object.fault("rights", format_args!("more than {PARTNERS}: name fewer"), faults);
        return Vec::new();
    }
    let mut found: Vec<(Cbe, Rights)> = Vec::with_capacity(items.len());
    for (place, item) in items.into_iter().enumerate() {
        let mut own = Faults::default();
        if let Some(mut one) = Object::of(item, "", &mut own) {
            let partner = one.parsed("partner", &mut own, Cbe::parse);
            let given = Rights {
                consult: truth(&mut one, "consult", &mut own),
                mutations: truth(&mut one, "mutations", &mut own),
            };
            match partner {
                None => missing(&one, "partner", "give the CBE number of the institution", &mut own),
                Some(partner) if found.iter().any(|(other, _)| *other == partner) => {
                    one.fault("partner", "named twice: name it once", &mut own);
                }
                Some(partner) => found.push((partner, given)),
            }
            one.finish("partner, consult, mutations", &mut own);
        }
        for fault in own.into_inner() {
            faults.add(format!("/rights/{place}{}", fault.pointer), fault.detail);
        }
    }
    found
}

fn definition(code: Code, body: &[u8]) -> Result<DossierType, Problem> {
    let mut faults = Faults::default();
    let parsed = Object::of(Json::parse(body)?, "", &mut faults).and_then(|mut object| {
        let names = names(&mut object, &mut faults);
        let valid = period(&mut object, ["valid_from", "valid_until"], &mut faults).unwrap_or(Period::always());
        let partner = object.parsed("partner", &mut faults, Cbe::parse);
        let rights = rights(&mut object, &mut faults);
        object.finish("names, valid_from, valid_until, partner, rights", &mut faults);
        Some(DossierType { code, names: names?, valid, partner, rights })
    });
    done(parsed, faults)
}

refuses!(Listing: sets::KEYED, sets::REGISTER);

/// Your dossier types, by code.
#[utoipa::path(
    operation_id = "register_types",
    tag = "register",
    responses((status = 200, description = "All of them", body = List), Listing),
)]
#[get("/v1/register/types")]
pub async fn list(app: web::Data<App>, caller: Caller) -> Result<HttpResponse, Problem> {
    let types = app.register()?.dossiers().types(caller.institution());
    Ok(json(HttpResponse::Ok(), &List { types: types.iter().map(|one| View::of(one)).collect() }))
}

refuses!(Looking: sets::KEYED, sets::REGISTER, &[Kind::NotFound]);

/// One of your dossier types.
#[utoipa::path(
    operation_id = "register_type",
    tag = "register",
    params(("code" = schemas::Code, Path, description = "Its code")),
    responses((status = 200, description = "The type", body = View), Looking),
)]
#[get("/v1/register/types/{code}")]
pub async fn look(app: web::Data<App>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    let register = app.register()?;
    let found = Code::parse(&path).ok().and_then(|code| register.type_of(caller.institution(), &code));
    let found = found.ok_or(Problem::from(Trouble::NotFound))?;
    Ok(json(HttpResponse::Ok(), &View::of(&found)))
}

refuses!(Defining: sets::KEYED, sets::REGISTER, sets::BODY, sets::JSON, sets::WRITING, &[Kind::NotFound]);

/// Defines a dossier type, or changes it: what is left out is so no more. Rows that there are stay.
#[utoipa::path(
    operation_id = "put_register_type",
    tag = "register",
    params(("code" = schemas::Code, Path, description = "Its code, 1 to 32 of A-Z, 0-9, _ and -; small letters are taken as capitals")),
    request_body(content = schemas::NewType, content_type = "application/json"),
    responses((status = 200, description = "As it is from now on", body = View), Defining),
)]
#[put("/v1/register/types/{code}")]
pub async fn define(
    request: HttpRequest,
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let register = app.register()?;
    let access = access(&request, &caller)?;
    // A path that can be no type's is nowhere.
    let code = Code::parse(&path).map_err(|_| Problem::from(Trouble::NotFound))?;
    let definition = definition(code, &body.0)?;
    register.define(&access, definition.clone()).await?;
    Ok(json(HttpResponse::Ok(), &View::of(&definition)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_names_each_of_its_mistakes_at_once() {
        let read = |body: &str| definition(Code::parse("A").unwrap(), body.as_bytes());
        let whole = r#"{"names":{"fr":"A","nl":"B","de":"C","en":"D"},"valid_from":"2020-01-01","partner":"0206731645",
            "rights":[{"partner":"0403019261","consult":true}]}"#;
        let found = read(whole).unwrap();
        assert!(found.rights_of(Cbe::parse("0403019261").unwrap()).consult && found.clone().checked().is_ok());
        let wrong = r#"{"names":{"fr":" A","nl":"B","de":1},"valid_from":"2021-01-01","valid_until":"2020-01-01","partner":"1",
            "rights":[{"partner":"0403019261"},{"partner":"0403019261"},{"consult":1},7],"x":1}"#;
        let Err(Problem::InvalidRequest(faults)) = read(wrong) else { panic!("accepted") };
        let places: Vec<_> = faults.iter().map(|fault| &*fault.pointer).collect();
        assert_eq!(
            places,
            [
                "/names/fr",
                "/names/de",
                "/names/en",
                "/valid_until",
                "/partner",
                "/rights/1/partner",
                "/rights/2/consult",
                "/rights/2/partner",
                "/rights/3",
                "/x"
            ]
        );
    }
}
