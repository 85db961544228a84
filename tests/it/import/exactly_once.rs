//! However often an import is interrupted, the log is the one that an uninterrupted import leaves.

use probity::import::error::ImportError;

use crate::import::Bench;
use crate::import::HEADER;
use crate::import::fake::Break;
use crate::import::fake::Fake;

const JANUARY: &str = "c1,o1,2020-01-02,proved,none\nc1,o2,2020-01,,none\nc2,o1,2020,not proved,fine\n";
const FEBRUARY: &str = "c1,o1,2020-01-02,not proved,none\nc2,o1,2020,not proved,fine\nc3,o3,2020-02-01,proved,none\n";
/// Four registrations or cases a month at most; more than there are requests.
const REQUESTS: u64 = 9;

fn months() -> Bench {
    let (january, february) = (format!("{HEADER}{JANUARY}"), format!("{HEADER}{FEBRUARY}"));
    Bench::new(&[("2020-01-31.csv", january.as_bytes()), ("2020-02-29.csv", february.as_bytes())])
}

async fn uninterrupted() -> Vec<(String, Vec<u8>)> {
    let fake = Fake::start().await;
    let outcome = months().run(&fake).await.unwrap();
    assert!(outcome.summary.complete);
    assert_eq!(fake.log().len() as u64, REQUESTS);
    fake.log()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_at_any_request_changes_nothing() {
    let expected = uninterrupted().await;
    for request in 0..REQUESTS {
        for how in [Break::BeforeRecording, Break::BeforeAnswer] {
            let (fake, bench) = (Fake::start().await, months());
            fake.break_at(request, how);
            let outcome = bench.run(&fake).await.unwrap();
            assert!(outcome.stopped.is_none(), "{how:?} at {request}: {:?}", outcome.stopped);
            assert_eq!(fake.log(), expected, "{how:?} at {request}");
            assert_eq!(outcome.summary.reconnects, 1, "{how:?} at {request}");
            assert_eq!(outcome.summary.events, fake.events().len() as u64, "{how:?} at {request}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_stops_at_any_request_goes_on_when_it_is_run_again() {
    let expected = uninterrupted().await;
    for request in 0..REQUESTS {
        for how in [Break::BeforeRecording, Break::BeforeAnswer] {
            for forget in [false, true] {
                let (fake, bench) = (Fake::start().await, months());
                fake.break_at(request, how);
                let first = bench.run_once(&fake).await.unwrap();
                assert!(matches!(first.stopped, Some(ImportError::Unreachable { .. })), "{:?}", first.stopped);
                if forget {
                    bench.forget_state();
                }
                let second = bench.run(&fake).await.unwrap();
                assert!(second.stopped.is_none(), "{how:?} at {request}: {:?}", second.stopped);
                assert_eq!(fake.log(), expected, "{how:?} at {request}, state forgotten: {forget}");
                let rows = second.summary.rows;
                assert_eq!((rows.read, rows.imported + rows.skipped, rows.rejected), (6, 6, 0));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_adds_nothing() {
    let (fake, bench) = (Fake::start().await, months());
    bench.run(&fake).await.unwrap();
    let before = fake.log();
    for forget in [false, true] {
        if forget {
            bench.forget_state();
        }
        let again = bench.run(&fake).await.unwrap();
        assert_eq!(fake.log(), before);
        assert_eq!((again.summary.rows.read, again.summary.rows.skipped, again.summary.events), (6, 6, 0));
        assert_eq!((again.summary.gone.read, again.summary.gone.skipped), (1, 1));
        assert_eq!(again.summary.replayed > 0, forget, "what is remembered is not sent");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_further_edition_adds_only_itself() {
    let (fake, mut bench) = (Fake::start().await, Bench::new(&[]));
    bench.input("2020-01-31.csv", format!("{HEADER}{JANUARY}").as_bytes());
    bench.run(&fake).await.unwrap();
    bench.input("2020-02-29.csv", format!("{HEADER}{FEBRUARY}").as_bytes());
    let further = bench.run(&fake).await.unwrap();
    assert_eq!(fake.log(), uninterrupted().await);
    assert_eq!((further.summary.rows.imported, further.summary.replayed), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_of_another_log_is_not_believed() {
    let bench = months();
    let one = Fake::start().await;
    bench.run(&one).await.unwrap();
    let other = Fake::start().await;
    bench.run(&other).await.unwrap();
    assert_eq!(one.log(), other.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_were_refused_are_tried_again() {
    let text = format!("{HEADER}c1,o1,2020,proved,none\nrefused,o1,2020,proved,none\n");
    let (fake, bench) = (Fake::start().await, Bench::new(&[("2020.csv", text.as_bytes())]));
    for _ in 0..2 {
        bench.run(&fake).await.unwrap();
        assert_eq!(bench.rejects(), [("2020.csv".to_owned(), 3, "RULE_VIOLATED".to_owned())]);
    }
    assert_eq!(fake.log().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_not_there_is_said_to_be_unreachable() {
    let (fake, bench) = (Fake::start().await, months());
    // Closed before the import begins. A server that was told to stop may still answer for a while.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut options = probity::import::Options {
        to: gone,
        mapping: None,
        inputs: bench.inputs.clone(),
        key: bench.path("import.key"),
        state: bench.path("state"),
        rejects: bench.path("rejects.jsonl"),
        patience: probity::import::send::Patience { attempts: 1, pause: std::time::Duration::ZERO },
    };
    let progress = || std::sync::Arc::new(probity::import::Progress::default());
    let refused = probity::import::run(options.clone(), progress()).await;
    assert!(matches!(refused, Err(ImportError::Unreachable { .. })), "{refused:?}");
    options.to = "not a url".to_owned();
    let refused = probity::import::run(options, progress()).await;
    assert!(matches!(refused, Err(ImportError::Unreachable { .. })), "{refused:?}");
    assert!(fake.log().is_empty());
}
