//! What waits together is recorded at once, and nobody pays for another's.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use super::*;
use crate::clock;
use crate::events::AccessOutcome;
use crate::events::AccessRecorded;
use crate::log::Id;
use crate::sequencer::LogOf;
use crate::service;
use crate::service::Options;

fn access(call: u128, number: u32) -> Event {
    AccessRecorded {
        access_id: Id(call).to_string(),
        number,
        principal: "inspection".to_owned(),
        method: "probity.v1.RecordService/GetRecord".to_owned(),
        outcome: AccessOutcome::Answered.into(),
        ..AccessRecorded::default()
    }
    .into()
}

/// Records calls at the same time, each with so many records; `bad` ones begin with a number that is not the next.
/// Gives what came of each, and of each recorded event its request.
async fn outcomes(calls: usize, records: u32, bad: &[usize]) -> (Vec<bool>, Vec<[u8; 16]>) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { of: LogOf::Accesses, ..Options::new(folder.path().to_owned()) };
    let service = service::open(&options, clock::machine(), |_| ()).unwrap();
    let together = Together::begin(service.queue().clone(), service.vault().clone());
    let told = (0..calls).map(|call| {
        let first = u32::from(bad.contains(&call));
        let events = (first..first + records).map(|number| access(call as u128 + 1, number)).collect();
        together.record(events)
    });
    let outcomes = join_all(told).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(()) | Err(AppendError::Refused(_)))), "{outcomes:?}");
    let reader = service.reader();
    let manifests = (0..reader.size()).filter_map(|index| reader.entry(index).unwrap().unwrap().checked.manifest);
    let requests = manifests.map(|manifest| manifest.request_id).collect();
    drop(together);
    // What gathers lets go of the queue on this thread.
    tokio::task::spawn_blocking(|| service.stop().unwrap()).await.unwrap();
    (outcomes.iter().map(Result::is_ok).collect(), requests)
}

#[tokio::test]
async fn calls_at_the_same_time_share_a_request() {
    let (outcomes, requests) = outcomes(100, 1, &[]).await;
    assert_eq!(outcomes, [true; 100]);
    assert_eq!(requests.len(), 100);
    let distinct = requests.iter().collect::<BTreeSet<_>>().len();
    assert!(distinct < 10, "{distinct} requests");
}

#[tokio::test]
async fn a_refused_record_is_refused_alone() {
    let (outcomes, requests) = outcomes(20, 2, &[0, 7, 19]).await;
    let bad: Vec<usize> = (0..20).filter(|call| !outcomes[*call]).collect();
    assert_eq!(bad, [0, 7, 19]);
    assert_eq!(requests.len(), 2 * 17);
}

#[tokio::test]
async fn one_call_alone_can_be_refused() {
    let (outcomes, requests) = outcomes(1, 1, &[0]).await;
    assert_eq!((outcomes, requests.len()), (vec![false], 0));
}

#[tokio::test]
async fn more_than_a_request_holds_goes_into_several() {
    let (outcomes, requests) = outcomes(30, 70, &[]).await;
    assert_eq!(outcomes, [true; 30]);
    assert_eq!(requests.len(), 30 * 70);
    let mut sizes: Vec<usize> = requests.chunk_by(|one, other| one == other).map(<[_]>::len).collect();
    sizes.sort_unstable();
    assert!(sizes.iter().all(|size| *size <= 1000 && size % 70 == 0), "a call is never split: {sizes:?}");
}
