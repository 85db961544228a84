//! Other people's registers become events: mappings, keyed snapshots, rejects. Talks to the service over gRPC alone.
//!
//! ```text
//! inputs ─source→ Row ─mapping→ Plan ─send→ AppendStream ─answers→ Summary, rejects, state
//! ```
//!
//! **Exactly once, however often it is interrupted.** Every id and every request id is an HMAC under the import key of
//! what the row says, so the same inputs give the same requests for ever, and the ledger records none of them twice.
//! The inputs are read from their beginning each time; the state file only says which rows need not be sent again.
//! Losing the state costs time. Losing the *key* costs the tie to what was imported: keep it with the service's keys.
//!
//! **Nothing is lost in silence.** `imported + skipped + rejected = rows read`, and every refused row stands in the
//! rejects file with its reason.
//!
#![doc = include_str!("manual/import.md")]

pub mod encoding;
pub mod error;
pub mod event;
pub mod filter;
pub mod ids;
pub mod mapped;
pub mod mapping;
pub mod native;
pub mod node;
pub mod plan;
pub mod rehearse;
pub mod rejects;
pub mod scope;
pub mod send;
pub mod snapshots;
pub mod source;
pub mod state;
pub mod summary;
pub mod template;

mod read;
mod settle;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;
use tonic::Code;
use tonic::Request;
use tonic::transport::Endpoint;

use crate::import::error::ImportError;
use crate::import::ids::ImportKey;
use crate::import::mapping::Mapping;
use crate::import::plan::Planner;
use crate::import::rejects::Rejects;
use crate::import::send::Patience;
use crate::import::send::Sender;
use crate::import::settle::Ledger;
use crate::import::state::State;
use crate::import::summary::Summary;
use crate::proto::v1::EntryView;
use crate::proto::v1::GetEntryRequest;
use crate::proto::v1::ledger_service_client::LedgerServiceClient;
use crate::tls::Credentials;
use crate::tls::Line;

/// What is to be imported, and where to.
#[derive(Clone, Debug)]
pub struct Options {
    /// The service, for example `http://127.0.0.1:7401`. A rehearsal asks none.
    pub to: String,
    /// A mapping's file, or the name of a shipped one; none for native input.
    pub mapping: Option<String>,
    /// Files and folders, in order.
    pub inputs: Vec<PathBuf>,
    /// The import key; made when it is not there.
    pub key: PathBuf,
    /// The folder of the state; made when it is not there.
    pub state: PathBuf,
    /// The rejects file.
    pub rejects: PathBuf,
    /// How long to wait for a service that does not answer.
    pub patience: Patience,
}

/// How far an import has come, for whoever watches it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of all inputs.
    pub bytes: AtomicU64,
    /// Bytes read.
    pub bytes_read: Arc<AtomicU64>,
    /// Rows settled.
    pub rows: AtomicU64,
    /// Rows rejected.
    pub rejected: AtomicU64,
    /// Events recorded.
    pub events: AtomicU64,
}

impl Progress {
    /// These files are to be read.
    fn expect(&self, files: &[PathBuf]) {
        let len_bytes = files.iter().filter_map(|file| fs::metadata(file).ok()).map(|about| about.len()).sum();
        self.bytes.fetch_add(len_bytes, Ordering::Relaxed);
    }
}

/// What came of a run: what was done, and why it stopped before the end, if it did.
#[derive(Debug)]
pub struct Outcome {
    /// What was done.
    pub summary: Summary,
    /// Why it stopped.
    pub stopped: Option<ImportError>,
}

/// Imports.
///
/// # Errors
///
/// When it could not begin: a wrong mapping, key or input, an unreachable service, a folder that cannot be written.
/// Nothing was sent then. What stops it later stands in the outcome.
pub async fn run(options: Options, progress: Arc<Progress>) -> Result<Outcome, ImportError> {
    run_as(&Credentials::default(), options, progress).await
}

/// Imports as somebody whom the service knows.
///
/// # Errors
///
/// As [`run`].
pub async fn run_as(
    credentials: &Credentials,
    options: Options,
    progress: Arc<Progress>,
) -> Result<Outcome, ImportError> {
    let mapping = options.mapping.as_deref().map(Mapping::open).transpose()?;
    let files = source::expand(&options.inputs)?;
    progress.expect(&files);
    let fingerprints = files.iter().map(|file| state::fingerprint(file)).collect::<Result<_, _>>()?;
    let key = ImportKey::open(&options.key)?;
    fs::create_dir_all(&options.state).map_err(|source| ImportError::File { path: options.state.clone(), source })?;

    let mut client = connect(credentials, &options.to, options.patience).await?;
    let name = mapping.as_ref().map_or("native", |mapping| mapping.name.as_str()).to_owned();
    let ordered = mapping.as_ref().is_some_and(|mapping| !mapping.source.order.is_empty());
    let about = format!("{}\0{}", mapping.as_ref().map_or("", |mapping| &mapping.text), key.id("probity", "state"));
    let genesis = entry_hash(&mut client, 0).await?.unwrap_or_default();
    let begin = State::begin(&genesis, about.as_bytes(), fingerprints);
    let stem = name.rsplit('/').next().unwrap_or_default().to_owned();
    let path = begin.path(&options.state, &stem);
    let planner = Planner::new(mapping, key);
    let may_grow = |from: usize| {
        let last = from.checked_sub(1).and_then(|last| files.get(last));
        // A further input may tell something of a row of those before it.
        !ordered
            && !planner.has_notes()
            && last.is_none_or(|last| planner.ends_edition(last, files.get(from).map(PathBuf::as_path)))
    };
    let mut state = begin.resume(&path, may_grow);
    if !is_in_the_log(&state, &mut client).await? {
        state.forget();
    }

    let rejects = Rejects::create(&options.rejects, &name)?;
    let (units, mut planned) = mpsc::channel(PLANNED_MAX);
    let reader = read::Reader::new(planner, files, state.clone(), Arc::clone(&progress), units);
    let reading = tokio::task::spawn_blocking(move || reader.run());
    let mut ledger = Ledger::new(state, path, rejects, progress);
    let sent = Sender::new(client, &mut planned, options.patience).run(&mut ledger).await;
    // Whoever still plans is told by this that nobody listens.
    drop(planned);
    let read = reading.await.unwrap_or_default();
    Ok(ledger.finish(&read, sent.err()))
}

async fn connect(
    credentials: &Credentials,
    to: &str,
    patience: Patience,
) -> Result<LedgerServiceClient<Line>, ImportError> {
    let unreachable = |attempts, what: &dyn std::error::Error| ImportError::Unreachable {
        attempts,
        what: what.source().map_or_else(|| what.to_string(), |source| format!("{what}: {source}")),
    };
    let endpoint = Endpoint::from_shared(to.to_owned()).map_err(|error| unreachable(0, &error))?;
    let endpoint = endpoint.tcp_nodelay(true).initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW);
    let mut attempts = 0;
    loop {
        attempts += 1;
        match credentials.dial_with(endpoint.clone()).await {
            Ok(channel) => return Ok(LedgerServiceClient::new(channel).max_decoding_message_size(MESSAGE_LEN_MAX)),
            Err(error) if attempts >= CONNECT_ATTEMPTS.min(patience.attempts) => {
                return Err(unreachable(attempts, &error));
            }
            Err(_) => tokio::time::sleep(patience.pause * attempts).await,
        }
    }
}

/// The leaf hash of an entry, if there is one that whoever imports may read. Who only records reads none: then nothing that
/// is remembered is believed, and what is sent again the ledger has.
async fn entry_hash(client: &mut LedgerServiceClient<Line>, position: u64) -> Result<Option<Vec<u8>>, ImportError> {
    let request = GetEntryRequest { position, view: EntryView::Headers.into() };
    match client.get_entry(Request::new(request)).await {
        Ok(response) => Ok(response.into_inner().entry.map(|entry| entry.leaf_hash.to_vec())),
        Err(status) if matches!(status.code(), Code::NotFound | Code::PermissionDenied) => Ok(None),
        Err(status) => Err(ImportError::Service { what: format!("{:?}: {}", status.code(), status.message()) }),
    }
}

/// Whether the log still has what the state says was acknowledged.
async fn is_in_the_log(state: &State, client: &mut LedgerServiceClient<Line>) -> Result<bool, ImportError> {
    let Some((position, hash)) = &state.last else { return Ok(true) };
    let found = entry_hash(client, *position).await?;
    Ok(found.is_some_and(|found| data_encoding::HEXLOWER.encode(&found) == *hash))
}

/// Units planned ahead, at most.
const PLANNED_MAX: usize = 1024;
const CONNECT_ATTEMPTS: u32 = 3;
const WINDOW: u32 = 4 * 1024 * 1024;
const MESSAGE_LEN_MAX: usize = 16 * 1024 * 1024;
