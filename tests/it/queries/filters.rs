//! What questions cannot ask.

use probity::events::Code;
use probity::events::PartialDate;
use probity::events::Period;
use probity::proto::v1;
use probity::proto::v1::list_changes_request::Of;
use probity::server::errors::Reason;
use prost_types::Timestamp;
use tempfile::TempDir;
use tonic::Status;

use crate::queries::named;
use crate::queries::told;
use crate::service::head;
use crate::service::refusal;
use crate::service::story::day;

#[expect(clippy::unnecessary_wraps, reason = "as the fields of messages want it")]
fn period(from: Option<PartialDate>, to: Option<PartialDate>) -> Option<Period> {
    Some(Period { from, to })
}

#[expect(clippy::unnecessary_wraps, reason = "as the fields of messages want it")]
fn time(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 0 })
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_that_cannot_hold_are_refused_with_field_and_rule() {
    let folder = TempDir::new().unwrap();
    let (here, mut ledger, mut records) = told(&folder).await;
    let (last, _) = head(&mut ledger).await;
    let mut refused: Vec<(&str, Status, &str, &str)> = Vec::new();
    macro_rules! row {
        ($method:ident, $message:ident { $($field:ident: $value:expr),* }, $wrong:expr, $rule:expr) => {
            let request = v1::$message { $($field: $value,)* ..v1::$message::default() };
            let what = concat!(stringify!($method), " ", stringify!($($field: $value),*));
            refused.push((what, records.$method(request).await.expect_err(what), $wrong, $rule));
        };
    }
    let half = Some(Code { scheme: "x".to_owned(), code: String::new() });
    let reversed = period(day(2024, 2, 1), day(2024, 1, 1));
    let no_date = period(day(2024, 2, 30), None);
    row!(list_petitions, ListPetitionsRequest { body: "body".to_owned() }, "body", "NOT_A_NAME");
    row!(list_petitions, ListPetitionsRequest { body: named("case", "c1") }, "body", "NOT_A_NAME");
    row!(list_petitions, ListPetitionsRequest { state: 99 }, "state", "NOT_A_VALUE");
    row!(list_petitions, ListPetitionsRequest { outcome: -1 }, "outcome", "NOT_A_VALUE");
    row!(list_petitions, ListPetitionsRequest { petition_kind: half.clone() }, "petition_kind", "REQUIRED");
    row!(list_petitions, ListPetitionsRequest { state: 1, outcome: 1 }, "outcome", "NOT_OF_THIS_STATE");
    row!(list_petitions, ListPetitionsRequest { state: 2, overdue: true }, "overdue", "NOT_OF_THIS_STATE");
    row!(list_petitions, ListPetitionsRequest { received: reversed }, "received", "REVERSED");
    row!(list_petitions, ListPetitionsRequest { due: no_date }, "due", "NOT_A_DATE");
    row!(list_petitions, ListPetitionsRequest { page_size: 1001 }, "page_size", "OUT_OF_RANGE");
    row!(
        list_petitions,
        ListPetitionsRequest { recorded_from: time(2), recorded_to: time(1) },
        "recorded_to",
        "REVERSED"
    );
    let no_time = Some(Timestamp { seconds: 1, nanos: -1 });
    row!(list_petitions, ListPetitionsRequest { recorded_from: no_time }, "recorded_from", "FORMAT");
    row!(list_cases, ListCasesRequest { status: 2, overdue: true }, "overdue", "NOT_OF_THIS_STATE");
    row!(list_cases, ListCasesRequest { status: 3, overdue: true }, "overdue", "NOT_OF_THIS_STATE");
    row!(list_cases, ListCasesRequest { status: 77 }, "status", "NOT_A_VALUE");
    row!(list_cases, ListCasesRequest { regime: half.clone() }, "regime", "REQUIRED");
    row!(list_cases, ListCasesRequest { opened: reversed }, "opened", "REVERSED");
    row!(list_decisions, ListDecisionsRequest { phase: 1, standing: 1 }, "standing", "NOT_OF_THIS_PHASE");
    row!(list_decisions, ListDecisionsRequest { phase: 3, standing: 9 }, "standing", "NOT_OF_THIS_PHASE");
    row!(list_decisions, ListDecisionsRequest { phase: 9, standing: 1 }, "standing", "NOT_OF_THIS_PHASE");
    row!(list_decisions, ListDecisionsRequest { phase: 42 }, "phase", "NOT_A_VALUE");
    row!(list_decisions, ListDecisionsRequest { signed: no_date }, "signed", "NOT_A_DATE");
    row!(list_appeals, ListAppealsRequest { state: 1, outcome: 1 }, "outcome", "NOT_OF_THIS_STATE");
    row!(list_appeals, ListAppealsRequest { state: 2, overdue: true }, "overdue", "NOT_OF_THIS_STATE");
    row!(list_appeals, ListAppealsRequest { lodged: reversed }, "lodged", "REVERSED");
    row!(list_obligations, ListObligationsRequest { state: 2, overdue: true }, "overdue", "NOT_OF_THIS_STATE");
    row!(list_obligations, ListObligationsRequest { kind: 9 }, "kind", "NOT_A_VALUE");
    row!(list_obligations, ListObligationsRequest { period: no_date }, "period", "NOT_A_DATE");
    row!(list_verifications, ListVerificationsRequest { ground: 9 }, "ground", "NOT_A_VALUE");
    row!(
        list_verifications,
        ListVerificationsRequest { state: 1, truthfulness: 1 },
        "truthfulness",
        "NOT_OF_THIS_STATE"
    );
    row!(list_verifications, ListVerificationsRequest { state: 3, overdue: true }, "overdue", "NOT_OF_THIS_STATE");
    row!(list_work, ListWorkRequest {}, "body", "REQUIRED");
    let body = named("entity", "b1");
    row!(list_work, ListWorkRequest { body: body.clone(), without_body: true }, "without_body", "EXCLUDES");
    row!(list_work, ListWorkRequest { body: body.clone(), kinds: vec![0] }, "kinds", "NOT_A_VALUE");
    row!(list_work, ListWorkRequest { body: body.clone(), kinds: vec![1, 9] }, "kinds", "NOT_A_VALUE");
    row!(list_work, ListWorkRequest { body: body.clone(), due: reversed }, "due", "REVERSED");
    row!(list_expiring, ListExpiringRequest {}, "ends", "REQUIRED");
    row!(list_expiring, ListExpiringRequest { ends: period(day(2024, 1, 1), None) }, "ends", "REQUIRED");
    row!(list_expiring, ListExpiringRequest { ends: reversed }, "ends", "REVERSED");
    row!(list_expiring, ListExpiringRequest { form: half }, "form", "REQUIRED");
    row!(list_changes, ListChangesRequest { after_position: last + 1 }, "after_position", "BEHIND_THE_LAST");
    row!(list_changes, ListChangesRequest { after_position: u64::MAX }, "after_position", "BEHIND_THE_LAST");
    row!(list_changes, ListChangesRequest { of: Some(Of::Name("x/1".to_owned())) }, "name", "NOT_A_NAME");
    row!(list_changes, ListChangesRequest { of: Some(Of::Body(String::new())) }, "body", "NOT_A_NAME");
    row!(list_changes, ListChangesRequest { kinds: vec![7] }, "kinds", "NOT_A_VALUE");
    let case = named("case", "c1");
    row!(
        get_checklist,
        GetChecklistRequest { name: case.clone(), respondent: case.clone() },
        "respondent",
        "NOT_A_NAME"
    );
    row!(
        get_checklist,
        GetChecklistRequest { name: case.clone(), respondent: named("entity", "p2") },
        "respondent",
        "NOT_A_RESPONDENT"
    );
    row!(get_petition, GetPetitionRequest { name: case.clone() }, "name", "NOT_A_NAME");
    row!(get_obligation, GetObligationRequest { name: case.clone() }, "name", "NOT_A_NAME");
    row!(get_verification, GetVerificationRequest { name: case.clone() }, "name", "NOT_A_NAME");
    row!(get_appeal, GetAppealRequest { name: case.clone() }, "name", "NOT_A_NAME");
    let e1 = named("declaration", "e1");
    row!(diff_declarations, DiffDeclarationsRequest { before: case, after: e1.clone() }, "before", "NOT_A_NAME");
    row!(diff_declarations, DiffDeclarationsRequest { before: e1.clone() }, "after", "NOT_A_NAME");
    row!(
        diff_declarations,
        DiffDeclarationsRequest { before: e1.clone(), before_version: 9, after: e1.clone() },
        "before_version",
        "NO_SUCH_VERSION"
    );
    row!(
        diff_declarations,
        DiffDeclarationsRequest { before: e1.clone(), after: e1, after_version: 3 },
        "after_version",
        "NO_SUCH_VERSION"
    );
    assert!(refused.len() > 50);
    for (what, status, field, rule) in &refused {
        refusal::check(what, status, Reason::FieldInvalid, field, rule);
    }
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_recorded_is_not_found_and_the_future_is_not_known() {
    let folder = TempDir::new().unwrap();
    let (here, mut ledger, mut records) = told(&folder).await;
    let (last, _) = head(&mut ledger).await;
    for (known_at, reason) in
        [(None, Reason::RecordNotFound), (Some(0), Reason::RecordNotFound), (Some(last + 1), Reason::KnownAtInFuture)]
    {
        let at = crate::queries::at(day(2099, 1, 1), known_at);
        let sign = if known_at.is_none() { "zz" } else { "t1" };
        let mut refused = Vec::new();
        let request = v1::GetPetitionRequest { name: named("petition", sign), at, ..Default::default() };
        refused.push(records.get_petition(request).await.unwrap_err());
        let request = v1::GetObligationRequest { name: named("obligation", sign), at };
        refused.push(records.get_obligation(request).await.unwrap_err());
        let request = v1::GetVerificationRequest { name: named("verification", sign), at, ..Default::default() };
        refused.push(records.get_verification(request).await.unwrap_err());
        let request = v1::GetAppealRequest { name: named("appeal", sign), at, ..Default::default() };
        refused.push(records.get_appeal(request).await.unwrap_err());
        let request = v1::GetChecklistRequest { name: named("case", sign), at, ..Default::default() };
        refused.push(records.get_checklist(request).await.unwrap_err());
        for status in &refused {
            refusal::check("not there", status, reason, "", "");
        }
        let list = records.list_cases(v1::ListCasesRequest { at, ..Default::default() }).await;
        match reason {
            Reason::KnownAtInFuture => {
                refusal::check("a list to come", &list.unwrap_err(), reason, "", "");
            }
            _ => assert_eq!(list.unwrap().into_inner().cases.len(), usize::from(known_at.is_none())),
        }
    }
    here.stop().await;
}
