//! Cosignatures: at this time, this was the largest tree that a witness saw of a log (C2SP `tlog-cosignature`, v1).

use crate::log::note::NoteSignature;
use crate::log::note::SignatureType;
use crate::log::note::SignerKey;
use crate::log::signature::PublicKey;
use crate::log::signature::sign;

/// Signs the text of a checkpoint at a time, Unix time in seconds and at most 2^63 - 1.
pub fn cosign(text: &str, time_s: u64, signer: &SignerKey) -> NoteSignature {
    let signature = sign(signer.signing_key(), &cosignature_message(text, time_s));
    let bytes = [&time_s.to_be_bytes()[..], &signature].concat();
    NoteSignature::made(&signer.verifier(SignatureType::CosignatureV1), &bytes)
}

/// What is signed: `"cosignature/v1\n" ‖ "time " ‖ time ‖ "\n" ‖ text of the checkpoint`.
pub fn cosignature_message(text: &str, time_s: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {time_s}\n{text}").into_bytes()
}

/// The time of a cosignature that is good: `time (8) ‖ signature (64)`.
pub(super) fn time_of(text: &str, bytes: &[u8], key: &PublicKey) -> Option<u64> {
    let (time, signature) = bytes.split_first_chunk()?;
    let time_s = u64::from_be_bytes(*time);
    // The format ends at 2^63 - 1, since others read it with a sign.
    let good =
        i64::try_from(time_s).is_ok() && key.signed(&cosignature_message(text, time_s), signature.try_into().ok()?);
    good.then_some(time_s)
}
