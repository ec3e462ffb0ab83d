//! What the API answers of a register, for people.
use serde_json::Value;

/// Bad lines that are shown at most.
const SHOWN: usize = 20;

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

fn all(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn days(value: &Value) -> String {
    let end = value["end"].as_str().unwrap_or("..");
    format!("{} to {end}", text(&value["begin"]))
}

/// Remarks, one a line.
pub fn remarks(answer: &Value) {
    for remark in all(&answer["remarks"]) {
        let about = ["niss", "on"].iter().filter_map(|name| remark[*name].as_str()).collect::<Vec<_>>().join(" ");
        println!("Remark     {}: {} {about}", text(&remark["kind"]), text(&remark["detail"]));
    }
}

/// A dossier type.
pub fn one_type(one: &Value) {
    println!(
        "{:<32} {:<10} {:<10} {}",
        text(&one["code"]),
        text(&one["valid_from"]),
        text(&one["valid_until"]),
        text(&one["names"]["en"])
    );
}

/// Dossier types.
pub fn types(answer: &Value) {
    all(&answer["types"]).for_each(one_type);
}

/// What an inscription did.
pub fn inscribed(answer: &Value) {
    println!("Outcome    {}", text(&answer["outcome"]));
    println!("Row        {}", days(&answer["row"]));
    for merged in all(&answer["merged"]) {
        println!("Took in    {}", days(merged));
    }
    remarks(answer);
}

/// What a removal did.
pub fn removed(answer: &Value) {
    for (name, label) in [("touched", "Touched"), ("left", "Left")] {
        for row in all(&answer[name]) {
            println!("{label:<10} {}", days(row));
        }
    }
    if answer["touched"].as_array().is_none_or(Vec::is_empty) {
        println!("Nothing was there to remove.");
    }
    remarks(answer);
}

/// A row.
pub fn row(row: &Value) {
    println!("{}  {:<32} {}", text(&row["niss"]), text(&row["type"]), days(row));
}

fn person(person: &Value) -> String {
    let parts = ["niss", "surname", "given_names", "birth_date", "sex", "deceased"];
    parts.iter().filter_map(|name| person[*name].as_str()).collect::<Vec<_>>().join("  ")
}

/// Those found.
pub fn hits(answer: &Value) {
    for hit in all(&answer["persons"]) {
        println!("{:>3}  {}", text(&hit["score"]), person(&hit["person"]));
    }
    if answer["incomplete"] == true {
        println!("More persons sound like that than were looked at: give --birth-date, or more of the name.");
    }
}

/// A person.
pub fn lookup(answer: &Value) {
    println!("{}", person(&answer["person"]));
    remarks(answer);
}

/// What became of the lines of a file.
pub fn report(answer: &Value) {
    for (name, count) in answer.as_object().into_iter().flatten().filter(|(_, value)| value.is_u64()) {
        println!("{name:<10} {count}");
    }
    for error in all(&answer["errors"]).take(SHOWN) {
        let field = error["column"].as_str().unwrap_or_default();
        println!("line {} {field}: {}", error["line"], text(&error["detail"]));
    }
}

/// A voucher.
pub fn voucher(one: &Value) {
    let confirmed = one["confirmed_at"].as_str().unwrap_or("waits");
    println!(
        "{:>6}  {} to {}  {:>7}  {confirmed}",
        text(&one["sequence"]),
        text(&one["from"]),
        text(&one["until"]),
        text(&one["count"])
    );
}

/// Vouchers.
pub fn vouchers(answer: &Value) {
    all(&answer["vouchers"]).for_each(voucher);
}

/// Lines of the audit trail.
pub fn audit(answer: &Value) {
    for line in all(&answer["lines"]) {
        let parts = ["at", "institution", "key", "face", "deed", "outcome", "legal_context", "about", "type"];
        let parts: Vec<_> = parts.iter().map(|name| text(&line[*name])).collect();
        println!("{:>8}  {}", text(&line["position"]), parts.join("  "));
    }
}

/// Rows by type.
pub fn counts(answer: &Value) {
    for count in all(&answer["types"]) {
        println!("{:<32} {}", text(&count["type"]), count["rows"]);
    }
    println!("{:<32} {}", "all", answer["rows"]);
}
