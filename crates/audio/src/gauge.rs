//! What a callback tells the other side of its ring, without a lock.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use crate::Fault;

/// Counters of one stream. All are statistics or flags, so relaxed ordering suffices.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    /// Callbacks in which the ring was too full or too empty, and glitches the system reported.
    glitches: AtomicU64,
    /// The most frames that one callback moved.
    largest_period: AtomicU32,
    fault: AtomicU8,
}

impl Gauge {
    pub(crate) fn note_period(&self, frames: usize) {
        let frames = u32::try_from(frames).unwrap_or(u32::MAX);
        self.largest_period.fetch_max(frames, Ordering::Relaxed);
    }

    pub(crate) fn note_glitch(&self) {
        self.glitches.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes an error that the sound library reports on its own thread.
    pub(crate) fn note_error(&self, kind: cpal::ErrorKind) {
        match Fault::of(kind) {
            Some(fault) => self.fault.store(fault as u8, Ordering::Relaxed),
            None if kind == cpal::ErrorKind::Xrun => self.note_glitch(),
            None => {}
        }
    }

    pub(crate) fn glitches(&self) -> u64 {
        self.glitches.load(Ordering::Relaxed)
    }

    pub(crate) fn largest_period(&self) -> usize {
        self.largest_period.load(Ordering::Relaxed) as usize
    }

    /// The same, which begins anew.
    pub(crate) fn take_largest_period(&self) -> usize {
        self.largest_period.swap(0, Ordering::Relaxed) as usize
    }

    pub(crate) fn fault(&self) -> Option<Fault> {
        Fault::from_code(self.fault.load(Ordering::Relaxed))
    }
}
