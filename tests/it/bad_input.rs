//! What bad input gets: over real gRPC the right code, reason, field and rule, nothing personal, and nothing written.

mod catalogue;
mod clock;
mod command;
mod events;
mod failing;
mod flipped;
mod reads;
mod records;
mod requests;

use std::fs;

use probity::proto::v1;
use probity::server::errors::Reason;
use tempfile::TempDir;

use crate::service;
use crate::service::Ledger;
use crate::service::Served;
use crate::service::append_all;
use crate::service::head;
use crate::service::refusal;
use crate::service::story;
use crate::service::story::MARKER;

/// A request, and what it gets.
struct Row {
    what: &'static str,
    request: v1::AppendRequest,
    reason: Reason,
    /// Empty where the refusal names none.
    field: &'static str,
    rule: &'static str,
}

const fn row(
    what: &'static str,
    request: v1::AppendRequest,
    reason: Reason,
    field: &'static str,
    rule: &'static str,
) -> Row {
    Row { what, request, reason, field, rule }
}

/// Every row of the table.
fn table() -> Vec<Row> {
    [events::rows(), requests::rows()].into_iter().flatten().collect()
}

/// The story that the rows rest on: a person, a case, a decision.
const TOLD: u64 = 1;

async fn tell(ledger: &mut Ledger) -> v1::AppendResponse {
    ledger.append(story::request(TOLD)).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_is_refused_and_writes_nothing() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let served = Served::start(&data);
    let mut ledger = served.ledger().await;
    tell(&mut ledger).await;
    let before = head(&mut ledger).await;
    for row in table() {
        let refused = ledger.append(row.request).await.expect_err(row.what);
        refusal::check(row.what, &refused, row.reason, row.field, row.rule);
        assert_eq!(head(&mut ledger).await, before, "{}", row.what);
    }
    served.stop();
    service::verify(&data);
    assert!(!fs::read_to_string(service::said(&data)).unwrap().contains(MARKER), "what the service tells its operator");
    assert!(!service::contains_below(&data, MARKER.as_bytes()), "what lies in the data folder");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_message_does_not_end_its_stream_and_answers_keep_their_order() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let served = Served::start(&data);
    let mut ledger = served.ledger().await;
    let mut next = tell(&mut ledger).await;
    // A good request after each bad one, and one pair of the same id.
    let rows = table();
    let good = |place: usize| story::request(100 + place as u64);
    let requests: Vec<v1::AppendRequest> =
        rows.iter().enumerate().flat_map(|(place, row)| [row.request.clone(), good(place)]).collect();
    let mut answers = append_all(&mut ledger, requests).await.unwrap().into_iter();
    for (place, row) in rows.iter().enumerate() {
        let refused = answers.next().unwrap().expect_err(row.what);
        refusal::check(row.what, &refused, row.reason, row.field, row.rule);
        let receipt = answers.next().unwrap().unwrap();
        let expected = (next.first_position + u64::from(next.count), good(place).events.len());
        assert_eq!((receipt.first_position, receipt.count as usize), expected, "after {}", row.what);
        next = receipt;
    }
    assert!(answers.next().is_none());
    served.stop();
    service::verify(&data);
}
