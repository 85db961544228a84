//! The whole slice through the real service: one story with every event that there is, and what each gets when one of
//! its fields is wrong.

pub(crate) mod story;
mod wrong;

use std::fs;

use probity::events::EventType;
use tempfile::TempDir;

use crate::service;
use crate::service::Served;
use crate::service::head;
use crate::service::refusal;
use crate::service::story::MARKER;

#[test]
fn the_story_has_every_event_that_clients_append() {
    let told: Vec<EventType> = story::events(1).iter().map(|event| event.event_type).collect();
    // Erasures take three principals and a day of today: they have tests of their own.
    let erases = |event_type: &EventType| event_type.name().contains("eras");
    let own = [EventType::AccessRecorded, EventType::EmergencyReviewed];
    for event_type in EventType::ALL.into_iter().filter(|event_type| !own.contains(event_type) && !erases(event_type)) {
        assert!(told.contains(&event_type), "{}", event_type.name());
    }
}

/// Each event in its turn, after everything that can be wrong with it was refused.
#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_recorded_and_with_any_field_wrong_refused() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let served = Served::start(&data);
    let mut ledger = served.ledger().await;
    let mut rows = 0;
    for (number, told) in (0..).zip(story::events(1)) {
        let before = head(&mut ledger).await;
        for wrong in wrong::each(&told) {
            let refused = ledger.append(wrong.request(1_000 + rows)).await.expect_err(&wrong.what);
            refusal::check(&wrong.what, &refused, wrong.reason, &wrong.field, wrong.rule);
            rows += 1;
        }
        assert_eq!(head(&mut ledger).await, before, "{}", told.event_type.name());
        ledger
            .append(told.request(number))
            .await
            .unwrap_or_else(|status| panic!("{}: {status}", told.event_type.name()));
    }
    assert!(rows > 300, "{rows} wrong events");
    served.stop();
    service::verify(&data);
    assert!(!fs::read_to_string(service::said(&data)).unwrap().contains(MARKER), "what the service tells its operator");
    assert!(!service::contains_below(&data, MARKER.as_bytes()), "what lies in the data folder");
}
