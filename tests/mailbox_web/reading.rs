//! The list and the message.
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::mailbox::document::{Body, Document};

use crate::samples::{all, citizen, letter, publish};
use crate::site::Running;

fn find(site: &Running, subject: &str) -> Document {
    let all = site.memory.documents(citizen(0));
    let found = all.iter().find(|one| one.subject.get(Language::En).is_some_and(|text| text.contains(subject)));
    (**found.unwrap()).clone()
}

#[actix_rt::test]
async fn the_list_says_what_is_unread_filters_searches_and_turns_its_pages() {
    let site = Running::start().await;
    let (mut marie, list) = site.signed_in("0").await;
    assert!(
        list.has("28 messages") && list.has("Page 1 of 2") && list.has("Registered mail") && list.has("To be paid"),
        "{}",
        list.text
    );
    assert!(list.has("12 unread messages") && list.has("Pensions Service") && list.has("Available until"));
    let second = marie.get("/mailbox/messages?page=2").await;
    assert!(second.has("Road works no. 23") && !second.has("Your pension in 2027"));
    let unread = marie.get("/mailbox/messages?unread=1").await;
    assert!(unread.has("12 messages") && !unread.has("Road works no. 1<"));
    let kind = marie.get("/mailbox/messages?type=tax").await;
    assert!(kind.has("role=\"status\">1 message") && kind.has("<option value=\"tax\" selected>"), "{}", kind.text);

    let fields = [("token", list.token()), ("words", "PENSION".to_owned())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let found = marie.post("/mailbox/search", &fields).await;
    assert!(
        found.location().contains("find=") && !found.location().to_lowercase().contains("pension"),
        "{}",
        found.location()
    );
    let found = marie.follow(found).await;
    assert!(found.has("role=\"status\">1 message for “PENSION”"), "{}", found.text);
    assert!(found.has("value=\"PENSION\"") && found.has("Your pension in 2027") && !found.has("Road works"));
    let forged = marie.get("/mailbox/messages?find=AAAA").await;
    assert!(forged.has("28 messages"));
    let nonsense = marie.get("/mailbox/messages?type=%22%3E%3Cscript%3E&from=x&page=999999999999").await;
    assert!(nonsense.status == 200 && !nonsense.has("<script"));
    site.stop().await;
}

#[actix_rt::test]
async fn opening_a_message_reads_it_and_nothing_in_it_runs() {
    let site = Running::start().await;
    let (mut marie, _) = site.signed_in("0").await;
    let id = find(&site, "application for a permit").id;
    assert!(site.memory.state(citizen(0), id).read_at.is_none());
    let page = marie.get(&format!("/mailbox/messages/{id}")).await;
    assert!(
        page.status == 200 && page.has("<h3>Your application for a permit</h3>") && page.has("Lorem ipsum"),
        "{}",
        page.text
    );
    assert!(!page.has("<script") && !page.has("alert(1)"));
    assert!(site.memory.state(citizen(0), id).read_at.is_some());
    let french = marie.get("/mailbox/language/fr?to=/mailbox/messages").await;
    marie.follow(french).await;
    let page = marie.get(&format!("/mailbox/messages/{id}")).await;
    assert!(page.has("<html lang=\"fr\">") && page.has("Votre demande de permis") && page.has("Retour aux messages"));
    site.stop().await;
}

#[actix_rt::test]
async fn registered_mail_is_opened_by_a_button_and_proven() {
    let site = Running::start().await;
    let (mut marie, _) = site.signed_in("0").await;
    let id = find(&site, "child benefit").id;
    let path = format!("/mailbox/messages/{id}");
    let closed = marie.get(&path).await;
    assert!(closed.has("the sender receives proof") && !closed.has("Lorem ipsum"));
    assert!(site.memory.state(citizen(0), id).read_at.is_none());
    let open = marie.post(&format!("{path}/open"), &[("token", &closed.token())]).await;
    assert_eq!(open.location(), path);
    assert!(marie.follow(open).await.has("Lorem ipsum"));
    let proof = marie.get(&format!("{path}/evidence")).await;
    assert!(
        proof.has("ContentHandover")
            && proof.has("The recipient read the message")
            && proof.has("SubmissionAcceptance")
    );
    let file = marie.get(&format!("{path}/evidence/file")).await;
    assert!(file.status == 200 && file.header("content-disposition").contains("attachment; filename=\"evidence-"));
    let ordinary = find(&site, "application for a permit").id;
    assert_eq!(marie.get(&format!("/mailbox/messages/{ordinary}/evidence")).await.status, 404);
    site.stop().await;
}

#[actix_rt::test]
async fn anothers_message_is_as_good_as_none() {
    let site = Running::start().await;
    let (mut jan, choice) = site.signed_in("1").await;
    jan.post("/mailbox/choose", &[("token", &choice.token()), ("mailbox", "own"), ("to", "")]).await;
    let id = find(&site, "application for a permit").id;
    let unknown = "0193b1c2-5b1e-7c3a-8f00-000000000001".to_owned();
    for id in [id.to_string(), unknown, "nonsense".to_owned()] {
        for rest in ["", "/files/1", "/files/1/show", "/evidence", "/reply"] {
            let page = jan.get(&format!("/mailbox/messages/{id}{rest}")).await;
            assert!(page.status == 404 && page.has("Message not found"), "{id}{rest} {}", page.status);
        }
    }
    assert!(site.memory.state(citizen(0), id).read_at.is_none());
    site.stop().await;
}

#[actix_rt::test]
async fn a_message_in_another_language_says_so_and_is_marked_as_such() {
    let site = Running::start().await;
    let mut document = letter(12, "city", ["x"; 4], ["<p>x</p>"; 4], 1);
    document.subject = Translated::of(Language::De, "Nur auf Deutsch".into());
    document.body = Some(Body { html: Translated::of(Language::De, "<p>Guten Tag</p>".into()), is_main: true });
    let id = publish(&site.memory, document, &[citizen(0)]).await;
    let (mut marie, list) = site.signed_in("0").await;
    assert!(list.has("lang=\"de\">Nur auf Deutsch</a>"));
    let page = marie.get(&format!("/mailbox/messages/{id}")).await;
    assert!(page.has("<h1 lang=\"de\">Nur auf Deutsch</h1>") && page.has("only in another language: German"));
    assert!(page.has("<div class=\"letter\" lang=\"de\">"), "{}", page.text);
    site.stop().await;
}

#[actix_rt::test]
async fn messages_are_put_away_and_brought_back_several_at_once() {
    let site = Running::start().await;
    let (mut marie, list) = site.signed_in("0").await;
    let ids: Vec<String> = ["no. 0", "no. 1"].map(|subject| find(&site, subject).id.to_string()).into();
    let token = list.token();
    let fields = |what: &'static str| -> Vec<(&str, &str)> {
        let back = if what == "away" { "/mailbox/messages" } else { "/mailbox/messages?away=1" };
        ids.iter()
            .map(|id| ("id", id.as_str()))
            .chain([("token", token.as_str()), ("do", what), ("back", back)])
            .collect()
    };
    let put = marie.post("/mailbox/messages/put-away", &fields("away")).await;
    let put = marie.follow(put).await;
    assert!(put.has("have been put away") && put.has("26 messages"), "{}", put.text);
    let away = marie.get("/mailbox/messages?away=1").await;
    assert!(away.has("2 messages") && away.has("Bring selected messages back"));
    let back = marie.post("/mailbox/messages/put-away", &fields("back")).await;
    assert_eq!(back.location(), "/mailbox/messages?away=1&done=back");
    assert!(marie.get("/mailbox/messages").await.has("28 messages"));
    let none = marie
        .post("/mailbox/messages/put-away", &[("token", &token), ("do", "away"), ("back", "https://evil.example")])
        .await;
    assert_eq!(none.location(), "/mailbox/messages?done=none");
    site.stop().await;
}

#[actix_rt::test]
async fn what_a_sender_writes_never_becomes_part_of_the_page() {
    let site = Running::start().await;
    let evil = "\"><script>alert(1)</script><img src=x onerror=alert(1)>";
    let mut document = letter(12, "city", [evil; 4], [evil; 4], 1);
    document.subject = all([evil; 4]);
    let id = publish(&site.memory, document, &[citizen(0)]).await;
    let (mut marie, list) = site.signed_in("0").await;
    let page = marie.get(&format!("/mailbox/messages/{id}")).await;
    for page in [list, page] {
        assert!(!page.has("<script") && !page.has("<img src=x"), "{}", page.text);
    }
    site.stop().await;
}
