//! The codec of the services: protobuf, but a request with a field that this server does not know is refused, never
//! read without it. A precondition that a newer client sent must not vanish in silence.

use std::marker::PhantomData;

use bytes::Buf;
use prost::Message;
use prost::Name;
use tonic::Status;
use tonic::codec::Codec;
use tonic::codec::DecodeBuf;
use tonic::codec::Decoder;
use tonic_prost::ProstCodec;

use crate::events::shape;
use crate::events::shape::FieldFault;
use crate::events::shape::FieldRule;
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

impl<T, U> Codec for StrictCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Name + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = <ProstCodec<T, U> as Codec>::Encoder;
    type Decoder = StrictDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::default().encoder()
    }

    fn decoder(&mut self) -> Self::Decoder {
        StrictDecoder(PhantomData)
    }
}

/// Decodes requests.
#[derive(Debug)]
pub struct StrictDecoder<U>(PhantomData<U>);

impl<U: Message + Name + Default> Decoder for StrictDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let bytes = source.copy_to_bytes(source.remaining());
        shape::check_request(&U::full_name(), &bytes).map_err(|fault| refuse(&fault))?;
        let request = U::decode(bytes);
        request.map(Some).map_err(|error| Reason::PayloadUndecodable.status(error.to_string(), &[]))
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
