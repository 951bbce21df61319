//! The desk's thread: one loop over requests, with a look around 20 times a second.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use standfast_client::call::{Call, CallView};
use standfast_client::clock::wall_ms;
use standfast_client::entropy::OsEntropy;
use standfast_client::profile::{Profile, display_name};
use standfast_client::transport::RelayAddr;
use standfast_client::voice;
use standfast_crypto::{Fingerprint, Link};
use standfast_ipc::{
    AppView, Command, DeviceChoice, ErrorCode, GlobalKeyState, Hint, Levels, RelayView, Reply,
    Setting, UiUpdate,
};
use standfast_vault::Vault;

use crate::call::Running;
use crate::errors::{Outcome, refuse, store};
use crate::hints::{self, Working};
use crate::host::Host;
use crate::identity::Identity;
use crate::intents::{intend, key_of, open};
use crate::meeting_view::{Source, view as meeting_view};
use crate::passphrase::Given;
use crate::prefs::Prefs;
use crate::prints::{Prints, parse_hex, parse_id};
use crate::sound::{self, Sound};
use crate::sound_figures::Sounding;
use crate::standups::Book;
use crate::talk::Talk;
use crate::work::{Done, Worker};
use crate::{DeskOptions, Request, Sink, levels};

/// Levels and meters move this often.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long the end waits for what is still being kept: longer than any keychain takes that works.
const KEEP_WITHIN: Duration = Duration::from_secs(3);
const DISPLAY_NAME: &str = "display-name";
const RELAY: &str = "relay";

pub(crate) struct State {
    pub(crate) options: DeskOptions,
    pub(crate) vault: Vault,
    pub(crate) worker: Worker,
    pub(crate) profile: Option<Arc<Profile>>,
    identity: Identity,
    pub(crate) prefs: Prefs,
    pub(crate) display_name: String,
    relay: Option<String>,
    pub(crate) opened_link: Option<Link>,
    pub(crate) book: Book,
    pub(crate) prints: Prints,
    pub(crate) sound: Sound,
    host: Host,
    pub(crate) running: Option<Running>,
    /// Meetings that this device is out of and that are not shown any more.
    closing: Vec<Running>,
    /// A passphrase that was typed for the next call.
    pub(crate) given: Option<Given>,
    sinks: Vec<Sink>,
    global_key: GlobalKeyState,
    talk: Talk,
    sounding: Sounding,
    working: Working,
    shown: Option<AppView>,
    revision: u64,
    looked: Instant,
}

impl State {
    pub(crate) fn new(options: DeskOptions, vault: Vault, worker: Worker) -> Self {
        let identity = Identity::ask(&vault, &worker);
        let prefs = Prefs::load(&vault);
        let relay = options.relay.clone();
        let opened_link = options.link.as_deref().and_then(|link| Link::parse(link).ok());
        Self {
            options,
            vault,
            worker,
            profile: None,
            identity,
            prefs,
            display_name: String::new(),
            relay,
            opened_link,
            book: Book::default(),
            prints: Prints::default(),
            sound: Sound::new(),
            host: Host::Off,
            running: None,
            closing: Vec::new(),
            given: None,
            sinks: Vec::new(),
            global_key: GlobalKeyState::default(),
            talk: Talk::default(),
            sounding: Sounding::default(),
            working: Working::default(),
            shown: None,
            revision: 0,
            looked: Instant::now(),
        }
    }

    pub(crate) fn run(mut self, requests: &Receiver<Request>) {
        loop {
            match requests.recv_timeout(LOOK_EVERY.saturating_sub(self.looked.elapsed())) {
                Ok(Request::Command(command, answer)) => {
                    let Some((command, answer)) = self.stretch_first(*command, answer) else {
                        continue;
                    };
                    let outcome = self.command(command);
                    // Shown before it is answered: whoever waits for the answer sees what it did.
                    self.show();
                    let _ = answer.send(outcome);
                }
                Ok(Request::Subscribe(sink)) => self.subscribe(sink),
                Ok(Request::GlobalKey(state)) => {
                    self.global_key = state;
                    self.show();
                }
                Ok(Request::Done(done)) => {
                    self.done(*done);
                    self.show();
                }
                Ok(Request::Close(closed)) => {
                    self.close();
                    let _ = closed.send(());
                    return;
                }
                Err(RecvTimeoutError::Timeout) => self.look(),
                Err(RecvTimeoutError::Disconnected) => return self.close(),
            }
        }
    }

    /// Leaves, and lets go of everything, the profile's lock last: whoever waits may open it again.
    fn close(mut self) {
        (self.running, self.closing) = (None, Vec::new()); // leaves
        std::mem::replace(&mut self.host, Host::Off).stop();
        let keeping = self.profile.as_ref().map(Arc::downgrade);
        drop(self);
        // What a meeting brought last may still be on its way into the keychain.
        let started = Instant::now();
        while keeping.as_ref().is_some_and(|p| p.strong_count() > 0)
            && started.elapsed() < KEEP_WITHIN
        {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn look(&mut self) {
        self.looked = Instant::now();
        self.sound.tick();
        if let Some(voice) = self.running.as_ref().and_then(Running::call).and_then(Call::voice) {
            self.sound.follow(&self.prefs, &voice);
        }
        self.prints.work(&self.worker);
        self.let_go();
        if let Some(given) = self.running.as_mut().and_then(Running::proved) {
            self.keep_proved(&given);
        }
        if let (Some(running), Some(profile)) = (&mut self.running, &self.profile)
            && running.tidy(profile, self.options.report.as_deref())
        {
            self.reread();
        }
        self.show();
        self.send_levels();
        self.send_sound();
    }

    fn subscribe(&mut self, sink: Sink) {
        let view = self.shown.clone().unwrap_or_else(|| self.view());
        if sink(UiUpdate::Snapshot { view: Box::new(view) }) {
            self.sinks.push(sink);
        }
    }

    /// Sends the view if it is another than the one shown.
    pub(crate) fn show(&mut self) {
        let mut view = self.view();
        view.revision = self.revision;
        if self.shown.as_ref() != Some(&view) {
            self.revision += 1;
            view.revision = self.revision;
            self.shown = Some(view.clone());
            self.sinks.retain(|sink| sink(UiUpdate::Snapshot { view: Box::new(view.clone()) }));
        }
    }

    fn send_levels(&mut self) {
        let voice = self.running.as_ref().and_then(Running::call).and_then(Call::voice);
        let levels = match (voice, self.sound.test_rms()) {
            (Some(voice), _) => levels::of_voice(&voice),
            (None, Some(rms)) => {
                Levels { microphone: Some(levels::shown(rms)), members: Vec::new() }
            }
            (None, None) => return,
        };
        self.sinks.retain(|sink| sink(UiUpdate::Levels { levels: levels.clone() }));
    }

    fn send_sound(&mut self) {
        let now = Instant::now();
        if !self.sounding.is_due(now) {
            return;
        }
        let voice = self.running.as_ref().and_then(Running::call).and_then(Call::voice);
        let (Some(voice), Some(call)) = (voice, self.running.as_mut().and_then(Running::view))
        else {
            self.sounding = Sounding::default();
            return;
        };
        if let Some(figures) = self.sounding.look(now, voice.stats(), self.prefs.profile(), &call) {
            self.sinks.retain(|sink| sink(UiUpdate::Sound { figures: figures.clone() }));
        }
    }

    fn view(&mut self) -> AppView {
        let call_view = self.running.as_mut().and_then(Running::view);
        let voice = self.running.as_ref().and_then(Running::call).and_then(Call::voice);
        let (now_levels, devices) =
            (voice.as_ref().map(|v| v.levels()), voice.as_ref().map(|v| v.devices()));
        let me = self.profile.as_ref().map(|p| p.identity.fingerprint());
        let present: Vec<Fingerprint> =
            call_view.iter().flat_map(|v| v.meeting.members.iter().map(|m| m.fp)).collect();
        let hints = self.hints(call_view.as_ref(), now_levels.as_ref(), devices.as_ref());
        let devices_view = self.sound.view(&self.prefs, devices.as_ref());
        let meeting = match (&self.running, &call_view, me) {
            (Some(running), Some(call), Some(me)) => {
                let source = Source {
                    running,
                    me,
                    call,
                    levels: now_levels,
                    devices,
                    book: &self.book,
                    now_ms: wall_ms(),
                };
                Some(meeting_view(&source, &mut self.prints))
            }
            _ => None,
        };
        AppView {
            revision: 0,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            profile: self.options.profile.as_str().to_owned(),
            display_name: self.display_name.clone(),
            first_run_done: self.prefs.first_run_done,
            identity: self.identity.view(&self.vault, &mut self.prints),
            devices: devices_view,
            microphone_test: self.sound.test_view(),
            settings: self.prefs.view(self.global_key.clone()),
            standups: me.map(|me| self.book.standups(me, &present)).unwrap_or_default(),
            contacts: self.book.contacts(&mut self.prints),
            recent: self.book.recent(),
            relay: RelayView { address: self.relay.clone() },
            host_here: self.host.view(),
            opened_link: self
                .opened_link
                .as_ref()
                .map(|link| self.book.preview(link, &mut self.prints)),
            hints,
            meeting,
        }
    }

    fn hints(
        &mut self,
        call: Option<&CallView>,
        levels: Option<&voice::Levels>,
        devices: Option<&voice::Devices>,
    ) -> Vec<Hint> {
        let mut all = self.working.look(devices);
        all.extend(devices.iter().flat_map(|devices| self.sound.arrived(devices)));
        all.extend(hints::heard(call, levels, devices));
        all
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Identity(Ok(opened)) => self.identity_ready(Profile::new(*opened)),
            Done::Identity(Err(trouble)) => {
                self.identity = Identity::Trouble { trouble, at_ms: wall_ms() }
            }
            Done::Print(fp, shown) => {
                self.prints.made(fp, shown);
                self.prints.work(&self.worker);
            }
            Done::Stretched(stretched) => self.stretched(*stretched),
            Done::Call(started) => self.call_started(*started),
            Done::Kept => self.reread(),
            Done::ToneOver => self.sound.tone_over(),
        }
    }

    fn identity_ready(&mut self, profile: Profile) {
        let db = profile.vault.store();
        self.display_name = db.private_setting(DISPLAY_NAME).ok().flatten().unwrap_or_default();
        let stored: Option<String> = db.private_setting(RELAY).ok().flatten();
        self.relay = self.options.relay.clone().or(stored);
        self.identity = Identity::Ready { fp: profile.identity.fingerprint() };
        self.profile = Some(Arc::new(profile));
        self.reread();
    }

    /// Reads anew what the vault holds, and tells a running call whom we know.
    pub(crate) fn reread(&mut self) {
        let Some(profile) = &self.profile else { return };
        match Book::read(profile, &self.book) {
            Ok(book) => self.book = book,
            Err(err) => tracing::warn!(%err, "contacts and standups could not be read"),
        }
        if let Some(call) = self.running.as_ref().and_then(Running::call) {
            call.set_known(self.book.known.clone());
        }
    }

    pub(crate) fn profile(&self) -> Outcome<Arc<Profile>> {
        self.profile.clone().ok_or_else(|| ErrorCode::IdentityNotReady.into())
    }

    fn call(&self) -> Outcome<&Call> {
        self.running.as_ref().and_then(Running::call).ok_or_else(|| ErrorCode::NotInMeeting.into())
    }

    pub(crate) fn running_mut(&mut self) -> Outcome<&mut Running> {
        self.running.as_mut().ok_or_else(|| ErrorCode::NotInMeeting.into())
    }

    /// "Not mine": a host keeps the bot out with that, anybody else is not asked again.
    fn disown(&mut self, command: &Command) -> Outcome<()> {
        let Command::DisownBot { request } = command else { return refuse(ErrorCode::BadRequest) };
        let request = parse_hex(request).ok_or(ErrorCode::BadRequest)?;
        if self.call()?.view().meeting.rights.host {
            return intend(self.call()?, command);
        }
        self.running_mut()?.disowned.insert(request);
        Ok(())
    }

    fn command(&mut self, command: Command) -> Outcome<Reply> {
        match command {
            Command::CreateStandup { title, relay, .. } => {
                let (link, title) = self.prepare_standup(&title, relay)?;
                return self.create(&link, &title, None);
            }
            Command::ChoosePassphrase { .. }
            | Command::GivePassphrase { .. }
            | Command::ForgetPassphrase { .. } => return self.without_passphrase(command),
            Command::ReadLink { link } => return self.read_link(&link),
            Command::ReadJournal { meeting } => return self.read_journal(meeting.as_deref()),
            Command::ExportJournal { meeting, form } => {
                return self.export_journal(meeting.as_deref(), form);
            }
            Command::SetName { name } => self.set_name(&name)?,
            Command::FinishFirstRun => self.change_prefs(|prefs| prefs.first_run_done = true)?,
            Command::KeychainRetry => self.identity = Identity::ask(&self.vault, &self.worker),
            Command::KeychainStop => self.identity.stop(),
            Command::PassphraseUnlock { passphrase } => {
                self.identity =
                    Identity::passphrase(&self.vault, &self.worker, passphrase.expose(), false)?;
            }
            Command::PassphraseChoose { passphrase } => {
                self.identity =
                    Identity::passphrase(&self.vault, &self.worker, passphrase.expose(), true)?;
            }
            Command::StartAsNewPerson => self.start_as_new_person()?,
            Command::ChooseInput { device } => self.choose_input(device)?,
            Command::ChooseOutput { device } => self.choose_output(device)?,
            Command::TestMicrophone { on } => self.sound.test(&self.prefs, on)?,
            Command::TestSpeaker => {
                self.sound.tone(&self.prefs, self.vault.directory(), &self.worker)?
            }
            Command::ForgetStandup { id } => self.forget_standup(&id)?,
            Command::ForgetOpenedLink => self.opened_link = None,
            Command::Join { target, muted, code } => self.join(target, muted, code.as_ref())?,
            Command::Verify { fingerprint } => self.verify(&fingerprint, true)?,
            Command::Withdraw { fingerprint } => self.verify(&fingerprint, false)?,
            Command::SetVolume { idx, percent } => self.set_volume(idx, percent)?,
            Command::SetMutedHere { idx, muted } => self.set_muted_here(idx, muted)?,
            Command::HostHere { on } => self.host_here(on)?,
            Command::Set { setting } => self.set(&setting)?,
            Command::DismissMeeting => self.dismiss(),
            // The shell does these two before they come here.
            Command::CopyText { .. } | Command::Quit => {}
            Command::SplitRead => self.running_mut()?.read_split(),
            Command::DisownBot { .. } => self.disown(&command)?,
            Command::LookAfterBot { idx } => {
                intend(self.call()?, &command)?;
                self.running_mut()?.standby.insert(idx);
            }
            Command::TalkKey { down } => self.talk_key(down)?,
            Command::OpenMeeting => open(self.call()?)?,
            other => intend(self.call()?, &other)?,
        }
        Ok(Reply::Done)
    }

    /// Outside of a meeting the key means nothing, and that is no error.
    fn talk_key(&mut self, down: bool) -> Outcome<()> {
        let view = self.running.as_mut().and_then(Running::view);
        let Some(microphone) = view.map(|view| view.meeting.microphone) else {
            self.talk = Talk::default();
            return Ok(());
        };
        match self.talk.key(self.prefs.talk_key, down, microphone) {
            Some(muted) => intend(self.call()?, &Command::SetMuted { muted }),
            None => Ok(()),
        }
    }

    fn set_name(&mut self, name: &str) -> Outcome<()> {
        let name = display_name(name).ok_or(ErrorCode::NameInvalid)?;
        self.profile()?.vault.store().set_private_setting(DISPLAY_NAME, &name).map_err(store)?;
        self.display_name = name;
        Ok(())
    }

    fn change_prefs(&mut self, change: impl FnOnce(&mut Prefs)) -> Outcome<()> {
        let mut prefs = self.prefs.clone();
        change(&mut prefs);
        prefs.save(&self.vault)?;
        self.prefs = prefs;
        Ok(())
    }

    fn set(&mut self, setting: &Setting) -> Outcome<()> {
        if let Setting::Relay { address } = setting {
            let address = address.trim();
            let relay = (!address.is_empty()).then(|| address.to_owned());
            if relay.as_deref().is_some_and(|r| RelayAddr::parse(r, None).is_err()) {
                return refuse(ErrorCode::AddressInvalid);
            }
            self.profile()?.vault.store().set_private_setting(RELAY, &relay).map_err(store)?;
            self.relay = relay;
        }
        self.change_prefs(|prefs| prefs.apply(setting))?;
        if let Some(voice) = self.running.as_ref().and_then(Running::call).and_then(Call::voice) {
            voice.set_processing(self.prefs.processing());
            voice.set_profile(self.prefs.profile());
            voice.set_placing(self.prefs.placing);
        }
        Ok(())
    }

    fn start_as_new_person(&mut self) -> Outcome<()> {
        (self.profile, self.given) = (None, None);
        let renewed = self.vault.clone().start_as_new_person(wall_ms());
        self.vault = renewed.map_err(|_| ErrorCode::StoreUnavailable)?;
        self.prefs = Prefs::load(&self.vault);
        self.identity = Identity::ask(&self.vault, &self.worker);
        Ok(())
    }

    fn choose_input(&mut self, device: DeviceChoice) -> Outcome<()> {
        self.change_prefs(|prefs| prefs.input = device)?;
        if self.sound.testing() {
            self.sound.test(&self.prefs, true)?;
        }
        if let Some(voice) = self.running.as_ref().and_then(Running::call).and_then(Call::voice) {
            voice.set_input(&sound::input(&self.prefs)).map_err(|_| ErrorCode::NoDevice)?;
        }
        Ok(())
    }

    fn choose_output(&mut self, device: DeviceChoice) -> Outcome<()> {
        self.change_prefs(|prefs| prefs.output = device)?;
        if let Some(voice) = self.running.as_ref().and_then(Running::call).and_then(Call::voice) {
            voice.set_output(&sound::output(&self.prefs)).map_err(|_| ErrorCode::NoDevice)?;
        }
        Ok(())
    }

    /// A new standup on the given relay, or on the one in this application. Nothing is kept yet.
    pub(crate) fn prepare_standup(
        &mut self,
        title: &str,
        relay: Option<String>,
    ) -> Outcome<(Link, String)> {
        let profile = self.profile()?;
        let title = display_name(title).ok_or(ErrorCode::TitleInvalid)?;
        let (relay, cert) = match relay {
            Some(relay) => (relay.trim().to_owned(), None),
            None => self.own_relay()?,
        };
        RelayAddr::parse(&relay, cert).map_err(|_| ErrorCode::AddressInvalid)?;
        let link = Link::create(&relay, profile.identity.fingerprint(), cert, &mut OsEntropy);
        Ok((link, title))
    }

    fn forget_standup(&mut self, id: &str) -> Outcome<()> {
        let id = parse_hex(id).ok_or(ErrorCode::BadRequest)?;
        if self.running.as_ref().is_some_and(|r| r.meeting_id == id) {
            return refuse(ErrorCode::AlreadyInMeeting);
        }
        self.profile()?.vault.store().delete_meeting(&id).map_err(store)?;
        self.reread();
        Ok(())
    }

    fn call_started(&mut self, started: crate::work::Started) {
        match (started, &mut self.running, &self.profile) {
            (Ok((call, events)), Some(running), Some(profile)) => {
                running.started(call, events, profile, &self.worker)
            }
            // Left while it was starting: the call leaves by being dropped.
            (Ok(_), ..) => {}
            (Err(code), ..) => {
                tracing::warn!(?code, "no call");
                self.running = None;
            }
        }
    }

    /// Closes the ended screen. The call may still be saying goodbye.
    fn dismiss(&mut self) {
        if self.set_aside() {
            self.given = None;
        }
    }

    /// Makes room for another meeting, if this device is out of the one that is shown.
    pub(crate) fn set_aside(&mut self) -> bool {
        let out = self.running.as_mut().is_none_or(Running::out);
        if out {
            self.closing.extend(self.running.take());
        }
        out
    }

    /// Keeps what is over of the meetings that are not shown any more, and lets them go.
    fn let_go(&mut self) {
        let (profile, report) = (self.profile.clone(), self.options.report.clone());
        let mut kept = false;
        self.closing.retain_mut(|running| {
            let over = running.view().is_none_or(|view| view.over);
            if let (true, Some(profile)) = (over, &profile) {
                kept |= running.tidy(profile, report.as_deref());
            }
            !over
        });
        if kept {
            self.reread();
        }
    }

    /// Remembers that the user compared a key, or takes it back. The handle is the one that was
    /// shown when it was compared.
    fn verify(&mut self, id: &str, verified: bool) -> Outcome<()> {
        let fp = parse_id(id).ok_or(ErrorCode::BadRequest)?;
        let profile = self.profile()?;
        let db = profile.vault.store();
        if db.contact_by_fingerprint(&fp.0).map_err(store)?.is_none() {
            let name = self.name_in_meeting(fp).ok_or(ErrorCode::Gone)?;
            db.add_contact(&name, &standfast_vault::Device::first_seen(fp.0, wall_ms()))
                .map_err(store)?;
        }
        let changed =
            if verified { db.verify(&fp.0, wall_ms()) } else { db.withdraw_verification(&fp.0) };
        changed.map_err(store)?;
        self.reread();
        Ok(())
    }

    fn name_in_meeting(&mut self, fp: Fingerprint) -> Option<String> {
        let view = self.running.as_mut()?.view()?;
        let member = view.meeting.members.iter().find(|m| m.fp == fp).map(|m| m.name.clone());
        member.or_else(|| view.meeting.lobby.iter().find(|k| k.fp == fp).map(|k| k.name.clone()))
    }

    fn set_volume(&mut self, idx: u16, percent: u16) -> Outcome<()> {
        let percent = percent.min(standfast_vault::VOLUME_MAX_PERCENT);
        let fp = key_of(&self.call()?.view().meeting, idx)?;
        self.profile()?.vault.store().set_volume(&fp.0, percent).map_err(store)?;
        self.reread();
        self.play_as_wanted(idx)
    }

    fn set_muted_here(&mut self, idx: u16, muted: bool) -> Outcome<()> {
        let running = self.running_mut()?;
        if muted {
            running.muted_here.insert(idx);
        } else {
            running.muted_here.remove(&idx);
        }
        self.play_as_wanted(idx)
    }

    fn play_as_wanted(&mut self, idx: u16) -> Outcome<()> {
        let call = self.call()?;
        let fp = key_of(&call.view().meeting, idx)?;
        let muted = self.running.as_ref().is_some_and(|r| r.muted_here.contains(&idx));
        let gain = if muted { 0.0 } else { f32::from(self.book.volume(fp)) / 100.0 };
        if let Some(voice) = call.voice() {
            voice.set_gain(idx.into(), gain);
        }
        Ok(())
    }

    /// Address and certificate of the relay in this application, started if it is not running.
    pub(crate) fn own_relay(&mut self) -> Outcome<(String, Option<[u8; 32]>)> {
        if self.host.place().is_none() {
            self.host_here(true)?;
        }
        let (address, pin) = self.host.place().ok_or(ErrorCode::HostHereFailed)?;
        Ok((address, Some(pin)))
    }

    fn host_here(&mut self, on: bool) -> Outcome<()> {
        std::mem::replace(&mut self.host, Host::Off).stop();
        if on {
            self.host = Host::start(&*self.profile()?);
            if let Host::Failed(code) = self.host {
                return refuse(code);
            }
        }
        Ok(())
    }
}
