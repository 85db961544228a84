//! Current state as files that can be checked without the service.
