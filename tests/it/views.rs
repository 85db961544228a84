//! The views of a running service: what they cannot fold halts them and nothing else; what was rebuilt is promoted and
//! taken back.

use std::path::Path;
use std::process::ExitStatus;

use probity::log::Body;
use probity::log::Entry;
use probity::log::EventBody;
use probity::log::Leaf;
use probity::log::Manifest;
use probity::log::Place;
use probity::log::payload_commitment;
use probity::proto::v1;
use probity::proto::v1::admin_service_client::AdminServiceClient;
use probity::proto::v1::record_service_client::RecordServiceClient;
use probity::server::errors::Reason;
use probity::store;
use probity::store::LogStore as _;
use tempfile::TempDir;

use crate::service;
use crate::service::Served;
use crate::service::head;
use crate::service::probity;
use crate::service::refusal;
use crate::service::story;

fn views(from: &str, action: &[&str]) -> (ExitStatus, String) {
    let output = probity(["views", "--from", from]).args(action).output().unwrap();
    (output.status, String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
}

/// Adds the last entry once more, as an event that this program does not know. Gives its position.
fn add_unknown(data: &Path) -> u64 {
    let store = store::open_or_create(data, &store::OpenOptions::default()).unwrap();
    let position = store.size();
    let last = Entry::check(&store.get(position - 1).unwrap().unwrap()).unwrap();
    let manifest = Manifest {
        event_type: "case.transferred".to_owned(),
        request_id: [99; 16],
        number: 0,
        count: 1,
        ..last.manifest.clone().unwrap()
    };
    let manifest = manifest.encode();
    let body = last.leaf.event().unwrap();
    let place = |place: &Place| Place { sequence: place.sequence + 1, ..*place };
    let leaf = Leaf {
        index: position,
        recorded_at_ms: last.leaf.recorded_at_ms,
        previous: last.leaf_hash,
        body: Body::Event(EventBody {
            stream: place(&body.stream),
            subjects: body.subjects.iter().map(place).collect(),
            payload: payload_commitment(&manifest),
        }),
    };
    let parts: Vec<_> = last.entry.parts.iter().flatten().cloned().collect();
    let (bytes, _) = Entry::assemble(&leaf, &manifest, last.entry.open.as_ref().unwrap(), &parts);
    store.append(&[bytes.into()]).unwrap();
    store.close().unwrap();
    position
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_folded_halts_the_views_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let served = Served::start(&data);
    served.ledger().await.append(story::request(1)).await.unwrap();
    served.stop();
    let at = add_unknown(&data);

    let served = Served::start(&data);
    let mut ledger = served.ledger().await;
    assert_eq!(head(&mut ledger).await.0, at);
    // Appends wait, reads of the log go to its end, queries answer from what was folded.
    let refused = ledger.append(story::request(2)).await.expect_err("halted");
    refusal::check("an append", &refused, Reason::WritingStopped, "", "");
    let read = ledger.get_entry(v1::GetEntryRequest { position: at - 1, ..v1::GetEntryRequest::default() }).await;
    assert_eq!(read.unwrap().into_inner().entry.unwrap().position, at - 1);
    let mut records = RecordServiceClient::connect(served.url.clone()).await.unwrap();
    let name = format!("entity/{}", story::id(1, 1));
    let record = records.get_record(v1::GetRecordRequest { name, ..v1::GetRecordRequest::default() }).await.unwrap();
    assert_eq!(record.into_inner().stamp.unwrap().position, at - 1);
    let mut admin = AdminServiceClient::connect(served.url.clone()).await.unwrap();
    let view = admin.list_views(v1::ListViewsRequest {}).await.unwrap().into_inner().views.remove(0);
    assert_eq!((view.state(), view.position, view.halted_at), (v1::ViewState::Halted, Some(at - 1), Some(at)));
    let (status, said) = views(&served.url, &["list"]);
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("HALTED before entry {at}")) && said.contains("case.transferred"), "{said}");
    // The program is the same, so that it halts again, and says so.
    let (status, said) = views(&served.url, &["resume"]);
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("case.transferred"), "{said}");
    let mut steps = admin.resume_views(v1::ResumeViewsRequest {}).await.unwrap().into_inner();
    let refused = loop {
        match steps.message().await {
            Ok(step) => assert!(!step.unwrap().done),
            Err(status) => break status,
        }
    };
    refusal::check("a resumed fold", &refused, Reason::ViewHalted, "", "");
    served.stop();
    // And again at the next start.
    let served = Served::start(&data);
    assert_eq!(views(&served.url, &["list"]).0.code(), Some(1));
    served.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rebuilt_waits_is_promoted_and_taken_back_while_appends_go_on() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let served = Served::start(&data);
    let mut ledger = served.ledger().await;
    let mut number = 0;
    let mut go_on = async || {
        number += 1;
        ledger.append(story::request(number)).await.unwrap();
    };
    let run = |action: &[&str], expected: i32| {
        let (status, said) = views(&served.url, action);
        assert_eq!(status.code(), Some(expected), "{action:?}: {said}");
        said
    };
    go_on().await;
    // Nothing is there to be promoted or gone back to.
    assert!(run(&["promote"], 2).contains("no such view"));
    assert!(run(&["rollback"], 2).contains("no such view"));
    assert!(run(&["rebuild", "--hold"], 0).contains("equal to the live one and waits"));
    go_on().await;
    assert!(run(&["list"], 0).contains("generation 0"));
    assert!(run(&["rollback"], 2).contains("no such view"));
    assert!(run(&["promote"], 0).contains("generation 1 is live"));
    go_on().await;
    assert!(run(&["list"], 0).contains("the one before is kept"));
    assert!(run(&["promote"], 2).contains("no such view"));
    assert!(run(&["rollback"], 0).contains("generation 2 is live"));
    go_on().await;
    assert!(run(&["rebuild"], 0).contains("generation 3 is live"));
    assert!(!run(&["list"], 0).contains("kept"));
    let mut admin = AdminServiceClient::connect(served.url.clone()).await.unwrap();
    let refused = admin.promote_views(v1::PromoteViewsRequest::default()).await.err().unwrap();
    refusal::check("a promotion of nothing", &refused, Reason::FieldInvalid, "beside", "REQUIRED");
    let candidate = v1::PromoteViewsRequest { beside: v1::Beside::Candidate.into() };
    let refused = admin.promote_views(candidate).await.err().unwrap();
    refusal::check("a promotion of what is not there", &refused, Reason::NothingToPromote, "", "");
    go_on().await;
    served.stop();
    service::verify(&data);
}
