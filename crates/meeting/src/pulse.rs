//! A follower's watch over its generator: heartbeats against its own clock.

use crate::limits::{CUT_MS, FORGET_MS, STALE_MS};
use standfast_wire::control::{Hash, Heartbeat};

/// How much the generator's signs of life can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pulse {
    /// Fresh.
    Steady,
    /// Three missed, or 6 s behind.
    Stale,
    /// 15 s: nothing may be sent.
    Cut,
    /// 60 s: nothing may be kept.
    Gone,
}

/// Measures age against one's own monotonic clock: a relay that delays heartbeats falls behind.
pub(crate) struct Watch {
    last_ms: u64,
    /// The generator's age and our clock at the least delayed heartbeat since we asked to join.
    base: Option<(u64, u64)>,
    lag_ms: u64,
    /// Lag of the terms before.
    carried_ms: u64,
    last_age_ms: u64,
    last_h: Option<Hash>,
}

impl Watch {
    /// Starts when this device met the session: that itself is a sign of life.
    pub(crate) fn new(now_ms: u64) -> Self {
        Self { last_ms: now_ms, base: None, lag_ms: 0, carried_ms: 0, last_age_ms: 0, last_h: None }
    }

    /// A valid heartbeat. An older one than before is ignored. The lag counts from the least delayed
    /// one so far: a first one that was held back would hide as much lag as it had itself.
    /// Says whether it counted.
    pub(crate) fn beat(&mut self, heartbeat: &Heartbeat, h: Hash, now_ms: u64) -> bool {
        if self.last_h.is_some() && heartbeat.age_ms <= self.last_age_ms {
            return false;
        }
        let (age0, mine0) = *self.base.get_or_insert((heartbeat.age_ms, now_ms));
        let (theirs, mine) = (heartbeat.age_ms.saturating_sub(age0), now_ms.saturating_sub(mine0));
        if theirs > mine {
            self.base = Some((heartbeat.age_ms, now_ms));
            self.carried_ms = self.carried_ms.saturating_sub(theirs - mine);
        }
        self.lag_ms = self.carried_ms + mine.saturating_sub(theirs);
        self.last_age_ms = heartbeat.age_ms;
        self.last_ms = now_ms;
        self.last_h = Some(h);
        true
    }

    /// Another generator, or a new term: its age begins anew. The announce is a sign of life, and
    /// lag from before carries over.
    pub(crate) fn new_term(&mut self, now_ms: u64) {
        (self.base, self.last_age_ms, self.last_h) = (None, 0, None);
        (self.carried_ms, self.last_ms) = (self.lag_ms, now_ms);
    }

    /// A new join: whoever names it lives now, so lag counts from here.
    pub(crate) fn restart(&mut self) {
        (self.base, self.lag_ms, self.carried_ms) = (None, 0, 0);
    }

    /// How long nothing was heard, ms.
    pub(crate) fn silence_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.last_ms)
    }

    pub(crate) fn pulse(&self, now_ms: u64) -> Pulse {
        let silence = now_ms.saturating_sub(self.last_ms);
        match silence.max(self.lag_ms) {
            FORGET_MS.. => Pulse::Gone,
            CUT_MS.. => Pulse::Cut,
            STALE_MS.. => Pulse::Stale,
            _ => Pulse::Steady,
        }
    }

    /// The generator's age by the newest heartbeat.
    pub(crate) fn heard_age_ms(&self) -> Option<u64> {
        self.last_h.map(|_| self.last_age_ms)
    }

    /// The newest heartbeat and when it came.
    pub(crate) fn last(&self) -> Option<(Hash, u64)> {
        self.last_h.map(|h| (h, self.last_ms))
    }

    pub(crate) fn last_ms(&self) -> u64 {
        self.last_ms
    }

    /// The generator's age by now, if it lives.
    pub(crate) fn age_ms(&self, now_ms: u64) -> u64 {
        self.last_age_ms.saturating_add(now_ms.saturating_sub(self.last_ms))
    }

    /// The next moment at which the pulse may change by silence alone.
    pub(crate) fn timeout_ms(&self, now_ms: u64) -> u64 {
        [STALE_MS, CUT_MS, FORGET_MS]
            .map(|d| self.last_ms + d)
            .into_iter()
            .find(|at| *at > now_ms)
            .unwrap_or(now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(age_ms: u64) -> Heartbeat {
        Heartbeat {
            term: 1,
            epoch: 1,
            h_e: [0; 32],
            age_ms,
            acked: Default::default(),
            arrived_h: [0; 32],
            prev_hb: [0; 32],
        }
    }

    #[test]
    fn silence_goes_through_all_stages() {
        let mut watch = Watch::new(0);
        watch.beat(&beat(2_000), [1; 32], 1_000);
        for (at, pulse) in [
            (6_999, Pulse::Steady),
            (7_000, Pulse::Stale),
            (16_000, Pulse::Cut),
            (61_000, Pulse::Gone),
        ] {
            assert_eq!(watch.pulse(at), pulse, "at {at}");
        }
    }

    #[test]
    fn a_relay_that_stretches_time_is_noticed() {
        let mut watch = Watch::new(0);
        // Every heartbeat arrives, each a little later: 2 s of life per 3 s of ours.
        for i in 0..10 {
            watch.beat(&beat(2_000 * i), [1; 32], 3_000 * i);
        }
        assert_eq!(watch.pulse(27_000), Pulse::Stale);
    }

    #[test]
    fn a_first_heartbeat_that_was_held_back_hides_no_lag() {
        let mut watch = Watch::new(0);
        watch.beat(&beat(2_000), [1; 32], 0);
        watch.beat(&beat(62_000), [1; 32], 100);
        // A minute of life within a tenth of a second: the clock starts here.
        watch.beat(&beat(64_000), [1; 32], 12_100);
        assert_eq!(watch.pulse(12_100), Pulse::Stale);
    }

    #[test]
    fn a_replayed_heartbeat_is_no_sign_of_life() {
        let mut watch = Watch::new(0);
        watch.beat(&beat(2_000), [1; 32], 0);
        watch.beat(&beat(4_000), [1; 32], 2_000);
        watch.beat(&beat(4_000), [1; 32], 9_000);
        assert_eq!(watch.pulse(9_000), Pulse::Stale);
    }
}
