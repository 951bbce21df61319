//! Prekey bundles (`docs/protocol.md` §3): making the one for the next session, and telling an old
//! one of somebody else from the newest.

use std::collections::BTreeMap;

use standfast_crypto::{Fingerprint, PrivateBundle, Scope};
use standfast_wire::codec::{Blob, to_bytes};
use standfast_wire::control::{Hash, Kind, PrekeyBundle, Sealed};

use crate::config::Part;
use crate::core::Core;
use crate::session::{ident_of, seal_envelope, wire_bundle};
use crate::{Output, Refusal};

/// The highest `seq` that was seen of each member's bundles.
#[derive(Default)]
pub(crate) struct BundlesSeen {
    highest: BTreeMap<Fingerprint, u64>,
    /// Raised since they were last asked for.
    raised: BTreeMap<Fingerprint, u64>,
}

impl BundlesSeen {
    /// What an earlier process of this profile saw.
    pub(crate) fn know(&mut self, fp: Fingerprint, seq: u64) {
        let highest = self.highest.entry(fp).or_default();
        *highest = seq.max(*highest);
    }

    /// A bundle that `fp` signed. One that is older than another of theirs is refused: its owner has
    /// erased the private half, and gets the key on joining.
    pub(crate) fn note(&mut self, fp: Fingerprint, seq: u64) -> Result<(), Refusal> {
        let highest = self.highest.get(&fp).copied();
        if highest.is_some_and(|highest| seq < highest) {
            return Err(Refusal::Stale);
        }
        if highest != Some(seq) {
            self.highest.insert(fp, seq);
            self.raised.insert(fp, seq);
        }
        Ok(())
    }

    pub(crate) fn take_raised(&mut self) -> BTreeMap<Fingerprint, u64> {
        std::mem::take(&mut self.raised)
    }
}

/// Draws a bundle and asks to have it stored and uploaded, in this order: a bundle at the relay
/// whose private half was lost would cost its owner the first seconds of the next meeting.
///
/// Once in a session: what we hold from before was opened, or its first epoch was missed.
pub(crate) fn renew(core: &mut Core, session: Hash) {
    if core.renewed_for.replace(session) == Some(session) {
        return;
    }
    let Part::Member { prekeys } = &mut core.cfg.part else { return };
    prekeys.clear();
    let private = PrivateBundle::generate(&mut core.rng);
    let prekey = PrekeyBundle {
        ident: ident_of(core.identity()),
        seq: core.now.wall_ms,
        bundle: wire_bundle(&private.public()),
    };
    let scope = Scope { meeting_id: core.cfg.meeting_id, session_id: [0; 32] };
    let body = to_bytes(&prekey);
    let sig = core.identity().sign(&scope, Kind::Bundle.label(), &body);
    let Ok(body) = Blob::new(body) else { return };
    let sealed = Sealed { kind: Kind::Bundle, from: core.me().0, body, sig: Some(sig), mac: None };
    let control = core.cfg.link.control(&[0; 32]);
    let Some(envelope) = seal_envelope(&control, [0; 32], 0, &sealed, &mut core.rng) else {
        return;
    };
    core.out.push_back(Output::StorePrekey {
        bundle_id: private.id(),
        private: private.to_secret(),
        slot: core.cfg.link.bundle_slot(core.me()),
        blob: to_bytes(&envelope),
    });
}
