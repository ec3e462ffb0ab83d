//! Signing in and out, the choice of a mailbox, and its activation.
use reqwest::Method;

use crate::browser::Browser;
use crate::samples::{citizen, enterprise};
use crate::site::{Running, sign_in};

#[actix_rt::test]
async fn somebody_signs_in_reads_and_signs_out_for_good() {
    let site = Running::start().await;
    let mut visitor = site.visitor();
    let first = visitor.get("/mailbox/messages?unread=1").await;
    assert_eq!((first.status.as_u16(), first.location()), (303, "/mailbox/sign-in?to=/mailbox/messages%3Funread%3D1"));
    let welcome = visitor.get("/mailbox/sign-in").await;
    assert!(welcome.status == 200 && welcome.has("Who can sign in"));

    let list = sign_in(&mut visitor, "0", "/mailbox/messages").await;
    assert!(list.status == 200 && list.has("Marie Lambert") && list.has("Your pension in 2027"), "{}", list.text);
    let stolen = visitor.cookie("mailbox").unwrap().to_owned();
    assert!(stolen.len() >= 43 && !stolen.contains("Marie"));

    let left = visitor.post("/mailbox/sign-out", &[("token", &list.token())]).await;
    assert!(
        left.location().contains("/openid/end_session?") && left.location().contains("id_token_hint="),
        "{}",
        left.location()
    );
    let left = visitor.follow(left).await;
    assert!(left.has("You are signed out"));
    let mut thief = site.visitor();
    thief.set_cookie("mailbox", &stolen);
    assert_eq!(thief.get("/mailbox/messages").await.status, 303);
    site.stop().await;
}

#[actix_rt::test]
async fn a_sign_in_that_was_not_begun_here_or_is_used_twice_signs_nobody_in() {
    let site = Running::start().await;
    let mut visitor = site.visitor();
    let forged = visitor.get("/mailbox/sign-in/callback?code=a&state=b").await;
    assert!(forged.status == 400 && forged.has("The sign-in took too long"));
    let start = visitor.get("/mailbox/sign-in/start").await;
    assert!(start.location().contains("code_challenge_method=S256") && start.location().contains("nonce="));
    let other = visitor.get("/mailbox/sign-in/callback?code=a&state=b").await;
    assert!(other.status == 400, "another state");
    let state = start.location().split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let made_up = visitor.get(&format!("/mailbox/sign-in/callback?code=made-up&state={state}")).await;
    assert!(made_up.status == 403 && made_up.has("used already"), "{}", made_up.text);
    let denied = visitor.get(&format!("/mailbox/sign-in/callback?error=access_denied&state={state}")).await;
    assert!(denied.status == 403 && denied.has("cancelled or refused"));
    assert!(visitor.cookie("mailbox").is_none());

    let cancelled = sign_in(&mut site.visitor(), "nobody", "/mailbox/messages").await;
    assert!(cancelled.has("cancelled or refused"));
    site.stop().await;
}

#[actix_rt::test]
async fn a_provider_that_is_away_is_said_so() {
    let mut site = Running::start().await;
    site.simulators.take().unwrap().stop().await;
    let away = site.visitor().get("/mailbox/sign-in/start").await;
    assert!(away.status == 502 && away.has("The sign-in service does not answer"), "{}", away.text);
    site.stop().await;
}

#[actix_rt::test]
async fn a_level_that_is_demanded_and_not_reached_is_refused() {
    let site = Running::with(|settings| settings.sign_in.levels = vec!["urn:be:fas:500".to_owned()]).await;
    let (_, weak) = site.signed_in("0").await;
    assert!(weak.status == 403 && weak.has("A stronger sign-in is needed"), "{}", weak.text);
    site.stop().await;
}

#[actix_rt::test]
async fn who_acts_for_an_enterprise_chooses_and_sees_what_the_rights_allow() {
    let site = Running::start().await;
    let (mut jan, choice) = site.signed_in("1").await;
    assert!(choice.has("Which mailbox do you want to open?") && choice.has("Bakkerij De Korenaar"));
    let number = enterprise().digits();
    let open = async |browser: &mut Browser, token: &str, mailbox: &str| {
        let chosen = browser.post("/mailbox/choose", &[("token", token), ("mailbox", mailbox), ("to", "")]).await;
        browser.follow(chosen).await
    };
    let list = open(&mut jan, &choice.token(), &number).await;
    assert!(list.has("Tax assessment 2026") && list.has("Inspection of the enterprise"), "{}", list.text);

    let (mut sofia, choice) = site.signed_in("3").await;
    let list = open(&mut sofia, &choice.token(), &number).await;
    assert!(!list.has("Tax assessment 2026") && list.has("Inspection of the enterprise"));
    let tax = site.memory.documents(enterprise()).into_iter().find(|one| one.payment.is_some()).unwrap().id;
    let hidden = sofia.get(&format!("/mailbox/messages/{tax}")).await;
    assert!(hidden.status == 404 && hidden.has("Message not found"));
    let put = [("token", list.token()), ("id", tax.to_string()), ("do", "away".to_owned())];
    let put: Vec<(&str, &str)> = put.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(sofia.post("/mailbox/messages/put-away", &put).await.status, 404);
    assert!(site.memory.state(enterprise(), tax).is_visible);

    let (mut sofia, choice) = site.signed_in("3").await;
    let other = open(&mut sofia, &choice.token(), "0403019261").await;
    assert!(other.status == 422 && other.has("Choose one of the mailboxes in the list"));
    site.stop().await;
}

#[actix_rt::test]
async fn a_mailbox_is_activated_by_who_agrees_and_closed_by_who_is_sure() {
    let site = Running::start().await;
    let (mut anna, page) = site.signed_in("2").await;
    assert!(page.has("What activating means"), "{}", page.text);
    let refused = anna.post("/mailbox/activate", &[("token", &page.token())]).await;
    assert!(refused.status == 422 && refused.has("Tick the box") && refused.has("href=\"#agree\""));
    let done = anna.post("/mailbox/activate", &[("token", &page.token()), ("agree", "yes")]).await;
    let done = anna.follow(done).await;
    assert!(done.has("The mailbox is active") && done.has("role=\"status\""));

    let unsure = anna.post("/mailbox/deactivate", &[("token", &done.token())]).await;
    assert_eq!(unsure.status, 422);
    let closed = anna.post("/mailbox/deactivate", &[("token", &done.token()), ("sure", "yes")]).await;
    assert!(anna.follow(closed).await.has("The mailbox is deactivated"));
    assert_eq!(anna.get("/mailbox/messages").await.location(), "/mailbox/activate");
    let mailbox = estafette_actors::ports::mailbox::Mailboxes::mailbox(&site.memory, citizen(2)).unwrap();
    assert!(!mailbox.is_active());
    site.stop().await;
}

#[actix_rt::test]
async fn every_answer_is_protected() {
    let site = Running::start().await;
    let (mut marie, list) = site.signed_in("0").await;
    for path in ["/mailbox/messages", "/mailbox/help", "/mailbox/no-such-page", "/mailbox/messages/nonsense"] {
        let page = marie.get(path).await;
        let policy = page.header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'")
                && policy.contains("frame-ancestors 'none'")
                && !policy.contains("script"),
            "{policy}"
        );
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        assert_eq!((page.header("x-content-type-options"), page.header("referrer-policy")), ("nosniff", "no-referrer"));
        assert!(!page.has("<script") && !page.has("style=") && page.text.len() < 100_000, "{path}");
    }
    let style = list.text.split("href=\"/mailbox/style-").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let style = marie.get(&format!("/mailbox/style-{style}")).await;
    assert!(style.status == 200 && style.header("cache-control").contains("immutable"));
    assert!(style.text.len() + list.text.len() < 100_000, "{} bytes", style.text.len() + list.text.len());
    let cookies = marie.send(marie.request(Method::GET, "/mailbox/language/nl?to=/mailbox/help")).await;
    let cookie = cookies.header("set-cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let away = marie.get("/mailbox/language/nl?to=https://evil.example").await;
    assert_eq!(away.location(), "/mailbox/");
    site.stop().await;
}
