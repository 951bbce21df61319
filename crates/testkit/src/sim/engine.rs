//! Inputs into a device's engine, and what comes out of it: posted, shown, timed, carried out.

use standfast_meeting::{Input, Output, Phase};
use standfast_wire::codec::Blob;
use standfast_wire::control::Kind;
use standfast_wire::relay::{
    EndSession, GetBundle, OpenSession, Post, PutBundle, ReadAgain, ToRelay, pack,
};

use super::device::Shown;
use super::queue::{Event, Happening};
use super::world::{Held, World};

/// An engine that wants so many ticks at one moment never gets done.
const TICKS_IN_PLACE_MAX: u32 = 8;
/// Without a sign of change, a snapshot is looked at once in so many inputs.
const LOOK_ANYWAY: u64 = 64;

impl World<'_> {
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

    /// What was posted comes first, so that what is shown and played can be held against it.
    pub(crate) fn after_input(&mut self, at: usize, look: bool) -> Held {
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
        // A device that stalled takes the coming epoch into use and the one after it at once.
        let coming = shown.and_then(|shown| shown.coming);
        let passed = coming.filter(|_| after.is_some() && after != before && after != coming);
        let under: Vec<_> = before.into_iter().chain(passed).chain(after).map(|(h, _)| h).collect();
        for output in outputs {
            self.carry_out(at, output, &under)?;
        }
        self.plan_tick(at)?;
        if self.devices[at].shown().is_some_and(|shown| shown.left().is_some()) {
            self.exit(at)?;
        }
        Ok(())
    }

    pub(crate) fn posted(&mut self, at: usize, envelope: &standfast_wire::relay::Envelope) -> Held {
        let (kind, confirmed) = self.truth.posted(self.devices[at].fp, envelope)?;
        if let (Some(h), Some(process)) = (confirmed, self.devices[at].process.as_mut()) {
            process.held.insert(h);
            if !process.installed.iter().any(|(known, _)| *known == h) {
                process.installed.push((h, self.now_ms));
            }
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

    /// Looks at the snapshot and holds it against what is so. Whether it changed.
    pub(crate) fn look(&mut self, at: usize) -> Result<bool, String> {
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

    pub(crate) fn plan_tick(&mut self, at: usize) -> Held {
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

    pub(crate) fn carry_out(&mut self, at: usize, output: Output, under: &[[u8; 32]]) -> Held {
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
            Output::ReadAgain => self.read_again(at),
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
            Output::Play { idx, packet, copy, .. } => self.play(at, (idx, &packet), copy)?,
            Output::Paused { .. }
            | Output::Forget { .. }
            | Output::Met { .. }
            | Output::Changed => {}
        }
        Ok(())
    }

    pub(crate) fn request(&mut self, at: usize, message: impl FnOnce(u32) -> ToRelay) {
        let Some(process) = self.devices[at].process.as_mut() else { return };
        let request = process.next_request();
        if let Some(line) = process.line {
            self.send(line, pack(&message(request)));
        }
    }

    fn read_again(&mut self, at: usize) {
        self.say(|w| format!("{} reads the boards again", w.devices[at].name));
        self.request(at, |request| ReadAgain { request }.into());
        if let Some(process) = self.devices[at].process.as_mut() {
            let request = process.line.is_some().then_some(process.requests);
            process.boards.read_again(request);
            self.figures.read_again += 1;
        }
    }

    /// Gives up the connection, or the attempt at one; a new one is made at once.
    pub(crate) fn drop_line(&mut self, at: usize) -> Held {
        let Some(process) = self.devices[at].process.as_mut() else { return Ok(()) };
        let (line, dialling) = (process.line.take(), process.dialling.take());
        process.boards.lost();
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
}
