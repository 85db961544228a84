//! `probity export`: current state as files that can be checked without the service.

mod files;
mod source;
pub mod tiles;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::fs::DirBuilder;
use std::fs::File;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;
use comfy_table::CellAlignment;
use comfy_table::Table;
use serde_json::Value;
use thiserror::Error;

use crate::backup::EntriesFile;
use crate::backup::EntriesWriter;
use crate::cli::folder;
use crate::cli::progress;
use crate::cli::remote::RemoteEntries;
use crate::cli::staging::StagingError;
use crate::delivery::Destination;
use crate::delivery::DestinationError;
use crate::delivery::Profiles;
use crate::delivery::ProfilesError;
use crate::domain::dates::Day;
use crate::export;
use crate::export::ExportError;
use crate::export::Format;
use crate::export::Manifest;
use crate::export::Profile;
use crate::export::Since;
use crate::export::Wanted;
use crate::log::EntryFault;
use crate::service::LogEntries;
use crate::store::StoreError;
use crate::store::failpoint;
use crate::verify::Entries;
use crate::verify::Unreadable;

use files::Files;
pub(crate) use source::LogSource;

/// `probity export`, with a subcommand for what are no tables.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, after_help = EXAMPLES)]
pub struct ExportCommand {
    #[command(subcommand)]
    what: Option<ExportOf>,
    #[command(flatten)]
    tables: Option<ExportArgs>,
}

#[derive(Subcommand, Clone, Debug)]
enum ExportOf {
    Tiles(tiles::TilesArgs),
}

/// Writes current state as tables: persons, organisations, cases, allegations, decisions, sanctions, appeals,
/// declarations and what they came from, without a single name of a human being.
///
/// The same position, day and program give the same bytes. With --entries the export verifies up to the log's head
/// without the service: see `probity verify --export`. What is written is whole or not there: an export that was
/// interrupted leaves the one before it as it was.
///
/// Exit status: 0 written, 1 the log is damaged, 2 it could not be exported.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ExportArgs {
    /// A data folder that no service uses now.
    #[arg(long, value_name = "DIR", conflicts_with = "from")]
    pub data: Option<PathBuf>,
    /// A service [env: PROBITY_URL, where no --data is given]
    #[arg(long, value_name = "URL")]
    pub from: Option<String>,
    /// The folder to write, of which the folder above exists; or a URL such as s3://bucket/folder, where this program
    /// was built with the feature cloud.
    #[arg(long, value_name = "OUT|URL")]
    pub to: PathBuf,
    /// How tables are written.
    #[arg(long, value_name = "FORMAT", value_delimiter = ',', default_value = "jsonl,csv")]
    pub format: Vec<TableFormat>,
    /// What is written, for whom: internal, clearance, statistics, or one of --profiles.
    #[arg(long, value_name = "NAME", default_value = export::INTERNAL)]
    pub profile: String,
    /// A folder with profiles of your own, each a *.toml.
    #[arg(long, value_name = "DIR")]
    pub profiles: Option<PathBuf>,
    /// What exports that follow one another have in common.
    #[arg(long, value_name = "NAME", default_value = "export", value_parser = name)]
    pub name: String,
    /// An earlier export with this name and profile: write only what changed after it.
    #[arg(long, value_name = "DIR")]
    pub since: Option<PathBuf>,
    /// The last entry that counts: the state as it was known then; by default the last of the log.
    #[arg(long, value_name = "N")]
    pub position: Option<u64>,
    /// The day for which "in force" is meant; by default the day, in UTC, of the last entry that counts.
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub as_of: Option<Day>,
    /// Write the entries too, so that the export verifies by itself.
    #[arg(long)]
    pub entries: bool,
    /// Take the place of the export that is there.
    #[arg(long)]
    pub replace: bool,
    /// Print what was written as JSON.
    #[arg(long)]
    pub json: bool,
}

const EXAMPLES: &str = r"Examples:
  probity export --data probity-data --to export-2026-06 --entries
  probity export --from http://127.0.0.1:7411 --to export-2026-06 \
    --format csv --as-of 2026-06-30
  probity export --data probity-data --to export-2026-07 \
    --since export-2026-06 --format parquet
  probity export --data probity-data --to figures --profile statistics";

/// How tables are written.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFormat {
    /// JSON Lines.
    Jsonl,
    /// Comma-separated values that no spreadsheet runs.
    Csv,
    /// Apache Parquet.
    Parquet,
}

impl From<TableFormat> for Format {
    fn from(format: TableFormat) -> Self {
        match format {
            TableFormat::Jsonl => Self::Jsonl,
            TableFormat::Csv => Self::Csv,
            TableFormat::Parquet => Self::Parquet,
        }
    }
}

fn name(text: &str) -> Result<String, &'static str> {
    if export::is_name(text) { Ok(text.to_owned()) } else { Err(export::NAME_RULE) }
}

fn day(text: &str) -> Result<Day, &'static str> {
    Day::parse(text).ok_or("a day such as 2026-06-30")
}

/// Why there is no export. What was there before is as it was.
#[derive(Debug, Error)]
pub enum Failed {
    /// The data folder does not open.
    #[error("{error}; {advice}", error = .0, advice = .0.advice())]
    Store(#[from] StoreError),
    /// Entries cannot be had.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// An entry is not what was recorded.
    #[error("entry {index} is damaged: {fault}")]
    Damaged {
        /// Which.
        index: u64,
        /// What is wrong.
        fault: EntryFault,
    },
    /// An entry stands in another place than its own.
    #[error("in the place of entry {index} stands another one")]
    Misplaced {
        /// The place.
        index: u64,
    },
    /// The position is none to export at, or an entry cannot be folded.
    #[error("{0}")]
    Refused(String),
    /// A profile is none.
    #[error(transparent)]
    Profile(#[from] ProfilesError),
    /// The destination cannot be used.
    #[error(transparent)]
    Destination(#[from] DestinationError),
    /// What to go on from is no export, or one of another name or profile.
    #[error("{path}: it cannot be gone on from: {what}")]
    Since {
        /// What was named.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// Something is there already.
    #[error("{path} is there already; name another folder, or give --replace where it is an export")]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// Only an export is replaced.
    #[error("{path} is there and is no export: it has no {manifest}; nothing was touched", manifest = export::MANIFEST_FILE)]
    NotAnExport {
        /// What is there.
        path: PathBuf,
    },
    /// Somebody else writes there now.
    #[error("another export to {path} is under way")]
    UnderWay {
        /// Its target.
        path: PathBuf,
    },
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
    /// There is no folder of tiles.
    #[error(transparent)]
    Tiles(#[from] tiles::Failed),
}

impl Failed {
    /// Whether the log is damaged, and not only out of reach.
    const fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } | Self::Misplaced { .. } => true,
            Self::Unreadable(unreadable) => unreadable.damaged,
            Self::Store(error) => error.is_damage(),
            _ => false,
        }
    }

    fn io(path: &Path, doing: &'static str, error: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), doing, error }
    }
}

impl From<StagingError> for Failed {
    fn from(error: StagingError) -> Self {
        match error {
            StagingError::Exists { path } => Self::Exists { path },
            StagingError::UnderWay { path } => Self::UnderWay { path },
            StagingError::Io { path, doing, error } => Self::Io { path, doing, error },
        }
    }
}

impl From<ExportError<Self>> for Failed {
    fn from(error: ExportError<Self>) -> Self {
        match error {
            ExportError::Failed(failed) => failed,
            other => Self::Refused(other.to_string()),
        }
    }
}

/// Runs `probity export`.
///
/// # Errors
///
/// It could not be exported.
pub async fn run(command: ExportCommand) -> Result<ExitCode, Failed> {
    match command {
        ExportCommand { what: Some(ExportOf::Tiles(arguments)), .. } => Ok(tiles::run(arguments).await?),
        ExportCommand { tables: Some(arguments), .. } => tables(arguments).await,
        ExportCommand { what: None, tables: None } => Err(Failed::Refused("nothing to export was named".to_owned())),
    }
}

async fn tables(arguments: ExportArgs) -> Result<ExitCode, Failed> {
    let (to, json) = (arguments.to.clone(), arguments.json);
    let (destination, arguments) = target(arguments)?;
    let (made, replace) = (arguments.to.clone(), arguments.replace);
    if let Some(destination) = &destination {
        vacant(destination, &to, replace).await?;
    }
    // Not by clap: to it, tables would be asked for wherever the variable is set, beside a subcommand too.
    let in_environment = || env::var("PROBITY_URL").ok().filter(|url| !url.is_empty());
    let named = arguments.from.clone().or_else(in_environment).filter(|_| arguments.data.is_none());
    if named.is_none() && arguments.data.is_none() {
        return Err(Failed::Refused("a log is required: --data DIR, --from URL, or PROBITY_URL".to_owned()));
    }
    let exported = match named {
        Some(url) => {
            let remote = RemoteEntries::connect(&url).await?;
            tokio::task::spawn_blocking(move || from_service(&remote, &arguments)).await?
        }
        None => tokio::task::spawn_blocking(move || from_folder(&arguments)).await?,
    };
    match exported {
        Ok(mut manifest) => {
            if let Some(destination) = destination {
                let delivered = destination.deliver("", "", &made, &mut manifest).await;
                drop(fs::remove_dir_all(made.parent().unwrap_or(&made)));
                if !delivered? {
                    return Err(Failed::Exists { path: to });
                }
            }
            print(&manifest, &to, json);
            Ok(ExitCode::SUCCESS)
        }
        Err(failed) if failed.is_damage() => {
            say(&failed);
            Ok(ExitCode::from(1))
        }
        Err(failed) => Err(failed),
    }
}

/// Where the export goes at the end, if that is no folder; it is then made in one that is only ours.
fn target(mut arguments: ExportArgs) -> Result<(Option<Destination>, ExportArgs), Failed> {
    let Some(url) = arguments.to.to_str().filter(|to| to.contains("://")) else { return Ok((None, arguments)) };
    if let Some(path) = url.strip_prefix("file://") {
        arguments.to = PathBuf::from(path);
        return Ok((None, arguments));
    }
    let destination = Destination::open(url)?;
    let folder = env::temp_dir().join(format!("probity-export-{}", uuid::Uuid::new_v4()));
    DirBuilder::new().mode(0o700).create(&folder).map_err(|error| Failed::io(&folder, "make the folder", error))?;
    arguments.to = folder.join("export");
    Ok((Some(destination), arguments))
}

/// Whether an export may be put there.
async fn vacant(destination: &Destination, to: &Path, replace: bool) -> Result<(), Failed> {
    match destination.manifest("", "").await {
        Ok(None) => Ok(()),
        Ok(Some(_)) | Err(DestinationError::Manifest { .. }) if replace => Ok(()),
        Ok(Some(_)) => Err(Failed::Exists { path: to.to_owned() }),
        Err(error) => Err(error.into()),
    }
}

/// Exports from a data folder that nobody else uses.
///
/// # Errors
///
/// It could not be exported.
pub(crate) fn from_folder(arguments: &ExportArgs) -> Result<Manifest, Failed> {
    let data = arguments.data.clone().unwrap_or_default();
    folder::read(&data, |store| {
        let files = Files::begin(&arguments.to, arguments.replace)?;
        export(&LogEntries(store), arguments, files)
    })?
}

/// Exports from a service: its entries are read once, into a file that has no name.
fn from_service(remote: &RemoteEntries, arguments: &ExportArgs) -> Result<Manifest, Failed> {
    let files = Files::begin(&arguments.to, arguments.replace)?;
    let bar = progress::bar(remote.size(), "reading", "entries");
    let entries = copy(remote, files.unnamed_file()?, |done| bar.set_position(done))?;
    bar.finish_and_clear();
    export(&entries, arguments, files)
}

/// Copies all entries into an empty file.
fn copy(from: &dyn Entries, file: File, mut progress: impl FnMut(u64)) -> Result<EntriesFile, Failed> {
    let refused = |error| Failed::io(Path::new("the file of entries"), "write to it", error);
    let mut writer = EntriesWriter::new(file, 0);
    while writer.next() < from.size() {
        let read = from.read(writer.next(), source::CHUNK_BYTES)?;
        if read.is_empty() {
            let what = format!("the log ends after {} of {} entries", writer.next(), from.size());
            return Err(Unreadable { damaged: false, what }.into());
        }
        for (index, bytes) in read.into_iter().take_while(|(index, _)| *index < from.size()) {
            if index != writer.next() {
                return Err(Failed::Misplaced { index: writer.next() });
            }
            writer.push(&bytes).map_err(refused)?;
        }
        progress(writer.next());
    }
    Ok(writer.finish("").map_err(refused)?.0)
}

fn export(entries: &dyn Entries, arguments: &ExportArgs, mut files: Files) -> Result<Manifest, Failed> {
    let last = entries.size().checked_sub(1).ok_or_else(|| Failed::Refused("the log is empty".to_owned()))?;
    let profiles = arguments.profiles.as_deref().map_or_else(|| Ok(Profiles::shipped()), Profiles::with_folder)?;
    let profile = profiles.get(&arguments.profile)?.clone();
    let wanted = Wanted {
        position: arguments.position.unwrap_or(last),
        as_of: arguments.as_of,
        formats: arguments.format.iter().map(|format| Format::from(*format)).collect::<BTreeSet<_>>(),
        entries: arguments.entries,
        name: arguments.name.clone(),
        since: arguments.since.as_deref().map(|folder| since(folder, &arguments.name, &profile)).transpose()?,
        profile,
    };
    let bar = progress::bar(entries.size(), "reading leaves", "entries");
    let source = LogSource::read(entries, wanted.position, |done| bar.set_position(done))?;
    bar.finish_and_clear();
    failpoint::hit("export-leaves-read");
    let bar = progress::bar(0, "exporting", "entries");
    files.open(&export::file_names(&wanted))?;
    let mut manifest = export::write(&source, &wanted, &mut files, |done, goal| {
        if done % 1024 == 0 {
            bar.set_length(goal);
            bar.set_position(done);
        }
    })?;
    bar.finish_and_clear();
    files.finish(&manifest.encode())?;
    Ok(manifest)
}

/// The export in a folder, to go on from.
fn since(folder: &Path, name: &str, profile: &Profile) -> Result<Since, Failed> {
    let path = folder.join(export::MANIFEST_FILE);
    let bytes = fs::read(&path).map_err(|error| Failed::io(&path, "read it", error))?;
    let refused = |what: String| Failed::Since { path: folder.to_owned(), what };
    let manifest = Manifest::decode(&bytes).map_err(|fault| refused(fault.to_string()))?;
    Since::after(&manifest, name, profile).map_err(|what| refused(what.to_owned()))
}

#[expect(clippy::print_stderr, reason = "people must see why there is no export")]
fn say(failed: &Failed) {
    eprintln!("probity: {failed}");
}

#[expect(clippy::print_stdout, reason = "what was written is what this subcommand is asked for")]
fn print(manifest: &Manifest, to: &Path, json: bool) {
    if json {
        let mut value = serde_json::to_value(manifest).expect("a manifest becomes JSON");
        value["out"] = Value::String(to.display().to_string());
        println!("{value}");
        return;
    }
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["file", "rows", "bytes"]);
    for file in &manifest.files {
        let rows = file.rows.map_or_else(String::new, |rows| rows.to_string());
        table.add_row([file.name.clone(), rows, file.bytes.to_string()]);
    }
    for column in 1..3 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    println!("{table}");
    println!("log       {}", manifest.origin);
    println!(
        "true of   entry {}, recorded {}; in force on {}",
        manifest.position, manifest.recorded_at, manifest.as_of
    );
    println!("profile   {}", manifest.profile.name);
    if let Some(since) = &manifest.since {
        println!("since     entry {}: only what changed after it", since.position);
    }
    if manifest.entries == export::Entries::NotIncluded {
        println!("note      without --entries the export does not show by itself that it follows from the log");
    }
    println!("head      {}:{}", manifest.position, manifest.head);
    println!("written   {}", to.display());
}
