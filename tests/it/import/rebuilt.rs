//! Real registers told again from the log, edition by edition: every row that the register published, column by column,
//! and none besides. They name real people, so that they are no part of the project: without them the tests say what
//! is missing, and pass.
//!
//! `PROBITY_SHARED_DATA` is the folder that holds them, `../shared/data` beside the project unless it is set. A few
//! editions of some of the rows are told each time; with `PROBITY_WHOLE_REGISTERS=1` all of all.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use flate2::read::GzDecoder;
use probity::clock;
use probity::events::Event;
use probity::events::EventType;
use probity::events::Observation;
use probity::import;
use probity::import::Options;
use probity::import::Progress;
use probity::import::send::Patience;
use probity::log::Checked;
use probity::service;
use sha2::Digest as _;
use sha2::Sha256;

use crate::service::Served;

/// A row: its columns that hold something.
type Columns = BTreeMap<String, String>;

/// The name of an edition, and its files.
type Edition = (String, Vec<PathBuf>);

/// A register in editions.
struct Register {
    /// Where it lies in the folder of the data.
    folder: &'static str,
    mapping: &'static str,
    /// The column by whose text rows are taken into a sample, so that those of one are taken together.
    sampled_by: &'static str,
    /// Names of editions and their files, in order.
    editions: fn(&Path) -> Vec<Edition>,
    /// How a published column is called and written, whatever the edition; none for one that says nothing.
    spelled: fn(&str, &str) -> Option<(String, String)>,
}

const CCRB: Register = Register {
    folder: "nyc-ccrb-penalties/snapshots",
    mapping: "ccrb-penalties",
    sampled_by: "Complaint Id",
    editions: |folder| {
        let edition = |path: PathBuf| {
            let name = name(&path);
            let day = name.trim_start_matches("penalties_").split('.').next().unwrap().to_owned();
            (day, vec![path])
        };
        // The first calls the officers by numbers made up for it, which lead to nobody in the others.
        listed(folder).into_iter().map(edition).filter(|(day, _)| day.as_str() > "2023-01-01").collect()
    },
    spelled: |column, value| Some((column.to_owned(), value.to_owned())),
};

const COMMONS: Register = Register {
    folder: "uk-register-interests/official_data",
    mapping: "uk-commons-interests",
    sampled_by: "MNIS ID|Member ID",
    editions: |folder| listed(folder).into_iter().map(|path| (name(&path), listed(&path))).collect(),
    spelled: commons,
};

/// The names and spellings of the newest editions; those of the first are others.
fn commons(column: &str, value: &str) -> Option<(String, String)> {
    let column = match column {
        // Its change is no change of the row.
        "Link" | "Link_1" => return None,
        "Registration Date" => "Registered".to_owned(),
        "Published Date" => "Published".to_owned(),
        "Updated Date" => "Updated_1".to_owned(),
        column => match column.split('_').collect::<Vec<_>>().as_slice() {
            [list @ ("Donors" | "VisitLocations"), field, number] if number.parse::<u32>().is_ok() => {
                format!("{list}_{number}_{field}")
            }
            _ => column.to_owned(),
        },
    };
    let last = column.rsplit('_').next().unwrap();
    let is_date = column.starts_with("Updated_")
        || ["Registered", "Published", "AroseOn"].contains(&last)
        || last.ends_with("Date")
        || last.ends_with("DateTime");
    let value = match value {
        "TRUE" | "True" if last.starts_with("Is") || TRUTHS.contains(&last) || last.starts_with("Has") => "true",
        "FALSE" | "False" if last.starts_with("Is") || TRUTHS.contains(&last) || last.starts_with("Has") => "false",
        "Cash" if last == "PaymentType" => "Monetary",
        "In kind" if last == "PaymentType" => "InKind",
        value => value,
    };
    let value = match value.split('/').collect::<Vec<_>>().as_slice() {
        [day, month, year] if is_date && year.len() == 4 => format!("{year}-{month:0>2}-{day:0>2}"),
        _ if last == "Value" || last == "HoursWorked" => without_zeros(value),
        _ => value.to_owned(),
    };
    Some((column, value))
}

const TRUTHS: [&str; 4] = [
    "PaymentReceived",
    "RegistrableRentalIncome",
    "UltimatePayerProtectedByConfidentiality",
    "PayerIsPrivateIndividual",
];

fn without_zeros(value: &str) -> String {
    match value.split_once('.') {
        Some((whole, parts)) if parts.bytes().all(|byte| byte.is_ascii_digit()) => {
            let parts = parts.trim_end_matches('0');
            if parts.is_empty() { whole.to_owned() } else { format!("{whole}.{parts}") }
        }
        _ => value.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ccrb_register_is_told_again_at_the_end_of_every_month() {
    CCRB.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_register_of_the_commons_is_told_again_at_every_edition() {
    COMMONS.check().await;
}

impl Register {
    async fn check(&self) {
        let Some(folder) = data().map(|data| data.join(self.folder)).filter(|folder| folder.is_dir()) else {
            // Past the harness, which shows only what failing tests print.
            let missing = format!("SKIPPED: no {} in ../shared/data or PROBITY_SHARED_DATA\n", self.folder);
            std::io::stderr().write_all(missing.as_bytes()).unwrap();
            return;
        };
        let whole = env::var_os("PROBITY_WHOLE_REGISTERS").is_some();
        let bench = tempfile::tempdir().unwrap();
        let mut editions = (self.editions)(&folder);
        if !whole {
            let begin = editions.len().saturating_sub(EDITIONS_SAMPLED) / 2;
            editions = editions.split_off(begin);
            editions.truncate(EDITIONS_SAMPLED);
            for (edition, files) in &mut editions {
                let folder = bench.path().join("sample").join(&*edition);
                fs::create_dir_all(&folder).unwrap();
                *files = files.iter().map(|file| self.sample(file, &folder)).collect();
            }
        }
        let rejected = self.import(bench.path(), &editions).await;
        let told = told(bench.path(), &editions);
        for ((edition, files), told) in editions.iter().zip(&told) {
            let published: BTreeSet<Columns> = files.iter().flat_map(|file| self.rows(file)).collect();
            let (lost, made) = (published.difference(told).count(), told.difference(&published).count());
            let equal = published.intersection(told).count();
            let report = format!("{} {edition}: {equal} rows equal, {lost} lost, {made} made up\n", self.mapping);
            std::io::stderr().write_all(report.as_bytes()).unwrap();
            assert!(equal > 0, "{edition} holds nothing");
            assert_eq!((lost, made), (0, 0), "of edition {edition}: lost, made up; {rejected} rows were rejected");
        }
    }

    /// Imports all editions; how many rows were rejected.
    async fn import(&self, bench: &Path, editions: &[Edition]) -> u64 {
        let served = Served::start(&bench.join("data"));
        let options = Options {
            to: served.url.clone(),
            mapping: Some(self.mapping.to_owned()),
            inputs: editions.iter().flat_map(|(_, files)| files.clone()).collect(),
            key: bench.join("import.key"),
            state: bench.join("state"),
            rejects: bench.join("rejects.jsonl"),
            patience: Patience::default(),
        };
        let outcome = import::run(options, Arc::new(Progress::default())).await.unwrap();
        served.stop();
        assert!(outcome.stopped.is_none(), "{:?}", outcome.stopped);
        let summary = outcome.summary;
        assert_eq!(summary.gone_unknown, Vec::<String>::new());
        std::io::stderr().write_all(format!("{summary}\n").as_bytes()).unwrap();
        summary.rows.rejected
    }

    /// Some rows of a file, beside others of its edition.
    fn sample(&self, file: &Path, folder: &Path) -> PathBuf {
        let path = folder.join(name(file).trim_end_matches(".gz"));
        let mut reader = read(file);
        let mut writer = csv::Writer::from_path(&path).unwrap();
        let header = reader.headers().unwrap().clone();
        let of = |name: &str| header.iter().position(|column| column.trim_start_matches('\u{feff}') == name);
        let place = self.sampled_by.split('|').find_map(of).unwrap();
        writer.write_record(&header).unwrap();
        for row in reader.records().map(Result::unwrap) {
            if Sha256::digest(row[place].as_bytes())[0] < SAMPLED_OF_256 {
                writer.write_record(&row).unwrap();
            }
        }
        writer.flush().unwrap();
        path
    }

    fn rows(&self, file: &Path) -> Vec<Columns> {
        let mut reader = read(file);
        let header = reader.headers().unwrap().clone();
        let columns = |row: csv::StringRecord| -> Columns {
            let filled = header.iter().zip(&row).filter(|(_, value)| !value.trim().is_empty());
            filled.filter_map(|(column, value)| (self.spelled)(column.trim_start_matches('\u{feff}'), value)).collect()
        };
        reader.records().map(|row| columns(row.unwrap())).collect()
    }
}

/// What the log knew of the register after each edition: the rows that it then held, in their columns.
fn told(bench: &Path, editions: &[Edition]) -> Vec<BTreeSet<Columns>> {
    let mut options = service::Options::new(bench.join("data"));
    options.store.reserve_bytes = 0;
    let service = service::open(&options, clock::machine(), |_| {}).unwrap();
    let (reader, mut from) = (service.reader(), 0);
    let mut rows: BTreeMap<String, Columns> = BTreeMap::new();
    let mut told = Vec::new();
    while from < reader.size() {
        let entries = reader.entries(from, u64::MAX, 4 << 20).unwrap();
        from += entries.len() as u64;
        for entry in entries {
            let Some(Event::LegacyRecordImported(record)) = event(&entry.checked) else { continue };
            // The first of an edition: those before it stand as the log knew them.
            while editions[told.len()].0 != record.release {
                told.push(rows.values().cloned().collect());
            }
            if record.observation() == Observation::Gone {
                rows.remove(&record.record_id);
                continue;
            }
            let parts = 0..entry.checked.entry.parts.len();
            let shown =
                parts.filter_map(|part| reader.vault().open_part(&entry.checked, part).unwrap()).find_map(|bytes| {
                    match Event::decode(EventType::LegacyRecordImported, &bytes).unwrap() {
                        Event::LegacyRecordImported(part) => part.shown,
                        other => panic!("{other:?}"),
                    }
                });
            let columns = shown.unwrap().columns.into_iter().map(|column| (column.name, column.value));
            rows.insert(record.record_id, columns.collect());
        }
    }
    while told.len() < editions.len() {
        told.push(rows.values().cloned().collect());
    }
    service.stop().unwrap();
    told
}

fn event(entry: &Checked) -> Option<Event> {
    let manifest = entry.manifest.as_ref()?;
    let event_type = EventType::parse(&manifest.event_type, manifest.version)?;
    Event::decode(event_type, &entry.entry.open.as_ref()?.payload).ok()
}

/// The folder of the data, if there is one.
fn data() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    Some(env::var_os("PROBITY_SHARED_DATA").map_or_else(beside, PathBuf::from)).filter(|folder| folder.is_dir())
}

fn read(file: &Path) -> csv::Reader<Box<dyn std::io::Read>> {
    let opened = File::open(file).unwrap();
    let packed = file.extension().is_some_and(|extension| extension == "gz");
    csv::Reader::from_reader(if packed { Box::new(GzDecoder::new(opened)) } else { Box::new(opened) })
}

fn listed(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

const EDITIONS_SAMPLED: usize = 3;
/// Rows of a sample, of every 256.
const SAMPLED_OF_256: u8 = 16;
