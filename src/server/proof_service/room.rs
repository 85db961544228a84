//! Room for proofs of histories, each of which may have as many bytes as a file may.

use std::sync::Arc;
use std::thread;

use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tonic::Status;

use crate::server::errors::Reason;

/// A file up to this length takes no room: a client that reads slowly holds little more than its connection.
const SHORT_BYTES: usize = 64 << 10;

/// Long files that are being read at once, in KiB.
const LONG_KIBIBYTES: usize = 256 << 10;

/// As many proofs are made at once as there are cores, and no more long files wait for their readers than fit.
#[derive(Clone, Debug)]
pub(super) struct Room {
    making: Arc<Semaphore>,
    long_kibibytes: Arc<Semaphore>,
}

impl Default for Room {
    fn default() -> Self {
        Self::new(thread::available_parallelism().map_or(1, usize::from), LONG_KIBIBYTES)
    }
}

impl Room {
    fn new(making: usize, long_kibibytes: usize) -> Self {
        Self { making: Arc::new(Semaphore::new(making)), long_kibibytes: Arc::new(Semaphore::new(long_kibibytes)) }
    }

    /// A place to make a proof, until it is dropped. Whoever asks waits, for as long as it cares to.
    pub(super) async fn to_make(&self) -> Result<OwnedSemaphorePermit, Status> {
        Arc::clone(&self.making).acquire_owned().await.map_err(|_| full())
    }

    /// Room for a file that was made, until it is dropped.
    ///
    /// # Errors
    ///
    /// Too much is held for readers that are slow.
    pub(super) fn to_hold(&self, bytes: usize) -> Result<Option<OwnedSemaphorePermit>, Status> {
        if bytes <= SHORT_BYTES {
            return Ok(None);
        }
        let kibibytes = u32::try_from(bytes.div_ceil(1024)).map_err(|_| full())?;
        Arc::clone(&self.long_kibibytes).try_acquire_many_owned(kibibytes).map(Some).map_err(|_| full())
    }
}

fn full() -> Status {
    Reason::ProofsHeld.status("long proofs wait for readers that are slow", &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_have_room_until_they_are_read_and_short_ones_need_none() {
        let room = Room::new(1, 300);
        let held = room.to_hold(200 << 10).unwrap();
        assert!(held.is_some());
        let refused = room.to_hold(101 << 10).unwrap_err();
        assert_eq!(Reason::of(&refused), Some(Reason::ProofsHeld));
        assert!(room.to_hold(64 << 10).unwrap().is_none());
        let other = room.to_hold(100 << 10).unwrap();
        assert_eq!(Reason::of(&room.to_hold((64 << 10) + 1).unwrap_err()), Some(Reason::ProofsHeld));
        drop((held, other));
        room.to_hold(300 << 10).unwrap();
        room.to_hold(301 << 10).unwrap_err();
    }

    #[tokio::test]
    async fn whoever_makes_a_proof_has_a_place_until_it_is_made() {
        let room = Room::new(1, 0);
        let made = room.to_make().await.unwrap();
        let other = room.clone();
        let mut waiting = Box::pin(async move { other.to_make().await.is_ok() });
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(made);
        assert!(waiting.await);
    }
}
