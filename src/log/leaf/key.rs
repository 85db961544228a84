//! KEY: a key of the log comes or goes; and which keys are in force at a size.

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use thiserror::Error;

use crate::log::cursor::Cursor;
use crate::log::cursor::Malformed;
use crate::log::note::SignatureType;
use crate::log::note::VerifierKey;
use crate::log::signature::PublicKey;
use crate::log::signature::Signature;
use crate::log::signature::sign;

/// A key comes or goes, by the word of a key that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// Which of the two.
    pub action: KeyAction,
    /// Public Ed25519 key that comes or goes.
    pub key: [u8; 32],
    /// The key that says so.
    pub signing_key: [u8; 32],
    /// Its signature of [`key_message`].
    pub signature: Signature,
}

/// Whether a key comes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAction {
    /// It comes. That somebody holds its other half is shown by its own signature of the same message.
    Add {
        /// By the key added.
        own_signature: Signature,
    },
    /// It goes, for ever.
    Retire,
}

/// What is signed of a KEY entry: `"probity/key/v1\0" ‖ action ‖ len (1) ‖ origin ‖ index of the entry (8) ‖ key`.
/// Only whether the action adds or retires is looked at.
pub fn key_message(action: &KeyAction, origin: &str, index: u64, key: &[u8; 32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + origin.len());
    out.extend_from_slice(b"probity/key/v1\0");
    out.push(number(action));
    out.push(u8::try_from(origin.len()).expect("an origin has at most 255 bytes"));
    out.extend_from_slice(origin.as_bytes());
    out.extend_from_slice(&index.to_be_bytes());
    out.extend_from_slice(key);
    out
}

const fn number(action: &KeyAction) -> u8 {
    match action {
        KeyAction::Add { .. } => 1,
        KeyAction::Retire => 2,
    }
}

impl KeyChange {
    /// Entry `index` of the log `origin` adds a key, in the name of one that is in force.
    pub fn add(origin: &str, index: u64, added: &SigningKey, by: &SigningKey) -> Self {
        let key = added.verifying_key().to_bytes();
        let message = key_message(&KeyAction::Add { own_signature: [0; 64] }, origin, index, &key);
        let action = KeyAction::Add { own_signature: sign(added, &message) };
        Self { action, key, signing_key: by.verifying_key().to_bytes(), signature: sign(by, &message) }
    }

    /// Entry `index` of the log `origin` retires a key, in the name of another that is in force.
    pub fn retire(origin: &str, index: u64, key: [u8; 32], by: &SigningKey) -> Self {
        let message = key_message(&KeyAction::Retire, origin, index, &key);
        let signing_key = by.verifying_key().to_bytes();
        Self { action: KeyAction::Retire, key, signing_key, signature: sign(by, &message) }
    }

    /// Checks its signatures. Whether the key that signed is in force is asked of [`KeysOfLog`].
    ///
    /// # Errors
    ///
    /// One of them is not good, or a key is none.
    pub fn verify(&self, origin: &str, index: u64) -> Result<(), KeyFault> {
        let message = key_message(&self.action, origin, index, &self.key);
        let signed =
            |key: &[u8; 32], signature| PublicKey::parse(key).is_some_and(|key| key.signed(&message, signature));
        if !signed(&self.signing_key, &self.signature) {
            return Err(KeyFault::Signature);
        }
        match &self.action {
            KeyAction::Add { own_signature } if !signed(&self.key, own_signature) => Err(KeyFault::OwnSignature),
            KeyAction::Add { .. } | KeyAction::Retire => Ok(()),
        }
    }

    pub(super) fn encode_to(&self, out: &mut Vec<u8>) {
        out.push(number(&self.action));
        out.extend_from_slice(&self.key);
        out.extend_from_slice(&self.signing_key);
        out.extend_from_slice(&self.signature);
        if let KeyAction::Add { own_signature } = &self.action {
            out.extend_from_slice(own_signature);
        }
    }

    pub(super) fn decode(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let action = cursor.u8("an action")?;
        if !matches!(action, 1 | 2) {
            return Err(cursor.bad(1, "action 1 or 2", action));
        }
        let key = cursor.array("a key")?;
        let signing_key = cursor.array("a signing key")?;
        let signature = cursor.array("a signature")?;
        let action = match action {
            1 => KeyAction::Add { own_signature: cursor.array("the added key's signature")? },
            _ => KeyAction::Retire,
        };
        Ok(Self { action, key, signing_key, signature })
    }
}

/// The keys of a log, as GENESIS and the KEY entries have them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeysOfLog {
    /// By key: at which indices it was named first as coming, and as going.
    keys: BTreeMap<[u8; 32], Term>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Term {
    added: Option<u64>,
    retired: Option<u64>,
}

impl KeysOfLog {
    /// Those of a log that has a GENESIS and no more.
    pub fn begin(first: [u8; 32]) -> Self {
        Self { keys: BTreeMap::from([(first, Term { added: Some(0), retired: None })]) }
    }

    /// Takes the KEY entry at `index`, which comes after all taken before. Nothing changes when it is refused.
    ///
    /// That one key is always in force needs no rule of its own: the one that signs is, and stays.
    ///
    /// # Errors
    ///
    /// It is signed by a key that is not in force before it, or that it retires, or a signature is not good.
    pub fn take(&mut self, origin: &str, index: u64, change: &KeyChange) -> Result<(), KeyFault> {
        if !self.is_in_force(&change.signing_key, index) {
            return Err(KeyFault::NotInForce);
        }
        if change.action == KeyAction::Retire && change.key == change.signing_key {
            return Err(KeyFault::RetiresItself);
        }
        change.verify(origin, index)?;
        let term = self.keys.entry(change.key).or_default();
        let named = match change.action {
            KeyAction::Add { .. } => &mut term.added,
            KeyAction::Retire => &mut term.retired,
        };
        named.get_or_insert(index);
        Ok(())
    }

    /// Whether a key is in force at a size: GENESIS or an add below it names the key, and no retire below it does.
    pub fn is_in_force(&self, key: &[u8; 32], size: u64) -> bool {
        self.keys.get(key).is_some_and(|term| term.is_in_force(size))
    }

    /// All keys that were ever in force, under the name of the log, ascending.
    pub fn verifiers(&self, origin: &str) -> Vec<VerifierKey> {
        let named = |key| VerifierKey::new(origin, SignatureType::Ed25519, PublicKey::parse(key)?).ok();
        self.keys.iter().filter(|(_, term)| term.added.is_some()).filter_map(|(key, _)| named(key)).collect()
    }

    /// All keys, ascending, each with the indices at which it was first named as coming and as going.
    pub fn terms(&self) -> impl Iterator<Item = (&[u8; 32], Option<u64>, Option<u64>)> {
        self.keys.iter().map(|(key, term)| (key, term.added, term.retired))
    }

    /// From what [`KeysOfLog::terms`] gave.
    pub fn from_terms(terms: impl IntoIterator<Item = ([u8; 32], Option<u64>, Option<u64>)>) -> Self {
        let term = |(key, added, retired)| (key, Term { added, retired });
        Self { keys: terms.into_iter().map(term).collect() }
    }

    /// Whether a key was ever in force.
    pub fn is_known(&self, key: &[u8; 32]) -> bool {
        self.keys.get(key).is_some_and(|term| term.added.is_some())
    }

    /// The keys in force at a size, ascending.
    pub fn in_force(&self, size: u64) -> impl Iterator<Item = &[u8; 32]> {
        self.keys.iter().filter(move |(_, term)| term.is_in_force(size)).map(|(key, _)| key)
    }
}

impl Term {
    fn is_in_force(self, size: u64) -> bool {
        self.added.is_some_and(|index| index < size) && self.retired.is_none_or(|index| index >= size)
    }
}

/// Why a KEY entry is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyFault {
    /// The key that signs was never added, or was retired.
    #[error("signed by a key that is not in force")]
    NotInForce,
    /// A key cannot go by its own word: the log could be left without one.
    #[error("signed by the key that it retires")]
    RetiresItself,
    /// The signature is not good.
    #[error("the signature of the signing key is not good")]
    Signature,
    /// The signature of the key added is not good.
    #[error("the signature of the added key is not good")]
    OwnSignature,
}
