//! What clients seal by themselves: the service stores what it cannot read, and says so.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use bytes::Bytes;
use probity::events::Event;
use probity::events::PetitionReceived;
use probity::events::PetitionerIdentity;
use probity::ledger::ClientPart;
use probity::ledger::ClientSealed;
use probity::ledger::client_key;
use probity::ledger::seal_by_client;
use probity::log::Manifest;
use probity::log::SealedBy;
use probity::proto::v1;
use probity::proto::v1::as_of::KnownAt;
use probity::proto::v1::record_service_client::RecordServiceClient;
use probity::server::errors::Reason;
use prost_types::Any;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

use crate::service;
use crate::service::Served;
use crate::service::contains_below;
use crate::service::ledger;
use crate::service::probity;
use crate::service::refusal;
use crate::service::run;
use crate::service::said;
use crate::service::story;
use crate::service::story::MARKER;
use crate::service::story::id;

pub(crate) const SECRET: [u8; 32] = [0x3c; 32];

/// An event as a client seals it: its number in the request is 0.
pub(crate) fn sealed(origin: &str, request: u64, event: impl Into<Event>) -> v1::ProposedEvent {
    let event = event.into();
    let request_id = uuid::Uuid::parse_str(&story::request_id(request)).unwrap().into_bytes();
    let encoded = Bytes::from(event.encode());
    let sealed = seal_by_client((origin, request_id, 0), event.event_type(), &encoded, &client_key(SECRET)).unwrap();
    let ClientSealed { open, parts } = sealed;
    let part = |part: ClientPart| v1::ClientSealedPart {
        field: part.field,
        part: part.part.into(),
        personal_class: part.class.into(),
        key_id: part.key_id.to_vec().into(),
        content_commitment: part.content.as_bytes().to_vec().into(),
        ciphertext: part.ciphertext,
    };
    let type_url = format!("type.googleapis.com/{}", event.event_type().message());
    let event = Some(Any { type_url, value: open.to_vec() });
    v1::ProposedEvent { event, sealed: parts.into_iter().map(part).collect() }
}

/// A request of one event.
pub(crate) fn request(number: u64, event: v1::ProposedEvent) -> v1::AppendRequest {
    v1::AppendRequest { request_id: story::request_id(number), events: vec![event], ..v1::AppendRequest::default() }
}

async fn origin(url: &str) -> String {
    ledger(url).await.get_head(v1::GetHeadRequest {}).await.unwrap().into_inner().origin
}

/// A service on a new log, and a file of events in the JSON mapping.
struct Stand {
    folder: TempDir,
    served: Served,
}

impl Stand {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let served = Served::start(&folder.path().join("data"));
        Self { folder, served }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        run(probity(arguments).env("PROBITY_URL", &self.served.url))
    }

    fn append(&self, name: &str, events: &Value, more: &[&str]) -> (Option<i32>, String, String) {
        let file = self.path(name);
        fs::write(&file, events.to_string()).unwrap();
        self.run(&[&["append", file.to_str().unwrap(), "--json"], more].concat())
    }
}

fn answer(said: &(Option<i32>, String, String)) -> Value {
    assert_eq!(said.0, Some(0), "{said:?}");
    serde_json::from_str(&said.1).unwrap()
}

fn person(number: u64) -> Value {
    json!({
        "@type": "type.googleapis.com/probity.events.v1.PersonRegistered",
        "entityId": id(number, 1),
        "identity": {
            "fullName": format!("{MARKER} the {number}"),
            "nativeIds": [{ "scheme": "test.register", "value": format!("{MARKER}-{number}") }],
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_seals_what_the_service_stores_and_cannot_read_and_opens_it_again() {
    let stand = Stand::new();
    let (key, other) = (stand.path("part.key"), stand.path("other.key"));
    let (key, other) = (key.to_str().unwrap(), other.to_str().unwrap());
    let events = json!([person(1), {
        "@type": "type.googleapis.com/probity.events.v1.CaseOpened",
        "caseId": id(1, 3), "regime": { "scheme": "test", "code": "regime" }, "respondentIds": [id(1, 1)],
    }]);
    let refused = stand.append("events.json", &events, &["--seal-with", key]);
    assert!(refused.0 == Some(2) && refused.2.contains("is missing"), "no key, and none is to be made: {refused:?}");
    let id_of_request = story::request_id(77);
    let more = ["--seal-with", key, "--make-key", "--request-id", &id_of_request];
    let first = answer(&stand.append("events.json", &events, &more));
    let rules = json!(["DATE_IMPOSSIBLE", "ALREADY_REGISTERED"]);
    assert_eq!(first["unchecked"], json!([{ "event": 0, "field": "identity", "rules": rules }]), "{first}");
    let again = answer(&stand.append("events.json", &events, &more));
    assert!(again["replayed"] == true && again["first_position"] == first["first_position"], "{again}");
    assert_eq!(again["unchecked"], first["unchecked"]);
    let mut changed = events.clone();
    changed[0]["identity"]["fullName"] = json!("somebody else");
    let reused = stand.append("events.json", &changed, &more);
    assert!(reused.0 == Some(2) && reused.2.contains("REQUEST_ID_REUSED"), "{reused:?}");
    // Nobody here can know that it is the same person; the service said so beforehand.
    let mut twin = person(1);
    twin["entityId"] = json!(id(2, 1));
    answer(&stand.append("twin.json", &twin, &["--seal-with", key]));

    let position = first["first_position"].to_string();
    let opened = stand.run(&["open-part", &position, "0", "--key-file", key]);
    assert!(opened.0 == Some(0) && opened.1.contains(&format!("{MARKER} the 1")), "{opened:?}");
    fs::write(other, [9; 32]).unwrap();
    assert!(run(std::process::Command::new("chmod").args(["600", other])).0 == Some(0));
    let shut = stand.run(&["open-part", &position, "--key-file", other]);
    assert!(shut.0 == Some(1) && shut.1.is_empty() && shut.2.contains("names another key"), "{shut:?}");
    let none = stand.run(&["open-part", &position, "1", "--key-file", key]);
    assert!(none.0 == Some(2) && none.2.contains("no part 1"), "{none:?}");

    // Every query says that it cannot say.
    let name = format!("entity/{}", id(1, 1));
    let shown = stand.run(&["show", "person", &name]);
    assert!(shown.0 == Some(0) && shown.1.contains("sealed by a client, class P2"), "{shown:?}");
    let mut records = RecordServiceClient::connect(stand.served.url.clone()).await.unwrap();
    let asked = v1::GetRecordRequest { name: name.clone(), open_identity: true, at: None };
    let part = records.get_record(asked).await.unwrap().into_inner().record.unwrap().identity.unwrap();
    assert!(part.sealed_by_client && part.content.is_none() && part.erased_by.is_none(), "{part:?}");
    let (scheme, value) = ("test.register".to_owned(), format!("{MARKER}-1"));
    let find = |known_at| v1::FindRequest {
        scheme: scheme.clone(),
        value: value.clone(),
        at: Some(v1::AsOf { known_at, ..v1::AsOf::default() }),
    };
    let found = records.find(find(None)).await.unwrap().into_inner();
    assert!(found.name.is_empty() && found.sealed_identities, "nobody finds by number what nobody can read: {found:?}");
    let before = records.find(find(Some(KnownAt::KnownAtPosition(0)))).await.unwrap().into_inner();
    assert!(before.name.is_empty() && !before.sealed_identities, "then there was none: {before:?}");
    let nobody = stand.run(&["show", "find", "test.register", &value]);
    assert!(nobody.0 == Some(1) && nobody.2.contains("as far as the service can read"), "{nobody:?}");
    let mut ledger = ledger(&stand.served.url).await;
    let position = first["first_position"].as_u64().unwrap();
    let entry = ledger.get_entry(v1::GetEntryRequest { position, view: 0 }).await.unwrap().into_inner().entry.unwrap();
    assert!(entry.sealed_parts[0].sealed_by_client);
    assert_eq!(Manifest::decode(&entry.manifest).unwrap().parts[0].sealed_by, SealedBy::Client);

    let data = stand.path("data");
    stand.served.stop();
    assert!(!contains_below(&data, MARKER.as_bytes()), "nowhere in the data folder");
    assert!(!fs::read_to_string(said(&data)).unwrap().contains(MARKER));
    service::verify(&data);
    let verified = run(probity(["verify", "--open-parts", "--views", "--json", "--data"]).arg(&data));
    let verified = answer(&verified);
    assert_eq!((verified["parts"].as_u64(), verified["parts_opened"].as_u64()), (Some(2), Some(0)), "{verified}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_a_client_that_is_not_as_it_must_be_is_refused_by_its_field() {
    let stand = Stand::new();
    let origin = origin(&stand.served.url).await;
    let mut ledger = ledger(&stand.served.url).await;
    // One key of the service, that a client must not claim for its own.
    let service_sealed = ledger.append(story::append(1, [story::person(&id(1, 1)).into()])).await.unwrap().into_inner();
    let position = service_sealed.first_position;
    let own = ledger.get_entry(v1::GetEntryRequest { position, view: 0 }).await.unwrap().into_inner().entry.unwrap();
    let own = own.sealed_parts[0].key_id.clone();

    let good = sealed(&origin, 2, story::person(&id(2, 1)));
    let changes: [(&str, &str, &str, Change<'_>); 14] = [
        ("no personal field", "[0].field", "NOT_PERSONAL", &|event| event.sealed[0].field = 2),
        ("no field at all", "[0].field", "NOT_PERSONAL", &|event| event.sealed[0].field = 0),
        ("twice", "[1].field", "TWICE", &|event| event.sealed.push(event.sealed[0].clone())),
        ("another class", "[0].personal_class", "CLASS_DIFFERS", &|event| event.sealed[0].personal_class = 4),
        ("no class", "[0].personal_class", "OUT_OF_RANGE", &|event| event.sealed[0].personal_class = 256),
        ("another number", "[0].part", "PART_OUT_OF_ORDER", &|event| event.sealed[0].part = 1),
        ("no number", "[0].part", "OUT_OF_RANGE", &|event| event.sealed[0].part = u32::MAX),
        ("a short key id", "[0].key_id", "LENGTH", &|event| event.sealed[0].key_id.truncate(15)),
        ("no key id", "[0].key_id", "LENGTH", &|event| event.sealed[0].key_id.clear()),
        ("a key of the service", "[0].key_id", "KEY_OF_THE_SERVICE", &|event| event.sealed[0].key_id = own.clone()),
        ("a short commitment", "[0].content_commitment", "LENGTH", &|event| {
            event.sealed[0].content_commitment.truncate(31);
        }),
        ("a short ciphertext", "[0].ciphertext", "TOO_SHORT", &|event| event.sealed[0].ciphertext.truncate(73)),
        ("no ciphertext", "[0].ciphertext", "TOO_SHORT", &|event| event.sealed[0].ciphertext.clear()),
        ("too many", "", "TOO_MANY", &|event| event.sealed = vec![event.sealed[0].clone(); 32]),
    ];
    for (what, field, rule, change) in changes {
        let mut event = good.clone();
        change(&mut event);
        let refused = ledger.append(request(2, event)).await.unwrap_err();
        refusal::check(what, &refused, Reason::FieldInvalid, &format!("events[0].sealed{field}"), rule);
    }
    let mut plain = story::proposed(story::person(&id(2, 1)));
    plain.sealed.clone_from(&good.sealed);
    let refused = ledger.append(request(2, plain)).await.unwrap_err();
    refusal::check("in plain too", &refused, Reason::FieldInvalid, "events[0].sealed[0].field", "TWICE");
    let mut neither = good.clone();
    neither.sealed.clear();
    let refused = ledger.append(request(2, neither)).await.unwrap_err();
    refusal::check("neither", &refused, Reason::FieldInvalid, "events[0].identity", "REQUIRED");
    let mut large = good.clone();
    large.sealed[0].ciphertext = vec![0; 256 * 1024].into();
    let refused = ledger.append(request(2, large)).await.unwrap_err();
    refusal::check("too large", &refused, Reason::EventTooLarge, "events[0]", "");
    assert_eq!(service::head(&mut ledger).await.0, position, "nothing was recorded");
    ledger.append(request(2, good)).await.unwrap();
}

/// What is wrong with an event.
type Change<'a> = &'a dyn Fn(&mut v1::ProposedEvent);

/// Moved by whoever holds the disk or the wire, and with its manifest.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_sealed_for_another_place_is_recorded_and_never_opens() {
    let stand = Stand::new();
    let key = stand.path("part.key");
    fs::write(&key, SECRET).unwrap();
    assert!(run(std::process::Command::new("chmod").arg("600").arg(&key)).0 == Some(0));
    let origin = origin(&stand.served.url).await;
    let mut ledger = ledger(&stand.served.url).await;
    let open = |position: u64| {
        let position = position.to_string();
        stand.run(&["open-part", &position, "--key-file", key.to_str().unwrap()])
    };
    let mut other_person = sealed(&origin, 3, story::person(&id(3, 1)));
    other_person.sealed = sealed(&origin, 2, story::person(&id(2, 1))).sealed;
    for (what, number, event, opens) in [
        ("where it belongs", 1, sealed(&origin, 1, story::person(&id(1, 1))), true),
        ("another request and person", 3, other_person, false),
        ("another log", 4, sealed("other.example/log", 4, story::person(&id(4, 1))), false),
        ("another request", 5, sealed(&origin, 6, story::person(&id(5, 1))), false),
    ] {
        let position = ledger.append(request(number, event)).await.unwrap().into_inner().first_position;
        let said = open(position);
        let expected = if opens { Some(0) } else { Some(1) };
        assert!(said.0 == expected && said.1.contains(MARKER) == opens, "{what}: {said:?}");
        assert!(opens || said.2.contains("does not open with this key at this place"), "{what}: {said:?}");
    }
    let data = stand.path("data");
    stand.served.stop();
    service::verify(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_petitioner_whom_a_client_sealed_stands_beside_what_the_service_sealed() {
    let stand = Stand::new();
    let origin = origin(&stand.served.url).await;
    let mut ledger = ledger(&stand.served.url).await;
    let petition = PetitionReceived {
        petition_id: id(1, 7),
        petition_kind: story::code("petition", "complaint"),
        petitioner: Some(PetitionerIdentity { full_name: format!("{MARKER} P"), ..PetitionerIdentity::default() }),
        summary: Some(probity::events::Narrative { text: "service-sealed".to_owned(), ..Default::default() }),
        ..PetitionReceived::default()
    };
    let mut event = sealed(&origin, 1, petition.clone());
    event.sealed.truncate(1);
    let plain = Event::from(PetitionReceived { petitioner: None, ..petition });
    event.event.as_mut().unwrap().value = plain.encode();
    let answer = ledger.append(request(1, event)).await.unwrap().into_inner();
    assert_eq!(answer.unchecked.iter().map(|one| one.field.as_str()).collect::<Vec<_>>(), ["petitioner"]);
    let wanted = v1::GetEntryRequest { position: answer.first_position, view: 0 };
    let entry = ledger.get_entry(wanted).await.unwrap().into_inner().entry.unwrap();
    let by: Vec<_> = entry.sealed_parts.iter().map(|part| (part.personal_class, part.sealed_by_client)).collect();
    assert_eq!(by, [(5, true), (4, false)]);
    let data = stand.path("data");
    stand.served.stop();
    let verified = run(probity(["verify", "--open-parts", "--json", "--data"]).arg(Path::new(&data)));
    let verified: Value = serde_json::from_str(&verified.1).unwrap();
    assert_eq!((verified["parts"].as_u64(), verified["parts_opened"].as_u64()), (Some(2), Some(1)), "{verified}");
}
