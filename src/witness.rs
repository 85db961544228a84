//! Witnesses: those that cosign our log, and the one that we are for others (C2SP `tlog-witness`).
//!
//! A witness cosigns what continues the largest tree that it saw of a log, and nothing else. So whoever has its
//! cosignature knows that everybody else who asks for it sees the same log.

mod client;
mod compare;
mod evidence;
mod history;
mod key;
mod peer;
mod policy;
mod replay;
mod server;
mod state;
mod submit;

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::log::Policy;
use crate::log::Root;

pub use client::Following;
pub use client::PeerFigures;
pub use client::State;
pub use client::Witnessing;
pub use compare::Compared;
pub use compare::Ours;
pub use compare::compare;
pub use evidence::keep_evidence;
pub use key::KeyFileError;
pub use key::make_key;
pub use key::read_key;
pub use policy::PolicyFileError;
pub use policy::PolicyFileFault;
pub use policy::read_policy;
pub use replay::Replaying;
pub use server::pages;
pub use state::Added;
pub use state::Replay;
pub use state::Seen;
pub use state::Unreplayed;
pub use state::Witness;
pub use state::WitnessError;

/// What becomes of appends while no quorum of witnesses cosigns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WitnessFail {
    /// They go on.
    #[default]
    Open,
    /// They are refused once the quorum's last cosignature is older than the longest delay of the log, until it cosigns
    /// again.
    Closed,
}

/// How a log is witnessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessOptions {
    /// Who cosigns, and how many of whom.
    pub policy: Policy,
    /// What becomes of appends while they do not.
    pub fail: WitnessFail,
    /// How often a log that does not grow has itself cosigned again; none, and it is the longest delay of the log.
    pub again: Option<Duration>,
    /// How long nothing is written after a start at which no witness answers.
    pub wait: Duration,
    /// Whether the log is written after that.
    pub start_without: bool,
}

/// What a witness knows of a log that the log does not: it lost entries, or has others.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Contradiction {
    /// The witness has seen a larger tree.
    #[error(
        "witness {witness} has seen {seen} entries of this log, and {size} are here: never write to it again; restore a backup that reaches {seen}, or open a successor with `probity successor`"
    )]
    RolledBack {
        /// Which witness.
        witness: String,
        /// Entries that it saw.
        seen: u64,
        /// Entries that are here.
        size: u64,
        /// Where the two notes lie.
        evidence: Option<PathBuf>,
    },
    /// The witness has seen another tree.
    #[error(
        "witness {witness} has seen other entries below {size} of this log{}: never write to it again; two services may run with one key; see `probity successor`", roots(*ours, *theirs)
    )]
    Forked {
        /// Which witness.
        witness: String,
        /// Size at which, or below which, they part.
        size: u64,
        /// Root here.
        ours: Root,
        /// Root there, where the witness could show it.
        theirs: Option<Root>,
        /// Where the two notes lie.
        evidence: Option<PathBuf>,
    },
}

fn roots(ours: Root, theirs: Option<Root>) -> String {
    theirs.map_or_else(String::new, |theirs| format!(": root {theirs} there, {ours} here"))
}

impl Contradiction {
    /// Which witness says so.
    pub fn witness(&self) -> &str {
        match self {
            Self::RolledBack { witness, .. } | Self::Forked { witness, .. } => witness,
        }
    }
}
