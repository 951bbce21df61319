//! The chains of wraps to every member, and answers to those who lack one.

use std::collections::BTreeMap;

use standfast_crypto::{
    Contact, EpochSecret, Fingerprint, GeneratorKey, PublicBundle, Secret, SendChain, Wrapped,
};
use standfast_wire::codec::{Blob, to_bytes};
use standfast_wire::control::{Entry, Hash, KeyWrap, Kind, Sealed, State};
use standfast_wire::relay::SLOT_LOG;

use crate::core::Core;
use crate::peers::Peers;
use crate::session::{Session, seal_envelope};
use crate::state::connecting::Invitee;
use crate::{Output, Refusal};

/// The generator's ends of the chains, under its key of this contact.
pub(super) struct Wraps {
    key: GeneratorKey,
    pub(super) term: u32,
    chains: BTreeMap<Fingerprint, SendChain>,
    pub(super) invited: BTreeMap<Fingerprint, Invitee>,
}

impl Wraps {
    pub(super) fn new(core: &mut Core, term: u32, invitees: Vec<Invitee>) -> Self {
        Self {
            key: GeneratorKey::generate(&mut core.rng),
            term,
            chains: BTreeMap::new(),
            invited: invitees.into_iter().map(|i| (i.identity.fingerprint(), i)).collect(),
        }
    }

    pub(super) fn gen_ek(&self) -> [u8; 32] {
        self.key.public()
    }

    /// A new term: every contact is made anew.
    pub(super) fn begin_term(&mut self, core: &mut Core, term: u32) {
        self.key = GeneratorKey::generate(&mut core.rng);
        self.term = term;
        self.chains.clear();
    }

    /// Every 5 minutes the asymmetric part runs again with fresh keys on both sides, which heals
    /// after a compromise.
    pub(super) fn renew(&mut self, core: &mut Core, peers: &Peers) {
        self.key = GeneratorKey::generate(&mut core.rng);
        self.chains.retain(|fp, _| !peers.has_bundle(*fp));
    }

    pub(super) fn acked(&mut self, fp: Fingerprint) {
        if let Some(chain) = self.chains.get_mut(&fp) {
            chain.acked();
        }
    }

    pub(super) fn forget(&mut self, fp: Fingerprint) {
        self.chains.remove(&fp);
    }

    /// The bundle that the chain to `fp` was made for.
    pub(super) fn bundle_of(&self, fp: Fingerprint) -> Option<[u8; 16]> {
        self.chains.get(&fp).map(SendChain::bundle_id)
    }

    /// Makes a new contact where there is no chain.
    pub(super) fn ensure_chain(
        &mut self,
        core: &mut Core,
        session: &Session,
        peers: &mut Peers,
        entry: &Entry,
    ) -> Result<(), Refusal> {
        let fp = Fingerprint(entry.fp);
        if self.chains.contains_key(&fp) {
            return Ok(());
        }
        let request = session.request(&entry.join_h);
        let (identity, bundle, nonce): (_, PublicBundle, _) =
            match (entry.state, self.invited.get(&fp), request) {
                (State::Invited, Some(i), _) => {
                    (&i.identity, i.bundle.clone(), i.bundle.bundle_id())
                }
                (State::In, _, Some(r)) => {
                    let bundle = peers.take_bundle(fp).ok_or(Refusal::Stale)?;
                    (&r.identity, bundle, r.join_nonce)
                }
                _ => return Err(Refusal::Inconsistent),
            };
        let contact = Contact {
            meeting_id: &session.scope.meeting_id,
            session_id: &session.scope.session_id,
            link_psk: core.cfg.link.psk(),
            join_nonce: &nonce,
            term: self.term,
        };
        let me = std::sync::Arc::clone(&core.cfg.identity);
        let chain = SendChain::contact(&me, &self.key, identity, &bundle, &contact, &mut core.rng)?;
        self.chains.insert(fp, chain);
        Ok(())
    }

    /// Seals the preimage that deletes the board in the next step of the chain to `to`.
    pub(super) fn wrap_end(
        &mut self,
        me: Fingerprint,
        to: Fingerprint,
        at_h: &Hash,
        preimage: &Secret<32>,
    ) -> Option<Wrapped> {
        Some(self.chains.get_mut(&to)?.wrap_end(at_h, me, to, preimage))
    }

    /// Wraps `secret` for one recipient, to whom there is a chain.
    pub(super) fn wrap_for(
        &mut self,
        core: &mut Core,
        session: &Session,
        to: Fingerprint,
        h_e: &Hash,
        secret: &EpochSecret,
    ) -> Result<(), Refusal> {
        let me = core.me();
        let chain = self.chains.get_mut(&to).ok_or(Refusal::Inconsistent)?;
        let bundle_id = chain.bundle_id();
        let wrapped = chain.wrap(h_e, me, to, secret);
        let wrap = KeyWrap {
            h_e: *h_e,
            to: to.0,
            bundle_id,
            n: wrapped.n,
            kem_ct: wrapped.kem_ct,
            ct: wrapped.ct,
        };
        let sealed = Sealed {
            kind: Kind::Wrap,
            from: me.0,
            body: Blob::new(to_bytes(&wrap))?,
            sig: None,
            mac: None,
        };
        let envelope =
            seal_envelope(&session.control, session.id(), SLOT_LOG, &sealed, &mut core.rng);
        core.out.push_back(Output::Post(envelope.ok_or(Refusal::Malformed)?));
        Ok(())
    }
}
