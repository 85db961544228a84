//! Releases of one register that contradict one another, with the shipped mapping. The rows are of the shape of the
//! register and about nobody.

use probity::events::Event;
use probity::events::Finding;
use probity::events::Observation;
use probity::import::Outcome;

use crate::import::Bench;
use crate::import::fake::Fake;

const ROSTER: &str = "roster_1936-2017_2017-04_ID,first_name_NS,last_name_NS,birth_year,appointed_date\n";
const PROFILES: &str = "complaints-accused_2000-2016_2016-11_ID,first_name_NS,last_name_NS,birth_year,gender\n";
const ACCUSED: &str = "row_id,complaints-accused_2000-2016_2016-11_ID,cr_id,complaint_category,recommended_discipline,\
    final_discipline,recommended_finding,final_finding\n";
const NAMED: &str = "row_id,cr_id,race,first_name_NS,last_name_NS,birth_year,complaint_code,recommended_finding,\
    final_finding,recommended_penalty,final_penalty\n";
const COMPLAINTS: &str = "cr_id,address,incident_date,complaint_date,closed_date\n";
const STATUSES: &str =
    "cr_id,address,current_status,incident_date,complaint_date,closed_date,investigating_agency,complainant_type\n";

/// Imports twice; the second run adds nothing. The story without registrations, the events, and what came of it.
async fn told(inputs: &[(&str, String)]) -> (Vec<String>, Vec<Event>, Outcome) {
    let inputs: Vec<(&str, &[u8])> = inputs.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    let (fake, bench) = (Fake::start().await, Bench::new(&inputs));
    let outcome = bench.run_shipped(&fake, "chicago-complaints").await.unwrap();
    assert!(outcome.stopped.is_none(), "{:?}", outcome.stopped);
    let rows = &outcome.summary.rows;
    assert_eq!(rows.imported + rows.skipped + rows.rejected, rows.read);
    let story = fake.story();
    bench.forget_state();
    let again = bench.run_shipped(&fake, "chicago-complaints").await.unwrap();
    assert_eq!((again.summary.rows.imported, fake.story()), (0, story.clone()), "a second run adds nothing");
    let story = story.into_iter().filter(|told| !told.ends_with("registered")).collect();
    (story, fake.events(), outcome)
}

fn skipped(outcome: &Outcome) -> Vec<(&str, u64)> {
    outcome.summary.rows.skipped_by_reason.iter().map(|(reason, count)| (reason.as_str(), *count)).collect()
}

fn persons(events: &[Event]) -> Vec<&str> {
    let persons = events.iter().filter_map(|event| match event {
        Event::PersonRegistered(person) => Some(&*person.identity.as_ref()?.full_name),
        _ => None,
    });
    persons.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_release_changes_the_record_and_is_never_a_second_one() {
    let inputs = [
        ("accused-profiles_2000-2016_v2016-11.csv", format!("{PROFILES}7.0,ANN,ROE,1970.0,F\n")),
        ("complaints_2000-2016_v2016-11.csv", format!("{COMPLAINTS}100,1 Some Street,2001-01-02,2001-01-03,\n")),
        (
            "accused_2000-2016_v2016-11.csv",
            format!("{ACCUSED}1,7.0,100,05A-SOMETHING,10.0,5.0,SU,SU\n2,7.0,100,05A-SOMETHING,10.0,5.0,SU,SU\n"),
        ),
        (
            "complaints-clear_2000-2020_v2020-07.csv",
            format!(
                "{STATUSES}100,1 Some Street,PENDING ACCUSED APPEAL,2001-01-02,2001-01-03,,BIA,CIVILIAN\n\
                 101,2 Some Street,CLOSED/NO CONVERSION,2001-01-02,2001-01-03,2000-01-01,,CIVILIAN\n"
            ),
        ),
        (
            "accused_2000-2023_v2023-08.csv",
            format!("{NAMED}1,100,X,ANN,ROE,1970,05A,,Not Sustained,,100 - REPRIMAND\n2,100,X,ANN,ROE,1970,01A,,,,\n"),
        ),
    ];
    let (story, events, outcome) = told(&inputs).await;
    let expected = [
        "first_seen",
        "petition.received",
        "first_seen",
        "case.opened",
        "allegation.recorded",
        "allegation.found",
        "sanction.proposed",
        "decision.issued",
        "changed",
        "appeal.lodged",
        "first_seen",
        "petition.received",
        "petition.resolved",
        "changed",
        "allegation.recorded",
        "allegation.found",
        "decision.modified",
    ];
    assert_eq!(story, expected);
    assert_eq!(skipped(&outcome), [("a list of names", 1), ("repeated", 1)]);
    assert_eq!(persons(&events), ["ANN ROE"]);
    let found: Vec<(u32, Finding, &str)> = events
        .iter()
        .filter_map(|event| match event {
            Event::AllegationFound(found) => {
                Some((found.allegation_number, found.finding(), &*found.source_finding.as_ref()?.code))
            }
            _ => None,
        })
        .collect();
    assert_eq!(found, [(1, Finding::Substantiated, "su"), (1, Finding::Unsubstantiated, "not-sustained")]);
    let days = |event: &Event| match event {
        Event::DecisionIssued(decision) => Some((decision.items[0].term?.days, decision.items.len())),
        Event::SanctionProposed(proposal) => Some((proposal.items[0].term?.days, proposal.items.len())),
        _ => None,
    };
    assert_eq!(events.iter().filter_map(days).collect::<Vec<_>>(), [(10, 1), (5, 1)]);
    let modified = events.iter().find_map(|event| match event {
        Event::DecisionModified(modified) => modified.items[0].form.clone(),
        _ => None,
    });
    assert_eq!(modified.unwrap().code, "reprimand");
    let resolved = events.iter().find_map(|event| match event {
        Event::PetitionResolved(resolved) => Some(resolved.resolved_on),
        _ => None,
    });
    assert_eq!(resolved, Some(None), "a day before the complaint is none");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_any_release_calls_expunged_is_counted_and_not_imported() {
    let inputs = [
        ("complaints_2000-2016_v2016-11.csv", format!("{COMPLAINTS}100,x,2001-01-02,2001-01-03,\n")),
        (
            "accused_2000-2023_v2023-08.csv",
            format!(
                "{NAMED}1,100,X,ANN,ROE,1970,05A,,Sustained,,\n2,102,X,BOB,DOE,1971,05A,,Expunged,,\n\
                 3,103,X,,,,05A,,Sustained,,\n"
            ),
        ),
        ("complaints-clear_2000-2020_v2020-07.csv", format!("{STATUSES}100,x,EXPUNGED,,2001-01-03,,BIA,CIVILIAN\n")),
    ];
    let (story, _, outcome) = told(&inputs).await;
    assert!(story.is_empty(), "{story:?}");
    assert_eq!(skipped(&outcome), [("expunged", 4), ("the officer is not named", 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn namesakes_are_not_taken_for_one_and_one_is_not_taken_for_two() {
    let two = "1.0,ANN,ROE,1970.0,1995-01-01\n2.0,ANN,ROE,1970.0,1999-01-01\n3.0,BOB,DOE,1971.0,1995-01-01\n";
    let inputs = [
        (
            "accused_2000-2023_v2023-08.csv",
            format!(
                "{NAMED}1,100,X,ANN,ROE,1970,05A,,,,\n2,101,X,ANN,ROE,1970,05A,,,,\n3,100,X,BOB,DOE,1971,05A,,,,\n\
                 4,101,X,BOB,DOE,,05A,,,,\n5,102,X,BOB,DOE,,05A,,,,\n"
            ),
        ),
        ("accused_2000-2023_v2023-09.csv", format!("{NAMED}1,101,X,BOB,DOE,1971,05A,,,,\n")),
        ("roster_1936-2017.csv", format!("{ROSTER}{two}")),
    ];
    let (story, events, outcome) = told(&inputs).await;
    // Two of whom nobody knows whether they are one; one who is known by his year of birth, which another release
    // tells; and one of whom no release does.
    assert_eq!(persons(&events), ["ANN ROE", "ANN ROE", "BOB DOE", "BOB DOE"]);
    assert_eq!(story.iter().filter(|told| *told == "allegation.recorded").count(), 5);
    assert_eq!(skipped(&outcome), [("a list of names", 3), ("unchanged", 1)]);
    let numbers: Vec<u32> = events
        .iter()
        .filter_map(|event| match event {
            Event::AllegationRecorded(allegation) => Some(allegation.allegation_number),
            _ => None,
        })
        .collect();
    assert_eq!(numbers, [1, 1, 2, 2, 1], "numbered within the complaint, in the order in which they were seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_only_recommended_is_no_finding_and_nothing_is_gone_with_the_next_release() {
    let row = "1,100,X,ANN,ROE,1970,05A,Sustained,,030 - 30 DAY SUSPENSION,600 - NO ACTION TAKEN / NO AFFIDAVIT\n";
    let known = row.replace("600 - NO ACTION TAKEN / NO AFFIDAVIT", "601 - NO ACTION TAKEN / NO AFFIDAVIT");
    let inputs = [
        ("accused-cms_2019-2021_v2021-07.csv", format!("{NAMED}{row}{known}")),
        ("accused_2000-2023_v2023-08.csv", format!("{NAMED}{}", known.replace("1,100", "2,101"))),
    ];
    let (story, events, outcome) = told(&inputs).await;
    // The first file's record has a row with a penalty that no table knows, and is refused whole.
    assert_eq!(story, ["first_seen", "case.opened", "allegation.recorded", "sanction.proposed"]);
    assert_eq!(outcome.summary.rows.rejected_by_reason["VALUE_NOT_IN_TABLE"], 2);
    assert_eq!((outcome.summary.rows.rejected, outcome.summary.gone.read), (2, 0));
    let Some(Event::SanctionProposed(proposal)) = events.last() else { panic!("{:?}", events.last()) };
    assert!(proposal.reasons.as_ref().unwrap().text.contains("Recommended finding: sustained"));
    let seen = events.iter().find_map(|event| match event {
        Event::LegacyRecordImported(record) => Some((record.observation(), record.shown.is_none())),
        _ => None,
    });
    assert_eq!(seen, Some((Observation::FirstSeen, true)), "of rows with more in them than is imported, none is kept");
}
