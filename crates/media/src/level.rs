//! How loud sound is, and whether someone speaks. Numbers only: the words are the UI's.

/// Loudness of some sound, mostly 10 ms, linear, 0 to 1 for sound within range.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Level {
    /// Root of the mean square.
    pub rms: f32,
    /// The largest magnitude.
    pub peak: f32,
}

impl Level {
    /// No sound at all.
    pub const SILENCE: Self = Self { rms: 0.0, peak: 0.0 };

    /// Measures a block.
    pub fn of(sound: &[f32]) -> Self {
        let (squares, peak) = sound
            .iter()
            .fold((0.0_f32, 0.0_f32), |(squares, peak), s| (squares + s * s, peak.max(s.abs())));
        Self { rms: (squares / sound.len().max(1) as f32).sqrt(), peak }
    }

    /// The louder of both, part by part.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self { rms: self.rms.max(other.rms), peak: self.peak.max(other.peak) }
    }

    /// `rms` in decibels below full scale, not under −100.
    pub fn dbfs(self) -> f32 {
        20.0 * self.rms.max(1e-5).log10()
    }
}

/// Begin to count as speech above −45 dBFS, five times over the noise of a quiet room.
const SPEECH_DBFS: f32 = -45.0;
/// Blocks in a row that must be loud: a click of 20 ms is not speech.
const ONSET_BLOCKS: u32 = 3;
/// Blocks (400 ms) for which speech lasts after the last loud one, to bridge pauses.
const HANGOVER_BLOCKS: u32 = 40;

/// Tells speaking from not speaking by loudness over time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Activity {
    loud: u32,
    hangover: u32,
}

impl Activity {
    /// Takes the level of the next block.
    pub fn observe(&mut self, level: Level) {
        if level.dbfs() > SPEECH_DBFS {
            self.loud += 1;
            if self.loud >= ONSET_BLOCKS {
                self.hangover = HANGOVER_BLOCKS;
            }
        } else {
            self.loud = 0;
            self.hangover = self.hangover.saturating_sub(1);
        }
    }

    /// Whether someone speaks.
    pub fn is_speaking(&self) -> bool {
        self.hangover > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_wave_of_half_scale() {
        let block: crate::Block = std::array::from_fn(|i| if i % 2 == 0 { 0.5 } else { -0.5 });
        let level = Level::of(&block);
        assert_eq!((level.rms, level.peak), (0.5, 0.5));
        assert!((level.dbfs() + 6.02).abs() < 0.01);
        assert_eq!(Level::SILENCE.dbfs(), -100.0);
    }

    #[test]
    fn speech_bridges_pauses_and_a_click_is_not_speech() {
        let (loud, quiet) = (Level { rms: 0.1, peak: 0.1 }, Level::SILENCE);
        let mut activity = Activity::default();
        activity.observe(loud);
        activity.observe(loud);
        activity.observe(quiet);
        assert!(!activity.is_speaking());
        (0..3).for_each(|_| activity.observe(loud));
        (0..39).for_each(|_| activity.observe(quiet));
        assert!(activity.is_speaking());
        activity.observe(quiet);
        assert!(!activity.is_speaking());
    }
}
