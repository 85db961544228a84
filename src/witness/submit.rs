//! One talk with one witness: what it is asked, and what its answers mean. Remembers nothing.

use crate::fetch::Client;
use crate::fetch::FetchError;
use crate::fetch::below;
use crate::log::AddCheckpoint;
use crate::log::Checkpoint;
use crate::log::Extensions;
use crate::log::MalformedLine;
use crate::log::NOTE_BYTES_MAX;
use crate::log::NodeHash;
use crate::log::Note;
use crate::log::NoteSignature;
use crate::log::PolicyKey;
use crate::log::VerifierKey;
use crate::log::monitoring_path;
use crate::log::parse_conflict;
use crate::log::parse_cosignatures;

/// How often one checkpoint is sent to one witness that tells another size each time.
const TALKS_MAX: u32 = 4;

/// A size that no checkpoint of ours has: the smallest has two entries. Whoever is asked to go on from there tells the
/// size that it has, and cosigns nothing.
const NO_SIZE: u64 = 1;

/// What came of asking a witness to cosign.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It did, at this time as it says, Unix time in seconds.
    Cosigned { signature: NoteSignature, time_s: u64 },
    /// It has seen a larger tree.
    Ahead { seen: u64 },
    /// It has seen another tree at or below this size.
    Other { size: u64, said: String },
    /// It would not, with this status and these words: asking again soon would change nothing.
    Refused { status: u16, said: String },
    /// It could not be reached, or what it sent is nothing.
    Failed(String),
}

/// Asks a witness to cosign a checkpoint. `known` is the size at which it cosigned last; `prove` gives consistency proofs
/// from an older size.
pub(super) fn submit(
    client: &Client,
    witness: &PolicyKey,
    (note, checkpoint): (&Note, &Checkpoint),
    known: Option<u64>,
    prove: impl Fn(u64) -> Result<Vec<NodeHash>, String>,
) -> Outcome {
    let mut old = known.unwrap_or(0).min(checkpoint.size);
    for _ in 0..TALKS_MAX {
        let proof = match old {
            0 => Ok(Vec::new()),
            old if old == checkpoint.size => Ok(Vec::new()),
            old => prove(old),
        };
        let answer = match proof.map(|proof| add(client, witness, old, proof, note)) {
            Ok(Ok(answer)) => answer,
            Ok(Err(why)) | Err(why) => return Outcome::Failed(why),
        };
        match (answer.status, parse_conflict(&answer.body)) {
            (200, _) => return cosigned(&answer.body, note.text(), &witness.key),
            (409, Some(seen)) if seen > checkpoint.size => return Outcome::Ahead { seen },
            // It has our size, and still does not take it: an older omniwitness says so of another root.
            (409, Some(seen)) if seen == old && old == checkpoint.size => {
                return Outcome::Other { size: old, said: format!("409: it has {seen} entries too") };
            }
            (409, Some(seen)) if seen != old => old = seen,
            // Our proof is good: it follows from the log as it is stored, whose root was computed in two ways.
            (422, _) if old > 0 => {
                return Outcome::Other { size: old, said: format!("422: {}", answer.first_line()) };
            }
            (500.., _) => return Outcome::Failed(format!("status {}: {}", answer.status, answer.first_line())),
            (status, _) => return Outcome::Refused { status, said: answer.first_line() },
        }
    }
    Outcome::Failed("it tells another size each time".to_owned())
}

fn add(
    client: &Client,
    witness: &PolicyKey,
    old: u64,
    proof: Vec<NodeHash>,
    note: &Note,
) -> Result<crate::fetch::Answer, String> {
    let request = AddCheckpoint::new(old, proof, note.clone()).map_err(|fault| fault.to_string())?;
    let url = below(witness.url.as_deref().unwrap_or_default(), "add-checkpoint");
    client.post(&url, request.to_string().as_bytes(), NOTE_BYTES_MAX as u64).map_err(|error| error.to_string())
}

/// The witness's own cosignature, which is good; others that came with it are nobody's business.
fn cosigned(body: &[u8], text: &str, key: &VerifierKey) -> Outcome {
    let found = parse_cosignatures(body).and_then(|signatures| {
        let own = signatures.into_iter().find(|one| one.name() == key.name() && one.id() == key.id());
        own.ok_or(MalformedLine { line: 1, expected: "a cosignature of the witness's key" })
    });
    let checked = found.and_then(|signature| Ok((Note::new(text.to_owned(), vec![signature.clone()])?, signature)));
    let (note, signature) = match checked {
        Ok(checked) => checked,
        Err(fault) => return Outcome::Failed(fault.to_string()),
    };
    let verified = note.verify([key]);
    match verified.as_deref() {
        Ok([one]) => match one.time_s {
            Some(time_s) => Outcome::Cosigned { signature, time_s },
            None => Outcome::Failed("its cosignature has no time".to_owned()),
        },
        Ok(_) => Outcome::Failed("its cosignature is none".to_owned()),
        Err(fault) => Outcome::Failed(fault.to_string()),
    }
}

/// What a witness knows of our log, asked without being asked to cosign.
#[derive(Debug)]
pub(super) enum Known {
    /// This checkpoint, with a good signature of our key.
    Checkpoint(Box<(Checkpoint, Note)>),
    /// So many entries, 0 where it knows none.
    Size(u64),
    /// It does not say.
    Untold(String),
}

/// Asks a witness what it has cosigned. `newest` is a checkpoint of ours for those that do not show theirs.
pub(super) fn ask(
    client: &Client,
    witness: &PolicyKey,
    origin: &str,
    keys: &[VerifierKey],
    newest: Option<&Note>,
) -> Known {
    match shown(client, witness, origin, keys) {
        Ok(Some(found)) => return Known::Checkpoint(Box::new(found)),
        Ok(None) => {}
        Err(error) => return Known::Untold(error.to_string()),
    }
    // Not shown: the log is unknown there, or the witness shows nothing, or shows it elsewhere.
    let Some(newest) = newest else { return Known::Size(0) };
    match add(client, witness, NO_SIZE, Vec::new(), newest) {
        Ok(answer) => match (answer.status, parse_conflict(&answer.body)) {
            (409, Some(size)) => Known::Size(size),
            (400..=499, _) => Known::Size(0),
            (status, _) => Known::Untold(format!("status {status}: {}", answer.first_line())),
        },
        Err(why) => Known::Untold(why),
    }
}

/// The last checkpoint that a witness cosigned, where it shows one that our key signed.
pub(super) fn shown(
    client: &Client,
    witness: &PolicyKey,
    origin: &str,
    keys: &[VerifierKey],
) -> Result<Option<(Checkpoint, Note)>, FetchError> {
    let url = below(witness.url.as_deref().unwrap_or_default(), &monitoring_path(origin));
    let answer = client.get(&url, None, NOTE_BYTES_MAX as u64)?;
    if answer.status != 200 {
        return Ok(None);
    }
    let read = Note::parse(&answer.body).ok().and_then(|note| {
        let checkpoint = Checkpoint::parse(note.text(), Extensions::Kept).ok()?;
        let signed = note.verify(keys).is_ok() && checkpoint.origin == origin;
        signed.then_some((checkpoint, note))
    });
    Ok(read)
}
