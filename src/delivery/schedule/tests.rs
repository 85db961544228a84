use crate::delivery::schedule::Schedule;
use crate::delivery::schedule::compact;
use crate::delivery::schedule::parse_compact;

/// The due times after a moment, as many as are expected.
fn check(cron: &str, zone: &str, after: &str, then: &[&str]) {
    let schedule = Schedule::parse(cron, zone).unwrap();
    let mut at = parse_compact(after).unwrap();
    let mut found = Vec::new();
    for _ in then {
        at = schedule.next_after(at).unwrap();
        assert_eq!(schedule.last_upto(at), Some(at), "{cron} {zone}: {}", compact(at));
        found.push(compact(at));
    }
    assert_eq!(found, then, "{cron} {zone} after {after}");
}

#[test]
fn due_times_are_those_of_the_zone() {
    check("0 2 * * *", "UTC", "20260630T020000Z", &["20260701T020000Z", "20260702T020000Z"]);
    check("0 2 * * *", "UTC", "20260630T015959Z", &["20260630T020000Z"]);
    check("0 2 * * *", "Asia/Ho_Chi_Minh", "20260630T000000Z", &["20260630T190000Z", "20260701T190000Z"]);
    check("0 0 L * *", "UTC", "20260201T000000Z", &["20260228T000000Z", "20260331T000000Z"]);
    check("*/20 * * * *", "UTC", "20261231T233000Z", &["20261231T234000Z", "20270101T000000Z"]);
    check("@monthly", "UTC", "20260115T000000Z", &["20260201T000000Z"]);
    check("0 6 29 2 *", "UTC", "20260101T000000Z", &["20280229T060000Z"]);
}

/// Where the clocks are set forward, what falls into the hour that there is not still comes; where they are set back, a
/// fixed time comes once.
#[test]
fn a_day_has_one_due_time_when_the_clocks_are_set() {
    let count = |from: &str, upto: &str| {
        let schedule = Schedule::parse("30 2 * * *", "Europe/Berlin").unwrap();
        let (mut at, upto) = (parse_compact(from).unwrap(), parse_compact(upto).unwrap());
        let mut count = 0;
        while let Some(next) = schedule.next_after(at).filter(|next| *next <= upto) {
            (at, count) = (next, count + 1);
        }
        count
    };
    assert_eq!(count("20260327T120000Z", "20260331T120000Z"), 4);
    assert_eq!(count("20261023T120000Z", "20261027T120000Z"), 4);
}

#[test]
fn what_is_no_schedule_is_said_to_be_none() {
    for (cron, zone, then) in [
        ("", "UTC", "cron: five fields"),
        ("0 2 * *", "UTC", "cron: five fields"),
        ("0 0 2 * * *", "UTC", "cron: five fields"),
        ("60 2 * * *", "UTC", "cron:"),
        ("0 2 * * nosuchday", "UTC", "cron:"),
        ("0 2 31 2 *", "UTC", "cron: no time ever fits it"),
        ("@sometimes", "UTC", "cron:"),
        ("0 2 * * *", "Middle/Earth", "time_zone:"),
        ("0 2 * * *", "", "time_zone:"),
    ] {
        let error = Schedule::parse(cron, zone).unwrap_err();
        assert!(error.starts_with(then), "{cron} {zone}: {error}");
    }
}

#[test]
fn a_moment_has_one_spelling() {
    for unix_ms in [0, 1_777_797_000_000, 1_709_164_799_000] {
        assert_eq!(parse_compact(&compact(unix_ms)), Some(unix_ms));
    }
    for wrong in ["", "20260630T020000", "20260631T020000Z", "20260630T240000Z", "20260630t020000Z", "2026063éT02000Z"]
    {
        assert_eq!(parse_compact(wrong), None, "{wrong}");
    }
}

#[test]
fn a_day_is_that_of_the_zone() {
    let schedule = Schedule::parse("0 2 * * *", "Asia/Ho_Chi_Minh").unwrap();
    assert_eq!(schedule.day(parse_compact("20260630T190000Z").unwrap()).unwrap().to_string(), "2026-07-01");
}
