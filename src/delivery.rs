//! Exports that are made by a service or go further than a folder: profiles of one's own, destinations behind a URL,
//! and due times.
//!
//! What is in an export is the business of [`export`](crate::export). Here is where it goes, when, and that what is
//! there is whole: every file of it is there before its manifest is, and an export without a manifest is none.

mod profiles;

pub use profiles::Profiles;
pub use profiles::ProfilesError;
