//! `probity serve`: the service, until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use opentelemetry_otlp::ExporterBuildError;
use serde::Serialize;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cli::connection::TlsFiles;
use crate::cli::keygen::vkey;
use crate::cli::progress;
use crate::clock;
use crate::config::Config;
use crate::config::ConfigError;
use crate::http;
use crate::ledger::Vault as _;
use crate::reload;
use crate::reload::SourceError;
use crate::server;
use crate::server::ServeError;
use crate::server::Settings;
use crate::server::admin_service::NO_ACCESS_CONTROL;
use crate::service;
use crate::service::OpenError;
use crate::service::Progress;
use crate::telemetry;

/// Serves a log over gRPC, until SIGTERM or SIGINT. SIGHUP reads certificates and policy again.
///
/// When it is ready, it prints one line `listening on http://HOST:PORT`, with TLS `https`, to standard output. Settings come from the
/// file of --config, from PROBITY_… in the environment, and from flags; later takes the place of earlier.
///
/// Exit status: 0 it was told to stop and did, 2 it could not serve.
#[derive(Args, Clone, Debug, Serialize)]
#[command(after_help = EXAMPLES)]
pub struct ServeArgs {
    /// The data folder; made where there is none. [default: probity-data]
    #[arg(long, value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// Where to listen; port 0 picks a port. [default: 127.0.0.1:7411]
    #[arg(long, value_name = "HOST:PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// Where metrics are served over HTTP, under /metrics; port 0 picks a port. [default: not at all]
    #[arg(long, value_name = "HOST:PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_listen: Option<String>,
    /// Where checkpoint and tiles are served over HTTP; port 0 picks a port. [default: not at all]
    #[arg(long, value_name = "HOST:PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_listen: Option<String>,
    /// A file that says who there is and what each may, TOML. [default: whoever reaches the service may do everything]
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PathBuf>,
    /// The server's certificate; given as those of whoever connects.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert: Option<PathBuf>,
    /// Its key.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,
    /// The CAs of clients.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_ca: Option<PathBuf>,
    /// Listen outside loopback without TLS and without a policy: everybody on the way reads and writes everything.
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub expose_everything_in_plain_text: bool,
    /// Origin of a log that is made now: a URL without scheme, for ever.
    #[arg(long, value_name = "ORIGIN")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// A file of settings, TOML.
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// A day or more has passed since the last entry, and that is in order.
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub accept_gap: bool,
    /// An earlier run ended with a failed write or sync; the disk was looked at, go on.
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub accept_after_sync_error: bool,
}

impl ServeArgs {
    /// With the files of TLS that were given for any subcommand.
    #[must_use]
    pub(super) fn with_tls(self, (tls_cert, tls_key, tls_ca): TlsFiles) -> Self {
        Self { tls_cert, tls_key, tls_ca, ..self }
    }
}

const EXAMPLES: &str = r"Examples:
  probity serve --data probity-data
  probity serve --data /var/lib/probity --listen 127.0.0.1:7411 \
    --origin audit.example.org/discipline
  probity serve --config /etc/probity.toml --metrics-listen 127.0.0.1:7412
  probity serve --data probity-data --http-listen 127.0.0.1:7413
  probity serve --listen 0.0.0.0:7411 --policy dev/policy.toml \
    --tls-ca dev/ca.pem --tls-cert dev/server.pem --tls-key dev/server.key";

/// Why there is no service.
#[derive(Debug, Error)]
pub enum Failed {
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file of access cannot be used. The log was not opened.
    #[error("access: {0}")]
    Access(#[from] SourceError),
    /// The log cannot be opened.
    #[error("{error}{advice}", error = .0, advice = advice(.0))]
    Open(#[from] OpenError),
    /// The access log cannot be opened; nobody could be let in without it.
    #[error("the access log: {error}{advice}", error = .0, advice = advice(.0))]
    AccessLog(#[source] OpenError),
    /// The address cannot be had, or the server stopped.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// An address for HTTP cannot be had. The log was not opened.
    #[error("setting {key}: cannot listen on {address}: {error}")]
    Http {
        /// Of metrics or tiles.
        key: &'static str,
        /// As configured.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// The endpoint of the collector is none.
    #[error("setting telemetry.endpoint: {0}")]
    Telemetry(#[from] ExporterBuildError),
    /// The system takes no signals, or a thread of ours stopped.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// What a person can do about a store that does not open.
fn advice(error: &OpenError) -> String {
    match error {
        OpenError::Store(error) => format!("; {}", error.advice()),
        _ => String::new(),
    }
}

async fn listener(key: &'static str, address: Option<SocketAddr>) -> Result<Option<TcpListener>, Failed> {
    let Some(address) = address else { return Ok(None) };
    http::bind(address).await.map(Some).map_err(|error| Failed::Http { key, address, error })
}

/// Says whenever the operator sends SIGHUP.
fn hangups(mut hangup: Signal) -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move { while hangup.recv().await.is_some() && sender.send(()).await.is_ok() {} });
    receiver
}

/// Runs `probity serve`.
///
/// # Errors
///
/// It could not serve.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "scripts wait for the line; people must see the warning")]
pub async fn run(arguments: ServeArgs) -> Result<ExitCode, Failed> {
    let config = Config::read(arguments.config.as_deref(), &arguments)?;
    let (planned, profiles) = config.exports()?;
    let exporting = telemetry::start_exporting(&config.telemetry)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let hangup = signal(SignalKind::hangup())?;
    let sources = config.sources();
    let read = tokio::task::spawn_blocking(move || reload::read(sources));
    let (mut current, keeper) = read.await.map_err(std::io::Error::other)??;
    current.bounds = config.connections;
    let scheme = if current.acceptor.is_some() { "https" } else { "http" };
    let guarded = current.guard.borrow().is_on();
    let together = config.metrics_listen == config.http_listen && config.http_listen.is_some_and(|at| at.port() != 0);
    let tiles = listener("http_listen", config.http_listen).await?;
    let metrics = listener("metrics_listen", config.metrics_listen.filter(|_| !together)).await?;
    let access = config.http_access().unwrap_or_default();
    let options = config.options()?;
    let opened = tokio::task::spawn_blocking(move || {
        let bar = progress::bar(0, "folding the log", "entries");
        let opened = service::open(&options, clock::machine(), |Progress::Folding { done, goal }| {
            bar.set_length(goal);
            bar.set_position(done);
        });
        bar.finish_and_clear();
        opened
    });
    let service = opened.await.map_err(std::io::Error::other)??;
    let settings = Settings { listen: config.listen, limits: config.limits(), stop_within: config.stop_within() };
    let accesses = match config.access_options(&service) {
        Some(options) => {
            let opened = tokio::task::spawn_blocking(move || service::open(&options, clock::machine(), |_| {})).await;
            Some(opened.map_err(std::io::Error::other)?.map_err(Failed::AccessLog)?)
        }
        None => None,
    };
    let running = server::serve_recording(current, service, accesses, settings, planned, profiles).await?;
    let reloading = CancellationToken::new();
    tokio::spawn(keeper.keep(hangups(hangup), reloading.clone()));
    if !guarded {
        eprintln!("probity: {NO_ACCESS_CONTROL}");
    }
    for (what, log) in [("log", Some(running.service())), ("access log", running.accesses())] {
        let Some(log) = log else { continue };
        for key in log.keys().public_keys() {
            if let Ok(vkey) = vkey(log.vault().origin(), &key) {
                eprintln!("probity: public key of the {what} {vkey}");
            }
        }
    }
    let told = |address| eprintln!("probity: metrics on {scheme}://{address}{}", http::METRICS);
    if let Some(listener) = tiles {
        let address = listener.local_addr()?;
        eprintln!("probity: checkpoint and tiles on {scheme}://{address}/");
        if together {
            told(address);
        }
        running.serve_log(listener, access, together);
    }
    if let Some(listener) = metrics {
        told(listener.local_addr()?);
        running.serve_metrics(listener);
    }
    println!("listening on {scheme}://{}", running.address);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    reloading.cancel();
    let stopped = running.stop().await;
    exporting.stop().await;
    stopped?;
    Ok(ExitCode::SUCCESS)
}
