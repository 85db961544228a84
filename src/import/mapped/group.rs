//! Rows of a file that are one record together: the goods of one declaration, for example.
//!
//! A record that lacks a row would say something that nobody said. So one bad row refuses those that have its key, and
//! a row whose key cannot be read refuses all records of its file: it could be of any.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Map;
use serde_json::Value;

use crate::import::error::Refusal;
use crate::import::mapped::Mapped;
use crate::import::plan::Plan;
use crate::import::snapshots;
use crate::import::source::Row;

/// What a row is to the groups of its file.
enum Member {
    /// One of the rows of a record.
    Of(String, Value),
    /// Passed over.
    Skipped(String),
    /// Refused; the key of the record that it is of, if that can be read.
    Refused(Option<String>, Refusal),
}

#[derive(Default)]
struct Group {
    rows: Vec<(Row, Value)>,
    /// Digests of them, for finding those that stand repeatedly.
    digests: BTreeSet<[u8; 32]>,
    /// Whether a row of it is refused.
    is_short: bool,
}

impl Mapped {
    /// Plans all rows of a file, those of one record together; each row is in one of the plans.
    pub fn group(&mut self, rows: Vec<Row>) -> Vec<(Vec<Row>, Plan)> {
        let mut plans = Vec::new();
        let mut groups: Vec<Group> = Vec::new();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut of_none = false;
        for mut row in rows {
            let mut place = |key: String, groups: &mut Vec<Group>| {
                *places.entry(key).or_insert_with(|| {
                    groups.push(Group::default());
                    groups.len() - 1
                })
            };
            match self.member(&mut row) {
                Member::Of(key, content) => {
                    let ignore = self.mapping.group.as_ref().map_or(&[][..], |group| group.ignore.as_slice());
                    let digest = snapshots::digest(&content, &[], ignore);
                    let place = place(key, &mut groups);
                    if self.mapping.snapshots.is_some() && !groups[place].digests.insert(digest) {
                        plans.push((vec![row], Plan::Skip("repeated".to_owned())));
                    } else {
                        groups[place].rows.push((row, content));
                    }
                }
                Member::Skipped(reason) => plans.push((vec![row], Plan::Skip(reason))),
                Member::Refused(key, refusal) => {
                    match key {
                        Some(key) => {
                            let place = place(key, &mut groups);
                            groups[place].is_short = true;
                        }
                        None => of_none = true,
                    }
                    plans.push((vec![row], Plan::Reject(refusal)));
                }
            }
        }
        for group in groups.into_iter().filter(|group| !group.rows.is_empty()) {
            let plan = if group.is_short {
                Plan::Reject(Refusal::new("GROUP_INCOMPLETE", "another row of the same record is refused"))
            } else if of_none {
                let what = "a row of this file is refused, and it cannot be told whether it is of this record";
                Plan::Reject(Refusal::new("GROUP_INCOMPLETE", what))
            } else {
                self.together(&group.rows).unwrap_or_else(Plan::Reject)
            };
            plans.push((group.rows.into_iter().map(|(row, _)| row).collect(), plan));
        }
        plans
    }

    /// Takes the columns out of a row: a file is held in memory, and need not be so twice.
    fn member(&self, row: &mut Row) -> Member {
        let content = std::mem::replace(&mut row.content, Ok(Value::Null));
        let key_of = |content: &Value| self.key_of(&self.mapping.record.key, &row.place, content);
        let content = match content {
            Ok(content) => self.normal(&row.place, content),
            Err(refusal) => {
                let readable = self.normal(&row.place, row.readable.clone());
                return Member::Refused(key_of(&readable).ok(), refusal);
            }
        };
        match self.skipped(&row.place, &content) {
            Ok(Some(reason)) => return Member::Skipped(reason),
            Ok(None) => {}
            Err(refusal) => return Member::Refused(key_of(&content).ok(), refusal),
        }
        match (key_of(&content), self.complete(&content)) {
            (Ok(key), Ok(())) => Member::Of(key, content),
            (Ok(key), Err(refusal)) => Member::Refused(Some(key), refusal),
            (Err(refusal), _) => Member::Refused(None, refusal),
        }
    }

    /// Plans the rows of one record: what they have in common, and all of them in a column.
    fn together(&mut self, rows: &[(Row, Value)]) -> Result<Plan, Refusal> {
        let group = self.mapping.group.clone().expect("rows are put together only where the mapping says so");
        let mut sorted = Vec::with_capacity(rows.len());
        for (row, content) in rows {
            let scope = self.scope(&row.place, content, None);
            let by: Result<Vec<String>, Refusal> = group.order.iter().map(|template| template.text(&scope)).collect();
            sorted.push((by.map_err(|refusal| refusal.within("group.order"))?, content.clone()));
        }
        sorted.sort_by(|(left, _), (right, _)| left.cmp(right));
        let (first, content) = &rows[0];
        let in_common = |(name, value): &(&String, &Value)| rows.iter().all(|(_, row)| row.get(name) == Some(value));
        let columns = content.as_object().into_iter().flatten().filter(in_common);
        let mut whole: Map<String, Value> = columns.map(|(name, value)| (name.clone(), value.clone())).collect();
        whole.insert(group.rows, sorted.into_iter().map(|(_, content)| content).collect());
        let (whole, mut row) = (Value::Object(whole), first.clone());
        row.bytes = rows.iter().map(|(row, _)| row.bytes.as_slice()).collect::<Vec<_>>().join(&b'\n');
        let key = self.key_of(&self.mapping.record.key, &row.place, &whole)?;
        self.put(&row, &whole, &whole, &key)
    }
}
