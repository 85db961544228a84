//! Where in a mapping's text a key stands, so that a mistake is told with its line.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;
use toml::de::DeValue;

#[cfg(test)]
mod tests;

/// The line, from 1, of a text at a key such as `events[2].fields.case_id`: where the text stands first, from there on
/// where the key is, or as much of the key as there is. Where the text is not found, the line of that.
pub(super) fn line_of(text: &str, key: &str, needle: &str) -> usize {
    let place = place(text, key).unwrap_or(0..text.len());
    let within = |range: Range<usize>| Some(range.start + text.get(range)?.find(needle)?);
    let found = within(place.clone()).or_else(|| within(place.start..text.len()));
    let offset = found.filter(|_| !needle.is_empty()).unwrap_or(place.start);
    text[..offset].matches('\n').count() + 1
}

/// The line, from 1, of a key, or of as much of it as there is.
pub(super) fn line_at(text: &str, key: &str) -> Option<usize> {
    place(text, key).map(|place| text[..place.start].matches('\n').count() + 1)
}

/// The bytes of the deepest thing that a key leads to.
fn place(text: &str, key: &str) -> Option<Range<usize>> {
    let table = DeTable::parse(text).ok()?.into_inner();
    let mut steps = key.split('.').flat_map(|step| step.split('[').map(|step| step.trim_end_matches(']')));
    let (name, mut value) = table.get_key_value(steps.next()?)?;
    let mut place = span(name, value);
    for step in steps {
        let inner = match value.get_ref() {
            DeValue::Table(table) => table.get_key_value(step).map(|(name, value)| (span(name, value), value)),
            DeValue::Array(elements) => {
                step.parse::<usize>().ok().and_then(|number| elements.get(number)).map(|value| (value.span(), value))
            }
            _ => None,
        };
        let Some(inner) = inner else { break };
        (place, value) = inner;
    }
    Some(place)
}

/// From the name to the end of the value. A table with a heading of its own may span that alone.
fn span<K>(name: &Spanned<K>, value: &Spanned<DeValue<'_>>) -> Range<usize> {
    let (name, value) = (name.span(), value.span());
    name.start.min(value.start)..name.end.max(value.end)
}
