//! Devices, settings and the hints that come from listening to them.

use serde::{Deserialize, Serialize};

use crate::{GlobalKey, GlobalKeyState, TalkKey};

/// One sound device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct AudioDevice {
    /// The handle that commands name it by.
    pub id: String,
    /// The system's name for it.
    pub name: String,
}

/// Which device to use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum DeviceChoice {
    /// Whatever the system uses, following its changes.
    FollowSystem,
    /// This one, if it is there.
    Fixed {
        /// [`AudioDevice::id`].
        id: String,
    },
}

/// The sound devices of this computer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Devices {
    /// Microphones.
    pub inputs: Vec<AudioDevice>,
    /// Speakers.
    pub outputs: Vec<AudioDevice>,
    /// The user's choice of microphone.
    pub input: DeviceChoice,
    /// The user's choice of speaker.
    pub output: DeviceChoice,
    /// Name of the microphone in use now; `None` without one.
    pub input_now: Option<String>,
    /// Name of the speaker in use now; `None` without one.
    pub output_now: Option<String>,
}

/// The microphone test. Its level travels in [`crate::Levels`]; nothing leaves this computer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum MicrophoneTest {
    /// Not running.
    Off,
    /// Running: levels come.
    Running {
        /// Since when.
        since_ms: u64,
        /// Nothing was heard for 5 s.
        silent: bool,
    },
    /// There is no microphone.
    NoDevice,
    /// The system does not allow it.
    Denied,
}

/// Light, dark, or as the system says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the system says.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// How much of the line the own voice takes: a constant rate. The others need the same for hearing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum VoiceQuality {
    /// 16 kbit/s.
    SmallLine,
    /// 24 kbit/s.
    #[default]
    Standard,
    /// 32 kbit/s.
    Good,
    /// 48 kbit/s.
    VeryGood,
    /// 64 kbit/s.
    Best,
}

/// The settings, all of which act at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Light or dark.
    pub theme: Theme,
    /// Echo cancellation.
    pub echo_cancellation: bool,
    /// Noise reduction.
    pub noise_reduction: bool,
    /// Automatic gain.
    pub even_volume: bool,
    /// How much of the line the own voice takes.
    pub voice_quality: VoiceQuality,
    /// Shorter packets, and no noise reduction: the own voice is heard sooner.
    pub low_delay: bool,
    /// Everyone is heard from a place of their own, for headphones.
    pub place_voices: bool,
    /// Silence is sent while muted.
    pub cover_traffic: bool,
    /// What the talk key does.
    pub talk_key: TalkKey,
    /// The talk key that works from anywhere, if one is wanted.
    pub global_key: Option<GlobalKey>,
    /// Whether it does.
    pub global_key_state: GlobalKeyState,
}

/// One change of the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Setting {
    /// Light or dark.
    Theme {
        /// The theme to use.
        theme: Theme,
    },
    /// Echo cancellation.
    EchoCancellation {
        /// On or off.
        on: bool,
    },
    /// Noise reduction.
    NoiseReduction {
        /// On or off.
        on: bool,
    },
    /// Automatic gain.
    EvenVolume {
        /// On or off.
        on: bool,
    },
    /// How much of the line the own voice takes.
    VoiceQuality {
        /// How much.
        quality: VoiceQuality,
    },
    /// Shorter packets, and no noise reduction.
    LowDelay {
        /// On or off.
        on: bool,
    },
    /// Everyone is heard from a place of their own.
    PlaceVoices {
        /// On or off.
        on: bool,
    },
    /// Silence is sent while muted.
    CoverTraffic {
        /// On or off.
        on: bool,
    },
    /// What the talk key does.
    TalkKey {
        /// What.
        does: TalkKey,
    },
    /// The talk key that works from anywhere.
    GlobalKey {
        /// Which, if any.
        key: Option<GlobalKey>,
    },
    /// The relay for new standups.
    Relay {
        /// `host` or `host:port`.
        address: String,
    },
}

/// A direction of sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// What hears the user.
    Microphone,
    /// What the user hears.
    Speaker,
}

/// Something the user may want to act on. The list holds what is so now; the UI shows each once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Hint {
    /// Voice on a muted microphone.
    TalkingWhileMuted,
    /// An open microphone from which no sound comes.
    DeadMicrophone {
        /// Its name.
        device: String,
    },
    /// An open microphone in which speech drowns in noise.
    NoisyMicrophone {
        /// Its name.
        device: String,
    },
    /// A device in use went away.
    DeviceGone {
        /// Which of the two.
        what: DeviceKind,
        /// Its name.
        device: String,
        /// What is used instead, if anything.
        using: Option<String>,
    },
    /// Another program holds the device.
    DeviceBusy {
        /// Which of the two.
        what: DeviceKind,
    },
    /// A device was plugged in and is not in use.
    DeviceArrived {
        /// Which of the two.
        what: DeviceKind,
        /// The device.
        device: AudioDevice,
    },
    /// The relay holds us back.
    RelayLimited,
}
