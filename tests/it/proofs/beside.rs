//! What seals must not touch: questions about what is recorded.

use probity::proto::v1;
use probity::proto::v1::record_service_client::RecordServiceClient;

use crate::proofs::Stand;
use crate::service::story;

/// A seal between two requests had been told as a damaged entry to whoever asked for all changes.
#[tokio::test(flavor = "multi_thread")]
async fn seals_are_no_changes() {
    let mut stand = Stand::open().await;
    let mut expected = Vec::new();
    for number in 1..5 {
        stand.seal().await;
        let receipt = stand.append(story::request(number)).await.unwrap();
        expected.extend((0..u64::from(receipt.count)).map(|at| receipt.first_position + at));
    }
    stand.seal().await;
    let url = format!("http://{}", stand.running.address);
    let mut records = RecordServiceClient::connect(url).await.unwrap();
    for page_size in [1, 3, 100] {
        let (mut found, mut after_position) = (Vec::new(), 0);
        loop {
            let request = v1::ListChangesRequest { after_position, page_size, ..v1::ListChangesRequest::default() };
            let answer = records.list_changes(request).await.unwrap().into_inner();
            found.extend(answer.changes.iter().map(|change| change.source.as_ref().unwrap().position));
            if answer.scanned_position == answer.stamp.unwrap().head_position {
                break;
            }
            assert!(answer.scanned_position > after_position);
            after_position = answer.scanned_position;
        }
        assert_eq!(found, expected, "pages of {page_size}");
    }
    stand.stop().await;
}
