//! `probity verify --tiles`: a log that is published as files, over HTTP or in a folder.
//!
//! With a state the run goes on where an earlier one was. What the earlier one saw is in the state: the tree, every
//! history, the keys, the seal, so nothing is skipped, and whoever changed the log below gives a chain or a root that does
//! not go on from it. Where something is asked now that only the entries below can answer, it begins at entry 0 again.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

use crate::cli::progress;
use crate::cli::verify::Failed;
use crate::cli::verify::Head;
use crate::cli::verify::Verdict;
use crate::cli::verify::VerifyArgs;
use crate::cli::verify::damaged_at;
use crate::cli::verify::held::Held;
use crate::fetch::Client;
use crate::fetch::TiledEntries;
use crate::fetch::TiledLog;
use crate::fetch::read_token;
use crate::log::Checkpoint;
use crate::monitor::KeptReplay;
use crate::verify::Entries as _;
use crate::verify::Fault;
use crate::verify::LeafReplay;
use crate::verify::Pieces;
use crate::verify::Unreadable;
use crate::verify::Wanted;
use crate::verify::What;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Verifies the log at a place.
///
/// # Errors
///
/// It cannot be read, or the state cannot be used.
pub(super) async fn run(
    place: String,
    head: Option<Head>,
    held: Held,
    arguments: &VerifyArgs,
) -> Result<Verdict, Failed> {
    let log = open(&place, arguments.token_file.as_deref())?;
    let state = arguments.state.clone();
    let interrupted = Arc::new(AtomicBool::new(false));
    if state.is_some() {
        interrupt_by_signal(&interrupted)?;
    }
    let run = move || Run { log, place, head, state, interrupted }.verify(held);
    Ok(tokio::task::spawn_blocking(run).await??)
}

fn open(place: &str, token_file: Option<&Path>) -> Result<TiledLog, Unreadable> {
    let unreadable = |what| Unreadable { damaged: false, what };
    if !place.contains("://") {
        return Ok(TiledLog::in_folder(Path::new(place)));
    }
    let read = |file: &Path| read_token(file).map_err(|error| unreadable(format!("{}: {error}", file.display())));
    Ok(TiledLog::new(Client::new(PATIENCE), place, token_file.map(read).transpose()?))
}

/// The first SIGINT or SIGTERM ends the run in order; its state is kept then.
fn interrupt_by_signal(interrupted: &Arc<AtomicBool>) -> Result<(), Unreadable> {
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let signal = signal(kind).map_err(|error| Unreadable { damaged: false, what: error.to_string() });
        let (mut signal, interrupted) = (signal?, Arc::clone(interrupted));
        tokio::spawn(async move {
            signal.recv().await;
            interrupted.store(true, Ordering::Relaxed);
        });
    }
    Ok(())
}

struct Run {
    log: TiledLog,
    place: String,
    head: Option<Head>,
    state: Option<PathBuf>,
    interrupted: Arc<AtomicBool>,
}

impl Run {
    fn verify(&self, mut held: Held) -> Result<Verdict, Unreadable> {
        let note = match self.log.checkpoint() {
            Ok(note) => note,
            Err(error) if error.is_damage() && !error.is_missing() => return Ok(damaged_at(0, error.to_string())),
            Err(error) => return Err(error.into()),
        };
        let checkpoint = held.add(self.place.clone(), note.clone())?;
        let head = checkpoint.head();
        if head.size < 2 {
            return Ok(damaged_at(0, format!("a checkpoint over {} entries: the smallest is over 2", head.size)));
        }
        if let Some(Head(index, _)) = self.head.filter(|Head(index, _)| *index >= head.size) {
            let fault = Fault { index, what: What::Missing { size: head.size } };
            return Ok(Verdict::new(LeafReplay::default().report(Some(fault.into())), &held));
        }
        let entries = if TiledEntries::has_leaves(&self.log, head)? {
            TiledEntries::leaves(&self.log, head).beside_tiles()
        } else {
            TiledEntries::hashes(&self.log, head)
        };
        let mut kept = KeptReplay::new(note, checkpoint, LeafReplay::new(entries.pieces()));
        let mut again = None;
        if let Some(before) = self.before(entries.pieces(), &kept.checkpoint)? {
            if let Some(fault) = changed(&before.checkpoint, &kept.checkpoint) {
                return Ok(Verdict::new(before.replay.report(Some(fault.into())), &held));
            }
            again = Some(before.replay.head().size);
            held.add(self.state_name(), before.note)?;
            kept.replay = before.replay;
        }
        let mut verdict = match kept.replay.hold(held.heads()) {
            Err(fault) => return Ok(Verdict::new(kept.replay.report(Some(fault.into())), &held)),
            Ok(true) => Verdict { resumed: kept.replay.head().size, ..self.advance(kept, &entries, &held)? },
            Ok(false) => {
                kept.replay = LeafReplay::new(entries.pieces());
                let begun = kept.replay.hold(held.heads()).map(|_| ());
                begun.map_err(|fault| Unreadable { damaged: true, what: fault.to_string() })?;
                self.advance(kept, &entries, &held)?
            }
        };
        if again.is_some_and(|size| size > 0) && verdict.resumed == 0 {
            let words = "again     from entry 0: a checkpoint is held that the earlier run did not hold, or with other cosignatures";
            verdict.beside.push((words.to_owned(), true));
        }
        Ok(verdict)
    }

    /// What an earlier run left; it must be of the same log, and have read the same pieces.
    fn before(&self, pieces: Pieces, now: &Checkpoint) -> Result<Option<KeptReplay>, Unreadable> {
        let read = self.state.as_deref().map(KeptReplay::read).transpose().map_err(Unreadable::from)?;
        let Some(kept) = read.flatten() else { return Ok(None) };
        let refused = |what: String| Err(Unreadable { damaged: false, what: format!("{}: {what}", self.state_name()) });
        if kept.checkpoint.origin != now.origin {
            return refused(format!("it is of the log {}, and not of {}", kept.checkpoint.origin, now.origin));
        }
        match (kept.replay.pieces(), pieces) {
            (before, now) if before == now => Ok(Some(kept)),
            (Pieces::Hashes, _) => {
                refused("it is of a run without the token of an auditor; name another file".to_owned())
            }
            _ => refused("it is of a run with the token of an auditor; give one, or name another file".to_owned()),
        }
    }

    fn state_name(&self) -> String {
        self.state.as_deref().unwrap_or_else(|| Path::new("")).display().to_string()
    }

    /// Verifies what is left.
    fn advance(&self, mut kept: KeptReplay, entries: &TiledEntries<'_>, held: &Held) -> Result<Verdict, Unreadable> {
        let bar = progress::bar(entries.size(), "verifying", "entries");
        let head = self.head.map(|Head(index, hash)| (index, hash));
        let wanted = Wanted { head, interrupted: Some(&self.interrupted), ..Wanted::default() };
        let stop = kept.advance(entries, &wanted, self.state.as_deref(), |done| {
            if done % 256 == 0 {
                bar.set_position(done);
            }
        });
        bar.finish_and_clear();
        Ok(Verdict::new(kept.replay.report(stop.map_err(Unreadable::from)?), held))
    }
}

/// What shows without reading any entry that a log is not the one that it was.
fn changed(before: &Checkpoint, now: &Checkpoint) -> Option<Fault> {
    let index = before.size.checked_sub(1)?;
    if now.size < before.size {
        return Some(Fault { index, what: What::Missing { size: now.size } });
    }
    let differs = now.size == before.size && now.root != before.root;
    differs.then_some(Fault { index, what: What::Root { size: now.size, expected: before.root, found: now.root } })
}
