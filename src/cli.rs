//! The program: one file per subcommand.
//!
//! Answers go to standard output, everything else to standard error. Exit status 0 is good; what 1 and 2 mean is said
//! by each subcommand.

pub mod accesses;
pub mod append;
pub mod asked;
pub mod backup;
pub mod checkpoint;
pub mod completions;
mod connection;
mod custody;
pub mod demo;
pub mod doctor;
pub mod end;
pub mod erase;
pub mod export;
mod folder;
pub mod import;
pub mod key;
pub mod keygen;
pub mod monitor;
pub mod open_part;
mod progress;
pub mod prove;
pub mod receipt;
mod remote;
pub mod restore;
mod said;
pub mod serve;
pub mod show;
mod staging;
mod text;
pub mod verify;
pub mod views;
pub mod volumes;
pub mod witness;

use std::fs;
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap::Parser;
use clap::Subcommand;

use crate::telemetry;

/// A ledger of disciplinary records and asset declarations that nobody, its operator included, can change unseen.
#[derive(Parser, Debug)]
#[command(version, max_term_width = 110, after_help = EXAMPLES)]
struct Arguments {
    #[command(flatten)]
    connection: connection::ConnectionArgs,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  probity demo
  probity serve --data probity-data
  probity show --from http://127.0.0.1:7411 person 3Q8H5T0V9XKZ4M2N6P7R1S5W8C
  probity verify --data probity-data";

#[derive(Subcommand, Debug)]
enum Command {
    Demo(demo::DemoArgs),
    Keygen(keygen::KeygenArgs),
    Serve(serve::ServeArgs),
    Import(import::ImportArgs),
    Append(append::AppendArgs),
    OpenPart(open_part::OpenPartArgs),
    Show(show::ShowArgs),
    Worklist(show::WorklistArgs),
    Verify(Box<verify::VerifyArgs>),
    Checkpoint(checkpoint::CheckpointArgs),
    Prove(prove::ProveArgs),
    Receipt(receipt::ReceiptArgs),
    Export(Box<export::ExportCommand>),
    Backup(backup::BackupArgs),
    Restore(restore::RestoreArgs),
    Views(views::ViewsArgs),
    Volumes(volumes::VolumesArgs),
    Erase(erase::EraseArgs),
    Key(key::KeyArgs),
    Close(end::CloseArgs),
    Successor(end::SuccessorArgs),
    Doctor(doctor::DoctorArgs),
    Witness(witness::WitnessArgs),
    Accesses(accesses::AccessesArgs),
    Monitor(monitor::MonitorArgs),
    Completions(completions::CompletionsArgs),
}

/// Where Linux keeps what of this process's memory goes into a core.
const COREDUMP_FILTER: &str = "/proc/self/coredump_filter";

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    // Keys and names are in memory: a core has none of it. Where this cannot be set, there is nothing better.
    drop(fs::write(COREDUMP_FILTER, "0"));
    let arguments = Arguments::parse();
    let tls = arguments.connection.keep(match &arguments.command {
        // It has a flag of its own of this name, for logs that are served as files too.
        Command::Verify(verify) => verify.token_file.clone(),
        _ => None,
    });
    // The service begins to tell when it has read where to.
    if !matches!(arguments.command, Command::Serve(_)) {
        telemetry::start();
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let outcome = runtime.block_on(async {
        match arguments.command {
            Command::Demo(arguments) => demo::run(arguments).await.map_err(Failure::from),
            Command::Keygen(arguments) => keygen::run(&arguments).map_err(Failure::from),
            Command::Serve(arguments) => serve::run(arguments.with_tls(tls)).await.map_err(Failure::from),
            Command::Import(arguments) => import::run(arguments).await.map_err(Failure::from),
            Command::Append(arguments) => append::run(arguments).await.map_err(Failure::from),
            Command::OpenPart(arguments) => open_part::run(arguments).await.map_err(Failure::from),
            Command::Show(arguments) => Ok(show::run(arguments).await),
            Command::Worklist(arguments) => Ok(show::run(arguments.into()).await),
            Command::Verify(arguments) => verify::run(*arguments).await.map_err(Failure::from),
            Command::Checkpoint(arguments) => checkpoint::run(arguments).await.map_err(Failure::from),
            Command::Prove(arguments) => prove::run(arguments).await.map_err(Failure::from),
            Command::Receipt(arguments) => receipt::run(arguments).await.map_err(Failure::from),
            Command::Export(arguments) => export::run(*arguments).await.map_err(Failure::from),
            Command::Backup(arguments) => backup::run(arguments).await.map_err(Failure::from),
            Command::Restore(arguments) => restore::run(arguments).await.map_err(Failure::from),
            Command::Views(arguments) => views::run(arguments).await.map_err(Failure::from),
            Command::Volumes(arguments) => volumes::run(arguments).await.map_err(Failure::from),
            Command::Erase(arguments) => erase::run(arguments).await.map_err(Failure::from),
            Command::Key(arguments) => key::run(arguments).await.map_err(Failure::from),
            Command::Close(arguments) => end::close(arguments).await.map_err(Failure::from),
            Command::Successor(arguments) => end::successor(arguments).await.map_err(Failure::from),
            Command::Doctor(arguments) => doctor::run(arguments).await.map_err(Failure::from),
            Command::Monitor(arguments) => monitor::run(arguments).await.map_err(Failure::from),
            Command::Accesses(arguments) => accesses::run(arguments).await.map_err(Failure::from),
            Command::Witness(arguments) => witness::run(arguments).await.map_err(Failure::from),
            Command::Completions(arguments) => {
                completions::run(&arguments, Arguments::command()).map_err(Failure::from)
            }
        }
    });
    // What still blocks a thread must not keep the program from ending.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|failure| failed(&failure.0))
}

/// Why a subcommand could not run: words for whoever typed it.
struct Failure(String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(said::causes(&error))
    }
}

#[expect(clippy::print_stderr, reason = "the last words of a program that could not run")]
fn failed(why: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("probity: {why}");
    ExitCode::from(2)
}

#[cfg(test)]
mod tests;
