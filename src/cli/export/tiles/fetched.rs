//! A published log over HTTP: of a service, or out of a folder of tiles that somebody serves.

use std::path::Path;
use std::time::Duration;

use url::Url;

use crate::cli::export::tiles::Failed;
use crate::cli::export::tiles::Source;
use crate::fetch::Client;
use crate::fetch::read_token;
use crate::log::BundleEntries;
use crate::log::Checkpoint;
use crate::log::ENTRY_BYTES_MAX;
use crate::log::Extensions;
use crate::log::LeafHash;
use crate::log::NOTE_BYTES_MAX;
use crate::log::Note;
use crate::log::TILE_WIDTH;
use crate::log::Tile;
use crate::log::append_to_bundle;
use crate::log::tile_hashes;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest bundle.
const BUNDLE_BYTES_MAX: usize = TILE_WIDTH as usize * (2 + ENTRY_BYTES_MAX);

/// A log behind a URL.
pub(super) struct Fetched {
    client: Client,
    /// With a slash at the end.
    url: Url,
    token: Option<String>,
}

impl Fetched {
    /// Where the checkpoint is, without its name; and a file with an auditor's token.
    pub(super) fn new(url: &str, token_file: Option<&Path>) -> Result<Self, Failed> {
        let refused = |what| Failed::Url { url: url.to_owned(), what };
        let mut parsed = Url::parse(url).map_err(|_| refused("not a URL such as http://127.0.0.1:7413/"))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(refused("not http:// or https://"));
        }
        if parsed.query().is_some() || parsed.fragment().is_some() || !parsed.username().is_empty() {
            return Err(refused("a URL without user, ? and #"));
        }
        if !parsed.path().ends_with('/') {
            parsed.set_path(&format!("{}/", parsed.path()));
        }
        let token =
            token_file.map(|file| read_token(file).map_err(Failed::io(file, "take a token from it"))).transpose()?;
        Ok(Self { client: Client::new(PATIENCE), url: parsed, token })
    }

    /// What stands under a path; `None` where nothing does.
    fn get(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, Failed> {
        let url = format!("{}{path}", self.url);
        let answer = self.client.get(&url, self.token.as_deref(), bytes_max as u64)?;
        let unreachable = |what| Failed::Unreachable { url, what };
        match answer.status {
            200 => Ok(Some(answer.body)),
            404 => Ok(None),
            401 => Err(unreachable("it wants an auditor's token: --token-file".to_owned())),
            status => Err(unreachable(format!("it answered {status}: {}", answer.first_line()))),
        }
    }

    /// A tile, or the full one where the partial one is there no more (C2SP tlog-tiles): true, and it is the full one.
    fn tile(&self, tile: Tile, bytes_max: usize) -> Result<(bool, Vec<u8>), Failed> {
        if let Some(bytes) = self.get(&tile.to_string(), bytes_max)? {
            return Ok((tile.is_full(), bytes));
        }
        let full = if tile.is_full() { None } else { self.get(&tile.full().to_string(), bytes_max)? };
        full.map(|bytes| (true, bytes))
            .ok_or_else(|| Failed::damaged(&format_args!("{}{tile}", self.url), &"it is not there"))
    }
}

impl Source for Fetched {
    fn checkpoint(&self) -> Result<(Checkpoint, Note), Failed> {
        let bytes = self.get("checkpoint", NOTE_BYTES_MAX)?.ok_or(Failed::NotPublished("no checkpoint is there"))?;
        let damaged = |error| Failed::damaged(&format_args!("{}checkpoint", self.url), &error);
        let note = Note::parse(&bytes).map_err(damaged)?;
        let checkpoint = Checkpoint::parse(note.text(), Extensions::Refused).map_err(damaged)?;
        Ok((checkpoint, note))
    }

    fn leaf_hashes(&self, tile: Tile) -> Result<Vec<LeafHash>, Failed> {
        let (full, bytes) = self.tile(tile, usize::from(TILE_WIDTH) * 32)?;
        let width = if full { TILE_WIDTH } else { tile.width };
        let hashes = tile_hashes(&bytes, width).map_err(|error| Failed::damaged(&tile, &error))?;
        Ok(hashes.take(tile.width.into()).map(|hash| LeafHash(hash.0)).collect())
    }

    fn bundle(&self, tile: Tile) -> Result<Vec<u8>, Failed> {
        let (full, bytes) = self.tile(tile, BUNDLE_BYTES_MAX)?;
        if full == tile.is_full() {
            return Ok(bytes);
        }
        let mut part = Vec::new();
        for entry in BundleEntries::new(&bytes, TILE_WIDTH).take(tile.width.into()) {
            let entry = entry.map_err(|error| Failed::damaged(&tile, &error))?;
            append_to_bundle(&mut part, entry).map_err(|error| Failed::damaged(&tile, &error))?;
        }
        Ok(part)
    }
}
