//! The key-encryption key under a key that a token holds: with SoftHSM, which is a token in a folder.
//!
//! SoftHSM is no part of the build. `PROBITY_SOFTHSM` names its module; else the places where systems put it are tried, and
//! what is missing is said past the capture of the tests' output.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::clients::skipped;
use crate::service::Served;
use crate::service::contains_below;
use crate::service::ledger;
use crate::service::probity;
use crate::service::run;
use crate::service::said;
use crate::service::serve;
use crate::service::story;
use crate::service::story::id;

const MODULES: [&str; 5] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
];

const PIN: &str = "58213907";

/// A token of its own, in a folder of its own.
struct Token {
    module: PathBuf,
    folder: TempDir,
}

impl Token {
    /// `None`: there is no SoftHSM here, and that was said.
    fn new(what: &str) -> Option<Self> {
        let asked = env::var_os("PROBITY_SOFTHSM").map(PathBuf::from);
        let tried = asked.map_or_else(|| MODULES.map(PathBuf::from).to_vec(), |asked| vec![asked]);
        let Some(module) = tried.into_iter().find(|module| module.exists()) else {
            skipped(what, "libsofthsm2.so is missing (package softhsm2)");
            return None;
        };
        if Command::new("softhsm2-util").arg("--version").output().is_err() {
            skipped(what, "softhsm2-util is missing (package softhsm2)");
            return None;
        }
        let token = Self { module, folder: TempDir::new().unwrap() };
        fs::create_dir(token.folder.path().join("tokens")).unwrap();
        let settings = format!("directories.tokendir = {}\n", token.folder.path().join("tokens").display());
        fs::write(token.folder.path().join("softhsm2.conf"), settings).unwrap();
        token.write_pin(PIN);
        let mut made = Command::new("softhsm2-util");
        made.args(["--init-token", "--free", "--label", "probity test", "--pin", PIN, "--so-pin", "9876543210"]);
        let made = run(token.of(&mut made));
        assert_eq!(made.0, Some(0), "{made:?}");
        Some(token)
    }

    fn pin_file(&self) -> PathBuf {
        self.folder.path().join("pin")
    }

    fn write_pin(&self, pin: &str) {
        fs::write(self.pin_file(), format!("{pin}\n")).unwrap();
        fs::set_permissions(self.pin_file(), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// For a command: where SoftHSM finds the token.
    fn of<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("SOFTHSM2_CONF", self.folder.path().join("softhsm2.conf"))
    }

    /// And where the program does.
    fn named<'a>(&self, command: &'a mut Command, key: &str) -> &'a mut Command {
        let command = self.of(command).env("PROBITY_PKCS11_MODULE", &self.module).env("PROBITY_PKCS11_KEY", key);
        command.env("PROBITY_PKCS11_TOKEN", "probity test").env("PROBITY_PKCS11_PIN_FILE", self.pin_file())
    }

    /// Runs the program with the token to its end.
    fn run(&self, arguments: &[&str], data: Option<&Path>) -> (Option<i32>, String, String) {
        let mut command = probity(arguments);
        if let Some(data) = data {
            command.arg("--data").arg(data);
        }
        let said = run(self.named(&mut command, "kek 1"));
        assert!(!said.1.contains(PIN) && !said.2.contains(PIN), "the PIN is never told");
        said
    }

    fn make_key(&self) {
        let made = self.run(&["key", "make-token-key"], None);
        let named = "made pkcs11:token=probity%20test;object=kek%201;type=secret-key\n";
        assert_eq!((made.0, made.1.as_str()), (Some(0), named), "{made:?}");
    }

    fn serve(&self, data: &Path) -> Served {
        Served::try_start(self.named(&mut serve(data), "kek 1"), &said(data))
            .unwrap_or_else(|ended| panic!("{ended:?}: {}", fs::read_to_string(said(data)).unwrap()))
    }
}

/// Starts a service that must not start, and sees what it says last.
fn refuses(command: &mut Command, words: &str) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("said");
    let Err(ended) = Served::try_start(command, &file) else { panic!("it serves, and should say {words}") };
    let text = fs::read_to_string(file).unwrap();
    assert!(ended.status.code() == Some(2) && text.contains(words), "{ended:?}: {text}");
    assert!(!text.contains(PIN));
}

/// The log verifies with every part opened, by whoever has the token.
fn verifies(said: &(Option<i32>, String, String)) {
    assert_eq!(said.0, Some(0), "{said:?}");
    let json: serde_json::Value = serde_json::from_str(&said.1).unwrap();
    assert!(json["parts_opened"].as_u64().unwrap() > 0, "{json}");
}

const VERIFY: [&str; 3] = ["verify", "--open-parts", "--json"];

#[tokio::test(flavor = "multi_thread")]
async fn a_log_begins_and_goes_on_with_a_token_and_moves_out_of_it_and_in_again() {
    let Some(token) = Token::new("a key in a token") else { return };
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let kek = data.join("keys/kek");
    let wrapped = data.join("keys/kek.wrapped");
    refuses(token.named(&mut serve(&data), "kek 1"), "has no AES key \"kek 1\"");
    assert!(!kek.exists() && !wrapped.exists() && !data.join("keys/data.keys").exists());
    token.make_key();
    let again = token.run(&["key", "make-token-key"], None);
    assert!(again.0 == Some(2) && again.2.contains("has a key \"kek 1\" already"), "{again:?}");

    let served = token.serve(&data);
    ledger(&served.url).await.append(story::append(1, [story::person(&id(1, 1)).into()])).await.unwrap();
    served.kill();
    assert!(wrapped.exists() && !kek.exists());
    let served = token.serve(&data);
    ledger(&served.url).await.append(story::append(2, [story::person(&id(2, 1)).into()])).await.unwrap();
    served.stop();
    verifies(&token.run(&VERIFY, Some(&data)));
    let without = run(probity(VERIFY).arg("--data").arg(&data));
    assert!(without.0 == Some(2) && without.2.contains("which no setting names"), "{without:?}");
    let found = run(probity(["doctor", "--json", "--data"]).arg(&data));
    assert!(found.0 == Some(0) && found.1.contains("sealed by pkcs11:token=probity%20test"), "{found:?}");

    // Out of the token, and the service needs it no more.
    let out = token.run(&["key", "rewrap", "--to", "file"], Some(&data));
    assert!(out.0 == Some(0) && out.1.contains("it lies in keys/kek"), "{out:?}");
    assert!(kek.exists() && !wrapped.exists());
    let served = Served::start(&data);
    ledger(&served.url).await.append(story::append(3, [story::person(&id(3, 1)).into()])).await.unwrap();
    served.stop();
    verifies(&run(probity(VERIFY).arg("--data").arg(&data)));

    // And in again; what lay in the file is nowhere.
    let secret = fs::read(&kek).unwrap();
    let into = token.run(&["key", "rewrap", "--to", "pkcs11"], Some(&data));
    assert!(into.0 == Some(0) && into.1.contains("sealed by pkcs11:token=probity%20test;object=kek%201"), "{into:?}");
    assert!(wrapped.exists() && !contains_below(&data, &secret));
    let before = fs::read(&wrapped).unwrap();
    let again = token.run(&["key", "rewrap"], Some(&data));
    assert!(again.0 == Some(0) && fs::read(&wrapped).unwrap() != before, "it stays where it is: {again:?}");
    token.serve(&data).stop();
    verifies(&token.run(&VERIFY, Some(&data)));
    let spoken = fs::read_to_string(said(&data)).unwrap();
    assert!(!spoken.contains(PIN), "{spoken}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cannot_ask_the_token_for_that_key_does_not_open_the_log() {
    let Some(token) = Token::new("a key in a token that is not to be had") else { return };
    token.make_key();
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let served = token.serve(&data);
    ledger(&served.url).await.append(story::append(1, [story::person(&id(1, 1)).into()])).await.unwrap();
    served.stop();

    refuses(token.of(&mut serve(&data)), "kek.wrapped is sealed by pkcs11:token=probity%20test;object=kek%201");
    refuses(token.named(&mut serve(&data), "kek 2"), "object=kek%201;type=secret-key, and the settings name pkcs11:");
    let module = "/nowhere/libsofthsm2.so";
    refuses(token.named(&mut serve(&data), "kek 1").env("PROBITY_PKCS11_MODULE", module), "cannot be loaded");
    let mut other = serve(&data);
    let other = token.named(&mut other, "kek 1").env("PROBITY_PKCS11_TOKEN", "another");
    refuses(other, "and the settings name pkcs11:token=another");
    refuses(token.named(&mut serve(&data), "kek 1").env_remove("PROBITY_PKCS11_PIN_FILE"), "asks for a PIN");
    token.write_pin("00000000");
    refuses(token.named(&mut serve(&data), "kek 1"), "refuses the PIN");
    let rewrapped = token.run(&["key", "rewrap", "--to", "file"], Some(&data));
    assert!(rewrapped.0 == Some(2) && rewrapped.2.contains("refuses the PIN"), "{rewrapped:?}");
    fs::set_permissions(token.pin_file(), fs::Permissions::from_mode(0o644)).unwrap();
    refuses(token.named(&mut serve(&data), "kek 1"), "others may read it");
    token.write_pin(PIN);

    // The same names, and another key under them.
    let impostor = Token::new("another token").unwrap();
    refuses(impostor.named(&mut serve(&data), "kek 1"), "has no AES key \"kek 1\"");
    impostor.make_key();
    refuses(impostor.named(&mut serve(&data), "kek 1"), "another key wrapped it");
    let unlabelled = impostor.folder.path().join("softhsm2.conf");
    let nowhere = impostor.folder.path().join("nothing");
    fs::create_dir(&nowhere).unwrap();
    fs::write(&unlabelled, format!("directories.tokendir = {}\n", nowhere.display())).unwrap();
    refuses(impostor.named(&mut serve(&data), "kek 1"), "no token \"probity test\" is in any slot");

    // None of that did any harm; and the PIN may stand in the environment.
    let mut command = serve(&data);
    let command = token.named(&mut command, "kek 1").env_remove("PROBITY_PKCS11_PIN_FILE");
    Served::try_start(command.env("PROBITY_PKCS11_PIN", PIN), &said(&data)).unwrap().stop();
}

#[test]
fn a_key_that_can_be_taken_out_of_the_token_is_refused() {
    let what = "a key that can be extracted";
    let Some(token) = Token::new(what) else { return };
    if Command::new("pkcs11-tool").arg("--help").output().is_err() {
        skipped(what, "pkcs11-tool is missing (package opensc)");
        return;
    }
    let mut made = Command::new("pkcs11-tool");
    made.arg("--module").arg(&token.module).args(["--login", "--pin", PIN, "--token-label", "probity test"]);
    made.args(["--keygen", "--key-type", "AES:32", "--label", "kek 1", "--extractable"]);
    let made = run(token.of(&mut made));
    assert_eq!(made.0, Some(0), "{made:?}");
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    refuses(token.named(&mut serve(&data), "kek 1"), "can be extracted from the token");
}

#[test]
fn a_backup_of_keys_that_a_token_seals_needs_no_token_and_a_restore_does() {
    let Some(token) = Token::new("keys of a token in a backup") else { return };
    token.make_key();
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    token.serve(&data).stop();
    let (backup, keys) = (folder.path().join("backup"), folder.path().join("kept"));
    let mut command = probity(["backup", "--data"]);
    let written = run(command.arg(&data).arg("--to").arg(&backup).arg("--keys").arg(&keys));
    assert_eq!(written.0, Some(0), "{written:?}");
    assert!(keys.join("kek.wrapped").exists() && !keys.join("kek").exists());
    let restore = |data: &Path, with: bool| {
        let mut command = probity(["restore", "--backup"]);
        command.arg(&backup).arg("--keys").arg(&keys).arg("--data").arg(data).arg("--json");
        run(if with { token.named(&mut command, "kek 1") } else { &mut command })
    };
    let without = restore(&folder.path().join("without"), false);
    assert!(without.0 == Some(2) && without.2.contains("which no setting names"), "{without:?}");
    let restored = folder.path().join("restored");
    let with = restore(&restored, true);
    assert_eq!(with.0, Some(0), "{with:?}");
    token.serve(&restored).stop();
}
