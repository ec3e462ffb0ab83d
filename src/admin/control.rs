//! What an operator may ask of the program as a whole. The port hands it to whoever put the
//! program together; it knows neither configuration files nor the store.
use estafette_actors::domain::submission::Institution;
use estafette_actors::register::Register;
use futures_util::future::BoxFuture;
use serde_json::Value;

/// What came of it, or why it can't be done, in words.
pub type Outcome = Result<Value, String>;

/// The register, and the institutions whose rows it may have.
pub struct Kept {
    /// The handle.
    pub register: Register,
    /// Those that the configuration names.
    pub institutions: Vec<Institution>,
}

/// The program as a whole. The default of everything is that it can't be done here.
pub trait Control: Send + Sync {
    /// Ends the program: accepts nothing more, lets what is under way end within a bound, writes
    /// and seals. With `at_once` nothing is waited for. Says at once that it was heard.
    fn shut_down(&self, _at_once: bool) -> Result<(), String> {
        Err("this program is not ended from here".to_owned())
    }

    /// Every key of the configuration that is in force, flat, secrets masked.
    fn configuration(&self) -> Outcome {
        Err("this broker was started without a configuration".to_owned())
    }

    /// Reads the configuration again and puts what changed in force, as far as that goes without a
    /// stop. A wrong one changes nothing.
    fn reload(&self) -> BoxFuture<'static, Outcome> {
        Box::pin(async { Err("this broker was started without a configuration".to_owned()) })
    }

    /// Copies what is on disk, as of one moment, into the folder of backups.
    fn backup(&self, _name: String) -> BoxFuture<'static, Outcome> {
        Box::pin(async { Err("this broker makes no backups".to_owned()) })
    }

    /// The register; none where it is switched off.
    fn register(&self) -> Option<Kept> {
        None
    }

    /// Notices of mailboxes: what waits and what was done, in names and numbers; none where there are no notices.
    fn notices(&self) -> Option<Vec<(&'static str, u64)>> {
        None
    }

    /// What lies in the journal.
    fn journal_stats(&self) -> BoxFuture<'static, Outcome> {
        Box::pin(async { Err("the journal can't be surveyed here".to_owned()) })
    }

    /// Reads all of the journal and says what is wrong with it.
    fn journal_verify(&self) -> BoxFuture<'static, Outcome> {
        Box::pin(async { Err("the journal can't be surveyed here".to_owned()) })
    }
}

/// Where there is nothing to control: tests of the port alone.
pub struct Nothing;

impl Control for Nothing {}
