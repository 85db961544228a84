//! What an entry changes in streams in which it does not stand, and in the lists of what is to be done: the same when it
//! is planned and when it is read from the log.

use std::sync::Arc;

use crate::domain;
use crate::domain::Duty;
use crate::domain::State;
use crate::events::Event;
use crate::ledger::change::DutyRow;
use crate::ledger::change::ObjectRow;
use crate::ledger::overlay::Rows;
use crate::log::Id;
use crate::log::Key;

/// Rows of other streams, as they are after an event, and what is to be done there.
#[derive(Debug, Default)]
pub(super) struct Effects {
    pub(super) touched: Vec<(Key, ObjectRow)>,
    pub(super) duties: Vec<DutyRow>,
}

/// What an event at index `at` changes in streams in which it does not stand.
pub(super) fn effects<R: Rows>(event: &Event, at: u64, rows: &R) -> Result<Effects, R::Error> {
    let mut effects = Effects::default();
    let mut next = domain::touched(event).map(|(kind, id)| (kind.to_owned(), id.to_owned()));
    while let Some((kind, id)) = next.take() {
        let Ok(key) = Key::of_stream_id(&kind, &id) else { break };
        let Some(mut row) = rows.object(&key)? else { break };
        let Some(before) = row.state.take() else { break };
        if let Event::RecordVoided(voided) = event {
            if effects.touched.is_empty() {
                Arc::make_mut(row.voided.get_or_insert_default()).push(voided.target_position);
            }
            next = before.leads_to().map(|(kind, id)| (kind.to_owned(), id.to_string()));
        }
        let duty = before.duty();
        let after = Arc::new(domain::touch(Arc::unwrap_or_clone(before), event, at));
        let bits = Id::parse(&id).map(|id| id.0).unwrap_or_default();
        effects.duties.extend(duties(key, &kind, bits, duty, &after));
        row.state = Some(after);
        effects.touched.push((key, row));
    }
    Ok(effects)
}

/// How the list of what is to be done changes with the state of a stream.
pub(super) fn duties(stream: Key, kind: &str, id: u128, before: Option<Duty>, after: &State) -> Vec<DutyRow> {
    let after = after.duty();
    if before == after {
        return Vec::new();
    }
    let Some(kind) = known_kind(kind) else { return Vec::new() };
    let row = |duty: Duty| DutyRow { body: duty.body.bits(), due: duty.due, stream, kind, id, open: duty.open };
    let moved = before.filter(|before| after.is_none_or(|after| (after.body, after.due) != (before.body, before.due)));
    let gone = moved.map(|before| row(Duty { open: false, ..before }));
    gone.into_iter().chain(after.map(row)).collect()
}

/// Kinds of streams in which something is to be done by a day. Rows of the index hold their numbers: another is put at the
/// end.
pub const KINDS_WITH_DUTIES: [&str; 7] =
    ["appeal", "case", "obligation", "petition", "verification", "rights", "access"];

fn known_kind(kind: &str) -> Option<&'static str> {
    KINDS_WITH_DUTIES.into_iter().find(|known| *known == kind)
}
