//! Programs of others: what the README shows is what is run here, against the real service.
//!
//! Python and grpcurl are no part of the build. `PROBITY_PYTHON` names a Python that has the packages, `PROBITY_GRPCURL`
//! the other; else those of the system are tried, and what is missing is said past the capture of the tests' output.

mod client;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use tempfile::TempDir;

use crate::service;
use crate::service::Served;
use crate::service::head;
use crate::service::ledger;
use crate::service::run;

/// Each file, and how the README marks the block that holds it.
const SHOWN: [(&str, &str); 5] =
    [("client.rs", "rust"), ("stubs.sh", "sh"), ("client.py", "python"), ("refused.py", "python"), ("client.sh", "sh")];

/// What Python needs beside itself.
const MODULES: [&str; 3] = ["grpc", "grpc_tools", "grpc_status"];

/// Where nobody listens.
const NOBODY: &str = "127.0.0.1:1";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn shown(file: &str) -> PathBuf {
    path("tests/it/clients").join(file)
}

/// Files whose text is not a block of the README by itself.
fn drifted(readme: &str) -> Vec<&'static str> {
    let block = |file: &str, mark: &str| format!("\n```{mark}\n{}```\n", fs::read_to_string(shown(file)).unwrap());
    SHOWN.iter().filter(|(file, mark)| !readme.contains(&block(file, mark))).map(|(file, _)| *file).collect()
}

/// Says so where nobody can overlook it, whatever the test runner captures.
#[expect(clippy::explicit_write, reason = "what the macros print is captured")]
pub(crate) fn skipped(what: &str, missing: &str) {
    writeln!(io::stderr(), "\n!! SKIPPED: {what}: {missing}").unwrap();
}

/// A running service on a new log.
fn serve() -> (TempDir, PathBuf, Served) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let served = Served::start(&data);
    (folder, data, served)
}

fn address(served: &Served) -> &str {
    served.url.strip_prefix("http://").unwrap()
}

/// A program, as the environment or the system has it. `None`: it is not there, and that was said.
fn program(variable: &str, names: &[PathBuf], probe: &[&str], what: &str, missing: &str) -> Option<PathBuf> {
    let asked = env::var_os(variable).map(PathBuf::from);
    let tried = asked.clone().map_or_else(|| names.to_vec(), |asked| vec![asked]);
    let works = |name: &PathBuf| {
        let quiet = Command::new(name).args(probe).stdin(Stdio::null()).output();
        quiet.is_ok_and(|output| output.status.success())
    };
    let found = tried.into_iter().find(works);
    assert!(found.is_some() || asked.is_none(), "{variable} is set, but {asked:?}: {missing}");
    if found.is_none() {
        skipped(what, missing);
    }
    found
}

/// A Python with the packages.
fn python(what: &str) -> Option<PathBuf> {
    let import = format!("import {}", MODULES.join(", "));
    let missing = "no python3 with grpcio-tools and grpcio-status (pip install; PROBITY_PYTHON)";
    program("PROBITY_PYTHON", &["python3".into()], &["-c", &import], what, missing)
}

fn grpcurl(what: &str) -> Option<PathBuf> {
    let installed = env::home_dir().unwrap_or_default().join("go/bin/grpcurl");
    let missing = "no grpcurl (go install github.com/fullstorydev/grpcurl/cmd/grpcurl@latest; PROBITY_GRPCURL)";
    program("PROBITY_GRPCURL", &["grpcurl".into(), installed], &["-version"], what, missing)
}

/// `PATH` with the folder of a program before all others.
fn path_with(program: &Path) -> OsString {
    let folder = program.parent().unwrap().to_owned();
    let rest = env::var_os("PATH").unwrap_or_default();
    env::join_paths([folder].into_iter().chain(env::split_paths(&rest))).unwrap()
}

/// Makes the stubs as the README says, below a folder.
fn stubs(python: &Path, folder: &Path) -> PathBuf {
    std::os::unix::fs::symlink(path("proto"), folder.join("proto")).unwrap();
    // Beside `proto`, where the README's reader is.
    let mut command = Command::new("sh");
    let python_first = path_with(python);
    let (status, _, said) = run(command.arg("-e").arg(shown("stubs.sh")).current_dir(folder).env("PATH", python_first));
    assert_eq!(status, Some(0), "{said}");
    folder.join("stubs")
}

/// Runs one of the programs in Python.
fn run_python(python: &Path, stubs: &Path, file: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    run(Command::new(python).arg(shown(file)).args(arguments).env("PYTHONPATH", stubs).stdin(Stdio::null()))
}

#[test]
fn the_readme_shows_what_is_run() {
    let readme = fs::read_to_string(path("README.md")).unwrap();
    assert_eq!(drifted(&readme), [""; 0]);
    let section = readme.split("\n## From your own program\n").nth(1).unwrap().split("\n## ").next().unwrap();
    assert_eq!(drifted(section), [""; 0], "in another section");
    assert_eq!(section.matches("\n```").count() % 2, 0);
    let mut files: Vec<String> =
        fs::read_dir(shown("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    let mut known: Vec<&str> = SHOWN.iter().map(|(file, _)| *file).collect();
    known.sort_unstable();
    assert_eq!(files, known, "every file is shown");
}

#[test]
fn a_readme_that_drifted_would_be_seen() {
    let readme = fs::read_to_string(path("README.md")).unwrap();
    for (file, _) in SHOWN {
        let text = fs::read_to_string(shown(file)).unwrap();
        let line = text.lines().last().unwrap();
        for changed in [readme.replace(line, &format!("{line} ")), readme.replace(&text, "")] {
            assert!(drifted(&changed).contains(&file), "{file}");
        }
    }
    assert_eq!(drifted("").len(), SHOWN.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn rust_appends_and_asks() {
    let (_folder, data, served) = serve();
    let record = client::append_and_ask(served.url.clone()).await.unwrap();
    assert_eq!(record.names[0].text, "Northwick Port Authority");
    assert_eq!(head(&mut served.ledger().await).await.0, 1);
    served.stop();
    service::verify(&data);
    assert!(client::append_and_ask(format!("http://{NOBODY}")).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn python_appends_and_asks() {
    let Some(python) = python("the Python client of the README") else { return };
    let (folder, data, served) = serve();
    let stubs = stubs(&python, folder.path());
    for entry in [1, 2] {
        let (status, printed, said) = run_python(&python, &stubs, "client.py", &[address(&served)]);
        assert_eq!(status, Some(0), "{said}");
        let (position, leaf_hash) = head(&mut ledger(&served.url).await).await;
        let leaf_hash = data_encoding::HEXLOWER.encode(&leaf_hash);
        let expected = format!("entry {entry}, leaf {leaf_hash}\nNorthwick Port Authority as of entry {entry}\n");
        assert_eq!((position, printed), (entry, expected));
    }
    served.stop();
    service::verify(&data);
}

#[test]
fn python_is_told_what_was_wrong_by_reason_and_field() {
    let Some(python) = python("refusals as the Python client of the README meets them") else { return };
    let (folder, _data, served) = serve();
    let stubs = stubs(&python, folder.path());
    for (name, told) in [
        ("entity/nobody", "INVALID_ARGUMENT FIELD_INVALID {'field': 'name', 'rule': 'NOT_A_NAME'}\n"),
        ("", "INVALID_ARGUMENT FIELD_INVALID {'field': 'name', 'rule': 'NOT_A_NAME'}\n"),
        ("case/01J00000000000000000000003", "INVALID_ARGUMENT FIELD_INVALID {'field': 'name', 'rule': 'NOT_A_NAME'}\n"),
        ("entity/01J00000000000000000000003", "NOT_FOUND RECORD_NOT_FOUND {'position': '0'}\n"),
    ] {
        let (status, printed, said) = run_python(&python, &stubs, "refused.py", &[address(&served), name]);
        assert_eq!((status, printed.as_str()), (Some(0), told), "{name:?}: {said}");
    }
    for file in ["client.py", "refused.py"] {
        let (status, printed, said) = run_python(&python, &stubs, file, &[NOBODY, "entity/nobody"]);
        assert_eq!((status, printed.as_str()), (Some(1), ""), "{said}");
        assert!(said.contains("UNAVAILABLE"), "{said}");
    }
    served.stop();
}

#[test]
fn grpcurl_appends_and_asks() {
    let Some(grpcurl) = grpcurl("the commands of the README") else { return };
    let (_folder, data, served) = serve();
    let shell = |address: &str| {
        let mut command = Command::new("sh");
        run(command.arg("-e").arg(shown("client.sh")).arg(address).env("PATH", path_with(&grpcurl)))
    };
    let (status, printed, said) = shell(address(&served));
    assert_eq!(status, Some(0), "{said}");
    let answers: Vec<serde_json::Value> =
        serde_json::Deserializer::from_str(&printed).into_iter().collect::<Result<_, _>>().unwrap();
    assert_eq!(answers.len(), 2, "{printed}");
    assert_eq!(answers[0]["firstPosition"], "1");
    assert_eq!(answers[1]["record"]["names"][0]["text"], "Northwick Port Authority");
    let (status, _, said) = shell(NOBODY);
    assert_ne!(status, Some(0), "{said}");
    served.stop();
    service::verify(&data);
}

#[test]
fn grpcurl_prints_the_details_of_a_refusal() {
    let Some(grpcurl) = grpcurl("refusals as grpcurl prints them") else { return };
    let (_folder, _data, served) = serve();
    let question = r#"{"name": "entity/nobody"}"#;
    let arguments = ["-plaintext", "-d", question, address(&served), "probity.v1.RecordService/GetRecord"];
    let (status, printed, said) = run(Command::new(grpcurl).args(arguments));
    assert_ne!(status, Some(0), "{printed}");
    for part in ["InvalidArgument", "google.rpc.ErrorInfo", "FIELD_INVALID", "NOT_A_NAME", "\"field\": \"name\""] {
        assert!(said.contains(part), "{part} in {said}");
    }
    served.stop();
}
