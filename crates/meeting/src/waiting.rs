//! How long packets wait on their way, beyond what the way itself takes: a queue that stands.

/// Samples in a millisecond of the media clock.
const SAMPLES_PER_MS: i64 = 48;
/// The fastest packet of so long stands for the way now …
const NOW_MS: u64 = 500;
/// … and that of one to two such times for the way without a queue.
const BASE_MS: u64 = 30_000;
/// The media clock does not jump so far, ms, unless it is another one.
const JUMP_MS: i64 = 2_000;

/// The fastest transit of one stretch of time; only differences have a meaning.
#[derive(Clone, Copy)]
struct Fastest {
    since_ms: u64,
    transit: i64,
}

/// Of one sender's packets. Jitter and packets that were sent again pass by: only when even the
/// fastest is late, something waits.
#[derive(Default)]
pub(crate) struct Waiting {
    /// When the last packet came, its media clock, and its transit in samples.
    last: Option<(u64, u32, i64)>,
    now: Option<Fastest>,
    base: Option<Fastest>,
    /// The base before this one.
    before: Option<i64>,
    wait_ms: u64,
}

impl Waiting {
    pub(crate) fn came(&mut self, now_ms: u64, media_ts: u32) {
        let transit = self.transit(now_ms, media_ts);
        self.last = Some((now_ms, media_ts, transit));
        let now = self.now.get_or_insert(Fastest { since_ms: now_ms, transit });
        now.transit = now.transit.min(transit);
        if now_ms >= now.since_ms + NOW_MS {
            let fastest = now.transit;
            self.now = None;
            self.judge(now_ms, fastest);
        }
    }

    /// How long even the fastest packet waited lately, ms.
    pub(crate) fn wait_ms(&self) -> u64 {
        self.wait_ms
    }

    fn transit(&mut self, now_ms: u64, media_ts: u32) -> i64 {
        let Some((at_ms, ts, transit)) = self.last else { return 0 };
        let passed = now_ms.wrapping_sub(at_ms) as i64;
        let spoken = i64::from(media_ts.wrapping_sub(ts) as i32);
        let later = passed.saturating_mul(SAMPLES_PER_MS).saturating_sub(spoken);
        if later.abs() > JUMP_MS * SAMPLES_PER_MS {
            *self = Self::default();
            return 0;
        }
        transit + later
    }

    fn judge(&mut self, now_ms: u64, transit: i64) {
        let base = self.base.get_or_insert(Fastest { since_ms: now_ms, transit });
        base.transit = base.transit.min(transit);
        let least = self.before.map_or(base.transit, |before| before.min(base.transit));
        self.wait_ms = u64::try_from((transit - least) / SAMPLES_PER_MS).unwrap_or(0);
        if now_ms >= base.since_ms + BASE_MS {
            self.before = Some(base.transit);
            self.base = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is seen of packets of 20 ms that take what `way_ms` says, of those that come.
    fn after(packets: u32, way_ms: impl Fn(u32) -> Option<u64>) -> u64 {
        let mut waiting = Waiting::default();
        for n in 0..packets {
            if let Some(way) = way_ms(n) {
                waiting.came(u64::from(n) * 20 + way, (n * 960).wrapping_sub(15_000));
            }
        }
        waiting.wait_ms()
    }

    #[test]
    fn a_queue_is_seen_and_its_end_too() {
        assert_eq!(after(500, |_| Some(40)), 0);
        let queue = |n| Some(if (100..400).contains(&n) { 200 } else { 40 });
        assert_eq!(after(399, queue), 160);
        assert_eq!(after(460, queue), 0);
    }

    #[test]
    fn jitter_loss_and_what_is_sent_again_are_no_queue() {
        let jitter = after(500, |n| Some(40 + u64::from(n * 7 % 11) * 8));
        assert!(jitter <= 8, "{jitter}");
        assert_eq!(after(500, |n| (n % 3 > 0).then_some(40)), 0);
        let again =
            after(500, |n| Some(if n % 25 < 12 { 140 - u64::from(n % 25) * 8 } else { 40 }));
        assert_eq!(again, 0);
    }

    #[test]
    fn a_lastingly_longer_way_is_no_queue_after_a_while() {
        let longer = |n| Some(if n < 100 { 40 } else { 140 });
        assert_eq!(after(1_000, longer), 100);
        assert_eq!(after(3_300, longer), 0, "after a minute");
    }

    #[test]
    fn another_media_clock_begins_anew() {
        let mut waiting = Waiting::default();
        (0..200_u32).for_each(|n| waiting.came(u64::from(n) * 20, n * 960));
        (200..400_u32).for_each(|n| waiting.came(u64::from(n) * 20, n * 960 + 3_000_000_000));
        assert_eq!(waiting.wait_ms(), 0);
    }
}
