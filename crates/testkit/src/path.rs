//! A path that packets take, worse than one would wish: delay, jitter, loss, reorder, a rate cap,
//! an outage. Seeded and pure: the same seed and the same packets give the same arrivals.
//!
//! A path is one direction. As [`Form::Datagrams`] each packet has a fate of its own; as a
//! [`Form::Stream`] all are in one TCP connection, where a lost one holds up those behind it.

use std::collections::BTreeMap;

use crate::sim::dice::Dice;

/// The least time-out for retransmission of Linux' TCP, beyond the round trip.
const LEAST_TIMEOUT_US: u64 = 200_000;
/// Segments that must come after a lost one until it is sent again without a time-out.
const DUPLICATE_ACKS: u64 = 3;
/// Attempts after which a segment gets through whatever the dice say: nothing waits for ever.
const MAX_ATTEMPTS: u32 = 12;

/// How packets travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Each on its own.
    Datagrams,
    /// One TCP stream. With `fast`, what is lost is sent again once three later packets were
    /// acknowledged, as TCP does on a steady stream; without, only after its time-out, round trip
    /// plus 200 ms, doubled each time.
    Stream {
        /// Whether later packets give the loss away.
        fast: bool,
    },
}

/// What a path does to packets. The default does nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conditions {
    /// Datagrams or one stream.
    pub form: Form,
    /// There and back; one direction takes half of it.
    pub rtt_us: u64,
    /// Each packet takes up to twice this longer, evenly spread. Order is kept, as by a queue.
    pub jitter_us: u64,
    /// The share that is lost, 0 to 1.
    pub loss: f64,
    /// Packets that are lost in a row; 1 for losses that know nothing of each other.
    pub burst: u32,
    /// The share that later packets overtake, 0 to 1. Not in a stream.
    pub reorder: f64,
    /// How long these are held back.
    pub reorder_us: u64,
    /// Bits per second that pass; none for any number.
    pub rate_bps: Option<u64>,
    /// Datagrams that would wait longer than this for the rate are lost.
    pub queue_us: u64,
    /// From when until when nothing passes.
    pub outage_us: Option<(u64, u64)>,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            form: Form::Datagrams,
            rtt_us: 0,
            jitter_us: 0,
            loss: 0.0,
            burst: 1,
            reorder: 0.0,
            reorder_us: 0,
            rate_bps: None,
            queue_us: 200_000,
            outage_us: None,
        }
    }
}

/// What passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passed {
    /// Packets sent.
    pub sent: u64,
    /// Of these, lost; in a stream, lost at first.
    pub lost: u64,
    /// Bytes sent, lost ones included, those sent again not.
    pub bytes: u64,
}

/// One direction of a path, and what is on its way.
pub struct Path<P> {
    conditions: Conditions,
    dice: Dice,
    flying: BTreeMap<(u64, u64), P>,
    passed: Passed,
    /// Packets of the present burst that are still to be lost.
    burst_left: u32,
    /// When the last bit of what was sent has passed the narrowest place.
    busy_until_us: u64,
    last_arrival_us: u64,
    last_sent_us: u64,
    /// Between the last two packets.
    gap_us: u64,
}

impl<P> Path<P> {
    /// An empty path.
    #[must_use]
    pub fn new(conditions: Conditions, seed: u64) -> Self {
        Self {
            conditions,
            dice: Dice::new(seed, 0x7061_7468),
            flying: BTreeMap::new(),
            passed: Passed::default(),
            burst_left: 0,
            busy_until_us: 0,
            last_arrival_us: 0,
            last_sent_us: 0,
            gap_us: 0,
        }
    }

    /// Sends a packet that takes `bytes` on the wire. `now_us` never runs backwards.
    pub fn send(&mut self, now_us: u64, bytes: usize, packet: P) {
        self.gap_us = now_us.saturating_sub(self.last_sent_us);
        self.last_sent_us = now_us;
        self.passed.sent += 1;
        self.passed.bytes += bytes as u64;
        let arrival_us = match self.conditions.form {
            Form::Datagrams => self.datagram(now_us, bytes),
            Form::Stream { fast } => Some(self.segment(now_us, bytes, fast)),
        };
        if let Some(at_us) = arrival_us {
            self.flying.insert((at_us, self.passed.sent), packet);
        }
    }

    /// The first packet that has arrived by `now_us`, and when it did.
    pub fn arrive(&mut self, now_us: u64) -> Option<(u64, P)> {
        let first = self.flying.first_entry()?;
        let at_us = first.key().0;
        (at_us <= now_us).then(|| (at_us, first.remove()))
    }

    /// Counts since the beginning.
    #[must_use]
    pub fn passed(&self) -> Passed {
        self.passed
    }

    fn datagram(&mut self, now_us: u64, bytes: usize) -> Option<u64> {
        let lost = self.is_lost() || self.is_out(now_us);
        let through_us = if lost { None } else { self.squeeze(now_us, bytes) };
        let Some(through_us) = through_us else {
            self.passed.lost += 1;
            return None;
        };
        let at_us = through_us + self.delay_us();
        if self.share(self.conditions.reorder) {
            return Some(at_us + self.conditions.reorder_us);
        }
        Some(self.in_order(at_us))
    }

    fn segment(&mut self, now_us: u64, bytes: usize, fast: bool) -> u64 {
        let mut at_us = self.squeeze(now_us, bytes).unwrap_or(now_us);
        let mut lost = self.is_lost() || self.is_out(at_us);
        self.passed.lost += u64::from(lost);
        let mut timeout_us = self.conditions.rtt_us + LEAST_TIMEOUT_US;
        let noticed_us = self.conditions.rtt_us + DUPLICATE_ACKS * self.gap_us;
        let mut attempts = 0;
        while lost && attempts < MAX_ATTEMPTS {
            attempts += 1;
            if fast && attempts == 1 {
                at_us += noticed_us.min(timeout_us);
            } else {
                at_us += timeout_us;
                timeout_us *= 2;
            }
            lost = self.share(self.conditions.loss) || self.is_out(at_us);
        }
        let at_us = at_us + self.delay_us();
        self.in_order(at_us)
    }

    /// When the packet has passed the narrowest place; none if a datagram would wait too long.
    fn squeeze(&mut self, now_us: u64, bytes: usize) -> Option<u64> {
        let Some(rate) = self.conditions.rate_bps else { return Some(now_us) };
        let start_us = self.busy_until_us.max(now_us);
        let drops = self.conditions.form == Form::Datagrams;
        if drops && start_us - now_us > self.conditions.queue_us {
            return None;
        }
        self.busy_until_us = start_us + bytes as u64 * 8_000_000 / rate.max(1);
        Some(self.busy_until_us)
    }

    fn delay_us(&mut self) -> u64 {
        let Conditions { rtt_us, jitter_us, .. } = self.conditions;
        rtt_us / 2 + self.dice.between(0, 2 * jitter_us)
    }

    fn in_order(&mut self, at_us: u64) -> u64 {
        self.last_arrival_us = self.last_arrival_us.max(at_us);
        self.last_arrival_us
    }

    /// Bursts begin so often that the share of all lost packets is as asked.
    fn is_lost(&mut self) -> bool {
        if self.burst_left > 0 {
            self.burst_left -= 1;
            return true;
        }
        let Conditions { loss, burst, .. } = self.conditions;
        let length = f64::from(burst.max(1));
        let begins = self.share(loss / (length - (length - 1.0) * loss));
        if begins {
            self.burst_left = burst.max(1) - 1;
        }
        begins
    }

    fn is_out(&self, at_us: u64) -> bool {
        self.conditions.outage_us.is_some_and(|(from, until)| (from..until).contains(&at_us))
    }

    fn share(&mut self, share: f64) -> bool {
        share > 0.0 && (self.dice.word() as f64) < share * u64::MAX as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP_US: u64 = 20_000;

    /// Sends numbered packets 20 ms apart; gives each that came: when, and which.
    fn through(conditions: Conditions, seed: u64, packets: u64) -> Vec<(u64, u64)> {
        let mut path = Path::new(conditions, seed);
        (0..packets).for_each(|n| path.send(n * GAP_US, 100, n));
        std::iter::from_fn(|| path.arrive(u64::MAX)).collect()
    }

    fn stream(fast: bool) -> Conditions {
        Conditions { form: Form::Stream { fast }, rtt_us: 40_000, loss: 0.01, ..Default::default() }
    }

    #[test]
    fn a_perfect_path_delays_by_half_the_round_trip() {
        let came = through(Conditions { rtt_us: 50_000, ..Default::default() }, 1, 100);
        assert_eq!(came, (0..100).map(|n| (n * GAP_US + 25_000, n)).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_arrives_before_its_time() {
        let mut path = Path::new(Conditions { rtt_us: 50_000, ..Default::default() }, 1);
        path.send(0, 100, ());
        assert_eq!(path.arrive(24_999), None);
        assert_eq!(path.arrive(25_000), Some((25_000, ())));
    }

    #[test]
    fn as_much_is_lost_as_asked() {
        for (loss, burst) in [(0.01, 1), (0.05, 1), (0.2, 1), (0.05, 3), (0.2, 3)] {
            let conditions = Conditions { loss, burst, ..Default::default() };
            let came = through(conditions, 7, 100_000).len() as f64;
            let lost = 1.0 - came / 100_000.0;
            assert!((lost / loss - 1.0).abs() < 0.08, "{lost} for {loss} in bursts of {burst}");
        }
    }

    #[test]
    fn bursts_are_as_long_as_asked() {
        let conditions = Conditions { loss: 0.02, burst: 3, ..Default::default() };
        let came = through(conditions, 5, 10_000);
        let gaps = came.windows(2).map(|pair| pair[1].1 - pair[0].1 - 1).filter(|gap| *gap > 0);
        assert!(gaps.clone().count() > 20);
        // Two bursts may touch.
        assert!(gaps.into_iter().all(|gap| gap % 3 == 0));
    }

    #[test]
    fn equal_seeds_are_equal_and_others_not() {
        let conditions = Conditions {
            jitter_us: 30_000,
            loss: 0.1,
            reorder: 0.1,
            reorder_us: 50_000,
            ..Default::default()
        };
        assert_eq!(through(conditions, 3, 1_000), through(conditions, 3, 1_000));
        assert_ne!(through(conditions, 3, 1_000), through(conditions, 4, 1_000));
    }

    #[test]
    fn jitter_keeps_the_order_and_reorder_does_not() {
        let jitter = Conditions { jitter_us: 30_000, ..Default::default() };
        let in_order = |came: &[(u64, u64)]| came.windows(2).all(|pair| pair[0].1 < pair[1].1);
        let came = through(jitter, 2, 1_000);
        assert!(in_order(&came));
        assert!(came.iter().all(|(at, n)| (0..=60_000).contains(&(at - n * GAP_US))));
        let reorder = Conditions { reorder: 0.1, reorder_us: 30_000, ..Default::default() };
        let came = through(reorder, 2, 1_000);
        assert_eq!(came.len(), 1_000);
        assert!(!in_order(&came));
    }

    #[test]
    fn a_stream_loses_nothing_and_waits_for_what_was_lost() {
        for (fast, hold_us) in [(false, 240_000), (true, 100_000)] {
            let came = through(stream(fast), 9, 5_000);
            let numbers: Vec<u64> = came.iter().map(|(_, n)| *n).collect();
            assert_eq!(numbers, (0..5_000).collect::<Vec<_>>());
            let late: Vec<u64> =
                came.iter().map(|(at, n)| at - n * GAP_US - 20_000).filter(|l| *l > 0).collect();
            assert!(late.contains(&hold_us), "the lost one");
            assert!(late.contains(&(hold_us - GAP_US)), "the one behind it");
        }
    }

    #[test]
    fn an_outage_loses_datagrams_and_holds_up_a_stream() {
        let outage_us = Some((1_000_000, 2_000_000));
        let came = through(Conditions { outage_us, ..Default::default() }, 1, 150);
        assert_eq!(came.len(), 100);
        let held =
            Conditions { outage_us, form: Form::Stream { fast: false }, ..Default::default() };
        let came = through(held, 1, 150);
        assert_eq!(came.len(), 150);
        assert_eq!(came[50].0, 1_000_000 + 200_000 * (1 + 2 + 4), "the third attempt");
    }

    #[test]
    fn no_more_passes_than_the_rate() {
        // 100 bytes in 20 ms are 40 kbit/s.
        let enough = Conditions { rate_bps: Some(40_000), ..Default::default() };
        assert_eq!(through(enough, 1, 500).len(), 500);
        let half = Conditions { rate_bps: Some(20_000), ..Default::default() };
        let came = through(half, 1, 500);
        assert!((245..=256).contains(&came.len()), "{}", came.len());
        assert!(came.iter().all(|(at, n)| at - n * GAP_US <= 240_000 + 40_000));
    }
}
