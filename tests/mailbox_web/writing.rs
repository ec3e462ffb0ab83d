//! Replies.
use estafette_actors::domain::language::Language;
use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::domain::mailbox::document::DocumentId;
use estafette_actors::domain::mailbox::media::MediaType;
use reqwest::Method;
use reqwest::multipart::{Form, Part};

use crate::browser::{Answer, Browser};
use crate::samples::{citizen, pdf, sender};
use crate::site::Running;

fn find(site: &Running, subject: &str) -> DocumentId {
    let all = site.memory.documents(citizen(0));
    all.iter().find(|one| one.subject.get(Language::En).is_some_and(|text| text.contains(subject))).unwrap().id
}

fn file(name: &str, media_type: &str, bytes: Vec<u8>) -> Part {
    Part::bytes(bytes).file_name(name.to_owned()).mime_str(media_type).unwrap()
}

async fn reply(browser: &mut Browser, id: DocumentId, form: Form) -> Answer {
    let request = browser.request(Method::POST, &format!("/mailbox/messages/{id}/reply")).multipart(form);
    browser.send(request).await
}

#[actix_rt::test]
async fn a_reply_goes_to_who_wrote_with_its_files() {
    let site = Running::start().await;
    let (mut marie, _) = site.signed_in("0").await;
    let id = find(&site, "application for a permit");
    let page = marie.get(&format!("/mailbox/messages/{id}/reply")).await;
    assert!(page.status == 200 && page.has("City of Val-Dieu") && page.has("multipart/form-data"));
    let form = Form::new()
        .text("token", page.token())
        .text("text", "Bonjour,\r\n\r\nvoici <mon> plan.")
        .part("files", file("plan.pdf", "application/pdf", pdf("Plan")))
        .part("files", file("notes.txt", "text/plain", b"Notes".to_vec()));
    let sent = reply(&mut marie, id, form).await;
    assert_eq!(sent.location(), format!("/mailbox/messages/{id}?done=replied"), "{}", sent.text);
    assert!(marie.follow(sent).await.has("Your reply has been sent"));

    let got = site.memory.documents(MailboxId::Enterprise(sender(12))).remove(0);
    assert_eq!(
        (got.replies_to, got.subject.get(Language::En).map(|text| &**text)),
        (Some(id), Some("Re: Your application for a permit"))
    );
    let author = got.author.as_ref().unwrap();
    assert_eq!((author.mailbox, author.name.as_deref()), (citizen(0), Some("Marie Lambert")));
    let html = got.body.as_ref().unwrap().html.get(Language::En).unwrap();
    assert_eq!(&**html, "<p>Bonjour,</p><p>voici &lt;mon&gt; plan.</p>");
    let files: Vec<_> =
        got.attachments.iter().map(|one| (one.number, &*one.file_name, one.media_type, one.is_main)).collect();
    assert_eq!(files, [(1, "plan.pdf", MediaType::Pdf, false), (2, "notes.txt", MediaType::Plain, false)]);
    site.stop().await;
}

#[actix_rt::test]
async fn a_reply_that_can_not_be_is_explained_and_the_text_is_not_lost() {
    let site = Running::with(|settings| settings.reply_bytes = 100_000).await;
    let (mut marie, list) = site.signed_in("0").await;
    let id = find(&site, "application for a permit");
    let token = list.token();
    let form = || Form::new().text("token", token.clone());
    let kept = || form().text("text", "My long text");
    let table = [
        (form().text("text", "  "), "Write your message"),
        (form().text("text", "x".repeat(70_000)), "too long"),
        (kept().part("files", file("a.pdf", "application/pdf", b"MZ no pdf".to_vec())), "not what its name says"),
        (kept().part("files", file("a.exe", "application/x-msdownload", b"MZ".to_vec())), "not accepted"),
        (kept().part("files", file("a.txt", "text/plain", vec![])), "is empty"),
        (kept().part("files", file("a.txt", "text/plain", vec![b'x'; 200_000])), "too large"),
        (kept().part("files", file("..\\a.txt", "text/plain", b"x".to_vec())), "a name that is not allowed"),
        (
            (0..6).fold(kept(), |form, _| form.part("files", file("a.txt", "text/plain", b"x".to_vec()))),
            "too many files",
        ),
    ];
    for (form, said) in table {
        let wrong = reply(&mut marie, id, form).await;
        assert!(wrong.status == 422 && wrong.has(said), "{said}: {} {}", wrong.status, wrong.text);
        assert!(said.contains("essage") || said.contains("long") || wrong.has(">My long text</textarea>"), "{said}");
    }
    for forged in [
        Form::new().text("text", "x"),
        Form::new().text("text", "x").text("token", token.clone()),
        Form::new().text("token", "x"),
    ] {
        assert_eq!(reply(&mut marie, id, forged).await.status, 403);
    }
    assert_eq!(reply(&mut marie, find(&site, "Your pension"), kept()).await.status, 404, "it allows no reply");
    assert!(site.memory.documents(MailboxId::Enterprise(sender(12))).is_empty());
    site.stop().await;
}
