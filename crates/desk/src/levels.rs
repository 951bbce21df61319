//! Sound levels for the UI, 20 times a second.

use standfast_client::voice::Voice;
use standfast_ipc::{Levels, MemberLevel};

/// Silence on the meter, dB relative to full scale.
const FLOOR_DB: f32 = -60.0;

/// A root mean square as the meter shows it: 0 at -60 dB, 1 at full scale.
pub(crate) fn shown(rms: f32) -> f32 {
    let db = 20.0 * rms.max(1e-6).log10();
    (1.0 - db / FLOOR_DB).clamp(0.0, 1.0)
}

/// Levels of a meeting.
pub(crate) fn of_voice(voice: &Voice) -> Levels {
    let levels = voice.levels();
    let member = |s: &standfast_client::voice::SpeakerLevel| {
        let idx = u16::try_from(s.speaker).ok()?;
        Some(MemberLevel { idx, level: shown(s.level.rms) })
    };
    Levels {
        microphone: Some(shown(levels.input.rms)),
        members: levels.speakers.iter().filter_map(member).filter(|m| m.level > 0.0).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meter_is_in_decibels() {
        assert_eq!(shown(0.0), 0.0);
        assert_eq!(shown(1.0), 1.0);
        assert!((shown(0.031_6) - 0.5).abs() < 0.01, "-30 dB is half way");
    }
}
