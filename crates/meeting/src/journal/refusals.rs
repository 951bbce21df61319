//! Refused messages, counted by cause and author: a flood makes no more entries than a trickle.

use std::collections::BTreeMap;

use standfast_crypto::Fingerprint;

use super::{Cause, Event};
use crate::Now;

/// Refusals of one cause and author are written down at most this often, ms.
const EVERY_MS: u64 = 60_000;
/// Causes and authors told apart, at most: those of a team of 15, twice. Others count as nobody's.
const KEPT_MAX: usize = 64;

#[derive(Debug)]
struct Tally {
    cause: Cause,
    count: u64,
    /// When the first that is counted came.
    since_ms: u64,
    written_mono_ms: u64,
}

#[derive(Debug, Default)]
pub(super) struct Refusals(BTreeMap<(u8, Option<Fingerprint>), Tally>);

impl Refusals {
    /// Counts one. Gives what to write down, if it is time.
    pub(super) fn count(
        &mut self,
        cause: Cause,
        by: Option<Fingerprint>,
        now: Now,
    ) -> Option<Event> {
        let known = self.0.contains_key(&(cause as u8, by));
        let by = by.filter(|_| known || self.0.len() < KEPT_MAX);
        let first = !self.0.contains_key(&(cause as u8, by));
        let tally = self.0.entry((cause as u8, by)).or_insert(Tally {
            cause,
            count: 0,
            since_ms: now.wall_ms,
            written_mono_ms: now.mono_ms,
        });
        if tally.count == 0 {
            tally.since_ms = now.wall_ms;
        }
        tally.count = tally.count.saturating_add(1);
        let due = first || now.mono_ms >= tally.written_mono_ms.saturating_add(EVERY_MS);
        due.then(|| {
            tally.written_mono_ms = now.mono_ms;
            tally.event(by)
        })
    }

    /// Everything that is counted and not written down.
    pub(super) fn take_all(&mut self) -> Vec<Event> {
        let open = self.0.iter_mut().filter(|(_, tally)| tally.count > 0);
        open.map(|((_, by), tally)| tally.event(*by)).collect()
    }
}

impl Tally {
    fn event(&mut self, by: Option<Fingerprint>) -> Event {
        let count = std::mem::take(&mut self.count);
        Event::Refused { cause: self.cause, by: by.map(|fp| fp.0), count, since_ms: self.since_ms }
    }
}
