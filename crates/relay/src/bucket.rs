//! Token buckets that may go into debt.

use std::time::Duration;

use crate::limits::Rate;

/// Counts against a [`Rate`]. Time is given, as always in the hub.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    rate: Rate,
    /// In thousandths of a unit, so that milliseconds divide without loss. Negative is debt.
    level: i64,
    at: Duration,
}

impl Bucket {
    pub(crate) fn new(rate: Rate, now: Duration) -> Self {
        Self { rate, level: i64::from(rate.burst) * 1000, at: now }
    }

    fn refill(&mut self, now: Duration) {
        let full = i64::from(self.rate.burst) * 1000;
        let elapsed_ms = now.saturating_sub(self.at).as_millis();
        let Ok(elapsed_ms) = i64::try_from(elapsed_ms) else {
            self.level = full;
            self.at = now;
            return;
        };
        self.level = elapsed_ms
            .saturating_mul(i64::from(self.rate.per_second))
            .saturating_add(self.level)
            .min(full);
        // Only whole milliseconds were counted.
        self.at = self.at.max(self.at + Duration::from_millis(elapsed_ms.unsigned_abs()));
    }

    /// Takes `units` if they are all there.
    pub(crate) fn take(&mut self, units: usize, now: Duration) -> bool {
        self.refill(now);
        let cost = thousandths(units);
        let there = self.level >= cost;
        if there {
            self.level -= cost;
        }
        there
    }

    /// Gives back what was taken.
    pub(crate) fn give_back(&mut self, units: usize) {
        let full = i64::from(self.rate.burst) * 1000;
        self.level = self.level.saturating_add(thousandths(units)).min(full);
    }

    /// Whether nothing is missing.
    pub(crate) fn is_full(&mut self, now: Duration) -> bool {
        self.refill(now);
        self.level >= i64::from(self.rate.burst) * 1000
    }

    /// Takes `units` whatever is there, and says how long the debt lasts.
    pub(crate) fn borrow(&mut self, units: usize, now: Duration) -> Duration {
        self.refill(now);
        self.level = self.level.saturating_sub(thousandths(units));
        if self.level >= 0 {
            return Duration::ZERO;
        }
        let per_ms = u64::from(self.rate.per_second.max(1));
        Duration::from_millis(self.level.unsigned_abs().div_ceil(per_ms))
    }
}

fn thousandths(units: usize) -> i64 {
    i64::try_from(units).unwrap_or(i64::MAX).saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 10, burst: 3 };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_burst_then_the_rate() {
        let mut bucket = Bucket::new(RATE, ms(0));
        assert!((0..3).all(|_| bucket.take(1, ms(0))));
        assert!(!bucket.take(1, ms(99)));
        assert!(bucket.take(1, ms(100)));
        assert!(!bucket.take(1, ms(100)));
    }

    #[test]
    fn refilling_in_small_steps_loses_nothing() {
        let mut bucket = Bucket::new(RATE, ms(0));
        assert!(bucket.take(3, ms(0)));
        let taken = (0..10_000).filter(|i| bucket.take(1, Duration::from_micros(i * 100))).count();
        assert_eq!(taken, 9, "one second at ten a second, the last one due at its end");
    }

    #[test]
    fn debt_is_paid_back_in_time() {
        let mut bucket = Bucket::new(RATE, ms(0));
        assert_eq!(bucket.borrow(3, ms(0)), ms(0));
        assert_eq!(bucket.borrow(2, ms(0)), ms(200));
        assert_eq!(bucket.borrow(1, ms(200)), ms(100));
        assert!(bucket.take(3, ms(10_000)));
    }

    #[test]
    fn time_that_stands_or_jumps_is_harmless() {
        let mut bucket = Bucket::new(RATE, ms(500));
        assert!(bucket.take(3, ms(0)));
        assert!(!bucket.take(1, ms(0)));
        assert!(bucket.take(3, Duration::MAX));
        assert!(!bucket.take(1, Duration::MAX));
    }
}
