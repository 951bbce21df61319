//! Between the engines and the hub: everything that comes out of one goes into the other, past the
//! censor.

use std::collections::VecDeque;

use standfast_meeting::{Input, Output};
use standfast_wire::codec::{Blob, from_bytes};
use standfast_wire::relay::{
    EndSession, GetBundle, OpenSession, Packet, Post, PutBundle, ReadAgain, ToClient, ToRelay,
    pack_media,
};

use super::forge::unbox;
use super::stage::{Parcel, Posted, Stage, Who, copy};
use super::{Fault, Held};

impl Stage {
    /// Carries out everything until nothing moves.
    pub(crate) fn run(&mut self) -> Held {
        let mut work: VecDeque<(Who, Output)> = VecDeque::new();
        loop {
            for (who, device) in &mut self.devices {
                while let Some(output) = device.meeting.poll_output() {
                    work.push_back((who, output));
                }
            }
            match work.pop_front() {
                Some((who, output)) => self.carry_out(who, output)?,
                None if self.deliver()? => {}
                None => return Ok(()),
            }
        }
    }

    fn carry_out(&mut self, who: Who, output: Output) -> Held {
        let now = self.since();
        let device = self.device(who)?;
        device.requests += 1;
        let (request, line) = (device.requests, device.line);
        let said = match output {
            Output::Post(envelope) => {
                let keys = self.keys_for(who);
                if let Some(sealed) = unbox(&keys, &envelope).filter(|_| line.is_some()) {
                    let envelope = envelope.clone();
                    self.posted.push(Posted { envelope, sealed });
                }
                ToRelay::from(Post { request, envelope })
            }
            Output::OpenSession { session_id, end_hash } => {
                ToRelay::from(OpenSession { request, session_id, end_hash })
            }
            Output::EndSession { session_id, preimage } => {
                ToRelay::from(EndSession { session_id, preimage })
            }
            Output::FetchBundle { slot } => {
                self.device(who)?.slots.insert(request, slot);
                ToRelay::from(GetBundle { request, slot })
            }
            Output::StorePrekey { private, slot, blob, .. } => {
                self.device(who)?.stored.push(copy(&private));
                let blob = Blob::new(blob).map_err(|_| Fault::of("bundle too long"))?;
                ToRelay::from(PutBundle { request, slot, blob })
            }
            Output::Upload { slot, blob } => {
                let blob = Blob::new(blob).map_err(|_| Fault::of("upload too long"))?;
                ToRelay::from(PutBundle { request, slot, blob })
            }
            Output::Media(frame) => {
                self.frames.push((who, frame.clone()));
                return line.map_or(Ok(()), |l| self.relay.bytes(l, pack_media(&frame), now));
            }
            Output::ReadAgain => ToRelay::from(ReadAgain { request }),
            Output::Play { idx, packet, .. } => {
                self.device(who)?.heard.push((idx, packet));
                return Ok(());
            }
            Output::ErasePrekey { .. }
            | Output::KeepDeputies { .. }
            | Output::Paused { .. }
            | Output::Forget { .. }
            | Output::Met { .. }
            | Output::Changed => return Ok(()),
        };
        line.map_or(Ok(()), |line| self.relay.say(line, &said, now))
    }

    /// Takes what the hub has for everyone. Says whether there was anything.
    fn deliver(&mut self) -> Held<bool> {
        let mut any = false;
        let lines: Vec<_> = self.devices.iter().map(|(who, d)| (*who, d.line)).collect();
        for (who, line) in lines {
            let Some(line) = line else { continue };
            let batch = self.relay.take(line)?;
            any |= !batch.is_empty();
            for message in batch.control {
                let Ok(Packet::Control(body)) = Packet::parse(&message) else { continue };
                let message = from_bytes(body).map_err(|_| Fault::of("the hub's message"))?;
                self.told(who, message)?;
            }
            for message in batch.media {
                let Ok(Packet::Media(frame)) = Packet::parse(&message) else { continue };
                let by = self.sender(frame);
                if self.passes(who, &Parcel::Media(by)) {
                    self.input(who, Input::Media(frame))?;
                }
            }
        }
        if let Some(line) = self.mallory {
            any |= !self.relay.take(line)?.is_empty();
        }
        Ok(any)
    }

    /// Who sent a frame; frames are told from the newest back.
    fn sender(&self, frame: &[u8]) -> Who {
        let sent = self.frames.iter().rev().find(|(_, sent)| sent[..] == *frame);
        sent.map_or("mallory", |(who, _)| who)
    }

    fn passes(&mut self, to: Who, parcel: &Parcel<'_>) -> bool {
        let mut censor = self.censor.take();
        let passes = censor.as_mut().is_none_or(|censor| censor(to, parcel));
        self.censor = censor;
        passes
    }

    fn told(&mut self, who: Who, message: ToClient) -> Held {
        match message {
            ToClient::Welcome(welcome) => {
                let boards = welcome.boards.as_slice();
                self.boards.extend(boards.iter().map(|b| (b.board_id, b.session_id)));
                self.input(who, Input::Boards(boards.len()))
            }
            ToClient::Delivered(delivered) => {
                let (poster, envelope) = (delivered.from, delivered.envelope);
                let keys = self.keys_for(who);
                let passes = unbox(&keys, &envelope)
                    .or_else(|| unbox(&self.link.keys(), &envelope))
                    .is_none_or(|s| self.passes(who, &Parcel::Control(&s, poster)));
                if !passes {
                    self.withheld.push((who, poster, envelope));
                    return Ok(());
                }
                self.input(who, Input::Delivered { poster, envelope: &envelope })
            }
            ToClient::CaughtUp(at) => {
                let session_id = self.boards.get(&at.board_id).copied();
                session_id.map_or(Ok(()), |id| self.input(who, Input::CaughtUp { session_id: id }))
            }
            ToClient::BoardOpened(board) => {
                self.boards.insert(board.board_id, board.session_id);
                Ok(())
            }
            ToClient::BoardGone(_) => {
                self.deleted += 1;
                Ok(())
            }
            ToClient::Bundle(bundle) => {
                let Some(slot) = self.device(who)?.slots.remove(&bundle.request) else {
                    return Ok(());
                };
                let blob = bundle.blob.as_ref().map(|blob| blob.as_slice());
                self.input(who, Input::Bundle { slot, blob })
            }
            ToClient::PeerGone(gone) => {
                if !self.passes(who, &Parcel::Gone) {
                    return Ok(());
                }
                self.input(who, Input::PeerGone { poster: gone.peer.pseudonym })
            }
            _ => Ok(()),
        }
    }
}
