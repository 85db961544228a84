//! Exports that are made by a service or go further than a folder: profiles of one's own, destinations behind a URL,
//! and due times.
//!
//! What is in an export is the business of [`export`](crate::export). Here is where it goes, when, and that what is
//! there is whole: every file of it is there before its manifest is, and an export without a manifest is none.

mod destination;
mod jobs;
mod keeper;
mod make;
mod profiles;
mod schedule;
mod settings;

pub use destination::Destination;
pub use destination::DestinationError;
pub use jobs::Job;
pub use jobs::JobError;
pub use jobs::Jobs;
pub use jobs::Order;
pub use jobs::State;
pub use jobs::WAITING_MAX;
pub use keeper::Figures;
pub use keeper::KeepError;
pub use keeper::Keeper;
pub use keeper::Maker;
pub use keeper::Turn;
pub use make::MakeError;
pub use make::Progress;
pub use make::make;
pub use make::position_at;
pub use make::whole_request;
pub use profiles::Profiles;
pub use profiles::ProfilesError;
pub use schedule::Schedule;
pub use schedule::compact;
pub use schedule::parse_compact;
pub use settings::ExportSetting;
pub use settings::Kind;
pub use settings::Missed;
pub use settings::Planned;
pub use settings::SettingError;
pub use settings::plan;
