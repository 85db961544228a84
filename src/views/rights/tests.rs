//! How far a request has come, and by when something is to be done.

use crate::domain::dates::Day;
use crate::events::Event;
use crate::events::RecordDisputed;
use crate::events::RightsAcknowledged;
use crate::events::RightsExtended;
use crate::events::RightsFulfilled;
use crate::events::RightsReceived;
use crate::events::RightsRefused;
use crate::proto::v1::RightsState;
use crate::proto::v1::WorkKind;
use crate::views::View;
use crate::views::fixture::Story;
use crate::views::fixture::code;
use crate::views::fixture::date;
use crate::views::fixture::id;
use crate::views::fixture::name;
use crate::views::policy::DisclosurePolicy;
use crate::views::rights;
use crate::views::work;

fn received() -> Event {
    RightsReceived {
        rights_id: id(60),
        person_id: id(1),
        received_by_id: id(2),
        received_on: Some(date("2026-02-02")),
        ack_due_on: Some(date("2026-02-04")),
        due_on: Some(date("2026-02-22")),
        ..RightsReceived::default()
    }
    .into()
}

fn acknowledged() -> Event {
    RightsAcknowledged { rights_id: id(60), person_id: id(1), ..RightsAcknowledged::default() }.into()
}

fn extended() -> Event {
    RightsExtended {
        rights_id: id(60),
        person_id: id(1),
        due_on: Some(date("2026-03")),
        reason: code("complex"),
        ..RightsExtended::default()
    }
    .into()
}

fn fulfilled() -> Event {
    RightsFulfilled { rights_id: id(60), person_id: id(1), ..RightsFulfilled::default() }.into()
}

fn refused() -> Event {
    RightsRefused { rights_id: id(60), person_id: id(1), remedy: code("court"), ..RightsRefused::default() }.into()
}

/// Given these events, on a day the request is in this state, overdue or not, and to be done by this day.
#[track_caller]
fn check(events: &[Event], as_of: &str, state: RightsState, overdue: bool, due: Option<&str>) {
    let entries = Story::of(events.to_vec()).entries();
    let view = View { as_of: Day::parse(as_of).unwrap(), known_at: u64::MAX };
    let name = name("rights", 60);
    let found = rights::rights(&name, &entries, view, &DisclosurePolicy::default()).unwrap();
    assert_eq!((found.state(), found.overdue), (state, overdue), "on {as_of}");
    let item = work::item(&name, &entries, view);
    assert_eq!(item.as_ref().map(|item| item.due_on), due.map(|due| Some(date(due))), "on {as_of}");
    if let Some(item) = item {
        assert_eq!((item.kind(), item.overdue), (WorkKind::Rights, overdue));
    }
}

#[test]
fn it_is_to_be_acknowledged_then_answered() {
    use RightsState::Fulfilled;
    use RightsState::Open;
    use RightsState::Refused;
    let told = [received(), acknowledged()];
    let longer = [received(), acknowledged(), extended()];
    check(&[received()], "2026-02-04", Open, false, Some("2026-02-04"));
    check(&[received()], "2026-02-05", Open, true, Some("2026-02-04"));
    check(&told, "2026-02-05", Open, false, Some("2026-02-22"));
    check(&told, "2026-02-23", Open, true, Some("2026-02-22"));
    check(&longer, "2026-02-23", Open, false, Some("2026-03"));
    check(&longer, "2026-04-01", Open, true, Some("2026-03"));
    check(&[received(), extended()], "2026-02-05", Open, true, Some("2026-02-04"));
    check(&[received(), fulfilled()], "2027-01-01", Fulfilled, false, None);
    check(&[received(), acknowledged(), refused()], "2027-01-01", Refused, false, None);
}

#[test]
fn it_says_what_is_usual_and_which_disputes_came_with_it() {
    let disputed = RecordDisputed {
        dispute_id: id(30),
        target_position: 1,
        target: name("entity", 1).to_string(),
        subject_ids: vec![id(1)],
        person_id: id(1),
        rights_id: id(60),
        ..RecordDisputed::default()
    };
    let entries = Story::of([received(), disputed.into()]).entries();
    let view = View { as_of: Day::parse("2026-02-03").unwrap(), known_at: u64::MAX };
    let found = rights::rights(&name("rights", 60), &entries, view, &DisclosurePolicy::default()).unwrap();
    // 2026-02-02 is a Monday.
    assert_eq!(found.usual_ack_due_on, Some(date("2026-02-04")));
    assert_eq!(found.usual_due_on, Some(date("2026-02-22")));
    assert_eq!(found.disputes, [name("dispute", 30).to_string()]);
    assert_eq!(rights::rights(&name("rights", 61), &entries, view, &DisclosurePolicy::default()), None);
}
