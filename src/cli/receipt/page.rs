//! The receipt as a page for paper: one file that needs nothing else.

use std::fmt::Write as _;

use qrcode::EcLevel;
use qrcode::QrCode;
use qrcode::render::svg;
use qrcode::types::QrError;

use crate::cli::receipt::HOW;
use crate::cli::receipt::Receipt;
use crate::cli::receipt::SAYS;
use crate::cli::receipt::WHOSE_KEY;
use crate::cli::receipt::facts;
use crate::log::Note;
use crate::log::ProofFile;

const STYLE: &str = "body{font:12pt/1.4 serif;max-width:42em;margin:2em auto;padding:0 1em}\
                     th{text-align:left;vertical-align:top;padding-right:1em;font-weight:normal}\
                     td,code,pre{font-family:monospace;font-size:9pt;overflow-wrap:anywhere}\
                     pre{white-space:pre-wrap;border-top:1px solid;padding-top:1em}\
                     svg{display:block;width:11cm;height:11cm;margin:1em 0}";

/// The page.
///
/// # Errors
///
/// The proof fits into no QR code: it has more hashes than any log of less than 2^50 entries needs.
pub(super) fn page(receipt: &Receipt) -> Result<String, QrError> {
    let (code, whole) = code(&receipt.proof)?;
    let svg = code.render::<svg::Color<'_>>().quiet_zone(true).build();
    // The declaration of a file of its own has no place inside a page.
    let svg = svg.split_once("?>").map_or(svg.as_str(), |(_, svg)| svg);
    let mut rows = String::new();
    for (word, what) in facts(receipt) {
        writeln!(rows, "<tr><th>{word}</th><td>{}</td></tr>", escaped(&what)).expect("a string takes everything");
    }
    let cosigned = if whole { "" } else { " The cosignatures of witnesses are left out there, and stand below." };
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>Receipt for entry {index}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>Receipt</h1>\n\
         <p>{SAYS}</p>\n<table>\n{rows}</table>\n{svg}\n\
         <p>To check it, scan the code into the file <code>receipt.tlog-proof</code>; or type it off the end of this \
         page.{cosigned}</p>\n<p><code>{HOW}</code></p>\n<p>{WHOSE_KEY}</p>\n<pre>{proof}</pre>\n</body>\n</html>\n",
        index = receipt.proof.index,
        proof = escaped(&receipt.proof.to_string()),
    ))
}

/// The proof as a QR code, and whether all signatures are in it.
fn code(proof: &ProofFile) -> Result<(QrCode, bool), QrError> {
    let whole = QrCode::with_error_correction_level(proof.to_string(), EcLevel::L);
    let Err(QrError::DataTooLong) = whole else { return whole.map(|code| (code, true)) };
    let origin = &proof.checkpoint.origin;
    let of_the_log = proof.note.signatures().iter().filter(|one| one.name() == origin).cloned().collect();
    let note = Note::new(proof.note.text().to_owned(), of_the_log).map_err(|_| QrError::DataTooLong)?;
    let shorter = ProofFile { note, ..proof.clone() };
    QrCode::with_error_correction_level(shorter.to_string(), EcLevel::L).map(|code| (code, false))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
