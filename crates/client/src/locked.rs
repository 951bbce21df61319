//! Memory for keys that stays in RAM, so that none is written to swap.
//!
//! Only pages that hold keys are locked. To lock everything (`mlockall`) would take the right to
//! lock as much as the process reserves, thread stacks included: some hundred MiB, where a user may
//! lock 8 on most Linux systems, and with `MCL_FUTURE` the next allocation beyond would fail.

use std::sync::OnceLock;

use standfast_crypto::{SLOT, Slot};

/// Slots at best: 512 KiB, the keys of two epochs of a meeting of 500.
const SLOTS_MAX: usize = 4_096;
/// Slots at least; where not even these 32 KiB may be locked, nothing is.
const SLOTS_MIN: usize = 256;

/// Has keys kept in locked memory from here on, and gives how many bytes the system locked: 0 where
/// it allows none. Only the first call in a process does anything.
///
/// Keys of type [`Secret`](standfast_crypto::Secret) lie there. Round keys of ciphers, and sound, lie
/// on the heap, which may be swapped.
pub fn keep_keys() -> usize {
    static LOCKED: OnceLock<usize> = OnceLock::new();
    *LOCKED.get_or_init(|| {
        let mut slots = SLOTS_MAX;
        while slots >= SLOTS_MIN {
            if let Some(memory) = lock(slots) {
                standfast_crypto::keep_in(memory);
                return slots * SLOT;
            }
            slots /= 2;
        }
        tracing::warn!("the system locks no memory: keys may be written to swap");
        0
    })
}

fn lock(slots: usize) -> Option<&'static mut [Slot]> {
    let memory = vec![[0; SLOT]; slots];
    let guard = region::lock(memory.as_ptr(), slots * SLOT).ok()?;
    // For as long as the process lives.
    std::mem::forget(guard);
    Some(Vec::leak(memory))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_to_be_locked_is_locked() {
        let locked = keep_keys();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmLck:")).unwrap();
        let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(locked > 0 && kib * 1_024 >= locked, "{locked} bytes, {line}");
        assert_eq!(keep_keys(), locked);
    }
}
