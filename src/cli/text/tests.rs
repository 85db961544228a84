use std::cmp::Ordering;

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_normalizer::DecomposingNormalizerBorrowed;
use jiff::tz;
use jiff::tz::TimeZone;

use crate::cli::text::Category;
use crate::cli::text::Dates;
use crate::cli::text::Locale;
use crate::cli::text::NOTHING;
use crate::cli::text::Names;
use crate::cli::text::Page;
use crate::cli::text::Style;
use crate::cli::text::Tone;
use crate::cli::text::or_nothing;
use crate::cli::text::page::broken;
use crate::cli::text::printable;
use crate::events::PartialDate;
use crate::events::Period;

fn locale(text: &str) -> Locale {
    text.parse().unwrap()
}

fn day(year: u32, month: u32, day: u32) -> PartialDate {
    PartialDate { year, month, day }
}

/// Letters and marks apart.
fn apart(text: &str) -> String {
    DecomposingNormalizerBorrowed::new_nfd().normalize(text).into_owned()
}

/// Letters and marks in one.
fn together(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned()
}

#[test]
fn a_date_is_written_as_it_is_where_the_reader_is_and_as_far_as_it_is_known() {
    for (name, whole, month) in [
        ("C", "2026-05-03", "2026-05"),
        ("C.UTF-8", "2026-05-03", "2026-05"),
        ("POSIX", "2026-05-03", "2026-05"),
        ("vi_VN.UTF-8", "03/05/2026", "05/2026"),
        ("vi-VN", "03/05/2026", "05/2026"),
        ("vi", "03/05/2026", "05/2026"),
        ("de_DE@euro", "03.05.2026", "05.2026"),
        ("de", "03.05.2026", "05.2026"),
        ("en_GB", "03/05/2026", "05/2026"),
        ("en_US", "05/03/2026", "05/2026"),
        ("pt_BR", "03/05/2026", "05/2026"),
        ("sv_SE", "2026-05-03", "2026-05"),
        ("hu_HU", "2026-05-03", "2026-05"),
        ("lv_LV", "2026.05.03.", "2026.05"),
        ("bg_BG", "3.05.2026", "05.2026"),
        ("ja_JP", "2026年05月03日", "2026年05月"),
        // Years of another count, names of months, and what nobody knows.
        ("th_TH", "2026-05-03", "2026-05"),
        ("fa_IR", "2026-05-03", "2026-05"),
        ("xx_YY", "2026-05-03", "2026-05"),
        ("tlh", "2026-05-03", "2026-05"),
    ] {
        let dates = Dates::new(&locale(name), TimeZone::UTC);
        assert_eq!(dates.date(Some(&day(2026, 5, 3))), whole, "{name}");
        assert_eq!(dates.date(Some(&day(2026, 5, 0))), month, "{name}");
        assert_eq!(dates.date(Some(&day(2026, 0, 0))), if name == "ja_JP" { "2026年" } else { "2026" }, "{name}");
        assert_eq!(dates.date(None), NOTHING, "{name}");
    }
}

#[test]
fn spans_leave_open_what_is_open() {
    let dates = Dates::new(&locale("vi"), TimeZone::UTC);
    let (from, to) = (day(2025, 12, 31), day(2026, 0, 0));
    for (from, to, expected) in [
        (Some(from), Some(to), "31/12/2025 to 2026"),
        (Some(from), None, "31/12/2025 to …"),
        (None, Some(to), "… to 2026"),
        (Some(to), Some(to), "2026"),
        (None, None, NOTHING),
    ] {
        assert_eq!(dates.period(Some(&Period { from, to })), expected);
    }
    assert_eq!(dates.period(None), NOTHING);
}

#[test]
fn a_moment_is_told_by_the_clock_of_the_reader_with_its_distance() {
    let moment = |seconds| prost_types::Timestamp { seconds, nanos: 999_000_000 };
    let late = 1_777_834_800; // 2026-05-03 19:00:00 UTC
    for (name, hours, expected) in [
        ("C", 0, "2026-05-03 19:00:00 +00:00"),
        ("vi", 7, "04/05/2026 02:00:00 +07:00"),
        ("de", 2, "03.05.2026 21:00:00 +02:00"),
        ("en_US", -9, "05/03/2026 10:00:00 -09:00"),
    ] {
        let dates = Dates::new(&locale(name), TimeZone::fixed(tz::offset(hours)));
        assert_eq!(dates.time(Some(&moment(late))), expected);
        assert_eq!(dates.time(None), NOTHING);
        assert_eq!(dates.time(Some(&moment(i64::MAX))), NOTHING, "no moment of the calendar");
    }
}

#[test]
fn what_is_no_locale_is_refused() {
    for text in ["", "_", "v", "vi VN", "vi_VN_", "12", ".UTF-8", "vietnamese_vietnam"] {
        assert!(text.parse::<Locale>().is_err(), "{text:?}");
    }
}

#[test]
fn the_environment_is_asked_from_the_strongest_to_the_weakest() {
    for (set, time, order) in [
        (&[][..], "", ""),
        (&[("LANG", "vi_VN.UTF-8")], "vi", "vi"),
        (&[("LANG", "vi_VN"), ("LC_TIME", "de_DE")], "de", "vi"),
        (&[("LANG", "vi_VN"), ("LC_COLLATE", "de_DE")], "vi", "de"),
        (&[("LANG", "vi_VN"), ("LC_TIME", "de_DE"), ("LC_ALL", "en_GB")], "en", "en"),
        (&[("LANG", "vi_VN"), ("LC_ALL", "")], "vi", "vi"),
        (&[("LANG", "vi_VN"), ("LC_ALL", "C")], "", ""),
        (&[("LANG", "no such place")], "", ""),
    ] {
        let read = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let of = |category| Locale::of_environment(category, read);
        assert_eq!((of(Category::Time).language(), of(Category::Collate).language()), (time, order), "{set:?}");
    }
}

#[test]
fn vietnamese_names_are_in_the_order_of_the_alphabet() {
    let sorted = ["An", "Ao", "Ăn", "Ân", "Da", "Dung", "Dũng", "Dương", "Đạt", "Đô", "Em", "Ô", "Ơ", "U", "Ư"];
    for name in ["vi", "vi_VN.UTF-8"] {
        let names = Names::new(&locale(name));
        let mut mixed: Vec<String> = sorted.iter().rev().map(|name| (*name).to_owned()).collect();
        for (place, name) in mixed.iter_mut().enumerate().filter(|(place, _)| place % 2 == 0) {
            *name = apart(name);
            assert!(place < sorted.len());
        }
        names.sort_by_name(&mut mixed, |name| name);
        let found: Vec<String> = mixed.iter().map(|name| together(name)).collect();
        assert_eq!(found, sorted);
    }
    // Bytes have it otherwise, and so has the order for all.
    assert!("Đạt" > "Em");
    assert_eq!(Names::new(&Locale::default()).compare("Ăn", "Ao"), Ordering::Less);
    assert_eq!(Names::new(&locale("vi")).compare("Ăn", "Ao"), Ordering::Greater);
    for name in ["C", "vi", "de", "xx"] {
        let names = Names::new(&locale(name));
        assert_eq!(names.compare("D", "Đ"), Ordering::Less, "{name}");
        assert_eq!(names.compare(&apart("Nguyễn"), &together("Nguyễn")), Ordering::Equal, "{name}");
    }
}

/// A page whose tables are as wide as they have to be.
fn page(width: Option<u16>, name: &str) -> String {
    let style = Style { width, ..Style::plain(&locale("vi")) };
    let mut page = Page::new(&style, |_| Tone::Plain);
    page.paragraph(&format!("{name} and what else there is to be said of him or her, which may well be long"));
    page.facts(&[("name", name.to_owned()), ("nothing", NOTHING.to_owned()), ("words", "word ".repeat(30))]);
    let id = "entity/01J00000000000000000000003";
    let row = |number: u32| [number.to_string(), format!("{name}\n{id}"), "b".repeat(40), "two words".to_owned()];
    page.table("A table", ["no.", "name", "long", "words"], (8..12).map(row));
    page.table("An empty table", ["no.", "name", "long", "words"], []);
    page.into_text()
}

/// How wide a line is: everything here is one column wide once letters and marks are in one.
fn columns(line: &str) -> usize {
    together(line).chars().count()
}

#[test]
fn no_line_is_wider_than_the_terminal_however_a_name_is_put_together() {
    let name = "Đặng Thị Ngọc Ánh Nguyệt";
    for width in [60, 80, 120] {
        let text = page(Some(width), &together(name));
        for line in text.lines() {
            assert!(columns(line) <= usize::from(width), "{} of {width}: {line}\n{text}", columns(line));
        }
        let widest = text.lines().map(columns).max().unwrap();
        assert!(widest > usize::from(width) * 3 / 4, "{widest} of {width}: {text}");
        assert_eq!(text, page(Some(width), &apart(name)), "at {width}");
        assert!(!text.contains("An empty table") && !text.contains("nothing"), "{text}");
    }
    let unbounded = page(None, &apart(name));
    assert!(unbounded.contains(&format!("{}\u{20}", together(name))), "{unbounded}");
    assert!(unbounded.lines().any(|line| columns(line) > 120), "{unbounded}");
}

#[test]
fn words_are_broken_last_and_dates_never() {
    let id = "decision/01J00000000000000000000003";
    for (width, whole) in
        [(60, &["03/05/2026", "allegations", "disciplinary"][..]), (80, &["03/05/2026", "allegations"]), (120, &[id])]
    {
        let style = Style { width: Some(width), ..Style::plain(&locale("vi")) };
        let mut page = Page::new(&style, |_| Tone::Plain);
        let row = [id, "annulled", "03/05/2026", "disciplinary", "12", "substantiated"].map(str::to_owned);
        page.table("T", ["decision", "standing", "signed", "regime", "allegations", "finding"], [row]);
        let text = page.into_text();
        assert!(text.lines().all(|line| columns(line) <= usize::from(width)), "{text}");
        for word in whole {
            assert!(text.contains(word), "{word} at {width}:\n{text}");
        }
    }
}

#[test]
fn where_columns_do_not_fit_side_by_side_rows_are_blocks_of_lines() {
    let id = "decision/01J00000000000000000000003";
    for (width, blocks) in [(20, true), (40, true), (60, false)] {
        let style = Style { width: Some(width), ..Style::plain(&locale("vi")) };
        let mut page = Page::new(&style, |_| Tone::Plain);
        let row = |signed: &str| [id, "annulled", signed, "disciplinary"].map(str::to_owned);
        page.table("T", ["decision", "standing", "signed", "regime"], [row("03/05/2026"), row(NOTHING)]);
        let text = page.into_text();
        assert!(text.lines().all(|line| columns(line) <= usize::from(width)), "{text}");
        assert_eq!(text.contains("signed: 03/05/2026\n"), blocks, "{text}");
        assert_eq!(text.matches("signed").count(), 1, "what is not known is left out: {text}");
        assert_eq!(text.matches("annulled").count(), 2, "{text}");
    }
}

#[test]
fn columns_stand_below_one_another_whatever_is_in_them() {
    let style = Style::plain(&Locale::default());
    let mut page = Page::new(&style, |_| Tone::Plain);
    let names = [together("Nguyễn Hữu Đạt"), apart("Nguyễn Hữu Đạt"), "Nguyen Huu Dat".to_owned()];
    page.table("Names", ["name", "number"], names.map(|name| [name, "7".to_owned()]));
    let text = page.into_text();
    let places: Vec<usize> = text.lines().filter_map(|line| Some(columns(&line[..line.find('7')?]))).collect();
    assert_eq!(places.len(), 3, "{text}");
    assert!(places.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
}

#[test]
fn nothing_that_a_terminal_obeys_comes_through() {
    assert_eq!(printable("a\u{1b}[31m\u{7}\u{9b}b\r\nc"), "a\u{fffd}[31m\u{fffd}\u{fffd}b\u{fffd}\nc");
    assert!(!page(Some(80), "a\u{1b}[31mb").contains('\u{1b}'));
    assert_eq!((or_nothing(""), or_nothing("x")), (NOTHING.to_owned(), "x".to_owned()));
}

#[test]
fn colours_are_for_those_who_want_them() {
    let tone = |text: &str| if text == "grave" { Tone::Grave } else { Tone::Plain };
    for colour in [true, false] {
        let style = Style { colour, ..Style::plain(&Locale::default()) };
        let mut page = Page::new(&style, tone);
        page.table("T", ["head"], [["grave".to_owned()], ["light".to_owned()]]);
        let text = page.into_text();
        let coloured = text.lines().filter(|line| line.contains('\u{1b}')).count();
        assert_eq!(coloured, if colour { 2 } else { 0 }, "{text}");
    }
}

#[test]
fn long_words_are_broken_where_they_are_put_together() {
    for (word, max, lines) in [
        ("decision.issued", 18, "decision.issued"),
        ("verification.explanation_received", 26, "verification.explanation_\nreceived"),
        ("verification.explanation_received", 18, "verification.\nexplanation_\nreceived"),
        ("decision/01J00000000000000000000003", 40, "decision/01J00000000000000000000003"),
        ("decision/01J00000000000000000000003", 26, "decision/\n01J00000000000000000000003"),
        ("decision/01J00000000000000000000003", 13, "decision/\n01J0000000000\n0000000000003"),
        ("two words", 13, "two words"),
        ("inseparably-long", 13, "inseparably-\nlong"),
        ("2026-05-03 14:00:00", 13, "2026-05-03 14:00:00"),
        ("", 13, ""),
    ] {
        assert_eq!(broken(word, max), lines, "{word} in {max}");
    }
}

#[test]
fn a_column_that_says_nothing_is_left_out() {
    let style = Style::plain(&Locale::default());
    let mut page = Page::new(&style, |_| Tone::Plain);
    let row = |name: &str, said: &str| [name.to_owned(), NOTHING.to_owned(), said.to_owned(), String::new()];
    page.table("T", ["name", "never", "sometimes", "empty"], [row("a", NOTHING), row("b", "yes")]);
    let text = page.into_text();
    assert!(text.contains("sometimes") && !text.contains("never") && !text.contains("empty"), "{text}");
}
