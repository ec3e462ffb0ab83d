//! Keys, records, bundles, and what a check finds.
use std::os::unix::fs::PermissionsExt;
use std::sync::LazyLock;

use estafette_actors::domain::cbe::Cbe;
use estafette_actors::domain::language::{Language, Translated};
use estafette_actors::domain::mailbox::document::{Attachment, Body, DocumentId, Hosting, Scan};
use estafette_actors::domain::mailbox::evidence::Step;
use estafette_actors::domain::mailbox::media::MediaType;
use estafette_actors::domain::mailbox::reference::RefId;
use estafette_actors::domain::submission::Institution;
use estafette_actors::domain::time::Timestamp;
use estafette_actors::ports::mailbox::Signer;
use proptest::prelude::*;

use super::*;

/// For tests only.
const SEC1: &str = "-----BEGIN EC PRIVATE KEY-----\n\
MHcCAQEEIMNZjs8uaK6xjPoLm8CFMXmig5ze6R79wglfLIsq1gqqoAoGCCqGSM49\n\
AwEHoUQDQgAEOrajRcJd+SErGWftw/GfmRRmQjFwdUgxGKbG0MBafXE4hochZ5My\n\
/u0c2/7X6uUv+4dx0hveTWCPybCFjg7+zQ==\n\
-----END EC PRIVATE KEY-----\n";
const SEC1_THUMBPRINT: &str = "eEwur1tWACxdd4iajFBSMWe5qoeECEWVnN-c4zyag4s";

struct Made {
    key: ProviderKey,
    folder: tempfile::TempDir,
}

impl Made {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = ProviderKey::open(&settings(&folder)).unwrap();
        Self { key, folder }
    }
}

fn settings(folder: &tempfile::TempDir) -> Settings {
    Settings { key_file: None, secrets: folder.path().join("secrets"), earlier: None }
}

fn document() -> Document {
    let attachment = |number, digest| Attachment {
        number,
        title: Translated::of(Language::Nl, "Uw pensioen".into()),
        file_name: "85073003328.pdf".into(),
        media_type: MediaType::Pdf,
        is_main: number == 1,
        size: 5,
        digest,
        is_signed: false,
        content: None,
        scan: Scan::NotScanned,
    };
    let mut html = Translated::of(Language::Nl, Box::from("<p>Dag</p>"));
    html.set(Language::Fr, "<p>Bonjour</p>".into());
    Document {
        author: None,
        id: DocumentId::new(Timestamp::from_millis(1_795_867_200_000), 7),
        sender: Institution(Cbe::parse("0403019261").unwrap()),
        application: None,
        message_type: RefId::parse("pension").unwrap(),
        subject: Translated::of(Language::Nl, "Over 85073003328".into()),
        body: Some(Body { html, is_main: false }),
        attachments: vec![attachment(2, None), attachment(1, Some(Digest([9; 32])))],
        business: vec![],
        payment: None,
        attention: None,
        replies_to: None,
        may_be_replied_to: false,
        is_registered: true,
        published_at: Timestamp::from_millis(1_795_867_200_000),
        expires_at: Timestamp::from_millis(1_895_867_200_000),
        hosting: Hosting::Here,
    }
}

fn occurrence(step: Step, minute: u64) -> Occurrence {
    let document = document();
    Occurrence {
        step,
        at: Timestamp::from_millis(document.published_at.millis() + minute * 60_000),
        document: document.id,
        sender: document.sender.0,
        recipient: [3; 32],
        content: content_digest(&document),
        reason: None,
    }
}

const STEPS: [Step; 4] =
    [Step::SubmissionAcceptance, Step::ContentConsignment, Step::NotificationForAcceptance, Step::ContentHandover];

fn chain(key: &impl Signer, occurrences: &[Occurrence]) -> Vec<Signed> {
    let mut records: Vec<Signed> = Vec::new();
    for occurrence in occurrences {
        records.push(key.sign(&payload(occurrence, records.len() as u32 + 1, records.last())));
    }
    records
}

fn good(key: &ProviderKey) -> Bundle {
    let occurrences: Vec<_> = STEPS.into_iter().zip(0..).map(|(step, minute)| occurrence(step, minute)).collect();
    Bundle::new(&document(), chain(key, &occurrences), key.keys())
}

fn told(bundle: &Bundle, given: Option<&KeySet>) -> Vec<(String, String)> {
    check(&bundle.json(), given).broken.into_iter().map(|broken| (broken.place, broken.what)).collect()
}

#[test]
fn a_key_is_made_once_for_its_owner_only_and_known_by_its_thumbprint() {
    let made = Made::new();
    let path = made.folder.path().join("secrets/evidence.pem");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let again = ProviderKey::open(&settings(&made.folder)).unwrap();
    assert_eq!(again.keys(), made.key.keys());
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    assert!(matches!(ProviderKey::open(&settings(&made.folder)), Err(Error::Exposed(_))));
    // One that is configured is never made.
    let missing = Settings { key_file: Some(made.folder.path().join("no.pem")), ..settings(&made.folder) };
    assert!(matches!(ProviderKey::open(&missing), Err(Error::File { .. })));
    std::fs::write(&path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    assert!(matches!(ProviderKey::open(&settings(&made.folder)), Err(Error::NotAKey(_))));
}

/// Made with `openssl ecparam -genkey -name prime256v1`; the thumbprint with PyPI's jwcrypto.
#[test]
fn a_key_of_openssl_signs_and_has_the_thumbprint_that_others_compute() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    std::fs::write(&path, SEC1).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    let key = ProviderKey::open(&Settings { key_file: Some(path), ..settings(&folder) }).unwrap();
    assert_eq!(key.keys().keys[0].thumbprint(), SEC1_THUMBPRINT);
    assert!(check(&good(&key).json(), Some(key.keys())).is_right());
}

#[test]
fn a_bundle_holds_with_the_right_keys_and_has_nothing_personal_in_it() {
    let made = Made::new();
    let bundle = good(&made.key);
    let json = bundle.json();
    let report = check(&json, Some(made.key.keys()));
    assert!(report.is_right() && !report.trusted_own_keys && report.holds.len() == 5, "{report:?}");
    assert_eq!(report.records.iter().filter_map(|record| record.step).collect::<Vec<_>>(), STEPS);
    let own = check(&json, None);
    assert!(own.is_right() && own.trusted_own_keys);
    let text = String::from_utf8(json).unwrap();
    assert!(!text.contains("85073003328") && text.contains("0403019261") && !text.contains("\"d\""));
    // As other keys would have it: nothing is signed by one that is trusted.
    let other = Made::new();
    let broken = told(&bundle, Some(other.key.keys()));
    assert_eq!(broken.len(), 4);
    assert!(broken.iter().all(|(_, what)| what.contains("not among those that are trusted")), "{broken:?}");
}

#[test]
fn records_signed_with_an_earlier_key_hold_beside_newer_ones() {
    let (old, new) = (Made::new(), Made::new());
    let earlier = new.folder.path().join("earlier.json");
    std::fs::write(&earlier, serde_json::to_vec(old.key.keys()).unwrap()).unwrap();
    let settings = Settings { earlier: Some(earlier), ..settings(&new.folder) };
    let key = ProviderKey::open(&settings).unwrap();
    assert_eq!(key.keys().keys.len(), 2);
    let first = old.key.sign(&payload(&occurrence(STEPS[0], 0), 1, None));
    let second = key.sign(&payload(&occurrence(STEPS[1], 1), 2, Some(&first)));
    let bundle = Bundle::new(&document(), vec![first, second], key.keys());
    assert_eq!(told(&bundle, Some(key.keys())), []);
    assert_eq!(told(&bundle, Some(new.key.keys())).len(), 1, "without the earlier one");
}

#[test]
fn each_way_to_cheat_is_told_where_it_is() {
    let made = Made::new();
    let (key, keys) = (&made.key, Some(made.key.keys()));
    let of = |records| Bundle::new(&document(), records, key.keys());
    let bundle = good(key);
    let has = |bundle: &Bundle, place: &str, what: &str| {
        let broken = told(bundle, keys);
        assert!(broken.iter().any(|(at, why)| at == place && why.contains(what)), "{place}, {what}: {broken:?}");
    };
    // Left out, moved, put twice.
    let mut gap = bundle.clone();
    gap.records.remove(1);
    has(&gap, "record 2", "it is the 3. of its chain");
    has(&gap, "record 2", "does not follow");
    let mut moved = bundle.clone();
    moved.records.swap(1, 2);
    has(&moved, "record 3", "does not follow");
    let mut headless = bundle.clone();
    headless.records.remove(0);
    has(&headless, "record 1", "a chain begins with");
    has(&of(vec![]), "the file", "no record");
    // Signed, and wrong in itself.
    let at = |step, minute| occurrence(step, minute);
    has(&of(chain(key, &[at(STEPS[0], 5), at(STEPS[1], 4)])), "record 2", "earlier than");
    has(&of(chain(key, &[at(STEPS[0], 0), at(Step::ContentHandover, 1)])), "record 2", "not placed in the mailbox");
    let elsewhere = Occurrence { recipient: [4; 32], ..at(STEPS[1], 1) };
    has(&of(chain(key, &[at(STEPS[0], 0), elsewhere])), "record 2", "another document, sender, mailbox");
    let note = key.sign(br#"{"note": "no record"}"#);
    has(&of(vec![note]), "record 1", "no record of a form");
    // The description is of something else.
    let mut part = bundle.clone();
    part.document.parts[0].digest = Some(base64url(&[0; 32]));
    has(&part, "the document", "don't make its content digest");
    let other = Document { attachments: vec![], ..document() };
    let mut content = bundle.clone();
    content.document = Bundle::new(&other, vec![], key.keys()).document;
    has(&content, "the document", "another content");
    let mut sender = bundle.clone();
    sender.document.sender = "0206731645".into();
    has(&sender, "the document", "another sender");
    // A key under another's name.
    let mut renamed = bundle.clone();
    let foreign = Made::new();
    let text = serde_json::to_string(foreign.key.keys()).unwrap();
    let (own, its) = (key.keys().keys[0].thumbprint(), foreign.key.keys().keys[0].thumbprint());
    renamed.keys = serde_json::from_str(&text.replace(&its, &own)).unwrap();
    has(&renamed, "the keys", "its name is not its thumbprint");
    assert_eq!(told(&renamed, None).len(), 5, "and no record is signed by it");
    // Another algorithm.
    let none = format!("{}.{}.", base64url(br#"{"alg":"none","typ":"evidence+jws","kid":"x"}"#), base64url(b"{}"));
    has(&of(vec![Signed(none.into())]), "record 1", "header is not that of a record");
}

#[test]
fn a_content_digest_is_over_all_parts_in_their_order() {
    let parts = [sha256(b"<p>Bonjour</p>"), sha256(b"<p>Dag</p>"), [9; 32], [0; 32]].concat();
    assert_eq!(content_digest(&document()).0, sha256(&parts));
}

static MADE: LazyLock<(KeySet, Vec<u8>)> = LazyLock::new(|| {
    let made = Made::new();
    (made.key.keys().clone(), good(&made.key).json())
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn one_byte_changed_anywhere_in_the_records_is_found(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let (keys, json) = &*MADE;
        let text = std::str::from_utf8(json).unwrap();
        let start = text.find("\"records\"").unwrap();
        let end = text.find("\"keys\"").unwrap();
        // White space between the records means nothing, and is no part of them.
        let places: Vec<usize> = (start..end).filter(|place| !json[*place].is_ascii_whitespace()).collect();
        let place = places[place.index(places.len())];
        prop_assume!(json[place] != byte);
        let mut changed = json.clone();
        changed[place] = byte;
        prop_assert!(!check(&changed, Some(keys)).is_right(), "place {place}");
        prop_assert!(!check(&changed, None).is_right(), "place {place}");
    }

    #[test]
    fn rubbish_is_no_bundle(rubbish in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(!check(&rubbish, None).is_right());
    }
}
