//! Dry runs: what they tell is what an import then does, and they leave nothing behind.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use probity::import::Options;
use probity::import::Progress;
use probity::import::error::ImportError;
use probity::import::rehearse;
use probity::import::rehearse::Rehearsal;
use probity::import::send::Patience;

use crate::import::Bench;
use crate::import::HEADER;
use crate::import::MAPPING;
use crate::import::fake::Fake;

fn options(bench: &Bench) -> Options {
    Options {
        to: String::new(),
        mapping: Some(bench.path("register.toml").to_str().unwrap().to_owned()),
        inputs: bench.inputs.clone(),
        key: bench.path("absent/import.key"),
        state: bench.path("absent/state"),
        rejects: bench.path("absent/rejects.jsonl"),
        patience: Patience { attempts: 1, pause: Duration::ZERO },
    }
}

async fn rehearse(bench: &Bench) -> Result<(Rehearsal, Option<ImportError>), ImportError> {
    let rehearsed = rehearse::rehearse(&options(bench), Arc::new(Progress::default()), |_| Ok(())).await;
    assert!(!bench.path("absent").exists(), "a dry run writes nothing");
    rehearsed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_what_the_import_then_does() {
    let first =
        format!("{HEADER}c1,o1,2020,proved,none\nc2,o2,2020,,none\nc2,o2,2020,,none\nc3,o1,never,proved,none\n");
    let second = format!("{HEADER}c1,o1,2020,not proved,none\n");
    let bench = Bench::new(&[("1.csv", first.as_bytes()), ("2.csv", second.as_bytes())]);
    let (told, stopped) = rehearse(&bench).await.unwrap();
    assert!(stopped.is_none() && told.summary.complete);
    let fake = Fake::start().await;
    let done = bench.run(&fake).await.unwrap().summary;
    assert_eq!(told.summary.rows, done.rows);
    assert_eq!(told.summary.gone, done.gone);
    assert_eq!((told.summary.events, told.summary.requests), (done.events, done.requests));
    assert_eq!(told.summary.files, 2);
    let mut types = BTreeMap::new();
    for event in fake.events() {
        *types.entry(event.event_type().name().to_owned()).or_insert(0) += 1;
    }
    assert_eq!(told.events_by_type, types);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_comes_with_the_line_of_the_mapping() {
    let rows = "c1,o1,never,,\nc2,o1,2020,,\nc3,o1,soon,,\nc4,o1,2020,perhaps,\nc5,o1\n";
    let bench = Bench::new(&[("1.csv", format!("{HEADER}{rows}").as_bytes())]);
    let (told, _) = rehearse(&bench).await.unwrap();
    let line = |text: &str| MAPPING.lines().position(|line| line.contains(text)).map(|place| place + 1);
    let found: Vec<_> = told.mistakes.iter().map(|it| (&*it.reason, &*it.at, it.line, it.rows, it.file_line)).collect();
    let expected = [
        ("CSV_MALFORMED", "", None, 1, 6),
        ("DATE_UNREADABLE", "events[0].fields.context.occurred_on", line("occurred_on = "), 2, 2),
        ("VALUE_NOT_IN_TABLE", "events[1].fields.finding", line("finding = \"{"), 1, 5),
    ];
    assert_eq!(found, expected);
    let printed = told.to_string();
    assert!(!printed.contains("never") && !printed.contains("perhaps"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_event_cannot_say_anywhere_is_rejected_without_a_service() {
    let bench = Bench::new(&[("1.csv", format!("{HEADER}c1,o1,2020,,\nc2,o2,2020,,\n").as_bytes())]);
    let judge: rehearse::Judge = |event| {
        let is_a_case = event.type_url.ends_with("CaseOpened");
        if is_a_case {
            Err(probity::import::error::Refusal::new("FIELD_INVALID: X", "").at("reference"))
        } else {
            Ok(())
        }
    };
    let told = rehearse::rehearse(&options(&bench), Arc::new(Progress::default()), judge).await.unwrap().0;
    assert_eq!((told.summary.rows.rejected, told.summary.events), (2, 0));
    assert_eq!((told.mistakes[0].reason.as_str(), told.mistakes[0].line), ("FIELD_INVALID: X", None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_that_cannot_begin_or_go_on_says_why() {
    let mut bench = Bench::new(&[("1.csv", HEADER.as_bytes())]);
    bench.mapping(&MAPPING.replacen("lookup:finding", "lookup:findings", 1));
    let refused = rehearse(&bench).await;
    let line = MAPPING.lines().position(|line| line.contains("lookup:finding")).unwrap() + 1;
    assert!(matches!(&refused, Err(ImportError::Mapping { line: found, .. }) if *found == line), "{refused:?}");
    bench.mapping(MAPPING);
    bench.input("2.csv", b"complaint,officer\n");
    let (told, stopped) = rehearse(&bench).await.unwrap();
    assert!(matches!(stopped, Some(ImportError::AbsentColumn { .. })), "{stopped:?}");
    assert!(!told.summary.complete);
    bench.inputs = vec![PathBuf::from("nowhere.csv")];
    assert!(matches!(rehearse(&bench).await, Err(ImportError::File { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_mapping_cannot_mean_is_told_with_its_line() {
    let cases = [
        ("columns =", "encoding = \"latin1\"\ncolumns =", "source.encoding", "encoding ="),
        ("columns =", "decimal = \";\"\ncolumns =", "source.decimal", "decimal ="),
        ("[snapshots]", CHANGED_GROUPS, "group", "[group]"),
        ("[snapshots]", "[snapshots]\nignore = [\"nothing\"]", "snapshots.ignore", "ignore ="),
        ("[snapshots]", "[snapshots]\nedition = \"{$fold}\"", "snapshots.edition", "edition ="),
        (
            "[record]",
            "[[source.spelling]]\ncolumns = [\"day\"]\nvalue = \"{$sell}\"\n[record]",
            "source.spelling[0].value",
            "{$sell}",
        ),
        ("{day|date:day}", "{day|exact}", "events[0].fields.context.occurred_on", "{day|exact}"),
    ];
    for (right, wrong, key, text) in cases {
        let bench = Bench::new(&[("1.csv", HEADER.as_bytes())]);
        let mapping = MAPPING.replacen(right, wrong, 1);
        bench.mapping(&mapping);
        let line_of = mapping.lines().position(|line| line.contains(text)).unwrap() + 1;
        match rehearse(&bench).await {
            Err(ImportError::Mapping { key: found, line, .. }) => {
                assert_eq!((found.as_str(), line), (key, line_of), "{wrong}");
            }
            other => panic!("{wrong}: {other:?}"),
        }
    }
}

#[test]
fn the_command_needs_no_service_and_leaves_nothing() {
    let rows = "c1,o1,2020,,\nc2,o2,never,,\n";
    let bench = Bench::new(&[("1.csv", format!("{HEADER}{rows}").as_bytes())]);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
        command.arg("import").args(arguments).arg("--mapping").arg(bench.path("register.toml")).args(&bench.inputs);
        command.env_remove("PROBITY_URL").env("HOME", bench.path("home")).env_remove("XDG_STATE_HOME");
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (status, printed, _) = run(&["--dry-run", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((status, &told["rows"]["imported"], &told["rows"]["rejected"]), (Some(1), &1.into(), &1.into()));
    assert_eq!(told["events_by_type"]["case.opened"], 1);
    assert_eq!(told["mistakes"][0]["reason"], "DATE_UNREADABLE");
    let (status, printed, _) = run(&["--dry-run"]);
    assert!(
        status == Some(1) && printed.contains("register.toml:") && printed.contains("nothing was sent"),
        "{printed}"
    );
    // What the service would refuse in any log is refused here too.
    bench.mapping(
        &MAPPING.replace("respondent_ids = [\"{$officer}\"]", "respondent_ids = [\"{$officer}\", \"{$officer}\"]"),
    );
    let (_, printed, _) = run(&["--dry-run"]);
    assert!(printed.contains("FIELD_INVALID: SUBJECT_REPEATED"), "{printed}");
    bench.mapping(&MAPPING.replace("event = \"CaseOpened\"", "event = \"CaseOpenned\""));
    let (status, printed, said) = run(&["--dry-run"]);
    let line = MAPPING.lines().position(|line| line.contains("event = \"CaseOpened\"")).unwrap() + 1;
    assert!(status == Some(2) && printed.is_empty() && said.contains(&format!("register.toml:{line}: ")), "{said}");
    assert_eq!(run(&[]).0, Some(2), "without a dry run it wants a service");
    assert!(!bench.path("home").exists());
}

/// Rows that are put together, and rows that tell changes: nobody knows what that would mean.
const CHANGED_GROUPS: &str = "[group]\nrows = \"rows\"\n[changes]\noperation = \"{day}\"\nkey = [\"{day}\"]\n\
    put = []\npatch = []\nremove = []\nrow = \"row\"\npatches = \"patches\"\n[snapshots]";
