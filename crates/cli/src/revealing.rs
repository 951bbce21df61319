//! The `standfast` command for the erasure test: writes every secret that is born into a file that
//! only the test reads, and stays after its end so that its memory can be searched.
//!
//! Nothing here is part of a product: it needs the feature `expose-secrets-to-tests`. The one thing
//! that the product does and this does not is to keep its memory from being read.

use std::fs::File;
use std::io::{self, BufRead as _, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::Context as _;

#[global_allocator]
static WIPING: standfast_harden::Wiping = standfast_harden::WIPING;

/// Names the file, which must exist.
const FILE: &str = "STANDFAST_REVEAL_TO";
/// Bytes of a label that are written: its end, where a file's name is.
const LABEL: usize = 64;

static SECRETS: OnceLock<Mutex<File>> = OnceLock::new();
static PANIC: AtomicBool = AtomicBool::new(false);

fn main() -> anyhow::Result<ExitCode> {
    standfast_harden::quiet_panics();
    let path = std::env::var_os(FILE).with_context(|| format!("${FILE} is not set"))?;
    let _ = SECRETS.set(Mutex::new(File::options().append(true).open(path)?));
    standfast_crypto::reveal::tell(write);
    let (over, wait) = channel();
    std::thread::spawn(move || obey(&over));
    let outcome = standfast_cli::run();
    println!("{{\"event\":\"over\",\"well\":{}}}", outcome.is_ok());
    io::stdout().flush()?;
    let _ = wait.recv();
    outcome
}

/// One record: label, length as u32 little-endian, bytes. Straight from where the secret lies to the
/// system, without a copy in this process.
#[expect(clippy::panic, reason = "what the test asked for")]
fn write(label: &str, bytes: &[u8]) {
    let on_call = std::thread::current().name() == Some("call");
    if on_call && PANIC.swap(false, Ordering::Relaxed) {
        panic!("asked for by the erasure test");
    }
    let Some(file) = SECRETS.get() else { return };
    let label = label.as_bytes();
    let label = &label[label.len().saturating_sub(LABEL)..];
    let mut head = [0; LABEL + 4];
    head[..label.len()].copy_from_slice(label);
    head[LABEL..].copy_from_slice(&u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    if file.write_all(&head).and_then(|()| file.write_all(bytes)).is_err() {
        // A secret that the test does not know would not be looked for.
        std::process::abort();
    }
}

/// `panic` makes the call's thread panic at its next secret; the end of input ends the process.
fn obey(over: &Sender<()>) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        PANIC.store(line == "panic", Ordering::Relaxed);
    }
    let _ = over.send(());
}
