//! What never comes to the register: keys, HTTP, encodings, XML and SOAP that are not as they have to be.
use estafette::api::Settings;
use estafette_actors::delivery;
use estafette_actors::nursery::Budget;
use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::api::{Face, KEY, OTHERS, STRANGER, TEST, problem};
use crate::client::{Answer, envelope, post, send};
use crate::store::JAN;
use crate::support::World;
use crate::{changed, face};

fn good() -> String {
    let inside = format!(
        "<ssin>{JAN}</ssin><dossierType>PENSION</dossierType><period><beginDate>2026-01-01</beginDate></period>"
    );
    envelope("Inscribe", &inside)
}

#[actix_rt::test]
async fn a_key_is_taken_as_a_bearer_and_as_a_password_and_nothing_else_is() {
    let (face, store, _world) = face().await;
    let bare = || face.client.post(format!("{}/soap/register", face.base)).header("content-type", "text/xml");
    for (user, key) in [("0403019261", KEY), ("", KEY), ("me", KEY)] {
        let answer = bare().basic_auth(user, Some(key)).body(envelope("Consult", "")).send().await.unwrap();
        assert_eq!(Answer::of(answer).await.status(), ("NO_DATA_FOUND".to_owned(), "REG00009".to_owned()), "{user}");
    }
    let requests = [
        (bare(), 401, "UNAUTHORIZED"),
        (bare().bearer_auth("nonsense"), 401, "UNAUTHORIZED"),
        (bare().header("authorization", "Digest x"), 401, "UNAUTHORIZED"),
        (bare().header("authorization", "Basic %%%"), 401, "UNAUTHORIZED"),
        (bare().basic_auth("me", Some("nonsense")), 401, "UNAUTHORIZED"),
        (bare().basic_auth("0206731645", Some(KEY)), 401, "UNAUTHORIZED"),
        (bare().bearer_auth(STRANGER), 403, "FORBIDDEN"),
        (bare().bearer_auth(TEST), 403, "FORBIDDEN"),
    ];
    for (request, status, reason) in requests {
        let response = request.body(good()).send().await.unwrap();
        let asks: Vec<_> =
            response.headers().get_all("www-authenticate").iter().map(|it| it.to_str().unwrap().to_owned()).collect();
        assert_eq!(asks.len(), if status == 401 { 2 } else { 0 }, "{asks:?}");
        assert_eq!(Answer::of(response).await.fault(), (status, "Client".to_owned(), reason.to_owned()));
    }
    // The key counts, not what the envelope says.
    let mut others = post(&face, good()).build().unwrap();
    others.headers_mut().insert("authorization", format!("Bearer {OTHERS}").parse().unwrap());
    let answer = Answer::of(face.client.execute(others).await.unwrap()).await;
    assert_eq!(answer.fault(), (500, "Client".to_owned(), "NOT_YOUR_INSTITUTION".to_owned()));
    assert!(changed(&store).await.is_empty());
}

#[actix_rt::test]
async fn xml_that_could_do_harm_or_is_none_is_a_fault_of_the_client() {
    let (face, store, _world) = face().await;
    let doctype = |inside: &str| good().replacen('\n', &format!("\n<!DOCTYPE a [{inside}]>"), 1);
    let laughs: String = (1..10)
        .map(|it| ["<!ENTITY l", &it.to_string(), " \"", &format!("&l{};", it - 1).repeat(10), "\">"].concat())
        .collect();
    let wide: Vec<u8> =
        format!("\u{FEFF}{}", good().replace("UTF-8", "UTF-16")).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (vec![], "MALFORMED_XML"),
        (b"no xml".to_vec(), "MALFORMED_XML"),
        (good().replace("</ssin>", "</ssn>").into_bytes(), "MALFORMED_XML"),
        (good().as_bytes()[..good().len() - 9].to_vec(), "MALFORMED_XML"),
        (good().replace("LAW", "L\u{1}W").into_bytes(), "MALFORMED_XML"),
        (doctype("").into_bytes(), "FORBIDDEN_XML"),
        (doctype("<!ENTITY x SYSTEM \"file:///etc/passwd\">").replace("LAW", "&x;").into_bytes(), "FORBIDDEN_XML"),
        (doctype(&format!("<!ENTITY l0 \"ha\">{laughs}")).replace("LAW", "&l9;").into_bytes(), "FORBIDDEN_XML"),
        (good().replace("LAW", "&nbsp;").into_bytes(), "FORBIDDEN_XML"),
        (good().replacen('\n', "\n<?php echo ?>", 1).into_bytes(), "FORBIDDEN_XML"),
        (good().replace("<s:Body>", &format!("<s:Header>{}", "<s:a>".repeat(50_000))).into_bytes(), "TOO_MUCH_XML"),
        (good().replace("LAW", &"<x>".repeat(40)).into_bytes(), "INVALID_CONTENT"),
        (good().replace("LAW", &"x".repeat(200_000)).into_bytes(), "INVALID_CONTENT"),
        (wide, "ENCODING"),
        (good().replace("UTF-8", "ISO-8859-1").into_bytes(), "ENCODING"),
        ([good().as_bytes(), &[0xFF]].concat(), "ENCODING"),
        (good().replace("urn:estafette:register:v1", "urn:other").into_bytes(), "WRONG_NAMESPACE"),
        (good().replace("r:Inscribe", "r:Insert").into_bytes(), "UNKNOWN_OPERATION"),
        (good().replace("<dossierType>PENSION</dossierType>", "").into_bytes(), "INVALID_CONTENT"),
        (good().replace("<legalContext>LAW:1990</legalContext>", "").into_bytes(), "INVALID_CONTENT"),
        (
            good().replace("<legalContext>LAW:1990</legalContext>", "<legalContext> </legalContext>").into_bytes(),
            "INVALID_CONTENT",
        ),
    ];
    for (body, reason) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
        let answer = send(&face, body).await;
        assert_eq!(answer.fault(), (500, "Client".to_owned(), reason.to_owned()), "{shown}");
        assert!(!answer.text.contains(JAN) && !answer.text.contains("passwd"), "{}", answer.text);
    }
    let wrong = send(&face, good().replace("2026-01-01", "2026-01-32")).await;
    assert_eq!(wrong.all("fieldValue"), ["/Envelope/Body/Inscribe/period/beginDate", "2"], "the place is told");
    assert!(changed(&store).await.is_empty());
}

#[actix_rt::test]
async fn versions_headers_and_actions_are_held_to_soap_1_1() {
    let (face, store, _world) = face().await;
    let newer = good().replace("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope");
    assert_eq!(send(&face, newer).await.fault(), (500, "VersionMismatch".to_owned(), "VERSION_MISMATCH".to_owned()));
    let header = "<s:Header><w:Security xmlns:w=\"urn:w\" s:mustUnderstand=\"1\"/></s:Header><s:Body>";
    let must = good().replace("<s:Body>", header);
    assert_eq!(send(&face, must).await.fault(), (500, "MustUnderstand".to_owned(), "MUST_UNDERSTAND".to_owned()));
    for (action, taken) in [
        ("", true),
        ("\"\"", true),
        ("\"urn:estafette:register:v1:Consult\"", true),
        ("urn:estafette:register:v1:Consult", true),
        ("\"urn:estafette:register:v1:Remove\"", false),
        ("\"urn:other\"", false),
    ] {
        let mut request = post(&face, envelope("Consult", "")).build().unwrap();
        request.headers_mut().insert("soapaction", action.parse().unwrap());
        let answer = Answer::of(face.client.execute(request).await.unwrap()).await;
        if taken {
            assert_eq!(answer.status, 200, "{action}");
        } else {
            assert_eq!(answer.fault(), (500, "Client".to_owned(), "SOAP_ACTION".to_owned()), "{action}");
        }
    }
    for (name, value, status, reason) in [
        ("content-type", "application/soap+xml", 415, "MEDIA_TYPE"),
        ("content-type", "application/json", 415, "MEDIA_TYPE"),
        ("content-type", "text/xml; charset=utf-16", 500, "ENCODING"),
        ("content-encoding", "gzip", 415, "MEDIA_TYPE"),
    ] {
        let mut request = post(&face, good()).build().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        let answer = Answer::of(face.client.execute(request).await.unwrap()).await;
        assert_eq!(answer.fault(), (status, "Client".to_owned(), reason.to_owned()), "{value}");
    }
    assert!(changed(&store).await.is_empty());
}

#[actix_rt::test]
async fn an_envelope_of_a_hundred_megabytes_is_refused_before_it_is_read() {
    let (face, _store, _world) = face().await;
    let address = face.base.strip_prefix("http://").unwrap();
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /soap/register HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {KEY}\r\nContent-Type: text/xml\r\nContent-Length: 104857600\r\n\r\n"
    );
    // Only the head is sent: the answer can't have waited for the rest.
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read =
        tokio::time::timeout(std::time::Duration::from_secs(20), connection.read(&mut answer)).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&answer[..read]);
    assert!(text.starts_with("HTTP/1.1 413") && text.contains("TOO_LARGE"), "{text}");

    // Without a length it is read as far as the bound.
    let pieces = futures_util::stream::iter((0..1_000).map(|_| Ok::<_, std::io::Error>(" ".repeat(1024))));
    let response = post(&face, reqwest::Body::wrap_stream(pieces)).send().await;
    if let Ok(response) = response {
        assert_eq!(Answer::of(response).await.fault(), (413, "Client".to_owned(), "TOO_LARGE".to_owned()));
    }
}

#[actix_rt::test]
async fn the_description_needs_no_key_and_other_methods_and_questions_are_problems() {
    let (face, _store, _world) = face().await;
    let get = |query: &str| face.client.get(format!("{}/soap/register{query}", face.base)).send();
    let wsdl = get("?wsdl").await.unwrap();
    assert_eq!(wsdl.headers()["content-type"], "text/xml; charset=utf-8");
    let wsdl = wsdl.text().await.unwrap();
    assert!(wsdl.contains(&format!("<soap:address location=\"{}/soap/register\"/>", face.base)), "{wsdl}");
    for name in ["common", "register", "mutations"] {
        assert!(get(&format!("?xsd={name}")).await.unwrap().status().is_success());
    }
    assert!(wsdl.contains(&format!("schemaLocation=\"{}/soap/register?xsd=common\"", face.base)));
    assert_eq!(problem(get("").await.unwrap()).await, (400, "invalid-query".to_owned()));
    assert_eq!(problem(get("?xsd=other").await.unwrap()).await, (400, "invalid-query".to_owned()));
    let put = face.ask(Method::PUT, "/soap/register").send().await.unwrap();
    assert_eq!(put.headers()["allow"], "GET, POST");
    assert_eq!(problem(put).await, (405, "method-not-allowed".to_owned()));
}

#[actix_rt::test]
async fn nothing_is_there_where_the_register_is_switched_off() {
    let world = World::new(vec![], delivery::Settings::default(), Budget::default());
    let face = Face::keeping(world.broker.clone(), None, Settings::default());
    assert_eq!(send(&face, good()).await.fault(), (404, "Client".to_owned(), "NOT_HERE".to_owned()));
    let wsdl = face.client.get(format!("{}/soap/register?wsdl", face.base)).send().await.unwrap();
    assert_eq!(problem(wsdl).await, (404, "unknown-path".to_owned()));
}
