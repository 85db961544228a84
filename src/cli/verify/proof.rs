//! `probity verify proof`: what somebody was handed, checked without asking anybody.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use crate::cli::verify::Failed;
use crate::log::Answer;
use crate::log::Kind;
use crate::log::Leaf;
use crate::log::LeafHash;
use crate::log::Policy;
use crate::log::ProofFile;
use crate::log::SUBJECT_PROOF_BYTES_MAX;
use crate::log::SubjectProof;
use crate::log::Verified;
use crate::log::VerifierKey;
use crate::verify::ProvedHistory;
use crate::verify::Signed;
use crate::verify::Trust;
use crate::verify::Unreadable;
use crate::verify::verify_proof_file;
use crate::verify::verify_subject_proof;
use crate::witness::read_policy;

/// Checks a `.tlog-proof` or `.subject-proof` with the log's public key, without asking anybody, and says in words what
/// it proves and what it does not.
///
/// Exit status: 0 it proves what it says, 1 it does not, 2 it could not be checked.
#[derive(Args, Clone, Debug)]
#[command(after_help = PROOF)]
pub struct ProofArgs {
    /// The file; `-` is standard input.
    pub file: PathBuf,
    /// Whose signatures are believed.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// The leaf hash of the entry that a `.tlog-proof` is to be about [default: the one that the file carries]
    #[arg(long, value_name = "HASH", value_parser = leaf_hash)]
    pub leaf: Option<LeafHash>,
    /// What was filed as of this older checkpoint: its number of entries.
    #[arg(long, value_name = "SIZE")]
    pub at: Option<u64>,
    /// Print what was found as JSON.
    #[arg(long)]
    pub json: bool,
}

const PROOF: &str = r"Examples:
  probity verify proof person.subject-proof \
    --key example.org/log+0b7ceb09+AYKBGk9mmx9DbBmEjNmr0MyBsFsVXRF0fHrXa6kPvY43
  probity verify proof 41.tlog-proof --policy policy.txt";

/// Whose signatures are believed.
#[derive(Args, Clone, Debug)]
pub struct TrustArgs {
    /// The log's public key, as the agency publishes it; more than one for a log whose keys changed.
    #[arg(long, value_name = "VKEY", value_parser = VerifierKey::parse)]
    pub key: Vec<VerifierKey>,
    /// A policy (C2SP tlog-policy): whose cosignatures there must be.
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
}

impl TrustArgs {
    /// Reads the policy.
    pub(super) fn read(mut self) -> Result<Believed, Failed> {
        let read = |file: &PathBuf| read_policy(file).map_err(|error| could_not(&error.to_string()));
        let policy = self.policy.as_ref().map(read).transpose()?;
        if self.key.is_empty() && policy.as_ref().is_none_or(|policy| policy.logs().is_empty()) {
            return Err(could_not("name the log's public key with --key, or a policy that has it"));
        }
        // The same key given twice is one.
        let mut keys: Vec<VerifierKey> = Vec::new();
        self.key.retain(|key| {
            !keys.contains(key) && {
                keys.push(key.clone());
                true
            }
        });
        Ok(Believed { keys, policy })
    }
}

/// Whose signatures are believed, as they were given.
pub(super) struct Believed {
    keys: Vec<VerifierKey>,
    policy: Option<Policy>,
}

impl Believed {
    pub(super) fn trust(&self) -> Trust<'_> {
        Trust { keys: &self.keys, policy: self.policy.as_ref() }
    }
}

fn leaf_hash(text: &str) -> Result<LeafHash, &'static str> {
    LeafHash::parse(text).ok_or("64 hexadecimal digits")
}

pub(super) fn could_not(what: &str) -> Failed {
    Unreadable { damaged: false, what: what.to_owned() }.into()
}

pub(super) fn unreadable(file: &Path, error: impl std::fmt::Display) -> Failed {
    could_not(&format!("{}: {error}", file.display()))
}

/// Reads a file, or standard input where it is called `-`.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, Failed> {
    use std::io::Read as _;
    let longest = SUBJECT_PROOF_BYTES_MAX as u64 + 1;
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(longest).read_to_end(&mut bytes)
    } else {
        fs::File::open(file).and_then(|file| file.take(longest).read_to_end(&mut bytes))
    };
    read.map_err(|error| unreadable(file, error))?;
    Ok(bytes)
}

/// What was found: lines of a word and what it is about, and the same for programs.
pub(super) struct Found {
    pub(super) good: bool,
    pub(super) lines: Vec<(&'static str, String)>,
    pub(super) json: Value,
}

impl Found {
    pub(super) fn bad(why: &dyn std::fmt::Display) -> Self {
        let lines = vec![("BAD", why.to_string()), ("not shown", "anything: believe nothing of it".to_owned())];
        Self { good: false, lines, json: json!({ "good": false, "fault": why.to_string() }) }
    }

    #[expect(clippy::print_stdout, reason = "the report is what this subcommand is asked for")]
    pub(super) fn tell(&self, as_json: bool) -> ExitCode {
        if as_json {
            println!("{}", self.json);
        } else {
            let mut text = String::new();
            for (word, about) in &self.lines {
                writeln!(text, "{word:<10}{about}").expect("a string takes everything");
            }
            print!("{text}");
        }
        if self.good { ExitCode::SUCCESS } else { ExitCode::from(1) }
    }
}

/// Runs `probity verify proof`.
///
/// # Errors
///
/// It could not be checked.
pub(super) fn run(arguments: ProofArgs) -> Result<ExitCode, Failed> {
    let ProofArgs { file, trust, leaf, at, json } = arguments;
    let trust = trust.read()?;
    let bytes = read(&file)?;
    let found = match bytes.split(|byte| *byte == b'\n').next().unwrap_or_default() {
        b"c2sp.org/tlog-proof@v1" => of_entry(&bytes, leaf, trust.trust())?,
        b"probity/subject-proof@v1" => of_history(&bytes, at, trust.trust()),
        _ => return Err(unreadable(&file, "neither a .tlog-proof nor a .subject-proof")),
    };
    Ok(found.tell(json))
}

fn of_entry(bytes: &[u8], leaf: Option<LeafHash>, trust: Trust<'_>) -> Result<Found, Failed> {
    let file = match ProofFile::parse(bytes) {
        Ok(file) => file,
        Err(fault) => return Ok(Found::bad(&fault)),
    };
    let leaf = match (leaf, file.leaf_hash()) {
        (Some(asked), Some(carried)) if asked != carried => {
            return Ok(Found::bad(&format!("the proof is about the leaf hash {carried}, not {asked}")));
        }
        (Some(leaf), _) | (None, Some(leaf)) => leaf,
        (None, None) => return Err(could_not("the file carries no leaf hash: name the entry's with --leaf")),
    };
    let good = match verify_proof_file(&file, leaf, trust) {
        Ok(good) => good,
        Err(fault) => return Ok(Found::bad(&fault)),
    };
    let (origin, size, index) = (&good.checkpoint.origin, good.checkpoint.size, file.index);
    let mut lines =
        vec![("good", format!("entry {index} is in the log {origin} as of its checkpoint of {size} entries"))];
    lines.push(("leaf hash", leaf.to_string()));
    signed(&good, &mut lines);
    lines.push(("not shown", "what the entry says: compare the leaf hash with that of the entry you hold".to_owned()));
    let json = json!({
        "good": true,
        "index": index,
        "leaf_hash": leaf.to_string(),
        "checkpoint": checkpoint_json(&good),
    });
    Ok(Found { good: true, lines, json })
}

fn of_history(bytes: &[u8], at: Option<u64>, trust: Trust<'_>) -> Found {
    let proof = match SubjectProof::parse(bytes) {
        Ok(proof) => proof,
        Err(fault) => return Found::bad(&fault),
    };
    let good = match verify_subject_proof(&proof, trust) {
        Ok(good) => good,
        Err(fault) => return Found::bad(&fault),
    };
    let size = good.signed.checkpoint.size;
    if at.is_some_and(|at| at > size) {
        return Found::bad(&format!("it says nothing of {} entries: its checkpoint has {size}", at.unwrap_or(size)));
    }
    let mut lines = vec![("good", sentence(&proof, &good, at))];
    let leaves = good.as_of(at.unwrap_or(size));
    let hashes = proof.leaves.iter().map(|leaf| LeafHash::of(leaf));
    let filed: Vec<(&Leaf, LeafHash)> = leaves.iter().zip(hashes).collect();
    for (sequence, (leaf, hash)) in filed.iter().enumerate() {
        let (index, kind) = (leaf.index, kind_in_words(leaf.kind()));
        lines.push(("", format!("{sequence:>4}  entry {index}, {kind}, recorded {}", time(leaf.recorded_at_ms))));
        lines.push(("", format!("      leaf hash {hash}")));
    }
    lines.push(("sealed", format!("by entry {}, recorded {}", size - 1, time(good.sealed_at_ms))));
    signed(&good.signed, &mut lines);
    if good.in_log {
        lines.push(("each", "entry was shown to be in the log by a proof of its own, too".to_owned()));
    }
    not_shown(&good, &mut lines);
    let entry = |(leaf, hash): &(&Leaf, LeafHash)| {
        let (recorded_at_ms, kind) = (leaf.recorded_at_ms, kind_in_words(leaf.kind()));
        let leaf_hash = hash.to_string();
        json!({ "index": leaf.index, "leaf_hash": leaf_hash, "recorded_at_ms": recorded_at_ms, "kind": kind })
    };
    let entries: Vec<Value> = filed.iter().map(entry).collect();
    let json = json!({
        "good": true,
        "history": proof.history.to_string(),
        "as_of": at.unwrap_or(size),
        "entries": entries,
        "each_included": good.in_log,
        "checkpoint": checkpoint_json(&good.signed),
        "sealed_at_ms": good.sealed_at_ms,
    });
    Found { good: true, lines, json }
}

/// What is proved, in a sentence.
fn sentence(proof: &SubjectProof, good: &ProvedHistory<'_>, at: Option<u64>) -> String {
    let (origin, size) = (&good.signed.checkpoint.origin, good.signed.checkpoint.size);
    let as_of = at.unwrap_or(size);
    let all = match (good.as_of(as_of).len(), &proof.answer) {
        (0, Answer::Empty) => "nothing is filed under any name, so nothing under".to_owned(),
        (0, _) => "nothing is filed under".to_owned(),
        (1, _) => "this is the one entry filed under".to_owned(),
        (count, _) => format!("these are all {count} entries filed under"),
    };
    let when = if as_of == size {
        format!("as of its checkpoint of {size} entries")
    } else {
        format!("as of the older checkpoint of {as_of} entries, as that of {size} shows")
    };
    format!("{all} {} in the log {origin} {when}", proof.history)
}

fn not_shown(good: &ProvedHistory<'_>, lines: &mut Vec<(&'static str, String)>) {
    lines.push(("not shown", "what was recorded after that checkpoint".to_owned()));
    if !good.leaves.is_empty() {
        lines.push(("", "what the entries say: compare the leaf hash of each that you hold".to_owned()));
    }
    lines.push(("", "that nobody has two ids, and that every event of the world was recorded, truly".to_owned()));
    let rests = if good.in_log || good.leaves.is_empty() {
        "that the log sealed its map rightly, until an auditor or a replaying witness has replayed it"
    } else {
        "that the log sealed its map rightly, and for each entry, too, unless you ask with --each"
    };
    lines.push(("rests on", rests.to_owned()));
}

/// Who signed a checkpoint.
pub(super) fn signed(good: &Signed<'_>, lines: &mut Vec<(&'static str, String)>) {
    for Verified { key, .. } in &good.logs {
        lines.push(("signed", format!("by the log's key {}+{}", key.name(), key.id())));
    }
    for Verified { key, time_s } in &good.witnesses {
        let when = time_s.map_or_else(String::new, |time_s| format!(" at {}", time(time_s.saturating_mul(1000))));
        lines.push(("witnessed", format!("by {}+{}{when}", key.name(), key.id())));
    }
    if good.witnesses.is_empty() {
        lines.push((
            "witnessed",
            "by nobody that you named: others may be shown another log, or other times".to_owned(),
        ));
    }
}

pub(super) fn checkpoint_json(good: &Signed<'_>) -> Value {
    let witnesses = good.witnesses.iter().map(|one| json!({ "key": one.key.to_string(), "time_s": one.time_s }));
    json!({
        "origin": good.checkpoint.origin,
        "size": good.checkpoint.size,
        "root": good.checkpoint.root.to_string(),
        "keys": good.logs.iter().map(|one| one.key.to_string()).collect::<Vec<_>>(),
        "witnesses": witnesses.collect::<Vec<_>>(),
    })
}

/// What a kind of entry is called where people read.
const fn kind_in_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Genesis => "the beginning of the log",
        Kind::Event => "an event",
        Kind::Seal => "a seal",
        Kind::Erasure => "an erasure",
        Kind::Key => "a change of keys",
        Kind::Close => "the end of the log",
    }
}

/// A time as people read it, or the number where it lies beyond the calendar.
pub(in crate::cli) fn time(unix_ms: u64) -> String {
    let time = i64::try_from(unix_ms).ok().and_then(|unix_ms| Timestamp::from_millisecond(unix_ms).ok());
    time.map_or_else(|| format!("{unix_ms} ms after 1970"), |time| time.to_string())
}
