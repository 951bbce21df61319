//! What the client does around the engine, without sockets and threads: as `standfast-client`'s
//! runner does it, message by message.

use bytes::Bytes;
use standfast_crypto::PrivateBundle;
use standfast_meeting::limits::CUT_MS;
use standfast_meeting::{
    Admission, Command, Config, Counters, Hosts, Input, Known, Meeting, Output, Part, Phase, Policy,
};
use standfast_wire::codec::{Blob, from_bytes};
use standfast_wire::control::{Entry, Kind};
use standfast_wire::relay::{
    Board, EndSession, GetBundle, OpenSession, Packet, Post, PutBundle, ToClient, ToRelay, pack,
    pack_media,
};

use super::device::{Pause, Process, Shown};
use super::net::LineId;
use super::queue::{Event, Happening};
use super::truth::{Said, packet_of};
use super::world::{Held, World, short};

/// Waits between attempts to connect, ms: as the client has them.
const BACKOFF_MS: [u64; 4] = [0, 1_000, 2_000, 4_000];
/// An engine that wants so many ticks at one moment never gets done.
const TICKS_IN_PLACE_MAX: u32 = 8;
/// Size of every audio payload, bytes.
const AUDIO_BYTES: usize = 80;
/// Without a sign of change, a snapshot is looked at once in so many inputs.
const LOOK_ANYWAY: u64 = 64;

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

    fn config(&mut self, at: usize) -> Config {
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
            audio_bytes: AUDIO_BYTES,
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

    fn tick(&mut self, at: usize, id: u64) -> Held {
        let Some(process) = self.devices[at].run(id) else { return Ok(()) };
        process.tick_ms = None;
        self.input(at, Input::Tick)
    }

    fn lost(&mut self, at: usize, line: LineId) -> Held {
        let Some(process) = self.devices[at].process.as_mut() else { return Ok(()) };
        if process.dialling == Some(line) {
            process.dialling = None;
            process.failures += 1;
            self.connect(at);
        } else if process.line == Some(line) {
            process.line = None;
            self.say(|w| format!("{} is disconnected", w.devices[at].name));
            self.input(at, Input::Disconnected)?;
            self.connect(at);
        }
        Ok(())
    }

    fn down(&mut self, at: usize, line: LineId, message: &Bytes) -> Held {
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

    fn control(&mut self, at: usize, line: LineId, message: ToClient) -> Held {
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
                Some(session_id) => self.input(at, Input::CaughtUp { session_id }),
                None => Ok(()),
            },
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
    fn welcome(&mut self, at: usize, line: LineId, boards: Vec<Board>) -> Held {
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

    /// Gives the engine an input, and carries out what it wants.
    pub(crate) fn input(&mut self, at: usize, input: Input<'_>) -> Held {
        let now = self.devices[at].now(self.now_ms);
        self.tell_input(at, &input);
        let Some(process) = self.devices[at].process.as_mut() else { return Ok(()) };
        let quiet = matches!(input, Input::Media(_) | Input::Voice { .. });
        let before = (!quiet && self.trace.is_some()).then(|| process.meeting.snapshot().counters);
        process.meeting.handle(input, now);
        if let Some(before) = before {
            self.tell_refused(at, before);
        }
        self.after_input(at, !quiet && self.events.is_multiple_of(LOOK_ANYWAY))
    }

    fn tell_input(&mut self, at: usize, input: &Input<'_>) {
        if !self.is_told() {
            return;
        }
        let got = match input {
            Input::Delivered { poster, envelope } => (self.truth.told(envelope), Some(*poster)),
            Input::PeerGone { poster } => (Some("PeerGone".to_owned()), Some(*poster)),
            Input::CaughtUp { .. } => (Some("CaughtUp".to_owned()), None),
            Input::BoardLost { .. } => (Some("BoardLost".to_owned()), None),
            _ => return,
        };
        self.say(|w| {
            let of = w.devices.iter().find(|d| Some(d.pseudonym.public()) == got.1);
            let of = of.map(|d| d.name.as_str()).unwrap_or_default();
            format!("{} gets {} of {of}", w.devices[at].name, got.0.unwrap_or_default())
        });
    }

    fn tell_refused(&mut self, at: usize, before: Counters) {
        let Some(process) = &self.devices[at].process else { return };
        let now = process.meeting.snapshot().counters;
        let causes = [
            ("malformed", now.malformed - before.malformed),
            ("not authentic", now.not_authentic - before.not_authentic),
            ("not allowed", now.not_allowed - before.not_allowed),
            ("stale", now.stale - before.stale),
            ("missing", now.missing - before.missing),
            ("inconsistent", now.inconsistent - before.inconsistent),
        ];
        for (cause, _) in causes.into_iter().filter(|(_, more)| *more > 0) {
            self.say(|w| format!("{} refuses it: {cause}", w.devices[at].name));
        }
    }

    /// What was posted comes first, so that what is shown and played can be held against it.
    fn after_input(&mut self, at: usize, look: bool) -> Held {
        let Some(process) = self.devices[at].process.as_mut() else { return Ok(()) };
        let outputs: Vec<_> = std::iter::from_fn(|| process.meeting.poll_output()).collect();
        let told = outputs.iter().any(|o| matches!(o, Output::Changed));
        for output in &outputs {
            if let Output::Post(envelope) = output {
                self.posted(at, envelope)?;
            }
        }
        let before = self.devices[at].shown().and_then(|shown| shown.active);
        let shown = self.devices[at].shown().cloned();
        let live = (look || told) && self.look(at)?;
        if live && !told {
            let now = self.devices[at].shown().cloned();
            return Err(format!("shows something else without saying so: {shown:?}, now {now:?}"));
        }
        let after = self.devices[at].shown().and_then(|shown| shown.active);
        let under: Vec<_> = before.into_iter().chain(after).map(|(h, _)| h).collect();
        for output in outputs {
            self.carry_out(at, output, &under)?;
        }
        self.plan_tick(at)?;
        if self.devices[at].shown().is_some_and(|shown| shown.left().is_some()) {
            self.exit(at)?;
        }
        Ok(())
    }

    fn posted(&mut self, at: usize, envelope: &standfast_wire::relay::Envelope) -> Held {
        let (kind, confirmed) = self.truth.posted(self.devices[at].fp, envelope)?;
        if let (Some(h), Some(process)) = (confirmed, self.devices[at].process.as_mut()) {
            process.held.insert(h);
        }
        let brings = self.truth.brings(envelope);
        if let (Some(h), Some(process)) = (brings, self.devices[at].process.as_mut()) {
            process.heard.insert(h);
            self.truth.made_knowing(&h, process);
        }
        if kind != Kind::Heartbeat && self.is_told() {
            self.tell_posted(at, envelope);
        }
        self.mark(at, envelope.sealed.as_slice());
        Ok(())
    }

    fn tell_posted(&mut self, at: usize, envelope: &standfast_wire::relay::Envelope) {
        let told = self.truth.told(envelope).unwrap_or_default();
        let announced = self.truth.announce_of(envelope).map(|a| {
            let name = |fp: &[u8; 32]| {
                let device = self.devices.iter().find(|d| d.fp.0 == *fp);
                device.map(|d| d.name.clone()).unwrap_or_default()
            };
            let entry = |e: &Entry| format!("{}:{}", name(&e.fp), short(&e.join_h));
            let roster: Vec<_> = a.roster.iter().map(entry).collect();
            let merged = a.merged_h.map(|h| format!(" merges {}", self.truth.name(&h)));
            let (prev, merged) = (self.truth.name(&a.prev_h), merged.unwrap_or_default());
            format!(" {:?} after {prev}{merged} lists {}", a.reason, roster.join(" "))
        });
        let announced = announced.unwrap_or_default();
        self.say(|w| format!("{} posts {told}{announced}", w.devices[at].name));
    }

    /// Looks at the snapshot and holds it against what is so. Whether it changed.
    fn look(&mut self, at: usize) -> Result<bool, String> {
        let now_ms = self.now_ms;
        let Some(process) = self.devices[at].process.as_mut() else { return Ok(false) };
        let see = process.meeting.snapshot();
        let shown = Shown::of(&see);
        if shown == process.shown {
            return Ok(false);
        }
        self.truth.shows(&see)?;
        for (h, _) in shown.active.iter().chain(&shown.coming) {
            if !process.installed.iter().any(|(known, _)| known == h) {
                process.installed.push((*h, now_ms));
            }
        }
        if let (Some((h, number)), Some(session)) = (shown.active, shown.session) {
            self.follows(at, (session, number, h))?;
        }
        let Some(process) = self.devices[at].process.as_mut() else { return Ok(false) };
        if !matches!(shown.phase, Some(Phase::Live | Phase::Reconnecting)) {
            process.opened = None;
        }
        let looks_at_lobby = !shown.lobby.is_empty() && !process.looking_at_lobby;
        process.looking_at_lobby |= looks_at_lobby;
        let (id, before) = (process.id, std::mem::replace(&mut process.shown, shown));
        if looks_at_lobby {
            let at_ms = now_ms + self.dice.between(300, 6_000);
            self.queue.push(at_ms, Event::Device(at, Happening::LookAtLobby(id)));
        }
        self.tell_change(at, &before);
        Ok(true)
    }

    /// A process follows an epoch: a later one than before, without anybody it saw removed.
    fn follows(&mut self, at: usize, (session, number, h): ([u8; 32], u32, [u8; 32])) -> Held {
        let Some(announced) = self.truth.announces.get(&h) else { return Ok(()) };
        let knew = announced.knew.as_ref();
        let Some(process) = &self.devices[at].process else { return Ok(()) };
        let same = process.highest.is_none_or(|(of, _, _, _)| of == session);
        let back = announced.roster.iter().any(|e| process.saw_removed.contains(&e.fp));
        if back && same && !self.done.readmitted {
            return Err(format!("follows epoch {number} with somebody who was removed"));
        }
        if let Some((of, t, n, before)) = process.highest.filter(|(_, _, _, b)| *b != h) {
            let grows = of != session || (t, n) < (announced.term, number);
            // Whoever makes the new epoch can name only a branch that it has checked.
            if !grows && knew.is_some_and(|knew| knew.contains(&before)) {
                let (h, before) = (self.truth.name(&h), self.truth.name(&before));
                return Err(format!("goes back from {before} to {h}"));
            }
        }
        let (term, removed) = (announced.term, announced.removed.clone());
        if let Some(process) = self.devices[at].process.as_mut() {
            process.highest = Some((session, term, number, h));
            if !same {
                process.saw_removed.clear();
            }
            process.saw_removed.extend(removed);
        }
        Ok(())
    }

    fn tell_change(&mut self, at: usize, before: &Shown) {
        self.say(|w| {
            let shown = w.devices[at].shown().cloned().unwrap_or_default();
            let epoch = |e: Option<(_, u32)>| e.map(|(h, _)| w.truth.name(&h));
            let (active, coming) = (epoch(shown.active), epoch(shown.coming));
            let phase = shown.phase.map(|p| format!("{p:?}")).unwrap_or_default();
            let generator = if shown.generator { " (generator)" } else { "" };
            let changed = if before.phase == shown.phase { "" } else { " !" };
            format!(
                "{} shows {phase}{changed}{generator} active {} coming {} confirmed {}/{}",
                w.devices[at].name,
                active.unwrap_or_default(),
                coming.unwrap_or_default(),
                shown.confirmed,
                shown.members.len(),
            )
        });
    }

    fn plan_tick(&mut self, at: usize) -> Held {
        let device = &mut self.devices[at];
        let Some(due_ms) = device.process.as_ref().and_then(|p| p.meeting.timeout_ms()) else {
            return Ok(());
        };
        let (due_ms, now_ms) = (device.world_ms(due_ms), self.now_ms);
        let Some(process) = device.process.as_mut() else { return Ok(()) };
        if process.tick_ms.is_some_and(|planned| planned <= due_ms.max(now_ms)) {
            return Ok(());
        }
        process.ticks_in_place = if due_ms <= now_ms { process.ticks_in_place + 1 } else { 0 };
        if process.ticks_in_place > TICKS_IN_PLACE_MAX {
            return Err("the engine wants a tick again and again".into());
        }
        // Timers are a little late.
        let late_ms = if due_ms > now_ms && self.dice.chance(20) { self.dice.below(4) } else { 0 };
        let at_ms = due_ms.max(now_ms) + late_ms;
        process.tick_ms = Some(at_ms);
        let tick = Happening::Tick(process.id);
        self.queue.push(at_ms, Event::Device(at, tick));
        Ok(())
    }

    fn carry_out(&mut self, at: usize, output: Output, under: &[[u8; 32]]) -> Held {
        match output {
            Output::Post(envelope) => self.request(at, |request| Post { request, envelope }.into()),
            Output::OpenSession { session_id, end_hash } => {
                match self.devices[at].process.as_mut() {
                    _ if end_hash == [0; 32] => drop(self.truth.undeletable.insert(session_id)),
                    Some(process) => process.opened = Some(session_id),
                    None => {}
                }
                self.request(at, |request| OpenSession { request, session_id, end_hash }.into())
            }
            Output::EndSession { session_id, preimage } => {
                self.request(at, |_| EndSession { session_id, preimage }.into())
            }
            Output::FetchBundle { slot } => {
                self.request(at, |request| GetBundle { request, slot }.into());
                if let Some(process) = self.devices[at].process.as_mut() {
                    process.bundle_requests.insert(process.requests, slot);
                }
            }
            Output::Media(frame) => self.media(at, frame, under)?,
            Output::ReadAgain => self.read_again(at)?,
            Output::StorePrekey { bundle_id, private, slot, blob } => {
                self.devices[at].keychain.insert(bundle_id, private);
                let blob = Blob::new(blob).map_err(|_| "a bundle that is too long")?;
                self.request(at, |request| PutBundle { request, slot, blob }.into());
            }
            Output::Upload { slot, blob } => {
                let blob = Blob::new(blob).map_err(|_| "a blob that is too long")?;
                self.request(at, |request| PutBundle { request, slot, blob }.into());
            }
            Output::KeepDeputies { signed } => self.devices[at].deputies = Some(signed),
            Output::ErasePrekey { bundle_id } => {
                self.devices[at].keychain.remove(&bundle_id);
            }
            Output::Play { idx, packet, .. } => self.play(at, idx, &packet)?,
            Output::Forget { .. } | Output::Met { .. } | Output::Changed => {}
        }
        Ok(())
    }

    fn request(&mut self, at: usize, message: impl FnOnce(u32) -> ToRelay) {
        let Some(process) = self.devices[at].process.as_mut() else { return };
        let request = process.next_request();
        if let Some(line) = process.line {
            self.send(line, pack(&message(request)));
        }
    }

    fn read_again(&mut self, at: usize) -> Held {
        self.say(|w| format!("{} reads the boards again", w.devices[at].name));
        let Some(process) = self.devices[at].process.as_mut() else { return Ok(()) };
        process.boards = Default::default();
        self.figures.read_again += 1;
        self.drop_line(at)
    }

    /// Gives up the connection, or the attempt at one; a new one is made at once.
    fn drop_line(&mut self, at: usize) -> Held {
        let Some(process) = self.devices[at].process.as_mut() else { return Ok(()) };
        let (line, dialling) = (process.line.take(), process.dialling.take());
        for line in line.into_iter().chain(dialling) {
            self.close_line(line);
        }
        if line.is_some() {
            self.input(at, Input::Disconnected)?;
        }
        if line.or(dialling).is_some() {
            self.connect(at);
        }
        Ok(())
    }

    fn media(&mut self, at: usize, frame: Vec<u8>, under: &[[u8; 32]]) -> Held {
        let fp = self.devices[at].fp;
        let (h, stream) = self.truth.sealed(fp, &frame, under)?;
        self.sealed_in_time(at, &h)?;
        if stream == standfast_frame::Stream::Audio && self.events.is_multiple_of(LOOK_ANYWAY / 8) {
            self.may_be_heard(at)?;
        }
        if stream == standfast_frame::Stream::Audio
            && let Some(said) = self.truth.said.last_mut()
        {
            said.under = Some(h);
        }
        self.mark(at, &frame);
        if let Some(line) = self.devices[at].process.as_ref().and_then(|p| p.line) {
            self.send_media(line, pack_media(&frame));
        }
        Ok(())
    }

    /// Nobody seals under an old epoch longer than `max_ms` after the install of a newer one.
    fn sealed_in_time(&mut self, at: usize, under: &[u8; 32]) -> Held {
        let Some(process) = &self.devices[at].process else { return Ok(()) };
        let newer = process.installed.iter().rev().take_while(|(h, _)| h != under);
        for (h, since_ms) in newer {
            let Some(announced) = self.truth.announces.get(h) else { continue };
            if self.now_ms > since_ms + announced.max_ms {
                let late_ms = self.now_ms - since_ms;
                return Err(format!(
                    "seals under an old epoch {late_ms} ms after it installed epoch {} ({:?})",
                    announced.number, announced.reason
                ));
            }
        }
        Ok(())
    }

    /// Nobody is heard while the generator shows no life.
    fn may_be_heard(&self, at: usize) -> Held {
        let Some(process) = &self.devices[at].process else { return Ok(()) };
        let see = process.meeting.snapshot();
        if !see.generator && see.pulse_age_ms > CUT_MS {
            return Err(format!("speaks {} ms after the last heartbeat", see.pulse_age_ms));
        }
        Ok(())
    }

    fn play(&mut self, at: usize, idx: u16, packet: &[u8]) -> Held {
        let device = &mut self.devices[at];
        let fp = device.fp;
        let Some(process) = device.process.as_mut() else { return Ok(()) };
        self.truth.played(fp, process, (idx, packet))?;
        self.heard(at, packet);
        self.mark(at, packet);
        Ok(())
    }

    /// The microphone brings a packet, whether or not it has any use.
    pub(crate) fn speak(&mut self, at: usize) -> Held {
        let serial = self.truth.said.len() as u32;
        let fp = self.devices[at].fp;
        self.truth.said.push(Said { by: at, fp, at_ms: self.now_ms, under: None });
        let packet = packet_of(serial, at);
        self.input(at, Input::Voice { media_ts: (self.now_ms * 48) as u32, packet: &packet })
    }

    /// People speak, and fall silent.
    fn voice(&mut self, at: usize, id: u64) -> Held {
        let now_ms = self.now_ms;
        if self.finale.is_some() || self.devices[at].run(id).is_none() {
            return Ok(());
        }
        self.speak(at)?;
        let Some(process) = self.devices[at].run(id) else { return Ok(()) };
        let pause_ms = if now_ms < process.talks_until_ms {
            self.dice.between(20, 300)
        } else {
            process.talks_until_ms = now_ms + self.dice.below(8_000);
            self.dice.between(300, 6_000)
        };
        self.queue.push(now_ms + pause_ms, Event::Device(at, Happening::Voice(id)));
        Ok(())
    }

    /// The engine is out of the meeting: the app closes its connection, and is done.
    fn exit(&mut self, at: usize) -> Held {
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

fn name_of(command: &Command) -> String {
    match command {
        Command::Admit(h) => format!("Admit {}", short(h)),
        Command::KeepOut(h) => format!("KeepOut {}", short(h)),
        other => format!("{other:?}"),
    }
}
