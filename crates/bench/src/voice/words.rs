//! The speech that is sent: read aloud by people where recordings are to be had, else by a machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use standfast_media::{Encoder, VoiceProfile};
use standfast_testkit::measure::resample;

/// Recordings of the Debian package `pocketsphinx-testdata`: people reading, 16 kHz.
const RECORDED: [&str; 2] =
    ["/usr/share/pocketsphinx/test/data/librivox", "/usr/share/pocketsphinx/test/data/cards"];
/// What the machine reads if there are none.
const TEXT: &str = "Yesterday I finished the invitation page and found why the second window lost \
    its sound. Today I write the tests for it, and then I look at the meeting that fell apart on \
    Tuesday. Nothing blocks me, but I would like somebody to read the protocol again with me.";
/// Between two recordings, samples at 48 kHz: 0.3 s.
const PAUSE_SAMPLES: usize = 14_400;
/// What recordings are brought to, root of the mean square: −26 dBFS.
const LEVEL: f32 = 0.05;
/// The rate of everything inside the program.
pub(crate) const RATE: usize = 48_000;

/// Speech at 48 kHz, and as packets.
pub(crate) struct Words {
    /// Who speaks, for the report.
    pub(crate) origin: &'static str,
    pub(crate) samples: Vec<f32>,
    /// One for every 20 ms.
    pub(crate) packets: Vec<Vec<u8>>,
}

impl Words {
    /// So many seconds of speech, the same every time: recordings one after the other, from the
    /// first again when there are too few.
    ///
    /// # Errors
    /// When there is neither a recording nor a machine that reads.
    pub(crate) fn of(seconds: usize) -> anyhow::Result<Self> {
        let (origin, all) = spoken()?;
        let mut samples = Vec::new();
        for one in all.iter().cycle() {
            samples.extend(one);
            samples.extend([0.0; PAUSE_SAMPLES]);
            if samples.len() >= seconds * RATE {
                break;
            }
        }
        samples.truncate(seconds * RATE);
        let packets = coded(&samples, VoiceProfile::default())?;
        Ok(Self { origin, samples, packets })
    }

    /// The same speech, coded otherwise.
    ///
    /// # Errors
    /// When there is no codec.
    pub(crate) fn coded(&self, profile: VoiceProfile) -> anyhow::Result<Vec<Vec<u8>>> {
        coded(&self.samples, profile)
    }

    /// A buzz, where only the amount of sound matters.
    ///
    /// # Errors
    /// When there is no codec.
    pub(crate) fn buzz(seconds: usize) -> anyhow::Result<Self> {
        let samples: Vec<f32> = (0..seconds * RATE).map(|n| (n % 400) as f32 / 4_000.0).collect();
        let packets = coded(&samples, VoiceProfile::default())?;
        Ok(Self { origin: "a buzz", samples, packets })
    }
}

/// Codes speech as the product does.
fn coded(samples: &[f32], profile: VoiceProfile) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut encoder = Encoder::with(profile)?;
    let packets = samples.chunks_exact(profile.packet_samples());
    packets.map(|sound| Ok(encoder.encode(sound)?.to_vec())).collect()
}

fn spoken() -> anyhow::Result<(&'static str, Vec<Vec<f32>>)> {
    let mut files = Vec::new();
    for dir in RECORDED {
        files.extend(wavs(Path::new(dir)));
    }
    if !files.is_empty() {
        let all: anyhow::Result<_> = files.iter().map(|file| read(file)).collect();
        return Ok(("people reading, 16 kHz recordings of pocketsphinx-testdata", all?));
    }
    println!("no recordings (Debian's pocketsphinx-testdata has some): a machine speaks");
    Ok(("synthetic speech of espeak-ng", vec![synthetic()?]))
}

fn wavs(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wav"))
        .collect();
    files.sort();
    files
}

fn synthetic() -> anyhow::Result<Vec<f32>> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("spoken.wav");
    let status = Command::new("espeak-ng").arg("-w").arg(&file).arg(TEXT).status();
    ensure!(status.context("espeak-ng")?.success(), "espeak-ng failed");
    read(&file)
}

/// A 16-bit file of one channel, at 48 kHz and the common level.
fn read(path: &Path) -> anyhow::Result<Vec<f32>> {
    let mut reader = hound::WavReader::open(path).with_context(|| path.display().to_string())?;
    let rate = reader.spec().sample_rate as usize;
    let samples: Result<Vec<f64>, _> =
        reader.samples::<i16>().map(|s| s.map(|s| f64::from(s) / 32_768.0)).collect();
    let mut samples: Vec<f32> = resample(&samples?, rate, RATE).iter().map(|s| *s as f32).collect();
    let square = samples.iter().map(|s| s * s).sum::<f32>() / samples.len().max(1) as f32;
    let gain = LEVEL / square.sqrt().max(1e-4);
    samples.iter_mut().for_each(|sample| *sample = (*sample * gain).clamp(-1.0, 1.0));
    Ok(samples)
}
