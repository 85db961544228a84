//! The last act: the log signs what it is, and shows all that is filed about a person to somebody who trusts nobody here.

use std::net::SocketAddr;
use std::path::Path;

use crate::cli::demo::acts::Told;
use crate::cli::demo::acts::brief;
use crate::cli::demo::stage::Head;
use crate::cli::demo::stage::Stage;
use crate::cli::demo::teller::Surprise;
use crate::cli::demo::teller::Teller;
use crate::cli::demo::teller::expect;
use crate::log::MapFault;
use crate::log::Note;
use crate::log::SubjectProof;
use crate::verify::ProofError;
use crate::verify::Trust;
use crate::verify::verify_checkpoint;
use crate::verify::verify_subject_proof;

/// A seal, a proof, and somebody who leaves something out of it. The seal is the new head.
pub(super) async fn proved(
    teller: &mut Teller,
    data: &Path,
    listen: SocketAddr,
    told: &Told,
) -> Result<Head, Surprise> {
    teller.step("The log is sealed, and signs a checkpoint");
    teller.why("It commits to every entry, and to the number of entries about each person.");
    let mut stage = Stage::published(data, listen).await?;
    let trust = Trust { keys: std::slice::from_ref(&told.key), policy: None };
    let note = Note::parse(stage.checkpoint(told.head.0 + 1).await?.as_bytes())?;
    let signed = verify_checkpoint(&note, trust)?;
    let head = stage.head().await?;
    let size = signed.checkpoint.size;
    expect(size == head.0 + 1, || format!("it is over {size} entries, and the head is {head:?}"))?;
    teller
        .tell(format_args!("{size} entries, the last of them the seal; whoever checks it needs no more than its key:"));
    teller.tell(&told.key);

    teller.step("All that is filed about Mara Linden, as a file, and the service stops");
    let file = stage.history(&told.cast.linden).await?;
    stage.stop().await?;
    let proof = SubjectProof::parse(file.as_bytes())?;
    let shown = verify_subject_proof(&proof, trust)?;
    expect(shown.in_log && !shown.leaves.is_empty(), || format!("it shows {} entries", shown.leaves.len()))?;
    let indices: Vec<String> = shown.leaves.iter().map(|leaf| leaf.index.to_string()).collect();
    teller.good(format_args!(
        "these are all: {}; checked with {} bytes and the public key, nobody was asked",
        indices.join(", "),
        file.len()
    ));

    teller.step("Whoever hands the file on leaves the last entry out");
    let mut less = proof;
    less.leaves.pop();
    less.inclusion.pop();
    match verify_subject_proof(&less, trust) {
        Err(ProofError::Map(fault @ MapFault::RootDiffers { .. })) => {
            teller.caught("caught", brief(&ProofError::Map(fault)));
            Ok(head)
        }
        other => Err(Surprise(format!("an entry was left out, and the verifier says {other:?}"))),
    }
}
