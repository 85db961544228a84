//! Checkpoints that are held: by the log itself, beside its ledger, or by whoever verifies it.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::log::Checkpoint;
use crate::log::Extensions;
use crate::log::Note;
use crate::log::Policy;
use crate::log::PublicKey;
use crate::log::SignatureType;
use crate::log::VerifierKey;
use crate::publish::keep_note;
use crate::verify::HeldHead;
use crate::verify::Pieces;
use crate::verify::Report;
use crate::verify::Trust;
use crate::verify::Unreadable;
use crate::verify::verify_checkpoint;
use crate::witness::read_policy;

/// Files in which a data folder keeps what was published, and a backup what was published when it was made.
const KEPT: [&str; 3] = [NEWEST, "checkpoints/witnessed", COPIED];

/// In a data folder.
const NEWEST: &str = "checkpoints/newest";

/// In a data folder, by their days.
const COSIGNED: &str = "checkpoints/cosigned";

/// In a backup.
const COPIED: &str = "checkpoint";

/// Checkpoints, and whose word on them counts.
pub(in crate::cli) struct Held {
    /// Each with where it was found.
    notes: Vec<(String, Note)>,
    heads: Vec<HeldHead>,
    key: Option<VerifierKey>,
    policy: Option<Policy>,
}

impl Held {
    /// Reads what was named, and what a data folder or backup keeps.
    pub(in crate::cli) fn read(
        files: &[PathBuf],
        folder: Option<&Path>,
        key: Option<VerifierKey>,
        policy: Option<&Path>,
    ) -> Result<Self, Unreadable> {
        let read = |file| read_policy(file).map_err(|error| Unreadable { damaged: false, what: error.to_string() });
        let policy = policy.map(read).transpose()?;
        let kept =
            folder.into_iter().flat_map(|folder| KEPT.map(|file| folder.join(file))).filter(|file| file.exists());
        let cosigned = folder.map(cosigned_in).transpose()?.unwrap_or_default();
        let mut held = Self { notes: Vec::new(), heads: Vec::new(), key, policy };
        for file in files.iter().cloned().chain(kept).chain(cosigned) {
            let bytes = fs::read(&file).map_err(|error| of_io(&file, &error))?;
            let note = Note::parse(&bytes).map_err(|error| damaged(&file, error))?;
            held.add(file.display().to_string(), note)?;
        }
        Ok(held)
    }

    /// Holds one more, that was found at a place; gives what it says.
    pub(in crate::cli) fn add(&mut self, place: String, note: Note) -> Result<Checkpoint, Unreadable> {
        let checkpoint =
            Checkpoint::parse(note.text(), Extensions::Refused).map_err(|error| damaged(Path::new(&place), error))?;
        let cosigned_s = self.cosigned_s(&note);
        self.heads.push(HeldHead { head: checkpoint.head(), cosigned_s });
        self.notes.push((place, note));
        Ok(checkpoint)
    }

    pub(in crate::cli) fn heads(&self) -> &[HeldHead] {
        &self.heads
    }

    /// When witnesses of the policy cosigned a checkpoint.
    fn cosigned_s(&self, note: &Note) -> Vec<u64> {
        let witnesses = self.policy.iter().flat_map(|policy| policy.witnesses().map(|(_, witness)| &witness.key));
        note.verify(witnesses).map(|good| good.into_iter().filter_map(|one| one.time_s).collect()).unwrap_or_default()
    }

    /// Step 1, once the log has said which keys were in force: in words, and whether it is good.
    pub(in crate::cli) fn judge(&self, report: &Report) -> Vec<(String, bool)> {
        let mut said = Vec::new();
        let hashes = report.pieces == Pieces::Hashes;
        if let Some(key) = self.key.as_ref().filter(|_| !hashes) {
            let named = key.name() == report.origin && report.keys.is_known(key.public_key().as_bytes());
            let words = if named {
                "key       the log is that of the key given"
            } else {
                "KEY       the log is not that of the key given"
            };
            said.push((words.to_owned(), named));
        }
        for ((file, note), head) in self.notes.iter().zip(&self.heads) {
            let in_force = report
                .keys
                .in_force(head.head.size)
                .filter_map(PublicKey::parse)
                .filter_map(|key| VerifierKey::new(&report.origin, SignatureType::Ed25519, key).ok());
            // Hashes do not say which keys the log has.
            let keys: Vec<VerifierKey> = if hashes { self.keys() } else { in_force.collect() };
            let trust = Trust { keys: &keys, policy: self.policy.as_ref() };
            let size = head.head.size;
            if hashes && keys.is_empty() {
                said.push((format!("checkpoint over {size} entries, signed by nobody knows whom: {file}"), true));
                continue;
            }
            said.push(match verify_checkpoint(note, trust) {
                Ok(signed) => {
                    let (logs, witnesses) = (signed.logs.len(), signed.witnesses.len());
                    (format!("checkpoint over {size} entries, {logs} signatures of the log, {witnesses} cosignatures: {file}"), true)
                }
                Err(error) => (format!("CHECKPOINT over {size} entries: {error}: {file}"), false),
            });
        }
        said
    }

    /// Who must have cosigned.
    pub(in crate::cli) const fn policy(&self) -> Option<&Policy> {
        self.policy.as_ref()
    }

    /// Keys of the log that are known from elsewhere.
    pub(in crate::cli) fn keys(&self) -> Vec<VerifierKey> {
        let named = self.policy.iter().flat_map(|policy| policy.logs().iter().map(|log| &log.key));
        let mut keys: Vec<VerifierKey> = Vec::new();
        for key in self.key.iter().chain(named) {
            if !keys.contains(key) {
                keys.push(key.clone());
            }
        }
        keys
    }

    /// The one over the most entries, to be kept in a data folder that has them.
    pub(in crate::cli) fn largest(&self) -> Option<&Note> {
        let largest = self.heads.iter().zip(&self.notes).max_by_key(|(head, _)| head.head.size);
        largest.map(|(_, (_, note))| note)
    }

    /// Whether anybody but the log itself speaks for a checkpoint of it.
    pub(in crate::cli) fn has_witnesses(&self) -> bool {
        self.heads.iter().any(|head| !head.cosigned_s.is_empty())
    }
}

/// Checkpoints that witnesses cosigned long ago, as a data folder keeps them: `checkpoints/cosigned/<day>/<file>`.
fn cosigned_in(data: &Path) -> Result<Vec<PathBuf>, Unreadable> {
    let listed = |folder: &Path| -> Result<Vec<PathBuf>, Unreadable> {
        let names = match fs::read_dir(folder) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(of_io(folder, &error)),
        };
        let paths: io::Result<Vec<PathBuf>> = names.map(|entry| entry.map(|entry| entry.path())).collect();
        let mut paths = paths.map_err(|error| of_io(folder, &error))?;
        // What a crash left half written has this end.
        paths.retain(|path| path.extension().is_none_or(|end| end != "new"));
        paths.sort_unstable();
        Ok(paths)
    };
    let days = listed(&data.join(COSIGNED))?;
    let files = days.iter().map(|day| listed(day)).collect::<Result<Vec<_>, _>>()?;
    Ok(files.into_iter().flatten().collect())
}

/// The newest checkpoint that a data folder keeps.
pub(in crate::cli) fn newest_of(data: &Path) -> Result<Option<Note>, Unreadable> {
    let file = data.join(NEWEST);
    match fs::read(&file) {
        Ok(bytes) => Note::parse(&bytes).map(Some).map_err(|error| damaged(&file, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(of_io(&file, &error)),
    }
}

/// Puts a checkpoint beside a backup that has its entries.
pub(in crate::cli) fn copy_into_backup(backup: &Path, note: &Note) -> io::Result<()> {
    keep_note(&backup.join(COPIED), note)
}

/// Puts a checkpoint into a data folder that has its entries: its next start holds the log against it.
pub(in crate::cli) fn put_into_data(data: &Path, note: &Note) -> io::Result<()> {
    keep_note(&data.join(NEWEST), note)
}

fn of_io(file: &Path, error: &io::Error) -> Unreadable {
    Unreadable { damaged: false, what: format!("{}: {error}", file.display()) }
}

fn damaged(file: &Path, error: impl std::fmt::Display) -> Unreadable {
    Unreadable { damaged: true, what: format!("{}: {error}", file.display()) }
}
