//! Rules of verifications, a row each.
