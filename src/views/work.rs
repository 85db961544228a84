//! What has to be done by a day: open cases, appeals, petitions, verifications, duties to declare, and requests about
//! one's own record.
//!
//! Days are as the events carry them. Pauses and extensions are not known here.

use crate::domain::dates;
use crate::domain::dates::Day;
use crate::events::PartialDate;
use crate::log::Name;
use crate::proto::v1::Appeal;
use crate::proto::v1::AppealState;
use crate::proto::v1::Case;
use crate::proto::v1::CaseStatus;
use crate::proto::v1::CaseSummary;
use crate::proto::v1::NoticeDue;
use crate::proto::v1::Obligation;
use crate::proto::v1::ObligationState;
use crate::proto::v1::Petition;
use crate::proto::v1::PetitionState;
use crate::proto::v1::Record;
use crate::proto::v1::Rights;
use crate::proto::v1::RightsState;
use crate::proto::v1::Verification;
use crate::proto::v1::VerificationState;
use crate::proto::v1::WorkItem;
use crate::proto::v1::WorkKind;
use crate::views::Recorded;
use crate::views::View;
use crate::views::appeal;
use crate::views::case;
use crate::views::name_of;
use crate::views::obligation;
use crate::views::petition;
use crate::views::policy::DisclosurePolicy;
use crate::views::rights;
use crate::views::verification;

/// The matter of this name as something that is still to be done, from its entries; `None` where it is done, void, or
/// not recorded.
pub fn item(name: &Name, entries: &[Recorded], view: View) -> Option<WorkItem> {
    match kind(name)? {
        WorkKind::Appeal => appeal::appeal(name, entries, view).as_ref().and_then(of_appeal),
        WorkKind::Case => case::case(name, entries, view).as_ref().and_then(of_case),
        WorkKind::Obligation => obligation::obligation(name, entries, view).as_ref().and_then(of_obligation),
        WorkKind::Petition => petition::petition(name, entries, view).as_ref().and_then(of_petition),
        WorkKind::Verification => verification::verification(name, entries, view).as_ref().and_then(of_verification),
        WorkKind::Rights => {
            rights::rights(name, entries, view, &DisclosurePolicy::default()).as_ref().and_then(of_rights)
        }
        // They are no matters with entries of their own.
        WorkKind::Notice | WorkKind::Review | WorkKind::Unspecified => None,
    }
}

/// A notice as something that is still to be done, about these persons or bodies.
pub fn of_notice(notice: &NoticeDue, subjects: Vec<String>) -> WorkItem {
    WorkItem {
        name: notice.disclosure.clone(),
        kind: WorkKind::Notice.into(),
        due_on: notice.due_on,
        overdue: notice.overdue,
        body: notice.disclosed_by.clone(),
        subjects,
        source: notice.cause.clone(),
    }
}

/// What kind of work a matter of this name can be.
pub fn kind(name: &Name) -> Option<WorkKind> {
    match name.kind() {
        "appeal" => Some(WorkKind::Appeal),
        "case" => Some(WorkKind::Case),
        "obligation" => Some(WorkKind::Obligation),
        "petition" => Some(WorkKind::Petition),
        "verification" => Some(WorkKind::Verification),
        "rights" => Some(WorkKind::Rights),
        _ => None,
    }
}

/// The last day that a date may mean: what is due in May is due on the 31st.
pub fn last_day(due_on: Option<&PartialDate>) -> Option<Day> {
    due_on.map(dates::latest)
}

/// What is pending in a record, and of the requests of the person, by its last day; what has none last.
pub(super) fn pending(record: &Record, rights: &[Rights]) -> Vec<WorkItem> {
    let mut items: Vec<WorkItem> = Vec::new();
    items.extend(record.cases.iter().filter_map(|case| of_summary(case, &record.name)));
    items.extend(record.decisions.iter().flat_map(|decision| &decision.appeals).filter_map(of_appeal));
    items.extend(record.obligations.iter().filter_map(of_obligation));
    items.extend(record.verifications.iter().filter_map(of_verification));
    items.extend(rights.iter().filter_map(of_rights));
    let day = |item: &WorkItem| last_day(item.due_on.as_ref()).unwrap_or(Day::MAX);
    items.sort_by(|a, b| (day(a), a.due_on.is_none(), &a.name).cmp(&(day(b), b.due_on.is_none(), &b.name)));
    items
}

fn of_summary(case: &CaseSummary, subject: &str) -> Option<WorkItem> {
    let examined = matches!(case.status(), CaseStatus::Open | CaseStatus::Reopened);
    examined.then(|| WorkItem {
        name: case.name.clone(),
        kind: WorkKind::Case.into(),
        due_on: case.due_on,
        overdue: case.overdue,
        body: case.opened_by.clone(),
        subjects: vec![subject.to_owned()],
        source: case.opened.clone(),
    })
}

fn of_case(case: &Case) -> Option<WorkItem> {
    let examined = matches!(case.status(), CaseStatus::Open | CaseStatus::Reopened);
    examined.then(|| WorkItem {
        name: case.name.clone(),
        kind: WorkKind::Case.into(),
        due_on: case.due_on,
        overdue: case.overdue,
        body: case.opened_by.clone(),
        subjects: case.respondents.iter().filter(|one| one.examined).map(|one| one.name.clone()).collect(),
        source: case.opened.clone(),
    })
}

fn of_appeal(appeal: &Appeal) -> Option<WorkItem> {
    (appeal.state() == AppealState::Pending).then(|| WorkItem {
        name: appeal.name.clone(),
        kind: WorkKind::Appeal.into(),
        due_on: appeal.due_on,
        overdue: appeal.overdue,
        body: appeal.lodged_with.clone(),
        subjects: vec![appeal.respondent.clone()],
        source: appeal.lodged.clone(),
    })
}

fn of_obligation(obligation: &Obligation) -> Option<WorkItem> {
    (obligation.state() == ObligationState::Open).then(|| WorkItem {
        name: obligation.name.clone(),
        kind: WorkKind::Obligation.into(),
        due_on: obligation.due_on,
        overdue: obligation.overdue,
        body: obligation.body.clone(),
        subjects: vec![obligation.person.clone()],
        source: obligation.created.clone(),
    })
}

fn of_petition(petition: &Petition) -> Option<WorkItem> {
    (petition.state() == PetitionState::Open).then(|| WorkItem {
        name: petition.name.clone(),
        kind: WorkKind::Petition.into(),
        due_on: petition.due_on,
        overdue: petition.overdue,
        body: petition.received_by.clone(),
        subjects: petition.respondents.clone(),
        source: petition.received.clone(),
    })
}

fn of_verification(verification: &Verification) -> Option<WorkItem> {
    (verification.state() == VerificationState::Running).then(|| WorkItem {
        name: verification.name.clone(),
        kind: WorkKind::Verification.into(),
        due_on: verification.due_on,
        overdue: verification.overdue,
        body: verification.ordered_by.clone(),
        subjects: vec![verification.person.clone()],
        source: verification.ordered.clone(),
    })
}

fn of_rights(rights: &Rights) -> Option<WorkItem> {
    (rights.state() == RightsState::Open).then(|| WorkItem {
        name: rights.name.clone(),
        kind: WorkKind::Rights.into(),
        due_on: rights::next_due(rights).copied(),
        overdue: rights.overdue,
        body: rights.received_by.clone(),
        subjects: vec![rights.person.clone()],
        source: rights.received.clone(),
    })
}

/// The body in whose register a matter stands that this event begins; `None` where it names none.
pub fn kept_by(event: &crate::events::Event) -> Option<String> {
    let id = crate::domain::kept_by(event);
    id.is_some().then(|| name_of("entity", &id.to_string()))
}
