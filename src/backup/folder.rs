//! The folder of a backup, held by the one who adds to it.

use std::fs;
use std::fs::File;
use std::fs::TryLockError;
use std::io;
use std::io::Read as _;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use crate::backup::BackupError;
use crate::backup::MANIFEST_FILE;
use crate::backup::Manifest;
use crate::backup::ManifestFault;
use crate::backup::manifest::is_segment_name;
use crate::log::LeafHash;
use crate::store::failpoint;

/// Name of what is being written, after the name that it will have.
pub(super) const PARTIAL: &str = ".partial";

/// A manifest of a million segments is shorter.
const MANIFEST_BYTES_MAX: u64 = 1 << 30;

/// A backup that is being added to.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) manifest: Manifest,
    /// The folder itself, locked as long as somebody writes there.
    lock: File,
}

impl Folder {
    /// Opens the backup of a log, or begins one in a folder that is missing or empty. What earlier runs left unnamed is
    /// removed.
    ///
    /// # Errors
    ///
    /// It is no backup, a damaged one, or another log's; somebody else writes there, or the disk refused.
    pub(super) fn begin(path: &Path, origin: &str, genesis: &LeafHash) -> Result<Self, BackupError> {
        match fs::create_dir(path) {
            Ok(()) => sync(parent(path))?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(BackupError::io(path, "make the folder")(error)),
        }
        let lock = File::open(path).map_err(BackupError::io(path, "open it"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => BackupError::UnderWay { path: path.to_owned() },
            TryLockError::Error(error) => BackupError::io(path, "lock it")(error),
        })?;
        let found = read_if_there(path)?;
        let is_new = found.is_none();
        let manifest = found.unwrap_or_else(|| Manifest::new(origin.to_owned(), genesis));
        let mut folder = Self { path: path.to_owned(), manifest, lock };
        if is_new {
            // Before the first segment: segments without a manifest were left by nobody but by a hand that removed it,
            // and are not ours to throw away.
            folder.check_empty()?;
            folder.publish(Vec::new())?;
        }
        if folder.manifest.genesis != genesis.to_string() {
            return Err(BackupError::OtherLog { backup: folder.manifest.origin, log: origin.to_owned() });
        }
        folder.remove_unnamed()?;
        Ok(folder)
    }

    /// Adds segments that are durable under their names. When it returns, the backup holds them.
    ///
    /// # Errors
    ///
    /// The disk refused; the backup holds what it held before, or all of it.
    pub(super) fn publish(&mut self, segments: Vec<crate::backup::Segment>) -> Result<(), BackupError> {
        let mut manifest = self.manifest.clone();
        manifest.segments.extend(segments);
        let (path, partial) = (self.path.join(MANIFEST_FILE), self.path.join(format!("{MANIFEST_FILE}{PARTIAL}")));
        let written = File::create(&partial).and_then(|mut file| {
            file.write_all(&manifest.encode())?;
            file.sync_all()
        });
        written.map_err(BackupError::io(&partial, "write it"))?;
        // Every segment has its name on the disk before one that names it has its own.
        self.sync()?;
        failpoint::hit("backup-manifest-written");
        fs::rename(&partial, &path).map_err(BackupError::io(&path, "put it into its place"))?;
        // From here on the segments are named, whatever the sync says: nobody may remove them.
        self.manifest = manifest;
        failpoint::hit("backup-manifest-renamed");
        self.sync()
    }

    /// Removes every file of ours that the manifest does not name; what is not ours stays.
    pub(super) fn remove_unnamed(&self) -> Result<(), BackupError> {
        for name in names(&self.path)? {
            let whole = name.strip_suffix(PARTIAL);
            let ours = is_segment_name(whole.unwrap_or(&name)) || whole == Some(MANIFEST_FILE);
            if ours && !self.manifest.segments.iter().any(|segment| segment.file.name == name) {
                let path = self.path.join(name);
                fs::remove_file(&path).map_err(BackupError::io(&path, "remove it"))?;
            }
        }
        Ok(())
    }

    fn check_empty(&self) -> Result<(), BackupError> {
        let ours = [format!("{MANIFEST_FILE}{PARTIAL}"), "lost+found".to_owned()];
        if names(&self.path)?.iter().all(|name| ours.contains(name)) {
            Ok(())
        } else {
            Err(BackupError::NotABackup { path: self.path.clone() })
        }
    }

    fn sync(&self) -> Result<(), BackupError> {
        self.lock.sync_all().map_err(BackupError::io(&self.path, "sync it"))
    }
}

/// Reads the manifest of a backup.
///
/// # Errors
///
/// It is no backup, its manifest is damaged, or it cannot be read.
pub fn read_manifest(folder: &Path) -> Result<Manifest, BackupError> {
    fs::read_dir(folder).map_err(BackupError::io(folder, "list it"))?;
    read_if_there(folder)?.ok_or_else(|| BackupError::NotABackup { path: folder.to_owned() })
}

fn read_if_there(folder: &Path) -> Result<Option<Manifest>, BackupError> {
    let path = folder.join(MANIFEST_FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(BackupError::io(&path, "open it")(error)),
    };
    let mut bytes = Vec::new();
    file.take(MANIFEST_BYTES_MAX).read_to_end(&mut bytes).map_err(BackupError::io(&path, "read it"))?;
    let decoded = Manifest::decode(&bytes);
    decoded.map(Some).map_err(|fault: ManifestFault| BackupError::Manifest { path, fault })
}

fn names(folder: &Path) -> Result<Vec<String>, BackupError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(BackupError::io(folder, "list it"))? {
        let entry = entry.map_err(BackupError::io(folder, "list it"))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

fn sync(folder: &Path) -> Result<(), BackupError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(BackupError::io(folder, "sync it"))
}
