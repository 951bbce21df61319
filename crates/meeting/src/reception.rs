//! How well frames arrive: what each device measures of the others, tells them in its pings, and
//! does about it when it speaks.

use std::collections::{BTreeMap, VecDeque};

use standfast_frame::FIRST_CTR;
use zeroize::Zeroizing;

use crate::PacketShape;
use crate::limits::{
    COPY_REACH_MAX, COPY_REACH_MS, JAM_WAIT, LOSS_MIN_PACKETS, PAUSE_SAMPLES, REPORT_MS,
    REPORTS_MAX, WAIT_STEP_MS,
};
use crate::waiting::Waiting;

/// Bytes of one entry of a report: index, loss, and four bits each of run and wait.
const ENTRY_BYTES: usize = 4;
/// The most that four bits say.
const NIBBLE: u8 = 15;
/// What a report counts loss in: 0.5 %.
const HALF_PERCENT: u64 = 200;

/// What one device tells of another's packets on their way to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// The share that was lost, in half per cent.
    pub(crate) loss: u8,
    /// Of a packet that was lost: how many were, in a row with it, on average. At most 15.
    pub(crate) run: u8,
    /// How long even the fastest packet waits, in steps of 20 ms. At most 15.
    pub(crate) wait: u8,
}

impl Heard {
    /// Whether it says anything.
    fn tells(self) -> bool {
        self.loss > 0 || self.wait >= JAM_WAIT
    }
}

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
    /// The sum of the lengths of all runs of missing packets, and of their squares.
    runs: (u64, u64),
    waiting: Waiting,
}

impl Reception {
    /// A packet came that is no copy.
    pub(crate) fn came(&mut self, place: Place, now_ms: u64) {
        self.received = self.received.saturating_add(1);
        self.waiting.came(now_ms, place.media_ts);
        let ahead = self.last.map_or(Some(1), |last| place.ahead_of(&last));
        // One of before was expected already.
        let Some(ahead) = ahead else { return };
        self.expected = self.expected.saturating_add(ahead);
        let run = u64::from(ahead.saturating_sub(1));
        self.runs = (self.runs.0.saturating_add(run), self.runs.1.saturating_add(run * run));
        self.last = Some(place);
    }

    /// How many are lost together with a lost one, rounded; of no loss, 0.
    fn run(&self) -> u8 {
        let (sum, squares) = self.runs;
        let run = (2 * squares + sum) / (2 * sum).max(1);
        u8::try_from(run).unwrap_or(NIBBLE).min(NIBBLE)
    }

    /// How long even the fastest packet waits, in steps.
    pub(crate) fn wait(&self) -> u8 {
        u8::try_from(self.waiting.wait_ms() / WAIT_STEP_MS).unwrap_or(NIBBLE).min(NIBBLE)
    }

    /// What there is to tell; where there was too little to count, of loss what was told `before`.
    pub(crate) fn heard(&self, before: Heard) -> Heard {
        // Of who says nothing it is not known any more.
        let wait = if self.expected > 0 { self.wait() } else { 0 };
        match self.loss() {
            Some(loss) => Heard { loss, run: self.run(), wait },
            None => Heard { wait, ..before },
        }
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
        (self.expected, self.received, self.runs) = (0, 0, (0, 0));
    }
}

/// What a ping says of reception: the senders that lost most, the worst first.
pub(crate) fn write_report(all: impl Iterator<Item = (u16, Heard)>) -> Vec<u8> {
    let mut all: Vec<_> = all.filter(|(_, heard)| heard.tells()).collect();
    all.sort_by_key(|(idx, heard)| (std::cmp::Reverse((heard.loss, heard.wait)), *idx));
    let entries = all.into_iter().take(REPORTS_MAX);
    entries
        .flat_map(|(idx, heard)| {
            let [high, low] = idx.to_be_bytes();
            [high, low, heard.loss, heard.run << 4 | heard.wait & NIBBLE]
        })
        .collect()
}

/// What a report says of `me`.
pub(crate) fn read_report(report: &[u8], me: u16) -> Heard {
    let entries = report.chunks_exact(ENTRY_BYTES).take(REPORTS_MAX);
    let mine = entries.filter(|e| u16::from_be_bytes([e[0], e[1]]) == me);
    let read = mine.map(|e| Heard { loss: e[2], run: e[3] >> 4, wait: e[3] & NIBBLE });
    read.fold(Heard::default(), worse)
}

/// The loss of the one that loses more, and the longer wait.
fn worse(one: Heard, other: Heard) -> Heard {
    let lossy = if (other.loss, other.run) > (one.loss, one.run) { other } else { one };
    Heard { wait: one.wait.max(other.wait), ..lossy }
}

/// How much further back the last of `copies` is than the packet before those in between: so that
/// it is out of a burst that takes the packet itself.
pub(crate) fn spread_for(run: u8, copies: usize, shape: PacketShape) -> usize {
    let reach = (COPY_REACH_MS / shape.length.ms()) as usize;
    usize::from(run).min(reach).min(COPY_REACH_MAX).saturating_sub(copies)
}

/// How many packets back copy number `n` of `copies` is, both from 1.
pub(crate) fn distance(n: usize, copies: usize, spread: usize) -> usize {
    if n == copies { n + spread } else { n }
}

/// The packets before the newest, to be sent again with it while others report loss.
#[derive(Default)]
pub(crate) struct Redundancy {
    /// What each member reported of us, and when.
    reports: BTreeMap<u16, (u64, Heard)>,
    /// The newest first. All were sealed under one announce, for who comes with the next hears
    /// nothing that was said before, and all have one shape.
    before: VecDeque<(u32, Zeroizing<Vec<u8>>)>,
    of: Option<([u8; 32], PacketShape)>,
}

impl Redundancy {
    /// A member's report of us came.
    pub(crate) fn reported(&mut self, by: u16, heard: Heard, now_ms: u64) {
        self.reports.retain(|_, (at, _)| now_ms < *at + REPORT_MS);
        self.reports.insert(by, (now_ms, heard));
    }

    /// The worst that anyone reported lately.
    pub(crate) fn heard(&self, now_ms: u64) -> Heard {
        let fresh = self.reports.values().filter(|(at, _)| now_ms < *at + REPORT_MS);
        fresh.map(|(_, heard)| *heard).fold(Heard::default(), worse)
    }

    /// The copies that go with the packet of `media_ts`, the newest first, at most `most`; and how
    /// much further back the last one is than it need be, at most `spread`.
    pub(crate) fn copies(
        &mut self,
        under: &[u8; 32],
        shape: PacketShape,
        media_ts: u32,
        (most, spread): (usize, usize),
    ) -> (Vec<&[u8]>, usize) {
        if self.of.as_ref() != Some(&(*under, shape)) {
            self.before.clear();
            self.of = Some((*under, shape));
        }
        let back = |distance: usize| {
            let ts = media_ts.wrapping_sub(distance as u32 * shape.length.samples());
            let found = self.before.iter().find(|(at, _)| *at == ts);
            found.map(|(_, packet)| packet.as_slice())
        };
        let found: Vec<_> = (1..=most).map_while(|n| back(distance(n, most, spread))).collect();
        // Without the last one those that are there lie side by side.
        let spread = if found.len() == most { spread } else { 0 };
        (found, spread)
    }

    /// This packet was sealed.
    pub(crate) fn sent(&mut self, media_ts: u32, packet: &[u8]) {
        self.before.truncate(COPY_REACH_MAX - 1);
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
        (0..200).filter(|n| !lost(*n)).for_each(|n| reception.came(place(n), u64::from(n) * 20));
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
        (0..100).filter(|n| n % 10 != 5).for_each(|n| reception.came(short(n), 0));
        assert_eq!((reception.expected, reception.loss()), (100, Some(20)));
        let long = |n: u32| Place { media_ts: 48_000 + (n - 100) * 960, ..place(n) };
        (100..200).filter(|n| n % 10 != 5).for_each(|n| reception.came(long(n), 0));
        assert_eq!((reception.expected, reception.loss()), (200, Some(20)));
    }

    #[test]
    fn a_pause_and_another_order_are_no_loss() {
        let mut reception = reception(|n| (50..120).contains(&n));
        assert_eq!(reception.loss(), Some(0));
        reception.restart();
        for n in (200..300).map(|n: u32| n ^ 1) {
            reception.came(place(n), 0);
        }
        assert_eq!(reception.loss(), Some(0));
        let mut wrapped = Reception::default();
        (0..100_u32).for_each(|n| {
            let media_ts = 0_u32.wrapping_sub(50 * 960).wrapping_add(n * 960);
            wrapped.came(Place { media_ts, ..place(n) }, 0);
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
            reception.came(Place { media_ts, ..place(n) }, 0);
        }
        assert_eq!((reception.loss(), reception.expected), (Some(0), 200));
    }

    #[test]
    fn with_a_new_key_counters_begin_anew() {
        let mut reception = reception(|_| false);
        let renewed = |n: u32| Place { epoch: 2, ctr: FIRST_CTR + n - 203, ..place(n) };
        (205..255).for_each(|n| reception.came(renewed(n), 0));
        assert_eq!((reception.received, reception.expected), (250, 252), "two of the new key");
        reception.came(place(200), 0);
        assert_eq!((reception.received, reception.expected), (251, 252), "a late one of the old");
    }

    #[test]
    fn no_flood_of_packets_overflows_a_count() {
        let last = Some(place(0));
        let mut reception =
            Reception { last, expected: u32::MAX - 3, received: 7, ..Reception::default() };
        reception.came(place(20), 0);
        assert_eq!(reception.loss(), Some(199));
    }

    fn lossy(loss: u8) -> Heard {
        Heard { loss, run: 1, wait: 0 }
    }

    #[test]
    fn a_run_is_what_a_lost_packet_lies_in() {
        let run = |lost: &dyn Fn(u32) -> bool| reception(lost).heard(Heard::default()).run;
        assert_eq!(run(&|_| false), 0);
        assert_eq!(run(&|n| n % 10 == 5), 1);
        assert_eq!(run(&|n| n % 60 < 3), 3);
        assert_eq!(run(&|n| n % 60 < 3 || n % 60 == 30), 3, "one alone weighs less");
        assert_eq!(run(&|n| (20..40).contains(&n)), 15, "at most");
    }

    #[test]
    fn chance_makes_no_long_runs() {
        let mut dice = 7_u32;
        let mut lost = |_: &u32| {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            dice < u32::MAX / 5
        };
        let mut reception = Reception::default();
        (0..1_000).filter(|n| !lost(n)).for_each(|n| reception.came(place(n), 0));
        let heard = reception.heard(Heard::default());
        assert!((35..45).contains(&heard.loss), "{heard:?}");
        assert!(heard.run <= 2, "{heard:?}");
    }

    #[test]
    fn what_waits_is_told_though_nothing_is_lost() {
        let mut reception = Reception::default();
        for n in 0..200 {
            let way_ms = if n < 100 { 20 } else { 120 };
            reception.came(place(n), u64::from(n) * 20 + way_ms);
        }
        let heard = reception.heard(Heard::default());
        assert_eq!(heard, Heard { loss: 0, run: 0, wait: 5 });
        let report = write_report([(1, Heard::default()), (2, heard)].into_iter());
        assert_eq!(report, [0, 2, 0, 5]);
        reception.restart();
        assert_eq!(reception.heard(heard), Heard::default(), "said nothing since");
    }

    #[test]
    fn too_little_to_count_repeats_what_was_told() {
        let mut reception = Reception::default();
        (0..10).for_each(|n| reception.came(place(n), 0));
        assert_eq!(reception.heard(lossy(8)), lossy(8));
    }

    #[test]
    fn a_report_names_the_worst_and_is_read_by_each() {
        let all = (0..20).map(|idx| (idx, Heard { loss: idx as u8, run: 3, wait: 9 }));
        let report = write_report(all);
        assert_eq!(report.len(), REPORTS_MAX * ENTRY_BYTES);
        assert_eq!(read_report(&report, 19), Heard { loss: 19, run: 3, wait: 9 });
        let nothing = Heard::default();
        assert_eq!(read_report(&report, 3), nothing, "made no room for the least");
        assert_eq!(read_report(&report[..7], 19).loss, 19);
        assert_eq!(read_report(&report[..7], 18), nothing, "what is cut short is left out");
        assert_eq!(read_report(&[], 19), nothing);
    }

    #[test]
    fn copies_follow_what_is_reported_for_a_while() {
        let mut redundancy = Redundancy::default();
        assert_eq!(redundancy.heard(0), Heard::default());
        redundancy.reported(3, lossy(40), 1_000);
        redundancy.reported(4, Heard { loss: 4, run: 3, wait: 5 }, 2_000);
        let worst = Heard { loss: 40, run: 1, wait: 5 };
        assert_eq!(redundancy.heard(3_000), worst, "the largest loss, the longest wait");
        assert_eq!(redundancy.heard(1_000 + REPORT_MS).run, 3);
    }

    #[test]
    fn the_last_copy_reaches_beyond_a_burst_and_not_too_far() {
        let long = PacketShape::of_20_ms(80);
        let short = PacketShape { length: PacketLength::Ms10, ..long };
        assert_eq!([0, 1, 2, 3, 4, 9].map(|run| spread_for(run, 2, long)), [0, 0, 0, 1, 2, 2]);
        assert_eq!([0, 1, 2, 3, 4, 9].map(|run| spread_for(run, 1, long)), [0, 0, 1, 2, 3, 3]);
        assert_eq!([1, 6, 15].map(|run| spread_for(run, 2, short)), [0, 4, 6]);
        assert_eq!(spread_for(3, 0, long), 3, "of no copies it does not matter");
    }

    #[test]
    fn copies_that_are_spread_leave_a_gap_only_before_the_last() {
        let mut redundancy = Redundancy::default();
        let (key, shape) = ([1; 32], PacketShape::of_20_ms(80));
        redundancy.copies(&key, shape, 0, (2, 1));
        for (n, packet) in [b"a", b"b", b"c", b"d"].into_iter().enumerate() {
            redundancy.sent(n as u32 * 960, packet);
        }
        let (found, spread) = redundancy.copies(&key, shape, 4 * 960, (2, 1));
        assert_eq!((found, spread), (vec![&b"d"[..], b"b"], 1));
        let (found, spread) = redundancy.copies(&key, shape, 4 * 960, (1, 2));
        assert_eq!((found, spread), (vec![&b"b"[..]], 2));
        let (found, spread) = redundancy.copies(&key, shape, 4 * 960, (2, 3));
        assert_eq!((found, spread), (vec![&b"d"[..]], 0), "so far back nothing was said");
    }

    #[test]
    fn copies_are_of_one_epoch_and_without_a_gap() {
        let mut redundancy = Redundancy::default();
        let (one, two) = ([1; 32], [2; 32]);
        let shape = PacketShape::of_20_ms(80);
        assert!(redundancy.copies(&one, shape, 0, (2, 0)).0.is_empty());
        redundancy.sent(0, b"a");
        assert_eq!(redundancy.copies(&one, shape, 960, (2, 0)).0, [b"a"]);
        redundancy.sent(960, b"b");
        assert_eq!(redundancy.copies(&one, shape, 1_920, (2, 0)).0, [b"b", b"a"]);
        assert_eq!(redundancy.copies(&one, shape, 1_920, (1, 0)).0, [b"b"]);
        redundancy.sent(1_920, b"c");
        assert_eq!(
            redundancy.copies(&one, shape, 2_880, (9, 0)).0,
            [b"c", b"b", b"a"],
            "all there are"
        );
        assert!(redundancy.copies(&one, shape, 3_840, (2, 0)).0.is_empty(), "one was skipped");
        assert!(redundancy.copies(&two, shape, 2_880, (2, 0)).0.is_empty(), "another key");
    }

    #[test]
    fn copies_are_of_one_shape() {
        let mut redundancy = Redundancy::default();
        let long = PacketShape::of_20_ms(80);
        let short = PacketShape { length: PacketLength::Ms10, ..long };
        redundancy.copies(&[1; 32], long, 0, (2, 0));
        redundancy.sent(0, b"a");
        assert!(
            redundancy.copies(&[1; 32], short, 960, (2, 0)).0.is_empty(),
            "it would be taken for 10 ms"
        );
        redundancy.sent(960, b"b");
        assert_eq!(redundancy.copies(&[1; 32], short, 1_440, (2, 0)).0, [b"b"]);
    }
}
