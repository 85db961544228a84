//! What each role sees of its own body's side, and of the other's: nothing, as if nothing were there.

use probity::proto::v1;
use probity::proto::v1::history::Of;
use probity::proto::v1::ledger_service_client::LedgerServiceClient;
use probity::proto::v1::proof_service_client::ProofServiceClient;
use probity::server::errors::Reason;
use prost::Message as _;
use tokio_stream::StreamExt as _;
use tonic::Status;

use crate::access::A;
use crate::access::B;
use crate::access::Guarded;
use crate::access::Records;
use crate::access::mark;
use crate::access::name;
use crate::access::thing;
use crate::service::refusal;
use crate::service::story::MARKER;
use crate::service::story::id;

/// Every method that takes the name of a matter or person, and the kind that it takes here.
const METHODS: [(&str, &str); 12] = [
    ("GetRecord", "entity"),
    ("ListTimeline", "entity"),
    ("ListDeclarations", "entity"),
    ("GetCase", "case"),
    ("GetChecklist", "case"),
    ("GetDecision", "decision"),
    ("GetAppeal", "appeal"),
    ("GetDeclaration", "declaration"),
    ("DiffDeclarations", "declaration"),
    ("GetObligation", "obligation"),
    ("GetVerification", "verification"),
    ("GetPetition", "petition"),
];

/// Who sees what of side A, in the order of [`METHODS`], and of side B: `y` there, `n` as if not recorded, `-` refused.
/// Side B has no appeal.
const EXPECTED: [(&str, &str, &str); 10] = [
    ("a", "yyyyyyyyyyyy", "nnnnnnnnnnnn"),
    ("b", "nnnnnnnnnnnn", "yyyyyynyyyyy"),
    ("c", "yyyyyyynnnnn", "nnnnnnnnnnnn"),
    ("x", "yyyyyyyyyyy-", "nnnnnnnnnnn-"),
    ("control", "y-y----yyyy-", "n-n----nnnn-"),
    ("hr", "y-----------", "n-----------"),
    ("auditor", "yyyyyyyyyyyy", "yyyyyynyyyyy"),
    ("operator", "------------", "------------"),
    ("public", "------------", "------------"),
    ("k1", "------------", "------------"),
];

/// Asks one method about one name, with everything opened; the answer as bytes.
async fn ask(records: &mut Records, method: &str, name: &str) -> Result<Vec<u8>, Status> {
    let name = name.to_owned();
    macro_rules! of {
        ($call:ident, $request:expr) => {
            records.$call($request).await.map(|answer| answer.into_inner().encode_to_vec())
        };
    }
    match method {
        "GetRecord" => of!(get_record, v1::GetRecordRequest { name, open_identity: true, at: None }),
        "ListTimeline" => of!(list_timeline, v1::ListTimelineRequest { name, ..Default::default() }),
        "ListDeclarations" => of!(list_declarations, v1::ListDeclarationsRequest { name, ..Default::default() }),
        "GetCase" => of!(get_case, v1::GetCaseRequest { name, open_narratives: true, at: None }),
        "GetChecklist" => of!(get_checklist, v1::GetChecklistRequest { name, ..Default::default() }),
        "GetDecision" => of!(get_decision, v1::GetDecisionRequest { name, open_narratives: true, at: None }),
        "GetAppeal" => of!(get_appeal, v1::GetAppealRequest { name, open_narratives: true, at: None }),
        "GetDeclaration" => of!(get_declaration, v1::GetDeclarationRequest { name, open_content: true, at: None }),
        "DiffDeclarations" => {
            let request = v1::DiffDeclarationsRequest { before: name.clone(), after: name, ..Default::default() };
            of!(diff_declarations, request)
        }
        "GetObligation" => of!(get_obligation, v1::GetObligationRequest { name, at: None }),
        "GetVerification" => {
            of!(get_verification, v1::GetVerificationRequest { name, open_narratives: true, at: None })
        }
        "GetPetition" => of!(get_petition, v1::GetPetitionRequest { name, open_narratives: true, at: None }),
        other => panic!("{other}"),
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_matter_is_as_if_it_were_not_recorded() {
    let guarded = Guarded::open().await;
    for (principal, of_a, of_b) in EXPECTED {
        let mut records = guarded.records(principal).await;
        let mut found = [String::new(), String::new()];
        for (method, kind) in METHODS {
            let unknown = ask(&mut records, method, &format!("{kind}/{}", id(77, 7))).await.unwrap_err();
            for (side, found) in [A, B].into_iter().zip(&mut found) {
                let answer = ask(&mut records, method, &name(kind, side)).await;
                found.push(mark(&answer));
                if let Err(refused) = answer {
                    // No oracle: the same code, words and details as for what nobody ever recorded.
                    let told =
                        |status: &Status| (status.code(), status.message().to_owned(), status.details().to_vec());
                    assert_eq!(told(&refused), told(&unknown), "{principal}: {method}");
                }
            }
        }
        assert_eq!(found, [of_a, of_b].map(str::to_owned), "{principal}");
    }
    guarded.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sealed_is_opened_for_the_classes_of_the_role_alone() {
    let guarded = Guarded::open().await;
    // Identity P2, narratives P4, declared property P3.
    for (principal, opened) in [
        ("a", [true, true, true]),
        ("x", [true, true, true]),
        ("c", [false, true, false]),
        ("hr", [true, false, false]),
        ("control", [false, false, true]),
        ("auditor", [false, false, false]),
    ] {
        let mut records = guarded.records(principal).await;
        let asked = [("GetRecord", "entity"), ("GetCase", "case"), ("GetDeclaration", "declaration")];
        for ((method, kind), opened) in asked.into_iter().zip(opened) {
            let answer = ask(&mut records, method, &name(kind, A)).await.unwrap_or_default();
            assert_eq!(holds(&answer, MARKER), opened, "{principal}: {method}");
        }
        let petition = ask(&mut records, "GetPetition", &name("petition", A)).await.unwrap_or_default();
        assert!(!holds(&petition, "petitioner"), "{principal}: who petitions is opened for nobody alone");
    }
    guarded.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clearance_holds_what_counts_and_no_petition() {
    let guarded = Guarded::open().await;
    let request = v1::GetRecordRequest { name: name("entity", A), ..Default::default() };
    let whole = guarded.records("a").await.get_record(request.clone()).await.unwrap().into_inner().record.unwrap();
    let clear = guarded.records("hr").await.get_record(request).await.unwrap().into_inner().record.unwrap();
    assert!(!whole.cases.is_empty() && whole.petitions.is_some(), "the handler sees them");
    assert!(clear.cases.is_empty() && clear.petitions.is_none());
    // The sanctions are too coarsely dated to say that they are over.
    assert!(whole.decisions[0].reasons.is_some() && clear.decisions[0].reasons.is_none());
    guarded.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_searches_hold_no_foreign_matter() {
    let guarded = Guarded::open().await;
    let mut records = guarded.records("a").await;
    let list = |body: String| v1::ListCasesRequest { body, ..Default::default() };
    let names = |answer: v1::ListCasesResponse| answer.cases.into_iter().map(|case| case.name).collect::<Vec<_>>();
    let own = vec![name("case", A)];
    for body in [name("body", A), String::new()] {
        assert_eq!(names(records.list_cases(list(body)).await.unwrap().into_inner()), own);
    }
    let foreign = records.list_cases(list(name("body", B))).await.unwrap_err();
    let unknown = records.list_cases(list(format!("entity/{}", id(77, 7)))).await.unwrap_err();
    assert_eq!((foreign.code(), foreign.message()), (unknown.code(), unknown.message()));
    let changes = v1::ListChangesRequest { page_size: 1000, ..Default::default() };
    let changes = records.list_changes(changes).await.unwrap().into_inner();
    let text = format!("{changes:?}");
    assert!(text.contains(&thing("case", A)) && !text.contains(&thing("case", B)), "{text}");
    let find = |side: u64| v1::FindRequest {
        scheme: "test.register".to_owned(),
        value: format!("{MARKER}-{}", thing("entity", side)),
        at: None,
    };
    assert_eq!(records.find(find(A)).await.unwrap().into_inner().name, name("entity", A));
    assert_eq!(records.find(find(B)).await.unwrap().into_inner().name, "");
    // A pointer says whether somebody is known, and nothing else.
    let mut pointer = guarded.records("pointer").await;
    assert_eq!(pointer.find(find(B)).await.unwrap().into_inner().name, name("entity", B));
    assert_eq!(mark(&pointer.list_cases(list(String::new())).await), '-');
    guarded.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_is_of_its_principal_alone() {
    let guarded = Guarded::open().await;
    let request = v1::ListTimelineRequest { name: name("entity", A), page_size: 2, ..Default::default() };
    let first = guarded.records("a").await.list_timeline(request.clone()).await.unwrap().into_inner();
    let next = v1::ListTimelineRequest { page_token: first.next_page_token, ..request };
    guarded.records("a").await.list_timeline(next.clone()).await.unwrap();
    let stolen = guarded.records("a2").await.list_timeline(next).await.unwrap_err();
    refusal::check("a colleague of the same role", &stolen, Reason::PageTokenInvalid, "", "");
    guarded.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_without_a_purpose_is_refused() {
    let guarded = Guarded::open().await;
    let mut credentials = guarded.credentials("a");
    credentials.purpose = None;
    let mut records = Records::new(credentials.dial(&guarded.url).await.unwrap());
    let request = v1::GetCaseRequest { name: name("case", A), ..Default::default() };
    let refused = records.get_case(request).await.unwrap_err();
    refusal::check("no purpose", &refused, Reason::PurposeRequired, "probity-purpose", "");
    guarded.stop().await;
}

#[expect(clippy::unnecessary_wraps, reason = "as the fields of messages want it")]
fn history(of: &str, name: String) -> Option<v1::History> {
    Some(v1::History { of: Some(if of == "stream" { Of::Stream(name) } else { Of::Subject(name) }) })
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_and_proofs_are_of_own_matter_too() {
    let guarded = Guarded::open().await;
    let read = async |principal: &str, history: Option<v1::History>| {
        let mut ledger = LedgerServiceClient::new(guarded.line(principal).await);
        let request = v1::ReadEntriesRequest { history, ..Default::default() };
        let mut stream = ledger.read_entries(request).await?.into_inner();
        let mut entries = Vec::new();
        while let Some(message) = stream.next().await {
            entries.extend(message?.entries);
        }
        Ok::<_, Status>(entries)
    };
    assert_eq!(read("a", history("stream", name("case", A))).await.unwrap().len(), 2);
    assert!(read("a", history("stream", name("case", B))).await.unwrap().is_empty());
    assert!(read("a", history("subject", name("entity", B))).await.unwrap().is_empty());
    assert!(read("a", history("stream", format!("case/{}", id(77, 7)))).await.unwrap().is_empty());
    assert_eq!(mark(&read("a", None).await), '-', "through all of the log");
    assert_eq!(mark(&read("operator", None).await), '-');
    // An auditor reads everything, and sees no name.
    let all = read("auditor", None).await.unwrap();
    assert!(
        all.len() > 20 && all.iter().any(|entry| entry.sealed_parts.iter().any(|part| !part.ciphertext.is_empty()))
    );
    assert!(all.iter().all(|entry| !holds(&entry.encode_to_vec(), MARKER)));
    // An entry of the other side, and one that nobody has.
    let mut ledger = LedgerServiceClient::new(guarded.line("a").await);
    let position = read("b", history("stream", name("case", B))).await.unwrap()[0].position;
    for position in [position, 1 << 40] {
        let refused = ledger.get_entry(v1::GetEntryRequest { position, view: 0 }).await.unwrap_err();
        refusal::check("an entry", &refused, Reason::EntryNotFound, "", "");
    }
    // Whether there is something to prove is not told either.
    for (principal, name, asked) in [
        ("a", name("entity", A), false),
        ("x", name("entity", B), false),
        ("x", format!("entity/{}", id(77, 7)), false),
        ("x", name("entity", A), true),
        ("auditor", name("entity", B), true),
    ] {
        let mut prover = ProofServiceClient::new(guarded.line(principal).await);
        let request = v1::ProveSubjectRequest { history: history("subject", name), inclusion_of_each: false };
        let answer = prover.prove_subject(request).await;
        let refused = answer.is_err_and(|status| Reason::of(&status) == Some(Reason::PermissionDenied));
        assert_eq!(refused, !asked, "{principal}");
    }
    guarded.stop().await;
}
