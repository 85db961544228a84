//! What each may record, and in whose name.

use probity::events::Event;
use probity::events::RecordVoided;
use probity::proto::v1;
use probity::proto::v1::history::Of;
use probity::proto::v1::ledger_service_client::LedgerServiceClient;
use probity::proto::v1::precondition::Condition;
use probity::proto::v1::revision_condition::Expected;
use probity::server::errors::Reason;
use probity::tls::Line;
use tonic::Status;

use crate::access::A;
use crate::access::B;
use crate::access::Guarded;
use crate::access::name;
use crate::access::thing;
use crate::service::refusal;
use crate::service::result;
use crate::service::story;
use crate::service::story::id;

async fn append(
    ledger: &mut LedgerServiceClient<Line>,
    number: u64,
    events: Vec<Event>,
) -> Result<v1::AppendResponse, Status> {
    ledger.append(story::append(number, events)).await.map(tonic::Response::into_inner)
}

fn opened(number: u64, body: u64, person: u64) -> Event {
    let case = story::case(&id(50, number), &[&thing("entity", person)]);
    probity::events::CaseOpened { opened_by_id: thing("body", body), ..case }.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_records_its_own_matters_in_its_own_name() {
    let guarded = Guarded::open().await;
    let mut ledger = LedgerServiceClient::new(guarded.line("a").await);
    let receipt = append(&mut ledger, 100, vec![opened(1, A, A)]).await.unwrap();
    let request = v1::GetEntryRequest { position: receipt.first_position, view: 0 };
    let entry = ledger.get_entry(request).await.unwrap().into_inner().entry.unwrap();
    assert_eq!(entry.principal, "a");
    let allegation = |case: &str, person: u64| Event::from(story::allegation(case, 2, &thing("entity", person)));
    append(&mut ledger, 101, vec![allegation(&thing("case", A), A)]).await.unwrap();

    let void = |side: u64, kind: &str| {
        Event::from(RecordVoided {
            record_id: id(51, side),
            target: name(kind, side),
            target_position: 5,
            ..Default::default()
        })
    };
    let unknown = id(77, 7);
    let cases = [
        ("in another body's name", vec![opened(2, B, A)]),
        ("in nobody's name", vec![story::case(&id(50, 3), &[&thing("entity", A)]).into()]),
        ("to another body's case", vec![allegation(&thing("case", B), B)]),
        ("to no case", vec![allegation(&unknown, A)]),
        (
            "of a type that the role does not name",
            vec![story::declaration(&id(50, 4), &thing("entity", A), &[]).into()],
        ),
        ("a void of another's", vec![void(B, "case")]),
        ("own and another's", vec![opened(5, A, A), allegation(&thing("case", B), B)]),
    ];
    let mut told = Vec::new();
    for (number, (what, events)) in (200..).zip(cases) {
        let refused = append(&mut ledger, number, events).await.unwrap_err();
        refusal::check(what, &refused, Reason::PermissionDenied, "", "");
        told.push(refused.message().to_owned());
    }
    told.dedup();
    assert_eq!(told.len(), 1, "another's and nobody's are refused alike");
    guarded.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn preconditions_tell_nothing_of_foreign_matter() {
    let guarded = Guarded::open().await;
    let mut ledger = LedgerServiceClient::new(guarded.line("a").await);
    let mut number = 300;
    let mut wants = async |stream: String, expected: Expected| {
        number += 1;
        let revision = v1::RevisionCondition {
            history: Some(v1::History { of: Some(Of::Stream(stream)) }),
            expected: Some(expected),
        };
        let request = v1::AppendRequest {
            preconditions: vec![v1::Precondition { condition: Some(Condition::Revision(revision)) }],
            ..story::append(number, [opened(number, A, A)])
        };
        ledger.append(request).await.map(drop)
    };
    wants(name("case", A), Expected::Exists(true)).await.unwrap();
    wants(format!("case/{}", id(50, 302)), Expected::Absent(true)).await.unwrap();
    for stream in [name("case", B), format!("case/{}", id(77, 7))] {
        for expected in [Expected::Exists(true), Expected::Absent(true)] {
            let refused = wants(stream.clone(), expected).await.unwrap_err();
            refusal::check("foreign or absent", &refused, Reason::PermissionDenied, "", "");
        }
    }
    guarded.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_stream_a_matter_is_ones_own_from_its_first_event_on() {
    let guarded = Guarded::open().await;
    let mut ledger = LedgerServiceClient::new(guarded.line("a").await);
    let person = thing("entity", A);
    let begins: Event =
        probity::events::CaseOpened { opened_by_id: thing("body", A), ..story::case(&thing("case", B), &[&person]) }
            .into();
    let allegation = |case: String| Event::from(story::allegation(&case, 1, &person));
    let requests = [
        story::append(400, [opened(60, A, A)]),
        story::append(401, [allegation(id(50, 60))]),
        story::append(402, [allegation(thing("case", B))]),
        story::append(403, [allegation(id(50, 60))]),
        // To pretend that a foreign matter begins here makes it nobody's own, within a request and from one to the next.
        story::append(404, [begins.clone()]),
        story::append(405, [allegation(thing("case", B))]),
        story::append(406, [begins, allegation(thing("case", B))]),
    ];
    let messages = requests.map(|append| v1::AppendStreamRequest { append: Some(append) });
    let mut answers = ledger.append_stream(tokio_stream::iter(messages)).await.unwrap().into_inner();
    let mut found = Vec::new();
    while let Some(answer) = answers.message().await.unwrap() {
        found.push(result(answer).map_err(|status| Reason::of(&status).unwrap()).map(drop));
    }
    // What repeats the number of an allegation, or begins what is there, came as far as the rules.
    let (denied, rule) = (Err(Reason::PermissionDenied), Err(Reason::RuleViolated));
    assert_eq!(found, [Ok(()), Ok(()), denied, rule, rule, denied, denied]);
    guarded.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn others_record_nothing() {
    let guarded = Guarded::open().await;
    for (number, principal) in
        (500..).zip(["c", "hr", "control", "x", "auditor", "operator", "public", "pointer", "k1"])
    {
        let mut ledger = LedgerServiceClient::new(guarded.line(principal).await);
        let refused = append(&mut ledger, number, vec![opened(number, A, A)]).await.unwrap_err();
        refusal::check(principal, &refused, Reason::PermissionDenied, "", "");
    }
    guarded.stop().await;
}
