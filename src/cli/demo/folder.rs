//! A folder for one run, gone afterwards.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::path::PathBuf;

/// A folder that only its owner can read. It is removed with everything in it when this value goes.
#[derive(Debug)]
pub(super) struct Passing {
    path: PathBuf,
}

impl Passing {
    /// Makes one among the temporary files of the system.
    pub(super) fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("probity-demo-{:016x}", rand::random::<u64>()));
        // Not recursive: a folder of this name that is there already, or a link, is refused.
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self { path })
    }

    /// A place in it.
    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        // Threads of a store that is being closed may still make a file; the second attempt finds it.
        if remove(&self.path).is_err() {
            drop(remove(&self.path));
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}
