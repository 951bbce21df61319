//! One meeting on one device.
//!
//! A [`Call`] owns a thread on which everything happens in order: messages of the relay, captured
//! frames, the user's commands and the passing of time go into the engine, and what comes out is
//! carried out. Whoever started it reads [`CallView`]s and keeps what [`CallEvent`]s bring.

mod line;
mod runner;

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use standfast_crypto::{Fingerprint, Identity, PRIVATE_BUNDLE, Secret};
use standfast_frame::{PACKET_HEADER_BYTES, PAYLOAD_HEADER_BYTES};
use standfast_meeting::{
    Command, Config, Known, Opening, PacketLength, PacketShape, SignedJournal, Snapshot,
};
use tokio::sync::{mpsc, watch};

pub use line::LineState;

use crate::transport::RelayAddr;
use crate::voice::{Pace, Voice, VoiceConfig, VoiceError, VoiceProfile};

/// What the engine is told of packets of a profile.
#[must_use]
pub const fn shape(profile: VoiceProfile) -> PacketShape {
    let length = match profile.pace {
        Pace::Even => PacketLength::Ms20,
        Pace::Short | Pace::LowDelay => PacketLength::Ms10,
    };
    let packet = PACKET_HEADER_BYTES + profile.packet_bytes();
    PacketShape { payload_bytes: PAYLOAD_HEADER_BYTES + packet, length }
}

/// The call's thread answers within milliseconds; a caller does not wait longer than this.
const JOURNAL_WITHIN: Duration = Duration::from_secs(1);

/// What a call is started with.
pub struct CallConfig {
    /// Where.
    pub relay: RelayAddr,
    /// The relay's token, if the user was given one.
    pub token: Option<String>,
    /// Who.
    pub identity: Arc<Identity>,
    /// What.
    pub meeting: Config,
    /// How to open it, should this device be asked to as a deputy.
    pub opening: Opening,
    /// The list of deputies that was kept.
    pub deputies: Option<Vec<u8>>,
    /// The highest `seq` that was seen of members' prekey bundles.
    pub bundles_seen: Vec<(Fingerprint, u64)>,
    /// With which sound.
    pub voice: VoiceConfig,
}

/// Something to keep beyond the meeting.
pub enum CallEvent {
    /// Store the private half, then [`Call::upload`] the public one.
    StorePrekey {
        /// Names it.
        bundle_id: [u8; 16],
        /// For the keychain.
        private: Secret<PRIVATE_BUNDLE>,
        /// Where to upload to.
        slot: [u8; 32],
        /// What to upload.
        blob: Vec<u8>,
    },
    /// Erase the private half.
    ErasePrekey {
        /// Which.
        bundle_id: [u8; 16],
    },
    /// The organizer's newest list of deputies is to be kept with the standup.
    KeepDeputies {
        /// As it was signed.
        signed: Vec<u8>,
    },
    /// A member's prekey bundle is the newest seen: none older counts from here on.
    BundleSeen {
        /// Whose.
        fp: Fingerprint,
        /// Its number.
        seq: u64,
    },
    /// Somebody was met.
    Met {
        /// Key.
        fp: Fingerprint,
        /// Name.
        name: String,
        /// A bot.
        bot: bool,
    },
}

/// Milestones of a call, in milliseconds since it was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Milestones {
    /// The join request was posted.
    pub asked_ms: Option<u64>,
    /// This device became live.
    pub live_ms: Option<u64>,
}

/// The meeting and the line, as they are now.
#[derive(Debug, Clone, PartialEq)]
pub struct CallView {
    /// The engine's view.
    pub meeting: Arc<Snapshot>,
    /// The connection.
    pub line: LineState,
    /// How quickly it came about.
    pub milestones: Milestones,
    /// The signed journal, once the meeting is over.
    pub journal: Option<Arc<SignedJournal>>,
    /// The call's thread has ended: nothing changes any more.
    pub over: bool,
}

/// What a call is asked.
enum Ask {
    Command(Command),
    Known(Vec<Known>),
    Open,
    Upload { slot: [u8; 32], blob: Vec<u8> },
    Journal(SyncSender<SignedJournal>),
}

/// A running meeting. Dropping it leaves.
pub struct Call {
    asks: mpsc::UnboundedSender<Ask>,
    view: watch::Receiver<CallView>,
    voice: Weak<Voice>,
    started: std::time::Instant,
    thread: Option<JoinHandle<()>>,
}

/// Why no call could be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Sound.
    #[error(transparent)]
    Voice(#[from] VoiceError),
    /// The system gives no thread or no runtime.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
}

impl Call {
    /// Starts connecting. Everything else shows in the view.
    ///
    /// # Errors
    /// [`StartError`]: nothing runs then.
    pub fn start(
        config: CallConfig,
    ) -> Result<(Self, mpsc::UnboundedReceiver<CallEvent>), StartError> {
        // New threads begin with the registers of this one, and save them on their own stacks.
        standfast_crypto::wipe_stack();
        let (voice, captured) = Voice::start(config.voice.clone())?;
        let voice = Arc::new(voice);
        let (asks, asked) = mpsc::unbounded_channel();
        let (events, happened) = mpsc::unbounded_channel();
        let weak = Arc::downgrade(&voice);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (runner, view) = runner::Runner::new(config, voice, captured, asked, events);
        let thread = std::thread::Builder::new().name("call".into()).spawn(move || {
            // Every frame passes through here, in both directions.
            crate::priority::raise();
            standfast_crypto::on_wiped_stack(|| runtime.block_on(runner.run()));
        })?;
        let started = std::time::Instant::now();
        Ok((Self { asks, view, voice: weak, started, thread: Some(thread) }, happened))
    }

    /// Does what the user wants, as far as the engine allows.
    pub fn command(&self, command: Command) {
        // A call that is over has nobody listening.
        let _ = self.asks.send(Ask::Command(command));
    }

    /// Opens the meeting without its organizer, as a deputy.
    pub fn open(&self) {
        let _ = self.asks.send(Ask::Open);
    }

    /// The pinned keys changed.
    pub fn set_known(&self, known: Vec<Known>) {
        let _ = self.asks.send(Ask::Known(known));
    }

    /// Uploads a prekey bundle whose private half is stored.
    pub fn upload(&self, slot: [u8; 32], blob: Vec<u8>) {
        let _ = self.asks.send(Ask::Upload { slot, blob });
    }

    /// The view as it is now.
    #[must_use]
    pub fn view(&self) -> CallView {
        self.view.borrow().clone()
    }

    /// Tells of every change.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<CallView> {
        self.view.clone()
    }

    /// The journal as it is now, signed. `None` if the call's thread does not answer within a second.
    #[must_use]
    pub fn journal(&self) -> Option<Arc<SignedJournal>> {
        let over = self.view.borrow().journal.clone();
        if over.is_some() {
            return over;
        }
        let (give, given) = sync_channel(1);
        self.asks.send(Ask::Journal(give)).ok()?;
        given.recv_timeout(JOURNAL_WITHIN).ok().map(Arc::new)
    }

    /// Sound, while the call lasts.
    #[must_use]
    pub fn voice(&self) -> Option<Arc<Voice>> {
        self.voice.upgrade()
    }

    /// When it was started.
    #[must_use]
    pub fn started(&self) -> std::time::Instant {
        self.started
    }

    /// Whether it has ended.
    #[must_use]
    pub fn over(&self) -> bool {
        self.view.borrow().over
    }
}

impl Drop for Call {
    /// Leaves, says goodbye within a second, and releases the devices.
    fn drop(&mut self) {
        self.command(Command::Leave);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
