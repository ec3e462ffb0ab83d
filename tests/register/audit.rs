//! The audit trail: one's own, and everybody's for the operator.
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{OTHERS, problem};
use crate::desk::{Desk, ION, JAN};

#[actix_rt::test]
async fn a_trail_is_filtered_paged_and_never_shows_a_number() {
    let desk = Desk::open().await;
    for niss in [JAN, ION] {
        desk.inscribe(niss, "2026-01-01", None).await;
        desk.done("/v1/register/consultations", json!({"niss": niss})).await;
    }
    desk.ask_as(OTHERS, Method::POST, "/v1/register/consultations").json(&json!({"niss": JAN})).send().await.unwrap();
    // Consultations are in the trail a moment later, at the latest.
    desk.store.lines().await;
    let mut path = "/v1/register/audit?deed=consult&limit=1".to_owned();
    let mut seen: Vec<Value> = vec![];
    loop {
        let answer = desk.ask(Method::GET, &path).send().await.unwrap();
        let link = answer.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        let page: Value = answer.json().await.unwrap();
        seen.extend(page["lines"].as_array().unwrap().clone());
        let Some(link) = link else { break };
        path = link.split(['<', '>']).nth(1).unwrap().to_owned();
    }
    assert_eq!(seen.len(), 3, "the operator sees everybody's");
    let text = json!(seen).to_string();
    assert!(!text.contains(JAN) && !text.contains(ION), "{text}");
    assert_eq!((seen[0]["about"] == seen[2]["about"], seen[0]["about"] == seen[1]["about"]), (true, false));
    assert_eq!(
        (&seen[0]["face"], &seen[0]["legal_context"], &seen[2]["outcome"]),
        (&json!("rest"), &json!("PENSIONS:2026"), &json!("nothing"))
    );

    let as_other = async |path: &str| desk.ask_as(OTHERS, Method::GET, path).send().await.unwrap();
    let own: Value = as_other("/v1/register/audit").await.json().await.unwrap();
    assert_eq!(own["lines"].as_array().unwrap().len(), 1, "others see their own");
    assert_eq!(
        problem(as_other("/v1/register/audit?institution=0403019261").await).await,
        (403, "operator-only".to_owned())
    );
    let theirs = desk.get("/v1/register/audit?institution=0206731645").await;
    assert_eq!(theirs["lines"].as_array().unwrap().len(), 1);
    let of_jan = desk.done("/v1/register/audit/searches", json!({"niss": JAN, "institution": "0403019261"})).await;
    assert_eq!(of_jan["lines"].as_array().unwrap().len(), 3, "loaded, inscribed, consulted");
    let done = desk.get("/v1/register/audit?type=pensioner&outcome=done&deed=inscribe").await;
    assert_eq!((done["lines"].as_array().unwrap().len(), &done["next"]), (2, &Value::Null));
    for query in ["deed=look", "limit=0", "after=x", "institution=1", "niss=85073003328"] {
        let answer = desk.ask(Method::GET, &format!("/v1/register/audit?{query}")).send().await.unwrap();
        assert_eq!(problem(answer).await, (400, "invalid-query".to_owned()), "{query}");
    }
}
