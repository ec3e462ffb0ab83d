//! One example of each body of these faces in the OpenAPI document: one letter, from one institution, in one mailbox.
use serde_json::{Value, json};

/// A message.
pub const ID: &str = "0193b1c2-5b1e-7c3a-8f00-000000000001";
/// A digest.
pub const DIGEST: &str = "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg";
const CAME: &str = "2026-11-23T08:30:00Z";
const GOES: &str = "2028-11-23T08:30:00Z";
const PLACE: &str = "https://ebox.example.be";

pub fn ebox_id() -> Value {
    json!({"eboxType": "enterprise", "eboxIdValue": "0206731645"})
}

pub fn names() -> Value {
    json!({"fr": "Lettre de pension", "nl": "Pensioenbrief", "de": "Rentenbrief", "en": "Pension letter"})
}

pub fn digest() -> Value {
    json!({"digestMethod": "sha_256", "digestValue": DIGEST})
}

pub fn ebox() -> Value {
    json!({
        "numberOfMessages": 36, "numberOfUnreadMessages": 2, "lastReceiptDate": CAME, "lastConsultationDate": CAME, "eboxSize": 1800.5,
    })
}

pub fn attachment() -> Value {
    json!({
        "attachmentId": "1", "attachmentTitle": {"fr": "Votre pension"}, "fileName": "pension.pdf", "mainContent": true,
        "mediaType": "application/pdf", "size": 48.5, "digest": digest(), "attachmentSigned": false,
        "contentHref": format!("{PLACE}/messageRegistry/v2/ebox/messages/{ID}/attachments/1/content"),
    })
}

pub fn attachments() -> Value {
    json!({"items": [attachment()], "totalItems": 1})
}

pub fn payment() -> Value {
    json!({
        "paymentDataId": "invoice-17", "amount": 120.5, "vatAmount": 25.31, "currency": "EUR", "dueDate": GOES,
        "iban": "BE68539007547034", "bic": "GKCCBEBB", "reference": {"structured": "+++090/9337/55493+++"},
    })
}

pub fn message() -> Value {
    json!({
        "messageId": ID, "subject": {"fr": "Votre pension", "nl": "Uw pensioen"}, "receiptDate": CAME, "expirationDate": GOES,
        "readStatus": false, "visible": true, "registeredMail": false, "messageTypeId": "pension-letter",
        "senderOrganizationId": "0403019261", "senderApplicationId": "pensions", "attachments": attachments(),
        "bodyMainContent": false, "businessDataList": {"items": [], "totalItems": 0}, "replyAuthorized": false,
    })
}

pub fn messages() -> Value {
    json!({"items": [message()], "totalItems": 36})
}

pub fn to_update() -> Value {
    json!({"items": [{"messageId": ID, "visible": false}], "totalItems": 1})
}

pub fn to_publish() -> Value {
    json!({
        "recipient": ebox_id(), "subject": {"fr": "Votre pension", "nl": "Uw pensioen"}, "messageTypeId": "pension-letter",
        "senderOrganizationId": "0403019261", "senderApplicationId": "pensions",
        "attachments": [{"httpPartName": "upfile1", "mainContent": true, "attachmentSigned": false}],
        "bodyMainContent": false, "replyAuthorized": false,
    })
}

pub fn to_publish_3() -> Value {
    let mut message = to_multicast();
    message["recipient"] = json!({"eboxType": "enterprise", "enterpriseNumber": "0206731645"});
    message
}

pub fn to_multicast() -> Value {
    json!({
        "sender": {"eboxType": "enterprise", "enterpriseNumber": "0403019261"}, "subject": {"fr": "Votre pension"},
        "messageTypeId": "pension-letter", "senderApplicationId": "pensions",
        "attachments": [{"httpPartName": "upfile1", "isMainContent": true}], "isBodyMainContent": false, "isReplyAuthorized": false,
    })
}

pub fn multipart(message: Value) -> Value {
    json!({"messageToPublish": message, "upfile1": "%PDF-1.7 ..."})
}

pub fn published() -> Value {
    json!({"messageId": ID, "expirationDate": GOES, "code": "SUCCESS", "message": "it is in the mailbox"})
}

pub fn to_link() -> Value {
    json!({"messageId": ID, "recipients": [ebox_id(), {"eboxType": "citizen", "eboxIdValue": "85073003328"}]})
}

pub fn linked() -> Value {
    json!({"messageId": ID, "expirationDate": GOES, "nbSuccessLinks": 2, "errorCases": []})
}

pub fn status_request() -> Value {
    json!([{"messageId": ID, "eboxId": ebox_id()}])
}

pub fn status() -> Value {
    json!({"messageId": ID, "eboxId": ebox_id(), "expirationDate": GOES, "readStatus": true, "visible": true})
}

pub fn message_type() -> Value {
    json!({
        "messageTypeId": "pension-letter", "messageTypeName": names(), "messageTypeDescription": {},
        "validityPeriod": {"validityPeriodNumber": 2, "validityPeriodUnit": "year"}, "senderOrganizationIds": ["0403019261"],
        "senderApplicationIds": ["pensions"],
    })
}

pub fn message_types() -> Value {
    json!({"items": [message_type()], "totalItems": 1})
}

pub fn application() -> Value {
    let href = format!("{PLACE}/messageRegistry/v2/referenceData/senderApplications/pensions/images/logo/content");
    let logo = json!({"imageId": "logo", "size": 4.5, "mediaType": "image/png", "contentHref": href});
    json!({
        "applicationId": "pensions", "applicationName": names(), "applicationDescription": {}, "applicationLogos": [logo],
        "applicationUrl": {"fr": "https://www.example.be/fr"}, "senderOrganizationIds": ["0403019261"],
        "messageTypeIds": ["pension-letter"], "contactBusiness": "02 000 00 00",
    })
}

pub fn applications() -> Value {
    json!({"items": [application()], "totalItems": 1})
}

pub fn organization() -> Value {
    json!({
        "organizationId": "0403019261", "organizationShortName": names(), "organizationLongName": {}, "organizationLogos": [],
        "organizationUrl": {}, "senderApplicationIds": ["pensions"], "messageTypeIds": ["pension-letter"],
    })
}

pub fn organizations() -> Value {
    json!({"items": [organization()], "totalItems": 1})
}

fn event() -> Value {
    json!({
        "eventType": "newDocument", "eventCorrelationId": "enterprise-41", "messageId": ID, "receiptDate": CAME,
        "expirationDate": GOES, "registeredMail": false, "messageTypeId": "pension-letter", "senderOrganizationId": "0403019261",
        "senderApplicationId": "pensions", "subject": {"fr": "Votre pension"},
    })
}

fn event_item(name: &str, number: &str) -> Value {
    let mut data = event();
    data[name] = number.into();
    json!({"eventSequenceNbr": 41, "eventTime": "2026-11-23T08:30:00.123Z", "eventProviderId": "estafette", "eventData": data})
}

pub fn enterprise_events() -> Value {
    let events = [event_item("enterpriseId", "0206731645")];
    json!({"EboxEnterpriseDocumentEvents": events, "pageInfo": {"lastSequenceNbr": 41, "hasNext": false}})
}

pub fn citizen_events() -> Value {
    let events = [event_item("citizenId", "85073003328")];
    json!({"EboxCitizenDocumentEvents": events, "pageInfo": {"lastSequenceNbr": 41, "hasNext": false}})
}

pub fn id_list() -> Value {
    json!({"eboxType": "ENTERPRISE", "eboxIdType": "EnterpriseNumber", "eboxIdValueList": ["0206731645"]})
}

fn federation_id() -> Value {
    json!({"eboxType": "ENTERPRISE", "eboxIdValue": "0206731645"})
}

pub fn preferences() -> Value {
    json!({"eboxId": federation_id(), "exclusivelyEbox": true})
}

pub fn new_preferences() -> Value {
    preferences()
}

pub fn consents() -> Value {
    json!({"eboxId": federation_id(), "consents": [{"clientId": "doccle", "givenDate": CAME}]})
}

pub fn new_consent() -> Value {
    json!({"eboxId": federation_id(), "clientId": "doccle", "consent": true})
}

pub fn provider() -> Value {
    json!({
        "messageProviderId": "estafette", "messageProviderName": names(), "messageProviderDescription": {},
        "messageProviderUrl": format!("{PLACE}/messageRegistry/v2"), "messageProviderActivationDate": "2026-01-01",
        "messageProviderTechnicalContact": "helpdesk@example.be", "messageProviderPlannedMaintenance": [], "apiSupportedVersion": "2.1",
        "_links": {"self": {"href": format!("{PLACE}/federation/v1/messageProviders/estafette")}},
    })
}

pub fn links() -> Value {
    let to = |path: &str| json!({"href": format!("{PLACE}/federation/v1{path}")});
    json!({"_links": {
        "self": to("/api"), "documentation": to("/api/doc"), "description": to("/api/doc/swagger.json"),
        "eboxPreferences": to("/eboxPreferences/search"), "eboxConsents": to("/eboxConsents"), "messageProviders": to("/messageProviders"),
    }})
}

pub fn publication() -> Value {
    json!({"publicationId": ID, "expirationDate": GOES})
}

pub fn recipients() -> Value {
    json!({"recipients": [{"eboxType": "citizen", "ssin": "85073003328"}]})
}

pub fn recipient_statuses() -> Value {
    let message = "it is in the mailbox";
    let one = json!({"recipient": {"eboxType": "citizen", "ssin": "85073003328"}, "messageId": ID, "code": "SUCCESS", "message": message});
    json!({"items": [one], "totalItems": 1})
}

pub fn evidence() -> Value {
    let document = json!({
        "id": ID, "sender": "0403019261", "messageType": "pension-letter", "publishedAt": "2026-11-28T10:00:00.000Z",
        "expiresAt": "2028-11-28T10:00:00.000Z", "parts": [], "contentDigest": DIGEST,
    });
    json!({
        "format": "estafette-evidence", "version": 1, "document": document, "records": ["eyJhbGciOiJFUzI1NiJ9.e30.c2ln"],
        "keys": {"keys": []}, "howToCheck": ["Run `estafette evidence verify FILE --key KEYS`."],
    })
}

/// A coordinate of a point.
pub const COORDINATE: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";

pub fn key() -> Value {
    json!({
        "kty": "EC", "crv": "P-256", "x": COORDINATE, "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", "alg": "ES256", "use": "sig",
        "kid": "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U",
    })
}

pub fn keys() -> Value {
    json!({"keys": [key()]})
}

pub fn evidence_search() -> Value {
    json!({"messageId": ID, "recipient": {"eboxType": "citizen", "ssin": "85073003328"}})
}

pub fn task() -> Value {
    let error = json!({"line": 3, "message": "ssin: the last two digits of this NISS don't fit the others: check the number for a typing mistake"});
    json!({
        "multicastTaskId": ID, "publicationId": ID, "status": "DONE", "lines": 250_000, "linked": 249_999, "noDigitalUser": 1_250,
        "refused": 1, "errors": [error], "beginDate": CAME, "endDate": CAME,
    })
}

pub fn new_type() -> Value {
    json!({
        "names": names(), "validity": {"number": 2, "unit": "year"}, "audience": "citizen", "may_be_registered": true,
        "organizations": ["0403019261"], "applications": ["pensions"],
    })
}

pub fn mailbox_type() -> Value {
    json!({
        "id": "pension-letter", "names": names(), "descriptions": {}, "validity": {"number": 2, "unit": "year"}, "audience": "citizen",
        "may_be_registered": true, "right": null, "organizations": ["0403019261"], "applications": ["pensions"],
    })
}

pub fn new_application() -> Value {
    json!({"names": names(), "urls": {"fr": "https://www.example.be/fr"}, "organizations": ["0403019261"], "contact": "02 000 00 00"})
}

pub fn mailbox_application() -> Value {
    json!({
        "id": "pensions", "names": names(), "descriptions": {}, "urls": {"fr": "https://www.example.be/fr"},
        "organizations": ["0403019261"], "contact": "02 000 00 00",
    })
}

pub fn new_organization() -> Value {
    json!({"names": names(), "long_names": names(), "contact": "02 000 00 00"})
}

pub fn mailbox_organization() -> Value {
    json!({"cbe": "0403019261", "names": names(), "long_names": names(), "urls": {}, "contact": "02 000 00 00"})
}

pub fn image() -> Value {
    json!({"id": "logo", "media_type": "image/png", "language": null, "size": 4_608})
}

pub fn bounce() -> Value {
    json!({"outcome": "turned_off"})
}

pub fn new_mailbox() -> Value {
    json!({
        "ebox_id": ebox_id(), "active": true,
        "preferences": {"language": "nl", "email": "name@example.be", "notice": "email", "exclusively_digital": true},
        "consents": [{"portal": "doccle", "stands": true}],
    })
}

pub fn mailbox() -> Value {
    json!({
        "ebox_id": ebox_id(), "active_since": CAME, "consulted_at": null,
        "preferences": {
            "language": "nl", "email": "name@example.be", "email_fails": false, "notice": "email", "exclusively_digital": true,
        },
        "consents": [{"portal": "doccle", "stands": true}],
    })
}
