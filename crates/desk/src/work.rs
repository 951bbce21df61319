//! Work that may take long, on threads of its own.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use standfast_client::call::{Call, CallEvent, StartError};
use standfast_client::profile::{Profile, ProfileError};
use standfast_crypto::{Fingerprint, FingerprintDisplay};
use standfast_ipc::ErrorCode;
use standfast_vault::{Opened, Trouble};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::Request;
use crate::passphrase::Stretched;

/// A call that was started, or why it was not.
pub(crate) type Started = Result<(Call, UnboundedReceiver<CallEvent>), ErrorCode>;

/// What came of it.
pub(crate) enum Done {
    /// The identity was asked for.
    Identity(Result<Box<Opened>, Trouble>),
    /// A fingerprint was stretched.
    Print(Fingerprint, Option<FingerprintDisplay>),
    /// A meeting's passphrase was stretched.
    Stretched(Box<Stretched>),
    /// A call was started.
    Call(Box<Started>),
    /// Something of a meeting was kept: contacts may have changed.
    Kept,
    /// The test tone is over.
    ToneOver,
}

/// Starts work and reports its end to the desk.
#[derive(Clone)]
pub(crate) struct Worker {
    requests: Sender<Request>,
}

impl Worker {
    pub(crate) fn new(requests: Sender<Request>) -> Self {
        Self { requests }
    }

    /// Runs `work` on a thread of its own.
    pub(crate) fn run(&self, name: &str, work: impl FnOnce() -> Done + Send + 'static) {
        let requests = self.requests.clone();
        let spawned = std::thread::Builder::new().name(name.into()).spawn(move || {
            let done = standfast_crypto::on_wiped_stack(work);
            let _ = requests.send(Request::Done(Box::new(done)));
        });
        if let Err(err) = spawned {
            tracing::error!(%err, name, "no thread");
        }
    }
}

pub(crate) fn start_error(err: &StartError) -> ErrorCode {
    tracing::warn!(%err, "the call did not start");
    ErrorCode::Internal
}

pub(crate) fn profile_error(err: &ProfileError) -> ErrorCode {
    match err {
        ProfileError::Store(_) => ErrorCode::StoreUnavailable,
        ProfileError::Secret(_) => ErrorCode::KeychainRefused,
        ProfileError::Relay(_) => ErrorCode::AddressInvalid,
        ProfileError::PassphraseMissing => ErrorCode::PassphraseMissing,
        ProfileError::PassphraseOther => ErrorCode::PassphraseOther,
    }
}

/// Keeps what a call brings, in order, until the call is over.
pub(crate) fn keep_all(
    profile: &Arc<Profile>,
    meeting_id: [u8; 16],
    call: &Call,
    events: &mut UnboundedReceiver<CallEvent>,
) -> bool {
    let mut kept = false;
    while let Ok(event) = events.try_recv() {
        kept = true;
        if let Err(err) = profile.keep(&meeting_id, call, event) {
            tracing::warn!(%err, "could not keep something of this meeting");
        }
    }
    kept
}

impl Worker {
    /// Tells that contacts or standups may have changed.
    pub(crate) fn kept(&self) {
        let _ = self.requests.send(Request::Done(Box::new(Done::Kept)));
    }
}
