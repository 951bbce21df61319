//! How sound travels, once a second: counts of the last five seconds, as shares.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use standfast_client::call::{CallView, LineState};
use standfast_client::clock::{cpu_us, wall_ms};
use standfast_client::voice::{IncomingStats, VoiceProfile, VoiceStats};
use standfast_ipc::{SoundFigures, SoundFrom};

/// Between two figures.
const EVERY: Duration = Duration::from_secs(1);
/// Figures are over so many seconds, so that a single lost packet is not 2 %.
const WINDOW: usize = 5;
/// A frame, ms.
const FRAME_MS: u64 = 20;

struct Count {
    at: Instant,
    cpu_us: Option<u64>,
    stats: VoiceStats,
}

/// The counts of the last seconds.
#[derive(Default)]
pub(crate) struct Sounding {
    counts: VecDeque<Count>,
}

impl Sounding {
    /// Whether a second has passed since the last figures.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.counts.back().is_none_or(|last| now >= last.at + EVERY)
    }

    /// Figures up to now.
    pub(crate) fn look(
        &mut self,
        now: Instant,
        stats: VoiceStats,
        profile: VoiceProfile,
        call: &CallView,
    ) -> Option<SoundFigures> {
        self.counts.push_back(Count { at: now, cpu_us: cpu_us(), stats });
        if self.counts.len() > WINDOW + 1 {
            self.counts.pop_front();
        }
        let (first, last) = (self.counts.front()?, self.counts.back()?);
        Some(figures(first, last, profile, call))
    }
}

fn figures(first: &Count, last: &Count, profile: VoiceProfile, call: &CallView) -> SoundFigures {
    let reach = call.meeting.reach;
    SoundFigures {
        at_ms: wall_ms(),
        rtt_ms: match call.line {
            LineState::Up { rtt_ms } => rtt_ms,
            _ => None,
        },
        bitrate: profile.rate.bits(),
        copies: u8::try_from(reach.copies).unwrap_or(u8::MAX),
        lost_of_mine: f32::from(reach.loss) / 2.0,
        cpu: cpu(first, last),
        dropouts: last.stats.output_glitches,
        from: last
            .stats
            .speakers
            .iter()
            .filter_map(|speaker| {
                let idx = u16::try_from(speaker.speaker).ok()?;
                let before = first.stats.speakers.iter().find(|s| s.speaker == speaker.speaker);
                let before = before.map(|s| s.incoming).unwrap_or_default();
                Some(from(idx, &before, &speaker.incoming))
            })
            .collect(),
    }
}

fn cpu(first: &Count, last: &Count) -> Option<f32> {
    let used_us = last.cpu_us?.checked_sub(first.cpu_us?)?;
    let passed_us = last.at.duration_since(first.at).as_micros();
    (passed_us > 0).then(|| 100.0 * used_us as f32 / passed_us as f32)
}

fn from(idx: u16, before: &IncomingStats, now: &IncomingStats) -> SoundFrom {
    let since = |count: fn(&IncomingStats) -> u64| count(now).saturating_sub(count(before));
    let (played, lost) = (since(|s| s.jitter.played), since(|s| s.jitter.lost));
    let repaired = since(|s| s.jitter.repaired);
    let percent = |part: u64| 100.0 * part as f32 / (played + lost).max(1) as f32;
    let concealed_ms = since(|s| s.jitter.concealed) * FRAME_MS;
    let sounded_ms = ((played + lost) * FRAME_MS).max(1);
    SoundFrom {
        idx,
        delay_ms: u32::try_from(now.jitter.delay_us / 1_000).unwrap_or(u32::MAX),
        target_ms: u32::try_from(now.jitter.target_us / 1_000).unwrap_or(u32::MAX),
        lost: percent(lost + repaired),
        repaired: percent(repaired),
        concealed_ms: u32::try_from(concealed_ms * 60_000 / sounded_ms).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_window_and_not_of_all_time() {
        let (mut before, mut now) = (IncomingStats::default(), IncomingStats::default());
        (before.jitter.played, before.jitter.lost) = (1_000, 500);
        (now.jitter.played, now.jitter.lost, now.jitter.repaired) = (1_240, 510, 15);
        (now.jitter.concealed, now.jitter.delay_us, now.jitter.target_us) = (10, 41_500, 35_000);
        let figures = from(3, &before, &now);
        assert_eq!((figures.idx, figures.delay_ms, figures.target_ms), (3, 41, 35));
        assert_eq!((figures.lost, figures.repaired), (10.0, 6.0));
        assert_eq!(figures.concealed_ms, 2_400, "4 % of a minute");
    }

    #[test]
    fn nobody_heard_is_nothing_lost() {
        let stats = IncomingStats::default();
        let figures = from(0, &stats, &stats);
        assert_eq!((figures.lost, figures.repaired, figures.concealed_ms), (0.0, 0.0, 0));
    }
}
