//! How cost grows: the same measurements on a small log and on a large one.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

use crate::Failure;
use crate::Plan;
use crate::append::written;
use crate::events::Kind;
use crate::events::respondents;
use crate::harness::grouped;
use crate::harness::median;
use crate::harness::say;
use crate::load;
use crate::load::Load;
use crate::process::Server;
use crate::process::folder;
use crate::process::resident_mib;
use crate::query;
use crate::query::Ask;
use crate::query::Filled;
use crate::query::RealAsker;
use crate::real;
use crate::real::Log;
use crate::real::ProbityClient;

/// What is measured at a size, by name.
pub(crate) type Figures = Vec<(&'static str, f64)>;

/// Grows one log to each of the sizes and measures there.
pub(crate) fn run(plan: &Plan) -> Result<(), Failure> {
    fs::create_dir_all(&plan.data)?;
    let fresh = folder(&plan.data)?;
    let folder = plan.keep.as_deref().unwrap_or_else(|| fresh.path());
    let mut columns: Vec<(u64, Figures)> = Vec::new();
    for size in &plan.sizes {
        let registered = columns.last().map_or(0, |(size, _)| respondents(*size));
        let (mut figures, decisions) = match kept(folder, *size)? {
            Some(grown) => grown,
            None => grow(folder, registered, *size)?,
        };
        if plan.keep.is_some() {
            fs::write(note(folder, *size), serde_json::to_vec(&(&figures, decisions))?)?;
        }
        figures.extend(measure(folder, Filled { entries: *size, decisions }, plan)?);
        columns.push((*size, figures));
    }
    say(&format!("\nHow cost grows\n\n{}\n", table("entries", &columns)));
    if let Some(path) = &plan.json {
        let mut file = fs::File::options().create(true).append(true).open(path)?;
        writeln!(file, "{}", serde_json::json!({ "group": "scale", "columns": columns }))?;
    }
    Ok(())
}

/// Where it stands, beside the folder, what came of growing a log that is kept.
fn note(folder: &Path, size: u64) -> PathBuf {
    folder.with_extension(format!("{size}.json"))
}

/// What came of growing a log that was kept.
fn kept(folder: &Path, size: u64) -> Result<Option<(Figures, u64)>, Failure> {
    let Ok(bytes) = fs::read(note(folder, size)) else { return Ok(None) };
    let (figures, decisions): (Vec<(String, f64)>, u64) = serde_json::from_slice(&bytes)?;
    Ok(Some((GROWN.into_iter().zip(figures.into_iter().map(|(_, figure)| figure)).collect(), decisions)))
}

/// What is measured while a log grows.
const GROWN: [&str; 4] =
    ["appended in process, events/s", "keys written an event", "ledger, B an entry", "views, B an entry"];

pub(crate) fn table(counted: &str, columns: &[(u64, Figures)]) -> String {
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut head = vec![counted.to_owned()];
    head.extend(columns.iter().map(|(size, _)| grouped(*size as f64)));
    head.push("last of first".to_owned());
    let mut table = row(head) + "|---|" + &"--:|".repeat(columns.len() + 1) + "\n";
    for (place, (name, first)) in columns[0].1.iter().enumerate() {
        let mut values = columns.iter().map(|(_, figures)| figures[place].1);
        let mut cells = vec![(*name).to_owned()];
        cells.extend(values.clone().map(|value| if value < 100.0 { format!("{value:.2}") } else { grouped(value) }));
        cells.push(format!("{:.2}", values.next_back().unwrap_or(*first) / first));
        table += &row(cells);
    }
    table
}

/// Appends in process until the log has `size` entries; gives the decisions appended, too.
fn grow(folder: &Path, registered: u64, size: u64) -> Result<(Figures, u64), Failure> {
    let mut log = Log::open(folder)?;
    let before = written(&log);
    let began = Instant::now();
    let decisions = log.grow(registered, size)?;
    let seconds = began.elapsed().as_secs_f64();
    log.service().index().flush()?;
    let after = written(&log);
    let events = (after[0] - before[0]) as f64;
    log.close()?;
    let figures = [
        events / seconds,
        (after[1] - before[1]) as f64 / events,
        bytes_below(&folder.join("ledger"))? as f64 / after[0] as f64,
        bytes_below(&folder.join("views"))? as f64 / after[0] as f64,
    ];
    Ok((GROWN.into_iter().zip(figures).collect(), decisions))
}

/// Start, memory, appends and queries of the service on the log.
fn measure(folder: &Path, filled: Filled, plan: &Plan) -> Result<Figures, Failure> {
    let start = || {
        let began = Instant::now();
        let server = real::serve(folder)?;
        Ok::<_, Failure>((server, began.elapsed().as_secs_f64()))
    };
    let (server, after_a_clean_stop) = start()?;
    let rss_at_start = resident_mib(server.id());
    let several = |measure: &dyn Fn() -> Result<f64, Failure>| {
        let rates: Result<Vec<f64>, Failure> = (0..plan.runs).map(|_| measure()).collect();
        rates.map(median)
    };
    let queries =
        |ask| several(&|| Ok(query::run(&server, plan, |channel| RealAsker::new(channel, ask, filled))?.rate));
    let (entry, decision, record) = (queries(Ask::Entry)?, queries(Ask::Decision)?, queries(Ask::Record)?);
    let unary = several(&|| appended(&server, Load::unary(16, 1), plan))?;
    let batches = several(&|| appended(&server, Load::unary(8, 100), plan))?;
    let rss = resident_mib(server.id());
    server.stop()?;
    let (server, after_the_load) = start()?;
    drop(server); // as kill -9
    let (server, after_a_kill) = start()?;
    server.stop()?;
    Ok(vec![
        ("GetEntry, 16 clients, queries/s", entry),
        ("GetDecision, 16 clients, queries/s", decision),
        ("GetRecord, 16 clients, queries/s", record),
        ("Append, 16 clients x 1, events/s", unary),
        ("Append, 8 clients x 100, events/s", batches),
        ("resident at start, MiB", rss_at_start),
        ("resident after the load, MiB", rss),
        ("start after a clean stop, s", after_a_clean_stop),
        ("start after the load and a clean stop, s", after_the_load),
        ("start after kill -9, s", after_a_kill),
    ])
}

fn appended(server: &Server, load: Load, plan: &Plan) -> Result<f64, Failure> {
    Ok(load::run::<ProbityClient>(server, load, Kind::Open, plan)?.rate)
}

fn bytes_below(folder: &Path) -> Result<u64, Failure> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        bytes += if path.is_dir() { bytes_below(&path)? } else { fs::metadata(path)?.len() };
    }
    Ok(bytes)
}
