//! Asking others over HTTP: witnesses, and logs that are served as files, or lie as files. Believes nothing of what they say.
//!
//! It blocks: whoever asks has a thread for it. Nothing is followed elsewhere, and nobody is waited for longer than was
//! said.

mod entries;
mod tiled;
mod token;

use std::fmt;
use std::time::Duration;

use thiserror::Error;
use ureq::Agent;
use ureq::http::Response;
use ureq::tls::RootCerts;
use ureq::tls::TlsConfig;

pub use entries::TiledEntries;
pub use tiled::TiledError;
pub use tiled::TiledLog;
pub use tiled::TiledTree;
pub use token::read_token;

/// How many questions are under way at once, of whoever asks for much.
const AT_ONCE: usize = 8;

/// Asks over HTTP and HTTPS, with the certificates that the machine trusts. Cheap to clone; connections are kept.
#[derive(Clone)]
pub struct Client(Agent);

/// What came back, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status of HTTP.
    pub status: u16,
    /// All of the body.
    pub body: Vec<u8>,
}

/// Nobody answered, or more than was asked for.
#[derive(Debug, Error)]
#[error("{url}: {why}")]
pub struct FetchError {
    /// What was asked.
    pub url: String,
    /// Why there is no answer.
    pub why: Box<ureq::Error>,
}

impl Client {
    /// One that waits so long for a whole answer.
    pub fn new(patience: Duration) -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(patience))
            .tls_config(tls)
            .max_idle_connections_per_host(AT_ONCE)
            .user_agent(concat!("probity/", env!("CARGO_PKG_VERSION")))
            .build();
        Self(config.into())
    }

    /// Reads what is there; `token` is sent as a bearer's.
    ///
    /// # Errors
    ///
    /// Nobody answered in time, or the body is longer than `bytes_max`.
    pub fn get(&self, url: &str, token: Option<&str>, bytes_max: u64) -> Result<Answer, FetchError> {
        let mut request = self.0.get(url);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        read(url, request.call(), bytes_max)
    }

    /// Sends a body of bytes.
    ///
    /// # Errors
    ///
    /// As [`Client::get`].
    pub fn post(&self, url: &str, body: &[u8], bytes_max: u64) -> Result<Answer, FetchError> {
        read(url, self.0.post(url).content_type("application/octet-stream").send(body), bytes_max)
    }
}

fn read(url: &str, answer: Result<Response<ureq::Body>, ureq::Error>, bytes_max: u64) -> Result<Answer, FetchError> {
    let read = answer.and_then(|mut answer| {
        let body = answer.body_mut().with_config().limit(bytes_max).read_to_vec()?;
        Ok(Answer { status: answer.status().as_u16(), body })
    });
    read.map_err(|why| FetchError { url: url.to_owned(), why: Box::new(why) })
}

impl Answer {
    /// The first line of the body, as a person may read it in a log: at most 200 characters.
    pub fn first_line(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

/// An address below another one, whether that ends in a slash or not.
pub fn below(url: &str, path: &str) -> String {
    format!("{}/{path}", url.trim_end_matches('/'))
}
