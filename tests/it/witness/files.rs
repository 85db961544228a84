//! A log as files over HTTP, whatever is put there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::Uri;
use probity::log::LeafHash;
use probity::log::Note;
use probity::log::Tile;
use probity::log::TileKind;
use probity::log::append_to_bundle;
use tokio::net::TcpListener;

type Shared = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// What is served, and where.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    files: Shared,
    pub(crate) url: String,
}

impl Files {
    pub(crate) async fn serve() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let files = Shared::default();
        let router = Router::new().fallback(read).with_state(Arc::clone(&files));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { files, url }
    }

    pub(crate) fn put(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.files.lock().unwrap().insert(format!("/{path}"), bytes.into());
    }

    pub(crate) fn remove(&self, path: &str) {
        self.files.lock().unwrap().remove(&format!("/{path}"));
    }

    /// The checkpoint, and the tiles of at most 256 leaves.
    pub(crate) fn publish(&self, note: &Note, hashes: &[LeafHash]) {
        self.put("checkpoint", note.to_string());
        let tile = Tile::at(TileKind::Hashes(0), 0, hashes.len() as u64).unwrap();
        self.put(&tile.to_string(), hashes.iter().flat_map(|hash| hash.0).collect::<Vec<u8>>());
    }

    /// The bundle of at most 256 entries.
    pub(crate) fn bundle(&self, leaves: &[Vec<u8>]) {
        let mut bundle = Vec::new();
        for leaf in leaves {
            append_to_bundle(&mut bundle, leaf).unwrap();
        }
        let tile = Tile::at(TileKind::Entries, 0, leaves.len() as u64).unwrap();
        self.put(&tile.to_string(), bundle);
    }
}

async fn read(State(files): State<Shared>, uri: Uri) -> Result<Vec<u8>, StatusCode> {
    files.lock().unwrap().get(uri.path()).cloned().ok_or(StatusCode::NOT_FOUND)
}
