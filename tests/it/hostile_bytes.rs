//! Bytes that nobody good sends: no input of 64 KiB makes a parser panic, or take more memory at once than a small
//! multiple of its length.
#![expect(clippy::print_stderr, reason = "the bytes that broke a promise, so that they can be kept as a test")]

use data_encoding::HEXLOWER;

use crate::parsers;
use crate::parsers::BYTES_MAX;
use crate::parsers::PARSERS;
use crate::parsers::Parser;
use crate::service::story::mix;

/// How often each parser is given something that was changed at random.
const ROUNDS: u64 = 400;

/// Bytes under trial: they are shown where the trial ends the test.
struct Trial<'a> {
    parser: &'a str,
    what: &'a str,
    bytes: &'a [u8],
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let shown = &self.bytes[..self.bytes.len().min(1000)];
            eprintln!("{} of {}, {} bytes: {}", self.what, self.parser, self.bytes.len(), HEXLOWER.encode(shown));
        }
    }
}

/// Hands bytes to a parser; whether it reads them.
fn check(parser: &Parser, what: &str, bytes: &[u8]) -> bool {
    let trial = Trial { parser: parser.name, what, bytes };
    assert!(bytes.len() <= BYTES_MAX, "the bound is said for less");
    let read = parsers::check(parser, bytes);
    drop(trial);
    read
}

/// A source of numbers, the same for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = mix(self.0);
        usize::try_from(self.0 % end.max(1) as u64).unwrap()
    }

    /// Some place, and some bytes from there.
    fn range(&mut self, len: usize) -> std::ops::Range<usize> {
        let start = self.below(len + 1);
        let longest = (len - start).min(1 << self.below(12));
        start..start + self.below(longest + 1)
    }

    /// Changes one thing, with bytes of another input.
    fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        const TELLING: &[u8] = b"\0\x01\x02\x7f\x80\xff\n \t+=/-09Aaz\"[]{},:.";
        let (at, piece, telling) =
            (self.range(bytes.len()), self.range(other.len()), TELLING[self.below(TELLING.len())]);
        match self.below(7) {
            0 => drop(bytes.drain(at)),
            1 => drop(bytes.splice(at, other[piece].iter().copied())),
            2 => bytes.insert(at.start, telling),
            3 => bytes[at].fill(telling),
            4 => {
                let again = bytes[at.clone()].repeat(1 << self.below(6));
                drop(bytes.splice(at.end..at.end, again));
            }
            5 => bytes.truncate(at.start),
            _ => {
                if let Some(byte) = bytes.get_mut(at.start) {
                    *byte ^= 1 << self.below(8);
                }
            }
        }
        bytes.truncate(BYTES_MAX);
    }
}

#[test]
fn what_is_good_is_read() {
    for parser in &PARSERS {
        for bytes in (parser.good)() {
            assert!(check(parser, "what is good", &bytes), "{}: {}", parser.name, String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn what_costs_most_stays_within_the_bound() {
    for parser in &PARSERS {
        for bytes in (parser.costly)() {
            check(parser, "what costs much", &bytes);
        }
    }
}

#[test]
fn one_byte_that_is_changed_missing_or_too_many_breaks_nothing() {
    for parser in &PARSERS {
        for good in (parser.good)() {
            for at in 0..good.len().min(3000) {
                let mut changed = good.clone();
                for flipped in [0x01, 0x80, 0xff] {
                    changed[at] = good[at] ^ flipped;
                    check(parser, "a changed byte", &changed);
                }
                check(parser, "a beginning", &good[..at]);
                changed.remove(at);
                check(parser, "one byte less", &changed);
            }
            check(parser, "one byte more", &[good.as_slice(), &[0]].concat());
        }
    }
}

#[test]
fn what_is_changed_at_random_breaks_nothing() {
    for (number, parser) in PARSERS.iter().enumerate() {
        let (good, costly) = ((parser.good)(), (parser.costly)());
        for round in 0..ROUNDS {
            let seed = mix(number as u64) ^ round;
            let mut chance = Chance(seed);
            let all = if chance.below(8) == 0 { &costly } else { &good };
            let mut bytes = all[chance.below(all.len())].clone();
            for _ in 0..=chance.below(6) {
                let other = &good[chance.below(good.len())];
                chance.change(&mut bytes, other);
            }
            check(parser, &format!("round {round}, seed {seed:#x}"), &bytes);
        }
    }
}

#[test]
fn noise_breaks_nothing() {
    let mut chance = Chance(7);
    for parser in &PARSERS {
        for round in 0..20 {
            let len = chance.below(BYTES_MAX + 1);
            let bytes: Vec<u8> = (0..len).map(|_| u8::try_from(chance.below(256)).unwrap()).collect();
            check(parser, &format!("noise of round {round}"), &bytes);
        }
    }
}
