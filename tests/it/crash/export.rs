//! Exports that are killed while they are written, from the service under load or from a folder that was just killed:
//! what is there is the last good one, or the new one, whole.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::path::PathBuf;

use crate::crash::ABORTED;
use crate::service;

/// Every point of an export at which it can be told to end, and how often it is passed at most before it does.
pub(super) const POINTS: [(&str, u64); 4] = [
    ("export-leaves-read", 1),
    // As many files as an export has but its manifest, in both formats.
    ("export-file-written", 38),
    ("export-before-rename", 1),
    ("export-after-rename", 1),
];

/// Where a log is exported to, again and again.
#[derive(Debug)]
pub(super) struct Exports {
    out: PathBuf,
    /// The files of the last export that came to its end.
    good: BTreeMap<String, Vec<u8>>,
}

impl Exports {
    pub(super) fn to(out: PathBuf) -> Self {
        Self { out, good: BTreeMap::new() }
    }

    /// Exports once to the end, so that there is a good export to lose.
    pub(super) fn begin(&mut self, source: &[&str; 2]) {
        if self.good.is_empty() {
            self.complete(source);
        }
    }

    /// Exports from `--data DIR` or `--from URL`, and aborts at a point.
    pub(super) fn abort_at(&self, source: &[&str; 2], point: &str, times: u64) {
        let crashed = self.command(source).env("PROBITY_CRASH_AT", format!("{point}:{times}")).output().unwrap();
        let said = String::from_utf8(crashed.stderr).unwrap();
        assert_eq!(crashed.status.signal(), Some(ABORTED), "{point}:{times} was not passed: {said}");
    }

    /// What an export that was aborted at this point has left.
    pub(super) fn check(&mut self, point: &str) {
        self.verify();
        if point == "export-after-rename" {
            assert!(files(&self.out)["manifest.json"] != self.good["manifest.json"], "the new one has its place");
            self.good = files(&self.out);
        } else {
            assert!(files(&self.out) == self.good, "{point}: the last good export is not as it was");
        }
    }

    /// Exports to the end; nothing is left of those that were aborted.
    pub(super) fn complete(&mut self, source: &[&str; 2]) {
        let (status, _, said) = service::run(&mut self.command(source));
        assert_eq!(status, Some(0), "{said}");
        self.verify();
        self.good = files(&self.out);
        let name = self.out.file_name().unwrap().to_str().unwrap();
        let beside = fs::read_dir(self.out.parent().unwrap()).unwrap();
        let left: Vec<_> = beside.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert!(!left.iter().any(|left| left.starts_with(&format!("{name}.partial"))), "{left:?}");
    }

    fn command(&self, source: &[&str; 2]) -> std::process::Command {
        let mut command = service::probity(["export", "--replace", "--to"]);
        command.arg(&self.out).args(source);
        command
    }

    fn verify(&self) {
        let (status, printed, said) = service::run(service::probity(["verify", "--export"]).arg(&self.out));
        assert_eq!(status, Some(0), "{printed}\n{said}");
    }
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}
