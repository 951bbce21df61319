//! The running meeting, and what is kept of it when it is over.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use standfast_client::call::{Call, CallEvent, CallView};
use standfast_client::clock::wall_ms;
use standfast_client::figures;
use standfast_client::profile::Profile;
use standfast_crypto::Fingerprint;
use standfast_meeting::Phase;
use tokio::sync::mpsc::UnboundedReceiver;
use zeroize::Zeroizing;

use crate::passphrase::Given;
use crate::timeline::{Names, timeline};
use crate::work::{Done, Worker, keep_all};

/// From starting until the ended screen is closed.
pub(crate) struct Running {
    pub(crate) meeting_id: [u8; 16],
    pub(crate) organizer: Fingerprint,
    pub(crate) title: String,
    pub(crate) link: Zeroizing<String>,
    pub(crate) muted_here: BTreeSet<u16>,
    /// Bots in the lobby that this user says are not theirs, by request.
    pub(crate) disowned: BTreeSet<[u8; 32]>,
    /// Bots that this device looks after when their owner leaves.
    pub(crate) standby: BTreeSet<u16>,
    /// When the split that the user has read began, ms since 1970.
    pub(crate) split_read: Option<u64>,
    /// Everyone met so far.
    pub(crate) names: Names,
    /// This device joins as another device of its user.
    pub(crate) as_new_device: bool,
    /// It was started with a passphrase.
    pub(crate) with_passphrase: bool,
    /// The passphrase, until it has proved right.
    pub(crate) proving: Option<Given>,
    /// `None` while it is being started.
    call: Option<Arc<Call>>,
    /// Stops the thread that keeps what the call brings.
    last: Option<CallView>,
    first_audio_ms: Option<u64>,
    saved: bool,
}

impl Running {
    pub(crate) fn starting(
        meeting_id: [u8; 16],
        organizer: Fingerprint,
        title: String,
        link: Zeroizing<String>,
    ) -> Self {
        Self {
            meeting_id,
            organizer,
            title,
            link,
            muted_here: BTreeSet::new(),
            disowned: BTreeSet::new(),
            standby: BTreeSet::new(),
            split_read: None,
            names: Names::default(),
            as_new_device: false,
            with_passphrase: false,
            proving: None,
            call: None,
            last: None,
            first_audio_ms: None,
            saved: false,
        }
    }

    /// The call runs: keep what it brings on a thread that may wait for the keychain.
    pub(crate) fn started(
        &mut self,
        call: Call,
        mut events: UnboundedReceiver<CallEvent>,
        profile: &Arc<Profile>,
        worker: &Worker,
    ) {
        let call = Arc::new(call);
        self.call = Some(Arc::clone(&call));
        let (profile, meeting_id, weak, worker) =
            (Arc::clone(profile), self.meeting_id, Arc::downgrade(&call), worker.clone());
        worker.clone().run("keeper", move || {
            // Ends with the call: its sender of events goes with its thread.
            while let Some(event) = events.blocking_recv() {
                let Some(call) = weak.upgrade() else { break };
                if let Err(err) = profile.keep(&meeting_id, &call, event) {
                    tracing::warn!(%err, "could not keep something of this meeting");
                }
                keep_all(&profile, meeting_id, &call, &mut events);
                worker.kept();
            }
            Done::Kept
        });
    }

    /// The user has looked at a split: that one is read once it is over.
    pub(crate) fn read_split(&mut self) {
        let split = self.view().and_then(|view| view.meeting.split);
        if let Some(split) = split.filter(|split| split.until_ms.is_some()) {
            self.split_read = Some(split.from_ms);
        }
    }

    /// The passphrase that has just let this device in.
    pub(crate) fn proved(&mut self) -> Option<Given> {
        let live = |call: &Arc<Call>| call.view().meeting.phase == Phase::Live;
        if self.call.as_ref().is_some_and(live) { self.proving.take() } else { None }
    }

    /// This device is out of the meeting, or never got in: nothing is to be left any more.
    pub(crate) fn out(&mut self) -> bool {
        let left = |view: &CallView| matches!(view.meeting.phase, Phase::Left(_)) || view.over;
        self.call.is_none() || self.view().is_some_and(|view| left(&view))
    }

    pub(crate) fn call(&self) -> Option<&Call> {
        self.call.as_deref()
    }

    pub(crate) fn view(&mut self) -> Option<CallView> {
        if let Some(call) = &self.call {
            let view = call.view();
            self.names.meet(&view.meeting.members);
            self.last = Some(view);
            self.first_audio_ms = self.first_audio_ms.or_else(|| figures::first_audio_ms(call));
        }
        self.last.clone()
    }

    /// A call that is over lets its devices go; its last view stays for the ended screen.
    pub(crate) fn tidy(&mut self, profile: &Profile, report: Option<&Path>) -> bool {
        let Some(view) = self.view().filter(|view| view.over) else { return false };
        self.call = None;
        if self.saved || view.meeting.journal.is_empty() {
            return false;
        }
        self.saved = true;
        self.save(profile, &view);
        if let Some(path) = report
            && let Err(err) = append(path, &figures::end(&view, self.first_audio_ms))
        {
            tracing::warn!(%err, "the figures of this meeting were not written");
        }
        true
    }

    fn save(&self, profile: &Profile, view: &CallView) {
        let Some(journal) = &view.journal else { return };
        let entries = timeline(&view.meeting.journal, None, &self.names, wall_ms());
        let shown = serde_json::to_value(&entries).unwrap_or_default();
        let ended_ms = view.meeting.erased_ms.unwrap_or_else(wall_ms);
        if let Err(err) = profile.keep_journal(&self.title, ended_ms, shown, journal) {
            tracing::warn!(%err, "the journal was not kept");
        }
    }
}

fn append(path: &Path, figures: &serde_json::Value) -> std::io::Result<()> {
    let mut file = File::options().create(true).append(true).open(path)?;
    writeln!(file, "{figures}")
}
