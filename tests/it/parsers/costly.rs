//! What costs a parser as much as anything: as many pieces as fit into 64 KiB, the largest numbers, what is longest.

use crate::parsers::BYTES_MAX;
use crate::parsers::good;

/// Each byte of some, again and again, and all numbers of a byte.
pub(super) fn bytes() -> Vec<Vec<u8>> {
    let cycle = (0..=u8::MAX).cycle().take(BYTES_MAX).collect();
    let one = [0, 1, 2, b'\n', b' ', b'+', b'=', b'A', b'/', b'0', b'9', b'x', b'[', b'{', 0x7f, 0x80, 0xff];
    one.into_iter().map(|byte| vec![byte; BYTES_MAX]).chain([cycle]).collect()
}

/// Beside those, texts: a beginning, as many pieces as fit, and an end; and the beginning with one endless line.
fn texts<const N: usize>(parts: [(&str, &str, &str); N]) -> Vec<Vec<u8>> {
    let fill = |(begin, piece, end): (&str, &str, &str)| {
        let room = BYTES_MAX - begin.len() - end.len();
        let many = format!("{begin}{}{end}", piece.repeat(room / piece.len()));
        [many, format!("{begin}{}{end}", "A".repeat(room / 4 * 4))]
    };
    bytes().into_iter().chain(parts.into_iter().flat_map(fill).map(String::into_bytes)).collect()
}

/// Lengths and counts as large as they can be, at each place of what is good.
fn with_large_numbers(good: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let large: [&[u8]; 4] =
        [&[0xff; 8], &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &[0x80, 0, 0, 0, 0, 0, 0, 0], &[0xff]];
    let mut all = bytes();
    for good in good {
        for at in 0..good.len().min(300) {
            for large in large {
                let end = (at + large.len()).min(good.len());
                all.push([&good[..at], &large[..end - at], &good[end..]].concat());
            }
        }
        all.push([good.as_slice(), &vec![0xff; BYTES_MAX - good.len()]].concat());
    }
    all
}

pub(super) fn leaves() -> Vec<Vec<u8>> {
    with_large_numbers(&good::leaves())
}

pub(super) fn entries() -> Vec<Vec<u8>> {
    let mut all = with_large_numbers(&good::entries());
    all.extend([(31, 1900, 40, 64), (31, 0, 0, 64), (0, 0, 60_000, 0)].map(
        |(parts, part_len, payload_len, subjects)| good::event_entry(parts, part_len, payload_len, subjects).encode(),
    ));
    all
}

pub(super) fn manifests() -> Vec<Vec<u8>> {
    with_large_numbers(&good::manifests())
}

const HASH: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
const SIGNATURE: &str = "— a AAAAAAA=\n";

pub(super) fn notes() -> Vec<Vec<u8>> {
    let line = |len: usize| format!("— a {}\n", good::base64(&vec![1; len]));
    let hundred = format!("\n\n{}", line(470).repeat(99));
    texts([
        ("", "\n", ""),
        ("", "a\n", "\n— a AAAAAAA=\n"),
        ("a\n\n", SIGNATURE, ""),
        ("a\n\n— a ", "AAAA", "\n"),
        ("a\n\n— ", "aaaa", " AAAAAAA=\n"),
        (&hundred, SIGNATURE, ""),
        ("a\n\n", &line(600), ""),
    ])
}

pub(super) fn signature_lines() -> Vec<Vec<u8>> {
    texts([("— a ", "AAAA", ""), ("— ", "a", " AAAAAAA="), ("— a ", "AAA=", ""), ("— a ", "A", "==")])
}

pub(super) fn cosignatures() -> Vec<Vec<u8>> {
    let line = format!("— a {}\n", good::base64(&[1; 470]));
    texts([("", SIGNATURE, ""), ("", &line, ""), ("— a ", "AAAA", "\n")])
}

pub(super) fn checkpoints() -> Vec<Vec<u8>> {
    let (short, long) = (format!("a\n1\n{HASH}"), format!("{}\n", "a".repeat(1020)));
    let largest = format!("a\n9223372036854775807\n{HASH}");
    let beyond = format!("a\n9223372036854775808\n{HASH}");
    texts([
        (&short, "a\n", ""),
        (&short, &long, ""),
        (&short, "a", "\n"),
        (&largest, &long, ""),
        (&beyond, &long, ""),
        ("a\n", "9", "\n"),
        ("", "a", "\n1\n"),
    ])
}

pub(super) fn vkeys() -> Vec<Vec<u8>> {
    texts([("a+00000000+", "AAAA", ""), ("a+", "0", "+AAAA"), ("", "a", "+00000000+AAAA"), ("PRIVATE+KEY+", "+", "")])
}

pub(super) fn policies() -> Vec<Vec<u8>> {
    let witnesses: String = (2..=121).map(good::witness_line).collect();
    let names = (2..=121).map(|seed| format!(" w{seed}")).collect::<Vec<_>>().concat();
    let groups: Vec<String> = (1..=134).map(|depth| format!("group g{depth} all g{}\n", depth - 1)).collect();
    let deep = format!("{witnesses}group g0 any w2\n{}quorum g134\n", groups.concat());
    let wide = format!("{witnesses}group g 9223372036854775807{names}\nquorum g\n");
    let all = format!("{witnesses}group g all{names}\nquorum g\n");
    let twice = format!("{witnesses}group g all");
    let mut texts = texts([
        ("", "\n", "quorum none"),
        ("", "#\n", "quorum none"),
        ("", "quorum none\n", ""),
        (&twice, " w2", "\n"),
        ("group g all", " x", "\n"),
        ("quorum ", "x", "\n"),
        ("group g ", "9", " w2\n"),
        (&all, "# \n", ""),
        (&deep, "# \n", ""),
    ]);
    texts.extend([deep, wide, all].map(String::into_bytes));
    texts
}

pub(super) fn add_checkpoints() -> Vec<Vec<u8>> {
    let hashes = format!("old 0\n{}", HASH.repeat(63));
    let note = format!("{hashes}\na\n1\n{HASH}");
    texts([
        ("old 9223372036854775807\n", HASH, ""),
        ("old ", "9", "\n"),
        (&note, "a\n", "\n— a AAAAAAA=\n"),
        (&format!("{note}\n"), SIGNATURE, ""),
        (&format!("{note}\n— a "), "AAAA", "\n"),
        (&hashes, "\n", ""),
    ])
}

pub(super) fn tlog_proofs() -> Vec<Vec<u8>> {
    let begin = format!("c2sp.org/tlog-proof@v1\nindex 0\n{}", HASH.repeat(63));
    let note = format!("{begin}\na\n1\n{HASH}");
    let signed = format!("\nindex 0\n\na\n1\n{HASH}\n{SIGNATURE}");
    texts([
        ("c2sp.org/tlog-proof@v1\nextra ", "AAAA", &signed),
        ("c2sp.org/tlog-proof@v1\nindex ", "9", "\n"),
        ("c2sp.org/tlog-proof@v1\nindex 9223372036854775807\n", HASH, ""),
        (&note, "a\n", "\n— a AAAAAAA=\n"),
        (&format!("{note}\n"), SIGNATURE, ""),
        (&format!("{note}\n— a "), "AAAA", "\n"),
    ])
}

pub(super) fn subject_proofs() -> Vec<Vec<u8>> {
    let long = [(600, 0), (180, 2), (22, 63)]
        .map(|(entries, siblings)| good::long_subject_proof(entries, siblings).to_string());
    let (head, _) = long[0].split_once("leaf ").expect("it has leaves");
    let counted = |count: &str| head.replace("present 600", &format!("present {count}"));
    let leaf = long[0].lines().find(|line| line.starts_with("leaf ")).map(|line| format!("{line}\n"));
    let leaf = leaf.unwrap_or_default();
    let mut texts = texts([
        (&counted("9223372036854775807"), &leaf, ""),
        (&counted("18446744073709551615"), &leaf, ""),
        (&format!("{}{leaf}", counted("1")), "inclusion \n", ""),
        (&format!("{}{}", counted("500"), leaf.repeat(500)), "inclusion \n", ""),
        (&format!("{}leaf ", counted("1")), "AAAA", "\n"),
    ]);
    texts.extend(long.map(String::into_bytes));
    texts
}

pub(super) fn map_paths() -> Vec<Vec<u8>> {
    let step = |bit: u8| [if bit < 128 { vec![bit] } else { vec![bit, 1] }, vec![1; 32]].concat();
    let longest: Vec<u8> = (0..=u8::MAX).rev().flat_map(step).collect();
    [bytes(), with_large_numbers(&[longest])].concat()
}

pub(super) fn bundles() -> Vec<Vec<u8>> {
    let of_nothing = |width: u16| [&width.to_be_bytes()[..], &vec![0; BYTES_MAX - 2]].concat();
    let mut all = with_large_numbers(&good::bundles());
    all.extend([256, 32_767, u16::MAX].map(of_nothing));
    all.push([&32_767u16.to_be_bytes()[..], &vec![0; 2 * 32_767]].concat());
    all
}

pub(super) fn tile_paths() -> Vec<Vec<u8>> {
    texts([
        ("tile/0/", "x001/", "001"),
        ("tile/", "6", "/001"),
        ("tile/0/001.p/", "2", ""),
        ("tile/0/", "x000/", "000"),
    ])
}

/// Objects inside objects, and a list of as many files as fit.
fn json(many: Vec<u8>, list: &str) -> Vec<Vec<u8>> {
    let opened = format!("{{\"{list}\":");
    let mut texts = texts([
        ("", "[", ""),
        ("", "{\"a\":", ""),
        (&opened, "[", ""),
        (&format!("{opened}["), "{},", ""),
        (&format!("{opened}["), "[],", ""),
        (&format!("{opened}["), "{\"name\":\"\",\"rows\":null,\"bytes\":0,\"sha256\":\"\"},", ""),
        ("{\"format\":\"", "\\u0000", "\"}"),
        ("{\"position\":", "9", "}"),
        ("{\"position\":-1e", "9", "}"),
    ]);
    texts.push(many);
    texts
}

pub(super) fn export_manifests() -> Vec<Vec<u8>> {
    json(good::export_manifest_of(330), "files")
}

pub(super) fn backup_manifests() -> Vec<Vec<u8>> {
    json(good::backup_manifest_of(100), "segments")
}
