//! What rows become, and what bad ones get.

use std::os::unix::fs::PermissionsExt as _;

use probity::events::Event;
use probity::import::error::ImportError;

use crate::import::Bench;
use crate::import::HEADER;
use crate::import::MAPPING;
use crate::import::check;
use crate::import::check_bytes;
use crate::import::fake::Fake;
use crate::import::read;

fn csv(rows: &str) -> String {
    format!("{HEADER}{rows}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_first_seen_then_changed_then_gone_and_comes_back() {
    let row = csv("c1,o1,2020-01-02,proved,none\n");
    let other = csv("c1,o1,2020-01-02,not proved,none\n");
    let (same, nothing) = (row.clone(), csv(""));
    check(
        &[
            ("1.csv", &row),
            ("2.csv", &same),
            ("3.csv", &other),
            ("4.csv", &nothing),
            ("5.csv", &nothing),
            ("6.csv", &other),
        ],
        &[
            "person.registered",
            "first_seen",
            "case.opened",
            "allegation.found",
            "changed",
            "allegation.found",
            "gone",
            // Gone once, however long it is away; and back without a second case.
            "first_seen",
        ],
        &[],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_another_column_gives_no_finding() {
    check(
        &[("1.csv", &csv("c1,o1,2020,proved,none\n")), ("2.csv", &csv("c1,o1,2020,proved,fine\n"))],
        &["person.registered", "first_seen", "case.opened", "allegation.found", "changed"],
        &[],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allegation_without_a_finding_stays_an_allegation() {
    check(&[("1.csv", &csv("c1,o1,2020,,\n"))], &["person.registered", "first_seen", "case.opened"], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_rows_are_rejected_and_the_others_come_in() {
    let rows = "c1,o1,2020-02-30,proved,none\nc2,o1,2020,perhaps,none\n,o1,2020,proved,none\nc3,o1,2020,proved\n\
                c4,o1,2020-02-29,proved,none\nc4,o1,2020,proved,none\nc5,o1,2020,proved,none,more\n\
                refused,o1,2020,proved,none\nc6,refused,2020,proved,none\n";
    check(
        &[("2021.csv", &csv(rows))],
        &["person.registered", "first_seen", "case.opened", "allegation.found"],
        &[
            ("2021.csv", 2, "DATE_UNREADABLE"),
            ("2021.csv", 3, "VALUE_NOT_IN_TABLE"),
            ("2021.csv", 4, "VALUE_ABSENT"),
            ("2021.csv", 5, "CSV_MALFORMED"),
            ("2021.csv", 7, "DUPLICATE_KEY"),
            ("2021.csv", 8, "CSV_MALFORMED"),
            ("2021.csv", 9, "RULE_VIOLATED"),
            // Its officer could not be registered: that is the reason, not that he is unknown.
            ("2021.csv", 10, "RULE_VIOLATED"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_not_utf8_reject_their_row() {
    let mut bytes = csv("c1,o1,2020,,\nc2,").into_bytes();
    bytes.extend_from_slice(b"o\xff2,2020,,\nc3,o1,2020,,\n");
    check_bytes(
        &[("2020.csv", &bytes)],
        &["person.registered", "first_seen", "case.opened", "first_seen", "case.opened"],
        &[("2020.csv", 3, "NOT_UTF8")],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_with_unreadable_rows_says_nothing_about_who_is_gone() {
    let (fake, bench) = (
        Fake::start().await,
        Bench::new(&[
            ("1.csv", csv("c1,o1,2020,,\nc2,o1,2020,,\n").as_bytes()),
            ("2.csv", csv("c1,o1,2020,,\nc2,o1\n").as_bytes()),
        ]),
    );
    let outcome = bench.run(&fake).await.unwrap();
    assert_eq!(outcome.summary.gone.read, 0);
    assert_eq!(outcome.summary.gone_unknown, ["2.csv"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_file_that_is_cut_off_stops_the_import_and_keeps_what_came_before() {
    let rows = (0..5000).map(|number| format!("c{number},o1,2020,,\n")).collect::<Vec<_>>().concat();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packed, csv(&rows).as_bytes()).unwrap();
    let mut packed = packed.finish().unwrap();
    packed.truncate(packed.len() / 2);
    let (fake, bench) = (Fake::start().await, Bench::new(&[("2020.csv.gz", &packed)]));
    let outcome = bench.run(&fake).await.unwrap();
    assert!(matches!(outcome.stopped, Some(ImportError::File { .. })), "{:?}", outcome.stopped);
    assert!(!outcome.summary.complete);
    assert!(outcome.summary.gone.read == 0, "half a snapshot says nothing about who is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_is_not_there_is_named_with_those_that_are() {
    let (fake, bench) =
        (Fake::start().await, Bench::new(&[("1.csv", b"complaint,officer,day,finding\nc1,o1,2020,\n")]));
    let outcome = bench.run(&fake).await.unwrap();
    let error = outcome.stopped.unwrap();
    let ImportError::AbsentColumn { line, column, found, .. } = &error else { panic!("{error:?}") };
    assert_eq!((*line, column.as_str()), (7, "penalty"));
    assert_eq!(found, &["complaint", "officer", "day", "finding"]);
    assert!(fake.log().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_mapping_is_refused_before_anything_is_sent() {
    let cases = [
        ("\"{complaint}\"", "\"{complain}\"", "events[0].fields"),
        ("event = \"CaseOpened\"", "event = \"CaseOpenned\"", "events[0].event"),
        ("reference =", "referense =", "events[0].fields.referense"),
        ("lookup:finding", "lookup:findings", "events[1].fields"),
        ("{day|date:day}", "{day|date:month}", "events[0].fields"),
        ("{day|date:day}", "{day|dait:day}", "events[0].fields.context.occurred_on"),
        ("{day|date:day}", "{day|date:day", "events[0].fields.context.occurred_on"),
        ("\"{$case}\"", "\"{$cases}\"", "events[0].fields"),
        ("on = [\"first\", \"changed\"]", "on = [\"frist\"]", "events[1].on"),
        ("about =", "abbout =", "TOML"),
        ("{complaint!}/{officer!}", "{$case}", "ids.case"),
        ("[snapshots]", "[snapshots]\ncompare = [\"$nothing\"]", "snapshots.compare"),
        ("[snapshots]", "[snapshots]\nwhole = \"no\"", "TOML"),
        ("[snapshots]", "[snapshots]\n[[notes]]\nunder = \"{$nothing}\"\nvalue = \"x\"", "notes[0].under"),
        ("[snapshots]", "[snapshots]\n[[notes]]\nunder = \"x\"\nvalue = \"{nothing}\"", "notes[0].value"),
        ("[snapshots]", "[snapshots]\n[[notes]]\nunder = \"x\"", "TOML"),
        (
            "[snapshots]",
            "[snapshots]\n[[notes]]\nwhen = { value = \"x\", as = \"x\" }\nunder = \"x\"\nvalue = \"x\"",
            "notes[0].when",
        ),
        ("allegation_number = 1", "allegation_number = { ordinal = \"x\" }", "events[1].fields.allegation_number"),
        (
            "allegation_number = 1",
            "allegation_number = { ordinal = \"x\", within = \"{nothing}\" }",
            "events[1].fields",
        ),
        ("{ changed = [\"finding\"] }", "{ value = \"x\", same = \"{$nothing}\" }", "events[1].when"),
        ("{ changed = [\"finding\"] }", "{ value = \"x\", before = \"{nothing}\" }", "events[1].when"),
        ("{ changed = [\"finding\"] }", "{ before = \"x\" }", "events[1].when"),
        ("[events.fields]", "remember = [{ under = \"x\" }]\n[events.fields]", "TOML"),
    ];
    for (right, wrong, key) in cases {
        let (fake, bench) = (Fake::start().await, Bench::new(&[("1.csv", csv("c1,o1,2020,,\n").as_bytes())]));
        assert!(MAPPING.contains(right), "{right}");
        bench.mapping(&MAPPING.replacen(right, wrong, 1));
        match bench.run(&fake).await {
            Err(ImportError::Mapping { key: found, .. }) => assert_eq!(found, key, "{wrong}"),
            other => panic!("{wrong}: {other:?}"),
        }
        assert!(fake.log().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rejects_file_is_its_owners_alone_and_holds_the_row() {
    let (fake, bench) = (Fake::start().await, Bench::new(&[("1.csv", csv("c1,o1,never,,\n").as_bytes())]));
    bench.run(&fake).await.unwrap();
    let path = bench.path("rejects.jsonl");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = read(&path);
    assert!(text.lines().next().unwrap().contains("personal data"), "{text}");
    assert!(text.contains("c1,o1,never,,"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_are_as_precise_as_the_register() {
    let text = csv("c1,o1,2020-03-04,,\nc2,o1,2020-03,,\nc3,o1,2020,,\nc4,o1,,,\n");
    let (fake, bench) = (Fake::start().await, Bench::new(&[("2021-05-06.csv", text.as_bytes())]));
    bench.run(&fake).await.unwrap();
    let mut dates = Vec::new();
    for event in fake.events() {
        if let Event::CaseOpened(case) = event {
            dates.push(case.context.unwrap().occurred_on.map(|date| (date.year, date.month, date.day)));
        } else if let Event::LegacyRecordImported(record) = event {
            let date = record.observed_on.unwrap();
            assert_eq!((date.year, date.month, date.day), (2021, 5, 6));
        }
    }
    assert_eq!(dates, [Some((2020, 3, 4)), Some((2020, 3, 0)), Some((2020, 0, 0)), None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn native_lines_are_events_or_requests() {
    let person = |name: &str, id: char| {
        format!(
            r#"{{"@type":"type.googleapis.com/probity.events.v1.PersonRegistered","entityId":"0000000000000000000000000{id}","identity":{{"fullName":"{name}"}}}}"#
        )
    };
    let lines = format!(
        "{}\n\n{{\"requestId\":\"11111111-1111-4111-8111-111111111111\",\"events\":[{},{}]}}\nnot json\n\
         {{\"@type\":\"type.googleapis.com/probity.events.v1.Nothing\"}}\n\
         {{\"@type\":\"type.googleapis.com/probity.events.v1.PersonRegistered\",\"nickname\":\"x\"}}\n\
         {{\"requestId\":\"1\",\"events\":[{}]}}\n{{\"events\":[]}}\n[]\n",
        person("one", '1'),
        person("two", '2'),
        person("three", '3'),
        person("four", '4'),
    );
    let (fake, bench) = (Fake::start().await, Bench::new(&[("events.jsonl", lines.as_bytes())]));
    for first in [true, false] {
        let outcome = bench.run_native(&fake).await.unwrap();
        let rows = outcome.summary.rows;
        assert_eq!((rows.read, rows.imported, rows.rejected), (8, if first { 2 } else { 0 }, 6));
        assert_eq!(fake.story().len(), 3);
        let reasons: Vec<String> = bench.rejects().into_iter().map(|(_, _, reason)| reason).collect();
        let expected = [
            "JSON_MALFORMED",
            "EVENT_TYPE_UNKNOWN",
            "EVENT_INVALID",
            "REQUEST_INVALID",
            "REQUEST_INVALID",
            "EVENT_TYPE_UNKNOWN",
        ];
        assert_eq!(reasons, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_equal_native_lines_are_two_records_and_the_same_file_again_is_none() {
    let line = r#"{"@type":"type.googleapis.com/probity.events.v1.AllegationFound","caseId":"00000000000000000000000001","allegationNumber":1,"respondentId":"00000000000000000000000001","finding":"FINDING_UNFOUNDED"}"#;
    let (fake, bench) = (Fake::start().await, Bench::new(&[("events.jsonl", format!("{line}\n{line}\n").as_bytes())]));
    bench.run_native(&fake).await.unwrap();
    bench.forget_state();
    bench.run_native(&fake).await.unwrap();
    assert_eq!(fake.story().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_that_cannot_be_read_are_refused_before_anything_is_sent() {
    let (fake, mut bench) = (Fake::start().await, Bench::new(&[]));
    assert!(matches!(bench.run(&fake).await, Err(ImportError::NoInput)));
    bench.inputs = vec![bench.path("absent.csv")];
    assert!(matches!(bench.run(&fake).await, Err(ImportError::File { .. })));
    bench.inputs.clear();
    bench.input("table.xls", b"");
    assert!(matches!(bench.run(&fake).await, Err(ImportError::UnknownFormat { .. })));
    bench.inputs.clear();
    bench.input("1.csv", csv("").as_bytes());
    std::fs::write(bench.path("import.key"), b"short").unwrap();
    assert!(matches!(bench.run(&fake).await, Err(ImportError::Key { len_bytes: 5, .. })));
}
