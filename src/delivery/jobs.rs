//! Exports that somebody asked for. Each has a folder of its own with what was asked; its state is what lies there:
//!
//! ```text
//! <id>/asked.json            durable before the answer; an id is used once, for ever
//! <id>/files/manifest.json   it is done, and whole
//! <id>/ended.json            it failed or was cancelled, and why
//! ```
//!
//! One with neither of the last two is made, or made again, by the service that finds it.

use std::collections::BTreeMap;
use std::fs;
use std::fs::File;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::delivery::keeper::Maker;
use crate::delivery::make::MakeError;
use crate::delivery::make::Progress;
use crate::delivery::make::make;
use crate::delivery::profiles::Profiles;
use crate::domain::dates::Day;
use crate::export::Format;
use crate::export::MANIFEST_FILE;
use crate::export::Manifest;
use crate::export::Since;
use crate::export::Wanted;

/// How many may wait; each reads the whole log.
pub const WAITING_MAX: usize = 16;

const ASKED_FILE: &str = "asked.json";
const ENDED_FILE: &str = "ended.json";
const FILES_FOLDER: &str = "files";

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Name of the profile.
    pub profile: String,
    /// Names of the formats, ascending.
    pub formats: Vec<String>,
    /// Whether the entries go along.
    pub entries: bool,
    /// The last entry that counts; `None`: the last of the log when it was asked for.
    pub position: Option<u64>,
    /// The day for which "in force" is meant.
    pub as_of: Option<String>,
    /// What exports that follow one another have in common.
    pub name: String,
    /// Id of the export to go on from.
    pub since: Option<String>,
}

/// How far an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Others are made first.
    Queued,
    /// It is being made.
    Running,
    /// It is whole.
    Done,
    /// It was not made.
    Failed,
    /// It is not wanted any more.
    Cancelled,
}

/// An export that was asked for.
#[derive(Clone, Debug)]
pub struct Job {
    /// The id of the request.
    pub id: String,
    /// In the order of asking, from 1; newer starts count anew.
    pub number: u64,
    /// The principal who asked for it.
    pub asker: String,
    /// What was asked for.
    pub order: Order,
    /// The last entry that counts.
    pub position: u64,
    /// How far it is.
    pub state: State,
    /// Unix time in milliseconds.
    pub created_ms: u64,
    /// Unix time in milliseconds.
    pub ended_ms: Option<u64>,
    /// Why it failed.
    pub why: String,
    /// Of one that is done, with its length.
    pub manifest: Option<Arc<(Manifest, u64)>>,
    /// While it is made.
    pub progress: Arc<Progress>,
}

#[derive(Serialize, Deserialize)]
struct Asked {
    /// Empty in what was kept before there were principals.
    #[serde(default)]
    asker: String,
    order: Order,
    position: u64,
    created_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct Ended {
    state: State,
    why: String,
    at_ms: u64,
}

/// Why an export is not to be had.
#[derive(Debug, Error)]
pub enum JobError {
    /// The id was used for something else.
    #[error("this request id was used for another export")]
    Reused,
    /// As many wait as may.
    #[error("{WAITING_MAX} exports wait already")]
    QueueFull,
    /// A field of the order cannot be.
    #[error("{what}")]
    Order {
        /// Which.
        field: &'static str,
        /// Why.
        what: String,
    },
    /// The disk refused.
    #[error("what was asked cannot be kept: {0}")]
    Io(#[from] io::Error),
}

/// All exports that were asked for.
#[derive(Debug)]
pub struct Jobs {
    folder: PathBuf,
    maker: Maker,
    profiles: Profiles,
    clock: Clock,
    stop: CancellationToken,
    /// Held for moments, and while what is asked is made durable: one id is one export.
    known: Mutex<BTreeMap<String, Job>>,
}

impl Jobs {
    /// Those that lie in a folder. What was interrupted is queued again by [`Jobs::resume`].
    ///
    /// # Errors
    ///
    /// The folder cannot be made or read.
    pub fn open(
        folder: PathBuf,
        maker: Maker,
        profiles: Profiles,
        clock: Clock,
        stop: CancellationToken,
    ) -> io::Result<Arc<Self>> {
        let mut found = Vec::new();
        if folder.is_dir() {
            for entry in fs::read_dir(&folder)? {
                let path = entry?.path();
                match read_job(&path) {
                    Ok(job) => found.push(job),
                    // Asked for, and killed before that was durable: nobody was answered.
                    Err(error) => tracing::warn!(path = %path.display(), %error, "left alone: no export lies there"),
                }
            }
        }
        found.sort_by(|one, other| (one.created_ms, &one.id).cmp(&(other.created_ms, &other.id)));
        for (job, number) in found.iter_mut().zip(1..) {
            job.number = number;
        }
        let known = Mutex::new(found.into_iter().map(|job| (job.id.clone(), job)).collect());
        Ok(Arc::new(Self { folder, maker, profiles, clock, stop, known }))
    }

    /// Makes what an earlier run left, the oldest first.
    pub fn resume(self: &Arc<Self>) {
        let mut left: Vec<Job> = self.jobs().values().filter(|job| job.state == State::Queued).cloned().collect();
        left.sort_by_key(|job| job.number);
        for job in left {
            self.start(job);
        }
    }

    fn jobs(&self) -> MutexGuard<'_, BTreeMap<String, Job>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for an export; whether the same principal asked for it before.
    ///
    /// # Errors
    ///
    /// There is none: nothing was kept.
    pub fn create(self: &Arc<Self>, id: &str, order: Order, asker: &str) -> Result<(Job, bool), JobError> {
        if let Some(job) = self.same(id, &order, asker)? {
            return Ok((job, true));
        }
        let position = self.position(&order)?;
        self.wanted(&order, position)?;
        let job = {
            let mut jobs = self.jobs();
            if let Some(job) = jobs.get(id) {
                return if job.order == order && job.asker == asker {
                    Ok((job.clone(), true))
                } else {
                    Err(JobError::Reused)
                };
            }
            let waiting = jobs.values().filter(|job| matches!(job.state, State::Queued | State::Running)).count();
            if waiting >= WAITING_MAX {
                return Err(JobError::QueueFull);
            }
            let number = jobs.values().map(|job| job.number).max().unwrap_or_default() + 1;
            let asked = Asked { asker: asker.to_owned(), order, position, created_ms: self.clock.unix_ms() };
            fs::create_dir_all(self.folder.join(id))?;
            keep(&self.folder.join(id), ASKED_FILE, &asked)?;
            File::open(&self.folder)?.sync_all()?;
            let job = Job::asked(id, number, asked);
            jobs.insert(id.to_owned(), job.clone());
            job
        };
        self.start(job.clone());
        Ok((job, false))
    }

    fn same(&self, id: &str, order: &Order, asker: &str) -> Result<Option<Job>, JobError> {
        match self.jobs().get(id) {
            Some(job) if job.order == *order && job.asker == asker => Ok(Some(job.clone())),
            Some(_) => Err(JobError::Reused),
            None => Ok(None),
        }
    }

    /// One export.
    pub fn job(&self, id: &str) -> Option<Job> {
        self.jobs().get(id).cloned()
    }

    /// All of them, the newest first.
    pub fn list(&self) -> Vec<Job> {
        let mut jobs: Vec<Job> = self.jobs().values().cloned().collect();
        jobs.sort_by_key(|job| std::cmp::Reverse(job.number));
        jobs
    }

    /// Ends an export, or takes its files away.
    ///
    /// # Errors
    ///
    /// The disk refused; it is as it was.
    pub fn cancel(&self, id: &str) -> Result<Option<Job>, JobError> {
        let mut jobs = self.jobs();
        let Some(job) = jobs.get_mut(id) else { return Ok(None) };
        if !matches!(job.state, State::Failed | State::Cancelled) {
            job.progress.cancel();
            self.end(job, State::Cancelled, String::new())?;
            self.maker.figures.cancelled.fetch_add(1, Ordering::Relaxed);
        }
        Ok(Some(job.clone()))
    }

    /// Where a file of an export lies.
    pub fn path(&self, id: &str, file: &str) -> PathBuf {
        self.folder.join(id).join(FILES_FOLDER).join(file)
    }

    fn position(&self, order: &Order) -> Result<u64, JobError> {
        let last = self.maker.reader.size().saturating_sub(1);
        let position = order.position.unwrap_or(last);
        let wrong = |what: String| JobError::Order { field: "position", what };
        if position > last {
            return Err(wrong(format!("there is no entry {position}: the last is {last}")));
        }
        let whole = crate::delivery::make::whole_request(&self.maker.reader, position)
            .map_err(|error| wrong(error.to_string()))?;
        match (whole, order.position) {
            (Some(whole), None) => Ok(whole),
            (Some(whole), Some(_)) if whole == position => Ok(position),
            _ => Err(wrong(format!("entry {position} is inside a request: between its events there is no state"))),
        }
    }

    /// What is to be written.
    fn wanted(&self, order: &Order, position: u64) -> Result<Wanted, JobError> {
        let wrong = |field, what: String| JobError::Order { field, what };
        let profile = self.profiles.get(&order.profile).map_err(|error| wrong("profile", error.to_string()))?.clone();
        if order.entries && !profile.entries() {
            return Err(wrong("entries", format!("they hold more than profile {} lets through", profile.name())));
        }
        let since = match &order.since {
            None => None,
            Some(_) if profile.chooses_rows() => {
                let what = format!(
                    "profile {} chooses rows by their state: only a full export shows which are gone",
                    profile.name()
                );
                return Err(wrong("since_export_id", what));
            }
            Some(id) => {
                let before = self.job(id).and_then(|job| job.manifest);
                let before =
                    before.ok_or_else(|| wrong("since_export_id", format!("{id} is no export that is done")))?;
                if before.0.position > position {
                    return Err(wrong("since_export_id", format!("it is at a later entry, {}", before.0.position)));
                }
                let since = Since::after(&before.0, &order.name, &profile);
                Some(since.map_err(|what| wrong("since_export_id", what.to_owned()))?)
            }
        };
        Ok(Wanted {
            position,
            as_of: order.as_of.as_deref().and_then(Day::parse),
            formats: order.formats.iter().filter_map(|name| Format::parse(name)).collect(),
            entries: order.entries,
            name: order.name.clone(),
            profile,
            since,
        })
    }

    /// Makes an export when its turn comes.
    fn start(self: &Arc<Self>, job: Job) {
        let jobs = Arc::clone(self);
        tokio::spawn(async move {
            let slot = tokio::select! {
                () = jobs.stop.cancelled() => return,
                slot = Arc::clone(&jobs.maker.slot).acquire_owned() => slot,
            };
            let Ok(_slot) = slot else { return };
            let progress = Arc::clone(&job.progress);
            let made = tokio::task::spawn_blocking({
                let jobs = Arc::clone(&jobs);
                move || jobs.make(&job)
            });
            tokio::select! {
                () = jobs.stop.cancelled() => progress.cancel(),
                _ = made => {}
            }
        });
    }

    fn make(&self, job: &Job) {
        {
            let mut jobs = self.jobs();
            match jobs.get_mut(&job.id) {
                Some(job) if job.state == State::Queued => job.state = State::Running,
                _ => return,
            }
        }
        let made = self.wanted(&job.order, job.position).map_err(|error| MakeError::Refused(error.to_string()));
        let folder = self.folder.join(&job.id).join(FILES_FOLDER);
        let reserve_bytes = self.maker.reserve_bytes;
        let made = made.and_then(|wanted| make(&self.maker.reader, &wanted, &folder, reserve_bytes, &job.progress));
        if self.stop.is_cancelled() && made.is_err() {
            // Nobody cancelled it: the next start makes it.
            return;
        }
        self.made(&job.id, made);
    }

    fn made(&self, id: &str, made: Result<Manifest, MakeError>) {
        let figures = &self.maker.figures;
        let mut jobs = self.jobs();
        let Some(job) = jobs.get_mut(id) else { return };
        match made {
            // Cancelled after its last look: what was made is not wanted.
            Ok(_) | Err(_) if job.state == State::Cancelled => {
                drop(fs::remove_dir_all(self.folder.join(id).join(FILES_FOLDER)));
            }
            Ok(mut manifest) => {
                let length = manifest.encode().len() as u64;
                job.state = State::Done;
                job.ended_ms = Some(self.clock.unix_ms());
                job.manifest = Some(Arc::new((manifest, length)));
                figures.done.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                tracing::error!(export = id, %error, "an export failed");
                figures.failed.fetch_add(1, Ordering::Relaxed);
                if let Err(error) = self.end(job, State::Failed, error.to_string()) {
                    tracing::error!(export = id, %error, "that it failed cannot be kept: the next start tries again");
                }
            }
        }
    }

    /// Keeps that an export came to nothing, and removes what there is of it.
    fn end(&self, job: &mut Job, state: State, why: String) -> Result<(), JobError> {
        let folder = self.folder.join(&job.id);
        let ended = Ended { state, why, at_ms: self.clock.unix_ms() };
        // First that it ended: a kill between the two leaves files that nobody serves, never an export without some.
        keep(&folder, ENDED_FILE, &ended)?;
        (job.state, job.manifest, job.ended_ms, job.why) = (state, None, Some(ended.at_ms), ended.why);
        drop(fs::remove_dir_all(folder.join(FILES_FOLDER)));
        Ok(())
    }
}

impl Job {
    fn asked(id: &str, number: u64, asked: Asked) -> Self {
        Self {
            id: id.to_owned(),
            number,
            asker: asked.asker,
            order: asked.order,
            position: asked.position,
            state: State::Queued,
            created_ms: asked.created_ms,
            ended_ms: None,
            why: String::new(),
            manifest: None,
            progress: Arc::default(),
        }
    }
}

/// What lies in the folder of an export.
fn read_job(folder: &Path) -> io::Result<Job> {
    let id = folder.file_name().and_then(|name| name.to_str()).ok_or(io::ErrorKind::InvalidFilename)?;
    let asked: Asked = read(&folder.join(ASKED_FILE))?.ok_or(io::ErrorKind::NotFound)?;
    let mut job = Job::asked(id, 0, asked);
    if let Some(ended) = read::<Ended>(&folder.join(ENDED_FILE))? {
        (job.state, job.why, job.ended_ms) = (ended.state, ended.why, Some(ended.at_ms));
        drop(fs::remove_dir_all(folder.join(FILES_FOLDER)));
        return Ok(job);
    }
    let path = folder.join(FILES_FOLDER).join(MANIFEST_FILE);
    if path.is_file() {
        let bytes = fs::read(&path)?;
        let manifest = Manifest::decode(&bytes).map_err(|fault| io::Error::other(fault.to_string()))?;
        job.state = State::Done;
        job.ended_ms = Some(job.created_ms);
        job.manifest = Some(Arc::new((manifest, bytes.len() as u64)));
    }
    Ok(job)
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::from),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a small file, whole or not at all, and durably.
fn keep(folder: &Path, name: &str, what: &impl Serialize) -> io::Result<()> {
    let partial = folder.join(format!("{name}.partial"));
    let mut file = File::create(&partial)?;
    file.write_all(&serde_json::to_vec_pretty(what)?)?;
    file.sync_all()?;
    fs::rename(&partial, folder.join(name))?;
    File::open(folder)?.sync_all()
}
