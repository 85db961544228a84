//! A policy in a file: who witnesses, and how many of whom.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use thiserror::Error;

use crate::log::Policy;
use crate::log::PolicyError;

/// Why a file holds no policy that can be used.
#[derive(Debug, Error)]
#[error("{}: {why}", file.display())]
pub struct PolicyFileError {
    /// Which file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub why: PolicyFileFault,
}

/// What is wrong with the file of a policy.
#[derive(Debug, Error)]
pub enum PolicyFileFault {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is no policy.
    #[error(transparent)]
    Text(#[from] PolicyError),
}

/// Reads a policy (C2SP `tlog-policy`).
///
/// # Errors
///
/// The file cannot be read, or is none.
pub fn read_policy(file: &Path) -> Result<Policy, PolicyFileError> {
    let fault = |why| PolicyFileError { file: file.to_owned(), why };
    let bytes = fs::read(file).map_err(|error| fault(error.into()))?;
    Policy::parse(&bytes).map_err(|error| fault(error.into()))
}
