//! Forgetting: who asks for it, who approves it, and whether it was carried out.

use serde::Deserialize;
use serde::Serialize;

use crate::domain;
use crate::domain::Fact;
use crate::domain::World;
use crate::domain::dates;
use crate::domain::dates::Day;
use crate::domain::rejection::Detail;
use crate::domain::rejection::Rejection;
use crate::domain::rejection::Rule;
use crate::domain::shape;
use crate::events::ErasureApproved;
use crate::events::ErasureCompleted;
use crate::events::ErasureRequested;
use crate::events::ErasureWithdrawn;
use crate::events::EventType;
use crate::events::SealedClass;

/// Approvals that it takes, each of another principal than the requester.
pub const APPROVALS: usize = 2;

/// Days after a request on which it can still be approved.
pub const DAYS_TO_APPROVE: u32 = 30;

/// The principal of what the service does by itself.
pub const SYSTEM: &str = "system";

const REQUESTING: &[EventType] = &[EventType::ErasureRequested];
const APPROVING: &[EventType] = &[EventType::ErasureApproved, EventType::ErasureWithdrawn];
const COMPLETING: &[EventType] = &[EventType::ErasureCompleted];

/// One request to forget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The entry that asks, and says what is to go.
    pub at: u64,
    /// Who asked.
    pub requester: String,
    /// Who approved, in order.
    pub approvers: Vec<String>,
    /// The last day on which it can be approved.
    pub expires: Option<Day>,
    /// How it ended.
    pub end: Option<End>,
}

/// How a request to forget ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// It is not carried out.
    Withdrawn,
    /// It was carried out.
    Completed,
}

impl State {
    /// Whether it is to be carried out.
    pub fn is_due(&self) -> bool {
        self.end.is_none() && self.approvers.len() >= APPROVALS
    }

    fn allowed(&self) -> &'static [EventType] {
        match self.end {
            Some(_) => &[],
            None if self.is_due() => COMPLETING,
            None => APPROVING,
        }
    }
}

/// Looks at a request that nothing has ended.
fn open(id: &str, world: &dyn World, rule: impl FnOnce(&State) -> Result<(), Rejection>) -> Result<(), Rejection> {
    let found = world.state("erasure", id);
    let Some(domain::State::Erasure(erasure)) = found.as_deref() else {
        return Err(Rejection::by_state(Rule::StreamUnknown, "erasure_id", REQUESTING));
    };
    if erasure.end.is_some() {
        return Err(Rejection::by_state(Rule::ErasureEnded, "erasure_id", erasure.allowed()));
    }
    rule(erasure)
}

/// The principal that an event names is the one that records it.
fn by_principal(field: &str, named: &str, world: &dyn World) -> Result<(), Rejection> {
    if named == world.principal() { Ok(()) } else { Err(Rejection::new(Rule::NotThePrincipal, field, Detail::Nothing)) }
}

fn evolved(state: Option<domain::State>, change: impl FnOnce(&mut State)) -> domain::State {
    match state {
        Some(domain::State::Erasure(mut erasure)) => {
            change(&mut erasure);
            domain::State::Erasure(erasure)
        }
        other => other.unwrap_or(domain::State::Empty),
    }
}

/// The last day on which what is asked for today can be approved.
pub fn last_day(today: Day) -> Day {
    (0..DAYS_TO_APPROVE).fold(today, |day, _| day.next())
}

impl Fact for ErasureRequested {
    fn check(&self) -> Result<(), Rejection> {
        if self.scopes.is_empty() && self.open_positions.is_empty() {
            return Err(Rejection::new(Rule::ErasureEmpty, "scopes", Detail::Nothing));
        }
        let scopes = self.scopes.iter().map(|scope| (&scope.owner, scope.personal_class, scope.year));
        shape::each_once(Rule::ScopeRepeated, |place| format!("scopes[{place}]"), scopes)?;
        for (place, scope) in self.scopes.iter().enumerate() {
            if scope.year != 0 && scope.personal_class() != SealedClass::Property {
                let found = Detail::Number(scope.year.into());
                return Err(Rejection::new(Rule::YearMisplaced, format!("scopes[{place}].year"), found));
            }
        }
        if let Some(place) = self.open_positions.windows(2).position(|pair| pair[0] >= pair[1]) {
            let field = format!("open_positions[{}]", place + 1);
            return Err(Rejection::new(Rule::PositionsNotAscending, field, Detail::Nothing));
        }
        shape::each_once(Rule::SubjectRepeated, |place| format!("subject_ids[{place}]"), &self.subject_ids)?;
        shape::document("order", self.order.as_ref())?;
        shape::date("expires_on", self.expires_on.as_ref())
    }

    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        if let Some(domain::State::Erasure(found)) = world.state("erasure", &self.erasure_id).as_deref() {
            return Err(Rejection::by_state(Rule::AlreadyRequested, "erasure_id", found.allowed()));
        }
        by_principal("requester", &self.requester, world)?;
        for (place, scope) in self.scopes.iter().enumerate() {
            let known = scope.owner.split_once('/').and_then(|(kind, id)| world.state(kind, id));
            if known.is_none() {
                let field = format!("scopes[{place}].owner");
                return Err(Rejection::new(Rule::StreamUnknown, field, Detail::Nothing));
            }
        }
        for (place, position) in self.open_positions.iter().enumerate() {
            if *position >= world.next_index() {
                let number = Detail::Number(i64::try_from(*position).unwrap_or(i64::MAX));
                return Err(Rejection::new(Rule::TargetUnknown, format!("open_positions[{place}]"), number));
            }
        }
        let (first, last) = (world.today(), last_day(world.today()));
        let expires = self.expires_on.as_ref().map(dates::latest);
        if expires.is_none_or(|day| day < first || day > last) {
            return Err(Rejection::new(Rule::ExpiryOutOfRange, "expires_on", Detail::Nothing));
        }
        Ok(())
    }

    fn evolve(&self, _: Option<domain::State>, at: u64) -> domain::State {
        domain::State::Erasure(State {
            at,
            requester: self.requester.clone(),
            approvers: Vec::new(),
            expires: self.expires_on.as_ref().map(dates::latest),
            end: None,
        })
    }
}

impl Fact for ErasureApproved {
    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        open(&self.erasure_id, world, |erasure| {
            by_principal("approver", &self.approver, world)?;
            let refused = |rule| Err(Rejection::new(rule, "approver", Detail::Nothing));
            if erasure.is_due() {
                return Err(Rejection::by_state(Rule::AlreadyApproved, "erasure_id", erasure.allowed()));
            }
            if erasure.requester == self.approver {
                return refused(Rule::ApproverIsRequester);
            }
            if erasure.approvers.contains(&self.approver) {
                return refused(Rule::ApproverRepeated);
            }
            match erasure.expires {
                Some(day) if world.today() > day => {
                    Err(Rejection::by_state(Rule::ErasureExpired, "erasure_id", &[EventType::ErasureWithdrawn]))
                }
                _ => Ok(()),
            }
        })
    }

    fn evolve(&self, state: Option<domain::State>, _: u64) -> domain::State {
        evolved(state, |erasure| erasure.approvers.push(self.approver.clone()))
    }
}

impl Fact for ErasureWithdrawn {
    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        open(&self.erasure_id, world, |erasure| {
            if erasure.is_due() {
                return Err(Rejection::by_state(Rule::AlreadyApproved, "erasure_id", erasure.allowed()));
            }
            Ok(())
        })
    }

    fn evolve(&self, state: Option<domain::State>, _: u64) -> domain::State {
        evolved(state, |erasure| erasure.end = Some(End::Withdrawn))
    }
}

impl Fact for ErasureCompleted {
    fn admit(&self, world: &dyn World) -> Result<(), Rejection> {
        if world.principal() != SYSTEM {
            return Err(Rejection::new(Rule::NotTheService, "", Detail::Nothing));
        }
        open(&self.erasure_id, world, |erasure| {
            if erasure.is_due() {
                return Ok(());
            }
            Err(Rejection::by_state(Rule::NotApproved, "erasure_id", erasure.allowed()))
        })
    }

    fn evolve(&self, state: Option<domain::State>, _: u64) -> domain::State {
        evolved(state, |erasure| erasure.end = Some(End::Completed))
    }
}

#[cfg(test)]
mod tests;
