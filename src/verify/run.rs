//! Reading, looking and ordering at once: one thread reads, as many as there are cores look, one orders.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;

use bytes::Bytes;
use thiserror::Error;

use crate::log::Entry;
use crate::log::Kind;
use crate::log::LeafHash;
use crate::verify::Entries;
use crate::verify::Fault;
use crate::verify::Opener;
use crate::verify::Pieces;
use crate::verify::Report;
use crate::verify::Unreadable;
use crate::verify::Wanted;
use crate::verify::What;
use crate::verify::entry::Looked;
use crate::verify::entry::Says;
use crate::verify::entry::Tokens;
use crate::verify::entry::Unknown;
use crate::verify::entry::look_at;
use crate::verify::entry::look_at_pieces;
use crate::verify::order::Order;
use crate::verify::replay::Replay;

/// Bytes that one thread looks at at once.
const CHUNK_BYTES: usize = 1 << 20;

/// How often a log that grows is read on for what names what is absent. Once is enough, unless more is erased meanwhile.
const GROWN_MAX: usize = 8;

type Chunk = (u64, Vec<(u64, Bytes)>);
type ChunkLooked = (u64, Vec<Result<Looked, Fault>>);

/// Why a verification did not come to the end.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Stop {
    /// Something is wrong.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// Something cannot be read, and nothing is wrong with what could.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

/// Verifies a log, whole or from an entry on. `progress` is told how many entries are good, and the goal.
pub fn verify(entries: &dyn Entries, wanted: &Wanted<'_>, mut progress: impl FnMut(u64, u64)) -> Report {
    let (from, size) = (wanted.from, entries.size());
    let mut order = match begin(entries, from) {
        Ok(order) => order,
        Err(fault) => return Report { fault: Some(fault), ..Report::default() },
    };
    let mut replay = (from == 0).then(|| Replay::new(wanted.held));
    let mut head = HeadSought::new(wanted.head);
    let told = |index: u64| progress(index - from, size.saturating_sub(from));
    let mut stop = advance(&mut order, replay.as_mut(), entries, size, wanted, &mut head, told).err();
    // What was erased while it was read is absent already, and what names it comes behind the end that was asked for.
    for _ in 0..GROWN_MAX {
        if stop.is_some() || order.index < size || !order.lacks() {
            break;
        }
        stop = match entries.size_now() {
            Ok(now) if now > order.index => {
                let read = advance(&mut order, replay.as_mut(), entries, now, wanted, &mut head, |_| ());
                // Nobody is accused of what nobody waited for.
                let cut = || (order.index < now).then(|| Stop::Unreadable(out_of_reach("interrupted")));
                read.err().or_else(cut)
            }
            Ok(_) => break,
            Err(unreadable) => Some(Stop::Unreadable(unreadable)),
        };
    }
    // Whoever reads to the end, or cannot, says so; what is left then was given up.
    let short =
        (order.index < size).then(|| out_of_reach(&format!("interrupted after {} of {size} entries", order.index)));
    let stop = stop.or_else(|| short.map(Stop::Unreadable));
    finish(order, replay.as_ref(), stop, &head)
}

/// What was found, where all that was wanted was taken, or `stop` came before.
pub(super) fn finish(mut order: Order, replay: Option<&Replay>, stop: Option<Stop>, head: &HeadSought) -> Report {
    let size = order.index;
    if let Some(replay) = replay.filter(|_| !matches!(stop, Some(Stop::Fault(_)))) {
        order.report.tree = Some(replay.head());
        order.report.checkpoints = replay.roots_met;
    }
    match stop {
        None => {}
        Some(Stop::Fault(fault)) => order.report.fault = Some(fault),
        Some(Stop::Unreadable(Unreadable { what, .. })) => order.report.unreadable = Some(what),
    }
    let mut report = order.end();
    if report.is_good()
        && let Some(published) = replay.and_then(Replay::beyond)
    {
        report.fault = Some(Fault { index: published - 1, what: What::Missing { size } });
    }
    if report.is_good()
        && let Some((index, _)) = head.wanted.filter(|_| !head.met)
    {
        report.fault = Some(Fault { index, what: What::Missing { size } });
    }
    report
}

/// Takes the entries up to one. `progress` is told the index of the next one.
pub(super) fn advance(
    order: &mut Order,
    mut replay: Option<&mut Replay>,
    entries: &dyn Entries,
    to: u64,
    wanted: &Wanted<'_>,
    head: &mut HeadSought,
    mut progress: impl FnMut(u64),
) -> Result<(), Stop> {
    let threads = match wanted.threads {
        0 => thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let (from, pieces) = (order.index, entries.pieces());
    let ends = Ends { stopped: AtomicBool::new(false), interrupted: wanted.interrupted };
    let (read, ordered, replayed) = thread::scope(|scope| {
        let ends = &ends;
        let (chunks, to_look) = mpsc::sync_channel::<Chunk>(threads * 2);
        let (looked_sender, looked) = mpsc::sync_channel::<ChunkLooked>(threads * 4);
        // Theirs alone: when the last of them ends, the reader is told by a closed channel.
        let to_look = Arc::new(Mutex::new(to_look));
        for _ in 0..threads {
            let (to_look, looked) = (Arc::clone(&to_look), looked_sender.clone());
            scope.spawn(move || look_at_chunks(pieces, &to_look, &looked, wanted.opener));
        }
        drop((to_look, looked_sender));
        let reader = scope.spawn(move || read_chunks(entries, from, to, ends, &chunks));
        let (mut replaying, replayer) = match replay.take() {
            Some(replay) => {
                let (to_replay, in_order) = mpsc::sync_channel(8);
                let replayer = scope.spawn(move || replay_all(replay, &in_order, &ends.stopped));
                (Some(Replaying { to_replay, next: Vec::new() }), Some(replayer))
            }
            None => (None, None),
        };
        let mut ordered = Ok(());
        in_order(&looked, |looked| {
            let step = looked.and_then(|looked| {
                head.compare(looked.index, &looked.leaf_hash)?;
                order.take(&looked, entries)?;
                Ok(looked)
            });
            match step {
                Ok(looked) => {
                    if let Some(replaying) = &mut replaying {
                        replaying.push(looked);
                    }
                    progress(order.index);
                    if ends.stopped.load(Ordering::Relaxed) {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                }
                Err(fault) => {
                    ordered = Err(fault);
                    ends.stopped.store(true, Ordering::Relaxed);
                    ControlFlow::Break(())
                }
            }
        });
        drop(looked);
        if let Some(replaying) = replaying {
            replaying.end();
        }
        let replayed = replayer.map_or(Ok(()), |replayer| {
            let stopped = || Fault { index: 0, what: What::Unreadable("the replay stopped".to_owned()) };
            replayer.join().unwrap_or_else(|_| Err(stopped()))
        });
        let read = reader.join().unwrap_or_else(|_| Err((from, out_of_reach("the reader stopped"))));
        (read, ordered, replayed)
    });
    // Whatever is wrong first, by index, is what is wrong.
    if let Some(fault) = [ordered.err(), replayed.err()].into_iter().flatten().min_by_key(|fault| fault.index) {
        order.report.entries = order.report.entries.min(fault.index);
        return Err(fault.into());
    }
    match read {
        Ok(()) => Ok(()),
        Err((index, Unreadable { damaged: true, what })) => Err(Fault { index, what: What::Unreadable(what) }.into()),
        Err((_, unreadable)) => Err(unreadable.into()),
    }
}

/// Why the reader ends before it is through.
struct Ends<'a> {
    /// Something is wrong.
    stopped: AtomicBool,
    interrupted: Option<&'a AtomicBool>,
}

impl Ends<'_> {
    fn is_over(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) || self.interrupted.is_some_and(|flag| flag.load(Ordering::Relaxed))
    }
}

/// Entries on their way to the replay, some at once.
struct Replaying {
    to_replay: mpsc::SyncSender<Vec<Looked>>,
    next: Vec<Looked>,
}

/// Entries that are handed on at once.
const REPLAYED_AT_ONCE: usize = 512;

impl Replaying {
    fn push(&mut self, looked: Looked) {
        self.next.push(looked);
        if self.next.len() == REPLAYED_AT_ONCE {
            // The replay found a fault, and ends everything.
            drop(self.to_replay.send(std::mem::take(&mut self.next)));
        }
    }

    fn end(self) {
        drop(self.to_replay.send(self.next));
    }
}

fn replay_all(replay: &mut Replay, in_order: &mpsc::Receiver<Vec<Looked>>, stopped: &AtomicBool) -> Result<(), Fault> {
    for looked in in_order.iter().flatten() {
        if let Err(what) = replay.take(&looked) {
            stopped.store(true, Ordering::Relaxed);
            return Err(Fault { index: looked.index, what });
        }
    }
    Ok(())
}

fn out_of_reach(what: &str) -> Unreadable {
    Unreadable { damaged: false, what: what.to_owned() }
}

/// The head that was kept elsewhere, until it is met.
pub(super) struct HeadSought {
    wanted: Option<(u64, LeafHash)>,
    met: bool,
}

impl HeadSought {
    pub(super) const fn new(wanted: Option<(u64, LeafHash)>) -> Self {
        Self { wanted, met: false }
    }

    fn compare(&mut self, index: u64, found: &LeafHash) -> Result<(), Fault> {
        match self.wanted {
            Some((at, expected)) if at == index => {
                self.met = true;
                if expected == *found {
                    return Ok(());
                }
                Err(Fault { index, what: What::Head { expected, found: *found } })
            }
            _ => Ok(()),
        }
    }
}

fn read_chunks(
    entries: &dyn Entries,
    mut from: u64,
    size: u64,
    ends: &Ends<'_>,
    chunks: &mpsc::SyncSender<Chunk>,
) -> Result<(), (u64, Unreadable)> {
    let mut number = 0;
    while from < size && !ends.is_over() {
        let mut read = entries.read(from, CHUNK_BYTES).map_err(|unreadable| (from, unreadable))?;
        // A log that grows meanwhile gives what comes after its end, which can be the beginning of a request.
        read.retain(|(index, _)| *index < size);
        let Some((last, _)) = read.last() else {
            let what = format!("the log ends after {from} of {size} entries");
            return Err((from, Unreadable { damaged: true, what }));
        };
        let next = last + 1;
        if chunks.send((number, read)).is_err() {
            break;
        }
        from = next;
        number += 1;
    }
    Ok(())
}

fn look_at_chunks(
    pieces: Pieces,
    chunks: &Mutex<mpsc::Receiver<Chunk>>,
    looked: &mpsc::SyncSender<ChunkLooked>,
    opener: Option<&dyn Opener>,
) {
    loop {
        let next = chunks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, entries)) = next else { return };
        let mut tokens = Tokens::default();
        let look = |(index, bytes): &(u64, Bytes)| {
            look_at_pieces(pieces, *index, bytes, opener, &mut tokens).map_err(|what| Fault { index: *index, what })
        };
        if looked.send((number, entries.iter().map(look).collect())).is_err() {
            return;
        }
    }
}

/// Hands on what was looked at in the order of the log.
fn in_order(looked: &mpsc::Receiver<ChunkLooked>, mut take: impl FnMut(Result<Looked, Fault>) -> ControlFlow<()>) {
    let mut early = BTreeMap::new();
    let mut next = 0;
    while let Ok((number, chunk)) = looked.recv() {
        early.insert(number, chunk);
        while let Some(chunk) = early.remove(&next) {
            next += 1;
            for entry in chunk {
                if take(entry).is_break() {
                    return;
                }
            }
        }
    }
}

/// Verifies the entries from one on, and that the first of them follows the one before it. Of an event of a type that
/// this program does not know, all but what it names: whoever folds it says that it is unknown.
///
/// # Errors
///
/// The first fault.
pub fn verify_range(entries: &dyn Entries, from: u64) -> Result<(), Fault> {
    let size = entries.size();
    let mut tokens = Tokens::default();
    let mut order = begin(entries, from)?;
    let mut next = from;
    while next < size {
        let read = read_or_fault(entries, next, CHUNK_BYTES)?;
        if read.is_empty() {
            return Err(Fault { index: next, what: What::Missing { size: next } });
        }
        for (index, bytes) in read {
            let looked = look_at(index, &bytes, None, &mut tokens, Unknown::IsTaken);
            order.take(&looked.map_err(|what| Fault { index, what })?, entries)?;
            next = index + 1;
        }
    }
    Ok(())
}

/// Begins the order before entry `from`, after the one before it.
fn begin(entries: &dyn Entries, from: u64) -> Result<Order, Fault> {
    let Some(before) = from.checked_sub(1) else { return Ok(Order::new(entries.pieces())) };
    let read = read_or_fault(entries, before, 1)?;
    let missing = || Fault { index: before, what: What::Missing { size: entries.size() } };
    let (index, bytes) = read.first().ok_or_else(missing)?;
    let last = look_at(*index, bytes, None, &mut Tokens::default(), Unknown::IsTaken);
    let last = last.map_err(|what| Fault { index: before, what })?;
    // The SEAL that ends a log is known by the CLOSE before it.
    let closed = match (&last.says, before.checked_sub(1)) {
        (Says::Seal(_), Some(at)) => {
            let read = read_or_fault(entries, at, 1)?;
            let (index, bytes) = read.first().ok_or_else(missing)?;
            let entry = Entry::check(bytes).map_err(|fault| Fault { index: *index, what: What::Entry(fault) })?;
            entry.leaf.kind() == Kind::Close
        }
        _ => false,
    };
    Ok(Order::after(&last, closed))
}

fn read_or_fault(entries: &dyn Entries, from: u64, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, Fault> {
    entries.read(from, bytes_max).map_err(|error| Fault { index: from, what: What::Unreadable(error.what) })
}
