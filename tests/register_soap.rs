//! The register's SOAP face over real sockets, over a register on disk in a temporary folder: each operation, each fault, and all
//! bad input that it has to stand.
#![allow(clippy::unwrap_used)] // a failed step fails the test
#[path = "../actors/tests/support/mod.rs"]
mod support;

mod api;

#[path = "register_soap/client.rs"]
mod client;
#[path = "register_soap/refusals.rs"]
mod refusals;
#[path = "register/store.rs"]
mod store;

use api::Face;
use base64::Engine as _;
use client::{Answer, call};
use estafette::api::Settings;
use estafette_actors::delivery;
use estafette_actors::domain::dossier::Code;
use estafette_actors::domain::mutation::{Change, FIELDS};
use estafette_actors::domain::niss::Niss;
use estafette_actors::nursery::Budget;
use estafette_actors::ports::register::{Access, Deed, Face as Over, Mutations as _, Trouble};
use jiff::civil::date;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use store::{ION, JAN, LATE, NOBODY, OLD, PERSONS, Store, UNKNOWN};
use support::World;

const OWNER: &str = "0403019261";

/// With persons and three types: one that was valid until 2009, one, and one that the other institution may consult.
async fn face() -> (Face, Store, World) {
    let (store, world) = (Store::empty(), World::new(vec![], delivery::Settings::default(), Budget::default()));
    let face = Face::keeping(world.broker.clone(), store.register(), Settings::default());
    taken(rest(&face, Method::PUT, "persons").header("content-type", "text/csv").body(PERSONS)).await;
    for (code, until, rights) in [
        ("OLD", json!("2009-12-31"), json!([])),
        ("PENSION", Value::Null, json!([])),
        ("SHARED", Value::Null, json!([{"partner": "0206731645", "consult": true}])),
    ] {
        let names = json!({"fr": "A role", "nl": "A role", "de": "A role", "en": "A role"});
        let definition = json!({"names": names, "valid_until": until, "rights": rights});
        taken(rest(&face, Method::PUT, &format!("types/{code}")).json(&definition)).await;
    }
    (face, store, world)
}

fn rest(face: &Face, method: Method, path: &str) -> RequestBuilder {
    face.ask(method, &format!("/v1/register/{path}")).header("Legal-Context", "LAW:1990")
}

async fn taken(request: RequestBuilder) {
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

/// Two days on each of which something is told of somebody in the register, and their files.
async fn two_files(face: &Face, store: &Store) {
    call(face, "Inscribe", &row(JAN, "OLD", "2009-01-01", "2009-12-31")).await;
    taken(rest(face, Method::PUT, "subscriptions/DIMONA").json(&json!({}))).await;
    for says in ["in", "out"] {
        let event = format!("{}\n", json!({"niss": JAN, "on": "2009-06-01", "kind": "DIMONA", "says": {"what": says}}));
        taken(rest(face, Method::POST, "events").header("content-type", "application/x-ndjson").body(event)).await;
        store.end_day().await;
    }
}

/// Who changed rows or persons, over this face.
async fn changed(store: &Store) -> Vec<Access> {
    let changing = [Deed::Inscribe, Deed::Remove, Deed::Create, Deed::Correct, Deed::Confirm];
    let is_done = |outcome: &str| outcome == "done" || outcome == "covered";
    let lines = store.lines().await.into_iter();
    let changes = lines.filter(|line| changing.contains(&line.deed) && is_done(&line.outcome));
    changes.map(|line| line.access).filter(|access| access.face == Over::Soap).collect()
}

fn row(ssin: &str, code: &str, begin: &str, end: &str) -> String {
    let end = if end.is_empty() { String::new() } else { format!("<endDate>{end}</endDate>") };
    format!("<ssin>{ssin}</ssin><dossierType>{code}</dossierType><period><beginDate>{begin}</beginDate>{end}</period>")
}

fn status(value: &str, code: &str) -> (String, String) {
    (value.to_owned(), code.to_owned())
}

#[actix_rt::test]
async fn periods_are_inscribed_merged_and_covered_and_who_asked_and_why_is_passed_on() {
    let (face, store, _world) = face().await;
    let added = call(&face, "Inscribe", &row(JAN, "pension", "2026-01-01", "2026-01-31")).await;
    assert_eq!(added.status(), status("OK", "MSG00000"));
    assert_eq!(added.one("outcome"), "ADDED");
    let access = changed(&store).await.pop().unwrap();
    assert_eq!((&*access.legal_context, access.ticket.as_deref(), access.face), ("LAW:1990", Some("t-1"), Over::Soap));
    assert_eq!(&*access.key, "k");

    let merged = call(&face, "Inscribe", &row(JAN, "PENSION", "2026-01-20", "")).await;
    assert_eq!(
        (merged.one("outcome").as_str(), merged.one("merged").as_str()),
        ("MERGED", "<beginDate>2026-01-01</beginDate><endDate>2026-01-31</endDate>")
    );
    assert!(merged.one("inscription").contains("<period><beginDate>2026-01-01</beginDate></period>"));
    let covered = call(&face, "Inscribe", &row(JAN, "PENSION", "2026-03-01", "2026-03-31")).await;
    assert_eq!(covered.status(), status("OK", "MSG00000"));
    assert_eq!(covered.anomalies(), [status("REG00007", "WARNING")]);
    assert_eq!(covered.one("outcome"), "COVERED");
    assert_eq!(store.periods(OWNER, JAN, "PENSION").await.len(), 1);
}

#[actix_rt::test]
async fn what_is_said_of_a_person_is_compared_and_what_differs_is_named_without_its_value() {
    let (face, store, _world) = face().await;
    let said = |person: &str| format!("{}<person>{person}</person>", row(JAN, "PENSION", "2026-01-01", ""));
    let differs = call(
        &face,
        "Inscribe",
        &said("<lastName>Janssens</lastName><firstName>Jan</firstName><birthDate>1985-07-31</birthDate>"),
    )
    .await;
    assert_eq!(differs.status(), status("NOK", "REG00002"));
    assert_eq!(differs.anomalies(), [status("REG00002", "FATAL")]);
    assert_eq!(&differs.all("fieldName")[..2], ["lastName", "birthDate"]);
    assert!(!differs.text.contains("Peeters") && !differs.text.contains("Janssens"), "{}", differs.text);
    assert!(changed(&store).await.is_empty());
    let same = call(
        &face,
        "Inscribe",
        &said("<lastName>peeters</lastName><birthDate>1985-07-30</birthDate><gender>MALE</gender>"),
    )
    .await;
    assert_eq!(same.status(), status("OK", "MSG00000"));
}

#[actix_rt::test]
async fn each_thing_that_the_register_refuses_has_its_code_and_changes_nothing() {
    let (face, store, _world) = face().await;
    two_files(&face, &store).await;
    let done = changed(&store).await.len();
    let all = [
        ("Inscribe", row(UNKNOWN, "PENSION", "2026-01-01", ""), "MSG00005"),
        ("Inscribe", row("85073003329", "PENSION", "2026-01-01", ""), "MSG00008"),
        ("Inscribe", row("85133003328", "PENSION", "2026-01-01", ""), "MSG00008"),
        ("Inscribe", row(LATE, "PENSION", "2026-01-01", ""), "MSG00009"),
        ("Inscribe", row(NOBODY, "PENSION", "2026-01-01", ""), "REG00001"),
        ("Inscribe", row(JAN, "NONE", "2026-01-01", ""), "REG00003"),
        ("Inscribe", row(JAN, "OLD", "2009-12-01", ""), "REG00004"),
        ("Inscribe", row(JAN, "PENSION", "2026-01-02", "2026-01-01"), "REG00010"),
        ("Remove", row(JAN, "PENSION", "2026-01-02", "2026-01-01"), "REG00010"),
        ("Remove", row(JAN, "NONE", "2026-01-01", ""), "REG00003"),
        ("Remove", row("85073003329", "PENSION", "2026-01-01", ""), "MSG00008"),
        ("UpdatePerson", format!("<ssin>{JAN}</ssin><person><lastName>A</lastName></person>"), "REG00005"),
        ("UpdatePerson", format!("<ssin>{UNKNOWN}</ssin><person><lastName>A</lastName></person>"), "MSG00005"),
        ("UpdatePerson", format!("<ssin>{ION}</ssin><person/>"), "REG00018"),
        (
            "CreatePerson",
            "<person><lastName>A</lastName><birthDate>1985-02-30</birthDate></person>".to_owned(),
            "REG00011",
        ),
        (
            "CreatePerson",
            "<person><lastName>A</lastName><birthDate>1985-00-30</birthDate></person>".to_owned(),
            "REG00011",
        ),
        ("ConfirmMutations", "<sequence>2</sequence>".to_owned(), "REG00013"),
        ("ConfirmMutations", "<sequence>9</sequence>".to_owned(), "REG00012"),
    ];
    for (operation, inside, code) in all {
        let answer = call(&face, operation, &inside).await;
        assert_eq!(answer.status(), status("NOK", code), "{operation} {inside}");
        assert_eq!(answer.anomalies(), [status(code, "FATAL")]);
    }
    assert_eq!(changed(&store).await.len(), done);
    for (operation, inside, code) in [
        ("Consult", "<ssin>85073003329</ssin>".to_owned(), "MSG00008"),
        ("Consult", "<register><cbeNumber>0206731645</cbeNumber></register>".to_owned(), "REG00006"),
        ("Consult", "<register><cbeNumber>1000000055</cbeNumber></register>".to_owned(), "REG00017"),
        ("Consult", "<after>AAAA</after>".to_owned(), "REG00016"),
        (
            "SearchPerson",
            "<person><lastName>A</lastName><birthDate>1985-13-01</birthDate></person>".to_owned(),
            "REG00011",
        ),
        ("FetchMutations", "<sequence>9</sequence>".to_owned(), "REG00012"),
    ] {
        assert_eq!(call(&face, operation, &inside).await.status(), status("NO_RESULT", code), "{operation} {inside}");
    }
    assert_eq!(
        call(&face, "Inscribe", &row("85073003329", "PENSION", "2026-01-01", "")).await.one("fieldValue"),
        "check_digits"
    );
    assert_eq!(
        call(&face, "Inscribe", &row("85133003328", "PENSION", "2026-01-01", "")).await.one("fieldValue"),
        "month"
    );
}

#[actix_rt::test]
async fn a_replaced_number_is_followed_with_a_warning_that_names_the_one_that_counts() {
    let (face, store, _world) = face().await;
    let answer = call(&face, "Inscribe", &row(OLD, "PENSION", "2026-01-01", "")).await;
    assert_eq!(answer.status(), status("OK", "MSG00000"));
    assert_eq!(answer.anomalies(), [status("MSG00006", "WARNING")]);
    assert_eq!((answer.one("fieldValue"), answer.all("ssin").pop().unwrap()), (JAN.to_owned(), JAN.to_owned()));
    assert_eq!(store.periods(OWNER, JAN, "PENSION").await.len(), 1);
    let found = call(&face, "Consult", &format!("<ssin>{OLD}</ssin>")).await;
    assert_eq!(
        (found.status(), found.anomalies()),
        (status("DATA_FOUND", "MSG00000"), vec![status("MSG00006", "WARNING")])
    );
    let died = call(&face, "Inscribe", &row(LATE, "PENSION", "2020-02-01", "")).await;
    assert_eq!((died.status(), died.anomalies()), (status("OK", "MSG00000"), vec![status("MSG00009", "WARNING")]));
    assert_eq!(died.one("fieldValue"), "2020-12-31");
}

#[actix_rt::test]
async fn rows_are_removed_whole_or_in_part_and_what_is_left_is_told() {
    let (face, _store, _world) = face().await;
    call(&face, "Inscribe", &row(JAN, "PENSION", "2026-01-01", "2026-12-31")).await;
    let cut = call(&face, "Remove", &row(JAN, "PENSION", "2026-03-01", "2026-03-31")).await;
    assert_eq!(cut.status(), status("OK", "MSG00000"));
    assert_eq!(cut.all("touched").len(), 1);
    assert_eq!(
        cut.all("left"),
        [
            "<beginDate>2026-01-01</beginDate><endDate>2026-02-28</endDate>",
            "<beginDate>2026-04-01</beginDate><endDate>2026-12-31</endDate>"
        ]
    );
    let rest = call(&face, "Remove", &format!("<ssin>{JAN}</ssin><dossierType>PENSION</dossierType>")).await;
    assert_eq!((rest.all("touched").len(), rest.all("left").len()), (2, 0));
    let none = call(&face, "Consult", "").await;
    assert_eq!(none.status(), status("NO_DATA_FOUND", "REG00009"));
}

#[actix_rt::test]
async fn rows_are_consulted_page_by_page_and_anothers_only_with_the_right_to() {
    let (face, _store, _world) = face().await;
    for month in 1..=5 {
        call(&face, "Inscribe", &row(JAN, "SHARED", &format!("2026-{month:02}-01"), &format!("2026-{month:02}-10")))
            .await;
    }
    let (mut after, mut seen) = (String::new(), vec![]);
    for _ in 0..3 {
        let page = call(&face, "Consult", &format!("<dossierType>SHARED</dossierType>{after}<limit>2</limit>")).await;
        assert_eq!(page.status(), status("DATA_FOUND", "MSG00000"));
        seen.extend(page.all("row"));
        after = page.all("next").pop().map(|next| format!("<after>{next}</after>")).unwrap_or_default();
    }
    assert_eq!((seen.len(), after.as_str()), (5, ""));
    let first = call(&face, "Consult", "<dossierType>SHARED</dossierType><limit>2</limit>").await.one("next");
    let other = call(&face, "Consult", &format!("<after>{first}</after><limit>2</limit>")).await;
    assert_eq!(other.status(), status("NO_RESULT", "REG00016"), "of another question");
    let at = "<period><beginDate>2026-02-05</beginDate><endDate>2026-03-01</endDate></period>";
    assert_eq!(call(&face, "Consult", at).await.all("row").len(), 2);

    let partner = |inside: &str| {
        let body = client::envelope("Consult", inside)
            .replace("<cbeNumber>0403019261</cbeNumber></cust", "<cbeNumber>0206731645</cbeNumber></cust");
        client::post(&face, body).header("authorization", "")
    };
    let ask = |inside: &str| {
        let request = partner(inside).build().unwrap();
        let mut request = request;
        request.headers_mut().insert("authorization", format!("Bearer {}", api::OTHERS).parse().unwrap());
        let client = face.client.clone();
        async move { Answer::of(client.execute(request).await.unwrap()).await }
    };
    let of = "<register><cbeNumber>0403019261</cbeNumber></register>";
    assert_eq!(ask(&format!("{of}<dossierType>SHARED</dossierType>")).await.all("row").len(), 5);
    assert_eq!(ask(&format!("{of}<dossierType>PENSION</dossierType>")).await.status(), status("NO_RESULT", "REG00006"));
    assert_eq!(ask(of).await.status(), status("NO_RESULT", "REG00006"));
}

#[actix_rt::test]
async fn persons_are_searched_created_and_corrected() {
    let (face, _store, _world) = face().await;
    let found = call(
        &face,
        "SearchPerson",
        "<person><lastName>peeters</lastName><firstName>Jan</firstName></person><limit>5</limit>",
    )
    .await;
    assert_eq!(found.status(), status("DATA_FOUND", "MSG00000"));
    assert_eq!(found.all("hit").len(), 1, "who is found has a number that counts");
    assert!(
        found.text.contains("<birthDate>1985-07-30</birthDate><gender>MALE</gender><language>NL</language>"),
        "{}",
        found.text
    );
    let nobody =
        call(&face, "SearchPerson", "<person><lastName>Zzz</lastName></person><birthYears>10</birthYears>").await;
    assert_eq!(nobody.status(), status("NO_DATA_FOUND", "REG00009"));

    let person =
        "<person><lastName>Peeters</lastName><firstName>Jan</firstName><birthDate>1985-00-00</birthDate></person>";
    let alike = call(&face, "CreatePerson", person).await;
    assert_eq!((alike.status(), alike.all("alike").len()), (status("NOK", "REG00008"), 1));
    let created = call(&face, "CreatePerson", &format!("{person}<althoughAlike>true</althoughAlike>")).await;
    assert_eq!((created.status(), &created.one("ssin")[..6]), (status("OK", "MSG00000"), "852000"));
    let more = call(&face, "CreatePerson", &format!("{person}<althoughAlike>true</althoughAlike>")).await;
    assert_ne!(more.one("ssin"), created.one("ssin"));
    let letters = "<person><lastName>Жуков</lastName><birthDate>1985-00-00</birthDate></person>";
    let refused = call(&face, "CreatePerson", letters).await;
    assert_eq!(refused.status(), status("NOK", "REG00014"), "what the source says against it");

    let changed = call(&face, "UpdatePerson", &format!("<ssin>{ION}</ssin><person><lastName>D'Hoore &amp; Fils</lastName><firstName>Ann &amp; &#233;</firstName><deceasedDate>2026-11-01</deceasedDate></person>")).await;
    assert_eq!(changed.status(), status("OK", "MSG00000"));
    assert!(
        changed.one("person").contains("<lastName>D'Hoore &amp; Fils</lastName><firstName>Ann &amp; é</firstName>"),
        "{}",
        changed.text
    );
    assert!(changed.one("person").contains("<deceasedDate>2026-11-01</deceasedDate>"));
}

#[actix_rt::test]
async fn files_are_fetched_as_their_vouchers_say_and_confirmed_in_order() {
    let (face, store, _world) = face().await;
    two_files(&face, &store).await;
    let waiting = call(&face, "FetchMutations", "").await;
    assert_eq!(waiting.status(), status("DATA_FOUND", "MSG00000"));
    assert_eq!(waiting.all("sequence"), ["1", "2"]);
    let file = call(&face, "FetchMutations", "<sequence>1</sequence>").await;
    let content = base64::engine::general_purpose::STANDARD.decode(file.one("content")).unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &content);
    let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    assert_eq!((file.one("sha256"), file.one("bytes")), (digits, content.len().to_string()));
    assert!(String::from_utf8(content).unwrap().contains("<kind>DIMONA</kind>"));
    let fetched =
        |lines: Vec<(Deed, String)>| lines.iter().filter(|line| **line == (Deed::Fetch, "done".to_owned())).count();
    assert_eq!(fetched(store.deeds().await), 2);

    assert_eq!(call(&face, "ConfirmMutations", "<sequence>2</sequence>").await.status(), status("NOK", "REG00013"));
    for sequence in 1..=2 {
        let confirmed = call(&face, "ConfirmMutations", &format!("<sequence>{sequence}</sequence>")).await;
        assert_eq!(confirmed.status(), status("OK", "MSG00000"));
        assert_eq!(confirmed.one("confirmedAt"), "2026-11-25T09:00:00.000Z");
    }
    assert_eq!(call(&face, "FetchMutations", "").await.status(), status("NO_DATA_FOUND", "REG00009"));
    assert_eq!(
        call(&face, "FetchMutations", "<sequence>2</sequence>").await.status(),
        status("DATA_FOUND", "MSG00000")
    );
    let says = (0..FIELDS).map(|field| (format!("F{field}").into(), "x".into())).collect();
    let event = Change::Event { kind: Code::parse("DIMONA").unwrap(), says };
    let niss = Niss::parse(JAN, date(2026, 11, 23)).unwrap();
    let access = store.last().await.access;
    store.mutations.tell(access, vec![(niss, date(2009, 6, 1), event); 40_000]).await.unwrap();
    store.end_day().await;
    assert_eq!(call(&face, "FetchMutations", "<sequence>3</sequence>").await.status(), status("NO_RESULT", "REG00019"));
    let rest = rest(&face, Method::GET, "mutations/3").header("accept", "application/xml").send().await.unwrap();
    assert!(rest.bytes().await.unwrap().len() > 32 << 20, "it is fetched over REST");
}

#[actix_rt::test]
async fn trouble_of_the_programs_own_is_a_fault_of_the_server_and_tells_no_inside() {
    let (face, store, _world) = face().await;
    for (trouble, reason) in [
        (Trouble::Overloaded, "UNAVAILABLE"),
        (Trouble::SourceAway, "UNAVAILABLE"),
        (Trouble::ReadOnly("sector 5".to_owned()), "READ_ONLY"),
        (Trouble::Unreadable("sector 5".to_owned()), "UNREADABLE"),
    ] {
        store.source_is_in(Some(trouble));
        let answer = call(&face, "Consult", &format!("<ssin>{JAN}</ssin>")).await;
        assert_eq!(answer.fault(), (500, "Server".to_owned(), reason.to_owned()));
        assert!(answer.text.contains("<ticket>t-1</ticket>") && !answer.text.contains("sector"), "{}", answer.text);
    }
    store.source_is_in(None);
    assert_eq!(call(&face, "Consult", "").await.status(), status("NO_DATA_FOUND", "REG00009"));
    store.damage(OWNER).await;
    let damaged = call(&face, "Consult", "").await;
    assert_eq!(damaged.fault(), (500, "Server".to_owned(), "UNREADABLE".to_owned()));
    store.dossiers.close();
    let closed = call(&face, "Inscribe", &row(JAN, "PENSION", "2026-01-01", "")).await;
    assert_eq!(closed.fault(), (500, "Server".to_owned(), "READ_ONLY".to_owned()));
}
