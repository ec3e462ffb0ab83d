//! A strategy that demands a row in the sender's register, in the real program: whom it reaches follows from the register of the
//! moment, and from the number that stands in the place of another.
use reqwest::Method;
use serde_json::{Value, json};

use crate::program::Program;

const MORE: &str = "[[strategy]]\nname = \"pensioners\"\nrequire_dossier = [\"PENS\"]\n\
    [[strategy.step]]\nchannel = \"sms\"\nsuccess = \"sent\"\n";

async fn asked(program: &Program, method: Method, path: &str, body: &Value) -> Value {
    let ask = program.ask(method, path).header("legal-context", "PENSIONS:2026").json(body);
    let answer = ask.send().await.unwrap();
    let (status, body) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success(), "{path}: {status} {body}");
    serde_json::from_str(&body).unwrap_or_default()
}

/// How a message to a number ends.
async fn outcome(program: &Program, niss: &str) -> (String, Value) {
    let message = json!({"recipient": {"niss": niss, "mobile": "0470123456"}, "strategy": "pensioners",
        "content": {"text": {"fr": "Bonjour"}}});
    let id = asked(program, Method::POST, "/v1/messages", &message).await["id"].as_str().unwrap().to_owned();
    let ended = program.until(&format!("/v1/messages/{id}"), |it| it["status"] != "waiting").await;
    (ended["status"].as_str().unwrap().to_owned(), ended["reason"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strategy_that_demands_a_dossier_reaches_nobody_without_one_and_who_has_it_under_a_former_number_too() {
    let mut program = Program::prepare(MORE).await;
    // Who fills the authentic source is an operator.
    let config = program.folder.path().join("estafette.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("[[institution]]\n", "[[institution]]\noperator = true\n")).unwrap();
    program.start().await;
    let (old, new, other) = ("85273003371", "85473003317", "85073003328");
    let person = |niss: &str, replaced_by: Option<&str>| {
        let known = json!({"niss": niss, "surname": "Dupont", "given_names": "Jan", "birth_date": "1985-07-30", "replaced_by": replaced_by});
        format!("{known}\n")
    };
    let persons = [person(new, None), person(old, None), person(other, None)].concat();
    let load = |lines: String| {
        let put = program.ask(Method::PUT, "/v1/register/persons").header("legal-context", "PENSIONS:2026");
        put.header("content-type", "application/x-ndjson").body(lines).send()
    };
    assert_eq!(load(persons).await.unwrap().status(), 200);
    let name = |word: &str| json!({"fr": word, "nl": word, "de": word, "en": word});
    asked(&program, Method::PUT, "/v1/register/types/PENS", &json!({"names": name("Pensioner")})).await;
    assert_eq!(outcome(&program, old).await, ("failed".to_owned(), json!("not_in_register")));

    let row = json!({"niss": old, "type": "PENS", "begin": "2020-01-01"});
    asked(&program, Method::POST, "/v1/register/rows", &row).await;
    assert_eq!(outcome(&program, old).await.0, "sent");
    assert_eq!(outcome(&program, other).await.0, "failed");

    // The number is replaced: the row follows, and who is written to under the old number has it.
    assert_eq!(load(person(old, Some(new))).await.unwrap().status(), 200);
    for niss in [old, new] {
        assert_eq!(outcome(&program, niss).await.0, "sent", "under {niss}");
    }
    // A row that ended yesterday is none today, for a broker that was killed too.
    program.kill();
    program.start().await;
    let gone = json!({"niss": new, "type": "PENS", "begin": "2024-01-01"});
    asked(&program, Method::POST, "/v1/register/removals", &gone).await;
    for niss in [old, new] {
        assert_eq!(outcome(&program, niss).await, ("failed".to_owned(), json!("not_in_register")), "under {niss}");
    }
}
