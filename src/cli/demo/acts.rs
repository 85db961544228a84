//! The acts of the demo, in their order, each with what must come of it.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::Path;

use tonic::Code;
use tonic_types::StatusExt as _;

use crate::backup::EntriesFile;
use crate::cli;
use crate::cli::demo::declaration;
use crate::cli::demo::folder::Passing;
use crate::cli::demo::forger;
use crate::cli::demo::stage;
use crate::cli::demo::stage::Head;
use crate::cli::demo::stage::Stage;
use crate::cli::demo::story;
use crate::cli::demo::story::Cast;
use crate::cli::demo::teller::Surprise;
use crate::cli::demo::teller::Teller;
use crate::cli::demo::teller::expect;
use crate::cli::export::ExportArgs;
use crate::cli::export::TableFormat;
use crate::events::PartialDate;
use crate::export::ENTRIES_FILE;
use crate::export::FileEntry;
use crate::export::INTERNAL;
use crate::log::VerifierKey;
use crate::proto::v1;
use crate::proto::v1::Standing;
use crate::verify::Report;
use crate::verify::Wanted;
use crate::verify::What;
use crate::verify::verify;

/// What is known when the service has stopped.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) cast: Cast,
    /// The receipt of the decision, as the body that issued it keeps it.
    pub(super) decision: Head,
    /// The head at the end, as anybody keeps it.
    pub(super) head: Head,
    /// The log's public key, under its name.
    pub(super) key: VerifierKey,
}

/// Everything that is said to a running service.
pub(super) async fn affair(teller: &mut Teller, data: &Path, listen: SocketAddr) -> Result<Told, Surprise> {
    let cast = Cast::new();
    teller.step("A service starts on a fresh folder");
    let mut stage = Stage::open(data, listen).await?;
    teller.tell(format_args!("listening on {}; all that follows is said to it over gRPC", stage.url));

    teller.step("Two bodies and two persons enter the ledger");
    teller.why("One request: all of it is recorded, or nothing. Each entry holds the hash of the one before it.");
    stage.append(teller, cast.registrations()).await?;

    teller.step("A declaration of assets is filed");
    stage.append(teller, declaration::submitted(&cast)).await?;
    let before_amendment = stage.head().await?.0;

    teller.step("A case is opened, and the allegation found true");
    stage.append(teller, cast.case_opened()).await?;
    stage.append(teller, cast.finding()).await?;

    teller.step("The decision: two sanctions");
    let decision = stage.append(teller, cast.decision()).await?;
    stage.append(teller, cast.case_closed()).await?;

    teller.step("The declaration is amended");
    stage.append(teller, declaration::amended(&cast)).await?;
    versions(teller, &mut stage, &cast, before_amendment).await?;

    refused(teller, &mut stage, &cast).await?;

    teller.step("The real appeal");
    let (before_annulment, _) = stage.append(teller, cast.appeal_lodged(&cast.decision)).await?;

    annulled(teller, &mut stage, &cast).await?;
    states(teller, &mut stage, &cast, before_annulment).await?;

    teller.step("An auditor reads the whole log and verifies it");
    let head = stage.head().await?;
    good(teller, &stage.verify(head).await?)?;
    let (index, hash) = head;
    teller.tell(format_args!("keep this line elsewhere, it is the head: {index}:{hash}"));

    teller.step("The service stops");
    let key = stage.key()?;
    stage.stop().await?;
    teller.tell("the log is closed; what it held is durable");
    Ok(Told { cast, decision, head, key })
}

async fn versions(teller: &Teller, stage: &mut Stage, cast: &Cast, before: u64) -> Result<(), Surprise> {
    let now = stage.declaration(&cast.declaration, None).await?.versions.len();
    let then = stage.declaration(&cast.declaration, Some(before)).await?.versions.len();
    expect((now, then) == (2, 1), || format!("{now} versions now and {then} before"))?;
    teller.tell("both versions stay; the items are sealed, each part under a key of its person and year");
    Ok(())
}

async fn refused(teller: &mut Teller, stage: &mut Stage, cast: &Cast) -> Result<(), Surprise> {
    teller.step("What cannot be true is refused: an appeal against a decision that does not exist");
    let head = stage.head().await?;
    let Err(status) = stage.append_as(&stage::uuid(), &cast.appeal_lodged(&story::id())).await else {
        return Err(Surprise("it was recorded".to_owned()));
    };
    let Some(info) = status.get_details_error_info() else {
        return Err(Surprise(format!("refused without a reason: {status}")));
    };
    let reason = &info.reason;
    let expected = status.code() == Code::FailedPrecondition && reason == "RULE_VIOLATED";
    expect(expected, || format!("refused with {status}"))?;
    let of = |key: &str| info.metadata.get(key).map_or("", String::as_str).to_owned();
    teller.caught("refused", format_args!("FAILED_PRECONDITION {reason}: {} at {}", of("rule"), of("field")));
    teller.tell(status.message());
    expect(stage.head().await? == head, || "something was recorded all the same".to_owned())
}

async fn annulled(teller: &mut Teller, stage: &mut Stage, cast: &Cast) -> Result<(), Surprise> {
    teller.step("The appeal succeeds, and the decision is annulled as wrongful");
    let act = cast.annulment();
    let request_id = stage::uuid();
    let (_, receipt) = stage.append_as(&request_id, &act).await?;
    let last = receipt.first_position + 1;
    let (position, hash) = stage.head().await?;
    for ((event, words), index) in act.iter().zip(receipt.first_position..) {
        let shown = (index == last).then(|| stage::short(&hash));
        teller.entry(index, event.event_type().name(), words, shown.as_deref());
    }
    expect(position == last, || format!("the head is {position}, not {last}"))?;

    teller.step("The answer got lost, so the client asks again with the same request id");
    let (_, again) = stage.append_as(&request_id, &act).await?;
    let same = again.replayed && again.first_position == receipt.first_position && again.leaf_hash == receipt.leaf_hash;
    expect(same && !receipt.replayed, || format!("the second answer is {again:?}"))?;
    expect(stage.head().await?.0 == last, || "it was recorded twice".to_owned())?;
    teller.good(format_args!(
        "replayed: the first answer again, entry {}; nothing is recorded twice",
        again.first_position
    ));
    Ok(())
}

async fn states(teller: &mut Teller, stage: &mut Stage, cast: &Cast, before: u64) -> Result<(), Surprise> {
    teller.step("Three questions about Mara Linden, in two times");
    teller.why("What is in force on a day of the world, and what the log knew at a moment, are different questions.");
    let day = story::DAY_UNDER_SANCTION;
    let questions: [(String, Option<PartialDate>, Option<u64>, Standing); 3] = [
        ("today".to_owned(), None, None, Standing::Annulled),
        ("on 1 July 2024".to_owned(), Some(day), None, Standing::InForce),
        (format!("today, as known at entry {before}"), None, Some(before), Standing::InForce),
    ];
    for (question, as_of, known_at, expected) in questions {
        let record = stage.record(&cast.linden, as_of, known_at).await?;
        let [decision] = record.decisions.as_slice() else {
            return Err(Surprise(format!("{question}: {} decisions", record.decisions.len())));
        };
        let all = decision.sanctions.iter().all(|sanction| sanction.standing() == expected);
        let in_force = expected == Standing::InForce;
        expect(all && decision.standing() == expected && record.sanction_in_force == in_force, || {
            format!("{question}: {:?}", decision.standing())
        })?;
        teller.tell(format_args!("{question:<30} {}", in_words(decision, in_force)));
    }
    Ok(())
}

fn in_words(decision: &v1::Decision, in_force: bool) -> String {
    let form = |sanction: &v1::Sanction| {
        let form = sanction.item.as_ref().and_then(|item| item.form.as_ref());
        form.map_or_else(String::new, |form| form.code.clone())
    };
    let forms: Vec<String> = decision.sanctions.iter().map(form).collect();
    let forms = forms.join(", ");
    let number = &decision.reference;
    if in_force {
        format!("in force: {forms} ({number})")
    } else {
        format!("nothing in force; annulled: {forms} ({number})")
    }
}

/// Everything that forgers do to copies of the stopped service's folder.
pub(super) fn forgers(teller: &mut Teller, data: &Path, passing: &Passing, told: &Told) -> Result<(), Surprise> {
    let entries = forger::entries_of(data)?;
    let (decision, receipt) = (told.decision.0, told.decision);

    teller.step("A forger changes one byte of the decision in a copy of the ledger");
    let changed = forger::plant(&passing.join("changed"), &forger::with_a_byte_changed(&entries, decision)?)?;
    let report = changed.verify(None);
    caught(teller, &report, decision, |what| matches!(what, What::Entry(_)))?;

    teller.step("Another knows the format: he drops a sanction and makes every later hash anew");
    let rewritten = forger::plant(&passing.join("rewritten"), &forger::rewritten(&entries, decision)?)?;
    let report = rewritten.verify(None);
    expect(report.is_good(), || format!("{:?}", report.fault))?;
    teller.good(format_args!(
        "{} entries, each follows from the one before it: a chain alone shows nothing",
        report.entries
    ));

    teller.step("But the head was kept elsewhere");
    let is_head = |what: &What| matches!(what, What::Head { .. });
    caught(teller, &rewritten.verify(Some(told.head)), told.head.0, is_head)?;
    teller.why("The body that issued the decision kept the receipt it got for it. That is a head, too:");
    caught(teller, &rewritten.verify(Some(receipt)), decision, is_head)
}

/// What archives and statisticians get.
pub(super) fn export(teller: &mut Teller, data: &Path, passing: &Passing, told: &Told) -> Result<(), Surprise> {
    teller.step("Current state is exported, and the export verifies without the service");
    let to = passing.join("export");
    let arguments = ExportArgs {
        data: Some(data.to_owned()),
        from: None,
        to: to.clone(),
        format: vec![TableFormat::Jsonl, TableFormat::Csv],
        profile: INTERNAL.to_owned(),
        profiles: None,
        name: "demo".to_owned(),
        since: None,
        position: None,
        as_of: None,
        entries: true,
        replace: false,
        json: false,
    };
    let manifest = cli::export::from_folder(&arguments)?;
    expect(manifest.head() == Some(told.head.1), || format!("its head is {}", manifest.head))?;
    let is_csv = |file: &&FileEntry| Path::new(&file.name).extension().is_some_and(|extension| extension == "csv");
    let rows: u64 = manifest.files.iter().filter(is_csv).filter_map(|file| file.rows).sum();
    teller.tell(format_args!(
        "{} files: {rows} rows as JSON Lines and as CSV, the entries, a manifest; no name of a human being",
        manifest.files.len() + 1
    ));
    let named: Vec<&str> = manifest
        .files
        .iter()
        .filter(|file| std::fs::read(to.join(&file.name)).is_ok_and(|bytes| holds(&bytes, story::SEALED_NAMES)))
        .map(|file| file.name.as_str())
        .collect();
    expect(named.is_empty(), || format!("a sealed name stands in {}", named.join(", ")))?;
    let entries = EntriesFile::open(&to.join(ENTRIES_FILE))?;
    good(teller, &verify(&entries, &Wanted { head: Some(told.head), ..Wanted::default() }, |_, _| ()))
}

fn good(teller: &Teller, report: &Report) -> Result<(), Surprise> {
    expect(report.is_good(), || format!("{:?} {:?}", report.fault, report.unreadable))?;
    teller.good(format_args!(
        "{} entries, {} requests, {} sealed parts: chain, commitments, histories, requests",
        report.entries, report.requests, report.parts
    ));
    Ok(())
}

fn caught(teller: &Teller, report: &Report, index: u64, how: impl Fn(&What) -> bool) -> Result<(), Surprise> {
    match &report.fault {
        Some(fault) if fault.index == index && how(&fault.what) => {
            teller.caught("caught", brief(fault));
            Ok(())
        }
        other => Err(Surprise(format!("the verifier says {other:?} where entry {index} was forged"))),
    }
}

/// Whether one of the words stands in the bytes.
fn holds(bytes: &[u8], words: [&str; 2]) -> bool {
    words.iter().any(|word| bytes.windows(word.len()).any(|window| window == word.as_bytes()))
}

/// The verifier's words, with hashes as short as people want them.
pub(super) fn brief(fault: &impl Display) -> String {
    let is_hash = |word: &str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let short = |word: &str| {
        let bare = word.trim_end_matches([':', ',']);
        if is_hash(bare) { format!("{}…{}", &bare[..12], &word[bare.len()..]) } else { word.to_owned() }
    };
    fault.to_string().split(' ').map(short).collect::<Vec<String>>().join(" ")
}
