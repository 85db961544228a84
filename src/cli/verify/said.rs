//! What was verified, in words: what was found, which steps of section 6 of the format were done, and which could not be.

use serde_json::json;

use crate::cli::verify::Head;
use crate::cli::verify::Verdict;
use crate::verify::Pieces;
use crate::verify::Report;

/// A step of section 6 of the format, and why it was not done, where it was not.
struct Step {
    number: u8,
    what: &'static str,
    missing: Option<&'static str>,
}

/// The steps of a verification that came to its end.
fn steps(verdict: &Verdict) -> Vec<Step> {
    let Report { pieces, checkpoints, .. } = verdict.report;
    let hashes = (pieces == Pieces::Hashes).then_some("without an auditor's token there are hashes alone, no leaves");
    let not_whole = match pieces {
        Pieces::Whole => None,
        Pieces::Leaves => Some("tiles have leaves, and nothing of what lies beside them"),
        Pieces::Hashes => hashes,
    };
    let none_held = (checkpoints == 0).then_some("no checkpoint was held; see --checkpoint");
    let unsigned = (hashes.is_some() && !verdict.keyed).then_some("the log's key is not known: name it with --key");
    let unwitnessed = (!verdict.witnessed)
        .then_some("without a cosignature of a witness that you believe, nothing shows back-dating");
    let step = |number, what, missing| Step { number, what, missing };
    vec![
        step(1, "signatures of the checkpoints held", none_held.or(unsigned)),
        step(1, "that the last entry under each is a SEAL", none_held.or(hashes)),
        step(2, "leaves, chain, keys", hashes),
        step(2, "times, against cosignatures", hashes.or(unwitnessed)),
        step(3, "tree, at each checkpoint held", none_held),
        step(4, "sequences, seals, targets of erasures", hashes),
        step(5, "map of every seal", hashes),
        step(6, "manifests, requests, payloads, subjects, ciphertexts", not_whole),
        step(7, "contents of sealed parts", (!verdict.more.contains(&7)).then_some("without keys; see --open-parts")),
        step(8, "views", (!verdict.more.contains(&8)).then_some("only of a data folder; see --views")),
    ]
}

#[expect(clippy::print_stdout, reason = "the report is what this subcommand is asked for")]
pub(super) fn print(verdict: &Verdict, head: Option<Head>, as_json: bool) {
    let report = &verdict.report;
    if as_json {
        println!("{}", to_json(verdict));
        return;
    }
    if !report.origin.is_empty() {
        println!("log       {}", report.origin);
    }
    println!("verified  {}", counted(report));
    if verdict.resumed > 0 {
        println!("resumed   the first {} of them were verified by earlier runs, and not read again", verdict.resumed);
    }
    if report.seals > 0 {
        println!("sealed    {} seals, each over the map of all histories before it", report.seals);
    }
    if report.is_good() {
        let steps = steps(verdict);
        for Step { number, what, .. } in steps.iter().filter(|step| step.missing.is_none()) {
            println!("step {number}    {what}");
        }
        for Step { number, what, missing } in &steps {
            if let Some(missing) = missing {
                println!("not done  step {number}, {what}: {missing}");
            }
        }
    }
    if report.parts_opened > 0 {
        println!("opened    {} of {} sealed parts, each what was committed", report.parts_opened, report.parts);
    }
    for (words, _) in &verdict.beside {
        println!("{words}");
    }
    for index in &report.erasures_pending {
        println!("note      entry {index}: erased, and its bytes are still kept");
    }
    match (&report.fault, &report.unreadable) {
        (Some(fault), _) => println!("DAMAGED   {fault}"),
        (None, Some(what)) => println!("NOT VERIFIED  {what}"),
        (None, None) => good(report, head),
    }
}

/// What was looked at.
fn counted(report: &Report) -> String {
    let Report { entries, requests, histories, parts, erasures, checkpoints, .. } = report;
    let met = format!("{checkpoints} checkpoints held, each met");
    match report.pieces {
        Pieces::Whole => {
            format!(
                "{entries} entries, {requests} requests, {histories} histories, {parts} sealed parts, {erasures} erasures; {met}"
            )
        }
        Pieces::Leaves => format!("the leaves of {entries} entries, {histories} histories, {erasures} erasures; {met}"),
        Pieces::Hashes => format!("the leaf hashes of {entries} entries; {met}"),
    }
}

#[expect(clippy::print_stdout, reason = "the report is what this subcommand is asked for")]
fn good(report: &Report, head: Option<Head>) {
    if let Some(Head(index, _)) = head {
        println!("good      and entry {index} is the one whose head was kept elsewhere");
    } else if report.pieces == Pieces::Hashes {
        println!("good      the hashes are those of the checkpoint");
    } else {
        println!("good      each entry follows from the one before it");
        println!(
            "not shown whether the log was rewritten whole, or cut at its end: compare with a head kept elsewhere"
        );
    }
    if let Some((index, hash)) = report.head {
        println!("head      {index}:{hash}");
    }
    if let Some(tree) = report.tree {
        println!("tree      {} entries, root {}", tree.size, tree.root);
    }
}

fn to_json(verdict: &Verdict) -> serde_json::Value {
    let report = &verdict.report;
    let step = |Step { number, what, missing }: Step| json!({ "step": number, "what": what, "done": missing.is_none(), "why_not": missing });
    let steps: Vec<_> = if report.is_good() { steps(verdict).into_iter().map(step).collect() } else { Vec::new() };
    json!({
        "good": verdict.is_good(),
        "origin": report.origin,
        "entries": report.entries,
        "entries_of_earlier_runs": verdict.resumed,
        "bytes": report.bytes,
        "requests": report.requests,
        "histories": report.histories,
        "parts": report.parts,
        "parts_opened": report.parts_opened,
        "erasures": report.erasures,
        "erasures_pending": report.erasures_pending,
        "seals": report.seals,
        "checkpoints": report.checkpoints,
        "witnessed": verdict.witnessed,
        "steps": steps,
        "tree": report.tree.map(|tree| json!({"size": tree.size, "root": tree.root.to_string()})),
        "head": report.head.map(|(index, hash)| format!("{index}:{hash}")),
        "fault": report.fault.as_ref().map(|fault| json!({"entry": fault.index, "what": fault.what.to_string()})),
        "unreadable": report.unreadable,
        "beside": verdict.beside.iter().map(|(words, good)| json!({"what": words, "good": good})).collect::<Vec<_>>(),
    })
}
