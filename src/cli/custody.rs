//! Who holds the key that seals a log's key-encryption key, for subcommands that open a data folder by themselves.

use std::path::Path;
use std::sync::Arc;

use crate::config::ConfigError;
use crate::config::pkcs11;
use crate::keys::Custodian;
use crate::keys::Elsewhere;
use crate::keys::Pkcs11Custodian;
use crate::service::Options;

/// The token that a file of settings or the environment names.
pub(super) fn token(config: Option<&Path>) -> Result<Option<Pkcs11Custodian>, ConfigError> {
    Ok(pkcs11(config)?.map(Pkcs11Custodian::new))
}

/// The same, as what is held elsewhere of a log's keys.
pub(super) fn elsewhere(config: Option<&Path>) -> Result<Elsewhere, ConfigError> {
    let custodian = token(config)?.map(|token| Arc::new(token) as Arc<dyn Custodian>);
    Ok(Elsewhere { custodian, ..Elsewhere::default() })
}

/// How a log is opened that keeps its key-encryption key there.
pub(super) fn options(data: &Path, config: Option<&Path>) -> Result<Options, ConfigError> {
    Ok(Options { elsewhere: elsewhere(config)?, ..Options::new(data.to_owned()) })
}
