//! This device's own join: what it asked with, and the secrets that answer.

use standfast_crypto::{
    Contact, EpochSecret, PrivateBundle, PublicBundle, ReceiveChain, Secret, checkpoint_public,
};
use standfast_wire::codec::{Text, to_bytes};
use standfast_wire::control::{Hash, JoinRequest, KeyWrap, Kind, Leave, MAX_NAME, Role};
use standfast_wire::relay::SLOT_LOG;

use crate::Refusal;
use crate::chain::Link;
use crate::core::Core;
use crate::session::{Session, ident_of, open_envelope, wire_bundle};

/// Contact bundles kept at once: the one sent and the one before it, in case they cross.
const BUNDLES: usize = 2;

pub(crate) struct Seat {
    pub(crate) join_h: Hash,
    pub(crate) join_nonce: [u8; 16],
    /// The two newest liveness nonces, older first.
    liveness: [[u8; 16]; 2],
    msk: Secret<32>,
    bundles: Vec<PrivateBundle>,
    chain: Option<(([u8; 16], u32), ReceiveChain)>,
}

impl Seat {
    /// Posts a join request and remembers what it was made with.
    pub(crate) fn ask(core: &mut Core, session: &mut Session, seen: Option<Hash>) -> Self {
        let msk = Secret::random(&mut core.rng);
        let bundle = PrivateBundle::generate(&mut core.rng);
        let (join_nonce, liveness) = (core.nonce(), core.nonce());
        let join = JoinRequest {
            ident: ident_of(core.identity()),
            bundle: wire_bundle(bundle.public()),
            msk: checkpoint_public(&msk),
            join_nonce,
            liveness_nonce: liveness,
            name: Text::<MAX_NAME>::new(core.cfg.name.clone()).unwrap_or_default(),
            role: Role::Person,
            own: None,
            vouch: None,
            seen,
            resume_head: None,
        };
        let mac = core.cfg.link.join_mac(&to_bytes(&join));
        let join_h = core.post(session, Kind::Join, SLOT_LOG, &join, Some(mac));
        if let Some(crate::Output::Post(envelope)) = core.out.back() {
            session.log(envelope);
            let own = open_envelope(&session.control, envelope);
            if let Ok(letter) = own {
                let _ = session.accept_join(&core.cfg, &letter, None);
            }
        }
        Self {
            join_h,
            join_nonce,
            liveness: [liveness; 2],
            msk,
            bundles: vec![bundle],
            chain: None,
        }
    }

    pub(crate) fn has_nonce(&self, nonce: &[u8; 16]) -> bool {
        self.liveness.contains(nonce)
    }

    pub(crate) fn newest_nonce(&self) -> [u8; 16] {
        self.liveness[1]
    }

    pub(crate) fn renew_nonce(&mut self, core: &mut Core) -> [u8; 16] {
        self.liveness = [self.liveness[1], core.nonce()];
        self.liveness[1]
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
            let (secret, next) = open_wrap(core, session, link, wrap, chain)?;
            self.chain = Some((contact, next));
            return Ok(secret);
        }
        let at =
            self.bundles.iter().position(|b| b.id() == wrap.bundle_id).ok_or(Refusal::Stale)?;
        let chain = first_contact(core, session, link, wrap, &self.bundles[at], &self.join_nonce)?;
        let (secret, next) = open_wrap(core, session, link, wrap, &chain)?;
        self.bundles.remove(at);
        self.chain = Some((contact, next));
        Ok(secret)
    }

    /// Takes over the chain that a prekey bundle opened.
    pub(crate) fn adopt_chain(&mut self, bundle_id: [u8; 16], term: u32, chain: ReceiveChain) {
        self.chain = Some(((bundle_id, term), chain));
    }

    /// The goodbye: publishes the checkpoint key, so that later checkpoints do not count.
    pub(crate) fn say_goodbye(&self, core: &mut Core, session: &Session) {
        let leave = Leave { join_h: self.join_h, msk_private: *self.msk.expose() };
        core.post(session, Kind::Leave, SLOT_LOG, &leave, None);
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
    let generator = &session.organizer;
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
    session: &Session,
    link: &Link,
    wrap: &KeyWrap,
    chain: &ReceiveChain,
) -> Result<(EpochSecret, ReceiveChain), Refusal> {
    let from = session.organizer.fingerprint();
    let opened = chain.open((wrap.n, &wrap.ct), &wrap.h_e, from, core.me())?;
    opened.secret().check(&link.binding(), &link.announce.key_commit)?;
    Ok(opened.commit())
}
