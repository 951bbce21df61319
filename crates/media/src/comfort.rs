//! Comfort noise: what is heard of somebody whose sound is missing for long, so that the line does
//! not seem dead.

use crate::{Block, Level};

/// Blocks over which the quietest one is the noise of the room: 3 s, two halves.
const WINDOW_BLOCKS: u32 = 150;
/// The loudest comfort noise (−50 dBFS): what is above is not the room.
const MAX_RMS: f32 = 0.003;
/// Noise is darkened so much, for rooms hum more than they hiss: a one-pole low pass at 1 kHz.
const DARKNESS: f32 = 0.88;
/// White noise in ±1 after that low pass has this root of the mean square.
const DARK_RMS: f32 = 0.146;
/// It fades to a tenth in about a second: the line is dead after all.
const FADE: f32 = 0.977;
/// −100 dBFS.
const INAUDIBLE: f32 = 1e-5;

/// Learns the noise of a room and makes some like it.
#[derive(Debug, Clone)]
pub(crate) struct Comfort {
    /// The least level of this half of the window and of the one before.
    least: [f32; 2],
    blocks: u32,
    state: u32,
    dark: f32,
    fade: f32,
}

impl Default for Comfort {
    fn default() -> Self {
        Self { least: [0.0, f32::MAX], blocks: 0, state: 0x9e37_79b9, dark: 0.0, fade: 1.0 }
    }
}

impl Comfort {
    /// Learns from a block that came.
    pub(crate) fn learn(&mut self, level: Level) {
        self.fade = 1.0;
        if self.blocks.is_multiple_of(WINDOW_BLOCKS) {
            self.least = [if self.blocks == 0 { 0.0 } else { self.least[1] }, f32::MAX];
        }
        self.blocks = self.blocks.wrapping_add(1);
        self.least[1] = self.least[1].min(level.rms);
    }

    fn rms(&self) -> f32 {
        let known = self.least.iter().copied().filter(|rms| *rms < f32::MAX);
        known.fold(MAX_RMS, f32::min)
    }

    /// Nothing more is heard of it.
    pub(crate) fn is_over(&self) -> bool {
        self.rms() * self.fade < INAUDIBLE
    }

    /// Fills a block with noise, quieter with each.
    pub(crate) fn fill(&mut self, block: &mut Block) {
        let gain = self.rms() / DARK_RMS * self.fade;
        self.fade *= FADE;
        for sample in block {
            // xorshift: for sound, not for secrets.
            self.state ^= self.state << 13;
            self.state ^= self.state >> 17;
            self.state ^= self.state << 5;
            let white = self.state as f32 / (u32::MAX as f32 / 2.0) - 1.0;
            self.dark = self.dark * DARKNESS + white * (1.0 - DARKNESS);
            *sample = self.dark * gain;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SILENT_BLOCK;

    fn loudness(comfort: &mut Comfort) -> f32 {
        let mut block = SILENT_BLOCK;
        let blocks = 20;
        let squares = (0..blocks).map(|_| {
            comfort.fill(&mut block);
            Level::of(&block).rms.powi(2)
        });
        (squares.sum::<f32>() / blocks as f32).sqrt()
    }

    #[test]
    fn it_is_as_loud_as_the_pauses_of_the_speaker() {
        let mut comfort = Comfort::default();
        for n in 0..600 {
            let rms = if n % 50 < 10 { 0.001 } else { 0.1 };
            comfort.learn(Level { rms, peak: rms });
        }
        comfort.fade = 1.0;
        let loud = loudness(&mut comfort.clone());
        // The first fifth of a second has faded a little.
        assert!((0.000_6..0.001_1).contains(&loud), "{loud}");
    }

    #[test]
    fn nobody_heard_is_nothing_and_loud_rooms_are_bounded() {
        assert!(loudness(&mut Comfort::default()) < 1e-6);
        let mut comfort = Comfort::default();
        (0..600).for_each(|_| comfort.learn(Level { rms: 0.2, peak: 0.2 }));
        assert!(loudness(&mut comfort) <= MAX_RMS * 1.1);
    }

    #[test]
    fn it_ends() {
        let mut comfort = Comfort::default();
        (0..600).for_each(|_| comfort.learn(Level { rms: 0.002, peak: 0.002 }));
        for _ in 0..15 {
            loudness(&mut comfort);
        }
        assert!(comfort.is_over());
    }
}
