//! Tokens of people: JWTs signed by a key of the issuer's JWKS (RFC 7515, 7517, 7519), with one algorithm that the policy
//! names. The header of a token chooses a key among those of that algorithm, and nothing else: `none` and HMAC are no
//! algorithms here, and a key in the header is not looked at.

use data_encoding::BASE64URL_NOPAD;
use ring::signature::ECDSA_P256_SHA256_FIXED;
use ring::signature::ED25519;
use ring::signature::RSA_PKCS1_2048_8192_SHA256;
use ring::signature::RsaPublicKeyComponents;
use ring::signature::UnparsedPublicKey;
use serde::Deserialize;
use thiserror::Error;

use crate::access::TokenSettings;

/// Longer tokens are not looked at.
const TOKEN_BYTES_MAX: usize = 8 << 10;

/// More keys are no set of an issuer.
const KEYS_MAX: usize = 64;

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<KeyFile>,
}

/// A key as RFC 7517 has it. Members that are not named here are passed over, as the RFC wants.
#[derive(Deserialize)]
struct KeyFile {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// The keys of an issuer, of the one algorithm that its tokens have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys(Vec<(String, Key)>);

/// A set of keys cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeysError {
    /// It is no JWKS.
    #[error("not a JWKS (RFC 7517)")]
    NoSet,
    /// It has no key that the algorithm can use.
    #[error("no key with a kid for the algorithm of the policy")]
    NoKey,
}

/// A token does not say who calls. The token itself is never told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// It is not three parts of base 64, or one is no JSON.
    #[error("not a token")]
    Malformed,
    /// It has another algorithm than the policy names.
    #[error("another algorithm than the policy names")]
    Algorithm,
    /// It names no key, or none that is known: the issuer may have a new one.
    #[error("a key that is not known")]
    UnknownKey,
    /// The signature is not that key's.
    #[error("not signed by its key")]
    Signature,
    /// Somebody else issued it.
    #[error("another issuer")]
    Issuer,
    /// It is for somebody else.
    #[error("another audience")]
    Audience,
    /// It is over, or has no end.
    #[error("expired")]
    Expired,
    /// The policy knows nobody of its `sub`.
    #[error("nobody that the policy knows")]
    Subject,
    /// It is not valid yet.
    #[error("not valid yet")]
    NotYet,
}

impl Keys {
    /// Reads a JWKS, and keeps the keys of the policy's algorithm.
    ///
    /// # Errors
    ///
    /// It is none, or has no such key.
    pub fn parse(json: &[u8], algorithm: &str) -> Result<Self, KeysError> {
        let set: KeySet = serde_json::from_slice(json).map_err(|_| KeysError::NoSet)?;
        let of_algorithm = |file: KeyFile| {
            let said = file.alg.as_deref().is_none_or(|alg| alg == algorithm);
            let signs = file.usage.as_deref().is_none_or(|usage| usage == "sig");
            let kid = file.kid.clone().filter(|kid| !kid.is_empty() && said && signs)?;
            Some((kid, key_of(&file, algorithm)?))
        };
        let keys: Vec<_> = set.keys.into_iter().take(KEYS_MAX).filter_map(of_algorithm).collect();
        if keys.is_empty() { Err(KeysError::NoKey) } else { Ok(Self(keys)) }
    }
}

fn key_of(file: &KeyFile, algorithm: &str) -> Option<Key> {
    let number = |text: &Option<String>| BASE64URL_NOPAD.decode(text.as_ref()?.as_bytes()).ok();
    match (algorithm, file.kty.as_str(), file.crv.as_deref()) {
        ("RS256", "RSA", _) => Some(Key::Rsa { n: number(&file.n)?, e: number(&file.e)? }),
        ("ES256", "EC", Some("P-256")) => {
            let (x, y) = (number(&file.x)?, number(&file.y)?);
            (x.len() == 32 && y.len() == 32).then(|| Key::P256([&[4][..], &x, &y].concat()))
        }
        ("EdDSA", "OKP", Some("Ed25519")) => number(&file.x).filter(|x| x.len() == 32).map(Key::Ed25519),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood: none is (RFC 7515 section 4.1.11).
    crit: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<Audience>,
    exp: Option<u64>,
    nbf: Option<u64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Checks a token, and says whose it is: its `sub`. `now_s` is Unix time in seconds.
///
/// # Errors
///
/// It is not to be believed.
pub fn subject_of(token: &str, settings: &TokenSettings, keys: &Keys, now_s: u64) -> Result<String, TokenError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(TokenError::Malformed);
    }
    let mut parts = token.split('.');
    let (Some(header), Some(claims), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenError::Malformed);
    };
    let signed = &token[..header.len() + 1 + claims.len()];
    let head: Header = read(header)?;
    if head.alg != settings.algorithm || head.crit.is_some() {
        return Err(TokenError::Algorithm);
    }
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).map_err(|_| TokenError::Malformed)?;
    let kid = head.kid.ok_or(TokenError::UnknownKey)?;
    let (_, key) = keys.0.iter().find(|(name, _)| *name == kid).ok_or(TokenError::UnknownKey)?;
    check(key, signed.as_bytes(), &signature)?;
    // Only what is signed is read.
    believe(read(claims)?, settings, now_s)
}

fn believe(claims: Claims, settings: &TokenSettings, now_s: u64) -> Result<String, TokenError> {
    if claims.iss.as_deref() != Some(&settings.issuer) {
        return Err(TokenError::Issuer);
    }
    let for_us = match claims.aud {
        Some(Audience::One(audience)) => audience == settings.audience,
        Some(Audience::Many(audiences)) => audiences.contains(&settings.audience),
        None => false,
    };
    if !for_us {
        return Err(TokenError::Audience);
    }
    if claims.exp.is_none_or(|exp| exp.saturating_add(settings.leeway_s) <= now_s) {
        return Err(TokenError::Expired);
    }
    if claims.nbf.is_some_and(|nbf| nbf > now_s.saturating_add(settings.leeway_s)) {
        return Err(TokenError::NotYet);
    }
    claims.sub.filter(|sub| !sub.is_empty()).ok_or(TokenError::Malformed)
}

fn check(key: &Key, signed: &[u8], signature: &[u8]) -> Result<(), TokenError> {
    let checked = match key {
        Key::Rsa { n, e } => RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature),
        Key::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature),
        Key::Ed25519(point) => UnparsedPublicKey::new(&ED25519, point).verify(signed, signature),
    };
    checked.map_err(|_| TokenError::Signature)
}

fn read<'t, T: for<'d> Deserialize<'d>>(part: &'t str) -> Result<T, TokenError> {
    let bytes = BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Malformed)
}
