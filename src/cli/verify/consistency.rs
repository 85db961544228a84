//! `probity verify consistency`: whether the log of a newer checkpoint continues that of an older one.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use data_encoding::BASE64;
use serde_json::json;

use crate::cli::verify::Failed;
use crate::cli::verify::proof;
use crate::cli::verify::proof::Found;
use crate::cli::verify::proof::TrustArgs;
use crate::log::NodeHash;
use crate::log::Note;
use crate::verify::Signed;
use crate::verify::Trust;
use crate::verify::verify_checkpoint;
use crate::verify::verify_consistent;

/// Checks that the log of a newer checkpoint begins with the whole log of an older one that was kept: that nothing was
/// changed, dropped or put in between. The proof is that of `probity prove consistency`.
///
/// Exit status: 0 it does, 1 it does not, 2 it could not be checked.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ConsistencyArgs {
    /// The checkpoint that was kept.
    pub old: PathBuf,
    /// The newer one.
    pub new: PathBuf,
    /// The proof; `-` is standard input.
    pub proof: PathBuf,
    /// Whose signatures are believed.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// Print what was found as JSON.
    #[arg(long)]
    pub json: bool,
}

const EXAMPLES: &str = r"Example:
  probity verify consistency 2025.checkpoint 2026.checkpoint \
    1200-4711.consistency \
    --key example.org/log+0b7ceb09+AYKBGk9mmx9DbBmEjNmr0MyBsFsVXRF0fHrXa6kPvY43";

/// Runs `probity verify consistency`.
///
/// # Errors
///
/// It could not be checked.
pub(super) fn run(arguments: ConsistencyArgs) -> Result<ExitCode, Failed> {
    let trust = arguments.trust.read()?;
    let (old, new) = (proof::read(&arguments.old)?, proof::read(&arguments.new)?);
    let hashes = proof::read(&arguments.proof)?;
    let found = match compare(&old, &new, &hashes, trust.trust()) {
        Ok(found) => found,
        Err(why) => Found::bad(&why),
    };
    Ok(found.tell(arguments.json))
}

fn compare(old: &[u8], new: &[u8], hashes: &[u8], trust: Trust<'_>) -> Result<Found, String> {
    let checkpoint = |which: &str, bytes: &[u8]| -> Result<Signed<'_>, String> {
        let note = Note::parse(bytes).map_err(|fault| format!("the {which} checkpoint: {fault}"))?;
        verify_checkpoint(&note, trust).map_err(|fault| format!("the {which} one: {fault}"))
    };
    let (old, new) = (checkpoint("older", old)?, checkpoint("newer", new)?);
    let hashes = parse(hashes).ok_or("the proof: expected lines of 32 bytes in base 64")?;
    verify_consistent(&old, &new, &hashes).map_err(|fault| fault.to_string())?;
    let (from, to) = (old.checkpoint.size, new.checkpoint.size);
    let origin = &new.checkpoint.origin;
    let mut lines =
        vec![("good", format!("the log {origin} of {to} entries begins with all {from} of the older checkpoint"))];
    proof::signed(&new, &mut lines);
    lines.push(("not shown", "that what was recorded since follows the rules: that is `probity verify`".to_owned()));
    let json = json!({ "good": true, "old": proof::checkpoint_json(&old), "new": proof::checkpoint_json(&new) });
    Ok(Found { good: true, lines, json })
}

fn parse(hashes: &[u8]) -> Option<Vec<NodeHash>> {
    let text = std::str::from_utf8(hashes).ok()?;
    let hash = |line: &str| BASE64.decode(line.as_bytes()).ok()?.try_into().ok().map(NodeHash);
    // A proof has at most 126; more is not read.
    text.lines().take(127).map(hash).collect()
}
