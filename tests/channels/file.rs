//! The tables of the channels in the file that explains the configuration.
use std::collections::BTreeSet;

use estafette::{channels, config};
use serde_json::{Value, json};

fn examples() -> Value {
    let file = include_str!("../../config/estafette.toml");
    let text: Vec<_> = file.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line)).collect();
    config::parse(Some(&text.join("\n")), Vec::new()).unwrap().channel_tables()
}

fn build(tables: &Value) -> Result<usize, Vec<channels::Error>> {
    let settings: channels::Settings = serde_json::from_value(tables.clone()).unwrap();
    channels::build(&settings).map(|made| made.len())
}

#[test]
fn the_examples_make_every_channel_and_hold_every_key() {
    let mut tables = examples();
    assert_eq!(build(&tables).unwrap(), channels::REGISTERED.len());
    for name in channels::NAMES {
        let mut shown: BTreeSet<String> = tables[name].as_object().unwrap().keys().cloned().collect();
        shown.remove("provider");
        tables[name]["zzz"] = json!(1);
        let told = build(&tables).unwrap_err()[0].to_string();
        let known = told.split("here are known ").nth(1).unwrap().split(", ");
        let known: BTreeSet<String> = known.map(str::to_owned).collect();
        assert_eq!(shown, known, "{name}");
        tables[name].as_object_mut().unwrap().remove("zzz");
    }
}
