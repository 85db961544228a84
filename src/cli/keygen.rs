//! `probity keygen`: the signing key of a log that is to be.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use thiserror::Error;

use crate::keys;
use crate::keys::KeysError;
use crate::log::KeyTextError;
use crate::log::PublicKey;
use crate::log::SignatureType;
use crate::log::VerifierKey;
use crate::service;
use crate::tls;
use crate::tls::DevError;

/// Makes the signing key of a log that is to be, and prints the public key that auditors need.
///
/// The key is the file log.ed25519, 32 random bytes that the service alone may read (mode 0600). One that is there is
/// never overwritten. The service makes a key by itself where it makes a log: this command is for whoever wants to
/// publish the public key before the first entry, or to make the key on another machine.
///
/// The one line on standard output is a C2SP vkey: NAME+ID+KEY. Publish it where people already look for what you say:
/// it is all that they need to check your checkpoints and proofs, and what they must not take from the service itself.
///
/// With --dev-ca it prints what to type next instead: a first try of everything, for a shell.
///
/// Exit status: 0 made, 2 not.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct KeygenArgs {
    /// Origin of the log: a URL without scheme, for ever.
    #[arg(long, value_name = "ORIGIN", required_unless_present = "dev_ca")]
    pub origin: Option<String>,
    /// The folder of the keys.
    #[arg(long, value_name = "DIR", default_value = "probity-data/keys")]
    pub keys: PathBuf,
    /// Make instead, for a first try: a CA, certificates of a server and of ten clients, a policy, and a small record.
    #[arg(long, value_name = "DIR", conflicts_with = "origin")]
    pub dev_ca: Option<PathBuf>,
    /// What the server is called there, DNS names and addresses.
    #[arg(long, value_name = "NAME", requires = "dev_ca", default_values = ["localhost", "127.0.0.1", "::1"])]
    pub name: Vec<String>,
}

const EXAMPLES: &str = r"Examples:
  probity keygen --origin audit.example.org/discipline
  probity keygen --origin audit.example.org/discipline \
    --keys /var/lib/probity/keys
  probity keygen --dev-ca dev";

/// Why there is no key.
#[derive(Debug, Error)]
pub enum Failed {
    /// There is one, or it cannot be written.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The origin is none.
    #[error("--origin: {0}")]
    Origin(String),
    /// It cannot stand in a vkey.
    #[error("--origin: {0}")]
    Name(#[from] KeyTextError),
    /// The files of a first try cannot be made.
    #[error(transparent)]
    Dev(#[from] DevError),
}

/// Runs `probity keygen`.
///
/// # Errors
///
/// No key was made.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the key is what this subcommand is asked for")]
pub fn run(arguments: &KeygenArgs) -> Result<ExitCode, Failed> {
    if let Some(folder) = &arguments.dev_ca {
        tls::dev_ca(folder, &arguments.name)?;
        eprintln!(
            "probity keygen: {} holds a CA, certificates and a policy; its key lies there, so:",
            folder.display()
        );
        eprintln!("probity keygen: for a first try and never for anything that matters");
        let name = arguments.name.first().map_or("localhost", String::as_str);
        print!("{}", tls::dev_steps(folder, name));
        return Ok(ExitCode::SUCCESS);
    }
    let origin = arguments.origin.as_deref().unwrap_or_default();
    service::check_origin(origin).map_err(Failed::Origin)?;
    let (file, public_key) = keys::generate(&arguments.keys)?;
    eprintln!("probity keygen: {} holds the key; back it up apart from the log", file.display());
    eprintln!("probity keygen: now `probity serve --origin {origin}` on the folder around it");
    println!("{}", vkey(origin, &public_key)?);
    Ok(ExitCode::SUCCESS)
}

/// The public key of a log as auditors are given it.
pub(super) fn vkey(origin: &str, public_key: &[u8; 32]) -> Result<VerifierKey, KeyTextError> {
    let key = PublicKey::parse(public_key).ok_or(KeyTextError::Point)?;
    VerifierKey::new(origin, SignatureType::Ed25519, key)
}
