//! What a string may look like.

use std::fmt;

/// Formats of strings in open payloads; see `Format` in `options.proto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Any,
    Code,
    Currency,
    Reference,
    PublicName,
    Decimal,
    Language,
    StreamName,
}

impl Format {
    pub(super) const fn of_number(number: i32) -> Option<Self> {
        Some(match number {
            0 => Self::Any,
            1 => Self::Code,
            2 => Self::Currency,
            3 => Self::Reference,
            4 => Self::PublicName,
            5 => Self::Decimal,
            6 => Self::Language,
            7 => Self::StreamName,
            _ => return None,
        })
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Any => "text",
            Self::Code => "a code: 1 to 96 of a-z, 0-9, _ . -, a letter or digit first",
            Self::Currency => "a currency of ISO 4217: three upper-case letters",
            Self::Reference => "a reference: 1 to 128 printable ASCII characters without spaces",
            Self::PublicName => "a public name: 1 to 400 bytes without control characters",
            Self::Decimal => "a decimal number without needless zeros",
            Self::Language => "a language tag of BCP 47",
            Self::StreamName => "the name of a stream: a kind, a slash, an id",
        }
    }

    pub(super) fn admits(self, text: &str) -> bool {
        let bytes = text.as_bytes();
        match self {
            Self::Any => true,
            Self::Code => {
                bytes.len() <= 96
                    && bytes.first().is_some_and(|byte| is_lower_or_digit(*byte))
                    && bytes.iter().all(|byte| is_lower_or_digit(*byte) || matches!(byte, b'_' | b'.' | b'-'))
            }
            Self::Currency => bytes.len() == 3 && bytes.iter().all(u8::is_ascii_uppercase),
            Self::Reference => (1..=128).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic),
            Self::PublicName => {
                (1..=400).contains(&bytes.len())
                    && !text.chars().any(char::is_control)
                    && !text.starts_with(char::is_whitespace)
                    && !text.ends_with(char::is_whitespace)
            }
            Self::Decimal => is_decimal(bytes),
            Self::Language => {
                let tag = |tag: &str| (1..=8).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric());
                (2..=35).contains(&bytes.len()) && text.split('-').all(tag)
            }
            Self::StreamName => text.split_once('/').is_some_and(|(kind, id)| {
                (1..=16).contains(&kind.len())
                    && kind.bytes().all(|byte| byte.is_ascii_lowercase())
                    && id_fault(id).is_none()
            }),
        }
    }
}

const fn is_lower_or_digit(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn is_decimal(bytes: &[u8]) -> bool {
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let (whole, fraction) = match digits.iter().position(|byte| *byte == b'.') {
        None => (digits, None),
        Some(at) => (&digits[..at], Some(&digits[at + 1..])),
    };
    let all_digits = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_digit);
    (1..=18).contains(&whole.len())
        && all_digits(whole)
        && (whole.len() == 1 || whole[0] != b'0')
        && fraction.is_none_or(|fraction| {
            (1..=9).contains(&fraction.len()) && all_digits(fraction) && fraction.last() != Some(&b'0')
        })
        && bytes != b"-0"
}

/// Why a string is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdFault {
    /// Not 26 characters.
    Length {
        /// Bytes.
        found: usize,
    },
    /// The first character is above 7.
    TooLarge,
    /// A character is not Crockford base 32 in upper case.
    Character {
        /// Its place, from 0.
        at: usize,
    },
}

impl fmt::Display for IdFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { found } => write!(f, "26 characters of Crockford base 32, this has {found} bytes"),
            Self::TooLarge => f.write_str("26 characters of Crockford base 32, the first 0 to 7"),
            Self::Character { at } => {
                write!(f, "26 characters of Crockford base 32 in upper case, character {at} is none")
            }
        }
    }
}

/// Says why a string is not 26 characters of Crockford base 32 in upper case, the first 0 to 7.
pub(super) fn id_fault(text: &str) -> Option<IdFault> {
    let bytes = text.as_bytes();
    if bytes.len() != 26 {
        return Some(IdFault::Length { found: bytes.len() });
    }
    if !(b'0'..=b'7').contains(&bytes[0]) {
        return Some(IdFault::TooLarge);
    }
    bytes.iter().position(|byte| !CROCKFORD[usize::from(*byte)]).map(|at| IdFault::Character { at })
}

/// The digits of Crockford base 32 in upper case.
const CROCKFORD: [bool; 256] = {
    let mut digits = [false; 256];
    let mut at = 0;
    while at < 32 {
        digits[b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[at] as usize] = true;
        at += 1;
    }
    digits
};
