//! Exchanging stages of processing for others while sound runs through them.
//!
//! The library resets itself when a stage is switched, which is heard as a gap. So new stages run
//! beside the old ones until they know the room, and then the sound is faded over.

use sonora::AudioProcessing;

use crate::processing::build;
use crate::{BLOCK_SAMPLES, Block, ProcessingConfig, SILENT_BLOCK};

/// Blocks (1 s) after which the echo and noise stages know loudspeaker, room and noise.
const LEARNING_BLOCKS: u32 = 100;
/// Blocks after which the other stages are filled with sound.
const FILLING_BLOCKS: u32 = 3;

/// Stages, and those that will replace them.
pub(crate) struct Switch {
    now: Stages,
    next: Option<Next>,
}

struct Next {
    stages: Stages,
    waits: u32,
}

impl Switch {
    pub(crate) fn new(config: ProcessingConfig) -> Self {
        Self { now: Stages::new(config), next: None }
    }

    pub(crate) fn set(&mut self, config: ProcessingConfig) {
        if self.next.as_ref().is_some_and(|next| next.stages.config == config) {
            return;
        }
        let learns = config.echo || config.noise;
        let waits = if learns { LEARNING_BLOCKS } else { FILLING_BLOCKS };
        self.next =
            (self.now.config != config).then(|| Next { stages: Stages::new(config), waits });
    }

    pub(crate) fn process(&mut self, block: &mut Block) {
        let Some(mut next) = self.next.take() else {
            self.now.process(block);
            return;
        };
        let mut other = *block;
        self.now.process(block);
        next.stages.process(&mut other);
        if next.waits > 0 {
            next.waits -= 1;
            self.next = Some(next);
            return;
        }
        fade(block, &other);
        self.now = next.stages;
    }

    pub(crate) fn analyse_played(&mut self, block: &Block) {
        self.now.analyse_played(block);
        if let Some(next) = &mut self.next {
            next.stages.analyse_played(block);
        }
    }
}

/// From the first to the second over the block: a raised cosine, whose slope is 0 at both ends.
fn fade(from: &mut Block, to: &Block) {
    for (i, (from, to)) in from.iter_mut().zip(to).enumerate() {
        let angle = std::f32::consts::PI * (i as f32 + 0.5) / BLOCK_SAMPLES as f32;
        *from += (to - *from) * (0.5 - 0.5 * angle.cos());
    }
}

struct Stages {
    config: ProcessingConfig,
    /// `None` when every stage is off: then the sound passes untouched and undelayed.
    library: Option<Box<AudioProcessing>>,
}

impl Stages {
    fn new(config: ProcessingConfig) -> Self {
        let library = (config != ProcessingConfig::OFF).then(|| Box::new(build(config)));
        Self { config, library }
    }

    fn process(&mut self, block: &mut Block) {
        let Some(library) = &mut self.library else {
            return;
        };
        let input = *block;
        if library.process_capture_f32(&[&input], &mut [block]).is_err() {
            // Cannot happen with the one format used here; unprocessed sound beats none.
            *block = input;
        }
    }

    fn analyse_played(&mut self, block: &Block) {
        if let Some(library) = self.library.as_mut().filter(|_| self.config.echo) {
            let mut unused = SILENT_BLOCK;
            // An error would mean a wrong format, which cannot happen here.
            let _ = library.process_render_f32(&[block], &mut [&mut unused]);
        }
    }
}
