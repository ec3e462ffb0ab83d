//! What is no publication is refused, says why, and leaves nothing.
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Method};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::api::{KEY, OTHERS, STRANGER, TEST};
use crate::desk::{Desk, FIRM, PDF, description, file, form, letter, letter_to, refusal};

fn with(pointer: &str, value: Value) -> Value {
    let mut letter = letter();
    let (above, name) = pointer.rsplit_once('/').unwrap();
    match letter.pointer_mut(above).unwrap() {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        other => other[name] = value,
    }
    letter
}

fn pdf() -> Part {
    file("pension.pdf", "application/pdf", PDF)
}

fn first(message: &Value) -> Form {
    Form::new().part("messageToPublish", description(message))
}

#[actix_rt::test]
async fn each_refusal_says_why_and_leaves_no_content() {
    let desk = Desk::open().await;
    let digest = |value: &str| {
        with(
            "/attachments/0",
            json!({"httpPartName": "upfile1", "mainContent": true, "digest": {"digestMethod": "sha_256", "digestValue": value}}),
        )
    };
    let two =
        json!([{"httpPartName": "upfile1", "mainContent": true}, {"httpPartName": "upfile2", "mainContent": true}]);
    let same =
        json!([{"httpPartName": "upfile1", "mainContent": true}, {"httpPartName": "upfile1", "mainContent": false}]);
    let many = (0..7).fold(first(&letter()), |form, n| form.part(format!("upfile{n}"), pdf()));
    let last = |form: Form| form.part("messageToPublish", description(&letter()));
    let broken = Part::text("{\"subject\":").mime_str("application/json").unwrap();
    let cases: Vec<(&str, Form, u16, &str)> = vec![
        ("a digest of other bytes", form(&digest(&"A".repeat(43))), 400, "DIGEST_MISMATCH"),
        ("a digest that is none", form(&digest("abc")), 400, "INVALID_INPUT"),
        ("a missing part", first(&letter()), 400, "MISSING_PART"),
        ("no description", Form::new().part("upfile1", pdf()), 400, "MISSING_PART"),
        ("a surplus part", form(&letter()).part("upfile2", pdf()), 400, "SURPLUS_PART"),
        (
            "a surplus part before the description",
            last(Form::new().part("upfile1", pdf()).part("upfile2", pdf())),
            400,
            "SURPLUS_PART",
        ),
        ("a part twice", form(&letter()).part("upfile1", pdf()), 400, "DUPLICATE_PART"),
        ("the description twice", last(form(&letter())), 400, "DUPLICATE_PART"),
        ("one part for two files", form(&with("/attachments", same)), 400, "DUPLICATE_PART"),
        ("seven files", many, 400, "SURPLUS_PART"),
        (
            "seven files, the description last",
            last((0..7).fold(Form::new(), |form, n| form.part(format!("upfile{n}"), pdf()))),
            400,
            "SURPLUS_PART",
        ),
        ("two main contents", form(&with("/attachments", two)).part("upfile2", pdf()), 400, "INVALID_DOCUMENT"),
        ("no main content", form(&with("/attachments/0/mainContent", json!(false))), 400, "INVALID_DOCUMENT"),
        (
            "a body as second main content",
            form(&letter_to(
                "citizen",
                crate::desk::JAN,
                json!({"bodyMainContent": true, "bodyContent": {"fr": "<p>x</p>"}}),
            )),
            400,
            "INVALID_DOCUMENT",
        ),
        ("a main body that is not there", form(&with("/bodyMainContent", json!(true))), 400, "INVALID_INPUT"),
        (
            "a kind of file that is not taken",
            first(&letter()).part("upfile1", file("a.svg", "image/svg+xml", "<svg/>")),
            400,
            "INVALID_MEDIA_TYPE",
        ),
        (
            "no kind of file",
            first(&letter()).part("upfile1", Part::bytes(PDF.as_bytes()).file_name("a.pdf")),
            400,
            "INVALID_MEDIA_TYPE",
        ),
        (
            "other bytes than it says",
            first(&letter()).part("upfile1", file("a.pdf", "application/pdf", "no PDF")),
            400,
            "CONTENT_MISMATCH",
        ),
        (
            "an archive that is cut off",
            first(&letter()).part("upfile1", file("a.zip", "application/zip", "PK\x03\x04 and no more")),
            400,
            "CONTENT_MISMATCH",
        ),
        ("no bytes", first(&letter()).part("upfile1", file("a.pdf", "application/pdf", "")), 400, "INVALID_INPUT"),
        (
            "no name",
            first(&letter()).part("upfile1", Part::text(PDF).mime_str("application/pdf").unwrap()),
            400,
            "INVALID_INPUT",
        ),
        (
            "a folder in its name",
            first(&letter()).part("upfile1", file("../a.pdf", "application/pdf", PDF)),
            400,
            "INVALID_INPUT",
        ),
        (
            "more bytes than may be",
            first(&letter()).part("upfile1", file("a.pdf", "application/pdf", vec![b'a'; (1 << 20) + 1])),
            413,
            "TOO_LARGE",
        ),
        (
            "a description that is no JSON",
            Form::new().part("messageToPublish", broken).part("upfile1", pdf()),
            400,
            "INVALID_JSON",
        ),
        (
            "a description of another kind",
            Form::new().part("messageToPublish", Part::text("a").mime_str("text/html").unwrap()),
            400,
            "INVALID_MEDIA_TYPE",
        ),
        ("a member that nobody knows", form(&with("/subjekt", json!("x"))), 400, "INVALID_INPUT"),
        ("a type that is not there", form(&with("/messageTypeId", json!("other"))), 400, "INVALID_SENDER"),
        (
            "an application that is not there",
            form(&with("/senderApplicationId", json!("other"))),
            400,
            "INVALID_SENDER",
        ),
        ("another's name", form(&with("/senderOrganizationId", json!(FIRM))), 400, "INVALID_SENDER"),
        ("somebody for whom the type is not", form(&with("/messageTypeId", json!("plain"))), 400, "INVALID_RECIPIENT"),
        (
            "registered mail that may not be",
            form(&letter_to("enterprise", FIRM, json!({"messageTypeId": "plain", "registeredMail": true}))),
            400,
            "INVALID_DOCUMENT",
        ),
        ("an end that is over", form(&with("/expirationDate", json!("2020-01-01T00:00:00Z"))), 400, "INVALID_DOCUMENT"),
        ("an end in another life", form(&with("/expirationDate", json!("2199-01-01T00:00:00Z"))), 400, "INVALID_INPUT"),
    ];
    for (what, form, status, code) in cases {
        let answer = desk.try_publish(form).await;
        assert_eq!(refusal(answer).await, (status, code.to_owned()), "{what}");
        assert!(desk.contents().is_empty(), "{what} leaves {:?}", desk.contents());
    }
    assert_eq!(desk.read(&desk.jan(), "/ebox").await["numberOfMessages"], 0);
}

#[actix_rt::test]
async fn a_type_and_an_application_are_their_owners() {
    let desk = Desk::open().await;
    let mut message = letter_to("enterprise", FIRM, json!({"messageTypeId": "tax"}));
    message.as_object_mut().unwrap().remove("senderOrganizationId");
    let send = async |bearer: &str, message: &Value| {
        let request = desk.face.ask_as(bearer, Method::POST, "/messageRegistry/v2/publishMessage");
        request.multipart(form(message)).send().await.unwrap()
    };
    assert_eq!(send(KEY, &message).await.status(), 201);
    assert_eq!(refusal(send(OTHERS, &message).await).await, (400, "INVALID_SENDER".to_owned()));
    message["messageTypeId"] = "letter".into();
    assert_eq!(
        refusal(send(OTHERS, &message).await).await,
        (400, "INVALID_SENDER".to_owned()),
        "another's application"
    );
    for bearer in [STRANGER, TEST, "est_live_nobody", "x"] {
        let refused = refusal(send(bearer, &message).await).await;
        assert_eq!(refused.0, 401, "{bearer}: {refused:?}");
    }
    let without = desk.face.client.post(format!("{}/messageRegistry/v2/publishMessage", desk.face.base));
    let without = without.multipart(form(&message)).send().await.unwrap();
    assert!(without.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
    assert_eq!(refusal(without).await, (401, "UNAUTHORIZED".to_owned()));
    assert_eq!(desk.contents().len(), 1);
}

#[actix_rt::test]
async fn a_body_that_is_no_body_of_parts_is_refused() {
    let desk = Desk::open().await;
    let kind = "multipart/form-data; boundary=b";
    let part = "--b\r\nContent-Disposition: form-data; name=\"upfile1\"; filename=\"a.pdf\"\r\nContent-Type: application/pdf\r\n\r\n%PDF-1.7 abcdef";
    for (what, content_type, body, code) in [
        ("not of parts", "application/json", "{}".to_owned(), "INVALID_MEDIA_TYPE"),
        ("no boundary", "multipart/form-data", String::new(), "INVALID_MEDIA_TYPE"),
        ("empty", kind, String::new(), "INVALID_MULTIPART"),
        ("no part", kind, "--b--\r\n".to_owned(), "MISSING_PART"),
        ("cut off in a file", kind, part.to_owned(), "INVALID_MULTIPART"),
        ("cut off behind a file", kind, format!("{part}\r\n--b"), "INVALID_MULTIPART"),
        (
            "a part without a name",
            kind,
            "--b\r\nContent-Disposition: form-data\r\n\r\na\r\n--b--\r\n".to_owned(),
            "INVALID_MULTIPART",
        ),
        ("a part without a head", kind, "--b\r\n\r\na\r\n--b--\r\n".to_owned(), "INVALID_MULTIPART"),
        ("a head without an end", kind, format!("--b\r\n{}", "a: b\r\n".repeat(200_000)), "INVALID_MULTIPART"),
    ] {
        let request = desk.send(Method::POST, "v2/publishMessage").header("content-type", content_type).body(body);
        let refused = refusal(request.send().await.unwrap()).await;
        assert_eq!(refused, (400, code.to_owned()), "{what}");
        assert!(desk.contents().is_empty(), "{what}");
    }
}

/// A sender who stops in the middle; its first file is there.
async fn stopped(desk: &Desk) -> tokio::net::TcpStream {
    let address = desk.face.base.strip_prefix("http://").unwrap();
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let file = "--b\r\nContent-Disposition: form-data; name=\"upfile1\"; filename=\"a.pdf\"\r\nContent-Type: application/pdf\r\n\r\n%PDF-1.7 abc\r\n";
    let head = format!(
        "POST /messageRegistry/v2/publishMessage HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\
         Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n{file}--b\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    until(|| desk.contents().len() == 1).await;
    socket
}

/// Waits until it is so, for a bounded time.
async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it never is so");
}

#[actix_rt::test]
async fn who_hangs_up_leaves_nothing() {
    let desk = Desk::open().await;
    drop(stopped(&desk).await);
    until(|| desk.contents().is_empty()).await;
}

#[actix_rt::test]
async fn a_refusal_is_heard_while_the_body_is_still_on_its_way() {
    let desk = Desk::open().await;
    let pieces = (0..64).map(|_| Ok::<_, std::io::Error>(vec![b'a'; 64 * 1024]));
    let body = Body::wrap_stream(futures_util::stream::iter(pieces));
    let part = Part::stream_with_length(body, 64 * 64 * 1024).file_name("a.svg").mime_str("image/svg+xml").unwrap();
    let answer = desk.try_publish(first(&letter()).part("upfile1", part)).await;
    assert_eq!(refusal(answer).await, (400, "INVALID_MEDIA_TYPE".to_owned()));
    // The connection is good for what follows.
    assert_eq!(desk.try_publish(form(&letter())).await.status(), 201);
}

#[actix_rt::test]
async fn as_many_publications_as_may_be_are_under_way_and_no_more() {
    let desk = Desk::with(|settings| settings.publications = 1).await;
    let socket = stopped(&desk).await;
    let answer = desk.try_publish(form(&letter())).await;
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_eq!(refusal(answer).await, (503, "OVERLOADED".to_owned()));
    drop(socket);
    until(|| desk.contents().is_empty()).await;
    assert_eq!(desk.try_publish(form(&letter())).await.status(), 201, "the place is free again");
}
