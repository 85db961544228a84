//! Who may read bundles of entries: leaves hold pseudonyms, places and times, and that is nothing for the whole world.

use data_encoding::HEXLOWER;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use sha2::Digest as _;
use sha2::Sha256;
use subtle::Choice;
use subtle::ConstantTimeEq as _;

/// Who may read bundles of entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// SHA-256 of each auditor's token: whoever reads the configuration has none of them.
    hashes: Vec<[u8; 32]>,
    open: bool,
}

impl Access {
    /// Auditors by the SHA-256 of their tokens in hexadecimal digits, lower case; or everybody. `None` where one of them
    /// is no hash.
    pub fn parse(hashes: &[String], open: bool) -> Option<Self> {
        let parse = |hash: &String| HEXLOWER.decode(hash.as_bytes()).ok()?.try_into().ok();
        Some(Self { hashes: hashes.iter().map(parse).collect::<Option<_>>()?, open })
    }

    /// Whether everybody may.
    pub(super) const fn is_open(&self) -> bool {
        self.open
    }

    /// Whether whoever sent these headers may. How long it takes tells nothing of the hashes.
    pub(super) fn admits(&self, headers: &HeaderMap) -> bool {
        self.open || self.knows(headers)
    }

    /// Whether these headers have an auditor's token.
    pub(super) fn knows(&self, headers: &HeaderMap) -> bool {
        let presented = token(headers).map(|token| <[u8; 32]>::from(Sha256::digest(token)));
        let known = |presented: [u8; 32]| {
            self.hashes.iter().fold(Choice::from(0), |known, hash| known | hash.ct_eq(&presented))
        };
        presented.is_some_and(|presented| known(presented).into())
    }
}

/// The token of `Authorization: Bearer <token>` (RFC 6750 section 2.1), where it stands there once.
fn token(headers: &HeaderMap) -> Option<&[u8]> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(one), None) = (given.next(), given.next()) else { return None };
    let (scheme, token) = one.as_bytes().split_at_checked("Bearer ".len())?;
    (scheme.eq_ignore_ascii_case(b"Bearer ") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests;
