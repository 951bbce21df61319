//! What came and went between two looks at the list of devices.

use std::time::{Duration, Instant};

use standfast_ipc::AudioDevice;

/// How long a device that came is offered.
const OFFERED: Duration = Duration::from_secs(30);

/// The devices of one direction, the default first.
#[derive(Default)]
pub(crate) struct Plugged {
    /// `None` before the first look: then nothing is new.
    devices: Option<Vec<AudioDevice>>,
    came: Vec<(AudioDevice, Instant)>,
    default_changed: bool,
}

impl Plugged {
    /// Takes the list as it is now. An empty one tells nothing: the sound system may restart.
    pub(crate) fn look(&mut self, devices: Vec<AudioDevice>, now: Instant) {
        if devices.is_empty() {
            return;
        }
        if let Some(known) = &self.devices {
            let new = devices.iter().filter(|d| known.iter().all(|k| k.id != d.id));
            self.came.extend(new.map(|device| (device.clone(), now)));
            let default = |list: &[AudioDevice]| list.first().map(|d| d.id.clone());
            self.default_changed |= default(known) != default(&devices);
        }
        self.came.retain(|(device, at)| {
            now < *at + OFFERED && devices.iter().any(|d| d.id == device.id)
        });
        self.devices = Some(devices);
    }

    /// All there are.
    pub(crate) fn devices(&self) -> &[AudioDevice] {
        self.devices.as_deref().unwrap_or_default()
    }

    /// Those that came lately.
    pub(crate) fn came(&self) -> impl Iterator<Item = &AudioDevice> {
        self.came.iter().map(|(device, _)| device)
    }

    /// The system's new preference, once.
    pub(crate) fn new_default(&mut self) -> Option<&AudioDevice> {
        if !std::mem::take(&mut self.default_changed) {
            return None;
        }
        self.devices().first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Vec<AudioDevice> {
        names.iter().map(|n| AudioDevice { id: (*n).into(), name: n.to_uppercase() }).collect()
    }

    fn came(plugged: &Plugged) -> Vec<&str> {
        plugged.came().map(|device| device.id.as_str()).collect()
    }

    #[test]
    fn what_is_plugged_in_is_offered_for_a_while() {
        let (mut plugged, start) = (Plugged::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        plugged.look(list(&["a"]), start);
        assert!(came(&plugged).is_empty(), "what was there is not new");
        plugged.look(Vec::new(), after(1));
        plugged.look(list(&["a", "b"]), after(3));
        assert_eq!(came(&plugged), ["b"]);
        plugged.look(list(&["a"]), after(6));
        assert!(came(&plugged).is_empty(), "gone again");
        plugged.look(list(&["a", "b"]), after(9));
        plugged.look(list(&["a", "b"]), after(40));
        assert!(came(&plugged).is_empty(), "not wanted");
    }

    #[test]
    fn another_default_is_told_once() {
        let (mut plugged, now) = (Plugged::default(), Instant::now());
        plugged.look(list(&["a", "b"]), now);
        assert_eq!(plugged.new_default(), None);
        plugged.look(list(&["b", "a"]), now);
        assert_eq!(plugged.new_default().map(|d| d.id.as_str()), Some("b"));
        assert_eq!(plugged.new_default(), None);
    }
}
