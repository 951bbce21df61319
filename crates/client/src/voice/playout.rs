//! The thread from opened frames to the loudspeaker.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rtrb::Producer;
use standfast_media::{
    Block, DeepBudget, Incoming, Level, MAX_SPEAKERS, Mix, Mixer, Packet, Place, SILENT_BLOCK,
};

use super::places::Places;
use super::shared::{Heard, Shared, SpeakerLevel, SpeakerStats};
use super::sink::Sink;

/// The speaker number of the own voice while hearing oneself.
pub(super) const SELF: u64 = u64::MAX;
/// How often to look whether the device needs sound; the device's callback may not wake us.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Blocks at one look, at most: whatever a device wants, orders and frames are heard between.
const LOOK_BLOCKS: usize = 20;
/// Blocks between two reports: 50 ms.
const REPORT_BLOCKS: u32 = 5;
/// A mix with a sample above this (−60 dBFS) is not silence.
const SOUND: f32 = 1e-3;

/// What the playout thread is told.
#[expect(clippy::large_enum_variant, reason = "nearly all are frames; a box would allocate each")]
pub(super) enum ToPlayout {
    Frame { speaker: u64, media_ts: u32, arrival_us: u64, packet: Packet, copy: bool },
    Pause(u64),
    Forget(u64),
    Gain(u64, f32),
    Placing(bool),
    People(BTreeSet<u64>),
    Output(Box<Sink>),
}

/// A block that was handed to a loudspeaker, for the echo stage.
pub(super) struct Played {
    pub(super) at_us: u64,
    /// Another device than the block before.
    pub(super) by_another_device: bool,
    /// The mean of both ears.
    pub(super) block: Block,
}

struct Speaker {
    incoming: Incoming,
    /// The loudest since the last report.
    level: Level,
    place: Place,
}

pub(super) struct PlayoutThread {
    shared: Arc<Shared>,
    /// Frames, and what must not overtake them; what finds it full is left out.
    frames: Receiver<ToPlayout>,
    /// The rest: looked at when the frames before it are taken.
    orders: Receiver<ToPlayout>,
    /// To the echo stage.
    played: Producer<Played>,
    another_device: bool,
    speakers: HashMap<u64, Speaker>,
    /// Kept apart, for a gain may be set before the first frame.
    gains: HashMap<u64, f32>,
    places: Places,
    mixer: Mixer,
    unreported: u32,
}

impl PlayoutThread {
    pub(super) fn new(
        shared: Arc<Shared>,
        frames: Receiver<ToPlayout>,
        orders: Receiver<ToPlayout>,
        played: Producer<Played>,
        placing: bool,
    ) -> Self {
        Self {
            shared,
            frames,
            orders,
            played,
            another_device: false,
            speakers: HashMap::new(),
            gains: HashMap::new(),
            places: Places::new(placing),
            mixer: Mixer::default(),
            unreported: 0,
        }
    }

    pub(super) fn run(mut self, mut sink: Sink) {
        self.shared.set_output_state(sink.first_state());
        while !self.shared.is_stopping() {
            match self.frames.recv_timeout(LOOK_EVERY) {
                Ok(frame) => self.obey(frame, &mut sink),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.obey_all(&mut sink);
            for _ in 0..LOOK_BLOCKS {
                if self.shared.is_stopping() || !sink.wants_block() {
                    break;
                }
                self.play_block(&mut sink);
            }
            if let Some(state) = sink.changed_state() {
                self.shared.set_output_state(state);
                self.another_device = true;
            }
        }
    }

    /// Nothing of a speaker who is forgotten may come after that.
    fn obey_all(&mut self, sink: &mut Sink) {
        let orders: Vec<ToPlayout> = self.orders.try_iter().collect();
        while let Ok(frame) = self.frames.try_recv() {
            self.obey(frame, sink);
        }
        orders.into_iter().for_each(|order| self.obey(order, sink));
    }

    fn obey(&mut self, order: ToPlayout, sink: &mut Sink) {
        match order {
            ToPlayout::Frame { speaker, media_ts, arrival_us, packet, copy } => {
                #[cfg(feature = "expose-secrets-to-tests")]
                super::reveal::came(&packet);
                let speaker = self.speaker(speaker).map(|speaker| &mut speaker.incoming);
                match speaker {
                    Some(incoming) if copy => incoming.push_copy(arrival_us, media_ts, &packet),
                    Some(incoming) => incoming.push(arrival_us, media_ts, &packet),
                    None => return,
                };
            }
            ToPlayout::Pause(speaker) => {
                if let Some(speaker) = self.speakers.get_mut(&speaker) {
                    speaker.incoming.pause();
                }
            }
            ToPlayout::Forget(speaker) => {
                self.speakers.remove(&speaker);
                self.gains.remove(&speaker);
            }
            ToPlayout::Gain(speaker, gain) => {
                if self.gains.len() <= MAX_SPEAKERS || self.gains.contains_key(&speaker) {
                    self.gains.insert(speaker, gain);
                }
            }
            ToPlayout::Placing(on) => self.places.set_placing(on),
            ToPlayout::People(people) => self.places.set_people(people),
            ToPlayout::Output(new) => {
                *sink = *new;
                self.shared.set_output_state(sink.first_state());
            }
        }
    }

    /// The speaker, new if need be; `None` if there are too many or no decoder is to be had.
    fn speaker(&mut self, id: u64) -> Option<&mut Speaker> {
        if !self.speakers.contains_key(&id) {
            if self.speakers.len() > MAX_SPEAKERS {
                return None;
            }
            let incoming = Incoming::new().ok()?;
            let place = self.places.of(id);
            self.speakers.insert(id, Speaker { incoming, level: Level::SILENCE, place });
        }
        self.speakers.get_mut(&id)
    }

    fn play_block(&mut self, sink: &mut Sink) {
        let now_us = self.shared.now_us();
        let mix = self.mix_block(now_us);
        sink.write(&mix);
        if sink.sounds_in_the_room() {
            self.tell_played(now_us, mix.middle);
        }
        self.shared.add_output_glitches(sink.new_glitches());
        self.unreported += 1;
        if self.unreported >= REPORT_BLOCKS {
            self.report();
        }
    }

    /// The next 10 ms of everyone, each at their place.
    fn mix_block(&mut self, now_us: u64) -> Mix {
        let (mut block, mut deep) = (SILENT_BLOCK, DeepBudget::PER_BLOCK);
        let mut others_sound = false;
        for (id, speaker) in &mut self.speakers {
            let from = speaker.place;
            speaker.place = from.toward(self.places.of(*id));
            if !speaker.incoming.pull(now_us, &mut deep, &mut block) {
                continue;
            }
            #[cfg(feature = "expose-secrets-to-tests")]
            super::reveal::heard(&block);
            let level = speaker.incoming.level();
            speaker.level = speaker.level.max(level);
            others_sound |= *id != SELF && level.peak > SOUND;
            let gain = self.gains.get(id).copied().unwrap_or(1.0);
            self.mixer.add_at(&block, gain, (from, speaker.place));
        }
        if others_sound {
            self.shared.note_first_audio();
        }
        self.mixer.finish()
    }

    fn tell_played(&mut self, at_us: u64, block: Block) {
        let played = Played { at_us, by_another_device: self.another_device, block };
        // Full only while the capture thread has no device; then there is no echo either.
        if self.played.push(played).is_ok() {
            self.another_device = false;
        }
    }

    fn report(&mut self) {
        self.unreported = 0;
        let mut heard = Heard::default();
        for (id, speaker) in self.speakers.iter_mut().filter(|(id, _)| **id != SELF) {
            heard.levels.push(SpeakerLevel {
                speaker: *id,
                level: std::mem::replace(&mut speaker.level, Level::SILENCE),
                speaking: speaker.incoming.is_speaking(),
            });
            heard.stats.push(SpeakerStats { speaker: *id, incoming: speaker.incoming.stats() });
        }
        self.shared.set_heard(heard);
    }
}

#[cfg(test)]
mod tests {
    use standfast_media::{Encoder, FRAME_SAMPLES};

    use super::*;
    use crate::voice::OutputChoice;

    struct Stage {
        thread: PlayoutThread,
        sink: Sink,
        encoder: Encoder,
        now_us: u64,
    }

    impl Stage {
        fn new() -> Self {
            let (_, frames) = std::sync::mpsc::sync_channel(1);
            let (_, orders) = std::sync::mpsc::channel();
            let (played, _) = rtrb::RingBuffer::new(1);
            let shared = Arc::new(Shared::new(true));
            let thread = PlayoutThread::new(shared, frames, orders, played, false);
            let sink = Sink::new(&OutputChoice::Null).unwrap();
            Self { thread, sink, encoder: Encoder::new().unwrap(), now_us: 0 }
        }

        fn tell(&mut self, order: ToPlayout) {
            self.thread.obey(order, &mut self.sink);
        }

        /// Everyone talks for 20 ms; what is heard.
        fn talk(&mut self, speakers: &[u64]) -> [Mix; 2] {
            let tone = std::array::from_fn(|i| (i as f32 / 10.0).sin() * 0.2);
            let frame: [f32; FRAME_SAMPLES] = tone;
            let packet = self.encoder.encode(&frame).unwrap();
            let media_ts = (self.now_us / 20_000) as u32 * FRAME_SAMPLES as u32;
            for speaker in speakers.iter().copied() {
                let arrival_us = self.now_us;
                let frame = ToPlayout::Frame { speaker, media_ts, arrival_us, packet, copy: false };
                self.tell(frame);
            }
            [0, 1].map(|_| {
                self.now_us += 10_000;
                self.thread.mix_block(self.now_us)
            })
        }

        /// Until everyone is where they are to be; whether anything is aside then.
        fn settle(&mut self, speakers: &[u64]) -> bool {
            for _ in 0..50 {
                self.talk(speakers);
            }
            self.talk(speakers).iter().any(|mix| mix.side.is_some())
        }

        fn places(&self, speakers: &[u64]) -> Vec<Place> {
            speakers.iter().map(|speaker| self.thread.speakers[speaker].place).collect()
        }
    }

    #[test]
    fn voices_are_placed_while_they_talk() {
        let mut stage = Stage::new();
        stage.tell(ToPlayout::People([1, 2].into()));
        assert!(!stage.settle(&[1, 2]));
        stage.tell(ToPlayout::Placing(true));
        assert!(stage.settle(&[1, 2, SELF]));
        let seated = [Place::among(2, 0), Place::among(2, 1), Place::CENTRE];
        assert_eq!(stage.places(&[1, 2, SELF]), seated);
        stage.tell(ToPlayout::People([1, 2, 3].into()));
        stage.talk(&[1, 2, 3]);
        assert_eq!(stage.places(&[3]), [Place::among(3, 2)], "who comes does not glide");
        stage.tell(ToPlayout::Placing(false));
        assert!(!stage.settle(&[1, 2, 3]));
    }
}
