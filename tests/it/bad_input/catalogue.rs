//! Every reason of the catalogue is documented, stands once, and is reached by a test.

use std::collections::BTreeSet;

use probity::server::errors::Reason;
use tonic::Code;

use crate::bad_input::table;

/// Reasons that need more than a request to a service in order, and where they are seen.
const SEEN_ELSEWHERE: [(Reason, &str); 39] = [
    (Reason::Unauthenticated, "access::connections::only_a_valid_token_of_a_principal_is_believed"),
    (Reason::PermissionDenied, "access::appends::others_record_nothing"),
    (Reason::PurposeRequired, "access::matters::a_read_without_a_purpose_is_refused"),
    (Reason::AccessNotRecorded, "access::reads::what_cannot_be_recorded_is_not_answered"),
    (Reason::AccessLogOff, "access::reads::without_an_access_log_nobody_is_told_who_read"),
    (Reason::MessageTooLarge, "requests::a_message_longer_than_the_server_reads_ends_its_call_alone"),
    (Reason::WriteQueueFull, "failing::a_full_queue_refuses_at_once_and_loses_nothing"),
    (Reason::DiskNearlyFull, "command::a_nearly_full_disk_stops_appends_and_nothing_else"),
    (Reason::ClockBehind, "clock::a_clock_behind_is_clamped_up_to_ten_seconds"),
    (Reason::ClockJumped, "clock::a_clock_that_jumps_forward_is_not_believed"),
    (Reason::DeadlineBeforeCommit, "failing::a_deadline_that_passed_before_the_commit_writes_nothing"),
    (Reason::CommitOutcomeUnknown, "failing::a_failed_write_stops_writing_for_ever"),
    (Reason::WritingStopped, "failing::a_failed_write_stops_writing_for_ever"),
    (Reason::LogClosed, "publish::ends::a_log_ends_and_another_goes_on"),
    (
        Reason::KeyRetired,
        "erasure::what_was_sealed_with_a_key_that_is_retired_meanwhile_is_refused_and_nothing_is_lost",
    ),
    (Reason::ErasureHeld, "erasure::a_hold_forbids_an_erasure_until_it_is_released"),
    (Reason::EntryUnavailable, "failing::a_failed_write_stops_writing_for_ever"),
    (Reason::StoreUnreadable, "failing::an_entry_that_was_changed_is_never_served"),
    (Reason::ServerShuttingDown, "failing::a_stream_is_told_that_the_server_ends"),
    (Reason::EntryDamaged, "failing::an_entry_that_was_changed_is_never_served"),
    (Reason::EntryNotFound, "reads::every_bad_read_is_refused"),
    (Reason::PageTokenInvalid, "records::a_page_token_is_of_its_question_alone"),
    (Reason::KnownAtInFuture, "records::what_the_log_cannot_have_known_is_not_answered"),
    (Reason::RecordNotFound, "records::what_the_log_cannot_have_known_is_not_answered"),
    (Reason::ReadPositionTimeout, "records::what_the_log_cannot_have_known_is_not_answered"),
    (Reason::PublishingOff, "proofs::refused::a_server_that_seals_nothing_says_so"),
    (Reason::NoWitnessPolicy, "proofs::levels::what_cannot_be_given_is_refused_before_anything_is_written"),
    (Reason::NotPublished, "proofs::refused::before_the_first_seal_nothing_is_published"),
    (Reason::CheckpointBeyond, "proofs::refused::each_bad_question_has_its_reason"),
    (Reason::CheckpointTimeout, "proofs::refused::each_bad_question_has_its_reason"),
    (Reason::ProofsHeld, "server::proof_service::room::tests, beside the code"),
    (Reason::ExportNotFound, "export::asked::each_refusal_has_its_reason"),
    (Reason::ExportFileNotFound, "export::asked::each_refusal_has_its_reason"),
    (Reason::ExportNotDone, "export::asked::each_refusal_has_its_reason"),
    (Reason::ExportRequestIdReused, "export::asked::each_refusal_has_its_reason"),
    (Reason::ExportQueueFull, "export::asked::what_waits_survives_a_restart_and_has_an_end"),
    (Reason::NothingToPromote, "views::what_is_rebuilt_waits_is_promoted_and_taken_back_while_appends_go_on"),
    (Reason::ViewHalted, "views::what_cannot_be_folded_halts_the_views_and_nothing_else"),
    (Reason::ResponseTooLarge, "records::an_answer_that_fits_no_message_is_refused"),
];

#[test]
fn every_reason_is_documented_and_stands_once() {
    let upper_snake = |name: &str| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let names: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.name()).collect();
    assert_eq!(names.len(), Reason::ALL.len());
    for reason in Reason::ALL {
        assert!(upper_snake(reason.name()), "{reason:?}");
        assert!(!matches!(reason.code(), Code::Ok | Code::Cancelled | Code::Unimplemented), "{reason:?}");
        assert!(!reason.action().is_empty(), "{reason:?}");
        assert!(reason.keys().iter().all(|key| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    }
}

#[test]
fn every_reason_is_reached() {
    let mut reached: BTreeSet<Reason> = table().iter().map(|row| row.reason).collect();
    for (reason, place) in SEEN_ELSEWHERE {
        assert!(reached.insert(reason), "{reason:?} stands in the table already, not only in {place}");
    }
    assert_eq!(reached, Reason::ALL.iter().copied().collect());
}
