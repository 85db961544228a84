//! Other people's registers become events: mappings, keyed snapshots, rejects. Talks to the service over gRPC alone.
