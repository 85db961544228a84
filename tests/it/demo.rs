//! The first command of the README, run as a newcomer runs it. The demo checks itself; here it is checked that it does.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use tempfile::TempDir;

/// The program with its temporary files in a folder of this test.
fn demo(temporary: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
    command.arg("demo").args(arguments).env("TMPDIR", temporary.path()).env("PROBITY_LOG", "warn");
    command
}

/// A demo that goes on; it does not outlive its test.
struct Kept(Child);

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap() + &String::from_utf8(output.stderr.clone()).unwrap()
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

/// The line that begins with these words, or the test shows everything.
fn line<'a>(printed: &'a str, words: &str) -> &'a str {
    let found = printed.lines().find(|line| line.trim_start().starts_with(words));
    found.unwrap_or_else(|| panic!("no line {words:?} in\n{printed}"))
}

/// The line with these words in it.
fn line_with<'a>(printed: &'a str, words: &str) -> &'a str {
    let found = printed.lines().find(|line| line.contains(words));
    found.unwrap_or_else(|| panic!("no {words:?} in\n{printed}"))
}

#[test]
fn it_ends_well_and_leaves_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let output = demo(&temporary, &[]).output().unwrap();
    let printed = printed(&output);
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert!(line(&printed, "refused").contains("RULE_VIOLATED"));
    assert!(line(&printed, "good    replayed").contains("nothing is recorded twice"));
    assert!(line(&printed, "today ").contains("nothing in force"));
    assert!(line(&printed, "on 1 July 2024").contains("in force: fine, removal-from-post"));
    assert!(line(&printed, "today, as known").contains("in force: fine, removal-from-post"));
    let position = |line: &str| line.split_whitespace().nth(1).unwrap().trim_end_matches(':').to_owned();
    let issued = printed.lines().find(|line| line.contains("decision.issued")).unwrap();
    let caught: Vec<&str> = printed.lines().filter(|line| line.trim_start().starts_with("caught")).collect();
    assert_eq!(caught.len(), 4, "{printed}");
    for verdict in [caught[0], caught[2]] {
        assert!(verdict.contains(&format!("entry {}:", position(issued))), "{verdict} names not {issued}");
    }
    assert!(caught[1].contains("the log was rewritten"));
    assert!(line(&printed, "good    these are all: ").contains("nobody was asked"));
    assert!(caught[3].contains("the SEAL's map"));
    assert!(!printed.contains('\u{1b}'), "colour where nobody looks");
    assert!(is_empty(temporary.path()));
}

#[test]
fn what_it_keeps_can_be_verified_and_served() {
    let temporary = tempfile::tempdir().unwrap();
    let data = tempfile::tempdir().unwrap();
    let output = demo(&temporary, &["--data", data.path().to_str().unwrap()]).output().unwrap();
    let printed = printed(&output);
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert!(is_empty(temporary.path()));
    let command: Vec<&str> = line_with(&printed, " verify --data ").split_whitespace().skip(1).collect();
    let verify = |arguments: &[&str]| Command::new(env!("CARGO_BIN_EXE_probity")).args(arguments).output().unwrap();
    assert_eq!(verify(&command).status.code(), Some(0));
    let head = command.last().unwrap();
    let other = format!("{}:{}", head.split(':').next().unwrap(), "0".repeat(64));
    let data = data.path().to_str().unwrap();
    assert_eq!(verify(&["verify", "--data", data, "--head", &other]).status.code(), Some(1));
    let again = demo(&temporary, &["--data", data]).output().unwrap();
    assert_eq!(again.status.code(), Some(2), "a folder that holds something");
}

#[test]
fn with_keep_it_serves_until_it_is_told_to_stop() {
    let temporary = tempfile::tempdir().unwrap();
    let mut child = Kept(demo(&temporary, &["--keep"]).stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let mut printed = String::new();
    for line in lines.by_ref() {
        printed = format!("{printed}{}\n", line.unwrap());
        if printed.contains("Ctrl-C ends it") {
            break;
        }
    }
    let command: Vec<&str> = line_with(&printed, " verify --from ").split_whitespace().skip(1).collect();
    let verified = Command::new(env!("CARGO_BIN_EXE_probity")).args(&command).output().unwrap();
    assert_eq!(verified.status.code(), Some(0), "{}", String::from_utf8_lossy(&verified.stdout));
    let show: Vec<&str> = line_with(&printed, "--as-of 2024-07-01").split_whitespace().skip(1).collect();
    let shown = Command::new(env!("CARGO_BIN_EXE_probity")).args(&show).output().unwrap();
    assert!(String::from_utf8(shown.stdout).unwrap().contains("Mara Linden"));
    let file = temporary.path().join("linden.subject-proof");
    let here = |words: &str| -> Vec<String> {
        let words = line_with(&printed, words).replace("linden.subject-proof", file.to_str().unwrap());
        words.split_whitespace().skip(1).map(str::to_owned).collect()
    };
    for command in [here(" prove --from "), here(" verify proof ")] {
        let done = Command::new(env!("CARGO_BIN_EXE_probity")).args(&command).output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    }
    fs::remove_file(file).unwrap();
    let told = Command::new("kill").args(["-TERM", &child.0.id().to_string()]).status().unwrap();
    assert!(told.success());
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
    assert!(is_empty(temporary.path()));
}

#[test]
fn it_says_why_it_could_not_begin() {
    let temporary = tempfile::tempdir().unwrap();
    let begun = |arguments: &[&str]| demo(&temporary, arguments).output().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let output = begun(&["--listen", &taken]);
    assert_eq!(output.status.code(), Some(1));
    assert!(printed(&output).contains("not as told at \"A service starts on a fresh folder\""));
    assert_eq!(begun(&["--data", "/proc/version"]).status.code(), Some(2));
    let mut nowhere = demo(&temporary, &[]);
    let nowhere = nowhere.env("TMPDIR", "/nowhere/at/all").output().unwrap();
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(is_empty(temporary.path()));
}
