//! The register's SOAP face over real sockets, over ports in memory: each operation, each fault, and all bad input that it has
//! to stand.
#![allow(clippy::unwrap_used)] // a failed step fails the test
#[path = "../actors/tests/support/mod.rs"]
mod support;

mod api;

#[path = "register_soap/client.rs"]
mod client;
#[path = "register_soap/memory.rs"]
mod memory;
#[path = "register_soap/refusals.rs"]
mod refusals;

use api::Face;
use base64::Engine as _;
use client::{Answer, call};
use estafette::api::Settings;
use estafette_actors::delivery;
use estafette_actors::nursery::Budget;
use estafette_actors::ports::register::{Deed, Face as Over, Trouble};
use memory::{BCSS, CANCELLED, DEAD, KNOWN, Memory, NEXT, REPLACED, UNKNOWN};
use support::World;

fn face() -> (Face, Memory, World) {
    let (memory, world) = (Memory::filled(), World::new(vec![], delivery::Settings::default(), Budget::default()));
    let face = Face::with_register(world.broker.clone(), Settings::default(), Some(memory.register()));
    (face, memory, world)
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
    let (face, memory, _world) = face();
    let added = call(&face, "Inscribe", &row(KNOWN, "pension", "2026-01-01", "2026-01-31")).await;
    assert_eq!(added.status(), status("OK", "MSG00000"));
    assert_eq!(added.one("outcome"), "ADDED");
    let access = memory.changed().pop().unwrap();
    assert_eq!((&*access.legal_context, access.ticket.as_deref(), access.face), ("LAW:1990", Some("t-1"), Over::Soap));
    assert_eq!(&*access.key, "k");

    let merged = call(&face, "Inscribe", &row(KNOWN, "PENSION", "2026-01-20", "")).await;
    assert_eq!(
        (merged.one("outcome").as_str(), merged.one("merged").as_str()),
        ("MERGED", "<beginDate>2026-01-01</beginDate><endDate>2026-01-31</endDate>")
    );
    assert!(merged.one("inscription").contains("<period><beginDate>2026-01-01</beginDate></period>"));
    let covered = call(&face, "Inscribe", &row(KNOWN, "PENSION", "2026-03-01", "2026-03-31")).await;
    assert_eq!(covered.status(), status("OK", "MSG00000"));
    assert_eq!(covered.anomalies(), [status("REG00007", "WARNING")]);
    assert_eq!(covered.one("outcome"), "COVERED");
    assert_eq!(memory.rows_of(KNOWN, "PENSION").len(), 1);
}

#[actix_rt::test]
async fn what_is_said_of_a_person_is_compared_and_what_differs_is_named_without_its_value() {
    let (face, memory, _world) = face();
    let said = |person: &str| format!("{}<person>{person}</person>", row(KNOWN, "PENSION", "2026-01-01", ""));
    let differs = call(
        &face,
        "Inscribe",
        &said("<lastName>Janssens</lastName><firstName>Anna</firstName><birthDate>1985-07-31</birthDate>"),
    )
    .await;
    assert_eq!(differs.status(), status("NOK", "REG00002"));
    assert_eq!(differs.anomalies(), [status("REG00002", "FATAL")]);
    assert_eq!(&differs.all("fieldName")[..2], ["lastName", "birthDate"]);
    assert!(!differs.text.contains("Peeters") && !differs.text.contains("Janssens"), "{}", differs.text);
    assert!(memory.changed().is_empty());
    let same = call(
        &face,
        "Inscribe",
        &said("<lastName>peeters</lastName><birthDate>1985-07-30</birthDate><gender>FEMALE</gender>"),
    )
    .await;
    assert_eq!(same.status(), status("OK", "MSG00000"));
}

#[actix_rt::test]
async fn each_thing_that_the_register_refuses_has_its_code_and_changes_nothing() {
    let (face, memory, _world) = face();
    let all = [
        ("Inscribe", row(UNKNOWN, "PENSION", "2026-01-01", ""), "MSG00005"),
        ("Inscribe", row("85073003329", "PENSION", "2026-01-01", ""), "MSG00008"),
        ("Inscribe", row("85133003328", "PENSION", "2026-01-01", ""), "MSG00008"),
        ("Inscribe", row(DEAD, "PENSION", "2026-01-01", ""), "MSG00009"),
        ("Inscribe", row(CANCELLED, "PENSION", "2026-01-01", ""), "REG00001"),
        ("Inscribe", row(KNOWN, "NONE", "2026-01-01", ""), "REG00003"),
        ("Inscribe", row(KNOWN, "OLD", "2009-12-01", ""), "REG00004"),
        ("Inscribe", row(KNOWN, "PENSION", "2026-01-02", "2026-01-01"), "REG00010"),
        ("Remove", row(KNOWN, "PENSION", "2026-01-02", "2026-01-01"), "REG00010"),
        ("Remove", row(KNOWN, "NONE", "2026-01-01", ""), "REG00003"),
        ("Remove", row("85073003329", "PENSION", "2026-01-01", ""), "MSG00008"),
        ("UpdatePerson", format!("<ssin>{KNOWN}</ssin><person><lastName>A</lastName></person>"), "REG00005"),
        ("UpdatePerson", format!("<ssin>{UNKNOWN}</ssin><person><lastName>A</lastName></person>"), "MSG00005"),
        ("UpdatePerson", format!("<ssin>{BCSS}</ssin><person/>"), "REG00018"),
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
        ("ConfirmMutations", "<sequence>9</sequence>".to_owned(), "REG00013"),
    ];
    for (operation, inside, code) in all {
        let answer = call(&face, operation, &inside).await;
        assert_eq!(answer.status(), status("NOK", code), "{operation} {inside}");
        assert_eq!(answer.anomalies(), [status(code, "FATAL")]);
    }
    assert!(memory.changed().is_empty());
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
    let (face, memory, _world) = face();
    let answer = call(&face, "Inscribe", &row(REPLACED, "PENSION", "2026-01-01", "")).await;
    assert_eq!(answer.status(), status("OK", "MSG00000"));
    assert_eq!(answer.anomalies(), [status("MSG00006", "WARNING")]);
    assert_eq!((answer.one("fieldValue"), answer.all("ssin").pop().unwrap()), (KNOWN.to_owned(), KNOWN.to_owned()));
    assert_eq!(memory.rows_of(KNOWN, "PENSION").len(), 1);
    let found = call(&face, "Consult", &format!("<ssin>{REPLACED}</ssin>")).await;
    assert_eq!(
        (found.status(), found.anomalies()),
        (status("DATA_FOUND", "MSG00000"), vec![status("MSG00006", "WARNING")])
    );
    let died = call(&face, "Inscribe", &row(DEAD, "PENSION", "2020-02-01", "")).await;
    assert_eq!((died.status(), died.anomalies()), (status("OK", "MSG00000"), vec![status("MSG00009", "WARNING")]));
    assert_eq!(died.one("fieldValue"), "2020-03-01");
}

#[actix_rt::test]
async fn rows_are_removed_whole_or_in_part_and_what_is_left_is_told() {
    let (face, _memory, _world) = face();
    call(&face, "Inscribe", &row(KNOWN, "PENSION", "2026-01-01", "2026-12-31")).await;
    let cut = call(&face, "Remove", &row(KNOWN, "PENSION", "2026-03-01", "2026-03-31")).await;
    assert_eq!(cut.status(), status("OK", "MSG00000"));
    assert_eq!(cut.all("touched").len(), 1);
    assert_eq!(
        cut.all("left"),
        [
            "<beginDate>2026-01-01</beginDate><endDate>2026-02-28</endDate>",
            "<beginDate>2026-04-01</beginDate><endDate>2026-12-31</endDate>"
        ]
    );
    let rest = call(&face, "Remove", &format!("<ssin>{KNOWN}</ssin><dossierType>PENSION</dossierType>")).await;
    assert_eq!((rest.all("touched").len(), rest.all("left").len()), (2, 0));
    let none = call(&face, "Consult", "").await;
    assert_eq!(none.status(), status("NO_DATA_FOUND", "REG00009"));
}

#[actix_rt::test]
async fn rows_are_consulted_page_by_page_and_anothers_only_with_the_right_to() {
    let (face, _memory, _world) = face();
    for month in 1..=5 {
        call(&face, "Inscribe", &row(KNOWN, "SHARED", &format!("2026-{month:02}-01"), &format!("2026-{month:02}-10")))
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
    let (face, _memory, _world) = face();
    let found = call(
        &face,
        "SearchPerson",
        "<person><lastName>peeters</lastName><firstName>Anna</firstName></person><limit>5</limit>",
    )
    .await;
    assert_eq!(found.status(), status("DATA_FOUND", "MSG00000"));
    assert_eq!(found.all("hit").len(), 2);
    assert_eq!(found.one("replacedBy"), KNOWN);
    assert!(
        found.text.contains("<birthDate>1985-07-30</birthDate><gender>FEMALE</gender><language>NL</language>"),
        "{}",
        found.text
    );
    let nobody =
        call(&face, "SearchPerson", "<person><lastName>Zzz</lastName></person><birthYears>10</birthYears>").await;
    assert_eq!(nobody.status(), status("NO_DATA_FOUND", "REG00009"));

    let person =
        "<person><lastName>Peeters</lastName><firstName>Anna</firstName><birthDate>1985-00-00</birthDate></person>";
    let alike = call(&face, "CreatePerson", person).await;
    assert_eq!((alike.status(), alike.all("alike").len()), (status("NOK", "REG00008"), 2));
    let created = call(&face, "CreatePerson", &format!("{person}<althoughAlike>true</althoughAlike>")).await;
    assert_eq!((created.status(), created.one("ssin")), (status("OK", "MSG00000"), NEXT.to_owned()));
    let more = call(&face, "CreatePerson", &format!("{person}<althoughAlike>true</althoughAlike>")).await;
    assert_eq!(more.status(), status("NOK", "REG00014"), "what the source says against it");

    let changed = call(&face, "UpdatePerson", &format!("<ssin>{BCSS}</ssin><person><firstName>Ann &amp; &#233;</firstName><deceasedDate>2026-11-01</deceasedDate></person>")).await;
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
    let (face, memory, _world) = face();
    let waiting = call(&face, "FetchMutations", "").await;
    assert_eq!(waiting.status(), status("DATA_FOUND", "MSG00000"));
    assert_eq!(waiting.all("sequence"), ["1", "2"]);
    let file = call(&face, "FetchMutations", "<sequence>1</sequence>").await;
    let content = base64::engine::general_purpose::STANDARD.decode(file.one("content")).unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &content);
    let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    assert_eq!((file.one("sha256"), file.one("bytes")), (digits, content.len().to_string()));
    assert!(String::from_utf8(content).unwrap().contains(&format!("<replaced><by>{BCSS}</by></replaced>")));
    assert_eq!(
        memory.noted().iter().filter(|(_, deed, outcome)| (*deed, *outcome) == (Deed::Fetch, "done")).count(),
        2
    );

    assert_eq!(call(&face, "ConfirmMutations", "<sequence>2</sequence>").await.status(), status("NOK", "REG00013"));
    for sequence in 1..=2 {
        let confirmed = call(&face, "ConfirmMutations", &format!("<sequence>{sequence}</sequence>")).await;
        assert_eq!(confirmed.status(), status("OK", "MSG00000"));
        assert_eq!(confirmed.one("confirmedAt"), "2026-11-23T09:00:00.000Z");
    }
    assert_eq!(call(&face, "FetchMutations", "").await.status(), status("NO_DATA_FOUND", "REG00009"));
    assert_eq!(
        call(&face, "FetchMutations", "<sequence>2</sequence>").await.status(),
        status("DATA_FOUND", "MSG00000")
    );
    memory.grow(2, 1 << 30);
    assert_eq!(call(&face, "FetchMutations", "<sequence>2</sequence>").await.status(), status("NO_RESULT", "REG00019"));
}

#[actix_rt::test]
async fn trouble_of_the_programs_own_is_a_fault_of_the_server_and_tells_no_inside() {
    let (face, memory, _world) = face();
    for (trouble, reason) in [
        (Trouble::Overloaded, "UNAVAILABLE"),
        (Trouble::SourceAway, "UNAVAILABLE"),
        (Trouble::ReadOnly("sector 5".to_owned()), "READ_ONLY"),
        (Trouble::Unreadable("sector 5".to_owned()), "UNREADABLE"),
    ] {
        memory.fail(Some(trouble));
        let answer = call(&face, "Consult", "").await;
        assert_eq!(answer.fault(), (500, "Server".to_owned(), reason.to_owned()));
        assert!(answer.text.contains("<ticket>t-1</ticket>") && !answer.text.contains("sector"), "{}", answer.text);
    }
    memory.fail(None);
    assert_eq!(call(&face, "Consult", "").await.status(), status("NO_DATA_FOUND", "REG00009"));
}

/// Serves the face until its standard input ends, for `tests/interop/soap`.
#[actix_rt::test]
#[ignore = "a server for other programs; see tests/interop/soap"]
async fn serve_for_others() {
    let (face, _memory, _world) = face();
    println!("\nAPI {}", face.base);
    let ended = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    ended.await.unwrap().unwrap();
}
