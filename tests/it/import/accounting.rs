//! Whatever the rows are, each is imported, skipped or rejected, and a naive count agrees.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::import::Bench;
use crate::import::HEADER;
use crate::import::fake::Fake;

#[derive(Clone, Debug)]
enum Line {
    Good { complaint: u8, finding: bool, penalty: u8 },
    Malformed,
    WrongFinding { complaint: u8 },
    NoKey,
    RefusedByService,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    read: u64,
    imported: u64,
    skipped: u64,
    rejected: u64,
    gone: u64,
}

fn line() -> impl Strategy<Value = Line> {
    prop_oneof![
        8 => (0_u8..6, any::<bool>(), 0_u8..3)
            .prop_map(|(complaint, finding, penalty)| Line::Good { complaint, finding, penalty }),
        1 => Just(Line::Malformed),
        1 => (0_u8..6).prop_map(|complaint| Line::WrongFinding { complaint }),
        1 => Just(Line::NoKey),
        1 => Just(Line::RefusedByService),
    ]
}

fn text(lines: &[Line]) -> String {
    let mut text = HEADER.to_owned();
    for line in lines {
        match line {
            Line::Good { complaint, finding, penalty } => {
                let finding = if *finding { "proved" } else { "" };
                writeln!(text, "c{complaint},o{},2020,{finding},{penalty}", complaint % 2).unwrap();
            }
            Line::Malformed => text.push_str("c1,o1\n"),
            Line::WrongFinding { complaint } => {
                writeln!(text, "c{complaint},o{},2020,perhaps,", complaint % 2).unwrap()
            }
            Line::NoKey => text.push_str(",o1,2020,,\n"),
            Line::RefusedByService => text.push_str("refused,o1,2020,,\n"),
        }
    }
    text
}

/// The naive count: a map of what each key showed last.
fn count(files: &[Vec<Line>]) -> Counts {
    let mut counts = Counts::default();
    let mut shown: BTreeMap<u8, (bool, u8)> = BTreeMap::new();
    let (mut away, mut refused, mut refused_away) = (BTreeSet::new(), false, false);
    for lines in files {
        let (mut here, mut refused_here, mut unreadable) = (BTreeMap::new(), false, false);
        for line in lines {
            counts.read += 1;
            match line {
                Line::Malformed | Line::NoKey => {
                    counts.rejected += 1;
                    unreadable = true;
                }
                Line::WrongFinding { complaint } => {
                    // A row whose finding is wrong is there all the same; twice, it is a repetition of nothing.
                    counts.rejected += 1;
                    here.entry(*complaint).or_insert(None);
                }
                Line::RefusedByService => {
                    let known = refused && !refused_away;
                    if refused_here || known {
                        counts.skipped += 1;
                    } else {
                        counts.rejected += 1;
                    }
                    (refused, refused_here, refused_away) = (true, true, false);
                }
                Line::Good { complaint, finding, penalty } => {
                    let row = (*finding, *penalty);
                    match here.get(complaint) {
                        Some(Some(same)) if *same == row => counts.skipped += 1,
                        Some(Some(_)) => counts.rejected += 1,
                        _ => {
                            let same = shown.get(complaint) == Some(&row) && !away.contains(complaint);
                            if same {
                                counts.skipped += 1
                            } else {
                                counts.imported += 1
                            }
                            away.remove(complaint);
                            shown.insert(*complaint, row);
                            here.insert(*complaint, Some(row));
                        }
                    }
                }
            }
        }
        if unreadable {
            continue;
        }
        for complaint in shown.keys() {
            if !here.contains_key(complaint) && away.insert(*complaint) {
                counts.gone += 1;
            }
        }
        if refused && !refused_here && !refused_away {
            // The service never had it, so it refuses that it is gone; it is no row, and counted elsewhere.
            counts.gone += 1;
            refused_away = true;
        }
    }
    counts
}

proptest! {
    #![proptest_config(Config { cases: 64, failure_persistence: None, ..Config::default() })]

    #[test]
    fn imported_and_skipped_and_rejected_are_all_rows(
        files in prop::collection::vec(prop::collection::vec(line(), 0..12), 1..4)
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (counts, rejects) = runtime.block_on(async {
            let (fake, mut bench) = (Fake::start().await, Bench::new(&[]));
            for (number, lines) in files.iter().enumerate() {
                bench.input(&format!("{number}.csv"), text(lines).as_bytes());
            }
            let outcome = bench.run(&fake).await.unwrap();
            assert!(outcome.stopped.is_none(), "{:?}", outcome.stopped);
            let rows = outcome.summary.rows;
            let (read, imported, skipped, rejected) = (rows.read, rows.imported, rows.skipped, rows.rejected);
            let counts = Counts { read, imported, skipped, rejected, gone: outcome.summary.gone.read };
            let gone = outcome.summary.gone.rejected;
            (counts, bench.rejects().len() as u64 - gone)
        });
        prop_assert_eq!(counts.imported + counts.skipped + counts.rejected, counts.read);
        prop_assert_eq!(rejects, counts.rejected);
        prop_assert_eq!(counts, count(&files));
    }
}
