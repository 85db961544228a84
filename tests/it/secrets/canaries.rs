//! What must be nowhere, in every spelling in which it could stand.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use aho_corasick::AhoCorasick;
use data_encoding::BASE64;
use data_encoding::BASE64_NOPAD;
use data_encoding::BASE64URL_NOPAD;
use data_encoding::HEXLOWER;
use data_encoding::HEXUPPER;

/// Things that must be nowhere, each with a name that may be told, in all its forms.
#[derive(Default)]
pub(super) struct Canaries(Vec<(String, Vec<Vec<u8>>)>);

/// Looks for all of them at once, in upper and lower case.
pub(super) struct Search<'c> {
    automaton: AhoCorasick,
    /// By the number of the pattern.
    names: Vec<&'c str>,
}

/// What stands in the middle of the base 64 of something that has these bytes at any place in it.
fn within_base64(bytes: &[u8]) -> [String; 3] {
    [0, 1, 2].map(|before| {
        let text = BASE64_NOPAD.encode(&[&vec![0; before], bytes].concat());
        // Characters at the ends depend on what stands beside.
        let from = (before * 8).div_ceil(6);
        let to = (before + bytes.len()) * 8 / 6;
        text[from..to].to_owned()
    })
}

impl Canaries {
    /// A secret of bytes.
    pub(super) fn bytes(&mut self, name: &str, bytes: &[u8]) {
        assert!(bytes.len() >= 8, "{name} is too short to be sure of");
        let encoded =
            [HEXLOWER.encode(bytes), HEXUPPER.encode(bytes), BASE64.encode(bytes), BASE64URL_NOPAD.encode(bytes)];
        let mut forms = vec![bytes.to_vec()];
        forms.extend(encoded.into_iter().chain(within_base64(bytes)).map(String::into_bytes));
        // As somebody's `Debug` shows them: the first of them are enough.
        let mut listed = String::new();
        for byte in &bytes[..bytes.len().min(12)] {
            write!(listed, "{byte}, ").unwrap();
        }
        forms.push(listed.trim_end_matches(", ").into());
        self.0.push((name.to_owned(), forms));
    }

    /// A secret that is text, in upper or lower case.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.bytes(name, text.as_bytes());
        let (_, forms) = self.0.last_mut().unwrap();
        // With what does not belong into an address.
        forms.extend([text.replace(' ', "%20").into(), text.replace(' ', "+").into()]);
    }

    /// What a file has, and the lines of it where it is PEM.
    pub(super) fn file(&mut self, path: &Path) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(path).unwrap();
        match std::str::from_utf8(&bytes) {
            Ok(text) if text.starts_with("-----BEGIN") => {
                for (number, line) in text.lines().filter(|line| !line.starts_with("-----")).enumerate() {
                    // The first line is the same of every key of its kind.
                    if number > 0 && line.len() >= 24 {
                        self.text(&format!("{name}, line {number}"), line);
                    }
                }
                let whole: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
                let der = BASE64.decode(whole.as_bytes()).unwrap();
                self.bytes(&format!("{name}, the key"), &der[36..68]);
            }
            _ => self.bytes(&name, &bytes[..bytes.len().min(32)]),
        }
    }

    pub(super) fn search(&self) -> Search<'_> {
        let patterns = self.0.iter().flat_map(|(name, forms)| forms.iter().map(move |form| (name.as_str(), form)));
        let (names, forms): (Vec<_>, Vec<_>) = patterns.unzip();
        Search { automaton: AhoCorasick::builder().ascii_case_insensitive(true).build(forms).unwrap(), names }
    }

    /// Each of them in each form.
    pub(super) fn planted(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().flat_map(|(name, forms)| forms.iter().map(move |form| (name.as_str(), form.as_slice())))
    }
}

impl Search<'_> {
    /// Which of them are there, each once, and what stands around it.
    pub(super) fn found_in(&self, bytes: &[u8]) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for one in self.automaton.find_overlapping_iter(bytes) {
            let name = self.names[one.pattern().as_usize()];
            if !found.contains_key(name) {
                let around = &bytes[one.start().saturating_sub(150)..(one.end() + 50).min(bytes.len())];
                found.insert(name.to_owned(), String::from_utf8_lossy(around).into_owned());
            }
        }
        found
    }
}
