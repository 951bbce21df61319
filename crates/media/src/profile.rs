//! How a voice is coded: a sender's own choice. Receivers take any mix and are asked nothing.

use crate::{BLOCK_SAMPLES, FRAME_SAMPLES, SAMPLE_RATE};

/// Bits per second of the coded voice, copies and headers not counted. Constant: see `codec`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BitRate {
    /// 16 kbit/s: wideband speech, the least that RFC 6716 recommends for it.
    K16,
    /// 24 kbit/s. Fullband speech needs 28 to 40 by RFC 6716 and this measures STOI 0.99, so the
    /// rest is kept for sending packets twice.
    #[default]
    K24,
    /// 32 kbit/s.
    K32,
    /// 48 kbit/s.
    K48,
    /// 64 kbit/s.
    K64,
}

impl BitRate {
    /// All, the least first.
    pub const ALL: [Self; 5] = [Self::K16, Self::K24, Self::K32, Self::K48, Self::K64];

    /// kbit/s.
    #[must_use]
    pub const fn kbits(self) -> u32 {
        match self {
            Self::K16 => 16,
            Self::K24 => 24,
            Self::K32 => 32,
            Self::K48 => 48,
            Self::K64 => 64,
        }
    }

    /// The rate of so many kbit/s, if it is one of them.
    #[must_use]
    pub fn of_kbits(kbits: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|rate| rate.kbits() == kbits)
    }

    /// Bits per second.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.kbits() * 1_000
    }
}

/// How much sound a packet holds, and what the codec aims at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// 20 ms, for speech.
    #[default]
    Even,
    /// 10 ms, for speech: 10 ms sooner, twice as many packets.
    Short,
    /// 10 ms, without what Opus does for speech at low rates: another 4 ms sooner. Noise
    /// suppression, which takes 7 ms, is left out with it.
    LowDelay,
}

/// How a voice is coded. Every packet of a profile has one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VoiceProfile {
    /// Bits per second.
    pub rate: BitRate,
    /// Length of packets.
    pub pace: Pace,
}

impl VoiceProfile {
    /// All there are.
    pub fn all() -> impl Iterator<Item = Self> {
        let paces = [Pace::Even, Pace::Short, Pace::LowDelay];
        paces.into_iter().flat_map(|pace| BitRate::ALL.map(|rate| Self { rate, pace }))
    }

    /// Samples in a packet: 960 or 480, 20 or 10 ms.
    #[must_use]
    pub const fn packet_samples(self) -> usize {
        match self.pace {
            Pace::Even => FRAME_SAMPLES,
            Pace::Short | Pace::LowDelay => BLOCK_SAMPLES,
        }
    }

    /// Bytes of every packet: 20 to 160.
    #[must_use]
    pub const fn packet_bytes(self) -> usize {
        self.rate.bits() as usize * self.packet_samples() / (8 * SAMPLE_RATE as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_of_rate_and_length() {
        assert_eq!(VoiceProfile::default().packet_bytes(), 60);
        let bytes: Vec<_> = VoiceProfile::all().map(VoiceProfile::packet_bytes).collect();
        assert_eq!(bytes[..5], [40, 60, 80, 120, 160]);
        assert_eq!(bytes[5..10], [20, 30, 40, 60, 80]);
        assert_eq!(bytes[10..], bytes[5..10]);
    }

    #[test]
    fn only_some_rates_are_rates() {
        assert_eq!(BitRate::of_kbits(48), Some(BitRate::K48));
        assert_eq!(BitRate::of_kbits(25), None);
    }
}
