//! A service that cannot do what is asked, though nothing is wrong with the request.
#![expect(clippy::print_stdout, reason = "seeds and counts of a run that failed")]

use std::os::unix::fs::FileExt as _;
use std::process::Command;

use futures_util::future::join_all;
use probity::clock::Settable;
use probity::ledger::Proposed;
use probity::ledger::Request;
use probity::ledger::prepare;
use probity::proto::v1;
use probity::sequencer::Limits;
use probity::server::errors::Reason;
use probity::server::errors::of_append;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::bad_input::tell;
use crate::service;
use crate::service::Here;
use crate::service::Served;
use crate::service::head;
use crate::service::refusal;
use crate::service::story;
use crate::service::story::LARGE;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_at_once_and_loses_nothing() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let one = Limits { requests_max: 1, ..Limits::default() };
    let here = Here::open(&data, &Settable::at(1_800_000_000_000), |options| options.limits = one).await;
    let ledger = here.ledger().await;
    let (mut recorded, mut refused) = (0, 0);
    // Of many at once only so many find a place; by chance all could, so once more where they did.
    for burst in 0..20 {
        let calls = (0..64).map(|number| {
            let mut ledger = ledger.clone();
            let request = story::append(100 * burst + number, [story::organisation(&story::id(burst, number)).into()]);
            async move { ledger.append(request).await }
        });
        for answer in join_all(calls).await {
            match answer {
                Ok(_) => recorded += 1,
                Err(status) => {
                    let details = refusal::check("a full queue", &status, Reason::WriteQueueFull, "", "");
                    assert!(details.retry_info().unwrap().retry_delay.unwrap() > std::time::Duration::ZERO);
                    refused += 1;
                }
            }
        }
        if refused > 0 {
            break;
        }
    }
    assert!(refused > 0 && recorded > 0, "{recorded} recorded, {refused} refused");
    assert_eq!(head(&mut here.ledger().await).await.0, recorded);
    here.stop().await;
    service::verify(&data);
}

/// Over gRPC the deadline also ends the call on its way, so that the answer is hardly ever seen: here it is seen where
/// it is made.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_passed_before_the_commit_writes_nothing() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let here = Here::open(&data, &Settable::at(1_800_000_000_000), |_| ()).await;
    let event = probity::events::Event::from(story::person(&story::id(1, 1)));
    let request = Request {
        principal: "local".to_owned(),
        request_id: [1; 16],
        events: vec![Proposed::plain(event.event_type(), event.encode().into())],
        conditions: Vec::new(),
    };
    let prepared = prepare(request, here.service().vault()).unwrap();
    let error = here.service().queue().try_submit(prepared, Some(0)).unwrap().await.unwrap().unwrap_err();
    refusal::check("a deadline", &of_append(&error), Reason::DeadlineBeforeCommit, "", "");
    assert_eq!(head(&mut here.ledger().await).await.0, 0);
    here.stop().await;
    service::verify(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_told_that_the_server_ends() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let served = Served::start(&data);
    let mut ledger = served.ledger().await;
    let (sender, receiver) = mpsc::channel(1);
    let message = |number| v1::AppendStreamRequest { append: Some(story::request(number)) };
    sender.send(message(1)).await.unwrap();
    let mut answers = ledger.append_stream(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    service::result(answers.message().await.unwrap().unwrap()).unwrap();
    served.terminate();
    let ended = answers.message().await.unwrap_err();
    refusal::check("a server that ends", &ended, Reason::ServerShuttingDown, "", "");
    assert!(served.wait().success());
    service::verify(&data);
}

/// A write beyond the file size that the system allows this process fails, as on a failing disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_write_stops_writing_for_ever() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let said = service::said(&data);
    let mut limited = Command::new("bash");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 12288; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_probity")]);
    limited.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data).env("PROBITY_RESERVE_BYTES", "0");
    limited.env("PROBITY_SEAL_EVERY_MS", "0");
    let served = Served::try_start(&mut limited, &said).unwrap();
    let mut ledger = served.ledger().await;
    let mut acknowledged = vec![tell(&mut ledger).await];
    let mut number = LARGE;
    let failed = loop {
        match ledger.append(story::request(number)).await {
            Ok(receipt) => acknowledged.push(receipt.into_inner()),
            Err(status) => break status,
        }
        number += 1;
        assert!(number < LARGE + 100, "it wrote more than it may");
    };
    refusal::check("a failed write", &failed, Reason::CommitOutcomeUnknown, "", "");
    let stopped = ledger.append(story::request(2)).await.unwrap_err();
    refusal::check("after a failed write", &stopped, Reason::WritingStopped, "", "");
    // The same again: whether it is in the log nobody knows in this run, and the answer says that.
    let unknown = ledger.append(story::request(number)).await.unwrap_err();
    refusal::check("the failed write again", &unknown, Reason::WritingStopped, "", "");
    assert!(unknown.message().contains("an earlier one of its id may have"), "{unknown:?}");
    // What was acknowledged, and nothing after it, is the log. sled reads no page again that it meant to write in the
    // failed commit, so that its neighbours may be out of reach until the next start; they are not told as damaged.
    let last = acknowledged.last().unwrap();
    let end = last.first_position + u64::from(last.count) - 1;
    assert_eq!(head(&mut ledger).await, (end, last.leaf_hash.to_vec()));
    let mut unread = Vec::new();
    for position in 0..=end {
        match ledger.get_entry(v1::GetEntryRequest { position, view: 0 }).await {
            Ok(entry) => assert_eq!(entry.into_inner().entry.unwrap().position, position),
            Err(status) => {
                let details = refusal::check("an unread entry", &status, Reason::EntryUnavailable, "", "");
                assert_eq!(details.error_info().unwrap().metadata["position"], position.to_string());
                unread.push(position);
            }
        }
    }
    println!("of {} entries these are out of reach after the failed write: {unread:?}", end + 1);
    assert!(unread.len() as u64 <= end);
    let past = ledger.get_entry(v1::GetEntryRequest { position: end + 1, view: 0 }).await.unwrap_err();
    refusal::check("what was not acknowledged", &past, Reason::EntryNotFound, "", "");
    served.terminate();
    served.wait();
    // Nobody goes on without having looked.
    let (status, _, words) = service::run(&mut service::serve(&data));
    assert_eq!(status, Some(2), "{words}");
    assert!(words.contains("--accept-after-sync-error"), "{words}");
    let served = Served::try_start(service::serve(&data).arg("--accept-after-sync-error"), &said).unwrap();
    let mut ledger = served.ledger().await;
    // What was acknowledged is there; what was not is there whole, or comes in now.
    let told = ledger.append(story::request(1)).await.unwrap().into_inner();
    assert!(told.replayed && told.first_position == acknowledged[0].first_position);
    for (number, receipt) in (LARGE..).zip(&acknowledged[1..]) {
        let again = ledger.append(story::request(number)).await.unwrap().into_inner();
        assert_eq!(v1::AppendResponse { replayed: false, content_checked: 0, ..again }, *receipt);
    }
    // And now it is known what became of the one that failed: it is there once.
    ledger.append(story::request(number)).await.unwrap();
    assert!(ledger.append(story::request(number)).await.unwrap().into_inner().replayed);
    served.stop();
    service::verify(&data);
}

/// sled waits for ever for a thread of its own that died.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_thread_of_sled_stops_writing_and_keeps_nobody_waiting() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let said = service::said(&data);
    Served::start(&data).stop();
    let mut command = service::serve(&data);
    command.env("PROBITY_THREAD_DIES_AT", "after-write-before-sync:3");
    let served = Served::try_start(&mut command, &said).unwrap();
    let mut ledger = served.ledger().await;
    let first = tell(&mut ledger).await;
    let second = ledger.append(story::request(2)).await.unwrap().into_inner();
    let (sender, receiver) = mpsc::channel(2);
    for number in [3, 4] {
        sender.send(v1::AppendStreamRequest { append: Some(story::request(number)) }).await.unwrap();
    }
    let mut answers = ledger.append_stream(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    for number in [3, 4] {
        let lost = service::result(answers.message().await.unwrap().unwrap()).unwrap_err();
        refusal::check(&format!("request {number} waits"), &lost, Reason::CommitOutcomeUnknown, "", "");
    }
    let stopped = ledger.append(story::request(5)).await.unwrap_err();
    refusal::check("after a thread died", &stopped, Reason::WritingStopped, "", "");
    let end = second.first_position + u64::from(second.count) - 1;
    assert_eq!(head(&mut ledger).await, (end, second.leaf_hash.to_vec()));
    for position in 0..=end {
        ledger.get_entry(v1::GetEntryRequest { position, view: 0 }).await.unwrap();
    }
    served.terminate();
    assert!(served.wait().success(), "it ends, though what it waited for never does");
    let (status, _, words) = service::run(&mut service::serve(&data));
    assert_eq!(status, Some(2), "{words}");
    assert!(words.contains("--accept-after-sync-error"), "{words}");
    let served = Served::try_start(service::serve(&data).arg("--accept-after-sync-error"), &said).unwrap();
    let mut ledger = served.ledger().await;
    for (number, receipt) in [(1, first), (2, second)] {
        let again = ledger.append(story::request(number)).await.unwrap().into_inner();
        assert_eq!(v1::AppendResponse { replayed: false, content_checked: 0, ..again }, receipt);
    }
    for number in 3..6 {
        ledger.append(story::request(number)).await.unwrap();
    }
    served.stop();
    service::verify(&data);
}

/// The disk gives other bytes than were written, under the running service.
#[tokio::test(flavor = "multi_thread")]
async fn damage_that_sled_finds_is_told_as_damage() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let clock = Settable::at(1_800_000_000_000);
    let here = Here::open(&data, &clock, |_| ()).await;
    let mut ledger = here.ledger().await;
    tell(&mut ledger).await;
    let last = ledger.append(story::request(LARGE)).await.unwrap().into_inner();
    let end = last.first_position + u64::from(last.count) - 1;
    here.stop().await;
    // Opened anew, it has read the ends of the log and nothing else of it.
    let here = Here::open(&data, &clock, |options| options.verify_newest = 1).await;
    let mut ledger = here.ledger().await;
    let db = data.join("ledger").join(format!("{:020}", 0)).join("db");
    let whole = std::fs::read(&db).unwrap();
    let turned: Vec<u8> = (0..).zip(&whole).map(|(at, byte)| byte ^ u8::from(at % 512 == 300)).collect();
    std::fs::OpenOptions::new().write(true).open(&db).unwrap().write_all_at(&turned, 0).unwrap();
    let mut damaged = 0;
    for position in 0..=end {
        match ledger.get_entry(v1::GetEntryRequest { position, view: 0 }).await {
            Ok(entry) => assert_eq!(entry.into_inner().entry.unwrap().position, position),
            Err(status) => {
                let details = refusal::check("a damaged page", &status, Reason::EntryDamaged, "", "");
                assert_eq!(details.error_info().unwrap().metadata["position"], position.to_string());
                damaged += 1;
            }
        }
    }
    assert!(damaged > end / 2, "{damaged} of {}", end + 1);
    let mut all = ledger.read_entries(v1::ReadEntriesRequest::default()).await.unwrap().into_inner();
    let ended = loop {
        match all.message().await {
            Ok(message) => assert!(message.is_some(), "a read passed over damage"),
            Err(status) => break status,
        }
    };
    refusal::check("damage in a row", &ended, Reason::EntryDamaged, "", "");
    std::fs::OpenOptions::new().write(true).open(&db).unwrap().write_all_at(&whole, 0).unwrap();
    here.stop().await;
    service::verify(&data);
}

/// Somebody writes into the store itself, past everything that the program does.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_was_changed_is_never_served() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let clock = Settable::at(1_800_000_000_000);
    let here = Here::open(&data, &clock, |_| ()).await;
    let mut ledger = here.ledger().await;
    let told = tell(&mut ledger).await;
    for number in 2..6 {
        ledger.append(story::request(number)).await.unwrap();
    }
    here.stop().await;
    service::damage(&data, told.first_position);
    let here = Here::open(&data, &clock, |options| options.verify_newest = 1).await;
    let mut ledger = here.ledger().await;
    let read = ledger.get_entry(v1::GetEntryRequest { position: told.first_position, view: 0 }).await.unwrap_err();
    let details = refusal::check("a changed entry", &read, Reason::EntryDamaged, "", "");
    assert_eq!(details.error_info().unwrap().metadata["position"], told.first_position.to_string());
    let mut all = ledger.read_entries(v1::ReadEntriesRequest::default()).await.unwrap().into_inner();
    let ended = loop {
        match all.message().await {
            Ok(Some(message)) => assert!(message.entries.iter().all(|entry| entry.position < told.first_position)),
            Ok(None) => panic!("a read passed over an entry that was changed"),
            Err(status) => break status,
        }
    };
    refusal::check("a changed entry in a row", &ended, Reason::EntryDamaged, "", "");
    let again = ledger.append(story::request(1)).await.unwrap_err();
    refusal::check("a repeated request that cannot be compared", &again, Reason::StoreUnreadable, "", "");
    here.stop().await;
    let (status, printed, _) = service::run(service::probity(["verify", "--data"]).arg(&data));
    assert_eq!(status, Some(1), "{printed}");
    assert!(printed.contains(&format!("entry {}", told.first_position)), "{printed}");
}
