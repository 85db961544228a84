//! A first try, exactly as `probity keygen --dev-ca` prints it: a new user copies the lines, and they are right.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use tempfile::TempDir;

use crate::service::Served;
use crate::service::probity;
use crate::service::run;
use crate::service::said;

/// The person of the record that is printed with it, and his name there.
const PERSON: &str = "entity/0000000000000000000000000P";
const NAMED: &str = "Nobody Inparticular";
/// Who petitions there.
const PETITIONER: &str = "Somebody Else";

/// A request of the person about his record, and a hold on the case.
const MORE: &str = r#"{"@type": "type.googleapis.com/probity.events.v1.RightsReceived", "rightsId": "0000000000000000000000000R", "personId": "0000000000000000000000000P", "kind": "RIGHTS_KIND_ACCESS", "identityCheck": {"scheme": "check", "code": "card"}, "receivedById": "0000000000000000000000000B", "receivedOn": {"year": 2025, "month": 1, "day": 6}, "ackDueOn": {"year": 2025, "month": 1, "day": 8}, "dueOn": {"year": 2025, "month": 1, "day": 27}}
{"@type": "type.googleapis.com/probity.events.v1.HoldPlaced", "holdId": "0000000000000000000000000H", "target": "case/0000000000000000000000000C", "placedById": "0000000000000000000000000B", "ground": {"scheme": "law", "code": "court"}}
"#;

/// The end of that hold, in the name of the body, and of another.
const RELEASED: &str = r#"{"@type": "type.googleapis.com/probity.events.v1.HoldReleased", "holdId": "0000000000000000000000000H", "releasedById": "0000000000000000000000000B", "ground": {"scheme": "law", "code": "court"}}
"#;

/// A folder in which somebody tries it.
struct Try {
    folder: TempDir,
    /// The lines for the service, for whoever calls it, and for when it was stopped.
    steps: [String; 3],
    served: Option<Served>,
}

impl Try {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let (status, printed, said) = run(probity(["keygen", "--dev-ca", "dev"]).current_dir(folder.path()));
        assert_eq!(status, Some(0), "{said}");
        assert!(said.contains("never for anything that matters"), "{said}");
        let (service, rest) = printed.split_once("# In another terminal").unwrap();
        let (calls, after) = rest.split_once("# When the service was stopped").unwrap();
        let steps = [service.to_owned(), format!("#{calls}"), format!("#{after}")];
        let mut this = Self { folder, steps, served: None };
        // On a port of its own; the service itself is what is to be stopped, and not a shell.
        let mut command = this.shell(&this.steps[0].replace("probity serve", "exec probity serve"));
        command.env("PROBITY_LISTEN", "127.0.0.1:0").env("PROBITY_RESERVE_BYTES", "0");
        let served = Served::try_start(&mut command, &said_of(this.folder.path())).unwrap();
        this.steps[1] = this.steps[1].replace("https://localhost:7411", &served.url);
        this.served = Some(served);
        this
    }

    /// Lines for a shell that stops at the first that fails, in the folder of the try.
    fn shell(&self, lines: &str) -> Command {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_probity"));
        let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new("sh");
        for (key, _) in std::env::vars_os().filter(|(key, _)| key.to_string_lossy().starts_with("PROBITY_")) {
            shell.env_remove(key);
        }
        shell.args(["-eu", "-c", lines]).current_dir(self.folder.path()).env("PATH", path).stdin(Stdio::null());
        shell
    }

    /// What is set up before anybody calls, then more lines.
    fn call(&self, lines: &str) -> (Option<i32>, String, String) {
        let (set, _) = self.steps[1].split_once("\n\n").unwrap();
        run(&mut self.shell(&format!("{set}\n{lines}")))
    }

    fn answers(&self, line: &str) -> String {
        let (status, printed, said) = self.call(line);
        assert_eq!(status, Some(0), "{line}\n{printed}\n{said}");
        printed
    }

    fn refuses(&self, line: &str, words: &str) {
        let (status, printed, said) = self.call(line);
        assert!(status != Some(0), "{line}\n{printed}");
        assert!(said.contains(words), "{line}: {said}");
        for name in [NAMED, PETITIONER] {
            assert!(!printed.contains(name) && !said.contains(name), "{line}: {printed}{said}");
        }
    }
}

fn said_of(folder: &Path) -> PathBuf {
    said(&folder.join("data"))
}

/// Everything from the first entry to a verified log of reads, as printed.
#[test]
fn what_is_printed_is_right_when_it_is_copied() {
    let mut first = Try::new();
    let (status, printed, said) = run(&mut first.shell(&first.steps[1]));
    assert_eq!(status, Some(0), "{printed}\n{said}");
    let told = [
        "events recorded in 6 requests",
        "a sanction in force: yes",
        NAMED,
        "personnel\tL2\tprobity.v1.RecordService/GetClearance",
        "1 of 2 approvals",
        "2 of 2 approvals",
        "good      each entry follows",
        "places\tgeneration 0",
    ];
    let mut rest = printed.as_str();
    for words in told {
        let Some((_, behind)) = rest.split_once(words) else { panic!("no {words} in\n{rest}") };
        rest = behind;
    }
    assert!(!rest.contains(NAMED), "forgotten: {rest}");
    // It is carried out beside the calls.
    let completed = (0..1000).any(|_| first.answers("as inspection erase list").contains("completed"));
    assert!(completed);
    let shown = first.answers(&format!("as inspection show --open person {PERSON}"));
    assert!(shown.contains("erased by entry") && !shown.contains(NAMED), "{shown}");
    first.served.take().unwrap().stop();
    let (status, printed, said) = run(&mut first.shell(&first.steps[2]));
    assert_eq!(status, Some(0), "{printed}\n{said}");
    assert_eq!(printed.matches("good      each entry follows").count(), 2, "{printed}");
    assert!(printed.contains("/access\n"), "{printed}");
}

/// Requests of the person, holds and disclosures, with the same program and the same policy.
#[test]
fn what_concerns_the_person_is_asked_for_and_recorded_by_those_who_may() {
    let first = Try::new();
    fs::write(first.folder.path().join("more.jsonl"), MORE).unwrap();
    fs::write(first.folder.path().join("released.jsonl"), RELEASED).unwrap();
    let elsewhere = RELEASED.replace("0000000000000000000000000B", "0000000000000000000000000P");
    fs::write(first.folder.path().join("elsewhere.jsonl"), elsewhere).unwrap();
    first.answers("as clerk import --state dev/import dev/record.jsonl more.jsonl");
    let (rights, body) = ("rights/0000000000000000000000000R", "0000000000000000000000000B");
    for who in ["inspection", "subject", "auditor"] {
        let shown = first.answers(&format!("as {who} show rights {rights}"));
        assert!(shown.contains("open, overdue") && shown.contains(PERSON), "{who}: {shown}");
    }
    let work = first.answers(&format!("as inspection worklist {body} --kind rights"));
    assert!(work.contains(rights) && work.contains("overdue"), "{work}");
    let denied = "PERMISSION_DENIED";
    for who in ["clerk", "personnel", "custodian-1", "operator"] {
        first.refuses(&format!("as {who} show rights {rights}"), denied);
        first.refuses(&format!("as {who} worklist {body}"), denied);
        first.refuses(&format!("as {who} show disclosures {PERSON}"), denied);
        first.refuses(&format!("as {who} show notices {body}"), denied);
    }
    first.refuses(&format!("as subject worklist {body}"), denied);

    let clearance = format!("show clearance {PERSON} --for purpose:appointment --disclose-to {body}");
    let shown = first.answers(&format!("as personnel {clearance} --reference 2025/7"));
    let (_, name) = shown.split_once("recorded as: ").unwrap();
    let name = name.split_whitespace().next().unwrap();
    assert!(name.starts_with("disclosure/"), "{shown}");
    assert!(first.answers(&format!("as personnel {clearance} --reference 2025/7")).contains(name), "recorded once");
    let shown = first.answers(&format!("as inspection show disclosures {PERSON}"));
    assert_eq!(shown.matches("appointment").count(), 1, "{shown}");
    first.refuses(&format!("as personnel {clearance}"), "--reference");
    first.refuses(&format!("as subject {clearance} --reference 1"), denied);
    let unknown = clearance.replace(body, "entity/7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
    first.refuses(&format!("as personnel {unknown} --reference 1"), "nothing of this name was recorded");

    let erase = "as inspection erase request --what case/0000000000000000000000000C=narrative --ground law/erasure";
    let (status, printed, _) = first.call(&format!("{erase} --dry-run"));
    assert!(status == Some(1) && printed.contains("HELD      hold/0000000000000000000000000H"), "{printed}");
    first.refuses(erase, "ERASURE_HELD");
    for who in ["personnel", "subject", "auditor", "operator", "approver-1"] {
        first.refuses(&format!("as {who} import --state dev/as-{who} released.jsonl"), "PermissionDenied");
    }
    first.refuses("as clerk import --state dev/elsewhere elsewhere.jsonl", "");
    first.refuses(erase, "ERASURE_HELD");
    first.answers("as clerk import --state dev/import released.jsonl");
    assert!(first.answers(erase).contains("requested erasure/"));
}

/// The policy of a first try is no open door.
#[test]
fn whoever_tries_it_as_somebody_else_is_refused() {
    let first = Try::new();
    let import = "as clerk import --state dev/import dev/record.jsonl";
    assert!(first.answers(import).contains("6  imported"));
    assert!(first.answers(import).contains("6  recorded before"), "who reads nothing sends it again");
    let denied = "PERMISSION_DENIED";
    for who in ["clerk", "custodian-1", "operator"] {
        first.refuses(&format!("as {who} show --open person {PERSON}"), denied);
        first.refuses(&format!("as {who} show clearance {PERSON} --for purpose:appointment"), denied);
    }
    for who in ["personnel", "auditor"] {
        let shown = first.answers(&format!("as {who} show --open person {PERSON}"));
        assert_eq!(shown.contains(NAMED), who == "personnel", "{who}: {shown}");
    }
    for who in ["inspection", "personnel", "auditor", "approver-1"] {
        first.refuses(&format!("as {who} accesses me"), denied);
    }
    first.refuses("as subject accesses list", denied);
    first.refuses("as personnel show case case/0000000000000000000000000C", denied);
    first.refuses("as inspection views list", denied);
    for who in ["approver-1", "personnel", "subject", "auditor", "operator"] {
        first.refuses(&format!("as {who} import --state dev/as-{who} dev/record.jsonl"), "PermissionDenied");
    }
    first.refuses(&format!("probity show person {PERSON}"), "UNAUTHENTICATED");
    first.refuses(&format!("PROBITY_PURPOSE= as inspection show person {PERSON}"), "PURPOSE");
    let shown = first.answers("as inspection show --open petition petition/0000000000000000000000000T");
    assert!(!shown.contains(PETITIONER), "{shown}");

    let what = "--what case/0000000000000000000000000C=narrative --ground law/erasure";
    for who in ["clerk", "personnel", "subject", "auditor", "operator", "custodian-1"] {
        first.refuses(&format!("as {who} erase request {what}"), denied);
    }
    let asked = first.answers(&format!("as inspection erase request {what}"));
    let (_, rest) = asked.split_once("requested ").unwrap();
    let erasure = rest.split_whitespace().next().unwrap();
    let approve = |who: &str| format!("as {who} erase approve {erasure} --ground law/erasure");
    first.refuses(&approve("inspection"), "APPROVER_IS_REQUESTER");
    for who in ["clerk", "personnel", "subject", "auditor", "operator", "custodian-2"] {
        first.refuses(&approve(who), denied);
    }
    assert!(first.answers(&approve("approver-1")).contains("1 of 2 approvals"));
    first.refuses(&approve("approver-1"), "APPROVER_REPEATED");
    assert!(first.answers("as approver-2 erase list").contains("requested  1 of 2"));
    let again = run(probity(["keygen", "--dev-ca", "dev"]).current_dir(first.folder.path()));
    assert!(again.0 == Some(2) && again.1.is_empty(), "nothing is overwritten: {again:?}");
}
