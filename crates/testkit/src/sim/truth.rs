//! What really is so: read from what devices post and seal, not from what they say of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use standfast_crypto::{Fingerprint, LinkKeys};
use standfast_frame::{OVERHEAD_BYTES, PAYLOAD_HEADER_BYTES, ParsedFrame, Stream};
use standfast_meeting::{Presence, Snapshot};
use standfast_wire::codec::from_bytes;
use standfast_wire::control::{
    Entry, Hash, Heartbeat, JoinRequest, KeyAck, KeyWrap, Kind, Sealed, State,
};
use standfast_wire::relay::Envelope;

use super::announced::Announced;
use super::boxes::{hash_of, unbox};
use super::device::Process;
use super::drive::AUDIO_BYTES;
use super::world::{Held, short};

/// A frame of sound is as long as its number of copies makes it, and nothing else does.
const AUDIO_LENGTHS: [usize; 3] = {
    let room = AUDIO_BYTES - PAYLOAD_HEADER_BYTES;
    let alone = AUDIO_BYTES + OVERHEAD_BYTES;
    [alone, alone + room, alone + 2 * room]
};

/// A packet that was said, or tried to be.
pub(crate) struct Said {
    pub(crate) by: usize,
    pub(crate) fp: Fingerprint,
    pub(crate) at_ms: u64,
    /// The epoch that it was sealed under, if it was.
    pub(crate) under: Option<Hash>,
}

pub(crate) struct Truth {
    link: LinkKeys,
    pub(crate) announces: BTreeMap<Hash, Announced>,
    pub(super) joins: BTreeMap<Hash, Hash>,
    acks: BTreeMap<Hash, BTreeSet<Hash>>,
    /// Announces and join requests by the digest of the box that they travel in.
    boxes: HashMap<u64, Hash>,
    /// The one announce of a generator for a session, term and epoch.
    pub(super) made: BTreeMap<(Hash, Hash, u32, u32), Hash>,
    codes: BTreeMap<Hash, String>,
    by_code: BTreeMap<String, Hash>,
    /// Frames by key and nonce: epoch, place, stream, counter.
    sealed: HashMap<(Hash, u16, u8, u32), u64>,
    pub(crate) said: Vec<Said>,
    pub(crate) frames: u64,
    pub(crate) opened: u64,
    pub(crate) ever_removed: BTreeSet<Fingerprint>,
    /// Sessions whose board somebody showed anew who cannot delete it.
    pub(crate) undeletable: BTreeSet<Hash>,
    pub(crate) ended: bool,
}

impl Truth {
    pub(crate) fn new(link: LinkKeys) -> Self {
        Self {
            link,
            announces: BTreeMap::new(),
            joins: BTreeMap::new(),
            acks: BTreeMap::new(),
            boxes: HashMap::new(),
            made: BTreeMap::new(),
            codes: BTreeMap::new(),
            by_code: BTreeMap::new(),
            sealed: HashMap::new(),
            said: Vec::new(),
            frames: 0,
            opened: 0,
            ever_removed: BTreeSet::new(),
            undeletable: BTreeSet::new(),
            ended: false,
        }
    }

    /// A device posts. Gives the kind, and the epoch that it confirms by this, if it does.
    pub(crate) fn posted(
        &mut self,
        by: Fingerprint,
        envelope: &Envelope,
    ) -> Result<(Kind, Option<Hash>), String> {
        let sealed = unbox(&self.link, envelope).ok_or("a box that does not open")?;
        let kind = sealed.kind;
        let own = sealed.from == by.0;
        match kind {
            Kind::Join => {
                let h = hash_of("SF1/join", &sealed).ok_or("an unsigned join request")?;
                let _: JoinRequest = read(&sealed)?;
                self.joins.insert(h, sealed.from);
                self.boxes.insert(digest(envelope.sealed.as_slice()), h);
            }
            Kind::Announce => {
                let h = self.announce(envelope.session_id, &sealed)?;
                self.boxes.insert(digest(envelope.sealed.as_slice()), h);
            }
            Kind::Wrap => self.wrap(by, &read(&sealed)?)?,
            Kind::Ack if own => {
                let ack: KeyAck = read(&sealed)?;
                let announced = self.announces.get(&ack.h_e).ok_or("an ack of no announce")?;
                if !announced.holds(by) {
                    return Err("an ack of somebody who is not given the key".into());
                }
                self.acks.entry(ack.h_e).or_default().insert(by.0);
                return Ok((kind, Some(ack.h_e)));
            }
            Kind::End => self.ended = true,
            _ => {}
        }
        Ok((kind, None))
    }

    /// What an envelope is, for people.
    pub(crate) fn told(&self, envelope: &Envelope) -> Option<String> {
        let sealed = unbox(&self.link, envelope)?;
        let named = match sealed.kind {
            Kind::Announce => hash_of("SF1/ann", &sealed),
            Kind::Join => hash_of("SF1/join", &sealed),
            Kind::Ack => read::<KeyAck>(&sealed).ok().map(|ack| ack.h_e),
            Kind::Heartbeat => read::<Heartbeat>(&sealed).ok().map(|beat| beat.h_e),
            _ => None,
        };
        let named = named.map(|h| self.name(&h)).unwrap_or_default();
        Some(format!("{:?} {named}", sealed.kind))
    }

    pub(crate) fn announce_of(&self, envelope: &Envelope) -> Option<&Announced> {
        let sealed = unbox(&self.link, envelope).filter(|s| s.kind == Kind::Announce)?;
        self.announces.get(&hash_of("SF1/ann", &sealed)?)
    }

    /// An epoch, for people.
    pub(crate) fn name(&self, h: &Hash) -> String {
        let number = self.announces.get(h).map(|a| format!("{}.{}", a.term, a.number));
        format!("{}:{}", number.unwrap_or_default(), short(h))
    }

    /// The announce or join request that an envelope brings, if it brings one.
    pub(crate) fn brings(&self, envelope: &Envelope) -> Option<Hash> {
        self.boxes.get(&digest(envelope.sealed.as_slice())).copied()
    }

    /// Only who is on the signed roster gets a wrap.
    fn wrap(&self, by: Fingerprint, wrap: &KeyWrap) -> Held {
        let announced = self.announces.get(&wrap.h_e).ok_or("a wrap for no announce")?;
        if announced.generator != by.0 || !announced.holds(Fingerprint(wrap.to)) {
            return Err("a wrap for somebody who is not on the roster".into());
        }
        Ok(())
    }

    /// A frame is sealed under one of these epochs, the newest last; gives which.
    pub(crate) fn sealed(
        &mut self,
        by: Fingerprint,
        bytes: &[u8],
        under: &[Hash],
    ) -> Result<(Hash, Stream), String> {
        let frame = ParsedFrame::parse(bytes).map_err(|_| "a sealed frame that does not parse")?;
        let kid = frame.kid();
        let fits = |h: &&Hash| {
            let number = self.announces.get(*h).map(|a| a.number);
            number.is_some_and(|n| n % 256 == u32::from(kid.epoch_mod_256()))
        };
        let h = *under.iter().find(fits).ok_or("a frame of an epoch that is not in use")?;
        let announced = &self.announces[&h];
        let own = |e: &&Entry| e.fp == by.0 && e.state != State::Off;
        if announced.roster.iter().find(own).map(|e| e.idx) != Some(kid.idx()) {
            return Err(format!("a frame sealed from place {}, which is not its own", kid.idx()));
        }
        let place = (h, kid.idx(), kid.stream() as u8, frame.ctr());
        let content = digest(bytes);
        if self.sealed.insert(place, content).is_some_and(|before| before != content) {
            return Err(format!("a nonce of epoch {} is used twice", announced.number));
        }
        if kid.stream() == Stream::Audio && !AUDIO_LENGTHS.contains(&bytes.len()) {
            return Err("an audio frame of a length that tells something".into());
        }
        self.frames += 1;
        Ok((h, kid.stream()))
    }

    /// A device plays a packet: once.
    pub(crate) fn played(
        &mut self,
        fp: Fingerprint,
        process: &mut Process,
        (idx, packet): (u16, &[u8]),
    ) -> Held {
        let serial = self.may_hear(fp, process, (idx, packet))?;
        if !process.played.insert(serial) {
            return Err(format!("hears packet {serial} twice"));
        }
        self.opened += 1;
        Ok(())
    }

    /// What a device hears, it hears as a member of the epoch under which it was said first, also
    /// when it is said again.
    pub(crate) fn may_hear(
        &self,
        fp: Fingerprint,
        process: &Process,
        (idx, packet): (u16, &[u8]),
    ) -> Result<u32, String> {
        let serial = packet.first_chunk::<4>().ok_or("a packet that nobody said")?;
        let serial = u32::from_be_bytes(*serial);
        let said = self.said.get(serial as usize).ok_or("a packet that nobody said")?;
        let h = said.under.ok_or("a packet that nobody sealed")?;
        let announced = &self.announces[&h];
        if !announced.holds(fp) {
            return Err(format!("hears packet {serial} of epoch {} unlisted", announced.number));
        }
        if !process.held.contains(&h) {
            return Err(format!("hears packet {serial} of an epoch that it did not confirm"));
        }
        if packet != packet_of(serial, said.by) || announced.places.get(&idx) != Some(&said.fp.0) {
            return Err(format!("hears packet {serial} otherwise than it was said"));
        }
        Ok(serial)
    }

    /// What a device shows of keys is what is so.
    pub(crate) fn shows(&mut self, see: &Snapshot) -> Held {
        let (Some(active), Some(code)) = (&see.active, &see.code) else { return Ok(()) };
        let one = self.codes.entry(active.h).or_insert_with(|| code.clone());
        let of_one = self.by_code.entry(code.clone()).or_insert(active.h);
        if one != code || *of_one != active.h {
            return Err("one code for two epochs, or two for one".into());
        }
        let newest = see.coming.as_ref().unwrap_or(active);
        let mut hear = BTreeSet::new();
        for epoch in [active, newest] {
            let announced = self.announces.get(&epoch.h).ok_or("an epoch that nobody announced")?;
            hear.extend(announced.holders());
            let acks = self.acks.get(&epoch.h).map_or(0, BTreeSet::len);
            if epoch.confirmed > acks || epoch.confirmed > epoch.members {
                return Err(format!("shows {} confirmed, signed by {acks}", epoch.confirmed));
            }
        }
        let hearers = see.members.iter().filter(|m| m.presence != Presence::Off);
        let shown: BTreeSet<_> = hearers.map(|m| m.fp).collect();
        if shown != hear {
            return Err(format!("shows {} hearers of {}", shown.len(), hear.len()));
        }
        let staying = see.members.iter().filter(|m| m.presence != Presence::Leaving);
        let staying: BTreeSet<_> = staying.map(|m| m.fp.0).collect();
        let roster: BTreeSet<_> = self.announces[&newest.h].roster.iter().map(|e| e.fp).collect();
        if staying != roster {
            return Err("shows a list that is not the newest roster".into());
        }
        Ok(())
    }
}

/// The content of a packet: its number, and who says it.
pub(crate) fn packet_of(serial: u32, by: usize) -> [u8; 8] {
    let mut packet = [0; 8];
    packet[..4].copy_from_slice(&serial.to_be_bytes());
    packet[4..].copy_from_slice(&(by as u32).to_be_bytes());
    packet
}

pub(super) fn read<T: standfast_wire::codec::Field>(sealed: &Sealed) -> Result<T, String> {
    from_bytes(sealed.body.as_slice()).map_err(|_| "a body that does not decode".into())
}

/// FNV-1a: tells contents apart.
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
