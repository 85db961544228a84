use std::sync::Arc;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tonic::Status;

use crate::proto::v1;
use crate::sequencer::AppendError;
use crate::server::appends::Appends;
use crate::server::errors::Reason;
use crate::server::errors::of_append;

/// After this one append, these are the only answers that are counted, each once.
fn check(what: &str, append: impl FnOnce(&Arc<Appends>), expected: &[(&str, &str)]) {
    let mut registry = Registry::default();
    let appends = Arc::new(Appends::new(&mut registry));
    append(&appends);
    let mut page = String::new();
    encode(&mut page, &registry).unwrap();
    let mut found: Vec<&str> = page.lines().filter(|line| !line.starts_with('#') && !line.ends_with(" 0")).collect();
    found.sort_unstable();
    let sample =
        |(outcome, reason): &(&str, &str)| format!("appends_total{{outcome=\"{outcome}\",reason=\"{reason}\"}} 1");
    assert_eq!(found, expected.iter().map(sample).collect::<Vec<_>>(), "{what}");
}

fn receipt(replayed: bool) -> v1::AppendResponse {
    v1::AppendResponse { replayed, ..v1::AppendResponse::default() }
}

#[test]
fn every_append_is_counted_once_by_what_it_was_told() {
    check("nothing", |_| (), &[]);
    check("recorded", |appends| appends.begin().ended(&Ok(receipt(false))), &[("recorded", "")]);
    check("repeated", |appends| appends.begin().leaves(&Ok(receipt(true))), &[("repeated", "")]);
    check("gone away", |appends| drop(appends.begin()), &[("unanswered", "")]);
    let full = || Err(of_append(&AppendError::QueueFull));
    check("refused", |appends| appends.begin().ended(&full()), &[("refused", "WRITE_QUEUE_FULL")]);
    check("counted as it leaves", |appends| appends.begin().leaves(&full()), &[]);
    let unknown = || Err(of_append(&AppendError::OutcomeUnknown));
    check("unknown", |appends| appends.begin().ended(&unknown()), &[("unknown", "COMMIT_OUTCOME_UNKNOWN")]);
    let foreign = Status::unimplemented("in words of another");
    check("another's", |appends| appends.refused(&foreign), &[("refused", "OTHER")]);
}

#[test]
fn a_reason_is_read_back_from_its_status() {
    for reason in Reason::ALL {
        assert_eq!(Reason::of(&reason.status("words", &[])), Some(*reason));
    }
    assert_eq!(Reason::of(&Status::internal("words")), None);
    assert_eq!(Reason::of(&Status::with_details(tonic::Code::Internal, "no details", vec![1, 2, 3].into())), None);
}
