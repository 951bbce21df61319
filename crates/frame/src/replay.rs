//! The replay window of one sender, stream and epoch.

/// How far behind the newest frame one may still arrive: 10 s at 50 frames a second, more than
/// any key is kept for.
pub const REPLAY_WINDOW: u32 = 512;

const WORD_BITS: u32 = u64::BITS;
const WORDS: usize = (REPLAY_WINDOW / WORD_BITS) as usize;

/// A counter seen against the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Fresh,
    Before,
    Behind,
}

/// One bit for each of the last 512 counters, in a ring. Moves only on authenticated frames.
pub(crate) struct ReplayWindow {
    newest: Option<u32>,
    ring: [u64; WORDS],
}

impl ReplayWindow {
    pub(crate) fn new() -> Self {
        Self { newest: None, ring: [0; WORDS] }
    }

    pub(crate) fn check(&self, ctr: u32) -> Seen {
        match self.newest {
            Some(newest) if ctr <= newest && newest - ctr >= REPLAY_WINDOW => Seen::Behind,
            Some(newest) if ctr <= newest && self.bit(ctr) => Seen::Before,
            _ => Seen::Fresh,
        }
    }

    /// Notes an authenticated frame that [`check`](Self::check) found fresh.
    pub(crate) fn record(&mut self, ctr: u32) {
        let newest = self.newest.unwrap_or(ctr);
        if ctr >= newest.saturating_add(REPLAY_WINDOW) {
            self.ring = [0; WORDS];
        } else {
            (newest + 1..ctr).for_each(|skipped| self.clear(skipped));
        }
        self.ring[word(ctr)] |= mask(ctr);
        self.newest = Some(newest.max(ctr));
    }

    fn bit(&self, ctr: u32) -> bool {
        self.ring[word(ctr)] & mask(ctr) != 0
    }

    fn clear(&mut self, ctr: u32) {
        self.ring[word(ctr)] &= !mask(ctr);
    }
}

fn word(ctr: u32) -> usize {
    (ctr % REPLAY_WINDOW / WORD_BITS) as usize
}

fn mask(ctr: u32) -> u64 {
    1 << (ctr % WORD_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn edges() {
        let mut window = ReplayWindow::new();
        assert_eq!(window.check(70_000), Seen::Fresh);
        window.record(70_000);
        assert_eq!(window.check(70_000), Seen::Before);
        assert_eq!(window.check(70_000 - 511), Seen::Fresh);
        assert_eq!(window.check(70_000 - 512), Seen::Behind);
        window.record(70_511);
        assert_eq!(window.check(70_000), Seen::Before);
        window.record(70_512);
        assert_eq!(window.check(70_000), Seen::Behind);
        assert_eq!(window.check(70_001), Seen::Fresh);
    }

    proptest! {
        /// Against the plain statement of the rule: a set of everything ever recorded.
        #[test]
        fn is_the_set_of_what_was_recorded(
            jumps in proptest::collection::vec((-600i64..600, 0u32..3), 1..300),
        ) {
            let mut window = ReplayWindow::new();
            let mut seen = BTreeSet::new();
            let mut at = 100_000i64;
            for (jump, scale) in jumps {
                at = (at + (jump >> (scale * 3))).max(65_536);
                let ctr = at as u32;
                let newest = seen.last().copied().unwrap_or(0);
                let expected = match () {
                    () if ctr + REPLAY_WINDOW <= newest => Seen::Behind,
                    () if seen.contains(&ctr) => Seen::Before,
                    () => Seen::Fresh,
                };
                prop_assert_eq!(window.check(ctr), expected);
                if expected == Seen::Fresh {
                    window.record(ctr);
                    seen.insert(ctr);
                }
            }
        }
    }
}
