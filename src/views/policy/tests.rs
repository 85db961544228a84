//! Disclosure windows, a row for each standing, level and setting.

use crate::domain::dates::Day;
use crate::events::Code;
use crate::events::DisclosureLevel;
use crate::proto::v1::Standing;
use crate::views::policy::DisclosurePolicy;
use crate::views::policy::Ended;
use crate::views::policy::Telling;
use crate::views::policy::Window;

use DisclosureLevel::Clearance;
use DisclosureLevel::Pointer;
use Telling::Kept;
use Telling::Nothing;
use Telling::Told;

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn code(scheme: &str, code: &str) -> Code {
    Code { scheme: scheme.to_owned(), code: code.to_owned() }
}

fn window(regime: &str, form: &str, days: Option<u32>, bar: bool) -> Window {
    let named = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
    Window { regime: named(regime), form: named(form), days, bar }
}

/// 30 days; of form `f/short` 10, of form `f/long` none; of regime `r/one` 20, and of `f/short` in it 5; `f/bar` is a bar
/// with 7 days.
fn policy() -> DisclosurePolicy {
    DisclosurePolicy {
        window_days: 30,
        windows: vec![
            window("r/one", "", Some(20), false),
            window("", "f/short", Some(10), false),
            window("", "f/long", None, false),
            window("r/one", "f/short", Some(5), false),
            window("", "f/bar", Some(7), true),
        ],
        ..DisclosurePolicy::default()
    }
}

/// What may be told of a sanction of a regime and form that ended, its own last day and that of its effect, on a day.
#[track_caller]
fn check(standing: Standing, (regime, form): (&str, &str), (last, over): (&str, &str), on: &str, then: Telling) {
    let (regime, form) = (code("r", regime), code("f", form));
    let known = |text: &str| Day::parse(text);
    let ended = Ended { regime: Some(&regime), form: Some(&form), standing, last: known(last), over: known(over) };
    for level in [Clearance, Pointer] {
        assert_eq!(policy().telling(level, ended, day(on)), then, "{standing:?} {regime:?} {form:?} on {on}");
    }
    // Whoever handles the matter, and the person himself, sees everything at any time.
    for level in [DisclosureLevel::Subject, DisclosureLevel::Handler, DisclosureLevel::Control, DisclosureLevel::Appeal]
    {
        assert_eq!(policy().telling(level, ended, day(on)), Told(None), "{level:?}");
    }
}

#[test]
fn what_ended_is_told_until_its_window_is_over() {
    let over = ("", "2026-01-01");
    let until = |text| Told(Some(day(text)));
    check(Standing::Expired, ("two", "other"), over, "2026-01-02", until("2026-01-31"));
    check(Standing::Expired, ("two", "other"), over, "2026-01-31", until("2026-01-31"));
    check(Standing::Expired, ("two", "other"), over, "2026-02-01", Kept);
    check(Standing::Expired, ("two", "other"), over, "9999-12-31", Kept);
    check(Standing::Expired, ("one", "other"), over, "2026-01-21", until("2026-01-21"));
    check(Standing::Expired, ("one", "other"), over, "2026-01-22", Kept);
    check(Standing::Expired, ("two", "short"), over, "2026-01-11", until("2026-01-11"));
    check(Standing::Expired, ("two", "short"), over, "2026-01-12", Kept);
    check(Standing::Expired, ("one", "short"), over, "2026-01-06", until("2026-01-06"));
    check(Standing::Expired, ("one", "short"), over, "2026-01-07", Kept);
}

#[test]
fn a_form_without_end_is_told_for_ever_and_what_has_no_known_end_is_not() {
    check(Standing::Expired, ("two", "long"), ("", "2026-01-01"), "9999-12-31", Told(None));
    check(Standing::Expired, ("two", "long"), ("", ""), "2026-01-01", Told(None));
    check(Standing::Expired, ("two", "other"), ("", ""), "2026-01-01", Kept);
    check(Standing::Expired, ("two", "short"), ("", ""), "2026-01-01", Kept);
    // The form says more than the regime.
    check(Standing::Expired, ("one", "long"), ("", "2026-01-01"), "2030-01-01", Told(None));
}

#[test]
fn a_bar_runs_to_its_own_last_day() {
    let runs = ("2026-06-30", "2026-01-01");
    let until = |text| Told(Some(day(text)));
    check(Standing::Expired, ("two", "bar"), runs, "2026-03-01", until("2026-07-07"));
    check(Standing::Expired, ("two", "bar"), runs, "2026-06-30", until("2026-07-07"));
    check(Standing::Expired, ("two", "bar"), runs, "2026-07-07", until("2026-07-07"));
    check(Standing::Expired, ("two", "bar"), runs, "2026-07-08", Kept);
    check(Standing::Expired, ("two", "bar"), ("", "2026-01-01"), "2040-01-01", Told(None));
    // Of no other form does a later day of its own keep it told.
    check(Standing::Expired, ("two", "short"), runs, "2026-03-01", Kept);
}

#[test]
fn what_counts_is_told_and_of_what_was_undone_nothing_is_said() {
    let dated = ("2026-06-30", "");
    for standing in [Standing::InForce, Standing::Pending, Standing::Uncertain] {
        check(standing, ("two", "other"), dated, "2026-03-01", Told(Some(day("2026-07-30"))));
        check(standing, ("two", "long"), dated, "2026-03-01", Told(None));
        check(standing, ("two", "other"), ("", ""), "2026-03-01", Told(None));
    }
    for standing in [
        Standing::Annulled,
        Standing::Void,
        Standing::Replaced,
        Standing::NoSanction,
        Standing::Proposed,
        Standing::Unspecified,
    ] {
        check(standing, ("two", "other"), dated, "2026-03-01", Nothing);
        check(standing, ("two", "long"), dated, "2026-03-01", Nothing);
        check(standing, ("two", "bar"), dated, "2026-03-01", Nothing);
    }
}

#[test]
fn who_says_no_level_is_told_as_little_as_anybody() {
    let ended =
        Ended { regime: None, form: None, standing: Standing::Expired, last: None, over: Some(day("2020-01-01")) };
    let telling = policy().telling(DisclosureLevel::Unspecified, ended, day("2026-01-01"));
    assert_eq!(telling, Kept);
    // Without a code, no window of one fits.
    let telling = policy().telling(Clearance, ended, day("2020-01-31"));
    assert_eq!(telling, Told(Some(day("2020-01-31"))));
}

#[test]
fn requests_are_usually_acknowledged_in_working_days() {
    let table = [
        ("2026-11-16", "2026-11-18", "2026-12-06"),
        ("2026-11-19", "2026-11-23", "2026-12-09"),
        ("2026-11-20", "2026-11-24", "2026-12-10"),
        ("2026-11-21", "2026-11-24", "2026-12-11"),
        ("9999-12-31", "9999-12-31", "9999-12-31"),
    ];
    for (received, acknowledged, answered) in table {
        let found = DisclosurePolicy::default().usual_days(day(received));
        assert_eq!(found, (day(acknowledged), day(answered)), "{received}");
    }
}

#[test]
fn settings_that_cannot_be_are_named() {
    assert_eq!(DisclosurePolicy::default().check(), Ok(()));
    assert_eq!(policy().check(), Ok(()));
    let default = DisclosurePolicy::default;
    let windows = |window| DisclosurePolicy { windows: vec![window], ..default() };
    for (wrong, key) in [
        (DisclosurePolicy { window_days: 36_526, ..default() }, "disclosure.window_days"),
        (DisclosurePolicy { notice_window_days: u32::MAX, ..default() }, "disclosure.notice_window_days"),
        (DisclosurePolicy { notice_days: 40_000, ..default() }, "disclosure.notice_days"),
        (DisclosurePolicy { rights_ack_working_days: 99_999, ..default() }, "disclosure.rights_ack_working_days"),
        (DisclosurePolicy { rights_answer_days: 99_999, ..default() }, "disclosure.rights_answer_days"),
        (windows(window("", "f/x", Some(36_526), false)), "disclosure.windows.days"),
        (windows(window("", "", Some(1), false)), "disclosure.windows"),
        (windows(window("", "f", Some(1), false)), "disclosure.windows"),
        (windows(window("", "f/", Some(1), false)), "disclosure.windows"),
        (windows(window("/r", "", Some(1), false)), "disclosure.windows"),
        (windows(window("r/x/y", "", Some(1), false)), "disclosure.windows"),
    ] {
        assert_eq!(wrong.check().map_err(|(key, _)| key), Err(key));
    }
}
