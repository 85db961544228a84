//! `probity close` and `probity successor`: a log ends, and another one goes on after it.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use thiserror::Error;

use crate::cli::custody;
use crate::cli::key::with_log;
use crate::config::ConfigError;
use crate::log::Body;
use crate::log::Checkpoint;
use crate::log::Close;
use crate::log::Extensions;
use crate::log::MalformedLine;
use crate::log::Note;
use crate::publish::ProveError;
use crate::sequencer::AppendError;
use crate::service;
use crate::service::OpenError;
use crate::service::Options;

/// Ends a log for ever: its last entries are a CLOSE, which names the log that follows it, and a SEAL.
///
/// Reads, proofs and verification go on; nothing is ever recorded in it again, and a verifier reports whatever comes
/// after. This cannot be taken back.
///
/// Exit status: 0 closed, 2 it could not be.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  probity close --data probity-data --for-ever \\\n    --successor audit.example.org/discipline-2"
)]
pub struct CloseArgs {
    /// A data folder that no service uses now.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Origin of the log that follows it.
    #[arg(long, value_name = "ORIGIN", default_value = "")]
    successor: String,
    /// That this is meant.
    #[arg(long, required = true)]
    for_ever: bool,
}

/// Begins a log that continues another one, of which the last checkpoint is known: its GENESIS names it.
///
/// For a log that was closed, or that lost entries below a checkpoint which was published: such a one is never written
/// again, since whoever holds that checkpoint could not tell it from one that was rewritten on purpose. What is left of
/// it stays readable and provable up to where it reaches; whoever has a receipt for what was lost can still show it. The
/// new log has an origin, keys and witnesses of its own; people and cases are registered in it under the ids that they
/// had.
///
/// Exit status: 0 begun, 2 it could not be.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  probity successor --checkpoint old-data/checkpoints/newest \\\n    --data new-data --origin audit.example.org/discipline-2"
)]
pub struct SuccessorArgs {
    /// The last known checkpoint of the log before: the largest that anybody holds, a witness's for example.
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// The data folder of the new log; missing or empty.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Its origin, another one than the old log's.
    #[arg(long, value_name = "ORIGIN")]
    origin: String,
}

/// Why it could not be done.
#[derive(Debug, Error)]
pub enum Failed {
    /// The log does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It cannot be recorded.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// Nothing is published.
    #[error(transparent)]
    Prove(#[from] ProveError),
    /// The checkpoint cannot be read.
    #[error("{}: {error}", file.display())]
    Io {
        /// Which file.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The checkpoint is none.
    #[error("{}: {error}", file.display())]
    Checkpoint {
        /// Which file.
        file: PathBuf,
        /// What is wrong.
        error: MalformedLine,
    },
    /// The folder holds something.
    #[error("{}: not empty; nothing was touched", .0.display())]
    NotEmpty(PathBuf),
    /// The name is wrong.
    #[error("{0}")]
    Origin(String),
    /// A thread of ours stopped.
    #[error("stopped: {0}")]
    Stopped(#[from] tokio::task::JoinError),
}

/// Runs `probity close`.
///
/// # Errors
///
/// It could not be done.
#[expect(clippy::print_stdout, reason = "the last checkpoint is what this subcommand is asked for")]
pub async fn close(arguments: CloseArgs) -> Result<ExitCode, Failed> {
    let published = tokio::task::spawn_blocking(move || {
        let CloseArgs { data, successor, .. } = arguments;
        if !successor.is_empty() {
            check(&successor)?;
        }
        with_log(&data, custody::options(&data, None)?, |service, _| {
            service.record_own(|_| Body::Close(Close { successor })).map(drop).map_err(Failed::from)
        })
    })
    .await??;
    println!("closed; its last checkpoint, which a successor names:\n");
    print!("{}", published.note);
    Ok(ExitCode::SUCCESS)
}

/// Runs `probity successor`.
///
/// # Errors
///
/// It could not be done.
#[expect(clippy::print_stdout, reason = "what was begun is what this subcommand is asked for")]
pub async fn successor(arguments: SuccessorArgs) -> Result<ExitCode, Failed> {
    let published = tokio::task::spawn_blocking(move || begin(&arguments)).await??;
    println!("begun; its first checkpoint:\n");
    print!("{}", published.note);
    Ok(ExitCode::SUCCESS)
}

fn begin(arguments: &SuccessorArgs) -> Result<std::sync::Arc<crate::publish::Published>, Failed> {
    let SuccessorArgs { checkpoint: file, data, origin } = arguments;
    let bytes = fs::read(file).map_err(|error| Failed::Io { file: file.clone(), error })?;
    let malformed = |error| Failed::Checkpoint { file: file.clone(), error };
    let note = Note::parse(&bytes).map_err(malformed)?;
    let last = Checkpoint::parse(note.text(), Extensions::Refused).map_err(malformed)?;
    check(origin)?;
    if last.origin == *origin {
        return Err(Failed::Origin("the new log needs another origin than the one that it continues".to_owned()));
    }
    if data.exists() && fs::read_dir(data).is_ok_and(|mut names| names.next().is_some()) {
        return Err(Failed::NotEmpty(data.clone()));
    }
    let options =
        Options { origin: Some(origin.clone()), continues: note.text().to_owned(), ..custody::options(data, None)? };
    with_log(data, options, |_, _| Ok(()))
}

/// Whether another log can have this origin.
fn check(origin: &str) -> Result<(), Failed> {
    service::check_origin(origin).map_err(|what| Failed::Origin(format!("an origin has {what}")))
}
