//! `probity backup`: what is new in a log, added to a backup of it.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use thiserror::Error;

use crate::backup;
use crate::backup::BackupError;
use crate::backup::Written;
use crate::cli::folder;
use crate::cli::progress;
use crate::cli::remote;
use crate::cli::remote::RemoteEntries;
use crate::cli::verify::held;
use crate::keys;
use crate::keys::KeysError;
use crate::log::Note;
use crate::service::LogEntries;
use crate::store::StoreError;
use crate::verify::Entries;
use crate::verify::Unreadable;

/// Adds to a backup what is new in a log, or begins one; verified as it is written.
///
/// The log must continue the backup: one that was rewritten, or that lost entries, is refused, and the backup stays
/// what it was. A backup that was interrupted stays what it was, too, and the next run begins again where it ended.
///
/// A backup holds no key: without the keys what is sealed in it can be verified and not be read. With --keys they are
/// copied to a folder of their own. WARNING: A RESTORED KEY UNDOES AN ERASURE. Whoever has an old copy of data.keys can
/// read again what was erased since; keep such copies apart from the backup, and no longer than you must.
///
/// Exit status: 0 the backup holds the whole log, 1 log or backup are damaged or contradict each other, 2 it could not
/// be done.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  probity backup --from http://127.0.0.1:7411 --to /mnt/backup/probity\n  \
                        probity backup --data probity-data --to /mnt/backup/probity --keys /mnt/keys\n  \
                        probity verify --backup /mnt/backup/probity")]
pub struct BackupArgs {
    /// A data folder that no service uses now.
    #[arg(long, value_name = "DIR", required_unless_present_any = ["from", "from_environment"], conflicts_with = "from")]
    pub data: Option<PathBuf>,
    /// A running service [env: PROBITY_URL, where no --data is given]
    #[arg(long, value_name = "URL")]
    pub from: Option<String>,
    /// A service that PROBITY_URL names: asked where nothing else is named.
    #[arg(long, value_name = "URL", env = "PROBITY_URL", hide = true)]
    pub from_environment: Option<String>,
    /// The backup: a folder that is missing or empty, or a backup of the same log.
    #[arg(long, value_name = "BACKUP")]
    pub to: PathBuf,
    /// Copy the keys of the data folder here too, mode 600. A restored key undoes an erasure.
    #[arg(long, value_name = "KEYS", conflicts_with = "from", requires = "data")]
    pub keys: Option<PathBuf>,
    /// How long a segment becomes, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = backup::SEGMENT_BYTES, value_parser = clap::value_parser!(u64).range(1..))]
    pub segment_bytes: u64,
    /// Print what was written as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Why there is no backup, or none of what is new. What was there is as it was.
#[derive(Debug, Error)]
pub enum Failed {
    /// Log or backup cannot be used.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The data folder does not open.
    #[error("{error}; {advice}", error = .0, advice = .0.advice())]
    Store(#[from] StoreError),
    /// The service cannot be reached.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The keys cannot be copied.
    #[error("the entries are in the backup, the keys are not copied: {0}")]
    Keys(#[from] KeysError),
    /// The keys would lie beside the data.
    #[error("{keys} and {backup} lie in each other: keys belong apart from the backup; nothing was written")]
    Together {
        /// Where the keys would go.
        keys: PathBuf,
        /// The backup.
        backup: PathBuf,
    },
    /// The checkpoint cannot be put beside the entries.
    #[error("the entries are in the backup, the checkpoint over them is not: {path}: {error}")]
    Checkpoint {
        /// The backup.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A thread of ours stopped.
    #[error("the backup stopped: {0}")]
    Stopped(#[from] tokio::task::JoinError),
}

impl Failed {
    const fn is_damage(&self) -> bool {
        match self {
            Self::Backup(error) => error.is_damage(),
            Self::Store(error) => error.is_damage(),
            Self::Unreadable(unreadable) => unreadable.damaged,
            Self::Keys(_) | Self::Together { .. } | Self::Checkpoint { .. } | Self::Stopped(_) => false,
        }
    }
}

/// Runs `probity backup`.
///
/// # Errors
///
/// It could not be done.
pub async fn run(arguments: BackupArgs) -> Result<ExitCode, Failed> {
    let given = arguments.clone();
    let named = arguments.from.as_ref().or(arguments.from_environment.as_ref());
    let written = match named.filter(|_| arguments.data.is_none()) {
        Some(url) => {
            // Before the entries, so that they reach it.
            let published = remote::checkpoint(url).await?;
            let remote = RemoteEntries::connect(url).await?;
            tokio::task::spawn_blocking(move || write(&remote, published.as_ref(), &given)).await?
        }
        None => tokio::task::spawn_blocking(move || from_folder(&given)).await?,
    };
    match written {
        Ok(written) => {
            print(&written, &arguments);
            Ok(ExitCode::SUCCESS)
        }
        Err(failed) if failed.is_damage() => {
            damaged(&failed, arguments.json);
            Ok(ExitCode::from(1))
        }
        Err(failed) => Err(failed),
    }
}

fn from_folder(arguments: &BackupArgs) -> Result<Written, Failed> {
    let data = arguments.data.clone().unwrap_or_default();
    if let Some(to) = &arguments.keys {
        check_apart(to, &arguments.to)?;
    }
    folder::read(&data, |store| {
        let published = held::newest_of(&data)?;
        let written = write(&LogEntries(store), published.as_ref(), arguments)?;
        if let Some(to) = &arguments.keys {
            keys::copy(&data.join("keys"), to)?;
        }
        Ok(written)
    })?
}

/// Writes what is new, and then the checkpoint that was published before.
fn write(log: &dyn Entries, published: Option<&Note>, arguments: &BackupArgs) -> Result<Written, Failed> {
    let bar = progress::bar(0, "writing", "entries");
    let written = backup::write(log, &arguments.to, arguments.segment_bytes, |done, goal| {
        if done % 1024 == 0 {
            bar.set_length(goal);
            bar.set_position(done);
        }
    });
    bar.finish_and_clear();
    let written = written?;
    if let Some(note) = published {
        held::copy_into_backup(&arguments.to, note)
            .map_err(|error| Failed::Checkpoint { path: arguments.to.clone(), error })?;
    }
    Ok(written)
}

/// Keys beside the data are as good as no sealing at all.
fn check_apart(keys: &Path, backup: &Path) -> Result<(), Failed> {
    let (one, other) = (absolute(keys), absolute(backup));
    if one.starts_with(&other) || other.starts_with(&one) {
        return Err(Failed::Together { keys: keys.to_owned(), backup: backup.to_owned() });
    }
    Ok(())
}

/// A path without links and dots, as far as it exists.
fn absolute(path: &Path) -> PathBuf {
    if let Ok(found) = fs::canonicalize(path) {
        return found;
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let name = path.file_name().unwrap_or_default();
    fs::canonicalize(parent).unwrap_or_else(|_| parent.to_owned()).join(name)
}

/// Says what is wrong with log or backup.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "scripts read the one, people the other")]
pub(super) fn damaged(what: &dyn std::fmt::Display, as_json: bool) {
    if as_json {
        println!("{}", json!({"good": false, "what": what.to_string()}));
    }
    eprintln!("probity: {what}");
}

#[expect(clippy::print_stdout, reason = "what was written is what this subcommand is asked for")]
fn print(written: &Written, arguments: &BackupArgs) {
    let Written { manifest, before: (entries, segments), report } = written;
    let head = manifest.head().map(|(index, hash)| format!("{index}:{hash}"));
    let (added, segments_added) = (manifest.size() - entries, manifest.segments.len() - segments);
    if arguments.json {
        let value = json!({
            "good": true,
            "origin": manifest.origin,
            "entries": manifest.size(),
            "entries_added": added,
            "bytes": manifest.bytes(),
            "segments": manifest.segments.len(),
            "segments_added": segments_added,
            "erasures_added": report.erasures,
            "head": head,
            "keys": arguments.keys.as_ref().map(|keys| keys.display().to_string()),
            "out": arguments.to.display().to_string(),
        });
        println!("{value}");
        return;
    }
    println!("log       {}", manifest.origin);
    println!("added     {added} entries in {segments_added} segments, verified as they were written");
    println!(
        "holds     {} entries in {} segments, {} bytes",
        manifest.size(),
        manifest.segments.len(),
        manifest.bytes()
    );
    if report.erasures > 0 {
        println!("note      {} erasures are new: what they name may still be in older segments", report.erasures);
    }
    match &arguments.keys {
        None => println!("note      the backup holds no key: what is sealed can be verified, and not be read"),
        Some(keys) => println!("keys      {}: a restored key undoes an erasure, keep no old copies", keys.display()),
    }
    if let Some(head) = head {
        println!("head      {head}");
    }
    println!("written   {}", arguments.to.display());
}
