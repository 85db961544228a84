//! `probity restore`: a data folder from a backup.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::PoisonError;

use clap::Args;
use serde_json::json;
use thiserror::Error;

use crate::backup;
use crate::backup::BackupError;
use crate::backup::Segments;
use crate::cli::backup::damaged;
use crate::cli::custody;
use crate::cli::progress;
use crate::cli::staging::Over;
use crate::cli::staging::Staging;
use crate::cli::staging::StagingError;
use crate::cli::verify::Head;
use crate::cli::verify::Keys;
use crate::cli::verify::held;
use crate::cli::verify::held::Held;
use crate::config::ConfigError;
use crate::keys;
use crate::keys::Keyring;
use crate::keys::KeysError;
use crate::log::Body;
use crate::log::Checked;
use crate::log::Entry;
use crate::log::Genesis;
use crate::log::LeafHash;
use crate::service::KeyVault;
use crate::service::LogEntries;
use crate::store;
use crate::store::OpenOptions;
use crate::store::SledStore;
use crate::store::StoreError;
use crate::store::failpoint;
use crate::verify::Entries as _;
use crate::verify::Fault;
use crate::verify::HeldHead;
use crate::verify::Opener;
use crate::verify::Report;
use crate::verify::Unreadable;
use crate::verify::Wanted;
use crate::verify::What;
use crate::verify::verify;

/// Below so many free bytes the restore is given up: a full disk is not to be met by sled. What was restored so far is
/// removed then, so little is enough.
const RESERVE_BYTES: u64 = 64 << 20;

/// Makes a data folder from a backup: verified as it is read, and again as it lies in the new folder.
///
/// The new folder is missing or empty before, and has its name only when it is whole: a restore that failed or was
/// interrupted leaves nothing that opens as a log. What was acknowledged after the backup is not in it, and nothing in
/// the backup can tell: give the newest checkpoint that anybody holds, a witness for example, or the newest head that is
/// known elsewhere, a receipt or the last line of `probity verify`. A log that lost entries below a published checkpoint
/// is never written again: what is left of it stays readable, and `probity successor` begins the log that goes on.
///
/// Without --keys what is sealed in the log can be verified and not be read, and nothing can be appended. WARNING: A
/// RESTORED KEY UNDOES AN ERASURE. Give the newest copy of the keys.
///
/// Exit status: 0 restored, 1 the backup is damaged or does not reach the head, 2 it could not be done.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  probity restore --backup /mnt/backup/probity --data probity-data\n  \
                        probity restore --backup /mnt/backup/probity --data new --keys /mnt/keys")]
pub struct RestoreArgs {
    /// The backup.
    #[arg(long, value_name = "BACKUP")]
    pub backup: PathBuf,
    /// The data folder to make; it is missing or empty, and the folder above it exists.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Copy the keys that were kept here into the data folder. A restored key undoes an erasure.
    #[arg(long, value_name = "KEYS")]
    pub keys: Option<PathBuf>,
    /// A head that was kept elsewhere: index and leaf hash. A backup that does not reach it is refused.
    #[arg(long, value_name = "INDEX:HASH")]
    pub head: Option<Head>,
    /// A signed checkpoint of the log, the newest that anybody holds: a backup that does not reach it is refused.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Vec<PathBuf>,
    /// Print what was restored as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Why nothing was restored.
#[derive(Debug, Error)]
pub enum Failed {
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The backup cannot be used.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// What lies in the new folder is not what the backup holds.
    #[error("the restored log does not verify: {0}")]
    Fault(#[from] Fault),
    /// What lies in the new folder cannot be read.
    #[error("the restored log cannot be read: {0}")]
    Unreadable(#[from] Unreadable),
    /// The new store refused.
    #[error("{error}; {advice}", error = .0, advice = .0.advice())]
    Store(#[from] StoreError),
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The keys are another log's.
    #[error("{path}: log.ed25519 is not the key that the log {origin} names; give the keys that belong to it")]
    OtherKeys {
        /// The keys.
        path: PathBuf,
        /// Of the log in the backup.
        origin: String,
    },
    /// Something is in the place of the new folder.
    #[error("{path} is there and not an empty folder; name another one, nothing was touched")]
    NotEmpty {
        /// What is there.
        path: PathBuf,
    },
    /// Somebody else restores there now.
    #[error("another restore to {path} is under way")]
    UnderWay {
        /// The new folder.
        path: PathBuf,
    },
    /// A checkpoint is over more entries than there are.
    #[error(
        "the backup has {entries} entries, and a checkpoint over {published} was published: restore one that reaches it; if there is none, what was lost is lost, this log is never written again, and `probity successor` begins the one that goes on"
    )]
    BelowCheckpoint {
        /// In the backup.
        entries: u64,
        /// Under the checkpoint.
        published: u64,
    },
    /// A checkpoint is not the log's.
    #[error("{what}")]
    Checkpoint {
        /// Which, and why.
        what: String,
    },
    /// The disk refused.
    #[error("{path}: cannot {doing}: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// A thread of ours stopped.
    #[error("the restore stopped: {0}")]
    Stopped(#[from] tokio::task::JoinError),
}

impl Failed {
    const fn is_damage(&self) -> bool {
        match self {
            Self::Backup(error) => error.is_damage(),
            Self::BelowCheckpoint { .. } | Self::Checkpoint { .. } => true,
            _ => false,
        }
    }
}

impl From<StagingError> for Failed {
    fn from(error: StagingError) -> Self {
        match error {
            StagingError::Exists { path } => Self::NotEmpty { path },
            StagingError::UnderWay { path } => Self::UnderWay { path },
            StagingError::Io { path, doing, error } => Self::Io { path, doing, error },
        }
    }
}

/// What was restored.
struct Restored {
    report: Report,
    /// Sealed parts that no key opens, by their class: how many, in the first and the last entry of them.
    closed: BTreeMap<u8, Closed>,
}

#[derive(Clone, Copy, Debug)]
struct Closed {
    parts: u64,
    first: u64,
    last: u64,
}

/// Runs `probity restore`.
///
/// # Errors
///
/// It could not be done.
pub async fn run(arguments: RestoreArgs) -> Result<ExitCode, Failed> {
    let given = arguments.clone();
    match tokio::task::spawn_blocking(move || restore(&given)).await? {
        Ok(restored) => {
            print(&restored, &arguments);
            Ok(ExitCode::SUCCESS)
        }
        Err(failed) if failed.is_damage() => {
            damaged(&failed, arguments.json);
            Ok(ExitCode::from(1))
        }
        Err(failed) => Err(failed),
    }
}

fn restore(arguments: &RestoreArgs) -> Result<Restored, Failed> {
    let manifest = backup::read_manifest(&arguments.backup)?;
    if manifest.size() == 0 {
        return Err(BackupError::Nothing { path: arguments.backup.clone() }.into());
    }
    let segments = Segments::new(&arguments.backup, &manifest);
    Staging::remove_leftovers(&arguments.data)?;
    check_empty(&arguments.data)?;
    let mut staging = Staging::begin(&arguments.data)?;
    let options = OpenOptions { reserve_bytes: RESERVE_BYTES, ..OpenOptions::default() };
    let store = store::create(staging.path(), &options)?;
    let vault = arguments.keys.as_ref().map(|from| vault(&segments, from, staging.path())).transpose()?;
    let head = arguments.head.map(|Head(index, hash)| (index, hash));
    let held = Held::read(&arguments.checkpoint, Some(&arguments.backup), None, None)?;
    let copied = copy(&segments, &store, head, held.heads())?;
    if let Some((what, _)) = held.judge(&copied).into_iter().find(|(_, good)| !good) {
        return Err(Failed::Checkpoint { what });
    }
    let restored = again(&store, copied.head, vault)?;
    if let Some(note) = held.largest() {
        let path = staging.path().to_owned();
        held::put_into_data(&path, note).map_err(|error| Failed::Io { path, doing: "keep the checkpoint", error })?;
    }
    failpoint::hit("restore-verified");
    store.close()?;
    failpoint::hit("restore-before-rename");
    staging.place(Over::Empty)?;
    failpoint::hit("restore-after-rename");
    Ok(restored)
}

/// From the backup into the store, verified on the way.
fn copy(
    segments: &Segments,
    store: &SledStore,
    head: Option<(u64, LeafHash)>,
    held: &[HeldHead],
) -> Result<Report, Failed> {
    let bar = progress::bar(segments.size(), "restoring", "entries");
    let copied = backup::restore(segments, store, head, held, |done, _| {
        if done % 1024 == 0 {
            bar.set_position(done);
        }
    });
    bar.finish_and_clear();
    let beyond = held.iter().map(|held| held.head.size).max().filter(|size| *size > segments.size());
    match (copied, beyond) {
        (Err(BackupError::Fault(Fault { what: What::Missing { .. }, .. })), Some(published)) => {
            Err(Failed::BelowCheckpoint { entries: segments.size(), published })
        }
        (copied, _) => Ok(copied?),
    }
}

/// Verifies what now lies in the store: it ends with the same head, and with the keys each part is what was committed.
fn again(store: &SledStore, head: Option<(u64, LeafHash)>, vault: Option<KeyVault>) -> Result<Restored, Failed> {
    let opener = Counting { keys: vault.map(Keys), closed: Mutex::default() };
    let entries = LogEntries(store);
    let bar = progress::bar(entries.size(), "verifying", "entries");
    let report = verify(&entries, &Wanted { head, opener: Some(&opener), ..Wanted::default() }, |done, _| {
        if done % 1024 == 0 {
            bar.set_position(done);
        }
    });
    bar.finish_and_clear();
    match (&report.fault, &report.unreadable) {
        (Some(fault), _) => Err(fault.clone().into()),
        (None, Some(what)) => Err(Unreadable { damaged: false, what: what.clone() }.into()),
        (None, None) => {
            let closed = opener.closed.into_inner().unwrap_or_else(PoisonError::into_inner);
            Ok(Restored { report, closed })
        }
    }
}

/// Copies the keys into the new folder; they are those that the log names.
fn vault(segments: &Segments, from: &Path, data: &Path) -> Result<KeyVault, Failed> {
    let to = data.join("keys");
    keys::copy(from, &to)?;
    failpoint::hit("restore-keys-copied");
    let Genesis { origin, public_key, .. } = genesis(segments)?;
    let keys = Keyring::open_with(&to, false, &origin, custody::elsewhere(None)?)?;
    // Others than the first are asked about when the log is opened: its KEY entries name them.
    if keys.public_keys().any(|key| key == public_key) || keys.signing_keys().len() > 1 {
        Ok(KeyVault::new(keys.into(), origin.into()))
    } else {
        Err(Failed::OtherKeys { path: from.to_owned(), origin })
    }
}

fn genesis(segments: &Segments) -> Result<Genesis, BackupError> {
    let first = segments.read(0, 1)?;
    let (_, bytes) =
        first.first().ok_or_else(|| Unreadable { damaged: true, what: "entry 0 is missing".to_owned() })?;
    match Entry::check(bytes).map_err(|fault| BackupError::Damaged { index: 0, fault })?.leaf.body {
        Body::Genesis(genesis) => Ok(genesis),
        _ => Err(Unreadable { damaged: true, what: "entry 0 is not GENESIS".to_owned() }.into()),
    }
}

fn check_empty(data: &Path) -> Result<(), Failed> {
    match fs::read_dir(data).map(|mut names| names.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failed::NotEmpty { path: data.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(Failed::NotEmpty { path: data.to_owned() }),
        Err(error) => Err(Failed::Io { path: data.to_owned(), doing: "list it", error }),
    }
}

/// Opens what can be opened, and counts what cannot.
struct Counting {
    keys: Option<Keys>,
    /// Guards the counts: entries are looked at on all cores.
    closed: Mutex<BTreeMap<u8, Closed>>,
}

impl Opener for Counting {
    fn opens(&self, entry: &Checked, part: usize) -> Option<Result<(), String>> {
        let opened = self.keys.as_ref().and_then(|keys| keys.opens(entry, part));
        if opened.is_none()
            && let Some(named) = entry.manifest.as_ref().and_then(|manifest| manifest.parts.get(part))
        {
            let index = entry.leaf.index;
            let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
            let counted = closed.entry(named.class).or_insert(Closed { parts: 0, first: index, last: index });
            counted.parts += 1;
            counted.first = counted.first.min(index);
            counted.last = counted.last.max(index);
        }
        opened
    }
}

#[expect(clippy::print_stdout, reason = "what was restored is what this subcommand is asked for")]
fn print(restored: &Restored, arguments: &RestoreArgs) {
    let Restored { report, closed } = restored;
    let head = report.head.map(|(index, hash)| format!("{index}:{hash}"));
    if arguments.json {
        let class = |(class, closed): (&u8, &Closed)| json!({"class": class, "parts": closed.parts, "first": closed.first, "last": closed.last});
        let value = json!({
            "good": true,
            "origin": report.origin,
            "entries": report.entries,
            "parts": report.parts,
            "parts_opened": report.parts_opened,
            "parts_closed": closed.iter().map(class).collect::<Vec<_>>(),
            "erasures": report.erasures,
            "erasures_pending": report.erasures_pending,
            "head": head,
            "data": arguments.data.display().to_string(),
        });
        println!("{value}");
        return;
    }
    println!("log       {}", report.origin);
    println!("restored  {} entries, {} sealed parts, {} erasures", report.entries, report.parts, report.erasures);
    println!("verified  as they were read, and again as they lie in the new folder");
    if report.parts_opened > 0 {
        println!("opened    {} of {} sealed parts, each what was committed", report.parts_opened, report.parts);
    }
    for (class, Closed { parts, first, last }) in closed {
        println!("closed    {parts} sealed parts of class {class}, in entries {first} to {last}: no key opens them");
    }
    if arguments.keys.is_none() {
        println!(
            "note      no keys were given: put them into {} before the service starts",
            arguments.data.join("keys").display()
        );
    }
    for index in &report.erasures_pending {
        println!("note      entry {index}: erased, and its bytes are still kept");
    }
    match arguments.head {
        Some(Head(index, _)) => println!("good      and entry {index} is the one whose head was kept elsewhere"),
        None => println!("not shown whether the log went on after the backup: compare with a head kept elsewhere"),
    }
    if let Some(head) = head {
        println!("head      {head}");
    }
    println!("written   {}", arguments.data.display());
}
