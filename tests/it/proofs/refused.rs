//! Questions that have no proof for an answer.

use std::time::Duration;

use probity::proto::v1;
use probity::proto::v1::history::Of;
use probity::server::errors::Reason;
use tonic::Request;
use tonic::Status;

use crate::proofs::Seals;
use crate::proofs::Stand;
use crate::proofs::WHEN_ASKED;
use crate::proofs::subject;
use crate::service::refusal;
use crate::service::story;

async fn checkpoint(stand: &mut Stand, wait_for_size: Option<u64>, timeout: Duration) -> Result<u64, Status> {
    let mut request = Request::new(v1::GetCheckpointRequest { wait_for_size });
    request.set_timeout(timeout);
    stand.proofs.get_checkpoint(request).await.map(|answer| answer.into_inner().size)
}

async fn inclusion(stand: &mut Stand, position: u64, size: Option<u64>) -> Result<(), Status> {
    stand.proofs.prove_inclusion(v1::ProveInclusionRequest { position, size }).await.map(drop)
}

async fn consistency(stand: &mut Stand, old_size: u64, new_size: Option<u64>) -> Result<(), Status> {
    stand.proofs.prove_consistency(v1::ProveConsistencyRequest { old_size, new_size }).await.map(drop)
}

async fn history(stand: &mut Stand, of: Option<Of>) -> Result<(), Status> {
    let history = Some(v1::History { of });
    let request = v1::ProveSubjectRequest { history, inclusion_of_each: false };
    stand.proofs.prove_subject(request).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bad_question_has_its_reason() {
    let mut stand = Stand::told().await;
    let size = stand.seal().await.size;
    let unsealed = stand.append(story::request(4)).await.unwrap().first_position;
    let stand = &mut stand;
    for (what, answer, reason, field, rule) in [
        ("a position below no size", inclusion(stand, 3, Some(3)).await, Reason::FieldInvalid, "size", "RANGE"),
        ("a size beyond", inclusion(stand, 3, Some(size + 1)).await, Reason::CheckpointBeyond, "", ""),
        ("a position not sealed", inclusion(stand, unsealed, None).await, Reason::CheckpointBeyond, "", ""),
        ("the greatest position", inclusion(stand, u64::MAX, None).await, Reason::CheckpointBeyond, "", ""),
        ("from nothing", consistency(stand, 0, None).await, Reason::FieldInvalid, "old_size", "RANGE"),
        ("backward", consistency(stand, 3, Some(2)).await, Reason::FieldInvalid, "new_size", "RANGE"),
        ("beyond", consistency(stand, 3, Some(size + 1)).await, Reason::CheckpointBeyond, "", ""),
        ("from beyond", consistency(stand, size + 1, None).await, Reason::CheckpointBeyond, "", ""),
        ("no history", history(stand, None).await, Reason::FieldInvalid, "history", "REQUIRED"),
        (
            "no name of a subject",
            history(stand, Some(Of::Subject("entity/x".to_owned()))).await,
            Reason::FieldInvalid,
            "history.subject",
            "NOT_A_NAME",
        ),
        (
            "no name of a stream",
            history(stand, Some(Of::Stream(String::new()))).await,
            Reason::FieldInvalid,
            "history.stream",
            "NOT_A_NAME",
        ),
        (
            "a checkpoint that does not come",
            checkpoint(stand, Some(1 << 40), Duration::from_millis(100)).await.map(drop),
            Reason::CheckpointTimeout,
            "",
            "",
        ),
    ] {
        let Err(status) = answer else { panic!("{what}") };
        refusal::check(what, &status, reason, field, rule);
    }
    // Nothing of this had the log sealed, not even the wait for what nobody recorded.
    stand.append(story::request(5)).await.unwrap();
    assert_eq!(checkpoint(stand, None, Duration::from_secs(9)).await.unwrap(), size);
    history(stand, Some(subject(9, 1, "entity"))).await.unwrap();
    for (old, new) in [(1, None), (size, Some(size)), (2, Some(size))] {
        consistency(stand, old, new).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_seals_nothing_says_so() {
    let mut stand = Stand::open_with(None).await;
    stand.append(story::request(1)).await.unwrap();
    for (what, answer) in [
        ("a checkpoint", checkpoint(&mut stand, None, Duration::from_secs(9)).await.map(drop)),
        ("a wait", checkpoint(&mut stand, Some(2), Duration::from_secs(9)).await.map(drop)),
        ("an entry", inclusion(&mut stand, 0, None).await),
        ("consistency", consistency(&mut stand, 1, None).await),
        ("a history", history(&mut stand, Some(subject(1, 1, "entity"))).await),
    ] {
        let Err(status) = answer else { panic!("{what}") };
        refusal::check(what, &status, Reason::PublishingOff, "", "");
    }
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_seal_nothing_is_published() {
    let mut stand = Stand::open_gated(Some(WHEN_ASKED), Seals::Held).await;
    for (what, answer) in [
        ("a checkpoint", checkpoint(&mut stand, None, Duration::from_secs(9)).await.map(drop)),
        ("an entry", inclusion(&mut stand, 0, None).await),
        ("consistency", consistency(&mut stand, 1, None).await),
        ("a history", history(&mut stand, Some(subject(1, 1, "entity"))).await),
    ] {
        let Err(status) = answer else { panic!("{what}") };
        refusal::check(what, &status, Reason::NotPublished, "", "");
    }
    stand.gate.set(Seals::Written);
    assert_eq!(checkpoint(&mut stand, Some(0), Duration::from_mins(1)).await.unwrap(), 2);
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_ever_for_a_seal_that_does_not_come() {
    let mut stand = Stand::told().await;
    let size = stand.seal().await.size;
    stand.gate.set(Seals::Held);
    let receipt = stand.append(story::request(4)).await.unwrap();
    // The SEAL hangs in the disk; what is published goes on being proved.
    let wait = checkpoint(&mut stand, Some(receipt.first_position + 1), Duration::from_millis(100)).await;
    refusal::check("a seal that hangs", &wait.unwrap_err(), Reason::CheckpointTimeout, "", "");
    assert_eq!(checkpoint(&mut stand, None, Duration::from_secs(9)).await.unwrap(), size);
    history(&mut stand, Some(subject(1, 1, "entity"))).await.unwrap();
    let beyond = inclusion(&mut stand, receipt.first_position, None).await.unwrap_err();
    refusal::check("an entry that is not sealed", &beyond, Reason::CheckpointBeyond, "", "");
    stand.gate.set(Seals::Refused);
    let wait = checkpoint(&mut stand, Some(receipt.first_position + 1), Duration::from_mins(1)).await;
    refusal::check("a disk that refuses", &wait.unwrap_err(), Reason::WritingStopped, "", "");
    // Nothing more is sealed; what was, is still proved.
    inclusion(&mut stand, 3, None).await.unwrap();
    stand.stop().await;
}
