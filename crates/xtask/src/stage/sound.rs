//! A sound server of our own with a microphone and a speaker for each of two people.
//!
//! All four are channels of one virtual card, so one recording of that card holds what went into
//! each microphone and what came out of each speaker on one clock, sample by sample.

use crate::child::{Child, until};
use crate::session::{Environment, inside};
use anyhow::Context as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// Samples per second of the card.
pub(crate) const RATE: u32 = 48_000;

/// How much sound our own player and recorder hold, in milliseconds.
const OWN_LATENCY: &str = "--latency-msec=20";

/// What each process asks the server to hold for it. Without it the server's default is seconds.
const LATENCY_MS: &str = "20";

/// One of the four jacks of the virtual card, in the order of its channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Jack {
    /// What the first person says.
    MicA,
    /// What the first person hears.
    EarA,
    /// What the second person says.
    MicB,
    /// What the second person hears.
    EarB,
}

/// All jacks, in the order of the channels.
const JACKS: [Jack; 4] = [Jack::MicA, Jack::EarA, Jack::MicB, Jack::EarB];

impl Jack {
    /// Its name as a sink.
    pub(crate) fn sink(self) -> &'static str {
        match self {
            Self::MicA => "mic_a",
            Self::EarA => "ear_a",
            Self::MicB => "mic_b",
            Self::EarB => "ear_b",
        }
    }

    /// Its name as a source: what is played into it.
    pub(crate) fn source(self) -> String {
        format!("{}.monitor", self.sink())
    }

    fn channel(self) -> usize {
        JACKS.iter().position(|jack| *jack == self).unwrap_or_default()
    }
}

/// The sound server.
#[derive(Debug)]
pub(crate) struct Sound {
    _server: Child,
    environment: Environment,
    logs: PathBuf,
    scratch: PathBuf,
}

impl Sound {
    /// Starts the server and its card, and points the environment to them.
    pub(crate) async fn open(
        environment: &mut Environment,
        dir: &Path,
        logs: &Path,
    ) -> anyhow::Result<Self> {
        let socket = dir.join("run/sound");
        environment.push(("PULSE_SERVER".into(), format!("unix:{}", socket.display()).into()));
        environment.push(("PULSE_COOKIE".into(), dir.join("run/sound-cookie").into()));
        environment.push(("PULSE_LATENCY_MSEC".into(), LATENCY_MS.into()));
        alsa_through_pulse(dir)?;
        let mut command = inside("pulseaudio", environment);
        command.args(["--daemonize=no", "-n", "--exit-idle-time=-1", "--use-pid-file=no"]);
        for module in modules(&socket) {
            command.args(["--load", &module]);
        }
        let server = Child::start("sound", &mut command, logs)?;
        let sound = Self {
            _server: server,
            environment: environment.clone(),
            logs: logs.to_owned(),
            scratch: dir.to_owned(),
        };
        until("sound server", Duration::from_secs(30), || sound.has_card().then_some(())).await?;
        Ok(sound)
    }

    /// Plays a WAV into a microphone; ends when it has been played.
    pub(crate) fn play(&self, jack: Jack, wav: &Path) -> anyhow::Result<Child> {
        let mut command = inside("paplay", &self.environment);
        command.args(["--device", jack.sink(), OWN_LATENCY]).arg(wav);
        Child::start(&format!("play-{}", jack.sink()), &mut command, &self.logs)
    }

    /// Records all four jacks from now until [`Recorder::stop`].
    pub(crate) async fn record(&self, name: &str) -> anyhow::Result<Recorder> {
        let path = self.scratch.join(format!("{name}.raw"));
        let mut command = inside("parec", &self.environment);
        command.args(["--device=lab.monitor", "--format=s16le", "--rate=48000", "--channels=4"]);
        command.args(["--channel-map=aux0,aux1,aux2,aux3", OWN_LATENCY, "--raw"]);
        let log = File::create(self.logs.join(format!("record-{name}.log")))?;
        let raw = File::create(&path)?;
        let child = Child::start_into(name, &mut command, raw, log)?;
        let begun = || fs::metadata(&path).is_ok_and(|file| file.len() > 0).then_some(());
        until("recording", Duration::from_secs(10), begun).await?;
        Ok(Recorder { child, path })
    }

    /// Joins a microphone to a speaker without any app, to measure what the server itself takes.
    /// Lasts until both programs are dropped.
    pub(crate) fn short_circuit(&self, mic: Jack, ear: Jack) -> anyhow::Result<[Child; 2]> {
        let format = ["--rate=48000", "--channels=1", "--format=s16le", "--raw", OWN_LATENCY];
        let mut from = inside("parec", &self.environment);
        from.args(["--device", &mic.source()]).args(format);
        let (from, sound) = Child::start_reading("circuit-from", &mut from, &self.logs)?;
        let mut to = inside("pacat", &self.environment);
        to.args(["--device", ear.sink()]).args(format).stdin(Stdio::from(sound));
        Ok([from, Child::start("circuit-to", &mut to, &self.logs)?])
    }

    fn has_card(&self) -> bool {
        let mut list = inside("pactl", &self.environment);
        list.args(["list", "short", "sinks"]).stderr(Stdio::null());
        list.output().is_ok_and(|answer| {
            let text = String::from_utf8_lossy(&answer.stdout).into_owned();
            JACKS.iter().all(|jack| text.contains(jack.sink()))
        })
    }
}

/// A running recording of the whole card.
#[derive(Debug)]
pub(crate) struct Recorder {
    child: Child,
    path: PathBuf,
}

impl Recorder {
    /// How much was recorded so far, in samples of each channel.
    pub(crate) fn position(&self) -> anyhow::Result<usize> {
        Ok(usize::try_from(fs::metadata(&self.path)?.len())? / (2 * JACKS.len()))
    }

    /// The samples of one jack so far.
    pub(crate) fn so_far(&self, jack: Jack) -> anyhow::Result<Vec<f32>> {
        let bytes = fs::read(&self.path).context("the recording")?;
        let samples = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
        Ok(samples
            .skip(jack.channel())
            .step_by(JACKS.len())
            .map(|sample| f32::from(sample) / 32_768.0)
            .collect())
    }

    /// Ends the recording. It can still be read.
    pub(crate) fn stop(&mut self) {
        self.child.stop();
    }
}

/// What the server loads: a way in, the card, and a jack for each channel.
fn modules(socket: &Path) -> Vec<String> {
    let mut modules = vec![
        format!("module-native-protocol-unix auth-anonymous=1 socket={}", socket.display()),
        format!(
            "module-null-sink sink_name=lab rate={RATE} channels=4 channel_map=aux0,aux1,aux2,aux3"
        ),
    ];
    modules.extend(JACKS.iter().map(|jack| {
        format!(
            "module-remap-sink sink_name={} master=lab channels=1 channel_map=mono \
             master_channel_map=aux{} remix=no",
            jack.sink(),
            jack.channel()
        )
    }));
    modules
}

/// Makes ALSA's default device the sound server, for whoever speaks ALSA.
fn alsa_through_pulse(dir: &Path) -> anyhow::Result<()> {
    let alsa = dir.join("config/alsa");
    fs::create_dir_all(&alsa)?;
    let config = "pcm.!default { type pulse }\nctl.!default { type pulse }\n";
    fs::write(alsa.join("asoundrc"), config)?;
    fs::write(dir.join("home/.asoundrc"), config)?;
    Ok(())
}
