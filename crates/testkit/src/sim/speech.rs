//! Speech and epochs of one device, held against what is allowed.

use std::collections::BTreeSet;

use standfast_meeting::Input;
use standfast_meeting::limits::CUT_MS;
use standfast_wire::relay::pack_media;

use super::queue::{Event, Happening};
use super::truth::{Said, packet_of};
use super::world::{Held, World};

/// Without a sign of change, a snapshot is looked at once in so many inputs.
const LOOK_ANYWAY: u64 = 64;

impl World<'_> {
    /// A process follows an epoch: a later one than before, without anybody it saw removed.
    pub(crate) fn follows(
        &mut self,
        at: usize,
        (session, number, h): ([u8; 32], u32, [u8; 32]),
    ) -> Held {
        let Some(announced) = self.truth.announces.get(&h) else { return Ok(()) };
        let knew = announced.knew.as_ref();
        let Some(process) = &self.devices[at].process else { return Ok(()) };
        let same = process.highest.is_none_or(|(of, _, _, _)| of == session);
        // What hosts ordered who are removed themselves holds nobody back.
        let stands = |by: &BTreeSet<_>| by.iter().any(|by| !announced.removed.contains_key(by));
        let saw = |fp| process.saw_removed.get(fp).is_some_and(stands);
        let back = announced.roster.iter().any(|e| saw(&e.fp));
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
            for (fp, by) in removed {
                process.saw_removed.entry(fp).or_default().extend(by);
            }
        }
        Ok(())
    }

    pub(crate) fn media(&mut self, at: usize, frame: Vec<u8>, under: &[[u8; 32]]) -> Held {
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
    pub(crate) fn sealed_in_time(&mut self, at: usize, under: &[u8; 32]) -> Held {
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
    pub(crate) fn may_be_heard(&self, at: usize) -> Held {
        let Some(process) = &self.devices[at].process else { return Ok(()) };
        let see = process.meeting.snapshot();
        if !see.generator && see.pulse_age_ms > CUT_MS {
            return Err(format!("speaks {} ms after the last heartbeat", see.pulse_age_ms));
        }
        Ok(())
    }

    pub(crate) fn play(&mut self, at: usize, (idx, packet): (u16, &[u8]), copy: bool) -> Held {
        let device = &mut self.devices[at];
        let fp = device.fp;
        let Some(process) = device.process.as_mut() else { return Ok(()) };
        if copy {
            return self.truth.may_hear(fp, process, (idx, packet)).map(drop);
        }
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
    pub(crate) fn voice(&mut self, at: usize, id: u64) -> Held {
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
}
