//! HELP and COMMAND: the table of commands for people and for client programs.
//!
//! Invariant: flags go out as simple strings. redis-cli ends itself over bulk strings there.
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::commands::{ALL, Argument, Call, Command, Kind, find};
use super::reply::Reply;

/// How a command is used, on one line.
pub fn usage(command: &Command) -> String {
    let mut line = command.name.to_ascii_uppercase();
    for argument in command.arguments {
        line.push(' ');
        line.push_str(&shown(argument));
    }
    line
}

fn shown(argument: &Argument) -> String {
    let all = |inner: &[Argument], between: &str| inner.iter().map(shown).collect::<Vec<_>>().join(between);
    let bare = match argument.kind {
        Kind::Text | Kind::Integer => argument.name.to_owned(),
        Kind::Token(word) => word.to_owned(),
        Kind::OneOf(inner) => all(inner, "|"),
        Kind::Block(inner) => all(inner, " "),
    };
    if argument.optional { format!("[{bare}]") } else { bare }
}

/// `HELP [command]`.
pub fn help(call: Call<'_>) -> BoxFuture<'_, Reply> {
    let reply = match call.words.first() {
        None => {
            let mut lines = Vec::new();
            let mut group = "";
            for command in ALL {
                if command.group != group {
                    group = command.group;
                    lines.push(format!("# {group}"));
                }
                lines.push(format!("{}  -  {}", usage(command), command.summary));
            }
            Reply::Lines(lines.join("\r\n"))
        }
        Some(name) => match find(name) {
            Some(command) => Reply::Lines(format!("{}\r\n{}", usage(command), command.summary)),
            None => Reply::error("no such command; HELP lists those that there are"),
        },
    };
    async { reply }.boxed()
}

/// `COMMAND [COUNT|DOCS|INFO|LIST]`.
pub fn command(call: Call<'_>) -> BoxFuture<'_, Reply> {
    let reply = match call.words.split_first() {
        None => Reply::List(ALL.iter().map(traits).collect()),
        Some((what, names)) => match (what.to_ascii_lowercase().as_str(), names) {
            ("count", []) => Reply::Integer(i64::try_from(ALL.len()).unwrap_or(i64::MAX)),
            ("list", []) => Reply::List(ALL.iter().map(|command| Reply::text(command.name)).collect()),
            ("docs", []) => Reply::map(ALL.iter().map(documented)),
            ("docs", names) => Reply::map(names.iter().filter_map(|name| find(name)).map(documented)),
            ("info", []) => Reply::List(ALL.iter().map(traits).collect()),
            ("info", names) => Reply::List(names.iter().map(|name| find(name).map_or(Reply::Null, traits)).collect()),
            _ => Reply::error("unknown subcommand; COMMAND has COUNT, DOCS, INFO and LIST"),
        },
    };
    async { reply }.boxed()
}

fn documented(command: &Command) -> (&'static str, Reply) {
    let mut pairs = vec![
        ("summary", Reply::text(command.summary)),
        ("since", Reply::text(command.since)),
        ("group", Reply::text(command.group)),
    ];
    if !command.arguments.is_empty() {
        pairs.push(("arguments", Reply::List(command.arguments.iter().map(described).collect())));
    }
    (command.name, Reply::map(pairs))
}

fn described(argument: &Argument) -> Reply {
    let mut pairs = vec![("name", Reply::text(argument.name))];
    let list = |inner: &[Argument]| Reply::List(inner.iter().map(described).collect());
    match argument.kind {
        Kind::Text => pairs.push(("type", Reply::text("string"))),
        Kind::Integer => pairs.push(("type", Reply::text("integer"))),
        Kind::Token(word) => pairs.extend([("type", Reply::text("pure-token")), ("token", Reply::text(word))]),
        Kind::OneOf(inner) => pairs.extend([("type", Reply::text("oneof")), ("arguments", list(inner))]),
        Kind::Block(inner) => pairs.extend([("type", Reply::text("block")), ("arguments", list(inner))]),
    }
    if argument.optional {
        pairs.push(("flags", Reply::List(vec![Reply::Simple("optional")])));
    }
    Reply::map(pairs)
}

/// Ten traits in the order of Redis; there are no keys here.
fn traits(command: &Command) -> Reply {
    let (least, most) = command.words;
    let least = i64::try_from(least).unwrap_or(i64::MAX) + 1;
    let arity = if i64::try_from(most).unwrap_or(i64::MAX) + 1 == least { least } else { -least };
    let empty = || Reply::List(Vec::new());
    Reply::List(vec![
        Reply::text(command.name),
        Reply::Integer(arity),
        Reply::List(vec![Reply::Simple("admin")]),
        Reply::Integer(0),
        Reply::Integer(0),
        Reply::Integer(0),
        empty(),
        empty(),
        empty(),
        empty(),
    ])
}
