//! The client against a small server: what it writes, what it makes of answers, and when it gives up.
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use estafette_actors::domain::birth::BirthDate;
use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::identity::{Claim, Standing};
use estafette_actors::domain::niss::Sex;
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::register::{Face, Hit};
use serde_json::{Value, json};

use super::*;

const ANNA: &str = "85073003328";
const OTHER: &str = "17073003384";

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_795_867_200_000)
    }
}

/// What was asked: path, body, idempotency key, authorization.
type Asked = Arc<Mutex<Vec<(String, Value, String, String)>>>;
type Answering = dyn Fn(usize, &str) -> (u16, Value) + Send + Sync;

/// A source that answers by the number of the request and its path.
struct Source {
    persons: HttpPersons,
    asked: Asked,
}

fn source(timeout: Duration, answering: impl Fn(usize, &str) -> (u16, Value) + Send + Sync + 'static) -> Source {
    let (asked, count, answering) =
        (Asked::default(), Arc::new(AtomicUsize::new(0)), Arc::new(answering) as Arc<Answering>);
    let noted = Arc::clone(&asked);
    let server = HttpServer::new(move || {
        let (noted, count, answering) = (Arc::clone(&noted), Arc::clone(&count), Arc::clone(&answering));
        App::new().default_service(web::to(move |request: HttpRequest, body: web::Bytes| {
            let header = |name: &str| {
                request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
            };
            let (path, body) = (request.path().to_owned(), serde_json::from_slice(&body).unwrap_or_default());
            let (status, answer) = answering(count.fetch_add(1, Ordering::SeqCst), &path);
            noted.lock().unwrap().push((path, body, header("idempotency-key"), header("authorization")));
            async move {
                if status == 0 {
                    // No answer.
                    std::future::pending::<()>().await;
                }
                HttpResponse::build(status.try_into().unwrap()).json(answer)
            }
        }))
    });
    let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}/v1/", server.addrs()[0]);
    actix_rt::spawn(server.run());
    let settings = Settings { base_url, token: Some("s3cret".into()), timeout };
    Source { persons: HttpPersons::new(settings, Arc::new(Stopped)).unwrap(), asked }
}

const LONG: Duration = Duration::from_secs(30);

fn niss(text: &str) -> Niss {
    Niss::parse(text, Date::constant(2026, 1, 1)).unwrap()
}

fn anna() -> Value {
    json!({"niss": ANNA, "standing": "in_use", "surname": "Maes", "given_names": "Anna", "birth_date": "1985-07", "sex": "female", "language": "nl"})
}

fn identity() -> Identity {
    let birth = BirthDate::parse("1985-07").unwrap();
    let language = Some(estafette_actors::domain::language::Language::Nl);
    Identity {
        surname: "Maes".into(),
        given_names: "Anna".into(),
        birth,
        sex: Some(Sex::Female),
        language,
        deceased: None,
    }
}

fn access() -> Access {
    let institution = Institution(Cbe::parse("0403019261").unwrap());
    Access { institution, key: "k1".into(), legal_context: "art. 5".into(), ticket: None, face: Face::Rest }
}

#[actix_rt::test]
async fn each_question_is_asked_and_its_answer_read_as_the_protocol_says() {
    let source = source(LONG, |_, path| {
        (
            200,
            match path {
                "/v1/persons/find" | "/v1/persons/correct" => json!({"person": anna()}),
                "/v1/persons/search" => json!({"hits": [{"person": anna(), "score": 97}], "incomplete": true}),
                "/v1/persons/create" => json!({"niss": "85273003371"}),
                _ => json!({"new": 2, "changed": 1}),
            },
        )
    });
    let persons = &source.persons;
    let known = Registered { niss: niss(ANNA), standing: Standing::InUse, identity: identity() };
    assert_eq!(persons.find(niss(ANNA)).await, Ok(Some(known.clone())));
    let claim =
        Claim { surname: Some("Maas".into()), birth: Some(BirthDate::parse("1985").unwrap()), ..Claim::default() };
    let found = persons.search(Search { claim, years: 1, limit: 5 }).await;
    let hits = vec![Hit { person: known.clone(), score: 97 }];
    assert_eq!(found, Ok(Found { hits, is_incomplete: true }));
    let person = NewPerson { identity: identity(), although_alike: true };
    assert_eq!(persons.create(access(), person).await, Ok(Created::Number(niss("85273003371"))));
    let correction = Correction { sex: Some(Sex::Female), ..Correction::default() };
    assert_eq!(persons.correct(access(), niss(ANNA), correction).await, Ok(identity()));
    let replaced = Registered { standing: Standing::ReplacedBy(niss(OTHER)), ..known };
    assert_eq!(persons.put(access(), vec![replaced.clone()]).await, Ok((2, 1)));
    let filled = persons.fill(access(), Box::new(std::iter::once((1, replaced)))).await;
    assert!(matches!(filled, Err(Trouble::Refused(what)) if what.contains("fill it there")), "nothing is asked");

    let asked = source.asked.lock().unwrap().clone();
    let caller = json!({"institution": "0403019261", "legal_context": "art. 5"});
    let mut changed = anna();
    changed["standing"] = "replaced".into();
    changed["replaced_by"] = OTHER.into();
    let mut details = anna();
    details.as_object_mut().unwrap().retain(|key, _| key != "niss" && key != "standing");
    let bodies: Vec<_> = asked.iter().map(|(path, body, _, _)| (path.as_str(), body.clone())).collect();
    assert_eq!(
        bodies,
        [
            ("/v1/persons/find", json!({"niss": ANNA})),
            ("/v1/persons/search", json!({"surname": "Maas", "birth_date": "1985", "years": 1, "limit": 5})),
            ("/v1/persons/create", json!({"access": caller, "person": details, "although_alike": true})),
            ("/v1/persons/correct", json!({"access": caller, "niss": ANNA, "sex": "female"})),
            ("/v1/persons/put", json!({"access": caller, "persons": [changed]})),
        ]
    );
    assert!(asked.iter().all(|(_, _, key, authorization)| !key.is_empty() && authorization == "Bearer s3cret"));
}

#[actix_rt::test]
async fn who_is_not_known_is_nobody_and_an_answer_about_somebody_else_is_none() {
    let source = source(LONG, |count, _| match count {
        0 => (200, json!({"person": null})),
        1 => (200, json!({"person": anna()})),
        2 => (200, json!({"person": {"niss": ANNA, "standing": "replaced"}})),
        _ => (200, json!({"persons": []})),
    });
    assert_eq!(source.persons.find(niss(OTHER)).await, Ok(None));
    for _ in 0..3 {
        assert_eq!(source.persons.find(niss(OTHER)).await, Err(Trouble::SourceAway));
    }
}

#[actix_rt::test]
async fn what_is_refused_is_told_in_words_and_not_asked_again() {
    let source = source(LONG, |count, _| match count {
        0 => (422, json!({"refused": "no such\ncountry"})),
        1 => (404, json!({"error": "no such path"})),
        _ => (401, json!({"refused": "who are you"})),
    });
    assert_eq!(source.persons.find(niss(ANNA)).await, Err(Trouble::Refused("no suchcountry".into())));
    assert_eq!(source.persons.find(niss(ANNA)).await, Err(Trouble::SourceAway), "not the source's word");
    assert_eq!(source.persons.find(niss(ANNA)).await, Err(Trouble::SourceAway));
    assert_eq!(source.asked.lock().unwrap().len(), 3);
}

#[actix_rt::test]
async fn a_source_that_stumbles_is_asked_again_with_the_same_key_and_one_that_falls_is_away() {
    let source =
        source(LONG, |count, _| if count == 1 { (200, json!({"niss": "85273003371"})) } else { (503, json!({})) });
    let person = || NewPerson { identity: identity(), although_alike: false };
    assert_eq!(source.persons.create(access(), person()).await, Ok(Created::Number(niss("85273003371"))));
    let keys =
        |source: &Source| -> Vec<_> { source.asked.lock().unwrap().iter().map(|asked| asked.2.clone()).collect() };
    let asked = keys(&source);
    assert_eq!((asked.len(), asked[0] == asked[1]), (2, true));
    assert_eq!(source.persons.create(access(), person()).await, Err(Trouble::SourceAway));
    let asked = keys(&source);
    assert_eq!(
        (asked.len(), asked[2] != asked[1]),
        (2 + ATTEMPTS as usize, true),
        "asked so often, with a key of its own"
    );
}

#[actix_rt::test]
async fn a_source_that_does_not_answer_in_time_or_is_not_there_is_away() {
    let silent = source(Duration::from_millis(100), |_, _| (0, json!({})));
    assert_eq!(silent.persons.find(niss(ANNA)).await, Err(Trouble::SourceAway));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings = Settings { base_url: format!("http://{nobody}"), token: None, timeout: LONG };
    let persons = HttpPersons::new(settings, Arc::new(Stopped)).unwrap();
    assert_eq!(persons.find(niss(ANNA)).await, Err(Trouble::SourceAway));
}

#[test]
fn nothing_of_a_person_is_in_the_address_or_shown() {
    let settings = Settings { base_url: "http://x/".into(), token: Some("s3cret".into()), timeout: LONG };
    let persons = HttpPersons::new(settings, Arc::new(Stopped)).unwrap();
    assert!(!format!("{persons:?}").contains("s3cret"));
    assert_eq!(persons.0.settings.base_url, "http://x");
}
