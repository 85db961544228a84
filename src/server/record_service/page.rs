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
/// Version ‖ position ‖ last place shown ‖ year ‖ month ‖ day.
const BODY_LEN: usize = 1 + 8 + 8 + 2 + 1 + 1;
const MAC_LEN: usize = 32;
const VERSION: u8 = 1;

/// The key that protects page tokens. Not precious: with another one, tokens are refused and listing begins again.
#[derive(Clone, Copy)]
pub struct PageKey(pub [u8; 32]);

impl fmt::Debug for PageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PageKey")
    }
}

/// The tokens of one question.
pub(in crate::server) struct Page {
    mac: Hmac<Sha256>,
}

impl Page {
    /// The tokens of a method and its arguments, the token itself left out.
    pub(in crate::server) fn new<M: Message>(key: &PageKey, method: &str, request: &M) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key.0).expect("HMAC takes a key of any length");
        mac.update(b"probity/page/v1\0");
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
    pub(super) fn times(&self, token: &str, at: Option<&AsOf>) -> Result<(Times, Option<u64>), Refusal> {
        let times = at::parse(at)?;
        if token.is_empty() {
            return Ok((times, None));
        }
        let (view, after) = self.read(token).ok_or(Refusal::PageTokenInvalid)?;
        let known_at = Known::Position(view.known_at);
        Ok((Times { as_of: Some(view.as_of), known_at, min_position: times.min_position }, Some(after)))
    }

    /// The token of the page after the one that ends at `after`.
    pub(in crate::server) fn token(&self, view: View, after: u64) -> String {
        let mut bytes = Vec::with_capacity(BODY_LEN + MAC_LEN);
        bytes.push(VERSION);
        bytes.extend_from_slice(&view.known_at.to_be_bytes());
        bytes.extend_from_slice(&after.to_be_bytes());
        bytes.extend_from_slice(&u16::try_from(view.as_of.year()).expect("up to 9999").to_be_bytes());
        bytes.push(u8::try_from(view.as_of.month()).expect("up to 12"));
        bytes.push(u8::try_from(view.as_of.day()).expect("up to 31"));
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

    fn read(&self, token: &str) -> Option<(View, u64)> {
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
        let bytes: [u8; BODY_LEN + MAC_LEN] = bytes.try_into().ok()?;
        let (body, mac) = bytes.split_at(BODY_LEN);
        self.mac.clone().chain_update(body).verify_slice(mac).ok()?;
        // From here on the bytes are ours.
        let number = |at: usize| Some(u64::from_be_bytes(body.get(at..at + 8)?.try_into().ok()?));
        let year = u16::from_be_bytes([body[17], body[18]]);
        let as_of = Day::new(year.into(), body[19].into(), body[20].into())?;
        (body[0] == VERSION).then_some((View { as_of, known_at: number(1)? }, number(9)?))
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
