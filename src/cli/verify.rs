//! `probity verify`: whether a log is what it was.

pub mod consistency;
mod export;
pub(in crate::cli) mod held;
pub mod proof;
mod said;
mod tiles;

use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use clap::Args;
use clap::Subcommand;
use thiserror::Error;

use crate::backup;
use crate::backup::Segments;
use crate::cli::custody;
use crate::cli::folder;
use crate::cli::progress;
use crate::cli::remote;
use crate::cli::remote::RemoteEntries;
use crate::cli::verify::held::Held;
use crate::index;
use crate::keys::Keyring;
use crate::log::Body;
use crate::log::Checked;
use crate::log::Entry;
use crate::log::Genesis;
use crate::log::LeafHash;
use crate::log::VerifierKey;
use crate::service::KeyVault;
use crate::service::LogEntries;
use crate::store::LogStore;
use crate::store::SledStore;
use crate::store::StoreError;
use crate::verify::Entries;
use crate::verify::Fault;
use crate::verify::Opener;
use crate::verify::Report;
use crate::verify::Unreadable;
use crate::verify::Wanted;
use crate::verify::verify;

/// Verifies a whole log: leaves, chain, times, sequences, manifests, requests, payloads, subjects, sealed parts.
///
/// Of a log that is published as tiles (--tiles), leaves and tiles are verified with the token of an auditor, and without
/// it the tiles alone. The report names the steps that were done, and those that could not be. With --state a run that was
/// interrupted is gone on with, and a later one verifies what is new: the tree, all histories and the keys are in the file,
/// so nothing is taken on trust but what the earlier run saw. Entries below that are not read again, and the report says so.
///
/// A chain alone does not show that a log was rewritten from some entry on with a correct chain: keep a head
/// elsewhere (the last line of the report) and compare it with --head.
///
/// Of an export, every file is compared with the manifest, and where the entries are there, they are verified and the
/// tables made again from them. Of a backup, every segment is compared with the manifest and all its entries verified.
///
/// Exit status: 0 everything that was asked is good, 1 the log is damaged, 2 it could not be verified.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct VerifyArgs {
    /// Something handed over, instead of a log.
    #[command(subcommand)]
    pub handed: Option<Handed>,
    /// A data folder that no service uses now.
    #[arg(long, value_name = "DIR", required_unless_present_any = ["from", "from_environment", "tiles", "export", "backup"], conflicts_with_all = ["from", "tiles", "export", "backup"])]
    pub data: Option<PathBuf>,
    /// A service [env: PROBITY_URL, where nothing else is named]
    #[arg(long, value_name = "URL", conflicts_with_all = ["tiles", "export", "backup"])]
    pub from: Option<String>,
    /// A service that PROBITY_URL names: asked where nothing else is named.
    #[arg(long, value_name = "URL", env = "PROBITY_URL", hide = true)]
    pub from_environment: Option<String>,
    /// A log that is published as tiles: where its checkpoint is, or a folder of `probity export tiles`.
    #[arg(long, value_name = "URL|DIR", conflicts_with_all = ["export", "backup"])]
    pub tiles: Option<String>,
    /// A file with the token that the tiles, or the service, ask for.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Where to keep how far tiles were verified, to go on from there.
    #[arg(long, value_name = "FILE", requires = "tiles", conflicts_with = "head")]
    pub state: Option<PathBuf>,
    /// An export.
    #[arg(long, value_name = "DIR", conflicts_with = "backup")]
    pub export: Option<PathBuf>,
    /// The exports before an incremental one, back to a full one: with their entries its tables are made again.
    #[arg(long, value_name = "DIR", requires = "export")]
    pub since: Vec<PathBuf>,
    /// A .tlog-proof of the last entry of an export: that its head is the log's, as of the checkpoint in the proof.
    #[arg(long, value_name = "FILE", requires = "export")]
    pub proof: Option<PathBuf>,
    /// A backup.
    #[arg(long, value_name = "DIR")]
    pub backup: Option<PathBuf>,
    /// A head that was kept elsewhere: index and leaf hash.
    #[arg(long, value_name = "INDEX:HASH")]
    pub head: Option<Head>,
    /// A signed checkpoint that was kept elsewhere: the log must have it.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Vec<PathBuf>,
    /// The public key of the log, as a vkey: whose log it must be.
    #[arg(long, value_name = "VKEY")]
    pub key: Option<String>,
    /// Witnesses whose cosignatures count, and how many are wanted: a policy of C2SP tlog-policy.
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Open every sealed part with the keys of the data folder and compare it with its commitment.
    #[arg(long, requires = "data")]
    pub open_parts: bool,
    /// Fold the log again and compare every row of the index with it.
    #[arg(long, requires = "data")]
    pub views: bool,
    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What somebody was handed.
#[derive(Subcommand, Clone, Debug)]
pub enum Handed {
    /// A proof file.
    Proof(proof::ProofArgs),
    /// Two checkpoints.
    Consistency(consistency::ConsistencyArgs),
}

const EXAMPLES: &str = r"Examples:
  probity verify --data probity-data --open-parts --views
  probity verify --from http://127.0.0.1:7411
  probity verify --tiles https://audit.example.org/log --token-file token \
    --key audit.example.org/discipline+5c1be2a4+AX… --state audit.state
  probity verify --export export-2026-06
  probity verify --export export-2026-07 --since export-2026-06
  probity verify --export export-2026-06 --proof 4711.tlog-proof \
    --key audit.example.org/discipline+5c1be2a4+AX…
  probity verify --data probity-data \
    --head 41:9f2c64ea8d1b7f03c5e6a2904b8d7e1f3a5c9b6d2e8f70415263748596a7b8c9";

/// A head that was kept elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head(pub(super) u64, pub(super) LeafHash);

impl FromStr for Head {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.split_once(':').and_then(|(index, hash)| Some((index.parse().ok()?, LeafHash::parse(hash)?)));
        parsed.map(|(index, hash)| Self(index, hash)).ok_or("an index, a colon and 64 hexadecimal digits")
    }
}

/// Why a log could not be verified.
#[derive(Debug, Error)]
pub enum Failed {
    /// It cannot be reached.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// A thread of ours stopped.
    #[error("verification stopped: {0}")]
    Stopped(#[from] tokio::task::JoinError),
}

/// What was verified, and what else there is to say.
#[derive(Default)]
struct Verdict {
    report: Report,
    /// What was compared beside the entries: in words, and whether it is good.
    beside: Vec<(String, bool)>,
    /// Whether a witness that is believed cosigned a checkpoint that the log has.
    witnessed: bool,
    /// Whether the log's key is known from elsewhere.
    keyed: bool,
    /// Entries that earlier runs verified, and this one did not read.
    resumed: u64,
    /// The steps after the sixth that were done.
    more: Vec<u8>,
}

impl Verdict {
    /// A report, and what the checkpoints that are held say of it.
    fn new(report: Report, held: &Held) -> Self {
        let beside = if report.is_good() { held.judge(&report) } else { Vec::new() };
        Self { report, beside, witnessed: held.has_witnesses(), keyed: !held.keys().is_empty(), ..Self::default() }
    }

    fn is_good(&self) -> bool {
        self.report.is_good() && self.beside.iter().all(|(_, good)| *good)
    }
}

/// Runs `probity verify`.
///
/// # Errors
///
/// It could not be verified.
pub async fn run(arguments: VerifyArgs) -> Result<ExitCode, Failed> {
    match arguments.handed {
        Some(Handed::Proof(arguments)) => return tokio::task::spawn_blocking(move || proof::run(arguments)).await?,
        Some(Handed::Consistency(arguments)) => {
            return tokio::task::spawn_blocking(move || consistency::run(arguments)).await?;
        }
        None => {}
    }
    let json = arguments.json;
    let head = arguments.head;
    let key = arguments.key.as_deref().map(VerifierKey::parse).transpose();
    let key = key.map_err(|error| Unreadable { damaged: false, what: format!("--key: {error}") })?;
    let mut held = Held::read(
        &arguments.checkpoint,
        arguments.data.as_deref().or(arguments.backup.as_deref()),
        key,
        arguments.policy.as_deref(),
    )?;
    if let Some(folder) = arguments.export {
        let asked = export::Asked { head, held, proof: arguments.proof };
        return Ok(tokio::task::spawn_blocking(move || export::run(&folder, &arguments.since, &asked, json)).await??);
    }
    let elsewhere = arguments.data.is_some() || arguments.backup.is_some() || arguments.tiles.is_some();
    let named = arguments.from.as_ref().or(arguments.from_environment.as_ref());
    let verdict = if let Some(url) = named.filter(|_| !elsewhere) {
        // First its checkpoint, then how long it is: it may grow meanwhile.
        match remote::checkpoint(url).await {
            Ok(Some(note)) => drop(held.add(url.clone(), note)?),
            Err(error) if error.damaged => return Err(error.into()),
            // It publishes none, or none yet; the report says that none was held.
            Ok(None) | Err(_) => {}
        }
        let remote = RemoteEntries::connect(url).await?;
        tokio::task::spawn_blocking(move || of_entries(&remote, head, &held, None)).await?
    } else if let Some(place) = arguments.tiles.clone() {
        tiles::run(place, head, held, &arguments).await?
    } else if let Some(folder) = arguments.backup.clone() {
        tokio::task::spawn_blocking(move || of_backup(&folder, head, &held)).await??
    } else if let Some(data) = arguments.data.clone() {
        tokio::task::spawn_blocking(move || of_folder(&data, &held, &arguments)).await??
    } else {
        return Err(Unreadable { damaged: false, what: "name what to verify".to_owned() }.into());
    };
    said::print(&verdict, head, json);
    Ok(match (&verdict.report.fault, &verdict.report.unreadable) {
        (None, Some(_)) => ExitCode::from(2),
        (None, None) if verdict.is_good() => ExitCode::SUCCESS,
        _ => ExitCode::from(1),
    })
}

fn of_entries(entries: &dyn Entries, head: Option<Head>, held: &Held, opener: Option<&dyn Opener>) -> Verdict {
    let bar = progress::bar(entries.size(), "verifying", "entries");
    let head = head.map(|Head(index, hash)| (index, hash));
    let wanted = Wanted { head, held: held.heads(), opener, ..Wanted::default() };
    let report = verify(entries, &wanted, |done, _| {
        if done % 4096 == 0 {
            bar.set_position(done);
        }
    });
    bar.finish_and_clear();
    Verdict { more: opener.map(|_| 7).into_iter().collect(), ..Verdict::new(report, held) }
}

fn of_backup(folder: &Path, head: Option<Head>, held: &Held) -> Result<Verdict, Unreadable> {
    let manifest = match backup::read_manifest(folder) {
        Ok(manifest) => manifest,
        Err(error) if error.is_damage() => return Ok(damaged_at(0, error.to_string())),
        Err(error) => return Err(Unreadable { damaged: false, what: error.to_string() }),
    };
    Ok(of_entries(&Segments::new(folder, &manifest), head, held, None))
}

fn of_folder(data: &Path, held: &Held, arguments: &VerifyArgs) -> Result<Verdict, Unreadable> {
    folder::read(data, |store| of_store(data, store, held, arguments)).unwrap_or_else(|error| refused(&error))
}

fn of_store(data: &Path, store: &SledStore, held: &Held, arguments: &VerifyArgs) -> Result<Verdict, Unreadable> {
    let vault = if arguments.open_parts || arguments.views { Some(vault(data, store)?) } else { None };
    let keys = vault.clone().map(Keys);
    let opener = keys.as_ref().filter(|_| arguments.open_parts).map(|keys| keys as &dyn Opener);
    let mut verdict = of_entries(&LogEntries(store), arguments.head, held, opener);
    if let Some(vault) = vault.filter(|_| arguments.views && verdict.report.is_good()) {
        let bar = progress::bar(store.size(), "folding", "entries");
        let compared = index::compare_with_log(&data.join("views"), store, &vault, |done, goal| {
            bar.set_length(goal);
            bar.set_position(done);
        });
        bar.finish_and_clear();
        verdict.more.push(8);
        verdict.beside.push(match compared {
            Ok(compared) if compared.equal => {
                (format!("index: {} rows equal those folded again from the log", compared.rows), true)
            }
            Ok(compared) => (format!("index: of {} rows some are not those folded from the log", compared.rows), false),
            Err(error) => (format!("index: {error}"), false),
        });
    }
    Ok(verdict)
}

/// A store that does not open is damaged, or out of reach.
fn refused(error: &StoreError) -> Result<Verdict, Unreadable> {
    let what = format!("{error}; {}", error.advice());
    let index = match error {
        StoreError::Damaged { volume, at, .. } => at.unwrap_or(*volume),
        StoreError::MissingVolume { volume, .. } => *volume,
        StoreError::BehindGuard { ledger, .. } => *ledger,
        StoreError::ForkedFromGuard { at, .. } => *at,
        _ => return Err(Unreadable { damaged: false, what }),
    };
    Ok(damaged_at(index, what))
}

fn damaged_at(index: u64, what: String) -> Verdict {
    let fault = Some(Fault { index, what: crate::verify::What::Unreadable(what) });
    Verdict { report: Report { fault, ..Report::default() }, ..Verdict::default() }
}

fn vault(data: &Path, store: &SledStore) -> Result<KeyVault, Unreadable> {
    let unreadable = |what: String| Unreadable { damaged: false, what };
    let elsewhere = custody::elsewhere(None).map_err(|error| unreadable(error.to_string()))?;
    let first = store.get(0).map_err(|error| unreadable(error.to_string()))?;
    let genesis = first.and_then(|bytes| Entry::check(&bytes).ok()).map(|entry| entry.leaf.body);
    match genesis {
        Some(Body::Genesis(Genesis { origin, .. })) => {
            let keys = Keyring::open_with(&data.join("keys"), false, &origin, elsewhere);
            Ok(KeyVault::new(keys.map_err(|error| unreadable(error.to_string()))?.into(), origin.into()))
        }
        _ => Err(unreadable("entry 0 is not GENESIS".to_owned())),
    }
}

/// Opens what a keyring can open.
pub(super) struct Keys(pub(super) KeyVault);

impl Opener for Keys {
    fn opens(&self, entry: &Checked, part: usize) -> Option<Result<(), String>> {
        match self.0.open_part(entry, part) {
            Ok(None) => None,
            Ok(Some(_)) => Some(Ok(())),
            Err(error) => Some(Err(error.to_string())),
        }
    }
}
