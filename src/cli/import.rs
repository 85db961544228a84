//! `probity import`: records of another register, over gRPC.

use std::env;
use std::io;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use prost_types::Any;
use tokio::task::JoinHandle;

use crate::cli::connection;
use crate::domain;
use crate::domain::RuleKind;
use crate::events::shape;
use crate::import;
use crate::import::Options;
use crate::import::Progress;
use crate::import::error::ImportError;
use crate::import::error::Refusal;
use crate::import::send::Patience;
use crate::import::summary::Summary;

/// Imports records of another register, exactly once however often it is interrupted.
///
/// Exit status: 0 everything is in, 1 some rows were rejected, 2 it could not run to its end.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ImportArgs {
    /// The service, as `probity serve` prints it.
    #[arg(long, value_name = "URL", env = "PROBITY_URL", required_unless_present = "dry_run")]
    pub to: Option<String>,
    /// Say what would happen: rows and events by type and reason. Needs no service, sends nothing, writes nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// A mapping's file, or a shipped one: ccrb-penalties, chicago-complaints, govtrack-misconduct, tse-assets,
    /// tse-candidates, uk-commons-interests, us-senate-efd. Without it the inputs are JSON Lines of events or requests in the proto
    /// JSON mapping.
    #[arg(long, value_name = "FILE|NAME")]
    pub mapping: Option<String>,
    /// Where refused rows go, with their reasons. It holds personal data and is readable by its owner alone.
    /// [default: STATE/rejects.jsonl]
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// The import key, made when it is not there: all ids are made from it, so keep it. [default: STATE/keys/import.key]
    #[arg(long, value_name = "FILE", conflicts_with = "keys")]
    pub key: Option<PathBuf>,
    /// The folder that holds the key, as `import.key`.
    #[arg(long, value_name = "DIR")]
    pub keys: Option<PathBuf>,
    /// Where it is remembered how far an import has come. [default: $XDG_STATE_HOME/probity or ~/.local/state/probity]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Print the summary as JSON.
    #[arg(long)]
    pub json: bool,
    /// Files, or folders of files, in order: .csv .tsv .jsonl .ndjson .json .yaml .yml, each also with .gz
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
}

const EXAMPLES: &str = r"Examples:
  probity import --to http://127.0.0.1:7411 events.jsonl
  probity import --to http://127.0.0.1:7411 \
    --mapping govtrack-misconduct misconduct.yaml
  probity import --to http://127.0.0.1:7411 \
    --mapping my-register.toml --rejects refused.jsonl 2024.csv.gz 2025.csv.gz";

/// Runs `probity import`.
///
/// # Errors
///
/// When it could not begin, or could not print.
pub async fn run(args: ImportArgs) -> Result<ExitCode, ImportError> {
    let (json, dry_run) = (args.json, args.dry_run);
    let options = options(args);
    let rejects = options.rejects.clone();
    let progress = Arc::new(Progress::default());
    let drawing = io::stderr().is_terminal().then(|| tokio::spawn(draw(Arc::clone(&progress))));
    let done = if dry_run {
        rehearse(&options, progress, drawing, json).await
    } else {
        let outcome = import::run_as(&connection::given(), options, progress).await;
        stop(drawing).await;
        outcome.map(|outcome| {
            report(&outcome, json, &rejects);
            (outcome.summary, outcome.stopped.is_some())
        })
    };
    let (summary, stopped) = done?;
    Ok(match (stopped, summary.rows.rejected + summary.gone.rejected) {
        (true, _) => ExitCode::from(2),
        (false, 0) => ExitCode::SUCCESS,
        (false, _) => ExitCode::from(1),
    })
}

/// What it drew is cleared when its bar goes; only then may anything else be printed.
async fn stop(drawing: Option<JoinHandle<()>>) {
    if let Some(drawing) = drawing {
        drawing.abort();
        _ = drawing.await;
    }
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "what would happen is what --dry-run is asked for")]
async fn rehearse(
    options: &Options,
    progress: Arc<Progress>,
    drawing: Option<JoinHandle<()>>,
    json: bool,
) -> Result<(Summary, bool), ImportError> {
    let rehearsed = import::rehearse::rehearse(options, progress, judge).await;
    stop(drawing).await;
    let (rehearsal, stopped) = rehearsed?;
    if json {
        println!("{}", serde_json::to_string(&rehearsal).expect("counts and names become JSON"));
    } else {
        println!("{rehearsal}");
    }
    if let Some(error) = &stopped {
        eprintln!("stopped: {error}");
    }
    Ok((rehearsal.summary, stopped.is_some()))
}

/// What the service says of an event whatever is in its log.
fn judge(any: &Any) -> Result<(), Refusal> {
    let (event_type, event) = import::event::read(any)?;
    shape::check_proposed(event_type, &any.value).map_err(|fault| {
        Refusal::new(&format!("FIELD_INVALID: {}", fault.rule.name()), fault.rule.to_string()).at(&fault.path)
    })?;
    domain::check(&event).map_err(|rejection| {
        let reason = match rejection.rule.kind() {
            RuleKind::Field => "FIELD_INVALID",
            RuleKind::State => "RULE_VIOLATED",
        };
        Refusal::new(&format!("{reason}: {}", rejection.rule.name()), rejection.to_string()).at(&rejection.field)
    })
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the summary is what this subcommand is asked for")]
fn report(outcome: &import::Outcome, json: bool, rejects: &std::path::Path) {
    let summary = &outcome.summary;
    if json {
        println!("{}", serde_json::to_string(summary).expect("counts and names become JSON"));
    } else {
        println!("{summary}");
    }
    if summary.rows.rejected + summary.gone.rejected > 0 {
        eprintln!("rejected rows and their reasons: {} (personal data: keep it private)", rejects.display());
    }
    if let Some(error) = &outcome.stopped {
        eprintln!("stopped: {error}");
        eprintln!("what was recorded stays; run the same command again, and nothing comes in twice");
    }
}

fn options(args: ImportArgs) -> Options {
    let state = args.state.unwrap_or_else(default_state);
    let keys = args.keys.unwrap_or_else(|| state.join("keys"));
    Options {
        to: args.to.unwrap_or_default(),
        mapping: args.mapping,
        inputs: args.inputs,
        key: args.key.unwrap_or_else(|| keys.join("import.key")),
        rejects: args.rejects.unwrap_or_else(|| state.join("rejects.jsonl")),
        state,
        patience: Patience::default(),
    }
}

fn default_state() -> PathBuf {
    let home = || env::var_os("HOME").map_or_else(PathBuf::new, |home| PathBuf::from(home).join(".local/state"));
    env::var_os("XDG_STATE_HOME").map_or_else(home, PathBuf::from).join("probity")
}

/// Draws how far it is, ten times a second, until it is stopped.
async fn draw(progress: Arc<Progress>) {
    let style = ProgressStyle::with_template("{bar:30} {percent:>3}%  {msg}  {elapsed} + {eta}")
        .expect("the template is written right");
    let bar = ProgressBar::new(0).with_style(style).with_finish(indicatif::ProgressFinish::AndClear);
    loop {
        bar.set_length(progress.bytes.load(Ordering::Relaxed));
        bar.set_position(progress.bytes_read.load(Ordering::Relaxed));
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let (rows, events, rejected) = (count(&progress.rows), count(&progress.events), count(&progress.rejected));
        bar.set_message(format!("{rows} rows, {events} events, {rejected} rejected"));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
