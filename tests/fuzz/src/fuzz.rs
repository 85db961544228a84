//! libFuzzer over one of the parsers that `tests/it/parsers.rs` lists.
#![no_main]

#[path = "../../it/parsers.rs"]
mod parsers;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

use parsers::PARSERS;
use parsers::Parser;

/// The one that `PROBITY_PARSER` names.
static PARSER: LazyLock<Parser> = LazyLock::new(|| {
    let name = std::env::var("PROBITY_PARSER").unwrap_or_default();
    let found = PARSERS.into_iter().find(|parser| parser.name == name);
    found.unwrap_or_else(|| panic!("PROBITY_PARSER is one of {}", PARSERS.map(|parser| parser.name).join(" ")))
});

/// What the parser reads, and what costs it most, in the folder `PROBITY_SEEDS`: libFuzzer goes on from there.
fn write_seeds() {
    let Some(folder) = std::env::var_os("PROBITY_SEEDS").map(std::path::PathBuf::from) else { return };
    std::fs::create_dir_all(&folder).expect("the folder of the seeds");
    for (number, bytes) in (PARSER.good)().into_iter().chain((PARSER.costly)()).enumerate() {
        std::fs::write(folder.join(format!("seed-{number}")), bytes).expect("a seed");
    }
}

fuzz_target!(init: write_seeds(), |bytes: &[u8]| {
    parsers::check(&PARSER, bytes);
});
