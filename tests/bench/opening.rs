//! Opening sealed parts on one core: the data key found by its id, unsealed from its record, the part deciphered and
//! compared with its commitment; against the cipher alone.

use std::hint::black_box;
use std::time::Duration;
use std::time::Instant;

use chacha20poly1305::KeyInit;
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::XNonce;
use chacha20poly1305::aead::Aead;

use crate::Failure;
use crate::Plan;
use crate::events::Kind;
use crate::harness::Contender;
use crate::harness::Group;
use crate::harness::Sample;
use crate::process::folder;
use crate::real::Log;

/// Parts that are opened in turns, of as many cases, or nearly.
const PARTS: usize = 1000;

/// Bytes of the reasons that every part holds, about.
const CONTENT_BYTES: usize = 224;

pub(crate) fn parts(plan: &Plan) -> Group {
    let (alone, opened) = (plan.clone(), plan.clone());
    let title = format!("Opening parts of {CONTENT_BYTES} B on one core");
    let contenders = vec![
        Contender::new("the cipher alone", move || cipher(&alone)),
        // 5 µs a part.
        Contender::new("a sealed part", move || open(&opened)).against("the cipher alone", 0.0).at_least(200_000.0),
    ];
    Group::new(&title, "parts/s", contenders)
}

fn cipher(plan: &Plan) -> Result<Sample, Failure> {
    let cipher = XChaCha20Poly1305::new(&[7; 32].into());
    let nonce = XNonce::from([7; 24]);
    let sealed = cipher.encrypt(&nonce, &[7; CONTENT_BYTES][..]).map_err(|_| "nothing is sealed")?;
    timed(plan.duration, |_| {
        let opened = cipher.decrypt(&nonce, &*sealed).map_err(|_| "nothing is opened")?;
        black_box(opened);
        Ok(())
    })
}

fn open(plan: &Plan) -> Result<Sample, Failure> {
    let folder = folder(&plan.data)?;
    let mut log = Log::create(folder.path())?.with(Kind::Sealed);
    let first = log.service().reader().size();
    log.append(PARTS, 0)?;
    log.finish()?;
    let read = |place| log.service().reader().entry(first + place as u64)?.ok_or_else(|| "no entry".into());
    let entries = (0..PARTS).map(read).collect::<Result<Vec<_>, Failure>>()?;
    let vault = log.service().vault();
    let sample = timed(plan.duration, |turn| {
        let opened = vault.open_part(&entries[turn % PARTS].checked, 0)?.ok_or("the key is not held")?;
        black_box(opened);
        Ok(())
    });
    log.close()?;
    sample
}

/// How often a second, from one thread.
fn timed(duration: Duration, mut work: impl FnMut(usize) -> Result<(), Failure>) -> Result<Sample, Failure> {
    let began = Instant::now();
    let mut done = 0;
    while began.elapsed() < duration {
        for _ in 0..PARTS {
            work(done)?;
            done += 1;
        }
    }
    let rate = done as f64 / began.elapsed().as_secs_f64();
    Ok(Sample { rate, figures: vec![("us each", 1e6 / rate)] })
}
