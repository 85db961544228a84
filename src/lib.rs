//! Probity keeps disciplinary records and asset declarations of public officials and bodies in a log that nobody,
//! its operator included, can change unseen.
//!
//! The log is the only truth. Everything else is a fold of it and can be thrown away.

pub mod access;
pub mod backup;
pub mod cli;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod domain;
pub mod events;
pub mod export;
pub mod fetch;
pub mod http;
pub mod import;
pub mod index;
pub mod keys;
pub mod ledger;
pub mod log;
pub mod manual;
pub mod monitor;
pub mod proto;
pub mod publish;
pub mod reload;
pub mod sequencer;
pub mod server;
pub mod service;
pub mod store;
pub mod telemetry;
pub mod tls;
pub mod verify;
pub mod views;
pub mod witness;
