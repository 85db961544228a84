//! Rows of synthetic histories.

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
use crate::events::DeclarationAmended;
use crate::events::DeclarationKind;
use crate::events::DeclarationSubmitted;
use crate::events::Event;
use crate::events::FieldCorrection;
use crate::events::Finding;
use crate::events::LegacyRecordImported;
use crate::events::Money;
use crate::events::Narrative;
use crate::events::ObligationCreated;
use crate::events::Observation;
use crate::events::OrganisationName;
use crate::events::OrganisationRegistered;
use crate::events::PersonIdentity;
use crate::events::PersonRegistered;
use crate::events::PersonStatus;
use crate::events::PetitionOutcome;
use crate::events::PetitionReceived;
use crate::events::PetitionResolved;
use crate::events::PetitionerIdentity;
use crate::events::PositionAssigned;
use crate::events::PositionEnded;
use crate::events::RecordCorrected;
use crate::events::RecordVoided;
use crate::events::RespondentOutcome;
use crate::events::SanctionItem;
use crate::events::Section;
use crate::events::Truthfulness;
use crate::events::VerificationConcluded;
use crate::events::VerificationGround;
use crate::events::VerificationOrdered;
use crate::events::VoidGround;
use crate::events::field_correction::Value;
use crate::export::Cell;
use crate::export::table::Row;
use crate::export::table::described;
use crate::export::tables::rows;
use crate::log::Key;
use crate::views::Recorded;
use crate::views::View;
use crate::views::fixture::Story;
use crate::views::fixture::code;
use crate::views::fixture::context;
use crate::views::fixture::date;
use crate::views::fixture::id;

const NAME: &str = "A Name That Nobody Has";

/// All rows of a story, stream by stream, each with its cells by column.
fn all_rows(story: &Story) -> Vec<Row> {
    let entries = story.entries();
    let mut streams: Vec<(Key, Vec<Recorded>)> = Vec::new();
    for entry in entries {
        match streams.iter_mut().find(|(key, _)| *key == entry.stream) {
            Some((_, entries)) => entries.push(entry),
            None => streams.push((entry.stream, vec![entry])),
        }
    }
    let view = View { as_of: Day::new(2026, 6, 1).unwrap(), known_at: u64::MAX };
    let amends = |by: &Recorded, entries: &[Recorded]| match by.event() {
        Some(Event::RecordVoided(event)) => entries.iter().any(|entry| entry.index == event.target_position),
        Some(Event::RecordCorrected(event)) => entries.iter().any(|entry| entry.index == event.target_position),
        _ => false,
    };
    let mut all = Vec::new();
    for (_, entries) in &streams {
        let about = streams.iter().flat_map(|(_, others)| others).filter(|by| amends(by, entries)).cloned();
        all.extend(rows(entries, &about.collect::<Vec<_>>(), view));
    }
    all
}

/// The rows of a table, each as `column=value …` of the columns named.
fn check(story: &Story, table: &str, columns: &[&str], then: &[&str]) {
    let all = described();
    let described = all.iter().find(|described| described.name == table).unwrap();
    let place = |name: &&str| described.columns.iter().position(|column| column.name == *name).unwrap();
    let places: Vec<usize> = columns.iter().map(place).collect();
    let found: Vec<String> = all_rows(story)
        .iter()
        .filter(|row| row.table == table)
        .map(|row| places.iter().map(|place| shown(&row.cells[*place])).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(found, then, "{table}: {columns:?}");
}

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Absent => "·".to_owned(),
        Cell::Text(text) | Cell::Decimal(text) => text.clone(),
        Cell::Whole(number) => number.to_string(),
        Cell::Flag(flag) => flag.to_string(),
        Cell::List(texts) => texts.join("+"),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "as the fields of messages want it")]
fn narrative() -> Option<Narrative> {
    Some(Narrative { text: NAME.to_owned(), language: "en".to_owned() })
}

fn person() -> Event {
    let identity = PersonIdentity { full_name: NAME.to_owned(), ..PersonIdentity::default() };
    let status = PersonStatus::Active.into();
    PersonRegistered { entity_id: id(1), status, identity: Some(identity), ..PersonRegistered::default() }.into()
}

fn case() -> Event {
    CaseOpened {
        case_id: id(10),
        regime: code("party"),
        respondent_ids: vec![id(1)],
        context: context("2026-01", ""),
        ..CaseOpened::default()
    }
    .into()
}

fn allegation(number: u32) -> Event {
    AllegationRecorded {
        case_id: id(10),
        allegation_number: number,
        respondent_id: id(1),
        category: code("conduct"),
        text: narrative(),
        ..AllegationRecorded::default()
    }
    .into()
}

fn finding(number: u32, finding: Finding) -> Event {
    AllegationFound {
        case_id: id(10),
        allegation_number: number,
        respondent_id: id(1),
        finding: finding.into(),
        ..AllegationFound::default()
    }
    .into()
}

fn decision() -> Event {
    let fine = Money { currency: "EUR".to_owned(), units: 250, nanos: 500_000_000 };
    let item =
        |number, amount| SanctionItem { item_number: number, form: code("fine"), amount, ..SanctionItem::default() };
    DecisionIssued {
        decision_id: id(20),
        case_id: id(10),
        respondent_id: id(1),
        regime: code("party"),
        signed_on: Some(date("2026-02-01")),
        items: vec![item(1, Some(fine)), item(2, None)],
        allegation_numbers: vec![2, 1],
        reasons: narrative(),
        ..DecisionIssued::default()
    }
    .into()
}

fn declaration() -> Event {
    let section = |class, count| Section { asset_class: code(class), none_declared: count == 0, item_count: count };
    DeclarationSubmitted {
        declaration_id: id(40),
        person_id: id(1),
        submitted_on: Some(date("2026-03")),
        sections: vec![section("land", 0), section("cash", 2)],
        ..DeclarationSubmitted::default()
    }
    .into()
}

fn imported(observation: Observation) -> Event {
    LegacyRecordImported {
        record_id: id(50),
        source: code("register"),
        release: "=2".to_owned(),
        row: 7,
        observation: observation.into(),
        subject_ids: vec![id(1)],
        ..LegacyRecordImported::default()
    }
    .into()
}

fn petition() -> Event {
    let petitioner = PetitionerIdentity { full_name: NAME.to_owned(), ..PetitionerIdentity::default() };
    PetitionReceived {
        petition_id: id(60),
        petition_kind: code("complaint"),
        respondent_ids: vec![id(1)],
        received_on: Some(date("2026-01-07")),
        petitioner: Some(petitioner),
        summary: narrative(),
        ..PetitionReceived::default()
    }
    .into()
}

fn obligation() -> Event {
    let kind = DeclarationKind::Annual.into();
    let due_on = Some(date("2026-03-31"));
    ObligationCreated { obligation_id: id(70), person_id: id(1), kind, due_on, ..ObligationCreated::default() }.into()
}

fn verification() -> Event {
    VerificationOrdered {
        verification_id: id(80),
        person_id: id(1),
        ground: VerificationGround::Random.into(),
        declaration_ids: vec![id(40)],
        reasons: narrative(),
        ..VerificationOrdered::default()
    }
    .into()
}

fn voided() -> Event {
    RecordVoided {
        record_id: id(90),
        target_position: 17,
        target: format!("record/{}", id(50)),
        ground: VoidGround::WrongPerson.into(),
        reasons: narrative(),
        ..RecordVoided::default()
    }
    .into()
}

/// An event of every kind.
fn whole_story() -> Story {
    let names = vec![OrganisationName { text: "Office of Examples".to_owned(), language: "en".to_owned() }];
    let body = OrganisationRegistered { entity_id: id(2), names, ..OrganisationRegistered::default() };
    let title = code("head");
    let post = PositionAssigned {
        person_id: id(1),
        position_number: 1,
        body_id: id(2),
        title,
        rank: code("first"),
        ..PositionAssigned::default()
    };
    let outcome = RespondentOutcome { respondent_id: id(1), outcome: CaseOutcome::Sanctioned.into() };
    let appeal = AppealLodged {
        appeal_id: id(30),
        decision_id: id(20),
        respondent_id: id(1),
        grounds: narrative(),
        ..AppealLodged::default()
    };
    let decided = AppealDecided {
        appeal_id: id(30),
        decision_id: id(20),
        respondent_id: id(1),
        outcome: AppealOutcome::Annulled.into(),
        last_instance: true,
        ..AppealDecided::default()
    };
    let land = Section { asset_class: code("land"), none_declared: false, item_count: 1 };
    let annulled = DecisionAnnulled {
        decision_id: id(20),
        respondent_id: id(1),
        retroactive: true,
        ..DecisionAnnulled::default()
    };
    Story::of([
        person(),
        body.into(),
        post.into(),
        PositionEnded { person_id: id(1), position_number: 1, to: Some(date("2026")), ..PositionEnded::default() }
            .into(),
        case(),
        allegation(1),
        allegation(2),
        finding(2, Finding::Substantiated),
        decision(),
        CaseClosed { case_id: id(10), outcomes: vec![outcome], ..CaseClosed::default() }.into(),
        appeal.into(),
        decided.into(),
        annulled.into(),
        declaration(),
        DeclarationAmended {
            declaration_id: id(40),
            person_id: id(1),
            sections: vec![land],
            ..DeclarationAmended::default()
        }
        .into(),
        imported(Observation::FirstSeen),
        imported(Observation::Gone),
        petition(),
        PetitionResolved {
            petition_id: id(60),
            outcome: PetitionOutcome::Unfounded.into(),
            reasons: narrative(),
            ..PetitionResolved::default()
        }
        .into(),
        obligation(),
        verification(),
        VerificationConcluded {
            verification_id: id(80),
            person_id: id(1),
            truthfulness: Truthfulness::Incomplete.into(),
            discrepancies: vec![code("land").unwrap()],
            conclusion: narrative(),
            ..VerificationConcluded::default()
        }
        .into(),
        voided(),
    ])
}

#[test]
fn every_row_fits_its_table() {
    let tables = described();
    let erased = whole_story();
    for index in 1..=23 {
        erased.erase(index);
    }
    for story in [whole_story(), erased] {
        let rows = all_rows(&story);
        for row in &rows {
            let table = tables.iter().find(|table| table.name == row.table).unwrap();
            assert_eq!(row.cells.len(), table.columns.len(), "{}", row.table);
            for (column, cell) in table.columns.iter().zip(&row.cells) {
                assert!(column.of.holds(cell), "{}.{}: {cell:?}", row.table, column.name);
            }
        }
    }
    let rows = all_rows(&whole_story());
    for table in tables {
        assert!(rows.iter().any(|row| row.table == table.name), "no row in {}", table.name);
    }
}

#[test]
fn nothing_that_is_sealed_is_in_a_row() {
    for row in all_rows(&whole_story()) {
        assert!(row.cells.iter().all(|cell| !shown(cell).contains(NAME)), "{}", row.table);
    }
}

#[test]
fn an_allegation_is_no_finding() {
    let columns = ["allegation_number", "alleged_category_code", "finding_state", "finding", "finding_position"];
    check(&whole_story(), "allegations", &columns, &["1 conduct NO_FINDING · ·", "2 conduct FOUND SUBSTANTIATED 8"]);
    let story = Story::of([person(), case(), allegation(1), finding(1, Finding::Unfounded), allegation(2)]);
    story.erase(4);
    check(&story, "allegations", &columns, &["1 conduct ERASED · ·", "2 conduct ERASED · ·"]);
}

#[test]
fn state_is_that_of_the_last_entry() {
    let story = whole_story();
    check(&story, "persons", &["status", "identity_position", "position", "last_position"], &["ACTIVE 1 1 4"]);
    check(&story, "organisations", &["names", "name_languages"], &["Office of Examples en"]);
    check(&story, "positions", &["title_code", "rank_code", "held_to", "ended_position"], &["head first 2026 4"]);
    check(&story, "cases", &["status", "opened_on", "closed_position"], &["CLOSED 2026-01 10"]);
    check(&story, "case_respondents", &["outcome"], &["SANCTIONED"]);
    check(&story, "decisions", &["standing", "allegation_numbers", "annulment_retroactive"], &["ANNULLED 2+1 true"]);
    let sanctions = ["1 250.5 EUR ANNULLED", "2 · · ANNULLED"];
    check(&story, "sanctions", &["item_number", "amount", "currency", "standing"], &sanctions);
    check(&story, "appeals", &["outcome", "last_instance", "grounds_position"], &["ANNULLED true 11"]);
    check(&story, "declarations", &["submitted_on", "versions"], &["2026-03 2"]);
    check(&story, "declaration_versions", &["version", "sections", "position"], &["1 2 14", "2 1 15"]);
    let sections = ["land false 1 2", "cash false 2 1"];
    check(&story, "declaration_sections", &["asset_class_code", "none_declared", "item_count", "version"], &sections);
    let columns = ["kind_code", "received_on", "outcome", "resolved_position"];
    check(&story, "petitions", &columns, &["complaint 2026-01-07 UNFOUNDED 19"]);
    check(&story, "obligations", &["kind", "due_on"], &["ANNUAL 2026-03-31"]);
    let columns = ["ground", "truthfulness", "discrepancies", "concluded_position"];
    check(&story, "verifications", &columns, &["RANDOM INCOMPLETE test land 22"]);
    check(&story, "amendments", &["kind", "target_position", "void_ground"], &["VOIDED 17 WRONG_PERSON"]);
    check(&story, "imported_rows", &["release", "row", "observation", "observations"], &["=2 7 FIRST_SEEN 1"]);
}

#[test]
fn what_was_voided_counts_for_nothing() {
    let void = |target: u64| {
        let target = RecordVoided { record_id: id(90), target_position: target, ..RecordVoided::default() };
        Event::from(target)
    };
    // A finding alone; then what began the case.
    let told = || vec![person(), case(), allegation(1), finding(1, Finding::Substantiated)];
    let story = Story::of(told().into_iter().chain([void(4)]));
    check(&story, "allegations", &["finding_state", "finding"], &["NO_FINDING ·"]);
    check(&story, "cases", &["status", "last_position"], &["OPEN 3"]);
    let story = Story::of(told().into_iter().chain([void(2)]));
    check(&story, "cases", &["case"], &[]);
    check(&story, "allegations", &["case"], &[]);
    check(&story, "persons", &["position"], &["1"]);
    // An allegation alone: what was found of it is found of nothing.
    let one = Story::of(told().into_iter().chain([void(3)]));
    check(&one, "allegations", &["finding"], &[]);
    let events = ["1 ·", "2 5", "3 ·", "4 ·", "5 ·"];
    check(&story, "events", &["position", "voided_by"], &events);
}

#[test]
fn what_was_corrected_stands_as_it_should_have() {
    let field = FieldCorrection { path: "due_on".to_owned(), value: Some(Value::Date(date("2026-04-30"))) };
    let right = |target: u64, field: FieldCorrection| {
        let fields = vec![field];
        Event::from(RecordCorrected {
            record_id: id(90),
            target_position: target,
            fields,
            ..RecordCorrected::default()
        })
    };
    let story = Story::of([person(), obligation(), right(2, field.clone())]);
    check(&story, "obligations", &["kind", "due_on", "position"], &["ANNUAL 2026-04-30 2"]);
    check(&story, "amendments", &["kind", "target_position"], &["CORRECTED 2"]);
    // Of another entry, of no field that there is, and of a date taken away.
    let story = Story::of([person(), obligation(), right(1, field.clone())]);
    check(&story, "obligations", &["due_on"], &["2026-03-31"]);
    let unknown = FieldCorrection { path: "nothing".to_owned(), ..field };
    let story = Story::of([person(), obligation(), right(2, unknown)]);
    check(&story, "obligations", &["due_on"], &["2026-03-31"]);
}

#[test]
fn every_event_has_a_row() {
    let story = whole_story();
    let all = all_rows(&story);
    assert_eq!(all.iter().filter(|row| row.table == "events").count(), 23);
    let story = Story::of([person(), case()]);
    story.erase(2);
    let case = format!("case/{}", id(10));
    let person = format!("1 person.registered entity/{} · ·", id(1));
    let columns = ["position", "event_type", "stream", "occurred_on", "erased_by"];
    check(&story, "events", &columns, &[&person, "2 case.opened · · 3", "3 entry.erased · · ·"]);
    check(&Story::of([self::case()]), "events", &columns, &[&format!("1 case.opened {case} 2026-01 ·")]);
}

#[test]
fn what_was_erased_is_said_to_be_erased() {
    let story = whole_story();
    story.erase(1);
    let columns = ["status", "identity_position", "identity_erased_by", "erased_by", "erased_entries"];
    check(&story, "persons", &columns, &["· 1 24 24 1"]);
    // Without a payload nobody knows the name; that there is a declaration is still known.
    let story = Story::of([declaration(), person()]);
    story.erase(1);
    check(&story, "declarations", &["declaration", "declarant", "erased_by", "position"], &["· · 3 1"]);
    check(&story, "declaration_sections", &["asset_class_code"], &[]);
}
