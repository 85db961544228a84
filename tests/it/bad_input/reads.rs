//! Reads that ask for what there is not.

use std::time::Duration;

use probity::clock::Settable;
use probity::proto::v1;
use probity::proto::v1::history::Of;
use probity::server::errors::Reason;
use prost_types::Timestamp;
use tempfile::TempDir;

use crate::bad_input::tell;
use crate::service::Here;
use crate::service::head;
use crate::service::refusal;
use crate::service::story::MARKER;

/// When these tests play: 2027.
const NOW_S: i64 = 1_800_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_read_is_refused() {
    let folder = TempDir::new().unwrap();
    let clock = Settable::at(u64::try_from(NOW_S).unwrap() * 1000);
    let here = Here::open(&folder.path().join("data"), &clock, |_| ()).await;
    let mut ledger = here.ledger().await;
    tell(&mut ledger).await;
    let (last, _) = head(&mut ledger).await;
    for position in [last + 1, u64::MAX] {
        let asked = ledger.get_entry(v1::GetEntryRequest { position, view: 0 }).await;
        let details = refusal::check("an entry past the head", &asked.unwrap_err(), Reason::EntryNotFound, "", "");
        assert_eq!(details.error_info().unwrap().metadata["head"], last.to_string());
    }
    let asked = ledger.get_entry(v1::GetEntryRequest { position: 0, view: 9 }).await;
    refusal::check("an unknown view", &asked.unwrap_err(), Reason::FieldInvalid, "view", "UNDEFINED_ENUM");
    let history = |of| Some(v1::History { of });
    for (what, request, field, rule) in [
        (
            "an unknown direction",
            v1::ReadEntriesRequest { direction: 9, ..Default::default() },
            "direction",
            "UNDEFINED_ENUM",
        ),
        ("an unknown view", v1::ReadEntriesRequest { view: 9, ..Default::default() }, "view", "UNDEFINED_ENUM"),
        (
            "nothing's history",
            v1::ReadEntriesRequest { history: history(None), ..Default::default() },
            "history",
            "REQUIRED",
        ),
        (
            "a history of no name",
            v1::ReadEntriesRequest { history: history(Some(Of::Subject(MARKER.to_owned()))), ..Default::default() },
            "history.subject",
            "NOT_A_NAME",
        ),
    ] {
        refusal::check(what, &ledger.read_entries(request).await.unwrap_err(), Reason::FieldInvalid, field, rule);
    }
    let request = v1::SubscribeRequest { history: history(Some(Of::Stream(MARKER.to_owned()))), ..Default::default() };
    let asked = ledger.subscribe(request).await.unwrap_err();
    refusal::check("a subscription to no name", &asked, Reason::FieldInvalid, "history.stream", "NOT_A_NAME");
    let at = |seconds, nanos| Some(Timestamp { seconds, nanos });
    for (what, time, rule) in [
        ("no time", None, "REQUIRED"),
        ("a time to come", at(NOW_S, 1_000_000), "IN_FUTURE"),
        ("a time before 1970", at(-1, 0), "FORMAT"),
        ("a second and more of nanoseconds", at(1, 1_000_000_000), "FORMAT"),
        ("nanoseconds below none", at(1, -1), "FORMAT"),
        ("the end of all times", at(i64::MAX, 0), "FORMAT"),
    ] {
        let asked = ledger.resolve_position(v1::ResolvePositionRequest { time }).await.unwrap_err();
        refusal::check(what, &asked, Reason::FieldInvalid, "time", rule);
    }
    for (time, position) in [(at(NOW_S, 0), Some(last)), (at(NOW_S - 1, 999_999_999), None)] {
        let found = ledger.resolve_position(v1::ResolvePositionRequest { time }).await.unwrap().into_inner();
        assert_eq!(found.position, position);
    }
    here.stop().await;
}

/// Reads past the end are empty, not refused: the end moves.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_past_the_head_is_empty() {
    let folder = TempDir::new().unwrap();
    let here = Here::open(&folder.path().join("data"), &Settable::at(1_800_000_000_000), |_| ()).await;
    let mut ledger = here.ledger().await;
    for from in [1, u64::MAX] {
        let request = v1::ReadEntriesRequest { from: Some(from), ..Default::default() };
        let mut messages = ledger.read_entries(request).await.unwrap().into_inner();
        assert!(tokio::time::timeout(Duration::from_secs(20), messages.message()).await.unwrap().unwrap().is_none());
    }
    here.stop().await;
}
