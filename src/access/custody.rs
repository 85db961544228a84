//! Opening what is protected takes two: the offer of one custodian, which the other shows. An offer is its own record: what
//! it says and a MAC over that, under a key that lives as long as the service runs. Nothing is kept between the two calls.

use hmac::Hmac;
use hmac::KeyInit as _;
use hmac::Mac as _;
use sha2::Sha256;

/// How long an offer stands, seconds.
pub const OFFER_S: u64 = 600;

const MAC_LEN: usize = 32;

/// A part of an entry that is to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtectedPart {
    /// The position of the entry.
    pub position: u64,
    /// The number of the part, from 0.
    pub part: u32,
}

/// Makes offers and reads them.
pub struct Custody {
    key: Hmac<Sha256>,
}

impl Custody {
    /// With a key that nobody knows.
    pub fn new(key: &[u8; 32]) -> Self {
        Self { key: Hmac::new_from_slice(key).expect("HMAC takes a key of any length") }
    }

    /// The offer of one custodian to another, until `until_s`, Unix time in seconds.
    pub fn offer(&self, by: &str, to: &str, part: ProtectedPart, until_s: u64) -> Vec<u8> {
        let mac = self.mac(by, to, part, until_s).finalize().into_bytes();
        [&mac[..], &until_s.to_be_bytes(), by.as_bytes()].concat()
    }

    /// Who made this offer to `to`; `None` where nobody did, he himself did, or it is over.
    pub fn offered_by<'o>(&self, offer: &'o [u8], to: &str, part: ProtectedPart, now_s: u64) -> Option<&'o str> {
        let (mac, rest) = offer.split_at_checked(MAC_LEN)?;
        let (until, by) = rest.split_first_chunk()?;
        let (until_s, by) = (u64::from_be_bytes(*until), std::str::from_utf8(by).ok()?);
        self.mac(by, to, part, until_s).verify_slice(mac).ok()?;
        (until_s > now_s && by != to).then_some(by)
    }

    fn mac(&self, by: &str, to: &str, part: ProtectedPart, until_s: u64) -> Hmac<Sha256> {
        let mut mac = self.key.clone();
        mac.update(b"probity/custody/v1\0");
        for field in [&part.position.to_be_bytes()[..], &part.part.to_be_bytes(), &until_s.to_be_bytes()] {
            mac.update(field);
        }
        // Principals have no zero in them.
        mac.update(by.as_bytes());
        mac.update(&[0]);
        mac.update(to.as_bytes());
        mac
    }
}

impl std::fmt::Debug for Custody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Custody")
    }
}
