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

use crate::log::Entry;
use crate::log::Kind;
use crate::log::LeafHash;
use crate::verify::Entries;
use crate::verify::Fault;
use crate::verify::Opener;
use crate::verify::Report;
use crate::verify::Unreadable;
use crate::verify::Wanted;
use crate::verify::What;
use crate::verify::entry::Looked;
use crate::verify::entry::Says;
use crate::verify::entry::Tokens;
use crate::verify::entry::Unknown;
use crate::verify::entry::look;
use crate::verify::entry::look_at;
use crate::verify::order::Of;
use crate::verify::order::Order;
use crate::verify::replay::Replay;

/// Bytes that one thread looks at at once.
const CHUNK_BYTES: usize = 1 << 20;

type Chunk = (u64, Vec<(u64, Bytes)>);
type ChunkLooked = (u64, Vec<Result<Looked, Fault>>);

/// Verifies a log, whole or from an entry on. `progress` is told how many entries are good, and the goal.
pub fn verify(entries: &dyn Entries, wanted: &Wanted<'_>, mut progress: impl FnMut(u64, u64)) -> Report {
    let (from, size) = (wanted.from, entries.size());
    let threads = match wanted.threads {
        0 => thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let mut order = match begin(entries, from) {
        Ok(order) => order,
        Err(fault) => return Report { fault: Some(fault), ..Report::default() },
    };
    let replay = (from == 0).then(|| Replay::new(wanted.held));
    let mut head = HeadSought { wanted: wanted.head, met: false };
    let stopped = AtomicBool::new(false);
    let (unreadable, replayed) = thread::scope(|scope| {
        let (chunks, to_look) = mpsc::sync_channel::<Chunk>(threads * 2);
        let (looked_sender, looked) = mpsc::sync_channel::<ChunkLooked>(threads * 4);
        // Theirs alone: when the last of them ends, the reader is told by a closed channel.
        let to_look = Arc::new(Mutex::new(to_look));
        for _ in 0..threads {
            let (to_look, looked) = (Arc::clone(&to_look), looked_sender.clone());
            scope.spawn(move || look_at_chunks(&to_look, &looked, wanted.opener));
        }
        drop((to_look, looked_sender));
        let stopped = &stopped;
        let reader = scope.spawn(move || read_chunks(entries, from, size, stopped, &chunks));
        let (mut replaying, replayer) = match replay {
            Some(replay) => {
                let (to_replay, in_order) = mpsc::sync_channel(8);
                let replayer = scope.spawn(move || replay_all(replay, &in_order, stopped));
                (Some(Replaying { to_replay, next: Vec::new() }), Some(replayer))
            }
            None => (None, None),
        };
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
                    progress(order.report.entries, size.saturating_sub(from));
                    if stopped.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                }
                Err(fault) => {
                    order.report.fault = Some(fault);
                    stopped.store(true, Ordering::Relaxed);
                    ControlFlow::Break(())
                }
            }
        });
        drop(looked);
        if let Some(replaying) = replaying {
            replaying.end();
        }
        let replayed = replayer.map(|replayer| {
            let stopped = || Fault { index: 0, what: What::Unreadable("the replay stopped".to_owned()) };
            replayer.join().unwrap_or_else(|_| Err(stopped()))
        });
        let read =
            reader.join().unwrap_or_else(|_| Err((from + order.report.entries, out_of_reach("the reader stopped"))));
        (read, replayed)
    });
    // Whatever is wrong first, by index, is what is wrong.
    let mut beyond = None;
    match replayed {
        Some(Ok(replay)) => {
            order.report.tree = Some(replay.head());
            order.report.checkpoints = replay.roots_met;
            beyond = replay.beyond();
        }
        Some(Err(fault)) if order.report.fault.as_ref().is_none_or(|first| fault.index < first.index) => {
            order.report.entries = fault.index;
            order.report.fault = Some(fault);
        }
        Some(Err(_)) | None => {}
    }
    if order.report.fault.is_none() {
        match unreadable {
            Ok(()) => {}
            Err((index, Unreadable { damaged: true, what })) => {
                order.report.fault = Some(Fault { index, what: What::Unreadable(what) });
            }
            Err((_, Unreadable { damaged: false, what })) => order.report.unreadable = Some(what),
        }
    }
    let mut report = order.end();
    if report.is_good()
        && let Some(published) = beyond
    {
        let size = from + report.entries;
        report.fault = Some(Fault { index: published - 1, what: What::Missing { size } });
    }
    if report.is_good()
        && let Some((index, _)) = wanted.head.filter(|_| !head.met)
    {
        report.fault = Some(Fault { index, what: What::Missing { size: from + report.entries } });
    }
    report
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

fn replay_all(
    mut replay: Replay,
    in_order: &mpsc::Receiver<Vec<Looked>>,
    stopped: &AtomicBool,
) -> Result<Replay, Fault> {
    for looked in in_order.iter().flatten() {
        if let Err(what) = replay.take(&looked) {
            stopped.store(true, Ordering::Relaxed);
            return Err(Fault { index: looked.index, what });
        }
    }
    Ok(replay)
}

fn out_of_reach(what: &str) -> Unreadable {
    Unreadable { damaged: false, what: what.to_owned() }
}

/// The head that was kept elsewhere, until it is met.
struct HeadSought {
    wanted: Option<(u64, LeafHash)>,
    met: bool,
}

impl HeadSought {
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
    stopped: &AtomicBool,
    chunks: &mpsc::SyncSender<Chunk>,
) -> Result<(), (u64, Unreadable)> {
    let mut number = 0;
    while from < size && !stopped.load(Ordering::Relaxed) {
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
    chunks: &Mutex<mpsc::Receiver<Chunk>>,
    looked: &mpsc::SyncSender<ChunkLooked>,
    opener: Option<&dyn Opener>,
) {
    loop {
        let next = chunks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, entries)) = next else { return };
        let mut tokens = Tokens::default();
        let look = |(index, bytes): &(u64, Bytes)| {
            look(*index, bytes, opener, &mut tokens).map_err(|what| Fault { index: *index, what })
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
    let Some(before) = from.checked_sub(1) else { return Ok(Order::new(Of::Entries)) };
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
