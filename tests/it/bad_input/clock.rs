//! A clock that is set while the service runs, or while it does not: one bad step must not poison the times of
//! entries for ever.

use std::path::Path;
use std::sync::Arc;

use probity::clock::Settable;
use probity::proto::v1;
use probity::server::errors::Reason;
use tempfile::TempDir;

use crate::service;
use crate::service::Here;
use crate::service::Ledger;
use crate::service::head;
use crate::service::refusal;
use crate::service::story;

const NOW_MS: u64 = 1_800_000_000_000;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 86_400_000;

/// Appends story `number` and gives the time at which it was recorded.
async fn recorded_ms(ledger: &mut Ledger, number: u64) -> u64 {
    let receipt = ledger.append(story::request(number)).await.unwrap().into_inner();
    let time = receipt.recorded_at.unwrap();
    u64::try_from(time.seconds * 1000 + i64::from(time.nanos / 1_000_000)).unwrap()
}

/// Story `number` is refused because of the clock; what is recorded can still be read.
async fn refused(ledger: &mut Ledger, number: u64, reason: Reason, by_ms: u64) {
    let before = head(ledger).await;
    let status = ledger.append(story::request(number)).await.unwrap_err();
    let details = refusal::check("a clock", &status, reason, "", "");
    assert_eq!(details.error_info().unwrap().metadata["by_ms"], by_ms.to_string());
    assert_eq!(head(ledger).await, before);
    ledger.get_entry(v1::GetEntryRequest { position: before.0, view: 0 }).await.unwrap();
}

/// Story `number`, recorded before, gets its first answer, whatever the clock says; other content under its id does not.
async fn repeated(ledger: &mut Ledger, number: u64, first: &v1::AppendResponse) {
    let wholly = v1::ContentChecked::Wholly.into();
    let expected = v1::AppendResponse { replayed: true, content_checked: wholly, ..first.clone() };
    assert_eq!(ledger.append(story::request(number)).await.unwrap().into_inner(), expected);
    let other = v1::AppendRequest { request_id: story::request_id(number), ..story::request(number + 1000) };
    let reused = ledger.append(other).await.unwrap_err();
    refusal::check("its id with another story", &reused, Reason::RequestIdReused, "", "");
}

async fn open(data: &Path, clock: &Arc<Settable>, accept_gap: bool) -> (Here, Ledger) {
    let here = Here::open(data, clock, |options| options.accept_gap = accept_gap).await;
    let ledger = here.ledger().await;
    (here, ledger)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_behind_is_clamped_up_to_ten_seconds() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let clock = Settable::at(NOW_MS);
    let (here, mut ledger) = open(&data, &clock, false).await;
    assert_eq!(recorded_ms(&mut ledger, 1).await, NOW_MS);
    for (number, behind_ms) in [(2, 1), (3, 10_000)] {
        clock.jump(NOW_MS - behind_ms);
        assert_eq!(recorded_ms(&mut ledger, number).await, NOW_MS, "{behind_ms} ms behind");
    }
    clock.jump(NOW_MS - 10_001);
    refused(&mut ledger, 4, Reason::ClockBehind, 10_001).await;
    clock.jump(0);
    refused(&mut ledger, 4, Reason::ClockBehind, NOW_MS).await;
    // Nothing remains of it once the clock is right again.
    clock.jump(NOW_MS + 5);
    assert_eq!(recorded_ms(&mut ledger, 4).await, NOW_MS + 5);
    here.stop().await;
    service::verify(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_forward_is_not_believed() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let clock = Settable::at(NOW_MS);
    let (here, mut ledger) = open(&data, &clock, false).await;
    assert_eq!(recorded_ms(&mut ledger, 1).await, NOW_MS);
    clock.jump(NOW_MS + HOUR_MS + 1);
    refused(&mut ledger, 2, Reason::ClockJumped, HOUR_MS + 1).await;
    // Asking again does not make it true, nor does a little more time.
    clock.pass(1000);
    refused(&mut ledger, 2, Reason::ClockJumped, HOUR_MS + 1).await;
    clock.jump(NOW_MS + 1000);
    assert_eq!(recorded_ms(&mut ledger, 2).await, NOW_MS + 1000);
    // Up to an hour is a clock that was corrected; and time that passes is no jump, however much it is.
    clock.jump(NOW_MS + 1000 + HOUR_MS);
    assert_eq!(recorded_ms(&mut ledger, 3).await, NOW_MS + 1000 + HOUR_MS);
    clock.pass(40 * DAY_MS);
    assert_eq!(recorded_ms(&mut ledger, 4).await, NOW_MS + 1000 + HOUR_MS + 40 * DAY_MS);
    here.stop().await;
    service::verify(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_is_answered_also_while_the_clock_is_wrong() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let clock = Settable::at(NOW_MS);
    let (here, mut ledger) = open(&data, &clock, false).await;
    let first = ledger.append(story::request(1)).await.unwrap().into_inner();
    clock.jump(NOW_MS - 10_001);
    repeated(&mut ledger, 1, &first).await;
    refused(&mut ledger, 2, Reason::ClockBehind, 10_001).await;
    clock.jump(NOW_MS + HOUR_MS + 1);
    repeated(&mut ledger, 1, &first).await;
    refused(&mut ledger, 2, Reason::ClockJumped, HOUR_MS + 1).await;
    here.stop().await;
    // And after a start that nobody said was in order.
    clock.jump(NOW_MS + DAY_MS + 1);
    let (here, mut ledger) = open(&data, &clock, false).await;
    repeated(&mut ledger, 1, &first).await;
    refused(&mut ledger, 2, Reason::ClockJumped, DAY_MS + 1).await;
    here.stop().await;
    service::verify(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_of_more_than_a_day_at_start_is_accepted_by_a_person() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let clock = Settable::at(NOW_MS);
    let (here, mut ledger) = open(&data, &clock, false).await;
    recorded_ms(&mut ledger, 1).await;
    here.stop().await;
    // A day is no gap.
    clock.jump(NOW_MS + DAY_MS);
    let (here, mut ledger) = open(&data, &clock, false).await;
    assert_eq!(recorded_ms(&mut ledger, 2).await, NOW_MS + DAY_MS);
    here.stop().await;
    let later = NOW_MS + 2 * DAY_MS + 1;
    clock.jump(later);
    let (here, mut ledger) = open(&data, &clock, false).await;
    refused(&mut ledger, 3, Reason::ClockJumped, DAY_MS + 1).await;
    here.stop().await;
    let (here, mut ledger) = open(&data, &clock, true).await;
    assert_eq!(recorded_ms(&mut ledger, 3).await, later);
    here.stop().await;
    // A clock that fell behind while nobody looked.
    clock.jump(NOW_MS);
    let (here, mut ledger) = open(&data, &clock, true).await;
    refused(&mut ledger, 4, Reason::ClockBehind, later - NOW_MS).await;
    here.stop().await;
    service::verify(&data);
}
