//! One crate has no compiler's wall between core and shell; this is the wall. It reads text, so it is a fence and no
//! proof: a macro or an absolute path could step over it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// `(module, may use, pure)`: the whole architecture, from the ground up. A module uses only what stands above it here.
const MODULES: [(&str, &[&str], bool); 30] = [
    ("manual", &[], true),
    ("events", &[], true),
    ("log", &[], true),
    ("access", &["log"], true),
    ("clock", &[], false),
    ("telemetry", &[], false),
    ("tls", &["access"], false),
    ("proto", &["events"], false),
    ("domain", &["events"], true),
    ("ledger", &["events", "log", "domain"], true),
    ("views", &["events", "log", "proto", "domain", "ledger"], true),
    ("verify", &["events", "log", "domain", "ledger"], true),
    ("fetch", &["log", "verify"], false),
    ("reload", &["access", "tls", "fetch"], false),
    ("export", &["events", "log", "proto", "domain", "views"], true),
    ("store", &["log"], false),
    ("backup", &["log", "verify", "export", "store"], false),
    ("keys", &["events", "log", "clock"], false),
    ("index", &["events", "log", "domain", "ledger", "store"], false),
    (
        "sequencer",
        &["events", "log", "clock", "telemetry", "domain", "ledger", "views", "store", "keys", "index"],
        false,
    ),
    ("publish", &["log", "ledger", "store", "keys", "index", "sequencer"], false),
    ("witness", &["log", "clock", "fetch", "verify", "store", "sequencer", "publish"], false),
    ("monitor", &["log", "clock", "verify", "fetch", "publish", "witness"], false),
    ("http", &["access", "log", "clock", "tls", "publish"], false),
    (
        "service",
        &[
            "events",
            "log",
            "clock",
            "telemetry",
            "domain",
            "ledger",
            "views",
            "verify",
            "store",
            "keys",
            "index",
            "sequencer",
            "publish",
            "witness",
        ],
        false,
    ),
    ("delivery", &["log", "clock", "domain", "ledger", "export", "store", "index", "service"], false),
    (
        "config",
        &[
            "log",
            "telemetry",
            "tls",
            "reload",
            "views",
            "store",
            "sequencer",
            "publish",
            "http",
            "witness",
            "keys",
            "service",
            "delivery",
        ],
        false,
    ),
    ("import", &["events", "tls", "proto", "config"], false),
    (
        "server",
        &[
            "access",
            "events",
            "log",
            "clock",
            "tls",
            "reload",
            "telemetry",
            "http",
            "proto",
            "domain",
            "ledger",
            "views",
            "verify",
            "export",
            "store",
            "keys",
            "index",
            "sequencer",
            "publish",
            "witness",
            "service",
            "delivery",
            "config",
        ],
        false,
    ),
    (
        "cli",
        &[
            "access",
            "events",
            "log",
            "clock",
            "tls",
            "reload",
            "telemetry",
            "http",
            "fetch",
            "proto",
            "domain",
            "ledger",
            "views",
            "verify",
            "export",
            "store",
            "backup",
            "keys",
            "index",
            "sequencer",
            "publish",
            "witness",
            "monitor",
            "service",
            "delivery",
            "config",
            "import",
            "server",
        ],
        false,
    ),
];

/// What a pure module cannot name.
const EFFECTS: [&str; 14] = [
    "async ",
    ".await",
    "tokio",
    "tonic::",
    "sled::",
    "tracing",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "rand::",
    "f32",
    "f64",
    "::now(",
];

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES: usize = 70;
const SHORT_FUNCTIONS_PERCENT: usize = 95;

#[test]
fn every_module_is_in_the_table() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let declared: BTreeSet<&str> =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let table: BTreeSet<&str> = MODULES.iter().map(|(name, _, _)| *name).collect();
    assert_eq!(declared, table, "src/lib.rs and the table of this test");
    for (place, (module, uses, _)) in MODULES.iter().enumerate() {
        for used in *uses {
            assert!(MODULES[..place].iter().any(|(above, _, _)| above == used), "{module} stands above {used}");
        }
    }
}

#[test]
fn modules_depend_downward() {
    let mut wrong = Vec::new();
    for source in sources() {
        wrong.extend(edges_out_of_place(&source));
    }
    assert_none("edges that are not in the table", &wrong);
}

#[test]
fn pure_modules_have_no_effects() {
    let mut wrong = Vec::new();
    for source in sources() {
        wrong.extend(effects(&source));
    }
    assert_none("effects in pure modules", &wrong);
}

#[test]
fn files_and_functions_are_short() {
    let mut long = Vec::new();
    let mut functions = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > FILE_LINES_MAX {
            long.push(format!("{}: {lines} lines", source.name));
        }
        functions.extend(function_lengths(&source));
    }
    assert_none("files with a second subject", &long);
    let over: Vec<&String> = functions.iter().filter(|(_, lines)| *lines > FUNCTION_LINES).map(|(at, _)| at).collect();
    let allowed = functions.len() * (100 - SHORT_FUNCTIONS_PERCENT) / 100;
    assert!(over.len() <= allowed, "{} of {} functions are long: {over:#?}", over.len(), functions.len());
}

#[test]
fn nothing_is_left_for_later() {
    let mut wrong = Vec::new();
    let files =
        [files_below("src"), files_below("tests"), files_below("proto"), vec![root().join("build.rs")]].concat();
    for path in files {
        let name = name_of(&path);
        if name.ends_with("/mod.rs") {
            wrong.push(format!("{name}: a module is `x.rs` and `x/`"));
        }
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            if [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")].iter().any(|word| line.contains(word)) {
                wrong.push(format!("{name}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert_none("left for later", &wrong);
}

#[test]
fn the_fence_stops_what_steps_over_it() {
    let planted = |module: &str, text: &str| Source {
        name: format!("src/{module}/planted.rs"),
        module: module.to_owned(),
        text: text.to_owned(),
    };
    for (module, text) in [
        ("domain", "use crate::log::Entry;"),
        ("log", "let x = crate::domain::admit();"),
        ("store", "use crate::{log, domain};"),
        ("ledger", "use super::super::store::Sled;"),
        ("ledger", "use crate::nowhere::Thing;"),
    ] {
        assert_eq!(edges_out_of_place(&planted(module, text)).len(), 1, "{module}: {text}");
    }
    for (module, text) in [
        ("log", "let now = SystemTime::now();"),
        ("domain", "pub async fn admit() {}"),
        ("views", "use std::fs::File;"),
        ("verify", "let share = done as f64;"),
    ] {
        assert_eq!(effects(&planted(module, text)).len(), 1, "{module}: {text}");
    }
    for (module, text) in [
        ("ledger", "use crate::log::Entry;"),
        ("log", "// written as std::fs would"),
        ("log", "pub(crate) fn admit() {}"),
        ("store", "let now = Instant::now();"),
    ] {
        let source = planted(module, text);
        assert_eq!(edges_out_of_place(&source).len() + effects(&source).len(), 0, "{module}: {text}");
    }
    let long = format!("    fn long() {{\n{}    }}\n", "        step();\n".repeat(80));
    assert_eq!(function_lengths(&planted("log", &long))[0].1, 82);
}

/// A file of `src/`, and the module of lib.rs that it belongs to.
struct Source {
    name: String,
    module: String,
    text: String,
}

impl Source {
    /// Tests of a room may bring tools of other rooms.
    fn is_test(&self) -> bool {
        self.name.ends_with("/tests.rs") || self.name.contains("/tests/")
    }
}

fn edges_out_of_place(source: &Source) -> Vec<String> {
    let allowed = MODULES.iter().find(|(name, _, _)| *name == source.module).map_or(&[][..], |(_, uses, _)| uses);
    let mut wrong = Vec::new();
    let top = source.name.matches('/').count() == 1;
    for (at, line) in code_lines(source) {
        if line.contains("crate::{") || line.contains("super::super") || (top && line.starts_with("use super::")) {
            wrong.push(format!("{at}: name the room: {line}"));
            continue;
        }
        for (start, _) in line.match_indices("crate::") {
            let word_goes_on = line[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let rest = &line[start + "crate::".len()..];
            let used = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            if !word_goes_on && used != source.module && !allowed.contains(&used) && !source.is_test() {
                wrong.push(format!("{at}: {} may not use {used}", source.module));
            }
        }
    }
    wrong
}

fn effects(source: &Source) -> Vec<String> {
    let pure = MODULES.iter().any(|(name, _, pure)| *name == source.module && *pure);
    if !pure || source.is_test() {
        return Vec::new();
    }
    let effect = |line: &str| EFFECTS.iter().any(|effect| line.contains(effect));
    code_lines(source).filter(|(_, line)| effect(line)).map(|(at, line)| format!("{at}: {line}")).collect()
}

/// Lines without their comments, with their place.
fn code_lines(source: &Source) -> impl Iterator<Item = (String, &str)> {
    source.text.lines().enumerate().filter_map(|(number, line)| {
        let code = if line.trim_start().starts_with("//") { "" } else { line.split(" // ").next().unwrap_or(line) };
        (!code.trim().is_empty()).then(|| (format!("{}:{}", source.name, number + 1), code))
    })
}

/// Where each function begins and how many lines it has. Formatted code closes a body where it began to indent.
fn function_lengths(source: &Source) -> Vec<(String, usize)> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut lengths = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let words = line.trim_start();
        let indent = line.len() - words.len();
        let begins = words.split("fn ").next().is_some_and(|before| {
            before.len() < words.len() && before.split(' ').all(|word| word.is_empty() || QUALIFIERS.contains(&word))
        });
        if !begins {
            continue;
        }
        let closes = |line: &&str| line.trim_start() == "}" && line.len() == indent + 1;
        let ends_at_once = line.ends_with(';') || line.ends_with('}');
        let length = if ends_at_once { 1 } else { lines[number..].iter().position(closes).unwrap_or(0) + 1 };
        lengths.push((format!("{}:{}", source.name, number + 1), length));
    }
    lengths
}

const QUALIFIERS: [&str; 6] = ["pub", "pub(crate)", "pub(super)", "const", "async", "extern"];

fn sources() -> Vec<Source> {
    let rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    files_below("src")
        .into_iter()
        .filter(rust)
        .map(|path| {
            let name = name_of(&path);
            let module = name.trim_start_matches("src/").split(['/', '.']).next().unwrap_or_default().to_owned();
            Source { module, text: fs::read_to_string(&path).unwrap(), name }
        })
        .filter(|source| source.module != "lib" && source.module != "main")
        .collect()
}

fn files_below(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn name_of(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn assert_none(what: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
}
