//! What went wrong, in words for whoever typed: an error with its causes, and what a service answered; each thing once.

use std::error::Error;

use tonic::Status;
use tonic_types::StatusExt as _;

/// An error and what caused it.
pub(super) fn causes(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        add(&mut words, ": ", &cause.to_string());
        source = cause.source();
    }
    words
}

/// What a service answered instead of an answer: its message, the fields that are wrong, and the reason.
pub(super) fn answer(status: &Status) -> String {
    let mut words = status.message().to_owned();
    for violation in status.get_details_bad_request().iter().flat_map(|bad| &bad.field_violations) {
        // The message says of the first what is wrong, with or without where.
        if !words.contains(&violation.description) {
            add(&mut words, "; ", &format!("{}: {}", violation.field, violation.description));
        }
    }
    match status.get_details_error_info() {
        Some(info) => format!("{words} ({})", info.reason),
        None => format!("{words} ({:?})", status.code()),
    }
}

/// Adds what was not said before. Where the end of what was said begins what follows, as in `transport error: refused` and
/// `refused: by the other side`, that is said once.
fn add(words: &mut String, between: &str, more: &str) {
    if words.contains(more) {
        return;
    }
    let places = words.match_indices(between).map(|(place, _)| place + between.len()).chain([0]);
    match places.filter(|place| more.starts_with(&words[*place..])).min() {
        Some(place) => words.truncate(place),
        None => words.push_str(between),
    }
    words.push_str(more);
}

#[cfg(test)]
mod tests;
