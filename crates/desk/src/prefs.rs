//! Settings: what is public lies in clear and works at once, what names a person is sealed.

use serde::{Deserialize, Serialize};
use standfast_client::voice::{BitRate, Pace, ProcessingConfig, VoiceProfile};
use standfast_ipc::{
    DeviceChoice, GlobalKey, GlobalKeyState, Setting, Settings, TalkKey, Theme, VoiceQuality,
};
use standfast_vault::Vault;

use crate::errors::{Outcome, store};

/// What is kept in clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Prefs {
    pub(crate) theme: Theme,
    pub(crate) echo: bool,
    pub(crate) noise: bool,
    pub(crate) gain: bool,
    pub(crate) quality: VoiceQuality,
    pub(crate) low_delay: bool,
    pub(crate) placing: bool,
    pub(crate) talk_key: TalkKey,
    pub(crate) global_key: Option<GlobalKey>,
    pub(crate) input: DeviceChoice,
    pub(crate) output: DeviceChoice,
    pub(crate) first_run_done: bool,
}

impl Default for Prefs {
    fn default() -> Self {
        let processing = ProcessingConfig::default();
        Self {
            theme: Theme::System,
            echo: processing.echo,
            noise: processing.noise,
            gain: processing.gain,
            quality: VoiceQuality::default(),
            low_delay: false,
            placing: false,
            talk_key: TalkKey::default(),
            global_key: None,
            input: DeviceChoice::FollowSystem,
            output: DeviceChoice::FollowSystem,
            first_run_done: false,
        }
    }
}

const NAME: &str = "prefs";

impl Prefs {
    pub(crate) fn load(vault: &Vault) -> Self {
        vault.settings().get(NAME).ok().flatten().unwrap_or_default()
    }

    pub(crate) fn save(&self, vault: &Vault) -> Outcome<()> {
        vault.settings().set(NAME, self).map_err(store)
    }

    pub(crate) fn processing(&self) -> ProcessingConfig {
        ProcessingConfig { high_pass: true, echo: self.echo, noise: self.noise, gain: self.gain }
    }

    pub(crate) fn profile(&self) -> VoiceProfile {
        let rate = match self.quality {
            VoiceQuality::SmallLine => BitRate::K16,
            VoiceQuality::Standard => BitRate::K24,
            VoiceQuality::Good => BitRate::K32,
            VoiceQuality::VeryGood => BitRate::K48,
            VoiceQuality::Best => BitRate::K64,
        };
        let pace = if self.low_delay { Pace::LowDelay } else { Pace::Even };
        VoiceProfile { rate, pace }
    }

    pub(crate) fn view(&self, global_key_state: GlobalKeyState) -> Settings {
        Settings {
            theme: self.theme,
            echo_cancellation: self.echo,
            noise_reduction: self.noise,
            even_volume: self.gain,
            voice_quality: self.quality,
            low_delay: self.low_delay,
            place_voices: self.placing,
            cover_traffic: false,
            talk_key: self.talk_key,
            global_key: self.global_key,
            global_key_state,
        }
    }

    /// Applies what is kept in clear; the relay is kept elsewhere.
    pub(crate) fn apply(&mut self, setting: &Setting) {
        match setting {
            Setting::Theme { theme } => self.theme = *theme,
            Setting::EchoCancellation { on } => self.echo = *on,
            Setting::NoiseReduction { on } => self.noise = *on,
            Setting::EvenVolume { on } => self.gain = *on,
            Setting::VoiceQuality { quality } => self.quality = *quality,
            Setting::LowDelay { on } => self.low_delay = *on,
            Setting::PlaceVoices { on } => self.placing = *on,
            Setting::TalkKey { does } => self.talk_key = *does,
            Setting::GlobalKey { key } => self.global_key = *key,
            Setting::CoverTraffic { .. } | Setting::Relay { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_from_before_voice_quality_keep_what_they_say() {
        let old = r#"{"theme":"dark","echo":false,"noise":true}"#;
        let prefs: Prefs = serde_json::from_str(old).unwrap();
        assert_eq!((prefs.theme, prefs.echo), (Theme::Dark, false));
        assert_eq!(prefs.profile(), VoiceProfile::default());
        assert!(!prefs.placing, "nothing changes for whoever did not ask");
    }

    #[test]
    fn placed_voices_are_remembered_and_shown() {
        let mut prefs = Prefs::default();
        prefs.apply(&Setting::PlaceVoices { on: true });
        let kept = serde_json::to_string(&prefs).unwrap();
        let prefs: Prefs = serde_json::from_str(&kept).unwrap();
        assert!(prefs.view(GlobalKeyState::Off).place_voices);
    }

    #[test]
    fn the_sound_settings_choose_the_profile() {
        let mut prefs = Prefs::default();
        prefs.apply(&Setting::VoiceQuality { quality: VoiceQuality::Best });
        prefs.apply(&Setting::LowDelay { on: true });
        assert_eq!(prefs.profile(), VoiceProfile { rate: BitRate::K64, pace: Pace::LowDelay });
        let kept = serde_json::to_string(&prefs).unwrap();
        assert_eq!(serde_json::from_str::<Prefs>(&kept).unwrap(), prefs);
    }
}
