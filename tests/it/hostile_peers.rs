//! Peers that only want to hurt: the real program, limits set small, an attacker, and beside it an honest client that must
//! not notice. What the attacker costs in memory is measured on the process.

mod calls;
mod floods;
mod frames;
mod pages;
mod silent;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use probity::proto::v1;
use tempfile::TempDir;

use crate::http;
use crate::service::Served;
use crate::service::story;
use crate::service::verify;

/// No honest call takes so long, on any machine, unless it is held up.
const HELD_UP: Duration = Duration::from_secs(20);

/// How much more memory an attack may cost, in KiB, where nothing else is said: the caches of the store grow meanwhile too.
const MEMORY_KIB: u64 = 96 << 10;

/// So often the honest client appends during one attack.
const APPENDS_MAX: u64 = 500;

/// The program under attack, on a plain port of loopback.
struct Attacked {
    _folder: TempDir,
    data: PathBuf,
    served: Served,
    /// Of plain HTTP.
    pages: String,
}

impl Attacked {
    /// With settings of its section `connections`.
    fn start(connections: &str) -> Self {
        let (folder, data) = http::folder();
        let settings = folder.path().join("probity.toml");
        fs::write(&settings, format!("[connections]\n{connections}\n")).unwrap();
        let (served, pages) = http::start(http::command(&data).arg("--config").arg(settings), &data);
        Self { _folder: folder, data, served, pages }
    }

    /// Where gRPC is.
    fn address(&self) -> &str {
        self.served.url.strip_prefix("http://").unwrap()
    }

    /// Attacks, and has an honest client go on meanwhile: each of its appends is recorded, none is held up, and the memory
    /// of the program stays within `memory_kib` more than before.
    async fn beside<T>(&self, memory_kib: u64, attack: impl Future<Output = T>) -> T {
        let mut ledger = self.served.ledger().await;
        let number = u64::from(std::process::id()) << 20;
        let (first, mut number) = (number, number);
        let mut append = async || {
            // Then it asks for more and records no more: a longer log takes more memory, and nobody's attack did that.
            if number > first + 4 * APPENDS_MAX {
                let head = tokio::time::timeout(HELD_UP, ledger.get_head(v1::GetHeadRequest {})).await;
                return drop(head.expect("the honest client is held up").expect("the honest client is refused"));
            }
            number += 4;
            let appended = tokio::time::timeout(HELD_UP, ledger.append(story::request(number))).await;
            appended.expect("the honest client is held up").expect("the honest client is refused");
        };
        // Whatever the first append wants is there before the attack.
        append().await;
        let before = self.served.peak_kib();
        let mut attack = std::pin::pin!(attack);
        let came_of_it = loop {
            // The append is not broken off when the attack ends.
            let honest = append();
            let mut honest = std::pin::pin!(honest);
            let ended = tokio::select! {
                came_of_it = attack.as_mut() => Some(came_of_it),
                () = honest.as_mut() => None,
            };
            if let Some(came_of_it) = ended {
                honest.await;
                break came_of_it;
            }
        };
        // And whoever comes afterwards is taken too.
        let mut later = self.served.ledger().await;
        let appended = tokio::time::timeout(HELD_UP, later.append(story::request(number + 4))).await;
        appended.expect("who comes later is held up").expect("who comes later is refused");
        let grown = self.served.peak_kib().saturating_sub(before);
        assert!(grown <= memory_kib, "the attack cost {grown} KiB");
        came_of_it
    }

    fn stop(self) {
        self.served.stop();
        verify(&self.data);
    }
}
