//! Questions over the whole slice, through the real service.

mod filters;
mod histories;
mod lists;
mod subject;

use probity::clock::Settable;
use probity::events::PartialDate;
use probity::proto::v1;
use probity::proto::v1::as_of::KnownAt;
use probity::proto::v1::record_service_client::RecordServiceClient;
use tempfile::TempDir;
use tonic::transport::Channel;

use crate::service::Here;
use crate::service::Ledger;
use crate::service::story::day;
use crate::slice::story;
use crate::slice::story::id_of;

type Records = RecordServiceClient<Channel>;

/// When these tests play: 2027.
const NOW_S: u64 = 1_800_000_000;

/// A service with an empty log.
async fn open(folder: &TempDir) -> (Here, Ledger, Records) {
    let clock = Settable::at(NOW_S * 1000);
    let here = Here::open(&folder.path().join("data"), &clock, |_| ()).await;
    let ledger = here.ledger().await;
    let records = RecordServiceClient::connect(here.url.clone()).await.unwrap();
    (here, ledger, records)
}

/// A service with the whole story in it.
async fn told(folder: &TempDir) -> (Here, Ledger, Records) {
    let (here, mut ledger, records) = open(folder).await;
    for (number, told) in (0..).zip(story::events(1)) {
        ledger.append(told.request(number)).await.unwrap();
    }
    (here, ledger, records)
}

/// The name behind a sign of the story, such as `c1`.
fn named(kind: &str, sign: &str) -> String {
    format!("{kind}/{}", id_of(1, sign))
}

/// On a day, as known at a position, or now.
#[expect(clippy::unnecessary_wraps, reason = "as the fields of messages want it")]
fn at(as_of: Option<PartialDate>, known_at: Option<u64>) -> Option<v1::AsOf> {
    Some(v1::AsOf { as_of, known_at: known_at.map(KnownAt::KnownAtPosition), min_position: None })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_matter_of_the_story_is_told() {
    let folder = TempDir::new().unwrap();
    let (here, _, mut records) = told(&folder).await;
    let on = at(day(2024, 12, 1), None);
    let request = v1::GetPetitionRequest { name: named("petition", "t1"), at: on, open_narratives: true };
    let answer = records.get_petition(request).await.unwrap().into_inner();
    let petition = answer.petition.unwrap();
    assert_eq!(
        (petition.state(), petition.cases.as_slice()),
        (v1::PetitionState::Resolved, &[named("case", "c1")][..])
    );
    let said = format!("{petition:?}");
    assert!(said.contains("Narrative") && !said.contains("PetitionerIdentity"), "{said}");
    let request = v1::GetObligationRequest { name: named("obligation", "o1"), at: on };
    let obligation = records.get_obligation(request).await.unwrap().into_inner().obligation.unwrap();
    assert_eq!(obligation.state(), v1::ObligationState::Met);
    assert_eq!(obligation.declarations, [named("declaration", "e1")]);
    assert_eq!(obligation.met_on, day(2024, 3, 14), "as it was corrected");
    let request = v1::GetVerificationRequest { name: named("verification", "v1"), at: on, open_narratives: true };
    let verification = records.get_verification(request).await.unwrap().into_inner().verification.unwrap();
    assert_eq!((verification.state(), verification.explanations.len()), (v1::VerificationState::Concluded, 1));
    assert!(verification.conclusion.unwrap().content.is_some() && verification.explanations[0].text.is_some());
    let request = v1::GetAppealRequest { name: named("appeal", "a1"), at: on, open_narratives: true };
    let appeal = records.get_appeal(request).await.unwrap().into_inner().appeal.unwrap();
    assert_eq!((appeal.state(), appeal.decision.as_str()), (v1::AppealState::Decided, &*named("decision", "d1")));
    assert!(appeal.grounds.unwrap().content.is_some() && appeal.reasons.unwrap().content.is_some());
    let request = v1::GetDeclarationRequest { name: named("declaration", "e1"), at: on, open_content: true };
    let declaration = records.get_declaration(request).await.unwrap().into_inner().declaration.unwrap();
    assert_eq!((declaration.corrections.len(), declaration.submitted_on), (1, day(2024, 3, 14)));
    assert_eq!(declaration.verifications, [named("verification", "v1")]);
    assert_eq!((declaration.accepted, declaration.publications[0].standing()), (true, v1::Standing::Expired));
    let request = v1::GetRecordRequest { name: named("entity", "p1"), at: on, open_identity: false };
    let record = records.get_record(request).await.unwrap().into_inner().record.unwrap();
    assert_eq!((record.petitions.unwrap().resolved, record.voids.len()), (1, 1));
    assert_eq!(record.pending[0].name, named("case", "c1"), "reopened");
    assert!(!record.sanction_in_force, "annulled as if never made");
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checklist_says_what_is_wrong_with_a_decision() {
    let folder = TempDir::new().unwrap();
    let (here, _, mut records) = told(&folder).await;
    let ask = |known_at| v1::GetChecklistRequest {
        name: named("case", "c1"),
        respondent: named("entity", "p1"),
        at: at(None, known_at),
    };
    let hearing = |answer: v1::GetChecklistResponse| {
        let step =
            answer.checklists[0].steps.iter().find(|step| step.step() == v1::ChecklistStep::Hearing).unwrap().clone();
        (step.state(), step.defects().collect::<Vec<_>>())
    };
    let now = records.get_checklist(ask(None)).await.unwrap().into_inner();
    assert_eq!(now.checklists[0].decision, named("decision", "d1"));
    // The hearing of the story is void: it was of another person.
    assert_eq!(hearing(now), (v1::StepState::Defective, vec![v1::StepDefect::NotRecorded]));
    let last = story::events(1).len() as u64;
    let before = records.get_checklist(ask(Some(last - 1))).await.unwrap().into_inner();
    assert_eq!(hearing(before), (v1::StepState::Met, vec![]));
    here.stop().await;
}

/// Every question, with the answer as text; what is not recorded yet is an answer, too. The head is left out: it moves.
async fn answers(records: &mut Records, known_at: Option<u64>) -> Vec<String> {
    let at = at(day(2024, 12, 1), known_at);
    let open = true;
    let mut answers = Vec::new();
    macro_rules! ask {
        ($method:ident, $request:expr) => {
            answers.push(match records.$method($request).await {
                Ok(answer) => {
                    let mut answer = answer.into_inner();
                    answer.stamp.as_mut().unwrap().head_position = 0;
                    format!("{answer:?}")
                }
                Err(status) => status.message().to_owned(),
            });
        };
    }
    for person in ["p1", "p2"] {
        ask!(get_record, v1::GetRecordRequest { name: named("entity", person), at, open_identity: open });
    }
    ask!(get_case, v1::GetCaseRequest { name: named("case", "c1"), at, open_narratives: open });
    ask!(get_decision, v1::GetDecisionRequest { name: named("decision", "d1"), at, open_narratives: open });
    ask!(get_declaration, v1::GetDeclarationRequest { name: named("declaration", "e1"), at, open_content: open });
    ask!(get_petition, v1::GetPetitionRequest { name: named("petition", "t1"), at, open_narratives: open });
    ask!(get_obligation, v1::GetObligationRequest { name: named("obligation", "o1"), at });
    ask!(get_verification, v1::GetVerificationRequest { name: named("verification", "v1"), at, open_narratives: open });
    ask!(get_appeal, v1::GetAppealRequest { name: named("appeal", "a1"), at, open_narratives: open });
    ask!(get_checklist, v1::GetChecklistRequest { name: named("case", "c1"), at, ..Default::default() });
    let purpose = crate::service::story::code("purpose", "appointment");
    ask!(get_clearance, v1::GetClearanceRequest { name: named("entity", "p1"), purpose, at, ..Default::default() });
    ask!(get_rights, v1::GetRightsRequest { name: named("rights", "g1"), at });
    ask!(list_rights, v1::ListRightsRequest { at, ..Default::default() });
    ask!(list_disclosures, v1::ListDisclosuresRequest { name: named("entity", "p1"), at, ..Default::default() });
    ask!(list_notices_due, v1::ListNoticesDueRequest { at, ..Default::default() });
    let body = named("entity", "b1");
    for body in [String::new(), body.clone()] {
        ask!(list_petitions, v1::ListPetitionsRequest { body: body.clone(), at, ..Default::default() });
        ask!(list_cases, v1::ListCasesRequest { body: body.clone(), at, ..Default::default() });
        ask!(list_decisions, v1::ListDecisionsRequest { body: body.clone(), at, ..Default::default() });
        ask!(list_appeals, v1::ListAppealsRequest { body: body.clone(), at, ..Default::default() });
        ask!(list_obligations, v1::ListObligationsRequest { body: body.clone(), at, ..Default::default() });
        ask!(list_verifications, v1::ListVerificationsRequest { body, at, ..Default::default() });
    }
    ask!(list_work, v1::ListWorkRequest { body: body.clone(), at, ..Default::default() });
    let of = Some(v1::list_changes_request::Of::Body(body));
    ask!(list_changes, v1::ListChangesRequest { of, at, ..Default::default() });
    ask!(list_changes, v1::ListChangesRequest { at, ..Default::default() });
    let e1 = named("declaration", "e1");
    let diff = v1::DiffDeclarationsRequest { before: e1.clone(), before_version: 1, after: e1, after_version: 0, at };
    ask!(diff_declarations, diff);
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_known_then_is_what_was_answered_then() {
    let folder = TempDir::new().unwrap();
    let (here, mut ledger, mut records) = open(&folder).await;
    let mut then = Vec::new();
    for (number, told) in (0..).zip(story::events(1)) {
        let receipt = ledger.append(told.request(number)).await.unwrap().into_inner();
        let wait = v1::AsOf { min_position: Some(receipt.first_position), ..v1::AsOf::default() };
        let find = v1::FindRequest { scheme: "x".to_owned(), value: "x".to_owned(), at: Some(wait) };
        records.find(find).await.unwrap();
        then.push((receipt.first_position, answers(&mut records, None).await));
    }
    let mut differ = 0;
    for (position, expected) in then {
        let found = answers(&mut records, Some(position)).await;
        assert_eq!(found.len(), expected.len());
        for (number, (found, expected)) in found.iter().zip(&expected).enumerate() {
            // An erasure or correction later on is not of then; nothing here is erased.
            assert_eq!(found, expected, "question {number} at {position}");
        }
        differ += 1;
    }
    assert!(differ > 30);
    here.stop().await;
}
