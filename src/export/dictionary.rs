//! The data dictionary: what each file, table and column means, for whoever has the export and nothing else.

use serde_json::Value;
use serde_json::json;

use crate::export::manifest::TABLES_VERSION;
use crate::export::profile::Profile;

const CSV: &str = "RFC 4180, UTF-8, with a header; lines end with LF. An absent value is an empty cell. A text that \
                   begins with = + - @ tab, CR, LF, one of their wide forms or an apostrophe has an apostrophe in \
                   front, so that no spreadsheet runs it: take one away to have the text back. Numbers are not \
                   touched. A list is a JSON array.";
const JSONL: &str = "One JSON object a line, UTF-8, lines end with LF. An absent value is null. A decimal number is \
                     a string, so that no reader rounds it.";
const ENTRIES: &str = "Where it is there: every entry of the log, from the first or from the one after the last of \
                       the export that this one goes on from, each as its length in 4 bytes, big-endian, and its \
                       bytes as they are stored. What was erased is not in it.";
const PARQUET: &str = "Apache Parquet, compressed with Snappy. Text, names, words, dates, times and decimal numbers are \
                       strings, as in JSON Lines; whole numbers are unsigned 64-bit; a list is a LIST of strings. An \
                       absent value is null.";
const SINCE: &str = "Where the manifest names an export that this one goes on from, a table has all rows, as they are now, of \
                     each thing of which any row changed since then: let them take the place of the rows of that thing, which \
                     is gone where amendments voids it. \
                     Tables that are counted are whole in every export.";
const TRUE_OF: &str = "State as of the position in manifest.json; what is in force is meant for the day as_of there.";

/// The bytes of `dictionary.json`.
pub(super) fn encode(profile: &Profile) -> Vec<u8> {
    let tables = profile.tables().iter().map(|rule| {
        let table = &rule.described;
        let columns = table.columns.iter().map(|column| {
            json!({
                "name": column.name,
                "type": column.of.name(),
                "meaning": column.meaning,
                "class": column.class.name(),
                "joins": column.joins,
            })
        });
        json!({
            "name": table.name,
            "about": table.about,
            "counted": rule.counted.is_some(),
            "columns": columns.collect::<Vec<Value>>(),
        })
    });
    let whole = json!({
        "tables_version": TABLES_VERSION,
        "profile": profile.name(),
        "profile_about": profile.about(),
        "true_of": TRUE_OF,
        "since": SINCE,
        "csv": CSV,
        "jsonl": JSONL,
        "parquet": PARQUET,
        "entries.prb": ENTRIES,
        "classes": {
            "P0": "of public bodies, or of nobody: counts and codes",
            "P1": "of a person under a pseudonym, an id made by chance",
            "P2 to P5": "names, property, narratives, witnesses: sealed in the log, and in no table",
        },
        "joins": "whether a value belongs to one thing alone, so that rows about it can be joined",
        "types": {
            "text": "any text",
            "name": "kind/id, the same in every table: join on it",
            "word": "a word of a fixed list",
            "date": "2026, 2026-05 or 2026-05-03: as far as it is known",
            "time": "2026-05-03T08:30:00.000Z, UTC",
            "whole number": "from 0 to 18446744073709551615",
            "decimal number": "exact, with a point where it has a fraction",
            "flag": "true or false",
            "list": "several texts in their order",
        },
        "tables": tables.collect::<Vec<Value>>(),
    });
    let mut bytes = serde_json::to_vec_pretty(&whole).expect("values become JSON");
    bytes.push(b'\n');
    bytes
}
