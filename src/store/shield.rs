//! Calls into sled. sled answers damage with a panic as often as with an error, at any call, since it reads lazily:
//! here both become a [`StoreError`], and nothing of it is printed.

use std::any::Any;
use std::cell::Cell;
use std::cell::RefCell;
use std::fmt;
use std::io;
use std::panic;
use std::panic::AssertUnwindSafe;
use std::panic::PanicHookInfo;
use std::sync::Once;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

thread_local! {
    static SHIELDED: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

static INSTALL: Once = Once::new();
static BACKGROUND_PANICS: AtomicU64 = AtomicU64::new(0);

/// What sled gave instead of an answer, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The bytes are not what was written, or sled stopped over them.
    Damage(String),
    /// The system refused, now or in an earlier write after which sled reads and writes no more of what it meant to
    /// change. It says nothing of what is stored.
    System(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Damage(what) | Self::System(what)) = self;
        f.write_str(what)
    }
}

/// How many of sled's own threads panicked since the process began. One is enough to stop and start again: sled
/// keeps a fixed number of threads and does not replace them.
pub fn background_panics() -> u64 {
    BACKGROUND_PANICS.load(Ordering::Relaxed)
}

/// Keeps sled's panics, and no others, off the screen. The hook that was there is called for all others.
pub(super) fn install() {
    INSTALL.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let sleds_own = thread::current().name().is_some_and(is_sleds);
            if sleds_own {
                BACKGROUND_PANICS.fetch_add(1, Ordering::Relaxed);
            } else if SHIELDED.get() {
                PLACE.set(place_of(info));
            } else {
                before(info);
            }
        }));
    });
}

fn is_sleds(thread: &str) -> bool {
    thread == "log flusher" || thread.starts_with("sled-io-")
}

/// File and line, without the folders of whoever built sled.
fn place_of(info: &PanicHookInfo<'_>) -> String {
    info.location().map_or_else(String::new, |location| {
        let file = location.file().rsplit(['/', '\\']).next().unwrap_or_default();
        format!("{file}:{}", location.line())
    })
}

/// Calls sled; `Err` says what it said.
pub(super) fn call<T>(work: impl FnOnce() -> sled::Result<T>) -> Result<T, Refused> {
    install();
    let outer = SHIELDED.replace(true);
    // A tree that panicked is not used for writes again, and its pages are read afresh: no state is left half changed
    // that a later call would believe.
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    SHIELDED.set(outer);
    match result {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(refused(&error)),
        Err(payload) => {
            Err(Refused::Damage(format!("sled stopped at {}: {}", PLACE.take(), words_of_panic(&*payload))))
        }
    }
}

fn refused(error: &sled::Error) -> Refused {
    match error {
        sled::Error::Corruption { .. } => Refused::Damage("sled found corrupt bytes".to_owned()),
        sled::Error::Io(error) if is_of_the_system(error) => Refused::System(format!("sled: {error}")),
        // Made by sled itself: a file that ends too early, a length that cannot be.
        sled::Error::Io(error) => Refused::Damage(format!("sled: {error}")),
        sled::Error::Unsupported(_) => {
            Refused::Damage("sled: its own settings file is damaged or of another version".to_owned())
        }
        sled::Error::CollectionNotFound(_) => Refused::Damage("sled: the tree of entries is missing".to_owned()),
        sled::Error::ReportableBug(_) => Refused::System("sled: one of its threads stopped".to_owned()),
    }
}

/// sled hands an error of the system on as it is the first time, and in words, with its number, every other time.
fn is_of_the_system(error: &io::Error) -> bool {
    error.raw_os_error().is_some() || error.to_string().contains("Os { code: ")
}

/// The first words of the message: a panic of sled can print what it was reading, so not all of it is kept.
fn words_of_panic(payload: &(dyn Any + Send)) -> String {
    let text = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (None, Some(text)) => text.as_str(),
        (None, None) => "no message",
    };
    text.split(['\n', '[', '{', '"', '`']).next().unwrap_or_default().trim().chars().take(80).collect()
}

fn quietly<T>(thing: T) {
    // Its only effect is on the disk, and what must be there was synced before.
    let _ = call(|| {
        drop(thing);
        Ok(())
    });
}

/// Drops something of sled's. Its destructors write, may panic, and wait for a thread that may be dead: then it is
/// left to itself after some seconds, with its lock, until the process ends.
pub(super) fn release<T: Send + 'static>(thing: T, panics_when_opened: u64) {
    if background_panics() == panics_when_opened {
        quietly(thing);
        return;
    }
    let (done, wait) = mpsc::channel();
    let spawned = thread::Builder::new().name("store-release".to_owned()).spawn(move || {
        quietly(thing);
        let _ = done.send(());
    });
    if spawned.is_ok() {
        let _ = wait.recv_timeout(Duration::from_secs(5));
    }
}

#[cfg(test)]
mod tests;
