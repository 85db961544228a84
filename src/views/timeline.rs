//! What was recorded, entry by entry, in the order of recording.

use crate::log::Key;
use crate::log::Name;
use crate::proto::v1::TimelineEntry;
use crate::views::Recorded;
use crate::views::View;
use crate::views::changes;
use crate::views::known;

/// One line for each entry. `names` are the streams that the asker named or that are known otherwise: an erased
/// entry says only the key of its stream, and one of these names may be behind it.
pub fn timeline(names: &[Name], entries: &[Recorded], view: View) -> Vec<TimelineEntry> {
    let keys: Vec<(Key, &Name)> = names.iter().map(|name| (Key::of_stream(name), name)).collect();
    known(entries, view).map(|entry| line(&keys, entry)).collect()
}

fn line(keys: &[(Key, &Name)], entry: &Recorded) -> TimelineEntry {
    let context = entry.event().and_then(|event| event.context());
    let named = || keys.iter().find(|(key, _)| *key == entry.stream).map(|(_, name)| name.as_str().to_owned());
    TimelineEntry {
        source: Some(entry.source()),
        stream: entry.stream_name().or_else(named).unwrap_or_default(),
        occurred_on: context.and_then(|context| context.occurred_on),
        effective_on: context.and_then(|context| context.effective_on),
        erased_by: entry.erased_by(),
        target_position: changes::change(entry).target_position,
    }
}
