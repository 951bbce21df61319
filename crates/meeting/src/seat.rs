//! This device's own join: what it asked with, and the secrets that answer.

use standfast_crypto::{
    Contact, EpochSecret, PrivateBundle, PublicBundle, ReceiveChain, Secret, checkpoint_public,
};
use standfast_wire::codec::{Text, to_bytes};
use standfast_wire::control::{
    HandedEnd, Hash, JoinRequest, KeyWrap, Kind, Leave, MAX_NAME, Pairing, Role,
};
use standfast_wire::relay::{Envelope, SLOT_LOG};

use crate::chain::Link;
use crate::config::Part;
use crate::core::Core;
use crate::limits::READ_AGAIN_MS;
use crate::session::{Session, ident_of, open_envelope, wire_bundle};
use crate::{Output, Refusal};

/// Contact bundles kept at once: the one sent and the one before it, in case they cross.
const BUNDLES: usize = 2;

pub(crate) struct Seat {
    pub(crate) join_h: Hash,
    pub(crate) join_nonce: [u8; 16],
    /// The two newest liveness nonces, older first.
    liveness: [[u8; 16]; 2],
    msk: Secret<32>,
    bundles: Vec<PrivateBundle>,
    /// As posted, for a connection that broke on the way.
    last_ack: Option<Envelope>,
    ack_repeated_ms: Option<u64>,
    chain: Option<(([u8; 16], u32), ReceiveChain)>,
}

impl Seat {
    /// Posts a join request and remembers what it was made with.
    pub(crate) fn ask(
        core: &mut Core,
        session: &mut Session,
        seen: Option<Hash>,
        resume_head: Option<Hash>,
    ) -> Self {
        let msk = Secret::random(&mut core.rng);
        let bundle = PrivateBundle::generate(&mut core.rng);
        let (join_nonce, liveness) = (core.nonce(), core.nonce());
        let (own, vouch) = claims(core, &join_nonce);
        let join = JoinRequest {
            ident: ident_of(core.identity()),
            bundle: wire_bundle(&bundle.public()),
            msk: checkpoint_public(&msk),
            join_nonce,
            liveness_nonce: liveness,
            name: Text::<MAX_NAME>::new(core.cfg.name.clone()).unwrap_or_default(),
            role: if own.is_some() { Role::Bot } else { Role::Person },
            own,
            vouch,
            seen,
            resume_head,
        };
        let mac = core.cfg.link.join_mac(&to_bytes(&join));
        let join_h = core.post(session, Kind::Join, SLOT_LOG, &join, Some(mac));
        if let Some(Output::Post(envelope)) = core.out.back() {
            session.log(envelope);
            let own = open_envelope(&session.control, envelope);
            if let Ok(letter) = own
                && let Ok(request) = session.accept_join(&core.cfg, &letter, None)
            {
                core.journal.asked(request, core.now);
            }
        }
        Self {
            join_h,
            join_nonce,
            liveness: [liveness; 2],
            msk,
            bundles: vec![bundle],
            last_ack: None,
            ack_repeated_ms: None,
            chain: None,
        }
    }

    pub(crate) fn has_nonce(&self, nonce: &[u8; 16]) -> bool {
        self.liveness.contains(nonce)
    }

    /// What the next announce should name.
    pub(crate) fn newest_nonce(&self) -> [u8; 16] {
        self.liveness[1]
    }

    /// An announce named `nonce`. The newest is replaced only when it was named itself: announces
    /// that cross our acks go on naming the one before.
    pub(crate) fn named(&mut self, core: &mut Core, nonce: &[u8; 16]) {
        if self.liveness[1] == *nonce {
            self.liveness = [self.liveness[1], core.nonce()];
        }
    }

    /// A fresh contact bundle for the others, if the last one was used.
    pub(crate) fn bundle_if_used(&mut self, core: &mut Core) -> Option<PublicBundle> {
        if self.bundles.is_empty() { Some(self.fresh_bundle(core)) } else { None }
    }

    pub(crate) fn fresh_bundle(&mut self, core: &mut Core) -> PublicBundle {
        let bundle = PrivateBundle::generate(&mut core.rng);
        let public = bundle.public();
        self.bundles.push(bundle);
        if self.bundles.len() > BUNDLES {
            self.bundles.remove(0);
        }
        public
    }

    /// Opens a wrap for `link`. The chain moves, and the bundle is erased, only when the secret
    /// fits the announce's commitment.
    pub(crate) fn unwrap(
        &mut self,
        core: &Core,
        session: &Session,
        link: &Link,
        wrap: &KeyWrap,
    ) -> Result<EpochSecret, Refusal> {
        let contact = (wrap.bundle_id, link.announce.term);
        if let Some((_, chain)) = self.chain.as_ref().filter(|(of, _)| *of == contact) {
            let (secret, next) = open_wrap(core, link, wrap, chain)?;
            self.chain = Some((contact, next));
            return Ok(secret);
        }
        let at =
            self.bundles.iter().position(|b| b.id() == wrap.bundle_id).ok_or(Refusal::Stale)?;
        let chain = first_contact(core, session, link, wrap, &self.bundles[at], &self.join_nonce)?;
        let (secret, next) = open_wrap(core, link, wrap, &chain)?;
        // The others were sent while this one was on its way: the next ack replaces them all.
        self.bundles.clear();
        self.chain = Some((contact, next));
        Ok(secret)
    }

    /// Takes over the chain that a prekey bundle opened.
    pub(crate) fn adopt_chain(&mut self, bundle_id: [u8; 16], term: u32, chain: ReceiveChain) {
        self.chain = Some(((bundle_id, term), chain));
    }

    /// Opens the preimage that deletes the board, handed on by the generator of `link`.
    pub(crate) fn open_end(
        &self,
        core: &Core,
        link: &Link,
        at_h: &Hash,
        end: &HandedEnd,
    ) -> Result<Secret<32>, Refusal> {
        let (_, chain) = self.chain.as_ref().ok_or(Refusal::Stale)?;
        Ok(chain.open_end((end.n, &end.ct), at_h, link.generator(), core.me())?)
    }

    /// The ack that was posted just now.
    pub(crate) fn acked(&mut self, core: &Core) {
        if let Some(Output::Post(envelope)) = core.out.back() {
            self.last_ack = Some(envelope.clone());
        }
    }

    /// Somebody misses this device's last ack, or an older one came: a relay that joined two boards,
    /// or shows an old one, has that in its place, and those who come or read again do not get the
    /// last. Seldom, for a member can ask and everyone with the link can make it seem so.
    pub(crate) fn repeat_ack_seldom(&mut self, core: &mut Core) {
        if self.ack_repeated_ms.is_none_or(|at| core.ms() >= at + READ_AGAIN_MS) {
            self.ack_repeated_ms = Some(core.ms());
            self.repeat_ack(core);
        }
    }

    /// Posts the last ack again: it may have been lost with a connection.
    pub(crate) fn repeat_ack(&self, core: &mut Core) {
        core.out.extend(self.last_ack.clone().map(Output::Post));
    }

    /// The goodbye: publishes the checkpoint key, so that later checkpoints do not count.
    pub(crate) fn say_goodbye(&self, core: &mut Core, session: &Session) {
        let leave = Leave { join_h: self.join_h, msk_private: *self.msk.expose() };
        core.post(session, Kind::Leave, SLOT_LOG, &leave, None);
    }
}

/// What this device says of itself when it asks: a bot's owner, or the device that it replaces.
fn claims(core: &Core, join_nonce: &[u8; 16]) -> (Option<Hash>, Option<Pairing>) {
    match &core.cfg.part {
        Part::Bot { owner } => (Some(owner.0), None),
        Part::NewDevice { old, code } => {
            (None, Some(Pairing { old: old.0, proof: code.proof(core.me(), join_nonce) }))
        }
        Part::Organizer { .. } | Part::Member { .. } => (None, None),
    }
}

/// The asymmetric part of a wrap.
pub(crate) fn first_contact(
    core: &Core,
    session: &Session,
    link: &Link,
    wrap: &KeyWrap,
    bundle: &PrivateBundle,
    join_nonce: &[u8; 16],
) -> Result<ReceiveChain, Refusal> {
    let kem_ct = wrap.kem_ct.as_ref().ok_or(Refusal::Stale)?;
    let contact = Contact {
        meeting_id: &session.scope.meeting_id,
        session_id: &session.scope.session_id,
        link_psk: core.cfg.link.psk(),
        join_nonce,
        term: link.announce.term,
    };
    let generator = session.identity_of(link.generator()).ok_or(Refusal::Missing)?;
    Ok(ReceiveChain::contact(
        core.identity(),
        bundle,
        generator,
        &link.announce.gen_ek,
        kem_ct,
        &contact,
    )?)
}

/// Opens `wrap` and checks the secret against the announce.
pub(crate) fn open_wrap(
    core: &Core,
    link: &Link,
    wrap: &KeyWrap,
    chain: &ReceiveChain,
) -> Result<(EpochSecret, ReceiveChain), Refusal> {
    let opened = chain.open((wrap.n, &wrap.ct), &wrap.h_e, link.generator(), core.me())?;
    opened.secret().check(&link.binding(), &link.announce.key_commit)?;
    Ok(opened.commit())
}
