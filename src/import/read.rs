//! Inputs to planned units, on a thread of its own: reads, plans, and waits when as many are planned as may be.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::import::Progress;
use crate::import::error::ImportError;
use crate::import::plan::Gone;
use crate::import::plan::Plan;
use crate::import::plan::Planner;
use crate::import::send::Unit;
use crate::import::source::Place;
use crate::import::source::Reading;
use crate::import::source::Row;
use crate::import::source::Rows;
use crate::import::state::State;

/// Reads and plans all inputs.
#[derive(Debug)]
pub(super) struct Reader {
    planner: Planner,
    files: Vec<PathBuf>,
    state: State,
    progress: Arc<Progress>,
    units: mpsc::Sender<Result<Unit, ImportError>>,
    number: u64,
    read: Read,
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Read {
    /// Rows of the inputs.
    pub rows: u64,
    /// Keys that snapshots no longer had.
    pub gone: u64,
    /// Editions, or files, of which it is not known what is gone.
    pub gone_unknown: Vec<String>,
    /// Files read to their end.
    pub files: u64,
}

/// Nobody listens any more, or has just been told why.
struct Stopped;

impl Reader {
    pub(super) const fn new(
        planner: Planner,
        files: Vec<PathBuf>,
        state: State,
        progress: Arc<Progress>,
        units: mpsc::Sender<Result<Unit, ImportError>>,
    ) -> Self {
        let read = Read { rows: 0, gone: 0, gone_unknown: Vec::new(), files: 0 };
        Self { planner, files, state, progress, units, number: 0, read }
    }

    pub(super) fn run(mut self) -> Read {
        let ordered = self.planner.mapping().is_some_and(|mapping| !mapping.source.order.is_empty());
        // When it stops, the other side knows why: it was told, or it hung up.
        _ = self.notes().and_then(|()| if ordered { self.sorted() } else { self.in_order() });
        self.read
    }

    /// What rows tell of others, of all files; read for that and forgotten.
    fn notes(&mut self) -> Result<(), Stopped> {
        if !self.planner.has_notes() {
            return Ok(());
        }
        for path in self.files.clone() {
            let mut rows = self.told(Rows::open(&path, self.reading(), &Arc::default()))?;
            let begun = self.planner.begin_notes(&mut rows);
            self.told(begun)?;
            for row in rows {
                let row = self.told(row)?;
                self.planner.note(&row);
            }
        }
        Ok(())
    }

    fn reading(&self) -> Reading {
        self.planner.mapping().map(|mapping| mapping.source.reading).unwrap_or_default()
    }

    fn in_order(&mut self) -> Result<(), Stopped> {
        let files = std::mem::take(&mut self.files);
        for (number, path) in files.iter().enumerate() {
            let rows = self.open(path)?;
            if self.planner.groups() {
                self.together(rows)?;
            } else {
                for row in rows {
                    let row = self.told(row)?;
                    self.plan(row)?;
                }
            }
            if self.planner.ends_edition(path, files.get(number + 1).map(PathBuf::as_path)) {
                self.end(&Place::of_file(path))?;
            }
            self.read.files += 1;
        }
        Ok(())
    }

    /// All rows of a file: nothing is planned before it is read to its end.
    fn together(&mut self, rows: Rows) -> Result<(), Stopped> {
        let rows = self.told(rows.collect::<Result<Vec<Row>, ImportError>>())?;
        self.read.rows += rows.len() as u64;
        for (rows, plan) in self.planner.group(rows) {
            self.unit(rows, plan)?;
        }
        Ok(())
    }

    /// All rows of all files, sorted. A row whose sort key cannot be made comes first, and its plan says why.
    fn sorted(&mut self) -> Result<(), Stopped> {
        let mut all = Vec::new();
        for path in std::mem::take(&mut self.files) {
            for row in self.open(&path)? {
                let row = self.told(row)?;
                all.push((self.planner.sort_key(&row).unwrap_or_default(), row));
            }
            self.read.files += 1;
        }
        all.sort_by(|(left, _), (right, _)| left.cmp(right));
        all.into_iter().try_for_each(|(_, row)| self.plan(row))
    }

    fn open(&mut self, path: &std::path::Path) -> Result<Rows, Stopped> {
        let mut rows = self.told(Rows::open(path, self.reading(), &self.progress.bytes_read))?;
        let begun = self.planner.begin(&mut rows);
        self.told(begun)?;
        Ok(rows)
    }

    fn plan(&mut self, row: Row) -> Result<(), Stopped> {
        self.read.rows += 1;
        let plan = self.planner.row(&row);
        self.unit(vec![row], plan)
    }

    fn end(&mut self, place: &Place) -> Result<(), Stopped> {
        match self.planner.end(place) {
            Gone::Unknown(edition) => self.read.gone_unknown.push(edition),
            Gone::Plans(plans) => {
                for plan in plans {
                    self.read.gone += 1;
                    self.send(place.clone(), Vec::new(), plan)?;
                }
            }
        }
        Ok(())
    }

    fn unit(&mut self, rows: Vec<Row>, plan: Plan) -> Result<(), Stopped> {
        let place = rows[0].place.clone();
        self.send(place, rows.into_iter().map(|row| (row.place, row.bytes)).collect(), plan)
    }

    fn send(&mut self, place: Place, rows: Vec<(Place, Vec<u8>)>, plan: Plan) -> Result<(), Stopped> {
        let number = self.number;
        self.number += 1;
        let plan = match plan {
            Plan::Send(_) if self.state.has(number) => Plan::Skip("settled in an earlier run".to_owned()),
            plan => plan,
        };
        self.units.blocking_send(Ok(Unit { number, place, rows, plan })).map_err(|_| Stopped)
    }

    /// Tells the other side about an error that ends the import.
    fn told<T>(&self, result: Result<T, ImportError>) -> Result<T, Stopped> {
        result.map_err(|error| {
            _ = self.units.blocking_send(Err(error));
            Stopped
        })
    }
}
