//! Opus as it comes: each packet once, a buffer of a fixed length, the codec's classic concealment.

use std::collections::{BTreeMap, VecDeque};

use standfast_media::{BLOCK_SAMPLES, Block, CodecError, Concealment, Decoder, FRAME_SAMPLES};
use standfast_testkit::path::{Conditions, Passed, Path};

use super::hear::{SoFar, System};
use super::paths::overhead_bytes;

/// Bytes of an RTP header.
const RTP_BYTES: usize = 12;

/// A buffer that plays everything so long after the first packet's way.
pub(crate) struct FixedBuffer {
    wait_us: u64,
    decoder: Decoder,
    waiting: BTreeMap<u32, Vec<u8>>,
    /// When the first packet came.
    first_us: Option<u64>,
    /// The next frame to play.
    next_ts: u32,
    /// The fastest way of a packet, arrival minus media time.
    fastest_us: i64,
    ready: VecDeque<f32>,
    so_far: SoFar,
}

impl FixedBuffer {
    /// Plays `wait_us` after the first packet has come.
    pub(crate) fn new(wait_us: u64) -> Result<Self, CodecError> {
        Ok(Self {
            wait_us,
            decoder: Decoder::new()?,
            waiting: BTreeMap::new(),
            first_us: None,
            next_ts: 0,
            fastest_us: i64::MAX,
            ready: VecDeque::new(),
            so_far: SoFar { target_us: wait_us, ..SoFar::default() },
        })
    }

    pub(crate) fn push(&mut self, at_us: u64, media_ts: u32, packet: &[u8]) {
        if self.first_us.is_none() {
            (self.first_us, self.next_ts) = (Some(at_us), media_ts);
        }
        self.fastest_us = self.fastest_us.min(at_us as i64 - micros(media_ts));
        if media_ts >= self.next_ts {
            self.waiting.insert(media_ts, packet.to_vec());
        }
    }

    pub(crate) fn pull(&mut self, now_us: u64, block: &mut Block) {
        if self.first_us.is_none_or(|first| now_us < first + self.wait_us) {
            return;
        }
        if self.ready.len() < BLOCK_SAMPLES {
            self.next_frame(now_us);
        }
        for (out, sample) in block.iter_mut().zip(self.ready.drain(..BLOCK_SAMPLES)) {
            *out = sample;
        }
    }

    fn next_frame(&mut self, now_us: u64) {
        let mut frame = [0.0; FRAME_SAMPLES];
        let packet = self.waiting.remove(&self.next_ts);
        // A codec that fails leaves silence.
        if let Some(packet) = packet {
            let _ = self.decoder.decode(&packet, &mut frame);
            self.so_far.played += 1;
        } else {
            let _ = self.decoder.conceal(Concealment::Classic, &mut frame);
            self.so_far.concealed += 1;
        }
        let way_us = now_us as i64 - micros(self.next_ts);
        self.so_far.buffer_us = u64::try_from(way_us - self.fastest_us).unwrap_or(0);
        self.next_ts += FRAME_SAMPLES as u32;
        self.ready.extend(frame);
    }

    pub(crate) fn so_far(&self) -> SoFar {
        self.so_far
    }
}

fn micros(media_ts: u32) -> i64 {
    i64::from(media_ts) * 1_000 / 48
}

/// Packets straight from the encoder over the path into a fixed buffer.
pub(crate) struct Plain {
    path: Path<(u32, Vec<u8>)>,
    overhead_bytes: usize,
    buffer: FixedBuffer,
}

impl Plain {
    /// With a buffer of `wait_us`.
    ///
    /// # Errors
    /// When there is no decoder.
    pub(crate) fn new(conditions: Conditions, seed: u64, wait_us: u64) -> anyhow::Result<Self> {
        Ok(Self {
            path: Path::new(conditions, seed),
            overhead_bytes: overhead_bytes(conditions.form) + RTP_BYTES,
            buffer: FixedBuffer::new(wait_us)?,
        })
    }
}

impl System for Plain {
    fn say(&mut self, now_us: u64, media_ts: u32, packet: &[u8]) {
        let bytes = packet.len() + self.overhead_bytes;
        self.path.send(now_us, bytes, (media_ts, packet.to_vec()));
    }

    fn go_to(&mut self, now_us: u64) {
        while let Some((at_us, (media_ts, packet))) = self.path.arrive(now_us) {
            self.buffer.push(at_us, media_ts, &packet);
        }
    }

    fn pull(&mut self, now_us: u64, block: &mut Block) {
        self.buffer.pull(now_us, block);
    }

    fn so_far(&self) -> SoFar {
        self.buffer.so_far()
    }

    fn passed(&self) -> Passed {
        self.path.passed()
    }
}
