use serde_json::Value;
use serde_json::json;

use crate::import::filter::Decimal;
use crate::import::filter::Filter;
use crate::import::filter::date;
use crate::import::filter::exact_amount;
use crate::import::filter::plain_number;

#[track_caller]
fn check(given: &str, filter: &str, then: impl Into<Value>) {
    let filter = Filter::parse(filter).unwrap();
    let given = if given.is_empty() { Value::Null } else { json!(given) };
    assert_eq!(filter.apply(given), then.into());
}

#[test]
fn a_slug_is_a_code() {
    check("Closed: Guilty, after trial-PC", "slug", json!("closed-guilty-after-trial-pc"));
    check("Vacation: 0.25 days)", "slug", json!("vacation-0.25-days"));
    check("Étage", "slug", json!("tage"));
    check("-._", "slug", Value::Null);
    check("日本", "slug", Value::Null);
    check(&"x".repeat(200), "slug", json!("x".repeat(96)));
}

#[test]
fn a_valuation_is_what_the_register_prints() {
    let bracket = |low: Option<i64>, high: Option<i64>| {
        let mut bracket = json!({ "currency": "USD" });
        for (end, bound) in [("low", low), ("high", high)] {
            if let Some(bound) = bound {
                bracket[end] = json!(bound);
            }
        }
        json!({ "bracket": bracket })
    };
    for (text, then) in [
        ("$15,001 - $50,000", bracket(Some(15_001), Some(50_000))),
        ("Over $1,000,000", bracket(Some(1_000_001), None)),
        ("Over $1,000,000 and held independently", bracket(Some(1_000_001), None)),
        ("> $1,000", bracket(Some(1001), None)),
        ("None (or less than $1,001)", bracket(Some(0), Some(1000))),
        ("None", json!({ "none": true })),
        ("Unascertainable", json!({ "unascertainable": "Unascertainable" })),
        ("$500", json!({ "exact": { "currency": "USD", "units": 500 } })),
        ("$2,588.05", json!({ "exact": { "currency": "USD", "units": 2588, "nanos": 50_000_000 } })),
    ] {
        check(text, "valuation:USD", then);
    }
}

#[test]
fn what_is_no_valuation_is_nothing_and_is_left_over() {
    let wrong = [
        "",
        "15,001 - 50,000",
        "$50,000 - $15,001",
        "$ - $5",
        "$1.",
        "$1.0000000001",
        "$1.-5",
        "$99999999999999999999",
        "Over",
        "$1 - $2Other $3",
    ];
    for text in wrong {
        check(text, "valuation:USD", Value::Null);
        check(text, "leftover", if text.is_empty() { Value::Null } else { json!(text) });
    }
    check("$1 - $2", "leftover", Value::Null);
    check("Over $1 and more", "leftover", json!("Over $1 and more"));
}

#[test]
fn an_exact_amount_is_what_the_digits_say() {
    let money = |units: i64, nanos: i64| {
        let mut money = json!({ "currency": "BRL", "units": units });
        if nanos != 0 {
            money["nanos"] = json!(nanos);
        }
        json!({ "exact": money })
    };
    for (text, decimal, units, nanos) in [
        ("40000,00", Decimal::Comma, 40_000, 0),
        ("0,01", Decimal::Comma, 0, 10_000_000),
        ("1.234.567,5", Decimal::Comma, 1_234_567, 500_000_000),
        ("1.234", Decimal::Comma, 1234, 0),
        ("-0,5", Decimal::Comma, 0, -500_000_000),
        ("-12,25", Decimal::Comma, -12, -250_000_000),
        ("1,234.50", Decimal::Point, 1234, 500_000_000),
        (" 7 ", Decimal::Point, 7, 0),
        ("0.123456789", Decimal::Point, 0, 123_456_789),
        ("9223372036854775807", Decimal::Point, i64::MAX, 0),
    ] {
        assert_eq!(exact_amount(text, "BRL", decimal).unwrap(), money(units, nanos), "{text}");
    }
}

#[test]
fn an_amount_is_exact_or_refused() {
    let wrong = [
        "",
        "-",
        ",",
        "1,",
        ",5",
        "1,2,3",
        "12.34",
        "1234.567",
        "1.23.456",
        ".123",
        "R$ 5,00",
        "5,00-",
        "+5",
        "1 000",
        "--1",
        "1e3",
        "0,1234567891",
        "9223372036854775808",
        "\u{0663}",
    ];
    for text in wrong {
        let refused = exact_amount(text, "BRL", Decimal::Comma).unwrap_err();
        assert_eq!(refused.reason, "AMOUNT_UNREADABLE", "{text}");
    }
    assert!(exact_amount("40000,00", "BRL", Decimal::Point).is_err(), "another decimal mark is another amount");
}

#[test]
fn a_number_has_one_spelling_and_a_text_its_own() {
    for (text, decimal, then) in [
        ("5000.00", Decimal::Point, "5000"),
        ("05000.10", Decimal::Point, "5000.1"),
        ("1,000", Decimal::Point, "1000"),
        ("1.000,50", Decimal::Comma, "1000.5"),
        ("-0.00", Decimal::Point, "0"),
        ("about 5", Decimal::Point, "about 5"),
        ("1.2.3", Decimal::Point, "1.2.3"),
    ] {
        assert_eq!(plain_number(text, decimal), then, "{text}");
    }
}

#[test]
fn elements_that_are_alike_stand_together() {
    let by = Filter::parse("by:k").unwrap();
    let (one, two, none) = (json!({ "k": "1", "n": 1 }), json!({ "k": "2", "n": 2 }), json!({ "n": 3 }));
    let given = json!([one, two, none, one]);
    let then = json!([
        { "key": "1", "elements": [one, one] },
        { "key": "2", "elements": [two] },
        { "key": "", "elements": [none] },
    ]);
    assert_eq!(by.apply(given), then);
    assert_eq!(by.apply(json!("no list")), Value::Null);
    assert_eq!(by.apply(Value::Null), Value::Null);
}

#[test]
fn dates_are_as_precise_as_their_format_and_real() {
    let formats: Vec<String> = ["%m/%d/%Y", "%Y-%m-%d", "%m/%d/%y", "%Y-%m", "%Y"].map(str::to_owned).to_vec();
    for (text, then) in [
        ("02/29/2020", json!({ "year": 2020, "month": 2, "day": 29 })),
        ("1796-07-04", json!({ "year": 1796, "month": 7, "day": 4 })),
        ("06/05/19", json!({ "year": 2019, "month": 6, "day": 5 })),
        ("1990-11", json!({ "year": 1990, "month": 11 })),
        ("1796", json!({ "year": 1796 })),
    ] {
        assert_eq!(date(text, &formats).unwrap(), then, "{text}");
    }
    for text in ["02/30/2020", "2019-02-29", "13/01/2020", "2020-13", "0000", "soon", "2020-01-01T00:00:00", "1/2"] {
        assert_eq!(date(text, &formats).unwrap_err().reason, "DATE_UNREADABLE", "{text}");
    }
}

#[test]
fn texts_are_cut_where_they_say() {
    check("Report for 2020 (Amendment 2)", "after:(Amendment ", json!("2)"));
    check("Report", "after:(Amendment ", Value::Null);
    check("Report (Amendment 2)", "before: (", json!("Report"));
    check("Report", "before: (", json!("Report"));
    check("crime resolved ethics", "without:resolved", json!("crime ethics"));
    check("resolved", "without:resolved", Value::Null);
    check("a / b /  / c", "split: / ", json!(["a", "b", "c"]));
    check("7", "pad:3", json!("007"));
    check("Suspension 10 days", "days", json!({ "days": 10 }));
    check("Suspension 0.25 days", "days", Value::Null);
    check("Suspension", "days", Value::Null);
    check("", "default:x", json!("x"));
    check("", "count", json!(0));
}

#[test]
fn a_filter_that_is_not_there_is_refused() {
    for wrong in ["", "slugg", "date", "date:", "pad:x", "slug:x", "default", "exact", "number:x", "by:"] {
        assert!(Filter::parse(wrong).is_err(), "{wrong}");
    }
}
