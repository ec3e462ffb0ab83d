//! Preferences and consents, and forms that are not ours.
use estafette_actors::domain::language::Language;
use estafette_actors::domain::mailbox::notice::Ways;
use estafette_actors::domain::mailbox::{ClientId, Mailbox, Notice, Preferences};
use estafette_actors::ports::mailbox::{Access, Change, Mailboxes as _, Trouble};
use reqwest::Method;

use crate::samples::{LINK, citizen, enterprise};
use crate::site::Running;

fn mailbox(site: &Running) -> Mailbox {
    site.memory.mailbox(citizen(0)).unwrap()
}

#[actix_rt::test]
async fn preferences_are_saved_or_the_mistake_is_named_at_its_field() {
    let site = Running::start().await;
    let (mut marie, _) = site.signed_in("0").await;
    let page = marie.get("/mailbox/preferences").await;
    let token = page.token();
    for (email, notice, said) in [
        ("nobody", "none", "right form"),
        ("a@b", "none", "right form"),
        ("Somebody <a@example.be>", "email", "right form"),
        ("", "email", "at which you want to be notified"),
    ] {
        let wrong = marie
            .post(
                "/mailbox/preferences",
                &[("token", &token), ("language", "nl"), ("email", email), ("notice", notice)],
            )
            .await;
        assert!(
            wrong.status == 422
                && wrong.has(said)
                && wrong.has("aria-invalid=\"true\"")
                && wrong.has("href=\"#email\""),
            "{email}"
        );
        assert!(wrong.has("<title>Error – "), "{}", wrong.text);
    }
    assert_eq!(mailbox(&site).preferences.email, None);
    let fields = [
        ("token", token.as_str()),
        ("language", "nl"),
        ("email", " marie@example.be "),
        ("notice", "email"),
        ("exclusively", "yes"),
    ];
    let saved = marie.post("/mailbox/preferences", &fields).await;
    assert_eq!(saved.status, 303);
    let saved = marie.follow(saved).await;
    assert!(saved.has("<html lang=\"nl\">") && saved.has("Uw voorkeuren zijn bewaard"), "{}", saved.text);
    let wanted = mailbox(&site).preferences;
    assert_eq!((wanted.language, wanted.email.as_deref()), (Some(Language::Nl), Some("marie@example.be")));
    assert!(wanted.exclusively_digital && wanted.notice == Notice::Email);

    let (_, list) = site.signed_in("0").await;
    assert!(list.has("<html lang=\"nl\">"), "the mailbox's language, in a browser that asks for English");
    site.stop().await;
}

#[actix_rt::test]
async fn a_consent_is_given_and_withdrawn_and_stays_to_be_seen() {
    let site = Running::start().await;
    let (mut marie, _) = site.signed_in("0").await;
    let page = marie.get("/mailbox/consents").await;
    assert!(page.has("Letterbox") && page.has("My Papers") && !page.has("Withdraw consent"));
    let (token, portal) = (page.token(), ClientId::parse("letterbox").unwrap());
    let unknown = marie.post("/mailbox/consents", &[("token", &token), ("portal", "unknown"), ("do", "give")]).await;
    assert!(unknown.status == 422 && mailbox(&site).consents.is_empty());
    let given = marie.post("/mailbox/consents", &[("token", &token), ("portal", "letterbox"), ("do", "give")]).await;
    assert!(marie.follow(given).await.has("Last given on") && mailbox(&site).consents_to(&portal));
    let gone = marie.post("/mailbox/consents", &[("token", &token), ("portal", "letterbox"), ("do", "withdraw")]).await;
    let gone = marie.follow(gone).await;
    assert!(gone.has("Withdrawn on") && gone.has("can no longer read") && !mailbox(&site).consents_to(&portal));
    site.stop().await;
}

#[actix_rt::test]
async fn a_form_that_is_not_ours_changes_nothing() {
    let site = Running::start().await;
    let (mut marie, list) = site.signed_in("0").await;
    let token = list.token();
    let give =
        |token: &str| vec![("token", token.to_owned()), ("portal", "letterbox".to_owned()), ("do", "give".to_owned())];
    for wrong in ["", "x", &token[1..]] {
        let refused = marie.send(marie.request(Method::POST, "/mailbox/consents").form(&give(wrong))).await;
        assert!(refused.status == 403 && refused.has("This form is out of date"), "{wrong}");
    }
    for (name, value) in
        [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site")]
    {
        let foreign = marie.request(Method::POST, "/mailbox/consents").header(name, value).form(&give(&token));
        assert_eq!(marie.send(foreign).await.status, 403, "{name}: {value}");
    }
    let (_, other) = site.signed_in("0").await;
    let borrowed = marie.send(marie.request(Method::POST, "/mailbox/consents").form(&give(&other.token()))).await;
    assert_eq!(borrowed.status, 403);
    assert!(mailbox(&site).consents.is_empty());
    let own =
        marie.request(Method::POST, "/mailbox/consents").header("origin", site.origin.clone()).form(&give(&token));
    assert_eq!(marie.send(own).await.status, 303);
    let nulled = marie
        .request(Method::POST, "/mailbox/consents")
        .header("origin", "null")
        .header("sec-fetch-site", "same-origin");
    let nulled = nulled.form(&give(&token));
    assert_eq!(marie.send(nulled).await.status, 303, "as browsers do it when no referrer is sent");

    let mut visitor = site.visitor();
    let signed_out = visitor.send(visitor.request(Method::POST, "/mailbox/consents").form(&give(&token))).await;
    assert_eq!(signed_out.status, 303);
    site.stop().await;
}

#[actix_rt::test]
async fn a_form_of_one_mailbox_does_nothing_in_another() {
    let site = Running::start().await;
    let (mut jan, choice) = site.signed_in("1").await;
    let own = [("token", choice.token()), ("mailbox", "own".to_owned()), ("to", String::new())];
    let own = jan.send(jan.request(Method::POST, "/mailbox/choose").form(&own)).await;
    let list = jan.follow(own).await;
    let stale = list.token();
    let other = [("token", stale.clone()), ("mailbox", enterprise().digits()), ("to", String::new())];
    jan.send(jan.request(Method::POST, "/mailbox/choose").form(&other)).await;
    let refused = jan.post("/mailbox/consents", &[("token", &stale), ("portal", "letterbox"), ("do", "give")]).await;
    assert_eq!(refused.status, 403);
    assert!(site.memory.mailbox(enterprise()).unwrap().consents.is_empty());
    site.stop().await;
}

#[actix_rt::test]
async fn a_store_in_trouble_is_a_page_that_says_what_to_do() {
    let site = Running::start().await;
    let (mut marie, list) = site.signed_in("0").await;
    site.memory.fail(Some(Trouble::ReadOnly("disk".to_owned())));
    let refused =
        marie.post("/mailbox/consents", &[("token", &list.token()), ("portal", "letterbox"), ("do", "give")]).await;
    assert!(refused.status == 503 && refused.has("nothing can be changed at the moment") && !refused.has("disk"));
    assert_eq!(marie.get("/mailbox/messages").await.status, 200);
    site.memory.fail(Some(Trouble::Overloaded));
    let busy = marie.get("/mailbox/messages").await;
    assert!(busy.status == 503 && busy.header("retry-after") == "10" && busy.has("Very busy right now"));
    site.stop().await;
}

#[actix_rt::test]
async fn the_link_of_a_mail_stops_notices_without_signing_in_by_its_button_only() {
    let site = Running::start().await;
    let wanted = Preferences {
        email: Some("marie@example.be".into()),
        notice: Notice::Email,
        language: Some(Language::Nl),
        ..mailbox(&site).preferences
    };
    site.memory.change(Access::PROGRAM, citizen(0), Change::Prefer(wanted.clone())).await.unwrap();
    let mut visitor = site.visitor();
    let path = format!("/mailbox/unsubscribe?t={LINK}");
    for _ in 0..2 {
        // Programs that look at links look at this one too.
        let page = visitor.get(&path).await;
        assert!(page.status == 200 && page.has(&format!("method=\"post\" action=\"{path}\"")), "{}", page.text);
        assert!(!page.has("marie"), "{}", page.text);
    }
    assert_eq!(mailbox(&site).preferences, wanted);
    for wrong in ["/mailbox/unsubscribe", "/mailbox/unsubscribe?t=", "/mailbox/unsubscribe?t=%22%3E%3Cscript%3E"] {
        for answer in [visitor.get(wrong).await, visitor.post(wrong, &[]).await] {
            assert!(answer.status == 404 && answer.has("This link does not work") && !answer.has("<script>"));
        }
    }
    assert_eq!(mailbox(&site).preferences, wanted);
    // As a mail program sends it (RFC 8058): no cookie, no page before it.
    let done = site.visitor().post(&path, &[("List-Unsubscribe", "One-Click")]).await;
    assert!(done.status == 200 && done.has("You no longer receive notices"), "{}", done.text);
    assert_eq!(mailbox(&site).preferences, Preferences { notice: Notice::None, ..wanted });
    assert!(visitor.get(&path).await.has("You no longer receive notices"));
    assert_eq!(visitor.post(&path, &[]).await.status, 200);
    site.stop().await;
}

#[actix_rt::test]
async fn only_ways_that_notices_can_go_are_offered_beside_the_one_that_was_chosen_before() {
    let site = Running::telling(Ways { mail: true, message: false }).await;
    let (mut marie, _) = site.signed_in("0").await;
    let offers = |page: &str| ["email", "message", "none"].map(|way| page.contains(&format!("id=\"notice-{way}\"")));
    assert_eq!(offers(&marie.get("/mailbox/preferences").await.text), [true, false, true]);
    let wanted = Preferences { notice: Notice::Message, ..mailbox(&site).preferences };
    site.memory.change(Access::PROGRAM, citizen(0), Change::Prefer(wanted)).await.unwrap();
    assert_eq!(offers(&marie.get("/mailbox/preferences").await.text), [true, true, true]);
    site.stop().await;
}
