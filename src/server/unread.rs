//! Messages that are too long to be read. tonic refuses them before anything of ours sees them, in words of its own;
//! here its refusal gets its place in the catalogue.

use tonic::Code;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::Response;

use crate::server::errors::Reason;

/// The longest message that is read, in bytes: a request may be longer than its events, by its conditions.
pub(super) const MESSAGE_READ_BYTES_MAX: usize = 8 << 20;

/// The status of what ended a stream of requests.
pub(super) fn of_stream(status: Status) -> Status {
    if is_too_long(&status) { too_long() } else { status }
}

/// The answer as it leaves: a call whose only message is too long ends with a status of the catalogue.
pub(super) fn of_answer(answer: Response<Body>) -> Response<Body> {
    if answer.extensions().get::<Status>().is_some_and(is_too_long) { too_long().into_http() } else { answer }
}

/// Nothing of ours answers with this code, and tonic with nothing else.
fn is_too_long(status: &Status) -> bool {
    status.code() == Code::OutOfRange && status.details().is_empty()
}

fn too_long() -> Status {
    let max = [("max", MESSAGE_READ_BYTES_MAX.to_string())];
    Reason::MessageTooLarge.status(format!("a message is longer than {MESSAGE_READ_BYTES_MAX} bytes"), &max)
}
