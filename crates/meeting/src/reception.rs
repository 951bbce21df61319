//! How well frames arrive: what each device measures of the others, tells them in its pings, and
//! does about it when it speaks.

use std::collections::{BTreeMap, VecDeque};

use standfast_frame::FIRST_CTR;
use zeroize::Zeroizing;

use crate::PacketShape;
use crate::limits::{COPIES_MAX, LOSS_MIN_PACKETS, PAUSE_SAMPLES, REPORT_MS, REPORTS_MAX};

/// Bytes of one entry of a report: index and loss.
const ENTRY_BYTES: usize = 3;
/// What a report counts loss in: 0.5 %.
const HALF_PERCENT: u64 = 200;

/// Where a packet stands among those of its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) epoch: u32,
    /// The frame's counter, which counts what was sealed.
    pub(crate) ctr: u32,
    pub(crate) media_ts: u32,
    /// What it holds.
    pub(crate) samples: u32,
}

impl Place {
    /// How many packets were sealed from `last` up to this one, at least: 1 if none is missing, or
    /// if the sender paused. `None` for one from before it.
    ///
    /// The counter knows what the media clock does not: time for which nothing was sealed, as while
    /// muted or because the sender's computer was late, is no loss.
    fn ahead_of(&self, last: &Self) -> Option<u32> {
        let time = self.media_ts.wrapping_sub(last.media_ts);
        if self.epoch < last.epoch || time > u32::MAX / 2 {
            return None;
        }
        let begin = if self.epoch == last.epoch { last.ctr } else { FIRST_CTR - 1 };
        let sealed = self.ctr.checked_sub(begin)?;
        // A ratchet step in silence skips counters, but takes longer than that.
        let spoken = if time > PAUSE_SAMPLES { 1 } else { time / self.samples.max(1) };
        Some(sealed.min(spoken).max(1))
    }
}

/// Packets of one sender since the last report.
#[derive(Default)]
pub(crate) struct Reception {
    last: Option<Place>,
    expected: u32,
    received: u32,
}

impl Reception {
    /// A packet came that is no copy.
    pub(crate) fn came(&mut self, place: Place) {
        self.received = self.received.saturating_add(1);
        let ahead = self.last.map_or(Some(1), |last| place.ahead_of(&last));
        // One of before was expected already.
        let Some(ahead) = ahead else { return };
        self.expected = self.expected.saturating_add(ahead);
        self.last = Some(place);
    }

    /// The share that was lost on the way, in half per cent: of nothing, nothing; `None` for too
    /// little to tell.
    pub(crate) fn loss(&self) -> Option<u8> {
        let lost = u64::from(self.expected.saturating_sub(self.received));
        let share = lost * HALF_PERCENT / u64::from(self.expected.max(1));
        let tells = self.expected == 0 || self.expected >= LOSS_MIN_PACKETS;
        tells.then(|| u8::try_from(share).unwrap_or(u8::MAX))
    }

    /// Begins the next count.
    pub(crate) fn restart(&mut self) {
        (self.expected, self.received) = (0, 0);
    }
}

/// What a ping says of reception: the senders that lost most, the worst first.
pub(crate) fn write_report(losses: impl Iterator<Item = (u16, u8)>) -> Vec<u8> {
    let mut losses: Vec<_> = losses.filter(|(_, loss)| *loss > 0).collect();
    losses.sort_by_key(|(idx, loss)| (std::cmp::Reverse(*loss), *idx));
    let entries = losses.into_iter().take(REPORTS_MAX);
    entries.flat_map(|(idx, loss)| [idx.to_be_bytes()[0], idx.to_be_bytes()[1], loss]).collect()
}

/// What a report says of `me`, in half per cent.
pub(crate) fn read_report(report: &[u8], me: u16) -> u8 {
    let entries = report.chunks_exact(ENTRY_BYTES).take(REPORTS_MAX);
    let mine = entries.filter(|e| u16::from_be_bytes([e[0], e[1]]) == me).map(|e| e[2]);
    mine.max().unwrap_or(0)
}

/// The packets before the newest, to be sent again with it while others report loss.
#[derive(Default)]
pub(crate) struct Redundancy {
    /// What each member reported of us, and when.
    reports: BTreeMap<u16, (u64, u8)>,
    /// The newest first. All were sealed under one announce, for who comes with the next hears
    /// nothing that was said before, and all have one shape.
    before: VecDeque<(u32, Zeroizing<Vec<u8>>)>,
    of: Option<([u8; 32], PacketShape)>,
}

impl Redundancy {
    /// A member's report of us came.
    pub(crate) fn reported(&mut self, by: u16, loss: u8, now_ms: u64) {
        self.reports.retain(|_, (at, _)| now_ms < *at + REPORT_MS);
        self.reports.insert(by, (now_ms, loss));
    }

    /// The largest loss that anyone reported lately, in half per cent.
    pub(crate) fn loss(&self, now_ms: u64) -> u8 {
        let fresh = self.reports.values().filter(|(at, _)| now_ms < *at + REPORT_MS);
        fresh.map(|(_, loss)| *loss).max().unwrap_or(0)
    }

    /// The copies that go with the packet of `media_ts`, the newest first, at most `most`.
    pub(crate) fn copies(
        &mut self,
        under: &[u8; 32],
        shape: PacketShape,
        media_ts: u32,
        most: usize,
    ) -> Vec<&[u8]> {
        if self.of.as_ref() != Some(&(*under, shape)) {
            self.before.clear();
            self.of = Some((*under, shape));
        }
        let follows = |(at, (ts, _)): &(usize, &(u32, _))| {
            *ts == media_ts.wrapping_sub((*at as u32 + 1) * shape.length.samples())
        };
        let recent = self.before.iter().enumerate().take_while(follows).take(most);
        recent.map(|(_, (_, packet))| packet.as_slice()).collect()
    }

    /// This packet was sealed.
    pub(crate) fn sent(&mut self, media_ts: u32, packet: &[u8]) {
        self.before.truncate(COPIES_MAX - 1);
        self.before.push_front((media_ts, Zeroizing::new(packet.to_vec())));
    }

    /// What was said is over.
    pub(crate) fn forget(&mut self) {
        self.before.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PacketLength;

    /// Packet `n` of 20 ms, all sealed in one epoch.
    fn place(n: u32) -> Place {
        Place { epoch: 1, ctr: FIRST_CTR + n, media_ts: n.wrapping_mul(960), samples: 960 }
    }

    fn reception(lost: impl Fn(u32) -> bool) -> Reception {
        let mut reception = Reception::default();
        (0..200).filter(|n| !lost(*n)).for_each(|n| reception.came(place(n)));
        reception
    }

    #[test]
    fn loss_is_what_is_missing_between_what_came() {
        assert_eq!(reception(|_| false).loss(), Some(0));
        assert_eq!(reception(|n| n % 10 == 5).loss(), Some(20));
        assert_eq!(reception(|n| n > 10).loss(), None, "too little was said");
        assert_eq!(reception(|_| true).loss(), Some(0), "nothing was said");
    }

    #[test]
    fn packets_of_any_length_are_counted_one_by_one() {
        let mut reception = Reception::default();
        let short = |n: u32| Place { media_ts: n * 480, samples: 480, ..place(n) };
        (0..100).filter(|n| n % 10 != 5).for_each(|n| reception.came(short(n)));
        assert_eq!((reception.expected, reception.loss()), (100, Some(20)));
        let long = |n: u32| Place { media_ts: 48_000 + (n - 100) * 960, ..place(n) };
        (100..200).filter(|n| n % 10 != 5).for_each(|n| reception.came(long(n)));
        assert_eq!((reception.expected, reception.loss()), (200, Some(20)));
    }

    #[test]
    fn a_pause_and_another_order_are_no_loss() {
        let mut reception = reception(|n| (50..120).contains(&n));
        assert_eq!(reception.loss(), Some(0));
        reception.restart();
        for n in (200..300).map(|n: u32| n ^ 1) {
            reception.came(place(n));
        }
        assert_eq!(reception.loss(), Some(0));
        let mut wrapped = Reception::default();
        (0..100_u32).for_each(|n| {
            let media_ts = 0_u32.wrapping_sub(50 * 960).wrapping_add(n * 960);
            wrapped.came(Place { media_ts, ..place(n) });
        });
        assert_eq!((wrapped.loss(), wrapped.expected), (Some(0), 100));
    }

    /// A microphone that is muted for a moment, a computer that was busy: the media clock goes on,
    /// and nothing was sealed that could be lost.
    #[test]
    fn what_was_never_sealed_is_not_lost() {
        let mut reception = Reception::default();
        for n in 0..200_u32 {
            // 200 ms of every second are missing.
            let media_ts = n * 960 + n / 40 * 9_600;
            reception.came(Place { media_ts, ..place(n) });
        }
        assert_eq!((reception.loss(), reception.expected), (Some(0), 200));
    }

    #[test]
    fn with_a_new_key_counters_begin_anew() {
        let mut reception = reception(|_| false);
        let renewed = |n: u32| Place { epoch: 2, ctr: FIRST_CTR + n - 203, ..place(n) };
        (205..255).for_each(|n| reception.came(renewed(n)));
        assert_eq!((reception.received, reception.expected), (250, 252), "two of the new key");
        reception.came(place(200));
        assert_eq!((reception.received, reception.expected), (251, 252), "a late one of the old");
    }

    #[test]
    fn no_flood_of_packets_overflows_a_count() {
        let last = Some(place(0));
        let mut reception = Reception { last, expected: u32::MAX - 3, received: 7 };
        reception.came(place(20));
        assert_eq!(reception.loss(), Some(199));
    }

    #[test]
    fn a_report_names_the_worst_and_is_read_by_each() {
        let report = write_report((0..20).map(|idx| (idx, idx as u8)));
        assert_eq!(report.len(), REPORTS_MAX * ENTRY_BYTES);
        assert_eq!(read_report(&report, 19), 19);
        assert_eq!(read_report(&report, 3), 0, "made no room for the least");
        assert_eq!(read_report(&report[..4], 19), 19, "what is cut short is left out");
        assert_eq!(read_report(&[], 19), 0);
    }

    #[test]
    fn copies_follow_what_is_reported_for_a_while() {
        let mut redundancy = Redundancy::default();
        assert_eq!(redundancy.loss(0), 0);
        redundancy.reported(3, 40, 1_000);
        redundancy.reported(4, 4, 2_000);
        assert_eq!(redundancy.loss(3_000), 40, "the worst counts");
        assert_eq!(redundancy.loss(1_000 + REPORT_MS), 4);
    }

    #[test]
    fn copies_are_of_one_epoch_and_without_a_gap() {
        let mut redundancy = Redundancy::default();
        let (one, two) = ([1; 32], [2; 32]);
        let shape = PacketShape::of_20_ms(80);
        assert!(redundancy.copies(&one, shape, 0, 2).is_empty());
        redundancy.sent(0, b"a");
        assert_eq!(redundancy.copies(&one, shape, 960, 2), [b"a"]);
        redundancy.sent(960, b"b");
        assert_eq!(redundancy.copies(&one, shape, 1_920, 2), [b"b", b"a"]);
        assert_eq!(redundancy.copies(&one, shape, 1_920, 1), [b"b"]);
        redundancy.sent(1_920, b"c");
        assert_eq!(redundancy.copies(&one, shape, 2_880, 9), [b"c", b"b"], "never more than two");
        assert!(redundancy.copies(&one, shape, 3_840, 2).is_empty(), "one was skipped");
        assert!(redundancy.copies(&two, shape, 2_880, 2).is_empty(), "another key");
    }

    #[test]
    fn copies_are_of_one_shape() {
        let mut redundancy = Redundancy::default();
        let long = PacketShape::of_20_ms(80);
        let short = PacketShape { length: PacketLength::Ms10, ..long };
        redundancy.copies(&[1; 32], long, 0, 2);
        redundancy.sent(0, b"a");
        assert!(
            redundancy.copies(&[1; 32], short, 960, 2).is_empty(),
            "it would be taken for 10 ms"
        );
        redundancy.sent(960, b"b");
        assert_eq!(redundancy.copies(&[1; 32], short, 1_440, 2), [b"b"]);
    }
}
