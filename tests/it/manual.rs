//! The manual and the README say what the code says.

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use probity::config::Config;
use probity::server::errors::Reason;
use serde_json::Value;

const ERRORS: &str = "src/manual/errors.md";
const TABLE: &str = "| reason | code | metadata | what to do |\n|---|---|---|---|\n";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap()
}

/// The catalogue as the manual prints it.
fn table() -> String {
    let mut table = TABLE.to_owned();
    for reason in Reason::ALL {
        let code = code(&format!("{:?}", reason.code()));
        let keys: Vec<String> = reason.keys().iter().map(|key| format!("`{key}`")).collect();
        let (name, keys) = (reason.name(), keys.join(", "));
        writeln!(table, "| `{name}` | `{code}` | {keys} | {} |", reason.action()).unwrap();
    }
    table
}

/// `FailedPrecondition` as gRPC writes it.
fn code(name: &str) -> String {
    let mut code = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !code.is_empty() {
            code.push('_');
        }
        code.push(letter.to_ascii_uppercase());
    }
    code
}

#[test]
fn the_table_of_errors_is_the_catalogue() {
    let page = text(ERRORS);
    let words = page.split(TABLE).next().unwrap();
    let whole = format!("{words}{}", table());
    if env::var_os("PROBITY_BLESS").is_some() {
        fs::write(path(ERRORS), whole).unwrap();
        return;
    }
    assert!(page == whole, "{ERRORS} is not the catalogue: PROBITY_BLESS=1 cargo test --test it manual");
}

#[test]
fn no_reason_stands_twice() {
    let names: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.name()).collect();
    assert_eq!(names.len(), Reason::ALL.len());
}

#[test]
fn the_readme_has_every_setting_and_no_other() {
    let settings = serde_json::to_value(Config::default()).unwrap();
    let keys = |(key, value): (&String, &Value)| match value {
        Value::Object(section) => section.keys().map(|within| format!("{key}.{within}")).collect(),
        _ => vec![key.clone()],
    };
    let expected: BTreeSet<String> = settings.as_object().unwrap().iter().flat_map(keys).collect();
    let readme = text("README.md");
    let section = readme.split("## Configuration").nth(1).unwrap().split("\n## ").next().unwrap();
    let row = |line: &str| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned());
    let found: BTreeSet<String> = section.lines().filter_map(row).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_link_of_the_readme_leads_somewhere() {
    let readme = text("README.md");
    let targets = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let missing: Vec<&str> = targets
        .filter(|target| !target.contains("://") && !target.starts_with('#') && !path(target).exists())
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_page_is_compiled_into_the_documentation() {
    let manual = text("src/manual.rs");
    for entry in fs::read_dir(path("src/manual")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(manual.contains(&format!("manual/{name}")), "{name}");
    }
}
