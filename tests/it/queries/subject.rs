//! Requests, disputes, disclosures, notices and clearances through the real service.

use probity::events::DecisionAnnulled;
use probity::events::DecisionExpired;
use probity::events::DecisionIssued;
use probity::events::DisclosureLevel;
use probity::events::DisputeOutcome;
use probity::events::DisputeResolved;
use probity::events::Event;
use probity::events::LegalBasis;
use probity::events::Narrative;
use probity::events::NoticeSent;
use probity::events::OrganisationName;
use probity::events::OrganisationRegistered;
use probity::events::RecordDisclosed;
use probity::events::RecordDisputed;
use probity::events::RightsAcknowledged;
use probity::events::RightsKind;
use probity::events::RightsReceived;
use probity::events::SanctionItem;
use probity::events::StatementAttached;
use probity::proto::v1;
use probity::proto::v1::RightsState;
use probity::proto::v1::personal_part::Content;
use probity::server::errors::Reason;
use prost::Message as _;
use sha2::Digest as _;
use sha2::Sha256;
use tempfile::TempDir;

use crate::queries::Records;
use crate::queries::at;
use crate::queries::named;
use crate::queries::open;
use crate::queries::told;
use crate::service::Ledger;
use crate::service::refusal;
use crate::service::story::append;
use crate::service::story::code;
use crate::service::story::day;
use crate::service::story::id;
use crate::service::story::person;

fn name(kind: &str, number: u64) -> String {
    format!("{kind}/{}", id(9, number))
}

/// A reprimand of the one person, in 2025.
fn decision(number: u64) -> Event {
    let item = SanctionItem {
        item_number: 1,
        form: code("form", "reprimand"),
        from: day(2025, 1, 1),
        to: day(2025, 12, 31),
        ..SanctionItem::default()
    };
    DecisionIssued {
        decision_id: id(9, number),
        respondent_id: id(9, 1),
        signed_on: day(2025, 1, 1),
        regime: code("regime", "test"),
        items: vec![item],
        ..DecisionIssued::default()
    }
    .into()
}

fn body() -> Event {
    let names = vec![OrganisationName { text: "Personnel Office".to_owned(), language: "en".to_owned() }];
    OrganisationRegistered { entity_id: id(9, 2), names, ..OrganisationRegistered::default() }.into()
}

async fn record(ledger: &mut Ledger, number: u64, event: impl Into<Event>) -> u64 {
    ledger.append(append(number, [event.into()])).await.unwrap().into_inner().first_position
}

fn clearance_of(at: Option<v1::AsOf>) -> v1::GetClearanceRequest {
    let purpose = code("purpose", "appointment");
    v1::GetClearanceRequest { name: name("entity", 1), purpose, at, disclose_to: None }
}

async fn cleared(records: &mut Records, at: Option<v1::AsOf>) -> v1::GetClearanceResponse {
    records.get_clearance(clearance_of(at)).await.unwrap().into_inner()
}

async fn due(records: &mut Records, request: v1::ListNoticesDueRequest) -> Vec<v1::NoticeDue> {
    records.list_notices_due(request).await.unwrap().into_inner().notices
}

fn disputed(position: u64) -> RecordDisputed {
    RecordDisputed {
        dispute_id: id(9, 30),
        target_position: position,
        target: name("decision", 20),
        subject_ids: vec![id(9, 1)],
        person_id: id(9, 1),
        ground: code("ground", "inaccurate"),
        rights_id: id(9, 40),
        ..RecordDisputed::default()
    }
}

fn asked() -> RightsReceived {
    RightsReceived {
        rights_id: id(9, 40),
        person_id: id(9, 1),
        kind: RightsKind::Dispute.into(),
        identity_check: code("check", "card"),
        received_by_id: id(9, 2),
        received_on: day(2026, 12, 1),
        ack_due_on: day(2026, 12, 3),
        due_on: day(2026, 12, 21),
        ..RightsReceived::default()
    }
}

/// What somebody was shown is disputed, and at last undone: he is told each time, and the record says so to everybody.
#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_and_an_annulment_follow_what_was_shown() {
    let folder = TempDir::new().unwrap();
    let (here, mut ledger, mut records) = open(&folder).await;
    let first = [person(&id(9, 1)).into(), body(), decision(20)];
    let first = ledger.append(append(1, first)).await.unwrap().into_inner().first_position;
    let on = |as_of, position| Some(v1::AsOf { as_of, min_position: Some(position), ..v1::AsOf::default() });

    // A clearance is given out, and that is put on record.
    let clearance = cleared(&mut records, on(day(2025, 6, 1), first + 2)).await;
    let told = clearance.clearance.unwrap();
    assert_eq!((told.decisions.len(), told.sanction_in_force, told.withheld.len()), (1, true, 0));
    assert_eq!(clearance.extract_sha256, Sha256::digest(told.encode_to_vec()).to_vec());
    let disclosed = RecordDisclosed {
        disclosure_id: id(9, 50),
        recipient_id: id(9, 2),
        disclosed_by_id: id(9, 2),
        purpose: told.purpose.clone(),
        basis: Some(LegalBasis { instrument: code("law", "act"), article: String::new() }),
        targets: vec![name("entity", 1)],
        known_at: told.position,
        subject_ids: vec![id(9, 1)],
        level: DisclosureLevel::Clearance.into(),
        extract_sha256: clearance.extract_sha256,
        disclosed_on: day(2026, 12, 1),
        ..RecordDisclosed::default()
    };
    let last = record(&mut ledger, 2, disclosed).await;
    let everything = v1::ListNoticesDueRequest { at: on(None, last), ..Default::default() };
    assert_eq!(due(&mut records, everything.clone()).await, []);

    // The person disputes it.
    record(&mut ledger, 3, asked()).await;
    let cause = record(&mut ledger, 4, disputed(first + 2)).await;
    let narrative = Narrative { text: "it was not so".to_owned(), language: "en".to_owned() };
    let said = StatementAttached {
        dispute_id: id(9, 30),
        target_position: first + 2,
        target: name("decision", 20),
        subject_ids: vec![id(9, 1)],
        statement: Some(narrative.clone()),
        ..StatementAttached::default()
    };
    let last = record(&mut ledger, 5, said).await;
    let request = v1::GetDecisionRequest { name: name("decision", 20), at: on(None, last), open_narratives: true };
    let decision = records.get_decision(request).await.unwrap().into_inner().decision.unwrap();
    let opened = |dispute: &v1::Dispute| dispute.statement.as_ref().unwrap().content.clone();
    assert!(decision.disputed);
    assert_eq!(opened(&decision.disputes[0]), Some(Content::Narrative(narrative.clone())));
    let request = v1::GetRecordRequest { name: name("entity", 1), at: on(None, last), open_identity: true };
    let whole = records.get_record(request).await.unwrap().into_inner().record.unwrap();
    assert!(whole.disputed && whole.decisions[0].disputed);
    assert_eq!(opened(&whole.disputes[0]), Some(Content::Narrative(narrative.clone())));
    let told = cleared(&mut records, on(day(2025, 6, 1), last)).await.clearance.unwrap();
    assert!(told.decisions[0].disputed);
    assert_eq!(opened(&told.decisions[0].disputes[0]), Some(Content::Narrative(narrative)));

    // Whoever was shown it is to be told, and is.
    let now = v1::ListNoticesDueRequest { at: on(None, last), ..Default::default() };
    let notices = due(&mut records, now.clone()).await;
    assert_eq!(notices.iter().map(|one| one.cause.as_ref().unwrap().position).collect::<Vec<_>>(), [cause]);
    assert!(!notices[0].overdue);
    let later = v1::ListNoticesDueRequest { at: on(day(2028, 1, 1), last), overdue_only: true, ..Default::default() };
    assert_eq!(due(&mut records, later).await.len(), 1);
    let soon = v1::ListNoticesDueRequest { overdue_only: true, ..now };
    assert_eq!(due(&mut records, soon).await, []);
    let notice = |cause_position| NoticeSent {
        disclosure_id: id(9, 50),
        recipient_id: id(9, 2),
        cause_position,
        subject_ids: vec![id(9, 1)],
        ..NoticeSent::default()
    };
    let last = record(&mut ledger, 6, notice(cause)).await;
    let now = v1::ListNoticesDueRequest { body: name("entity", 2), at: on(None, last), ..Default::default() };
    assert_eq!(due(&mut records, now.clone()).await, []);
    let again = ledger.append(append(7, [notice(cause).into()])).await.expect_err("told twice");
    refusal::check("told twice", &again, Reason::RuleViolated, "events[0].cause_position", "NOTICE_ALREADY_SENT");

    // The decision is undone: the recipient is due another notice, and no clearance says anything of it.
    let undone = DecisionAnnulled {
        decision_id: id(9, 20),
        respondent_id: id(9, 1),
        retroactive: true,
        ..DecisionAnnulled::default()
    };
    let cause = record(&mut ledger, 8, undone).await;
    let resolved = DisputeResolved {
        dispute_id: id(9, 30),
        target_position: first + 2,
        target: name("decision", 20),
        subject_ids: vec![id(9, 1)],
        outcome: DisputeOutcome::Revised.into(),
        entry_position: cause,
        ..DisputeResolved::default()
    };
    let last = record(&mut ledger, 9, resolved).await;
    let told = cleared(&mut records, on(day(2025, 6, 1), last)).await.clearance.unwrap();
    assert_eq!((told.decisions.len(), told.withheld.len(), told.sanction_in_force), (0, 0, false));
    let now = v1::ListNoticesDueRequest { at: on(None, last), ..now };
    let notices = due(&mut records, now).await;
    assert_eq!(notices.iter().map(|one| one.cause.as_ref().unwrap().position).collect::<Vec<_>>(), [cause]);
    let request = v1::GetDecisionRequest { name: name("decision", 20), at: on(None, last), open_narratives: false };
    let decision = records.get_decision(request).await.unwrap().into_inner().decision.unwrap();
    assert_eq!((decision.standing(), decision.disputed), (v1::Standing::Annulled, false), "the record itself stays");
    assert_eq!(decision.disputes[0].outcome(), DisputeOutcome::Revised);
    let shown = v1::ListDisclosuresRequest { name: name("entity", 1), at: on(None, last), ..Default::default() };
    let shown = records.list_disclosures(shown).await.unwrap().into_inner().disclosures;
    assert_eq!((shown.len(), shown[0].notices.len()), (1, 1));
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_is_told_until_its_window_is_over_and_stays_on_record() {
    let folder = TempDir::new().unwrap();
    let (here, mut ledger, mut records) = open(&folder).await;
    let expired = DecisionExpired {
        decision_id: id(9, 21),
        respondent_id: id(9, 1),
        expired_on: day(2025, 7, 1),
        ..DecisionExpired::default()
    };
    let events = [person(&id(9, 1)).into(), body(), decision(20), decision(21), expired.into()];
    ledger.append(append(1, events)).await.unwrap();
    // 365 days after the last day in force, as is built in.
    for (year, month, on, told, kept) in [
        (2025, 6, 1, 2, 0),
        (2026, 6, 30, 2, 0),
        (2026, 7, 1, 1, 1),
        (2026, 12, 31, 1, 1),
        (2027, 1, 1, 0, 1),
        (2060, 1, 1, 0, 1),
    ] {
        let clearance = cleared(&mut records, at(day(year, month, on), None)).await.clearance.unwrap();
        let found = (clearance.decisions.len(), clearance.withheld.len());
        assert_eq!(found, (told, kept), "{year}-{month}-{on}");
        let kept = format!("{:?}", clearance.withheld);
        assert!(!kept.contains("decision/"), "{kept}");
    }
    let request = v1::GetRecordRequest { name: name("entity", 1), at: at(day(2060, 1, 1), None), ..Default::default() };
    assert_eq!(records.get_record(request).await.unwrap().into_inner().record.unwrap().decisions.len(), 2);
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_request_is_work_until_it_is_answered() {
    let folder = TempDir::new().unwrap();
    let (here, mut ledger, mut records) = open(&folder).await;
    let first = [person(&id(9, 1)).into(), body(), asked().into()];
    ledger.append(append(1, first)).await.unwrap();
    let work = |records: Records, overdue_only| async move {
        let mut records = records;
        let request = v1::ListWorkRequest {
            body: name("entity", 2),
            overdue_only,
            at: at(day(2026, 12, 5), None),
            ..v1::ListWorkRequest::default()
        };
        let items = records.list_work(request).await.unwrap().into_inner().items;
        items.iter().map(|item| (item.kind(), item.due_on)).collect::<Vec<_>>()
    };
    assert_eq!(work(records.clone(), true).await, [(v1::WorkKind::Rights, day(2026, 12, 3))]);
    let acknowledged = RightsAcknowledged { rights_id: id(9, 40), person_id: id(9, 1), ..Default::default() };
    let last = record(&mut ledger, 2, acknowledged).await;
    let request = v1::GetRightsRequest {
        name: name("rights", 40),
        at: Some(v1::AsOf { min_position: Some(last), ..v1::AsOf::default() }),
    };
    let rights = records.get_rights(request).await.unwrap().into_inner().rights.unwrap();
    assert_eq!((rights.state(), rights.usual_due_on), (RightsState::Open, day(2026, 12, 21)));
    assert_eq!(work(records.clone(), true).await, []);
    assert_eq!(work(records.clone(), false).await, [(v1::WorkKind::Rights, day(2026, 12, 21))]);
    here.stop().await;
}

/// Without a policy nobody says by what right he asks, so that the request says it; and no body has to tell of changes.
#[tokio::test(flavor = "multi_thread")]
async fn a_clearance_for_somebody_else_says_what_it_rests_on() {
    let folder = TempDir::new().unwrap();
    let (here, mut ledger, mut records) = open(&folder).await;
    let first = [person(&id(9, 1)).into(), body(), decision(20)];
    let first = ledger.append(append(1, first)).await.unwrap().into_inner().first_position;
    let basis = Some(LegalBasis { instrument: code("law", "act"), article: "12".to_owned() });
    let shown = |basis| v1::GetClearanceRequest {
        disclose_to: Some(v1::DisclosedTo { recipient: name("entity", 2), reference: "7/2026".to_owned(), basis }),
        ..clearance_of(None)
    };
    let silent = records.get_clearance(shown(None)).await.unwrap_err();
    refusal::check("without a basis", &silent, Reason::FieldInvalid, "disclose_to.basis", "REQUIRED");
    let answer = records.get_clearance(shown(basis.clone())).await.unwrap().into_inner();
    let last = answer.disclosure_position.unwrap();
    let again = records.get_clearance(shown(basis)).await.unwrap().into_inner();
    assert_eq!((&again.clearance, again.disclosure_position), (&answer.clearance, Some(last)));
    let other = Some(LegalBasis { instrument: code("law", "act"), article: "13".to_owned() });
    let reused = records.get_clearance(shown(other)).await.unwrap_err();
    refusal::check("another basis", &reused, Reason::RequestIdReused, "", "");

    let void = DecisionAnnulled { decision_id: id(9, 20), respondent_id: id(9, 1), ..DecisionAnnulled::default() };
    let last = record(&mut ledger, 2, void).await;
    let work = |body: String, known| v1::ListWorkRequest {
        without_body: body.is_empty(),
        body,
        kinds: vec![v1::WorkKind::Notice.into()],
        at: Some(v1::AsOf { min_position: Some(last), known_at: known, ..v1::AsOf::default() }),
        ..v1::ListWorkRequest::default()
    };
    let items = records.list_work(work(String::new(), None)).await.unwrap().into_inner().items;
    let [item] = <[_; 1]>::try_from(items).unwrap();
    assert_eq!((item.name, item.subjects), (answer.disclosure, vec![name("entity", 1)]));
    assert_eq!(item.source.unwrap().position, last);
    let before = Some(v1::as_of::KnownAt::KnownAtPosition(last - 1));
    for request in [work(name("entity", 2), None), work(String::new(), before)] {
        assert_eq!(records.list_work(request).await.unwrap().into_inner().items, []);
    }
    assert!(last > first);
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_the_story_find_what_they_are_asked_for() {
    let folder = TempDir::new().unwrap();
    let (here, _, mut records) = told(&folder).await;
    let (person, other, body) = (named("entity", "p1"), named("entity", "p2"), named("entity", "b1"));
    for (request, expected) in [
        (v1::ListRightsRequest::default(), &["g1", "g2"][..]),
        (v1::ListRightsRequest { person: person.clone(), ..Default::default() }, &["g1"]),
        (v1::ListRightsRequest { person: other.clone(), ..Default::default() }, &["g2"]),
        (v1::ListRightsRequest { body: body.clone(), ..Default::default() }, &["g1"]),
        (v1::ListRightsRequest { state: RightsState::Refused.into(), ..Default::default() }, &["g2"]),
        (v1::ListRightsRequest { state: RightsState::Open.into(), ..Default::default() }, &[]),
        (v1::ListRightsRequest { kind: RightsKind::Erase.into(), ..Default::default() }, &["g2"]),
    ] {
        let found = records.list_rights(request.clone()).await.unwrap().into_inner().rights;
        let names: Vec<String> = found.into_iter().map(|one| one.name).collect();
        let expected: Vec<String> = expected.iter().map(|sign| named("rights", sign)).collect();
        assert_eq!(names, expected, "{request:?}");
    }
    for (request, expected) in [
        (v1::ListDisclosuresRequest::default(), 1),
        (v1::ListDisclosuresRequest { name: person.clone(), ..Default::default() }, 1),
        (v1::ListDisclosuresRequest { name: named("decision", "d1"), ..Default::default() }, 1),
        (v1::ListDisclosuresRequest { body: body.clone(), ..Default::default() }, 1),
        (v1::ListDisclosuresRequest { recipient: body.clone(), ..Default::default() }, 1),
        (v1::ListDisclosuresRequest { name: other.clone(), ..Default::default() }, 0),
        (v1::ListDisclosuresRequest { name: named("case", "c1"), ..Default::default() }, 0),
        (v1::ListDisclosuresRequest { recipient: person.clone(), ..Default::default() }, 0),
        (v1::ListDisclosuresRequest { body: other.clone(), ..Default::default() }, 0),
    ] {
        let found = records.list_disclosures(request.clone()).await.unwrap().into_inner().disclosures;
        assert_eq!(found.len(), expected, "{request:?}");
    }
    // The hearing was voided last of all, and the person's whole record had been shown.
    let notices = due(&mut records, v1::ListNoticesDueRequest::default()).await;
    assert_eq!(notices.iter().map(|one| one.stream.as_str()).collect::<Vec<_>>(), [named("case", "c1")]);
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_that_cannot_be_are_refused() {
    let folder = TempDir::new().unwrap();
    let (here, _, mut records) = told(&folder).await;
    let (person, body) = (named("entity", "p1"), named("entity", "b1"));
    macro_rules! row {
        ($method:ident, $request:expr, $wrong:expr, $rule:expr) => {
            let refused = records.$method($request).await.expect_err(stringify!($request));
            refusal::check(stringify!($request), &refused, Reason::FieldInvalid, $wrong, $rule);
        };
    }
    let clearance = |name: &str| v1::GetClearanceRequest { name: name.to_owned(), ..Default::default() };
    row!(get_clearance, clearance(&person), "purpose", "REQUIRED");
    row!(get_clearance, clearance("case/1"), "name", "NOT_A_NAME");
    row!(get_rights, v1::GetRightsRequest { name: person.clone(), ..Default::default() }, "name", "NOT_A_NAME");
    row!(list_rights, v1::ListRightsRequest { state: 9, ..Default::default() }, "state", "NOT_A_VALUE");
    row!(list_rights, v1::ListRightsRequest { kind: 99, ..Default::default() }, "kind", "NOT_A_VALUE");
    let late = v1::ListRightsRequest { state: RightsState::Refused.into(), overdue: true, ..Default::default() };
    row!(list_rights, late, "overdue", "NOT_OF_THIS_STATE");
    let both = v1::ListRightsRequest { person: person.clone(), body: body.clone(), ..Default::default() };
    row!(list_rights, both, "person", "EXCLUDES");
    row!(list_rights, v1::ListRightsRequest { person: "x".to_owned(), ..Default::default() }, "person", "NOT_A_NAME");
    let both = v1::ListDisclosuresRequest { name: person.clone(), body: body.clone(), ..Default::default() };
    row!(list_disclosures, both, "name", "EXCLUDES");
    let nobody = v1::ListDisclosuresRequest { recipient: "x".to_owned(), ..Default::default() };
    row!(list_disclosures, nobody, "recipient", "NOT_A_NAME");
    row!(
        list_notices_due,
        v1::ListNoticesDueRequest { body: "x".to_owned(), ..Default::default() },
        "body",
        "NOT_A_NAME"
    );
    row!(
        list_notices_due,
        v1::ListNoticesDueRequest { page_size: 1001, ..Default::default() },
        "page_size",
        "OUT_OF_RANGE"
    );
    let unknown = v1::ListDisclosuresRequest { name: name("entity", 77), ..Default::default() };
    assert_eq!(records.list_disclosures(unknown).await.unwrap_err().code(), tonic::Code::NotFound);
    let unknown = v1::GetRightsRequest { name: name("rights", 77), ..Default::default() };
    assert_eq!(records.get_rights(unknown).await.unwrap_err().code(), tonic::Code::NotFound);
    here.stop().await;
}
