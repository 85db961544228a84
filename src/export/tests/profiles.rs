//! Profiles: what they let through, and what is none.

use std::collections::BTreeMap;

use parquet::file::reader::FileReader;
use parquet::file::reader::SerializedFileReader;

use crate::export::Cell;
use crate::export::Class;
use crate::export::Format;
use crate::export::INTERNAL;
use crate::export::Profile;
use crate::export::Wanted;
use crate::export::dictionary;
use crate::export::file_names;
use crate::export::files::Files;
use crate::export::is_name;
use crate::export::run::Sink;
use crate::export::shipped;
use crate::export::table::Row;
use crate::export::table::described;

/// Files in memory, by place.
#[derive(Default)]
struct Memory(BTreeMap<usize, Vec<u8>>);

impl Sink for Memory {
    type Error = std::convert::Infallible;

    fn write(&mut self, file: usize, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0.entry(file).or_default().extend_from_slice(bytes);
        Ok(())
    }
}

fn wanted(profile: Profile, format: Format) -> Wanted {
    let formats = [format].into();
    Wanted { position: 0, as_of: None, formats, entries: false, name: "test".to_owned(), profile, since: None }
}

/// The file of a table with these rows, each given as `column=text …`; a row that begins with `~` is of a thing that
/// did not change.
fn written(profile: &str, table: &str, rows: &[&str], format: Format) -> Vec<u8> {
    let wanted = wanted(Profile::parse("test.toml", profile).unwrap(), format);
    let known = described().into_iter().find(|known| known.name == table).unwrap();
    let mut memory = Memory::default();
    let mut files = Files::begin(&wanted, &mut memory).unwrap();
    for row in rows {
        let given: BTreeMap<&str, &str> =
            row.trim_start_matches('~').split_whitespace().map(|pair| pair.split_once('=').unwrap()).collect();
        let cell = |name| given.get(name).map_or(Cell::Absent, |text| Cell::Text((*text).to_owned()));
        let cells = known.columns.iter().map(|column| cell(column.name)).collect();
        files.row(&Row { table: known.name, cells }, !row.starts_with('~')).unwrap();
    }
    files.end().unwrap();
    let name = format!("{table}.{}", format.name());
    let place = file_names(&wanted).iter().position(|file| *file == name).unwrap();
    memory.0.remove(&place).unwrap_or_default()
}

fn check(profile: &str, table: &str, rows: &[&str], then: &[&str]) {
    let profile = format!("name = \"test\"\nabout = \"\"\nentries = false\n{profile}");
    let text = String::from_utf8(written(&profile, table, rows, Format::Csv)).unwrap();
    assert_eq!(text.lines().collect::<Vec<_>>(), then, "{profile}");
}

#[test]
fn only_what_is_named_is_written() {
    let rows = ["case=case/A reference=7 status=OPEN opened_on=2026-05-03", "case=case/B status=CLOSED"];
    check(
        "[tables.cases]\ncolumns = [\"status\", \"case\"]",
        "cases",
        &rows,
        &["status,case", "OPEN,case/A", "CLOSED,case/B"],
    );
    check(
        "[tables.cases]\ncolumns = [\"case\"]\nrows = { status = [\"CLOSED\"] }",
        "cases",
        &rows,
        &["case", "case/B"],
    );
    check("[tables.cases]\ncolumns = [\"case\"]\nrows = { status = [] }", "cases", &rows, &["case"]);
    check("[tables.cases]\ncolumns = [\"case\"]\nrows = { origin = [\"\"] }", "cases", &rows, &["case"]);
    for (dates, then) in [("day", "2026-05-03"), ("month", "2026-05"), ("year", "2026")] {
        let profile = format!("[tables.cases]\ncolumns = [\"opened_on\"]\ndates = \"{dates}\"");
        check(&profile, "cases", &rows[..1], &["opened_on", then]);
    }
    check("[tables.persons]\ncolumns = [\"person\"]", "persons", &["person=p", "~person=q"], &["person", "p"]);
}

#[test]
fn rows_that_are_alike_are_counted_and_too_few_are_held_back() {
    let profile = "[tables.case_respondents]\ncolumns = [\"outcome\"]\ncounted = true\n";
    let rows = ["outcome=B", "~outcome=A", "outcome=B", "outcome=C", "outcome=B", "respondent=entity/1"];
    check(profile, "case_respondents", &rows, &["outcome,count", ",1", "A,1", "B,3", "C,1"]);
    let least = format!("{profile}at_least = 2");
    check(&least, "case_respondents", &rows, &["outcome,count", "B,3", ",3"]);
    check(&least, "case_respondents", &rows[..1], &["outcome,count", ",1"]);
    check(&least, "case_respondents", &[], &["outcome,count"]);
}

#[test]
fn what_is_no_profile_is_named_with_its_line_and_key() {
    let head = "name = \"test\"\nabout = \"\"\nentries = false\n";
    for (text, line, then) in [
        ("[tables.crimes]\ncolumns = [\"case\"]", 4, "tables.crimes: there is no such table"),
        ("[tables.cases]\ncolumns = [\n\"case\",\n\"guilt\"]", 7, "tables.cases.columns: there is no column guilt"),
        ("[tables.cases]\ncolumns = [\"case\", \"case\"]", 5, "stands there twice"),
        ("[tables.cases]\ncolumns = []", 5, "it names none"),
        ("[tables.cases]", 4, "columns"),
        ("[tables.cases]\ncolumns = [\"case\"]\nrows = { guilt = [] }", 6, "tables.cases.rows: there is no column"),
        ("[tables.cases]\ncolumns = [\"case\"]\nrows = { case = [] }", 6, "does not hold a word"),
        ("[tables.cases]\ncolumns = [\"case\"]\nat_least = 5", 6, "needs counted"),
        ("[tables.cases]\ncolumns = [\"case\"]\ndates = \"week\"", 6, "week"),
        ("[tables.cases]\ncolumn = [\"case\"]", 5, "column"),
        ("all = true\n[tables.cases]\ncolumns = [\"case\"]", 5, "all = true"),
        ("colour = 1", 4, "colour"),
        ("", 1, "names no table"),
        ("[tables", 4, ""),
    ] {
        let error = Profile::parse("own.toml", &format!("{head}{text}")).unwrap_err();
        assert_eq!((error.file.as_str(), error.line), ("own.toml", line), "{text}: {error}");
        assert!(error.to_string().contains(then), "{text}: {error}");
    }
    let entries = "name = \"test\"\nabout = \"\"\nentries = true\n[tables.cases]\ncolumns = [\"case\"]";
    assert!(Profile::parse("own.toml", entries).unwrap_err().what.contains("entries"));
    for name in ["", "A", "1a", "a b", "a_b", "../a", "-a", "a-", "a--b", &"a".repeat(65)] {
        assert!(!is_name(name), "{name}");
        let text = format!("name = {name:?}\nabout = \"\"\nentries = true\nall = true");
        assert_eq!(Profile::parse("own.toml", &text).unwrap_err().line, 1, "{name}");
    }
}

#[test]
fn the_profiles_shipped_are_what_they_say() {
    let profiles = shipped();
    assert_eq!(profiles.keys().collect::<Vec<_>>(), ["clearance", "internal", "statistics"]);
    let internal = &profiles[INTERNAL];
    let whole: Vec<_> = internal.tables().iter().map(|rule| rule.described.clone()).collect();
    assert_eq!(whole, described(), "everything");
    assert!(internal.entries() && !profiles["clearance"].entries() && !profiles["statistics"].entries());
    assert_ne!(profiles["clearance"].sha256(), profiles["statistics"].sha256());
}

/// Nothing of a person that could be joined: no id, no place in the log, no time of recording.
#[test]
fn statistics_lead_back_to_nobody() {
    let statistics = &shipped()["statistics"];
    for rule in statistics.tables() {
        let table = &rule.described;
        if table.name == "organisations" {
            continue;
        }
        assert!(rule.counted.is_some_and(|least| least >= 5), "{}: counted, and few are held back", table.name);
        for column in &table.columns {
            assert!(!column.joins, "{}.{} joins rows", table.name, column.name);
            assert_eq!(column.class, Class::Anonymous, "{}.{}", table.name, column.name);
        }
    }
    let dictionary = String::from_utf8(dictionary::encode(statistics)).unwrap();
    for telling in ["\"respondent\"", "\"person\"", "\"case\"", "\"decision\"", "position\"", "recorded_at\""] {
        assert!(!dictionary.contains(&format!("\"name\": {telling}")), "{telling}");
    }
}

#[test]
fn a_clearance_shows_what_counts_and_no_allegation() {
    let text = shipped()["clearance"].text().to_owned();
    for (standing, shown) in
        [("IN_FORCE", 1), ("PENDING", 1), ("UNCERTAIN", 1), ("EXPIRED", 0), ("REPLACED", 0), ("ANNULLED", 0)]
    {
        let bytes = written(&text, "decisions", &[&format!("decision=d standing={standing}")], Format::Jsonl);
        assert_eq!(String::from_utf8(bytes).unwrap().lines().count(), shown, "{standing}");
    }
    let tables: Vec<&str> = shipped()["clearance"].tables().iter().map(|rule| rule.described.name).collect();
    assert!(!tables.contains(&"allegations") && !tables.contains(&"cases") && !tables.contains(&"persons"));
}

/// Of other than names of bodies everything is looked at: a new column that tells one thing from all others must not
/// slip into the figures.
#[test]
fn ids_and_places_are_known_to_join() {
    for table in described() {
        for column in &table.columns {
            let looks = column.name.ends_with("_position") || column.name.ends_with("_at") || column.name == "position";
            assert!(!looks || column.joins, "{}.{}", table.name, column.name);
        }
    }
}

#[test]
fn parquet_is_the_same_bytes_each_time_and_begins_and_ends_as_it_should() {
    let profile = "name = \"test\"\nabout = \"\"\nentries = false\n[tables.cases]\ncolumns = [\"case\", \"status\"]";
    let rows: Vec<String> = (0..20_000).map(|number| format!("case=case/{number} status=OPEN")).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    for rows in [&rows[..], &rows[..16_384], &rows[..1], &[]] {
        let one = written(profile, "cases", rows, Format::Parquet);
        assert_eq!(one, written(profile, "cases", rows, Format::Parquet));
        assert!(one.starts_with(b"PAR1") && one.ends_with(b"PAR1"), "{} rows", rows.len());
        let file = SerializedFileReader::new(bytes::Bytes::from(one)).unwrap();
        let metadata = FileReader::metadata(&file).clone();
        assert_eq!(metadata.file_metadata().num_rows(), i64::try_from(rows.len()).unwrap());
        assert_eq!(metadata.file_metadata().created_by(), Some("probity"));
        let read: Vec<String> = FileReader::get_row_iter(&file, None)
            .unwrap()
            .map(|row| {
                row.unwrap()
                    .get_column_iter()
                    .map(|(name, field)| format!("{name}={field}"))
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect();
        let then: Vec<String> = rows.iter().map(|row| row.replace('=', "=\"").replace(" s", "\" s") + "\"").collect();
        assert_eq!(read, then);
    }
}
