//! `probity volumes`: what was erased goes from the disk.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::Subcommand;
use serde_json::json;
use thiserror::Error;

use crate::cli::custody;
use crate::clock;
use crate::config::ConfigError;
use crate::index::IndexError;
use crate::service;
use crate::service::OpenError;

/// The volumes of a log's store.
///
/// What was erased can be opened by nobody from the moment on in which its data key was destroyed, and is shown to nobody
/// from its ERASURE on. Its bytes lie in the store until the volume is written again: a running service does it by itself
/// within `erased_bytes_days`, and `rewrite` does it now.
///
/// Exit status: 0 done, 2 it could not be done.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  probity volumes rewrite --data probity-data")]
pub struct VolumesArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Clone, Debug)]
enum What {
    /// Writes those again in which something lies that was erased.
    #[command(after_help = "Example:\n  probity volumes rewrite --data probity-data")]
    Rewrite {
        /// A data folder that no service uses now.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Print what was written as JSON.
        #[arg(long)]
        json: bool,
    },
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
    /// A volume cannot be read or written.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The folder of the index cannot be removed.
    #[error("{}: {error}", folder.display())]
    Io {
        /// Which folder.
        folder: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A thread of ours stopped.
    #[error("stopped: {0}")]
    Stopped(#[from] tokio::task::JoinError),
}

/// Runs `probity volumes`.
///
/// # Errors
///
/// It could not be done.
pub async fn run(arguments: VolumesArgs) -> Result<ExitCode, Failed> {
    let What::Rewrite { data, json } = arguments.what;
    tokio::task::spawn_blocking(move || rewrite(&data, json)).await??;
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stdout, reason = "what was written is what this subcommand is asked for")]
fn rewrite(data: &Path, json: bool) -> Result<(), Failed> {
    let service = service::open(&custody::options(data, None)?, clock::machine(), |_| {})?;
    let rewritten = service.rewrite_erased();
    service.stop()?;
    let rewritten = rewritten?;
    if rewritten.entries > 0 {
        // Its database keeps what was overwritten in its dead space; the log has everything in it.
        let folder = data.join("views");
        fs::remove_dir_all(&folder).map_err(|error| Failed::Io { folder, error })?;
    }
    let left = left(data);
    if json {
        let left: Vec<String> = left.iter().map(|path| path.display().to_string()).collect();
        println!("{}", json!({ "entries": rewritten.entries, "volumes": rewritten.volumes, "look_at": left }));
        return Ok(());
    }
    if rewritten.entries == 0 {
        println!("nothing that was erased lies in the volumes");
    } else {
        println!("rewritten  {} volumes, without what was erased of {} entries", rewritten.volumes, rewritten.entries);
        println!("note       the next start folds the index again from the log");
    }
    for path in left {
        println!("look at    {}: made before, it may hold what was erased since", path.display());
    }
    Ok(())
}

/// What lies beside the volumes and may hold what was erased: kept damaged folders, and exports.
fn left(data: &Path) -> Vec<PathBuf> {
    let names = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    };
    let damaged = |path: &PathBuf| path.to_string_lossy().contains(".damaged-");
    let mut left: Vec<PathBuf> = names(&data.join("ledger")).into_iter().filter(damaged).collect();
    let exports = data.join("exports");
    left.extend(names(&exports).into_iter().filter(|path| !names(path).is_empty()));
    left.sort();
    left
}
