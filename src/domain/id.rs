//! Ids as state keeps them: 16 bytes instead of 26 characters.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The 128 bits of an id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Id([u8; 16]);

impl Id {
    /// Reads 26 characters of Crockford base 32 in upper case. The spelling is checked before an event comes here, and
    /// two ids that pass differ here too; of anything else it makes some id, since a fold never says no.
    pub fn of(text: &str) -> Self {
        let bits = text.bytes().fold(0_u128, |bits, byte| (bits << 5) | digit(byte));
        Self(bits.to_be_bytes())
    }
}

/// The 26 characters again.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = u128::from_be_bytes(self.0);
        let digit = |place: u32| ALPHABET[usize::try_from(bits >> (5 * place) & 31).expect("below 32")];
        (0..26).rev().try_for_each(|place| write!(f, "{}", char::from(digit(place))))
    }
}

impl Id {
    /// The 128 bits, as the log's ids are written.
    pub const fn bits(self) -> u128 {
        u128::from_be_bytes(self.0)
    }

    /// Whether it is an id at all: an absent one is all zeros.
    pub fn is_some(self) -> bool {
        self != Self::default()
    }
}

fn digit(byte: u8) -> u128 {
    (0..).zip(ALPHABET).find(|&(_, &letter)| letter == byte).map_or(0, |(value, _)| value)
}
