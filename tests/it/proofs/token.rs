//! A log whose key is in no file.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use probity::keys::Signer;
use probity::keys::SignerError;
use probity::log::Note;
use probity::log::Signature;
use probity::proto::v1;
use probity::proto::v1::Acknowledgement;
use probity::server::errors::Reason;
use probity::verify::verify_checkpoint;
use tonic::Request;

use crate::proofs::Seals;
use crate::proofs::Stand;
use crate::proofs::WHEN_ASKED;
use crate::service::refusal;
use crate::service::story;

/// Gives its key to nobody, and counts what it signs.
#[derive(Debug)]
struct Token {
    key: SigningKey,
    signed: AtomicU64,
    is_gone: AtomicBool,
}

impl Signer for Token {
    fn public_key(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignerError> {
        if self.is_gone.load(Ordering::Acquire) {
            return Err(SignerError("somebody took it away".to_owned()));
        }
        self.signed.fetch_add(1, Ordering::AcqRel);
        Signer::sign(&self.key, message)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_signs_and_no_key_is_made() {
    let key = SigningKey::from_bytes(&[9; 32]);
    let token = Arc::new(Token { key, signed: AtomicU64::new(0), is_gone: AtomicBool::new(false) });
    let signers: Vec<Arc<dyn Signer>> = vec![Arc::clone(&token) as Arc<dyn Signer>];
    let mut stand = Stand::open_signed_by(Some(WHEN_ASKED), Seals::Written, signers).await;
    assert_eq!(stand.key.public_key().as_bytes(), &token.public_key());
    assert!(!stand.folder.path().join("keys/log.ed25519").exists());
    stand.append(story::request(1)).await.unwrap();
    let note = Note::parse(stand.seal().await.note.as_bytes()).unwrap();
    let good = verify_checkpoint(&note, stand.trust()).unwrap();
    assert_eq!((good.checkpoint.size, good.logs.len()), (7, 1));
    assert_eq!(token.signed.load(Ordering::Acquire), 2);
    // Without it nothing is published, and what was recorded is told as recorded.
    token.is_gone.store(true, Ordering::Release);
    let sealed = v1::AppendRequest { acknowledgement: Acknowledgement::Sealed.into(), ..story::request(2) };
    let mut request = Request::new(sealed);
    request.set_timeout(Duration::from_mins(1));
    let answer = stand.ledger.append(request).await.unwrap().into_inner();
    assert_eq!((answer.acknowledgement(), answer.proof), (Acknowledgement::Recorded, None));
    let refused = stand.append(story::request(3)).await.unwrap_err();
    refusal::check("after it", &refused, Reason::WritingStopped, "", "");
    let note = stand.proofs.get_checkpoint(v1::GetCheckpointRequest::default()).await.unwrap().into_inner().note;
    assert!(note.contains("\n7\n"), "{note}");
    stand.stop().await;
}
