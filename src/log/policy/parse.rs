//! Reading a policy. An error names the line.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use thiserror::Error;

use crate::log::note::KeyTextError;
use crate::log::note::SignatureType;
use crate::log::note::VerifierKey;
use crate::log::policy::Member;
use crate::log::policy::MemberName;
use crate::log::policy::Policy;
use crate::log::policy::PolicyKey;
use crate::log::policy::Quorum;
use crate::log::policy::What;

/// The most bytes of a policy.
pub const POLICY_BYTES_MAX: usize = 64 * 1024;

/// The most logs, and the most witnesses and groups together. Readers should take 32 of each.
const LINES_MAX: usize = 256;

/// Why a text is no policy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {rule}")]
pub struct PolicyError {
    /// From 1; where something is missing, the one after the last.
    pub line: usize,
    /// The rule broken.
    pub rule: PolicyRule,
}

/// Rules of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PolicyRule {
    /// Longer than a policy may be.
    #[error("a policy has at most 65536 bytes, and 256 logs, witnesses and groups")]
    TooLong,
    /// Tab and newline are the only control characters.
    #[error("byte {found:#04x} is a control character")]
    ControlCharacter {
        /// Which.
        found: u8,
    },
    /// A line begins with something else.
    #[error("a line begins with log, witness, group or quorum")]
    Keyword,
    /// Too few or too many words.
    #[error("expected {0}")]
    Words(&'static str),
    /// The key is none.
    #[error("the key: {0}")]
    Key(KeyTextError),
    /// The key or URL is not UTF-8.
    #[error("a key and a URL are UTF-8")]
    Utf8,
    /// A log signs with type 0x01, a witness with 0x04.
    #[error("the key is not of the type {expected:#04x}")]
    KeyType {
        /// The type byte.
        expected: u8,
    },
    /// The same key stands in an earlier line of this kind, whatever its name.
    #[error("the same key stands in an earlier line")]
    KeyTwice,
    /// The name is taken.
    #[error("{0} has been defined before")]
    NameTwice(MemberName),
    /// `none` is a quorum and nothing else.
    #[error("none is no witness and no group")]
    None,
    /// No line above defines it.
    #[error("{0} is not defined in a line above")]
    Unknown(MemberName),
    /// Whoever is in two groups would count twice.
    #[error("{0} is a member already")]
    MemberTwice(MemberName),
    /// `all`, `any`, or a number of the members.
    #[error("how many is all, any, or a number from 1 to the number of members")]
    Threshold,
    /// There is one quorum.
    #[error("a second quorum")]
    QuorumTwice,
    /// There is one quorum.
    #[error("there is no quorum; quorum none asks for no witness")]
    NoQuorum,
}

impl Policy {
    /// Reads a policy. Lines end in a newline, which the last may lack; words stand between spaces and tabs; empty
    /// lines and those that begin with # mean nothing.
    ///
    /// # Errors
    ///
    /// The first line that breaks a rule.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        if bytes.len() > POLICY_BYTES_MAX {
            return Err(PolicyError { line: 1, rule: PolicyRule::TooLong });
        }
        let mut reading = Reading::default();
        let mut line = 0;
        for text in bytes.split(|byte| *byte == b'\n') {
            line += 1;
            reading.line(text).map_err(|rule| PolicyError { line, rule })?;
        }
        match reading.quorum {
            Some(quorum) => Ok(Self { logs: reading.logs, members: reading.members, quorum }),
            None => Err(PolicyError { line, rule: PolicyRule::NoQuorum }),
        }
    }
}

#[derive(Default)]
struct Reading<'a> {
    logs: Vec<PolicyKey>,
    members: Vec<Member>,
    names: BTreeMap<&'a [u8], usize>,
    /// Those that are in a group.
    in_group: BTreeSet<usize>,
    quorum: Option<Quorum>,
}

impl<'a> Reading<'a> {
    fn line(&mut self, text: &'a [u8]) -> Result<(), PolicyRule> {
        if let Some(found) = text.iter().find(|byte| matches!(byte, 0..=0x08 | 0x0a..=0x1f | 0x7f)) {
            return Err(PolicyRule::ControlCharacter { found: *found });
        }
        let mut words = text.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
        let Some(keyword) = words.next().filter(|word| word[0] != b'#') else { return Ok(()) };
        match keyword {
            b"log" => self.log(words),
            b"witness" => self.witness(words),
            b"group" => self.group(words),
            b"quorum" => self.quorum(words),
            _ => Err(PolicyRule::Keyword),
        }
    }

    fn log(&mut self, words: impl Iterator<Item = &'a [u8]>) -> Result<(), PolicyRule> {
        let log = key(words, SignatureType::Ed25519, "log, a key, and a URL or nothing")?;
        if self.logs.iter().any(|other| other.key.public_key() == log.key.public_key()) {
            return Err(PolicyRule::KeyTwice);
        }
        self.logs.push(log);
        if self.logs.len() > LINES_MAX { Err(PolicyRule::TooLong) } else { Ok(()) }
    }

    fn witness(&mut self, mut words: impl Iterator<Item = &'a [u8]>) -> Result<(), PolicyRule> {
        const EXPECTED: &str = "witness, a name, a key, and a URL or nothing";
        let name = words.next().ok_or(PolicyRule::Words(EXPECTED))?;
        let witness = key(words, SignatureType::CosignatureV1, EXPECTED)?;
        let same = |member: &Member| match &member.what {
            What::Witness(other) => other.key.public_key() == witness.key.public_key(),
            What::Group { .. } => false,
        };
        if self.members.iter().any(same) {
            return Err(PolicyRule::KeyTwice);
        }
        self.define(name, What::Witness(Box::new(witness)))
    }

    fn group(&mut self, mut words: impl Iterator<Item = &'a [u8]>) -> Result<(), PolicyRule> {
        const EXPECTED: &str = "group, a name, how many, and whose";
        let (Some(name), Some(wanted)) = (words.next(), words.next()) else {
            return Err(PolicyRule::Words(EXPECTED));
        };
        let mut members = Vec::new();
        for member in words {
            let at = self.known(member)?;
            if !self.in_group.insert(at) {
                return Err(PolicyRule::MemberTwice(name_of(member)));
            }
            members.push(at);
        }
        if members.is_empty() {
            return Err(PolicyRule::Words(EXPECTED));
        }
        let wanted = match wanted {
            b"all" => members.len(),
            b"any" => 1,
            number => threshold(number, members.len()).ok_or(PolicyRule::Threshold)?,
        };
        self.define(name, What::Group { wanted, members })
    }

    fn quorum(&mut self, mut words: impl Iterator<Item = &'a [u8]>) -> Result<(), PolicyRule> {
        let (Some(name), None) = (words.next(), words.next()) else {
            return Err(PolicyRule::Words("quorum and a name or none"));
        };
        if self.quorum.is_some() {
            return Err(PolicyRule::QuorumTwice);
        }
        self.quorum = Some(if name == NONE { Quorum::Nobody } else { Quorum::Member(self.known(name)?) });
        Ok(())
    }

    fn known(&self, name: &[u8]) -> Result<usize, PolicyRule> {
        match self.names.get(name) {
            Some(at) => Ok(*at),
            None if name == NONE => Err(PolicyRule::None),
            None => Err(PolicyRule::Unknown(name_of(name))),
        }
    }

    fn define(&mut self, name: &'a [u8], what: What) -> Result<(), PolicyRule> {
        if name == NONE {
            return Err(PolicyRule::None);
        }
        if self.names.insert(name, self.members.len()).is_some() {
            return Err(PolicyRule::NameTwice(name_of(name)));
        }
        self.members.push(Member { name: name_of(name), what });
        if self.members.len() > LINES_MAX { Err(PolicyRule::TooLong) } else { Ok(()) }
    }
}

const NONE: &[u8] = b"none";

fn name_of(name: &[u8]) -> MemberName {
    MemberName(name.to_vec())
}

/// A number from 1 to `max`, in its only spelling.
fn threshold(number: &[u8], max: usize) -> Option<usize> {
    let good = number.iter().all(u8::is_ascii_digit) && !number.starts_with(b"0");
    let number = std::str::from_utf8(number).ok()?.parse().ok()?;
    (good && number <= max).then_some(number)
}

/// A key, and a URL or nothing, at the end of a line.
fn key<'a>(
    mut words: impl Iterator<Item = &'a [u8]>,
    signature_type: SignatureType,
    expected: &'static str,
) -> Result<PolicyKey, PolicyRule> {
    let text = |word| std::str::from_utf8(word).map_err(|_| PolicyRule::Utf8);
    let key = text(words.next().ok_or(PolicyRule::Words(expected))?)?;
    let url = words.next().map(text).transpose()?.map(str::to_owned);
    if words.next().is_some() {
        return Err(PolicyRule::Words(expected));
    }
    let key = VerifierKey::parse(key).map_err(PolicyRule::Key)?;
    if key.signature_type() != signature_type {
        return Err(PolicyRule::KeyType { expected: signature_type.byte() });
    }
    Ok(PolicyKey { key, url })
}
