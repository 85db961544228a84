//! Cells that say where something stands, never what a sealed part holds.

use crate::export::cell;
use crate::export::cell::Cell;
use crate::proto::v1::PersonalPart;
use crate::proto::v1::Source;

pub(super) fn position(source: Option<&Source>) -> Cell {
    cell::optional(source.map(|source| source.position))
}

pub(super) fn recorded_at(source: Option<&Source>) -> Cell {
    cell::time(source.and_then(|source| source.recorded_at.as_ref()))
}

/// The entry that holds a sealed part; it is part 0 there.
pub(super) fn sealed_in(part: Option<&PersonalPart>) -> Cell {
    cell::optional(part.map(|part| part.position))
}

pub(super) fn erased_by(part: Option<&PersonalPart>) -> Cell {
    cell::optional(part.and_then(|part| part.erased_by))
}
