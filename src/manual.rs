//! The manual, page by page, as it stands beside the code.

#[doc = include_str!("manual/operations.md")]
pub mod operations {}

#[doc = include_str!("manual/access.md")]
pub mod access {}

#[doc = include_str!("manual/import.md")]
pub mod import {}

#[doc = include_str!("manual/proofs.md")]
pub mod proofs {}

#[doc = include_str!("manual/foreign-tools.md")]
pub mod foreign_tools {}

#[doc = "A verifier of proofs that shares no code with this one:\n\n```python"]
#[doc = include_str!("manual/verify_proof.py")]
#[doc = "```"]
pub mod verify_proof {}

#[doc = include_str!("manual/keys.md")]
pub mod keys {}

#[doc = include_str!("manual/erasure.md")]
pub mod erasure {}

#[doc = include_str!("manual/errors.md")]
pub mod errors {}

#[doc = include_str!("manual/alarms.md")]
pub mod alarms {}

#[doc = include_str!("manual/witnesses.md")]
pub mod witnesses {}

#[doc = include_str!("manual/subject.md")]
pub mod subject {}

#[doc = include_str!("manual/threats.md")]
pub mod threats {}
