//! What is forgotten is gone, and nothing that was proved before is proved less.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use chacha20poly1305::KeyInit as _;
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::Aead as _;
use chacha20poly1305::aead::Payload;
use probity::clock::Settable;
use probity::domain::Rule;
use probity::events::Code;
use probity::events::DataScope;
use probity::events::ErasureApproved;
use probity::events::ErasureCompleted;
use probity::events::ErasureRequested;
use probity::events::ErasureWithdrawn;
use probity::events::Event;
use probity::events::HoldPlaced;
use probity::events::HoldReleased;
use probity::ledger::Prepared;
use probity::ledger::Proposed;
use probity::ledger::Refusal;
use probity::ledger::Request;
use probity::ledger::Vault as _;
use probity::ledger::prepare;
use probity::log::Checked;
use probity::proto::v1;
use probity::proto::v1::ErasureState;
use probity::proto::v1::admin_service_client::AdminServiceClient;
use probity::proto::v1::record_service_client::RecordServiceClient;
use probity::publish::PublishOptions;
use probity::sequencer::AppendError;
use probity::server::errors::Reason;
use tempfile::TempDir;

use crate::client_sealed;
use crate::service;
use crate::service::Here;
use crate::service::Served;
use crate::service::contains_below;
use crate::service::probity;
use crate::service::refusal;
use crate::service::run;
use crate::service::serve;
use crate::service::story;
use crate::service::story::MARKER;
use crate::service::story::id;

/// 2026-05-03T08:30:00Z.
const BEGIN_MS: u64 = 1_777_797_000_000;
const DAY_MS: u64 = 24 * 3600 * 1000;

fn ground() -> Option<Code> {
    story::code("law", "erasure")
}

/// The identity of person 1.
fn identity() -> DataScope {
    DataScope { owner: format!("entity/{}", id(1, 1)), personal_class: 2, year: 0 }
}

fn requested(erasure: u64, scopes: Vec<DataScope>) -> ErasureRequested {
    ErasureRequested {
        erasure_id: id(erasure, 90),
        scopes,
        subject_ids: vec![id(1, 1)],
        ground: ground(),
        requester: "asker".to_owned(),
        expires_on: story::day(2026, 5, 20),
        ..ErasureRequested::default()
    }
}

fn approved(erasure: u64, approver: &str) -> ErasureApproved {
    let (erasure_id, approver) = (id(erasure, 90), approver.to_owned());
    ErasureApproved { erasure_id, approver, ground: ground(), ..ErasureApproved::default() }
}

/// Where persons 1 and 2 are registered, and how long the log is then.
#[derive(Clone, Copy)]
struct Told {
    first: u64,
    second: u64,
    size: u64,
}

/// A log under a clock that the test sets.
struct Log {
    folder: TempDir,
    clock: Arc<Settable>,
    requests: u8,
}

impl Log {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), clock: Settable::at(BEGIN_MS), requests: 0 }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Seals only when somebody waits for it.
    async fn open(&self) -> Here {
        let publish = PublishOptions { seal_every: std::time::Duration::from_mins(10), ..PublishOptions::default() };
        Here::open(&self.data(), &self.clock, |options| options.publish = Some(publish)).await
    }

    fn prepared(&mut self, here: &Here, principal: &str, event: impl Into<Event>) -> Prepared {
        let event = event.into();
        self.requests += 1;
        let request = Request {
            principal: principal.to_owned(),
            request_id: [self.requests; 16],
            events: vec![Proposed::plain(event.event_type(), event.encode().into())],
            conditions: Vec::new(),
        };
        prepare(request, here.service().vault()).unwrap()
    }

    /// Records an event by the word of a principal.
    async fn record(&mut self, here: &Here, principal: &str, event: impl Into<Event>) -> Result<u64, AppendError> {
        let prepared = self.prepared(here, principal, event);
        let answer = here.service().queue().submit(prepared).await?;
        Ok(here.service().queue().answered(answer).await?.receipt.first_index)
    }

    /// Persons 1 and 2 and a case of person 1 with a narrative.
    async fn told(&mut self, here: &Here) -> Told {
        let first = self.record(here, "clerk", story::person(&id(1, 1))).await.unwrap();
        let second = self.record(here, "clerk", story::person(&id(1, 2))).await.unwrap();
        self.record(here, "clerk", story::case(&id(1, 3), &[&id(1, 1)])).await.unwrap();
        let last = self.record(here, "clerk", story::allegation(&id(1, 3), 1, &id(1, 1))).await.unwrap();
        Told { first, second, size: last + 1 }
    }

    /// Asks for an erasure, has two approve it, and waits until it is carried out.
    async fn erase(&mut self, here: &Here, erasure: u64, scopes: Vec<DataScope>) {
        self.record(here, "asker", requested(erasure, scopes)).await.unwrap();
        self.record(here, "one", approved(erasure, "one")).await.unwrap();
        self.record(here, "two", approved(erasure, "two")).await.unwrap();
        here.service().erase_what_is_approved();
        completed(here, erasure).await;
    }
}

/// Waits until an erasure was carried out: looks after each commit.
async fn completed(here: &Here, erasure: u64) {
    let mut head = here.service().head();
    let waiting = async {
        while state(here, erasure).await != ErasureState::Completed {
            head.changed().await.unwrap();
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), waiting).await.unwrap();
}

async fn state(here: &Here, erasure: u64) -> ErasureState {
    let mut admin = AdminServiceClient::connect(here.url.clone()).await.unwrap();
    let list = admin.list_erasures(v1::ListErasuresRequest::default()).await.unwrap().into_inner();
    let name = format!("erasure/{}", id(erasure, 90));
    list.erasures.iter().find(|listed| listed.name == name).map_or(ErasureState::Unspecified, v1::Erasure::state)
}

fn entry(here: &Here, index: u64) -> Checked {
    here.service().reader().entry(index).unwrap().unwrap().checked
}

/// What lies in a sealed part: its salt, and the ciphertext; checked to open.
fn salt_of(entry: &Checked, part: usize, origin: &str, key: &[u8; 32]) -> (Vec<u8>, Vec<u8>) {
    let manifest = entry.manifest.as_ref().unwrap();
    let ciphertext = entry.entry.parts[part].as_ref().unwrap();
    let mut place = b"probity/seal/v1\0".to_vec();
    place.push(u8::try_from(origin.len()).unwrap());
    place.extend_from_slice(origin.as_bytes());
    place.extend_from_slice(&manifest.request_id);
    place.extend_from_slice(&manifest.number.to_be_bytes());
    place.extend_from_slice(&[u8::try_from(part).unwrap(), manifest.parts[part].class]);
    place.extend_from_slice(&manifest.parts[part].key_id);
    let (nonce, sealed) = ciphertext.split_at(24);
    let nonce: [u8; 24] = nonce.try_into().unwrap();
    let plain =
        XChaCha20Poly1305::new(key.into()).decrypt(&nonce.into(), Payload { msg: sealed, aad: &place }).unwrap();
    (plain[..32].to_vec(), sealed.to_vec())
}

/// Everything that was proved of the first entries.
fn proved(here: &Here, size: u64) -> Vec<Vec<u8>> {
    let proofs = here.service().proofs().unwrap();
    let mut proved = vec![proofs.root_at(size).unwrap().as_bytes().to_vec()];
    for index in 0..size {
        proved.push(proofs.leaf(index).unwrap());
        let path = proofs.inclusion(index, size).unwrap();
        proved.push(path.iter().flat_map(|hash| *hash.as_bytes()).collect());
    }
    proved
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_is_nowhere_and_every_proof_stays_as_it_was() {
    let mut log = Log::new();
    let data = log.data();
    let here = log.open().await;
    let told = log.told(&here).await;
    let sealed = here.service().proofs().unwrap().wait_for(told.size).await.unwrap();
    let size = sealed.checkpoint.size;
    let before = proved(&here, size);
    let registered = entry(&here, told.first);
    let key_id = registered.manifest.as_ref().unwrap().parts[0].key_id;
    let key = here.service().keys().data.by_id(&key_id).unwrap().unwrap().key;
    let (salt, ciphertext) = salt_of(&registered, 0, here.service().vault().origin(), &key);
    assert!(contains_below(&data, &ciphertext), "it was there");

    log.erase(&here, 1, vec![identity()]).await;

    // Right after: neither the plaintext, nor its salt, nor the key; the ciphertext, which nobody can open.
    for (what, bytes) in [("plaintext", MARKER.as_bytes()), ("part salt", &salt), ("data key", key.as_slice())] {
        assert!(!contains_below(&data, bytes), "{what}");
    }
    assert!(here.service().keys().data.by_id(&key_id).unwrap().is_none(), "the key is destroyed");
    assert_eq!(proved(&here, size), before, "proofs");
    let read = here.service().reader().entry(told.first).unwrap().unwrap();
    assert!(read.checked.entry.parts[0].is_none() && read.parts_erased_by[0].is_some(), "masked at once");
    assert!(entry(&here, told.second).entry.parts[0].is_some(), "another person's identity stays");
    let mut records = RecordServiceClient::connect(here.url.clone()).await.unwrap();
    let find = |number| v1::FindRequest {
        scheme: "test.register".to_owned(),
        value: format!("{MARKER}-{}", id(1, number)),
        ..v1::FindRequest::default()
    };
    assert!(records.find(find(1)).await.unwrap().into_inner().name.is_empty(), "found by its number no more");
    assert!(records.find(find(2)).await.unwrap().into_inner().name.starts_with("entity/"), "found as ever");
    here.stop().await;
    let said = run(probity(["verify", "--data"]).arg(&data));
    assert!(said.0 == Some(0) && said.1.contains("erased, and its bytes are still kept"), "{said:?}");

    // And after the volumes were written again: not the ciphertext either.
    let said = run(probity(["volumes", "rewrite", "--json", "--data"]).arg(&data));
    assert!(said.0 == Some(0) && said.1.contains("\"entries\":1"), "{said:?}");
    assert!(!contains_below(&data, &ciphertext), "ciphertext");
    let said = run(probity(["volumes", "rewrite", "--json", "--data"]).arg(&data));
    assert!(said.0 == Some(0) && said.1.contains("\"entries\":0"), "{said:?}");
    let here = log.open().await;
    assert_eq!(proved(&here, size), before, "proofs, after the volumes were written again");
    here.stop().await;
    service::verify(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_takes_three_principals_and_its_time() {
    let mut log = Log::new();
    let here = log.open().await;
    let told = log.told(&here).await;
    let rule = |outcome: Result<u64, AppendError>| match outcome {
        Err(AppendError::Refused(Refusal::Rule { rejection, .. })) => rejection.rule,
        other => panic!("{other:?}"),
    };
    assert_eq!(rule(log.record(&here, "other", requested(1, vec![identity()])).await), Rule::NotThePrincipal);
    let unknown = DataScope { owner: format!("entity/{}", id(1, 9)), ..identity() };
    assert_eq!(rule(log.record(&here, "asker", requested(1, vec![unknown])).await), Rule::StreamUnknown);
    for (what, expires_on) in [("too late", story::day(2026, 6, 3)), ("over", story::day(2026, 5, 2))] {
        let event = ErasureRequested { expires_on, ..requested(1, vec![identity()]) };
        assert_eq!(rule(log.record(&here, "asker", event).await), Rule::ExpiryOutOfRange, "{what}");
    }
    assert_eq!(rule(log.record(&here, "one", approved(1, "one")).await), Rule::StreamUnknown);
    log.record(&here, "asker", requested(1, vec![identity()])).await.unwrap();
    assert_eq!(rule(log.record(&here, "asker", requested(1, vec![identity()])).await), Rule::AlreadyRequested);
    assert_eq!(rule(log.record(&here, "asker", approved(1, "asker")).await), Rule::ApproverIsRequester);
    assert_eq!(rule(log.record(&here, "one", approved(1, "two")).await), Rule::NotThePrincipal);
    log.record(&here, "one", approved(1, "one")).await.unwrap();
    assert_eq!(rule(log.record(&here, "one", approved(1, "one")).await), Rule::ApproverRepeated);
    let done = ErasureCompleted { erasure_id: id(1, 90), entries: 1, keys: 1, ..ErasureCompleted::default() };
    assert_eq!(rule(log.record(&here, "one", done.clone()).await), Rule::NotTheService);
    assert_eq!(rule(log.record(&here, "system", done).await), Rule::NotApproved);
    log.clock.pass(18 * DAY_MS);
    assert_eq!(rule(log.record(&here, "two", approved(1, "two")).await), Rule::ErasureExpired);
    assert_eq!(state(&here, 1).await, ErasureState::Expired);
    let reason = story::code("reason", "late");
    let withdrawn = ErasureWithdrawn { erasure_id: id(1, 90), reason, ..ErasureWithdrawn::default() };
    log.record(&here, "asker", withdrawn.clone()).await.unwrap();
    assert_eq!(rule(log.record(&here, "asker", withdrawn).await), Rule::ErasureEnded);
    assert_eq!(rule(log.record(&here, "two", approved(1, "two")).await), Rule::ErasureEnded);
    assert!(
        here.service().reader().entry(told.first).unwrap().unwrap().checked.entry.parts[0].is_some(),
        "nothing went"
    );
    here.stop().await;
    service::verify(&log.data());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_forbids_an_erasure_until_it_is_released() {
    let mut log = Log::new();
    let here = log.open().await;
    let told = log.told(&here).await;
    let hold = |target: String| HoldPlaced { hold_id: id(1, 80), target, ground: ground(), ..HoldPlaced::default() };
    // Of the case: its narrative is held, and the identity of its respondent is not.
    log.record(&here, "court", hold(format!("entity/{}", id(1, 1)))).await.unwrap();
    let mut admin = AdminServiceClient::connect(here.url.clone()).await.unwrap();
    let ask = |dry_run, scopes| v1::RequestErasureRequest {
        request_id: story::request_id(500),
        dry_run,
        scopes,
        ground: ground(),
        ..v1::RequestErasureRequest::default()
    };
    let narrative = DataScope { owner: format!("case/{}", id(1, 3)), personal_class: 4, year: 0 };
    for scope in [identity(), narrative] {
        let looked = admin.request_erasure(ask(true, vec![scope.clone()])).await.unwrap().into_inner();
        assert!(looked.entries == 1 && looked.keys == 1 && looked.holds.len() == 1, "{looked:?}");
        let refused = admin.request_erasure(ask(false, vec![scope])).await.unwrap_err();
        refusal::check("held", &refused, Reason::ErasureHeld, "", "");
    }
    let other = DataScope { owner: format!("entity/{}", id(1, 2)), ..identity() };
    let looked = admin.request_erasure(ask(true, vec![other])).await.unwrap().into_inner();
    assert!(looked.entries == 1 && looked.holds.is_empty(), "{looked:?}");
    // By other ways than the procedure: it is not carried out.
    log.record(&here, "asker", requested(1, vec![identity()])).await.unwrap();
    log.record(&here, "one", approved(1, "one")).await.unwrap();
    let end = log.record(&here, "two", approved(1, "two")).await.unwrap();
    let approve = v1::ApproveErasureRequest {
        request_id: story::request_id(501),
        name: format!("erasure/{}", id(1, 90)),
        ground: ground(),
        legal_basis: Vec::new(),
    };
    let refused = admin.approve_erasure(approve).await.unwrap_err();
    refusal::check("held", &refused, Reason::ErasureHeld, "", "");
    here.service().erase_what_is_approved();
    here.stop().await;
    let here = log.open().await;
    assert_eq!(state(&here, 1).await, ErasureState::Approved);
    assert!(entry(&here, told.first).entry.parts[0].is_some(), "it is held");
    assert!(here.service().reader().size() <= end + 3, "nothing but seals");
    let released = HoldReleased { hold_id: id(1, 80), ground: ground(), ..HoldReleased::default() };
    log.record(&here, "court", released).await.unwrap();
    here.service().erase_what_is_approved();
    completed(&here, 1).await;
    assert!(entry(&here, told.first).entry.parts[0].is_none());
    here.stop().await;
    service::verify(&log.data());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_payload_goes_where_an_order_says_so() {
    let mut log = Log::new();
    let here = log.open().await;
    let told = log.told(&here).await;
    let case = told.second + 1;
    let sealed = here.service().proofs().unwrap().wait_for(told.size).await.unwrap();
    let before = proved(&here, sealed.checkpoint.size);
    let salt = entry(&here, case).entry.open.unwrap().salt;
    assert!(contains_below(&log.data(), &salt), "it was there");
    let request = ErasureRequested { open_positions: vec![case], ..requested(1, Vec::new()) };
    log.record(&here, "asker", request).await.unwrap();
    log.record(&here, "one", approved(1, "one")).await.unwrap();
    log.record(&here, "two", approved(1, "two")).await.unwrap();
    here.service().erase_what_is_approved();
    completed(&here, 1).await;
    let read = here.service().reader().entry(case).unwrap().unwrap();
    assert!(read.checked.entry.open.is_none() && read.open_erased_by.is_some());
    assert!(entry(&here, told.first).entry.parts[0].is_some(), "nothing else");
    here.stop().await;
    let said = run(probity(["volumes", "rewrite", "--json", "--data"]).arg(log.data()));
    assert!(said.0 == Some(0) && said.1.contains("\"entries\":1"), "{said:?}");
    assert!(!contains_below(&log.data(), &salt), "neither payload nor salt");
    let here = log.open().await;
    assert_eq!(proved(&here, sealed.checkpoint.size), before, "proofs");
    here.stop().await;
    service::verify(&log.data());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_comes_back_with_an_old_copy_is_destroyed_again() {
    let mut log = Log::new();
    let here = log.open().await;
    let told = log.told(&here).await;
    here.stop().await;
    let kept = fs::read(log.data().join("keys/data.keys")).unwrap();
    let here = log.open().await;
    let key_id = entry(&here, told.first).manifest.unwrap().parts[0].key_id;
    log.erase(&here, 1, vec![identity()]).await;
    here.stop().await;
    let after = fs::read(log.data().join("keys/data.keys")).unwrap();
    assert_ne!(after, kept);
    fs::write(log.data().join("keys/data.keys"), &kept).unwrap();
    let here = log.open().await;
    assert!(here.service().keys().data.by_id(&key_id).unwrap().is_none(), "destroyed again");
    let other = entry(&here, told.second).manifest.unwrap().parts[0].key_id;
    assert!(here.service().keys().data.by_id(&other).unwrap().is_some(), "and no other");
    assert_eq!(state(&here, 1).await, ErasureState::Completed);
    here.stop().await;
    service::verify(&log.data());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sealed_with_a_key_that_is_retired_meanwhile_is_refused_and_nothing_is_lost() {
    let mut log = Log::new();
    let here = log.open().await;
    log.told(&here).await;
    let allegation = story::allegation(&id(1, 3), 2, &id(1, 1));
    let waiting = log.prepared(&here, "clerk", allegation.clone());
    let narrative = DataScope { owner: format!("case/{}", id(1, 3)), personal_class: 4, year: 0 };
    log.erase(&here, 1, vec![narrative]).await;
    let answer = here.service().queue().submit(waiting).await.unwrap();
    assert_eq!(here.service().queue().answered(answer).await.unwrap_err(), AppendError::KeyRetired);
    log.requests -= 1;
    let position = log.record(&here, "clerk", allegation).await.unwrap();
    let part = &entry(&here, position).manifest.unwrap().parts[0];
    assert!(here.service().keys().data.by_id(&part.key_id).unwrap().is_some(), "sealed with another key");
    here.stop().await;
    service::verify(&log.data());
}

/// Approved, and stopped before it is carried out: a hold is in force, which a second start does not know any more.
async fn approved_only(data: &Path) {
    let mut log = Log { folder: TempDir::new().unwrap(), clock: Settable::at(BEGIN_MS), requests: 0 };
    let here = log.open().await;
    log.told(&here).await;
    log.record(&here, "asker", requested(1, vec![identity()])).await.unwrap();
    log.record(&here, "one", approved(1, "one")).await.unwrap();
    log.record(&here, "two", approved(1, "two")).await.unwrap();
    here.stop().await;
    assert!(Command::new("cp").arg("-a").arg(log.data()).arg(data).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_is_killed_at_any_step_is_finished_by_the_next_start() {
    let folder = TempDir::new().unwrap();
    let approved = folder.path().join("approved");
    approved_only(&approved).await;
    for step in ["erase-retired", "erase-recorded", "erase-destroyed"] {
        let data = folder.path().join(step);
        assert!(Command::new("cp").arg("-a").arg(&approved).arg(&data).status().unwrap().success());
        let started = |crash: &str| {
            let mut command = serve(&data);
            command.args(["--accept-gap"]).env("PROBITY_CRASH_AT", crash);
            command
        };
        // It may be killed before it says that it serves.
        match Served::try_start(&mut started(step), &service::said(&data)) {
            Ok(served) => drop(served.wait()),
            Err(ended) => assert!(!ended.status.success()),
        }
        let served = Served::try_start(&mut started(""), &service::said(&data)).unwrap();
        let mut admin = AdminServiceClient::connect(served.url.clone()).await.unwrap();
        let mut ledger = served.ledger().await;
        let request = v1::SubscribeRequest { after: None, view: v1::EntryView::Headers.into(), ..Default::default() };
        let mut entries = ledger.subscribe(request).await.unwrap().into_inner();
        let mut types = Vec::new();
        while types.last().map(String::as_str) != Some("erasure.completed") {
            let message = tokio::time::timeout(std::time::Duration::from_mins(1), entries.message()).await.unwrap();
            types.extend(events_of(message.unwrap().unwrap()));
        }
        let list = admin.list_erasures(v1::ListErasuresRequest::default()).await.unwrap().into_inner();
        assert_eq!(list.erasures[0].state(), ErasureState::Completed, "{step}");
        assert_eq!(types.iter().filter(|name| *name == "entry.erased").count(), 1, "{step}: once");
        drop(entries);
        served.stop();
        service::verify(&data);
        let keys = fs::read(data.join("keys/data.keys")).unwrap();
        let destroyed = keys.chunks(128).filter(|record| record[4] == 3).count();
        assert_eq!(destroyed, 1, "{step}: one key is destroyed");
    }
}

fn events_of(message: v1::SubscribeResponse) -> Vec<String> {
    match message.event {
        Some(v1::subscribe_response::Event::Entries(entries)) => {
            entries.entries.into_iter().map(|entry| entry.event_type).collect()
        }
        _ => Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_encryption_key_opens_what_was_sealed_and_makes_old_copies_worthless() {
    let mut log = Log::new();
    let here = log.open().await;
    let told = log.told(&here).await;
    here.stop().await;
    let file = log.data().join("keys/data.keys");
    let (old, kek) = (fs::read(&file).unwrap(), fs::read(log.data().join("keys/kek")).unwrap());
    let said = run(probity(["key", "rewrap", "--data"]).arg(log.data()));
    assert_eq!(said.0, Some(0), "{said:?}");
    assert_ne!(fs::read(&file).unwrap(), old);
    assert_ne!(fs::read(log.data().join("keys/kek")).unwrap(), kek);
    assert!(!contains_below(&log.data(), &kek), "the old key is nowhere");
    service::verify(&log.data());
    let here = log.open().await;
    assert!(here.service().vault().open_part(&entry(&here, told.first), 0).unwrap().is_some(), "it opens");
    here.stop().await;
    let new = fs::read(&file).unwrap();
    fs::write(&file, &old).unwrap();
    let said = run(probity(["volumes", "rewrite", "--data"]).arg(log.data()));
    assert!(said.0 == Some(2) && said.2.contains("another key-encryption key"), "{said:?}");
    fs::write(&file, &new).unwrap();
    service::verify(&log.data());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_sealed_goes_with_the_rest_and_its_key_is_not_ours_to_destroy() {
    let mut log = Log::new();
    let here = log.open().await;
    let told = log.told(&here).await;
    let origin = here.service().vault().origin().to_owned();
    let mut ledger = here.ledger().await;
    let event = client_sealed::sealed(&origin, 900, story::person(&id(9, 1)));
    let ciphertext = event.sealed[0].ciphertext.clone();
    let position = ledger.append(client_sealed::request(900, event)).await.unwrap().into_inner().first_position;
    assert!(contains_below(&log.data(), &ciphertext), "it was there");
    let scope = DataScope { owner: format!("entity/{}", id(9, 1)), personal_class: 2, year: 0 };
    let mut admin = AdminServiceClient::connect(here.url.clone()).await.unwrap();
    let ask = |scopes| v1::RequestErasureRequest { dry_run: true, scopes, ground: ground(), ..Default::default() };
    let looked = admin.request_erasure(ask(vec![scope.clone()])).await.unwrap().into_inner();
    assert_eq!((looked.entries, looked.keys, looked.parts_sealed_by_clients), (1, 0, 1), "{looked:?}");
    assert_eq!((looked.losses[0].position, looked.losses[0].sealed_by_clients.as_slice()), (position, [0].as_slice()));
    for other in [
        DataScope { personal_class: 4, ..scope.clone() },
        DataScope { owner: format!("entity/{}", id(1, 3)), ..scope.clone() },
        DataScope { year: 2021, ..scope.clone() },
    ] {
        let looked = admin.request_erasure(ask(vec![other])).await;
        assert!(looked.is_err() || looked.unwrap().into_inner().parts_sealed_by_clients == 0);
    }
    let both = admin.request_erasure(ask(vec![identity(), scope.clone()])).await.unwrap().into_inner();
    assert_eq!((both.entries, both.keys, both.parts_sealed_by_clients), (2, 1, 1), "{both:?}");

    log.erase(&here, 1, vec![scope]).await;
    let read = here.service().reader().entry(position).unwrap().unwrap();
    assert!(read.checked.entry.parts[0].is_none() && read.parts_erased_by[0].is_some(), "masked at once");
    assert!(entry(&here, told.first).entry.parts[0].is_some(), "another person's identity stays");
    // Repeated, it is what was recorded: commitments stay.
    let again = client_sealed::sealed(&origin, 900, story::person(&id(9, 1)));
    let again = ledger.append(client_sealed::request(900, again)).await.unwrap().into_inner();
    assert!(again.replayed && again.content_checked() == v1::ContentChecked::Partly, "{again:?}");
    here.stop().await;
    let said = run(probity(["volumes", "rewrite", "--json", "--data"]).arg(log.data()));
    assert!(said.0 == Some(0) && said.1.contains("\"entries\":1"), "{said:?}");
    assert!(!contains_below(&log.data(), &ciphertext), "nowhere");
    service::verify(&log.data());
    let here = log.open().await;
    assert!(here.service().vault().open_part(&entry(&here, told.first), 0).unwrap().is_some(), "no key was destroyed");
    here.stop().await;
}
