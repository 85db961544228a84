//! Rules of duties to declare, a row each.
