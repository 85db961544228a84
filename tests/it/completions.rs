//! Completions of shells, from the real program.
#![expect(clippy::print_stderr, reason = "what is skipped is skipped loudly")]

use std::io::Write as _;
use std::process::Command;
use std::process::Stdio;

use crate::service::probity;
use crate::service::run;

const COMMANDS: [&str; 12] = [
    "demo",
    "serve",
    "import",
    "show",
    "worklist",
    "verify",
    "export",
    "backup",
    "restore",
    "views",
    "doctor",
    "completions",
];

#[test]
fn every_shell_is_told_of_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (status, printed, said) = run(&mut probity(["completions", shell]));
        assert_eq!((status, said.as_str()), (Some(0), ""), "{shell}");
        for command in COMMANDS.iter().chain(&["metrics-listen", "open-parts"]) {
            assert!(printed.contains(command), "{shell}: {command}");
        }
    }
}

#[test]
fn what_is_no_shell_is_refused() {
    for arguments in [&["completions"][..], &["completions", "dos"], &["completions", "bash", "zsh"]] {
        let (status, printed, said) = run(&mut probity(arguments));
        assert_eq!((status, printed.as_str()), (Some(2), ""), "{arguments:?}: {said}");
    }
}

#[test]
fn bash_takes_them_and_completes_with_them() {
    let (_, printed, _) = run(&mut probity(["completions", "bash"]));
    let script = format!(
        "{printed}\nCOMP_WORDS=(probity verify --op)\nCOMP_CWORD=2\n_probity probity --op verify\necho \"${{COMPREPLY[@]}}\"\n"
    );
    let Ok(mut bash) = Command::new("bash").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() else {
        eprintln!("SKIPPED: there is no bash here");
        return;
    };
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = bash.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "--open-parts");
}
