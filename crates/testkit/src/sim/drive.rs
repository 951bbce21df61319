//! What the client does around the engine, without sockets and threads: as `standfast-client`'s
//! runner does it, message by message.

use bytes::Bytes;
use standfast_crypto::PrivateBundle;
use standfast_meeting::{
    Admission, Command, Config, Hosts, Input, Known, Meeting, PacketShape, Part, Policy,
};
use standfast_wire::codec::{Blob, from_bytes};
use standfast_wire::relay::{Board, Packet, PutBundle, ToClient, ToRelay, pack};

use super::device::{Pause, Process};
use super::net::LineId;
use super::queue::{Event, Happening};
use super::told::name_of;
use super::world::{Held, World};

/// Waits between attempts to connect, ms: as the client has them.
const BACKOFF_MS: [u64; 4] = [0, 1_000, 2_000, 4_000];
/// Size of every audio payload, bytes.
pub(super) const AUDIO_BYTES: usize = 80;

impl World<'_> {
    /// Somebody starts the app.
    pub(crate) fn start(&mut self, at: usize) -> Held {
        if !self.devices[at].starting || self.devices[at].process.is_some() {
            return Ok(());
        }
        self.processes += 1;
        let id = self.processes;
        let (config, dice) = (self.config(at), self.process_dice());
        let device = &mut self.devices[at];
        (device.starting, device.wanted) = (false, true);
        let meeting = Meeting::new(config, Box::new(dice), device.now(self.now_ms));
        device.process = Some(Process::new(id, meeting));
        self.say(|w| format!("{} starts", w.devices[at].name));
        self.look(at)?;
        if let Some(kept) = self.devices[at].deputies.clone() {
            self.input(at, Input::Deputies(&kept))?;
        }
        self.connect(at);
        let talk_ms = self.now_ms + self.dice.below(2_000);
        self.queue.push(talk_ms, Event::Device(at, Happening::Voice(id)));
        Ok(())
    }

    pub(crate) fn config(&mut self, at: usize) -> Config {
        let admission = if self.lobby { Admission::Lobby } else { Admission::AnyoneWithLink };
        let device = &self.devices[at];
        let part = if at == 0 {
            let policy = Policy { admission, hosts: Hosts::Scheduled, rotate_ms: 60_000 };
            Part::Organizer { scheduled: self.scheduled.clone(), policy }
        } else {
            Part::Member { prekeys: device.prekeys() }
        };
        let others = self.devices.iter().filter(|d| d.fp != device.fp);
        let known = others.map(|d| Known { fp: d.fp, name: d.name.clone(), verified: false });
        Config {
            identity: std::sync::Arc::clone(&device.identity),
            meeting_id: self.meeting_id,
            organizer: self.link.organizer,
            link: self.link.keys(),
            name: device.name.clone(),
            part,
            known: known.collect(),
            muted: false,
            audio: PacketShape::of_20_ms(AUDIO_BYTES),
        }
    }

    /// The process ends without a word.
    pub(crate) fn kill(&mut self, at: usize) -> Option<LineId> {
        let process = self.devices[at].process.take()?;
        process.line.or(process.dialling)
    }

    pub(crate) fn connect(&mut self, at: usize) {
        let Some(process) = &self.devices[at].process else { return };
        let wait = BACKOFF_MS[process.failures.min(BACKOFF_MS.len() - 1)];
        let id = process.id;
        let at_ms = self.now_ms + wait + self.dice.below(wait / 4 + 1);
        self.queue.push(at_ms, Event::Device(at, Happening::Dial(id)));
    }

    pub(crate) fn drive(&mut self, at: usize, happening: Happening) -> Held {
        match happening {
            Happening::Tick(id) => self.tick(at, id),
            Happening::Down(line, message) => self.down(at, line, &message),
            Happening::Lost(line) => self.lost(at, line),
            Happening::Dial(id) => {
                let Some(process) = self.devices[at].run(id) else { return Ok(()) };
                if process.line.is_none() && process.dialling.is_none() {
                    let have = process.boards.positions();
                    let line = self.dial(at, have);
                    if let Some(process) = self.devices[at].run(id) {
                        process.dialling = Some(line);
                    }
                }
                Ok(())
            }
            Happening::Voice(id) => self.voice(at, id),
            Happening::Want(id, command) => match self.devices[at].run(id) {
                Some(_) => self.want(at, command),
                None => Ok(()),
            },
            Happening::LookAtLobby(id) => self.look_at_lobby(at, id),
        }
    }

    pub(crate) fn want(&mut self, at: usize, command: Command) -> Held {
        self.say(|w| format!("{} wants {}", w.devices[at].name, name_of(&command)));
        self.input(at, Input::Command(command))
    }

    pub(crate) fn tick(&mut self, at: usize, id: u64) -> Held {
        let Some(process) = self.devices[at].run(id) else { return Ok(()) };
        process.tick_ms = None;
        self.input(at, Input::Tick)
    }

    pub(crate) fn lost(&mut self, at: usize, line: LineId) -> Held {
        let Some(process) = self.devices[at].process.as_mut() else { return Ok(()) };
        if process.dialling == Some(line) {
            process.dialling = None;
            process.failures += 1;
            self.connect(at);
        } else if process.line == Some(line) {
            process.line = None;
            process.boards.lost();
            self.say(|w| format!("{} is disconnected", w.devices[at].name));
            self.input(at, Input::Disconnected)?;
            self.connect(at);
        }
        Ok(())
    }

    pub(crate) fn down(&mut self, at: usize, line: LineId, message: &Bytes) -> Held {
        if !self.carries(line) {
            return Ok(());
        }
        let Some(process) = self.devices[at].process.as_mut() else { return Ok(()) };
        if process.line != Some(line) && process.dialling != Some(line) {
            return Ok(());
        }
        match Packet::parse(message) {
            Ok(Packet::Media(frame)) => self.input(at, Input::Media(frame)),
            Ok(Packet::Control(body)) => {
                let message = from_bytes(body).map_err(|_| "the relay sent noise")?;
                self.control(at, line, message)
            }
            Err(_) => Err("the relay sent noise".into()),
        }
    }

    pub(crate) fn control(&mut self, at: usize, line: LineId, message: ToClient) -> Held {
        let Some(process) = self.devices[at].process.as_mut() else { return Ok(()) };
        match message {
            ToClient::Welcome(welcome) => self.welcome(at, line, welcome.boards.into_vec()),
            ToClient::BoardOpened(board) => {
                process.boards.seen(board);
                Ok(())
            }
            ToClient::BoardGone(gone) => {
                process.boards.gone(&gone.board_id);
                Ok(())
            }
            ToClient::CaughtUp(caught_up) => match process.boards.session_of(&caught_up.board_id) {
                Some(session_id) if process.boards.is_read() => {
                    self.input(at, Input::CaughtUp { session_id })
                }
                _ => Ok(()),
            },
            ToClient::Done(done) => {
                process.boards.done(done.request);
                Ok(())
            }
            ToClient::Delivered(d) => {
                process.boards.read(&d.board_id, d.seq);
                if let Some(h) = self.truth.brings(&d.envelope) {
                    self.truth.learns(process, h);
                }
                self.input(at, Input::Delivered { poster: d.from, envelope: &d.envelope })
            }
            ToClient::Bundle(bundle) => match process.bundle_requests.remove(&bundle.request) {
                Some(slot) => {
                    let blob = bundle.blob.as_ref().map(Blob::as_slice);
                    self.input(at, Input::Bundle { slot, blob })
                }
                None => Ok(()),
            },
            ToClient::PeerGone(gone) => {
                self.input(at, Input::PeerGone { poster: gone.peer.pseudonym })
            }
            _ => Ok(()),
        }
    }

    /// A board that the relay does not have any more, or has under a new id, is lost.
    pub(crate) fn welcome(&mut self, at: usize, line: LineId, boards: Vec<Board>) -> Held {
        self.say(|w| format!("{} is connected", w.devices[at].name));
        let Some(process) = self.devices[at].process.as_mut() else { return Ok(()) };
        (process.line, process.dialling, process.failures) = (Some(line), None, 0);
        let session = process.meeting.snapshot().session_id;
        let before = session.and_then(|id| process.boards.board_of(&id));
        let now =
            session.and_then(|id| boards.iter().find(|b| b.session_id == id)).map(|b| b.board_id);
        let running = boards.len();
        boards.into_iter().for_each(|board| process.boards.seen(board));
        self.input(at, Input::Connected)?;
        self.input(at, Input::Boards(running))?;
        match session {
            Some(session_id) if now.is_none() || before != now => {
                self.input(at, Input::BoardLost { session_id })
            }
            _ => Ok(()),
        }
    }

    /// The engine is out of the meeting: the app closes its connection, and is done.
    pub(crate) fn exit(&mut self, at: usize) -> Held {
        let Some(process) = self.devices[at].process.take() else { return Ok(()) };
        let Some(why) = process.shown.left() else { return Ok(()) };
        self.explain(at, process.id, why)?;
        self.say(|w| format!("{} is out: {why:?}", w.devices[at].name));
        self.devices[at].wanted = false;
        if let Some(line) = process.line.or(process.dialling) {
            self.close_line(line);
        }
        Ok(())
    }

    /// The device gets no time to run, or sleeps.
    pub(crate) fn pause(&mut self, at: usize, asleep: bool, until_ms: u64) {
        if self.devices[at].paused.is_none() {
            self.devices[at].paused = Some(Pause { asleep, held: Vec::new() });
            self.queue.push(until_ms, Event::Resume(at));
        }
    }

    /// It goes on. After sleep the app makes its connection anew before anything else.
    pub(crate) fn resume(&mut self, at: usize) -> Held {
        let Some(pause) = self.devices[at].paused.take() else { return Ok(()) };
        self.say(|w| format!("{} goes on", w.devices[at].name));
        if pause.asleep {
            self.drop_line(at).map_err(|what| format!("{}: {what}", self.devices[at].name))?;
        }
        for happening in pause.held {
            self.drive(at, happening)
                .map_err(|what| format!("{}: {what}", self.devices[at].name))?;
        }
        Ok(())
    }

    /// Before the meeting, scheduled members' apps have stored bundles.
    pub(crate) fn put_prekeys(&mut self) {
        let keys = self.link.keys();
        for at in 1..self.devices.len() {
            if !self.scheduled.contains(&self.devices[at].fp) || !self.dice.chance(80) {
                continue;
            }
            let private = PrivateBundle::generate(&mut self.dice);
            let device = &mut self.devices[at];
            let blob = super::boxes::prekey_blob(
                &keys,
                &device.identity,
                self.meeting_id,
                &private,
                &mut self.dice,
            );
            let slot = keys.bundle_slot(device.fp);
            let Some(Ok(blob)) = blob.map(Blob::new) else { continue };
            device.keychain.insert(private.id(), private.to_secret());
            let put = ToRelay::from(PutBundle { request: 1, slot, blob });
            self.relay.put_bundle(&device.pseudonym, &pack(&put).into());
        }
    }
}
