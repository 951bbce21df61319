//! What voice costs: processor time and memory.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, ensure};
use standfast_media::{
    BLOCK_SAMPLES, DeepBudget, Encoder, FRAME_SAMPLES, Incoming, Mixer, Processing,
    ProcessingConfig, SILENT_BLOCK,
};

use super::hear::{PACKET_MS, PACKET_SAMPLES};
use super::words::Words;
use crate::clock::Stopwatch;

/// Sizes of meeting.
pub(crate) const PARTICIPANTS: [usize; 3] = [5, 15, 50];
/// People who talk at once in a meeting that is held well.
pub(crate) const TALKING: usize = 3;
/// Packets before the count: 2 s, in which everyone is heard once.
const WARM_UP: usize = 100;
/// And while it runs: 20 s.
const COUNTED: usize = 1_000;

/// Allocations in the bodies of the callbacks, of every direction and sample format, while their
/// rings fill and run dry.
///
/// # Errors
/// When one lost no sound, as it was meant to.
pub(crate) fn callback_allocations() -> anyhow::Result<u64> {
    let mut count = 0;
    for mut exercise in standfast_audio::exercises() {
        let mut lost = 0;
        count += allocation_counter::measure(|| lost = exercise()).count_total;
        ensure!(lost > 0, "a callback did not come to the end of its ring");
    }
    Ok(count)
}

/// The voice of one device among many, without its threads.
struct Seat<'w> {
    words: &'w Words,
    processing: Processing,
    encoder: Encoder,
    others: Vec<Incoming>,
    mixer: Mixer,
}

impl<'w> Seat<'w> {
    fn new(words: &'w Words, participants: usize) -> anyhow::Result<Self> {
        let others: Result<_, _> = (1..participants).map(|_| Incoming::new()).collect();
        Ok(Self {
            words,
            processing: Processing::new(ProcessingConfig::default()),
            encoder: Encoder::new()?,
            others: others?,
            mixer: Mixer::default(),
        })
    }

    /// 20 ms in which the first `talking` of the others send, each other words.
    fn step(&mut self, n: usize, talking: usize) -> anyhow::Result<()> {
        let packets = &self.words.packets;
        for (who, other) in self.others.iter_mut().enumerate() {
            if who < talking {
                let packet = &packets[(n + who * 37) % packets.len()];
                other.push(n as u64 * PACKET_MS * 1_000, n as u32 * PACKET_SAMPLES, packet);
            } else {
                other.pause();
            }
        }
        self.speak(n)?;
        for half in 0..2 {
            self.play(n as u64 * PACKET_MS * 1_000 + half * 10_000 + 5_000);
        }
        Ok(())
    }

    fn speak(&mut self, n: usize) -> anyhow::Result<()> {
        let at = n % self.words.packets.len() * FRAME_SAMPLES;
        let mut frame = [0.0; FRAME_SAMPLES];
        let spoken = self.words.samples[at..at + FRAME_SAMPLES].chunks_exact(BLOCK_SAMPLES);
        for (done, spoken) in frame.chunks_exact_mut(BLOCK_SAMPLES).zip(spoken) {
            let mut block = SILENT_BLOCK;
            block.copy_from_slice(spoken);
            self.processing.process(&mut block);
            done.copy_from_slice(&block);
        }
        self.encoder.encode(&frame)?;
        Ok(())
    }

    fn play(&mut self, now_us: u64) {
        let (mut block, mut deep) = (SILENT_BLOCK, DeepBudget::PER_BLOCK);
        for other in &mut self.others {
            if other.pull(now_us, &mut deep, &mut block) {
                self.mixer.add(&block, 1.0);
            }
        }
        self.mixer.finish();
    }
}

/// Processor time of this thread for one device in a meeting of `participants`, percent of one
/// core: processing, coding, jitter buffers, decoding and mixing. No key, no network, no device.
/// Of the others `talking` send and the rest has muted; this one talks, too.
///
/// # Errors
/// When there is no codec.
pub(crate) fn cpu(words: &Words, participants: usize, talking: usize) -> anyhow::Result<f64> {
    let mut seat = Seat::new(words, participants)?;
    (0..WARM_UP).try_for_each(|n| seat.step(n, participants))?;
    let watch = Stopwatch::start();
    (WARM_UP..WARM_UP + COUNTED).try_for_each(|n| seat.step(n, talking))?;
    let sound_ms = (COUNTED as u64 * PACKET_MS) as f64;
    Ok(100.0 * watch.cpu_ms() / sound_ms)
}

/// Resident memory of a process that is nothing but one device's voice, MB.
///
/// # Errors
/// When the process does not run, or the system does not tell.
pub(crate) fn rss_mb(participants: usize) -> anyhow::Result<f64> {
    let mut own = Command::new(std::env::current_exe()?);
    let output = own.args(["voice-memory", &participants.to_string()]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// The other side of [`rss_mb`]: is that process, and prints what it holds.
///
/// # Errors
/// When there is no codec, or the system does not tell.
pub(crate) fn hold_memory(participants: usize) -> anyhow::Result<()> {
    let words = Words::buzz(2)?;
    let mut seat = Seat::new(&words, participants)?;
    (0..WARM_UP).try_for_each(|n| seat.step(n, participants))?;
    let status = fs::read_to_string("/proc/self/status").context("memory of a process")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    println!("{:.1}", kib * 1_024.0 / 1e6);
    Ok(())
}
