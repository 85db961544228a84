//! Every event that can stand in the log, generated from `proto/`: its one definition.

pub mod correction;
pub mod shape;

mod message {
    #![expect(missing_docs, clippy::all, clippy::pedantic, reason = "generated code")]

    include!(concat!(env!("OUT_DIR"), "/core/probity.events.v1.rs"));
    include!(concat!(env!("OUT_DIR"), "/events.rs"));
}

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

pub use message::*;

/// Every message, service and option of `proto/`, as a serialized `FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));

/// The same, to look things up in.
pub static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).expect("the build wrote a valid descriptor set"));
