//! What a listener decides by at one moment: the policy, and the keys that tokens are signed with. Replaced whole when a
//! file changes.

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use thiserror::Error;

use crate::access::Caller;
use crate::access::Class;
use crate::access::Denied;
use crate::access::Keys;
use crate::access::Policy;
use crate::access::Presented;
use crate::access::TokenError;
use crate::access::decide;
use crate::access::subject_of;

/// Who is at the other end of a connection, as far as the connection tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// `sha256:` and the digest of its certificate, and the names in it; none where it showed no certificate.
    pub names: Vec<String>,
    /// Whether it came over plain loopback: whoever may use this machine.
    pub local: bool,
}

/// What a call says of itself in its headers.
#[derive(Clone, Copy, Default)]
pub struct Said<'h> {
    /// `authorization`; `Some("")` where it stands there twice or is no text.
    pub authorization: Option<&'h str>,
    /// `probity-purpose`.
    pub purpose: Option<&'h str>,
    /// `probity-legal-basis`.
    pub legal_basis: Option<&'h str>,
    /// `probity-emergency`.
    pub emergency: Option<&'h str>,
}

/// Why a call is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// The token is not to be believed.
    #[error("the token is refused: {0}")]
    Token(TokenError),
    /// Nobody may, or not this one.
    #[error(transparent)]
    Denied(#[from] Denied),
}

/// What a listener decides by.
#[derive(Default)]
pub struct Guard {
    /// `None`: there is no access control.
    policy: Option<Policy>,
    keys: Option<Keys>,
    /// Whether a token named a key that is not here: the issuer may have a new one.
    missed_a_key: AtomicBool,
}

impl Guard {
    /// With a policy, and the keys of those who issue tokens where it takes any.
    pub const fn new(policy: Policy, keys: Option<Keys>) -> Self {
        Self { policy: Some(policy), keys, missed_a_key: AtomicBool::new(false) }
    }

    /// Whether it guards anything.
    pub const fn is_on(&self) -> bool {
        self.policy.is_some()
    }

    /// The policy.
    pub const fn policy(&self) -> Option<&Policy> {
        self.policy.as_ref()
    }

    /// The keys of those who issue tokens.
    pub const fn keys(&self) -> Option<&Keys> {
        self.keys.as_ref()
    }

    /// Whether a token named a key that is not here, since this was asked last.
    pub fn take_missed_key(&self) -> bool {
        self.missed_a_key.swap(false, Ordering::Relaxed)
    }

    /// Lets a call in, or not. A token says who calls before a certificate does: a service that carries a person's token
    /// acts for the person. `now_s` is Unix time in seconds.
    ///
    /// # Errors
    ///
    /// The call may not be made; nothing of its request was looked at.
    pub fn admit(&self, method: &str, peer: &Peer, said: Said<'_>, now_s: u64) -> Result<Caller, Refused> {
        let Some(policy) = &self.policy else { return Ok(Caller::local()) };
        let principal = self.named(policy, peer, said, now_s).map_err(Refused::Token)?;
        let presented = Presented {
            principal: principal.map(str::to_owned),
            purpose: said.purpose.map(str::to_owned),
            legal_basis: said.legal_basis.map(str::to_owned),
            emergency: said.emergency.map(str::to_owned),
        };
        Ok(decide(policy, method, &presented)?.0)
    }

    /// Who calls, without any right: to tell whose call was not let in.
    pub fn who(&self, peer: &Peer, said: Said<'_>, now_s: u64) -> Option<Caller> {
        let policy = self.policy.as_ref()?;
        let principal = policy.principal(self.named(policy, peer, said, now_s).ok()??)?;
        Some(Caller::of(principal, Class::P0))
    }

    fn named<'p>(
        &self,
        policy: &'p Policy,
        peer: &Peer,
        said: Said<'_>,
        now_s: u64,
    ) -> Result<Option<&'p str>, TokenError> {
        match said.authorization {
            Some(authorization) => self.of_token(policy, authorization, now_s).map(Some),
            None if peer.names.is_empty() && peer.local => Ok(policy.of_local()),
            None => Ok(peer.names.iter().find_map(|name| policy.of_certificate(name))),
        }
    }

    fn of_token<'p>(&self, policy: &'p Policy, authorization: &str, now_s: u64) -> Result<&'p str, TokenError> {
        let token = authorization.split_at_checked(7).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer "));
        let (_, token) = token.ok_or(TokenError::Malformed)?;
        let settings = policy.tokens().ok_or(TokenError::UnknownKey)?;
        let keys = self.keys.as_ref().ok_or(TokenError::UnknownKey)?;
        let subject = subject_of(token.trim(), settings, keys, now_s).inspect_err(|error| {
            if *error == TokenError::UnknownKey {
                self.missed_a_key.store(true, Ordering::Relaxed);
            }
        })?;
        policy.of_subject(&subject).ok_or(TokenError::Subject)
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("is_on", &self.is_on()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A token is never shown.
        f.debug_struct("Said").field("authorization", &self.authorization.is_some()).finish_non_exhaustive()
    }
}
