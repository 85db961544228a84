//! What a refusal looks like on the wire, whoever gets it.

use std::collections::BTreeSet;

use probity::server::errors::DOMAIN;
use probity::server::errors::Reason;
use prost::Message as _;
use tonic::Status;
use tonic_types::ErrorDetails;
use tonic_types::StatusExt as _;
use tonic_types::pb;

use crate::service::story::MARKER;

/// The refusal has this reason, with the code and the keys of the catalogue, names this field and rule (empty: none),
/// fits into the limits of every client, and tells nothing personal. Gives its details.
pub(crate) fn check(what: &str, status: &Status, reason: Reason, field: &str, rule: &str) -> ErrorDetails {
    let details = status.get_error_details();
    let Some(info) = details.error_info() else { panic!("{what}: no ErrorInfo in {status:?}") };
    assert_eq!((info.reason.as_str(), info.domain.as_str()), (reason.name(), DOMAIN), "{what}: {status:?}");
    assert_eq!(status.code(), reason.code(), "{what}");
    let keys: BTreeSet<&str> = info.metadata.keys().map(String::as_str).collect();
    assert_eq!(keys, reason.keys().iter().copied().collect(), "{what}: keys of the metadata");
    for (key, wanted) in [("field", field), ("rule", rule)] {
        assert_eq!(info.metadata.get(key).map_or("", String::as_str), wanted, "{what}: {key}");
    }
    if let Some(rule) = info.metadata.get("rule") {
        let upper_snake = rule.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        assert!(upper_snake && !rule.is_empty(), "{what}: {rule} is no name of a rule");
    }
    if reason == Reason::FieldInvalid {
        let named: Vec<&str> = details
            .bad_request()
            .into_iter()
            .flat_map(|bad| &bad.field_violations)
            .map(|it| it.field.as_str())
            .collect();
        assert_eq!(named, [field], "{what}: BadRequest");
    }
    assert!(!status.message().is_empty() && status.message().len() <= 512, "{what}: {}", status.message().len());
    assert!(status.details().len() <= 4096, "{what}: {} bytes of details", status.details().len());
    let whole = pb::Status::decode(status.details()).unwrap();
    assert_eq!((whole.code, whole.message.as_str()), (i32::from(status.code()), status.message()), "{what}");
    let infos = whole.details.iter().filter(|any| any.type_url.ends_with("/google.rpc.ErrorInfo"));
    assert_eq!(infos.count(), 1, "{what}");
    let told = [status.message().as_bytes(), status.details()].concat().to_ascii_lowercase();
    assert!(!told.windows(MARKER.len()).any(|window| window == MARKER.as_bytes()), "{what}: {status:?}");
    details
}
