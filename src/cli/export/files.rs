//! The files of an export, in a folder that takes its place whole or not at all.

use std::fs;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use crate::cli::export::Failed;
use crate::cli::staging::Over;
use crate::cli::staging::Staging;
use crate::export::MANIFEST_FILE;
use crate::export::Sink;
use crate::store::failpoint;

/// The files of an export that is being written beside its target.
#[derive(Debug)]
pub(super) struct Files {
    target: PathBuf,
    replace: bool,
    open: Vec<(PathBuf, BufWriter<File>)>,
    /// Dropped after the files.
    staging: Staging,
}

impl Files {
    /// Begins an export, and removes what earlier runs left behind.
    ///
    /// # Errors
    ///
    /// Something is there that may not be replaced, somebody else writes there, or the disk refused.
    pub(super) fn begin(target: &Path, replace: bool) -> Result<Self, Failed> {
        Staging::remove_leftovers(target)?;
        may_take(target, replace)?;
        let staging = Staging::begin(target)?;
        Ok(Self { target: target.to_owned(), replace, open: Vec::new(), staging })
    }

    /// Makes the files.
    ///
    /// # Errors
    ///
    /// The disk refused.
    pub(super) fn open(&mut self, names: &[String]) -> Result<(), Failed> {
        for name in names {
            let path = self.staging.path().join(name);
            let file = File::create_new(&path).map_err(|error| Failed::io(&path, "make the file", error))?;
            self.open.push((path, BufWriter::new(file)));
        }
        Ok(())
    }

    /// A file that is gone when it is closed, on the same disk.
    ///
    /// # Errors
    ///
    /// The disk refused.
    pub(super) fn unnamed_file(&self) -> Result<File, Failed> {
        let path = self.staging.path().join("read");
        let refused = |error| Failed::io(&path, "make a file", error);
        let file = File::options().read(true).write(true).create_new(true).open(&path).map_err(refused)?;
        fs::remove_file(&path).map_err(refused)?;
        Ok(file)
    }

    /// Makes everything durable, the manifest last, and puts the folder into its place.
    ///
    /// # Errors
    ///
    /// The disk refused, or the target came into being meanwhile. What was there is as it was.
    pub(super) fn finish(self, manifest: &[u8]) -> Result<(), Failed> {
        let Self { target, replace, open, mut staging } = self;
        for (path, writer) in open {
            let file = writer.into_inner().map_err(|error| Failed::io(&path, "write to it", error.into_error()))?;
            file.sync_all().map_err(|error| Failed::io(&path, "sync it", error))?;
            failpoint::hit("export-file-written");
        }
        let path = staging.path().join(MANIFEST_FILE);
        let mut file = File::create_new(&path).map_err(|error| Failed::io(&path, "make the file", error))?;
        file.write_all(manifest).map_err(|error| Failed::io(&path, "write to it", error))?;
        file.sync_all().map_err(|error| Failed::io(&path, "sync it", error))?;
        failpoint::hit("export-before-rename");
        may_take(&target, replace)?;
        staging.place(if replace { Over::Folder } else { Over::Nothing })?;
        failpoint::hit("export-after-rename");
        Ok(staging.remove_replaced()?)
    }
}

impl Sink for Files {
    type Error = Failed;

    fn write(&mut self, file: usize, bytes: &[u8]) -> Result<(), Failed> {
        let (path, writer) = &mut self.open[file];
        writer.write_all(bytes).map_err(|error| Failed::io(path, "write to it", error))
    }
}

/// Only nothing, or an export, is replaced: a slip of the keyboard must not cost a home folder.
fn may_take(target: &Path, replace: bool) -> Result<(), Failed> {
    match target.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failed::io(target, "look at it", error)),
        Ok(_) if !replace => Err(Failed::Exists { path: target.to_owned() }),
        Ok(found) if found.is_dir() && target.join(MANIFEST_FILE).is_file() => Ok(()),
        Ok(_) => Err(Failed::NotAnExport { path: target.to_owned() }),
    }
}
