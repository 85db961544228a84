//! The codec of the services: protobuf, but a request with a field that this server does not know is refused, never
//! read without it. A precondition that a newer client sent must not vanish in silence.

use std::marker::PhantomData;

use bytes::Buf;
use bytes::Bytes;
use prost::Message;
use prost::Name;
use tonic::Status;
use tonic::codec::BufferSettings;
use tonic::codec::Codec;
use tonic::codec::DecodeBuf;
use tonic::codec::Decoder;
use tonic_prost::ProstEncoder;

use crate::events::shape;
use crate::events::shape::FieldFault;
use crate::events::shape::FieldRule;
use crate::proto::v1::AppendStreamRequest;
use crate::server::errors::Reason;
use crate::server::errors::field_invalid;

/// Encodes answers `T`, decodes requests `U`.
#[derive(Debug)]
pub struct StrictCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for StrictCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

/// What a call takes.
pub trait Incoming: Sized + Send + 'static {
    /// Reads a message.
    ///
    /// # Errors
    ///
    /// An error ends the call, and a stream with all that would have come after this message.
    fn read(bytes: Bytes) -> Result<Self, Status>;
}

impl<U: Message + Name + Default + 'static> Incoming for U {
    fn read(bytes: Bytes) -> Result<Self, Status> {
        shape::check_request(&U::full_name(), &bytes).map_err(|fault| refuse(&fault))?;
        let undecodable = [("field", String::new())];
        U::decode(bytes).map_err(|error| Reason::PayloadUndecodable.status(error.to_string(), &undecodable))
    }
}

/// One append of a stream, or why it cannot be read: it is refused like any other, and the stream goes on.
#[derive(Debug)]
pub struct Streamed(pub Result<AppendStreamRequest, Status>);

impl Incoming for Streamed {
    fn read(bytes: Bytes) -> Result<Self, Status> {
        Ok(Self(AppendStreamRequest::read(bytes)))
    }
}

impl<T, U> Codec for StrictCodec<T, U>
where
    T: Message + 'static,
    U: Incoming,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = StrictDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(BufferSettings::default())
    }

    fn decoder(&mut self) -> Self::Decoder {
        StrictDecoder(PhantomData)
    }
}

/// Decodes requests.
#[derive(Debug)]
pub struct StrictDecoder<U>(PhantomData<U>);

impl<U: Incoming> Decoder for StrictDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        U::read(source.copy_to_bytes(source.remaining())).map(Some)
    }
}

fn refuse(fault: &FieldFault) -> Status {
    let metadata = [("field", fault.path.clone())];
    match &fault.rule {
        FieldRule::Unknown { .. } => Reason::UnknownField.status(fault.to_string(), &metadata),
        FieldRule::Undecodable { .. } => Reason::PayloadUndecodable.status(fault.to_string(), &metadata),
        rule => field_invalid(&fault.path, rule.name(), rule.to_string()),
    }
}
