//! Certificates for a first try: a CA of one's own, a server and some clients, the policy that knows them, a small record,
//! and what to type. Not for anything that matters: the key of the CA lies beside them.

use std::fs;
use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::DnType;
use rcgen::ExtendedKeyUsagePurpose;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyPair;
use rcgen::KeyUsagePurpose;
use thiserror::Error;

/// The clients that are made: enough for a first try of everything, an erasure with its two approvers included.
pub(super) const CLIENTS: [&str; 10] = [
    "clerk",
    "inspection",
    "approver-1",
    "approver-2",
    "personnel",
    "subject",
    "custodian-1",
    "custodian-2",
    "auditor",
    "operator",
];

/// Who they are.
const POLICY: &str = include_str!("dev_policy.toml");

/// A body, a made-up person and a matter, as events for `probity import`.
const RECORD: &str = include_str!("dev_record.jsonl");

/// What to type, for a shell.
const STEPS: &str = include_str!("dev_steps.sh");

/// Nothing was made, or not all of it.
#[derive(Debug, Error)]
pub enum DevError {
    /// A file cannot be written; what is there is never overwritten.
    #[error("{file}: {error}")]
    Write {
        /// Which.
        file: String,
        /// Why.
        error: io::Error,
    },
    /// A certificate cannot be made.
    #[error("a certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
}

/// Makes a CA, a server's certificate for `names` (DNS names and addresses), clients' certificates, a policy file and a small
/// record.
///
/// # Errors
///
/// A file is there already, or cannot be written.
pub fn dev_ca(folder: &Path, names: &[String]) -> Result<(), DevError> {
    let failed = |error| DevError::Write { file: folder.display().to_string(), error };
    fs::create_dir_all(folder).map_err(failed)?;
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "probity dev CA, not for real data");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    let ca = params.self_signed(&key)?;
    write(folder, "ca.pem", &ca.pem(), 0o644)?;
    write(folder, "ca.key", &key.serialize_pem(), 0o600)?;
    let issuer = Issuer::new(params, key);
    issue(folder, &issuer, "server", names, ExtendedKeyUsagePurpose::ServerAuth)?;
    for client in CLIENTS {
        issue(folder, &issuer, client, &[format!("{client}.dev")], ExtendedKeyUsagePurpose::ClientAuth)?;
    }
    write(folder, "policy.toml", POLICY, 0o644)?;
    write(folder, "record.jsonl", RECORD, 0o644)
}

/// What to type after [`dev_ca`], for a POSIX shell: a first try of everything, from the first entry to a verified log of
/// reads. `name` is what the server is called.
pub fn dev_steps(folder: &Path, name: &str) -> String {
    STEPS.replace("@DIR@", &quoted(&folder.display().to_string())).replace("@NAME@", &host(name))
}

/// A word of a shell that stands for this text.
fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A name or address as it stands in a URL.
fn host(name: &str) -> String {
    if name.contains(':') { format!("[{name}]") } else { name.to_owned() }
}

fn issue(
    folder: &Path,
    issuer: &Issuer<'_, KeyPair>,
    name: &str,
    names: &[String],
    usage: ExtendedKeyUsagePurpose,
) -> Result<(), DevError> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    write(folder, &format!("{name}.pem"), &certificate.pem(), 0o644)?;
    write(folder, &format!("{name}.key"), &key.serialize_pem(), 0o600)
}

fn write(folder: &Path, name: &str, text: &str, mode: u32) -> Result<(), DevError> {
    let path = folder.join(name);
    let made = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
    let written = made.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| DevError::Write { file: path.display().to_string(), error })
}
