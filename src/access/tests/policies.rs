//! Policies that cannot be used, and offers of custodians.

use crate::access::Action;
use crate::access::Custody;
use crate::access::Guard;
use crate::access::Level;
use crate::access::Peer;
use crate::access::Policy;
use crate::access::ProtectedPart;
use crate::access::Refused;
use crate::access::Said;
use crate::access::tests::OWN;
use crate::access::tests::whole_policy;

const ROLE: &str = "[[role]]\nname = \"r\"\nlevel = \"A1\"\nclasses = [\"P1\"]\nactions = [\"read\"]\n";
const PRINCIPAL: &str = "[[principal]]\nid = \"p\"\nrole = \"r\"\n";

#[test]
fn a_policy_that_breaks_a_rule_names_the_key() {
    let role = |lines: &str| format!("[[role]]\nname = \"r\"\n{lines}\n{PRINCIPAL}");
    let principal = |lines: &str| format!("{ROLE}[[principal]]\n{lines}\n");
    let tokens = |lines: &str| format!("[tokens]\nissuer = \"i\"\naudience = \"a\"\n{lines}\n");
    let cases = [
        ("roles = []".to_owned(), "roles"),
        (format!("{ROLE}{ROLE}"), "role r: name"),
        (format!("{ROLE}{PRINCIPAL}{PRINCIPAL}"), "principal p: id"),
        (principal("id = \"p\"\nrole = \"x\""), "principal p: role"),
        (principal("id = \"system\"\nrole = \"r\""), "principal system: id"),
        (principal("id = \"local\"\nrole = \"r\""), "principal local: id"),
        (principal("id = \"\"\nrole = \"r\""), "principal: id"),
        (principal("id = \"ă\"\nrole = \"r\""), "principal: id"),
        (principal(&format!("id = \"{}\"\nrole = \"r\"", "x".repeat(65))), "principal: id"),
        (principal(&format!("id = \"p\"\nrole = \"r\"\nentity = \"{OWN}\"")), "principal p: entity"),
        (principal("id = \"p\"\nrole = \"r\"\ncertificates = [\"a\", \"a\"]"), "principal p: certificates"),
        (principal("id = \"p\"\nrole = \"r\"\ncertificates = [\"\"]"), "principal p: certificates"),
        (principal("id = \"p\"\nrole = \"r\"\nsubjects = [\"\"]"), "principal p: subjects"),
        (principal("id = \"p\"\nrole = \"r\"\nsubjects = [\"s\"]"), "tokens"),
        (
            format!("{ROLE}{PRINCIPAL}local = true\n[[principal]]\nid = \"q\"\nrole = \"r\"\nlocal = true\n"),
            "principal q: local",
        ),
        (role("level = \"L9\"\nactions = []"), "L9"),
        (role("level = \"L4\"\nactions = [\"read\"]"), "role r: body"),
        (role(&format!("level = \"A1\"\nbody = \"{OWN}\"\nactions = []")), "role r: body"),
        (role("level = \"L4\"\nbody = \"case/1\"\nactions = []"), "role r: body"),
        (role("level = \"A1\"\nclasses = [\"P2\"]\nactions = []"), "role r: classes"),
        (role("level = \"O1\"\nclasses = [\"P1\"]\nactions = []"), "role r: classes"),
        (role(&format!("level = \"L4\"\nbody = \"{OWN}\"\nclasses = [\"P5\"]\nactions = []")), "role r: classes"),
        (role("level = \"A1\"\nactions = [\"append\"]\nevents = [\"*\"]"), "role r: actions"),
        (role("level = \"L0\"\nactions = [\"read\"]"), "role r: actions"),
        (role(&format!("level = \"L4\"\nbody = \"{OWN}\"\nactions = [\"append\"]")), "role r: events"),
        (role("level = \"A1\"\nactions = [\"read\"]\nevents = [\"*\"]"), "role r: events"),
        (role("level = \"A1\"\nterritory = \"\"\nactions = []"), "role r: territory: none: it cannot be enforced"),
        (role("level = \"A1\"\nterritory = \"north\"\nactions = []"), "role r: territory: none: it cannot be enforced"),
        (
            role("level = \"A1\"\nterritory = [\"north\"]\nactions = []"),
            "role r: territory: none: it cannot be enforced",
        ),
        (
            role(&format!("level = \"L4\"\nbody = \"{OWN}\"\nterritory = \"n\"\nactions = [\"read\"]")),
            "role r: territory: none: it cannot be enforced",
        ),
        (tokens("keys = \"k\"\nalgorithm = \"none\""), "tokens: algorithm"),
        (tokens("keys = \"k\"\nalgorithm = \"HS256\""), "tokens: algorithm"),
        (tokens("keys = \"k\"\nalgorithm = \"ES256\"\nkeys_within_s = 0"), "tokens: keys_within_s"),
        (tokens("keys = \"k\"\nalgorithm = \"ES256\"\nkeys_within_s = 61"), "tokens: keys_within_s"),
        (tokens("keys = \"k\"\nalgorithm = \"ES256\"\nleeway_s = 301"), "tokens: leeway_s"),
        (tokens("keys = \"k\"\nalgorithm = \"ES256\"\nsecret = \"s\""), "secret"),
    ];
    for (text, key) in cases {
        let error = Policy::parse(&text).unwrap_err().to_string();
        assert!(error.contains(key), "{error}: not of {key}, of\n{text}");
    }
}

#[test]
fn keys_come_from_a_file_over_tls_or_from_this_machine() {
    let parse = |keys: &str| {
        Policy::parse(&format!(
            "[tokens]\nissuer = \"i\"\naudience = \"a\"\nkeys = \"{keys}\"\nalgorithm = \"ES256\"\n"
        ))
    };
    for keys in ["k.json", "https://idp/k", "http://127.0.0.1:9/k", "http://[::1]/k", "http://localhost:80/k"] {
        assert!(parse(keys).is_ok(), "{keys}");
    }
    for keys in [
        "http://idp/keys",
        "http://127.0.0.1.idp.test/k",
        "http://localhost.idp.test/k",
        "http://localhost@idp.test/k",
        "http://somebody@localhost/k",
        "http://[::2]/k",
        "http://10.0.0.1/k",
        "HTTP://idp/k",
        "ftp://localhost/k",
        "file:///etc/passwd",
        "://",
    ] {
        let error = parse(keys).unwrap_err().to_string();
        assert!(error.contains("tokens: keys"), "{keys}: {error}");
    }
}

#[test]
fn the_policy_of_a_first_try_is_one() {
    let policy = Policy::parse(include_str!("../../tls/dev_policy.toml")).unwrap();
    for (id, level) in [
        ("clerk", Level::L4),
        ("inspection", Level::L4),
        ("approver-1", Level::L4),
        ("approver-2", Level::L4),
        ("personnel", Level::L2),
        ("subject", Level::L3),
        ("custodian-1", Level::L7),
        ("custodian-2", Level::L7),
        ("auditor", Level::A1),
        ("operator", Level::O1),
    ] {
        assert_eq!(policy.of_certificate(&format!("{id}.dev")), Some(id));
        assert_eq!(policy.principal(id).unwrap().role.level, level, "{id}");
    }
    // Who approves does neither record nor handle; who records reads nothing.
    for (id, may, may_not) in [
        ("clerk", Action::Append, Action::Read),
        ("inspection", Action::Erase, Action::Review),
        ("approver-1", Action::Erase, Action::Append),
    ] {
        let actions = &policy.principal(id).unwrap().role.actions;
        assert!(actions.contains(&may) && !actions.contains(&may_not), "{id}: {actions:?}");
    }
}

#[test]
fn a_certificate_or_loopback_names_the_caller() {
    let text = format!(
        "{ROLE}{PRINCIPAL}certificates = [\"a.example\", \"sha256:00\"]\n[[principal]]\nid = \"l\"\nrole = \"r\"\nlocal = true\n"
    );
    let guard = Guard::new(Policy::parse(&text).unwrap(), None);
    let peer = |names: &[&str], local| Peer { names: names.iter().map(|name| (*name).to_owned()).collect(), local };
    let said = Said { purpose: Some("a/b"), legal_basis: Some("a/b"), ..Said::default() };
    let who = |peer: &Peer, said: Said<'_>| {
        let admitted = guard.admit("probity.v1.RecordService/GetCase", peer, said, 0);
        admitted.map(|caller| caller.principal().to_owned())
    };
    assert_eq!(who(&peer(&["sha256:11", "a.example"], false), said), Ok("p".to_owned()));
    assert_eq!(who(&peer(&["sha256:00"], false), said), Ok("p".to_owned()));
    assert_eq!(who(&peer(&[], true), said), Ok("l".to_owned()));
    for stranger in [peer(&[], false), peer(&["b.example"], false), peer(&["b.example"], true)] {
        assert!(matches!(who(&stranger, said), Err(Refused::Denied(_))), "{stranger:?}");
    }
    // A token that is no token is not passed over for a certificate that is one.
    for authorization in ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer x.y.z"] {
        let said = Said { authorization: Some(authorization), ..said };
        assert!(matches!(who(&peer(&["a.example"], false), said), Err(Refused::Token(_))), "{authorization:?}");
        assert!(!format!("{said:?}").contains("Bearer x"), "a token is never shown");
    }
}

#[test]
fn an_offer_is_of_one_part_for_one_other_custodian_and_ends() {
    let custody = Custody::new(&[7; 32]);
    let part = ProtectedPart { position: 5, part: 0 };
    let offer = custody.offer("a", "b", part, 100);
    assert_eq!(custody.offered_by(&offer, "b", part, 99), Some("a"));
    assert_eq!(custody.offered_by(&offer, "b", part, 100), None, "over");
    assert_eq!(custody.offered_by(&offer, "c", part, 99), None, "for another");
    assert_eq!(custody.offered_by(&offer, "a", part, 99), None, "by oneself");
    assert_eq!(custody.offered_by(&custody.offer("a", "a", part, 100), "a", part, 99), None, "to oneself");
    for other in [ProtectedPart { position: 6, part: 0 }, ProtectedPart { position: 5, part: 1 }] {
        assert_eq!(custody.offered_by(&offer, "b", other, 99), None, "{other:?}");
    }
    for at in 0..offer.len() {
        let mut changed = offer.clone();
        changed[at] ^= 1;
        assert_eq!(custody.offered_by(&changed, "b", part, 99), None, "byte {at}");
        assert_eq!(custody.offered_by(&offer[..at], "b", part, 99), None, "cut at {at}");
    }
    assert_eq!(Custody::new(&[8; 32]).offered_by(&offer, "b", part, 99), None, "after another start");
    assert_eq!(whole_policy().of_local(), None);
}
