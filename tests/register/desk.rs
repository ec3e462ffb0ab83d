//! A register with a type, some persons, and two institutions.
use estafette::api::Settings;
use estafette_actors::delivery;
use estafette_actors::domain::channel::Channel;
use estafette_actors::nursery::Budget;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::api::{Face, KEY};
use crate::store::Store;
pub use crate::store::{ION, JAN, LATE, NOBODY, OLD, PERSONS, UNKNOWN};
use crate::support::{Told, World, taken};

/// Everything.
pub struct Desk {
    pub face: Face,
    pub store: Store,
    pub world: World,
}

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
        let store = Store::empty();
        let face = Face::keeping(world.broker.clone(), store.register(), settings);
        Self { face, store, world }
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
