//! The messages and services of `probity.v1`, generated from `proto/`.

/// Version 1 of the service's surface.
pub mod v1 {
    #![expect(
        missing_docs,
        clippy::all,
        clippy::pedantic,
        clippy::allow_attributes_without_reason,
        unused_qualifications,
        reason = "generated code"
    )]

    tonic::include_proto!("probity.v1");
}
