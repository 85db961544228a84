//! A published log over HTTP: of a service, or out of a folder of tiles that somebody serves.

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::time::Duration;

use axum::body::Body;
use axum::body::to_bytes;
use bytes::Bytes;
use hyper::Request;
use hyper::StatusCode;
use hyper::client::conn::http1;
use hyper::client::conn::http1::SendRequest;
use hyper::header::AUTHORIZATION;
use hyper::header::HOST;
use hyper::header::HeaderValue;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use url::Url;

use crate::cli::export::tiles::Failed;
use crate::cli::export::tiles::Source;
use crate::cli::said;
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

/// A log behind a URL. Read from threads outside the runtime.
pub(super) struct Fetched {
    runtime: Handle,
    /// With a slash at the end.
    url: Url,
    credential: Option<HeaderValue>,
    /// The connection of the last request, for the next one.
    connection: RefCell<Option<SendRequest<Body>>>,
}

impl Fetched {
    /// Where the checkpoint is, without its name; and a file with an auditor's token.
    pub(super) fn new(url: &str, token_file: Option<&Path>) -> Result<Self, Failed> {
        let refused = |what| Failed::Url { url: url.to_owned(), what };
        let mut parsed = Url::parse(url).map_err(|_| refused("not a URL such as http://127.0.0.1:7413/"))?;
        if parsed.scheme() != "http" {
            return Err(refused("only http:// can be read; what is behind TLS through a proxy on this machine"));
        }
        if parsed.query().is_some() || parsed.fragment().is_some() || !parsed.username().is_empty() {
            return Err(refused("a URL without user, ? and #"));
        }
        if !parsed.path().ends_with('/') {
            parsed.set_path(&format!("{}/", parsed.path()));
        }
        let credential = token_file.map(credential).transpose()?;
        Ok(Self { runtime: Handle::current(), url: parsed, credential, connection: RefCell::default() })
    }

    /// What stands under a path; `None` where nothing does.
    fn get(&self, path: &str, bytes_max: usize) -> Result<Option<Bytes>, Failed> {
        let unreachable = |what| Failed::Unreachable { url: format!("{}{path}", self.url), what };
        let asked = async {
            // A connection that was kept may have been closed meanwhile: then it is asked once more on a new one.
            let kept = self.connection.take();
            let was_kept = kept.is_some();
            match self.ask(kept, path, bytes_max).await {
                Err(_) if was_kept => self.ask(None, path, bytes_max).await,
                result => result,
            }
        };
        let answer = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, asked).await });
        let (status, body) = answer.map_err(|_| unreachable("no answer in time".to_owned()))?.map_err(unreachable)?;
        match status {
            StatusCode::OK => Ok(Some(body)),
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::UNAUTHORIZED => Err(unreachable("it wants an auditor's token: --token-file".to_owned())),
            status => Err(unreachable(format!("it answered {status}"))),
        }
    }

    async fn ask(
        &self,
        kept: Option<SendRequest<Body>>,
        path: &str,
        bytes_max: usize,
    ) -> Result<(StatusCode, Bytes), String> {
        let mut connection = match kept {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let mut request = Request::get(format!("{}{path}", self.url.path())).header(HOST, self.url.authority());
        if let Some(credential) = &self.credential {
            request = request.header(AUTHORIZATION, credential);
        }
        let request = request.body(Body::empty()).map_err(|error| said::causes(&error))?;
        let answer = connection.send_request(request).await.map_err(|error| said::causes(&error))?;
        let status = answer.status();
        let body = to_bytes(Body::new(answer.into_body()), bytes_max).await.map_err(|error| said::causes(&error))?;
        self.connection.replace(Some(connection));
        Ok((status, body))
    }

    async fn connect(&self) -> Result<SendRequest<Body>, String> {
        let addresses = self.url.socket_addrs(|| None).map_err(|error| said::causes(&error))?;
        let stream = TcpStream::connect(&*addresses).await.map_err(|error| said::causes(&error))?;
        stream.set_nodelay(true).unwrap_or_default();
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| said::causes(&error))?;
        // It ends with the sender, and whoever asked is told what went wrong.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }

    /// A tile, or the full one where the partial one is there no more (C2SP tlog-tiles): true, and it is the full one.
    fn tile(&self, tile: Tile, bytes_max: usize) -> Result<(bool, Bytes), Failed> {
        if let Some(bytes) = self.get(&tile.to_string(), bytes_max)? {
            return Ok((tile.is_full(), bytes));
        }
        let full = if tile.is_full() { None } else { self.get(&tile.full().to_string(), bytes_max)? };
        full.map(|bytes| (true, bytes))
            .ok_or_else(|| Failed::damaged(&format_args!("{}{tile}", self.url), &"it is not there"))
    }
}

fn credential(file: &Path) -> Result<HeaderValue, Failed> {
    let token = fs::read_to_string(file).map_err(Failed::io(file, "read it"))?;
    let mut value =
        HeaderValue::from_str(&format!("Bearer {}", token.trim_end_matches(['\r', '\n']))).map_err(|_| Failed::Io {
            path: file.to_owned(),
            doing: "use it",
            error: std::io::ErrorKind::InvalidData.into(),
        })?;
    value.set_sensitive(true);
    Ok(value)
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
            return Ok(bytes.into());
        }
        let mut part = Vec::new();
        for entry in BundleEntries::new(&bytes, TILE_WIDTH).take(tile.width.into()) {
            let entry = entry.map_err(|error| Failed::damaged(&tile, &error))?;
            append_to_bundle(&mut part, entry).map_err(|error| Failed::damaged(&tile, &error))?;
        }
        Ok(part)
    }
}
