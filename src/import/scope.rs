//! What a template can see of a row.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;

use crate::import::error::Refusal;
use crate::import::filter;
use crate::import::filter::Filter;
use crate::import::ids::ImportKey;
use crate::import::mapping::Mapping;
use crate::import::source::Place;

/// Texts in the order in which they were first asked for, by what they are counted within.
pub type Ordinals = BTreeMap<String, Vec<String>>;

/// What rows have left for others.
#[derive(Debug, Default)]
pub struct Known {
    /// What the mapping's notes tell, of all inputs.
    pub noted: BTreeMap<String, String>,
    /// What the events of earlier rows left.
    pub remembered: BTreeMap<String, String>,
    /// What has a number.
    pub ordinals: Ordinals,
}

impl Known {
    fn get(&self, under: &str) -> Option<&String> {
        self.remembered.get(under).or_else(|| self.noted.get(under))
    }
}

/// A row and everything that its templates may name.
#[derive(Debug)]
pub struct Scope<'a> {
    mapping: &'a Mapping,
    key: &'a ImportKey,
    known: &'a Known,
    place: &'a Place,
    row: &'a Value,
    was: Option<&'a Value>,
    counted: RefCell<Ordinals>,
    locals: RefCell<Vec<(String, Value)>>,
    named: RefCell<BTreeMap<String, Value>>,
}

impl<'a> Scope<'a> {
    /// A row at a place, and what it was when it was seen before.
    pub const fn new(
        mapping: &'a Mapping,
        key: &'a ImportKey,
        known: &'a Known,
        place: &'a Place,
        row: &'a Value,
        was: Option<&'a Value>,
    ) -> Self {
        Self {
            mapping,
            key,
            known,
            place,
            row,
            was,
            counted: RefCell::new(Ordinals::new()),
            locals: RefCell::new(Vec::new()),
            named: RefCell::new(BTreeMap::new()),
        }
    }

    /// A column, or a place inside one; null where there is none.
    pub fn column(&self, column: &str) -> Value {
        self.row.get(column).or_else(|| inside(self.row, column)).cloned().unwrap_or(Value::Null)
    }

    /// A name of the mapping: an element of a loop, a value of `let`, an id, or what is told about every row.
    ///
    /// # Errors
    ///
    /// Why the row is refused.
    pub fn name(&self, name: &str, path: Option<&str>) -> Result<Value, Refusal> {
        // A place inside is copied alone: an element of a loop may hold thousands.
        if let Some((_, value)) = self.locals.borrow().iter().rev().find(|(local, _)| local == name) {
            return Ok(place(value, path));
        }
        match name {
            "file" => return Ok(json!(*self.place.file)),
            "folder" => return Ok(json!(*self.place.folder)),
            "line" => return Ok(json!(self.place.line)),
            "row" => return Ok(json!(self.place.row)),
            "others" => return Ok(place(&self.others(), path)),
            "was" => return Ok(self.was.map_or(Value::Null, |was| place(was, path))),
            _ => {}
        }
        if let Some(value) = self.named.borrow().get(name) {
            return Ok(place(value, path));
        }
        let value = if let Some(node) = self.mapping.lets.get(name) {
            node.value(self)?
        } else if let Some(id) = self.mapping.ids.get(name) {
            let native = id.native.text(self)?;
            self.id(&id.source, &native)
        } else {
            Value::Null
        };
        let inside = place(&value, path);
        self.named.borrow_mut().insert(name.to_owned(), value);
        Ok(inside)
    }

    /// The id of what `source` calls `native`; null where that is empty.
    pub fn id(&self, source: &str, native: &str) -> Value {
        if native.is_empty() { Value::Null } else { json!(self.key.id(source, native)) }
    }

    /// Applies a filter.
    ///
    /// # Errors
    ///
    /// `DATE_UNREADABLE`, `AMOUNT_UNREADABLE`, `VALUE_NOT_IN_TABLE`.
    pub fn filter(&self, filter: &Filter, value: Value) -> Result<Value, Refusal> {
        let Some(text) = filter::text_of(&value) else { return Ok(filter.apply(Value::Null)) };
        match filter {
            Filter::Date(name) => filter::date(text.trim(), self.mapping.formats(name)),
            Filter::TryDate(name) => Ok(filter::date(text.trim(), self.mapping.formats(name)).unwrap_or(Value::Null)),
            Filter::Exact(currency) => filter::exact_amount(&text, currency, self.mapping.source.decimal),
            Filter::TryExact(currency) => {
                Ok(filter::exact_amount(&text, currency, self.mapping.source.decimal).unwrap_or(Value::Null))
            }
            Filter::Number => Ok(json!(filter::plain_number(&text, self.mapping.source.decimal))),
            Filter::Lookup(name) => {
                let found = self.mapping.lookup(name, &text);
                let what = || format!("{text:?} is not in the table {name:?}, which has no \"*\"");
                let found = found.ok_or_else(|| Refusal::new("VALUE_NOT_IN_TABLE", what()))?;
                Ok(if found.is_empty() { Value::Null } else { json!(found) })
            }
            Filter::Recall => Ok(self.known.get(&text).map_or(Value::Null, |value| json!(value))),
            _ => Ok(filter.apply(value)),
        }
    }

    /// Whether something is remembered under a text.
    pub fn remembers(&self, text: &str) -> bool {
        self.known.get(text).is_some()
    }

    /// The place of a text among those within another, from 1, in the order in which they were asked for.
    pub fn ordinal(&self, text: &str, within: &str) -> Value {
        if text.is_empty() || within.is_empty() {
            return Value::Null;
        }
        let known = self.known.ordinals.get(within);
        let mut counted = self.counted.borrow_mut();
        let known_len = known.map_or(0, Vec::len);
        let place = known.and_then(|texts| texts.iter().position(|one| one == text)).unwrap_or_else(|| {
            let texts = counted.entry(within.to_owned()).or_default();
            let place = texts.iter().position(|one| one == text).unwrap_or(texts.len());
            if place == texts.len() {
                texts.push(text.to_owned());
            }
            known_len + place
        });
        json!(place + 1)
    }

    /// The texts that were counted for this row and had no place before.
    pub fn counted(self) -> Ordinals {
        self.counted.into_inner()
    }

    /// Whether any of these columns is not what it was; true when the row was not seen before. A column that is not
    /// there is as an empty one.
    pub fn has_changed(&self, columns: &[String]) -> bool {
        let Some(was) = self.was else { return true };
        columns.iter().any(|column| filled(self.row.get(column)) != filled(was.get(column)))
    }

    /// Whether any column but these is not what it was.
    pub fn has_changed_besides(&self, columns: &[String]) -> bool {
        let names = |row: Option<&Value>| {
            row.and_then(Value::as_object)
                .map_or_else(Vec::new, |row| row.keys().filter(|name| !columns.contains(name)).cloned().collect())
        };
        self.has_changed(&names(Some(self.row))) || self.has_changed(&names(self.was))
    }

    /// The columns with something in them that the mapping does not name, each with its name.
    fn others(&self) -> Value {
        let source = &self.mapping.source;
        let named = |name: &String| source.columns.contains(name) || source.optional.contains(name);
        let columns = self.row.as_object().into_iter().flatten();
        columns
            .filter(|(name, value)| !named(name) && filled(Some(value)).is_some())
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect()
    }

    /// Does something with a name set to a value.
    pub fn with<T>(&self, name: &str, value: Value, act: impl FnOnce() -> T) -> T {
        self.locals.borrow_mut().push((name.to_owned(), value));
        let done = act();
        self.locals.borrow_mut().pop();
        done
    }
}

fn filled(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| filter::text_of(value).is_some())
}

fn place(value: &Value, path: Option<&str>) -> Value {
    match path {
        None => value.clone(),
        Some(path) => value.get(path).or_else(|| inside(value, path)).cloned().unwrap_or(Value::Null),
    }
}

fn inside<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, step| match value {
        Value::Array(elements) => elements.get(step.parse::<usize>().ok()?),
        _ => value.get(step),
    })
}
