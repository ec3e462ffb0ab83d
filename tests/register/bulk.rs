//! Rows by the thousand: imported, exported, imported again.
use std::fmt::Write as _;

use estafette::api::Settings;
use estafette::store::register::PERSON_ROWS;
use estafette_actors::domain::niss::Niss;
use estafette_actors::ports::register::{Deed, Trouble};
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{OTHERS, problem};
use crate::desk::{Desk, ION, JAN, LATE, NOBODY, OLD, UNKNOWN};

const IMPORT: &str = "/v1/register/rows/import";

/// Right numbers of the year 1950.
fn numbers(count: usize) -> Vec<String> {
    let all = (1..=12).flat_map(|month| (1..=28).flat_map(move |day| (1..=997).map(move |n| (month, day, n))));
    let right = all.map(|(month, day, n)| {
        let nine = 500_000_000 + (month * 100 + day) * 1_000 + n;
        format!("{nine:09}{:02}", 97 - nine % 97)
    });
    let right: Vec<String> = right.take(count).collect();
    assert!(right.iter().all(|text| Niss::parse(text, jiff::civil::date(2026, 1, 1)).is_ok()));
    right
}

#[actix_rt::test]
async fn a_report_names_each_bad_line_its_field_and_what_to_do_and_never_a_value() {
    let desk = Desk::open().await;
    let csv = format!(
        "niss,type,begin,end,surname,sex\r\n\
         {JAN},PENSIONER,2026-01-01,,peeters,male\r\n\
         {OLD},pensioner,2026-02-01,2026-02-28,,\r\n\
         85073003329,PENSIONER,2026-01-01,,,\r\n\
         {UNKNOWN},PENSIONER,2026-01-01,,,\r\n\
         {NOBODY},PENSIONER,2026-01-01,,,\r\n\
         {LATE},PENSIONER,2021-01-01,,,\r\n\
         {LATE},PENSIONER,2020-01-01,,,\r\n\
         {ION},PENSIONER,2026-01-01,,Janssens,\r\n\
         {ION},WORKER,2026-01-01,,,\r\n\
         {ION},PENSIONER,1990-01-01,,,\r\n\
         {ION},PENSIONER,2026-02-01,2026-01-01,,\r\n\
         {ION},PENSIONER,,2026-01-01,,\r\n\
         {ION},PENSIONER\r\n\
         {ION},PENSIONER,2026-01-01,,,unknown\r\n"
    );
    let kept = desk.upload(&format!("{IMPORT}?on_error=keep"), "text/csv", &csv).await;
    let kept: Value = kept.json().await.unwrap();
    let errors = kept["errors"].as_array().unwrap().iter();
    let errors: Vec<_> = errors
        .map(|one| (one["line"].as_u64().unwrap(), one["column"].as_str().unwrap(), one["code"].as_str()))
        .collect();
    let told = [
        (4, "niss", Some("MSG00008")),
        (5, "niss", Some("MSG00005")),
        (6, "niss", None),
        (7, "begin", Some("MSG00009")),
        (9, "surname", None),
        (10, "type", None),
        (11, "begin", None),
        (12, "end", None),
        (13, "begin", None),
        (14, "", None),
        (15, "sex", None),
    ];
    assert_eq!(errors, told);
    let count = |name: &str| kept[name].as_u64().unwrap();
    assert_eq!(
        [count("accepted"), count("added"), count("covered"), count("replaced"), count("deceased")],
        [3, 2, 1, 1, 1]
    );
    let text = kept.to_string();
    for value in [JAN, ION, "85073003329", UNKNOWN, "Janssens", "WORKER"] {
        assert!(!text.contains(value), "{text}");
    }
    let refused =
        desk.store.deeds().await.into_iter().filter(|(deed, outcome)| *deed == Deed::Import && outcome == "mismatch");
    assert_eq!(refused.count(), 1, "what was refused is in the trail");
}

#[actix_rt::test]
async fn one_bad_line_refuses_all_unless_the_others_are_to_be_kept() {
    let desk = Desk::open().await;
    let lines = format!(
        "{}\n{}\n",
        json!({"niss": JAN, "type": "PENSIONER", "begin": "2026-01-01"}),
        json!({"niss": UNKNOWN, "type": "PENSIONER", "begin": "2026-01-01"}),
    );
    let refused = desk.upload(IMPORT, "application/x-ndjson", &lines).await;
    assert_eq!(refused.status(), 422);
    let refused: Value = refused.json().await.unwrap();
    assert_eq!(
        (refused["rows"]["refused"].as_u64(), refused["rows"]["errors"][0]["line"].as_u64()),
        (Some(1), Some(2))
    );
    assert_eq!(desk.get("/v1/register/counts").await["rows"], 0);
    for (path, media_type, body, told) in [
        (IMPORT, "text/plain", "x", (415, "unsupported-media-type")),
        (IMPORT, "text/csv", "niss,type\n", (422, "invalid-header")),
        (IMPORT, "text/csv", "", (422, "invalid-header")),
        ("/v1/register/rows/import?on_error=skip", "text/csv", "", (400, "invalid-query")),
        ("/v1/register/rows/import?persons=no", "text/csv", "", (400, "invalid-query")),
        ("/v1/register/rows/import?dry=1", "text/csv", "", (400, "invalid-query")),
    ] {
        let answer = problem(desk.upload(path, media_type, body).await).await;
        assert_eq!((answer.0, &*answer.1), told, "{path} {media_type}");
    }
    let trusting = desk.ask_as(OTHERS, Method::POST, "/v1/register/rows/import?persons=trust");
    let trusting = trusting.header("Content-Type", "text/csv").body("niss,type,begin\n").send().await.unwrap();
    assert_eq!(problem(trusting).await, (403, "operator-only".to_owned()));
    let empty = desk.upload(IMPORT, "application/x-ndjson", "").await.json::<Value>().await.unwrap();
    assert_eq!((&empty["accepted"], &empty["refused"]), (&json!(0), &json!(0)));
}

#[actix_rt::test]
async fn a_row_is_never_imported_for_a_number_that_was_replaced_however_short_before() {
    let desk = Desk::open().await;
    let replaced = json!({"niss": ION, "surname": "Popescu", "birth_date": "1985-07-30", "replaced_by": JAN});
    desk.store.answer_late(ION).await;
    desk.put("/v1/register/persons", "application/x-ndjson", &format!("{replaced}\n")).await;
    let csv = format!("niss,type,begin\n{LATE},PENSIONER,2020-01-01\n{ION},PENSIONER,2026-01-01\n");
    let told: Value = desk.upload(IMPORT, "text/csv", &csv).await.json().await.unwrap();
    assert_eq!((&told["added"], &told["refused"]), (&json!(2), &json!(0)), "{told}");
    let found = desk.done("/v1/register/consultations", json!({"niss": ION})).await;
    assert_eq!(found["rows"][0]["niss"], JAN);
    // Who looks no number up is told.
    let trusting: Value = desk.upload(&format!("{IMPORT}?persons=trust"), "text/csv", &csv).await.json().await.unwrap();
    assert_eq!((&trusting["covered"], &trusting["refused"]), (&json!(1), &json!(1)), "{trusting}");
    assert_eq!(trusting["errors"][0]["line"], 3);
    assert!(trusting["errors"][0]["detail"].as_str().unwrap().contains("was replaced"), "{trusting}");
}

#[actix_rt::test]
async fn what_is_exported_can_be_imported_again_and_changes_nothing() {
    let desk = Desk::open().await;
    let mut csv = "niss,type,begin,end\n".to_owned();
    for niss in numbers(10_000) {
        let _ = writeln!(csv, "{niss},PENSIONER,2026-01-01,2026-12-31");
    }
    let imported: Value = desk.upload(&format!("{IMPORT}?persons=trust"), "text/csv", &csv).await.json().await.unwrap();
    assert_eq!((&imported["added"], &imported["refused"]), (&json!(10_000), &json!(0)), "{imported}");
    let unknown: Value = desk.upload(&format!("{IMPORT}?on_error=keep"), "text/csv", &csv).await.json().await.unwrap();
    assert_eq!(
        (&unknown["refused"], unknown["errors"].as_array().unwrap().len()),
        (&json!(10_000), 1_000),
        "described up to a bound"
    );
    let export = |accept: &'static str| {
        desk.ask(Method::GET, "/v1/register/rows/export?on=2026-06-01").header("Accept", accept).send()
    };
    let text = export("text/csv").await.unwrap().text().await.unwrap();
    assert_eq!(text.lines().count(), 10_001);
    assert_eq!(text.replace("\r\n", "\n"), csv);
    let lines = export("application/x-ndjson").await.unwrap().text().await.unwrap();
    let again: Value =
        desk.upload(&format!("{IMPORT}?persons=trust"), "application/x-ndjson", &lines).await.json().await.unwrap();
    assert_eq!((&again["covered"], &again["added"]), (&json!(10_000), &json!(0)));
    let none = desk.ask(Method::GET, "/v1/register/rows/export?end=2025-12-31").send().await.unwrap();
    assert_eq!(none.text().await.unwrap(), "");
    for path in [
        "/v1/register/rows/export?niss=85073003328",
        "/v1/register/rows/export?begin=2026-02-01&end=2026-01-01",
        "/v1/register/rows/export?on=x",
    ] {
        let refused = problem(desk.ask(Method::GET, path).send().await.unwrap()).await;
        assert_eq!(refused, (400, "invalid-query".to_owned()), "{path}");
    }
    assert_eq!(problem(export("image/png").await.unwrap()).await.0, 406);
    assert_eq!(desk.store.last().await.deed, Deed::Export);
}

#[actix_rt::test]
async fn a_person_with_too_many_rows_costs_one_line_and_no_batch() {
    let desk = Desk::open().await;
    let mut csv = "niss,type,begin,end\n".to_owned();
    for (place, niss) in numbers(100).into_iter().enumerate() {
        let _ = writeln!(csv, "{niss},PENSIONER,2026-01-01,2026-01-01");
        if place == 40 {
            // One row is there, and every second day one more.
            for days in 1..=PERSON_ROWS as i64 + 1 {
                let day = jiff::civil::date(2026, 1, 1).checked_add(jiff::Span::new().days(2 * days)).unwrap();
                let _ = writeln!(csv, "{niss},PENSIONER,{day},{day}");
            }
        }
    }
    let told: Value =
        desk.upload(&format!("{IMPORT}?persons=trust&on_error=keep"), "text/csv", &csv).await.json().await.unwrap();
    assert_eq!((&told["added"], &told["refused"]), (&json!(100 - 1 + PERSON_ROWS), &json!(2)), "{told}");
    assert_eq!(
        told["errors"].as_array().unwrap().iter().map(|one| one["line"].as_u64().unwrap()).collect::<Vec<_>>(),
        [PERSON_ROWS as u64 + 42, PERSON_ROWS as u64 + 43]
    );
    assert!(told["errors"][0]["detail"].as_str().unwrap().contains("remove some first"));
}

#[actix_rt::test]
async fn a_part_in_trouble_ends_an_import_with_its_problem() {
    let desk = Desk::open().await;
    let line = format!("{}\n", json!({"niss": JAN, "type": "PENSIONER", "begin": "2026-01-01"}));
    desk.store.source_is_in(Some(Trouble::SourceAway));
    let answer = problem(desk.upload(IMPORT, "application/x-ndjson", &line).await).await;
    assert_eq!((answer.0, &*answer.1), (503, "source-away"));
    desk.store.source_is_in(None);
    desk.store.dossiers.close();
    let answer = problem(desk.upload(IMPORT, "application/x-ndjson", &line).await).await;
    assert_eq!((answer.0, &*answer.1), (503, "read-only"));
}

#[actix_rt::test]
async fn an_export_that_meets_a_damaged_record_does_not_end_well() {
    let desk = Desk::open().await;
    desk.store.damage("0403019261").await;
    let export = || desk.ask(Method::GET, "/v1/register/rows/export").send();
    assert_eq!(problem(export().await.unwrap()).await, (500, "unreadable".to_owned()));
    let mut csv = "niss,type,begin\n".to_owned();
    for niss in numbers(2_500) {
        let _ = writeln!(csv, "{niss},PENSIONER,2026-01-01");
    }
    desk.upload(&format!("{IMPORT}?persons=trust"), "text/csv", &csv).await;
    let answer = export().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.is_err(), "an export that is not whole does not end well");
}

#[actix_rt::test]
async fn an_upload_above_the_bound_is_refused() {
    let desk = Desk::empty(Settings { upload_bytes: 1_000, ..Settings::default() });
    let answer = desk.upload(IMPORT, "application/x-ndjson", &" ".repeat(2_000)).await;
    assert_eq!(problem(answer).await, (413, "too-large".to_owned()));
}
