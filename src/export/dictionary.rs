//! The data dictionary: what each file, table and column means, for whoever has the export and nothing else.

use serde_json::Value;
use serde_json::json;

use crate::export::manifest::TABLES_VERSION;
use crate::export::table::described;

const CSV: &str = "RFC 4180, UTF-8, with a header; lines end with LF. An absent value is an empty cell. A text that \
                   begins with = + - @ tab, CR, LF, one of their wide forms or an apostrophe has an apostrophe in \
                   front, so that no spreadsheet runs it: take one away to have the text back. Numbers are not \
                   touched. A list is a JSON array.";
const JSONL: &str = "One JSON object a line, UTF-8, lines end with LF. An absent value is null. A decimal number is \
                     a string, so that no reader rounds it.";
const ENTRIES: &str = "Where it is there: every entry of the log from the first, each as its length in 4 bytes, \
                       big-endian, and its bytes as they are stored. What was erased is not in it.";
const TRUE_OF: &str = "State as of the position in manifest.json; what is in force is meant for the day as_of there.";

/// The bytes of `dictionary.json`.
pub(super) fn encode() -> Vec<u8> {
    let tables = described().into_iter().map(|table| {
        let columns = table
            .columns
            .iter()
            .map(|column| json!({ "name": column.name, "type": column.of.name(), "meaning": column.meaning }));
        json!({ "name": table.name, "about": table.about, "columns": columns.collect::<Vec<Value>>() })
    });
    let whole = json!({
        "tables_version": TABLES_VERSION,
        "true_of": TRUE_OF,
        "csv": CSV,
        "jsonl": JSONL,
        "entries.prb": ENTRIES,
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
