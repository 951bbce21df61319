//! The one connection to the system's sound.

use std::sync::{Arc, Mutex, PoisonError};

use cpal::traits::HostTrait;

/// The connection to a PulseAudio server, once there was one.
///
/// Each [`cpal::Host`] of that kind holds a socket and a thread that outlive it, so a program that
/// made one for every look at the devices would fill the server's 64 places within minutes.
static PULSE: Mutex<Option<Arc<cpal::Host>>> = Mutex::new(None);

/// The system's sound: the connection that is there, or a new one if it broke.
pub(crate) fn host() -> Arc<cpal::Host> {
    let mut kept = PULSE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(host) = kept.as_ref().filter(|host| host.devices().is_ok()) {
        return Arc::clone(host);
    }
    let host = Arc::new(cpal::default_host());
    *kept = is_pulse(&host).then(|| Arc::clone(&host));
    host
}

/// Whether this is a PulseAudio server, or a PipeWire one that speaks its protocol.
pub(crate) fn is_pulse(host: &cpal::Host) -> bool {
    host.id().to_string() == "pulseaudio"
}
