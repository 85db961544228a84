//! `.subject-proof`: all that is filed under a name as of a checkpoint, or that there is nothing (section 5 of the
//! format). Here it is read and written; `verify` checks it.

use std::fmt;

use crate::log::hash::Key;
use crate::log::hash::NodeHash;
use crate::log::leaf::Kind;
use crate::log::leaf::LEAF_BYTES_MAX;
use crate::log::leaf::Leaf;
use crate::log::lines::Base64;
use crate::log::lines::Lines;
use crate::log::lines::MalformedLine;
use crate::log::lines::base64;
use crate::log::lines::decimal;
use crate::log::map::MapPath;
use crate::log::map::Neighbour;
use crate::log::name::Name;
use crate::log::proof_file::PROOF_HASHES_MAX;
use crate::log::proof_file::ProofFile;

/// The most bytes of a `.subject-proof`: about 200,000 entries under one name.
pub const SUBJECT_PROOF_BYTES_MAX: usize = 64 * 1024 * 1024;

const MAGIC: &str = "probity/subject-proof@v1";

/// The most bytes of a path: 256 steps, each of at most two bytes and a hash.
const PATH_BYTES_MAX: usize = 256 * (2 + 32);

/// What is in a `.subject-proof`, read and not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectProof {
    /// Under which name.
    pub history: HistoryName,
    /// What is said to be there.
    pub answer: Answer,
    /// Path in the map from the leaf to the root; empty where the map has one key or none.
    pub path: MapPath,
    /// The SEAL's leaf, as it is hashed.
    pub seal: Vec<u8>,
    /// The entries' leaves, as they are hashed, by sequence; none but where they are present.
    pub leaves: Vec<Vec<u8>>,
    /// For each of them its siblings in the log's tree, or none at all.
    pub inclusion: Vec<Vec<NodeHash>>,
    /// That the SEAL is in the log.
    pub seal_proof: ProofFile,
}

/// The name of a stream or subject, whose histories are two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryName {
    /// What was recorded about it.
    Subject(Name),
    /// What was recorded in it.
    Stream(Name),
}

impl HistoryName {
    /// The key under which the map has it; anybody can compute it from the name.
    pub fn key(&self) -> Key {
        match self {
            Self::Subject(name) => Key::of_subject(name),
            Self::Stream(name) => Key::of_stream(name),
        }
    }
}

impl fmt::Display for HistoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subject(name) => write!(f, "subject {name}"),
            Self::Stream(name) => write!(f, "stream {name}"),
        }
    }
}

/// What a proof says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// So many entries, at least one: the leaves.
    Present,
    /// None, since another key stands where it would.
    Absent(Neighbour),
    /// None, since the map is empty.
    Empty,
}

impl SubjectProof {
    /// Reads a file. What it returns is printed as the same bytes.
    ///
    /// # Errors
    ///
    /// It is not one in its only spelling.
    pub fn parse(bytes: &[u8]) -> Result<Self, MalformedLine> {
        let mut lines = Lines::new(bytes, SUBJECT_PROOF_BYTES_MAX, "a proof of at most 64 MiB")?;
        if lines.next(MAGIC)? != MAGIC {
            return Err(lines.bad(MAGIC));
        }
        let history = history(&mut lines)?;
        let (answer, count) = answer(&mut lines)?;
        let path = value(&mut lines, "path", PATH_BYTES_MAX, "path and its bytes in base 64")?;
        let path = MapPath::decode(&path).map_err(|_| lines.bad("a path: bits that decrease, each with a sibling"))?;
        if answer == Answer::Empty && !path.steps().is_empty() {
            return Err(lines.bad("no path in an empty map"));
        }
        let seal = value(&mut lines, "seal", LEAF_BYTES_MAX, "seal and a leaf in base 64")?;
        if !Leaf::decode(&seal).is_ok_and(|leaf| leaf.kind() == Kind::Seal) {
            return Err(lines.bad("the leaf of a SEAL"));
        }
        let mut leaves = Vec::new();
        for _ in 0..count {
            let leaf = value(&mut lines, "leaf", LEAF_BYTES_MAX, "leaf and a leaf in base 64, as many as are present")?;
            Leaf::decode(&leaf).map_err(|_| lines.bad("the leaf of an entry"))?;
            leaves.push(leaf);
        }
        let mut inclusion = Vec::new();
        while let Some(siblings) = lines.next_if("inclusion") {
            if inclusion.len() == leaves.len() {
                return Err(lines.bad("no more lines of inclusion than of leaves"));
            }
            inclusion.push(hashes(siblings).ok_or_else(|| lines.bad("inclusion and at most 63 hashes in base 64"))?);
        }
        if !lines.next("an empty line")?.is_empty() {
            return Err(lines.bad("an empty line"));
        }
        if !inclusion.is_empty() && inclusion.len() != leaves.len() {
            return Err(lines.bad("as many lines of inclusion as of leaves, or none"));
        }
        let seal_proof = ProofFile::parse(lines.rest().as_bytes()).map_err(|fault| lines.within(fault))?;
        Ok(Self { history, answer, path, seal, leaves, inclusion, seal_proof })
    }
}

fn history(lines: &mut Lines<'_>) -> Result<HistoryName, MalformedLine> {
    let line = lines.next("subject or stream, and a name")?;
    let bad = || lines.bad("subject or stream, and a name");
    let (word, name) = line.split_once(' ').ok_or_else(bad)?;
    let name = Name::parse(name).map_err(|_| bad())?;
    match word {
        "subject" => Ok(HistoryName::Subject(name)),
        "stream" => Ok(HistoryName::Stream(name)),
        _ => Err(bad()),
    }
}

/// The answer, and the number of leaves that follow.
fn answer(lines: &mut Lines<'_>) -> Result<(Answer, u64), MalformedLine> {
    const EXPECTED: &str = "present and how many, absent and 64 bytes in base 64, or empty";
    let line = lines.next(EXPECTED)?;
    let (word, value) = line.split_once(' ').map_or((line, None), |(word, value)| (word, Some(value)));
    let answer = match (word, value) {
        ("present", Some(count)) => decimal(count).filter(|count| *count > 0).map(|count| (Answer::Present, count)),
        ("absent", Some(other)) if other.len() == 88 => {
            let neighbour = base64(other).and_then(|bytes| Neighbour::decode(&bytes));
            neighbour.map(|neighbour| (Answer::Absent(neighbour), 0))
        }
        ("empty", None) => Some((Answer::Empty, 0)),
        _ => None,
    };
    answer.ok_or_else(|| lines.bad(EXPECTED))
}

fn value(lines: &mut Lines<'_>, word: &str, len_max: usize, expected: &'static str) -> Result<Vec<u8>, MalformedLine> {
    let Some(value) = lines.next_if(word) else { return Err(lines.within(MalformedLine { line: 1, expected })) };
    let fits = value.len() <= len_max.div_ceil(3) * 4;
    fits.then(|| base64(value)).flatten().filter(|bytes| bytes.len() <= len_max).ok_or_else(|| lines.bad(expected))
}

fn hashes(text: &str) -> Option<Vec<NodeHash>> {
    if text.len() > (PROOF_HASHES_MAX * 32).div_ceil(3) * 4 {
        return None;
    }
    let bytes = base64(text)?;
    let (hashes, rest) = bytes.as_chunks();
    (rest.is_empty() && hashes.len() <= PROOF_HASHES_MAX).then(|| hashes.iter().copied().map(NodeHash).collect())
}

impl fmt::Display for SubjectProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{MAGIC}")?;
        writeln!(f, "{}", self.history)?;
        match &self.answer {
            Answer::Present => writeln!(f, "present {}", self.leaves.len())?,
            Answer::Absent(other) => writeln!(f, "absent {}", Base64(&other.encode()))?,
            Answer::Empty => writeln!(f, "empty")?,
        }
        writeln!(f, "path {}", Base64(&self.path.encode()))?;
        writeln!(f, "seal {}", Base64(&self.seal))?;
        self.leaves.iter().try_for_each(|leaf| writeln!(f, "leaf {}", Base64(leaf)))?;
        for siblings in &self.inclusion {
            let bytes: Vec<u8> = siblings.iter().flat_map(|sibling| sibling.0).collect();
            writeln!(f, "inclusion {}", Base64(&bytes))?;
        }
        write!(f, "\n{}", self.seal_proof)
    }
}

#[cfg(test)]
mod tests;
