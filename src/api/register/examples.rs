//! One example of each body of the register in the OpenAPI document: one person, in one role, of one institution.
use serde_json::{Value, json};

/// A citizen.
pub const NISS: &str = "85073003328";
/// A number of the BCSS.
const BIS: &str = "85473003317";
const TIME: &str = "2026-11-23T05:00:00.000Z";
const SHA256: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

pub fn names() -> Value {
    json!({"fr": "Pensionné", "nl": "Gepensioneerde", "de": "Rentner", "en": "Pensioner"})
}

pub fn new_type() -> Value {
    let rights = json!([{"partner": "0206731645", "consult": true, "mutations": false}]);
    json!({"names": names(), "valid_from": "2020-01-01", "rights": rights})
}

pub fn dossier_type() -> Value {
    let rights = json!([{"partner": "0206731645", "consult": true, "mutations": false}]);
    json!({"code": "PENSIONER", "names": names(), "valid_from": "2020-01-01", "valid_until": null, "partner": null, "rights": rights})
}

pub fn dossier_types() -> Value {
    json!({"types": [dossier_type()]})
}

pub fn claim() -> Value {
    json!({"surname": "Peeters", "given_names": "Jan", "birth_date": "1985-07-30", "sex": "male"})
}

pub fn inscription() -> Value {
    json!({"niss": NISS, "type": "PENSIONER", "begin": "2026-01-01", "end": "2026-12-31", "person": {"surname": "Peeters"}})
}

pub fn inscribed() -> Value {
    json!({
        "niss": NISS, "type": "PENSIONER", "outcome": "merged", "row": {"begin": "2025-06-01", "end": "2026-12-31"},
        "merged": [{"begin": "2025-06-01", "end": "2026-03-31"}], "remarks": [],
    })
}

pub fn removal() -> Value {
    json!({"niss": NISS, "type": "PENSIONER", "begin": "2026-03-01", "end": "2026-03-31"})
}

pub fn removed() -> Value {
    let left = json!([{"begin": "2025-06-01", "end": "2026-02-28"}, {"begin": "2026-04-01", "end": "2026-12-31"}]);
    json!({"niss": NISS, "type": "PENSIONER", "touched": [{"begin": "2025-06-01", "end": "2026-12-31"}], "left": left, "remarks": []})
}

pub fn consultation() -> Value {
    json!({"niss": NISS, "on": "2026-11-23", "limit": 100})
}

pub fn row() -> Value {
    json!({"niss": NISS, "type": "PENSIONER", "begin": "2026-04-01", "end": null})
}

pub fn rows() -> Value {
    json!({"owner": "0403019261", "rows": [row()], "remarks": [], "next": null})
}

pub fn import_ndjson() -> Value {
    format!("{}\n", json!({"niss": NISS, "type": "PENSIONER", "begin": "2026-01-01"})).into()
}

pub fn import_csv() -> Value {
    format!("niss,type,begin,end,surname\r\n{NISS},PENSIONER,2026-01-01,,Peeters\r\n").into()
}

fn bad_line() -> Value {
    let detail = "the last two digits of this NISS don't fit the others: check the number for a typing mistake";
    json!({"line": 3, "column": "niss", "detail": detail, "code": "MSG00008"})
}

pub fn imported() -> Value {
    json!({
        "accepted": 1249, "refused": 1, "added": 1200, "merged": 9, "covered": 40, "replaced": 2, "deceased": 0,
        "errors": [bad_line()],
    })
}

pub fn export_ndjson() -> Value {
    format!("{}\n", row()).into()
}

pub fn export_csv() -> Value {
    format!("niss,type,begin,end\r\n{NISS},PENSIONER,2026-04-01,\r\n").into()
}

pub fn person() -> Value {
    json!({
        "niss": NISS, "standing": "in_use", "surname": "Peeters", "given_names": "Jan", "birth_date": "1985-07-30", "sex": "male",
        "language": "nl", "deceased": null,
    })
}

pub fn whom() -> Value {
    json!({"niss": NISS})
}

pub fn lookup() -> Value {
    json!({"person": person(), "remarks": []})
}

pub fn search() -> Value {
    json!({"surname": "Peters", "given_names": "Jan", "birth_date": "1985-07", "years": 1, "limit": 20})
}

pub fn found() -> Value {
    json!({"score": 97, "person": person()})
}

pub fn hits() -> Value {
    json!({"persons": [found()], "incomplete": false})
}

pub fn new_person() -> Value {
    json!({"surname": "Popescu", "given_names": "Ion", "birth_date": "1985-07-30", "sex": "male", "language": "fr"})
}

pub fn created() -> Value {
    json!({"niss": BIS})
}

pub fn correction() -> Value {
    json!({"niss": BIS, "given_names": "Ion Andrei"})
}

pub fn corrected() -> Value {
    let person = json!({
        "surname": "Popescu", "given_names": "Ion Andrei", "birth_date": "1985-07-30", "sex": "male", "language": "fr", "deceased": null,
    });
    json!({"niss": BIS, "person": person, "remarks": []})
}

pub fn persons_ndjson() -> Value {
    let one = json!({"niss": NISS, "surname": "Peeters", "given_names": "Jan", "birth_date": "1985-07-30", "sex": "male", "language": "nl"});
    format!("{one}\n").into()
}

pub fn persons_csv() -> Value {
    format!("niss,surname,given_names,birth_date,sex,language,deceased,replaced_by,cancelled\r\n{NISS},Peeters,Jan,1985-07-30,male,nl,,,\r\n").into()
}

pub fn loaded() -> Value {
    json!({"accepted": 1249, "refused": 1, "new": 1200, "changed": 9, "errors": [bad_line()]})
}

pub fn voucher() -> Value {
    json!({
        "sequence": 41, "from": "2026-11-22", "until": "2026-11-22", "count": 1, "bytes": 1250, "sha256": SHA256, "made_at": TIME,
        "confirmed_at": null, "href": "/v1/register/mutations/41",
    })
}

pub fn vouchers() -> Value {
    json!({"vouchers": [voucher()], "next": null})
}

pub fn mutations() -> Value {
    let mutation = json!({"niss": NISS, "on": "2026-11-22", "recorded_at": "2026-11-22T09:15:00.000Z", "what": "replaced", "by": BIS});
    json!({"voucher": voucher(), "mutations": [mutation]})
}

/// A file of mutations; what is in it is told by its XSD.
pub fn file() -> Value {
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<mutations/>\n".into()
}

pub fn new_subscription() -> Value {
    json!({"types": ["PENSIONER"]})
}

pub fn subscription() -> Value {
    json!({"kind": "DIMONA", "types": ["PENSIONER"]})
}

pub fn subscriptions() -> Value {
    json!({"subscriptions": [subscription()]})
}

pub fn event() -> Value {
    json!({"niss": NISS, "on": "2026-11-22", "kind": "DIMONA", "says": {"employer": "0403019261", "what": "in"}})
}

pub fn events_ndjson() -> Value {
    format!("{}\n", event()).into()
}

pub fn told() -> Value {
    json!({"accepted": 1249, "refused": 1, "told": 1300, "nobodys": 20, "errors": [bad_line()]})
}

pub fn audit() -> Value {
    let line = json!({
        "position": 17, "at": TIME, "institution": "0403019261", "key": "3f2a", "legal_context": "PENSIONS:2026", "correlation_id": null,
        "face": "rest", "deed": "inscribe", "about": "5f1c0b7a9d3e4f60", "type": "PENSIONER", "outcome": "done",
    });
    json!({"lines": [line], "next": null})
}

pub fn audit_search() -> Value {
    json!({"niss": NISS})
}

pub fn counts() -> Value {
    json!({"rows": 1250, "types": [{"type": "PENSIONER", "rows": 1250}]})
}
