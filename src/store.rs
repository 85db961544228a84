//! Where entries lie: the `LogStore` trait, sled and memory, volumes, the guard.

pub mod runs;
