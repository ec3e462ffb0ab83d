//! The configuration: defaults, then a TOML file, then variables `ESTAFETTE__SECTION__KEY`.
//!
//! Invariant: [`load`] gives a [`Config`] in which everything was checked, or an [`Error`] that
//! names every mistake with its key. It must not read the process's environment, nor show a secret.
mod check;
mod checked;
mod difference;
pub mod mailbox;
mod notices;
mod people;
mod raw;
mod source;

use std::fmt;
use std::path::{Path, PathBuf};

pub use checked::{Admin, Admission, Config, Delivery, Http, Institution, Journal, Log, LogFormat, Secret};
pub use difference::{Applies, Difference, Keys};
pub(crate) use source::{explain, replace};

/// What the names of variables start with.
pub const PREFIX: &str = "ESTAFETTE__";

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Mistake {
    /// The key, from the top: `delivery.sms.window`; items of lists are numbered from 0.
    pub key: String,
    /// What is wrong, and what to give.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.what)
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file can't be read.
    #[error("the configuration {} can't be read: give the path of a file that this user may read ({source})", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Mistakes, all of them.
    #[error("the configuration has {}:{}", counted(.0), listed(.0))]
    Mistakes(Vec<Mistake>),
}

fn counted(mistakes: &[Mistake]) -> String {
    if mistakes.len() == 1 { "a mistake".into() } else { format!("{} mistakes", mistakes.len()) }
}

fn listed(mistakes: &[Mistake]) -> String {
    mistakes.iter().fold(String::new(), |list, mistake| list + "\n  " + &mistake.to_string())
}

/// Where a configuration comes from, to read it again.
#[derive(Clone)]
pub struct Source {
    /// The file; none for the defaults.
    pub path: Option<PathBuf>,
    /// The variables, as they were when the program began.
    pub environment: Vec<(String, String)>,
}

impl Source {
    /// Reads and checks it.
    pub fn load(&self) -> Result<Config, Error> {
        load(self.path.as_deref(), self.environment.iter().cloned())
    }

    /// Reads it, and notes what is wrong. With mistakes the configuration is for looking for others only.
    pub(crate) fn survey(&self) -> Result<(Config, Vec<Mistake>), Error> {
        Ok(surveyed(text_of(self.path.as_deref())?.as_deref(), self.environment.iter().cloned()))
    }
}

/// Reads the file (none for defaults only) and the variables, and checks everything.
pub fn load(path: Option<&Path>, environment: impl IntoIterator<Item = (String, String)>) -> Result<Config, Error> {
    parse(text_of(path)?.as_deref(), environment)
}

fn text_of(path: Option<&Path>) -> Result<Option<String>, Error> {
    let Some(path) = path else { return Ok(None) };
    std::fs::read_to_string(path).map(Some).map_err(|source| Error::Read { path: path.to_owned(), source })
}

/// As [`load`], of a text in TOML.
pub fn parse(toml: Option<&str>, environment: impl IntoIterator<Item = (String, String)>) -> Result<Config, Error> {
    whole(surveyed(toml, environment))
}

fn whole((config, mistakes): (Config, Vec<Mistake>)) -> Result<Config, Error> {
    if mistakes.is_empty() { Ok(config) } else { Err(Error::Mistakes(mistakes)) }
}

fn surveyed(toml: Option<&str>, environment: impl IntoIterator<Item = (String, String)>) -> (Config, Vec<Mistake>) {
    let mut mistakes = Vec::new();
    let raw = source::read(toml, source::Overrides::of(environment), &mut mistakes);
    checked(raw, mistakes)
}

fn checked(raw: raw::Raw, mut mistakes: Vec<Mistake>) -> (Config, Vec<Mistake>) {
    let keys = Keys::of(&raw);
    let config = check::Checker::new(&mut mistakes).config(raw);
    (Config { keys, ..config }, mistakes)
}

/// Checks keys that come from more than one reading: each alone was right, together they may not be.
pub fn check(keys: &Keys) -> Result<Config, Error> {
    match serde::Deserialize::deserialize(keys.whole()) {
        Ok(raw) => whole(checked(raw, Vec::new())),
        Err(error) => {
            let error: serde_json::Error = error;
            Err(Error::Mistakes(vec![Mistake { key: "(file)".into(), what: error.to_string() }]))
        }
    }
}

/// Every key with its default, as a table: for the test that compares it with the file, and for
/// `CONFIG GET`. It holds no secret.
pub fn defaults() -> serde_json::Value {
    serde_json::to_value(raw::Raw::default()).unwrap_or_default()
}

impl Config {
    /// The tables of the channels that are switched on, by name: for the channels' own module, which
    /// gives them their types.
    pub fn channel_tables(&self) -> serde_json::Value {
        serde_json::to_value(&self.channels).unwrap_or_default()
    }

    /// As [`Self::channel_tables`], of the simulated channels beside the live ones.
    pub fn sandbox_tables(&self) -> serde_json::Value {
        serde_json::to_value(&self.sandbox).unwrap_or_default()
    }

    /// The institution with this number.
    pub fn institution(&self, id: estafette_actors::domain::submission::Institution) -> Option<&Institution> {
        self.institutions.iter().find(|institution| institution.id == id)
    }
}
