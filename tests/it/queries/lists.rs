//! Lists: what they hold, page by page, while the log grows.

use probity::events::Event;
use probity::events::Narrative;
use probity::events::Period;
use probity::events::PetitionReceived;
use probity::proto::v1;
use probity::proto::v1::list_changes_request::Of;
use probity::server::errors::Reason;
use tempfile::TempDir;

use crate::queries::Records;
use crate::queries::at;
use crate::queries::named;
use crate::queries::open;
use crate::queries::told;
use crate::service::Ledger;
use crate::service::head;
use crate::service::refusal;
use crate::service::story::append;
use crate::service::story::code;
use crate::service::story::day;
use crate::service::story::id;
use crate::service::story::organisation;

/// Petition `number` to body `body`, to be resolved on this day of January 2027.
fn petition(number: u64, body: u64, due: u32) -> Event {
    PetitionReceived {
        petition_id: id(20, number),
        petition_kind: code("petition", if number.is_multiple_of(2) { "even" } else { "odd" }),
        received_by_id: id(10, body),
        received_on: day(2026, 12, 1),
        due_on: day(2027, 1, due),
        summary: Some(Narrative { text: "it is said".to_owned(), ..Narrative::default() }),
        ..PetitionReceived::default()
    }
    .into()
}

/// Two bodies, and ten petitions to the first and five to the second.
async fn petitions(ledger: &mut Ledger) {
    let bodies: Vec<Event> = vec![bare(1), bare(2)];
    ledger.append(append(1, bodies)).await.unwrap();
    let all =
        (0..15).map(|number| petition(number, if number < 10 { 1 } else { 2 }, 28 - u32::try_from(number).unwrap()));
    ledger.append(append(2, all)).await.unwrap();
}

fn bare(number: u64) -> Event {
    organisation(&id(10, number)).into()
}

fn body(number: u64) -> String {
    format!("entity/{}", id(10, number))
}

async fn pages(records: &mut Records, mut request: v1::ListPetitionsRequest) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    loop {
        let page = records.list_petitions(request.clone()).await.unwrap().into_inner();
        pages.push(page.petitions.into_iter().map(|petition| petition.name).collect());
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return pages;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_register_is_of_its_body_in_the_order_of_recording() {
    let folder = TempDir::new().unwrap();
    let (here, mut ledger, mut records) = open(&folder).await;
    petitions(&mut ledger).await;
    let names = |numbers: &[u64]| numbers.iter().map(|one| format!("petition/{}", id(20, *one))).collect::<Vec<_>>();
    let ask = |body: String, page_size| v1::ListPetitionsRequest { body, page_size, ..Default::default() };
    let whole = pages(&mut records, ask(body(1), 4)).await;
    assert_eq!(whole.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
    assert_eq!(whole.concat(), names(&(0..10).collect::<Vec<_>>()));
    assert_eq!(pages(&mut records, ask(body(2), 5)).await.concat(), names(&(10..15).collect::<Vec<_>>()));
    assert_eq!(pages(&mut records, ask(String::new(), 0)).await.concat().len(), 15);
    // A body that is not registered is no body without petitions.
    let nobody = records.list_petitions(ask(body(3), 0)).await.expect_err("not registered");
    refusal::check("a register of nobody", &nobody, Reason::RecordNotFound, "", "");
    let odd = v1::ListPetitionsRequest { petition_kind: code("petition", "odd"), ..ask(body(1), 2) };
    assert_eq!(pages(&mut records, odd).await.concat(), names(&[1, 3, 5, 7, 9]));
    let due = Some(Period { from: day(2027, 1, 20), to: day(2027, 1, 22) });
    let due = v1::ListPetitionsRequest { due, ..ask(String::new(), 0) };
    assert_eq!(pages(&mut records, due).await.concat(), names(&[6, 7, 8]));
    let late = v1::ListPetitionsRequest { overdue: true, at: at(day(2027, 1, 27), None), ..ask(body(1), 0) };
    assert_eq!(pages(&mut records, late).await.concat(), names(&[2, 3, 4, 5, 6, 7, 8, 9]));
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_of_one_moment_and_of_their_question() {
    let folder = TempDir::new().unwrap();
    let (here, mut ledger, mut records) = open(&folder).await;
    petitions(&mut ledger).await;
    let ask = v1::ListPetitionsRequest { page_size: 10, ..Default::default() };
    let first = records.list_petitions(ask.clone()).await.unwrap().into_inner();
    ledger.append(append(3, [petition(15, 1, 1)])).await.unwrap();
    let token = first.next_page_token;
    let rest = v1::ListPetitionsRequest { page_token: token.clone(), ..ask.clone() };
    let rest = records.list_petitions(rest).await.unwrap().into_inner();
    assert_eq!((rest.petitions.len(), rest.next_page_token.as_str()), (5, ""), "the sixteenth came later");
    assert_eq!(rest.stamp.unwrap().position, first.stamp.unwrap().position);
    let page_token = token.clone();
    let other = [
        v1::ListPetitionsRequest { page_token: page_token.clone(), page_size: 11, ..ask.clone() },
        v1::ListPetitionsRequest { page_token: page_token.clone(), body: body(1), ..ask.clone() },
        v1::ListPetitionsRequest { page_token: page_token.clone(), overdue: true, ..ask.clone() },
        v1::ListPetitionsRequest { page_token: page_token[1..].to_owned(), ..ask },
    ];
    for request in other {
        let refused = records.list_petitions(request).await.unwrap_err();
        refusal::check("another question", &refused, Reason::PageTokenInvalid, "", "");
    }
    let of_cases = v1::ListCasesRequest { page_size: 10, page_token: page_token.clone(), ..Default::default() };
    let refused = records.list_cases(of_cases).await.unwrap_err();
    refusal::check("another list", &refused, Reason::PageTokenInvalid, "", "");
    let of_work = v1::ListWorkRequest { body: body(1), page_token, ..Default::default() };
    let refused = records.list_work(of_work).await.unwrap_err();
    refusal::check("a list in another order", &refused, Reason::PageTokenInvalid, "", "");
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_is_listed_by_its_day_until_it_is_done() {
    let folder = TempDir::new().unwrap();
    let (here, mut ledger, mut records) = open(&folder).await;
    petitions(&mut ledger).await;
    let mut request = v1::ListWorkRequest { body: body(1), page_size: 4, ..Default::default() };
    let mut days = Vec::new();
    loop {
        let page = records.list_work(request.clone()).await.unwrap().into_inner();
        assert!(page.items.len() <= 4);
        days.extend(page.items.iter().map(|item| item.due_on.unwrap().day));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
        // What comes while somebody turns pages is not on them.
        let more = petition(50 + days.len() as u64, 1, 31);
        ledger.append(append(50 + days.len() as u64, [more])).await.unwrap();
    }
    assert_eq!(days, (19..=28).collect::<Vec<u32>>());
    let (before, _) = head(&mut ledger).await;
    let resolved = probity::events::PetitionResolved {
        petition_id: id(20, 9),
        outcome: probity::events::PetitionOutcome::Unfounded.into(),
        ..Default::default()
    };
    ledger.append(append(90, [resolved.into()])).await.unwrap();
    let first =
        |known_at| v1::ListWorkRequest { body: body(1), at: at(None, known_at), page_size: 1, ..Default::default() };
    let now = records.list_work(first(None)).await.unwrap().into_inner().items;
    assert_eq!(now[0].due_on.unwrap().day, 20);
    let then = records.list_work(first(Some(before))).await.unwrap().into_inner().items;
    assert_eq!(then[0].due_on.unwrap().day, 19, "before it was resolved");
    let overdue =
        v1::ListWorkRequest { body: body(1), overdue_only: true, at: at(day(2027, 1, 22), None), ..Default::default() };
    let days: Vec<u32> = records
        .list_work(overdue)
        .await
        .unwrap()
        .into_inner()
        .items
        .iter()
        .map(|item| item.due_on.unwrap().day)
        .collect();
    assert_eq!(days, [20, 21]);
    let none = v1::ListWorkRequest { without_body: true, ..Default::default() };
    assert_eq!(records.list_work(none).await.unwrap().into_inner().items, []);
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_told_from_a_position_on_and_none_is_left_out() {
    let folder = TempDir::new().unwrap();
    let (here, mut ledger, mut records) = told(&folder).await;
    let (last, _) = head(&mut ledger).await;
    let mut after = 0;
    let mut positions = Vec::new();
    while after < last {
        let ask = v1::ListChangesRequest { after_position: after, page_size: 5, ..Default::default() };
        let page = records.list_changes(ask).await.unwrap().into_inner();
        assert!(page.changes.len() <= 5 && page.scanned_position > after);
        positions.extend(page.changes.iter().map(|change| change.source.as_ref().unwrap().position));
        after = page.scanned_position;
    }
    assert_eq!(positions, (1..=last).collect::<Vec<u64>>());
    let ask = |of: Option<Of>, kinds: Vec<i32>| {
        let request = v1::ListChangesRequest { of, kinds, ..Default::default() };
        let mut records = records.clone();
        async move { records.list_changes(request).await.unwrap().into_inner() }
    };
    let voided = ask(None, vec![v1::ChangeKind::Voided.into()]).await;
    assert_eq!((voided.changes.len(), voided.scanned_position), (1, last));
    assert_eq!(voided.changes[0].stream, named("case", "c1"));
    let of_case = ask(Some(Of::Name(named("case", "c1"))), vec![]).await;
    assert_eq!(of_case.changes.last().unwrap().kind(), v1::ChangeKind::Voided);
    let of_body = ask(Some(Of::Body(named("entity", "b1"))), vec![v1::ChangeKind::Corrected.into()]).await;
    let corrected = v1::ListChangesRequest { kinds: vec![v1::ChangeKind::Corrected.into()], ..Default::default() };
    let corrected = records.list_changes(corrected).await.unwrap().into_inner();
    assert_eq!(corrected.changes[0].stream, named("declaration", "e1"));
    assert!(of_body.changes.len() <= corrected.changes.len());
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_between_two_days_is_listed_with_its_sanctions() {
    let folder = TempDir::new().unwrap();
    let (here, _, mut records) = told(&folder).await;
    // Before it was annulled: the story modifies the decision, and lets it expire on 2025-02-01.
    let annulled = crate::slice::story::events(1)
        .iter()
        .position(|told| told.event_type == probity::events::EventType::DecisionAnnulled)
        .unwrap() as u64;
    let ask = |from, to| {
        let request = v1::ListExpiringRequest {
            body: named("entity", "b1"),
            ends: Some(Period { from, to }),
            at: at(day(2024, 12, 1), Some(annulled)),
            ..Default::default()
        };
        let mut records = records.clone();
        async move { records.list_expiring(request).await.unwrap().into_inner().sanctions }
    };
    let found = ask(day(2025, 1, 1), day(2025, 3, 1)).await;
    assert!(!found.is_empty() && found.iter().all(|one| one.decision == named("decision", "d1")));
    assert_eq!(ask(day(2031, 1, 1), day(2031, 12, 31)).await, []);
    let now = v1::ListExpiringRequest {
        ends: Some(Period { from: day(2025, 1, 1), to: day(2025, 3, 1) }),
        ..Default::default()
    };
    assert_eq!(records.list_expiring(now).await.unwrap().into_inner().sanctions, [], "annulled as if never made");
    here.stop().await;
}
