//! How long the network makes frames wait, and so how long playing must wait for them.
//!
//! Counted are packets' times that are made up where playing waits less. In order, a frame costs as
//! much as it is later than those just before it, for then playing runs late by itself: a queue that
//! builds up, stands and goes costs its height once, however many frames are in it, and jitter costs
//! its height each time that it comes. What the last frames needed is followed beside that.

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
/// When even the fastest frame of so many windows, up to half a second, …
const WINDOWS_NOW: u64 = 2;
/// … is so late, a queue stands: jitter, and what waits behind a lost packet, let one through.
const QUEUE_US: i64 = 40_000;
/// What slow frames needed fades by 1 ms in so many once they come faster: that is as fast as silence
/// can be shortened, and what comes again after a second counts in full.
const FADING: u64 = 4;
/// What it is worth not to change the delay, which stretches speech: 20 ms of delay for 5 s. So a
/// target that is hardly better is taken late or never, and one that is much better soon.
const CHANGE_US_S: f32 = 100_000.0;

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
    /// Packets' times made up for each frame, by the delay beyond `origin_us` that would spare them.
    histogram: [f32; BUCKETS],
    /// The transit where the histogram begins: the fastest, to within a bucket.
    origin_us: i64,
    observed: u32,
    crest: Option<Crest>,
    choice: Choice,
}

/// The slowest transit of late, which fades.
#[derive(Debug, Clone, Copy)]
struct Crest {
    transit_us: i64,
    at_us: u64,
    /// The media time of the newest frame.
    newest_us: i64,
}

/// The bucket to whose end playing waits.
#[derive(Debug, Default)]
struct Choice {
    bucket: usize,
    /// The largest that was wanted since all are smaller, …
    enough: usize,
    /// … and what they would have saved since, µs of delay for one second.
    saved_us_s: f32,
}

impl Default for DelayEstimate {
    fn default() -> Self {
        Self {
            windows: [None; WINDOWS],
            histogram: [0.0; BUCKETS],
            origin_us: 0,
            observed: 0,
            crest: None,
            choice: Choice::default(),
        }
    }
}

impl Choice {
    fn of(bucket: usize) -> Self {
        Self { bucket, ..Self::default() }
    }

    /// Goes up at once, and down when that would have paid: to what would have been enough all the
    /// time.
    fn weigh(&mut self, best: usize, saves_us_s: f32) {
        if best >= self.bucket {
            *self = Self::of(best);
            return;
        }
        self.enough = self.enough.max(best);
        self.saved_us_s += saves_us_s;
        if self.saved_us_s >= CHANGE_US_S {
            *self = Self::of(self.enough);
        }
    }
}

impl DelayEstimate {
    /// Notes a frame of `frame_us`. `transit_us` is arrival minus media time; only differences have
    /// a meaning.
    pub(crate) fn observe(&mut self, now_us: u64, transit_us: i64, frame_us: i64) {
        self.note_fastest(now_us, transit_us);
        self.follow_fastest();
        self.observed = self.observed.saturating_add(1);
        let keep = self.keep();
        for weight in &mut self.histogram {
            *weight *= keep;
        }
        self.count(now_us, transit_us, frame_us);
        self.choose(frame_us);
    }

    /// Notes a packet that was lost and came as a copy: as late as that, but for the queue behind
    /// which it waited.
    pub(crate) fn observe_repair(&mut self, transit_us: i64) {
        let queue_us = self.fastest_now_us().unwrap_or(self.origin_us) - self.origin_us;
        self.count_one(if queue_us < QUEUE_US { transit_us } else { transit_us - queue_us });
    }

    /// How much of the past is left. Plain averaging first, so that the first frames do not weigh
    /// for ever.
    fn keep(&self) -> f32 {
        FORGETTING.min(1.0 - 1.0 / self.observed.max(1) as f32)
    }

    fn count(&mut self, now_us: u64, transit_us: i64, frame_us: i64) {
        let newest_us = now_us as i64 - transit_us;
        let last = self.crest.unwrap_or(Crest { transit_us, at_us: now_us, newest_us });
        if newest_us < last.newest_us {
            // Those behind it were played meanwhile: nothing waited for it.
            return self.count_one(transit_us);
        }
        let each = (1.0 - self.keep()) * BUCKET_US as f32 / frame_us as f32;
        for bucket in self.bucket(last.transit_us)..self.bucket(transit_us) {
            self.histogram[bucket + 1] += each;
        }
        let faded_us = (now_us.saturating_sub(last.at_us) / FADING) as i64;
        let transit_us = transit_us.max(last.transit_us - faded_us);
        self.crest = Some(Crest { transit_us, at_us: now_us, newest_us });
    }

    fn count_one(&mut self, transit_us: i64) {
        self.histogram[self.bucket(transit_us)] += 1.0 - self.keep();
    }

    fn bucket(&self, transit_us: i64) -> usize {
        let bucket = usize::try_from((transit_us - self.origin_us) / BUCKET_US);
        bucket.unwrap_or(0).min(BUCKETS - 1)
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

    /// Takes the delay at which waiting longer costs more than the frames that it would save.
    fn choose(&mut self, frame_us: i64) {
        let costs = self.costs_us();
        let best = (0..BUCKETS).fold(0, |best, b| if costs[b] < costs[best] { b } else { best });
        if self.observed < ENOUGH_FRAMES {
            self.choice = Choice::of(best);
        }
        let saves_us = costs[self.choice.bucket] - costs[best];
        self.choice.weigh(best, saves_us * frame_us as f32 / 1e6);
    }

    /// What waiting to the end of each bucket costs.
    fn costs_us(&self) -> [f32; BUCKETS] {
        let mut late: f32 = self.histogram.iter().sum();
        std::array::from_fn(|bucket| {
            late -= self.histogram[bucket];
            bucket as f32 * BUCKET_US as f32 + late * 100.0 * US_PER_LATE_PERCENT
        })
    }

    /// The fastest transit of the last two seconds.
    pub(crate) fn fastest_us(&self) -> Option<i64> {
        self.windows.iter().flatten().map(|(_, fastest)| *fastest).min()
    }

    /// The fastest of the last windows in which anything came.
    fn fastest_now_us(&self) -> Option<i64> {
        let windows = self.windows.iter().flatten();
        let newest = windows.clone().map(|(number, _)| *number).max()?;
        let now = windows.filter(|(number, _)| number + WINDOWS_NOW > newest);
        now.map(|(_, fastest)| *fastest).min()
    }

    /// How long after the fastest transit a frame should be played.
    pub(crate) fn target_us(&self) -> i64 {
        let end_us = self.origin_us + (self.choice.bucket as i64 + 1) * BUCKET_US;
        let measured = end_us - self.fastest_us().unwrap_or(self.origin_us) + MARGIN_US;
        let floor = if self.observed < ENOUGH_FRAMES { START_TARGET_US } else { TARGET_RANGE_US.0 };
        measured.clamp(floor, TARGET_RANGE_US.1)
    }

    /// How long after the fastest transit the last frames had to be played: while a queue stands,
    /// as long as it is, though it is not worth waiting for again.
    pub(crate) fn needed_us(&self) -> i64 {
        let (Some(crest), Some(fastest_us)) = (self.crest, self.fastest_us()) else { return 0 };
        crest.transit_us - fastest_us + MARGIN_US
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME_US: i64 = 20_000;

    fn estimate(frames: u64, late_us: impl Fn(u64) -> i64) -> DelayEstimate {
        let mut estimate = DelayEstimate::default();
        for i in 0..frames {
            estimate.observe(i * 20_000, 1_000_000 + late_us(i), FRAME_US);
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
            estimate.observe(i * 20_000, 1_000_000, FRAME_US);
            if i % 300 == 0 {
                estimate.observe_repair(1_020_000);
            }
        }
        assert_eq!(estimate.target_us(), TARGET_RANGE_US.0, "one in three hundred is not");
        for i in 1_500..2_500_u64 {
            estimate.observe(i * 20_000, 1_000_000, FRAME_US);
            if i % 100 == 0 {
                estimate.observe_repair(1_020_000);
            }
        }
        assert_eq!(estimate.target_us(), 25_000 + MARGIN_US);
    }

    #[test]
    fn a_loss_that_ends_is_waited_for_a_while_and_then_not() {
        let target_after = |frames| {
            let mut estimate = estimate(500, |_| 0);
            for i in 500..1_500_u64 + frames {
                estimate.observe(i * 20_000, 1_000_000, FRAME_US);
                if i % 20 == 0 && i < 1_500 {
                    estimate.observe_repair(1_020_000);
                }
            }
            estimate.target_us()
        };
        assert_eq!(target_after(1_000), 25_000 + MARGIN_US);
        assert_eq!(target_after(3_500), TARGET_RANGE_US.0);
    }

    #[test]
    fn a_queue_is_needed_while_it_stands_but_never_the_target() {
        let queue_us = |i: u64| (i.saturating_sub(1_000).min(50) * 4_000) as i64;
        let standing = estimate(1_080, queue_us);
        assert_eq!(standing.needed_us(), 200_000 + MARGIN_US);
        assert_eq!(standing.target_us(), TARGET_RANGE_US.0);
        let over = estimate(1_180, |i| if i < 1_080 { queue_us(i) } else { 0 });
        assert!(over.needed_us() <= TARGET_RANGE_US.0);
        assert_eq!(over.target_us(), TARGET_RANGE_US.0);
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
