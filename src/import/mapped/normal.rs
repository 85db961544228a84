//! A row as the mapping wants to see it: its columns by one name and its values in one spelling, whatever the edition.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::import::error::ImportError;
use crate::import::filter;
use crate::import::mapped::Mapped;
use crate::import::source::Place;
use crate::import::source::Rows;

impl Mapped {
    /// The columns of a file go by the mapping's names from here on.
    pub(super) fn rename(&mut self, rows: &mut Rows) -> Result<(), ImportError> {
        let source = &self.mapping.source;
        let mut names = BTreeSet::new();
        for column in rows.header.iter_mut().flatten() {
            if let Some(name) = source.aliases.name(column) {
                *column = name;
            }
            if !names.insert(column.clone()) {
                let (mapping, column) = (self.mapping.name.clone(), column.clone());
                return Err(ImportError::RepeatedColumn { mapping, column, input: rows.path().to_owned() });
            }
        }
        if rows.header.is_none() {
            names.extend(source.columns.iter().chain(&source.optional).cloned());
        }
        let spellings = |name: &String| {
            let about = source.spelling.iter().enumerate().filter(|(_, spelling)| spelling.is_about(name));
            about.map(|(place, _)| place).collect::<Vec<_>>()
        };
        let spelled = names.into_iter().map(|name| (spellings(&name), name));
        self.spelled = spelled.filter(|(places, _)| !places.is_empty()).map(|(places, name)| (name, places)).collect();
        Ok(())
    }

    /// The row with its white space squashed, its empty words emptied, and its columns in their names and spellings,
    /// where the mapping says so.
    pub(super) fn normal(&self, place: &Place, mut row: Value) -> Value {
        let source = &self.mapping.source;
        if source.squash || !source.nulls.is_empty() {
            self.normalize(&mut row);
        }
        if let Value::Object(columns) = &mut row {
            if !source.aliases.is_empty() {
                let names = std::mem::take(columns).into_iter();
                *columns = names.map(|(name, value)| (source.aliases.name(&name).unwrap_or(name), value)).collect();
            }
            for (name, places) in &self.spelled {
                if let Some(cell) = columns.get_mut(name) {
                    for number in places {
                        self.spell(place, *number, cell);
                    }
                }
            }
        }
        row
    }

    /// Brings a cell into a spelling; one that cannot be stays as it is.
    fn spell(&self, place: &Place, number: usize, cell: &mut Value) {
        let scope = self.scope(place, &Value::Null, None);
        let value = &self.mapping.source.spelling[number].value;
        if let Ok(spelled) = scope.with("cell", cell.clone(), || value.value(&scope))
            && filter::text_of(&spelled).is_some()
        {
            *cell = spelled;
        }
    }

    fn normalize(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if self.mapping.source.squash {
                    *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                }
                if self.mapping.source.nulls.contains(text) {
                    text.clear();
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.normalize(value)),
            Value::Object(fields) => fields.values_mut().for_each(|value| self.normalize(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}
