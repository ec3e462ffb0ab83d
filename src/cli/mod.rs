//! The command line: one file a command. The only place that prints.
//!
//! Exit codes: 0 done, 1 it failed or the answer is "no", 2 the call itself was wrong.
#![allow(clippy::print_stdout)] // printing is what a command does
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::{Running, Stop};

mod admin;
mod broadcast;
mod check_config;
mod client;
#[cfg(feature = "sandbox")]
mod demo;
mod evidence;
mod journal;
mod key;
mod mailbox;
mod register;
mod seal;
mod send;
mod serve;
#[cfg(feature = "sandbox")]
mod simulate;
mod status;

/// Messages from public institutions to citizens and enterprises: GovApp, SMS, e-Box.
#[derive(Debug, Parser)]
#[command(name = "estafette", version, about, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the broker
    Serve(serve::Arguments),
    /// Run broker and simulators in one process, send a CSV through three channels, and compare
    #[cfg(feature = "sandbox")]
    Demo(demo::Arguments),
    /// Run the simulators of GovApp, RingRing and an e-Box provider
    #[cfg(feature = "sandbox")]
    Simulate(simulate::Arguments),
    /// Check a configuration file and say all that is wrong with it
    CheckConfig(check_config::Arguments),
    /// Check the evidence of registered mail
    Evidence(evidence::Arguments),
    /// Survey the journal, back it up, restore a backup
    Journal(journal::Arguments),
    /// Take notices of mailboxes that came back
    Mailbox(mailbox::Arguments),
    /// Make, list and revoke the bearer keys of institutions
    Key(key::Arguments),
    /// Send one message and show what became of it
    Send(send::Arguments),
    /// Send a file of recipients, CSV or NDJSON
    Broadcast(broadcast::Arguments),
    /// Keep the register: who is known to the institution, in which role, when
    Register(register::Arguments),
    /// Show where a message or a broadcast stands
    Status(status::Arguments),
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON document.
    Json,
}

impl Cli {
    /// Runs the command to its end.
    pub fn run(self) -> ExitCode {
        let done = match self.command {
            Command::Serve(arguments) => serve::run(arguments),
            #[cfg(feature = "sandbox")]
            Command::Demo(arguments) => demo::run(arguments),
            #[cfg(feature = "sandbox")]
            Command::Simulate(arguments) => simulate::run(arguments),
            Command::CheckConfig(arguments) => check_config::run(arguments),
            Command::Evidence(arguments) => evidence::run(arguments),
            Command::Journal(arguments) => journal::run(arguments),
            Command::Mailbox(arguments) => mailbox::run(arguments),
            Command::Key(arguments) => key::run(arguments),
            Command::Send(arguments) => send::run(arguments),
            Command::Broadcast(arguments) => broadcast::run(arguments),
            Command::Register(arguments) => register::run(arguments),
            Command::Status(arguments) => status::run(arguments),
        };
        match done {
            Ok(code) => code,
            Err(error) => {
                eprintln!("estafette: {error:#}");
                ExitCode::FAILURE
            }
        }
    }
}

/// Prints a document for programs, whole before anything else is done.
fn print_json(document: &impl serde::Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(document)?);
    Ok(())
}

/// Runs a future on actix's runtime, which the actors need.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    actix_rt::System::new().block_on(future)
}

/// What the system says to the program. Made before anybody is told where it listens: until then a
/// signal does what it does to any process.
struct Signals {
    hung_up: Signal,
    interrupted: Signal,
    terminated: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            hung_up: signal(SignalKind::hangup())?,
            interrupted: signal(SignalKind::interrupt())?,
            terminated: signal(SignalKind::terminate())?,
        })
    }

    /// Ends at Ctrl-C or at the service manager's word.
    async fn until_stopped(&mut self) {
        tokio::select! {
            _ = self.interrupted.recv() => {}
            _ = self.terminated.recv() => {}
        }
    }

    /// Runs until the program is to end: at a signal, or at an operator's word. Reads the
    /// configuration again at each SIGHUP.
    async fn until_told(&mut self, running: &Running) -> Stop {
        loop {
            tokio::select! {
                _ = self.interrupted.recv() => return Stop::Drained,
                _ = self.terminated.recv() => return Stop::Drained,
                stop = running.asked_to_stop() => return stop,
                _ = self.hung_up.recv() => match running.reload().await {
                    Ok(difference) => tracing::info!(keys = difference.len(), "the configuration was read again"),
                    Err(error) => tracing::error!(error, "the configuration was not read again: nothing is changed"),
                },
            }
        }
    }

    /// Stops; a second word to stop ends it at once, as a crash would, which costs nothing that was told.
    async fn stop(&mut self, running: Running, stop: Stop) {
        tokio::select! {
            () = running.stop_as(stop) => {}
            () = self.until_stopped() => {}
        }
    }
}
