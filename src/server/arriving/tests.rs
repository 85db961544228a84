use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::server::arriving::Arriving;
use crate::server::arriving::Held;
use crate::server::arriving::Place;
use crate::tls::Bounds;
use crate::tls::Standing;

/// A message of so many bytes, with its head.
fn message(len: u32) -> Vec<u8> {
    [&[0][..], &len.to_be_bytes(), &vec![7; len as usize]].concat()
}

#[test]
fn what_came_of_a_message_is_counted_until_it_is_whole() {
    let mut bytes = [message(0), message(3), message(300), message(1)].concat();
    bytes.extend(&message(50)[..20]);
    // However it is cut, it ends twenty bytes into a message.
    for cut in [1, 2, 3, 4, 5, 6, 7, 100, 305, 1000] {
        let (mut place, mut handed) = (Place::default(), 0);
        for (number, piece) in bytes.chunks(cut).enumerate() {
            let whole = place.pass(piece);
            if whole > 0 {
                handed = number * cut + whole;
            }
        }
        assert_eq!((place.partial, handed), (20, bytes.len() - 20), "in pieces of {cut}");
        assert!(!place.is_refused);
    }
    for head in [[0, 0xff, 0xff, 0xff, 0xff], [1, 0, 0, 0, 0], [0xff, 0, 0, 0, 1]] {
        let mut place = Place::default();
        place.pass(&head);
        assert!(place.is_refused, "{head:?}");
    }
}

#[test]
fn what_is_held_is_given_back() {
    let (arriving, standing) = (Arriving::new(Bounds::default()), Arc::new(Standing::default()));
    let held = || Held { all: Arc::clone(&arriving.bytes), standing: Arc::clone(&standing), bytes: 0 };
    let (mut one, mut other) = (held(), held());
    assert_eq!(one.set(10), (10, 10));
    assert_eq!(other.set(5), (15, 15));
    assert_eq!(one.set(2), (7, 7));
    drop(one);
    assert_eq!(arriving.bytes.load(Ordering::Relaxed), 5);
    drop(other);
    assert_eq!((arriving.bytes.load(Ordering::Relaxed), standing.arriving().load(Ordering::Relaxed)), (0, 0));
    assert!(arriving.streams.contains("/probity.v1.LedgerService/AppendStream"));
    assert!(!arriving.streams.contains("/probity.v1.LedgerService/Append"));
}
