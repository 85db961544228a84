//! Cases: what is alleged against whom, and what was found.

use serde::Deserialize;
use serde::Serialize;

use crate::domain;
use crate::domain::Fact;
use crate::domain::Id;
use crate::domain::World;
use crate::domain::context;
use crate::domain::entity;
use crate::domain::rejection::Detail;
use crate::domain::rejection::Rejection;
use crate::domain::rejection::Rule;
use crate::domain::shape;
use crate::events::AllegationFound;
use crate::events::AllegationRecorded;
use crate::events::CaseClosed;
use crate::events::CaseOpened;
use crate::events::EventType;

const OPENING: &[EventType] = &[EventType::CaseOpened];
const OF_AN_OPEN_CASE: &[EventType] =
    &[EventType::AllegationRecorded, EventType::AllegationFound, EventType::CaseClosed];

/// The most respondents of a case: as many outcomes fit into the event that closes it, and every case can be closed.
pub const RESPONDENTS_MAX: usize = 64;

/// A case. Findings are not kept: a later one takes the place of an earlier, so each is allowed while it is open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// In the order in which they came to the case.
    respondents: Vec<Id>,
    /// In the order of their numbers.
    allegations: Vec<Allegation>,
    closed: bool,
}

/// Two small numbers, since one case can have thousands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Allegation {
    number: u32,
    /// Place in `respondents`.
    respondent: u32,
}

impl State {
    /// Whether the case is about this person or body.
    pub(super) fn has_respondent(&self, id: Id) -> bool {
        self.respondents.contains(&id)
    }

    /// Whether the case has an allegation of this number against this respondent.
    pub(super) fn has_allegation(&self, field: &str, number: u32, respondent: Id) -> Result<(), Rejection> {
        let refused = |rule| Rejection::new(rule, field, Detail::Number(number.into()));
        let place = self.allegation(number).map_err(|_| refused(Rule::AllegationUnknown))?;
        let against = usize::try_from(self.allegations[place].respondent).ok();
        if against.and_then(|against| self.respondents.get(against)) == Some(&respondent) {
            return Ok(());
        }
        Err(refused(Rule::AllegationOfAnother))
    }

    fn allowed(&self) -> &'static [EventType] {
        if self.closed { &[] } else { OF_AN_OPEN_CASE }
    }

    fn of(state: Option<domain::State>) -> Self {
        match state {
            Some(domain::State::Case(case)) => case,
            _ => Self::default(),
        }
    }

    fn allegation(&self, number: u32) -> Result<usize, usize> {
        self.allegations.binary_search_by_key(&number, |allegation| allegation.number)
    }

    /// The place of a respondent, who joins the case where it was not yet about him.
    fn join(&mut self, id: Id) -> u32 {
        let place = self.respondents.iter().position(|respondent| *respondent == id).unwrap_or_else(|| {
            self.respondents.push(id);
            self.respondents.len() - 1
        });
        u32::try_from(place).expect("a case has fewer respondents than the log can have entries")
    }
}

/// Looks at a case that is open.
fn open(id: &str, world: &dyn World, rule: impl FnOnce(&State) -> Result<(), Rejection>) -> Result<(), Rejection> {
    match world.state("case", id).as_deref() {
        Some(domain::State::Case(case)) if case.closed => {
            Err(Rejection::by_state(Rule::CaseClosed, "case_id", case.allowed()))
        }
        Some(domain::State::Case(case)) => rule(case),
        _ => Err(Rejection::by_state(Rule::StreamUnknown, "case_id", OPENING)),
    }
}

impl Fact for CaseOpened {
    fn check(&self) -> Result<(), Rejection> {
        let field = |place| format!("respondent_ids[{place}]");
        shape::each_once(Rule::SubjectRepeated, field, &self.respondent_ids)
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        if let Some(domain::State::Case(case)) = world.state("case", &self.case_id).as_deref() {
            return Err(Rejection::by_state(Rule::AlreadyOpened, "case_id", case.allowed()));
        }
        entity::body("opened_by_id", &self.opened_by_id, world)?;
        for (place, id) in self.respondent_ids.iter().enumerate() {
            entity::registered(&format!("respondent_ids[{place}]"), id, world)?;
        }
        Ok(())
    }

    fn evolve(&self, _: Option<domain::State>) -> domain::State {
        let respondents = self.respondent_ids.iter().map(|id| Id::of(id)).collect();
        domain::State::Case(State { respondents, ..State::default() })
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
            let found = case.respondents.len() + 1;
            if found > RESPONDENTS_MAX && !case.has_respondent(Id::of(&self.respondent_id)) {
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

    fn evolve(&self, state: Option<domain::State>) -> domain::State {
        let mut case = State::of(state);
        let respondent = case.join(Id::of(&self.respondent_id));
        if let Err(place) = case.allegation(self.allegation_number) {
            case.allegations.insert(place, Allegation { number: self.allegation_number, respondent });
        }
        domain::State::Case(case)
    }
}

impl Fact for AllegationFound {
    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        open(&self.case_id, world, |case| {
            case.has_allegation("allegation_number", self.allegation_number, Id::of(&self.respondent_id))
        })?;
        entity::body("found_by_id", &self.found_by_id, world)
    }

    fn evolve(&self, state: Option<domain::State>) -> domain::State {
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
            let stranger =
                self.outcomes.iter().position(|outcome| !case.has_respondent(Id::of(&outcome.respondent_id)));
            if let Some(place) = stranger {
                let field = format!("outcomes[{place}].respondent_id");
                return Err(Rejection::new(Rule::NotARespondent, field, Detail::Nothing));
            }
            // Each stands once and is a respondent, so that counting tells whether all are there.
            let (expected, found) = (case.respondents.len(), self.outcomes.len());
            if expected != found {
                return Err(Rejection::new(Rule::OutcomeMissing, "outcomes", Detail::Count { expected, found }));
            }
            Ok(())
        })
    }

    fn evolve(&self, state: Option<domain::State>) -> domain::State {
        domain::State::Case(State { closed: true, ..State::of(state) })
    }
}

#[cfg(test)]
mod tests;
