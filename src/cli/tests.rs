use std::collections::BTreeMap;

use clap::CommandFactory as _;
use clap::Parser as _;
use clap::error::ErrorKind;

use crate::cli::Arguments;

/// Every command with its own help, by how it is called, on a narrow terminal: what is wrapped there, nobody can copy.
fn helps() -> BTreeMap<String, String> {
    fn add(command: &mut clap::Command, called: &str, helps: &mut BTreeMap<String, String>) {
        helps.insert(called.to_owned(), command.render_long_help().to_string());
        for below in command.get_subcommands_mut().filter(|below| below.get_name() != "help") {
            add(below, &format!("{called} {}", below.get_name()), helps);
        }
    }
    let mut helps = BTreeMap::new();
    let mut program = Arguments::command().term_width(80);
    program.build();
    add(&mut program, "probity", &mut helps);
    helps
}

/// The examples in a help: lines that begin with the program's name, as a shell would hand them over.
fn examples(help: &str) -> Vec<Vec<String>> {
    let whole = help.replace("\\\n", " ");
    let indented = whole.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| line.starts_with("probity "));
    let words = |line: &str| line.split_whitespace().take_while(|word| *word != ">").map(str::to_owned).collect();
    indented.map(words).collect()
}

#[test]
fn every_command_has_an_example_of_its_own() {
    let helps = helps();
    assert!(helps.len() > 15, "{:?}", helps.keys());
    for (called, help) in &helps {
        let own = |words: &Vec<String>| {
            let mut left = words.iter();
            called.split(' ').all(|word| left.any(|found| found == word))
        };
        assert!(examples(help).iter().any(own), "{called} --help has no example of it:\n{help}");
    }
}

#[test]
fn every_example_is_understood() {
    for (called, help) in helps() {
        for words in examples(&help) {
            if let Err(error) = Arguments::try_parse_from(&words) {
                panic!("{called} --help: {}\n{error}", words.join(" "));
            }
        }
    }
}

#[test]
fn an_example_that_is_wrong_would_be_seen() {
    for (line, kind) in [
        ("  probity sing", ErrorKind::InvalidSubcommand),
        ("  probity verify --head 3:abc --data d", ErrorKind::ValueValidation),
        ("  probity show person x --from-where y", ErrorKind::UnknownArgument),
        ("  probity verify", ErrorKind::MissingRequiredArgument),
    ] {
        let words = examples(line);
        assert_eq!(Arguments::try_parse_from(&words[0]).unwrap_err().kind(), kind, "{line}");
    }
    let help = "Examples:\n  probity demo \\\n    --keep > file\nprobity not indented\n";
    assert_eq!(examples(help), [["probity", "demo", "--keep"]]);
}

#[test]
fn the_definitions_are_sound() {
    Arguments::command().debug_assert();
}
