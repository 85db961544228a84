//! The keys of a log as the ledger and the index ask for them.

use std::sync::Arc;

use rand::Rng;

use crate::events::Event;
use crate::events::EventType;
use crate::index::Identities;
use crate::keys::Keyring;
use crate::ledger::SEALED_IDENTITY;
use crate::ledger::SealingKey;
use crate::ledger::Vault;
use crate::ledger::VaultError;
use crate::ledger::content_of;
use crate::ledger::native_ids;
use crate::log::Checked;
use crate::log::Key;
use crate::log::NONCE_LEN;
use crate::log::Salt;
use crate::log::SealedBy;

/// Seals and opens with the keys of one log.
#[derive(Clone, Debug)]
pub struct KeyVault {
    keys: Arc<Keyring>,
    origin: Arc<str>,
}

impl KeyVault {
    /// With the keys of the log of this origin.
    pub const fn new(keys: Arc<Keyring>, origin: Arc<str>) -> Self {
        Self { keys, origin }
    }

    /// The keys.
    pub fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// Opens a sealed part: the event message with that field alone. `None` where the key is not held, as of every part that
    /// a client sealed, whatever it calls its key.
    ///
    /// # Errors
    ///
    /// The part is not what the manifest commits to, or the keys cannot be read.
    pub fn open_part(&self, entry: &Checked, part: usize) -> Result<Option<Vec<u8>>, VaultError> {
        let Some(named) = entry.manifest.as_ref().and_then(|manifest| manifest.parts.get(part)) else {
            return Ok(None);
        };
        if named.sealed_by == SealedBy::Client {
            return Ok(None);
        }
        let key = self.keys.data.by_id(&named.key_id).map_err(|error| VaultError { what: error.to_string() })?;
        let Some(key) = key else { return Ok(None) };
        let opened = content_of(&self.origin, entry, part, &key.key);
        opened.map(Some).map_err(|error| VaultError { what: error.to_string() })
    }
}

impl Vault for KeyVault {
    fn salt(&self) -> Salt {
        let mut salt = [0; 32];
        fill(&mut salt);
        salt
    }

    fn nonce(&self) -> [u8; NONCE_LEN] {
        let mut nonce = [0; NONCE_LEN];
        fill(&mut nonce);
        nonce
    }

    fn sealing_key(&self, owner: &Key, class: u8, year: u16) -> Result<SealingKey, VaultError> {
        let key = self.keys.data.of(owner, class, year).map_err(|error| VaultError { what: error.to_string() })?;
        Ok(SealingKey { id: key.id, key: key.key })
    }

    fn is_own_key(&self, id: &[u8; 16]) -> Result<bool, VaultError> {
        self.keys.data.knows(id).map_err(|error| VaultError { what: error.to_string() })
    }

    fn lookup_token(&self, scheme: &str, value: &str) -> [u8; 16] {
        self.keys.lookup_token(scheme, value)
    }

    fn origin(&self) -> &str {
        &self.origin
    }
}

impl Identities for KeyVault {
    fn tokens(&self, entry: &Checked) -> Vec<[u8; 16]> {
        let Some(manifest) = &entry.manifest else { return Vec::new() };
        let event_type = EventType::parse(&manifest.event_type, manifest.version);
        let registers =
            |known: &EventType| matches!(known, EventType::PersonRegistered | EventType::OrganisationRegistered);
        let Some(event_type) = event_type.filter(registers) else { return Vec::new() };
        if manifest.parts.iter().any(|part| part.sealed_by == SealedBy::Client) {
            return vec![self.keys.lookup_token(SEALED_IDENTITY.0, SEALED_IDENTITY.1)];
        }
        let Some(open) = &entry.entry.open else { return Vec::new() };
        let mut whole = open.payload.to_vec();
        for part in 0..manifest.parts.len() {
            if let Ok(Some(content)) = self.open_part(entry, part) {
                whole.extend_from_slice(&content);
            }
        }
        let Ok(event) = Event::decode(event_type, &whole) else { return Vec::new() };
        native_ids(&event).map(|(scheme, value)| self.keys.lookup_token(scheme, value)).collect()
    }
}

/// Random bytes of a generator that the system seeds: one request draws many salts.
fn fill(bytes: &mut [u8]) {
    rand::rng().fill_bytes(bytes);
}
