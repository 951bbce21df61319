//! The identity: asked for, had, or in trouble.

use standfast_client::clock::wall_ms;
use standfast_crypto::Fingerprint;
use standfast_ipc::{Asking, IdentityView, KeyPlace, KeychainCause, KeychainTrouble};
use standfast_vault::{StopAsking, Trouble, Vault, Whereabouts};

use crate::errors::{Outcome, refuse};
use crate::prints::Prints;
use crate::work::{Done, Worker};

/// A question to the keychain shows itself after this time, ms: before, it is just starting.
const SHOW_ASKING_MS: u64 = 3_000;
/// The vault's own limit, in seconds.
const LIMIT_S: u32 = 30;

pub(crate) enum Identity {
    Asking { since_ms: u64, stop: Option<StopAsking> },
    Ready { fp: Fingerprint },
    Trouble { trouble: Trouble, at_ms: u64 },
}

impl Identity {
    /// Asks the keychain, unless the identity lies in a file.
    pub(crate) fn ask(vault: &Vault, worker: &Worker) -> Self {
        let at_ms = wall_ms();
        match vault.ask(at_ms) {
            Ok(asking) => {
                let stop = Some(asking.stopper());
                worker.run("keychain", move || Done::Identity(asking.wait().map(Box::new)));
                Self::Asking { since_ms: at_ms, stop }
            }
            Err(trouble) => Self::Trouble { trouble, at_ms },
        }
    }

    pub(crate) fn stop(&self) {
        if let Self::Asking { stop: Some(stop), .. } = self {
            stop.stop();
        }
    }

    /// Opens the passphrase file, or makes one for a profile that never had a key.
    pub(crate) fn passphrase(
        vault: &Vault,
        worker: &Worker,
        passphrase: &str,
        make: bool,
    ) -> Outcome<Self> {
        let (vault, passphrase) = (vault.clone(), zeroize::Zeroizing::new(passphrase.to_owned()));
        if make && passphrase.chars().count() < standfast_vault::PASSPHRASE_MIN {
            return refuse(standfast_ipc::ErrorCode::PassphraseShort);
        }
        worker.run("passphrase", move || {
            let opened = if make {
                vault.create_file(&passphrase, wall_ms())
            } else {
                vault.open_file(&passphrase, wall_ms())
            };
            Done::Identity(opened.map(Box::new))
        });
        Ok(Self::Asking { since_ms: wall_ms(), stop: None })
    }

    pub(crate) fn view(&self, vault: &Vault, prints: &mut Prints) -> IdentityView {
        match self {
            Self::Asking { since_ms, .. } if wall_ms() < since_ms + SHOW_ASKING_MS => {
                IdentityView::Making
            }
            Self::Asking { since_ms, stop } => IdentityView::Trouble {
                trouble: KeychainTrouble {
                    cause: KeychainCause::Asking,
                    detail: String::new(),
                    asking: stop.as_ref().map(|_| Asking { since_ms: *since_ms, limit_s: LIMIT_S }),
                    last_try_at_ms: Some(*since_ms),
                    backend: None,
                    last_seen_at_ms: None,
                },
            },
            Self::Ready { fp } => {
                let own = prints.view(*fp);
                if own.words.is_empty() {
                    return IdentityView::Making;
                }
                let (place, made_at_ms) = place(vault);
                IdentityView::Ready { own, made_at_ms, place }
            }
            Self::Trouble { trouble, at_ms } => {
                IdentityView::Trouble { trouble: trouble_view(trouble, *at_ms) }
            }
        }
    }
}

fn place(vault: &Vault) -> (KeyPlace, Option<u64>) {
    match vault.whereabouts() {
        Ok(Whereabouts::Keychain { backend, since_ms }) => {
            (KeyPlace::Keychain { backend }, Some(since_ms))
        }
        Ok(Whereabouts::File { since_ms }) => (KeyPlace::File, since_ms),
        _ => (KeyPlace::Keychain { backend: String::new() }, None),
    }
}

fn trouble_view(trouble: &Trouble, at_ms: u64) -> KeychainTrouble {
    let (cause, backend, seen) = match trouble {
        Trouble::Locked => (KeychainCause::Locked, None, None),
        Trouble::Stopped => (KeychainCause::Dismissed, None, None),
        Trouble::NoAnswer { .. } => (KeychainCause::NoAnswer, None, None),
        Trouble::Absent { .. } => (KeychainCause::AbsentFirstRun, None, None),
        Trouble::BackendMissing { backend, since_ms, .. } => {
            (KeychainCause::AbsentKeyWasThere, Some(backend), *since_ms)
        }
        Trouble::EntryGone { backend, since_ms } => {
            (KeychainCause::EntryGone, Some(backend), *since_ms)
        }
        Trouble::NeedsPassphrase { since_ms } => (KeychainCause::PassphraseNeeded, None, *since_ms),
        Trouble::WrongPassphrase => (KeychainCause::PassphraseWrong, None, None),
        Trouble::Unclear { .. }
        | Trouble::PassphraseTooShort
        | Trouble::KeyExists
        | Trouble::Disk { .. } => (KeychainCause::Unclear, None, None),
    };
    KeychainTrouble {
        cause,
        detail: trouble.to_string(),
        asking: None,
        last_try_at_ms: Some(at_ms),
        backend: backend.cloned(),
        last_seen_at_ms: seen,
    }
}
