//! What the operator may set about spans.

use serde::Deserialize;
use serde::Serialize;
use tonic::transport::Uri;

/// Where spans go. Without an endpoint nowhere, and none are made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The collector, OTLP over gRPC, as `http://HOST:PORT`.
    pub endpoint: Option<String>,
    /// The share of traces that are sent, 0 to 1. Each call begins one, and so does each commit, which serves many calls.
    pub sampling_ratio: f64,
    /// The service's name at the collector, 1 to 255 characters.
    pub service_name: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { endpoint: None, sampling_ratio: 1.0, service_name: "probity".to_owned() }
    }
}

impl Settings {
    /// The first key that is out of range, and what it must be.
    ///
    /// # Errors
    ///
    /// The key with its section, and the rule.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if !self.endpoint.as_deref().is_none_or(is_endpoint) {
            return Err((
                "telemetry.endpoint",
                "http://HOST:PORT, without TLS, of a collector that takes OTLP over gRPC",
            ));
        }
        if !(0.0..=1.0).contains(&self.sampling_ratio) {
            return Err(("telemetry.sampling_ratio", "0 to 1"));
        }
        if !(1..=255).contains(&self.service_name.chars().count()) {
            return Err(("telemetry.service_name", "1 to 255 characters"));
        }
        Ok(())
    }
}

fn is_endpoint(text: &str) -> bool {
    text.parse::<Uri>().is_ok_and(|uri| {
        let host = uri.host().is_some_and(|host| !host.is_empty());
        let alone = uri.path_and_query().is_none_or(|path| path.as_str() == "/");
        uri.scheme_str() == Some("http") && host && uri.port_u16().is_some() && alone
    })
}
