//! Plain HTTP as a client without a library speaks it.

use std::fmt::Write as _;
use std::io::Read as _;
use std::io::Write;
use std::net::TcpStream;

use probity::log::Checkpoint;
use probity::log::Extensions;
use probity::log::Note;

/// What was answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header that stands there once at most.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(header, _)| header == name);
        let one = found.next();
        assert!(found.next().is_none(), "{name} twice: {self:?}");
        one.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Asks on a connection of its own.
pub(crate) fn ask(address: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        write!(request, "{name}: {value}\r\n").unwrap();
    }
    request += "\r\n";
    Write::write_all(&mut stream, request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let header = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_ascii_lowercase(), value.to_owned())
    };
    Answer { status, headers: lines.map(header).collect(), body: answer[end + 4..].to_vec() }
}

pub(crate) fn get(address: &str, path: &str) -> Answer {
    ask(address, "GET", path, &[])
}

/// The published checkpoint, if there is one.
pub(crate) fn published(address: &str) -> Option<(Checkpoint, Note)> {
    let answer = get(address, "/checkpoint");
    if answer.status != 200 {
        assert_eq!(answer.status, 404);
        return None;
    }
    let note = Note::parse(&answer.body).unwrap();
    Some((Checkpoint::parse(note.text(), Extensions::Refused).unwrap(), note))
}
