//! Witnesses: the one that we are for others, and ours. Real servers on ports of their own choice.

mod client;
mod crash;
pub(crate) mod files;
mod monitor;
mod program;
mod replaying;
mod server;

use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use probity::clock::Clock;
use probity::clock::Settable;
use probity::fetch::Answer;
use probity::fetch::Client;
use probity::http;
use probity::http::Patience;
use probity::log::AddCheckpoint;
use probity::log::Checkpoint;
use probity::log::Frontier;
use probity::log::LeafHash;
use probity::log::NodeHash;
use probity::log::Nodes;
use probity::log::Note;
use probity::log::Policy;
use probity::log::SignatureType;
use probity::log::SignerKey;
use probity::log::monitoring_path;
use probity::log::prove_consistency;
use probity::witness;
use probity::witness::Witness;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// When every test begins, Unix time in seconds.
pub(crate) const BEGIN_S: u64 = 1_790_000_000;

pub(crate) fn key(name: &str, seed: u8) -> SignerKey {
    SignerKey::new(name, SigningKey::from_bytes(&[seed; 32])).unwrap()
}

/// A log of somebody: leaves that mean nothing.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) signer: SignerKey,
    leaves: Vec<LeafHash>,
}

impl Nodes for Log {
    type Error = Infallible;

    fn node(&self, level: u8, index: u64) -> Result<NodeHash, Infallible> {
        let range = usize::try_from(index << level).unwrap()..usize::try_from((index + 1) << level).unwrap();
        Ok(NodeHash(self.leaves[range].iter().copied().collect::<Frontier>().root().0))
    }
}

impl Log {
    /// Two logs of different `salt` are a fork from entry `from` on.
    pub(crate) fn new(origin: &str, from: u64, salt: u8) -> Self {
        let leaf =
            |index: u64| LeafHash::of(&[&index.to_be_bytes()[..], &[if index < from { 0 } else { salt }]].concat());
        Self { signer: key(origin, 1), leaves: (0..64).map(leaf).collect() }
    }

    pub(crate) fn checkpoint(&self, size: u64) -> Checkpoint {
        let root = self.leaves[..usize::try_from(size).unwrap()].iter().copied().collect::<Frontier>().root();
        Checkpoint { origin: self.signer.name().to_owned(), size, root, extensions: Vec::new() }
    }

    pub(crate) fn hashes(&self, size: u64) -> &[LeafHash] {
        &self.leaves[..usize::try_from(size).unwrap()]
    }

    pub(crate) fn note(&self, size: u64) -> Note {
        self.checkpoint(size).sign(std::slice::from_ref(&self.signer)).unwrap()
    }

    pub(crate) fn proof(&self, old: u64, new: u64) -> Vec<NodeHash> {
        if old == 0 { Vec::new() } else { prove_consistency(self, old, new).unwrap() }
    }

    /// A request to cosign as it should be.
    pub(crate) fn request(&self, old: u64, new: u64) -> AddCheckpoint {
        AddCheckpoint::new(old, self.proof(old, new), self.note(new)).unwrap()
    }
}

/// A line of a policy for a log.
pub(crate) fn log_line(signer: &SignerKey) -> String {
    format!("log {}\n", signer.verifier(SignatureType::Ed25519))
}

/// A policy whose quorum are `k` of witnesses at these addresses.
pub(crate) fn policy(witnesses: &[(&SignerKey, &str)], quorum: &str) -> Policy {
    Policy::parse(policy_text(witnesses, quorum).as_bytes()).unwrap()
}

pub(crate) fn policy_text(witnesses: &[(&SignerKey, &str)], quorum: &str) -> String {
    use std::fmt::Write as _;
    let (mut text, mut names) = (String::new(), String::new());
    for (number, (signer, url)) in witnesses.iter().enumerate() {
        let vkey = signer.verifier(SignatureType::CosignatureV1);
        writeln!(text, "witness w{number} {vkey} {url}").unwrap();
        write!(names, " w{number}").unwrap();
    }
    text + &format!("group g {quorum}{names}\nquorum g\n")
}

/// A witness that is served.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) signer: SignerKey,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

impl Server {
    /// One that knows these logs, on the state that it left.
    pub(crate) async fn start(seed: u8, state: &Path, logs: &str, clock: &Arc<Settable>) -> Self {
        let signer = key(&format!("witness.example.org/w{seed}"), seed);
        let policy = Policy::parse(format!("{logs}quorum none\n").as_bytes()).unwrap();
        let clock: Clock = Arc::clone(clock) as Clock;
        let opened = Witness::open(signer.clone(), &policy, state, clock, None).unwrap();
        Self::serve(opened, signer, Patience::default()).await
    }

    async fn serve(witness: Witness, signer: SignerKey, patience: Patience) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let serving = tokio::spawn(http::answer(listener, witness::pages(Arc::new(witness)), patience, stop.clone()));
        Self { url, signer, stop, serving }
    }

    pub(crate) async fn post(&self, body: impl Into<Vec<u8>>) -> Answer {
        let (url, body) = (format!("{}/add-checkpoint", self.url), body.into());
        ask(move |client| client.post(&url, &body, 1 << 20).unwrap()).await
    }

    pub(crate) async fn get(&self, origin: &str) -> Answer {
        let url = format!("{}/{}", self.url, monitoring_path(origin));
        ask(move |client| client.get(&url, None, 1 << 20).unwrap()).await
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.serving.await.unwrap();
    }
}

pub(crate) async fn ask<T: Send + 'static>(talk: impl FnOnce(&Client) -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(move || talk(&Client::new(Duration::from_secs(20)))).await.unwrap()
}

pub(crate) fn clock() -> Arc<Settable> {
    Settable::at(BEGIN_S * 1000)
}

/// Names of the files in a folder, sorted.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
