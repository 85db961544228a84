//! Rules of petitions, a row each.
