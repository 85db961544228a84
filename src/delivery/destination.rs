//! Where exports go: a folder or an object store behind a URL.
//!
//! ```text
//! <destination>/<name>/begun                   when the schedule of this name began
//! <destination>/<name>/20260630T020000Z/…      the files of the export that was due then, manifest.json the last
//! ```
//!
//! A manifest is put in one piece and only where there is none, so that an export without one is not whole, and one that
//! has one is never written again.

use std::path::Path;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::TryStreamExt as _;
use object_store::Error as StoreError;
use object_store::ObjectStore;
use object_store::ObjectStoreExt as _;
use object_store::ObjectStoreScheme;
use object_store::PutMode;
use object_store::PutPayload;
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path as Place;
use thiserror::Error;
use tokio::io::AsyncWriteExt as _;
use url::Url;

use crate::delivery::schedule::compact;
use crate::delivery::schedule::parse_compact;
use crate::export::MANIFEST_FILE;
use crate::export::Manifest;
use crate::export::ManifestFault;
use crate::store::failpoint;

/// Longer ones are no manifests.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// Says when a schedule began.
const BEGUN: &str = "begun";

/// Where exports go.
#[derive(Clone, Debug)]
pub struct Destination {
    store: Arc<dyn ObjectStore>,
    root: Place,
}

/// Why a destination cannot be used. It holds nothing that a whole export has not.
#[derive(Debug, Error)]
pub enum DestinationError {
    /// The URL is none, or of a kind that this program does not write to.
    #[error("{0}")]
    Url(String),
    /// It cannot be reached, or refuses.
    #[error("cannot {doing}: {error}")]
    Unreachable {
        /// What was tried.
        doing: &'static str,
        /// What it said.
        error: String,
    },
    /// What stands in the place of a manifest is none.
    #[error("{place}: {fault}")]
    Manifest {
        /// Where.
        place: String,
        /// What is wrong with it.
        fault: ManifestFault,
    },
    /// A file that was made cannot be read.
    #[error("{name}: cannot read what was made: {error}")]
    Made {
        /// Which.
        name: String,
        /// What the system said.
        error: std::io::Error,
    },
}

fn unreachable(doing: &'static str) -> impl FnOnce(StoreError) -> DestinationError {
    move |error| DestinationError::Unreachable { doing, error: error.to_string() }
}

/// Whether a URL is one that this program can write to. Nothing is reached for.
///
/// # Errors
///
/// It is not: why.
pub(super) fn check(url: &str) -> Result<(), DestinationError> {
    scheme(url).map(|_| ())
}

fn scheme(text: &str) -> Result<(Url, ObjectStoreScheme, Place), DestinationError> {
    let wrong = |what: String| DestinationError::Url(format!("{text}: {what}"));
    let url = Url::parse(text).map_err(|error| wrong(format!("no URL such as file:///srv/exports: {error}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(DestinationError::Url("a URL with a password in it: give secrets by the environment".to_owned()));
    }
    let (scheme, place) = ObjectStoreScheme::parse(&url).map_err(|error| wrong(error.to_string()))?;
    let known = match scheme {
        ObjectStoreScheme::Local => text.starts_with("file:///"),
        ObjectStoreScheme::Memory => true,
        ObjectStoreScheme::AmazonS3 | ObjectStoreScheme::GoogleCloudStorage | ObjectStoreScheme::MicrosoftAzure => {
            if !cfg!(feature = "cloud") {
                return Err(wrong("this program was built without the feature cloud".to_owned()));
            }
            true
        }
        _ => false,
    };
    if known {
        Ok((url, scheme, place))
    } else {
        Err(wrong("file:///…, s3://…, gs://… or az://… is wanted".to_owned()))
    }
}

/// What an environment says of object stores: AWS_…, GOOGLE_… and AZURE_… alone, since a TOKEN or a REGION may be anything's.
///
/// # Errors
///
/// A server that is to be talked to without TLS, and nobody said that this is meant.
fn settings(environment: impl Iterator<Item = (String, String)>) -> Result<Vec<(String, String)>, DestinationError> {
    let known = |key: &str| ["aws_", "google_", "azure_"].into_iter().find(|prefix| key.starts_with(prefix));
    let all: Vec<(String, String)> = environment
        .map(|(key, value)| (key.to_ascii_lowercase(), value))
        .filter(|(key, _)| known(key).is_some())
        .collect();
    for (key, value) in all.iter().filter(|(key, value)| key.contains("endpoint") && value.starts_with("http://")) {
        let allow = format!("{}allow_http", known(key).unwrap_or_default());
        if !all.iter().any(|(key, value)| *key == allow && value.eq_ignore_ascii_case("true")) {
            let (key, allow) = (key.to_ascii_uppercase(), allow.to_ascii_uppercase());
            let what = format!("{key} is {value}, without TLS: set {allow}=true where that is meant");
            return Err(DestinationError::Url(what));
        }
    }
    Ok(all)
}

impl Destination {
    /// Opens a destination. A folder must be there: what is mounted there may not be.
    ///
    /// # Errors
    ///
    /// It cannot be used.
    pub fn open(url: &str) -> Result<Self, DestinationError> {
        let (url, scheme, root) = scheme(url)?;
        match scheme {
            ObjectStoreScheme::Local => {
                let folder = url.to_file_path().map_err(|()| DestinationError::Url(format!("{url}: no path")))?;
                let store = LocalFileSystem::new_with_prefix(folder).map_err(unreachable("open the folder"))?;
                Ok(Self { store: Arc::new(store.with_fsync(true)), root: Place::default() })
            }
            ObjectStoreScheme::Memory => Ok(Self { store: Arc::new(InMemory::new()), root }),
            _ => {
                let environment = std::env::vars_os()
                    .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
                let settings = settings(environment)?;
                let (store, root) =
                    object_store::parse_url_opts(&url, settings).map_err(unreachable("open the object store"))?;
                Ok(Self { store: store.into(), root })
            }
        }
    }

    fn place(&self, parts: &[&str]) -> Place {
        parts.iter().filter(|part| !part.is_empty()).fold(self.root.clone(), |place, part| place.join(*part))
    }

    /// When the schedule of a name began: now, where nobody said so before.
    ///
    /// # Errors
    ///
    /// It cannot be reached.
    pub async fn begun(&self, name: &str, now_ms: u64) -> Result<u64, DestinationError> {
        let place = self.place(&[name, BEGUN]);
        let text = format!("{}\n", compact(now_ms));
        match self.store.put_opts(&place, text.into(), PutMode::Create.into()).await {
            // To the second: a due time that begins with it comes after it.
            Ok(_) => Ok(now_ms / 1000 * 1000),
            Err(StoreError::AlreadyExists { .. }) => {
                let read = self.store.get(&place).await.map_err(unreachable("read when the schedule began"))?;
                let bytes = read.bytes().await.map_err(unreachable("read when the schedule began"))?;
                let text = String::from_utf8_lossy(&bytes);
                parse_compact(text.trim_end()).ok_or_else(|| DestinationError::Unreachable {
                    doing: "read when the schedule began",
                    error: format!("{place} holds no time such as 20260630T020000Z"),
                })
            }
            Err(error) => Err(unreachable("write when the schedule began")(error)),
        }
    }

    /// The due times of a name at which something lies, ascending; not all of it need be whole.
    ///
    /// # Errors
    ///
    /// It cannot be reached.
    pub async fn due_times(&self, name: &str) -> Result<Vec<u64>, DestinationError> {
        let listed = self.store.list_with_delimiter(Some(&self.place(&[name]))).await;
        let listed = listed.map_err(unreachable("list the exports"))?;
        let mut found: Vec<u64> =
            listed.common_prefixes.iter().filter_map(|place| parse_compact(place.filename()?)).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// The manifest of an export; `None` where there is no whole one.
    ///
    /// # Errors
    ///
    /// It cannot be reached, or what lies there is no manifest.
    pub async fn manifest(&self, name: &str, export: &str) -> Result<Option<Manifest>, DestinationError> {
        let place = self.place(&[name, export, MANIFEST_FILE]);
        let read = match self.store.get(&place).await {
            Ok(read) => read,
            Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(unreachable("read a manifest")(error)),
        };
        let fault = |fault| DestinationError::Manifest { place: place.to_string(), fault };
        if read.meta.size > MANIFEST_BYTES_MAX {
            return Err(fault(ManifestFault::Fields));
        }
        let bytes = read.bytes().await.map_err(unreachable("read a manifest"))?;
        Manifest::decode(&bytes).map(Some).map_err(fault)
    }

    /// Removes what an export that was not finished left, and one that is to be replaced.
    ///
    /// # Errors
    ///
    /// It cannot be reached.
    pub async fn clear(&self, name: &str, export: &str) -> Result<(), DestinationError> {
        let listed = self.store.list(Some(&self.place(&[name, export]))).map_ok(|found| found.location).boxed();
        let deleted = self.store.delete_stream(listed).try_collect::<Vec<_>>().await;
        deleted.map(|_| ()).map_err(unreachable("remove what was left of an export"))
    }

    /// Puts an export that lies in a folder, its manifest the last. `false` where there is a manifest already: then it is
    /// another's, or that of a try which was told of a failure. Without name and export the destination itself is its
    /// folder.
    ///
    /// # Errors
    ///
    /// It cannot be reached, or a file cannot be read. What is there is not whole, unless the manifest was the last thing
    /// that was tried.
    pub async fn deliver(
        &self,
        name: &str,
        export: &str,
        folder: &Path,
        manifest: &mut Manifest,
    ) -> Result<bool, DestinationError> {
        self.clear(name, export).await?;
        for file in &manifest.files {
            self.put(name, export, folder, &file.name).await?;
            failpoint::hit("delivery-file-put");
        }
        failpoint::hit("delivery-before-manifest");
        let ours = self.put_manifest(name, export, manifest.encode()).await?;
        failpoint::hit("delivery-after-manifest");
        Ok(ours)
    }

    /// Puts a file of an export.
    ///
    /// # Errors
    ///
    /// It cannot be reached, or the file cannot be read.
    async fn put(&self, name: &str, export: &str, folder: &Path, file: &str) -> Result<(), DestinationError> {
        let made = |error| DestinationError::Made { name: file.to_owned(), error };
        let mut from = tokio::fs::File::open(folder.join(file)).await.map_err(made)?;
        let mut to = BufWriter::new(Arc::clone(&self.store), self.place(&[name, export, file]));
        let copied = async {
            tokio::io::copy(&mut from, &mut to).await?;
            to.shutdown().await
        };
        match copied.await {
            Ok(()) => Ok(()),
            Err(error) => {
                // What was put of it is of no use, and what cannot be removed now is removed before the next try.
                drop(to.abort().await);
                Err(DestinationError::Unreachable { doing: "put a file", error: error.to_string() })
            }
        }
    }

    /// Puts the manifest, the last file of an export: from now on it is whole. `false` where there is one already.
    ///
    /// # Errors
    ///
    /// It cannot be reached; whether the manifest is there is then not known, and is to be looked at.
    async fn put_manifest(&self, name: &str, export: &str, bytes: Vec<u8>) -> Result<bool, DestinationError> {
        let place = self.place(&[name, export, MANIFEST_FILE]);
        match self.store.put_opts(&place, PutPayload::from(bytes), PutMode::Create.into()).await {
            Ok(_) => Ok(true),
            Err(StoreError::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(unreachable("put the manifest")(error)),
        }
    }
}

#[cfg(test)]
mod tests;
