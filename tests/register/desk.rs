//! A register with a type, some persons, and two institutions.
use estafette::api::Settings;
use estafette_actors::delivery;
use estafette_actors::domain::channel::Channel;
use estafette_actors::nursery::Budget;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::api::{Face, KEY};
use crate::memory::Memory;
use crate::support::{Told, World, taken};

/// Somebody.
pub const JAN: &str = "85073003328";
/// Somebody with a BCSS number.
pub const ION: &str = "85473003317";
/// A number that was replaced by the one of [`JAN`].
pub const OLD: &str = "85073006197";
/// Somebody who died on the last day of 2020.
pub const LATE: &str = "17073003384";
/// A number that was cancelled.
pub const NOBODY: &str = "40000000163";
/// A right number that the source doesn't know.
pub const UNKNOWN: &str = "05200000179";

/// Everything.
pub struct Desk {
    pub face: Face,
    pub memory: Memory,
    pub world: World,
}

pub const PERSONS: &str = "\
niss,surname,given_names,birth_date,sex,language,deceased,replaced_by,cancelled\r\n\
85073003328,Peeters,Jan,1985-07-30,male,nl,,,\r\n\
85473003317,Popescu,Ion,1985-07-30,male,fr,,,\r\n\
85073006197,Peeters,Jan,1985-07-30,male,nl,,85073003328,\r\n\
17073003384,Dubois,Zoé,2017-07-30,,fr,2020-12-31,,\r\n\
40000000163,Nemo,,1940,,,,,true\r\n";

impl Desk {
    /// With persons and the type `PENSIONER`, valid from 2000 on, which the other institution may consult.
    pub async fn open() -> Self {
        let desk = Self::empty(Settings { body_bytes: 4096, ..Settings::default() });
        let loaded = desk.put("/v1/register/persons", "text/csv", PERSONS).await;
        assert_eq!(loaded.status(), 200, "{}", loaded.text().await.unwrap());
        let names = json!({"fr": "Pensionné", "nl": "Gepensioneerde", "de": "Rentner", "en": "Pensioner"});
        let rights = json!([{"partner": "0206731645", "consult": true}]);
        let defined = json!({"names": names, "valid_from": "2000-01-01", "rights": rights});
        assert_eq!(
            desk.ask(Method::PUT, "/v1/register/types/pensioner").json(&defined).send().await.unwrap().status(),
            200
        );
        desk
    }

    /// With nothing in it.
    pub fn empty(settings: Settings) -> Self {
        let world = World::new(vec![Told::new(Channel::SMS, taken)], delivery::Settings::default(), Budget::default());
        let memory = Memory::default();
        let face = Face::keeping(world.broker.clone(), memory.register(), settings);
        Self { face, memory, world }
    }

    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.ask_as(KEY, method, path)
    }

    pub fn ask_as(&self, key: &str, method: Method, path: &str) -> RequestBuilder {
        self.face.ask_as(key, method, path).header("Legal-Context", "PENSIONS:2026")
    }

    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.ask(Method::POST, path).json(body).send().await.unwrap()
    }

    /// What is answered well.
    pub async fn done(&self, path: &str, body: Value) -> Value {
        let answer = self.post(path, &body).await;
        let (status, body) = (answer.status(), answer.json::<Value>().await.unwrap());
        assert!(status.is_success(), "{path}: {body}");
        body
    }

    pub async fn get(&self, path: &str) -> Value {
        self.ask(Method::GET, path).send().await.unwrap().json().await.unwrap()
    }

    pub async fn put(&self, path: &str, media_type: &str, body: &str) -> Response {
        self.ask(Method::PUT, path).header("Content-Type", media_type).body(body.to_owned()).send().await.unwrap()
    }

    pub async fn upload(&self, path: &str, media_type: &str, body: &str) -> Response {
        self.ask(Method::POST, path).header("Content-Type", media_type).body(body.to_owned()).send().await.unwrap()
    }

    pub async fn inscribe(&self, niss: &str, begin: &str, end: Option<&str>) -> Value {
        let body = json!({"niss": niss, "type": "PENSIONER", "begin": begin, "end": end});
        self.done("/v1/register/rows", body).await
    }
}

/// The pointers of a problem, its slug, and its code.
pub async fn refusal(answer: Response) -> (u16, String, Vec<String>, Value) {
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    let slug = body["type"].as_str().unwrap_or_default().trim_start_matches("urn:estafette:problem:").to_owned();
    let pointers = body["errors"].as_array().into_iter().flatten();
    let pointers = pointers.map(|error| error["pointer"].as_str().unwrap().to_owned()).collect();
    (status, slug, pointers, body)
}
