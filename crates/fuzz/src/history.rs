//! The inputs that one meeting lived through, so that a finding can be shown again.
//!
//! libFuzzer writes the input at which it stopped. Where a meeting lives through many, that is not
//! enough: when a panic comes, all of them are written one after the other to `history-<target>`
//! in the folder that `STANDFAST_FUZZ_HISTORY` names. As an input starts where the one before it
//! ended, the file is an input of its own, and the whole finding.

use std::cell::RefCell;
use std::sync::Once;

const FOLDER: &str = "STANDFAST_FUZZ_HISTORY";

thread_local! {
    static INPUTS: RefCell<(&'static str, Vec<u8>, Vec<u8>)> =
        const { RefCell::new(("", Vec::new(), Vec::new())) };
}

/// The inputs of the meeting that lives on this thread.
pub(crate) struct History;

impl History {
    /// Of a new meeting.
    pub(crate) fn new(target: &'static str) -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(write_when_panicking);
        INPUTS.set((target, Vec::new(), Vec::new()));
        Self
    }

    /// An input comes.
    pub(crate) fn begin(&mut self, bytes: &[u8]) {
        INPUTS.with_borrow_mut(|(_, _, now)| *now = bytes.to_vec());
    }

    /// It is over: `read` is what was made of it.
    pub(crate) fn end(&mut self, read: Vec<u8>) {
        INPUTS.with_borrow_mut(|(_, before, now)| {
            before.extend(read);
            now.clear();
        });
    }
}

fn write_when_panicking() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let next = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        INPUTS.with_borrow(|(target, before, now)| {
            let path = std::path::Path::new(&folder).join(format!("history-{target}"));
            let _ = std::fs::write(path, [&before[..], now].concat());
        });
        next(info);
    }));
}
