//! One sender's sound: jitter buffer, decoder and the decoded samples that wait to be mixed.

use std::collections::VecDeque;

use crate::comfort::Comfort;
use crate::jitter::{Adjust, JitterBuffer, JitterStats, MAX_CONCEALED_SAMPLES, Pop, Push};
use crate::{
    Activity, BLOCK_SAMPLES, Block, CodecError, Concealment, Decoder, FRAME_SAMPLES, Level,
    SAMPLE_RATE, SILENT_BLOCK, packet_samples, stretch,
};

/// Samples over which sound fades in after silence, against clicks: 5 ms.
const FADE_SAMPLES: usize = 240;

/// What was heard and missed of one sender.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IncomingStats {
    /// Counts and delay of the jitter buffer.
    pub jitter: JitterStats,
    /// Packets that were not 10 or 20 ms of Opus.
    pub undecodable: u64,
    /// Frames played shorter, to reduce the delay.
    pub shortened: u64,
    /// Frames played longer, to raise the delay.
    pub lengthened: u64,
    /// Frames missing that the packet after them said coarsely (in-band FEC).
    pub coarse: u64,
}

/// How many frames may be concealed by the network until the next block: many streams that lose at
/// once must not starve the thread that plays them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeepBudget(u32);

impl DeepBudget {
    /// For each block of 10 ms: two frames of some 0.7 ms, 14 % of a core at the very worst.
    pub const PER_BLOCK: Self = Self(2);

    fn take(&mut self) -> Concealment {
        match self.0.checked_sub(1) {
            Some(left) => {
                self.0 = left;
                Concealment::Deep
            }
            None => Concealment::Classic,
        }
    }
}

/// Receives the packets of one sender and gives its sound in blocks of 10 ms.
pub struct Incoming {
    jitter: JitterBuffer,
    decoder: Decoder,
    /// Decoded and not yet pulled; less than a block between pulls, plus one stretched frame.
    ready: VecDeque<f32>,
    /// Samples made up since the last packet.
    concealed_run: i64,
    silent: bool,
    comfort: Comfort,
    level: Level,
    activity: Activity,
    stats: IncomingStats,
}

impl Incoming {
    /// A sender of whom nothing has been heard.
    pub fn new() -> Result<Self, CodecError> {
        Ok(Self {
            jitter: JitterBuffer::default(),
            decoder: Decoder::new()?,
            ready: VecDeque::with_capacity(BLOCK_SAMPLES + stretch::MAX_SAMPLES),
            concealed_run: 0,
            silent: true,
            comfort: Comfort::default(),
            level: Level::SILENCE,
            activity: Activity::default(),
            stats: IncomingStats::default(),
        })
    }

    /// Takes a packet that arrived at `now_us` with media timestamp `ts` in samples.
    pub fn push(&mut self, now_us: u64, ts: u32, packet: &[u8]) -> Push {
        self.expect(packet);
        self.jitter.push(now_us, ts, packet)
    }

    /// Takes a packet that came again with a later one.
    pub fn push_copy(&mut self, now_us: u64, ts: u32, packet: &[u8]) -> Push {
        self.expect(packet);
        self.jitter.push_copy(now_us, ts, packet)
    }

    /// What is no Opus says nothing of what comes: it is found out when its time has come.
    fn expect(&mut self, packet: &[u8]) {
        if let Some(samples) = packet_samples(packet) {
            self.jitter.expect(samples);
        }
    }

    /// The sender muted: nothing is made up for what does not come, until something does.
    pub fn pause(&mut self) {
        self.jitter.pause();
    }

    /// Fills the next 10 ms; false if they are silence for want of anything to play. `deep` is shared by all who are pulled for one block.
    pub fn pull(&mut self, now_us: u64, deep: &mut DeepBudget, block: &mut Block) -> bool {
        let mut sounds = !self.ready.is_empty();
        while self.ready.len() < BLOCK_SAMPLES {
            let ahead_us = self.ready.len() as u64 * 1_000_000 / u64::from(SAMPLE_RATE);
            match self.jitter.pop(now_us, ahead_us) {
                Pop::Play(packet, adjust) => self.decode(&packet, adjust, deep),
                Pop::Before(packet) => self.decode_before(&packet, deep),
                Pop::Conceal => self.conceal(deep),
                Pop::Silence => {
                    self.silent = true;
                    // Only to the end of this block: sound may begin with the next.
                    let mut noise = SILENT_BLOCK;
                    if !self.jitter.is_paused() {
                        self.comfort.fill(&mut noise);
                    }
                    let rest = self.ready.len()..BLOCK_SAMPLES;
                    self.ready.extend(&noise[rest]);
                    break;
                }
            }
            sounds = true;
        }
        for (out, sample) in block.iter_mut().zip(self.ready.drain(..BLOCK_SAMPLES)) {
            *out = sample;
        }
        self.level = Level::of(block);
        self.activity.observe(self.level);
        if self.concealed_run == 0 && !self.silent {
            self.comfort.learn(self.level);
        }
        sounds || !(self.jitter.is_paused() || self.comfort.is_over())
    }

    fn decode(&mut self, packet: &[u8], adjust: Adjust, deep: &mut DeepBudget) {
        let mut room = [0.0; FRAME_SAMPLES];
        let frame = &mut room[..packet_samples(packet).unwrap_or(FRAME_SAMPLES)];
        if self.decoder.decode(packet, frame).is_err() {
            self.stats.undecodable += 1;
            return self.conceal(deep);
        }
        self.concealed_run = 0;
        if std::mem::take(&mut self.silent) {
            fade_in(frame);
        }
        let adjusted = match adjust {
            Adjust::Keep => {
                self.ready.extend(frame.iter());
                false
            }
            Adjust::Shorten => stretch::shorten(frame, false, &mut self.ready),
            Adjust::MustShorten => stretch::shorten(frame, true, &mut self.ready),
            Adjust::Lengthen => stretch::lengthen(frame, &mut self.ready),
        };
        if adjusted {
            self.jitter.adjusted(stretch::is_quiet(frame));
            match adjust {
                Adjust::Lengthen => self.stats.lengthened += 1,
                _ => self.stats.shortened += 1,
            }
        }
    }

    /// The frame before this packet, from what it says of it.
    fn decode_before(&mut self, packet: &[u8], deep: &mut DeepBudget) {
        let mut room = [0.0; FRAME_SAMPLES];
        let frame = &mut room[..packet_samples(packet).unwrap_or(FRAME_SAMPLES)];
        if self.decoder.decode_before(packet, frame).is_err() {
            return self.conceal(deep);
        }
        self.stats.coarse += 1;
        self.ready.extend(frame.iter());
    }

    fn conceal(&mut self, deep: &mut DeepBudget) {
        let mut room = [0.0; FRAME_SAMPLES];
        let frame = &mut room[..self.jitter.missing_samples()];
        // A codec that cannot conceal leaves silence, which is the best that is left.
        let _ = self.decoder.conceal(deep.take(), frame);
        self.concealed_run += frame.len() as i64;
        if self.concealed_run >= MAX_CONCEALED_SAMPLES || self.jitter.is_paused() {
            fade_out(frame);
        }
        self.ready.extend(frame.iter());
    }

    /// The loudness of the last block.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Whether the sender is speaking.
    pub fn is_speaking(&self) -> bool {
        self.activity.is_speaking()
    }

    /// Counts since the beginning.
    pub fn stats(&self) -> IncomingStats {
        IncomingStats { jitter: self.jitter.stats(), ..self.stats }
    }
}

fn fade_in(frame: &mut [f32]) {
    for (i, sample) in frame.iter_mut().take(FADE_SAMPLES).enumerate() {
        *sample *= i as f32 / FADE_SAMPLES as f32;
    }
}

fn fade_out(frame: &mut [f32]) {
    let len = frame.len() as f32;
    for (i, sample) in frame.iter_mut().enumerate() {
        *sample *= 1.0 - i as f32 / len;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BitRate, Encoder, Frame, Pace, SILENT_BLOCK, VoiceProfile};

    fn tone(number: u64) -> Frame {
        std::array::from_fn(|i| {
            let t = (number * FRAME_SAMPLES as u64 + i as u64) as f32 / 48_000.0;
            (std::f32::consts::TAU * 200.0 * t).sin() * 0.3
        })
    }

    /// Sends a tone for five seconds over a path that drops what `lost` says; returns the share
    /// of silent blocks after the first second, and the counts.
    fn listen(lost: impl Fn(u64) -> bool) -> (f64, IncomingStats) {
        let mut encoder = Encoder::new().unwrap();
        let mut incoming = Incoming::new().unwrap();
        let (mut silent, mut block) = (0_u32, SILENT_BLOCK);
        for tick in 0..500_u64 {
            if tick % 2 == 0 {
                let packet = encoder.encode(&tone(tick / 2)).unwrap();
                if !lost(tick / 2) {
                    incoming.push(tick * 10_000, (tick / 2) as u32 * 960, &packet);
                }
            }
            incoming.pull(tick * 10_000 + 5_000, &mut { DeepBudget::PER_BLOCK }, &mut block);
            if tick >= 100 && Level::of(&block).rms < 0.02 {
                silent += 1;
            }
        }
        (f64::from(silent) / 400.0, incoming.stats())
    }

    #[test]
    fn a_clean_path_has_no_gap_and_settles_near_the_target() {
        let (silent, stats) = listen(|_| false);
        assert_eq!(silent, 0.0);
        assert_eq!(stats.jitter.concealed, 0);
        assert_eq!(stats.jitter.target_us, 10_000);
        assert!(stats.jitter.delay_us < 20_000, "{stats:?}");
    }

    #[test]
    fn one_lost_packet_in_ten_leaves_no_gap() {
        let (silent, stats) = listen(|n| n % 10 == 3);
        assert_eq!(silent, 0.0, "{stats:?}");
        assert!(stats.jitter.concealed >= 20, "{stats:?}");
    }

    /// Sends a tone whose sender's profile is what `profile` says at each 10 ms, over a path that
    /// drops what `lost` says; the share of quiet blocks after the first second, and the counts.
    fn listen_to(
        profile: impl Fn(u64) -> VoiceProfile,
        lost: impl Fn(u64) -> bool,
    ) -> (f64, IncomingStats) {
        let mut incoming = Incoming::new().unwrap();
        let mut coded = (VoiceProfile::default(), Encoder::new().unwrap());
        let (mut quiet, mut block, mut said) = (0_u32, SILENT_BLOCK, 0);
        let hum = |at: u64| (std::f32::consts::TAU * 200.0 * at as f32 / 48_000.0).sin() * 0.3;
        for tick in 0..500_u64 {
            if profile(tick) != coded.0 {
                coded = (profile(tick), Encoder::with(profile(tick)).unwrap());
            }
            let samples = coded.0.packet_samples() as u64;
            // A packet can be coded when its last sample was spoken.
            if said + samples <= tick * BLOCK_SAMPLES as u64 {
                let sound: Vec<_> = (said..said + samples).map(hum).collect();
                let packet = coded.1.encode(&sound).unwrap();
                if !lost(tick) {
                    incoming.push(tick * 10_000, said as u32, &packet);
                }
                said += samples;
            }
            incoming.pull(tick * 10_000 + 5_000, &mut { DeepBudget::PER_BLOCK }, &mut block);
            quiet += u32::from(tick >= 100 && Level::of(&block).rms < 0.02);
        }
        (f64::from(quiet) / 400.0, incoming.stats())
    }

    #[test]
    fn every_profile_is_played_without_a_gap() {
        for profile in VoiceProfile::all() {
            let (quiet, stats) = listen_to(|_| profile, |_| false);
            assert_eq!((quiet, stats.jitter.concealed), (0.0, 0), "{profile:?}");
            assert!(stats.jitter.delay_us < 20_000, "{profile:?} {stats:?}");
            let (quiet, stats) = listen_to(|_| profile, |tick| tick % 20 < 2);
            assert_eq!(quiet, 0.0, "{profile:?} {stats:?}");
            assert!(stats.jitter.concealed >= 20, "{profile:?} {stats:?}");
        }
    }

    #[test]
    fn a_sender_may_change_its_profile_at_any_time() {
        let short = VoiceProfile { rate: BitRate::K64, pace: Pace::LowDelay };
        for turn in [7, 50, 51] {
            let profile = |tick: u64| {
                if (tick / turn).is_multiple_of(2) { VoiceProfile::default() } else { short }
            };
            let (quiet, stats) = listen_to(profile, |_| false);
            assert_eq!((quiet, stats.undecodable, stats.jitter.lost), (0.0, 0, 0), "{stats:?}");
            // The first packets after a change to 20 ms come 10 ms later than was waited for.
            assert!(stats.jitter.concealed <= 3, "{stats:?}");
            assert!(stats.jitter.delay_us < 40_000, "{stats:?}");
        }
    }

    #[test]
    fn rubbish_is_concealed() {
        let mut encoder = Encoder::new().unwrap();
        let mut incoming = Incoming::new().unwrap();
        let mut block = SILENT_BLOCK;
        for tick in 0..100_u64 {
            if tick % 2 == 0 {
                let packet = encoder.encode(&tone(tick / 2)).unwrap();
                let rubbish = tick == 60;
                let packet = if rubbish { &[0xFB][..] } else { &packet[..] };
                incoming.push(tick * 10_000, (tick / 2) as u32 * 960, packet);
            }
            incoming.pull(tick * 10_000 + 5_000, &mut { DeepBudget::PER_BLOCK }, &mut block);
        }
        assert_eq!(incoming.stats().undecodable, 1);
        assert!(incoming.level().rms > 0.1);
    }

    #[test]
    fn who_muted_is_silent_at_once_and_heard_again_at_once() {
        let heard_after = |pauses: bool| {
            let mut encoder = Encoder::new().unwrap();
            let mut incoming = Incoming::new().unwrap();
            let (mut block, mut heard) = (SILENT_BLOCK, 0);
            for tick in 0..200_u64 {
                if tick % 2 == 0 && !(100..180).contains(&tick) {
                    let packet = encoder.encode(&tone(tick / 2)).unwrap();
                    incoming.push(tick * 10_000, (tick / 2) as u32 * 960, &packet);
                }
                if tick == 100 && pauses {
                    incoming.pause();
                }
                let mut deep = DeepBudget::PER_BLOCK;
                incoming.pull(tick * 10_000 + 5_000, &mut deep, &mut block);
                heard += u64::from((100..180).contains(&tick) && Level::of(&block).peak > 1e-3);
            }
            assert!(Level::of(&block).rms > 0.1, "heard again");
            heard
        };
        assert!(heard_after(false) > 6, "the control");
        assert!(heard_after(true) <= 4, "{}", heard_after(true));
    }
}
