//! Requests about the own record, disputes, holds, disclosures and what is to be done of them: by each role, of its own
//! matter and of another's.

use probity::events::DataScope;
use probity::events::DecisionAnnulled;
use probity::events::DisclosureLevel;
use probity::events::EmergencyFinding;
use probity::events::Event;
use probity::events::HoldPlaced;
use probity::events::HoldReleased;
use probity::events::LegalBasis;
use probity::events::Narrative;
use probity::events::NativeId;
use probity::events::PersonIdentity;
use probity::events::PersonRegistered;
use probity::events::RecordDisclosed;
use probity::events::RecordDisputed;
use probity::events::RightsAcknowledged;
use probity::events::RightsKind;
use probity::events::RightsReceived;
use probity::events::StatementAttached;
use probity::proto::v1;
use probity::proto::v1::WorkKind;
use probity::proto::v1::access_service_client::AccessServiceClient;
use probity::proto::v1::admin_service_client::AdminServiceClient;
use probity::proto::v1::ledger_service_client::LedgerServiceClient;
use probity::proto::v1::record_service_client::RecordServiceClient;
use probity::server::errors::Reason;
use probity::tls::Credentials;
use prost::Message as _;
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::access::A;
use crate::access::B;
use crate::access::C;
use crate::access::Guarded;
use crate::access::Records;
use crate::access::mark;
use crate::access::name;
use crate::access::thing;
use crate::service::refusal;
use crate::service::story;
use crate::service::story::MARKER;
use crate::service::story::code;
use crate::service::story::day;
use crate::service::story::id;

/// What the person says against the decision, and nothing else here says.
const SAID: &str = "it was not so, he says";

/// Ids of what these tests add to a side.
fn more(side: u64, number: u64) -> String {
    id(700 + side, number)
}

const RIGHTS: u64 = 1;
const DISPUTE: u64 = 2;
const DISCLOSURE: u64 = 3;
const HOLD: u64 = 4;

async fn append(guarded: &Guarded, principal: &str, number: u64, events: Vec<Event>) -> Result<u64, Status> {
    let mut ledger = LedgerServiceClient::new(guarded.line(principal).await);
    let receipt = ledger.append(story::append(number, events)).await?.into_inner();
    Ok(receipt.first_position)
}

/// The entry that issued the decision of a side.
async fn issued(records: &mut Records, side: u64) -> u64 {
    let request = v1::GetDecisionRequest { name: name("decision", side), ..Default::default() };
    let decision = records.get_decision(request).await.unwrap().into_inner().decision.unwrap();
    decision.source.unwrap().position
}

fn asked(side: u64) -> Event {
    RightsReceived {
        rights_id: more(side, RIGHTS),
        person_id: thing("entity", side),
        kind: RightsKind::Dispute.into(),
        identity_check: code("check", "card"),
        received_by_id: thing("body", side),
        received_on: day(2027, 1, 4),
        ack_due_on: day(2027, 1, 6),
        due_on: day(2027, 1, 25),
        ..RightsReceived::default()
    }
    .into()
}

fn disputed(side: u64, position: u64) -> [Event; 2] {
    let disputed = RecordDisputed {
        dispute_id: more(side, DISPUTE),
        target_position: position,
        target: name("decision", side),
        subject_ids: vec![thing("entity", side)],
        person_id: thing("entity", side),
        ground: code("ground", "inaccurate"),
        ..RecordDisputed::default()
    };
    let said = StatementAttached {
        dispute_id: more(side, DISPUTE),
        target_position: position,
        target: name("decision", side),
        subject_ids: vec![thing("entity", side)],
        statement: Some(Narrative { text: SAID.to_owned(), language: "en".to_owned() }),
        ..StatementAttached::default()
    };
    [disputed.into(), said.into()]
}

fn disclosed(by: u64, of: u64, number: u64, known_at: u64) -> RecordDisclosed {
    RecordDisclosed {
        disclosure_id: more(by, number),
        recipient_id: thing("body", C),
        disclosed_by_id: thing("body", by),
        purpose: code("purpose", "appointment"),
        basis: Some(LegalBasis { instrument: code("law", "act"), article: String::new() }),
        targets: vec![name("decision", of)],
        known_at,
        subject_ids: vec![thing("entity", of)],
        level: DisclosureLevel::Clearance.into(),
        extract_sha256: vec![7; 32].into(),
        disclosed_on: day(2027, 1, 5),
        ..RecordDisclosed::default()
    }
}

fn held(by: u64, target: String) -> Event {
    let placed_by_id = thing("body", by);
    HoldPlaced { hold_id: more(by, HOLD), target, placed_by_id, ground: code("law", "court"), ..HoldPlaced::default() }
        .into()
}

fn released(by: u64, of: u64) -> Event {
    let released_by_id = thing("body", by);
    HoldReleased { hold_id: more(of, HOLD), released_by_id, ground: code("law", "court"), ..HoldReleased::default() }
        .into()
}

/// Each side has a request, a disclosure, and then a dispute with a statement, which makes a notice due.
async fn with_rights() -> Guarded {
    let guarded = Guarded::open().await;
    for (side, principal) in [(A, "whole-a"), (B, "whole-b")] {
        let position = issued(&mut guarded.records(principal).await, side).await;
        let shown = disclosed(side, side, DISCLOSURE, position).into();
        append(&guarded, principal, 600 + side, vec![asked(side), shown]).await.unwrap();
        append(&guarded, principal, 610 + side, disputed(side, position).to_vec()).await.unwrap();
    }
    guarded
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// The questions, and how each is asked of a side.
const METHODS: [&str; 8] = [
    "GetRights",
    "ListRights of a person",
    "ListRights of a body",
    "ListDisclosures of a decision",
    "ListDisclosures of a body",
    "ListNoticesDue",
    "ListWork",
    "GetClearance",
];

async fn ask(records: &mut Records, method: &str, side: u64) -> Result<Vec<u8>, Status> {
    macro_rules! of {
        ($call:ident, $request:ident { $($field:ident: $value:expr),* }) => {
            records
                .$call(v1::$request { $($field: $value,)* ..Default::default() })
                .await
                .map(|answer| answer.into_inner().encode_to_vec())
        };
    }
    let rights = format!("rights/{}", more(side, RIGHTS));
    match method {
        "GetRights" => of!(get_rights, GetRightsRequest { name: rights }),
        "ListRights of a person" => of!(list_rights, ListRightsRequest { person: name("entity", side) }),
        "ListRights of a body" => of!(list_rights, ListRightsRequest { body: name("body", side) }),
        "ListDisclosures of a decision" => {
            of!(list_disclosures, ListDisclosuresRequest { name: name("decision", side) })
        }
        "ListDisclosures of a body" => of!(list_disclosures, ListDisclosuresRequest { body: name("body", side) }),
        "ListNoticesDue" => of!(list_notices_due, ListNoticesDueRequest { body: name("body", side) }),
        "ListWork" => of!(list_work, ListWorkRequest { body: name("body", side) }),
        "GetClearance" => {
            let purpose = code("purpose", "appointment");
            of!(get_clearance, GetClearanceRequest { name: name("entity", side), purpose: purpose })
        }
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_concerns_the_subject_is_seen_by_whom_the_table_says() {
    let guarded = with_rights().await;
    // In the order of METHODS, of side A and of side B: there, as if not recorded, or not for this caller.
    for (principal, of_a, of_b) in [
        ("a", "yyyyyyyy", "nnnnnnnn"),
        ("b", "nnnnnnnn", "yyyyyyyy"),
        ("c", "nynynnny", "nnnnnnnn"),
        ("x", "yynyn--y", "nnnnn--n"),
        ("y", "nnnnn--n", "yynyn--y"),
        ("hr", "-------y", "-------n"),
        ("control", "--------", "--------"),
        ("auditor", "yyyyyyy-", "yyyyyyy-"),
        ("operator", "--------", "--------"),
        ("public", "--------", "--------"),
        ("pointer", "--------", "--------"),
        ("k1", "--------", "--------"),
        ("blind", "--------", "--------"),
    ] {
        let mut records = guarded.records(principal).await;
        let mut found = [String::new(), String::new()];
        for method in METHODS {
            let unknown = ask(&mut records, method, 99).await;
            for (side, found) in [A, B].into_iter().zip(&mut found) {
                let answer = ask(&mut records, method, side).await;
                found.push(mark(&answer));
                if let (Err(refused), Err(unknown)) = (&answer, &unknown) {
                    let told = |status: &Status| (status.code(), status.message().to_owned());
                    assert_eq!(told(refused), told(unknown), "{principal}: {method}: no oracle");
                }
            }
        }
        assert_eq!(found, [of_a, of_b].map(str::to_owned), "{principal}");
    }
    guarded.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_whose_rights_and_holds_what_is_refused_as_if_nothing_were_there() {
    let guarded = with_rights().await;
    let position = issued(&mut guarded.records("whole-a").await, A).await;
    let acknowledged = |side: u64| -> Event {
        let (rights_id, person_id) = (more(side, RIGHTS), thing("entity", side));
        RightsAcknowledged { rights_id, person_id, ..RightsAcknowledged::default() }.into()
    };
    append(&guarded, "whole-a", 620, vec![held(A, name("case", A))]).await.unwrap();
    let unknown = format!("case/{}", id(77, 7));
    let own = disclosed(B, B, 32, position);
    let with_another = RecordDisclosed { subject_ids: [B, A].map(|side| thing("entity", side)).to_vec(), ..own };
    let refused: Vec<(&str, &str, Vec<Event>)> = vec![
        ("another's hold", "whole-b", vec![released(B, A)]),
        ("another's hold in its name", "whole-b", vec![released(A, A)]),
        ("a hold on another's case", "whole-b", vec![held(B, name("case", A))]),
        ("a hold on no case", "whole-b", vec![held(B, unknown)]),
        ("a hold in another's name", "whole-b", vec![held(A, name("case", B))]),
        ("another's request", "whole-b", vec![acknowledged(A)]),
        ("a request in another's name", "whole-b", vec![asked(A)]),
        ("a dispute of another's decision", "whole-b", disputed(A, position).to_vec()),
        ("another's decision shown", "whole-b", vec![disclosed(B, A, 30, position).into()]),
        ("shown in another's name", "whole-b", vec![disclosed(A, B, 31, position).into()]),
        ("one's own shown as another's too", "whole-b", vec![with_another.into()]),
        ("a type that the role does not name", "a", vec![released(A, A)]),
        ("a request, by such a role", "a", vec![acknowledged(A)]),
        ("by a body of appeals that appends nothing", "c", vec![acknowledged(A)]),
        ("by the person", "x", disputed(A, position).to_vec()),
        ("by whoever appoints", "hr", vec![released(A, A)]),
        ("by an auditor", "auditor", vec![released(A, A)]),
        ("by an operator", "operator", vec![released(A, A)]),
    ];
    for (number, (what, principal, events)) in (630..).zip(refused) {
        let status = append(&guarded, principal, number, events).await.unwrap_err();
        refusal::check(what, &status, Reason::PermissionDenied, "", "");
    }
    append(&guarded, "whole-a", 621, vec![acknowledged(A)]).await.unwrap();

    // Nothing of what is held goes; and what is another's is not even looked at.
    let erase = |side: u64, number: u64, dry_run: bool| v1::RequestErasureRequest {
        request_id: story::request_id(number),
        dry_run,
        scopes: vec![DataScope { owner: name("case", side), personal_class: 4, year: 0 }],
        ground: code("law", "erasure"),
        ..v1::RequestErasureRequest::default()
    };
    let mut own = AdminServiceClient::new(guarded.line("whole-a").await);
    let looked = own.request_erasure(erase(A, 0, true)).await.unwrap().into_inner();
    assert_eq!((looked.entries > 0, looked.holds.len()), (true, 1));
    let status = own.request_erasure(erase(A, 650, false)).await.unwrap_err();
    refusal::check("held", &status, Reason::ErasureHeld, "", "");
    for (principal, dry_run) in [("whole-b", true), ("whole-b", false), ("a", false), ("c", false), ("x", false)]
        .into_iter()
        .chain([("hr", true), ("auditor", true), ("operator", true), ("k1", true), ("public", true)])
    {
        let mut other = AdminServiceClient::new(guarded.line(principal).await);
        let status = other.request_erasure(erase(A, 651, dry_run)).await.unwrap_err();
        refusal::check(principal, &status, Reason::PermissionDenied, "", "");
    }
    append(&guarded, "whole-a", 622, vec![released(A, A)]).await.unwrap();
    let asked = own.request_erasure(erase(A, 652, false)).await.unwrap().into_inner();
    let approve = |number| v1::ApproveErasureRequest {
        request_id: story::request_id(number),
        name: asked.erasure.clone(),
        ground: code("law", "erasure"),
        legal_basis: Vec::new(),
    };
    let status = own.approve_erasure(approve(653)).await.unwrap_err();
    refusal::check("by who asked", &status, Reason::RuleViolated, "events[0].approver", "APPROVER_IS_REQUESTER");
    for principal in ["a", "c", "x", "hr", "auditor", "operator", "k1", "public", "pointer"] {
        let mut other = AdminServiceClient::new(guarded.line(principal).await);
        let status = other.approve_erasure(approve(654)).await.unwrap_err();
        refusal::check(principal, &status, Reason::PermissionDenied, "", "");
    }
    guarded.stop().await;
}

/// Invariant 37: a disputed record is disclosed with what the person says, and with nothing else that is said.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_person_says_goes_with_the_decision_to_everybody_who_is_told_it() {
    let guarded = with_rights().await;
    let clearance = || v1::GetClearanceRequest {
        name: name("entity", A),
        purpose: code("purpose", "appointment"),
        ..Default::default()
    };
    let record = |open_identity| v1::GetRecordRequest { name: name("entity", A), open_identity, at: None };
    let mut hr = guarded.records("hr").await;
    let told = hr.get_clearance(clearance()).await.unwrap().into_inner();
    let decisions = told.clearance.clone().unwrap().decisions;
    assert!(decisions.len() == 1 && decisions[0].disputed && decisions[0].disputes.len() == 1);
    for (what, bytes) in [
        ("a clearance", told.encode_to_vec()),
        ("a record", hr.get_record(record(true)).await.unwrap().into_inner().encode_to_vec()),
        ("a record, nothing opened", hr.get_record(record(false)).await.unwrap().into_inner().encode_to_vec()),
    ] {
        assert!(holds(&bytes, SAID), "{what}");
        // Of the allegation, the reasons, the petition and the appeal.
        for other in ["said 1", "summary", "grounds", "petitioner", &more(A, RIGHTS)] {
            assert!(!holds(&bytes, other), "{what}: {other}");
        }
    }
    for (principal, seen) in [("a", true), ("c", true), ("x", true), ("control", false), ("auditor", false)] {
        let answer = guarded.records(principal).await.get_record(record(true)).await.unwrap().into_inner();
        assert_eq!(holds(&answer.encode_to_vec(), SAID), seen, "{principal}");
        assert!(principal == "control" || answer.record.unwrap().disputed, "{principal}");
    }
    let foreign = v1::GetClearanceRequest { name: name("entity", B), ..clearance() };
    assert_eq!(mark(&hr.get_clearance(foreign).await), 'n');

    // Annulled, it shows to nobody below handler level, and neither does the dispute of it.
    let undone = DecisionAnnulled {
        decision_id: thing("decision", A),
        respondent_id: thing("entity", A),
        retroactive: true,
        ..DecisionAnnulled::default()
    };
    append(&guarded, "whole-a", 660, vec![undone.into()]).await.unwrap();
    let told = hr.get_clearance(clearance()).await.unwrap().into_inner();
    let shown = hr.get_record(record(true)).await.unwrap().into_inner();
    assert!(!shown.record.as_ref().unwrap().disputed);
    for bytes in [told.encode_to_vec(), shown.encode_to_vec()] {
        for gone in [SAID.to_owned(), thing("decision", A), thing("appeal", A), more(A, DISPUTE), more(A, RIGHTS)] {
            assert!(!holds(&bytes, &gone), "{gone}");
        }
    }
    let kept = guarded.records("a").await.get_record(record(true)).await.unwrap().into_inner();
    assert!(holds(&kept.encode_to_vec(), SAID), "the handler sees it all the same");
    guarded.stop().await;
}

fn shown_to(person: String, recipient: String, reference: &str) -> v1::GetClearanceRequest {
    v1::GetClearanceRequest {
        name: person,
        purpose: code("purpose", "appointment"),
        at: None,
        disclose_to: Some(v1::DisclosedTo { recipient, reference: reference.to_owned(), basis: None }),
    }
}

async fn disclosures(guarded: &Guarded) -> Vec<v1::Disclosure> {
    let request = v1::ListDisclosuresRequest { body: name("body", A), ..Default::default() };
    let mut records = guarded.records("whole-a").await;
    records.list_disclosures(request).await.unwrap().into_inner().disclosures
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clearance_for_somebody_else_is_put_on_record_once() {
    let guarded = Guarded::open().await;
    let (person, office) = (name("entity", A), name("body", C));
    let mut hr = guarded.records("hr").await;
    let silent = v1::GetClearanceRequest { disclose_to: None, ..shown_to(person.clone(), office.clone(), "1") };
    let own = hr.get_clearance(silent).await.unwrap().into_inner();
    assert_eq!((own.disclosure.as_str(), own.disclosure_position), ("", None));
    assert_eq!(disclosures(&guarded).await, []);

    let first = hr.get_clearance(shown_to(person.clone(), office.clone(), "2027/1")).await.unwrap().into_inner();
    let [one] = <[_; 1]>::try_from(disclosures(&guarded).await).unwrap();
    assert_eq!(one.name, first.disclosure);
    assert_eq!(one.source.as_ref().unwrap().position, first.disclosure_position.unwrap());
    assert_eq!((&one.recipient, &one.disclosed_by, &one.targets), (&office, &name("body", A), &vec![person.clone()]));
    assert_eq!((one.level(), &one.extract_sha256), (DisclosureLevel::Clearance, &first.extract_sha256));
    assert_eq!(one.known_at, first.clearance.as_ref().unwrap().position);
    assert_eq!(one.basis.unwrap().instrument, code("law", "test"), "that of the call");
    let request = v1::GetEntryRequest { position: first.disclosure_position.unwrap(), view: 0 };
    let mut auditor = LedgerServiceClient::new(guarded.line("auditor").await);
    assert_eq!(auditor.get_entry(request).await.unwrap().into_inner().entry.unwrap().principal, "hr");

    // Asked again, also after the record changed: the same answer, and nothing more on record.
    let position = issued(&mut guarded.records("whole-a").await, A).await;
    append(&guarded, "whole-a", 670, disputed(A, position).to_vec()).await.unwrap();
    let again = hr.get_clearance(shown_to(person.clone(), office.clone(), "2027/1")).await.unwrap().into_inner();
    assert_eq!((&again.clearance, &again.disclosure), (&first.clearance, &first.disclosure));
    assert_eq!(again.disclosure_position, first.disclosure_position);
    assert_eq!(disclosures(&guarded).await.len(), 1);
    let due = v1::ListNoticesDueRequest { body: name("body", A), ..Default::default() };
    let due = guarded.records("whole-a").await.list_notices_due(due).await.unwrap().into_inner().notices;
    assert_eq!(due.iter().map(|one| one.disclosure.as_str()).collect::<Vec<_>>(), [first.disclosure.as_str()]);

    // The same said of another moment is another thing.
    let at = Some(v1::AsOf { as_of: day(2024, 1, 1), ..v1::AsOf::default() });
    let other_day = v1::GetClearanceRequest { at, ..shown_to(person.clone(), office.clone(), "2027/1") };
    let reused = hr.get_clearance(other_day).await.unwrap_err();
    refusal::check("another day", &reused, Reason::RequestIdReused, "", "");
    for (reference, recipient) in [("2027/2", office.clone()), ("2027/1", name("body", B))] {
        hr.get_clearance(shown_to(person.clone(), recipient, reference)).await.unwrap();
    }
    assert_eq!(disclosures(&guarded).await.len(), 3);

    // What is refused leaves nothing behind.
    let nobody = format!("entity/{}", id(77, 7));
    let unknown = hr.get_clearance(shown_to(person.clone(), nobody.clone(), "3")).await.unwrap_err();
    for (what, request) in [
        ("a foreign person", shown_to(name("entity", B), office.clone(), "3")),
        ("nobody", shown_to(nobody, office.clone(), "3")),
        ("to a foreign person", shown_to(person.clone(), name("entity", B), "3")),
    ] {
        let refused = hr.get_clearance(request).await.unwrap_err();
        refusal::check(what, &refused, Reason::RecordNotFound, "", "");
        assert_eq!(refused.message(), unknown.message(), "{what}: no oracle");
    }
    for (field, rule, request) in [
        ("disclose_to.reference", "REQUIRED", shown_to(person.clone(), office.clone(), "")),
        ("disclose_to.recipient", "NOT_A_NAME", shown_to(person.clone(), "nobody".to_owned(), "3")),
        (
            "purpose",
            "REQUIRED",
            v1::GetClearanceRequest { purpose: None, ..shown_to(person.clone(), office.clone(), "3") },
        ),
    ] {
        let refused = hr.get_clearance(request).await.unwrap_err();
        refusal::check(field, &refused, Reason::FieldInvalid, field, rule);
    }
    for principal in ["x", "auditor", "operator", "pointer", "control", "k1"] {
        let request = shown_to(person.clone(), office.clone(), "4");
        let refused = guarded.records(principal).await.get_clearance(request).await.unwrap_err();
        refusal::check(principal, &refused, Reason::PermissionDenied, "", "");
    }
    // In an emergency one reads, and shows nothing on.
    let in_emergency = Credentials { emergency: Some("emergency/test".to_owned()), ..guarded.credentials("night") };
    let mut night = RecordServiceClient::new(in_emergency.dial(&guarded.url).await.unwrap());
    let foreign = shown_to(name("entity", B), office.clone(), "5");
    let refused = night.get_clearance(foreign.clone()).await.unwrap_err();
    refusal::check("in an emergency", &refused, Reason::PermissionDenied, "", "");
    night.get_clearance(v1::GetClearanceRequest { disclose_to: None, ..foreign }).await.unwrap();
    assert_eq!(disclosures(&guarded).await.len(), 3);
    guarded.stop().await;
}

/// The work of the body of side A, as a principal sees it.
async fn work(records: &mut Records, request: v1::ListWorkRequest) -> Vec<(WorkKind, String)> {
    let mut request = v1::ListWorkRequest { body: name("body", A), ..request };
    let mut found = Vec::new();
    loop {
        let answer = records.list_work(request.clone()).await.unwrap().into_inner();
        assert!(!answer.notices_cut);
        found.extend(answer.items.iter().map(|item| (item.kind(), item.name.clone())));
        request.page_token = answer.next_page_token;
        if request.page_token.is_empty() {
            return found;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_requests_and_reviews_are_work_of_those_who_may_see_them() {
    let guarded = with_rights().await;
    let in_emergency = Credentials { emergency: Some("emergency/test".to_owned()), ..guarded.credentials("night") };
    let mut night = RecordServiceClient::new(in_emergency.dial(&guarded.url).await.unwrap());
    let foreign = v1::GetCaseRequest { name: name("case", B), ..Default::default() };
    night.get_case(foreign).await.unwrap();
    let all = v1::ListWorkRequest::default;
    let kinds = |found: &[(WorkKind, String)]| {
        let mut kinds: Vec<WorkKind> = found.iter().map(|(kind, _)| *kind).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    };
    let ordinary = [WorkKind::Obligation, WorkKind::Rights, WorkKind::Notice];
    let with_reviews = [WorkKind::Obligation, WorkKind::Rights, WorkKind::Notice, WorkKind::Review];
    for (principal, expected) in [
        ("a", &ordinary[..]),
        // Its own access is nobody's for it to review.
        ("night", &ordinary),
        ("night-2", &with_reviews),
        ("auditor", &with_reviews),
    ] {
        let found = work(&mut guarded.records(principal).await, all()).await;
        assert_eq!(kinds(&found), expected, "{principal}: {found:?}");
    }
    let mut auditor = guarded.records("auditor").await;
    let whole = work(&mut auditor, all()).await;
    for page_size in [1, 2] {
        assert_eq!(work(&mut auditor, v1::ListWorkRequest { page_size, ..all() }).await, whole, "by {page_size}");
    }
    for kind in [WorkKind::Notice, WorkKind::Review, WorkKind::Rights] {
        let found = work(&mut auditor, v1::ListWorkRequest { kinds: vec![kind.into()], ..all() }).await;
        assert_eq!(kinds(&found), [kind]);
    }
    let notice = whole.iter().find(|(kind, _)| *kind == WorkKind::Notice).unwrap();
    assert_eq!(notice.1, format!("disclosure/{}", more(A, DISCLOSURE)));
    // By its day, and when that is over.
    let overdue = |as_of, kind: WorkKind| v1::ListWorkRequest {
        overdue_only: true,
        kinds: vec![kind.into()],
        at: Some(v1::AsOf { as_of, ..v1::AsOf::default() }),
        ..all()
    };
    for (kind, not_yet, over) in [
        (WorkKind::Notice, day(2027, 1, 25), day(2027, 1, 26)),
        (WorkKind::Review, day(2027, 1, 18), day(2027, 1, 19)),
        (WorkKind::Rights, day(2027, 1, 6), day(2027, 1, 7)),
    ] {
        assert_eq!(work(&mut auditor, overdue(not_yet, kind)).await, [], "{kind:?}");
        assert_eq!(work(&mut auditor, overdue(over, kind)).await.len(), 1, "{kind:?}");
    }
    // Before it was shown, nobody was to be told of a change.
    let before = v1::AsOf { known_at: Some(v1::as_of::KnownAt::KnownAtPosition(20)), ..v1::AsOf::default() };
    let then = work(&mut auditor, v1::ListWorkRequest { at: Some(before), ..all() }).await;
    assert!(!kinds(&then).contains(&WorkKind::Review) && !kinds(&then).contains(&WorkKind::Notice), "{then:?}");
    let other = v1::ListWorkRequest { body: name("body", B), ..all() };
    let of_b = auditor.list_work(other.clone()).await.unwrap().into_inner().items;
    assert!(of_b.iter().all(|item| item.kind() != WorkKind::Review), "not of the body whose case it was");
    assert!(of_b.iter().any(|item| item.kind() == WorkKind::Notice));
    for principal in ["a", "night-2", "c"] {
        assert_eq!(mark(&guarded.records(principal).await.list_work(other.clone()).await), 'n', "{principal}");
    }
    // Reviewed, it is done.
    let review = v1::ReviewEmergencyRequest {
        name: whole.iter().find(|(kind, _)| *kind == WorkKind::Review).unwrap().1.clone(),
        finding: EmergencyFinding::Justified.into(),
        ground: code("review", "plausible"),
    };
    let mut reviewer = AccessServiceClient::new(guarded.line("night-2").await);
    reviewer.review_emergency(review).await.unwrap();
    assert_eq!(kinds(&work(&mut auditor, all()).await), ordinary);
    guarded.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_number_is_told_to_those_alone_who_find_him_by_it() {
    let guarded = Guarded::open().await;
    let again = |number: u64, value: String| -> Event {
        let scheme = "test.register".to_owned();
        let identity = PersonIdentity {
            full_name: format!("{MARKER} again"),
            native_ids: vec![NativeId { scheme, value }],
            ..PersonIdentity::default()
        };
        let entity_id = id(88, number);
        PersonRegistered { entity_id, identity: Some(identity), ..PersonRegistered::default() }.into()
    };
    let taken = || format!("{MARKER}-{}", thing("entity", A));
    let entity = |status: &Status| status.get_details_error_info().unwrap().metadata["entity"].clone();
    let told = [("whole-a", name("entity", A)), ("whole-b", String::new()), ("blind", String::new())];
    for (number, (principal, told)) in (1..).zip(told) {
        let refused = append(&guarded, principal, 680 + number, vec![again(number, taken())]).await.unwrap_err();
        refusal::check(principal, &refused, Reason::AlreadyRegistered, "events[0]", "");
        assert_eq!(entity(&refused), told, "{principal}");
        assert!(!told.is_empty() || !format!("{refused:?}").contains(&thing("entity", A)), "{principal}: {refused:?}");
    }
    append(&guarded, "whole-b", 690, vec![again(9, "a number that is free".to_owned())]).await.unwrap();
    guarded.stop().await;
}
