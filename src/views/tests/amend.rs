//! Three histories of the same thing: revised, corrected, void.

use crate::events::CaseOutcome;
use crate::events::Code;
use crate::events::Event;
use crate::events::FieldCorrection;
use crate::events::Finding;
use crate::events::Narrative;
use crate::events::PersonIdentity;
use crate::events::PositionAssigned;
use crate::events::PositionEnded;
use crate::events::RecordCorrected;
use crate::events::RecordVoided;
use crate::events::VoidGround;
use crate::events::field_correction::Value;
use crate::log::Name;
use crate::proto::v1::CaseStatus;
use crate::proto::v1::DecisionPhase;
use crate::proto::v1::Standing;
use crate::views::case;
use crate::views::decision;
use crate::views::declaration;
use crate::views::fixture::Story;
use crate::views::fixture::code;
use crate::views::fixture::date;
use crate::views::fixture::id;
use crate::views::fixture::name;
use crate::views::record;
use crate::views::tests::ALL;
use crate::views::tests::alleged;
use crate::views::tests::case_opened;
use crate::views::tests::closed;
use crate::views::tests::found;
use crate::views::tests::issued;
use crate::views::tests::item;
use crate::views::tests::matters::declared;
use crate::views::tests::modified;
use crate::views::tests::person;
use crate::views::tests::view;

/// The entry at a position, of a stream, is void.
pub(super) fn voided(target_position: u64, target: &Name) -> Event {
    RecordVoided {
        record_id: id(u128::from(target_position) + 900),
        target_position,
        target: target.to_string(),
        subject_ids: vec![id(1)],
        ground: VoidGround::WrongPerson.into(),
        ..RecordVoided::default()
    }
    .into()
}

/// The entry at a position should have said another code.
pub(super) fn corrected(target_position: u64, target: &Name, path: &str, value: Option<Code>) -> Event {
    corrects(target_position, target, vec![field(path, value.map(Value::Code))])
}

fn field(path: &str, value: Option<Value>) -> FieldCorrection {
    FieldCorrection { path: path.to_owned(), value }
}

fn corrects(target_position: u64, target: &Name, fields: Vec<FieldCorrection>) -> Event {
    RecordCorrected {
        record_id: id(u128::from(target_position) + 800),
        target_position,
        target: target.to_string(),
        subject_ids: vec![id(1)],
        fields,
        reason: code("typing"),
        ..RecordCorrected::default()
    }
    .into()
}

/// A decision until May, and what was recorded of it then.
fn told(then: Event) -> Story {
    Story::of([person(1), issued("2026-01-01", vec![item(1, "", "2026-05-31")]), then])
}

#[test]
fn three_histories_of_one_decision_are_three_answers() {
    let the = name("decision", 20);
    let until_march = field("items[0].to", Some(Value::Date(date("2026-03-31"))));
    for (what, then, day, standing, sanctions) in [
        ("modified", modified("2026-03-01", vec![item(1, "", "2026-03-31")]), "2026-04-01", Standing::Expired, 2),
        ("modified", modified("2026-03-01", vec![item(1, "", "2026-03-31")]), "2026-02-01", Standing::InForce, 2),
        ("corrected", corrects(2, &the, vec![until_march.clone()]), "2026-04-01", Standing::Expired, 1),
        ("corrected", corrects(2, &the, vec![until_march]), "2026-02-01", Standing::InForce, 1),
        ("void", voided(2, &the), "2026-02-01", Standing::Void, 0),
    ] {
        let story = told(then);
        let at = |known_at| decision::decision(&the, &story.entries(), view(day, known_at)).unwrap();
        let found = at(ALL);
        assert_eq!((found.standing(), found.sanctions.len()), (standing, sanctions), "{what} on {day}");
        let counts = (found.corrections.len(), found.voids.len(), found.changes.len());
        let expected = match what {
            "modified" => (0, 0, 1),
            "corrected" => (1, 0, 0),
            _ => (0, 1, 0),
        };
        assert_eq!(counts, expected, "{what}");
        // Before it nobody knew.
        let before = at(2);
        assert_eq!((before.sanctions.len(), before.corrections.len(), before.voids.len()), (1, 0, 0), "{what}");
        let holder = name("entity", 1);
        let record = record::record(&holder, &story.about(&holder), &[], view(day, ALL)).unwrap();
        assert_eq!(record.sanction_in_force, standing == Standing::InForce, "{what} on {day}");
        assert_eq!((record.corrections.len(), record.voids.len()), (counts.0, counts.1), "{what}");
    }
}

#[test]
fn a_correction_says_what_it_replaced_and_why() {
    let the = name("decision", 20);
    let story = told(corrected(2, &the, "regime", code("state")));
    let found = decision::decision(&the, &story.entries(), view("2026-02-01", ALL)).unwrap();
    assert_eq!(found.regime, code("state"));
    let correction = &found.corrections[0];
    assert_eq!((correction.source.as_ref().unwrap().position, correction.target.as_ref().unwrap().position), (3, 2));
    assert_eq!((correction.paths.as_slice(), &correction.reason), (&["regime".to_owned()][..], &code("typing")));
    assert_eq!(found.source.unwrap().position, 2, "the entry stays where it is");
}

#[test]
fn of_several_corrections_each_holds_in_its_turn() {
    let the = name("decision", 20);
    let story = told(corrected(2, &the, "regime", code("state")));
    story.push(&corrects(2, &the, vec![field("context", None), field("reference", Some(Value::Text("7".to_owned())))]));
    // The effect was taken away; of the rest of the third, what still fits holds.
    let gone = field("context.effective_on", Some(Value::Date(date("2026-02-01"))));
    story.push(&corrects(2, &the, vec![gone, field("regime", Some(Value::Code(code("army").unwrap())))]));
    let at = |known_at| decision::decision(&the, &story.entries(), view("2026-02-01", known_at)).unwrap();
    assert_eq!((at(3).regime, at(3).effective_on), (code("state"), Some(date("2026-01-01"))));
    assert_eq!((at(4).reference.as_str(), at(4).effective_on), ("7", None));
    assert_eq!(at(5).regime, code("army"));
}

#[test]
fn a_corrected_part_takes_the_place_of_the_one_of_its_class() {
    let whole = PersonIdentity { full_name: "Anne Example".to_owned(), ..PersonIdentity::default() };
    let holder = name("entity", 1);
    let correction = RecordCorrected {
        record_id: id(801),
        target_position: 1,
        target: holder.to_string(),
        subject_ids: vec![id(1)],
        reason: code("spelling"),
        identity: Some(whole),
        narrative: Some(Narrative { text: "not of it".to_owned(), ..Narrative::default() }),
        ..RecordCorrected::default()
    };
    let story = Story::of([person(1), correction.into()]);
    let part = |known_at| {
        let record = record::record(&holder, &story.about(&holder), &[], view("2026-01-01", known_at)).unwrap();
        let part = record.identity.unwrap();
        (part.position, part.part, part.personal_class, part.erased_by)
    };
    assert_eq!(part(1), (1, 0, 2, None));
    assert_eq!(part(2), (2, 0, 2, None));
    // Whoever had the entry erased after it was corrected did not mean the wrong spelling alone.
    let by = story.erase(1);
    assert_eq!(part(ALL), (1, 0, 2, Some(by)));
}

#[test]
fn what_was_corrected_after_it_was_erased_is_there_again() {
    let holder = name("entity", 1);
    let story = Story::of([person(1)]);
    story.erase(1);
    let correction = RecordCorrected {
        record_id: id(801),
        target_position: 1,
        target: holder.to_string(),
        subject_ids: vec![id(1)],
        identity: Some(PersonIdentity { full_name: "Anne".to_owned(), ..PersonIdentity::default() }),
        ..RecordCorrected::default()
    };
    story.push(&correction.into());
    let record = record::record(&holder, &story.about(&holder), &[], view("2026-01-01", ALL)).unwrap();
    let identity = record.identity.unwrap();
    assert_eq!((identity.position, identity.erased_by), (3, None));
}

#[test]
fn a_void_registration_is_said_to_be_one() {
    let holder = name("entity", 1);
    let story = Story::of([person(1), voided(1, &holder)]);
    let record = record::record(&holder, &story.about(&holder), &[], view("2026-01-01", ALL)).unwrap();
    assert!(record.void && record.identity.is_none() && record.registered.is_none());
    assert_eq!(record.voids[0].ground(), VoidGround::WrongPerson);
    let before = record::record(&holder, &story.about(&holder), &[], view("2026-01-01", 1)).unwrap();
    assert!(!before.void && before.identity.is_some());
    assert_eq!(record::record(&holder, &[], &[], view("2026-01-01", ALL)), None, "nobody is not void");
}

#[test]
fn a_void_case_shows_nothing_but_that() {
    let the = name("case", 10);
    let story = Story::of([person(1), case_opened(&[1]), alleged(1, 1), voided(2, &the)]);
    let found = case::case(&the, &story.entries(), view("2026-01-01", ALL)).unwrap();
    assert_eq!(found.status(), CaseStatus::Void);
    assert!(found.respondents.is_empty() && found.allegations.is_empty());
    let holder = name("entity", 1);
    let record = record::record(&holder, &story.about(&holder), &[], view("2026-01-01", ALL)).unwrap();
    assert_eq!(record.cases[0].status(), CaseStatus::Void);
    assert!(record.cases[0].allegations.is_empty() && record.pending.is_empty());
}

#[test]
fn with_a_void_allegation_go_its_finding_and_who_joined_by_it() {
    let the = name("case", 10);
    let story = Story::of([
        case_opened(&[1]),
        alleged(1, 1),
        alleged(2, 2),
        found(2, 2, Finding::Substantiated),
        voided(3, &the),
    ]);
    let at = |known_at| case::case(&the, &story.entries(), view("2026-01-01", known_at)).unwrap();
    assert_eq!((at(4).respondents.len(), at(4).allegations.len()), (2, 2));
    let left = at(ALL);
    assert_eq!((left.respondents.len(), left.allegations.len()), (1, 1));
    assert_eq!(left.voids.len(), 1);
    // Recorded again under the same number, it is found again.
    story.push(&alleged(2, 2));
    story.push(&found(2, 2, Finding::Unfounded));
    assert_eq!(at(ALL).allegations[1].finding(), Finding::Unfounded);
}

#[test]
fn a_void_end_ends_nothing() {
    let the = name("case", 10);
    let end = closed(&[(1, CaseOutcome::Sanctioned)]);
    let story = Story::of([case_opened(&[1]), end, voided(2, &the)]);
    let found = case::case(&the, &story.entries(), view("2026-01-01", ALL)).unwrap();
    assert_eq!((found.status(), found.closed), (CaseStatus::Open, None));
    assert!(found.respondents[0].examined);
}

#[test]
fn a_decision_whose_issue_is_void_is_a_proposal_again() {
    use crate::views::tests::checklist::announced;
    use crate::views::tests::checklist::proposed;
    let the = name("decision", 20);
    let story = Story::of([
        proposed("2026-01-01", vec![item(1, "", "")]),
        issued("2026-02-01", vec![item(1, "", "")]),
        announced("2026-02-02"),
        voided(2, &the),
    ]);
    let found = decision::decision(&the, &story.entries(), view("2026-03-01", ALL)).unwrap();
    assert_eq!((found.phase(), found.standing()), (DecisionPhase::Proposed, Standing::Proposed));
    assert_eq!((found.sanctions.len(), found.announcement), (0, None), "what was done with nothing was not done");
    story.push(&voided(1, &the));
    let found = decision::decision(&the, &story.entries(), view("2026-03-01", ALL)).unwrap();
    assert_eq!((found.phase(), found.standing(), found.voids.len()), (DecisionPhase::Void, Standing::Void, 2));
}

#[test]
fn a_void_amendment_of_a_declaration_is_no_version() {
    let the = name("declaration", 40);
    let amended = crate::events::DeclarationAmended {
        declaration_id: id(40),
        person_id: id(1),
        sections: vec![crate::views::tests::section("land", 3)],
        ..crate::events::DeclarationAmended::default()
    };
    let story = Story::of([declared("2026-01-01"), amended.into(), voided(2, &the)]);
    let at = |known_at| declaration::declaration(&the, &story.entries(), view("2026-01-01", known_at)).unwrap();
    assert_eq!((at(2).versions.len(), at(ALL).versions.len(), at(ALL).void), (2, 1, false));
    story.push(&voided(1, &the));
    assert!(at(ALL).void && at(ALL).versions.is_empty());
}

/// A post that was taken by a void entry leaves its number to another, and its end to nobody.
#[test]
fn a_post_whose_number_is_used_again_is_one_post() {
    let taken = |from: &str| {
        Event::from(PositionAssigned {
            person_id: id(1),
            position_number: 1,
            from: Some(date(from)),
            ..PositionAssigned::default()
        })
    };
    let left = |to: &str| {
        Event::from(PositionEnded { person_id: id(1), position_number: 1, to: Some(date(to)), ..Default::default() })
    };
    let void = voided(2, &name("entity", 1));
    let posts = |events: Vec<Event>| {
        let story = Story::of(events);
        let record = record::record(&name("entity", 1), &story.entries(), &[], view("2026-06-01", ALL)).unwrap();
        record.positions.iter().map(|post| (post.from, post.to)).collect::<Vec<_>>()
    };
    let (first, again) = (vec![person(1), taken("2024"), left("2025"), void], vec![taken("2023"), left("2026")]);
    assert_eq!(posts(first.clone()), []);
    assert_eq!(posts([first, again].concat()), [(Some(date("2023")), Some(date("2026")))]);
}
