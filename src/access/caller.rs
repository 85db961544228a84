//! Who calls, with what rights, for what purpose; and whether a matter is his.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use thiserror::Error;

use crate::access::Action;
use crate::access::Class;
use crate::access::Classes;
use crate::access::Level;
use crate::access::Policy;
use crate::access::Principal;
use crate::access::Rule;
use crate::access::rule_of;
use crate::log::Name;

/// The principal of callers of a service without access control.
pub const LOCAL: &str = "local";

/// Longest scheme or code of a purpose.
const CODE_LEN_MAX: usize = 96;

/// A code of a vocabulary, as `scheme/code`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coded {
    /// The vocabulary.
    pub scheme: String,
    /// The code in it.
    pub code: String,
}

impl Coded {
    /// Reads `scheme/code`, each `[a-z0-9][a-z0-9_.-]{0,95}`.
    pub fn parse(text: &str) -> Option<Self> {
        let first = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let other = |byte: u8| first(&byte) || matches!(byte, b'_' | b'.' | b'-');
        let good = |part: &str| {
            part.len() <= CODE_LEN_MAX && part.bytes().all(other) && part.as_bytes().first().is_some_and(first)
        };
        let (scheme, code) = text.split_once('/')?;
        (good(scheme) && good(code)).then(|| Self { scheme: scheme.to_owned(), code: code.to_owned() })
    }
}

impl fmt::Display for Coded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.scheme, self.code)
    }
}

/// What a call brings along beside its request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presented {
    /// Id of the principal that the connection or the token proved; `None`: nobody.
    pub principal: Option<String>,
    /// `probity-purpose`, as sent.
    pub purpose: Option<String>,
    /// `probity-legal-basis`, as sent.
    pub legal_basis: Option<String>,
    /// `probity-emergency`, as sent.
    pub emergency: Option<String>,
}

/// Why a call is refused before it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Denied {
    /// Nobody is named, or nobody that the policy knows.
    #[error("who calls is not known here")]
    Unauthenticated,
    /// The method has no rule, or the caller's role does not reach it.
    #[error("this caller may not call this method")]
    Method,
    /// What the caller must say is missing, or is no code.
    #[error("{0} must say why, as scheme/code")]
    Basis(&'static str),
}

/// Who calls. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Caller {
    /// `None`: there is no access control, and everything is allowed.
    principal: Option<Arc<Principal>>,
    /// What the method may show.
    shows: Classes,
    purpose: Option<Coded>,
    legal_basis: Option<Coded>,
    /// The ground of an emergency access.
    emergency: Option<Coded>,
    /// What the call asked about, allowed or not, and whom it shows. Guards sets that are read and emptied whole.
    notes: Arc<Mutex<Notes>>,
}

/// What a call asked about and whom its answer shows, as far as it was not taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Names that it asked about, allowed or not.
    pub asked: BTreeSet<String>,
    /// Ids of persons and bodies whom the answer shows without their names.
    pub shown: BTreeSet<String>,
}

/// Whose a matter is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matter {
    /// The bodies in whose registers it stands, or what it belongs to: the case of a decision, the decision of an appeal.
    pub bodies: BTreeSet<Name>,
    /// The bodies to which it, or a part of it, was brought on appeal.
    pub brought_to: BTreeSet<Name>,
    /// Whether the caller is one of those whom it is about.
    pub of_caller: bool,
    /// Whether it is of declarations: a duty, a declaration, a verification.
    pub declared: bool,
}

impl Caller {
    /// Of a service without access control: everything is allowed.
    pub fn local() -> Self {
        Self {
            principal: None,
            shows: Classes::OPENABLE,
            purpose: None,
            legal_basis: None,
            emergency: None,
            notes: Arc::default(),
        }
    }

    /// Somebody whom the policy knows, and who says nothing of why he calls.
    pub(super) fn of(principal: Arc<Principal>, shows: Class) -> Self {
        Self { principal: Some(principal), shows: Classes::up_to(shows), ..Self::local() }
    }

    /// The stable id, as it stands in manifests.
    pub fn principal(&self) -> &str {
        self.principal.as_ref().map_or(LOCAL, |principal| &principal.id)
    }

    /// The level of access; `None`: there is no access control.
    pub fn level(&self) -> Option<Level> {
        self.principal.as_ref().map(|principal| principal.role.level)
    }

    /// Whether nothing is hidden from it, and no matter need be its own.
    pub fn sees_everything(&self) -> bool {
        self.level().is_none_or(|level| level == Level::A1)
    }

    /// The body that it acts for.
    pub fn body(&self) -> Option<&Name> {
        self.principal.as_ref()?.role.body.as_ref()
    }

    /// The person that it is, where it reads its own record.
    pub fn entity(&self) -> Option<&Name> {
        self.principal.as_ref()?.entity.as_ref()
    }

    /// The classes of data that the method may show it by itself. P5 is never among them: that takes a second custodian.
    pub fn classes(&self) -> Classes {
        let own = self.principal.as_ref().map_or(Classes::OPENABLE, |principal| principal.role.classes);
        own.and(self.shows).and(Classes::OPENABLE)
    }

    /// Whether it may take part in opening what is protected.
    pub fn is_custodian(&self) -> bool {
        self.principal
            .as_ref()
            .is_some_and(|principal| principal.role.level == Level::L7 && principal.role.classes.has(Class::P5))
    }

    /// Whether its role has an action.
    pub fn does(&self, action: Action) -> bool {
        self.principal.as_ref().is_none_or(|principal| principal.role.actions.contains(&action))
    }

    /// Whether it may append events of this type.
    pub fn may_append(&self, event_type: &str) -> bool {
        self.principal.as_ref().is_none_or(|principal| principal.role.appends(event_type))
    }

    /// For what it asks.
    pub const fn purpose(&self) -> Option<&Coded> {
        self.purpose.as_ref()
    }

    /// By what right it asks.
    pub const fn legal_basis(&self) -> Option<&Coded> {
        self.legal_basis.as_ref()
    }

    /// The ground on which it reads what is not its own. Its role has the action for that, and the level of the role stays.
    pub const fn emergency(&self) -> Option<&Coded> {
        self.emergency.as_ref()
    }

    /// Whether a matter is its own, in the sense of its level. A matter that is not there belongs to nobody.
    pub fn may(&self, matter: &Matter) -> bool {
        let Some(level) = self.level() else { return true };
        if self.emergency.is_some() {
            return level != Level::L5 || matter.declared;
        }
        let own = |bodies: &BTreeSet<Name>| self.body().is_some_and(|body| bodies.contains(body));
        match level {
            Level::A1 => true,
            Level::L3 => matter.of_caller,
            Level::L4 => own(&matter.bodies),
            Level::L5 => matter.declared && own(&matter.bodies),
            Level::L6 => own(&matter.bodies) || own(&matter.brought_to),
            Level::L0 | Level::L1 | Level::L2 | Level::L7 | Level::O1 => false,
        }
    }

    /// Notes that the call asks about this name, allowed or not.
    pub fn note(&self, name: &str) {
        self.notes().asked.insert(name.to_owned());
    }

    /// Notes that the answer shows this person or body, without its name standing there.
    pub fn note_shown(&self, id: &str) {
        let mut notes = self.notes();
        if !notes.shown.contains(id) {
            notes.shown.insert(id.to_owned());
        }
    }

    /// What was noted since this was taken last.
    pub fn take_notes(&self) -> Notes {
        std::mem::take(&mut *self.notes())
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Decides whether a call may begin, and as whom.
///
/// # Errors
///
/// It may not; nothing of the request was looked at.
pub fn decide(policy: &Policy, method: &str, presented: &Presented) -> Result<(Caller, &'static Rule), Denied> {
    let principal = presented.principal.as_deref().and_then(|id| policy.principal(id));
    let unruled = if principal.is_some() { Denied::Method } else { Denied::Unauthenticated };
    let rule = rule_of(method).ok_or(unruled)?;
    let Some(levels) = rule.levels else {
        // Anybody may: who it is does not matter, and has no rights by it.
        let caller = principal.unwrap_or_else(Policy::nobody);
        return Ok((Caller::of(caller, rule.shows), rule));
    };
    let principal = principal.ok_or(Denied::Unauthenticated)?;
    let role = &principal.role;
    if !levels.has(role.level) || !role.actions.contains(&rule.action) {
        return Err(Denied::Method);
    }
    let coded = |name, sent: Option<&str>| sent.map(|sent| Coded::parse(sent).ok_or(Denied::Basis(name))).transpose();
    let purpose = coded("probity-purpose", presented.purpose.as_deref())?;
    let legal_basis = coded("probity-legal-basis", presented.legal_basis.as_deref())?;
    if rule.basis && role.level != Level::L0 {
        if purpose.is_none() {
            return Err(Denied::Basis("probity-purpose"));
        }
        if legal_basis.is_none() {
            return Err(Denied::Basis("probity-legal-basis"));
        }
    }
    let emergency = coded("probity-emergency", presented.emergency.as_deref())?;
    // It is for reads that are recorded, and for nothing else.
    if emergency.is_some() && !(rule.in_emergency() && role.actions.contains(&Action::Emergency)) {
        return Err(Denied::Method);
    }
    Ok((Caller { purpose, legal_basis, emergency, ..Caller::of(principal, rule.shows) }, rule))
}
