//! The program: arguments, then the library.

fn main() {}
