//! Persons: looked up, searched for, created, corrected.
use estafette_actors::ports::register::Deed;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{OTHERS, problem};
use crate::desk::{Desk, ION, JAN, LATE, NOBODY, OLD, UNKNOWN, refusal};

#[actix_rt::test]
async fn a_number_is_looked_up_through_its_replacement_and_what_is_none_has_its_code() {
    let desk = Desk::open().await;
    let found = desk.done("/v1/register/persons/lookup", json!({"niss": OLD})).await;
    assert_eq!((&found["person"]["niss"], &found["person"]["surname"]), (&json!(JAN), &json!("Peeters")));
    assert_eq!((&found["remarks"][0]["kind"], &found["remarks"][0]["niss"]), (&json!("replaced"), &json!(JAN)));
    let late = desk.done("/v1/register/persons/lookup", json!({"niss": LATE})).await;
    assert_eq!((&late["person"]["deceased"], &late["person"]["sex"]), (&json!("2020-12-31"), &Value::Null));
    for (niss, slug, code) in [(UNKNOWN, "unknown-niss", Some("MSG00005")), (NOBODY, "cancelled-niss", None)] {
        let refused = refusal(desk.post("/v1/register/persons/lookup", &json!({"niss": niss})).await).await;
        assert_eq!((&*refused.1, refused.3["code"].as_str()), (slug, code));
    }
    assert_eq!(&*desk.store.last().await.outcome, "cancelled_niss", "what was refused is in the trail too");
}

#[actix_rt::test]
async fn a_search_gives_who_fits_and_refuses_what_says_too_little() {
    let desk = Desk::open().await;
    let found =
        desk.done("/v1/register/persons/search", json!({"surname": "popescu", "birth_date": "1985-07-30"})).await;
    assert_eq!((&found["persons"][0]["person"]["niss"], &found["persons"][0]["score"]), (&json!(ION), &json!(100)));
    assert_eq!(desk.done("/v1/register/persons/search", json!({"surname": "Nobody"})).await["persons"], json!([]));
    for (body, place) in [
        (json!({"given_names": "Jan"}), "/surname"),
        (json!({"surname": "P", "years": 11}), "/years"),
        (json!({"surname": "P", "limit": 101}), "/limit"),
        (json!({"surname": "P", "birth_date": "30-07-1985"}), "/birth_date"),
        (json!({"surname": "P", "niss": JAN}), "/niss"),
        (json!(["P"]), ""),
    ] {
        let (status, slug, places, _) = refusal(desk.post("/v1/register/persons/search", &body).await).await;
        assert_eq!((status, &*slug, places), (422, "invalid-request", vec![place.to_owned()]), "{body}");
    }
}

#[actix_rt::test]
async fn a_number_is_created_once_and_somebody_alike_is_shown_first() {
    let desk = Desk::open().await;
    let body = json!({"surname": "Nguyen", "given_names": "An", "birth_date": "1990-02-03", "sex": "female"});
    let created = desk.post("/v1/register/persons", &body).await;
    assert_eq!(created.status(), 201);
    let niss = created.json::<Value>().await.unwrap()["niss"].as_str().unwrap().to_owned();
    assert_eq!(&niss[..6], "904203", "the month of a BCSS number of known sex");
    let (status, slug, _, again) = refusal(desk.post("/v1/register/persons", &body).await).await;
    assert_eq!(
        (status, &*slug, &again["alike"][0]["person"]["niss"]),
        (409, "alike", &json!(niss)),
        "sent again it finds its own"
    );
    assert_eq!(desk.store.deeds().await.last().unwrap(), &(Deed::Create, "alike".to_owned()));
    let mut although = body.clone();
    although["although_alike"] = true.into();
    let other = desk.done("/v1/register/persons", although).await;
    assert_ne!(other["niss"], json!(niss));
    let (_, _, places, _) = refusal(desk.post("/v1/register/persons", &json!({"sex": "male"})).await).await;
    assert_eq!(places, ["/surname", "/given_names", "/birth_date"]);
}

#[actix_rt::test]
async fn only_what_the_bcss_gave_out_is_corrected_here() {
    let desk = Desk::open().await;
    let corrected =
        desk.done("/v1/register/persons/corrections", json!({"niss": ION, "given_names": "Ion Andrei"})).await;
    assert_eq!(
        (&corrected["person"]["given_names"], &corrected["person"]["surname"]),
        (&json!("Ion Andrei"), &json!("Popescu"))
    );
    for (body, told) in [
        (json!({"niss": JAN, "surname": "X"}), (422, "not-bcss", "/niss")),
        (json!({"niss": OLD, "surname": "X"}), (422, "not-bcss", "/niss")),
        (json!({"niss": UNKNOWN, "surname": "X"}), (422, "unknown-niss", "/niss")),
        (json!({"niss": ION}), (422, "invalid-request", "")),
        (json!({"niss": ION, "deceased": "9999-01-01"}), (422, "invalid-request", "/deceased")),
    ] {
        let (status, slug, places, _) = refusal(desk.post("/v1/register/persons/corrections", &body).await).await;
        assert_eq!((status, &*slug, &*places[0]), told, "{body}");
    }
}

#[actix_rt::test]
async fn persons_are_loaded_by_the_operator_with_a_report_by_line() {
    let desk = Desk::open().await;
    let others = desk.ask_as(OTHERS, Method::PUT, "/v1/register/persons").header("Content-Type", "text/csv").body("x");
    assert_eq!(problem(others.send().await.unwrap()).await, (403, "operator-only".to_owned()));
    let again = desk.put("/v1/register/persons", "text/csv", crate::desk::PERSONS).await.json::<Value>().await.unwrap();
    assert_eq!(
        (&again["accepted"], &again["new"], &again["changed"]),
        (&json!(5), &json!(0), &json!(0)),
        "twice changes nothing"
    );
    let lines = [
        json!({"niss": JAN, "surname": "Peeters", "given_names": "Jan Piet", "birth_date": "1985-07-30"}),
        json!({"niss": "1", "surname": "A", "birth_date": "1985"}),
        json!({"niss": UNKNOWN, "surname": "B", "birth_date": "2005", "replaced_by": UNKNOWN}),
        json!({"niss": UNKNOWN, "surname": "B", "birth_date": "2005", "replaced_by": JAN, "cancelled": true}),
        json!({"niss": UNKNOWN, "surname": "B", "birth_date": "2005", "sex": "x"}),
        json!({"niss": UNKNOWN, "birth_date": "2005"}),
        json!({"niss": ION, "surname": "Popescu", "birth_date": "1985", "replaced_by": "50010100156"}),
        json!({"niss": UNKNOWN, "surname": "B", "birth_date": "2005", "cancelled": false, "language": "de"}),
    ];
    let body = lines.each_ref().map(|line| format!("{line}\n")).concat();
    let told = desk.put("/v1/register/persons?on_error=keep", "application/x-ndjson", &body).await;
    let told: Value = told.json().await.unwrap();
    assert_eq!(
        (&told["accepted"], &told["new"], &told["changed"], &told["refused"]),
        (&json!(2), &json!(1), &json!(1), &json!(6)),
        "{told}"
    );
    let errors: Vec<_> = told["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["line"].as_u64().unwrap(), one["column"].as_str().unwrap()))
        .collect();
    assert_eq!(errors, [(2, "niss"), (3, "replaced_by"), (4, "cancelled"), (5, "sex"), (6, "surname"), (7, "")]);
}
