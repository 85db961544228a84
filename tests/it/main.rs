//! What Probity promises, seen from outside: the house, its protos, and whatever a client can see.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod access;
mod adversaries;
mod backup;
mod bad_input;
mod clients;
mod completions;
mod crash;
mod demo;
mod doctor;
mod erasure;
mod export;
mod first_try;
mod hostile_bytes;
mod http;
mod import;
mod manual;
mod metrics;
mod parsers;
mod power;
mod proofs;
mod proto_breaking;
mod proto_lint;
mod protos;
mod publish;
mod queries;
mod service;
mod slice;
mod telemetry;
mod terminal;
mod tidy;
mod tls;
mod vectors;
mod vectors_notes;
mod views;
mod witness;
