//! What every live device holds, generator or not.

use std::collections::BTreeSet;

use standfast_crypto::Fingerprint;
use standfast_wire::control::{Arrived, Hash, KeyAck, Kind, Reason, State};
use standfast_wire::relay::SLOT_ACK;

use crate::chain::{Chain, Link};
use crate::core::Core;
use crate::epoch::{Epoch, Epochs};
use crate::journal::EpochRecord;
use crate::seat::Seat;
use crate::session::{Letter, Session, wire_bundle};
use crate::{Output, Refusal};

/// Acks for epochs that are not installed yet, at most: two full rosters of a large team.
const EARLY_ACKS: usize = 256;

pub(crate) struct Seated {
    pub(crate) session: Session,
    pub(crate) chain: Chain,
    pub(crate) seat: Seat,
    pub(crate) idx: u16,
    pub(crate) epochs: Epochs,
    early_acks: Vec<Letter>,
    met: BTreeSet<Fingerprint>,
}

impl Seated {
    pub(crate) fn new(
        session: Session,
        chain: Chain,
        seat: Seat,
        idx: u16,
        early_acks: Vec<Letter>,
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
        epoch.seat_all(&self.session, core.me())?;
        let gone: Vec<u16> = self.gone_from(&epoch);
        core.out.extend(gone.into_iter().map(|idx| Output::Forget { idx }));
        note_confirmed(core, &epoch);
        self.epochs.push(epoch);
        self.meet(core);
        for letter in std::mem::take(&mut self.early_acks) {
            let _ = self.ack(core, letter);
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
        for fp in epoch.present().map(|e| Fingerprint(e.fp)).filter(|fp| *fp != me) {
            if let (true, Some(name)) = (self.met.insert(fp), self.session.name_of(fp)) {
                core.out.push_back(Output::Met { fp, name: name.to_owned() });
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
        let (Some(epoch), Some(identity)) =
            (self.epochs.by_h(&claimed.h_e), self.session.identity_of(fp))
        else {
            if self.early_acks.len() < EARLY_ACKS {
                self.early_acks.push(letter);
            }
            return Ok(None);
        };
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
        for arrived in named {
            let entry =
                epoch.roster.iter().find(|e| e.idx == arrived.idx && e.state == State::Invited);
            let entry = entry.ok_or(Refusal::Inconsistent)?;
            let request = self.session.request(&arrived.join_h).ok_or(Refusal::Inconsistent)?;
            if request.fp() != Fingerprint(entry.fp) {
                return Err(Refusal::Inconsistent);
            }
            epoch.arrived.entry(arrived.idx).or_insert(arrived.join_h);
        }
        epoch.seat_all(&self.session, core.me())?;
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
    let liveness_nonce = seat.renew_nonce(core);
    let bundle = seat.bundle_if_used(core).map(wire_bundle);
    let ack = KeyAck { h_e: epoch.h, liveness_nonce, bundle };
    core.post(session, Kind::Ack, SLOT_ACK, &ack, Some(mac));
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
