//! Page tokens: they pin the position and the day, so that all pages are of one moment, and belong to one question.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use prost::Message;
use sha2::Sha256;
use tonic::Status;

use crate::domain::dates::Day;
use crate::proto::v1::AsOf;
use crate::server::record_service::at;
use crate::server::record_service::at::Known;
use crate::server::record_service::at::Times;
use crate::server::record_service::errors::Refusal;
use crate::views::View;

const SIZE_DEFAULT: usize = 50;
const SIZE_MAX: usize = 1000;
/// Version ‖ position ‖ year ‖ month ‖ day; the last place shown follows.
const HEAD_LEN: usize = 1 + 8 + 2 + 1 + 1;
const MAC_LEN: usize = 32;
const VERSION: u8 = 2;

/// The key that protects page tokens. Not precious: with another one, tokens are refused and listing begins again.
#[derive(Clone, Copy)]
pub struct PageKey(pub [u8; 32]);

impl fmt::Debug for PageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PageKey")
    }
}

/// A place in a list, behind which the next page begins. Which kind of place it is follows from the method.
pub(in crate::server) trait Place: Sized {
    fn encode(&self) -> Vec<u8>;
    fn decode(bytes: &[u8]) -> Option<Self>;
}

/// An index in the log.
impl Place for u64 {
    fn encode(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self::from_be_bytes(bytes.try_into().ok()?))
    }
}

/// A day, and a place among what is due on it.
impl Place for (Day, [u8; 16]) {
    fn encode(&self) -> Vec<u8> {
        [&day_bytes(self.0)[..], &self.1].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (day, token) = bytes.split_first_chunk()?;
        Some((read_day(*day)?, token.try_into().ok()?))
    }
}

fn day_bytes(day: Day) -> [u8; 4] {
    let [high, low] = u16::try_from(day.year()).expect("up to 9999").to_be_bytes();
    let [month, day] = [day.month(), day.day()].map(|number| u8::try_from(number).expect("up to 31"));
    [high, low, month, day]
}

fn read_day([high, low, month, day]: [u8; 4]) -> Option<Day> {
    Day::new(u16::from_be_bytes([high, low]).into(), month.into(), day.into())
}

/// The tokens of one question.
pub(in crate::server) struct Page {
    mac: Hmac<Sha256>,
}

impl Page {
    /// The tokens that a principal has of a method and its arguments, the token itself left out.
    pub(in crate::server) fn new<M: Message>(key: &PageKey, principal: &str, method: &str, request: &M) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key.0).expect("HMAC takes a key of any length");
        mac.update(b"probity/page/v2\0");
        // Whoever finds another's token has found nothing.
        mac.update(principal.as_bytes());
        mac.update(&[0]);
        mac.update(method.as_bytes());
        mac.update(&[0]);
        mac.update(&request.encode_to_vec());
        mac.update(&[0]);
        Self { mac }
    }

    /// The times to answer for, and the last place already shown. Without a token, those of the request.
    ///
    /// # Errors
    ///
    /// The token is not of this question, or the times are not in order.
    pub(super) fn times<P: Place>(&self, token: &str, at: Option<&AsOf>) -> Result<(Times, Option<P>), Refusal> {
        let times = at::parse(at)?;
        if token.is_empty() {
            return Ok((times, None));
        }
        let (view, after) = self.read(token).ok_or(Refusal::PageTokenInvalid)?;
        let known_at = Known::Position(view.known_at);
        Ok((Times { as_of: Some(view.as_of), known_at, min_position: times.min_position }, Some(after)))
    }

    /// The token of the page after the one that ends at `after`.
    pub(in crate::server) fn token<P: Place>(&self, view: View, after: &P) -> String {
        let mut bytes = Vec::with_capacity(HEAD_LEN + 8 + MAC_LEN);
        bytes.push(VERSION);
        bytes.extend_from_slice(&view.known_at.to_be_bytes());
        bytes.extend_from_slice(&day_bytes(view.as_of));
        bytes.extend_from_slice(&after.encode());
        let mac = self.mac.clone().chain_update(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&mac);
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// Position and last place of a token of this question.
    ///
    /// # Errors
    ///
    /// It is of another question, or was changed.
    pub(in crate::server) fn places(&self, token: &str) -> Result<(u64, u64), Status> {
        let read = self.read(token).map(|(view, after)| (view.known_at, after));
        read.ok_or_else(|| Refusal::PageTokenInvalid.into())
    }

    fn read<P: Place>(&self, token: &str) -> Option<(View, P)> {
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
        let (body, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC_LEN)?)?;
        self.mac.clone().chain_update(body).verify_slice(mac).ok()?;
        // From here on the bytes are ours.
        let (version, rest) = body.split_first()?;
        let (known_at, rest) = rest.split_first_chunk()?;
        let (day, place) = rest.split_first_chunk()?;
        let view = View { as_of: read_day(*day)?, known_at: u64::from_be_bytes(*known_at) };
        (*version == VERSION).then_some((view, P::decode(place)?))
    }
}

/// The size of a page: 50 where none is asked for.
///
/// # Errors
///
/// More than 1,000.
pub(super) fn size(asked: u32) -> Result<usize, Refusal> {
    match usize::try_from(asked) {
        Ok(0) => Ok(SIZE_DEFAULT),
        Ok(size) if size <= SIZE_MAX => Ok(size),
        Ok(_) | Err(_) => Err(Refusal::FieldInvalid { field: "page_size", rule: "OUT_OF_RANGE", words: "0 to 1,000" }),
    }
}

/// The same, for other services.
///
/// # Errors
///
/// More than 1,000.
pub(in crate::server) fn page_size(asked: u32) -> Result<usize, Status> {
    Ok(size(asked)?)
}

#[cfg(test)]
mod tests;
