//! What may be recorded: admission and fold, one file per kind of stream. Knows nothing of bytes, hashes or time of day.
