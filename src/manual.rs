//! The manual, page by page, as it stands beside the code.

#[doc = include_str!("manual/operations.md")]
pub mod operations {}

#[doc = include_str!("manual/import.md")]
pub mod import {}

#[doc = include_str!("manual/errors.md")]
pub mod errors {}

#[doc = include_str!("manual/alarms.md")]
pub mod alarms {}

#[doc = include_str!("manual/witnesses.md")]
pub mod witnesses {}
