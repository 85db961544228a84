//! `probity monitor`: watching somebody's log.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use thiserror::Error;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

use crate::clock;
use crate::fetch::Client;
use crate::fetch::read_token;
use crate::log::KeyTextError;
use crate::log::VerifierKey;
use crate::monitor;
use crate::monitor::Alarm;
use crate::monitor::Look;
use crate::monitor::LookError;
use crate::monitor::Watched;
use crate::witness::PolicyFileError;
use crate::witness::read_policy;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Watches a log from outside, with its public key.
///
/// Its checkpoint is fetched, its signature verified, and held against the last one that was seen: a fork, a rollback,
/// files that do not lead to what was signed, missing or old cosignatures are alarms, and the notes that show them are kept
/// under `evidence` of the state. With the token of an auditor the entries that came since are read too, and replayed: an
/// entry that is back-dated, a seal over another map than that of the entries, or anything else that the format forbids is
/// an alarm; without it nobody looks at them here, and each look says so. With --once it looks once, for cron; else every --every-s seconds, until SIGTERM or
/// SIGINT.
///
/// Exit status: 0 nothing is wrong, 1 an alarm, 2 it could not look.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct MonitorArgs {
    /// The log's public key: name, id and base 64, with + between.
    #[arg(long, value_name = "VKEY")]
    pub log: String,
    /// Where its checkpoint and tiles are.
    #[arg(long, value_name = "URL")]
    pub url: String,
    /// Who must have cosigned it: a C2SP tlog-policy.
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// A file with the token of an auditor: the entries are read, and replayed.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Read and replay the entries of a log that gives them without a token.
    #[arg(long)]
    pub entries: bool,
    /// The folder of what was seen; made where there is none.
    #[arg(long, value_name = "DIR", default_value = "probity-monitor")]
    pub state: PathBuf,
    /// Cosignatures of the quorum that are older are an alarm: the log's longest delay, and a margin.
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    pub stale_s: u64,
    /// Looks once.
    #[arg(long)]
    pub once: bool,
    /// Looks every so often.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, conflicts_with = "once", value_parser = clap::value_parser!(u64).range(1..))]
    pub every_s: u64,
    /// Prints each look as a line of JSON.
    #[arg(long)]
    pub json: bool,
}

const EXAMPLES: &str = r"Examples:
  probity monitor --once --log audit.example.org/discipline+5c1be2a4+AX… \
    --url https://audit.example.org/log --policy witnesses \
    --token-file token --state /var/lib/monitor";

/// Why it could not look.
#[derive(Debug, Error)]
pub enum Failed {
    /// The key is none.
    #[error("--log: {0}")]
    Key(#[from] KeyTextError),
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
    /// The log cannot be had, or the state not be used.
    #[error(transparent)]
    Look(#[from] LookError),
    /// The system takes no signals, or a look cannot be written.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Runs `probity monitor`.
///
/// # Errors
///
/// It could not look.
#[expect(clippy::print_stderr, reason = "what could not be seen is for the operator, and it is tried again")]
pub async fn run(arguments: MonitorArgs) -> Result<ExitCode, Failed> {
    let (once, json) = (arguments.once, arguments.json);
    let every = Duration::from_secs(arguments.every_s);
    let watched = watched(arguments)?;
    let client = Client::new(PATIENCE);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let clock = clock::machine();
    let mut known = BTreeSet::new();
    let mut worst = ExitCode::SUCCESS;
    loop {
        let (watched, client, now_s) = (watched.clone(), client.clone(), clock.unix_ms() / 1000);
        let looked = tokio::task::spawn_blocking(move || monitor::look(&watched, &client, now_s));
        match looked.await.map_err(std::io::Error::other)? {
            Ok(look) => {
                if !look.is_good() {
                    worst = ExitCode::from(1);
                } else if look.unread.is_some() && once {
                    worst = ExitCode::from(2);
                }
                tell(&look, json, &mut known)?;
            }
            Err(error) if once => return Err(error.into()),
            Err(error) => eprintln!("probity: {error}"),
        }
        if once {
            return Ok(worst);
        }
        tokio::select! {
            _ = terminate.recv() => return Ok(worst),
            _ = interrupt.recv() => return Ok(worst),
            () = tokio::time::sleep(every) => {}
        }
    }
}

fn watched(arguments: MonitorArgs) -> Result<Watched, Failed> {
    let policy = arguments.policy.as_deref().map(read_policy).transpose()?;
    let log = VerifierKey::parse(&arguments.log)?;
    let read = |file: PathBuf| read_token(&file).map_err(|error| Failed::Token { file, error });
    let token = arguments.token_file.map(read).transpose()?;
    Ok(Watched {
        log,
        url: arguments.url,
        policy,
        stale_s: arguments.stale_s,
        state: arguments.state,
        replayed: arguments.entries || token.is_some(),
        token,
    })
}

/// Every look as JSON; or, for people, the first one, what changed, and each alarm.
#[expect(clippy::print_stdout, reason = "the answer")]
fn tell(look: &Look, json: bool, known: &mut BTreeSet<Alarm>) -> Result<(), std::io::Error> {
    if json {
        println!("{}", serde_json::to_string(look)?);
        return Ok(());
    }
    for raised in &look.alarms {
        let evidence = raised.evidence.as_ref().map_or_else(String::new, |file| format!(" ({})", file.display()));
        println!("ALARM {}: {}{evidence}", raised.alarm.name(), raised.why);
    }
    if let Some(unread) = &look.unread {
        println!("NOT LOOKED AT all entries, {} of them were verified: {unread}", look.replayed);
    }
    let now: BTreeSet<Alarm> = look.alarms.iter().map(|raised| raised.alarm).collect();
    for over in known.difference(&now) {
        println!("over: {}", over.name());
    }
    if let Some(size) = look.size
        && (look.before != Some(size) || look.is_good() != known.is_empty())
        && look.is_good()
    {
        let by = if look.witnesses.is_empty() {
            String::new()
        } else {
            format!(", cosigned by {}", look.witnesses.join(", "))
        };
        let leaves = match look.not_looked_at {
            Some(what) => format!("; not looked at: {what}"),
            None => format!("; the leaves of {} verified", look.replayed),
        };
        println!("{}: {size} entries, continuing {}{by}{leaves}", look.origin, look.before.unwrap_or(0));
    }
    *known = now;
    Ok(())
}
