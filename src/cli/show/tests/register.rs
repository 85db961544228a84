//! Registers, sanctions that end, and what a record and a case say at a terminal.

use std::fmt::Write as _;

use clap::Parser as _;

use crate::cli::show::show;
use crate::cli::show::tests::Program;
use crate::cli::show::tests::plain;
use crate::cli::show::tests::serve_events;
use crate::cli::text::Style;
use crate::events::AllegationFound;
use crate::events::AllegationRecorded;
use crate::events::AppealLodged;
use crate::events::Attendance;
use crate::events::CaseOpened;
use crate::events::CaseReopened;
use crate::events::DecisionIssued;
use crate::events::DeclarationKind;
use crate::events::DeclarationSubmitted;
use crate::events::Event;
use crate::events::Finding;
use crate::events::HearingHeld;
use crate::events::ObligationCreated;
use crate::events::OrganisationRegistered;
use crate::events::PersonIdentity;
use crate::events::PersonRegistered;
use crate::events::PetitionReceived;
use crate::events::RecordVoided;
use crate::events::ReopeningGround;
use crate::events::RespondentNotified;
use crate::events::SanctionItem;
use crate::events::StatementKind;
use crate::events::StatementReceived;
use crate::events::VerificationGround;
use crate::events::VerificationOrdered;
use crate::events::VoidGround;
use crate::views::fixture::code;
use crate::views::fixture::context;
use crate::views::fixture::date;
use crate::views::fixture::id;
use crate::views::fixture::name;

const BODY: u128 = 2;

fn person(number: u128, full_name: &str) -> Event {
    let identity = PersonIdentity { full_name: full_name.to_owned(), ..PersonIdentity::default() };
    PersonRegistered { entity_id: id(number), identity: Some(identity), ..PersonRegistered::default() }.into()
}

fn decision(number: u128, respondent: u128, until: &str) -> Event {
    let item =
        SanctionItem { item_number: 1, form: code("reprimand"), to: Some(date(until)), ..SanctionItem::default() };
    DecisionIssued {
        decision_id: id(number),
        case_id: id(10),
        respondent_id: id(respondent),
        issued_by_id: id(BODY),
        regime: code("rules"),
        signed_on: Some(date("2020-06-01")),
        items: vec![item],
        ..DecisionIssued::default()
    }
    .into()
}

fn petition(number: u128, due_on: &str) -> Event {
    PetitionReceived {
        petition_id: id(number),
        received_by_id: id(BODY),
        respondent_ids: vec![id(1)],
        petition_kind: code("complaint"),
        received_on: Some(date("2020-01-02")),
        due_on: Some(date(due_on)),
        ..PetitionReceived::default()
    }
    .into()
}

/// What was done in the case about a respondent, with days of its own.
fn procedure(respondent: u128, month: &str) -> Vec<Event> {
    let (case_id, respondent_id) = (id(10), id(respondent));
    let on = |day: &str| Some(date(&format!("2020-{month}-{day}")));
    let number = u32::try_from(respondent).unwrap();
    vec![
        AllegationRecorded {
            case_id: case_id.clone(),
            respondent_id: respondent_id.clone(),
            allegation_number: number,
            category: code("late"),
            ..AllegationRecorded::default()
        }
        .into(),
        RespondentNotified {
            case_id: case_id.clone(),
            respondent_id: respondent_id.clone(),
            notified_on: on("11"),
            method: code("post"),
            ..RespondentNotified::default()
        }
        .into(),
        StatementReceived {
            case_id: case_id.clone(),
            respondent_id: respondent_id.clone(),
            received_on: on("12"),
            kind: StatementKind::Written.into(),
            ..StatementReceived::default()
        }
        .into(),
        HearingHeld {
            case_id: case_id.clone(),
            respondent_id: respondent_id.clone(),
            held_on: on("14"),
            notice_given_on: on("13"),
            attendance: Attendance::Present.into(),
            ..HearingHeld::default()
        }
        .into(),
        AllegationFound {
            case_id,
            respondent_id,
            allegation_number: number,
            finding: Finding::Substantiated.into(),
            context: context(&format!("2020-{month}-15"), ""),
            ..AllegationFound::default()
        }
        .into(),
    ]
}

fn story() -> Vec<Event> {
    let case = CaseOpened {
        case_id: id(10),
        opened_by_id: id(BODY),
        respondent_ids: vec![id(1), id(3)],
        regime: code("rules"),
        context: context("2020-02-01", ""),
        ..CaseOpened::default()
    };
    let appeal = AppealLodged {
        appeal_id: id(30),
        decision_id: id(21),
        respondent_id: id(3),
        lodged_with_id: id(BODY),
        lodged_on: Some(date("2020-06-20")),
        ..AppealLodged::default()
    };
    let obligation = ObligationCreated {
        obligation_id: id(60),
        person_id: id(1),
        body_id: id(BODY),
        kind: DeclarationKind::Annual.into(),
        due_on: Some(date("2020-03-31")),
        ..ObligationCreated::default()
    };
    let verification = VerificationOrdered {
        verification_id: id(80),
        person_id: id(1),
        ordered_by_id: id(BODY),
        ground: VerificationGround::Random.into(),
        ordered_on: Some(date("2020-04-04")),
        ..VerificationOrdered::default()
    };
    let declaration =
        DeclarationSubmitted { declaration_id: id(40), person_id: id(1), ..DeclarationSubmitted::default() };
    let reopened = CaseReopened {
        case_id: id(10),
        respondent_ids: vec![id(3)],
        ground: ReopeningGround::NewEvidence.into(),
        reopened_on: Some(date("2020-11-30")),
        ..CaseReopened::default()
    };
    let mut events = vec![
        person(1, "Ann Example"),
        OrganisationRegistered { entity_id: id(BODY), ..OrganisationRegistered::default() }.into(),
        person(3, "Ben Example"),
        petition(70, "2020-01-31"),
        petition(71, "2999-01-31"),
        case.into(),
    ];
    events.extend(procedure(1, "03"));
    events.extend(procedure(3, "04"));
    events.extend([decision(20, 1, "2026-05-31"), decision(21, 3, "2026-09-30"), appeal.into()]);
    events.extend([reopened.into(), obligation.into(), verification.into(), declaration.into()]);
    // The hearing of the second respondent was another's.
    let void = RecordVoided {
        record_id: id(90),
        target_position: 15,
        target: name("case", 10).to_string(),
        subject_ids: vec![id(3)],
        ground: VoidGround::WrongPerson.into(),
        ..RecordVoided::default()
    };
    events.push(void.into());
    events
}

async fn shown(url: &str, words: &[&str], style: &Style) -> Result<String, String> {
    let program = Program::try_parse_from([&["show", "--from", url], words].concat()).unwrap();
    show(&program.show, style).await.map_err(|failure| format!("{}: {failure}", failure.exit_status()))
}

#[tokio::test]
async fn registers_are_listed_with_the_filters_of_each() {
    let url = serve_events(story()).await;
    let body = id(BODY);
    for (words, expected, absent) in [
        (&["petitions", &body][..], name("petition", 71).to_string(), "overdue only"),
        (&["petitions", &body, "--overdue"], "1 in all".to_owned(), "2999"),
        (&["petitions", "--state", "open", "--due-from", "2900-01-01"], "1 in all".to_owned(), "2020-01-31"),
        (&["petitions", "--state", "resolved"], "none".to_owned(), "petition/"),
        (&["petitions", "--limit", "1"], "the first 1; there may be more".to_owned(), "in all"),
        (&["petitions", "--open"], "Ann Example".to_owned(), "Ben Example"),
        (&["cases", &body, "--day-from", "2020-02-01", "--day-to", "2020-02-01"], "1 in all".to_owned(), "overdue"),
        (&["cases", &body, "--day-from", "2020-02-02"], "none".to_owned(), "case/"),
        (&["decisions", &body], "reprimand".to_owned(), "Ben Example"),
        (&["decisions", "--open"], "Ben Example".to_owned(), "none"),
        (&["decisions", "--state", "issued", "--as-of", "2020-07-01"], "2 in all".to_owned(), "none"),
        (&["decisions", "--standing", "annulled"], "none".to_owned(), "reprimand"),
        (&["appeals", &body, "--state", "pending"], name("decision", 21).to_string(), "none"),
        (&["obligations", &body, "--kind", "annual"], "open, overdue".to_owned(), "none"),
        (&["obligations", &body, "--kind", "first"], "none".to_owned(), "obligation/"),
        (&["verifications", &body, "--ground", "RANDOM"], "running".to_owned(), "none"),
        (&["verifications", "--recorded-to", "2000-01-01T00:00:00Z"], "none".to_owned(), "verification/"),
        (&["declarations", &id(1)], name("declaration", 40).to_string(), "none"),
        (&["petitions", "--json"], "\"PETITION_STATE_OPEN\"".to_owned(), "Petitions"),
    ] {
        let text = shown(&url, &[&["register"], words].concat(), &plain()).await.unwrap();
        assert!(text.contains(&expected) && !text.contains(absent), "{words:?}: {text}");
    }
    for (words, expected) in [
        (&["cases", "--kind", "x:y"][..], "2: the register of cases has no --kind"),
        (&["declarations", &id(1), "--overdue"], "2: the register of declarations has no --overdue"),
        (&["decisions", "--due-to", "2020-01-01"], "2: the register of decisions has no --due-from and --due-to"),
        (&["appeals", "--state", "closed"], "2: \"closed\" is none of pending, decided, void"),
        (&["appeals", "--state", "unspecified"], "2: \"unspecified\" is none of pending"),
        (&["cases", "--regime", "rules"], "2: \"rules\" is no code: SCHEME:CODE is wanted"),
        (&["petitions", "--state", "resolved", "--overdue"], "2: overdue: only what is open can be overdue (FIELD"),
        (&["cases", &id(99)], "1: nothing of this name"),
        (
            &["cases", "case/1"],
            "2: body: entity, a slash, and an id, 26 characters of Crockford base 32 in upper case (",
        ),
    ] {
        let failed = shown(&url, &[&["register"], words].concat(), &plain()).await.unwrap_err();
        assert!(failed.starts_with(expected), "{words:?}: {failed}");
    }
    let parse = |words: &[&str]| Program::try_parse_from([&["show", "--from", &url, "register"], words].concat());
    for bad in
        [&[][..], &["persons"], &["declarations"], &["cases", "--limit", "0"], &["cases", "--recorded-to", "now"]]
    {
        assert!(parse(bad).is_err(), "{bad:?}");
    }
}

#[tokio::test]
async fn a_register_of_several_pages_is_whole() {
    let many = (1000..2100).map(|number| petition(number, "2020-01-31"));
    let url = serve_events(story().into_iter().chain(many)).await;
    let text = shown(&url, &["register", "petitions", &id(BODY)], &plain()).await.unwrap();
    assert!(text.contains("1102 in all"), "{}", &text[text.len() - 200..]);
    let text = shown(&url, &["register", "petitions", "--limit", "1001"], &plain()).await.unwrap();
    assert!(text.contains("1102 in all"), "whole pages: {}", &text[text.len() - 200..]);
    let text = shown(&url, &["register", "petitions", "--limit", "7"], &plain()).await.unwrap();
    assert_eq!(text.matches("petition/").count(), 7, "{text}");
}

#[tokio::test]
async fn sanctions_that_end_soon_are_listed() {
    let url = serve_events(story()).await;
    for (words, ends) in [
        (&["--as-of", "2026-05-01"][..], &["2026-05-31"][..]),
        (&["--as-of", "2026-05-01", "--within", "10"], &[]),
        (&["--as-of", "2026-05-01", "--within", "365"], &["2026-05-31", "2026-09-30"]),
        (&["--ends-from", "2026-09-01", "--ends-to", "2026-09-30"], &["2026-09-30"]),
        (&[&id(BODY), "--ends-from", "2026-01-01", "--ends-to", "2026-12-31"], &["2026-05-31", "2026-09-30"]),
        (&["--ends-from", "2026-01-01", "--ends-to", "2026-12-31", "--form", "no:such"], &[]),
    ] {
        let text = shown(&url, &[&["expiring"], words].concat(), &plain()).await.unwrap();
        let table = text.split_once("Ending").map_or("", |(_, table)| table);
        assert_eq!(text.contains("none ends between these days"), ends.is_empty(), "{words:?}: {text}");
        for day in ["2026-05-31", "2026-09-30"] {
            assert_eq!(table.contains(day), ends.contains(&day), "{words:?}: {text}");
        }
    }
    let text = shown(&url, &["expiring", "--as-of", "2026-05-01", "--open"], &plain()).await.unwrap();
    assert!(text.contains("Ann Example") && text.contains("that end 2026-05-01 to 2026-07-30"), "{text}");
    for (words, expected) in [
        (&["--ends-from", "2026-02-01", "--ends-to", "2026-01-01"][..], "2: ends: from not after to (FIELD_INVALID)"),
        (&[&id(99)], "1: nothing of this name"),
        (&["--form", "reprimand"], "2: \"reprimand\" is no code"),
    ] {
        let failed = shown(&url, &[&["expiring"], words].concat(), &plain()).await.unwrap_err();
        assert!(failed.starts_with(expected), "{words:?}: {failed}");
    }
    let both = ["show", "--from", &url, "expiring", "--within", "3", "--ends-to", "2026-01-01"];
    assert!(Program::try_parse_from(both).is_err());
}

#[tokio::test]
async fn a_record_shows_duties_and_verifications() {
    let url = serve_events(story()).await;
    let text = shown(&url, &["person", &id(1)], &plain()).await.unwrap();
    for part in ["Duties to declare", name("obligation", 60).as_str(), "annual", "2020-03-31", "open, overdue"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for part in ["Verifications", name("verification", 80).as_str(), "random", "2020-04-04", "running"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = shown(&url, &["person", &id(3)], &plain()).await.unwrap();
    assert!(!text.contains("Duties to declare") && !text.contains("Verifications"), "{text}");
}

/// The lines of the table with a title.
fn table<'t>(text: &'t str, title: &str) -> &'t str {
    let start = text.find(&format!("\n{title}\n")).unwrap_or_else(|| panic!("no {title} in {text}"));
    let rest = &text[start + 1..];
    rest.split("\n\n").next().unwrap_or(rest)
}

#[tokio::test]
async fn a_case_about_two_says_of_each_row_about_whom_it_is_and_when_what_was_done() {
    let url = serve_events(story()).await;
    let text = shown(&url, &["case", &id(10), "--open"], &plain()).await.unwrap();
    for (title, both) in
        [("Procedure", true), ("Allegations", true), ("Decisions", true), ("Sanctions", true), ("Appeals", false)]
    {
        let table = table(&text, title);
        assert!(table.contains("respondent") && table.contains("Ben Example"), "{title}: {text}");
        assert_eq!(table.contains("Ann Example"), both, "{title}: {text}");
    }
    assert!(text.contains("opened on: 2020-02-01"), "{text}");
    let steps = table(&text, "Procedure");
    for part in [
        "2020-03-11",
        "post",
        "2020-03-12",
        "written",
        "2020-03-14",
        "told of it on 2020-03-13",
        "2020-03-15",
        "allegation 1",
        "2020-04-11",
        "2020-11-30",
        "new evidence",
    ] {
        assert!(steps.contains(part), "{part}: {text}");
    }
    assert!(!steps.contains("2020-04-14"), "a void hearing was none: {text}");
    // Where there is one respondent, nobody has to be told apart.
    let alone = story().into_iter().map(|event| match event {
        Event::CaseOpened(case) => CaseOpened { respondent_ids: vec![id(1)], ..case }.into(),
        other => other,
    });
    let url = serve_events(alone.take(8)).await;
    let text = shown(&url, &["case", &id(10), "--open"], &plain()).await.unwrap();
    assert!(!table(&text, "Procedure").contains("Ann Example"), "{text}");
}

#[tokio::test]
async fn what_is_void_is_marked_in_the_timeline_and_types_are_whole_in_80_columns() {
    let url = serve_events(story()).await;
    for asked in [name("case", 10).to_string(), name("entity", 3).to_string()] {
        let text = shown(&url, &["timeline", &asked], &plain()).await.unwrap();
        let line = text.lines().position(|line| line.contains("hearing.held") && line.contains(" 15 ")).unwrap();
        let row: String = text.lines().skip(line).take(4).fold(String::new(), |mut row, line| {
            let _ = write!(row, "{line} ");
            row
        });
        assert!(row.contains("VOID by entry 24"), "{text}");
        assert_eq!(text.matches("VOID").count(), 1, "{text}");
        assert!(text.contains("of entry 15"), "{text}");
        let before = shown(&url, &["timeline", &asked, "--known-at", "23"], &plain()).await.unwrap();
        assert!(!before.contains("VOID"), "{before}");
        let narrow = Style { width: Some(80), ..plain() };
        let text = shown(&url, &["timeline", &asked], &narrow).await.unwrap();
        for whole in ["respondent.notified", "statement.received", "decision.issued", "record.voided", &id(10)] {
            assert!(text.contains(whole), "{whole}: {text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.contains("─"), "a table: {text}");
    }
}
