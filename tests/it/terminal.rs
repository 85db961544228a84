//! `probity show` as a person sees it: in the width of the terminal, with names in their order, dates and times as they are
//! written where the person is.

use std::path::PathBuf;
use std::process::Command;

use probity::events::CaseOpened;
use probity::events::Event;
use probity::events::OrganisationName;
use probity::events::OrganisationRegistered;
use probity::events::PersonIdentity;
use probity::events::PersonRegistered;
use probity::events::PositionAssigned;
use tempfile::TempDir;

use crate::service::Served;
use crate::service::probity;
use crate::service::run;
use crate::service::story;

/// In no order, of invented people; some with letters and marks in one, some apart.
const NAMES: [&str; 6] =
    ["Em Example", "Đặng Thị Ví Dụ", "Đa\u{323}i Văn Mẫu", "Dương Thử Nghiệm", "A\u{302}n Mẫu", "Ăn Mẫu"];

/// The same, as a Vietnamese index has them.
const IN_ORDER: [&str; 6] = ["Ăn Mẫu", "Ân Mẫu", "Dương Thử Nghiệm", "Đại Văn Mẫu", "Đặng Thị Ví Dụ", "Em Example"];

const BODY: &str = "Thanh tra Thử nghiệm";
const BODY_ENGLISH: &str = "Inspectorate of Tests";

fn id(thing: u64) -> String {
    story::id(77, thing)
}

/// A service with a body, a case against the six, and a post of the first in the body.
async fn serve() -> (TempDir, Served) {
    let folder = TempDir::new().unwrap();
    let data: PathBuf = folder.path().join("data");
    let served = Served::start(&data);
    let person = |(thing, name): (u64, &&str)| {
        let identity = PersonIdentity { full_name: (*name).to_owned(), ..PersonIdentity::default() };
        PersonRegistered { entity_id: id(thing), identity: Some(identity), ..PersonRegistered::default() }.into()
    };
    let mut events: Vec<Event> = (1..).zip(&NAMES).map(person).collect();
    let name = |text: &str, language: &str| OrganisationName { text: text.to_owned(), language: language.to_owned() };
    let names = vec![name(BODY_ENGLISH, "en"), name(BODY, "vi")];
    events.push(OrganisationRegistered { entity_id: id(9), names, ..OrganisationRegistered::default() }.into());
    let post = PositionAssigned {
        person_id: id(1),
        position_number: 1,
        body_id: id(9),
        title: story::code("post", "inspector"),
        from: story::day(2026, 5, 3),
        ..PositionAssigned::default()
    };
    events.push(post.into());
    events.push(
        CaseOpened {
            context: story::on(2026, 5, 0),
            case_id: id(20),
            regime: story::code("regime", "test"),
            respondent_ids: (1..=6).map(id).collect(),
            ..CaseOpened::default()
        }
        .into(),
    );
    served.ledger().await.append(story::append(77, events)).await.unwrap();
    (folder, served)
}

/// `probity show` as a user in a place has it.
fn show(served: &Served, words: &[&str], settings: &[(&str, &str)]) -> Command {
    let mut command = probity(["show", "--from", &served.url]);
    for name in ["LC_ALL", "LC_TIME", "LC_COLLATE", "LANG", "COLUMNS", "TZ", "NO_COLOR"] {
        command.env_remove(name);
    }
    command.args(words).envs(settings.iter().copied());
    command
}

fn shown(served: &Served, words: &[&str], settings: &[(&str, &str)]) -> String {
    let (status, printed, said) = run(&mut show(served, words, settings));
    assert_eq!((status, said.as_str()), (Some(0), ""), "{words:?}");
    printed
}

/// Where each of some words stands.
fn places(text: &str, words: &[&str]) -> Vec<usize> {
    words.iter().map(|word| text.find(word).unwrap_or_else(|| panic!("no {word} in {text}"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn respondents_are_in_the_order_of_the_readers_alphabet() {
    let (_folder, served) = serve().await;
    let case = id(20);
    let text = shown(&served, &["case", &case, "--open"], &[("LANG", "vi_VN.UTF-8")]);
    assert!(places(&text, &IN_ORDER).is_sorted(), "{text}");
    assert!(text.contains(&id(1)), "the id is there too: {text}");
    // Of what is not opened nothing is shown, and the ids are in their order.
    let closed = shown(&served, &["case", &case], &[("LANG", "vi_VN.UTF-8")]);
    assert!(NAMES.iter().chain(&IN_ORDER).all(|name| !closed.contains(name)), "{closed}");
    let mut ids: Vec<String> = (1..=6).map(id).collect();
    ids.sort();
    assert!(places(&closed, &ids.iter().map(String::as_str).collect::<Vec<_>>()).is_sorted(), "{closed}");
    let json = shown(&served, &["case", &case, "--open", "--json"], &[("LANG", "vi_VN.UTF-8"), ("COLUMNS", "60")]);
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["case"]["respondents"][0]["name"], format!("entity/{}", id(1)), "as recorded");
    assert_eq!(value["case"]["openedOn"]["month"], 5);
    served.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_is_wider_than_the_terminal() {
    let (_folder, served) = serve().await;
    let (person, case) = (id(1), id(20));
    let questions: [&[&str]; 4] = [
        &["person", &person, "--open"],
        &["case", &case, "--open"],
        &["case", &case],
        &["timeline", &format!("case/{case}")],
    ];
    for columns in ["60", "80", "120"] {
        for words in questions {
            let text = shown(&served, words, &[("COLUMNS", columns), ("LANG", "vi_VN")]);
            // Everything in it is one column wide: letters and marks are in one.
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= columns.parse().unwrap(), "{widest} in {columns} columns, {words:?}:\n{text}");
            assert!(!text.contains('\u{302}') && !text.contains('\u{323}'), "{text}");
        }
    }
    let unbounded = shown(&served, &["timeline", &format!("case/{case}")], &[]);
    assert!(unbounded.lines().any(|line| line.chars().count() > 80), "{unbounded}");
    served.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_times_and_names_of_bodies_are_those_of_the_place() {
    let (_folder, served) = serve().await;
    let person = id(1);
    for (settings, date, body, zone) in [
        (&[("LANG", "C.UTF-8"), ("TZ", "UTC")][..], "2026-05-03", BODY_ENGLISH, "+00:00)"),
        (&[("LANG", "vi_VN.UTF-8"), ("TZ", "Asia/Ho_Chi_Minh")], "03/05/2026", BODY, "+07:00)"),
        (&[("LANG", "vi_VN"), ("LC_ALL", "de_DE"), ("TZ", "ICT-7")], "03.05.2026", BODY_ENGLISH, "+07:00)"),
        (&[("LANG", "xx_YY"), ("TZ", "UTC")], "2026-05-03", BODY_ENGLISH, "+00:00)"),
        (&[("LANG", "vi_VN"), ("LC_TIME", "en_US"), ("TZ", "UTC")], "05/03/2026", BODY, "+00:00)"),
    ] {
        let text = shown(&served, &["person", &person], settings);
        for part in [date, body, zone] {
            assert!(text.contains(part), "{part} under {settings:?}: {text}");
        }
    }
    let flag = shown(&served, &["person", &person, "--locale", "vi"], &[("LANG", "de_DE")]);
    assert!(flag.contains("03/05/2026") && flag.contains(BODY), "the flag is stronger: {flag}");
    let asked = ["person", &person, "--as-of", "2026-06-01", "--known-at", "8", "--locale", "vi"];
    let text = shown(&served, &asked, &[("TZ", "UTC")]);
    assert!(text.contains("as of 01/06/2026, as known at entry 8 ("), "{text}");
    assert!(!text.contains("Cases"), "the case came later: {text}");
    served.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_locale_is_refused_where_it_was_typed_and_else_left_alone() {
    let (_folder, served) = serve().await;
    let person = id(1);
    for wrong in ["", "no such place", "vi VN", "1"] {
        let (status, printed, said) = run(&mut show(&served, &["person", &person, "--locale", wrong], &[]));
        assert_eq!((status, printed.as_str()), (Some(2), ""), "{wrong:?}");
        assert!(said.contains("locale"), "{wrong:?}: {said}");
        let text = shown(&served, &["person", &person], &[("LANG", wrong)]);
        assert!(text.contains("2026-05-03"), "{wrong:?}: {text}");
    }
    for wrong in ["0", "-5", "wide", ""] {
        let text = shown(&served, &["person", &person], &[("COLUMNS", wrong)]);
        assert!(text.contains(&person), "COLUMNS={wrong:?} is not obeyed: {text}");
    }
    served.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_that_the_environment_names_is_asked_where_nothing_else_is_named() {
    let (folder, served) = serve().await;
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let person = id(1);
    let nowhere = "http://127.0.0.1:1";
    let check = |url: Option<&str>, words: &[&str], status: i32, expected: &str| {
        let (ended, printed, said) = run(probity(words).envs(url.map(|url| ("PROBITY_URL", url))));
        assert_eq!(ended, Some(status), "{words:?} with {url:?}: {printed}{said}");
        assert!((printed + &said).contains(expected), "{words:?} with {url:?}: {expected}");
    };
    let here = Some(served.url.as_str());
    check(here, &["show", "person", &person], 0, &person);
    check(here, &["views", "list"], 0, "folded up to");
    check(here, &["verify"], 0, "good");
    check(here, &["export", "--to", &path("export"), "--entries"], 0, "written");
    check(here, &["backup", "--to", &path("backup")], 0, "backup");
    for words in [&["verify"][..], &["export", "--to", "x"], &["backup", "--to", "x"], &["show", "person", &person]] {
        check(None, words, 2, "required");
        check(Some(nowhere), words, 2, "cannot");
        let (_, _, said) = run(probity(words).env("PROBITY_URL", nowhere));
        assert_eq!(said.matches("tcp connect error").count(), 1, "each cause once: {said}");
        let named: Vec<&str> = [&words[..1], &["--from", &served.url], &words[1..]].concat();
        if words[0] == "verify" || words[0] == "show" {
            check(Some(nowhere), &named, 0, "");
        }
    }
    check(here, &["backup", "--to", &path("b2"), "--keys", &path("k2")], 2, "--data");
    served.stop();
    // A folder that is named is what is meant, whatever the environment says.
    let data = path("data");
    check(Some(nowhere), &["verify", "--data", &data, "--open-parts"], 0, "good");
    check(Some(nowhere), &["verify", "--export", &path("export")], 0, "good");
    check(Some(nowhere), &["verify", "--backup", &path("backup")], 0, "good");
    check(Some(nowhere), &["export", "--data", &data, "--to", &path("export2")], 0, "written");
    check(Some(nowhere), &["export", "tiles", "--data", &data, &path("tiles")], 2, "nothing is published yet");
    check(Some(nowhere), &["backup", "--data", &data, "--to", &path("b3"), "--keys", &path("k3")], 0, "");
    check(None, &["verify", "--data", &data, "--from", nowhere], 2, "cannot be used with");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_once_and_what_would_be_right_with_it() {
    let (_folder, served) = serve().await;
    let shape = "26 characters of Crockford base 32";
    for words in [&["person", "X"][..], &["case", "case/01"], &["timeline", "entity"], &["work", "entity/x"]] {
        let (status, _, said) = run(&mut show(&served, words, &[]));
        assert_eq!(status, Some(2), "{words:?}");
        assert_eq!(said.matches(shape).count(), 1, "{words:?}: {said}");
    }
    served.stop();
}
