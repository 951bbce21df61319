//! What a program does for the secrets in its memory, before it holds any.
//!
//! Every binary of ours names [`WIPING`] as its allocator and calls [`quiet_panics`] and [`process`]
//! first. This crate knows nothing of what it protects.
//!
//! What it does not do: it erases nothing that still lives (the types of `standfast-crypto` do), and
//! keeps nothing out of swap (`standfast-client` locks the memory of keys).

use std::alloc::System;
use std::panic::PanicHookInfo;

use zeroizing_alloc::ZeroAlloc;

/// The system's allocator, wiping whatever is freed.
///
/// A vector that grew, a message of a library, a block of a queue: all leave their bytes behind when
/// they are freed, and no type of ours sees it. The cost is one `memset` for each free, and that
/// nothing grows in place any more.
pub type Wiping = ZeroAlloc<System>;

/// For `#[global_allocator]`.
pub const WIPING: Wiping = ZeroAlloc(System);

/// The system refused to protect this process.
#[derive(Debug, thiserror::Error)]
#[error("the system does not let this process be kept from being read")]
pub struct Unprotected;

/// Switches off core dumps, and reading by other processes of the same user.
///
/// On Linux: `RLIMIT_CORE` 0 and `PR_SET_DUMPABLE` 0, after which only root reads `/proc/PID/mem`.
/// Development builds stay readable, so that a debugger works on them.
///
/// # Errors
/// [`Unprotected`]. A program that holds keys must not go on then.
pub fn process() -> Result<(), Unprotected> {
    if cfg!(debug_assertions) {
        return Ok(());
    }
    // No tracer detection: it fails in containers that trace for good reasons and stops nobody
    // who is already inside.
    let mut config = secmem_proc::Config::DEFAULT;
    config.set_anti_tracing(false);
    config.harden_process().map_err(|_| Unprotected)
}

/// A panic says where, never what: its message may hold what a peer sent, or a secret.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| eprintln!("{}", words(panic))));
}

fn words(panic: &PanicHookInfo<'_>) -> String {
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("without a name");
    match panic.location() {
        Some(place) => format!("internal error at {place}, thread {thread}"),
        None => format!("internal error, thread {thread}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    #[test]
    fn a_panic_says_where_and_never_what() {
        static SAID: Mutex<String> = Mutex::new(String::new());
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(|panic| *SAID.lock().unwrap() = super::words(panic)));
        let outcome = std::panic::catch_unwind(|| panic!("{}", "what a peer sent"));
        std::panic::set_hook(before);
        assert!(outcome.is_err());
        let said = SAID.lock().unwrap();
        assert!(said.contains("lib.rs") && !said.contains("peer sent"), "{said}");
    }
}
