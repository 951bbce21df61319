//! What the session's generator sent lately: a join request must name one of these.

use std::collections::VecDeque;

use standfast_wire::control::Hash;

use crate::limits::SEEN_MS;

/// Hashes kept at once: one every 100 ms, more than an honest generator makes.
const RECENT_MAX: usize = 100;

/// Hashes of heartbeats, announces and head questions with the time that they were sent or came.
#[derive(Default)]
pub(crate) struct Recent(VecDeque<(Hash, u64)>);

impl Recent {
    pub(crate) fn note(&mut self, h: Hash, now_ms: u64) {
        self.0.retain(|(_, at)| now_ms <= at + SEEN_MS);
        if self.0.len() >= RECENT_MAX {
            self.0.pop_front();
        }
        self.0.push_back((h, now_ms));
    }

    /// Whether `h` is at most ten seconds old.
    pub(crate) fn has(&self, h: &Hash, now_ms: u64) -> bool {
        self.0.iter().any(|(known, at)| known == h && now_ms <= at + SEEN_MS)
    }
}
