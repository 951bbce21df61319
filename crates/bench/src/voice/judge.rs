//! What was heard, in figures, and the files that scores and plots are made of.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde::Serialize;
use standfast_testkit::measure::{delays, measure, resample};
use standfast_testkit::path::Form;

use super::hear::{Heard, levels};
use super::paths::Named;
use super::scores::Scores;
use super::words::{RATE, Words};
use crate::clock::Samples;

/// The rate of recordings: what PESQ wants, and all that the recorded speech holds.
pub(crate) const RECORDED_RATE: usize = 16_000;

/// One system on one path.
#[derive(Serialize)]
pub(crate) struct Row {
    system: &'static str,
    path: &'static str,
    seed: u64,
    form: &'static str,
    /// As asked.
    loss_pct: f64,
    burst_ms: u64,
    rtt_ms: u64,
    jitter_ms: u64,
    reorder_pct: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_kbps: Option<u64>,
    /// As it came; in a stream, segments that were sent again.
    lost_pct: f64,
    /// Of the network, all headers included.
    sent_kbps: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    m2e_p50_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    m2e_p95_ms: Option<f64>,
    /// By our own STOI, each second aligned.
    #[serde(skip_serializing_if = "Option::is_none")]
    stoi_own: Option<f64>,
    #[serde(flatten)]
    pub(crate) scores: Scores,
    /// Frames of which no packet came in time, neither the first nor a copy.
    unplayable_pct: f64,
    /// Made up, or silent for want of anything.
    concealed_ms_per_min: f64,
    /// Of these silent; a system without silence of its own never is.
    silent_ms_per_min: f64,
    buffer_ms: Spread,
    pub(crate) recording: String,
}

/// Over all 10 ms steps after the first frame.
#[derive(Serialize)]
struct Spread {
    p50: f64,
    p95: f64,
    max: f64,
}

/// Looks at a run, and leaves a recording and a time line in `out`.
///
/// # Errors
/// When these cannot be written.
pub(crate) fn judge(
    system: &'static str,
    path: &Named,
    seed: u64,
    words: &Words,
    heard: &Heard,
    out: &Path,
) -> anyhow::Result<Row> {
    let name = format!("{system}-{}-{seed}", path.name);
    let (spoken16, heard16) = (slow(&words.samples), slow(&heard.sound));
    write_wav(&out.join(format!("{name}.wav")), &heard16)?;
    write_times(&out.join(format!("{name}.csv")), words, heard, &spoken16, &heard16)?;
    let measured = measure(&spoken16, &heard16, RECORDED_RATE);
    let minutes = (heard.sent * heard.packet_ms) as f64 / 60_000.0;
    let conditions = path.conditions;
    let percent = |part: u64, all: u64| 100.0 * part as f64 / all.max(1) as f64;
    Ok(Row {
        system,
        path: path.name,
        seed,
        form: match conditions.form {
            Form::Datagrams => "datagrams",
            Form::Stream { fast: true } => "stream, fast retransmit",
            Form::Stream { fast: false } => "stream, time-outs",
        },
        loss_pct: conditions.loss * 100.0,
        burst_ms: if conditions.loss > 0.0 {
            u64::from(conditions.burst) * heard.packet_ms
        } else {
            0
        },
        rtt_ms: conditions.rtt_us / 1_000,
        jitter_ms: conditions.jitter_us / 1_000,
        reorder_pct: conditions.reorder * 100.0,
        rate_kbps: conditions.rate_bps.map(|rate| rate / 1_000),
        lost_pct: percent(heard.passed.lost, heard.passed.sent),
        sent_kbps: heard.passed.bytes as f64 * 8.0 / (minutes * 60_000.0),
        m2e_p50_ms: measured.as_ref().map(|m| m.mouth_to_ear_ms),
        m2e_p95_ms: measured.as_ref().map(|m| m.mouth_to_ear_p95_ms),
        stoi_own: measured.as_ref().map(|m| m.stoi),
        scores: Scores::default(),
        unplayable_pct: percent(heard.sent.saturating_sub(heard.played), heard.sent),
        concealed_ms_per_min: heard.concealed_ms as f64 / minutes,
        silent_ms_per_min: heard.silent_ms as f64 / minutes,
        buffer_ms: buffer(heard),
        recording: name,
    })
}

fn buffer(heard: &Heard) -> Spread {
    let playing = heard.moments.iter().filter(|at| at.played > 0);
    let samples: Samples = playing.map(|at| at.buffer_us as f64 / 1e3).collect();
    Spread { p50: samples.at(50), p95: samples.at(95), max: samples.at(100) }
}

/// At the rate of recordings.
pub(crate) fn slow(samples: &[f32]) -> Vec<f64> {
    let samples: Vec<f64> = samples.iter().map(|s| f64::from(*s)).collect();
    resample(&samples, RATE, RECORDED_RATE)
}

/// # Errors
/// When it cannot be written.
pub(crate) fn write_wav(path: &Path, samples: &[f64]) -> anyhow::Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RECORDED_RATE as u32,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec)?;
    for sample in samples {
        writer.write_sample((sample.clamp(-1.0, 1.0) * 32_767.0) as i16)?;
    }
    Ok(writer.finalize()?)
}

/// Level, delay and buffer every 100 ms, for the plot.
fn write_times(
    path: &Path,
    words: &Words,
    heard: &Heard,
    spoken16: &[f64],
    heard16: &[f64],
) -> anyhow::Result<()> {
    let delays = delays(spoken16, heard16, RECORDED_RATE);
    let mut file = std::io::BufWriter::new(fs::File::create(path)?);
    writeln!(file, "s,spoken_db,heard_db,m2e_ms,buffer_ms,target_ms,concealed_frames")?;
    let pairs = levels(&words.samples).zip(levels(&heard.sound));
    for (n, ((spoken, loud), at)) in pairs.zip(heard.moments.iter().step_by(10)).enumerate() {
        let delay = delays.get(n / 10).copied().flatten();
        let delay = delay.map(|d| format!("{:.1}", d as f64 * 1e3 / RECORDED_RATE as f64));
        writeln!(
            file,
            "{:.1},{spoken:.1},{loud:.1},{},{:.1},{:.1},{}",
            n as f64 / 10.0,
            delay.unwrap_or_default(),
            at.buffer_us as f64 / 1e3,
            at.target_us as f64 / 1e3,
            at.concealed,
        )?;
    }
    Ok(file.flush()?)
}
