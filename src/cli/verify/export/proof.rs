//! That the last entry of an export is in the log, by a `.tlog-proof` of it.

use std::fs;
use std::path::Path;

use crate::cli::verify::export::Findings;
use crate::cli::verify::held::Held;
use crate::export::Manifest;
use crate::log::ProofFile;
use crate::verify::Trust;
use crate::verify::Unreadable;
use crate::verify::verify_proof_file;

/// Compares the head that a manifest names with the entry that a proof is about.
pub(super) fn head_of_export(
    manifest: &Manifest,
    file: &Path,
    held: &Held,
    findings: &mut Findings,
) -> Result<(), Unreadable> {
    let unreadable = |what: String| Unreadable { damaged: false, what: format!("{}: {what}", file.display()) };
    let bytes = fs::read(file).map_err(|error| unreadable(error.to_string()))?;
    let proof = ProofFile::parse(&bytes).map_err(|fault| unreadable(fault.to_string()))?;
    let keys = held.keys();
    if keys.is_empty() {
        return Err(unreadable("name the log's public key with --key, or a policy that has it".to_owned()));
    }
    if proof.index != manifest.position {
        let (found, position) = (proof.index, manifest.position);
        findings.unchecked.push(format!("the proof is about entry {found}, and the export's last is {position}"));
        return Ok(());
    }
    let Some(head) = manifest.head() else { return Ok(()) };
    match verify_proof_file(&proof, head, Trust { keys: &keys, policy: held.policy() }) {
        Ok(signed) if signed.checkpoint.origin != manifest.origin => {
            findings.faults.push(format!(
                "it says that it is of the log {}, and its head is in {}",
                manifest.origin, signed.checkpoint.origin
            ));
        }
        Ok(signed) => {
            let (origin, size, witnesses) = (&signed.checkpoint.origin, signed.checkpoint.size, signed.witnesses.len());
            findings.good.push(format!(
                "its head is entry {} of the log {origin} as of a checkpoint of {size} entries, with {witnesses} cosignatures",
                manifest.position
            ));
        }
        Err(fault) => findings
            .faults
            .push(format!("its head, entry {}, is not in the log by the proof: {fault}", manifest.position)),
    }
    Ok(())
}
