//! Entries to a report: the same code at start-up, in the program and in every test.
