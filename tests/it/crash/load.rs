//! Clients that append as fast as they are answered, and remember what was acknowledged.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use probity::proto::v1;
use probity::server::errors::Reason;
use tokio::sync::Semaphore;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::service;
use crate::service::Ledger;
use crate::service::story;

/// Clients with a call for each append, beside one that has a stream.
const CALLERS: usize = 3;

/// Appends of the stream that wait for their answers.
const WAITING: usize = 64;

/// Is told of each acknowledgement, once it has come.
pub(crate) type Witness = Box<dyn Fn(u64, &v1::AppendResponse) + Send + Sync>;

/// Requests of ascending numbers: what was sent, and what was acknowledged.
#[derive(Debug)]
pub(crate) struct Load {
    shared: Arc<Shared>,
    first: u64,
    /// Numbers from here on were not repeated since they were sent.
    unrepeated: u64,
}

struct Shared {
    /// With which reasons calls may end.
    ends: &'static [Reason],
    next: AtomicU64,
    /// Locked for a moment, to note or look up one.
    receipts: Mutex<BTreeMap<u64, v1::AppendResponse>>,
    witness: Witness,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("next", &self.next).finish_non_exhaustive()
    }
}

/// Clients that run until the service ends.
#[derive(Debug)]
pub(crate) struct Running {
    clients: JoinSet<()>,
    acknowledged: watch::Receiver<u64>,
}

impl Running {
    /// Waits for so many acknowledgements, or until all clients have ended.
    pub(crate) async fn acknowledged(&self, count: u64) {
        drop(self.acknowledged.clone().wait_for(|acknowledged| *acknowledged >= count).await);
    }
}

impl Load {
    /// Requests with numbers from `first` on.
    pub(crate) fn new(first: u64) -> Self {
        Self::with(first, &[Reason::ServerShuttingDown], Box::new(|_, _| ()))
    }

    /// The same against a disk that fails: the service may see it, and say so.
    pub(crate) fn on_a_failing_disk(first: u64, witness: Witness) -> Self {
        // Keys and index may be what it fails to read first.
        const SEEN: &[Reason] = &[Reason::CommitOutcomeUnknown, Reason::WritingStopped, Reason::StoreUnreadable];
        Self::with(first, SEEN, witness)
    }

    fn with(first: u64, ends: &'static [Reason], witness: Witness) -> Self {
        let shared = Shared { ends, next: AtomicU64::new(first), receipts: Mutex::default(), witness };
        Self { shared: Arc::new(shared), first, unrepeated: first }
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.shared.receipts.lock().unwrap().len()
    }

    pub(crate) fn sent(&self) -> u64 {
        self.shared.next.load(Ordering::SeqCst) - self.first
    }

    /// Lets clients append until the service ends.
    pub(crate) fn start(&self, url: &str) -> Running {
        let (sender, acknowledged) = watch::channel(0);
        let count = Arc::new(sender);
        let mut clients = JoinSet::new();
        let (callers, waiting) = if self.first >= story::LARGE { (1, 1) } else { (CALLERS, WAITING) };
        for _ in 0..callers {
            clients.spawn(calls(url.to_owned(), Arc::clone(&self.shared), Arc::clone(&count)));
        }
        clients.spawn(stream(url.to_owned(), Arc::clone(&self.shared), count, waiting));
        Running { clients, acknowledged }
    }

    /// Waits until the clients have seen the service end.
    pub(crate) async fn end(&self, mut running: Running) {
        while let Some(client) = running.clients.join_next().await {
            client.unwrap();
        }
    }

    /// Repeats what was sent since the last time: what was acknowledged gets its answer again, everything else is
    /// acknowledged now.
    pub(crate) async fn repeat(&mut self, url: &str) -> Result<(), Status> {
        let connected = Ledger::connect(url.to_owned()).await;
        let mut ledger = connected.map_err(|error| Status::unavailable(error.to_string()))?;
        let at_once = if self.first >= story::LARGE { 4 } else { 256 };
        while self.unrepeated < self.shared.next.load(Ordering::SeqCst) {
            let end = self.shared.next.load(Ordering::SeqCst).min(self.unrepeated + at_once);
            let numbers = self.unrepeated..end;
            let answers = service::append_all(&mut ledger, numbers.clone().map(story::request).collect()).await?;
            assert_eq!(answers.len() as u64, end - self.unrepeated, "answers");
            for (number, answer) in numbers.zip(answers) {
                self.compare(number, answer.unwrap_or_else(|status| panic!("request {number}: {status:?}")));
            }
            self.unrepeated = end;
        }
        Ok(())
    }

    /// The same with everything that was ever sent.
    pub(crate) async fn repeat_all(&mut self, url: &str) -> Result<(), Status> {
        self.unrepeated = self.first;
        self.repeat(url).await
    }

    fn compare(&self, number: u64, answer: v1::AppendResponse) {
        let known = self.shared.receipts.lock().unwrap().get(&number).cloned();
        match known {
            None => self.shared.note(number, answer),
            Some(receipt) => {
                let wholly = v1::ContentChecked::Wholly.into();
                let expected = v1::AppendResponse { replayed: true, content_checked: wholly, ..receipt };
                assert_eq!(answer, expected, "request {number} was acknowledged before");
            }
        }
    }

    /// The log holds every request that was sent, whole, once, where its receipt says; and nothing else.
    pub(crate) async fn compare_with_log(&self, url: &str) {
        let mut ledger = service::ledger(url).await;
        let view = v1::EntryView::Headers.into();
        let request = v1::ReadEntriesRequest { view, ..v1::ReadEntriesRequest::default() };
        let mut messages = ledger.read_entries(request).await.unwrap().into_inner();
        let mut found: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let mut hashes = Vec::new();
        while let Some(message) = messages.message().await.unwrap() {
            for entry in message.entries {
                assert_eq!(entry.position, hashes.len() as u64);
                hashes.push(entry.leaf_hash);
                // GENESIS and SEALs are nobody's request.
                if !entry.request_id.is_empty() {
                    found.entry(entry.request_id).or_default().push(entry.position);
                }
            }
        }
        let receipts = self.shared.receipts.lock().unwrap();
        assert_eq!((receipts.len() as u64, found.len() as u64), (self.sent(), self.sent()));
        for (number, receipt) in receipts.iter() {
            let (first, count) = (receipt.first_position, u64::from(receipt.count));
            assert_eq!(count, story::request(*number).events.len() as u64);
            assert_eq!(found[&story::request_id(*number)], (first..first + count).collect::<Vec<u64>>());
            assert_eq!(hashes[usize::try_from(first + count - 1).unwrap()], receipt.leaf_hash);
        }
    }
}

impl Shared {
    fn note(&self, number: u64, receipt: v1::AppendResponse) {
        let receipt = v1::AppendResponse { replayed: false, content_checked: 0, ..receipt };
        (self.witness)(number, &receipt);
        self.receipts.lock().unwrap().insert(number, receipt);
    }

    /// A service may end at any moment, and may say why; it may not refuse.
    fn ended(&self, number: u64, status: &Status) {
        if let Some(info) = status.get_error_details().error_info() {
            let expected = self.ends.iter().any(|reason| reason.name() == info.reason);
            assert!(expected, "request {number}: {status:?}");
        }
    }

    fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::SeqCst)
    }
}

async fn calls(url: String, shared: Arc<Shared>, count: Arc<watch::Sender<u64>>) {
    let Ok(mut ledger) = Ledger::connect(url).await else { return };
    loop {
        let number = shared.next();
        match ledger.append(story::request(number)).await {
            Ok(receipt) => shared.note(number, receipt.into_inner()),
            Err(status) => return shared.ended(number, &status),
        }
        count.send_modify(|count| *count += 1);
    }
}

async fn stream(url: String, shared: Arc<Shared>, count: Arc<watch::Sender<u64>>, waiting: usize) {
    let Ok(mut ledger) = Ledger::connect(url).await else { return };
    let (sender, receiver) = mpsc::channel(1);
    let (number_sender, mut numbers) = mpsc::unbounded_channel();
    // HTTP/2 alone would let thousands run ahead of their answers.
    let places = Arc::new(Semaphore::new(waiting));
    let (source, taken) = (Arc::clone(&shared), Arc::clone(&places));
    tokio::spawn(async move {
        loop {
            taken.acquire().await.unwrap().forget();
            let number = source.next();
            number_sender.send(number).unwrap_or_default();
            let message = v1::AppendStreamRequest { append: Some(story::request(number)) };
            if sender.send(message).await.is_err() {
                return;
            }
        }
    });
    let mut answers = match ledger.append_stream(ReceiverStream::new(receiver)).await {
        Ok(answers) => answers.into_inner(),
        Err(status) => return shared.ended(0, &status),
    };
    loop {
        let answer = match answers.message().await {
            Ok(Some(answer)) => answer,
            Ok(None) => return,
            Err(status) => return shared.ended(0, &status),
        };
        // Answers keep the order of the requests.
        let number = numbers.recv().await.unwrap();
        places.add_permits(1);
        match service::result(answer) {
            Ok(receipt) => shared.note(number, receipt),
            Err(status) => return shared.ended(number, &status),
        }
        count.send_modify(|count| *count += 1);
    }
}
