//! `probity demo`: an invented affair from beginning to end, on a folder of its own, told step by step.
//!
//! Every step is checked as it is told, so that the demo is a test of the whole as well.

mod acts;
mod declaration;
mod folder;
mod forger;
mod proof;
mod stage;
mod story;
mod teller;

use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use thiserror::Error;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

use crate::cli::demo::acts::Told;
use crate::cli::demo::folder::Passing;
use crate::cli::demo::stage::Stage;
use crate::cli::demo::teller::Surprise;
use crate::cli::demo::teller::Teller;
use crate::server::admin_service::NO_ACCESS_CONTROL;

/// Plays an invented affair over gRPC, then lets two forgers try. A few seconds; nothing is left behind.
///
/// A case, a decision, an appeal, an annulment, a declaration and its amendment are recorded by a service on a fresh
/// folder; a record is shown now, as of an earlier day, and as it was known before; the log is verified, forged twice
/// in copies, and verified again; at the end all that is filed about a person is proved complete.
///
/// Exit status: 0 every step came out as told, 1 one did not, 2 it could not begin.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  probity demo\n  probity demo --keep\n  probity demo --data demo-data")]
pub struct DemoArgs {
    /// Leave the service running at the end, until Ctrl-C.
    #[arg(long)]
    pub keep: bool,
    /// Put the data into this folder, new or empty, and leave it there.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Where the service listens; port 0 picks a port.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
}

/// Why the demo could not begin.
#[derive(Debug, Error)]
pub enum Failed {
    /// A folder cannot be made or looked at.
    #[error("{path}: cannot be used: {what}", path = path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system said.
        what: String,
    },
    /// The system takes no signals.
    #[error("the system takes no signals: {0}")]
    Signals(#[from] std::io::Error),
    /// The folder holds something.
    #[error("{path}: not empty; the demo wants a new folder", path = .0.display())]
    NotEmpty(PathBuf),
}

/// Runs `probity demo`.
///
/// # Errors
///
/// It could not begin.
pub async fn run(arguments: DemoArgs) -> Result<ExitCode, Failed> {
    let unusable = |error: std::io::Error| Failed::Folder { path: std::env::temp_dir(), what: error.to_string() };
    let passing = Passing::new().map_err(unusable)?;
    let data = match &arguments.data {
        Some(data) if !is_free(data)? => return Err(Failed::NotEmpty(data.clone())),
        Some(data) => data.clone(),
        None => passing.join("data"),
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut teller = Teller::new();
    let outcome = tokio::select! {
        outcome = play(&mut teller, &arguments, &data, &passing) => outcome,
        _ = terminate.recv() => Err(Surprise("it was told to stop".to_owned())),
        _ = interrupt.recv() => Err(Surprise("it was told to stop".to_owned())),
    };
    let Err(Surprise(what)) = finish(outcome, &teller, &mut terminate, &mut interrupt).await else {
        return Ok(ExitCode::SUCCESS);
    };
    surprised(teller.at(), &what);
    Ok(ExitCode::from(1))
}

/// The whole, up to the next commands; the service, where it is to stay.
async fn play(
    teller: &mut Teller,
    arguments: &DemoArgs,
    data: &Path,
    passing: &Passing,
) -> Result<Option<Stage>, Surprise> {
    teller.heading("Probity: the record of how power is held to account, in a log that nobody can change unseen.");
    teller.why(&format!("Everybody in this story is invented. As it stands: {NO_ACCESS_CONTROL}."));
    let mut told = acts::affair(teller, data, arguments.listen).await?;
    acts::forgers(teller, data, passing, &told)?;
    acts::export(teller, data, passing, &told)?;
    told.head = proof::proved(teller, data, arguments.listen, &told).await?;
    let stage = if arguments.keep {
        teller.step("The service starts again on the same folder, and stays");
        let mut stage = Stage::published(data, arguments.listen).await?;
        let head = stage.head().await?;
        teller::expect(head == told.head, || format!("its head is {head:?}, it was {:?}", told.head))?;
        teller.tell(format_args!("listening on {}", stage.url));
        Some(stage)
    } else {
        None
    };
    next_commands(teller, arguments, stage.as_ref(), &told);
    Ok(stage)
}

/// Serves on where there is something to serve.
async fn finish(
    outcome: Result<Option<Stage>, Surprise>,
    teller: &Teller,
    terminate: &mut tokio::signal::unix::Signal,
    interrupt: &mut tokio::signal::unix::Signal,
) -> Result<(), Surprise> {
    let Some(stage) = outcome? else { return Ok(()) };
    teller.tell("Ctrl-C ends it.");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    stage.stop().await
}

/// Whether the folder is not there yet, or holds nothing.
fn is_free(data: &Path) -> Result<bool, Failed> {
    match std::fs::read_dir(data) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(Failed::Folder { path: data.to_owned(), what: error.to_string() }),
    }
}

#[expect(clippy::print_stderr, reason = "the last words of a demo that did not come out as told")]
fn surprised(step: &str, what: &str) {
    eprintln!("probity demo: not as told at \"{step}\": {what}");
}

fn next_commands(teller: &Teller, arguments: &DemoArgs, stage: Option<&Stage>, told: &Told) {
    let program = std::env::args().next().unwrap_or_else(|| "probity".to_owned());
    let (index, hash) = told.head;
    let line = |words: &str| teller.tell(words);
    teller.heading(if stage.is_some() { "Now type, in another terminal" } else { "Now type" });
    let data = arguments.data.as_ref().map(|data| data.display().to_string());
    let url = match (stage, &data) {
        (Some(stage), _) => stage.url.clone(),
        (None, Some(data)) => {
            line(&format!("{program} verify --data {data} --head {index}:{hash}"));
            line(&format!("{program} doctor --data {data}"));
            line(&format!("{program} serve --data {data}"));
            "http://127.0.0.1:7411".to_owned()
        }
        (None, None) => {
            line(&format!("{program} demo --keep                     # the same story, and the service stays"));
            line(&format!("{program} demo --data demo-data           # the same story, and the folder stays"));
            line(&format!("{program} verify --data demo-data --head INDEX:HASH"));
            line(&format!("{program} serve --data demo-data          # then, in another terminal:"));
            line(&format!("{program} show --from http://127.0.0.1:7411 person ID --as-of 2024-07-01"));
            line("grpcurl -plaintext 127.0.0.1:7411 probity.v1.LedgerService/GetHead");
            return;
        }
    };
    let (person, declaration) = (&told.cast.linden, &told.cast.declaration);
    let address = url.trim_start_matches("http://");
    line(&format!("{program} show --from {url} person {person}"));
    line(&format!("{program} show --from {url} person {person} --as-of 2024-07-01 --open"));
    line(&format!("{program} show --from {url} declaration {declaration} --open"));
    line(&format!("{program} verify --from {url} --head {index}:{hash}"));
    if stage.is_some() {
        line(&format!("{program} prove --from {url} subject {person} -o linden.subject-proof"));
        line(&format!("{program} verify proof linden.subject-proof --key {}", told.key));
    }
    line(&format!("grpcurl -plaintext {address} probity.v1.LedgerService/GetHead"));
}
