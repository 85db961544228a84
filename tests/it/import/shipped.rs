//! The shipped mappings, on rows of the shape of their registers that are about nobody.

use probity::events::DecisionIssued;
use probity::events::DeclarationItem;
use probity::events::Event;
use probity::events::Finding;
use probity::events::Holder;
use probity::events::SanctionItem;
use probity::events::valuation::Value;

use crate::import::Bench;
use crate::import::fake::Fake;

const CCRB: &str = "Complaint Id,Tax ID,CCRB Substantiated Officer Disposition,Board Discipline Recommendation,\
    Non-APU NYPD Penalty Report Date,Officer is_APU,APU CCRB Trial Recommended Penalty,\
    APU Trial Commissioner Recommended Penalty,APU Plea Agreed Penalty,APU Case Status,APU Closing Date,\
    NYPD Officer Penalty\n";

/// Imports with a shipped mapping; nothing may be refused. The story, and the events.
async fn told(name: &str, inputs: &[(&str, &str)]) -> (Vec<String>, Vec<Event>) {
    let inputs: Vec<(&str, &[u8])> = inputs.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    let (fake, bench) = (Fake::start().await, Bench::new(&inputs));
    let outcome = bench.run_shipped(&fake, name).await.unwrap();
    assert!(outcome.stopped.is_none(), "{:?}", outcome.stopped);
    assert_eq!(bench.rejects(), []);
    (fake.story(), fake.events())
}

fn forms(decision: &DecisionIssued) -> Vec<String> {
    let form = |item: &SanctionItem| {
        let days = item.term.as_ref().map_or(0, |term| term.days);
        format!("{} {} {days}", item.item_number, item.form.as_ref().unwrap().code)
    };
    decision.items.iter().map(form).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_penalty_is_awaited_issued_and_modified() {
    let row = |status: &str, closed: &str, penalty: &str| {
        format!("{CCRB}100,200,Substantiated (Charges),,,Yes,,,,{status},{closed},{penalty}\n")
    };
    let pending = row("Pending", "", "APU - Decision Pending");
    let guilty = row("Closed: Guilty after trial", "01/31/2023", "Suspension 10 days / Reprimand");
    let lighter = row("Closed: Guilty after trial", "01/31/2023", "No penalty");
    let (story, events) = told(
        "ccrb-penalties",
        &[
            ("penalties_2023-01-09.csv", &pending),
            ("penalties_2023-02-02.csv", &guilty),
            ("penalties_2023-03-01.csv", &lighter),
            ("penalties_2023-04-01.csv", CCRB),
        ],
    )
    .await;
    let expected = [
        "organisation.registered",
        "organisation.registered",
        "person.registered",
        "first_seen",
        "case.opened",
        "allegation.recorded",
        "allegation.found",
        "changed",
        "allegation.found",
        "decision.issued",
        "changed",
        "decision.modified",
        "gone",
    ];
    assert_eq!(story, expected);
    let Event::DecisionIssued(decision) = &events[9] else { panic!("{:?}", events[9]) };
    assert_eq!(forms(decision), ["1 suspension-10-days 10", "2 reprimand 0"]);
    let Event::DecisionModified(modified) = &events[11] else { panic!("{:?}", events[11]) };
    assert!(modified.items.is_empty());
    let Event::AllegationFound(found) = &events[6] else { panic!("{:?}", events[6]) };
    assert_eq!(found.finding(), Finding::Substantiated);
    assert!(found.reasons.as_ref().unwrap().text.contains("Pending"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recommended_is_proposed_until_a_penalty_is_known() {
    let row = |board: &str, plea: &str, penalty: &str| {
        format!("{CCRB}100,200,Substantiated (Charges),{board},,Yes,,,{plea},,,{penalty}\n")
    };
    let (story, events) = told(
        "ccrb-penalties",
        &[
            ("penalties_2023-01-09.csv", &row("", "", "")),
            ("penalties_2023-02-02.csv", &row("Substantiated (Command Discipline B)", "", "")),
            (
                "penalties_2023-03-01.csv",
                &row("Substantiated (Command Discipline B)", "Suspension 3 days / Reprimand", ""),
            ),
            ("penalties_2023-04-01.csv", &row("", "Suspension 3 days / Reprimand", "Reprimand")),
            ("penalties_2023-05-01.csv", &row("Substantiated (Instructions)", "", "Reprimand")),
        ],
    )
    .await;
    let expected = [
        "first_seen",
        "case.opened",
        "allegation.recorded",
        "allegation.found",
        "changed",
        "allegation.found",
        "sanction.proposed",
        "changed",
        "allegation.found",
        "sanction.proposed",
        "changed",
        "allegation.found",
        "decision.issued",
        "changed",
        "allegation.found",
    ];
    assert_eq!(story[3..], expected);
    let Event::SanctionProposed(board) = &events[9] else { panic!("{:?}", events[9]) };
    assert_eq!(board.items[0].form.as_ref().unwrap().code, "command-discipline-b");
    let Event::SanctionProposed(plea) = &events[12] else { panic!("{:?}", events[12]) };
    let days: Vec<u32> = plea.items.iter().map(|item| item.term.map_or(0, |term| term.days)).collect();
    assert_eq!((days, plea.proposed_by_id == board.proposed_by_id), (vec![3, 0], false));
    let Event::LegacyRecordImported(row) = &events[3] else { panic!("{:?}", events[3]) };
    let kept: Vec<(&str, &str)> =
        row.shown.iter().flat_map(|row| &row.columns).map(|column| (&*column.name, &*column.value)).collect();
    let disposition = ("CCRB Substantiated Officer Disposition", "Substantiated (Charges)");
    assert_eq!(kept, [("Complaint Id", "100"), ("Tax ID", "200"), disposition, ("Officer is_APU", "Yes")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn daily_changes_tell_the_story_of_the_snapshots() {
    let columns: Vec<&str> = CCRB.trim().split(',').map(str::trim).collect();
    let row = |values: [&str; 12]| {
        let fields = columns.iter().zip(values).map(|(name, value)| format!("{name:?}:{value:?}"));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    };
    let first = row(["100", "200", "Substantiated (Charges)", "", "", "No", "", "", "", "", "", ""]);
    let line = |day: &str, op: &str, rest: &str| {
        format!(
            "{{\"t\":\"2023-01-{day}T18:00:00Z\",\"commit\":\"c{day}\",\"op\":\"{op}\",\"key\":[\"100\",\"200\"],{rest}}}\n"
        )
    };
    let text = [
        line("09", "initial", &format!("\"row\":{first}")),
        line("10", "changed", "\"changes\":{\"NYPD Officer Penalty\":[\"\",\"Instructions\"]}"),
        line("11", "changed", "\"changes\":{\"NYPD Officer Penalty\":[\"Instructions\",\"No penalty\"]}"),
        line("12", "removed", &format!("\"row\":{first}")),
    ]
    .concat();
    let (story, events) = told("ccrb-penalties", &[("changes.jsonl", &text)]).await;
    let expected = [
        "first_seen",
        "case.opened",
        "allegation.recorded",
        "allegation.found",
        "changed",
        "decision.issued",
        "changed",
        "decision.modified",
        "gone",
    ];
    assert_eq!(story[3..], expected);
    let Event::LegacyRecordImported(record) = &events[7] else { panic!("{:?}", events[7]) };
    assert_eq!((record.release.as_str(), record.observed_on.unwrap().day), ("c10", 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_do_not_fit_are_rejected() {
    let line =
        |op: &str, rest: &str| format!("{{\"t\":\"\",\"commit\":\"c\",\"op\":\"{op}\",\"key\":[\"1\",\"2\"]{rest}}}\n");
    let text = [
        line("changed", ",\"changes\":{\"NYPD Officer Penalty\":[\"\",\"x\"]}"),
        line("removed", ""),
        line("moved", ""),
        line("added", ""),
        line("added", ",\"row\":{\"Tax ID\":\"2\"}"),
    ]
    .concat();
    let (fake, bench) = (Fake::start().await, Bench::new(&[("changes.jsonl", text.as_bytes())]));
    bench.run_shipped(&fake, "ccrb-penalties").await.unwrap();
    let reasons: Vec<String> = bench.rejects().into_iter().map(|(_, _, reason)| reason).collect();
    let expected = ["KEY_UNKNOWN", "KEY_UNKNOWN", "OPERATION_UNKNOWN", "COLUMN_ABSENT", "COLUMN_ABSENT"];
    assert_eq!(reasons, expected);
    assert!(fake.log().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_chamber_imposed_is_a_decision_and_the_rest_stays_an_allegation() {
    let text = "
- person: 1
  name: Example
  allegation: something
  text: A story.
  consequences:
  - date: 1990
    body: House Committee on Ethics
    action: opened an investigation
    link: https://example.org/1
  - date: 1991-02
    text: Pleaded guilty.
    tags: plea
  - date: 1992-03-04
    body: House of Representatives
    action: censured, 10-0
    tags: censure
  tags: ethics resolved
- person: 2
  name: Other
  allegation: another thing
  text: A story.
  consequences:
  - date: 1993
    text: Nothing came of it.
  tags: unresolved
";
    let (story, events) = told("govtrack-misconduct", &[("misconduct.yaml", text)]).await;
    let expected = [
        "person.registered",
        "first_seen",
        "case.opened",
        "allegation.recorded",
        "allegation.found",
        "decision.issued",
        "person.registered",
        "first_seen",
        "case.opened",
        "allegation.recorded",
    ];
    assert_eq!(story[5..], expected, "after the five bodies");
    let Event::AllegationFound(found) = &events[9] else { panic!("{:?}", events[9]) };
    let date = found.context.as_ref().unwrap().occurred_on.unwrap();
    assert_eq!((found.finding(), date.year, date.month, date.day), (Finding::PartlySubstantiated, 1991, 2, 0));
    let Event::DecisionIssued(decision) = &events[10] else { panic!("{:?}", events[10]) };
    assert_eq!(forms(decision), ["1 censure 0"]);
    assert!(!decision.issued_by_id.is_empty());
    let Event::AllegationRecorded(allegation) = &events[14] else { panic!("{:?}", events[14]) };
    assert_eq!(allegation.category.as_ref().unwrap().code, "not-stated");
}

fn filing(title: &str, kind: &str, filed: &str, sections: &str) -> String {
    let title = format!("\"title\":\"{title}\",\"type\":\"{kind}\",\"filed-date\":\"{filed}\",\"filed-time\":\"\"");
    format!("{{{title},\"calendar-year\":\"2015\",\"filer\":\"Some\\n  One (One, Some)\",\"data\":[{sections}]}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amendment_replaces_what_it_marks_of_the_declaration_that_it_amends() {
    let asset = |name: &str, value: &str| {
        format!(
            "{{\"asset\":\"{name}\",\"asset-type\":\"Stock\",\"owner\":\"Joint\",\"value\":\"{value}\",\
             \"income-type\":\"None\",\"income\":\"None (or less than $201)\"}}"
        )
    };
    let section = |heading: &str, amended: bool, rows: &str| {
        format!("{{\"heading\":\"{heading}\",\"amended\":{amended},\"rows\":[{rows}]}}")
    };
    let original = filing(
        "Annual Report for Calendar 2015",
        "annual report",
        "05/15/2016",
        &[
            section(
                "Part 3. Assets",
                false,
                &[asset("a", "$1,001 - $15,000"), asset("b", "Unascertainable")].join(","),
            ),
            section("Part 5. Gifts", false, ""),
            section("Attachments & Comments", false, ""),
        ]
        .join(","),
    );
    let amendment = filing(
        "Annual Report for Calendar 2015 (Amendment 1)",
        "annual report amendment",
        "2016-06-01",
        &[
            section("Part 3. Assets", true, &asset("c", "Over $1,000,000 and held independently by spouse")),
            section("Part 5. Gifts", false, ""),
        ]
        .join(","),
    );
    let extension = filing("Annual Report for 2015 Due Date Extension 1", "annual report", "None", "");
    // The amendment comes first by name: rows are sorted.
    let inputs = [("a.json", amendment.as_str()), ("b.json", &original), ("c.json", &extension)];
    let (story, events) = told("us-senate-efd", &inputs).await;
    let expected = ["first_seen", "declaration.submitted", "first_seen", "declaration.amended"];
    assert_eq!(story[2..], expected, "after the Senate and the filer");
    let Event::DeclarationSubmitted(submitted) = &events[3] else { panic!("{:?}", events[3]) };
    let sections: Vec<(&str, bool, u32)> = submitted
        .sections
        .iter()
        .map(|section| (&*section.asset_class.as_ref().unwrap().code, section.none_declared, section.item_count))
        .collect();
    assert_eq!(sections, [("assets", false, 2), ("gifts", true, 0)]);
    let items = &submitted.content.as_ref().unwrap().items;
    assert_eq!(items.iter().map(|item| item.item_number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(items[0].holder(), Holder::Joint);
    assert_eq!(bracket(&items[0]), Some((Some(1001), Some(15_000))));
    let income = items[0].income.clone().unwrap().value.unwrap();
    assert!(matches!(income, Value::Bracket(bracket) if bracket.high == Some(200)), "nothing, or less than 201");
    let value = items[1].value.clone().unwrap().value.unwrap();
    assert!(matches!(value, Value::Unascertainable(_)), "{value:?}");
    let Event::DeclarationAmended(amended) = &events[5] else { panic!("{:?}", events[5]) };
    assert_eq!(amended.declaration_id, submitted.declaration_id);
    assert_eq!(amended.sections.len(), 1);
    let item = &amended.content.as_ref().unwrap().items[0];
    assert_eq!(bracket(item), Some((Some(1_000_001), None)));
    assert!(item.fields.iter().any(|field| field.name == "value" && field.value.contains("independently")));
}

fn bracket(item: &DeclarationItem) -> Option<(Option<i64>, Option<i64>)> {
    match item.value.clone()?.value? {
        Value::Bracket(bracket) => Some((bracket.low, bracket.high)),
        _ => None,
    }
}
