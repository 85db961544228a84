use crate::proto::v1::CaseSummary;
use crate::proto::v1::Decision;
use crate::proto::v1::PersonalPart;
use crate::proto::v1::PetitionTally;
use crate::proto::v1::Record;
use crate::proto::v1::Sanction;
use crate::proto::v1::Standing;
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
