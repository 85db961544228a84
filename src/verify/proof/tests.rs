use std::collections::BTreeMap;
use std::convert::Infallible;

use data_encoding::HEXLOWER;
use ed25519_dalek::SigningKey;
use serde_json::Value;

use crate::log::Answer;
use crate::log::Body;
use crate::log::Checkpoint;
use crate::log::Commitment;
use crate::log::EventBody;
use crate::log::Frontier;
use crate::log::Genesis;
use crate::log::HistoryName;
use crate::log::Key;
use crate::log::Leaf;
use crate::log::LeafHash;
use crate::log::LiveMap;
use crate::log::MapFault;
use crate::log::MapPath;
use crate::log::MapProof;
use crate::log::MapRoot;
use crate::log::MapSnapshot;
use crate::log::Name;
use crate::log::NodeHash;
use crate::log::Nodes;
use crate::log::Note;
use crate::log::Place;
use crate::log::Policy;
use crate::log::PolicyFault;
use crate::log::ProofFault;
use crate::log::ProofFile;
use crate::log::Seal;
use crate::log::SignatureType;
use crate::log::SignerKey;
use crate::log::SubjectProof;
use crate::log::VerifierKey;
use crate::log::cosign;
use crate::log::prove_inclusion;
use crate::verify::ProofError;
use crate::verify::Trust;
use crate::verify::verify_proof_file;
use crate::verify::verify_subject_proof;

const ORIGIN: &str = "log.example/proofs";

fn signer(name: &str, seed: u8) -> SignerKey {
    SignerKey::new(name, SigningKey::from_bytes(&[seed; 32])).unwrap()
}

fn keys() -> Vec<VerifierKey> {
    vec![signer(ORIGIN, 1).verifier(SignatureType::Ed25519)]
}

fn entity(number: u64) -> Name {
    Name::parse(&format!("entity/{number:026}")).unwrap()
}

fn case(number: u64) -> Name {
    Name::parse(&format!("case/{number:026}")).unwrap()
}

/// Subtrees counted anew each time.
struct Naive<'a>(&'a [Vec<u8>]);

impl Nodes for Naive<'_> {
    type Error = Infallible;

    fn node(&self, level: u8, index: u64) -> Result<NodeHash, Infallible> {
        let width = 1_usize << level;
        let start = usize::try_from(index).unwrap() * width;
        let frontier: Frontier = self.0[start..start + width].iter().map(|leaf| LeafHash::of(leaf)).collect();
        Ok(NodeHash(frontier.root().0))
    }
}

/// A log of leaves, its map, and the word of a server that we can make lie.
struct Served {
    leaves: Vec<Vec<u8>>,
    map: LiveMap,
    snapshot: Option<MapSnapshot>,
    next: BTreeMap<Key, u64>,
    filed: BTreeMap<Key, Vec<u64>>,
    seal: Option<u64>,
}

impl Served {
    /// Cases 1 to 3 against persons 1 to 3, sealed twice on the way and at the end.
    fn new() -> Self {
        let (next, filed) = (BTreeMap::new(), BTreeMap::new());
        let mut served = Self { leaves: Vec::new(), map: LiveMap::new(4), snapshot: None, next, filed, seal: None };
        served.push(Body::Genesis(Genesis {
            origin: ORIGIN.to_owned(),
            public_key: *keys()[0].public_key().as_bytes(),
            longest_delay_s: 600,
            continues: String::new(),
        }));
        served.sealed(MapRoot::EMPTY);
        served.event(&case(1), &[entity(1), entity(2)]);
        served.event(&case(1), &[entity(1)]);
        served.seal();
        served.event(&case(2), &[entity(2), entity(3)]);
        served.event(&case(3), &[entity(1)]);
        served.seal();
        served
    }

    fn push(&mut self, body: Body) -> u64 {
        let index = self.leaves.len() as u64;
        let previous = self.leaves.last().map_or(LeafHash::NONE, |leaf| LeafHash::of(leaf));
        self.leaves.push(Leaf { index, recorded_at_ms: 1000 + index, previous, body }.encode());
        index
    }

    fn event(&mut self, stream: &Name, about: &[Name]) -> u64 {
        let (stream, mut subjects): (Key, Vec<Key>) =
            (Key::of_stream(stream), about.iter().map(Key::of_subject).collect());
        subjects.sort_unstable();
        let next = &self.next;
        let place = |key: &Key| Place { key: *key, sequence: next.get(key).copied().unwrap_or(0) };
        let body = EventBody {
            stream: place(&stream),
            subjects: subjects.iter().map(place).collect(),
            payload: Commitment([7; 32]),
        };
        let index = self.push(Body::Event(body));
        for key in subjects.iter().chain([&stream]) {
            *self.next.entry(*key).or_default() += 1;
            self.file(key, index);
        }
        index
    }

    fn file(&mut self, key: &Key, index: u64) {
        let hash = LeafHash::of(&self.leaves[usize::try_from(index).unwrap()]);
        self.map.push(key, index, hash);
        self.filed.entry(*key).or_default().push(index);
    }

    fn seal(&mut self) {
        let snapshot = self.map.seal();
        let root = snapshot.root();
        self.snapshot = Some(snapshot);
        self.sealed(root);
    }

    fn sealed(&mut self, map_root: MapRoot) {
        let map_keys = self.snapshot.as_ref().map_or(0, MapSnapshot::keys);
        let previous = self.seal;
        self.seal = Some(self.push(Body::Seal(Seal { map_root, map_keys, previous })));
    }

    fn note(&self) -> Note {
        let leaves = self.leaves.iter().map(|leaf| LeafHash::of(leaf));
        let root = leaves.collect::<Frontier>().root();
        let size = self.leaves.len() as u64;
        let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size, root, extensions: Vec::new() };
        checkpoint.sign(&[signer(ORIGIN, 1)]).unwrap()
    }

    fn inclusion(&self, index: u64) -> Vec<NodeHash> {
        prove_inclusion(&Naive(&self.leaves), index, self.leaves.len() as u64).unwrap()
    }

    fn prove(&self, history: HistoryName) -> SubjectProof {
        let key = match &history {
            HistoryName::Subject(name) => Key::of_subject(name),
            HistoryName::Stream(name) => Key::of_stream(name),
        };
        let (answer, path) = match self.snapshot.as_ref().map(|map| map.prove(&key)) {
            Some(MapProof::Present { path, .. }) => (Answer::Present, path),
            Some(MapProof::Absent { neighbour, path }) => (Answer::Absent(neighbour), path),
            Some(MapProof::Empty) | None => (Answer::Empty, MapPath::default()),
        };
        let filed = self.filed.get(&key).cloned().unwrap_or_default();
        let last = self.leaves.len() as u64 - 1;
        SubjectProof {
            history,
            answer,
            path,
            seal: self.leaves.last().unwrap().clone(),
            leaves: filed.iter().map(|index| self.leaves[usize::try_from(*index).unwrap()].clone()).collect(),
            inclusion: filed.iter().map(|index| self.inclusion(*index)).collect(),
            seal_proof: ProofFile::new(last, self.inclusion(last), self.note()).unwrap(),
        }
    }

    fn about(&self, number: u64) -> SubjectProof {
        self.prove(HistoryName::Subject(entity(number)))
    }
}

fn trust(keys: &[VerifierKey]) -> Trust<'_> {
    Trust { keys, policy: None }
}

/// What is found, through the file as it is sent.
#[expect(clippy::panic_in_result_fn, reason = "a test that cannot go on should stop")]
fn found(proof: &SubjectProof) -> Result<(Vec<u64>, bool), ProofError> {
    let keys = keys();
    let read = SubjectProof::parse(proof.to_string().as_bytes()).unwrap();
    assert_eq!(read, *proof);
    let proved = verify_subject_proof(&read, trust(&keys))?;
    Ok((proved.leaves.iter().map(|leaf| leaf.index).collect(), proved.in_log))
}

#[test]
fn presence_and_absence_are_proved() {
    let served = Served::new();
    for (name, history, expected) in [
        ("person 1", HistoryName::Subject(entity(1)), vec![2, 3, 6]),
        ("person 2", HistoryName::Subject(entity(2)), vec![2, 5]),
        ("person 3", HistoryName::Subject(entity(3)), vec![5]),
        ("case 1", HistoryName::Stream(case(1)), vec![2, 3]),
        ("nobody", HistoryName::Subject(entity(9)), vec![]),
        ("a stream of person 1", HistoryName::Stream(entity(1)), vec![]),
    ] {
        let mut proof = served.prove(history);
        let in_log = !expected.is_empty();
        assert_eq!(found(&proof), Ok((expected.clone(), in_log)), "{name}");
        proof.inclusion.clear();
        assert_eq!(found(&proof), Ok((expected, false)), "{name}, without inclusion proofs");
    }
    let (keys, proof) = (keys(), served.about(1));
    let proved = verify_subject_proof(&proof, trust(&keys)).unwrap();
    assert_eq!((proved.signed.checkpoint.size, proved.sealed_at_ms), (8, 1007));
    let as_of = |size| proved.as_of(size).iter().map(|leaf| leaf.index).collect::<Vec<_>>();
    assert_eq!((as_of(2), as_of(5), as_of(8)), (vec![], vec![2, 3], vec![2, 3, 6]), "one proof serves all times");
    let mut empty = Served::new();
    empty.leaves.truncate(2);
    empty.snapshot = None;
    empty.filed.clear();
    assert_eq!(found(&empty.about(1)), Ok((vec![], false)), "a log without entries");
}

#[test]
fn a_server_that_lies_about_a_history_is_found_out() {
    let served = Served::new();
    let good = served.about(1);
    let check = |name: &str, forge: &dyn Fn(&mut SubjectProof), expected: &dyn Fn(&ProofError) -> bool| {
        let mut proof = good.clone();
        forge(&mut proof);
        let keys = keys();
        let error = verify_subject_proof(&proof, trust(&keys)).expect_err(name);
        assert!(expected(&error), "{name}: {error}");
    };
    macro_rules! is {
        ($($error:tt)*) => { &|error: &ProofError| matches!(error, ProofError::$($error)*) };
    }
    let take = |proof: &mut SubjectProof, at: usize| drop((proof.leaves.remove(at), proof.inclusion.remove(at)));
    check("the last entry dropped", &|p| take(p, 2), is!(Map(MapFault::RootDiffers { .. })));
    check("the first entry dropped", &|p| take(p, 0), is!(Sequence { sequence: 0, found: 1 }));
    check("one in the middle dropped", &|p| take(p, 1), is!(Sequence { sequence: 1, found: 2 }));
    check("all dropped", &|p| (p.leaves, p.inclusion) = (vec![], vec![]), is!(Count { leaves: 0, .. }));
    check("one twice", &|p| p.leaves.insert(1, p.leaves[0].clone()), is!(Sequence { sequence: 1, found: 0 }));
    check("two exchanged", &|p| p.leaves.swap(0, 1), is!(Sequence { sequence: 0, found: 1 }));
    let other = served.about(3).leaves[0].clone();
    check("an entry about another", &|p| p.leaves[2].clone_from(&other), is!(OtherName { sequence: 2 }));
    let fabricated = |index: u64, sequence: u64| {
        let place = Place { key: Key::of_subject(&entity(1)), sequence };
        let stream = Place { key: Key::of_stream(&case(9)), sequence: 0 };
        let body = Body::Event(EventBody { stream, subjects: vec![place], payload: Commitment([1; 32]) });
        Leaf { index, recorded_at_ms: 1003, previous: LeafHash::NONE, body }.encode()
    };
    check("an entry fabricated", &|p| p.leaves[1] = fabricated(3, 1), is!(Map(MapFault::RootDiffers { .. })));
    check("one beyond the seal", &|p| p.leaves.push(fabricated(7, 3)), is!(Order { sequence: 3, found: 7 }));
    check("one that does not ascend", &|p| p.leaves.push(fabricated(6, 3)), is!(Order { sequence: 3, found: 6 }));
    check("a leaf that is none", &|p| p.leaves[0].push(0), is!(Leaf { sequence: 0, .. }));
    // Nobody 9 would stand beside person 1.
    let absent = served.about(9);
    check(
        "absence of one who is there",
        &|p| *p = SubjectProof { history: p.history.clone(), ..absent.clone() },
        is!(Map(MapFault::SameKey)),
    );
    let own = Key::of_subject(&entity(1));
    let beside_another = (9..99).map(|number| served.about(number)).find(|proof| match &proof.answer {
        Answer::Absent(neighbour) => neighbour.key != own,
        _ => false,
    });
    let beside_another = beside_another.unwrap();
    check(
        "absence beside another key",
        &|p| *p = SubjectProof { history: p.history.clone(), ..beside_another.clone() },
        is!(Map(MapFault::Elsewhere { .. })),
    );
    check(
        "leaves beside an absence",
        &|p| *p = SubjectProof { answer: absent.answer.clone(), ..p.clone() },
        is!(Count { leaves: 3, .. }),
    );
    check(
        "an empty map that is not",
        &|p| *p = SubjectProof { history: p.history.clone(), answer: Answer::Empty, ..absent.clone() },
        is!(Map(MapFault::NotEmpty { .. })),
    );
    check("another path", &|p| p.path = served.about(2).path, is!(Map(MapFault::RootDiffers { .. })));
    check("of another person", &|p| p.history = HistoryName::Subject(entity(2)), is!(OtherName { sequence: 1 }));
    check("of a stream", &|p| p.history = HistoryName::Stream(entity(1)), is!(OtherName { sequence: 0 }));
    check("an inclusion proof less", &|p| drop(p.inclusion.pop()), is!(Count { inclusions: 2, .. }));
    check(
        "an inclusion proof of another",
        &|p| p.inclusion.swap(0, 2),
        is!(Inclusion { index: 2, fault: ProofFault::RootDiffers { .. } }),
    );
    check("another seal", &|p| p.seal.clone_from(&served.leaves[4]), is!(Inclusion { index: 7, .. }));
    check(
        "an older seal as the last",
        &|p| {
            p.seal.clone_from(&served.leaves[4]);
            (p.seal_proof.index, p.seal_proof.inclusion) = (4, served.inclusion(4));
        },
        is!(SealElsewhere { expected: 7, found: 4 }),
    );
    check(
        "an entry as the seal",
        &|p| {
            p.seal.clone_from(&served.leaves[6]);
            (p.seal_proof.index, p.seal_proof.inclusion) = (6, served.inclusion(6));
        },
        is!(NoSeal),
    );
}

/// The SEAL is the server's own word: it can put an entry into the map that is in no log, and only the inclusion proof of
/// that entry shows it.
#[test]
fn a_lie_in_the_seal_is_found_by_the_inclusion_proofs_and_by_nothing_else_here() {
    let mut served = Served::new();
    served.event(&case(4), &[entity(3)]);
    let place = |key, sequence| Place { key, sequence };
    let body = EventBody {
        stream: place(Key::of_stream(&case(9)), 0),
        subjects: vec![place(Key::of_subject(&entity(1)), 3)],
        payload: Commitment([1; 32]),
    };
    let fabricated =
        Leaf { index: 8, recorded_at_ms: 1008, previous: LeafHash::NONE, body: Body::Event(body) }.encode();
    served.map.push(&Key::of_subject(&entity(1)), 8, LeafHash::of(&fabricated));
    served.seal();
    let mut proof = served.about(1);
    proof.leaves.push(fabricated);
    proof.inclusion.push(served.inclusion(8));
    let fault = found(&proof).unwrap_err();
    assert!(matches!(fault, ProofError::Inclusion { index: 8, .. }), "{fault}");
    proof.inclusion.clear();
    assert_eq!(found(&proof), Ok((vec![2, 3, 6, 8], false)), "what the module says that it does not show");
}

#[test]
fn a_proof_is_worth_what_its_signatures_are() {
    let served = Served::new();
    let good = served.about(1);
    let (keys, witness) = (keys(), signer("witness.example", 5));
    let vkey = witness.verifier(SignatureType::CosignatureV1);
    let policy = Policy::parse(format!("witness w {vkey}\nquorum w\n").as_bytes()).unwrap();
    let with_log = format!("log {}\nwitness w {vkey}\nquorum w\n", keys[0]);
    let with_log = Policy::parse(with_log.as_bytes()).unwrap();
    let witnessed = Trust { keys: &keys, policy: Some(&policy) };
    let fault = verify_subject_proof(&good, witnessed).unwrap_err();
    assert!(matches!(fault, ProofError::Signatures(PolicyFault::Quorum(_))), "{fault}");
    let mut cosigned = good.clone();
    let line = cosign(good.seal_proof.note.text(), 1_700_000_000, &witness);
    cosigned.seal_proof.note.add(line).unwrap();
    for trust in
        [witnessed, Trust { policy: Some(&with_log), ..witnessed }, Trust { keys: &[], policy: Some(&with_log) }]
    {
        let proved = verify_subject_proof(&cosigned, trust).unwrap();
        assert_eq!((proved.signed.logs.len(), proved.signed.witnesses[0].time_s), (1, Some(1_700_000_000)));
    }
    let none = Trust { keys: &[], policy: None };
    assert!(matches!(verify_subject_proof(&good, none), Err(ProofError::Signatures(PolicyFault::Note(_)))));
    let others = [signer("other.example", 1).verifier(SignatureType::Ed25519)];
    assert!(matches!(verify_subject_proof(&good, trust(&others)), Err(ProofError::Signatures(_))));
    let renamed = Checkpoint { origin: "other.example".to_owned(), ..good.seal_proof.checkpoint.clone() };
    let mut in_its_name = good.clone();
    in_its_name.seal_proof.note = renamed.sign(&[signer(ORIGIN, 1)]).unwrap();
    let fault = verify_subject_proof(&in_its_name, trust(&keys)).unwrap_err();
    assert_eq!(fault, ProofError::Signatures(PolicyFault::Origin), "a log speaks in its own name");
    let extended = Checkpoint { extensions: vec!["more".to_owned()], ..good.seal_proof.checkpoint.clone() };
    let mut more = good;
    more.seal_proof.note = extended.sign(&[signer(ORIGIN, 1)]).unwrap();
    assert!(matches!(verify_subject_proof(&more, trust(&keys)), Err(ProofError::Checkpoint(fault)) if fault.line == 4));
}

#[test]
fn an_entry_is_in_the_log_where_its_file_says_and_nowhere_else() {
    let served = Served::new();
    let keys = keys();
    for index in 0..8 {
        let leaf = LeafHash::of(&served.leaves[usize::try_from(index).unwrap()]);
        let file = ProofFile::new(index, served.inclusion(index), served.note()).unwrap();
        let signed = verify_proof_file(&file, leaf, trust(&keys)).unwrap();
        assert_eq!((signed.checkpoint.size, signed.logs[0].key), (8, &keys[0]));
        let wrong = |file: &ProofFile, leaf| verify_proof_file(file, leaf, trust(&keys)).unwrap_err();
        assert!(matches!(wrong(&file, LeafHash([1; 32])), ProofError::Inclusion { .. }));
        for at in 0..file.inclusion.len() {
            let mut damaged = file.clone();
            damaged.inclusion[at].0[31] ^= 1;
            assert!(matches!(wrong(&damaged, leaf), ProofError::Inclusion { .. }), "{index}, hash {at}");
        }
        let elsewhere = ProofFile { index: index ^ 1, ..file };
        assert!(matches!(wrong(&elsewhere, leaf), ProofError::Inclusion { .. }));
    }
}

/// A log that an independent implementation wrote: its last SEAL has the map that follows from its leaves.
#[test]
fn a_history_of_the_reference_is_proved() {
    let golden: Value = serde_json::from_str(include_str!("../../../tests/it/golden/log_reference.json")).unwrap();
    let hex = |value: &Value| HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap();
    let leaves: Vec<Vec<u8>> = golden["leaves"].as_array().unwrap().iter().map(hex).collect();
    let (next, filed) = (BTreeMap::new(), BTreeMap::new());
    let mut served = Served { leaves, map: LiveMap::new(4), snapshot: None, next, filed, seal: None };
    for index in 0..9 {
        let leaf = Leaf::decode(&served.leaves[index]).unwrap();
        let event = leaf.event().cloned();
        for place in event.iter().flat_map(|event| event.subjects.iter().chain([&event.stream])) {
            served.file(&place.key, leaf.index);
        }
    }
    served.snapshot = Some(served.map.seal());
    let person = Name::parse("entity/01J00000000000000000000001").unwrap();
    let nobody = Name::parse("entity/01J0000000000000000000000X").unwrap();
    assert_eq!(found(&served.prove(HistoryName::Subject(person.clone()))), Ok((vec![1, 3, 5, 6], true)));
    assert_eq!(found(&served.prove(HistoryName::Stream(person))), Ok((vec![1, 5], true)));
    assert_eq!(found(&served.prove(HistoryName::Subject(nobody))), Ok((vec![], false)));
}
