//! `probity export tiles`: the published log as a folder that any static server or object store can serve.
//!
//! Every tile is made from leaf hashes here, whatever the source says of higher ones; the checkpoint follows when all of
//! them hash up to its root, and it is the last file. A crash before that leaves the folder with the checkpoint that it
//! had, and tiles beyond it that the next run finds.

mod fetched;
mod folder;
mod stored;
mod write;

use std::fmt;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use thiserror::Error;

use crate::cli::folder as data_folder;
use crate::cli::progress;
use crate::fetch::FetchError;
use crate::log::Checkpoint;
use crate::log::KeyTextError;
use crate::log::LeafHash;
use crate::log::Note;
use crate::log::NoteFault;
use crate::log::Root;
use crate::log::Tile;
use crate::log::VerifierKey;
use crate::store::StoreError;

use fetched::Fetched;
use stored::Stored;
use write::Written;

/// Writes the published log as a folder of tiles (C2SP tlog-tiles) that any static server or object store can serve.
///
/// Run it again to bring the folder up to the newest checkpoint: what is there is kept. The checkpoint is written last,
/// and only when all tiles hash up to it; with --key its signature is checked too. A run that was killed is finished by
/// the next one. The folder's earlier checkpoint must be of the same log.
///
/// Exit status: 0 written, 1 the log is damaged or is not what its checkpoint or the folder's says, 2 it could not be
/// written.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct TilesArgs {
    /// The folder; made where there is none.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// A data folder that no service uses now.
    #[arg(long, value_name = "DIR", required_unless_present = "from", conflicts_with = "from")]
    pub data: Option<PathBuf>,
    /// Where checkpoint and tiles are served, by a service (http_listen) or out of such a folder.
    #[arg(long, value_name = "URL")]
    pub from: Option<String>,
    /// Write the bundles of entries too. They hold pseudonyms: whoever serves the folder answers for who reads them.
    #[arg(long)]
    pub entries: bool,
    /// A file with the auditor's token that the service wants for entries.
    #[arg(long, value_name = "FILE", requires = "from")]
    pub token_file: Option<PathBuf>,
    /// The log's public key, as NAME+ID+KEY: the checkpoint has to be signed by it.
    #[arg(long, value_name = "VKEY", value_parser = key)]
    pub key: Option<VerifierKey>,
    /// Print what was written as JSON.
    #[arg(long)]
    pub json: bool,
}

const EXAMPLES: &str = r"Examples:
  probity export tiles --data probity-data tiles
  probity export tiles --from http://127.0.0.1:7413/ --entries \
    --token-file auditor.token tiles";

fn key(text: &str) -> Result<VerifierKey, KeyTextError> {
    VerifierKey::parse(text)
}

/// Why the folder is not up to date. Its checkpoint is as it was.
#[derive(Debug, Error)]
pub enum Failed {
    /// The data folder does not open.
    #[error("{error}; {advice}", error = .0, advice = .0.advice())]
    Store(#[from] StoreError),
    /// There is no checkpoint.
    #[error("nothing is published yet: {0}")]
    NotPublished(&'static str),
    /// The log ends below its checkpoint.
    #[error("the log has {size} entries, and its checkpoint is over {published}")]
    Short {
        /// Entries of the log.
        size: u64,
        /// Entries of the checkpoint.
        published: u64,
    },
    /// What should be there is not, or is something else.
    #[error("{what}: {fault}")]
    Damaged {
        /// A file or entry.
        what: String,
        /// What is wrong.
        fault: String,
    },
    /// Leaves and checkpoint do not agree.
    #[error("the {size} entries have root {found}, and the checkpoint over them says {published}")]
    Root {
        /// How many.
        size: u64,
        /// As hashed.
        found: Root,
        /// As signed.
        published: Root,
    },
    /// The folder has a checkpoint over the same log's beginning, and that was another one.
    #[error(
        "the folder's checkpoint says that the first {size} entries have root {before}, and now it is {found}: one of the two was made up"
    )]
    Forked {
        /// How many.
        size: u64,
        /// What the folder's checkpoint says.
        before: Root,
        /// What is hashed now.
        found: Root,
    },
    /// The folder's checkpoint is over more.
    #[error("the folder's checkpoint is over {before} entries, this one over {now}: it is older, or entries are gone")]
    Older {
        /// Entries of the folder's.
        before: u64,
        /// Entries of this one.
        now: u64,
    },
    /// The folder is another log's.
    #[error("the folder is of the log {before}, not of {now}")]
    Origin {
        /// Of the folder.
        before: String,
        /// Of the source.
        now: String,
    },
    /// The key of --key did not sign.
    #[error("the checkpoint: {0}")]
    Signature(#[from] NoteFault),
    /// The address is none that can be read from.
    #[error("{url}: {what}")]
    Url {
        /// As given.
        url: String,
        /// What is wrong.
        what: &'static str,
    },
    /// Nobody answered.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The service does not give what was asked for.
    #[error("{url}: {what}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// What came.
        what: String,
    },
    /// Somebody else writes there now.
    #[error("another export to {0} is under way")]
    UnderWay(PathBuf),
    /// The disk refused.
    #[error("{path}: cannot {doing}: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
    /// A thread of ours stopped.
    #[error("the export stopped: {0}")]
    Stopped(#[from] tokio::task::JoinError),
}

impl Failed {
    /// Whether something is not what was published, and not only out of reach.
    const fn is_damage(&self) -> bool {
        match self {
            Self::Short { .. }
            | Self::Damaged { .. }
            | Self::Root { .. }
            | Self::Forked { .. }
            | Self::Older { .. }
            | Self::Signature(_) => true,
            Self::Store(error) => error.is_damage(),
            _ => false,
        }
    }

    fn io(path: &Path, doing: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, doing, error }
    }

    fn damaged(what: &dyn fmt::Display, fault: &dyn fmt::Display) -> Self {
        Self::Damaged { what: what.to_string(), fault: fault.to_string() }
    }
}

/// A published log, wherever it is read from. Tiles are asked for in ascending order.
trait Source {
    /// The newest checkpoint.
    fn checkpoint(&self) -> Result<(Checkpoint, Note), Failed>;

    /// The leaf hashes of a tile of level 0, as many as it is wide.
    fn leaf_hashes(&self, tile: Tile) -> Result<Vec<LeafHash>, Failed>;

    /// The bytes of a bundle.
    fn bundle(&self, tile: Tile) -> Result<Vec<u8>, Failed>;
}

/// Runs `probity export tiles`.
///
/// # Errors
///
/// It could not be written.
pub(super) async fn run(arguments: TilesArgs) -> Result<ExitCode, Failed> {
    let (json, folder, signed) = (arguments.json, arguments.folder.clone(), arguments.key.is_some());
    let fetched =
        arguments.from.as_deref().map(|url| Fetched::new(url, arguments.token_file.as_deref())).transpose()?;
    let written = tokio::task::spawn_blocking(move || {
        if let Some(fetched) = fetched {
            return write_all(&fetched, &arguments);
        }
        let data = arguments.data.clone().unwrap_or_default();
        data_folder::read(&data, |store| write_all(&Stored::new(&data, store), &arguments))?
    });
    match written.await? {
        Ok(written) => {
            print(&written, &folder, signed, json);
            Ok(ExitCode::SUCCESS)
        }
        Err(failed) if failed.is_damage() => {
            say(&failed);
            Ok(ExitCode::from(1))
        }
        Err(failed) => Err(failed),
    }
}

fn write_all(source: &dyn Source, arguments: &TilesArgs) -> Result<Written, Failed> {
    let bar = progress::bar(0, "writing tiles", "entries");
    let written = write::write(source, arguments, |done, goal| {
        bar.set_length(goal);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    written
}

#[expect(clippy::print_stderr, reason = "people must see why there is no export")]
fn say(failed: &Failed) {
    eprintln!("probity: {failed}");
}

#[expect(clippy::print_stdout, reason = "what was written is what this subcommand is asked for")]
fn print(written: &Written, folder: &Path, signed: bool, json: bool) {
    let Written { checkpoint, files, kept, entries } = written;
    if json {
        let value = serde_json::json!({
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "root": checkpoint.root.to_string(),
            "signature_checked": signed,
            "entries": entries,
            "files_written": files,
            "files_kept": kept,
            "out": folder.display().to_string(),
        });
        println!("{value}");
        return;
    }
    println!("log       {}", checkpoint.origin);
    println!("size      {} entries", checkpoint.size);
    println!("root      {}: all tiles hash up to it", checkpoint.root);
    println!("signature {}", if signed { "good" } else { "not checked: name the log's key with --key" });
    println!("files     {files} written, {kept} kept as they were");
    if !entries {
        println!("note      without --entries there are hashes alone: proofs can be made, entries not be read");
    }
    println!("written   {}", folder.display());
}
