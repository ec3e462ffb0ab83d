//! One message to many with the names of version 3: recipients who follow, and lists that outlive a restart.
use std::path::Path;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::api::{KEY, OTHERS};
use crate::desk::{Desk, FIRM, ION, JAN, SENDER, form, refusal};

fn message() -> Value {
    json!({
        "subject": {"fr": "Votre pension"}, "messageTypeId": "letter", "senderApplicationId": "app",
        "attachments": [{"httpPartName": "upfile1", "isMainContent": true}], "isBodyMainContent": false, "isReplyAuthorized": false,
    })
}

fn path(rest: &str) -> String {
    format!("v3/ebox/{SENDER}/{rest}")
}

async fn publication(desk: &Desk, message: &Value) -> String {
    let answer = desk.send(Method::POST, &path("publications")).multipart(form(message)).send().await.unwrap();
    let (status, body) = (answer.status(), answer.json::<Value>().await.unwrap());
    assert_eq!(status, 201, "{body}");
    body["publicationId"].as_str().unwrap().to_owned()
}

async fn begin(desk: &Desk, publication: &str, list: impl Into<reqwest::Body>) -> Response {
    let request = desk.send(Method::POST, &path(&format!("publications/{publication}/multicastTasks")));
    request.header("content-type", "text/csv").body(list).send().await.unwrap()
}

/// Asks until it is over.
async fn ended(desk: &Desk, location: &str) -> Value {
    for _ in 0..1_000 {
        let answer = desk.face.get(location).await;
        if answer["status"] != "RUNNING" {
            return answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{location} never ended");
}

#[actix_rt::test]
async fn recipients_follow_and_each_hears_what_became_of_it() {
    let desk = Desk::open().await;
    let id = publication(&desk, &message()).await;
    assert_eq!(desk.read(&desk.jan(), "/ebox").await["numberOfMessages"], 0);
    let add = async |bearer: &str, recipients: Value| {
        let path = format!("/messageRegistry/v3/ebox/{SENDER}/publications/{id}/addRecipients");
        desk.face.ask_as(bearer, Method::POST, &path).json(&json!({"recipients": recipients})).send().await.unwrap()
    };
    let three = json!([
        {"eboxType": "citizen", "ssin": JAN}, {"eboxType": "citizen", "ssin": ION}, {"eboxType": "enterprise", "enterpriseNumber": FIRM},
    ]);
    let added: Value = add(KEY, three.clone()).await.json().await.unwrap();
    let codes: Vec<_> = added["items"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["SUCCESS", "NO_DIGITAL_USER", "SUCCESS"]);
    assert_eq!(added["items"][2]["recipient"], three[2]);
    assert_eq!(
        desk.read(&desk.jan(), &format!("/ebox/messages/{id}")).await["subject"],
        json!({"fr": "Votre pension"})
    );
    assert_eq!(add(KEY, three).await.status(), 200);
    assert_eq!(
        refusal(add(OTHERS, json!([{"eboxType": "citizen", "ssin": JAN}])).await).await,
        (404, "NOT_FOUND".to_owned())
    );
    assert_eq!(refusal(add(KEY, json!([])).await).await, (400, "INVALID_INPUT".to_owned()));

    let mut of_enterprises = message();
    of_enterprises["messageTypeId"] = "plain".into();
    let id = publication(&desk, &of_enterprises).await;
    let request = desk.send(Method::POST, &path(&format!("publications/{id}/addRecipients")));
    let added = request.json(&json!({"recipients": [{"eboxType": "citizen", "ssin": JAN}]})).send().await.unwrap();
    assert_eq!(added.json::<Value>().await.unwrap()["items"][0]["code"], "INVALID_RECIPIENT");
}

#[actix_rt::test]
async fn a_list_is_worked_through_and_says_which_lines_are_none() {
    let desk = Desk::open().await;
    let id = publication(&desk, &message()).await;
    let line = |eight: u32| format!("{eight:08}{:02},", 97 - eight % 97);
    let enterprises = (1_000_000..1_002_500).map(line).collect::<Vec<_>>().join("\r\n");
    let list = format!("enterpriseNumber,ssin\r\n,{JAN}\r\n,{ION}\r\n,85073003329\r\n{enterprises}\r\n1,2\r\n");
    let answer = begin(&desk, &id, list).await;
    assert_eq!(answer.status(), 202);
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let begun: Value = answer.json().await.unwrap();
    assert!(location.contains(begun["multicastTaskId"].as_str().unwrap()) && begun["publicationId"] == id);
    let done = ended(&desk, &location).await;
    assert_eq!(
        (&done["status"], &done["lines"], &done["linked"]),
        (&json!("DONE"), &json!(2_504), &json!(2_502)),
        "{done}"
    );
    assert_eq!((&done["refused"], &done["noDigitalUser"]), (&json!(2), &json!(2_501)));
    let lines: Vec<_> =
        done["errors"].as_array().unwrap().iter().map(|error| error["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [4, 2_505]);
    assert!(!done.to_string().contains("8507300332") && done["endDate"].is_string());
    assert_eq!(desk.read(&desk.jan(), "/ebox").await["numberOfMessages"], 1);
    let last = desk.token("official", "enterprise", &format!("{:08}{:02}", 1_002_499, 97 - 1_002_499 % 97));
    let status = desk.as_holder(&last, Method::GET, "/ebox").send().await.unwrap();
    assert_eq!(refusal(status).await, (404, "NOT_ACTIVE".to_owned()));
    assert_eq!(desk.contents().len(), 1, "the list is not kept");
    let others = desk.face.ask_as(OTHERS, Method::GET, &location).send().await.unwrap();
    assert_eq!(refusal(others).await, (404, "NOT_FOUND".to_owned()));
}

#[actix_rt::test]
async fn a_list_that_is_none_fails_and_says_why() {
    let desk = Desk::open().await;
    let id = publication(&desk, &message()).await;
    let answer = begin(&desk, &id, "name\r\nx\r\n").await;
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let failed = ended(&desk, &location).await;
    assert_eq!(failed["status"], "FAILED");
    assert!(failed["errors"][0]["message"].as_str().unwrap().contains("header"), "{failed}");
    let unknown = "0193b1c2-5b1e-7c3a-8f00-000000000001";
    assert_eq!(refusal(begin(&desk, unknown, "ssin\r\n").await).await, (404, "NOT_FOUND".to_owned()));
    let other = desk.send(Method::POST, &path(&format!("publications/{id}/multicastTasks"))).body("x");
    assert_eq!(refusal(other.send().await.unwrap()).await, (400, "INVALID_MEDIA_TYPE".to_owned()));
    let large = Desk::with(|settings| settings.task_bytes = 100).await;
    let id = publication(&large, &message()).await;
    assert_eq!(refusal(begin(&large, &id, "a".repeat(101)).await).await, (413, "TOO_LARGE".to_owned()));
    assert_eq!(large.contents().len(), 1);
}

/// Everything in a folder.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[actix_rt::test]
async fn a_list_goes_on_after_a_restart() {
    use estafette_actors::domain::mailbox::document::DocumentId;
    use estafette_actors::ports::mailbox::{Mailboxes as _, Stage, Task};
    let desk = Desk::open().await;
    let id: DocumentId = publication(&desk, &message()).await.parse().unwrap();
    // As a kill leaves it: the list and how far it is are on disk, and nobody works it through.
    let contents = crate::desk::store(desk.folder.path());
    let list = bytes::Bytes::from(format!("ssin\r\n85073006197\r\n{JAN}\r\n"));
    let kept = contents.take(Box::pin(futures_util::stream::iter([Ok(list)])), 1_000).await.unwrap();
    let sender = estafette_actors::domain::submission::Institution(SENDER.parse().unwrap());
    let task = Task {
        id: DocumentId::new(estafette_actors::domain::time::Timestamp::from_millis(1_795_867_200_000), 1),
        sender,
        key: "k".into(),
        document: id,
        list: kept.name,
        stage: Stage::Running,
        lines: 1,
        linked: 1,
        without_reader: 1,
        refused: 0,
        errors: Vec::new(),
        ended_at: None,
    };
    desk.mailboxes.put_task(task.clone()).await.unwrap();
    desk.mailboxes.close();
    let folder = tempfile::TempDir::new().unwrap();
    copy(desk.folder.path(), folder.path());
    let desk = Desk::empty(folder, |_| ());
    let done = ended(
        &desk,
        &format!("/messageRegistry/v3/ebox/{SENDER}/multicastTasks/{}/messagePublicationStatuses", task.id),
    )
    .await;
    assert_eq!((&done["status"], &done["lines"], &done["linked"]), (&json!("DONE"), &json!(2), &json!(2)));
    assert_eq!(desk.read(&desk.jan(), "/ebox").await["numberOfMessages"], 1);
}
