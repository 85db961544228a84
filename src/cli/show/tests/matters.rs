//! Petitions, duties, work, changes and differences, as somebody at a terminal asks for them.

use clap::Parser;

use crate::cli::show::ShowArgs;
use crate::cli::show::WorklistArgs;
use crate::cli::show::show;
use crate::cli::show::tests::Program;
use crate::cli::show::tests::plain;
use crate::cli::show::tests::serve_events;
use crate::events::AppealLodged;
use crate::events::CaseOpened;
use crate::events::DecisionIssued;
use crate::events::DeclarationContent;
use crate::events::DeclarationItem;
use crate::events::DeclarationSubmitted;
use crate::events::DisclosureLevel;
use crate::events::Event;
use crate::events::Narrative;
use crate::events::ObligationCreated;
use crate::events::OrganisationRegistered;
use crate::events::PersonRegistered;
use crate::events::PetitionReceived;
use crate::events::PetitionerIdentity;
use crate::events::RecordDisclosed;
use crate::events::RecordDisputed;
use crate::events::RecordVoided;
use crate::events::RightsReceived;
use crate::events::SanctionItem;
use crate::events::Section;
use crate::events::StatementAttached;
use crate::events::VerificationOrdered;
use crate::events::VoidGround;
use crate::views::fixture::code;
use crate::views::fixture::date;
use crate::views::fixture::id;
use crate::views::fixture::name;

#[derive(Parser)]
struct Worklist {
    #[command(flatten)]
    list: WorklistArgs,
}

fn declared(number: u128, described: &str) -> Event {
    let item = DeclarationItem {
        item_number: 1,
        asset_class: code("land"),
        description: described.to_owned(),
        ..DeclarationItem::default()
    };
    DeclarationSubmitted {
        declaration_id: id(number),
        person_id: id(1),
        sections: vec![Section { asset_class: code("land"), none_declared: false, item_count: 1 }],
        content: Some(DeclarationContent { items: vec![item] }),
        ..DeclarationSubmitted::default()
    }
    .into()
}

fn story() -> Vec<Event> {
    let petition = PetitionReceived {
        petition_id: id(70),
        received_by_id: id(2),
        respondent_ids: vec![id(1)],
        due_on: Some(date("2020-05-31")),
        petitioner: Some(PetitionerIdentity { full_name: "Nobody Must Know".to_owned(), ..Default::default() }),
        summary: Some(Narrative { text: "it is said".to_owned(), ..Narrative::default() }),
        ..PetitionReceived::default()
    };
    let obligation =
        ObligationCreated { obligation_id: id(60), person_id: id(1), due_on: Some(date("2099")), ..Default::default() };
    let case = CaseOpened { case_id: id(10), respondent_ids: vec![id(1)], ..CaseOpened::default() };
    let appeal = AppealLodged { appeal_id: id(30), respondent_id: id(1), ..AppealLodged::default() };
    let verification = VerificationOrdered { verification_id: id(80), person_id: id(1), ..Default::default() };
    let void = RecordVoided {
        record_id: id(90),
        target_position: 6,
        target: name("verification", 80).to_string(),
        subject_ids: vec![id(1)],
        ground: VoidGround::Duplicate.into(),
        ..RecordVoided::default()
    };
    vec![
        PersonRegistered { entity_id: id(1), ..PersonRegistered::default() }.into(),
        petition.into(),
        obligation.into(),
        case.into(),
        appeal.into(),
        verification.into(),
        void.into(),
        declared(40, "field"),
        declared(41, "wood"),
        OrganisationRegistered { entity_id: id(2), ..OrganisationRegistered::default() }.into(),
    ]
}

async fn shown(url: &str, words: &[&str]) -> Result<String, u8> {
    let program = Program::try_parse_from([&["show", "--from", url], words].concat()).unwrap();
    show(&program.show, &plain()).await.map_err(|failure| failure.exit_status())
}

#[tokio::test]
async fn each_matter_is_shown() {
    let url = serve_events(story()).await;
    let (person, body, case) = (id(1), id(2), id(10));
    let declaration = id(41);
    for (words, expected) in [
        (&["petition", &id(70)][..], "state: open, overdue"),
        (&["petition", &id(70), "--open"], "it is said"),
        (&["obligation", &id(60)], "state: open\n"),
        (&["obligation", &id(60), "--as-of", "2100-01-01"], "open, overdue"),
        (&["verification", &id(80)], "duplicate"),
        (&["verification", &id(80), "--known-at", "6"], "state: running"),
        (&["appeal", &id(30)], "state: pending"),
        (&["checklist", &case], "not recorded"),
        (&["checklist", &case, "--respondent", &person], "limitation"),
        (&["checklist", &case, "--json"], "\"STEP_STATE_MISSING\""),
        (&["work", &body], "overdue"),
        (&["work", &body, "--kind", "case"], "nothing has to be done"),
        (&["work", &body, "--due-from", "2020-06-01"], "nothing has to be done"),
        (&["work", "--without-body", "--json"], "obligation/"),
        (&["changes"], "looked at every entry up to 10"),
        (&["changes", "6", "--kind", "voided"], "record.voided"),
        (&["changes", "--of", &format!("entity/{person}"), "--json"], "\"CHANGE_KIND_NEW\""),
        (&["changes", "--body", &format!("entity/{body}")], "petition.received"),
        (&["declaration", &declaration, "--open", "--diff", &id(40)], "gone"),
        (&["declaration", &declaration, "--open", "--diff-version", "1"], "Classes"),
        (&["person", &person], "Pending"),
    ] {
        let text = shown(&url, words).await.unwrap();
        assert!(text.contains(expected), "{words:?}: {text}");
        assert!(!text.contains("Nobody Must Know"), "{words:?}");
    }
    for (words, status) in [
        (&["petition", &id(71)][..], 1),
        (&["petition", &format!("case/{case}")], 2),
        (&["checklist", &case, "--respondent", &body], 2),
        (&["changes", "11"], 2),
        (&["declaration", &declaration, "--open", "--diff-version", "2"], 2),
        (&["declaration", &declaration, "--open", "--diff", &id(42)], 1),
        (&["declaration", &declaration, "--diff", &id(40)], 2),
        (&["work", &id(3)], 1),
    ] {
        assert_eq!(shown(&url, words).await.unwrap_err(), status, "{words:?}");
    }
}

#[tokio::test]
async fn a_worklist_is_what_show_work_shows() {
    let url = serve_events(story()).await;
    let words = ["worklist", "--from", &url, &id(2), "--overdue"];
    let args = ShowArgs::from(Worklist::try_parse_from(words).unwrap().list);
    let text = show(&args, &plain()).await.unwrap();
    assert_eq!(text, shown(&url, &["work", &id(2), "--overdue"]).await.unwrap());
    assert!(text.contains(name("petition", 70).as_str()), "{text}");
    for bad in [&["--kind", "decision"][..], &["--due-to", "2026"], &["--as-of", "never"]] {
        assert!(Worklist::try_parse_from([&words[..], bad].concat()).is_err(), "{bad:?}");
    }
    // Whose work is wanted is said: a forgotten body is no all-clear.
    assert!(Worklist::try_parse_from(["worklist", "--from", &url]).is_err());
    assert!(Worklist::try_parse_from([&words[..], &["--without-body"]].concat()).is_err());
}

#[tokio::test]
async fn what_concerns_the_person_is_shown() {
    let asked = RightsReceived {
        rights_id: id(60),
        person_id: id(1),
        received_by_id: id(2),
        received_on: Some(date("2020-02-03")),
        ack_due_on: Some(date("2020-02-05")),
        due_on: Some(date("2020-02-23")),
        ..RightsReceived::default()
    };
    let decided = DecisionIssued {
        decision_id: id(20),
        respondent_id: id(1),
        items: vec![SanctionItem { item_number: 1, form: code("reprimand"), ..SanctionItem::default() }],
        signed_on: Some(date("2020-01-01")),
        ..DecisionIssued::default()
    };
    let shown_to = RecordDisclosed {
        disclosure_id: id(50),
        recipient_id: id(3),
        disclosed_by_id: id(2),
        level: DisclosureLevel::Clearance.into(),
        targets: vec![name("entity", 1).to_string()],
        known_at: 4,
        subject_ids: vec![id(1)],
        disclosed_on: Some(date("2026-01-01")),
        ..RecordDisclosed::default()
    };
    let target = name("decision", 20).to_string();
    let disputed = RecordDisputed {
        dispute_id: id(30),
        target_position: 4,
        target: target.clone(),
        subject_ids: vec![id(1)],
        person_id: id(1),
        ground: code("inaccurate"),
        ..RecordDisputed::default()
    };
    let said = StatementAttached {
        dispute_id: id(30),
        target_position: 4,
        target,
        subject_ids: vec![id(1)],
        statement: Some(Narrative { text: "it was not so".to_owned(), ..Narrative::default() }),
        ..StatementAttached::default()
    };
    let url = serve_events([
        PersonRegistered { entity_id: id(1), ..PersonRegistered::default() }.into(),
        OrganisationRegistered { entity_id: id(2), ..OrganisationRegistered::default() }.into(),
        asked.into(),
        decided.into(),
        shown_to.into(),
        disputed.into(),
        said.into(),
    ])
    .await;
    let (person, body) = (name("entity", 1).to_string(), id(2));
    for (words, expected) in [
        (&["rights", &id(60)][..], "state: open, overdue"),
        (&["rights", &person], "2020-02-23"),
        (&["rights", &person, "--open-only", "--json"], "\"RIGHTS_STATE_OPEN\""),
        (&["rights", &name("entity", 2).to_string()], "nothing was asked for"),
        (&["work", &body, "--kind", "rights"], "2020-02-05"),
        (&["disclosures"], "2026-01-01"),
        (&["disclosures", &person, "--recipient", &id(3)], "clearance"),
        (&["disclosures", "--body", &body, "--day-to", "2025-12-31"], "nothing was shown"),
        (&["notices"], "record.disputed"),
        (&["notices", &body, "--overdue", "--as-of", "2030-01-01"], "overdue"),
        (&["notices", &body, "--overdue", "--as-of", "2026-01-02"], "nobody has to be told"),
        (&["clearance", &id(1), "--for", "purpose:appointment"], "it was not so"),
        (&["clearance", &id(1), "--for", "purpose:appointment"], "disputed"),
        (&["decision", &id(20)], "sealed, class P4"),
        (&["decision", &id(20), "--open"], "it was not so"),
        (&["person", &id(1)], "inaccurate"),
    ] {
        let text = shown(&url, words).await.unwrap();
        assert!(text.contains(expected), "{words:?}: {text}");
    }
    for (words, status) in [
        (&["rights", &id(61)][..], 1),
        (&["disclosures", &name("entity", 9).to_string()], 1),
        (&["clearance", &id(9), "--for", "purpose:x"], 1),
        (&["clearance", &id(1), "--for", "appointment"], 2),
    ] {
        assert_eq!(shown(&url, words).await, Err(status), "{words:?}");
    }
}
