//! Rehearsals: what an import would do, told without doing any of it. Reads the inputs and plans them as an import does;
//! asks no service, and writes no state, no key and no rejects.
//!
//! What only the service knows stays open: whether it has a row already, and what its rules say about the state that
//! its log is in.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use prost_types::Any;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::events::EventType;
use crate::import::Options;
use crate::import::PLANNED_MAX;
use crate::import::Progress;
use crate::import::error::ImportError;
use crate::import::error::Refusal;
use crate::import::event::TYPE_PREFIX;
use crate::import::ids::ImportKey;
use crate::import::mapping::Mapping;
use crate::import::plan::Plan;
use crate::import::plan::Planner;
use crate::import::read;
use crate::import::send::Unit;
use crate::import::source;
use crate::import::state::State;
use crate::import::summary::Summary;
use crate::import::summary::tally;

/// What an import would do. Holds no personal data.
#[derive(Debug, Default, Serialize)]
pub struct Rehearsal {
    /// The counts: `imported`, `requests` and `events` are what would be.
    #[serde(flatten)]
    pub summary: Summary,
    /// The events that would be recorded, by type, for example `declaration.submitted`.
    pub events_by_type: BTreeMap<String, u64>,
    /// Why rows would be rejected, and which line of the mapping says so.
    pub mistakes: Vec<Mistake>,
    /// The mapping's file or name.
    pub mapping: String,
}

/// A reason for which rows would be rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// The reason, a word of the catalogue.
    pub reason: String,
    /// Where: a key of the mapping, a field of an event, or a column.
    pub at: String,
    /// The line of the mapping, from 1, where `at` is in it.
    pub line: Option<usize>,
    /// How many rows.
    pub rows: u64,
    /// The first of them: its file.
    pub file: String,
    /// Its line there, from 1.
    pub file_line: u64,
}

/// What of an event can be refused without knowing anything but the event.
pub type Judge = fn(&Any) -> Result<(), Refusal>;

/// Rehearses an import. What stops it before the end of the inputs comes beside what was found until then.
///
/// # Errors
///
/// When it could not begin: a wrong mapping, key or input.
pub async fn rehearse(
    options: &Options,
    progress: Arc<Progress>,
    judge: Judge,
) -> Result<(Rehearsal, Option<ImportError>), ImportError> {
    let mapping = options.mapping.as_deref().map(Mapping::open).transpose()?;
    let files = source::expand(&options.inputs)?;
    progress.expect(&files);
    let planner = Planner::new(mapping.clone(), ImportKey::open_or_passing(&options.key)?);
    let (units, mut planned) = mpsc::channel(PLANNED_MAX);
    let reader = read::Reader::new(planner, files, State::default(), Arc::clone(&progress), units);
    let reading = tokio::task::spawn_blocking(move || reader.run());
    let mut books =
        Books { mapping: mapping.as_ref(), rehearsal: Rehearsal::default(), judge, mistakes: BTreeMap::new() };
    let mut stopped = None;
    while let Some(unit) = planned.recv().await {
        match unit {
            Ok(unit) => {
                progress.rows.fetch_add(unit.rows.len() as u64, Ordering::Relaxed);
                books.settle(&unit);
            }
            Err(error) => stopped = Some(error),
        }
    }
    let read = reading.await.unwrap_or_default();
    let mut rehearsal = books.finish();
    rehearsal.summary.files = read.files;
    rehearsal.summary.gone_unknown = read.gone_unknown;
    rehearsal.summary.complete = stopped.is_none();
    Ok((rehearsal, stopped))
}

struct Books<'m> {
    mapping: Option<&'m Mapping>,
    rehearsal: Rehearsal,
    judge: Judge,
    mistakes: BTreeMap<(String, String), Mistake>,
}

impl Books<'_> {
    fn settle(&mut self, unit: &Unit) {
        let refused = match &unit.plan {
            Plan::Send(steps) => {
                let events =
                    steps.iter().flat_map(|step| &step.request.events).filter_map(|event| event.event.as_ref());
                events.map(self.judge).find_map(Result::err)
            }
            Plan::Skip(_) | Plan::Reject(_) => None,
        };
        let (tally, count) = self.rehearsal.summary.tally(unit);
        tally.read += count;
        match (&unit.plan, refused) {
            (Plan::Reject(refusal), _) => {
                tally.reject(&refusal.reason, count);
                self.mistake(unit, count, refusal);
            }
            (_, Some(refusal)) => {
                tally.reject(&refusal.reason, count);
                self.mistake(unit, count, &refusal);
            }
            (Plan::Skip(reason), None) => tally.skip(reason, count),
            (Plan::Send(steps), None) => {
                tally.imported += count;
                self.rehearsal.summary.requests += steps.len() as u64;
                for event in steps.iter().flat_map(|step| &step.request.events).filter_map(|event| event.event.as_ref())
                {
                    self.rehearsal.summary.events += 1;
                    *self.rehearsal.events_by_type.entry(type_of(event)).or_default() += 1;
                }
            }
        }
    }

    fn mistake(&mut self, unit: &Unit, rows: u64, refusal: &Refusal) {
        let key = (refusal.reason.clone(), refusal.at.clone());
        let mistake = self.mistakes.entry(key).or_insert_with(|| Mistake {
            reason: refusal.reason.clone(),
            at: refusal.at.clone(),
            line: self.mapping.filter(|_| !refusal.at.is_empty()).and_then(|mapping| mapping.line_at(&refusal.at)),
            rows: 0,
            file: unit.place.file.to_string(),
            file_line: unit.place.line,
        });
        mistake.rows += rows;
    }

    fn finish(self) -> Rehearsal {
        let mapping = self.mapping.map_or("native", |mapping| mapping.name.as_str()).to_owned();
        Rehearsal { mistakes: self.mistakes.into_values().collect(), mapping, ..self.rehearsal }
    }
}

fn type_of(event: &Any) -> String {
    let name = event.type_url.strip_prefix(TYPE_PREFIX).unwrap_or(&event.type_url);
    EventType::of_message(name).map_or(name, |event_type| event_type.name()).to_owned()
}

impl fmt::Display for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let summary = &self.summary;
        let whole = if summary.complete { "" } else { "  (stopped before the end)" };
        writeln!(f, "A dry run: nothing was sent, nothing was written.")?;
        writeln!(f, "{:>10}  rows read from {} files{whole}", summary.rows.read, summary.files)?;
        tally(f, &summary.rows, "would be ")?;
        if summary.gone.read > 0 {
            writeln!(f, "{:>10}  records gone from their register", summary.gone.read)?;
            tally(f, &summary.gone, "would be ")?;
        }
        for file in &summary.gone_unknown {
            writeln!(f, "{:>10}  {file}: some rows are unreadable, so nothing is taken as gone", "")?;
        }
        write!(f, "{:>10}  events would be recorded in {} requests", summary.events, summary.requests)?;
        for (event_type, count) in &self.events_by_type {
            write!(f, "\n{count:>20}  {event_type}")?;
        }
        for mistake in &self.mistakes {
            let Mistake { reason, at, rows, file, file_line, .. } = mistake;
            let line = mistake.line.map_or_else(String::new, |line| format!("{}:{line}: ", self.mapping));
            write!(
                f,
                "\n{line}{at}{}{reason}, {rows} rows, first {file}:{file_line}",
                if at.is_empty() { "" } else { ": " }
            )?;
        }
        Ok(())
    }
}
