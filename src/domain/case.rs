//! Cases: what is alleged against whom, and what was found.

use serde::Deserialize;
use serde::Serialize;

use crate::domain;
use crate::domain::Duty;
use crate::domain::Fact;
use crate::domain::Id;
use crate::domain::World;
use crate::domain::context;
use crate::domain::dates;
use crate::domain::dates::Day;
use crate::domain::entity;
use crate::domain::petition;
use crate::domain::rejection::Detail;
use crate::domain::rejection::Rejection;
use crate::domain::rejection::Rule;
use crate::domain::shape;
use crate::domain::verification;
use crate::events::AllegationFound;
use crate::events::AllegationRecorded;
use crate::events::CaseClosed;
use crate::events::CaseOpened;
use crate::events::CaseReopened;
use crate::events::EventType;
use crate::events::FieldCorrection;
use crate::events::HearingHeld;
use crate::events::RespondentNotified;
use crate::events::StatementReceived;

const OPENING: &[EventType] = &[EventType::CaseOpened];
const REOPENING: &[EventType] = &[EventType::CaseReopened];
const OF_AN_OPEN_CASE: &[EventType] = &[
    EventType::AllegationRecorded,
    EventType::RespondentNotified,
    EventType::StatementReceived,
    EventType::HearingHeld,
    EventType::AllegationFound,
    EventType::CaseClosed,
];

/// The most respondents of a case: as many outcomes fit into the event that closes it, and every case can be closed.
pub const RESPONDENTS_MAX: usize = 64;

/// A case. Notices, statements, hearings and findings are not kept: each is allowed while the respondent is examined,
/// in any order, and which are missing is told to whoever reads the case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    at: u64,
    body: Id,
    /// By when it is to end, with the index of the entry that says so: the opening, then each reopening.
    due: Vec<(u64, Option<Day>)>,
    /// In the order in which they came to the case.
    respondents: Vec<Respondent>,
    /// In the order of their numbers.
    allegations: Vec<Allegation>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Respondent {
    id: Id,
    /// Index of the entry with which he joined.
    joined: u64,
    /// The entries that closed the case for him and reopened it; the last one counts.
    turns: Vec<Turn>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Turn {
    at: u64,
    closes: bool,
}

impl Respondent {
    fn done(&self) -> bool {
        self.turns.last().is_some_and(|turn| turn.closes)
    }
}

/// Small, since one case can have thousands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Allegation {
    number: u32,
    /// Place in `respondents`.
    respondent: u32,
    at: u64,
}

impl State {
    /// Whether the case is about this person or body.
    pub(super) fn has_respondent(&self, id: Id) -> bool {
        self.respondent(id).is_some()
    }

    /// Whether the case has an allegation of this number against this respondent.
    pub(super) fn has_allegation(&self, field: &str, number: u32, respondent: Id) -> Result<(), Rejection> {
        let refused = |rule| Rejection::new(rule, field, Detail::Number(number.into()));
        let place = self.allegation(number).map_err(|_| refused(Rule::AllegationUnknown))?;
        let against = usize::try_from(self.allegations[place].respondent).ok();
        if against.and_then(|against| self.respondents.get(against)).is_some_and(|against| against.id == respondent) {
            return Ok(());
        }
        Err(refused(Rule::AllegationOfAnother))
    }

    /// By when it is to end.
    pub(super) fn duty(&self) -> Option<Duty> {
        let (_, due) = self.due.last()?;
        Some(Duty { body: self.body, due: (*due)?, open: !self.closed() })
    }

    /// Without what the entry at this index brought; none where it opened the case.
    pub(super) fn voided(mut self, target: u64) -> Option<Self> {
        self.due.retain(|(at, _)| *at != target);
        for respondent in &mut self.respondents {
            respondent.turns.retain(|turn| turn.at != target);
        }
        self.allegations.retain(|allegation| allegation.at != target);
        self.leave();
        (self.at != target).then_some(self)
    }

    /// With what the entry at this index should have said.
    pub(super) fn corrected(&mut self, target: u64, field: &FieldCorrection) {
        for (_, due) in self.due.iter_mut().filter(|(at, _)| *at == target && field.path == "due_on") {
            *due = shape::corrected_date(field).map(dates::latest);
        }
    }

    fn examines(&self, respondent_id: &str) -> Result<(), Rejection> {
        match self.respondent(Id::of(respondent_id)) {
            None => Err(Rejection::new(Rule::NotARespondent, "respondent_id", Detail::Nothing)),
            Some(respondent) if respondent.done() => {
                Err(Rejection::new(Rule::RespondentDone, "respondent_id", Detail::Nothing))
            }
            Some(_) => Ok(()),
        }
    }

    fn closed(&self) -> bool {
        self.respondents.iter().all(Respondent::done)
    }

    fn allowed(&self) -> &'static [EventType] {
        if self.closed() { REOPENING } else { OF_AN_OPEN_CASE }
    }

    fn of(state: Option<domain::State>) -> Self {
        match state {
            Some(domain::State::Case(case)) => case,
            _ => Self::default(),
        }
    }

    fn respondent(&self, id: Id) -> Option<&Respondent> {
        self.respondents.iter().find(|respondent| respondent.id == id)
    }

    fn allegation(&self, number: u32) -> Result<usize, usize> {
        self.allegations.binary_search_by_key(&number, |allegation| allegation.number)
    }

    /// The place of a respondent, who joins the case where it was not yet about him.
    fn join(&mut self, id: Id, joined: u64) -> u32 {
        let place = self.respondents.iter().position(|respondent| respondent.id == id).unwrap_or_else(|| {
            self.respondents.push(Respondent { id, joined, turns: Vec::new() });
            self.respondents.len() - 1
        });
        u32::try_from(place).expect("a case has fewer respondents than the log can have entries")
    }

    /// Whoever joined with allegations, all of which are void, is no respondent any more.
    fn leave(&mut self) {
        let stays = |place: usize, respondent: &Respondent| {
            respondent.joined == self.at
                || self.allegations.iter().any(|allegation| usize::try_from(allegation.respondent) == Ok(place))
        };
        let Some(gone) = (0..).zip(&self.respondents).position(|(place, respondent)| !stays(place, respondent)) else {
            return;
        };
        self.respondents.remove(gone);
        for allegation in &mut self.allegations {
            if usize::try_from(allegation.respondent).is_ok_and(|place| place > gone) {
                allegation.respondent -= 1;
            }
        }
    }

    fn turn(&mut self, ids: impl Iterator<Item = Id>, turn: Turn) {
        for id in ids {
            if let Some(respondent) = self.respondents.iter_mut().find(|respondent| respondent.id == id) {
                respondent.turns.push(turn);
            }
        }
    }
}

/// Looks at a case that is open.
fn open(id: &str, world: &dyn World, rule: impl FnOnce(&State) -> Result<(), Rejection>) -> Result<(), Rejection> {
    match world.state("case", id).as_deref() {
        Some(domain::State::Case(case)) if case.closed() => {
            Err(Rejection::by_state(Rule::CaseClosed, "case_id", case.allowed()))
        }
        Some(domain::State::Case(case)) => rule(case),
        _ => Err(Rejection::by_state(Rule::StreamUnknown, "case_id", OPENING)),
    }
}

/// Looks at a case that is open for this respondent.
fn examined(case_id: &str, respondent_id: &str, world: &dyn World) -> Result<(), Rejection> {
    open(case_id, world, |case| case.examines(respondent_id))
}

impl Fact for CaseOpened {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("due_on", self.due_on.as_ref())?;
        let field = |place| format!("respondent_ids[{place}]");
        shape::each_once(Rule::SubjectRepeated, field, &self.respondent_ids)
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        if let Some(domain::State::Case(case)) = world.state("case", &self.case_id).as_deref() {
            return Err(Rejection::by_state(Rule::AlreadyOpened, "case_id", case.allowed()));
        }
        entity::body("opened_by_id", &self.opened_by_id, world)?;
        petition::recorded("petition_id", &self.petition_id, world)?;
        verification::recorded("verification_id", &self.verification_id, world)?;
        for (place, id) in self.respondent_ids.iter().enumerate() {
            entity::registered(&format!("respondent_ids[{place}]"), id, world)?;
        }
        Ok(())
    }

    fn evolve(&self, _: Option<domain::State>, at: u64) -> domain::State {
        let respondent = |id: &String| Respondent { id: Id::of(id), joined: at, turns: Vec::new() };
        domain::State::Case(State {
            at,
            body: Id::of(&self.opened_by_id),
            due: vec![(at, self.due_on.as_ref().map(dates::latest))],
            respondents: self.respondent_ids.iter().map(respondent).collect(),
            allegations: Vec::new(),
        })
    }
}

impl Fact for AllegationRecorded {
    fn check(&self) -> Result<(), Rejection> {
        shape::period("occurred", self.occurred.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        open(&self.case_id, world, |case| {
            if case.allegation(self.allegation_number).is_ok() {
                let number = Detail::Number(self.allegation_number.into());
                return Err(Rejection::new(Rule::AllegationNumberUsed, "allegation_number", number));
            }
            if case.has_respondent(Id::of(&self.respondent_id)) {
                return case.examines(&self.respondent_id);
            }
            let found = case.respondents.len() + 1;
            if found > RESPONDENTS_MAX {
                let count = Detail::Count { expected: RESPONDENTS_MAX, found };
                return Err(Rejection::new(Rule::TooManyRespondents, "respondent_id", count));
            }
            Ok(())
        })?;
        entity::registered("respondent_id", &self.respondent_id, world)?;
        let occurred = self.occurred.as_ref();
        context::happened("occurred.from", occurred.and_then(|occurred| occurred.from.as_ref()), world)?;
        context::happened("occurred.to", occurred.and_then(|occurred| occurred.to.as_ref()), world)
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        let mut case = State::of(state);
        let respondent = case.join(Id::of(&self.respondent_id), at);
        if let Err(place) = case.allegation(self.allegation_number) {
            case.allegations.insert(place, Allegation { number: self.allegation_number, respondent, at });
        }
        domain::State::Case(case)
    }
}

impl Fact for RespondentNotified {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("notified_on", self.notified_on.as_ref())?;
        shape::document("document", self.document.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        examined(&self.case_id, &self.respondent_id, world)?;
        context::happened("notified_on", self.notified_on.as_ref(), world)?;
        entity::body("notified_by_id", &self.notified_by_id, world)
    }

    fn evolve(&self, state: Option<domain::State>, _: u64) -> domain::State {
        domain::State::Case(State::of(state))
    }
}

impl Fact for StatementReceived {
    fn check(&self) -> Result<(), Rejection> {
        shape::date("received_on", self.received_on.as_ref())?;
        shape::document("document", self.document.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        examined(&self.case_id, &self.respondent_id, world)?;
        context::happened("received_on", self.received_on.as_ref(), world)
    }

    fn evolve(&self, state: Option<domain::State>, _: u64) -> domain::State {
        domain::State::Case(State::of(state))
    }
}

impl Fact for HearingHeld {
    fn check(&self) -> Result<(), Rejection> {
        let held = ("held_on", self.held_on.as_ref());
        shape::in_order(("notice_given_on", self.notice_given_on.as_ref()), held)?;
        shape::document("document", self.document.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        examined(&self.case_id, &self.respondent_id, world)?;
        context::happened("held_on", self.held_on.as_ref(), world)?;
        entity::body("held_by_id", &self.held_by_id, world)
    }

    fn evolve(&self, state: Option<domain::State>, _: u64) -> domain::State {
        domain::State::Case(State::of(state))
    }
}

impl Fact for AllegationFound {
    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        open(&self.case_id, world, |case| {
            case.has_allegation("allegation_number", self.allegation_number, Id::of(&self.respondent_id))?;
            case.examines(&self.respondent_id)
        })?;
        entity::body("found_by_id", &self.found_by_id, world)
    }

    fn evolve(&self, state: Option<domain::State>, _: u64) -> domain::State {
        domain::State::Case(State::of(state))
    }
}

impl Fact for CaseClosed {
    fn check(&self) -> Result<(), Rejection> {
        let field = |place| format!("outcomes[{place}].respondent_id");
        let respondents = self.outcomes.iter().map(|outcome| &outcome.respondent_id);
        shape::each_once(Rule::SubjectRepeated, field, respondents)
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        open(&self.case_id, world, |case| {
            for (place, outcome) in self.outcomes.iter().enumerate() {
                case.examines(&outcome.respondent_id)
                    .map_err(|rejection| rejection.within(format_args!("outcomes[{place}]")))?;
            }
            // Each stands once and is examined, so that counting tells whether all are there.
            let expected = case.respondents.iter().filter(|respondent| !respondent.done()).count();
            let found = self.outcomes.len();
            if expected != found {
                return Err(Rejection::new(Rule::OutcomeMissing, "outcomes", Detail::Count { expected, found }));
            }
            Ok(())
        })
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        let mut case = State::of(state);
        case.turn(self.outcomes.iter().map(|outcome| Id::of(&outcome.respondent_id)), Turn { at, closes: true });
        domain::State::Case(case)
    }
}

impl Fact for CaseReopened {
    fn check(&self) -> Result<(), Rejection> {
        shape::in_order(("reopened_on", self.reopened_on.as_ref()), ("due_on", self.due_on.as_ref()))?;
        let field = |place| format!("respondent_ids[{place}]");
        shape::each_once(Rule::SubjectRepeated, field, &self.respondent_ids)
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        let found = world.state("case", &self.case_id);
        let Some(domain::State::Case(case)) = found.as_deref() else {
            return Err(Rejection::by_state(Rule::StreamUnknown, "case_id", OPENING));
        };
        if !case.closed() {
            return Err(Rejection::by_state(Rule::CaseNotClosed, "case_id", case.allowed()));
        }
        let stranger = self.respondent_ids.iter().position(|id| !case.has_respondent(Id::of(id)));
        if let Some(place) = stranger {
            let field = format!("respondent_ids[{place}]");
            return Err(Rejection::new(Rule::NotARespondent, field, Detail::Nothing));
        }
        context::happened("reopened_on", self.reopened_on.as_ref(), world)?;
        entity::body("reopened_by_id", &self.reopened_by_id, world)
    }

    fn evolve(&self, state: Option<domain::State>, at: u64) -> domain::State {
        let mut case = State::of(state);
        case.turn(self.respondent_ids.iter().map(|id| Id::of(id)), Turn { at, closes: false });
        case.due.push((at, self.due_on.as_ref().map(dates::latest)));
        domain::State::Case(case)
    }
}

#[cfg(test)]
mod tests;
