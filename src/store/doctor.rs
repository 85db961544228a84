//! What a data folder looks like from outside, for the person who must decide what to do with it.
//!
//! Nothing is changed and no database is opened in place: opening a damaged one changes its files. Names and numbers
//! only; nothing of an entry is shown.

use std::fs;
use std::fs::TryLockError;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::store::Guard;
use crate::store::GuardState;
use crate::store::OpenOptions;
use crate::store::StoreError;
use crate::store::chain;
use crate::store::closing;
use crate::store::folder;
use crate::store::folder::Folder;
use crate::store::remedy;
use crate::store::volume::Purpose;
use crate::store::volume::Volume;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// As it should be.
    Good,
    /// Worth knowing; the service starts.
    Note,
    /// The service does not start, or something is lost or exposed.
    Fault,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What was looked at: `format`, `lock`, `guard`, `volume 42`, …
    pub subject: String,
    /// What was found, in words.
    pub what: String,
    /// What can be done; empty where nothing need be.
    pub advice: &'static str,
}

#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, severity: Severity, subject: impl Into<String>, what: impl Into<String>, advice: &'static str) {
        self.0.push(Finding { severity, subject: subject.into(), what: what.into(), advice });
    }

    fn good(&mut self, subject: impl Into<String>, what: impl Into<String>) {
        self.add(Severity::Good, subject, what, "");
    }

    fn error(&mut self, subject: impl Into<String>, error: &StoreError) {
        self.add(Severity::Fault, subject, error.to_string(), error.advice());
    }
}

/// Looks at a data folder: format, lock, guard, marker, volumes and their closed files, snapshots, free space, and whether
/// the keys are there and who may read them. `key_files` are those that a log with entries cannot do without.
pub fn examine(data: &Path, key_files: &[&str]) -> Vec<Finding> {
    let folder = Folder::new(data);
    let mut findings = Findings::default();
    match folder.check_format() {
        Ok(()) => findings.good("format", format!("probity {}", folder::FORMAT_VERSION)),
        Err(error) => {
            findings.error("format", &error);
            return findings.0;
        }
    }
    lock(&folder, &mut findings);
    let guard = guard(&folder, &mut findings);
    match folder.sync_failure() {
        Ok(None) => {}
        Ok(Some(what)) => findings.error("last run", &StoreError::SyncFailedBefore { what }),
        Err(error) => findings.error("last run", &error),
    }
    match folder::names(&folder.ledger()) {
        Ok(names) => volumes(&folder, &names, guard.as_ref(), &mut findings),
        Err(error) => findings.error("ledger", &error),
    }
    space(&folder, &mut findings);
    let wanted = if guard.is_some_and(|guard| guard.size > 0) { key_files } else { &[] };
    keys(&folder, wanted, &mut findings);
    findings.0
}

/// Copies each volume to the folder `scratch`, opens the copy and verifies its chain against the guard. The copies are
/// removed. Nothing may use the data folder meanwhile.
pub fn examine_copies(data: &Path, scratch: &Path) -> Vec<Finding> {
    let folder = Folder::new(data);
    let mut findings = Findings::default();
    let guard = Guard::read(&folder.guard()).unwrap_or(GuardState::EMPTY);
    let firsts = match folder::names(&folder.ledger()) {
        Ok(names) => names.iter().filter_map(|name| folder::parse_volume_name(name)).collect::<Vec<u64>>(),
        Err(error) => {
            findings.error("ledger", &error);
            return findings.0;
        }
    };
    for first in firsts {
        let subject = format!("copy of volume {first}");
        let copy = scratch.join(folder::volume_name(first));
        let examined = remedy::copy_tree(&folder.volume(first), &copy, &|_| true)
            .and_then(|()| examine_copy(&copy, first, &guard))
            .and_then(|end| folder::remove_tree(&copy).map(|()| end));
        match examined {
            Ok(end) if first == guard.newest_volume && end < guard.size => {
                findings.error(subject, &StoreError::BehindGuard { ledger: end, guard: guard.size });
            }
            Ok(end) => findings.good(subject, format!("opens, and its chain holds from entry {first} up to {end}")),
            Err(error) => findings.error(subject, &error),
        }
    }
    findings.0
}

fn examine_copy(copy: &Path, first: u64, guard: &GuardState) -> Result<u64, StoreError> {
    let volume = Volume::open(copy, first, chain::READ_BYTES as u64, Purpose::Read)?;
    let end = volume.end()?;
    chain::verify(&volume, end, guard)?;
    Ok(end)
}

fn lock(folder: &Folder, findings: &mut Findings) {
    let held = fs::File::open(folder.lock()).map(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
    match held {
        Ok(true) => findings.add(
            Severity::Note,
            "lock",
            "a process uses the folder; what follows may change while it is looked at",
            "stop the service for a quiet look",
        ),
        _ => findings.good("lock", "no process uses the folder"),
    }
}

fn guard(folder: &Folder, findings: &mut Findings) -> Option<GuardState> {
    let path = folder.guard();
    let found = Guard::read(&path).and_then(|state| Ok((state, Guard::whole_slots(&path)?)));
    match found {
        Ok((state, slots)) => {
            let what = format!("size {}, newest volume {}", state.size, state.newest_volume);
            if slots == 2 {
                findings.good("guard", what);
            } else {
                let what = format!("{what}; one of its two slots is spoilt");
                findings.add(Severity::Note, "guard", what, "the next start writes it again from the other");
            }
            Some(state)
        }
        Err(error) => {
            findings.error("guard", &error);
            None
        }
    }
}

fn volumes(folder: &Folder, names: &[String], guard: Option<&GuardState>, findings: &mut Findings) {
    let firsts: Vec<u64> = names.iter().filter_map(|name| folder::parse_volume_name(name)).collect();
    for name in names.iter().filter(|name| folder::parse_volume_name(name).is_none()) {
        leftover(name, findings);
    }
    if firsts.first() != Some(&0) {
        findings.error("volumes", &StoreError::MissingVolume { volume: 0, what: "the log begins in it" });
    }
    if let Some(newest) = guard.map(|guard| guard.newest_volume).filter(|newest| !firsts.contains(newest)) {
        let what = "the guard names it as the newest";
        findings.error("volumes", &StoreError::MissingVolume { volume: newest, what });
    }
    for (place, first) in firsts.iter().enumerate() {
        if guard.is_some_and(|guard| *first > guard.newest_volume) {
            let what = "an empty volume that a crash left before the guard named it";
            findings.add(Severity::Note, format!("volume {first}"), what, "the next start removes it");
            break;
        }
        volume(&folder.volume(*first), *first, firsts.get(place + 1).copied(), findings);
    }
}

fn leftover(name: &str, findings: &mut Findings) {
    let subject = format!("ledger/{name}");
    let suffix = name.rsplit_once('.').map_or("", |(_, suffix)| suffix);
    if matches!(suffix, "new" | "old" | "before") {
        let what = "a crash interrupted the replacing of a volume, or a start";
        findings.add(Severity::Note, subject, what, "the next start ends or undoes it");
    } else if suffix.starts_with("damaged-") {
        let what = "a damaged folder, kept after a mended copy took its place";
        findings.add(Severity::Note, subject, what, "remove it when nobody wants to look at it any more");
    } else {
        findings.add(Severity::Note, subject, "not a file of ours", "move it elsewhere");
    }
}

fn volume(path: &Path, first: u64, next: Option<u64>, findings: &mut Findings) {
    let subject = || format!("volume {first}");
    let len = fs::metadata(path.join("db")).map_or(0, |metadata| metadata.len());
    if len == 0 {
        let what = "its file `db` is empty or missing".to_owned();
        return findings.error(subject(), &StoreError::Damaged { volume: first, at: None, what });
    }
    match remedy::bad_snapshots(path) {
        Ok(bad) => {
            for name in bad {
                let what = format!("its snapshot {name} is unfinished or damaged");
                let advice = "the next start takes it away in a copy, verifies the copy and uses it; nothing to do";
                findings.add(Severity::Note, subject(), what, advice);
            }
        }
        Err(error) => findings.error(subject(), &error),
    }
    if folder::names(&path.join("blobs")).is_ok_and(|names| !names.is_empty()) {
        let what = "there are files in `blobs`, which no release of ours writes";
        findings.add(Severity::Fault, subject(), what, "keep the folder as it is and restore the newest backup");
    }
    match closed(path, first, next) {
        Ok(what) => findings.good(subject(), format!("{len} bytes, {what}")),
        Err(error) => findings.error(subject(), &error),
    }
}

fn closed(path: &Path, first: u64, next: Option<u64>) -> Result<&'static str, StoreError> {
    let damaged = |what: String| StoreError::Damaged { volume: first, at: None, what };
    match (closing::read(path)?, next) {
        (None, None) => Ok("the newest"),
        (None, Some(_)) => Ok("full, not yet closed"),
        (Some(_), None) => Err(damaged("it is closed, and there is none after it".to_owned())),
        (Some(closed), Some(next)) if closed.last + 1 != next => {
            Err(damaged(format!("its last entry is {}, the next volume begins at {next}", closed.last)))
        }
        (Some(closed), Some(_)) if closing::hash_db(path)? != closed.sha256 => {
            Err(damaged("its file `db` has another SHA-256 than when it was closed".to_owned()))
        }
        (Some(_), Some(_)) => Ok("closed, SHA-256 as it was"),
    }
}

fn space(folder: &Folder, findings: &mut Findings) {
    let reserve = OpenOptions::default().reserve_bytes;
    match folder::free_bytes(&folder.data) {
        Ok(free) if free < reserve => findings.error("disk", &StoreError::NoSpace { free, reserve }),
        Ok(free) => findings.good("disk", format!("{free} bytes free")),
        Err(error) => findings.error("disk", &error),
    }
}

fn keys(folder: &Folder, wanted: &[&str], findings: &mut Findings) {
    const RESTORE: &str = "restore it from the backup of the keys: the service does not start without it";
    let path = folder.data.join("keys");
    let names = match folder::names(&path) {
        Ok(names) => names,
        Err(_) if !path.exists() => {
            if !wanted.is_empty() {
                findings.add(Severity::Fault, "keys", "the folder of the keys is missing", RESTORE);
            }
            return;
        }
        Err(error) => return findings.error("keys", &error),
    };
    let missing = |name: &&&str| !names.iter().any(|found| found == *name);
    let missing: Vec<&str> = wanted.iter().filter(missing).copied().collect();
    for name in &missing {
        findings.add(Severity::Fault, "keys", format!("keys/{name} is missing"), RESTORE);
    }
    let open = |path: &Path| fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0);
    if open(&path) {
        let what = "others than its owner may enter the folder of the keys";
        findings.add(Severity::Fault, "keys", what, "chmod 700 it, and think about who may have been there");
    }
    let exposed: Vec<&String> = names.iter().filter(|name| open(&path.join(name))).collect();
    match exposed.as_slice() {
        [] if !missing.is_empty() || open(&path) => {}
        [] => findings.good("keys", "only their owner can read them"),
        [first, ..] => {
            let what = format!("{} of {} can be read by others, keys/{first} among them", exposed.len(), names.len());
            findings.add(Severity::Fault, "keys", what, "chmod 600 them, and think about who may have read them");
        }
    }
}

#[cfg(test)]
mod tests;
