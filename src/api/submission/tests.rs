//! Every way in which a message can be wrong, and where that is said.
use estafette_actors::domain::strategy;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

fn profile() -> InstitutionProfile {
    InstitutionProfile {
        institution: estafette_actors::domain::submission::Institution("0403019261".parse().unwrap()),
        name: "An institution".into(),
        default_language: Language::Fr,
        sender_name: Some("INSTITUTION".into()),
        sender_names: vec!["X".into(), "8686".into()],
        strategies: Some(vec!["sms-only".into(), "govapp-first".into(), "cheapest".into()]),
        retention_days: 7,
        legal_context: None,
        operator: false,
    }
}

fn read(body: &str) -> Result<Single, Problem> {
    let strategies: Vec<_> = strategy::built_in().into_iter().map(Arc::new).collect();
    let day = Duration::from_secs(24 * 3600);
    let rules = Rules {
        now: NOW,
        strategies: &strategies,
        profile: &profile(),
        prices: &PriceList::default(),
        validity_default: day,
        validity_max: 30 * day,
        reaches: Reaches::All,
    };
    single(body.as_bytes(), &rules)
}

fn places(body: &str) -> Vec<String> {
    match read(body) {
        Err(Problem::InvalidRequest(faults)) => faults.into_iter().map(|fault| fault.pointer).collect(),
        Err(other) => vec![other.to_string()],
        Ok(_) => Vec::new(),
    }
}

/// A good message with one member replaced by `members`.
fn with(members: &str) -> String {
    let rest = [
        ("recipient", r#"{"mobile":"+32470123456"}"#),
        ("strategy", r#""sms-only""#),
        ("content", r#"{"text":{"fr":"Bonjour"}}"#),
    ];
    let kept = rest.into_iter().filter(|(name, _)| !members.contains(&format!("\"{name}\"")));
    let kept: Vec<_> = kept.map(|(name, value)| format!("\"{name}\":{value}")).collect();
    let all: Vec<_> = kept.iter().map(String::as_str).chain((!members.is_empty()).then_some(members)).collect();
    format!("{{{}}}", all.join(","))
}

#[test]
fn a_good_message_gets_the_defaults() {
    let read = read(&with("")).unwrap();
    assert_eq!(read.recipient.mobile.map(|mobile| mobile.e164()).as_deref(), Some("+32470123456"));
    assert_eq!((read.terms.lane, read.terms.not_before), (Lane::Normal, Timestamp::ZERO));
    assert_eq!(read.terms.valid_until, NOW.plus(Duration::from_secs(24 * 3600)));
    assert_eq!(read.terms.sender_name.as_deref(), Some("INSTITUTION"));
}

#[test]
fn everything_that_can_be_given_is_kept() {
    let members = r#""recipient":{"niss":"85.07.30-033.28","cbe":"0403.019.261"},"priority":"urgent",
        "not_before":"2026-11-20T00:00:00Z","valid_until":"2026-12-01T00:00:00Z","language":"de",
        "sender_reference":"a\u00e9b","sender_name":"X","content":{"title":{"de":"T"},"html":{"de":"<b>h</b>"}}"#;
    let read = read(&with(members)).unwrap();
    assert!(read.recipient.niss.is_some() && read.recipient.cbe.is_some() && read.recipient.mobile.is_none());
    assert_eq!((read.terms.lane, read.language), (Lane::Urgent, Some(Language::De)));
    assert_eq!(read.terms.not_before.to_string(), "2026-11-20T00:00:00.000Z");
    assert_eq!(read.terms.sender_reference.as_deref(), Some("a\u{e9}b"));
    assert_eq!(read.terms.sender_name.as_deref(), Some("X"));
}

#[test]
fn each_mistake_is_named_at_its_place() {
    let long = "x".repeat(5_001);
    let cases = [
        (r#""recipient":{}"#.to_owned(), "/recipient"),
        (r#""recipient":[]"#.to_owned(), "/recipient"),
        (r#""recipient":{"niss":"99073003360"}"#.to_owned(), "/recipient/niss"),
        (r#""recipient":{"niss":85073003328}"#.to_owned(), "/recipient/niss"),
        (r#""recipient":{"mobile":"+3222123456"}"#.to_owned(), "/recipient/mobile"),
        (r#""recipient":{"cbe":"0200004298"}"#.to_owned(), "/recipient/cbe"),
        (r#""recipient":{"mobile":"0470123456","email":"a"}"#.to_owned(), "/recipient/email"),
        (r#""strategy":"none-such""#.to_owned(), "/strategy"),
        (r#""strategy":"ebox-only""#.to_owned(), "/strategy"),
        (r#""strategy":3"#.to_owned(), "/strategy"),
        (r#""content":{}"#.to_owned(), "/content"),
        (r#""content":{"text":{"it":"ciao"}}"#.to_owned(), "/content/text"),
        (r#""content":{"text":{"fr":1}}"#.to_owned(), "/content/text/fr"),
        (r#""content":{"text":"Bonjour"}"#.to_owned(), "/content/text"),
        (r#""content":{"text":{"fr":"a","fr":"b"}}"#.to_owned(), "/content/text/fr"),
        (r#""content":{"sms":{"fr":"a"}}"#.to_owned(), "/content/sms"),
        (r#""content":{"encrypted":{"a":"b"},"text":{"fr":"a"}}"#.to_owned(), "/content/encrypted"),
        (format!(r#""content":{{"text":{{"fr":"{long}"}}}}"#), "/content"),
        (r#""priority":"high""#.to_owned(), "/priority"),
        (r#""not_before":"tomorrow""#.to_owned(), "/not_before"),
        (r#""not_before":"2027-11-20T00:00:00Z""#.to_owned(), "/not_before"),
        (r#""valid_until":"2020-01-01T00:00:00Z""#.to_owned(), "/valid_until"),
        (r#""valid_until":"2027-11-20T00:00:00Z""#.to_owned(), "/valid_until"),
        (r#""not_before":"2026-11-21T00:00:00Z","valid_until":"2026-11-20T00:00:00Z""#.to_owned(), "/valid_until"),
        (r#""language":"FR""#.to_owned(), "/language"),
        (r#""sender_reference":"""#.to_owned(), "/sender_reference"),
        (r#""sender_name":"a\nb""#.to_owned(), "/sender_name"),
        (r#""colour":"red""#.to_owned(), "/colour"),
        (r#""a/b":1"#.to_owned(), "/a~1b"),
        (r#""priority":"bulk","priority":"urgent""#.to_owned(), "/priority"),
    ];
    for (members, place) in cases {
        assert_eq!(places(&with(&members)), [place], "{members}");
    }
    assert_eq!(places("[]"), [""]);
    assert_eq!(places("{}"), ["/recipient", "/content", "/strategy"]);
}

#[test]
fn nobody_sends_under_another_s_name() {
    for name in ["X", "x", "institution", "8686"] {
        assert_eq!(places(&with(&format!(r#""sender_name":"{name}""#))), [""; 0], "{name}");
    }
    let Err(Problem::InvalidRequest(faults)) = read(&with(r#""sender_name":"ANOTHER""#)) else { panic!("accepted") };
    assert_eq!(faults[0].pointer, "/sender_name");
    for allowed in ["INSTITUTION", "X", "8686"] {
        assert!(faults[0].detail.contains(allowed), "{}", faults[0].detail);
    }
    assert!(!faults[0].detail.contains("ANOTHER"));
}

#[test]
fn all_mistakes_are_told_at_once_and_no_value_is_repeated() {
    let body = r#"{"recipient":{"niss":"99073003360","mobile":"12"},"strategy":"x","language":"xx","more":1}"#;
    let Err(Problem::InvalidRequest(faults)) = read(body) else { panic!("accepted") };
    let found: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(found, ["/recipient/niss", "/recipient/mobile", "/language", "/content", "/strategy", "/more"]);
    assert!(faults.iter().all(|fault| !fault.detail.contains("99073003360")));
}

#[test]
fn what_is_no_json_is_said_with_its_place_only() {
    for body in ["", "{", "nonsense", r#"{"recipient":{"niss":"85073003328"}"#, "{} {}"] {
        let Err(Problem::MalformedJson(what)) = read(body) else { panic!("{body}") };
        assert!(what.contains("line 1") && !what.contains("85073003328"), "{what}");
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_refused_or_read_without_a_panic(body in "[{}\\[\\]\",:a-c0-9\\\\ ]{0,60}") {
        let _ = read(&body);
    }
}
