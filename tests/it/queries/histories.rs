//! Three histories of the same decision: modified, corrected, void.

use probity::events::Context;
use probity::events::DecisionIssued;
use probity::events::DecisionModified;
use probity::events::Event;
use probity::events::FieldCorrection;
use probity::events::OrganisationId;
use probity::events::OrganisationName;
use probity::events::OrganisationRegistered;
use probity::events::RecordCorrected;
use probity::events::RecordVoided;
use probity::events::SanctionItem;
use probity::events::VoidGround;
use probity::events::field_correction::Value;
use probity::proto::v1;
use probity::proto::v1::Standing;
use probity::server::errors::Reason;
use tempfile::TempDir;

use crate::queries::Records;
use crate::queries::at;
use crate::queries::open;
use crate::service::refusal;
use crate::service::story::append;
use crate::service::story::code;
use crate::service::story::day;
use crate::service::story::id;
use crate::service::story::person;

/// A decision about the one person, with a sanction until the end of 2023.
fn decision(number: u64) -> Event {
    let item = SanctionItem {
        item_number: 1,
        form: code("form", "warning"),
        from: day(2022, 1, 1),
        to: day(2023, 12, 31),
        ..SanctionItem::default()
    };
    DecisionIssued {
        decision_id: id(9, number),
        respondent_id: id(9, 1),
        signed_on: day(2022, 1, 1),
        regime: code("regime", "test"),
        items: vec![item],
        ..DecisionIssued::default()
    }
    .into()
}

fn until_2022() -> SanctionItem {
    SanctionItem {
        item_number: 1,
        form: code("form", "warning"),
        from: day(2022, 1, 1),
        to: day(2022, 12, 31),
        ..SanctionItem::default()
    }
}

async fn found(records: &mut Records, number: u64, at: Option<v1::AsOf>) -> v1::Decision {
    let name = format!("decision/{}", id(9, number));
    let request = v1::GetDecisionRequest { name, at, open_narratives: false };
    records.get_decision(request).await.unwrap().into_inner().decision.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn modified_corrected_and_void_are_three_histories() {
    let folder = TempDir::new().unwrap();
    let (here, mut ledger, mut records) = open(&folder).await;
    let told: Vec<Event> = vec![person(&id(9, 1)).into(), decision(2), decision(3), decision(4)];
    let first = ledger.append(append(1, told)).await.unwrap().into_inner().first_position;
    let modified = DecisionModified {
        context: Some(Context { effective_on: day(2022, 12, 1), ..Context::default() }),
        decision_id: id(9, 2),
        respondent_id: id(9, 1),
        items: vec![until_2022()],
        ..DecisionModified::default()
    };
    let corrected = RecordCorrected {
        record_id: id(9, 5),
        target_position: first + 2,
        target: format!("decision/{}", id(9, 3)),
        subject_ids: vec![id(9, 1)],
        fields: vec![FieldCorrection {
            path: "items[0].to".to_owned(),
            value: Some(Value::Date(day(2022, 12, 31).unwrap())),
        }],
        reason: code("reason", "typing"),
        approver: "second".to_owned(),
        ..RecordCorrected::default()
    };
    let voided = RecordVoided {
        record_id: id(9, 6),
        target_position: first + 3,
        target: format!("decision/{}", id(9, 4)),
        subject_ids: vec![id(9, 1)],
        ground: VoidGround::WrongPerson.into(),
        approver: "second".to_owned(),
        ..RecordVoided::default()
    };
    let last = first + 3;
    ledger.append(append(2, [modified.into()])).await.unwrap();
    ledger.append(append(3, [corrected.into()])).await.unwrap();
    ledger.append(append(4, [voided.into()])).await.unwrap();
    for (number, in_2022, in_2023, sanctions, counts) in [
        // Until the modification the first sanction was in force, and that stays true.
        (2, Standing::InForce, Standing::Expired, 2, (1, 0, 0)),
        (3, Standing::InForce, Standing::Expired, 1, (0, 1, 0)),
        (4, Standing::Void, Standing::Void, 0, (0, 0, 1)),
    ] {
        for (day, standing) in [(day(2022, 6, 1), in_2022), (day(2023, 6, 1), in_2023)] {
            let now = found(&mut records, number, at(day, None)).await;
            assert_eq!((now.standing(), now.sanctions.len()), (standing, sanctions), "{number} on {day:?}");
            assert_eq!((now.changes.len(), now.corrections.len(), now.voids.len()), counts, "{number}");
            let before = found(&mut records, number, at(day, Some(last))).await;
            assert_eq!((before.standing(), before.sanctions.len()), (Standing::InForce, 1), "{number} before");
            assert_eq!((before.changes.len(), before.corrections.len(), before.voids.len()), (0, 0, 0), "{number}");
        }
    }
    let request = v1::GetRecordRequest {
        name: format!("entity/{}", id(9, 1)),
        at: at(day(2022, 6, 1), None),
        ..Default::default()
    };
    let record = records.get_record(request).await.unwrap().into_inner().record.unwrap();
    assert_eq!((record.decisions.len(), record.corrections.len(), record.voids.len()), (3, 1, 1));
    let list = v1::ListDecisionsRequest { phase: v1::DecisionPhase::Void.into(), ..Default::default() };
    let void = records.list_decisions(list).await.unwrap().into_inner().decisions;
    assert_eq!(void.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), [format!("decision/{}", id(9, 4))]);
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_whose_registration_is_void_is_said_to_be_void_and_not_unknown() {
    let folder = TempDir::new().unwrap();
    let (here, mut ledger, mut records) = open(&folder).await;
    let first = ledger.append(append(1, [person(&id(9, 1)).into()])).await.unwrap().into_inner().first_position;
    let name = format!("entity/{}", id(9, 1));
    let voided = RecordVoided {
        record_id: id(9, 6),
        target_position: first,
        target: name.clone(),
        subject_ids: vec![id(9, 1)],
        ground: VoidGround::Duplicate.into(),
        approver: "second".to_owned(),
        ..RecordVoided::default()
    };
    ledger.append(append(2, [voided.into()])).await.unwrap();
    let ask = |name: &str| v1::GetRecordRequest { name: name.to_owned(), at: None, open_identity: true };
    let record = records.get_record(ask(&name)).await.unwrap().into_inner().record.unwrap();
    assert!(record.void && record.identity.is_none());
    assert_eq!(record.voids[0].ground(), VoidGround::Duplicate);
    let unknown = records.get_record(ask(&format!("entity/{}", id(9, 2)))).await.unwrap_err();
    refusal::check("nobody", &unknown, Reason::RecordNotFound, "", "");
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_had_two_holders_is_found_as_it_was_known() {
    let folder = TempDir::new().unwrap();
    let (here, mut ledger, mut records) = open(&folder).await;
    let body = |number: u64| OrganisationRegistered {
        entity_id: id(9, number),
        organisation_ids: vec![OrganisationId { scheme: "test.register".to_owned(), value: "7".to_owned() }],
        names: vec![OrganisationName { text: "Office".to_owned(), language: "en".to_owned() }],
        ..OrganisationRegistered::default()
    };
    let first = ledger.append(append(1, [body(1).into()])).await.unwrap().into_inner().first_position;
    let name = |number: u64| format!("entity/{}", id(9, number));
    let voided = RecordVoided {
        record_id: id(9, 6),
        target_position: first,
        target: name(1),
        subject_ids: vec![id(9, 1)],
        ground: VoidGround::Duplicate.into(),
        approver: "second".to_owned(),
        ..RecordVoided::default()
    };
    // Nobody else can have it as long as somebody does.
    ledger.append(append(2, [body(2).into()])).await.unwrap_err();
    let void = ledger.append(append(3, [voided.into()])).await.unwrap().into_inner().first_position;
    let second = ledger.append(append(4, [body(2).into()])).await.unwrap().into_inner().first_position;
    for (known_at, holder) in [
        (Some(first - 1), String::new()),
        (Some(first), name(1)),
        (Some(void), name(1)),
        (Some(second), name(2)),
        (None, name(2)),
    ] {
        let (scheme, value) = ("test.register".to_owned(), "7".to_owned());
        let question = v1::FindRequest { scheme, value, at: at(None, known_at) };
        let found = records.find(question).await.unwrap().into_inner().name;
        assert_eq!(found, holder, "known at {known_at:?}");
    }
    here.stop().await;
}
