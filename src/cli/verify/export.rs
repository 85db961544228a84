//! `probity verify --export`: whether an export is whole, and whether it follows from the log.

mod proof;

use std::fs;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use bytes::Bytes;
use serde_json::json;

use crate::backup::EntriesFile;
use crate::cli::export::Failed;
use crate::cli::export::LogSource;
use crate::cli::progress;
use crate::cli::verify::Head;
use crate::cli::verify::held::Held;
use crate::export;
use crate::export::Digester;
use crate::export::ENTRIES_FILE;
use crate::export::FileEntry;
use crate::export::Format;
use crate::export::MANIFEST_FILE;
use crate::export::Manifest;
use crate::export::ManifestFault;
use crate::export::PROFILE_FILE;
use crate::export::Profile;
use crate::export::Rows;
use crate::export::Sink;
use crate::export::TABLES_VERSION;
use crate::export::Wanted;
use crate::log::Entry;
use crate::log::LeafHash;
use crate::verify::Entries;
use crate::verify::Report;
use crate::verify::Unreadable;
use crate::verify::verify;

/// A manifest names some thirty files; one that is longer is none.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;
const READ_BYTES: usize = 64 << 10;

/// What of the log is known from elsewhere.
pub(super) struct Asked {
    /// A head.
    pub(super) head: Option<Head>,
    /// Checkpoints.
    pub(super) held: Held,
    /// A file with a proof that the last entry is in the log.
    pub(super) proof: Option<PathBuf>,
}

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
pub(super) fn run(folder: &Path, before: &[PathBuf], asked: &Asked, as_json: bool) -> Result<ExitCode, Unreadable> {
    let findings = look(folder, before, asked)?;
    print(&findings, as_json);
    Ok(match (findings.faults.is_empty(), findings.unchecked.is_empty()) {
        (true, true) => ExitCode::SUCCESS,
        (true, false) => ExitCode::from(2),
        (false, _) => ExitCode::from(1),
    })
}

fn look(folder: &Path, before: &[PathBuf], asked: &Asked) -> Result<Findings, Unreadable> {
    let mut findings = Findings::default();
    let names = names(folder)?;
    if !names.iter().any(|name| name == MANIFEST_FILE) {
        findings.faults.push(format!("there is no {MANIFEST_FILE}: this is no whole export"));
        return Ok(findings);
    }
    let manifest = match manifest(folder)? {
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
    let wanted = profile(folder, &manifest, &mut findings)?.map(|profile| wanted(&manifest, profile));
    files(folder, &names, &manifest, wanted.as_ref(), &mut findings)?;
    let chain = chain(folder, &manifest, before, &mut findings)?;
    if let Some(file) = &asked.proof {
        proof::head_of_export(&manifest, file, &asked.held, &mut findings)?;
    }
    match manifest.entries {
        export::Entries::NotIncluded => without_entries(&manifest, asked, &mut findings),
        // Of files that are not what the manifest says nothing more need be said.
        export::Entries::Included if !findings.faults.is_empty() => {}
        export::Entries::Included => {
            if let Some(entries) = entries(&manifest, chain, &mut findings)? {
                with_entries(&entries, &manifest, wanted.as_ref(), asked, &mut findings);
            } else if !asked.held.heads().is_empty() {
                findings
                    .unchecked
                    .push("the checkpoints: they are over entries that are not there; see --since".to_owned());
            }
        }
    }
    findings.manifest = Some(manifest);
    Ok(findings)
}

fn manifest(folder: &Path) -> Result<Result<Manifest, ManifestFault>, Unreadable> {
    let path = folder.join(MANIFEST_FILE);
    let mut bytes = Vec::new();
    let file = File::open(&path).and_then(|file| file.take(MANIFEST_BYTES_MAX).read_to_end(&mut bytes));
    file.map_err(|error| out_of_reach(&path, &error))?;
    Ok(Manifest::decode(&bytes))
}

/// The profile that lies in the export; none where this program has other tables, or where it is not what it was.
fn profile(folder: &Path, manifest: &Manifest, findings: &mut Findings) -> Result<Option<Profile>, Unreadable> {
    let path = folder.join(PROFILE_FILE);
    if manifest.tables_version != TABLES_VERSION || !path.is_file() {
        return Ok(None);
    }
    let bytes = fs::read(&path).map_err(|error| out_of_reach(&path, &error))?;
    let read = String::from_utf8(bytes).map_err(|_| format!("{PROFILE_FILE}: it is no text"));
    let read = read.and_then(|text| Profile::parse(PROFILE_FILE, &text).map_err(|error| error.to_string()));
    let same =
        |profile: &Profile| profile.name() == manifest.profile.name && profile.sha256() == manifest.profile.sha256;
    match read {
        Ok(profile) if same(&profile) => return Ok(Some(profile)),
        Ok(_) => findings.faults.push(format!("{PROFILE_FILE}: it is not the profile that the manifest names")),
        Err(fault) => findings.faults.push(fault),
    }
    Ok(None)
}

/// The export and those before it, back to a full one as far as they were given: each folder with the first entry
/// of its file.
fn chain(
    folder: &Path,
    manifest: &Manifest,
    before: &[PathBuf],
    findings: &mut Findings,
) -> Result<Vec<(PathBuf, u64)>, Unreadable> {
    let mut given = Vec::new();
    for folder in before {
        match self::manifest(folder)? {
            Ok(manifest) => given.push((folder, manifest)),
            Err(fault) => findings.faults.push(format!("{}: {fault}", folder.display())),
        }
    }
    let mut chain = vec![(folder.to_owned(), first(manifest))];
    let mut next = manifest.since.as_ref();
    while let Some(since) = next {
        let is = |(_, manifest): &&(&PathBuf, Manifest)| manifest.manifest_sha256 == since.manifest_sha256;
        let Some((folder, manifest)) = given.iter().find(is) else {
            if !before.is_empty() {
                findings.unchecked.push(format!("the export before, at entry {}, was not given", since.position));
            }
            return Ok(chain);
        };
        if manifest.position != since.position || manifest.head != since.head {
            findings.faults.push(format!("{}: it is at another entry than is gone on from", folder.display()));
            return Ok(chain);
        }
        findings.good.push(format!("it goes on from {}, at entry {}", folder.display(), since.position));
        chain.push(((*folder).clone(), first(manifest)));
        next = manifest.since.as_ref();
    }
    Ok(chain)
}

/// Index of the first entry in the file of entries.
fn first(manifest: &Manifest) -> u64 {
    manifest.since.as_ref().map_or(0, |since| since.position + 1)
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
fn files(
    folder: &Path,
    names: &[String],
    manifest: &Manifest,
    wanted: Option<&Wanted>,
    findings: &mut Findings,
) -> Result<(), Unreadable> {
    for name in names.iter().filter(|name| *name != MANIFEST_FILE && manifest.file(name).is_none()) {
        findings.faults.push(format!("{name}: the manifest does not name it"));
    }
    if let Some(wanted) = wanted {
        let mut expected = export::file_names(wanted);
        expected.sort();
        if !manifest.files.iter().map(|file| &file.name).eq(&expected) {
            findings.faults.push(format!("{MANIFEST_FILE}: it does not name the files that an export has"));
        }
    } else if manifest.tables_version == TABLES_VERSION {
        findings.faults.push(format!("{PROFILE_FILE}: what the export should hold is not known without it"));
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

fn without_entries(manifest: &Manifest, asked: &Asked, findings: &mut Findings) {
    findings.not_shown.push("whether the tables follow from the log: export with --entries");
    if !asked.held.heads().is_empty() {
        let words = "the checkpoints: an export without entries has a head and no tree; give a proof of its last entry with --proof";
        findings.unchecked.push(words.to_owned());
    }
    match asked.head {
        None if asked.proof.is_some() => {}
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

/// The entries of an export and of those before it: of an entry that is in several, what the last has.
struct Chained(Vec<EntriesFile>);

impl Entries for Chained {
    fn size(&self) -> u64 {
        self.0.first().map_or(0, Entries::size)
    }

    fn read(&self, from: u64, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, Unreadable> {
        let holds = |file: &&EntriesFile| (file.first()..file.size()).contains(&from);
        self.0.iter().find(holds).map_or_else(|| Ok(Vec::new()), |file| file.read(from, bytes_max))
    }
}

/// Opens the entries; `None` where they are not what the manifest says, or do not begin with the first of the log.
fn entries(
    manifest: &Manifest,
    chain: Vec<(PathBuf, u64)>,
    findings: &mut Findings,
) -> Result<Option<Chained>, Unreadable> {
    let mut files = Vec::new();
    for (folder, first) in chain {
        let path = folder.join(ENTRIES_FILE);
        if !files.is_empty() && !path.is_file() {
            findings.unchecked.push(format!("{}: its entries are not there", folder.display()));
            break;
        }
        match EntriesFile::open_at(&path, first) {
            Err(Unreadable { damaged: true, what }) => {
                findings.faults.push(format!("{ENTRIES_FILE}: {what}"));
                return Ok(None);
            }
            other => files.push(other?),
        }
    }
    let (first, size) = (files[0].first(), files[0].size());
    if size != manifest.erasures_upto + 1 {
        let (found, upto) = (size - first, manifest.erasures_upto);
        findings
            .faults
            .push(format!("{ENTRIES_FILE}: {found} entries from {first} on, and by the manifest the last is {upto}"));
        return Ok(None);
    }
    if files.last().is_some_and(|file| file.first() > 0) {
        follow(&files[0], manifest, findings)?;
        return Ok(None);
    }
    Ok(Some(Chained(files)))
}

/// Entries of an incremental export alone: each follows from the one before it, the first from the head that the
/// manifest goes on from, and at the position stands the head that it names.
fn follow(file: &EntriesFile, manifest: &Manifest, findings: &mut Findings) -> Result<(), Unreadable> {
    let mut previous = manifest.since.as_ref().and_then(|since| LeafHash::parse(&since.head));
    for index in file.first()..file.size() {
        let (_, bytes) = file.read(index, 1)?.swap_remove(0);
        let checked = match Entry::check(&bytes) {
            Ok(checked) => checked,
            Err(fault) => {
                findings.faults.push(format!("{ENTRIES_FILE}: entry {index}: {fault}"));
                return Ok(());
            }
        };
        if checked.leaf.index != index || Some(checked.leaf.previous) != previous {
            findings.faults.push(format!("{ENTRIES_FILE}: entry {index} does not follow from the one before it"));
            return Ok(());
        }
        if index == manifest.position && manifest.head() != Some(checked.leaf_hash) {
            findings.faults.push(format!("{ENTRIES_FILE}: entry {index} is not the head that the manifest names"));
            return Ok(());
        }
        previous = Some(checked.leaf_hash);
    }
    let count = file.size() - file.first();
    findings
        .good
        .push(format!("{count} entries, each follows from the one before it, the first from the export before"));
    findings.not_shown.push("whether the tables follow from the log: give the exports before it with --since");
    Ok(())
}

/// The entries by themselves, then everything else against them.
fn with_entries(
    entries: &Chained,
    manifest: &Manifest,
    wanted: Option<&Wanted>,
    asked: &Asked,
    findings: &mut Findings,
) {
    let head = asked.head;
    let known = head.filter(|Head(index, _)| *index < entries.size());
    let bar = progress::bar(entries.size(), "verifying", "entries");
    let sought = known.map(|Head(index, hash)| (index, hash));
    let (held, beyond) =
        asked.held.heads().iter().cloned().partition::<Vec<_>, _>(|held| held.head.size <= entries.size());
    for held in beyond {
        let (size, last) = (held.head.size, entries.size() - 1);
        let words = format!(
            "the checkpoint over {size} entries: the export ends with entry {last}; give a proof of that with --proof"
        );
        findings.unchecked.push(words);
    }
    let wanted_of_entries = crate::verify::Wanted { head: sought, held: &held, ..crate::verify::Wanted::default() };
    let report = verify(entries, &wanted_of_entries, |done, _| {
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
            let (seals, met) = (report.seals, report.checkpoints);
            findings.good.push(format!(
                "{seals} seals, each over the map of the entries before it; {met} checkpoints held, each met"
            ));
            for (words, good) in asked.held.judge(&report) {
                if good { findings.good.push(words) } else { findings.faults.push(words) }
            }
            if let Some(wanted) = wanted {
                again(entries, manifest, wanted, findings);
            }
        }
    }
    match (head, known) {
        (None, _) if asked.proof.is_some() || !held.is_empty() => {}
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
}

/// Exports again from the entries: the same manifest must come out, so the same files.
fn again(entries: &Chained, manifest: &Manifest, wanted: &Wanted, findings: &mut Findings) {
    let leaves = progress::bar(entries.size(), "reading leaves", "entries");
    let source = LogSource::read(entries, manifest.position, |done| leaves.set_position(done));
    leaves.finish_and_clear();
    let bar = progress::bar(entries.size(), "exporting again", "entries");
    let exported = source.and_then(|source| {
        let advance = |done, _| bar.set_position(done);
        export::write(&source, wanted, &mut Nowhere, advance).map_err(Failed::from)
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
fn wanted(manifest: &Manifest, profile: Profile) -> Wanted {
    let has = |format: &Format| manifest.files.iter().any(|file| file.name.ends_with(&format!(".{}", format.name())));
    Wanted {
        position: manifest.position,
        as_of: manifest.as_of(),
        formats: Format::ALL.into_iter().filter(has).collect(),
        entries: manifest.entries == export::Entries::Included,
        name: manifest.name.clone(),
        since: manifest.since.clone(),
        profile,
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
        println!("profile   {}", manifest.profile.name);
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
