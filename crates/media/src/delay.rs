//! How long the network makes frames wait, and so how long playing must wait for them.

/// Width of one step of the histogram.
const BUCKET_US: i64 = 5_000;
/// Steps of the histogram: delays of 200 ms and more share the last.
const BUCKETS: usize = 41;
/// What one frame in a hundred that comes too late is worth: so much longer a delay. Concealing is
/// heard sooner than delay: in the E-model (ITU-T G.107) a percent of loss costs as much as 100 ms
/// and more, below 150 ms from mouth to ear.
const US_PER_LATE_PERCENT: f32 = 40_000.0;
/// How much of the past each new frame leaves: half is forgotten in 9 s.
const FORGETTING: f32 = 0.9985;
/// The fastest frame of this many windows is the zero of relative delay …
const WINDOWS: usize = 8;
/// … each this long: two seconds, after which a slower path or a drifted clock is the new normal.
const WINDOW_US: u64 = 250_000;

/// Added to that, for the uneven steps in which a device asks for sound.
const MARGIN_US: i64 = 5_000;
/// The least and the most that playing waits beyond the fastest frame.
const TARGET_RANGE_US: (i64, i64) = (10_000, 200_000);
/// Assumed until enough frames were seen.
const START_TARGET_US: i64 = 20_000;
/// Frames after which the histogram is believed: one second.
const ENOUGH_FRAMES: u32 = 50;

/// Statistics of one sender's path: the fastest transit, and the target delay beyond it.
#[derive(Debug)]
pub(crate) struct DelayEstimate {
    windows: [Option<(u64, i64)>; WINDOWS],
    /// Shares of frames by transit beyond `origin_us`.
    histogram: [f32; BUCKETS],
    /// The transit where the histogram begins: the fastest, to within a bucket.
    origin_us: i64,
    observed: u32,
    target_us: i64,
}

impl Default for DelayEstimate {
    fn default() -> Self {
        Self {
            windows: [None; WINDOWS],
            histogram: [0.0; BUCKETS],
            origin_us: 0,
            observed: 0,
            target_us: START_TARGET_US,
        }
    }
}

impl DelayEstimate {
    /// Notes a frame. `transit_us` is arrival minus media time; only differences have a meaning.
    pub(crate) fn observe(&mut self, now_us: u64, transit_us: i64) {
        self.note_fastest(now_us, transit_us);
        self.follow_fastest();
        self.count(transit_us);
        self.target_us = self.aim();
    }

    /// Notes a packet that was lost and came as a copy: as late as that.
    pub(crate) fn observe_repair(&mut self, transit_us: i64) {
        self.count(transit_us);
        self.target_us = self.aim();
    }

    fn count(&mut self, transit_us: i64) {
        let bucket = usize::try_from((transit_us - self.origin_us) / BUCKET_US).unwrap_or(0);
        self.observed = self.observed.saturating_add(1);
        // Plain averaging first, so that the first frames do not weigh for ever.
        let keep = FORGETTING.min(1.0 - 1.0 / self.observed as f32);
        for weight in &mut self.histogram {
            *weight *= keep;
        }
        self.histogram[bucket.min(BUCKETS - 1)] += 1.0 - keep;
    }

    /// Moves the histogram with the fastest transit, so that a path or clock that stepped to
    /// another delay does not count as jitter for long.
    fn follow_fastest(&mut self) {
        let Some(fastest) = self.fastest_us() else {
            return;
        };
        if self.observed == 0 {
            self.origin_us = fastest;
        }
        let steps = (fastest - self.origin_us).div_euclid(BUCKET_US);
        self.origin_us += steps * BUCKET_US;
        if steps <= 0 {
            // A faster path: what was seen on the slower one keeps its distance to the fastest.
            return;
        }
        let old = std::mem::replace(&mut self.histogram, [0.0; BUCKETS]);
        for (bucket, weight) in old.into_iter().enumerate() {
            let moved = bucket.saturating_sub(usize::try_from(steps).unwrap_or(BUCKETS));
            self.histogram[moved] += weight;
        }
    }

    fn note_fastest(&mut self, now_us: u64, transit_us: i64) {
        let number = now_us / WINDOW_US;
        let slot = &mut self.windows[(number % WINDOWS as u64) as usize];
        *slot = match *slot {
            Some((n, fastest)) if n == number => Some((n, fastest.min(transit_us))),
            _ => Some((number, transit_us)),
        };
        for slot in &mut self.windows {
            if slot.is_some_and(|(n, _)| n + (WINDOWS as u64) <= number) {
                *slot = None;
            }
        }
    }

    /// The delay at which waiting longer costs more than the frames that it would save.
    fn aim(&self) -> i64 {
        let mut late = 1.0;
        let mut best = (f32::INFINITY, BUCKETS - 1);
        for (bucket, weight) in self.histogram.iter().enumerate() {
            late -= weight;
            let cost = bucket as f32 * BUCKET_US as f32 + late * 100.0 * US_PER_LATE_PERCENT;
            if cost < best.0 {
                best = (cost, bucket);
            }
        }
        let end_us = self.origin_us + (best.1 as i64 + 1) * BUCKET_US;
        let measured = end_us - self.fastest_us().unwrap_or(self.origin_us) + MARGIN_US;
        let floor = if self.observed < ENOUGH_FRAMES { START_TARGET_US } else { TARGET_RANGE_US.0 };
        measured.clamp(floor, TARGET_RANGE_US.1)
    }

    /// The fastest transit of the last two seconds.
    pub(crate) fn fastest_us(&self) -> Option<i64> {
        self.windows.iter().flatten().map(|(_, fastest)| *fastest).min()
    }

    /// How long after the fastest transit a frame should be played.
    pub(crate) fn target_us(&self) -> i64 {
        self.target_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(frames: u64, late_us: impl Fn(u64) -> i64) -> DelayEstimate {
        let mut estimate = DelayEstimate::default();
        for i in 0..frames {
            estimate.observe(i * 20_000, 1_000_000 + late_us(i));
        }
        estimate
    }

    #[test]
    fn an_even_path_reaches_the_least_target() {
        assert_eq!(estimate(10, |_| 0).target_us(), START_TARGET_US);
        assert_eq!(estimate(200, |_| 0).target_us(), TARGET_RANGE_US.0);
    }

    #[test]
    fn so_many_late_frames_as_cost_more_than_the_delay_are_waited_for() {
        let target = estimate(2_000, |i| (i % 10) as i64 * 5_000).target_us();
        assert_eq!(target, 50_000 + MARGIN_US, "delays of 0 to 45 ms, the last bucket included");
        let late = |every| estimate(2_000, |i| if i % every == 0 { 100_000 } else { 0 });
        assert_eq!(late(50).target_us(), TARGET_RANGE_US.0, "2 % are not worth 100 ms");
        assert_eq!(late(30).target_us(), 105_000 + MARGIN_US, "more than 3 % are");
    }

    #[test]
    fn one_repair_in_a_hundred_is_waited_for() {
        let mut estimate = estimate(500, |_| 0);
        for i in 500..1_500_u64 {
            estimate.observe(i * 20_000, 1_000_000);
            if i % 300 == 0 {
                estimate.observe_repair(1_020_000);
            }
        }
        assert_eq!(estimate.target_us(), TARGET_RANGE_US.0, "one in three hundred is not");
        for i in 1_500..2_500_u64 {
            estimate.observe(i * 20_000, 1_000_000);
            if i % 100 == 0 {
                estimate.observe_repair(1_020_000);
            }
        }
        assert_eq!(estimate.target_us(), 25_000 + MARGIN_US);
    }

    #[test]
    fn the_target_is_bounded() {
        assert_eq!(estimate(500, |i| (i % 2) as i64 * 3_000_000).target_us(), TARGET_RANGE_US.1);
    }

    #[test]
    fn a_lastingly_slower_path_becomes_the_new_zero() {
        for step_us in [80_000, 240_000, -80_000] {
            let estimate = estimate(600, |i| if i < 300 { 0 } else { step_us });
            assert_eq!(estimate.fastest_us(), Some(1_000_000 + step_us));
            assert_eq!(estimate.target_us(), TARGET_RANGE_US.0, "after {step_us}");
        }
    }

    #[test]
    fn a_drifting_clock_is_not_jitter() {
        let estimate = estimate(5_000, |i| i as i64 * 4);
        assert!(estimate.target_us() <= TARGET_RANGE_US.0 + BUCKET_US, "200 ppm");
    }
}
