//! What goes over the whole log: verifying it, and folding it again.

use std::time::Duration;
use std::time::Instant;

use probity::service::LogEntries;
use probity::verify::Wanted;

use crate::Failure;
use crate::Plan;
use crate::baseline;
use crate::harness::Contender;
use crate::harness::Group;
use crate::harness::Sample;
use crate::process::folder;
use crate::real::Log;

/// A log that several runs read; it is made at the first.
struct Filled {
    plan: Plan,
    log: Option<(Log, tempfile::TempDir)>,
}

impl Filled {
    fn new(plan: &Plan) -> Self {
        Self { plan: plan.clone(), log: None }
    }

    fn log(&mut self) -> Result<&Log, Failure> {
        if self.log.is_none() {
            let folder = folder(&self.plan.data)?;
            let mut log = Log::open(folder.path())?;
            log.grow(0, self.plan.entries)?;
            self.log = Some((log, folder));
        }
        self.log.as_ref().map(|(log, _)| log).ok_or_else(|| "no log".into())
    }
}

/// MiB a second of the entries' bytes.
pub(crate) fn verify(plan: &Plan) -> Group {
    let mut filled = Filled::new(plan);
    let hashed = Duration::from_secs(2);
    Group::new(
        &format!("Verifying {} entries on all cores", plan.entries),
        "MiB/s",
        vec![
            Contender::new("SHA-256, 1 MiB at a time", move || baseline::sha256(1 << 20, hashed)),
            Contender::new("verify", move || verified(filled.log()?)).against("SHA-256, 1 MiB at a time", 0.4),
        ],
    )
}

fn verified(log: &Log) -> Result<Sample, Failure> {
    let began = Instant::now();
    let report = probity::verify::verify(&LogEntries(log.service().store()), &Wanted::default(), |_, _| {});
    let seconds = began.elapsed().as_secs_f64();
    if !report.is_good() {
        return Err(format!("the log does not verify: {report:?}").into());
    }
    let figures =
        vec![("entries/s", report.entries as f64 / seconds), ("B/entry", report.bytes as f64 / report.entries as f64)];
    Ok(Sample { rate: report.bytes as f64 / f64::from(1 << 20) / seconds, figures })
}

/// Entries a second, the comparison of old and new included.
pub(crate) fn rebuild(plan: &Plan) -> Group {
    let mut filled = Filled::new(plan);
    Group::new(
        &format!("Folding {} entries again", plan.entries),
        "events/s",
        vec![Contender::new("index: fold, write, compare", move || rebuilt(filled.log()?)).at_least(50_000.0)],
    )
}

fn rebuilt(log: &Log) -> Result<Sample, Failure> {
    let service = log.service();
    let began = Instant::now();
    let rebuilt = service.index().rebuild(service.store(), service.vault(), |_, _| {})?;
    let seconds = began.elapsed().as_secs_f64();
    if !rebuilt.equal {
        return Err("the rebuilt rows are others".into());
    }
    Ok(Sample { rate: rebuilt.position.size as f64 / seconds, figures: vec![("rows", rebuilt.rows as f64)] })
}
