//! What can go wrong with a device, in the terms that a person can act on.

use cpal::ErrorKind;

/// Why a device could not be opened or listed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AudioError {
    /// The system has no sound device of this kind, or no sound server runs.
    #[error("there is no sound device")]
    NoDevice,
    /// The chosen device is not connected.
    #[error("the device is gone")]
    Gone,
    /// Another program holds the device.
    #[error("the device is in use by another program")]
    Busy,
    /// The system does not allow this program to use it.
    #[error("the system denies access to the device")]
    Denied,
    /// The device offers no format that can be used.
    #[error("the device offers no usable format")]
    Unsupported,
    /// Anything else, in the sound library's words.
    #[error("the sound system failed: {0}")]
    Failed(String),
}

impl From<cpal::Error> for AudioError {
    fn from(error: cpal::Error) -> Self {
        match error.kind() {
            ErrorKind::HostUnavailable => Self::NoDevice,
            ErrorKind::DeviceNotAvailable | ErrorKind::StreamInvalidated => Self::Gone,
            ErrorKind::DeviceBusy => Self::Busy,
            ErrorKind::PermissionDenied => Self::Denied,
            ErrorKind::UnsupportedConfig
            | ErrorKind::UnsupportedOperation
            | ErrorKind::InvalidInput => Self::Unsupported,
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// Why a running stream stopped. The stream must be dropped and opened again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[repr(u8)]
pub enum Fault {
    /// The device or its sound server went away.
    #[error("the device is gone")]
    Gone = 1,
    /// The system took the permission back.
    #[error("the system denies access to the device")]
    Denied = 2,
    /// Anything else.
    #[error("the sound system failed")]
    Failed = 3,
}

impl From<Fault> for AudioError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Gone => Self::Gone,
            Fault::Denied => Self::Denied,
            Fault::Failed => Self::Failed("the stream stopped".into()),
        }
    }
}

impl Fault {
    /// The fault that an error reported by a running stream means; `None` if the stream goes on.
    pub(crate) fn of(kind: ErrorKind) -> Option<Self> {
        match kind {
            ErrorKind::Xrun
            | ErrorKind::DeviceChanged
            | ErrorKind::RealtimeDenied
            | ErrorKind::DeviceBusy => None,
            ErrorKind::DeviceNotAvailable
            | ErrorKind::HostUnavailable
            | ErrorKind::StreamInvalidated => Some(Self::Gone),
            ErrorKind::PermissionDenied => Some(Self::Denied),
            _ => Some(Self::Failed),
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        [Self::Gone, Self::Denied, Self::Failed].into_iter().find(|fault| *fault as u8 == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glitch_is_not_a_fault() {
        assert_eq!(Fault::of(ErrorKind::Xrun), None);
        assert_eq!(Fault::of(ErrorKind::DeviceChanged), None);
        assert_eq!(Fault::of(ErrorKind::StreamInvalidated), Some(Fault::Gone));
        assert_eq!(Fault::of(ErrorKind::BackendError), Some(Fault::Failed));
    }

    #[test]
    fn codes_name_faults() {
        for fault in [Fault::Gone, Fault::Denied, Fault::Failed] {
            assert_eq!(Fault::from_code(fault as u8), Some(fault));
        }
        assert_eq!(Fault::from_code(0), None);
    }
}
