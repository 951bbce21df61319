//! Frames out and frames in, between the codec's packets and the relay's bytes.

use std::collections::{BTreeMap, VecDeque};

use standfast_crypto::Fingerprint;
use standfast_frame::{Kid, PAYLOAD_HEADER_BYTES, ParsedFrame, Payload, Stream};

use crate::copies::{Copies, copies_for};
use crate::core::Core;
use crate::limits::{
    COPIES_MAX, HASTY_PING_MS, JAM_WAIT, PAUSE_SAMPLES, PING_BYTES, PING_MS, SILENCE_MS,
    UNKNOWN_FRAME_MS, UNKNOWN_FRAMES, UNKNOWN_FRAMES_EACH,
};
use crate::reception::{
    Heard, Place, Reception, Redundancy, distance, read_report, spread_for, write_report,
};
use crate::seated::Seated;
use crate::snapshot::Reach;
use crate::{Output, PacketLength, Refusal};

/// Flag of a ping: the sender's microphone is muted.
const FLAG_MUTED: u8 = 1;
/// Flag of an audio payload: its packets hold 10 ms, not 20.
const FLAG_SHORT: u8 = 1;
/// The next three bits: how much further back its last copy is than it need be, in packets.
const SPREAD_SHIFT: u32 = 1;
const SPREAD_MASK: u8 = 7;

/// What is known of one speaker.
#[derive(Default)]
struct Voice {
    muted: bool,
    /// The newest packet.
    last: Option<Place>,
    reception: Reception,
    /// What the last ping said of its packets.
    told: Heard,
}

/// A frame that no key fits yet.
struct Early {
    until_ms: u64,
    idx: u16,
    bytes: Vec<u8>,
}

pub(crate) struct Media {
    voices: BTreeMap<u16, Voice>,
    /// Frames of an epoch that is not installed yet.
    early: VecDeque<Early>,
    /// When the last audio frame was sealed; `None` once the ratchet took its step for silence.
    last_voice_ms: Option<u64>,
    next_ping_ms: u64,
    last_ping_ms: u64,
    pings: u32,
    redundancy: Redundancy,
    copies: Copies,
    plain: Vec<u8>,
}

impl Media {
    pub(crate) fn new(now_ms: u64) -> Self {
        Self {
            voices: BTreeMap::new(),
            early: VecDeque::new(),
            last_voice_ms: None,
            next_ping_ms: now_ms,
            last_ping_ms: now_ms,
            pings: 0,
            redundancy: Redundancy::default(),
            copies: Copies::default(),
            plain: Vec::new(),
        }
    }

    /// Seals one packet under the active epoch, with copies of those before it where others report
    /// loss. Nothing is sent without an active epoch.
    pub(crate) fn voice(&mut self, core: &mut Core, s: &mut Seated, media_ts: u32, packet: &[u8]) {
        // A packet can come before the tick that was due: no key is used past its time.
        s.turn(core);
        let (shape, heard) = (core.cfg.audio, self.redundancy.heard(core.ms()));
        let most = self.copies.due(heard, core.ms(), shape.length.ms());
        // One length for each number of copies, whether that many are there or not.
        let room = shape.payload_bytes.saturating_sub(PAYLOAD_HEADER_BYTES);
        let size = shape.payload_bytes + most * room;
        let Some(epoch) = s.epochs.active_mut() else { return };
        let h_e = epoch.h;
        let Some(sealers) = epoch.sealers() else { return };
        self.plain.clear();
        let mut frame = Vec::with_capacity(size + standfast_frame::OVERHEAD_BYTES);
        let places = (most, spread_for(heard.run, most, shape));
        let (mut packets, spread) = self.redundancy.copies(&h_e, shape, media_ts, places);
        packets.insert(0, packet);
        let flags = audio_flags(shape.length, spread);
        let written = Payload::write(&mut self.plain, size, media_ts, flags, &packets);
        if written.is_ok() && sealers.audio.seal(&self.plain, &mut frame).is_ok() {
            core.counters.frames_sealed += 1;
            core.out.push_back(Output::Media(frame));
            self.last_voice_ms = Some(core.ms());
            self.redundancy.sent(media_ts, packet);
        }
        zeroize::Zeroize::zeroize(&mut self.plain);
    }

    /// After a second without a frame the ratchet takes a step.
    pub(crate) fn fall_silent(&mut self, core: &Core, s: &mut Seated) {
        if self.last_voice_ms.is_some_and(|at| core.ms() >= at + SILENCE_MS) {
            self.last_voice_ms = None;
            self.redundancy.forget();
            if let Some(sealers) = s.epochs.active_mut().and_then(|e| e.sealers()) {
                let _ = sealers.audio.skip_to_next_step();
            }
        }
    }

    /// Whether a ping is due; the next is five seconds later, sent or not.
    pub(crate) fn take_due_ping(&mut self, now_ms: u64) -> bool {
        let due = now_ms >= self.next_ping_ms;
        if due {
            self.next_ping_ms = now_ms + PING_MS;
        }
        due
    }

    /// Shows that this device holds the key, whether its microphone is muted, and how much it misses
    /// of the others.
    pub(crate) fn ping(&mut self, core: &mut Core, s: &mut Seated) {
        (self.last_ping_ms, self.next_ping_ms) = (core.ms(), core.ms() + PING_MS);
        s.turn(core);
        let report = self.report();
        let Some(sealers) = s.epochs.active_mut().and_then(|e| e.sealers()) else { return };
        let flags = if core.muted { FLAG_MUTED } else { 0 };
        let (mut plain, mut frame) = (Vec::with_capacity(PING_BYTES), Vec::new());
        self.pings = self.pings.wrapping_add(1);
        let written = Payload::write(&mut plain, PING_BYTES, self.pings, flags, &[&report]);
        if written.is_ok() && sealers.ping.seal(&plain, &mut frame).is_ok() {
            core.out.push_back(Output::Media(frame));
        }
    }

    /// The losses to tell, counted anew from here.
    fn report(&mut self) -> Vec<u8> {
        let all = self.voices.iter_mut().map(|(idx, voice)| {
            voice.told = voice.reception.heard(voice.told);
            if voice.reception.loss().is_some() {
                voice.reception.restart();
            }
            (*idx, voice.told)
        });
        write_report(all)
    }

    /// Opens a frame and hands its packet on. Gives the member who provably sent it.
    pub(crate) fn open(
        &mut self,
        core: &mut Core,
        s: &mut Seated,
        bytes: &[u8],
    ) -> Option<Fingerprint> {
        match self.try_open(core, s, bytes) {
            Ok(fp) => fp,
            Err(Refusal::Unsupported) => {
                self.wait(core.ms(), bytes);
                None
            }
            Err(_) => {
                core.counters.frames_refused += 1;
                None
            }
        }
    }

    /// The frame's epoch may not be installed yet: it waits a little, among few of its sender.
    fn wait(&mut self, now_ms: u64, bytes: &[u8]) {
        let Ok(idx) = ParsedFrame::parse(bytes).map(|frame| frame.kid().idx()) else { return };
        let waiting = self.early.iter().filter(|e| e.idx == idx).count();
        if waiting < UNKNOWN_FRAMES_EACH && self.early.len() < UNKNOWN_FRAMES {
            self.early.push_back(Early {
                until_ms: now_ms + UNKNOWN_FRAME_MS,
                idx,
                bytes: bytes.to_vec(),
            });
        }
    }

    /// [`Refusal::Unsupported`] means that there is no key for it (yet).
    fn try_open(
        &mut self,
        core: &mut Core,
        s: &mut Seated,
        bytes: &[u8],
    ) -> Result<Option<Fingerprint>, Refusal> {
        let parsed = ParsedFrame::parse(bytes).map_err(|_| Refusal::Malformed)?;
        let kid = parsed.kid();
        if kid.idx() == s.idx {
            return Err(Refusal::Stale); // reflected
        }
        let fp = s.fp_of(kid.idx()).ok_or(Refusal::Unsupported)?;
        let epoch = s.epochs.by_kid(kid.epoch_mod_256()).ok_or(Refusal::Unsupported)?;
        let (number, h_e) = (epoch.number, epoch.h);
        let opener = epoch.opener(kid.idx(), kid.stream()).ok_or(Refusal::Unsupported)?;
        let mut plain = zeroize::Zeroizing::new(Vec::with_capacity(bytes.len()));
        let frame = opener.screen(parsed, core.ms()).map_err(|_| Refusal::Stale)?;
        let frame = frame.open(&mut plain).map_err(|_| Refusal::NotAuthentic)?;
        let ctr = frame.ctr();
        let Ok(payload) = frame.payload() else {
            core.forged_frame(h_e, fp, kid.stream() as u8, bytes);
            return Err(Refusal::Malformed);
        };
        self.said(core, kid, (number, ctr), &payload, s.idx);
        Ok(Some(fp))
    }

    fn said(
        &mut self,
        core: &mut Core,
        kid: Kid,
        (epoch, ctr): (u32, u32),
        payload: &Payload<'_>,
        me: u16,
    ) {
        let voice = self.voices.entry(kid.idx()).or_default();
        match kid.stream() {
            Stream::Audio => {
                core.counters.frames_opened += 1;
                let samples = packet_length(payload).samples();
                let place = Place { epoch, ctr, media_ts: payload.media_ts, samples };
                count_gap(core, voice, place);
                voice.reception.came(place, core.ms());
                if is_news(voice) {
                    self.next_ping_ms =
                        self.next_ping_ms.min(self.last_ping_ms + HASTY_PING_MS).max(core.ms());
                }
                play(core, kid.idx(), payload);
                voice.muted = false;
            }
            Stream::Ping => {
                let muted = payload.flags & FLAG_MUTED != 0;
                if voice.muted != muted {
                    voice.muted = muted;
                    core.changed();
                    if muted {
                        core.out.push_back(Output::Paused { idx: kid.idx() });
                    }
                }
                if let Some(report) = payload.packets().next() {
                    self.redundancy.reported(kid.idx(), read_report(report, me), core.ms());
                }
            }
            _ => {}
        }
    }

    /// Tries frames again whose epoch may have come; those that waited too long are silence.
    pub(crate) fn retry_early(&mut self, core: &mut Core, s: &mut Seated) {
        for _ in 0..self.early.len() {
            let Some(early) = self.early.pop_front() else { break };
            match self.try_open(core, s, &early.bytes) {
                Ok(_) => {}
                Err(Refusal::Unsupported) if core.ms() < early.until_ms => {
                    self.early.push_back(early)
                }
                Err(_) => core.counters.frames_refused += 1,
            }
        }
    }

    /// What others report of this device, and what it does about that.
    pub(crate) fn reach(&self, now_ms: u64) -> Reach {
        Reach { loss: self.redundancy.heard(now_ms).loss, copies: self.copies.sent() }
    }

    /// The loss of this member's packets on their way here, in half per cent, when last counted.
    pub(crate) fn loss(&self, idx: u16) -> u8 {
        self.voices.get(&idx).map_or(0, |voice| voice.told.loss)
    }

    pub(crate) fn muted(&self, idx: u16) -> bool {
        self.voices.get(&idx).is_some_and(|v| v.muted)
    }

    pub(crate) fn timeout_ms(&self) -> u64 {
        let silence = self.last_voice_ms.map(|at| at + SILENCE_MS);
        let early = self.early.front().map(|e| e.until_ms);
        [silence, early].into_iter().flatten().fold(self.next_ping_ms, u64::min)
    }
}

/// Whether there is more loss or waiting than was told, enough to change what is sent.
fn is_news(voice: &Voice) -> bool {
    let heard = voice.reception.heard(Heard::default());
    let waits = |heard: Heard| heard.wait >= JAM_WAIT;
    copies_for(heard.loss) > copies_for(voice.told.loss) || waits(heard) && !waits(voice.told)
}

fn audio_flags(length: PacketLength, spread: usize) -> u8 {
    let short = if length == PacketLength::Ms10 { FLAG_SHORT } else { 0 };
    let spread = u8::try_from(spread).unwrap_or(0) & SPREAD_MASK;
    short | spread << SPREAD_SHIFT
}

fn packet_length(payload: &Payload<'_>) -> PacketLength {
    match payload.flags & FLAG_SHORT {
        0 => PacketLength::Ms20,
        _ => PacketLength::Ms10,
    }
}

/// Hands on the packet and the copies of those before it.
fn play(core: &mut Core, idx: u16, payload: &Payload<'_>) {
    let samples = packet_length(payload).samples();
    let copies = usize::from(payload.count()).min(1 + COPIES_MAX).saturating_sub(1);
    let spread = usize::from(payload.flags >> SPREAD_SHIFT & SPREAD_MASK);
    for (n, packet) in payload.packets().take(1 + copies).enumerate() {
        let back = if n == 0 { 0 } else { distance(n, copies, spread) };
        let media_ts = payload.media_ts.wrapping_sub(back as u32 * samples);
        let (packet, copy) = (packet.to_vec(), n > 0);
        core.out.push_back(Output::Play { idx, media_ts, packet, copy });
    }
}

/// Counts packets that are missing between the last of one epoch and the first of the next.
fn count_gap(core: &mut Core, voice: &mut Voice, place: Place) {
    if let Some(last) = voice.last {
        let time = place.media_ts.wrapping_sub(last.media_ts);
        let ahead = time / place.samples;
        if place.epoch > last.epoch && ahead >= 2 && time <= PAUSE_SAMPLES {
            core.counters.frames_lost_at_rekey += u64::from(ahead - 1);
        }
        if place.epoch < last.epoch {
            // A late one of the old epoch was not lost after all.
            core.counters.frames_lost_at_rekey =
                core.counters.frames_lost_at_rekey.saturating_sub(1);
            return;
        }
    }
    voice.last = Some(place);
}
