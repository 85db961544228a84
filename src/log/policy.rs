//! Whose word is enough for a checkpoint: the logs, the witnesses, and how many of whom (C2SP `tlog-policy`).

mod parse;

use std::fmt;

use thiserror::Error;

use crate::log::note::Note;
use crate::log::note::NoteFault;
use crate::log::note::Verified;
use crate::log::note::VerifierKey;

pub use parse::POLICY_BYTES_MAX;
pub use parse::PolicyError;
pub use parse::PolicyRule;

/// Which logs are believed, and with whose cosignatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<PolicyKey>,
    members: Vec<Member>,
    quorum: Quorum,
}

/// Who must have witnessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quorum {
    Nobody,
    Member(usize),
}

/// A log or witness of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyKey {
    /// Its key.
    pub key: VerifierKey,
    /// Where it is asked.
    pub url: Option<String>,
}

/// A witness or group. A group's members stand before it, and each member is in one group.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Member {
    name: MemberName,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Witness(Box<PolicyKey>),
    Group { wanted: usize, members: Vec<usize> },
}

/// The name of a witness or group: bytes, of which the policy alone knows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemberName(Vec<u8>);

/// What a policy found in a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Satisfied<'p> {
    /// Good signatures of its logs.
    pub logs: Vec<Verified<'p>>,
    /// Good cosignatures of its witnesses, also of those that the quorum does not need.
    pub witnesses: Vec<Verified<'p>>,
}

/// Why a policy is not satisfied.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PolicyFault {
    /// A signature is not good, or none is of a log of the policy.
    #[error(transparent)]
    Note(#[from] NoteFault),
    /// No log of the policy signed.
    #[error("no log of the policy signed it")]
    Log,
    /// A log signed in the name of another.
    #[error("the log that signed it is not the one of its first line")]
    Origin,
    /// Too few witnesses.
    #[error("not witnessed as the policy asks: {}", words(.0))]
    Quorum(Vec<Lacking>),
}

/// A witness or group that did not witness, and who in it did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// Its name.
    pub name: MemberName,
    /// How many of its members witnessed; 0 for a witness.
    pub found: usize,
    /// How many had to; 1 for a witness.
    pub wanted: usize,
    /// Its members that did not; empty for a witness.
    pub without: Vec<MemberName>,
}

impl Policy {
    /// The logs that are believed. An empty list believes none: the log is then known from elsewhere.
    pub fn logs(&self) -> &[PolicyKey] {
        &self.logs
    }

    /// All witnesses, also those that the quorum does not name, in the order of their lines.
    pub fn witnesses(&self) -> impl Iterator<Item = (&MemberName, &PolicyKey)> {
        self.members.iter().filter_map(|member| match &member.what {
            What::Witness(witness) => Some((&member.name, &**witness)),
            What::Group { .. } => None,
        })
    }

    /// Whether a checkpoint is signed by a log of the policy in its own name, and cosigned as the quorum asks.
    ///
    /// # Errors
    ///
    /// It is not, or a signature of a known key is not good.
    pub fn check(&self, note: &Note) -> Result<Satisfied<'_>, PolicyFault> {
        let keys = self.logs.iter().map(|log| &log.key);
        self.check_with(note, keys)
    }

    /// As [`Policy::check`], where the keys of the log are known from elsewhere: for a policy without logs, or a log
    /// whose keys have changed since.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn check_with<'p>(
        &'p self,
        note: &Note,
        logs: impl IntoIterator<Item = &'p VerifierKey>,
    ) -> Result<Satisfied<'p>, PolicyFault> {
        let logs: Vec<&VerifierKey> = logs.into_iter().collect();
        let witnesses = self.witnesses().map(|(_, witness)| &witness.key);
        let verified = note.verify(logs.iter().copied().chain(witnesses))?;
        let is_log = |one: &Verified<'_>| logs.contains(&one.key);
        let (mut logs, witnesses): (Vec<_>, Vec<_>) = verified.into_iter().partition(is_log);
        if logs.is_empty() {
            return Err(PolicyFault::Log);
        }
        let origin = note.text().lines().next().unwrap_or_default();
        logs.retain(|log| log.key.name() == origin);
        if logs.is_empty() {
            return Err(PolicyFault::Origin);
        }
        self.quorum(&witnesses)?;
        Ok(Satisfied { logs, witnesses })
    }

    /// Whether good cosignatures are as many as the quorum asks.
    ///
    /// # Errors
    ///
    /// Who is missing.
    pub fn quorum(&self, verified: &[Verified<'_>]) -> Result<(), PolicyFault> {
        let Quorum::Member(quorum) = self.quorum else { return Ok(()) };
        // What a group names stands before it, so one pass is enough, however deep they are.
        let mut witnessed: Vec<bool> = Vec::with_capacity(self.members.len());
        for member in &self.members {
            witnessed.push(match &member.what {
                What::Witness(witness) => verified.iter().any(|one| *one.key == witness.key),
                What::Group { wanted, members } => members.iter().filter(|at| witnessed[**at]).count() >= *wanted,
            });
        }
        if witnessed[quorum] { Ok(()) } else { Err(PolicyFault::Quorum(self.lacking(quorum, &witnessed))) }
    }

    /// What did not witness, from the quorum down.
    fn lacking(&self, quorum: usize, witnessed: &[bool]) -> Vec<Lacking> {
        let mut lacking = Vec::new();
        let mut to_tell = vec![quorum];
        while let Some(at) = to_tell.pop() {
            let Member { name, what } = &self.members[at];
            let name = name.clone();
            lacking.push(match what {
                What::Witness(_) => Lacking { name, found: 0, wanted: 1, without: Vec::new() },
                What::Group { wanted, members } => {
                    let without: Vec<usize> = members.iter().copied().filter(|at| !witnessed[*at]).collect();
                    let groups =
                        without.iter().copied().filter(|at| matches!(self.members[*at].what, What::Group { .. }));
                    to_tell.extend(groups);
                    let found = members.len() - without.len();
                    let without = without.into_iter().map(|at| self.members[at].name.clone()).collect();
                    Lacking { name, found, wanted: *wanted, without }
                }
            });
        }
        lacking
    }
}

fn words(lacking: &[Lacking]) -> String {
    lacking.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.without.is_empty() {
            return write!(f, "{} did not", self.name);
        }
        let without: Vec<String> = self.without.iter().map(ToString::to_string).collect();
        write!(f, "{} has {} of {}, without {}", self.name, self.found, self.wanted, without.join(", "))
    }
}

impl MemberName {
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for MemberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for MemberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemberName({self})")
    }
}

#[cfg(test)]
mod tests;
