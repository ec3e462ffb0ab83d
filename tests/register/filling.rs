//! The first filling over the face, of a source in its own tables: whole, with bad lines, cut short and sent again.
use std::fmt::Write as _;
use std::process::Command;
use std::sync::{Arc, Mutex};

use estafette::api::Settings;
use estafette::mutations::render;
use estafette::store::register::persons::Hearers;
use estafette::store::register::{self, Dossiers, Mutations};
use estafette_actors::delivery;
use estafette_actors::domain::channel::Channel;
use estafette_actors::domain::identity::{Identity, Registered};
use estafette_actors::domain::niss::{Niss, Sex};
use estafette_actors::nursery::Budget;
use estafette_actors::ports::SystemClock;
use estafette_actors::ports::register::{
    Access, Correction, Created, Filled, Found, NewPerson, Persons, Search, Trouble,
};
use estafette_actors::register::Register;
use futures_util::future::{BoxFuture, FutureExt};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::api::{Face, KEY, OTHERS, problem};
use crate::support::{Told, World, taken};

/// More than the face hands on at once.
const MANY: usize = 9_000;

/// The source on disk, whose fillings may be cut short.
#[derive(Clone)]
struct Cut {
    persons: register::Persons,
    /// After so many lines the disk fails.
    after: Arc<Mutex<Option<usize>>>,
}

impl Persons for Cut {
    fn find(&self, niss: Niss) -> BoxFuture<'static, Result<Option<Registered>, Trouble>> {
        self.persons.find(niss)
    }

    fn search(&self, search: Search) -> BoxFuture<'static, Result<Found, Trouble>> {
        self.persons.search(search)
    }

    fn create(&self, access: Access, person: NewPerson) -> BoxFuture<'static, Result<Created, Trouble>> {
        self.persons.create(access, person)
    }

    fn correct(
        &self,
        access: Access,
        niss: Niss,
        correction: Correction,
    ) -> BoxFuture<'static, Result<Identity, Trouble>> {
        self.persons.correct(access, niss, correction)
    }

    fn fill(
        &self,
        access: Access,
        persons: Box<dyn Iterator<Item = (u64, Registered)> + Send>,
    ) -> BoxFuture<'static, Result<Filled, Trouble>> {
        let Some(after) = self.after.lock().unwrap().take() else { return self.persons.fill(access, persons) };
        let filling = self.persons.fill(access, Box::new(persons.take(after)));
        async move { filling.await.and(Err(Trouble::ReadOnly("planted".to_owned()))) }.boxed()
    }

    fn put(&self, access: Access, persons: Vec<Registered>) -> BoxFuture<'static, Result<(u64, u64), Trouble>> {
        self.persons.put(access, persons)
    }
}

struct Desk {
    face: Face,
    source: Cut,
    _world: World,
    _folder: tempfile::TempDir,
}

impl Desk {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SystemClock);
        let dossiers =
            Dossiers::open(register::Settings::new(folder.path()), [7; 32], Arc::clone(&clock) as _).unwrap();
        let mutations = Mutations::open(&dossiers, Arc::clone(&clock) as _, render).unwrap();
        let persons = register::Persons::open(&dossiers, clock, folder.path(), Hearers::default()).unwrap();
        let source = Cut { persons, after: Arc::default() };
        let register = Register::new(Arc::new(dossiers), Arc::new(source.clone()), Arc::new(mutations));
        let world = World::new(vec![Told::new(Channel::SMS, taken)], delivery::Settings::default(), Budget::default());
        let face = Face::keeping(world.broker.clone(), register, Settings::default());
        Self { face, source, _world: world, _folder: folder }
    }

    async fn put_as(&self, key: &str, query: &str, body: String) -> Response {
        let request = self.face.ask_as(key, Method::PUT, &format!("/v1/register/persons{query}"));
        let request = request.header("Legal-Context", "PENSIONS:2026").header("Content-Type", "text/csv");
        request.body(body).send().await.unwrap()
    }

    async fn put(&self, query: &str, body: String) -> Response {
        self.put_as(KEY, query, body).await
    }

    /// What a filling that goes well answers.
    async fn fill(&self, body: String) -> Value {
        let answer = self.put("?first=true", body).await;
        let (status, report) = (answer.status(), answer.json().await.unwrap());
        assert_eq!(status, 200, "{report}");
        report
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.face.ask(Method::POST, path).header("Legal-Context", "PENSIONS:2026");
        request.json(body).send().await.unwrap().json().await.unwrap()
    }

    async fn is_known(&self, niss: &str) -> bool {
        self.post("/v1/register/persons/lookup", &json!({"niss": niss})).await["person"]["niss"] == niss
    }
}

/// So many right numbers, as they sort.
fn so_many(count: usize) -> Vec<String> {
    let of_a_day =
        |month: u8, day: u8| (0..1_000).filter_map(move |n| Niss::bcss(1985, month, day, Some(Sex::Male), n));
    let days = (1..=12).flat_map(|month| (1..=28).map(move |day| (month, day)));
    let mut all: Vec<String> = days.flat_map(|(month, day)| of_a_day(month, day)).map(|niss| niss.digits()).collect();
    all.sort_unstable();
    all.dedup();
    all.truncate(count);
    assert_eq!(all.len(), count);
    all
}

fn numbers() -> Vec<String> {
    so_many(MANY)
}

fn csv<'n>(numbers: impl IntoIterator<Item = &'n String>, surname: &str) -> String {
    let mut body = "niss,surname,given_names,birth_date\n".to_owned();
    for niss in numbers {
        writeln!(body, "{niss},{surname},Jan,1985-07-30").unwrap();
    }
    body
}

fn counts(report: &Value) -> [u64; 4] {
    ["accepted", "new", "changed", "refused"].map(|name| report[name].as_u64().unwrap())
}

fn lines(report: &Value) -> Vec<(u64, &str)> {
    let errors = report["errors"].as_array().unwrap();
    errors.iter().map(|one| (one["line"].as_u64().unwrap(), one["detail"].as_str().unwrap())).collect()
}

#[actix_rt::test]
async fn the_operator_fills_the_source_and_whoever_is_in_it_is_found() {
    let desk = Desk::open();
    let all = numbers();
    let refused = desk.put_as(OTHERS, "?first=true", csv(&all, "Peeters")).await;
    assert_eq!(problem(refused).await, (403, "operator-only".to_owned()));
    for query in ["?first=maybe", "?first=true&twice=true"] {
        assert_eq!(problem(desk.put(query, csv(&all, "Peeters")).await).await.0, 400, "{query}");
    }
    let many = MANY as u64;
    assert_eq!(counts(&desk.fill(csv(&all, "Peeters")).await), [many, many, 0, 0]);
    let body = json!({"surname": "Peters", "given_names": "Jan", "birth_date": "1985-07-30"});
    let found = desk.post("/v1/register/persons/search", &body).await;
    assert_eq!((found["persons"].as_array().unwrap().len(), &found["incomplete"]), (20, &json!(false)));
    assert_eq!(counts(&desk.fill(csv(&all, "Peeters")).await), [many, 0, 0, 0], "again");
    assert_eq!(counts(&desk.fill(csv(&all[..0], "Peeters")).await), [0, 0, 0, 0]);
}

#[actix_rt::test]
async fn a_line_out_of_order_is_told_and_with_refuse_nothing_is_done() {
    let desk = Desk::open();
    let mut some = numbers()[..100].to_vec();
    some.swap(40, 41);
    some.push(some[99].clone());
    let answer = desk.put("?first=true", csv(&some, "Peeters")).await;
    assert_eq!(answer.status(), 422);
    let refused: Value = answer.json().await.unwrap();
    assert_eq!(refused["type"], "urn:estafette:problem:bad-rows");
    assert_eq!(lines(&refused["rows"]).iter().map(|(line, _)| *line).collect::<Vec<_>>(), [43, 102], "{refused}");
    assert!(lines(&refused["rows"]).iter().all(|(_, what)| what.contains("sort the lines by niss")));
    assert!(!desk.is_known(&some[0]).await);
    let kept: Value = desk.put("?first=true&on_error=keep", csv(&some, "Peeters")).await.json().await.unwrap();
    assert_eq!(counts(&kept), [99, 99, 0, 2]);
    assert!(lines(&kept).iter().all(|(_, what)| what.contains("sort the lines by niss")), "{kept}");
    assert!(!desk.is_known(&some[41]).await && desk.is_known(&some[42]).await);
}

#[actix_rt::test]
async fn whoever_is_known_otherwise_is_refused_alone_and_put_without_first() {
    let desk = Desk::open();
    let some = numbers()[..100].to_vec();
    assert_eq!(counts(&desk.put("", csv(&some[50..51], "Janssens")).await.json().await.unwrap()), [1, 1, 0, 0]);
    let report = desk.fill(csv(&some, "Peeters")).await;
    assert_eq!(counts(&report), [99, 99, 0, 1]);
    assert!(matches!(lines(&report)[..], [(52, what)] if what.contains("without first")), "{report}");
    assert_eq!(counts(&desk.put("", csv(&some[50..51], "Peeters")).await.json().await.unwrap()), [1, 0, 1, 0]);
    assert_eq!(counts(&desk.fill(csv(&some, "Peeters")).await), [100, 0, 0, 0]);
}

#[actix_rt::test]
async fn one_that_was_cut_short_keeps_what_it_took_and_goes_on_when_sent_again() {
    let desk = Desk::open();
    let all = numbers();
    // A body that breaks off is not taken at all.
    let head = csv(&all[..5_000], "Peeters");
    let pieces = futures_util::stream::iter([Ok(head), Err(std::io::Error::other("planted"))]);
    let request = desk.face.ask(Method::PUT, "/v1/register/persons?first=true").header("Content-Type", "text/csv");
    let broken = request.header("Legal-Context", "A").body(reqwest::Body::wrap_stream(pieces)).send().await;
    assert!(broken.is_err());
    assert!(!desk.is_known(&all[0]).await);
    // One that arrived whole, and is cut short while it is taken.
    *desk.source.after.lock().unwrap() = Some(5_000);
    let cut = desk.put("?first=true", csv(&all, "Peeters")).await;
    assert_eq!(problem(cut).await, (503, "read-only".to_owned()));
    assert!(desk.is_known(&all[4_999]).await && !desk.is_known(&all[5_000]).await);
    let many = MANY as u64;
    assert_eq!(counts(&desk.fill(csv(&all, "Peeters")).await), [many, many - 5_000, 0, 0]);
    assert!(desk.is_known(&all[MANY - 1]).await);
}

#[actix_rt::test]
async fn a_search_that_is_cut_off_by_its_bound_says_so_over_both_faces() {
    let desk = Desk::open();
    desk.fill(csv(&so_many(30_100), "Peeters")).await;
    let mut body = json!({"surname": "Peters"});
    let found = desk.post("/v1/register/persons/search", &body).await;
    assert_eq!((found["persons"].as_array().unwrap().len(), &found["incomplete"]), (20, &json!(true)));
    body["surname"] = "Janssens".into();
    let none = desk.post("/v1/register/persons/search", &body).await;
    assert_eq!((&none["persons"], &none["incomplete"]), (&json!([]), &json!(false)));
    let envelope = |surname: &str| {
        format!(
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\
             <r:SearchPerson xmlns:r=\"urn:estafette:register:v1\"><informationCustomer><customerIdentification>\
             <cbeNumber>0403019261</cbeNumber></customerIdentification></informationCustomer>\
             <legalContext>LAW:1990</legalContext><person><lastName>{surname}</lastName></person>\
             </r:SearchPerson></s:Body></s:Envelope>"
        )
    };
    for (surname, is_cut) in [("Peters", true), ("Janssens", false)] {
        let request = desk.face.ask(Method::POST, "/soap/register").header("Content-Type", "text/xml; charset=utf-8");
        let text = request.body(envelope(surname)).send().await.unwrap().text().await.unwrap();
        let warned = text.contains("<code>REG00021</code><severity>WARNING</severity>");
        assert_eq!((warned, text.contains(">DATA_FOUND<")), (is_cut, is_cut), "{text}");
    }
}

#[actix_rt::test]
async fn the_command_fills_it_from_a_file() {
    let desk = Desk::open();
    let some = numbers()[..100].to_vec();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("everybody.csv");
    std::fs::write(&file, csv(&some, "Peeters")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_estafette"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ESTAFETTE")) {
        command.env_remove(name);
    }
    command.args(["register", "--api", &desk.face.base, "--key", KEY, "--legal-context", "PENSIONS:2026"]);
    command.args(["persons", "import", file.to_str().unwrap(), "--first", "--output", "json"]);
    // The broker runs on this thread.
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!((output.status.code(), counts(&report)), (Some(0), [100, 100, 0, 0]));
}
