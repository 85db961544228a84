//! A witness: for each log the largest tree that it cosigned, and the rule by which there is a next one.
//!
//! ```text
//! <state>/lock                         held while the witness runs: two of them would cosign two trees
//! <state>/<SHA-256 of origin>/checkpoint   the last note that was cosigned, with our cosignature
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;

use thiserror::Error;

use crate::clock::Clock;
use crate::log::AddCheckpoint;
use crate::log::Checkpoint;
use crate::log::Extensions;
use crate::log::MalformedLine;
use crate::log::Note;
use crate::log::NoteSignature;
use crate::log::Policy;
use crate::log::PolicyKey;
use crate::log::SignatureType;
use crate::log::SignerKey;
use crate::log::TreeHead;
use crate::log::VerifierKey;
use crate::log::cosign;
use crate::log::monitoring_path;
use crate::log::verify_consistency;
use crate::store::failpoint;

/// Looks at the entries of a log before its checkpoint is cosigned.
pub trait Replay: Send + Sync + fmt::Debug {
    /// Whether the log's entries up to a checkpoint are what they must be: of a log with these keys, of which this was
    /// cosigned last, at this time (Unix time in seconds). It is asked with the log's lock held, and a refusal changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// What is wrong, or why it could not be looked at.
    fn replay(
        &self,
        log: &PolicyKey,
        keys: &[VerifierKey],
        checkpoint: &Checkpoint,
        seen: Option<&Seen>,
        now_s: u64,
    ) -> Result<(), Unreplayed>;
}

/// Why entries were not found good.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unreplayed {
    /// They are not what they must be.
    #[error("{0}")]
    Wrong(String),
    /// They could not be read; what they are is not known.
    #[error("{0}")]
    Unread(String),
}

/// What a witness answers to a request to cosign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// It continues what was seen: 200.
    Cosigned(NoteSignature),
    /// It is no request: 400.
    Malformed(MalformedLine),
    /// No key of the log signed it: 403.
    Untrusted(String),
    /// The log is unknown here: 404.
    UnknownLog,
    /// The last tree that was cosigned is of another size: 409, and which.
    Conflict(u64),
    /// It does not continue what was seen: 422.
    Inconsistent(String),
    /// Its entries are not what they must be: 403, since 422 would say that it was forked. Or they could not be read: 503,
    /// and the log asks again.
    NotReplayed(Unreplayed),
    /// What was cosigned could not be kept, so it is not told: 500.
    NotKept(String),
}

/// Why a witness cannot begin.
#[derive(Debug, Error)]
pub enum WitnessError {
    /// The state cannot be read or made.
    #[error("{}: {error}", file.display())]
    Io {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Another witness has it.
    #[error("{}: another witness runs on this state; two would cosign two trees", .0.display())]
    Locked(PathBuf),
    /// What was kept is no checkpoint of that log that this witness cosigned. Nothing is cosigned before somebody looked.
    #[error("{}: {what}; the witness does not know what it has cosigned: ask the log's monitors before removing it", file.display())]
    Damaged {
        /// Which file.
        file: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A policy without logs.
    #[error("the policy names no log")]
    NoLogs,
}

/// Cosigns logs.
#[derive(Debug)]
pub struct Witness {
    signer: SignerKey,
    clock: Clock,
    logs: BTreeMap<String, Log>,
    replay: Option<Box<dyn Replay>>,
    /// Held until the end.
    _lock: File,
}

#[derive(Debug)]
struct Log {
    keys: Vec<VerifierKey>,
    named: PolicyKey,
    folder: PathBuf,
    /// What was cosigned last. Held from the check to the answer, so that requests about one log come one after the other.
    last: Mutex<Option<Seen>>,
}

/// What was cosigned last of a log.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Which tree.
    pub head: TreeHead,
    /// When, Unix time in seconds.
    pub time_s: u64,
    note: Note,
}

impl Witness {
    /// A witness for the logs of a policy, on the state that it left.
    ///
    /// # Errors
    ///
    /// The state is another's, cannot be read, or is not what was left.
    pub fn open(
        signer: SignerKey,
        policy: &Policy,
        folder: &Path,
        clock: Clock,
        replay: Option<Box<dyn Replay>>,
    ) -> Result<Self, WitnessError> {
        if policy.logs().is_empty() {
            return Err(WitnessError::NoLogs);
        }
        let io = |file: &Path| {
            let file = file.to_owned();
            move |error| WitnessError::Io { file, error }
        };
        fs::create_dir_all(folder).map_err(io(folder))?;
        let path = folder.join("lock");
        let lock = File::create(&path).map_err(io(&path))?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => WitnessError::Locked(folder.to_owned()),
            fs::TryLockError::Error(error) => WitnessError::Io { file: path.clone(), error },
        })?;
        let mut logs: BTreeMap<String, Log> = BTreeMap::new();
        for named in policy.logs() {
            let origin = named.key.name().to_owned();
            if let Some(log) = logs.get_mut(&origin) {
                log.keys.push(named.key.clone());
                continue;
            }
            let path = folder.join(monitoring_path(&origin));
            let of_log = path.parent().expect("it has a folder").to_owned();
            fs::create_dir_all(&of_log).map_err(io(&of_log))?;
            sync(folder).map_err(io(folder))?;
            let last = read(&path, &origin, &signer)?;
            let keys = vec![named.key.clone()];
            logs.insert(origin, Log { keys, named: named.clone(), folder: of_log, last: Mutex::new(last) });
        }
        Ok(Self { signer, clock, logs, replay, _lock: lock })
    }

    /// With what its cosignatures are verified.
    pub fn key(&self) -> VerifierKey {
        self.signer.verifier(SignatureType::CosignatureV1)
    }

    /// The last checkpoint of a log that was cosigned, by the path of its monitoring.
    pub fn checkpoint(&self, path: &str) -> Option<String> {
        let log = self.logs.iter().find(|(origin, _)| monitoring_path(origin) == path)?.1;
        let last = log.last.lock().ok()?;
        last.as_ref().map(|seen| seen.note.to_string())
    }

    /// Cosigns what continues the last tree, after it is durable that it was the last.
    pub fn add_checkpoint(&self, body: &[u8]) -> Added {
        let request = match AddCheckpoint::parse(body) {
            Ok(request) => request,
            Err(fault) => return Added::Malformed(fault),
        };
        let Some(log) = self.logs.get(&request.checkpoint.origin) else { return Added::UnknownLog };
        let signed = match trusted(&request.note, &log.keys) {
            Ok(signed) => signed,
            Err(why) => return Added::Untrusted(why),
        };
        let time_s = self.clock.unix_ms() / 1000;
        // A thread that stopped with it in hand may have left anything: nothing more is cosigned for that log.
        let Ok(mut last) = log.last.lock() else { return Added::NotKept("an earlier request failed".to_owned()) };
        let seen = last.as_ref().map_or(TreeHead::EMPTY, |seen| seen.head);
        if request.old_size != seen.size {
            return Added::Conflict(seen.size);
        }
        if let Err(why) = continues(seen, &request) {
            tracing::error!(log = %request.checkpoint.origin, size = request.checkpoint.size, why, "not cosigned");
            return Added::Inconsistent(why);
        }
        if let Some(replay) = &self.replay
            && let Err(why) = replay.replay(&log.named, &log.keys, &request.checkpoint, last.as_ref(), time_s)
        {
            tracing::error!(log = %request.checkpoint.origin, size = request.checkpoint.size, %why, "not cosigned");
            return Added::NotReplayed(why);
        }
        // A crash here leaves the last tree as it was, and nobody has a cosignature of this one.
        failpoint::hit("witness-checked");
        let cosignature = cosign(request.note.text(), time_s, &self.signer);
        let kept = signed.into_iter().chain([cosignature.clone()]).collect();
        let note = match Note::new(request.note.text().to_owned(), kept) {
            Ok(note) => note,
            Err(fault) => return Added::Malformed(fault),
        };
        if let Err(error) = keep(&log.folder, &note) {
            // It may be kept or not. Nobody was told, so either is a good beginning for the next.
            tracing::error!(%error, log = %request.checkpoint.origin, "what was cosigned could not be kept");
            return Added::NotKept(error.to_string());
        }
        // A crash here leaves a tree that counts as cosigned, and the log asks again: the same is cosigned again.
        failpoint::hit("witness-kept");
        *last = Some(Seen { head: request.checkpoint.head(), time_s, note });
        Added::Cosigned(cosignature)
    }
}

/// The signatures of the log's keys.
fn trusted(note: &Note, keys: &[VerifierKey]) -> Result<Vec<NoteSignature>, String> {
    note.verify(keys).map_err(|fault| fault.to_string())?;
    let ours = |signature: &&NoteSignature| {
        keys.iter().any(|key| key.name() == signature.name() && key.id() == signature.id())
    };
    Ok(note.signatures().iter().filter(ours).cloned().collect())
}

/// Whether a request continues what was seen, of the size that it names.
fn continues(seen: TreeHead, request: &AddCheckpoint) -> Result<(), String> {
    let new = request.checkpoint.head();
    if new.size == 0 && new.root != TreeHead::EMPTY.root {
        return Err("a tree without leaves has another root".to_owned());
    }
    if seen.size == 0 {
        // Everything continues the empty tree, and no hash can show it.
        return if request.proof.is_empty() {
            Ok(())
        } else {
            Err("a proof from the empty tree has no hash".to_owned())
        };
    }
    verify_consistency(seen, new, &request.proof).map_err(|fault| fault.to_string())
}

/// Durable when it returns: the new note takes the place of the old one, or the old one stays.
fn keep(folder: &Path, note: &Note) -> io::Result<()> {
    let new = folder.join("checkpoint.new");
    let mut file = File::create(&new)?;
    file.write_all(note.to_string().as_bytes())?;
    file.sync_all()?;
    failpoint::hit("witness-written");
    fs::rename(&new, folder.join("checkpoint"))?;
    sync(folder)
}

fn read(path: &Path, origin: &str, signer: &SignerKey) -> Result<Option<Seen>, WitnessError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(WitnessError::Io { file: path.to_owned(), error }),
    };
    let damaged = |what: String| WitnessError::Damaged { file: path.to_owned(), what };
    let note = Note::parse(&bytes).map_err(|fault| damaged(fault.to_string()))?;
    let checkpoint = Checkpoint::parse(note.text(), Extensions::Kept).map_err(|fault| damaged(fault.to_string()))?;
    if checkpoint.origin != origin {
        return Err(damaged(format!("it is a checkpoint of {}", checkpoint.origin)));
    }
    // Whoever changed the file cannot have changed this.
    let key = signer.verifier(SignatureType::CosignatureV1);
    let verified = note.verify([&key]).map_err(|fault| damaged(fault.to_string()))?;
    let time_s = verified.iter().filter_map(|one| one.time_s).max().unwrap_or(0);
    Ok(Some(Seen { head: checkpoint.head(), time_s, note }))
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
