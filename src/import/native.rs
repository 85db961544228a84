//! Native input: JSON Lines in the proto mapping. A line is one event,
//! `{"@type": "type.googleapis.com/probity.events.v1.CaseOpened", …}`, or a request,
//! `{"requestId": "…", "events": [ … ]}`, whose events are recorded together.
//!
//! A line without a request id gets one that is made from its events and from how often the same ones stood before it
//! in the input: two equal lines are two records, and the same file imported twice is one.

use std::collections::BTreeMap;

use prost_types::Any;
use serde_json::Value;
use uuid::Uuid;

use crate::import::error::Refusal;
use crate::import::event;
use crate::import::ids::ImportKey;
use crate::import::plan::Plan;
use crate::import::plan::Step;
use crate::import::source::Row;

/// A planner without a mapping.
#[derive(Debug)]
pub struct Native {
    key: ImportKey,
    /// How often the same events stood in the input so far, by the request id of the first time.
    times: BTreeMap<String, u64>,
}

impl Native {
    /// A planner that has seen nothing.
    pub const fn new(key: ImportKey) -> Self {
        Self { key, times: BTreeMap::new() }
    }

    /// Plans a line.
    pub fn row(&mut self, row: &Row) -> Plan {
        self.try_row(row).unwrap_or_else(Plan::Reject)
    }

    fn try_row(&mut self, row: &Row) -> Result<Plan, Refusal> {
        let mut line = row.content.clone()?;
        let (request_id, events) = match line.as_object_mut() {
            Some(object) if object.contains_key("events") => {
                let request_id = object.remove("requestId");
                let events = object.remove("events").expect("it is there");
                if let Some(other) = object.keys().next() {
                    let what = format!("{other:?} has no place beside \"requestId\" and \"events\"");
                    return Err(Refusal::new("REQUEST_INVALID", what));
                }
                (request_id, list(events)?)
            }
            _ => (None, vec![line]),
        };
        let events: Vec<Any> = events.into_iter().map(event::from_json).collect::<Result<_, _>>()?;
        let request_id = match request_id {
            None => self.next_id(&events),
            Some(written) => uuid(&written)?,
        };
        let request = event::request(request_id, events, Vec::new())?;
        Ok(Plan::Send(vec![Step { request, conflict_is_there: false }]))
    }

    fn next_id(&mut self, events: &[Any]) -> String {
        let first = event::request_id(&self.key, &["native"], events);
        let times = self.times.entry(first).or_default();
        *times += 1;
        event::request_id(&self.key, &["native", &times.to_string()], events)
    }
}

fn list(events: Value) -> Result<Vec<Value>, Refusal> {
    match events {
        Value::Array(events) if !events.is_empty() => Ok(events),
        _ => Err(Refusal::new("REQUEST_INVALID", "\"events\" is a list of at least one event")),
    }
}

fn uuid(written: &Value) -> Result<String, Refusal> {
    let id = written.as_str().and_then(|written| Uuid::try_parse(written).ok());
    let id = id.ok_or_else(|| Refusal::new("REQUEST_INVALID", "\"requestId\" is no UUID"))?;
    Ok(id.hyphenated().to_string())
}
