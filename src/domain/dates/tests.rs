use crate::domain::dates::Date;
use crate::domain::dates::Day;
use crate::domain::dates::certainly_before;
use crate::domain::dates::earliest;
use crate::domain::dates::exists;
use crate::domain::dates::latest;
use crate::domain::tests::on;
use crate::events::PartialDate;

fn date(text: &str) -> PartialDate {
    on(text).expect("a date")
}

#[test]
fn each_day_from_1970_to_2600_follows_the_one_before() {
    let mut day = Day::parse("1970-01-01").expect("a day");
    for number in 0..230_000_u64 {
        assert_eq!(Day::from_unix_ms(number * 86_400_000), day);
        assert_eq!(Day::from_unix_ms(number * 86_400_000 + 86_399_999), day);
        assert!(day < day.next());
        day = day.next();
    }
    assert_eq!(day.to_string(), "2599-09-20");
}

#[test]
fn moments_after_the_last_day_are_its() {
    let last = 253_402_300_799_999;
    assert_eq!(Day::from_unix_ms(last).to_string(), "9999-12-31");
    assert_eq!(Day::from_unix_ms(last - 86_400_000).to_string(), "9999-12-30");
    assert_eq!(Day::from_unix_ms(last + 1), Day::MAX);
    assert_eq!(Day::from_unix_ms(u64::MAX), Day::MAX);
    assert_eq!(Day::MAX.next(), Day::MAX);
}

#[test]
fn a_day_reads_as_it_is_written_and_in_no_other_way() {
    for text in ["0001-01-01", "1600-02-29", "2024-02-29", "2026-05-03", "9999-12-31"] {
        assert_eq!(Day::parse(text).map(|day| day.to_string()).as_deref(), Some(text));
    }
    let wrong = [
        "",
        "2026",
        "2026-05",
        "2026-5-3",
        "2026-05-3",
        "26-05-03",
        "2026/05/03",
        "2026-05-03 ",
        "+026-05-03",
        "0000-01-01",
        "1900-02-29",
        "2025-02-29",
        "2026-04-31",
        "2026-13-01",
        "2026-00-01",
        "2026-01-00",
        "2026-05-0३",
        "20260503ab",
    ];
    for text in wrong {
        assert_eq!(Day::parse(text), None, "{text}");
    }
}

#[test]
fn a_partial_date_is_all_the_days_that_it_may_mean() {
    let table = [
        ("2024", "2024-01-01", "2024-12-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("1900-02", "1900-02-01", "1900-02-28"),
        ("2026-04", "2026-04-01", "2026-04-30"),
        ("2026-05-03", "2026-05-03", "2026-05-03"),
        // What does not exist is something near: nothing panics, and the check of dates refuses it.
        ("2025-02-30", "2025-02-28", "2025-02-28"),
        ("2025-77", "2025-12-01", "2025-12-31"),
        ("0", "0001-01-01", "0001-12-31"),
        ("4294967295", "9999-01-01", "9999-12-31"),
    ];
    for (text, first, last) in table {
        assert_eq!(earliest(&date(text)).to_string(), first, "{text}");
        assert_eq!(latest(&date(text)).to_string(), last, "{text}");
    }
}

#[test]
fn dates_are_in_order_only_when_it_is_certain() {
    for (a, b) in [("2024", "2025"), ("2024-12-31", "2025"), ("2025-02", "2025-03-01"), ("2025-03-01", "2025-03-02")] {
        assert!(certainly_before(&date(a), &date(b)), "{a} {b}");
        assert!(!certainly_before(&date(b), &date(a)), "{b} {a}");
    }
    for (a, b) in [("2025", "2025"), ("2025", "2025-12-31"), ("2025-06", "2025"), ("2025-06-01", "2025-06")] {
        assert!(!certainly_before(&date(a), &date(b)), "{a} {b}");
        assert!(!certainly_before(&date(b), &date(a)), "{b} {a}");
    }
}

#[test]
fn the_calendar_has_no_other_days() {
    for text in ["1", "9999-12-31", "2000-02-29", "2026-01"] {
        assert!(exists(&date(text)), "{text}");
    }
    for text in ["0", "10000", "2026-13", "2026-00-01", "2100-02-29", "2026-06-31", "2026-01-32"] {
        assert!(!exists(&date(text)), "{text}");
    }
}

#[test]
fn a_partial_date_is_shown_as_far_as_it_is_known() {
    for text in ["2026", "2026-05", "2026-05-03", "0098"] {
        assert_eq!(Date::from(&date(text)).to_string(), text);
    }
    let day = Day::parse("2026-05-03").expect("a day");
    assert_eq!(PartialDate::from(day), date("2026-05-03"));
    assert_eq!(Day::new(2026, 5, 3), Some(day));
}

#[test]
fn days_are_counted_forward_over_leap_days_and_centuries() {
    let day = |text| Day::parse(text).unwrap();
    let table = [
        ("2026-05-03", 0, "2026-05-03"),
        ("2024-02-28", 1, "2024-02-29"),
        ("2024-02-28", 2, "2024-03-01"),
        ("2025-02-28", 1, "2025-03-01"),
        ("1900-02-28", 1, "1900-03-01"),
        ("2000-02-28", 1, "2000-02-29"),
        ("2026-01-01", 365, "2027-01-01"),
        ("0001-01-01", 1, "0001-01-02"),
        ("9999-12-31", 1, "9999-12-31"),
        ("2026-01-01", u32::MAX, "9999-12-31"),
    ];
    for (from, days, then) in table {
        assert_eq!(day(from).plus_days(days), day(then), "{from} and {days}");
    }
    let mut one = day("1999-12-01");
    for days in 0..2000 {
        assert_eq!(day("1999-12-01").plus_days(days), one);
        assert_eq!(one.next().before(), one);
        one = one.next();
    }
    assert_eq!(Day::MIN.before(), Day::MIN);
}

#[test]
fn weekends_are_saturdays_and_sundays() {
    let day = |text| Day::parse(text).unwrap();
    // 2026-11-20 was a Friday, 1970-01-01 a Thursday, 2000-02-29 a Tuesday.
    for working in ["2026-11-20", "2026-11-23", "1970-01-01", "2000-02-29"] {
        assert!(!day(working).is_weekend(), "{working}");
    }
    for weekend in ["2026-11-21", "2026-11-22", "1970-01-03", "1970-01-04", "2000-02-26"] {
        assert!(day(weekend).is_weekend(), "{weekend}");
    }
}
