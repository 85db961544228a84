//! A key in a token, by PKCS#11: a hardware security module, or SoftHSM.
//!
//! The mechanism is `CKM_AES_GCM` by `C_Encrypt` and `C_Decrypt`, which most modules have (SoftHSM since 2.4, Luna, AWS
//! CloudHSM, Fortanix; a YubiHSM 2 has not). It binds the key to its log, which `CKM_AES_KEY_WRAP_PAD` cannot. Modules
//! differ in whose initialization vector is used: most take the one that they are given, some write their own over it, and
//! some, in FIPS mode, append their own to what they give. All three are understood; that what was wrapped opens again is
//! seen before it is relied upon.

use std::env;
use std::fs;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;

use cryptoki::context::CInitializeArgs;
use cryptoki::context::CInitializeFlags;
use cryptoki::context::Pkcs11;
use cryptoki::error::Error;
use cryptoki::error::RvError;
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::Attribute;
use cryptoki::object::AttributeType;
use cryptoki::object::KeyType;
use cryptoki::object::ObjectClass;
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use cryptoki::session::UserType;
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use serde::Deserialize;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::keys::custodian::Custodian;
use crate::keys::custodian::CustodianError;
use crate::keys::files;

/// What the operator says about the token: `[pkcs11]` in the file of settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pkcs11Settings {
    /// The module, a shared library that the maker of the token provides.
    pub module: PathBuf,
    /// Label of the token.
    pub token: String,
    /// Label of an AES key in it, of 32 bytes, that cannot be extracted.
    pub key: String,
    /// A file with the PIN, which its owner alone may read. Absent, `PROBITY_PKCS11_PIN` of the environment has it.
    #[serde(default)]
    pub pin_file: Option<PathBuf>,
}

/// Where the PIN stands in the environment. It is no setting: settings are printed.
const PIN: &str = "PROBITY_PKCS11_PIN";

/// Guards the module: what one thread initializes and logs in to, another must not finalize.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// First byte of what is stored, so that there can be others: AES-GCM with 16 bytes of tag.
const AES_GCM: u8 = 1;
const IV_LEN: usize = 12;
const TAG_LEN: usize = 16;
const SEALED_LEN: usize = 32 + TAG_LEN;

/// A key in a token. The module is loaded and the token logged in to for each question, and let go of after it.
#[derive(Clone, Debug)]
pub struct Pkcs11Custodian {
    settings: Pkcs11Settings,
    id: String,
}

impl Pkcs11Custodian {
    /// With what the operator said. Nothing is asked yet.
    pub fn new(settings: Pkcs11Settings) -> Self {
        let id = format!("pkcs11:token={};object={};type=secret-key", escape(&settings.token), escape(&settings.key));
        Self { settings, id }
    }

    /// Makes the key in the token: AES of 32 bytes, which cannot be extracted.
    ///
    /// # Errors
    ///
    /// A key of that label is there, or the token cannot be reached or will not.
    pub fn make_key(&self) -> Result<(), CustodianError> {
        self.in_session(|session| {
            if !self.find(session)?.is_empty() {
                let Pkcs11Settings { token, key, .. } = self.settings.clone();
                return Err(CustodianError::KeyExists { token, key });
            }
            let template = [
                Attribute::Class(ObjectClass::SECRET_KEY),
                Attribute::KeyType(KeyType::AES),
                Attribute::Label(self.settings.key.clone().into_bytes()),
                Attribute::ValueLen(32.into()),
                Attribute::Token(true),
                Attribute::Private(true),
                Attribute::Sensitive(true),
                Attribute::Extractable(false),
                Attribute::Encrypt(true),
                Attribute::Decrypt(true),
            ];
            session.generate_key(&Mechanism::AesKeyGen, &template).map(drop).map_err(failed)
        })
    }

    /// Loads the module, logs in to the token, does something, and lets go of both.
    fn in_session<T>(&self, work: impl FnOnce(&Session) -> Result<T, CustodianError>) -> Result<T, CustodianError> {
        let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let absent = |what: String| CustodianError::Module { module: self.settings.module.clone(), what };
        let module = Pkcs11::new(&self.settings.module).map_err(|error| absent(error.to_string()))?;
        let initialized = match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            Ok(()) => true,
            // By somebody else in this process, who finalizes it.
            Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => false,
            Err(error) => return Err(absent(error.to_string())),
        };
        let done = self.log_in(&module).and_then(|session| {
            let done = work(&session);
            // A session that closes with its process is no loss.
            _ = session.logout();
            done
        });
        if initialized && let Err(error) = module.finalize() {
            tracing::warn!(%error, "the PKCS#11 module was not let go of in order");
        }
        done
    }

    fn log_in(&self, module: &Pkcs11) -> Result<Session, CustodianError> {
        let slot = self.slot(module)?;
        let asks_itself = module.get_token_info(slot).map_err(failed)?.protected_authentication_path();
        let session = module.open_rw_session(slot).or_else(|_| module.open_ro_session(slot)).map_err(failed)?;
        let pin = match self.pin()? {
            Some(pin) => Some(AuthPin::new(pin.as_str().into())),
            // A key pad on the token.
            None if asks_itself => None,
            None => return Err(CustodianError::PinMissing),
        };
        match session.login(UserType::User, pin.as_ref()) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
            Err(Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)) => {
                Err(CustodianError::PinWrong)
            }
            Err(Error::Pkcs11(RvError::PinLocked, _)) => Err(CustodianError::PinLocked),
            Err(error) => Err(failed(error)),
        }
    }

    fn slot(&self, module: &Pkcs11) -> Result<Slot, CustodianError> {
        let slots = module.get_slots_with_token().map_err(failed)?;
        let labels = slots.iter().filter_map(|slot| Some((*slot, module.get_token_info(*slot).ok()?)));
        let initialized: Vec<_> = labels.filter(|(_, token)| token.token_initialized()).collect();
        let mut named = initialized.iter().filter(|(_, token)| token.label() == self.settings.token);
        match (named.next(), named.count()) {
            (Some((slot, _)), 0) => Ok(*slot),
            (Some(_), others) => Err(CustodianError::Ambiguous { what: "tokens", found: others + 1 }),
            (None, _) => {
                Err(CustodianError::TokenNotFound { token: self.settings.token.clone(), found: initialized.len() })
            }
        }
    }

    /// The PIN, from its file or the environment.
    fn pin(&self) -> Result<Option<Zeroizing<String>>, CustodianError> {
        let Some(file) = &self.settings.pin_file else {
            return Ok(env::var(PIN).ok().filter(|pin| !pin.is_empty()).map(Zeroizing::new));
        };
        let unusable = |what: String| CustodianError::PinFile { file: file.clone(), what };
        check_mode(file).map_err(unusable)?;
        let text = fs::read_to_string(file).map(Zeroizing::new).map_err(|error| unusable(error.to_string()))?;
        let pin = text.trim_end_matches(['\r', '\n']);
        if pin.is_empty() {
            return Err(unusable("it is empty".to_owned()));
        }
        Ok(Some(Zeroizing::new(pin.to_owned())))
    }

    fn find(&self, session: &Session) -> Result<Vec<ObjectHandle>, CustodianError> {
        let label = self.settings.key.clone().into_bytes();
        let wanted =
            [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::KeyType(KeyType::AES), Attribute::Label(label)];
        session.find_objects(&wanted).map_err(failed)
    }

    fn key(&self, session: &Session) -> Result<ObjectHandle, CustodianError> {
        let Pkcs11Settings { token, key, .. } = &self.settings;
        let found = match self.find(session)?.as_slice() {
            [] => return Err(CustodianError::KeyNotFound { token: token.clone(), key: key.clone() }),
            [found] => *found,
            all => return Err(CustodianError::Ambiguous { what: "keys in the token", found: all.len() }),
        };
        let attributes = session.get_attributes(found, &[AttributeType::Extractable]).map_err(failed)?;
        if attributes.contains(&Attribute::Extractable(true)) {
            return Err(CustodianError::Extractable { key: key.clone() });
        }
        Ok(found)
    }
}

impl Custodian for Pkcs11Custodian {
    fn id(&self) -> &str {
        &self.id
    }

    fn wrap(&self, secret: &[u8; 32], bound_to: &[u8]) -> Result<Vec<u8>, CustodianError> {
        let mut iv = [0; IV_LEN];
        files::random(&mut iv);
        let sealed = self.in_session(|session| {
            let key = self.key(session)?;
            let mechanism = Mechanism::AesGcm(gcm(&mut iv, bound_to)?);
            session.encrypt(&mechanism, key, secret).map_err(failed)
        })?;
        // The vector is what it is now: a token may have written its own over it, or appended it.
        let Some((sealed, appended)) = sealed.split_at_checked(SEALED_LEN).filter(|(_, iv)| iv.len() <= IV_LEN_MAX)
        else {
            return Err(CustodianError::Failed(format!("the token gave {} bytes", sealed.len())));
        };
        let iv = if appended.is_empty() { &iv } else { appended };
        let iv_len = u8::try_from(iv.len()).expect("at most 32");
        Ok([&[AES_GCM, iv_len], iv, sealed].concat())
    }

    fn unwrap(&self, wrapped: &[u8], bound_to: &[u8]) -> Result<Zeroizing<[u8; 32]>, CustodianError> {
        let parsed = parse(wrapped).ok_or_else(|| CustodianError::Failed("no token wrapped this".to_owned()))?;
        let (mut iv, sealed) = parsed;
        let opened = self.in_session(|session| {
            let key = self.key(session)?;
            let mechanism = Mechanism::AesGcm(gcm(&mut iv, bound_to)?);
            session.decrypt(&mechanism, key, sealed).map(Zeroizing::new).map_err(not_opened)
        })?;
        let secret = opened.as_slice().try_into();
        secret.map(Zeroizing::new).map_err(|_| CustodianError::Failed(format!("the token gave {} bytes", opened.len())))
    }
}

/// Of a vector that a token appends: 12 or 16 bytes are known.
const IV_LEN_MAX: usize = 32;

/// The vector and the sealed bytes.
fn parse(wrapped: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (iv_len, rest) = wrapped.strip_prefix(&[AES_GCM])?.split_first()?;
    let (iv, sealed) = rest.split_at_checked((*iv_len).into())?;
    ((1..=IV_LEN_MAX).contains(&iv.len()) && sealed.len() == SEALED_LEN).then(|| (iv.to_vec(), sealed))
}

fn gcm<'a>(iv: &'a mut [u8], bound_to: &'a [u8]) -> Result<GcmParams<'a>, CustodianError> {
    GcmParams::new(iv, bound_to, 128.into()).map_err(failed)
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn failed(error: Error) -> CustodianError {
    CustodianError::Failed(error.to_string())
}

/// A tag that does not hold is told in several ways; SoftHSM has but one word for everything.
fn not_opened(error: Error) -> CustodianError {
    match error {
        Error::Pkcs11(
            said @ (RvError::EncryptedDataInvalid | RvError::EncryptedDataLenRange | RvError::GeneralError),
            _,
        ) => CustodianError::OtherKey { what: format!("{said:?}") },
        error => failed(error),
    }
}

fn check_mode(file: &Path) -> Result<(), String> {
    let opened = File::open(file).map_err(|error| error.to_string())?;
    files::check_mode(&opened, file).map_err(|_| "others may read it; make it 600".to_owned())
}

/// As RFC 7512 writes labels.
fn escape(label: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let escaped = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    label.bytes().map(escaped).collect()
}

#[cfg(test)]
mod tests;
