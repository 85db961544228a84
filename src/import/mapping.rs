//! Mappings: how rows of another register become events, written down in TOML.
//!
//! A mapping is read once and checked whole: every column, name, table, format, filter, event and field that it names
//! exists, and what does not is told with the line. The manual's page on imports has the language.

mod check;
mod lines;
mod parse;

pub mod columns;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::import::error::ImportError;
use crate::import::filter::Decimal;
use crate::import::mapping::columns::Aliases;
use crate::import::mapping::columns::Spelling;
use crate::import::node::Condition;
use crate::import::node::Node;
use crate::import::source::Reading;
use crate::import::template::From;
use crate::import::template::Hole;
use crate::import::template::Template;

/// A mapping, checked.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Its file, or its name where it is shipped.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Where rows come from.
    pub source: Source,
    /// How a row is told from others.
    pub record: Record,
    /// The keyed snapshots, where the inputs are such.
    pub snapshots: Option<Snapshots>,
    /// How rows are put together, where several of them are one record.
    pub group: Option<Group>,
    /// The changes, where an input is a list of them and not of rows.
    pub changes: Option<Changes>,
    formats: BTreeMap<String, Vec<String>>,
    lookups: BTreeMap<String, BTreeMap<String, String>>,
    /// Ids of things, by their names in the mapping.
    pub ids: BTreeMap<String, Id>,
    /// Values, by their names in the mapping.
    pub lets: BTreeMap<String, Node>,
    /// What rows tell of others, before any is planned.
    pub notes: Vec<Note>,
    /// Events that must have been recorded before those of the row, each once: registrations.
    pub ensures: Vec<EventRule>,
    /// Events of the row.
    pub events: Vec<EventRule>,
}

/// Where rows come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The register's code, for example `us.ny.nyc.ccrb.penalties`.
    pub register: String,
    /// The edition that a row is of.
    pub release: Node,
    /// When the source showed the row so: a date.
    pub observed_on: Option<Node>,
    /// Columns that every row has.
    pub columns: Vec<String>,
    /// Columns that a row may have.
    pub optional: Vec<String>,
    /// How a file is read.
    pub reading: Reading,
    /// What stands in its numbers between the whole and the parts.
    pub decimal: Decimal,
    /// Other names of columns.
    pub aliases: Aliases,
    /// Columns that are brought into one spelling.
    pub spelling: Vec<Spelling>,
    /// Whether runs of white space in texts count as one space.
    pub squash: bool,
    /// Texts that mean nothing, beside the empty one.
    pub nulls: Vec<String>,
    /// What the rows of all inputs are sorted by before any is sent.
    pub order: Vec<Template>,
    /// Rows that are not imported, by reason.
    pub skip: Vec<(String, Condition)>,
}

/// How a row is told from others.
#[derive(Clone, Debug)]
pub struct Record {
    /// What is the same whenever the row is seen again.
    pub key: Vec<Template>,
    /// Whom the row is about: ids of registered persons and bodies.
    pub subjects: Node,
    /// Patterns of the columns that are kept, sealed, as the register showed them.
    pub keep: Vec<String>,
}

/// Files in order, each of them the whole register as it was.
#[derive(Clone, Debug)]
pub struct Snapshots {
    /// Columns, and with a `$` names of the mapping, whose change is a change of the row; all columns where there are none.
    pub compare: Vec<String>,
    /// Columns whose change is none.
    pub ignore: Vec<String>,
    /// What is the same for all files that are one edition together; none where each file is one.
    pub edition: Option<Template>,
    /// Whether an edition is the whole register: what it does not have is gone.
    pub whole: bool,
}

/// Rows of a file that have the same key are one record.
#[derive(Clone, Debug)]
pub struct Group {
    /// The column that holds the rows.
    pub rows: String,
    /// What they are sorted by; else they stand as in the file.
    pub order: Vec<Template>,
    /// Columns that say nothing: rows of one record that differ in these alone are one row that stands repeatedly.
    pub ignore: Vec<String>,
}

/// Rows that tell what changed.
#[derive(Clone, Debug)]
pub struct Changes {
    /// Gives the word for what happened.
    pub operation: Template,
    /// The row's key: the same as the record's, from a row of changes.
    pub key: Vec<Template>,
    /// Words for a row that is there now, whole.
    pub put: Vec<String>,
    /// Words for a row some of whose columns have changed.
    pub patch: Vec<String>,
    /// Words for a row that is gone.
    pub remove: Vec<String>,
    /// The column that holds the whole row.
    pub row: String,
    /// The column that holds, by column, `[before, after]`.
    pub patches: String,
}

/// An id that is made from what another system calls the thing.
#[derive(Clone, Debug)]
pub struct Id {
    /// The system.
    pub source: String,
    /// What it calls the thing.
    pub native: Template,
}

/// What a row tells of others: known to all rows, whichever comes first. The last that tells it counts.
#[derive(Clone, Debug)]
pub struct Note {
    /// Which rows tell it.
    pub when: Option<Condition>,
    /// Under what it is known; a row for which this is nothing tells nothing.
    pub under: Template,
    /// What is known.
    pub value: Template,
}

/// An event that a row may give.
#[derive(Clone, Debug)]
pub struct EventRule {
    /// Its place in the mapping, for example `events[2]`.
    pub at: String,
    /// The full name of its message.
    pub message: String,
    /// When it is seen for the first time.
    pub on_first: bool,
    /// On a change.
    pub on_change: bool,
    /// When the register has it no more.
    pub on_gone: bool,
    /// Whether the row gives it.
    pub when: Option<Condition>,
    /// Once for each element of a list.
    pub each: Option<(Node, String)>,
    /// Its fields.
    pub fields: Node,
    /// What later rows are to know: text and value.
    pub remember: Vec<(Template, Template)>,
}

impl Mapping {
    /// The mapping of a name that is shipped, or else of a file.
    ///
    /// # Errors
    ///
    /// `NoMapping`, `File`, `Mapping`.
    pub fn open(name: &str) -> Result<Self, ImportError> {
        if let Some((name, text)) = SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
            return Self::parse(name, text);
        }
        let path = Path::new(name);
        if !path.exists() {
            let shipped = SHIPPED.map(|(name, _)| name).join(", ");
            return Err(ImportError::NoMapping { name: name.to_owned(), shipped });
        }
        let text = fs::read_to_string(path).map_err(|source| ImportError::File { path: path.to_owned(), source })?;
        Self::parse(name, &text)
    }

    /// Reads and checks a mapping.
    ///
    /// # Errors
    ///
    /// `Mapping`, for the first thing that is wrong.
    pub fn parse(name: &str, text: &str) -> Result<Self, ImportError> {
        let mapping = parse::parse(name, text)?;
        check::check(&mapping)?;
        Ok(mapping)
    }

    /// Whether an event depends on what a row was before it changed.
    pub fn asks_what_was(&self) -> bool {
        let (mut templates, mut changed) = (Vec::new(), Vec::new());
        for rule in self.ensures.iter().chain(&self.events) {
            rule.each.iter().for_each(|(list, _)| list.visit(&mut templates, &mut changed));
            rule.when.iter().for_each(|when| when.visit(&mut templates, &mut changed));
            rule.fields.visit(&mut templates, &mut changed);
            templates.extend(rule.remember.iter().flat_map(|(under, value)| [under, value]));
        }
        self.lets.values().for_each(|node| node.visit(&mut templates, &mut changed));
        templates.extend(self.ids.values().map(|id| &id.native));
        let was = |hole: &Hole| matches!(&hole.from, From::Name { name, .. } if name == "was");
        !changed.is_empty() || templates.iter().any(|template| template.holes().any(was))
    }

    /// The date formats of a name.
    pub fn formats(&self, name: &str) -> &[String] {
        self.formats.get(name).map_or(&[], Vec::as_slice)
    }

    /// What a table has for a text, or for anything else.
    pub fn lookup(&self, table: &str, text: &str) -> Option<&str> {
        let table = self.lookups.get(table)?;
        table.get(text).or_else(|| table.get("*")).map(String::as_str)
    }

    /// The line, from 1, of what stands at a key, or of as much of the key as there is; none where its first step is
    /// not in the mapping.
    pub fn line_at(&self, key: &str) -> Option<usize> {
        lines::line_at(&self.text, key)
    }

    /// The line, from 1, of a text at a key, for example `events[2].fields.case_id`: the first after where the key
    /// stands, or that of the key itself.
    pub fn line_of(&self, key: &str, needle: &str) -> usize {
        lines::line_of(&self.text, key, needle)
    }
}

/// The shipped mappings: their names and texts. None of them comes with data.
pub const SHIPPED: [(&str, &str); 7] = [
    ("ccrb-penalties", include_str!("mappings/ccrb-penalties.toml")),
    ("chicago-complaints", include_str!("mappings/chicago-complaints.toml")),
    ("govtrack-misconduct", include_str!("mappings/govtrack-misconduct.toml")),
    ("tse-assets", include_str!("mappings/tse-assets.toml")),
    ("tse-candidates", include_str!("mappings/tse-candidates.toml")),
    ("uk-commons-interests", include_str!("mappings/uk-commons-interests.toml")),
    ("us-senate-efd", include_str!("mappings/us-senate-efd.toml")),
];

/// A mapping as TOML has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    about: String,
    source: SourceTable,
    record: RecordTable,
    snapshots: Option<SnapshotsTable>,
    group: Option<GroupTable>,
    changes: Option<ChangesTable>,
    #[serde(default)]
    formats: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    lookup: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(default)]
    ids: BTreeMap<String, IdTable>,
    #[serde(default, rename = "let")]
    lets: BTreeMap<String, toml::Value>,
    #[serde(default)]
    notes: Vec<NoteTable>,
    #[serde(default)]
    ensure: Vec<EventTable>,
    #[serde(default)]
    events: Vec<EventTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceTable {
    register: String,
    release: toml::Value,
    observed_on: Option<toml::Value>,
    columns: Vec<String>,
    #[serde(default)]
    optional: Vec<String>,
    delimiter: Option<char>,
    encoding: Option<String>,
    decimal: Option<char>,
    #[serde(default)]
    aliases: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    spelling: Vec<SpellingTable>,
    #[serde(default)]
    squash: bool,
    #[serde(default)]
    nulls: Vec<String>,
    #[serde(default)]
    order: Vec<String>,
    #[serde(default)]
    skip: Vec<SkipTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SkipTable {
    reason: String,
    when: toml::Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordTable {
    key: Vec<String>,
    subjects: toml::Value,
    #[serde(default)]
    keep: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SnapshotsTable {
    #[serde(default)]
    compare: Vec<String>,
    #[serde(default)]
    ignore: Vec<String>,
    edition: Option<String>,
    #[serde(default = "yes")]
    whole: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupTable {
    rows: String,
    #[serde(default)]
    order: Vec<String>,
    #[serde(default)]
    ignore: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoteTable {
    when: Option<toml::Value>,
    under: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpellingTable {
    columns: Vec<String>,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangesTable {
    operation: String,
    key: Vec<String>,
    put: Vec<String>,
    patch: Vec<String>,
    remove: Vec<String>,
    row: String,
    patches: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IdTable {
    source: String,
    native: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventTable {
    event: String,
    #[serde(default = "on_first")]
    on: Vec<String>,
    when: Option<toml::Value>,
    each: Option<toml::Value>,
    #[serde(rename = "as")]
    name: Option<String>,
    fields: toml::Table,
    remember: Option<RememberTables>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RememberTables {
    One(RememberTable),
    Several(Vec<RememberTable>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RememberTable {
    under: String,
    value: String,
}

const fn yes() -> bool {
    true
}

fn on_first() -> Vec<String> {
    vec!["first".to_owned()]
}
