//! What shows that a log was forked or rolled back, in a file for those who were not there.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

/// Keeps what was found in a new file of a folder, durably: a word on what it is, and the pieces one after the other,
/// each under a line that says whose it is. What is kept already is not kept again.
///
/// # Errors
///
/// It cannot be written.
pub fn keep_evidence(folder: &Path, name: &str, why: &str, pieces: &[(&str, &str)]) -> io::Result<PathBuf> {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '.' { c } else { '_' };
    let name: String = name.chars().map(safe).take(120).collect();
    let mut text = format!("{why}\n");
    for (whose, piece) in pieces {
        text.extend(["\n===== ", whose, "\n", piece]);
    }
    fs::create_dir_all(folder)?;
    for number in 0.. {
        let path = folder.join(if number == 0 { name.clone() } else { format!("{name}-{number}") });
        let mut file = match File::create_new(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if fs::read(&path)? == text.as_bytes() {
                    return Ok(path);
                }
                continue;
            }
            Err(error) => return Err(error),
        };
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        File::open(folder)?.sync_all()?;
        return Ok(path);
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
