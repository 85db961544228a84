//! Days as the service is asked for them.

use crate::cli::accesses::midnight;
use crate::domain::dates::Day;

#[test]
fn a_day_begins_at_its_midnight() {
    for text in ["1970-01-01", "1999-12-31", "2000-02-29", "2026-01-31", "2026-03-01", "2100-02-28", "2100-03-01"] {
        let day = Day::parse(text).unwrap();
        let begin = u64::try_from(midnight(day).seconds).unwrap() * 1000;
        assert_eq!((Day::from_unix_ms(begin), begin % 86_400_000), (day, 0), "{text}");
    }
}
