//! `probity verify --export`: whether an export is whole, and whether it follows from the log.

use std::fs;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use crate::backup::EntriesFile;
use crate::cli::export::Failed;
use crate::cli::export::LogSource;
use crate::cli::progress;
use crate::cli::verify::Head;
use crate::export;
use crate::export::Digester;
use crate::export::ENTRIES_FILE;
use crate::export::FileEntry;
use crate::export::Format;
use crate::export::MANIFEST_FILE;
use crate::export::Manifest;
use crate::export::ManifestFault;
use crate::export::Rows;
use crate::export::Sink;
use crate::export::TABLES_VERSION;
use crate::export::Wanted;
use crate::verify::Entries as _;
use crate::verify::Report;
use crate::verify::Unreadable;
use crate::verify::verify;

/// A manifest names some thirty files; one that is longer is none.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;
const READ_BYTES: usize = 64 << 10;

/// What was found.
#[derive(Debug, Default)]
struct Findings {
    manifest: Option<Manifest>,
    /// Of the entries.
    report: Option<Report>,
    /// What holds.
    good: Vec<String>,
    /// What does not.
    faults: Vec<String>,
    /// What was asked and could not be looked at.
    unchecked: Vec<String>,
    /// What nobody asked, and what is not shown without it.
    not_shown: Vec<&'static str>,
}

/// Verifies an export, prints the findings, and gives the exit status.
///
/// # Errors
///
/// It cannot be read.
pub(super) fn run(folder: &Path, head: Option<Head>, as_json: bool) -> Result<ExitCode, Unreadable> {
    let findings = look(folder, head)?;
    print(&findings, as_json);
    Ok(match (findings.faults.is_empty(), findings.unchecked.is_empty()) {
        (true, true) => ExitCode::SUCCESS,
        (true, false) => ExitCode::from(2),
        (false, _) => ExitCode::from(1),
    })
}

fn look(folder: &Path, head: Option<Head>) -> Result<Findings, Unreadable> {
    let mut findings = Findings::default();
    let names = names(folder)?;
    if !names.iter().any(|name| name == MANIFEST_FILE) {
        findings.faults.push(format!("there is no {MANIFEST_FILE}: this is no whole export"));
        return Ok(findings);
    }
    let path = folder.join(MANIFEST_FILE);
    let mut bytes = Vec::new();
    let file = File::open(&path).and_then(|file| file.take(MANIFEST_BYTES_MAX).read_to_end(&mut bytes));
    file.map_err(|error| out_of_reach(&path, &error))?;
    let manifest = match Manifest::decode(&bytes) {
        Ok(manifest) => manifest,
        Err(fault @ ManifestFault::Format) => {
            findings.unchecked.push(format!("{MANIFEST_FILE}: {fault}"));
            return Ok(findings);
        }
        Err(fault) => {
            findings.faults.push(format!("{MANIFEST_FILE}: {fault}"));
            return Ok(findings);
        }
    };
    files(folder, &names, &manifest, &mut findings)?;
    match manifest.entries {
        export::Entries::NotIncluded => without_entries(&manifest, head, &mut findings),
        // Of files that are not what the manifest says nothing more need be said.
        export::Entries::Included if !findings.faults.is_empty() => {}
        export::Entries::Included => with_entries(folder, &manifest, head, &mut findings)?,
    }
    findings.manifest = Some(manifest);
    Ok(findings)
}

/// Names in the folder, ascending.
fn names(folder: &Path) -> Result<Vec<String>, Unreadable> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| out_of_reach(folder, &error))? {
        let entry = entry.map_err(|error| out_of_reach(folder, &error))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Every file against the manifest, no more and no fewer.
fn files(folder: &Path, names: &[String], manifest: &Manifest, findings: &mut Findings) -> Result<(), Unreadable> {
    for name in names.iter().filter(|name| *name != MANIFEST_FILE && manifest.file(name).is_none()) {
        findings.faults.push(format!("{name}: the manifest does not name it"));
    }
    if manifest.tables_version == TABLES_VERSION {
        let mut expected = export::file_names(&wanted(manifest));
        expected.sort();
        if !manifest.files.iter().map(|file| &file.name).eq(&expected) {
            findings.faults.push(format!("{MANIFEST_FILE}: it does not name the files that an export has"));
        }
    } else {
        let found = manifest.tables_version;
        findings.unchecked.push(format!("its tables are of version {found}, this program's of {TABLES_VERSION}"));
    }
    let bar = progress::bar(manifest.files.iter().map(|file| file.bytes).sum(), "reading", "bytes");
    for file in &manifest.files {
        if !names.contains(&file.name) {
            findings.faults.push(format!("{}: it is missing", file.name));
            continue;
        }
        match read(&folder.join(&file.name), &file.name, &mut |bytes| bar.inc(bytes))? {
            Ok(found) if found == *file => {}
            Ok(found) => findings.faults.push(difference(file, &found)),
            Err(fault) => findings.faults.push(format!("{}: {fault}", file.name)),
        }
    }
    bar.finish_and_clear();
    if findings.faults.is_empty() {
        findings.good.push(format!("{} files, each what the manifest says", manifest.files.len()));
    }
    Ok(())
}

fn difference(expected: &FileEntry, found: &FileEntry) -> String {
    let name = &expected.name;
    if expected.bytes != found.bytes {
        return format!("{name}: {} bytes, {} in the manifest", found.bytes, expected.bytes);
    }
    if expected.sha256 != found.sha256 {
        return format!("{name}: SHA-256 {}, {} in the manifest", found.sha256, expected.sha256);
    }
    format!("{name}: {} rows, {} in the manifest", rows(found), rows(expected))
}

fn rows(file: &FileEntry) -> String {
    file.rows.map_or_else(|| "no".to_owned(), |rows| rows.to_string())
}

/// What the manifest would say of a file; in words where it has no whole rows or is no file.
fn read(path: &Path, name: &str, progress: &mut dyn FnMut(u64)) -> Result<Result<FileEntry, String>, Unreadable> {
    let found = path.symlink_metadata().map_err(|error| out_of_reach(path, &error))?;
    if !found.is_file() {
        return Ok(Err("it is no file".to_owned()));
    }
    let mut file = File::open(path).map_err(|error| out_of_reach(path, &error))?;
    let (mut digester, mut rows) = (Digester::default(), Rows::of(name));
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let length = file.read(&mut buffer).map_err(|error| out_of_reach(path, &error))?;
        if length == 0 {
            break;
        }
        digester.take(&buffer[..length]);
        rows.take(&buffer[..length]);
        progress(length as u64);
    }
    Ok(rows.end().map(|rows| digester.end(name, rows)).map_err(|fault| fault.to_string()))
}

fn without_entries(manifest: &Manifest, head: Option<Head>, findings: &mut Findings) {
    findings.not_shown.push("whether the tables follow from the log: export with --entries");
    match head {
        None => findings.not_shown.push("whether the head is the log's: compare with a head kept elsewhere"),
        Some(Head(index, hash)) if index == manifest.position => {
            if manifest.head() == Some(hash) {
                findings.good.push(format!("entry {index} is the one whose head was kept elsewhere"));
            } else {
                findings
                    .faults
                    .push(format!("entry {index} has leaf hash {}, {hash} was kept elsewhere", manifest.head));
            }
        }
        Some(Head(index, _)) => {
            findings.unchecked.push(format!("entry {index} is not the export's last, and its entries are not there"));
        }
    }
}

/// The entries by themselves, then everything else against them.
fn with_entries(
    folder: &Path,
    manifest: &Manifest,
    head: Option<Head>,
    findings: &mut Findings,
) -> Result<(), Unreadable> {
    let entries = match EntriesFile::open(&folder.join(ENTRIES_FILE)) {
        Err(Unreadable { damaged: true, what }) => {
            findings.faults.push(format!("{ENTRIES_FILE}: {what}"));
            return Ok(());
        }
        other => other?,
    };
    if entries.size() != manifest.erasures_upto + 1 {
        let (found, upto) = (entries.size(), manifest.erasures_upto);
        findings.faults.push(format!("{ENTRIES_FILE}: {found} entries, and by the manifest the last is {upto}"));
        return Ok(());
    }
    let known = head.filter(|Head(index, _)| *index < entries.size());
    let bar = progress::bar(entries.size(), "verifying", "entries");
    let sought = known.map(|Head(index, hash)| (index, hash));
    let report =
        verify(&entries, &crate::verify::Wanted { head: sought, ..crate::verify::Wanted::default() }, |done, _| {
            if done % 4096 == 0 {
                bar.set_position(done);
            }
        });
    bar.finish_and_clear();
    match (&report.fault, &report.unreadable) {
        (Some(fault), _) => findings.faults.push(format!("{ENTRIES_FILE}: {fault}")),
        (None, Some(what)) => findings.unchecked.push(format!("{ENTRIES_FILE}: {what}")),
        (None, None) => {
            findings.good.push(format!("{} entries, each follows from the one before it", report.entries));
            again(&entries, manifest, findings);
        }
    }
    match (head, known) {
        (None, _) => findings
            .not_shown
            .push("whether the log was rewritten whole, or cut at its end: compare with a head kept elsewhere"),
        (Some(Head(index, _)), None) => {
            findings.unchecked.push(format!("entry {index} is after the last of the export"));
        }
        (Some(Head(index, _)), Some(_)) if report.is_good() => {
            findings.good.push(format!("entry {index} is the one whose head was kept elsewhere"));
        }
        (Some(_), Some(_)) => {}
    }
    findings.report = Some(report);
    Ok(())
}

/// Exports again from the entries: the same manifest must come out, so the same files.
fn again(entries: &EntriesFile, manifest: &Manifest, findings: &mut Findings) {
    if manifest.tables_version != TABLES_VERSION {
        return;
    }
    let leaves = progress::bar(entries.size(), "reading leaves", "entries");
    let source = LogSource::read(entries, manifest.position, |done| leaves.set_position(done));
    leaves.finish_and_clear();
    let bar = progress::bar(entries.size(), "exporting again", "entries");
    let exported = source.and_then(|source| {
        let advance = |done, _| bar.set_position(done);
        export::write(&source, &wanted(manifest), &mut Nowhere, advance).map_err(Failed::from)
    });
    bar.finish_and_clear();
    let mut found = match exported {
        Ok(found) => found,
        Err(error) => {
            findings.faults.push(format!("it cannot be made again from its entries: {error}"));
            return;
        }
    };
    for (file, found) in manifest.files.iter().zip(&found.files).filter(|(file, found)| file != found) {
        findings.faults.push(format!("{}: it does not follow from the entries ({} rows do)", file.name, rows(found)));
    }
    found.program.clone_from(&manifest.program);
    found.encode();
    if found == *manifest {
        findings.good.push("tables and manifest follow from the entries, byte for byte".to_owned());
    } else if findings.faults.is_empty() {
        findings.faults.push(format!("{MANIFEST_FILE}: it does not follow from the entries"));
    }
}

/// What an export of this manifest was asked for.
fn wanted(manifest: &Manifest) -> Wanted {
    let has = |format: &Format| manifest.files.iter().any(|file| file.name.ends_with(&format!(".{}", format.name())));
    Wanted {
        position: manifest.position,
        as_of: manifest.as_of(),
        formats: Format::ALL.into_iter().filter(has).collect(),
        entries: manifest.entries == export::Entries::Included,
    }
}

/// Digests alone are wanted.
struct Nowhere;

impl Sink for Nowhere {
    type Error = Failed;

    fn write(&mut self, _file: usize, _bytes: &[u8]) -> Result<(), Failed> {
        Ok(())
    }
}

fn out_of_reach(path: &Path, error: &std::io::Error) -> Unreadable {
    Unreadable { damaged: false, what: format!("{}: cannot read: {error}", path.display()) }
}

#[expect(clippy::print_stdout, reason = "the report is what this subcommand is asked for")]
fn print(findings: &Findings, as_json: bool) {
    if as_json {
        println!("{}", to_json(findings));
        return;
    }
    if let Some(manifest) = &findings.manifest {
        println!("log       {}", manifest.origin);
        println!("true of   entry {}, recorded {}", manifest.position, manifest.recorded_at);
    }
    let lines = |title: &str, words: &[String]| {
        for words in words {
            println!("{title}{words}");
        }
    };
    lines("good      ", &findings.good);
    lines("DAMAGED   ", &findings.faults);
    lines("NOT VERIFIED  ", &findings.unchecked);
    for words in &findings.not_shown {
        println!("not shown {words}");
    }
    if let Some(manifest) = &findings.manifest {
        println!("head      {}:{}", manifest.position, manifest.head);
    }
}

fn to_json(findings: &Findings) -> serde_json::Value {
    let manifest = findings.manifest.as_ref();
    json!({
        "good": findings.faults.is_empty() && findings.unchecked.is_empty(),
        "origin": manifest.map(|manifest| &manifest.origin),
        "head": manifest.map(|manifest| format!("{}:{}", manifest.position, manifest.head)),
        "entries": findings.report.as_ref().map(|report| report.entries),
        "holds": findings.good,
        "faults": findings.faults,
        "not_verified": findings.unchecked,
        "not_shown": findings.not_shown,
    })
}
