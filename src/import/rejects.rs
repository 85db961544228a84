//! The rejects file: every refused row, whole, with its reason. It holds what the input holds, so it is personal data:
//! only its owner may read it, and its first line says so.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::Permissions;
use std::io;
use std::io::BufWriter;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use data_encoding::BASE64;
use serde_json::Value;
use serde_json::json;

use crate::import::error::ImportError;
use crate::import::error::Refusal;
use crate::import::send::Unit;
use crate::import::source::Place;

/// The rejects of one run, as JSON Lines.
#[derive(Debug)]
pub struct Rejects {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Rejects {
    /// Begins the file anew: rows that were refused before are tried again, and stand here again if they must.
    ///
    /// # Errors
    ///
    /// `File`.
    pub fn create(path: &Path, mapping: &str) -> Result<Self, ImportError> {
        let open = || -> io::Result<File> {
            let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
            fs::set_permissions(path, Permissions::from_mode(0o600))?;
            Ok(file)
        };
        let file = BufWriter::new(open().map_err(|source| ImportError::File { path: path.to_owned(), source })?);
        let mut rejects = Self { path: path.to_owned(), file };
        rejects.line(&json!({
            "about": "rows that an import refused, whole and with the reason: this file holds personal data",
            "mapping": mapping,
        }))?;
        Ok(rejects)
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds the rows of a unit, each with the reason of all; of a key that is gone, its place.
    ///
    /// # Errors
    ///
    /// `File`.
    pub fn add_unit(&mut self, unit: &Unit, refusal: &Refusal) -> Result<(), ImportError> {
        if unit.rows.is_empty() {
            return self.add(&unit.place, &[], refusal);
        }
        unit.rows.iter().try_for_each(|(place, bytes)| self.add(place, bytes, refusal))
    }

    /// Adds a row.
    ///
    /// # Errors
    ///
    /// `File`.
    pub fn add(&mut self, place: &Place, bytes: &[u8], refusal: &Refusal) -> Result<(), ImportError> {
        let mut line = json!({
            "file": *place.file,
            "line": place.line,
            "row": place.row,
            "reason": refusal.reason,
            "at": refusal.at,
            "detail": refusal.detail,
        });
        match std::str::from_utf8(bytes) {
            Ok(text) => line["content"] = Value::String(text.to_owned()),
            Err(_) => line["contentBase64"] = Value::String(BASE64.encode(bytes)),
        }
        self.line(&line)
    }

    /// What was added is in the file.
    ///
    /// # Errors
    ///
    /// `File`.
    pub fn flush(&mut self) -> Result<(), ImportError> {
        self.file.flush().map_err(|source| ImportError::File { path: self.path.clone(), source })
    }

    fn line(&mut self, line: &Value) -> Result<(), ImportError> {
        writeln!(self.file, "{line}").map_err(|source| ImportError::File { path: self.path.clone(), source })
    }
}
