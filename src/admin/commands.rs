//! The table of commands: HELP, COMMAND and the dispatch are all made of it, so that no command
//! is without its documentation.
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::connection::Session;
use super::reply::{Reply, Version};
use super::{Desk, Role, broadcasts, dead, docs, info, limits, messages, monitor, program, register, usage};

/// A command.
pub struct Command {
    /// Its name, in lower case.
    pub name: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// The version that had it first.
    pub since: &'static str,
    /// Where HELP lists it.
    pub group: &'static str,
    /// What follows the name.
    pub arguments: &'static [Argument],
    /// How many words may follow the name.
    pub words: (usize, usize),
    /// Whether it may be given before AUTH.
    pub open: bool,
    /// Whether it changes something: not for viewers then.
    pub alters: Alters,
    /// Does it.
    pub handler: Handler,
}

/// When a command changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alters {
    /// It only shows.
    Never,
    /// Whatever follows its name.
    Always,
    /// With more words behind its name than these.
    Beyond(usize),
}

/// An argument.
pub struct Argument {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Whether it may be left out.
    pub optional: bool,
}

/// What an argument is.
pub enum Kind {
    /// A text.
    Text,
    /// A number.
    Integer,
    /// A word that stands as it is.
    Token(&'static str),
    /// One of these.
    OneOf(&'static [Argument]),
    /// These after each other.
    Block(&'static [Argument]),
}

/// What a handler is given.
pub struct Call<'c> {
    /// Who asks.
    pub session: &'c mut Session,
    /// What can be asked.
    pub desk: &'c Desk,
    /// The words after the name.
    pub words: &'c [String],
    /// The same as they came.
    pub bytes: &'c [Vec<u8>],
}

/// Does a command.
pub type Handler = for<'c> fn(Call<'c>) -> BoxFuture<'c, Reply>;

const fn text(name: &'static str) -> Argument {
    Argument { name, kind: Kind::Text, optional: false }
}

const fn may(name: &'static str, kind: Kind) -> Argument {
    Argument { name, kind, optional: true }
}

const fn token(name: &'static str, word: &'static str) -> Argument {
    Argument { name, kind: Kind::Token(word), optional: false }
}

const fn one_of(name: &'static str, arguments: &'static [Argument]) -> Argument {
    Argument { name, kind: Kind::OneOf(arguments), optional: false }
}

const ID: &[Argument] = &[text("id")];
const AFTER: Argument = may("after", Kind::Block(&[token("after", "AFTER"), text("id")]));

const fn command(
    group: &'static str,
    name: &'static str,
    summary: &'static str,
    arguments: &'static [Argument],
    words: (usize, usize),
    handler: Handler,
) -> Command {
    Command { name, summary, since: "0.1.0", group, arguments, words, open: false, alters: Alters::Never, handler }
}

/// Changes something.
const fn altering(command: Command) -> Command {
    Command { alters: Alters::Always, ..command }
}

/// Changes something when more words than these follow the name.
const fn altering_beyond(words: usize, command: Command) -> Command {
    Command { alters: Alters::Beyond(words), ..command }
}

const fn open(command: Command) -> Command {
    Command { open: true, ..command }
}

const MOST: usize = 64;

/// Every command, in the order in which HELP lists them.
pub static ALL: &[Command] = &[
    command("messages", "status", "Where a message stands, with its attempts", ID, (1, 1), messages::status),
    command("messages", "trail", "Everything that happened to a message, in order", ID, (1, 1), messages::trail),
    command("messages", "why", "What a message waits for", ID, (1, 1), messages::why),
    command(
        "messages",
        "find",
        "Messages to a recipient, newest first; of a NISS also the rows that registers have of the person",
        &[one_of("kind", &[token("niss", "NISS"), token("mobile", "MOBILE"), token("cbe", "CBE")]), text("value")],
        (2, 2),
        messages::find,
    ),
    altering(command("messages", "cancel", "Send nothing more of a message", ID, (1, 1), messages::cancel)),
    altering(command("messages", "retry", "Send a message again that failed: a new one", ID, (1, 1), messages::retry)),
    command(
        "messages",
        "dead",
        "Single messages that failed for good or gave up, newest first",
        &[may("channel", Kind::Text), AFTER],
        (0, 3),
        dead::dead,
    ),
    command(
        "register",
        "register",
        "Rows of each register by type, files that wait to be confirmed, and how the rows are kept",
        &[],
        (0, 0),
        register::register,
    ),
    command("broadcasts", "broadcasts", "Broadcasts, newest first", &[AFTER], (0, 2), broadcasts::broadcasts),
    altering_beyond(
        1,
        command(
            "broadcasts",
            "broadcast",
            "How far a broadcast got; hold it up, go on with it, or cancel what waits of it",
            &[
                text("id"),
                may(
                    "order",
                    Kind::OneOf(&[token("pause", "PAUSE"), token("resume", "RESUME"), token("cancel", "CANCEL")]),
                ),
            ],
            (1, 2),
            broadcasts::broadcast,
        ),
    ),
    command("channels", "queues", "What waits, by channel, lane and institution", &[], (0, 0), info::queues),
    command(
        "channels",
        "usage",
        "What institutions used in a month, and what it cost",
        &[may("month", Kind::Text)],
        (0, 1),
        usage::usage,
    ),
    command("channels", "channels", "The state of every channel", &[], (0, 0), info::channels),
    altering_beyond(
        1,
        command(
            "channels",
            "channel",
            "The state of a channel; pause it, resume it, let it run empty, or set its messages a second",
            &[
                text("name"),
                may(
                    "order",
                    Kind::OneOf(&[
                        token("pause", "PAUSE"),
                        token("resume", "RESUME"),
                        token("drain", "DRAIN"),
                        Argument {
                            name: "pace",
                            kind: Kind::Block(&[
                                token("rate", "RATE"),
                                Argument { name: "per_second", kind: Kind::Integer, optional: false },
                            ]),
                            optional: false,
                        },
                    ]),
                ),
            ],
            (1, 3),
            info::channel,
        ),
    ),
    command(
        "channels",
        "latency",
        "How long accepting, committing, the channels and all together take, in microseconds",
        &[may("channel", Kind::Text)],
        (0, 1),
        limits::latency,
    ),
    command(
        "channels",
        "bottleneck",
        "Which limits bind now, and how much waits for them",
        &[],
        (0, 0),
        limits::bottleneck,
    ),
    command(
        "server",
        "info",
        "Figures of server, journal, channels, actors and messages",
        &[may("section", Kind::Text)],
        (0, MOST),
        info::info,
    ),
    command(
        "server",
        "monitor",
        "What happens, as it happens, until you say something",
        &[may("of", Kind::Text)],
        (0, 1),
        monitor::monitor,
    ),
    command(
        "server",
        "config",
        "The configuration in force, or read it again and put in force what changed",
        &[one_of(
            "subcommand",
            &[
                Argument {
                    name: "get",
                    kind: Kind::Block(&[token("get", "GET"), may("pattern", Kind::Text)]),
                    optional: false,
                },
                token("reload", "RELOAD"),
            ],
        )],
        (1, 20),
        program::config,
    ),
    altering(command(
        "server",
        "backup",
        "Copy what is on disk, as of one moment, into the folder of backups",
        &[text("name")],
        (1, 1),
        program::backup,
    )),
    command(
        "server",
        "journal",
        "What lies in the journal, or whether all of it can be read",
        &[one_of("subcommand", &[token("stats", "STATS"), token("verify", "VERIFY")])],
        (1, 1),
        program::journal,
    ),
    altering(command(
        "server",
        "shutdown",
        "End the program once what is under way has ended, or now",
        &[may("now", Kind::Token("NOW"))],
        (0, 1),
        program::shutdown,
    )),
    command("server", "help", "All commands, or how one is used", &[may("command", Kind::Text)], (0, 2), docs::help),
    command(
        "server",
        "command",
        "The commands as client programs want them: COUNT, DOCS, INFO, LIST",
        &[may("subcommand", Kind::Text), may("command", Kind::Text)],
        (0, MOST),
        docs::command,
    ),
    open(command(
        "connection",
        "auth",
        "Give the password of the admin port",
        &[may("username", Kind::Text), text("password")],
        (1, 2),
        auth,
    )),
    open(command(
        "connection",
        "hello",
        "Choose version 2 or 3 of the protocol",
        &[may("version", Kind::Integer), may("auth", Kind::Text)],
        (0, 6),
        hello,
    )),
    command("connection", "ping", "Answers PONG, or the text given", &[may("message", Kind::Text)], (0, 1), ping),
    command("connection", "echo", "Answers the text given", &[text("message")], (1, 1), echo),
    command("connection", "client", "What client programs say of themselves", &[text("subcommand")], (1, MOST), client),
    command("connection", "select", "There is one database only: 0", &[text("index")], (1, 1), select),
    open(command("connection", "quit", "End the connection", &[], (0, 0), quit)),
];

/// Finds a command by its name in any case.
pub fn find(name: &str) -> Option<&'static Command> {
    ALL.iter().find(|command| command.name.eq_ignore_ascii_case(name))
}

/// Does what was asked. `words` is not empty.
pub async fn call(session: &mut Session, desk: &Desk, words: &[Vec<u8>]) -> Reply {
    let Some((name, bytes)) = words.split_first() else { return Reply::error("empty command") };
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    let (name, rest) = (&text(name), bytes.iter().map(text).collect::<Vec<_>>());
    let command = find(name);
    if session.role.is_none() && !command.is_some_and(|command| command.open) {
        return Reply::Error("NOAUTH authentication is needed; give AUTH with the password first".into());
    }
    let Some(command) = command else {
        let shown: String = name.chars().take(40).filter(|c| !c.is_control()).collect();
        return Reply::error(format_args!("unknown command '{shown}'; HELP lists those that there are"));
    };
    let alters = match command.alters {
        Alters::Never => false,
        Alters::Always => true,
        Alters::Beyond(words) => rest.len() > words,
    };
    if alters && session.role == Some(Role::Viewer) {
        return Reply::Error("NOPERM a viewer may look and change nothing; give AUTH as the operator".into());
    }
    let (least, most) = command.words;
    if !(least..=most).contains(&rest.len()) {
        return Reply::error(format_args!("wrong number of arguments; use it as {}", docs::usage(command)));
    }
    (command.handler)(Call { session, desk, words: &rest, bytes }).await
}

fn ping(call: Call<'_>) -> BoxFuture<'_, Reply> {
    let reply = call.bytes.first().map_or(Reply::Simple("PONG"), |bytes| Reply::Bytes(bytes.clone()));
    async { reply }.boxed()
}

fn echo(call: Call<'_>) -> BoxFuture<'_, Reply> {
    let reply = Reply::Bytes(call.bytes[0].clone());
    async { reply }.boxed()
}

fn quit(call: Call<'_>) -> BoxFuture<'_, Reply> {
    call.session.leaving = true;
    async { Reply::OK }.boxed()
}

fn select(call: Call<'_>) -> BoxFuture<'_, Reply> {
    let reply = if call.words[0] == "0" { Reply::OK } else { Reply::error("there is one database only: 0") };
    async { reply }.boxed()
}

fn client(call: Call<'_>) -> BoxFuture<'_, Reply> {
    let rest = &call.words[1..];
    let reply = match (call.words[0].to_ascii_lowercase().as_str(), rest) {
        ("setinfo", [_, _]) | ("no-evict" | "no-touch" | "reply", [_]) => Reply::OK,
        ("setname", [name]) => {
            call.session.name.clone_from(name);
            Reply::OK
        }
        ("getname", []) if call.session.name.is_empty() => Reply::Null,
        ("getname", []) => Reply::text(&call.session.name),
        ("id", []) => Reply::Integer(i64::try_from(call.session.number).unwrap_or(i64::MAX)),
        _ => Reply::error("unknown subcommand; CLIENT has SETINFO, SETNAME, GETNAME and ID"),
    };
    async { reply }.boxed()
}

fn auth(call: Call<'_>) -> BoxFuture<'_, Reply> {
    async move {
        let (user, password) = match call.words {
            [password] => (None, password),
            [user, password, ..] => (Some(user.as_str()), password),
            [] => return Reply::error("use it as AUTH [username] password"),
        };
        match call.session.trust(call.desk, user, password).await {
            Ok(()) => Reply::OK,
            Err(reply) => reply,
        }
    }
    .boxed()
}

fn hello(call: Call<'_>) -> BoxFuture<'_, Reply> {
    async move {
        let mut version = call.session.version;
        let mut words = call.words.iter();
        match words.next().map(String::as_str) {
            None => {}
            Some("2") => version = Version::Two,
            Some("3") => version = Version::Three,
            Some(_) => return Reply::Error("NOPROTO versions 2 and 3 of the protocol are spoken".into()),
        }
        while let Some(word) = words.next() {
            match word.to_ascii_lowercase().as_str() {
                "auth" => {
                    let (Some(user), Some(password)) = (words.next(), words.next()) else {
                        return Reply::error("give AUTH with a user name and the password");
                    };
                    if call.desk.settings.load().password.is_some()
                        && let Err(reply) = call.session.trust(call.desk, Some(user), password).await
                    {
                        return reply;
                    }
                }
                "setname" => match words.next() {
                    Some(name) => call.session.name.clone_from(name),
                    None => return Reply::error("give SETNAME with a name"),
                },
                _ => return Reply::error("use it as HELLO [2|3 [AUTH user password] [SETNAME name]]"),
            }
        }
        if call.session.role.is_none() {
            return Reply::Error("NOAUTH authentication is needed; give HELLO with AUTH, or AUTH first".into());
        }
        call.session.version = version;
        Reply::map([
            ("server", Reply::text("estafette")),
            ("version", Reply::text(env!("CARGO_PKG_VERSION"))),
            ("proto", Reply::Integer(if version == Version::Three { 3 } else { 2 })),
            ("id", Reply::Integer(i64::try_from(call.session.number).unwrap_or(i64::MAX))),
            ("mode", Reply::text("standalone")),
            ("role", Reply::text("master")),
            ("modules", Reply::List(Vec::new())),
        ])
    }
    .boxed()
}
