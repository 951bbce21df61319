//! The desktop application without its window: profile, standups, contacts, devices and the
//! running meeting, as [`Command`]s in and [`UiUpdate`]s out.
//!
//! Everything happens on one thread (the *desk*), which never waits: asking the keychain, stretching
//! a fingerprint and starting a call run on threads of their own and report back. The window, the
//! tests and a future tray share one [`Desk`].
//!
//! It decides nothing about keys (the engine does) and knows no word of any language (the UI does).

mod call;
mod desk;
mod errors;
mod hints;
mod host;
mod identity;
mod intents;
mod joining;
mod journal_view;
mod journals;
mod levels;
mod meeting_view;
mod passphrase;
mod people_view;
mod plugged;
mod prefs;
mod prints;
mod sound;
mod sound_figures;
mod standups;
mod talk;
mod timeline;
mod work;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};

use standfast_ipc::{Command, ErrorCode, GlobalKeyState, Reply, UiError, UiUpdate};
pub use standfast_vault::{KeychainSource, ProfileName, VaultError};
use standfast_vault::{Vault, VaultOptions};

/// Where updates go. Says whether anybody still listens.
pub type Sink = Box<dyn Fn(UiUpdate) -> bool + Send>;

/// How to open the desk.
pub struct DeskOptions {
    /// Whose.
    pub profile: ProfileName,
    /// Where profiles lie; `None` is the system's place or `STANDFAST_DATA_DIR`.
    pub data_dir: Option<std::path::PathBuf>,
    /// The relay for new standups, unless the settings name one.
    pub relay: Option<String>,
    /// A link that the system handed over. It is shown, never joined by itself.
    pub link: Option<String>,
    /// Where to append the figures of each meeting that is over, one JSON object a line.
    pub report: Option<PathBuf>,
    /// Which keychain.
    pub keychain: KeychainSource,
}

/// Where the answer to a command goes.
pub(crate) type Answer = Sender<Result<Reply, UiError>>;

/// One intent, or a new listener.
pub(crate) enum Request {
    Command(Box<Command>, Answer),
    Subscribe(Sink),
    GlobalKey(GlobalKeyState),
    Done(Box<work::Done>),
    Close(Sender<()>),
}

/// A handle to the desk. Clones talk to the same one.
#[derive(Clone)]
pub struct Desk {
    requests: Sender<Request>,
}

impl Desk {
    /// Opens the profile and starts asking for its identity. Never waits for the keychain.
    ///
    /// # Errors
    /// [`VaultError`] if the profile is open elsewhere or its directory cannot be used.
    pub fn open(options: DeskOptions) -> Result<Self, VaultError> {
        // Before the first key is read.
        standfast_client::locked::keep_keys();
        let mut vault_options = VaultOptions::for_profile(options.profile.clone());
        vault_options.keychain = options.keychain.clone();
        vault_options.data_dir = options.data_dir.clone();
        let vault = Vault::open(vault_options)?;
        let (requests, received): (_, Receiver<Request>) = channel();
        let worker = work::Worker::new(requests.clone());
        let spawned = std::thread::Builder::new()
            .name("desk".into())
            .spawn(move || desk::State::new(options, vault, worker).run(&received));
        if let Err(err) = spawned {
            // The channel is closed then, and every command says so.
            tracing::error!(%err, "no thread for the desk");
        }
        Ok(Self { requests })
    }

    /// Does what the user wants. Returns when it is done or under way; what changed comes with the
    /// next update.
    ///
    /// # Errors
    /// [`UiError`] with the reason.
    pub fn dispatch(&self, command: Command) -> Result<Reply, UiError> {
        let (answer, answered) = channel();
        let gone = |_| UiError::new(ErrorCode::Internal, "the desk is closed");
        self.requests.send(Request::Command(Box::new(command), answer)).map_err(|_| gone(()))?;
        answered.recv().map_err(|_| gone(()))?
    }

    /// The talk key went down or up. Never waits, and keeps the order: an up that overtook its down
    /// would leave a microphone open.
    pub fn talk_key(&self, down: bool) {
        let (answer, _) = channel();
        // A desk that is closed has no microphone open.
        let _ = self.requests.send(Request::Command(Box::new(Command::TalkKey { down }), answer));
    }

    /// Sends a whole snapshot at once and after every change, until `sink` says that nobody listens.
    pub fn subscribe(&self, sink: Sink) {
        let _ = self.requests.send(Request::Subscribe(sink));
    }

    /// What became of the global talk key, which only the window system knows.
    pub fn global_key_is(&self, state: GlobalKeyState) {
        let _ = self.requests.send(Request::GlobalKey(state));
    }

    /// Leaves the meeting, erases what is in memory, and ends.
    pub fn close(&self) {
        let (closed, wait) = channel();
        if self.requests.send(Request::Close(closed)).is_ok() {
            let _ = wait.recv();
        }
    }
}
