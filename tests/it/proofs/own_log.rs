//! `Verify` of `ProofService`: a service says whether its own disk still has what was recorded.

use probity::proto::v1;
use probity::proto::v1::proof_service_client::ProofServiceClient;
use probity::proto::v1::verify_response::Said;

use crate::http;

/// The last message of a verification, and how many words there were on the way.
async fn verified(url: &str) -> (v1::VerifyResult, usize) {
    let mut client = ProofServiceClient::connect(url.to_owned()).await.unwrap();
    let mut stream = client.verify(v1::VerifyRequest {}).await.unwrap().into_inner();
    let mut told = 0;
    loop {
        match stream.message().await.unwrap().unwrap().said.unwrap() {
            Said::Progress(progress) => {
                assert!(progress.verified <= progress.size, "{progress:?}");
                told += 1;
            }
            Said::Result(result) => {
                assert!(stream.message().await.unwrap().is_none(), "it is the last message");
                return (result, told);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_verifies_its_log_and_names_the_entry_that_its_disk_lost() {
    let (_folder, data) = http::folder();
    let (served, address) = http::start(&mut http::command(&data), &data);
    let mut ledger = served.ledger().await;
    http::record(&mut ledger, 0..190).await;
    let checkpoint = http::sealed(&mut ledger, &address).await;
    let (good, _) = verified(&served.url).await;
    assert!(good.fault.is_none() && good.unreadable.is_empty() && good.seals > 0, "{good:?}");
    assert!(good.entries >= checkpoint.size && good.requests >= 190 && good.checkpoints == 1, "{good:?}");
    assert_eq!(good.root.len(), 32);
    // Two at once: one after the other.
    let (one, other) = tokio::join!(verified(&served.url), verified(&served.url));
    assert!(one.0.fault.is_none() && other.0.fault.is_none());
    served.stop();
    let changed = http::change_a_leaf(&data, 200);
    // Past what a start looks at.
    let (served, _) = http::start(http::command(&data).env("PROBITY_VERIFY_NEWEST", "1"), &data);
    let (bad, _) = verified(&served.url).await;
    let fault = bad.fault.as_ref().unwrap();
    assert!((changed..changed + 2).contains(&fault.position) && bad.root.is_empty(), "{changed}: {bad:?}");
    served.stop();
}
