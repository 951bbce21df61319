//! How long the network makes frames wait, and so how long playing must wait for them.

/// Width of one step of the histogram.
const BUCKET_US: i64 = 5_000;
/// Steps of the histogram: delays of 200 ms and more share the last.
const BUCKETS: usize = 41;
/// The share of frames that must arrive in time without concealment.
const QUANTILE: f32 = 0.95;
/// How much of the past each new frame leaves (NetEQ's figure): half is forgotten in 20 s.
const FORGETTING: f32 = 0.9993;
/// The fastest frame of this many windows is the zero of relative delay …
const WINDOWS: usize = 8;
/// … each this long: two seconds, after which a slower path or a drifted clock is the new normal.
const WINDOW_US: u64 = 250_000;

/// Added to the quantile, for the uneven steps in which a device asks for sound.
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
    histogram: [f32; BUCKETS],
    observed: u32,
    target_us: i64,
}

impl Default for DelayEstimate {
    fn default() -> Self {
        Self {
            windows: [None; WINDOWS],
            histogram: [0.0; BUCKETS],
            observed: 0,
            target_us: START_TARGET_US,
        }
    }
}

impl DelayEstimate {
    /// Notes a frame. `transit_us` is arrival minus media time; only differences have a meaning.
    pub(crate) fn observe(&mut self, now_us: u64, transit_us: i64) {
        self.note_fastest(now_us, transit_us);
        let relative = transit_us - self.fastest_us().unwrap_or(transit_us);
        let bucket = usize::try_from(relative / BUCKET_US).unwrap_or(0).min(BUCKETS - 1);
        self.observed = self.observed.saturating_add(1);
        // Plain averaging first, so that the first frames do not weigh for ever.
        let keep = FORGETTING.min(1.0 - 1.0 / self.observed as f32);
        for weight in &mut self.histogram {
            *weight *= keep;
        }
        self.histogram[bucket] += 1.0 - keep;
        self.target_us = self.aim();
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

    fn aim(&self) -> i64 {
        let mut sum = 0.0;
        let bucket = self
            .histogram
            .iter()
            .position(|weight| {
                sum += weight;
                sum >= QUANTILE
            })
            .unwrap_or(BUCKETS - 1);
        let measured = (bucket as i64 + 1) * BUCKET_US + MARGIN_US;
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
    fn the_target_covers_19_of_20_frames() {
        let target = estimate(2_000, |i| (i % 10) as i64 * 5_000).target_us();
        assert_eq!(target, 50_000 + MARGIN_US, "delays of 0 to 45 ms, the last bucket included");
        let target = estimate(2_000, |i| if i % 50 == 0 { 100_000 } else { 0 }).target_us();
        assert_eq!(target, TARGET_RANGE_US.0, "2 % late is within the 5 % left to concealment");
    }

    #[test]
    fn the_target_is_bounded() {
        assert_eq!(estimate(500, |i| (i % 2) as i64 * 3_000_000).target_us(), TARGET_RANGE_US.1);
    }

    #[test]
    fn a_lastingly_slower_path_becomes_the_new_zero() {
        let estimate = estimate(400, |i| if i < 100 { 0 } else { 80_000 });
        assert_eq!(estimate.fastest_us(), Some(1_080_000));
    }
}
