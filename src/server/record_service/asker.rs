//! Who asks, and how long he waits.

use std::time::Duration;

use tonic::Request;
use tonic::Status;

use crate::access::Caller;
use crate::server::gate;
use crate::server::record_service::at;

/// How long it takes at least to be told that nothing is recorded, where that may be said of what another body's is: reading
/// that is over long before, so that the time tells nothing.
const FLOOR: Duration = Duration::from_millis(20);

/// Who asks.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    pub caller: Caller,
    /// How long he waits for the views.
    pub patience: Duration,
}

impl Asker {
    /// Of a call.
    ///
    /// # Errors
    ///
    /// It did not come through the gate.
    pub(super) fn of<T>(request: &Request<T>) -> Result<Self, Status> {
        let caller = gate::caller(request.extensions())?;
        Ok(Self { caller, patience: at::patience(request.metadata()) })
    }

    pub(super) fn principal(&self) -> &str {
        self.caller.principal()
    }

    /// The moment before which nobody is told that nothing is there, counted from now.
    pub(super) fn floor(&self) -> impl Future<Output = ()> + Send + use<> {
        // Made now, so that what is done meanwhile counts.
        let floor = (!self.caller.sees_everything()).then(|| tokio::time::sleep(FLOOR));
        async move {
            if let Some(floor) = floor {
                floor.await;
            }
        }
    }
}
