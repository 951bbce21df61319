//! The `standfast` command for the erasure test: writes every secret that is born into a file that
//! only the test reads, and stays after its end so that its memory can be searched.
//!
//! Nothing here is part of a product: it needs the feature `expose-secrets-to-tests`. The one thing
//! that the product does and this does not is to keep its memory from being read.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::process::parent_id;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::Context as _;

#[global_allocator]
static WIPING: standfast_harden::Wiping = standfast_harden::WIPING;

/// Names the file for the secrets, which must exist. What the test wants is said by further files:
/// with `.panic` at the end of the name, the call's thread panics at its next secret; with `.end`,
/// this process may end.
const FILE: &str = "STANDFAST_REVEAL_TO";
/// Bytes of a label that are written: its end, where a file's name is.
const LABEL: usize = 64;
/// How often to look whether the process may end.
const LOOK_EVERY: Duration = Duration::from_millis(20);

static SECRETS: OnceLock<Secrets> = OnceLock::new();

struct Secrets {
    file: Mutex<File>,
    panic: PathBuf,
}

fn main() -> anyhow::Result<ExitCode> {
    standfast_harden::quiet_panics();
    let path =
        PathBuf::from(std::env::var_os(FILE).with_context(|| format!("${FILE} is not set"))?);
    let file = Mutex::new(File::options().append(true).open(&path)?);
    let _ = SECRETS.set(Secrets { file, panic: path.with_added_extension("panic") });
    standfast_crypto::reveal::tell(write);
    let outcome = standfast_cli::run();
    println!("{{\"event\":\"over\",\"well\":{}}}", outcome.is_ok());
    io::stdout().flush()?;
    let (end, test) = (path.with_added_extension("end"), parent_id());
    while !end.exists() && parent_id() == test {
        std::thread::sleep(LOOK_EVERY);
    }
    outcome
}

/// One record: label, length as u32 little-endian, bytes. Straight from where the secret lies to the
/// system, without a copy in this process.
#[expect(clippy::panic, reason = "what the test asked for")]
fn write(label: &str, bytes: &[u8]) {
    let Some(secrets) = SECRETS.get() else { return };
    let on_call = std::thread::current().name() == Some("call");
    if on_call && fs::remove_file(&secrets.panic).is_ok() {
        panic!("asked for by the erasure test");
    }
    let label = label.as_bytes();
    let label = &label[label.len().saturating_sub(LABEL)..];
    let mut head = [0; LABEL + 4];
    head[..label.len()].copy_from_slice(label);
    head[LABEL..].copy_from_slice(&u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
    let mut file = secrets.file.lock().unwrap_or_else(PoisonError::into_inner);
    if file.write_all(&head).and_then(|()| file.write_all(bytes)).is_err() {
        // A secret that the test does not know would not be looked for.
        std::process::abort();
    }
}
