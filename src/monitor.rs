//! Watching a log from outside: its checkpoint is fetched, held against the last one that was seen, and kept.
//!
//! Whoever runs this somewhere else than the log makes sure that the log that he sees is one log. It needs the log's public
//! key and its address; with the token of an auditor it also reads what was recorded since, and replays it.

mod kept;
mod leaves;

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::Serialize;
use thiserror::Error;

use crate::fetch::Client;
use crate::fetch::TiledError;
use crate::fetch::TiledLog;
use crate::log::Checkpoint;
use crate::log::Extensions;
use crate::log::Note;
use crate::log::Policy;
use crate::log::PolicyFault;
use crate::log::ProveError;
use crate::log::TreeHead;
use crate::log::Verified;
use crate::log::VerifierKey;
use crate::log::monitoring_path;
use crate::log::prove_consistency;
use crate::log::root_at;
use crate::log::verify_consistency;
use crate::publish::keep_note;
use crate::witness::keep_evidence;

pub use kept::KeptError;
pub use kept::KeptReplay;

/// What is watched, and by which rules.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The log's key. Its name is the origin.
    pub log: VerifierKey,
    /// Where it is served as files.
    pub url: String,
    /// Who must have cosigned it; none, and nobody is asked for. Without it, how fresh a checkpoint is cannot be told: a
    /// log that is idle writes nothing.
    pub policy: Option<Policy>,
    /// Seconds after which the quorum's cosignatures are too old: the longest delay of the log, and a margin.
    pub stale_s: u64,
    /// Where the last checkpoint is kept, how far the entries were replayed, and what shows a fault.
    pub state: PathBuf,
    /// Whether the entries are read and replayed.
    pub replayed: bool,
    /// The token of an auditor, where the log asks for one to give entries.
    pub token: Option<String>,
}

/// What is wrong with the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Alarm {
    /// Its checkpoint is of another log, or not signed by its key.
    WrongKey,
    /// Its checkpoint is smaller than one that it signed before.
    RolledBack,
    /// Its tree is not the one that it signed before, or does not continue it.
    Forked,
    /// What it serves as files does not lead to the root that it signed.
    FilesDiffer,
    /// An entry says another time than it can have been recorded at.
    BackDated,
    /// A seal commits to another map than the one of the entries before it: something is withheld from a history.
    Omission,
    /// An entry is not what the format has there.
    WrongEntries,
    /// Fewer witnesses cosigned it than the policy asks.
    NotWitnessed,
    /// The quorum's cosignatures are too old.
    Stale,
}

/// One alarm, in words, and what shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Raised {
    /// Which.
    pub alarm: Alarm,
    /// In words.
    pub why: String,
    /// The notes that show it, where they are kept.
    pub evidence: Option<PathBuf>,
}

/// What was seen at one look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Look {
    /// Which log.
    pub origin: String,
    /// Entries of its checkpoint; of none that is not signed by its key.
    pub size: Option<u64>,
    /// Of the last one that was kept before.
    pub before: Option<u64>,
    /// Witnesses of the policy that cosigned it.
    pub witnesses: Vec<String>,
    /// What is wrong; nothing, where it is empty.
    pub alarms: Vec<Raised>,
    /// Entries whose leaves are verified, since the log began.
    pub replayed: u64,
    /// Why the entries could not be replayed up to the checkpoint, where nothing is wrong with what could.
    pub unread: Option<String>,
    /// What nobody looks at here.
    pub not_looked_at: Option<&'static str>,
}

/// What is not looked at without entries.
const NO_ENTRIES: &str = "the entries, so neither their times, chain and sequences nor the maps that seals commit to";

/// Why it could not be looked.
#[derive(Debug, Error)]
pub enum LookError {
    /// The log cannot be had.
    #[error(transparent)]
    Tiled(#[from] TiledError),
    /// The state cannot be read or written.
    #[error("{}: {error}", file.display())]
    Io {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// What was kept is no checkpoint of that log. It is the monitor's memory: without it, a fork would go unseen.
    #[error("{}: {what}; find out what became of it before you remove it", file.display())]
    Kept {
        /// Which file.
        file: PathBuf,
        /// What is wrong.
        what: String,
    },
}

/// A checkpoint and its note.
type Signed = (Checkpoint, Note);

/// Looks once. `now_s` is Unix time in seconds.
///
/// # Errors
///
/// The log cannot be had, or the state cannot be used: nothing is known, and nothing changed.
pub fn look(watched: &Watched, client: &Client, now_s: u64) -> Result<Look, LookError> {
    let before = kept(watched)?;
    let tiled = TiledLog::new(client.clone(), &watched.url, watched.token.clone());
    let note = tiled.checkpoint()?;
    let mut look = Look {
        origin: watched.log.name().to_owned(),
        size: None,
        before: before.as_ref().map(|(checkpoint, _)| checkpoint.size),
        witnesses: Vec::new(),
        alarms: Vec::new(),
        replayed: 0,
        unread: None,
        not_looked_at: (!watched.replayed).then_some(NO_ENTRIES),
    };
    let checkpoint = match read(&watched.log, &note) {
        Ok(checkpoint) => checkpoint,
        Err(why) => {
            look.raise(watched, Alarm::WrongKey, why, before.as_ref(), &note);
            return Ok(look);
        }
    };
    look.size = Some(checkpoint.size);
    match continues(&tiled, before.as_ref().map(|(checkpoint, _)| checkpoint.head()), checkpoint.head())? {
        Ok(()) => {
            keep(watched, &note)?;
            if watched.replayed {
                look.replay(watched, &tiled, (&checkpoint, &note), before.as_ref(), now_s)?;
            }
        }
        Err((alarm, why)) => look.raise(watched, alarm, why, before.as_ref(), &note),
    }
    if let Some(policy) = &watched.policy {
        look.witnesses(watched, policy, &note, now_s);
    }
    Ok(look)
}

/// A checkpoint of a log that its key signed.
fn read(log: &VerifierKey, note: &Note) -> Result<Checkpoint, String> {
    let checkpoint = Checkpoint::parse(note.text(), Extensions::Kept).map_err(|fault| fault.to_string())?;
    if checkpoint.origin != log.name() {
        return Err(format!("the checkpoint is of {}", checkpoint.origin));
    }
    note.verify([log]).map_err(|fault| fault.to_string())?;
    Ok(checkpoint)
}

/// Whether a tree, as it is served, is the one that was signed, and continues the one before.
fn continues(
    tiled: &TiledLog,
    before: Option<TreeHead>,
    now: TreeHead,
) -> Result<Result<(), (Alarm, String)>, LookError> {
    let before = before.unwrap_or(TreeHead::EMPTY);
    if now.size < before.size {
        let why = format!("it has {} entries, and had signed {}", now.size, before.size);
        return Ok(Err((Alarm::RolledBack, why)));
    }
    if now.size == before.size {
        let why = || format!("over {} entries it signed root {} now, and {} before", now.size, now.root, before.root);
        return Ok(if now.root == before.root { Ok(()) } else { Err((Alarm::Forked, why())) });
    }
    let tree = tiled.tree(now.size);
    let served = root_at(&tree, now.size)?;
    if served != now.root {
        let why = format!("its files have root {served} over {} entries, and it signed {}", now.size, now.root);
        return Ok(Err((Alarm::FilesDiffer, why)));
    }
    if before.size == 0 {
        return Ok(Ok(()));
    }
    let proof = match prove_consistency(&tree, before.size, now.size) {
        Ok(proof) => proof,
        Err(ProveError::Nodes(error)) => return Err(error.into()),
        Err(error) => return Ok(Err((Alarm::Forked, error.to_string()))),
    };
    let verified = verify_consistency(before, now, &proof);
    Ok(verified.map_err(|fault| {
        (
            Alarm::Forked,
            format!("{} entries do not continue the {} that it signed before: {fault}", now.size, before.size),
        )
    }))
}

impl Look {
    /// Whether nothing is wrong.
    pub const fn is_good(&self) -> bool {
        self.alarms.is_empty()
    }

    fn raise(&mut self, watched: &Watched, alarm: Alarm, why: String, before: Option<&Signed>, note: &Note) {
        self.raise_with(watched, alarm, why, before, note, &[]);
    }

    /// With pieces of evidence beside the notes.
    fn raise_with(
        &mut self,
        watched: &Watched,
        alarm: Alarm,
        why: String,
        before: Option<&Signed>,
        note: &Note,
        more: &[(&str, &str)],
    ) {
        let held = before.map_or_else(String::new, |(_, note)| note.to_string());
        let now = note.to_string();
        let notes = [("the last checkpoint that was kept", held.as_str()), ("the checkpoint that is served", &now)];
        let pieces = [&notes, more].concat();
        let name = format!("{}-{}", alarm.name(), self.origin);
        let evidence = keep_evidence(&watched.state.join("evidence"), &name, &why, &pieces);
        if let Err(error) = &evidence {
            tracing::error!(%error, "the evidence could not be kept\n{held}\n{now}");
        }
        self.alarms.push(Raised { alarm, why, evidence: evidence.ok() });
    }

    /// Who cosigned, and when.
    fn witnesses(&mut self, watched: &Watched, policy: &Policy, note: &Note, now_s: u64) {
        let witnesses = policy.witnesses().map(|(_, witness)| &witness.key);
        let verified = match note.verify(witnesses.chain([&watched.log])) {
            Ok(verified) => verified,
            Err(fault) => return self.raise(watched, Alarm::WrongKey, fault.to_string(), None, note),
        };
        let cosigned: Vec<Verified<'_>> = verified.into_iter().filter(|one| one.time_s.is_some()).collect();
        self.witnesses = cosigned.iter().map(|one| one.key.name().to_owned()).collect();
        if let Err(fault) = policy.quorum(&cosigned) {
            return self.raise(watched, Alarm::NotWitnessed, fault.to_string(), None, note);
        }
        let is_fresh =
            |one: &&Verified<'_>| one.time_s.is_some_and(|time_s| time_s.saturating_add(watched.stale_s) >= now_s);
        let fresh: Vec<Verified<'_>> = cosigned.iter().filter(is_fresh).copied().collect();
        if let Err(PolicyFault::Quorum(_)) = policy.quorum(&fresh) {
            let newest = cosigned.iter().filter_map(|one| one.time_s).max().unwrap_or(0);
            let why = format!(
                "the quorum's cosignatures are older than {} s; the newest one is of {newest} s of Unix time",
                watched.stale_s
            );
            self.raise(watched, Alarm::Stale, why, None, note);
        }
    }
}

impl Alarm {
    /// As files are named after it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WrongKey => "wrong-key",
            Self::RolledBack => "rolled-back",
            Self::Forked => "forked",
            Self::FilesDiffer => "files-differ",
            Self::BackDated => "back-dated",
            Self::Omission => "omission",
            Self::WrongEntries => "wrong-entries",
            Self::NotWitnessed => "not-witnessed",
            Self::Stale => "stale",
        }
    }
}

impl From<ProveError<TiledError>> for LookError {
    fn from(error: ProveError<TiledError>) -> Self {
        match error {
            ProveError::Nodes(error) => error.into(),
            ProveError::IndexBeyondSize { index, .. } | ProveError::OldBeyondNew { old: index, .. } => {
                TiledError::Node { level: 0, index }.into()
            }
        }
    }
}

fn file_of(watched: &Watched) -> PathBuf {
    watched.state.join(monitoring_path(watched.log.name()).replace('/', "."))
}

impl From<KeptError> for LookError {
    fn from(KeptError { file, what }: KeptError) -> Self {
        Self::Kept { file, what }
    }
}

fn kept(watched: &Watched) -> Result<Option<Signed>, LookError> {
    let file = file_of(watched);
    let bytes = match fs::read(&file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LookError::Io { file, error }),
    };
    let read = Note::parse(&bytes).map_err(|fault| fault.to_string());
    let read = read.and_then(|note| Ok((self::read(&watched.log, &note)?, note)));
    read.map(Some).map_err(|what| LookError::Kept { file, what })
}

/// Durable when it returns: the new note takes the place of the old one, or the old one stays.
fn keep(watched: &Watched, note: &Note) -> Result<(), LookError> {
    let file = file_of(watched);
    keep_note(&file, note).map_err(|error| LookError::Io { file, error })
}
