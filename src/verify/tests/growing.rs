//! Logs that grow while they are verified.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::ledger::fixture::TinyLedger;
use crate::log::OPEN_PAYLOAD_BIT;
use crate::verify::Entries;
use crate::verify::Report;
use crate::verify::Unreadable;
use crate::verify::Wanted;
use crate::verify::What;
use crate::verify::tests::Kept;
use crate::verify::tests::checked;
use crate::verify::tests::erasure;
use crate::verify::tests::flip;
use crate::verify::verify;

/// The service sends what it has: a verifier that asked where the log ends is sent the beginning of a request beyond.
#[test]
fn a_log_that_grows_is_verified_up_to_the_end_that_was_asked_for() {
    struct Growing(Kept, u64);
    impl Entries for Growing {
        fn size(&self) -> u64 {
            self.1
        }
        fn read(&self, from: u64, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, Unreadable> {
            self.0.read(from, bytes_max)
        }
    }
    let mut damaged = TinyLedger::with_a_case().entries;
    damaged[2] = flip(&damaged[2], 0);
    let report = verify(&Growing(Kept(damaged, BTreeMap::new()), 1), &Wanted::default(), |_, _| {});
    assert!(report.is_good() && report.entries == 1, "{report:?}");
}

/// Something was erased between the question where the log ends and the answer with its entries: once, an auditor who
/// verified a log at that moment called it damaged.
#[test]
fn what_was_erased_while_the_log_was_read_is_named_behind_the_end_that_was_asked_for() {
    struct Growing {
        kept: Kept,
        asked: u64,
        now: Result<u64, Unreadable>,
    }
    impl Entries for Growing {
        fn size(&self) -> u64 {
            self.asked
        }
        fn size_now(&self) -> Result<u64, Unreadable> {
            self.now.clone()
        }
        fn read(&self, from: u64, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, Unreadable> {
            self.kept.read(from, bytes_max)
        }
    }
    let mut entries = TinyLedger::with_a_case().entries;
    let asked = entries.len() as u64;
    entries.push(erasure(&entries, 4, 1));
    let mut gone = checked(&entries[4]).entry;
    gone.parts[0] = None;
    entries[4] = gone.encode().into();
    let of = |entries: &[Bytes], now| {
        let kept = Kept(entries.to_vec(), BTreeMap::new());
        verify(&Growing { kept, asked, now }, &Wanted::default(), |_, _| {})
    };
    let grown = entries.len() as u64;
    let report = of(&entries, Ok(grown));
    assert!(report.is_good() && report.entries == grown && report.erasures == 1, "{report:?}");
    // Without the entry that names it, it is damage as ever.
    let absent = |report: Report| {
        let fault = report.fault.unwrap();
        assert!(fault.index == 4 && matches!(fault.what, What::Absent(_)), "{fault}");
    };
    absent(of(&entries, Ok(asked)));
    // Nor is it, where nobody can say whether there is one.
    let gone_away = of(&entries, Err(Unreadable { damaged: false, what: "gone away".to_owned() }));
    assert_eq!(gone_away.unreadable.as_deref(), Some("gone away"));
    let mut of_another = entries.clone();
    of_another.pop();
    of_another.push(erasure(&of_another, 3, OPEN_PAYLOAD_BIT));
    absent(of(&of_another, Ok(grown)));
    // What comes behind is looked at as everything is.
    let mut damaged = entries.clone();
    let last = damaged.len() - 1;
    damaged[last] = flip(&damaged[last], damaged[last].len() - 1);
    assert_eq!(of(&damaged, Ok(grown)).fault.unwrap().index, asked);
    assert_eq!(of(&entries, Ok(grown + 3)).fault.unwrap().index, grown, "it says more than it has");
    // A log in which nothing is absent is read to the end that was asked for.
    let whole = TinyLedger::with_a_case().entries;
    assert_eq!(of(&whole, Ok(grown + 3)).entries, asked);
}
