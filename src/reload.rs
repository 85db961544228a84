//! The files of access: policy, certificates, keys of those who issue tokens. Read at start, and again when they change or
//! when somebody says so; what cannot be used is told, and what was there before stays.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use thiserror::Error;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::access::Guard;
use crate::access::Keys;
use crate::access::KeysError;
use crate::access::Policy;
use crate::access::PolicyError;
use crate::access::TokenSettings;
use crate::fetch::Client;
use crate::tls::Acceptor;
use crate::tls::Bounds;
use crate::tls::Configs;
use crate::tls::Files;
use crate::tls::TlsError;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// After how many looks keys behind an address are asked for again: ten minutes.
const LOOKS_BETWEEN_ASKING: u32 = 120;

/// After how many looks they are asked for at the earliest, where a token names a key that is not here: half a minute.
/// Whoever makes tokens up must not make us ask all the time.
const LOOKS_BEFORE_ASKING: u32 = 6;

/// No JWKS is longer.
const KEYS_BYTES_MAX: u64 = 256 << 10;

/// Where things lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// The policy; `None`: there is no access control.
    pub policy: Option<PathBuf>,
    /// Certificates; `None`: connections are plain.
    pub tls: Option<Files>,
}

/// Why the files cannot be used.
#[derive(Debug, Error)]
pub enum SourceError {
    /// A file cannot be read.
    #[error("{}: {error}", file.display())]
    Read {
        /// Which.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The policy breaks a rule.
    #[error("{}: {error}", file.display())]
    Policy {
        /// Which.
        file: PathBuf,
        /// Which rule.
        error: PolicyError,
    },
    /// The keys of tokens are none.
    #[error("{from}: {why}")]
    Keys {
        /// A file or an address.
        from: String,
        /// Why.
        why: String,
    },
    /// A file of TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// What listeners decide by and take connections with, kept up to date by a [`Keeper`].
#[derive(Clone, Debug)]
pub struct Current {
    /// Who may do what.
    pub guard: watch::Receiver<Arc<Guard>>,
    /// TLS; `None`: connections are plain.
    pub acceptor: Option<Acceptor>,
    /// How much whoever connects may take. It stays as it is.
    pub bounds: Bounds,
}

impl Current {
    /// No access control, and plain connections.
    pub fn open() -> Self {
        Self { guard: watch::channel(Arc::default()).1, acceptor: None, bounds: Bounds::default() }
    }
}

/// Keeps what was read up to date.
#[derive(Debug)]
pub struct Keeper {
    sources: Sources,
    guard: watch::Sender<Arc<Guard>>,
    configs: Option<watch::Sender<Configs>>,
    seen: Vec<Stamp>,
    /// Looks since the issuer was asked.
    looks: u32,
}

type Stamp = Option<(SystemTime, u64)>;

/// Reads everything. It blocks.
///
/// # Errors
///
/// The first thing that cannot be used.
pub fn read(sources: Sources) -> Result<(Current, Keeper), SourceError> {
    let guard =
        sources.policy.as_deref().map(|file| read_guard(file, &Guard::default())).transpose()?.unwrap_or_default();
    let configs = sources.tls.as_ref().map(Configs::read).transpose()?;
    let (guard, following) = watch::channel(Arc::new(guard));
    let (configs, acceptor) = match configs.map(watch::channel) {
        Some((sender, receiver)) => (Some(sender), Some(Acceptor::new(receiver))),
        None => (None, None),
    };
    let seen = stamps(&sources, &guard.borrow());
    let keeper = Keeper { sources, guard, configs, seen, looks: 0 };
    Ok((Current { guard: following, acceptor, bounds: Bounds::default() }, keeper))
}

/// Reads a policy, and the keys that it names. Where those are elsewhere and cannot be had, the ones of before stay: nobody
/// keeps his rights because somebody else's server does not answer.
fn read_guard(file: &Path, before: &Guard) -> Result<Guard, SourceError> {
    let text = fs::read_to_string(file).map_err(|error| SourceError::Read { file: file.to_owned(), error })?;
    let policy = Policy::parse(&text).map_err(|error| SourceError::Policy { file: file.to_owned(), error })?;
    let Some(tokens) = policy.tokens() else { return Ok(Guard::new(policy, None)) };
    let keys = read_keys(tokens, file).or_else(|error| match kept(tokens, before) {
        Some(kept) => {
            tracing::error!(%error, "the keys of tokens cannot be had; those before stay");
            Ok(kept)
        }
        None => Err(error),
    })?;
    Ok(Guard::new(policy, Some(keys)))
}

/// The keys of before, where they came from the same address for the same algorithm.
fn kept(tokens: &TokenSettings, before: &Guard) -> Option<Keys> {
    let of_before = before.policy()?.tokens()?;
    let same =
        tokens.are_keys_elsewhere() && (&of_before.keys, &of_before.algorithm) == (&tokens.keys, &tokens.algorithm);
    before.keys().filter(|_| same).cloned()
}

/// The keys of those who issue tokens. A relative path is beside the policy.
fn read_keys(tokens: &TokenSettings, policy: &Path) -> Result<Keys, SourceError> {
    let from = tokens.keys.as_str();
    let failed = |why: String| SourceError::Keys { from: from.to_owned(), why };
    let json = if tokens.are_keys_elsewhere() {
        let patience = Duration::from_secs(tokens.keys_within_s);
        let answer = Client::new(patience).get(from, None, KEYS_BYTES_MAX);
        let answer = answer.map_err(|error| failed(error.why.to_string()))?;
        if answer.status != 200 {
            return Err(failed(format!("status {}", answer.status)));
        }
        answer.body
    } else {
        let file = beside(policy, from);
        fs::read(&file).map_err(|error| SourceError::Read { file, error })?
    };
    Keys::parse(&json, &tokens.algorithm).map_err(|error: KeysError| failed(error.to_string()))
}

fn beside(policy: &Path, file: &str) -> PathBuf {
    policy.parent().map_or_else(|| PathBuf::from(file), |folder| folder.join(file))
}

/// When each file was last written, and how long it is.
fn stamps(sources: &Sources, guard: &Guard) -> Vec<Stamp> {
    let keys = guard.policy().and_then(Policy::tokens).filter(|tokens| !tokens.are_keys_elsewhere());
    let keys = keys.zip(sources.policy.as_deref()).map(|(tokens, policy)| beside(policy, &tokens.keys));
    let tls = sources
        .tls
        .iter()
        .flat_map(|tls| [Some(&tls.certificate), Some(&tls.key), tls.client_ca.as_ref(), tls.revoked.as_ref()]);
    let files = [sources.policy.as_ref(), keys.as_ref()].into_iter().chain(tls).flatten();
    files
        .map(|file| {
            let metadata = fs::metadata(file).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
        .collect()
}

impl Keeper {
    /// Looks at the files every few seconds, and at once whenever `now` says so, until `stop`.
    pub async fn keep(mut self, mut now: mpsc::Receiver<()>, stop: CancellationToken) {
        loop {
            let asked = tokio::select! {
                () = stop.cancelled() => return,
                // Where nobody can say so any more, time alone does.
                Some(()) = now.recv() => true,
                () = tokio::time::sleep(LOOK_EVERY) => false,
            };
            let looked = tokio::task::spawn_blocking(move || {
                self.look(asked);
                self
            });
            let Ok(keeper) = looked.await else { return };
            self = keeper;
        }
    }

    /// Reads again what changed, or everything where `all` is said.
    pub fn look(&mut self, all: bool) {
        self.looks = self.looks.saturating_add(1);
        let seen = stamps(&self.sources, &self.guard.borrow());
        let changed = seen != self.seen;
        if all || changed || self.is_to_ask() {
            self.looks = 0;
            self.read_guard();
        }
        if all || changed {
            self.read_tls();
        }
        self.seen = seen;
    }

    /// Whether the issuer is to be asked for its keys again.
    fn is_to_ask(&self) -> bool {
        let guard = self.guard.borrow();
        let elsewhere = guard.policy().and_then(Policy::tokens).is_some_and(TokenSettings::are_keys_elsewhere);
        let due = self.looks >= LOOKS_BETWEEN_ASKING;
        elsewhere && (due || (self.looks >= LOOKS_BEFORE_ASKING && guard.take_missed_key()))
    }

    fn read_guard(&self) {
        let Some(file) = &self.sources.policy else { return };
        let before = Arc::clone(&self.guard.borrow());
        match read_guard(file, &before) {
            Ok(guard) => {
                self.guard.send_replace(Arc::new(guard));
                tracing::info!("the policy of access was read");
            }
            Err(error) => tracing::error!(%error, "the policy of access cannot be used; the one before stays"),
        }
    }

    fn read_tls(&self) {
        let (Some(files), Some(configs)) = (&self.sources.tls, &self.configs) else { return };
        match Configs::read(files) {
            Ok(read) => {
                configs.send_replace(read);
                tracing::info!("the certificates were read");
            }
            Err(error) => tracing::error!(%error, "the certificates cannot be used; those before stay"),
        }
    }
}
