//! Rows one at a time, and what is refused of them.
use estafette_actors::ports::register::{Deed, Face, Trouble};
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Face as Http, KEY, OTHERS, STRANGER, TEST, problem};
use crate::desk::{Desk, ION, JAN, LATE, NOBODY, OLD, UNKNOWN, refusal};

const ROWS: &str = "/v1/register/rows";

#[actix_rt::test]
async fn what_overlaps_becomes_one_row_and_what_is_covered_is_a_warning() {
    let desk = Desk::open().await;
    let added = desk.inscribe(JAN, "2026-01-01", Some("2026-01-31")).await;
    assert_eq!((&added["outcome"], &added["remarks"]), (&json!("added"), &json!([])));
    let adjoining = desk.inscribe(JAN, "2026-02-01", Some("2026-02-28")).await;
    assert_eq!(adjoining["outcome"], "added", "what merely adjoins stays apart");
    let merged = desk.inscribe("85.07.30-033.28", "2026-01-15", Some("2026-03-31")).await;
    assert_eq!(merged["row"], json!({"begin": "2026-01-01", "end": "2026-03-31"}));
    assert_eq!(merged["merged"].as_array().unwrap().len(), 2);
    let covered = desk.inscribe(JAN, "2026-01-15", Some("2026-01-20")).await;
    assert_eq!((&covered["outcome"], &covered["remarks"][0]["kind"]), (&json!("covered"), &json!("covered")));
    let open = desk.inscribe(JAN, "2026-03-01", None).await;
    assert_eq!(open["row"], json!({"begin": "2026-01-01", "end": null}));
    assert_eq!(desk.get("/v1/register/counts").await, json!({"rows": 1, "types": [{"type": "PENSIONER", "rows": 1}]}));
    let line = desk.store.last().await;
    assert_eq!(
        (line.deed, &*line.access.legal_context, line.access.face),
        (Deed::Inscribe, "PENSIONS:2026", Face::Rest)
    );
}

#[actix_rt::test]
async fn a_replaced_number_is_answered_with_the_one_that_counts_and_a_dead_person_with_a_remark() {
    let desk = Desk::open().await;
    let replaced = desk.inscribe(OLD, "2026-01-01", None).await;
    assert_eq!(replaced["niss"], JAN);
    let remark = &replaced["remarks"][0];
    assert_eq!(
        (&remark["kind"], &remark["niss"], &remark["code"]),
        (&json!("replaced"), &json!(JAN), &json!("MSG00006"))
    );
    let found = desk.done("/v1/register/consultations", json!({"niss": OLD})).await;
    assert_eq!((&found["rows"][0]["niss"], &found["remarks"][0]["niss"]), (&json!(JAN), &json!(JAN)));
    let late = desk.inscribe(LATE, "2020-01-01", None).await;
    let remark = &late["remarks"][0];
    assert_eq!(
        (&remark["kind"], &remark["on"], &remark["code"]),
        (&json!("deceased"), &json!("2020-12-31"), &json!("MSG00009"))
    );
}

#[actix_rt::test]
async fn a_number_that_is_replaced_between_the_question_and_the_change_is_followed_all_the_same() {
    let desk = Desk::open().await;
    let replaced = json!({"niss": ION, "surname": "Popescu", "birth_date": "1985-07-30", "replaced_by": JAN});
    desk.store.answer_late(ION).await;
    desk.put("/v1/register/persons", "application/x-ndjson", &format!("{replaced}\n")).await;
    let inscribed = desk.inscribe(ION, "2026-01-01", None).await;
    assert_eq!((&inscribed["niss"], &inscribed["remarks"][0]["code"]), (&json!(JAN), &json!("MSG00006")));
    assert_eq!(
        desk.done("/v1/register/consultations", json!({"niss": ION})).await["rows"].as_array().unwrap().len(),
        1
    );

    let restored = json!({"niss": ION, "surname": "Popescu", "birth_date": "1985-07-30"});
    desk.put("/v1/register/persons", "application/x-ndjson", &format!("{restored}\n")).await;
    desk.store.answer_late(ION).await;
    desk.put("/v1/register/persons", "application/x-ndjson", &format!("{replaced}\n")).await;
    let removed = desk.done("/v1/register/removals", json!({"niss": ION, "type": "PENSIONER"})).await;
    assert_eq!((removed["touched"].as_array().unwrap().len(), &removed["niss"]), (1, &json!(JAN)));
}

#[actix_rt::test]
async fn each_inscription_that_can_not_be_is_refused_with_its_kind_its_place_and_its_code() {
    let desk = Desk::open().await;
    let with = |changes: Value| {
        let mut body = json!({"niss": JAN, "type": "PENSIONER", "begin": "2026-01-01"});
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let cases: &[(Value, &str, &[&str], Option<&str>)] = &[
        (json!({"niss": "85073003329"}), "invalid-request", &["/niss"], None),
        (json!({"niss": "8507300332"}), "invalid-request", &["/niss"], None),
        (json!({"niss": "85.073.003328"}), "invalid-request", &["/niss"], None),
        (json!({"niss": 85_073_003_328_u64}), "invalid-request", &["/niss"], None),
        (json!({"niss": null, "type": null, "begin": null}), "invalid-request", &["/niss", "/type", "/begin"], None),
        (json!({"begin": "2026-01-02", "end": "2026-01-01"}), "invalid-request", &["/end"], None),
        (json!({"begin": "2026-02-30"}), "invalid-request", &["/begin"], None),
        (json!({"begin": "01/02/2026"}), "invalid-request", &["/begin"], None),
        (json!({"type": "A TYPE"}), "invalid-request", &["/type"], None),
        (json!({"color": "red"}), "invalid-request", &["/color"], None),
        (
            json!({"person": {"sex": "x", "birth_date": "1985-13", "surname": ""}}),
            "invalid-request",
            &["/person/surname", "/person/birth_date", "/person/sex"],
            None,
        ),
        (json!({"niss": UNKNOWN}), "unknown-niss", &["/niss"], Some("MSG00005")),
        (json!({"niss": NOBODY}), "cancelled-niss", &["/niss"], None),
        (json!({"niss": LATE, "begin": "2021-01-01"}), "deceased", &["/begin"], Some("MSG00009")),
        (json!({"type": "WORKER"}), "unknown-type", &["/type"], None),
        (json!({"begin": "1999-12-31"}), "type-not-valid", &["/begin"], None),
        (
            json!({"person": {"surname": "Janssens", "given_names": "Piet", "birth_date": "1985-07-31", "sex": "female"}}),
            "person-mismatch",
            &["/person/surname", "/person/given_names", "/person/birth_date", "/person/sex"],
            None,
        ),
    ];
    for (changes, slug, pointers, code) in cases {
        let answer = desk.post(ROWS, &with(changes.clone())).await;
        let (status, found, places, body) = refusal(answer).await;
        assert_eq!(
            (status, &*found, &places.iter().map(String::as_str).collect::<Vec<_>>()[..]),
            (422, *slug, *pointers),
            "{changes}"
        );
        assert_eq!(body["code"].as_str(), *code, "{body}");
        let text = body.to_string();
        for number in [JAN, UNKNOWN, NOBODY, LATE, "85073003329", "Janssens", "1985-07-31"] {
            assert!(!text.contains(number), "what was sent is not repeated: {text}");
        }
    }
    let wrong = refusal(desk.post(ROWS, &with(json!({"niss": "85073003329"}))).await).await.3;
    assert_eq!(wrong["errors"][0]["code"], "MSG00008");
    assert!(wrong["errors"][0]["detail"].as_str().unwrap().contains("last two digits"), "which part is wrong is said");
    assert_eq!(desk.get("/v1/register/counts").await["rows"], 0);
    let accepted = with(
        json!({"person": {"surname": "PEETERS", "given_names": "Jan", "birth_date": "1985-07-30", "sex": "male"}}),
    );
    desk.done(ROWS, accepted).await;
}

#[actix_rt::test]
async fn a_removal_shortens_cuts_in_two_or_takes_all_and_says_what_is_left() {
    let desk = Desk::open().await;
    desk.inscribe(JAN, "2026-01-01", None).await;
    let remove =
        |begin: Option<&str>, end: Option<&str>| json!({"niss": JAN, "type": "pensioner", "begin": begin, "end": end});
    let cut = desk.done("/v1/register/removals", remove(Some("2026-03-01"), Some("2026-03-31"))).await;
    assert_eq!(cut["touched"], json!([{"begin": "2026-01-01", "end": null}]));
    assert_eq!(
        cut["left"],
        json!([{"begin": "2026-01-01", "end": "2026-02-28"}, {"begin": "2026-04-01", "end": null}])
    );
    let shortened = desk.done("/v1/register/removals", remove(None, Some("2026-01-31"))).await;
    assert_eq!(shortened["left"], json!([{"begin": "2026-02-01", "end": "2026-02-28"}]));
    let all = desk.done("/v1/register/removals", remove(None, None)).await;
    assert_eq!((all["touched"].as_array().unwrap().len(), &all["left"]), (2, &json!([])));
    let nothing = desk.done("/v1/register/removals", remove(None, None)).await;
    assert_eq!(nothing["touched"], json!([]), "the same again is no mistake");
    let unknown = desk.post("/v1/register/removals", &json!({"niss": JAN, "type": "WORKER"})).await;
    assert_eq!(problem(unknown).await, (422, "unknown-type".to_owned()));
    // A number that the source has cancelled can still be removed.
    desk.done("/v1/register/removals", json!({"niss": NOBODY, "type": "PENSIONER"})).await;
}

#[actix_rt::test]
async fn rows_are_found_by_person_type_period_and_day_page_by_page_and_only_by_who_may() {
    let desk = Desk::open().await;
    for (niss, begin, end) in
        [(JAN, "2026-01-01", "2026-01-31"), (JAN, "2026-03-01", "2026-03-31"), (ION, "2026-01-15", "2026-06-30")]
    {
        desk.inscribe(niss, begin, Some(end)).await;
    }
    let cases = [
        (json!({}), 3),
        (json!({"niss": JAN}), 2),
        (json!({"type": "pensioner"}), 3),
        (json!({"type": "WORKER"}), 0),
        (json!({"on": "2026-01-31"}), 2),
        (json!({"on": "2026-02-01"}), 1),
        (json!({"niss": JAN, "on": "2026-02-01"}), 0),
        (json!({"begin": "2026-01-31", "end": "2026-03-01"}), 3),
        (json!({"end": "2026-01-01"}), 1),
        (json!({"begin": "2026-04-01"}), 1),
        (json!({"niss": UNKNOWN}), 0),
    ];
    for (asked, count) in cases {
        let found = desk.done("/v1/register/consultations", asked.clone()).await;
        assert_eq!(found["rows"].as_array().unwrap().len(), count, "{asked}");
    }
    let mut asked = json!({"limit": 1});
    let mut seen = vec![];
    loop {
        let page = desk.done("/v1/register/consultations", asked.clone()).await;
        seen.extend(page["rows"].as_array().unwrap().clone());
        if page["next"].is_null() {
            break;
        }
        let place = page["next"].as_str().unwrap();
        assert!(!place.contains("850730") && place.starts_with("rows_"), "a place tells no number");
        asked["after"] = place.into();
    }
    assert_eq!(seen.len(), 3);
    let borrowed = desk.ask_as(OTHERS, Method::POST, "/v1/register/consultations").json(&asked).send().await.unwrap();
    assert_eq!(refusal(borrowed).await.2, ["/after"], "a place is its owner's");

    let others = |body: Value| desk.ask_as(OTHERS, Method::POST, "/v1/register/consultations").json(&body).send();
    let found: Value = others(json!({"owner": "0403019261", "type": "PENSIONER"})).await.unwrap().json().await.unwrap();
    assert_eq!((found["rows"].as_array().unwrap().len(), &found["owner"]), (3, &json!("0403019261")));
    let own: Value = others(json!({})).await.unwrap().json().await.unwrap();
    assert_eq!(own["rows"], json!([]), "one's own register is one's own");
    for (asked, told) in [
        (json!({"owner": "0403019261", "type": "WORKER"}), (403, "no-right")),
        (json!({"owner": "0308357159", "type": "PENSIONER"}), (403, "no-right")),
        (json!({"owner": "0403019261"}), (422, "invalid-request")),
        (json!({"on": "2026-01-01", "begin": "2026-01-01"}), (422, "invalid-request")),
        (json!({"limit": 0}), (422, "invalid-request")),
        (json!({"limit": 1001}), (422, "invalid-request")),
        (json!({"limit": 1.5}), (422, "invalid-request")),
        (json!({"after": "rows_AAAA"}), (422, "invalid-request")),
    ] {
        let answer = problem(others(asked.clone()).await.unwrap()).await;
        assert_eq!((answer.0, &*answer.1), told, "{asked}");
    }
}

#[actix_rt::test]
async fn nobody_asks_about_persons_without_a_legal_context_or_with_a_key_that_may_not() {
    let desk = Desk::open().await;
    let body = json!({"niss": JAN, "type": "PENSIONER", "begin": "2026-01-01"});
    let long = "x".repeat(65);
    for context in [None, Some("two words"), Some(&*long)] {
        let mut request = desk.face.ask(Method::POST, ROWS).json(&body);
        if let Some(context) = context {
            request = request.header("Legal-Context", context);
        }
        assert_eq!(problem(request.send().await.unwrap()).await, (400, "legal-context".to_owned()), "{context:?}");
    }
    let twice = desk.ask(Method::POST, ROWS).header("Legal-Context", "B").json(&body).send().await.unwrap();
    assert_eq!(problem(twice).await.1, "legal-context");
    let reference = desk.ask(Method::POST, ROWS).header("X-Correlation-Id", &long).json(&body).send().await.unwrap();
    assert_eq!(problem(reference).await.1, "invalid-correlation-id");
    desk.ask(Method::POST, ROWS).header("X-Correlation-Id", "T-17").json(&body).send().await.unwrap();
    assert_eq!(desk.store.last().await.access.ticket.as_deref(), Some("T-17"));
    // What is not about persons needs none.
    assert_eq!(desk.face.ask(Method::GET, "/v1/register/counts").send().await.unwrap().status(), 200);
    for (key, told) in
        [("est_live_wrong", (401, "unauthorized")), (TEST, (403, "test-key")), (STRANGER, (403, "unknown-institution"))]
    {
        let answer = problem(desk.ask_as(key, Method::POST, ROWS).json(&body).send().await.unwrap()).await;
        assert_eq!((answer.0, &*answer.1), told, "{key}");
    }
    let off = Http::over(desk.world.broker.clone(), vec![]);
    for path in ["/v1/register/types", "/v1/register/counts", "/v1/register/audit"] {
        assert_eq!(
            problem(off.ask_as(KEY, Method::GET, path).send().await.unwrap()).await,
            (404, "register-off".to_owned())
        );
    }
    let method = desk.ask(Method::DELETE, ROWS).send().await.unwrap();
    assert_eq!(problem(method).await.0, 405);
}

#[actix_rt::test]
async fn each_trouble_of_a_part_has_its_own_answer() {
    let desk = Desk::open().await;
    let body = json!({"niss": JAN, "type": "PENSIONER", "begin": "2026-01-01"});
    let cases = [
        (Trouble::Overloaded, (503, "overloaded")),
        (Trouble::ReadOnly("no room".to_owned()), (503, "read-only")),
        (Trouble::Unreadable("a page".to_owned()), (500, "unreadable")),
        (Trouble::SourceAway, (503, "source-away")),
        (Trouble::TooManyRows(9), (409, "too-many-rows")),
        (Trouble::NotFound, (404, "not-found")),
        (Trouble::Conflict("not now"), (409, "conflict")),
        (Trouble::Refused("not so".to_owned()), (422, "source-refuses")),
    ];
    for (trouble, told) in cases {
        desk.store.source_is_in(Some(trouble));
        let answer = desk.post(ROWS, &body).await;
        assert_eq!(answer.headers().contains_key("retry-after"), told.0 == 503, "{told:?}");
        let answer = problem(answer).await;
        assert_eq!((answer.0, &*answer.1), told);
    }
}

#[actix_rt::test]
async fn a_type_is_defined_changed_and_told_and_each_mistake_in_it_is_named() {
    let desk = Desk::open().await;
    let all = desk.get("/v1/register/types").await;
    assert_eq!((all["types"].as_array().unwrap().len(), &all["types"][0]["code"]), (1, &json!("PENSIONER")));
    let one = desk.get("/v1/register/types/PENSIONER").await;
    assert_eq!(
        (&one["valid_from"], &one["valid_until"], &one["names"]["nl"]),
        (&json!("2000-01-01"), &Value::Null, &json!("Gepensioneerde"))
    );
    let put = |path: &str, body: &Value| desk.ask(Method::PUT, path).json(body).send();
    let mut body = json!({"names": one["names"], "valid_until": "2030-12-31"});
    let changed: Value = put("/v1/register/types/PENSIONER", &body).await.unwrap().json().await.unwrap();
    assert_eq!(
        (&changed["rights"], &changed["valid_from"]),
        (&json!([]), &Value::Null),
        "what is left out is so no more"
    );
    body["names"]["de"] = Value::Null;
    assert_eq!(refusal(put("/v1/register/types/A", &body).await.unwrap()).await.2, ["/names/de"]);
    for path in ["/v1/register/types/WORKER", "/v1/register/types/%C3%A9"] {
        assert_eq!(problem(desk.ask(Method::GET, path).send().await.unwrap()).await, (404, "not-found".to_owned()));
    }
    let others: Value =
        desk.ask_as(OTHERS, Method::GET, "/v1/register/types").send().await.unwrap().json().await.unwrap();
    assert_eq!(others["types"], json!([]));
}

#[actix_rt::test]
async fn a_hundred_that_inscribe_at_once_leave_what_one_after_the_other_would() {
    let desk = Desk::open().await;
    let days = (1..=100).map(|n| async move { n });
    let calls = days.map(|n| async {
        let n = n.await;
        let (begin, end) = (
            jiff::civil::date(2026, 1, 1),
            jiff::civil::date(2026, 1, 1).checked_add(jiff::Span::new().days(n)).unwrap(),
        );
        let begin = if n % 2 == 0 { begin } else { end.yesterday().unwrap() };
        desk.inscribe(JAN, &begin.to_string(), Some(&end.to_string())).await
    });
    futures_util::future::join_all(calls).await;
    let found = desk.done("/v1/register/consultations", json!({"niss": JAN})).await;
    assert_eq!(found["rows"], json!([{"niss": JAN, "type": "PENSIONER", "begin": "2026-01-01", "end": "2026-04-11"}]));
}
