//! What the user may want to act on now: things heard at the microphone, devices that come and go.

use standfast_client::call::CallView;
use standfast_client::voice::{AudioError, DeviceState, Devices, Levels, MicrophoneTrouble};
use standfast_ipc::{DeviceKind, Hint};
use standfast_meeting::{Microphone, Phase};

/// Hints that come from listening. None outside a meeting.
pub(crate) fn heard(
    call: Option<&CallView>,
    levels: Option<&Levels>,
    devices: Option<&Devices>,
) -> Option<Hint> {
    let (call, levels, devices) = (call?, levels?, devices?);
    if call.meeting.phase != Phase::Live {
        return None;
    }
    of_microphone(call.meeting.microphone, levels, &devices.input)
}

fn of_microphone(microphone: Microphone, levels: &Levels, input: &DeviceState) -> Option<Hint> {
    let DeviceState::Open(device) = input else { return None };
    let device = device.clone();
    match (microphone, levels.input_trouble) {
        (Microphone::Muted, _) if levels.input_speaking => Some(Hint::TalkingWhileMuted),
        (Microphone::Open, Some(MicrophoneTrouble::Silent)) => {
            Some(Hint::DeadMicrophone { device })
        }
        (Microphone::Open, Some(MicrophoneTrouble::Noisy)) => {
            Some(Hint::NoisyMicrophone { device })
        }
        _ => None,
    }
}

/// Remembers which devices worked, to tell when one went away.
#[derive(Debug)]
pub(crate) struct Working {
    microphone: Worked,
    speaker: Worked,
}

impl Default for Working {
    fn default() -> Self {
        let worked = |what| Worked { what, last: None, gone: None };
        Self { microphone: worked(DeviceKind::Microphone), speaker: worked(DeviceKind::Speaker) }
    }
}

impl Working {
    /// Looks at the devices of the running meeting; without one everything is forgotten.
    pub(crate) fn look(&mut self, devices: Option<&Devices>) -> Vec<Hint> {
        let Some(devices) = devices else {
            *self = Self::default();
            return Vec::new();
        };
        let hints = [self.microphone.look(&devices.input), self.speaker.look(&devices.output)];
        hints.into_iter().flatten().collect()
    }
}

#[derive(Debug)]
struct Worked {
    what: DeviceKind,
    /// The device that works, or did last.
    last: Option<String>,
    /// The one that went away and did not come back.
    gone: Option<String>,
}

impl Worked {
    fn look(&mut self, state: &DeviceState) -> Option<Hint> {
        let what = self.what;
        match state {
            // Chosen by the user: nothing is missed.
            DeviceState::Off | DeviceState::Opening => (self.last, self.gone) = (None, None),
            DeviceState::Failed(AudioError::Busy) => return Some(Hint::DeviceBusy { what }),
            DeviceState::Failed(_) => self.gone = self.last.take().or_else(|| self.gone.take()),
            DeviceState::Open(name) => {
                self.last = Some(name.clone());
                self.gone = self.gone.take().filter(|gone| gone != name);
            }
        }
        let using = self.last.clone();
        self.gone.clone().map(|device| Hint::DeviceGone { what, device, using })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(name: &str) -> DeviceState {
        DeviceState::Open(name.into())
    }

    fn gone(device: &str, using: Option<&str>) -> Option<Hint> {
        let (what, device) = (DeviceKind::Microphone, device.to_owned());
        Some(Hint::DeviceGone { what, device, using: using.map(str::to_owned) })
    }

    #[test]
    fn an_open_microphone_is_judged_and_a_muted_one_is_not() {
        let device = || "USB".to_owned();
        let levels = |speaking, trouble| Levels {
            input_speaking: speaking,
            input_trouble: trouble,
            ..Levels::default()
        };
        let (silent, noisy) = (Some(MicrophoneTrouble::Silent), Some(MicrophoneTrouble::Noisy));
        for (microphone, levels, hint) in [
            (
                Microphone::Open,
                levels(false, silent),
                Some(Hint::DeadMicrophone { device: device() }),
            ),
            (
                Microphone::Open,
                levels(true, noisy),
                Some(Hint::NoisyMicrophone { device: device() }),
            ),
            (Microphone::Open, levels(true, None), None),
            (Microphone::Muted, levels(true, noisy), Some(Hint::TalkingWhileMuted)),
            (Microphone::Muted, levels(false, silent), None),
            (Microphone::ClosedReconnecting, levels(false, silent), None),
        ] {
            assert_eq!(of_microphone(microphone, &levels, &open("USB")), hint);
            assert_eq!(of_microphone(microphone, &levels, &DeviceState::Opening), None);
        }
    }

    #[test]
    fn a_device_that_went_away_is_told_until_it_is_back_or_another_is_chosen() {
        let mut worked = Working::default().microphone;
        let failed = || DeviceState::Failed(AudioError::Gone);
        assert_eq!(worked.look(&failed()), None, "there was none");
        assert_eq!(worked.look(&open("USB")), None);
        assert_eq!(worked.look(&failed()), gone("USB", None));
        assert_eq!(worked.look(&failed()), gone("USB", None));
        assert_eq!(worked.look(&open("built in")), gone("USB", Some("built in")));
        assert_eq!(worked.look(&open("USB")), None);
        worked.look(&failed());
        assert_eq!(worked.look(&DeviceState::Opening), None);
        assert_eq!(worked.look(&open("built in")), None);
    }

    #[test]
    fn a_device_that_another_program_holds_is_busy() {
        let mut worked = Working::default().microphone;
        let busy = Some(Hint::DeviceBusy { what: DeviceKind::Microphone });
        assert_eq!(worked.look(&DeviceState::Failed(AudioError::Busy)), busy);
        assert_eq!(worked.look(&open("USB")), None);
    }
}
