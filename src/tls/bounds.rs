//! How much whoever connects may take of the service, whoever it is.

use std::fs;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

/// Where the system says how many files this process may have open.
const LIMITS: &str = "/proc/self/limits";

/// One connection may have so small a share of the bytes that are arriving.
const SHARE: u64 = 8;

/// What is set for connections: `[connections]` of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bounds {
    /// Connections for gRPC at once.
    pub max: u32,
    /// Seconds from the connection to the first words of HTTP/2, handshake included; for plain HTTP, to the end of a head.
    pub handshake_within_s: u64,
    /// Seconds in which a request comes whole; of a stream of requests, each message once it began.
    pub request_within_s: u64,
    /// Bytes of messages that have not come whole yet, of all connections together. One has an eighth of it.
    pub arriving_bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { max: 4096, handshake_within_s: 10, request_within_s: 60, arriving_bytes: 256 << 20 }
    }
}

impl Bounds {
    /// Whether the values can be used.
    ///
    /// # Errors
    ///
    /// The first key that cannot, and what must hold of it.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let range = |holds: bool, key, rule| if holds { Ok(()) } else { Err((key, rule)) };
        range((1..=1_000_000).contains(&self.max), "connections.max", "1 to 1000000")?;
        range((1..=600).contains(&self.handshake_within_s), "connections.handshake_within_s", "1 to 600")?;
        range((1..=3600).contains(&self.request_within_s), "connections.request_within_s", "1 to 3600")?;
        let one_fits = self.arriving_bytes >= SHARE * (8 << 20);
        range(one_fits, "connections.arriving_bytes", "at least 67108864, so that one connection can send one message")
    }

    /// How long a handshake, or a head of plain HTTP, may take.
    pub const fn handshake_within(&self) -> Duration {
        Duration::from_secs(self.handshake_within_s)
    }

    /// How long a request may take to come.
    pub const fn request_within(&self) -> Duration {
        Duration::from_secs(self.request_within_s)
    }

    /// Bytes that may be arriving over one connection.
    pub const fn arriving_bytes_of_one(&self) -> u64 {
        self.arriving_bytes / SHARE
    }

    /// Connections at once: at most half of the files that the system lets this process have open, since the store opens
    /// files too.
    pub(super) fn places(&self) -> usize {
        let wanted = usize::try_from(self.max).unwrap_or(usize::MAX);
        let Some(files) = fs::read_to_string(LIMITS).ok().and_then(|limits| open_files(&limits)) else { return wanted };
        let places = wanted.min((files / 2).max(1));
        if places < wanted {
            tracing::warn!(places, files, "fewer connections than configured: the process may have few files open");
        }
        places
    }
}

/// The soft limit of open files, from the table that Linux gives; `None` where there is none.
fn open_files(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests;
