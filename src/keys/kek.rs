//! The key-encryption key: data keys lie in their file sealed under it, so that whoever has the file alone has nothing,
//! and a copy of the file is worth nothing once this key is another.

use std::path::Path;

use chacha20poly1305::KeyInit;
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::XNonce;
use chacha20poly1305::aead::Aead;
use chacha20poly1305::aead::Payload;
use sha2::Digest;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::keys::KEK;
use crate::keys::KeysError;
use crate::keys::WRAPPED;
use crate::keys::custodian::Custodian;
use crate::keys::files;
use crate::keys::rotate;
use crate::keys::wrapped::WrappedKey;

/// Bytes of a data key as it is stored: sealed, with its tag.
pub(super) const WRAPPED_LEN: usize = 48;

/// A key that seals data keys.
pub struct KeyEncryptionKey {
    secret: Zeroizing<[u8; 32]>,
    number: [u8; 4],
}

impl std::fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyEncryptionKey")
    }
}

impl KeyEncryptionKey {
    /// Of 32 secret bytes, wherever they come from.
    pub fn new(secret: Zeroizing<[u8; 32]>) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"probity/key-encryption-key/v1\0");
        hasher.update(*secret);
        let whole: [u8; 32] = hasher.finalize().into();
        Self { secret, number: *whole.first_chunk().expect("32 bytes have a first four") }
    }

    /// Of a folder of keys: from its file, or from the one that a custodian sealed. Where there is neither and one may be
    /// made, it lies with the custodian if there is one.
    pub(super) fn open(
        folder: &Path,
        origin: &str,
        custodian: Option<&dyn Custodian>,
        create: bool,
    ) -> Result<Self, KeysError> {
        let (file, wrapped) = (folder.join(KEK), folder.join(WRAPPED));
        match custodian {
            _ if wrapped.exists() => WrappedKey::read(&wrapped)?.open(&wrapped, origin, custodian),
            Some(custodian) if create && !file.exists() => {
                let mut secret = Zeroizing::new([0; 32]);
                files::random(&mut *secret);
                let sealed = WrappedKey::seal(&secret, origin, custodian)?.write();
                files::place(&wrapped, &rotate::next(folder, WRAPPED), &sealed)?;
                Ok(Self::new(secret))
            }
            _ => Self::read(&file, create),
        }
    }

    /// Of its file, which is made where there is none and it may be.
    pub(super) fn read(path: &Path, create: bool) -> Result<Self, KeysError> {
        files::secret(path, create).map(Self::new)
    }

    /// Under what records name it: four bytes of a digest.
    pub const fn number(&self) -> [u8; 4] {
        self.number
    }

    /// Seals a data key. The nonce is the key's own id, which is random and never used for another key.
    pub(super) fn wrap(&self, id: &[u8; 16], place: &[u8], key: &[u8; 32]) -> [u8; WRAPPED_LEN] {
        let sealed = self.cipher().encrypt(&nonce(id), Payload { msg: key, aad: place });
        let sealed = sealed.expect("32 bytes can be sealed");
        sealed.try_into().expect("a tag has 16 bytes")
    }

    /// Opens a data key; `None` where it is sealed under another key, or stands in another place.
    pub(super) fn unwrap(&self, id: &[u8; 16], place: &[u8], wrapped: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        let opened = self.cipher().decrypt(&nonce(id), Payload { msg: wrapped, aad: place }).ok()?;
        let opened = Zeroizing::new(opened);
        opened.as_slice().try_into().ok().map(Zeroizing::new)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.secret).into())
    }
}

fn nonce(id: &[u8; 16]) -> XNonce {
    let mut nonce = [0; 24];
    nonce[..16].copy_from_slice(id);
    nonce.into()
}
