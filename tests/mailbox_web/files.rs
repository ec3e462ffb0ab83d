//! Files: downloaded, in parts, shown, and those that may not be read.
use estafette_actors::domain::language::Language;
use estafette_actors::domain::mailbox::document::{DocumentId, Scan};
use reqwest::Method;

use crate::samples::citizen;
use crate::site::Running;

fn find(site: &Running, subject: &str) -> DocumentId {
    let all = site.memory.documents(citizen(0));
    all.iter().find(|one| one.subject.get(Language::En).is_some_and(|text| text.contains(subject))).unwrap().id
}

#[actix_rt::test]
async fn a_file_is_downloaded_whole_and_in_parts_and_the_main_one_is_read_with_it() {
    let site = Running::start().await;
    let (mut marie, _) = site.signed_in("0").await;
    let id = find(&site, "Your pension");
    let page = marie.get(&format!("/mailbox/messages/{id}")).await;
    assert!(
        page.has("pension-2027.pdf") && page.has("49\u{a0}kB") && page.has("Main content") && page.has("spreadsheet"),
        "{}",
        page.text
    );
    assert!(site.memory.state(citizen(0), id).read_at.is_none(), "its page says nothing of the main content");
    let beside = marie.get(&format!("/mailbox/messages/{id}/files/2")).await;
    assert!(beside.status == 200 && beside.text.len() == 48_200);
    assert!(site.memory.state(citizen(0), id).read_at.is_none());
    let path = format!("/mailbox/messages/{id}/files/1");
    let whole = marie.get(&path).await;
    assert!(whole.status == 200 && whole.text.starts_with("%PDF-1.4"));
    assert_eq!(whole.header("content-type"), "application/pdf");
    assert!(whole.header("content-disposition").starts_with("attachment; filename=\"pension-2027.pdf\""));
    assert!(
        whole.header("content-security-policy").contains("sandbox")
            && whole.header("x-content-type-options") == "nosniff"
    );
    assert!(site.memory.state(citizen(0), id).read_at.is_some());
    let part = marie.send(marie.request(Method::GET, &path).header("range", "bytes=1-3")).await;
    assert_eq!((part.status.as_u16(), part.text.as_str()), (206, "PDF"));
    assert!(part.header("content-range").starts_with("bytes 1-3/"));
    let behind = marie.send(marie.request(Method::GET, &path).header("range", "bytes=999999-")).await;
    assert_eq!(behind.status, 416);
    assert_eq!(marie.get(&format!("/mailbox/messages/{id}/files/9")).await.status, 404);
    site.stop().await;
}

#[actix_rt::test]
async fn a_pdf_has_a_page_with_a_frame_text_is_text_and_html_is_cleaned() {
    let site = Running::start().await;
    let (mut marie, _) = site.signed_in("0").await;
    let id = find(&site, "Your pension");
    let page = marie.get(&format!("/mailbox/messages/{id}/files/1/show")).await;
    assert!(
        page.has("<iframe") && page.header("content-security-policy").contains("frame-src 'self'"),
        "{}",
        page.text
    );
    let framed = marie.get(&format!("/mailbox/messages/{id}/files/1/inline")).await;
    assert!(framed.header("content-security-policy").contains("frame-ancestors 'self'"));
    assert!(framed.header("content-disposition").starts_with("inline"));
    assert_eq!(
        marie.get(&format!("/mailbox/messages/{id}/files/2/show")).await.status,
        404,
        "a spreadsheet is not shown"
    );
    let id = find(&site, "application for a permit");
    let text = marie.get(&format!("/mailbox/messages/{id}/files/1/show")).await;
    assert!(text.has("Conditions générales") && text.has("<pre"));
    let html = marie.get(&format!("/mailbox/messages/{id}/files/2/show")).await;
    assert!(html.has("<h3>Plan</h3>") && !html.has("<script"), "{}", html.text);
    assert_eq!(
        marie.get(&format!("/mailbox/messages/{id}/files/2/inline")).await.status,
        404,
        "HTML is never given as a page"
    );
    site.stop().await;
}

#[actix_rt::test]
async fn what_a_scanner_has_not_passed_is_not_given() {
    let site = Running::start().await;
    let (mut marie, _) = site.signed_in("0").await;
    let id = find(&site, "application for a permit");
    for (scan, status, title) in
        [(Scan::Waiting, 503, "The file is being checked"), (Scan::Quarantined, 403, "The file is blocked")]
    {
        site.memory.alter(id, |document| document.attachments[0].scan = scan);
        let page = marie.get(&format!("/mailbox/messages/{id}")).await;
        assert!(!page.has(&format!("/mailbox/messages/{id}/files/1\"")), "no link to it");
        for rest in ["", "/show"] {
            let refused = marie.get(&format!("/mailbox/messages/{id}/files/1{rest}")).await;
            assert!(refused.status == status && refused.has(title), "{}", refused.text);
        }
    }
    site.memory.alter(id, |document| document.attachments[0].content = Some("gone".into()));
    site.memory.alter(id, |document| document.attachments[0].scan = Scan::Clean);
    assert_eq!(marie.get(&format!("/mailbox/messages/{id}/files/1")).await.status, 404);
    site.stop().await;
}
