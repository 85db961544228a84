//! Reads on record: a log of its own beside the log of matters, in which every read of persons stands before its answer
//! leaves. Only the service writes it.

mod together;
mod turned_away;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic::Status;

use crate::access::Caller;
use crate::access::Coded;
use crate::access::Level;
use crate::access::Rule;
use crate::domain::State;
use crate::domain::dates::Day;
use crate::domain::entity::Kind;
use crate::events;
use crate::events::AccessOutcome;
use crate::events::AccessRecorded;
use crate::events::EmergencyReviewed;
use crate::events::Event;
use crate::events::PartialDate;
use crate::index::DutyFrom;
use crate::index::DutyPlace;
use crate::index::IndexError;
use crate::log::Id;
use crate::log::Key;
use crate::log::Name;
use crate::sequencer::Recorded;
use crate::server::accesses::together::Together;
use crate::server::accesses::together::append;
use crate::server::accesses::together::random_id;
use crate::server::accesses::turned_away::Several;
use crate::server::accesses::turned_away::TurnedAway;
use crate::server::errors::Reason;
use crate::server::errors::of_append;
use crate::service::Reader;
use crate::service::Service;

/// The principal of what the service records by itself.
const SYSTEM: &str = "system";

/// The id under which accesses to everybody's data are filed.
pub const EVERYBODY: &str = "00000000000000000000000000";

/// Persons, names and positions of one record.
const OF_RECORD_MAX: usize = 64;

/// Persons of one answer, or of one piece of it, that are recorded one by one.
const PERSONS_MAX: usize = 1024;

/// Persons that a call remembers to have recorded; behind that it may record one again.
const SEEN_MAX: usize = 16 * PERSONS_MAX;

/// Days within which an emergency access is to be reviewed.
const REVIEW_WITHIN_DAYS: u64 = 3;

/// How often it is looked whether the minute of those who were turned away is over.
const TOLD_EVERY: Duration = Duration::from_secs(15);

/// Methods whose answers hold anybody's data without its name standing there.
const OF_EVERYBODY: &[&str] = &["probity.v1.ExportService/DownloadExport"];

/// The access log of a service.
#[derive(Debug)]
pub(super) struct AccessLog {
    service: Arc<Service>,
    together: Together,
    turned_away: TurnedAway,
    /// Of the log of matters: who is a person.
    matters: Reader,
    pub(super) figures: Figures,
}

/// What happened in it since the service began.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) recorded: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) emergencies: AtomicU64,
    /// Emergency accesses that are to be reviewed.
    pub(super) unreviewed: AtomicU64,
}

/// One call that is recorded.
#[derive(Debug)]
pub(super) struct Call {
    id: u128,
    caller: Caller,
    method: &'static str,
    /// Records that it has.
    records: u32,
    /// Calls that it stands for, where they are not one.
    calls: u32,
    /// Persons that were recorded.
    seen: BTreeSet<u128>,
}

/// What of a call is not on record yet.
#[derive(Debug, Default)]
pub(super) struct News {
    persons: Vec<String>,
    asked: Vec<String>,
    positions: Vec<u64>,
}

impl News {
    /// Whether there is nothing to add to what is on record.
    pub(super) fn is_empty(&self) -> bool {
        self.persons.is_empty() && self.asked.is_empty() && self.positions.is_empty()
    }
}

impl Call {
    /// A call of a method, where it is recorded: one that says why, above the level of aggregates.
    pub(super) fn of(rule: &'static Rule, caller: &Caller) -> Option<Self> {
        let recorded = rule.basis && caller.level() != Some(Level::L0);
        recorded.then(|| Self::new(caller.clone(), rule.method))
    }

    fn new(caller: Caller, method: &'static str) -> Self {
        Self { id: u128::from_be_bytes(random_id()), caller, method, records: 0, calls: 0, seen: BTreeSet::new() }
    }
}

impl AccessLog {
    /// The access log of a service whose matters are read by `matters`; it is made where tokio runs.
    ///
    /// # Errors
    ///
    /// Its index cannot be read.
    pub(super) fn new(service: Arc<Service>, matters: Reader) -> Result<Self, IndexError> {
        let together = Together::begin(service.queue().clone(), service.vault().clone());
        let turned_away = TurnedAway::default();
        let log = Self { service, together, turned_away, matters, figures: Figures::default() };
        let unreviewed = log.unreviewed(usize::MAX)?.len() as u64;
        log.figures.unreviewed.store(unreviewed, Ordering::Relaxed);
        Ok(log)
    }

    pub(super) const fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// Emergency accesses that nobody reviewed, by the day on which that is due.
    pub(super) fn unreviewed(&self, limit: usize) -> Result<Vec<DutyPlace>, IndexError> {
        let (mut open, mut from) = (Vec::new(), DutyFrom::Day(Day::from_unix_ms(0)));
        let last = Day::new(9999, 12, 31).expect("a day of the calendar");
        loop {
            let some = self.service.reader().index().duties(0, from, last, OF_RECORD_MAX)?;
            let Some(end) = some.last().copied() else { return Ok(open) };
            open.extend(some.into_iter().filter(|place| place.open).take(limit - open.len()));
            if open.len() >= limit {
                return Ok(open);
            }
            from = DutyFrom::Behind(end);
        }
    }

    /// What is to be recorded before a piece of an answer leaves.
    pub(super) fn news(&self, call: &mut Call, piece: Option<&[u8]>) -> News {
        let notes = call.caller.take_notes();
        let mut ids: BTreeSet<String> = notes.shown;
        let mut news = News::default();
        for name in notes.asked {
            match name.split_once('/') {
                Some(("entity", id)) if Id::parse(id).is_ok() => {
                    ids.insert(id.to_owned());
                    news.asked.push(name);
                }
                Some(("position", position)) => news.positions.extend(position.parse::<u64>().ok()),
                _ => news.asked.extend(Name::parse(&name).ok().map(|name| name.as_str().to_owned())),
            }
        }
        if let Some(piece) = piece {
            named_in(piece, |id| {
                if !ids.contains(id) {
                    ids.insert(id.to_owned());
                }
            });
            // Where it stands in a proof, it is nobody.
            ids.remove(EVERYBODY);
            if OF_EVERYBODY.contains(&call.method) || piece.first() == Some(&1) {
                // Nothing of it can be read here: it is a file, or compressed.
                ids.insert(EVERYBODY.to_owned());
            }
        }
        if ids.len() > PERSONS_MAX {
            ids = BTreeSet::from([EVERYBODY.to_owned()]);
        }
        if call.seen.len() > SEEN_MAX {
            call.seen.clear();
        }
        news.persons = ids.into_iter().filter(|id| self.is_person(id)).collect();
        news.persons.retain(|id| Id::parse(id).is_ok_and(|id| call.seen.insert(id.0)));
        news
    }

    /// Whether an id is a person's; a body is none.
    fn is_person(&self, id: &str) -> bool {
        let Ok(key) = Key::of_stream_id("entity", id) else { return false };
        match self.matters.index().object(&key) {
            Ok(row) => match row.and_then(|row| row.state).as_deref() {
                Some(State::Entity(entity)) => entity.kind() == Kind::Person,
                Some(State::Void) => true,
                _ => id == EVERYBODY,
            },
            // Rather one too many.
            Err(_) => true,
        }
    }

    /// Puts a call on record; when it returns, the record is durable. With nothing new to say of a call that is on record,
    /// it is at once.
    ///
    /// # Errors
    ///
    /// It cannot be recorded, and so must not be answered.
    pub(super) async fn record(
        self: Arc<Self>,
        mut call: Call,
        outcome: AccessOutcome,
        news: News,
    ) -> (Call, Result<(), Status>) {
        if call.records > 0 && news.is_empty() {
            return (call, Ok(()));
        }
        let first = call.records == 0;
        let events = self.events(&mut call, outcome, &news);
        if first && call.caller.emergency().is_some() {
            let access = Id(call.id);
            tracing::warn!(%access, method = call.method, "an emergency access: somebody else is to review it");
            self.figures.emergencies.fetch_add(1, Ordering::Relaxed);
            self.figures.unreviewed.fetch_add(1, Ordering::Relaxed);
        }
        match self.together.record(events).await {
            Ok(()) => {
                self.figures.recorded.fetch_add(1, Ordering::Relaxed);
                (call, Ok(()))
            }
            Err(error) => {
                self.figures.failed.fetch_add(1, Ordering::Relaxed);
                tracing::error!(method = call.method, %error, "a read could not be recorded, and so was not answered");
                (call, Err(not_recorded()))
            }
        }
    }

    /// Puts on record that a call was turned away at the door: at once the first of its minute, and of others alike how many
    /// they were when that is over.
    ///
    /// # Errors
    ///
    /// It cannot be recorded.
    pub(super) async fn turn_away(self: Arc<Self>, call: Call, refused: &Status) -> Result<(), Status> {
        let reason = Reason::of(refused).map_or("", Reason::name);
        // Whoever goes away before the answer must not take the counts with him.
        tokio::spawn(self.count(call, reason)).await.unwrap_or_else(|_| Err(not_recorded()))
    }

    async fn count(self: Arc<Self>, mut call: Call, reason: &'static str) -> Result<(), Status> {
        let now_ms = self.service.clock().monotonic_ms();
        self.tell_turned_away(Some(now_ms)).await;
        let (caller, method) = (call.caller.clone(), call.method);
        if !self.turned_away.is_first(&caller, method, reason, now_ms) {
            return Ok(());
        }
        let news = self.news(&mut call, None);
        let (_, recorded) = Arc::clone(&self).record(call, AccessOutcome::Refused, news).await;
        if recorded.is_err() {
            self.turned_away.forget(&caller, method, reason);
        }
        recorded
    }

    /// Records how many calls alike were turned away, of those whose minute is over, or, with no time, of all.
    pub(super) async fn tell_turned_away(self: &Arc<Self>, now_ms: Option<u64>) {
        for Several { caller, method, calls } in self.turned_away.take(now_ms) {
            // One alone is recorded as one.
            let calls = if calls == 1 { 0 } else { calls };
            let call = Call { calls, ..Call::new(caller, method) };
            // What cannot be recorded is told in the service's own log.
            drop(Arc::clone(self).record(call, AccessOutcome::Refused, News::default()).await);
        }
    }

    /// The same again and again, until the service stops: also where nobody is turned away any more.
    pub(super) async fn keep_telling(log: Weak<Self>, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(TOLD_EVERY)).await.is_some() {
            let Some(log) = log.upgrade() else { return };
            let now_ms = log.service.clock().monotonic_ms();
            log.tell_turned_away(Some(now_ms)).await;
        }
    }

    /// Records the review of an emergency access.
    ///
    /// # Errors
    ///
    /// As of every append.
    pub(super) async fn review(&self, reviewed: EmergencyReviewed) -> Result<Recorded, Status> {
        let event = Event::from(reviewed);
        let recorded = append(self.service.queue(), self.service.vault(), [&event]).await;
        let recorded = recorded.map_err(|error| of_append(&error))?;
        self.figures.unreviewed.fetch_sub(1, Ordering::Relaxed);
        Ok(recorded)
    }

    fn events(&self, call: &mut Call, outcome: AccessOutcome, news: &News) -> Vec<Event> {
        let caller = &call.caller;
        let coded = |coded: &Coded| events::Code { scheme: coded.scheme.clone(), code: coded.code.clone() };
        let due = caller.emergency().map(|_| review_due(self.service.clock().unix_ms()));
        let first = |names: &[String]| names.iter().take(OF_RECORD_MAX).cloned().collect::<Vec<_>>();
        let record = AccessRecorded {
            context: None,
            access_id: Id(call.id).to_string(),
            number: call.records,
            principal: caller.principal().to_owned(),
            body_id: caller.body().map(|body| body.id().to_owned()).unwrap_or_default(),
            level: caller.level().map(|level| level.name().to_owned()).unwrap_or_default(),
            method: call.method.to_owned(),
            purpose: caller.purpose().map(coded),
            legal_basis: caller.legal_basis().map(coded),
            outcome: outcome.into(),
            asked: first(&news.asked),
            positions: news.positions.iter().take(OF_RECORD_MAX).copied().collect(),
            person_ids: Vec::new(),
            emergency: caller.emergency().map(coded),
            review_due: due,
            calls: call.calls,
        };
        // One record at least, also where nobody is named.
        let pieces = news.persons.chunks(OF_RECORD_MAX).map(<[_]>::to_vec);
        let pieces = if news.persons.is_empty() { vec![Vec::new()] } else { pieces.collect() };
        let events = (call.records..)
            .zip(pieces)
            .map(|(number, person_ids)| AccessRecorded { number, person_ids, ..record.clone() }.into());
        let events: Vec<Event> = events.collect();
        call.records = call.records.saturating_add(u32::try_from(events.len()).unwrap_or(u32::MAX));
        events
    }
}

/// The last day on which an access of now is to be reviewed.
fn review_due(now_ms: u64) -> PartialDate {
    let day = Day::from_unix_ms(now_ms + REVIEW_WITHIN_DAYS * 86_400_000);
    PartialDate { year: day.year(), month: day.month(), day: day.day() }
}

/// How a call ended, by its code.
pub(super) const fn outcome(code: Code) -> AccessOutcome {
    match code {
        Code::Ok => AccessOutcome::Answered,
        Code::NotFound => AccessOutcome::NotFound,
        Code::PermissionDenied | Code::Unauthenticated => AccessOutcome::Refused,
        _ => AccessOutcome::Failed,
    }
}

pub(super) fn not_recorded() -> Status {
    Reason::AccessNotRecorded.status("what is read is recorded first, and now it cannot be", &[])
}

/// Ids of persons and bodies whose names stand in a piece of an answer, wherever: `entity/` and 26 characters.
fn named_in(piece: &[u8], mut found: impl FnMut(&str)) {
    const KIND: &[u8] = b"entity";
    const ID_LEN: usize = 26;
    let mut from = 0;
    while let Some(slash) = piece.get(from..).and_then(|rest| rest.iter().position(|byte| *byte == b'/')) {
        let at = from + slash;
        from = at + 1;
        let id = piece.get(from..from + ID_LEN).filter(|_| piece.get(..at).is_some_and(|head| head.ends_with(KIND)));
        if let Some(id) = id.and_then(|id| std::str::from_utf8(id).ok()).filter(|id| Id::parse(id).is_ok()) {
            found(id);
        }
    }
}

#[cfg(test)]
mod tests;
