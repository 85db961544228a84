//! One scrape, read as Prometheus reads it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream;

/// What was answered to one `GET /metrics`.
#[derive(Debug, Default)]
pub(crate) struct Scrape {
    pub(crate) text: String,
    pub(crate) families: BTreeMap<String, Family>,
    /// By name and labels, as they stand.
    pub(crate) samples: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) help: String,
    kind: String,
    unit: String,
}

/// Units that Prometheus's conventions name, and things that are counted here.
const UNITS: [&str; 10] =
    ["seconds", "bytes", "events", "entries", "requests", "rows", "runs", "volumes", "keys", "spans"];

/// What a counter without a unit counts.
const COUNTED: [&str; 4] = ["appends", "rpcs", "panics", "exports"];

/// Suffixes of the samples of a family.
const SUFFIXES: [&str; 6] = ["", "_total", "_bucket", "_count", "_sum", "_info"];

impl Scrape {
    pub(crate) fn parse(text: &str) -> Self {
        let mut scrape = Self { text: text.to_owned(), ..Self::default() };
        for line in text.lines().filter(|line| *line != "# EOF") {
            let Some(comment) = line.strip_prefix("# ") else {
                let (name, value) = line.rsplit_once(' ').unwrap();
                assert!(scrape.samples.insert(name.to_owned(), value.to_owned()).is_none(), "twice: {line}");
                continue;
            };
            let mut words = comment.splitn(3, ' ');
            let [what, name, rest] = [(); 3].map(|()| words.next().unwrap_or_default().to_owned());
            let family = scrape.families.entry(name).or_default();
            let field = match what.as_str() {
                "HELP" => &mut family.help,
                "TYPE" => &mut family.kind,
                "UNIT" => &mut family.unit,
                other => panic!("{other}: {line}"),
            };
            assert!(field.is_empty(), "twice: {line}");
            *field = rest;
        }
        scrape
    }

    /// A sample that is a whole number and there.
    pub(crate) fn whole(&self, sample: &str) -> u64 {
        self.whole_or_none(sample).unwrap_or_else(|| panic!("no {sample} in\n{}", self.text))
    }

    pub(crate) fn whole_or_none(&self, sample: &str) -> Option<u64> {
        self.samples.get(sample).map(|value| value.parse().unwrap())
    }

    pub(crate) fn family_of(&self, sample: &str) -> Option<&Family> {
        let name = sample.split('{').next()?;
        self.families.iter().find(|(family, _)| is_of(name, family)).map(|(_, family)| family)
    }
}

impl Family {
    pub(crate) fn check(&self, name: &str) {
        assert_eq!(self.fault(name), None, "{name}: {self:?}");
    }

    /// What a reviewer of Prometheus's would say.
    pub(crate) fn fault(&self, name: &str) -> Option<&'static str> {
        let last = name.rsplit('_').next().unwrap_or_default();
        let snake = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        match self.kind.as_str() {
            _ if !snake
                || !(name.starts_with("probity_") || name.starts_with("process_") || name.starts_with("a_")) =>
            {
                Some("the name begins with what it is of")
            }
            _ if self.help.len() < 3 || !self.help.ends_with('.') || self.help.ends_with("..") => Some("HELP"),
            _ if !self.unit.is_empty() && self.unit != last => Some("the unit ends the name"),
            _ if !self.unit.is_empty() && !UNITS.contains(&last) && !COUNTED.contains(&last) => Some("a base unit"),
            "gauge" if name.ends_with("_state") => None,
            "gauge" | "histogram" if self.unit.is_empty() => Some("a unit"),
            "counter" if self.unit.is_empty() && !COUNTED.contains(&last) => Some("what is counted"),
            "gauge" | "histogram" | "counter" | "info" => None,
            _ => Some("TYPE"),
        }
    }
}

/// Whether a sample's name, without labels, is one of a family.
pub(crate) fn is_of(sample: &str, family: &str) -> bool {
    SUFFIXES.iter().any(|suffix| sample.strip_suffix(suffix) == Some(family))
}

/// Names of figures in a page of the manual.
pub(crate) fn names_in(page: &str) -> BTreeSet<String> {
    let words = page.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    words.filter(|word| word.starts_with("probity_") || word.starts_with("process_")).map(str::to_owned).collect()
}

/// Sends a request and reads until the other side ends.
pub(crate) fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Scrapes as Prometheus does.
pub(crate) fn scrape(address: &str) -> Scrape {
    let answer = ask(address, &format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"), "{head}");
    Scrape::parse(body)
}
