//! The pages over mailboxes on disk: what they show is what was written, before a restart and after it.
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use estafette::store::mailbox::{Mailboxes as OnDisk, Settings};
use estafette_actors::domain::language::Language;
use estafette_actors::domain::mailbox::MailboxId;
use estafette_actors::domain::mailbox::evidence::Signed;
use estafette_actors::domain::mailbox::item::Filter;
use estafette_actors::ports::SystemClock;
use estafette_actors::ports::mailbox::{Mailboxes, Rights, Signer};
use reqwest::Method;
use reqwest::multipart::Form;

use crate::samples::{citizen, sender};
use crate::site::Running;

/// A signature that anybody can read.
struct Plain;

impl Signer for Plain {
    fn sign(&self, payload: &[u8]) -> Signed {
        Signed(format!("e30.{}.cGxhaW4", URL_SAFE_NO_PAD.encode(payload)).into())
    }
}

pub fn open(folder: &Path) -> Arc<dyn Mailboxes> {
    Arc::new(OnDisk::open(Settings::new(folder), [7; 32], Arc::new(Plain), Arc::new(SystemClock)).unwrap())
}

#[actix_rt::test]
async fn what_is_read_proven_put_away_answered_and_consented_is_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let site = Running::over(open(folder.path())).await;
    let (mut marie, list) = site.signed_in("0").await;
    assert!(list.has("28 messages") && list.has("12 unread messages") && list.has("Page 1 of 2"), "{}", list.text);
    let link = |subject: &str| {
        let before = list.text.split(&format!(">{subject}</a>")).next().unwrap();
        before.rsplit("href=\"").next().unwrap().split('"').next().unwrap().to_owned()
    };
    let (registered, permit) = (link("Decision on your child benefit"), link("Your application for a permit"));
    let open_it = marie.post(&format!("{registered}/open"), &[("token", &list.token())]).await;
    assert!(marie.follow(open_it).await.has("Lorem ipsum"));
    assert!(marie.get(&format!("{registered}/evidence")).await.has("ContentHandover"));
    let page = marie.get(&permit).await;
    assert!(page.has("Lorem ipsum") && page.has("conditions.txt"), "{}", page.text);
    let form = Form::new().text("token", list.token()).text("text", "Thank you.");
    let request = marie.request(Method::POST, &format!("{permit}/reply")).multipart(form);
    let sent = marie.send(request).await;
    assert!(marie.follow(sent).await.has("Your reply has been sent"));
    let id = permit.rsplit('/').next().unwrap().to_owned();
    marie.post("/mailbox/messages/put-away", &[("token", &list.token()), ("id", &id), ("do", "away")]).await;
    marie.post("/mailbox/consents", &[("token", &list.token()), ("portal", "letterbox"), ("do", "give")]).await;
    marie.post("/mailbox/consents", &[("token", &list.token()), ("portal", "letterbox"), ("do", "withdraw")]).await;
    let found = marie.post("/mailbox/search", &[("token", &list.token()), ("words", "pensión")]).await;
    assert!(marie.follow(found).await.has("role=\"status\">1 message for"));
    assert!(marie.get("/mailbox/messages").await.has("10 unread messages"));
    site.stop().await;

    // The pages' threads hold the store a moment longer than the server runs.
    let store = (0..100).find_map(|_| {
        let opened = OnDisk::open(Settings::new(folder.path()), [7; 32], Arc::new(Plain), Arc::new(SystemClock)).ok();
        if opened.is_none() {
            std::thread::yield_now();
            std::thread::park_timeout(std::time::Duration::from_millis(50));
        }
        opened
    });
    let store = store.unwrap();
    let unread = Filter { is_read: Some(false), ..Filter::default() };
    assert_eq!(store.items(citizen(0), Rights::All, unread, 0, 100).await.unwrap().total, 10);
    let away = Filter { is_visible: Some(false), ..Filter::default() };
    assert_eq!(store.items(citizen(0), Rights::All, away, 0, 100).await.unwrap().total, 1);
    let consents = store.mailbox(citizen(0)).unwrap().consents;
    assert!(consents.len() == 1 && consents[0].withdrawn_at.is_some());
    let replies = store.items(MailboxId::Enterprise(sender(12)), Rights::All, Filter::default(), 0, 10).await.unwrap();
    let reply = store
        .item(MailboxId::Enterprise(sender(12)), Rights::All, replies.items[0].document.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(reply.document.author.as_ref().map(|author| author.mailbox), Some(citizen(0)));
    assert_eq!(
        reply.document.body.as_ref().unwrap().html.get(Language::En).map(|html| &**html),
        Some("<p>Thank you.</p>")
    );
}
