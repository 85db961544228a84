//! The service as clients and operators meet it: the real program in a process of its own, over real gRPC; or, where
//! the clock or the limits are to be set, the same service in this process.

pub(crate) mod refusal;
pub(crate) mod story;

use std::ffi::OsStr;
use std::fs;
use std::fs::File;
use std::io::BufRead as _;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use probity::clock::Clock;
use probity::clock::Settable;
use probity::proto::v1;
use probity::proto::v1::append_stream_response::Result as Answer;
use probity::proto::v1::ledger_service_client::LedgerServiceClient;
use probity::server;
use probity::server::Running;
use probity::server::Settings;
use probity::service;
use probity::service::Options;
use tokio_stream::StreamExt as _;
use tonic::Status;
use tonic::transport::Channel;

pub(crate) type Ledger = LedgerServiceClient<Channel>;

/// The program, with nothing of this process's own settings in its environment.
pub(crate) fn probity<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
    for (key, _) in std::env::vars_os().filter(|(key, _)| key.to_string_lossy().starts_with("PROBITY_")) {
        command.env_remove(key);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// `probity serve` on a port of its own choice, without a reserve: the disks of test machines are small. Nothing is
/// sealed unless a test asks for it: seals come when they come, and tests name entries by their places.
pub(crate) fn serve(data: &Path) -> Command {
    let mut command = probity(["serve", "--listen", "127.0.0.1:0", "--data"]);
    command.arg(data).env("PROBITY_RESERVE_BYTES", "0").env("PROBITY_SEAL_EVERY_MS", "0");
    command
}

/// A running `probity serve`. It is killed when this value goes.
#[derive(Debug)]
pub(crate) struct Served {
    child: Child,
    /// Held, so that the process can still print.
    printed: BufReader<ChildStdout>,
    pub(crate) url: String,
}

/// What a program that did not run left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
}

impl Served {
    /// Starts it; what it says on standard error is added to the file `<data>.said`.
    pub(crate) fn start(data: &Path) -> Self {
        let said = said(data);
        Self::try_start(&mut serve(data), &said)
            .unwrap_or_else(|ended| panic!("{ended:?}: {}", fs::read_to_string(said).unwrap()))
    }

    /// Starts `command` and waits for the line that scripts wait for.
    pub(crate) fn try_start(command: &mut Command, said: &Path) -> Result<Self, Ended> {
        let said = File::options().create(true).append(true).open(said).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(said).spawn().unwrap();
        let mut printed = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        printed.read_line(&mut line).unwrap();
        match line.trim_end().strip_prefix("listening on ") {
            Some(url) => Ok(Self { url: url.to_owned(), printed, child }),
            None => Err(Ended { status: child.wait().unwrap() }),
        }
    }

    pub(crate) async fn ledger(&self) -> Ledger {
        ledger(&self.url).await
    }

    /// The most memory that the process has had so far, in KiB.
    pub(crate) fn peak_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().split(' ').next().unwrap().parse().unwrap()
    }

    /// Has the system's core of it hold its memory, as it would if the program had not seen to it.
    pub(crate) fn open_its_core(&self) {
        fs::write(format!("/proc/{}/coredump_filter", self.child.id()), "0x33").unwrap();
    }

    /// Tells it to stop, as a service manager would, without waiting.
    pub(crate) fn terminate(&self) {
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Tells it to stop and waits until it has.
    pub(crate) fn stop(self) {
        self.terminate();
        let status = self.wait();
        assert!(status.success(), "it stopped with {status}");
    }

    /// As [`Self::stop`]; what it printed after the line that scripts wait for.
    pub(crate) fn stop_and_read(mut self) -> Vec<u8> {
        self.terminate();
        let mut printed = Vec::new();
        std::io::Read::read_to_end(&mut self.printed, &mut printed).unwrap();
        let status = self.wait();
        assert!(status.success(), "it stopped with {status}");
        printed
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Where a service on this folder writes what it says.
pub(crate) fn said(data: &Path) -> PathBuf {
    data.with_extension("said")
}

/// Runs a command to its end; everything that it printed.
pub(crate) fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The whole log verifies, its sealed parts open, and its index equals the one folded again.
pub(crate) fn verify(data: &Path) {
    let (status, printed, said) = run(probity(["verify", "--views", "--open-parts", "--data"]).arg(data));
    assert_eq!(status, Some(0), "{printed}\n{said}");
}

pub(crate) async fn ledger(url: &str) -> Ledger {
    LedgerServiceClient::connect(url.to_owned()).await.unwrap()
}

/// The position of the last entry, and its leaf hash.
pub(crate) async fn head(ledger: &mut Ledger) -> (u64, Vec<u8>) {
    let head = ledger.get_head(v1::GetHeadRequest {}).await.unwrap().into_inner();
    (head.position, head.leaf_hash.to_vec())
}

/// Appends all of them over one call, each by itself; the answers in their order. Ends where the call does.
pub(crate) async fn append_all(
    ledger: &mut Ledger,
    requests: Vec<v1::AppendRequest>,
) -> Result<Vec<Result<v1::AppendResponse, Status>>, Status> {
    let messages = requests.into_iter().map(|append| v1::AppendStreamRequest { append: Some(append) });
    let mut answers = ledger.append_stream(tokio_stream::iter(messages)).await?.into_inner();
    let mut received = Vec::new();
    while let Some(answer) = answers.next().await {
        received.push(result(answer?));
    }
    Ok(received)
}

/// An answer of a stream, as a call of its own would have given it.
pub(crate) fn result(answer: v1::AppendStreamResponse) -> Result<v1::AppendResponse, Status> {
    match answer.result.unwrap() {
        Answer::Receipt(receipt) => Ok(receipt),
        Answer::Refusal(refusal) => {
            let details = prost::Message::encode_to_vec(&refusal);
            Err(Status::with_details(refusal.code.into(), refusal.message, details.into()))
        }
    }
}

/// The service in this process.
#[derive(Debug)]
pub(crate) struct Here {
    running: Running,
    pub(crate) url: String,
}

impl Here {
    /// Opens the log under a clock that the test sets; `change` sets what else it wants.
    pub(crate) async fn open(data: &Path, clock: &Arc<Settable>, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options::new(data.to_owned());
        options.store.reserve_bytes = 0;
        change(&mut options);
        let limits = options.limits;
        let clock: Clock = Arc::clone(clock) as Clock;
        let opened = tokio::task::spawn_blocking(move || service::open(&options, clock, |_| ())).await.unwrap();
        let listen = "127.0.0.1:0".parse().unwrap();
        let settings = Settings { listen, limits, stop_within: Duration::from_secs(5) };
        let running = server::serve(opened.unwrap(), settings).await.unwrap();
        Self { url: format!("http://{}", running.address), running }
    }

    pub(crate) async fn ledger(&self) -> Ledger {
        ledger(&self.url).await
    }

    pub(crate) fn service(&self) -> &service::Service {
        self.running.service()
    }

    /// Serves checkpoint and tiles over HTTP too.
    pub(crate) fn serve_log(&self, listener: tokio::net::TcpListener, access: probity::http::Access) {
        self.running.serve_log(listener, access, false);
    }

    pub(crate) async fn stop(self) {
        self.running.stop().await.unwrap();
    }
}

/// Changes a bit of an entry, past everything that the program does. It is the first of its append, in the first volume.
pub(crate) fn damage(data: &Path, position: u64) {
    let volume = sled::open(data.join("ledger").join(format!("{:020}", 0))).unwrap();
    let tree = volume.open_tree("log").unwrap();
    let key = [position.to_be_bytes().as_slice(), &[0, 0]].concat();
    let mut frame = tree.get(&key).unwrap().unwrap().to_vec();
    // Into the end of the first entry of the frame: what its leaf commits to.
    let end = 4 + u32::from_be_bytes(frame[..4].try_into().unwrap()) as usize;
    frame[end - 5] ^= 1;
    tree.insert(&key, frame).unwrap();
    tree.flush().unwrap();
}

/// Whether `bytes` are somewhere in a file below a folder.
pub(crate) fn contains_below(folder: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            contains_below(&path, bytes)
        } else {
            fs::read(&path).unwrap().windows(bytes.len()).any(|window| window == bytes)
        }
    })
}
