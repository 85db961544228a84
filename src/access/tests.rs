//! All rules against an expectation that is written out by itself, and the decisions of a policy.

mod policies;
mod tokens;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::access::Action;
use crate::access::Caller;
use crate::access::Class;
use crate::access::Classes;
use crate::access::Denied;
use crate::access::Level;
use crate::access::Matter;
use crate::access::Notes;
use crate::access::Policy;
use crate::access::Presented;
use crate::access::RULES;
use crate::access::decide;
use crate::access::rule_of;
use crate::events::POOL;
use crate::log::Name;

const OWN: &str = "entity/0000000000000000000000000B";
const FOREIGN: &str = "entity/0000000000000000000000000F";
const PERSON: &str = "entity/0000000000000000000000000P";

/// What the study says: for each method the levels that may call it, L0 to L7, A1, O1; then the highest class that its
/// answer may hold, and whether it takes a purpose and a legal basis. Not derived from the rules.
const EXPECTED: &str = "
grpc.health.v1.Health/Check                              0123 4567 AO  P0 -
grpc.health.v1.Health/Watch                              0123 4567 AO  P0 -
grpc.reflection.v1.ServerReflection/ServerReflectionInfo 0123 4567 AO  P0 -
probity.v1.LedgerService/Append                          .... 456. ..  P0 -
probity.v1.LedgerService/AppendStream                    .... 456. ..  P0 -
probity.v1.LedgerService/GetEntry                        ...3 4.6. A.  P1 basis
probity.v1.LedgerService/ReadEntries                     ...3 4.6. A.  P1 basis
probity.v1.LedgerService/Subscribe                       ...3 4.6. A.  P1 basis
probity.v1.LedgerService/GetHead                         0123 4567 AO  P0 -
probity.v1.LedgerService/ResolvePosition                 0123 4567 AO  P0 -
probity.v1.ProofService/GetCheckpoint                    0123 4567 AO  P0 -
probity.v1.ProofService/ProveInclusion                   ...3 456. A.  P0 -
probity.v1.ProofService/ProveConsistency                 0123 4567 AO  P0 -
probity.v1.ProofService/ProveSubject                     ...3 .... A.  P1 basis
probity.v1.ProofService/Verify                           .... .... AO  P0 -
probity.v1.RecordService/Find                            .12. 456. ..  P1 basis
probity.v1.RecordService/GetRecord                       ..23 456. A.  P2 basis
probity.v1.RecordService/GetCase                         ...3 4.6. A.  P4 basis
probity.v1.RecordService/GetDecision                     ...3 4.6. A.  P4 basis
probity.v1.RecordService/GetDeclaration                  ...3 456. A.  P3 basis
probity.v1.RecordService/GetClearance                    ..23 4.6. ..  P4 basis
probity.v1.RecordService/GetRights                       ...3 4.6. A.  P4 basis
probity.v1.RecordService/ListRights                      ...3 4.6. A.  P1 basis
probity.v1.RecordService/ListDisclosures                 ...3 4.6. A.  P1 basis
probity.v1.RecordService/ListNoticesDue                  .... 4.6. A.  P1 basis
probity.v1.RecordService/ListTimeline                    ...3 4.6. A.  P1 basis
probity.v1.RecordService/ListDeclarations                ...3 456. A.  P1 basis
probity.v1.RecordService/GetPetition                     .... 4.6. A.  P4 basis
probity.v1.RecordService/GetObligation                   ...3 456. A.  P1 basis
probity.v1.RecordService/GetVerification                 ...3 456. A.  P4 basis
probity.v1.RecordService/GetAppeal                       ...3 4.6. A.  P4 basis
probity.v1.RecordService/GetChecklist                    ...3 4.6. A.  P1 basis
probity.v1.RecordService/ListPetitions                   .... 4.6. A.  P1 basis
probity.v1.RecordService/ListCases                       .... 4.6. A.  P1 basis
probity.v1.RecordService/ListDecisions                   .... 4.6. A.  P1 basis
probity.v1.RecordService/ListAppeals                     .... 4.6. A.  P1 basis
probity.v1.RecordService/ListObligations                 .... 456. A.  P1 basis
probity.v1.RecordService/ListVerifications               .... 456. A.  P1 basis
probity.v1.RecordService/ListWork                        .... 4.6. A.  P1 basis
probity.v1.RecordService/ListExpiring                    .... 4.6. A.  P1 basis
probity.v1.RecordService/ListChanges                     .... 4.6. A.  P1 basis
probity.v1.RecordService/DiffDeclarations                ...3 456. A.  P3 basis
probity.v1.ExportService/CreateExport                    0... .... A.  P1 basis
probity.v1.ExportService/GetExport                       0... .... A.  P1 -
probity.v1.ExportService/ListExports                     0... .... A.  P1 -
probity.v1.ExportService/CancelExport                    0... .... A.  P1 -
probity.v1.ExportService/DownloadExport                  0... .... A.  P1 basis
probity.v1.AccessService/OfferCustody                    .... ...7 ..  P1 basis
probity.v1.AccessService/OpenProtected                   .... ...7 ..  P5 basis
probity.v1.AccessService/WhoAccessedMe                   ...3 .... ..  P1 basis
probity.v1.AccessService/MyRecord                        ...3 .... ..  P2 basis
probity.v1.AccessService/ListAccesses                    .... .... A.  P1 basis
probity.v1.AccessService/ListUnreviewed                  .... 4.6. A.  P1 basis
probity.v1.AccessService/ReviewEmergency                 .... 4.6. A.  P1 basis
probity.v1.AdminService/GetServerInfo                    0123 4567 AO  P0 -
probity.v1.AdminService/RequestErasure                   .... 4.67 ..  P0 -
probity.v1.AdminService/ApproveErasure                   .... 4.67 ..  P0 -
probity.v1.AdminService/ListErasures                     .... 4.67 ..  P0 -
probity.v1.AdminService/ListViews                        .... .... .O  P0 -
probity.v1.AdminService/RebuildViews                     .... .... .O  P0 -
probity.v1.AdminService/PromoteViews                     .... .... .O  P0 -
probity.v1.AdminService/ResumeViews                      .... .... .O  P0 -
/checkpoint                                              0123 4567 AO  P0 -
/tile/hashes                                             0123 4567 AO  P0 -
/tile/entries                                            .... .... A.  P0 -
/metrics                                                 .... .... AO  P0 -
";

/// The classes that each level may see at all.
const CLASSES: [(Level, &[u32]); 10] = [
    (Level::L0, &[]),
    (Level::L1, &[1]),
    (Level::L2, &[1, 2]),
    (Level::L3, &[1, 2, 3, 4]),
    (Level::L4, &[1, 2, 3, 4]),
    (Level::L5, &[1, 3]),
    (Level::L6, &[1, 2, 4]),
    (Level::L7, &[1]),
    (Level::A1, &[1]),
    (Level::O1, &[]),
];

/// Methods that tell a caller without a name whether the service lives, and what is published to the world.
const OPEN: [&str; 4] = ["grpc.health.v1.Health/Check", "grpc.health.v1.Health/Watch", "/checkpoint", "/tile/hashes"];

struct Expected {
    method: &'static str,
    levels: String,
    shows: u32,
    basis: bool,
}

fn expected() -> Vec<Expected> {
    let rows = EXPECTED.lines().filter(|line| !line.is_empty());
    rows.map(|line| {
        let (method, rest) = line.split_once(' ').unwrap();
        let words: Vec<&str> = rest.split_whitespace().collect();
        let [low, high, other, shows, basis] = words[..] else { panic!("{line}") };
        Expected {
            method,
            levels: [low, high, other].concat(),
            shows: shows[1..].parse().unwrap(),
            basis: basis == "basis",
        }
    })
    .collect()
}

/// A policy with a principal of each level, called as its level, with all that a level may be given.
pub(super) fn whole_policy() -> Policy {
    let mut text = String::new();
    for level in Level::ALL {
        let name = level.name();
        let body = if level.has_body() { format!("body = \"{OWN}\"\n") } else { String::new() };
        let events = if level.actions().contains(&Action::Append) { "events = [\"*\"]\n" } else { "" };
        let entity = if level == Level::L3 { format!("entity = \"{PERSON}\"\n") } else { String::new() };
        let classes: Vec<String> =
            (1..=5).filter(|class| level.classes().has_number(*class)).map(|class| format!("\"P{class}\"")).collect();
        let actions: Vec<String> =
            level.actions().iter().map(|action| format!("\"{}\"", format!("{action:?}").to_lowercase())).collect();
        write!(
            text,
            "[[role]]\nname = \"{name}\"\nlevel = \"{name}\"\nclasses = [{}]\nactions = [{}]\n{body}{events}\n\
             [[principal]]\nid = \"{name}\"\nrole = \"{name}\"\n{entity}\n",
            classes.join(", "),
            actions.join(", "),
        )
        .unwrap();
    }
    Policy::parse(&text).unwrap()
}

fn presented(principal: &str) -> Presented {
    Presented {
        principal: Some(principal.to_owned()),
        purpose: Some("duty/test".to_owned()),
        legal_basis: Some("law/test".to_owned()),
        emergency: None,
    }
}

fn called(level: Level, method: &str) -> Result<Caller, Denied> {
    decide(&whole_policy(), method, &presented(level.name())).map(|(caller, _)| caller)
}

#[test]
fn every_method_has_one_rule_and_no_rule_is_without_its_method() {
    let mut methods: BTreeSet<String> = POOL
        .services()
        .flat_map(|service| {
            let of = service.full_name().to_owned();
            service.methods().map(|method| format!("{of}/{}", method.name())).collect::<Vec<_>>()
        })
        .collect();
    for pages in ["/checkpoint", "/tile/hashes", "/tile/entries", "/metrics"] {
        methods.insert(pages.to_owned());
    }
    for foreign in ["grpc.health.v1.Health/Check", "grpc.health.v1.Health/Watch"] {
        methods.insert(foreign.to_owned());
    }
    methods.insert("grpc.reflection.v1.ServerReflection/ServerReflectionInfo".to_owned());
    let ruled: Vec<&str> = RULES.iter().map(|rule| rule.method).collect();
    assert_eq!(ruled.len(), ruled.iter().collect::<BTreeSet<_>>().len(), "a method has two rules");
    assert_eq!(methods, ruled.into_iter().map(str::to_owned).collect());
}

#[test]
fn each_level_reaches_what_the_study_says_and_no_more() {
    let expected = expected();
    assert_eq!(expected.len(), RULES.len());
    for row in &expected {
        let rule = rule_of(row.method).unwrap();
        assert_eq!((rule.shows as u32, rule.basis), (row.shows, row.basis), "{}", row.method);
        for (level, mark) in Level::ALL.into_iter().zip(row.levels.chars()) {
            let reached = called(level, row.method);
            let what = format!("{} at {}", row.method, level.name());
            assert_eq!(reached.is_ok(), mark != '.', "{what}");
            let (_, most) = CLASSES.iter().find(|(of, _)| *of == level).unwrap();
            let Ok(caller) = reached else { continue };
            for class in 1..=5 {
                let may = class <= row.shows && most.contains(&class);
                assert_eq!(caller.classes().has_number(class), may, "P{class} by {what}");
            }
        }
    }
}

#[test]
fn a_method_without_a_rule_is_refused() {
    for level in Level::ALL {
        for method in ["probity.v1.LedgerService/Forget", "", "probity.v1.LedgerService", "/", "/tile/data"] {
            assert_eq!(called(level, method).unwrap_err(), Denied::Method, "{method} at {}", level.name());
        }
    }
}

#[test]
fn whoever_has_no_name_reaches_what_is_open_and_nothing_else() {
    for rule in RULES {
        for nobody in [None, Some("stranger".to_owned())] {
            let presented = Presented { principal: nobody, ..presented("") };
            let answer = decide(&whole_policy(), rule.method, &presented);
            assert_eq!(answer.is_ok(), OPEN.contains(&rule.method), "{}", rule.method);
            if let Ok((caller, _)) = answer {
                assert_eq!((caller.principal(), caller.classes()), ("", Classes::NONE));
            }
        }
    }
}

#[test]
fn a_read_says_why_and_aggregates_need_not() {
    let method = "probity.v1.RecordService/GetCase";
    let with = |purpose: Option<&str>, basis: Option<&str>| {
        let presented = Presented {
            principal: Some("L4".to_owned()),
            purpose: purpose.map(str::to_owned),
            legal_basis: basis.map(str::to_owned),
            emergency: None,
        };
        decide(&whole_policy(), method, &presented).map(drop)
    };
    assert_eq!(with(Some("duty/test"), Some("law/12.3")), Ok(()));
    assert_eq!(with(None, Some("law/test")), Err(Denied::Basis("probity-purpose")));
    assert_eq!(with(Some("duty/test"), None), Err(Denied::Basis("probity-legal-basis")));
    for bad in ["", "duty", "/", "duty/", "/test", "Duty/test", "duty/te st", "duty/\n", "a/b/c", "-a/b"] {
        assert_eq!(with(Some(bad), Some("law/test")), Err(Denied::Basis("probity-purpose")), "{bad:?}");
    }
    let long = format!("duty/{}", "x".repeat(97));
    assert_eq!(with(Some(&long), Some("law/test")), Err(Denied::Basis("probity-purpose")));
    let silent = Presented { principal: Some("L0".to_owned()), ..Presented::default() };
    decide(&whole_policy(), "probity.v1.ExportService/CreateExport", &silent).unwrap();
}

#[test]
fn a_role_does_what_it_names_and_nothing_else_of_its_level() {
    let text = format!(
        "[[role]]\nname = \"r\"\nlevel = \"L4\"\nbody = \"{OWN}\"\nclasses = [\"P1\"]\nactions = [\"append\"]\n\
         events = [\"case.*\", \"decision.issued\"]\n[[principal]]\nid = \"p\"\nrole = \"r\"\n"
    );
    let policy = Policy::parse(&text).unwrap();
    let read = decide(&policy, "probity.v1.RecordService/GetCase", &presented("p"));
    assert_eq!(read.unwrap_err(), Denied::Method);
    let (caller, _) = decide(&policy, "probity.v1.LedgerService/Append", &presented("p")).unwrap();
    for (event_type, may) in
        [("case.opened", true), ("decision.issued", true), ("decision.annulled", false), ("casework.opened", false)]
    {
        assert_eq!(caller.may_append(event_type), may, "{event_type}");
    }
}

#[test]
fn whose_a_matter_is_decides_for_each_level() {
    let name = |text: &str| Name::parse(text).unwrap();
    let bodies = |text: &str| BTreeSet::from([name(text)]);
    let own = Matter { bodies: bodies(OWN), ..Matter::default() };
    let cases = [
        ("own", own.clone(), "4 6 A"),
        ("own, of declarations", Matter { declared: true, ..own }, "4 5 6 A"),
        ("brought", Matter { bodies: bodies(FOREIGN), brought_to: bodies(OWN), ..Matter::default() }, "6 A"),
        ("of the caller", Matter { bodies: bodies(FOREIGN), of_caller: true, ..Matter::default() }, "3 A"),
        ("foreign", Matter { bodies: bodies(FOREIGN), declared: true, ..Matter::default() }, "A"),
        ("of nobody", Matter::default(), "A"),
    ];
    for (what, matter, levels) in cases {
        for level in Level::ALL {
            // Of a method that every level reaches.
            let caller = called(level, "probity.v1.LedgerService/GetHead").unwrap();
            let mark = level.name().trim_start_matches('L').trim_end_matches('1');
            let mark = if level == Level::L1 { "1" } else { mark };
            let may = levels.split(' ').any(|one| one == mark);
            assert_eq!(caller.may(&matter), may, "{what} at {}", level.name());
        }
        assert!(Caller::local().may(&matter), "{what}: without access control");
    }
}

#[test]
fn what_was_asked_about_is_known_whoever_looks() {
    let caller = called(Level::L4, "probity.v1.RecordService/GetCase").unwrap();
    let elsewhere = caller.clone();
    elsewhere.note("case/1");
    elsewhere.note("case/1");
    elsewhere.note_shown("one");
    let notes = caller.take_notes();
    assert_eq!(notes.asked, BTreeSet::from(["case/1".to_owned()]));
    assert_eq!(notes.shown, BTreeSet::from(["one".to_owned()]));
    assert_eq!(elsewhere.take_notes(), Notes::default(), "taken once");
    assert_eq!(caller.purpose().unwrap().to_string(), "duty/test");
}

#[test]
fn p5_is_opened_for_nobody_alone() {
    for level in Level::ALL {
        for rule in RULES {
            if let Ok(caller) = called(level, rule.method) {
                assert!(!caller.classes().has(Class::P5), "{} at {}", rule.method, level.name());
                assert_eq!(caller.is_custodian(), level == Level::L7);
            }
        }
    }
    assert!(!Caller::local().classes().has(Class::P5) && !Caller::local().is_custodian());
}
