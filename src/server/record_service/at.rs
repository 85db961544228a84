//! The two times of a read, and the wait until it can be answered.

use std::sync::Arc;
use std::time::Duration;

use prost_types::Timestamp;
use tokio::task;
use tokio::time;
use tonic::metadata::MetadataMap;

use crate::domain::dates::Day;
use crate::events::PartialDate;
use crate::proto::v1::AsOf;
use crate::proto::v1::Stamp;
use crate::proto::v1::as_of::KnownAt;
use crate::server::record_service::Records;
use crate::server::record_service::errors::Refusal;
use crate::views::Histories;
use crate::views::ReadError;
use crate::views::View;

/// The longest that a read waits for the views.
const PATIENCE_MAX: Duration = Duration::from_secs(10);

/// The two times of a read, in order and not yet compared with the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    /// `None`: today.
    pub as_of: Option<Day>,
    pub known_at: Known,
    /// What the views must cover before there is an answer.
    pub min_position: u64,
}

/// What the log knew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Now,
    Position(u64),
    /// Unix time in milliseconds.
    Time(u64),
}

/// Reads the times of a request.
///
/// # Errors
///
/// The day is not a whole day of the calendar, or the time is not one.
pub(super) fn parse(at: Option<&AsOf>) -> Result<Times, Refusal> {
    let at = at.copied().unwrap_or_default();
    let whole = |date: PartialDate| {
        Day::new(date.year, date.month, date.day).ok_or(Refusal::FieldInvalid {
            field: "at.as_of",
            rule: "NOT_A_DAY",
            words: "a whole day of the calendar",
        })
    };
    let known_at = match at.known_at {
        None => Known::Now,
        Some(KnownAt::KnownAtPosition(position)) => Known::Position(position),
        Some(KnownAt::KnownAtTime(time)) => Known::Time(unix_ms("at.known_at_time", time)?),
    };
    Ok(Times { as_of: at.as_of.map(whole).transpose()?, known_at, min_position: at.min_position.unwrap_or(0) })
}

/// How long the caller waits: his deadline less an eighth, so that he hears why there is no answer, and at most ten
/// seconds.
pub(super) fn patience(metadata: &MetadataMap) -> Duration {
    let stated = metadata.get("grpc-timeout").and_then(|value| value.to_str().ok()).and_then(timeout);
    stated.map_or(PATIENCE_MAX, |timeout| timeout.saturating_sub(timeout / 8).min(PATIENCE_MAX))
}

impl<H: Histories> Records<H> {
    /// Compares the times with the log, waits for the views, and says what the answer will be true of. When that was
    /// recorded is left to whoever reads the log.
    ///
    /// A time before the first entry gives position 0: entry 0 opens the log and tells of nobody.
    pub(super) async fn resolve(&self, times: Times, patience: Duration) -> Result<(View, Stamp), Refusal> {
        let now = self.clock.unix_ms();
        let known_at = match times.known_at {
            Known::Now => None,
            Known::Position(position) => Some(position),
            Known::Time(time) if time > now => {
                return Err(Refusal::KnownAtInFuture { head: self.histories.coverage().head });
            }
            Known::Time(time) => Some(self.blocking(move |histories| histories.position_at(time)).await?.unwrap_or(0)),
        };
        let head = self.histories.coverage().head;
        if known_at.is_some_and(|position| position > head) {
            return Err(Refusal::KnownAtInFuture { head });
        }
        let applied = self.wait_for(known_at.unwrap_or(0).max(times.min_position), patience).await?;
        let position = known_at.unwrap_or(applied);
        let as_of = times.as_of.unwrap_or_else(|| Day::from_unix_ms(now));
        let stamp = Stamp {
            position,
            head_position: self.histories.coverage().head,
            as_of: Some(as_of.into()),
            recorded_at: None,
        };
        Ok((View { as_of, known_at: position }, stamp))
    }

    /// Waits until the views cover a position, and says how far they reach.
    async fn wait_for(&self, wanted: u64, patience: Duration) -> Result<u64, Refusal> {
        let mut moved = self.applied.clone();
        let reached = async {
            loop {
                // Seen before it is asked: what comes after the question wakes us again.
                moved.mark_unchanged();
                let applied = self.histories.coverage().applied;
                if applied >= wanted {
                    return Some(applied);
                }
                moved.changed().await.ok()?;
            }
        };
        match time::timeout(patience, reached).await {
            Ok(Some(applied)) => Ok(applied),
            // The folding has stopped, or the time is over.
            Ok(None) | Err(_) => {
                Err(Refusal::ReadPositionTimeout { applied: self.histories.coverage().applied, wanted })
            }
        }
    }

    pub(super) async fn blocking<T, F>(&self, read: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: FnOnce(&H) -> Result<T, ReadError> + Send + 'static,
    {
        let histories = Arc::clone(&self.histories);
        Ok(task::spawn_blocking(move || read(&histories)).await.map_err(|_| Refusal::Unreadable)??)
    }
}

/// A time before 1970 is before every log.
pub(super) fn unix_ms(field: &'static str, time: Timestamp) -> Result<u64, Refusal> {
    let nanos = u64::try_from(time.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    let nanos = nanos.ok_or(Refusal::FieldInvalid { field, rule: "FORMAT", words: "nanos of 0 to 999,999,999" })?;
    let seconds = u64::try_from(time.seconds).unwrap_or(0);
    Ok(seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000))
}

/// The timeout as gRPC writes it: at most eight digits and a unit.
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let amount: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}
