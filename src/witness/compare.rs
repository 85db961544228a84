//! The look at all witnesses before the writer begins: what they have seen must be here.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::fetch::Client;
use crate::log::Checkpoint;
use crate::log::Note;
use crate::log::Policy;
use crate::log::Root;
use crate::log::VerifierKey;
use crate::publish::Opened;
use crate::publish::Published;
use crate::witness::Contradiction;
use crate::witness::Following;
use crate::witness::client::keys_of;
use crate::witness::keep_evidence;
use crate::witness::submit;
use crate::witness::submit::Known;

/// How long the look may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the look before the start found, where nothing contradicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// At least one witness answered, and what it knows is here.
    Agrees,
    /// None answered: whether the log is whole is not known.
    NobodyAnswered,
}

/// What the look before the start needs to know of the log.
pub trait Ours: Sync {
    /// Its origin.
    fn origin(&self) -> &str;

    /// Keys that may have signed its checkpoints.
    fn keys(&self) -> Vec<VerifierKey>;

    /// The newest checkpoint that was kept.
    fn newest(&self) -> Option<&Note>;

    /// Its entries.
    fn size(&self) -> u64;

    /// The root over the first `size` of them; `None` where it cannot be had.
    fn root_at(&self, size: u64) -> Option<Root>;
}

impl Ours for Opened {
    fn origin(&self) -> &str {
        Self::origin(self)
    }

    fn keys(&self) -> Vec<VerifierKey> {
        Self::keys(self)
    }

    fn newest(&self) -> Option<&Note> {
        Self::newest(self)
    }

    fn size(&self) -> u64 {
        Self::size(self)
    }

    fn root_at(&self, size: u64) -> Option<Root> {
        Self::root_at(self, size).ok()
    }
}

/// Asks all witnesses at once what they know of a log that is about to be written.
///
/// # Errors
///
/// One of them knows more entries than are here, or others.
pub fn compare(ours: &dyn Ours, policy: &Policy, data: &Path) -> Result<Compared, Box<Contradiction>> {
    let client = Client::new(PATIENCE);
    let keys = ours.keys();
    let asked: Vec<_> = policy.witnesses().filter(|(_, at)| at.url.is_some()).collect();
    let known: Vec<(String, Known)> = thread::scope(|scope| {
        let talks: Vec<_> = asked
            .iter()
            .map(|(name, at)| {
                let (client, keys) = (&client, &keys);
                let talk = scope.spawn(move || submit::ask(client, at, ours.origin(), keys, ours.newest()));
                (name.to_string(), talk)
            })
            .collect();
        let told = |talk: thread::ScopedJoinHandle<'_, Known>| {
            talk.join().unwrap_or_else(|_| Known::Untold("asking it failed".to_owned()))
        };
        talks.into_iter().map(|(name, talk)| (name, told(talk))).collect()
    });
    let mut compared = if asked.is_empty() { Compared::Agrees } else { Compared::NobodyAnswered };
    for (name, known) in known {
        if let Some(found) = contradiction(ours, &name, &known, data) {
            return Err(Box::new(found));
        }
        match known {
            Known::Untold(why) => {
                tracing::warn!(witness = name, why, "a witness does not say what it knows of the log");
            }
            Known::Checkpoint(_) | Known::Size(_) => compared = Compared::Agrees,
        }
    }
    Ok(compared)
}

/// Whether what a witness knows contradicts the log.
pub(super) fn contradiction(ours: &dyn Ours, witness: &str, known: &Known, data: &Path) -> Option<Contradiction> {
    let witness = witness.to_owned();
    let size = ours.size();
    let (found, note) = match known {
        Known::Size(seen) if *seen > size => {
            (Contradiction::RolledBack { witness, seen: *seen, size, evidence: None }, None)
        }
        Known::Checkpoint(shown) if shown.0.size > size => {
            let seen = shown.0.size;
            (Contradiction::RolledBack { witness, seen, size, evidence: None }, Some(&shown.1))
        }
        Known::Checkpoint(shown) => {
            let Checkpoint { size, root, .. } = shown.0;
            let here = ours.root_at(size).filter(|here| *here != root)?;
            (Contradiction::Forked { witness, size, ours: here, theirs: Some(root), evidence: None }, Some(&shown.1))
        }
        Known::Size(_) | Known::Untold(_) => return None,
    };
    let newest = ours.newest().map_or_else(String::new, ToString::to_string);
    let theirs = note.map_or_else(|| format!("{known:?}\n"), ToString::to_string);
    Some(with_evidence(found, data, &newest, &theirs))
}

/// Keeps what shows it.
pub(super) fn with_evidence(found: Contradiction, data: &Path, ours: &str, theirs: &str) -> Contradiction {
    let (kind, size) = match &found {
        Contradiction::RolledBack { seen, .. } => ("rollback", seen),
        Contradiction::Forked { size, .. } => ("fork", size),
    };
    let name = format!("{kind}-{size}-{}", found.witness());
    let pieces = [("the log's newest checkpoint here", ours), ("what the witness has", theirs)];
    match keep_evidence(&data.join("checkpoints"), &name, &found.to_string(), &pieces) {
        Ok(file) => {
            tracing::error!(evidence = %file.display(), "FORK ALARM: {found}");
            found.with_evidence(file)
        }
        Err(error) => {
            tracing::error!(%error, "FORK ALARM, and the evidence could not be kept: {found}\n{ours}\n{theirs}");
            found
        }
    }
}

/// The log as it is while the writer is held.
pub(super) struct LogSeen<'r> {
    pub(super) with: &'r Following,
    pub(super) newest: Option<Arc<Published>>,
}

impl Ours for LogSeen<'_> {
    fn origin(&self) -> &str {
        &self.with.origin
    }

    fn keys(&self) -> Vec<VerifierKey> {
        keys_of(self.newest.as_deref(), &self.with.origin)
    }

    fn newest(&self) -> Option<&Note> {
        self.newest.as_ref().map(|newest| &newest.note)
    }

    fn size(&self) -> u64 {
        self.with.proofs.log_size()
    }

    fn root_at(&self, size: u64) -> Option<Root> {
        self.with.proofs.root_at(size).ok()
    }
}
