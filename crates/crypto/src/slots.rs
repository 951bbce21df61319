//! Where secrets lie: in memory that the program gave for them, or else on the heap.
//!
//! The operating system locks whole pages, and few of them: 8 MiB for a user on most Linux systems,
//! far less than a process with its thread stacks. So secrets share pages of their own. A slot is
//! handed out and taken back as an exclusive reference; no two secrets ever share one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use zeroize::Zeroize;

/// Bytes of a slot: the longest secret, four agreed keys side by side.
pub const SLOT: usize = 128;

/// Room for one secret.
pub type Slot = [u8; SLOT];

static FREE: Mutex<Vec<&'static mut Slot>> = Mutex::new(Vec::new());

/// Gives memory in which secrets are kept from here on, as long as there is room; the heap holds the
/// rest. For a program that locked it in RAM.
pub fn keep_in(slots: &'static mut [Slot]) {
    free().extend(slots);
}

/// The home of one secret of `N` bytes. Dropping it wipes it.
pub(crate) enum Home<const N: usize> {
    /// A slot; given back, and `None`, only in `drop`.
    Slot(Option<&'static mut Slot>),
    Heap(Box<[u8; N]>),
}

impl<const N: usize> Home<N> {
    /// Zeros.
    pub(crate) fn new() -> Self {
        let slot = if N <= SLOT { free().pop() } else { None };
        slot.map_or_else(|| Self::Heap(Box::new([0; N])), |slot| Self::Slot(Some(slot)))
    }

    pub(crate) fn bytes(&self) -> &[u8; N] {
        let chunk = match self {
            Self::Heap(bytes) => return bytes,
            Self::Slot(slot) => slot.as_ref().and_then(|slot| slot.first_chunk()),
        };
        chunk.unwrap_or_else(|| unreachable!("a slot is there until drop, and N fits into it"))
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8; N] {
        let chunk = match self {
            Self::Heap(bytes) => return bytes,
            Self::Slot(slot) => slot.as_mut().and_then(|slot| slot.first_chunk_mut()),
        };
        chunk.unwrap_or_else(|| unreachable!("a slot is there until drop, and N fits into it"))
    }
}

impl<const N: usize> Drop for Home<N> {
    fn drop(&mut self) {
        match self {
            Self::Heap(bytes) => bytes.zeroize(),
            Self::Slot(slot) => {
                if let Some(slot) = slot.take() {
                    slot.zeroize();
                    free().push(slot);
                }
            }
        }
    }
}

fn free() -> MutexGuard<'static, Vec<&'static mut Slot>> {
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    // One test, for the slots are the process's: other tests' secrets come and go meanwhile.
    #[test]
    fn a_slot_comes_back_wiped_and_no_two_secrets_share_one() {
        const SLOTS: usize = 64;
        let memory: &'static mut [Slot] = Vec::leak(vec![[0; SLOT]; SLOTS]);
        let range = memory.as_ptr_range();
        let inside = |secret: &Secret<32>| {
            let at = secret.expose().as_ptr().cast::<Slot>();
            (range.start <= at && at < range.end).then_some(at)
        };
        keep_in(memory);
        let born = |n: usize| Secret::<32>::from_fn(|out| out.fill(n as u8 + 1));
        // More than there is room for: the rest lies on the heap and works alike.
        let secrets: Vec<_> = (0..2 * SLOTS).map(born).collect();
        let mut places: Vec<_> = secrets.iter().filter_map(inside).collect();
        let taken = places.len();
        assert!(taken > SLOTS / 2, "{taken}");
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), taken);
        for (n, secret) in secrets.iter().enumerate() {
            assert!(secret.ct_eq(&[n as u8 + 1; 32]));
        }
        drop(secrets);
        let free = free();
        assert!(free.len() > SLOTS / 2 && free.iter().all(|slot| **slot == [0; SLOT]));
        drop(free);
        // The longest that a slot holds, and one that none holds.
        let (long, longer) = (Secret::<SLOT>::from_fn(|_| {}), Secret::<150>::from_fn(|_| {}));
        assert_eq!((long.expose().len(), longer.expose().len()), (SLOT, 150));
    }
}
