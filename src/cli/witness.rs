//! `probity witness`: cosigning the logs of others.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use thiserror::Error;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::fetch::Client;
use crate::fetch::read_token;
use crate::http;
use crate::http::Patience;
use crate::log::SignatureType;
use crate::witness;
use crate::witness::KeyFileError;
use crate::witness::PolicyFileError;
use crate::witness::Replay;
use crate::witness::Replaying;
use crate::witness::Witness;
use crate::witness::WitnessError;

/// How long a log's server may take for one bundle.
const PATIENCE: Duration = Duration::from_secs(30);

/// Cosigns the logs of others, as C2SP tlog-witness says, until SIGTERM or SIGINT.
///
/// It cosigns what continues the last tree that it cosigned of a log, and nothing else. When it is ready, it prints the
/// line `witnessing on http://HOST:PORT` to standard output. Logs ask under `POST /add-checkpoint`; what was cosigned
/// last stands under `/<SHA-256 of the origin>/checkpoint`.
///
/// Exit status: 0 it was told to stop and did, 2 it could not run.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct WitnessArgs {
    /// Where to listen; port 0 picks a port.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7413")]
    pub listen: SocketAddr,
    /// The file of the witness's key, for its owner alone.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Makes the key under this name, a URL without scheme, prints its vkey, and ends.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["logs", "state"])]
    pub make_key: Option<String>,
    /// The logs to cosign: the `log` lines of a C2SP tlog-policy.
    #[arg(long, value_name = "FILE", required_unless_present = "make_key")]
    pub logs: Option<PathBuf>,
    /// Reads every entry of the logs, which must be Probity's, and cosigns only what a verifier would pass: chain, times,
    /// tree, sequences, seals and maps. Each log's address stands in its line. Under a name of its own.
    #[arg(long)]
    pub replaying: bool,
    /// A file with the auditor's token for `tile/entries`.
    #[arg(long, value_name = "FILE", requires = "replaying")]
    pub entries_token: Option<PathBuf>,
    /// The folder of what was cosigned; made where there is none. Losing it is losing the witness: never set back.
    #[arg(long, value_name = "DIR", required_unless_present = "make_key")]
    pub state: Option<PathBuf>,
}

const EXAMPLES: &str = r"Examples:
  probity witness --key witness.key --make-key witness.example.org/w1
  probity witness --key witness.key --logs logs.policy --state witness-state \
    --listen 127.0.0.1:7413";

/// Why there is no witness.
#[derive(Debug, Error)]
pub enum Failed {
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The state.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// The policy cannot be read, or is none.
    #[error(transparent)]
    Policy(#[from] PolicyFileError),
    /// The token cannot be read.
    #[error("{}: {error}", file.display())]
    Token {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The address cannot be had, or the system takes no signals.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

fn replaying(token: Option<PathBuf>) -> Result<Box<dyn Replay>, Failed> {
    let read = |file: PathBuf| read_token(&file).map_err(|error| Failed::Token { file, error });
    let token = token.map(read).transpose()?;
    Ok(Box::new(Replaying::new(Client::new(PATIENCE), token)))
}

/// Runs `probity witness`.
///
/// # Errors
///
/// It could not run.
#[expect(clippy::print_stdout, reason = "scripts wait for the line, and people paste the vkey")]
pub async fn run(arguments: WitnessArgs) -> Result<ExitCode, Failed> {
    if let Some(name) = &arguments.make_key {
        let key = witness::make_key(&arguments.key, name)?;
        println!("{}", key.verifier(SignatureType::CosignatureV1));
        return Ok(ExitCode::SUCCESS);
    }
    let (file, state) = (arguments.logs.unwrap_or_default(), arguments.state.unwrap_or_default());
    let policy = witness::read_policy(&file)?;
    let signer = witness::read_key(&arguments.key)?;
    let replay = arguments.replaying.then(|| replaying(arguments.entries_token)).transpose()?;
    let witness = Witness::open(signer, &policy, &state, clock::machine(), replay)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener = http::bind(arguments.listen).await?;
    println!("{}", witness.key());
    println!("witnessing on http://{}", listener.local_addr()?);
    let stop = CancellationToken::new();
    let pages = witness::pages(Arc::new(witness));
    let serving = tokio::spawn(http::answer(listener, pages, Patience::default(), stop.clone()));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    stop.cancel();
    serving.await.map_err(std::io::Error::other)?;
    Ok(ExitCode::SUCCESS)
}
