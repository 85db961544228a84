//! The program: one file per subcommand.

pub mod import;
pub mod show;
