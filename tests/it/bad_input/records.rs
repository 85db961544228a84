//! Questions about records that have no answer.

use std::time::Duration;

use probity::clock::Settable;
use probity::events::DeclarationAmended;
use probity::events::PartialDate;
use probity::proto::v1;
use probity::proto::v1::as_of::KnownAt;
use probity::proto::v1::record_service_client::RecordServiceClient;
use probity::server::errors::Reason;
use prost_types::Timestamp;
use tempfile::TempDir;
use tonic::Request;
use tonic::Status;
use tonic::transport::Channel;

use crate::bad_input::TOLD;
use crate::bad_input::tell;
use crate::service::Here;
use crate::service::head;
use crate::service::refusal;
use crate::service::story;
use crate::service::story::MARKER;
use crate::service::story::append;
use crate::service::story::id;

/// When these tests play: 2027.
const NOW_S: i64 = 1_800_000_000;

type Records = RecordServiceClient<Channel>;

/// A log with the story told in it, and the position of its last entry.
async fn told(folder: &TempDir) -> (Here, Records, u64) {
    let clock = Settable::at(u64::try_from(NOW_S).unwrap() * 1000);
    let here = Here::open(&folder.path().join("data"), &clock, |_| ()).await;
    let mut ledger = here.ledger().await;
    tell(&mut ledger).await;
    let (last, _) = head(&mut ledger).await;
    let records = RecordServiceClient::connect(here.url.clone()).await.unwrap();
    (here, records, last)
}

fn person() -> String {
    format!("entity/{}", id(TOLD, 1))
}

async fn record(records: &mut Records, name: String, at: v1::AsOf) -> Result<v1::GetRecordResponse, Status> {
    let request = v1::GetRecordRequest { name, at: Some(at), open_identity: true };
    records.get_record(request).await.map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_cannot_have_known_is_not_answered() {
    let folder = TempDir::new().unwrap();
    let (here, mut records, last) = told(&folder).await;
    let known_at = |known_at| v1::AsOf { known_at: Some(known_at), ..v1::AsOf::default() };
    let time = |seconds, nanos| KnownAt::KnownAtTime(Timestamp { seconds, nanos });
    for (what, at) in [
        ("an entry to come", known_at(KnownAt::KnownAtPosition(last + 1))),
        ("the last of all entries", known_at(KnownAt::KnownAtPosition(u64::MAX))),
        ("a moment to come", known_at(time(NOW_S, 1_000_000))),
        ("the end of all times", known_at(time(i64::MAX, 0))),
    ] {
        let refused = record(&mut records, person(), at).await.unwrap_err();
        let details = refusal::check(what, &refused, Reason::KnownAtInFuture, "", "");
        assert_eq!(details.error_info().unwrap().metadata["head"], last.to_string(), "{what}");
    }
    // The world may be asked about next year; the log may be asked about now.
    let next_year = v1::AsOf { as_of: story::day(2028, 2, 29), ..known_at(time(NOW_S, 0)) };
    assert_eq!(record(&mut records, person(), next_year).await.unwrap().stamp.unwrap().position, last);
    let before = record(&mut records, person(), known_at(time(NOW_S - 1, 0))).await.unwrap_err();
    let details = refusal::check("before it was known", &before, Reason::RecordNotFound, "", "");
    assert_eq!(details.error_info().unwrap().metadata["position"], "0");
    for (what, at, field, rule) in [
        ("no day", v1::AsOf { as_of: story::day(2027, 2, 29), ..v1::AsOf::default() }, "at.as_of", "NOT_A_DAY"),
        (
            "a year for a day",
            v1::AsOf { as_of: Some(PartialDate { year: 2027, month: 0, day: 0 }), ..v1::AsOf::default() },
            "at.as_of",
            "NOT_A_DAY",
        ),
        ("no time", known_at(time(1, -1)), "at.known_at_time", "FORMAT"),
    ] {
        let refused = record(&mut records, person(), at).await.unwrap_err();
        refusal::check(what, &refused, Reason::FieldInvalid, field, rule);
    }
    let mut patient = Request::new(v1::GetRecordRequest {
        name: person(),
        at: Some(v1::AsOf { min_position: Some(last + 1), ..v1::AsOf::default() }),
        open_identity: false,
    });
    patient.set_timeout(Duration::from_secs(2));
    let refused = records.get_record(patient).await.unwrap_err();
    let details = refusal::check("what nobody wrote", &refused, Reason::ReadPositionTimeout, "", "");
    assert_eq!(details.error_info().unwrap().metadata["wanted"], (last + 1).to_string());
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_numbers_that_nobody_has_are_refused_without_repeating_them() {
    let folder = TempDir::new().unwrap();
    let (here, mut records, last) = told(&folder).await;
    for name in
        [String::new(), MARKER.to_owned(), format!("entity/{MARKER}"), format!("case/{}", id(TOLD, 3)), id(TOLD, 1)]
    {
        let refused = record(&mut records, name, v1::AsOf::default()).await.unwrap_err();
        refusal::check("no name of a person or body", &refused, Reason::FieldInvalid, "name", "NOT_A_NAME");
    }
    let nobody = record(&mut records, format!("entity/{}", id(7, 0)), v1::AsOf::default()).await.unwrap_err();
    let details = refusal::check("nobody", &nobody, Reason::RecordNotFound, "", "");
    assert_eq!(details.error_info().unwrap().metadata["position"], last.to_string());
    let find = |scheme: &str, value: String| v1::FindRequest { scheme: scheme.to_owned(), value, at: None };
    for (what, request, field, rule) in [
        ("no code", find(&MARKER.to_uppercase(), MARKER.to_owned()), "scheme", "FORMAT"),
        ("no number", find("test.register", String::new()), "value", "REQUIRED"),
        ("a number too long", find("test.register", MARKER.repeat(26)), "value", "TOO_LONG"),
    ] {
        refusal::check(what, &records.find(request).await.unwrap_err(), Reason::FieldInvalid, field, rule);
    }
    // Whom nobody registered is found under no name, and that is an answer, too.
    let nobody = records.find(find("test.register", MARKER.to_owned())).await.unwrap().into_inner();
    assert_eq!((nobody.name.as_str(), nobody.stamp.unwrap().position), ("", last));
    let known = format!("{MARKER}-{}", id(TOLD, 1));
    assert_eq!(records.find(find("test.register", known)).await.unwrap().into_inner().name, person());
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_is_of_its_question_alone() {
    let folder = TempDir::new().unwrap();
    let (here, mut records, _) = told(&folder).await;
    let timeline = |page_size, page_token: &str| v1::ListTimelineRequest {
        name: person(),
        page_size,
        page_token: page_token.to_owned(),
        ..v1::ListTimelineRequest::default()
    };
    let first = records.list_timeline(timeline(1, "")).await.unwrap().into_inner();
    let token = first.next_page_token;
    assert!(!token.is_empty());
    let second = records.list_timeline(timeline(1, &token)).await.unwrap().into_inner();
    assert_ne!(first.entries, second.entries);
    let of_case = v1::ListTimelineRequest { name: format!("case/{}", id(TOLD, 3)), ..timeline(1, &token) };
    let mut changed = token.clone().into_bytes();
    changed[10] = if changed[10] == b'A' { b'B' } else { b'A' };
    for (what, request) in [
        ("a token of another name", of_case),
        ("a token of another size", timeline(2, &token)),
        ("a token that was changed", timeline(1, &String::from_utf8(changed).unwrap())),
        ("half a token", timeline(1, &token[..token.len() / 2])),
        ("no token", timeline(1, MARKER)),
    ] {
        let refused = records.list_timeline(request).await.unwrap_err();
        refusal::check(what, &refused, Reason::PageTokenInvalid, "", "");
    }
    let of_method =
        v1::ListDeclarationsRequest { name: person(), page_size: 1, page_token: token, ..Default::default() };
    let refused = records.list_declarations(of_method).await.unwrap_err();
    refusal::check("a token of another method", &refused, Reason::PageTokenInvalid, "", "");
    let refused = records.list_timeline(timeline(1001, "")).await.unwrap_err();
    refusal::check("1,001 on a page", &refused, Reason::FieldInvalid, "page_size", "OUT_OF_RANGE");
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_fits_no_message_is_refused() {
    let folder = TempDir::new().unwrap();
    let (here, mut records, _) = told(&folder).await;
    let mut ledger = here.ledger().await;
    let large = story::declaration(&id(7, 5), &id(TOLD, 1), &[8192; 31]);
    let amended = DeclarationAmended {
        declaration_id: large.declaration_id.clone(),
        person_id: large.person_id.clone(),
        amended_on: story::day(2022, 6, 1),
        period: large.period,
        sections: large.sections.clone(),
        content: large.content.clone(),
        ..DeclarationAmended::default()
    };
    let name = format!("declaration/{}", large.declaration_id);
    let events = std::iter::once(large.into()).chain((0..4).map(|_| amended.clone().into()));
    ledger.append(append(7, events)).await.unwrap();
    let question = |open_content| v1::GetDeclarationRequest { name: name.clone(), at: None, open_content };
    let refused = records.get_declaration(question(true)).await.unwrap_err();
    refusal::check("five versions of 256 KiB", &refused, Reason::ResponseTooLarge, "", "");
    records.get_declaration(question(false)).await.unwrap();
    here.stop().await;
}
