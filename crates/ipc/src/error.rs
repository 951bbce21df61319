//! Why something asked for was not done.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of refusal. The words are in the UI's language files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Not a link of ours.
    LinkForeign,
    /// A link of ours that is cut off or mistyped.
    LinkIncomplete,
    /// A link of a newer version.
    LinkNewer,
    /// Not a pairing code.
    PairingCodeWrong,
    /// A pairing code is needed.
    PairingCodeMissing,
    /// The link that other devices of the same user show is needed for a pairing code.
    PairingLinkNeeded,
    /// A name that is empty, too long or unprintable.
    NameInvalid,
    /// A title that is empty, too long or unprintable.
    TitleInvalid,
    /// An address that is none.
    AddressInvalid,
    /// The relay does not answer.
    RelayUnreachable,
    /// The relay refuses.
    RelayRefused,
    /// The relay's certificate is not accepted.
    RelayUntrusted,
    /// No relay is set and "host here" is off.
    RelayMissing,
    /// "Host here" found no free port or no network.
    HostHereFailed,
    /// There is no usable identity.
    IdentityNotReady,
    /// The passphrase is too short.
    PassphraseShort,
    /// The passphrase does not open the file.
    PassphraseWrong,
    /// The passphrase is empty.
    PassphraseEmpty,
    /// This standup has a passphrase, which was neither given nor remembered.
    PassphraseMissing,
    /// It is not the passphrase of this standup.
    PassphraseOther,
    /// The keychain refuses.
    KeychainRefused,
    /// Settings or contacts cannot be written.
    StoreUnavailable,
    /// There is no meeting.
    NotInMeeting,
    /// There is one already.
    AlreadyInMeeting,
    /// Only some may do this.
    NotAllowed,
    /// What was named is not there any more.
    Gone,
    /// There is no such device.
    NoDevice,
    /// The system does not allow the microphone.
    DeviceDenied,
    /// The request cannot be understood.
    BadRequest,
    /// Something that should not happen.
    Internal,
}

/// A refusal: a code for the words, and a detail for whoever helps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct UiError {
    /// What kind it is.
    pub code: ErrorCode,
    /// In plain English, for logs and helpers. Holds no secret and no link.
    pub detail: String,
}

impl UiError {
    /// A refusal with a detail.
    #[must_use]
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

impl From<ErrorCode> for UiError {
    fn from(code: ErrorCode) -> Self {
        Self::new(code, "")
    }
}

impl fmt::Display for UiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.code, self.detail)
    }
}

impl std::error::Error for UiError {}
