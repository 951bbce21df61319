//! What every live device knows about the others, so that it can look after the key at any moment.

use std::collections::BTreeMap;

use standfast_crypto::{Fingerprint, PublicBundle};
use standfast_wire::control::{Hash, KeyAck};

use crate::Refusal;
use crate::epoch::Epoch;
use crate::limits::{HINTED_SILENT_MS, SILENT_MS};
use crate::session::{Session, public_bundle};

/// One other member.
pub(crate) struct Peer {
    /// The join that it is live with.
    join_h: Hash,
    /// The bundle for the next contact.
    fresh: Option<PublicBundle>,
    /// Its newest liveness nonce.
    pub(crate) nonce: [u8; 16],
    /// The newest epoch that it has confirmed.
    pub(crate) acked: u32,
    /// Last authentic sign of life.
    sign_ms: u64,
    /// When the relay said that its connection ended.
    hinted_ms: Option<u64>,
}

impl Peer {
    fn alive(&mut self, now_ms: u64) {
        (self.sign_ms, self.hinted_ms) = (now_ms, None);
    }

    /// When silence becomes a drop.
    fn silent_at_ms(&self) -> u64 {
        let hinted = self.hinted_ms.map_or(u64::MAX, |at| at + HINTED_SILENT_MS);
        hinted.min(self.sign_ms + SILENT_MS)
    }
}

/// Everyone else, by key.
#[derive(Default)]
pub(crate) struct Peers(BTreeMap<Fingerprint, Peer>);

impl Peers {
    pub(crate) fn get(&self, fp: Fingerprint) -> Option<&Peer> {
        self.0.get(&fp)
    }

    /// Meets `fp` with a join request: its first nonce and bundle. Nothing changes for one that is
    /// met with this join already.
    pub(crate) fn meet(&mut self, session: &Session, join_h: &Hash, now_ms: u64) {
        let Some(request) = session.request(join_h) else { return };
        let fp = request.fp();
        if self.0.get(&fp).is_some_and(|peer| peer.join_h == *join_h) {
            return;
        }
        let peer = Peer {
            join_h: *join_h,
            fresh: Some(request.bundle.clone()),
            nonce: request.liveness_nonce,
            acked: 0,
            sign_ms: now_ms,
            hinted_ms: None,
        };
        self.0.insert(fp, peer);
    }

    /// Whether `fp` is met with this join.
    pub(crate) fn is_met(&self, fp: Fingerprint, join_h: &Hash) -> bool {
        self.0.get(&fp).is_some_and(|peer| peer.join_h == *join_h)
    }

    /// Meets everyone present in `epoch`, and forgets who is not on its roster.
    pub(crate) fn follow(&mut self, session: &Session, epoch: &Epoch, me: Fingerprint, now: u64) {
        self.0.retain(|fp, _| epoch.entry_of(*fp).is_some());
        for entry in epoch.listed().filter(|e| e.fp != me.0) {
            if let Some(join_h) = epoch.join_of(entry) {
                self.meet(session, &join_h, now);
            }
        }
    }

    /// A signed confirmation of epoch `number` brings the next nonce and bundle. Only a newer one
    /// than before: everyone with the link can post an old one again.
    pub(crate) fn acked(
        &mut self,
        fp: Fingerprint,
        number: u32,
        ack: KeyAck,
        now_ms: u64,
    ) -> Result<(), Refusal> {
        let peer = self.0.get_mut(&fp).ok_or(Refusal::NotAllowed)?;
        if number <= peer.acked {
            return Err(Refusal::Stale);
        }
        let bundle = ack.bundle.map(public_bundle).transpose()?;
        (peer.acked, peer.nonce) = (number, ack.liveness_nonce);
        peer.fresh = bundle.or(peer.fresh.take());
        peer.alive(now_ms);
        Ok(())
    }

    /// The bundle for a new contact; it is used once.
    pub(crate) fn take_bundle(&mut self, fp: Fingerprint) -> Option<PublicBundle> {
        self.0.get_mut(&fp).and_then(|peer| peer.fresh.take())
    }

    /// A bundle that came with a request for a key.
    pub(crate) fn renew_bundle(&mut self, fp: Fingerprint, bundle: PublicBundle) {
        if let Some(peer) = self.0.get_mut(&fp) {
            peer.fresh = Some(bundle);
        }
    }

    pub(crate) fn has_bundle(&self, fp: Fingerprint) -> bool {
        self.0.get(&fp).is_some_and(|peer| peer.fresh.is_some())
    }

    pub(crate) fn forget(&mut self, fp: Fingerprint) {
        self.0.remove(&fp);
    }

    pub(crate) fn sign_of_life(&mut self, fp: Fingerprint, now_ms: u64) {
        if let Some(peer) = self.0.get_mut(&fp) {
            peer.alive(now_ms);
        }
    }

    /// The relay's word only hastens what silence decides.
    pub(crate) fn hint_gone(&mut self, fp: Fingerprint, now_ms: u64) {
        if let Some(peer) = self.0.get_mut(&fp) {
            peer.hinted_ms.get_or_insert(now_ms);
        }
    }

    /// Whoever begins to count silence gives everyone the whole time.
    pub(crate) fn all_alive(&mut self, now_ms: u64) {
        self.0.values_mut().for_each(|peer| peer.alive(now_ms));
    }

    pub(crate) fn silent(&self, fp: Fingerprint, now_ms: u64) -> bool {
        self.0.get(&fp).is_some_and(|peer| now_ms >= peer.silent_at_ms())
    }

    /// When the next of `present` becomes silent.
    pub(crate) fn silent_at_ms(&self, present: impl Iterator<Item = Fingerprint>) -> Option<u64> {
        present.filter_map(|fp| self.0.get(&fp)).map(Peer::silent_at_ms).min()
    }
}
