//! The policy: who there is and what each may, from a file that people write. An error names the key and the rule that it
//! breaks, never what a secret would be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::LazyLock;

use serde::Deserialize;
use thiserror::Error;
use url::Host;
use url::Url;

use crate::access::Action;
use crate::access::Class;
use crate::access::Classes;
use crate::access::LOCAL;
use crate::access::Level;
use crate::log::Name;

/// Longest id of a principal.
const ID_LEN_MAX: usize = 64;

/// What the service does by itself; nobody else may be called so.
const SYSTEM: &str = "system";

/// Why no role is limited to a territory.
const NO_TERRITORY: &str = "none: it cannot be enforced, for nothing recorded says in which territory a body or a matter lies; \
                            a role is limited by its body";

/// Seconds by which the clock of whoever issues tokens may differ, at most.
const LEEWAY_MAX_S: u64 = 300;

/// Seconds for which the keys of tokens are waited for, at most: reading the policy again waits for them.
const KEYS_WITHIN_MAX_S: u64 = 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    #[serde(default)]
    principal: Vec<PrincipalFile>,
    #[serde(default)]
    role: Vec<RoleFile>,
    tokens: Option<TokenSettings>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrincipalFile {
    id: String,
    role: String,
    entity: Option<String>,
    #[serde(default)]
    local: bool,
    #[serde(default)]
    certificates: Vec<String>,
    #[serde(default)]
    subjects: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleFile {
    name: String,
    level: Level,
    body: Option<String>,
    /// Read to be refused with its reason.
    territory: Option<toml::Value>,
    #[serde(default)]
    classes: Vec<Class>,
    actions: Vec<Action>,
    #[serde(default)]
    events: Vec<String>,
}

/// How tokens of people are checked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSettings {
    /// Who issues them: `iss`, exactly.
    pub issuer: String,
    /// For whom they are: one of `aud`, exactly.
    pub audience: String,
    /// A JWKS: a file, or an address with `https://`; with `http://` only on this machine.
    pub keys: String,
    /// The one algorithm: `RS256`, `ES256` or `EdDSA`.
    pub algorithm: String,
    /// Seconds by which the issuer's clock may differ; 60 where it is not said.
    #[serde(default = "leeway_s")]
    pub leeway_s: u64,
    /// Seconds that the address of the keys may take to answer; 10 where it is not said.
    #[serde(default = "keys_within_s")]
    pub keys_within_s: u64,
}

impl TokenSettings {
    /// Whether the keys are asked for over HTTP, and do not lie in a file.
    pub fn are_keys_elsewhere(&self) -> bool {
        self.keys.contains("://")
    }
}

const fn leeway_s() -> u64 {
    60
}

const fn keys_within_s() -> u64 {
    10
}

/// What the holders of a role may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// As the policy calls it.
    pub name: String,
    /// Its level.
    pub level: Level,
    /// The body that its holders act for.
    pub body: Option<Name>,
    /// The classes of data that its holders see.
    pub classes: Classes,
    /// What they do.
    pub actions: Vec<Action>,
    /// The types of events that they append, or their beginnings with `*` behind.
    pub events: Vec<String>,
}

impl Role {
    /// Whether its holders may append events of a type.
    pub fn appends(&self, event_type: &str) -> bool {
        let matches = |pattern: &String| match pattern.strip_suffix('*') {
            Some(beginning) => event_type.starts_with(beginning),
            None => pattern == event_type,
        };
        self.actions.contains(&Action::Append) && self.events.iter().any(matches)
    }
}

/// Somebody who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The stable id, ASCII, as it stands in manifests.
    pub id: String,
    /// What it may.
    pub role: Arc<Role>,
    /// The person that it is, at level L3.
    pub entity: Option<Name>,
}

/// Who there is and what each may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    principals: BTreeMap<String, Arc<Principal>>,
    /// Names in certificates, and digests of certificates.
    certificates: BTreeMap<String, String>,
    /// `sub` of tokens.
    subjects: BTreeMap<String, String>,
    local: Option<String>,
    tokens: Option<TokenSettings>,
}

/// A policy cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// It is no TOML, or has a key that is none.
    #[error("{0}")]
    Text(String),
    /// A value breaks a rule.
    #[error("{key}: {rule}")]
    Value {
        /// Which, with the id or name before it.
        key: String,
        /// What must hold.
        rule: String,
    },
}

fn wrong(key: impl Into<String>, rule: impl Into<String>) -> PolicyError {
    PolicyError::Value { key: key.into(), rule: rule.into() }
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    ///
    /// The first key that cannot be used.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let file: PolicyFile = toml::from_str(text).map_err(|error| PolicyError::Text(error.to_string()))?;
        let mut roles = BTreeMap::new();
        for role in file.role {
            let name = role.name.clone();
            if roles.insert(name.clone(), Arc::new(read_role(role)?)).is_some() {
                return Err(wrong(format!("role {name}: name"), "each role once"));
            }
        }
        let mut policy = Self {
            principals: BTreeMap::new(),
            certificates: BTreeMap::new(),
            subjects: BTreeMap::new(),
            local: None,
            tokens: file.tokens.map(read_tokens).transpose()?,
        };
        for principal in file.principal {
            policy.admit(&principal, &roles)?;
        }
        if !policy.subjects.is_empty() && policy.tokens.is_none() {
            return Err(wrong("tokens", "needed where a principal has subjects"));
        }
        Ok(policy)
    }

    fn admit(&mut self, file: &PrincipalFile, roles: &BTreeMap<String, Arc<Role>>) -> Result<(), PolicyError> {
        let id = read_id(&file.id)?;
        let key = |name: &str| format!("principal {id}: {name}");
        let role = roles.get(&file.role).ok_or_else(|| wrong(key("role"), "a role of this file"))?;
        let entity = file.entity.as_deref().map(|text| entity(&key("entity"), text)).transpose()?;
        if (role.level == Level::L3) != entity.is_some() {
            return Err(wrong(key("entity"), "with a role of level L3, and with no other"));
        }
        for name in &file.certificates {
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(wrong(key("certificates"), "a DNS name, a URI, or sha256: and 64 hexadecimal digits"));
            }
            if self.certificates.insert(name.clone(), id.clone()).is_some() {
                return Err(wrong(key("certificates"), "each name of one principal alone"));
            }
        }
        for subject in &file.subjects {
            if subject.is_empty() || self.subjects.insert(subject.clone(), id.clone()).is_some() {
                return Err(wrong(key("subjects"), "not empty, and each of one principal alone"));
            }
        }
        if file.local && self.local.replace(id.clone()).is_some() {
            return Err(wrong(key("local"), "of one principal alone"));
        }
        let principal = Arc::new(Principal { id: id.clone(), role: Arc::clone(role), entity });
        if self.principals.insert(id.clone(), principal).is_some() {
            return Err(wrong(key("id"), "each principal once"));
        }
        Ok(())
    }

    /// The principal of an id.
    pub fn principal(&self, id: &str) -> Option<Arc<Principal>> {
        self.principals.get(id).cloned()
    }

    /// The principal of a name in a certificate, or of `sha256:` and the digest of one.
    pub fn of_certificate(&self, name: &str) -> Option<&str> {
        self.certificates.get(name).map(String::as_str)
    }

    /// The principal of the `sub` of a token.
    pub fn of_subject(&self, subject: &str) -> Option<&str> {
        self.subjects.get(subject).map(String::as_str)
    }

    /// The principal of whoever calls over loopback without a name.
    pub fn of_local(&self) -> Option<&str> {
        self.local.as_deref()
    }

    /// How tokens are checked; `None`: none is taken.
    pub const fn tokens(&self) -> Option<&TokenSettings> {
        self.tokens.as_ref()
    }

    /// Somebody without a name, who has no rights.
    pub(super) fn nobody() -> Arc<Principal> {
        static NOBODY: LazyLock<Arc<Principal>> = LazyLock::new(|| {
            let role = Role {
                name: String::new(),
                level: Level::O1,
                body: None,
                classes: Classes::NONE,
                actions: Vec::new(),
                events: Vec::new(),
            };
            Arc::new(Principal { id: String::new(), role: Arc::new(role), entity: None })
        });
        Arc::clone(&NOBODY)
    }
}

fn read_id(id: &str) -> Result<String, PolicyError> {
    let other = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'@');
    if id.is_empty() || id.len() > ID_LEN_MAX || !id.bytes().all(other) {
        return Err(wrong("principal: id", format!("[A-Za-z0-9_.@-], 1 to {ID_LEN_MAX} characters")));
    }
    if id == SYSTEM || id == LOCAL {
        return Err(wrong(format!("principal {id}: id"), "another one: the service itself uses it"));
    }
    Ok(id.to_owned())
}

fn entity(key: &str, text: &str) -> Result<Name, PolicyError> {
    let name = Name::parse(text).ok().filter(|name| name.kind() == "entity");
    name.ok_or_else(|| wrong(key, "entity, a slash, and an id of 26 characters"))
}

fn read_role(file: RoleFile) -> Result<Role, PolicyError> {
    let RoleFile { name, level, body, territory, classes, actions, events } = file;
    let key = |of: &str| format!("role {name}: {of}");
    let body = body.as_deref().map(|text| entity(&key("body"), text)).transpose()?;
    if level.has_body() != body.is_some() {
        return Err(wrong(key("body"), "with level L2, L4, L5 or L6, and with no other"));
    }
    let classes = Classes::of(&classes);
    if !classes.within(level.classes()) {
        return Err(wrong(key("classes"), format!("level {} sees no more than {:?}", level.name(), level.classes())));
    }
    if let Some(action) = actions.iter().find(|action| !level.actions().contains(action)) {
        return Err(wrong(key("actions"), format!("{action:?} is nothing for level {}", level.name())));
    }
    if events.is_empty() == actions.contains(&Action::Append) {
        return Err(wrong(key("events"), "with the action append, and with no other"));
    }
    // A limit that nothing enforces would be believed.
    if territory.is_some() {
        return Err(wrong(key("territory"), NO_TERRITORY));
    }
    Ok(Role { name, level, body, classes, actions, events })
}

/// Whether what an address gives is what its owner says: nobody stands between it and us.
fn gives_keys(address: &str) -> bool {
    let Ok(url) = Url::parse(address) else { return false };
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let plain = url.username().is_empty() && url.password().is_none();
    plain && (url.scheme() == "https" || (url.scheme() == "http" && here))
}

fn read_tokens(tokens: TokenSettings) -> Result<TokenSettings, PolicyError> {
    if tokens.issuer.is_empty() || tokens.audience.is_empty() {
        return Err(wrong("tokens: issuer, audience", "both, exactly as tokens have them"));
    }
    if !matches!(tokens.algorithm.as_str(), "RS256" | "ES256" | "EdDSA") {
        return Err(wrong("tokens: algorithm", "RS256, ES256 or EdDSA"));
    }
    if tokens.are_keys_elsewhere() && !gives_keys(&tokens.keys) {
        let rule = "a file, https://, or http:// of this machine: over plain HTTP anybody gives keys";
        return Err(wrong("tokens: keys", rule));
    }
    if !(1..=KEYS_WITHIN_MAX_S).contains(&tokens.keys_within_s) {
        return Err(wrong("tokens: keys_within_s", format!("1 to {KEYS_WITHIN_MAX_S}")));
    }
    if tokens.leeway_s > LEEWAY_MAX_S {
        return Err(wrong("tokens: leeway_s", format!("at most {LEEWAY_MAX_S}")));
    }
    Ok(tokens)
}
