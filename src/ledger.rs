//! Where domain and log meet: prepare, plan, apply, replay. The whole service as a value.
//!
//! ```text
//! Request ─prepare→ Prepared ─plan→ Planned (entries, changes, receipt) ─store→ durable ─apply→ rows
//!                                                     stored entry ─replay→ changes ─apply→ rows
//! ```
//!
//! A *prepared* request is well-formed: checked against the shapes and the domain, its personal parts sealed, its
//! manifests written. A *planned* one is allowed by the rules and has places, times and hashes; nothing has happened.
//! What indexes learn of an entry is the same whether it was just planned or is read from the log.

mod change;
mod client;
mod digests;
mod effects;
mod overlay;
mod plan;
mod precondition;
mod prepare;
mod refusal;
mod repeat;
mod replay;

pub use change::Change;
pub use change::DutyRow;
pub use change::ErasedParts;
pub use change::HistoryKey;
pub use change::ObjectRow;
pub use change::Opened;
pub use change::request_token;
pub use client::CIPHERTEXT_BYTES_MIN;
pub use client::ClientPart;
pub use client::ClientSealed;
pub use client::SEALED_IDENTITY;
pub use client::SealedFault;
pub use client::Unchecked;
pub use client::client_key;
pub use client::seal_by_client;
pub use digests::ByDigest;
pub use digests::FirstBytes;
pub use effects::KINDS_WITH_DUTIES;
pub use overlay::Layered;
pub use overlay::Overlay;
pub use overlay::Rows;
pub use plan::CLOCK_BEHIND_MAX_MS;
pub use plan::Clamped;
pub use plan::Head;
pub use plan::PlanError;
pub use plan::Planned;
pub use plan::Recall;
pub use plan::Recalled;
pub use plan::Receipt;
pub use plan::plan;
pub use plan::recorded_at;
pub use precondition::Condition;
pub use precondition::Expected;
pub use precondition::History;
pub use precondition::NoMatchingEvents;
pub use precondition::Violation;
pub use prepare::EVENT_BYTES_MAX;
pub use prepare::Losing;
pub use prepare::PartContent;
pub use prepare::Prepared;
pub use prepare::PreparedEvent;
pub use prepare::Proposed;
pub use prepare::REQUEST_BYTES_MAX;
pub use prepare::Request;
pub use prepare::SealingKey;
pub use prepare::Vault;
pub use prepare::VaultError;
pub use prepare::accesses_of;
pub use prepare::native_ids;
pub use prepare::prepare;
pub use prepare::prepare_erasures;
pub use refusal::Refusal;
pub use repeat::ContentChecked;
pub use repeat::compare;
pub use replay::ReplayError;
pub use replay::content_of;
pub use replay::recalled;
pub use replay::replay;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
