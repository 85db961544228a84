//! `probity witness` at the terminal.

use std::os::unix::fs::PermissionsExt as _;

use probity::log::VerifierKey;

use crate::service::probity;
use crate::service::run;
use crate::witness::key;
use crate::witness::log_line;

#[test]
fn a_key_is_made_once_and_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let make = |name: &str| run(probity(["witness", "--make-key", name, "--key"]).arg(&file));
    let (status, printed, said) = make("witness.example.org/w1");
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(VerifierKey::parse(printed.trim_end()).unwrap().name(), "witness.example.org/w1");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&file).unwrap();
    assert_eq!(make("witness.example.org/w2").0, Some(2), "it was made again");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[test]
fn what_is_no_setting_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let witness = || {
        let mut command = probity(["witness", "--listen", "127.0.0.1:0", "--key"]);
        command.arg(at("key")).arg("--logs").arg(at("logs")).arg("--state").arg(at("state"));
        run(&mut command)
    };
    let check = |words: &str| {
        let (status, _, said) = witness();
        assert!(status == Some(2) && said.contains(words), "{words}: {said}");
    };
    check("No such file");
    std::fs::write(at("logs"), "log x\n").unwrap();
    check("line 1");
    std::fs::write(at("logs"), "quorum none\n").unwrap();
    check("key: No such file");
    assert_eq!(run(probity(["witness", "--make-key", "w", "--key"]).arg(at("key"))).0, Some(0));
    check("the policy names no log");
    std::fs::write(at("logs"), log_line(&key("log.example.org/a", 1)) + "quorum none\n").unwrap();
    std::fs::set_permissions(at("key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    check("make it 600");
    std::fs::set_permissions(at("key"), std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(at("key"), "PRIVATE+KEY+w\n").unwrap();
    check("a key is name, id and base 64");
    assert_eq!(run(&mut probity(["witness", "--key", "k"])).0, Some(2), "neither logs nor a name");
}
