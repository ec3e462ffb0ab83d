//! Reading: lists, filters, single messages, bytes and parts of them, what is put away.
use reqwest::Method;
use serde_json::{Value, json};

use crate::desk::{Desk, FIRM, ION, JAN, PDF, SENDER, form, letter, letter_to, refusal};

async fn ids(desk: &Desk, token: &str, query: &str) -> Vec<String> {
    let page = desk.read(token, &format!("/ebox/messages{query}")).await;
    page["items"].as_array().unwrap().iter().map(|one| one["messageId"].as_str().unwrap().to_owned()).collect()
}

#[actix_rt::test]
async fn a_list_is_paged_newest_first_and_each_filter_counts() {
    let desk = Desk::open().await;
    let token = desk.token("firm", "enterprise", FIRM);
    let to_firm = |other| letter_to("enterprise", FIRM, other);
    let one = desk.publish(&to_firm(json!({"subject": {"fr": "Votre pension d'été"}, "registeredMail": true}))).await;
    let two = desk.publish(&to_firm(json!({"messageTypeId": "plain", "subject": {"nl": "Factuur"}}))).await;
    let three = desk.publish(&to_firm(json!({"messageTypeId": "tax", "expirationDate": "2030-01-01T00:00:00Z"}))).await;
    assert_eq!(ids(&desk, &token, "").await, [&*three, &two, &one]);
    assert_eq!(ids(&desk, &token, "?pageSize=2").await, [&*three, &two]);
    assert_eq!(ids(&desk, &token, "?pageSize=2&page=2").await, [&*one]);
    let beyond = desk.read(&token, "/ebox/messages?page=9").await;
    assert_eq!((&beyond["items"], &beyond["totalItems"]), (&json!([]), &json!(3)));
    for (query, expected) in [
        ("messageTypeId=plain", vec![&two]),
        ("registeredMail=true", vec![&one]),
        ("registeredMail=false", vec![&three, &two]),
        ("senderOrganizationId=0403019261", vec![&three, &two, &one]),
        ("senderOrganizationId=0206731645", vec![]),
        ("senderApplicationId=app", vec![&three, &two, &one]),
        ("senderApplicationId=other", vec![]),
        ("readStatus=true", vec![]),
        ("visible=false", vec![]),
        ("expiredAfter=2029-12-31", vec![&three]),
        ("expiredBefore=2029-12-31", vec![&two, &one]),
        ("receivedAfter=2020-01-01&receivedBefore=2199-01-01", vec![&three, &two, &one]),
        ("receivedBefore=2020-01-01", vec![]),
        ("q=PENSION%20ete&qlang=fr", vec![&one]),
        ("q=PENSION%20ete&qlang=nl", vec![]),
        // The name of a file is in no language.
        ("q=pension.pdf&qlang=de", vec![&three, &two, &one]),
        ("q=factuur&qlang=nl&messageTypeId=plain", vec![&two]),
    ] {
        let expected: Vec<String> = expected.into_iter().cloned().collect();
        assert_eq!(ids(&desk, &token, &format!("?{query}")).await, expected, "{query}");
    }
    for query in ["q=pension", "page=0", "pageSize=101", "visible=1", "receivedBefore=yesterday", "x=1", "qlang=es&q=a"]
    {
        let answer = desk.as_holder(&token, Method::GET, &format!("/ebox/messages?{query}")).send().await.unwrap();
        assert_eq!(refusal(answer).await, (400, "INVALID_QUERY".to_owned()), "{query}");
    }
}

#[actix_rt::test]
async fn reading_the_main_content_is_seen_by_the_sender_and_counted() {
    let desk = Desk::open().await;
    let (token, message) = (desk.jan(), letter_to("citizen", JAN, json!({"bodyContent": {"fr": "<p>Annexe</p>"}})));
    let id = desk.publish(&message).await;
    let empty = desk.read(&token, "/ebox").await;
    assert_eq!((&empty["numberOfMessages"], &empty["numberOfUnreadMessages"]), (&json!(1), &json!(1)));
    assert!(empty["eboxSize"].as_f64().unwrap() > 0.0 && empty["lastReceiptDate"].is_string());
    let status = async || {
        let asked = json!([{"messageId": id, "eboxId": {"eboxType": "citizen", "eboxIdValue": JAN}}]);
        let answer = desk.send(Method::POST, "v2/searchMessageStatus").json(&asked).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        answer.json::<Value>().await.unwrap()[0]["readStatus"].clone()
    };
    desk.read(&token, &format!("/ebox/messages/{id}/body")).await;
    assert_eq!(status().await, false, "an annex was read");
    let content = desk
        .as_holder(&token, Method::GET, &format!("/ebox/messages/{id}/attachments/1/content"))
        .send()
        .await
        .unwrap();
    assert_eq!(content.text().await.unwrap(), PDF);
    assert_eq!(status().await, true);
    assert_eq!(desk.read(&token, "/ebox").await["numberOfUnreadMessages"], 0);
    assert_eq!(desk.read(&token, "/ebox/messages?readStatus=true").await["totalItems"], 1);
}

#[actix_rt::test]
async fn a_content_is_given_whole_or_in_part_and_harms_no_browser() {
    let desk = Desk::open().await;
    let (token, mut message) = (desk.jan(), letter());
    message["attachments"][0]["httpPartName"] = "upfile1".into();
    let form = reqwest::multipart::Form::new()
        .part("messageToPublish", crate::desk::description(&message))
        .part("upfile1", crate::desk::file("Été \u{201c}2026\u{201d}.html", "text/html", "<script>alert(1)</script>"));
    let answer = desk.try_publish(form).await;
    assert_eq!(answer.status(), 201);
    let id = answer.json::<Value>().await.unwrap()["messageId"].as_str().unwrap().to_owned();
    let file = desk.read(&token, &format!("/ebox/messages/{id}/attachments/1")).await;
    let href = file["contentHref"].as_str().unwrap();
    assert_eq!(href, format!("{}/messageRegistry/v2/ebox/messages/{id}/attachments/1/content", desk.face.base));
    let get = async |headers: &[(&'static str, &str)]| {
        let path = format!("/ebox/messages/{id}/attachments/1/content");
        let request = desk.as_holder(&token, Method::GET, &path);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
    };
    let whole = get(&[]).await;
    assert_eq!(whole.status(), 200);
    let header = |name: &str| whole.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(
        (header("content-type").as_str(), header("content-length").as_str()),
        ("application/octet-stream", "25")
    );
    assert_eq!((header("x-content-type-options").as_str(), header("accept-ranges").as_str()), ("nosniff", "bytes"));
    assert!(header("content-security-policy").contains("sandbox") && header("cache-control").contains("no-store"));
    let disposition = header("content-disposition");
    assert!(
        disposition.starts_with("attachment; filename=\"_t_ _2026_.html\"; filename*=UTF-8''%C3%89t"),
        "{disposition}"
    );
    let tag = header("etag");
    assert_eq!(whole.text().await.unwrap(), "<script>alert(1)</script>");

    let own = get(&[("accept", "text/html, */*;q=0.1")]).await;
    assert_eq!(own.headers()["content-type"], "text/html");
    for (range, expected, content_range) in [
        ("bytes=0-6", "<script", "bytes 0-6/25"),
        ("bytes=-9", "</script>", "bytes 16-24/25"),
        ("bytes=16-", "</script>", "bytes 16-24/25"),
    ] {
        let part = get(&[("range", range)]).await;
        assert_eq!((part.status().as_u16(), part.headers()["content-range"].to_str().unwrap()), (206, content_range));
        assert_eq!(part.text().await.unwrap(), expected);
    }
    let beyond = get(&[("range", "bytes=25-")]).await;
    assert_eq!(beyond.headers()["content-range"], "bytes */25");
    assert_eq!(refusal(beyond).await, (416, "RANGE_NOT_SATISFIABLE".to_owned()));
    assert_eq!(get(&[("range", "bytes=0-1,3-4")]).await.status(), 200, "several at once are all of it");
    assert_eq!(get(&[("range", "bytes=0-1"), ("if-range", "\"other\"")]).await.status(), 200);
    assert_eq!(get(&[("range", "bytes=0-1"), ("if-range", &tag)]).await.status(), 206);
    assert_eq!(get(&[("if-none-match", &tag)]).await.status(), 304);
}

#[actix_rt::test]
async fn messages_are_put_away_and_shown_again_all_or_none() {
    let desk = Desk::open().await;
    let token = desk.jan();
    let (one, two) = (desk.publish(&letter()).await, desk.publish(&letter()).await);
    let patch = async |body: Value| {
        let request = desk.as_holder(&token, Method::PATCH, "/ebox/messages");
        request.header("content-type", "application/merge-patch+json").body(body.to_string()).send().await.unwrap()
    };
    let item = |id: &str, visible: bool| json!({"messageId": id, "visible": visible});
    let done = patch(json!({"items": [item(&one, false)], "totalItems": 1})).await;
    assert_eq!((done.status().as_u16(), done.text().await.unwrap().as_str()), (200, ""));
    assert_eq!(ids(&desk, &token, "?visible=true").await, [&*two]);
    assert_eq!(ids(&desk, &token, "?visible=false").await, [&*one]);
    let unknown = "0193b1c2-5b1e-7c3a-8f00-000000000001";
    let refused = patch(json!({"items": [item(&two, false), item(unknown, false)]})).await;
    assert_eq!(refusal(refused).await, (404, "NOT_FOUND".to_owned()));
    assert_eq!(ids(&desk, &token, "?visible=true").await, [&*two], "all or none");
    assert_eq!(patch(json!({"items": [item(&one, true)]})).await.status(), 200);
    assert_eq!(ids(&desk, &token, "?visible=true").await.len(), 2);
    assert_eq!(refusal(patch(json!({"items": [{"messageId": one}]})).await).await, (400, "INVALID_INPUT".to_owned()));
    let other = desk.as_holder(&token, Method::PATCH, "/ebox/messages").header("content-type", "text/plain").body("x");
    assert_eq!(refusal(other.send().await.unwrap()).await, (400, "INVALID_MEDIA_TYPE".to_owned()));
}

#[actix_rt::test]
async fn anothers_message_is_answered_like_one_that_is_not_there() {
    let desk = Desk::open().await;
    let id = desk.publish(&letter_to("enterprise", FIRM, json!({}))).await;
    let token = desk.jan();
    let mut answers = Vec::new();
    for id in [id.as_str(), "0193b1c2-5b1e-7c3a-8f00-000000000001", "42", "%00"] {
        for rest in ["", "/attachments", "/attachments/1", "/attachments/1/content", "/body", "/paymentData"] {
            let answer =
                desk.as_holder(&token, Method::GET, &format!("/ebox/messages/{id}{rest}")).send().await.unwrap();
            let status = answer.status().as_u16();
            let body: Value = answer.json().await.unwrap();
            assert_eq!((status, &body["code"]), (404, &json!("NOT_FOUND")), "{id}{rest}");
            answers.push((rest, body["message"].clone()));
        }
    }
    let own = desk.publish(&letter()).await;
    for rest in [
        "/attachments/2",
        "/attachments/01",
        "/attachments/0",
        "/attachments/x",
        "/attachments/2/content",
        "/body",
        "/paymentData",
    ] {
        let answer = desk.as_holder(&token, Method::GET, &format!("/ebox/messages/{own}{rest}")).send().await.unwrap();
        assert_eq!(refusal(answer).await, (404, "NOT_FOUND".to_owned()), "{rest}");
    }
}

#[actix_rt::test]
async fn reference_data_are_told_to_who_publishes_and_who_reads() {
    let desk = Desk::open().await;
    let png = [&b"\x89PNG\r\n\x1a\n"[..], &[0; 100]].concat();
    let put = desk.face.ask(Method::PUT, "/v1/mailbox/applications/app/images/logo?language=fr");
    assert_eq!(put.header("content-type", "image/png").body(png.clone()).send().await.unwrap().status(), 200);
    let token = desk.jan();
    let all = desk.read(&token, "/referenceData/messageTypes?pageSize=2").await;
    assert_eq!((all["items"].as_array().unwrap().len(), &all["totalItems"]), (2, &json!(3)));
    let tax = desk.read(&token, "/referenceData/messageTypes/tax").await;
    assert_eq!(tax["validityPeriod"], json!({"validityPeriodNumber": 2, "validityPeriodUnit": "year"}));
    assert_eq!((&tax["senderOrganizationIds"], &tax["senderApplicationIds"]), (&json!([SENDER]), &json!(["app"])));
    let app = desk.read(&token, "/referenceData/senderApplications/app").await;
    assert_eq!((&app["messageTypeIds"], &app["applicationLogos"][0]["imageId"]), (&json!(["tax"]), &json!("logo")));
    let organization = desk.read(&token, &format!("/referenceData/senderOrganizations/{SENDER}")).await;
    assert_eq!(
        (&organization["senderApplicationIds"], &organization["messageTypeIds"]),
        (&json!(["app"]), &json!(["tax"]))
    );
    for list in ["senderApplications", "senderOrganizations"] {
        assert_eq!(desk.read(&token, &format!("/referenceData/{list}")).await["totalItems"], 1);
    }
    let image =
        desk.send(Method::GET, "v2/referenceData/senderApplications/app/images/logo/content").send().await.unwrap();
    assert_eq!(image.headers()["content-type"], "application/octet-stream");
    assert_eq!(image.bytes().await.unwrap().to_vec(), png);
    for unknown in
        ["messageTypes/x", "senderApplications/x", "senderOrganizations/x", "senderApplications/app/images/x/content"]
    {
        let answer = desk.send(Method::GET, &format!("v2/referenceData/{unknown}")).send().await.unwrap();
        assert_eq!(refusal(answer).await, (404, "NOT_FOUND".to_owned()), "{unknown}");
    }
    let scopeless = desk.issuer.token(&json!({"client_id": "official", "scope": "openid"}));
    let answer = desk.as_holder(&scopeless, Method::GET, "/referenceData/messageTypes").send().await.unwrap();
    assert_eq!(refusal(answer).await, (401, "NOT_ALLOWED".to_owned()));
    // So that the name is used where it is meant: nobody's mailbox is in an address.
    assert!(desk.try_publish(form(&letter_to("citizen", ION, json!({})))).await.status().is_success());
}
