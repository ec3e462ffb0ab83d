//! What the face is: the WSDL and the schemas, with their addresses as the one who asks reaches them.
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};

use super::reply::MEDIA_TYPE;
use crate::api::problem::{Fault, Problem};

const WSDL: &str = include_str!("schemas/register.wsdl");
/// The schemas, by the names under which they are asked for and refer to each other.
const SCHEMAS: [(&str, &str); 3] = [
    ("common", include_str!("schemas/common.xsd")),
    ("register", include_str!("schemas/register.xsd")),
    ("mutations", include_str!("schemas/mutations.xsd")),
];
/// The address in the file, which is replaced.
const ADDRESS: &str = "http://localhost/soap/register";

/// Answers `?wsdl` and `?xsd=NAME`; to anything else it says what to ask.
pub fn answer(request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let text = match request.query_string().split_once('=').unwrap_or((request.query_string(), "")) {
        (wsdl, "") if wsdl.eq_ignore_ascii_case("wsdl") => Some(WSDL),
        (xsd, name) if xsd.eq_ignore_ascii_case("xsd") => {
            SCHEMAS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
        }
        _ => None,
    };
    let Some(text) = text else {
        let names = SCHEMAS.map(|(name, _)| name).join(", ");
        let what =
            format!("GET gives the description only: ask ?wsdl, or ?xsd= with one of {names}; calls are sent by POST");
        return Err(Problem::InvalidQuery(vec![Fault::new("query", what)]));
    };
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE)));
    Ok(answer.body(placed(text, &address(request))))
}

/// Puts the address in.
fn placed(text: &str, address: &str) -> String {
    let mut placed = text.replace(&format!("location=\"{ADDRESS}\""), &format!("location=\"{address}\""));
    for (name, _) in SCHEMAS {
        placed = placed
            .replace(&format!("schemaLocation=\"{name}.xsd\""), &format!("schemaLocation=\"{address}?xsd={name}\""));
    }
    placed
}

/// Where the face is for the one who asks; a host that is none is not repeated.
fn address(request: &HttpRequest) -> String {
    let connection = request.connection_info();
    let host = connection.host();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    if host.is_empty() || host.len() > 255 || !host.bytes().all(fits) {
        return ADDRESS.to_owned();
    }
    let scheme = if connection.scheme() == "https" { "https" } else { "http" };
    format!("{scheme}://{host}{}", super::PATH)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::super::names::Operation;
    use super::*;
    use crate::xml::{Reader, Token};

    fn located(text: &str) -> Vec<String> {
        let mut reader = Reader::new(text.as_bytes()).unwrap();
        let mut found = vec![];
        loop {
            match reader.next().unwrap() {
                Token::Open(tag) => {
                    let wanted = |name: &str| name == "schemaLocation" || name == "location";
                    found.extend(
                        tag.attributes.iter().filter(|(name, _)| wanted(&name.local)).map(|(_, at)| at.to_string()),
                    );
                }
                Token::End => return found,
                _ => {}
            }
        }
    }

    #[test]
    fn every_address_is_where_the_caller_reaches_it() {
        for (headers, at) in [
            (vec![("host", "register.example:8443")], "http://register.example:8443/soap/register"),
            (
                vec![("host", "inner"), ("forwarded", "proto=https;host=outer.example")],
                "https://outer.example/soap/register",
            ),
            (vec![("host", "evil\"/><script>")], ADDRESS),
        ] {
            let request =
                headers.into_iter().fold(TestRequest::default(), TestRequest::insert_header).to_http_request();
            let texts = SCHEMAS.iter().map(|(_, text)| *text).chain([WSDL]);
            for place in texts.flat_map(|text| located(&placed(text, &address(&request)))) {
                let rest = place.strip_prefix(at);
                let known = |rest: &str| SCHEMAS.iter().any(|(name, _)| rest == format!("?xsd={name}"));
                assert!(rest.is_some_and(|rest| rest.is_empty() || known(rest)), "{place} is not at {at}");
            }
        }
    }

    #[test]
    fn the_description_has_each_operation_with_its_action() {
        for operation in Operation::ALL {
            let name = operation.as_str();
            assert!(WSDL.contains(&format!("soapAction=\"urn:estafette:register:v1:{name}\"")), "{name}");
            assert!(operation.has_action(&format!("urn:estafette:register:v1:{name}")), "{name}");
            for element in [name.to_owned(), format!("{name}Response")] {
                assert!(SCHEMAS[1].1.contains(&format!("<xsd:element name=\"{element}\">")), "{element}");
            }
        }
        assert!(!Operation::Remove.has_action("urn:estafette:register:v1:Consult"));
    }

    #[test]
    fn only_what_there_is_is_described() {
        let ask = |query: &str| answer(&TestRequest::with_uri(&format!("/soap/register?{query}")).to_http_request());
        for good in ["wsdl", "WSDL", "wsdl=", "xsd=common", "XSD=register", "xsd=mutations"] {
            assert!(ask(good).is_ok(), "{good}");
        }
        for wrong in ["", "xsd", "xsd=", "xsd=../register", "wsdl=2", "other"] {
            assert!(matches!(ask(wrong), Err(Problem::InvalidQuery(_))), "{wrong}");
        }
    }
}
