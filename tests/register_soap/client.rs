//! A caller of the face: puts envelopes together and takes answers apart, without any of the program's own code for that.
use std::time::Duration;

use reqwest::{RequestBuilder, Response};

use crate::api::{Face, KEY};

pub const HEAD: &str = "<informationCustomer><ticket>t-1</ticket><timestampSent>2026-11-23T09:30:00+01:00</timestampSent>\
    <customerIdentification><cbeNumber>0403019261</cbeNumber></customerIdentification></informationCustomer>\
    <legalContext>LAW:1990</legalContext>";

pub fn envelope(operation: &str, inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\
         <r:{operation} xmlns:r=\"urn:estafette:register:v1\">{HEAD}{inside}</r:{operation}></s:Body></s:Envelope>"
    )
}

/// An answer, with the text of its elements by name.
pub struct Answer {
    pub status: u16,
    pub text: String,
}

impl Answer {
    pub async fn of(response: Response) -> Self {
        assert_eq!(response.headers()["content-type"], "text/xml; charset=utf-8");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let status = response.status().as_u16();
        Self { status, text: response.text().await.unwrap() }
    }

    /// What stands in each element of a name.
    pub fn all(&self, name: &str) -> Vec<String> {
        let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
        let parts = self.text.split(&begin).skip(1);
        parts.filter_map(|part| part.split_once(&end)).map(|(inside, _)| inside.to_owned()).collect()
    }

    pub fn one(&self, name: &str) -> String {
        self.all(name).first().unwrap_or_else(|| panic!("no {name} in {}", self.text)).clone()
    }

    /// The status: value, code.
    pub fn status(&self) -> (String, String) {
        assert_eq!(self.status, 200, "{}", self.text);
        assert!(
            self.text.contains("<ticket>t-1</ticket>") && self.text.contains("<legalContext>LAW:1990</legalContext>")
        );
        let status = self.one("status");
        let part =
            |name: &str| status.split(&format!("<{name}>")).nth(1).unwrap().split('<').next().unwrap().to_owned();
        (part("value"), part("code"))
    }

    /// The anomalies: code and severity.
    pub fn anomalies(&self) -> Vec<(String, String)> {
        let all = self.all("businessAnomaly");
        let part = |one: &str, name: &str| {
            one.split(&format!("<{name}>")).nth(1).unwrap().split('<').next().unwrap().to_owned()
        };
        all.iter().map(|one| (part(one, "code"), part(one, "severity"))).collect()
    }

    /// The fault: HTTP's status, code and reason.
    pub fn fault(&self) -> (u16, String, String) {
        let code = self.one("faultcode").strip_prefix("soap:").unwrap().to_owned();
        assert!(
            !self.one("faultstring").is_empty()
                && self.text.contains("<com:fault xmlns:com=\"urn:estafette:common:v1\">")
        );
        assert!(self.text.contains("<ticketCBSS>"), "{}", self.text);
        (self.status, code, self.one("reasonCode"))
    }
}

pub fn post(face: &Face, body: impl Into<reqwest::Body>) -> RequestBuilder {
    let request = face.client.post(format!("{}/soap/register", face.base)).timeout(Duration::from_secs(20));
    request.bearer_auth(KEY).header("content-type", "text/xml; charset=utf-8").header("soapaction", "\"\"").body(body)
}

pub async fn send(face: &Face, body: impl Into<reqwest::Body>) -> Answer {
    Answer::of(post(face, body).send().await.unwrap()).await
}

pub async fn call(face: &Face, operation: &str, inside: &str) -> Answer {
    send(face, envelope(operation, inside)).await
}
