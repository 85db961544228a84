use crate::proto::v1::Appeal;
use crate::proto::v1::CaseSummary;
use crate::proto::v1::Decision;
use crate::proto::v1::DeclarationSummary;
use crate::proto::v1::Dispute;
use crate::proto::v1::DisputeState;
use crate::proto::v1::PersonalPart;
use crate::proto::v1::PetitionTally;
use crate::proto::v1::Record;
use crate::proto::v1::Sanction;
use crate::proto::v1::Standing;
use crate::proto::v1::WorkItem;
use crate::proto::v1::WorkKind;
use crate::server::record_service::clearance::clear;

#[test]
fn what_is_over_replaced_or_annulled_is_not_told() {
    let sanction = |standing: Standing| Sanction { standing: standing.into(), ..Sanction::default() };
    let decision = |standing: Standing| Decision {
        standing: standing.into(),
        reasons: Some(PersonalPart::default()),
        sanctions: vec![sanction(standing), sanction(Standing::Expired), sanction(Standing::Annulled)],
        ..Decision::default()
    };
    let all = [
        (Standing::Unspecified, false),
        (Standing::InForce, true),
        (Standing::Pending, true),
        (Standing::Uncertain, true),
        (Standing::Expired, false),
        (Standing::Replaced, false),
        (Standing::Annulled, false),
        (Standing::NoSanction, false),
        (Standing::Void, false),
        (Standing::Proposed, false),
    ];
    for (standing, told) in all {
        let mut record = Record {
            decisions: vec![decision(standing)],
            cases: vec![CaseSummary::default()],
            petitions: Some(PetitionTally { received: 1, resolved: 1 }),
            ..Record::default()
        };
        clear(&mut record);
        assert_eq!(record.decisions.len(), usize::from(told), "{standing:?}");
        for left in &record.decisions {
            assert!(left.reasons.is_none() && left.sanctions == [sanction(standing)], "{standing:?}");
        }
        assert!(record.cases.is_empty() && record.petitions.is_none());
    }
}

#[test]
fn what_is_not_told_is_not_told_by_its_dispute_or_its_appeal() {
    let appeal = |name: &str| Appeal { name: name.to_owned(), ..Appeal::default() };
    let decision = |name: &str, standing: Standing, of: &str| Decision {
        name: name.to_owned(),
        standing: standing.into(),
        appeals: vec![appeal(of)],
        ..Decision::default()
    };
    let dispute =
        |stream: &str| Dispute { stream: stream.to_owned(), state: DisputeState::Open.into(), ..Dispute::default() };
    let item =
        |name: &str, kind: WorkKind| WorkItem { name: name.to_owned(), kind: kind.into(), ..WorkItem::default() };
    let record = |disputed: &[&str]| Record {
        name: "entity/1".to_owned(),
        decisions: vec![
            decision("decision/1", Standing::InForce, "appeal/1"),
            decision("decision/2", Standing::Annulled, "appeal/2"),
            decision("decision/3", Standing::Expired, "appeal/3"),
        ],
        declarations: vec![DeclarationSummary { name: "declaration/1".to_owned(), ..DeclarationSummary::default() }],
        disputes: disputed.iter().map(|stream| dispute(stream)).collect(),
        disputed: true,
        pending: vec![
            item("appeal/1", WorkKind::Appeal),
            item("appeal/2", WorkKind::Appeal),
            item("rights/1", WorkKind::Rights),
            item("obligation/1", WorkKind::Obligation),
        ],
        ..Record::default()
    };
    let told = ["entity/1", "decision/1", "appeal/1", "declaration/1"];
    let not_told = ["decision/2", "decision/3", "appeal/2", "case/1", "petition/1", "rights/1", "decision/11", ""];
    let mut both = record(&[&told[..], &not_told[..]].concat());
    clear(&mut both);
    assert_eq!(both.disputes.iter().map(|one| one.stream.as_str()).collect::<Vec<_>>(), told);
    assert!(both.disputed);
    assert_eq!(both.pending.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["appeal/1", "obligation/1"]);
    let mut none = record(&not_told);
    clear(&mut none);
    assert!(none.disputes.is_empty() && !none.disputed, "that something was disputed says that it was there");
}
