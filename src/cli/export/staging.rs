//! Writing a folder whole or not at all.
//!
//! ```text
//! OUT.partial-<n>   being written; OUT takes its place at the end by a rename, and what was OUT is removed
//! ```
//!
//! A crash before the rename leaves OUT as it was, and beside it a part that the next run removes. A crash after it
//! leaves the new OUT, and beside it the old one, which the next run removes too.

use std::ffi::OsString;
use std::fs;
use std::fs::File;
use std::fs::TryLockError;
use std::io;
use std::io::BufWriter;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use rustix::fs::CWD;
use rustix::fs::RenameFlags;
use rustix::fs::renameat_with;
use rustix::io::Errno;

use crate::cli::export::Failed;
use crate::export::MANIFEST_FILE;
use crate::export::Sink;
use crate::store::failpoint;

/// A folder that is being written beside its target.
#[derive(Debug)]
pub(super) struct Staging {
    target: PathBuf,
    partial: PathBuf,
    /// Locked as long as somebody writes there; a lock of the folder itself, so that a rename takes it along.
    lock: File,
    replace: bool,
    /// Whether the folder has its place: what has the name of the part then is not ours to throw away unasked.
    placed: bool,
    files: Vec<(PathBuf, BufWriter<File>)>,
}

impl Staging {
    /// Begins a folder, and removes what earlier runs left behind.
    ///
    /// # Errors
    ///
    /// Something is there that may not be replaced, somebody else writes there, or the disk refused.
    pub(super) fn begin(target: &Path, replace: bool) -> Result<Self, Failed> {
        let name = target.file_name().ok_or_else(|| Failed::Exists { path: target.to_owned() })?;
        let mut prefix = name.to_owned();
        prefix.push(".partial-");
        remove_leftovers(target, &prefix)?;
        may_take(target, replace)?;
        for number in 0..u32::MAX {
            let mut name = prefix.clone();
            name.push(number.to_string());
            let partial = target.with_file_name(name);
            match fs::create_dir(&partial) {
                Ok(()) => {
                    let lock = File::open(&partial).map_err(|error| Failed::io(&partial, "open it", error))?;
                    lock.try_lock().map_err(|_| Failed::UnderWay { path: target.to_owned() })?;
                    return Ok(Self {
                        target: target.to_owned(),
                        partial,
                        lock,
                        replace,
                        placed: false,
                        files: Vec::new(),
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Failed::io(&partial, "make the folder", error)),
            }
        }
        Err(Failed::UnderWay { path: target.to_owned() })
    }

    /// Makes the files.
    ///
    /// # Errors
    ///
    /// The disk refused.
    pub(super) fn open(&mut self, names: &[String]) -> Result<(), Failed> {
        for name in names {
            let path = self.partial.join(name);
            let file = File::create_new(&path).map_err(|error| Failed::io(&path, "make the file", error))?;
            self.files.push((path, BufWriter::new(file)));
        }
        Ok(())
    }

    /// A file that is gone when it is closed, on the same disk.
    ///
    /// # Errors
    ///
    /// The disk refused.
    pub(super) fn unnamed_file(&self) -> Result<File, Failed> {
        let path = self.partial.join("read");
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
    pub(super) fn finish(mut self, manifest: &[u8]) -> Result<(), Failed> {
        for (path, writer) in std::mem::take(&mut self.files) {
            let file = writer.into_inner().map_err(|error| Failed::io(&path, "write to it", error.into_error()))?;
            file.sync_all().map_err(|error| Failed::io(&path, "sync it", error))?;
            failpoint::hit("export-file-written");
        }
        let path = self.partial.join(MANIFEST_FILE);
        let mut file = File::create_new(&path).map_err(|error| Failed::io(&path, "make the file", error))?;
        file.write_all(manifest).map_err(|error| Failed::io(&path, "write to it", error))?;
        file.sync_all().map_err(|error| Failed::io(&path, "sync it", error))?;
        self.lock.sync_all().map_err(|error| Failed::io(&self.partial, "sync it", error))?;
        failpoint::hit("export-before-rename");
        let replaced = self.put_in_place()?;
        self.placed = true;
        sync_parent(&self.target)?;
        failpoint::hit("export-after-rename");
        if replaced {
            // The name of the part is now that of the old export.
            fs::remove_dir_all(&self.partial).map_err(|error| Failed::io(&self.partial, "remove it", error))?;
        }
        Ok(())
    }

    /// Whether something was replaced: both have then exchanged their names, at once and for every reader.
    fn put_in_place(&self) -> Result<bool, Failed> {
        may_take(&self.target, self.replace)?;
        let renamed = |flags| renameat_with(CWD, &self.partial, CWD, &self.target, flags);
        let refused = |error: Errno| Failed::io(&self.target, "put the export into its place", error.into());
        match renamed(RenameFlags::NOREPLACE) {
            Ok(()) => Ok(false),
            Err(Errno::EXIST) if self.replace => renamed(RenameFlags::EXCHANGE).map(|()| true).map_err(refused),
            Err(Errno::EXIST) => Err(Failed::Exists { path: self.target.clone() }),
            // Some file systems know neither; where nothing is there, a plain rename does the same.
            Err(Errno::INVAL | Errno::NOSYS) if !self.target.exists() => {
                renamed(RenameFlags::empty()).map(|()| false).map_err(refused)
            }
            Err(error) => Err(refused(error)),
        }
    }
}

impl Drop for Staging {
    /// An export that failed leaves nothing.
    fn drop(&mut self) {
        if !self.placed {
            self.files.clear();
            _ = fs::remove_dir_all(&self.partial);
        }
    }
}

impl Sink for Staging {
    type Error = Failed;

    fn write(&mut self, file: usize, bytes: &[u8]) -> Result<(), Failed> {
        let (path, writer) = &mut self.files[file];
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

fn remove_leftovers(target: &Path, prefix: &OsString) -> Result<(), Failed> {
    let parent = parent(target);
    let listed = fs::read_dir(&parent).map_err(|error| Failed::io(&parent, "list it", error))?;
    for entry in listed {
        let entry = entry.map_err(|error| Failed::io(&parent, "list it", error))?;
        let name = entry.file_name();
        let number = name.as_encoded_bytes().strip_prefix(prefix.as_encoded_bytes()).unwrap_or_default();
        if number.is_empty() || !number.iter().all(u8::is_ascii_digit) {
            continue;
        }
        let path = entry.path();
        let folder = File::open(&path).map_err(|error| Failed::io(&path, "open it", error))?;
        match folder.try_lock() {
            Ok(()) => fs::remove_dir_all(&path).map_err(|error| Failed::io(&path, "remove it", error))?,
            Err(TryLockError::WouldBlock) => return Err(Failed::UnderWay { path: target.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(Failed::io(&path, "lock it", error)),
        }
    }
    Ok(())
}

fn parent(target: &Path) -> PathBuf {
    target.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), Path::to_owned)
}

fn sync_parent(target: &Path) -> Result<(), Failed> {
    let parent = parent(target);
    let synced = File::open(&parent).and_then(|folder| folder.sync_all());
    synced.map_err(|error| Failed::io(&parent, "sync it", error))
}
