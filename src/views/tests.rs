mod amend;
mod checklist;
mod difference;
mod matters;
mod properties;
mod subject;

use crate::domain::dates;
use crate::domain::dates::Day;
use crate::events::AllegationFound;
use crate::events::AllegationRecorded;
use crate::events::AppealDecided;
use crate::events::AppealLodged;
use crate::events::AppealOutcome;
use crate::events::CaseClosed;
use crate::events::CaseOpened;
use crate::events::CaseOutcome;
use crate::events::DecisionAnnulled;
use crate::events::DecisionIssued;
use crate::events::DecisionModified;
use crate::events::DeclarationAmended;
use crate::events::DeclarationSubmitted;
use crate::events::Event;
use crate::events::Finding;
use crate::events::Narrative;
use crate::events::PartialDate;
use crate::events::PersonIdentity;
use crate::events::PersonRegistered;
use crate::events::PositionAssigned;
use crate::events::PositionEnded;
use crate::events::RespondentOutcome;
use crate::events::SanctionItem;
use crate::events::Section;
use crate::events::Term;
use crate::proto::v1::Allegation;
use crate::proto::v1::CaseStatus;
use crate::proto::v1::EntityKind;
use crate::proto::v1::Sanction;
use crate::proto::v1::Standing;
use crate::views::View;
use crate::views::case;
use crate::views::decision;
use crate::views::declaration;
use crate::views::fixture::Story;
use crate::views::fixture::code;
use crate::views::fixture::context;
use crate::views::fixture::date;
use crate::views::fixture::id;
use crate::views::fixture::name;
use crate::views::record;
use crate::views::timeline;

const ALL: u64 = u64::MAX;

fn view(as_of: &str, known_at: u64) -> View {
    View { as_of: Day::parse(as_of).unwrap(), known_at }
}

/// A sanction of this number with its first and last day; empty: not stated.
fn item(number: u32, from: &str, to: &str) -> SanctionItem {
    let known = |text: &str| Some(text).filter(|text| !text.is_empty()).map(date);
    SanctionItem {
        item_number: number,
        form: code("reprimand"),
        from: known(from),
        to: known(to),
        ..SanctionItem::default()
    }
}

fn issued(effective_on: &str, items: Vec<SanctionItem>) -> Event {
    DecisionIssued {
        context: context("", effective_on),
        decision_id: id(20),
        case_id: id(10),
        respondent_id: id(1),
        regime: code("party"),
        items,
        reasons: Some(Narrative { text: "for reasons".to_owned(), language: "en".to_owned() }),
        ..DecisionIssued::default()
    }
    .into()
}

fn modified(effective_on: &str, items: Vec<SanctionItem>) -> Event {
    DecisionModified {
        context: context("", effective_on),
        decision_id: id(20),
        respondent_id: id(1),
        items,
        ..DecisionModified::default()
    }
    .into()
}

fn annulled(effective_on: &str, retroactive: bool) -> Event {
    DecisionAnnulled {
        context: context("", effective_on),
        decision_id: id(20),
        respondent_id: id(1),
        retroactive,
        ..DecisionAnnulled::default()
    }
    .into()
}

/// Given the events of a decision, then on a day the decision and each of its sanctions are this.
fn check(events: &[Event], as_of: &str, decision: Standing, sanctions: &[Standing]) {
    let entries = Story::of(events.iter().cloned()).entries();
    let found = decision::decision(&name("decision", 20), &entries, view(as_of, ALL)).unwrap();
    let each: Vec<Standing> = found.sanctions.iter().map(Sanction::standing).collect();
    assert_eq!((found.standing(), each.as_slice()), (decision, sanctions), "on {as_of}");
}

#[test]
fn a_sanction_is_in_force_from_its_first_to_its_last_day() {
    use Standing::Expired;
    use Standing::InForce;
    use Standing::Pending;
    let events = [issued("2026-03-01", vec![item(1, "2026-03-10", "2026-05-10")])];
    check(&events, "2026-03-09", Pending, &[Pending]);
    check(&events, "2026-03-10", InForce, &[InForce]);
    check(&events, "2026-05-10", InForce, &[InForce]);
    check(&events, "2026-05-11", Expired, &[Expired]);
}

#[test]
fn without_a_day_of_its_own_a_sanction_begins_with_the_decision() {
    use Standing::InForce;
    use Standing::Pending;
    use Standing::Uncertain;
    let events = [issued("2026-03-01", vec![item(1, "", "")])];
    check(&events, "2026-02-28", Pending, &[Pending]);
    check(&events, "2026-03-01", InForce, &[InForce]);
    let with = |occurred_on: &str, effective_on: &str, signed_on: Option<PartialDate>| {
        let Event::DecisionIssued(mut event) = issued("", vec![item(1, "", "")]) else { unreachable!() };
        event.context = context(occurred_on, effective_on);
        event.signed_on = signed_on;
        [event.into()]
    };
    check(&with("", "2026-03-05", Some(date("2026-03-01"))), "2026-03-04", Pending, &[Pending]);
    check(&with("", "", Some(date("2026-03-01"))), "2026-03-01", InForce, &[InForce]);
    check(&with("2026-03-01", "", None), "2026-03-01", InForce, &[InForce]);
    check(&with("", "", None), "2026-03-01", Uncertain, &[Uncertain]);
}

#[test]
fn a_term_without_a_last_day_is_not_counted() {
    use Standing::InForce;
    let mut sanction = item(1, "2026-03-01", "");
    sanction.term = Some(Term { months: 6, ..Term::default() });
    check(&[issued("", vec![sanction])], "2036-03-01", InForce, &[InForce]);
}

#[test]
fn coarse_dates_are_uncertain_only_where_nobody_can_tell() {
    use Standing::Expired;
    use Standing::InForce;
    use Standing::Pending;
    use Standing::Uncertain;
    let events = [issued("", vec![item(1, "2026-03", "2028")])];
    for (day, expected) in [
        ("2026-02-28", Pending),
        ("2026-03-01", Uncertain),
        ("2026-03-30", Uncertain),
        ("2026-03-31", InForce),
        ("2028-01-01", InForce),
        ("2028-01-02", Uncertain),
        ("2028-12-31", Uncertain),
        ("2029-01-01", Expired),
    ] {
        check(&events, day, expected, &[expected]);
    }
    // Nothing says when it began, but it is over for certain.
    let events = [issued("", vec![item(1, "", "2027-05")])];
    check(&events, "2027-05-01", Uncertain, &[Uncertain]);
    check(&events, "2027-06-01", Expired, &[Expired]);
}

#[test]
fn a_modification_takes_the_place_of_what_was_before_from_its_effect_on() {
    use Standing::InForce;
    use Standing::NoSanction;
    use Standing::Pending;
    use Standing::Replaced;
    use Standing::Uncertain;
    let first = issued("2026-01-01", vec![item(1, "", ""), item(2, "", "")]);
    let events = [first.clone(), modified("2026-06-01", vec![item(1, "2026-01-01", "")])];
    check(&events, "2026-05-31", InForce, &[InForce, InForce, Pending]);
    check(&events, "2026-06-01", InForce, &[Replaced, Replaced, InForce]);
    let events = [first.clone(), modified("2026-06", vec![item(1, "", "")])];
    check(&events, "2026-06-15", Uncertain, &[Uncertain, Uncertain, Uncertain]);
    let events = [first.clone(), modified("2026-06-01", vec![])];
    check(&events, "2026-05-31", InForce, &[InForce, InForce]);
    check(&events, "2026-06-01", NoSanction, &[Replaced, Replaced]);
    let events = [first, modified("", vec![item(1, "", "")])];
    check(&events, "2030-01-01", Uncertain, &[Uncertain, Uncertain, Uncertain]);
}

#[test]
fn an_annulment_undoes_from_the_beginning_or_from_its_effect_on() {
    use Standing::Annulled;
    use Standing::InForce;
    use Standing::NoSanction;
    use Standing::Uncertain;
    let first = issued("2026-01-01", vec![item(1, "", "")]);
    let events = [first.clone(), annulled("2026-06-01", true)];
    check(&events, "2026-01-01", Annulled, &[Annulled]);
    let events = [first.clone(), annulled("2026-06-01", false)];
    check(&events, "2026-05-31", InForce, &[InForce]);
    check(&events, "2026-06-01", Annulled, &[Annulled]);
    let events = [first, annulled("", false)];
    check(&events, "2026-06-01", Uncertain, &[Uncertain]);
    check(&[issued("2026-01-01", vec![])], "2025-01-01", NoSanction, &[]);
}

#[test]
fn an_erased_event_of_a_decision_leaves_what_is_uncertain_uncertain() {
    let story = || {
        Story::of([
            issued("2026-01-01", vec![item(1, "", "")]),
            modified("2026-02-01", vec![item(1, "", "2026-12-31")]),
            annulled("2026-06-01", false),
        ])
    };
    for (erased, day, standing, sanctions) in [
        (1, "2026-01-15", Standing::Uncertain, vec![Standing::Pending]),
        (1, "2026-03-01", Standing::InForce, vec![Standing::InForce]),
        (2, "2026-03-01", Standing::Uncertain, vec![Standing::Uncertain]),
        (3, "2026-03-01", Standing::Uncertain, vec![Standing::Replaced, Standing::Uncertain]),
        (3, "2027-03-01", Standing::Expired, vec![Standing::Replaced, Standing::Expired]),
    ] {
        let story = story();
        let by = story.erase(erased);
        let found = decision::decision(&name("decision", 20), &story.entries(), view(day, ALL)).unwrap();
        let each: Vec<Standing> = found.sanctions.iter().map(Sanction::standing).collect();
        assert_eq!((found.standing(), each), (standing, sanctions), "{erased} erased, on {day}");
        let sources = found.source.iter().chain(&found.changes);
        let marked: Vec<_> = sources.map(|source| (source.position, source.erased_by)).collect();
        assert!(marked.contains(&(erased, Some(by))), "{marked:?}");
        assert_eq!(marked.iter().filter(|(_, by)| by.is_some()).count(), 1, "an erasure is no change of its own");
    }
}

fn person(number: u128) -> Event {
    PersonRegistered {
        entity_id: id(number),
        identity: Some(PersonIdentity { full_name: "Ann Example".to_owned(), ..PersonIdentity::default() }),
        ..PersonRegistered::default()
    }
    .into()
}

fn case_opened(respondents: &[u128]) -> Event {
    CaseOpened {
        context: context("2026-01-01", ""),
        case_id: id(10),
        regime: code("party"),
        reference: "7/2026".to_owned(),
        respondent_ids: respondents.iter().map(|number| id(*number)).collect(),
        ..CaseOpened::default()
    }
    .into()
}

fn alleged(number: u32, respondent: u128) -> Event {
    AllegationRecorded {
        case_id: id(10),
        allegation_number: number,
        respondent_id: id(respondent),
        category: code("gift"),
        text: Some(Narrative { text: "what is said".to_owned(), ..Narrative::default() }),
        ..AllegationRecorded::default()
    }
    .into()
}

fn found(number: u32, respondent: u128, finding: Finding) -> Event {
    AllegationFound {
        case_id: id(10),
        allegation_number: number,
        respondent_id: id(respondent),
        finding: finding.into(),
        ..AllegationFound::default()
    }
    .into()
}

fn closed(outcomes: &[(u128, CaseOutcome)]) -> Event {
    let outcome = |(number, outcome): &(u128, CaseOutcome)| RespondentOutcome {
        respondent_id: id(*number),
        outcome: (*outcome).into(),
    };
    CaseClosed { case_id: id(10), outcomes: outcomes.iter().map(outcome).collect(), ..CaseClosed::default() }.into()
}

#[test]
fn a_case_shows_allegations_as_allegations_and_the_last_finding() {
    let story = Story::of([
        case_opened(&[1]),
        alleged(1, 1),
        alleged(2, 2),
        found(1, 1, Finding::Unsubstantiated),
        found(1, 1, Finding::Substantiated),
        closed(&[(1, CaseOutcome::Sanctioned), (2, CaseOutcome::NoViolation)]),
    ]);
    let at = |known_at| case::case(&name("case", 10), &story.entries(), view("2026-01-01", known_at));
    assert_eq!(at(0), None);
    let early = at(4).unwrap();
    assert_eq!(early.status(), CaseStatus::Open);
    let findings: Vec<Finding> = early.allegations.iter().map(Allegation::finding).collect();
    assert_eq!(findings, [Finding::Unsubstantiated, Finding::Unspecified]);
    let late = at(ALL).unwrap();
    assert_eq!(late.status(), CaseStatus::Closed);
    assert_eq!(late.allegations[0].finding(), Finding::Substantiated);
    assert_eq!(late.allegations[0].found.as_ref().unwrap().position, 5);
    assert_eq!(late.allegations[1].found, None);
    let outcomes: Vec<_> = late.respondents.iter().map(|one| (one.name.clone(), one.outcome())).collect();
    let expected = [(1, CaseOutcome::Sanctioned), (2, CaseOutcome::NoViolation)];
    assert_eq!(outcomes, expected.map(|(number, outcome)| (name("entity", number).to_string(), outcome)));
}

#[test]
fn a_record_shows_only_what_is_about_its_holder() {
    let story = Story::of([
        person(1),
        person(2),
        case_opened(&[1, 2]),
        alleged(1, 1),
        alleged(2, 2),
        closed(&[(1, CaseOutcome::Sanctioned), (2, CaseOutcome::NoViolation)]),
    ]);
    let holder = name("entity", 2);
    let record = record::record(&holder, &story.about(&holder), &[], view("2026-01-01", ALL)).unwrap();
    assert_eq!(record.kind(), EntityKind::Person);
    assert_eq!(record.cases.len(), 1);
    assert_eq!(record.cases[0].outcome(), CaseOutcome::NoViolation);
    let numbers: Vec<u32> = record.cases[0].allegations.iter().map(|one| one.allegation_number).collect();
    assert_eq!(numbers, [2]);
    assert!(!record.sanction_in_force);
    let before = record::record(&holder, &story.about(&holder), &[], view("2026-01-01", 1));
    assert_eq!(before, None, "registered by entry 2");
}

#[test]
fn a_respondent_added_later_still_sees_how_the_case_was_opened() {
    let story = Story::of([person(1), person(2), case_opened(&[1]), alleged(1, 2)]);
    let holder = name("entity", 2);
    let about = story.about(&holder);
    let now = view("2026-01-01", ALL);
    assert_eq!(record::cases_to_read(&about, now), [name("case", 10)]);
    assert_eq!(record::cases_to_read(&story.about(&name("entity", 1)), now), []);
    let record = record::record(&holder, &about, &story.entries(), now).unwrap();
    assert_eq!(record.cases[0].reference, "7/2026");
}

#[test]
fn sanction_in_force_follows_the_day() {
    let story = Story::of([person(1), issued("2026-03-01", vec![item(1, "", "2026-06")])]);
    let holder = name("entity", 1);
    for (day, expected) in [
        ("2026-02-28", false),
        ("2026-03-01", true),
        ("2026-06-01", true),
        ("2026-06-15", false),
        ("2027-01-01", false),
    ] {
        let record = record::record(&holder, &story.about(&holder), &[], view(day, ALL)).unwrap();
        assert_eq!(record.sanction_in_force, expected, "on {day}");
    }
}

#[test]
fn posts_begin_and_end() {
    let assigned = PositionAssigned {
        person_id: id(1),
        position_number: 1,
        body_id: id(2),
        title: code("chair"),
        from: Some(date("2020")),
        ..PositionAssigned::default()
    };
    let ended =
        PositionEnded { person_id: id(1), position_number: 1, to: Some(date("2024-05")), ..PositionEnded::default() };
    let story = Story::of([person(1), assigned.into(), ended.into()]);
    let holder = name("entity", 1);
    let at = |known_at| record::record(&holder, &story.about(&holder), &[], view("2026-01-01", known_at)).unwrap();
    assert_eq!(at(2).positions[0].to, None);
    assert_eq!(at(3).positions[0].to, Some(date("2024-05")));
    let by = story.erase(2);
    let record = at(ALL);
    assert_eq!(record.positions.len(), 1, "the end still stands");
    assert_eq!((record.positions[0].from, record.positions[0].to), (None, Some(date("2024-05"))));
    assert_eq!(record.erased[0].erased_by, Some(by));
}

fn section(class: &str, items: u32) -> Section {
    Section { asset_class: code(class), none_declared: items == 0, item_count: items }
}

#[test]
fn an_amendment_replaces_its_sections_and_every_version_stays() {
    let submitted = DeclarationSubmitted {
        declaration_id: id(40),
        person_id: id(1),
        submitted_on: Some(date("2026-01-01")),
        sections: vec![section("land", 0), section("cash", 2)],
        ..DeclarationSubmitted::default()
    };
    let amended = DeclarationAmended {
        declaration_id: id(40),
        person_id: id(1),
        amended_on: Some(date("2026-02-01")),
        sections: vec![section("land", 1), section("shares", 1)],
        ..DeclarationAmended::default()
    };
    let story = Story::of([person(1), submitted.into(), amended.into()]);
    let the = name("declaration", 40);
    let at = |known_at| declaration::declaration(&the, &story.entries(), view("2026-01-01", known_at));
    let states = |known_at| -> Vec<(Section, u32)> {
        let sections = at(known_at).unwrap().sections;
        sections.into_iter().map(|state| (state.section.unwrap(), state.version)).collect()
    };
    assert_eq!(at(1), None);
    assert_eq!(states(2), [(section("land", 0), 1), (section("cash", 2), 1)]);
    assert_eq!(states(3), [(section("land", 1), 2), (section("cash", 2), 1), (section("shares", 1), 2)]);
    assert_eq!(at(3).unwrap().versions.len(), 2);
    let by = story.erase(2);
    let left = at(ALL).unwrap();
    assert_eq!(left.versions[0].source.as_ref().unwrap().erased_by, Some(by));
    assert_eq!(states(ALL), [(section("land", 1), 2), (section("shares", 1), 2)]);
    let summary = declaration::summaries(&story.entries(), view("2026-01-01", ALL));
    assert_eq!((summary.len(), summary[0].versions), (1, 2), "the erasure is no version");
}

#[test]
fn a_timeline_says_what_was_erased_and_by_what() {
    let story = Story::of([case_opened(&[1]), alleged(1, 1)]);
    let by = story.erase(2);
    let the = name("case", 10);
    let lines = timeline::timeline(std::slice::from_ref(&the), &story.entries(), view("2026-01-01", ALL));
    let told: Vec<_> = lines
        .iter()
        .map(|line| (line.source.as_ref().unwrap().event_type.as_str(), line.stream.as_str(), line.erased_by))
        .collect();
    assert_eq!(
        told,
        [
            ("case.opened", the.as_str(), None),
            ("allegation.recorded", the.as_str(), Some(by)),
            ("entry.erased", the.as_str(), None),
        ]
    );
}

fn lodged(appeal: u128) -> Event {
    AppealLodged { appeal_id: id(appeal), decision_id: id(20), respondent_id: id(1), ..AppealLodged::default() }.into()
}

fn appeal_decided(appeal: u128) -> Event {
    AppealDecided { appeal_id: id(appeal), decision_id: id(20), respondent_id: id(1), ..AppealDecided::default() }
        .into()
}

#[test]
fn appeals_stand_with_their_decision() {
    let story = Story::of([issued("2026-01-01", vec![]), lodged(30), lodged(31), appeal_decided(31)]);
    let decisions = |story: &Story| decision::decisions(&story.entries(), view("2026-01-01", ALL));
    let appeals: Vec<_> = decisions(&story)[0]
        .appeals
        .iter()
        .map(|appeal| (appeal.name.clone(), appeal.lodged.is_some(), appeal.decided.is_some()))
        .collect();
    let named = |number| name("appeal", number).to_string();
    assert_eq!(appeals, [(named(30), true, false), (named(31), true, true)]);
    // Of 30 nothing is known any more; of 31 its end still says what it is against.
    let by = [story.erase(2), story.erase(3)];
    let left = &decisions(&story)[0].appeals;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].lodged.as_ref().unwrap().erased_by, Some(by[1]));
}

/// An appeal that was won is no annulment; until one is recorded nobody can say that the sanction is in force.
#[test]
fn an_appeal_that_nothing_followed_leaves_its_decision_uncertain() {
    let won = |outcome: AppealOutcome| {
        AppealDecided {
            appeal_id: id(30),
            decision_id: id(20),
            respondent_id: id(1),
            outcome: outcome.into(),
            ..AppealDecided::default()
        }
        .into()
    };
    let told = |more: Vec<Event>| {
        let story = Story::of([vec![issued("2026-01-01", vec![item(1, "", "")]), lodged(30)], more].concat());
        decision::decisions(&story.entries(), view("2026-02-01", ALL))[0].standing()
    };
    assert_eq!(told(vec![]), Standing::InForce);
    for outcome in [AppealOutcome::Upheld, AppealOutcome::Remitted] {
        assert_eq!(told(vec![won(outcome)]), Standing::InForce);
    }
    for outcome in [AppealOutcome::Annulled, AppealOutcome::Reduced, AppealOutcome::Increased] {
        assert_eq!(told(vec![won(outcome)]), Standing::Uncertain);
    }
    assert_eq!(told(vec![won(AppealOutcome::Annulled), annulled("2026-01-15", false)]), Standing::Annulled);
    let milder = modified("2026-01-15", vec![item(1, "", "")]);
    assert_eq!(told(vec![won(AppealOutcome::Reduced), milder.clone()]), Standing::InForce);
    // What changed before the appeal is not what became of it.
    let before = [issued("2026-01-01", vec![item(1, "", "")]), milder, lodged(30), won(AppealOutcome::Reduced)];
    let story = Story::of(before);
    let found = decision::decisions(&story.entries(), view("2026-02-01", ALL))[0].standing();
    assert_eq!(found, Standing::Uncertain);
}

#[test]
fn partial_dates_mean_every_day_that_they_may_mean() {
    for (text, first, last) in [
        ("2026", "2026-01-01", "2026-12-31"),
        ("2028-02", "2028-02-01", "2028-02-29"),
        ("2026-05-03", "2026-05-03", "2026-05-03"),
    ] {
        let date = date(text);
        assert_eq!(dates::earliest(&date).to_string(), first);
        assert_eq!(dates::latest(&date).to_string(), last);
    }
}
