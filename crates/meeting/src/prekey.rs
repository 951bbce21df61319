//! Making the prekey bundle for the next session (`docs/protocol.md` §3).

use standfast_crypto::{PrivateBundle, Scope};
use standfast_wire::codec::{Blob, to_bytes};
use standfast_wire::control::{Hash, Kind, PrekeyBundle, Sealed};

use crate::Output;
use crate::config::Part;
use crate::core::Core;
use crate::session::{ident_of, seal_envelope, wire_bundle};

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
