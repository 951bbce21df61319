//! Which devices there are.

use std::str::FromStr;

use cpal::traits::{DeviceTrait, HostTrait};

use crate::AudioError;
use crate::host::{host, is_pulse};

/// Whether a device records or plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Microphones.
    Capture,
    /// Loudspeakers and headphones.
    Playback,
}

/// A device that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Names the device to this program; the same after a restart.
    pub id: String,
    /// Names the device to a person.
    pub name: String,
    /// Whether [`Choice::Default`] means this one.
    pub is_default: bool,
}

/// Which device to open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Choice {
    /// The one that the system prefers.
    #[default]
    Default,
    /// The one with this [`Device::id`].
    Id(String),
}

/// Lists the devices of one direction, the default first. Empty on a machine without any.
pub fn list(direction: Direction) -> Result<Vec<Device>, AudioError> {
    let host = host();
    let default = default_device(&host, direction).and_then(|device| device.id().ok());
    let mut devices = Vec::new();
    for device in host.devices()? {
        let (Ok(id), Ok(description)) = (device.id(), device.description()) else {
            continue;
        };
        if !is_worth_listing(&id) || !supports(&device, direction) {
            continue;
        }
        devices.push(Device {
            is_default: default.as_ref() == Some(&id),
            id: id.to_string(),
            name: description.name().to_owned(),
        });
    }
    devices.sort_by_key(|device| !device.is_default);
    Ok(devices)
}

fn supports(device: &cpal::Device, direction: Direction) -> bool {
    match direction {
        Direction::Capture => device.supports_input(),
        Direction::Playback => device.supports_output(),
    }
}

/// ALSA lists every plugin of its configuration; a person chooses among cards and servers.
fn is_worth_listing(id: &cpal::DeviceId) -> bool {
    const WORTH: [&str; 5] = ["default", "sysdefault", "plughw", "pulse", "pipewire"];
    let plugin = id.id().split(':').next().unwrap_or_default();
    id.host().to_string() != "alsa" || WORTH.contains(&plugin)
}

fn default_device(host: &cpal::Host, direction: Direction) -> Option<cpal::Device> {
    // What libpulse honours for every other program; cpal speaks the protocol without it.
    let variable = match direction {
        Direction::Capture => "PULSE_SOURCE",
        Direction::Playback => "PULSE_SINK",
    };
    if let (true, Ok(name)) = (is_pulse(host), std::env::var(variable)) {
        let id = cpal::DeviceId::new(host.id(), name);
        if let Some(device) = host.device_by_id(&id) {
            return Some(device);
        }
    }
    match direction {
        Direction::Capture => host.default_input_device(),
        Direction::Playback => host.default_output_device(),
    }
}

/// Finds the chosen device.
pub(crate) fn find(choice: &Choice, direction: Direction) -> Result<cpal::Device, AudioError> {
    let host = host();
    match choice {
        Choice::Default => default_device(&host, direction).ok_or(AudioError::NoDevice),
        Choice::Id(id) => {
            let id = cpal::DeviceId::from_str(id).map_err(|_| AudioError::Gone)?;
            host.device_by_id(&id)
                .filter(|device| supports(device, direction))
                .ok_or(AudioError::Gone)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_not_there_is_gone() {
        for id in ["", "nonsense", "alsa:no-such-device", "pulseaudio:no-such-device"] {
            let found = find(&Choice::Id(id.into()), Direction::Capture);
            assert_eq!(found.err(), Some(AudioError::Gone), "{id}");
        }
    }
}
