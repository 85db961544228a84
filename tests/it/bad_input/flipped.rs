//! A store that gives other bytes than were written, under the running service and at its start: what was changed is
//! named, and nothing of it is ever told.
#![expect(clippy::print_stdout, reason = "seeds of a run that failed")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use probity::clock::Clock;
use probity::clock::Settable;
use probity::proto::v1;
use probity::proto::v1::subscribe_response::Event;
use probity::sequencer::Limits;
use probity::server;
use probity::server::Running;
use probity::server::Settings;
use probity::server::errors::Reason;
use probity::service;
use probity::service::Options;
use probity::store::LogStore;
use probity::store::MemoryStore;
use probity::store::faulty::FaultyStore;
use probity::store::faulty::Lie;
use tempfile::TempDir;
use tonic::Status;

use crate::service::Ledger;
use crate::service::ledger;
use crate::service::refusal;
use crate::service::story;
use crate::service::story::mix;

/// 2027-01-15T08:00:00Z.
const NOW_MS: u64 = 1_800_000_000_000;

/// A service over a store that lies when it is told to.
struct Lying {
    store: Arc<FaultyStore<MemoryStore>>,
    running: Running,
    ledger: Ledger,
    _folder: TempDir,
}

impl Lying {
    /// With a little of everything in the log.
    async fn with_a_story() -> Self {
        let folder = TempDir::new().unwrap();
        let store = Arc::new(FaultyStore::new(MemoryStore::new(), 1));
        let (options, opened) = (Options::new(folder.path().to_owned()), Arc::clone(&store) as Arc<dyn LogStore>);
        let clock: Clock = Settable::at(NOW_MS);
        let opened = tokio::task::spawn_blocking(move || service::open_over(opened, &options, clock, |_| ())).await;
        let listen = "127.0.0.1:0".parse().unwrap();
        let settings = Settings { listen, limits: Limits::default(), stop_within: Duration::from_secs(5) };
        let running = server::serve(opened.unwrap().unwrap(), settings).await.unwrap();
        let mut ledger = ledger(&format!("http://{}", running.address)).await;
        for number in 1..4 {
            ledger.append(story::request(number)).await.unwrap();
        }
        Self { store, running, ledger, _folder: folder }
    }

    async fn get(&self, position: u64) -> Result<v1::Entry, Status> {
        let read = self.ledger.clone().get_entry(v1::GetEntryRequest { position, view: 0 }).await;
        read.map(|read| read.into_inner().entry.unwrap())
    }

    /// All that a list tells before it ends, and how it ends.
    async fn list(&self) -> (Vec<v1::Entry>, Option<Status>) {
        let mut messages = match self.ledger.clone().read_entries(v1::ReadEntriesRequest::default()).await {
            Ok(messages) => messages.into_inner(),
            Err(status) => return (Vec::new(), Some(status)),
        };
        let mut told = Vec::new();
        loop {
            match messages.message().await {
                Ok(Some(message)) => told.extend(message.entries),
                Ok(None) => return (told, None),
                Err(status) => return (told, Some(status)),
            }
        }
    }

    /// All that a subscription tells until it ends, or has caught up.
    async fn subscribe(&self) -> (Vec<v1::Entry>, Option<Status>) {
        let mut messages = match self.ledger.clone().subscribe(v1::SubscribeRequest::default()).await {
            Ok(messages) => messages.into_inner(),
            Err(status) => return (Vec::new(), Some(status)),
        };
        let mut told = Vec::new();
        loop {
            match messages.message().await {
                Ok(message) => match message.unwrap().event.unwrap() {
                    Event::Entries(batch) => told.extend(batch.entries),
                    Event::CaughtUp(_) => return (told, None),
                    Event::Heartbeat(_) => {}
                },
                Err(status) => return (told, Some(status)),
            }
        }
    }
}

/// It says that this entry is damaged.
fn names(status: &Status, position: u64, when: &str) {
    let details = refusal::check(when, status, Reason::EntryDamaged, "", "");
    assert_eq!(details.error_info().unwrap().metadata["position"], position.to_string(), "{when}");
}

/// One bit of every byte of every entry. Lists and subscriptions read on from there, so that they are asked of every
/// eighth byte only, another one in each entry.
#[tokio::test(flavor = "multi_thread")]
async fn every_byte_that_is_changed_under_the_service_is_found_and_named() {
    let lying = Lying::with_a_story().await;
    let (truth, ended) = lying.list().await;
    assert!(ended.is_none() && truth.len() > 7, "{ended:?}");
    let mut flipped = 0;
    for position in 0..lying.store.size() {
        let bytes = lying.store.inner().get(position).unwrap().unwrap();
        for byte in 0..bytes.len() {
            let mask = 1 << ((byte + bytes.len()) % 8);
            let when = format!("entry {position}, byte {byte}, mask {mask}");
            lying.store.tell(Lie::Flip { index: position, byte, mask });
            names(&lying.get(position).await.unwrap_err(), position, &when);
            if (byte as u64 + position).is_multiple_of(8) {
                for neighbour in [position.checked_sub(1), Some(position + 1)].into_iter().flatten() {
                    let Some(expected) = truth.get(usize::try_from(neighbour).unwrap()) else { continue };
                    assert_eq!(lying.get(neighbour).await.as_ref().unwrap(), expected, "{when}: its neighbour");
                }
                for (told, ended) in [lying.list().await, lying.subscribe().await] {
                    names(&ended.unwrap(), position, &when);
                    assert!(told.len() as u64 <= position && truth.starts_with(&told), "{when}");
                }
            }
            lying.store.be_honest();
            flipped += 1;
        }
    }
    assert!(flipped > 3000, "{flipped} bytes");
    assert_eq!(lying.list().await.0, truth);
    lying.running.stop().await.unwrap();
}

/// Whole entries, too: gone, twice, in each other's places.
#[tokio::test(flavor = "multi_thread")]
async fn entries_that_changed_places_are_never_served() {
    let lying = Lying::with_a_story().await;
    let (truth, _) = lying.list().await;
    let size = lying.store.size();
    for lie in (0..size).flat_map(|index| {
        [
            Lie::Drop { index },
            Lie::Duplicate { index },
            Lie::Swap { one: index, other: (index + 3) % size },
            Lie::End { size: index },
            Lie::Cut { index, len: 40 },
        ]
    }) {
        lying.store.tell(lie);
        for expected in &truth {
            match lying.get(expected.position).await {
                Ok(told) => assert_eq!(told, *expected, "{lie:?}"),
                Err(status) => names(&status, expected.position, &format!("{lie:?}")),
            }
        }
        let harmless = lie == Lie::Duplicate { index: size - 1 };
        for (told, ended) in [lying.list().await, lying.subscribe().await] {
            assert!(truth.starts_with(&told), "{lie:?}");
            match ended {
                Some(status) => drop(refusal::check(&format!("{lie:?}"), &status, Reason::EntryDamaged, "", "")),
                None => assert!(harmless && told == truth, "{lie:?}"),
            }
        }
        lying.store.be_honest();
    }
    lying.running.stop().await.unwrap();
}

fn start(data: &Path) -> Result<service::Service, service::OpenError> {
    let mut options = Options::new(data.to_owned());
    options.store.reserve_bytes = 0;
    service::open(&options, Settable::at(NOW_MS) as Clock, |_| ())
}

/// The newest entries are verified before a service takes a request: here these are all there are.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_refuses_a_log_with_a_changed_byte() {
    let seed: u64 = std::env::var("PROBITY_FLIP_SEED").ok().map_or_else(rand::random, |seed| seed.parse().unwrap());
    println!("PROBITY_FLIP_SEED={seed}");
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let here = crate::service::Here::open(&data, &Settable::at(NOW_MS), |_| ()).await;
    for number in 1..4 {
        here.ledger().await.append(story::request(number)).await.unwrap();
    }
    here.stop().await;
    let change = |key: &sled::IVec, value: &[u8]| {
        let volume = open_volume(&data);
        volume.open_tree("log").unwrap().insert(key, value).unwrap();
        volume.flush().unwrap();
    };
    let values: Vec<(sled::IVec, sled::IVec)> = {
        let volume = open_volume(&data);
        volume.open_tree("log").unwrap().iter().map(Result::unwrap).collect()
    };
    for round in 0..24u64 {
        let random = mix(seed ^ round);
        // The last value is the guard's to know: nothing in the log commits to it.
        let last = values.len() as u64 - 1;
        let (key, value) =
            &values[usize::try_from(if round % 3 == 0 { last } else { mix(random) % (last + 1) }).unwrap()];
        let at = usize::try_from(mix(random ^ 1) % value.len() as u64).unwrap();
        let mut turned = value.to_vec();
        turned[at] ^= 1 << (random % 8);
        change(key, &turned);
        assert!(start(&data).is_err(), "round {round}: byte {at} of value {key:?}");
        change(key, value);
    }
    start(&data).unwrap().stop().unwrap();
    crate::service::verify(&data);
}

/// sled's threads let go of a database that was closed a moment later.
fn open_volume(data: &Path) -> sled::Db {
    let path = data.join("ledger").join(format!("{:020}", 0));
    let opened = (0..100_000).find_map(|_| {
        std::thread::yield_now();
        sled::open(&path).ok()
    });
    opened.unwrap_or_else(|| sled::open(&path).unwrap())
}
