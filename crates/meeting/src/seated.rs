//! What every live device holds, generator or not.

use std::collections::{BTreeMap, BTreeSet};

use standfast_crypto::Fingerprint;
use standfast_wire::control::{Arrived, Hash, KeyAck, Kind, Reason};
use standfast_wire::relay::SLOT_ACK;

use crate::chain::{Chain, Link};
use crate::core::Core;
use crate::epoch::{Epoch, Epochs};
use crate::journal::EpochRecord;
use crate::seat::Seat;
use crate::session::{Letter, Session, wire_bundle};
use crate::{Output, Refusal};

/// Acks for the head while it is not installed here: one of each member on its roster.
#[derive(Default)]
pub(crate) struct EarlyAcks {
    of: Hash,
    acks: BTreeMap<Fingerprint, Letter>,
}

impl EarlyAcks {
    /// Keeps an ack that its author signed. Its MAC is checked when the epoch is there.
    pub(crate) fn keep(
        &mut self,
        session: &Session,
        chain: &Chain,
        letter: Letter,
    ) -> Result<(), Refusal> {
        let identity = session.identity_of(letter.from).ok_or(Refusal::NotAllowed)?;
        let ack = letter.authentic::<KeyAck>(identity, &session.scope)?;
        let head = chain.head().filter(|head| head.h == ack.message.h_e).ok_or(Refusal::Stale)?;
        head.entry_of(ack.from).ok_or(Refusal::NotAllowed)?;
        if self.of != head.h {
            *self = Self { of: head.h, acks: BTreeMap::new() };
        }
        self.acks.insert(ack.from, letter);
        Ok(())
    }
}

pub(crate) struct Seated {
    pub(crate) session: Session,
    pub(crate) chain: Chain,
    pub(crate) seat: Seat,
    pub(crate) idx: u16,
    pub(crate) epochs: Epochs,
    early_acks: EarlyAcks,
    met: BTreeSet<Fingerprint>,
}

impl Seated {
    pub(crate) fn new(
        session: Session,
        chain: Chain,
        seat: Seat,
        idx: u16,
        early_acks: EarlyAcks,
    ) -> Self {
        Self {
            session,
            chain,
            seat,
            idx,
            epochs: Epochs::default(),
            early_acks,
            met: BTreeSet::new(),
        }
    }

    /// Puts a confirmed epoch in place: journal, keys of everyone present, acks that came early.
    pub(crate) fn install(&mut self, core: &mut Core, mut epoch: Epoch) -> Result<(), Refusal> {
        let Some(link) = self.chain.head() else { return Err(Refusal::Inconsistent) };
        let who = who(&self.session, link);
        core.journal.made(EpochRecord::new(link, who, core.me()), core.now);
        epoch.seat_all(&self.session, core.me(), &self.seat.join_h)?;
        let gone: Vec<u16> = self.gone_from(&epoch);
        core.out.extend(gone.into_iter().map(|idx| Output::Forget { idx }));
        note_confirmed(core, &epoch);
        self.epochs.push(epoch);
        self.meet(core);
        for letter in std::mem::take(&mut self.early_acks).acks.into_values() {
            if let Err(refusal) = self.ack(core, letter) {
                core.refused(refusal);
            }
        }
        self.turn(core);
        core.changed();
        Ok(())
    }

    fn gone_from(&self, next: &Epoch) -> Vec<u16> {
        let Some(now) = self.epochs.newest() else { return Vec::new() };
        now.roster
            .iter()
            .map(|e| e.idx)
            .filter(|idx| !next.roster.iter().any(|e| e.idx == *idx))
            .collect()
    }

    /// Reports keys that are met for the first time.
    fn meet(&mut self, core: &mut Core) {
        let Some(epoch) = self.epochs.newest() else { return };
        let me = core.me();
        for entry in epoch.present().filter(|e| e.fp != me.0) {
            let (fp, join_h) = (Fingerprint(entry.fp), epoch.join_of(entry));
            let request = join_h.and_then(|h| self.session.request(&h));
            if let (true, Some(request)) = (self.met.insert(fp), request) {
                core.out.push_back(Output::Met { fp, name: request.name.clone() });
            }
        }
    }

    /// A member confirms an epoch. An ack for one that is not installed here yet waits.
    pub(crate) fn ack(
        &mut self,
        core: &mut Core,
        letter: Letter,
    ) -> Result<Option<(Fingerprint, KeyAck)>, Refusal> {
        let claimed: KeyAck = standfast_wire::codec::from_bytes(&letter.body)?;
        let fp = letter.from;
        let Some(epoch) = self.epochs.by_h(&claimed.h_e) else {
            self.early_acks.keep(&self.session, &self.chain, letter)?;
            return Ok(None);
        };
        let identity = self.session.identity_of(fp).ok_or(Refusal::NotAllowed)?;
        let idx = epoch.entry_of(fp).ok_or(Refusal::NotAllowed)?.idx;
        let ack = letter.authentic::<KeyAck>(identity, &self.session.scope)?.message;
        epoch.keys().check_ack(fp, &ack.h_e, &letter.mac.ok_or(Refusal::NotAuthentic)?)?;
        epoch.acked.insert(idx);
        note_confirmed(core, epoch);
        self.turn(core);
        core.changed();
        Ok(Some((fp, ack)))
    }

    /// Members that have arrived in the first epoch; the first naming of an idx counts.
    pub(crate) fn arrive(
        &mut self,
        core: &mut Core,
        h_e: &Hash,
        named: &[Arrived],
    ) -> Result<(), Refusal> {
        let epoch = self.epochs.by_h(h_e).ok_or(Refusal::Stale)?;
        epoch.arrive(&self.session, named)?;
        epoch.seat_all(&self.session, core.me(), &self.seat.join_h)?;
        note_confirmed(core, epoch);
        self.meet(core);
        core.changed();
        Ok(())
    }

    /// Brings a due epoch into use, erases what is over.
    pub(crate) fn turn(&mut self, core: &mut Core) {
        let turned = self.epochs.tick(core.ms());
        if let Some(epoch) = turned.activated {
            core.journal.in_use(epoch, core.now);
            core.changed();
        }
        for epoch in turned.erased {
            core.journal.erased(epoch, core.now);
            core.changed();
        }
    }

    /// The fingerprint behind an idx on any roster that is still of interest.
    pub(crate) fn fp_of(&self, idx: u16) -> Option<Fingerprint> {
        let newest = self.epochs.newest()?.roster.iter();
        let active = self.epochs.active().map(|e| e.roster.as_slice()).unwrap_or_default().iter();
        newest.chain(active).find(|e| e.idx == idx).map(|e| Fingerprint(e.fp))
    }
}

/// Confirms `epoch` toward everyone, and to oneself.
pub(crate) fn acknowledge(
    core: &mut Core,
    session: &Session,
    seat: &mut Seat,
    epoch: &mut Epoch,
    idx: u16,
) {
    let mac = epoch.keys().ack_mac(core.me(), &epoch.h);
    if let Some(entry) = epoch.entry_of(core.me()) {
        seat.named(core, &entry.nonce);
    }
    let bundle = seat.bundle_if_used(core).as_ref().map(wire_bundle);
    let ack = KeyAck { h_e: epoch.h, liveness_nonce: seat.newest_nonce(), bundle };
    core.post(session, Kind::Ack, SLOT_ACK, &ack, Some(mac));
    seat.acked(core);
    epoch.acked.insert(idx);
}

fn note_confirmed(core: &mut Core, epoch: &Epoch) {
    let (now, members) = (core.now, epoch.present().count());
    core.journal.confirmed(epoch.number, epoch.confirmed(), members, now);
}

/// Names of those who came or went with `link`.
fn who(session: &Session, link: &Link) -> Vec<String> {
    let fps = match link.announce.reason {
        Reason::Leave | Reason::Drop | Reason::Removal => &link.left,
        _ => &link.joined,
    };
    fps.iter().map(|fp| session.name_of(*fp).unwrap_or_default().to_owned()).collect()
}
