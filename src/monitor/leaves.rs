//! The look of a monitor that is an auditor: what was recorded since its last one is read and replayed.
//!
//! Its own look counts as a cosignature. It saw the checkpoint now, so nothing under it was recorded later, and nothing
//! behind it earlier than the longest delay allows.

use data_encoding::BASE64;

use crate::fetch::TiledEntries;
use crate::fetch::TiledLog;
use crate::log::Checkpoint;
use crate::log::Note;
use crate::monitor::Alarm;
use crate::monitor::KeptReplay;
use crate::monitor::Look;
use crate::monitor::LookError;
use crate::monitor::Signed;
use crate::monitor::Watched;
use crate::monitor::file_of;
use crate::verify::Fault;
use crate::verify::HeldHead;
use crate::verify::LeafReplay;
use crate::verify::Stop;
use crate::verify::Wanted;
use crate::verify::What;

impl Look {
    /// Replays the entries under a checkpoint that continues the one before, from where the last look was.
    pub(super) fn replay(
        &mut self,
        watched: &Watched,
        tiled: &TiledLog,
        (checkpoint, note): (&Checkpoint, &Note),
        before: Option<&Signed>,
        now_s: u64,
    ) -> Result<(), LookError> {
        let file = file_of(watched).with_extension("replay");
        let replay = match KeptReplay::read(&file)? {
            Some(kept) if kept.checkpoint.origin != checkpoint.origin => {
                return Err(LookError::Kept { file, what: format!("it is of the log {}", kept.checkpoint.origin) });
            }
            Some(kept) => kept.replay,
            None => LeafReplay::default(),
        };
        self.replayed = replay.head().size;
        let look_before_s = replay.cosigned_s().unwrap_or(0);
        let mut kept = KeptReplay::new(note.clone(), checkpoint.clone(), replay);
        let witnesses = watched.policy.iter().flat_map(|policy| policy.witnesses().map(|(_, witness)| &witness.key));
        let cosigned = note.verify(witnesses).unwrap_or_default();
        let cosigned_s = cosigned.iter().filter_map(|one| one.time_s).chain([now_s]).collect();
        let held = [HeldHead { head: checkpoint.head(), cosigned_s }];
        let stop = match kept.replay.hold(&held) {
            Ok(_) => {
                let entries = TiledEntries::leaves(tiled, checkpoint.head());
                kept.advance(&entries, &Wanted::default(), Some(&file), |_| {})?
            }
            Err(fault) => Some(fault.into()),
        };
        match stop {
            None => {
                // Its own look at a checkpoint that it knew is remembered too, since it holds the times of what comes; not
                // each of them, since all histories are written with it.
                let idle = self.replayed == checkpoint.size;
                if idle && now_s >= look_before_s + u64::from(kept.replay.longest_delay_s()) {
                    kept.write(&file)?;
                }
                self.replayed = checkpoint.size;
                let key = watched.log.public_key().as_bytes();
                if !kept.replay.keys().is_in_force(key, checkpoint.size) {
                    let why = format!("the key is not in force at {} entries", checkpoint.size);
                    self.raise(watched, Alarm::WrongKey, why, before, note);
                }
            }
            Some(Stop::Unreadable(unreadable)) => self.unread = Some(unreadable.what),
            Some(Stop::Fault(Fault { index, what: What::Unreadable(what) })) => {
                self.unread = Some(format!("entry {index}: {what}"));
            }
            Some(Stop::Fault(fault)) => {
                let shown = leaf(tiled, fault.index, checkpoint.size);
                let more = [("the leaf of the entry at fault, in base 64", shown.as_str())];
                self.raise_with(watched, alarm(&fault.what), fault.to_string(), before, note, &more);
            }
        }
        Ok(())
    }
}

const fn alarm(what: &What) -> Alarm {
    match what {
        What::BackDated { .. } | What::AfterCosignature { .. } | What::Time { .. } => Alarm::BackDated,
        What::Map { .. } => Alarm::Omission,
        What::Root { .. } => Alarm::FilesDiffer,
        _ => Alarm::WrongEntries,
    }
}

fn leaf(tiled: &TiledLog, index: u64, size: u64) -> String {
    let place = |first: u64| usize::try_from(index - first).ok();
    let found = tiled.bundle(index, size).ok().and_then(|(first, leaves)| leaves.into_iter().nth(place(first)?));
    found.map_or_else(|| "it cannot be read again\n".to_owned(), |leaf| BASE64.encode(&leaf) + "\n")
}
