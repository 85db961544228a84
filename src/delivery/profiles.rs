//! The redaction profiles that can be named: those of every program, and those of a folder.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use thiserror::Error;

use crate::export;
use crate::export::Profile;
use crate::export::ProfileError;

/// Profiles by name.
#[derive(Clone, Debug)]
pub struct Profiles(BTreeMap<String, Profile>);

/// Why profiles cannot be had.
#[derive(Debug, Error)]
pub enum ProfilesError {
    /// A file is no profile.
    #[error("{0}")]
    Profile(#[from] ProfileError),
    /// The folder, or a file in it, cannot be read.
    #[error("{path}: cannot read the profiles: {error}")]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Two have the same name.
    #[error("{path}: there is another profile with the name {name}")]
    Twice {
        /// The second of them.
        path: PathBuf,
        /// Their name.
        name: String,
    },
    /// There is none of this name.
    #[error("there is no profile {name}; there are {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
}

impl Profiles {
    /// Those of every program alone.
    pub fn shipped() -> Self {
        Self(export::shipped())
    }

    /// Those of every program, and every `*.toml` of a folder.
    ///
    /// # Errors
    ///
    /// The folder cannot be read, or a file of it is no profile: which file, line and key.
    pub fn with_folder(folder: &Path) -> Result<Self, ProfilesError> {
        let refused = |path: &Path| {
            let path = path.to_owned();
            move |error| ProfilesError::Io { path, error }
        };
        let listed = fs::read_dir(folder).map_err(refused(folder))?;
        let mut files =
            listed.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>().map_err(refused(folder))?;
        files.retain(|path| path.extension().is_some_and(|end| end == "toml"));
        files.sort();
        let mut profiles = Self::shipped();
        for path in files {
            let text = fs::read_to_string(&path).map_err(refused(&path))?;
            let profile = Profile::parse(&path.display().to_string(), &text)?;
            let name = profile.name().to_owned();
            if profiles.0.insert(name.clone(), profile).is_some() {
                return Err(ProfilesError::Twice { path, name });
            }
        }
        Ok(profiles)
    }

    /// The profile of a name.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn get(&self, name: &str) -> Result<&Profile, ProfilesError> {
        let known = || self.0.keys().cloned().collect::<Vec<_>>().join(", ");
        self.0.get(name).ok_or_else(|| ProfilesError::Unknown { name: name.to_owned(), known: known() })
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.0.values()
    }
}
