//! `probity key`: the keys that sign a log's checkpoints come and go.

use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;
use ed25519_dalek::SigningKey;
use serde_json::json;
use thiserror::Error;

use crate::cli::custody;
use crate::cli::folder;
use crate::clock;
use crate::config::ConfigError;
use crate::keys;
use crate::keys::CustodianError;
use crate::keys::KekPlace;
use crate::keys::KeysError;
use crate::log::Body;
use crate::log::Entry;
use crate::log::KeyChange;
use crate::log::PublicKey;
use crate::log::SignatureType;
use crate::log::VerifierKey;
use crate::publish::ProveError;
use crate::publish::PublishOptions;
use crate::publish::Published;
use crate::sequencer::AppendError;
use crate::service;
use crate::service::OpenError;
use crate::service::Options;
use crate::service::Service;
use crate::store::LogStore as _;
use crate::store::SledStore;

/// Signing keys of a log: which are in force, one more, one less.
///
/// A key comes and goes by an entry of the log itself, signed by a key that is in force; whoever verifies the log learns
/// it there. The data folder is used by no service meanwhile. Add a key and wait until those who verify know it before
/// the one before it is retired; keep the file of a retired key away from the service.
///
/// Exit status: 0 done, 2 it could not be done; nothing was recorded then.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  probity key list --data probity-data\n  probity key add --data probity-data")]
pub struct KeyArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Clone, Debug)]
enum What {
    /// The keys in force.
    #[command(after_help = "Example:\n  probity key list --data probity-data")]
    List(Which),
    /// Makes a key in the data folder's keys/ and adds it to the log.
    #[command(after_help = "Example:\n  probity key add --data probity-data")]
    Add(Which),
    /// Makes another key-encryption key, and seals the data keys again under it. The log is not touched, and copies of
    /// keys/data.keys that were made before cannot be opened with the new one.
    ///
    /// With --to it moves into a token, or out of it: there it lies in keys/kek.wrapped, sealed by a key that never leaves
    /// the token. The access log has keys of its own: rewrap DIR/access, too.
    #[command(after_help = "Examples:\n  probity key rewrap --data probity-data\n  \
                            probity key rewrap --data probity-data --to pkcs11 --config probity.toml")]
    Rewrap {
        #[command(flatten)]
        which: Which,
        /// Where it is to lie. [default: where it lies now]
        #[arg(long, value_name = "PLACE")]
        to: Option<To>,
    },
    /// Makes the key in the token that the settings name: AES, 32 bytes, which cannot be extracted.
    #[command(after_help = "Example:\n  probity key make-token-key --config probity.toml")]
    MakeTokenKey {
        /// A file of settings, TOML, with [pkcs11]. [default: PROBITY_PKCS11_… of the environment]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Retires a key, by the word of another.
    #[command(
        after_help = "Example:\n  probity key retire --data probity-data \\\n    log.example+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    )]
    Retire {
        #[command(flatten)]
        which: Which,
        /// The key, as `probity key list` prints it.
        vkey: String,
    },
}

/// Where a key-encryption key lies, as it is typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum To {
    /// In the token that the settings name.
    Pkcs11,
    /// In keys/kek.
    File,
}

#[derive(Args, Clone, Debug)]
struct Which {
    /// A data folder that no service uses now.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// A file of settings, TOML, with [pkcs11], where a token is used. [default: PROBITY_PKCS11_… of the environment]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// Why it could not be done.
#[derive(Debug, Error)]
pub enum Failed {
    /// The log does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The key cannot be made.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The token cannot be used.
    #[error(transparent)]
    Token(#[from] CustodianError),
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It cannot be recorded.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// Nothing is published.
    #[error(transparent)]
    Prove(#[from] ProveError),
    /// What was given is no key of the log.
    #[error("{0}")]
    Vkey(String),
    /// No other key signs for the one that goes.
    #[error("no other key in force is in keys/: add one first, since the log would be left without")]
    Last,
    /// A thread of ours stopped.
    #[error("stopped: {0}")]
    Stopped(#[from] tokio::task::JoinError),
}

/// Runs `probity key`.
///
/// # Errors
///
/// It could not be done.
pub async fn run(arguments: KeyArgs) -> Result<ExitCode, Failed> {
    tokio::task::spawn_blocking(move || match arguments.what {
        What::List(which) => in_log(&which, |_, _| Ok(())),
        What::Add(which) => in_log(&which, |service, published| add(&which.data, service, published)),
        What::Rewrap { which, to } => rewrap(&which, to),
        What::MakeTokenKey { config } => make_token_key(config.as_deref()),
        What::Retire { which, vkey } => in_log(&which, |service, published| retire(&vkey, service, published)),
    })
    .await??;
    Ok(ExitCode::SUCCESS)
}

/// Another key-encryption key. The store is held meanwhile, so that nobody seals with the old one.
#[expect(clippy::print_stdout, reason = "what was done is what this subcommand is asked for")]
fn rewrap(which: &Which, to: Option<To>) -> Result<(), Failed> {
    let keys = which.data.join("keys");
    let custodian = custody::elsewhere(which.config.as_deref())?.custodian;
    let to = match to {
        Some(To::Pkcs11) => KekPlace::Custodian,
        Some(To::File) => KekPlace::File,
        None => KekPlace::of(&keys),
    };
    let rewrapped = folder::read(&which.data, |store| {
        let origin = origin(store)?;
        Ok::<_, Failed>(keys::rotate(&keys, &origin, custodian.as_deref(), to)?)
    });
    rewrapped.map_err(OpenError::from)??;
    let sealed_by = keys::wrapped_key(&keys)?;
    let sealed_by = sealed_by.as_ref().map(keys::WrappedKey::custodian);
    if which.json {
        println!("{}", json!({ "rewrapped": true, "sealed_by": sealed_by }));
        return Ok(());
    }
    println!(
        "the data keys are sealed under another key-encryption key; back up keys/ again, and destroy older copies"
    );
    match sealed_by {
        Some(custodian) => {
            println!("it is sealed by {custodian}; without that key nothing that is sealed can be opened");
        }
        None => println!("it lies in keys/kek"),
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what was made is what this subcommand is asked for")]
fn make_token_key(config: Option<&Path>) -> Result<(), Failed> {
    let token = custody::token(config)?.ok_or(KeysError::CustodianNotNamed)?;
    token.make_key()?;
    println!("made {}", keys::Custodian::id(&token));
    Ok(())
}

/// The origin that GENESIS names.
fn origin(store: &SledStore) -> Result<String, OpenError> {
    let first = store.get(0)?.ok_or_else(|| OpenError::Chain { what: "entry 0 is missing".to_owned() })?;
    match Entry::check(&first).map_err(|fault| OpenError::Entry { index: 0, fault })?.leaf.body {
        Body::Genesis(genesis) => Ok(genesis.origin),
        _ => Err(OpenError::Chain { what: "entry 0 is not GENESIS".to_owned() }),
    }
}

/// Opens the log, does something, seals and publishes it, and prints the keys that are then in force.
fn in_log(which: &Which, work: impl FnOnce(&Service, &Published) -> Result<(), Failed>) -> Result<(), Failed> {
    let published = with_log(&which.data, custody::options(&which.data, which.config.as_deref())?, work)?;
    print(&published, which.json);
    Ok(())
}

/// Opens a log, does something in it, and waits for the checkpoint over it.
pub(super) fn with_log<E: From<OpenError> + From<ProveError>>(
    data: &Path,
    mut options: Options,
    work: impl FnOnce(&Service, &Published) -> Result<(), E>,
) -> Result<Arc<Published>, E> {
    data.clone_into(&mut options.data);
    options.publish = Some(PublishOptions::default());
    let service = service::open(&options, clock::machine(), |_| {})?;
    let done = published(&service).map_err(E::from).and_then(|before| work(&service, &before));
    let after = done.and_then(|()| published(&service).map_err(E::from));
    service.stop()?;
    after
}

/// How long a seal may take: it cannot be had where the clock is wrong, which the log on standard error says.
const SEALED_WITHIN: Duration = Duration::from_secs(30);

/// The checkpoint over everything that is recorded.
fn published(service: &Service) -> Result<Arc<Published>, ProveError> {
    let proofs = service.proofs().ok_or(ProveError::NotPublished)?;
    let size = service.head().borrow().size;
    let sealed = tokio::time::timeout(SEALED_WITHIN, proofs.wait_for(size));
    tokio::runtime::Handle::current().block_on(sealed).unwrap_or(Err(ProveError::NotPublished))
}

fn add(data: &Path, service: &Service, published: &Published) -> Result<(), Failed> {
    let origin = published.checkpoint.origin.clone();
    let by = in_force(service, published).next().ok_or(Failed::Last)?.clone();
    // A crash after this leaves a key that signs nothing.
    let added = keys::make_signing_key(&data.join("keys"))?;
    service.record_own(|head| Body::Key(Box::new(KeyChange::add(&origin, head.size, &added, &by))))?;
    Ok(())
}

fn retire(vkey: &str, service: &Service, published: &Published) -> Result<(), Failed> {
    let origin = published.checkpoint.origin.clone();
    let key = VerifierKey::parse(vkey).map_err(|error| Failed::Vkey(error.to_string()))?;
    let goes = *key.public_key().as_bytes();
    if key.name() != origin || !published.keys.is_in_force(&goes, published.checkpoint.size) {
        return Err(Failed::Vkey("this key is not in force in this log; see probity key list".to_owned()));
    }
    let by = in_force(service, published).find(|key| key.verifying_key().to_bytes() != goes);
    let by = by.ok_or(Failed::Last)?.clone();
    service.record_own(|head| Body::Key(Box::new(KeyChange::retire(&origin, head.size, goes, &by))))?;
    Ok(())
}

/// Keys that are held and in force.
fn in_force<'a>(service: &'a Service, published: &'a Published) -> impl Iterator<Item = &'a SigningKey> {
    let held = service.keys().signing_keys().iter();
    held.filter(|key| published.keys.is_in_force(&key.verifying_key().to_bytes(), published.checkpoint.size))
}

#[expect(clippy::print_stdout, reason = "the keys are what this subcommand is asked for")]
fn print(published: &Published, as_json: bool) {
    let size = published.checkpoint.size;
    let vkeys: Vec<String> = published
        .keys
        .in_force(size)
        .filter_map(PublicKey::parse)
        .filter_map(|key| VerifierKey::new(&published.checkpoint.origin, SignatureType::Ed25519, key).ok())
        .map(|key| key.to_string())
        .collect();
    if as_json {
        println!("{}", json!({"origin": published.checkpoint.origin, "size": size, "in_force": vkeys}));
        return;
    }
    println!("in force at {size} entries:");
    for vkey in vkeys {
        println!("  {vkey}");
    }
}
