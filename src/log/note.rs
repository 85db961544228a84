//! Signed notes: text that keys of known names signed (C2SP `signed-note`).
//!
//! Knows nothing of what the text says.

mod key;

use std::fmt;

use thiserror::Error;

use crate::log::cosignature;
use crate::log::lines::Base64;
use crate::log::lines::MalformedLine;
use crate::log::lines::base64;
use crate::log::lines::line_of;
use crate::log::signature::sign;

pub use key::KeyId;
pub use key::KeyTextError;
pub use key::SignatureType;
pub use key::SignerKey;
pub use key::VerifierKey;

/// The most bytes of a note: the 16 signatures that every reader must take, and of the longest kind known, fit in twice.
pub const NOTE_BYTES_MAX: usize = 128 * 1024;

/// The most signatures of a note; as many as Go's `sumdb/note` takes.
pub const NOTE_SIGNATURES_MAX: usize = 100;

const TOO_LONG: &str = "a note of at most 131072 bytes";

/// A text with signatures, of which nothing is known until [`Note::verify`] was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One line of signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    id: KeyId,
    bytes: Vec<u8>,
}

/// A signature that is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified<'k> {
    /// Of which of the known keys.
    pub key: &'k VerifierKey,
    /// When it was made, as the signer says, Unix time in seconds; of a cosignature alone.
    pub time_s: Option<u64>,
}

/// Why nothing of a note may be believed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoteFault {
    /// A known key's signature is not good. The whole note is refused: somebody changed it.
    #[error("the signature of {name}+{id} is not good")]
    Signature {
        /// The key's name.
        name: String,
        /// The key's id.
        id: KeyId,
    },
    /// Two of the known keys have the name and id of a signature.
    #[error("two known keys are called {name}+{id}")]
    Ambiguous {
        /// Their name.
        name: String,
        /// Their id.
        id: KeyId,
    },
    /// No known key signed.
    #[error("no known key signed it")]
    Unsigned,
}

impl Note {
    /// A note of a text and signatures.
    ///
    /// # Errors
    ///
    /// The text is none of a note, there is no signature, or it is longer than a reader takes.
    pub fn new(text: String, signatures: Vec<NoteSignature>) -> Result<Self, MalformedLine> {
        check_text(&text)?;
        let note = Self { text, signatures };
        let line = line_of(note.text.as_bytes(), note.text.len()) + 1;
        if note.signatures.is_empty() {
            return Err(MalformedLine { line, expected: "a signature" });
        }
        note.check_limits(line)?;
        Ok(note)
    }

    /// A text that one key signs.
    ///
    /// # Errors
    ///
    /// As [`Note::new`].
    pub fn sign(text: String, signer: &SignerKey) -> Result<Self, MalformedLine> {
        let signature = NoteSignature::sign(&text, signer);
        Self::new(text, vec![signature])
    }

    /// Reads a note. What it returns is printed as the same bytes.
    ///
    /// # Errors
    ///
    /// It is not one: the text does not end in a newline, something is not UTF-8 or a control character, a line of
    /// signature is none, there is none or there are too many.
    pub fn parse(bytes: &[u8]) -> Result<Self, MalformedLine> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(MalformedLine { line: 1, expected: TOO_LONG });
        }
        let all = std::str::from_utf8(bytes)
            .map_err(|error| MalformedLine { line: line_of(bytes, error.valid_up_to()), expected: "text in UTF-8" })?;
        check_text(all)?;
        // The text may have empty lines: the last one parts it from the signatures.
        let Some(end) = all.rfind("\n\n") else {
            return Err(MalformedLine { line: line_of(bytes, bytes.len()), expected: "an empty line and a signature" });
        };
        let (text, lines) = (&all[..=end], &all[end + 2..]);
        let mut line = line_of(bytes, end + 2);
        let mut signatures = Vec::new();
        for signature in lines.split_terminator('\n') {
            if signatures.len() == NOTE_SIGNATURES_MAX {
                return Err(MalformedLine { line, expected: "at most 100 signatures" });
            }
            signatures.push(NoteSignature::parse_at(signature, line)?);
            line += 1;
        }
        if signatures.is_empty() {
            return Err(MalformedLine { line, expected: "a signature" });
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// What is signed, with its last newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// In the order of their lines.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature at the end, unless that line is there.
    ///
    /// # Errors
    ///
    /// The note would be longer than a reader takes; it stays as it was.
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), MalformedLine> {
        if self.signatures.contains(&signature) {
            return Ok(());
        }
        self.signatures.push(signature);
        let line = line_of(self.text.as_bytes(), self.text.len()) + self.signatures.len();
        self.check_limits(line).inspect_err(|_| drop(self.signatures.pop()))
    }

    fn check_limits(&self, line: usize) -> Result<(), MalformedLine> {
        if self.signatures.len() > NOTE_SIGNATURES_MAX {
            return Err(MalformedLine { line, expected: "at most 100 signatures" });
        }
        let signatures: usize = self.signatures.iter().map(NoteSignature::len_bytes).sum();
        if self.text.len() + 1 + signatures > NOTE_BYTES_MAX {
            return Err(MalformedLine { line, expected: TOO_LONG });
        }
        Ok(())
    }

    /// The signatures of known keys, each good, in the order of their lines. Those of other keys are passed over.
    ///
    /// # Errors
    ///
    /// No known key signed, or the signature of one is not good.
    pub fn verify<'k>(&self, known: impl IntoIterator<Item = &'k VerifierKey>) -> Result<Vec<Verified<'k>>, NoteFault> {
        let known: Vec<&VerifierKey> = known.into_iter().collect();
        let mut verified = Vec::new();
        for signature in &self.signatures {
            let (name, id) = (|| signature.name.clone(), signature.id);
            let mut of_this = known.iter().filter(|key| key.name() == signature.name && key.id() == id);
            let Some(key) = of_this.next() else { continue };
            if of_this.next().is_some() {
                return Err(NoteFault::Ambiguous { name: name(), id });
            }
            let good = signature.verify(&self.text, key).ok_or_else(|| NoteFault::Signature { name: name(), id })?;
            verified.push(good);
        }
        if verified.is_empty() { Err(NoteFault::Unsigned) } else { Ok(verified) }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl NoteSignature {
    /// Signs a text with a type 0x01 key.
    pub fn sign(text: &str, signer: &SignerKey) -> Self {
        let key = signer.verifier(SignatureType::Ed25519);
        Self::made(&key, &sign(signer.signing_key(), text.as_bytes()))
    }

    /// A line for a signature that was made elsewhere; for a cosignature with its time before it.
    pub fn made(key: &VerifierKey, bytes: &[u8]) -> Self {
        Self { name: key.name().to_owned(), id: key.id(), bytes: bytes.to_vec() }
    }

    /// Reads a line, without its newline.
    ///
    /// # Errors
    ///
    /// It is not a dash, a name and at least five bytes in base 64.
    pub fn parse(line: &str) -> Result<Self, MalformedLine> {
        Self::parse_at(line, 1)
    }

    fn parse_at(text: &str, line: usize) -> Result<Self, MalformedLine> {
        let bad = |expected| MalformedLine { line, expected };
        let parts = text.strip_prefix("— ").and_then(|rest| rest.split_once(' '));
        let (name, bytes) = parts.ok_or_else(|| bad("a signature: dash, name, base 64"))?;
        if !key::is_name(name) {
            return Err(bad("a key name: not empty, without spaces and +"));
        }
        let bytes = base64(bytes).ok_or_else(|| bad("a signature in base 64"))?;
        match bytes.split_first_chunk() {
            Some((id, bytes)) if !bytes.is_empty() => {
                Ok(Self { name: name.to_owned(), id: KeyId(*id), bytes: bytes.to_vec() })
            }
            _ => Err(bad("a key id of four bytes and a signature")),
        }
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's id.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// What stands after the id.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn verify<'k>(&self, text: &str, key: &'k VerifierKey) -> Option<Verified<'k>> {
        let time_s = match key.signature_type() {
            SignatureType::Ed25519 => {
                let signature = self.bytes.as_slice().try_into().ok()?;
                key.public_key().signed(text.as_bytes(), signature).then_some(None)
            }
            SignatureType::CosignatureV1 => cosignature::time_of(text, &self.bytes, key.public_key()).map(Some),
        };
        Some(Verified { key, time_s: time_s? })
    }

    /// With the newline.
    fn len_bytes(&self) -> usize {
        "—  \n".len() + self.name.len() + (4 + self.bytes.len()).div_ceil(3) * 4
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "— {} {}", self.name, Base64(&[&self.id.0[..], &self.bytes].concat()))
    }
}

fn check_text(text: &str) -> Result<(), MalformedLine> {
    let control = text.bytes().position(|byte| byte < 0x20 && byte != b'\n');
    if let Some(at) = control {
        let line = line_of(text.as_bytes(), at);
        return Err(MalformedLine { line, expected: "no control character but the newline" });
    }
    if !text.ends_with('\n') {
        let line = line_of(text.as_bytes(), text.len());
        return Err(MalformedLine { line, expected: "a newline at the end" });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
