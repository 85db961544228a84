//! gRPC: one file per service; the only place that sees requests and domain together.
