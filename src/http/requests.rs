//! Counts requests by where they went and how they were answered. Never anything of what was sent.

use hyper::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use prometheus_client::registry::Unit;

use crate::http::METRICS;

const HELP: &str = "Requests over HTTP, by what was asked for and the status of the answer";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: &'static str,
    status: u16,
}

/// The requests since the service began.
#[derive(Debug, Default)]
pub struct Requests(Family<Answered, Counter>);

impl Requests {
    /// Those that one waits for at zero, so that the first is seen as a change.
    pub fn new(registry: &mut Registry) -> Self {
        let requests = Self::default();
        registry.register_with_unit("http", HELP, Unit::Other("requests".to_owned()), requests.0.clone());
        for route in ["checkpoint", "tile", "entries", "metrics"] {
            drop(requests.0.get_or_create(&Answered { route, status: StatusCode::OK.as_u16() }));
        }
        requests
    }

    pub(super) fn answered(&self, route: &'static str, status: StatusCode) {
        self.0.get_or_create(&Answered { route, status: status.as_u16() }).inc();
    }
}

/// One of a few words for a path.
pub(super) fn route(path: &str) -> &'static str {
    match path {
        "/checkpoint" => "checkpoint",
        METRICS => "metrics",
        _ if path.starts_with("/tile/entries/") => "entries",
        _ if path.starts_with("/tile/") => "tile",
        _ => "other",
    }
}
