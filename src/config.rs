//! What the operator set, from a file, the environment and flags; an error names the key and where it came from.
