//! Whether what came out of a speaker is what went into a microphone.

use crate::sound::{Jack, RATE, Recorder};
use anyhow::{Context as _, ensure};
use standfast_testkit::measure::{Measured, measure};

/// Speech that a machine cannot follow any more. The demo's target is far above it.
const STOI_MIN: f64 = 0.6;

/// One direction of speech, cut from the recording of the card.
pub(crate) struct Exchange {
    /// From the first word to the last.
    pub(crate) spoken: Vec<f32>,
    /// From the same instant on, until the end of the recording.
    pub(crate) heard: Vec<f32>,
    /// How well and how late; nothing where no second of it can be recognised.
    pub(crate) measured: Option<Measured>,
}

impl Exchange {
    /// Cuts what was spoken into `mic`, and what was heard from then on at `ear`.
    ///
    /// # Errors
    /// When nobody spoke.
    pub(crate) fn cut(recorder: &Recorder, mic: Jack, ear: Jack) -> anyhow::Result<Self> {
        let (spoken, mut heard) = (recorder.so_far(mic)?, recorder.so_far(ear)?);
        let loud = |sample: &f32| sample.abs() > 0.01;
        let first = spoken.iter().position(loud).context("nothing went into the microphone")?;
        let last = spoken.iter().rposition(loud).context("nothing went into the microphone")?;
        let (spoken, heard) = (spoken[first..=last].to_vec(), heard.split_off(first));
        let measured = measure(&wide(&spoken), &wide(&heard), RATE as usize);
        Ok(Self { spoken, heard, measured })
    }

    /// Whether the speech arrived.
    pub(crate) fn arrived(&self) -> bool {
        self.measured.as_ref().is_some_and(|measured| measured.stoi >= STOI_MIN)
    }

    /// The same, as an error that says what was heard instead.
    ///
    /// # Errors
    /// When the speech did not arrive.
    pub(crate) fn ensure_arrived(&self) -> anyhow::Result<&Measured> {
        let sum: f64 = self.heard.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        let loudness = (sum / self.heard.len().max(1) as f64).sqrt();
        let measured = self.measured.as_ref();
        let measured = measured.with_context(|| {
            format!("nothing of it can be recognised, at a loudness of {loudness:.4}")
        })?;
        ensure!(self.arrived(), "hardly to be understood: STOI {:.2}", measured.stoi);
        Ok(measured)
    }
}

fn wide(samples: &[f32]) -> Vec<f64> {
    samples.iter().copied().map(f64::from).collect()
}
