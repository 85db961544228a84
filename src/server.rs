//! gRPC: one file per service; the only place that sees requests and domain together.

pub mod access_service;
mod accesses;
mod acknowledged;
pub mod admin_service;
mod appends;
mod arriving;
mod calls;
pub mod codec;
pub mod convert;
mod erasures;
pub mod errors;
pub mod export_service;
mod figures;
mod gate;
pub mod ledger_service;
mod own_log;
pub mod proof_service;
pub mod read;
pub mod record_service;
mod run;
pub mod services;
mod sight;
mod subscribe;
mod unread;
mod writes;

pub use accesses::EVERYBODY;
pub use run::Running;
pub use run::ServeError;
pub use run::Settings;
pub use run::serve;
pub use run::serve_behind;
pub use run::serve_recording;
pub use run::serve_with_exports;
