//! The log as bytes and hashes. Knows nothing of cases or declarations.
