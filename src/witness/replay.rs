//! A replaying witness: it reads every entry of a log and cosigns only when all of them are what they must be, steps 2 to 5
//! of what a verifier checks.
//!
//! What was replayed is kept in memory, so that only new entries are read; after a start it begins at entry 0 again.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::MutexGuard;

use crate::fetch::Client;
use crate::fetch::TiledEntries;
use crate::fetch::TiledLog;
use crate::log::Checkpoint;
use crate::log::PolicyKey;
use crate::log::VerifierKey;
use crate::verify::Fault;
use crate::verify::HeldHead;
use crate::verify::LeafReplay;
use crate::verify::Stop;
use crate::verify::Wanted;
use crate::verify::What;
use crate::witness::Replay;
use crate::witness::Seen;
use crate::witness::Unreplayed;

/// Replays logs, which it reads over HTTP where the policy says that they are.
#[derive(Debug)]
pub struct Replaying {
    client: Client,
    /// Of an auditor, for the entries.
    token: Option<String>,
    /// By origin. Held while entries are read, as the log's own lock is.
    logs: Mutex<BTreeMap<String, LeafReplay>>,
}

impl Replaying {
    /// With the token of an auditor, where the logs ask for one.
    pub const fn new(client: Client, token: Option<String>) -> Self {
        Self { client, token, logs: Mutex::new(BTreeMap::new()) }
    }
}

impl Replay for Replaying {
    fn replay(
        &self,
        log: &PolicyKey,
        keys: &[VerifierKey],
        checkpoint: &Checkpoint,
        seen: Option<&Seen>,
        now_s: u64,
    ) -> Result<(), Unreplayed> {
        let url = log.url.as_deref().ok_or("the policy has no address of this log, so its entries cannot be read");
        let url = url.map_err(|why| Unreplayed::Unread(why.to_owned()))?;
        let tiled = TiledLog::new(self.client.clone(), url, self.token.clone());
        // What we cosigned before holds the times of what came since; what we are to cosign, those of everything.
        let seen = seen.map(|seen| HeldHead { head: seen.head, cosigned_s: vec![seen.time_s] });
        let held: Vec<HeldHead> =
            seen.into_iter().chain([HeldHead { head: checkpoint.head(), cosigned_s: vec![now_s] }]).collect();
        // Taken out, so that logs do not wait for one another; the witness asks about one log at a time.
        let mut replay = self.lock()?.remove(&checkpoint.origin).unwrap_or_default();
        // What was read beyond is not cosigned, and may not be the log's. After a fault it begins at entry 0 again.
        if replay.head().size > checkpoint.size || !replay.hold(&held).map_err(|fault| wrong(&fault, now_s))? {
            replay = LeafReplay::default();
            replay.hold(&held).map_err(|fault| wrong(&fault, now_s))?;
        }
        let entries = TiledEntries::leaves(&tiled, checkpoint.head());
        match replay.advance(&entries, checkpoint.size, &Wanted::default(), |_| {}) {
            Ok(()) => {}
            Err(Stop::Fault(fault)) => return Err(wrong(&fault, now_s)),
            Err(Stop::Unreadable(unreadable)) => {
                self.lock()?.insert(checkpoint.origin.clone(), replay);
                return Err(Unreplayed::Unread(unreadable.what));
            }
        }
        if replay.origin() != checkpoint.origin {
            return Err(Unreplayed::Wrong(format!("its GENESIS says that it is {}", replay.origin())));
        }
        let in_force = |key: &VerifierKey| replay.keys().is_in_force(key.public_key().as_bytes(), checkpoint.size);
        if !keys.iter().any(in_force) {
            return Err(Unreplayed::Wrong("no key of the policy is in force at that size".to_owned()));
        }
        self.lock()?.insert(checkpoint.origin.clone(), replay);
        Ok(())
    }
}

impl Replaying {
    fn lock(&self) -> Result<MutexGuard<'_, BTreeMap<String, LeafReplay>>, Unreplayed> {
        self.logs.lock().map_err(|_| Unreplayed::Unread("an earlier replay failed".to_owned()))
    }
}

fn wrong(fault: &Fault, now_s: u64) -> Unreplayed {
    match &fault.what {
        // What is not there is no lie yet.
        What::Unreadable(what) => Unreplayed::Unread(what.clone()),
        What::AfterCosignature { cosigned_s, found } if *cosigned_s == now_s => Unreplayed::Wrong(format!(
            "entry {} says that it was recorded at {found} ms, which is still to come",
            fault.index
        )),
        _ => Unreplayed::Wrong(fault.to_string()),
    }
}
