//! Having our log cosigned: a thread that follows what is published and asks every witness of the policy.
//!
//! Checkpoints are asked for one at a time: the next one when the quorum has cosigned this one, or all who can be asked
//! have answered. Otherwise two witnesses of different pace might never meet at one size.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rand::RngExt as _;
use tokio::runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::fetch::Client;
use crate::log::Checkpoint;
use crate::log::Note;
use crate::log::NoteSignature;
use crate::log::Verified;
use crate::log::VerifierKey;
use crate::publish::Cosigned;
use crate::publish::Proofs;
use crate::publish::Published;
use crate::sequencer::Stopper;
use crate::sequencer::Turns;
use crate::witness::Contradiction;
use crate::witness::WitnessFail;
use crate::witness::WitnessOptions;
use crate::witness::compare::Compared;
use crate::witness::compare::LogSeen;
use crate::witness::compare::contradiction;
use crate::witness::compare::with_evidence;
use crate::witness::history;
use crate::witness::peer::Peer;
use crate::witness::submit;
use crate::witness::submit::Known;
use crate::witness::submit::Outcome;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(20);

/// How often witnesses are asked again while nothing is written for the lack of one.
const LOOK_AGAIN_MS: u64 = 1_000;

/// How it is with the witnesses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Each of the policy that has an address.
    pub peers: Vec<PeerFigures>,
    /// Entries of the newest checkpoint that the quorum cosigned.
    pub quorum_size: u64,
    /// When it last did so, for this checkpoint or again, Unix time in milliseconds; at first, when it was first asked.
    pub quorum_at_ms: u64,
    /// Why nothing is written, where that is so for the lack of witnesses.
    pub holding: Option<String>,
    /// What a witness knows that contradicts the log.
    pub contradiction: Option<Contradiction>,
}

impl State {
    /// How long ago the quorum last cosigned, or since it was first asked.
    pub const fn quorum_age_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.quorum_at_ms)
    }

    /// Whether witnesses cosign as they should: nothing contradicts, nothing is held.
    pub const fn is_good(&self) -> bool {
        self.contradiction.is_none() && self.holding.is_none()
    }
}

/// How it is with one witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerFigures {
    /// Its name in the policy.
    pub name: String,
    /// Entries of the last checkpoint that it cosigned in this run; 0 if none.
    pub size: u64,
    /// When that was, as it says, Unix time in seconds; 0 if it did not.
    pub cosigned_at_s: u64,
    /// Failures since then.
    pub failures: u32,
    /// Whether it knows another log than ours.
    pub alarm: bool,
}

/// What the thread works with.
#[derive(Debug)]
pub struct Following {
    /// What is published.
    pub proofs: Proofs,
    /// The data folder, for evidence.
    pub data: PathBuf,
    /// Which log.
    pub origin: Arc<str>,
    /// The longest delay of GENESIS.
    pub longest_delay: Duration,
    /// Stops the writer, and lets it begin again.
    pub stopper: Stopper,
    /// Brings it to rest before.
    pub turns: Turns,
    /// What time it is.
    pub clock: Clock,
    /// Whether the look before the start found a witness.
    pub compared: Compared,
}

/// Has the log cosigned, until it is stopped.
#[derive(Debug)]
pub struct Witnessing {
    state: watch::Receiver<State>,
    stop: CancellationToken,
    thread: Option<thread::JoinHandle<()>>,
}

impl Witnessing {
    /// Follows what is published. Where no witness answered before the start, the writer has been stopped by whoever
    /// calls, and is let go on as the options say.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub fn start(options: WitnessOptions, following: Following) -> io::Result<Self> {
        let began = State { quorum_at_ms: following.clock.unix_ms(), ..State::default() };
        let (state, seen) = watch::channel(began);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let runtime = runtime::Builder::new_current_thread().enable_time().build()?;
        let thread = thread::Builder::new().name("witnesses".to_owned()).spawn(move || {
            let mut run = Run::new(options, following, state);
            runtime.block_on(run.run(stopped));
            // A talk under way ends by its own deadline, and nobody waits for it.
            runtime.shutdown_background();
        })?;
        Ok(Self { state: seen, stop, thread: Some(thread) })
    }

    /// How it is with the witnesses, after every change.
    pub const fn state(&self) -> &watch::Receiver<State> {
        &self.state
    }

    /// Asks nobody any more.
    pub fn stop(mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that has the log witnessed had stopped by itself");
        }
    }
}

/// What a thread that talked to a witness brings back.
enum Talked {
    Submitted { peer: usize, target: Arc<Published>, outcome: Outcome, shown: Option<(Checkpoint, Note)> },
    Looked { peer: usize, known: Known },
}

/// Why the writer is stopped for the lack of witnesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    /// None answered before the start, at this moment.
    Start { since_ms: u64 },
    /// The quorum is too old, and the setting is closed.
    Closed,
}

struct Run {
    options: WitnessOptions,
    with: Following,
    client: Client,
    peers: Vec<Peer>,
    again_ms: u64,
    published: watch::Receiver<Option<Arc<Published>>>,
    /// What everybody is asked to cosign now, with what came.
    target: Option<(Arc<Published>, Note)>,
    /// The size that the quorum has cosigned, since the target is of it.
    met: bool,
    quorum_ms: u64,
    hold: Option<Hold>,
    /// When a checkpoint was last kept for long.
    kept_ms: Option<u64>,
    /// When to look again while the writer is held.
    look_ms: u64,
    talks: JoinSet<Talked>,
    state: watch::Sender<State>,
}

impl Run {
    fn new(options: WitnessOptions, with: Following, state: watch::Sender<State>) -> Self {
        let peers = options.policy.witnesses().filter(|(_, at)| at.url.is_some());
        let peers = peers.map(|(name, at)| Peer::new(name.to_string(), at.clone())).collect();
        let now_ms = with.clock.monotonic_ms();
        let again = options.again.unwrap_or(with.longest_delay);
        let hold = (with.compared == Compared::NobodyAnswered).then_some(Hold::Start { since_ms: now_ms });
        Self {
            client: Client::new(PATIENCE),
            peers,
            again_ms: u64::try_from(again.as_millis()).unwrap_or(u64::MAX),
            published: with.proofs.follow(),
            target: None,
            met: false,
            quorum_ms: now_ms,
            hold,
            kept_ms: None,
            look_ms: now_ms + LOOK_AGAIN_MS,
            talks: JoinSet::new(),
            state,
            options,
            with,
        }
    }

    async fn run(&mut self, stop: CancellationToken) {
        loop {
            let now_ms = self.with.clock.monotonic_ms();
            match self.hold {
                Some(Hold::Start { since_ms }) => self.look_at_start(since_ms, now_ms),
                Some(Hold::Closed) | None => {
                    self.aim();
                    self.ask(now_ms);
                    self.hold_if_too_old(now_ms);
                }
            }
            self.tell();
            tokio::select! {
                () = stop.cancelled() => return,
                Some(talked) = self.talks.join_next() => match talked {
                    Ok(talked) => self.take(talked),
                    Err(error) => tracing::error!(%error, "a talk with a witness failed"),
                },
                changed = self.published.changed(), if self.hold.is_none() => if changed.is_err() { return },
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    /// Picks what everybody is asked to cosign.
    fn aim(&mut self) {
        // One of before the start has no map: what stands behind it must be sealed first, or it would seem back-dated.
        let newest = self.published.borrow_and_update().clone().filter(|newest| newest.map.is_some());
        let Some(newest) = newest else { return };
        let now_ms = self.with.clock.monotonic_ms();
        let moves = self.target.as_ref().is_none_or(|(target, _)| {
            let size = target.checkpoint.size;
            let open = |peer: &Peer| peer.busy || peer.is_due(size, u64::MAX, now_ms);
            newest.checkpoint.size > size && (self.met || !self.peers.iter().any(open))
        });
        if moves {
            let note = newest.note.clone();
            self.met = false;
            self.target = Some((newest, note));
        }
    }

    /// Talks to everybody who is due.
    fn ask(&mut self, now_ms: u64) {
        let Some((target, _)) = &self.target else { return };
        if !self.is_fresh(target) {
            return;
        }
        for (number, peer) in self.peers.iter_mut().enumerate() {
            if !peer.is_due(target.checkpoint.size, self.again_ms, now_ms) {
                continue;
            }
            peer.busy = true;
            let (client, at, known, target) = (self.client.clone(), peer.at.clone(), peer.known, Arc::clone(target));
            let (proofs, keys, origin) =
                (self.with.proofs.clone(), target.keys.verifiers(&self.with.origin), Arc::clone(&self.with.origin));
            self.talks.spawn_blocking(move || {
                let size = target.checkpoint.size;
                let prove = |old| proofs.consistency(old, size).map_err(|error| error.to_string());
                let outcome = submit::submit(&client, &at, (&target.note, &target.checkpoint), known, prove);
                let shown = match outcome {
                    Outcome::Ahead { .. } | Outcome::Other { .. } => {
                        submit::shown(&client, &at, &origin, &keys).ok().flatten()
                    }
                    Outcome::Cosigned { .. } | Outcome::Refused { .. } | Outcome::Failed(_) => None,
                };
                Talked::Submitted { peer: number, target, outcome, shown }
            });
        }
    }

    /// Whether a cosignature of now would say the truth: that nothing behind the checkpoint is older than the longest
    /// delay.
    fn is_fresh(&self, target: &Published) -> bool {
        let age_ms = self.with.clock.unix_ms().saturating_sub(target.sealed_at_ms);
        u128::from(age_ms) <= self.with.longest_delay.as_millis()
            || self.with.proofs.log_size() == target.checkpoint.size
    }

    /// Asks everybody what they know, while nobody was reached.
    fn look_at_start(&mut self, since_ms: u64, now_ms: u64) {
        let waited =
            now_ms.saturating_sub(since_ms) >= u64::try_from(self.options.wait.as_millis()).unwrap_or(u64::MAX);
        if waited && self.options.start_without {
            tracing::warn!("no witness answered; the log is written without, as start_without_witness says");
            return self.release();
        }
        if now_ms < self.look_ms {
            return;
        }
        self.look_ms = now_ms + LOOK_AGAIN_MS;
        let newest = self.published.borrow_and_update().clone();
        for (number, peer) in self.peers.iter_mut().enumerate().filter(|(_, peer)| !peer.busy && peer.alarm.is_none()) {
            peer.busy = true;
            let (client, at, newest) = (self.client.clone(), peer.at.clone(), newest.clone());
            let (keys, origin) = (keys_of(newest.as_deref(), &self.with.origin), Arc::clone(&self.with.origin));
            self.talks.spawn_blocking(move || {
                let note = newest.as_ref().map(|newest| &newest.note);
                Talked::Looked { peer: number, known: submit::ask(&client, &at, &origin, &keys, note) }
            });
        }
    }

    fn take(&mut self, talked: Talked) {
        let now_ms = self.with.clock.monotonic_ms();
        match talked {
            Talked::Looked { peer, known } => {
                self.peers[peer].busy = false;
                self.looked(peer, &known);
            }
            Talked::Submitted { peer: number, target, outcome, shown } => {
                let peer = &mut self.peers[number];
                peer.busy = false;
                match outcome {
                    Outcome::Cosigned { signature, time_s } => {
                        peer.cosigned(target.checkpoint.size, now_ms, time_s);
                        self.cosigned(&target, &signature, now_ms);
                    }
                    Outcome::Failed(why) => {
                        tracing::debug!(witness = peer.name, why, "a witness did not answer");
                        peer.failed(now_ms, rand::rng().random_range(0..1_000));
                    }
                    Outcome::Refused { status, said } => {
                        if peer.refused(status, now_ms) {
                            tracing::warn!(witness = peer.name, status, said, "a witness refuses to cosign this log");
                        }
                    }
                    Outcome::Ahead { seen } => self.ahead(number, seen, shown, now_ms),
                    Outcome::Other { size, said } => self.other(number, &target, size, &said, shown),
                }
            }
        }
    }

    /// Takes a cosignature, and hands the checkpoint with all that came to whoever keeps it.
    fn cosigned(&mut self, of: &Arc<Published>, signature: &NoteSignature, now_ms: u64) {
        let Some((target, note)) = &mut self.target else { return };
        if target.checkpoint.size != of.checkpoint.size {
            return;
        }
        let others =
            note.signatures().iter().filter(|one| (one.name(), one.id()) != (signature.name(), signature.id()));
        let signatures = others.cloned().chain([signature.clone()]).collect();
        match Note::new(note.text().to_owned(), signatures) {
            Ok(with) => *note = with,
            Err(fault) => return tracing::error!(%fault, "a cosignature has no room in the note"),
        }
        let keys = target.keys.verifiers(&self.with.origin);
        self.met = self.options.policy.check_with(note, &keys).is_ok();
        if self.met {
            self.quorum_ms = now_ms;
            let (size, at_ms) = (target.checkpoint.size, self.with.clock.unix_ms());
            self.state.send_modify(|state| (state.quorum_size, state.quorum_at_ms) = (size, at_ms));
        }
        if self.met && self.kept_ms.is_none_or(|kept_ms| now_ms.saturating_sub(kept_ms) >= self.again_ms) {
            match history::keep(&self.with.data, note, target.checkpoint.size, self.with.clock.unix_ms() / 1000) {
                Ok(()) => self.kept_ms = Some(now_ms),
                Err(error) => tracing::error!(%error, "a cosigned checkpoint could not be kept for long"),
            }
        }
        self.with.proofs.cosigned(Cosigned { published: Arc::clone(target), note: note.clone(), witnessed: self.met });
        if self.met && self.hold == Some(Hold::Closed) {
            tracing::info!("the quorum of witnesses cosigns again; the log is written");
            self.release();
        }
    }

    /// A witness has seen a larger tree than the one it was asked about: it may be ours of a moment later.
    fn ahead(&mut self, number: usize, seen: u64, shown: Option<(Checkpoint, Note)>, now_ms: u64) {
        let newest = self.published.borrow().clone();
        let size = newest.as_ref().map_or(0, |newest| newest.checkpoint.size);
        let peer = &mut self.peers[number];
        if seen <= size {
            peer.known = Some(seen);
            peer.failed(now_ms, 0);
            return;
        }
        let claim = Contradiction::RolledBack { witness: peer.name.clone(), seen, size, evidence: None };
        let proven = shown.as_ref().is_some_and(|(checkpoint, _)| checkpoint.size > size);
        let piece = shown.map_or_else(|| format!("409: {seen}\n"), |(_, note)| note.to_string());
        self.alarm(number, claim, &piece, proven);
    }

    fn other(&mut self, number: usize, target: &Published, size: u64, said: &str, shown: Option<(Checkpoint, Note)>) {
        let here = |size| self.with.proofs.root_at(size).ok();
        let theirs = shown.as_ref().and_then(|(checkpoint, _)| {
            (here(checkpoint.size)? != checkpoint.root).then_some((checkpoint.size, checkpoint.root))
        });
        let size = theirs.map_or(size, |(size, _)| size);
        let ours = here(size).unwrap_or(target.checkpoint.root);
        let witness = self.peers[number].name.clone();
        let claim = Contradiction::Forked { witness, size, ours, theirs: theirs.map(|(_, root)| root), evidence: None };
        let answer = format!("{said}\n");
        let piece = shown.map_or_else(|| answer.clone(), |(_, note)| format!("{answer}{note}"));
        self.alarm(number, claim, &piece, theirs.is_some());
    }

    /// What a witness shows under our own signature stops the writer. What it only says does not, unless as many say so as
    /// the policy asks to be believed: one could be wrong, and no stranger may stop a log.
    fn alarm(&mut self, number: usize, claim: Contradiction, theirs: &str, proven: bool) {
        let ours = self.published.borrow().as_ref().map_or_else(String::new, |newest| newest.note.to_string());
        let found = with_evidence(claim, &self.with.data, &ours, theirs);
        self.peers[number].alarm = Some(found.clone());
        if proven || self.a_quorum_says_so() {
            self.with.stopper.stop(&found.to_string());
        }
        self.state.send_modify(|state| state.contradiction = Some(found));
    }

    /// Whether as many witnesses know another log as would be enough to believe this one.
    fn a_quorum_says_so(&self) -> bool {
        let alarmed = self.peers.iter().filter(|peer| peer.alarm.is_some());
        let said: Vec<Verified<'_>> = alarmed.map(|peer| Verified { key: &peer.at.key, time_s: None }).collect();
        self.options.policy.quorum(&said).is_ok()
    }

    /// What a witness said while the writer was held.
    fn looked(&mut self, number: usize, known: &Known) {
        if !matches!(self.hold, Some(Hold::Start { .. })) {
            return;
        }
        let name = self.peers[number].name.clone();
        let here = LogSeen { with: &self.with, newest: self.published.borrow().clone() };
        if let Some(found) = contradiction(&here, &name, known, &self.with.data) {
            drop(here);
            // The writer stays stopped, now for good.
            self.peers[number].alarm = Some(found.clone());
            self.hold = Some(Hold::Start { since_ms: u64::MAX });
            self.options.start_without = false;
            self.state.send_modify(|state| state.contradiction = Some(found));
            return;
        }
        if !matches!(known, Known::Untold(_)) && self.state.borrow().contradiction.is_none() {
            tracing::info!(witness = name, "a witness answered; the log is written");
            self.release();
        }
    }

    fn hold_if_too_old(&mut self, now_ms: u64) {
        let too_old = now_ms.saturating_sub(self.quorum_ms)
            > u64::try_from(self.with.longest_delay.as_millis()).unwrap_or(u64::MAX).saturating_add(self.again_ms);
        if !too_old || self.options.fail == WitnessFail::Open || self.hold.is_some() {
            return;
        }
        // At rest nothing is planned that would be lost.
        let Ok(rest) = self.with.turns.rest() else { return };
        let why = "the quorum of witnesses has not cosigned for longer than witness_fail = closed allows";
        tracing::error!("{why}; nothing is written until it does");
        self.with.stopper.stop(why);
        drop(rest);
        self.hold = Some(Hold::Closed);
    }

    fn release(&mut self) {
        self.hold = None;
        self.quorum_ms = self.with.clock.monotonic_ms();
        self.with.stopper.resume();
    }

    /// Tells how it is, where that changed.
    fn tell(&self) {
        let peers: Vec<PeerFigures> = self.peers.iter().map(figures).collect();
        let holding = self.hold.map(|hold| match hold {
            Hold::Start { .. } => "no witness answered since the start".to_owned(),
            Hold::Closed => "the quorum of witnesses does not cosign".to_owned(),
        });
        self.state.send_if_modified(|state| {
            let changed = state.peers != peers || state.holding != holding;
            if changed {
                (state.peers, state.holding) = (peers, holding);
            }
            changed
        });
    }
}

/// The keys that may have signed checkpoints up to this one.
pub(super) fn keys_of(newest: Option<&Published>, origin: &str) -> Vec<VerifierKey> {
    newest.map_or_else(Vec::new, |newest| newest.keys.verifiers(origin))
}

fn figures(peer: &Peer) -> PeerFigures {
    PeerFigures {
        name: peer.name.clone(),
        size: peer.cosigned.map_or(0, |(size, _)| size),
        cosigned_at_s: peer.cosigned_at_s.unwrap_or(0),
        failures: peer.failures(),
        alarm: peer.alarm.is_some(),
    }
}
