use crate::access::Guard;
use crate::access::Peer;
use crate::access::Policy;
use crate::access::Said;
use crate::server::accesses::turned_away::COUNTED_MS;
use crate::server::accesses::turned_away::Several;
use crate::server::accesses::turned_away::TurnedAway;

use crate::access::Caller;

const CASE: &str = "probity.v1.RecordService/GetCase";
const DECISION: &str = "probity.v1.RecordService/GetDecision";
const DENIED: &str = "PERMISSION_DENIED";

fn callers() -> [Caller; 2] {
    let role = "[[role]]\nname = \"r\"\nlevel = \"O1\"\nactions = [\"verify\"]\n";
    let principal = |id: &str| format!("[[principal]]\nid = \"{id}\"\nrole = \"r\"\ncertificates = [\"{id}\"]\n");
    let policy = Policy::parse(&format!("{role}{}{}", principal("one"), principal("two"))).unwrap();
    let guard = Guard::new(policy, None);
    ["one", "two"].map(|id| {
        let peer = Peer { names: vec![id.to_owned()], local: false };
        guard.who(&peer, Said::default(), 0).unwrap()
    })
}

fn told(several: &[Several]) -> Vec<(&str, &str, u32)> {
    several.iter().map(|one| (one.caller.principal(), one.method, one.calls)).collect()
}

#[test]
fn the_first_of_a_minute_is_told_at_once_and_the_rest_as_one() {
    let ([one, two], away) = (callers(), TurnedAway::default());
    assert!(away.is_first(&one, CASE, DENIED, 1000));
    for now_ms in [1000, 1001, 1000 + COUNTED_MS - 1] {
        assert!(!away.is_first(&one, CASE, DENIED, now_ms), "{now_ms}");
    }
    // Another principal, method or reason is another matter.
    assert!(away.is_first(&two, CASE, DENIED, 2000));
    assert!(away.is_first(&one, DECISION, DENIED, 2000));
    assert!(away.is_first(&one, CASE, "PURPOSE_REQUIRED", 2000));
    assert!(!away.is_first(&two, CASE, DENIED, 3000));

    assert_eq!(told(&away.take(Some(1000 + COUNTED_MS - 1))), []);
    assert_eq!(told(&away.take(Some(1000 + COUNTED_MS))), [("one", CASE, 3)]);
    assert_eq!(told(&away.take(Some(1000 + COUNTED_MS))), [], "told once");
    assert!(away.is_first(&one, CASE, DENIED, 1000 + COUNTED_MS), "another minute");
    assert_eq!(told(&away.take(Some(2000 + COUNTED_MS))), [("two", CASE, 1)], "nothing of those who came once");
}

#[test]
fn at_the_end_everything_is_told_and_what_could_not_be_is_counted_anew() {
    let ([one, two], away) = (callers(), TurnedAway::default());
    assert!(away.is_first(&one, CASE, DENIED, 0) && !away.is_first(&one, CASE, DENIED, 0));
    assert!(away.is_first(&two, CASE, DENIED, 0));
    away.forget(&two, CASE, DENIED);
    assert!(away.is_first(&two, CASE, DENIED, 0), "as if it had not come");
    assert!(!away.is_first(&two, CASE, DENIED, 0));
    away.forget(&two, CASE, DENIED);
    assert!(!away.is_first(&two, CASE, DENIED, 0), "one was counted meanwhile, and nothing of that is lost");
    assert_eq!(told(&away.take(None)), [("one", CASE, 1), ("two", CASE, 3)]);
    assert_eq!(told(&away.take(None)), []);
}
