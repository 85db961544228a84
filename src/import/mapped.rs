//! Rows of another register to plans, by a mapping.

mod group;
mod normal;
mod notes;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use data_encoding::BASE64;
use prost_types::Any;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::import::error::ImportError;
use crate::import::error::Refusal;
use crate::import::event;
use crate::import::filter;
use crate::import::ids::ImportKey;
use crate::import::ids::sha256;
use crate::import::mapping::Changes;
use crate::import::mapping::EventRule;
use crate::import::mapping::Mapping;
use crate::import::mapping::columns;
use crate::import::node::Each;
use crate::import::plan::Gone;
use crate::import::plan::Plan;
use crate::import::plan::Step;
use crate::import::scope::Known;
use crate::import::scope::Ordinals;
use crate::import::scope::Scope;
use crate::import::snapshots;
use crate::import::snapshots::Keep;
use crate::import::snapshots::Sight;
use crate::import::snapshots::Table;
use crate::import::source::Format;
use crate::import::source::Place;
use crate::import::source::Row;
use crate::import::source::Rows;
use crate::import::template::Template;
use crate::proto::v1::revision_condition::Expected;

/// A planner with a mapping.
#[derive(Debug)]
pub struct Mapped {
    mapping: Mapping,
    key: ImportKey,
    table: Table,
    known: Known,
    ensured: BTreeSet<String>,
    /// Whether the rows of this file tell changes.
    tells_changes: bool,
    /// Rows of this edition whose key is not known.
    unreadable: u64,
    /// Editions that have begun, where they have names; the last is the one that is read.
    editions: Vec<String>,
    /// The spellings of each column of this file, by their places in the mapping.
    spelled: BTreeMap<String, Vec<usize>>,
}

/// A row as it is seen.
struct Seen<'a> {
    place: &'a Place,
    /// As it was read: its release and date of observation are there.
    raw: &'a Value,
    /// As it is now; for a row that is gone, as it was.
    now: &'a Value,
    was: Option<&'a Value>,
    key: &'a str,
    bytes: Option<&'a [u8]>,
    observation: Observation,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Observation {
    First,
    Changed,
    /// Gone, and here again: to the ledger first seen, once more; to the mapping a change, for its case is open.
    Back,
    Gone,
}

/// What a row gives, before any of it is kept.
#[derive(Default)]
struct Draft {
    steps: Vec<Step>,
    ensured: Vec<String>,
    remembered: Vec<(String, String)>,
    counted: Ordinals,
}

impl Mapped {
    /// A planner that has seen nothing.
    pub fn new(mapping: Mapping, key: ImportKey) -> Self {
        let one_edition = mapping.snapshots.is_none() && mapping.changes.is_none();
        let only_compared =
            mapping.snapshots.as_ref().is_some_and(|snapshots| !snapshots.whole) && !mapping.asks_what_was();
        let table = Table::new(if one_edition || only_compared { Keep::Digests } else { Keep::Rows });
        Self {
            mapping,
            key,
            table,
            known: Known { noted: BTreeMap::new(), remembered: BTreeMap::new(), ordinals: BTreeMap::new() },
            ensured: BTreeSet::new(),
            tells_changes: false,
            unreadable: 0,
            editions: Vec::new(),
            spelled: BTreeMap::new(),
        }
    }

    /// The mapping.
    pub const fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// A file begins.
    ///
    /// # Errors
    ///
    /// `AbsentColumn`, `RepeatedColumn`, `NoEdition`, `PartedEdition`.
    pub fn begin(&mut self, rows: &mut Rows) -> Result<(), ImportError> {
        self.tells_changes = self.mapping.changes.is_some() && rows.format == Format::JsonLines;
        self.begin_edition(rows.path())?;
        self.rename(rows)?;
        let Some(header) = &rows.header else { return Ok(()) };
        match self.mapping.source.columns.iter().find(|column| !header.contains(column)) {
            None => Ok(()),
            Some(column) => Err(ImportError::AbsentColumn {
                mapping: self.mapping.name.clone(),
                line: self.mapping.line_of("source.columns", column),
                column: column.clone(),
                input: rows.path().to_owned(),
                found: header.clone(),
            }),
        }
    }

    /// An edition begins with this file, unless it is of the one that is read.
    fn begin_edition(&mut self, path: &Path) -> Result<(), ImportError> {
        let edition = self.edition(path);
        if edition.is_some() && self.editions.last() == edition.as_ref() {
            return Ok(());
        }
        if let Some(edition) = edition {
            if edition.is_empty() {
                let line = self.mapping.line_of("snapshots.edition", "");
                let mapping = self.mapping.name.clone();
                return Err(ImportError::NoEdition { mapping, line, input: path.to_owned() });
            }
            if self.editions.contains(&edition) {
                return Err(ImportError::PartedEdition { edition, input: path.to_owned() });
            }
            self.editions.push(edition);
        }
        self.unreadable = 0;
        if self.mapping.snapshots.is_some() {
            self.table.next_edition();
        }
        Ok(())
    }

    /// The name of the edition that a file is of, where editions have names; empty where it cannot be told.
    fn edition(&self, path: &Path) -> Option<String> {
        let edition = self.mapping.snapshots.as_ref()?.edition.as_ref()?;
        let place = Place::of_file(path);
        Some(edition.text(&self.scope(&place, &Value::Null, None)).unwrap_or_default())
    }

    /// Whether an edition is whole with this file, when that one comes next.
    pub fn ends_edition(&self, file: &Path, next: Option<&Path>) -> bool {
        let edition = self.edition(file);
        edition.is_none() || next.is_none_or(|next| self.edition(next) != edition)
    }

    /// Plans a row.
    pub fn row(&mut self, row: &Row) -> Plan {
        self.try_row(row).unwrap_or_else(Plan::Reject)
    }

    /// A file ends: the keys that it does not have are gone, if its rows are the whole register.
    pub fn end(&mut self, place: &Place) -> Gone {
        let whole = self.mapping.snapshots.as_ref().is_some_and(|snapshots| snapshots.whole);
        if !whole || self.tells_changes {
            return Gone::Plans(Vec::new());
        }
        let missing = self.table.missing();
        if self.unreadable > 0 && !missing.is_empty() {
            return Gone::Unknown(self.editions.last().cloned().unwrap_or_else(|| place.file.to_string()));
        }
        let nothing = Value::Object(Map::new());
        let plan = |key: String| self.gone(place, &nothing, &key, None).unwrap_or_else(Plan::Reject);
        Gone::Plans(missing.into_iter().map(plan).collect())
    }

    /// What a row is sorted by.
    ///
    /// # Errors
    ///
    /// Why the row is refused.
    pub fn sort_key(&self, row: &Row) -> Result<Vec<String>, Refusal> {
        let content = self.normal(&row.place, row.content.clone()?);
        let scope = self.scope(&row.place, &content, None);
        self.mapping.source.order.iter().map(|template| template.text(&scope)).collect()
    }

    fn try_row(&mut self, row: &Row) -> Result<Plan, Refusal> {
        let raw = row.content.clone().map(|content| self.normal(&row.place, content));
        let planned = raw.and_then(|raw| {
            if let Some(reason) = self.skipped(&row.place, &raw)? {
                return Ok(Err(Plan::Skip(reason)));
            }
            let keys = self.mapping.changes.as_ref().filter(|_| self.tells_changes).map(|changes| &changes.key);
            let key = self.key_of(keys.unwrap_or(&self.mapping.record.key), &row.place, &raw)?;
            Ok(Ok((raw, key)))
        });
        let (raw, key) = match planned {
            Ok(Ok(keyed)) => keyed,
            Ok(Err(skip)) => return Ok(skip),
            Err(refusal) => {
                self.unreadable += 1;
                return Err(refusal);
            }
        };
        match self.mapping.changes.clone().filter(|_| self.tells_changes) {
            Some(changes) => self.change(row, &raw, &key, &changes),
            None => self.put(row, &raw, &raw, &key),
        }
    }

    /// A row that tells what happened to the row under its key.
    fn change(&mut self, row: &Row, raw: &Value, key: &str, changes: &Changes) -> Result<Plan, Refusal> {
        self.table.next_edition();
        let operation = changes.operation.text(&self.scope(&row.place, raw, None))?;
        let before = || {
            let what = format!("{operation:?} of a row that was never there, or is gone");
            self.table.row(key).ok_or_else(|| Refusal::new("KEY_UNKNOWN", what))
        };
        if changes.put.contains(&operation) {
            let now = raw.get(&changes.row).filter(|now| now.is_object());
            let now = now.ok_or_else(|| Refusal::new("COLUMN_ABSENT", format!("no object {:?}", changes.row)))?;
            self.put(row, raw, now, key)
        } else if changes.patch.contains(&operation) {
            let now = patched(before()?, raw.get(&changes.patches))?;
            self.put(row, raw, &now, key)
        } else if changes.remove.contains(&operation) {
            before()?;
            self.gone(&row.place, raw, key, Some(&row.bytes))
        } else {
            Err(Refusal::new("OPERATION_UNKNOWN", format!("{operation:?} is none of the mapping's operations")))
        }
    }

    /// A row under a key is now so.
    fn put(&mut self, row: &Row, raw: &Value, now: &Value, key: &str) -> Result<Plan, Refusal> {
        let digest = self.digest(&row.place, now)?;
        let sight = self.table.sight(key, &digest);
        let (observation, was) = match sight {
            Sight::First => (Observation::First, None),
            Sight::Changed { was } => (Observation::Changed, Some(was)),
            Sight::Back { was } => (Observation::Back, Some(was)),
            Sight::Same => {
                self.table.same_again(key);
                return Ok(Plan::Skip("unchanged".to_owned()));
            }
            Sight::Repeated => return Ok(Plan::Skip("repeated".to_owned())),
            Sight::Contradicting => {
                return Err(Refusal::new("DUPLICATE_KEY", "another row of this edition has the same key"));
            }
        };
        let bytes = Some(row.bytes.as_slice());
        let seen = Seen { place: &row.place, raw, now, was: was.as_ref(), key, bytes, observation };
        // Of a group each row was looked at before, and what is in `now` is what its rows have in common.
        let complete = if self.mapping.group.is_some() { Ok(()) } else { self.complete(now) };
        match complete.and_then(|()| self.draft(&seen)) {
            Ok(draft) => {
                self.table.remember(key.to_owned(), digest, now);
                Ok(self.keep(draft))
            }
            Err(refusal) => {
                self.table.still_there(key);
                Err(refusal)
            }
        }
    }

    /// The digest of what is compared of a row.
    fn digest(&self, place: &Place, now: &Value) -> Result<[u8; 32], Refusal> {
        let Some(snapshots) = &self.mapping.snapshots else { return Ok(snapshots::digest(now, &[], &[])) };
        let (names, columns): (Vec<&String>, Vec<&String>) =
            snapshots.compare.iter().partition(|compared| compared.starts_with('$'));
        if names.is_empty() {
            return Ok(snapshots::digest(now, &snapshots.compare, &snapshots.ignore));
        }
        let scope = self.scope(place, now, None);
        let named = names.into_iter().map(|name| scope.name(name.trim_start_matches('$'), None));
        let named =
            named.collect::<Result<Vec<Value>, Refusal>>().map_err(|refusal| refusal.at("snapshots.compare"))?;
        let columns = columns.into_iter().map(|column| scope.column(column)).collect();
        Ok(sha256(Value::Array([named, columns].concat()).to_string().as_bytes()))
    }

    /// The row under a key is gone.
    fn gone(&mut self, place: &Place, raw: &Value, key: &str, bytes: Option<&[u8]>) -> Result<Plan, Refusal> {
        let Some(was) = self.table.remove(key) else {
            return Err(Refusal::new("KEY_UNKNOWN", "nothing is there under this key"));
        };
        let seen = Seen { place, raw, now: &was, was: None, key, bytes, observation: Observation::Gone };
        let draft = self.draft(&seen)?;
        Ok(self.keep(draft))
    }

    fn keep(&mut self, draft: Draft) -> Plan {
        self.ensured.extend(draft.ensured);
        self.known.remembered.extend(draft.remembered);
        for (within, texts) in draft.counted {
            self.known.ordinals.entry(within).or_default().extend(texts);
        }
        Plan::Send(draft.steps)
    }

    fn draft(&self, seen: &Seen<'_>) -> Result<Draft, Refusal> {
        let mut draft = Draft::default();
        let scope = self.scope(seen.place, seen.now, seen.was);
        let register = &self.mapping.source.register;
        if seen.observation != Observation::Gone {
            for rule in &self.mapping.ensures {
                self.ensure(rule, &scope, &mut draft).map_err(|refusal| refusal.within(&rule.at))?;
            }
        }
        let record_id = self.key.id(register, seen.key);
        let (release, record) = self.record(seen, &scope, &record_id)?;
        let mut events = vec![record];
        for rule in &self.mapping.events {
            let given = match seen.observation {
                Observation::First => rule.on_first,
                Observation::Changed | Observation::Back => rule.on_change,
                Observation::Gone => rule.on_gone,
            };
            if given {
                apply(rule, &scope, &mut |fields| {
                    events.push(event::message(&rule.message, caused(fields))?);
                    draft.remembered.extend(remembered(&rule.remember, &scope)?);
                    Ok(())
                })
                .map_err(|refusal| refusal.within(&rule.at))?;
            }
        }
        let expected =
            if seen.observation == Observation::First { Expected::Absent(true) } else { Expected::Exists(true) };
        let condition = event::stream_is(format!("record/{record_id}"), expected);
        let request_id = event::request_id(&self.key, &[register, &release, seen.key], &events);
        draft.steps.push(Step {
            request: event::request(request_id, events, vec![condition])?,
            conflict_is_there: seen.observation == Observation::First,
        });
        draft.counted = scope.counted();
        Ok(draft)
    }

    /// A registration, unless this run has asked for it before.
    fn ensure(&self, rule: &EventRule, scope: &Scope<'_>, draft: &mut Draft) -> Result<(), Refusal> {
        apply(rule, scope, &mut |fields| {
            let event = event::message(&rule.message, fields)?;
            let stream = event::stream_of(&event).unwrap_or_default();
            if self.ensured.contains(&stream) || draft.ensured.contains(&stream) {
                return Ok(());
            }
            let events = vec![event];
            let request_id = event::request_id(&self.key, &["ensure", &stream], &events);
            let absent = event::stream_is(stream.clone(), Expected::Absent(true));
            draft
                .steps
                .push(Step { request: event::request(request_id, events, vec![absent])?, conflict_is_there: true });
            draft.ensured.push(stream);
            Ok(())
        })
    }

    /// The event that says that the row was imported, and the release.
    fn record(&self, seen: &Seen<'_>, scope: &Scope<'_>, record_id: &str) -> Result<(String, Any), Refusal> {
        let raw = self.scope(seen.place, seen.raw, None);
        let release = self.mapping.source.release.value(&raw).map_err(|refusal| refusal.within("source.release"))?;
        let release = filter::text_of(&release).unwrap_or_default();
        let observed = self.mapping.source.observed_on.as_ref().map(|node| node.value(&raw)).transpose();
        let observed = observed.map_err(|refusal| refusal.within("source.observed_on"))?;
        let subjects =
            self.mapping.record.subjects.value(scope).map_err(|refusal| refusal.within("record.subjects"))?;
        // What is sealed here is so under the key of the first of them.
        let about_nobody = subjects.is_null();
        let mut fields = json!({
            "recordId": record_id,
            "source": { "scheme": "register", "code": self.mapping.source.register },
            "release": release,
            "row": seen.place.row,
            "observation": match seen.observation {
                Observation::First | Observation::Back => "OBSERVATION_FIRST_SEEN",
                Observation::Changed => "OBSERVATION_CHANGED",
                Observation::Gone => "OBSERVATION_GONE",
            },
        });
        let optional = [
            ("shown", if about_nobody { Value::Null } else { self.shown(seen) }),
            ("observedOn", observed.unwrap_or(Value::Null)),
            ("subjectIds", if subjects.is_string() { json!([subjects]) } else { subjects }),
            (
                "digest",
                seen.bytes
                    .filter(|_| !about_nobody)
                    .map_or(Value::Null, |bytes| json!({ "sha256": BASE64.encode(&sha256(bytes)) })),
            ),
        ];
        for (name, value) in optional {
            if !value.is_null() {
                fields[name] = value;
            }
        }
        Ok((release, event::message("probity.events.v1.LegacyRecordImported", fields)?))
    }

    /// The columns that are kept of a row that is there; a column whose change is none is not, for it would be out of
    /// date.
    fn shown(&self, seen: &Seen<'_>) -> Value {
        let keep = &self.mapping.record.keep;
        if keep.is_empty() || seen.observation == Observation::Gone {
            return Value::Null;
        }
        let ignored = self.mapping.snapshots.as_ref().map_or(&[][..], |snapshots| snapshots.ignore.as_slice());
        let columns = seen.now.as_object().into_iter().flatten().filter_map(|(name, value)| {
            let kept = !ignored.contains(name) && columns::is_among(keep, name);
            kept.then(|| Some(json!({ "name": name, "value": filter::text_of(value)? })))?
        });
        json!({ "columns": columns.collect::<Vec<Value>>() })
    }

    fn scope<'s>(&'s self, place: &'s Place, row: &'s Value, was: Option<&'s Value>) -> Scope<'s> {
        Scope::new(&self.mapping, &self.key, &self.known, place, row, was)
    }

    fn skipped(&self, place: &Place, raw: &Value) -> Result<Option<String>, Refusal> {
        let scope = self.scope(place, raw, None);
        for (reason, when) in &self.mapping.source.skip {
            if when.holds(&scope).map_err(|refusal| refusal.at("source.skip"))? {
                return Ok(Some(reason.clone()));
            }
        }
        Ok(None)
    }

    fn key_of(&self, key: &[Template], place: &Place, raw: &Value) -> Result<String, Refusal> {
        let scope = self.scope(place, raw, None);
        let parts: Result<Vec<String>, Refusal> = key.iter().map(|template| template.text(&scope)).collect();
        Ok(parts.map_err(|refusal| refusal.at("record.key"))?.join("\u{1f}"))
    }

    /// Every column that a row must have is there; it may be empty.
    fn complete(&self, row: &Value) -> Result<(), Refusal> {
        match self.mapping.source.columns.iter().find(|column| row.get(column).is_none()) {
            None => Ok(()),
            Some(column) => Err(Refusal::new("COLUMN_ABSENT", format!("no column {column:?}")).at(column)),
        }
    }
}

/// Gives the fields of each event of a rule.
fn apply(
    rule: &EventRule,
    scope: &Scope<'_>,
    give: &mut dyn FnMut(Value) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut one = || {
        if rule.when.as_ref().map_or(Ok(true), |when| when.holds(scope))? {
            let fields = rule.fields.value(scope).map_err(|refusal| refusal.within("fields"))?;
            give(if fields.is_null() { Value::Object(Map::new()) } else { fields })?;
        }
        Ok(())
    };
    match &rule.each {
        None => one(),
        Some((list, name)) => {
            Each::elements(list, scope)?.into_iter().try_for_each(|element| scope.with(name, element, &mut one))
        }
    }
}

/// The fields with the row's own event as their cause.
fn caused(mut fields: Value) -> Value {
    if let Some(fields) = fields.as_object_mut() {
        let context = fields.entry("context").or_insert_with(|| Value::Object(Map::new()));
        context["cause"] = json!({ "eventOfRequest": 1 });
    }
    fields
}

fn remembered(remember: &[(Template, Template)], scope: &Scope<'_>) -> Result<Vec<(String, String)>, Refusal> {
    remember.iter().map(|(under, value)| Ok((under.text(scope)?, value.text(scope)?))).collect()
}

/// A row after changes of `[before, after]` by column; each must begin where the row is.
fn patched(mut row: Value, changes: Option<&Value>) -> Result<Value, Refusal> {
    let changes = changes.and_then(Value::as_object);
    for (column, change) in changes.ok_or_else(|| Refusal::new("COLUMN_ABSENT", "the row has no changes"))? {
        let pair = change.as_array().and_then(|pair| <&[Value; 2]>::try_from(pair.as_slice()).ok());
        let [before, after] =
            pair.ok_or_else(|| Refusal::new("CHANGE_MALFORMED", "a change is [before, after]").at(column))?;
        if row.get(column).unwrap_or(&Value::Null) != before {
            return Err(Refusal::new("CHANGE_DOES_NOT_FIT", "the column was not what the change says").at(column));
        }
        row[column.as_str()] = after.clone();
    }
    Ok(row)
}
