//! Imports, against a service in this process that keeps its log in memory.

mod accounting;
mod chicago;
mod exactly_once;
mod fake;
mod input;
mod rebuilt;
mod registers;
mod rehearsal;
mod shipped;

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use probity::import;
use probity::import::Options;
use probity::import::Outcome;
use probity::import::Progress;
use probity::import::error::ImportError;
use probity::import::send::Patience;
use serde_json::Value;
use tempfile::TempDir;

use crate::import::fake::Fake;

/// A mapping of a small register: one row is one officer in one complaint.
const MAPPING: &str = include_str!("import/register.toml");
const HEADER: &str = "complaint,officer,day,finding,penalty\n";

/// A folder with inputs, a mapping, a key, and whatever an import leaves there.
struct Bench {
    folder: TempDir,
    inputs: Vec<PathBuf>,
}

impl Bench {
    fn new(inputs: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("import.key"), [7; 32]).unwrap();
        let mut bench = Self { folder, inputs: Vec::new() };
        bench.mapping(MAPPING);
        for (name, bytes) in inputs {
            bench.input(name, bytes);
        }
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn mapping(&self, text: &str) {
        fs::write(self.path("register.toml"), text).unwrap();
    }

    fn input(&mut self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
        self.inputs.push(self.path(name));
    }

    async fn run(&self, to: &Fake) -> Result<Outcome, ImportError> {
        self.with(to, Some(self.path("register.toml")), 5).await
    }

    /// Gives up at the first broken connection: what a kill leaves behind, but for what is in no file yet.
    async fn run_once(&self, to: &Fake) -> Result<Outcome, ImportError> {
        self.with(to, Some(self.path("register.toml")), 1).await
    }

    async fn run_shipped(&self, to: &Fake, name: &str) -> Result<Outcome, ImportError> {
        self.with(to, Some(PathBuf::from(name)), 5).await
    }

    async fn run_native(&self, to: &Fake) -> Result<Outcome, ImportError> {
        self.with(to, None, 5).await
    }

    async fn with(&self, to: &Fake, mapping: Option<PathBuf>, attempts: u32) -> Result<Outcome, ImportError> {
        let options = Options {
            to: to.url(),
            mapping: mapping.map(|path| path.to_str().unwrap().to_owned()),
            inputs: self.inputs.clone(),
            key: self.path("import.key"),
            state: self.path("state"),
            rejects: self.path("rejects.jsonl"),
            patience: Patience { attempts, pause: Duration::ZERO },
        };
        import::run(options, Arc::new(Progress::default())).await
    }

    /// The rejected rows: where and why.
    fn rejects(&self) -> Vec<(String, u64, String)> {
        let text = fs::read_to_string(self.path("rejects.jsonl")).unwrap();
        let lines = text.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        lines.map(|line| (text(&line["file"]), line["line"].as_u64().unwrap(), text(&line["reason"]))).collect()
    }

    fn forget_state(&self) {
        fs::remove_dir_all(self.path("state")).unwrap();
    }
}

/// Runs the import and compares what is recorded, as one line an event, and what is rejected.
async fn check(given: &[(&str, &str)], recorded: &[&str], rejected: &[(&str, u64, &str)]) {
    let inputs: Vec<(&str, &[u8])> = given.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    check_bytes(&inputs, recorded, rejected).await;
}

async fn check_bytes(given: &[(&str, &[u8])], recorded: &[&str], rejected: &[(&str, u64, &str)]) {
    let (fake, bench) = (Fake::start().await, Bench::new(given));
    let outcome = bench.run(&fake).await.unwrap();
    assert!(outcome.stopped.is_none(), "{:?}", outcome.stopped);
    assert_eq!(fake.story(), recorded);
    let rejects = bench.rejects();
    let rejects: Vec<(&str, u64, &str)> =
        rejects.iter().map(|(file, line, reason)| (file.as_str(), *line, reason.as_str())).collect();
    assert_eq!(rejects, rejected);
    let rows = &outcome.summary.rows;
    assert_eq!(rows.imported + rows.skipped + rows.rejected, rows.read);
    assert_eq!(rows.rejected + outcome.summary.gone.rejected, rejected.len() as u64);
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}
