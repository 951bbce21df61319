//! Somebody at a desk, and the relay between desks.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use standfast_desk::{Desk, DeskOptions};
use standfast_ipc::{
    AppView, Command, ErrorCode, IdentityView, JoinTarget, MeetingPhase, MeetingView, Reply,
    UiUpdate,
};
use standfast_relay::Handle;
use standfast_vault::{KeychainSource, ProfileName};
use tokio::runtime::Runtime;

/// One computer for all: a relay, a folder, and a keychain in memory.
pub(crate) struct Place {
    pub(crate) address: String,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: Store,
    _relay: Handle,
    _runtime: Runtime,
}

impl Place {
    pub(crate) fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let relay = {
            let _inside = runtime.enter();
            let bound = tokio::net::TcpListener::bind("127.0.0.1:0");
            let listener = runtime.block_on(bound).unwrap();
            standfast_relay::serve(listener, standfast_relay::Config::default()).unwrap()
        };
        Self {
            address: relay.local_addr().to_string(),
            dir: tempfile::tempdir().unwrap(),
            store: keyring_core::mock::Store::new().unwrap(),
            _relay: relay,
            _runtime: runtime,
        }
    }

    /// Somebody who has gone through the first run.
    pub(crate) fn seat(&self, profile: &str, name: &str) -> Seat {
        let seat = Seat::open(self.dir.path(), &self.store, profile, &self.address);
        seat.ready(name);
        seat
    }

    /// Ines's standup, with somebody else in it, and its link.
    pub(crate) fn two(&self, profile: &str, name: &str) -> (Seat, Seat, String) {
        let (ines, other) = (self.seat("ines", "Ines"), self.seat(profile, name));
        let link = ines.open_standup(&self.address);
        other.knock(&link);
        ines.let_in(name);
        other.meeting("two", confirmed(2));
        (ines, other, link)
    }
}

/// Two without a relay of their own: one of them runs it.
pub(crate) fn without_relay() -> (tempfile::TempDir, Seat, Seat) {
    let (dir, store): (_, Store) =
        (tempfile::tempdir().unwrap(), keyring_core::mock::Store::new().unwrap());
    let seat = |profile| Seat::open(dir.path(), &store, profile, "");
    let (ines, mina) = (seat("ines"), seat("mina"));
    ines.ready("Ines");
    mina.ready("Mina");
    (dir, ines, mina)
}

/// Longest wait for anything. Fingerprints take a tenth of a second each, in debug builds more.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) type Store = Arc<keyring_core::api::CredentialStore>;

pub(crate) struct Seat {
    pub(crate) desk: Desk,
    view: Arc<Mutex<Option<AppView>>>,
}

impl Seat {
    pub(crate) fn open(dir: &Path, store: &Store, profile: &str, relay: &str) -> Self {
        let desk = Desk::open(DeskOptions {
            profile: ProfileName::new(profile).unwrap(),
            data_dir: Some(dir.to_owned()),
            relay: Some(relay.to_owned()),
            link: None,
            report: None,
            keychain: KeychainSource::Given(Arc::clone(store)),
        });
        let (desk, view) = (desk.unwrap(), Arc::new(Mutex::new(None)));
        let seen = Arc::clone(&view);
        desk.subscribe(Box::new(move |update| {
            if let UiUpdate::Snapshot { view } = update {
                *seen.lock().unwrap() = Some(*view);
            }
            true
        }));
        Self { desk, view }
    }

    pub(crate) fn see(&self) -> AppView {
        self.until("a view", |_| true)
    }

    /// Waits until the view is as wanted.
    pub(crate) fn until(&self, what: &str, wanted: impl Fn(&AppView) -> bool) -> AppView {
        let start = Instant::now();
        loop {
            if let Some(view) = self.view.lock().unwrap().clone().filter(|v| wanted(v)) {
                return view;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "waited in vain for {what}: {:#?}",
                self.view.lock().unwrap()
            );
            std::thread::yield_now();
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    pub(crate) fn meeting(&self, what: &str, wanted: impl Fn(&MeetingView) -> bool) -> MeetingView {
        self.until(what, |v| v.meeting.as_ref().is_some_and(&wanted)).meeting.unwrap()
    }

    pub(crate) fn ask(&self, command: Command) -> Reply {
        self.desk.dispatch(command).unwrap()
    }

    pub(crate) fn refused(&self, command: Command) -> ErrorCode {
        self.desk.dispatch(command).unwrap_err().code
    }

    /// First run, as far as it is needed.
    pub(crate) fn ready(&self, name: &str) {
        self.until("an identity", |v| matches!(v.identity, IdentityView::Ready { .. }));
        self.ask(Command::SetName { name: name.into() });
        self.ask(Command::FinishFirstRun);
    }
}

pub(crate) fn confirmed(members: u32) -> impl Fn(&MeetingView) -> bool {
    move |m| {
        let settled = m.pending.is_none() && m.phase == MeetingPhase::Live;
        settled && m.epoch.as_ref().is_some_and(|e| e.confirmed == members && e.members == members)
    }
}

impl Seat {
    /// Makes a standup and opens it; gives its link.
    pub(crate) fn open_standup(&self, relay: &str) -> String {
        let made = self.ask(Command::CreateStandup {
            title: "Harbour team".into(),
            relay: Some(relay.to_owned()),
            passphrase: None,
        });
        let Reply::Standup { id } = made else { panic!("no standup") };
        let link = self.see().standups[0].link.clone();
        self.ask(Command::Join { target: JoinTarget::Standup { id }, muted: true, code: None });
        self.meeting("an open meeting", confirmed(1));
        link
    }

    /// Closes the ended screen: at once, though the call may still be saying goodbye.
    pub(crate) fn dismiss(&self) {
        self.ask(Command::DismissMeeting);
        assert!(self.see().meeting.is_none(), "the ended screen stays");
    }

    pub(crate) fn knock(&self, link: &str) {
        let target = JoinTarget::Link { link: link.to_owned() };
        self.ask(Command::Join { target, muted: true, code: None });
    }

    /// Lets in whoever has this name.
    pub(crate) fn let_in(&self, name: &str) {
        let knocked = |m: &MeetingView| m.lobby.iter().any(|e| e.name == name);
        let lobby = self.meeting("a knock", knocked).lobby;
        let entry = lobby.into_iter().find(|e| e.name == name).unwrap();
        self.ask(Command::Admit { request: entry.id });
    }

    /// The place of whoever has this name.
    pub(crate) fn idx_of(&self, name: &str) -> u16 {
        let there = |m: &MeetingView| m.members.iter().any(|m| m.name == name);
        let members = self.meeting(name, there).members;
        members.iter().find(|m| m.name == name).unwrap().idx
    }
}
