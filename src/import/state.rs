//! How far an import has come: which of its units the ledger has acknowledged. It saves time and is no more than a
//! hint: without it everything is sent again, and the ledger answers that it has it.

use std::collections::BTreeSet;
use std::fs;
use std::fs::File;
use std::io;
use std::io::Read as _;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use data_encoding::HEXLOWER;
use serde::Deserialize;
use serde::Serialize;
use sha2::Digest as _;
use sha2::Sha256;

use crate::import::error::ImportError;
use crate::import::ids::sha256;

/// How far an import has come. A unit is a row, or a key that a snapshot no longer has, counted from 0 over all inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The log: leaf hash of its first entry.
    log: String,
    /// SHA-256 of the mapping and the import key's mark.
    mapping: String,
    /// SHA-256 of each input, in order.
    inputs: Vec<String>,
    /// The last entry that was acknowledged: position and leaf hash.
    pub last: Option<(u64, String)>,
    /// Every unit below this is settled.
    pub settled: u64,
    /// Of those, the ones that the service refused: they are tried again.
    pub refused: BTreeSet<u64>,
}

impl State {
    /// The state at the beginning of an import.
    pub fn begin(genesis: &[u8], mapping: &[u8], inputs: Vec<String>) -> Self {
        let (log, mapping) = (HEXLOWER.encode(genesis), HEXLOWER.encode(&sha256(mapping)));
        Self { log, mapping, inputs, ..Self::default() }
    }

    /// Where the state of such an import lies.
    pub fn path(&self, folder: &Path, name: &str) -> PathBuf {
        let about = sha256(format!("{}\0{}", self.log, self.mapping).as_bytes());
        let name: String = name.chars().map(|one| if one.is_ascii_alphanumeric() { one } else { '-' }).collect();
        folder.join(format!("{name}-{}.json", &HEXLOWER.encode(&about)[..16]))
    }

    /// Goes on where an earlier run stopped: one into the same log, with the same mapping and key, whose inputs are
    /// the first of these. Anything else, an unreadable file too, is a beginning.
    ///
    /// `may_grow` says whether inputs may follow after the first so many: not where they are sorted together, nor in the
    /// midst of an edition. Then the inputs must be the same.
    #[must_use]
    pub fn resume(self, path: &Path, may_grow: impl Fn(usize) -> bool) -> Self {
        let earlier: Option<Self> = fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        match earlier {
            Some(earlier)
                if earlier.log == self.log
                    && earlier.mapping == self.mapping
                    && self.inputs.starts_with(&earlier.inputs)
                    && (earlier.inputs == self.inputs || may_grow(earlier.inputs.len())) =>
            {
                Self { inputs: self.inputs, ..earlier }
            }
            _ => self,
        }
    }

    /// Forgets what is settled: the log does not have it.
    pub fn forget(&mut self) {
        (self.last, self.settled, self.refused) = (None, 0, BTreeSet::new());
    }

    /// Whether the log has acknowledged a unit.
    pub fn has(&self, unit: u64) -> bool {
        unit < self.settled && !self.refused.contains(&unit)
    }

    /// Writes it in place of what was there. A crash leaves the old one or the new one.
    ///
    /// # Errors
    ///
    /// `File`.
    pub fn write(&self, path: &Path) -> Result<(), ImportError> {
        let written = || -> io::Result<()> {
            let aside = path.with_extension("new");
            let mut file = File::create(&aside)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.sync_data()?;
            fs::rename(&aside, path)
        };
        written().map_err(|source| ImportError::File { path: path.to_owned(), source })
    }
}

/// SHA-256 of a file, in hexadecimal digits.
///
/// # Errors
///
/// `File`.
pub fn fingerprint(path: &Path) -> Result<String, ImportError> {
    let digest = || -> io::Result<String> {
        let (mut file, mut hasher, mut buffer) = (File::open(path)?, Sha256::new(), vec![0; CHUNK]);
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(HEXLOWER.encode(&hasher.finalize())),
                len => hasher.update(&buffer[..len]),
            }
        }
    };
    digest().map_err(|source| ImportError::File { path: path.to_owned(), source })
}

const CHUNK: usize = 64 * 1024;
