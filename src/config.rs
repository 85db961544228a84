//! What the operator set, from a file, the environment and flags; an error names the key and where it came from.
//!
//! Later takes the place of earlier: what is built in, the file of `--config`, `PROBITY_…` of the environment, flags.

use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use figment::Figment;
use figment::Provider as _;
use figment::providers::Env;
use figment::providers::Format;
use figment::providers::Serialized;
use figment::providers::Toml;
use serde::Deserialize;
use serde::Serialize;
use thiserror::Error;

use crate::delivery;
use crate::delivery::ExportSetting;
use crate::delivery::Planned;
use crate::delivery::Profiles;
use crate::delivery::SettingError;
use crate::http::Access;
use crate::keys::Custodian;
use crate::keys::Elsewhere;
use crate::keys::Pkcs11Custodian;
use crate::keys::Pkcs11Settings;
use crate::publish::PublishOptions;
use crate::reload::Sources;
use crate::sequencer::Limits;
use crate::sequencer::LogOf;
use crate::service::Options;
use crate::service::Service;
use crate::store::OpenOptions;
use crate::telemetry;
use crate::tls::Bounds;
use crate::tls::Files;
use crate::views::policy::DisclosurePolicy;
use crate::witness::WitnessFail;
use crate::witness::WitnessOptions;
use crate::witness::read_policy;

/// Everything that `probity serve` can be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Config {
    /// The data folder.
    pub data: PathBuf,
    /// Where to listen, as `HOST:PORT`; port 0 picks one.
    pub listen: SocketAddr,
    /// Where the metrics are served over HTTP, as `HOST:PORT`; port 0 picks one. Absent, they are not.
    pub metrics_listen: Option<SocketAddr>,
    /// Where checkpoint and tiles are served over HTTP, as `HOST:PORT`; port 0 picks one. Absent, they are not. With the
    /// address of the metrics, both are served there.
    pub http_listen: Option<SocketAddr>,
    /// SHA-256, in hexadecimal digits, of the tokens of those who may read bundles of entries over HTTP.
    pub http_auditor_tokens: Vec<String>,
    /// Whether everybody may read bundles of entries over HTTP.
    pub http_entries_open: bool,
    /// The server's certificate, PEM, and those between it and its CA. With it, all listeners speak TLS and nothing else.
    pub tls_cert: Option<PathBuf>,
    /// Its key, PEM.
    pub tls_key: Option<PathBuf>,
    /// The CAs whose certificates clients may show, PEM. Absent, none is asked for.
    pub tls_ca: Option<PathBuf>,
    /// Lists of the certificates that those CAs took back (CRL), PEM, one of each CA. Absent, none is looked at.
    pub tls_crl: Option<PathBuf>,
    /// Who there is and what each may. Absent, whoever reaches the service may do everything.
    pub policy: Option<PathBuf>,
    /// Whether reads are recorded in the access log without a policy too; with one they always are.
    pub access_log: bool,
    /// Whether listeners outside loopback may be plain, and without a policy.
    pub expose_everything_in_plain_text: bool,
    /// Origin of a log that is made now, for example `audit.example.org/discipline`.
    pub origin: Option<String>,
    /// From how many bytes on the newest volume is followed by another.
    pub volume_bytes: u64,
    /// Cache of the newest volume, bytes; older ones have a quarter of it each.
    pub cache_bytes: u64,
    /// Free bytes of the disk below which nothing is appended.
    pub reserve_bytes: u64,
    /// Appends that may wait.
    pub queue_requests: u32,
    /// Bytes of appends that may wait.
    pub queue_bytes: u64,
    /// Seconds that calls may take to end when the service stops.
    pub stop_within_s: u64,
    /// How many of the newest entries are verified at start.
    pub verify_newest: u64,
    /// Milliseconds after which what was recorded is sealed and published, where nobody waits for that; 0, and nothing is
    /// sealed, so that no proof can be had.
    pub seal_every_ms: u64,
    /// Bytes of the completeness map's rows that are kept in memory, about; the others are read from the disk again.
    pub map_bytes: u64,
    /// A file with the witnesses that cosign the log, as a C2SP `tlog-policy`. Absent, nobody is asked.
    pub witness_policy: Option<PathBuf>,
    /// What becomes of appends while the policy's quorum does not cosign: `open`, they go on; `closed`, they are refused
    /// once its last cosignature is older than the longest delay of the log.
    pub witness_fail: WitnessFail,
    /// Seconds after which a log that did not grow has itself cosigned again. Absent, the longest delay of the log.
    pub witness_again_s: Option<u64>,
    /// Seconds after a start for which nothing is written, where no witness answers.
    pub witness_wait_s: u64,
    /// Whether the log is written after that, though no witness answered.
    pub start_without_witness: bool,
    /// Days within which bytes that were erased go from the volumes, which are written again for it; 0, and only
    /// `probity volumes rewrite` does it.
    pub erased_bytes_days: u32,
    /// Whether a day or more since the last entry is in order.
    pub accept_gap: bool,
    /// Whether to go on after an earlier run ended with a failed write or sync.
    pub accept_after_sync_error: bool,
    /// A folder with profiles of exports. Absent, those of the program are all there are.
    pub profiles: Option<PathBuf>,
    /// Exports on a schedule: `[[export]]` in the file of settings, and there alone.
    pub export: Vec<ExportSetting>,
    /// How long what is on record may be shown, who is told of changes, and by when requests are usually answered:
    /// `[disclosure]` in the file of settings, and there alone.
    pub disclosure: DisclosurePolicy,
    /// How much whoever connects may take: `[connections]` in the file of settings, and there alone.
    pub connections: Bounds,
    /// A token that holds the key which seals the key-encryption key: `[pkcs11]`. Absent, that lies in `keys/kek`.
    pub pkcs11: Option<Pkcs11Settings>,
    /// Where spans go.
    pub telemetry: telemetry::Settings,
}

impl Default for Config {
    fn default() -> Self {
        let store = OpenOptions::default();
        let limits = Limits::default();
        Self {
            data: PathBuf::from("probity-data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 7411)),
            metrics_listen: None,
            http_listen: None,
            http_auditor_tokens: Vec::new(),
            http_entries_open: false,
            tls_cert: None,
            tls_key: None,
            tls_ca: None,
            tls_crl: None,
            policy: None,
            access_log: false,
            expose_everything_in_plain_text: false,
            origin: None,
            volume_bytes: store.volume_bytes,
            cache_bytes: store.cache_bytes,
            reserve_bytes: store.reserve_bytes,
            queue_requests: limits.requests_max,
            queue_bytes: limits.bytes_max,
            stop_within_s: 10,
            verify_newest: 1000,
            seal_every_ms: 500,
            erased_bytes_days: 30,
            map_bytes: PublishOptions::default().map_bytes,
            witness_policy: None,
            witness_fail: WitnessFail::Open,
            witness_again_s: None,
            witness_wait_s: 300,
            start_without_witness: false,
            accept_gap: false,
            accept_after_sync_error: false,
            profiles: None,
            export: Vec::new(),
            disclosure: DisclosurePolicy::default(),
            connections: Bounds::default(),
            pkcs11: None,
            telemetry: telemetry::Settings::default(),
        }
    }
}

/// A setting is wrong, or the file of settings cannot be read.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file is not there.
    #[error("{0}: no such file of settings")]
    NoFile(PathBuf),
    /// A key is unknown, or its value cannot be used: which key, and where it came from.
    #[error("{0}")]
    Setting(#[from] Box<figment::Error>),
    /// A value is out of range.
    #[error("setting {key}: {rule}")]
    Range {
        /// Which.
        key: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// The policy of witnesses is none.
    #[error("setting witness_policy: {}: {what}", file.display())]
    Policy {
        /// Which file.
        file: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// An export cannot be kept, or its profile is none.
    #[error(transparent)]
    Export(#[from] SettingError),
}

/// Keys that the environment may set, as `PROBITY_` and the key in upper case.
const KEYS: [&str; 32] = [
    "data",
    "listen",
    "metrics_listen",
    "http_listen",
    "http_auditor_tokens",
    "http_entries_open",
    "tls_cert",
    "tls_key",
    "tls_ca",
    "tls_crl",
    "policy",
    "access_log",
    "expose_everything_in_plain_text",
    "origin",
    "volume_bytes",
    "cache_bytes",
    "reserve_bytes",
    "queue_requests",
    "queue_bytes",
    "stop_within_s",
    "verify_newest",
    "seal_every_ms",
    "erased_bytes_days",
    "map_bytes",
    "witness_policy",
    "witness_fail",
    "witness_again_s",
    "witness_wait_s",
    "start_without_witness",
    "accept_gap",
    "accept_after_sync_error",
    "profiles",
];

/// And those of its section, as `PROBITY_TELEMETRY_` and the key in upper case.
const TELEMETRY_KEYS: [&str; 3] = ["endpoint", "sampling_ratio", "service_name"];

/// And `PROBITY_PKCS11_` and the key in upper case. The PIN is none of them: what is a setting is printed.
const PKCS11_KEYS: [&str; 4] = ["module", "token", "key", "pin_file"];

/// What a listener that others reach must have.
const OUTSIDE: &str =
    "an address of loopback, or with tls_cert, tls_key and policy (or expose_everything_in_plain_text)";

/// What a token must look like in the configuration. What was given is not told: it may be the token itself.
const TOKENS: &str = "each the SHA-256 of a token in 64 hexadecimal digits, lower case, and never the token itself";

impl Config {
    /// Reads the layers. `flags` holds what was given on the command line, and nothing else.
    ///
    /// # Errors
    ///
    /// The first key at fault.
    pub fn read(file: Option<&Path>, flags: &impl Serialize) -> Result<Self, ConfigError> {
        let mut layers = Figment::from(Serialized::defaults(Self::default()));
        if let Some(file) = file {
            if !file.is_file() {
                return Err(ConfigError::NoFile(file.to_owned()));
            }
            layers = layers.merge(Toml::file_exact(file));
        }
        let section =
            Env::prefixed("PROBITY_TELEMETRY_").only(&TELEMETRY_KEYS).map(|key| format!("telemetry.{key}").into());
        let environment = Env::prefixed("PROBITY_").only(&KEYS);
        let layers =
            layers.merge(environment).merge(section).merge(token_in_environment()).merge(Serialized::defaults(flags));
        let config: Self = layers.extract().map_err(Box::new)?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let range = |holds: bool, key, rule| if holds { Ok(()) } else { Err(ConfigError::Range { key, rule }) };
        range(self.volume_bytes >= 1 << 20, "volume_bytes", "at least 1048576")?;
        range(self.cache_bytes >= 1 << 20, "cache_bytes", "at least 1048576")?;
        range(self.queue_requests >= 1, "queue_requests", "at least 1")?;
        range(self.queue_bytes >= 8 << 20, "queue_bytes", "at least 8388608, so that one request fits")?;
        range(self.seal_every_ms <= 600_000, "seal_every_ms", "at most 600000")?;
        range(self.witness_again_s.is_none_or(|s| (1..=86_400).contains(&s)), "witness_again_s", "1 to 86400")?;
        range(
            self.witness_policy.is_none() || self.seal_every_ms > 0,
            "witness_policy",
            "absent where seal_every_ms is 0: nothing is published, so nothing can be cosigned",
        )?;
        range(self.erased_bytes_days <= 3650, "erased_bytes_days", "at most 3650")?;
        range((1..=3600).contains(&self.stop_within_s), "stop_within_s", "1 to 3600")?;
        let sealed = self.http_listen.is_none() || self.seal_every_ms > 0;
        range(sealed, "http_listen", "not without seal_every_ms: what is not sealed is not published")?;
        range(self.http_access().is_some(), "http_auditor_tokens", TOKENS)?;
        self.disclosure.check().map_err(|(key, rule)| ConfigError::Range { key, rule })?;
        self.connections.check().map_err(|(key, rule)| ConfigError::Range { key, rule })?;
        range(self.tls_cert.is_some() == self.tls_key.is_some(), "tls_key", "with tls_cert, and with it alone")?;
        range(self.tls_ca.is_none() || self.tls_cert.is_some(), "tls_ca", "not without tls_cert")?;
        range(self.tls_crl.is_none() || self.tls_ca.is_some(), "tls_crl", "not without tls_ca")?;
        range(
            self.policy.is_some() || self.tls_cert.is_none(),
            "policy",
            "needed with tls_cert: it says who may do what",
        )?;
        let guarded = self.tls_cert.is_some() || self.expose_everything_in_plain_text;
        let inside = |address: Option<SocketAddr>| address.is_none_or(|address| address.ip().is_loopback());
        range(guarded || inside(Some(self.listen)), "listen", OUTSIDE)?;
        range(guarded || inside(self.http_listen), "http_listen", OUTSIDE)?;
        range(guarded || inside(self.metrics_listen), "metrics_listen", OUTSIDE)?;
        self.telemetry.check().map_err(|(key, rule)| ConfigError::Range { key, rule })
    }

    /// The exports on a schedule, and the profiles that can be named.
    ///
    /// # Errors
    ///
    /// The first of them that cannot be kept.
    pub fn exports(&self) -> Result<(Vec<Planned>, Profiles), ConfigError> {
        Ok(delivery::plan(&self.export, self.profiles.as_deref())?)
    }

    /// How the log is witnessed.
    ///
    /// # Errors
    ///
    /// The policy cannot be read, or names no witness with an address.
    pub fn witness(&self) -> Result<Option<WitnessOptions>, ConfigError> {
        let Some(file) = &self.witness_policy else { return Ok(None) };
        let unreadable = |what: String| ConfigError::Policy { file: file.clone(), what };
        let policy = read_policy(file).map_err(|error| unreadable(error.why.to_string()))?;
        if policy.witnesses().all(|(_, witness)| witness.url.is_none()) {
            return Err(unreadable("it has no witness with an address".to_owned()));
        }
        Ok(Some(WitnessOptions {
            policy,
            fail: self.witness_fail,
            again: self.witness_again_s.map(Duration::from_secs),
            wait: Duration::from_secs(self.witness_wait_s),
            start_without: self.start_without_witness,
        }))
    }

    /// How the log is opened.
    ///
    /// # Errors
    ///
    /// As [`Config::witness`].
    pub fn options(&self) -> Result<Options, ConfigError> {
        Ok(Options {
            data: self.data.clone(),
            origin: self.origin.clone(),
            continues: String::new(),
            store: OpenOptions {
                volume_bytes: self.volume_bytes,
                cache_bytes: self.cache_bytes,
                reserve_bytes: self.reserve_bytes,
                accept_after_sync_error: self.accept_after_sync_error,
                ..OpenOptions::default()
            },
            limits: self.limits(),
            accept_gap: self.accept_gap,
            verify_newest: self.verify_newest,
            elsewhere: Elsewhere { signers: Vec::new(), custodian: self.custodian() },
            rewrite_within: (self.erased_bytes_days > 0)
                .then(|| Duration::from_hours(24 * u64::from(self.erased_bytes_days))),
            of: LogOf::Matters,
            publish: self.publish(),
            witness: self.witness()?,
            disclosure: self.disclosure.clone(),
        })
    }

    /// How the access log beside a log is opened; `None` where no reads are recorded.
    pub fn access_options(&self, service: &Service) -> Option<Options> {
        let kept = self.policy.is_some() || self.access_log;
        let mut options = kept.then(|| Options::of_accesses(service)).flatten()?;
        options.store.volume_bytes = self.volume_bytes;
        options.store.cache_bytes = self.cache_bytes;
        options.store.accept_after_sync_error = self.accept_after_sync_error;
        options.limits = self.limits();
        options.verify_newest = self.verify_newest;
        options.publish = self.publish();
        Some(options)
    }

    /// Who holds the key that seals the key-encryption key.
    pub fn custodian(&self) -> Option<Arc<dyn Custodian>> {
        let settings = self.pkcs11.clone()?;
        Some(Arc::new(Pkcs11Custodian::new(settings)))
    }

    fn publish(&self) -> Option<PublishOptions> {
        (self.seal_every_ms > 0).then(|| PublishOptions {
            seal_every: Duration::from_millis(self.seal_every_ms),
            map_bytes: self.map_bytes,
        })
    }

    /// Where the files of access lie.
    pub fn sources(&self) -> Sources {
        let tls = self.tls_cert.clone().zip(self.tls_key.clone());
        Sources {
            policy: self.policy.clone(),
            tls: tls.map(|(certificate, key)| Files {
                certificate,
                key,
                client_ca: self.tls_ca.clone(),
                revoked: self.tls_crl.clone(),
            }),
        }
    }

    /// Who may read bundles of entries over HTTP; none where a hash of a token is none.
    pub fn http_access(&self) -> Option<Access> {
        Access::parse(&self.http_auditor_tokens, self.http_entries_open)
    }

    /// Of the queue.
    pub const fn limits(&self) -> Limits {
        Limits { requests_max: self.queue_requests, bytes_max: self.queue_bytes }
    }

    /// How long calls may take to end.
    pub const fn stop_within(&self) -> Duration {
        Duration::from_secs(self.stop_within_s)
    }
}

/// The section of the token alone, from a file of settings and the environment, for whoever opens a data folder and serves
/// nobody.
///
/// # Errors
///
/// The file is not there, or a key of the section is at fault.
pub fn pkcs11(file: Option<&Path>) -> Result<Option<Pkcs11Settings>, ConfigError> {
    let mut layers = Figment::new();
    if let Some(file) = file {
        if !file.is_file() {
            return Err(ConfigError::NoFile(file.to_owned()));
        }
        layers = layers.merge(Toml::file_exact(file));
    }
    let layers = layers.merge(token_in_environment());
    // An unreadable file is one fault, an absent section is none.
    if !layers.data().map_err(Box::new)?.values().any(|values| values.contains_key("pkcs11")) {
        return Ok(None);
    }
    Ok(Some(layers.extract_inner("pkcs11").map_err(Box::new)?))
}

fn token_in_environment() -> Env {
    Env::prefixed("PROBITY_PKCS11_").only(&PKCS11_KEYS).map(|key| format!("pkcs11.{key}").into())
}

#[cfg(test)]
mod tests;
