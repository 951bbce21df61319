//! Another device of the same user, brought into a running meeting.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::Fingerprint;

/// What this device shows to vouch for another one of its user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct DeviceOffer {
    /// The pairing code: four groups of four.
    pub code: String,
    /// Link and code in one text, for the QR code.
    pub qr: String,
    /// The link for the other device, without the code.
    pub link: String,
    /// Good until.
    pub until_ms: u64,
    /// The device that showed the code, and waits for this user's word.
    pub request: Option<DeviceRequest>,
}

/// A device that was given the pairing code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct DeviceRequest {
    /// The request, the handle that commands name it by.
    pub id: String,
    /// Its key.
    pub fingerprint: Fingerprint,
}

/// What a link says that another device of the same user showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct DeviceLink {
    /// The key of the device that showed it.
    pub from: Fingerprint,
    /// The pairing code is in it; otherwise it has to be typed.
    pub with_code: bool,
}

/// A pairing code on its way from the keyboard. Zeroized on drop and never printed, like a
/// [`crate::Passphrase`].
#[derive(Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TypedCode(String);

impl TypedCode {
    /// Takes over a code.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The code itself, for the meeting only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Drop for TypedCode {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for TypedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_code_is_never_printed() {
        assert!(!format!("{:?}", TypedCode::new("7K3M-".into())).contains("7K3M"));
    }
}
